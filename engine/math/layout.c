/* layout.c - PLAIN <-> BLOCKED; see layout.h. */
#include "math/layout.h"

#include "base/ints.h"
#include "math/layout_kernel.h"

int64_t ax_layout_count(ax_layout l, const ax_shape *s)
{
    int64_t n = ax_shape_count(s);
    if (l == AX_PLAIN || s->rank < 2 || !n)
        return n;
    return n / s->dim[1] * (ceil_div(s->dim[1], AX_BLOCK) * AX_BLOCK);
}

typedef struct convert {
    const ax_layout_kernels *kernels;
    int64_t c, blocks, pixels, stretch, stretches;
    const float *x;
    float *y;
    int to_plain;
} convert;

/* One stretch of pixels of one channel block. */
static void convert_stretch(void *ctx, int i, int worker)
{
    const convert *v = ctx;
    (void)worker;
    int64_t block = i / v->stretches, at = i % v->stretches * v->stretch;
    int64_t image = block / v->blocks, c0 = block % v->blocks * AX_BLOCK;
    int64_t plain = (image * v->c + c0) * v->pixels + at;
    int64_t blocked = (block * v->pixels + at) * AX_BLOCK;
    int64_t count = v->pixels - at < v->stretch ? v->pixels - at : v->stretch;
    int lanes = (int)(v->c - c0 < AX_BLOCK ? v->c - c0 : AX_BLOCK);
    if (v->to_plain)
        v->kernels->unpack(v->x + blocked, AX_BLOCK, lanes, count, 1, v->y + plain, v->pixels);
    else
        v->kernels->pack(v->x + plain, v->pixels, lanes, count, 1, NULL, v->y + blocked, AX_BLOCK);
}

static void run(convert *v, int64_t n, int64_t c, int64_t pixels, ax_pool *pool)
{
    if (n <= 0 || c <= 0 || pixels <= 0)
        return;
    v->kernels = ax_layout_kernels_get();
    v->c = c;
    v->blocks = ceil_div(c, AX_BLOCK);
    v->pixels = pixels;
    v->stretch = 4096;
    v->stretches = (pixels + v->stretch - 1) / v->stretch;
    int64_t jobs = n * v->blocks * v->stretches;
    ax_pool_run(jobs * (pixels < v->stretch ? pixels : v->stretch) < 4096 ? NULL : pool, (int)jobs,
                convert_stretch, v);
}

void ax_to_blocked(int64_t n, int64_t c, int64_t pixels, const float *x, float *y, ax_pool *pool)
{
    run(&(convert){.x = x, .y = y}, n, c, pixels, pool);
}

void ax_to_plain(int64_t n, int64_t c, int64_t pixels, const float *x, float *y, ax_pool *pool)
{
    run(&(convert){.x = x, .y = y, .to_plain = 1}, n, c, pixels, pool);
}
