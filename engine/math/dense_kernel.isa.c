/* dense_kernel.isa.c - the inner loops of dense layers and matrix products; see dense_kernel.h.
 *
 * As in the convolution, a tile of rows x nv vectors lives in registers and all heights come from
 * one function, so a row's bits do not depend on the rows around it. A single row takes a wider
 * tile: it is bound by memory, and wants whole cache lines and independent sums. */
#include "math/dense_kernel.h"
#include "math/simd.h"

AX_TILE void tile(const ax_dense_panel *p, int transposed, int64_t at, int width, int col, int rows,
                  int nv)
{
    vf acc[12][16];
    int64_t y_row = p->y_row, y_at = at * y_row + col;
    int64_t row = transposed ? 1 : p->x_step, step = transposed ? p->x_step : 1;
    float *y = p->y + y_at;
    AX_UNROLL for (int i = 0; i < rows; i++)
        AX_UNROLL for (int j = 0; j < nv; j++)
            acc[i][j] = vf_load(p->start ? p->start + col + j * AX_VL : y + i * y_row + j * AX_VL);
    const float *x = p->x + at * row, *w = p->w + col;
    for (int64_t q = 0; q < p->k; q++, w += width, x += step) {
        vf wv[16];
        AX_UNROLL for (int j = 0; j < nv; j++) wv[j] = vf_load(w + j * AX_VL);
        AX_UNROLL for (int i = 0; i < rows; i++) {
            float number = x[i * row];
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] += number * wv[j];
        }
    }
    if (p->residual) {
        const float *r = p->residual + y_at;
        AX_UNROLL for (int i = 0; i < rows; i++)
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] += vf_load(r + i * y_row + j * AX_VL);
    }
    if (p->relu) {
        AX_UNROLL for (int i = 0; i < rows; i++)
            AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] = vf_relu(acc[i][j]);
    }
    AX_UNROLL for (int i = 0; i < rows; i++)
        AX_UNROLL for (int j = 0; j < nv; j++) vf_store(y + i * y_row + j * AX_VL, acc[i][j]);
}

// clang-format off
#define CASE(r) case r: if (r <= max) tile(p, transposed, at, width, col, r, nv); break;
// clang-format on

AX_INLINE void sweep(const ax_dense_panel *p, int transposed, int width, int max, int nv,
                     int nv_single)
{
    if (p->m == 1) {
        for (int col = 0; col < width; col += nv_single * AX_VL)
            tile(p, transposed, 0, width, col, 1, nv_single);
        return;
    }
    int64_t tiles = (p->m + max - 1) / max;
    for (int col = 0; col < width; col += nv * AX_VL) {
        int64_t at = 0;
        for (int64_t i = 0; i < tiles; i++) {
            int rows = (int)((p->m - at) / (tiles - i));
            switch (rows) {
                CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
                CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
            }
            at += rows;
        }
    }
}

#define PANEL(width, max, nv, nv_single)                                                           \
    static void panel_##width(const ax_dense_panel *p)                                             \
    {                                                                                              \
        sweep(p, 0, width, max, nv, nv_single);                                                    \
    }                                                                                              \
    static void transposed_##width(const ax_dense_panel *p)                                        \
    {                                                                                              \
        sweep(p, 1, width, max, nv, nv_single);                                                    \
    }

#if AX_VL == 16
PANEL(16, 12, 1, 1)
PANEL(32, 12, 2, 2)
PANEL(48, 8, 3, 3)
PANEL(64, 6, 4, 4)
#elif AX_VL == 8
PANEL(16, 6, 2, 2)
PANEL(32, 3, 4, 4)
PANEL(48, 6, 2, 6)
PANEL(64, 3, 4, 8)
#elif defined(__aarch64__)
PANEL(16, 6, 4, 4)
PANEL(32, 6, 4, 8)
PANEL(48, 6, 4, 12)
PANEL(64, 6, 4, 16)
#else
PANEL(16, 6, 2, 4)
PANEL(32, 6, 2, 8)
PANEL(48, 6, 2, 6)
PANEL(64, 6, 2, 8)
#endif

const ax_dense_kernels AX_TABLE(ax_dense_kernels) = {
    {panel_16, panel_32, panel_48, panel_64},
    {transposed_16, transposed_32, transposed_48, transposed_64},
};
