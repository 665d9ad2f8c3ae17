/* pool.c - windows over one, two or three axes in any geometry: dilated, with the last window cut
 * off by the edge, maxima with their places, norms. What pool2d.c can do it does faster; this is
 * the plain loop over each window for everything else.
 *
 * A window is the same for all maps, and per axis a stretch of taps lies inside the picture; sums
 * are made in double, taps in order. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "ops/ops.h"

/* ---- geometry ---- */

static int64_t span_of(const ax_pool_attr *a, int i)
{
    return (a->kernel[i] - 1) * a->dilation[i] + 1;
}

static int check_axis(const ax_pool_attr *a, int i, int64_t size, ax_err *err)
{
    enum { MOST = 1 << 30 };
    if (a->kernel[i] < 1 || a->stride[i] < 1 || a->dilation[i] < 1 || a->before[i] < 0 ||
        a->after[i] < 0 || a->kernel[i] > MOST || a->stride[i] > MOST || a->dilation[i] > MOST ||
        a->before[i] > MOST || a->after[i] > MOST || size < 0)
        return ax_fail(err, AX_ERANGE,
                       "a window of %lld with stride %lld, dilation %lld and padding %lld, %lld",
                       (long long)a->kernel[i], (long long)a->stride[i], (long long)a->dilation[i],
                       (long long)a->before[i], (long long)a->after[i]);
    if (span_of(a, i) > size + a->before[i] + a->after[i])
        return ax_fail(err, AX_ESHAPE,
                       "a window that spans %lld does not fit into %lld padded pixels",
                       (long long)span_of(a, i), (long long)(size + a->before[i] + a->after[i]));
    return 0;
}

/* Where sizes are rounded up there is one window more, if it begins before the padding behind. */
static int64_t out_of(const ax_pool_attr *a, int i, int64_t size)
{
    int64_t room = size + a->before[i] + a->after[i] - span_of(a, i);
    int64_t out = room / a->stride[i] + 1;
    int more = a->ceil && room % a->stride[i] && out * a->stride[i] < size + a->before[i];
    return out + more;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_pool_attr *a = attr;
    int axes = in[0].shape.rank - 2;
    if (in[0].dtype != AX_F32 || axes < 1 || axes > AX_POOL_AXES)
        return ax_fail(err, AX_ESHAPE, "needs float32 with channels and 1 to %d axes of pixels",
                       AX_POOL_AXES);
    if (a->kind == AX_POOL_LP && a->p < 1)
        return ax_fail(err, AX_ERANGE, "p is %lld, expected 1 or more", (long long)a->p);
    out[0] = in[0];
    for (int i = 0; i < axes; i++) {
        if (check_axis(a, i, in[0].shape.dim[2 + i], err))
            return -1;
        out[0].shape.dim[2 + i] = out_of(a, i, in[0].shape.dim[2 + i]);
    }
    return 0;
}

/* Three axes always: those before the first are of one pixel. */
typedef struct axis {
    int64_t size, out, kernel, stride, dilation, before, after;
} axis;

typedef struct job {
    const ax_pool_attr *a;
    axis axis[AX_POOL_AXES];
    int64_t pixels, windows; /* of a map */
    const float *x, *dy;
    float *y, *dx;
    int64_t *place;
} job;

static job job_of(const ax_pool_attr *a, const ax_shape *x, const ax_shape *y)
{
    job j = {.a = a, .pixels = 1, .windows = 1};
    int axes = x->rank - 2, first = AX_POOL_AXES - axes;
    for (int k = 0; k < AX_POOL_AXES; k++)
        j.axis[k] = (axis){1, 1, 1, 1, 1, 0, 0};
    for (int i = 0; i < axes; i++) {
        j.axis[first + i] = (axis){x->dim[2 + i],  y->dim[2 + i], a->kernel[i], a->stride[i],
                                   a->dilation[i], a->before[i],  a->after[i]};
        j.pixels *= x->dim[2 + i];
        j.windows *= y->dim[2 + i];
    }
    return j;
}

/* Of one window: along each axis the first pixel inside, how many taps follow it inside, and how
 * many are inside with the padding. */
typedef struct window {
    int64_t at[AX_POOL_AXES], taps[AX_POOL_AXES], padded;
} window;

static void cut(const axis *a, int64_t o, int64_t *at, int64_t *taps, int64_t *padded)
{
    int64_t start = o * a->stride - a->before;
    int64_t skipped = start < 0 ? ceil_div(-start, a->dilation) : 0;
    *at = start + skipped * a->dilation;
    *taps = *at < a->size ? min64(a->kernel - skipped, ceil_div(a->size - *at, a->dilation)) : 0;
    *taps = max64(*taps, 0);
    *padded = min64(a->kernel, ceil_div(a->size + a->after - start, a->dilation));
}

