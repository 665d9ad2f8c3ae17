/* A new end for a model that is trained further: what stays, stays to the bit where it is frozen.
 */
#include "train_util.h"

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    (void)ctx;
    return strcmp(name, "base") || snprintf(path, size, "%s", in_folder("base")) < 0;
}

/* The data of small_spec, with three kinds by their names, for the model "base". */
static const char *head_spec(const char *head, const char *more)
{
    static char spec[16384];
    char *p = spec;
    p += sprintf(p, "{\"model\":\"base\",\"head\":%s,\"dataset\":{\"x\":[", head);
    for (int i = 0; i < 45; i++)
        p += sprintf(p, "%s[%.4f,%d,%d]", i ? "," : "", noise((uint64_t)i) / 4294967296.0,
                     i % 3 == 1, i % 3 == 2);
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < 45; i++)
        p += sprintf(p, "%s\"%s\"", i ? "," : "", (const char *[]){"cat", "dog", "emu"}[i % 3]);
    sprintf(p, "]}%s}", more);
    return spec;
}

#define DENSE3 "{\"type\":\"dense\",\"units\":3,\"activation\":\"softmax\"}"

static ax_model *base(void)
{
    ax_train_options o = options_of(small_spec(",\"epochs\":3"));
    o.out = in_folder("base");
    must_train(&o);
    return must_open(in_folder("base"));
}

static ax_model *with_head(const char *head, const char *more)
{
    ax_train_options o = options_of(head_spec(head, more));
    o.find_model = find_model;
    o.out = in_folder("headed");
    ax_train_result r = must_train(&o);
    if (!(r.accuracy > 0.9))
        fail_msg("an accuracy of %g", r.accuracy);
    return must_open(in_folder("headed"));
}

static void stays_and_goes(void **state)
{
    static const char *const stays[] = {"a/kernel", "a/bias",        "n/gamma",
                                        "n/beta",   "n/moving_mean", "n/moving_variance",
                                        "b/kernel", "b/bias"};
    (void)state;
    ax_model *old = base();
    ax_model *m = with_head(
        "{\"layers\":[{\"type\":\"dense\",\"units\":12,\"activation\":\"relu\"}," DENSE3 "]}",
        ",\"freeze\":true,\"epochs\":60,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.02}");
    for (size_t i = 0; i < sizeof stays / sizeof *stays; i++)
        assert_true(same_param(old, m, stays[i]));
    const ax_model_info *info = ax_model_get_info(m);
    assert_int_equal(info->n_layers, 5);
    assert_int_equal(info->n_labels, 3);
    assert_string_equal(info->labels[1], "dog");
    ax_model_release(m);
    /* a layer of the old one's name is a new one all the same */
    m = with_head(
        "{\"after\":\"n\",\"layers\":[{\"type\":\"dense\",\"units\":5,\"name\":\"b\"}," DENSE3 "]}",
        ",\"epochs\":40,\"freeze\":[\"a\"],\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0."
        "03}");
    assert_true(same_param(old, m, "a/kernel"));
    assert_false(same_param(old, m, "n/gamma"));
    assert_false(same_param(old, m, "b/kernel"));
    ax_model_release(m);
    ax_model_release(old);
}

static void refuses(void **state)
{
    static const struct {
        const char *head, *more;
        ax_code code;
        const char *at, *word;
    } cases[] = {
        {"3", "", AX_ETYPE, "head", "an object"},
        {"{}", "", AX_EINVAL, "head.layers", "layers"},
        {"{\"layers\":[]}", "", AX_EINVAL, "head.layers", "layers"},
        {"{\"layer\":[]}", "", AX_EINVAL, "head.layer", "unknown field"},
        {"{\"after\":\"bb\",\"layers\":[" DENSE3 "]}", "", AX_ENOTFOUND, "head.after", "'bb'"},
        {"{\"layers\":[{\"type\":\"dense\"}]}", "", AX_EINVAL, "head.layers[0].units", ""},
        {"{\"layers\":[{\"type\":\"dense\",\"units\":3,\"name\":\"a\"}]}", "", AX_EEXIST,
         "head.layers[0].name", "twice"},
    };
    (void)state;
    ax_model_release(base());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        ax_train_result r;
        ax_train_options o = options_of(head_spec(cases[i].head, cases[i].more));
        o.find_model = find_model;
        assert_int_equal(ax_train(&o, &r, &err), -1);
        if (err.code != cases[i].code || strcmp(err.at, cases[i].at) ||
            !strstr(err.msg, cases[i].word))
            fail_msg("%s: %s at '%s'", cases[i].head, err.msg, err.at);
    }
    ax_err err = {0};
    ax_train_result r;
    ax_train_options o = options_of(small_spec(",\"freeze\":true"));
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_string_equal(err.at, "freeze");
    o = options_of(small_spec(",\"head\":{\"layers\":[" DENSE3 "]}"));
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_string_equal(err.at, "head");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stays_and_goes), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
