/* Any bytes as a gzip file: what comes out is bounded, is the same however the reads fall, and is
 * what zlib's own reader makes of the file. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "io/gzip.h"

enum { LIMIT = 1 << 16, PIECES = 15, PIECE_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("gzip", 0);
    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* A pipe of packets: each read gives one, so the file comes in pieces. */
static int pipe_of(const uint8_t *data, size_t size)
{
    int end[2];
    size_t piece = size / PIECES + 1;
    assert(!pipe2(end, O_DIRECT));
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        assert(write(end[1], data + at, n) == (ssize_t)n);
    }
    close(end[1]);
    return end[0];
}

/* Unpack what `from` gives; the content stays in `to`. */
static int64_t unpack(int from, int *to, int64_t limit, ax_code *code)
{
    ax_err err = {0};
    *to = memfd_create("content", 0);
    int64_t n = ax_gunzip(from, *to, limit, &err);
    close(from);
    *code = n < 0 ? err.code : AX_OK;
    assert(n < 0 ? (err.code == AX_ECORRUPT || err.code == AX_ELIMIT) && *err.msg
                 : n <= limit && lseek(*to, 0, SEEK_END) == n);
    return n;
}

static void same_content(int a, int b, int64_t n)
{
    uint8_t *x = malloc((size_t)n + 1), *y = malloc((size_t)n + 1);
    assert(x && y && pread(a, x, (size_t)n, 0) == n && pread(b, y, (size_t)n, 0) == n);
    assert(!memcmp(x, y, (size_t)n));
    free(x);
    free(y);
}

/* zlib's reader skips what follows the last member, so it judges only files that were taken. */
static void same_as_zlib(const uint8_t *data, size_t size, int content, int64_t n)
{
    uint8_t *x = malloc((size_t)n + 1), *y = malloc((size_t)n + 1);
    gzFile f = gzdopen(memory_file(data, size), "rb");
    assert(x && y && f && gzread(f, x, (unsigned)n + 1) == (int)n && !gzdirect(f));
    assert(pread(content, y, (size_t)n, 0) == n && !memcmp(x, y, (size_t)n));
    gzclose(f);
    free(x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int whole, part;
    ax_code code, other;
    int64_t n = unpack(memory_file(data, size), &whole, LIMIT, &code);
    if (size / PIECES + 1 <= PIECE_MAX) {
        assert(unpack(pipe_of(data, size), &part, LIMIT, &other) == n);
        if (n >= 0)
            same_content(whole, part, n);
        close(part);
    }
    if (n >= 0)
        same_as_zlib(data, size, whole, n);
    if (n > 0) {
        assert(unpack(memory_file(data, size), &part, n - 1, &other) < 0 && other == AX_ELIMIT);
        close(part);
    }
    close(whole);
    return 0;
}
