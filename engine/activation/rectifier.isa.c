/* rectifier.isa.c - smooth relatives of relu: an exponential on the left, a line on the right.
 *
 * elu and its like need e^x - 1 for small x, where subtracting would leave nothing: expm1_ratio.
 * At 0 the derivative is that of the left side. */
#include "activation/prims.h"

#define LOW -110.0 /* e^-110 < 2^-150, half the smallest float32 */

INLINE vd expm1_negative(vd x)
{
    expm1_parts e = expm1_ratio(at_least(at_most(x, 0.0), LOW));
    return e.minus / e.b;
}

INLINE vd exp_negative(vd x, double low)
{
    return exp_poly(at_least(at_most(x, 0.0), low));
}

/* p: alpha */
INLINE vd elu_f(vd x, const double *p)
{
    return pick((vl)(x < 0.0), p[0] * expm1_negative(x), x);
}

INLINE vd elu_d(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(1.0), p[0] * exp_negative(x, -200.0));
}

INLINE vd elu_dd(vd x, const double *p)
{
    vd curve = p[0] * exp_negative(x, -200.0);
    return (vd)((vl)curve & ~(vl)(x >= 0.0));
}

KERNEL(elu)

/* p: alpha; x/alpha scales the argument, so that the slope at 0 is 1 for every alpha */
INLINE vd celu_f(vd x, const double *p)
{
    return pick((vl)(x < 0.0), p[0] * expm1_negative(x * (1.0 / p[0])), x);
}

INLINE vd celu_d(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(1.0), exp_negative(x * (1.0 / p[0]), LOW));
}

INLINE vd celu_dd(vd x, const double *p)
{
    vd curve = exp_negative(x * (1.0 / p[0]), -200.0) * (1.0 / p[0]);
    return (vd)((vl)curve & ~(vl)(x >= 0.0));
}

KERNEL(celu)

/* The fixed point of mean 0 and variance 1 (Klambauer et al. 2017): lambda and lambda * alpha. */
#define SELU_L  1.0507009873554804934193349852946
#define SELU_LA 1.7580993408473768599402175208123

INLINE vd selu_f(vd x, const double *p)
{
    (void)p;
    return pick((vl)(x < 0.0), SELU_LA * expm1_negative(x), SELU_L * x);
}

INLINE vd selu_d(vd x, const double *p)
{
    (void)p;
    return pick((vl)(x > 0.0), all(SELU_L), SELU_LA * exp_negative(x, LOW));
}

INLINE vd selu_dd(vd x, const double *p)
{
    (void)p;
    vd curve = SELU_LA * exp_negative(x, LOW);
    return (vd)((vl)curve & ~(vl)(x >= 0.0));
}

KERNEL(selu)

/* p: beta. ln(1 + e^bx) / b = max(x, 0) + ln(1 + e^-|bx|) / b; no threshold is needed. */
INLINE vd softplus_f(vd x, const double *p)
{
    ratio e = exp_ratio(at_least(-magnitude(p[0] * x), -200.0));
    vd positive = (vd)((vl)x & ~(vl)(x < 0.0));
    return positive + log1p_ratio(e.a, e.b) * (1.0 / p[0]);
}

INLINE vd softplus_d(vd x, const double *p)
{
    ratio e = exp_ratio(at_least(at_most(p[0] * x, 40.0), LOW));
    return e.a / (e.a + e.b);
}

INLINE vd softplus_dd(vd x, const double *p)
{
    ratio e = exp_ratio(at_least(-magnitude(p[0] * x), -200.0));
    vd s = e.a + e.b;
    return p[0] * (e.a * e.b / (s * s));
}

KERNEL(softplus)
