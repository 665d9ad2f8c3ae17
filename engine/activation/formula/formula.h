/* formula.h - an activation function written by a user: text in, exact values and derivatives out.
 *
 *     x*sigmoid(beta*x)                  names of the catalogue are functions
 *     s = exp(-abs(x)); x < 0 ? s/(1+s) : 1/(1+s)      let-bindings, conditions
 *
 * Grammar (docs/formulas.md): numbers, x, declared parameters, constants pi e ln2 sqrt2,
 * + - * / ^ (right associative, -x^2 is -(x^2)), < <= > >= == !=, && || !, c ? a : b, calls,
 * "name = expr;" before the expression.
 *
 * Text becomes a hash-consed graph; rewrites that are exact identities replace forms that cancel
 * (1/(1+exp(-a)) is sigmoid(a)) and are listed; derivatives by x and by each parameter are more of
 * the same graph; each wanted output is a register program that runs over blocks of doubles with
 * the primitives of the kernels. Same bits on every instruction set.
 *
 * A formula lives in the arena it was made in, is immutable, and may be used by any thread.
 * Evaluating cannot fail, does not allocate, and gives NaN where the mathematics has no value. */
#ifndef AX_ACTIVATION_FORMULA_H
#define AX_ACTIVATION_FORMULA_H

#include "activation/activation.h"
#include "base/arena.h"

enum {
    AX_FORMULA_BYTES = 1024, /* of text                                   */
    AX_FORMULA_DEPTH = 32,   /* of parentheses, calls and operators nested */
    AX_FORMULA_NODES = 256,  /* of f after common parts are shared         */
    AX_FORMULA_MORE = 2048,  /* of f with all its derivatives              */
    AX_FORMULA_LETS = 16,
    AX_FORMULA_COST = 500 /* nanoseconds for one element, estimated     */
};

/* What a program computes. AX_FORMULA_DP + i: the derivative by parameter i. */
enum { AX_FORMULA_F, AX_FORMULA_DX, AX_FORMULA_DXX, AX_FORMULA_DP };

/* Compile text with its parameters (names, defaults, bounds; NULL-named entry ends the list, at
 * most AX_ACT_PARAMS). A parameter that is not declared, or declared and not used, is an error.
 * NULL on failure: AX_EPARSE with "column 7: ..." in msg and the text with a caret below it in
 * hint; AX_ELIMIT with the bound; AX_ENOTFOUND for a name, with the nearest one as hint. */
const ax_formula *ax_formula_new(ax_arena *arena, const char *text, const ax_act_param *params,
                                 ax_err *err);

/* An error of an undeclared parameter tells how to declare it in JSON. For those who do so in another
 * way: with before, the name, after, as in "--param ", "=1". Other errors stay as they are. */
void ax_formula_declare_as(ax_err *err, const char *before, const char *after);

/* y[i] = output `which` at x[i]; p: parameter values in order (NULL if there are none). x == y is
 * allowed. */
void ax_formula_run(const ax_formula *f, int which, const double *p, const float *x, float *y,
                    size_t n);
/* The same before the rounding to float32: y in double. */
void ax_formula_run_double(const ax_formula *f, int which, const double *p, const double *x,
                           double *y, size_t n);
/* dx = dy * f'(x), rounded once; dx may be dy */
void ax_formula_backward(const ax_formula *f, const double *p, const float *x, const float *dy,
                         float *dx, size_t n);
/* sum over i of dy[i] * df/dp(x[i]), added up in double in a fixed order */
double ax_formula_param_grad(const ax_formula *f, int param, const double *p, const float *x,
                             const float *dy, size_t n);

/* Output `which` as text in the grammar: canonical, parses to the same graph. Lives as long as f.
 */
const char *ax_formula_text(const ax_formula *f, int which);

/* What was rewritten: "log(1 + exp(x)) -> softplus(x)". */
const char *const *ax_formula_rewrites(const ax_formula *f, int *count);

/* Where f or f' may have a kink or a jump, as far as conditions, abs, min, max, sign and clip of
 * something linear in x tell; sorted; at most `room` of them. Returns how many. */
int ax_formula_kinks(const ax_formula *f, const double *p, double *at, int room);

/* Output `which` at one point in 113 bits, from the text as written and by rules of its own for
 * derivatives: the independent judge of accuracy. *off, if not NULL, gets a bound of the error of
 * the result, infinite where nothing is known (at a kink, too). Where the text as written cancels
 * even in 113 bits its stable form is taken. Slow. */
long double ax_formula_exact(const ax_formula *f, int which, const double *p, double x,
                             long double *off);

/* The functions a formula may call besides the catalogue, for documents and hints. */
typedef struct ax_formula_function {
    const char *name;
    int args;
    const char *doc;
} ax_formula_function;
const ax_formula_function *ax_formula_functions(int *count);

#endif
