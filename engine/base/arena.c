/* arena.c - bump allocation in growing blocks; see arena.h.
 *
 * Under AddressSanitizer what is not handed out is poisoned and every piece is followed by a gap,
 * so that a write past its end is caught as it would be with malloc. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
enum { GAP = 0 };
#endif

enum { ALIGN = 64, FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20 };

struct ax_arena_block {
    ax_arena_block *older;
    size_t size, used; /* of data[] */
    _Alignas(ALIGN) unsigned char data[];
};

void ax_arena_init(ax_arena *a, size_t limit)
{
    *a = (ax_arena){.limit = limit};
}

void ax_arena_fini(ax_arena *a)
{
    for (ax_arena_block *b = a->block, *older; b; b = older) {
        older = b->older;
        free(b);
    }
    a->block = NULL;
    a->used = 0;
}

void ax_arena_reset(ax_arena *a)
{
    ax_arena_block *keep = a->block;
    for (ax_arena_block *b = keep; b; b = b->older)
        if (b->size > keep->size)
            keep = b;
    for (ax_arena_block *b = a->block, *older; b; b = older) {
        older = b->older;
        if (b != keep)
            free(b);
    }
    if (keep) {
        keep->older = NULL, keep->used = 0;
        ASAN_POISON_MEMORY_REGION(keep->data, keep->size);
    }
    a->block = keep;
    a->used = 0;
}

static ax_arena_block *add_block(ax_arena *a, size_t need)
{
    size_t size = a->block ? a->block->size : FIRST_BLOCK / 2, bytes;
    size = size < LARGEST_STEP / 2 ? size * 2 : LARGEST_STEP;
    if (size < need)
        size = need;
    if (__builtin_add_overflow(size, sizeof(ax_arena_block) + ALIGN - 1, &bytes) ||
        bytes > PTRDIFF_MAX)
        return NULL;
    ax_arena_block *b = aligned_alloc(ALIGN, bytes & ~(size_t)(ALIGN - 1));
    if (!b)
        return NULL;
    b->older = a->block;
    b->size = size;
    b->used = 0;
    ASAN_POISON_MEMORY_REGION(b->data, size);
    return a->block = b;
}

/* Padding counts against the limit: a million tiny pieces cost what they really cost. */
static void *take(ax_arena *a, size_t size, size_t align)
{
    ax_arena_block *b = a->block;
    if (!size && b)
        return b->data; /* any place will do for nothing */
    size_t before = b ? b->used : 0, gap = before ? GAP : 0, cost;
    size_t at = (before + gap + align - 1) & ~(align - 1);
    int fits = b && at <= b->size && size <= b->size - at;
    if (__builtin_add_overflow(size, fits ? at - before : 0, &cost) ||
        (a->limit && (cost > a->limit || a->used > a->limit - cost)))
        return NULL;
    if (!fits) {
        b = add_block(a, size);
        if (!b)
            return NULL;
        at = 0;
    }
    ASAN_UNPOISON_MEMORY_REGION(b->data + at, size);
    b->used = at + size;
    a->used += cost;
    return b->data + at;
}

void *ax_arena_alloc(ax_arena *a, size_t size)
{
    void *p = take(a, size, ALIGN);
    return p ? memset(p, 0, size) : NULL;
}

void *ax_arena_raw(ax_arena *a, size_t size)
{
    return take(a, size, 16);
}

void *ax_arena_array(ax_arena *a, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : ax_arena_alloc(a, bytes);
}

char *ax_arena_memdup(ax_arena *a, const void *p, size_t n)
{
    char *copy = n < SIZE_MAX ? ax_arena_raw(a, n + 1) : NULL;
    if (copy) {
        if (n)
            memcpy(copy, p, n);
        copy[n] = 0;
    }
    return copy;
}

char *ax_arena_strdup(ax_arena *a, const char *s)
{
    return ax_arena_memdup(a, s, strlen(s));
}

char *ax_arena_printf(ax_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = n < 0 ? NULL : ax_arena_raw(a, (size_t)n + 1);
    if (s) {
        va_start(ap, fmt);
        vsnprintf(s, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return s;
}
