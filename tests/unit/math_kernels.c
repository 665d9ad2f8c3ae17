/* math_kernels.c - element-wise, per-channel and pooling kernels against loops in double, in both
 * layouts, on every instruction set and any number of threads; undefined lanes hold NaN. */
#include "math/kernels.h"

#include "math_util.h"

/* ---- element-wise ---- */

static void elementwise(void)
{
    static const int64_t sizes[] = {0, 1, 3, 15, 16, 17, 100, 40000, 100003};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int t = 0; t < 4; t++) {
            int64_t n = sizes[s];
            float *a = numbers(n, 1), *b = numbers(n, 2), *y[7];
            for (int64_t i = 3; i < n; i += 11)
                a[i] = i % 2 ? NAN : i % 4 ? -0.0f : 0;
            for (int i = 0; i < 7; i++)
                y[i] = i == 4 ? numbers(n, 3) : buffer(n);
            ax_vec_fill(n, 2.5f, y[0], pools[t]);
            ax_vec_add(n, a, b, y[1], pools[t]);
            ax_vec_mul(n, a, b, y[2], pools[t]);
            ax_vec_scale(n, 3, a, y[3], pools[t]);
            ax_vec_axpy(n, -0.5f, a, y[4], pools[t]);
            ax_vec_relu(n, a, y[5], pools[t]);
            ax_vec_relu_backward(n, a, b, y[6], pools[t]);
            float *y4 = numbers(n, 3);
            for (int64_t i = 0; i < n; i++) {
                assert_true(y[0][i] == 2.5f);
                if (isnan(a[i])) {
                    for (int k = 1; k < 7; k++)
                        assert_true(isnan(y[k][i]));
                    continue;
                }
                assert_true(y[1][i] == a[i] + b[i]);
                assert_true(y[2][i] == a[i] * b[i]);
                assert_true(y[3][i] == 3 * a[i]);
                /* exact halves: the product is exact, fused or not */
                assert_true(y[4][i] == y4[i] - 0.5f * a[i]);
                assert_true(y[5][i] == (a[i] > 0 ? a[i] : 0) && (a[i] == 0 || !signbit(y[5][i])));
                assert_true(y[6][i] == (a[i] > 0 ? b[i] : 0));
            }
            ax_vec_add(n, a, b, a, pools[t]); /* in place */
            check_same(a, y[1], n, "add in place");
            for (int i = 0; i < 7; i++) {
                check_guards(y[i], n, "elementwise");
                drop(y[i]);
            }
            drop(a);
            drop(b);
            drop(y4);
        }
}

/* Every byte, at every place in a vector, in front of an end at every place. */
static void bytes(void)
{
    enum { N = 300 };
    uint8_t x[N];
    for (int i = 0; i < N; i++)
        x[i] = (uint8_t)i;
    for (int from = 0; from < 40; from++)
        for (int n = 0; n <= N - from; n += 1 + n / 40) {
            float *y = buffer(n);
            ax_vec_from_bytes(n, x + from, y);
            for (int i = 0; i < n; i++)
                assert_true(y[i] == (float)((from + i) % 256));
            check_guards(y, n, "from bytes");
            drop(y);
        }
}

/* ---- channels ---- */

// clang-format off
static const struct { int64_t n, c, pixels; } maps[] = {
    {1, 1, 1}, {2, 3, 5}, {5, 15, 35}, {2, 16, 49}, {5, 17, 169}, {1, 33, 16}, {3, 10, 1},
    {129, 33, 1}, {200, 16, 1}, {70, 3, 784}, {33, 40, 64}, {4, 1, 20000},
};
// clang-format on

/* One set of maps in one layout, with helpers to go there and back. */
typedef struct set {
    ax_maps m;
    int64_t plain, count;
    char name[96];
} set;

static set set_of(size_t i, ax_layout layout)
{
    set s = {.m = {layout, maps[i].n, maps[i].c, maps[i].pixels}};
    s.plain = s.m.n * s.m.c * s.m.pixels;
    s.count = layout == AX_PLAIN ? s.plain : blocked_count(s.m.n, s.m.c, s.m.pixels);
    snprintf(s.name, sizeof s.name, "%s %s n%lld c%lld p%lld", ax_isa_name(ax_isa_active()),
             layout == AX_PLAIN ? "plain" : "blocked", (long long)s.m.n, (long long)s.m.c,
             (long long)s.m.pixels);
    return s;
}