static window window_of(const job *j, int64_t o)
{
    window w = {.padded = 1};
    for (int k = AX_POOL_AXES - 1; k >= 0; k--) {
        int64_t padded;
        cut(&j->axis[k], o % j->axis[k].out, &w.at[k], &w.taps[k], &padded);
        o /= j->axis[k].out;
        w.padded *= padded;
    }
    return w;
}

/* ---- one window ---- */

/* EACH(w) { i is the pixel of a tap } */
#define EACH(j, w)                                                                                 \
    for (int64_t d = 0; d < (w)->taps[0]; d++)                                                     \
        for (int64_t r = 0; r < (w)->taps[1]; r++)                                                 \
            for (int64_t c = 0, i = pixel((j), (w), d, r); c < (w)->taps[2];                       \
                 c++, i += (j)->axis[2].dilation)

static int64_t pixel(const job *j, const window *w, int64_t d, int64_t r)
{
    const axis *a = j->axis;
    return ((w->at[0] + d * a[0].dilation) * a[1].size + w->at[1] + r * a[1].dilation) * a[2].size +
           w->at[2];
}

/* The first maximum, or NaN; -1: the window sees no pixel. */
static int64_t largest(const job *j, const float *x, const window *w)
{
    int64_t best = -1;
    EACH(j, w)
    if (best < 0 || x[i] > x[best] || (x[i] != x[i] && x[best] == x[best]))
        best = i;
    return best;
}

static double divisor(const job *j, const window *w)
{
    int64_t taps = j->a->count_pad ? w->padded : w->taps[0] * w->taps[1] * w->taps[2];
    return taps > 0 ? (double)taps : 1;
}

static double power(double x, int64_t p)
{
    return p == 1 ? x : p == 2 ? x * x : pow(x, (double)p);
}

static double norm(const job *j, const float *x, const window *w)
{
    double sum = 0;
    EACH(j, w)
    sum += power(fabs((double)x[i]), j->a->p);
    return j->a->p == 1 ? sum : j->a->p == 2 ? sqrt(sum) : pow(sum, 1 / (double)j->a->p);
}

static double mean(const job *j, const float *x, const window *w)
{
    double sum = 0;
    EACH(j, w)
    sum += (double)x[i];
    return sum / divisor(j, w);
}

static float value(const job *j, const float *x, const window *w)
{
    if (j->a->kind == AX_POOL_AVERAGE)
        return (float)mean(j, x, w);
    if (j->a->kind == AX_POOL_LP)
        return (float)norm(j, x, w);
    int64_t best = largest(j, x, w);
    return best < 0 ? -INFINITY : x[best];
}

/* ---- forward ---- */

static void run_windows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t o = from; o < to; o++) {
        window w = window_of(j, o % j->windows);
        j->y[o] = value(j, j->x + o / j->windows * j->pixels, &w);
    }
}

/* Windows that a job should have, for some tens of microseconds of work. */
static int64_t grain(const job *j)
{
    double taps = (double)j->axis[0].kernel * (double)j->axis[1].kernel * (double)j->axis[2].kernel;
    return 1 + (int64_t)(16384 / (taps + 8));
}

static void run(const ax_call *c)
{
    job j = job_of(c->attr, &c->in[0].shape, &c->out[0].shape);
    j.x = c->x[0];
    j.y = c->y[0];
    ax_range(c->pool, ax_shape_count(&c->out[0].shape), grain(&j), run_windows, &j);
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_pool_attr *a = attr;
    int64_t taps = 1;
    for (int i = 0; i < in[0].shape.rank - 2; i++)
        taps = ax_count_mul(taps, a->kernel[i]);
    return ax_count_mul(ax_shape_count(&out[0].shape), taps);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] =
        ax_graph_node(g, &ax_op_pool_grad, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_pool = {
    .name = "pool",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_pool_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
    .flops = flops,
};

/* ---- gradient: map by map, since windows may overlap ---- */

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_desc y;
    if (infer(attr, in, n_in, &y, err))
        return -1;
    if (!ax_shape_equal(&y.shape, &in[1].shape))
        return ax_fail(err, AX_ESHAPE, "the gradient's shape differs from the output's");
    out[0] = in[0];
    return 0;
}

