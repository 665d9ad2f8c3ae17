/* math_dense.c - the dense layer against its naive twin, over packed weights and over weights as they
 * lie: values, bits of a row alone and in a batch, threads, the epilogue, every tail of rows, columns
 * and sums. */
#include "math/dense.h"

#include "math_util.h"

// clang-format off
static const struct { int64_t m, n, k; } shapes[] = {
    {1, 1, 1}, {1, 10, 128}, {1, 64, 784}, {1, 65, 33}, {1, 200, 1000}, {2, 17, 5}, {3, 48, 40},
    {5, 100, 17}, {7, 33, 400}, {12, 15, 385}, {13, 64, 31}, {49, 130, 96}, {100, 31, 3},
    {97, 256, 784}, {4, 3, 0}, {1, 1000, 512}, {50, 112, 800},
    {6, 9, 1030}, {51, 14, 2048}, {2, 3, 3079},
};
// clang-format on

static float *dense(int64_t m, int64_t n, int64_t k, const float *x, const float *packed,
                    const float *bias, const ax_epilogue *e, ax_pool *pool)
{
    float *y = buffer(m * n);
    ax_dense(m, n, k, x, packed, bias, e, y, pool);
    check_guards(y, m * n, "dense");
    return y;
}

static void halve(const void *ctx, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * *(const float *)ctx;
}

static void one(int64_t m, int64_t n, int64_t k)
{
    char name[64];
    snprintf(name, sizeof name, "%s dense %lldx%lldx%lld", ax_isa_name(ax_isa_active()),
             (long long)m, (long long)n, (long long)k);
    float *x = numbers(m * k, 1), *w = numbers(n * k, 2), *bias = numbers(n, 3);
    float *residual = numbers(m * n, 4), *scale = numbers(n, 5);
    float *ax = absolute(x, m * k), *aw = absolute(w, n * k), *ab = absolute(bias, n);
    float *want = buffer(m * n), *sum = buffer(m * n), *packed = buffer(ax_dense_packed(n, k));
    ax_dense_naive(m, n, k, x, w, bias, want);
    ax_dense_naive(m, n, k, ax, aw, ab, sum);
    ax_dense_pack(n, k, w, NULL, packed);
    check_guards(packed, ax_dense_packed(n, k), name);
    float *first = dense(m, n, k, x, packed, bias, NULL, NULL);
    check_near(first, want, sum, m * n, (double)k + 3, name);
    for (int t = 1; t < 4; t++) {
        float *y = dense(m, n, k, x, packed, bias, NULL, pools[t]);
        check_same(y, first, m * n, name);
        drop(y);
    }
    for (int64_t i = 0; i < m; i++) {
        float *y = dense(1, n, k, x + i * k, packed, bias, NULL, NULL);
        check_same(y, first + i * n, n, name);
        drop(y);
    }
    float half = 0.5f;
    float *relu = dense(m, n, k, x, packed, bias, &(ax_epilogue){residual, 1, NULL, NULL}, pools[2]);
    float *act = dense(m, n, k, x, packed, bias, &(ax_epilogue){residual, 0, halve, &half}, pools[3]);
    for (int64_t i = 0; i < m * n; i++) {
        float s = first[i] + residual[i];
        assert_true(relu[i] == (s > 0 ? s : 0));
        assert_true(act[i] == s * 0.5f);
    }
    for (int64_t i = 0; i < n * k; i++)
        w[i] *= scale[i / k];
    float *packed2 = buffer(ax_dense_packed(n, k)), *w0 = numbers(n * k, 2);
    ax_dense_pack(n, k, w, NULL, packed2);
    ax_dense_pack(n, k, w0, scale, packed);
    check_same(packed, packed2, ax_dense_packed(n, k), name);
    float *plain = dense(m, n, k, x, packed, NULL, NULL, NULL);
    ax_dense_naive(m, n, k, x, w, NULL, want);
    check_near(plain, want, sum, m * n, (double)k + 3, name);
    float *all[] = {x, w, bias, residual, scale, ax, aw, ab, want, sum, packed, first, relu, act,
                    packed2, w0, plain};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        drop(all[i]);
}

