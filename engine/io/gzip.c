/* gzip.c - see gzip.h. */
#include "io/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 64 * 1024 };

typedef struct unpacking {
    int from, to, over; /* over: the last member has ended            */
    int64_t n, limit;
    z_stream z;
    ax_err *err;
    uint8_t in[PIECE], out[PIECE];
} unpacking;

static int64_t read_piece(unpacking *u)
{
    ssize_t n;
    do
        n = read(u->from, u->in, sizeof u->in);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ax_fail(u->err, AX_EIO, "the packed file cannot be read: %s", strerror(errno));
    u->z.next_in = u->in;
    u->z.avail_in = (unsigned)n;
    return n;
}

static int write_out(unpacking *u)
{
    const uint8_t *p = u->out;
    size_t n = sizeof u->out - u->z.avail_out;
    if ((int64_t)n > u->limit - u->n)
        return ax_fail(u->err, AX_ELIMIT, "the file unpacks to more than the %lld bytes allowed",
                       (long long)u->limit);
    u->n += (int64_t)n;
    while (n) {
        ssize_t w = write(u->to, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return ax_fail(u->err, AX_EIO, "the unpacked file cannot be written: %s",
                           strerror(w ? errno : ENOSPC));
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* All that the piece gives. */
static int unpack_piece(unpacking *u)
{
    do {
        if (u->over && u->z.avail_in) { /* another member */
            inflateReset(&u->z);
            u->over = 0;
        }
        u->z.next_out = u->out;
        u->z.avail_out = sizeof u->out;
        int rc = u->over ? Z_OK : inflate(&u->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return ax_fail(u->err, AX_ECORRUPT,
                           "the gzip data is damaged after %lld bytes of its content%s%s",
                           (long long)u->n, u->z.msg ? ": " : "", u->z.msg ? u->z.msg : "");
        u->over |= rc == Z_STREAM_END;
        if (write_out(u) < 0)
            return -1;
    } while (u->z.avail_in || !u->z.avail_out);
    return 0;
}

static int unpack(unpacking *u)
{
    int64_t n;
    while ((n = read_piece(u)) > 0)
        if (unpack_piece(u) < 0)
            return -1;
    if (n == 0 && !u->over)
        return ax_fail(u->err, AX_ECORRUPT,
                       "the gzip data ends too early, after %lld bytes of its content",
                       (long long)u->n);
    return n < 0 ? -1 : 0;
}

int64_t ax_gunzip(int from, int to, int64_t limit, ax_err *err)
{
    unpacking *u = calloc(1, sizeof *u);
    if (!u || inflateInit2(&u->z, 15 + 16) != Z_OK) {
        free(u);
        return ax_fail(err, AX_ENOMEM, "no memory to unpack a gzip file");
    }
    u->from = from;
    u->to = to;
    u->limit = limit;
    u->err = err;
    int64_t n = unpack(u) < 0 ? -1 : u->n;
    inflateEnd(&u->z);
    free(u);
    return n;
}
