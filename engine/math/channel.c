/* channel.c - sums and maps per channel, in whatever way the channels lie; see kernels.h.
 *
 * The kernels know one thing: groups of 16 numbers a fixed step apart. BLOCKED maps are that as they
 * lie; a PLAIN map is groups of 16 pixels of one channel, whose lanes are added at the end; a matrix
 * (n,c) is groups of 16 columns. What does not fill a group goes through a buffer that does, so there
 * is one arithmetic for all.
 *
 * A sum is cut into slices of pictures, by the sizes alone; each writes its own place in scratch and
 * they are added in order. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "math/kernels.h"
#include "math/vec_kernel.h"

enum {
    LANES = AX_BLOCK,
    STAGE = 16,           /* groups in the buffer of partly filled ones */
    SLICE_FLOATS = 1 << 15,
    SLICES = 64,
    SMALL = 1 << 14       /* floats not worth waking another thread for */
};

typedef void lanes_fn(const ax_lanes *l);

/* the constants of channel c, k[0] to k[3] */
typedef void constants_fn(const void *of, int64_t c, float *k);

typedef struct job {
    ax_maps m;
    lanes_fn *fn;
    int64_t blocks, slices;
    const float *x, *dy;
    float *y;
    constants_fn *constants; /* of maps                               */
    const void *of;
    const double *mean;      /* of sums: (blocks*16), or NULL for zeros */
    double *sum;             /* [slices][2][blocks*16]                */
} job;

static int64_t blocks_of(const ax_maps *m)
{
    return ceil_div(m->c, LANES);
}

static int64_t slices_of(const ax_maps *m)
{
    int64_t floats = m->n * m->c * m->pixels, slices = floats / SLICE_FLOATS;
    slices = min64(min64(slices, SLICES), m->n);
    return slices < 1 ? 1 : slices;
}

/* sums of all slices and a row of means, as doubles */
int64_t ax_maps_scratch(const ax_maps *m)
{
    return blocks_of(m) * LANES * 2 * (slices_of(m) * 2 + 1);
}

/* Groups of which only the first `lanes` numbers exist, copied to and from full ones. The sums of
 * the missing lanes stay as they were. */
static void run_partial(lanes_fn *fn, ax_lanes l, int lanes)
{
    float x[STAGE * LANES] = {0}, dy[STAGE * LANES] = {0}, y[STAGE * LANES];
    double sum[2 * LANES] = {0}, *total = l.sum;
    size_t bytes = (size_t)lanes * sizeof *x;
    if (total)
        memcpy(sum, total, sizeof sum);
    l.sum = sum;
    for (int64_t at = 0, count = l.count; at < count; at += STAGE) {
        ax_lanes s = l;
        s.count = min64(STAGE, count - at);
        s.step = LANES;
        s.x = x;
        s.dy = dy;
        s.y = y;
        for (int64_t i = 0; i < s.count; i++) {
            memcpy(x + i * LANES, l.x + (at + i) * l.step, bytes);
            if (l.dy)
                memcpy(dy + i * LANES, l.dy + (at + i) * l.step, bytes);
        }
        fn(&s);
        for (int64_t i = 0; l.y && i < s.count; i++)
            memcpy(l.y + (at + i) * l.step, y + i * LANES, bytes);
    }
    for (int r = 0; total && r < 2; r++)
        memcpy(total + r * LANES, sum + r * LANES, (size_t)lanes * sizeof *sum);
}

static void move(ax_lanes *l, const job *j, int64_t at)
{
    l->x = j->x + at;
    l->dy = j->dy ? j->dy + at : NULL;
    l->y = j->y ? j->y + at : NULL;
}

