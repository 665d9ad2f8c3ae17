/* prims.h - elementary functions on a vector of doubles, for *.isa.c.
 *
 * The one idea: an exponential that will end in a quotient anyway is kept as a fraction,
 *     e^x = 2^k (p + q) / (p - q),   x = k ln2 + r,   q/p = tanh(r/2),
 * so sigmoid, tanh, mish, gelu... pay for five coefficients and ONE division together. Relative
 * errors are 2^-43 or better: a float32 result is then within 0.500002 ULP.
 *
 * Coefficients are minimax fits (Remez exchange, 60 digits, relative error) rounded to double; the
 * maximal error of each fit stands beside it. Arguments must be clamped by the caller to the range
 * given; NaN passes through every function. */
#ifndef AX_ACTIVATION_PRIMS_H
#define AX_ACTIVATION_PRIMS_H

#include "activation/lanes.h"

#define LOG2E 0x1.71547652b82fep+0
#define LN2   0x1.62e42fefa39efp-1
/* x + ROUNDER rounds to the nearest integer k and leaves k + 1023, the exponent field of 2^k, in
 * the lowest bits. */
#define ROUNDER (0x1.8p52 + 1023)

typedef struct reduced {
    vd r, two_k; /* x = k ln2 + r, |r| <= ln2/2 */
} reduced;

/* |x| <= 700. One constant for ln2 is enough: the error of k ln2 is below |x| 2^-53. */
INLINE reduced reduce(vd x)
{
    vd t = x * LOG2E + ROUNDER;
    return (reduced){x - (t - ROUNDER) * LN2, (vd)((vu)t << 52)};
}

typedef struct ratio {
    vd a, b;
} ratio;

/* tanh(r/2) = q/p for |r| <= ln2/2; e^r is then good to 2^-45.3 */
INLINE ratio half_tanh(vd r)
{
    vd w = r * r;
    vd p = (w + 0x1.6851f107e3e5dp+7) * w + 0x1.a4666fa1fe73cp+10;
    vd q = w * 0x1.40369a73678b9p+4 + 0x1.a4666fa1fe568p+9;
    return (ratio){r * q, p};
}

/* e^x = a/b, both positive; |x| <= 700 */
INLINE ratio exp_ratio(vd x)
{
    reduced e = reduce(x);
    ratio h = half_tanh(e.r);
    return (ratio){e.two_k * (h.b + h.a), h.b - h.a};
}

typedef struct expm1_parts {
    vd minus, plus, a, b; /* e^x - 1 = minus/b, e^x + 1 = plus/b, e^x = a/b */
} expm1_parts;

/* Without cancellation: for small x (k = 0) minus is exactly 2q. */
INLINE expm1_parts expm1_ratio(vd x)
{
    reduced e = reduce(x);
    ratio h = half_tanh(e.r);
    vd down = e.two_k - 1.0, up = e.two_k + 1.0;
    return (expm1_parts){down * h.b + up * h.a, up * h.b + down * h.a, e.two_k * (h.b + h.a),
                         h.b - h.a};
}

/* e^x where no division follows; |x| <= 700; 2^-44.0; e^0 = 1 exactly */
INLINE vd exp_poly(vd x)
{
    reduced e = reduce(x);
    vd r = e.r, r2 = r * r, r4 = r2 * r2;
    vd c01 = r * 0x1.555555555ba96p-3 + 0x1.fffffffffe096p-2;
    vd c23 = r * 0x1.111110fb2bae9p-7 + 0x1.55555565b8efbp-5;
    vd c45 = r * 0x1.a01a3789dc004p-13 + 0x1.6c166c07fc9d2p-10;
    vd c67 = r * 0x1.72231cf0f0e41p-19 + 0x1.a136859f2b775p-16;
    vd poly = (c01 + r2 * c23) + r4 * (c45 + r2 * c67);
    return e.two_k * ((r + r2 * poly) + 1.0);
}

/* ln((1+z)/(1-z)) for 0 <= z <= 1/3; 2^-43.8 */
INLINE vd two_atanh(vd z)
{
    vd w = z * z, w2 = w * w, w4 = w2 * w2;
    vd c01 = w * 0x1.555555569d53cp-1 + 0x1.ffffffffffdb4p+0;
    vd c23 = w * 0x1.2492ce5382f9cp-2 + 0x1.999997ba15868p-2;
    vd c45 = w * 0x1.7702bc04091aep-3 + 0x1.c6f84571e5970p-3;
    vd c67 = w * 0x1.9b59b60933169p-3 + 0x1.20080fdde83f1p-3;
    return z * ((c01 + w2 * c23) + w4 * (c45 + w2 * c67));
}

