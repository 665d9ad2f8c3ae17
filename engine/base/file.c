/* file.c - bytes on disk; see file.h.
 *
 * Opening never waits: O_NONBLOCK keeps a named pipe in a model folder from hanging the reader; for
 * regular files the flag means nothing. Every descriptor is O_CLOEXEC, since training runs in
 * child processes. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_errno(ax_err *err, int e, const char *what, const char *path)
{
    char text[128];
    ax_code code = e == ENOENT || e == ENOTDIR ? AX_ENOTFOUND : e == ENOMEM ? AX_ENOMEM : AX_EIO;
    return ax_fail(err, code, "cannot %s '%.300s': %s", what, path,
                   strerror_r(e, text, sizeof text));
}

static const char *kind_name(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "not a file";
}

static int fail_kind(ax_err *err, const char *path, mode_t mode)
{
    return ax_fail(err, AX_EINVAL, "'%.300s' is %s, expected a regular file", path,
                   kind_name(mode));
}

/* ---- reading --------------------------------------------------------------------------------- */

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Map fd's bytes, or as much memory without them. */
static int map_fd(ax_map *m, int fd, int copy, const char *path, ax_err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return fail_errno(err, errno, "read", path);
    if (!S_ISREG(st.st_mode))
        return fail_kind(err, path, st.st_mode);
    if (st.st_size == 0)
        return 0;
    void *data = mmap(NULL, (size_t)st.st_size, copy ? PROT_READ | PROT_WRITE : PROT_READ,
                      copy ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE, copy ? -1 : fd, 0);
    if (data == MAP_FAILED)
        return fail_errno(err, errno, "map", path);
    *m = (ax_map){data, (size_t)st.st_size};
    return 0;
}

/* Fill the memory with the file's bytes. */
static int fill_copy(ax_map *m, int fd, const char *path, ax_err *err)
{
    for (size_t at = 0; at < m->size;) {
        ssize_t n = read(fd, (char *)m->data + at, m->size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "read", path);
        if (n == 0)
            return ax_fail(err, AX_EIO, "'%.300s' became shorter while it was read", path);
        at += (size_t)n;
    }
    if (m->size && mprotect((void *)m->data, m->size, PROT_READ))
        return fail_errno(err, errno, "protect a copy of", path);
    return 0;
}

static int map_path(ax_map *m, int copy, const char *path, int *fd, ax_err *err)
{
    *m = (ax_map){0};
    *fd = open_retry(path, O_RDONLY | O_NONBLOCK, 0);
    if (*fd < 0)
        return fail_errno(err, errno, "open", path);
    int status = map_fd(m, *fd, copy, path, err);
    if (!status && copy && (status = fill_copy(m, *fd, path, err)))
        ax_map_close(m);
    if (status) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

int ax_map_open(ax_map *m, const char *path, ax_err *err)
{
    int fd, status = map_path(m, 0, path, &fd, err);
    if (fd >= 0)
        close(fd); /* the map stays */
    return status;
}

int ax_map_copy(ax_map *m, const char *path, ax_err *err)
{
    int fd, status = map_path(m, 1, path, &fd, err);
    if (fd >= 0)
        close(fd);
    return status;
}

int ax_map_copy_open(ax_map *m, const char *path, int *fd, ax_err *err)
{
    return map_path(m, 1, path, fd, err);
}

int ax_file_read_at(int fd, void *to, size_t n, uint64_t offset)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got <= 0 && (got == 0 || errno != EINTR))
            return -1;
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int ax_map_writable(const ax_map *m, int writable, ax_err *err)
{
    if (m->size &&
        mprotect((void *)m->data, m->size, writable ? PROT_READ | PROT_WRITE : PROT_READ))
        return ax_fail(err, AX_EIO, "cannot change the protection of memory: %s", strerror(errno));
    return 0;
}

void ax_map_close(ax_map *m)
{
    if (m->data)
        munmap((void *)m->data, m->size);
    *m = (ax_map){0};
}

static int fail_limit(ax_err *err, const char *path, size_t limit)
{
    return ax_fail(err, AX_ELIMIT, "'%.300s' is too large: at most %zu bytes are read here", path,
                   limit);
}

/* The bytes of fd up to its end. `room` is the first guess of their number. */
static char *read_all(int fd, const char *path, size_t room, size_t limit, size_t *size,
                      ax_err *err)
{
    char *data = malloc(room + 1);
    size_t used = 0;
    while (data) {
        ssize_t n = read(fd, data + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_errno(err, errno, "read", path);
            goto failed;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > limit) {
            fail_limit(err, path, limit);
            goto failed;
        }
        if (used < room)
            continue;
        /* One byte more than the limit, so that a longer file shows itself. */
        room = room > limit / 2 ? limit + 1 : room * 2;
        char *more = realloc(data, room + 1);
        if (!more)
            free(data);
        data = more;
    }
    if (!data) {
        ax_fail(err, AX_ENOMEM, "no memory for the %zu bytes of '%.300s'", room, path);
        return NULL;
    }
    data[used] = 0;
    *size = used;
    return data;
failed:
    free(data);
    return NULL;
}

