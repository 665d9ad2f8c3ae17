/* math_conv.c - the convolutions against their naive twins, on every instruction set: values within
 * the bound their chain of roundings allows, bits independent of threads, batch and place. */
#include "math/conv.h"

#include "math_util.h"

typedef struct shape {
    int64_t n, c, h, w, k;
    int kh, kw, sh, sw, dh, dw, pt, pl, pb, pr, groups;
} shape;

// clang-format off
static const shape shapes[] = {
    /* n   c   h   w   k  kh kw  s s  d d  pads      groups */
    {2,  1,  5,  7, 32,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1,  3, 13, 13, 16,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {5, 15,  7,  7, 33,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 16,  1,  1, 17,  1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {2, 17, 13, 13, 15,  1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 33,  9, 31,  3,  1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 33, 13, 13, 48,  3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1},
    {2, 16, 13, 12, 64,  3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1},
    {1, 17,  5,  7, 33,  3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 1},
    {2,  3, 17, 19, 16,  5, 3, 3, 2, 1, 2, 2, 0, 1, 3, 1},
    {1,  1, 28, 28,  1,  5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1},
    {1,  3, 21, 23, 17,  7, 7, 2, 2, 1, 1, 3, 3, 3, 3, 1},
    {1, 16,  7,  7, 16,  7, 7, 1, 1, 1, 1, 3, 3, 3, 3, 1},
    {2, 33,  7,  9, 17,  1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1},
    {1, 16,  6,  6, 16,  2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 1},
    {1, 16, 11,  9, 32,  3, 3, 2, 3, 2, 3, 3, 1, 0, 2, 1},
    {1, 15,  1, 40, 17,  1, 5, 1, 1, 1, 1, 0, 4, 0, 0, 1},
    {1, 16,  4,  4, 16,  1, 1, 1, 1, 1, 1, 2, 1, 0, 3, 1},
    {1, 65,  3,  3, 65,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1,  3, 33, 35, 16, 11,11, 4, 4, 1, 1, 2, 2, 1, 1, 1},
    {1,  2, 40, 40,  5,  3, 3, 5, 4, 1, 1, 0, 0, 0, 0, 1},
    {1, 64, 30, 30, 40,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 16,  1,7000,  3,  1, 3, 1, 1, 1, 2, 0, 4, 0, 0, 1},
    {2,  3,  1, 100, 17,  1, 4, 1, 2, 1, 1, 0, 1, 0, 2, 1},
    {9, 20,  7,  7, 40,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {20, 2, 12, 12, 33,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 32,  7,  8, 64,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2},
    {2, 48,  9,  8, 48,  3, 2, 2, 2, 1, 1, 1, 0, 1, 1, 3},
    {1, 32,  6,  6, 64,  1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2},
    {2,  8,  9,  9, 12,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2},
    {2, 12,  7,  8,  9,  3, 2, 2, 1, 1, 2, 1, 0, 0, 2, 3},
    {2, 17,  7,  9, 17,  3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 17},
    {1,  5, 13, 33, 10,  5, 3, 2, 2, 1, 1, 2, 1, 1, 0, 5},
    {2,  3, 16, 16,  3,  3, 3, 1, 1, 3, 2, 3, 2, 3, 2, 3},
};
// clang-format on
enum { SHAPES = sizeof shapes / sizeof *shapes };

static ax_conv2d geometry(const shape *s)
{
    ax_conv2d g = {s->n, s->c, s->h, s->w, s->k, 0, 0, s->kh, s->kw, s->sh, s->sw, s->dh, s->dw,
                   s->pt, s->pl, s->pb, s->pr, s->groups};
    g.oh = (g.h + g.pt + g.pb - (int64_t)(g.kh - 1) * g.dh - 1) / g.sh + 1;
    g.ow = (g.w + g.pl + g.pr - (int64_t)(g.kw - 1) * g.dw - 1) / g.sw + 1;
    return g;
}

static int takes_blocked(const shape *s)
{
    return s->groups == 1 || (s->c / s->groups % AX_BLOCK == 0 && s->k / s->groups % AX_BLOCK == 0);
}

/* One geometry with its data, and what the twins say. */
typedef struct bench {
    ax_conv2d g;
    char name[128];
    int64_t nx, ny, nw;
    float *x, *w, *bias, *scale, *residual, *dy;
    float *y, *y_sum, *dx, *dx_sum, *dw, *dw_sum; /* expected, and the sums of absolute terms */
} bench;

static void setup(bench *b, const shape *s)
{
    ax_conv2d *g = &b->g;
    *g = geometry(s);
    snprintf(b->name, sizeof b->name, "%s: n%lld %lldx%lldx%lld -> %lld, %dx%d s%d,%d d%d,%d g%d",
             ax_isa_name(ax_isa_active()), (long long)g->n, (long long)g->c, (long long)g->h,
             (long long)g->w, (long long)g->k, g->kh, g->kw, g->sh, g->sw, g->dh, g->dw, g->groups);
    b->nx = g->n * g->c * g->h * g->w;
    b->ny = g->n * g->k * g->oh * g->ow;
    b->nw = g->k * (g->c / g->groups) * g->kh * g->kw;
    b->x = numbers(b->nx, 1);
    b->w = numbers(b->nw, 2);
    b->bias = numbers(g->k, 3);
    b->scale = numbers(g->k, 4);
    b->residual = numbers(b->ny, 5);
    b->dy = numbers(b->ny, 6);
    float *ax = absolute(b->x, b->nx), *aw = absolute(b->w, b->nw), *ab = absolute(b->bias, g->k),
          *ady = absolute(b->dy, b->ny);
    ax_conv2d_naive(g, b->x, b->w, b->bias, b->y = buffer(b->ny));
    ax_conv2d_naive(g, ax, aw, ab, b->y_sum = buffer(b->ny));
    ax_conv2d_naive_dx(g, b->dy, b->w, b->dx = buffer(b->nx));
    ax_conv2d_naive_dx(g, ady, aw, b->dx_sum = buffer(b->nx));
    ax_conv2d_naive_dw(g, b->x, b->dy, b->dw = buffer(b->nw));
    ax_conv2d_naive_dw(g, ax, ady, b->dw_sum = buffer(b->nw));
    drop(ax);
    drop(aw);
    drop(ab);
    drop(ady);
}

static void teardown(bench *b)
{
    float *all[] = {b->x, b->w, b->bias, b->scale, b->residual, b->dy,
                    b->y, b->y_sum, b->dx, b->dx_sum, b->dw, b->dw_sum};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        drop(all[i]);
}

static double y_steps(const ax_conv2d *g)
{
    return 3 + (double)(g->c / g->groups) * g->kh * g->kw;
}

/* BLOCKED forward of images [from, from + n); the result as PLAIN. */
static float *forward(const bench *b, int64_t from, int64_t n, int x_plain, const float *packed,
                      const ax_epilogue *e, ax_pool *pool)
{
    ax_conv2d g = b->g;
    g.n = n;
    int64_t scratch_floats = ax_conv2d_blocked_scratch(&g, ax_pool_size(pool));
    int64_t count = blocked_count(n, g.k, g.oh * g.ow), image = g.c * g.h * g.w;
    const float *x = b->x + from * image;
    float *in = x_plain ? numbers(0, 0) : blocked_copy(x, n, g.c, g.h * g.w);
    float *out = buffer(count), *scratch = buffer(scratch_floats);
    ax_conv2d_blocked(&g, x_plain ? x : in, x_plain, packed, b->bias, e, out, scratch, pool);
    check_guards(scratch, scratch_floats, b->name);
    check_guards(out, count, b->name);
    float *y = plain_copy(out, n, g.k, g.oh * g.ow);
    drop(in);
    drop(out);
    drop(scratch);
    return y;
}

static float *pack(const bench *b, const float *scale)
{
    int64_t n = ax_conv2d_packed(&b->g);
    float *packed = buffer(n);
    ax_conv2d_pack(&b->g, b->w, scale, packed);
    check_guards(packed, n, b->name);
    return packed;
}

static void blocked_forward(void)
{
    for (int i = 0; i < SHAPES; i++) {
        if (!takes_blocked(&shapes[i]))
            continue;
        bench b;
        setup(&b, &shapes[i]);
        assert_true(ax_conv2d_blocked_ok(&b.g));
        float *packed = pack(&b, NULL);
        float *first = forward(&b, 0, b.g.n, 0, packed, NULL, NULL);
        check_near(first, b.y, b.y_sum, b.ny, y_steps(&b.g), b.name);
        for (int t = 0; t < 4; t++)
            for (int plain = 0; plain < 2; plain++) {
                float *y = forward(&b, 0, b.g.n, plain, packed, NULL, pools[t]);
                check_same(y, first, b.ny, b.name);
                drop(y);
            }
        int64_t image = b.ny / b.g.n;
        for (int64_t j = 0; j < b.g.n; j++) {
            float *y = forward(&b, j, 1, j & 1, packed, NULL, pools[2]);
            check_same(y, first + j * image, image, b.name);
            drop(y);
        }
        drop(first);
        drop(packed);
        teardown(&b);
    }
}

static void halve(const void *ctx, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * *(const float *)ctx;
}

/* Residual, relu, another activation, scale: each on top of what the plain forward gave. */
static void blocked_epilogue(void)
{
    for (int i = 0; i < SHAPES; i++) {
        if (!takes_blocked(&shapes[i]))
            continue;
        bench b;
        setup(&b, &shapes[i]);
        ax_conv2d *g = &b.g;
        int64_t pixels = g->oh * g->ow, row = b.nw / g->k;
        float half = 0.5f, *residual = blocked_copy(b.residual, g->n, g->k, pixels);
        float *scaled = numbers(b.nw, 2);
        for (int64_t j = 0; j < b.nw; j++)
            scaled[j] *= b.scale[j / row];
        float *packed = pack(&b, b.scale), *w = b.w;
        b.w = scaled;
        float *packed2 = pack(&b, NULL);
        b.w = w;
        check_same(packed, packed2, ax_conv2d_packed(g), b.name);
        float *base = forward(&b, 0, g->n, 0, packed, NULL, NULL);
        float *relu = forward(&b, 0, g->n, 1, packed, &(ax_epilogue){NULL, 1, NULL, NULL}, pools[2]);
        float *act = forward(&b, 0, g->n, 0, packed, &(ax_epilogue){residual, 0, halve, &half}, NULL);
        float *both = forward(&b, 0, g->n, 1, packed, &(ax_epilogue){residual, 1, NULL, NULL}, pools[3]);
        for (int64_t j = 0; j < b.ny; j++) {
            float sum = base[j] + b.residual[j];
            assert_true(relu[j] == (base[j] > 0 ? base[j] : 0));
            assert_true(act[j] == sum * 0.5f);
            assert_true(both[j] == (sum > 0 ? sum : 0));
        }
        float *all[] = {residual, scaled, packed, packed2, base, relu, act, both};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            drop(all[j]);
        teardown(&b);
    }
}

/* A pixel's bits do not depend on where in a tile it lies: crop the picture from the right and from
 * below and what remains is the same. */
static void blocked_place(void)
{
    shape s = {1, 17, 6, 31, 33, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1};
    for (int stride = 1; stride <= 3; stride++) {
        s.sh = s.sw = stride;
        s.w = 31;
        bench whole;
        setup(&whole, &s);
        float *packed = pack(&whole, NULL), *want = forward(&whole, 0, 1, 0, packed, NULL, NULL);
        for (s.w = 3; s.w < 31; s.w++) {
            bench b;
            setup(&b, &s);
            for (int64_t r = 0; r < b.g.c * b.g.h; r++)
                memcpy(b.x + r * b.g.w, whole.x + r * whole.g.w, (size_t)b.g.w * sizeof(float));
            for (int plain = 0; plain < 2; plain++) {
                float *y = forward(&b, 0, 1, plain, packed, NULL, NULL);
                for (int64_t r = 0; r < b.g.k * b.g.oh; r++)
                    check_same(y + r * b.g.ow, want + r * whole.g.ow, b.g.ow, b.name);
                drop(y);
            }
            teardown(&b);
        }
        drop(packed);
        drop(want);
        teardown(&whole);
    }
}

/* NaN and infinity in a picture reach the outputs that see them and no other. */
static void blocked_nonfinite(void)
{
    shape s = {2, 17, 6, 6, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    bench b;
    setup(&b, &s);
    b.x[(1 * 17 + 16) * 36 + 0] = NAN;
    float *packed = pack(&b, NULL);
    for (int plain = 0; plain < 2; plain++) {
        float *y = forward(&b, 0, 2, plain, packed, &(ax_epilogue){NULL, 1, NULL, NULL}, NULL);
        for (int64_t i = 0; i < b.ny; i++) {
            int64_t q = i % 36;
            int sees = i >= b.ny / 2 && q / 6 < 2 && q % 6 < 2;
            assert_int_equal(isnan(y[i]) != 0, sees);
        }
        drop(y);
    }
    drop(packed);
    teardown(&b);
}

static float *input_gradient(const bench *b, int64_t from, int64_t n, const float *packed,
                             ax_pool *pool)
{
    ax_conv2d g = b->g;
    g.n = n;
    int64_t scratch_floats = ax_conv2d_blocked_dx_scratch(&g, ax_pool_size(pool));
    int64_t count = blocked_count(n, g.c, g.h * g.w);
    float *dy = blocked_copy(b->dy + from * g.k * g.oh * g.ow, n, g.k, g.oh * g.ow);
    float *out = buffer(count), *scratch = buffer(scratch_floats);
    ax_conv2d_blocked_dx(&g, dy, packed, out, scratch, pool);
    check_guards(scratch, scratch_floats, b->name);
    check_guards(out, count, b->name);
    float *dx = plain_copy(out, n, g.c, g.h * g.w);
    drop(dy);
    drop(out);
    drop(scratch);
    return dx;
}

static void blocked_dx(void)
{
    for (int i = 0; i < SHAPES; i++) {
        bench b;
        setup(&b, &shapes[i]);
        assert_int_equal(ax_conv2d_blocked_dx_ok(&b.g), takes_blocked(&shapes[i]));
        if (!takes_blocked(&shapes[i])) {
            teardown(&b);
            continue;
        }
        int64_t floats = ax_conv2d_packed_dx(&b.g), image = b.nx / b.g.n;
        float *packed = buffer(floats);
        ax_conv2d_pack_dx(&b.g, b.w, packed);
        check_guards(packed, floats, b.name);
        float *first = input_gradient(&b, 0, b.g.n, packed, NULL);
        check_near(first, b.dx, b.dx_sum, b.nx, 3 + (double)b.g.k * b.g.kh * b.g.kw, b.name);
        for (int t = 1; t < 4; t++) {
            float *dx = input_gradient(&b, 0, b.g.n, packed, pools[t]);
            check_same(dx, first, b.nx, b.name);
            drop(dx);
        }
        for (int64_t j = 0; j < b.g.n; j++) {
            float *dx = input_gradient(&b, j, 1, packed, pools[2]);
            check_same(dx, first + j * image, image, b.name);
            drop(dx);
        }
        drop(first);
        drop(packed);
        teardown(&b);
    }
}

static float *weight_gradient(const bench *b, int x_plain, ax_pool *pool)
{
    const ax_conv2d *g = &b->g;
    int64_t scratch_floats = ax_conv2d_blocked_dw_scratch(g, ax_pool_size(pool));
    float *x = blocked_copy(b->x, g->n, g->c, g->h * g->w);
    float *dy = blocked_copy(b->dy, g->n, g->k, g->oh * g->ow);
    float *dw = buffer(b->nw), *scratch = buffer(scratch_floats);
    ax_conv2d_blocked_dw(g, x_plain ? b->x : x, x_plain, dy, dw, scratch, pool);
    check_guards(scratch, scratch_floats, b->name);
    check_guards(dw, b->nw, b->name);
    drop(x);
    drop(dy);
    drop(scratch);
    return dw;
}

static void blocked_dw(void)
{
    for (int i = 0; i < SHAPES; i++) {
        if (!takes_blocked(&shapes[i]))
            continue;
        bench b;
        setup(&b, &shapes[i]);
        for (int plain = 0; plain < 2; plain++) {
            float *first = weight_gradient(&b, plain, NULL);
            check_near(first, b.dw, b.dw_sum, b.nw, 3 + (double)(b.g.n * b.g.oh * b.g.ow), b.name);
            for (int t = 1; t < 4; t++) {
                float *dw = weight_gradient(&b, plain, pools[t]);
                check_same(dw, first, b.nw, b.name);
                drop(dw);
            }
            drop(first);
        }
        teardown(&b);
    }
}

/* ---- PLAIN ---- */

static float *plain_scratch(const bench *b, ax_pool *pool, int64_t *floats)
{
    *floats = ax_conv2d_plain_scratch(&b->g, ax_pool_size(pool));
    return buffer(*floats);
}

/* out: y, relu(y + residual), dx, dw */
static void run_plain(const bench *b, float *out[4], ax_pool *pool)
{
    const ax_conv2d *g = &b->g;
    int64_t floats, counts[] = {b->ny, b->ny, b->nx, b->nw};
    for (int i = 0; i < 4; i++) {
        out[i] = buffer(counts[i]);
        float *scratch = plain_scratch(b, pool, &floats);
        if (i < 2)
            ax_conv2d_plain(g, b->x, b->w, b->bias, i ? &(ax_epilogue){b->residual, 1, NULL, NULL} : NULL,
                            out[i], scratch, pool);
        else if (i == 2)
            ax_conv2d_plain_dx(g, b->dy, b->w, out[i], scratch, pool);
        else
            ax_conv2d_plain_dw(g, b->x, b->dy, out[i], scratch, pool);
        check_guards(scratch, floats, b->name);
        check_guards(out[i], counts[i], b->name);
        drop(scratch);
    }
}

static void plain(void)
{
    for (int i = 0; i < SHAPES; i++) {
        bench b;
        setup(&b, &shapes[i]);
        ax_conv2d *g = &b.g;
        float *first[4], *other[4];
        run_plain(&b, first, NULL);
        check_near(first[0], b.y, b.y_sum, b.ny, y_steps(g), b.name);
        check_near(first[2], b.dx, b.dx_sum, b.nx, 3 + (double)(g->k / g->groups) * g->kh * g->kw, b.name);
        check_near(first[3], b.dw, b.dw_sum, b.nw, 3 + (double)(g->n * g->oh * g->ow), b.name);
        for (int64_t j = 0; j < b.ny; j++) {
            float s = first[0][j] + b.residual[j];
            assert_true(first[1][j] == (s > 0 ? s : 0));
        }
        int64_t counts[] = {b.ny, b.ny, b.nx, b.nw};
        for (int t = 1; t < 4; t++) {
            run_plain(&b, other, pools[t]);
            for (int k = 0; k < 4; k++) {
                check_same(other[k], first[k], counts[k], b.name);
                drop(other[k]);
            }
        }
        bench alone = b; /* the last image by itself */
        alone.g.n = 1;
        alone.x += (g->n - 1) * (b.nx / g->n);
        alone.dy += (g->n - 1) * (b.ny / g->n);
        alone.residual += (g->n - 1) * (b.ny / g->n);
        alone.nx /= g->n;
        alone.ny /= g->n;
        run_plain(&alone, other, NULL);
        check_same(other[1], first[1] + b.ny - alone.ny, alone.ny, b.name);
        check_same(other[2], first[2] + b.nx - alone.nx, alone.nx, b.name);
        for (int k = 0; k < 4; k++) {
            drop(other[k]);
            drop(first[k]);
        }
        teardown(&b);
    }
}

/* Dilations and paddings of a million are legal; the kernels that copy padded planes decline them,
 * and those that do not take little memory. */
static void test_far_taps(void **state)
{
    (void)state;
    for (int groups = 1; groups <= 4; groups += 3) {
        int far = 1 << 20;
        shape s = {1, 4, 2, 3, 4, 3, 3, 1, 1, far, far, far, far, far, far, groups};
        bench b;
        setup(&b, &s);
        assert_int_equal(b.g.ow, 3);
        assert_false(ax_conv2d_blocked_ok(&b.g));
        assert_false(ax_conv2d_blocked_dx_ok(&b.g));
        assert_true(ax_conv2d_plain_scratch(&b.g, 2) < 1 << 20);
        float *out[4];
        run_plain(&b, out, pools[2]);
        check_near(out[0], b.y, b.y_sum, b.ny, y_steps(&b.g), b.name);
        check_near(out[2], b.dx, b.dx_sum, b.nx, 3 + 36, b.name);
        check_near(out[3], b.dw, b.dw_sum, b.nw, 3 + 6, b.name);
        for (int i = 0; i < 4; i++)
            drop(out[i]);
        teardown(&b);
    }
    shape strided = {1, 4, 9, 9, 4, 1, 1, 9, 9, 1, 1, 0, 0, 0, 0, 1};
    ax_conv2d g = geometry(&strided);
    assert_true(ax_conv2d_blocked_ok(&g));
    assert_false(ax_conv2d_blocked_dx_ok(&g)); /* 81 passes */
}

#define EACH_ISA(name)                                                                             \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_isa(name);                                                                            \
    }
EACH_ISA(blocked_forward)
EACH_ISA(blocked_epilogue)
EACH_ISA(blocked_place)
EACH_ISA(blocked_nonfinite)
EACH_ISA(blocked_dx)
EACH_ISA(blocked_dw)
EACH_ISA(plain)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked_forward), cmocka_unit_test(test_blocked_epilogue),
        cmocka_unit_test(test_blocked_place),   cmocka_unit_test(test_blocked_nonfinite),
        cmocka_unit_test(test_blocked_dx),      cmocka_unit_test(test_blocked_dw),
        cmocka_unit_test(test_plain),           cmocka_unit_test(test_far_taps),
    };
    return cmocka_run_group_tests(tests, pools_open, pools_close);
}
