/* ints.h - the small arithmetic of sizes and cuts. Plain, unguarded: the operands are counts that have
 * been checked already (sizes from outside: ax_shape_count_checked). Pure, so thread-safe. */
#ifndef AX_BASE_INTS_H
#define AX_BASE_INTS_H

#include <stdint.h>

static inline int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* a / b, rounded up; a >= 0, b > 0. */
static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* The next multiple of 16, a vector's lanes and a cache line of floats; n >= 0. */
static inline int64_t round16(int64_t n)
{
    return (n + 15) & ~(int64_t)15;
}

#endif
