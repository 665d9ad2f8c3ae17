/* sparsemax.isa.c - the projection onto the simplex: y = max(x - c, 0)/t, c such that sum y = 1.
 *
 * An output can be as small as the difference of two inputs of any size, so no sum in floating
 * point will do: with n elements above c, y_i = (t + n x_i - sum x)/(n t), and the numerator is
 * counted exactly, in integers of 256 bits. Only the elements that are above c matter for it; a few
 * passes in double find nearly all that are not (Michelot 1986: the threshold of a set that holds
 * the support never exceeds c), the integers settle the rest. So every output is rounded once from
 * its exact value, and the result depends neither on layout nor on order.
 *
 * -inf gives 0. A row with a NaN, a +inf or nothing but -inf has no projection: all NaN.
 * Parameters: the temperature t. */
#include "activation/rows.h"

/* ---- integers of 256 bits in units of 2^-149, the last place of float32; two's complement ---- */

enum { LIMBS = 4 };

typedef struct wide {
    uint64_t w[LIMBS];
} wide;

INLINE wide plus(wide a, wide b)
{
    wide s;
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t t = a.w[i] + carry;
        carry = t < carry;
        s.w[i] = t + b.w[i];
        carry += s.w[i] < t;
    }
    return s;
}

INLINE wide negative(wide a)
{
    for (int i = 0; i < LIMBS; i++)
        a.w[i] = ~a.w[i];
    return plus(a, (wide){{1}});
}

INLINE int is_positive(wide a)
{
    return a.w[3] >> 63 == 0 && (a.w[0] | a.w[1] | a.w[2] | a.w[3]) != 0;
}

INLINE wide times(wide a, uint64_t n)
{
    wide s;
    unsigned __int128 t = 0;
    for (int i = 0; i < LIMBS; i++) {
        t += (unsigned __int128)a.w[i] * n;
        s.w[i] = (uint64_t)t;
        t >>= 64;
    }
    return s;
}

/* v is a multiple of 2^-149 and below 2^45 */
INLINE wide exactly(double v)
{
    wide a = {{0}};
    uint64_t bits, one = (uint64_t)1 << 52;
    memcpy(&bits, &v, sizeof bits);
    int shift = (int)(bits >> 52 & 2047) - 1075 + 149;
    uint64_t m = (bits & (one - 1)) | one;
    if (v == 0.0)
        return a;
    if (shift < 0) { /* the bits that go are zeros */
        m >>= -shift;
        shift = 0;
    }
    a.w[shift / 64] = m << shift % 64;
    if (shift % 64)
        a.w[shift / 64 + 1] = m >> (64 - shift % 64);
    return bits >> 63 ? negative(a) : a;
}

/* a > 0, to 2^-52 */
INLINE double to_double(wide a)
{
    int top = LIMBS - 1;
    while (a.w[top] == 0)
        top--;
    int up = __builtin_clzll(a.w[top]);
    uint64_t m = a.w[top] << up;
    if (up && top)
        m |= a.w[top - 1] >> (64 - up);
    uint64_t scale = (uint64_t)(1023 - 149 + 64 * top - up) << 52;
    double s;
    memcpy(&s, &scale, sizeof s);
    return (double)m * s;
}

/* ---- a row ---- */

/* ---- a row ---- */

/* x - max for an x that may be above c. Two of those that differ are closer than the spacing of
 * float32 beyond 2^44, for t is at most 10^6. */
INLINE wide below(float x, double max)
{
    return x == max ? (wide){{0}} : plus(exactly(x), negative(exactly(max)));
}

/* A number that c is not below, and nearly c: the threshold of those above the last one, as long as
 * that takes some away. `margin` is more than the sums can be wrong. */
INLINE double lower_bound(const float *x, int64_t len, int64_t stride, double max, double t)
{
    double last, n = (double)len + 1.0, low = -t, slack = (max < 0.0 ? -max : max) * 0x1p-50;
    do {
        double sum = 0.0, from = low + max - slack;
        last = n;
        n = 0.0;
        for (int64_t i = 0; i < len; i++) {
            double v = x[i * stride];
            sum += v > from ? v - max : 0.0;
            n += v > from ? 1.0 : 0.0;
        }
        low = (sum - t) / n - t * n * 0x1p-50;
    } while (n < last);
    return low + max - slack;
}

typedef struct support {
    double low; /* exactly the elements above it are above c */
    int64_t n;  /* how many there are                        */
    wide rest;  /* t - the sum of x - max over them          */
} support;

/* the numerator of y */
INLINE wide excess(const support *s, float x, double max)
{
    return plus(times(below(x, max), (uint64_t)s->n), s->rest);
}

INLINE void add_up(support *s, const float *x, int64_t len, int64_t stride, double max, double t)
{
    wide sum = {{0}};
    s->n = 0;
    for (int64_t i = 0; i < len; i++)
        if (x[i * stride] > s->low) {
            sum = plus(sum, below(x[i * stride], max));
            s->n++;
        }
    s->rest = plus(exactly(t), negative(sum));
}

static support support_of(const float *x, int64_t len, int64_t stride, double max, double t)
{
    support s = {.low = lower_bound(x, len, stride, max, t)};
    for (double next = s.low;; s.low = next) {
        add_up(&s, x, len, stride, max, t);
        for (int64_t i = 0; i < len; i++) {
            float v = x[i * stride];
            if (v > next && !is_positive(excess(&s, v, max)))
                next = v;
        }
        if (next == s.low)
            return s;
    }
}

static void sparsemax_row(const double *p, const float *x, float *y, int64_t len, int64_t stride)
{
    double max = greatest(x, len, stride), t = p[0];
    support s = {.n = 0};
    if (max == max)
        s = support_of(x, len, stride, max, t);
    double scale = (double)s.n * t;
    for (int64_t i = 0; i < len; i++) {
        float v = x[i * stride];
        int on = max == max && v > s.low;
        y[i * stride] = on ? (float)(to_double(excess(&s, v, max)) / scale) : (float)(max - max);
    }
}

/* dx = g - mean of g where y > 0, over t */
static void sparsemax_row_back(const double *p, const float *y, const float *dy, float *dx,
                               int64_t len, int64_t stride)
{
    double sum = 0.0, n = 0.0;
    for (int64_t i = 0; i < len; i++) {
        sum += y[i * stride] > 0.0f ? dy[i * stride] : 0.0;
        n += y[i * stride] > 0.0f ? 1.0 : 0.0;
    }
    for (int64_t i = 0; i < len; i++) {
        float v = y[i * stride];
        dx[i * stride] = v > 0.0f ? (float)((dy[i * stride] - sum / n) / p[0]) : v - v;
    }
}

EACH_ROW(sparsemax)
