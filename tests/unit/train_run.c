/* Whole trainings: what is learned, that the bits of the model depend on the seed alone - not on
 * threads, not on having been stopped - and what freezing, clipping, early stopping, divergence and
 * damaged checkpoints do. */
#include "train_util.h"

#define XOR_X "[[0,0],[0,1],[1,0],[1,1]]"

/* ---- learning ---------------------------------------------------------------------------------- */

static const float *predict(ax_session *s, const float *x, int64_t batch, int64_t width)
{
    assert_int_equal(ax_session_resize(s, batch, NULL), 0);
    memcpy(ax_session_input(s, 0), x, (size_t)(batch * width) * sizeof *x);
    ax_session_run(s);
    return ax_session_output(s, 0);
}

/* XOR as classes, as yes or no, as numbers and as words. */
static void test_xor(void **state)
{
    (void)state;
    static const struct {
        const char *last, *y, *more;
        int classifies, labels;
    } rows[] = {
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}", "[0,1,1,0]", "", 2, 0},
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}", "[[1,0],[0,1],[0,1],[1,0]]", "", 2, 0},
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}", "[\"no\",\"yes\",\"yes\",\"no\"]", "", 2, 2},
        {"{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}", "[0,1,1,0]", "", 1, 0},
        {"{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}", "[\"no\",\"yes\",\"yes\",\"no\"]", "", 1, 2},
        {"{\"type\":\"dense\",\"units\":1}", "[0,1,1,0]", "", 0, 0},
        {"{\"type\":\"dense\",\"units\":1}", "[-1,1,1,-1]", ",\"loss\":\"hinge\"", 0, 0},
        {"{\"type\":\"dense\",\"units\":1}", "[0,1,1,0]", ",\"loss\":{\"name\":\"huber\",\"delta\":0.5}", 0, 0},
    };
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[1024];
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":8,\"activation\":\"tanh\"},%s]},"
                 "\"dataset\":{\"x\":" XOR_X ",\"y\":%s},\"epochs\":400,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.02}%s}",
                 rows[i].last, rows[i].y, rows[i].more);
        ax_train_options o = options_of(spec);
        o.out = in_folder("xor.safetensors");
        ax_train_result r = must_train(&o);
        assert_int_equal(r.epochs, 400);
        assert_int_equal(r.samples, 1600);
        ax_model *m = must_open(o.out);
        const ax_model_info *info = ax_model_get_info(m);
        assert_int_equal(info->classifies, rows[i].classifies);
        assert_int_equal(info->n_labels, rows[i].labels);
        if (rows[i].labels)
            assert_string_equal(info->labels[1], "yes");
        ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
        const float *y = predict(s, x, 4, 2);
        int hinge = strstr(rows[i].more, "hinge") != NULL;
        for (int k = 0; k < 4; k++) {
            int yes = rows[i].classifies == 2 ? y[2 * k + 1] > y[2 * k] : y[k] > (hinge ? 0 : 0.5f);
            if (yes != (k == 1 || k == 2))
                fail_msg("row %zu: sample %d is taken for %d", i, k, yes);
        }
        if (rows[i].classifies || hinge)
            assert_float_equal(r.accuracy, 1, 0);
        else
            assert_true(isnan(r.accuracy) && r.loss < 0.02);
        ax_session_close(s);
        ax_model_release(m);
    }
}

