/* vec.c - element-wise passes over a pool; see kernels.h. */
#include "math/kernels.h"
#include "math/vec_kernel.h"

enum { GRAIN = 1 << 14 };

typedef struct job {
    ax_vec_fn *fn;
    int64_t n, grain;
    float alpha;
    const float *a, *b;
    float *y;
} job;

static void run_grain(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t at = i * j->grain, n = j->n - at < j->grain ? j->n - at : j->grain;
    j->fn(n, j->alpha, j->a ? j->a + at : NULL, j->b ? j->b + at : NULL, j->y + at);
}

static void run(ax_vec_fn *fn, int64_t n, float alpha, const float *a, const float *b, float *y,
                ax_pool *pool)
{
    if (n <= 0)
        return;
    job j = {fn, n, GRAIN, alpha, a, b, y};
    while (n / j.grain > 1 << 20)
        j.grain *= 2;
    ax_pool_run(pool, (int)((n + j.grain - 1) / j.grain), run_grain, &j);
}

void ax_vec_fill(int64_t n, float v, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->fill, n, v, NULL, NULL, y, pool);
}

void ax_vec_add(int64_t n, const float *a, const float *b, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->add, n, 0, a, b, y, pool);
}

void ax_vec_mul(int64_t n, const float *a, const float *b, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->mul, n, 0, a, b, y, pool);
}

void ax_vec_scale(int64_t n, float alpha, const float *x, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->scale, n, alpha, x, NULL, y, pool);
}

void ax_vec_axpy(int64_t n, float alpha, const float *x, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->axpy, n, alpha, x, y, y, pool);
}

void ax_vec_relu(int64_t n, const float *x, float *y, ax_pool *pool)
{
    run(ax_vec_kernels_get()->relu, n, 0, x, NULL, y, pool);
}

void ax_vec_relu_backward(int64_t n, const float *x, const float *dy, float *dx, ax_pool *pool)
{
    run(ax_vec_kernels_get()->relu_backward, n, 0, x, dy, dx, pool);
}
