/* softmax.isa.c - softmax, log_softmax, softmin and softmax1 over rows, at a temperature.
 *
 * Everything is counted in doubles and rounded once. A sum over a row is always made of eight
 * partial sums (element i goes to sum i mod 8) added in one fixed tree, however the row lies in
 * memory and however wide the vectors are, so all layouts and instruction sets give the same bits.
 *
 * The exponentials of the row's maximum are left out of the sum and counted: with s the sum of the
 * others plus (count - 1), the normaliser is 1 + s and log_softmax = (x - max)/t - log1p(s) keeps
 * its relative accuracy when one element dwarfs all others. softmax1 has one element more in the
 * sum, a 0 that nobody sees, so a row can be all zeros.
 *
 * -inf gives weight 0 (in softmin +inf does). A row with a NaN, with an infinity of the other sign,
 * or with nothing of weight above 0 has no softmax: all NaN; the last is all 0 in softmax1.
 *
 * Parameters: the temperature. */
#include "activation/rows.h"

/* What tells the functions apart; constants wherever they are used. */
typedef struct flavour {
    int flip, one; /* of -x; with the unseen 0 */
} flavour;

INLINE vd fetch(flavour f, const float *p, int64_t n)
{
    float none = __builtin_inff();
    return f.flip ? -load_n(p, n, none) : load_n(p, n, -none);
}

/* e^((x - m)/t), 0 for -inf; NaN when m is infinite or x is NaN (e^-200 is 0 to every float32
 * result) */
INLINE vd weight(vd x, vd m, double cool)
{
    vd e = exp_poly(at_least((x - m) * cool, -200.0));
    return (vd)((vl)e & ~(vl)(x == -INF));
}

/* weights that are not the maximum's go to `sum`, the others are counted */
INLINE void tally(vd x, vd m, vd e, vd *sum, vd *count)
{
    vl top = (vl)(x == m);
    *sum += (vd)((vl)e & ~top);
    *count += (vd)((vl)all(1.0) & top);
}

/* the normaliser less 1; NaN when the row has none */
INLINE vd close_sum(flavour f, vd sum, vd count, vd m, double cool)
{
    if (f.one) {
        vd zero = all(0.0), s = zero;
        tally(zero, m, weight(zero, m, cool), &s, &count);
        sum += s;
    }
    return sum + (count - 1.0) + (m - m);
}

/* ln(1 + s), s >= 0: above 1 the power of two of 1 + s is split off */
INLINE vd log1p_sum(vd s)
{
    vl small = (vl)(s <= 1.0);
    vu w = (vu)(s + 1.0);
    vd k = (vd)((w >> 52) + 0x4338000000000000) - ROUNDER; /* the bits of 0x1.8p52 */
    vd u = (vd)((w & (((uint64_t)1 << 52) - 1)) | ((uint64_t)1023 << 52)) - 1.0;
    k = (vd)((vl)k & ~small);
    u = pick(small, s, u);
    return log1p_ratio(u, all(1.0)) + k * LN2 + (s - s); /* s - s: NaN stays */
}

/* ---- along a row: lane l of pass g holds elements i with i mod 8 = g LANES + l ---- */

typedef struct norm {
    double max, sum; /* the normaliser is 1 + sum */
} norm;

INLINE double row_max(flavour f, const float *x, int64_t len)
{
    vd top = all(f.one ? 0.0 : -INF);
    for (int64_t i = 0; i < len; i += LANES)
        top = larger(fetch(f, x + i, len - i), top);
    double m = top[0];
    for (int l = 1; l < LANES; l++)
        m = top[l] > m ? top[l] : m;
    return m;
}

/* keep: room for the row's weights rounded up to a whole vector, or NULL */
INLINE norm row_norm(flavour f, double cool, const float *x, int64_t len, double *keep)
{
    double m = row_max(f, x, len), sums[8], counts[8];
    for (int g = 0; g < 8; g += LANES) {
        vd sum = all(0.0), count = sum;
        for (int64_t i = g; i < len; i += 8) {
            vd v = fetch(f, x + i, len - i), e = weight(v, all(m), cool);
            tally(v, all(m), e, &sum, &count);
            if (keep)
                memcpy(keep + i, &e, sizeof e);
        }
        memcpy(sums + g, &sum, sizeof sum);
        memcpy(counts + g, &count, sizeof count);
    }
    return (norm){m, close_sum(f, all(TREE(sums)), all(TREE(counts)), all(m), cool)[0]};
}

/* The weights of up to KEEP elements are kept for the second pass instead of being made again. */
INLINE void softmax_along(flavour f, double cool, const float *x, float *y, int64_t len)
{
    if (len <= KEEP) {
        double keep[KEEP];
        double scale = 1.0 / (row_norm(f, cool, x, len, keep).sum + 1.0);
        for (int64_t i = 0; i < len; i += LANES) {
            vd e;
            memcpy(&e, keep + i, sizeof e);
            store_n(y + i, len - i, e * scale);
        }
    } else {
        norm k = row_norm(f, cool, x, len, NULL);
        double scale = 1.0 / (k.sum + 1.0);
        for (int64_t i = 0; i < len; i += LANES)
            store_n(y + i, len - i, weight(fetch(f, x + i, len - i), all(k.max), cool) * scale);
    }
}

INLINE void log_softmax_along(flavour f, double cool, const float *x, float *y, int64_t len)
{
    norm k = row_norm(f, cool, x, len, NULL);
    double log_norm = log1p_sum(all(k.sum))[0];
    for (int64_t i = 0; i < len; i += LANES)
        store_n(y + i, len - i, (fetch(f, x + i, len - i) - k.max) * cool - log_norm);
}

