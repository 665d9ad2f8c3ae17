/* conv_pass.c - the driver of the direct convolution: cuts the output grid into jobs of a few rows
 * of one image, gives each job its input with the padding in place, and runs the kernels over
 * panels of output channels.
 *
 * Nothing here touches the order in which an output element is summed (blocks, taps, channels), so
 * the cuts may follow the number of threads. Rows are split over the pool, not output channels:
 * moving activations between cores costs more than reading the weights twice. */
#include <string.h>

#include "base/ints.h"
#include "math/conv_impl.h"
#include "math/conv_kernel.h"

enum {
    INPUT_FLOATS = 96 * 1024, /* of a job's input: leaves room in L2 for a panel's weights   */
    CHUNK_FLOATS = 36 * 1024, /* of the weights that stay in L2 while a job's rows go by     */
    AHEAD = 4096,             /* prefetch distance while the weights are read the first time */
    SMALL = 1 << 17,          /* multiply-adds not worth waking another thread for           */
    HEAVY = 1 << 15,          /* weights, beyond which jobs should be few                    */
    POINTWISE = 56            /* pixels of a "row" where a 1x1 convolution has none          */
};

typedef struct job {
    ax_conv_pass p;
    const ax_conv_kernels *kernels;
    int pointwise; /* the map is one long row, cut into rows of our own */
    int direct;    /* no tap leaves the source: no copy                 */
    int64_t tap_count, jobs_per_image;
    int64_t per_job;        /* rows of a job                                */
    int64_t cols, col_jobs; /* columns of a job, jobs side by side in a row */
    int64_t *tap;
    float *cut;
    int64_t cut_floats;
    ax_conv_tap low, high; /* extremes of the taps */
} job;

/* Floats a pixel of all input channels takes. */
static int64_t pixel_floats(const ax_conv_pass *p)
{
    return p->plain ? p->c : ax_conv_blocks(p->c) * AX_BLOCK;
}

static int64_t window_cols(const job *j)
{
    return (j->cols - 1) * j->p.sw + j->high.x - j->low.x + 1;
}

static int64_t window_rows(const job *j, int64_t rows)
{
    return (rows - 1) * j->p.sh + j->high.y - j->low.y + 1;
}

/* A row is cut when its input alone is too much (long sequences), or when rows are fewer than
 * threads. */
static void set_columns(job *j, int64_t parts)
{
    const ax_conv_pass *p = &j->p;
    int64_t pixels = INPUT_FLOATS / max64(window_rows(j, 1) * pixel_floats(p), 1);
    int64_t fit = max64((pixels - (j->high.x - j->low.x)) / p->sw, POINTWISE);
    int64_t jobs = max64(ceil_div(p->cols, fit), min64(parts, ceil_div(p->cols, POINTWISE / 2)));
    j->cols = ceil_div(p->cols, jobs);
    j->col_jobs = ceil_div(p->cols, j->cols);
}

/* Everything that follows from the geometry; `rows` of a job as the input budget wants them. */
static void plan(job *j, const ax_conv_pass *pass, int threads)
{
    j->p = *pass;
    ax_conv_pass *p = &j->p;
    j->per_job = j->cut_floats = j->tap_count = 0;
    if (p->n <= 0 || p->k <= 0 || p->rows <= 0 || p->cols <= 0)
        return;
    int tap_rows = p->taps ? p->taps / p->tap_cols : 1, tap_cols = p->taps ? p->tap_cols : 1;
    int64_t y1 = p->first.y + (tap_rows - 1) * p->by.y, x1 = p->first.x + (tap_cols - 1) * p->by.x;
    j->low = (ax_conv_tap){min64(p->first.y, y1), min64(p->first.x, x1)};
    j->high = (ax_conv_tap){max64(p->first.y, y1), max64(p->first.x, x1)};
    j->direct = p->taps == 0 ||
                (j->low.y >= 0 && (p->rows - 1) * p->sh + j->high.y < p->h && j->low.x >= 0 &&
                 (p->cols - 1) * p->sw + j->high.x < p->w);
    j->tap_count = p->taps * (p->plain ? p->c : 1);
    j->pointwise = p->taps == 1 && j->direct && p->sh == 1 && p->sw == 1 && p->rows == p->h &&
                   p->cols == p->w && p->y_row == p->cols * p->y_step;
    if (j->pointwise) { /* a row of our own is never cut again */
        int64_t pixels = p->rows * p->cols, lines = ceil_div(pixels, POINTWISE);
        if (p->n < threads)
            lines = min64(ceil_div(lines, threads) * threads, ceil_div(pixels, POINTWISE / 4));
        p->cols = ceil_div(pixels, lines);
        p->rows = ceil_div(pixels, p->cols);
        p->y_row = p->cols * p->y_step;
    }
    set_columns(j, p->n * p->rows < threads ? threads : 1);
    int64_t line = window_cols(j) * pixel_floats(p);
    int64_t fit = (INPUT_FLOATS / max64(line, 1) - (j->high.y - j->low.y + 1)) / p->sh + 1;
    j->per_job = min64(max64(fit, 1), p->rows);
    j->cut_floats = j->direct ? 0 : round16(window_rows(j, j->per_job) * line);
}

