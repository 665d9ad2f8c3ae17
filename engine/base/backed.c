/* backed.c - see backed.h. */
#include "base/backed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"

typedef struct stretch {
    const uint8_t *data;
    size_t bytes;
    uint64_t offset;
    uint8_t *page; /* the whole pages within */
    size_t page_bytes;
    uint64_t hash; /* of the pages, while they are away */
    int64_t holders;
    int spare, away;
} stretch;

struct ax_backed {
    pthread_mutex_t lock; /* guards holders, spare and away, and with them the pages */
    ax_map bytes;
    int fd;
    char *path;
    stretch *part; /* by address */
    int n, room;
    int64_t away;
};

ax_backed *ax_backed_open(const char *path, ax_err *err)
{
    ax_backed *b = calloc(1, sizeof *b);
    if (!b) {
        ax_fail(err, AX_ENOMEM, "no memory for '%.300s'", path);
        return NULL;
    }
    pthread_mutex_init(&b->lock, NULL);
    b->fd = -1;
    if (!(b->path = strdup(path)))
        ax_fail(err, AX_ENOMEM, "no memory for '%.300s'", path);
    else if (!ax_map_copy_open(&b->bytes, path, &b->fd, err))
        return b;
    ax_backed_close(b);
    return NULL;
}

void ax_backed_close(ax_backed *b)
{
    if (!b)
        return;
    if (b->fd >= 0)
        close(b->fd);
    ax_map_close(&b->bytes);
    pthread_mutex_destroy(&b->lock);
    free(b->path);
    free(b->part);
    free(b);
}

const ax_map *ax_backed_bytes(const ax_backed *b)
{
    return &b->bytes;
}

int ax_backed_add(ax_backed *b, const void *data, size_t bytes, uint64_t offset, ax_err *err)
{
    const uint8_t *p = data, *end = b->n ? b->part[b->n - 1].data + b->part[b->n - 1].bytes : NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = -(uintptr_t)p & (page - 1);
    if (bytes < AX_BACKED_LEAST || bytes < skip + page || (end && p < end))
        return 0;
    if (b->n == b->room) {
        int room = b->room ? 2 * b->room : 64;
        stretch *more = realloc(b->part, (size_t)room * sizeof *more);
        if (!more)
            return ax_fail(err, AX_ENOMEM, "no memory for '%.300s'", b->path);
        b->part = more;
        b->room = room;
    }
    b->part[b->n++] = (stretch){.data = p,
                                .bytes = bytes,
                                .offset = offset,
                                .page = (uint8_t *)(uintptr_t)p + skip,
                                .page_bytes = (bytes - skip) & ~(page - 1)};
    return 0;
}

static stretch *find(const ax_backed *b, const void *p)
{
    const uint8_t *at = p;
    int from = 0, to = b ? b->n : 0;
    while (from < to) {
        int mid = from + (to - from) / 2;
        if (at >= b->part[mid].data + b->part[mid].bytes)
            from = mid + 1;
        else
            to = mid;
    }
    return b && from < b->n && at >= b->part[from].data ? &b->part[from] : NULL;
}

/* Where the system does not let go of the pages they stay, and are good. */
static void give_back(ax_backed *b, stretch *s)
{
    s->hash = ax_hash64(s->page, s->page_bytes);
    if (mprotect(s->page, s->page_bytes, PROT_NONE))
        return;
    madvise(s->page, s->page_bytes, MADV_DONTNEED);
    s->away = 1;
    b->away += (int64_t)s->page_bytes;
}

static int read_again(ax_backed *b, stretch *s, ax_err *err)
{
    if (mprotect(s->page, s->page_bytes, PROT_READ | PROT_WRITE))
        return ax_fail(err, AX_ENOMEM, "no memory for numbers of '%.300s'", b->path);
    int bad =
        ax_file_read_at(b->fd, s->page, s->page_bytes, s->offset + (uint64_t)(s->page - s->data)) ||
        ax_hash64(s->page, s->page_bytes) != s->hash;
    if (bad || mprotect(s->page, s->page_bytes, PROT_READ)) {
        madvise(s->page, s->page_bytes, MADV_DONTNEED);
        mprotect(s->page, s->page_bytes, PROT_NONE);
    } else {
        s->away = 0;
        b->away -= (int64_t)s->page_bytes;
        return 0;
    }
    if (!bad)
        return ax_fail(err, AX_ENOMEM, "no memory for numbers of '%.300s'", b->path);
    ax_fail(err, AX_EIO,
            "'%.300s' was changed while it was in use: its numbers are not those that "
            "were loaded",
            b->path);
    return ax_err_hint(err, "open it anew; to replace a model that is in use, write a new file and "
                            "rename it");
}

int ax_backed_hold(ax_backed *b, const void *p, ax_err *err)
{
    stretch *s = find(b, p);
    if (!s)
        return 0;
    pthread_mutex_lock(&b->lock);
    int bad = s->away && read_again(b, s, err);
    s->holders += !bad;
    pthread_mutex_unlock(&b->lock);
    return bad ? -1 : 1;
}

void ax_backed_drop(ax_backed *b, const void *p, int spare)
{
    stretch *s = find(b, p);
    if (!s)
        return;
    pthread_mutex_lock(&b->lock);
    s->spare |= spare;
    if (!--s->holders && s->spare)
        give_back(b, s);
    pthread_mutex_unlock(&b->lock);
}

int ax_backed_hold_all(ax_backed *b, ax_err *err)
{
    int held = 0;
    while (held < b->n && ax_backed_hold(b, b->part[held].data, err) > 0)
        held++;
    if (held == b->n)
        return 0;
    while (held-- > 0)
        ax_backed_drop(b, b->part[held].data, 0);
    return -1;
}

void ax_backed_drop_all(ax_backed *b)
{
    for (int i = 0; i < b->n; i++)
        ax_backed_drop(b, b->part[i].data, 0);
}

int ax_backed_where(const ax_backed *b, const void *p, uint64_t *offset)
{
    const stretch *s = find(b, p);
    if (s)
        *offset = s->offset + (uint64_t)((const uint8_t *)p - s->data);
    return s != NULL;
}

int64_t ax_backed_away(ax_backed *b)
{
    pthread_mutex_lock(&b->lock);
    int64_t away = b->away;
    pthread_mutex_unlock(&b->lock);
    return away;
}
