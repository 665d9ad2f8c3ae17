/* act_reference_gated.h - references of the rows of catalog_gated.inc; see act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_GATED_H
#define TESTS_ACT_REFERENCE_GATED_H

/* clang-format off */
REF(silu, x * ref_s(x), fabs(x) > 1e4L ? x > 0 : ref_s(x) * (1 + x * ref_s(-x)),
    ref_s_slope(x) * (2 - x * tanh(x / 2)))
REF(gelu, x * ref_Phi(x), fabs(x) > 1e4L ? x > 0 : ref_Phi(x) + x * ref_phi(x),
    ref_phi(x) * (2 - x * x))
REF(gelu_tanh, x * ref_s(ref_2u(x)),
    fabs(x) > 1e4L ? x > 0 : ref_s(ref_2u(x)) * (1 + x * ref_2u_slope(x) * ref_s(-ref_2u(x))),
    fabs(x) > 1e4L ? 0 : ref_s_slope(ref_2u(x)) * (2 * ref_2u_slope(x) + x * ref_2u_curve(x) -
    x * ref_2u_slope(x) * ref_2u_slope(x) * tanh(ref_2u(x) / 2)))
REF(mish, x * tanh(ref_sp(x)),
    fabs(x) > 1e4L ? x > 0 : tanh(ref_sp(x)) + x * ref_sech2(ref_sp(x)) * ref_s(x),
    fabs(x) > 1e4L ? 0 : ref_sech2(ref_sp(x)) * ref_s(x) * (2 + x * (ref_s(-x) - 2 * ref_s(x) * tanh(ref_sp(x)))))
REF(hard_swish, x * ref_clip((x + 3) / 6, 0, 1), x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6,
    fabs(x) < 3 ? 1 / 3.0L : 0)

#define REF_CASES_GATED \
    REF_ROW("silu", silu, -1.27846, REF_P(0), \
            -1.27846454f, -88.72f, -103.97f, -108.6f, -109, 16.6f, 40, 2.3993573f, -2.3993573f), \
    REF_ROW("gelu", gelu, -0.75179, REF_P(0), \
            -0.7517915f, -5.5f, -13.05f, -14.4f, -15, 5.5f, 14.4f, 1.41421356f, -1.41421356f), \
    REF_ROW("gelu_tanh", gelu_tanh, -0.75246, REF_P(0), \
            -0.7524614f, -5.5f, -9.95f, -10.7f, 5, -12, 12, 1.41850401f, -1.41850401f), \
    REF_ROW("mish", mish, -1.19243, REF_P(0), \
            -1.19243121f, -88.72f, -103.97f, -108.6f, 8.3f, 20, 40, -2.2563764f, 1.49057118f), \
    REF_ROW("hard_swish", hard_swish, -1.5, REF_P(0), -3, 3, -1.5f),
/* clang-format on */

#endif
