/* idx.c - MNIST's file format: a magic number, big-endian dimensions, big-endian elements.
 *
 * Packed or plain, the bytes come through one `source`; the header is read first, so the size of
 * the array is known and checked before its memory is taken. */
#define ZLIB_CONST
#include "io/idx.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "io/bytes.h"

enum { DEFLATE_RATIO_MAX = 1032, CHUNK = 1 << 30 };

typedef struct source {
    const uint8_t *at, *end; /* not yet handed to zlib, or not yet copied */
    int packed;
    z_stream z;
} source;

/* ---- bytes, packed or not -------------------------------------------------------------------- */

static int source_init(source *s, const uint8_t *bytes, size_t n, ax_err *err)
{
    bytes = n ? bytes : (const uint8_t *)""; /* an empty map has no address */
    *s = (source){.at = bytes, .end = bytes + n};
    s->packed = n >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
    if (s->packed && inflateInit2(&s->z, 15 + 16) != Z_OK)
        return ax_fail(err, AX_ENOMEM, "no memory to unpack a gzip file");
    return 0;
}

static void source_fini(source *s)
{
    if (s->packed)
        inflateEnd(&s->z);
}

/* zlib counts in 32 bits, so large inputs go in by the chunk. */
static void feed(source *s)
{
    size_t left = (size_t)(s->end - s->at), step = left < CHUNK ? left : CHUNK;
    if (s->z.avail_in)
        return;
    s->z.next_in = s->at;
    s->z.avail_in = (unsigned)step;
    s->at += step;
}

static size_t unread(const source *s)
{
    return (size_t)(s->end - s->at) + (s->packed ? s->z.avail_in : 0);
}

static int damaged(const source *s, ax_err *err)
{
    return ax_fail(err, AX_ECORRUPT, "idx: the gzip data is damaged%s%s", s->z.msg ? ": " : "",
                   s->z.msg ? s->z.msg : "");
}

/* Up to n bytes into `to`: how many came, or -1. A gzip file may have several members. */
static int64_t take(source *s, uint8_t *to, size_t n, ax_err *err)
{
    size_t got = 0;
    if (!s->packed) {
        got = unread(s) < n ? unread(s) : n;
        memcpy(to, s->at, got);
        s->at += got;
        return (int64_t)got;
    }
    while (got < n) {
        unsigned room = n - got < CHUNK ? (unsigned)(n - got) : CHUNK;
        feed(s);
        s->z.next_out = to + got;
        s->z.avail_out = room;
        int rc = inflate(&s->z, Z_NO_FLUSH);
        got += room - s->z.avail_out;
        if (rc == Z_STREAM_END) {
            if (!unread(s))
                break;
            feed(s);
            rc = inflateReset(&s->z);
        }
        if (rc == Z_BUF_ERROR && !unread(s))
            return ax_fail(err, AX_ECORRUPT, "idx: the gzip data ends too early");
        if (rc != Z_OK)
            return damaged(s, err);
    }
    return (int64_t)got;
}

/* ---- the header ------------------------------------------------------------------------------ */

static const struct {
    uint8_t code, size; /* in the file */
    ax_dtype type;
} types[] = {
    {0x08, 1, AX_U8},  {0x09, 1, AX_I32}, {0x0B, 2, AX_I32},
    {0x0C, 4, AX_I32}, {0x0D, 4, AX_F32}, {0x0E, 8, AX_F64},
};

/* Type and shape into *t; the row of types[], or -1. */
static int read_header(source *s, ax_tensor *t, ax_err *err)
{
    uint8_t head[4], dim[4 * AX_IDX_MAX_RANK];
    int64_t got = take(s, head, 4, err);
    if (got < 0)
        return -1;
    if (got < 4 || head[0] || head[1])
        return ax_fail(err, AX_EPARSE, "not an IDX file: it does not start with two zero bytes");
    size_t row = 0, n_types = sizeof types / sizeof *types;
    while (row < n_types && types[row].code != head[2])
        row++;
    if (row == n_types)
        return ax_fail(err, AX_EPARSE, "idx: unknown element type 0x%02x", head[2]);
    if (head[3] < 1 || head[3] > AX_IDX_MAX_RANK)
        return ax_fail(err, AX_EUNSUPPORTED, "idx: %d dimensions; 1 to %d can be read", head[3],
                       AX_IDX_MAX_RANK);
    t->dtype = types[row].type;
    t->shape.rank = head[3];
    got = take(s, dim, 4u * head[3], err);
    if (got < 0)
        return -1;
    if (got < 4 * head[3])
        return ax_fail(err, AX_ECORRUPT, "idx: the file ends inside its header");
    for (int i = 0; i < t->shape.rank; i++)
        t->shape.dim[i] = ax_be32(dim + 4 * i);
    return (int)row;
}

