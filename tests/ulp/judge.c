/* judge.c - the formula texts of the catalogue at 640 bits, with derivatives at 1200, by MPFR.
 *
 * A parser of its own, for the tests alone: nothing is shared with the engine's formulas. Text is
 * evaluated while it is read, so a condition's other branch is computed and thrown away. f' and f''
 * are differences over steps of 2^-260 |x|, which leaves 300 good bits and more. */
#include <ctype.h>
#include <math.h>
#include <mpfr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ulp/ulp.h"

enum { VALUE_BITS = 640, SLOPE_BITS = 1200, STEP = 260, DEEP = 100, LETS = 16, ARGS = 12 };

typedef struct binding {
    char name[32];
    mpfr_t v;
} binding;

typedef struct scope { /* one formula being read; a call of a row opens another */
    const char *at;
    const ax_act_row *row;
    mpfr_srcptr x;
    mpfr_t p[AX_ACT_PARAMS];
    binding let[LETS];
    int lets;
} scope;

static _Thread_local mpfr_prec_t bits;
static _Thread_local const char *trouble;
static _Thread_local int depth;

static void expression(scope *s, mpfr_t out);
static void call_row(const ax_act_row *row, mpfr_t *arg, int n, mpfr_t out);

static void fail(mpfr_t out, const char *why)
{
    if (!trouble)
        trouble = why;
    mpfr_set_nan(out);
}

static void blanks(scope *s)
{
    while (isspace((unsigned char)*s->at))
        s->at++;
}

static int take(scope *s, const char *what)
{
    blanks(s);
    size_t n = strlen(what);
    if (strncmp(s->at, what, n) != 0)
        return 0;
    s->at += n;
    return 1;
}

/* ---- functions ---- */

typedef int unary(mpfr_t, mpfr_srcptr, mpfr_rnd_t);

static int sq(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    return mpfr_sqr(y, x, r);
}

static int cube(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    return mpfr_pow_ui(y, x, 3, r);
}

static int sign(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    return mpfr_set_si(y, mpfr_sgn(x), r);
}

static int floor_of(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    (void)r;
    return mpfr_floor(y, x);
}

static int normal_cdf(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    mpfr_t root;
    mpfr_init2(root, bits);
    mpfr_sqrt_ui(root, 2, r);
    mpfr_div(y, x, root, r);
    mpfr_neg(y, y, r);
    mpfr_erfc(y, y, r);
    mpfr_clear(root);
    return mpfr_div_2ui(y, y, 1, r);
}

static int normal_pdf(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    mpfr_t root;
    mpfr_init2(root, bits);
    mpfr_const_pi(root, r);
    mpfr_mul_2ui(root, root, 1, r);
    mpfr_sqrt(root, root, r);
    mpfr_sqr(y, x, r);
    mpfr_div_2ui(y, y, 1, r);
    mpfr_neg(y, y, r);
    mpfr_exp(y, y, r);
    mpfr_div(y, y, root, r);
    mpfr_clear(root);
    return 0;
}

static int logcosh(mpfr_t y, mpfr_srcptr x, mpfr_rnd_t r)
{
    mpfr_t e;
    mpfr_init2(e, bits);
    mpfr_abs(e, x, r);
    mpfr_mul_si(e, e, -2, r);
    mpfr_exp(e, e, r);
    mpfr_add_ui(e, e, 1, r);
    mpfr_div_2ui(e, e, 1, r);
    mpfr_log(e, e, r);
    mpfr_abs(y, x, r);
    mpfr_add(y, y, e, r);
    mpfr_clear(e);
    return 0;
}

