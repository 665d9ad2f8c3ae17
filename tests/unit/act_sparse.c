/* act_sparse.c - sparsemax, entmax15, hardmax and gumbel_softmax: against long double, on rows
 * whose exact answer is known although every sum of doubles would lose it, and in every layout. */
#include "act_rows.h"

static const char *const functions[] = {
    "\"sparsemax\"",
    "{\"name\":\"sparsemax\",\"temperature\":0.3}",
    "{\"name\":\"sparsemax\",\"temperature\":1e6}",
    "{\"name\":\"sparsemax\",\"temperature\":1e-6}",
    "\"entmax15\"",
    "{\"name\":\"entmax15\",\"temperature\":3.7}",
    "{\"name\":\"entmax15\",\"temperature\":1e-6}",
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Both definitions say sum g(x - c) = 1 with g rising from 0 on: halving finds c. */
static real share(int squared, real x, real c, real t)
{
    real w = x <= c ? 0 : squared ? (x - c) / (2 * t) : (x - c) / t;
    return squared ? w * w : w;
}

static void reference(const ax_act *a, const float *x, real *y, int len)
{
    int squared = !strcmp(a->row->name, "entmax15");
    real t = a->param[0], max = x[0];
    for (int i = 1; i < len; i++)
        max = x[i] > max ? x[i] : max;
    real lo = -2 * t, hi = 0; /* c - max */
    for (int step = 0; step < 200; step++) {
        real mid = (lo + hi) / 2, sum = 0;
        for (int i = 0; i < len; i++)
            sum += share(squared, x[i] - max, mid, t);
        *(sum > 1 ? &lo : &hi) = mid;
    }
    for (int i = 0; i < len; i++)
        y[i] = share(squared, x[i] - max, (lo + hi) / 2, t);
}

/* How far off, in ULP, beyond what the reference itself does not know. */
static double worst_of(const ax_act *a, const float *x, const float *y, int len)
{
    static real exact[LONGEST];
    double worst = 0, sum = 0;
    reference(a, x, exact, len);
    for (int i = 0; i < len; i++) {
        double doubt = 0x1p-58 * sqrt((double)len) * sqrt(fabs((double)exact[i]));
        if (!strcmp(a->row->name, "sparsemax"))
            doubt = 0x1p-58 * sqrt((double)len);
        double u = ref_ulp(y[i], exact[i]);
        if (fabs((double)(y[i] - exact[i])) > doubt)
            worst = fmax(worst, u);
        sum += y[i];
    }
    assert_true(fabs(sum - 1) <= 4 * 0x1p-24);
    return worst;
}

static double check_rows(const char *json, int outer, int len, float scale)
{
    static float x[MOST], y[MOST];
    ax_act a = act_of(json);
    double worst = 0;
    use(0);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * scale * (float)a.param[0];
    ax_act_rows(&a, x, y, outer, len, 1);
    for (int o = 0; o < outer; o++)
        worst = fmax(worst, worst_of(&a, x + o * len, y + o * len, len));
    check_ways(&a, x, y, outer, len);
    return worst;
}

static void test_ulp(void **state)
{
    (void)state;
    static const float scales[] = {1e-4f, 0.03f, 1, 20, 3e4f, 1e30f};
    static const int lens[] = {33, 64, 65, 100, 511, 1000, 4096};
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0;
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            for (int len = 1; len <= 20; len++)
                worst = fmax(worst, check_rows(functions[f], 7, len, scales[s]));
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++)
                worst = fmax(worst, check_rows(functions[f], 1, lens[l], scales[s]));
        }
        print_message("%-40s %.6f ULP\n", functions[f], worst);
        assert_true(worst <= 0.501);
    }
}

