/* bytes.h - what every reader of hostile bytes needs: numbers out of unaligned bytes, a check of
 * UTF-8, and a form of foreign text that is safe to put into an error message. Thread-safe. */
#ifndef AX_IO_BYTES_H
#define AX_IO_BYTES_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors and npy data are little-endian and are used as they are");

static inline uint16_t ax_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ax_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ax_le64(const uint8_t *p)
{
    return (uint64_t)ax_le32(p) | (uint64_t)ax_le32(p + 4) << 32;
}

static inline uint32_t ax_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Bytes of s[0..n) before the first that breaks UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF); n when all is well. */
size_t ax_utf8_valid(const char *s, size_t n);

/* s[0..n) for an error message, into buf, which is returned: cut at a whole character with "..."
 * when it does not fit, bytes that are not printable text as \xNN. size >= 16; 64 is usual. */
const char *ax_printable(char *buf, size_t size, const char *s, size_t n);

#endif