static float *into(const set *s, const float *x)
{
    if (s->m.layout == AX_BLOCKED)
        return blocked_copy(x, s->m.n, s->m.c, s->m.pixels);
    float *p = buffer(s->plain);
    memcpy(p, x, (size_t)s->plain * sizeof *p);
    return p;
}

static float *back(const set *s, const float *x)
{
    if (s->m.layout == AX_BLOCKED)
        return plain_copy(x, s->m.n, s->m.c, s->m.pixels);
    float *p = buffer(s->plain);
    memcpy(p, x, (size_t)s->plain * sizeof *p);
    return p;
}

/* What a batch-norm should give, from loops in double. */
typedef struct truth {
    double sum, abs, sq, mean, var, dbeta, dgamma;
} truth;

static truth channel_truth(const set *s, const float *x, const float *dy, int64_t c, double epsilon)
{
    truth t = {0};
    double count = (double)(s->m.n * s->m.pixels);
    for (int pass = 0; pass < 3; pass++)
        for (int64_t i = 0; i < s->m.n; i++)
            for (int64_t q = 0; q < s->m.pixels; q++) {
                double v = x[(i * s->m.c + c) * s->m.pixels + q];
                double g = dy[(i * s->m.c + c) * s->m.pixels + q];
                if (pass == 0)
                    t.sum += v, t.abs += fabs(v), t.sq += v * v, t.dbeta += g, t.mean += v / count;
                else if (pass == 1)
                    t.var += (v - t.mean) * (v - t.mean) / count;
                else
                    t.dgamma += g * (v - t.mean) / sqrt(t.var + epsilon);
            }
    return t;
}

enum { OUTPUTS = 5 };

/* All channel functions on one set; out: sum, mean, var, dgamma, dbeta; maps: affine, apply, dx. */
static void run_channels(const set *s, const float *x, const float *dy, const float *gamma,
                         const float *beta, double epsilon, float *out[OUTPUTS], float *map[3],
                         double norms[2], ax_pool *pool)
{
    int64_t floats = ax_maps_scratch(&s->m);
    float *scratch = buffer(floats), *in = into(s, x), *grad = into(s, dy), *y = buffer(s->count);
    for (int i = 0; i < OUTPUTS; i++)
        out[i] = buffer(s->m.c);
    ax_channel_sum(&s->m, in, out[0], scratch, pool);
    ax_maps_norms(&s->m, in, &norms[0], &norms[1], scratch, pool);
    ax_batch_norm_stats(&s->m, in, out[1], out[2], scratch, pool);
    ax_channel_affine(&s->m, in, gamma, beta, 1, y, pool);
    map[0] = back(s, y);
    ax_batch_norm_apply(&s->m, in, out[1], out[2], gamma, beta, epsilon, y, pool);
    map[1] = back(s, y);
    ax_batch_norm_backward(&s->m, in, grad, out[1], out[2], gamma, epsilon, grad, out[3], out[4],
                           scratch, pool);
    map[2] = back(s, grad);
    for (int i = 0; i < OUTPUTS; i++)
        check_guards(out[i], s->m.c, s->name);
    check_guards(scratch, floats, s->name);
    check_guards(y, s->count, s->name);
    check_guards(grad, s->count, s->name);
    drop(scratch);
    drop(in);
    drop(grad);
    drop(y);
}

static void near(double got, double want, double bound, const char *what, const char *name)
{
    if (!(fabs(got - want) <= bound))
        fail_msg("%s: %s is %.9g, expected %.9g within %g", name, what, got, want, bound);
}

