/* conv_plain.c - convolution of PLAIN tensors, any groups: tiled im2col around OpenBLAS.
 *
 * Never a whole-image im2col: a job takes some output pixels of one image and group, lays out what
 * they see as a matrix (channel x ky x kx, pixels) that stays in cache, and multiplies. Tiles depend
 * on the geometry alone. Depthwise convolutions go to conv_depthwise.c. */
#include <string.h>

#include "base/ints.h"
#include "math/conv_depthwise.h"
#include "math/gemm.h"
#include "math/vec_kernel.h"

enum {
    COL_FLOATS = 1 << 16,    /* of a tile's matrix, when its rows allow it       */
    TILE_MIN = 64, TILE_MAX = 1024, /* pixels of a tile                          */
    DX_ROWS = 256,           /* rows of the matrix an input-gradient job makes   */
    DW_JOBS = 16,            /* slices x groups of the weight gradient           */
    SLICES_FLOATS = 1 << 23, /* all slices together, unless one is larger        */
    GRAIN = 1 << 14          /* floats of dw added by one job                    */
};

typedef struct job {
    const ax_conv2d *g;
    int64_t cg, kg, taps, rows; /* of one group; rows = cg*taps          */
    int64_t pixels;             /* of an output map                      */
    int64_t tile, tiles;        /* pixels of a tile, tiles of an image   */
    int64_t channels, parts;    /* dx: of one job, jobs of a group       */
    int64_t slices;             /* dw                                    */
    int direct;                 /* 1x1: the input is the matrix          */
    const float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *col, *slice;
    const ax_epilogue *e;
    const ax_vec_kernels *vec;
} job;

static void set_tiles(job *j, int64_t rows)
{
    int64_t tile = COL_FLOATS / max64(rows, 1) / 16 * 16;
    tile = min64(max64(tile, TILE_MIN), TILE_MAX);
    j->tiles = max64(ceil_div(j->pixels, tile), 1);
    j->tile = ceil_div(ceil_div(j->pixels, j->tiles), 16) * 16;
    j->tiles = ceil_div(j->pixels, j->tile);
}

static void plan(job *j, const ax_conv2d *g)
{
    *j = (job){.g = g, .cg = g->c / g->groups, .kg = g->k / g->groups, .pixels = g->oh * g->ow};
    j->taps = (int64_t)g->kh * g->kw;
    j->rows = j->cg * j->taps;
    j->direct = j->taps == 1 && g->sh == 1 && g->sw == 1 && !g->pt && !g->pl && !g->pb && !g->pr;
    j->channels = min64(max64(DX_ROWS / j->taps, 1), j->cg);
    j->parts = j->channels ? ceil_div(j->cg, j->channels) : 0;
    j->vec = ax_vec_kernels_get();
    set_tiles(j, j->rows);
    int64_t weights = max64(g->k * j->rows, 1);
    j->slices = min64(g->n * j->tiles, max64(DW_JOBS / g->groups, 1));
    j->slices = max64(min64(j->slices, SLICES_FLOATS / weights), 1);
}

static int64_t col_floats(const job *j)
{
    return j->direct ? 0 : round16(j->rows * j->tile);
}

int64_t ax_conv2d_plain_scratch(const ax_conv2d *g, int threads)
{
    if (ax_conv2d_depthwise(g))
        return ax_conv2d_depthwise_scratch(g, threads);
    job forward, dx;
    plan(&forward, g);
    plan(&dx, g);
    set_tiles(&dx, dx.channels * dx.taps);
    int64_t dx_col = round16(dx.channels * dx.taps * dx.tile), col = col_floats(&forward);
    int64_t slices = forward.slices > 1 ? forward.slices * round16(g->k * forward.rows) : 0;
    return max64(threads * col + slices, threads * dx_col);
}

/* Columns of a row of outputs whose tap lies inside the picture: ox in [from, to). */
static void inside(int64_t size, int64_t out, int stride, int64_t shift, int64_t *from, int64_t *to)
{
    *from = shift < 0 ? (-shift + stride - 1) / stride : 0;
    *to = size - shift > 0 ? (size - shift - 1) / stride + 1 : 0;
    *to = min64(*to, out);
    *from = min64(*from, *to);
}

/* Stretches of output rows in a tile of pixels [at, at + count). */
typedef struct walk {
    int64_t oy, from, to, done; /* row, its columns, pixels of the tile before it */
} walk;

