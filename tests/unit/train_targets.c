/* Labels that are strings: which output is which, in the model that comes out and in what it learns
 * when it has labels of its own. */
#include "train_util.h"

/* Six samples of three kinds, told apart by where the 1 is. */
#define XS "\"x\":[[1,0,0],[0,1,0],[0,0,1],[1,0,0],[0,1,0],[0,0,1]]"
#define YS "\"y\":[\"cat\",\"dog\",\"emu\",\"cat\",\"dog\",\"emu\"]"

static const char *spec_of(const char *labels, int outputs, const char *data, const char *more)
{
    static char spec[2048];
    snprintf(
        spec, sizeof spec,
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":%d,\"activation\":\"softmax\"}]%s%s},\"dataset\":{%s},\"epochs\":60,"
        "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.3}%s}",
        outputs, *labels ? ",\"labels\":" : "", labels, data, more);
    return spec;
}

/* The model says `kinds[i]` to sample i of XS. */
static void check_answers(const char *path, const char *const *kinds)
{
    ax_model *m = must_open(path);
    const ax_model_info *info = ax_model_get_info(m);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    for (int i = 0; i < 3; i++) {
        float x[3] = {0};
        x[i] = 1;
        const float *y = predict(s, x, 1, 3);
        int best = 0;
        for (int k = 1; k < info->n_labels; k++)
            best = y[k] > y[best] ? k : best;
        assert_non_null(info->labels);
        assert_string_equal(info->labels[best], kinds[i]);
    }
    ax_session_close(s);
    ax_model_release(m);
}

static void test_model_labels(void **state)
{
    static const struct {
        const char *labels;
        int outputs;
    } rows[] = {
        {"", 3}, /* the strings in the order of their bytes */
        {"[\"cat\",\"dog\",\"emu\"]", 3},
        {"[\"emu\",\"cat\",\"dog\"]", 3},
        {"[\"ant\",\"emu\",\"bee\",\"dog\",\"cat\"]", 5},
    };
    static const char *const kinds[] = {"cat", "dog", "emu"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_train_options o = options_of(spec_of(rows[i].labels, rows[i].outputs, XS "," YS, ""));
        o.out = in_folder("kinds.safetensors");
        must_train(&o);
        check_answers(o.out, kinds);
    }
}

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    (void)ctx;
    return snprintf(path, size, "%s/%s.safetensors", folder, name) < 0;
}

/* A model goes on with data in which one kind is missing: the others keep their places. */
static void test_going_on(void **state)
{
    static const char *const kinds[] = {"cat", "dog", "emu"};
    (void)state;
    ax_train_options o = options_of(spec_of("", 3, XS "," YS, ""));
    o.out = in_folder("kinds.safetensors");
    must_train(&o);
    o = options_of(
        "{\"model\":\"kinds\",\"dataset\":{\"x\":[[1,0,0],[0,0,1]],\"y\":[\"cat\",\"emu\"]},"
        "\"epochs\":20}");
    o.find_model = find_model;
    o.out = in_folder("more.safetensors");
    must_train(&o);
    check_answers(o.out, kinds);
}

/* Yes or no: one output, two labels, the second of which is yes. */
static void test_binary(void **state)
{
    static const char *const labels[] = {"", ",\"labels\":[\"no\",\"yes\"]",
                                         ",\"labels\":[\"yes\",\"no\"]"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        char spec[1024];
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":[{\"type\":"
                 "\"dense\","
                 "\"units\":1,\"activation\":\"sigmoid\"}]%s},\"dataset\":{\"x\":[[-1],[1]],"
                 "\"y\":[\"no\",\"yes\"]},\"epochs\":50,\"optimizer\":{\"name\":\"adam\","
                 "\"learning_rate\":0.3}}",
                 labels[i]);
        ax_train_options o = options_of(spec);
        o.out = in_folder("yes.safetensors");
        must_train(&o);
        ax_model *m = must_open(o.out);
        ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
        float p = *predict(s, (float[]){1}, 1, 1);
        assert_string_equal(ax_model_get_info(m)->labels[p > 0.5f], "yes");
        ax_session_close(s);
        ax_model_release(m);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *labels;
        int outputs;
        const char *msg, *hint;
    } rows[] = {
        {"", 2, "the data set has 3 labels ('cat' to 'emu'), the model has 2 outputs",
         "\"labels\""},
        {"", 4, "the data set has 3 labels ('cat' to 'emu'), the model has 4 outputs",
         "\"labels\""},
        {"[\"cats\",\"dog\",\"emu\"]", 3, "the label 'cat' of the data set is none of the model's",
         "'cats'"},
        {"[\"x\",\"y\"]", 2, "the label 'cat' of the data set is none of the model's", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_train_options o = options_of(spec_of(rows[i].labels, rows[i].outputs, XS "," YS, ""));
        ax_err err = {0};
        if (!ax_train_check(&o, &err) || !strstr(err.msg, rows[i].msg) ||
            !strstr(err.hint, rows[i].hint))
            fail_msg("row %zu: '%s' '%s'", i, err.msg, err.hint);
        assert_string_equal(err.at, "dataset");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_labels),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
