/* binary.c - arithmetic of two tensors of any shapes that numpy's rule makes one of: aligned at
 * their last axes, a dimension of 1 is repeated. */
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "ops/ops.h"

static int broadcast(const ax_shape *a, const ax_shape *b, ax_shape *out, ax_err *err)
{
    char s[160], t[160];
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= out->rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1,
                q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1)
            return ax_fail(err, AX_ESHAPE, "the shapes %s and %s cannot be broadcast to each other",
                           ax_shape_str(a, s, sizeof s), ax_shape_str(b, t, sizeof t));
        out->dim[out->rank - i] = p == 1 ? q : p;
    }
    return 0;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    ax_dtype t = in[0].dtype;
    if (in[1].dtype != t || t == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "inputs of %s and %s; both have to be of one type of numbers",
                       ax_dtype_name(t), ax_dtype_name(in[1].dtype));
    out[0].dtype = t;
    return broadcast(&in[0].shape, &in[1].shape, &out[0].shape, err);
}

/* y's last axis is a row. Within it a and b go on by step 0 or 1; from row to row by strides. */
typedef struct plan {
    ax_binary_kind kind;
    ax_dtype dtype;
    const char *a, *b;
    char *y;
    size_t size;
    int rank; /* of the axes before the row */
    int64_t dim[AX_MAX_RANK], stride_a[AX_MAX_RANK], stride_b[AX_MAX_RANK];
    int64_t row, step_a, step_b;
} plan;

/* The element-wise loops; whole numbers wrap, as two's complement does. */
#define ROWS(name, T, U, DIVIDE)                                                                   \
    static void name(ax_binary_kind kind, const T *a, int64_t p, const T *b, int64_t q, T *y,      \
                     int64_t n)                                                                    \
    {                                                                                              \
        switch (kind) {                                                                            \
        case AX_BINARY_ADD:                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = (T)((U)a[i * p] + (U)b[i * q]);                                             \
            return;                                                                                \
        case AX_BINARY_SUB:                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = (T)((U)a[i * p] - (U)b[i * q]);                                             \
            return;                                                                                \
        case AX_BINARY_MUL:                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = (T)((U)a[i * p] * (U)b[i * q]);                                             \
            return;                                                                                \
        case AX_BINARY_DIV:                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = DIVIDE(a[i * p], b[i * q]);                                                 \
            return;                                                                                \
        }                                                                                          \
    }

#define QUOTIENT(a, b) ((a) / (b))
/* the smallest number by -1 would trap, too */
#define WHOLE(a, b) ((b) == 0 ? 0 : (b) == -1 ? (__typeof__(a))(0 - (uint64_t)(a)) : (a) / (b))

#define UNSIGNED(a, b) ((b) ? (uint8_t)((a) / (b)) : 0)

ROWS(rows_f32, float, float, QUOTIENT)
ROWS(rows_f64, double, double, QUOTIENT)
ROWS(rows_i32, int32_t, uint32_t, WHOLE)
ROWS(rows_i64, int64_t, uint64_t, WHOLE)
ROWS(rows_u8, uint8_t, unsigned, UNSIGNED)

static void run_rows(void *ctx, int64_t from, int64_t to)
{
    const plan *j = ctx;
    for (int64_t r = from; r < to; r++) {
        int64_t rest = r, at_a = 0, at_b = 0;
        for (int i = j->rank - 1; i >= 0; i--) {
            at_a += rest % j->dim[i] * j->stride_a[i];
            at_b += rest % j->dim[i] * j->stride_b[i];
            rest /= j->dim[i];
        }
        const void *a = j->a + (size_t)at_a * j->size, *b = j->b + (size_t)at_b * j->size;
        void *y = j->y + (size_t)(r * j->row) * j->size;
        if (j->dtype == AX_F32)
            rows_f32(j->kind, a, j->step_a, b, j->step_b, y, j->row);
        else if (j->dtype == AX_F64)
            rows_f64(j->kind, a, j->step_a, b, j->step_b, y, j->row);
        else if (j->dtype == AX_I32)
            rows_i32(j->kind, a, j->step_a, b, j->step_b, y, j->row);
        else if (j->dtype == AX_U8)
            rows_u8(j->kind, a, j->step_a, b, j->step_b, y, j->row);
        else
            rows_i64(j->kind, a, j->step_a, b, j->step_b, y, j->row);
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
    plan j = {.kind = ((const ax_binary_attr *)c->attr)->kind,
              .dtype = c->out[0].dtype,
              .a = c->x[0],
              .b = c->x[1],
              .y = c->y[0],
              .size = ax_dtype_size(c->out[0].dtype),
              .row = 1};
    if (count == 0)
        return;
    strides(&c->in[0].shape, y, a);
    strides(&c->in[1].shape, y, b);
    /* last axes that both go through in one stretch, or one repeats as a whole, are one row */
    int last = y->rank - 1;
    if (last >= 0) {
        j.row = y->dim[last];
        j.step_a = a[last];
        j.step_b = b[last];
        while (last > 0 && a[last - 1] == j.step_a * j.row && b[last - 1] == j.step_b * j.row)
            j.row *= y->dim[--last];
    }
    j.rank = last > 0 ? last : 0;
    memcpy(j.dim, y->dim, (size_t)j.rank * sizeof *j.dim);
    memcpy(j.stride_a, a, (size_t)j.rank * sizeof *a);
    memcpy(j.stride_b, b, (size_t)j.rank * sizeof *b);
    ax_range(c->pool, count / j.row, 1 + 16384 / j.row, run_rows, &j);
}

const ax_op ax_op_binary = {
    .name = "binary",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_binary_attr),
    .infer = infer,
    .run = run,
};
