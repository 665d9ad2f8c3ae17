/* math_util.h - what the tests of engine/math share: numbers to compute with, buffers whose ends are
 * watched, the instruction sets and thread counts to try, and bounds that are derived. */
#ifndef MATH_UTIL_H
#define MATH_UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "math/cpu.h"
#include "math/layout.h"

/* unit roundoff of float: a chain of k roundings errs by at most about k * U * sum |terms| */
#define U (1.0 / (1 << 24))

enum { GUARD = 16 };
static const float guard_value = -12345.5f;

/* n floats of NaN, 64-byte aligned, with watched ends. */
static inline float *buffer(int64_t n)
{
    size_t bytes = ((size_t)(n + 2 * GUARD) * sizeof(float) + 63) & ~(size_t)63;
    float *p = aligned_alloc(64, bytes);
    assert_non_null(p);
    for (int i = 0; i < GUARD; i++)
        p[i] = p[GUARD + n + i] = guard_value;
    for (int64_t i = 0; i < n; i++)
        p[GUARD + i] = NAN;
    return p + GUARD;
}

static inline void check_guards(const float *p, int64_t n, const char *what)
{
    for (int i = 0; i < GUARD; i++)
        if (p[-1 - i] != guard_value || p[n + i] != guard_value)
            fail_msg("%s: wrote outside of its %lld floats", what, (long long)n);
}

static inline void drop(float *p)
{
    free(p - GUARD);
}

static inline uint32_t noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 30)) * 0xBF58476D1CE4E5B9u;
    i = (i ^ (i >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(i >> 32);
}

/* Numbers in [-1,1), a function of seed and place. */
static inline float *numbers(int64_t n, uint64_t seed)
{
    float *p = buffer(n);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)((int32_t)noise(seed * 1000003 + (uint64_t)i) / 2147483648.0);
    return p;
}

static inline float *absolute(const float *x, int64_t n)
{
    float *p = buffer(n);
    for (int64_t i = 0; i < n; i++)
        p[i] = fabsf(x[i]);
    return p;
}

static inline int64_t blocks_of(int64_t c)
{
    return (c + AX_BLOCK - 1) / AX_BLOCK;
}

static inline int64_t blocked_count(int64_t n, int64_t c, int64_t pixels)
{
    return n * blocks_of(c) * AX_BLOCK * pixels;
}

/* BLOCKED copy made the simple way, lanes past c poisoned with NaN. */
static inline float *blocked_copy(const float *x, int64_t n, int64_t c, int64_t pixels)
{
    float *p = buffer(blocked_count(n, c, pixels));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t q = 0; q < pixels; q++)
                p[((i * blocks_of(c) + k / AX_BLOCK) * pixels + q) * AX_BLOCK + k % AX_BLOCK] =
                    x[(i * c + k) * pixels + q];
    return p;
}

static inline float *plain_copy(const float *x, int64_t n, int64_t c, int64_t pixels)
{
    float *p = buffer(n * c * pixels);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t q = 0; q < pixels; q++)
                p[(i * c + k) * pixels + q] =
                    x[((i * blocks_of(c) + k / AX_BLOCK) * pixels + q) * AX_BLOCK + k % AX_BLOCK];
    return p;
}

/* |got - want| <= steps * U * scale[i], element for element; NaN fails. */
static inline void check_near(const float *got, const float *want, const float *scale, int64_t n,
                              double steps, const char *what)
{
    for (int64_t i = 0; i < n; i++) {
        double bound = steps * U * scale[i] + 1e-37;
        if (!(fabs((double)got[i] - want[i]) <= bound))
            fail_msg("%s: [%lld] is %.9g, expected %.9g within %.3g", what, (long long)i, got[i],
                     want[i], bound);
    }
}

static inline void check_same(const float *got, const float *want, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got))
            fail_msg("%s: [%lld] is %.9g (%a), expected the bits of %.9g (%a)", what, (long long)i,
                     got[i], got[i], want[i], want[i]);
}

/* Run body for every instruction set this machine has. */
static inline void each_isa(void (*body)(void))
{
    const char *first = ax_isa_name(ax_isa_active());
    for (int i = 0; i < AX_ISAS; i++)
        if (ax_isa_supported((ax_isa)i)) {
            assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
            body();
        }
    ax_isa_force(first, NULL);
}

/* pools[1..3] have that many threads; pools[0] is NULL */
static ax_pool *pools[4];

static inline int pools_open(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        if (!(pools[i] = ax_pool_new(i, NULL)))
            return -1;
    return 0;
}

static inline int pools_close(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        ax_pool_free(pools[i]);
    return 0;
}

#endif
