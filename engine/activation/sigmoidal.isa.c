/* sigmoidal.isa.c - bounded, s-shaped functions.
 *
 * With e^x = a/b every quotient has one division; the derivative is written with both factors
 * (sigma * (1 - sigma) would lose all digits where 1 - sigma does). */
#include "activation/halves.h"

/* Past these the float32 result does not change any more: e^-110 < 2^-150, and 1 + e^-40 = 1. */
#define LOW  -110.0
#define HIGH 40.0

INLINE vd sigmoid_f(vd x, const double *p)
{
    (void)p;
    ratio e = exp_ratio(at_least(at_most(x, HIGH), LOW));
    return e.a / (e.a + e.b);
}

INLINE vd sigmoid_d(vd x, const double *p)
{
    (void)p;
    ratio e = exp_ratio(at_least(-magnitude(x), LOW));
    vd s = e.a + e.b;
    return e.a * e.b / (s * s);
}

/* -sign(x) u (1-u) / (1+u)^3, u = e^-|x|: 1 - u does not cancel at 0 */
INLINE vd sigmoid_dd(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(at_least(-magnitude(x), LOW));
    return with_sign(-e.a * e.minus * e.b / (e.plus * e.plus * e.plus), -x);
}

KERNEL(sigmoid)

INLINE vd tanh_f(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(at_most(2.0 * magnitude(x), HIGH));
    return with_sign(e.minus / e.plus, x);
}

/* 1 - tanh^2 = 4 e^-2|x| / (1 + e^-2|x|)^2 */
INLINE vd tanh_d(vd x, const double *p)
{
    (void)p;
    ratio e = exp_ratio(at_least(-2.0 * magnitude(x), LOW));
    vd s = e.a + e.b;
    return 4.0 * e.a * e.b / (s * s);
}

/* -2 tanh (1 - tanh^2), with u = e^-2|x| as above */
INLINE vd tanh_dd(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(at_least(-2.0 * magnitude(x), LOW));
    return with_sign(-8.0 * e.a * e.minus * e.b / (e.plus * e.plus * e.plus), -x);
}

KERNEL(tanh)

GATED(glu, itself, sigmoid, 0)
GATED(gtu, tanh, sigmoid, 0)

/* the clamp keeps inf/inf away */
INLINE vd softsign_f(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 1e60);
    return with_sign(t / (t + 1.0), x);
}

INLINE vd softsign_d(vd x, const double *p)
{
    (void)p;
    vd s = magnitude(x) + 1.0;
    return 1.0 / (s * s);
}

/* jumps from 2 to -2 at 0, where it is said to be 0 */
INLINE vd softsign_dd(vd x, const double *p)
{
    (void)p;
    vd s = magnitude(x) + 1.0;
    return with_sign((vd)((vl)(2.0 / (s * s * s)) & ~(vl)(x == 0.0)), -x);
}

KERNEL(softsign)
