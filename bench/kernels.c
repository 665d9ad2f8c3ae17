/* kernels.c - speed of the matrix and convolution kernels: GFLOP/s, one line a shape.
 *
 * Usage: kernels [word]: only the lines that contain word. AXON_ISA and AXON_THREADS choose. A pack
 * line counts packed numbers instead of flops. Numbers are medians of wall time: run on a quiet
 * machine, pinned (taskset -c 0), with OPENBLAS_CORETYPE unset. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/conv.h"
#include "math/cpu.h"
#include "math/dense.h"
#include "math/gemm.h"

static ax_pool *pool;
static int threads = 1;
static const char *only = "";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static float *filled(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 127) & ~(size_t)63);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)((i * 2654435761u >> 8) % 2001) / 1000.0f - 1;
    return p;
}

/* Time fn until a tenth of a second has gone by, at least 5 times; print the median. */
static void measure(const char *name, double flops, void (*fn)(void *ctx), void *ctx)
{
    enum { MOST = 1000 };
    static double t[MOST];
    if (!strstr(name, only))
        return;
    int n = 0;
    fn(ctx);
    for (double total = 0; n < MOST && (n < 5 || total < 0.1); n++) {
        double start = now();
        fn(ctx);
        t[n] = now() - start;
        total += t[n];
    }
    qsort(t, (size_t)n, sizeof *t, ascending);
    printf("%-44s %9.4f ms %8.1f GFLOP/s  (best %.1f)\n", name, 1e3 * t[n / 2], flops / t[n / 2] / 1e9,
           flops / t[0] / 1e9);
    fflush(stdout);
}

typedef struct conv {
    ax_conv2d g;
    int plain;
    float *x, *w, *packed, *packed_dx, *bias, *y, *dy, *dx, *dw, *scratch;
} conv;

static void conv_forward(void *p)
{
    conv *c = p;
    ax_epilogue e = {NULL, 1, NULL, NULL};
    ax_conv2d_blocked(&c->g, c->x, c->plain, c->packed, c->bias, &e, c->y, c->scratch, pool);
}

static void conv_dx(void *p)
{
    conv *c = p;
    ax_conv2d_blocked_dx(&c->g, c->dy, c->packed_dx, c->dx, c->scratch, pool);
}

static void conv_pack(void *p)
{
    conv *c = p;
    ax_conv2d_pack(&c->g, c->w, NULL, c->packed);
}

static void conv_pack_dx(void *p)
{
    conv *c = p;
    ax_conv2d_pack_dx(&c->g, c->w, c->packed_dx);
}

static void conv_dw(void *p)
{
    conv *c = p;
    ax_conv2d_blocked_dw(&c->g, c->x, c->plain, c->dy, c->dw, c->scratch, pool);
}

typedef struct matrices {
    int64_t m, n, k;
    float *x, *w, *packed, *bias, *y, *dx, *dw;
} matrices;

static void dense_forward(void *p)
{
    matrices *d = p;
    ax_epilogue e = {NULL, 1, NULL, NULL};
    ax_dense(d->m, d->n, d->k, d->x, d->packed, d->bias, &e, d->y, pool);
}

static void dense_pack(void *p)
{
    matrices *d = p;
    ax_dense_pack(d->n, d->k, d->w, NULL, d->packed);
}

static void gemm_forward(void *p)
{
    matrices *d = p;
    ax_gemm_pool(0, 1, d->m, d->n, d->k, 1, d->x, d->k, d->w, d->k, 0, d->y, d->n, pool);
}

static void gemm_whole(void *p)
{
    matrices *d = p;
    ax_gemm(0, 1, d->m, d->n, d->k, 1, d->x, d->k, d->w, d->k, 0, d->y, d->n);
}

static void gemm_dx(void *p)
{
    matrices *d = p;
    ax_gemm_pool(0, 0, d->m, d->k, d->n, 1, d->y, d->n, d->w, d->k, 0, d->dx, d->k, pool);
}

static void gemm_dw(void *p)
{
    matrices *d = p;
    ax_gemm_pool(1, 0, d->n, d->k, d->m, 1, d->y, d->n, d->x, d->k, 0, d->dw, d->k, pool);
}

