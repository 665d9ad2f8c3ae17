/* conv_outer.isa.c - the inner loops of the weight gradient; see conv_kernel.h.
 *
 * A tile of the gradient, `rows` numbers of x times nv vectors of dy's channels, stays in registers
 * while the pixels go by: per pixel nv loads and one broadcast per row. */
#include "math/conv_kernel.h"
#include "math/simd.h"

/* For blocked input the 16 channels are split into groups of rows that fit the registers. */
#if AX_VL == 16
#define GROUPS(width, col, nv) TILE(width, col, nv, 0, 8) TILE(width, col, nv, 8, 8)
#define SINGLE(width, col, nv) TILE(width, col, nv, 0, 16)
enum { NV16 = 1, NV32 = 2, PLAIN_ROWS = 10 };
#elif defined(__aarch64__)
#define GROUPS(width, col, nv)                                                                     \
    TILE(width, col, nv, 0, 6) TILE(width, col, nv, 6, 5) TILE(width, col, nv, 11, 5)
#define SINGLE GROUPS
enum { NV16 = 4, NV32 = 4, PLAIN_ROWS = 6 };
#else
#define GROUPS(width, col, nv)                                                                     \
    TILE(width, col, nv, 0, 6) TILE(width, col, nv, 6, 5) TILE(width, col, nv, 11, 5)
#define SINGLE GROUPS
enum { NV16 = 2, NV32 = 2, PLAIN_ROWS = 6 };
#endif

/* Rows [first, first + rows) of acc, of which those below o->n exist; nv vectors from lane col. */
AX_TILE void tile(const ax_conv_outer *o, int plain, int width, int col, int first, int rows, int nv)
{
    vf acc[16][4];
    int64_t off[4], in_at[10];
    float *to = o->acc + first * width + col;
    if (!plain && first >= o->n)
        return;
    AX_UNROLL for (int j = 0; j < nv; j++) {
        int lane = col + j * AX_VL;
        off[j] = lane < 16 ? lane : o->dy_block + lane - 16;
    }
    AX_UNROLL for (int i = 0; i < rows; i++) {
        if (plain)
            in_at[i] = o->tap[i];
        AX_UNROLL for (int j = 0; j < nv; j++)
            acc[i][j] = plain || first + i < o->n ? vf_load(to + i * width + j * AX_VL) : (vf){0};
    }
    int64_t step = o->in_step;
    for (int64_t m = 0; m < o->images; m++)
        for (int64_t r = 0; r < o->rows; r++) {
            const float *in = o->in + m * o->in_image + r * o->in_row + first;
            const float *dy = o->dy + m * o->dy_image + r * o->dy_row;
            for (int64_t q = 0; q < o->cols; q++, in += step, dy += 16) {
                vf g[4];
                AX_UNROLL for (int j = 0; j < nv; j++) g[j] = vf_load(dy + off[j]);
                AX_UNROLL for (int i = 0; i < rows; i++) {
                    float x = plain ? in[in_at[i]] : in[i];
                    AX_UNROLL for (int j = 0; j < nv; j++) acc[i][j] += x * g[j];
                }
            }
        }
    AX_UNROLL for (int i = 0; i < rows; i++)
        AX_UNROLL for (int j = 0; j < nv; j++)
            if (plain || first + i < o->n)
                vf_store(to + i * width + j * AX_VL, acc[i][j]);
}

#define TILE(width, col, nv, first, rows) tile(o, 0, width, col, first, rows, nv);

static void blocked_16(const ax_conv_outer *o)
{
    for (int col = 0; col < 16; col += NV16 * AX_VL) {
        SINGLE(16, col, NV16)
    }
}

static void blocked_32(const ax_conv_outer *o)
{
    for (int col = 0; col < 32; col += NV32 * AX_VL) {
        GROUPS(32, col, NV32)
    }
}

// clang-format off
#define CASE(r) case r: if (r <= PLAIN_ROWS) tile(o, 1, width, col, 0, r, nv); break;
// clang-format on

AX_INLINE void plain(const ax_conv_outer *o, int width, int nv)
{
    for (int col = 0; col < width; col += nv * AX_VL)
        switch (o->n) {
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
        }
}

static void plain_16(const ax_conv_outer *o)
{
    plain(o, 16, NV16);
}

static void plain_32(const ax_conv_outer *o)
{
    plain(o, 32, NV32);
}

const ax_conv_outer_kernels AX_TABLE(ax_conv_outer_kernels) = {
    PLAIN_ROWS, {blocked_16, blocked_32}, {plain_16, plain_32},
};
