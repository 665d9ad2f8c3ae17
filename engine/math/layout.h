/* layout.h - how the numbers of a picture lie in memory inside a plan.
 *
 * PLAIN is row-major NCHW, what everybody outside sees. BLOCKED is NCHW16c: channels in blocks of
 * 16, the 16 innermost: index ((n*CB + c/16)*H*W + h*W + w)*16 + c%16 with CB = ceil(C/16). One
 * vector is then 16 channels of one pixel, so weights are vectors, activations are broadcasts, and
 * a 7x7 map wastes no lane. Lanes past C are undefined: a kernel may write anything there and must
 * never let a lane's value reach another lane. Rank 3 (N,C,L) and rank 4 (N,C,H,W) can be blocked. */
#ifndef AX_MATH_LAYOUT_H
#define AX_MATH_LAYOUT_H

#include "base/pool.h"
#include "math/tensor.h"

#define AX_BLOCK 16

typedef enum ax_layout { AX_PLAIN, AX_BLOCKED } ax_layout;

/* floats a (N,C,...) tensor takes in a layout */
int64_t ax_layout_count(ax_layout l, const ax_shape *s);

/* (n,c,pixels) PLAIN <-> BLOCKED. The lanes past c are written as zeros by ax_to_blocked. */
void ax_to_blocked(int64_t n, int64_t c, int64_t pixels, const float *x, float *y, ax_pool *pool);
void ax_to_plain(int64_t n, int64_t c, int64_t pixels, const float *x, float *y, ax_pool *pool);

#endif
