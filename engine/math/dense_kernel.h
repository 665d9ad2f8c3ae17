/* dense_kernel.h - what the driver of the dense layer hands to its kernels. */
#ifndef AX_MATH_DENSE_KERNEL_H
#define AX_MATH_DENSE_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

/* m rows against one panel: y[i][j] = start[j] (or what is there) + sum of x[i][q] * w[q][j] over
 * q < k in order, then + residual, then relu. All `width` columns are computed and stored. */
typedef struct ax_dense_panel {
    int64_t m, k;
    const float *x;
    int64_t x_row;
    const float *w;        /* [k][width]                                       */
    const float *start;    /* width floats; NULL: go on from y                 */
    const float *residual; /* rows y_row apart, NULL: none                     */
    int relu;
    float *y;
    int64_t y_row;
} ax_dense_panel;

typedef struct ax_dense_kernels {
    void (*panel[4])(const ax_dense_panel *p); /* of width 16, 32, 48, 64 */
} ax_dense_kernels;

AX_ISA_TABLES(ax_dense_kernels)

#endif
