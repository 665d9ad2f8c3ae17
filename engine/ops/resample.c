/* resample.c - an axis taken anew: each element of the result is a weighed sum of a few elements of
 * x along that axis. Which, and with which weights, are tables made by whoever builds the graph; so
 * one op is interpolation of every kind. */
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "ops/ops.h"

enum { TILE = 128 /* sums held at a time */ };

static int check_tables(int axis, int rank, const ax_desc *index, const ax_desc *weight,
                        ax_err *err)
{
    if (axis < 0 || axis >= rank)
        return ax_fail(err, AX_ERANGE, "there is no axis %d in a tensor of rank %d", axis, rank);
    if (index->dtype != AX_I32 || weight->dtype != AX_F32 || index->shape.rank != 2 ||
        !ax_shape_equal(&index->shape, &weight->shape))
        return ax_fail(err, AX_ESHAPE, "needs int32 places and as many float32 weights, (n, taps)");
    return 0;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    int axis = ((const ax_resample_attr *)attr)->axis;
    if (check_tables(axis, in[0].shape.rank, &in[1], &in[2], err))
        return -1;
    if (in[0].dtype != AX_F32 || (in[0].shape.dim[axis] == 0 && in[1].shape.dim[0] > 0))
        return ax_fail(err, AX_ESHAPE, "needs float32, and something along axis %d", axis);
    out[0] = in[0];
    out[0].shape.dim[axis] = in[1].shape.dim[0];
    return 0;
}

/* x (outer, size, inner), y (outer, n, inner) */
typedef struct job {
    const float *x, *weight;
    const int32_t *index;
    float *y;
    int64_t size, n, taps, inner;
} job;

static job job_of(const ax_call *c, const ax_shape *x, int axis, int64_t *outer)
{
    job j = {.x = c->x[0], .index = c->x[1], .weight = c->x[2], .y = c->y[0], .inner = 1};
    j.n = c->in[1].shape.dim[0];
    j.taps = c->in[1].shape.dim[1];
    j.size = x->dim[axis];
    *outer = 1;
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? outer : &j.inner) *= i == axis ? 1 : x->dim[i];
    return j;
}

/* The tables are numbers of the graph that no rule has seen. */
static int64_t place(const job *j, int64_t i)
{
    return max64(0, min64(j->index[i], j->size - 1));
}

/* One row of y, of neighbours that take the same elements of theirs. */
static void one_row(const job *j, const float *x, int64_t o, float *y)
{
    for (int64_t at = 0; at < j->inner; at += TILE) {
        int64_t n = min64(TILE, j->inner - at);
        double sum[TILE] = {0};
        for (int64_t k = o * j->taps; k < (o + 1) * j->taps; k++) {
            const float *row = x + place(j, k) * j->inner + at;
            double w = (double)j->weight[k];
            for (int64_t i = 0; w != 0 && i < n; i++)
                sum[i] += w * (double)row[i];
        }
        for (int64_t i = 0; i < n; i++)
            y[at + i] = (float)sum[i];
    }
}

/* The last axis: neighbours in y take different elements. */
static float one_number(const job *j, const float *x, int64_t o)
{
    double sum = 0;
    for (int64_t k = o * j->taps; k < (o + 1) * j->taps; k++)
        if (j->weight[k] != 0)
            sum += (double)j->weight[k] * (double)x[place(j, k)];
    return (float)sum;
}

static void run_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t r = from; r < to; r++) {
        const float *x = j->x + r / j->n * j->size * j->inner;
        if (j->inner == 1)
            j->y[r] = one_number(j, x, r % j->n);
        else
            one_row(j, x, r % j->n, j->y + r * j->inner);
    }
}

static void run(const ax_call *c)
{
    int64_t outer;
    job j = job_of(c, &c->in[0].shape, ((const ax_resample_attr *)c->attr)->axis, &outer);
    if (j.inner)
        ax_range(c->pool, outer * j.n, 1 + 8192 / ((j.inner + 1) * (j.taps + 1)), run_rows, &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_resample_attr *a = n->attr;
    ax_resample_attr back = {a->axis, g->val[n->in[0]].desc.shape.dim[a->axis]};
    din[0] = ax_graph_node(g, &ax_op_resample_grad, n->name, &back,
                           (ax_val[]){dout[0], n->in[1], n->in[2]}, 3, err);
    return din[0] < 0 ? -1 : 0;
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(2 * ax_shape_count(&out[0].shape), in[1].shape.dim[1]);
}

const ax_op ax_op_resample = {
    .name = "resample",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_resample_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
    .flops = flops,
};

/* ---- the gradient: sums of what each element was taken for ---- */

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_resample_attr *a = attr;
    if (check_tables(a->axis, in[0].shape.rank, &in[1], &in[2], err))
        return -1;
    if (in[0].dtype != AX_F32 || in[0].shape.dim[a->axis] != in[1].shape.dim[0] || a->size < 0)
        return ax_fail(err, AX_ESHAPE, "needs a gradient with %lld elements along axis %d",
                       (long long)in[1].shape.dim[0], a->axis);
    out[0] = in[0];
    out[0].shape.dim[a->axis] = a->size;
    return 0;
}

/* j->x is dy (outer, n, inner) here, j->y is dx */
static void grad_parts(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t r = from; r < to; r++) {
        const float *dy = j->x + r * j->n * j->inner;
        float *dx = j->y + r * j->size * j->inner;
        memset(dx, 0, (size_t)(j->size * j->inner) * sizeof *dx);
        for (int64_t k = 0; k < j->n * j->taps; k++) {
            float *to_row = dx + place(j, k) * j->inner;
            const float *row = dy + k / j->taps * j->inner;
            for (int64_t i = 0; i < j->inner; i++)
                to_row[i] += j->weight[k] * row[i];
        }
    }
}

static void grad_run(const ax_call *c)
{
    int64_t outer;
    job j = job_of(c, &c->out[0].shape, ((const ax_resample_attr *)c->attr)->axis, &outer);
    if (j.size && j.inner)
        ax_range(c->pool, outer, 1 + 8192 / (j.n * j.taps * j.inner + 1), grad_parts, &j);
}

const ax_op ax_op_resample_grad = {
    .name = "resample_grad",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_resample_attr),
    .infer = grad_infer,
    .run = grad_run,
};
