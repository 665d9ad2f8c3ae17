/* lrn.c - local response normalisation across channels (Krizhevsky et al. 2012, section 3.3). */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "ops/ops.h"

enum { TILE = 256 /* pixels whose sums are held at a time */ };

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_lrn_attr *a = attr;
    if (in[0].dtype != AX_F32 || in[0].shape.rank < 2)
        return ax_fail(err, AX_ESHAPE, "needs float32 with channels");
    if (a->size < 1 || a->size > 1 << 20)
        return ax_fail(err, AX_ERANGE, "size is %lld, expected a number of channels",
                       (long long)a->size);
    out[0] = in[0];
    return 0;
}

typedef struct job {
    const ax_lrn_attr *a;
    const float *x;
    float *y;
    int64_t c, pixels, tiles;
} job;

/* s^-beta; the usual beta is a root of a root */
static double power(double s, double beta)
{
    if (beta == 0.75)
        return 1 / (sqrt(s) * sqrt(sqrt(s)));
    return beta == 0.5 ? 1 / sqrt(s) : pow(s, -beta);
}

static void one_channel(const job *j, const float *x, float *y, int64_t ch, int64_t n)
{
    const ax_lrn_attr *a = j->a;
    int64_t from = max64(0, ch - (a->size - 1) / 2),
            to = min64(j->c, ch - (a->size - 1) / 2 + a->size);
    double sum[TILE] = {0};
    for (int64_t k = from; k < to; k++)
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)x[k * j->pixels + i] * (double)x[k * j->pixels + i];
    for (int64_t i = 0; i < n; i++)
        y[ch * j->pixels + i] =
            (float)((double)x[ch * j->pixels + i] *
                    power(a->bias + a->alpha / (double)a->size * sum[i], a->beta));
}

static void run_tiles(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t t = from; t < to; t++) {
        int64_t at = t / j->tiles * j->c * j->pixels + t % j->tiles * TILE;
        int64_t n = min64(TILE, j->pixels - t % j->tiles * TILE);
        for (int64_t ch = 0; ch < j->c; ch++)
            one_channel(j, j->x + at, j->y + at, ch, n);
    }
}

static void run(const ax_call *c)
{
    ax_maps m = ax_maps_of(&c->in[0].shape, AX_PLAIN);
    job j = {c->attr, c->x[0], c->y[0], m.c, m.pixels, ceil_div(m.pixels, TILE)};
    ax_range(c->pool, m.n * j.tiles, 1, run_tiles, &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] =
        ax_graph_node(g, &ax_op_lrn_grad, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_lrn = {
    .name = "lrn",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_lrn_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
};

/* ---- gradient. With s_c = bias + alpha/size sum of x_k^2, k in the window of c:
 * dx_i = dy_i s_i^-beta - 2 alpha beta/size x_i sum over c whose window has i of
 * dy_c x_c s_c^(-beta-1) ---- */

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    if (!ax_shape_equal(&in[0].shape, &in[1].shape))
        return ax_fail(err, AX_ESHAPE, "the gradient's shape differs from the output's");
    return infer(attr, in, n_in, out, err);
}

typedef struct grad_job {
    const ax_lrn_attr *a;
    const float *x, *dy;
    float *dx;
    double *share; /* s^-beta of each element            */
    double *term;  /* dy x s^(-beta-1) of each element   */
    int64_t c, pixels;
} grad_job;

static void grad_terms(void *ctx, int64_t from, int64_t to)
{
    const grad_job *j = ctx;
    const ax_lrn_attr *a = j->a;
    for (int64_t i = from; i < to; i++) {
        int64_t ch = i / j->pixels % j->c, low = max64(-ch, -((a->size - 1) / 2)),
                high = min64(j->c - 1 - ch, a->size / 2);
        double sum = 0;
        for (int64_t k = low; k <= high; k++)
            sum += (double)j->x[i + k * j->pixels] * (double)j->x[i + k * j->pixels];
        double s = a->bias + a->alpha / (double)a->size * sum;
        j->share[i] = power(s, a->beta);
        j->term[i] = (double)j->dy[i] * (double)j->x[i] * j->share[i] / s;
    }
}

static void grad_elements(void *ctx, int64_t from, int64_t to)
{
    const grad_job *j = ctx;
    const ax_lrn_attr *a = j->a;
    for (int64_t i = from; i < to; i++) {
        int64_t ch = i / j->pixels % j->c, low = max64(-ch, -(a->size / 2)),
                high = min64(j->c - 1 - ch, (a->size - 1) / 2);
        double back = 0;
        for (int64_t k = low; k <= high; k++)
            back += j->term[i + k * j->pixels];
        j->dx[i] = (float)((double)j->dy[i] * j->share[i] -
                           2 * a->alpha * a->beta / (double)a->size * (double)j->x[i] * back);
    }
}

static void grad_run(const ax_call *c)
{
    ax_maps m = ax_maps_of(&c->in[0].shape, AX_PLAIN);
    int64_t count = m.n * m.c * m.pixels;
    double *share = (double *)(void *)c->scratch;
    grad_job j = {c->attr, c->x[0], c->x[1], c->y[0], share, share + count, m.c, m.pixels};
    ax_range(c->pool, count, 1024, grad_terms, &j);
    ax_range(c->pool, count, 1024, grad_elements, &j);
}

static void grad_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 4 * ax_shape_count(&s->in[0].shape);
}

const ax_op ax_op_lrn_grad = {
    .name = "lrn_grad",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_lrn_attr),
    .infer = grad_infer,
    .run = grad_run,
    .choose = grad_choose,
};
