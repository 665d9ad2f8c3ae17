/* grid_sample.c - x looked up at places that another tensor names: each a point in [-1,1]^k over
 * the k axes of pixels, its last coordinate for the first of them. Along each axis a point has up
 * to four taps with weights; a value is the sum over their products. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "ops/ops.h"

enum { AXES = 3, TAPS = 4 };

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    const ax_shape *x = &in[0].shape, *g = &in[1].shape;
    int axes = x->rank - 2;
    if (in[0].dtype != AX_F32 || in[1].dtype != AX_F32 || axes < 1 || axes > AXES)
        return ax_fail(err, AX_ESHAPE, "needs float32 with channels and 1 to %d axes of pixels",
                       AXES);
    if (g->rank != x->rank || g->dim[0] != x->dim[0] || g->dim[g->rank - 1] != axes)
        return ax_fail(err, AX_ESHAPE, "a grid needs rank %d, the batch of x and %d coordinates",
                       x->rank, axes);
    out[0] = in[0];
    for (int i = 0; i < axes; i++) {
        out[0].shape.dim[2 + i] = g->dim[1 + i];
        if (x->dim[2 + i] < 1 || x->dim[2 + i] > 1 << 30)
            return ax_fail(err, AX_ERANGE, "%lld pixels along an axis", (long long)x->dim[2 + i]);
    }
    return 0;
}

/* ---- one axis of one point ---- */

/* index -1: outside, where there are zeros. slope: how each weight grows with the coordinate. */
typedef struct taps {
    int n;
    int64_t index[TAPS];
    double weight[TAPS], slope[TAPS];
} taps;

/* Into [low, high] by turning round at the ends; *way: -1 where that leaves the direction turned.
 */
static double reflect(double x, double low, double high, double *way)
{
    double range = high - low, d = x < low ? low - x : x - high;
    if (x >= low && x <= high)
        return x;
    if (!(range > 0)) {
        *way = 0;
        return low;
    }
    double turns = floor(d / range), rest = d - turns * range;
    int odd = fmod(turns, 2) != 0;
    *way = odd ? 1 : -1;
    return (x < low) == odd ? high - rest : low + rest;
}

