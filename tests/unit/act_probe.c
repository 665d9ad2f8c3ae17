/* act_probe.c - what the probe finds out about functions that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation/probe.h"

/* a name of the catalogue, or a formula */
static void bind(const char *text, ax_arena *arena, ax_act *a)
{
    ax_err err;
    if (ax_act_find(text)) {
        assert_int_equal(ax_act_by_name(text, a, NULL), 0);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "formula", text);
    if (ax_act_from_json(o, arena, a, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    cJSON_Delete(o);
}

static int close_to(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 2e-5 * fabs(b);
}

/* clang-format off */
static const struct {
    const char *text;
    double low, high;       /* range */
    int rising, falling;
    double steepest;
    double left, right;     /* limits */
    double zero_below, zero_above, flat_below, flat_above;
} table[] = {
    {"x", -INFINITY, INFINITY, 1, 0, 1, -INFINITY, INFINITY, NAN, NAN, NAN, NAN},
    {"-x", -INFINITY, INFINITY, 0, 1, 1, INFINITY, -INFINITY, NAN, NAN, NAN, NAN},
    {"0*x + 2", 2, 2, 1, 1, 0, 2, 2, NAN, NAN, INFINITY, -INFINITY},
    {"relu", 0, INFINITY, 1, 0, 1, 0, INFINITY, 0, NAN, 0, NAN},
    {"max(0, x - 1.5)", 0, INFINITY, 1, 0, 1, 0, INFINITY, 1.5, NAN, 1.5, NAN},
    {"clip(x, -1, 1)", -1, 1, 1, 0, 1, -1, 1, NAN, NAN, -1, 1},
    {"x*sigmoid(x)", -0.27846454, INFINITY, 0, 0, 1.0998393, 0, INFINITY, -108.66, NAN, -108.651, NAN},
    {"silu", -0.27846454, INFINITY, 0, 0, 1.0998393, 0, INFINITY, -108.66, NAN, -108.651, NAN},
    {"gelu", -0.16997121, INFINITY, 0, 0, 1.1289041, 0, INFINITY, -14.3561, NAN, -14.5413, NAN},
    {"mish", -0.30884341, INFINITY, 0, 0, 1.0884981, 0, INFINITY, -108.66, NAN, -108.651, NAN},
    {"log(1 + exp(x))", 0, INFINITY, 1, 0, 1, 0, INFINITY, -103.972, NAN, -103.972, NAN},
    {"tanh", -1, 1, 1, 0, 1, -1, 1, NAN, NAN, -52.6792, 52.6792},
    {"exp(-x^2)", 0, 1, 0, 0, 0.85776389, 0, 0, -10.1967, 10.1967, -10.3441601, 10.3441601},
    {"x^2", 0, INFINITY, 0, 0, INFINITY, INFINITY, INFINITY, NAN, NAN, NAN, NAN},
    {"sin(x)", -1, 1, 0, 0, 1, NAN, NAN, NAN, NAN, NAN, NAN},
    {"x + sin(x)^2", -INFINITY, INFINITY, 1, 0, 2, -INFINITY, INFINITY, NAN, NAN, NAN, NAN},
    {"abs(x)", 0, INFINITY, 0, 0, 1, INFINITY, INFINITY, NAN, NAN, NAN, NAN},
};
/* clang-format on */

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ax_arena arena;
        ax_act a;
        ax_probe p;
        ax_err err;
        ax_arena_init(&arena, 0);
        bind(table[i].text, &arena, &a);
        assert_int_equal(ax_act_probe(&a, &p, &err), 0);
        const double got[] = {p.low.y,      p.high.y,     p.rising,    p.falling,
                              p.steepest.y, p.left,       p.right,     p.zero_below,
                              p.zero_above, p.flat_below, p.flat_above};
        const double want[] = {table[i].low,        table[i].high,       table[i].rising,
                               table[i].falling,    table[i].steepest,   table[i].left,
                               table[i].right,      table[i].zero_below, table[i].zero_above,
                               table[i].flat_below, table[i].flat_above};
        for (size_t k = 0; k < sizeof got / sizeof *got; k++)
            if (!close_to(got[k], want[k]))
                fail_msg("%s: number %zu is %.9g, expected %.9g", table[i].text, k, got[k],
                         want[k]);
        assert_true(p.nans == 0 && isnan(p.untrainable));
        ax_arena_fini(&arena);
    }
}

