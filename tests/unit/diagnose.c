/* The health of models whose illness is known: hand-made nets, their exact shares, and that figures
 * depend neither on threads nor on what f is called. */
#include "diagnose.h"
#include "train_util.h"

#include "axon.h"

#define SPEC(shape, ...) "{\"name\":\"m\",\"inputs\":[{\"name\":\"x\",\"shape\":" shape "}],\"layers\":[" __VA_ARGS__ "]}"
#define DENSE(name, units, act)                                                                    \
    "{\"type\":\"dense\",\"name\":\"" name "\",\"units\":" units ",\"activation\":" act "}"

/* A model of the spec whose parameters all have the value that `at` gives. */
typedef float at_fn(const char *param, int64_t i);

static ax_net net;

static ax_model *model_with(const char *spec, at_fn *at)
{
    ax_err err = {0};
    cJSON *json = cJSON_Parse(spec);
    if (ax_net_build(&net, json, NULL, 1, &err))
        fail_msg("%s at %s", err.msg, err.at);
    cJSON_Delete(json);
    for (int k = 0; k < net.n_inits; k++) {
        ax_value *v = &net.graph.val[net.inits[k].param];
        int64_t n = ax_shape_count(&v->desc.shape);
        float *p = v->data = AX_ARRAY(&net.graph.arena, float, n);
        for (int64_t i = 0; i < n; i++)
            p[i] = at(v->name, i);
    }
    ax_model *m = ax_model_of_net(&net, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static void close_model(ax_model *m)
{
    ax_model_release(m);
    ax_net_fini(&net);
}

static ax_health look_with(ax_model *m, ax_diagnose_options o)
{
    ax_health h;
    ax_err err = {0};
    if (ax_diagnose(m, &o, &h, &err))
        fail_msg("%s", err.msg);
    return h;
}

static const ax_verdict *verdict_of(const ax_health *h, const char *layer, const char *code)
{
    for (int i = 0; i < h->n_verdicts; i++)
        if (!strcmp(h->verdicts[i].layer, layer) && !strcmp(h->verdicts[i].code, code))
            return &h->verdicts[i];
    return NULL;
}

static double gauss(uint64_t i)
{
    return ax_rng_normal((ax_rng){3, 5}, i);
}

static int is(const char *param, const char *name)
{
    return !strcmp(param, name);
}

/* ---- dead ------------------------------------------------------------------------------------ */

/* 16 inputs and 40 units; the first few get -1000. */
static int ill;

static float dead_at(const char *param, int64_t i)
{
    if (is(param, "h/bias"))
        return i < ill ? -1000 : 0;
    return (float)(gauss((uint64_t)i) / 4);
}

static void test_dead_units(void **state)
{
    static const char *const acts[] = {"\"relu\"", "\"sigmoid\"", "\"gelu\"",
                                       "{\"formula\":\"max(x,0)\"}", "{\"formula\":\"x*sigmoid(x)\"}"};
    static const struct {
        int dead;
        int severity; /* -1: none */
    } rows[] = {{0, -1}, {2, -1}, {3, AX_WARN}, {8, AX_WARN}, {9, AX_SERIOUS}, {20, AX_SERIOUS},
                {21, AX_CRITICAL}, {40, AX_CRITICAL}};
    (void)state;
    for (size_t a = 0; a < sizeof acts / sizeof *acts; a++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char spec[400];
            snprintf(spec, sizeof spec, SPEC("[16]", DENSE("h", "40", "%s") "," DENSE("out", "2", "\"softmax\"")), acts[a]);
            ill = rows[i].dead;
            ax_model *m = model_with(spec, dead_at);
            ax_health h = look_with(m, (ax_diagnose_options){.samples = 200, .seed = 1});
            assert_int_equal(h.n_layers, 2);
            const ax_layer_health *l = &h.layers[0];
            assert_string_equal(l->layer, "h");
            assert_int_equal(l->units, 40);
            if (l->dead != ill)
                fail_msg("%s: %lld dead, expected %d", acts[a], (long long)l->dead, ill);
            for (int k = 0; k < ill && k < AX_HEALTH_DEAD_LIST; k++)
                assert_int_equal(l->dead_list[k], k);
            assert_int_equal(l->in.count, 200 * 40);
            const ax_verdict *v = verdict_of(&h, "h", "dead_units");
            if ((v ? (int)v->severity : -1) != rows[i].severity)
                fail_msg("%s, %d dead: severity %d", acts[a], ill, v ? (int)v->severity : -1);
            if (v) {
                char text[64];
                snprintf(text, sizeof text, "%d of 40 units (%.1f %%)", ill, 2.5 * ill);
                assert_non_null(strstr(v->evidence, text));
            }
            assert_false(h.layers[1].has_slope);
            ax_health_free(&h);
            close_model(m);
        }
}

/* ---- saturated, linear, large, small ---------------------------------------------------------- */

/* z is the input itself, times scale, plus shift */
static double scale, shift;

static float diagonal(const char *param, int64_t i)
{
    const char *what = strchr(param, '/');
    return (float)(!strcmp(what, "/bias") ? shift : i % 5 == 0 ? scale : 0);
}

/* Four inputs to four units of this activation, and a last layer behind it. */
static ax_model *diagonal_of(const char *act, double by, double plus)
{
    char spec[500];
    scale = by, shift = plus;
    snprintf(spec, sizeof spec, SPEC("[4]", DENSE("h", "4", "%s") "," DENSE("out", "4", "\"identity\"")), act);
    return model_with(spec, diagonal);
}

/* -2, -0.5, 0.5, 2 in turns: what is flat can be counted by hand. */
static void test_saturation(void **state)
{
    static const struct {
        const char *act;
        double scale, shift, left, right; /* shares of z */
        int severity;
    } rows[] = {
        {"\"tanh\"", 1, 0, 0, 0, -1},
        {"\"tanh\"", 3, 0, 0.25, 0.25, AX_WARN},   /* 1/cosh^2 6 = 2.5e-5, of 1.5: 0.18 */
        {"\"tanh\"", 100, 0, 0.5, 0.5, AX_CRITICAL},
        {"\"tanh\"", 1, 100, 0, 1, AX_CRITICAL},
        {"\"tanh\"", 1, -100, 1, 0, AX_CRITICAL},
        {"{\"formula\":\"tanh(x)\"}", 100, 0, 0.5, 0.5, AX_CRITICAL},
        {"\"sigmoid\"", 3, 0, 0.25, 0.25, AX_WARN}, /* 0.0025 of 0.25: just below 1 % */
        {"\"hard_tanh\"", 1, 0, 0.25, 0.25, AX_WARN},
        {"\"relu\"", 1, 0, 0.5, 0, -1}, /* off for half of what comes is no illness */
        {"\"relu\"", 1, -100, 1, 0, -1},
    };
    (void)state;
    float x[4 * 64];
    for (int i = 0; i < 4 * 64; i++)
        x[i] = (float[]){-2, -0.5, 0.5, 2}[(i + i / 4) % 4];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_model *m = diagonal_of(rows[i].act, rows[i].scale, rows[i].shift);
        ax_health h = look_with(m, (ax_diagnose_options){.inputs = (const float *[]){x}, .samples = 64});
        const ax_layer_health *l = &h.layers[0];
        if (l->saturated_left != rows[i].left || l->saturated_right != rows[i].right)
            fail_msg("row %zu: %g left, %g right", i, l->saturated_left, l->saturated_right);
        const ax_verdict *v = verdict_of(&h, "h", "saturated");
        if ((v ? (int)v->severity : -1) != rows[i].severity)
            fail_msg("row %zu: severity %d", i, v ? (int)v->severity : -1);
        ax_health_free(&h);
        close_model(m);
    }
}

/* One verdict and no other. */
static void test_one_illness_each(void **state)
{
    static const struct {
        const char *act;
        double scale, shift;
        const char *code; /* NULL: healthy */
        ax_severity severity;
    } rows[] = {
        {"\"relu\"", 1, 0, NULL, 0},
        {"\"tanh\"", 1, 0, NULL, 0},
        {"\"silu\"", 1, 0, NULL, 0},
        {"\"elu\"", 1, 0, NULL, 0},
        {"{\"formula\":\"x*tanh(softplus(x))\"}", 1, 0, NULL, 0},
        {"\"relu\"", 1, 20, "linear", AX_WARN},
        {"\"hard_tanh\"", 0.05, 0, "linear", AX_WARN},
        {"\"leaky_relu\"", 300, 0, "signal_large", AX_WARN},
        {"\"leaky_relu\"", 30000, 0, "signal_large", AX_SERIOUS},
        {"\"silu\"", 3e-3, 0, "signal_small", AX_WARN},
        {"\"silu\"", 3e-7, 0, "signal_small", AX_CRITICAL},
        {"\"relu\"", 1, -2.6, "nearly_dead_units", AX_WARN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_model *m = diagonal_of(rows[i].act, rows[i].scale, rows[i].shift);
        ax_health h = look_with(m, (ax_diagnose_options){.samples = 2000, .seed = 7});
        for (int k = 0; k < h.n_verdicts; k++)
            if (!rows[i].code || strcmp(h.verdicts[k].code, rows[i].code) || h.verdicts[k].severity != rows[i].severity)
                fail_msg("row %zu: %s, %s", i, h.verdicts[k].code, h.verdicts[k].evidence);
        assert_int_equal(h.n_verdicts, rows[i].code != NULL);
        ax_health_free(&h);
        close_model(m);
    }
}

/* ---- figures --------------------------------------------------------------------------------- */

/* Of N(0,1) into relu: half of it is gone, the gain is that of the theory. */
static void test_figures(void **state)
{
    (void)state;
    ax_model *m = diagonal_of("\"relu\"", 1, 0);
    ax_health h = look_with(m, (ax_diagnose_options){.samples = 20000, .seed = 1});
    const ax_layer_health *l = &h.layers[0];
    const double n = 80000, off = 4 / sqrt(n); /* four standard errors of a mean */
    assert_true(h.noise && h.samples == 20000);
    assert_true(fabs(l->in.mean) < off && fabs(l->in.rms - 1) < off);
    assert_true(fabs(l->out.mean - 0.398942) < off && fabs(l->out.std - sqrt(0.5 - 0.159155)) < off);
    assert_true(fabs(l->gain - sqrt(0.5)) < off && fabs(l->gain_expected - sqrt(0.5)) < 1e-6);
    assert_true(fabs(l->sparsity - 0.5) < off / 2);
    assert_true(fabs(l->unit_active.median - 0.5) < 2 * off);
    static const double at[AX_HEALTH_QUANTILES] = {-2.32635, -0.67449, 0, 0.67449, 2.32635};
    for (int i = 0; i < AX_HEALTH_QUANTILES; i++) /* what a bin of a quarter octave can tell */
        assert_true(fabs(l->in.quantile[i] - at[i]) < 0.03 + 0.02 * fabs(at[i]));
    assert_float_equal(l->out.quantile[1], 0, 0); /* of a rectifier: not near it */
    assert_true(fabs(l->out.quantile[3] - 0.67449) < 0.03);
    int64_t sum = 0;
    for (int i = 0; i < AX_HEALTH_BINS; i++)
        sum += l->in.bin[i];
    assert_int_equal(sum, l->in.count);
    ax_health_free(&h);
    close_model(m);
}

/* Known numbers: moments, extremes and the sparsity of samples. */
static void test_known_numbers(void **state)
{
    (void)state;
    const float x[8] = {-1, 0, 3, 4, 0, 0, 0, 2};
    ax_model *m = diagonal_of("\"relu\"", 1, 0);
    ax_health h = look_with(m, (ax_diagnose_options){.inputs = (const float *[]){x}, .samples = 2});
    const ax_layer_health *l = &h.layers[0];
    assert_int_equal(l->in.count, 8);
    assert_float_equal(l->in.mean, 1, 1e-12);
    assert_float_equal(l->in.rms, sqrt(30.0 / 8), 1e-12);
    assert_float_equal(l->in.std, sqrt(30.0 / 8 - 1), 1e-12);
    assert_float_equal(l->in.min, -1, 0);
    assert_float_equal(l->in.max, 4, 0);
    assert_float_equal(l->sparsity, 5.0 / 8, 0);
    assert_float_equal(l->hoyer, ((2 - 7.0 / 5) / 1 + 1) / 2, 1e-12);
    assert_float_equal(l->gain, sqrt(29.0 / 30), 1e-12);
    assert_float_equal(l->unit_mean.max, 3, 1e-12);
    assert_float_equal(l->unit_mean.median, (0 + 1.5) / 2, 1e-12);
    assert_non_null(verdict_of(&h, "", "few_samples"));
    assert_null(verdict_of(&h, "h", "dead_units"));
    ax_health_free(&h);
    close_model(m);
}

/* What overflows is counted, not averaged; subnormal outputs are told. */
static void test_strange_numbers(void **state)
{
    (void)state;
    float x[4 * 64];
    for (int i = 0; i < 4 * 64; i++)
        x[i] = i % 4 ? 1 : i < 4 ? 3e38f : 1e-39f;
    ax_model *m = diagonal_of("{\"formula\":\"2*x\"}", 1, 0);
    ax_health h = look_with(m, (ax_diagnose_options){.inputs = (const float *[]){x}, .samples = 64});
    const ax_layer_health *l = &h.layers[0];
    assert_int_equal(l->in.non_finite, 0);
    assert_int_equal(l->out.non_finite, 1);
    assert_int_equal(l->out.subnormal, 63);
    assert_float_equal(l->out.max, 2, 0);
    assert_int_equal(verdict_of(&h, "h", "non_finite")->severity, AX_CRITICAL);
    assert_int_equal(verdict_of(&h, "h", "subnormal")->severity, AX_SERIOUS);
    assert_int_equal(h.verdicts[0].severity, AX_CRITICAL); /* the worst first */
    ax_health_free(&h);
    close_model(m);
}

/* Edges of bins: every float lies in the bin whose edges enclose it. */
static void test_bins(void **state)
{
    (void)state;
    for (int i = 0; i < AX_HEALTH_BINS; i++)
        assert_true(ax_health_edge(i) < ax_health_edge(i + 1));
    assert_float_equal(ax_health_edge(AX_HEALTH_BINS), 4096, 0);
    assert_float_equal(ax_health_edge(0), -4096, 0);
    float x[4] = {0};
    for (int i = 0; i < 60; i++) {
        double size = exp(gauss((uint64_t)i) * 3);
        x[0] = (float)(i % 2 ? size : -size);
        x[1] = (float)ax_health_edge(i * 3);
        ax_model *m = diagonal_of("\"relu\"", 1, 0);
        ax_health h = look_with(m, (ax_diagnose_options){.inputs = (const float *[]){x}, .samples = 1});
        for (int k = 0; k < 2; k++)
            for (int b = 0; b < AX_HEALTH_BINS; b++) /* an edge belongs to the bin farther from 0 */
                if (x[k] < 0 ? x[k] > ax_health_edge(b) && x[k] <= ax_health_edge(b + 1)
                             : x[k] >= ax_health_edge(b) && x[k] < ax_health_edge(b + 1))
                    assert_true(h.layers[0].in.bin[b] >= 1);
        ax_health_free(&h);
        close_model(m);
    }
}

/* ---- pictures, learned slopes, threads -------------------------------------------------------- */

static const char pictures[] =
    "{\"inputs\":[{\"name\":\"x\",\"shape\":[3,9,7],\"scale\":0.00392156862745098,\"mean\":[0.2,0.5,0.4],"
    "\"std\":0.25}],\"layers\":["
    "{\"type\":\"conv2d\",\"name\":\"c\",\"filters\":8,\"kernel_size\":3,\"activation\":\"relu\"},"
    "{\"type\":\"batch_norm\",\"name\":\"n\",\"activation\":\"gelu\"},"
    "{\"type\":\"conv2d\",\"name\":\"p\",\"filters\":5,\"kernel_size\":3,\"activation\":\"prelu\"},"
    "{\"type\":\"flatten\"},{\"type\":\"dense\",\"name\":\"g\",\"units\":6,\"activation\":\"swiglu\"},"
    "{\"type\":\"dense\",\"name\":\"out\",\"units\":3,\"activation\":\"softmax\"}]}";

static float picture_at(const char *param, int64_t i)
{
    if (is(param, "c/bias") || is(param, "p/bias"))
        return i < 2 ? -1000 : 0;
    if (is(param, "p/alpha")) /* the first unit's slope is dead, the second's is not */
        return i == 0 ? 0 : i == 1 ? 0.5f : 0.25f;
    if (is(param, "n/moving_variance"))
        return 1;
    return (float)(gauss((uint64_t)i) * 0.2 + is(param, "n/gamma"));
}

static void test_pictures(void **state)
{
    (void)state;
    ax_model *m = model_with(pictures, picture_at);
    ax_health h[3];
    ax_err err;
    for (int t = 0; t < 3; t++) {
        ax_pool *pool = t ? ax_pool_new(t + 1, &err) : NULL;
        h[t] = look_with(m, (ax_diagnose_options){.samples = 150, .seed = 2, .pool = pool});
        ax_pool_free(pool);
    }
    assert_int_equal(h[0].n_layers, 5);
    const ax_layer_health *c = &h[0].layers[0], *p = &h[0].layers[2], *g = &h[0].layers[3];
    assert_int_equal(c->units, 8);
    assert_int_equal(c->in.count, 150 * 8 * 7 * 5);
    assert_int_equal(c->dead, 2);
    assert_true(c->shape.rank == 3 && c->shape.dim[0] == 8 && c->shape.dim[1] == 7);
    assert_int_equal(p->dead, 1);
    assert_int_equal(p->dead_list[0], 0);
    assert_true(g->in.count == 2 * g->out.count && !g->has_slope && g->units == 3);
    assert_true(h[0].layers[4].is_output);
    for (int t = 1; t < 3; t++) {
        cJSON *a = ax_health_json(&h[0]), *b = ax_health_json(&h[t]);
        assert_true(a && b && cJSON_Compare(a, b, 1));
        cJSON_Delete(a);
        cJSON_Delete(b);
        for (int i = 0; i < h[0].n_layers; i++)
            assert_memory_equal(&h[0].layers[i].in, &h[t].layers[i].in, sizeof(ax_spread));
    }
    for (int t = 0; t < 3; t++)
        ax_health_free(&h[t]);
    close_model(m);
}

/* Made-up samples are what the model's own normalisation makes N(0,1), or [0,1). */
static void test_noise_follows_the_normalisation(void **state)
{
    static const struct {
        const char *field;
        double mean, std, min, max;
    } rows[] = {
        {"", 0, 1, -6, 6},
        {",\"scale\":0.004,\"mean\":[0.3,0.4,0.1,0.9],\"std\":0.3", 0, 1, -6, 6},
        {",\"mean\":100,\"std\":[1,20,300,4]", 0, 1, -6, 6},
        {",\"scale\":0.00392156862745098", 0.5, 0.288675, 0, 1},
    };
    (void)state;
    scale = 1, shift = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[400];
        snprintf(spec, sizeof spec, "{\"inputs\":[{\"name\":\"x\",\"shape\":[4]%s}],\"layers\":[{\"type\":\"dense\","
                 "\"units\":4,\"name\":\"h\",\"activation\":\"relu\"}]}", rows[i].field);
        ax_model *m = model_with(spec, diagonal);
        ax_health h = look_with(m, (ax_diagnose_options){.samples = 10000, .seed = 4});
        const ax_spread *z = &h.layers[0].in;
        assert_true(fabs(z->mean - rows[i].mean) < 0.02 && fabs(z->std - rows[i].std) < 0.02);
        assert_true(z->min >= rows[i].min && z->max <= rows[i].max);
        ax_health_free(&h);
        close_model(m);
    }
}

static int stop_at_once(void *ctx)
{
    return ++*(int *)ctx > 2;
}

static void test_refusals(void **state)
{
    (void)state;
    ax_model *m = diagonal_of("\"relu\"", 1, 0);
    ax_health h;
    ax_err err = {0};
    int asked = 0;
    for (int64_t n = 0; n < 70000; n += 65537) {
        assert_int_equal(ax_diagnose(m, &(ax_diagnose_options){.samples = n}, &h, &err), -1);
        assert_int_equal(err.code, AX_ERANGE);
    }
    ax_diagnose_options o = {.samples = 1000, .stop = stop_at_once, .ctx = &asked};
    assert_int_equal(ax_diagnose(m, &o, &h, &err), -1);
    assert_int_equal(err.code, AX_ECANCELED);
    assert_non_null(strstr(err.msg, "128 of 1000"));
    close_model(m);
    m = model_with(SPEC("[4]", DENSE("h", "4", "\"identity\"")), diagonal);
    assert_int_equal(ax_diagnose(m, &(ax_diagnose_options){.samples = 4}, &h, &err), -1);
    assert_int_equal(err.code, AX_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "no activation"));
    close_model(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_units),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_one_illness_each),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_strange_numbers),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_noise_follows_the_normalisation),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
