/* onnx_window.h - windows over the pixels of (batch, channels, pixels...), as convolutions and
 * pooling are told them; between onnx_ops_window.c and onnx_ops_pool.c. */
#ifndef AX_IO_ONNX_WINDOW_H
#define AX_IO_ONNX_WINDOW_H

#include "io/onnx_op.h"

typedef struct onnx_window {
    int axes;
    int64_t kernel[AX_POOL_AXES], stride[AX_POOL_AXES], dilation[AX_POOL_AXES];
    int64_t before[AX_POOL_AXES], after[AX_POOL_AXES]; /* padding */
} onnx_window;

/* How many axes of pixels input 0 has; an error where they are none, or too many. */
int onnx_pixel_axes(onnx_site *s, int *axes);
/* The attribute as one number per axis, `otherwise` where it is absent; none below `least`. */
int onnx_per_axis(onnx_site *s, const char *name, int axes, int64_t otherwise, int64_t least,
                  int64_t *out);
/* Strides, dilations and padding of a window whose axes and kernel are set, over x (its pixels);
 * where auto_pad is SAME there are as many windows as strides. */
int onnx_place(onnx_site *s, const int64_t *x, onnx_window *w);

/* A tensor (a, b, pixels...) with one axis of pixels as one with two, and the way back. */
int onnx_heightened(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out);
int onnx_flattened(onnx_site *s, ax_onnx_value *y, ax_onnx_value *out);

#endif
