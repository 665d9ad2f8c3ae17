/* rows.h - carrying a function of whole rows over a tensor (outer, len, inner). For *.isa.c only.
 *
 * Such a function is written twice with the same sums in the same order: along a row whose elements
 * touch, and beside, one row per lane. Long rows whose elements touch run along the row; strided
 * rows, and short ones after a local transposition, run side by side. */
#ifndef AX_ACTIVATION_ROWS_H
#define AX_ACTIVATION_ROWS_H

#include "activation/prims.h"

#define SHORT 64 /* rows up to here are transposed */
#define INF   __builtin_inf()

/* the first n of LANES floats, n >= 1; `pad` in the lanes behind them */
INLINE vd load_n(const float *p, int64_t n, float pad)
{
    if (n >= LANES)
        return load(p);
    float t[LANES];
    for (int i = 0; i < LANES; i++)
        t[i] = i < n ? p[i] : pad;
    return load(t);
}

INLINE void store_n(float *p, int64_t n, vd v)
{
    if (n >= LANES) {
        store(p, v);
        return;
    }
    float t[LANES];
    store(t, v);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
}

INLINE vd larger(vd a, vd b)
{
    return pick((vl)(a > b), a, b); /* b when a is NaN */
}

/* Eight partial sums (element i went to sum i mod 8) become one, always in this order. */
#define TREE(s) (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))

/* LANES rows of touching elements to one row per lane, and back */
INLINE void interleave(const float *x, float *t, int64_t len)
{
    for (int64_t i = 0; i < len; i++)
        for (int l = 0; l < LANES; l++)
            t[i * LANES + l] = x[l * len + i];
}

INLINE void deinterleave(const float *t, float *y, int64_t len)
{
    for (int l = 0; l < LANES; l++)
        for (int64_t i = 0; i < len; i++)
            y[l * len + i] = t[i * LANES + l];
}

/* p: the parameters. Beside: n rows are real, their elements `stride` apart. x may be y, dx may be
 * dy or y. */
typedef void along_fn(const double *p, const float *x, float *y, int64_t len);
typedef void beside_fn(const double *p, const float *x, float *y, int64_t len, int64_t stride,
                       int64_t n);
typedef void along_back_fn(const double *p, const float *y, const float *dy, float *dx,
                           int64_t len);
typedef void beside_back_fn(const double *p, const float *y, const float *dy, float *dx,
                            int64_t len, int64_t stride, int64_t n);

INLINE void rows(along_fn *along, beside_fn *beside, const double *p, const float *x, float *y,
                 int64_t outer, int64_t len, int64_t inner)
{
    float t[SHORT * LANES];
    int64_t o = 0;
    if (inner == 1 && len <= SHORT)
        for (; outer - o >= LANES; o += LANES) {
            interleave(x + o * len, t, len);
            beside(p, t, t, len, LANES, LANES);
            deinterleave(t, y + o * len, len);
        }
    for (; o < outer; o++)
        if (inner == 1)
            along(p, x + o * len, y + o * len, len);
        else
            for (int64_t c = 0; c < inner; c += LANES)
                beside(p, x + o * len * inner + c, y + o * len * inner + c, len, inner, inner - c);
}

INLINE void rows_back(along_back_fn *along, beside_back_fn *beside, const double *p, const float *y,
                      const float *dy, float *dx, int64_t outer, int64_t len, int64_t inner)
{
    float t[SHORT * LANES], d[SHORT * LANES];
    int64_t o = 0;
    if (inner == 1 && len <= SHORT)
        for (; outer - o >= LANES; o += LANES) {
            interleave(y + o * len, t, len);
            interleave(dy + o * len, d, len);
            beside(p, t, d, d, len, LANES, LANES);
            deinterleave(d, dx + o * len, len);
        }
    for (; o < outer; o++) {
        int64_t at = o * len * inner;
        if (inner == 1)
            along(p, y + at, dy + at, dx + at, len);
        else
            for (int64_t c = 0; c < inner; c += LANES)
                beside(p, y + at + c, dy + at + c, dx + at + c, len, inner, inner - c);
    }
}

/* Row after row, for functions that are not worth more. Rows up to KEEP elements are brought
 * together first, so their stride is 1. */
#define KEEP 4096
typedef void row_fn(const double *p, const float *x, float *y, int64_t len, int64_t stride);
typedef void row_back_fn(const double *p, const float *y, const float *dy, float *dx, int64_t len,
                         int64_t stride);

INLINE void each_row(row_fn *fn, const double *p, const float *x, float *y, int64_t outer,
                     int64_t len, int64_t inner)
{
    float t[KEEP];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t c = 0; c < inner; c++) {
            int64_t at = o * len * inner + c;
            if (inner == 1 || len > KEEP) {
                fn(p, x + at, y + at, len, inner);
                continue;
            }
            for (int64_t i = 0; i < len; i++)
                t[i] = x[at + i * inner];
            fn(p, t, t, len, 1);
            for (int64_t i = 0; i < len; i++)
                y[at + i * inner] = t[i];
        }
}

INLINE void each_row_back(row_back_fn *fn, const double *p, const float *y, const float *dy,
                          float *dx, int64_t outer, int64_t len, int64_t inner)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t c = 0; c < inner; c++) {
            int64_t at = o * len * inner + c;
            fn(p, y + at, dy + at, dx + at, len, inner);
        }
}

/* The exported struct of a function made of these two: k_row and k_row_back. */
#define EACH_ROW(k)                                                                                \
    static void k##_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len, \
                            int64_t inner)                                                         \
    {                                                                                              \
        each_row(k##_row, p, x, y, outer, len, inner);                                             \
    }                                                                                              \
    static void k##_backward(const double *p, const float *y, const float *dy, float *dx,          \
                             int64_t outer, int64_t len, int64_t inner)                            \
    {                                                                                              \
        each_row_back(k##_row_back, p, y, dy, dx, outer, len, inner);                              \
    }                                                                                              \
    VECTOR_KERNEL(k)

/* The greatest of a row, whose other elements may be -inf; NaN when the row has a NaN, a +inf or
 * nothing but -inf: then none of the functions here has a value. */
INLINE double greatest(const float *x, int64_t len, int64_t stride)
{
    float m = -__builtin_inff(), bad = 0.0f;
    for (int64_t i = 0; i < len; i++) {
        float v = x[i * stride];
        m = v > m ? v : m;
        bad += v != v;
    }
    return bad > 0.0f ? __builtin_nan("") : m + (m - m);
}

/* The exported struct of a function made of four as in rows() and rows_back(). */
#define ROWS(k, along, beside, along_back, beside_back)                                            \
    static void k##_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len, \
                            int64_t inner)                                                         \
    {                                                                                              \
        rows(along, beside, p, x, y, outer, len, inner);                                           \
    }                                                                                              \
    static void k##_backward(const double *p, const float *y, const float *dy, float *dx,          \
                             int64_t outer, int64_t len, int64_t inner)                            \
    {                                                                                              \
        rows_back(along_back, beside_back, p, y, dy, dx, outer, len, inner);                       \
    }                                                                                              \
    VECTOR_KERNEL(k)

#endif
