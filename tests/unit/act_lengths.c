/* act_lengths.c - rows that change their length: gated linear units within an ULP of long double,
 * maxout and crelu exactly; both orders of the halves, every layout and instruction set. */
#include "act_rows.h"

/* ---- y = left(a) right(b) ---- */

static real ref_self_f(const double *p, real x)
{
    (void)p;
    return x;
}

static real ref_self_d(const double *p, real x)
{
    (void)p, (void)x;
    return 1;
}

static real ref_oai_value_f(const double *p, real x)
{
    return 1 + ref_clip(x, -p[1], p[1]);
}

static real ref_oai_value_d(const double *p, real x)
{
    return fabs(x) < p[1];
}

static real ref_oai_gate_f(const double *p, real x)
{
    real z = x < p[1] ? x : p[1];
    return z * ref_s(p[0] * z);
}

static real ref_oai_gate_d(const double *p, real x)
{
    return x < p[1] ? ref_s(p[0] * x) * (1 + p[0] * x * ref_s(-p[0] * x)) : 0;
}

static const struct pair {
    const char *json;
    ref_fn *left, *left_d, *right, *right_d;
    int swapped;
} pairs[] = {
    {"\"glu\"", ref_self_f, ref_self_d, ref_sigmoid_f, ref_sigmoid_d, 0},
    {"{\"name\":\"glu\",\"gate_first\":true}", ref_self_f, ref_self_d, ref_sigmoid_f, ref_sigmoid_d,
     1},
    {"\"gtu\"", ref_tanh_f, ref_tanh_d, ref_sigmoid_f, ref_sigmoid_d, 0},
    {"{\"name\":\"gtu\",\"gate_first\":1}", ref_tanh_f, ref_tanh_d, ref_sigmoid_f, ref_sigmoid_d,
     1},
    {"\"bilinear\"", ref_self_f, ref_self_d, ref_self_f, ref_self_d, 0},
    {"\"reglu\"", ref_self_f, ref_self_d, ref_relu_f, ref_relu_d, 0},
    {"\"geglu\"", ref_self_f, ref_self_d, ref_gelu_f, ref_gelu_d, 0},
    {"\"swiglu\"", ref_self_f, ref_self_d, ref_silu_f, ref_silu_d, 0},
    {"{\"name\":\"swiglu\",\"gate_first\":true}", ref_self_f, ref_self_d, ref_silu_f, ref_silu_d,
     1},
    {"\"swiglu_oai\"", ref_oai_value_f, ref_oai_value_d, ref_oai_gate_f, ref_oai_gate_d, 0},
    {"{\"name\":\"swiglu_oai\",\"alpha\":0.7,\"limit\":2.5,\"gate_first\":true}", ref_oai_value_f,
     ref_oai_value_d, ref_oai_gate_f, ref_oai_gate_d, 1},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static const float scales[] = {1e-20f, 1e-3f, 1, 10, 120, 1e18f};

static double check_pair(const struct pair *q, int outer, int half, float scale)
{
    static float x[MOST], y[MOST], dy[MOST], dx[MOST];
    ax_act a = act_of(q->json);
    double worst = 0;
    int len = 2 * half;
    use(0);
    for (int i = 0; i < outer * len; i++)
        x[i] = uniform() * scale;
    for (int i = 0; i < outer * half; i++)
        dy[i] = uniform();
    assert_int_equal(ax_act_out_len(&a, len), half);
    ax_act_rows(&a, x, y, outer, len, 1);
    ax_act_rows_backward(&a, x, dy, dx, outer, len, 1);
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < half; i++) {
            int at = o * len + i, bt = at;
            *(q->swapped ? &at : &bt) += half;
            real va = x[at], vb = x[bt], g = dy[o * half + i];
            const double *p = a.param;
            real want[] = {q->left(p, va) * q->right(p, vb), g * q->left_d(p, va) * q->right(p, vb),
                           g * q->left(p, va) * q->right_d(p, vb)};
            float got[] = {y[o * half + i], dx[at], dx[bt]};
            for (int k = 0; k < 3; k++)
                worst = fmax(worst, ref_ulp(got[k], want[k]));
        }
    check_ways(&a, x, y, outer, len);
    check_ways_back(&a, x, dy, dx, outer, len);
    return worst;
}

static void test_pairs(void **state)
{
    (void)state;
    for (int q = 0; q < PAIRS; q++) {
        double worst = 0;
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
            for (int half = 1; half < 400; half += 1 + half / 5)
                worst = fmax(worst, check_pair(&pairs[q], 1 + half % 7, half, scales[s]));
        print_message("%-70s %.6f ULP\n", pairs[q].json, worst);
        assert_true(worst <= 0.501);
        check_outer_inner(pairs[q].json, 22);
    }
}

/* ---- maxout, crelu ---- */

static void test_maxout(void **state)
{
    (void)state;
    static const char *const json[] = {"\"maxout\"", "{\"name\":\"maxout\",\"pieces\":3}",
                                       "{\"name\":\"maxout\",\"pieces\":7}"};
    static float x[MOST], y[MOST], dy[MOST], dx[MOST];
    for (int j = 0; j < 3; j++) {
        ax_act a = act_of(json[j]);
        int k = (int)a.param[0];
        for (int units = 1; units < 60; units++) {
            int outer = 1 + units % 5;
            for (int i = 0; i < outer * units * k; i++)
                x[i] = (float)(int)(uniform() * 4); /* equal ones, too */
            for (int u = 0; u < outer * units; u++) {
                int at = u * k;
                for (int i = 1; i < k; i++)
                    at = x[u * k + i] > x[at] ? u * k + i : at;
                y[u] = x[at];
                dy[u] = uniform();
                for (int i = 0; i < k; i++)
                    dx[u * k + i] = u * k + i == at ? dy[u] : 0;
            }
            check_ways(&a, x, y, outer, units * k);
            check_ways_back(&a, x, dy, dx, outer, units * k);
        }
        check_outer_inner(json[j], 2 * k);
    }
}

