/* onnx_ops_shape.c - operators that move numbers and compute with shapes; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

static int pass_on(onnx_site *s)
{
    s->out[0] = *s->in[0];
    return 0;
}

/* A list of dimensions from a file as a shape. */
static int shape_from(onnx_site *s, const int64_t *dim, int64_t n, ax_shape *out)
{
    if (n < 0 || n > AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "a shape of %lld dimensions, at most %d", (long long)n,
                       AX_MAX_RANK);
    out->rank = (int)n;
    if (n)
        memcpy(out->dim, dim, (size_t)n * sizeof *dim);
    return ax_shape_count_checked(out, 1, s->err) < 0 ? -1 : 0;
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
        else if (__builtin_mul_overflow(known, d, &known))
            return ax_fail(s->err, AX_ELIMIT, "a shape of more elements than there are numbers");
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
int onnx_joined(onnx_site *s, int axis, ax_onnx_value **in, int n, ax_onnx_value *out)
{
    ax_axis_attr a = {axis};
    ax_onnx_value **part = onnx_alloc(s, n + 1, sizeof *part);
    if (!part)
        return -1;
    memcpy(part, in, (size_t)n * sizeof *part);
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
    return onnx_apply(s, &ax_op_concat, &a, part, n, out);
}

int onnx_element(onnx_site *s, ax_onnx_value *x, int axis, int64_t t, ax_onnx_value *out)
{
    ax_onnx_value one = {.name = ""};
    ax_shape to = {.rank = x->desc.shape.rank - 1};
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = x->desc.shape.dim[i + (i >= axis)];
    return onnx_apply(s, &ax_op_slice, &(ax_slice_attr){axis, t, 1}, &x, 1, &one) ||
                   onnx_reshaped(s, &one, &to, out)
               ? -1
               : 0;
}

int onnx_with_axis(onnx_site *s, ax_onnx_value *x, int axis, ax_onnx_value *out)
{
    ax_shape to = {.rank = x->desc.shape.rank + 1};
    if (to.rank > AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "%d dimensions, at most %d", to.rank, AX_MAX_RANK);
    if ((axis = onnx_axis(s, axis, to.rank)) < 0)
        return -1;
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = i == axis ? 1 : x->desc.shape.dim[i - (i > axis)];
    return onnx_reshaped(s, x, &to, out);
}

static int concat(onnx_site *s)
{
    int axis = onnx_axis(s, onnx_int_or(s, "axis", 1), s->in[0]->desc.shape.rank);
    return axis < 0 ? -1 : onnx_joined(s, axis, s->in, s->n_in, &s->out[0]);
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
    if (onnx_known_ints(s, 0, &dim, &n) || shape_from(s, dim, n, &shape))
        return -1;
    size_t size = ax_dtype_size(v.desc.dtype);
    int64_t count = ax_shape_count_checked(&shape, size, s->err);
    char *data = count < 0 ? NULL : onnx_alloc(s, count + 1, size);
    for (int64_t i = 0; data && i < count; i++)
        memcpy(data + (size_t)i * size, v.data, size);
    s->out[0] = (ax_onnx_value){"", {v.desc.dtype, shape}, data, AX_NONE};
    return data ? 0 : -1;
}

/* ---- by steps ---- */

static void steps_of(const ax_shape *x, int64_t *step)
{
    int64_t s = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        step[i] = s;
        s *= x->dim[i];
    }
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* Start, end and step of one axis, as numpy has them. */
static int cut(onnx_site *s, ax_strided_attr *a, int axis, int64_t from, int64_t to, int64_t step)
{
    int64_t d = a->shape.dim[axis];
    if (step == 0)
        return ax_fail(s->err, AX_EINVAL, "a step of 0");
    from = from < 0 ? from + d : from;
    to = to < 0 ? to + d : to;
    from = step > 0 ? clamp(from, 0, d) : clamp(from, 0, d - 1);
    to = step > 0 ? clamp(to, 0, d) : clamp(to, -1, d - 1);
    step = step == INT64_MIN ? -INT64_MAX : step; /* as far */
    int64_t span = step > 0 ? to - from : from - to, by = step > 0 ? step : -step;
    a->from += d ? from * a->step[axis] : 0;
    a->shape.dim[axis] = span > 0 && d ? (span - 1) / by + 1 : 0;
    if (a->shape.dim[axis] > 1)
        a->step[axis] *= step;
    return 0;
}

static int slice(onnx_site *s)
{
    const int64_t *from, *to, *axes = NULL, *steps = NULL;
    int64_t n, m, k = -1, l = -1;
    ax_strided_attr a = {.shape = s->in[0]->desc.shape};
    if (onnx_list(s, "starts", 1, &from, &n) || onnx_list(s, "ends", 2, &to, &m) ||
        onnx_list(s, "axes", 3, &axes, &k) || onnx_list(s, "steps", 4, &steps, &l))
        return -1;
    if (n < 0 || m != n || (k >= 0 && k != n) || (l >= 0 && l != n))
        return ax_fail(s->err, AX_EINVAL, "starts, ends, axes and steps are of different lengths");
    steps_of(&a.shape, a.step);
    for (int64_t i = 0; i < n; i++) {
        int axis = onnx_axis(s, k >= 0 ? axes[i] : i, a.shape.rank);
        if (axis < 0 || cut(s, &a, axis, from[i], to[i], l >= 0 ? steps[i] : 1))
            return -1;
    }
    if (ax_shape_count(&a.shape) == 0)
        a.from = 0;
    return onnx_apply(s, &ax_op_strided, &a, s->in, 1, &s->out[0]);
}

/* Parts as listed; without a list as many equal ones as there are outputs, the last one smaller. */
static int split(onnx_site *s)
{
    const int64_t *part;
    int64_t n, at = 0, outs = onnx_int_or(s, "num_outputs", s->n_out);
    const ax_shape *x = &s->in[0]->desc.shape;
    int axis = onnx_axis(s, onnx_int_or(s, "axis", 0), x->rank);
    if (axis < 0 || onnx_list(s, "split", 1, &part, &n))
        return -1;
    if (n >= 0 ? n != s->n_out : outs != s->n_out || outs < 1)
        return ax_fail(s->err, AX_EINVAL, "%lld parts for %d outputs",
                       (long long)(n >= 0 ? n : outs), s->n_out);
    if (n < 0 && s->opset < 18 && x->dim[axis] % outs)
        return ax_fail(s->err, AX_ESHAPE, "%lld elements in %lld equal parts",
                       (long long)x->dim[axis], (long long)outs);
    int64_t each = n >= 0 ? 0 : (x->dim[axis] + outs - 1) / outs;
    for (int i = 0; i < s->n_out; i++) {
        ax_slice_attr a = {axis, at, n >= 0 ? part[i] : clamp(each, 0, x->dim[axis] - at)};
        if (onnx_apply(s, &ax_op_slice, &a, s->in, 1, &s->out[i]))
            return -1;
        at += a.count;
    }
    if (at != x->dim[axis])
        return ax_fail(s->err, AX_ESHAPE, "the parts have %lld elements together, axis %d has %lld",
                       (long long)at, axis, (long long)x->dim[axis]);
    return 0;
}

int onnx_expanded(onnx_site *s, ax_onnx_value *x, const ax_shape *to, ax_onnx_value *out)
{
    ax_strided_attr a = {0};
    int64_t own[AX_MAX_RANK];
    const ax_shape *from = &x->desc.shape;
    if (ax_shape_broadcast(from, to, &a.shape, s->err))
        return -1;
    if (ax_shape_equal(&a.shape, from)) {
        *out = *x;
        return 0;
    }
    steps_of(from, own);
    for (int i = 1; i <= from->rank; i++)
        a.step[a.shape.rank - i] = from->dim[from->rank - i] == 1 ? 0 : own[from->rank - i];
    return onnx_apply(s, &ax_op_strided, &a, &x, 1, out);
}

int onnx_where(onnx_site *s, ax_onnx_value *cond, ax_onnx_value *a, ax_onnx_value *b,
               ax_onnx_value *out)
{
    ax_shape two, to;
    ax_onnx_value x[3] = {{.name = ""}, {.name = ""}, {.name = ""}};
    if (ax_shape_broadcast(&a->desc.shape, &b->desc.shape, &two, s->err) ||
        ax_shape_broadcast(&cond->desc.shape, &two, &to, s->err) ||
        onnx_expanded(s, cond, &to, &x[0]) || onnx_expanded(s, a, &to, &x[1]) ||
        onnx_expanded(s, b, &to, &x[2]))
        return -1;
    return onnx_apply(s, &ax_op_where, NULL, (ax_onnx_value *[]){&x[0], &x[1], &x[2]}, 3, out);
}

static int expand(onnx_site *s)
{
    const int64_t *dim;
    int64_t n;
    ax_shape to;
    if (onnx_known_ints(s, 1, &dim, &n) || shape_from(s, dim, n, &to))
        return -1;
    return onnx_expanded(s, s->in[0], &to, &s->out[0]);
}

/* Each axis becomes two: how often, and itself. */
static int tile(onnx_site *s)
{
    const int64_t *times;
    int64_t n;
    ax_shape x = s->in[0]->desc.shape, to = x;
    ax_strided_attr a = {0};
    ax_onnx_value y = {.name = ""};
    int64_t own[AX_MAX_RANK];
    if (onnx_known_ints(s, 1, &times, &n))
        return -1;
    if (n != x.rank)
        return ax_fail(s->err, AX_EINVAL, "%lld repeats for %d axes", (long long)n, x.rank);
    steps_of(&x, own);
    for (int i = 0; i < x.rank; i++) {
        if (times[i] < 0 || __builtin_mul_overflow(to.dim[i], times[i], &to.dim[i]))
            return ax_fail(s->err, AX_ERANGE, "axis %d is repeated %lld times", i,
                           (long long)times[i]);
        for (int k = times[i] == 1; k < 2; k++) {
            if (a.shape.rank == AX_MAX_RANK)
                return ax_fail(s->err, AX_ELIMIT, "too many axes are repeated");
            a.step[a.shape.rank] = k ? own[i] : 0;
            a.shape.dim[a.shape.rank++] = k ? x.dim[i] : times[i];
        }
    }
    if (onnx_apply(s, &ax_op_strided, &a, s->in, 1, &y))
        return -1;
    return onnx_reshaped(s, &y, &to, &s->out[0]);
}

static int size_of(onnx_site *s)
{
    int64_t n = ax_shape_count(&s->in[0]->desc.shape);
    return onnx_constant(s, AX_I64, &(ax_shape){0}, &n, &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_shape[] = {
    {"Identity", 1, 1, 1, "", pass_on, ONNX_SEQUENCES},
    {"Reshape", 1, 1, 2, "shape consumed_inputs allowzero", reshape, 0},
    {"Flatten", 1, 1, 1, "axis", flatten, 0},
    {"Transpose", 1, 1, 1, "perm", transpose, 0},
    {"Concat", 4, 1, INT32_MAX, "axis", concat, 0},
    {"Unsqueeze", 1, 1, 2, "axes", unsqueeze, 0},
    {"Squeeze", 1, 1, 2, "axes", squeeze, 0},
    {"Shape", 1, 1, 1, "start end", shape_of, 0},
    {"Constant", 1, 0, 0, "value value_float value_int value_floats value_ints", constant, 0},
    {"ConstantOfShape", 9, 1, 1, "value", constant_of_shape, 0},
    {"Slice", 1, 1, 5, "starts ends axes", slice, 0},
    {"Split", 2, 1, 2, "axis split num_outputs", split, 0},
    {"Expand", 8, 2, 2, "", expand, 0},
    {"Tile", 6, 2, 2, "", tile, 0},
    {"Size", 1, 1, 1, "", size_of, 0},
    {0},
};
// clang-format on
