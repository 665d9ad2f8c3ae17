/* softmax.isa.c - softmax and log_softmax over rows.
 *
 * Everything is counted in doubles and rounded once. A sum over a row is always made of eight
 * partial sums (element i goes to sum i mod 8) added in one fixed tree, however the row lies in
 * memory and however wide the vectors are, so all layouts and instruction sets give the same bits.
 * Long rows whose elements touch run along the row; strided rows, and short ones after a local
 * transposition, run side by side, one row per lane.
 *
 * The exponentials of the row's maximum are left out of the sum and counted: with s the sum of the
 * others plus (count - 1), the normaliser is 1 + s and log_softmax = (x - max) - log1p(s) keeps its
 * relative accuracy when one element dwarfs all others.
 *
 * -inf gives weight 0. A row with a NaN, a +inf, or nothing but -inf has no softmax: all NaN. */
#include "activation/prims.h"

#define KEEP  4096 /* weights that are kept for the second pass instead of being made again */
#define SHORT 64   /* rows up to here are transposed */
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

/* eight partial sums become one, always in this order */
#define TREE(s) (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))

/* e^(x - m), 0 for -inf; NaN when m is infinite or x is NaN (e^-200 is 0 to every float32 result)
 */
INLINE vd weight(vd x, vd m)
{
    vd e = exp_poly(at_least(x - m, -200.0));
    return (vd)((vl)e & ~(vl)(x == -INF));
}

/* weights that are not the maximum's go to `sum`, the others are counted */
INLINE void tally(vd x, vd m, vd e, vd *sum, vd *count)
{
    vl top = (vl)(x == m);
    *sum += (vd)((vl)e & ~top);
    *count += (vd)((vl)all(1.0) & top);
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
    double max, sum; /* the normaliser is 1 + sum; sum is NaN when the row has none */
} norm;

static double row_max(const float *x, int64_t len)
{
    vd top = all(-INF);
    for (int64_t i = 0; i < len; i += LANES)
        top = larger(load_n(x + i, len - i, -__builtin_inff()), top);
    double m = top[0];
    for (int l = 1; l < LANES; l++)
        m = top[l] > m ? top[l] : m;
    return m;
}

/* keep: room for the row's weights rounded up to a whole vector, or NULL */
INLINE norm row_norm(const float *x, int64_t len, double *keep)
{
    double m = row_max(x, len), sums[8], counts[8];
    for (int g = 0; g < 8; g += LANES) {
        vd sum = all(0.0), count = sum;
        for (int64_t i = g; i < len; i += 8) {
            vd v = load_n(x + i, len - i, -__builtin_inff()), e = weight(v, all(m));
            tally(v, all(m), e, &sum, &count);
            if (keep)
                memcpy(keep + i, &e, sizeof e);
        }
        memcpy(sums + g, &sum, sizeof sum);
        memcpy(counts + g, &count, sizeof count);
    }
    return (norm){m, TREE(sums) + (TREE(counts) - 1.0) + (m - m)};
}

static void softmax_row(const float *x, float *y, int64_t len)
{
    if (len <= KEEP) {
        double keep[KEEP];
        double scale = 1.0 / (row_norm(x, len, keep).sum + 1.0);
        for (int64_t i = 0; i < len; i += LANES) {
            vd e;
            memcpy(&e, keep + i, sizeof e);
            store_n(y + i, len - i, e * scale);
        }
    } else {
        norm k = row_norm(x, len, NULL);
        double scale = 1.0 / (k.sum + 1.0);
        for (int64_t i = 0; i < len; i += LANES)
            store_n(y + i, len - i, weight(load_n(x + i, len - i, 0.0f), all(k.max)) * scale);
    }
}

static void log_softmax_row(const float *x, float *y, int64_t len)
{
    norm k = row_norm(x, len, NULL);
    double log_norm = log1p_sum(all(k.sum))[0];
    for (int64_t i = 0; i < len; i += LANES)
        store_n(y + i, len - i, (load_n(x + i, len - i, 0.0f) - k.max) - log_norm);
}

/* dx = y (dy - <y, dy>) */
static void softmax_row_back(const float *y, const float *dy, float *dx, int64_t len)
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
                load_n(y + i, len - i, 0.0f) * (load_n(dy + i, len - i, 0.0f) - s));
}

/* dx = dy - e^y sum(dy) */
static void log_softmax_row_back(const float *y, const float *dy, float *dx, int64_t len)
{
    double sums[8];
    for (int g = 0; g < 8; g += LANES) {
        vd sum = all(0.0);
        for (int64_t i = g; i < len; i += 8)
            sum += load_n(dy + i, len - i, 0.0f);
        memcpy(sums + g, &sum, sizeof sum);
    }
    double s = TREE(sums);
    for (int64_t i = 0; i < len; i += LANES)
        store_n(dx + i, len - i,
                load_n(dy + i, len - i, 0.0f) - weight(load_n(y + i, len - i, 0.0f), all(0.0)) * s);
}

/* ---- side by side: one row per lane, n of them real, their elements `stride` apart ---- */

