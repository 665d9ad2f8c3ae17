/* prims_full.h - elementary functions of every double, for *.isa.c.
 *
 * Unlike those of prims.h, which kernels feed with clamped arguments and whose fractions they end
 * in a division of their own, these take whatever comes: infinities, zeros of either sign,
 * subnormal numbers, arguments outside the domain (NaN), and give a value. Relative errors are
 * 2^-41 or better, also where the result is tiny. NaN passes through.
 *
 * The polynomials are made by fits.py; the error of each fit stands beside it. */
#ifndef AX_ACTIVATION_PRIMS_FULL_H
#define AX_ACTIVATION_PRIMS_FULL_H

#include "activation/prims.h"

/* c[0] + c[1] w + ... */
INLINE vd polynomial(vd w, const double *c, int n)
{
    vd s = all(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        s = s * w + c[i];
    return s;
}

/* ---- exponentials ---- */

/* e^x as a square, so that it overflows and underflows where it should */
INLINE vd exp_full(vd x)
{
    vd h = exp_poly(at_least(at_most(0.5 * x, 400.0), -400.0));
    return h * h;
}

/* e^x - 1; from 40 on the 1 does not matter */
INLINE vd expm1_full(vd x)
{
    expm1_parts e = expm1_ratio(at_least(at_most(x, 40.0), -40.0));
    return with_sign(magnitude(pick((vl)(x > 40.0), exp_full(x), e.minus / e.b)), x);
}

/* ---- logarithms ---- */

typedef struct scaled {
    vd m, k; /* x = m 2^k, sqrt(1/2) <= m < sqrt(2) */
} scaled;

#define BITS_1    0x3ff0000000000000u
#define BITS_HALF 0x3fe6a09e667f3bcdu /* of sqrt(1/2) */

/* x > 0 and finite, subnormal too */
INLINE scaled split(vd x)
{
    vl tiny = (vl)(x < 0x1p-1022);
    vu up = (vu)pick(tiny, x * 0x1p54, x) + (BITS_1 - BITS_HALF);
    vd exponent = (vd)(up >> 52 | 0x4330000000000000u) - 0x1p52;
    return (scaled){(vd)((up & 0xfffffffffffffu) + BITS_HALF),
                    exponent - pick(tiny, all(1023.0 + 54.0), all(1023.0))};
}

/* ln(2^k (1 + m)); both terms have one sign, or the first is 0 or outweighs the second */
INLINE vd log_sum(vd k, vd m)
{
    return k * LN2 + two_atanh(m / (m + 2.0));
}

/* y, but what belongs at the ends of the domain of ln u */
INLINE vd log_ends(vd y, vd u)
{
    y = pick((vl)(u == 0.0), all(-__builtin_inf()), y);
    y = pick((vl)(u < 0.0), all(__builtin_nan("")), y);
    return pick((vl)(u < __builtin_inf()), y, u);
}

/* ln x; near 1 the difference x - 1 is exact */
INLINE vd log_full(vd x)
{
    scaled s = split(x);
    return log_ends(log_sum(s.k, s.m - 1.0), x);
}

/* ln(1 + x); where 1 + x is near 1, x itself is taken for what it rounds off */
INLINE vd log1p_full(vd x)
{
    vd u = 1.0 + x;
    scaled s = split(u);
    vd y = log_sum(s.k, pick((vl)(s.k == 0.0), x, s.m - 1.0));
    return log_ends(pick((vl)(x == 0.0), x, y), u);
}

/* ---- the normal distribution and the error function ---- */

/* P(Z > t) e^(t^2/2) for t >= 0 */
INLINE vd mills(vd t)
{
    static const double c[] = {-0x1.fffffffcd00c0p-1, 0x1.7ffff5fad433fp+1, -0x1.dff5bd96331ffp+3,
                               0x1.a1b14d95c56f8p+6, -0x1.9b23ad9e5a63ep+9}; /* 2^-44.7 */
    vl far = (vl)(t > 15.0);
    ratio m = normal_tail(at_most(t, 15.0));
    vd w = 1.0 / (t * t);
    vd a = 0x1.9884533d43651p-2 + w * polynomial(w, c, 5) * 0x1.9884533d43651p-2;
    return pick(far, a, m.a) / pick(far, t, m.b);
}

/* P(Z > t), the half of t^2 being given as exactly as it is known; rounded once if subnormal */
INLINE vd upper_tail(vd t, vd half_square)
{
    vd h = exp_poly(-0.5 * half_square);
    return h * (h * mills(t));
}

/* The normal distribution function Phi; each side from its own tail, so that nothing cancels. */
INLINE vd normal_full(vd x)
{
    vd t = at_most(magnitude(x), 50.0);
    vd tail = upper_tail(t, 0.5 * (t * t));
    return pick((vl)(x > 0.0), 1.0 - tail, tail);
}

#define SQRT2 0x1.6a09e667f3bcdp+0

INLINE vd erfc_full(vd x)
{
    vd t = at_most(magnitude(x), 30.0);
    vd tail = 2.0 * upper_tail(t * SQRT2, t * t);
    return pick((vl)(x < 0.0), 2.0 - tail, tail);
}

/* a polynomial up to 0.6, from there 1 - erfc */
INLINE vd erf_full(vd x)
{
    static const double c[] = {-0x1.812746b02a042p-2, 0x1.ce2f219148eb0p-4,   -0x1.b82cdd7a9c9b5p-6,
                               0x1.565acebcf8164p-8,  -0x1.bffd340710812p-11, 0x1.f4857243c179ap-14,
                               -0x1.ac272390e3c23p-17}; /* 2^-46.2 */
    vd t = at_most(magnitude(x), 6.0), w = t * t;
    ratio e = exp_ratio(-w), m = normal_tail(t * SQRT2);
    vd near = t * 0x1.20dd750429b6dp+0 + t * w * polynomial(w, c, 7);
    vd far = 1.0 - 2.0 * (e.a * m.a) / (e.b * m.b);
    return with_sign(pick((vl)(t < 0.6), near, far), x);
}

/* ---- arctangent ---- */

#define TAN_PI_8 0.41421356237309503
#define PI_4     0x1.921fb54442d18p-1

/* atan x = c + atan z, |z| <= tan(pi/8): z is x, (x-1)/(x+1) or -1/x for |x|, one division */
INLINE vd atan_full(vd x)
{
    static const double c[] = {-0x1.555555550be6cp-2, 0x1.9999992bde6a6p-3,  -0x1.24922d0991c6dp-3,
                               0x1.c715730c80dbap-4,  -0x1.73e0dc3ba2e6cp-4, 0x1.35fc4f830e9b9p-4,
                               -0x1.e26ff21d99c2dp-5, 0x1.f9b6cb02952c1p-6}; /* 2^-45.0 */
    vd t = magnitude(x);
    vl middle = (vl)(t > TAN_PI_8), high = (vl)(t > 1.0 / TAN_PI_8);
    vd a = pick(high, all(-1.0), pick(middle, t - 1.0, t));
    vd b = pick(high, t, pick(middle, t + 1.0, all(1.0)));
    vd turn = pick(high, all(2.0 * PI_4), (vd)(middle & (vl)all(PI_4)));
    vd z = a / b, w = z * z;
    return with_sign(turn + (z + z * w * polynomial(w, c, 8)), x);
}

/* ---- hyperbolic ---- */

/* x - tanh x, which is about x^3/3 for small x */
INLINE vd tanh_shrink_full(vd x)
{
    static const double c[] = {
        -0x1.1111111108142p-3,  0x1.ba1ba1aba7229p-5,  -0x1.664f447d48f37p-6,
        0x1.226da84dd7693p-7,   -0x1.d6bdcfcaf3bebp-9, 0x1.7c978e842cb58p-10,
        -0x1.2d5f6c14978adp-11, 0x1.a9f4bbd90e0aap-13, -0x1.827e3aaa650a9p-15}; /* 2^-46.6 */
    vd w = x * x;
    vd near = x * w * (0x1.5555555555555p-2 + w * polynomial(w, c, 9));
    return pick((vl)(magnitude(x) < 0.625), near, x - tanh_of(x));
}

#endif
