/* ops_activation.c - the op prelu gives the bits of the catalogue's function with the same slope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "ops/ops.h"

enum { ROWS = 3, CHANNELS = 8, MOST = 50 };

static const float slopes[CHANNELS] = {0.25f, -0.3f, 0, -0.0f, 1e-30f, 1000, 1, -0x1.fffffep-3f};
static const float special[] = {-INFINITY, -FLT_MAX, -1, -0x1.9p-20f, -FLT_MIN, -0x1p-149f, -0.0f, 0, 0x1p-149f,
                                FLT_MIN, 0.3f, 1, FLT_MAX, INFINITY, NAN, -7.7f, 0x1.234567p-130f};

static float number(int i)
{
    enum { N = sizeof special / sizeof *special };
    return special[i % N] * (i / N % 3 == 1 ? 0.7f : 1);
}

static void check_same(const float *got, const float *expected, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(expected[i])))
            fail_msg("%s, element %d: %a, the catalogue's prelu gives %a", what, i, (double)got[i],
                     (double)expected[i]);
}

/* (ROWS, CHANNELS, pixels), a slope per channel or one for all */
static void check_prelu(int pixels, int n_slopes, ax_pool *pool)
{
    static float x[ROWS * CHANNELS * MOST], dy[ROWS * CHANNELS * MOST], y[ROWS * CHANNELS * MOST],
        dx[ROWS * CHANNELS * MOST], expected[MOST];
    float scratch[2 * ROWS * CHANNELS] __attribute__((aligned(8))), dslope[CHANNELS];
    int n = ROWS * CHANNELS * pixels;
    for (int i = 0; i < n; i++) {
        x[i] = number(i);
        dy[i] = number(i * 7 + 3);
    }
    ax_desc in[3] = {{.shape = {.rank = 3, .dim = {ROWS, CHANNELS, pixels}}},
                     {.shape = {.rank = 1, .dim = {n_slopes}}},
                     {.shape = {.rank = 3, .dim = {ROWS, CHANNELS, pixels}}}};
    ax_op_prelu.run(&(ax_call){.in = in, .out = in, .n_in = 2, .n_out = 1, .x = {x, (void *)slopes}, .y = {y},
                               .pool = pool});
    ax_op_prelu_grad.run(&(ax_call){.in = in, .out = in, .n_in = 3, .n_out = 2, .x = {x, (void *)slopes, dy},
                                    .y = {dx, dslope}, .scratch = scratch, .pool = pool});
    for (int m = 0; m < ROWS * CHANNELS; m++) {
        ax_act a;
        assert_int_equal(ax_act_by_name("prelu", &a, NULL), 0);
        assert_int_equal(ax_act_set(&a, "alpha", slopes[n_slopes == 1 ? 0 : m % CHANNELS], NULL), 0);
        ax_act_forward(&a, x + m * pixels, expected, (size_t)pixels);
        check_same(y + m * pixels, expected, pixels, "prelu");
        ax_act_backward(&a, x + m * pixels, dy + m * pixels, expected, (size_t)pixels);
        check_same(dx + m * pixels, expected, pixels, "its gradient");
    }
}

static void test_prelu(void **state)
{
    (void)state;
    ax_pool *pool = ax_pool_new(1, NULL);
    check_prelu(1, CHANNELS, pool);
    check_prelu(1, 1, pool);
    check_prelu(MOST, CHANNELS, pool);
    check_prelu(MOST, 1, pool);
    ax_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prelu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
