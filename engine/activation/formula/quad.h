/* quad.h - floating point numbers of 113 bits, from the compiler and the C library.
 *
 * Where long double is that wide (aarch64) it serves; on x86-64 the type is __float128 and glibc
 * has the functions under the names of _Float128, which clang's headers do not declare. */
#ifndef AX_ACTIVATION_FORMULA_QUAD_H
#define AX_ACTIVATION_FORMULA_QUAD_H

#include <float.h>
#include <math.h>

#define AX_QUAD_FUNCTIONS(X)                                                                       \
    X(exp)                                                                                         \
    X(expm1)                                                                                       \
    X(log) X(log1p) X(sqrt) X(cbrt) X(sin) X(cos) X(atan) X(sinh) X(cosh) X(tanh) X(erf) X(erfc)   \
        X(floor) X(fabs)

#if LDBL_MANT_DIG == 113
typedef long double quad;
#define AX_QUAD_DEFINE(f)                                                                          \
    static inline quad f##_q(quad x)                                                               \
    {                                                                                              \
        return f##l(x);                                                                            \
    }
static inline quad pow_q(quad x, quad y)
{
    return powl(x, y);
}
#else
typedef __float128 quad;
extern quad powf128(quad x, quad y);
static inline quad pow_q(quad x, quad y)
{
    return powf128(x, y);
}
#define AX_QUAD_DEFINE(f)                                                                          \
    extern quad f##f128(quad x);                                                                   \
    static inline quad f##_q(quad x)                                                               \
    {                                                                                              \
        return f##f128(x);                                                                         \
    }
#endif
AX_QUAD_FUNCTIONS(AX_QUAD_DEFINE)
#undef AX_QUAD_DEFINE

#endif
