/* onnx_ops_index.c - operators that take elements from places, and put them there; see onnx_op.h.
 */
#include <stdlib.h>
#include <string.h>

#include "io/onnx_op.h"
#include "math/element.h"

/* Indices that are known, each into n elements. */
static int check_indices(onnx_site *s, int input, int64_t n)
{
    const ax_onnx_value *v = s->in[input];
    int64_t count = v->data && !ax_is_float(v->desc.dtype) ? ax_shape_count(&v->desc.shape) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = ax_whole_read(v->desc.dtype, v->data, i);
        if (k < -n || k >= n)
            return ax_fail(s->err, AX_ERANGE, "the index %lld into %lld elements", (long long)k,
                           (long long)n);
    }
    return 0;
}

/* Known tuples: element i % q counts in axis `first` + i % q. */
static int check_tuples(onnx_site *s, int first)
{
    const ax_onnx_value *v = s->in[1];
    const ax_shape *x = &s->in[0]->desc.shape, *at = &v->desc.shape;
    int64_t q = at->rank ? at->dim[at->rank - 1] : 0;
    int known = q > 0 && v->data && !ax_is_float(v->desc.dtype) && first + q <= x->rank;
    int64_t count = known ? ax_shape_count(at) : 0; /* else what is wrong is the op's to say */
    for (int64_t i = 0; i < count; i++) {
        int64_t k = ax_whole_read(v->desc.dtype, v->data, i), n = x->dim[first + i % q];
        if (k < -n || k >= n)
            return ax_fail(s->err, AX_ERANGE, "the index %lld into %lld elements of axis %d",
                           (long long)k, (long long)n, (int)(first + i % q));
    }
    return 0;
}

static int axis_of(onnx_site *s, int64_t otherwise)
{
    return onnx_axis(s, onnx_int_or(s, "axis", otherwise), s->in[0]->desc.shape.rank);
}

static int gather(onnx_site *s)
{
    ax_axis_attr a = {axis_of(s, 0)};
    if (a.axis < 0 || check_indices(s, 1, s->in[0]->desc.shape.dim[a.axis]))
        return -1;
    return onnx_apply(s, &ax_op_gather, &a, s->in, 2, &s->out[0]);
}

static int gather_elements(onnx_site *s)
{
    ax_axis_attr a = {axis_of(s, 0)};
    if (a.axis < 0 || check_indices(s, 1, s->in[0]->desc.shape.dim[a.axis]))
        return -1;
    return onnx_apply(s, &ax_op_gather_elements, &a, s->in, 2, &s->out[0]);
}

static int gather_nd(onnx_site *s)
{
    int64_t b = onnx_int_or(s, "batch_dims", 0);
    if (b < 0 || b >= s->in[0]->desc.shape.rank)
        return ax_fail(s->err, AX_ERANGE, "batch_dims is %lld for a tensor of rank %d",
                       (long long)b, s->in[0]->desc.shape.rank);
    ax_gather_nd_attr a = {(int)b};
    if (check_tuples(s, a.batch_dims))
        return -1;
    return onnx_apply(s, &ax_op_gather_nd, &a, s->in, 2, &s->out[0]);
}

static int reduction(onnx_site *s, ax_scatter_reduction *out)
{
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    const char *how = onnx_text_or(s, "reduction", "none");
    int n = s->opset >= 18 ? 5 : 3;
    for (int i = 0; i < n; i++)
        if (!strcmp(how, names[i])) {
            *out = (ax_scatter_reduction)i;
            return 0;
        }
    return ax_fail(s->err, AX_EINVAL, "the reduction '%.40s', expected none, add or mul%s", how,
                   n == 5 ? ", min, max" : "");
}

static int scatter(onnx_site *s)
{
    ax_scatter_attr a = {.axis = axis_of(s, 0)};
    if (a.axis < 0 || reduction(s, &a.reduction) ||
        check_indices(s, 1, s->in[0]->desc.shape.dim[a.axis]))
        return -1;
    return onnx_apply(s, &ax_op_scatter, &a, s->in, 3, &s->out[0]);
}

static int scatter_nd(onnx_site *s)
{
    ax_scatter_attr a = {0};
    if (reduction(s, &a.reduction) || check_tuples(s, 0))
        return -1;
    return onnx_apply(s, &ax_op_scatter_nd, &a, s->in, 3, &s->out[0]);
}

