/* window_kernel.h - pooling kernels over output pixels whose windows have the same shape. */
#ifndef AX_MATH_WINDOW_KERNEL_H
#define AX_MATH_WINDOW_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

/* `count` neighbouring outputs; the window of the first begins at x, of the next `step` floats
 * further; a window is rows x cols numbers, row and col floats apart. Outputs are packed. */
typedef struct ax_window_run {
    const float *x, *dy;
    float *y, *dx;
    int64_t count, step;
    int rows, cols;
    int64_t row, col;
    float divisor;
} ax_window_run;

typedef void ax_window_fn(const ax_window_run *r);

typedef struct ax_window_kernels {
    /* 16 channels a pixel; forward from x to y, backward from dy (and x) added to dx */
    ax_window_fn *max, *avg, *max_backward, *avg_backward;
} ax_window_kernels;

AX_ISA_TABLES(ax_window_kernels)

#endif
