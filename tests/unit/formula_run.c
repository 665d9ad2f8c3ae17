/* formula_run.c - programs: every operation right for every double, the same bits on every
 * instruction set and at every length, gradients of parameters, kinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation/formula/exact.h"
#include "activation/formula/vm.h"
#include "formula_texts.h"
#include "math/cpu.h"

/* ---- operations against 113 bits ---- */

static double random_double(uint64_t *seed)
{
    double x;
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = *seed ^ *seed >> 29;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* of a size where most functions are between their ends */
static double middle_double(uint64_t *seed)
{
    double u = (double)((int64_t)(*seed = *seed * 6364136223846793005u + 1442695040888963407u) >> 11);
    double sizes[] = {0x1p-52, 0x1p-50, 0x1p-48, 0x1p-43, 0x1p-80};
    return u * sizes[*seed % 5];
}

/* op applied to nodes: x and parameters 0 and 1 */
static ball exact_op(int op, double a, double b, int n)
{
    static ax_arena arena;
    static fgraph g;
    const double p[2] = {a, b};
    if (!g.node)
        assert_int_equal(formula_graph_init(&g, &arena, 4000), 0);
    int x = formula_intern(&g, (fnode){.op = OP_PARAM}), y = 0;
    if (formula_op[op].args > 1)
        y = formula_intern(&g, (fnode){.op = OP_PARAM, .n = 1});
    int root = formula_intern(&g, (fnode){.op = (uint8_t)op, .arg = {x, y}, .n = n});
    return formula_ball(&g, root, AX_FORMULA_F, p, 0);
}

static double worst;

static void judge(int op, double a, double b, int n)
{
    double y = formula_apply(op, a, b, 0, n);
    ball want = exact_op(op, a, b, n);
    quad size = fabs_q(want.v);
    if (!(want.e < size * (quad)0x1p-60) && want.v != 0)
        return; /* outside the domain, or at infinity: a table below */
    if (size > (quad)DBL_MAX) {
        assert_true(isinf(y) || fabs(y) > 0x1.fffffffep1023);
        return;
    }
    quad off = fabs_q((quad)y - want.v) - (quad)0x1p-1073;
    double rel = off > 0 ? (double)(off / size) : 0;
    if (!(rel <= 0x1p-40))
        fail_msg("op %d '%s' of %a, %a is %a, off by 2^%.1f", op, formula_op[op].name, a, b, y,
                 log2(rel));
    worst = rel > worst ? rel : worst;
}

static void test_operations(void **state)
{
    uint64_t seed = 11;
    (void)state;
    for (int op = OP_EXP; op < OP_COUNT; op++) {
        if (op == OP_ROOT_LESS) /* its second argument is a positive number near sqrt(1) */
            continue;
        worst = 0;
        for (int i = 0; i < 1500; i++) {
            double a = i % 3 ? middle_double(&seed) : random_double(&seed);
            double b = i % 2 ? middle_double(&seed) : 0.1 * (i % 70 - 30);
            judge(op, a, op == OP_ROOT_SUM ? round(fabs(b) * 64) / 64 : b, 0);
        }
        print_message("%-12s 2^%.1f\n", formula_op[op].name, log2(worst));
    }
    for (int n = 2; n <= POWER_MOST; n++)
        for (int i = 0; i < 20; i++)
            judge(OP_POWI, middle_double(&seed), 0, n);
}

/* op(-inf), op(-0), op(0), op(inf), op(-1) */
static const struct {
    int op;
    double y[5];
} ends[] = {
    {OP_EXP, {0, 1, 1, INFINITY, 0.36787944117144233}},
    {OP_EXPM1, {-1, -0.0, 0, INFINITY, -0.63212055882855767}},
    {OP_LOG, {NAN, -INFINITY, -INFINITY, INFINITY, NAN}},
    {OP_LOG1P, {NAN, -0.0, 0, INFINITY, -INFINITY}},
    {OP_SQRT, {NAN, -0.0, 0, INFINITY, NAN}},
    {OP_CBRT, {-INFINITY, -0.0, 0, INFINITY, -1}},
    {OP_ABS, {INFINITY, 0, 0, INFINITY, 1}},
    {OP_SIGN, {-1, -0.0, 0, 1, -1}},
    {OP_FLOOR, {-INFINITY, -0.0, 0, INFINITY, -1}},
    {OP_SIN, {NAN, -0.0, 0, NAN, -0.84147098480789651}},
    {OP_COS, {NAN, 1, 1, NAN, 0.54030230586813972}},
    {OP_TAN, {NAN, -0.0, 0, NAN, -1.5574077246549022}},
    {OP_ATAN, {-M_PI_2, -0.0, 0, M_PI_2, -M_PI_4}},
    {OP_SINH, {-INFINITY, -0.0, 0, INFINITY, -1.1752011936438014}},
    {OP_COSH, {INFINITY, 1, 1, INFINITY, 1.5430806348152437}},
    {OP_TANH, {-1, -0.0, 0, 1, -0.76159415595576489}},
    {OP_SECH, {0, 1, 1, 0, 0.64805427366388540}},
    {OP_LOGCOSH, {INFINITY, 0, 0, INFINITY, 0.43378083048302719}},
    {OP_SIGMOID, {0, 0.5, 0.5, 1, 0.26894142136999512}},
    {OP_SOFTPLUS, {0, M_LN2, M_LN2, INFINITY, 0.31326168751822286}},
    {OP_TANH_SHRINK, {-INFINITY, -0.0, 0, INFINITY, -0.23840584404423511}},
    {OP_ERF, {-1, -0.0, 0, 1, -0.84270079294971487}},
    {OP_ERFC, {2, 1, 1, 0, 1.8427007929497149}},
    {OP_NORMAL, {0, 0.5, 0.5, 1, 0.15865525393145705}},
    {OP_DENSITY, {0, 0.3989422804014327, 0.3989422804014327, 0, 0.24197072451914337}},
    {OP_GATE, {0, 0.6, 0.6, 1, 0.30340146137410895}},
};

static void test_ends(void **state)
{
    static const double x[] = {-INFINITY, -0.0, 0, INFINITY, -1};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        assert_true(isnan(formula_apply(ends[i].op, NAN, 0, 0, 0)));
        for (int k = 0; k < 5; k++) {
            double y = formula_apply(ends[i].op, x[k], 0, 0, 0), want = ends[i].y[k];
            if (isnan(want) ? !isnan(y)
                            : !(y == want || fabs(y - want) <= 0x1p-40 * fabs(want)) ||
                                  signbit(y) != signbit(want))
                fail_msg("%s(%g) is %a, expected %a", formula_op[ends[i].op].name, x[k], y, want);
        }
    }
}

