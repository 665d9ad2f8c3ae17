/* dot_kernel.h - what the driver of dense layers over weights as they lie hands to its kernels. */
#ifndef AX_MATH_DOT_KERNEL_H
#define AX_MATH_DOT_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

enum { AX_DOT_COLUMNS = 4 };

/* m rows of x against up to 4 rows of w: y[i][j] = what is there (or 0) + sum of x(i,q) w(j,q) over
 * q < k; where `last`, then * scale[j] + bias[j] + residual[i][j], and relu. */
typedef struct ax_dot_tile {
    int64_t m, k;
    const float *x, *w; /* rows x_row and w_row floats apart */
    int64_t x_row, w_row;
    int64_t ahead; /* floats from weights in use to those wanted next */
    int columns;   /* 1 to AX_DOT_COLUMNS */
    int first, last, relu;
    const float *scale, *bias; /* AX_DOT_COLUMNS of each */
    const float *residual;     /* rows y_row apart, NULL: none */
    float *y;
    int64_t y_row;
} ax_dot_tile;

typedef struct ax_dot_kernels {
    int rows; /* that one tile holds */
    void (*tiles)(const ax_dot_tile *t);
} ax_dot_kernels;

AX_ISA_TABLES(ax_dot_kernels)

#endif
