/* norm.c - batch-norm (per channel over the batch) and layer-norm (per sample over its last axes).
 *
 * Batch-norm is two ops: with running statistics at inference, with the batch's own in training,
 * where mean and variance are outputs too: the gradient needs them, and the trainer moves the
 * running ones by them. */
#include <math.h>

#include "base/range.h"
#include "ops/ops.h"

static int per_channel(const ax_desc *in, int from, int to, int64_t c, ax_err *err)
{
    char text[160];
    for (int i = from; i < to; i++)
        if (in[i].shape.rank != 1 || in[i].shape.dim[0] != c)
            return ax_fail(err, AX_ESHAPE, "parameter %d has shape %s, expected (%lld)", i,
                           ax_shape_str(&in[i].shape, text, sizeof text), (long long)c);
    return 0;
}

static int bn_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr;
    if (in[0].shape.rank < 2)
        return ax_fail(err, AX_ESHAPE, "needs an input with channels");
    out[0] = in[0];
    return per_channel(in, 1, n_in, in[0].shape.dim[1], err);
}

static void bn_run(const ax_call *c)
{
    const ax_norm_attr *a = c->attr;
    ax_maps m = ax_maps_of(&c->in[0].shape, c->layout[0]);
    ax_batch_norm_apply(&m, c->x[0], c->x[3], c->x[4], c->x[1], c->x[2], a->epsilon, c->y[0],
                        c->pool);
}

static void bn_choose(const ax_site *s, ax_choice *c)
{
    c->in[0] = c->out[0] = s->layout[0];
    c->inplace = 1;
}

/* With fixed statistics dx = dy * gamma / sqrt(var + epsilon): the op itself, with nothing to subtract or
 * add. Those of gamma and beta are the sums that the gradient in training has, too. */
static int bn_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_shape *s = &g->val[n->in[1]].desc.shape;
    float *zeros = AX_ARRAY(&g->arena, float, s->dim[0]);
    ax_val zero = zeros ? ax_graph_const(g, AX_F32, s, zeros, err)
                        : ax_fail(err, AX_ENOMEM, "no memory for the gradient");
    ax_val in[] = {dout[0], n->in[1], zero, zero, n->in[4]};
    ax_val sums[] = {n->in[0], n->in[1], n->in[3], n->in[4], dout[0]}, first = AX_NONE;
    for (int i = 3; i < 5; i++)
        if (ax_needs_grad(g, n->in[i]))
            return ax_fail(err, AX_EUNSUPPORTED, "batch_norm does not learn its running statistics");
    if (zero < 0)
        return -1;
    if (ax_needs_grad(g, n->in[0]) &&
        (din[0] = ax_graph_node(g, &ax_op_batch_norm, n->name, n->attr, in, 5, err)) < 0)
        return -1;
    if (!ax_needs_grad(g, n->in[1]) && !ax_needs_grad(g, n->in[2]))
        return 0;
    if ((first = ax_graph_node(g, &ax_op_batch_norm_grad, n->name, n->attr, sums, 5, err)) < 0)
        return -1;
    din[1] = first + 1;
    din[2] = first + 2;
    return 0;
}

const ax_op ax_op_batch_norm = {
    .name = "batch_norm",
    .min_in = 5,
    .max_in = 5,
    .n_out = 1,
    .attr_size = sizeof(ax_norm_attr),
    .infer = bn_infer,
    .run = bn_run,
    .choose = bn_choose,
    .grad = bn_grad,
};

/* ---- training ---- */

static int train_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    if (bn_infer(attr, in, n_in, out, err))
        return -1;
    out[1] = out[2] = in[1];
    return 0;
}

static void train_run(const ax_call *c)
{
    const ax_norm_attr *a = c->attr;
    ax_maps m = ax_maps_of(&c->in[0].shape, c->layout[0]);
    ax_batch_norm_stats(&m, c->x[0], c->y[1], c->y[2], c->scratch, c->pool);
    ax_batch_norm_apply(&m, c->x[0], c->y[1], c->y[2], c->x[1], c->x[2], a->epsilon, c->y[0],
                        c->pool);
}

