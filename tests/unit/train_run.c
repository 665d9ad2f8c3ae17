/* Whole trainings: what is learned, and that the bits of the model depend on the seed alone - not
 * on threads, not on having been stopped. */
#include "train_util.h"

#define XOR_X "[[0,0],[0,1],[1,0],[1,1]]"

/* XOR as classes, as yes or no, as numbers and as words. */
static void test_xor(void **state)
{
    (void)state;
    static const struct {
        const char *last, *y, *more;
        int classifies, labels;
    } rows[] = {
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}", "[0,1,1,0]", "", 2, 0},
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}", "[[1,0],[0,1],[0,1],[1,0]]",
         "", 2, 0},
        {"{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}",
         "[\"no\",\"yes\",\"yes\",\"no\"]", "", 2, 2},
        {"{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}", "[0,1,1,0]", "", 1, 0},
        {"{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}",
         "[\"no\",\"yes\",\"yes\",\"no\"]", "", 1, 2},
        {"{\"type\":\"dense\",\"units\":1}", "[0,1,1,0]", "", 0, 0},
        {"{\"type\":\"dense\",\"units\":1}", "[-1,1,1,-1]", ",\"loss\":\"hinge\"", 0, 0},
        {"{\"type\":\"dense\",\"units\":1}", "[0,1,1,0]",
         ",\"loss\":{\"name\":\"huber\",\"delta\":0.5}", 0, 0},
    };
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[1024];
        snprintf(
            spec, sizeof spec,
            "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":"
            "\"dense\",\"units\":8,\"activation\":\"tanh\"},%s]},"
            "\"dataset\":{\"x\":" XOR_X
            ",\"y\":%s},\"epochs\":400,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.02}%s}",
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
    snprintf(
        spec, sizeof spec,
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":1,\"name\":\"line\"}]},"
        "\"dataset\":{\"csv\":\"%s\"},\"epochs\":60,\"validation_split\":0.25,\"batch_size\":20,"
        "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05},\"schedule\":\"cosine\"}",
        in_folder("line.csv"));
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

/* ---- the same bits ------------------------------------------------------------------------------
 */

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
        assert_true(r.loss == whole.loss && r.val_loss == whole.val_loss &&
                    r.accuracy == whole.accuracy && r.samples == whole.samples);
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
    /* damaged: a bit in the numbers */
    bytes[size - 2] ^= 0x40;
    write_file("bad/checkpoint.safetensors", bytes, size);
    bytes[size - 2] ^= 0x40;
    o = options_of(busy_spec(5));
    o.checkpoint_dir = in_folder("bad");
    o.resume = 1;
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_int_equal(err.code, AX_ECORRUPT);
    assert_non_null(strstr(err.msg, "the file is damaged"));
    /* text replaced by text of the same length, where no hash tells */
    memcpy(memmem(bytes, size, AX_ST_HASH, 10), "other.hash", 10);
    static const struct {
        const char *from, *to, *word;
    } rows[] = {
        {"\\\"step\\\":\\\"21\\\"", "\\\"step\\\":\\\"99\\\"", "contradict"},
        {"\\\"step\\\":\\\"21\\\"", "\\\"step\\\":\\\"-9\\\"", "step is damaged: '-9'"},
        {"\\\"step\\\":\\\"21\\\"", "\\\"step\\\":\\\"2x\\\"", "step is damaged: '2x'"},
        {"\\\"step\\\":\\\"21\\\"", "\\\"stop\\\":\\\"21\\\"", "step is damaged: ''"},
        {"\\\"seconds\\\":\\\"0x", "\\\"seconds\\\":\\\"zz", "seconds is damaged: 'zz"},
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

static int count_calls(void *ctx, const ax_train_progress *p)
{
    (void)p;
    ++*(int *)ctx;
    return 0;
}

/* The folder is made, with those above it; one that cannot be is told before the first step. */
static void test_checkpoint_folder(void **state)
{
    (void)state;
    int calls = 0;
    char dir[128];
    ax_err err = {0};
    ax_train_result r;
    ax_train_options o = options_of(small_spec(",\"epochs\":1"));
    o.progress = count_calls;
    o.ctx = &calls;
    snprintf(dir, sizeof dir, "%s/far/down/here", folder);
    o.checkpoint_dir = dir;
    must_train(&o);
    assert_int_equal(access(in_folder("far/down/here/checkpoint.safetensors"), R_OK), 0);
    write_text("plain", "a file");
    static const char *const wrong[] = {"plain", "plain/below"};
    for (int i = 0; i < 2; i++) {
        calls = 0;
        snprintf(dir, sizeof dir, "%s/%s", folder, wrong[i]);
        assert_int_equal(ax_train(&o, &r, &err), -1);
        assert_non_null(strstr(err.msg, dir));
        assert_int_equal(calls, 0);
    }
}

/* A step out of the range of float32 behind a loss that was finite: nothing to go on from. */
static void test_diverged_weights(void **state)
{
    (void)state;
    ax_err err = {0};
    ax_train_result r;
    ax_train_options o = options_of(
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":1,\"name\":\"d\"}]},\"dataset\":{\"x\":[[1e18]],\"y\":[0.5]},\"epochs\":1,"
        "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1000}}");
    o.checkpoint_dir = in_folder("diverged");
    assert_int_equal(ax_train(&o, &r, &err), -1);
    assert_int_equal(err.code, AX_ENONFINITE);
    assert_non_null(strstr(err.msg, "'d/kernel' is not finite after epoch 1, step 1"));
    assert_int_not_equal(access(in_folder("diverged/checkpoint.safetensors"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_resume_gives_the_same_bits),
        cmocka_unit_test(test_bad_checkpoints),
        cmocka_unit_test(test_checkpoint_folder),
        cmocka_unit_test(test_diverged_weights),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
