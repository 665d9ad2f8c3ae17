/* conv_dw.c - the gradient of the weights in the BLOCKED layout: outer products of x and dy.
 *
 * The gradient is cut into tiles: 16 input channels (or all taps of a PLAIN picture) times a panel
 * of 32 output channels. The pixels of the batch are cut into groups that fit L1 (a few rows of an
 * image, or a few small images) and the groups into slices. A job is one tile over one slice: per
 * group it cuts out x with its padding once and sweeps the pixels for each tap, the tile's numbers
 * in registers. Slices are added in order at the end. All cuts depend on the geometry alone. */
#include <string.h>

#include "base/ints.h"
#include "math/conv_impl.h"
#include "math/conv_kernel.h"
#include "math/layout_kernel.h"
#include "math/vec_kernel.h"

enum {
    PANEL = 2 * AX_BLOCK,
    GROUP_PIXELS = 256,      /* of a group                                                     */
    SLICE_PIXELS = 8192,     /* a float sum should not be longer                               */
    JOBS = 32,               /* there should be as many, for many cores                        */
    SLICES_FLOATS = 1 << 23, /* all slices together, unless one is larger                      */
    SMALL = 1 << 17          /* multiply-adds not worth waking another thread for              */
};

typedef struct job {
    const ax_conv2d *g;
    const ax_conv_outer_kernels *kernels;
    const ax_layout_kernels *layout;
    const ax_vec_kernels *vec;
    const float *x, *dy;     /* of one group                                                */
    int64_t x_image, dy_image; /* floats from an image to the next                          */
    float *dw, *acc, *cut;
    int64_t *tap;            /* plain: of each (channel, ky, kx); blocked: of each (ky, kx) */
    int plain, direct;
    int64_t taps;            /* ky x kx                                                     */
    int64_t c_tiles, k_tiles, slices;
    int64_t tile_floats;     /* of a full tile; slice s of tile t is at (s*tiles + t) of them */
    int64_t images, rows;    /* of a group                                                  */
    int64_t row_groups, groups;
    int64_t cut_cols, cut_rows, cut_floats; /* of one image's part, one channel block; and all */
} job;

static void plan_groups(job *j)
{
    const ax_conv2d *g = j->g;
    int64_t pixels = g->oh * g->ow;
    j->rows = g->oh;
    j->images = 1;
    if (pixels > GROUP_PIXELS)
        j->rows = max64(GROUP_PIXELS / g->ow, 1);
    else
        j->images = min64(GROUP_PIXELS / max64(pixels, 1), max64(g->n, 1));
    j->row_groups = ceil_div(g->oh, j->rows);
    j->rows = ceil_div(g->oh, j->row_groups);
    j->groups = ceil_div(g->n, j->images) * j->row_groups;
}

static void plan(job *j, const ax_conv2d *g, int plain)
{
    j->g = g;
    j->plain = plain;
    j->taps = (int64_t)g->kh * g->kw;
    j->c_tiles = plain ? 1 : ax_conv_blocks(g->c);
    j->k_tiles = ceil_div(g->k, PANEL);
    j->tile_floats = j->taps * (plain ? g->c : AX_BLOCK) * PANEL;
    plan_groups(j);
    int64_t tiles = j->c_tiles * j->k_tiles, pixels = g->n * g->oh * g->ow;
    int64_t wanted = max64(ceil_div(JOBS, tiles), ceil_div(pixels, SLICE_PIXELS));
    int64_t most = max64(SLICES_FLOATS / (tiles * j->tile_floats), 1);
    j->slices = max64(min64(min64(wanted, most), j->groups), 1);
    j->direct = !g->pt && !g->pl && (g->oh - 1) * g->sh + (int64_t)(g->kh - 1) * g->dh < g->h &&
                (g->ow - 1) * g->sw + (int64_t)(g->kw - 1) * g->dw < g->w;
    j->cut_rows = (j->rows - 1) * g->sh + (int64_t)(g->kh - 1) * g->dh + 1;
    j->cut_cols = (g->ow - 1) * g->sw + (int64_t)(g->kw - 1) * g->dw + 1;
    int64_t lanes = plain ? g->c : AX_BLOCK;
    j->cut_floats = j->direct ? 0 : round16(j->images * j->cut_rows * j->cut_cols * lanes);
}