static const struct {
    const char *name;
    unary *f;
} unaries[] = {
    {"exp", mpfr_exp},   {"expm1", mpfr_expm1}, {"log", mpfr_log},    {"log1p", mpfr_log1p},
    {"sqrt", mpfr_sqrt}, {"cbrt", mpfr_cbrt},   {"abs", mpfr_abs},    {"sign", sign},
    {"floor", floor_of}, {"erf", mpfr_erf},     {"erfc", mpfr_erfc},  {"Phi", normal_cdf},
    {"phi", normal_pdf}, {"sin", mpfr_sin},     {"cos", mpfr_cos},    {"tan", mpfr_tan},
    {"atan", mpfr_atan}, {"sinh", mpfr_sinh},   {"cosh", mpfr_cosh},  {"tanh", mpfr_tanh},
    {"sech", mpfr_sech}, {"sq", sq},            {"cube", cube},       {"logcosh", logcosh},
};

static int call_more(const char *name, mpfr_t *a, int n, mpfr_t out)
{
    if (n == 2 && strcmp(name, "min") == 0)
        mpfr_set(out, mpfr_less_p(a[1], a[0]) ? a[1] : a[0], MPFR_RNDN);
    else if (n == 2 && strcmp(name, "max") == 0)
        mpfr_set(out, mpfr_greater_p(a[1], a[0]) ? a[1] : a[0], MPFR_RNDN);
    else if (n == 2 && strcmp(name, "pow") == 0)
        mpfr_pow(out, a[0], a[1], MPFR_RNDN);
    else if (n == 3 && strcmp(name, "clip") == 0)
        mpfr_set(out, mpfr_less_p(a[0], a[1]) ? a[1] : mpfr_greater_p(a[0], a[2]) ? a[2] : a[0],
                 MPFR_RNDN);
    else if (n == 3 && strcmp(name, "where") == 0)
        mpfr_set(out, mpfr_zero_p(a[0]) ? a[2] : a[1], MPFR_RNDN);
    else
        return 0;
    return 1;
}

static void call(scope *s, const char *name, mpfr_t out)
{
    mpfr_t a[ARGS];
    int n = 0;
    do {
        mpfr_init2(a[n], bits);
        expression(s, a[n++]);
    } while (n < ARGS && take(s, ","));
    if (!take(s, ")"))
        fail(out, "a parenthesis is missing");
    else {
        size_t i = 0, m = sizeof unaries / sizeof *unaries;
        while (i < m && strcmp(unaries[i].name, name) != 0)
            i++;
        const ax_act_row *row = ax_act_find(name);
        if (i < m && n == 1)
            unaries[i].f(out, a[0], MPFR_RNDN);
        else if (row && row->kind == AX_ACT_ELEMENT)
            call_row(row, a, n, out);
        else if (!call_more(name, a, n, out))
            fail(out, "a function that the judge does not know");
    }
    while (n)
        mpfr_clear(a[--n]);
}

static void call_row(const ax_act_row *row, mpfr_t *arg, int n, mpfr_t out)
{
    scope s = {.at = row->formula, .row = row, .x = arg[0]};
    for (int i = 0; i < AX_ACT_PARAMS; i++) {
        mpfr_init2(s.p[i], bits);
        if (i + 1 < n)
            mpfr_set(s.p[i], arg[i + 1], MPFR_RNDN);
        else
            mpfr_set_d(s.p[i], row->params[i].name ? row->params[i].def : 0, MPFR_RNDN);
    }
    expression(&s, out);
    for (int i = 0; i < AX_ACT_PARAMS; i++)
        mpfr_clear(s.p[i]);
    while (s.lets)
        mpfr_clear(s.let[--s.lets].v);
}

/* ---- grammar ---- */

static int word(scope *s, char name[32])
{
    blanks(s);
    int n = 0;
    const char *c = s->at;
    while ((isalpha((unsigned char)*c) || *c == '_' || (n && isdigit((unsigned char)*c))) && n < 31)
        name[n++] = *c++;
    name[n] = 0;
    if (n)
        s->at = c;
    return n;
}

