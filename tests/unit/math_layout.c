/* math_layout.c - PLAIN <-> BLOCKED: exact copies, zeros past the last channel, nothing else. */
#include "math/layout.h"

#include "math_util.h"

static void round_trip(void)
{
    static const int64_t channels[] = {1, 3, 15, 16, 17, 33, 64}, pixels[] = {1, 7, 15, 16, 35, 49, 169, 5000};
    for (int64_t n = 1; n <= 5; n += 2)
        for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
            for (size_t j = 0; j < sizeof pixels / sizeof *pixels; j++) {
                int64_t c = channels[i], p = pixels[j], plain = n * c * p;
                int64_t blocked = blocked_count(n, c, p);
                float *x = numbers(plain, 1), *want = blocked_copy(x, n, c, p);
                for (int t = 0; t < 4; t++) {
                    float *b = buffer(blocked), *back = buffer(plain);
                    ax_to_blocked(n, c, p, x, b, pools[t]);
                    check_guards(b, blocked, "to blocked");
                    for (int64_t q = 0; q < blocked; q++)
                        if (isnan(want[q]) ? b[q] != 0 : b[q] != want[q])
                            fail_msg("n%lld c%lld p%lld: [%lld] is %g, expected %g", (long long)n,
                                     (long long)c, (long long)p, (long long)q, b[q], want[q]);
                    ax_to_plain(n, c, p, want, back, pools[t]);
                    check_guards(back, plain, "to plain");
                    check_same(back, x, plain, "to plain");
                    drop(b);
                    drop(back);
                }
                drop(x);
                drop(want);
            }
}

static void test_round_trip(void **state)
{
    (void)state;
    each_isa(round_trip);
}

static void test_count(void **state)
{
    (void)state;
    ax_shape s = AX_SHAPE(2, 17, 3, 5), v = AX_SHAPE(4, 16, 7), none = AX_SHAPE(3, 0, 2);
    assert_int_equal(ax_layout_count(AX_PLAIN, &s), 2 * 17 * 15);
    assert_int_equal(ax_layout_count(AX_BLOCKED, &s), 2 * 32 * 15);
    assert_int_equal(ax_layout_count(AX_BLOCKED, &v), 4 * 16 * 7);
    assert_int_equal(ax_layout_count(AX_BLOCKED, &none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, pools_open, pools_close);
}
