/* formula_derive.c - derivatives are right, readable, and their text reads back to themselves.
 *
 * Three ways to a derivative must agree: the program of the symbolic one, the jets of the
 * interpreter in 113 bits, and central differences of the text as written in 113 bits, which know
 * nothing of either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation/formula/exact.h"
#include "formula_texts.h"

static const double points[] = {-20, -7.3, -3.7, -1.3, -0.4, -0.001, 0.01, 0.6, 1.9, 4.2, 12};

static quad f_at(const ax_formula *f, const double *p, quad x)
{
    return formula_ball(f->written, f->written_root, AX_FORMULA_F, p, x).v;
}

static double close_to(quad a, quad b, double relative, double absolute)
{
    return fabs_q(a - b) <= (quad)relative * fabs_q(b) + (quad)absolute;
}

/* f' and f'' from f at x - h, x, x + h; the error is of the order h^2 */
static void differences_by_x(const ax_formula *f, double x, quad d[2])
{
    const quad scale = fabs(x) < 1 ? (quad)0x1p-10 : 1, h = (quad)0x1p-26 * scale,
               g = (quad)0x1p-22 * scale;
    quad y = f_at(f, formula_values, x);
    d[0] = (f_at(f, formula_values, x + h) - f_at(f, formula_values, x - h)) / (2 * h);
    d[1] = (f_at(f, formula_values, x + g) - 2 * y + f_at(f, formula_values, x - g)) / (g * g);
}

/* with parameters being doubles: two steps and Richardson's extrapolation, order h^4 */
static quad difference_by_param(const ax_formula *f, int i, double x)
{
    quad d[2];
    for (int k = 0; k < 2; k++) {
        double up[2] = {formula_values[0], formula_values[1]}, down[2] = {up[0], up[1]};
        double h = k ? 0x1p-13 : 0x1p-12;
        up[i] += h, down[i] -= h;
        d[k] = (f_at(f, up, x) - f_at(f, down, x)) / (2 * (quad)h);
    }
    return (4 * d[1] - d[0]) / 3;
}

static void check_output(const ax_formula *f, const char *text, int which, double x,
                         quad difference)
{
    double y;
    ball exact = formula_ball(f->written, f->written_root, which, formula_values, x);
    if (!(exact.e < (quad)0x1p-60 * fabs_q(exact.v))) /* what was written cancels even there */
        exact = formula_ball(f->stable, f->root[0], which, formula_values, x);
    ax_formula_run_double(f, which, formula_values, &x, &y, 1);
    if (!close_to(difference, exact.v, 0x1p-36, 0x1p-40))
        fail_msg("%s, output %d at %g: difference %.17g, jets %.17g", text, which, x,
                 (double)difference, (double)exact.v);
    if (!close_to(y, exact.v, 0x1p-36, 0))
        fail_msg("%s, output %d at %g: program %.17g, jets %.17g\n%s", text, which, x, y,
                 (double)exact.v, ax_formula_text(f, which));
}

static void check_text(const char *text)
{
    ax_arena arena;
    ax_err err;
    ax_arena_init(&arena, 0);
    const ax_formula *f = formula_of(&arena, text, &err);
    if (!f)
        fail_msg("%s: %s", text, err.msg);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        double x = points[i];
        quad d[2];
        differences_by_x(f, x, d);
        if (!(fabs_q(d[0]) < (quad)1e6)) /* too steep for differences */
            continue;
        check_output(f, text, AX_FORMULA_DX, x, d[0]);
        check_output(f, text, AX_FORMULA_DXX, x, d[1]);
        for (int k = 0; k < f->params; k++)
            check_output(f, text, AX_FORMULA_DP + k, x, difference_by_param(f, k, x));
    }
    ax_arena_fini(&arena);
}

static void test_differences(void **state)
{
    (void)state;
    for (int i = 0; i < FORMULA_TEXTS; i++)
        check_text(formula_texts[i]);
}

