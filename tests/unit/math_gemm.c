/* math_gemm.c - matrix products: every transpose, leading dimensions, empty sides, alpha and beta,
 * against sums in double; the pooled one gives the same bits on any number of threads, and to a row
 * whatever the rows around it. */
#include "math/gemm.h"

#include "math_util.h"

// clang-format off
static const struct { int64_t m, n, k; } shapes[] = {
    {1, 1, 1}, {1, 7, 5}, {9, 1, 33}, {3, 5, 0}, {0, 5, 3}, {5, 0, 3}, {17, 33, 1}, {13, 64, 100},
    {32, 128, 196}, {128, 196, 32}, {250, 70, 400}, {600, 1, 300}, {1, 600, 300}, {300, 500, 2},
    {10, 12, 3000}, {130, 500, 16}, {257, 129, 65},
};
// clang-format on

typedef struct matrix {
    float *p;
    int64_t rows, cols, ld;
} matrix;

/* With some floats of NaN between the rows: whoever reads them shows it. */
static matrix matrix_new(int64_t rows, int64_t cols, uint64_t seed)
{
    matrix m = {NULL, rows, cols, cols + 3};
    m.p = buffer(rows * m.ld);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            m.p[i * m.ld + j] =
                (float)((int32_t)noise(seed * 1000003 + (uint64_t)(i * cols + j)) / 2147483648.0);
    return m;
}

static double at(const matrix *m, int t, int64_t i, int64_t j)
{
    return t ? m->p[j * m->ld + i] : m->p[i * m->ld + j];
}

static void one(int64_t m, int64_t n, int64_t k, int ta, int tb, float alpha, float beta)
{
    char name[96];
    snprintf(name, sizeof name, "gemm %lldx%lldx%lld t%d%d beta %g", (long long)m, (long long)n,
             (long long)k, ta, tb, beta);
    matrix a = ta ? matrix_new(k, m, 1) : matrix_new(m, k, 1);
    matrix b = tb ? matrix_new(n, k, 2) : matrix_new(k, n, 2);
    matrix c0 = matrix_new(m, n, 3), c[5];
    if (beta == 0)
        for (int64_t i = 0; i < m * c0.ld; i++)
            c0.p[i] = NAN; /* must not be read */
    for (int i = 0; i < 5; i++) {
        c[i] = matrix_new(m, n, 3);
        memcpy(c[i].p, c0.p, (size_t)(m * c0.ld) * sizeof(float));
        if (i == 0)
            ax_gemm(ta, tb, m, n, k, alpha, a.p, a.ld, b.p, b.ld, beta, c[0].p, c[0].ld);
        else
            ax_gemm_pool(ta, tb, m, n, k, alpha, a.p, a.ld, b.p, b.ld, beta, c[i].p, c[i].ld,
                         pools[i - 1]);
        check_guards(c[i].p, m * c0.ld, name);
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, size = 0, was = beta == 0 ? 0 : (double)beta * c0.p[i * c0.ld + j];
            for (int64_t q = 0; q < k; q++) {
                sum += at(&a, ta, i, q) * at(&b, tb, q, j);
                size += fabs(at(&a, ta, i, q) * at(&b, tb, q, j));
            }
            double want = alpha * sum + was;
            double bound = ((double)k + 3) * U * (fabs(alpha) * size + fabs(was)) + 1e-37;
            for (int v = 0; v < 2; v++)
                if (!(fabs(c[v].p[i * c0.ld + j] - want) <= bound))
                    fail_msg("%s: (%lld,%lld) is %g, expected %g within %g", name, (long long)i,
                             (long long)j, c[v].p[i * c0.ld + j], want, bound);
        }
    for (int i = 2; i < 5; i++)
        if (m)
            assert_memory_equal(c[i].p, c[1].p, (size_t)(m * c0.ld) * sizeof(float));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = n; j < c0.ld; j++)
            assert_true(isnan(c[1].p[i * c0.ld + j])); /* between the rows */
    drop(a.p);
    drop(b.p);
    drop(c0.p);
    for (int i = 0; i < 5; i++)
        drop(c[i].p);
}

static void products(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int t = 0; t < 4; t++) {
            if (shapes[i].m * shapes[i].n * shapes[i].k > 1 << 22 && t == 3)
                continue;
            one(shapes[i].m, shapes[i].n, shapes[i].k, t & 1, t >> 1, 1, t & 1 ? 1 : 0);
            one(shapes[i].m, shapes[i].n, shapes[i].k, t & 1, t >> 1, -0.5f, t & 1 ? 0 : 0.25f);
        }
}

static void test_gemm(void **state)
{
    (void)state;
    each_isa(products);
}

/* Any part of C computed by itself is that part of the whole. */
static void parts(void)
{
    enum { M = 61, N = 90, K = 401 };
    for (int t = 0; t < 4; t++) {
        int ta = t & 1, tb = t >> 1;
        matrix a = ta ? matrix_new(K, M, 1) : matrix_new(M, K, 1);
        matrix b = tb ? matrix_new(N, K, 2) : matrix_new(K, N, 2);
        matrix c = matrix_new(M, N, 3), d = matrix_new(M, N, 3);
        ax_gemm_pool(ta, tb, M, N, K, 1, a.p, a.ld, b.p, b.ld, 0.5f, c.p, c.ld, pools[3]);
        for (int64_t i = 0, rows; i < M; i += rows) {
            rows = 1 + i % 7 < M - i ? 1 + i % 7 : M - i;
            for (int64_t j = 0, cols; j < N; j += cols) {
                cols = 1 + j % 40 < N - j ? 1 + j % 40 : N - j;
                ax_gemm_pool(ta, tb, rows, cols, K, 1, a.p + (ta ? i : i * a.ld), a.ld,
                             b.p + (tb ? j * b.ld : j), b.ld, 0.5f, d.p + i * d.ld + j, d.ld, NULL);
            }
        }
        for (int64_t i = 0; i < M; i++)
            check_same(d.p + i * d.ld, c.p + i * c.ld, N, "part of a product");
        drop(a.p);
        drop(b.p);
        drop(c.p);
        drop(d.p);
    }
}

static void test_parts(void **state)
{
    (void)state;
    each_isa(parts);
}

static void test_version(void **state)
{
    (void)state;
    assert_non_null(strstr(ax_gemm_version(), "OpenBLAS 0."));
    assert_non_null(strstr(ax_gemm_version(), " ("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, pools_open, pools_close);
}
