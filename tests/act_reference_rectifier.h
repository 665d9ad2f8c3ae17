/* act_reference_rectifier.h - references of the rows of catalog_rectifier.inc; see
 * act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_RECTIFIER_H
#define TESTS_ACT_REFERENCE_RECTIFIER_H

/* apl is a line between its hinges: its slope, and its value continued to 0 */
static real ref_apl_slope(const double *p, real x)
{
    return (x > 0) - ((x < p[1] ? (real)p[0] : 0) + (x < p[3] ? p[2] : 0));
}

static real ref_apl_constant(const double *p, real x)
{
    return (x < p[1] ? (real)p[0] * p[1] : 0) + (x < p[3] ? (real)p[2] * p[3] : 0);
}

/* e^x - 1 - x: near 0 its series, the terms beyond x^14/14! are below 2^-70 of it */
static real ref_exp_rest(real x)
{
    if (fabs(x) > 0.25L)
        return expm1(x) - x;
    real sum = 0;
    for (int n = 14; n >= 2; n--)
        sum = (sum + 1) * x / n;
    return sum * x;
}

/* ln cosh x = ln(1 + sinh^2 x)/2 */
static real ref_logcosh(real x)
{
    real s = sinh(fmin(fabs(x), 1));
    return fabs(x) < 1 ? log1p(s * s) / 2 : fabs(x) - REF_LN2 + log1p(exp(-2 * fabs(x)));
}

static real ref_plus(const double *p, real x)
{
    return sqrt(x * x + p[0]);
}

/* clang-format off */
REF(relu, x < 0 ? 0 : x, x > 0,
    0)
REF(relu6, ref_clip(x, 0, p[0]), x > 0 && x < (float)p[0],
    0)
REF(leaky, x < 0 ? p[0] * x : x, x > 0 ? 1 : p[0],
    0)
REF(rrelu, x < 0 ? (p[0] + p[1]) / 2 * x : x, x > 0 ? 1 : (p[0] + p[1]) / 2,
    0)
REF(threshold, x > p[0] ? x : p[1], x > p[0],
    0)
REF(squared_relu, x > 0 ? x * x : 0, x > 0 ? 2 * x : 0,
    x > 0 ? 2 : 0)
REF(star_relu, x > 0 ? p[0] * x * x + p[1] : p[1], x > 0 ? 2 * p[0] * x : 0,
    x > 0 ? 2 * p[0] : 0)
REF(srelu, x > p[0] ? p[0] + p[1] * (x - p[0]) : x <= p[2] ? p[2] + p[3] * (x - p[2]) : x,
    x > p[0] ? p[1] : x <= p[2] ? p[3] : 1,
    0)
REF(apl, ref_apl_slope(p, x) * x + ref_apl_constant(p, x), ref_apl_slope(p, x),
    0)
REF(abs, fabs(x), (x > 0) - (x < 0),
    0)
REF(elu, x < 0 ? p[0] * expm1(x) : x, x > 0 ? 1 : p[0] * exp(x),
    x > 0 ? 0 : p[0] * exp(x))
REF(celu, x < 0 ? p[0] * expm1(x / p[0]) : x, x > 0 ? 1 : exp(x / p[0]),
    x > 0 ? 0 : exp(x / p[0]) / p[0])
REF(selu, p[1] * (x < 0 ? p[0] * expm1(x) : x), p[1] * (x > 0 ? 1 : p[0] * exp(x)),
    x > 0 ? 0 : p[1] * p[0] * exp(x))
REF(isrlu, x < 0 ? x / sqrt(1 + p[0] * x * x) : x, x < 0 ? pow(1 + p[0] * x * x, -1.5L) : 1,
    x < 0 ? -3 * p[0] * x * pow(1 + p[0] * x * x, -2.5L) : 0)
REF(softplus, ref_sp(p[0] * x) / p[0], ref_s(p[0] * x),
    p[0] * ref_s_slope(p[0] * x))
REF(squareplus, x < 0 ? p[0] / (2 * (ref_plus(p, x) - x)) : (x + ref_plus(p, x)) / 2,
    x > 0 ? (1 + x / ref_plus(p, x)) / 2 :
    p[0] == 0 ? 0 : p[0] / (2 * ref_plus(p, x) * (ref_plus(p, x) - x)),
    p[0] == 0 ? 0 : p[0] / 2 * pow(x * x + p[0], -1.5L))
