/* protobuf_read.h - messages in protobuf's wire format, read in place from hostile bytes.
 *
 *     ax_pb_in in = {bytes, bytes + n};
 *     ax_pb_field f;
 *     int more;
 *     while ((more = ax_pb_next(&in, &f, err)) > 0)
 *         if (f.number == 7 && f.wire == AX_PB_BYTES)
 *             read_graph(ax_pb_inside(&f));
 *     // more is 0 at the end, -1 when the bytes break the format
 *
 * A cursor never leaves its message, and nothing is copied. Repeated numbers may be packed, one by
 * one, or both: the functions at the end hide it. Thread-safe.
 * Source: protobuf.dev/programming-guides/encoding. */
#ifndef AX_IO_PROTOBUF_READ_H
#define AX_IO_PROTOBUF_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ax_pb_in {
    const uint8_t *at, *end;
} ax_pb_in;

typedef enum ax_pb_wire {
    AX_PB_VARINT = 0,
    AX_PB_64 = 1,
    AX_PB_BYTES = 2,
    AX_PB_32 = 5
} ax_pb_wire;

typedef struct ax_pb_field {
    int number;
    ax_pb_wire wire;
    uint64_t value;      /* of a number: its bits, as many as the wire has    */
    const uint8_t *data; /* AX_PB_BYTES: text, a message or packed numbers... */
    size_t len;          /* ... of so many bytes                              */
} ax_pb_field;

/* The next field: 1; 0 at the end of the message; -1 with AX_EPARSE where it is no field (a length
 * that passes the end, a number cut off, a group, field number 0). */
int ax_pb_next(ax_pb_in *in, ax_pb_field *f, ax_err *err);

/* The message that a field of AX_PB_BYTES is. */
ax_pb_in ax_pb_inside(const ax_pb_field *f);

/* How many values the repeated field `number` has in the message: texts and messages with wire
 * AX_PB_BYTES, else numbers of that wire, packed or not. -1 with AX_EPARSE. */
int64_t ax_pb_count(ax_pb_in in, int number, ax_pb_wire wire, ax_err *err);

/* The numbers themselves, as bits, into out[0..n), n being what ax_pb_count() said. */
void ax_pb_numbers(ax_pb_in in, int number, ax_pb_wire wire, uint64_t *out);

#endif