/* d|x|^p over the norm^(p-1), which is what is left of the root's derivative */
static void spread_norm(const job *j, const float *x, const window *w, double dy, float *dx)
{
    double y = norm(j, x, w);
    EACH(j, w)
    {
        double share = y > 0 ? power(fabs((double)x[i]) / y, j->a->p - 1) : 0;
        dx[i] += (float)(x[i] < 0 ? -dy * share : x[i] > 0 ? dy * share : 0);
    }
}

static void spread(const job *j, const float *x, const window *w, float dy, float *dx)
{
    if (j->a->kind == AX_POOL_LP) {
        spread_norm(j, x, w, (double)dy, dx);
        return;
    }
    if (j->a->kind == AX_POOL_MAX) {
        int64_t best = largest(j, x, w);
        if (best >= 0)
            dx[best] += dy;
        return;
    }
    float share = (float)((double)dy / divisor(j, w));
    EACH(j, w)
    dx[i] += share;
}

static void grad_maps(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float *dx = j->dx + m * j->pixels;
        memset(dx, 0, (size_t)j->pixels * sizeof *dx);
        for (int64_t o = 0; o < j->windows; o++) {
            window w = window_of(j, o);
            spread(j, j->x + m * j->pixels, &w, j->dy[m * j->windows + o], dx);
        }
    }
}

static void grad_run(const ax_call *c)
{
    job j = job_of(c->attr, &c->in[0].shape, &c->in[1].shape);
    j.x = c->x[0];
    j.dy = c->x[1];
    j.dx = c->y[0];
    ax_range(c->pool, c->in[0].shape.dim[0] * c->in[0].shape.dim[1],
             1 + grain(&j) / (j.windows + 1), grad_maps, &j);
}

const ax_op ax_op_pool_grad = {
    .name = "pool_grad",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_pool_attr),
    .infer = grad_infer,
    .run = grad_run,
};

/* ---- where the maxima are ---- */

static int places_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    if (infer(attr, in, n_in, out, err))
        return -1;
    out[0].dtype = AX_I64;
    return 0;
}

/* Pixel i of a map, counted with the first axis innermost. */
static int64_t by_columns(const job *j, int64_t i)
{
    const axis *a = j->axis;
    int64_t w = i % a[2].size, h = i / a[2].size % a[1].size, d = i / a[2].size / a[1].size;
    return (w * a[1].size + h) * a[0].size + d;
}

static void place_windows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t o = from; o < to; o++) {
        int64_t map = o / j->windows * j->pixels;
        window w = window_of(j, o % j->windows);
        int64_t best = largest(j, j->x + map, &w);
        j->place[o] = best < 0 ? -1 : map + (j->a->by_columns ? by_columns(j, best) : best);
    }
}

static void places_run(const ax_call *c)
{
    job j = job_of(c->attr, &c->in[0].shape, &c->out[0].shape);
    j.x = c->x[0];
    j.place = c->y[0];
    ax_range(c->pool, ax_shape_count(&c->out[0].shape), grain(&j), place_windows, &j);
}

const ax_op ax_op_max_places = {
    .name = "max_places",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_pool_attr),
    .infer = places_infer,
    .run = places_run,
    .flops = flops,
};

/* ---- the way back: numbers to their places among zeros ---- */

static int put_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_shape *to = &((const ax_put_attr *)attr)->shape;
    if (in[0].dtype != AX_F32 || in[1].dtype != AX_I64 ||
        !ax_shape_equal(&in[0].shape, &in[1].shape))
        return ax_fail(err, AX_ESHAPE, "needs float32 and as many int64 places");
    out[0] = (ax_desc){AX_F32, *to};
    return ax_shape_count_checked(to, sizeof(float), err) < 0 ? -1 : 0;
}

/* One after the other: of two numbers for one place the last stays. */
static void put_run(const ax_call *c)
{
    const float *x = c->x[0];
    const int64_t *place = c->x[1];
    float *y = c->y[0];
    int64_t n = ax_shape_count(&c->in[0].shape), room = ax_shape_count(&c->out[0].shape);
    if (room)
        memset(y, 0, (size_t)room * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        if (place[i] >= 0 && place[i] < room)
            y[place[i]] = x[i];
}

static int put_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val flat =
        ax_graph_node(g, &ax_op_reshape, n->name, &(ax_reshape_attr){AX_SHAPE(-1)}, dout, 1, err);
    if (flat < 0)
        return -1;
    din[0] = ax_graph_node(g, &ax_op_gather, n->name, &(ax_axis_attr){0},
                           (ax_val[]){flat, n->in[1]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_put = {
    .name = "put",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_put_attr),
    .infer = put_infer,
    .run = put_run,
    .grad = put_grad,
};
