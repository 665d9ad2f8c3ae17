/* vec.c - element-wise passes over a pool; see kernels.h. */
#include "math/kernels.h"

#include "base/range.h"
#include "math/vec_kernel.h"

enum { GRAIN = 1 << 14 };

typedef struct job {
    ax_vec_fn *fn;
    float alpha;
    const float *a, *b;
    float *y;
} job;

static void run_grain(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    j->fn(to - from, j->alpha, j->a ? j->a + from : NULL, j->b ? j->b + from : NULL, j->y + from);
}

static void run(ax_vec_fn *fn, int64_t n, float alpha, const float *a, const float *b, float *y,
                ax_pool *pool)
{
    ax_range(pool, n, GRAIN, run_grain, &(job){fn, alpha, a, b, y});
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

void ax_vec_from_bytes(int64_t n, const uint8_t *x, float *y)
{
    ax_vec_kernels_get()->from_bytes(n, x, y);
}
