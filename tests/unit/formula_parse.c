/* formula_parse.c - what formulas mean, and what is said about those that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/formula/impl.h"
#include "base/file.h"

static const ax_act_param two[] = {{"beta", 2, -10, 10, 0, ""}, {"k9_", 3, -10, 10, 0, ""}, {0}};
static const double values[] = {2, 3};

/* f(x), with parameters beta 2 and k9_ 3 where the text has them */
static const struct {
    const char *text;
    double x, y;
} good[] = {
    {"x", 7, 7},
    {" \t\nx\r ", 7, 7},
    {"1 + 2*3 - 4/8", 0, 6.5},
    {"2 - 3 - 4", 0, -5},
    {"8/4/2", 0, 1},
    {"-x^2", 3, -9},
    {"(-x)^2", 3, 9},
    {"2^-x", 3, 0.125},
    {"2^3^2", 0, 512},
    {"x^-2", 4, 0.0625},
    {"x^0.5", 9, 3},
    {"x^64", 2, 0x1p64},
    {"x^65", 2, 0x1p65},
    {"x^0", 5, 1},
    {"2^-2", 0, 0.25},
    {"x^1e9", 1, 1},
    {"x^(-5e9)", 2, 0},
    {"(-2)^-3*x", 8, -1},
    {"pow(2, -64)*2^64", 0, 1},
    {"--x", 2, 2},
    {"+x", 2, 2},
    {"2*-x", 2, -4},
    {".5 + 5. + 1e1 + 1E-1 + 2.5e+0", 0, 18.1},
    {"pi + e + ln2 + sqrt2", 0, M_PI + M_E + M_LN2 + M_SQRT2},
    {"x > 0 ? 1 : 2", 1, 1},
    {"x > 0 ? 1 : 2", 0, 2},
    {"x >= 0 ? 1 : 2", 0, 1},
    {"x == 3 ? 1 : x != 4 ? 2 : 5", 3, 1},
    {"x == 3 ? 1 : x != 4 ? 2 : 5", 4, 5},
    {"x < 0 || x > 2 ? 1 : 0", 3, 1},
    {"x < 0 || x > 2 && x < 1 ? 1 : 0", 3, 0},
    {"x > 0 && x < 2 ? 1 : 0", 1, 1},
    {"!(x > 0) ? 1 : 0", -1, 1},
    {"!(x > 0 && x < 5) ? 1 : 0", 2, 0},
    {"x*(x > 0)", 4, 4},
    {"x*(x > 0)", -4, 0},
    {"(x > 0) + (x > 1)", 2, 2},
    {"c = x > 0; c ? 3 : 4", 1, 3},
    {"s = x*x; t = s + 1; t/s", 2, 1.25},
    {"s=x;s", 5, 5},
    {"where(x > 1, 2, 3)", 2, 2},
    {"where(x > 1, x > 0, x < 0) ? 5 : 6", 2, 5},
    {"clip(x, -1, 1)", 5, 1},
    {"clip(x, -1, 1)", -5, -1},
    {"min(x, 2) + max(x, 2)", 5, 7},
    {"abs(x) + sign(x)", -3, 2},
    {"sign(x)", 0, 0},
    {"floor(x)", -1.5, -2},
    {"floor(x)", 3, 3},
    {"pow(x, 3)", 2, 8},
    {"sq(x) + cube(x)", 2, 12},
    {"sqrt(x) + cbrt(x)", 64, 12},
    {"cbrt(x)", -27, -3},
    {"exp(x) + expm1(x)", 1, M_E + M_E - 1},
    {"log(x) + log1p(x)", 1, M_LN2},
    {"sin(x) + cos(x) + tan(x)", 1, 0.84147098480789651 + 0.54030230586813972 + 1.5574077246549022},
    {"atan(x) + sinh(x) + cosh(x)", 1, M_PI_4 + M_E},
    {"tanh(x) + sech(x)", 0.5, 0.46211715726000975 + 0.88681888397007391},
    {"logcosh(x) + tanh_shrink(x)", 2, 1.3250027473578645 + 2 - 0.9640275800758169},
    {"erf(x) + erfc(x)", 0.7, 1},
    {"Phi(x) + phi(x)", 0, 0.5 + 0.3989422804014327},
    {"sigmoid(x) + softplus(x)", 0, 0.5 + M_LN2},
    {"beta*x + k9_", 5, 13},
    {"beta*k9_^x", 2, 18},
    {"relu(x) + relu(-x)", -3, 3},
    {"elu(x)", -1, -0.63212055882855767},
    {"elu(x, 2)", -1, -1.2642411176571153},
    {"elu(x, 2*beta) + 0*k9_", -1, -2.5284822353142307},
    {"leaky_relu(x, 0.5)", -4, -2},
    {"swish(x, 1)", 0, 0},
    {"softplus(x, 2)", 0, M_LN2 / 2},
    {"hard_sigmoid(x, 0.2, 0.5)", 1, 0.7},
    {"linear(x)", 3, 3},
    {"x*sigmoid(beta*x) + 0*k9_", 0, 0},
    {"0.1 + 0.2", 0, 0.30000000000000004},
    {"123456789012345678", 0, 123456789012345678.0},
    {"1e-300*1e300*x", 4, 4},
};