/* clang-format off */
static const struct {
    const char *json;
    int len;
    float x[6];
    double y[6];
} known[] = {
    {"\"sparsemax\"", 1, {5}, {1}},
    {"\"sparsemax\"", 2, {1, 0}, {1, 0}},
    {"\"sparsemax\"", 2, {1, -1e-38f}, {1, 0}},
    {"\"sparsemax\"", 2, {1, 0x1p-126f}, {1, 0x1p-127}},
    {"\"sparsemax\"", 2, {0x1p-149f, 1}, {0x1p-150, 1}},
    {"\"sparsemax\"", 2, {0x1.8p-148f, 1}, {0x1.8p-149, 1}},
    {"\"sparsemax\"", 5, {0, 0x1p-70f, -0x1p-140f, -0x1p-70f, -0.25f},
     {0.25, 0.25, 0.25, 0.25, 0x1p-140 / 5}},
    {"\"sparsemax\"", 6, {0, 0x1p-96f - 0x1p-120f, 1 - 0x1p-24f, 0x1p-24f - 0x1p-48f,
      0x1p-48f - 0x1p-72f, 0x1p-72f - 0x1p-96f},
     {0x1p-120 / 6, 0x1p-96 - 0x1p-120, 1 - 0x1p-24, 0x1p-24 - 0x1p-48, 0x1p-48 - 0x1p-72,
      0x1p-72 - 0x1p-96}},
    {"\"sparsemax\"", 3, {0x1p100f, 0x1p99f, 0x1p100f}, {0.5, 0, 0.5}},
    {"\"sparsemax\"", 3, {-FLT_MAX, FLT_MAX, -INF}, {0, 1, 0}},
    {"\"sparsemax\"", 2, {16777215, 16777216}, {0, 1}},
    {"{\"name\":\"sparsemax\",\"temperature\":2}", 2, {16777215, 16777216}, {0.25, 0.75}},
    {"{\"name\":\"sparsemax\",\"temperature\":1e6}", 2, {0x1.000002p42f, 0x1p42f},
     {0.5 + 0x1p19 / 2e6, 0.5 - 0x1p19 / 2e6}},
    {"{\"name\":\"sparsemax\",\"temperature\":1e6}", 2, {0x1.000002p43f, 0x1p43f}, {1, 0}},
    {"\"sparsemax\"", 4, {-INF, 3, 3, -INF}, {0, 0.5, 0.5, 0}},
    {"\"entmax15\"", 1, {5}, {1}},
    {"\"entmax15\"", 2, {2, 0}, {1, 0}},
    {"\"entmax15\"", 2, {2, -1e-38f}, {1, 0}},
    /* (e/2)^2 to first order */
    {"\"entmax15\"", 2, {0x1p-50f, 2}, {0x1p-102, 1}},
    {"\"entmax15\"", 2, {0x1.4p-62f, 2}, {0x1.9p-126, 1}},
    {"\"entmax15\"", 2, {0x1p-72f, 2}, {0x1p-146, 1}},
    {"\"entmax15\"", 2, {0x1p-74f, 2}, {0, 1}},
    {"\"entmax15\"", 4, {1, 1, -INF, 1}, {1 / 3.0, 1 / 3.0, 0, 1 / 3.0}},
    {"\"entmax15\"", 3, {-FLT_MAX, FLT_MAX, FLT_MAX}, {0, 0.5, 0.5}},
    {"\"hardmax\"", 4, {1, 3, 3, 2}, {0, 1, 0, 0}},
    {"\"hardmax\"", 4, {-INF, -FLT_MAX, -INF, -FLT_MAX}, {0, 1, 0, 0}},
    {"\"hardmax\"", 2, {-0.0f, 0}, {1, 0}},
    {"\"sparsemax\"", 2, {NAN, 1}, {NAN, NAN}},
    {"\"sparsemax\"", 2, {INF, 1}, {NAN, NAN}},
    {"\"sparsemax\"", 2, {-INF, -INF}, {NAN, NAN}},
    {"\"entmax15\"", 2, {1, NAN}, {NAN, NAN}},
    {"\"entmax15\"", 2, {INF, 1}, {NAN, NAN}},
    {"\"entmax15\"", 2, {-INF, -INF}, {NAN, NAN}},
    {"\"hardmax\"", 2, {1, NAN}, {NAN, NAN}},
    {"\"hardmax\"", 2, {1, INF}, {NAN, NAN}},
    {"\"hardmax\"", 2, {-INF, -INF}, {NAN, NAN}},
};
/* clang-format on */

static void test_known(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        ax_act a = act_of(known[k].json);
        float y[6];
        use(0);
        ax_act_rows(&a, known[k].x, y, 1, known[k].len, 1);
        for (int i = 0; i < known[k].len; i++)
            if (!(y[i] == (float)known[k].y[i] || (isnan(y[i]) && isnan(known[k].y[i]))))
                fail_msg("row %zu, %s: y[%d] = %a, expected %a", k, known[k].json, i, (double)y[i],
                         known[k].y[i]);
        check_ways(&a, known[k].x, y, 1, known[k].len);
    }
}

/* Rows on which a threshold found step by step takes long, and those where all elements count. */
static void test_adversaries(void **state)
{
    (void)state;
    static float x[4096], y[4096];
    for (int kind = 0; kind < 4; kind++)
        for (int f = 0; f < FUNCTIONS; f++) {
            ax_act a = act_of(functions[f]);
            float t = (float)a.param[0];
            for (int i = 0; i < 4096; i++)
                x[i] = t * (kind == 0   ? -1.25f
                            : kind == 1 ? -(float)i / 4096 / 4096
                            : kind == 2 ? -powf((float)i / 4096, 0.01f)
                                        : -expf((float)-i / 40));
            use(0);
            ax_act_rows(&a, x, y, 1, 4096, 1);
            double worst = worst_of(&a, x, y, 4096);
            if (!(worst <= 0.501))
                fail_msg("%s, kind %d: %g ULP", functions[f], kind, worst);
            check_ways(&a, x, y, 1, 4096);
        }
}

