/* gather.c - elements taken from places that a tensor of indices names, and put there.
 *
 * Indices count from the end where they are negative. Those that are known when a graph is built
 * are checked by its builder; of those that only a run knows, what is beyond the axis is taken at
 * its end and put nowhere. What is put to one place arrives in the order of the indices, whatever
 * the number of threads. */
#include <string.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

static int64_t product(const ax_shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dim[i];
    return n;
}

/* Index i of input 1 into n elements; beyond them when it is. */
static int64_t place_at(const ax_call *c, int64_t i, int64_t n)
{
    int64_t k = ax_whole_read(c->in[1].dtype, c->x[1], i);
    return k < 0 ? k + n : k;
}

static int64_t clamped(int64_t k, int64_t n)
{
    return k < 0 ? 0 : k >= n ? n - 1 : k;
}

static int check_indices(const ax_desc *d, ax_err *err)
{
    if (d->dtype != AX_I64 && d->dtype != AX_I32)
        return ax_fail(err, AX_ETYPE, "indices of %s, int32 and int64 are taken",
                       ax_dtype_name(d->dtype));
    return 0;
}

/* ---- along an axis
 * ------------------------------------------------------------------------------------ */

static int gather_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    int axis = ((const ax_axis_attr *)attr)->axis;
    const ax_shape *x = &in[0].shape, *at = &in[1].shape;
    if (axis < 0 || axis >= x->rank)
        return ax_fail(err, AX_ERANGE, "there is no axis %d in a tensor of rank %d", axis, x->rank);
    if (in[1].dtype != AX_I64 && in[1].dtype != AX_I32)
        return ax_fail(err, AX_ETYPE, "indices of %s, expected int32 or int64",
                       ax_dtype_name(in[1].dtype));
    if (x->rank - 1 + at->rank > AX_MAX_RANK)
        return ax_fail(err, AX_ELIMIT, "the result has %d dimensions, at most %d",
                       x->rank - 1 + at->rank, AX_MAX_RANK);
    if (x->dim[axis] == 0 && ax_shape_count(at))
        return ax_fail(err, AX_ERANGE, "axis %d is empty, nothing can be taken from it", axis);
    out[0].dtype = in[0].dtype;
    ax_shape *y = &out[0].shape;
    y->rank = 0;
    for (int i = 0; i < axis; i++)
        y->dim[y->rank++] = x->dim[i];
    for (int i = 0; i < at->rank; i++)
        y->dim[y->rank++] = at->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        y->dim[y->rank++] = x->dim[i];
    return 0;
}

static void gather_run(const ax_call *c)
{
    int axis = ((const ax_axis_attr *)c->attr)->axis;
    const ax_shape *x = &c->in[0].shape;
    int64_t outer = 1, inner = 1, n = x->dim[axis], taken = ax_shape_count(&c->in[1].shape);
    size_t size = ax_dtype_size(c->in[0].dtype);
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dim[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < taken; k++)
            memcpy((char *)c->y[0] + (size_t)((o * taken + k) * inner) * size,
                   (const char *)c->x[0] +
                       (size_t)((o * n + clamped(place_at(c, k, n), n)) * inner) * size,
                   (size_t)inner * size);
}

/* ---- element by element along an axis
 * ----------------------------------------------------------------- */

/* The indices' shape fits x's: of one rank, and no longer but along the axis. */
static int check_elements(int axis, const ax_desc *in, ax_err *err)
{
    const ax_shape *x = &in[0].shape, *at = &in[1].shape;
    char s[160], t[160];
    int fits = x->rank == at->rank;
    if (check_indices(&in[1], err))
        return -1;
    if (axis < 0 || axis >= x->rank)
        return ax_fail(err, AX_ERANGE, "there is no axis %d", axis);
    for (int i = 0; fits && i < x->rank; i++)
        fits = i == axis || at->dim[i] <= x->dim[i];
    if (!fits)
        return ax_fail(err, AX_ESHAPE, "indices %s into %s along axis %d",
                       ax_shape_str(at, s, sizeof s), ax_shape_str(x, t, sizeof t), axis);
    if (x->dim[axis] == 0 && ax_shape_count(at))
        return ax_fail(err, AX_ERANGE, "axis %d is empty", axis);
    return 0;
}