INLINE void lanes_norm(const float *x, int64_t len, int64_t stride, int64_t n, vd *max, vd *sum)
{
    vd m = all(-INF), count = all(0.0), part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        m = larger(load_n(x + i * stride, n, 0.0f), m);
    for (int64_t i = 0; i < len; i++) {
        vd v = load_n(x + i * stride, n, 0.0f);
        tally(v, m, weight(v, m), &part[i & 7], &count);
    }
    *max = m;
    *sum = TREE(part) + (count - 1.0) + (m - m);
}

INLINE void softmax_lanes(const float *x, float *y, int64_t len, int64_t stride, int64_t n)
{
    vd max, sum;
    lanes_norm(x, len, stride, n, &max, &sum);
    vd scale = 1.0 / (sum + 1.0);
    for (int64_t i = 0; i < len; i++)
        store_n(y + i * stride, n, weight(load_n(x + i * stride, n, 0.0f), max) * scale);
}

INLINE void log_softmax_lanes(const float *x, float *y, int64_t len, int64_t stride, int64_t n)
{
    vd max, sum;
    lanes_norm(x, len, stride, n, &max, &sum);
    vd log_norm = log1p_sum(sum);
    for (int64_t i = 0; i < len; i++)
        store_n(y + i * stride, n, (load_n(x + i * stride, n, 0.0f) - max) - log_norm);
}

INLINE void softmax_lanes_back(const float *y, const float *dy, float *dx, int64_t len,
                               int64_t stride, int64_t n)
{
    vd part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        part[i & 7] += load_n(y + i * stride, n, 0.0f) * load_n(dy + i * stride, n, 0.0f);
    vd dot = TREE(part);
    for (int64_t i = 0; i < len; i++)
        store_n(dx + i * stride, n,
                load_n(y + i * stride, n, 0.0f) * (load_n(dy + i * stride, n, 0.0f) - dot));
}

INLINE void log_softmax_lanes_back(const float *y, const float *dy, float *dx, int64_t len,
                                   int64_t stride, int64_t n)
{
    vd part[8] = {{0}};
    for (int64_t i = 0; i < len; i++)
        part[i & 7] += load_n(dy + i * stride, n, 0.0f);
    vd sum = TREE(part);
    for (int64_t i = 0; i < len; i++)
        store_n(dx + i * stride, n,
                load_n(dy + i * stride, n, 0.0f) -
                    weight(load_n(y + i * stride, n, 0.0f), all(0.0)) * sum);
}

/* ---- choice of way ---- */

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

typedef void along_fn(const float *x, float *y, int64_t len);
typedef void beside_fn(const float *x, float *y, int64_t len, int64_t stride, int64_t n);
typedef void along_back_fn(const float *y, const float *dy, float *dx, int64_t len);
typedef void beside_back_fn(const float *y, const float *dy, float *dx, int64_t len, int64_t stride,
                            int64_t n);

INLINE void rows(along_fn *along, beside_fn *beside, const float *x, float *y, int64_t outer,
                 int64_t len, int64_t inner)
{
    float t[SHORT * LANES];
    int64_t o = 0;
    if (inner == 1 && len <= SHORT)
        for (; outer - o >= LANES; o += LANES) {
            interleave(x + o * len, t, len);
            beside(t, t, len, LANES, LANES);
            deinterleave(t, y + o * len, len);
        }
    for (; o < outer; o++)
        if (inner == 1)
            along(x + o * len, y + o * len, len);
        else
            for (int64_t c = 0; c < inner; c += LANES)
                beside(x + o * len * inner + c, y + o * len * inner + c, len, inner, inner - c);
}

INLINE void rows_back(along_back_fn *along, beside_back_fn *beside, const float *y, const float *dy,
                      float *dx, int64_t outer, int64_t len, int64_t inner)
{
    float t[SHORT * LANES], d[SHORT * LANES];
    int64_t o = 0;
    if (inner == 1 && len <= SHORT)
        for (; outer - o >= LANES; o += LANES) {
            interleave(y + o * len, t, len);
            interleave(dy + o * len, d, len);
            beside(t, d, d, len, LANES, LANES);
            deinterleave(d, dx + o * len, len);
        }
    for (; o < outer; o++) {
        int64_t at = o * len * inner;
        if (inner == 1)
            along(y + at, dy + at, dx + at, len);
        else
            for (int64_t c = 0; c < inner; c += LANES)
                beside(y + at + c, dy + at + c, dx + at + c, len, inner, inner - c);
    }
}

#define ROWS(k)                                                                                    \
    static void k##_forward(const float *x, float *y, int64_t outer, int64_t len, int64_t inner)   \
    {                                                                                              \
        rows(k##_row, k##_lanes, x, y, outer, len, inner);                                         \
    }                                                                                              \
    static void k##_backward(const float *y, const float *dy, float *dx, int64_t outer,            \
                             int64_t len, int64_t inner)                                           \
    {                                                                                              \
        rows_back(k##_row_back, k##_lanes_back, y, dy, dx, outer, len, inner);                     \
    }                                                                                              \
    extern const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA);                                           \
    const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA) = {k##_forward, k##_backward};

ROWS(softmax)
ROWS(log_softmax)
