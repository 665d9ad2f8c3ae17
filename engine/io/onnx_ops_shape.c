/* onnx_ops_shape.c - operators that move numbers and compute with shapes; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

static int pass_on(onnx_site *s)
{
    s->out[0] = *s->in[0];
    return 0;
}

static int reshape(onnx_site *s)
{
    const int64_t *to;
    int64_t n, known = 1, count = ax_shape_count(&s->in[0]->desc.shape);
    const ax_shape *from = &s->in[0]->desc.shape;
    ax_shape shape = {0};
    int open = -1;
    if (onnx_list(s, "shape", 1, &to, &n))
        return -1;
    if (n < 0 || n > AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "a shape of %lld dimensions, at most %d", (long long)n,
                       AX_MAX_RANK);
    shape.rank = (int)n;
    for (int i = 0; i < n; i++) {
        int64_t d = to[i];
        if (d == 0 && !onnx_int_or(s, "allowzero", 0))
            d = i < from->rank ? from->dim[i] : -2;
        if (d < -1 || (d == -1 && open >= 0))
            return ax_fail(s->err, AX_ESHAPE,
                           "dimension %d is %lld; one may be -1, a 0 copies that of the input", i,
                           (long long)to[i]);
        if (d == -1)
            open = i;
        else
            known *= d;
        shape.dim[i] = d;
    }
    if (open >= 0)
        shape.dim[open] = known > 0 && count % known == 0 ? count / known : 0;
    return onnx_reshaped(s, s->in[0], &shape, &s->out[0]);
}

static int flatten(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int64_t axis = onnx_int_or(s, "axis", 1);
    ax_shape to = AX_SHAPE(1, 1);
    if (axis != x->rank && (axis = onnx_axis(s, axis, x->rank)) < 0)
        return -1;
    for (int i = 0; i < x->rank; i++)
        to.dim[i >= axis] *= x->dim[i];
    return onnx_reshaped(s, s->in[0], &to, &s->out[0]);
}

static int transpose(onnx_site *s)
{
    int rank = s->in[0]->desc.shape.rank;
    const ax_onnx_attr *perm = onnx_attr(s, "perm");
    ax_permute_attr a = {0};
    if (perm && (perm->type != AX_ONNX_A_INTS || perm->n != rank))
        return ax_fail(s->err, AX_EINVAL, "perm has %lld axes, the input %d", (long long)perm->n,
                       rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis = perm ? perm->ints[i] : rank - 1 - i;
        if (axis < 0 || axis >= rank)
            return ax_fail(s->err, AX_ERANGE, "perm names the axis %lld of %d", (long long)axis,
                           rank);
        a.perm[i] = (int)axis;
    }
    return onnx_apply(s, &ax_op_permute, &a, s->in, 1, &s->out[0]);
}

/* More parts than an op takes inputs are joined in rounds. */
static int concat(onnx_site *s)
{
    ax_axis_attr a = {onnx_axis(s, onnx_int_or(s, "axis", 1), s->in[0]->desc.shape.rank)};
    ax_onnx_value **part = onnx_alloc(s, s->n_in + 1, sizeof *part);
    int n = s->n_in;
    if (a.axis < 0 || !part)
        return -1;
    memcpy(part, s->in, (size_t)n * sizeof *part);
    while (n > AX_MAX_IN) {
        int made = 0;
        for (int i = 0; i < n; i += AX_MAX_IN) {
            int k = n - i < AX_MAX_IN ? n - i : AX_MAX_IN;
            ax_onnx_value *joined = onnx_alloc(s, 1, sizeof *joined);
            if (!joined)
                return -1;
            joined->name = "";
            if (onnx_apply(s, &ax_op_concat, &a, part + i, k, joined))
                return -1;
            part[made++] = joined;
        }
        n = made;
    }
    return onnx_apply(s, &ax_op_concat, &a, part, n, &s->out[0]);
}

/* marks[i]: axis i is named by the list; rank is that of what the axes count in */
static int mark_axes(onnx_site *s, const int64_t *axes, int64_t n, int rank, int *marks)
{
    for (int64_t i = 0; i < n; i++) {
        int axis = onnx_axis(s, axes[i], rank);
        if (axis < 0)
            return -1;
        if (marks[axis]++)
            return ax_fail(s->err, AX_EINVAL, "axis %d is named twice", axis);
    }
    return 0;
}

static int unsqueeze(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *axes;
    int64_t n;
    int marks[AX_MAX_RANK] = {0};
    ax_shape to = {0};
    if (onnx_list(s, "axes", 1, &axes, &n))
        return -1;
    if (n < 0 || x->rank + n > AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "%d dimensions and %lld more, at most %d", x->rank,
                       (long long)n, AX_MAX_RANK);
    to.rank = x->rank + (int)n;
    if (mark_axes(s, axes, n, to.rank, marks))
        return -1;
    for (int i = 0, k = 0; i < to.rank; i++)
        to.dim[i] = marks[i] ? 1 : x->dim[k++];
    return onnx_reshaped(s, s->in[0], &to, &s->out[0]);
}

