/* normal.isa.c - the normal distribution and its relatives.
 *
 * Squares of float32 are exact in double, so the exponentials are as good as their polynomials.
 * Each side of a distribution function comes from its own tail: nothing cancels. */
#include "activation/prims_full.h"

#define PHI_0     0x1.9884533d43651p-2 /* 1/sqrt(2 pi) */
#define ERF_SLOPE 0x1.20dd750429b6dp+0 /* 2/sqrt(pi)   */

/* e^(-x^2) for |x| up to 14.2, where it is 0 beside every float32 */
INLINE vd bell(vd x)
{
    vd t = at_most(magnitude(x), 14.2);
    return exp_poly(-(t * t));
}

INLINE vd gaussian_f(vd x, const double *p)
{
    (void)p;
    return bell(x);
}

INLINE vd gaussian_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 14.2), -14.2);
    return -2.0 * t * bell(t);
}

/* 4 x^2 - 2 is exact round its roots */
INLINE vd gaussian_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 14.2);
    return (4.0 * (t * t) - 2.0) * bell(t);
}

KERNEL(gaussian)

INLINE vd erf_f(vd x, const double *p)
{
    (void)p;
    return erf_full(x);
}

INLINE vd erf_d(vd x, const double *p)
{
    (void)p;
    return ERF_SLOPE * bell(x);
}

INLINE vd erf_dd(vd x, const double *p)
{
    return ERF_SLOPE * gaussian_d(x, p);
}

KERNEL(erf)

INLINE vd probit_f(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 15.0);
    ratio e = exp_ratio(-0.5 * (t * t)), m = normal_tail(t);
    vd tail = e.a * m.a / (e.b * m.b);
    return pick((vl)(x > 0.0), 1.0 - tail, tail);
}

/* phi(x); the clamp leaves room for division by a small sigma */
INLINE vd probit_d(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 20.0);
    return PHI_0 * exp_poly(-0.5 * (t * t));
}

INLINE vd probit_dd(vd x, const double *p)
{
    return -at_least(at_most(x, 20.0), -20.0) * probit_d(x, p);
}

KERNEL(probit)

/* p: mu, sigma; the difference x - mu is rounded once, so its root does not matter */
INLINE vd laplace_z(vd x, const double *p)
{
    return (x - p[0]) * (1.0 / p[1]);
}

INLINE vd laplace_f(vd x, const double *p)
{
    return probit_f(laplace_z(x, p), p);
}

INLINE vd laplace_d(vd x, const double *p)
{
    return (1.0 / p[1]) * probit_d(laplace_z(x, p), p);
}

INLINE vd laplace_dd(vd x, const double *p)
{
    return (1.0 / p[1]) * (1.0 / p[1]) * probit_dd(laplace_z(x, p), p);
}

KERNEL(laplace)