/* the canonical text of every output, compiled again, is the same text and gives the same bits */
static void check_round_trip(const char *text, const ax_act_param *params)
{
    ax_arena arena;
    ax_err err;
    ax_arena_init(&arena, 0);
    const ax_formula *f =
        params ? ax_formula_new(&arena, text, params, &err) : formula_of(&arena, text, &err);
    if (!f)
        fail_msg("%s: %s", text, err.msg);
    for (int which = 0; which < f->outputs; which++) {
        const char *first = ax_formula_text(f, which);
        ax_act_param used[AX_ACT_PARAMS + 1] = {{0}};
        double p[AX_ACT_PARAMS], all[AX_ACT_PARAMS];
        int n = 0;
        for (int i = 0; i < f->params; i++) {
            all[i] = f->stable->param[i].def;
            if (f->stable->node[f->root[which]].params >> i & 1) {
                p[n] = all[i];
                used[n++] = f->stable->param[i];
            }
        }
        const ax_formula *again = ax_formula_new(&arena, first, used, &err);
        if (!again && err.code == AX_ELIMIT)
            continue; /* more definitions than a formula may have */
        if (!again)
            fail_msg("%s -> %s: %s\n%s", text, first, err.msg, err.hint);
        if (strcmp(ax_formula_text(again, AX_FORMULA_F), first) != 0)
            fail_msg("%s\n  is   %s\n  then %s", text, first, ax_formula_text(again, 0));
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
            double a, b;
            ax_formula_run_double(f, which, all, &points[i], &a, 1);
            ax_formula_run_double(again, AX_FORMULA_F, p, &points[i], &b, 1);
            if (memcmp(&a, &b, sizeof a) != 0 && !(isnan(a) && isnan(b)))
                fail_msg("%s and %s differ at %g: %a, %a", text, first, points[i], a, b);
        }
    }
    ax_arena_fini(&arena);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < FORMULA_TEXTS; i++)
        check_round_trip(formula_texts[i], NULL);
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++)
        if (row[i].kind == AX_ACT_ELEMENT)
            check_round_trip(row[i].formula, row[i].params);
}

/* what people get to see */
static const struct {
    const char *f, *canonical, *d, *dd;
} texts[] = {
    {"x*sigmoid(x)", "x*sigmoid(x)", "sigmoid(x)*(1 + x*sigmoid(-x))",
     "sigmoid(x)*sigmoid(-x)*(2 - x*tanh(0.5*x))"},
    {"1/(1+exp(-x))", "sigmoid(x)", "sigmoid(x)*sigmoid(-x)",
     "-sigmoid(x)*sigmoid(-x)*tanh(0.5*x)"},
    {"x*Phi(x)", "x*Phi(x)", "Phi(x) + x*phi(x)", "phi(x)*(2 - x^2)"},
    {"x/(1+abs(x))", "x/(1 + abs(x))", "1/(1 + abs(x))^2", "-2*sign(x)/(1 + abs(x))^3"},
    {"x/sqrt(1+x^2)", "x/sqrt(1 + x^2)", "1/sqrt(1 + x^2)^3", "-3*x/sqrt(1 + x^2)^5"},
    {"(x+sqrt(x^2+4))/2", "(x + sqrt(x^2 + 4))/2", "0.5*(x + sqrt(x^2 + 4))/sqrt(x^2 + 4)",
     "2/sqrt(x^2 + 4)^3"},
    {"1-exp(-exp(x))", "-expm1(-exp(x))", "exp(x - exp(x))", "-exp(x - exp(x))*expm1(x)"},
    {"max(0,x)^2", "max(0, x)^2", "x <= 0 ? 0 : 2*x", "x <= 0 ? 0 : 2"},
    {"x - tanh(x)", "tanh_shrink(x)", "tanh(x)^2", "2*tanh(x)*sech(x)^2"},
    {"1/(1+x^2)", "1/(1 + x^2)", "-2*x/(1 + x^2)^2", "(6*x^2 - 2)/(1 + x^2)^3"},
    {"x > 1/3 ? -(2*x) : x^2", "x > 1/3 ? -2*x : x^2", "x > 1/3 ? -2 : 2*x", "x >= 1/3 ? 0 : 2"},
    {"s = exp(x); s*s", "exp(2*x)", "2*exp(2*x)", "4*exp(2*x)"},
    {"sin(pi*x/180)", "sin(pi*x/180)", "0.017453292519943295*cos(pi*x/180)",
     "-0.00030461741978670857*sin(pi*x/180)"},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ax_arena arena;
        ax_arena_init(&arena, 0);
        const ax_formula *f = ax_formula_new(&arena, texts[i].f, NULL, NULL);
        assert_non_null(f);
        assert_string_equal(ax_formula_text(f, AX_FORMULA_F), texts[i].canonical);
        assert_string_equal(ax_formula_text(f, AX_FORMULA_DX), texts[i].d);
        assert_string_equal(ax_formula_text(f, AX_FORMULA_DXX), texts[i].dd);
        ax_arena_fini(&arena);
    }
}

