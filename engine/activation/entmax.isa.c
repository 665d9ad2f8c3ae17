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
#include "activation/rows.h"

/* ---- pairs: hi + lo, |lo| <= ulp(hi)/2 ---- */

typedef struct twin {
    double hi, lo;
} twin;

/* Knuth 1969: exact */
INLINE twin sum_of(double a, double b)
{
    double s = a + b, t = s - a;
    return (twin){s, (a - (s - t)) + (b - t)};
}

/* Dekker 1971: exact */
INLINE twin square_of(double a)
{
    double big = a * 0x1.0000002p27, hi = big - (big - a), lo = a - hi, q = a * a;
    return (twin){q, ((hi * hi - q) + 2.0 * hi * lo) + lo * lo};
}

INLINE twin add(twin a, twin b)
{
    twin s = sum_of(a.hi, b.hi), l = sum_of(a.lo, b.lo);
    s = sum_of(s.hi, s.lo + l.hi);
    return sum_of(s.hi, s.lo + l.lo);
}

INLINE twin square(twin a)
{
    twin q = square_of(a.hi);
    return sum_of(q.hi, q.lo + (2.0 * a.hi) * a.lo);
}

INLINE twin minus(twin a)
{
    return (twin){-a.hi, -a.lo};
}

/* ---- a row ---- */

#define NEAR 0x1p-30 /* where single doubles decide, times r */

/* r^2 = sum of (e - u)^2 over e > u, in doubles, from the left */
INLINE double climb(const float *x, int64_t len, int64_t stride, double max, double r)
{
    for (double u = -r;;) {
        double squares = 0.0, sum = 0.0;
        for (int64_t i = 0; i < len; i++) {
            double w = x[i * stride] - max - u;
            w = w > 0.0 ? w : 0.0;
            squares += w * w;
            sum += w;
        }
        double next = u + (squares - r * r) / (2.0 * sum);
        if (!(next > u))
            return u;
        u = next;
    }
}

/* e - u: e = x - max is exact */
INLINE twin above(float x, double max, twin u)
{
    return add(sum_of(x, -max), minus(u));
}

/* One more step, u held to 106 bits. */
INLINE double step_from(const float *x, int64_t len, int64_t stride, double max, double r, twin u)
{
    twin gap = minus(square_of(r));
    double sum = 0.0;
    for (int64_t i = 0; i < len; i++) {
        if (x[i * stride] - max < u.hi - r * NEAR)
            continue;
        twin w = above(x[i * stride], max, u);
        if (w.hi > 0.0) {
            gap = add(gap, square(w));
            sum += w.hi;
        }
    }
    return gap.hi / (2.0 * sum);
}

/* What a step leaves is below its square times the length. */
static twin root_of(const float *x, int64_t len, int64_t stride, double max, double r)
{
    twin u = {climb(x, len, stride, max, r), 0.0};
    double step = r;
    for (int i = 0; i < 5 && (step < 0.0 ? -step : step) > r * 0x1p-64; i++) {
        step = step_from(x, len, stride, max, r, u);
        u = add(u, (twin){step, 0.0});
    }
    return u;
}

static void entmax15_row(const double *p, const float *x, float *y, int64_t len, int64_t stride)
{
    double max = greatest(x, len, stride), r = 2.0 * p[0];
    twin u = {0.0, 0.0};
    if (max == max)
        u = root_of(x, len, stride, max, r);
    for (int64_t i = 0; i < len; i++) {
        double w = max - max;
        if (x[i * stride] - max > u.hi - r * NEAR) /* never when max is NaN */
            w = above(x[i * stride], max, u).hi / r;
        y[i * stride] = w < 0.0 ? 0.0f : (float)(w * w);
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