int64_t ax_conv_pass_scratch(const ax_conv_pass *p, int threads)
{
    job j;
    plan(&j, p, threads);
    return round16(2 * j.tap_count) + threads * j.cut_floats;
}

/* Tap offsets in the order of the packed weights. */
static void fill_taps(job *j)
{
    const ax_conv_pass *p = &j->p;
    int64_t row = j->direct ? p->w : window_cols(j), lane = p->plain ? 1 : AX_BLOCK, at = 0;
    int64_t y0 = j->direct ? 0 : j->low.y, x0 = j->direct ? 0 : j->low.x;
    if (!p->plain) {
        for (int t = 0; t < p->taps; t++)
            j->tap[t] = ((p->first.y + t / p->tap_cols * p->by.y - y0) * row + p->first.x +
                         t % p->tap_cols * p->by.x - x0) * lane;
        return;
    }
    int64_t plane = j->direct ? p->h * p->w : 0; /* of a cut: known per job only, see cut_plane */
    if (!j->direct)
        plane = window_rows(j, j->per_job) * row;
    for (int64_t b = 0; b < p->c; b += AX_BLOCK)
        for (int t = 0; t < p->taps; t++)
            for (int64_t c = b; c < min64(b + AX_BLOCK, p->c); c++)
                j->tap[at++] = c * plane +
                               (p->first.y + t / p->tap_cols * p->by.y - y0) * row + p->first.x +
                               t % p->tap_cols * p->by.x - x0;
}

static void copy_line(const float *x, int64_t w, int64_t x0, int64_t cols, int lane, float *to)
{
    int64_t left = min64(max64(-x0, 0), cols), from = max64(x0, 0);
    int64_t body = max64(min64(w - from, cols - left), 0), right = cols - left - body;
    memset(to, 0, (size_t)(left * lane) * sizeof *to);
    if (body)
        memcpy(to + left * lane, x + from * lane, (size_t)(body * lane) * sizeof *to);
    memset(to + (left + body) * lane, 0, (size_t)(right * lane) * sizeof *to);
}

void ax_conv_cut(const float *x, int plain, int64_t h, int64_t w, int64_t blocks,
                 const ax_conv_window *win, float *to)
{
    int lane = plain ? 1 : AX_BLOCK;
    int64_t line = win->cols * lane;
    for (int64_t b = 0; b < blocks; b++, x += h * w * lane)
        for (int64_t r = 0; r < win->rows; r++, to += line) {
            int64_t y = win->y0 + r;
            if (y < 0 || y >= h)
                memset(to, 0, (size_t)line * sizeof *to);
            else
                copy_line(x + y * w * lane, w, win->x0, win->cols, lane, to);
        }
}

/* The rows of one job for one panel, in chunks of weights that fit L2; the last row may be shorter
 * than s->pixels. */
