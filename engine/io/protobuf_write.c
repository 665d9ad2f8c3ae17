/* protobuf_write.c - see protobuf_write.h. */
#include "io/protobuf_write.h"

#include <stdlib.h>
#include <string.h>

#include "io/bytes.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5, VARINT_MOST = 10, FIRST = 512, PIECES = 16 };

static uint8_t *room(ax_pb *b, size_t n)
{
    size_t need, cap = b->cap ? b->cap : FIRST;
    if (__builtin_add_overflow(b->len, n, &need) || need > SIZE_MAX / 2)
        b->failed = 1;
    if (b->failed)
        return NULL;
    while (cap < need)
        cap *= 2;
    if (cap > b->cap) {
        uint8_t *p = realloc(b->data, cap);
        if (!p) {
            b->failed = 1;
            return NULL;
        }
        b->data = p;
        b->cap = cap;
    }
    return b->data + b->len;
}

static void add(ax_pb *b, const void *p, size_t n)
{
    uint8_t *to = n ? room(b, n) : NULL;
    if (!to)
        return;
    memcpy(to, p, n);
    b->len += n;
}

/* seven bits a byte, the lowest first */
static size_t varint(uint64_t v, uint8_t to[VARINT_MOST])
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

static void add_varint(ax_pb *b, uint64_t v)
{
    uint8_t bytes[VARINT_MOST];
    add(b, bytes, varint(v, bytes));
}

static void tag(ax_pb *b, int field, int type)
{
    add_varint(b, (uint64_t)field << 3 | (uint64_t)type);
}

void ax_pb_int(ax_pb *b, int field, int64_t v)
{
    tag(b, field, VARINT);
    add_varint(b, (uint64_t)v);
}

void ax_pb_float(ax_pb *b, int field, float v)
{
    tag(b, field, FIXED32);
    add(b, &v, sizeof v);
}

void ax_pb_bytes(ax_pb *b, int field, const void *p, size_t n)
{
    tag(b, field, BYTES);
    add_varint(b, n);
    add(b, p, n);
}

void ax_pb_raw(ax_pb *b, const void *p, size_t n)
{
    add(b, p, n);
}

void ax_pb_str(ax_pb *b, int field, const char *s)
{
    ax_pb_bytes(b, field, s, strlen(s));
}

static ax_pb_piece *new_piece(ax_pb *b)
{
    if (b->pieces == b->cap_pieces) {
        int cap = b->cap_pieces ? 2 * b->cap_pieces : PIECES;
        ax_pb_piece *p = realloc(b->piece, (size_t)cap * sizeof *p);
        if (!p) {
            b->failed = 1;
            return NULL;
        }
        b->piece = p;
        b->cap_pieces = cap;
    }
    return &b->piece[b->pieces++];
}

void ax_pb_borrow(ax_pb *b, int field, const void *p, size_t n)
{
    tag(b, field, BYTES);
    add_varint(b, n);
    ax_pb_piece *piece = b->failed ? NULL : new_piece(b);
    if (piece)
        *piece = (ax_pb_piece){b->len, n, p};
}

size_t ax_pb_open(ax_pb *b, int field)
{
    tag(b, field, BYTES);
    return b->len;
}

/* The length goes in front of what is there already. */
void ax_pb_close(ax_pb *b, size_t at)
{
    uint8_t bytes[VARINT_MOST];
    size_t own = b->len - at, inside = own;
    int first = b->pieces; /* of those in the message */
    while (first > 0 && b->piece[first - 1].at > at)
        inside += b->piece[--first].len;
    size_t n = varint(inside, bytes);
    if (!room(b, n))
        return;
    memmove(b->data + at + n, b->data + at, own);
    memcpy(b->data + at, bytes, n);
    b->len += n;
    for (; first < b->pieces; first++)
        b->piece[first].at += n;
}

size_t ax_pb_size(const ax_pb *b)
{
    size_t size = b->len;
    for (int i = 0; i < b->pieces; i++)
        size += b->piece[i].len;
    return size;
}

void ax_pb_each(const ax_pb *b, void (*put)(void *ctx, const void *p, size_t n), void *ctx)
{
    size_t from = 0;
    for (int i = 0; i < b->pieces; i++) {
        put(ctx, b->data + from, b->piece[i].at - from);
        put(ctx, b->piece[i].data, b->piece[i].len);
        from = b->piece[i].at;
    }
    put(ctx, b->data + from, b->len - from);
}

void ax_pb_free(ax_pb *b)
{
    free(b->data);
    free(b->piece);
    *b = (ax_pb){0};
}
