/* act_reference_shrink.h - references of the rows of catalog_shrink.inc; see act_reference.h. */
#ifndef TESTS_ACT_REFERENCE_SHRINK_H
#define TESTS_ACT_REFERENCE_SHRINK_H

/* x - tanh x: where it cancels, by the continued fraction x/(1 + x^2/(3 + x^2/(5 + ...))) */
static real ref_tanh_shrink(real x)
{
    real w = x * x, tail = 25;
    if (w > 0.25L)
        return x - tanh(x);
    for (int odd = 23; odd >= 3; odd -= 2)
        tail = odd + w / tail;
    return x * w / (tail + w);
}

/* clang-format off */
REF(hard_shrink, fabs(x) > p[0] ? x : 0, fabs(x) > p[0],
    0)
REF(soft_shrink, x > p[0] ? x - p[0] : x < -p[0] ? x + p[0] : 0, fabs(x) > p[0],
    0)
REF(tanh_shrink, ref_tanh_shrink(x), tanh(x) * tanh(x),
    2 * tanh(x) * ref_sech2(x))

#define REF_CASES_SHRINK \
    REF_ROW("hard_shrink", hard_shrink, -INFINITY, REF_P(0.5), 0.5f, -0.5f), \
    REF_ROW("hard_shrink", hard_shrink, -INFINITY, REF_P(0), 1), \
    REF_ROW("hard_shrink", hard_shrink, -INFINITY, REF_P(0.3), 0.3f, -0.3f), \
    REF_ROW("hard_shrink", hard_shrink, -INFINITY, REF_P(1000), 1000, -1000), \
    REF_ROW("soft_shrink", soft_shrink, -INFINITY, REF_P(0.5), 0.5f, -0.5f), \
    REF_ROW("soft_shrink", soft_shrink, -INFINITY, REF_P(0), 1), \
    REF_ROW("soft_shrink", soft_shrink, -INFINITY, REF_P(0.3), 0.3f, -0.3f), \
    REF_ROW("soft_shrink", soft_shrink, -INFINITY, REF_P(1000), 1000, -1000), \
    REF_ROW("tanh_shrink", tanh_shrink, -INFINITY, REF_P(0), \
            0.625f, -0.625f, 0.5f, 1e-15f, -1e-13f, 9.011f, 20, 52.5f),
/* clang-format on */

#endif