static void check_channels(const set *s, const float *x, const float *dy, const float *gamma,
                           const float *beta, double epsilon, float *out[OUTPUTS], float *map[3],
                           const double norms[2])
{
    double count = (double)(s->m.n * s->m.pixels), abs = 0, sq = 0;
    for (int64_t c = 0; c < s->m.c; c++) {
        truth t = channel_truth(s, x, dy, c, epsilon);
        double inverse = 1 / sqrt(t.var + epsilon), g = gamma[c];
        abs += t.abs;
        sq += t.sq;
        near(out[0][c], t.sum, 2 * U * fabs(t.sum) + 1e-9, "sum", s->name);
        near(out[1][c], t.mean, 2 * U * fabs(t.mean) + 1e-9, "mean", s->name);
        near(out[2][c], t.var, 2 * U * t.var + 1e-9, "var", s->name);
        /* the float mean moves every d by up to U*|mean| */
        near(out[3][c], t.dgamma, 4 * U * (fabs(t.dgamma) + count * inverse) + 1e-9, "dgamma", s->name);
        near(out[4][c], t.dbeta, 2 * U * fabs(t.dbeta) + 1e-9, "dbeta", s->name);
        for (int64_t i = 0; i < s->m.n; i++)
            for (int64_t q = 0; q < s->m.pixels; q++) {
                int64_t at = (i * s->m.c + c) * s->m.pixels + q;
                double a = (double)x[at] * gamma[c] + beta[c], hat = (x[at] - t.mean) * inverse;
                double dx = g * inverse * (dy[at] - t.dbeta / count - hat * t.dgamma / count);
                double size = fabs(g * inverse) * (1 + fabs(t.dbeta / count) + fabs(hat * t.dgamma / count));
                near(map[0][at], a > 0 ? a : 0, 3 * U * 2, "affine", s->name);
                near(map[1][at], hat * g + beta[c], 8 * U * ((fabs(hat) + fabs(t.mean * inverse)) * fabs(g) + 1),
                     "apply", s->name);
                near(map[2][at], dx, 16 * U * (size + inverse * fabs(g)), "dx", s->name);
            }
    }
    near(norms[0], abs, 1e-12 * abs, "sum of |x|", s->name);
    near(norms[1], sq, 1e-12 * sq, "sum of squares", s->name);
}

static void channels(void)
{
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (int layout = 0; layout < 2; layout++) {
            set s = set_of(i, layout ? AX_BLOCKED : AX_PLAIN);
            float *x = numbers(s.plain, 1), *dy = numbers(s.plain, 2);
            float *gamma = numbers(s.m.c, 3), *beta = numbers(s.m.c, 4);
            float *out[2][OUTPUTS], *map[2][3];
            double norms[2][2];
            run_channels(&s, x, dy, gamma, beta, 1e-3, out[0], map[0], norms[0], NULL);
            check_channels(&s, x, dy, gamma, beta, 1e-3, out[0], map[0], norms[0]);
            for (int t = 1; t < 4; t++) {
                run_channels(&s, x, dy, gamma, beta, 1e-3, out[1], map[1], norms[1], pools[t]);
                assert_memory_equal(norms[0], norms[1], sizeof norms[0]);
                for (int k = 0; k < OUTPUTS; k++) {
                    check_same(out[1][k], out[0][k], s.m.c, s.name);
                    drop(out[1][k]);
                }
                for (int k = 0; k < 3; k++) {
                    check_same(map[1][k], map[0][k], s.plain, s.name);
                    drop(map[1][k]);
                }
            }
            for (int k = 0; k < OUTPUTS; k++)
                drop(out[0][k]);
            for (int k = 0; k < 3; k++)
                drop(map[0][k]);
            drop(x);
            drop(dy);
            drop(gamma);
            drop(beta);
        }
}

/* A picture's bits in a batch and alone, in both layouts. */
static void channels_batch(void)
{
    set s = set_of(4, AX_PLAIN);
    float *x = numbers(s.plain, 1), *a = numbers(s.m.c, 2), *b = numbers(s.m.c, 3), *whole[2];
    int64_t picture = s.m.c * s.m.pixels;
    for (int layout = 0; layout < 2; layout++)
        for (int64_t i = -1; i < s.m.n; i++) {
            set t = s;
            t.m.layout = layout ? AX_BLOCKED : AX_PLAIN;
            t.m.n = i < 0 ? s.m.n : 1;
            t.plain = t.m.n * picture;
            t.count = layout ? blocked_count(t.m.n, t.m.c, t.m.pixels) : t.plain;
            float *in = into(&t, x + (i < 0 ? 0 : i * picture)), *y = buffer(t.count);
            ax_channel_affine(&t.m, in, a, b, 0, y, NULL);
            float *plain = back(&t, y);
            if (i < 0)
                whole[layout] = plain;
            else
                check_same(plain, whole[0] + i * picture, picture, "alone and in a batch");
            if (i >= 0)
                drop(plain);
            drop(in);
            drop(y);
        }
    check_same(whole[1], whole[0], s.plain, "both layouts");
    drop(whole[0]);
    drop(whole[1]);
    drop(x);
    drop(a);
    drop(b);
}

