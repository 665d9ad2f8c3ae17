/* resize.c - streaming separable resampling; see resize.h. */
#include "io/resize.h"

#include <stdint.h>
#include <stdlib.h>

/* ---- weights --------------------------------------------------------------------------------- */

/* Result pixel i covers [i*from, (i+1)*from) where a source pixel is `to` wide. */
static void shrink(const ax_axis *a, int i)
{
    int64_t lo = (int64_t)i * a->from, hi = lo + a->from, to = a->to;
    a->first[i] = (int)(lo / to);
    a->count[i] = (int)((hi + to - 1) / to) - a->first[i];
    for (int k = 0; k < a->count[i]; k++) {
        int64_t left = (a->first[i] + k) * to, right = left + to;
        int64_t overlap = (right < hi ? right : hi) - (left > lo ? left : lo);
        a->weight[(size_t)i * (size_t)a->taps + (size_t)k] = (double)overlap / a->from;
    }
}

/* The centre of result pixel i is at ((2i+1)*from - to) / (2*to) between source centres. */
static void stretch(const ax_axis *a, int i)
{
    int64_t at = (2 * (int64_t)i + 1) * a->from - a->to, unit = 2 * (int64_t)a->to;
    double *w = &a->weight[(size_t)i * (size_t)a->taps];
    if (at < 0)
        at = 0;
    a->first[i] = (int)(at / unit);
    a->count[i] = a->first[i] + 1 < a->from ? 2 : 1;
    w[1] = a->count[i] == 2 ? (double)(at % unit) / (double)unit : 0;
    w[0] = 1 - w[1];
}

static int axis_init(ax_axis *a, int from, int to)
{
    size_t n = (size_t)to;
    *a = (ax_axis){.from = from, .to = to};
    a->taps = to > from ? 2 : from / to + 2;
    a->first = malloc(n * sizeof *a->first);
    a->count = malloc(n * sizeof *a->count);
    a->weight = malloc(n * (size_t)a->taps * sizeof *a->weight);
    if (!a->first || !a->count || !a->weight)
        return -1;
    for (int i = 0; i < to; i++)
        if (to > from)
            stretch(a, i);
        else
            shrink(a, i);
    return 0;
}

static void axis_fini(ax_axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weight);
}

/* ---- rows ------------------------------------------------------------------------------------ */

int ax_resize_init(ax_resize *r, int channels, int from_h, int from_w, int h, int w, ax_err *err)
{
    *r = (ax_resize){.channels = channels};
    r->line = malloc((size_t)w * sizeof *r->line);
    r->sum = calloc((size_t)channels * (size_t)h * (size_t)w, sizeof *r->sum);
    if (axis_init(&r->x, from_w, w) < 0 || axis_init(&r->y, from_h, h) < 0 || !r->line || !r->sum)
        return ax_fail(err, AX_ENOMEM, "no memory to resize a picture from %d x %d to %d x %d",
                       from_w, from_h, w, h);
    return 0;
}

void ax_resize_fini(ax_resize *r)
{
    axis_fini(&r->x);
    axis_fini(&r->y);
    free(r->line);
    free(r->sum);
}

static void resize_line(const ax_axis *x, const float *row, double *line)
{
    for (int i = 0; i < x->to; i++) {
        const double *weight = &x->weight[(size_t)i * (size_t)x->taps];
        const float *from = row + x->first[i];
        double sum = 0;
        for (int k = 0; k < x->count[i]; k++)
            sum += weight[k] * from[k];
        line[i] = sum;
    }
}

void ax_resize_row(ax_resize *r, const float *row)
{
    const ax_axis *x = &r->x, *y = &r->y;
    size_t w = (size_t)x->to;
    for (int c = 0; c < r->channels; c++) {
        resize_line(x, row + (size_t)c * (size_t)x->from, r->line);
        for (int j = r->open; j < y->to && y->first[j] <= r->row; j++) {
            int k = r->row - y->first[j];
            if (k >= y->count[j])
                continue;
            double weight = y->weight[(size_t)j * (size_t)y->taps + (size_t)k];
            double *sum = r->sum + ((size_t)c * (size_t)y->to + (size_t)j) * w;
            for (size_t i = 0; i < w; i++)
                sum[i] += weight * r->line[i];
        }
    }
    r->row++;
    while (r->open < y->to && y->first[r->open] + y->count[r->open] <= r->row)
        r->open++;
}

void ax_resize_result(const ax_resize *r, float *out)
{
    size_t n = (size_t)r->channels * (size_t)r->y.to * (size_t)r->x.to;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)r->sum[i];
}
