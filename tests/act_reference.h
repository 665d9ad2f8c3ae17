/* act_reference.h - the activations once more, slowly and independently, and how far off we are.
 *
 * long double (64 bits of mantissa or more) and libm, in forms that do not cancel except at the
 * irrational roots of derivatives, where 2^-64 over the distance of the nearest float32 still
 * leaves 2^-37. Written from the definitions, not from the kernels: mish through tanh(log1p(exp
 * x)), gelu through erfc, and so on. Finite x only; what happens at infinities is a table in
 * act_ulp.c. */
#ifndef TESTS_ACT_REFERENCE_H
#define TESTS_ACT_REFERENCE_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#ifdef AX_REAL
#include <math.h>
#else
#include <tgmath.h>
_Static_assert(LDBL_MANT_DIG >= 64, "the reference needs a long double wider than double");
#define AX_REAL long double
#endif
typedef AX_REAL real;
#include "act_reference_wide.h"
#ifndef REF_DEFINE /* tests/ulp has one for blocks */
typedef real ref_fn(const double *p, real x);
#define REF_DEFINE(fn, expr)                                                                       \
    static real fn(const double *p, real x)                                                        \
    {                                                                                              \
        (void)p, (void)x;                                                                          \
        return expr;                                                                               \
    }
#endif

/* f, f' and f'' */
#define REF(name, f, d, dd)                                                                        \
    REF_DEFINE(ref_##name##_f, f)                                                                  \
    REF_DEFINE(ref_##name##_d, d)                                                                  \
    REF_DEFINE(ref_##name##_dd, dd)

static real ref_s(real x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static real ref_s_slope(real x)
{
    real u = exp(-fabs(x));
    return u / ((1 + u) * (1 + u));
}

static real ref_sp(real x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static real ref_sech2(real x)
{
    real u = exp(-2 * fabs(x));
    return 4 * u / ((1 + u) * (1 + u));
}

#define REF_SQRT2  1.414213562373095048801688724209698079L
#define REF_LN2    0.693147180559945309417232121458176568L
#define REF_PHI0   0.398942280401432677939946059934381868L /* 1/sqrt(2 pi) */
#define REF_K      0.797884560802865355879892119868763737L /* sqrt(2/pi)   */
#define REF_SELU_L 1.0507009873554804934193349852946L
#define REF_SELU_A 1.6732632423543772848170429916717L

static real ref_Phi(real x)
{
    return erfc(-x / REF_SQRT2) / 2;
}

static real ref_phi(real x)
{
    return REF_PHI0 * exp(-x * x / 2);
}

/* twice the inner polynomial of gelu_tanh and its slope */
static real ref_2u(real x)
{
    return 2 * REF_K * x * (1 + 0.044715L * x * x);
}

static real ref_2u_slope(real x)
{
    return 2 * REF_K * (1 + 3 * 0.044715L * x * x);
}

static real ref_2u_curve(real x)
{
    return 12 * REF_K * 0.044715L * x;
}

static real ref_clip(real v, real lo, real hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}


enum { REF_PARAMS = 10, REF_EDGES = 16 };

/* One function with parameters, and where it is hard: kinks, roots of f', saturations, clamps.
 * f does not decrease from `rises` on. */
typedef struct ref_case {
    const char *name;
    double p[REF_PARAMS];
    ref_fn *f, *d, *dd;
    double rises;
    float edges[REF_EDGES]; /* 0 ends the list; windows round 0 and the ends of float32 come anyway */
} ref_case;

#define REF_ROW(name, fn, rises, params, ...)                                                      \
    {                                                                                              \
        name, params, ref_##fn##_f, ref_##fn##_d, ref_##fn##_dd, rises,                                           \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define REF_P(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* second derivatives: c - s = -tanh(x/2) does not cancel at 0 */
static real ref_s_curve(real x)
{
    return -ref_s_slope(x) * tanh(x / 2);
}

#include "act_reference_gated.h"
#include "act_reference_periodic.h"
#include "act_reference_rectifier.h"
#include "act_reference_shrink.h"
#include "act_reference_sigmoidal.h"

static const ref_case ref_cases[] = {REF_CASES_SIGMOIDAL REF_CASES_SHRINK REF_CASES_RECTIFIER
                                         REF_CASES_GATED REF_CASES_PERIODIC};
#define REF_CASES ((int)(sizeof ref_cases / sizeof *ref_cases))

/* |got - exact| in units of ulp(y) = 2^(max(e,-126)-23), e the exponent of the exact value;
 * what rounds past the largest float32 must be infinite. NaN gives infinity. */
static inline double ref_ulp(float got, real exact)
{
    const real over = 0x1.ffffffp127L; /* half an ulp above FLT_MAX */
    if (isinf(got))
        return (exact >= over && got > 0) || (exact <= -over && got < 0) ? 0 : INFINITY;
    if (isnan(got) || isnan(exact))
        return INFINITY;
    int e = exact == 0 ? -126 : ilogb(exact);
    e = e < -126 ? -126 : e > 127 ? 127 : e;
    return (double)(fabs((real)got - exact) / scalbn((real)1, e - 23));
}

/* float32 in order: 0 is +0, 0x7f800000 is inf, -1 is -0, -1 - 0x7f800000 is -inf. */
static inline float ref_float(int64_t order)
{
    uint32_t bits = order >= 0 ? (uint32_t)order : 0x80000000u | (uint32_t)(-1 - order);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline int64_t ref_order(float f)
{
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits >= 0 ? bits : -1 - (int64_t)(bits & 0x7fffffff);
}

#define REF_INF 0x7f800000 /* ref_order(inf) */

#endif
