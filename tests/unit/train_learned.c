/* Learned parameters of a formula: their gradient, that they move, and that their bits do not
 * depend on threads. */
#include "train_util.h"

#include "activation/formula/formula.h"
#include "ops/ops.h"

static const char *spec_of(int epochs, const char *param)
{
    static char spec[1024];
    snprintf(spec, sizeof spec,
             "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":"
             "\"dense\",\"units\":8,\"name\":\"h\",\"activation\":{\"formula\":"
             "\"x*sigmoid(%s*x)\",\"params\":{\"%s\":1},\"learnable\":[\"%s\"]}},"
             "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]},\"dataset\":{\"x\":"
             "[[0,0],[0,1],[1,0],[1,1]],\"y\":[0,1,1,0]},\"epochs\":%d,\"optimizer\":{\"name\":"
             "\"adam\",\"learning_rate\":0.02}}",
             param, param, param, epochs);
    return spec;
}

static float beta_in(const char *path)
{
    int64_t n;
    ax_model *m = must_open(path);
    float beta = *param_of(m, "h/beta", &n);
    assert_int_equal(n, 1);
    ax_model_release(m);
    return beta;
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
    ax_learned_attr a = {.learned = 1};
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
        ax_call c = {.attr = &a, .in = in, .n_in = 3, .n_out = 1, .x = {x, &b, dy}, .y = {&got},
                     .scratch = scratch};
        ax_formula_run_double(a.act.row->program, AX_FORMULA_F, &(double){beta + h}, at, up, N);
        ax_formula_run_double(a.act.row->program, AX_FORMULA_F, &(double){beta - h}, at, down, N);
        for (int i = 0; i < N; i++)
            sum += dy[i] * (up[i] - down[i]) / (2 * h);
        ax_op_learned_dp.run(&c);
        assert_true(fabs(got - sum) <= 1e-6 * fabs(sum));
    }
    ax_arena_fini(&arena);
}

static void test_moves(void **state)
{
    (void)state;
    ax_train_options o = options_of(spec_of(40, "beta"));
    o.out = in_folder("one.safetensors");
    o.threads = 1;
    must_train(&o);
    const char *one = o.out;
    float beta = beta_in(one);
    assert_true(isfinite(beta) && fabsf(beta - 1) > 1e-3f);
    ax_model *m = must_open(one);
    const ax_layer_info *l = &ax_model_get_info(m)->layers[0];
    assert_true(l->act.param[0] == (double)beta); /* the card tells what was learned */
    assert_non_null(strstr(l->activation, "x*sigmoid(beta*x)"));
    ax_model_release(m);
    o = options_of(spec_of(40, "beta"));
    o.out = in_folder("two.safetensors");
    o.threads = 2;
    must_train(&o);
    assert_true(same_files(one, o.out));
}

static void test_name_taken(void **state)
{
    (void)state;
    ax_err err;
    ax_train_result r;
    ax_train_options o = options_of(spec_of(1, "bias"));
    o.out = in_folder("taken.safetensors");
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_non_null(strstr(err.msg, "has a tensor 'bias' already"));
}

/* log(x) has no value left of 0 */
static void test_no_value(void **state)
{
    (void)state;
    static const char spec[] =
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":1,\"activation\":{\"formula\":\"log(x)\"}}]},"
        "\"dataset\":{\"x\":[[1],[2]],\"y\":[[1],[2]]},\"epochs\":1}";
    ax_err err;
    ax_train_result r;
    ax_train_options o = options_of(spec);
    o.out = in_folder("none.safetensors");
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_int_equal(err.code, AX_ERANGE);
    assert_string_equal(err.at, "model.layers[0].activation");
    assert_non_null(strstr(err.msg, "has no value at x = -19.98"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_name_taken),
        cmocka_unit_test(test_no_value),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
