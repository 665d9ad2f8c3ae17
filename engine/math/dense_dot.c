/* dense_dot.c - the driver of the dense layer over weights as they lie: cuts the output into blocks
 * of rows and of columns, and k into chunks of which a tile stays in cache.
 *
 * The sum of a chunk is made in registers, those of the chunks are added in order in y: what the
 * cuts of k are depends on k alone, so the bits of a row do too. */
#include <string.h>

#include "base/ints.h"
#include "math/dense.h"
#include "math/dot_kernel.h"

enum {
    COLUMNS = AX_DOT_COLUMNS,
    ROWS = 48,      /* of a job: a multiple of all tile heights            */
    CHUNK = 1024,   /* of k: 16 KB of four rows of weights                 */
    AHEAD = 512,    /* floats of a row that are fetched before they are due */
    SMALL = 1 << 18 /* multiply-adds not worth waking another thread for   */
};

typedef struct job {
    const ax_dot_kernels *kernels;
    int64_t m, n, k;
    const float *x, *w, *scale, *bias;
    const ax_epilogue *e;
    float *y;
    int64_t columns_per_job, column_jobs;
} job;

/* Rows [m0, m0 + rows) against up to four outputs from `column` on, in chunk [q, q + CHUNK) of k.
 */
static void run_tiles(const job *j, int64_t m0, int64_t rows, int64_t column, int64_t q,
                      int64_t ahead)
{
    float scale[COLUMNS] = {1, 1, 1, 1}, bias[COLUMNS] = {0};
    int columns = (int)min64(j->n - column, COLUMNS);
    size_t bytes = (size_t)columns * sizeof *scale;
    if (j->scale)
        memcpy(scale, j->scale + column, bytes);
    if (j->bias)
        memcpy(bias, j->bias + column, bytes);
    const float *residual = j->e ? j->e->residual : NULL;
    int64_t at = m0 * j->n + column;
    j->kernels->tiles(&(ax_dot_tile){.m = rows,
                                     .k = min64(CHUNK, j->k - q),
                                     .x = j->x + m0 * j->k + q,
                                     .w = j->w + column * j->k + q,
                                     .x_row = j->k,
                                     .w_row = j->k,
                                     .ahead = ahead,
                                     .columns = columns,
                                     .first = q == 0,
                                     .last = q + CHUNK >= j->k,
                                     .relu = j->e && j->e->relu,
                                     .scale = scale,
                                     .bias = bias,
                                     .residual = residual ? residual + at : NULL,
                                     .y = j->y + at,
                                     .y_row = j->n});
}

/* Few rows read each row of weights from end to end, as memory likes it; many go through all
 * columns with a chunk of x that stays in cache. */
static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t m0 = i / j->column_jobs * ROWS, rows = min64(ROWS, j->m - m0);
    int64_t from = i % j->column_jobs * j->columns_per_job;
    int64_t to = min64(from + j->columns_per_job, j->n);
    int few = rows <= j->kernels->rows;
    int64_t step = few ? COLUMNS : to - from, ahead = few ? AHEAD : COLUMNS * j->k;
    for (int64_t c = from; c < to; c += step)
        for (int64_t q = 0; q == 0 || q < j->k; q += CHUNK)
            for (int64_t column = c; column < min64(c + step, to); column += COLUMNS)
                run_tiles(j, m0, rows, column, q, ahead);
    for (int64_t r = m0; j->e && j->e->act && r < m0 + rows; r++) {
        float *y = j->y + r * j->n;
        j->e->act(j->e->ctx, y + from, y + from, (size_t)(to - from));
    }
}

void ax_dense_dot(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                  const float *scale, const float *bias, const ax_epilogue *e, float *y,
                  ax_pool *pool)
{
    if (m <= 0 || n <= 0)
        return;
    job j = {ax_dot_kernels_get(), m, n, k, x, w, scale, bias, e, y, 0, 1};
    int64_t row_jobs = ceil_div(m, ROWS), wanted = 4 * ax_pool_size(pool);
    if (m * n * k < SMALL)
        pool = NULL;
    else if (row_jobs < wanted)
        j.column_jobs = ceil_div(wanted, row_jobs);
    j.columns_per_job = ceil_div(ceil_div(n, j.column_jobs), COLUMNS) * COLUMNS;
    j.column_jobs = ceil_div(n, j.columns_per_job);
    ax_pool_run(pool, (int)(row_jobs * j.column_jobs), run_job, &j);
}
