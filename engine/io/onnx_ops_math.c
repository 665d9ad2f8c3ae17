/* onnx_ops_math.c - arithmetic with broadcasting; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"
#include "math/element.h"

/* Two float32 tensors of one shape add and multiply in the ops that fuse and keep layouts. */
int onnx_pair(onnx_site *s, ax_binary_kind kind, ax_onnx_value *a, ax_onnx_value *b,
              ax_onnx_value *out)
{
    ax_onnx_value *in[] = {a, b};
    int same = ax_shape_equal(&a->desc.shape, &b->desc.shape) && a->desc.dtype == AX_F32;
    if (same && kind == AX_BINARY_ADD)
        return onnx_apply(s, &ax_op_add, &(ax_add_attr){0}, in, 2, out);
    if (same && kind == AX_BINARY_MUL)
        return onnx_apply(s, &ax_op_mul, NULL, in, 2, out);
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){kind}, in, 2, out);
}

/* How an operator of two tensors is told; swap: of b and a. */
static const struct {
    const char *op;
    ax_binary_kind kind;
    int swap;
} kinds[] = {
    {"Add", AX_BINARY_ADD, 0},
    {"Sub", AX_BINARY_SUB, 0},
    {"Mul", AX_BINARY_MUL, 0},
    {"Div", AX_BINARY_DIV, 0},
    {"Equal", AX_BINARY_EQUAL, 0},
    {"Less", AX_BINARY_LESS, 0},
    {"LessOrEqual", AX_BINARY_LESS_EQUAL, 0},
    {"Greater", AX_BINARY_LESS, 1},
    {"GreaterOrEqual", AX_BINARY_LESS_EQUAL, 1},
    {"And", AX_BINARY_AND, 0},
    {"Or", AX_BINARY_OR, 0},
    {"Xor", AX_BINARY_XOR, 0},
    {"Min", AX_BINARY_MIN, 0},
    {"Max", AX_BINARY_MAX, 0},
    {"Sum", AX_BINARY_ADD, 0},
    {"Pow", AX_BINARY_POW, 0},
};

static int find_kind(const onnx_site *s)
{
    int i = 0;
    while (strcmp(kinds[i].op, s->n->op) != 0)
        i++;
    return i;
}

/* Before opset 7 the second is repeated where the first has more axes, from `axis` on. */
static int second_placed(onnx_site *s, ax_onnx_value *out)
{
    const ax_shape *a = &s->in[0]->desc.shape, *b = &s->in[1]->desc.shape;
    const ax_onnx_attr *axis = onnx_attr(s, "axis");
    int64_t at = onnx_int_or(s, "axis", 0), repeated = onnx_int_or(s, "broadcast", 0);
    *out = *s->in[1];
    if (!axis || !repeated)
        return 0;
    ax_shape to = {.rank = a->rank};
    if ((at = onnx_axis(s, at, a->rank)) < 0 || at + b->rank > a->rank)
        return ax_fail(s->err, AX_ESHAPE, "%d axes from axis %lld on, of %d", b->rank,
                       (long long)at, a->rank);
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = i >= at && i < at + b->rank ? b->dim[i - at] : 1;
    *out = (ax_onnx_value){.name = ""};
    return onnx_reshaped(s, s->in[1], &to, out);
}

static int of_two(onnx_site *s)
{
    ax_onnx_value second;
    int i = find_kind(s);
    if (second_placed(s, &second))
        return -1;
    return kinds[i].swap ? onnx_pair(s, kinds[i].kind, &second, s->in[0], &s->out[0])
                         : onnx_pair(s, kinds[i].kind, s->in[0], &second, &s->out[0]);
}

static int mod(onnx_site *s)
{
    ax_dtype t = s->in[0]->desc.dtype;
    int64_t fmod = onnx_int_or(s, "fmod", 0);
    if (!fmod && (t == AX_F32 || t == AX_F64))
        return ax_fail(s->err, AX_EINVAL, "of floats only with fmod = 1");
    return onnx_pair(s, fmod ? AX_BINARY_FMOD : AX_BINARY_MOD, s->in[0], s->in[1], &s->out[0]);
}

