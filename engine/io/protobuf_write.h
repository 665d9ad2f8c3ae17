/* protobuf_write.h - messages in protobuf's wire format, written front to back into bytes that
 * grow.
 *
 * Writing never fails loudly: when memory is short the writer is marked `failed` and swallows the
 * rest; the owner looks once, at the end. A message inside another is opened and closed. Repeated
 * fields may be mixed with others, as the format allows. Large bytes may stay where they are: what
 * is written is then data with pieces of others' memory between. One thread at a time.
 * Source: protobuf.dev/programming-guides/encoding. */
#ifndef AX_IO_PROTOBUF_WRITE_H
#define AX_IO_PROTOBUF_WRITE_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes that come before data[at]. */
typedef struct ax_pb_piece {
    size_t at, len;
    const void *data;
} ax_pb_piece;

typedef struct ax_pb {
    uint8_t *data;
    size_t len, cap;
    int failed;
    ax_pb_piece *piece; /* in the order of `at` */
    int pieces, cap_pieces;
} ax_pb; /* {0} is an empty one */

/* int32, int64, bool and enum alike: a negative number takes ten bytes */
void ax_pb_int(ax_pb *b, int field, int64_t v);
void ax_pb_float(ax_pb *b, int field, float v);
void ax_pb_bytes(ax_pb *b, int field, const void *p, size_t n);
void ax_pb_str(ax_pb *b, int field, const char *s);
/* whole fields, as another file has them */
void ax_pb_raw(ax_pb *b, const void *p, size_t n);
/* As ax_pb_bytes(), but p stays the caller's, and there, until the bytes have gone where they
 * belong. */
void ax_pb_borrow(ax_pb *b, int field, const void *p, size_t n);

/* What is written between the two is the message in `field`; ax_pb_close() takes what
 * ax_pb_open() gave. */
size_t ax_pb_open(ax_pb *b, int field);
void ax_pb_close(ax_pb *b, size_t at);

/* All there is, borrowed bytes included: how much, and one run after the other to put(). */
size_t ax_pb_size(const ax_pb *b);
void ax_pb_each(const ax_pb *b, void (*put)(void *ctx, const void *p, size_t n), void *ctx);

void ax_pb_free(ax_pb *b);

#endif
