/* nll.c - negative log-likelihood of class numbers, at every place of a map: what ONNX's losses are
 * made of. -w[t] x[n,t,...] is the loss of a place; one whose class is the ignored number costs
 * nothing, one that is no class NaN. Sums are made in double, in the order of the places. */
#include <math.h>
#include <string.h>

#include "base/range.h"
#include "ops/ops.h"

typedef struct job {
    const ax_nll_attr *a;
    int64_t places, classes, inner; /* inner: places of one sample */
    const float *x, *weight, *d;
    const void *target;
    ax_dtype type;
    float *y;
    double scale;
} job;

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    const ax_nll_attr *a = attr;
    const ax_shape *x = &in[0].shape;
    ax_shape want = {.rank = x->rank - 1};
    char text[160], other[160];
    if (x->rank < 2 || in[0].dtype != AX_F32)
        return ax_fail(err, AX_ESHAPE, "scores of rank %d and type %s, expected float32 (N,C,...)",
                       x->rank, ax_dtype_name(in[0].dtype));
    for (int i = 0; i < want.rank; i++)
        want.dim[i] = x->dim[i + (i > 0)];
    if (!ax_shape_equal(&in[1].shape, &want))
        return ax_fail(err, AX_ESHAPE, "class numbers of shape %s, expected %s",
                       ax_shape_str(&in[1].shape, text, sizeof text),
                       ax_shape_str(&want, other, sizeof other));
    if (in[1].dtype != AX_I32 && in[1].dtype != AX_I64)
        return ax_fail(err, AX_ETYPE, "class numbers are %s, expected int32 or int64",
                       ax_dtype_name(in[1].dtype));
    if (n_in > 2 && in[2].shape.rank >= 0 &&
        (in[2].dtype != AX_F32 || in[2].shape.rank != 1 || in[2].shape.dim[0] != x->dim[1]))
        return ax_fail(err, AX_ESHAPE, "%s of weights, expected (%lld)",
                       ax_shape_str(&in[2].shape, text, sizeof text), (long long)x->dim[1]);
    out[0] = (ax_desc){AX_F32, a->reduction == AX_NLL_NONE ? want : (ax_shape){0}};
    return 0;
}

static job job_of(const ax_call *c)
{
    const ax_shape *x = &c->in[0].shape;
    job j = {.a = c->attr, .x = c->x[0], .target = c->x[1], .type = c->in[1].dtype, .y = c->y[0]};
    j.places = ax_shape_count(&c->in[1].shape);
    j.classes = x->dim[1];
    j.inner = x->dim[0] ? j.places / x->dim[0] : 0;
    j.weight = c->n_in > 2 ? c->x[2] : NULL;
    return j;
}

/* Where x has place i's own class, and what it weighs: -1 and 0 where it is ignored, -1 and NaN
 * where there is no such class. */
static int64_t at(const job *j, int64_t i, double *weight)
{
    int64_t t =
        j->type == AX_I64 ? ((const int64_t *)j->target)[i] : ((const int32_t *)j->target)[i];
    *weight = 0;
    if (j->a->ignores && t == j->a->ignored)
        return -1;
    *weight = (double)NAN;
    if (t < 0 || t >= j->classes)
        return -1;
    *weight = j->weight ? (double)j->weight[t] : 1;
    return (i / j->inner * j->classes + t) * j->inner + i % j->inner;
}

static void each(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++) {
        double w;
        int64_t k = at(j, i, &w);
        j->y[i] = (float)(k < 0 ? w : -w * j->x[k]);
    }
}

static double sum_of_weights(const job *j)
{
    double sum = 0, w;
    for (int64_t i = 0; i < j->places; i++) {
        at(j, i, &w);
        sum += w;
    }
    return sum;
}

static void run(const ax_call *c)
{
    job j = job_of(c);
    double sum = 0, w;
    if (j.a->reduction == AX_NLL_NONE) {
        ax_range(c->pool, j.places, 16384, each, &j);
        return;
    }
    for (int64_t i = 0; i < j.places; i++) {
        int64_t k = at(&j, i, &w);
        sum += k < 0 ? w : -w * j.x[k];
    }
    *j.y = (float)(j.a->reduction == AX_NLL_MEAN ? sum / sum_of_weights(&j) : sum);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], n->n_in > 2 ? n->in[2] : AX_NONE, dout[0]};
    if (n->n_in > 2 && ax_needs_grad(g, n->in[2]))
        return ax_fail(err, AX_EUNSUPPORTED, "the weights of classes do not learn");
    din[0] = ax_graph_node(g, &ax_op_nll_grad, n->name, n->attr, in, 4, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_nll = {
    .name = "nll",
    .mixed = 1,
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_nll_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
};

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

static void grad_each(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++) {
        double w;
        int64_t k = at(j, i, &w);
        if (k >= 0)
            j->y[k] = (float)(-w * j->scale * j->d[j->a->reduction == AX_NLL_NONE ? i : 0]);
    }
}

static void grad_run(const ax_call *c)
{
    job j = job_of(c);
    j.d = c->x[3];
    j.scale = j.a->reduction == AX_NLL_MEAN ? 1 / sum_of_weights(&j) : 1;
    memset(j.y, 0, (size_t)ax_shape_count(&c->out[0].shape) * sizeof *j.y);
    ax_range(c->pool, j.places, 16384, grad_each, &j);
}

static void grad_choose(const ax_site *s, ax_choice *c)
{
    (void)s;
    c->unread = 1; /* of x the shape alone */
}

const ax_op ax_op_nll_grad = {
    .name = "nll_grad",
    .mixed = 1,
    .min_in = 2,
    .max_in = 4,
    .n_out = 1,
    .attr_size = sizeof(ax_nll_attr),
    .infer = grad_infer,
    .run = grad_run,
    .choose = grad_choose,
};