static void value_of(scope *s, const char *name, mpfr_t out)
{
    for (int i = s->lets - 1; i >= 0; i--)
        if (strcmp(s->let[i].name, name) == 0) {
            mpfr_set(out, s->let[i].v, MPFR_RNDN);
            return;
        }
    for (int i = 0; i < AX_ACT_PARAMS && s->row->params[i].name; i++)
        if (strcmp(s->row->params[i].name, name) == 0) {
            mpfr_set(out, s->p[i], MPFR_RNDN);
            return;
        }
    if (strcmp(name, "x") == 0)
        mpfr_set(out, s->x, MPFR_RNDN);
    else if (strcmp(name, "pi") == 0)
        mpfr_const_pi(out, MPFR_RNDN);
    else if (strcmp(name, "ln2") == 0)
        mpfr_const_log2(out, MPFR_RNDN);
    else if (strcmp(name, "sqrt2") == 0)
        mpfr_sqrt_ui(out, 2, MPFR_RNDN);
    else if (strcmp(name, "e") == 0) {
        mpfr_set_ui(out, 1, MPFR_RNDN);
        mpfr_exp(out, out, MPFR_RNDN);
    } else
        fail(out, "a name that the judge does not know");
}

static void atom(scope *s, mpfr_t out)
{
    char name[32];
    blanks(s);
    if (isdigit((unsigned char)*s->at) || *s->at == '.') {
        char *end;
        mpfr_strtofr(out, s->at, &end, 10, MPFR_RNDN);
        s->at = end;
    } else if (take(s, "(")) {
        expression(s, out);
        if (!take(s, ")"))
            fail(out, "a parenthesis is missing");
    } else if (!word(s, name))
        fail(out, "text that the judge does not know");
    else if (take(s, "("))
        call(s, name, out);
    else
        value_of(s, name, out);
}

static void prefixed(scope *s, mpfr_t out)
{
    if (take(s, "-")) {
        prefixed(s, out);
        mpfr_neg(out, out, MPFR_RNDN);
        return;
    }
    if (take(s, "+")) {
        prefixed(s, out);
        return;
    }
    atom(s, out);
    if (take(s, "^")) {
        mpfr_t power;
        mpfr_init2(power, bits);
        prefixed(s, power);
        mpfr_pow(out, out, power, MPFR_RNDN);
        mpfr_clear(power);
    }
}

/* levels of binary operators, weakest first; the comparisons give 0 or 1 */
static const char *const levels[][7] = {
    {"||"}, {"&&"}, {"<=", ">=", "==", "!=", "<", ">"}, {"+", "-"}, {"*", "/"}};
enum { LEVELS = 5 };

static void apply(const char *op, mpfr_t a, mpfr_srcptr b)
{
    switch (op[0]) {
    case '+': mpfr_add(a, a, b, MPFR_RNDN); break;
    case '-': mpfr_sub(a, a, b, MPFR_RNDN); break;
    case '*': mpfr_mul(a, a, b, MPFR_RNDN); break;
    case '/': mpfr_div(a, a, b, MPFR_RNDN); break;
    case '<': mpfr_set_si(a, op[1] ? mpfr_lessequal_p(a, b) : mpfr_less_p(a, b), MPFR_RNDN); break;
    case '>':
        mpfr_set_si(a, op[1] ? mpfr_greaterequal_p(a, b) : mpfr_greater_p(a, b), MPFR_RNDN);
        break;
    case '=': mpfr_set_si(a, mpfr_equal_p(a, b), MPFR_RNDN); break;
    case '!': mpfr_set_si(a, !mpfr_equal_p(a, b), MPFR_RNDN); break;
    case '&': mpfr_set_si(a, !mpfr_zero_p(a) && !mpfr_zero_p(b), MPFR_RNDN); break;
    default: mpfr_set_si(a, !mpfr_zero_p(a) || !mpfr_zero_p(b), MPFR_RNDN); break;
    }
}

static void binary(scope *s, int level, mpfr_t out)
{
    if (level == LEVELS) {
        prefixed(s, out);
        return;
    }
    binary(s, level + 1, out);
    for (int i = 0; levels[level][i]; i++)
        if (take(s, levels[level][i])) {
            mpfr_t right;
            mpfr_init2(right, bits);
            binary(s, level + 1, right);
            apply(levels[level][i], out, right);
            mpfr_clear(right);
            i = -1;
        }
}

