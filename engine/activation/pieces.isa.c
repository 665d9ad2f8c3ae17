/* pieces.isa.c - maxout and crelu: rows that get shorter and longer.
 *
 * Both choose and move float32 numbers, so nothing is rounded. Plain loops: the compiler makes
 * vectors of them. */
#include "activation/rows.h"

/* Is the piece v better than `best`? A NaN is better than any number, then nothing is better: the
 * first maximum wins, and NaN stays. */
#define BETTER(v, best) (!((v) <= (best)) && (best) == (best))

/* Parameters: the number of pieces k. Element u of y is the largest of elements uk to uk + k - 1.
 */
static void maxout_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len,
                           int64_t inner)
{
    int64_t k = (int64_t)p[0], units = outer * (len / k);
    for (int64_t u = 0; u < units; u++) {
        const float *in = x + u * k * inner;
        float *out = y + u * inner;
        memcpy(out, in, (size_t)inner * sizeof *out);
        for (int64_t j = 1; j < k; j++)
            for (int64_t c = 0; c < inner; c++) {
                float v = in[j * inner + c], best = out[c];
                out[c] = BETTER(v, best) ? v : best;
            }
    }
}

/* dy goes to the first maximum; dx may be x */
static void maxout_backward(const double *p, const float *x, const float *dy, float *dx,
                            int64_t outer, int64_t len, int64_t inner)
{
    int64_t k = (int64_t)p[0], units = outer * (len / k);
    for (int64_t u = 0; u < units; u++) {
        const float *in = x + u * k * inner;
        float *out = dx + u * k * inner;
        for (int64_t c = 0; c < inner; c++) {
            int64_t at = 0;
            for (int64_t j = 1; j < k; j++)
                at = BETTER(in[j * inner + c], in[at * inner + c]) ? j : at;
            for (int64_t j = 0; j < k; j++)
                out[j * inner + c] = j == at ? dy[u * inner + c] : 0.0f;
        }
    }
}

VECTOR_KERNEL(maxout)

/* relu of x, then relu of -x; -0 and NaN as relu has them */
static void crelu_forward(const double *p, const float *x, float *y, int64_t outer, int64_t len,
                          int64_t inner)
{
    int64_t n = len * inner;
    (void)p;
    for (int64_t o = 0; o < outer; o++, x += n, y += 2 * n)
        for (int64_t i = 0; i < n; i++) {
            float v = x[i];
            y[i] = v < 0.0f ? 0.0f : v;
            y[n + i] = v > 0.0f ? 0.0f : -v;
        }
}

/* the slope at 0 is relu's, 0 */
static void crelu_backward(const double *p, const float *x, const float *dy, float *dx,
                           int64_t outer, int64_t len, int64_t inner)
{
    int64_t n = len * inner;
    (void)p;
    for (int64_t o = 0; o < outer; o++, x += n, dx += n, dy += 2 * n)
        for (int64_t i = 0; i < n; i++) {
            float v = x[i], right = dy[i], left = -dy[n + i];
            dx[i] = v > 0.0f ? right : v < 0.0f ? left : v - v;
        }
}

VECTOR_KERNEL(crelu)
