/* hinges.isa.c - lines and parabolas that meet at hinges, most of them with parameters to learn.
 *
 * Training may put the root of a piece anywhere, so sums whose terms can cancel are kept as pairs.
 * Second derivatives at a hinge are those of the left side. */
#include "activation/pairs.h"

INLINE vd squared_relu_f(vd x, const double *p)
{
    (void)p;
    return zero_where((vl)(x <= 0.0), x * x);
}

INLINE vd squared_relu_d(vd x, const double *p)
{
    (void)p;
    return zero_where((vl)(x <= 0.0), 2.0 * x);
}

INLINE vd squared_relu_dd(vd x, const double *p)
{
    (void)p;
    return pick((vl)(x > 0.0), all(2.0), no_curve(x));
}

KERNEL(squared_relu)

/* p: s, b. Where s = 0 the limit at infinity is b; 1e150^2 is infinite in float32 for any other. */
INLINE vd star_relu_f(vd x, const double *p)
{
    vd r = zero_where((vl)(x <= 0.0), at_most(x, 1e150));
    pair sq = two_product(r * r, all(p[0])), y = two_sum(sq.hi, all(p[1]));
    return y.hi + (y.lo + sq.lo);
}

INLINE vd star_relu_d(vd x, const double *p)
{
    return zero_where((vl)(x <= 0.0), at_most(x, 1e150) * (2.0 * p[0]));
}

INLINE vd star_relu_dd(vd x, const double *p)
{
    return pick((vl)(x > 0.0), all(2.0 * p[0]), no_curve(x));
}

KERNEL(star_relu)

/* p: t_right, a_right, t_left, a_left. The outer lines are t + a (x - t). */
INLINE vd srelu_f(vd x, const double *p)
{
    vl is_right = (vl)(x > p[0]), is_left = (vl)(x <= p[2]);
    vd t = pick(is_right, all(p[0]), all(p[2])), a = pick(is_right, all(p[1]), all(p[3]));
    pair y = pair_scale(two_sum(within_far(x), -t), a);
    y = pair_add((pair){t, all(0.0)}, y);
    return pick(is_right | is_left, y.hi + y.lo, x);
}

INLINE vd srelu_d(vd x, const double *p)
{
    vd d = pick((vl)(x <= p[2]), all(p[3]), pick((vl)(x == x), all(1.0), x));
    return pick((vl)(x > p[0]), all(p[1]), d);
}

INLINE vd srelu_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(srelu)

/* Between hinges it is a line m x + c, slopes and constants added up without error: opposite ones
 * leave exactly 0. p: a1, b1, a2, b2, for a max(0, b - x) */
INLINE pair apl_slope(vd x, const double *p)
{
    vd first = zero_where((vl)(x >= p[1]), all(-p[0]));
    vd second = zero_where((vl)(x >= p[3]), all(-p[2]));
    vd relu = zero_where((vl)(x <= 0.0), all(1.0));
    return pair_add(two_sum(first, second), (pair){relu, all(0.0)});
}

INLINE pair pair_zero_where(vl mask, pair a)
{
    return (pair){zero_where(mask, a.hi), zero_where(mask, a.lo)};
}

INLINE pair apl_constant(vd x, const double *p)
{
    pair first = two_product(all(p[0]), all(p[1])), second = two_product(all(p[2]), all(p[3]));
    return pair_add(pair_zero_where((vl)(x >= p[1]), first),
                    pair_zero_where((vl)(x >= p[3]), second));
}

INLINE vd apl_f(vd x, const double *p)
{
    pair y = pair_add(pair_scale(apl_slope(x, p), within_far(x)), apl_constant(x, p));
    return y.hi + y.lo;
}

INLINE vd apl_d(vd x, const double *p)
{
    pair m = apl_slope(x, p);
    return pick((vl)(x == x), m.hi + m.lo, x);
}

INLINE vd apl_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(apl)

/* x + 1 is exact near -1 */
INLINE vd sparse_plus_f(vd x, const double *p)
{
    (void)p;
    vd up = at_least(x, -1.0) + 1.0;
    return pick((vl)(x > 1.0), x, 0.25 * up * up);
}

INLINE vd sparse_plus_d(vd x, const double *p)
{
    (void)p;
    return at_most(0.5 * (at_least(x, -1.0) + 1.0), 1.0);
}

INLINE vd sparse_plus_dd(vd x, const double *p)
{
    (void)p;
    vl bent = (vl)(x > -1.0) & (vl)(x <= 1.0);
    return pick(bent, all(0.5), no_curve(x));
}

KERNEL(sparse_plus)
