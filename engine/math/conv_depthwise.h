/* conv_depthwise.h - convolutions in which every output channel sees one input channel, PLAIN.
 * Called through ax_conv2d_plain and its gradients; the contract is theirs. */
#ifndef AX_MATH_CONV_DEPTHWISE_H
#define AX_MATH_CONV_DEPTHWISE_H

#include "math/conv.h"
#include "math/isa_table.h"

/* Is it one, and of a size whose padded planes may be copied? */
int ax_conv2d_depthwise(const ax_conv2d *g);
int64_t ax_conv2d_depthwise_scratch(const ax_conv2d *g, int threads);
void ax_conv2d_depthwise_forward(const ax_conv2d *g, const float *x, const float *w,
                                 const float *bias, const ax_epilogue *e, float *y, float *scratch,
                                 ax_pool *pool);
void ax_conv2d_depthwise_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx,
                            float *scratch, ax_pool *pool);
void ax_conv2d_depthwise_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw,
                            float *scratch, ax_pool *pool);

/* A row of n outputs and the taps they see: output i reads x[tap[t] + i]. x may be read up to 64
 * floats past what the outputs need. */
typedef struct ax_depthwise_row {
    const float *x;
    const int64_t *tap;
    const float *w; /* one per tap */
    int64_t taps, n;
    float start;
} ax_depthwise_row;

typedef struct ax_depthwise_kernels {
    /* y[i] = start + sum over t of w[t] * x[tap[t] + i], added to y when `more` */
    void (*row)(const ax_depthwise_row *r, int more, float *y);
    /* sum[16*t + i%16] += x[tap[t] + i] * dy[i], in order of i */
    void (*dot)(const ax_depthwise_row *r, const float *dy, float *sum);
} ax_depthwise_kernels;

AX_ISA_TABLES(ax_depthwise_kernels)

#endif
