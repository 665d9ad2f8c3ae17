/* safetensors.h - named tensors in one file: a JSON header, then the bytes, nothing else.
 *
 * Reading is zero-copy: an entry points into the file's bytes. All rules of the format are enforced
 * before the first entry can be seen (no hole, no overlap, no trailing byte, no duplicate, sizes
 * that match), so whoever holds an ax_safetensors may read every entry's bytes without a check.
 * THE DATA MAY BE UNALIGNED (files of other writers): use memcpy, unaligned vector loads or
 * ax_safetensors_copy(). Files written here are aligned, see ax_safetensors_write().
 * Thread rule: an open file is read-only and may be shared. */
#ifndef AX_IO_SAFETENSORS_H
#define AX_IO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "math/tensor.h"

#define AX_ST_HEADER_MAX (16u << 20) /* our bound; the format's is 100,000,000 */
#define AX_ST_NAME_MAX   1024        /* bytes of a tensor's name               */

#define AX_ST_HASH "axond.hash" /* metadata: the content's hash, 16 hex digits */

typedef struct ax_safetensors ax_safetensors;

typedef struct ax_st_entry {
    const char *name;  /* UTF-8, without NUL inside                                  */
    const char *dtype; /* as in the file: "F32", "BF16"...                           */
    int type;          /* the ax_dtype, or -1: listed, but not for use as ax_tensor  */
    ax_shape shape;
    const uint8_t *data; /* little-endian, row-major, maybe unaligned; never NULL    */
    size_t bytes;
} ax_st_entry;

typedef struct ax_st_meta {
    const char *key, *value; /* UTF-8, without NUL inside */
} ax_st_meta;

/* Map and check a file, which must not change as long as it is open; or, _load, a copy of it in
 * memory. The caller closes it; all borrows below live until then.
 * NULL on failure: AX_EPARSE, AX_ECORRUPT, AX_ELIMIT, or what the system said; the message names
 * the tensor at fault (not the path: the caller knows it). */
ax_safetensors *ax_safetensors_open(const char *path, ax_err *err);
ax_safetensors *ax_safetensors_load(const char *path, ax_err *err);
/* The same over bytes[0..n), which must outlive it. */
ax_safetensors *ax_safetensors_parse(const uint8_t *bytes, size_t n, ax_err *err);
void ax_safetensors_close(ax_safetensors *s); /* NULL is fine */

/* Entries in the order of their data. */
int ax_safetensors_count(const ax_safetensors *s);
const ax_st_entry *ax_safetensors_at(const ax_safetensors *s, int i);
/* By name; NULL when there is none. */
const ax_st_entry *ax_safetensors_find(const ax_safetensors *s, const char *name);

/* A tensor by name as a read-only view (out->data is borrowed, maybe unaligned, and must not be
 * written). AX_ENOTFOUND with the nearest name as hint; AX_EUNSUPPORTED for a dtype without
 * ax_dtype; AX_ECORRUPT for a BOOL that is neither 0 nor 1. */
int ax_safetensors_get(const ax_safetensors *s, const char *name, ax_tensor *out, ax_err *err);

/* Copy a tensor into dst, which has room for `shape` of `type`. As _get, and AX_ETYPE or AX_ESHAPE
 * when the file's tensor is not exactly that. */
int ax_safetensors_copy(const ax_safetensors *s, const char *name, ax_dtype type,
                        const ax_shape *shape, void *dst, ax_err *err);

/* The file's __metadata__. _meta: NULL when the key is absent. */
const char *ax_safetensors_meta(const ax_safetensors *s, const char *key);
int ax_safetensors_meta_count(const ax_safetensors *s);
const ax_st_meta *ax_safetensors_meta_at(const ax_safetensors *s, int i);

/* The file as a whole. */
const uint8_t *ax_safetensors_bytes(const ax_safetensors *s, size_t *n);

/* The hash of the content: every tensor's name, type, shape and bytes and the metadata under "axond.",
 * in whatever order. So another tool that reads all and writes it again keeps it, while the hash of
 * the file's bytes changes. */
uint64_t ax_safetensors_hash(const ax_safetensors *s);

/* Does the file still hold what was written? 1: yes, AX_ST_HASH in it is the hash of its content;
 * 0: it carries none; -1: AX_ECORRUPT. */
int ax_safetensors_verify(const ax_safetensors *s, ax_err *err);

typedef struct ax_st_item {
    const char *name;
    ax_tensor tensor; /* native numbers, borrowed */
} ax_st_item;

/* Write a file, atomically. The bytes depend on the content alone, not on the order given.
 * The data section starts at a multiple of 64; tensors are ordered by the power of two (up to 64)
 * that divides their size, so each is aligned to its elements, and each whose size is a multiple of
 * 64 bytes to 64. The value NULL of the key AX_ST_HASH stands for the hash, worked out here.
 * AX_EINVAL names a bad name (empty, duplicate, "__metadata__", not UTF-8, too
 * long), AX_ELIMIT a header that a reader would refuse, AX_EIO what the disk said. */
int ax_safetensors_write(const char *path, const ax_st_item *items, int n_items,
                         const ax_st_meta *meta, int n_meta, ax_err *err);

/* The same into malloc'ed memory; the caller frees. NULL on failure. */
uint8_t *ax_safetensors_encode(const ax_st_item *items, int n_items, const ax_st_meta *meta,
                               int n_meta, size_t *size, ax_err *err);

#endif