static const ax_formula *formula_new_of(ax_arena *arena, const char *text, ax_err *err)
{
    const ax_act_param *p = strstr(text, "beta") ? two : NULL;
    return ax_formula_new(arena, text, p, err);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ax_arena arena;
        ax_err err;
        double y;
        ax_arena_init(&arena, 0);
        const ax_formula *f = formula_new_of(&arena, good[i].text, &err);
        if (!f)
            fail_msg("%s: %s\n%s", good[i].text, err.msg, err.hint);
        ax_formula_run_double(f, AX_FORMULA_F, values, &good[i].x, &y, 1);
        if (!(fabs(y - good[i].y) <= 1e-12 * fabs(good[i].y)))
            fail_msg("%s at %g is %.17g, expected %.17g", good[i].text, good[i].x, y, good[i].y);
        ax_arena_fini(&arena);
    }
}

#define T16(t) t t t t t t t t t t t t t t t t
#define T32(t) T16(t) T16(t)

/* which column (from 1) is said to be wrong; 0: none is named */
static const struct {
    const char *text;
    ax_code code;
    int column;
    const char *msg, *hint;
} bad[] = {
    {"", AX_EPARSE, 1, "empty", ""},
    {"   ", AX_EPARSE, 4, "ends where a value", ""},
    {"x+", AX_EPARSE, 3, "ends where a value", "x+\n  ^"},
    {"*x", AX_EPARSE, 1, "not '*'", ""},
    {"x * / 2", AX_EPARSE, 5, "not '/'", "x * / 2\n    ^"},
    {"x x", AX_EPARSE, 3, "an operator is missing before 'x'", "*"},
    {"2x", AX_EPARSE, 2, "operator is missing", "*"},
    {"2(x)", AX_EPARSE, 2, "operator is missing", "*"},
    {"(x)(x)", AX_EPARSE, 4, "operator is missing", "*"},
    {"(x", AX_EPARSE, 3, "')' is missing", ""},
    {"((x)", AX_EPARSE, 5, "')' is missing", ""},
    {"x)", AX_EPARSE, 2, "nothing to close", ""},
    {"()", AX_EPARSE, 2, "a value is expected", ""},
    {"(x]", AX_EPARSE, 3, "']' has no meaning", ""},
    {"[x]", AX_EPARSE, 1, "no meaning", "( )"},
    {"x ** 2", AX_EPARSE, 3, "^", "x^2"},
    {"x^", AX_EPARSE, 3, "ends where a value", ""},
    {"x^^2", AX_EPARSE, 3, "not '^'", ""},
    {"x = 3", AX_EEXIST, 1, "'x' is the argument", ""},
    {"x == ", AX_EPARSE, 6, "ends", ""},
    {"(x = 3)", AX_EPARSE, 4, "')' is expected, not '='", ""},
    {"x + 1 = 3", AX_EPARSE, 7, "'=' is for definitions", "=="},
    {"0 < x < 1 ? 1 : 0", AX_EPARSE, 3, "do not chain", "&&"},
    {"x == 1 == 2 ? 1 : 0", AX_EPARSE, 3, "do not chain", "&&"},
    {"x & 1", AX_EPARSE, 3, "no meaning", "&&"},
    {"|x|", AX_EPARSE, 1, "no meaning", "abs(x)"},
    {"x ? 1 : 2", AX_ETYPE, 1, "a condition is expected", "x > 0"},
    {"1 + x ? 1 : 2", AX_ETYPE, 1, "condition", ""},
    {"x > 0 && x ? 1 : 2", AX_ETYPE, 10, "condition", ""},
    {"!x", AX_ETYPE, 2, "condition", ""},
    {"where(x, 1, 2)", AX_ETYPE, 7, "condition", ""},
    {"x > 0 ? 1", AX_EPARSE, 10, "':' is missing", ""},
    {"x > 0 ? 1 ; 2", AX_EPARSE, 11, "':' is expected", ""},
    {"x > 0 ? : 2", AX_EPARSE, 9, "not ':'", ""},
    {"x : 1", AX_EPARSE, 3, "nothing to close", ""},
    {"x;", AX_EPARSE, 2, "nothing to close", ""},
    {"x, 1", AX_EPARSE, 2, "nothing to close", ""},
    {"s = exp(x)", AX_EPARSE, 11, "';' is missing", ""},
    {"s = exp(x);", AX_EPARSE, 12, "ends after its definitions", "s*s"},
    {"s = ; x", AX_EPARSE, 5, "not ';'", ""},
    {"s = x; s = 2; s", AX_EEXIST, 8, "'s' is defined already", ""},
    {"e = 1; x", AX_EEXIST, 1, "'e' is a constant", ""},
    {"exp = 1; x", AX_EEXIST, 1, "'exp' is a function", ""},
    {"relu = 1; x", AX_EEXIST, 1, "'relu' is a function", ""},
    {"clip = 1; x", AX_EEXIST, 1, "'clip' is a function", ""},
    {"beta = 1; beta*x", AX_EEXIST, 1, "'beta' is a parameter", ""},
    {"s = x = 2; s", AX_EPARSE, 7, "'=' is for definitions", "=="},
    {"sigmid(x)", AX_ENOTFOUND, 1, "unknown function 'sigmid'", "'sigmoid'"},
    {"1 + Relu(x)", AX_ENOTFOUND, 5, "unknown function 'Relu'", "'relu'"},
    {"leaky_rellu(x)", AX_ENOTFOUND, 1, "unknown function", "'leaky_relu'"},
    {"qqqqqqqq(x)", AX_ENOTFOUND, 1, "unknown function", "qqqqqqqq(x)\n^"},
    {"_gate(x)", AX_ENOTFOUND, 1, "unknown function '_gate'", ""},
    {"X + 1", AX_ENOTFOUND, 1, "unknown name 'X'", "'x'"},
    {"gamma*x", AX_ENOTFOUND, 1, "unknown name 'gamma'", "\"params\":{\"gamma\":1}"},
    {"bta*x*k9_*beta", AX_ENOTFOUND, 1, "unknown name 'bta'", "'beta'"},
    {"s = x; sn + 1", AX_ENOTFOUND, 8, "unknown name", ""},
    {"sigmoid", AX_EPARSE, 1, "'sigmoid' is a function", "sigmoid(x)"},
    {"sigmoid*x", AX_EPARSE, 1, "'sigmoid' is a function", ""},
    {"x(3)", AX_EPARSE, 2, "'x' is not a function", "*"},
    {"pi(3)", AX_EPARSE, 3, "'pi' is not a function", "*"},
    {"exp()", AX_EPARSE, 5, "'exp' needs an argument", ""},
    {"exp(x, 2)", AX_EINVAL, 1, "'exp' takes 1 argument, not 2", ""},
    {"max(x)", AX_EINVAL, 1, "'max' takes 2 arguments, not 1", ""},
    {"max(x, 1, 2)", AX_EINVAL, 1, "'max' takes 2 arguments, not 3", ""},
    {"clip(x, 1)", AX_EINVAL, 1, "'clip' takes 3 arguments, not 2", ""},
    {"elu(x, 1, 2)", AX_EINVAL, 1, "'elu' takes x and at most 1 parameter, not 2", ""},
    {"elu(x, -2)", AX_ERANGE, 8, "alpha of 'elu' is -2, expected 0 to 1000", ""},
    {"max(x,)", AX_EPARSE, 7, "not ')'", ""},
    {"max(x 1)", AX_EPARSE, 7, "')' is expected", ""},
    {"max(x, 1", AX_EPARSE, 9, "')' is missing after the arguments", ""},
    {"max(1,2,3,4,5,6,7,8,9,10,11,12)", AX_ELIMIT, 29, "more than 11 arguments", ""},
    {"softmax(x)", AX_EUNSUPPORTED, 1, "whole row", "element-wise"},
    {"x + log_softmax(x)", AX_EUNSUPPORTED, 5, "whole row", ""},
    {"1e999*x", AX_ERANGE, 1, "too large", ""},
    {"x*1e-999", AX_ERANGE, 3, "too small", ""},
    {"x*0.1234567890123456789012345678901234567", AX_ELIMIT, 3, "39 characters, at most 32", ""},
    {"1.2.3", AX_EPARSE, 4, "operator is missing", ""},
    {"0x10", AX_EPARSE, 2, "operator is missing", ""},
    {"1e*x", AX_EPARSE, 2, "operator is missing", ""},
    {"x*σ(x)", AX_EPARSE, 3, "'σ' has no meaning", "sigmoid"},
    {"x × 2", AX_EPARSE, 3, "'×' has no meaning", "*"},
    {"x²", AX_EPARSE, 2, "no meaning", "^2"},
    {"x # 2", AX_EPARSE, 3, "'#' has no meaning", ""},
    {"x\\2", AX_EPARSE, 2, "no meaning", ""},
    {"\xff", AX_EPARSE, 1, "no meaning", ""},
    {T32("-") "-x", AX_ELIMIT, 32, "nested deeper than 32", "s = "},
    {T32("(") "x" T32(")"), AX_ELIMIT, 33, "nested deeper than 32", ""},
    {T32("exp(") "x" T32(")"), AX_ELIMIT, 129, "nested deeper than 32", ""},
    {"x" T32("^x") T32("^x"), 0, 0, "", ""}, /* see below */
    {"a=x;b=x;c=x;d=x;f=x;g=x;h=x;i=x;j=x;k=x;l=x;m=x;n=x;o=x;p=x;q=x;r=x;r", AX_ELIMIT, 65,
     "more than 16 definitions", ""},
    {"a23456789012345678901234567890123 = x; x", AX_ELIMIT, 1, "33 characters, at most 31", ""},
    {"1 + x + 22222222222222222222 * (2 - cos(x) + sin(x)) * sinh(x) * qqqq(x) + 3 - cos(x) + 1",
     AX_ENOTFOUND, 66, "'qqqq'", "... - cos(x) + sin(x)) * sinh(x) * qqqq(x) + 3 - cos(x) + 1\n"},
};

