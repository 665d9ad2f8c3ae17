/* safetensors_hash.h - what AX_ST_HASH says: the sum of the hashes of the parts, so that their
 * order in the file does not matter. Private to the reader and the writer. */
#ifndef AX_IO_SAFETENSORS_HASH_H
#define AX_IO_SAFETENSORS_HASH_H

#include "io/safetensors.h"

/* Of a metadata entry; 0 for one that does not count: AX_ST_HASH itself, and the keys of others. */
uint64_t ax_st_hash_meta(const ax_st_meta *m);
/* Of a tensor; dtype as in the file. */
uint64_t ax_st_hash_tensor(const char *name, const char *dtype, const ax_shape *shape,
                           const void *data, size_t bytes);

#endif
