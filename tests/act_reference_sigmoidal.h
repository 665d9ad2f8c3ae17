/* act_reference_sigmoidal.h - references of the rows of catalog_sigmoidal.inc; see act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_SIGMOIDAL_H
#define TESTS_ACT_REFERENCE_SIGMOIDAL_H

/* clang-format off */
REF(identity, x, 1,
    0)
REF(sigmoid, ref_s(x), ref_s_slope(x),
    ref_s_curve(x))
REF(hard_sigmoid, ref_clip(p[0] * x + p[1], 0, 1),
    p[0] * x + p[1] > 0 && p[0] * x + p[1] < 1 ? p[0] : 0,
    0)
REF(hard_sigmoid_6, ref_clip((x + 3) / 6, 0, 1), x > -3 && x < 3 ? 1 / 6.0L : 0,
    0)
REF(tanh, tanh(x), ref_sech2(x),
    -2 * tanh(x) * ref_sech2(x))
REF(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))),
    x == 0 ? 0 : (x < 0 ? 2 : -2) / pow(1 + fabs(x), 3))

#define REF_CASES_SIGMOIDAL \
    REF_ROW("identity", identity, -INFINITY, REF_P(0), 1), \
    REF_ROW("sigmoid", sigmoid, -INFINITY, REF_P(0), \
            0.34657f, 16.635f, 17.33f, -88.72f, -103.97f, 103.97f), \
    REF_ROW("hard_sigmoid", hard_sigmoid_6, -INFINITY, REF_P(1.0 / 6, 0.5), -3, 3), \
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.2, 0.5), -2.5f, 2.5f), \
    REF_ROW("hard_sigmoid", hard_sigmoid, -INFINITY, REF_P(0.2f, 0.5), -2.5f, 2.5f), \
    REF_ROW("tanh", tanh, -INFINITY, REF_P(0), \
            0.17328f, -0.17328f, 0.51986f, 9.011f, -9.011f, 52.33f), \
    REF_ROW("softsign", softsign, -INFINITY, REF_P(0), 1, -1, 1.6777216e7f, -3.4e7f),
/* clang-format on */

#endif
