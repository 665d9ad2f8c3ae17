/* prelu.c - the learnable rectifier: x > 0 ? x : slope * x, one slope for all or one per channel.
 *
 * Bit for bit what the kernel of the catalogue's prelu gives with that slope: channels of a dense
 * layer are single numbers, for which a call of it would cost more than the product. */
#include <float.h>

#include "base/range.h"
#include "ops/ops.h"

enum { GRAIN = 16384 };

static float prelu_at(float x, double slope)
{
    return x > 0 ? x : (float)((x < -FLT_MAX ? -1e300 : (double)x) * slope);
}

static float prelu_back(float x, double slope, double dy)
{
    return (float)(dy * (x > 0 ? 1 : x <= 0 ? slope : (double)x)); /* NaN for NaN */
}

static int prelu_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    const ax_shape *x = &in[0].shape, *s = &in[1].shape;
    char text[160];
    if (x->rank < 2 || s->rank != 1 || (s->dim[0] != 1 && s->dim[0] != x->dim[1]))
        return ax_fail(err, AX_ESHAPE, "the slope has shape %s, expected (1) or one per channel",
                       ax_shape_str(s, text, sizeof text));
    out[0] = in[0];
    return 0;
}

typedef struct prelu_job {
    const float *x, *slope, *dy;
    float *y;
    double *sum; /* [stretches] partial sums of the slope's gradient */
    int64_t channels, pixels, slopes;
} prelu_job;

/* maps (n, c): x is (n, channels, pixels) */
static void prelu_maps(void *ctx, int64_t from, int64_t to)
{
    const prelu_job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float s = j->slope[j->slopes == 1 ? 0 : m % j->channels];
        const float *x = j->x + m * j->pixels;
        float *y = j->y + m * j->pixels;
        for (int64_t i = 0; i < j->pixels; i++)
            y[i] = prelu_at(x[i], s);
    }
}

static prelu_job prelu_of(const ax_call *c)
{
    const ax_shape *x = &c->in[0].shape;
    prelu_job j = {.x = c->x[0], .slope = c->x[1], .y = c->y[0], .channels = x->dim[1], .pixels = 1,
                   .slopes = c->in[1].shape.dim[0]};
    for (int i = 2; i < x->rank; i++)
        j.pixels *= x->dim[i];
    return j;
}

static void prelu_run(const ax_call *c)
{
    prelu_job j = prelu_of(c);
    ax_range(c->pool, c->in[0].shape.dim[0] * j.channels, 1 + GRAIN / (j.pixels + 1), prelu_maps, &j);
}

static int prelu_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_prelu_grad, n->name, NULL, in, 3, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    return 0;
}

const ax_op ax_op_prelu = {
    .name = "prelu", .min_in = 2, .max_in = 2, .n_out = 1, .infer = prelu_infer, .run = prelu_run,
    .grad = prelu_grad,
};

static int prelu_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    out[1] = in[1];
    return 0;
}

/* one partial sum per map, added up in order afterwards */
static void prelu_grad_maps(void *ctx, int64_t from, int64_t to)
{
    const prelu_job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float s = j->slope[j->slopes == 1 ? 0 : m % j->channels];
        const float *x = j->x + m * j->pixels, *dy = j->dy + m * j->pixels;
        float *dx = j->y + m * j->pixels;
        double sum = 0;
        for (int64_t i = 0; i < j->pixels; i++) {
            dx[i] = prelu_back(x[i], s, dy[i]);
            sum += x[i] > 0 ? 0 : (double)x[i] * dy[i];
        }
        j->sum[m] = sum;
    }
}

static void prelu_grad_run(const ax_call *c)
{
    prelu_job j = prelu_of(c);
    int64_t maps = c->in[0].shape.dim[0] * j.channels;
    float *dslope = c->y[1];
    j.dy = c->x[2];
    j.sum = (double *)(void *)c->scratch;
    ax_range(c->pool, maps, 1 + GRAIN / (j.pixels + 1), prelu_grad_maps, &j);
    for (int64_t s = 0; s < j.slopes; s++) {
        double sum = 0;
        for (int64_t m = s; m < maps; m += j.slopes == 1 ? 1 : j.channels)
            sum += j.sum[m];
        dslope[s] = (float)sum;
    }
}

static void prelu_grad_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * s->in[0].shape.dim[0] * s->in[0].shape.dim[1];
}

const ax_op ax_op_prelu_grad = {
    .name = "prelu_grad", .min_in = 3, .max_in = 3, .n_out = 2, .infer = prelu_grad_infer,
    .run = prelu_grad_run, .choose = prelu_grad_choose,
};