char *ax_file_read(const char *path, size_t limit, size_t *size, ax_err *err)
{
    size_t ignored, room = 4096;
    if (!size)
        size = &ignored;
    if (limit > SIZE_MAX - 2)
        limit = SIZE_MAX - 2;
    if (!strcmp(path, "-"))
        return read_all(STDIN_FILENO, "standard input", room, limit, size, err);
    /* Pipes are welcome here (`<(command)` in a shell), so this open may wait for a writer. */
    int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        fail_errno(err, errno, "open", path);
        return NULL;
    }
    char *data = NULL;
    struct stat st;
    if (fstat(fd, &st))
        fail_errno(err, errno, "read", path);
    else if (S_ISDIR(st.st_mode))
        fail_kind(err, path, st.st_mode);
    else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > limit)
        fail_limit(err, path, limit);
    else {
        if (S_ISREG(st.st_mode) && st.st_size > 0)
            room = (size_t)st.st_size + 1; /* the last read then finds the end, not a full buffer */
        data = read_all(fd, path, room, limit, size, err);
    }
    close(fd);
    return data;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* "dir/" of "dir/name", or "" when there is none: the prefix that puts a name beside path. */
static size_t dir_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A fresh file beside f->path, whose own name may already be as long as the system allows. */
static int open_temp(ax_outfile *f, mode_t mode)
{
    enum { TRIES = 100 };
    size_t dir = dir_length(f->path), size = dir + sizeof ".axon-0123456789abcdef.tmp";
    f->temp = malloc(size);
    if (!f->temp)
        return ENOMEM;
    for (int i = 0; i < TRIES; i++) {
        uint64_t name;
        if (getrandom(&name, sizeof name, 0) != sizeof name)
            return errno;
        snprintf(f->temp, size, "%.*s.axon-%016llx.tmp", (int)dir, f->path,
                 (unsigned long long)name);
        f->fd = open_retry(f->temp, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (f->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

/* What the target may be: absent, or a regular file. A device must not be renamed over. */
static int check_target(const char *path, mode_t *mode, ax_err *err)
{
    struct stat st;
    *mode = 0666;
    if (!path[dir_length(path)])
        return ax_fail(err, AX_EINVAL, "'%.300s' is not a file name", path);
    if (strlen(path) > 1 << 16)
        return fail_errno(err, ENAMETOOLONG, "write", path);
    if (stat(path, &st))
        return errno == ENOENT ? 0 : fail_errno(err, errno, "write", path);
    if (!S_ISREG(st.st_mode))
        return fail_kind(err, path, st.st_mode);
    *mode = st.st_mode & 0777; /* what was private stays private */
    return 0;
}

/* mkdir, where a folder that is there already is fine. */
static int make_one(const char *path)
{
    struct stat st;
    if (!mkdir(path, 0777))
        return 0;
    int e = errno;
    return e == EEXIST && !stat(path, &st) ? (S_ISDIR(st.st_mode) ? 0 : ENOTDIR) : e;
}

/* Where the text goes on whose begin was cut off. */
static size_t next_begin(const char *text, size_t n)
{
    const char *line = memchr(text, '\n', n);
    size_t at = 0;
    if (line && line + 1 < text + n)
        return (size_t)(line + 1 - text);
    while (at < n && at < 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* The last n of all bytes of an open file. */
static char *read_tail(int fd, const char *path, size_t all, size_t n, size_t *size, ax_err *err)
{
    size_t got = 0;
    ssize_t r = 1;
    char *data = malloc(n + 1);
    if (!data) {
        ax_fail(err, AX_ENOMEM, "out of memory for '%.300s'", path);
        return NULL;
    }
    while (got < n && (r = pread(fd, data + got, n - got, (off_t)(all - n + got))) > 0)
        got += (size_t)r;
    if (r < 0) {
        fail_errno(err, errno, "read", path);
        free(data);
        return NULL;
    }
    size_t skip = all > n ? next_begin(data, got) : 0;
    memmove(data, data + skip, got - skip);
    data[ *size = got - skip] = 0;
    return data;
}

char *ax_file_tail(const char *path, size_t limit, size_t *size, ax_err *err)
{
    struct stat st;
    char *data = NULL;
    int fd = open_retry(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) {
        fail_errno(err, errno, "open", path);
        return NULL;
    }
    if (fstat(fd, &st))
        fail_errno(err, errno, "read", path);
    else if (!S_ISREG(st.st_mode))
        fail_kind(err, path, st.st_mode);
    else {
        size_t all = (size_t)st.st_size;
        data = read_tail(fd, path, all, all < limit ? all : limit, size, err);
    }
    close(fd);
    return data;
}

int ax_make_folder(const char *path, ax_err *err)
{
    char *copy = strdup(path);
    int e = copy ? 0 : ENOMEM;
    for (char *p = copy; p && *p && !e && (p = strchr(p + 1, '/')); *p = '/') {
        *p = 0;
        e = make_one(copy);
    }
    if (!e)
        e = make_one(path);
    free(copy);
    return e ? fail_errno(err, e, "make the folder", path) : 0;
}

int ax_outfile_open(ax_outfile *f, const char *path, ax_err *err)
{
    mode_t mode;
    *f = (ax_outfile){.fd = -1};
    if (check_target(path, &mode, err))
        return -1;
    f->path = strdup(path);
    int e = f->path ? open_temp(f, mode) : ENOMEM;
    if (e) {
        free(f->temp); /* never created: nothing to unlink */
        f->temp = NULL;
        ax_outfile_abort(f);
        return fail_errno(err, e, "write beside", path);
    }
    return 0;
}

void ax_outfile_write(ax_outfile *f, const void *data, size_t size)
{
    const char *p = data;
    while (size && !f->failed) {
        ssize_t n = write(f->fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->failed = 1;
            fail_errno(&f->why, n ? errno : EIO, "write", f->path ? f->path : "a file not open");
            return;
        }
        p += n;
        size -= (size_t)n;
    }
}

static int sync_retry(int fd)
{
    int status;
    do
        status = fsync(fd);
    while (status && errno == EINTR);
    return status;
}

/* The directory that holds path, open: had before the rename, so that less can fail after it. */
static int open_dir(const char *path)
{
    size_t n = dir_length(path);
    char *dir = n ? strndup(path, n) : strdup(".");
    if (!dir)
        return -1;
    int fd = open_retry(dir, O_RDONLY | O_DIRECTORY, 0), e = errno;
    free(dir);
    errno = e;
    return fd;
}

/* 0 or the errno of the step that failed, whose name goes to *what. */
static int put_in_place(ax_outfile *f, int dir, const char **what)
{
    *what = "write";
    if (sync_retry(f->fd))
        return errno;
    int closed = close(f->fd);
    f->fd = -1;
    if (closed && errno != EINTR) /* Linux closes it all the same, and it is synced */
        return errno;
    *what = "rename a new file to";
    if (rename(f->temp, f->path))
        return errno;
    free(f->temp);
    f->temp = NULL;
    *what = "make durable (it is replaced, but a power cut may undo that)";
    return sync_retry(dir) && errno != EINVAL ? errno : 0; /* EINVAL: no such thing on this disk */
}

int ax_outfile_commit(ax_outfile *f, ax_err *err)
{
    int status = -1;
    if (f->failed) {
        if (err)
            *err = f->why;
    } else if (f->fd < 0) {
        ax_fail(err, AX_EINVAL, "no file is open for writing");
    } else {
        const char *what = "open the directory of";
        int dir = open_dir(f->path), e = dir < 0 ? errno : put_in_place(f, dir, &what);
        if (dir >= 0)
            close(dir);
        status = e ? fail_errno(err, e, what, f->path) : 0;
    }
    ax_outfile_abort(f);
    return status;
}

void ax_outfile_abort(ax_outfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->temp)
        unlink(f->temp);
    free(f->temp);
    free(f->path);
    *f = (ax_outfile){.fd = -1};
}

int ax_file_write(const char *path, const void *data, size_t size, ax_err *err)
{
    ax_outfile f;
    if (ax_outfile_open(&f, path, err) < 0)
        return -1;
    ax_outfile_write(&f, data, size);
    return ax_outfile_commit(&f, err);
}

/* ---- files as they are -------------------------------------------------------------------------
 */

static int copy_bytes(int in, int out)
{
    char piece[64 * 1024];
    for (;;) {
        ssize_t n = read(in, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -1 : sync_retry(out);
        for (ssize_t at = 0; at < n;) {
            ssize_t w = write(out, piece + at, (size_t)(n - at));
            if (w < 0 && errno != EINTR)
                return -1;
            at += w > 0 ? w : 0;
        }
    }
}

int ax_file_link(const char *from, const char *to)
{
    if (link(from, to) == 0)
        return 0;
    if (errno == EEXIST || errno == ENOENT)
        return -1;
    int in = open_retry(from, O_RDONLY, 0);
    int out = in < 0 ? -1 : open_retry(to, O_WRONLY | O_CREAT | O_EXCL, 0666);
    int bad = out < 0 || copy_bytes(in, out) < 0, e = errno;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (bad && out >= 0)
        unlink(to);
    errno = e;
    return bad ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

int ax_remove_tree(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT ? -1 : 0;
}