/* The distance kernel of bicubic interpolation with a = -0.75, and its derivative. */
static double cubic(double d, double *slope)
{
    double a = -0.75, t = fabs(d), sign = d < 0 ? -1 : 1;
    if (t <= 1) {
        *slope = sign * (3 * (a + 2) * t - 2 * (a + 3)) * t;
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    }
    *slope = sign * ((3 * a * t - 10 * a) * t + 8 * a);
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

static int64_t pixel_at(const ax_grid_sample_attr *a, int64_t i, int64_t size)
{
    double ignored = 0, half = a->align_corners ? 0 : 0.5;
    if (i >= 0 && i < size)
        return i;
    if (a->padding == AX_GRID_ZEROS)
        return -1;
    if (a->padding == AX_GRID_REFLECT)
        i = (int64_t)reflect((double)i, -half, (double)size - 1 + half, &ignored);
    return max64(0, min64(i, size - 1));
}

/* The coordinate in pixels, back in the picture where that is asked for; *way: what a step of the
 * grid is in pixels. Of a cubic curve beyond the border only the pixels are the border's, as in
 * PyTorch and ONNX Runtime. */
static double coordinate(const ax_grid_sample_attr *a, float at, int64_t size, double *way)
{
    double g = (double)at + 1, pixels = (double)size;
    double raw = a->align_corners ? g / 2 * (pixels - 1) : (g * pixels - 1) / 2;
    double x = a->mode == AX_GRID_NEAREST ? rint(raw) : raw, turned = 1;
    double half = a->align_corners ? 0 : 0.5, low = -half, high = pixels - 1 + half;
    *way = (a->align_corners ? pixels - 1 : pixels) / 2;
    if (x != x)
        x = *way = 0;
    if (a->padding == AX_GRID_BORDER && a->mode != AX_GRID_CUBIC && (x < low || x > high)) {
        x = x < low ? 0 : pixels - 1;
        *way = 0;
    }
    if (a->padding == AX_GRID_REFLECT)
        x = reflect(x, low, high, &turned);
    *way *= turned;
    return fmax(-0x1p31, fmin(x, 0x1p31)); /* far outside is outside */
}

static taps taps_of(const ax_grid_sample_attr *a, float at, int64_t size)
{
    taps t = {.n = a->mode == AX_GRID_NEAREST ? 1 : a->mode == AX_GRID_LINEAR ? 2 : 4};
    double way, x = coordinate(a, at, size, &way), first = floor(x) - (t.n == 4);
    for (int k = 0; k < t.n; k++) {
        double d = x - (first + k), slope = 0;
        t.index[k] = pixel_at(a, (int64_t)first + k, size);
        t.weight[k] = t.n == 1 ? 1 : t.n == 2 ? 1 - fabs(d) : cubic(d, &slope);
        t.slope[k] = t.n == 1 ? 0 : slope * way;
    }
    if (t.n == 2) { /* between two pixels, the left one included */
        t.slope[0] = -way;
        t.slope[1] = way;
    }
    return t;
}

/* ---- points ---- */

typedef struct job {
    const ax_grid_sample_attr *a;
    const float *x, *grid, *dy;
    float *y, *dx, *dgrid;
    int axes;
    int64_t size[AXES], channels, pixels, points; /* of x; points of a sample */
} job;

static job job_of(const ax_call *c, const ax_shape *x, const ax_shape *grid)
{
    job j = {.a = c->attr,
             .x = c->x[0],
             .grid = c->x[1],
             .axes = x->rank - 2,
             .channels = x->dim[1],
             .pixels = 1,
             .points = 1};
    for (int i = 0; i < j.axes; i++) {
        j.size[i] = x->dim[2 + i];
        j.pixels *= x->dim[2 + i];
        j.points *= grid->dim[1 + i];
    }
    return j;
}

/* What a point sees: pixels, weights, and the weights' slopes along each axis. */
typedef struct view {
    int n;
    int64_t pixel[TAPS * TAPS * TAPS];
    double weight[TAPS * TAPS * TAPS], slope[AXES][TAPS * TAPS * TAPS];
} view;

static void look(const job *j, int64_t point, view *v)
{
    taps t[AXES];
    int count = 1;
    for (int i = 0; i < j->axes; i++) {
        t[i] = taps_of(j->a, j->grid[point * j->axes + j->axes - 1 - i], j->size[i]);
        count *= t[i].n;
    }
    v->n = 0;
    for (int q = 0; q < count; q++) {
        int rest = q, outside = 0, k[AXES];
        int64_t pixel = 0;
        double weight = 1;
        for (int i = j->axes - 1; i >= 0; i--, rest /= t[i + 1].n)
            k[i] = rest % t[i].n;
        for (int i = 0; i < j->axes; i++) {
            outside |= t[i].index[k[i]] < 0;
            pixel = pixel * j->size[i] + t[i].index[k[i]];
            weight *= t[i].weight[k[i]];
        }
        if (outside)
            continue;
        for (int i = 0; i < j->axes; i++) {
            double slope = t[i].slope[k[i]];
            for (int o = 0; o < j->axes; o++)
                slope *= o == i ? 1 : t[o].weight[k[o]];
            v->slope[i][v->n] = slope;
        }
        v->pixel[v->n] = pixel;
        v->weight[v->n++] = weight;
    }
}

static void run_points(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    view v;
    for (int64_t p = from; p < to; p++) {
        int64_t n = p / j->points;
        look(j, p, &v);
        for (int64_t c = n * j->channels; c < (n + 1) * j->channels; c++) {
            double sum = 0;
            for (int k = 0; k < v.n; k++)
                sum += v.weight[k] * (double)j->x[c * j->pixels + v.pixel[k]];
            j->y[c * j->points + p % j->points] = (float)sum;
        }
    }
}

static void run(const ax_call *c)
{
    job j = job_of(c, &c->in[0].shape, &c->in[1].shape);
    j.y = c->y[0];
    ax_range(c->pool, c->in[0].shape.dim[0] * j.points, 1 + 2048 / (j.channels + 8), run_points,
             &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_grid_sample_grad, n->name, n->attr,
                           (ax_val[]){n->in[0], n->in[1], dout[0]}, 3, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    return 0;
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_grid_sample_attr *a = attr;
    int64_t each = a->mode == AX_GRID_NEAREST ? 1 : a->mode == AX_GRID_LINEAR ? 2 : 4, all = 1;
    for (int i = 2; i < in[0].shape.rank; i++)
        all *= each;
    return ax_count_mul(2 * ax_shape_count(&out[0].shape), all);
}

const ax_op ax_op_grid_sample = {
    .name = "grid_sample",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_grid_sample_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
    .flops = flops,
};

/* ---- gradient: sample by sample, since points may see the same pixels ---- */

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_desc y;
    if (infer(attr, in, n_in, &y, err))
        return -1;
    if (!ax_shape_equal(&y.shape, &in[2].shape))
        return ax_fail(err, AX_ESHAPE, "the gradient's shape differs from the output's");
    out[0] = in[0];
    out[1] = in[1];
    return 0;
}

static void grad_point(const job *j, int64_t p, const view *v)
{
    double by_axis[AXES] = {0};
    int64_t n = p / j->points;
    for (int64_t c = n * j->channels; c < (n + 1) * j->channels; c++) {
        double dy = (double)j->dy[c * j->points + p % j->points];
        for (int k = 0; k < v->n; k++) {
            int64_t at = c * j->pixels + v->pixel[k];
            j->dx[at] += (float)(dy * v->weight[k]);
            for (int i = 0; i < j->axes; i++)
                by_axis[i] += dy * v->slope[i][k] * (double)j->x[at];
        }
    }
    for (int i = 0; i < j->axes; i++)
        j->dgrid[p * j->axes + j->axes - 1 - i] = (float)by_axis[i];
}

static void grad_samples(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    view v;
    for (int64_t n = from; n < to; n++) {
        memset(j->dx + n * j->channels * j->pixels, 0,
               (size_t)(j->channels * j->pixels) * sizeof *j->dx);
        for (int64_t p = n * j->points; p < (n + 1) * j->points; p++) {
            look(j, p, &v);
            grad_point(j, p, &v);
        }
    }
}

static void grad_run(const ax_call *c)
{
    job j = job_of(c, &c->in[0].shape, &c->in[1].shape);
    j.dy = c->x[2];
    j.dx = c->y[0];
    j.dgrid = c->y[1];
    ax_range(c->pool, c->in[0].shape.dim[0], 1, grad_samples, &j);
}

const ax_op ax_op_grid_sample_grad = {
    .name = "grid_sample_grad",
    .min_in = 3,
    .max_in = 3,
    .n_out = 2,
    .attr_size = sizeof(ax_grid_sample_attr),
    .infer = grad_infer,
    .run = grad_run,
};
