/* conv_blocked.c - packed weights of the blocked convolution, its forward pass and the gradient of
 * its input.
 *
 * The input gradient of a convolution with stride s is s*s convolutions of dy with stride 1, one
 * per phase (position + pad) % s of the input pixels, each with the weights that reach that phase:
 * nothing is multiplied with the zeros between strided pixels. Stride 1 is the one-phase case. */
#include <string.h>

#include "base/ints.h"
#include "math/conv_impl.h"
#include "math/layout_kernel.h"

/* Channels [c0, C) that lie in one block. */
static int lanes_of(int64_t c, int64_t c0)
{
    return (int)min64(c - c0, AX_BLOCK);
}

/* ---- forward ---- */

int64_t ax_conv2d_packed(const ax_conv2d *g)
{
    return ax_conv_blocks(g->k) * AX_BLOCK * (g->c / g->groups) * g->kh * g->kw;
}

static void pack_group(const ax_conv2d *g, const float *w, const float *scale, float *packed)
{
    const ax_layout_kernels *kernels = ax_layout_kernels_get();
    int64_t taps = (int64_t)g->kh * g->kw, row = g->c * taps;
    for (int64_t k = 0; k < g->k; k += 2 * AX_BLOCK) {
        int64_t width = g->k - k > AX_BLOCK ? 2 * AX_BLOCK : AX_BLOCK;
        float factor[2 * AX_BLOCK] = {0};
        if (scale)
            memcpy(factor, scale + k, (size_t)min64(g->k - k, width) * sizeof *factor);
        for (int64_t c = 0; c < g->c; c += AX_BLOCK) {
            int lanes = lanes_of(g->c, c);
            for (int64_t half = 0; half < width; half += AX_BLOCK)
                kernels->pack(w + (k + half) * row + c * taps, row, lanes_of(g->k, k + half), lanes,
                              taps, scale ? factor + half : NULL, packed + half, width);
            packed += lanes * taps * width;
        }
    }
}

void ax_conv2d_pack(const ax_conv2d *g, const float *w, const float *scale, float *packed)
{
    ax_conv2d one = ax_conv_one_group(g);
    int64_t weights = one.k * one.c * g->kh * g->kw, floats = ax_conv2d_packed(&one);
    for (int i = 0; i < g->groups; i++)
        pack_group(&one, w + i * weights, scale ? scale + i * one.k : NULL, packed + i * floats);
}

static ax_conv_pass forward_pass(const ax_conv2d *g, int x_plain)
{
    ax_conv2d one = ax_conv_one_group(g);
    int64_t pixels = g->oh * g->ow * AX_BLOCK;
    return (ax_conv_pass){
        .n = g->n, .plain = x_plain, .c = one.c, .h = g->h, .w = g->w, .sh = g->sh, .sw = g->sw,
        .x_image = (x_plain ? g->c : ax_conv_blocks(g->c) * AX_BLOCK) * g->h * g->w,
        .taps = g->kh * g->kw, .tap_cols = g->kw, .first = {-g->pt, -g->pl}, .by = {g->dh, g->dw},
        .k = one.k, .rows = g->oh, .cols = g->ow,
        .y_image = ax_conv_blocks(g->k) * pixels, .y_block = pixels, .y_row = g->ow * AX_BLOCK,
        .y_step = AX_BLOCK,
    };
}

int64_t ax_conv2d_blocked_scratch(const ax_conv2d *g, int threads)
{
    ax_conv_pass blocked = forward_pass(g, 0), plain = forward_pass(g, 1);
    int64_t a = ax_conv_pass_scratch(&blocked, threads), b = ax_conv_pass_scratch(&plain, threads);
    return a > b ? a : b;
}

