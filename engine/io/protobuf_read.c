/* protobuf_read.c - see protobuf_read.h */
#include "io/protobuf_read.h"

#include "io/bytes.h"

enum { VARINT_MAX = 10 };

/* Bytes of a varint at most ten long, or 0 where it is cut off. Bits beyond the 64th are dropped,
 * as the format has it. */
static size_t varint(ax_pb_in in, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < VARINT_MAX && in.at + i < in.end; i++) {
        *out |= (uint64_t)(in.at[i] & 0x7f) << (7 * i);
        if (!(in.at[i] & 0x80))
            return i + 1;
    }
    return 0;
}

/* The number of the given wire at the cursor, which moves on; 0 where the bytes end too soon. */
static int number(ax_pb_in *in, ax_pb_wire wire, uint64_t *out)
{
    size_t left = (size_t)(in->end - in->at), n;
    if (wire == AX_PB_VARINT) {
        n = varint(*in, out);
    } else {
        n = wire == AX_PB_64 ? 8 : 4;
        if (left < n)
            return 0;
        *out = n == 8 ? ax_le64(in->at) : ax_le32(in->at);
    }
    in->at += n;
    return n > 0;
}

static int cut_off(ax_err *err, int field)
{
    return ax_fail(err, AX_EPARSE, "field %d ends beyond the message it is in", field);
}

int ax_pb_next(ax_pb_in *in, ax_pb_field *f, ax_err *err)
{
    uint64_t tag, len;
    if (in->at == in->end)
        return 0;
    *f = (ax_pb_field){0};
    if (!number(in, AX_PB_VARINT, &tag))
        return ax_fail(err, AX_EPARSE, "a field's number is cut off");
    if (tag >> 3 == 0 || tag >> 3 > INT32_MAX >> 2)
        return ax_fail(err, AX_EPARSE, "a field has the number %llu, expected 1 to %d",
                       (unsigned long long)(tag >> 3), INT32_MAX >> 2);
    f->number = (int)(tag >> 3);
    f->wire = (ax_pb_wire)(tag & 7);
    switch (f->wire) {
    case AX_PB_VARINT:
    case AX_PB_64:
    case AX_PB_32:
        return number(in, f->wire, &f->value) ? 1 : cut_off(err, f->number);
    case AX_PB_BYTES:
        if (!number(in, AX_PB_VARINT, &len) || len > (size_t)(in->end - in->at))
            return cut_off(err, f->number);
        f->data = in->at;
        f->len = (size_t)len;
        in->at += len;
        return 1;
    }
    return ax_fail(err, AX_EPARSE, "field %d has the wire type %d, which is no number and no bytes",
                   f->number, (int)(tag & 7));
}

ax_pb_in ax_pb_inside(const ax_pb_field *f)
{
    return (ax_pb_in){f->data, f->data + f->len};
}

/* Numbers of a packed field, into out unless that is NULL; -1 where the last one is cut off. */
static int64_t packed(const ax_pb_field *f, ax_pb_wire wire, uint64_t *out)
{
    ax_pb_in in = ax_pb_inside(f);
    int64_t n = 0;
    uint64_t v;
    for (; in.at < in.end; n++) {
        if (!number(&in, wire, &v))
            return -1;
        if (out)
            out[n] = v;
    }
    return n;
}

int64_t ax_pb_count(ax_pb_in in, int number, ax_pb_wire wire, ax_err *err)
{
    ax_pb_field f;
    int64_t n = 0;
    int more;
    while ((more = ax_pb_next(&in, &f, err)) > 0) {
        if (f.number != number)
            continue;
        int64_t has = f.wire == wire ? 1 : f.wire == AX_PB_BYTES ? packed(&f, wire, NULL) : -1;
        if (has < 0)
            return ax_fail(err, AX_EPARSE, "field %d is not of the type its message says", number);
        n += has;
    }
    return more ? -1 : n;
}

void ax_pb_numbers(ax_pb_in in, int number, ax_pb_wire wire, uint64_t *out)
{
    ax_pb_field f;
    while (ax_pb_next(&in, &f, NULL) > 0) {
        if (f.number != number)
            continue;
        if (f.wire == wire)
            *out++ = f.value;
        else
            out += packed(&f, wire, out);
    }
}