static void bench_dense(int64_t m, int64_t n, int64_t k)
{
    matrices d = {m, n, k, filled(m * k), filled(n * k), filled(ax_dense_packed(n, k)), filled(n),
                  filled(m * n), filled(m * k), filled(n * k)};
    const struct {
        const char *name;
        void (*fn)(void *);
    } rows[] = {{"dense", dense_forward},       {"gemm y=x.w' whole", gemm_whole},
                {"gemm y=x.w'", gemm_forward},  {"gemm dx=dy.w", gemm_dx},
                {"gemm dw=dy'.x", gemm_dw},     {"dense pack", dense_pack}};
    char line[128];
    dense_pack(&d);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(line, sizeof line, "%s %lldx%lldx%lld", rows[i].name, (long long)m, (long long)n,
                 (long long)k);
        double work = (double)(n * k);
        measure(line, rows[i].fn == dense_pack ? work : 2.0 * (double)m * work, rows[i].fn, &d);
    }
    float *all[] = {d.x, d.w, d.packed, d.bias, d.y, d.dx, d.dw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static int64_t padded(int64_t c)
{
    return (c + 15) / 16 * 16;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void bench_conv(int64_t n, int64_t c, int64_t k, int64_t size, int kernel, int stride)
{
    int pad = kernel / 2;
    int64_t out = (size + 2 * pad - kernel) / stride + 1;
    conv b = {.g = {n, c, size, size, k, out, out, kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad, 1},
              .plain = c < 16};
    b.x = filled(n * padded(c) * size * size);
    b.dx = filled(n * padded(c) * size * size);
    b.y = filled(n * padded(k) * out * out);
    b.dy = filled(n * padded(k) * out * out);
    b.w = filled(c * k * kernel * kernel);
    b.dw = filled(c * k * kernel * kernel);
    b.bias = filled(k);
    b.packed = filled(ax_conv2d_packed(&b.g));
    b.packed_dx = filled(ax_conv2d_packed_dx(&b.g));
    int64_t scratch = most(ax_conv2d_blocked_scratch(&b.g, threads), ax_conv2d_blocked_dx_scratch(&b.g, threads));
    scratch = most(scratch, ax_conv2d_blocked_dw_scratch(&b.g, threads));
    b.scratch = filled(scratch);
    ax_conv2d_pack(&b.g, b.w, NULL, b.packed);
    ax_conv2d_pack_dx(&b.g, b.w, b.packed_dx);
    char name[96], line[128];
    snprintf(name, sizeof name, "n%lld %lld->%lld %lldx%lld k%d s%d", (long long)n, (long long)c,
             (long long)k, (long long)size, (long long)size, kernel, stride);
    double flops = 2.0 * (double)(n * c * k * out * out * kernel * kernel);
    double weights = (double)(c * k * kernel * kernel);
    snprintf(line, sizeof line, "conv forward %s", name);
    measure(line, flops, conv_forward, &b);
    if (c >= 16) {
        snprintf(line, sizeof line, "conv dx %s", name);
        measure(line, flops, conv_dx, &b);
    }
    snprintf(line, sizeof line, "conv dw %s", name);
    measure(line, flops, conv_dw, &b);
    snprintf(line, sizeof line, "conv pack %s", name);
    measure(line, weights, conv_pack, &b);
    snprintf(line, sizeof line, "conv pack dx %s", name);
    measure(line, weights, conv_pack_dx, &b);
    float *all[] = {b.x, b.dx, b.y, b.dy, b.w, b.dw, b.bias, b.packed, b.packed_dx, b.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : "";
    threads = getenv("AXON_THREADS") ? atoi(getenv("AXON_THREADS")) : 1;
    pool = ax_pool_new(threads, NULL);
    printf("%s, %d threads\n", ax_isa_name(ax_isa_active()), threads);
    bench_conv(128, 1, 32, 28, 3, 1);
    bench_conv(128, 32, 64, 14, 3, 1);
    bench_conv(128, 64, 128, 7, 3, 1);
    bench_conv(1, 64, 64, 56, 3, 1);
    bench_conv(1, 64, 256, 56, 1, 1);
    bench_conv(1, 256, 64, 56, 1, 1);
    bench_conv(1, 128, 128, 28, 3, 1);
    bench_conv(1, 256, 256, 14, 3, 1);
    bench_conv(1, 512, 512, 7, 3, 1);
    bench_conv(1, 2048, 512, 7, 1, 1);
    bench_conv(1, 128, 128, 56, 3, 2);
    bench_conv(1, 3, 64, 224, 7, 2);
    bench_conv(1, 64, 64, 224, 3, 1);
    bench_conv(1, 512, 512, 28, 3, 1);
    bench_dense(1, 256, 784);
    bench_dense(1, 4096, 4096);
    bench_dense(16, 256, 784);
    bench_dense(128, 256, 784);
    bench_dense(128, 10, 128);
    bench_dense(256, 1024, 1024);
    ax_pool_free(pool);
    return 0;
}
