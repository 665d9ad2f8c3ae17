/* act_ulp.c - every element-wise activation and derivative: within 1 ULP, same bits everywhere.
 *
 * Inputs: a stride over all float32 in order, and all neighbours of every place where a formula
 * changes, cancels, saturates, underflows or overflows. The exhaustive run over 2^32 inputs uses
 * the same reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "act_limits_gated.h"
#include "act_limits_rectifier.h"
#include "act_limits_sigmoidal.h"
#include "act_reference.h"
#include "activation/activation.h"
#include "math/cpu.h"

#define STRIDE 19997
#define WINDOW 1500
#define BLOCK  4096

typedef struct sweep {
    const ref_case *c;
    ax_act act;
    double worst[3];
    float worst_x[3];
    float last; /* f of the largest input so far where f must not decrease */
    int isas;
    const char *isa[AX_ISAS];
} sweep;

static void (*const evaluate[3])(const ax_act *a, const float *x, float *y,
                                 size_t n) = {ax_act_forward, ax_act_derivative, ax_act_second};
static const char *const primes[3] = {"", "'", "''"};

static uint32_t bits_of(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    return b;
}

static int same(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

static int same_vec(const float *a, const float *b, int n)
{
    if (memcmp(a, b, (size_t)n * sizeof *a) == 0)
        return 1;
    for (int i = 0; i < n; i++)
        if (!same(a[i], b[i]))
            return 0;
    return 1;
}

static void judge(sweep *s, int which, const float *x, const float *y, int n)
{
    ref_fn *ref = which == 0 ? s->c->f : which == 1 ? s->c->d : s->c->dd;
    for (int i = 0; i < n; i++) {
        double u = isinf(x[i]) ? 0 : ref_ulp(y[i], ref(s->c->p, x[i]));
        if (u > s->worst[which])
            s->worst[which] = u, s->worst_x[which] = x[i];
    }
}

static void check_rising(sweep *s, const float *x, const float *y, int n)
{
    for (int i = 0; i < n; i++) {
        if (x[i] < s->c->rises)
            continue;
        if (y[i] < s->last)
            fail_msg("%s decreases at %a", s->c->name, (double)x[i]);
        s->last = y[i];
    }
}

/* f, f' and f'' of a block on all instruction sets: same bits, and the error of the first */
static void check_block(sweep *s, const float *x, int n)
{
    static float first[3][BLOCK], y[BLOCK];
    for (int which = 0; which < 3; which++) {
        for (int i = 0; i < s->isas; i++) {
            float *to = i ? y : first[which];
            assert_int_equal(ax_isa_force(s->isa[i], NULL), 0);
            evaluate[which](&s->act, x, to, (size_t)n);
            if (i && !same_vec(first[which], y, n))
                fail_msg("%s%s: %s and %s differ near %a", s->c->name, primes[which], s->isa[0],
                         s->isa[i], (double)x[0]);
        }
        judge(s, which, x, first[which], n);
    }
    check_rising(s, x, first[0], n);
}

static void check_range(sweep *s, int64_t from, int64_t to, int64_t step)
{
    float x[BLOCK];
    int n = 0;
    s->last = -INFINITY;
    from = from < -1 - REF_INF ? -1 - REF_INF : from;
    to = to > REF_INF ? REF_INF : to;
    for (int64_t o = from; o <= to; o += step) {
        x[n++] = ref_float(o);
        if (n == BLOCK || o + step > to) {
            check_block(s, x, n);
            n = 0;
        }
    }
}

static void sweep_case(const ref_case *c, double worst[3])
{
    sweep s = {.c = c};
    assert_int_equal(ax_act_by_name(c->name, &s.act, NULL), 0);
    for (int i = 0; i < AX_ACT_PARAMS && s.act.row->params[i].name; i++)
        assert_int_equal(ax_act_set(&s.act, s.act.row->params[i].name, c->p[i], NULL), 0);
    for (int i = 0; i < AX_ISAS; i++)
        if (ax_isa_supported((ax_isa)i))
            s.isa[s.isas++] = ax_isa_name((ax_isa)i);
    check_range(&s, -1 - REF_INF, REF_INF, STRIDE);
    static const float everywhere[] = {0.0f,   -FLT_MIN, FLT_MIN, 1e-10f,  -1e-10f, 1e-4f,
                                       -1e-4f, 1,        -1,      FLT_MAX, -FLT_MAX};
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        int64_t o = ref_order(everywhere[i]);
        check_range(&s, o - WINDOW, o + WINDOW, 1);
    }
    for (int i = 0; i < REF_EDGES && c->edges[i] != 0; i++) {
        int64_t o = ref_order(c->edges[i]);
        check_range(&s, o - WINDOW, o + WINDOW, 1);
        check_range(&s, o - 400 * WINDOW, o + 400 * WINDOW, 397);
    }
    for (int which = 0; which < 3; which++) {
        worst[which] = s.worst[which];
        if (!(s.worst[which] <= 1.0))
            fail_msg("%s%s(%a) with %g: %g ULP", c->name, primes[which],
                     (double)s.worst_x[which], c->p[0], s.worst[which]);
    }
}

