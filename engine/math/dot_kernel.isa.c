/* dot_kernel.isa.c - the inner loops of dense layers over weights as they lie; see dot_kernel.h.
 *
 * A tile of rows x 4 outputs lives in registers, vectors along k; then the lanes of each sum are
 * added as a tree. All heights come from one function, so a row's bits do not depend on the rows
 * around it. Where less than a vector is left of k, or fewer than four outputs, zeros or a row once
 * more stand in. */
#include <string.h>

#include "math/dot_kernel.h"
#include "math/simd.h"

enum { COLUMNS = AX_DOT_COLUMNS, QUARTERS = AX_VL / 4 };

typedef float v4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));

typedef union lanes {
    vf v;
    v4 part[QUARTERS];
} lanes;

AX_INLINE v4 fold(vf v)
{
    lanes l = {v};
    AX_UNROLL for (int half = QUARTERS / 2; half; half /= 2)
        AX_UNROLL for (int i = 0; i < half; i++) l.part[i] += l.part[i + half];
    return l.part[0];
}

/* The sums of the lanes of four vectors. */
AX_INLINE v4 sums(const vf acc[COLUMNS])
{
    v4 a = fold(acc[0]), b = fold(acc[1]), c = fold(acc[2]), d = fold(acc[3]);
    v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) +
           __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

AX_INLINE v4 load4(const float *p, int n)
{
    v4 v = {0};
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}

AX_INLINE void finish(const ax_dot_tile *t, int64_t row, v4 sum)
{
    int n = t->columns;
    float *y = t->y + row * t->y_row;
    if (!t->first)
        sum = load4(y, n) + sum;
    if (t->last) {
        sum = sum * load4(t->scale, COLUMNS) + load4(t->bias, COLUMNS);
        if (t->residual)
            sum += load4(t->residual + row * t->y_row, n);
        if (t->relu)
            sum = (v4)((i4)sum & ~(sum < (v4){0}));
    }
    memcpy(y, &sum, (size_t)n * sizeof(float));
}

AX_INLINE vf load_rest(const float *p, int64_t n)
{
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}

AX_TILE void tile(const ax_dot_tile *t, int64_t at, int rows, int fetch)
{
    vf acc[6][COLUMNS];
    const float *x = t->x + at * t->x_row, *w[COLUMNS];
    AX_UNROLL for (int j = 0; j < COLUMNS; j++) w[j] = t->w + (j < t->columns ? j : 0) * t->w_row;
    AX_UNROLL for (int i = 0; i < rows; i++) AX_UNROLL for (int j = 0; j < COLUMNS; j++) acc[i][j] =
        (vf){0};
    int64_t q = 0;
    for (; q + AX_VL <= t->k; q += AX_VL) {
        vf xv[6];
        AX_UNROLL for (int i = 0; i < rows; i++) xv[i] = vf_load(x + i * t->x_row + q);
        AX_UNROLL for (int j = 0; j < COLUMNS; j++)
        {
            vf wv = vf_load(w[j] + q);
            if (fetch)
                __builtin_prefetch(w[j] + q + t->ahead);
            AX_UNROLL for (int i = 0; i < rows; i++) acc[i][j] += xv[i] * wv;
        }
    }
    for (int j = 0; q < t->k && j < COLUMNS; j++) {
        vf wv = load_rest(w[j] + q, t->k - q);
        AX_UNROLL for (int i = 0; i < rows; i++) acc[i][j] +=
            load_rest(x + i * t->x_row + q, t->k - q) * wv;
    }
    AX_UNROLL for (int i = 0; i < rows; i++) finish(t, at + i, sums(acc[i]));
}

#if AX_VL == 16 || defined(__aarch64__)
enum { ROWS = 6 };
#elif AX_VL == 8
enum { ROWS = 3 };
#else
enum { ROWS = 2 };
#endif

// clang-format off
#define CASE(r) case r: if (r <= ROWS) tile(t, at, r, fetch); break;
// clang-format on

AX_INLINE void one(const ax_dot_tile *t, int64_t at, int rows, int fetch)
{
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
    }
}

/* The first tile sees to it that the weights wanted next are on their way. */
static void tiles(const ax_dot_tile *t)
{
    int64_t count = (t->m + ROWS - 1) / ROWS, at = t->m / count;
    one(t, 0, (int)at, 1);
    for (int64_t i = 1; i < count; i++) {
        int rows = (int)((t->m - at) / (count - i));
        one(t, at, rows, 0);
        at += rows;
    }
}

const ax_dot_kernels AX_TABLE(ax_dot_kernels) = {ROWS, tiles};