static int next_row(walk *s, int64_t ow, int64_t at, int64_t count)
{
    int64_t pixel = s->done < 0 ? at : at + s->done + s->to - s->from;
    if (pixel >= at + count)
        return 0;
    s->done = pixel - at;
    s->oy = pixel / ow;
    s->from = pixel % ow;
    s->to = min64(ow, s->from + at + count - pixel);
    return 1;
}

/* One tap of one channel: what the outputs [at, at + count) see of plane x. */
static void gather(const ax_conv2d *g, const float *x, int ky, int kx, int64_t at, int64_t count,
                   float *to)
{
    int64_t shift = (int64_t)kx * g->dw - g->pl, left, right;
    inside(g->w, g->ow, g->sw, shift, &left, &right);
    for (walk s = {.done = -1}; next_row(&s, g->ow, at, count);) {
        int64_t iy = s.oy * g->sh + (int64_t)ky * g->dh - g->pt;
        float *row = to + s.done - s.from;
        int64_t a = min64(max64(left, s.from), s.to), b = max64(min64(right, s.to), a);
        if (iy < 0 || iy >= g->h)
            a = b = s.to;
        const float *in = x + iy * g->w + shift;
        for (int64_t o = s.from; o < a; o++)
            row[o] = 0;
        if (g->sw == 1 && b > a)
            memcpy(row + a, in + a, (size_t)(b - a) * sizeof *row);
        else
            for (int64_t o = a; o < b; o++)
                row[o] = in[o * g->sw];
        for (int64_t o = b; o < s.to; o++)
            row[o] = 0;
    }
}

/* The way back: add to plane dx what these outputs say of it. */
static void scatter(const ax_conv2d *g, const float *from, int ky, int kx, int64_t at, int64_t count,
                    float *dx)
{
    int64_t shift = (int64_t)kx * g->dw - g->pl, left, right;
    inside(g->w, g->ow, g->sw, shift, &left, &right);
    for (walk s = {.done = -1}; next_row(&s, g->ow, at, count);) {
        int64_t iy = s.oy * g->sh + (int64_t)ky * g->dh - g->pt;
        if (iy < 0 || iy >= g->h)
            continue;
        const float *row = from + s.done - s.from;
        float *out = dx + iy * g->w + shift;
        for (int64_t o = max64(left, s.from); o < min64(right, s.to); o++)
            out[o * g->sw] += row[o];
    }
}

/* The matrix of a tile: channels [c0, c0 + n) of image i, rows of j->tile floats. */
static const float *fill_col(const job *j, int64_t image, int64_t c0, int64_t n, int64_t at,
                             int64_t count, float *col, int64_t *ld)
{
    const ax_conv2d *g = j->g;
    const float *x = j->x + (image * g->c + c0) * g->h * g->w;
    if (j->direct) {
        *ld = j->pixels;
        return x + at;
    }
    *ld = j->tile;
    for (int64_t c = 0; c < n; c++, x += g->h * g->w)
        for (int64_t t = 0; t < j->taps; t++, col += j->tile)
            gather(g, x, (int)(t / g->kw), (int)(t % g->kw), at, count, col);
    return col - n * j->taps * j->tile;
}

static void forward_tile(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t at = i % j->tiles * j->tile, group = i / j->tiles % g->groups;
    int64_t image = i / j->tiles / g->groups, count = min64(j->tile, j->pixels - at), ld;
    const float *col = fill_col(j, image, group * j->cg, j->cg, at, count,
                                j->col + worker * col_floats(j), &ld);
    int64_t k0 = group * j->kg, y_at = (image * g->k + k0) * j->pixels + at;
    for (int64_t k = 0; j->bias && k < j->kg; k++)
        j->vec->fill(count, j->bias[k0 + k], NULL, NULL, j->y + y_at + k * j->pixels);
    ax_gemm(0, 0, j->kg, count, j->rows, 1, j->w + k0 * j->rows, j->rows, col, ld, j->bias ? 1 : 0,
            j->y + y_at, j->pixels);
    if (!j->e)
        return;
    for (int64_t k = 0; k < j->kg; k++) {
        float *y = j->y + y_at + k * j->pixels;
        if (j->e->residual)
            j->vec->add(count, 0, y, j->e->residual + y_at + k * j->pixels, y);
        if (j->e->relu)
            j->vec->relu(count, 0, y, NULL, y);
        if (j->e->act)
            j->e->act(j->e->ctx, y, y, (size_t)count);
    }
}

