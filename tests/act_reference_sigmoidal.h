/* act_reference_sigmoidal.h - references of the rows of catalog_sigmoidal.inc; see
 * act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_SIGMOIDAL_H
#define TESTS_ACT_REFERENCE_SIGMOIDAL_H

/* alpha x + beta rounded once: the product alone would be rounded before it cancels */
static real ref_line(const double *p, real x)
{
    return fma((real)p[0], x, (real)p[1]);
}

static real ref_bell(real x)
{
    return exp(-x * x);
}

static real ref_z(const double *p, real x)
{
    return (x - p[0]) / p[1];
}

/* ln(1 + e^-x) */
static real ref_late(real x)
{
    return fmax(-x, 0) + log1p(exp(-fabs(x)));
}

/* f'' of aria2 over beta^2 f f': alpha c - s = -alpha (e^w - 1) c, w = beta x - ln alpha */
static real ref_aria2_bend(const double *p, real x)
{
    real w = fmin(fma((real)p[1], x, -log((real)p[0])), 300);
    return -p[0] * expm1(w) * ref_s(-p[1] * x);
}

#define REF_2_ROOT_PI 1.128379167095512573896158903121545172L /* 2/sqrt(pi) */

/* clang-format off */
REF(identity, x, 1,
    0)
REF(affine, ref_line(p, x), p[0],
    0)
REF(step, x > 0 ? 1 : x < 0 ? 0 : p[0], 0,
    0)
REF(sigmoid, ref_s(x), ref_s_slope(x),
    ref_s_curve(x))
REF(hard_sigmoid, ref_clip(ref_line(p, x), 0, 1),
    ref_line(p, x) > 0 && ref_line(p, x) < 1 ? p[0] : 0,
    0)
/* p[2], p[3]: the kinks that are meant, where alpha is 1/6, 0.1 or 0.001, which no double is */
REF(hard_sigmoid_at, ref_clip((x - p[2]) / ((real)p[3] - p[2]), 0, 1),
    x > p[2] && x < p[3] ? 1 / ((real)p[3] - p[2]) : 0,
    0)
REF(sparse_sigmoid, ref_clip((x + 1) / 2, 0, 1), fabs(x) < 1 ? 0.5L : 0,
    0)
REF(log_sigmoid, -ref_late(x), ref_s(-x),
    -ref_s_slope(x))
REF(cloglog, -expm1(-exp(x)), x > 100 ? 0 : exp(x - exp(x)),
    x > 100 ? 0 : -exp(x - exp(x)) * expm1(x))
REF(probit, ref_Phi(x), ref_phi(x),
    -x * ref_phi(x))
REF(laplace, ref_Phi(ref_z(p, x)), ref_phi(ref_z(p, x)) / p[1],
    -ref_z(p, x) * ref_phi(ref_z(p, x)) / ((real)p[1] * p[1]))
REF(tanh, tanh(x), ref_sech2(x),
    -2 * tanh(x) * ref_sech2(x))
REF(lecun_tanh, p[0] * tanh(p[1] * x), (real)p[0] * p[1] * ref_sech2(p[1] * x),
    -2 * (real)p[0] * p[1] * p[1] * tanh(p[1] * x) * ref_sech2(p[1] * x))
REF(softcap, p[0] * tanh(x / p[0]), ref_sech2(x / p[0]),
    -2 / (real)p[0] * tanh(x / p[0]) * ref_sech2(x / p[0]))
REF(hard_tanh, fmin(fmax(x, p[0]), p[1]), x > p[0] && x < p[1],
    0)
REF(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))),
    x == 0 ? 0 : (x < 0 ? 2 : -2) / pow(1 + fabs(x), 3))
REF(arctan, atan(x), 1 / (1 + x * x),
    -2 * x / ((1 + x * x) * (1 + x * x)))
REF(erf, erf(x), REF_2_ROOT_PI * ref_bell(x),
    -2 * REF_2_ROOT_PI * x * ref_bell(x))
REF(isru, x / sqrt(1 + p[0] * x * x), 1 / ((1 + p[0] * x * x) * sqrt(1 + p[0] * x * x)),
    -3 * p[0] * x / ((1 + p[0] * x * x) * (1 + p[0] * x * x) * sqrt(1 + p[0] * x * x)))
