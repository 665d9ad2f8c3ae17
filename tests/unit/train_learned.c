/* Learned parameters of a formula and of rows of the catalogue: their gradient, that they move,
 * that their bits depend neither on threads nor on having been stopped, and that what was learned
 * is an activation like any other. */
#include "train_util.h"

#include "activation/formula/formula.h"
#include "ops/ops.h"

#define FORMULA                                                                                    \
    "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1},\"learnable\":[\"beta\"]}"

static const char *spec_of(int epochs, const char *activation)
{
    static char spec[1024];
    snprintf(spec, sizeof spec,
             "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":"
             "\"dense\",\"units\":8,\"name\":\"d\"},{\"type\":\"activation\",\"name\":\"h\","
             "\"activation\":%s},"
             "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]},\"dataset\":{\"x\":"
             "[[0,0],[0,1],[1,0],[1,1]],\"y\":[0,1,1,0]},\"epochs\":%d,\"optimizer\":{\"name\":"
             "\"adam\",\"learning_rate\":0.02}}",
             activation, epochs);
    return spec;
}

static void must_fail(const char *spec, ax_err *err)
{
    ax_train_result r;
    ax_train_options o = options_of(spec);
    o.out = in_folder("none.safetensors");
    assert_int_equal(ax_train(&o, &r, err), -1);
}

/* Against central differences in double, over three slices and a piece; beta outside its bounds
 * counts as the bound. */
static void test_gradient(void **state)
{
    (void)state;
    enum { N = 50001 };
    static float x[N], dy[N];
    static double at[N], up[N], down[N];
    static const float betas[] = {1.7f, 0.1f, 99};
    ax_arena arena;
    ax_learned_attr a = {0};
    ax_err err;
    ax_arena_init(&arena, 1 << 20);
    cJSON *json = cJSON_Parse("{\"formula\":\"x*sigmoid(b*x)\",\"params\":{\"b\":{\"default\":1,"
                              "\"min\":-2,\"max\":3,\"learnable\":true}}}");
    assert_int_equal(ax_act_from_json(json, &arena, &a.act, &err), 0);
    cJSON_Delete(json);
    for (int i = 0; i < N; i++) {
        at[i] = x[i] = (float)(noise((uint64_t)i) / 4294967296.0 * 8 - 4);
        dy[i] = (float)(noise((uint64_t)i + N) / 4294967296.0 + 0.5);
    }
    for (size_t k = 0; k < sizeof betas / sizeof *betas; k++) {
        const double h = 1e-4;
        double beta = betas[k] > 3 ? 3 : (double)betas[k], sum = 0;
        float b = betas[k], got, scratch[64];
        ax_desc in[] = {{AX_F32, AX_SHAPE(N)}, {AX_F32, AX_SHAPE(1)}, {AX_F32, AX_SHAPE(N)}};
        ax_call c = {.attr = &a,
                     .in = in,
                     .n_in = 3,
                     .n_out = 1,
                     .x = {x, &b, dy},
                     .y = {&got},
                     .scratch = scratch};
        ax_formula_run_double(a.act.gradient, AX_FORMULA_F, &(double){beta + h}, at, up, N);
        ax_formula_run_double(a.act.gradient, AX_FORMULA_F, &(double){beta - h}, at, down, N);
        for (int i = 0; i < N; i++)
            sum += dy[i] * (up[i] - down[i]) / (2 * h);
        ax_op_learned_dp.run(&c);
        assert_true(fabs(got - sum) <= 1e-6 * fabs(sum));
    }
    ax_arena_fini(&arena);
}

