/* piecewise.isa.c - functions made of straight lines.
 *
 * Those with slopes 0 and 1 are exact in float32 and run in float lanes. The derivative at a kink
 * is the one of the flat or left side; f'(NaN) is NaN like f(NaN). */
#include "activation/lanes.h"

INLINE vf identity_f(vf x, const double *p)
{
    (void)p;
    return x;
}

/* 1, but NaN for NaN */
INLINE vf identity_d(vf x, const double *p)
{
    (void)p;
    return pick_f((vi)(x == x), all_f(1.0f), x);
}

/* 0, but NaN for NaN: the second derivative of everything made of straight lines */
INLINE vf identity_dd(vf x, const double *p)
{
    (void)p;
    return (vf)((vi)x & ~(vi)(x == x));
}

KERNEL_F(identity)

/* x < 0 ? 0 : x keeps NaN and -0 */
INLINE vf relu_f(vf x, const double *p)
{
    (void)p;
    return (vf)((vi)x & ~(vi)(x < 0.0f));
}

INLINE vf relu_d(vf x, const double *p)
{
    (void)p;
    vf d = pick_f((vi)(x > 0.0f), all_f(1.0f), x);
    return (vf)((vi)d & ~(vi)(x <= 0.0f));
}

INLINE vf relu_dd(vf x, const double *p)
{
    return identity_dd(x, p);
}

KERNEL_F(relu)

/* p: ceiling, as a float32 */
INLINE vf relu6_f(vf x, const double *p)
{
    vf y = (vf)((vi)x & ~(vi)(x < 0.0f)), ceiling = all_f((float)p[0]);
    return pick_f((vi)(y > ceiling), ceiling, y);
}

INLINE vf relu6_d(vf x, const double *p)
{
    vf d = pick_f((vi)(x > 0.0f), all_f(1.0f), x);
    return (vf)((vi)d & ~((vi)(x <= 0.0f) | (vi)(x >= all_f((float)p[0]))));
}

INLINE vf relu6_dd(vf x, const double *p)
{
    return identity_dd(x, p);
}

KERNEL_F(relu6)

INLINE vf abs_f(vf x, const double *p)
{
    (void)p;
    return (vf)((vi)x & INT32_MAX);
}

INLINE vf abs_d(vf x, const double *p)
{
    (void)p;
    vf d = pick_f((vi)(x > 0.0f), all_f(1.0f), pick_f((vi)(x < 0.0f), all_f(-1.0f), x));
    return (vf)((vi)d & ~(vi)(x == 0.0f));
}

INLINE vf abs_dd(vf x, const double *p)
{
    return identity_dd(x, p);
}

KERNEL_F(abs)

/* p: slope left of 0. The clamp keeps slope 0 times -inf from being NaN. */
INLINE vd leaky_f(vd x, const double *p)
{
    return pick((vl)(x > 0.0), x, at_least(x, -1e300) * p[0]);
}

INLINE vd leaky_d(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(1.0), pick((vl)(x <= 0.0), all(p[0]), x));
}

INLINE vd leaky_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(leaky)

/* p: lower, upper: the slope is their mean */
INLINE vd rrelu_f(vd x, const double *p)
{
    const double slope = 0.5 * (p[0] + p[1]);
    return leaky_f(x, &slope);
}

INLINE vd rrelu_d(vd x, const double *p)
{
    const double slope = 0.5 * (p[0] + p[1]);
    return leaky_d(x, &slope);
}

INLINE vd rrelu_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(rrelu)

/* p: theta, value */
INLINE vd threshold_f(vd x, const double *p)
{
    return pick((vl)(x <= p[0]), all(p[1]), x);
}

INLINE vd threshold_d(vd x, const double *p)
{
    return zero_where((vl)(x <= p[0]), pick((vl)(x > p[0]), all(1.0), x));
}

INLINE vd threshold_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(threshold)
