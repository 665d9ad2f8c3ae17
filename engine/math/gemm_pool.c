/* gemm_pool.c - matrix products over the pool; see gemm.h.
 *
 * A job is some rows of C and some panels of 64 columns; the cuts may follow the number of threads,
 * for they do not touch the order of any sum. For each panel it packs a chunk of op(B)
 * into its stack, [k][64], and runs the dense kernel over its rows, then goes on to the next chunk of
 * k: between chunks the sums rest in C. op(A) is read where it lies. */
#include <string.h>

#include "base/ints.h"
#include "math/dense_kernel.h"
#include "math/gemm.h"
#include "math/layout_kernel.h"
#include "math/vec_kernel.h"

enum {
    PANEL = 64,
    LANES = 16,
    CHUNK = 192,      /* of k: 48 KB of a panel                              */
    ROWS = 240,       /* of a job at most: a multiple of all tile heights    */
    ROWS_LEAST = 48,  /* fewer do not pay for packing the panel              */
    EDGE_ROWS = 12,   /* rows at a time where the panel is wider than C      */
    SMALL = 1 << 18   /* multiply-adds not worth waking another thread for   */
};

typedef struct job {
    int ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
    const float *a, *b;
    float *c;
    const ax_dense_kernels *dense;
    const ax_layout_kernels *layout;
    const ax_vec_kernels *vec;
    int64_t rows, panels, panels_per_job, column_jobs;
} job;

/* alpha * op(B), rows [q, q + depth), columns [j, j + columns), zeros up to width. */
static void pack(const job *g, int64_t q, int64_t depth, int64_t j, int64_t columns, int64_t width,
                 float *to)
{
    float alpha[LANES];
    for (int l = 0; l < LANES; l++)
        alpha[l] = g->alpha;
    for (int64_t l = 0; g->tb && l < width; l += LANES)
        g->layout->pack(g->b + (j + l) * g->ldb + q, g->ldb, (int)min64(columns - l, LANES), depth, 1,
                        g->alpha == 1 ? NULL : alpha, to + l, width);
    for (int64_t i = 0; !g->tb && i < depth; i++, to += width) {
        const float *from = g->b + (q + i) * g->ldb + j;
        if (g->alpha == 1)
            memcpy(to, from, (size_t)columns * sizeof *to);
        else
            g->vec->scale(columns, g->alpha, from, NULL, to);
        memset(to + columns, 0, (size_t)(width - columns) * sizeof *to);
    }
}

/* Where the panel is wider than C, it is computed beside it, some rows at a time. */
static void run_edge(const job *g, void (*kernel)(const ax_dense_panel *), const ax_dense_panel *p,
                     int64_t columns)
{
    float tile[EDGE_ROWS * PANEL] = {0};
    ax_dense_panel q = *p;
    size_t bytes = (size_t)columns * sizeof *tile;
    q.y = tile;
    q.y_row = PANEL;
    for (int64_t i = 0; i < p->m; i += EDGE_ROWS) {
        q.m = min64(EDGE_ROWS, p->m - i);
        q.x = p->x + i * (g->ta ? 1 : p->x_step);
        for (int64_t r = 0; !p->start && r < q.m; r++)
            memcpy(tile + r * PANEL, p->y + (i + r) * p->y_row, bytes);
        kernel(&q);
        for (int64_t r = 0; r < q.m; r++)
            memcpy(p->y + (i + r) * p->y_row, tile + r * PANEL, bytes);
    }
}

static void run_panel(const job *g, int64_t row, int64_t rows, int64_t column)
{
    static const float zeros[PANEL];
    float packed[CHUNK * PANEL] __attribute__((aligned(64)));
    int64_t columns = min64(g->n - column, PANEL), width = ceil_div(columns, LANES) * LANES;
    void (*kernel)(const ax_dense_panel *) =
        (g->ta ? g->dense->transposed : g->dense->panel)[width / LANES - 1];
    ax_dense_panel p = {.m = rows, .x_step = g->lda, .w = packed, .start = g->beta == 0 ? zeros : NULL,
                        .y = g->c + row * g->ldc + column, .y_row = g->ldc};
    for (int64_t i = 0; g->beta != 0 && g->beta != 1 && i < rows; i++)
        g->vec->scale(columns, g->beta, p.y + i * p.y_row, NULL, p.y + i * p.y_row);
    for (int64_t q = 0; q == 0 || q < g->k; q += CHUNK) {
        p.k = min64(CHUNK, g->k - q);
        p.x = g->a + (g->ta ? q * g->lda + row : row * g->lda + q);
        pack(g, q, p.k, column, columns, width, packed);
        if (columns == width)
            kernel(&p);
        else
            run_edge(g, kernel, &p, columns);
        p.start = NULL;
    }
}

static void run_job(void *ctx, int i, int worker)
{
    const job *g = ctx;
    (void)worker;
    int64_t row = i / g->column_jobs * g->rows, rows = min64(g->rows, g->m - row);
    int64_t first = i % g->column_jobs * g->panels_per_job;
    for (int64_t p = first; p < min64(first + g->panels_per_job, g->panels); p++)
        run_panel(g, row, rows, p * PANEL);
}

/* Some four jobs a thread: of one panel and many rows if there are panels enough. */
static void cut(job *g, int threads)
{
    int64_t wanted = threads > 1 ? 4 * threads : 1;
    g->panels = ceil_div(g->n, PANEL);
    g->column_jobs = min64(g->panels, wanted);
    g->panels_per_job = ceil_div(g->panels, g->column_jobs);
    g->column_jobs = ceil_div(g->panels, g->panels_per_job);
    int64_t parts = ceil_div(wanted, g->column_jobs), rows = ceil_div(g->m, parts);
    rows = ceil_div(rows < ROWS_LEAST ? ROWS_LEAST : rows, EDGE_ROWS) * EDGE_ROWS;
    g->rows = min64(rows, ROWS);
}

void ax_gemm_pool(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc,
                  ax_pool *pool)
{
    if (m <= 0 || n <= 0)
        return;
    job g = {.ta = ta, .tb = tb, .m = m, .n = n, .k = k > 0 ? k : 0, .lda = lda, .ldb = ldb,
             .ldc = ldc, .alpha = alpha, .beta = beta, .a = a, .b = b, .c = c,
             .dense = ax_dense_kernels_get(), .layout = ax_layout_kernels_get(),
             .vec = ax_vec_kernels_get()};
    if (m * n * g.k < SMALL)
        pool = NULL;
    cut(&g, ax_pool_size(pool));
    ax_pool_run(pool, (int)(ceil_div(m, g.rows) * g.column_jobs), run_job, &g);
}
