/* arena.h - memory that dies together: a bump allocator for things that share one lifetime.
 *
 * A request, a graph, a plan owns an arena; nothing inside is freed on its own. Blocks come from
 * malloc and grow geometrically; a limit turns hostile sizes into AX_ENOMEM-style NULLs.
 * Thread rule: one thread at a time. */
#ifndef AX_BASE_ARENA_H
#define AX_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct ax_arena_block ax_arena_block;

typedef struct ax_arena {
    ax_arena_block *block; /* newest block; older ones are linked behind it       */
    size_t used, limit;    /* bytes handed out so far with their padding, and the most (0: any) */
} ax_arena;

/* An empty arena that will hand out at most `limit` bytes (0: no limit). Allocates nothing yet. */
void ax_arena_init(ax_arena *a, size_t limit);

/* Free all blocks; the arena is empty again and usable. */
void ax_arena_fini(ax_arena *a);

/* Forget everything but keep the largest block for reuse (a server's next request). */
void ax_arena_reset(ax_arena *a);

/* size bytes, zeroed, aligned to 64 (a cache line and the widest vector). size 0 gives a valid
 * pointer. NULL when the limit or the system's memory is reached. */
void *ax_arena_alloc(ax_arena *a, size_t size);

/* As ax_arena_alloc, but not zeroed and aligned to 16: for bulk bytes and strings. */
void *ax_arena_raw(ax_arena *a, size_t size);

/* count * size under guard against overflow; zeroed. */
void *ax_arena_array(ax_arena *a, size_t count, size_t size);

char *ax_arena_strdup(ax_arena *a, const char *s);
char *ax_arena_memdup(ax_arena *a, const void *p, size_t n); /* adds a terminating 0 */
char *ax_arena_printf(ax_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define AX_NEW(a, T) ((T *)ax_arena_alloc((a), sizeof(T)))
#define AX_ARRAY(a, T, n) ((T *)ax_arena_array((a), (size_t)(n), sizeof(T)))

#endif
