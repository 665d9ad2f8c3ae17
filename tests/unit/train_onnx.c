/* A file of ONNX trained further: what is learned, what is frozen, a new head, and that what is
 * written is a file of ONNX again with all that it had. */
#include "train_util.h"

#include "io/onnx_learned.h"
#include "onnx_models.h"

enum { SIDE = 6, PIXELS = SIDE * SIDE, SAMPLES = 50, FILTERS = 5 };

/* Small numbers that differ. */
static const float *some(int n, int seed, float scale)
{
    static float v[256];
    for (int i = 0; i < n; i++)
        v[i] = ((float)(noise((uint64_t)(seed * 1000 + i)) / 4294967296.0) - 0.5f) * 2 * scale;
    return v;
}

/* x (batch,1,6,6) -> conv -> batch-norm -> relu -> mean over the map -> gemm -> softmax of two; the
 * exporter's unused metadata and a scale that is no weight are there to stay. */
static void put_cnn(file *f, const char *batch)
{
    static const float ones[FILTERS] = {1, 1, 1, 1, 1}, half = .5f;
    begin(f, 13);
    floats(f, "conv.weight", &AX_SHAPE(FILTERS, 1, 3, 3), some(FILTERS * 9, 1, .6f));
    floats(f, "conv.bias", &AX_SHAPE(FILTERS), some(FILTERS, 2, .1f));
    floats(f, "bn.weight", &AX_SHAPE(FILTERS), ones);
    floats(f, "bn.bias", &AX_SHAPE(FILTERS), some(FILTERS, 3, .1f));
    floats(f, "bn.mean", &AX_SHAPE(FILTERS), some(FILTERS, 4, .1f));
    floats(f, "bn.var", &AX_SHAPE(FILTERS), ones);
    floats(f, "fc.weight", &AX_SHAPE(2, FILTERS), some(2 * FILTERS, 5, .5f));
    floats(f, "fc.bias", &AX_SHAPE(2), some(2, 6, .1f));
    floats(f, "half", &(ax_shape){0}, &half);
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, batch, "1", "6", "6");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, batch, "2");
    NODE(f, "Mul", "scaled", "x", "half");
    NODE(f, "Conv", "c", "scaled", "conv.weight", "conv.bias");
    NODE(f, "BatchNormalization", "n", "c", "bn.weight", "bn.bias", "bn.mean", "bn.var");
    NODE(f, "Relu", "a", "n");
    NODE(f, "GlobalAveragePool", "p", "a");
    NODE(f, "Flatten", "flat", "p");
    NODE(f, "Gemm", "z", "flat", "fc.weight", "fc.bias");
    ax_onnx_put_int(&f->o, "transB", 1);
    NODE(f, "Softmax", "y", "z");
}

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    (void)ctx;
    return strcmp(name, "cnn") || snprintf(path, size, "%s", in_folder("cnn.onnx")) < 0;
}

/* Pictures with stripes this way, that way, or none. */
static const char *spec_of(int kinds, const char *more)
{
    static char spec[65536];
    char *p = spec;
    p += sprintf(p, "{\"model\":\"cnn\",\"dataset\":{\"x\":[");
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < PIXELS; k++) {
            int stripe = i % kinds == 0 ? k % SIDE % 2 : i % kinds == 1 ? k / SIDE % 2 : 0;
            p += sprintf(p, "%s%.3f%s",
                         k   ? ","
                         : i ? ",["
                             : "[",
                         2 * stripe + noise((uint64_t)(i * PIXELS + k)) / 4294967296.0,
                         k == PIXELS - 1 ? "]" : "");
        }
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < SAMPLES; i++)
        p += sprintf(p, "%s\"%s\"", i ? "," : "",
                     (const char *[]){"columns", "rows", "none"}[i % kinds]);
    sprintf(p, "]},\"batch_size\":16,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.02}%s}",
            more);
    return spec;
}

static const float *weights_of(const ax_model *m, const char *name)
{
    const ax_onnx_graph *g = &m->onnx->file.graph;
    for (int i = 0; i < g->n_init; i++)
        if (!strcmp(g->init[i].name, name))
            return (const float *)(const void *)g->init[i].data;
    return NULL;
}

static int same(const ax_model *a, const ax_model *b, const char *name, int n)
{
    return !memcmp(weights_of(a, name), weights_of(b, name), (size_t)n * sizeof(float));
}

static ax_model *old_model(const char *batch)
{
    file f;
    put_cnn(&f, batch);
    finish_file(&f, in_folder("cnn.onnx"));
    return must_open(in_folder("cnn.onnx"));
}

static ax_model *further(int kinds, const char *more, ax_train_result *r)
{
    ax_train_options o = options_of(spec_of(kinds, more));
    o.find_model = find_model;
    o.out = in_folder("further.onnx");
    *r = must_train(&o);
    return must_open(o.out);
}

static void goes_on(void **state)
{
    (void)state;
    static const char *const batches[] = {"batch", "1"};
    for (int k = 0; k < 2; k++) {
        ax_train_result r;
        ax_model *old = old_model(batches[k]),
                 *m = further(2, ",\"epochs\":30,\"validation_split\":0.2", &r);
        const ax_model_info *info = ax_model_get_info(m);
        assert_true(r.val_accuracy == 1);
        assert_string_equal(info->format, "onnx");
        assert_int_equal(info->n_labels, 2);
        assert_string_equal(info->labels[0], "columns");
        assert_non_null(info->training);
        assert_false(same(old, m, "conv.weight", FILTERS * 9));
        assert_false(same(old, m, "bn.weight", FILTERS));
        assert_false(same(old, m, "fc.bias", 2));
        assert_true(same(old, m, "bn.mean", FILTERS));
        assert_true(same(old, m, "half", 1));
        ax_model_release(m);
        ax_model_release(old);
    }
}

