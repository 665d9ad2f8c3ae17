/* The training spec: what is refused before the first step, where the error points and which word
 * it says; and what the defaults are. */
#include "train_util.h"

#define MODEL(last)                                                                                \
    "{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":4,"    \
    "\"activation\":\"relu\",\"name\":\"hidden\"}," last "]}"
#define TWO                     "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}"
#define ONE                     "{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}"
#define LINEAR                  "{\"type\":\"dense\",\"units\":1}"
#define XS                      "[[0,0],[0,1],[1,0],[1,1]]"
#define XOR                     "{\"x\":" XS ",\"y\":[0,1,1,0]}"
#define SPEC(model, data, more) "{\"model\":" MODEL(model) ",\"dataset\":" data more "}"
#define WITH(more)              SPEC(TWO, XOR, "," more)

// clang-format off
static const struct bad {
    const char *spec;
    ax_code code;
    const char *at, *word; /* word: of the message or the hint */
} bad_specs[] = {
    {"", AX_EPARSE, "", "empty"},
    {"{\"model\":1}}", AX_EPARSE, "", "behind"},
    {"[]", AX_ETYPE, "", "JSON object"},
    {"{}", AX_EINVAL, "model", "must be a model spec"},
    {"{\"model\":" MODEL(TWO) "}", AX_EINVAL, "dataset", "is missing"},
    {"{\"model\":\"known\",\"dataset\":" XOR "}", AX_ENOTFOUND, "model", "no model 'known'"},
    {WITH("\"epoch\":3"), AX_EINVAL, "epoch", "did you mean"},
    {WITH("\"epochs\":0"), AX_ERANGE, "epochs", "from 1"},
    {WITH("\"epochs\":2.5"), AX_ETYPE, "epochs", "integer"},
    {WITH("\"batch_size\":0"), AX_ERANGE, "batch_size", "from 1"},
    {WITH("\"batch_size\":\"all\""), AX_ETYPE, "batch_size", "integer"},
    {WITH("\"seed\":-1"), AX_ERANGE, "seed", "from 0"},
    {WITH("\"shuffle\":1"), AX_ETYPE, "shuffle", "true or false"},
    {WITH("\"validation_split\":1"), AX_ERANGE, "validation_split", "to 0.9"},
    {WITH("\"validation_split\":0.1"), AX_EINVAL, "validation_split", "none for validation"},
    {WITH("\"gradient_clip\":-1"), AX_ERANGE, "gradient_clip", "from 0"},
    {WITH("\"checkpoint_every\":0"), AX_ERANGE, "checkpoint_every", "from 1"},
    {WITH("\"publish\":7"), AX_ETYPE, "publish", "a string"},
    {WITH("\"publish\":\"\""), AX_EINVAL, "publish", "cannot be the name"},
    {WITH("\"publish\":\"../xor\""), AX_EINVAL, "publish", "not starting with a dot"},
    {WITH("\"freeze\":\"hidden\""), AX_ETYPE, "freeze", "an array"},
    {WITH("\"freeze\":[\"hiden\"]"), AX_ENOTFOUND, "freeze[0]", "no layer called 'hiden'"},
    {WITH("\"freeze\":[\"hidden\",3]"), AX_ENOTFOUND, "freeze[1]", "not a string"},
    {WITH("\"freeze\":[\"hidden\",\"dense_1\"]"), AX_EINVAL, "freeze", "nothing is left to train"},

    {WITH("\"loss\":\"crossentropy\""), AX_ENOTFOUND, "loss", "did you mean 'cross_entropy'"},
    {WITH("\"loss\":3"), AX_ETYPE, "loss", "a name or an object"},
    {WITH("\"loss\":{}"), AX_ENOTFOUND, "loss", "no loss ''"},
    {WITH("\"loss\":{\"name\":\"cross_entropy\",\"delta\":1}"), AX_EINVAL, "loss.delta", "unknown field"},
    {WITH("\"loss\":{\"name\":\"mse\",\"label_smoothing\":0.1}"), AX_EINVAL, "loss.label_smoothing", "unknown field"},
    {WITH("\"loss\":{\"name\":\"huber\",\"delta\":0}"), AX_ERANGE, "loss.delta", "from"},
    {WITH("\"loss\":{\"name\":\"cross_entropy\",\"label_smoothing\":1}"), AX_ERANGE, "loss.label_smoothing", "0.999"},
    {WITH("\"loss\":\"binary_cross_entropy\""), AX_EINVAL, "loss", "goes with a final sigmoid"},
    {SPEC(ONE, XOR, ",\"loss\":\"cross_entropy\""), AX_EINVAL, "loss", "goes with a final softmax"},
    {SPEC(LINEAR, XOR, ",\"loss\":\"cross_entropy\""), AX_EINVAL, "loss", "two outputs or more"},
    {SPEC("{\"type\":\"dense\",\"units\":1,\"activation\":\"softmax\"}", XOR, ""), AX_EINVAL, "loss", "binary_cross_entropy"},
    {"{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2,1]}],\"layers\":[{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]},\"dataset\":" XOR "}", AX_EINVAL, "loss", "flatten"},

    {WITH("\"optimizer\":\"adaam\""), AX_ENOTFOUND, "optimizer", "did you mean 'adam"},
    {WITH("\"optimizer\":{\"name\":\"sdg\"}"), AX_ENOTFOUND, "optimizer.name", "no optimizer"},
    {WITH("\"optimizer\":[]"), AX_ETYPE, "optimizer", "a name or an object"},
    {WITH("\"optimizer\":{\"name\":\"adam\",\"momentum\":0.9}"), AX_EINVAL, "optimizer.momentum", "unknown field"},
    {WITH("\"optimizer\":{\"learning_rate\":-1}"), AX_ERANGE, "optimizer.learning_rate", "from 0"},
    {WITH("\"optimizer\":{\"beta1\":1}"), AX_ERANGE, "optimizer.beta1", "from 0"},
    {WITH("\"optimizer\":{\"name\":\"sgd\",\"nesterov\":true}"), AX_EINVAL, "optimizer.nesterov", "momentum above 0"},
    {WITH("\"schedule\":\"cosin\""), AX_ENOTFOUND, "schedule", "did you mean 'cosine'"},
    {WITH("\"schedule\":{\"name\":\"warm\"}"), AX_ENOTFOUND, "schedule.name", "constant, step"},
    {WITH("\"schedule\":{\"name\":\"cosine\",\"gamma\":0.5}"), AX_EINVAL, "schedule.gamma", "unknown field"},
    {WITH("\"schedule\":{\"name\":\"step\",\"gamma\":2}"), AX_ERANGE, "schedule.gamma", "to 1"},
    {WITH("\"schedule\":{\"name\":\"linear\",\"warmup_steps\":-3}"), AX_ERANGE, "schedule.warmup_steps", "from 0"},
    {WITH("\"early_stopping\":3"), AX_ETYPE, "early_stopping", "an object like"},
    {WITH("\"early_stopping\":{\"metric\":\"f1\"}"), AX_ENOTFOUND, "early_stopping.metric", "is not watched"},
    {WITH("\"early_stopping\":{\"metric\":\"val_loss\"}"), AX_EINVAL, "early_stopping.metric", "needs validation data"},
    {WITH("\"early_stopping\":{\"patience\":0}"), AX_ERANGE, "early_stopping.patience", "from 1"},
    {SPEC(LINEAR, XOR, ",\"early_stopping\":{\"metric\":\"accuracy\"}"), AX_EINVAL, "early_stopping.metric", "mse has no accuracy"},
    {WITH("\"augment\":true"), AX_ETYPE, "augment", "an object like"},
    {WITH("\"augment\":{\"rotate\":5}"), AX_EINVAL, "augment.rotate", "unknown field"},
    {WITH("\"augment\":{\"flip\":true}"), AX_EINVAL, "augment", "for pictures"},

    {"{\"model\":{},\"dataset\":" XOR "}", AX_EINVAL, "model.layers", "a model needs"},
    {SPEC("{\"type\":\"dense\",\"units\":0}", XOR, ""), AX_ERANGE, "model.layers[1].units", "from 1"},
    {SPEC("{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"kernel_initializer\":\"he_norma\"}", XOR, ""), AX_ENOTFOUND, "model.layers[1].kernel_initializer", "did you mean 'he_normal'"},
    {"{\"model\":{\"freeze\":[],\"inputs\":[]},\"dataset\":" XOR "}", AX_EINVAL, "model.freeze", "unknown field"},
    {"{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[" LINEAR "]},\"dataset\":" XOR "}", AX_ESHAPE, "model.inputs[0].shape", "takes samples of shape (3), the data set has (2)"},
    {"{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]},{\"name\":\"z\",\"shape\":[2]}],\"layers\":[" LINEAR "]},\"dataset\":" XOR "}", AX_EUNSUPPORTED, "model", "one input and one output"},
    {"{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"flatten\"}]},\"dataset\":{\"x\":" XS ",\"y\":" XS "}}", AX_EINVAL, "freeze", "nothing is left to train"},

    {SPEC(TWO, "7", ""), AX_ETYPE, "dataset", "a name or an object"},
    {SPEC(TWO, "\"fashion\"", ""), AX_ENOTFOUND, "dataset", "no data set 'fashion'"},
    {SPEC(TWO, "{}", ""), AX_EINVAL, "dataset", "\"csv\""},
    {SPEC(TWO, "{\"x\":" XS "}", ""), AX_EINVAL, "dataset", "needs \"x\" and \"y\""},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[0,1,1,0],\"z\":1}", ""), AX_EINVAL, "dataset.z", "unknown field"},
    {SPEC(TWO, "{\"x\":[],\"y\":[]}", ""), AX_ESHAPE, "dataset.x", "empty"},
    {SPEC(TWO, "{\"x\":[[0,0],[0]],\"y\":[0,1]}", ""), AX_ESHAPE, "dataset.x[1]", "expected an array of 2"},
    {SPEC(TWO, "{\"x\":[[0,0],[0,\"1\"]],\"y\":[0,1]}", ""), AX_ETYPE, "dataset.x[1][1]", "number"},
    {SPEC(TWO, "{\"x\":[[0,0],[0,1e300]],\"y\":[0,1]}", ""), AX_ERANGE, "dataset.x[1][1]", "1e300 does not fit float32"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[0,1,1]}", ""), AX_ESHAPE, "dataset", "as many labels"},
    {SPEC(TWO, "{\"x\":[1,2],\"y\":[0,1]}", ""), AX_ESHAPE, "dataset", "x has shape (2)"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[\"a\",\"b\",3,\"a\"]}", ""), AX_ETYPE, "dataset.y[2]", "not both"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[0,1,2,0]}", ""), AX_ERANGE, "dataset", "label of sample 2 is 2"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[0,1,0.5,0]}", ""), AX_ERANGE, "dataset", "sample 2 is 0.5"},
    {SPEC("{\"type\":\"dense\",\"units\":1048576},{\"type\":\"dense\",\"units\":1048576}," TWO, XOR, ""),
     AX_ELIMIT, "model", "the weights and what adam keeps of them need"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[\"a\",\"b\",\"c\",\"a\"]}", ""), AX_ESHAPE, "dataset", "3 labels ('a' to 'c')"},
    {SPEC(TWO, "{\"x\":" XS ",\"y\":[[1,0],[0,1],[2,-1],[1,0]]}", ""), AX_ERANGE, "dataset", "target of sample 2 is 2, cross_entropy expects numbers from 0 to 1"},
    {SPEC(ONE, "{\"x\":" XS ",\"y\":[0,1,2,0]}", ""), AX_ERANGE, "dataset", "binary_cross_entropy expects"},
    {SPEC(LINEAR, "{\"x\":" XS ",\"y\":[[0,1],[1,0],[1,0],[0,1]]}", ""), AX_ESHAPE, "dataset.y", "2 target numbers, the model gives 1"},
    {SPEC(TWO, "{\"csv\":\"/nowhere.csv\"}", ""), AX_ENOTFOUND, "dataset", "/nowhere.csv"},
    {SPEC(TWO, "{\"npz\":\"/nowhere.npz\"}", ""), AX_ENOTFOUND, "dataset", "/nowhere.npz"},
    {SPEC(TWO, "{\"idx\":\"a\"}", ""), AX_ETYPE, "dataset.idx", "[IMAGES, LABELS]"},
};
// clang-format on

