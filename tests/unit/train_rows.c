/* Learning through functions of whole rows: each as a hidden layer, as the last one with its loss,
 * and the layer made of one. */
#include "train_util.h"

/* Four corners of a square, opposite ones of one class: class numbers, or shares. */
static const char *corners_spec(const char *layers, int shares, const char *more)
{
    static char spec[8192];
    char *p = spec;
    p += sprintf(p,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[%s]},"
                 "\"dataset\":{\"x\":[",
                 layers);
    for (int i = 0; i < 64; i++)
        p += sprintf(p, "%s[%.3f,%.3f]", i ? "," : "",
                     (i & 1 ? 1 : -1) + noise((uint64_t)i) / 4294967296.0 - 0.5,
                     (i & 2 ? 1 : -1) + noise((uint64_t)i + 100) / 4294967296.0 - 0.5);
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < 64; i++) {
        int c = (i & 1) != (i >> 1 & 1);
        p += shares ? sprintf(p, "%s[%d,%d]", i ? "," : "", !c, c)
                    : sprintf(p, "%s%d", i ? "," : "", c);
    }
    sprintf(p, "]}%s}", more);
    return spec;
}

static const char *const hidden[] = {
    "\"glu\"",
    "{\"name\":\"glu\",\"gate_first\":true}",
    "\"gtu\"",
    "\"bilinear\"",
    "\"reglu\"",
    "\"geglu\"",
    "\"swiglu\"",
    "\"swiglu_oai\"",
    "\"maxout\"",
    "{\"name\":\"maxout\",\"pieces\":4}",
    "\"crelu\"",
    "\"softmax\"",
    "{\"name\":\"softmax\",\"temperature\":0.5}",
    "\"log_softmax\"",
    "\"softmin\"",
    "\"softmax1\"",
    "\"sparsemax\"",
    "\"entmax15\"",
    "{\"name\":\"gumbel_softmax\",\"temperature\":0.5}",
    "{\"name\":\"gumbel_softmax\",\"hard\":true}",
};

/* The corners cannot be told apart without the hidden layer, and every number of threads learns the
 * same bits. */
static void test_learning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        char layers[512];
        snprintf(layers, sizeof layers,
                 "{\"type\":\"dense\",\"units\":16,\"activation\":%s},"
                 "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}",
                 hidden[i]);
        ax_train_options o = options_of(
            corners_spec(layers, 0,
                         ",\"epochs\":150,\"batch_size\":16,\"optimizer\":{\"name\":\"adam\","
                         "\"learning_rate\":0.05}"));
        o.out = in_folder("one");
        ax_train_result r = must_train(&o);
        if (!(r.accuracy > 0.9))
            fail_msg("%s: loss %g, accuracy %g", hidden[i], r.loss, r.accuracy);
        const char *one = o.out;
        o.out = in_folder("three");
        o.threads = 3;
        must_train(&o);
        if (!same_files(one, o.out))
            fail_msg("%s: one and three threads learn differently", hidden[i]);
    }
}

/* With weights that stand still, the loss told is that of the probabilities served, whatever their
 * temperature. */
static void test_loss_of_probabilities(void **state)
{
    (void)state;
    static const char *const last[] = {"\"softmax\"", "{\"name\":\"softmax\",\"temperature\":0.25}",
                                       "{\"name\":\"softmin\",\"temperature\":3}", "\"softmin\""};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
        char layers[256];
        snprintf(layers, sizeof layers, "{\"type\":\"dense\",\"units\":2,\"activation\":%s}",
                 last[i]);
        ax_train_options o =
            options_of(corners_spec(layers, 0,
                                    ",\"epochs\":1,\"batch_size\":64,\"optimizer\":{"
                                    "\"name\":\"sgd\",\"learning_rate\":0}"));
        o.out = in_folder("still");
        ax_train_result r = must_train(&o);
        ax_model *m = must_open(o.out);
        assert_int_equal(ax_model_get_info(m)->classifies, 2);
        ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
        float x[64][2];
        double loss = 0;
        for (int k = 0; k < 64; k++) { /* as corners_spec prints them */
            char text[64];
            snprintf(text, sizeof text, "%.3f %.3f",
                     (k & 1 ? 1 : -1) + noise((uint64_t)k) / 4294967296.0 - 0.5,
                     (k & 2 ? 1 : -1) + noise((uint64_t)k + 100) / 4294967296.0 - 0.5);
            char *end;
            x[k][0] = strtof(text, &end);
            x[k][1] = strtof(end, NULL);
        }
        const float *y = predict(s, x[0], 64, 2);
        for (int k = 0; k < 64; k++)
            loss -= log(y[2 * k + ((k & 1) != (k >> 1 & 1))]) / 64;
        if (!(fabs(r.loss - loss) < 1e-6))
            fail_msg("%s: loss %.9g, of the probabilities %.9g", last[i], r.loss, loss);
        ax_session_close(s);
        ax_model_release(m);
    }
}