/* y = 2a - 3b + 1 with a little noise, from a table; the noise is what is left. */
static void test_table(void **state)
{
    (void)state;
    char *text = malloc(65536), *p = text, spec[1024];
    p += sprintf(p, "a,b,y\n");
    for (int i = 0; i < 400; i++) {
        double a = noise((uint64_t)i) / 4294967296.0, b = noise((uint64_t)i + 1000) / 4294967296.0;
        double e = 0.02 * (noise((uint64_t)i + 2000) / 4294967296.0 - 0.5);
        p += sprintf(p, "%.6f,%.6f,%.6f\n", a, b, 2 * a - 3 * b + 1 + e);
    }
    write_text("line.csv", text);
    free(text);
    snprintf(spec, sizeof spec,
             "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":1,\"name\":\"line\"}]},"
             "\"dataset\":{\"csv\":\"%s\"},\"epochs\":60,\"validation_split\":0.25,\"batch_size\":20,"
             "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05},\"schedule\":\"cosine\"}", in_folder("line.csv"));
    ax_train_options o = options_of(spec);
    o.out = in_folder("line.safetensors");
    ax_train_result r = must_train(&o);
    assert_true(r.loss < 1e-4 && r.val_loss < 1e-4);
    ax_model *m = must_open(o.out);
    int64_t n;
    const float *w = param_of(m, "line/kernel", &n);
    assert_float_equal(w[0], 2, 0.02);
    assert_float_equal(w[1], -3, 0.02);
    assert_float_equal(param_of(m, "line/bias", &n)[0], 1, 0.02);
    ax_model_release(m);
}

/* ---- the same bits ------------------------------------------------------------------------------ */

/* Pictures with everything that is random or has a state: dropout, batch-norm, augmentation, shuffling,
 * slots, plateau, best weights. 7 steps an epoch, the last one smaller. */
static const char *busy_spec(int seed)
{
    static char spec[4096];
    float x[52][2][6][5];
    int32_t y[52];
    for (int i = 0; i < 52; i++) {
        y[i] = i % 3;
        for (int k = 0; k < 60; k++)
            (&x[i][0][0][0])[k] = (float)(noise((uint64_t)(i * 60 + k)) / 4294967296.0 + (k / 20 == y[i]));
    }
    ax_st_item items[] = {{"x", {AX_F32, AX_SHAPE(52, 2, 6, 5), x}}, {"y", {AX_I32, AX_SHAPE(52), y}},
                          {"x_test", {AX_F32, AX_SHAPE(10, 2, 6, 5), x}}, {"y_test", {AX_I32, AX_SHAPE(10), y}}};
    assert_int_equal(ax_safetensors_write(in_folder("busy.data"), items, 4, NULL, 0, NULL), 0);
    snprintf(spec, sizeof spec,
             "{\"model\":{\"name\":\"busy\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,6,5]}],\"layers\":["
             "{\"type\":\"conv2d\",\"filters\":5,\"kernel_size\":3,\"padding\":\"same\",\"use_bias\":false},{\"type\":\"batch_norm\",\"activation\":\"relu\"},"
             "{\"type\":\"depthwise_conv2d\",\"kernel_size\":3,\"activation\":\"silu\"},{\"type\":\"flatten\"},{\"type\":\"dropout\",\"rate\":0.3},"
             "{\"type\":\"dense\",\"units\":20,\"activation\":\"prelu\",\"kernel_regularizer\":{\"l2\":1e-3},\"activity_regularizer\":{\"l1\":1e-3}},"
             "{\"type\":\"dense\",\"units\":3,\"activation\":\"softmax\"}]},\"dataset\":{\"safetensors\":\"%s\"},\"validation_split\":0.2,\"batch_size\":6,"
             "\"epochs\":3,\"seed\":%d,\"augment\":{\"flip\":true,\"shift\":1},\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.01},"
             "\"schedule\":{\"name\":\"plateau\",\"every\":1},\"early_stopping\":{\"patience\":3},\"gradient_clip\":1}",
             in_folder("busy.data"), seed);
    return spec;
}

static void test_same_seed_same_bits(void **state)
{
    (void)state;
    ax_train_options o = options_of(busy_spec(5));
    for (int threads = 1; threads < 4; threads++) {
        char name[32];
        snprintf(name, sizeof name, "busy%d.safetensors", threads);
        o.threads = threads;
        o.out = in_folder(name);
        ax_train_result r = must_train(&o);
        assert_int_equal(r.steps, 21);
        assert_true(isfinite(r.test_loss) && isfinite(r.test_accuracy) && isfinite(r.val_loss));
    }
    for (int threads = 2; threads < 4; threads++) {
        char name[32];
        snprintf(name, sizeof name, "busy%d.safetensors", threads);
        if (!same_files(in_folder("busy1.safetensors"), in_folder(name)))
            fail_msg("%d threads make another model", threads);
    }
    o = options_of(busy_spec(6));
    o.out = in_folder("busy6.safetensors");
    must_train(&o);
    assert_false(same_files(in_folder("busy1.safetensors"), in_folder("busy6.safetensors")));
}