static void test_bad_specs(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad_specs / sizeof *bad_specs; i++) {
        const struct bad *b = &bad_specs[i];
        ax_train_options o = options_of(b->spec);
        ax_err err = {0};
        if (!ax_train_check(&o, &err)) {
            print_error("%s\n  was accepted\n", b->spec);
            wrong++;
        } else if (err.code != b->code || strcmp(err.at, b->at) ||
                   (!strstr(err.msg, b->word) && !strstr(err.hint, b->word))) {
            print_error("%s\n  code %d at '%s': %s (%s)\n  expected %d at '%s' and '%s'\n", b->spec,
                        err.code, err.at, err.msg, err.hint, b->code, b->at, b->word);
            wrong++;
        }
        assert_int_equal(ax_train_check(&o, NULL), -1);
    }
    assert_int_equal(wrong, 0);
}

/* A client that may not name files cannot find out whether they exist. */
static void test_paths_need_permission(void **state)
{
    (void)state;
    static const char *const specs[] = {
        SPEC(TWO, "{\"csv\":\"/etc/passwd\"}", ""), SPEC(TWO, "{\"npz\":\"/etc/passwd\"}", ""),
        SPEC(TWO, "{\"safetensors\":\"/etc/passwd\"}", ""),
        SPEC(TWO, "{\"idx\":[\"/etc/passwd\",\"/etc/passwd\"]}", "")};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        ax_train_options o = options_of(specs[i]);
        ax_err err = {0};
        o.allow_paths = 0;
        assert_int_equal(ax_train_check(&o, &err), -1);
        assert_string_equal(err.at, "dataset");
        assert_null(strstr(err.msg, "passwd"));
    }
}

