/* vec.isa.c - see vec_kernel.h. Element-wise functions take their tails through a vector too, so a
 * number's bits do not depend on its place. */
#include <string.h>

#include "math/simd.h"
#include "math/vec_kernel.h"

/* y = expr over vectors va, vb; the last numbers go through buffers of one vector. */
#define ELEMENTWISE(name, reads_a, reads_b, expr)                                                  \
    static void name(int64_t n, float alpha, const float *a, const float *b, float *y)             \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        vf va = {0}, vb = {0};                                                                     \
        (void)alpha, (void)a, (void)b, (void)va, (void)vb;                                         \
        for (; i + AX_VL <= n; i += AX_VL) {                                                       \
            if (reads_a)                                                                           \
                va = vf_load(a + i);                                                               \
            if (reads_b)                                                                           \
                vb = vf_load(b + i);                                                               \
            vf_store(y + i, expr);                                                                 \
        }                                                                                          \
        if (i == n)                                                                                \
            return;                                                                                \
        size_t rest = (size_t)(n - i) * sizeof *y;                                                 \
        if (reads_a)                                                                               \
            memcpy(&va, a + i, rest);                                                              \
        if (reads_b)                                                                               \
            memcpy(&vb, b + i, rest);                                                              \
        vf v = expr;                                                                               \
        memcpy(y + i, &v, rest);                                                                   \
    }

/* where x > 0 dy, where x <= 0 zero, else (NaN) x */
AX_INLINE vf relu_gradient(vf x, vf dy)
{
    vi negative = x <= (vf){0}, nan = x != x;
    return (vf)(((vi)x & nan) | ((vi)dy & ~(negative | nan)));
}

ELEMENTWISE(fill, 0, 0, (vf){0} + alpha)
ELEMENTWISE(add, 1, 1, va + vb)
ELEMENTWISE(mul, 1, 1, va * vb)
ELEMENTWISE(scale, 1, 0, va * alpha)
ELEMENTWISE(axpy, 1, 1, vb + va * alpha)
ELEMENTWISE(relu, 1, 0, vf_relu(va))
ELEMENTWISE(relu_backward, 1, 1, relu_gradient(va, vb))

/* Exact, so that bits are the same wherever the compiler's vectors end. */
static void from_bytes(int64_t n, const uint8_t *restrict x, float *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
}

enum { HALF = AX_VL / 2, PARTS = 16 / HALF };

AX_INLINE vd widen(const float *p)
{
    return __builtin_convertvector(*(const vh *)p, vd);
}

/* Per part of the 16 lanes: x, dy, d = x - mean as doubles; statements add to s0 and s1. */
#define SUMS(name, reads_dy, statements)                                                           \
    static void name(const ax_lanes *l)                                                            \
    {                                                                                              \
        vd s0[PARTS], s1[PARTS], mean[PARTS];                                                      \
        AX_UNROLL for (int p = 0; p < PARTS; p++) {                                                \
            s0[p] = *(const vdu *)(l->sum + p * HALF);                                             \
            s1[p] = *(const vdu *)(l->sum + 16 + p * HALF);                                        \
            mean[p] = *(const vdu *)(l->mean + p * HALF);                                          \
        }                                                                                          \
        const float *x_at = l->x, *dy_at = l->dy;                                                  \
        for (int64_t i = 0; i < l->count; i++, x_at += l->step) {                                  \
            AX_UNROLL for (int p = 0; p < PARTS; p++) {                                            \
                vd x = widen(x_at + p * HALF), d = x - mean[p];                                    \
                (void)d, (void)dy_at;                                                              \
                statements                                                                         \
            }                                                                                      \
            if (reads_dy)                                                                          \
                dy_at += l->step;                                                                  \
        }                                                                                          \
        AX_UNROLL for (int p = 0; p < PARTS; p++) {                                                \
            *(vdu *)(l->sum + p * HALF) = s0[p];                                                   \
            *(vdu *)(l->sum + 16 + p * HALF) = s1[p];                                              \
        }                                                                                          \
    }

typedef int64_t vl __attribute__((vector_size(AX_VL * 4)));

// clang-format off
SUMS(sum, 0, s0[p] += x;)
SUMS(norms, 0, s0[p] += (vd)((vl)x & INT64_MAX); s1[p] += x * x;)
SUMS(squares, 0, s0[p] += d * d;)
SUMS(products, 1, vd dy = widen(dy_at + p * HALF); s0[p] += dy; s1[p] += dy * d;)
// clang-format on

#define MAP(name, reads_dy, expr)                                                                  \
    static void name(const ax_lanes *l)                                                            \
    {                                                                                              \
        enum { VECTORS = 16 / AX_VL };                                                             \
        const float *x_at = l->x, *dy_at = l->dy;                                                  \
        float *y_at = l->y;                                                                        \
        vf k[4][VECTORS];                                                                          \
        AX_UNROLL for (int i = 0; i < 4; i++)                                                      \
            AX_UNROLL for (int v = 0; v < VECTORS; v++)                                            \
                k[i][v] = vf_load(l->constants + i * 16 + v * AX_VL);                              \
        for (int64_t i = 0; i < l->count; i++) {                                                   \
            AX_UNROLL for (int v = 0; v < VECTORS; v++) {                                          \
                vf x = vf_load(x_at + v * AX_VL), dy = {0};                                        \
                vf a = k[0][v], b = k[1][v], c = k[2][v], d = k[3][v];                             \
                (void)c, (void)d, (void)dy;                                                        \
                if (reads_dy)                                                                      \
                    dy = vf_load(dy_at + v * AX_VL);                                               \
                vf_store(y_at + v * AX_VL, expr);                                                  \
            }                                                                                      \
            x_at += l->step;                                                                       \
            y_at += l->step;                                                                       \
            if (reads_dy)                                                                          \
                dy_at += l->step;                                                                  \
        }                                                                                          \
    }

MAP(affine, 0, x * a + b)
MAP(affine_relu, 0, vf_relu(x * a + b))
MAP(normalise, 0, (x - c) * a + b)
MAP(unnormalise, 1, (dy - b - (x - c) * d) * a)

const ax_vec_kernels AX_TABLE(ax_vec_kernels) = {
    fill, add, mul, scale, axpy, relu, relu_backward, from_bytes,
    sum, norms, squares, products, affine, affine_relu, normalise, unnormalise,
};