static void test_ulp(void **state)
{
    (void)state;
    for (int i = 0; i < REF_CASES; i++) {
        double worst[3];
        sweep_case(&ref_cases[i], worst);
        print_message("%-13s %-8.4g f %.6f  f' %.6f  f'' %.6f ULP\n", ref_cases[i].name,
                      ref_cases[i].p[0], worst[0], worst[1], worst[2]);
    }
}

/* each element-wise row of the catalogue has at least one reference */
static void test_all_covered(void **state)
{
    (void)state;
    int n;
    const ax_act_row *rows = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        int found = rows[i].kind != AX_ACT_ELEMENT;
        for (int j = 0; j < REF_CASES; j++)
            found |= strcmp(ref_cases[j].name, rows[i].name) == 0;
        if (!found)
            fail_msg("no reference for %s", rows[i].name);
    }
}

/* f(-inf), f(-0), f(0), f(inf), f'(-inf), f'(0), f'(inf) */
/* clang-format off */
static const struct {
    const char *name;
    float v[7];
} limits[] = {
    LIMITS_SIGMOIDAL
    LIMITS_RECTIFIER
    LIMITS_GATED
};
/* f''(-inf), f''(inf) where they are not 0 */
static const struct {
    const char *name;
    float v[2];
} curves[] = {
    {"squared_relu", {0, 2}},
    {"star_relu", {0, 1.7888f}},
    {"exponential", {0, INFINITY}},
    {"xielu", {0, 1.6f}},
    {"sin", {NAN, NAN}},
    {"cos", {NAN, NAN}},
    {"sinlu", {0, NAN}},
    {"snake", {NAN, NAN}},
    {"gcu", {NAN, NAN}},
};
/* clang-format on */

static void check_curves(const char *isa, const ax_act *a)
{
    static const float ends[] = {-INFINITY, INFINITY};
    float want[2] = {0, 0}, y[2];
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(curves[i].name, a->row->name) == 0)
            memcpy(want, curves[i].v, sizeof want);
    ax_act_second(a, ends, y, 2);
    for (int i = 0; i < 2; i++)
        if (y[i] != want[i] && !(isnan(y[i]) && isnan(want[i])))
            fail_msg("%s %s''(%g) = %g, expected %g", isa, a->row->name, (double)ends[i],
                     (double)y[i], (double)want[i]);
}

static void check_limits(const char *isa, size_t row)
{
    static const float x[] = {-INFINITY, -0.0f, 0.0f, INFINITY, -INFINITY, 0.0f, INFINITY};
    static const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff};
    ax_act a;
    assert_int_equal(ax_act_by_name(limits[row].name, &a, NULL), 0);
    for (int i = 0; i < 7; i++) {
        float y;
        (i < 4 ? ax_act_forward : ax_act_derivative)(&a, &x[i], &y, 1);
        if (!same(y, limits[row].v[i]))
            fail_msg("%s %s%s(%g) = %g, expected %g", isa, a.row->name, i < 4 ? "" : "'",
                     (double)x[i], (double)y, (double)limits[row].v[i]);
    }
    check_curves(isa, &a);
    for (int i = 0; i < 4; i++) {
        float nan, y[3], back, one = 1;
        memcpy(&nan, &nans[i], sizeof nan);
        ax_act_forward(&a, &nan, &y[0], 1);
        ax_act_derivative(&a, &nan, &y[1], 1);
        ax_act_second(&a, &nan, &y[2], 1);
        ax_act_backward(&a, &nan, &one, &back, 1);
        if (!isnan(y[0]) || !isnan(y[1]) || !isnan(y[2]) || !isnan(back))
            fail_msg("%s %s drops a NaN", isa, a.row->name);
    }
}

static void test_limits(void **state)
{
    (void)state;
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
        for (size_t r = 0; r < sizeof limits / sizeof *limits; r++)
            check_limits(ax_isa_name((ax_isa)i), r);
    }
    float zero, low = -INFINITY;
    ax_act a;
    assert_int_equal(ax_act_by_name("leaky_relu", &a, NULL), 0);
    assert_int_equal(ax_act_set(&a, "alpha", 0, NULL), 0);
    ax_act_forward(&a, &low, &zero, 1);
    assert_true(zero == 0); /* not 0 * -inf */
}