/* k is an attribute before opset 10. */
static int topk(onnx_site *s)
{
    const int64_t *k = NULL;
    int64_t n = -1, as_attr = onnx_int_or(s, "k", -1);
    ax_topk_attr a = {.axis = axis_of(s, -1), .largest = onnx_int_or(s, "largest", 1) != 0};
    ax_onnx_value y[2] = {{.name = ""}, {.name = ""}};
    if (a.axis < 0 || onnx_known_ints(s, 1, &k, &n))
        return -1;
    if (n >= 0 && n != 1)
        return ax_fail(s->err, AX_EINVAL, "%lld numbers as k, expected one", (long long)n);
    onnx_int_or(s, "sorted", 1); /* sorted is one of the orders that are allowed when it is 0 */
    a.k = n == 1 ? *k : as_attr;
    if (onnx_apply(s, &ax_op_topk, &a, s->in, 1, y))
        return -1;
    for (int i = 0; i < s->n_out && i < 2; i++)
        s->out[i] = y[i];
    return 0;
}

/* ---- one of many ---- */

/* One number of any type, known before. */
static int known_number(onnx_site *s, int i, double *out)
{
    const ax_onnx_value *v = s->in[i];
    if (!v->data)
        return onnx_unknown(s, i);
    if (ax_shape_count(&v->desc.shape) != 1)
        return ax_fail(s->err, AX_EINVAL, "input %d has %lld numbers, expected one", i,
                       (long long)ax_shape_count(&v->desc.shape));
    *out = ax_real_read(v->desc.dtype, v->data, 0);
    return 0;
}

/* 0, 1, 2... along an axis of its own, behind which `after` axes come */
static int counted(onnx_site *s, int64_t n, int after, ax_onnx_value *out)
{
    int64_t *v = onnx_alloc(s, n + 1, sizeof *v);
    ax_shape shape = {.rank = after + 1};
    for (int64_t i = 0; v && i < n; i++)
        v[i] = i;
    for (int i = 0; i <= after; i++)
        shape.dim[i] = i ? 1 : n;
    *out = (ax_onnx_value){"", {AX_I64, shape}, v, AX_NONE};
    return v ? 0 : -1;
}

/* bools: where the place along the new axis is the index; since opset 11 also the index from the
 * end */
static int hot_places(onnx_site *s, ax_onnx_value *at, ax_onnx_value *places, int64_t depth,
                      ax_onnx_value *out)
{
    ax_onnx_value n = {.name = ""}, from_end = n, equal = n, equal_end = n;
    if (s->opset < 11)
        return onnx_pair(s, AX_BINARY_EQUAL, at, places, out);
    if (onnx_scalar(s, AX_I64, (double)depth, &n) ||
        onnx_pair(s, AX_BINARY_ADD, at, &n, &from_end) ||
        onnx_pair(s, AX_BINARY_EQUAL, at, places, &equal) ||
        onnx_pair(s, AX_BINARY_EQUAL, &from_end, places, &equal_end))
        return -1;
    return onnx_pair(s, AX_BINARY_OR, &equal, &equal_end, out);
}

/* The values off and on, each as a number. */
static int off_and_on(onnx_site *s, ax_onnx_value *out)
{
    if (ax_shape_count(&s->in[2]->desc.shape) != 2)
        return ax_fail(s->err, AX_EINVAL, "values has %lld numbers, expected off and on",
                       (long long)ax_shape_count(&s->in[2]->desc.shape));
    for (int i = 0; i < 2; i++) {
        ax_onnx_value one = {.name = ""};
        if (onnx_apply(s, &ax_op_slice, &(ax_slice_attr){0, i, 1}, &s->in[2], 1, &one) ||
            onnx_reshaped(s, &one, &(ax_shape){0}, &out[i]))
            return -1;
    }
    return 0;
}

static int one_hot(onnx_site *s)
{
    ax_onnx_value at = {.name = ""}, wide = at, hot = at, values[2] = {at, at}, places;
    ax_shape shape = s->in[0]->desc.shape;
    double depth = 0;
    if (shape.rank == AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "indices of %d dimensions and one more, at most %d",
                       shape.rank, AX_MAX_RANK);
    int axis = onnx_axis(s, onnx_int_or(s, "axis", -1), shape.rank + 1);
    if (axis < 0 || known_number(s, 1, &depth))
        return -1;
    if (!(depth >= 1 && depth < 1 << 30))
        return ax_fail(s->err, AX_ERANGE, "a depth of %g", depth);
    for (int i = shape.rank++; i > axis; i--)
        shape.dim[i] = shape.dim[i - 1];
    shape.dim[axis] = 1;
    if (onnx_cast(s, s->in[0], AX_I64, &at) || onnx_reshaped(s, &at, &shape, &wide) ||
        counted(s, (int64_t)depth, shape.rank - 1 - axis, &places) ||
        hot_places(s, &wide, &places, (int64_t)depth, &hot) || off_and_on(s, values))
        return -1;
    return onnx_where(s, &hot, &values[1], &values[0], &s->out[0]);
}

