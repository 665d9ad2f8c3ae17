/* binary.c - what is made of two tensors element by element; their shapes are any that numpy's rule
 * makes one of: aligned at their last axes, a dimension of 1 is repeated. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

/* What inputs of a kind have to be, and whether those of a type are. */
static const char *wanted(ax_binary_kind kind)
{
    return kind >= AX_BINARY_AND          ? "bool"
           : kind == AX_BINARY_EQUAL      ? "of one type"
           : kind > AX_BINARY_SHIFT_RIGHT ? "of one type of numbers"
           : kind >= AX_BINARY_SHIFT_LEFT ? "of one type of whole numbers without a sign"
           : kind >= AX_BINARY_BIT_AND    ? "of one type of whole numbers"
                                          : "of one type of numbers";
}

static int takes(ax_binary_kind kind, ax_dtype t)
{
    if (kind >= AX_BINARY_AND || t == AX_BOOL)
        return t == AX_BOOL && (kind >= AX_BINARY_AND || kind == AX_BINARY_EQUAL);
    if (kind < AX_BINARY_BIT_AND || kind > AX_BINARY_SHIFT_RIGHT)
        return 1;
    return kind >= AX_BINARY_SHIFT_LEFT ? !ax_is_signed(t) : !ax_is_float(t);
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    ax_binary_kind kind = ((const ax_binary_attr *)attr)->kind;
    ax_dtype t = in[0].dtype;
    if (in[1].dtype != t || !takes(kind, t))
        return ax_fail(err, AX_ETYPE, "inputs of %s and %s; both have to be %s", ax_dtype_name(t),
                       ax_dtype_name(in[1].dtype), wanted(kind));
    out[0].dtype = kind >= AX_BINARY_EQUAL ? AX_BOOL : t;
    return ax_shape_broadcast(&in[0].shape, &in[1].shape, &out[0].shape, err);
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

/* a[i * p], b[i * q]: p and q are 0 where one number stands for all, else 1 */
typedef void row_fn(ax_binary_kind kind, const void *a, int64_t p, const void *b, int64_t q,
                    void *y, int64_t n);

#define EACH(R, expression)                                                                        \
    for (int64_t i = 0; i < n; i++) {                                                              \
        T u = a[i * p], v = b[i * q];                                                              \
        ((R *)y)[i] = (R)(expression);                                                             \
    }                                                                                              \
    return

/* U: what T wraps around in; the others are how whole numbers and fractions differ */
#define ROWS(name, type, U, DIVIDE, POWER, MODULO, REMAINDER, IS_NAN)                              \
    static void name(ax_binary_kind kind, const void *x, int64_t p, const void *z, int64_t q,      \
                     void *y, int64_t n)                                                           \
    {                                                                                              \
        typedef type T;                                                                            \
        const T *a = x, *b = z;                                                                    \
        switch (kind) {                                                                            \
        case AX_BINARY_ADD:                                                                        \
            EACH(T, (U)u + (U)v);                                                                  \
        case AX_BINARY_SUB:                                                                        \
            EACH(T, (U)u - (U)v);                                                                  \
        case AX_BINARY_MUL:                                                                        \
            EACH(T, (U)u *(U)v);                                                                   \
        case AX_BINARY_DIV:                                                                        \
            EACH(T, DIVIDE(u, v));                                                                 \
        case AX_BINARY_MIN:                                                                        \
            EACH(T, u < v || IS_NAN(u) ? u : v);                                                   \
        case AX_BINARY_MAX:                                                                        \
            EACH(T, u > v || IS_NAN(u) ? u : v);                                                   \
        case AX_BINARY_POW:                                                                        \
            EACH(T, POWER(u, v));                                                                  \
        case AX_BINARY_MOD:                                                                        \
            EACH(T, MODULO(u, v));                                                                 \
        case AX_BINARY_FMOD:                                                                       \
            EACH(T, REMAINDER(u, v));                                                              \
        case AX_BINARY_EQUAL:                                                                      \
            EACH(uint8_t, u == v);                                                                 \
        case AX_BINARY_LESS:                                                                       \
            EACH(uint8_t, u < v);                                                                  \
        case AX_BINARY_LESS_EQUAL:                                                                 \
            EACH(uint8_t, u <= v);                                                                 \
        default:                                                                                   \
            return; /* logic has its own */                                                        \
        }                                                                                          \
    }

#define QUOTIENT(u, v)   ((u) / (v))
#define NAN_OF(u)        ((u) != (u))
#define FLOAT_MOD(u, v)  ((void)(v), (u)*0 + (T)NAN)
#define FLOAT_FMOD(u, v) fmod((double)(u), (double)(v))
#define FLOAT_POW(u, v)  pow((double)(u), (double)(v))

#define U64_QUOTIENT(u, v)  ((v) == 0 ? 0 : (u) / (v))
#define U64_REMAINDER(u, v) ((v) == 0 ? 0 : (u) % (v))
#define U64_POW(u, v)       wrapped_pow((u), (v))

#define WHOLE_NAN(u)          0
#define WHOLE_QUOTIENT(u, v)  whole_quotient((int64_t)(u), (int64_t)(v))
#define WHOLE_MOD(u, v)       whole_mod((int64_t)(u), (int64_t)(v))
#define WHOLE_REMAINDER(u, v) whole_remainder((int64_t)(u), (int64_t)(v))
#define WHOLE_POW(u, v)       whole_pow((int64_t)(u), (int64_t)(v))

/* the smallest number by -1 would trap, too */
static int64_t whole_quotient(int64_t u, int64_t v)
{
    return v == 0 ? 0 : v == -1 ? (int64_t)(0 - (uint64_t)u) : u / v;
}

static int64_t whole_remainder(int64_t u, int64_t v)
{
    return v == 0 || v == -1 ? 0 : u % v;
}

static int64_t whole_mod(int64_t u, int64_t v)
{
    int64_t r = whole_remainder(u, v);
    return r && (r < 0) != (v < 0) ? r + v : r;
}

/* by squaring, in the low 64 bits */
static uint64_t wrapped_pow(uint64_t base, uint64_t v)
{
    uint64_t y = 1;
    for (; v; v >>= 1, base *= base)
        if (v & 1)
            y *= base;
    return y;
}

/* a negative power of anything but 1 and -1 is 0 */
static int64_t whole_pow(int64_t u, int64_t v)
{
    if (v < 0)
        return u == 1 ? 1 : u == -1 ? (v % 2 ? -1 : 1) : 0;
    return (int64_t)wrapped_pow((uint64_t)u, (uint64_t)v);
}

ROWS(rows_f32, float, float, QUOTIENT, FLOAT_POW, FLOAT_MOD, FLOAT_FMOD, NAN_OF)
ROWS(rows_f64, double, double, QUOTIENT, FLOAT_POW, FLOAT_MOD, FLOAT_FMOD, NAN_OF)

/* What only whole numbers have, and the others after it. Bits shifted out are gone. */
#define BITS(name, type, U, others)                                                                \
    static void name(ax_binary_kind kind, const void *x, int64_t p, const void *z, int64_t q,      \
                     void *y, int64_t n)                                                           \
    {                                                                                              \
        typedef type T;                                                                            \
        const T *a = x, *b = z;                                                                    \
        const U bits = 8 * sizeof(T);                                                              \
        switch (kind) {                                                                            \
        case AX_BINARY_BIT_AND:                                                                    \
            EACH(T, u &v);                                                                         \
        case AX_BINARY_BIT_OR:                                                                     \
            EACH(T, u | v);                                                                        \
        case AX_BINARY_BIT_XOR:                                                                    \
            EACH(T, u ^ v);                                                                        \
        case AX_BINARY_SHIFT_LEFT:                                                                 \
            EACH(T, (U)v >= bits ? 0 : (U)u << (U)v);                                              \
        case AX_BINARY_SHIFT_RIGHT:                                                                \
            EACH(T, (U)v >= bits ? 0 : (U)u >> (U)v);                                              \
        default:                                                                                   \
            others(kind, x, p, z, q, y, n);                                                        \
        }                                                                                          \
    }

#define WHOLE_ROWS(name, type, U)                                                                  \
    ROWS(name##_numbers, type, U, WHOLE_QUOTIENT, WHOLE_POW, WHOLE_MOD, WHOLE_REMAINDER,           \
         WHOLE_NAN)                                                                                \
    BITS(name, type, U, name##_numbers)
WHOLE_ROWS(rows_i8, int8_t, unsigned)
WHOLE_ROWS(rows_i16, int16_t, unsigned)
WHOLE_ROWS(rows_i32, int32_t, uint32_t)
WHOLE_ROWS(rows_i64, int64_t, uint64_t)
WHOLE_ROWS(rows_u8, uint8_t, unsigned)
WHOLE_ROWS(rows_u16, uint16_t, unsigned)
WHOLE_ROWS(rows_u32, uint32_t, uint32_t)
ROWS(rows_u64_numbers, uint64_t, uint64_t, U64_QUOTIENT, U64_POW, U64_REMAINDER, U64_REMAINDER,
     WHOLE_NAN)
BITS(rows_u64, uint64_t, uint64_t, rows_u64_numbers)

static void rows_bool(ax_binary_kind kind, const void *x, int64_t p, const void *z, int64_t q,
                      void *y, int64_t n)
{
    const uint8_t *a = x, *b = z;
    uint8_t *out = y;
    for (int64_t i = 0; i < n; i++) {
        uint8_t u = a[i * p], v = b[i * q];
        out[i] = kind == AX_BINARY_AND   ? u & v
                 : kind == AX_BINARY_OR  ? u | v
                 : kind == AX_BINARY_XOR ? u ^ v
                                         : u == v;
    }
}

static row_fn *const rows[AX_DTYPES] = {
    [AX_F32] = rows_f32, [AX_F64] = rows_f64, [AX_I8] = rows_i8,     [AX_I16] = rows_i16,
    [AX_I32] = rows_i32, [AX_I64] = rows_i64, [AX_U8] = rows_u8,     [AX_U16] = rows_u16,
    [AX_U32] = rows_u32, [AX_U64] = rows_u64, [AX_BOOL] = rows_bool,
};

void ax_binary_row(ax_dtype t, ax_binary_kind kind, const void *a, const void *b, void *y,
                   int64_t n)
{
    rows[t](kind, a, 1, b, 1, y, n);
}

/* ---- the walk
 * ------------------------------------------------------------------------------------- */

/* y's last axes that both go through in one stretch, or one repeats as a whole, are a row. From row
 * to row a and b go by strides. */
typedef struct walk {
    ax_binary_kind kind;
    row_fn *fn;
    const char *a, *b;
    char *y;
    size_t size, out_size;
    int rank; /* of the axes before the row */
    int64_t dim[AX_MAX_RANK], stride_a[AX_MAX_RANK], stride_b[AX_MAX_RANK];
    int64_t row, step_a, step_b;
} walk;

static void run_rows(void *ctx, int64_t from, int64_t to)
{
    const walk *w = ctx;
    for (int64_t r = from; r < to; r++) {
        int64_t rest = r, at_a = 0, at_b = 0;
        for (int i = w->rank - 1; i >= 0; i--) {
            at_a += rest % w->dim[i] * w->stride_a[i];
            at_b += rest % w->dim[i] * w->stride_b[i];
            rest /= w->dim[i];
        }
        w->fn(w->kind, w->a + (size_t)at_a * w->size, w->step_a, w->b + (size_t)at_b * w->size,
              w->step_b, w->y + (size_t)(r * w->row) * w->out_size, w->row);
    }
}

/* Strides of x in y's axes: 0 where it is repeated. */
static void strides(const ax_shape *x, const ax_shape *y, int64_t *out)
{
    int64_t s = 1;
    for (int i = y->rank - 1, k = x->rank - 1; i >= 0; i--, k--) {
        out[i] = k >= 0 && x->dim[k] != 1 ? s : 0;
        s *= k >= 0 ? x->dim[k] : 1;
    }
}

static void run(const ax_call *c)
{
    const ax_shape *y = &c->out[0].shape;
    int64_t a[AX_MAX_RANK], b[AX_MAX_RANK], count = ax_shape_count(y);
    walk w = {.kind = ((const ax_binary_attr *)c->attr)->kind,
              .fn = rows[c->in[0].dtype],
              .a = c->x[0],
              .b = c->x[1],
              .y = c->y[0],
              .size = ax_dtype_size(c->in[0].dtype),
              .out_size = ax_dtype_size(c->out[0].dtype),
              .row = 1};
    int last = y->rank - 1;
    if (count == 0)
        return;
    strides(&c->in[0].shape, y, a);
    strides(&c->in[1].shape, y, b);
    if (last >= 0) {
        w.row = y->dim[last];
        w.step_a = a[last];
        w.step_b = b[last];
        while (last > 0 && a[last - 1] == w.step_a * w.row && b[last - 1] == w.step_b * w.row)
            w.row *= y->dim[--last];
    }
    w.rank = last > 0 ? last : 0;
    memcpy(w.dim, y->dim, (size_t)w.rank * sizeof *w.dim);
    memcpy(w.stride_a, a, (size_t)w.rank * sizeof *a);
    memcpy(w.stride_b, b, (size_t)w.rank * sizeof *b);
    ax_range(c->pool, count / w.row, 1 + 16384 / w.row, run_rows, &w);
}

/* ---- gradients
 * ---------------------------------------------------------------------------------------- */

/* A node on the way to a gradient; once one could not be made, none is. */
typedef struct maker {
    ax_graph *g;
    const char *name;
    ax_dtype type;
    ax_err *err;
} maker;

static ax_val number(const maker *m, double v)
{
    float f = (float)v;
    return ax_graph_const(m->g, m->type, &(ax_shape){0},
                          m->type == AX_F32 ? (void *)&f : (void *)&v, m->err);
}

static ax_val pair(const maker *m, ax_binary_kind kind, ax_val a, ax_val b)
{
    if (a < 0 || b < 0)
        return AX_NONE;
    return ax_graph_node(m->g, &ax_op_binary, m->name, &(ax_binary_attr){kind}, (ax_val[]){a, b}, 2,
                         m->err);
}

static ax_val unary(const maker *m, const char *what, ax_val a)
{
    ax_unary_attr attr = {ax_unary_find(what)};
    return a < 0 ? a : ax_graph_node(m->g, &ax_op_unary, m->name, &attr, &a, 1, m->err);
}

static ax_val as_number(const maker *m, ax_val yes)
{
    ax_cast_attr a = {.to = m->type};
    return yes < 0 ? yes : ax_graph_node(m->g, &ax_op_cast, m->name, &a, &yes, 1, m->err);
}

/* v, or 0 where a is 0: of a product whose other factor may be infinite */
static ax_val unless_zero(const maker *m, ax_val a, ax_val v)
{
    ax_val is_zero = pair(m, AX_BINARY_EQUAL, a, number(m, 0)), zero = number(m, 0), c[3];
    if (is_zero < 0 || v < 0 || zero < 0)
        return AX_NONE;
    c[0] =
        ax_graph_node(m->g, &ax_op_expand_like, m->name, NULL, (ax_val[]){is_zero, v}, 2, m->err);
    c[1] = ax_graph_node(m->g, &ax_op_expand_like, m->name, NULL, (ax_val[]){zero, v}, 2, m->err);
    c[2] = v;
    return c[0] < 0 || c[1] < 0 ? AX_NONE
                                : ax_graph_node(m->g, &ax_op_where, m->name, NULL, c, 3, m->err);
}

/* How much of the smaller (or larger) of a and b is a: 1, 0, and half of it where they are equal.
 */
static ax_val share(const maker *m, ax_binary_kind kind, ax_val a, ax_val b)
{
    int min = kind == AX_BINARY_MIN;
    ax_val in[2] = {min ? a : b, min ? b : a};
    ax_val sure = as_number(m, pair(m, AX_BINARY_LESS, in[0], in[1])),
           maybe = as_number(m, pair(m, AX_BINARY_LESS_EQUAL, in[0], in[1]));
    return pair(m, AX_BINARY_MUL, pair(m, AX_BINARY_ADD, sure, maybe), number(m, 0.5));
}

/* The gradient of the first (second: 0) input before it is summed to its shape; y is the result. */
static ax_val part(const maker *m, ax_binary_kind kind, int second, ax_val a, ax_val b, ax_val y,
                   ax_val dy)
{
    switch (kind) {
    case AX_BINARY_ADD:
        return dy;
    case AX_BINARY_SUB:
        return second ? unary(m, "Neg", dy) : dy;
    case AX_BINARY_MUL:
        return pair(m, AX_BINARY_MUL, dy, second ? a : b);
    case AX_BINARY_DIV:
        return second ? unary(m, "Neg", pair(m, AX_BINARY_DIV, pair(m, AX_BINARY_MUL, dy, y), b))
                      : pair(m, AX_BINARY_DIV, dy, b);
    case AX_BINARY_MIN:
    case AX_BINARY_MAX:
        return pair(m, AX_BINARY_MUL, dy, second ? share(m, kind, b, a) : share(m, kind, a, b));
    case AX_BINARY_POW:
        if (second)
            return pair(m, AX_BINARY_MUL, dy,
                        unless_zero(m, a, pair(m, AX_BINARY_MUL, y, unary(m, "Log", a))));
        y = pair(m, AX_BINARY_POW, a, pair(m, AX_BINARY_SUB, b, number(m, 1)));
        return pair(m, AX_BINARY_MUL, dy, unless_zero(m, b, pair(m, AX_BINARY_MUL, b, y)));
    case AX_BINARY_FMOD: /* a less how often b goes into it */
        y = unary(m, "Round", pair(m, AX_BINARY_DIV, pair(m, AX_BINARY_SUB, a, y), b));
        return second ? unary(m, "Neg", pair(m, AX_BINARY_MUL, dy, y)) : dy;
    default:
        ax_fail(m->err, AX_EUNSUPPORTED, "binary '%s' has no gradient", m->name);
        return AX_NONE;
    }
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    maker m = {g, n->name, g->val[n->in[0]].desc.dtype, err};
    ax_binary_kind kind = ((const ax_binary_attr *)n->attr)->kind;
    for (int i = 0; i < 2 && kind < AX_BINARY_BIT_AND && ax_is_float(m.type); i++) {
        if (!ax_needs_grad(g, n->in[i]))
            continue;
        ax_val d = part(&m, kind, i, n->in[0], n->in[1], n->out, dout[0]);
        if (d >= 0)
            d = ax_graph_node(g, &ax_op_sum_like, n->name, NULL, (ax_val[]){d, n->in[i]}, 2, err);
        if (d < 0)
            return -1;
        din[i] = d;
    }
    return 0;
}

const ax_op ax_op_binary = {
    .name = "binary",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_binary_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
};