enum { LONGEST = 67, GUARD = 40 };

typedef struct alone { /* inputs, and what each gives in a call of its own */
    float x[LONGEST], dy[LONGEST], y[LONGEST], slope[LONGEST], dx[LONGEST];
} alone;

/* n elements from an odd address: each as if alone, in place too, nothing behind them touched */
static void check_length(const ax_act *a, const alone *e, size_t n, size_t shift)
{
    float in[LONGEST + GUARD], out[LONGEST + GUARD], back[LONGEST + GUARD];
    for (int i = 0; i < LONGEST + GUARD; i++)
        in[i] = out[i] = back[i] = 1234.5f;
    memcpy(in + shift, e->x, n * sizeof *in);
    ax_act_forward(a, in + shift, out + shift, n);
    assert_true(same_vec(out + shift, e->y, (int)n));
    ax_act_derivative(a, in + shift, out + shift, n);
    assert_true(same_vec(out + shift, e->slope, (int)n));
    ax_act_backward(a, in + shift, e->dy, back + shift, n);
    assert_true(same_vec(back + shift, e->dx, (int)n));
    memcpy(back + shift, e->dy, n * sizeof *back);
    ax_act_backward(a, in + shift, back + shift, back + shift, n);
    assert_true(same_vec(back + shift, e->dx, (int)n));
    ax_act_epilogue(a, in + shift, in + shift, n);
    assert_true(same_vec(in + shift, e->y, (int)n));
    for (size_t i = 0; i < LONGEST + GUARD; i++)
        if (i < shift || i >= shift + n)
            assert_true(in[i] == 1234.5f && out[i] == 1234.5f && back[i] == 1234.5f);
}

static void check_lengths(const ax_act *a)
{
    alone e;
    for (int i = 0; i < LONGEST; i++) {
        e.x[i] = (float)(i - 33) * (i % 5 == 0 ? 3.7f : 0.21f);
        e.dy[i] = (float)(i % 7 - 3) * 1.37f;
        ax_act_forward(a, &e.x[i], &e.y[i], 1);
        ax_act_derivative(a, &e.x[i], &e.slope[i], 1);
        ax_act_backward(a, &e.x[i], &e.dy[i], &e.dx[i], 1);
    }
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t shift = 0; shift < 4; shift++)
            check_length(a, &e, n, shift);
}

static void test_lengths(void **state)
{
    (void)state;
    int rows;
    const ax_act_row *row = ax_act_catalog(&rows);
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
        for (int r = 0; r < rows; r++) {
            ax_act a;
            assert_int_equal(ax_act_by_name(row[r].name, &a, NULL), 0);
            if (row[r].kind == AX_ACT_ELEMENT)
                check_lengths(&a);
        }
    }
}

/* dy f'(x) is rounded once: against f' in long double */
static void test_backward(void **state)
{
    (void)state;
    enum { N = 3000 };
    static float x[N], dy[N], dx[N];
    uint32_t seed = 12345;
    for (int r = 0; r < REF_CASES; r++) {
        const ref_case *c = &ref_cases[r];
        ax_act a;
        assert_int_equal(ax_act_by_name(c->name, &a, NULL), 0);
        memcpy(a.param, c->p, sizeof a.param);
        for (int i = 0; i < N; i++) {
            seed = seed * 1664525u + 1013904223u;
            x[i] = (float)((int32_t)seed) * 0x1p-28f;
            seed = seed * 1664525u + 1013904223u;
            dy[i] = (float)((int32_t)seed) * 0x1p-31f;
        }
        ax_act_backward(&a, x, dy, dx, N);
        for (int i = 0; i < N; i++) {
            double u = ref_ulp(dx[i], dy[i] * c->d(c->p, x[i]));
            if (!(u <= 0.51))
                fail_msg("%s backward at %a: %g ULP", c->name, (double)x[i], u);
        }
    }
}

static void test_force(void **state)
{
    (void)state;
    ax_err err;
    assert_int_equal(ax_isa_force("avx9000", &err), -1);
    assert_int_equal(err.code, AX_EINVAL);
    for (int i = 0; i < AX_ISAS; i++) {
        const char *name = ax_isa_name((ax_isa)i);
        int rc = ax_isa_force(name, &err);
        assert_int_equal(rc, ax_isa_supported((ax_isa)i) ? 0 : -1);
        if (rc == 0)
            assert_int_equal(ax_isa_active(), i);
        else
            assert_int_equal(err.code, AX_EUNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_force),    cmocka_unit_test(test_all_covered),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_backward), cmocka_unit_test(test_ulp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
