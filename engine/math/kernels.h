/* kernels.h - the loops that are neither a matrix product nor a convolution: element-wise passes,
 * sums per channel, batch-norm, pooling windows.
 *
 * A channel kernel sees its tensor as ax_maps: n pictures of c channels of `pixels` numbers each,
 * PLAIN (n,c,pixels) or BLOCKED (see layout.h; the lanes past c are never read into a result).
 * A dense layer's (n,c) matrix is PLAIN with pixels == 1.
 *
 * Promises of all: nothing allocates or fails; scratch comes from the caller (its size in floats
 * from ax_maps_scratch, aligned to 64 bytes); sums are made in double, in slices that depend on the
 * sizes alone and are added in order, so bits do not depend on the pool; NaN in gives NaN out.
 * y may be one of the inputs of the same size unless it says otherwise. Thread-safe. */
#ifndef AX_MATH_KERNELS_H
#define AX_MATH_KERNELS_H

#include "base/pool.h"
#include "math/layout.h"

/* ---- element-wise over n floats; layout does not matter ---- */

void ax_vec_fill(int64_t n, float v, float *y, ax_pool *pool);
void ax_vec_add(int64_t n, const float *a, const float *b, float *y, ax_pool *pool);
void ax_vec_mul(int64_t n, const float *a, const float *b, float *y, ax_pool *pool);
/* y = alpha * x */
void ax_vec_scale(int64_t n, float alpha, const float *x, float *y, ax_pool *pool);
/* y = y + alpha * x */
void ax_vec_axpy(int64_t n, float alpha, const float *x, float *y, ax_pool *pool);
/* y = max(0, x), NaN and -0 kept: the same bits as ax_epilogue.relu */
void ax_vec_relu(int64_t n, const float *x, float *y, ax_pool *pool);
/* dx = dy where x > 0, 0 where x <= 0, NaN where x is NaN; x may be relu's input or its output */
void ax_vec_relu_backward(int64_t n, const float *x, const float *dy, float *dx, ax_pool *pool);

/* y = x, of one thread: the samples of a batch are what is shared out */
void ax_vec_from_bytes(int64_t n, const uint8_t *x, float *y);

/* ---- per channel ---- */

typedef struct ax_maps {
    ax_layout layout;
    int64_t n, c, pixels;
} ax_maps;

/* Enough for any function below that takes scratch. */
int64_t ax_maps_scratch(const ax_maps *m);

/* sum over all of |x| and of x*x; either result may be NULL */
void ax_maps_norms(const ax_maps *m, const float *x, double *sum_abs, double *sum_sq,
                   float *scratch, ax_pool *pool);

/* sum (c) over pictures and pixels: the gradient of a bias */
void ax_channel_sum(const ax_maps *m, const float *x, float *sum, float *scratch, ax_pool *pool);

/* y = x * scale[c] + shift[c], then max(0,.) when relu: batch-norm at inference */
void ax_channel_affine(const ax_maps *m, const float *x, const float *scale, const float *shift,
                       int relu, float *y, ax_pool *pool);

/* mean (c) and biased variance (c) over pictures and pixels, in two passes */
void ax_batch_norm_stats(const ax_maps *m, const float *x, float *mean, float *var, float *scratch,
                         ax_pool *pool);
/* y = (x - mean) / sqrt(var + epsilon) * gamma + beta; gamma, beta (c) or NULL for 1, 0 */
void ax_batch_norm_apply(const ax_maps *m, const float *x, const float *mean, const float *var,
                         const float *gamma, const float *beta, double epsilon, float *y,
                         ax_pool *pool);
/* The gradient when mean and var are those of this very batch. With M = n*pixels,
 * xhat = (x - mean) / sqrt(var + epsilon): dbeta = sum dy, dgamma = sum dy*xhat,
 * dx = gamma / sqrt(var + epsilon) * (dy - dbeta/M - xhat*dgamma/M). dx may be dy.
 * dgamma and dbeta (c) must be given; gamma NULL counts as 1. */
void ax_batch_norm_backward(const ax_maps *m, const float *x, const float *dy, const float *mean,
                            const float *var, const float *gamma, double epsilon, float *dx,
                            float *dgamma, float *dbeta, float *scratch, ax_pool *pool);

/* ---- pooling windows ---- */

typedef struct ax_window2d {
    ax_layout layout; /* of x, y and their gradients */
    int64_t n, c, h, w, oh, ow;
    int kh, kw, sh, sw, dh, dw; /* window, stride, dilation (dh, dw: 1 for ordinary pooling) */
    int pt, pl, pb, pr;         /* padding: top, left, bottom, right */
    int count_pad;              /* the average divides by the whole window, padding included */
} ax_window2d;

/* x (n,c,h,w) -> y (n,c,oh,ow). Padding takes no part in a maximum. A window without any pixel
 * (possible where oh was rounded up) gives -inf and average 0. With count_pad the divisor counts
 * the window's positions inside the padded picture. y is not x. */
void ax_max_pool(const ax_window2d *g, const float *x, float *y, ax_pool *pool);
void ax_avg_pool(const ax_window2d *g, const float *x, float *y, ax_pool *pool);
/* dx is overwritten. The first maximum of a window (rows first) receives its dy; the first NaN
 * counts as the maximum. */
void ax_max_pool_backward(const ax_window2d *g, const float *x, const float *dy, float *dx,
                          ax_pool *pool);
void ax_avg_pool_backward(const ax_window2d *g, const float *dy, float *dx, ax_pool *pool);

/* The window is the whole map. y is always (n,c) row-major; x and dx in m->layout. */
void ax_global_avg_pool(const ax_maps *m, const float *x, float *y, ax_pool *pool);
void ax_global_max_pool(const ax_maps *m, const float *x, float *y, ax_pool *pool);
void ax_global_avg_pool_backward(const ax_maps *m, const float *dy, float *dx, ax_pool *pool);
void ax_global_max_pool_backward(const ax_maps *m, const float *x, const float *dy, float *dx,
                                 ax_pool *pool);

#endif
