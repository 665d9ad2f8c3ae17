/* tensor.h - shapes, element types, and a view of memory as a tensor.
 *
 * Row-major, no strides: a tensor is dense, or it is somebody else's problem (a blocked layout is a
 * private matter between kernels inside one plan; see layout.h). */
#ifndef AX_MATH_TENSOR_H
#define AX_MATH_TENSOR_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define AX_MAX_RANK 8

typedef enum ax_dtype {
    AX_F32,
    AX_I64,
    AX_I32,
    AX_U8,
    AX_BOOL,
    AX_F64,
    AX_I8,
    AX_I16,
    AX_U16,
    AX_U32,
    AX_U64,
    AX_DTYPES
} ax_dtype;

typedef struct ax_shape {
    int rank; /* 0: a scalar */
    int64_t dim[AX_MAX_RANK];
} ax_shape;

typedef struct ax_tensor {
    ax_dtype dtype;
    ax_shape shape;
    void *data; /* borrowed */
} ax_tensor;

size_t ax_dtype_size(ax_dtype t);      /* bytes of one element */
const char *ax_dtype_name(ax_dtype t); /* "float32", "int64"... */
int ax_dtype_find(const char *name);   /* -1 when unknown       */
/* The least and the largest of a type of whole numbers; bool: 0 and 1. */
int64_t ax_dtype_low(ax_dtype t);
uint64_t ax_dtype_high(ax_dtype t);

/* AX_SHAPE(2, 3) -> {2, {2, 3}} */
#define AX_SHAPE(...)                                                                              \
    ((ax_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})

/* Elements of a shape whose product is already known not to overflow. */
int64_t ax_shape_count(const ax_shape *s);
/* The same under guard: -1 with err when a dimension is negative or the product times `size`
 * passes 2^46 bytes. */
int64_t ax_shape_count_checked(const ax_shape *s, size_t size, ax_err *err);
/* Sum and product of counts that only people read: INT64_MAX where they would overflow. */
int64_t ax_count_add(int64_t a, int64_t b);
int64_t ax_count_mul(int64_t a, int64_t b);
/* The shape that a and b are broadcast to, by numpy's rule: aligned at their last axes, a dimension
 * of 1 is repeated. -1 with AX_ESHAPE where they do not fit. */
int ax_shape_broadcast(const ax_shape *a, const ax_shape *b, ax_shape *out, ax_err *err);
int ax_shape_equal(const ax_shape *a, const ax_shape *b);
/* "(32, 1, 28, 28)" into buf, which is returned. 128 bytes are enough for any shape. */
const char *ax_shape_str(const ax_shape *s, char *buf, size_t size);

#endif