/* f'(x) at kinks: flat, else left; and what NaN and infinities give */
static const struct {
    const char *text;
    float x, d;
} kinks[] = {
    {"max(x, 0)", 0, 0},
    {"max(0, x)", 0, 0},
    {"min(x, 0)", 0, 0},
    {"min(max(x, 0), 6)", 6, 0},
    {"max(x, 0.1*x)", 0, 0.1f},
    {"max(0.1*x, x)", 0, 0.1f},
    {"min(x, 2*x)", 0, 2},
    {"max(-x, x)", 0, -1},
    {"x < 0 ? 0.5*x : x", 0, 0.5f},
    {"x <= 0 ? 0.5*x : x", 0, 0.5f},
    {"x > 0 ? x : 0.5*x", 0, 0.5f},
    {"x >= 0 ? x : 0.5*x", 0, 0.5f},
    {"0 < x ? x : 0.5*x", 0, 0.5f},
    {"-x < 0 ? x : 0.5*x", 0, 0.5f},
    {"!(x < 0) ? x : 0.5*x", 0, 0.5f},
    {"x >= 0 ? x : 0", 0, 0},
    {"x > 1 ? 1 : x", 1, 0},
    {"x >= 1 ? 1 : x", 1, 0},
    {"x < -1 ? -1 : x > 1 ? 1 : x", -1, 0},
    {"x > -1 && x < 1 ? x : sign(x)", 1, 0},
    {"abs(x)", 0, 0},
    {"abs(x)*x", 0, 0},
    {"x > 0 ? 1 : 0", 0, 0},
    {"x*(x > 0)", 0, 0},
    {"floor(x)", 2, 0},
    {"3", 5, 0},
    {"3", NAN, NAN},
    {"x", NAN, NAN},
    {"x", INFINITY, 1},
    {"x*x", -INFINITY, -INFINITY},
    {"tanh(x)", -INFINITY, 0},
    {"sin(x)", INFINITY, NAN},
};

static void test_kinks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinks / sizeof *kinks; i++) {
        ax_arena arena;
        float d;
        ax_arena_init(&arena, 0);
        const ax_formula *f = ax_formula_new(&arena, kinks[i].text, NULL, NULL);
        assert_non_null(f);
        ax_formula_run(f, AX_FORMULA_DX, NULL, &kinks[i].x, &d, 1);
        if (!(d == kinks[i].d || (isnan(d) && isnan(kinks[i].d))))
            fail_msg("(%s)' at %g is %g, expected %g: %s", kinks[i].text, (double)kinks[i].x,
                     (double)d, (double)kinks[i].d, ax_formula_text(f, AX_FORMULA_DX));
        ax_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_kinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