/* one row each; dy is 1, 2, 3... */
static const struct {
    const char *json;
    int len;
    float x[6], y[6], dx[6];
} special[] = {
    {"{\"name\":\"maxout\",\"pieces\":3}", 3, {1, NAN, 2}, {NAN}, {0, 1, 0}},
    {"{\"name\":\"maxout\",\"pieces\":3}", 3, {NAN, NAN, 2}, {NAN}, {1, 0, 0}},
    {"{\"name\":\"maxout\",\"pieces\":3}", 3, {-INF, -INF, -INF}, {-INF}, {1, 0, 0}},
    {"{\"name\":\"maxout\",\"pieces\":3}",
     6,
     {-0.0f, 0, 0, 1, INF, INF},
     {0, INF},
     {1, 0, 0, 0, 2, 0}},
    {"\"crelu\"", 3, {1.5f, -2, 0}, {1.5f, 0, 0, 0, 2, 0}, {1, -5, 0}},
    {"\"crelu\"", 3, {NAN, -INF, INF}, {NAN, 0, INF, NAN, INF, 0}, {NAN, -5, 3}},
    {"\"glu\"", 2, {INF, -INF}, {NAN}, {0, NAN}},
    {"\"glu\"", 2, {3, -INF}, {0}, {0, 0}},
    {"\"glu\"", 2, {3, INF}, {3}, {1, 0}},
    {"\"glu\"", 2, {NAN, 0}, {NAN}, {NAN, NAN}},
    {"\"swiglu\"", 2, {3, -INF}, {-0.0f}, {-0.0f, -0.0f}},
    {"\"geglu\"", 2, {3, NAN}, {NAN}, {NAN, NAN}},
    {"\"reglu\"", 2, {-3, -1}, {0}, {0, 0}},
    {"\"reglu\"", 2, {-3, 0}, {0}, {0, 0}},
    {"\"bilinear\"", 2, {FLT_MAX, 2}, {INF}, {2, FLT_MAX}},
    {"\"swiglu_oai\"", 2, {INF, -INF}, {-0.0f}, {0, 0}},
    {"\"swiglu_oai\"", 2, {-INF, INF}, {-0x1.4fff6cp5f}, {0, 0}},
};

static void test_special(void **state)
{
    (void)state;
    static const float dy[] = {1, 2, 3, 4, 5, 6};
    for (size_t s = 0; s < sizeof special / sizeof *special; s++) {
        ax_act a = act_of(special[s].json);
        float y[6], dx[6];
        int len = special[s].len, m = (int)ax_act_out_len(&a, len);
        use(0);
        ax_act_rows(&a, special[s].x, y, 1, len, 1);
        ax_act_rows_backward(&a, special[s].x, dy, dx, 1, len, 1);
        for (int i = 0; i < len || i < m; i++) {
            float got[] = {i < m ? y[i] : 0, i < len ? dx[i] : 0};
            float want[] = {i < m ? special[s].y[i] : 0, i < len ? special[s].dx[i] : 0};
            for (int k = 0; k < 2; k++)
                if (!(got[k] == want[k] || (isnan(got[k]) && isnan(want[k]))))
                    fail_msg("row %zu, %s: %s[%d] = %g, expected %g", s, special[s].json,
                             k ? "dx" : "y", i, got[k], want[k]);
        }
        check_ways(&a, special[s].x, y, 1, len);
        check_ways_back(&a, special[s].x, dy, dx, 1, len);
    }
}

static void test_crelu(void **state)
{
    (void)state;
    static float x[MOST], y[2 * MOST], dy[2 * MOST], dx[MOST];
    ax_act a = act_of("\"crelu\"");
    for (int len = 1; len < 300; len += 1 + len / 6) {
        int outer = 1 + len % 9;
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < len; i++) {
                float v = x[o * len + i] = uniform();
                y[2 * o * len + i] = v > 0 ? v : 0;
                y[(2 * o + 1) * len + i] = v > 0 ? 0 : -v;
                dy[2 * o * len + i] = uniform();
                dy[(2 * o + 1) * len + i] = uniform();
                dx[o * len + i] = v > 0 ? dy[2 * o * len + i] : -dy[(2 * o + 1) * len + i];
            }
        check_ways(&a, x, y, outer, len);
        check_ways_back(&a, x, dy, dx, outer, len);
    }
    check_outer_inner("\"crelu\"", 11);
}

/* ---- lengths ---- */

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t len, out, div;
    } rows[] = {
        {"\"softmax\"", 7, 7, 1},
        {"\"crelu\"", 7, 14, 1},
        {"\"glu\"", 8, 4, 2},
        {"\"glu\"", 7, -1, 2},
        {"\"maxout\"", 8, 4, 2},
        {"{\"name\":\"maxout\",\"pieces\":5}", 15, 3, 5},
        {"{\"name\":\"maxout\",\"pieces\":5}", 14, -1, 5},
        {"\"relu\"", 3, 3, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_act a = act_of(rows[i].json);
        assert_int_equal(ax_act_out_len(&a, rows[i].len), rows[i].out);
        assert_int_equal(ax_act_out_div(&a), rows[i].div);
    }
}

int main(void)
{
    find_isas();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_special),
        cmocka_unit_test(test_maxout),  cmocka_unit_test(test_crelu),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
