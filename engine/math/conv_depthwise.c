/* conv_depthwise.c - depthwise convolution of PLAIN tensors; see conv_depthwise.h.
 *
 * A job is one plane (or one channel's slice of the batch). It copies the plane with its padding
 * into scratch, columns dealt out by phase of the stride, so that whatever the stride a tap of a row
 * of outputs is a stretch of memory. The input gradient is the same with dy as the picture, stride 1
 * and one pass per phase of the input. */
#include "math/conv_depthwise.h"

#include <string.h>

#include "base/ints.h"
#include "math/conv_impl.h"
#include "math/vec_kernel.h"

enum { OVERRUN = 64, SLICES = 16, SMALL = 1 << 16 };

typedef struct job {
    const ax_conv2d *g;
    const ax_depthwise_kernels *kernels;
    const ax_vec_kernels *vec;
    int64_t taps, mult;
    int64_t cut_rows, phase_cols, cut_cols; /* columns of a phase, of a row = phases * phase_cols */
    int64_t own; /* floats of a worker's scratch */
    int64_t slices;
    const float *x, *dy, *w, *bias;
    const ax_epilogue *e;
    float *y, *dx, *dw, *scratch, *partial;
    int64_t *tap;
} job;

static int64_t tap_floats(const job *j)
{
    return round16(2 * j->taps);
}

int ax_conv2d_depthwise(const ax_conv2d *g)
{
    double rows = (double)g->oh * g->sh + (double)g->kh * g->dh * 2 + (double)g->h;
    double cols = (double)g->ow * g->sw + (double)g->kw * g->dw * 2 + (double)g->w;
    return g->groups > 1 && g->c == g->groups && rows * cols < 1 << 24;
}

static void plan(job *j, const ax_conv2d *g)
{
    *j = (job){.g = g, .kernels = ax_depthwise_kernels_get(), .vec = ax_vec_kernels_get()};
    j->taps = (int64_t)g->kh * g->kw;
    j->mult = g->k / g->groups;
    j->cut_rows = (g->oh - 1) * g->sh + (int64_t)(g->kh - 1) * g->dh + 1;
    j->phase_cols = g->ow + (int64_t)(g->kw - 1) * g->dw / g->sw;
    j->cut_cols = j->phase_cols * g->sw;
    /* dx: dy with all the rows and columns a tap may see around it, and a row of results */
    int64_t dx_rows = g->h / g->sh + 2 + 2 * ((int64_t)(g->kh - 1) * g->dh / g->sh + 1);
    int64_t dx_cols = g->w / g->sw + 2 + 2 * ((int64_t)(g->kw - 1) * g->dw / g->sw + 1);
    j->own = max64(j->cut_rows * j->cut_cols + 16 * j->taps, dx_rows * dx_cols + g->w + 3 * j->taps);
    j->own = round16(j->own + OVERRUN);
    j->slices = g->n < SLICES ? g->n : SLICES;
}

int64_t ax_conv2d_depthwise_scratch(const ax_conv2d *g, int threads)
{
    job j;
    plan(&j, g);
    return tap_floats(&j) + threads * j.own + round16(j.slices * g->k * j.taps);
}

static void start(job *j, float *scratch, ax_pool *pool)
{
    const ax_conv2d *g = j->g;
    j->tap = (int64_t *)(void *)scratch;
    j->scratch = scratch + tap_floats(j);
    j->partial = j->scratch + ax_pool_size(pool) * j->own;
    for (int64_t t = 0; t < j->taps; t++) {
        int64_t column = t % g->kw * g->dw;
        j->tap[t] = t / g->kw * g->dh * j->cut_cols + column % g->sw * j->phase_cols + column / g->sw;
    }
}

static ax_pool *pool_for(const job *j, ax_pool *pool)
{
    return j->g->n * j->g->k * j->g->oh * j->g->ow * j->taps < SMALL ? NULL : pool;
}

