/* clipped.isa.c - a line, cut off above and below, and the step.
 *
 * Where a line crosses 0 its terms cancel, at a place that parameters decide: pairs. The derivative
 * at a kink is that of the flat side. */
#include "activation/pairs_log.h"

/* p: alpha, beta */
INLINE vd affine_f(vd x, const double *p)
{
    pair ax = two_product(within_far(x), all(p[0]));
    pair y = pair_add(ax, (pair){all(p[1]), all(0.0)});
    return y.hi + y.lo;
}

INLINE vd affine_d(vd x, const double *p)
{
    return pick((vl)(x == x), all(p[0]), x);
}

INLINE vd affine_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(affine)

/* p: value at 0 */
INLINE vd step_f(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(1.0), pick((vl)(x == 0.0), all(p[0]), no_curve(x)));
}

INLINE vd step_d(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

INLINE vd step_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(step)

/* Where a kink is: v/d, or the float32 from which only the rounding of the parameters parts it.
 * With slope 1/6, which no double is, the line still meets 0 at -3. */
INLINE pair place(pair v, vd d)
{
    pair q = pair_quotient(v, (pair){d, all(0.0)});
    vd near = __builtin_convertvector(__builtin_convertvector(q.hi, vh), vd);
    vl meant = (vl)(magnitude(q.hi - near) <= 0x1p-51 * magnitude(near));
    return (pair){pick(meant, near, q.hi), zero_where(meant, q.lo)};
}

/* p: alpha, beta. alpha x + beta = alpha (x + beta/alpha), 0 left of the lower kink */
INLINE vd hard_sigmoid_line(vd x, const double *p)
{
    pair zero = place((pair){all(p[1]), all(0.0)}, all(p[0]));
    return at_least((x + zero.hi) + zero.lo, 0.0) * p[0];
}

/* alpha x + beta >= 1 */
INLINE vl hard_sigmoid_full(vd x, const double *p)
{
    pair one = place(two_sum(all(1.0), all(-p[1])), all(p[0]));
    return (vl)((x - one.hi) - one.lo >= 0.0);
}

INLINE vd hard_sigmoid_f(vd x, const double *p)
{
    return pick(hard_sigmoid_full(x, p), all(1.0), hard_sigmoid_line(x, p));
}

INLINE vd hard_sigmoid_d(vd x, const double *p)
{
    vd y = hard_sigmoid_line(x, p);
    return zero_where(hard_sigmoid_full(x, p), pick((vl)(y > 0.0), all(p[0]), y));
}

INLINE vd hard_sigmoid_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(hard_sigmoid)

/* (x + 1)/2; the sum is exact near -1 */
INLINE vd sparse_sigmoid_f(vd x, const double *p)
{
    (void)p;
    return 0.5 * at_most(at_least(x, -1.0) + 1.0, 2.0);
}

INLINE vd sparse_sigmoid_d(vd x, const double *p)
{
    (void)p;
    return pick((vl)(magnitude(x) < 1.0), all(0.5), no_curve(x));
}

INLINE vd sparse_sigmoid_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(sparse_sigmoid)

/* p: low, high; high wins where it is below low */
INLINE vd hard_tanh_f(vd x, const double *p)
{
    return at_most(at_least(x, p[0]), p[1]);
}

INLINE vd hard_tanh_d(vd x, const double *p)
{
    vl inside = (vl)(x > p[0]) & (vl)(x < p[1]);
    return pick(inside, all(1.0), no_curve(x));
}

INLINE vd hard_tanh_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(hard_tanh)
