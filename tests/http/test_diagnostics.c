/* The health of activations over HTTP, and what the card of a model says about them. */
#include "harness.h"

/* Units of h with this many of bias -1000, into three classes. */
static void write_ill(const char *name, const char *act, int dead)
{
    char path[160], spec[500];
    ax_err err;
    float *kernel = weights(4 * 40, 1, 1), *out = weights(40 * 3, 2, 1), bias[40] = {0}, none[3] = {0};
    for (int i = 0; i < dead; i++)
        bias[i] = -1000;
    snprintf(path, sizeof path, "%s/%s.safetensors", the.models, name);
    snprintf(spec, sizeof spec,
             "{\"name\":\"%s\",\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":[{\"type\":\"dense\",\"name\":\"h\","
             "\"units\":40,\"activation\":%s},{\"type\":\"dense\",\"name\":\"out\",\"units\":3,\"activation\":\"softmax\"}]}",
             name, act);
    ax_st_item items[4] = {{"h/kernel", {AX_F32, AX_SHAPE(40, 4), kernel}},
                           {"h/bias", {AX_F32, AX_SHAPE(40), bias}},
                           {"out/kernel", {AX_F32, AX_SHAPE(3, 40), out}},
                           {"out/bias", {AX_F32, AX_SHAPE(3), none}}};
    if (ax_safetensors_write(path, items, 4, &(ax_st_meta){"axond.spec", spec}, 1, &err) < 0)
        fail_msg("%s", err.msg);
    free(kernel);
    free(out);
}

#define SWISH "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1.5}}"

static int setup(void **state)
{
    (void)state;
    folder_new();
    write_ill("healthy", "\"relu\"", 0);
    write_ill("ill", "\"relu\"", 10);
    write_ill("formula", SWISH, 30);
    write_ill("elu", "{\"name\":\"elu\",\"alpha\":0.3}", 0);
    start((const char *[]){"--default-model", "healthy", NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = the.pid ? stop() : 0;
    folder_remove();
    return code;
}

static cJSON *look(const char *path)
{
    reply r = get(path);
    if (r.status != 200)
        fail_msg("%s: %ld %s", path, r.status, r.body);
    cJSON *j = cJSON_Parse(r.body);
    assert_non_null(j);
    reply_free(&r);
    return j;
}

static const cJSON *field(const cJSON *o, const char *name)
{
    const cJSON *f = cJSON_GetObjectItemCaseSensitive(o, name);
    if (!f)
        fail_msg("there is no field '%s'", name);
    return f;
}

static void tells_the_dead(void **state)
{
    static const struct {
        const char *model;
        int dead;
        const char *severity;
    } rows[] = {{"healthy", 0, "none"}, {"ill", 10, "serious"}, {"formula", 30, "critical"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[80];
        snprintf(path, sizeof path, "/models/%s/diagnostics?n=300&seed=4", rows[i].model);
        cJSON *j = look(path);
        assert_string_equal(field(j, "model")->valuestring, rows[i].model);
        assert_int_equal(field(j, "version")->valueint, 1);
        assert_string_equal(field(j, "severity")->valuestring, rows[i].severity);
        assert_int_equal(field(field(j, "probe"), "samples")->valueint, 300);
        assert_int_equal(field(field(j, "probe"), "seed")->valueint, 4);
        const cJSON *layers = field(j, "layers"), *h = cJSON_GetArrayItem(layers, 0);
        assert_int_equal(cJSON_GetArraySize(layers), 2);
        assert_string_equal(field(h, "layer")->valuestring, "h");
        assert_int_equal(field(field(h, "units"), "dead")->valueint, rows[i].dead);
        assert_int_equal(field(field(h, "input"), "count")->valueint, 300 * 40);
        const cJSON *hist = field(field(h, "input"), "histogram");
        assert_int_equal(cJSON_GetArraySize(field(hist, "edges")),
                         cJSON_GetArraySize(field(hist, "counts")) + 1);
        const cJSON *v = field(j, "verdicts")->child;
        assert_int_equal(v != NULL, rows[i].dead > 0);
        for (; v; v = v->next)
            if (!strcmp(field(v, "code")->valuestring, "dead_units"))
                assert_string_equal(field(v, "severity")->valuestring, rows[i].severity);
        cJSON_Delete(j);
    }
}

static void same_question_same_answer(void **state)
{
    (void)state;
    reply a = get("/models/ill/diagnostics"), b = get("/models/ill/versions/1/diagnostics?n=256&seed=1"),
          c = get("/models/ill/diagnostics?seed=2");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, b.body);
    assert_string_not_equal(a.body, c.body);
    reply_free(&a);
    reply_free(&b);
    reply_free(&c);
}

static void refuses(void **state)
{
    static const struct {
        const char *path;
        long status;
        const char *word;
    } rows[] = {
        {"/models/ill/diagnostics?n=0", 400, "from 1 to 8192"},
        {"/models/ill/diagnostics?n=8193", 400, "from 1 to 8192"},
        {"/models/ill/diagnostics?n=1e2", 400, "whole number"},
        {"/models/ill/diagnostics?seed=-1", 400, "whole number"},
        {"/models/ill/diagnostics?sede=1", 400, "did you mean 'seed'"},
        {"/models/il/diagnostics", 404, "did you mean 'ill'"},
        {"/models/ill/versions/7/diagnostics", 404, "version"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply r = get(rows[i].path);
        if (r.status != rows[i].status || !strstr(r.body, rows[i].word))
            fail_msg("%s: %ld %s", rows[i].path, r.status, r.body);
        reply_free(&r);
    }
    assert_int_equal(status_of(&(request){.method = "POST", .path = "/models/ill/diagnostics", .body = "{}"}), 405);
}

/* A look that takes long is nobody else's business: others are answered meanwhile, a second one is
 * asked to come again, and afterwards there is room. */
static void *ask_long(void *arg)
{
    reply r = get("/models/ill/diagnostics?n=8192");
    *(long *)arg = r.status;
    reply_free(&r);
    return NULL;
}

static void others_are_answered(void **state)
{
    (void)state;
    pthread_t t[4];
    long status[4], done = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, ask_long, &status[i]);
    for (int i = 0; i < 20; i++)
        assert_int_equal(status_of(&(request){.method = "POST", .path = "/predict", .body = "{\"inputs\":[[1,2,3,4]]}"}), 200);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(status[i] == 200 || status[i] == 429);
        done += status[i] == 200;
    }
    assert_true(done >= 1);
    cJSON_Delete(look("/models/ill/diagnostics?n=8"));
}

static void card_shows_activations(void **state)
{
    (void)state;
    cJSON *j = look("/models/elu");
    const cJSON *h = cJSON_GetArrayItem(field(j, "layers"), 0), *out = cJSON_GetArrayItem(field(j, "layers"), 1);
    assert_string_equal(field(h, "activation")->valuestring, "elu");
    assert_float_equal(field(field(h, "activation_params"), "alpha")->valuedouble, 0.3, 0);
    assert_float_equal(field(out, "gain")->valuedouble, 1, 0);
    double elu = field(h, "gain")->valuedouble; /* between relu and elu of alpha 1 */
    assert_true(elu > 1.2452 && elu < 1.41421);
    cJSON_Delete(j);
    j = look("/models/formula");
    h = cJSON_GetArrayItem(field(j, "layers"), 0);
    assert_string_equal(field(h, "formula")->valuestring, "x*sigmoid(beta*x)");
    assert_float_equal(field(field(h, "activation_params"), "beta")->valuedouble, 1.5, 0);
    cJSON_Delete(j);
    j = look("/models/healthy");
    h = cJSON_GetArrayItem(field(j, "layers"), 0);
    assert_string_equal(field(h, "activation")->valuestring, "relu");
    assert_float_equal(field(h, "gain")->valuedouble, 1.41421, 0);
    assert_null(cJSON_GetObjectItem(h, "activation_params"));
    cJSON_Delete(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_dead),
        cmocka_unit_test(same_question_same_answer),
        cmocka_unit_test(refuses),
        cmocka_unit_test(others_are_answered),
        cmocka_unit_test(card_shows_activations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
