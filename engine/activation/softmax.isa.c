/* softmax.isa.c - softmax and log_softmax over rows.
 *
 * Everything is counted in doubles and rounded once. A sum over a row is always made of eight
 * partial sums (element i goes to sum i mod 8) added in one fixed tree, however the row lies in
 * memory and however wide the vectors are, so all layouts and instruction sets give the same bits.
 * Rows that touch (inner == 1) run eight elements at a time, strided ones eight rows at a time.
 *
 * The exponentials of the row's maximum are left out of the sum and counted: with s the sum of the
 * others plus (count - 1), the normaliser is 1 + s and log_softmax = (x - max) - log1p(s) keeps its
 * relative accuracy when one element dwarfs all others.
 *
 * -inf gives weight 0. A row with a NaN, a +inf, or nothing but -inf has no softmax: all NaN. */
#include "activation/prims.h"

#define OCT (8 / LANES) /* vectors that hold eight doubles */
#define KEEP 4096       /* longest row whose exponentials are kept for the second pass */

typedef struct oct {
    vd v[OCT];
} oct;

INLINE oct oct_all(double c)
{
    oct r;
    for (int g = 0; g < OCT; g++)
        r.v[g] = all(c);
    return r;
}

/* n >= 1 elements of p, eight at most; `pad` in the lanes behind them */
INLINE oct oct_load(const float *p, int64_t n, float pad)
{
    float t[8];
    if (n < 8) {
        for (int i = 0; i < 8; i++)
            t[i] = pad;
        memcpy(t, p, (size_t)n * sizeof *t);
        p = t;
    }
    oct r;
    for (int g = 0; g < OCT; g++)
        r.v[g] = load(p + g * LANES);
    return r;
}

INLINE void oct_store(float *p, int64_t n, oct a)
{
    float t[8], *to = n < 8 ? t : p;
    for (int g = 0; g < OCT; g++)
        store(to + g * LANES, a.v[g]);
    if (n < 8)
        memcpy(p, t, (size_t)n * sizeof *t);
}

INLINE double oct_sum(oct a)
{
    double s[8];
    memcpy(s, &a, sizeof s);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

INLINE vd vmax(vd a, vd b)
{
    return pick((vl)(a > b), a, b); /* b when a is NaN */
}

INLINE double oct_max(oct a)
{
    double s[8], m;
    memcpy(s, &a, sizeof s);
    m = s[0];
    for (int i = 1; i < 8; i++)
        m = s[i] > m ? s[i] : m;
    return m;
}

/* e^(x - m), 0 for -inf; NaN when m is infinite or x is NaN (e^-200 is 0 to every float32 result) */
INLINE vd weight(vd x, vd m)
{
    vd e = exp_poly(at_least(x - m, -200.0));
    return (vd)((vl)e & ~(vl)(x == -__builtin_inf()));
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
    vd k = (vd)((w >> 52) + (((uint64_t)1075 << 52) - 1023 + ((uint64_t)1 << 51))) - ROUNDER;
    vd u = (vd)((w & (((uint64_t)1 << 52) - 1)) | ((uint64_t)1023 << 52)) - 1.0;
    k = (vd)((vl)k & ~small);
    u = pick(small, s, u);
    return log1p_ratio(u, all(1.0)) + k * (LN2_HI + LN2_LO) + (s - s); /* s - s: NaN stays */
}

/* ---- rows that touch ---- */

typedef struct norm {
    double max, sum; /* the normaliser is 1 + sum; sum is NaN when the row has none */
} norm;

/* keep: room for the row's weights rounded up to eights, or NULL */
INLINE norm row_norm(const float *x, int64_t len, double *keep)
{
    oct top = oct_all(-__builtin_inf()), sum = oct_all(0.0), count = sum;
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(x + i, len - i, -__builtin_inff());
        for (int g = 0; g < OCT; g++)
            top.v[g] = vmax(a.v[g], top.v[g]);
    }
    double m = oct_max(top);
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(x + i, len - i, -__builtin_inff());
        for (int g = 0; g < OCT; g++) {
            vd e = weight(a.v[g], all(m));
            tally(a.v[g], all(m), e, &sum.v[g], &count.v[g]);
            if (keep)
                memcpy(keep + i + g * LANES, &e, sizeof e);
        }
    }
    return (norm){m, oct_sum(sum) + (oct_sum(count) - 1.0) + (m - m)};
}

static void softmax_row(const float *x, float *y, int64_t len)
{
    double keep[KEEP];
    int kept = len <= KEEP;
    norm k = kept ? row_norm(x, len, keep) : row_norm(x, len, NULL);
    double scale = 1.0 / (k.sum + 1.0);
    for (int64_t i = 0; i < len; i += 8) {
        oct e;
        if (kept) {
            memcpy(&e, keep + i, sizeof e);
        } else {
            e = oct_load(x + i, len - i, -__builtin_inff());
            for (int g = 0; g < OCT; g++)
                e.v[g] = weight(e.v[g], all(k.max));
        }
        for (int g = 0; g < OCT; g++)
            e.v[g] = e.v[g] * scale;
        oct_store(y + i, len - i, e);
    }
}

static void log_softmax_row(const float *x, float *y, int64_t len)
{
    norm k = row_norm(x, len, NULL);
    double log_norm = log1p_sum(all(k.sum))[0];
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(x + i, len - i, 0.0f);
        for (int g = 0; g < OCT; g++)
            a.v[g] = (a.v[g] - k.max) - log_norm;
        oct_store(y + i, len - i, a);
    }
}

