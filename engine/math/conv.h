/* conv.h - 2-d convolution: forward, gradient of the input, gradient of the weights.
 *
 * Two families. The BLOCKED one (one group, or groups of whole channel blocks) is a direct convolution in NCHW16c whose tile keeps
 * weights as vectors and activations as broadcasts; it serves inference and training. The PLAIN one
 * (NCHW) is a tiled im2col around OpenBLAS and runs every geometry, groups included. Depthwise has
 * its own loops. A 1-d convolution is a 2-d one of height 1.
 *
 * Promises of all: bits depend neither on n (dW apart), nor on batch mates, nor on threads. BLOCKED:
 * each output element is one accumulation from the bias in the order input-channel block, ky, kx,
 * channel, whether x is BLOCKED or PLAIN. PLAIN: the order is OpenBLAS's, over tiles fixed by the
 * geometry. Sums over the batch (dW) are made in fixed slices and added in slice order.
 * No function allocates or fails: scratch comes from the caller, sizes from the *_scratch functions
 * (floats; they depend on the geometry and on ax_pool_size(pool) only). Pointers are 64-byte aligned
 * unless they are PLAIN tensors or weights. Thread-safe. */
#ifndef AX_MATH_CONV_H
#define AX_MATH_CONV_H

#include "base/pool.h"
#include "math/epilogue.h"
#include "math/layout.h"

typedef struct ax_conv2d {
    int64_t n, c, h, w;   /* input  (n, c, h, w)   */
    int64_t k, oh, ow;    /* output (n, k, oh, ow) */
    int kh, kw;           /* weights (k, c/groups, kh, kw), PLAIN */
    int sh, sw, dh, dw;   /* stride, dilation >= 1 */
    int pt, pl, pb, pr;   /* padding with zeros: top, left, bottom, right */
    int groups;
} ax_conv2d;

/* ---- BLOCKED ---- */

/* Can the blocked forward / input gradient / weight gradient run this geometry? */
int ax_conv2d_blocked_ok(const ax_conv2d *g);
int ax_conv2d_blocked_dx_ok(const ax_conv2d *g);

int64_t ax_conv2d_packed(const ax_conv2d *g); /* floats of packed weights */
/* scale: per output channel factor multiplied into the weights (a folded batch-norm), or NULL */
void ax_conv2d_pack(const ax_conv2d *g, const float *w, const float *scale, float *packed);
int64_t ax_conv2d_blocked_scratch(const ax_conv2d *g, int threads);
/* x BLOCKED, or PLAIN when `x_plain` (the first layer: few channels, no conversion);
 * bias (k) or NULL; y BLOCKED. */
void ax_conv2d_blocked(const ax_conv2d *g, const float *x, int x_plain, const float *packed,
                       const float *bias, const ax_epilogue *e, float *y, float *scratch,
                       ax_pool *pool);

/* dx BLOCKED (n,c,h,w) from dy BLOCKED (n,k,oh,ow); packed by ax_conv2d_pack_dx */
int64_t ax_conv2d_packed_dx(const ax_conv2d *g);
void ax_conv2d_pack_dx(const ax_conv2d *g, const float *w, float *packed);
int64_t ax_conv2d_blocked_dx_scratch(const ax_conv2d *g, int threads);
void ax_conv2d_blocked_dx(const ax_conv2d *g, const float *dy, const float *packed, float *dx,
                          float *scratch, ax_pool *pool);

/* dw PLAIN (k,c,kh,kw) = sum over n,oh,ow of x * dy; x BLOCKED or PLAIN (x_plain), dy BLOCKED */
int64_t ax_conv2d_blocked_dw_scratch(const ax_conv2d *g, int threads);
void ax_conv2d_blocked_dw(const ax_conv2d *g, const float *x, int x_plain, const float *dy,
                          float *dw, float *scratch, ax_pool *pool);

/* ---- PLAIN, any groups (depthwise included: c == groups takes its own loops) ---- */

int64_t ax_conv2d_plain_scratch(const ax_conv2d *g, int threads); /* enough for all three */
void ax_conv2d_plain(const ax_conv2d *g, const float *x, const float *w, const float *bias,
                     const ax_epilogue *e, float *y, float *scratch, ax_pool *pool);
void ax_conv2d_plain_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx,
                        float *scratch, ax_pool *pool);
void ax_conv2d_plain_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw,
                        float *scratch, ax_pool *pool);

/* ---- the naive twins: clarity first, double accumulation; every fast kernel must match them ---- */
void ax_conv2d_naive(const ax_conv2d *g, const float *x, const float *w, const float *bias, float *y);
void ax_conv2d_naive_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx);
void ax_conv2d_naive_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw);

#endif
