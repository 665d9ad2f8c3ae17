/* act_limits_sigmoidal.h - limits of the rows of catalog_sigmoidal.inc and catalog_shrink.inc; see
 * act_ulp.c. */
#ifndef TESTS_ACT_LIMITS_SIGMOIDAL_H
#define TESTS_ACT_LIMITS_SIGMOIDAL_H

/* f(-inf), f(-0), f(0), f(inf), f'(-inf), f'(0), f'(inf) */
/* clang-format off */
#define LIMITS_SIGMOIDAL \
    {"identity", {-INFINITY, -0.0f, 0.0f, INFINITY, 1, 1, 1}}, \
    {"affine", {-INFINITY, 0.0f, 0.0f, INFINITY, 1, 1, 1}}, \
    {"step", {0.0f, 0.0f, 0.0f, 1, 0, 0, 0}}, \
    {"sigmoid", {0.0f, 0.5f, 0.5f, 1, 0, 0.25f, 0}}, \
    {"hard_sigmoid", {0.0f, 0.5f, 0.5f, 1, 0, 0.166666667f, 0}}, \
    {"sparse_sigmoid", {0.0f, 0.5f, 0.5f, 1, 0, 0.5f, 0}}, \
    {"log_sigmoid", {-INFINITY, -0.693147181f, -0.693147181f, -0.0f, 1, 0.5f, 0}}, \
    {"cloglog", {0.0f, 0.632120559f, 0.632120559f, 1, 0, 0.367879441f, 0}}, \
    {"probit", {0.0f, 0.5f, 0.5f, 1, 0, 0.398942280f, 0}}, \
    {"laplace", {0.0f, 0.00609444109f, 0.00609444109f, 1, 0, 0.0611137093f, 0}}, \
    {"tanh", {-1, -0.0f, 0.0f, 1, 0, 1, 0}}, \
    {"lecun_tanh", {-1.7159f, -0.0f, 0.0f, 1.7159f, 0, 1.14393333f, 0}}, \
    {"softcap", {-50, -0.0f, 0.0f, 50, 0, 1, 0}}, \
    {"hard_tanh", {-1, -0.0f, 0.0f, 1, 0, 1, 0}}, \
    {"softsign", {-1, -0.0f, 0.0f, 1, 0, 1, 0}}, \
    {"arctan", {-1.57079633f, -0.0f, 0.0f, 1.57079633f, 0, 1, 0}}, \
    {"erf", {-1, -0.0f, 0.0f, 1, 0, 1.12837917f, 0}}, \
    {"isru", {-1, -0.0f, 0.0f, 1, 0, 1, 0}}, \
    {"sqnl", {-1, -0.0f, 0.0f, 1, 0, 1, 0}}, \
    {"gaussian", {0.0f, 1, 1, 0.0f, 0, -0.0f, -0.0f}}, \
    {"aria2", {0.0f, 0.353553391f, 0.353553391f, 1, 0, 0.530330086f, 0}}, \
    {"hard_shrink", {-INFINITY, 0.0f, 0.0f, INFINITY, 1, 0, 1}}, \
    {"soft_shrink", {-INFINITY, 0.0f, 0.0f, INFINITY, 1, 0, 1}}, \
    {"tanh_shrink", {-INFINITY, -0.0f, 0.0f, INFINITY, 1, 0, 1}},
/* clang-format on */

#endif
