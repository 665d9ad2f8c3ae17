/* window.c - max and average pooling: which part of a window lies inside the picture, and the PLAIN
 * kernels, which are at the same time the naive twins of the BLOCKED ones.
 *
 * Along an axis, outputs in the middle see whole windows; the few at the edges are taken one by one.
 * Within a row of outputs the windows therefore come in runs of one shape, which is what kernels
 * work on. Gradients go plane by plane, outputs in order, because windows may overlap. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "math/kernels.h"
#include "math/window_kernel.h"

enum {
    JOB_WORK = 1 << 14, /* window elements a job should have          */
    SMALL = 1 << 15     /* not worth waking another thread for        */
};

/* ---- PLAIN ---- */

static int beats(float v, float best)
{
    return v > best || (v != v && best == best);
}

static void plain_max(const ax_window_run *r)
{
    for (int64_t i = 0; i < r->count; i++) {
        float best = -INFINITY;
        for (int a = 0; a < r->rows; a++)
            for (int b = 0; b < r->cols; b++) {
                float v = r->x[i * r->step + a * r->row + b * r->col];
                best = beats(v, best) ? v : best;
            }
        r->y[i] = best;
    }
}

static void plain_avg(const ax_window_run *r)
{
    for (int64_t i = 0; i < r->count; i++) {
        float sum = 0;
        for (int a = 0; a < r->rows; a++)
            for (int b = 0; b < r->cols; b++)
                sum += r->x[i * r->step + a * r->row + b * r->col];
        r->y[i] = sum / r->divisor;
    }
}

static void plain_max_backward(const ax_window_run *r)
{
    for (int64_t i = 0; i < r->count; i++) {
        const float *x = r->x + i * r->step;
        int64_t place = 0;
        for (int a = 0; a < r->rows; a++)
            for (int b = 0; b < r->cols; b++)
                if (beats(x[a * r->row + b * r->col], x[place]))
                    place = a * r->row + b * r->col;
        r->dx[i * r->step + place] += r->dy[i];
    }
}

static void plain_avg_backward(const ax_window_run *r)
{
    for (int64_t i = 0; i < r->count; i++)
        for (int a = 0; a < r->rows; a++)
            for (int b = 0; b < r->cols; b++)
                r->dx[i * r->step + a * r->row + b * r->col] += r->dy[i] / r->divisor;
}

/* ---- geometry along one axis ---- */

typedef struct axis {
    int64_t size, out;
    int kernel, stride, dilation, before, after;
} axis;

/* The part of a window that lies inside: its first position, how many, and how many with padding. */
typedef struct part {
    int64_t at;
    int count, padded;
} part;

static part part_of(const axis *a, int64_t o)
{
    int64_t start = o * a->stride - a->before;
    part p = {start, 0, 0};
    for (int k = 0; k < a->kernel; k++) {
        int64_t at = start + (int64_t)k * a->dilation;
        if (at >= 0 && at < a->size && !p.count++)
            p.at = at;
        p.padded += at < a->size + a->after;
    }
    return p;
}

/* Outputs [*from, *to) see whole windows. */
static void whole_windows(const axis *a, int64_t *from, int64_t *to)
{
    int64_t last = a->size - 1 - (int64_t)(a->kernel - 1) * a->dilation + a->before;
    *from = (a->before + a->stride - 1) / a->stride;
    *to = last < 0 ? 0 : last / a->stride + 1;
    *to = *to < a->out ? *to : a->out;
    *from = *from < *to ? *from : *to;
}

/* ---- the driver ---- */

typedef struct job {
    ax_window2d g;
    ax_window_fn *fn;
    int lanes;
    int64_t planes, rows_per_job, jobs_per_plane;
    axis y_axis, x_axis;
    int64_t whole_from, whole_to;
    const float *x, *dy;
    float *y, *dx;
} job;