/* Shares that are no softmax go with a loss that takes shares. */
static void test_losses_that_fit(void **state)
{
    (void)state;
    static const struct {
        const char *last, *more;
        int fits;
    } rows[] = {
        {"sparsemax", "", 1},
        {"softmax", "", 1},
        {"sparsemax", ",\"loss\":\"mse\"", 1},
        {"sparsemax", ",\"loss\":\"cross_entropy\"", 0},
        {"entmax15", ",\"loss\":\"cross_entropy\"", 0},
        {"softmax1", ",\"loss\":\"cross_entropy\"", 0},
        {"sparsemax", ",\"loss\":\"binary_cross_entropy\"", 0},
        {"softmax2d", "", 1},
        {"softmin", ",\"loss\":\"cross_entropy\"", 1},
        {"softmin", ",\"loss\":\"binary_cross_entropy\"", 0},
        {"log_softmax", ",\"loss\":\"cross_entropy\"", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char layers[256];
        ax_train_result r;
        ax_err err = {0};
        snprintf(layers, sizeof layers, "{\"type\":\"dense\",\"units\":2,\"activation\":\"%s\"}",
                 rows[i].last);
        ax_train_options o = options_of(corners_spec(layers, 1, rows[i].more));
        int bad = ax_train(&o, &r, &err);
        if (bad != (rows[i].fits ? 0 : -1))
            fail_msg("%s%s: %d, %s", rows[i].last, rows[i].more, bad, err.msg);
        if (bad)
            assert_true(err.code == AX_EINVAL && !strcmp(err.at, "loss") &&
                        strstr(err.msg, "goes with a final"));
    }
}

/* Each epoch draws other noise. */
static int note_loss(void *ctx, const ax_train_progress *p)
{
    double *loss = ctx;
    if (p->epoch_done)
        loss[p->epoch - 1] = p->loss;
    return 0;
}

static void test_noise_changes(void **state)
{
    (void)state;
    double loss[8] = {0};
    ax_train_options o = options_of(corners_spec(
        "{\"type\":\"dense\",\"units\":4,\"activation\":\"gumbel_softmax\"},{\"type\":\"dense\","
        "\"units\":2,\"activation\":\"softmax\"}",
        0, ",\"epochs\":8,\"batch_size\":64,\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0}"));
    o.progress = note_loss;
    o.ctx = loss;
    must_train(&o);
    for (int i = 1; i < 8; i++)
        assert_true(loss[i] != loss[i - 1]);
}

/* max(x, depthwise convolution) from the weights in the file */
static void test_frelu(void **state)
{
    (void)state;
    enum { N = 2, C = 3, H = 5, W = 4, MAP = H * W };
    ax_train_options o =
        options_of("{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3,5,4]}],"
                   "\"layers\":[{\"type\":\"frelu\",\"name\":\"f\"}]},\"dataset\":{"
                   "\"x\":[[[[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]],"
                   "[[0,0,0,0],[0,0,0,0],[0,0,1,0],[0,0,0,0],[0,0,0,0]],"
                   "[[-9,-9,-9,-9],[-9,-9,-9,-9],[-9,-9,-9,-9],[-9,-9,-9,-9],[-9,-9,-9,-9]]]],"
                   "\"y\":[[[[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]],"
                   "[[0,0,0,0],[0,1,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]],"
                   "[[2,2,2,2],[2,2,2,2],[2,2,2,2],[2,2,2,2],[2,2,2,2]]]]},\"epochs\":20}");
    o.out = in_folder("frelu");
    must_train(&o);
    ax_model *m = must_open(o.out);
    int64_t n;
    const float *k = param_of(m, "f/kernel", &n), *bias = param_of(m, "f/bias", &n);
    assert_true(bias[2] != 0); /* has learned */
    static float x[N][C][H][W];
    for (int i = 0; i < N * C * MAP; i++)
        (&x[0][0][0][0])[i] = (float)(noise((uint64_t)i) / 4294967296.0 * 2 - 1);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    const float *y = predict(s, &x[0][0][0][0], N, C * MAP);
    int kept = 0;
    for (int i = 0; i < N * C * MAP; i++) {
        int a = i / MAP / C, c = i / MAP % C, h = i / W % H, w = i % W;
        double sum = bias[c];
        for (int q = 0; q < 9; q++) {
            int r = h + q / 3 - 1, t = w + q % 3 - 1;
            if (r >= 0 && r < H && t >= 0 && t < W)
                sum += (double)k[c * 9 + q] * x[a][c][r][t];
        }
        kept += x[a][c][h][w] > sum;
        assert_true(fabs(y[i] - fmax(sum, x[a][c][h][w])) < 1e-5);
    }
    assert_true(kept > 10 && kept < N * C * MAP - 10);
    ax_session_close(s);
    ax_model_release(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learning),        cmocka_unit_test(test_loss_of_probabilities),
        cmocka_unit_test(test_losses_that_fit), cmocka_unit_test(test_noise_changes),
        cmocka_unit_test(test_frelu),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