static void check_bad(size_t i)
{
    ax_arena arena;
    ax_err err = {0};
    char column[32] = "";
    ax_arena_init(&arena, 0);
    const ax_formula *f = formula_new_of(&arena, bad[i].text, &err);
    if (!bad[i].code) {
        assert_null(f); /* a right-associative chain nests, wherever the limit is met */
        assert_int_equal(err.code, AX_ELIMIT);
    } else if (bad[i].column) {
        snprintf(column, sizeof column, "column %d: ", bad[i].column);
    }
    if (f || (bad[i].code && err.code != bad[i].code) || !strstr(err.msg, bad[i].msg) ||
        strncmp(err.msg, column, strlen(column)) != 0 || !strstr(err.hint, bad[i].hint))
        fail_msg("%s: %s | %s\n%s", bad[i].text, ax_code_name(err.code), err.msg, err.hint);
    assert_null(formula_new_of(&arena, bad[i].text, NULL));
    ax_arena_fini(&arena);
}

static void test_bad(void **state)
{
    (void)state;
    assert_true(sizeof bad / sizeof *bad >= 60);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_bad(i);
}

/* the caret stands below what the column says, in short and in long texts */
static void test_caret(void **state)
{
    (void)state;
    for (int spaces = 0; spaces < 300; spaces += 7) {
        char text[400];
        ax_arena arena;
        ax_err err;
        ax_arena_init(&arena, 0);
        snprintf(text, sizeof text, "x +%*s?? + sin(x) + cos(x) + x*x*x*x*x*x*x", spaces, "");
        assert_null(ax_formula_new(&arena, text, NULL, &err));
        const char *caret = strchr(err.hint, '^'), *line = strchr(err.hint, '\n');
        assert_non_null(caret);
        assert_int_equal(err.hint[caret - line - 1], '?');
        ax_arena_fini(&arena);
    }
}