static int elements_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    if (check_elements(((const ax_axis_attr *)attr)->axis, in, err))
        return -1;
    out[0] = (ax_desc){in[0].dtype, in[1].shape};
    return 0;
}

/* The element of x that index i of a tensor of indices is about; *k is the index. */
static int64_t element_of(const ax_call *c, int axis, int64_t i, int64_t *k)
{
    const ax_shape *x = &c->in[0].shape, *at = &c->in[1].shape;
    int64_t offset = 0, step = 1, axis_step = 1, rest = i;
    for (int d = x->rank - 1; d >= 0; d--) {
        if (d == axis)
            axis_step = step;
        else
            offset += rest % at->dim[d] * step;
        rest /= at->dim[d];
        step *= x->dim[d];
    }
    int64_t n = x->dim[axis], p = place_at(c, i, n);
    *k = p;
    return offset + clamped(p, n) * axis_step;
}

static void copy_element(char *to, int64_t i, const char *from, int64_t k, size_t size)
{
    memcpy(to + (size_t)i * size, from + (size_t)k * size, size);
}

static void elements_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    int axis = ((const ax_axis_attr *)c->attr)->axis;
    size_t size = ax_dtype_size(c->in[0].dtype);
    int64_t k;
    for (int64_t i = from; i < to; i++)
        copy_element(c->y[0], i, c->x[0], element_of(c, axis, i, &k), size);
}

static void elements_run(const ax_call *c)
{
    ax_range(c->pool, ax_shape_count(&c->in[1].shape), 4096, elements_stretch,
             (void *)(uintptr_t)c);
}

/* ---- scattering: a copy of the data, and updates put into it
 * ------------------------------------------- */

static int check_scatter(const ax_scatter_attr *a, const ax_desc *in, ax_err *err)
{
    ax_dtype t = in[0].dtype;
    if (in[2].dtype != t)
        return ax_fail(err, AX_ETYPE, "updates of %s for %s", ax_dtype_name(in[2].dtype),
                       ax_dtype_name(t));
    if (a->reduction != AX_SCATTER_PUT && t == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "bools cannot be added or compared");
    return 0;
}

static int scatter_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_scatter_attr *a = attr;
    char s[160], t[160];
    if (check_elements(a->axis, in, err) || check_scatter(a, in, err))
        return -1;
    if (!ax_shape_equal(&in[1].shape, &in[2].shape))
        return ax_fail(err, AX_ESHAPE, "indices %s for updates %s",
                       ax_shape_str(&in[1].shape, s, sizeof s),
                       ax_shape_str(&in[2].shape, t, sizeof t));
    out[0] = in[0];
    return 0;
}

static void copy_data(const ax_call *c)
{
    size_t bytes = (size_t)ax_shape_count(&c->out[0].shape) * ax_dtype_size(c->out[0].dtype);
    if (bytes)
        memcpy(c->y[0], c->x[0], bytes);
}

/* n updates from element `from` on to y, from element `to` on */
static void put(const ax_call *c, ax_scatter_reduction how, int64_t to, int64_t from, int64_t n)
{
    static const ax_binary_kind kinds[] = {0, AX_BINARY_ADD, AX_BINARY_MUL, AX_BINARY_MIN,
                                           AX_BINARY_MAX};
    size_t size = ax_dtype_size(c->out[0].dtype);
    char *y = (char *)c->y[0] + (size_t)to * size;
    const char *update = (const char *)c->x[2] + (size_t)from * size;
    if (how == AX_SCATTER_PUT)
        memcpy(y, update, (size_t)n * size);
    else
        ax_binary_row(c->out[0].dtype, kinds[how], y, update, y, n);
}