/* dx = y (dy - <y, dy>) */
static void softmax_row_back(const float *y, const float *dy, float *dx, int64_t len)
{
    oct dot = oct_all(0.0);
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(y + i, len - i, 0.0f), d = oct_load(dy + i, len - i, 0.0f);
        for (int g = 0; g < OCT; g++)
            dot.v[g] += a.v[g] * d.v[g];
    }
    double s = oct_sum(dot);
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(y + i, len - i, 0.0f), d = oct_load(dy + i, len - i, 0.0f);
        for (int g = 0; g < OCT; g++)
            d.v[g] = a.v[g] * (d.v[g] - s);
        oct_store(dx + i, len - i, d);
    }
}

/* dx = dy - e^y sum(dy) */
static void log_softmax_row_back(const float *y, const float *dy, float *dx, int64_t len)
{
    oct sum = oct_all(0.0);
    for (int64_t i = 0; i < len; i += 8) {
        oct d = oct_load(dy + i, len - i, 0.0f);
        for (int g = 0; g < OCT; g++)
            sum.v[g] += d.v[g];
    }
    double s = oct_sum(sum);
    for (int64_t i = 0; i < len; i += 8) {
        oct a = oct_load(y + i, len - i, 0.0f), d = oct_load(dy + i, len - i, 0.0f);
        for (int g = 0; g < OCT; g++)
            d.v[g] = d.v[g] - weight(a.v[g], all(0.0)) * s;
        oct_store(dx + i, len - i, d);
    }
}

/* ---- strided rows: lane = row, element i of all eight rows at once; n of them are real ---- */

/* eight partial sums per lane, as in oct_sum */
INLINE vd tree(const vd s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

INLINE void lanes_norm(const float *x, int64_t len, int64_t stride, int64_t n, oct *max, oct *sum)
{
    vd part[OCT][8] = {{{0}}};
    oct count = oct_all(0.0);
    *max = oct_all(-__builtin_inf());
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(x + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            max->v[g] = vmax(a.v[g], max->v[g]);
    }
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(x + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            tally(a.v[g], max->v[g], weight(a.v[g], max->v[g]), &part[g][i & 7], &count.v[g]);
    }
    for (int g = 0; g < OCT; g++)
        sum->v[g] = tree(part[g]) + (count.v[g] - 1.0) + (max->v[g] - max->v[g]);
}

static void softmax_lanes(const float *x, float *y, int64_t len, int64_t stride, int64_t n)
{
    oct max, sum;
    lanes_norm(x, len, stride, n, &max, &sum);
    for (int g = 0; g < OCT; g++)
        sum.v[g] = 1.0 / (sum.v[g] + 1.0);
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(x + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            a.v[g] = weight(a.v[g], max.v[g]) * sum.v[g];
        oct_store(y + i * stride, n, a);
    }
}

static void log_softmax_lanes(const float *x, float *y, int64_t len, int64_t stride, int64_t n)
{
    oct max, sum;
    lanes_norm(x, len, stride, n, &max, &sum);
    for (int g = 0; g < OCT; g++)
        sum.v[g] = log1p_sum(sum.v[g]);
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(x + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            a.v[g] = (a.v[g] - max.v[g]) - sum.v[g];
        oct_store(y + i * stride, n, a);
    }
}

static void softmax_lanes_back(const float *y, const float *dy, float *dx, int64_t len,
                               int64_t stride, int64_t n)
{
    vd part[OCT][8] = {{{0}}};
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(y + i * stride, n, 0.0f), d = oct_load(dy + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            part[g][i & 7] += a.v[g] * d.v[g];
    }
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(y + i * stride, n, 0.0f), d = oct_load(dy + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            d.v[g] = a.v[g] * (d.v[g] - tree(part[g]));
        oct_store(dx + i * stride, n, d);
    }
}

static void log_softmax_lanes_back(const float *y, const float *dy, float *dx, int64_t len,
                                   int64_t stride, int64_t n)
{
    vd part[OCT][8] = {{{0}}};
    for (int64_t i = 0; i < len; i++) {
        oct d = oct_load(dy + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            part[g][i & 7] += d.v[g];
    }
    for (int64_t i = 0; i < len; i++) {
        oct a = oct_load(y + i * stride, n, 0.0f), d = oct_load(dy + i * stride, n, 0.0f);
        for (int g = 0; g < OCT; g++)
            d.v[g] = d.v[g] - weight(a.v[g], all(0.0)) * tree(part[g]);
        oct_store(dx + i * stride, n, d);
    }
}

/* ---- both ---- */

#define ROWS(k)                                                                                    \
    static void k##_forward(const float *x, float *y, int64_t outer, int64_t len, int64_t inner)   \
    {                                                                                              \
        for (int64_t o = 0; o < outer; o++, x += len * inner, y += len * inner)                    \
            if (inner == 1)                                                                        \
                k##_row(x, y, len);                                                                \
            else                                                                                   \
                for (int64_t c = 0; c < inner; c += 8)                                             \
                    k##_lanes(x + c, y + c, len, inner, inner - c);                                \
    }                                                                                              \
    static void k##_backward(const float *y, const float *dy, float *dx, int64_t outer,            \
                             int64_t len, int64_t inner)                                           \
    {                                                                                              \
        int64_t step = len * inner;                                                                \
        for (int64_t o = 0; o < outer; o++, y += step, dy += step, dx += step)                     \
            if (inner == 1)                                                                        \
                k##_row_back(y, dy, dx, len);                                                      \
            else                                                                                   \
                for (int64_t c = 0; c < inner; c += 8)                                             \
                    k##_lanes_back(y + c, dy + c, dx + c, len, inner, inner - c);                  \
    }                                                                                              \
    extern const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA);                                           \
    const ax_act_vector AX_ACT_SYMBOL(k, AX_ISA) = {k##_forward, k##_backward};

ROWS(softmax)
ROWS(log_softmax)
