/* file.c - mapping and atomic replacement; see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int sys_fail(ax_err *err, const char *what, const char *path)
{
    int e = errno;
    ax_code code = e == ENOENT ? AX_ENOTFOUND : e == ENOMEM ? AX_ENOMEM : AX_EIO;
    return ax_fail(err, code, "cannot %s '%s': %s", what, path, strerror(e));
}

/* A regular file, open for reading. */
static int open_regular(const char *path, struct stat *st, ax_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (fd < 0)
        return sys_fail(err, "open", path);
    if (fstat(fd, st)) {
        sys_fail(err, "read", path);
    } else if (!S_ISREG(st->st_mode)) {
        ax_fail(err, AX_EIO, "'%s' is %s, not a file", path, S_ISDIR(st->st_mode) ? "a directory" : "a device or pipe");
    } else {
        return fd;
    }
    close(fd);
    return -1;
}

int ax_map_open(ax_map *m, const char *path, ax_err *err)
{
    struct stat st;
    int fd = open_regular(path, &st, err), bad = 0;
    if (fd < 0)
        return -1;
    *m = (ax_map){NULL, (size_t)st.st_size};
    if (st.st_size > 0) {
        void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            bad = sys_fail(err, "map", path);
        else
            m->data = p;
    }
    close(fd);
    return bad;
}

void ax_map_close(ax_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    *m = (ax_map){0};
}

static char *read_all(int fd, const char *path, size_t limit, size_t *size, ax_err *err)
{
    size_t cap = 1 << 16, n = 0;
    char *buf = malloc(cap + 1);
    while (buf) {
        if (n == cap) {
            char *more = realloc(buf, cap * 2 + 1);
            if (!more)
                break;
            buf = more;
            cap *= 2;
        }
        ssize_t got = read(fd, buf + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            sys_fail(err, "read", path);
            free(buf);
            return NULL;
        }
        if (got == 0) {
            buf[n] = 0;
            *size = n;
            return buf;
        }
        n += (size_t)got;
        if (n > limit) {
            ax_fail(err, AX_ELIMIT, "'%s' is larger than %zu bytes", path, limit);
            free(buf);
            return NULL;
        }
    }
    free(buf);
    ax_fail(err, AX_ENOMEM, "no memory to read '%s'", path);
    return NULL;
}

char *ax_file_read(const char *path, size_t limit, size_t *size, ax_err *err)
{
    struct stat st;
    if (!strcmp(path, "-"))
        return read_all(STDIN_FILENO, "standard input", limit, size, err);
    int fd = open_regular(path, &st, err);
    if (fd < 0)
        return NULL;
    char *text = read_all(fd, path, limit, size, err);
    close(fd);
    return text;
}

int ax_outfile_open(ax_outfile *f, const char *path, ax_err *err)
{
    *f = (ax_outfile){.fd = -1};
    size_t n = strlen(path) + 8;
    f->path = strdup(path);
    f->temp = malloc(n);
    if (!f->path || !f->temp) {
        ax_outfile_abort(f);
        return ax_fail(err, AX_ENOMEM, "no memory to write '%s'", path);
    }
    snprintf(f->temp, n, "%s.XXXXXX", path);
    f->fd = mkostemp(f->temp, O_CLOEXEC);
    if (f->fd < 0) {
        sys_fail(err, "create", f->temp);
        free(f->temp);
        f->temp = NULL;
        ax_outfile_abort(f);
        return -1;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(f->fd, 0666 & ~mask);
    return 0;
}

void ax_outfile_write(ax_outfile *f, const void *data, size_t size)
{
    const char *p = data;
    while (size && !f->failed) {
        ssize_t n = write(f->fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            f->failed = 1;
            sys_fail(&f->why, "write", f->path);
            return;
        }
        p += n;
        size -= (size_t)n;
    }
}

/* The rename itself must reach the disk. */
static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int bad = fd < 0 || fsync(fd);
    if (fd >= 0)
        close(fd);
    free(copy);
    return bad;
}

int ax_outfile_commit(ax_outfile *f, ax_err *err)
{
    if (!f->failed && fsync(f->fd))
        f->failed = 1, sys_fail(&f->why, "write", f->path);
    if (!f->failed && rename(f->temp, f->path))
        f->failed = 1, sys_fail(&f->why, "replace", f->path);
    if (f->failed) {
        if (err)
            *err = f->why;
        ax_outfile_abort(f);
        return -1;
    }
    free(f->temp);
    f->temp = NULL;
    int bad = sync_folder(f->path) ? sys_fail(err, "sync the folder of", f->path) : 0;
    ax_outfile_abort(f);
    return bad;
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
