/* Specs that cannot be trained: each is refused with its status, its place and a word of why, and
 * nothing of it is in the queue. */
#include "jobs.h"

#define MODEL                                                                                      \
    "{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":2,"    \
    "\"activation\":\"softmax\"}]}"
#define DATA           "{\"x\":[[0,1],[1,0],[1,1]],\"y\":[0,1,0]}"
#define SPEC(more)     "{\"model\":" MODEL ",\"dataset\":" DATA more "}"
#define WITH(model)    "{\"model\":" model ",\"dataset\":" DATA "}"
#define ON(data)       "{\"model\":" MODEL ",\"dataset\":" data "}"
#define LAYERS(layers) WITH("{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[" layers "]}")

// clang-format off
static const struct row {
    const char *body;
    int status;
    const char *at, *word; /* at: the path in the answer, NULL: none */
} rows[] = {
    {"", 400, NULL, "empty"},
    {"{", 400, NULL, "line 1"},
    {"[]", 400, NULL, "object"},
    {"nonsense", 400, NULL, "line 1"},
    {"{}", 400, "model", "model"},
    {"{\"model\":" MODEL "}", 400, "dataset", "missing"},
    {"{\"dataset\":" DATA "}", 400, "model", "model"},
    {"{\"model\":7,\"dataset\":" DATA "}", 400, "model", "spec"},
    {"{\"model\":\"nobody\",\"dataset\":" DATA "}", 422, "model", "nobody"},
    {"{\"model\":\"../tiny\",\"dataset\":" DATA "}", 422, "model", "tiny"},
    {SPEC(",\"epoch\":3"), 400, "epoch", "epochs"},
    {SPEC(",\"epochs\":3,\"epochs\":4"), 400, NULL, "epochs"},
    {SPEC(",\"epochs\":0"), 400, "epochs", "0"},
    {SPEC(",\"epochs\":-1"), 400, "epochs", "-1"},
    {SPEC(",\"epochs\":1.5"), 400, "epochs", "1.5"},
    {SPEC(",\"epochs\":\"3\""), 400, "epochs", "integer"},
    {SPEC(",\"epochs\":null"), 400, "epochs", "integer"},
    {SPEC(",\"epochs\":1e9"), 400, "epochs", "1000000"},
    {SPEC(",\"batch_size\":0"), 400, "batch_size", "0"},
    {SPEC(",\"batch_size\":1e30"), 400, "batch_size", "1"},
    {SPEC(",\"seed\":-5"), 400, "seed", "-5"},
    {SPEC(",\"seed\":0.5"), 400, "seed", "0.5"},
    {SPEC(",\"shuffle\":1"), 400, "shuffle", "true"},
    {SPEC(",\"validation_split\":1"), 400, "validation_split", "0.9"},
    {SPEC(",\"validation_split\":-0.1"), 400, "validation_split", "0"},
    {SPEC(",\"loss\":\"crossentropy\""), 422, "loss", "cross_entropy"},
    {SPEC(",\"loss\":5"), 400, "loss", "name"},
    {SPEC(",\"loss\":\"binary_cross_entropy\""), 400, "loss", "sigmoid"},
    {SPEC(",\"loss\":{\"name\":\"cross_entropy\",\"label_smoothing\":2}"), 400, "loss.label_smoothing", "2"},
    {SPEC(",\"loss\":{\"name\":\"huber\",\"deltas\":1}"), 400, "loss", "delta"},
    {SPEC(",\"optimizer\":\"adamm\""), 422, "optimizer", "adam"},
    {SPEC(",\"optimizer\":{\"learning_rates\":0.1}"), 400, "optimizer", "learning_rate"},
    {SPEC(",\"optimizer\":{\"name\":\"adam\",\"learning_rate\":-1}"), 400, "optimizer.learning_rate", "-1"},
    {SPEC(",\"optimizer\":{\"name\":\"adam\",\"momentum\":0.9}"), 400, "optimizer", "momentum"},
    {SPEC(",\"optimizer\":{\"name\":\"adam\",\"beta1\":1}"), 400, "optimizer", "beta1"},
    {SPEC(",\"schedule\":\"cosin\""), 422, "schedule", "cosine"},
    {SPEC(",\"schedule\":{\"name\":\"step\",\"every\":0}"), 400, "schedule.every", "0"},
    {SPEC(",\"schedule\":{\"name\":\"cosine\",\"warmup_steps\":-1}"), 400, "schedule.warmup_steps", "-1"},
    {SPEC(",\"augment\":{\"flip\":true}"), 400, "augment", "picture"},
    {SPEC(",\"augment\":true"), 400, "augment", "object"},
    {SPEC(",\"augment\":{\"flips\":true}"), 400, "augment", "flip"},
    {SPEC(",\"early_stopping\":{\"metric\":\"val_loss\"}"), 400, "early_stopping.metric", "validation_split"},
    {SPEC(",\"early_stopping\":{\"metric\":\"los\"}"), 422, "early_stopping.metric", "los"},
    {SPEC(",\"early_stopping\":{\"patience\":0}"), 400, "early_stopping.patience", "0"},
    {SPEC(",\"gradient_clip\":-1"), 400, "gradient_clip", "-1"},
    {SPEC(",\"freeze\":\"stem\""), 400, "freeze", "array"},
    {SPEC(",\"freeze\":[\"stem\"]"), 422, "freeze[0]", "stem"},
    {SPEC(",\"checkpoint_every\":0"), 400, "checkpoint_every", "0"},
    {SPEC(",\"publish\":\"../etc\""), 400, "publish", "../etc"},
    {SPEC(",\"publish\":\"\""), 400, "publish", "name"},
    {SPEC(",\"publish\":7"), 400, "publish", "string"},
    {ON("\"fashion-minst\""), 422, "dataset", "fashion-mnist"},
    {ON("\"/etc/passwd\""), 422, "dataset", "passwd"},
    {ON("7"), 400, "dataset", "name"},
    {ON("{}"), 400, "dataset", "x"},
    {ON("{\"csv\":\"/etc/passwd\"}"), 400, "dataset", "name"},
    {ON("{\"npz\":\"a.npz\"}"), 400, "dataset", "name"},
    {ON("{\"x\":[],\"y\":[]}"), 400, "dataset.x", "empty"},
    {ON("{\"x\":[[0,1],[1]],\"y\":[0,1]}"), 400, "dataset.x[1]", "2"},
    {ON("{\"x\":[[0,1],[1,\"a\"]],\"y\":[0,1]}"), 400, "dataset.x[1][1]", "number"},
    {ON("{\"x\":[[0,1],[1,1e39]],\"y\":[0,1]}"), 400, "dataset.x[1][1]", "1e39"},
    {ON("{\"x\":[[0,1]],\"y\":[0,1]}"), 400, "dataset", "labels"},
    {ON("{\"x\":[[0,1],[1,0]],\"y\":[0,2]}"), 400, "dataset", "2"},
    {ON("{\"x\":[[0,1],[1,0]],\"y\":[0,-1]}"), 400, "dataset", "-1"},
    {ON("{\"x\":[[0,1],[1,0]],\"y\":[\"a\",1]}"), 400, "dataset.y[1]", "both"},
    {ON("{\"x\":[[0,1,2],[1,0,2]],\"y\":[0,1]}"), 400, "model.inputs[0].shape", "2"},
    {ON("{\"x\":[[0,1],[1,0]],\"y\":[0,1],\"z\":1}"), 400, "dataset", "z"},
    {WITH("{}"), 400, "model.layers", "layers"},
    {WITH("{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}]}"), 400, "model.layers", "layers"},
    {WITH("{\"inputs\":[{\"name\":\"x\",\"shape\":[0]}],\"layers\":[{\"type\":\"flatten\"}]}"), 400, "model.inputs[0].shape", "0"},
    {LAYERS(""), 400, "model.layers", "layer"},
    {LAYERS("{\"type\":\"dens\",\"units\":2}"), 422, "model.layers[0]", "dense"},
    {LAYERS("{\"type\":\"dense\"}"), 400, "model.layers[0].units", "units"},
    {LAYERS("{\"type\":\"dense\",\"units\":0}"), 400, "model.layers[0].units", "0"},
    {LAYERS("{\"type\":\"dense\",\"units\":1e12}"), 400, "model.layers[0].units", "1"},
    {LAYERS("{\"type\":\"dense\",\"units\":2,\"activation\":\"rellu\"}"), 422, "model.layers[0].activation", "relu"},
    {LAYERS("{\"type\":\"dense\",\"units\":2,\"activation\":{\"formula\":\"x*(\"}}"), 400, "model.layers[0].activation", "formula"},
    {LAYERS("{\"type\":\"dense\",\"units\":2,\"activation\":{\"name\":\"elu\",\"alfa\":1}}"), 400, "model.layers[0].activation", "alpha"},
    {LAYERS("{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3}"), 400, "model.layers[0]", "picture"},
    {LAYERS("{\"type\":\"dense\",\"units\":2,\"inputs\":[\"later\"]}"), 422, "model.layers[0].inputs[0]", "later"},
    {LAYERS("{\"type\":\"dropout\",\"rate\":1}"), 400, "model.layers[0].rate", "1"},
    {LAYERS("{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"kernel_initializer\":\"he\"}"), 422, "model.layers[0].kernel_initializer", "he_normal"},
    {LAYERS("{\"type\":\"dense\",\"units\":16777216},{\"type\":\"dense\",\"units\":16777216}"), 422, "model", "large"},
};
// clang-format on

static void test_rows(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *w = &rows[i];
        char at[128];
        reply r = post("/train", w->body);
        field(r.body, "at", at);
        int good = r.status == w->status && strstr(r.body, w->word) &&
                   (!w->at || !strncmp(at, w->at, strlen(w->at)));
        if (!good)
            print_error("%s\n  -> %ld %s  expected %d at %s with '%s'\n", w->body, r.status, r.body,
                        w->status, w->at ? w->at : "-", w->word);
        wrong += !good;
        reply_free(&r);
    }
    assert_int_equal(wrong, 0);
    assert_true(sizeof rows / sizeof *rows >= 60);
    reply r = get("/jobs");
    assert_non_null(strstr(r.body, "{\"jobs\":[],"));
    reply_free(&r);
    char path[160];
    snprintf(path, sizeof path, "%s/jobs", the.state);
    assert_int_equal(access(path, F_OK), -1);
}

static int setup(void **state)
{
    (void)state;
    return start_with(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