static int unary(onnx_site *s)
{
    ax_unary_attr a = {ax_unary_find(s->n->op)};
    return onnx_apply(s, &ax_op_unary, &a, s->in, 1, &s->out[0]);
}

static int negated(onnx_site *s)
{
    ax_onnx_value yes = {.name = ""};
    if (onnx_constant(s, AX_BOOL, &(ax_shape){0}, &(uint8_t){1}, &yes))
        return -1;
    return onnx_pair(s, AX_BINARY_XOR, s->in[0], &yes, &s->out[0]);
}

/* All inputs, from left to right. */
static int chain(onnx_site *s, ax_binary_kind kind, ax_onnx_value *out)
{
    *out = *s->in[0];
    for (int i = 1; i < s->n_in; i++) {
        ax_onnx_value *before = onnx_alloc(s, 1, sizeof *before);
        if (!before)
            return -1;
        *before = *out;
        if (onnx_pair(s, kind, before, s->in[i], out))
            return -1;
    }
    return 0;
}

static int of_many(onnx_site *s)
{
    return chain(s, kinds[find_kind(s)].kind, &s->out[0]);
}

/* ---- of one tensor ---- */

/* Whole numbers to a power of another type: to a whole one as int64, which wraps as any would; to a
 * real one in float64. The result is of the type of x. */
static int whole_power(onnx_site *s)
{
    ax_dtype t = s->in[0]->desc.dtype, by = s->in[1]->desc.dtype,
             in = t == by           ? t
                  : ax_is_float(by) ? AX_F64
                                    : AX_I64;
    ax_onnx_value x = {.name = ""}, exponent = {.name = ""}, y = {.name = ""};
    if (onnx_cast(s, s->in[0], in, &x) || onnx_cast(s, s->in[1], in, &exponent) ||
        onnx_pair(s, AX_BINARY_POW, &x, &exponent, &y))
        return -1;
    return onnx_cast(s, &y, t, &s->out[0]);
}

/* x^2 and x^0.5 are what networks ask for. */
static int power(onnx_site *s)
{
    ax_onnx_value *x = s->in[0], exponent = {.name = ""};
    if (!ax_is_float(x->desc.dtype))
        return whole_power(s);
    if (onnx_cast(s, s->in[1], x->desc.dtype, &exponent))
        return -1;
    if (exponent.data && x->desc.dtype == AX_F32 && ax_shape_count(&exponent.desc.shape) == 1 &&
        exponent.desc.shape.rank <= x->desc.shape.rank) {
        float e = *(const float *)exponent.data;
        if (e == 2)
            return onnx_pair(s, AX_BINARY_MUL, x, x, &s->out[0]);
        if (e == 0.5f)
            return onnx_apply(s, &ax_op_unary, &(ax_unary_attr){ax_unary_find("Sqrt")}, &x, 1,
                              &s->out[0]);
    }
    return onnx_pair(s, AX_BINARY_POW, x, &exponent, &s->out[0]);
}

/* Bounds as inputs, or as attributes before opset 11. */
static int clip(onnx_site *s)
{
    static const char *const names[] = {"min", "max"};
    ax_onnx_value y = *s->in[0];
    for (int i = 0; i < 2; i++) {
        const ax_onnx_attr *a = onnx_attr(s, names[i]);
        ax_onnx_value *bound = s->n_in > 1 + i ? s->in[1 + i] : NULL,
                      *next = onnx_alloc(s, 2, sizeof *next);
        if (!next)
            return -1;
        next[0].name = next[1].name = "";
        if (a && onnx_constant(s, AX_F32, &(ax_shape){0}, &a->f, &next[1]))
            return -1;
        bound = a ? &next[1] : bound;
        if (bound && onnx_pair(s, i ? AX_BINARY_MIN : AX_BINARY_MAX, &y, bound, &next[0]))
            return -1;
        if (bound)
            y = next[0];
    }
    s->out[0] = y;
    return 0;
}

