/* rectifier.isa.c - smooth relatives of relu: an exponential on the left, a line on the right.
 *
 * elu and its like need e^x - 1 for small x, where subtracting would leave nothing: expm1_ratio.
 * At 0 the derivatives are those of the left side. */
#include "activation/prims.h"

#define LOW       -110.0 /* e^-110 < 2^-150, half the smallest float32 */
#define LOW_STEEP -200.0 /* so is e^-200 times any parameter           */

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
    return pick((vl)(x > 0.0), all(1.0), p[0] * exp_negative(x, LOW_STEEP));
}

INLINE vd elu_dd(vd x, const double *p)
{
    vd curve = p[0] * exp_negative(x, LOW_STEEP);
    return zero_where((vl)(x > 0.0), curve);
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
    vd curve = exp_negative(x * (1.0 / p[0]), LOW_STEEP) * (1.0 / p[0]);
    return zero_where((vl)(x > 0.0), curve);
}

KERNEL(celu)

/* p: alpha, lambda */
INLINE vd selu_f(vd x, const double *p)
{
    return pick((vl)(x < 0.0), p[1] * p[0] * expm1_negative(x), p[1] * x);
}

INLINE vd selu_d(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(p[1]), p[1] * p[0] * exp_negative(x, LOW_STEEP));
}

INLINE vd selu_dd(vd x, const double *p)
{
    vd curve = p[1] * p[0] * exp_negative(x, LOW_STEEP);
    return zero_where((vl)(x > 0.0), curve);
}

KERNEL(selu)

/* p: beta. ln(1 + e^bx) / b = max(x, 0) + ln(1 + e^-|bx|) / b; no threshold is needed. */
INLINE vd softplus_f(vd x, const double *p)
{
    return at_least(x, 0.0) + log1p_exp(p[0] * x) * (1.0 / p[0]);
}

INLINE vd softplus_d(vd x, const double *p)
{
    ratio e = exp_ratio(at_least(at_most(p[0] * x, 40.0), LOW));
    return e.a / (e.a + e.b);
}

INLINE vd softplus_dd(vd x, const double *p)
{
    ratio e = exp_ratio(at_least(minus_magnitude(p[0] * x), LOW_STEEP));
    vd s = e.a + e.b;
    return p[0] * (e.a * e.b / (s * s));
}

KERNEL(softplus)

INLINE vd logcosh_f(vd x, const double *p)
{
    (void)p;
    return logcosh_of(x);
}

INLINE vd logcosh_d(vd x, const double *p)
{
    (void)p;
    return tanh_of(x);
}

INLINE vd logcosh_dd(vd x, const double *p)
{
    (void)p;
    return sech2_of(x);
}

KERNEL(logcosh)

/* e^100 is infinite in float32 */
INLINE vd exponential_f(vd x, const double *p)
{
    (void)p;
    return exp_poly(at_least(at_most(x, 100.0), LOW));
}

INLINE vd exponential_d(vd x, const double *p)
{
    return exponential_f(x, p);
}

INLINE vd exponential_dd(vd x, const double *p)
{
    return exponential_f(x, p);
}

KERNEL(exponential)
