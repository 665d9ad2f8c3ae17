/* sigmoidal.isa.c - s-shaped functions made with exponentials.
 *
 * With e^x = a/b every quotient has one division; the derivative is written with both factors
 * (sigma * (1 - sigma) would lose all digits where 1 - sigma does). */
#include "activation/halves.h"
#include "activation/pairs_log.h"

/* Past these the float32 result does not change any more: e^-200 is nothing beside 2^-150, whatever
 * parameters multiply it with, and 1 + e^-40 = 1. */
#define LOW  -200.0
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
    ratio e = exp_ratio(at_least(minus_magnitude(x), LOW));
    vd s = e.a + e.b;
    return e.a * e.b / (s * s);
}

/* -sign(x) u (1-u) / (1+u)^3, u = e^-|x|: 1 - u does not cancel at 0 */
INLINE vd sigmoid_dd(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(at_least(minus_magnitude(x), LOW));
    return with_sign(-e.a * e.minus * e.b / (e.plus * e.plus * e.plus), -x);
}

KERNEL(sigmoid)

INLINE vd log_sigmoid_f(vd x, const double *p)
{
    (void)p;
    return at_most(x, 0.0) - log1p_exp(x);
}

INLINE vd log_sigmoid_d(vd x, const double *p)
{
    return sigmoid_f(-x, p);
}

INLINE vd log_sigmoid_dd(vd x, const double *p)
{
    return -sigmoid_d(x, p);
}

KERNEL(log_sigmoid)

/* 1 - e^-u, u = e^x; e^-e^5 = 0 beside 1 */
INLINE vd cloglog_f(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(-exp_poly(at_least(at_most(x, 5.0), LOW)));
    return -e.minus / e.b;
}

/* e^6 = 403 > 150 ln2 */
INLINE vd cloglog_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 6.0), LOW);
    return exp_poly(t - exp_poly(t));
}

/* f' (1 - e^x), the second factor being 0 at x = 0 */
INLINE vd cloglog_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 6.0), LOW);
    expm1_parts e = expm1_ratio(t);
    vd inverse = 1.0 / e.b;
    return exp_poly(t - e.a * inverse) * (-e.minus * inverse);
}

KERNEL(cloglog)

INLINE vd tanh_f(vd x, const double *p)
{
    (void)p;
    return tanh_of(x);
}

INLINE vd tanh_d(vd x, const double *p)
{
    (void)p;
    return sech2_of(x);
}

/* -2 tanh (1 - tanh^2), with u = e^-2|x| as in sech2_of() */
INLINE vd tanh_dd(vd x, const double *p)
{
    (void)p;
    expm1_parts e = expm1_ratio(at_least(-2.0 * magnitude(x), LOW));
    return with_sign(-8.0 * e.a * e.minus * e.b / (e.plus * e.plus * e.plus), -x);
}

KERNEL(tanh)

GATED(glu, itself, sigmoid, 1, 0)
GATED(gtu, tanh, sigmoid, 1, 0)

/* p: alpha, beta; alpha tanh(beta x) */
INLINE vd scaled_tanh_f(vd x, const double *p)
{
    return p[0] * tanh_of(x * p[1]);
}

INLINE vd scaled_tanh_d(vd x, const double *p)
{
    return p[0] * p[1] * sech2_of(x * p[1]);
}

INLINE vd scaled_tanh_dd(vd x, const double *p)
{
    return p[0] * p[1] * p[1] * tanh_dd(x * p[1], p);
}

KERNEL(scaled_tanh)

/* p: cap; the slope at 0 is 1 */
INLINE vd softcap_f(vd x, const double *p)
{
    return p[0] * tanh_of(x * (1.0 / p[0]));
}

INLINE vd softcap_d(vd x, const double *p)
{
    return sech2_of(x * (1.0 / p[0]));
}

INLINE vd softcap_dd(vd x, const double *p)
{
    return (1.0 / p[0]) * tanh_dd(x * (1.0 / p[0]), p);
}

KERNEL(softcap)

/* p: alpha, beta; (1 + e^-z)^-alpha, z = beta x, as e^(-alpha ln(1 + e^-z)) */
INLINE vd aria2_f(vd x, const double *p)
{
    vd z = x * p[1];
    vd power = p[0] * (at_least(-z, 0.0) + log1p_exp(z));
    return exp_poly(-at_most(power, -LOW));
}

/* alpha beta f c, c = 1/(1 + e^z) */
INLINE vd aria2_d(vd x, const double *p)
{
    return p[0] * p[1] * aria2_f(x, p) * sigmoid_f(-(x * p[1]), p);
}

/* alpha beta^2 f c (alpha c - 1 + c) = -(alpha beta c)^2 f (e^w - 1), w = z - ln alpha, where c and
 * e^w - 1 have one denominator: with e^w = a/b, 1 + e^z = (b + alpha a)/b. The root is at w = 0,
 * anywhere between two float32, hence the pairs. */
INLINE vd aria2_dd(vd x, const double *p)
{
    pair z = two_product(within_far(x), all(p[1])), ln = log_pair(all(p[0]));
    pair w = pair_add(z, (pair){-ln.hi, -ln.lo});
    expm1_parts e = expm1_ratio(at_least(at_most(w.hi + w.lo, -LOW), LOW));
    vd c = p[0] * p[1] / (e.b + p[0] * e.a);
    return -(c * c) * e.minus * e.b * aria2_f(x, p);
}

KERNEL(aria2)
