/* act_softmax.c - softmax, log_softmax, softmin and softmax1 at several temperatures against long
 * double; every layout, every instruction set, same bits. */
#include "act_rows.h"

/* what tells the functions apart in the reference */
static const struct function {
    const char *json;
    int log, flip, one;
} functions[] = {
    {"\"softmax\"", 0, 0, 0},
    {"\"log_softmax\"", 1, 0, 0},
    {"\"softmin\"", 0, 1, 0},
    {"\"softmax1\"", 0, 0, 1},
    {"{\"name\":\"softmax2d\",\"temperature\":0.3}", 0, 0, 0},
    {"{\"name\":\"softmax\",\"temperature\":1e-6}", 0, 0, 0},
    {"{\"name\":\"log_softmax\",\"temperature\":700}", 1, 0, 0},
    {"{\"name\":\"softmin\",\"temperature\":17.3}", 0, 1, 0},
    {"{\"name\":\"softmax1\",\"temperature\":0.01}", 0, 0, 1},
};
enum { PLAIN = 4, FUNCTIONS = sizeof functions / sizeof *functions };

/* rows of touching elements */
static void reference(const struct function *f, const ax_act *a, const float *x, real *y, int len)
{
    real m = f->one ? 0 : -INFINITY, s = 0, t = a->param[0];
    int top = -1;
    for (int i = 0; i < len; i++) {
        real v = f->flip ? -x[i] : x[i];
        if (v > m)
            m = v, top = i;
    }
    for (int i = 0; i < len; i++)
        s += i == top ? 0 : expl(((f->flip ? -x[i] : x[i]) - m) / t);
    if (f->one && top >= 0)
        s += expl(-m / t);
    for (int i = 0; i < len; i++) {
        real v = ((f->flip ? -x[i] : x[i]) - m) / t;
        y[i] = f->log ? v - log1pl(s) : expl(v) / (1 + s);
    }
}

static const float scales[] = {0.01f, 1, 20, 300, 3e4f, 3e38f};

static double check_rows(const struct function *f, int outer, int len, float scale)
{
    static float x[MOST], y[MOST];
    static real exact[LONGEST];
    ax_act a = act_of(f->json);
    double worst = 0;
    use(0);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * scale;
    ax_act_rows(&a, x, y, outer, len, 1);
    for (int o = 0; o < outer; o++) {
        double sum = 0;
        reference(f, &a, x + o * len, exact, len);
        for (int i = 0; i < len; i++) {
            double u = ref_ulp(y[o * len + i], exact[i]);
            worst = u > worst ? u : worst;
            sum += y[o * len + i];
        }
        if (!f->log && !f->one)
            assert_true(fabs(sum - 1) <= 4 * 0x1p-24); /* 4 ULP below 1 */
    }
    check_ways(&a, x, y, outer, len);
    return worst;
}

static void test_ulp(void **state)
{
    (void)state;
    static const int lens[] = {100, 511, 1000, 1024, 4095, 4096, 4097, LONGEST};
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0;
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            for (int len = 1; len <= 70; len += 1 + (f >= PLAIN) * 4)
                for (int outer = 1; outer <= 19; outer += 6)
                    worst = fmax(worst, check_rows(&functions[f], outer, len, scales[s]));
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++)
                worst = fmax(worst, check_rows(&functions[f], 1 + (int)l % 3, lens[l], scales[s]));
        }
        print_message("%-40s %.6f ULP\n", functions[f].json, worst);
        assert_true(worst <= 0.501);
    }
}

/* Rows up to 4096 of the unpleasant kind: all equal, one far above, huge, masked, in steps. */
static float adversary(int kind, int i, int len)
{
    switch (kind) {
    case 0:
        return -3.25f;
    case 1:
        return i == len / 3 ? 88 : -15;
    case 2:
        return i % 2 ? FLT_MAX : -FLT_MAX;
    case 3:
        return i % 5 == 1 ? 2.5f : -INF;
    case 4:
        return (float)i * -0.025f;
    default:
        return 1e-30f * (float)(i % 7);
    }
}

static void test_adversaries(void **state)
{
    (void)state;
    static const int lens[] = {2, 3, 7, 64, 65, 1000, 4096};
    static float x[4096], y[4096];
    static real exact[4096];
    for (int f = 0; f < FUNCTIONS; f++)
        for (int kind = 0; kind < 6; kind++)
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++) {
                int len = lens[l];
                ax_act a = act_of(functions[f].json);
                double worst = 0;
                for (int i = 0; i < len; i++)
                    x[i] = functions[f].flip ? -adversary(kind, i, len) : adversary(kind, i, len);
                use(0);
                ax_act_rows(&a, x, y, 1, len, 1);
                reference(&functions[f], &a, x, exact, len);
                for (int i = 0; i < len; i++)
                    if (!isinf(exact[i]) || !isinf(y[i]))
                        worst = fmax(worst, ref_ulp(y[i], exact[i]));
                check_ways(&a, x, y, 1, len);
                if (!(worst <= 0.501))
                    fail_msg("%s, kind %d, %d elements: %g ULP", functions[f].json, kind, len,
                             worst);
            }
}

