/* topk.c - the k largest, or smallest, of each line along an axis, and their places, in order; of
 * equals the first comes first. NaN counts as larger than all numbers. */
#include <math.h>
#include <string.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_topk_attr *a = attr;
    const ax_shape *x = &in[0].shape;
    if (in[0].dtype == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "bools, expected numbers");
    if (a->axis < 0 || a->axis >= x->rank)
        return ax_fail(err, AX_ERANGE, "there is no axis %d", a->axis);
    if (a->k < 0 || a->k > x->dim[a->axis])
        return ax_fail(err, AX_ERANGE, "the best %lld of %lld", (long long)a->k,
                       (long long)x->dim[a->axis]);
    out[0] = in[0];
    out[0].shape.dim[a->axis] = a->k;
    out[1] = (ax_desc){AX_I64, out[0].shape};
    return 0;
}

/* A line of x: n elements, each `step` behind the one before. */
typedef struct line {
    ax_dtype type;
    const void *x;
    int64_t at, step;
    int largest;
} line;

/* -1, 0, 1: x[i] is smaller than x[j], the same, larger */
static int order(const line *l, int64_t i, int64_t j)
{
    int64_t p = l->at + i * l->step, q = l->at + j * l->step;
    if (ax_is_float(l->type)) {
        double u = ax_real_read(l->type, l->x, p), v = ax_real_read(l->type, l->x, q);
        return u != u || v != v ? (u != u) - (v != v) : (u > v) - (u < v);
    }
    int64_t u = ax_whole_read(l->type, l->x, p), v = ax_whole_read(l->type, l->x, q);
    if (l->type == AX_U64)
        return ((uint64_t)u > (uint64_t)v) - ((uint64_t)u < (uint64_t)v);
    return (u > v) - (u < v);
}

static int is_better(const line *l, int64_t i, int64_t j)
{
    int o = order(l, i, j);
    return o ? (o > 0) == l->largest : i < j;
}

/* heap[0..n): the worst at the root */
static void sift(const line *l, int64_t *heap, int64_t n)
{
    for (int64_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_better(l, heap[child], heap[child + 1]))
            child++;
        if (!is_better(l, heap[i], heap[child]))
            return;
        int64_t t = heap[i];
        heap[i] = heap[child];
        heap[child] = t;
    }
}

static void rise(const line *l, int64_t *heap, int64_t i)
{
    for (int64_t up; i > 0 && is_better(l, heap[up = (i - 1) / 2], heap[i]); i = up) {
        int64_t t = heap[i];
        heap[i] = heap[up];
        heap[up] = t;
    }
}

/* The places of the best k of n, the best first. */
static void best_of(const line *l, int64_t n, int64_t k, int64_t *heap)
{
    for (int64_t i = 0; i < n && k; i++) {
        if (i < k) {
            heap[i] = i;
            rise(l, heap, i);
        } else if (is_better(l, i, heap[0])) {
            heap[0] = i;
            sift(l, heap, k);
        }
    }
    for (int64_t left = k - 1; left > 0; left--) {
        int64_t worst = heap[0];
        heap[0] = heap[left];
        heap[left] = worst;
        sift(l, heap, left);
    }
}

static void lines(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    const ax_topk_attr *a = c->attr;
    const ax_shape *x = &c->in[0].shape;
    size_t size = ax_dtype_size(c->in[0].dtype);
    int64_t inner = 1, n = x->dim[a->axis];
    for (int i = a->axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    for (int64_t r = from; r < to; r++) {
        line l = {c->in[0].dtype, c->x[0], r / inner * n * inner + r % inner, inner, a->largest};
        int64_t *heap = (int64_t *)(void *)c->scratch + r * a->k;
        best_of(&l, n, a->k, heap);
        for (int64_t i = 0; i < a->k; i++) {
            int64_t at = (r / inner * a->k + i) * inner + r % inner;
            ((int64_t *)c->y[1])[at] = heap[i];
            memcpy((char *)c->y[0] + (size_t)at * size,
                   (const char *)c->x[0] + (size_t)(l.at + heap[i] * inner) * size, size);
        }
    }
}

static void run(const ax_call *c)
{
    const ax_topk_attr *a = c->attr;
    int64_t count = ax_shape_count(&c->out[0].shape);
    if (count)
        ax_range(c->pool, count / a->k, 1 + 4096 / c->in[0].shape.dim[a->axis], lines,
                 (void *)(uintptr_t)c);
}

static void choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * ax_shape_count(&s->out[0].shape); /* int64 places */
}

/* Values go back to their places. */
static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    static const double zero = 0;
    ax_scatter_attr a = {((const ax_topk_attr *)n->attr)->axis, AX_SCATTER_ADD};
    if (dout[0] == AX_NONE)
        return 0;
    ax_val v = ax_graph_const(g, g->val[n->in[0]].desc.dtype, &(ax_shape){0}, &zero, err);
    if (v >= 0)
        v = ax_graph_node(g, &ax_op_expand_like, n->name, NULL, (ax_val[]){v, n->in[0]}, 2, err);
    if (v >= 0)
        din[0] = v = ax_graph_node(g, &ax_op_scatter, n->name, &a,
                                   (ax_val[]){v, n->out + 1, dout[0]}, 3, err);
    return v < 0 ? -1 : 0;
}

const ax_op ax_op_topk = {
    .name = "topk",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .attr_size = sizeof(ax_topk_attr),
    .infer = infer,
    .run = run,
    .choose = choose,
    .grad = grad,
};