/* One PLAIN channel of pictures [from, to): all lanes are this channel. */
static void run_channel(const job *j, ax_lanes l, int64_t c, int64_t from, int64_t to, double *total)
{
    double mean[LANES], sum[2 * LANES] = {0};
    float k[4] = {0}, constants[4 * LANES];
    if (j->constants)
        j->constants(j->of, c, k);
    for (int i = 0; i < 4 * LANES; i++)
        constants[i] = k[i / LANES];
    for (int i = 0; i < LANES; i++)
        mean[i] = j->mean ? j->mean[c] : 0;
    l.mean = mean;
    l.sum = sum;
    l.constants = constants;
    l.step = LANES;
    for (int64_t i = from; i < to; i++) {
        int64_t at = (i * j->m.c + c) * j->m.pixels, whole = j->m.pixels / LANES;
        int rest = (int)(j->m.pixels % LANES);
        move(&l, j, at);
        l.count = whole;
        j->fn(&l);
        move(&l, j, at + whole * LANES);
        l.count = 1;
        if (rest)
            run_partial(j->fn, l, rest);
    }
    for (int i = 0; total && i < 2; i++) {
        total[i * LANES] = 0;
        for (int lane = 0; lane < LANES; lane++)
            total[i * LANES] += sum[i * LANES + lane];
    }
}

/* Channels of block b in pictures [from, to); a sum's 2 x 16 results go to total. */
static void run_block(const job *j, int64_t b, int64_t from, int64_t to, double *total)
{
    const ax_maps *m = &j->m;
    int lanes = (int)min64(m->c - b * LANES, LANES);
    ax_lanes l = {.sum = total, .step = LANES, .count = m->pixels};
    if (m->layout == AX_PLAIN && m->pixels > 1) {
        for (int i = 0; i < lanes; i++)
            run_channel(j, l, b * LANES + i, from, to, total ? total + i : NULL);
        return;
    }
    double mean[LANES] = {0};
    float k[4], constants[4 * LANES] = {0};
    if (j->mean)
        memcpy(mean, j->mean + b * LANES, sizeof mean);
    for (int i = 0; j->constants && i < lanes; i++) {
        j->constants(j->of, b * LANES + i, k);
        for (int r = 0; r < 4; r++)
            constants[r * LANES + i] = k[r];
    }
    l.mean = mean;
    l.constants = constants;
    if (m->layout == AX_BLOCKED) {
        for (int64_t i = from; i < to; i++) {
            move(&l, j, (i * j->blocks + b) * m->pixels * LANES);
            j->fn(&l);
        }
        return;
    }
    move(&l, j, from * m->c + b * LANES);
    l.step = m->c;
    l.count = to - from;
    if (lanes == LANES)
        j->fn(&l);
    else
        run_partial(j->fn, l, lanes);
}

static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t b = i % j->blocks, s = i / j->blocks, width = j->blocks * LANES;
    double total[2 * LANES] = {0};
    run_block(j, b, j->m.n * s / j->slices, j->m.n * (s + 1) / j->slices, j->sum ? total : NULL);
    for (int r = 0; j->sum && r < 2; r++)
        memcpy(j->sum + (s * 2 + r) * width + b * LANES, total + r * LANES, LANES * sizeof *total);
}

static void run(job *j, ax_pool *pool)
{
    j->blocks = blocks_of(&j->m);
    j->slices = slices_of(&j->m);
    if (j->m.n * j->m.c * j->m.pixels < SMALL)
        pool = NULL;
    ax_pool_run(pool, (int)(j->slices * j->blocks), run_job, j);
}

/* The sums [2][blocks*16]; they lie in scratch behind a row for means. */
static double *run_sums(job *j, float *scratch, ax_pool *pool)
{
    int64_t width = 2 * blocks_of(&j->m) * LANES;
    j->sum = (double *)(void *)scratch + blocks_of(&j->m) * LANES;
    run(j, pool);
    for (int64_t s = 1; s < j->slices; s++)
        for (int64_t i = 0; i < width; i++)
            j->sum[i] += j->sum[s * width + i];
    return j->sum;
}

void ax_maps_norms(const ax_maps *m, const float *x, double *sum_abs, double *sum_sq,
                   float *scratch, ax_pool *pool)
{
    job j = {.m = *m, .fn = ax_vec_kernels_get()->norms, .x = x};
    const double *sum = run_sums(&j, scratch, pool);
    double total[2] = {0};
    for (int r = 0; r < 2; r++)
        for (int64_t c = 0; c < m->c; c++)
            total[r] += sum[r * j.blocks * LANES + c];
    if (sum_abs)
        *sum_abs = total[0];
    if (sum_sq)
        *sum_sq = total[1];
}