static void test_good_specs(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *loss;
    } rows[] = {
        {SPEC(TWO, XOR, ""), "cross_entropy"},
        {SPEC(ONE, XOR, ""), "binary_cross_entropy"},
        {SPEC(LINEAR, XOR, ""), "mse"},
        {SPEC(LINEAR, XOR, ",\"loss\":\"binary_cross_entropy\""), "binary_cross_entropy"},
        {SPEC(LINEAR, "{\"x\":" XS ",\"y\":[-1,1,1,-1]}", ",\"loss\":\"hinge\""), "hinge"},
        {SPEC(TWO, "{\"x\":" XS ",\"y\":[[1,0],[0,1],[0.5,0.5],[1,0]]}", ""), "cross_entropy"},
        {SPEC(TWO, "{\"x\":" XS ",\"y\":[\"no\",\"yes\",\"yes\",\"no\"]}", ""), "cross_entropy"},
        {SPEC(ONE, "{\"x\":" XS ",\"y\":[\"no\",\"yes\",\"yes\",\"no\"]}", ""),
         "binary_cross_entropy"},
        {SPEC(TWO, XOR,
              ",\"loss\":{\"name\":\"cross_entropy\",\"label_smoothing\":0.1},\"optimizer\":"
              "\"lion\",\"schedule\":\"plateau\",\"epochs\":1000000,"
              "\"batch_size\":1048576,\"validation_split\":0.5,\"early_stopping\":{\"metric\":"
              "\"val_accuracy\",\"restore_best\":false},"
              "\"freeze\":[\"hidden\"],\"gradient_clip\":0.5,\"augment\":{},\"publish\":\"xor\","
              "\"seed\":9007199254740991"),
         "cross_entropy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_train_options o = options_of(rows[i].spec);
        ax_trainer t;
        ax_err err = {0};
        if (ax_trainer_open(&t, &o, &err))
            fail_msg("%s: %s at %s", rows[i].spec, err.msg, err.at);
        assert_string_equal(t.loss->name, rows[i].loss);
        ax_trainer_close(&t);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    const char *spec = SPEC(TWO, XOR, "");
    ax_train_config c;
    assert_int_equal(ax_train_config_read(&c, spec, strlen(spec), NULL), 0);
    assert_int_equal(c.batch_size, 32);
    assert_int_equal(c.epochs, 10);
    assert_int_equal(c.seed, 1);
    assert_true(c.shuffle && c.checkpoint_every == 1 && c.patience == 0 && c.gradient_clip == 0);
    assert_string_equal(ax_optimizer_name(&c.optimizer), "adam");
    assert_string_equal(ax_schedule_name(&c.schedule), "constant");
    assert_float_equal(c.optimizer.lr, 1e-3, 0);
    uint64_t hash = c.hash;
    ax_train_config_fini(&c);
    /* white space is nothing, a number is something */
    const char *other[] = {SPEC(TWO, XOR, " "), SPEC(TWO, XOR, ",\"seed\":2")};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ax_train_config_read(&c, other[i], strlen(other[i]), NULL), 0);
        assert_true((c.hash == hash) == (i == 0));
        ax_train_config_fini(&c);
    }
}

