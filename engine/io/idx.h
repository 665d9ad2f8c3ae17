/* idx.h - IDX files, the format of MNIST and its kin, packed with gzip or not (told by content).
 *
 * Thread-safe. */
#ifndef AX_IO_IDX_H
#define AX_IO_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "math/tensor.h"

#define AX_IDX_MAX_RANK 4

/* Read an IDX file from bytes[0..n): rank 1 to 4; unsigned bytes become AX_U8, signed bytes, shorts
 * and ints AX_I32, floats AX_F32, doubles AX_F64, all in native byte order. out->data is malloc'ed,
 * the caller frees it. The bytes must be exactly as many as the header promises (AX_ECORRUPT), and
 * the array at most `limit` bytes (AX_ELIMIT), both known before memory is taken.
 * *out is untouched on failure. */
int ax_idx_read(const uint8_t *bytes, size_t n, size_t limit, ax_tensor *out, ax_err *err);

/* The same from a file. */
int ax_idx_load(const char *path, size_t limit, ax_tensor *out, ax_err *err);

#endif
