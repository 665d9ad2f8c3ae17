/* A sweep taken apart: how many runs, which values each has, what cannot be swept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/sweep.h"

#define MODEL                                                                                      \
    "\"model\":{\"layers\":[{\"type\":\"dense\",\"units\":4,\"activation\":\"tanh\"},{\"type\":"   \
    "\"flatten\"},"                                                                                \
    "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]}"

static cJSON *spec_with(const char *sweep, const char *more)
{
    char text[2048];
    snprintf(text, sizeof text, "{" MODEL "%s,\"publish\":\"p\",\"sweep\":%s}", more, sweep);
    cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    return o;
}

static const struct {
    const char *sweep, *more;
    int runs, at;               /* at: the run that is looked at          */
    const char *values, *piece; /* what it chose; a part of its spec      */
} good[] = {
    {"{\"seed\":[1,2,3]}", "", 3, 2, "{\"seed\":3}", "\"seed\":3"},
    {"{\"batch_size\":[8,16],\"seed\":[1,2,3]}", "", 6, 3, "{\"batch_size\":16,\"seed\":1}",
     "\"batch_size\":16,\"seed\":1"},
    {"{\"activation\":[\"relu\",{\"formula\":\"x*x\"}]}", "", 2, 1,
     "{\"activation\":{\"formula\":\"x*x\"}}",
     "{\"type\":\"dense\",\"units\":4,\"activation\":{\"formula\":\"x*x\"}},{\"type\":\"flatten\"},"
     "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}"},
    {"{\"optimizer.learning_rate\":[0.1,0.2]}", "", 2, 0, "{\"optimizer.learning_rate\":0.1}",
     "\"optimizer\":{\"learning_rate\":0.1}"},
    {"{\"optimizer.learning_rate\":[0.1,0.2]}", ",\"optimizer\":\"sgd\"", 2, 1,
     "{\"optimizer.learning_rate\":0.2}", "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0.2}"},
    {"{\"optimizer.learning_rate\":[0.1]}", ",\"optimizer\":{\"name\":\"sgd\",\"momentum\":0.9}", 1,
     0, "{\"optimizer.learning_rate\":0.1}",
     "\"optimizer\":{\"name\":\"sgd\",\"momentum\":0.9,\"learning_rate\":0.1}"},
    {"{\"model.layers[0].units\":[8,16]}", "", 2, 1, "{\"model.layers[0].units\":16}",
     "\"units\":16"},
    {"{\"early_stopping.patience\":[1,2]}", "", 2, 0, "{\"early_stopping.patience\":1}",
     "\"early_stopping\":{\"patience\":1}"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ax_err err = {0};
        cJSON *spec = spec_with(good[i].sweep, good[i].more), *values;
        char *before = ax_json_text(spec, 0);
        assert_int_equal(sweep_count(spec, &err), good[i].runs);
        cJSON *run = sweep_spec(spec, good[i].at, &values, &err);
        if (!run)
            fail_msg("%s: %s", good[i].sweep, err.msg);
        char *text = ax_json_text(run, 0), *chosen = ax_json_text(values, 0),
             *after = ax_json_text(spec, 0);
        assert_string_equal(chosen, good[i].values);
        if (!strstr(text, good[i].piece) || strstr(text, "\"sweep\"") ||
            strstr(text, "\"publish\""))
            fail_msg("%s: %s", good[i].sweep, text);
        assert_string_equal(before, after);
        cJSON_free(before);
        cJSON_free(text);
        cJSON_free(chosen);
        cJSON_free(after);
        cJSON_Delete(run);
        cJSON_Delete(values);
        cJSON_Delete(spec);
    }
}

static const struct {
    const char *sweep, *at, *word;
} bad[] = {
    {"[]", "sweep", "object"},
    {"{}", "sweep", "object"},
    {"7", "sweep", "object"},
    {"{\"publish\":[\"a\",\"b\"]}", "sweep.publish", "not published"},
    {"{\"optimizer.learning_rate\":[1],\"optimizer\":[\"sgd\"]}", "sweep.optimizer", "within"},
    {"{\"model.layers[0].activation\":[\"relu\"],\"activation\":[\"gelu\"]}", "sweep.activation", "within"},
    {"{\"seed\":1}", "sweep.seed", "list"},
    {"{\"seed\":[]}", "sweep.seed", "list"},
    {"{\"seed\":[1,2,1]}", "sweep.seed[2]", "[0]"},
    {"{\"a\":[1],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1],\"g\":[1],\"h\":[1],\"i\":[1]}",
     "sweep", "8"},
    {"{\"seed\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],\"batch_size\":[1,2,3,4,5,6,7,8,9,10,"
     "11,12,13,14,15,16]}",
     "sweep", "256"},
    {"{\"model.layers[9].units\":[1]}", "sweep.model.layers[9].units", "layers[9]"},
    {"{\"model.layers[x].units\":[1]}", "sweep.model.layers[x].units", "place"},
    {"{\"model.layers[4294967296].units\":[1]}", "sweep.model.layers[4294967296].units", "place"},
    {"{\"model.layers[ 0].units\":[1]}", "sweep.model.layers[ 0].units", "place"},
    {"{\"model.layers[0]\":[1]}", "sweep.model.layers[0]", "place"},
    {"{\"model.layers.units\":[1]}", "sweep.model.layers.units", "no fields"},
    {"{\".seed\":[1]}", "sweep..seed", "path"},
    {"{\"\":[1]}", "sweep", "path"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ax_err err = {0};
        cJSON *spec = spec_with(bad[i].sweep, ""), *values, *run = NULL;
        if (sweep_count(spec, &err) >= 0)
            run = sweep_spec(spec, 0, &values, &err);
        if (run || !strstr(err.msg, bad[i].word) || strcmp(err.at, bad[i].at))
            fail_msg("%s: %s at %s", bad[i].sweep, err.msg, err.at);
        cJSON_Delete(spec);
    }
}

static void test_none(void **state)
{
    (void)state;
    ax_err err;
    cJSON *spec = cJSON_Parse("{" MODEL "}");
    assert_int_equal(sweep_count(spec, &err), 0);
    cJSON_Delete(spec);
}

/* Without a layer to change, the activation cannot be swept. */
static void test_no_activation(void **state)
{
    (void)state;
    ax_err err = {0};
    cJSON *values,
        *spec =
            cJSON_Parse("{\"model\":\"served\",\"sweep\":{\"activation\":[\"relu\",\"gelu\"]}}");
    assert_int_equal(sweep_count(spec, &err), 2);
    assert_null(sweep_spec(spec, 0, &values, &err));
    assert_string_equal(err.at, "sweep.activation");
    cJSON_Delete(spec);
}

static void test_settings(void **state)
{
    (void)state;
    cJSON *spec = spec_with("{\"seed\":[1,2],\"batch_size\":[8,16]}", "");
    assert_true(sweep_same_setting(spec, 0, 2)); /* (1,8) (1,16) (2,8) (2,16) */
    assert_true(sweep_same_setting(spec, 1, 3));
    assert_false(sweep_same_setting(spec, 0, 1));
    assert_false(sweep_same_setting(spec, 1, 2));
    cJSON_Delete(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_bad),
        cmocka_unit_test(test_none),     cmocka_unit_test(test_no_activation),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