/* ---- reductions ---- */

static const struct {
    const char *op;
    ax_reduce_kind kind;
} reductions[] = {
    {"ReduceSum", AX_REDUCE_SUM},
    {"ReduceMean", AX_REDUCE_MEAN},
    {"ReduceMax", AX_REDUCE_MAX},
    {"ReduceMin", AX_REDUCE_MIN},
    {"ReduceProd", AX_REDUCE_PROD},
    {"ReduceL1", AX_REDUCE_L1},
    {"ReduceL2", AX_REDUCE_L2},
    {"ReduceLogSum", AX_REDUCE_LOG_SUM},
    {"ReduceLogSumExp", AX_REDUCE_LOG_SUM_EXP},
    {"ReduceSumSquare", AX_REDUCE_SUM_SQUARE},
    {"ArgMax", AX_REDUCE_ARG_MAX},
    {"ArgMin", AX_REDUCE_ARG_MIN},
};

static ax_reduce_kind reduction(const onnx_site *s)
{
    int i = 0;
    while (strcmp(reductions[i].op, s->n->op) != 0)
        i++;
    return reductions[i].kind;
}

static int reduce(onnx_site *s)
{
    ax_reduce_attr a = {.kind = reduction(s), .keep = onnx_int_or(s, "keepdims", 1) != 0};
    const int64_t *axes;
    int64_t n;
    int rank = s->in[0]->desc.shape.rank;
    if (onnx_list(s, "axes", 1, &axes, &n))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        int axis = onnx_axis(s, axes[i], rank);
        if (axis < 0)
            return -1;
        a.axes |= 1u << axis;
    }
    if (n <= 0) {
        if (onnx_int_or(s, "noop_with_empty_axes", 0)) {
            s->out[0] = *s->in[0];
            return 0;
        }
        a.axes = (1u << rank) - 1;
    }
    return onnx_apply(s, &ax_op_reduce, &a, s->in, 1, &s->out[0]);
}

static int place_of_extreme(onnx_site *s)
{
    int axis = onnx_axis(s, onnx_int_or(s, "axis", 0), s->in[0]->desc.shape.rank);
    ax_reduce_attr a = {.kind = reduction(s),
                        .axes = axis < 0 ? 0 : 1u << axis,
                        .keep = onnx_int_or(s, "keepdims", 1) != 0,
                        .last = onnx_int_or(s, "select_last_index", 0) != 0};
    return axis < 0 ? -1 : onnx_apply(s, &ax_op_reduce, &a, s->in, 1, &s->out[0]);
}

int onnx_number(onnx_site *s, float v, ax_onnx_value *out)
{
    return onnx_constant(s, AX_F32, &(ax_shape){0}, &v, out);
}

static int where(onnx_site *s)
{
    return onnx_where(s, s->in[0], s->in[1], s->in[2], &s->out[0]);
}

static int mean(onnx_site *s)
{
    ax_onnx_value sum, n = {.name = ""};
    if (chain(s, AX_BINARY_ADD, &sum) || onnx_scalar(s, sum.desc.dtype, s->n_in, &n))
        return -1;
    return onnx_pair(s, AX_BINARY_DIV, &sum, &n, &s->out[0]);
}

