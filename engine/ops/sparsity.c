/* sparsity.c - what a layer pays for activities that are not sparse, beside l1 and l2.
 *
 * kl_sparsity: a unit's mean activity r over the batch shall be rho: beta * sum over the units of
 * KL(rho || r), KL = rho ln(rho / r) + (1 - rho) ln((1 - rho) / (1 - r)) (A. Ng, "Sparse
 * autoencoder", 2011). r is kept within [1e-6, 1 - 1e-6], and the gradient is that of the formula
 * there, so a unit that is silent for a whole batch is still pushed. A unit is a channel of a
 * picture (r is then the mean over its pixels, too) and a number of anything else.
 *
 * hoyer: weight / N * sum over the samples of (sum |a|)^2 / sum a^2, which is 1 for a single number
 * that is not 0 and grows to their count when all are alike (Yang, Wen, Li, "DeepHoyer", 2020). A
 * sample of zeros pays nothing.
 *
 * All sums are made in double, in an order that depends on the shape alone. */
#include <math.h>

#include "base/number.h"
#include "base/range.h"
#include "ops/ops.h"

enum { SLICE = 16384 };
static const double edge = 1e-6;

/* (n, units, pixels); what is no picture has a unit for each number of a sample */
typedef struct extent {
    int64_t n, units, pixels;
} extent;

static extent extent_of(const ax_shape *s)
{
    extent e = {s->dim[0], 1, 1};
    for (int i = 1; i < s->rank; i++)
        *(s->rank == 4 && i > 1 ? &e.pixels : &e.units) *= s->dim[i];
    return e;
}

static int check_batch(const ax_shape *s, ax_err *err)
{
    return s->rank < 1 ? ax_fail(err, AX_ESHAPE, "an activity penalty needs a batch") : 0;
}

static int like_input(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

static void scratch_for_sums(const ax_site *s, ax_choice *c)
{
    extent e = extent_of(&s->in[0].shape);
    int64_t hoyer = 2 * e.n * (e.units * e.pixels / SLICE + 1);
    c->scratch = 2 * (e.units > hoyer ? e.units : hoyer);
}

/* ---- Kullback-Leibler ------------------------------------------------------------------------ */

typedef struct kl_job {
    const ax_kl_attr *a;
    const float *x;
    float *dx;
    extent e;
    double *unit; /* its mean activity, and what is made of it */
    double scale;
} kl_job;

static double kl(double rho, double r)
{
    return rho * log(rho / r) + (1 - rho) * log((1 - rho) / (1 - r));
}

static double kl_slope(double rho, double r)
{
    return (1 - rho) / (1 - r) - rho / r;
}

static void kl_means(void *ctx, int64_t from, int64_t to)
{
    const kl_job *j = ctx;
    const extent e = j->e;
    for (int64_t u = from; u < to; u++)
        j->unit[u] = 0;
    for (int64_t i = 0; i < e.n; i++)
        for (int64_t u = from; u < to; u++) {
            const float *x = j->x + (i * e.units + u) * e.pixels;
            double sum = 0;
            for (int64_t p = 0; p < e.pixels; p++)
                sum += (double)x[p];
            j->unit[u] += sum;
        }
    for (int64_t u = from; u < to; u++) {
        double mean = j->unit[u] / ((double)e.n * (double)e.pixels);
        mean = j->a->symmetric ? (mean + 1) / 2 : mean;
        mean = mean > edge ? mean : edge;
        mean = mean < 1 - edge ? mean : 1 - edge;
        j->unit[u] = j->dx ? kl_slope(j->a->rho, mean) : kl(j->a->rho, mean);
    }
}

static int64_t unit_grain(const extent *e)
{
    return 1 + SLICE / (e->n * e->pixels + 1);
}

static int kl_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_kl_attr *a = attr;
    if (!(a->rho >= edge && a->rho <= 1 - edge && a->beta >= 0 && isfinite(a->beta)))
        return ax_fail(err, AX_ERANGE, "rho is %s and beta is %s, expected %s to 1-%s and >= 0",
                       AX_NUMBER(a->rho), AX_NUMBER(a->beta), AX_NUMBER(edge), AX_NUMBER(edge));
    out[0] = (ax_desc){AX_F32, {0}};
    return check_batch(&in[0].shape, err);
}

static void kl_run(const ax_call *c)
{
    kl_job j = {.a = c->attr,
                .x = c->x[0],
                .e = extent_of(&c->in[0].shape),
                .unit = (double *)(void *)c->scratch};
    double sum = 0;
    ax_range(c->pool, j.e.units, unit_grain(&j.e), kl_means, &j);
    for (int64_t u = 0; u < j.e.units; u++)
        sum += j.unit[u];
    *(float *)c->y[0] = (float)(j.a->beta * sum);
}

static int kl_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[2] = {n->in[0], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_kl_sparsity_grad, n->name, n->attr, in, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_kl_sparsity = {
    .name = "kl_sparsity",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_kl_attr),
    .infer = kl_infer,
    .run = kl_run,
    .choose = scratch_for_sums,
    .grad = kl_grad,
};