/* ln(1 + u) for 0 <= u <= 1, u = a/b */
INLINE vd log1p_ratio(vd a, vd b)
{
    return two_atanh(a / (a + 2.0 * b));
}

/* ln(1 + e^-|x|), any x */
INLINE vd log1p_exp(vd x)
{
    ratio e = exp_ratio(at_least(minus_magnitude(x), -200.0));
    return log1p_ratio(e.a, e.b);
}

/* any x */
INLINE vd tanh_of(vd x)
{
    expm1_parts e = expm1_ratio(at_most(2.0 * magnitude(x), 40.0));
    return with_sign(e.minus / e.plus, x);
}

/* 1 - tanh^2 = 4 e^-2|x| / (1 + e^-2|x|)^2, any x; 0 in float32 long before the clamp, whatever
 * it is multiplied with */
INLINE vd sech2_of(vd x)
{
    ratio e = exp_ratio(at_least(-2.0 * magnitude(x), -200.0));
    vd s = e.a + e.b;
    return 4.0 * e.a * e.b / (s * s);
}

/* ln cosh x = ln((1 + z)/(1 - z)) with z = tanh^2(x/2), which keeps its digits at 0; from 5/4 on
 * |x| - ln 2 + ln(1 + e^-2|x|); any x */
INLINE vd logcosh_of(vd x)
{
    vd t = magnitude(x);
    expm1_parts e = expm1_ratio(at_least(-t, -110.0));
    vl near = (vl)(t < 1.25);
    vd a2 = e.a * e.a, b2 = e.b * e.b;
    vd over = pick(near, e.minus * e.minus, a2), under = pick(near, e.plus * e.plus, a2 + 2.0 * b2);
    return zero_where(near, t - LN2) + two_atanh(over / under);
}

/* The upper tail of the normal distribution, scaled: for 0 <= t <= 15
 *     P(Z > t) = e^(-t^2/2) a/b;   2^-44.1, and 2^-36 to t = 20
 * a/b is Mills' ratio / sqrt(2 pi). All coefficients are positive: nothing cancels. */
INLINE ratio normal_tail(vd t)
{
    vd a = t * 0x1.988452b4ad82dp-2 + 0x1.09084ff83092fp+3;
    a = a * t + 0x1.4816856ccff03p+6;
    a = a * t + 0x1.efd98a4cfb7fbp+8;
    a = a * t + 0x1.ec04f7433a028p+10;
    a = a * t + 0x1.418d57b34e503p+12;
    a = a * t + 0x1.03790055fb16ep+13;
    a = a * t + 0x1.9e53d4d221024p+12;
    vd b = t + 0x1.4c2b3dc81f43ap+4;
    b = b * t + 0x1.9d328cd18fac9p+7;
    b = b * t + 0x1.3bead706d34b8p+10;
    b = b * t + 0x1.410e1099b3b43p+12;
    b = b * t + 0x1.b8880cd297e11p+13;
    b = b * t + 0x1.8c1ba2c223606p+14;
    b = b * t + 0x1.a8c3f19e381cap+14;
    b = b * t + 0x1.9e53d4d22103ap+13;
    return (ratio){a, b};
}

INLINE vd square_root(vd x)
{
    for (int i = 0; i < LANES; i++)
        x[i] = __builtin_sqrt(x[i]);
    return x;
}

/* A derivative near its irrational root. The plain formula cancels there, so within 2^-6 of the
 * root it is replaced by d * (c1 + c2 d + ...), its Taylor series with d = x - root and the root
 * held to 106 bits (x - hi is exact). The tables are in roots.h, which tells what they leave. */
typedef struct root {
    double hi, lo, c[7];
} root;

/* d: the distance from the root, right to 2^-50 of itself */
INLINE vd at_root(const root *k, vd d, vd plain)
{
    vd s = d * k->c[6] + k->c[5];
    for (int i = 4; i >= 0; i--)
        s = s * d + k->c[i];
    return pick((vl)(magnitude(d) < 0x1p-6), d * s, plain);
}

INLINE vd near_root(const root *k, vd x, vd plain)
{
    return at_root(k, (x - k->hi) - k->lo, plain);
}

#endif
