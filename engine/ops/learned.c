/* learned.c - an activation whose parameters are learned: element-wise, a formula or a row of the
 * catalogue, which keeps its kernel.
 *
 * Each learned parameter is a tensor of one number beside x. Bounds hold where the op reads it: a
 * number outside counts as the bound, and its gradient is what the function has there, so that
 * training can lead it back. A parameter's gradient is added up in slices that depend on the size
 * alone: same bits on any number of threads. */
#include "activation/formula/formula.h"
#include "base/range.h"
#include "ops/ops.h"

enum { SLICE = 16384 };

typedef struct learned_job {
    ax_act act;
    int param;
    const float *x, *dy;
    float *y;
    double *sum; /* [slices] */
    int64_t n;
} learned_job;

static int learned_count(const ax_learned_attr *a)
{
    return __builtin_popcount(a->act.learned);
}

/* The function with parameter k of the learned ones read from value[k]. */
static ax_act act_with(const ax_learned_attr *a, const float *const value[])
{
    ax_act act = a->act;
    for (int i = 0, k = 0; i < AX_ACT_PARAMS; i++) {
        const ax_act_param *p = &a->act.row->params[i];
        if (!(a->act.learned >> i & 1))
            continue;
        double v = *value[k++];
        act.param[i] = v < p->min ? p->min : v > p->max ? p->max : v; /* NaN stays */
    }
    return act;
}

ax_act ax_learned_act(const ax_graph *g, const ax_node *n)
{
    const float *value[AX_ACT_PARAMS];
    for (int i = 1; i < n->n_in; i++)
        value[i - 1] = g->val[n->in[i]].data;
    return act_with(n->attr, value);
}

static learned_job job_of(const ax_call *c)
{
    const ax_learned_attr *a = c->attr;
    const float *value[AX_ACT_PARAMS];
    int learned = learned_count(a);
    for (int i = 0; i < learned; i++)
        value[i] = c->x[1 + i];
    return (learned_job){.act = act_with(a, value), .param = a->param, .x = c->x[0],
                         .y = c->y[0], .dy = c->x[1 + learned],
                         .n = ax_shape_count(&c->in[0].shape)};
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr;
    char text[160];
    out[0] = in[0];
    for (int i = 1; i < n_in; i++)
        if (in[i].shape.rank != 1 || in[i].shape.dim[0] != 1)
            return ax_fail(err, AX_ESHAPE, "a learned parameter has shape %s, expected (1)",
                           ax_shape_str(&in[i].shape, text, sizeof text));
    return 0;
}

static void forward(void *ctx, int64_t from, int64_t to)
{
    const learned_job *j = ctx;
    ax_act_forward(&j->act, j->x + from, j->y + from, (size_t)(to - from));
}

static void run(const ax_call *c)
{
    learned_job j = job_of(c);
    ax_range(c->pool, j.n, SLICE, forward, &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_learned_attr a = *(const ax_learned_attr *)n->attr;
    int learned = learned_count(&a);
    ax_val in[AX_MAX_IN];
    for (int i = 0; i <= learned; i++)
        in[i] = n->in[i];
    in[1 + learned] = dout[0];
    din[0] = ax_graph_node(g, &ax_op_learned_dx, n->name, &a, in, 2 + learned, err);
    if (din[0] < 0)
        return -1;
    for (int i = 0, k = 1; i < AX_ACT_PARAMS; i++) {
        if (!(a.act.learned >> i & 1))
            continue;
        a.param = i;
        din[k] = ax_graph_node(g, &ax_op_learned_dp, n->name, &a, in, 2 + learned, err);
        if (din[k++] < 0)
            return -1;
    }
    return 0;
}

const ax_op ax_op_activation_learned = {
    .name = "activation_learned", .min_in = 2, .max_in = 1 + AX_ACT_PARAMS, .n_out = 1,
    .attr_size = sizeof(ax_learned_attr), .infer = infer, .run = run, .grad = grad,
};

/* ---- gradients: x, parameters, dy ---- */

static int dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

static void backward(void *ctx, int64_t from, int64_t to)
{
    const learned_job *j = ctx;
    ax_act_backward(&j->act, j->x + from, j->dy + from, j->y + from, (size_t)(to - from));
}

static void dx_run(const ax_call *c)
{
    learned_job j = job_of(c);
    ax_range(c->pool, j.n, SLICE, backward, &j);
}

const ax_op ax_op_learned_dx = {
    .name = "activation_learned_dx", .min_in = 3, .max_in = 2 + AX_ACT_PARAMS, .n_out = 1,
    .attr_size = sizeof(ax_learned_attr), .infer = dx_infer, .run = dx_run,
};

static int dp_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[1];
    return 0;
}

static void slices(void *ctx, int64_t from, int64_t to)
{
    const learned_job *j = ctx;
    for (int64_t s = from; s < to; s++) {
        int64_t at = s * SLICE, n = j->n - at < SLICE ? j->n - at : SLICE;
        j->sum[s] = ax_formula_param_grad(j->act.gradient, j->param, j->act.param, j->x + at,
                                          j->dy + at, (size_t)n);
    }
}

static void dp_run(const ax_call *c)
{
    learned_job j = job_of(c);
    int64_t n = (j.n + SLICE - 1) / SLICE;
    double sum = 0;
    j.sum = (double *)(void *)c->scratch;
    ax_range(c->pool, n, 1, slices, &j);
    for (int64_t s = 0; s < n; s++)
        sum += j.sum[s];
    *j.y = (float)sum;
}

static void dp_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * ((ax_shape_count(&s->in[0].shape) + SLICE - 1) / SLICE);
}

const ax_op ax_op_learned_dp = {
    .name = "activation_learned_dp", .min_in = 3, .max_in = 2 + AX_ACT_PARAMS, .n_out = 1,
    .attr_size = sizeof(ax_learned_attr), .infer = dp_infer, .run = dp_run, .choose = dp_choose,
};