/* ---- shapes that only the numbers tell ---- */

static int known_before(onnx_site *s, int i)
{
    return s->in[i]->data ? 0 : onnx_unknown(s, i);
}

static int is_set(const ax_onnx_value *v, int64_t i)
{
    return ax_real_read(v->desc.dtype, v->data, i) != 0;
}

static int non_zero(onnx_site *s)
{
    if (known_before(s, 0))
        return -1;
    const ax_onnx_value *x = s->in[0];
    const ax_shape *shape = &x->desc.shape;
    int64_t count = ax_shape_count(shape), found = 0, at = 0, step = count;
    for (int64_t i = 0; i < count; i++)
        found += is_set(x, i);
    int64_t *y = onnx_alloc(s, found * shape->rank + 1, sizeof *y);
    for (int64_t i = 0; y && i < count; i++) {
        if (!is_set(x, i))
            continue;
        step = count;
        for (int d = 0; d < shape->rank; d++) {
            step /= shape->dim[d];
            y[d * found + at] = i / step % shape->dim[d];
        }
        at++;
    }
    s->out[0] = (ax_onnx_value){"", {AX_I64, AX_SHAPE(shape->rank, found)}, y, AX_NONE};
    return y ? 0 : -1;
}

/* What is marked along the axis; without one, of all elements in a row. */
static int compress(onnx_site *s)
{
    if (known_before(s, 1))
        return -1;
    const ax_onnx_value *marks = s->in[1];
    ax_onnx_value x = *s->in[0], at = {.name = ""};
    ax_axis_attr a = {0};
    int64_t n = ax_shape_count(&marks->desc.shape), found = 0;
    if (!onnx_attr(s, "axis")) {
        int64_t all = ax_shape_count(&x.desc.shape);
        if (onnx_reshaped(s, s->in[0], &AX_SHAPE(all), &x))
            return -1;
    } else if ((a.axis = axis_of(s, 0)) < 0) {
        return -1;
    }
    if (n > x.desc.shape.dim[a.axis])
        return ax_fail(s->err, AX_ESHAPE, "%lld marks for %lld elements", (long long)n,
                       (long long)x.desc.shape.dim[a.axis]);
    int64_t *places = onnx_alloc(s, n + 1, sizeof *places);
    for (int64_t i = 0; places && i < n; i++)
        if (is_set(marks, i))
            places[found++] = i;
    if (!places)
        return -1;
    at = (ax_onnx_value){"", {AX_I64, AX_SHAPE(found)}, places, AX_NONE};
    return onnx_apply(s, &ax_op_gather, &a, (ax_onnx_value *[]){&x, &at}, 2, &s->out[0]);
}

/* ---- unique ---- */

/* n slices of x, each of `outer` times `inner` elements. */
typedef struct slices {
    ax_dtype type;
    const void *x;
    int64_t n, outer, inner;
} slices;

static int compare_elements(const slices *w, int64_t p, int64_t q)
{
    if (ax_is_float(w->type)) { /* NaN comes last, and is equal to NaN */
        double u = ax_real_read(w->type, w->x, p), v = ax_real_read(w->type, w->x, q);
        return u != u || v != v ? (u != u) - (v != v) : (u > v) - (u < v);
    }
    int64_t u = ax_whole_read(w->type, w->x, p), v = ax_whole_read(w->type, w->x, q);
    if (w->type == AX_U64)
        return ((uint64_t)u > (uint64_t)v) - ((uint64_t)u < (uint64_t)v);
    return (u > v) - (u < v);
}

static int compare_slices(const slices *w, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < w->outer; o++)
        for (int64_t i = 0; i < w->inner; i++) {
            int c =
                compare_elements(w, (o * w->n + a) * w->inner + i, (o * w->n + b) * w->inner + i);
            if (c)
                return c;
        }
    return 0;
}

/* Equal slices in the order they stand in, so that the first of them leads. */
static int by_value(const void *a, const void *b, void *w)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int c = compare_slices(w, i, j);
    return c ? c : (i > j) - (i < j);
}

static int by_place(const void *a, const void *b)
{
    int64_t i = ((const int64_t *)a)[0], j = ((const int64_t *)b)[0];
    return (i > j) - (i < j);
}

/* group[k]: the first slice of the k-th value and how many there are; inverse[i]: the value of
 * slice i. Gives the number of values. order has room for n, group for 2 n, rank for n. */
