/* window.isa.c - pooling of BLOCKED maps; see window_kernel.h. A vector is some channels of one
 * pixel, so nothing crosses lanes. */
#include <math.h>

#include "math/simd.h"
#include "math/window_kernel.h"

AX_INLINE vf pick(vi mask, vf yes, vf no)
{
    return (vf)(((vi)yes & mask) | ((vi)no & ~mask));
}

/* Lanes where v takes over from the maximum so far: greater, or the first NaN. */
AX_INLINE vi beats(vf v, vf best)
{
    return (v > best) | ((v != v) & (best == best));
}

static void max(const ax_window_run *r)
{
    const float *x = r->x;
    float *y = r->y;
    for (int64_t i = 0; i < r->count; i++, x += r->step, y += 16)
        for (int l = 0; l < 16; l += AX_VL) {
            vf best = (vf){0} - INFINITY;
            for (int a = 0; a < r->rows; a++)
                for (int b = 0; b < r->cols; b++) {
                    vf v = vf_load(x + a * r->row + b * r->col + l);
                    best = pick(beats(v, best), v, best);
                }
            vf_store(y + l, best);
        }
}

static void avg(const ax_window_run *r)
{
    const float *x = r->x;
    float *y = r->y;
    for (int64_t i = 0; i < r->count; i++, x += r->step, y += 16)
        for (int l = 0; l < 16; l += AX_VL) {
            vf sum = {0};
            for (int a = 0; a < r->rows; a++)
                for (int b = 0; b < r->cols; b++)
                    sum += vf_load(x + a * r->row + b * r->col + l);
            vf_store(y + l, sum / r->divisor);
        }
}

/* Per lane the place of the first maximum, then dy added there and nowhere else. */
static void max_backward(const ax_window_run *r)
{
    const float *x = r->x, *dy = r->dy;
    float *dx = r->dx;
    for (int64_t i = 0; i < r->count; i++, x += r->step, dx += r->step, dy += 16)
        for (int l = 0; l < 16; l += AX_VL) {
            vf best = vf_load(x + l), g = vf_load(dy + l);
            vi place = {0};
            for (int a = 0, at = 0; a < r->rows; a++)
                for (int b = 0; b < r->cols; b++, at++) {
                    vf v = vf_load(x + a * r->row + b * r->col + l);
                    vi take = beats(v, best);
                    best = pick(take, v, best);
                    place = (place & ~take) | (take & at);
                }
            for (int a = 0, at = 0; a < r->rows; a++)
                for (int b = 0; b < r->cols; b++, at++) {
                    float *to = dx + a * r->row + b * r->col + l;
                    vf_store(to, vf_load(to) + (vf)((vi)g & (place == at)));
                }
        }
}

static void avg_backward(const ax_window_run *r)
{
    const float *dy = r->dy;
    float *dx = r->dx;
    for (int64_t i = 0; i < r->count; i++, dx += r->step, dy += 16)
        for (int l = 0; l < 16; l += AX_VL) {
            vf g = vf_load(dy + l) / r->divisor;
            for (int a = 0; a < r->rows; a++)
                for (int b = 0; b < r->cols; b++) {
                    float *to = dx + a * r->row + b * r->col + l;
                    vf_store(to, vf_load(to) + g);
                }
        }
}

const ax_window_kernels AX_TABLE(ax_window_kernels) = {max, avg, max_backward, avg_backward};
