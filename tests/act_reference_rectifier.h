/* act_reference_rectifier.h - references of the rows of catalog_rectifier.inc; see act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_RECTIFIER_H
#define TESTS_ACT_REFERENCE_RECTIFIER_H

/* clang-format off */
REF(relu, x < 0 ? 0 : x, x > 0,
    0)
REF(relu6, ref_clip(x, 0, 6), x > 0 && x < 6,
    0)
REF(leaky, x < 0 ? p[0] * x : x, x > 0 ? 1 : p[0],
    0)
REF(elu, x < 0 ? p[0] * expm1(x) : x, x > 0 ? 1 : p[0] * exp(x),
    x < 0 ? p[0] * exp(x) : 0)
REF(celu, x < 0 ? p[0] * expm1(x / p[0]) : x, x > 0 ? 1 : exp(x / p[0]),
    x < 0 ? exp(x / p[0]) / p[0] : 0)
REF(selu, REF_SELU_L * (x < 0 ? REF_SELU_A * expm1(x) : x),
    REF_SELU_L * (x > 0 ? 1 : REF_SELU_A * exp(x)),
    x < 0 ? REF_SELU_L * REF_SELU_A * exp(x) : 0)
REF(softplus, ref_sp(p[0] * x) / p[0], ref_s(p[0] * x),
    p[0] * ref_s_slope(p[0] * x))

#define REF_CASES_RECTIFIER \
    REF_ROW("relu", relu, -INFINITY, REF_P(0), 1), \
    REF_ROW("relu6", relu6, -INFINITY, REF_P(0), 6), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0.01), 1), \
    REF_ROW("leaky_relu", leaky, -INFINITY, REF_P(0), 1), \
    REF_ROW("prelu", leaky, -INFINITY, REF_P(0.25), 1), \
    REF_ROW("prelu", leaky, 0, REF_P(-0.3), 1), \
    REF_ROW("elu", elu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -88.72f, -103.97f), \
    REF_ROW("elu", elu, -INFINITY, REF_P(0.3), -0.34657f, -17.3286f, -102.8f), \
    REF_ROW("elu", elu, -INFINITY, REF_P(1000), -0.34657f, -17.3286f, -110.88f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(1), -0.34657f, -17.3286f, -103.97f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(2.7), -0.93575f, -46.8f, -280.7f), \
    REF_ROW("celu", celu, -INFINITY, REF_P(0.001), -1e-3f, -0.10397f), \
    REF_ROW("selu", selu, -INFINITY, REF_P(0), -0.34657f, -17.3286f, -104.53f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1), 0.34657f, 15.94f, 20, -16.6f, -88.72f, \
            -103.97f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(3.3), 5.04f, -5.04f, -31.5f, -31.14f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(0.001), 1, -1e5f, -1.108e5f), \
    REF_ROW("softplus", softplus, -INFINITY, REF_P(1000), -0.097f, -0.10397f, 0.016f),
/* clang-format on */

#endif