void ax_conv2d_blocked(const ax_conv2d *g, const float *x, int x_plain, const float *packed,
                       const float *bias, const ax_epilogue *e, float *y, float *scratch,
                       ax_pool *pool)
{
    ax_conv2d one = ax_conv_one_group(g);
    ax_epilogue part = e ? *e : (ax_epilogue){0};
    for (int i = 0; i < g->groups; i++) { /* channels of a group are whole blocks, or all */
        ax_conv_pass p = forward_pass(g, x_plain);
        int64_t y_at = i * one.k * g->oh * g->ow;
        part.residual = e && e->residual ? e->residual + y_at : NULL;
        p.x = x + i * one.c * g->h * g->w;
        p.packed = packed + i * ax_conv2d_packed(&one);
        p.bias = bias ? bias + i * one.k : NULL;
        p.e = &part;
        p.y = y + y_at;
        ax_conv_pass_run(&p, scratch, pool);
    }
}

/* ---- the gradient of the input ---- */

ax_conv_phase ax_conv_phase_of(int r, int kernel, int stride, int dilation)
{
    ax_conv_phase p = {kernel, 1, 0};
    for (int k = 0; k < kernel && k < stride; k++)
        if (((int64_t)k * dilation - r) % stride == 0) {
            p.first = k;
            break;
        }
    /* the next one is where step * dilation is a multiple of the stride */
    while ((int64_t)p.step * dilation % stride)
        p.step++;
    if (p.first < kernel)
        p.count = (kernel - 1 - p.first) / p.step + 1;
    return p;
}

int64_t ax_conv2d_packed_dx(const ax_conv2d *g)
{
    return ax_conv_blocks(g->c) * AX_BLOCK * (g->k / g->groups) * g->kh * g->kw;
}

enum { SQUARE = AX_BLOCK * AX_BLOCK, STAGE_TAPS = 25 };

/* The weights of up to 16 x 16 channels as their way to the packed panels needs them. */
typedef struct square {
    const ax_conv2d *g;
    const ax_layout_kernels *kernels;
    const float *w; /* of (k, c)                                    */
    int k, c;       /* lanes of both                                */
    float stage[SQUARE * STAGE_TAPS]; /* [tap][c][16 k], when staged */
    int staged;
} square;

static void stage(square *q)
{
    int64_t taps = (int64_t)q->g->kh * q->g->kw;
    q->staged = taps <= STAGE_TAPS;
    if (q->staged)
        q->kernels->pack(q->w, q->g->c * taps, q->k, q->c, taps, NULL, q->stage, AX_BLOCK);
}

/* One tap's [k][c] numbers, c along the lanes. */
static void put_tap(const square *q, int64_t tap, float *to, int64_t width)
{
    int64_t taps = (int64_t)q->g->kh * q->g->kw;
    if (q->staged) {
        q->kernels->pack(q->stage + tap * q->c * AX_BLOCK, AX_BLOCK, q->c, q->k, 1, NULL, to, width);
        return;
    }
    for (int k = 0; k < q->k; k++)
        for (int c = 0; c < AX_BLOCK; c++)
            to[k * width + c] = c < q->c ? q->w[(k * q->g->c + c) * taps + tap] : 0;
}

/* A square's taps, phase after phase, into panel c0/32 at input block k0/16. */
static void put_square(const square *q, int64_t k0, int64_t c0, float *packed)
{
    const ax_conv2d *g = q->g;
    int64_t panel = c0 / 32 * 32, width = g->c - panel > AX_BLOCK ? 32 : AX_BLOCK;
    int64_t channels = ax_conv_blocks(g->c) * AX_BLOCK;
    for (int ry = 0; ry < g->sh; ry++)
        for (int rx = 0; rx < g->sw; rx++) {
            ax_conv_phase y = ax_conv_phase_of(ry, g->kh, g->sh, g->dh);
            ax_conv_phase x = ax_conv_phase_of(rx, g->kw, g->sw, g->dw);
            int64_t taps = (int64_t)y.count * x.count;
            float *to = packed + panel * g->k * taps + k0 * taps * width + c0 % 32;
            for (int i = 0; i < y.count; i++)
                for (int j = 0; j < x.count; j++, to += q->k * width)
                    put_tap(q, (int64_t)(y.first + i * y.step) * g->kw + x.first + j * x.step, to,
                            width);
            packed += channels * g->k * taps;
        }
}

