/* lanes.h - vectors of the instruction set being compiled, and the loops that carry a formula over
 * a stretch of numbers. For *.isa.c only.
 *
 * A formula is written once, for one vector of doubles (vd). The loops load float32, widen (exact),
 * evaluate, and round once. A tail goes through a padded local buffer and the same code, so there
 * is no second version whose bits could differ. All operations used are IEEE-exact and contraction
 * is off, so all instruction sets give the same bits; NaNs keep being NaN, their payload is not
 * promised.
 *
 * min and max of x86 return the second operand on NaN; here NaN in x always survives: write
 * at_most(x, limit), never the reverse. */
#ifndef AX_ACTIVATION_LANES_H
#define AX_ACTIVATION_LANES_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stdint.h>
#include <string.h>

#include "activation/kernel.h"

#define LANES  (AX_VL / 2)
#define INLINE static inline __attribute__((always_inline))

typedef double vd __attribute__((vector_size(LANES * 8)));
typedef int64_t vl __attribute__((vector_size(LANES * 8)));
typedef uint64_t vu __attribute__((vector_size(LANES * 8)));
typedef float vh __attribute__((vector_size(LANES * 4))); /* as many floats as vd has doubles */
typedef float vf __attribute__((vector_size(AX_VL * 4))); /* a full register of floats */
typedef int32_t vi __attribute__((vector_size(AX_VL * 4)));

INLINE vd all(double v)
{
    return v - (vd){0}; /* v - 0 keeps the sign of a zero; 0 + v would not */
}

INLINE vd load(const float *p)
{
    vh h;
    memcpy(&h, p, sizeof h);
#if AX_VL == 16 /* gcc makes two steps of the line below */
    return (vd)_mm512_cvtps_pd((__m256)h);
#else
    return __builtin_convertvector(h, vd);
#endif
}

INLINE void store(float *p, vd v)
{
    vh h = __builtin_convertvector(v, vh);
    memcpy(p, &h, sizeof h);
}

/* a sum, of which gcc makes a blend of registers, as it does not of | */
INLINE vd pick(vl mask, vd yes, vd no)
{
    return (vd)((mask & (vl)yes) + (~mask & (vl)no));
}

#if defined(__x86_64__) /* gcc does not see these in a comparison */
#if AX_VL == 16
#define X86(op) _mm512_##op
#elif AX_VL == 8
#define X86(op) _mm256_##op
#else
#define X86(op) _mm_##op
#endif

INLINE vd at_most(vd x, double limit)
{
    return (vd)X86(min_pd)(X86(set1_pd)(limit), x);
}

INLINE vd at_least(vd x, double limit)
{
    return (vd)X86(max_pd)(X86(set1_pd)(limit), x);
}
#else
INLINE vd at_most(vd x, double limit)
{
    return pick((vl)(x > limit), all(limit), x);
}

INLINE vd at_least(vd x, double limit)
{
    return pick((vl)(x < limit), all(limit), x);
}
#endif

INLINE vd magnitude(vd x)
{
    return (vd)((vl)x & INT64_MAX);
}

/* -|x| */
INLINE vd minus_magnitude(vd x)
{
    return (vd)((vl)x | INT64_MIN);
}

/* v >= 0 with the sign of x */
INLINE vd with_sign(vd v, vd x)
{
    return (vd)((vl)v | ((vl)x & INT64_MIN));
}

INLINE vd zero_where(vl mask, vd v)
{
    return (vd)((vl)v & ~mask);
}

/* 0, but NaN for NaN: the second derivative of everything made of straight lines */
INLINE vd no_curve(vd x)
{
    return zero_where((vl)(x == x), x);
}

