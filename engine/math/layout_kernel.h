/* layout_kernel.h - transposing 16 rows at a time: layout conversion and weight packing share it. */
#ifndef AX_MATH_LAYOUT_KERNEL_H
#define AX_MATH_LAYOUT_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

typedef struct ax_layout_kernels {
    /* Up to 16 rows x[l*stride + i], l < lanes, i = a*t + b with a < c, b < t, become the columns
     * of y: y[(b*c + a)*step + l] = x[l*stride + i] * (scale ? scale[l] : 1). Lanes past `lanes` are
     * written as zeros; scale has 16 entries. t == 1 is a plain transposition. */
    void (*pack)(const float *x, int64_t stride, int lanes, int64_t c, int64_t t,
                 const float *scale, float *y, int64_t step);
    /* the way back: y[l*stride + a*t + b] = x[(b*c + a)*step + l] */
    void (*unpack)(const float *x, int64_t step, int lanes, int64_t c, int64_t t, float *y,
                   int64_t stride);
} ax_layout_kernels;

AX_ISA_TABLES(ax_layout_kernels)

#endif