static const struct {
    ax_act_param p[3];
    const char *text;
    ax_code code;
    const char *msg;
} params[] = {
    {{{"beta", 1, 0, 2, 0, ""}}, "x", AX_EINVAL, "'beta' is declared but not used"},
    {{{"beta", 1, 0, 2, 0, ""}, {"g", 1, 0, 2, 0, ""}}, "beta*x", AX_EINVAL, "'g' is declared"},
    {{{"x", 1, 0, 2, 0, ""}}, "x", AX_EEXIST, "'x' is the argument"},
    {{{"e", 1, 0, 2, 0, ""}}, "e*x", AX_EEXIST, "'e' is a constant"},
    {{{"exp", 1, 0, 2, 0, ""}}, "exp*x", AX_EEXIST, "'exp' is a function"},
    {{{"swish", 1, 0, 2, 0, ""}}, "swish*x", AX_EEXIST, "'swish' is a function"},
    {{{"beta", 1, 0, 2, 0, ""}, {"beta", 1, 0, 2, 0, ""}}, "beta*x", AX_EEXIST, "declared twice"},
    {{{"", 1, 0, 2, 0, ""}}, "x", AX_EINVAL, "cannot name a parameter"},
    {{{"1a", 1, 0, 2, 0, ""}}, "x", AX_EINVAL, "cannot name a parameter"},
    {{{"_a", 1, 0, 2, 0, ""}}, "_a*x", AX_EINVAL, "cannot name a parameter"},
    {{{"a b", 1, 0, 2, 0, ""}}, "x", AX_EINVAL, "cannot name a parameter"},
    {{{"a234567890123456789012345678901z", 1, 0, 2, 0, ""}}, "x", AX_EINVAL, "cannot name"},
};

