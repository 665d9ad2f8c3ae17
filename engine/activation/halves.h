/* halves.h - gated linear units: the halves a and b of a row give y = left(a) right(b), with the
 * formulas of two element-wise functions. For *.isa.c only.
 *
 * A half is one stretch of numbers whatever lies between the elements of a row. Products are made
 * in double and rounded once. */
#ifndef AX_ACTIVATION_HALVES_H
#define AX_ACTIVATION_HALVES_H

#include "activation/prims.h"

INLINE vd itself_f(vd x, const double *p)
{
    (void)p;
    return x;
}

INLINE vd itself_d(vd x, const double *p)
{
    (void)p;
    return pick((vl)(x == x), all(1.0), x);
}

INLINE void multiply_halves(formula *left, formula *right, const double *params, const float *a,
                            const float *b, float *y, size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        store(y + i, left(load(a + i), p) * right(load(b + i), p));
    if (i < n) {
        float s[LANES] = {0}, t[LANES] = {0};
        memcpy(s, a + i, (n - i) * sizeof *s);
        memcpy(t, b + i, (n - i) * sizeof *t);
        store(t, left(load(s), p) * right(load(t), p));
        memcpy(y + i, t, (n - i) * sizeof *t);
    }
}

/* One vector: a becomes da, b becomes db. */
INLINE void slopes_of_halves(formula *const f[4], const double *p, const float *dy, const float *a,
                             const float *b, float *da, float *db)
{
    vd g = load(dy), l = load(a), r = load(b);
    store(da, g * f[2](r, p) * f[1](l, p));
    store(db, g * f[0](l, p) * f[3](r, p));
}

/* f: left, left', right, right'; da may be a, db may be b */
INLINE void multiply_back(formula *const f[4], const double *params, const float *dy,
                          const float *a, const float *b, float *da, float *db, size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        slopes_of_halves(f, p, dy + i, a + i, b + i, da + i, db + i);
    if (i < n) {
        float g[LANES] = {0}, s[LANES] = {0}, t[LANES] = {0};
        size_t bytes = (n - i) * sizeof *g;
        memcpy(g, dy + i, bytes);
        memcpy(s, a + i, bytes);
        memcpy(t, b + i, bytes);
        slopes_of_halves(f, p, g, s, t, s, t);
        memcpy(da + i, s, bytes);
        memcpy(db + i, t, bytes);
    }
}

/* The exported struct of y = left(a) right(b), left_f, left_d, right_f, right_d being formulas that
 * get all parameters. Parameter `swap` tells which half comes first: 0 is a, 1 is b. */
#define GATED(k, left, right, swap)                                                                \
    static void k##_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len, \
                            int64_t inner)                                                         \
    {                                                                                              \
        int64_t n = len / 2 * inner, at = p[swap] > 0.0 ? n : 0;                                   \
        for (int64_t o = 0; o < outer; o++, x += 2 * n, y += n)                                    \
            multiply_halves(left##_f, right##_f, p, x + at, x + n - at, y, (size_t)n);             \
    }                                                                                              \
    static void k##_backward(const double *p, const float *x, const float *dy, float *dx,          \
                             int64_t outer, int64_t len, int64_t inner)                            \
    {                                                                                              \
        int64_t n = len / 2 * inner, at = p[swap] > 0.0 ? n : 0;                                   \
        for (int64_t o = 0; o < outer; o++, x += 2 * n, dx += 2 * n, dy += n)                      \
            multiply_back((formula *const[]){left##_f, left##_d, right##_f, right##_d}, p, dy,     \
                          x + at, x + n - at, dx + at, dx + n - at, (size_t)n);                    \
    }                                                                                              \
    VECTOR_KERNEL(k)

#endif