/* What is learned, from which number on, and what the layer's activation reads like. */
static const struct {
    const char *activation, *tensor[4], *begins;
    float from[3];
} moving[] = {
    {FORMULA,
     {"h/beta"},
     "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":{\"default\":",
     {1}},
    {"{\"name\":\"swish\",\"learnable\":[\"beta\"]}",
     {"h/beta"},
     "{\"name\":\"swish\",\"beta\":",
     {1}},
    {"{\"name\":\"Swish\",\"dialect\":\"onnx\",\"beta\":1.5,\"learnable\":[\"beta\"]}",
     {"h/beta"},
     "{\"name\":\"swish\",\"beta\":",
     {1.5f}},
    {"{\"name\":\"acon_c\",\"p2\":0.25,\"learnable\":[\"p1\",\"p2\",\"beta\"]}",
     {"h/p1", "h/p2", "h/beta"},
     "{\"name\":\"acon_c\",\"p1\":",
     {1, 0.25f, 1}},
    {"{\"name\":\"pade\",\"learnable\":[\"a1\",\"b2\"]}",
     {"h/a1", "h/b2"},
     "{\"name\":\"pau\",\"a0\":0.02979246,\"a1\":",
     {0.61837738f, 4.39322834f}},
    {"{\"name\":\"snake\",\"learnable\":[\"a\"]}", {"h/a"}, "{\"name\":\"snake\",\"a\":", {1}},
};

/* The card tells what was learned, and reads back; it is an activation with the bits that are
 * served. */
static void check_card(ax_model *m, size_t row)
{
    enum { N = 40 };
    static const char *const outputs[] = {"d", "h"};
    const ax_layer_info *l = &ax_model_get_info(m)->layers[1];
    ax_session *s =
        ax_session_open(m, &(ax_session_options){.outputs = outputs, .n_outputs = 2}, NULL);
    float x[N], want[4 * N];
    int64_t n;
    int k = 0;
    ax_arena arena;
    ax_act a;
    ax_arena_init(&arena, 0);
    if (strncmp(l->activation, moving[row].begins, strlen(moving[row].begins)))
        fail_msg("%s reads %s", moving[row].activation, l->activation);
    cJSON *json = cJSON_Parse(l->activation);
    assert_int_equal(ax_act_from_json(json, &arena, &a, NULL), 0);
    cJSON_Delete(json);
    for (int i = 0; i < AX_ACT_PARAMS; i++) {
        assert_true((float)a.param[i] == (float)l->act.param[i]);
        if (a.learned >> i & 1)
            assert_true(l->act.param[i] == (double)*param_of(m, moving[row].tensor[k++], &n));
    }
    assert_true(k > 0 && !moving[row].tensor[k] && a.learned == l->act.learned);
    for (int i = 0; i < N; i++)
        x[i] = (float)(noise((uint64_t)i) / 4294967296.0 * 6 - 3);
    predict(s, x, N / 2, 2);
    ax_act_forward(&l->act, ax_session_output(s, 0), want, 4 * N);
    assert_memory_equal(ax_session_output(s, 1), want, sizeof want);
    ax_session_close(s);
    ax_arena_fini(&arena);
}

static void test_moves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++) {
        ax_train_options o = options_of(spec_of(40, moving[i].activation));
        o.out = in_folder("one.safetensors");
        const char *one = o.out;
        must_train(&o);
        ax_model *m = must_open(one);
        for (int k = 0; k < 3 && moving[i].tensor[k]; k++) {
            int64_t n;
            float p = *param_of(m, moving[i].tensor[k], &n);
            assert_int_equal(n, 1);
            if (!isfinite(p) || fabsf(p - moving[i].from[k]) < 1e-3f)
                fail_msg("%s: %s is %g", moving[i].activation, moving[i].tensor[k], (double)p);
        }
        check_card(m, i);
        ax_model_release(m);
        o.out = in_folder("two.safetensors");
        o.threads = 2;
        must_train(&o);
        assert_true(same_files(one, o.out));
    }
}
/* Stops when so many steps are done. */
static int stop_at(void *ctx, const ax_train_progress *p)
{
    usleep(100000); /* so that each step is reported */
    return p->step >= *(const int *)ctx;
}

/* Stopped in the middle of an epoch and at its end: the file of a run on one thread that was not.
 */