/* Plane x with padding, columns by phase: column p + q*sw at phase p, place q. */
static void cut_plane(const job *j, const float *x, float *to)
{
    const ax_conv2d *g = j->g;
    for (int64_t r = 0; r < j->cut_rows; r++, to += j->cut_cols) {
        int64_t iy = r - g->pt, width = g->w < j->cut_cols - g->pl ? g->w : j->cut_cols - g->pl;
        memset(to, 0, (size_t)j->cut_cols * sizeof *to);
        if (iy < 0 || iy >= g->h)
            continue;
        if (g->sw == 1 && width > 0)
            memcpy(to + g->pl, x + iy * g->w, (size_t)width * sizeof *to);
        for (int64_t p = 0; g->sw > 1 && p < g->sw; p++)
            for (int64_t q = p < g->pl ? (g->pl - p + g->sw - 1) / g->sw : 0; q < j->phase_cols; q++) {
                int64_t ix = p + q * g->sw - g->pl;
                if (ix >= g->w)
                    break;
                to[p * j->phase_cols + q] = x[iy * g->w + ix];
            }
    }
    memset(to, 0, OVERRUN * sizeof *to);
}

static void finish_row(const job *j, float *y, int64_t at)
{
    const ax_epilogue *e = j->e;
    if (e && e->residual)
        j->vec->add(j->g->ow, 0, y, e->residual + at, y);
    if (e && e->relu)
        j->vec->relu(j->g->ow, 0, y, NULL, y);
    if (e && e->act)
        e->act(e->ctx, y, y, (size_t)j->g->ow);
}

static void forward_plane(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    float *cut = j->scratch + worker * j->own;
    int64_t c = i % g->c;
    cut_plane(j, j->x + i * g->h * g->w, cut);
    for (int64_t m = 0; m < j->mult; m++) {
        int64_t k = c * j->mult + m, plane = (i / g->c * g->k + k) * g->oh;
        ax_depthwise_row r = {.tap = j->tap, .w = j->w + k * j->taps, .taps = j->taps, .n = g->ow,
                              .start = j->bias ? j->bias[k] : 0};
        for (int64_t oy = 0; oy < g->oh; oy++) {
            int64_t at = (plane + oy) * g->ow;
            r.x = cut + oy * g->sh * j->cut_cols;
            j->kernels->row(&r, 0, j->y + at);
            finish_row(j, j->y + at, at);
        }
    }
}

void ax_conv2d_depthwise_forward(const ax_conv2d *g, const float *x, const float *w,
                                 const float *bias, const ax_epilogue *e, float *y, float *scratch,
                                 ax_pool *pool)
{
    job j;
    plan(&j, g);
    j.x = x;
    j.w = w;
    j.bias = bias;
    j.e = e;
    j.y = y;
    start(&j, scratch, pool);
    ax_pool_run(pool_for(&j, pool), (int)(g->n * g->c), forward_plane, &j);
}

/* ---- input gradient ---- */

/* One phase of dx: its pixels, and dy's rows and columns [y0, ...) x [x0, ...) that they see. */
typedef struct phase {
    ax_conv_phase ty, tx;
    int64_t y, x, rows, cols; /* first pixel, how many        */
    int64_t y0, x0, cut_rows, cut_cols;
} phase;

/* Pixel q of a phase that begins at `first` sees dy at q + (first + pad - k*dilation)/stride, for
 * the taps k of the phase. *low and *span: the smallest of these at q = 0, and how many in all. */
static void reach(const ax_conv_phase *t, int64_t first, int64_t count, int pad, int stride,
                  int dilation, int64_t *low, int64_t *span)
{
    int64_t high = (first + pad - (int64_t)t->first * dilation) / stride;
    int64_t last = t->first + (int64_t)(t->count - 1) * t->step;
    *low = (first + pad - last * dilation) / stride;
    *span = high - *low + count;
}

static int set_phase(const ax_conv2d *g, int ry, int rx, phase *p)
{
    p->ty = ax_conv_phase_of(ry, g->kh, g->sh, g->dh);
    p->tx = ax_conv_phase_of(rx, g->kw, g->sw, g->dw);
    p->y = ((ry - g->pt) % g->sh + g->sh) % g->sh;
    p->x = ((rx - g->pl) % g->sw + g->sw) % g->sw;
    p->rows = p->y < g->h ? (g->h - p->y - 1) / g->sh + 1 : 0;
    p->cols = p->x < g->w ? (g->w - p->x - 1) / g->sw + 1 : 0;
    if (!p->ty.count || !p->tx.count || !p->rows || !p->cols)
        return 0;
    reach(&p->ty, p->y, p->rows, g->pt, g->sh, g->dh, &p->y0, &p->cut_rows);
    reach(&p->tx, p->x, p->cols, g->pl, g->sw, g->dw, &p->x0, &p->cut_cols);
    return 1;
}