void ax_conv2d_plain(const ax_conv2d *g, const float *x, const float *w, const float *bias,
                     const ax_epilogue *e, float *y, float *scratch, ax_pool *pool)
{
    if (ax_conv2d_depthwise(g)) {
        ax_conv2d_depthwise_forward(g, x, w, bias, e, y, scratch, pool);
        return;
    }
    job j;
    plan(&j, g);
    j.x = x;
    j.w = w;
    j.bias = bias;
    j.e = e;
    j.y = y;
    j.col = scratch;
    ax_pool_run(pool, (int)(g->n * g->groups * j.tiles), forward_tile, &j);
}

/* Some channels of one image's gradient, tile after tile. */
static void dx_part(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t c0 = i % j->parts * j->channels, group = i / j->parts % g->groups;
    int64_t image = i / j->parts / g->groups, n = min64(j->channels, j->cg - c0);
    const float *w = j->w + group * j->kg * j->rows + c0 * j->taps;
    const float *dy = j->dy + (image * g->k + group * j->kg) * j->pixels;
    float *dx = j->dx + (image * g->c + group * j->cg + c0) * g->h * g->w;
    if (j->direct) {
        ax_gemm(1, 0, n, j->pixels, j->kg, 1, w, j->rows, dy, j->pixels, 0, dx, j->pixels);
        return;
    }
    float *col = j->col + worker * round16(j->channels * j->taps * j->tile);
    memset(dx, 0, (size_t)(n * g->h * g->w) * sizeof *dx);
    for (int64_t at = 0; at < j->pixels; at += j->tile) {
        int64_t count = min64(j->tile, j->pixels - at);
        ax_gemm(1, 0, n * j->taps, count, j->kg, 1, w, j->rows, dy + at, j->pixels, 0, col, j->tile);
        for (int64_t r = 0; r < n * j->taps; r++)
            scatter(g, col + r * j->tile, (int)(r % j->taps / g->kw), (int)(r % g->kw), at, count,
                    dx + r / j->taps * g->h * g->w);
    }
}

void ax_conv2d_plain_dx(const ax_conv2d *g, const float *dy, const float *w, float *dx,
                        float *scratch, ax_pool *pool)
{
    if (ax_conv2d_depthwise(g)) {
        ax_conv2d_depthwise_dx(g, dy, w, dx, scratch, pool);
        return;
    }
    job j;
    plan(&j, g);
    set_tiles(&j, j.channels * j.taps);
    j.dy = dy;
    j.w = w;
    j.dx = dx;
    j.col = scratch;
    ax_pool_run(pool, (int)(g->n * g->groups * j.parts), dx_part, &j);
}

/* One group's weights over one slice of the tiles of all images. */
static void dw_slice(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t group = i % g->groups, slice = i / g->groups, all = g->n * j->tiles, ld;
    float *dw = j->slice + slice * round16(g->k * j->rows) + group * j->kg * j->rows;
    int64_t first = all * slice / j->slices, last = all * (slice + 1) / j->slices;
    if (first == last)
        memset(dw, 0, (size_t)(j->kg * j->rows) * sizeof *dw);
    for (int64_t u = first; u < last; u++) {
        int64_t image = u / j->tiles, at = u % j->tiles * j->tile;
        int64_t count = min64(j->tile, j->pixels - at);
        const float *col = fill_col(j, image, group * j->cg, j->cg, at, count,
                                    j->col + worker * col_floats(j), &ld);
        const float *dy = j->dy + (image * g->k + group * j->kg) * j->pixels + at;
        ax_gemm(0, 1, j->kg, j->rows, count, 1, dy, j->pixels, col, ld, u > first, dw, j->rows);
    }
}

static void dw_add(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    int64_t weights = j->g->k * j->rows, at = (int64_t)i * GRAIN, n = min64(GRAIN, weights - at);
    memcpy(j->dw + at, j->slice + at, (size_t)n * sizeof *j->dw);
    for (int64_t s = 1; s < j->slices; s++)
        j->vec->add(n, 0, j->dw + at, j->slice + s * round16(weights) + at, j->dw + at);
}

void ax_conv2d_plain_dw(const ax_conv2d *g, const float *x, const float *dy, float *dw,
                        float *scratch, ax_pool *pool)
{
    if (ax_conv2d_depthwise(g)) {
        ax_conv2d_depthwise_dw(g, x, dy, dw, scratch, pool);
        return;
    }
    job j;
    plan(&j, g);
    j.x = x;
    j.dy = dy;
    j.dw = dw;
    j.col = scratch;
    j.slice = j.slices > 1 ? scratch + ax_pool_size(pool) * col_floats(&j) : dw;
    ax_pool_run(pool, (int)(j.slices * g->groups), dw_slice, &j);
    if (j.slices > 1)
        ax_pool_run(pool, (int)ceil_div(g->k * j.rows, GRAIN), dw_add, &j);
}