static void train_choose(const ax_site *s, ax_choice *c)
{
    c->in[0] = c->out[0] = s->layout[0];
    ax_maps m = ax_maps_of(&s->in[0].shape, s->layout[0]);
    c->scratch = ax_maps_scratch(&m);
}

static int train_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], n->out + 1, n->out + 2, dout[0]};
    if (dout[0] == AX_NONE)
        return 0;
    din[0] = ax_graph_node(g, &ax_op_batch_norm_grad, n->name, n->attr, in, 5, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    din[2] = din[0] + 2;
    return 0;
}

const ax_op ax_op_batch_norm_train = {
    .name = "batch_norm_train",
    .min_in = 3,
    .max_in = 3,
    .n_out = 3,
    .attr_size = sizeof(ax_norm_attr),
    .infer = train_infer,
    .run = train_run,
    .choose = train_choose,
    .grad = train_grad,
};

static int bn_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    out[1] = out[2] = in[1];
    return 0;
}

static void bn_grad_run(const ax_call *c)
{
    const ax_norm_attr *a = c->attr;
    ax_maps m = ax_maps_of(&c->in[0].shape, c->layout[0]);
    ax_batch_norm_backward(&m, c->x[0], c->x[4], c->x[2], c->x[3], c->x[1], a->epsilon, c->y[0],
                           c->y[1], c->y[2], c->scratch, c->pool);
}

static void bn_grad_choose(const ax_site *s, ax_choice *c)
{
    c->in[0] = c->in[4] = c->out[0] = s->layout[0];
    c->inplace = 5;
    ax_maps m = ax_maps_of(&s->in[0].shape, s->layout[0]);
    c->scratch = ax_maps_scratch(&m);
}

const ax_op ax_op_batch_norm_grad = {
    .name = "batch_norm_grad",
    .min_in = 5,
    .max_in = 5,
    .n_out = 3,
    .attr_size = sizeof(ax_norm_attr),
    .infer = bn_grad_infer,
    .run = bn_grad_run,
    .choose = bn_grad_choose,
};

/* ---- layer_norm ---- */

static int ln_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    const ax_norm_attr *a = attr;
    ax_shape want = {.rank = -a->axis};
    char x[160], y[160];
    if (want.rank < 1 || want.rank >= in[0].shape.rank)
        return ax_fail(err, AX_EINVAL, "axis %d of %s: give a negative axis behind the batch",
                       a->axis, ax_shape_str(&in[0].shape, x, sizeof x));
    for (int i = 0; i < want.rank; i++)
        want.dim[i] = in[0].shape.dim[in[0].shape.rank + a->axis + i];
    for (int i = 1; i < n_in; i++)
        if (!ax_shape_equal(&in[i].shape, &want))
            return ax_fail(err, AX_ESHAPE, "parameter %d has shape %s, expected %s", i,
                           ax_shape_str(&in[i].shape, x, sizeof x),
                           ax_shape_str(&want, y, sizeof y));
    out[0] = in[0];
    return 0;
}

enum { LN_SLICE = 64 }; /* rows whose gamma and beta gradients are summed together */

typedef struct ln_job {
    const float *x, *gamma, *beta, *dy;
    float *y;
    double *part; /* [slices][2][len] sums for gamma and beta */
    int64_t len;
    const ax_norm_attr *a;
} ln_job;

/* The mean, or 0 where rows are not centred, and 1 / sqrt(mean of (x - mean)^2 + epsilon). */
static void row_stats(const float *x, int64_t n, const ax_norm_attr *a, double *mean, double *rstd)
{
    double s = 0, q = 0;
    for (int64_t i = 0; i < n && !a->rms; i++)
        s += x[i];
    *mean = s / (double)n;
    for (int64_t i = 0; i < n; i++)
        q += (x[i] - *mean) * (x[i] - *mean);
    *rstd = 1 / sqrt(q / (double)n + a->epsilon);
}

