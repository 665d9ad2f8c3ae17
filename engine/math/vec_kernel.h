/* vec_kernel.h - kernels over stretches of numbers: element-wise, and per lane of 16. */
#ifndef AX_MATH_VEC_KERNEL_H
#define AX_MATH_VEC_KERNEL_H

#include <stdint.h>

#include "math/isa_table.h"

/* y[i] from a[i], b[i] and alpha; what is not needed is not read */
typedef void ax_vec_fn(int64_t n, float alpha, const float *a, const float *b, float *y);

/* `count` groups of 16 numbers, `step` floats apart; lane l of a group belongs to channel l (or all
 * lanes to one channel, whose constants are then repeated). */
typedef struct ax_lanes {
    const float *x, *dy;
    float *y;
    int64_t count, step;
    const double *mean;     /* 16, for sums                                             */
    const float *constants; /* 4 x 16, for maps                                         */
    double *sum;            /* 2 x 16, added to                                         */
} ax_lanes;

typedef struct ax_vec_kernels {
    ax_vec_fn *fill, *add, *mul, *scale, *axpy, *relu, *relu_backward;
    void (*from_bytes)(int64_t n, const uint8_t *x, float *y);
    /* sums in double; with d = x - mean */
    void (*sum)(const ax_lanes *l);       /* sum[0] += x                                */
    void (*norms)(const ax_lanes *l);     /* sum[0] += |x|, sum[1] += x*x               */
    void (*squares)(const ax_lanes *l);   /* sum[0] += d*d                              */
    void (*products)(const ax_lanes *l);  /* sum[0] += dy, sum[1] += dy*d               */
    /* maps; constants a, b, c, d */
    void (*affine)(const ax_lanes *l);      /* y = x*a + b                              */
    void (*affine_relu)(const ax_lanes *l); /* y = max(0, x*a + b)                      */
    void (*normalise)(const ax_lanes *l);   /* y = (x - c)*a + b                        */
    void (*unnormalise)(const ax_lanes *l); /* y = (dy - b - (x - c)*d)*a               */
} ax_vec_kernels;

AX_ISA_TABLES(ax_vec_kernels)

#endif