/* ---- warnings -------------------------------------------------------------------------------- */

typedef struct heard {
    int n;
    ax_err last;
} heard;

static void hear(void *ctx, const ax_err *warning)
{
    heard *h = ctx;
    h->n++;
    h->last = *warning;
}

/* "activation" and "kernel_initializer" of a layer in front of the last; how many warnings, and what
 * the last of them says */
static const struct {
    const char *fields;
    int n;
    const char *msg;
} gains[] = {
    {"\"activation\":\"relu\"", 0, ""},
    {"\"activation\":{\"name\":\"glu\"}", 0, ""}, /* of whole rows: 1 */
    {"\"activation\":{\"name\":\"threshold\",\"theta\":50}", 1,
     "has no gain, since it is 0 for all that is likely of a normal input; its weights are drawn as"},
    {"\"activation\":{\"formula\":\"max(0, x - 60)\"}", 1, "layer 'odd': "},
    {"\"activation\":{\"formula\":\"max(0, x - 60)\"},\"kernel_initializer\":\"orthogonal\"", 1, "layer 'odd': "},
    {"\"activation\":{\"formula\":\"max(0, x - 60)\"},\"kernel_initializer\":\"he_normal\"", 0, ""},
};

static void test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++)
        for (int train = 0; train < 2; train++) {
            char spec[512];
            heard h = {0};
            ax_err err = {0};
            ax_train_result r;
            snprintf(spec, sizeof spec,
                     "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\","
                     "\"units\":4,\"activation\":\"tanh\"},{\"type\":\"dense\",\"name\":\"odd\",\"units\":4,%s},"
                     "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]},\"dataset\":" XOR ",\"epochs\":1}",
                     gains[i].fields);
            ax_train_options o = options_of(spec);
            o.warn = hear;
            o.ctx = &h;
            if (train ? ax_train(&o, &r, &err) : ax_train_check(&o, &err))
                fail_msg("%s: %s", spec, err.msg);
            if (h.n != gains[i].n || !strstr(h.last.msg, gains[i].msg))
                fail_msg("%s: %d warnings, %s", gains[i].fields, h.n, h.last.msg);
            if (h.n)
                assert_string_equal(h.last.at, "model.layers[1].activation");
        }
}

/* Weights that are read and not drawn: nothing to warn of. */
static void test_no_warning_of_read_weights(void **state)
{
    (void)state;
    heard h = {0};
    ax_train_options o =
        options_of("{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":2,"
                   "\"activation\":{\"formula\":\"max(0, x - 60)\"}}," TWO "]},\"dataset\":" XOR ",\"epochs\":2}");
    o.checkpoint_dir = in_folder("checkpoint");
    o.warn = hear;
    o.ctx = &h;
    must_train(&o);
    assert_int_equal(h.n, 1);
    o.resume = 1;
    must_train(&o);
    assert_int_equal(h.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings),
        cmocka_unit_test_setup_teardown(test_no_warning_of_read_weights, folder_make, folder_remove),
        cmocka_unit_test(test_bad_specs),
        cmocka_unit_test(test_paths_need_permission),
        cmocka_unit_test(test_good_specs),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
