/* formula_catalog.c - the text of each element-wise row says what its kernel computes.
 *
 * Two ways to the same function: the formula of the row, compiled, and the kernel written by hand.
 * f must agree within 1 ULP on a walk over all float32, at infinities and round each kink; f' and
 * f'' where they are well-conditioned: not next to one of their zeros, where a kernel has a table
 * of roots and a formula has what double leaves, and not at a kink, where conventions differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activation/formula/formula.h"

enum { STRIDE = 199999, WINDOW = 300, INF = 0x7f800000, KINKS = 16 };

typedef struct pair {
    const ax_act_row *row;
    ax_act act;
    const ax_formula *f;
    double kink[KINKS];
    int kinks, wrong;
} pair;

static float float_of(int64_t order)
{
    uint32_t bits = order >= 0 ? (uint32_t)order : 0x80000000u | (uint32_t)(-1 - order);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static int64_t order_of(float f)
{
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits >= 0 ? bits : -(int64_t)(bits & 0x7fffffff); /* both zeros are 0 */
}

static void (*const evaluate[3])(const ax_act *a, const float *x, float *y,
                                 size_t n) = {ax_act_forward, ax_act_derivative, ax_act_second};

static float kernel(const pair *p, int which, float x)
{
    float y;
    evaluate[which](&p->act, &x, &y, 1);
    return y;
}

/* Numbers 2^-8 to the left and right tell how large the function is round here. */
static int near_zero(const pair *p, int which, float x, float y)
{
    float l = kernel(p, which, x * (1 - 0x1p-8f)), r = kernel(p, which, x * (1 + 0x1p-8f));
    return fabsf(y) < 0x1p-8f * fmaxf(fabsf(l), fabsf(r));
}

/* or so close that the comparison in double cannot tell: x + 2 < 2 at -1e-16 */
static int at_kink(const pair *p, float x)
{
    for (int i = 0; i < p->kinks; i++)
        if (fabs(x - p->kink[i]) <= 0x1p-22 * fabs(p->kink[i]) + 0x1p-50)
            return 1;
    return 0;
}

/* Where derivatives cancel though they are not near a zero. */
static const struct {
    const char *name;
    int which;
    double from, to; /* of |x| */
} cancelling[] = {
    {"sinc", 1, 0, 0x1p-8}, /* 1/x^2 and 1/x^3 times what vanishes */
    {"sinc", 2, 0, 0x1p-5},
    {"pau", 2, 0x1p6, INFINITY} /* x^11 minus x^11 leaves x^8 */
};

static int cancels(const pair *p, int which, float x)
{
    for (size_t i = 0; i < sizeof cancelling / sizeof *cancelling; i++)
        if (strcmp(p->row->name, cancelling[i].name) == 0 && which == cancelling[i].which &&
            fabs(x) >= cancelling[i].from && fabs(x) <= cancelling[i].to)
            return 1;
    return 0;
}

static void compare(pair *p, int which, float x)
{
    float want = kernel(p, which, x), got;
    ax_formula_run(p->f, which, p->act.param, &x, &got, 1);
    if (isnan(want) && isnan(got))
        return;
    if (!isnan(want) && !isnan(got) && llabs(order_of(got) - order_of(want)) <= 1)
        return;
    if (which && (at_kink(p, x) || near_zero(p, which, x, want) || cancels(p, which, x)))
        return;
    if (p->wrong++ < 3)
        print_error("%s%.*s(%a): kernel %a, formula %a (p0 %g)\n", p->row->name, which, "''",
                    (double)x, (double)want, (double)got, p->act.param[0]);
}

static void walk(pair *p, int64_t from, int64_t to, int64_t step)
{
    from = from < -1 - (int64_t)INF ? -1 - (int64_t)INF : from;
    to = to > INF ? INF : to;
    for (int64_t o = from; o <= to; o += step)
        for (int which = 0; which < 3; which++)
            compare(p, which, float_of(o));
}

static int check(const ax_act_row *row, const ax_act *act)
{
    ax_arena arena;
    ax_err err;
    pair p = {.row = row, .act = *act};
    ax_arena_init(&arena, 0);
    p.f = ax_formula_new(&arena, row->formula, row->params, &err);
    if (!p.f)
        fail_msg("%s: %s\n%s", row->name, err.msg, err.hint);
    p.kinks = ax_formula_kinks(p.f, act->param, p.kink, KINKS);
    walk(&p, -1 - (int64_t)INF, INF, STRIDE);
    walk(&p, INF, INF, 1);
    walk(&p, -1 - (int64_t)INF, -1 - (int64_t)INF, 1);
    walk(&p, -WINDOW, WINDOW, 7);
    for (int i = 0; i < p.kinks; i++) {
        int64_t at = order_of((float)p.kink[i]);
        walk(&p, at - WINDOW, at + WINDOW, 13);
    }
    ax_arena_fini(&arena);
    return p.wrong > 0;
}

/* defaults, and values aside from them */
static void set_params(ax_act *a, int odd)
{
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++) {
        const ax_act_param *q = &a->row->params[i];
        double v = odd ? q->def * 1.375 + 0.0625 : q->def;
        a->param[i] = v >= q->min && v <= q->max ? v : q->def;
    }
}

static void test_rows(void **state)
{
    int n, wrong = 0;
    const ax_act_row *rows = ax_act_catalog(&n);
    (void)state;
    for (int i = 0; i < n; i++)
        for (int odd = 0; odd < 2 && rows[i].kind == AX_ACT_ELEMENT; odd++) {
            ax_act a = {.row = &rows[i]};
            set_params(&a, odd);
            wrong += check(&rows[i], &a);
        }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