static void run_panel(const job *j, ax_conv_stretch *s, const float *in, int64_t in_row,
                      int64_t rows, int64_t last_cols, int wide, int64_t y_at)
{
    const ax_conv_pass *p = &j->p;
    const ax_epilogue *e = p->e;
    int64_t width = wide ? 32 : 16, blocks = p->plain ? 1 : ax_conv_blocks(p->c);
    int64_t chunk = max64(CHUNK_FLOATS / max64(p->taps * AX_BLOCK * width, 1), 1);
    void (*kernel)(const ax_conv_stretch *) =
        p->plain ? j->kernels->plain[wide] : j->kernels->blocked[wide];
    const float *start = s->start;
    int64_t cols = s->pixels;
    for (int64_t b = 0; b < blocks; b += chunk) {
        int end = b + chunk >= blocks;
        s->blocks = end ? blocks - b : chunk;
        s->last = p->plain ? 1 : (int)(end ? p->c - (blocks - 1) * AX_BLOCK : AX_BLOCK);
        s->start = b ? NULL : start;
        s->relu = end && e && e->relu;
        for (int64_t r = 0; r < rows; r++) {
            s->pixels = r + 1 < rows ? cols : last_cols;
            s->in = in + r * in_row + b * s->in_block;
            s->out = p->y + y_at + r * p->y_row;
            s->residual = end && e && e->residual ? e->residual + y_at + r * p->y_row : NULL;
            s->ahead = r ? 0 : AHEAD;
            kernel(s);
            if (end && e && e->act)
                for (int64_t o = 0; o <= (wide ? s->out_block : 0); o += s->out_block)
                    e->act(e->ctx, s->out + o, s->out + o, (size_t)(s->pixels * AX_BLOCK));
        }
        s->w += chunk * p->taps * AX_BLOCK * width;
    }
}

static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv_pass *p = &j->p;
    int64_t image = i / j->jobs_per_image, part = i % j->jobs_per_image;
    int64_t r0 = part / j->col_jobs * j->per_job, c0 = part % j->col_jobs * j->cols;
    int64_t rows = min64(j->per_job, p->rows - r0), cols = min64(j->cols, p->cols - c0);
    int64_t lane = p->plain ? 1 : AX_BLOCK;
    int64_t line = j->direct ? p->w : window_cols(j), blocks = p->plain ? p->c : ax_conv_blocks(p->c);
    const float *in = p->x + image * p->x_image;
    ax_conv_stretch s = {.tap = j->tap, .taps = j->tap_count, .in_step = p->sw * lane,
                         .out_step = p->y_step, .out_block = p->y_block};
    if (j->pointwise)
        line = p->cols;
    if (j->direct) {
        in += (r0 * p->sh * line + c0 * p->sw) * lane;
        s.in_block = p->h * p->w * lane;
    } else {
        float *to = j->cut + worker * j->cut_floats;
        ax_conv_window win = {r0 * p->sh + j->low.y, window_rows(j, j->per_job),
                              c0 * p->sw + j->low.x, line};
        ax_conv_cut(in, p->plain, p->h, p->w, blocks, &win, to);
        in = to;
        s.in_block = win.rows * line * lane;
    }
    int64_t last_cols = cols;
    if (j->pointwise)
        last_cols = min64(cols, p->h * p->w - (r0 + rows - 1) * p->cols);
    const float *w = p->packed;
    for (int64_t k = 0; k < p->k; k += 2 * AX_BLOCK) {
        int wide = p->k - k > AX_BLOCK;
        float start[2 * AX_BLOCK] = {0};
        if (p->bias)
            memcpy(start, p->bias + k, (size_t)min64(p->k - k, 2 * AX_BLOCK) * sizeof *start);
        s.start = start;
        s.w = w;
        s.pixels = cols;
        run_panel(j, &s, in, p->sh * line * lane, rows, last_cols, wide,
                  image * p->y_image + k / AX_BLOCK * p->y_block + r0 * p->y_row + c0 * p->y_step);
        w += p->taps * p->c * (wide ? 32 : 16);
    }
}

void ax_conv_pass_run(const ax_conv_pass *p, float *scratch, ax_pool *pool)
{
    job j;
    int threads = ax_pool_size(pool);
    plan(&j, p, threads);
    if (!j.per_job)
        return;
    j.kernels = ax_conv_kernels_get();
    int64_t weights = p->k * p->c * p->taps, work = p->n * p->rows * p->cols * weights;
    if (work < SMALL)
        pool = NULL;
    else if (threads > 1) /* a few jobs a thread, but not when each reads many weights */
        j.per_job = min64(j.per_job, ceil_div(p->n * j.p.rows,
                                              weights > HEAVY ? threads : 4 * threads));
    int64_t row_jobs = ceil_div(j.p.rows, j.per_job);
    j.per_job = ceil_div(j.p.rows, row_jobs);
    j.jobs_per_image = row_jobs * j.col_jobs;
    j.tap = (int64_t *)(void *)scratch;
    j.cut = scratch + round16(2 * j.tap_count);
    fill_taps(&j);
    ax_pool_run(pool, (int)(p->n * j.jobs_per_image), run_job, &j);
}