/* clang-format off */
static const struct {
    float x[4], soft[4], log[4];
} special[] = {
    {{0, -INF, -INF, 0}, {0.5f, 0, 0, 0.5f}, {-0.693147181f, -INF, -INF, -0.693147181f}},
    {{-INF, -INF, 3, -INF}, {0, 0, 1, 0}, {-INF, -INF, 0, -INF}},
    {{-INF, -INF, -INF, -INF}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{1, INF, 2, 3}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{1, 2, 3, NAN}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{NAN, -INF, -INF, -INF}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}},
    {{FLT_MAX, -FLT_MAX, 0, FLT_MAX}, {0.5f, 0, 0, 0.5f},
     {-0.693147181f, -INF, -FLT_MAX, -0.693147181f}},
    {{-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX}, {0.25f, 0.25f, 0.25f, 0.25f},
     {-1.38629436f, -1.38629436f, -1.38629436f, -1.38629436f}},
    {{0, -30, -31, -32}, {1, 9.3576230e-14f, 3.4424771e-14f, 1.2664166e-14f},
     {-1.4066517e-13f, -30, -31, -32}}, /* relative accuracy of a tiny logarithm */
    {{0, -103, -110, -1e4f}, {1, 1.4012985e-45f, 0, 0}, {-1.4012985e-45f, -103, -110, -1e4f}},
};
/* where softmax1 differs: it can be quiet */
static const struct {
    float x[4], y[4];
} quiet[] = {
    {{-INF, -INF, -INF, -INF}, {0, 0, 0, 0}},
    {{-FLT_MAX, -1000, -INF, -2000}, {0, 0, 0, 0}},
    {{0, 0, 0, 0}, {0.2f, 0.2f, 0.2f, 0.2f}},
    {{0, -INF, -INF, -INF}, {0.5f, 0, 0, 0}},
    {{-100, -INF, -INF, -INF}, {3.7835059e-44f, 0, 0, 0}},
    {{FLT_MAX, 0, -FLT_MAX, FLT_MAX}, {0.5f, 0, 0, 0.5f}},
    {{1, INF, 2, 3}, {NAN, NAN, NAN, NAN}},
    {{-INF, NAN, -INF, -INF}, {NAN, NAN, NAN, NAN}},
};
/* clang-format on */

static void check_special(const char *json, const float *x, const float *want)
{
    ax_act a = act_of(json);
    float y[4];
    use(0);
    ax_act_rows(&a, x, y, 1, 4, 1);
    for (int i = 0; i < 4; i++)
        if (!(y[i] == want[i] || (isnan(y[i]) && isnan(want[i])) ||
              fabsf(y[i] - want[i]) <= 2e-7f * fabsf(want[i])))
            fail_msg("%s of %g %g %g %g: y[%d] = %a, expected %a", json, x[0], x[1], x[2], x[3], i,
                     (double)y[i], (double)want[i]);
    check_ways(&a, x, y, 1, 4);
}

static void test_special(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof special / sizeof *special; s++) {
        float flipped[4];
        for (int i = 0; i < 4; i++)
            flipped[i] = -special[s].x[i];
        check_special("\"softmax\"", special[s].x, special[s].soft);
        check_special("\"log_softmax\"", special[s].x, special[s].log);
        check_special("\"softmin\"", flipped, special[s].soft);
    }
    for (size_t s = 0; s < sizeof quiet / sizeof *quiet; s++)
        check_special("\"softmax1\"", quiet[s].x, quiet[s].y);
    for (int f = 0; f < FUNCTIONS; f++) {
        ax_act a = act_of(functions[f].json);
        float y = 5;
        ax_act_rows(&a, &y, &y, 0, 3, 1);
        ax_act_rows(&a, &y, &y, 1, 0, 1);
        ax_act_rows(&a, &y, &y, 1, 3, 0);
        assert_true(y == 5); /* nothing to do */
    }
}

/* dx against long double: one rounding of what doubles make of it */
static void check_backward(const struct function *f, int outer, int len)
{
    static float x[MOST], y[MOST], dy[MOST], dx[MOST];
    ax_act a = act_of(f->json);
    real scale = (f->flip ? -1 : 1) / (real)a.param[0];
    use(0);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * 8, dy[i] = uniform();
    ax_act_rows(&a, x, y, outer, len, 1);
    ax_act_rows_backward(&a, y, dy, dx, outer, len, 1);
    for (int o = 0; o < outer; o++) {
        const float *yr = y + o * len, *dr = dy + o * len;
        real s = 0, size = 0;
        for (int i = 0; i < len; i++)
            s += f->log ? (real)dr[i] : (real)yr[i] * dr[i], size += fabsl((real)dr[i]);
        for (int i = 0; i < len; i++) {
            real exact = scale * (f->log ? dr[i] - expl(yr[i]) * s : yr[i] * (dr[i] - s));
            real off = fabsl(dx[o * len + i] - exact);
            assert_true(off <= 0x1p-24L * fabsl(exact) +
                                   fabsl(scale) * 1e-12L * size * (f->log ? 1 : yr[i]) + 1e-45L);
        }
    }
    check_ways_back(&a, y, dy, dx, outer, len);
}

static void test_backward(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int len = 1; len <= 70; len++)
            check_backward(&functions[f], 1 + len % 13, len);
        check_backward(&functions[f], 3, 1000);
        check_backward(&functions[f], 2, LONGEST);
    }
}

static void test_outer_inner(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTIONS; f++)
        check_outer_inner(functions[f].json, 11);
}

int main(void)
{
    find_isas();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special),     cmocka_unit_test(test_outer_inner),
        cmocka_unit_test(test_backward),    cmocka_unit_test(test_ulp),
        cmocka_unit_test(test_adversaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