static void ln_rows(void *ctx, int64_t from, int64_t to)
{
    const ln_job *j = ctx;
    for (int64_t r = from; r < to; r++) {
        const float *x = j->x + r * j->len;
        float *y = j->y + r * j->len;
        double mean, rstd;
        row_stats(x, j->len, j->a, &mean, &rstd);
        for (int64_t i = 0; i < j->len; i++)
            y[i] = (float)((x[i] - mean) * rstd * j->gamma[i] + (j->beta ? j->beta[i] : 0));
    }
}

static ln_job ln_of(const ax_call *c, int64_t *rows)
{
    ln_job j = {.x = c->x[0], .gamma = c->x[1], .y = c->y[0], .a = c->attr};
    j.len = ax_shape_count(&c->in[1].shape);
    *rows = j.len ? ax_shape_count(&c->in[0].shape) / j.len : 0;
    return j;
}

static void ln_run(const ax_call *c)
{
    int64_t rows;
    ln_job j = ln_of(c, &rows);
    j.beta = c->n_in > 2 ? c->x[2] : NULL;
    ax_range(c->pool, rows, 1 + 8192 / (j.len + 1), ln_rows, &j);
}

static int ln_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_layer_norm_grad, n->name, n->attr, in, 3, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    if (n->n_in > 2)
        din[2] = din[0] + 2;
    return 0;
}

const ax_op ax_op_layer_norm = {
    .name = "layer_norm",
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_norm_attr),
    .infer = ln_infer,
    .run = ln_run,
    .grad = ln_grad,
};

static void ln_grad_row(const ln_job *j, int64_t r, double *dgamma, double *dbeta)
{
    const float *x = j->x + r * j->len, *dy = j->dy + r * j->len;
    float *dx = j->y + r * j->len;
    double mean, rstd, s = 0, q = 0, n = (double)j->len;
    row_stats(x, j->len, j->a, &mean, &rstd);
    for (int64_t i = 0; i < j->len; i++) {
        double xhat = (x[i] - mean) * rstd, g = (double)dy[i] * j->gamma[i];
        s += g;
        q += g * xhat;
        dgamma[i] += dy[i] * xhat;
        dbeta[i] += dy[i];
    }
    for (int64_t i = 0; i < j->len; i++) {
        double xhat = (x[i] - mean) * rstd, g = (double)dy[i] * j->gamma[i];
        dx[i] = (float)(rstd * (g - (j->a->rms ? 0 : s / n) - xhat * q / n));
    }
}

/* ax_range gives one slice at a time: its grain is LN_SLICE */
static void ln_grad_slice(void *ctx, int64_t from, int64_t to)
{
    const ln_job *j = ctx;
    double *dgamma = j->part + from / LN_SLICE * 2 * j->len, *dbeta = dgamma + j->len;
    for (int64_t i = 0; i < 2 * j->len; i++)
        dgamma[i] = 0;
    for (int64_t r = from; r < to; r++)
        ln_grad_row(j, r, dgamma, dbeta);
}

static void ln_grad_run(const ax_call *c)
{
    int64_t rows;
    ln_job j = ln_of(c, &rows);
    j.dy = c->x[2];
    j.part = (double *)(void *)c->scratch;
    ax_range(c->pool, rows, LN_SLICE, ln_grad_slice, &j);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < j.len; i++) {
            double sum = 0;
            for (int64_t s = 0; s * LN_SLICE < rows; s++)
                sum += j.part[(s * 2 + k) * j.len + i];
            ((float *)c->y[1 + k])[i] = (float)sum;
        }
}

static void ln_grad_choose(const ax_site *s, ax_choice *c)
{
    int64_t len = ax_shape_count(&s->in[1].shape),
            rows = len ? ax_shape_count(&s->in[0].shape) / len : 0;
    c->scratch = 2 * 2 * len * (rows / LN_SLICE + 1);
    c->inplace = 3;
}

const ax_op ax_op_layer_norm_grad = {
    .name = "layer_norm_grad",
    .min_in = 3,
    .max_in = 3,
    .n_out = 3,
    .attr_size = sizeof(ax_norm_attr),
    .infer = bn_grad_infer,
    .run = ln_grad_run,
    .choose = ln_grad_choose,
};