void ax_channel_sum(const ax_maps *m, const float *x, float *sum, float *scratch, ax_pool *pool)
{
    job j = {.m = *m, .fn = ax_vec_kernels_get()->sum, .x = x};
    const double *total = run_sums(&j, scratch, pool);
    for (int64_t c = 0; c < m->c; c++)
        sum[c] = (float)total[c];
}

/* ---- batch-norm ---- */

void ax_batch_norm_stats(const ax_maps *m, const float *x, float *mean, float *var, float *scratch,
                         ax_pool *pool)
{
    job j = {.m = *m, .fn = ax_vec_kernels_get()->sum, .x = x};
    double *means = (double *)(void *)scratch, count = (double)(m->n * m->pixels);
    const double *sum = run_sums(&j, scratch, pool);
    memset(means, 0, (size_t)(j.blocks * LANES) * sizeof *means);
    for (int64_t c = 0; c < m->c; c++)
        mean[c] = (float)(means[c] = sum[c] / count);
    j.fn = ax_vec_kernels_get()->squares;
    j.mean = means;
    sum = run_sums(&j, scratch, pool);
    for (int64_t c = 0; c < m->c; c++)
        var[c] = (float)(sum[c] / count);
}

typedef struct affine {
    const float *scale, *shift;
} affine;

static void affine_constants(const void *of, int64_t c, float *k)
{
    const affine *a = of;
    k[0] = a->scale[c];
    k[1] = a->shift[c];
    k[2] = k[3] = 0;
}

void ax_channel_affine(const ax_maps *m, const float *x, const float *scale, const float *shift,
                       int relu, float *y, ax_pool *pool)
{
    const ax_vec_kernels *kernels = ax_vec_kernels_get();
    affine a = {scale, shift};
    run(&(job){.m = *m, .fn = relu ? kernels->affine_relu : kernels->affine, .x = x, .y = y,
               .constants = affine_constants, .of = &a}, pool);
}

typedef struct norm {
    const float *mean, *var, *gamma, *beta, *dgamma, *dbeta;
    double epsilon, count;
} norm;

static double inverse_deviation(const norm *n, int64_t c)
{
    return 1 / sqrt(n->var[c] + n->epsilon);
}

static void apply_constants(const void *of, int64_t c, float *k)
{
    const norm *n = of;
    k[0] = (float)(inverse_deviation(n, c) * (n->gamma ? n->gamma[c] : 1));
    k[1] = n->beta ? n->beta[c] : 0;
    k[2] = n->mean[c];
    k[3] = 0;
}

void ax_batch_norm_apply(const ax_maps *m, const float *x, const float *mean, const float *var,
                         const float *gamma, const float *beta, double epsilon, float *y,
                         ax_pool *pool)
{
    norm n = {.mean = mean, .var = var, .gamma = gamma, .beta = beta, .epsilon = epsilon};
    run(&(job){.m = *m, .fn = ax_vec_kernels_get()->normalise, .x = x, .y = y,
               .constants = apply_constants, .of = &n}, pool);
}

static void backward_constants(const void *of, int64_t c, float *k)
{
    const norm *n = of;
    double inverse = inverse_deviation(n, c);
    k[0] = (float)(inverse * (n->gamma ? n->gamma[c] : 1));
    k[1] = (float)(n->dbeta[c] / n->count);
    k[2] = n->mean[c];
    k[3] = (float)(inverse * n->dgamma[c] / n->count);
}

void ax_batch_norm_backward(const ax_maps *m, const float *x, const float *dy, const float *mean,
                            const float *var, const float *gamma, double epsilon, float *dx,
                            float *dgamma, float *dbeta, float *scratch, ax_pool *pool)
{
    norm n = {mean, var, gamma, NULL, dgamma, dbeta, epsilon, (double)(m->n * m->pixels)};
    double *means = (double *)(void *)scratch;
    job j = {.m = *m, .fn = ax_vec_kernels_get()->products, .x = x, .dy = dy, .mean = means};
    for (int64_t c = 0; c < blocks_of(m) * LANES; c++)
        means[c] = c < m->c ? mean[c] : 0;
    const double *sum = run_sums(&j, scratch, pool);
    for (int64_t c = 0; c < m->c; c++) {
        dbeta[c] = (float)sum[c];
        dgamma[c] = (float)(sum[j.blocks * LANES + c] * inverse_deviation(&n, c));
    }
    run(&(job){.m = *m, .fn = ax_vec_kernels_get()->unnormalise, .x = x, .dy = dy, .y = dx,
               .constants = backward_constants, .of = &n}, pool);
}