static int let(scope *s)
{
    char name[32];
    const char *start = s->at;
    if (s->lets < LETS && word(s, name) && take(s, "=") && *s->at != '=') {
        binding *b = &s->let[s->lets];
        mpfr_init2(b->v, bits);
        expression(s, b->v);
        strcpy(b->name, name);
        s->lets++;
        if (take(s, ";"))
            return 1;
        mpfr_clear(s->let[--s->lets].v);
    }
    s->at = start;
    return 0;
}

static void expression(scope *s, mpfr_t out)
{
    if (++depth > DEEP) {
        fail(out, "nested too deep for the judge");
        depth--;
        return;
    }
    while (let(s))
        ;
    binary(s, 0, out);
    if (take(s, "?")) {
        mpfr_t no;
        int yes = !mpfr_zero_p(out);
        mpfr_init2(no, bits);
        expression(s, out);
        if (!take(s, ":"))
            fail(out, "a colon is missing");
        expression(s, no);
        if (!yes)
            mpfr_set(out, no, MPFR_RNDN);
        mpfr_clear(no);
    }
    depth--;
}

/* ---- derivatives ---- */

static void value_at(const ax_act *a, mpfr_t x, mpfr_t y)
{
    mpfr_t arg[AX_ACT_PARAMS + 1];
    int n = 0;
    mpfr_init2(arg[n], bits);
    mpfr_set(arg[n++], x, MPFR_RNDN);
    for (; n <= AX_ACT_PARAMS && a->row->params[n - 1].name; n++) {
        mpfr_init2(arg[n], bits);
        mpfr_set_d(arg[n], a->param[n - 1], MPFR_RNDN);
    }
    call_row(a->row, arg, n, y);
    while (n)
        mpfr_clear(arg[--n]);
}

/* Rounded to odd: cut off, with the last bit set if anything was cut, so that a float made of the
 * double is the one nearest to v, even where v is next to a tie of floats. */
static double to_odd(mpfr_srcptr v)
{
    double d = mpfr_get_d(v, MPFR_RNDZ);
    uint64_t bits_of;
    if (mpfr_cmp_d(v, d) == 0)
        return d;
    memcpy(&bits_of, &d, sizeof bits_of);
    bits_of |= 1;
    memcpy(&d, &bits_of, sizeof d);
    return d;
}

double ulp_judge(const ax_act *a, int order, float x, const char **why)
{
    mpfr_t at, h, y[3];
    trouble = NULL;
    depth = 0;
    bits = order == 0 ? VALUE_BITS : SLOPE_BITS;
    mpfr_inits2(bits, at, h, y[0], y[1], y[2], (mpfr_ptr)0);
    mpfr_set_flt(h, x == 0 ? 1.0f : fabsf(x), MPFR_RNDN);
    mpfr_div_2ui(h, h, x == 0 ? 2 * STEP : STEP, MPFR_RNDN);
    for (int i = -1; i <= 1; i++) {
        if (order == 0 && i != 0)
            continue;
        mpfr_mul_si(at, h, i, MPFR_RNDN);
        mpfr_add_d(at, at, (double)x, MPFR_RNDN);
        value_at(a, at, y[i + 1]);
    }
    if (order == 1) {
        mpfr_sub(y[1], y[2], y[0], MPFR_RNDN);
        mpfr_div(y[1], y[1], h, MPFR_RNDN);
        mpfr_div_2ui(y[1], y[1], 1, MPFR_RNDN);
    } else if (order == 2) {
        mpfr_add(y[2], y[2], y[0], MPFR_RNDN);
        mpfr_mul_2ui(y[1], y[1], 1, MPFR_RNDN);
        mpfr_sub(y[1], y[2], y[1], MPFR_RNDN);
        mpfr_div(y[1], y[1], h, MPFR_RNDN);
        mpfr_div(y[1], y[1], h, MPFR_RNDN);
    }
    double result = trouble ? NAN : to_odd(y[1]);
    if (why)
        *why = trouble;
    mpfr_clears(at, h, y[0], y[1], y[2], (mpfr_ptr)0);
    return result;
}
