/* shrink.isa.c - functions that move x towards 0 and remove what is small. */
#include "activation/prims_full.h"

/* p: lambda */
INLINE vd hard_shrink_f(vd x, const double *p)
{
    return zero_where((vl)(magnitude(x) <= p[0]), x);
}

INLINE vd hard_shrink_d(vd x, const double *p)
{
    return pick((vl)(magnitude(x) > p[0]), all(1.0), no_curve(x));
}

INLINE vd hard_shrink_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(hard_shrink)

/* p: lambda */
INLINE vd soft_shrink_f(vd x, const double *p)
{
    vd t = magnitude(x);
    return zero_where((vl)(t <= p[0]), with_sign(t - p[0], x));
}

INLINE vd soft_shrink_d(vd x, const double *p)
{
    return hard_shrink_d(x, p);
}

INLINE vd soft_shrink_dd(vd x, const double *p)
{
    (void)p;
    return no_curve(x);
}

KERNEL(soft_shrink)

INLINE vd tanh_shrink_f(vd x, const double *p)
{
    (void)p;
    return tanh_shrink_full(x);
}

INLINE vd tanh_shrink_d(vd x, const double *p)
{
    (void)p;
    vd t = tanh_of(x);
    return t * t;
}

INLINE vd tanh_shrink_dd(vd x, const double *p)
{
    (void)p;
    return 2.0 * tanh_of(x) * sech2_of(x);
}

KERNEL(tanh_shrink)