/* `count` outputs of a row from column o on, whose windows have the columns px. */
static void run_columns(const job *j, ax_window_run *r, int64_t x_row, int64_t y_row, part py,
                        part px, int64_t o, int64_t count)
{
    int64_t x_at = (x_row + px.at) * j->lanes, y_at = (y_row + o) * j->lanes;
    int area = j->g.count_pad ? py.padded * px.padded : py.count * px.count;
    r->rows = py.count;
    r->cols = px.count;
    if ((!r->rows || !r->cols) && j->dx)
        return;
    if (!r->rows || !r->cols)
        r->rows = r->cols = 0, x_at = 0;
    r->x = j->x ? j->x + x_at : NULL;
    r->dx = j->dx ? j->dx + x_at : NULL;
    r->dy = j->dy ? j->dy + y_at : NULL;
    r->y = j->y ? j->y + y_at : NULL;
    r->count = count;
    r->divisor = area ? (float)area : 1;
    j->fn(r);
}

static void run_row(const job *j, int64_t plane, int64_t oy)
{
    const ax_window2d *g = &j->g;
    part py = part_of(&j->y_axis, oy);
    int64_t x_row = (plane * g->h + py.at) * g->w, y_row = (plane * g->oh + oy) * g->ow;
    ax_window_run r = {.step = g->sw * j->lanes, .row = g->dh * g->w * j->lanes,
                       .col = g->dw * j->lanes};
    for (int64_t o = 0; o < g->ow;) {
        int whole = o == j->whole_from && j->whole_to > o;
        int64_t count = whole ? j->whole_to - o : 1;
        run_columns(j, &r, x_row, y_row, py, part_of(&j->x_axis, o), o, count);
        o += count;
    }
}

static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t plane = i / j->jobs_per_plane, from = i % j->jobs_per_plane * j->rows_per_job;
    int64_t to = from + j->rows_per_job < j->g.oh ? from + j->rows_per_job : j->g.oh;
    int64_t floats = j->g.h * j->g.w * j->lanes;
    if (j->dx)
        memset(j->dx + plane * floats, 0, (size_t)floats * sizeof *j->dx);
    for (int64_t oy = from; oy < to; oy++)
        run_row(j, plane, oy);
}

static void run(job *j, ax_window_fn *plain, ax_window_fn *blocked, ax_pool *pool)
{
    const ax_window2d *g = &j->g;
    j->fn = g->layout == AX_BLOCKED ? blocked : plain;
    j->lanes = g->layout == AX_BLOCKED ? AX_BLOCK : 1;
    j->planes = g->n * (g->layout == AX_BLOCKED ? ceil_div(g->c, AX_BLOCK) : g->c);
    j->y_axis = (axis){g->h, g->oh, g->kh, g->sh, g->dh, g->pt, g->pb};
    j->x_axis = (axis){g->w, g->ow, g->kw, g->sw, g->dw, g->pl, g->pr};
    whole_windows(&j->x_axis, &j->whole_from, &j->whole_to);
    int64_t row = g->ow * g->kh * g->kw * j->lanes;
    j->rows_per_job = j->dx || row <= 0 ? g->oh : JOB_WORK / row + 1;
    if (j->rows_per_job > g->oh || j->rows_per_job < 1)
        j->rows_per_job = g->oh > 0 ? g->oh : 1;
    j->jobs_per_plane = g->oh > 0 ? (g->oh + j->rows_per_job - 1) / j->rows_per_job : 1;
    if (j->planes * row * g->oh < SMALL)
        pool = NULL;
    ax_pool_run(pool, (int)(j->planes * j->jobs_per_plane), run_job, j);
}

void ax_max_pool(const ax_window2d *g, const float *x, float *y, ax_pool *pool)
{
    run(&(job){.g = *g, .x = x, .y = y}, plain_max, ax_window_kernels_get()->max, pool);
}

void ax_avg_pool(const ax_window2d *g, const float *x, float *y, ax_pool *pool)
{
    run(&(job){.g = *g, .x = x, .y = y}, plain_avg, ax_window_kernels_get()->avg, pool);
}

void ax_max_pool_backward(const ax_window2d *g, const float *x, const float *dy, float *dx,
                          ax_pool *pool)
{
    run(&(job){.g = *g, .x = x, .dy = dy, .dx = dx}, plain_max_backward,
        ax_window_kernels_get()->max_backward, pool);
}

void ax_avg_pool_backward(const ax_window2d *g, const float *dy, float *dx, ax_pool *pool)
{
    run(&(job){.g = *g, .dy = dy, .dx = dx}, plain_avg_backward,
        ax_window_kernels_get()->avg_backward, pool);
}
