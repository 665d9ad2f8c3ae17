/* conv_impl.h - the blocked convolution as its drivers see it: one pass over an output grid.
 *
 * The forward convolution is one pass a group; the gradient of the input is one pass a group and
 * phase of the stride, each a convolution of dy with stride 1. */
#ifndef AX_MATH_CONV_IMPL_H
#define AX_MATH_CONV_IMPL_H

#include "base/ints.h"
#include "math/conv.h"

/* Where output pixel (r, q) of the grid reads for a tap: row r*sh + y, column q*sw + x of the
 * source; outside of it there are zeros. */
typedef struct ax_conv_tap {
    int64_t y, x;
} ax_conv_tap;

typedef struct ax_conv_pass {
    int64_t n;
    const float *x; /* (n,c,h,w) BLOCKED, or PLAIN when plain */
    int plain;
    int64_t c, h, w, x_image; /* x_image: floats from an image to the next */
    int sh, sw;
    int taps, tap_cols;   /* taps is a multiple of tap_cols: rows x columns of the kernel       */
    ax_conv_tap first, by; /* tap (i, j) is first + (i*by.y, j*by.x)                             */
    int64_t k;            /* output channels                                                    */
    int64_t rows, cols;   /* of the grid                                                        */
    float *y;             /* of pixel (0,0) of the first image                                  */
    int64_t y_image, y_block, y_row, y_step;
    const float *packed, *bias;
    const ax_epilogue *e; /* NULL: nothing                                                      */
} ax_conv_pass;

static inline int64_t ax_conv_blocks(int64_t c)
{
    return ceil_div(c, AX_BLOCK);
}

/* One group as a convolution without groups. */
static inline ax_conv2d ax_conv_one_group(const ax_conv2d *g)
{
    ax_conv2d one = *g;
    one.c /= g->groups;
    one.k /= g->groups;
    one.groups = 1;
    return one;
}

int64_t ax_conv_pass_scratch(const ax_conv_pass *p, int threads);
void ax_conv_pass_run(const ax_conv_pass *p, float *scratch, ax_pool *pool);

/* The phases of the input gradient along one axis: for r = (position + pad) % stride, the kernel
 * rows k0, k0 + step... (count of them) that reach it. */
typedef struct ax_conv_phase {
    int first, step, count;
} ax_conv_phase;
ax_conv_phase ax_conv_phase_of(int r, int kernel, int stride, int dilation);

/* A part of a source picture with zeros around, cut out for a block of output rows:
 * rows [y0, y0+rows) and columns [x0, x0+cols) of channel blocks [b0, b0+blocks) (channels when
 * plain) of image i, each block rows*cols pixels, into to. */
typedef struct ax_conv_window {
    int64_t y0, rows, x0, cols;
} ax_conv_window;
void ax_conv_cut(const float *x, int plain, int64_t h, int64_t w, int64_t blocks,
                 const ax_conv_window *win, float *to);

#endif
