/* saturating.isa.c - s-shaped functions made without an exponential.
 *
 * Squares of float32 do not overflow in double; clamps keep inf/inf away and lie beyond anything
 * that float32 could tell from infinity. */
#include "activation/prims_full.h"

INLINE vd softsign_f(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 1e60);
    return with_sign(t / (t + 1.0), x);
}

INLINE vd softsign_d(vd x, const double *p)
{
    (void)p;
    vd s = magnitude(x) + 1.0;
    return 1.0 / (s * s);
}

/* jumps from 2 to -2 at 0, where it is said to be 0 */
INLINE vd softsign_dd(vd x, const double *p)
{
    (void)p;
    vd s = magnitude(x) + 1.0;
    return with_sign(zero_where((vl)(x == 0.0), 2.0 / (s * s * s)), -x);
}

KERNEL(softsign)

INLINE vd arctan_f(vd x, const double *p)
{
    (void)p;
    return atan_full(x);
}

INLINE vd arctan_d(vd x, const double *p)
{
    (void)p;
    return 1.0 / (x * x + 1.0);
}

INLINE vd arctan_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 1e60), s = t * t + 1.0;
    return with_sign(2.0 * t / (s * s), -x);
}

KERNEL(arctan)

/* t (1 - t/4) up to t = |x| = 2, where slope and curve end */
INLINE vd sqnl_f(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 2.0);
    return with_sign(t - 0.25 * (t * t), x);
}

INLINE vd sqnl_d(vd x, const double *p)
{
    (void)p;
    return 1.0 - 0.5 * at_most(magnitude(x), 2.0);
}

/* 0 at 0, where it jumps from 1/2 to -1/2 */
INLINE vd sqnl_dd(vd x, const double *p)
{
    (void)p;
    vl bent = (vl)(magnitude(x) < 2.0) & ~(vl)(x == 0.0);
    return with_sign(pick(bent, all(0.5), no_curve(x)), -x);
}

KERNEL(sqnl)