static void global_pools(void)
{
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (int layout = 0; layout < 2; layout++)
            for (int t = 0; t < 4; t++) {
                set s = set_of(i, layout ? AX_BLOCKED : AX_PLAIN);
                int64_t rows = s.m.n * s.m.c, p = s.m.pixels;
                float *x = numbers(s.plain, 1), *dy = numbers(rows, 2);
                if (p > 2)
                    x[p - 1] = x[1] = 5; /* the first of equals */
                if (p > 4 && rows > 1)
                    x[p + 3] = NAN;
                float *in = into(&s, x), *avg = buffer(rows), *max = buffer(rows);
                float *da = buffer(s.count), *dm = buffer(s.count);
                ax_global_avg_pool(&s.m, in, avg, pools[t]);
                ax_global_max_pool(&s.m, in, max, pools[t]);
                ax_global_avg_pool_backward(&s.m, dy, da, pools[t]);
                ax_global_max_pool_backward(&s.m, in, dy, dm, pools[t]);
                float *da_plain = back(&s, da), *dm_plain = back(&s, dm);
                for (int64_t r = 0; r < rows; r++) {
                    double sum = 0;
                    int64_t best = 0;
                    for (int64_t q = 0; q < p; q++) {
                        float v = x[r * p + q], b = x[r * p + best];
                        sum += v;
                        if (v > b || (isnan(v) && !isnan(b)))
                            best = q;
                    }
                    if (isnan(sum))
                        assert_true(isnan(avg[r]));
                    else
                        near(avg[r], sum / (double)p, 2 * U * fabs(sum / (double)p) + 1e-12, "average", s.name);
                    assert_memory_equal(&max[r], &x[r * p + best], sizeof(float));
                    for (int64_t q = 0; q < p; q++) {
                        assert_true(da_plain[r * p + q] == dy[r] / (float)p);
                        assert_true(dm_plain[r * p + q] == (q == best ? dy[r] : 0));
                    }
                }
                float *all[] = {x, dy, in, avg, max, da, dm, da_plain, dm_plain};
                for (size_t k = 0; k < sizeof all / sizeof *all; k++)
                    drop(all[k]);
            }
}

/* ---- windows ---- */

typedef struct shape {
    int64_t n, c, h, w;
    int kh, kw, sh, sw, dh, dw, pt, pl, pb, pr, extra; /* extra: outputs past the last whole window */
} shape;

// clang-format off
static const shape shapes[] = {
    {2,  3,  8,  8, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 0},
    {1, 17, 13, 13, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0},
    {5, 16,  5,  7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0},
    {1, 33,  7,  7, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0, 0},
    {2, 15,  9, 11, 3, 2, 2, 3, 2, 1, 1, 0, 2, 1, 0},
    {1,  1,  1, 40, 1, 5, 1, 2, 1, 1, 0, 2, 0, 1, 0},
    {2, 16, 28, 28, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 0},
    {1, 20, 10, 10, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1},
    {1,  5,  4,  4, 2, 2, 4, 4, 1, 1, 0, 0, 0, 0, 1},
    {1, 16, 60, 62, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0},
};
// clang-format on

static int64_t outputs(int64_t size, int k, int s, int d, int before, int after)
{
    return (size + before + after - (int64_t)(k - 1) * d - 1) / s + 1;
}

/* The pixels of window (oy,ox) that exist, as offsets into a plane; returns how many. *area: with
 * the padding. */
static int window(const ax_window2d *g, int64_t oy, int64_t ox, int64_t *at, int *area)
{
    int n = 0;
    *area = 0;
    for (int a = 0; a < g->kh; a++)
        for (int b = 0; b < g->kw; b++) {
            int64_t y = oy * g->sh - g->pt + a * g->dh, x = ox * g->sw - g->pl + b * g->dw;
            *area += y < g->h + g->pb && x < g->w + g->pr;
            if (y >= 0 && y < g->h && x >= 0 && x < g->w)
                at[n++] = y * g->w + x;
        }
    return n;
}

/* y and dx of both kinds, plain, from loops in double. */
static void window_truth(const ax_window2d *g, const float *x, const float *dy, double *max,
                         double *avg, double *dmax, double *davg)
{
    int64_t at[64];
    int area;
    for (int64_t p = 0; p < g->n * g->c; p++)
        for (int64_t o = 0; o < g->oh * g->ow; o++) {
            const float *plane = x + p * g->h * g->w;
            int64_t q = p * g->oh * g->ow + o, base = p * g->h * g->w;
            int n = window(g, o / g->ow, o % g->ow, at, &area), best = 0;
            if (!g->count_pad)
                area = n;
            max[q] = n ? plane[at[0]] : -INFINITY;
            avg[q] = 0;
            for (int i = 0; i < n; i++) {
                float v = plane[at[i]];
                if (v > plane[at[best]] || (isnan(v) && !isnan(plane[at[best]])))
                    best = i;
                avg[q] += (double)v / area;
                davg[base + at[i]] += (double)dy[q] / area;
            }
            if (n) {
                max[q] = plane[at[best]];
                dmax[base + at[best]] += dy[q];
            }
        }
}

