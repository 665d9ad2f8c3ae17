/* conv.c - the naive twins of the convolutions, and which geometries the blocked kernels take. */
#include "math/conv.h"

#include <stddef.h>

/* The input row (or column) that output o sees through kernel row k; outside [0,size): padding. */
static int64_t seen(int64_t o, int stride, int k, int dilation, int pad)
{
    return o * stride + (int64_t)k * dilation - pad;
}

void ax_conv2d_naive(const ax_conv2d *g, const float *x, const float *w, const float *bias, float *y)
{
    int64_t cg = g->c / g->groups, kg = g->k / g->groups;
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->k; k++)
            for (int64_t oy = 0; oy < g->oh; oy++)
                for (int64_t ox = 0; ox < g->ow; ox++) {
                    double sum = bias ? bias[k] : 0;
                    for (int64_t c = 0; c < cg; c++)
                        for (int ky = 0; ky < g->kh; ky++)
                            for (int kx = 0; kx < g->kw; kx++) {
                                int64_t iy = seen(oy, g->sh, ky, g->dh, g->pt);
                                int64_t ix = seen(ox, g->sw, kx, g->dw, g->pl);
                                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w)
                                    continue;
                                int64_t ic = k / kg * cg + c;
                                sum += (double)x[((i * g->c + ic) * g->h + iy) * g->w + ix] *
                                       w[((k * cg + c) * g->kh + ky) * g->kw + kx];
                            }
                    y[((i * g->k + k) * g->oh + oy) * g->ow + ox] = (float)sum;
                }
}

/* One input pixel's gradient: every output that saw it, through every tap. */
static double naive_dx(const ax_conv2d *g, const float *dy, const float *w, int64_t i, int64_t c,
                       int64_t iy, int64_t ix)
{
    int64_t cg = g->c / g->groups, kg = g->k / g->groups, first = c / cg * kg;
    double sum = 0;
    for (int64_t k = first; k < first + kg; k++)
        for (int ky = 0; ky < g->kh; ky++)
            for (int kx = 0; kx < g->kw; kx++) {
                int64_t ty = iy + g->pt - (int64_t)ky * g->dh;
                int64_t tx = ix + g->pl - (int64_t)kx * g->dw;
                if (ty < 0 || tx < 0 || ty % g->sh || tx % g->sw)
                    continue;
                int64_t oy = ty / g->sh, ox = tx / g->sw;
                if (oy < g->oh && ox < g->ow)
                    sum += (double)dy[((i * g->k + k) * g->oh + oy) * g->ow + ox] *
                           w[((k * cg + c % cg) * g->kh + ky) * g->kw + kx];
            }
    return sum;
}

void ax_conv2d_naive_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t c = 0; c < g->c; c++)
            for (int64_t iy = 0; iy < g->h; iy++)
                for (int64_t ix = 0; ix < g->w; ix++)
                    dx[((i * g->c + c) * g->h + iy) * g->w + ix] =
                        (float)naive_dx(g, dy, w, i, c, iy, ix);
}

/* One weight's gradient: all pixels of all images. */
static double naive_dw(const ax_conv2d *g, const float *x, const float *dy, int64_t k, int64_t c,
                       int ky, int kx)
{
    double sum = 0;
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t oy = 0; oy < g->oh; oy++)
            for (int64_t ox = 0; ox < g->ow; ox++) {
                int64_t iy = seen(oy, g->sh, ky, g->dh, g->pt);
                int64_t ix = seen(ox, g->sw, kx, g->dw, g->pl);
                if (iy >= 0 && iy < g->h && ix >= 0 && ix < g->w)
                    sum += (double)x[((i * g->c + c) * g->h + iy) * g->w + ix] *
                           dy[((i * g->k + k) * g->oh + oy) * g->ow + ox];
            }
    return sum;
}

void ax_conv2d_naive_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw)
{
    int64_t cg = g->c / g->groups, kg = g->k / g->groups;
    for (int64_t k = 0; k < g->k; k++)
        for (int64_t c = 0; c < cg; c++)
            for (int ky = 0; ky < g->kh; ky++)
                for (int kx = 0; kx < g->kw; kx++)
                    dw[((k * cg + c) * g->kh + ky) * g->kw + kx] =
                        (float)naive_dw(g, x, dy, k, k / kg * cg + c, ky, kx);
}

/* The copies of the input with its padding must stay reasonable: a dilation or padding of millions
 * is legal, and cheap for the PLAIN kernels. In double, because nothing bounds the products. */
static int modest(const ax_conv2d *g)
{
    double rows = (double)(g->kh - 1) * g->dh + (256.0 / (double)(g->ow + 1) + 1) * g->sh;
    double cols = (double)(g->ow - 1) * g->sw + (double)(g->kw - 1) * g->dw + 1;
    return rows * cols * (double)(g->c + AX_BLOCK) < 1 << 26 && (double)g->kh * g->kw < 1 << 16;
}

/* Groups of whole channel blocks are convolutions side by side. */
static int groups_ok(const ax_conv2d *g)
{
    return g->groups == 1 || (g->c / g->groups % AX_BLOCK == 0 && g->k / g->groups % AX_BLOCK == 0);
}

int ax_conv2d_blocked_ok(const ax_conv2d *g)
{
    return groups_ok(g) && modest(g);
}

int ax_conv2d_blocked_dx_ok(const ax_conv2d *g)
{
    double rows = 2.0 * g->kh * g->dh / g->sh + 2, cols = (double)g->w + 2.0 * g->kw * g->dw + 2;
    return groups_ok(g) && modest(g) && (int64_t)g->sh * g->sw <= 64 &&
           rows * cols * (double)(g->k + AX_BLOCK) < 1 << 26;
}
