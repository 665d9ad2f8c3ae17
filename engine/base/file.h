/* file.h - bytes on disk: mapped or copied for reading, replaced atomically for writing.
 *
 * A writer writes a temporary file beside the target, fsyncs it, renames it over the target and
 * fsyncs the directory, so a crash leaves either the old file or the new one. A crash may also
 * leave the temporary file, ".axon-<16 hex digits>.tmp". Thread-safe; an open file belongs to one
 * thread. */
#ifndef AX_BASE_FILE_H
#define AX_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ax_map {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} ax_map;

/* Map a regular file read-only. Directories, devices and pipes are refused by name. Whoever cuts
 * the file short while it is mapped kills this process: only for what is read at once. */
int ax_map_open(ax_map *m, const char *path, ax_err *err);
/* The same as a copy in memory, which nothing that happens to the file later can reach. */
int ax_map_copy(ax_map *m, const char *path, ax_err *err);
/* The same, and the file stays open as *fd, which the caller closes; -1 where this fails. */
int ax_map_copy_open(ax_map *m, const char *path, int *fd, ax_err *err);
/* n bytes from `offset` on. 0, or -1: they cannot be read, or are not there. */
int ax_file_read_at(int fd, void *to, size_t n, uint64_t offset);
/* A copy is read-only; let it be written to, or not any more. 0, or -1 with err. */
int ax_map_writable(const ax_map *m, int writable, ax_err *err);
void ax_map_close(ax_map *m);

/* Read a whole file of at most `limit` bytes into malloc'ed memory with a 0 behind it;
 * the caller frees. path "-" reads standard input. NULL on failure. */
char *ax_file_read(const char *path, size_t limit, size_t *size, ax_err *err);

/* The last part of a regular file, at most `limit` bytes of it, likewise: from the begin of a line
 * where it has one, else of a UTF-8 character. NULL on failure. */
char *ax_file_tail(const char *path, size_t limit, size_t *size, ax_err *err);

/* Make a folder and those above it where they are missing. */
int ax_make_folder(const char *path, ax_err *err);

typedef struct ax_outfile {
    int fd;
    char *path, *temp; /* the target, and the file that becomes it */
    int failed;        /* a write failed; commit will say so       */
    ax_err why;
} ax_outfile;

/* The target may be absent or a regular file (whose permission bits the new one takes over, as far
 * as the umask allows); anything else is refused. A symbolic link is itself replaced. */
int ax_outfile_open(ax_outfile *f, const char *path, ax_err *err);
/* Writes may fail silently here; ax_outfile_commit reports the first failure. */
void ax_outfile_write(ax_outfile *f, const void *data, size_t size);
/* fsync, rename, fsync the directory. On failure the target is untouched and the temp removed; only
 * when that very last fsync is what failed is the new file in place, and the message says so. */
int ax_outfile_commit(ax_outfile *f, ax_err *err);
void ax_outfile_abort(ax_outfile *f); /* remove the temp; fine after a commit too */

/* The whole of a file at once, in the same way. 0, or -1 with err. */
int ax_file_write(const char *path, const void *data, size_t size, ax_err *err);

/* Make `to`, which must not be there, have the bytes of `from`: as another name of the same file
 * where the file system allows it, else as a copy, written through to the disk; a copy that fails
 * is removed. 0, or -1 with errno. */
int ax_file_link(const char *from, const char *to);

/* Remove a file, or a folder with all that is in it; symbolic links are removed, not followed. What
 * is not there is fine. 0, or -1 with errno. */
int ax_remove_tree(const char *path);

#endif
