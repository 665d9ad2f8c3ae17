/* glu.isa.c - gated linear units whose gate is no element-wise kernel in double lanes. glu and gtu
 * stand with the sigmoid, geglu and swiglu with the functions they are named after. */
#include "activation/halves.h"

/* relu as piecewise.isa.c has it in float lanes */
INLINE vd gate_relu_f(vd x, const double *p)
{
    (void)p;
    return (vd)((vl)x & ~(vl)(x < 0.0));
}

INLINE vd gate_relu_d(vd x, const double *p)
{
    (void)p;
    vd d = pick((vl)(x > 0.0), all(1.0), x);
    return (vd)((vl)d & ~(vl)(x <= 0.0));
}

GATED(reglu, itself, gate_relu, 0, 0)
GATED(bilinear, itself, itself, 0, 0)

/* p: alpha, limit. With z = min(b, limit) the gate is z sigma(alpha z), the other half is 1 + a, a
 * cut off at +-limit. */
INLINE vd oai_value_f(vd x, const double *p)
{
    return at_least(at_most(x, p[1]), -p[1]) + 1.0;
}

INLINE vd oai_value_d(vd x, const double *p)
{
    vd d = pick((vl)(x == x), all(1.0), x);
    return (vd)((vl)d & ~(vl)(magnitude(x) >= p[1]));
}

/* Where alpha z < -200 products with the gate are 0 to float32. */
INLINE vd oai_gate_f(vd x, const double *p)
{
    vd z = at_least(at_most(x, p[1]), -200.0 / p[0]);
    ratio e = exp_ratio(at_most(z * p[0], 40.0));
    return z * e.a / (e.a + e.b);
}

/* sigma(w) (1 + w sigma(-w)), w = alpha z */
INLINE vd oai_gate_d(vd x, const double *p)
{
    vd w = at_least(at_most(x * p[0], 60.0), -200.0);
    ratio e = exp_ratio(w);
    vd s = e.a + e.b, d = e.a * (e.a + e.b * (w + 1.0)) / (s * s);
    return (vd)((vl)d & ~(vl)(x >= p[1]));
}

GATED(swiglu_oai, oai_value, oai_gate, 0, 2)
