/* prims.h - elementary functions on a vector of doubles, for *.isa.c.
 *
 * The one idea: an exponential that will end in a quotient anyway is kept as a fraction,
 *     e^x = 2^k (p + q) / (p - q),   x = k ln2 + r,   q/p = tanh(r/2),
 * so sigmoid, tanh, mish, gelu... pay for five coefficients and ONE division together. Relative
 * errors are a few 2^-53, far below the 2^-25 at which a float32 would notice.
 *
 * Coefficients are minimax fits (Remez exchange, 60 digits, relative error) rounded to double; the
 * maximal error of each fit stands beside it. Arguments must be clamped by the caller to the range
 * given; NaN passes through every function. */
#ifndef AX_ACTIVATION_PRIMS_H
#define AX_ACTIVATION_PRIMS_H

#include "activation/lanes.h"

#define LOG2E 0x1.71547652b82fep+0
#define LN2_HI 0x1.62e42fefa3800p-1 /* 42 bits: k * LN2_HI is exact for |k| < 2^11 */
#define LN2_LO 0x1.ef35793c76730p-45
#define ROUNDER 0x1.8p52 /* x + ROUNDER - ROUNDER rounds to the nearest integer */

typedef struct reduced {
    vd r, two_k; /* x = k ln2 + r, |r| <= ln2/2 */
} reduced;

/* |x| <= 700 */
INLINE reduced reduce(vd x)
{
    vd t = x * LOG2E + ROUNDER; /* the low bits of t hold k */
    vd k = t - ROUNDER;
    vu bits = ((vu)t << 52) + ((uint64_t)1023 << 52);
    return (reduced){(x - k * LN2_HI) - k * LN2_LO, (vd)bits};
}

typedef struct ratio {
    vd a, b;
} ratio;

/* tanh(r/2) = q/p for |r| <= ln2/2; 2^-57.5 */
INLINE ratio half_tanh(vd r)
{
    vd w = r * r;
    vd p = w * (w * 0x1.03fc11c1b6564p-10 + 0x1.c7194a4ad12d1p-4) + 1.0;
    vd q = w * (w * 0x1.1530e0ff6c270p-15 + 0x1.c70fd3d5ef831p-7) + 0.5;
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
    vd minus, plus, b; /* e^x - 1 = minus/b, e^x + 1 = plus/b */
} expm1_parts;

/* Without cancellation: for small x (k = 0) minus is exactly 2q. */
INLINE expm1_parts expm1_ratio(vd x)
{
    reduced e = reduce(x);
    ratio h = half_tanh(e.r);
    vd down = e.two_k - 1.0, up = e.two_k + 1.0;
    return (expm1_parts){down * h.b + up * h.a, up * h.b + down * h.a, h.b - h.a};
}

/* e^x where no division follows; |x| <= 700; 2^-56.1 */
INLINE vd exp_poly(vd x)
{
    reduced e = reduce(x);
    vd r = e.r, r2 = r * r, r4 = r2 * r2;
    vd c01 = r * 0x1.555555555554dp-3 + 0x1.0000000000001p-1;
    vd c23 = r * 0x1.1111111114489p-7 + 0x1.5555555553d7dp-5;
    vd c45 = r * 0x1.a01a018c31a14p-13 + 0x1.6c16c178835f6p-10;
    vd c67 = r * 0x1.71de5a3b24ebep-19 + 0x1.a019b929588b8p-16;
    vd c89 = r * 0x1.aeab000e301e1p-26 + 0x1.28916816930b6p-22;
    vd poly = (c01 + r2 * c23) + r4 * ((c45 + r2 * c67) + r4 * c89);
    return e.two_k * ((r + r2 * poly) + 1.0);
}

/* ln(1 + z-fraction): ln((1+z)/(1-z)) = 2 atanh z for 0 <= z <= 1/3; 2^-54.2 */
INLINE vd two_atanh(vd z)
{
    vd w = z * z, w2 = w * w, w4 = w2 * w2;
    vd c01 = w * 0x1.5555555555b17p-1 + 2.0;
    vd c23 = w * 0x1.24924983234b8p-2 + 0x1.99999998c57fbp-2;
    vd c45 = w * 0x1.74629de7d62efp-3 + 0x1.c71c470c954e5p-3;
    vd c67 = w * 0x1.16626e4139a15p-3 + 0x1.3aa4eb35aa112p-3;
    vd c89 = w * 0x1.6c7b981ea5443p-3 + 0x1.9462849ff80f6p-4;
    return z * ((c01 + w2 * c23) + w4 * ((c45 + w2 * c67) + w4 * c89));
}

/* ln(1 + u) for 0 <= u <= 1, u = a/b */
INLINE vd log1p_ratio(vd a, vd b)
{
    return two_atanh(a / (a + 2.0 * b));
}

/* The upper tail of the normal distribution, scaled: for 0 <= t <= 15
 *     P(Z > t) = e^(-t^2/2) a/b;   2^-51.0
 * a/b is Mills' ratio / sqrt(2 pi). All coefficients are positive: nothing cancels. */
INLINE ratio normal_tail(vd t)
{
    vd n = t * 0x1.6588838763704p-18 + 0x1.143bee7f5c381p-13;
    n = n * t + 0x1.9a8b2536a323bp-10;
    n = n * t + 0x1.7ae17bd602fd7p-7;
    n = n * t + 0x1.d88894f47e564p-5;
    n = n * t + 0x1.979a0ec042cf1p-3;
    n = n * t + 0x1.dd300a7d1bfaep-2;
    n = n * t + 0x1.5ed80dcf707cap-1;
    n = n * t + 0.5;
    vd d = t * 0x1.c019fae5bb616p-17 + 0x1.5a354712becb6p-12;
    d = d * t + 0x1.02252ba9fdd21p-8;
    d = d * t + 0x1.e044283f341acp-6;
    d = d * t + 0x1.3019ea9c13019p-3;
    d = d * t + 0x1.0dedbcbb45ddap-1;
    d = d * t + 0x1.4e10cfc3d73c4p+0;
    d = d * t + 0x1.14c03035dd0afp+1;
    d = d * t + 0x1.158d1bb709195p+1;
    d = d * t + 1.0;
    return (ratio){n, d};
}

/* A derivative f' near its irrational root. The plain formula cancels there, so within 2^-6 of the
 * root it is replaced by d * (c1 + c2 d + ...), the Taylor series of f' with d = x - root and the
 * root held to 106 bits (x - hi is exact). Seven terms leave 2^-49. */
typedef struct root {
    double hi, lo, c[7];
} root;

INLINE vd near_root(const root *k, vd x, vd plain)
{
    vd d = (x - k->hi) - k->lo;
    vd s = d * k->c[6] + k->c[5];
    for (int i = 4; i >= 0; i--)
        s = s * d + k->c[i];
    return pick((vl)(magnitude(d) < 0x1p-6), d * s, plain);
}

#endif