/* pieces without a value, to the single float32 */
static const struct {
    const char *text;
    int nans;
    float from, to;
    int infinities;
    float inf_from, inf_to;
    int trainable;
} domains[] = {
    {"sqrt(x)", 1, -FLT_MAX, -1.40129846e-45f, 0, 0, 0, 0},
    {"sqrt(1 - x)", 1, 1.00000012f, FLT_MAX, 0, 0, 0, 0},
    {"sqrt(1600 - x^2)", 2, -FLT_MAX, -40.0000038f, 0, 0, 0, 1},
    {"log(x)", 1, -FLT_MAX, -1.40129846e-45f, 1, 0, 0, 0},
    {"exp(x)", 0, 0, 0, 1, 88.7228394f, FLT_MAX, 1},
    {"1/x", 0, 0, 0, 1, -2.93873588e-39f, 2.93873588e-39f, 0},
    {"x < 30 ? x : log(-x)", 1, 30, FLT_MAX, 0, 0, 0, 1},
    {"x == 3 ? log(-x) : x", 1, 3, 3, 0, 0, 0, 0},
    {"x/(1 + exp(-x))^2", 0, 0, 0, 0, 0, 0, 1},
    /* between the numbers that are looked at without cause */
    {"1/(x - 1000)", 0, 0, 0, 1, 1000, 1000, 1},
    {"1/(x + 777)^2", 0, 0, 0, 1, -777, -777, 1},
    {"log(abs(x - 3001))", 0, 0, 0, 1, 3001, 3001, 1},
    {"1/(x*(x + 1000))", 0, 0, 0, 2, -1000, -1000, 0},
    {"1/((x - 1000)*(x + 3001))", 0, 0, 0, 2, -3001, -3001, 1},
    {"sqrt(abs(x))", 0, 0, 0, 0, 0, 0, 0}, /* the slope is infinite at 0 */
};

static void test_domains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        ax_arena arena;
        ax_act a;
        ax_probe p;
        ax_err err = {0};
        ax_arena_init(&arena, 0);
        bind(domains[i].text, &arena, &a);
        assert_int_equal(ax_act_probe(&a, &p, &err), 0);
        int wrong = p.nans != domains[i].nans || p.infinities != domains[i].infinities;
        if (p.nans)
            wrong |= p.nan[0].from != domains[i].from || p.nan[0].to != domains[i].to;
        if (p.infinities)
            wrong |=
                p.infinite[0].from != domains[i].inf_from || p.infinite[0].to != domains[i].inf_to;
        if (wrong)
            fail_msg("%s: %d NaN [%.9g, %.9g], %d infinite [%.9g, %.9g]", domains[i].text, p.nans,
                     (double)p.nan[0].from, (double)p.nan[0].to, p.infinities,
                     (double)p.infinite[0].from, (double)p.infinite[0].to);
        assert_int_equal(ax_act_trainable(&a, &err) == 0, domains[i].trainable);
        assert_int_equal(isnan(p.untrainable), domains[i].trainable);
        if (!domains[i].trainable) {
            assert_int_equal(err.code, AX_ENONFINITE);
            assert_non_null(strstr(err.hint, "[-20, 20]"));
        }
        ax_arena_fini(&arena);
    }
}

/* each element-wise row: as accurate as a float32 can be, finite where one trains, known moments */
static void test_rows(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        ax_act a;
        ax_probe p;
        ax_err err;
        if (row[i].kind != AX_ACT_ELEMENT)
            continue;
        bind(row[i].name, NULL, &a);
        assert_int_equal(ax_act_probe(&a, &p, &err), 0);
        for (int w = 0; w < 3; w++)
            if (p.judged[w] < 100 || !(p.ulp[w].y <= 0.51))
                fail_msg("%s%.*s: %g ULP at %a, %d numbers judged", row[i].name, w, "''",
                         p.ulp[w].y, (double)p.ulp[w].x, p.judged[w]);
        if (p.nans || !isnan(p.untrainable) || ax_act_trainable(&a, &err) < 0)
            fail_msg("%s has no value at %a", row[i].name,
                     (double)(p.nans ? p.nan[0].from : p.untrainable));
        double gain = ax_act_gain(&a);
        assert_true(fabs(p.gain - gain) <= 1e-12 * gain || (isnan(p.gain) && isnan(gain)));
    }
}

static void test_moments(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double moment[3];
    } known[] = {
        {"x", {0, 1, 1}},
        {"relu", {0.3989422804, 0.5, 0.5}},
        {"gelu", {0.2820947918, 0.425221, 0.455851}},
        {"tanh", {0, 0.394294, 0.464403}},
        {"x^2", {1, 3, 4}},
        {"exp(x)", {1.6487212707, 7.3890560989, 7.3890560989}},
        {"squareplus", {1.109306, 1.5, 0.289315}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ax_arena arena;
        ax_act a;
        double m[3];
        ax_arena_init(&arena, 0);
        bind(known[i].text, &arena, &a);
        ax_act_moments(&a, m);
        for (int k = 0; k < 3; k++)
            if (!(fabs(m[k] - known[i].moment[k]) <= 2e-6 * (1 + known[i].moment[k])))
                fail_msg("%s: moment %d is %.9g, expected %.9g", known[i].text, k, m[k],
                         known[i].moment[k]);
        ax_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