static int64_t group_slices(slices *w, int sorted, int64_t *order, int64_t (*group)[2],
                            int64_t *rank, int64_t *inverse)
{
    int64_t values = 0;
    for (int64_t i = 0; i < w->n; i++)
        order[i] = i;
    qsort_r(order, (size_t)w->n, sizeof *order, by_value, w);
    for (int64_t i = 0; i < w->n; i++) {
        if (!i || compare_slices(w, order[i - 1], order[i])) {
            group[values][0] = order[i];
            group[values++][1] = 0;
        }
        group[values - 1][1]++;
        inverse[order[i]] = group[values - 1][0];
    }
    if (!sorted)
        qsort(group, (size_t)values, sizeof *group, by_place);
    for (int64_t k = 0; k < values; k++)
        rank[group[k][0]] = k;
    for (int64_t i = 0; i < w->n; i++)
        inverse[i] = rank[inverse[i]];
    return values;
}

static int unique(onnx_site *s)
{
    ax_onnx_value x = *s->in[0], places, y = {.name = ""};
    ax_axis_attr a = {0};
    if (known_before(s, 0))
        return -1;
    if (!onnx_attr(s, "axis")) {
        int64_t all = ax_shape_count(&x.desc.shape);
        if (onnx_reshaped(s, s->in[0], &AX_SHAPE(all), &x))
            return -1;
    } else if ((a.axis = axis_of(s, 0)) < 0) {
        return -1;
    }
    slices w = {x.desc.dtype, x.data, x.desc.shape.dim[a.axis], 1, 1};
    for (int i = 0; i < x.desc.shape.rank; i++)
        *(i < a.axis ? &w.outer : &w.inner) *= i == a.axis ? 1 : x.desc.shape.dim[i];
    int64_t *order = onnx_alloc(s, w.n + 1, sizeof *order),
            *rank = onnx_alloc(s, w.n + 1, sizeof *rank),
            *inverse = onnx_alloc(s, w.n + 1, sizeof *inverse),
            *first = onnx_alloc(s, w.n + 1, sizeof *first),
            *counts = onnx_alloc(s, w.n + 1, sizeof *counts);
    int64_t(*group)[2] = onnx_alloc(s, w.n + 1, sizeof *group);
    if (!order || !rank || !inverse || !first || !counts || !group)
        return -1;
    int64_t values =
        group_slices(&w, onnx_int_or(s, "sorted", 1) != 0, order, group, rank, inverse);
    for (int64_t k = 0; k < values; k++) {
        first[k] = group[k][0];
        counts[k] = group[k][1];
    }
    places = (ax_onnx_value){"", {AX_I64, AX_SHAPE(values)}, first, AX_NONE};
    if (onnx_apply(s, &ax_op_gather, &a, (ax_onnx_value *[]){&x, &places}, 2, &y))
        return -1;
    ax_onnx_value out[] = {y,
                           places,
                           {"", {AX_I64, AX_SHAPE(w.n)}, inverse, AX_NONE},
                           {"", {AX_I64, AX_SHAPE(values)}, counts, AX_NONE}};
    for (int i = 0; i < s->n_out && i < 4; i++)
        s->out[i] = out[i];
    return 0;
}

static int reverse_sequence(onnx_site *s)
{
    int rank = s->in[0]->desc.shape.rank;
    ax_reverse_attr a = {.time = onnx_axis(s, onnx_int_or(s, "time_axis", 0), rank),
                         .batch = onnx_axis(s, onnx_int_or(s, "batch_axis", 1), rank)};
    if (a.time < 0 || a.batch < 0)
        return -1;
    return onnx_apply(s, &ax_op_reverse, &a, s->in, 2, &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_index[] = {
    {"Gather", 1, 2, 2, "axis", gather, 0},
    {"GatherElements", 11, 2, 2, "axis", gather_elements, 0},
    {"GatherND", 11, 2, 2, "batch_dims", gather_nd, 0},
    {"Scatter", 9, 3, 3, "axis", scatter, 0},
    {"ScatterElements", 11, 3, 3, "axis reduction", scatter, 0},
    {"ScatterND", 11, 3, 3, "reduction", scatter_nd, 0},
    {"TopK", 1, 1, 1, "axis k", topk, 0},
    {"TopK", 10, 2, 2, "axis", topk, 0},
    {"TopK", 11, 2, 2, "axis largest sorted", topk, 0},
    {"OneHot", 9, 3, 3, "axis", one_hot, 0},
    {"NonZero", 9, 1, 1, "", non_zero, 0},
    {"Compress", 9, 2, 2, "axis", compress, 0},
    {"Unique", 11, 1, 1, "axis sorted", unique, 0},
    {"ReverseSequence", 10, 2, 2, "time_axis batch_axis", reverse_sequence, 0},
    {0},
};
// clang-format on