static int squeeze(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *axes;
    int64_t n;
    int marks[AX_MAX_RANK] = {0};
    ax_shape to = {0};
    if (onnx_list(s, "axes", 1, &axes, &n) || mark_axes(s, axes, n, x->rank, marks))
        return -1;
    for (int i = 0; i < x->rank; i++) {
        if (n < 0 ? x->dim[i] != 1 : !marks[i])
            to.dim[to.rank++] = x->dim[i];
        else if (x->dim[i] != 1)
            return ax_fail(s->err, AX_ESHAPE, "axis %d has %lld elements, only one of 1 can go", i,
                           (long long)x->dim[i]);
    }
    return onnx_reshaped(s, s->in[0], &to, &s->out[0]);
}

static int shape_of(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int64_t from = onnx_int_or(s, "start", 0), to = onnx_int_or(s, "end", x->rank);
    from = from < 0 ? from + x->rank : from;
    to = to < 0 ? to + x->rank : to;
    from = from < 0 ? 0 : from > x->rank ? x->rank : from;
    to = to > x->rank ? x->rank : to < from ? from : to;
    return onnx_constant(s, AX_I64, &AX_SHAPE(to - from), x->dim + from, &s->out[0]);
}

static int constant(onnx_site *s)
{
    const ax_onnx_attr *a = s->n->n_attr == 1 ? &s->n->attr[0] : NULL;
    if (!a)
        return ax_fail(s->err, AX_ECORRUPT, "%d attributes, expected one with the value",
                       s->n->n_attr);
    switch (a->type) {
    case AX_ONNX_A_TENSOR:
        return ax_onnx_known(a->t, onnx_arena(s), &s->out[0], s->err);
    case AX_ONNX_A_FLOAT:
        return onnx_constant(s, AX_F32, &(ax_shape){0}, &a->f, &s->out[0]);
    case AX_ONNX_A_INT:
        return onnx_constant(s, AX_I64, &(ax_shape){0}, &a->i, &s->out[0]);
    case AX_ONNX_A_FLOATS:
        return onnx_constant(s, AX_F32, &AX_SHAPE(a->n), a->floats, &s->out[0]);
    case AX_ONNX_A_INTS:
        return onnx_constant(s, AX_I64, &AX_SHAPE(a->n), a->ints, &s->out[0]);
    default:
        return ax_fail(s->err, AX_EUNSUPPORTED, "the value is no tensor of numbers");
    }
}

static int constant_of_shape(onnx_site *s)
{
    static const float zero = 0;
    const int64_t *dim;
    int64_t n;
    const ax_onnx_attr *a = onnx_attr(s, "value");
    ax_onnx_value v = {.desc.dtype = AX_F32, .data = &zero};
    ax_shape shape = {0};
    if (a && (a->type != AX_ONNX_A_TENSOR || a->t->count != 1 ||
              ax_onnx_known(a->t, onnx_arena(s), &v, s->err)))
        return a->type == AX_ONNX_A_TENSOR && a->t->count == 1
                   ? -1
                   : ax_fail(s->err, AX_EINVAL, "value is not one number");
    if (onnx_known_ints(s, 0, &dim, &n))
        return -1;
    if (n > AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "a shape of %lld dimensions, at most %d", (long long)n,
                       AX_MAX_RANK);
    shape.rank = (int)n;
    memcpy(shape.dim, dim, (size_t)n * sizeof *dim);
    size_t size = ax_dtype_size(v.desc.dtype);
    int64_t count = ax_shape_count_checked(&shape, size, s->err);
    char *data = count < 0 ? NULL : onnx_alloc(s, count + 1, size);
    for (int64_t i = 0; data && i < count; i++)
        memcpy(data + (size_t)i * size, v.data, size);
    s->out[0] = (ax_onnx_value){"", {v.desc.dtype, shape}, data, AX_NONE};
    return data ? 0 : -1;
}

// clang-format off
const onnx_row onnx_rows_shape[] = {
    {"Identity", 1, 1, 1, "", pass_on, 0},
    {"Reshape", 1, 1, 2, "shape consumed_inputs allowzero", reshape, 0},
    {"Flatten", 1, 1, 1, "axis", flatten, 0},
    {"Transpose", 1, 1, 1, "perm", transpose, 0},
    {"Concat", 4, 1, INT32_MAX, "axis", concat, 0},
    {"Unsqueeze", 1, 1, 2, "axes", unsqueeze, 0},
    {"Squeeze", 1, 1, 2, "axes", squeeze, 0},
    {"Shape", 1, 1, 1, "start end", shape_of, 0},
    {"Constant", 1, 0, 0, "value value_float value_int value_floats value_ints", constant, 0},
    {"ConstantOfShape", 9, 1, 1, "value", constant_of_shape, 0},
    {0},
};
// clang-format on