REF(sqnl, fabs(x) < 2 ? x - x * fabs(x) / 4 : x < 0 ? -1 : 1, fabs(x) < 2 ? 1 - fabs(x) / 2 : 0,
    fabs(x) < 2 && x != 0 ? (x < 0 ? 0.5L : -0.5L) : 0)
REF(gaussian, ref_bell(x), -2 * x * ref_bell(x),
    fabs(x) > 1e4L ? 0 : (4 * x * x - 2) * ref_bell(x))
REF(aria2, exp(-p[0] * ref_late(p[1] * x)),
    p[0] * p[1] * exp(-p[0] * ref_late(p[1] * x)) * ref_s(-p[1] * x),
    p[0] * p[1] * p[1] * exp(-p[0] * ref_late(p[1] * x)) * ref_s(-p[1] * x) *
    ref_aria2_bend(p, x))

#define REF_CASES_SIGMOIDAL \
    REF_ROW("identity", identity, -INFINITY, REF_P(0), 1), \
    REF_ROW("affine", affine, -INFINITY, REF_P(1, 0), 1), \
    REF_ROW("affine", affine, -INFINITY, REF_P(0.1, 0.3), -3), \
    REF_ROW("affine", affine, -INFINITY, REF_P(1 / 3.0, -1), 3), \
    REF_ROW("affine", affine, INFINITY, REF_P(-2.7, 1000), 370.37037f), \
    REF_ROW("affine", affine, -INFINITY, REF_P(1000, 0.77), -0.00077f), \
    REF_ROW("affine", affine, -INFINITY, REF_P(0, -1000), 1), \
    REF_ROW("step", step, -INFINITY, REF_P(0), 1), \
    REF_ROW("step", step, -INFINITY, REF_P(0.5), 1), \
    REF_ROW("step", step, -INFINITY, REF_P(1), 1), \
    REF_ROW("sigmoid", sigmoid, -INFINITY, REF_P(0), \
            0.34657f, 16.635f, 17.33f, -88.72f, -103.97f, 103.97f), \
    REF_ROW("hard_sigmoid", hard_sigmoid_at, -INFINITY, REF_P(1.0 / 6, 0.5, -3, 3), -3, 3), \
    REF_ROW("hard_sigmoid", hard_sigmoid_at, -INFINITY, REF_P(0.1, 0.3, -3, 7), -3, 7), \
    REF_ROW("hard_sigmoid", hard_sigmoid_at, -INFINITY, REF_P(0.2, 0.5, -2.5, 2.5), -2.5f, 2.5f), \
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.2f, 0.5), -2.5f, 2.5f), \
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.37, -1.7), 4.5945946f, 7.2972973f), \
    REF_ROW("hard_sigmoid", hard_sigmoid_at, -INFINITY, REF_P(0.001, -1000, 1e6, 1001000), \
            1e6f, 1001000), \
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(1000, 777.7), -0.7777f, -0.7767f), \
    REF_ROW("sparse_sigmoid", sparse_sigmoid, -INFINITY, REF_P(0), -1, 1), \
    REF_ROW("log_sigmoid", log_sigmoid, -INFINITY, REF_P(0), \
            0.34657f, -16.635f, 17.33f, 88.72f, 103.97f, -103.97f), \
    REF_ROW("cloglog", cloglog, -INFINITY, REF_P(0), \
            -0.36651f, -17.33f, -88.72f, -103.97f, 1.06f, 2.85f, 4.66f, 4.7f, 5, 6), \
    REF_ROW("probit", probit, -INFINITY, REF_P(0), \
            -5.5f, 5.4f, -13.05f, -14.17f, -14.3f, 14.3f, 15, -15, 20), \
    REF_ROW("laplace", laplace, -INFINITY, REF_P(0.70710678118654752, 0.28209479177387814), \
            0.70710678f, -3.29f, -3.4f, 2.2f, 4.8f), \
    REF_ROW("laplace", laplace, -INFINITY, REF_P(0, 1), -13.05f, -14.17f, 5.4f, 15), \
    REF_ROW("laplace", laplace, -INFINITY, REF_P(1000, 0.001), 1000, 999.986f, 1000.014f), \
    REF_ROW("laplace", laplace, -INFINITY, REF_P(-1000, 1000), -1000, -15170, 13000), \
    REF_ROW("laplace", laplace, -INFINITY, REF_P(0.3, 2.5), 0.3f, -35.1f, -36, 36), \
    REF_ROW("tanh", tanh, -INFINITY, REF_P(0), \
            0.17328f, -0.17328f, 0.51986f, 9.011f, -9.011f, 52.33f), \
    REF_ROW("lecun_tanh", lecun_tanh, -INFINITY, REF_P(1.7159, 2 / 3.0), \
            0.26f, -0.26f, 0.78f, 13.52f, 78.5f), \
    REF_ROW("lecun_tanh", lecun_tanh, -INFINITY, REF_P(1, 1), 0.17328f, 9.011f, 52.33f), \
    REF_ROW("lecun_tanh", lecun_tanh, -INFINITY, REF_P(1000, 1000), 1.7e-4f, 9e-3f, 0.06f), \
    REF_ROW("lecun_tanh", lecun_tanh, -INFINITY, REF_P(0.001, 0.001), 173.28f, 9011, 45000), \
    REF_ROW("lecun_tanh", lecun_tanh, -INFINITY, REF_P(0.3, 7.7), 0.0225f, 1.17f, 6.8f), \
    REF_ROW("softcap", softcap, -INFINITY, REF_P(50), 8.664f, 26, 450.5f, -450.5f, 2616), \
    REF_ROW("softcap", softcap, -INFINITY, REF_P(30), 5.2f, 15.6f, 270.3f, 1570), \
    REF_ROW("softcap", softcap, -INFINITY, REF_P(0.001), 1.7e-4f, 0.009f, 0.0523f), \
    REF_ROW("softcap", softcap, -INFINITY, REF_P(1e6), 173280, 9011000, 4.6e7f), \
    REF_ROW("softcap", softcap, -INFINITY, REF_P(1.7), 0.2946f, 15.32f, 88.9f), \
    REF_ROW("hard_tanh", hard_tanh, -INFINITY, REF_P(-1, 1), -1, 1), \
    REF_ROW("hard_tanh", hard_tanh, -INFINITY, REF_P(0, 6), 6), \
    REF_ROW("hard_tanh", hard_tanh, -INFINITY, REF_P(-0.3, 0.7), -0.3f, 0.7f), \
    REF_ROW("hard_tanh", hard_tanh, -INFINITY, REF_P(-1000, 1000), -1000, 1000), \
    REF_ROW("hard_tanh", hard_tanh, -INFINITY, REF_P(1, -1), -1, 1), \
    REF_ROW("softsign", softsign, -INFINITY, REF_P(0), 1, -1, 1.6777216e7f, -3.4e7f), \
    REF_ROW("arctan", arctan, -INFINITY, REF_P(0), \
            0.41421356f, -0.41421356f, 2.4142136f, -2.4142136f, 1.6777216e7f, -1.8e19f, 2e14f), \
    REF_ROW("erf", erf, -INFINITY, REF_P(0), \
            0.6f, -0.6f, 3.9f, -3.9f, 9.2f, 10.05f, 14.2f, -10.2f), \
    REF_ROW("isru", isru, -INFINITY, REF_P(1), 1, -1, 4096, 1.8e19f, 3e13f), \
    REF_ROW("isru", isru, -INFINITY, REF_P(0.3), 1.8f, 7500, -2e19f), \
    REF_ROW("isru", isru, -INFINITY, REF_P(0.001), 31.6f, 1.3e5f, -5e20f), \
    REF_ROW("isru", isru, -INFINITY, REF_P(1000), 0.0316f, -130, 1e18f), \
    REF_ROW("sqnl", sqnl, -INFINITY, REF_P(0), 2, -2, 1), \
    REF_ROW("gaussian", gaussian, INFINITY, REF_P(0), \
            0.70710678f, -0.70710678f, 0.5887f, 9.35f, 10.2f, 10.4f, 14.2f, -14.2f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(1.5, 2), \
            0.20273255f, -34.66f, -35, 8.5f, 52.5f, -0.17328f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(1, 1), 16.635f, -103.97f, 103.97f, -0.34657f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(0.01, 100), -0.0460517f, -104, 1.04f, 1.08f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(100, 0.01), 460.517f, -60.3f, 10400, 21.2f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(100, 100), 0.0460517f, -0.00603f, 1.13f, 0.2f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(0.3, 3.7), -0.32539793f, -93.67f, 28, 4.1f), \
    REF_ROW("aria2", aria2, -INFINITY, REF_P(7, 0.5), 3.8918203f, -29.7f, 212, 38),
/* clang-format on */

#endif
