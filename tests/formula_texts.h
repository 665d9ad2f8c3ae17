/* formula_texts.h - formulas for several tests: every function and operator, alone and nested. */
#ifndef TESTS_FORMULA_TEXTS_H
#define TESTS_FORMULA_TEXTS_H

#include "activation/formula/formula.h"

/* beta is 1.25, gamma 0.75 where a text has them */
static const ax_act_param formula_params[] = {
    {"beta", 1.25, 0.01, 10, 1, ""}, {"gamma", 0.75, -10, 10, 1, ""}, {0}};
static const double formula_values[] = {1.25, 0.75};

static const char *const formula_texts[] = {
    "x",
    "3",
    "x*x - 2*x + 1",
    "x^3/(1 + x^2)",
    "x^-2 + 1/x",
    "(1 + x^2)^1.5",
    "(1 + x^2)^(beta*x/10)*gamma",
    "2^x",
    "x*sigmoid(x)",
    "x*sigmoid(beta*x) + gamma",
    "1/(1 + exp(-x))",
    "exp(x)/(1 + exp(x))^2",
    "tanh(x)",
    "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
    "x*tanh(log(1 + exp(x)))",
    "tanh(softplus(beta*x))^2*gamma",
    "log(1 + exp(beta*x))/beta*gamma",
    "x*Phi(x)",
    "0.5*x*(1 + erf(x/sqrt2))",
    "0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))",
    "x*erf(log(1 + exp(x)))",
    "x*tanh(log(1 + sigmoid(x)))",
    "x*tanh(exp(x))",
    "1 - exp(-exp(x))",
    "(x + sqrt(x^2 + beta))/2*gamma",
    "sqrt(x^2 + beta) - x + gamma",
    "(sqrt(x^2 + 1) - 1)/2 + x",
    "sqrt(beta*x^2 + 4) - 2*gamma",
    "x/(1 + abs(x))",
    "x/sqrt(1 + beta*x^2)*gamma",
    "x/(1 + abs(x))^1.5",
    "exp(-x^2)",
    "exp(-beta*(x - gamma)^2)",
    "exp(exp(x/4))",
    "expm1(x) - x",
    "log1p(x^2)*log(1 + abs(x))",
    "log(cosh(x)) + logcosh(x/2)",
    "x - tanh(x)",
    "tanh_shrink(beta*x)*gamma",
    "sin(x)*cos(x)",
    "x + sin(beta*x)^2/beta*gamma",
    "x*cos(x) + tan(x/8)",
    "atan(x)*atan(beta*x)*gamma",
    "sinh(x/3)*cosh(x/4)",
    "sech(x) + sech(beta*x)^2*gamma",
    "1/cosh(x)^3",
    "erf(x) + erfc(beta*x)*gamma",
    "phi(x) - Phi(-x)/2",
    "cbrt(x)*x",
    "sqrt(1 + x^2)*cbrt(2 + x^2)",
    "max(x, 0)^2",
    "max(x, beta*x)*gamma",
    "min(max(x + 3, 0), 6)*x/6",
    "clip(beta*x + gamma, -1, 1)",
    "sign(x)*max(abs(x) - 0.5, 0)",
    "abs(x)^3 + abs(x - 1)",
    "floor(x)*x",
    "x > 0 ? x : beta*expm1(x)*gamma",
    "x < -2 ? -1 : x > 2 ? 1 : x - x*abs(x)/4",
    "x > 0 && x < 2 || x < -3 ? x^2 : -x",
    "x*(x > 1) + (x <= 1)",
    "s = exp(-abs(x)); x < 0 ? s/(1 + s) : 1/(1 + s)",
    "u = x^2; v = u + 1; w = u/v; w*v + sin(w)",
    "gelu(swish(x, beta)) + gamma*mish(x)",
    "elu(x, beta) + selu(x)*gamma",
    "pow(2 + sin(x), beta*gamma)",
    "pow(1 + exp(-beta*x), -1.5)*gamma",
    "log(exp(x) + exp(beta*x))*gamma",
    "x*exp(x)*exp(-beta*x)*gamma",
    "exp(x)*sigmoid(-x) + expm1(x)*sigmoid(x)",
    "beta*gamma + x",
    "x*x*x*x*x*beta*gamma*x",
    "(x + 1)*(x + 2)*(x + 3)/((x^2 + 1)*(x^2 + 2))",
    "1/(1 + 1/(1 + 1/(1 + x^2)))",
};
enum { FORMULA_TEXTS = sizeof formula_texts / sizeof *formula_texts };

static inline const ax_formula *formula_of(ax_arena *arena, const char *text, ax_err *err)
{
    int has = strstr(text, "beta") && strstr(text, "gamma") ? 0 : strstr(text, "beta") ? 1 : 2;
    static const ax_act_param only_beta[] = {{"beta", 1.25, 0.01, 10, 1, ""}, {0}};
    return ax_formula_new(arena, text,
                          has == 0   ? formula_params
                          : has == 1 ? only_beta
                                     : NULL,
                          err);
}

#endif
