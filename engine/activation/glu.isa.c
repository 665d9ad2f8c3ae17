/* glu.isa.c - gated linear units whose gate is no element-wise kernel in double lanes. glu and gtu
 * stand with the sigmoid, geglu and swiglu with the functions they are named after. */
#include "activation/halves.h"

/* relu as piecewise.isa.c has it in float lanes */
INLINE vd gate_relu_f(vd x, const double *p)
{
    (void)p;
    return zero_where((vl)(x < 0.0), x);
}

INLINE vd gate_relu_d(vd x, const double *p)
{
    (void)p;
    return zero_where((vl)(x <= 0.0), pick((vl)(x > 0.0), all(1.0), x));
}

GATED(reglu, itself, gate_relu, 0, 0)
GATED(bilinear, itself, itself, 0, 0)