/* Stops after the given number of steps; slows down so that each step is reported. */
typedef struct stopper {
    int64_t at, seen, last;
    int epochs;
} stopper;

static int stop_at(void *ctx, const ax_train_progress *p)
{
    stopper *s = ctx;
    assert_true(p->step > s->last || (p->epoch_done && p->step == s->last));
    assert_true(p->step <= p->steps && p->epoch >= 1 && p->epoch <= p->epochs);
    s->last = p->step;
    s->seen++;
    s->epochs += p->epoch_done;
    if (p->step < s->at)
        usleep(100000);
    return p->step >= s->at;
}

/* Stopped once or twice, in the middle of an epoch or at its end, resumed on other threads. */
static void test_resume_gives_the_same_bits(void **state)
{
    (void)state;
    static const int stops[][3] = {{1, 0, 0}, {5, 0, 0}, {7, 0, 0}, {3, 9, 15}, {14, 20, 0}};
    ax_train_options o = options_of(busy_spec(5));
    ax_err err;
    ax_train_result r;
    o.out = in_folder("whole.safetensors");
    ax_train_result whole = must_train(&o);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        char checkpoints[160];
        snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints%zu", folder, i);
        o.out = in_folder("parts.safetensors");
        o.checkpoint_dir = checkpoints;
        o.resume = 1;
        remove(o.out);
        for (int k = 0; k < 3 && stops[i][k]; k++) {
            stopper s = {.at = stops[i][k]};
            o.progress = stop_at;
            o.ctx = &s;
            o.threads = 1 + k;
            assert_int_equal(ax_train(&o, &r, &err), -1);
            assert_int_equal(err.code, AX_ECANCELED);
            assert_true(access(o.out, F_OK) != 0);
        }
        o.progress = NULL;
        o.threads = 2;
        r = must_train(&o);
        if (!same_files(in_folder("whole.safetensors"), o.out))
            fail_msg("stopped at %d, %d, %d: another model", stops[i][0], stops[i][1], stops[i][2]);
        assert_true(r.loss == whole.loss && r.val_loss == whole.val_loss && r.accuracy == whole.accuracy && r.samples == whole.samples);
        /* a finished one may be asked for once more */
        remove(o.out);
        must_train(&o);
        assert_true(same_files(in_folder("whole.safetensors"), o.out));
    }
}