REF(sparse_plus, x <= -1 ? 0 : x > 1 ? x : (x + 1) * (x + 1) / 4, ref_clip((x + 1) / 2, 0, 1),
    x > -1 && x <= 1 ? 0.5L : 0)
REF(logcosh, ref_logcosh(x), tanh(x),
    ref_sech2(x))
REF(bent_identity, x * x / (2 * (sqrt(x * x + 1) + 1)) + x, 1 + x / (2 * sqrt(x * x + 1)),
    pow(x * x + 1, -1.5L) / 2)
REF(exponential, exp(x), exp(x),
    exp(x))
REF(xielu, x > 0 ? p[0] * x * x + p[2] * x :
    x < -1 ? p[1] * expm1(x) + (p[2] - (real)p[1]) * x : p[1] * ref_exp_rest(x) + p[2] * x,
    x > 0 ? 2 * p[0] * x + p[2] :
    x < -1 ? p[1] * exp(x) + (p[2] - (real)p[1]) : p[1] * expm1(x) + p[2],
    x > 0 ? 2 * p[0] : p[1] * exp(x))

#define REF_CASES_RECTIFIER \
    REF_ROW("relu", relu, -INFINITY, REF_P(0), 1), \
    REF_ROW("relu6", relu6, -INFINITY, REF_P(6), 6), \
    REF_ROW("relu6", relu6, -INFINITY, REF_P(0.1), 0.1f), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0.01), 1), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0.2), 1), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0.3), 1), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0), 1), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(1000), -3.4028e35f), \
    REF_ROW("prelu", leaky, -INFINITY, REF_P(0.25), 1), \
    REF_ROW("prelu", leaky, 0, REF_P(-0.3), 1), \
    REF_ROW("prelu", leaky, 0, REF_P(-1000), -3.4028e35f), \
    REF_ROW("rrelu", rrelu, -INFINITY, REF_P(0.125, 1.0 / 3), 1), \
    REF_ROW("rrelu", rrelu, -INFINITY, REF_P(0.7, 0.1), 1), \
    REF_ROW("threshold", threshold, -INFINITY, REF_P(1, 0), 1), \
    REF_ROW("threshold", threshold, -INFINITY, REF_P(0.1, -20.7), 0.1f), \
    REF_ROW("threshold", threshold, 1e-3, REF_P(-1e-3, 7), -1e-3f, 7), \
    REF_ROW("threshold", threshold, -INFINITY, REF_P(1e30, -1e30), 1e30f), \
    REF_ROW("squared_relu", squared_relu, -INFINITY, REF_P(0), 1.8446743e19f, 3.7e-23f, 1.7e38f), \
    REF_ROW("star_relu", star_relu, -INFINITY, REF_P(0.8944, -0.4472), 0.70710678f, 1.95e19f), \
    REF_ROW("star_relu", star_relu, INFINITY, REF_P(-1000, 0.3), 0.0173205081f, 5.8e17f), \
    REF_ROW("star_relu", star_relu, -INFINITY, REF_P(0.37, -1000), 51.987524f), \
    REF_ROW("star_relu", star_relu, -INFINITY, REF_P(0, 0.1), 1), \
    REF_ROW("star_relu", star_relu, -INFINITY, REF_P(1e-3, 0), 5.8e20f), \
    REF_ROW("srelu", srelu, -INFINITY, REF_P(1, 1, 0, 0.2), 1), \
    REF_ROW("srelu", srelu, -INFINITY, REF_P(0.4, 2.7, -0.6, 0.1), 0.4f, -0.6f, 5.4f), \
    REF_ROW("srelu", srelu, INFINITY, REF_P(0.7, -0.3, -0.7, -0.3), \
            0.7f, 3.0333333f, -0.7f, -3.0333333f), \
    REF_ROW("srelu", srelu, -INFINITY, REF_P(-0.9, 1.7, -1.1, 0), -0.9f, -1.1f, -0.37058824f), \
    REF_ROW("srelu", srelu, -INFINITY, REF_P(1000, 1000, -1000, 1000), 1000, -1000, 999, -999), \
    REF_ROW("apl", apl, -INFINITY, REF_P(-0.2, 0, 0, -1), 1), \
    REF_ROW("apl", apl, INFINITY, REF_P(0.2, -0.6, -0.7, 0.4), 0.4f, -0.6f, -0.8f, 0.16470588f), \
    REF_ROW("apl", apl, 0, REF_P(0.3, 0.9, -0.3, -0.7), 0.9f, -0.7f), \
    REF_ROW("apl", apl, INFINITY, REF_P(1000, 1000, -999, -1000), 1000, -1000, 1001.001f), \
    REF_ROW("abs", abs, 0, REF_P(0), 1), \
    REF_ROW("elu", elu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -88.72f, -103.97f), \
    REF_ROW("elu", elu, -INFINITY, REF_P(0.3), -0.34657f, -17.3286f, -102.8f), \
    REF_ROW("elu", elu, -INFINITY, REF_P(1000), -0.34657f, -17.3286f, -110.88f), \
    REF_ROW("elu", elu, -INFINITY, REF_P(0), 1), \
    REF_ROW("celu", celu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -103.97f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(2.7), -0.93575f, -46.8f, -280.7f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(0.001), -1e-3f, -0.10397f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(1000), -346.57f, -1.0397e5f), \
    REF_ROW("selu", selu, -INFINITY, REF_P(REF_SELU_A, REF_SELU_L), \
            -0.34657f, -17.3286f, -104.53f), \
    REF_ROW("selu", selu, -INFINITY, REF_P(1.67326319217681884765625, 1.05070102214813232421875), \
            -0.34657f, -17.3286f, -104.53f), \
    REF_ROW("selu", selu, -INFINITY, REF_P(1.6732, 1.0507), -0.34657f, -17.3286f, -104.53f), \
    REF_ROW("selu", selu, -INFINITY, REF_P(1000, 1000), -0.34657f, -17.3286f, -117.78f), \
    REF_ROW("isrlu", isrlu, -INFINITY, REF_P(1), -1, -4096, -3.4e12f), \
    REF_ROW("isrlu", isrlu, -INFINITY, REF_P(0.3), -1, -1e4f), \
    REF_ROW("isrlu", isrlu, -INFINITY, REF_P(1000), -0.0316f, -1e3f), \
    REF_ROW("isrlu", isrlu, -INFINITY, REF_P(0), 1), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1), 0.34657f, 15.94f, 20, -16.6f, -88.72f, \
            -103.97f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(3.3), 5.04f, -5.04f, -31.5f, -31.14f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(0.001), 1, -1e5f, -1.108e5f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1000), -0.097f, -0.10397f, 0.016f), \
    REF_ROW("squareplus", squareplus, -INFINITY, REF_P(4), -2, 2, -4096, 1e19f, -1e19f), \
    REF_ROW("squareplus", squareplus, -INFINITY, REF_P(0.3), -0.5f, 0.5f, -2048, -1e20f), \
    REF_ROW("squareplus", squareplus, -INFINITY, REF_P(1e6), -1000, 1000, -1e20f), \
    REF_ROW("squareplus", squareplus, -INFINITY, REF_P(1e-30), 1e-15f, -1e-15f, -1e8f), \
    REF_ROW("squareplus", squareplus, -INFINITY, REF_P(0), 1), \
    REF_ROW("sparse_plus", sparse_plus, -INFINITY, REF_P(0), -1, 1), \
    REF_ROW("logcosh", logcosh, 0, REF_P(0), 1.25f, -1.25f, 0.34657f, 9.011f, 3e-23f, 52.33f), \
    REF_ROW("bent_identity", bent_identity, -INFINITY, REF_P(0), 1, -1, 4096, -4096), \
    REF_ROW("exponential", exponential, -INFINITY, REF_P(0), \
            0.34657f, 88.72283f, -87.3365f, -103.97f), \
    REF_ROW("xielu", xielu, -0.9808, REF_P(0.8, 0.8, 0.5), \
            -0.98082925f, -2.4324844f, -0.34657f, -110), \
    REF_ROW("xielu", xielu, -0.2108, REF_P(0.3, 2.1, 0.4), -0.21130909f, -0.45156f, -0.34657f), \
    REF_ROW("xielu", xielu, -INFINITY, REF_P(1000, 0.37, 0.37), -0.34657f, -102.97f), \
    REF_ROW("xielu", xielu, -INFINITY, REF_P(0, 0.5, 1000), -0.34657f), \
    REF_ROW("xielu", xielu, 0, REF_P(1e-3, 1000, 0), -0.34657f, -110.88f, 1e-20f), \
    REF_ROW("xielu", xielu, -6.9077, REF_P(0.8, 1, 0.999), -6.9077553f, -1000, -999.99f),
/* clang-format on */

#endif
