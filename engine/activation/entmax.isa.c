/* entmax.isa.c - entmax with alpha 1.5, between softmax and sparsemax: y = max((x - c)/(2t), 0)^2,
 * c such that sum y = 1 (Peters, Niculae, Martins 2019).
 *
 * With e = x - max, r = 2t and u = c - max in [-r, 0), u solves sum max(e - u, 0)^2 = r^2. The left
 * side is convex and falls, so Newton's method from u = -r climbs to the root and never passes it.
 * An output is the square of a difference that may cancel: for the smallest float32 to come out
 * right u has to be good to 2^-89, so the last steps count in pairs of doubles (106 bits).
 *
 * -inf gives 0. A row with a NaN, a +inf or nothing but -inf has no value: all NaN.
 * Parameters: the temperature t. */
#include "activation/pairs.h"
#include "activation/rows.h"

#define NEAR 0x1p-30 /* where single doubles decide, times r */

/* elements i to i + LANES - 1 of a row; -inf, which counts for nothing, behind its end */
INLINE vd some(const float *x, int64_t i, int64_t len, int64_t stride)
{
    const float none = -__builtin_inff();
    if (stride == 1)
        return load_n(x + i, len - i, none);
    float t[LANES];
    for (int l = 0; l < LANES; l++)
        t[l] = i + l < len ? x[(i + l) * stride] : none;
    return load(t);
}

/* r^2 = sum of (e - u)^2 over e > u, in doubles, from the left */
INLINE double climb(const float *x, int64_t len, int64_t stride, double max, double r)
{
    for (double u = -r;;) {
        double squares[8], sums[8];
        for (int g = 0; g < 8; g += LANES) {
            vd square = all(0.0), sum = square;
            for (int64_t i = g; i < len; i += 8) {
                vd w = at_least(some(x, i, len, stride) - max - u, 0.0);
                square += w * w;
                sum += w;
            }
            memcpy(squares + g, &square, sizeof square);
            memcpy(sums + g, &sum, sizeof sum);
        }
        double next = u + (TREE(squares) - r * r) / (2.0 * TREE(sums));
        if (!(next > u))
            return u;
        u = next;
    }
}

/* e - u, e = x - max being exact; `on` is where it may be above 0 */
INLINE pair above(vd x, double max, pair u, double r, vl *on)
{
    *on = (vl)(x - max > u.hi - r * NEAR);
    return pair_add(two_sum(x, all(-max)), (pair){-u.hi, -u.lo});
}

INLINE pair tree_of_pairs(const double *hi, const double *lo)
{
    pair s[8];
    for (int i = 0; i < 8; i++)
        s[i] = (pair){all(hi[i]), all(lo[i])};
    for (int n = 4; n; n /= 2)
        for (int i = 0; i < n; i++)
            s[i] = pair_add(s[i], s[i + n]);
    return s[0];
}

/* One more step, everything held to 106 bits. */
INLINE double step_from(const float *x, int64_t len, int64_t stride, double max, double r, pair u)
{
    double hi[8], lo[8], sums[8];
    for (int g = 0; g < 8; g += LANES) {
        vd sum = all(0.0);
        pair gap = {sum, sum};
        for (int64_t i = g; i < len; i += 8) {
            vl on;
            pair w = above(some(x, i, len, stride), max, u, r, &on);
            on &= (vl)(w.hi + w.lo > 0.0);
            pair q = two_product(w.hi, w.hi);
            q.lo += (2.0 * w.hi + w.lo) * w.lo;
            gap = pair_add(gap, (pair){(vd)((vl)q.hi & on), (vd)((vl)q.lo & on)});
            sum += (vd)((vl)w.hi & on);
        }
        memcpy(hi + g, &gap.hi, sizeof gap.hi);
        memcpy(lo + g, &gap.lo, sizeof gap.lo);
        memcpy(sums + g, &sum, sizeof sum);
    }
    pair r2 = two_product(all(r), all(r)), gap = tree_of_pairs(hi, lo);
    gap = pair_add(gap, (pair){-r2.hi, -r2.lo});
    return (gap.hi + gap.lo)[0] / (2.0 * TREE(sums));
}

/* What a step leaves is below its square times the length. */
static pair root_of(const float *x, int64_t len, int64_t stride, double max, double r)
{
    pair u = {all(climb(x, len, stride, max, r)), all(0.0)};
    double step = r;
    for (int i = 0; i < 5 && (step < 0.0 ? -step : step) > r * 0x1p-64; i++) {
        step = step_from(x, len, stride, max, r, u);
        u = pair_add(u, (pair){all(step), all(0.0)});
    }
    return u;
}

static void entmax15_row(const double *p, const float *x, float *y, int64_t len, int64_t stride)
{
    double max = greatest(x, len, stride), r = 2.0 * p[0];
    pair u = {all(max), all(max)};
    if (max == max)
        u = root_of(x, len, stride, max, r);
    for (int64_t i = 0; i < len; i += LANES) {
        vl on;
        pair w = above(some(x, i, len, stride), max, u, r, &on);
        vd v = (vd)((vl)at_least((w.hi + w.lo) / r, 0.0) & on);
        float t[LANES];
        store(t, v * v + (max - max));
        for (int l = 0; l < LANES && i + l < len; l++)
            y[(i + l) * stride] = t[l];
    }
}

/* dx = s (g - sum s g / sum s)/t, s = sqrt(y) */
static void entmax15_row_back(const double *p, const float *y, const float *dy, float *dx,
                              int64_t len, int64_t stride)
{
    double sum = 0.0, dot = 0.0;
    for (int64_t i = 0; i < len; i++) {
        double s = __builtin_sqrt(y[i * stride]);
        sum += s;
        dot += s * dy[i * stride];
    }
    double mean = dot / sum;
    for (int64_t i = 0; i < len; i++) {
        double s = __builtin_sqrt(y[i * stride]);
        dx[i * stride] = (float)(s * (dy[i * stride] - mean) / p[0]);
    }
}

EACH_ROW(entmax15)
