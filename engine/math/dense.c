/* dense.c - the driver of the dense layer: packs weights, cuts the output into blocks of rows and
 * panels, and keeps the panel's part in use small enough to stay in cache.
 *
 * Packed weights are panels of 64 outputs, [panel][k][64]; the last panel is 16, 32, 48 or 64 wide.
 * Sums over k are made in order whatever the cuts: between chunks of k they rest in y. */
#include "math/dense.h"

#include <string.h>

#include "base/ints.h"
#include "math/dense_kernel.h"
#include "math/layout_kernel.h"

enum {
    PANEL = 64,
    LANES = 16,
    ROWS = 48,       /* of a job: a multiple of all tile heights                   */
    CHUNK = 384,     /* of k: 96 KB of a panel                                     */
    EDGE_ROWS = 12,  /* rows at a time where the panel is wider than y             */
    SMALL = 1 << 18  /* multiply-adds not worth waking another thread for          */
};

int64_t ax_dense_packed(int64_t n, int64_t k)
{
    return ceil_div(n, LANES) * LANES * k;
}

void ax_dense_pack(int64_t n, int64_t k, const float *w, const float *scale, float *packed)
{
    const ax_layout_kernels *kernels = ax_layout_kernels_get();
    for (int64_t j = 0; j < n; j += PANEL) {
        int64_t width = min64(ceil_div(n - j, LANES) * LANES, PANEL);
        for (int64_t l = 0; l < width; l += LANES) {
            float factor[LANES] = {0};
            int lanes = (int)min64(n - j - l, LANES);
            if (scale)
                memcpy(factor, scale + j + l, (size_t)lanes * sizeof *factor);
            kernels->pack(w + (j + l) * k, k, lanes, k, 1, scale ? factor : NULL, packed + l, width);
        }
        packed += width * k;
    }
}

typedef struct job {
    const ax_dense_kernels *kernels;
    int64_t m, n, k;
    const float *x, *packed, *bias;
    const ax_epilogue *e;
    float *y;
    int64_t panels, panels_per_job, column_jobs;
} job;

/* Rows of p against one panel, k in chunks. */
static void run_chunks(const job *j, ax_dense_panel *p, int64_t width, const float *start, int relu)
{
    const float *x = p->x, *w = p->w, *residual = p->residual;
    for (int64_t q = 0; q == 0 || q < j->k; q += CHUNK) {
        int end = q + CHUNK >= j->k;
        p->k = min64(CHUNK, j->k - q);
        p->x = x + q;
        p->w = w + q * width;
        p->start = q ? NULL : start;
        p->residual = end ? residual : NULL;
        p->relu = end && relu;
        j->kernels->panel[width / LANES - 1](p);
    }
}

/* Where the last panel is wider than y, it is computed beside it, some rows at a time. */
static void run_edge(const job *j, ax_dense_panel *p, int64_t width, const float *start, int relu,
                     int64_t columns)
{
    float tile[EDGE_ROWS * PANEL], residual[EDGE_ROWS * PANEL];
    for (int64_t i = 0; i < p->m; i += EDGE_ROWS) {
        int64_t rows = min64(EDGE_ROWS, p->m - i);
        size_t bytes = (size_t)columns * sizeof *tile;
        if (p->residual) {
            memset(residual, 0, sizeof residual);
            for (int64_t r = 0; r < rows; r++)
                memcpy(residual + r * PANEL, p->residual + (i + r) * p->y_row, bytes);
        }
        ax_dense_panel q = *p;
        q.m = rows;
        q.x = p->x + i * p->x_step;
        q.residual = p->residual ? residual : NULL;
        q.y = tile;
        q.y_row = PANEL;
        run_chunks(j, &q, width, start, relu);
        for (int64_t r = 0; r < rows; r++)
            memcpy(p->y + (i + r) * p->y_row, tile + r * PANEL, bytes);
    }
}

static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t m0 = i / j->column_jobs * ROWS, rows = min64(ROWS, j->m - m0);
    int64_t p0 = i % j->column_jobs * j->panels_per_job;
    int64_t p1 = min64(p0 + j->panels_per_job, j->panels);
    const float *residual = j->e ? j->e->residual : NULL;
    int relu = j->e && j->e->relu;
    for (int64_t at = p0; at < p1; at++) {
        int64_t column = at * PANEL, columns = min64(j->n - column, PANEL);
        int64_t width = ceil_div(columns, LANES) * LANES, y_at = m0 * j->n + column;
        float start[PANEL] = {0};
        if (j->bias)
            memcpy(start, j->bias + column, (size_t)columns * sizeof *start);
        ax_dense_panel p = {.m = rows, .x = j->x + m0 * j->k, .x_step = j->k,
                            .w = j->packed + column * j->k, .y = j->y + y_at, .y_row = j->n,
                            .residual = residual ? residual + y_at : NULL};
        if (columns == width)
            run_chunks(j, &p, width, start, relu);
        else
            run_edge(j, &p, width, start, relu, columns);
    }
    if (!j->e || !j->e->act)
        return;
    float *y = j->y + m0 * j->n + p0 * PANEL;
    int64_t columns = min64(p1 * PANEL, j->n) - p0 * PANEL;
    if (columns == j->n)
        j->e->act(j->e->ctx, y, y, (size_t)(rows * columns));
    else
        for (int64_t r = 0; r < rows; r++)
            j->e->act(j->e->ctx, y + r * j->n, y + r * j->n, (size_t)columns);
}

void ax_dense(int64_t m, int64_t n, int64_t k, const float *x, const float *packed,
              const float *bias, const ax_epilogue *e, float *y, ax_pool *pool)
{
    if (m <= 0 || n <= 0)
        return;
    job j = {ax_dense_kernels_get(), m, n, k, x, packed, bias, e, y, ceil_div(n, PANEL), 0, 1};
    int64_t row_jobs = ceil_div(m, ROWS), wanted = 4 * ax_pool_size(pool);
    if (m * n * k < SMALL)
        pool = NULL;
    else if (row_jobs < wanted)
        j.column_jobs = min64(ceil_div(wanted, row_jobs), j.panels);
    j.panels_per_job = ceil_div(j.panels, j.column_jobs);
    j.column_jobs = ceil_div(j.panels, j.panels_per_job);
    ax_pool_run(pool, (int)(row_jobs * j.column_jobs), run_job, &j);
}

void ax_dense_naive(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                    const float *bias, float *y)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = bias ? bias[j] : 0;
            for (int64_t q = 0; q < k; q++)
                sum += (double)x[i * k + q] * w[j * k + q];
            y[i * n + j] = (float)sum;
        }
}