/* ---- the elements ---------------------------------------------------------------------------- */

/* The file's elements stand at the end of the array's memory; turn them to native order, from the
 * front, where each result is written before or on its own source. */
static void to_native(void *data, const uint8_t *from, int64_t n, int row)
{
    for (int64_t i = 0; i < n; i++, from += types[row].size) {
        uint64_t wide;
        uint32_t v;
        switch (types[row].code) {
        case 0x09:
            v = (uint32_t)(int8_t)from[0];
            break;
        case 0x0B:
            v = (uint32_t)(int16_t)(from[0] << 8 | from[1]);
            break;
        case 0x0E:
            wide = (uint64_t)ax_be32(from) << 32 | ax_be32(from + 4);
            memcpy((uint8_t *)data + 8 * i, &wide, 8);
            continue;
        default:
            v = ax_be32(from);
            break;
        }
        memcpy((uint8_t *)data + 4 * i, &v, 4);
    }
}

/* Exactly n bytes and then nothing. */
static int take_all(source *s, uint8_t *to, size_t n, ax_err *err)
{
    uint8_t extra;
    int64_t got = take(s, to, n, err);
    if (got < 0)
        return -1;
    if ((size_t)got < n)
        return ax_fail(err, AX_ECORRUPT, "idx: the header promises %zu bytes, the file has %lld", n,
                       (long long)got);
    got = take(s, &extra, 1, err);
    if (got > 0)
        return ax_fail(err, AX_ECORRUPT, "idx: the file has more than the %zu bytes promised", n);
    return (int)got;
}

static int read_array(source *s, size_t limit, ax_tensor *t, ax_err *err)
{
    char shape[160];
    int row = read_header(s, t, err);
    if (row < 0)
        return -1;
    size_t size = ax_dtype_size(t->dtype), in_file = types[row].size;
    int64_t count = ax_shape_count_checked(&t->shape, size, err);
    if (count < 0)
        return -1;
    ax_shape_str(&t->shape, shape, sizeof shape);
    size_t total = (size_t)count * size, bytes = (size_t)count * in_file;
    if (total > limit)
        return ax_fail(err, AX_ELIMIT, "idx: %s of %s takes %zu bytes, at most %zu are allowed",
                       shape, ax_dtype_name(t->dtype), total, limit);
    size_t most = s->packed ? (unread(s) + 64) * DEFLATE_RATIO_MAX : unread(s);
    if (bytes > most)
        return ax_fail(err, AX_ECORRUPT, "idx: %s takes %zu bytes, the file cannot hold them",
                       shape, bytes);
    uint8_t *data = malloc(total + 1);
    if (!data)
        return ax_fail(err, AX_ENOMEM, "no memory for an array of %zu bytes", total);
    uint8_t *tail = data + (total - bytes);
    if (take_all(s, tail, bytes, err) < 0) {
        free(data);
        return -1;
    }
    if (types[row].code != 0x08)
        to_native(data, tail, count, row);
    t->data = data;
    return 0;
}

int ax_idx_read(const uint8_t *bytes, size_t n, size_t limit, ax_tensor *out, ax_err *err)
{
    source s;
    ax_tensor t = {0};
    if (source_init(&s, bytes, n, err) < 0)
        return -1;
    int rc = read_array(&s, limit, &t, err);
    source_fini(&s);
    if (rc == 0)
        *out = t;
    return rc;
}

int ax_idx_load(const char *path, size_t limit, ax_tensor *out, ax_err *err)
{
    ax_map map;
    if (ax_map_open(&map, path, err) < 0)
        return -1;
    int rc = ax_idx_read(map.data, map.size, limit, out, err);
    ax_map_close(&map);
    return rc;
}