/* Parts of scratch, in floats, in this order. */
static int64_t tap_floats(const job *j)
{
    return round16(2 * j->taps * (j->plain ? j->g->c : 1));
}

/* A tile that is not sliced is finished by the worker that made it, while it is still in cache. */
static int64_t acc_floats(const job *j, int threads)
{
    return (j->slices > 1 ? j->slices * j->c_tiles * j->k_tiles : threads) * j->tile_floats;
}

int64_t ax_conv2d_blocked_dw_scratch(const ax_conv2d *g, int threads)
{
    int64_t most = 0;
    ax_conv2d one = ax_conv_one_group(g);
    for (int plain = 0; plain < 2; plain++) {
        job j = {0};
        plan(&j, &one, plain);
        most = max64(most, tap_floats(&j) + acc_floats(&j, threads) + threads * j.cut_floats);
    }
    return most;
}

static void fill_taps(job *j)
{
    const ax_conv2d *g = j->g;
    int64_t row = j->direct ? g->w : j->cut_cols, lane = j->plain ? 1 : AX_BLOCK;
    int64_t plane = j->direct ? g->h * g->w : j->cut_rows * j->cut_cols;
    for (int64_t c = 0; c < (j->plain ? g->c : 1); c++)
        for (int64_t t = 0; t < j->taps; t++)
            j->tap[c * j->taps + t] = c * plane + (t / g->kw * g->dh * row + t % g->kw * g->dw) * lane;
}

/* x of a group for channel tile ct: where it is, or where it was copied to. */
static void set_input(const job *j, ax_conv_outer *o, int64_t ct, int64_t image, int64_t row, float *cut)
{
    const ax_conv2d *g = j->g;
    int64_t lane = j->plain ? 1 : AX_BLOCK, planes = j->plain ? g->c : 1;
    const float *x = j->x + image * j->x_image + ct * g->h * g->w * lane;
    o->in_step = g->sw * lane;
    if (j->direct) {
        o->in_row = g->sh * g->w * lane;
        o->in_image = j->x_image;
        o->in = x + row * o->in_row;
        return;
    }
    ax_conv_window w = {row * g->sh - g->pt, j->cut_rows, -g->pl, j->cut_cols};
    o->in_row = g->sh * j->cut_cols * lane;
    o->in_image = planes * j->cut_rows * j->cut_cols * lane;
    o->in = cut;
    for (int64_t i = 0; i < o->images; i++)
        ax_conv_cut(x + i * j->x_image, j->plain, g->h, g->w, planes, &w, cut + i * o->in_image);
}

/* All taps of the tile over one group. */
static void run_group(const job *j, ax_conv_outer *o, float *acc, int c_lanes, int64_t width)
{
    void (*kernel)(const ax_conv_outer *) =
        (j->plain ? j->kernels->plain : j->kernels->blocked)[width / PANEL];
    if (!j->plain) {
        const float *in = o->in;
        o->n = c_lanes;
        for (int64_t t = 0; t < j->taps; t++) {
            o->in = in + j->tap[t];
            o->acc = acc + t * c_lanes * width;
            kernel(o);
        }
        return;
    }
    int64_t all = j->g->c * j->taps, parts = ceil_div(all, j->kernels->plain_rows);
    for (int64_t i = 0, at = 0; i < parts; i++, at += o->n) {
        o->n = (int)((all - at) / (parts - i));
        o->tap = j->tap + at;
        o->acc = acc + at * width;
        kernel(o);
    }
}

static int64_t tile_width(const job *j, int64_t kt)
{
    return j->g->k - kt * PANEL > AX_BLOCK ? PANEL : AX_BLOCK;
}

static int tile_lanes(const job *j, int64_t ct)
{
    return (int)min64(j->g->c - ct * AX_BLOCK, AX_BLOCK);
}

