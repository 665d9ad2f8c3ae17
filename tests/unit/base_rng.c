/* base_rng.c - Philox against its published vectors, and the distributions made from it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* Known answers of philox4x32-10 from the authors' kat_vectors file. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t *c = cases[i].counter, *k = cases[i].key;
        ax_rng r = {.seed = (uint64_t)k[1] << 32 | k[0], .stream = (uint64_t)c[3] << 32 | c[2]};
        uint32_t got[4];
        ax_rng_block(r, (uint64_t)c[1] << 32 | c[0], got);
        assert_memory_equal(got, cases[i].want, sizeof got);
    }
}

static void test_words_are_blocks(void **state)
{
    (void)state;
    ax_rng r = {7, 9};
    for (uint64_t i = 0; i < 64; i++) {
        uint32_t w[4];
        ax_rng_block(r, i / 4, w);
        assert_int_equal(ax_rng_u32(r, i), w[i % 4]);
        float u = ax_rng_uniform(r, i);
        assert_true(u >= 0 && u < 1);
        assert_true(u == (float)(w[i % 4] >> 8) / 16777216.0f);
    }
}

/* The bits are a promise: a checkpoint made by one version resumes in the next. */
static void test_bits_are_fixed(void **state)
{
    (void)state;
    static const double normal[] = {
        0x1.05a3e193ed2c7p-1, 0x1.a28dc21de919fp+0, 0x1.ef514c4b14d38p-2,
        0x1.a6cff5f5ecfacp-1, 0x1.261ca2357db2ap+1, -0x1.c39d227219bbep+0,
    };
    static const uint64_t below[] = {230584, 632571, 15057, 738273, 963397, 13263};
    ax_rng r = {42, ax_rng_name("dense1/weight")};
    for (size_t i = 0; i < sizeof normal / sizeof *normal; i++) {
        double x = ax_rng_normal(r, i);
        assert_memory_equal(&x, &normal[i], sizeof x);
        assert_true(ax_rng_below(r, i, 1000003) == below[i]);
    }
}

static int near(double got, double want, double tolerance)
{
    return fabs(got - want) <= tolerance;
}

static void test_normal_is_box_muller(void **state)
{
    (void)state;
    ax_rng r = {1, 2};
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        ax_rng_block(r, i / 2, w);
        long double u = (((uint64_t)w[1] << 32 | w[0]) >> 11) + 1.0L;
        long double t = ((uint64_t)w[3] << 32 | w[2]) >> 11;
        long double a = 2 * acosl(-1) * ldexpl(t, -53), q = sqrtl(-2 * logl(ldexpl(u, -53)));
        assert_true(near(ax_rng_normal(r, i), (double)(q * (i & 1 ? sinl(a) : cosl(a))), 3e-15));
    }
}

static void test_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    double n1 = 0, n2 = 0, n3 = 0, n4 = 0, u1 = 0, u2 = 0, pair = 0, before = 0;
    ax_rng r = {2024, 5};
    for (uint64_t i = 0; i < N; i++) {
        double x = ax_rng_normal(r, i), u = ax_rng_uniform(r, i);
        n1 += x, n2 += x * x, n3 += x * x * x, n4 += x * x * x * x;
        u1 += u, u2 += u * u;
        pair += x * before, before = x;
    }
    /* Five standard errors or so. */
    assert_true(near(n1 / N, 0, 0.011) && near(n2 / N, 1, 0.016));
    assert_true(near(n3 / N, 0, 0.05) && near(n4 / N, 3, 0.12));
    assert_true(near(pair / N, 0, 0.011));
    assert_true(near(u1 / N, 0.5, 0.0033) && near(u2 / N, 1.0 / 3, 0.0034));
}

static void test_below(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 7, 1000, 1ull << 32, (1ull << 32) + 1, UINT64_MAX};
    ax_rng r = {3, 4};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        uint64_t top = 0;
        for (uint64_t i = 0; i < 1000; i++) {
            uint64_t x = ax_rng_below(r, i, bounds[b]);
            assert_true(x < bounds[b]);
            top = x > top ? x : top;
        }
        assert_true(top >= bounds[b] - 1 - bounds[b] / 50);
    }
    /* floor(x n / 2^96) to the last bit, from long arithmetic elsewhere. */
    static const uint64_t exact[][2] = {
        {18446744073709551615u, 10209495722558373120u},
        {18446744073709551615u, 8429264593247080559u},
        {9223372036854788153u, 7214100826087276444u},
        {1099511627777u, 6932174994u},
    };
    for (uint64_t i = 0; i < 4; i++)
        assert_true(ax_rng_below(r, i, exact[i][0]) == exact[i][1]);
    int count[10] = {0};
    for (uint64_t i = 0; i < 100000; i++)
        count[ax_rng_below(r, i, 10)]++;
    for (int i = 0; i < 10; i++)
        assert_true(near(count[i], 10000, 500));
}

static void test_shuffle(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 10, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        uint32_t *perm = malloc((n + 1) * sizeof *perm), *again = malloc((n + 1) * sizeof *again);
        char *seen = calloc(n + 1, 1);
        perm[n] = 77; /* must stay */
        ax_rng_shuffle((ax_rng){5, 6}, perm, n);
        ax_rng_shuffle((ax_rng){5, 6}, again, n);
        assert_memory_equal(perm, again, n * sizeof *perm);
        assert_int_equal(perm[n], 77);
        for (size_t i = 0; i < n; i++) {
            assert_true(perm[i] < n && !seen[perm[i]]);
            seen[perm[i]] = 1;
        }
        free(perm), free(again), free(seen);
    }
    /* All 24 orders of four appear equally often. */
    int count[256] = {0};
    for (uint64_t seed = 0; seed < 24000; seed++) {
        uint32_t p[4];
        ax_rng_shuffle((ax_rng){seed, 1}, p, 4);
        count[p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        assert_true(!count[i] || near(count[i], 1000, 170));
        orders += count[i] > 0;
    }
    assert_int_equal(orders, 24);
}

static void test_streams_differ(void **state)
{
    (void)state;
    assert_true(ax_rng_name("") == 0xcbf29ce484222325u);
    assert_true(ax_rng_name("a") == 0xaf63dc4c8601ec8cu);
    assert_true(ax_rng_name("foobar") == 0x85944171f73967e8u);
    static const ax_rng r[] = {{0, 0}, {1, 0}, {0, 1}, {1ull << 32, 0}, {0, 1ull << 32}};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++) {
            uint32_t a[4], b[4];
            ax_rng_block(r[i], 0, a);
            ax_rng_block(r[j], 0, b);
            assert_memory_not_equal(a, b, sizeof a);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),   cmocka_unit_test(test_words_are_blocks),
        cmocka_unit_test(test_bits_are_fixed),  cmocka_unit_test(test_normal_is_box_muller),
        cmocka_unit_test(test_moments),         cmocka_unit_test(test_below),
        cmocka_unit_test(test_shuffle),         cmocka_unit_test(test_streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
