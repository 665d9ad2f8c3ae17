/* conv_depthwise.isa.c - rows of a depthwise convolution, vectors along the row; see
 * conv_depthwise.h. Tails read past the row and keep what belongs to it. */
#include <string.h>

#include "math/conv_depthwise.h"
#include "math/simd.h"

/* nv vectors of outputs from i on */
AX_INLINE void tile(const ax_depthwise_row *r, int more, int64_t i, int nv, float *y)
{
    vf acc[4];
    AX_UNROLL for (int v = 0; v < nv; v++)
        acc[v] = more ? vf_load(y + v * AX_VL) : (vf){0} + r->start;
    for (int64_t t = 0; t < r->taps; t++) {
        const float *x = r->x + r->tap[t] + i;
        AX_UNROLL for (int v = 0; v < nv; v++) acc[v] += vf_load(x + v * AX_VL) * r->w[t];
    }
    AX_UNROLL for (int v = 0; v < nv; v++) vf_store(y + v * AX_VL, acc[v]);
}

static void row(const ax_depthwise_row *r, int more, float *y)
{
    int64_t i = 0;
    for (; i + 4 * AX_VL <= r->n; i += 4 * AX_VL)
        tile(r, more, i, 4, y + i);
    for (; i < r->n; i += AX_VL) {
        float rest[AX_VL];
        int64_t n = r->n - i < AX_VL ? r->n - i : AX_VL;
        memcpy(rest, y + i, (size_t)n * sizeof *rest);
        tile(r, more, i, 1, rest);
        memcpy(y + i, rest, (size_t)n * sizeof *rest);
    }
}

/* Up to 8 taps at a time keep their sums in registers; 16 sums a tap whatever the vectors. */
AX_INLINE void dots(const ax_depthwise_row *r, int64_t t0, int nt, const float *dy, float *sum)
{
    enum { PARTS = 16 / AX_VL };
    for (int p = 0; p < PARTS; p++) {
        vf acc[8];
        AX_UNROLL for (int t = 0; t < nt; t++) acc[t] = vf_load(sum + (t0 + t) * 16 + p * AX_VL);
        int64_t i = p * AX_VL;
        for (; i + AX_VL <= r->n; i += 16) {
            vf g = vf_load(dy + i);
            AX_UNROLL for (int t = 0; t < nt; t++)
                acc[t] += vf_load(r->x + r->tap[t0 + t] + i) * g;
        }
        if (i < r->n) {
            size_t rest = (size_t)(r->n - i) * sizeof *dy;
            vf g = {0}, x = {0};
            memcpy(&g, dy + i, rest);
            AX_UNROLL for (int t = 0; t < nt; t++) {
                memcpy(&x, r->x + r->tap[t0 + t] + i, rest);
                acc[t] += x * g;
            }
        }
        AX_UNROLL for (int t = 0; t < nt; t++) vf_store(sum + (t0 + t) * 16 + p * AX_VL, acc[t]);
    }
}

static void dot(const ax_depthwise_row *r, const float *dy, float *sum)
{
    int64_t t = 0;
    for (; t + 8 <= r->taps; t += 8)
        dots(r, t, 8, dy, sum);
    for (; t < r->taps; t++)
        dots(r, t, 1, dy, sum);
}

const ax_depthwise_kernels AX_TABLE(ax_depthwise_kernels) = {row, dot};