/* op, a, b, result */
static const struct {
    int op;
    double a, b, y;
} pairs[] = {
    {OP_POW, 0, 0, 1},          {OP_POW, -8, 3, -512},        {OP_POW, -8, 2, 64},
    {OP_POW, -8, 0.5, NAN},     {OP_POW, 0, 2.5, 0},          {OP_POW, 0, -2.5, INFINITY},
    {OP_POW, -0.0, 3, -0.0},    {OP_POW, -0.0, -3, -INFINITY}, {OP_POW, INFINITY, 0.5, INFINITY},
    {OP_POW, INFINITY, -1, 0},  {OP_POW, -INFINITY, 3, -INFINITY}, {OP_POW, 2, INFINITY, INFINITY},
    {OP_POW, 0.5, INFINITY, 0}, {OP_POW, 2, 1e300, INFINITY}, {OP_POW, 2, -1e300, 0},
    {OP_POW, 1, 1e300, 1},      {OP_POW, 2, 1023, 0x1p1023},  {OP_POW, 2, -1074, 0x1p-1074},
    {OP_POW, NAN, 1, NAN},      {OP_POW, 2, NAN, NAN},        {OP_MIN, NAN, 1, NAN},
    {OP_MIN, 1, NAN, NAN},      {OP_MAX, NAN, 1, NAN},        {OP_MAX, 1, NAN, NAN},
    {OP_MAX, 1, 2, 2},          {OP_MIN, 1, 2, 1},            {OP_LT, 1, 2, 1},
    {OP_LT, 2, 2, 0},           {OP_LE, 2, 2, 1},             {OP_EQ, 2, 2, 1},
    {OP_NE, 2, 2, 0},           {OP_LT, NAN, 2, NAN},         {OP_EQ, NAN, NAN, NAN},
    {OP_NE, NAN, 1, NAN},       {OP_AND, 1, 0, 0},            {OP_AND, 1, 1, 1},
    {OP_OR, 1, 1, 1},           {OP_OR, 0, 1, 1},             {OP_OR, 0, 0, 0},
    {OP_AND, NAN, 0, NAN},      {OP_ROOT_SUM, 0, 4, 2},       {OP_ROOT_SUM, 1e200, 4, 2e200},
    {OP_ROOT_SUM, -1e200, 4, 2e-200}, {OP_ROOT_SUM, -INFINITY, 4, 0},
    {OP_ROOT_SUM, INFINITY, 4, INFINITY}, {OP_ROOT_SUM, NAN, 4, NAN}, {OP_ROOT_LESS, 0, 1, 0},
    {OP_ROOT_LESS, 8, 1, 2},    {OP_ROOT_LESS, 1e-30, 1, 5e-31}, {OP_ROOT_LESS, INFINITY, 1, INFINITY},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        double y = formula_apply(pairs[i].op, pairs[i].a, pairs[i].b, 0, 0), want = pairs[i].y;
        if (isnan(want) ? !isnan(y)
                        : !(y == want || fabs(y - want) <= 0x1p-40 * fabs(want)) ||
                              signbit(y) != signbit(want))
            fail_msg("op %d of %g, %g is %a, expected %a", pairs[i].op, pairs[i].a, pairs[i].b, y,
                     want);
    }
    double select[][4] = {{1, 2, 3, 2}, {0, 2, 3, 3}, {NAN, 2, 3, NAN}, {1, 2, NAN, 2}};
    for (int i = 0; i < 4; i++) {
        double y = formula_apply(OP_SELECT, select[i][0], select[i][1], select[i][2], 0);
        assert_true(y == select[i][3] || (isnan(y) && isnan(select[i][3])));
    }
}

