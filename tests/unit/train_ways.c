/* What can be asked of a training: freezing, clipping, early stopping, schedules, order and chance;
 * and how it fails. */
#include "train_util.h"

static void test_freezing(void **state)
{
    (void)state;
    static const char *const frozen[] = {"a/kernel", "a/bias",        "n/gamma",
                                         "n/beta",   "n/moving_mean", "n/moving_variance",
                                         "b/kernel", "b/bias"};
    ax_model *start = train_small(",\"epochs\":1,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":"
                                  "0},\"freeze\":[\"a\",\"n\",\"b\"]",
                                  "start");
    ax_model *m = train_small(",\"epochs\":5,\"optimizer\":{\"name\":\"adamw\",\"weight_decay\":0."
                              "1},\"freeze\":[\"a\",\"n\",\"b\"]",
                              "frozen");
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
    static const char *const learned[] = {"a/kernel", "a/bias", "n/gamma",  "n/beta",
                                          "b/kernel", "b/bias", "c/kernel", "c/bias"};
    static const char *const how[] = {"0", "1e9", "0.001"};
    ax_model *start = train_small(
        ",\"epochs\":1,\"batch_size\":40,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0}",
        "start");
    double length[3];
    for (int k = 0; k < 3; k++) {
        char more[256];
        snprintf(more, sizeof more,
                 ",\"epochs\":1,\"batch_size\":40,\"optimizer\":{\"name\":\"sgd\",\"learning_"
                 "rate\":1},\"gradient_clip\":%s",
                 how[k]);
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

/* Too high a rate on too few samples: the validation loss turns up, training ends early, and the
 * model written is the best epoch's. */
static void test_early_stopping(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        char more[256];
        diary d = {.n = 0};
        snprintf(more, sizeof more,
                 ",\"epochs\":400,\"batch_size\":8,\"validation_split\":0.5,\"optimizer\":{"
                 "\"name\":\"adam\",\"learning_rate\":0.03},"
                 "\"early_stopping\":{\"metric\":\"val_loss\",\"patience\":6,\"restore_best\":%s}",
                 restore ? "true" : "false");
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
    ax_train_options o = options_of(
        small_spec(",\"epochs\":4,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0.5},"
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
    static const char *const optimizers[] = {
        "{\"name\":\"sgd\",\"learning_rate\":1000}",
        "{\"name\":\"sgd\",\"learning_rate\":1000,\"momentum\":0.9}"};
    for (int i = 0; i < 2; i++) {
        char spec[1024];
        ax_train_result r;
        ax_err err = {0};
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":"
                 "\"dense\",\"units\":1}]},"
                 "\"dataset\":{\"x\":[[1,2],[3,4],[5,6]],\"y\":[1,2,3]},\"epochs\":200,\"batch_"
                 "size\":1,\"optimizer\":%s}",
                 optimizers[i]);
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

/* Every step drops other values and every sample of it is augmented in its own way: with weights
 * that stand still, the loss of one and the same batch is another in each epoch. */
static void test_draws_change(void **state)
{
    (void)state;
    static const char *const how[] = {"{\"type\":\"dropout\"},", ""};
    for (int k = 0; k < 2; k++) {
        char spec[1024];
        diary d = {.n = 0};
        snprintf(spec, sizeof spec,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3,3]}],\"layers\":[{"
                 "\"type\":\"flatten\"},%s{\"type\":\"dense\",\"units\":1}]},"
                 "\"dataset\":{\"x\":[[[[1,2,3],[4,5,6],[7,8,9]]],[[[1,2,3],[4,5,6],[7,8,9]]]],"
                 "\"y\":[1,2]},\"optimizer\":{\"learning_rate\":0},"
                 "\"epochs\":8%s}",
                 how[k], k ? ",\"augment\":{\"flip\":true,\"shift\":1}" : "");
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
        float x[2 * 9];
        changes = 0;
        for (uint64_t draw = 0; draw < 10; draw++) { /* the same picture twice */
            ax_batch_fill(&(ax_batch){.t = &t,
                                      .from = &t.data.train,
                                      .samples = (uint32_t[]){0, 0},
                                      .n = 2,
                                      .augment = &t.config.augment,
                                      .draw = draw,
                                      .x = x});
            changes += memcmp(x, x + 9, 9 * sizeof *x) != 0;
        }
        assert_true(changes > 5);
        ax_trainer_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freezing),       cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_early_stopping), cmocka_unit_test(test_rates_that_are_told),
        cmocka_unit_test(test_divergence),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_draws_change),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