static void test_params(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        ax_arena arena;
        ax_err err = {0};
        ax_arena_init(&arena, 0);
        assert_null(ax_formula_new(&arena, params[i].text, params[i].p, &err));
        if (err.code != params[i].code || !strstr(err.msg, params[i].msg))
            fail_msg("%s: %s", params[i].text, err.msg);
        ax_arena_fini(&arena);
    }
}

/* joined: "x" and `n` times `part` */
static ax_code made_of(const char *part, int n, ax_err *err)
{
    static char text[8192];
    ax_arena arena;
    size_t len = 0;
    ax_arena_init(&arena, 0);
    len += (size_t)sprintf(text, "x");
    for (int i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, part, i);
    *err = (ax_err){0};
    const ax_formula *f = ax_formula_new(&arena, text, NULL, err);
    ax_code code = f ? AX_OK : err->code;
    ax_arena_fini(&arena);
    return code;
}

static void test_limits(void **state)
{
    (void)state;
    ax_err err;
    assert_int_equal(made_of("+x", 255, &err), AX_OK);
    assert_int_equal(made_of("+x", 256, &err), AX_ELIMIT);
    assert_int_equal(made_of("    ", 255, &err), AX_OK); /* 1021 characters */
    assert_int_equal(made_of("    ", 256, &err), AX_ELIMIT);
    assert_non_null(strstr(err.msg, "more than 1024 characters"));
    assert_int_equal(made_of("*x+%d", 63, &err), AX_OK);
    assert_int_equal(made_of("*x+.%d", 100, &err), AX_ELIMIT);
    assert_non_null(strstr(err.msg, "parts, at most 256"));
    assert_int_equal(made_of("*tan(x^.%d)", 20, &err), AX_ELIMIT);
    assert_true(strstr(err.msg, "2048") || strstr(err.msg, " ns for each number"));
    assert_int_equal(made_of("+x^.%d", 90, &err), AX_ELIMIT);
    assert_non_null(strstr(err.msg, " ns for each number, at most 500"));
}

