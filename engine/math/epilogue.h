/* epilogue.h - what a GEMM or convolution does to a tile while it is still warm:
 * y = act(acc + residual), where acc already started from the bias.
 *
 * residual must not overlap y: y holds partial sums on the way.
 *
 * The activation sees the float32 accumulator, so a fused activation gives the same bits as one
 * applied in a pass of its own. */
#ifndef AX_MATH_EPILOGUE_H
#define AX_MATH_EPILOGUE_H

#include <stddef.h>

typedef struct ax_epilogue {
    const float *residual; /* same layout and shape as y, or NULL */
    int relu;              /* max(0,.) done in registers, NaN and -0 kept */
    /* any other element-wise activation, called on stored stretches (x == y); NULL: none */
    void (*act)(const void *ctx, const float *x, float *y, size_t n);
    const void *ctx;
} ax_epilogue;

#endif
