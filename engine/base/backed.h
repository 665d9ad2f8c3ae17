/* backed.h - the bytes of a file in memory, of which large stretches can be given back to the
 * system and are read again, and proven to be the same, when somebody wants them.
 *
 * Whoever reads the numbers of a stretch holds it while he does. What nobody holds, and somebody
 * has called spare, is given back: its whole pages hold nothing and cannot be read, so that who
 * forgot to hold them is stopped. The file is kept open, and a hash of what is given back: when the
 * file has been changed by then, that is an error and never other numbers. Thread-safe, but for
 * opening, ax_backed_add() and closing. */
#ifndef AX_BASE_BACKED_H
#define AX_BASE_BACKED_H

#include "base/file.h"

typedef struct ax_backed ax_backed;

enum { AX_BACKED_LEAST = 64 * 1024 /* bytes of a stretch; smaller ones are always there */ };

ax_backed *ax_backed_open(const char *path, ax_err *err);
void ax_backed_close(ax_backed *b); /* NULL is fine */
const ax_map *ax_backed_bytes(const ax_backed *b);

/* data[0..bytes) are those of the file from `offset` on. In the order of their addresses; what is
 * small, or overlaps the one before it, is left alone. -1: no memory. */
int ax_backed_add(ax_backed *b, const void *data, size_t bytes, uint64_t offset, ax_err *err);

/* The bytes that p points to, or into, are there until they are dropped as often. 1: they belong to
 * a stretch; 0: they do not (b may be NULL) and are always there; -1: they cannot be had again. */
int ax_backed_hold(ax_backed *b, const void *p, ax_err *err);
/* spare: nobody is expected to want them again soon. */
void ax_backed_drop(ax_backed *b, const void *p, int spare);

/* All stretches, for who reads numbers here and there. -1: none is held. */
int ax_backed_hold_all(ax_backed *b, ax_err *err);
void ax_backed_drop_all(ax_backed *b);

/* Where in the file p's stretch lies, which tells it from all others. 0: it belongs to none. */
int ax_backed_where(const ax_backed *b, const void *p, uint64_t *offset);

/* Bytes that are given back now. */
int64_t ax_backed_away(ax_backed *b);

#endif
