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

INLINE vf relu6_f(vf x, const double *p)
{
    (void)p;
    vf y = (vf)((vi)x & ~(vi)(x < 0.0f));
    return pick_f((vi)(y > 6.0f), all_f(6.0f), y);
}

INLINE vf relu6_d(vf x, const double *p)
{
    (void)p;
    vf d = pick_f((vi)(x > 0.0f), all_f(1.0f), x);
    return (vf)((vi)d & ~((vi)(x <= 0.0f) | (vi)(x >= 6.0f)));
}

INLINE vf relu6_dd(vf x, const double *p)
{
    return identity_dd(x, p);
}

KERNEL_F(relu6)

/* p[0]: slope below 0. The clamp keeps slope 0 times -inf from being NaN. */
INLINE vd leaky_f(vd x, const double *p)
{
    return pick((vl)(x < 0.0), at_least(x, -1e300) * p[0], x);
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
