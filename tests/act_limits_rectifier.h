/* act_limits_rectifier.h - limits of the rows of catalog_rectifier.inc; see act_ulp.c. */
#ifndef TESTS_ACT_LIMITS_RECTIFIER_H
#define TESTS_ACT_LIMITS_RECTIFIER_H

/* f(-inf), f(-0), f(0), f(inf), f'(-inf), f'(0), f'(inf) */
/* clang-format off */
#define LIMITS_RECTIFIER \
    {"relu", {0.0f, -0.0f, 0.0f, INFINITY, 0, 0, 1}}, \
    {"relu6", {0.0f, -0.0f, 0.0f, 6, 0, 0, 0}}, \
    {"leaky_relu", {-INFINITY, -0.0f, 0.0f, INFINITY, 0.01f, 0.01f, 1}}, \
    {"prelu", {-INFINITY, -0.0f, 0.0f, INFINITY, 0.25f, 0.25f, 1}}, \
    {"rrelu", {-INFINITY, -0.0f, 0.0f, INFINITY, 0.229166667f, 0.229166667f, 1}}, \
    {"threshold", {0.0f, 0.0f, 0.0f, INFINITY, 0, 0, 1}}, \
    {"squared_relu", {0.0f, 0.0f, 0.0f, INFINITY, 0, 0, INFINITY}}, \
    {"star_relu", {-0.4472f, -0.4472f, -0.4472f, INFINITY, 0, 0, INFINITY}}, \
    {"srelu", {-INFINITY, 0.0f, 0.0f, INFINITY, 0.2f, 0.2f, 1}}, \
    {"apl", {-INFINITY, 0.0f, 0.0f, INFINITY, 0.2f, 0, 1}}, \
    {"abs", {INFINITY, 0.0f, 0.0f, INFINITY, -1, 0, 1}}, \
    {"elu", {-1, -0.0f, 0.0f, INFINITY, 0, 1, 1}}, \
    {"celu", {-1, -0.0f, 0.0f, INFINITY, 0, 1, 1}}, \
    {"selu", {-1.75809934f, -0.0f, 0.0f, INFINITY, 0, 1.75809934f, 1.05070099f}}, \
    {"isrlu", {-1, -0.0f, 0.0f, INFINITY, 0, 1, 1}}, \
    {"softplus", {0.0f, 0.693147181f, 0.693147181f, INFINITY, 0, 0.5f, 1}}, \
    {"squareplus", {0.0f, 1, 1, INFINITY, 0, 0.5f, 1}}, \
    {"sparse_plus", {0.0f, 0.25f, 0.25f, INFINITY, 0, 0.5f, 1}}, \
    {"logcosh", {INFINITY, 0.0f, 0.0f, INFINITY, -1, 0, 1}}, \
    {"bent_identity", {-INFINITY, -0.0f, 0.0f, INFINITY, 0.5f, 1, 1.5f}}, \
    {"exponential", {0.0f, 1, 1, INFINITY, 0, 1, INFINITY}}, \
    {"xielu", {INFINITY, -0.0f, 0.0f, INFINITY, -0.3f, 0.5f, INFINITY}},
/* clang-format on */

#endif