static void test_bad_checkpoints(void **state)
{
    (void)state;
    ax_train_options o = options_of(busy_spec(5));
    ax_err err = {0};
    ax_train_result r;
    size_t size;
    o.checkpoint_dir = in_folder("bad");
    o.resume = 1;
    char path[160], *bytes, *at;
    snprintf(path, sizeof path, "%s/bad/checkpoint.safetensors", folder);
    must_train(&o);
    bytes = read_file(path, &size);
    /* of another spec */
    o = options_of(busy_spec(6));
    o.checkpoint_dir = in_folder("bad");
    o.resume = 1;
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_int_equal(err.code, AX_EINVAL);
    assert_non_null(strstr(err.msg, "another training spec"));
    /* damaged: text replaced by text of the same length */
    static const struct {
        const char *from, *to, *word;
    } rows[] = {
        {"\\\"step\\\":\\\"21\\\"", "\\\"step\\\":\\\"99\\\"", "contradict"},
        {"\\\"epoch\\\":\\\"3\\\"", "\\\"epoch\\\":\\\"9\\\"", "contradict"},
        {"\\\"in_epoch\\\":\\\"0\\\"", "\\\"in_epoch\\\":\\\"7\\\"", "contradict"},
        {"\\\"schedule\\\":\\\"0x", "\\\"schedule\\\":\\\"zz", "schedule is damaged"},
        {"axond.checkpoint", "axond.chockpoint", "does not say what it is"},
        {"optimizer/1/dense_2/kernel", "optimizer/1/dense_9/kernel", "optimizer/1/dense_2/kernel"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *copy = malloc(size);
        memcpy(copy, bytes, size);
        at = memmem(copy, size, rows[i].from, strlen(rows[i].from));
        if (!at)
            fail_msg("row %zu: there is no %s", i, rows[i].from);
        memcpy(at, rows[i].to, strlen(rows[i].to));
        write_file("bad/checkpoint.safetensors", copy, size);
        o = options_of(busy_spec(5));
        o.checkpoint_dir = in_folder("bad");
        o.resume = 1;
        if (!ax_train(&o, &r, &err) || !strstr(err.msg, rows[i].word))
            fail_msg("row %zu: %s", i, err.msg);
        free(copy);
    }
    write_file("bad/checkpoint.safetensors", bytes, size / 2);
    assert_int_equal(ax_train(&o, &r, &err), -1);
    free(bytes);
}

/* ---- what can be asked of a training ------------------------------------------------------------ */

/* A net of three dense layers and a batch-norm on 40 samples of two noisy classes. */
static const char *small_spec(const char *more)
{
    static char spec[16384];
    char *p = spec;
    p += sprintf(p, "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[{\"type\":\"dense\",\"units\":6,\"name\":\"a\"},"
                    "{\"type\":\"batch_norm\",\"name\":\"n\",\"activation\":\"tanh\"},{\"type\":\"dense\",\"units\":5,\"name\":\"b\",\"activation\":\"relu\"},"
                    "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"c\"}]},\"dataset\":{\"x\":[");
    for (int i = 0; i < 40; i++)
        p += sprintf(p, "%s[%.4f,%.4f,%.4f]", i ? "," : "", noise((uint64_t)i) / 4294967296.0, noise((uint64_t)i + 50) / 4294967296.0 + i % 2 * 0.3,
                     noise((uint64_t)i + 100) / 4294967296.0);
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < 40; i++)
        p += sprintf(p, "%s%d", i ? "," : "", i % 2);
    sprintf(p, "]}%s}", more);
    return spec;
}

static ax_model *train_small(const char *more, const char *out)
{
    ax_train_options o = options_of(small_spec(more));
    o.out = in_folder(out);
    must_train(&o);
    return must_open(o.out);
}

static int same_param(const ax_model *a, const ax_model *b, const char *name)
{
    int64_t n, m;
    const float *x = param_of(a, name, &n), *y = param_of(b, name, &m);
    return n == m && !memcmp(x, y, (size_t)n * sizeof *x);
}

static void test_freezing(void **state)
{
    (void)state;
    static const char *const frozen[] = {"a/kernel", "a/bias", "n/gamma", "n/beta", "n/moving_mean", "n/moving_variance", "b/kernel", "b/bias"};
    ax_model *start = train_small(",\"epochs\":1,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0},\"freeze\":[\"a\",\"n\",\"b\"]", "start");
    ax_model *m = train_small(",\"epochs\":5,\"optimizer\":{\"name\":\"adamw\",\"weight_decay\":0.1},\"freeze\":[\"a\",\"n\",\"b\"]", "frozen");
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++)
        if (!same_param(start, m, frozen[i]))
            fail_msg("%s was frozen and has changed", frozen[i]);
    assert_false(same_param(start, m, "c/kernel"));
    assert_false(same_param(start, m, "c/bias"));
    ax_model_release(m);
    m = train_small(",\"epochs\":5,\"freeze\":[\"a\"]", "thawed");
    assert_true(same_param(start, m, "a/kernel"));
    for (size_t i = 2; i < sizeof frozen / sizeof *frozen; i++)
        if (same_param(start, m, frozen[i]))
            fail_msg("%s has not learned", frozen[i]);
    ax_model_release(m);
    ax_model_release(start);
}

