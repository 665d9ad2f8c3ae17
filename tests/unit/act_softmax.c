/* act_softmax.c - softmax and log_softmax against long double; every layout, every instruction set,
 * same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "act_reference.h"
#include "activation/activation.h"
#include "math/cpu.h"

enum { LONGEST = 5000, MOST = 3 * LONGEST };

static uint32_t seed = 1;

static float uniform(void) /* [-1, 1) */
{
    seed = seed * 1664525u + 1013904223u;
    return (float)((int32_t)seed >> 8) * 0x1p-23f;
}

/* rows of touching elements */
static void reference(int log, const float *x, real *y, int len)
{
    real m = -INFINITY, s = 0;
    int top = 0;
    for (int i = 0; i < len; i++)
        if (x[i] > m)
            m = x[i], top = i;
    for (int i = 0; i < len; i++)
        s += i == top ? 0 : expl(x[i] - m);
    for (int i = 0; i < len; i++)
        y[i] = log ? (x[i] - m) - log1pl(s) : expl(x[i] - m) / (1 + s);
}

static int same_bits(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return 0;
    return 1;
}

static void get(const char *name, const char *isa, ax_act *a)
{
    assert_int_equal(ax_act_by_name(name, a, NULL), 0);
    assert_int_equal(ax_isa_force(isa, NULL), 0);
}

static const char *const functions[] = {"softmax", "log_softmax"};

/* (outer, len) to (len, outer): what was a row is now a column */
static void transpose(const float *x, float *t, int outer, int len)
{
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < len; i++)
            t[i * outer + o] = x[o * len + i];
}

static const char *isas[AX_ISAS];
static int n_isas;

/* the rows of x by every instruction set, touching and strided, against `first` */
static void check_ways(int f, const float *x, const float *first, int outer, int len)
{
    static float xt[MOST], y[MOST + 1], yt[MOST];
    ax_act a;
    transpose(x, xt, outer, len);
    transpose(first, yt, outer, len);
    for (int i = 0; i < n_isas; i++) {
        get(functions[f], isas[i], &a);
        y[outer * len] = 77;
        ax_act_rows(&a, x, y, outer, len, 1);
        assert_true(same_bits(y, first, outer * len) && y[outer * len] == 77);
        for (int o = 0; o < outer; o++) /* a row does not depend on its neighbours */
            ax_act_rows(&a, x + o * len, y + o * len, 1, len, 1);
        assert_true(same_bits(y, first, outer * len));
        ax_act_rows(&a, xt, y, 1, len, outer);
        assert_true(same_bits(y, yt, outer * len) && y[outer * len] == 77);
        memcpy(y, xt, sizeof xt);
        ax_act_rows(&a, y, y, 1, len, outer); /* in place */
        assert_true(same_bits(y, yt, outer * len));
    }
}

static const float scales[] = {0.01f, 1, 20, 300, 3e4f};

static double check_rows(int f, int outer, int len, float scale)
{
    static float x[MOST], y[MOST];
    static real exact[LONGEST];
    ax_act a;
    double worst = 0;
    get(functions[f], isas[0], &a);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * scale;
    ax_act_rows(&a, x, y, outer, len, 1);
    for (int o = 0; o < outer; o++) {
        reference(f, x + o * len, exact, len);
        for (int i = 0; i < len; i++) {
            double u = ref_ulp(y[o * len + i], exact[i]);
            worst = u > worst ? u : worst;
        }
    }
    check_ways(f, x, y, outer, len);
    return worst;
}

static void test_ulp(void **state)
{
    (void)state;
    static const int lens[] = {100, 511, 1000, 1024, 4095, 4096, 4097, LONGEST};
    for (int f = 0; f < 2; f++) {
        double worst = 0;
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            for (int len = 1; len <= 70; len++)
                for (int outer = 1; outer <= 19; outer += 6)
                    worst = fmax(worst, check_rows(f, outer, len, scales[s]));
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++)
                worst = fmax(worst, check_rows(f, 1 + (int)l % 3, lens[l], scales[s]));
        }
        print_message("%-11s %.6f ULP\n", functions[f], worst);
        assert_true(worst <= 0.501);
    }
}

#define INF INFINITY

/* clang-format off */
static const struct {
    float x[4], soft[4], log[4];
} special[] = {
    {{0, -INF, -INF, 0}, {0.5f, 0, 0, 0.5f}, {-0.693147181f, -INF, -INF, -0.693147181f}},
    {{-INF, -INF, 3, -INF}, {0, 0, 1, 0}, {-INF, -INF, 0, -INF}},
    {{-INF, -INF, -INF, -INF}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{1, INF, 2, 3}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{1, 2, 3, NAN}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{NAN, -INF, -INF, -INF}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{FLT_MAX, -FLT_MAX, 0, FLT_MAX}, {0.5f, 0, 0, 0.5f},
     {-0.693147181f, -INF, -FLT_MAX, -0.693147181f}},
    {{-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX}, {0.25f, 0.25f, 0.25f, 0.25f},
     {-1.38629436f, -1.38629436f, -1.38629436f, -1.38629436f}},
    {{0, -30, -31, -32}, {1, 9.3576230e-14f, 3.4424771e-14f, 1.2664166e-14f},
     {-1.4066517e-13f, -30, -31, -32}}, /* relative accuracy of a tiny logarithm */
    {{0, -103, -110, -1e4f}, {1, 1.4012985e-45f, 0, 0}, {-1.4012985e-45f, -103, -110, -1e4f}},
};
/* clang-format on */

