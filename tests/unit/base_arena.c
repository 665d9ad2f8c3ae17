/* base_arena.c - alignment, zeroes, limits, reuse; and that pieces never overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"

static int is_all(const unsigned char *p, size_t n, int c)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != c)
            return 0;
    return 1;
}

/* Pieces of many sizes, each filled with its own byte: zeroed, aligned, and all still there at the
 * end. Twice over the same memory: what a reset left behind must not show. */
static void test_pieces(void **state)
{
    (void)state;
    enum { N = 400 };
    static struct {
        unsigned char *p;
        size_t n;
    } piece[N];
    ax_arena a;
    ax_arena_init(&a, 0);
    for (int round = 0; round < 3; round++) {
        ax_rng r = {1, (uint64_t)round};
        size_t total = 0;
        for (uint64_t i = 0; i < N; i++) {
            size_t n = ax_rng_below(r, 2 * i, i % 50 ? 300 : 200000);
            int raw = (int)ax_rng_below(r, 2 * i + 1, 2);
            piece[i].n = n;
            piece[i].p = raw ? ax_arena_raw(&a, n) : ax_arena_alloc(&a, n);
            assert_non_null(piece[i].p);
            assert_int_equal((uintptr_t)piece[i].p % (raw ? 16 : 64), 0);
            assert_true(raw || is_all(piece[i].p, n, 0));
            memset(piece[i].p, (int)(i % 255) + 1, n);
            total += n;
        }
        assert_true(a.used >= total);
        for (int i = 0; i < N; i++)
            assert_true(is_all(piece[i].p, piece[i].n, i % 255 + 1));
        ax_arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    ax_arena_fini(&a);
    assert_non_null(ax_arena_alloc(&a, 10)); /* usable again */
    ax_arena_fini(&a);
    ax_arena_fini(&a);
}

static void test_hostile_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 63, SIZE_MAX - 64,
                                   SIZE_MAX - 127, SIZE_MAX - 128, SIZE_MAX / 2,
                                   SIZE_MAX / 2 + 1, PTRDIFF_MAX - 64};
    for (int limited = 0; limited < 2; limited++) {
        ax_arena a;
        ax_arena_init(&a, limited ? 1 << 20 : 0);
        for (int used = 0; used < 2; used++) {
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                assert_null(ax_arena_alloc(&a, sizes[i]));
                assert_null(ax_arena_raw(&a, sizes[i]));
            }
            assert_null(ax_arena_array(&a, SIZE_MAX / 2, 3));
            assert_null(ax_arena_array(&a, SIZE_MAX, SIZE_MAX));
            assert_null(ax_arena_memdup(&a, "x", SIZE_MAX));
            size_t before = a.used;
            assert_non_null(ax_arena_alloc(&a, 1)); /* none the worse for it */
            assert_true(a.used - before <= 64);
        }
        ax_arena_fini(&a);
    }
}

static void test_limit(void **state)
{
    (void)state;
    ax_arena a;
    ax_arena_init(&a, 1000);
    assert_null(ax_arena_raw(&a, 1001));
    assert_non_null(ax_arena_raw(&a, 1000));
    assert_null(ax_arena_raw(&a, 1));
    assert_non_null(ax_arena_raw(&a, 0));
    ax_arena_reset(&a);
    assert_non_null(ax_arena_raw(&a, 400));
    assert_null(ax_arena_raw(&a, 601));
    assert_non_null(ax_arena_raw(&a, 500));
    ax_arena_fini(&a);
    assert_non_null(ax_arena_raw(&a, 1000));
    ax_arena_fini(&a);
    /* One byte at a time costs what its alignment costs. */
    ax_arena_init(&a, 64 * 100);
    int count = 0;
    while (count < 10000 && ax_arena_alloc(&a, 1))
        count++;
    assert_true(count >= 50 && count <= 101);
    ax_arena_fini(&a);
}

static void test_strings(void **state)
{
    (void)state;
    ax_arena a;
    ax_arena_init(&a, 0);
    assert_string_equal(ax_arena_strdup(&a, ""), "");
    assert_string_equal(ax_arena_strdup(&a, "abc"), "abc");
    char *copy = ax_arena_memdup(&a, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(ax_arena_memdup(&a, NULL, 0), "");
    assert_string_equal(ax_arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_string_equal(ax_arena_printf(&a, "%s", ""), "");
    char *wide = ax_arena_printf(&a, "%100000d|", 7);
    assert_int_equal(strlen(wide), 100001);
    assert_int_equal(wide[99999], '7');
    int64_t *numbers = AX_ARRAY(&a, int64_t, 1000);
    assert_true(is_all((unsigned char *)numbers, 8000, 0));
    assert_non_null(AX_ARRAY(&a, int64_t, 0));
    assert_null(AX_ARRAY(&a, int64_t, -1));
    ax_arena_fini(&a);
    ax_arena_init(&a, 8);
    assert_null(ax_arena_printf(&a, "%s", "12345678"));
    assert_null(ax_arena_strdup(&a, "12345678"));
    assert_string_equal(ax_arena_strdup(&a, "1234567"), "1234567");
    ax_arena_fini(&a);
}

/* A reset keeps the largest block: the next round of the same work asks malloc for nothing. */
static void test_reset_keeps_the_largest(void **state)
{
    (void)state;
    ax_arena a;
    ax_arena_init(&a, 0);
    ax_arena_reset(&a); /* empty: nothing happens */
    ax_arena_alloc(&a, 10);
    ax_arena_alloc(&a, 3 << 20);
    for (int i = 0; i < 5000; i++)
        ax_arena_alloc(&a, 500);
    ax_arena_reset(&a);
    const ax_arena_block *kept = a.block;
    assert_non_null(kept);
    for (int i = 0; i < 20; i++) {
        assert_non_null(ax_arena_alloc(&a, 100000));
        assert_ptr_equal(a.block, kept);
    }
    ax_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_limit),   cmocka_unit_test(test_strings),
        cmocka_unit_test(test_reset_keeps_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
