/* algebraic.isa.c - smooth functions made with a square root: s-shapes and relatives of relu.
 *
 * Squares of float32 do not overflow in double; the clamps at 1e60 are for infinities, and beyond
 * anything that float32 could tell from them. */
#include "activation/prims.h"

/* p: alpha; s = 1 + alpha x^2 */
INLINE vd isru_f(vd x, const double *p)
{
    vd t = at_most(magnitude(x), 1e60);
    return with_sign(t / square_root(t * t * p[0] + 1.0), x);
}

INLINE vd isru_d(vd x, const double *p)
{
    vd s = x * x * p[0] + 1.0;
    return 1.0 / (s * square_root(s));
}

/* -3 alpha x s^(-5/2); beyond 1e45 it is 0 */
INLINE vd isru_dd(vd x, const double *p)
{
    vd t = at_most(magnitude(x), 1e45), s = t * t * p[0] + 1.0;
    return with_sign(t * (3.0 * p[0]) / (s * s * square_root(s)), -x);
}

KERNEL(isru)

/* p: alpha */
INLINE vd isrlu_f(vd x, const double *p)
{
    return pick((vl)(x > 0.0), x, isru_f(x, p));
}

INLINE vd isrlu_d(vd x, const double *p)
{
    return isru_d(at_most(x, 0.0), p);
}

INLINE vd isrlu_dd(vd x, const double *p)
{
    return zero_where((vl)(x >= 0.0), isru_dd(x, p));
}

KERNEL(isrlu)

/* p: b. With r = sqrt(x^2 + b) and s = r + |x| it is s/2 right of 0 and b/(2s) left of it. The
 * smallest r matters for b = 0 at x = 0 alone, and makes relu of it. */
typedef struct plus {
    vd r, s;
} plus;

INLINE plus plus_of(vd x, double b)
{
    vd t = at_most(magnitude(x), 1e60), r = at_least(square_root(t * t + b), 1e-100);
    return (plus){r, r + t};
}

INLINE vd squareplus_f(vd x, const double *p)
{
    plus k = plus_of(x, p[0]);
    return pick((vl)(x > 0.0), 0.5 * k.s, p[0] / (2.0 * k.s));
}

INLINE vd squareplus_d(vd x, const double *p)
{
    plus k = plus_of(x, p[0]);
    vl right = (vl)(x > 0.0);
    return pick(right, k.s, all(p[0])) / (2.0 * k.r * pick(right, all(1.0), k.s));
}

INLINE vd squareplus_dd(vd x, const double *p)
{
    plus k = plus_of(x, p[0]);
    return p[0] / (2.0 * k.r * k.r * k.r);
}

KERNEL(squareplus)

/* (sqrt(x^2 + 1) - 1)/2 + x = x (1 + x/(2 (sqrt(x^2 + 1) + 1))), the factor between 1/2 and 3/2 */
INLINE vd bent_identity_f(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 1e60), -1e60);
    return t * (t / (2.0 * square_root(t * t + 1.0) + 2.0) + 1.0);
}

INLINE vd bent_identity_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 1e60), -1e60);
    return t / (2.0 * square_root(t * t + 1.0)) + 1.0;
}

INLINE vd bent_identity_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 1e60), s = t * t + 1.0;
    return 0.5 / (s * square_root(s));
}

KERNEL(bent_identity)