/* One step of plain descent at rate 1 moves all weights together by the length the gradient is cut
 * to, in the direction it had. */
static void test_clipping(void **state)
{
    (void)state;
    static const char *const learned[] = {"a/kernel", "a/bias", "n/gamma", "n/beta", "b/kernel", "b/bias", "c/kernel", "c/bias"};
    static const char *const how[] = {"0", "1e9", "0.001"};
    ax_model *start = train_small(",\"epochs\":1,\"batch_size\":40,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0}", "start");
    double length[3];
    for (int k = 0; k < 3; k++) {
        char more[256];
        snprintf(more, sizeof more, ",\"epochs\":1,\"batch_size\":40,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1},\"gradient_clip\":%s", how[k]);
        ax_model *m = train_small(more, "clipped");
        length[k] = 0;
        for (size_t i = 0; i < sizeof learned / sizeof *learned; i++) {
            int64_t n;
            const float *x = param_of(start, learned[i], &n), *y = param_of(m, learned[i], &n);
            for (int64_t q = 0; q < n; q++)
                length[k] += ((double)x[q] - y[q]) * ((double)x[q] - y[q]);
        }
        length[k] = sqrt(length[k]);
        ax_model_release(m);
    }
    assert_true(length[0] > 0.01);
    assert_float_equal(length[0], length[1], 0);
    assert_float_equal(length[2], 0.001, 1e-6);
    ax_model_release(start);
}

/* What the callback saw of each epoch. */
typedef struct diary {
    double loss[512], val_loss[512], rate[512];
    int n;
} diary;

static int write_down(void *ctx, const ax_train_progress *p)
{
    diary *d = ctx;
    if (p->epoch_done) {
        d->loss[d->n] = p->loss;
        d->val_loss[d->n] = p->val_loss;
        d->rate[d->n++] = p->learning_rate;
    }
    return 0;
}

/* Too high a rate on too few samples: the validation loss turns up, training ends early, and the model
 * written is the best epoch's. */
static void test_early_stopping(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        char more[256];
        diary d = {.n = 0};
        snprintf(more, sizeof more,
                 ",\"epochs\":400,\"batch_size\":8,\"validation_split\":0.5,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.03},"
                 "\"early_stopping\":{\"metric\":\"val_loss\",\"patience\":6,\"restore_best\":%s}", restore ? "true" : "false");
        ax_train_options o = options_of(small_spec(more));
        o.out = in_folder("early.safetensors");
        o.progress = write_down;
        o.ctx = &d;
        ax_train_result r = must_train(&o);
        int best = 0;
        for (int i = 1; i < d.n; i++)
            best = d.val_loss[i] < d.val_loss[best] ? i : best;
        assert_true(r.epochs < 400);
        assert_int_equal(r.epochs, d.n);
        assert_int_equal(d.n - 1 - best, 6);
        assert_true(r.val_loss == d.val_loss[restore ? best : d.n - 1]);
    }
}

static void test_rates_that_are_told(void **state)
{
    (void)state;
    diary d = {.n = 0};
    ax_train_options o = options_of(small_spec(",\"epochs\":4,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0.5},"
                                               "\"schedule\":{\"name\":\"step\",\"every\":2,\"gamma\":0.1}"));
    o.progress = write_down;
    o.ctx = &d;
    must_train(&o);
    assert_int_equal(d.n, 4);
    static const double want[] = {0.5, 0.05, 0.05, 0.005}; /* of the step that comes next */
    for (int i = 0; i < 4; i++)
        assert_float_equal(d.rate[i], want[i], 1e-9);
}

