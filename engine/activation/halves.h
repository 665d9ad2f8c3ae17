/* halves.h - gated linear units: the halves a and b of a row give y = left(a) right(b), with the
 * formulas of two element-wise functions. For *.isa.c only.
 *
 * A half is one stretch of numbers whatever lies between the elements of a row. Products are made
 * in double and rounded once.
 *
 * A float32 can be multiplied with 2^128, so the formulas have to be right down to 2^-278, far below
 * what float32 holds; clamps belong where even that is passed. */
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

/* What a pair is made of. closes: right and right' vanish at -inf, where the formulas have stopped
 * at a clamp; infinity times that is NaN. */
typedef struct gated {
    formula *left, *left_d, *right, *right_d;
    int closes;
} gated;

INLINE vd gate_at(gated f, formula *right, vd b, const double *p)
{
    vd v = right(b, p);
    return f.closes ? zero_where((vl)(b == -__builtin_inf()), v) : v;
}

INLINE vd product_of(gated f, const double *p, const float *a, const float *b)
{
    return f.left(load(a), p) * gate_at(f, f.right, load(b), p);
}

INLINE void multiply_halves(gated f, const double *params, const float *a, const float *b, float *y,
                            size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        store(y + i, product_of(f, p, a + i, b + i));
    if (i < n) {
        float s[LANES] = {0}, t[LANES] = {0};
        memcpy(s, a + i, (n - i) * sizeof *s);
        memcpy(t, b + i, (n - i) * sizeof *t);
        store(t, product_of(f, p, s, t));
        memcpy(y + i, t, (n - i) * sizeof *t);
    }
}

/* da may be a, db may be b */
INLINE void slopes_of(gated f, const double *p, const float *dy, const float *a, const float *b,
                      float *da, float *db)
{
    vd g = load(dy), l = load(a), r = load(b);
    store(da, g * gate_at(f, f.right, r, p) * f.left_d(l, p));
    store(db, g * f.left(l, p) * gate_at(f, f.right_d, r, p));
}

INLINE void multiply_back(gated f, const double *params, const float *dy, const float *a,
                          const float *b, float *da, float *db, size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        slopes_of(f, p, dy + i, a + i, b + i, da + i, db + i);
    if (i < n) {
        float g[LANES] = {0}, s[LANES] = {0}, t[LANES] = {0};
        size_t bytes = (n - i) * sizeof *g;
        memcpy(g, dy + i, bytes);
        memcpy(s, a + i, bytes);
        memcpy(t, b + i, bytes);
        slopes_of(f, p, g, s, t, s, t);
        memcpy(da + i, s, bytes);
        memcpy(db + i, t, bytes);
    }
}

/* The exported struct of y = left(a) right(b), left_f, left_d, right_f, right_d being formulas that
 * get all parameters. Parameter `swap` tells which half comes first: 0 is a, 1 is b. */
#define GATED(k, left, right, closes, swap)                                                        \
    static const gated k##_of = {left##_f, left##_d, right##_f, right##_d, closes};                \
    static void k##_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len, \
                            int64_t inner)                                                         \
    {                                                                                              \
        int64_t n = len / 2 * inner, at = p[swap] > 0.0 ? n : 0;                                   \
        for (int64_t o = 0; o < outer; o++, x += 2 * n, y += n)                                    \
            multiply_halves(k##_of, p, x + at, x + n - at, y, (size_t)n);                          \
    }                                                                                              \
    static void k##_backward(const double *p, const float *x, const float *dy, float *dx,          \
                             int64_t outer, int64_t len, int64_t inner)                            \
    {                                                                                              \
        int64_t n = len / 2 * inner, at = p[swap] > 0.0 ? n : 0;                                   \
        for (int64_t o = 0; o < outer; o++, x += 2 * n, dx += 2 * n, dy += n)                      \
            multiply_back(k##_of, p, dy, x + at, x + n - at, dx + at, dx + n - at, (size_t)n);     \
    }                                                                                              \
    VECTOR_KERNEL(k)

#endif
