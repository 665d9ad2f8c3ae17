/* hash.h - a fast 64-bit fingerprint of bytes: to notice damage and to tell files apart, not to
 * resist an attacker. The value is the same on every machine. Thread-safe. */
#ifndef AX_BASE_HASH_H
#define AX_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t ax_hash64(const void *data, size_t n);

/* The same for several pieces: `before` is the hash of those in front (0: none). Moving a border
 * between pieces changes the value, since each one's length counts. */
uint64_t ax_hash64_more(uint64_t before, const void *data, size_t n);

#endif