/* ---- lengths and instruction sets ---- */

enum { LONGEST = 67, GUARD = 20 };

static int same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

typedef struct alone { /* inputs, and what each gives in a call of its own */
    float x[LONGEST], dy[LONGEST], y[3][LONGEST], dx[LONGEST];
} alone;

static void fill(alone *e, const ax_formula *f)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 1e38f, -1e38f, 800, -800};
    for (int i = 0; i < LONGEST; i++) {
        e->x[i] = i < 9 ? odd[i] : (float)(i - 33) * (i % 5 == 0 ? 3.7f : 0.21f);
        e->dy[i] = (float)(i % 7 - 3) * 1.37f;
        for (int w = 0; w < 3; w++)
            ax_formula_run(f, w, formula_values, &e->x[i], &e->y[w][i], 1);
        ax_formula_backward(f, formula_values, &e->x[i], &e->dy[i], &e->dx[i], 1);
    }
}

static void check_length(const ax_formula *f, const alone *e, size_t n, const char *text)
{
    float in[LONGEST + GUARD], out[LONGEST + GUARD], back[LONGEST + GUARD];
    for (int w = 0; w < 4; w++) {
        for (int i = 0; i < LONGEST + GUARD; i++)
            in[i] = out[i] = back[i] = 1234.5f;
        memcpy(in + 1, e->x, n * sizeof *in);
        memcpy(back + 1, e->dy, n * sizeof *back);
        if (w < 3)
            ax_formula_run(f, w, formula_values, in + 1, out + 1, n);
        else
            ax_formula_backward(f, formula_values, in + 1, back + 1, back + 1, n);
        const float *got = w < 3 ? out : back, *want = w < 3 ? e->y[w] : e->dx;
        for (size_t i = 0; i < n; i++)
            if (!same(got[i + 1], want[i]))
                fail_msg("%s: output %d, element %zu of %zu", text, w, i, n);
        for (size_t i = 0; i < LONGEST + GUARD; i++)
            assert_true((i >= 1 && i <= n) || got[i] == 1234.5f);
    }
    memcpy(in + 1, e->x, n * sizeof *in);
    ax_formula_run(f, 0, formula_values, in + 1, in + 1, n);
    for (size_t i = 0; i < n; i++)
        assert_true(same(in[i + 1], e->y[0][i]));
}

static void test_lengths(void **state)
{
    (void)state;
    for (int t = 0; t < FORMULA_TEXTS; t++) {
        ax_arena arena;
        alone first = {0}, e;
        int isas = 0;
        ax_arena_init(&arena, 0);
        const ax_formula *f = formula_of(&arena, formula_texts[t], NULL);
        assert_non_null(f);
        for (int i = 0; i < AX_ISAS; i++) {
            if (!ax_isa_supported((ax_isa)i))
                continue;
            assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
            fill(&e, f);
            if (!isas++)
                first = e;
            for (int w = 0; w < 3; w++)
                for (int k = 0; k < LONGEST; k++)
                    if (!same(e.y[w][k], first.y[w][k]))
                        fail_msg("%s: output %d of %g on %s", formula_texts[t], w,
                                 (double)e.x[k], ax_isa_name((ax_isa)i));
            for (size_t n = 0; n <= LONGEST; n += n < 18 ? 1 : 7)
                check_length(f, &e, n, formula_texts[t]);
            check_length(f, &e, LONGEST, formula_texts[t]);
        }
        ax_arena_fini(&arena);
    }
}