static void one_window(const shape *s, int count_pad, ax_layout layout, ax_pool *pool)
{
    ax_window2d g = {layout, s->n, s->c, s->h, s->w, 0, 0, s->kh, s->kw, s->sh, s->sw, s->dh, s->dw,
                     s->pt, s->pl, s->pb, s->pr, count_pad};
    g.oh = outputs(g.h, g.kh, g.sh, g.dh, g.pt, g.pb) + s->extra;
    g.ow = outputs(g.w, g.kw, g.sw, g.dw, g.pl, g.pr) + s->extra;
    set in = {.m = {layout, g.n, g.c, g.h * g.w}, .plain = g.n * g.c * g.h * g.w};
    set out = {.m = {layout, g.n, g.c, g.oh * g.ow}, .plain = g.n * g.c * g.oh * g.ow};
    in.count = layout ? blocked_count(g.n, g.c, g.h * g.w) : in.plain;
    out.count = layout ? blocked_count(g.n, g.c, g.oh * g.ow) : out.plain;
    char name[96];
    snprintf(name, sizeof name, "%s window c%lld %lldx%lld k%dx%d s%d,%d", layout ? "blocked" : "plain",
             (long long)g.c, (long long)g.h, (long long)g.w, g.kh, g.kw, g.sh, g.sw);
    float *x = numbers(in.plain, 1), *dy = numbers(out.plain, 2);
    for (int64_t i = 0; i < in.plain; i++)
        x[i] = roundf(x[i] * 4) / 4; /* many equals */
    x[in.plain / 2] = NAN;
    size_t bytes = (size_t)(in.plain + out.plain) * sizeof(double);
    double *t = calloc(2, bytes), *max = t, *avg = t + out.plain, *dmax = avg + out.plain,
           *davg = dmax + in.plain;
    assert_non_null(t);
    window_truth(&g, x, dy, max, avg, dmax, davg);
    float *bx = into(&in, x), *bdy = into(&out, dy), *y[2], *d[2];
    for (int i = 0; i < 2; i++) {
        y[i] = buffer(out.count);
        d[i] = buffer(in.count);
    }
    ax_max_pool(&g, bx, y[0], pool);
    ax_avg_pool(&g, bx, y[1], pool);
    ax_max_pool_backward(&g, bx, bdy, d[0], pool);
    ax_avg_pool_backward(&g, bdy, d[1], pool);
    for (int i = 0; i < 2; i++) {
        check_guards(y[i], out.count, name);
        check_guards(d[i], in.count, name);
        float *py = back(&out, y[i]), *pd = back(&in, d[i]);
        const double *wy = i ? avg : max, *wd = i ? davg : dmax;
        double steps = (g.kh * g.kw + 2) * U;
        for (int64_t q = 0; q < out.plain; q++)
            if (isnan(wy[q]) ? !isnan(py[q]) : !(fabs(py[q] - wy[q]) <= (i ? steps : 0) || py[q] == wy[q]))
                fail_msg("%s: %s [%lld] is %g, expected %g", name, i ? "average" : "maximum", (long long)q, py[q], wy[q]);
        for (int64_t q = 0; q < in.plain; q++)
            near(pd[q], wd[q], steps * g.kh * g.kw, "gradient", name);
        drop(py);
        drop(pd);
        drop(y[i]);
        drop(d[i]);
    }
    drop(x);
    drop(dy);
    drop(bx);
    drop(bdy);
    free(t);
}

static void windows(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int v = 0; v < 16; v++)
            one_window(&shapes[i], v & 1, v & 2 ? AX_BLOCKED : AX_PLAIN, pools[v >> 2]);
}

#define EACH_ISA(name)                                                                             \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_isa(name);                                                                            \
    }
EACH_ISA(elementwise)
EACH_ISA(bytes)
EACH_ISA(channels)
EACH_ISA(channels_batch)
EACH_ISA(global_pools)
EACH_ISA(windows)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise),    cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_channels_batch), cmocka_unit_test(test_global_pools),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, pools_open, pools_close);
}