static void pack_dx_group(const ax_conv2d *g, const float *w, float *packed)
{
    square q = {.g = g, .kernels = ax_layout_kernels_get()};
    int64_t taps = (int64_t)g->kh * g->kw;
    for (int64_t k = 0; k < g->k; k += AX_BLOCK)
        for (int64_t c = 0; c < g->c; c += AX_BLOCK) {
            q.w = w + (k * g->c + c) * taps;
            q.k = lanes_of(g->k, k);
            q.c = lanes_of(g->c, c);
            stage(&q);
            put_square(&q, k, c, packed);
        }
}

void ax_conv2d_pack_dx(const ax_conv2d *g, const float *w, float *packed)
{
    ax_conv2d one = ax_conv_one_group(g);
    int64_t weights = one.k * one.c * g->kh * g->kw, floats = ax_conv2d_packed_dx(&one);
    for (int i = 0; i < g->groups; i++)
        pack_dx_group(&one, w + i * weights, packed + i * floats);
}

/* Where the pixels of phase r begin along an axis, how many there are, and the tap that comes first:
 * pixel q of the phase is position start + q*stride and sees dy at q + tap - i*by. */
typedef struct phase_axis {
    ax_conv_phase taps;
    int64_t start, count, tap, by;
} phase_axis;

static phase_axis axis_of(int r, int64_t size, int kernel, int stride, int dilation, int pad)
{
    phase_axis a = {.taps = ax_conv_phase_of(r, kernel, stride, dilation)};
    a.start = ((r - pad) % stride + stride) % stride;
    a.count = a.start < size ? (size - a.start - 1) / stride + 1 : 0;
    a.tap = (a.start + pad) / stride + (r - (int64_t)a.taps.first * dilation) / stride;
    a.by = -(int64_t)a.taps.step * dilation / stride;
    return a;
}

static ax_conv_pass dx_pass(const ax_conv2d *g, int ry, int rx, float *dx)
{
    phase_axis y = axis_of(ry, g->h, g->kh, g->sh, g->dh, g->pt);
    phase_axis x = axis_of(rx, g->w, g->kw, g->sw, g->dw, g->pl);
    ax_conv2d one = ax_conv_one_group(g);
    int64_t pixels = g->h * g->w * AX_BLOCK;
    return (ax_conv_pass){
        .n = g->n, .c = one.k, .h = g->oh, .w = g->ow, .sh = 1, .sw = 1,
        .x_image = ax_conv_blocks(g->k) * AX_BLOCK * g->oh * g->ow,
        .taps = y.taps.count * x.taps.count, .tap_cols = x.taps.count,
        .first = {y.tap, x.tap}, .by = {y.by, x.by},
        .k = one.c, .rows = y.count, .cols = x.count,
        .y = dx ? dx + (y.start * g->w + x.start) * AX_BLOCK : NULL,
        .y_image = ax_conv_blocks(g->c) * pixels, .y_block = pixels,
        .y_row = g->sh * g->w * AX_BLOCK, .y_step = g->sw * AX_BLOCK,
    };
}

int64_t ax_conv2d_blocked_dx_scratch(const ax_conv2d *g, int threads)
{
    int64_t most = 0;
    for (int ry = 0; ry < g->sh; ry++)
        for (int rx = 0; rx < g->sw; rx++) {
            ax_conv_pass p = dx_pass(g, ry, rx, NULL);
            int64_t s = ax_conv_pass_scratch(&p, threads);
            most = s > most ? s : most;
        }
    return most;
}

void ax_conv2d_blocked_dx(const ax_conv2d *g, const float *dy, const float *packed, float *dx,
                          float *scratch, ax_pool *pool)
{
    ax_conv2d one = ax_conv_one_group(g);
    for (int i = 0; i < g->groups; i++)
        for (int phase = 0; phase < g->sh * g->sw; phase++) {
            ax_conv_pass p = dx_pass(g, phase / g->sw, phase % g->sw, dx + i * one.c * g->h * g->w);
            p.x = dy + i * one.k * g->oh * g->ow;
            p.packed = packed;
            ax_conv_pass_run(&p, scratch, pool);
            packed += ax_conv_blocks(one.c) * AX_BLOCK * one.k * p.taps;
        }
}