/* memory that runs out anywhere is an error, not a crash */
static void test_memory(void **state)
{
    (void)state;
    int made = 0;
    for (size_t limit = 100; limit < 400000 && !made; limit += limit / 8) {
        ax_arena arena;
        ax_err err = {0};
        ax_arena_init(&arena, limit);
        made = ax_formula_new(&arena, "x*sigmoid(beta*x) + k9_*exp(-x)", two, &err) != NULL;
        assert_true(made || err.code == AX_ENOMEM);
        ax_arena_fini(&arena);
    }
    assert_true(made);
}

static void test_functions(void **state)
{
    (void)state;
    int n;
    const ax_formula_function *f = ax_formula_functions(&n);
    assert_true(n >= 30);
    for (int i = 0; i < n; i++) {
        ax_arena arena;
        ax_err err;
        char text[64];
        ax_arena_init(&arena, 0);
        snprintf(text, sizeof text, "%s(%s%s%s)", f[i].name,
                 strcmp(f[i].name, "where") ? "x" : "x > 0", f[i].args > 1 ? ", 2" : "",
                 f[i].args > 2 ? ", 3" : "");
        if (!ax_formula_new(&arena, text, NULL, &err))
            fail_msg("%s: %s", text, err.msg);
        assert_true(strlen(f[i].doc) > 0);
        ax_arena_fini(&arena);
    }
}

/* docs/formulas.md tells of every function, rule, limit and error example as they are */
static void test_document(void **state)
{
    (void)state;
    ax_map map;
    ax_err err;
    if (ax_map_open(&map, "docs/formulas.md", &err))
        fail_msg("%s", err.msg);
    char *doc = malloc(map.size + 1), line[512];
    assert_non_null(doc);
    memcpy(doc, map.data, map.size);
    doc[map.size] = 0;
    int n, rows = 0;
    const ax_formula_function *f = ax_formula_functions(&n);
    for (int i = 0; i < n; i++) {
        snprintf(line, sizeof line, "\n| `%s` | %d | %s |\n", f[i].name, f[i].args, f[i].doc);
        if (!strstr(doc, line))
            fail_msg("not in docs/formulas.md:%s", line);
    }
    const rule *r = formula_rules(&n);
    for (int i = 0; i < n; i++) {
        snprintf(line, sizeof line, "\n| `%s` | `%s` |\n", r[i].from,
                 r[i].says ? r[i].says : r[i].to);
        if (!strstr(doc, line))
            fail_msg("not in docs/formulas.md:%s", line);
    }
    for (const char *s = strstr(doc, "| written |"); s && (s = strstr(s, "\n| `")); s++)
        rows++;
    assert_int_equal(rows, n + 1 + 7); /* the rules, the one with a number, the examples */
    free(doc);
    ax_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_bad),
        cmocka_unit_test(test_caret),     cmocka_unit_test(test_params),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_memory),
        cmocka_unit_test(test_functions), cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