static void test_resume(void **state)
{
    (void)state;
    static const struct {
        const char *activation;
        int threads, stops[2];
    } rows[] = {
        {FORMULA, 1, {3, 0}},
        {FORMULA, 1, {7, 9}},
        {FORMULA, 2, {3, 0}},
        {FORMULA, 2, {7, 9}},
        {"{\"name\":\"acon_c\",\"learnable\":[\"p1\",\"beta\"]}", 2, {4, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char checkpoints[160], spec[8192];
        const char *plain = small_spec(",\"epochs\":3,\"batch_size\":6"),
                   *at = strstr(plain, "\"relu\"");
        ax_err err;
        ax_train_result r;
        snprintf(spec, sizeof spec, "%.*s%s%s", (int)(at - plain), plain, rows[i].activation,
                 at + 6);
        snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints%zu", folder, i);
        ax_train_options o = options_of(spec);
        o.out = in_folder("whole.safetensors");
        must_train(&o);
        o.out = in_folder("parts.safetensors");
        o.checkpoint_dir = checkpoints;
        o.resume = 1;
        o.threads = rows[i].threads;
        remove(o.out);
        for (int k = 0; k < 2 && rows[i].stops[k]; k++) {
            o.progress = stop_at;
            o.ctx = (void *)(uintptr_t)&rows[i].stops[k];
            assert_int_equal(ax_train(&o, &r, &err), -1);
            assert_int_equal(err.code, AX_ECANCELED);
            assert_true(access(o.out, F_OK) != 0);
        }
        o.progress = NULL;
        assert_int_equal(must_train(&o).steps, 21);
        if (!same_files(in_folder("whole.safetensors"), o.out))
            fail_msg("%s, stopped at %d: another model", rows[i].activation, rows[i].stops[0]);
        ax_model *m = must_open(o.out);
        const ax_act *act = &ax_model_get_info(m)->layers[2].act;
        assert_true(act->learned && act->param[0] != 1); /* it did learn */
        ax_model_release(m);
    }
}

/* A parameter called as a tensor of the layer: of a dense one's, of a normalisation's. */
static void test_name_taken(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *message;
    } rows[] = {
        {"\"dense\",\"units\":2,\"name\":\"h\",\"activation\":{\"formula\":\"x*sigmoid(bias*x)\","
         "\"params\":"
         "{\"bias\":1},\"learnable\":[\"bias\"]}",
         "layer 'h' has a tensor 'bias' already"},
        {"\"batch_norm\",\"name\":\"h\",\"activation\":{\"name\":\"swish\",\"learnable\":[\"beta\"]"
         "}",
         "layer 'h' has a tensor 'beta' already"},
    };
    for (size_t i = 0; i < 2; i++) {
        char spec[512];
        ax_err err;
        snprintf(
            spec, sizeof spec,
            "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":%s}]},"
            "\"dataset\":{\"x\":[[1,2],[2,1]],\"y\":[[1,0],[2,0]]}}",
            rows[i].layer);
        must_fail(spec, &err);
        assert_string_equal(err.msg, rows[i].message);
        assert_string_equal(err.at, "model.layers[0].activation");
        assert_non_null(strstr(err.hint, "a layer of its own"));
    }
}

/* What has no finite value, slope or gradient of a learned parameter on [-20, 20] is not trained.
 */
static void test_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *activation, *message;
    } rows[] = {
        {"{\"formula\":\"log(x)\"}", "'log(x)' is NaN at x = -20"},
        {"{\"formula\":\"x < 3.01 ? x : x > 3.02 ? x : log(-x)\"}", "is NaN at x = 3.015"},
        {"{\"formula\":\"1/x\"}", "'1/x' is infinite at x = 0"},
        {"{\"formula\":\"exp(exp(x/4))\"}", "is infinite at x = 17.9"},
        {"{\"formula\":\"sqrt(abs(x))\"}", "the derivative of 'sqrt(abs(x))' is NaN at x = 0"},
        {"{\"formula\":\"sqrt(abs(b))*x\",\"params\":{\"b\":0},\"learnable\":[\"b\"]}",
         "the derivative of 'sqrt(abs(b))*x' by b is NaN at x = -20"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_err err;
        must_fail(spec_of(1, rows[i].activation), &err);
        if (!strstr(err.msg, rows[i].message))
            fail_msg("%s: %s", rows[i].activation, err.msg);
        assert_int_equal(err.code, AX_ENONFINITE);
        assert_string_equal(err.at, "model.layers[1].activation");
        assert_non_null(strstr(err.hint, "[-20, 20]"));
    }
}

/* A prelu's card has what its slope became, or says that slopes differ by channel. */
static void test_prelu_card(void **state)
{
    (void)state;
    int64_t n;
    ax_train_options o = options_of(
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":1,\"name\":"
        "\"one\",\"activation\":\"prelu\"},{\"type\":\"dense\",\"units\":3,\"name\":\"three\",\"activation\":\"prelu\"},"
        "{\"type\":\"activation\",\"activation\":\"identity\",\"name\":\"same\"},{\"type\":\"dense\",\"units\":1}]},"
        "\"dataset\":{\"x\":[[0,0],[0,1],[1,0],[1,1],[-1,-1],[-1,1]],\"y\":[0,1,1,0,3,2]},\"epochs\":50,"
        "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05}}");
    o.out = in_folder("prelu.safetensors");
    must_train(&o);
    ax_model *m = must_open(o.out);
    const ax_layer_info *l = ax_model_get_info(m)->layers;
    double slope = (double)*param_of(m, "one/alpha", &n);
    assert_true(n == 1 && slope != 0.25);
    assert_true(l[0].act.param[0] == slope && l[0].act.learned == 1);
    assert_true(isnan(l[1].act.param[0]) && l[1].act.learned == 1);
    assert_true(l[2].act.learned == 0 && !isnan(l[2].act.param[0]));
    ax_model_release(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_resume),   cmocka_unit_test(test_name_taken),
        cmocka_unit_test(test_no_value), cmocka_unit_test(test_prelu_card),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
