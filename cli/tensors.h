/* tensors.h - numbers on their way into a model: from any element type to the one a port has,
 * and how an array's shape fits a port's.
 *
 * Thread-safe. */
#ifndef CLI_TENSORS_H
#define CLI_TENSORS_H

#include "axon.h"

/* from's elements as `to` into out[0..count). A number that the type cannot hold (300 as uint8, 0.5
 * as int64, 1e300 as float32) is AX_ERANGE with its index in err->at; between float types the value
 * is rounded, NaN and infinity pass. */
int tensor_convert(const ax_tensor *from, ax_dtype to, void *out, ax_err *err);

/* The same for one number. -1 when the type cannot hold it. */
int tensor_store(double v, ax_dtype to, void *out, int64_t i);

/* How many samples of port p an array of shape s holds: (rows, ...p), (rows, all of p flat), or,
 * with *bare set, one sample without the batch dimension. AX_ESHAPE with both shapes when neither.
 */
int tensor_rows(const ax_shape *s, const ax_port *p, int64_t *rows, int *bare, ax_err *err);

/* "(batch, 3, ?, ?)": a port's shape into buf, which is returned; 160 bytes are enough for most. */
const char *tensor_port_shape(const ax_port *p, char *buf, size_t size);

/* Element i as a number, for printing. int64 and uint64 beyond 2^53 are rounded. */
double tensor_number(ax_dtype t, const void *data, int64_t i);

/* The index of the first NaN or infinity among n elements; -1 when all are finite. */
int64_t tensor_non_finite(ax_dtype t, const void *data, int64_t n);

/* A number as JSON: for float32 the shortest decimal that reads back as the same float32. */
cJSON *tensor_json_number(ax_dtype t, const void *data, int64_t i);
/* shape [] of elements from i on as nested arrays. */
cJSON *tensor_json(ax_dtype t, const ax_shape *s, const void *data, int64_t i);
cJSON *tensor_json_shape(const ax_shape *s); /* [1,28,28] */

#endif