/* dx = y (dy - <y, dy>)/t */
INLINE void softmax_along_back(double cool, const float *y, const float *dy, float *dx, int64_t len)
{
    double dots[8];
    for (int g = 0; g < 8; g += LANES) {
        vd dot = all(0.0);
        for (int64_t i = g; i < len; i += 8)
            dot += load_n(y + i, len - i, 0.0f) * load_n(dy + i, len - i, 0.0f);
        memcpy(dots + g, &dot, sizeof dot);
    }
    double s = TREE(dots);
    for (int64_t i = 0; i < len; i += LANES)
        store_n(dx + i, len - i,
                load_n(y + i, len - i, 0.0f) * (load_n(dy + i, len - i, 0.0f) - s) * cool);
}

/* dx = (dy - e^y sum(dy))/t */
INLINE void log_softmax_along_back(double cool, const float *y, const float *dy, float *dx,
                                   int64_t len)
{
    double sums[8];
    for (int g = 0; g < 8; g += LANES) {
        vd sum = all(0.0);
        for (int64_t i = g; i < len; i += 8)
            sum += load_n(dy + i, len - i, 0.0f);
        memcpy(sums + g, &sum, sizeof sum);
    }
    double s = TREE(sums);
    for (int64_t i = 0; i < len; i += LANES) {
        vd e = weight(load_n(y + i, len - i, 0.0f), all(0.0), 1.0);
        store_n(dx + i, len - i, (load_n(dy + i, len - i, 0.0f) - e * s) * cool);
    }
}

/* ---- side by side ---- */

INLINE void beside_norm(flavour f, double cool, const float *x, int64_t len, int64_t stride,
                        int64_t n, vd *max, vd *sum)
{
    vd m = all(f.one ? 0.0 : -INF), count = all(0.0), part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        m = larger(fetch(f, x + i * stride, n), m);
    for (int64_t i = 0; i < len; i++) {
        vd v = fetch(f, x + i * stride, n);
        tally(v, m, weight(v, m, cool), &part[i & 7], &count);
    }
    *max = m;
    *sum = close_sum(f, TREE(part), count, m, cool);
}

INLINE void softmax_beside(flavour f, double cool, const float *x, float *y, int64_t len,
                           int64_t stride, int64_t n)
{
    vd max, sum;
    beside_norm(f, cool, x, len, stride, n, &max, &sum);
    vd scale = 1.0 / (sum + 1.0);
    for (int64_t i = 0; i < len; i++)
        store_n(y + i * stride, n, weight(fetch(f, x + i * stride, n), max, cool) * scale);
}

INLINE void log_softmax_beside(flavour f, double cool, const float *x, float *y, int64_t len,
                               int64_t stride, int64_t n)
{
    vd max, sum;
    beside_norm(f, cool, x, len, stride, n, &max, &sum);
    vd log_norm = log1p_sum(sum);
    for (int64_t i = 0; i < len; i++)
        store_n(y + i * stride, n, (fetch(f, x + i * stride, n) - max) * cool - log_norm);
}

INLINE void softmax_beside_back(double cool, const float *y, const float *dy, float *dx,
                                int64_t len, int64_t stride, int64_t n)
{
    vd part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        part[i & 7] += load_n(y + i * stride, n, 0.0f) * load_n(dy + i * stride, n, 0.0f);
    vd dot = TREE(part);
    for (int64_t i = 0; i < len; i++)
        store_n(dx + i * stride, n,
                load_n(y + i * stride, n, 0.0f) * (load_n(dy + i * stride, n, 0.0f) - dot) * cool);
}

INLINE void log_softmax_beside_back(double cool, const float *y, const float *dy, float *dx,
                                    int64_t len, int64_t stride, int64_t n)
{
    vd part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        part[i & 7] += load_n(dy + i * stride, n, 0.0f);
    vd sum = TREE(part);
    for (int64_t i = 0; i < len; i++) {
        vd e = weight(load_n(y + i * stride, n, 0.0f), all(0.0), 1.0);
        store_n(dx + i * stride, n, (load_n(dy + i * stride, n, 0.0f) - e * sum) * cool);
    }
}

/* ---- the kernels: base formula, flip, one ---- */

#define SOFT(k, base, flip, one)                                                                   \
    static void k##_row(const double *p, const float *x, float *y, int64_t len)                    \
    {                                                                                              \
        base##_along((flavour){flip, one}, 1.0 / p[0], x, y, len);                                 \
    }                                                                                              \
    INLINE void k##_lanes(const double *p, const float *x, float *y, int64_t len, int64_t stride,  \
                          int64_t n)                                                               \
    {                                                                                              \
        base##_beside((flavour){flip, one}, 1.0 / p[0], x, y, len, stride, n);                     \
    }                                                                                              \
    static void k##_row_back(const double *p, const float *y, const float *dy, float *dx,          \
                             int64_t len)                                                          \
    {                                                                                              \
        base##_along_back((flip ? -1.0 : 1.0) / p[0], y, dy, dx, len);                             \
    }                                                                                              \
    INLINE void k##_lanes_back(const double *p, const float *y, const float *dy, float *dx,        \
                               int64_t len, int64_t stride, int64_t n)                             \
    {                                                                                              \
        base##_beside_back((flip ? -1.0 : 1.0) / p[0], y, dy, dx, len, stride, n);                 \
    }                                                                                              \
    ROWS(k, k##_row, k##_lanes, k##_row_back, k##_lanes_back)

SOFT(softmax, softmax, 0, 0)
SOFT(log_softmax, log_softmax, 0, 0)
SOFT(softmin, softmax, 1, 0)
SOFT(softmax1, softmax, 0, 1)
