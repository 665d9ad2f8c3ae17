/* act_limits_gated.h - limits of the rows of catalog_gated.inc and catalog_periodic.inc; see
 * act_ulp.c. */
#ifndef TESTS_ACT_LIMITS_GATED_H
#define TESTS_ACT_LIMITS_GATED_H

/* f(-inf), f(-0), f(0), f(inf), f'(-inf), f'(0), f'(inf) */
/* clang-format off */
#define LIMITS_GATED \
    {"silu", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"swish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"e_swish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.75f, 1.5f}}, \
    {"quick_gelu", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"hard_swish", {-0.0f, -0.0f, 0.0f, INFINITY, 0, 0.5f, 1}}, \
    {"gelu", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"gelu_tanh", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"mish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.6f, 1}}, \
    {"hard_mish", {-0.0f, -0.0f, 0.0f, INFINITY, 0, 1, 1}}, \
    {"telu", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.761594156f, 1}}, \
    {"serf", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.673041290f, 1}}, \
    {"smish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.384615385f, 0.6f}}, \
    {"logish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.405465108f, 0.693147181f}}, \
    {"phish", {0.0f, 0.0f, 0.0f, INFINITY, 0.0f, 0, 1}}, \
    {"lisht", {INFINITY, 0.0f, 0.0f, INFINITY, -1, 0, 1}}, \
    {"elish", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"hard_elish", {-0.0f, -0.0f, 0.0f, INFINITY, 0, 0.5f, 1}}, \
    {"acon_c", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 0.5f, 1}}, \
    {"pau", {-INFINITY, 0.02979246f, 0.02979246f, INFINITY, 0.723019746f, 0.61837738f, \
            0.723019746f}}, \
    {"sin", {NAN, -0.0f, 0.0f, NAN, NAN, 1, NAN}}, \
    {"cos", {NAN, 1, 1, NAN, NAN, -0.0f, NAN}}, \
    {"sinc", {0.0f, 1, 1, 0.0f, 0, -0.0f, 0}}, \
    {"sinlu", {-0.0f, -0.0f, 0.0f, INFINITY, -0.0f, 1, NAN}}, \
    {"snake", {-INFINITY, 0.0f, 0.0f, INFINITY, NAN, 1, NAN}}, \
    {"gcu", {NAN, -0.0f, 0.0f, NAN, NAN, 1, NAN}},
/* clang-format on */

#endif
