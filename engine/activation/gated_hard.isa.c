/* gated_hard.isa.c - gated functions made of pieces: the gate is a line between two kinks.
 *
 * Where f' jumps to the slope of a straight line, the derivatives are those of the line. Sums like
 * x + 3 are exact near the kink where they vanish. */
#include "activation/roots.h"

/* x (x+3)/6 between the kinks at -3 and 3 */
INLINE vd hard_swish_f(vd x, const double *p)
{
    (void)p;
    vd gate = at_most(at_least(x, -3.0) + 3.0, 6.0);
    return at_least(x, -3.0) * gate * (1.0 / 6.0);
}

INLINE vd hard_swish_d(vd x, const double *p)
{
    (void)p;
    vd d = (2.0 * x + 3.0) * (1.0 / 6.0);
    d = pick((vl)(x >= 3.0), all(1.0), d);
    return zero_where((vl)(x <= -3.0), d);
}

INLINE vd hard_swish_dd(vd x, const double *p)
{
    (void)p;
    return pick((vl)(magnitude(x) < 3.0), all(1.0 / 3.0), no_curve(x));
}

KERNEL(hard_swish)

/* x (x+2)/2 between -2 and 0, where it goes over into x without a kink */
INLINE vd hard_mish_f(vd x, const double *p)
{
    (void)p;
    vd gate = at_most(at_least(x, -2.0) + 2.0, 2.0);
    return at_least(x, -2.0) * gate * 0.5;
}

INLINE vd hard_mish_d(vd x, const double *p)
{
    (void)p;
    return zero_where((vl)(x <= -2.0), at_most(x, 0.0) + 1.0);
}

INLINE vd hard_mish_dd(vd x, const double *p)
{
    (void)p;
    return pick((vl)(x > -2.0) & (vl)(x <= 0.0), all(1.0), no_curve(x));
}

KERNEL(hard_mish)

/* h (e^x - 1) left of 0 and h x right of it, h = (x+1)/2 between the kinks at -1 and 1 */
INLINE vd hard_elish_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -1.0);
    expm1_parts e = expm1_ratio(at_most(low, 0.0));
    vd gate = 0.5 * at_most(low + 1.0, 2.0);
    return gate * pick((vl)(x < 0.0), e.minus / e.b, x);
}

/* (e^x (x+2) - 1)/2 left of 0, x + 1/2 right of it */
INLINE vd hard_elish_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 0.0), -1.0);
    vd left = 0.5 * (exp_poly(t) * (t + 2.0) - 1.0);
    vd d = pick((vl)(x >= 1.0), all(1.0), x + 0.5);
    d = pick((vl)(x <= 0.0), near_root(&ROOT_HARD_ELISH_D, x, left), d);
    return zero_where((vl)(x <= -1.0), d);
}

INLINE vd hard_elish_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 0.0), -1.0);
    vd d = pick((vl)(x > 0.0) & (vl)(x < 1.0), all(1.0), no_curve(x));
    return pick((vl)(x > -1.0) & (vl)(x <= 0.0), 0.5 * exp_poly(t) * (t + 3.0), d);
}

KERNEL(hard_elish)