static void scatter_run(const ax_call *c)
{
    const ax_scatter_attr *a = c->attr;
    int64_t n = c->in[0].shape.dim[a->axis];
    copy_data(c);
    for (int64_t i = 0, k; i < ax_shape_count(&c->in[1].shape); i++) {
        int64_t to = element_of(c, a->axis, i, &k);
        if (k >= 0 && k < n)
            put(c, a->reduction, to, i, 1);
    }
}

/* ---- by tuples of indices
 * ------------------------------------------------------------------------------ */

/* The last axis of the indices are tuples of q, each the place of `inner` elements of x; the first
 * axes of both, `batch_dims`, go together. */
typedef struct tuples {
    int64_t batches, each, q, inner, whole; /* each: tuples of a batch; whole: its elements in x */
    int64_t dim[AX_MAX_RANK], step[AX_MAX_RANK];
} tuples;

static int check_tuples(int b, const ax_desc *in, ax_err *err)
{
    const ax_shape *x = &in[0].shape, *at = &in[1].shape;
    char s[160], t[160];
    if (check_indices(&in[1], err))
        return -1;
    int fits = b >= 0 && at->rank > b && x->rank >= b && at->dim[at->rank - 1] <= x->rank - b;
    for (int i = 0; fits && i < b; i++)
        fits = at->dim[i] == x->dim[i];
    if (!fits)
        return ax_fail(err, AX_ESHAPE, "tuples %s into %s, %d batch axes",
                       ax_shape_str(at, s, sizeof s), ax_shape_str(x, t, sizeof t), b);
    for (int64_t i = b; i < b + at->dim[at->rank - 1]; i++)
        if (x->dim[i] == 0 && ax_shape_count(at))
            return ax_fail(err, AX_ERANGE, "axis %d is empty", (int)i);
    return 0;
}

/* The shape of what the tuples name. */
static int named_shape(int b, const ax_shape *x, const ax_shape *at, ax_shape *out, ax_err *err)
{
    int q = (int)at->dim[at->rank - 1];
    out->rank = at->rank - 1 + x->rank - b - q;
    if (out->rank > AX_MAX_RANK)
        return ax_fail(err, AX_ELIMIT, "a result of %d dimensions, at most %d", out->rank,
                       AX_MAX_RANK);
    for (int i = 0; i < at->rank - 1; i++)
        out->dim[i] = at->dim[i];
    for (int i = b + q; i < x->rank; i++)
        out->dim[at->rank - 1 + i - b - q] = x->dim[i];
    return 0;
}

static tuples tuples_of(int b, const ax_shape *x, const ax_shape *at)
{
    int q = (int)at->dim[at->rank - 1];
    tuples w = {.batches = product(x, 0, b),
                .each = product(at, b, at->rank - 1),
                .q = q,
                .inner = product(x, b + q, x->rank),
                .whole = product(x, b, x->rank)};
    for (int i = 0; i < q; i++) {
        w.dim[i] = x->dim[b + i];
        w.step[i] = product(x, b + i + 1, x->rank);
    }
    return w;
}

/* Where in x the elements of tuple i are; *beyond: an index is beyond its axis. */
static int64_t named(const ax_call *c, const tuples *w, int64_t i, int *beyond)
{
    int64_t at = i / w->each * w->whole;
    *beyond = 0;
    for (int64_t d = 0; d < w->q; d++) {
        int64_t k = place_at(c, i * w->q + d, w->dim[d]);
        *beyond |= k < 0 || k >= w->dim[d];
        at += clamped(k, w->dim[d]) * w->step[d];
    }
    return at;
}

static int gather_nd_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    int b = ((const ax_gather_nd_attr *)attr)->batch_dims;
    out[0].dtype = in[0].dtype;
    return check_tuples(b, in, err) ||
                   named_shape(b, &in[0].shape, &in[1].shape, &out[0].shape, err)
               ? -1
               : 0;
}