static void check_backward(const char *json, int outer, int len)
{
    static float x[MOST], y[MOST], dy[MOST], dx[MOST];
    ax_act a = act_of(json);
    int squared = !strcmp(a.row->name, "entmax15");
    use(0);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * 3 * (float)a.param[0], dy[i] = uniform();
    ax_act_rows(&a, x, y, outer, len, 1);
    ax_act_rows_backward(&a, y, dy, dx, outer, len, 1);
    for (int o = 0; o < outer; o++) {
        const float *yr = y + o * len, *dr = dy + o * len;
        real weights = 0, sum = 0;
        for (int i = 0; i < len; i++) {
            real s = squared ? sqrtl(yr[i]) : yr[i] > 0;
            weights += s, sum += s * dr[i];
        }
        for (int i = 0; i < len; i++) {
            real s = squared ? sqrtl(yr[i]) : yr[i] > 0;
            real exact = s * (dr[i] - sum / weights) / (real)a.param[0];
            assert_true(fabsl(dx[o * len + i] - exact) <=
                        0x1p-24L * fabsl(exact) + 1e-14L / (real)a.param[0]);
        }
    }
    check_ways_back(&a, y, dy, dx, outer, len);
}

static void test_backward(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int len = 1; len <= 40; len++)
            check_backward(functions[f], 1 + len % 13, len);
        check_backward(functions[f], 3, 1000);
    }
}

/* hardmax has no slope; NaN stays */
static void test_hardmax_backward(void **state)
{
    (void)state;
    ax_act a = act_of("\"hardmax\"");
    static const float y[] = {0, 1, 0, NAN, NAN, NAN}, dy[] = {1, 2, 3, 4, 5, 6};
    static const float want[] = {0, 0, 0, NAN, NAN, NAN};
    check_ways_back(&a, y, dy, want, 2, 3);
}

static void test_outer_inner(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTIONS; f++)
        check_outer_inner(functions[f], 11);
    check_outer_inner("\"hardmax\"", 11);
    check_outer_inner("\"gumbel_softmax\"", 11);
}

/* Without noise it is softmax, or hardmax; the gradient is softmax's either way. */
static void test_gumbel_softmax(void **state)
{
    (void)state;
    static float x[MOST], y[MOST], want[MOST], dy[MOST], dx[MOST];
    ax_act soft = act_of("{\"name\":\"softmax\",\"temperature\":0.7}"),
           hard = act_of("\"hardmax\"");
    ax_act g[] = {act_of("{\"name\":\"gumbel_softmax\",\"temperature\":0.7}"),
                  act_of("{\"name\":\"gumbel_softmax\",\"temperature\":0.7,\"hard\":true}")};
    for (int h = 0; h < 2; h++)
        for (int len = 1; len < 200; len += 1 + len / 4) {
            int outer = 2 + len % 11;
            use(0);
            for (int i = 0; i < outer * len; i++)
                x[i] = uniform() * 4, dy[i] = uniform();
            ax_act_rows(h ? &hard : &soft, x, want, outer, len, 1);
            check_ways(&g[h], x, want, outer, len);
            ax_act_rows(&soft, x, y, outer, len, 1);
            ax_act_rows_backward(&soft, y, dy, dx, outer, len, 1);
            check_ways_back(&g[h], x, dy, dx, outer, len);
        }
}

static void test_noise(void **state)
{
    (void)state;
    enum { N = 100003 };
    static uint32_t word[N];
    static float zero[N], y[N], again[N];
    static const uint32_t corners[] = {0,          1,          0x5e2d58d8, 0x5e2d58d9,
                                       0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < N; i++)
        word[i] = i < 8 ? corners[i] : i * 2654435761u;
    use(0);
    ax_act_add_gumbel(word, zero, y, N);
    for (int i = 0; i < N; i++) {
        real u = ((real)word[i] + 0.5L) * 0x1p-32L, g = -logl(-logl(u));
        assert_true(fabsl(y[i] - g) <= 0x1p-24L * fabsl(g) + 1e-13L);
        sum += y[i], squares += (double)y[i] * y[i];
    }
    double mean = sum / N; /* Euler's constant, pi^2 / 6 */
    assert_true(fabs(mean - 0.5772157) < 0.01 &&
                fabs(squares / N - mean * mean - 1.6449341) < 0.03);
    for (int i = 0; i < n_isas; i++) {
        use(i);
        for (size_t n = 0; n < 40; n++) {
            again[n] = 77;
            ax_act_add_gumbel(word, zero, again, n);
            assert_true(same_bits(again, y, (int64_t)n) && again[n] == 77);
        }
        memset(again, 0, sizeof again);
        ax_act_add_gumbel(word, again, again, N);
        assert_true(same_bits(again, y, N));
    }
}

int main(void)
{
    find_isas();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_outer_inner),
        cmocka_unit_test(test_backward),
        cmocka_unit_test(test_hardmax_backward),
        cmocka_unit_test(test_gumbel_softmax),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_ulp),
        cmocka_unit_test(test_adversaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