/* The same for float lanes, where a function is exact in float32. */
INLINE vf pick_f(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

INLINE vf all_f(float v)
{
    return v - (vf){0};
}

/* ---- loops ---- */

typedef vd formula(vd x, const double *p);
typedef vf formula_f(vf x, const double *p);

/* A copy that no store can alias, so that what depends on parameters alone leaves the loop. */
#define PARAMS(p, from)                                                                            \
    double p[AX_ACT_PARAMS];                                                                       \
    memcpy(p, from, sizeof p)

/* A formula is a chain of some fifty operations that wait for each other, of which a processor has
 * about two hundred in view; so several vectors are evaluated abreast. */
#if defined(AX_ROLLED)
#define ABREAST 1
#elif AX_VL >= 8
#define ABREAST 8
#else
#define ABREAST 4
#endif
#define BLOCK      (ABREAST * LANES)
#define EACH_OF(n) _Pragma("GCC unroll 8") for (int j = 0; j < (n); j++)
#define EACH       EACH_OF(ABREAST)

INLINE const float *pad(float padded[BLOCK], const float *x, size_t n)
{
    memset(padded, 0, BLOCK * sizeof *padded);
    return memcpy(padded, x, n * sizeof *x);
}

INLINE void map(formula *f, const double *params, const float *x, float *y, size_t n)
{
    PARAMS(p, params);
    float padded[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const float *from = x + i;
        size_t left = n - i;
        vd v[ABREAST];
        if (left < BLOCK)
            from = pad(padded, from, left);
        EACH v[j] = load(from + j * LANES);
        EACH v[j] = f(v[j], p);
        float *to = left < BLOCK ? padded : y + i;
        EACH store(to + j * LANES, v[j]);
        if (left < BLOCK)
            memcpy(y + i, padded, left * sizeof *y);
    }
}

/* A formula so long that the compiler does not interleave it is written for a block of numbers,
 * each step for all vectors before the next; y may be x. It has to stay a function of its own:
 * within the loop gcc puts the chains one after the other again (gelu: 0.58 ns an element become
 * 0.62, and 0.88 where x comes from memory). */
typedef void block(const float *x, float *y, const double *p);
#define BLOCKWISE static __attribute__((noinline)) void

INLINE void map_blocks(block *f, const double *params, const float *x, float *y, size_t n)
{
    PARAMS(p, params);
    float padded[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t left = n - i;
        if (left >= BLOCK) {
            f(x + i, y + i, p);
        } else {
            f(pad(padded, x + i, left), padded, p);
            memcpy(y + i, padded, left * sizeof *y);
        }
    }
}

/* dx = dy * f'(x): the product in double, one rounding */
INLINE void map_back(formula *f, const double *params, const float *x, const float *dy, float *dx,
                     size_t n)
{
    PARAMS(p, params);
    float padded[BLOCK], factors[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const float *from = x + i, *by = dy + i;
        size_t left = n - i;
        vd v[ABREAST];
        if (left < BLOCK) {
            from = pad(padded, from, left);
            by = pad(factors, by, left);
        }
        EACH v[j] = load(from + j * LANES);
        EACH v[j] = load(by + j * LANES) * f(v[j], p);
        float *to = left < BLOCK ? padded : dx + i;
        EACH store(to + j * LANES, v[j]);
        if (left < BLOCK)
            memcpy(dx + i, padded, left * sizeof *dx);
    }
}

INLINE vf load_f(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void map_f(formula_f *f, const double *params, const float *x, float *y, size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= AX_VL; i += AX_VL) {
        vf v = f(load_f(x + i), p);
        memcpy(y + i, &v, sizeof v);
    }
    if (i < n) {
        float t[AX_VL] = {0};
        memcpy(t, x + i, (n - i) * sizeof *t);
        vf v = f(load_f(t), p);
        memcpy(y + i, &v, (n - i) * sizeof *t);
    }
}

/* One product of two floats rounded once is the product in double rounded once. */
INLINE void map_back_f(formula_f *f, const double *params, const float *x, const float *dy,
                       float *dx, size_t n)
{
    PARAMS(p, params);
    size_t i = 0;
    for (; n - i >= AX_VL; i += AX_VL) {
        vf v = load_f(dy + i) * f(load_f(x + i), p);
        memcpy(dx + i, &v, sizeof v);
    }
    if (i < n) {
        float t[AX_VL] = {0}, d[AX_VL] = {0};
        memcpy(t, x + i, (n - i) * sizeof *t);
        memcpy(d, dy + i, (n - i) * sizeof *d);
        vf v = load_f(d) * f(load_f(t), p);
        memcpy(dx + i, &v, (n - i) * sizeof *t);
    }
}

/* KERNEL(silu): the exported struct of a function whose formulas are silu_f, silu_d and silu_dd
 * (f, f', f''); KERNEL_F the same in float lanes; KERNEL_BLOCK with silu_block for f. */
#define KERNEL_WITH(k, FORWARD, f, MAP, BACK)                                                      \
    static void k##_forward(const double *p, const float *x, float *y, size_t n)                   \
    {                                                                                              \
        FORWARD(k##_##f, p, x, y, n);                                                              \
    }                                                                                              \
    static void k##_derivative(const double *p, const float *x, float *y, size_t n)                \
    {                                                                                              \
        MAP(k##_d, p, x, y, n);                                                                    \
    }                                                                                              \
    static void k##_second(const double *p, const float *x, float *y, size_t n)                    \
    {                                                                                              \
        MAP(k##_dd, p, x, y, n);                                                                   \
    }                                                                                              \
    static void k##_backward(const double *p, const float *x, const float *dy, float *dx,          \
                             size_t n)                                                             \
    {                                                                                              \
        BACK(k##_d, p, x, dy, dx, n);                                                              \
    }                                                                                              \
    extern const ax_act_element AX_ACT_SYMBOL(k, AX_ISA);                                          \
    const ax_act_element AX_ACT_SYMBOL(k, AX_ISA) = {k##_forward, k##_derivative, k##_second,      \
                                                     k##_backward};

#define KERNEL(k)       KERNEL_WITH(k, map, f, map, map_back)
#define KERNEL_F(k)     KERNEL_WITH(k, map_f, f, map_f, map_back_f)
#define KERNEL_BLOCK(k) KERNEL_WITH(k, map_blocks, block, map, map_back)

/* The exported struct of a function of rows: k_forward and k_backward. */
#define VECTOR_KERNEL(k)                                                                           \
    extern const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA);                                           \
    const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA) = {k##_forward, k##_backward};

#endif