static void gather_nd_run(const ax_call *c)
{
    tuples w = tuples_of(((const ax_gather_nd_attr *)c->attr)->batch_dims, &c->in[0].shape,
                         &c->in[1].shape);
    size_t size = ax_dtype_size(c->in[0].dtype), bytes = (size_t)w.inner * size;
    int beyond;
    for (int64_t i = 0; bytes && i < w.batches * w.each; i++)
        memcpy((char *)c->y[0] + (size_t)i * bytes,
               (const char *)c->x[0] + (size_t)named(c, &w, i, &beyond) * size, bytes);
}

static int scatter_nd_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out,
                            ax_err *err)
{
    (void)n_in;
    const ax_scatter_attr *a = attr;
    char s[160], t[160];
    ax_shape want;
    if (check_tuples(a->axis, in, err) || check_scatter(a, in, err) ||
        named_shape(a->axis, &in[0].shape, &in[1].shape, &want, err))
        return -1;
    if (!ax_shape_equal(&want, &in[2].shape))
        return ax_fail(err, AX_ESHAPE, "updates %s, the indices name %s",
                       ax_shape_str(&in[2].shape, s, sizeof s), ax_shape_str(&want, t, sizeof t));
    out[0] = in[0];
    return 0;
}

static void scatter_nd_run(const ax_call *c)
{
    const ax_scatter_attr *a = c->attr;
    tuples w = tuples_of(a->axis, &c->in[0].shape, &c->in[1].shape);
    copy_data(c);
    for (int64_t i = 0; w.inner && i < w.batches * w.each; i++) {
        int beyond;
        int64_t to = named(c, &w, i, &beyond);
        if (!beyond)
            put(c, a->reduction, to, i * w.inner, w.inner);
    }
}

/* ---- gradients
 * ---------------------------------------------------------------------------------------- */

/* zeros in the shape of x, to which dy is added where a gather took it */
static int gather_dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_desc y[1];
    if (gather_infer(attr, in, n_in - 1, y, err))
        return -1;
    if (!ax_shape_equal(&y->shape, &in[2].shape) || in[2].dtype != in[0].dtype ||
        !ax_is_float(in[0].dtype))
        return ax_fail(err, AX_ESHAPE, "not the gradient of a gather");
    out[0] = in[0];
    return 0;
}

static void gather_dx_choose(const ax_site *s, ax_choice *c)
{
    (void)s;
    c->unread = 1u;
}

static void gather_dx_run(const ax_call *c)
{
    int axis = ((const ax_axis_attr *)c->attr)->axis;
    const ax_shape *x = &c->in[0].shape;
    int64_t n = x->dim[axis], taken = ax_shape_count(&c->in[1].shape), outer = product(x, 0, axis),
            inner = product(x, axis + 1, x->rank);
    memset(c->y[0], 0, (size_t)ax_shape_count(x) * ax_dtype_size(c->in[0].dtype));
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < taken; k++)
            put(c, AX_SCATTER_ADD, (o * n + clamped(place_at(c, k, n), n)) * inner,
                (o * taken + k) * inner, inner);
}

static int gather_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_gather_dx, n->name, n->attr,
                           (ax_val[]){n->in[0], n->in[1], dout[0]}, 3, err);
    return din[0] < 0 ? -1 : 0;
}

/* zeros in the shape of a value */
static ax_val zeros_like(ax_graph *g, const ax_node *n, ax_val like, ax_err *err)
{
    static const double zero = 0;
    ax_val v = ax_graph_const(g, g->val[like].desc.dtype, &(ax_shape){0}, &zero, err);
    return v < 0 ? v
                 : ax_graph_node(g, &ax_op_expand_like, n->name, NULL, (ax_val[]){v, like}, 2, err);
}