static void test_divergence(void **state)
{
    (void)state;
    static const char *const optimizers[] = {"{\"name\":\"sgd\",\"learning_rate\":1000}",
                                             "{\"name\":\"sgd\",\"learning_rate\":1000,\"momentum\":0.9}"};
    for (int i = 0; i < 2; i++) {
        char spec[1024];
        ax_train_result r;
        ax_err err = {0};
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\",\"units\":1}]},"
                 "\"dataset\":{\"x\":[[1,2],[3,4],[5,6]],\"y\":[1,2,3]},\"epochs\":200,\"batch_size\":1,\"optimizer\":%s}", optimizers[i]);
        ax_train_options o = options_of(spec);
        o.out = in_folder("diverged.safetensors");
        assert_int_equal(ax_train(&o, &r, &err), -1);
        assert_int_equal(err.code, AX_ENONFINITE);
        assert_non_null(strstr(err.msg, "epoch"));
        assert_non_null(strstr(err.msg, "step"));
        assert_non_null(strstr(err.hint, "learning_rate"));
        assert_true(access(o.out, F_OK) != 0);
    }
}

/* Without shuffling the samples come in their order, the validation part left out. */
static void test_order(void **state)
{
    (void)state;
    ax_train_options o = options_of(small_spec(",\"shuffle\":false,\"validation_split\":0.25"));
    ax_trainer t;
    assert_int_equal(ax_trainer_open(&t, &o, NULL), 0);
    assert_int_equal(t.n_train, 30);
    unsigned char seen[40] = {0};
    for (int i = 0; i < 40; i++) {
        assert_true(i == 0 || i >= 30 || t.split[i] > t.split[i - 1]);
        seen[t.split[i]]++;
    }
    for (int i = 0; i < 40; i++)
        assert_int_equal(seen[i], 1);
    ax_trainer_close(&t);
}

/* Every step drops other values and every sample of it is augmented in its own way: with weights that
 * stand still, the loss of one and the same batch is another in each epoch. */
static void test_draws_change(void **state)
{
    (void)state;
    static const char *const how[] = {"{\"type\":\"dropout\"},", ""};
    for (int k = 0; k < 2; k++) {
        char spec[1024];
        diary d = {.n = 0};
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3,3]}],\"layers\":[{\"type\":\"flatten\"},%s{\"type\":\"dense\",\"units\":1}]},"
                 "\"dataset\":{\"x\":[[[[1,2,3],[4,5,6],[7,8,9]]],[[[1,2,3],[4,5,6],[7,8,9]]]],\"y\":[1,2]},\"optimizer\":{\"learning_rate\":0},"
                 "\"epochs\":8%s}", how[k], k ? ",\"augment\":{\"flip\":true,\"shift\":1}" : "");
        ax_train_options o = options_of(spec);
        o.progress = write_down;
        o.ctx = &d;
        must_train(&o);
        int changes = 0;
        for (int i = 1; i < 8; i++)
            changes += d.loss[i] != d.loss[0];
        assert_true(changes > 4);
        if (k == 0)
            continue;
        ax_trainer t;
        assert_int_equal(ax_trainer_open(&t, &o, NULL), 0);
        ax_batch_plan *p = ax_trainer_plan(&t, 0, 2, NULL);
        changes = 0;
        for (uint64_t draw = 0; draw < 10; draw++) { /* the same picture twice */
            ax_trainer_fill(&t, p->exec, &t.net, &t.data.train, (uint32_t[]){0, 0}, 2, &t.config.augment, draw, NULL);
            const float *x = ax_exec_input(p->exec, 1);
            changes += memcmp(x, x + 9, 9 * sizeof *x) != 0;
        }
        assert_true(changes > 5);
        ax_trainer_close(&t);
    }
}

/* ---- models ------------------------------------------------------------------------------------- */

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
    char *spec = strdup(small_spec(",\"epochs\":1,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0}")), *model = strstr(spec, "\"model\":{");
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
    assert_false(same_param(first, second, "n/moving_mean")); /* batch statistics are seen all the same */
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
    assert_float_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(t, "test"), "accuracy")->valuedouble, r.test_accuracy, 1e-9);
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(t, "spec"), "dataset"));
    cJSON_Delete(t);
    ax_model_release(m);
}

