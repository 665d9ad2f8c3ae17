/* layout.isa.c - 16 x AX_VL transpositions in registers; see layout_kernel.h.
 *
 * A square of vectors is transposed by log2(AX_VL) perfect shuffles: each round interleaves row i
 * with row i + AX_VL/2, which rotates the bits of (row, lane) by one place. */
#include "math/layout_kernel.h"
#include "math/simd.h"

// clang-format off
#if AX_VL == 4
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#elif AX_VL == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#endif
// clang-format on

AX_INLINE void transpose(vf r[AX_VL])
{
    AX_UNROLL for (int round = 1; round < AX_VL; round *= 2) {
        vf u[AX_VL];
        AX_UNROLL for (int i = 0; i < AX_VL / 2; i++) {
            u[2 * i] = LOW(r[i], r[i + AX_VL / 2]);
            u[2 * i + 1] = HIGH(r[i], r[i + AX_VL / 2]);
        }
        AX_UNROLL for (int i = 0; i < AX_VL; i++) r[i] = u[i];
    }
}

static void pack(const float *x, int64_t stride, int lanes, int64_t c, int64_t t,
                 const float *scale, float *y, int64_t step)
{
    int64_t count = c * t, i = 0, a = 0, b = 0;
    for (; i + AX_VL <= count; i += AX_VL) {
        int64_t at = 0, bt = 0;
        for (int g = 0; g < 16; g += AX_VL) {
            vf r[AX_VL];
            AX_UNROLL for (int l = 0; l < AX_VL; l++)
                r[l] = g + l < lanes ? vf_load(x + (g + l) * stride + i) : (vf){0};
            transpose(r);
            vf f = scale ? vf_load(scale + g) : (vf){0} + 1;
            at = a;
            bt = b;
            AX_UNROLL for (int l = 0; l < AX_VL; l++) {
                vf_store(y + (bt * c + at) * step + g, r[l] * f);
                if (++bt == t) {
                    bt = 0;
                    at++;
                }
            }
        }
        a = at;
        b = bt;
    }
    for (; i < count; i++)
        for (int l = 0; l < 16; l++)
            y[(i % t * c + i / t) * step + l] =
                l < lanes ? x[l * stride + i] * (scale ? scale[l] : 1) : 0;
}

static void unpack(const float *x, int64_t step, int lanes, int64_t c, int64_t t, float *y,
                   int64_t stride)
{
    int64_t count = c * t, i = 0, a = 0, b = 0;
    for (; i + AX_VL <= count; i += AX_VL) {
        int64_t at = 0, bt = 0;
        for (int g = 0; g < lanes; g += AX_VL) {
            vf r[AX_VL];
            at = a;
            bt = b;
            AX_UNROLL for (int l = 0; l < AX_VL; l++) {
                r[l] = vf_load(x + (bt * c + at) * step + g);
                if (++bt == t) {
                    bt = 0;
                    at++;
                }
            }
            transpose(r);
            AX_UNROLL for (int l = 0; l < AX_VL; l++) if (g + l < lanes)
                vf_store(y + (g + l) * stride + i, r[l]);
        }
        a = at;
        b = bt;
    }
    for (; i < count; i++)
        for (int l = 0; l < lanes; l++)
            y[l * stride + i] = x[(i % t * c + i / t) * step + l];
}

const ax_layout_kernels AX_TABLE(ax_layout_kernels) = {pack, unpack};
