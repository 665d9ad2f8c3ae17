/* group_norm.c - normalisation of groups of channels of one sample over all their pixels, then a
 * factor and a summand per channel; with as many groups as channels it is instance-norm. And the
 * statistics of rows, for whoever asks for them beside a layer-norm. */
#include <math.h>

#include "base/range.h"
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_group_norm_attr *a = attr;
    const ax_shape *x = &in[0].shape;
    char text[160];
    if (in[0].dtype != AX_F32 || x->rank < 2)
        return ax_fail(err, AX_ESHAPE, "needs float32 with channels");
    if (a->groups < 1 || x->dim[1] % a->groups)
        return ax_fail(err, AX_ERANGE, "%lld channels cannot be %lld groups", (long long)x->dim[1],
                       (long long)a->groups);
    for (int i = 1; i < 3; i++)
        if (in[i].shape.rank != 1 || in[i].shape.dim[0] != x->dim[1])
            return ax_fail(err, AX_ESHAPE, "parameter %d has shape %s, expected (%lld)", i,
                           ax_shape_str(&in[i].shape, text, sizeof text), (long long)x->dim[1]);
    out[0] = in[0];
    return 0;
}

typedef struct job {
    const float *x, *gamma, *beta, *dy;
    float *y;
    double *part; /* [maps][2]: what each map adds to its channel's gamma and beta */
    int64_t groups, channels, pixels; /* groups of a sample, channels of a group */
    double epsilon;
} job;

static void stats(const float *x, int64_t n, double epsilon, double *mean, double *rstd)
{
    double s = 0, q = 0;
    for (int64_t i = 0; i < n; i++)
        s += (double)x[i];
    *mean = s / (double)n;
    for (int64_t i = 0; i < n; i++)
        q += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *rstd = 1 / sqrt(q / (double)n + epsilon);
}

static void run_groups(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    int64_t len = j->channels * j->pixels;
    for (int64_t g = from; g < to; g++) {
        const float *x = j->x + g * len;
        float *y = j->y + g * len;
        double mean, rstd;
        stats(x, len, j->epsilon, &mean, &rstd);
        for (int64_t c = 0; c < j->channels; c++) {
            int64_t channel = g % j->groups * j->channels + c;
            double scale = rstd * (double)j->gamma[channel], shift = (double)j->beta[channel];
            for (int64_t i = c * j->pixels; i < (c + 1) * j->pixels; i++)
                y[i] = (float)(((double)x[i] - mean) * scale + shift);
        }
    }
}

static job job_of(const ax_call *c, int64_t *groups)
{
    const ax_group_norm_attr *a = c->attr;
    ax_maps m = ax_maps_of(&c->in[0].shape, AX_PLAIN);
    *groups = m.n * a->groups;
    return (job){.x = c->x[0],
                 .gamma = c->x[1],
                 .y = c->y[0],
                 .groups = a->groups,
                 .channels = m.c / a->groups,
                 .pixels = m.pixels,
                 .epsilon = a->epsilon};
}

static int64_t grain(const job *j)
{
    return 1 + 8192 / (j->channels * j->pixels + 1);
}

static void run(const ax_call *c)
{
    int64_t groups;
    job j = job_of(c, &groups);
    j.beta = c->x[2];
    ax_range(c->pool, groups, grain(&j), run_groups, &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_group_norm_grad, n->name, n->attr,
                           (ax_val[]){n->in[0], n->in[1], dout[0]}, 3, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    din[2] = din[0] + 2;
    return 0;
}

const ax_op ax_op_group_norm = {
    .name = "group_norm",
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_group_norm_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
};

/* ---- gradient. xhat = (x - mean) rstd, g = dy gamma over a group of n numbers:
 * dx = rstd (g - mean of g - xhat mean of g xhat) ---- */

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    if (!ax_shape_equal(&in[0].shape, &in[2].shape))
        return ax_fail(err, AX_ESHAPE, "the gradient's shape differs from the output's");
    out[0] = in[0];
    out[1] = out[2] = in[1];
    return 0;
}

/* Sums over the group of g and of g xhat; what its maps say of gamma and beta. */
static void sums(const job *j, int64_t group, double mean, double rstd, double *s, double *q)
{
    int64_t at = group * j->channels * j->pixels;
    *s = *q = 0;
    for (int64_t c = 0; c < j->channels; c++) {
        double gamma = (double)j->gamma[group % j->groups * j->channels + c];
        double by_gamma = 0, by_beta = 0;
        for (int64_t i = at + c * j->pixels; i < at + (c + 1) * j->pixels; i++) {
            by_gamma += (double)j->dy[i] * ((double)j->x[i] - mean) * rstd;
            by_beta += (double)j->dy[i];
        }
        *s += gamma * by_beta;
        *q += gamma * by_gamma;
        j->part[(group * j->channels + c) * 2] = by_gamma;
        j->part[(group * j->channels + c) * 2 + 1] = by_beta;
    }
}

static void grad_groups(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    int64_t len = j->channels * j->pixels;
    for (int64_t g = from; g < to; g++) {
        const float *x = j->x + g * len, *dy = j->dy + g * len;
        double mean, rstd, s, q, n = (double)len;
        stats(x, len, j->epsilon, &mean, &rstd);
        sums(j, g, mean, rstd, &s, &q);
        for (int64_t i = 0; i < len; i++) {
            double gamma = (double)j->gamma[g % j->groups * j->channels + i / j->pixels];
            double xhat = ((double)x[i] - mean) * rstd;
            j->y[g * len + i] = (float)(rstd * ((double)dy[i] * gamma - s / n - xhat * q / n));
        }
    }
}

static void grad_run(const ax_call *c)
{
    int64_t groups;
    job j = job_of(c, &groups);
    int64_t channels = j.groups * j.channels;
    j.dy = c->x[2];
    j.part = (double *)(void *)c->scratch;
    ax_range(c->pool, groups, grain(&j), grad_groups, &j);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < channels; i++) {
            double sum = 0;
            for (int64_t m = i; m < groups * j.channels; m += channels)
                sum += j.part[m * 2 + k];
            ((float *)c->y[1 + k])[i] = (float)sum;
        }
}

static void grad_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * 2 * s->in[0].shape.dim[0] * s->in[0].shape.dim[1];
}

const ax_op ax_op_group_norm_grad = {
    .name = "group_norm_grad",
    .min_in = 3,
    .max_in = 3,
    .n_out = 3,
    .attr_size = sizeof(ax_group_norm_attr),
    .infer = grad_infer,
    .run = grad_run,
    .choose = grad_choose,
};

/* ---- mean and 1 / sqrt(variance + epsilon) of rows ---- */

static int stats_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    if (in[0].dtype != AX_F32 || in[0].shape.rank != 2)
        return ax_fail(err, AX_ESHAPE, "needs rows of float32");
    out[0] = out[1] = (ax_desc){AX_F32, AX_SHAPE(in[0].shape.dim[0], 1)};
    return 0;
}

static void stats_run(const ax_call *c)
{
    const float *x = c->x[0];
    int64_t rows = c->in[0].shape.dim[0], len = c->in[0].shape.dim[1];
    for (int64_t r = 0; r < rows; r++) {
        double mean, rstd;
        stats(x + r * len, len, ((const ax_norm_attr *)c->attr)->epsilon, &mean, &rstd);
        ((float *)c->y[0])[r] = (float)mean;
        ((float *)c->y[1])[r] = (float)rstd;
    }
}

const ax_op ax_op_row_stats = {
    .name = "row_stats",
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .attr_size = sizeof(ax_norm_attr),
    .infer = stats_infer,
    .run = stats_run,
};
