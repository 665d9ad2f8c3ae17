/* dense_kernel.h - what the drivers of dense layers and matrix products hand to their kernels. */
#ifndef AX_MATH_DENSE_KERNEL_H
#define AX_MATH_DENSE_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

/* m rows against one panel: y[i][j] = start[j] (or what is there) + sum of x(i,q) * w[q][j] over
 * q < k in order, then + residual, then relu. All `width` columns are computed and stored.
 * x(i,q) is x[i*x_step + q], or x[i + q*x_step] for the kernels of a transposed x. */
typedef struct ax_dense_panel {
    int64_t m, k;
    const float *x;
    int64_t x_step;
    const float *w;        /* [k][width]                                       */
    const float *start;    /* width floats; NULL: go on from y                 */
    const float *residual; /* rows y_row apart, NULL: none                     */
    int relu;
    float *y;
    int64_t y_row;
} ax_dense_panel;

typedef struct ax_dense_kernels {
    /* of width 16, 32, 48, 64 */
    void (*panel[4])(const ax_dense_panel *p);
    void (*transposed[4])(const ax_dense_panel *p);
} ax_dense_kernels;

AX_ISA_TABLES(ax_dense_kernels)

#endif
