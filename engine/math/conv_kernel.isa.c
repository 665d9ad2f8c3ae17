/* conv_kernel.isa.c - the inner loops of the direct convolution; see conv_kernel.h.
 *
 * A tile holds `rows` pixels x `nv` vectors of output channels in registers. Each step loads nv
 * weight vectors and multiplies them by one broadcast number per pixel. All tile heights come from
 * the one function below, so a pixel's arithmetic is the same wherever it lies: one chain of
 * (fused) multiply-adds from the bias through blocks, taps and channels.
 *
 * Registers decide the tile: 14x2 of 32 zmm, 3x4 of 16 ymm, 6x2 of 16 xmm, 6x4 of 32 neon. */
#include "math/conv_kernel.h"
#include "math/simd.h"

#if AX_VL == 16
enum { ROWS1 = 14, NV1 = 1, ROWS2 = 14, NV2 = 2 };
#elif AX_VL == 8
enum { ROWS1 = 6, NV1 = 2, ROWS2 = 3, NV2 = 4 };
#elif defined(__aarch64__)
enum { ROWS1 = 6, NV1 = 4, ROWS2 = 6, NV2 = 4 };
#else
enum { ROWS1 = 6, NV1 = 2, ROWS2 = 6, NV2 = 2 };
#endif

/* Pixels [at, at + rows) and nv vectors from channel col of a panel of width channels. step is
 * s->in_step, as a constant where the caller knows it. */
AX_TILE void tile(const ax_conv_stretch *s, int64_t at, int64_t step, int plain, int width,
                    int col, int rows, int nv)
{
    vf acc[14][4];
    int64_t out_at = at * s->out_step + col / 16 * s->out_block + col % 16;
    float *out = s->out + out_at;
    int64_t out_step = s->out_step;
    /* vectors of the second block, when the tile spans both */
    int64_t off[4];
    AX_UNROLL for (int j = 0; j < nv; j++)
        off[j] = j * AX_VL < 16 ? j * AX_VL : s->out_block + j * AX_VL - 16;
    if (s->start) {
        AX_UNROLL for (int j = 0; j < nv; j++) {
            vf v = vf_load(s->start + col + j * AX_VL);
            AX_UNROLL for (int i = 0; i < rows; i++) acc[i][j] = v;
        }
    } else {
        AX_UNROLL for (int i = 0; i < rows; i++)
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] = vf_load(out + i * out_step + off[j]);
    }
    const float *w = s->w + col, *in = s->in + at * step;
    int64_t ahead = s->ahead;
    for (int64_t b = 0; b < s->blocks; b++, in += s->in_block) {
        int n = plain ? 1 : b + 1 < s->blocks ? 16 : s->last;
        for (int64_t t = 0; t < s->taps; t++) {
            const float *p = in + s->tap[t];
            for (int c = 0; c < n; c++, w += width, p++) {
                vf wv[4];
                AX_UNROLL for (int j = 0; j < nv; j++) wv[j] = vf_load(w + j * AX_VL);
                AX_UNROLL for (int j = 0; j < nv * AX_VL; j += 16) __builtin_prefetch(w + ahead + j);
                AX_UNROLL for (int i = 0; i < rows; i++) {
                    float x = p[i * step];
                    AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] += x * wv[j];
                }
            }
        }
    }
    if (s->residual) {
        const float *r = s->residual + out_at;
        AX_UNROLL for (int i = 0; i < rows; i++)
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] += vf_load(r + i * out_step + off[j]);
    }
    if (s->relu) {
        AX_UNROLL for (int i = 0; i < rows; i++)
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] = vf_relu(acc[i][j]);
    }
    AX_UNROLL for (int i = 0; i < rows; i++)
        AX_UNROLL for (int j = 0; j < nv; j++) vf_store(out + i * out_step + off[j], acc[i][j]);
}

// clang-format off
#define CASE(r) case r: if (r <= max) tile(s, at, step, plain, width, col, r, nv); break;
// clang-format on

/* A stretch as tiles of nearly equal height, at most max. */
AX_INLINE void sweep(const ax_conv_stretch *s, int64_t step, int plain, int width, int max, int nv)
{
    int64_t tiles = (s->pixels + max - 1) / max;
    for (int col = 0; col < width; col += nv * AX_VL) {
        int64_t at = 0;
        for (int64_t i = 0; i < tiles; i++) {
            int rows = (int)((s->pixels - at) / (tiles - i));
            switch (rows) {
                CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
                CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
            }
            at += rows;
        }
    }
}

/* Tiles whose rows are a known distance apart need one address register instead of one per row. */
#define SWEEPS(name, plain, unit, width, max, nv)                                                  \
    static void name##_1(const ax_conv_stretch *s)                                                 \
    {                                                                                              \
        sweep(s, unit, plain, width, max, nv);                                                     \
    }                                                                                              \
    static void name##_2(const ax_conv_stretch *s)                                                 \
    {                                                                                              \
        sweep(s, 2 * unit, plain, width, max, nv);                                                 \
    }                                                                                              \
    static void name##_any(const ax_conv_stretch *s)                                               \
    {                                                                                              \
        sweep(s, s->in_step, plain, width, max, nv);                                               \
    }                                                                                              \
    static void name(const ax_conv_stretch *s)                                                     \
    {                                                                                              \
        if (s->in_step == unit)                                                                    \
            name##_1(s);                                                                           \
        else if (s->in_step == 2 * unit)                                                           \
            name##_2(s);                                                                           \
        else                                                                                       \
            name##_any(s);                                                                         \
    }

SWEEPS(blocked_16, 0, 16, 16, ROWS1, NV1)
SWEEPS(blocked_32, 0, 16, 32, ROWS2, NV2)
SWEEPS(plain_16, 1, 1, 16, ROWS1, NV1)
SWEEPS(plain_32, 1, 1, 32, ROWS2, NV2)

const ax_conv_kernels AX_TABLE(ax_conv_kernels) = {
    .blocked = {blocked_16, blocked_32},
    .plain = {plain_16, plain_32},
};