/* Add the slices of a tile and put it into its place in the PLAIN gradient. */
static void finish_tile(const job *j, int64_t tile, float *acc)
{
    const ax_conv2d *g = j->g;
    int64_t tiles = j->c_tiles * j->k_tiles, ct = tile / j->k_tiles, k0 = tile % j->k_tiles * PANEL;
    int64_t width = tile_width(j, k0 / PANEL), c = j->plain ? g->c * j->taps : tile_lanes(j, ct);
    int64_t taps = j->plain ? 1 : j->taps, row = g->c * j->taps;
    for (int64_t s = 1; s < j->slices; s++)
        j->vec->add(c * taps * width, 0, acc, acc + s * tiles * j->tile_floats, acc);
    for (int64_t half = 0; half < width; half += AX_BLOCK)
        j->layout->unpack(acc + half, width, (int)min64(g->k - k0 - half, AX_BLOCK), c, taps,
                          j->dw + (k0 + half) * row + ct * AX_BLOCK * j->taps, row);
}

static void run_job(void *ctx, int i, int worker)
{
    const job *j = ctx;
    const ax_conv2d *g = j->g;
    int64_t tiles = j->c_tiles * j->k_tiles, tile = i % tiles, slice = i / tiles;
    int64_t ct = tile / j->k_tiles, kt = tile % j->k_tiles, plane = g->oh * g->ow * AX_BLOCK;
    float *acc = j->acc + (j->slices > 1 ? i : worker) * j->tile_floats;
    memset(acc, 0, (size_t)j->tile_floats * sizeof *acc);
    ax_conv_outer o = {.dy_row = g->ow * AX_BLOCK, .dy_image = j->dy_image, .dy_block = plane,
                       .cols = g->ow};
    for (int64_t at = j->groups * slice / j->slices; at < j->groups * (slice + 1) / j->slices; at++) {
        int64_t image = at / j->row_groups * j->images, row = at % j->row_groups * j->rows;
        o.images = min64(j->images, g->n - image);
        o.rows = min64(j->rows, g->oh - row);
        o.dy = j->dy + image * j->dy_image + kt * 2 * plane + row * o.dy_row;
        set_input(j, &o, ct, image, row, j->cut + worker * j->cut_floats);
        run_group(j, &o, acc, tile_lanes(j, ct), tile_width(j, kt));
    }
    if (j->slices == 1)
        finish_tile(j, tile, acc);
}

static void run_finish(void *ctx, int i, int worker)
{
    const job *j = ctx;
    (void)worker;
    finish_tile(j, i, j->acc + i * j->tile_floats);
}

void ax_conv2d_blocked_dw(const ax_conv2d *g, const float *x, int x_plain, const float *dy,
                          float *dw, float *scratch, ax_pool *pool)
{
    ax_conv2d one = ax_conv_one_group(g);
    job j = {.kernels = ax_conv_outer_kernels_get(), .layout = ax_layout_kernels_get(),
             .vec = ax_vec_kernels_get()};
    if (one.c <= 0 || one.k <= 0)
        return;
    plan(&j, &one, x_plain);
    j.x_image = (x_plain ? g->c : ax_conv_blocks(g->c) * AX_BLOCK) * g->h * g->w;
    j.dy_image = ax_conv_blocks(g->k) * AX_BLOCK * g->oh * g->ow;
    j.tap = (int64_t *)(void *)scratch;
    j.acc = scratch + tap_floats(&j);
    j.cut = j.acc + acc_floats(&j, ax_pool_size(pool));
    fill_taps(&j);
    if (one.n * one.oh * one.ow * one.k * one.c * j.taps < SMALL)
        pool = NULL;
    int tiles = (int)(j.c_tiles * j.k_tiles);
    for (int i = 0; i < g->groups; i++) {
        j.x = x + i * one.c * g->h * g->w;
        j.dy = dy + i * one.k * g->oh * g->ow;
        j.dw = dw + i * one.k * one.c * j.taps;
        ax_pool_run(pool, (int)j.slices * tiles, run_job, &j);
        if (j.slices > 1)
            ax_pool_run(pool, tiles, run_finish, &j);
    }
}