/* The pixels of phase p that output channel k contributes to, added to plane dx. */
static void dx_phase(const job *j, const phase *p, const float *dy, const float *w, float *dx,
                     float *own)
{
    const ax_conv2d *g = j->g;
    int64_t *tap = (int64_t *)(void *)own, n = 0;
    float *weights = own + 2 * j->taps, *line = weights + j->taps, *cut = line + g->w;
    for (int a = 0; a < p->ty.count; a++)
        for (int b = 0; b < p->tx.count; b++, n++) {
            int64_t ky = p->ty.first + a * p->ty.step, kx = p->tx.first + b * p->tx.step;
            int64_t row = (p->y + g->pt - ky * g->dh) / g->sh - p->y0;
            tap[n] = row * p->cut_cols + (p->x + g->pl - kx * g->dw) / g->sw - p->x0;
            weights[n] = w[ky * g->kw + kx];
        }
    ax_conv_window win = {p->y0, p->cut_rows, p->x0, p->cut_cols};
    ax_conv_cut(dy, 1, g->oh, g->ow, 1, &win, cut);
    ax_depthwise_row r = {.tap = tap, .w = weights, .taps = n, .n = p->cols};
    for (int64_t q = 0; q < p->rows; q++) {
        float *to = dx + (p->y + q * g->sh) * g->w + p->x;
        r.x = cut + q * p->cut_cols;
        j->kernels->row(&r, 0, line);
        for (int64_t i = 0; i < p->cols; i++)
            to[i * g->sw] += line[i];
    }
}

static void dx_plane(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t image = i / g->c, c = i % g->c;
    float *dx = j->dx + i * g->h * g->w;
    phase p;
    memset(dx, 0, (size_t)(g->h * g->w) * sizeof *dx);
    for (int64_t k = c * j->mult; k < (c + 1) * j->mult; k++)
        for (int ry = 0; ry < g->sh; ry++)
            for (int rx = 0; rx < g->sw; rx++)
                if (set_phase(g, ry, rx, &p))
                    dx_phase(j, &p, j->dy + (image * g->k + k) * g->oh * g->ow, j->w + k * j->taps,
                             dx, j->scratch + worker * j->own);
}

void ax_conv2d_depthwise_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx,
                            float *scratch, ax_pool *pool)
{
    job j;
    plan(&j, g);
    j.dy = dy;
    j.w = w;
    j.dx = dx;
    start(&j, scratch, pool);
    ax_pool_run(pool_for(&j, pool), (int)(g->n * g->c), dx_plane, &j);
}

/* ---- weight gradient ---- */

/* One input channel over one slice of the batch. */
static void dw_slice(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t c = i % g->c, s = i / g->c;
    float *sum = j->scratch + worker * j->own, *cut = sum + 16 * j->taps;
    for (int64_t k = c * j->mult; k < (c + 1) * j->mult; k++) {
        ax_depthwise_row r = {.tap = j->tap, .taps = j->taps, .n = g->ow};
        memset(sum, 0, (size_t)(16 * j->taps) * sizeof *sum);
        for (int64_t m = g->n * s / j->slices; m < g->n * (s + 1) / j->slices; m++) {
            cut_plane(j, j->x + (m * g->c + c) * g->h * g->w, cut);
            for (int64_t oy = 0; oy < g->oh; oy++) {
                r.x = cut + oy * g->sh * j->cut_cols;
                j->kernels->dot(&r, j->dy + ((m * g->k + k) * g->oh + oy) * g->ow, sum);
            }
        }
        for (int64_t t = 0; t < j->taps; t++) {
            double total = 0;
            for (int l = 0; l < 16; l++)
                total += sum[t * 16 + l];
            j->partial[(s * g->k + k) * j->taps + t] = (float)total;
        }
    }
}

void ax_conv2d_depthwise_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw,
                            float *scratch, ax_pool *pool)
{
    job j;
    plan(&j, g);
    j.x = x;
    j.dy = dy;
    j.dw = dw;
    start(&j, scratch, pool);
    ax_pool_run(pool_for(&j, pool), (int)(j.slices * g->c), dw_slice, &j);
    int64_t weights = g->k * j.taps;
    for (int64_t i = 0; i < weights; i++) {
        double total = 0;
        for (int64_t s = 0; s < j.slices; s++)
            total += j.partial[s * weights + i];
        dw[i] = (float)total;
    }
}
