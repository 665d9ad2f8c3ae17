/* gemm.c - see gemm.h. */
#include "math/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char version[96];

static void set_up(void)
{
    openblas_set_num_threads(1);
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 and what it was built with" */
    const char *space = strchr(config, ' ');
    size_t words = space ? strcspn(space + 1, " ") + (size_t)(space + 1 - config) : strlen(config);
    snprintf(version, sizeof version, "%.*s (%s)", (int)words, config, openblas_get_corename());
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
}

static void scale(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

/* y (len) = alpha * op(A) . x + beta * y; A is rows x cols as it lies in memory */
static void gemv(int t, int64_t rows, int64_t cols, float alpha, const float *a, int64_t lda,
                 const float *x, int64_t incx, float beta, float *y, int64_t incy)
{
    cblas_sgemv(CblasRowMajor, t ? CblasTrans : CblasNoTrans, (int)rows, (int)cols, alpha, a,
                (int)lda, x, (int)incx, beta, y, (int)incy);
}

void ax_gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    if (k <= 0) {
        scale(m, n, beta, c, ldc);
        return;
    }
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    ready();
    if (m == 1) /* c^T = op(B)^T . a^T */
        gemv(!tb, tb ? n : k, tb ? k : n, alpha, b, ldb, a, ta ? lda : 1, beta, c, 1);
    else if (n == 1)
        gemv(ta, ta ? k : m, ta ? m : k, alpha, a, lda, b, tb ? 1 : ldb, beta, c, ldc);
    else
        cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                    (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

typedef struct job {
    int ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    int64_t rows, cols, col_jobs; /* of a slice of C */
    float alpha, beta;
    const float *a, *b;
    float *c;
} job;

static void run_slice(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t r = i / j->col_jobs * j->rows, q = i % j->col_jobs * j->cols;
    int64_t rows = j->m - r < j->rows ? j->m - r : j->rows;
    int64_t cols = j->n - q < j->cols ? j->n - q : j->cols;
    ax_gemm(j->ta, j->tb, rows, cols, j->k, j->alpha, j->a + r * (j->ta ? 1 : j->lda), j->lda,
            j->b + q * (j->tb ? j->ldb : 1), j->ldb, j->beta, j->c + r * j->ldc + q, j->ldc);
}

enum {
    WORK = 1 << 21, /* multiply-adds a slice should have, so that packing and waking are small */
    MOVE = 1 << 18, /* or numbers of C, where k is so small that only memory counts           */
    SLICES = 32,    /* enough for many cores, few enough not to read A and B too often        */
    EDGE = 64,      /* a slice's sides are at least this, where C is                          */
    GRAIN = 16      /* and multiples of this: the tiles of OpenBLAS stay whole                */
};

static int64_t half(int64_t x)
{
    return (x + 2 * GRAIN - 1) / (2 * GRAIN) * GRAIN;
}

/* Halve the longer side until there are slices enough: near squares read A and B least often. */
static void cut(job *j)
{
    double work = (double)j->m * (double)j->n * (double)j->k / WORK;
    double move = (double)j->m * (double)j->n / MOVE;
    double wanted = work > move ? work : move;
    j->rows = j->m;
    j->cols = j->n;
    for (int64_t slices = 1; slices < SLICES && (double)slices < wanted;) {
        int by_rows = j->rows >= j->cols;
        if ((by_rows ? j->rows : j->cols) < 2 * EDGE)
            break;
        if (by_rows)
            j->rows = half(j->rows);
        else
            j->cols = half(j->cols);
        slices = ((j->m + j->rows - 1) / j->rows) * ((j->n + j->cols - 1) / j->cols);
    }
    j->col_jobs = (j->n + j->cols - 1) / j->cols;
}

void ax_gemm_pool(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc,
                  ax_pool *pool)
{
    if (m <= 0 || n <= 0)
        return;
    job j = {ta, tb, m, n, k, lda, ldb, ldc, 0, 0, 0, alpha, beta, a, b, c};
    cut(&j);
    ax_pool_run(pool, (int)((m + j.rows - 1) / j.rows * j.col_jobs), run_slice, &j);
}

const char *ax_gemm_version(void)
{
    ready();
    return version;
}
