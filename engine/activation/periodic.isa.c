/* periodic.isa.c - sine and what is made of it.
 *
 * The angle omega x is a pair, exact for every float32, so sine and cosine are right to 2^-46 at
 * all their roots, however large x is. Sums of them have roots without end: where one cancels, its
 * lanes are computed again in pairs (refined). Infinities have a value where the function has a
 * limit. */
#include "activation/refine.h"

INLINE vl infinite(vd x)
{
    return (vl)(magnitude(x) > 0x1p200);
}

/* p: omega */
INLINE vd sin_f(vd x, const double *p)
{
    return sine(two_product(x, all(p[0])));
}

INLINE vd sin_d(vd x, const double *p)
{
    return p[0] * cosine(two_product(x, all(p[0])));
}

INLINE vd sin_dd(vd x, const double *p)
{
    return -(p[0] * p[0]) * sine(two_product(x, all(p[0])));
}

KERNEL(sin)

INLINE vd cos_f(vd x, const double *p)
{
    return cosine(two_product(x, all(p[0])));
}

INLINE vd cos_d(vd x, const double *p)
{
    return -p[0] * sine(two_product(x, all(p[0])));
}

INLINE vd cos_dd(vd x, const double *p)
{
    return -(p[0] * p[0]) * cosine(two_product(x, all(p[0])));
}

KERNEL(cos)

typedef struct pair_sine_cosine {
    pair sin, cos;
} pair_sine_cosine;

INLINE pair_sine_cosine pair_sin_cos(pair z)
{
    angle a = turn(z);
    pair_arc of = pair_arc_of(a.r);
    return (pair_sine_cosine){pair_arc_sine(of, a.quarter), pair_arc_sine(of, a.quarter + 1)};
}

/* sin z / z, z = omega x; p: omega */
INLINE vd sinc_f(vd x, const double *p)
{
    pair z = two_product(x, all(p[0]));
    vd y = pick((vl)(z.hi == 0.0), all(1.0), sine(z) / z.hi);
    return zero_where(infinite(x), y);
}

/* z cos z - sin z */
static __attribute__((noinline)) vd sinc_d_again(vd x, const double *p)
{
    pair z = two_product(x, all(p[0]));
    pair_sine_cosine of = pair_sin_cos(z);
    return pair_plus(pair_times(z, of.cos), pair_negate(of.sin)).hi;
}

/* (2 - z^2) sin z - 2 z cos z */
static __attribute__((noinline)) vd sinc_dd_again(vd x, const double *p)
{
    pair z = two_product(x, all(p[0]));
    pair_sine_cosine of = pair_sin_cos(z);
    pair left = pair_plus(whole(all(2.0)), pair_negate(pair_times(z, z)));
    pair right = pair_times(pair_scale(z, all(-2.0)), of.cos);
    return pair_plus(pair_times(left, of.sin), right).hi;
}

#define NEAR 0.78 /* below, series in z */

/* omega (z cos z - sin z)/z^2 */
INLINE vd sinc_d(vd x, const double *p)
{
    static const double c[] = {-0x1.5555555555550p-2,  0x1.111111110fde6p-5,
                               -0x1.3813813542f32p-10, 0x1.71de357d00dc5p-16,
                               -0x1.0cfaef7a05c97p-22, 0x1.0623de7bb0b0cp-29}; /* 2^-50.0 */
    pair z = two_product(x, all(p[0]));
    sine_cosine of = sin_cos(z);
    vl near = (vl)(magnitude(z.hi) < NEAR);
    vd t = z.hi, w = t * t, sum = t * of.cos - of.sin;
    vd size = zero_where(near, magnitude(t * of.cos) + magnitude(of.sin));
    sum = refined(sum, size, sinc_d_again, x, p);
    return p[0] * zero_where(infinite(x), pick(near, t * polynomial(w, c, 6), sum / w));
}

/* omega^2 ((2 - z^2) sin z - 2 z cos z)/z^3 */
INLINE vd sinc_dd(vd x, const double *p)
{
    static const double c[] = {-0x1.555555555550cp-2, 0x1.9999999991757p-4,
                               -0x1.8618617caabd7p-8, 0x1.43a26b034a0f7p-13,
                               -0x1.2e985853f38b8p-19, 0x1.67be10aaf2d2cp-26}; /* 2^-46.2 */
    pair z = two_product(x, all(p[0]));
    sine_cosine of = sin_cos(z);
    vl near = (vl)(magnitude(z.hi) < NEAR);
    vd t = z.hi, w = t * t, bend = 2.0 * t * of.cos, sum = (2.0 - w) * of.sin - bend;
    vd size = zero_where(near, (2.0 + w) * magnitude(of.sin) + magnitude(bend));
    sum = refined(sum, size, sinc_dd_again, x, p);
    vd curve = pick(near, polynomial(w, c, 6), sum / (w * t));
    return p[0] * p[0] * zero_where(infinite(x), curve);
}

KERNEL(sinc)

/* x + sin^2(a x)/a; p: a */
INLINE vd snake_f(vd x, const double *p)
{
    vd s = zero_where(infinite(x), sine(two_product(x, all(p[0]))));
    return x + s * s * (1.0 / p[0]);
}

/* 1 + sin 2ax: in the fourth quarter, where it has double roots, 1 - cos r */
INLINE vd snake_d(vd x, const double *p)
{
    angle a = turn(two_product(x, all(2.0 * p[0])));
    arc of = arc_of(a.r.hi);
    return pick((vl)(a.quarter == 3), of.versin, 1.0 + arc_sine(of, a.quarter));
}

INLINE vd snake_dd(vd x, const double *p)
{
    return 2.0 * p[0] * cosine(two_product(x, all(2.0 * p[0])));
}

KERNEL(snake)

/* x cos x */
INLINE vd gcu_f(vd x, const double *p)
{
    (void)p;
    return x * cosine(whole(x));
}

static __attribute__((noinline)) vd gcu_d_again(vd x, const double *p)
{
    (void)p;
    pair_sine_cosine of = pair_sin_cos(whole(x));
    return pair_plus(of.cos, pair_scale(of.sin, -x)).hi;
}

INLINE vd gcu_d(vd x, const double *p)
{
    sine_cosine of = sin_cos(whole(x));
    vd bend = x * of.sin, size = magnitude(of.cos) + magnitude(bend);
    return refined(of.cos - bend, size, gcu_d_again, x, p);
}

static __attribute__((noinline)) vd gcu_dd_again(vd x, const double *p)
{
    (void)p;
    pair_sine_cosine of = pair_sin_cos(whole(x));
    return -pair_plus(pair_scale(of.sin, all(2.0)), pair_scale(of.cos, x)).hi;
}

INLINE vd gcu_dd(vd x, const double *p)
{
    sine_cosine of = sin_cos(whole(x));
    vd bend = x * of.cos, size = 2.0 * magnitude(of.sin) + magnitude(bend);
    return refined(-(2.0 * of.sin + bend), size, gcu_dd_again, x, p);
}

KERNEL(gcu)