/* w lies one float off what is aligned, as the numbers of a file may. */
static float *dot(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                  const float *scale, const float *bias, const ax_epilogue *e, ax_pool *pool)
{
    float *y = buffer(m * n), *off = buffer(n * k + 1);
    memcpy(off + 1, w, (size_t)(n * k) * sizeof *w);
    ax_dense_dot(m, n, k, x, off + 1, scale, bias, e, y, pool);
    check_guards(y, m * n, "dot");
    drop(off);
    return y;
}

static void one_dot(int64_t m, int64_t n, int64_t k)
{
    char name[64];
    float half = 0.5f;
    snprintf(name, sizeof name, "%s dot %lldx%lldx%lld", ax_isa_name(ax_isa_active()),
             (long long)m, (long long)n, (long long)k);
    float *x = numbers(m * k, 1), *w = numbers(n * k, 2), *bias = numbers(n, 3);
    float *residual = numbers(m * n, 4), *scale = numbers(n, 5), *sw = numbers(n * k, 2);
    for (int64_t i = 0; i < n * k; i++)
        sw[i] *= scale[i / k];
    float *ax = absolute(x, m * k), *aw = absolute(w, n * k), *ab = absolute(bias, n);
    float *want = buffer(m * n), *sum = buffer(m * n);
    ax_dense_naive(m, n, k, ax, aw, ab, sum);
    float *first = dot(m, n, k, x, w, NULL, bias, NULL, NULL);
    ax_dense_naive(m, n, k, x, w, bias, want);
    check_near(first, want, sum, m * n, (double)k + 3, name);
    float *scaled = dot(m, n, k, x, w, scale, bias, NULL, pools[2]);
    ax_dense_naive(m, n, k, x, sw, bias, want);
    check_near(scaled, want, sum, m * n, (double)k + 5, name);
    float *plain = dot(m, n, k, x, w, NULL, NULL, NULL, NULL);
    ax_dense_naive(m, n, k, x, w, NULL, want);
    check_near(plain, want, sum, m * n, (double)k + 3, name);
    float *relu = dot(m, n, k, x, w, NULL, bias, &(ax_epilogue){residual, 1, NULL, NULL}, pools[2]);
    float *act = dot(m, n, k, x, w, NULL, bias, &(ax_epilogue){residual, 0, halve, &half}, pools[3]);
    for (int64_t i = 0; i < m * n; i++) {
        float s = first[i] + residual[i];
        assert_true(relu[i] == (s > 0 ? s : 0));
        assert_true(act[i] == s * 0.5f);
    }
    for (int t = 1; t < 4; t++) {
        float *y = dot(m, n, k, x, w, scale, bias, NULL, pools[t]);
        check_same(y, scaled, m * n, name);
        drop(y);
    }
    for (int64_t i = 0; i < m; i++) {
        float *y = dot(1, n, k, x + i * k, w, scale, bias, NULL, NULL);
        check_same(y, scaled + i * n, n, name);
        drop(y);
    }
    float *all[] = {x, w, bias, residual, scale, sw, ax, aw, ab, want, sum, first, scaled, plain,
                    relu, act};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        drop(all[i]);
}

static void values_and_bits(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(shapes[i].m, shapes[i].n, shapes[i].k);
        one_dot(shapes[i].m, shapes[i].n, shapes[i].k);
    }
}

static void test_dense(void **state)
{
    (void)state;
    each_isa(values_and_bits);
}

static void nan_rows(void)
{
    float *x = numbers(3 * 40, 1), *w = numbers(20 * 40, 2), *packed = buffer(ax_dense_packed(20, 40));
    x[40 + 7] = NAN;
    ax_dense_pack(20, 40, w, NULL, packed);
    float *y = dense(3, 20, 40, x, packed, NULL, &(ax_epilogue){NULL, 1, NULL, NULL}, NULL);
    float *z = dot(3, 20, 40, x, w, NULL, NULL, &(ax_epilogue){NULL, 1, NULL, NULL}, NULL);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(isnan(y[i]) != 0, i / 20 == 1);
        assert_int_equal(isnan(z[i]) != 0, i / 20 == 1);
    }
    drop(z);
    drop(x);
    drop(w);
    drop(packed);
    drop(y);
}

static void test_nan_stays_in_its_row(void **state)
{
    (void)state;
    each_isa(nan_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_nan_stays_in_its_row),
    };
    return cmocka_run_group_tests(tests, pools_open, pools_close);
}