/* The same bits on every machine, from every compiler: one number for all outputs of all texts. */
static void test_golden(void **state)
{
    (void)state;
    uint64_t h = 0xcbf29ce484222325;
    enum { N = 1000 };
    static float x[N], y[N];
    for (int i = 0; i < N; i++) {
        uint32_t bits = (uint32_t)i * 4294967u + 12345u;
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (int t = 0; t < FORMULA_TEXTS; t++) {
        ax_arena arena;
        ax_arena_init(&arena, 0);
        const ax_formula *f = formula_of(&arena, formula_texts[t], NULL);
        assert_non_null(f);
        for (int w = 0; w < f->outputs; w++) {
            ax_formula_run(f, w, formula_values, x, y, N);
            for (int i = 0; i < N; i++) {
                uint32_t bits;
                memcpy(&bits, &y[i], sizeof bits);
                h = (h ^ (isnan(y[i]) ? 0x7fc00000 : bits)) * 0x100000001b3;
            }
        }
        ax_arena_fini(&arena);
    }
    assert_true(h == 0xcfc9b891af9e4f21);
}

/* ---- gradients of parameters, kinks ---- */

static void test_param_grad(void **state)
{
    (void)state;
    enum { N = 1003 };
    static float x[N], dy[N];
    double other = 0;
    ax_arena arena;
    ax_arena_init(&arena, 0);
    const ax_formula *f = formula_of(&arena, "x*sigmoid(beta*x) + gamma*x^2", NULL);
    assert_non_null(f);
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i % 97 - 48) * 0.125f;
        dy[i] = (float)(i % 13 - 6) * 0.5f;
        double s = 1 / (1 + exp(-1.25 * (double)x[i]));
        other += (double)dy[i] * ((double)x[i] * x[i] * s * (1 - s));
    }
    double beta = ax_formula_param_grad(f, 0, formula_values, x, dy, N), gamma = 0;
    assert_true(fabs(beta - other) <= 1e-10 * fabs(other));
    for (int i = 0; i < N; i++)
        gamma += (double)dy[i] * x[i] * x[i]; /* exact, in any order */
    assert_true(ax_formula_param_grad(f, 1, formula_values, x, dy, N) == gamma);
    assert_true(ax_formula_param_grad(f, 1, formula_values, x, dy, 0) == 0);
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
        assert_true(ax_formula_param_grad(f, 0, formula_values, x, dy, N) == beta);
    }
    ax_arena_fini(&arena);
}

static const struct {
    const char *text;
    int n;
    double at[4];
} kinks[] = {
    {"x*sigmoid(x)", 0, {0}},
    {"max(x, 0)", 1, {0}},
    {"min(max(x, 0), 6)", 2, {0, 6}},
    {"clip(2*x + 1, -3, 5)", 2, {-2, 2}},
    {"abs(x - 1)", 1, {1}},
    {"sign(x)*max(abs(x) - 0.5, 0)", 3, {-0.5, 0, 0.5}},
    {"abs(x) > 2 ? x : 0", 3, {-2, 0, 2}},
    {"x < -1 ? 0 : x > 1 ? x : x^2", 2, {-1, 1}},
    {"x > 0 && x < 3 ? x : 0", 2, {0, 3}},
    {"max(0, beta*x - 1)", 1, {0.8}},
    {"max(x^2, 1)", 0, {0}},
    {"max(x, 3*x - 4)", 1, {2}},
    {"abs(-x/4 + 1)", 1, {4}},
};

static void test_kinks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinks / sizeof *kinks; i++) {
        ax_arena arena;
        double at[8];
        ax_arena_init(&arena, 0);
        const ax_formula *f = formula_of(&arena, kinks[i].text, NULL);
        assert_non_null(f);
        int n = ax_formula_kinks(f, formula_values, at, 8);
        if (n != kinks[i].n)
            fail_msg("%s has %d kinks, expected %d", kinks[i].text, n, kinks[i].n);
        for (int k = 0; k < n; k++)
            assert_true(fabs(at[k] - kinks[i].at[k]) < 1e-12);
        assert_int_equal(ax_formula_kinks(f, formula_values, at, 1), n < 1 ? n : 1);
        ax_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_pairs),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_golden),     cmocka_unit_test(test_param_grad),
        cmocka_unit_test(test_kinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