/* What was gathered goes back by adding. */
static int back(ax_graph *g, const ax_node *n, const ax_op *op, int axis, ax_val dy, ax_val at,
                ax_val *dx, ax_err *err)
{
    ax_scatter_attr a = {axis, AX_SCATTER_ADD};
    ax_val zeros = zeros_like(g, n, n->in[0], err);
    *dx = zeros < 0 ? zeros : ax_graph_node(g, op, n->name, &a, (ax_val[]){zeros, at, dy}, 3, err);
    return *dx < 0 ? -1 : 0;
}

static int elements_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                         ax_err *err)
{
    return back(g, n, &ax_op_scatter, ((const ax_axis_attr *)n->attr)->axis, dout[0], n->in[1],
                &din[0], err);
}

static int gather_nd_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                          ax_err *err)
{
    return back(g, n, &ax_op_scatter_nd, ((const ax_gather_nd_attr *)n->attr)->batch_dims, dout[0],
                n->in[1], &din[0], err);
}

/* Of data that is put over nothing comes back; sums let all through. Where two updates are put to
 * one place, both get the gradient of the one that stays. */
static int scatter_back(ax_graph *g, const ax_node *n, const ax_op *scatter, const ax_op *gather,
                        ax_val dy, ax_val *din, ax_err *err)
{
    const ax_scatter_attr *a = n->attr;
    if (a->reduction != AX_SCATTER_PUT && a->reduction != AX_SCATTER_ADD)
        return ax_fail(err, AX_EUNSUPPORTED,
                       "%s '%s' has a gradient only without a reduction, or with add", n->op->name,
                       n->name);
    if (ax_needs_grad(g, n->in[0])) {
        din[0] = dy;
        if (a->reduction == AX_SCATTER_PUT) {
            ax_val zeros = zeros_like(g, n, n->in[2], err);
            din[0] = zeros < 0 ? zeros
                               : ax_graph_node(g, scatter, n->name, a,
                                               (ax_val[]){dy, n->in[1], zeros}, 3, err);
        }
    }
    if (ax_needs_grad(g, n->in[2]))
        din[2] = ax_graph_node(g, gather, n->name, &a->axis, (ax_val[]){dy, n->in[1]}, 2, err);
    return (ax_needs_grad(g, n->in[0]) && din[0] < 0) || (ax_needs_grad(g, n->in[2]) && din[2] < 0)
               ? -1
               : 0;
}

static int scatter_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    return scatter_back(g, n, &ax_op_scatter, &ax_op_gather_elements, dout[0], din, err);
}

static int scatter_nd_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                           ax_err *err)
{
    return scatter_back(g, n, &ax_op_scatter_nd, &ax_op_gather_nd, dout[0], din, err);
}

const ax_op ax_op_gather_dx = {
    .name = "gather_dx",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_axis_attr),
    .infer = gather_dx_infer,
    .run = gather_dx_run,
    .choose = gather_dx_choose,
};

const ax_op ax_op_gather_elements = {
    .name = "gather_elements",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_axis_attr),
    .infer = elements_infer,
    .run = elements_run,
    .grad = elements_grad,
};

const ax_op ax_op_gather_nd = {
    .name = "gather_nd",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_gather_nd_attr),
    .infer = gather_nd_infer,
    .run = gather_nd_run,
    .grad = gather_nd_grad,
};

const ax_op ax_op_scatter = {
    .name = "scatter",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_scatter_attr),
    .infer = scatter_infer,
    .run = scatter_run,
    .grad = scatter_grad,
};

const ax_op ax_op_scatter_nd = {
    .name = "scatter_nd",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_scatter_attr),
    .infer = scatter_nd_infer,
    .run = scatter_nd_run,
    .grad = scatter_nd_grad,
};

const ax_op ax_op_gather = {
    .name = "gather",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_axis_attr),
    .infer = gather_infer,
    .run = gather_run,
    .grad = gather_grad,
};