static void test_special(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof special / sizeof *special; s++)
        for (int f = 0; f < 2; f++) {
            const float *want = f ? special[s].log : special[s].soft;
            float y[4];
            ax_act a;
            get(functions[f], isas[0], &a);
            ax_act_rows(&a, special[s].x, y, 1, 4, 1);
            for (int i = 0; i < 4; i++)
                if (!(y[i] == want[i] || (isnan(y[i]) && isnan(want[i])) ||
                      fabsf(y[i] - want[i]) <= 2e-7f * fabsf(want[i])))
                    fail_msg("%s row %zu: y[%d] = %a, expected %a", functions[f], s, i,
                             (double)y[i], (double)want[i]);
            check_ways(f, special[s].x, y, 1, 4);
        }
    ax_act a;
    get("softmax", isas[0], &a);
    float y = 5;
    ax_act_rows(&a, &y, &y, 0, 3, 1);
    ax_act_rows(&a, &y, &y, 1, 0, 1);
    ax_act_rows(&a, &y, &y, 1, 3, 0);
    assert_true(y == 5); /* nothing to do */
}

/* dx against long double: one rounding of what doubles make of it */
static void check_backward(int f, int outer, int len)
{
    static float x[MOST], y[MOST], dy[MOST], dx[MOST], yt[MOST], dt[MOST], want[MOST], got[MOST];
    ax_act a;
    get(functions[f], isas[0], &a);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * 8, dy[i] = uniform();
    ax_act_rows(&a, x, y, outer, len, 1);
    ax_act_rows_backward(&a, y, dy, dx, outer, len, 1);
    for (int o = 0; o < outer; o++) {
        const float *yr = y + o * len, *dr = dy + o * len;
        real s = 0, size = 0;
        for (int i = 0; i < len; i++)
            s += f ? (real)dr[i] : (real)yr[i] * dr[i], size += fabsl((real)dr[i]);
        for (int i = 0; i < len; i++) {
            real exact = f ? dr[i] - expl(yr[i]) * s : yr[i] * (dr[i] - s);
            real off = fabsl(dx[o * len + i] - exact);
            assert_true(off <= 0x1p-24L * fabsl(exact) + 1e-12L * size * (f ? 1 : yr[i]) + 1e-45L);
        }
    }
    transpose(y, yt, outer, len);
    transpose(dy, dt, outer, len);
    transpose(dx, want, outer, len);
    for (int i = 0; i < n_isas; i++) {
        get(functions[f], isas[i], &a);
        memcpy(got, dy, sizeof dy);
        ax_act_rows_backward(&a, y, got, got, outer, len, 1); /* dx may be dy */
        assert_true(same_bits(got, dx, outer * len));
        ax_act_rows_backward(&a, yt, dt, got, 1, len, outer);
        assert_true(same_bits(got, want, outer * len));
    }
}

static void test_backward(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        for (int len = 1; len <= 70; len++)
            check_backward(f, 1 + len % 13, len);
        check_backward(f, 3, 1000);
        check_backward(f, 2, LONGEST);
    }
}

/* several outer blocks of strided rows */
static void test_outer_inner(void **state)
{
    (void)state;
    enum { OUTER = 3, LEN = 11, INNER = 21, N = OUTER * LEN * INNER };
    static float x[N], y[N], row[LEN], want[LEN];
    for (int i = 0; i < N; i++)
        x[i] = uniform() * 5;
    for (int f = 0; f < 2; f++) {
        ax_act a;
        get(functions[f], isas[n_isas - 1], &a);
        ax_act_rows(&a, x, y, OUTER, LEN, INNER);
        for (int o = 0; o < OUTER; o++)
            for (int c = 0; c < INNER; c++) {
                for (int i = 0; i < LEN; i++)
                    row[i] = x[(o * LEN + i) * INNER + c];
                ax_act_rows(&a, row, want, 1, LEN, 1);
                for (int i = 0; i < LEN; i++)
                    assert_true(want[i] == y[(o * LEN + i) * INNER + c]);
            }
    }
}

int main(void)
{
    for (int i = 0; i < AX_ISAS; i++)
        if (ax_isa_supported((ax_isa)i))
            isas[n_isas++] = ax_isa_name((ax_isa)i);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_outer_inner),
        cmocka_unit_test(test_backward),
        cmocka_unit_test(test_ulp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