/* ---- the whole map as one window: a sum or maximum per picture and channel ---- */

typedef struct global {
    ax_maps m;
    const float *x, *dy;
    float *y, *dx;
} global;

/* Picture i as a tensor of its own. */
static int64_t picture_floats(const ax_maps *m)
{
    return (m->layout == AX_BLOCKED ? blocks_of(m) * LANES : m->c) * m->pixels;
}

static void global_avg(void *ctx, int i, int worker)
{
    const global *g = ctx;
    (void)worker;
    job j = {.m = g->m, .fn = ax_vec_kernels_get()->sum, .blocks = blocks_of(&g->m), .x = g->x};
    int64_t image = i / j.blocks, b = i % j.blocks;
    double total[2 * LANES] = {0};
    run_block(&j, b, image, image + 1, total);
    for (int64_t c = b * LANES; c < min64((b + 1) * LANES, g->m.c); c++)
        g->y[image * g->m.c + c] = (float)(total[c % LANES] / (double)g->m.pixels);
}

static void run_global(const ax_maps *m, global *g, void (*fn)(void *, int, int), ax_pool *pool)
{
    g->m = *m;
    if (m->pixels > 0)
        ax_pool_run(m->n * m->c * m->pixels < SMALL ? NULL : pool, (int)(m->n * blocks_of(m)), fn, g);
}

void ax_global_avg_pool(const ax_maps *m, const float *x, float *y, ax_pool *pool)
{
    run_global(m, &(global){.x = x, .y = y}, global_avg, pool);
}

/* Numbers of channel c of picture i: p[q * step], q < pixels. */
static int64_t channel_at(const ax_maps *m, int64_t i, int64_t c, int64_t *step)
{
    *step = m->layout == AX_BLOCKED ? LANES : 1;
    if (m->layout == AX_PLAIN)
        return (i * m->c + c) * m->pixels;
    return i * picture_floats(m) + c / LANES * m->pixels * LANES + c % LANES;
}

static int64_t first_maximum(const float *x, int64_t step, int64_t pixels)
{
    int64_t best = 0;
    for (int64_t q = 1; q < pixels && x[best * step] == x[best * step]; q++)
        if (!(x[q * step] <= x[best * step]))
            best = q;
    return best;
}

static void global_max(void *ctx, int i, int worker)
{
    const global *g = ctx;
    (void)worker;
    int64_t image = i / blocks_of(&g->m), b = i % blocks_of(&g->m), step;
    for (int64_t c = b * LANES; c < min64((b + 1) * LANES, g->m.c); c++) {
        const float *x = g->x + channel_at(&g->m, image, c, &step);
        g->y[image * g->m.c + c] = x[first_maximum(x, step, g->m.pixels) * step];
    }
}

void ax_global_max_pool(const ax_maps *m, const float *x, float *y, ax_pool *pool)
{
    run_global(m, &(global){.x = x, .y = y}, global_max, pool);
}

static void global_backward(void *ctx, int i, int worker)
{
    const global *g = ctx;
    (void)worker;
    int64_t image = i / blocks_of(&g->m), b = i % blocks_of(&g->m), step;
    for (int64_t c = b * LANES; c < min64((b + 1) * LANES, g->m.c); c++) {
        int64_t at = channel_at(&g->m, image, c, &step);
        float dy = g->dy[image * g->m.c + c], all = g->x ? 0 : dy / (float)g->m.pixels;
        for (int64_t q = 0; q < g->m.pixels; q++)
            g->dx[at + q * step] = all;
        if (g->x)
            g->dx[at + first_maximum(g->x + at, step, g->m.pixels) * step] = dy;
    }
}

void ax_global_avg_pool_backward(const ax_maps *m, const float *dy, float *dx, ax_pool *pool)
{
    run_global(m, &(global){.dy = dy, .dx = dx}, global_backward, pool);
}

void ax_global_max_pool_backward(const ax_maps *m, const float *x, const float *dy, float *dx,
                                 ax_pool *pool)
{
    run_global(m, &(global){.x = x, .dy = dy, .dx = dx}, global_backward, pool);
}