static void same_bits(void **state)
{
    (void)state;
    ax_train_result r;
    ax_model_release(old_model("batch"));
    for (int threads = 1; threads < 4; threads += 2) {
        ax_train_options o = options_of(spec_of(2, ",\"epochs\":3"));
        o.find_model = find_model;
        o.threads = threads;
        o.out = in_folder(threads == 1 ? "one" : "three");
        r = must_train(&o);
    }
    assert_int_equal(r.samples, 3 * 64); /* four batches of 16 of 50 samples */
    assert_true(same_files(in_folder("one"), in_folder("three")));
}

static void frozen_layers(void **state)
{
    (void)state;
    ax_train_result r;
    ax_model *old = old_model("batch"),
             *m = further(2, ",\"epochs\":4,\"freeze\":[\"c\",\"n\"]", &r);
    assert_true(same(old, m, "conv.weight", FILTERS * 9) && same(old, m, "conv.bias", FILTERS));
    assert_true(same(old, m, "bn.weight", FILTERS) && same(old, m, "bn.bias", FILTERS));
    assert_false(same(old, m, "fc.weight", 2 * FILTERS));
    ax_model_release(m);
    ax_model_release(old);
}

#define HEAD                                                                                       \
    "\"layers\":[{\"type\":\"dense\",\"units\":8,\"activation\":\"gelu\"},{\"type\":\"dense\","    \
    "\"units\":3,\"activation\":\"softmax\"}]"

static void new_head(void **state)
{
    (void)state;
    ax_train_result r;
    ax_model *old = old_model("batch");
    ax_model *m = further(3, ",\"epochs\":60,\"freeze\":true,\"head\":{" HEAD "}", &r);
    const ax_model_info *info = ax_model_get_info(m);
    if (!(r.accuracy > 0.95))
        fail_msg("an accuracy of %g", r.accuracy);
    assert_true(ax_shape_equal(&info->outputs[0].shape, &AX_SHAPE(3)));
    assert_int_equal(info->n_labels, 3);
    assert_int_equal(info->classifies, 2);
    assert_true(same(old, m, "conv.weight", FILTERS * 9) && same(old, m, "bn.bias", FILTERS));
    assert_null(weights_of(m, "fc.weight"));
    ax_model_release(m);
    /* behind a value of the middle, all learned */
    m = further(3,
                ",\"epochs\":40,\"head\":{\"after\":\"a\",\"layers\":[{\"type\":\"global_avg_"
                "pool2d\"},{\"type\":\"dense\",\"units\":3,\"activation\":\"softmax\"}]}",
                &r);
    assert_true(r.accuracy > 0.95);
    assert_false(same(old, m, "conv.weight", FILTERS * 9));
    ax_model_release(m);
    ax_model_release(old);
}

/* What a checkpoint keeps leads to the same file as never having stopped. */
static int stop_in_epoch_two(void *ctx, const ax_train_progress *p)
{
    (void)ctx;
    return p->epoch_done && p->epoch == 2;
}

static void resumes(void **state)
{
    (void)state;
    ax_err err = {0};
    ax_train_result r;
    ax_model_release(old_model("batch"));
    ax_train_options o = options_of(spec_of(3, ",\"epochs\":4,\"head\":{" HEAD "}"));
    o.find_model = find_model;
    o.out = in_folder("straight");
    must_train(&o);
    o.out = in_folder("stopped");
    o.checkpoint_dir = in_folder("checkpoints");
    o.progress = stop_in_epoch_two;
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_int_equal(err.code, AX_ECANCELED);
    o.progress = NULL;
    o.resume = 1;
    must_train(&o);
    assert_true(same_files(in_folder("straight"), in_folder("stopped")));
}

static void refuses(void **state)
{
    static const struct {
        const char *more;
        ax_code code;
        const char *at, *word;
    } cases[] = {
        {",\"freeze\":[\"nothing\"]", AX_ENOTFOUND, "freeze[0]", "nothing"},
        {",\"freeze\":[\"c\",\"n\",\"z\"]", AX_EINVAL, "freeze", "nothing is left"},
        {",\"head\":{\"after\":\"zz\"," HEAD "}", AX_ENOTFOUND, "head.after", "'zz'"},
        {",\"head\":{\"after\":\"a\",\"layers\":[{\"type\":\"conv3d\"}]}", AX_ENOTFOUND,
         "head.layers[0].type", "conv3d"},
    };
    (void)state;
    ax_model_release(old_model("batch"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        ax_train_result r;
        ax_train_options o = options_of(spec_of(2, cases[i].more));
        o.find_model = find_model;
        assert_int_equal(ax_train(&o, &r, &err), -1);
        if (err.code != cases[i].code || strcmp(err.at, cases[i].at) ||
            !strstr(err.msg, cases[i].word))
            fail_msg("%s: %s (%s) at '%s'", cases[i].more, err.msg, ax_code_name(err.code), err.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),  cmocka_unit_test(same_bits), cmocka_unit_test(frozen_layers),
        cmocka_unit_test(new_head), cmocka_unit_test(resumes),   cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