/* A served model gives a sample the same bits alone and in any company, and tells damage. */
static void test_model_file(void **state)
{
    (void)state;
    ax_train_options o = options_of(busy_spec(5));
    o.out = in_folder("served.safetensors");
    must_train(&o);
    ax_model *m = must_open(o.out);
    ax_pool *pool = ax_pool_new(3, NULL);
    static const char *const wanted[] = {"dense_2", "dense_1", "conv2d_1"};
    ax_session *alone = ax_session_open(m, &(ax_session_options){.outputs = wanted, .n_outputs = 3}, NULL);
    ax_session *many = ax_session_open(m, &(ax_session_options){.pool = pool, .outputs = wanted, .n_outputs = 3}, NULL);
    float x[17 * 60];
    for (int i = 0; i < 17 * 60; i++)
        x[i] = (float)(noise((uint64_t)i) / 4294967296.0);
    assert_int_equal(ax_session_resize(many, 17, NULL), 0);
    memcpy(ax_session_input(many, 0), x, sizeof x);
    ax_session_run(many);
    for (int i = 0; i < 17; i++) {
        predict(alone, x + i * 60, 1, 60);
        for (int k = 0; k < 3; k++) {
            size_t n = (size_t)ax_shape_count(&ax_session_output_port(alone, k)->shape);
            assert_memory_equal(ax_session_output(alone, k), (const float *)ax_session_output(many, k) + (size_t)i * n, n * sizeof(float));
        }
    }
    ax_err err;
    static const char *const unknown[] = {"dense_3"};
    assert_null(ax_session_open(m, &(ax_session_options){.outputs = unknown, .n_outputs = 1}, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
    assert_non_null(strstr(err.hint, "dense_"));
    assert_int_equal(ax_session_resize(alone, 0, &err), -1);
    assert_int_equal(ax_session_resize(alone, (int64_t)1 << 50, &err), -1);
    assert_int_equal(err.code, AX_ELIMIT);
    ax_session_close(alone);
    ax_session_close(many);
    ax_pool_free(pool);
    ax_model_release(m);
    /* one weight changed */
    size_t size;
    char *bytes = read_file(o.out, &size);
    float weight;
    memcpy(&weight, bytes + size - 4, 4);
    weight += 1;
    memcpy(bytes + size - 4, &weight, 4);
    write_file("damaged.safetensors", bytes, size);
    assert_null(ax_model_open(in_folder("damaged.safetensors"), &err));
    assert_int_equal(err.code, AX_ECORRUPT);
    assert_non_null(strstr(err.msg, "self-test failed"));
    /* and with nothing but the hash to go by */
    char *list = memmem(bytes, size, "\\\"outputs\\\"", 11);
    assert_non_null(list);
    memcpy(list, "\\\"0utputs\\\"", 11);
    write_file("damaged.safetensors", bytes, size);
    assert_null(ax_model_open(in_folder("damaged.safetensors"), &err));
    assert_int_equal(err.code, AX_ECORRUPT);
    free(bytes);
}

/* Inputs of any scale can be written and read again. */
static void test_extreme_scales(void **state)
{
    (void)state;
    static const char *const scales[] = {"1e-30", "1e30", "1e36", "-5", "[1e-20,1e20]"};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        char spec[1024];
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"scale\":%s}],\"layers\":[{\"type\":\"dense\",\"units\":1,\"activation\":\"tanh\"}]},"
                 "\"dataset\":{\"x\":[[0,0],[0,0]],\"y\":[0,0]},\"epochs\":1}", scales[i]);
        ax_train_options o = options_of(spec);
        o.out = in_folder("scaled.safetensors");
        must_train(&o);
        ax_model_release(must_open(o.out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_resume_gives_the_same_bits),
        cmocka_unit_test(test_bad_checkpoints),
        cmocka_unit_test(test_freezing),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_early_stopping),
        cmocka_unit_test(test_rates_that_are_told),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_draws_change),
        cmocka_unit_test(test_training_further),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_model_file),
        cmocka_unit_test(test_extreme_scales),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
