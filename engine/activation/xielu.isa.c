/* xielu.isa.c - a parabola on the right, an exponential and a line on the left.
 *
 * f and f' vanish left of 0 at places that the parameters decide, so their terms are pairs. At 0
 * the second derivative is that of the left side. */
#include "activation/pairs.h"

/* p: alpha_p, alpha_n, beta. Left of 0: alpha_n (e^x - 1 - x) + beta x, for which left of -1 stands
 * alpha_n (e^x - 1) + (beta - alpha_n) x, so that equal parameters leave a constant. */
INLINE vd xielu_f(vd x, const double *p)
{
    vd low = at_least(at_most(x, 0.0), -FAR), up = at_most(x, 1e150);
    vl outer = (vl)(x < -1.0);
    pair rest = exp_rest(low, at_least(low, -200.0));
    pair curve = pair_pick(outer, pair_add((pair){low, all(0.0)}, rest), rest);
    pair slope = pair_pick(outer, two_sum(all(p[2]), all(-p[1])), (pair){all(p[2]), all(0.0)});
    pair left = pair_add(pair_scale(curve, all(p[1])), pair_scale(slope, low));
    return pick((vl)(x < 0.0), left.hi + left.lo, up * (up * p[0] + p[2]));
}

/* Left of 0: alpha_n (e^x - 1) + beta */
INLINE vd xielu_d(vd x, const double *p)
{
    vd low = at_least(at_most(x, 0.0), -FAR), up = at_most(x, 1e150);
    pair expm1 = pair_add((pair){low, all(0.0)}, exp_rest(low, at_least(low, -200.0)));
    pair left = pair_add((pair){all(p[2]), all(0.0)}, pair_scale(expm1, all(p[1])));
    return pick((vl)(x > 0.0), up * (2.0 * p[0]) + p[2], left.hi + left.lo);
}

INLINE vd xielu_dd(vd x, const double *p)
{
    vd left = exp_poly(at_least(at_most(x, 0.0), -200.0)) * p[1];
    return pick((vl)(x > 0.0), all(2.0 * p[0]), left);
}

KERNEL(xielu)
