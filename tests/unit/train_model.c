/* Models that come out of a training: they go on learning, tell how they were trained, and give a
 * sample the same bits in any company. */
#include "train_util.h"

/* ---- models -------------------------------------------------------------------------------------
 */

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    (void)ctx;
    return strcmp(name, "known") || snprintf(path, size, "%s", in_folder("first")) < 0;
}

/* A published model goes on learning from where it was. */
static void test_training_further(void **state)
{
    (void)state;
    ax_model *first = train_small(",\"epochs\":3", "first");
    char *spec = strdup(
             small_spec(",\"epochs\":1,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0}")),
         *model = strstr(spec, "\"model\":{");
    char *data = strstr(spec, "\"dataset\"");
    memmove(model + strlen("\"model\":\"known\","), data, strlen(data) + 1);
    memcpy(model, "\"model\":\"known\",", strlen("\"model\":\"known\","));
    ax_train_options o = options_of(spec);
    o.find_model = find_model;
    o.out = in_folder("further");
    must_train(&o);
    ax_model *second = must_open(o.out);
    assert_true(same_param(first, second, "a/kernel") && same_param(first, second, "c/bias"));
    assert_string_equal(ax_model_get_info(first)->spec, ax_model_get_info(second)->spec);
    assert_false(
        same_param(first, second, "n/moving_mean")); /* batch statistics are seen all the same */
    ax_model_release(first);
    ax_model_release(second);
    free(spec);
}

static void test_summary(void **state)
{
    (void)state;
    ax_train_options o = options_of(busy_spec(5));
    o.out = in_folder("told.safetensors");
    ax_train_result r = must_train(&o);
    ax_model *m = must_open(o.out);
    cJSON *t = cJSON_Parse(ax_model_get_info(m)->training);
    assert_non_null(t);
    assert_string_equal(cJSON_GetObjectItem(t, "loss")->valuestring, "cross_entropy");
    assert_string_equal(cJSON_GetObjectItem(t, "optimizer")->valuestring, "adam");
    assert_float_equal(cJSON_GetObjectItem(t, "epochs")->valuedouble, 3, 0);
    assert_float_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(t, "test"), "accuracy")->valuedouble,
                       r.test_accuracy, 1e-9);
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(t, "spec"), "dataset"));
    cJSON_Delete(t);
    ax_model_release(m);
}

/* A served model gives a sample the same bits alone and in any company. */
static void test_company(void **state)
{
    (void)state;
    ax_train_options o = options_of(busy_spec(5));
    o.out = in_folder("served.safetensors");
    must_train(&o);
    ax_model *m = must_open(o.out);
    ax_pool *pool = ax_pool_new(3, NULL);
    static const char *const wanted[] = {"dense_2", "dense_1", "conv2d_1"};
    ax_session *alone =
        ax_session_open(m, &(ax_session_options){.outputs = wanted, .n_outputs = 3}, NULL);
    ax_session *many = ax_session_open(
        m, &(ax_session_options){.pool = pool, .outputs = wanted, .n_outputs = 3}, NULL);
    float x[17 * 60];
    for (int i = 0; i < 17 * 60; i++)
        x[i] = (float)(noise((uint64_t)i) / 4294967296.0);
    assert_int_equal(ax_session_resize(many, 17, NULL), 0);
    memcpy(ax_session_input(many, 0), x, sizeof x);
    ax_session_run(many, NULL);
    for (int i = 0; i < 17; i++) {
        predict(alone, x + i * 60, 1, 60);
        for (int k = 0; k < 3; k++) {
            size_t n = (size_t)ax_shape_count(&ax_session_output_port(alone, k)->shape);
            assert_memory_equal(ax_session_output(alone, k),
                                (const float *)ax_session_output(many, k) + (size_t)i * n,
                                n * sizeof(float));
        }
    }
    ax_err err;
    static const char *const unknown[] = {"dense_3"};
    assert_null(
        ax_session_open(m, &(ax_session_options){.outputs = unknown, .n_outputs = 1}, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
    assert_non_null(strstr(err.hint, "dense_"));
    assert_int_equal(ax_session_resize(alone, 0, &err), -1);
    assert_int_equal(ax_session_resize(alone, (int64_t)1 << 50, &err), -1);
    assert_int_equal(err.code, AX_ELIMIT);
    ax_session_close(alone);
    ax_session_close(many);
    ax_pool_free(pool);
    ax_model_release(m);
}

/* Inputs of any scale can be written and read again. */
static void test_extreme_scales(void **state)
{
    (void)state;
    static const char *const scales[] = {"1e-30", "1e30", "1e36", "-5", "[1e-20,1e20]"};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        char spec[1024];
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"scale\":%s}],\"layers\":["
                 "{\"type\":\"dense\",\"units\":1,\"activation\":\"tanh\"}]},"
                 "\"dataset\":{\"x\":[[0,0],[0,0]],\"y\":[0,0]},\"epochs\":1}",
                 scales[i]);
        ax_train_options o = options_of(spec);
        o.out = in_folder("scaled.safetensors");
        must_train(&o);
        ax_model_release(must_open(o.out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_further),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_extreme_scales),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