/* maps are counted through: i * units + u */
static void kl_spread(void *ctx, int64_t from, int64_t to)
{
    const kl_job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float d = (float)(j->scale * j->unit[m % j->e.units]);
        for (int64_t p = 0; p < j->e.pixels; p++)
            j->dx[m * j->e.pixels + p] = d;
    }
}

static void kl_grad_run(const ax_call *c)
{
    kl_job j = {.a = c->attr,
                .x = c->x[0],
                .dx = c->y[0],
                .e = extent_of(&c->in[0].shape),
                .unit = (double *)(void *)c->scratch};
    j.scale = *(const float *)c->x[1] * j.a->beta / ((double)j.e.n * (double)j.e.pixels) *
              (j.a->symmetric ? 0.5 : 1);
    ax_range(c->pool, j.e.units, unit_grain(&j.e), kl_means, &j);
    ax_range(c->pool, j.e.n * j.e.units, 1 + SLICE / j.e.pixels, kl_spread, &j);
}

const ax_op ax_op_kl_sparsity_grad = {
    .name = "kl_sparsity_grad",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_kl_attr),
    .infer = like_input,
    .run = kl_grad_run,
    .choose = scratch_for_sums,
};

/* ---- Hoyer ----------------------------------------------------------------------------------- */

typedef struct hoyer_job {
    const float *x;
    float *dx;
    int64_t count, slices; /* of a sample: numbers, slices       */
    double (*sum)[2];      /* of each slice: sum |a|, sum a^2; then of each sample, in its first */
    double scale;
} hoyer_job;

static void hoyer_slice(void *ctx, int64_t from, int64_t to)
{
    const hoyer_job *j = ctx;
    for (int64_t s = from; s < to; s++) {
        const float *x = j->x + s / j->slices * j->count;
        int64_t at = s % j->slices * SLICE, end = at + SLICE < j->count ? at + SLICE : j->count;
        double s1 = 0, s2 = 0;
        for (; at < end; at++) {
            s1 += fabs((double)x[at]);
            s2 += (double)x[at] * x[at];
        }
        j->sum[s][0] = s1;
        j->sum[s][1] = s2;
    }
}

/* sum[i * slices] becomes that of sample i */
static hoyer_job hoyer_sums(const ax_call *c, int64_t n)
{
    hoyer_job j = {.x = c->x[0], .dx = c->y[0], .sum = (double(*)[2])(void *)c->scratch};
    j.count = ax_shape_count(&c->in[0].shape) / n;
    j.slices = (j.count + SLICE - 1) / SLICE;
    ax_range(c->pool, n * j.slices, 1 + SLICE / j.count, hoyer_slice, &j);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 1; k < j.slices; k++)
            for (int q = 0; q < 2; q++)
                j.sum[i * j.slices][q] += j.sum[i * j.slices + k][q];
    return j;
}

static int hoyer_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    double weight = ((const ax_hoyer_attr *)attr)->weight;
    if (!(weight >= 0 && isfinite(weight)))
        return ax_fail(err, AX_ERANGE, "hoyer is %s, expected a number >= 0", AX_NUMBER(weight));
    out[0] = (ax_desc){AX_F32, {0}};
    return check_batch(&in[0].shape, err);
}

static void hoyer_run(const ax_call *c)
{
    int64_t n = c->in[0].shape.dim[0];
    hoyer_job j = hoyer_sums(c, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *s = j.sum[i * j.slices];
        sum += s[1] > 0 ? s[0] * s[0] / s[1] : 0;
    }
    *(float *)c->y[0] = (float)(((const ax_hoyer_attr *)c->attr)->weight * sum / (double)n);
}

static int hoyer_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[2] = {n->in[0], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_hoyer_grad, n->name, n->attr, in, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_hoyer = {
    .name = "hoyer",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_hoyer_attr),
    .infer = hoyer_infer,
    .run = hoyer_run,
    .choose = scratch_for_sums,
    .grad = hoyer_grad,
};

/* d/da (s1^2 / s2) = 2 (s1 / s2) (sign(a) - a s1 / s2) */
static void hoyer_spread(void *ctx, int64_t from, int64_t to)
{
    const hoyer_job *j = ctx;
    for (int64_t i = from; i < to; i++) {
        const double *s = j->sum[i / j->count * j->slices];
        double x = j->x[i], sign = (x > 0) - (x < 0), ratio = s[1] > 0 ? s[0] / s[1] : 0;
        j->dx[i] = (float)(j->scale * 2 * ratio * (sign - x * ratio));
    }
}

static void hoyer_grad_run(const ax_call *c)
{
    int64_t n = c->in[0].shape.dim[0];
    hoyer_job j = hoyer_sums(c, n);
    j.scale = *(const float *)c->x[1] * ((const ax_hoyer_attr *)c->attr)->weight / (double)n;
    ax_range(c->pool, n * j.count, SLICE, hoyer_spread, &j);
}

const ax_op ax_op_hoyer_grad = {
    .name = "hoyer_grad",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_hoyer_attr),
    .infer = like_input,
    .run = hoyer_grad_run,
    .choose = scratch_for_sums,
};
