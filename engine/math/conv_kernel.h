/* conv_kernel.h - what the drivers of the blocked convolution hand to its kernels.
 *
 * Packed weights are panels of 32 output channels (the last one 16 wide when that is enough):
 * [panel][input block][tap][channel of the block][width], the last input block as short as it is. */
#ifndef AX_MATH_CONV_KERNEL_H
#define AX_MATH_CONV_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

/* A stretch of output pixels of one row, for one panel of output channels:
 * out[p] = start (or what is there) + sum over blocks, taps, channels of in * w, in this order. */
typedef struct ax_conv_stretch {
    const float *in;     /* of pixel 0; tap[t] floats are added for each tap                  */
    int64_t in_step;     /* floats from a pixel's input to the next pixel's                   */
    int64_t in_block;    /* floats from an input channel block to the next                    */
    int64_t blocks;      /* input channel blocks to sum over                                  */
    int64_t taps;
    const int64_t *tap;
    int last;            /* channels in the last of the blocks, 1..16                         */
    int relu;
    const float *w;
    int64_t ahead;       /* prefetch weights that far ahead, in floats                        */
    const float *start;  /* one per channel of the panel; NULL: go on from out                */
    const float *residual; /* laid out like out, added at the end; NULL: none                 */
    float *out;
    int64_t out_step;    /* floats from an output pixel to the next                           */
    int64_t out_block;   /* floats to the second channel block of the panel                   */
    int64_t pixels;
} ax_conv_stretch;

/* The outer products of the weight gradient, over images x rows x cols pixels:
 * acc[r*width + lane] += sum over pixels of in[r] * dy[lane], in pixel order, for r < n. */
typedef struct ax_conv_outer {
    const float *in;    /* of the first pixel                                                 */
    int64_t in_step, in_row, in_image;
    const int64_t *tap; /* plain input: row r reads in[tap[r]]; blocked: in[r]                */
    int n;              /* rows of acc; blocked: up to 16, plain: up to plain_rows            */
    const float *dy;    /* pixels are 16 floats apart                                         */
    int64_t dy_row, dy_image;
    int64_t dy_block;   /* floats to the second channel block                                 */
    int64_t images, rows, cols;
    float *acc;
} ax_conv_outer;

typedef struct ax_conv_kernels {
    /* [0] 16, [1] 32 output channels; blocked input, or single numbers (taps of a PLAIN picture;
     * blocks and last are 1 then) */
    void (*blocked[2])(const ax_conv_stretch *s);
    void (*plain[2])(const ax_conv_stretch *s);
} ax_conv_kernels;

typedef struct ax_conv_outer_kernels {
    int plain_rows; /* the most rows `plain` takes */
    void (*blocked[2])(const ax_conv_outer *o);
    void (*plain[2])(const ax_conv_outer *o);
} ax_conv_outer_kernels;

AX_ISA_TABLES(ax_conv_kernels)
AX_ISA_TABLES(ax_conv_outer_kernels)

#endif