static int cumsum(onnx_site *s)
{
    const int64_t *axis;
    int64_t n;
    if (onnx_known_ints(s, 1, &axis, &n))
        return -1;
    if (n != 1)
        return ax_fail(s->err, AX_EINVAL, "%lld axes, expected one", (long long)n);
    ax_cumsum_attr a = {onnx_axis(s, *axis, s->in[0]->desc.shape.rank),
                        onnx_int_or(s, "exclusive", 0) != 0, onnx_int_or(s, "reverse", 0) != 0};
    return a.axis < 0 ? -1 : onnx_apply(s, &ax_op_cumsum, &a, s->in, 1, &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_math[] = {
    {"Add", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Sub", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Mul", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Div", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Equal", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Less", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Greater", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"And", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Or", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Xor", 1, 2, 2, "axis broadcast consumed_inputs", of_two, 0},
    {"Add", 7, 2, 2, "", of_two, 0},
    {"Sub", 7, 2, 2, "", of_two, 0},
    {"Mul", 7, 2, 2, "", of_two, 0},
    {"Div", 7, 2, 2, "", of_two, 0},
    {"Equal", 7, 2, 2, "", of_two, 0},
    {"Less", 7, 2, 2, "", of_two, 0},
    {"LessOrEqual", 12, 2, 2, "", of_two, 0},
    {"Greater", 7, 2, 2, "", of_two, 0},
    {"GreaterOrEqual", 12, 2, 2, "", of_two, 0},
    {"And", 7, 2, 2, "", of_two, 0},
    {"Or", 7, 2, 2, "", of_two, 0},
    {"Xor", 7, 2, 2, "", of_two, 0},
    {"Sum", 6, 1, INT32_MAX, "", of_many, 0},
    {"Min", 6, 1, INT32_MAX, "", of_many, 0},
    {"Max", 6, 1, INT32_MAX, "", of_many, 0},
    {"Mod", 10, 2, 2, "fmod", mod, 0},
    {"Not", 1, 1, 1, "", negated, 0},
    {"Abs", 6, 1, 1, "", unary, 0},
    {"Neg", 6, 1, 1, "", unary, 0},
    {"Sign", 9, 1, 1, "", unary, 0},
    {"Floor", 6, 1, 1, "", unary, 0},
    {"Ceil", 6, 1, 1, "", unary, 0},
    {"Round", 11, 1, 1, "", unary, 0},
    {"Reciprocal", 6, 1, 1, "", unary, 0},
    {"Sqrt", 6, 1, 1, "", unary, 0},
    {"Log", 6, 1, 1, "", unary, 0},
    {"Sin", 7, 1, 1, "", unary, 0},
    {"Cos", 7, 1, 1, "", unary, 0},
    {"Tan", 7, 1, 1, "", unary, 0},
    {"Sinh", 9, 1, 1, "", unary, 0},
    {"Cosh", 9, 1, 1, "", unary, 0},
    {"Asin", 7, 1, 1, "", unary, 0},
    {"Acos", 7, 1, 1, "", unary, 0},
    {"Atan", 7, 1, 1, "", unary, 0},
    {"Asinh", 9, 1, 1, "", unary, 0},
    {"Acosh", 9, 1, 1, "", unary, 0},
    {"Atanh", 9, 1, 1, "", unary, 0},
    {"IsNaN", 9, 1, 1, "", unary, 0},
    {"Pow", 1, 2, 2, "axis broadcast", of_two, 0},
    {"Pow", 7, 2, 2, "", power, 0},
    {"Clip", 6, 1, 3, "min max", clip, 0},
    {"ReduceSum", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceMean", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceMax", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceMin", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceProd", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceL1", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceL2", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceLogSum", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceLogSumExp", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ReduceSumSquare", 1, 1, 2, "axes keepdims noop_with_empty_axes", reduce, 0},
    {"ArgMax", 1, 1, 1, "axis keepdims select_last_index", place_of_extreme, 0},
    {"ArgMin", 1, 1, 1, "axis keepdims select_last_index", place_of_extreme, 0},
    {"Where", 9, 3, 3, "", where, 0},
    {"Mean", 6, 1, INT32_MAX, "", mean, 0},
    {"CumSum", 11, 2, 2, "exclusive reverse", cumsum, 0},
    {0},
};
// clang-format on
