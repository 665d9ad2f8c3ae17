/* protobuf_write.h - messages in protobuf's wire format, written front to back into bytes that
 * grow.
 *
 * Writing never fails loudly: when memory is short the writer is marked `failed` and swallows the
 * rest; the owner looks once, at the end. A message inside another is opened and closed. Repeated
 * fields may be mixed with others, as the format allows. One thread at a time.
 * Source: protobuf.dev/programming-guides/encoding. */
#ifndef AX_IO_PROTOBUF_WRITE_H
#define AX_IO_PROTOBUF_WRITE_H

#include <stddef.h>
#include <stdint.h>

typedef struct ax_pb {
    uint8_t *data;
    size_t len, cap;
    int failed;
} ax_pb; /* {0} is an empty one */

/* int32, int64, bool and enum alike: a negative number takes ten bytes */
void ax_pb_int(ax_pb *b, int field, int64_t v);
void ax_pb_float(ax_pb *b, int field, float v);
void ax_pb_bytes(ax_pb *b, int field, const void *p, size_t n);
void ax_pb_str(ax_pb *b, int field, const char *s);
/* whole fields, as another file has them */
void ax_pb_raw(ax_pb *b, const void *p, size_t n);

/* What is written between the two is the message in `field`; ax_pb_close() takes what
 * ax_pb_open() gave. */
size_t ax_pb_open(ax_pb *b, int field);
void ax_pb_close(ax_pb *b, size_t at);

void ax_pb_free(ax_pb *b);

#endif
