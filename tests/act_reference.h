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
#include <math.h>
#include <stdint.h>
#include <string.h>

_Static_assert(LDBL_MANT_DIG >= 64, "the reference needs a long double wider than double");

typedef long double real;
typedef real ref_fn(const double *p, real x);

#define REF(name, f, d)                                                                            \
    static real ref_##name##_f(const double *p, real x)                                            \
    {                                                                                              \
        (void)p;                                                                                   \
        return f;                                                                                  \
    }                                                                                              \
    static real ref_##name##_d(const double *p, real x)                                            \
    {                                                                                              \
        (void)p, (void)x;                                                                          \
        return d;                                                                                  \
    }

static real ref_s(real x)
{
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

static real ref_s_slope(real x)
{
    real u = expl(-fabsl(x));
    return u / ((1 + u) * (1 + u));
}

static real ref_sp(real x)
{
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}

static real ref_sech2(real x)
{
    real u = expl(-2 * fabsl(x));
    return 4 * u / ((1 + u) * (1 + u));
}

#define REF_SQRT2  1.414213562373095048801688724209698079L
#define REF_PHI0   0.398942280401432677939946059934381868L /* 1/sqrt(2 pi) */
#define REF_K      0.797884560802865355879892119868763737L /* sqrt(2/pi)   */
#define REF_SELU_L 1.0507009873554804934193349852946L
#define REF_SELU_A 1.6732632423543772848170429916717L

static real ref_Phi(real x)
{
    return erfcl(-x / REF_SQRT2) / 2;
}

static real ref_phi(real x)
{
    return REF_PHI0 * expl(-x * x / 2);
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

static real ref_clip(real v, real lo, real hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* clang-format off */
REF(identity, x, 1)
REF(relu, x < 0 ? 0 : x, x > 0)
REF(relu6, ref_clip(x, 0, 6), x > 0 && x < 6)
REF(leaky, x < 0 ? p[0] * x : x, x > 0 ? 1 : p[0])
REF(elu, x < 0 ? p[0] * expm1l(x) : x, x > 0 ? 1 : p[0] * expl(x))
REF(celu, x < 0 ? p[0] * expm1l(x / p[0]) : x, x > 0 ? 1 : expl(x / p[0]))
REF(selu, REF_SELU_L * (x < 0 ? REF_SELU_A * expm1l(x) : x),
    REF_SELU_L * (x > 0 ? 1 : REF_SELU_A * expl(x)))
REF(softplus, ref_sp(p[0] * x) / p[0], ref_s(p[0] * x))
REF(sigmoid, ref_s(x), ref_s_slope(x))
REF(hard_sigmoid, ref_clip(p[0] * x + p[1], 0, 1),
    p[0] * x + p[1] > 0 && p[0] * x + p[1] < 1 ? p[0] : 0)
REF(hard_sigmoid_6, ref_clip((x + 3) / 6, 0, 1), x > -3 && x < 3 ? 1 / 6.0L : 0)
REF(tanh, tanhl(x), ref_sech2(x))
REF(softsign, x / (1 + fabsl(x)), 1 / ((1 + fabsl(x)) * (1 + fabsl(x))))
REF(silu, x * ref_s(x), fabsl(x) > 1e4L ? x > 0 : ref_s(x) * (1 + x * ref_s(-x)))
REF(gelu, x * ref_Phi(x), fabsl(x) > 1e4L ? x > 0 : ref_Phi(x) + x * ref_phi(x))
REF(gelu_tanh, x * ref_s(ref_2u(x)),
    fabsl(x) > 1e4L ? x > 0 : ref_s(ref_2u(x)) * (1 + x * ref_2u_slope(x) * ref_s(-ref_2u(x))))
REF(mish, x * tanhl(ref_sp(x)),
    fabsl(x) > 1e4L ? x > 0 : tanhl(ref_sp(x)) + x * ref_sech2(ref_sp(x)) * ref_s(x))
REF(hard_swish, x * ref_clip((x + 3) / 6, 0, 1), x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6)
/* clang-format on */

/* One function with parameters, and where it is hard: kinks, roots of f', saturations, clamps.
 * f does not decrease from `rises` on. */
typedef struct ref_case {
    const char *name;
    double p[4];
    ref_fn *f, *d;
    double rises;
    float edges[8]; /* 0 ends the list; windows round 0 and the ends of float32 come anyway */
} ref_case;

#define REF_ROW(name, fn, rises, params, ...)                                                      \
    {                                                                                              \
        name, params, ref_##fn##_f, ref_##fn##_d, rises,                                           \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define REF_P(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* clang-format off */
static const ref_case ref_cases[] = {
    REF_ROW("identity", identity, -INFINITY, REF_P(0), 1),
    REF_ROW("relu", relu, -INFINITY, REF_P(0), 1),
    REF_ROW("relu6", relu6, -INFINITY, REF_P(0), 6),
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0.01), 1),
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0), 1),
    REF_ROW("prelu", leaky, -INFINITY, REF_P(0.25), 1),
    REF_ROW("prelu", leaky, 0, REF_P(-0.3), 1),
    REF_ROW("elu", elu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -88.72f, -103.97f),
    REF_ROW("elu", elu, -INFINITY, REF_P(0.3), -0.34657f, -17.3286f, -102.8f),
    REF_ROW("elu", elu, -INFINITY, REF_P(1000), -0.34657f, -17.3286f, -110.88f),
    REF_ROW("celu", celu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -103.97f),
    REF_ROW("celu", celu, -INFINITY, REF_P(2.7), -0.93575f, -46.8f, -280.7f),
    REF_ROW("celu", celu, -INFINITY, REF_P(0.001), -1e-3f, -0.10397f),
    REF_ROW("selu", selu, -INFINITY, REF_P(0), -0.34657f, -17.3286f, -104.53f),
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1), 0.34657f, 15.94f, 20, -16.6f, -88.72f,
            -103.97f),
    REF_ROW("softplus", softplus, -INFINITY, REF_P(3.3), 5.04f, -5.04f, -31.5f, -31.14f),
    REF_ROW("softplus", softplus, -INFINITY, REF_P(0.001), 1, -1e5f, -1.108e5f),
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1000), -0.097f, -0.10397f, 0.016f),
    REF_ROW("sigmoid", sigmoid, -INFINITY, REF_P(0),
            0.34657f, 16.635f, 17.33f, -88.72f, -103.97f, 103.97f),
    REF_ROW("hard_sigmoid", hard_sigmoid_6, -INFINITY, REF_P(1.0 / 6, 0.5), -3, 3),
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.2, 0.5), -2.5f, 2.5f),
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.2f, 0.5), -2.5f, 2.5f),
    REF_ROW("tanh", tanh, -INFINITY, REF_P(0),
            0.17328f, -0.17328f, 0.51986f, 9.011f, -9.011f, 52.33f),
    REF_ROW("softsign", softsign, -INFINITY, REF_P(0), 1, -1, 1.6777216e7f, -3.4e7f),
    REF_ROW("silu", silu, -1.27846, REF_P(0),
            -1.27846454f, -88.72f, -103.97f, -108.6f, -109, 16.6f, 40),
    REF_ROW("gelu", gelu, -0.75179, REF_P(0),
            -0.7517915f, -5.5f, -13.05f, -14.4f, -15, 5.5f, 14.4f),
    REF_ROW("gelu_tanh", gelu_tanh, -0.75246, REF_P(0),
            -0.7524614f, -5.5f, -9.95f, -10.7f, 5, -12, 12),
    REF_ROW("mish", mish, -1.19243, REF_P(0),
            -1.19243121f, -88.72f, -103.97f, -108.6f, 8.3f, 20, 40),
    REF_ROW("hard_swish", hard_swish, -1.5, REF_P(0), -3, 3, -1.5f),
};
/* clang-format on */
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
    int e = exact == 0 ? -126 : ilogbl(exact);
    e = e < -126 ? -126 : e > 127 ? 127 : e;
    return (double)(fabsl((real)got - exact) / scalbnl(1, e - 23));
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
