/* npy.h - NumPy's array files: .npy (one array) and .npz (a zip of them).
 *
 * float32, float64, int64, int32, uint8 and bool, little-endian. Big-endian, float16, structured
 * or object arrays are AX_EUNSUPPORTED, with the Python that converts them as hint; pickles are
 * never run. Thread-safe. */
#ifndef AX_IO_NPY_H
#define AX_IO_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "math/tensor.h"

/* Read one .npy from bytes[0..n), which must hold exactly one array. out->data is malloc'ed, the
 * caller frees it; row-major also where the file is in Fortran order. AX_EPARSE for a bad header,
 * AX_ECORRUPT when the bytes are more or fewer than the header promises. *out is untouched on
 * failure. */
int ax_npy_read(const uint8_t *bytes, size_t n, ax_tensor *out, ax_err *err);

/* The same without a copy: out->data points into bytes, read-only and maybe unaligned.
 * Fortran order is AX_EUNSUPPORTED here. */
int ax_npy_view(const uint8_t *bytes, size_t n, ax_tensor *out, ax_err *err);

/* Read a file; out->data is malloc'ed, the caller frees it. */
int ax_npy_load(const char *path, ax_tensor *out, ax_err *err);

/* Write a file, atomically: version 1.0, C order, the data at a multiple of 64. */
int ax_npy_save(const char *path, const ax_tensor *t, ax_err *err);

/* ---- .npz ------------------------------------------------------------------------------------ */

typedef struct ax_npz ax_npz;

/* Read the directory of the zip in bytes[0..n), which must outlive it. Stored and deflated members;
 * encrypted, multi-volume and zip64 archives (4 GiB and more) are AX_EUNSUPPORTED. NULL on failure.
 * An open archive is read-only and may be shared by threads. */
ax_npz *ax_npz_open(const uint8_t *bytes, size_t n, ax_err *err);
void ax_npz_close(ax_npz *z); /* NULL is fine */

int ax_npz_count(const ax_npz *z);
const char *ax_npz_name(const ax_npz *z, int i); /* without ".npy", in the order of the directory */

/* Unpack the array called `name` ("x" and "x.npy" both find x.npy); out->data is malloc'ed, the
 * caller frees it. AX_ENOTFOUND with the nearest name as hint; AX_ELIMIT when it would take more
 * than `limit` bytes (told before anything is unpacked); AX_ECORRUPT for a wrong checksum. */
int ax_npz_get(const ax_npz *z, const char *name, size_t limit, ax_tensor *out, ax_err *err);

#endif
