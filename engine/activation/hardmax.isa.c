/* hardmax.isa.c - hardmax, gumbel_softmax, and the noise of the latter.
 *
 * gumbel_softmax gets its noise before it comes here (ops/gumbel.c adds it in training), so it is
 * softmax at a temperature, or with `hard` a one whose gradient is softmax's (straight through).
 * Parameters: the temperature, hard. */
#include "activation/rows.h"

static void hardmax_row(const double *p, const float *x, float *y, int64_t len, int64_t stride)
{
    (void)p;
    double m = greatest(x, len, stride);
    int found = 0;
    for (int64_t i = 0; i < len; i++) {
        int here = !found && x[i * stride] == m;
        y[i * stride] = here ? 1.0f : (float)(m - m);
        found |= here;
    }
}

/* 0, but NaN for NaN */
static void hardmax_row_back(const double *p, const float *y, const float *dy, float *dx,
                             int64_t len, int64_t stride)
{
    (void)p, (void)dy;
    for (int64_t i = 0; i < len; i++)
        dx[i * stride] = y[i * stride] - y[i * stride];
}

EACH_ROW(hardmax)

extern const ax_act_vector AX_ACT_SYMBOL(softmax, AX_ISA);

static void gumbel_softmax_forward(const double *p, const float *x, float *y, int64_t outer,
                                   int64_t len, int64_t inner)
{
    if (p[1] > 0.0)
        hardmax_forward(p, x, y, outer, len, inner);
    else
        AX_ACT_SYMBOL(softmax, AX_ISA).forward(p, x, y, outer, len, inner);
}

/* dx holds the softmax of x in between */
static void gumbel_softmax_backward(const double *p, const float *x, const float *dy, float *dx,
                                    int64_t outer, int64_t len, int64_t inner)
{
    AX_ACT_SYMBOL(softmax, AX_ISA).forward(p, x, dx, outer, len, inner);
    AX_ACT_SYMBOL(softmax, AX_ISA).backward(p, dx, dy, dx, outer, len, inner);
}

VECTOR_KERNEL(gumbel_softmax)

/* ---- noise ---- */

/* -ln v for normal v > 0: v = 2^k m with 1/2 <= m < 1 */
INLINE vd minus_log(vd v)
{
    vu w = (vu)v;
    vd k = (vd)((w >> 52) + 0x4338000000000000) - (0x1.8p52 + 1022);
    vd m = (vd)((w & (((uint64_t)1 << 52) - 1)) | ((uint64_t)1022 << 52));
    return log1p_ratio(1.0 - m, m) - k * LN2;
}

typedef uint32_t vw __attribute__((vector_size(LANES * 4)));

INLINE vd noisy(const uint32_t *word, const float *x)
{
    vw w;
    memcpy(&w, word, sizeof w);
    vd u = (__builtin_convertvector(w, vd) + 0.5) * 0x1p-32;
    return load(x) + minus_log(minus_log(u));
}

extern ax_act_noise AX_ACT_SYMBOL(add_gumbel, AX_ISA);
void AX_ACT_SYMBOL(add_gumbel, AX_ISA)(const uint32_t *word, const float *x, float *y, size_t n)
{
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        store(y + i, noisy(word + i, x + i));
    if (i < n) {
        uint32_t w[LANES] = {0};
        float t[LANES] = {0};
        memcpy(w, word + i, (n - i) * sizeof *w);
        memcpy(t, x + i, (n - i) * sizeof *t);
        store(t, noisy(w, t));
        memcpy(y + i, t, (n - i) * sizeof *t);
    }
}
