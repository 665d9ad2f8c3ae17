/* The parts of training one by one: schedules and optimizers against their formulas, initializers
 * by their statistics, metrics by hand. */
#include "math/cpu.h"
#include "train/init.h"
#include "train_util.h"

/* ---- schedules --------------------------------------------------------------------------------
 */

static void test_schedules(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t step, steps;
        int epoch;
        double want;
    } rows[] = {
        {"\"constant\"", 57, 100, 5, 1},
        {"{\"warmup_steps\":10}", 0, 100, 0, 0.1},
        {"{\"warmup_steps\":10}", 9, 100, 0, 1},
        {"{\"name\":\"cosine\",\"warmup_steps\":10}", 4, 110, 0, 0.5},
        {"{\"name\":\"cosine\",\"warmup_steps\":10}", 10, 110, 0, 1},
        {"{\"name\":\"cosine\",\"warmup_steps\":10}", 60, 110, 0, 0.5},
        {"\"cosine\"", 100, 100, 0, 0},
        {"\"cosine\"", 1000, 100, 0, 0},
        {"{\"name\":\"cosine\",\"min_factor\":0.2}", 50, 100, 0, 0.6},
        {"{\"name\":\"cosine\",\"warmup_steps\":100}", 100, 100, 0, 0},
        {"\"linear\"", 25, 100, 0, 0.75},
        {"{\"name\":\"linear\",\"min_factor\":0.5}", 100, 100, 0, 0.5},
        {"\"step\"", 0, 100, 9, 1},
        {"\"step\"", 0, 100, 10, 0.1},
        {"{\"name\":\"step\",\"every\":2,\"gamma\":0.5}", 0, 100, 5, 0.25},
        {"{\"name\":\"exponential\",\"gamma\":0.5}", 0, 100, 3, 0.125},
        {"\"plateau\"", 50, 100, 7, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_schedule s;
        cJSON *j = cJSON_Parse(rows[i].json);
        assert_int_equal(ax_schedule_read(j, &s, NULL), 0);
        double got = ax_schedule_factor(&s, rows[i].step, rows[i].steps, rows[i].epoch);
        if (!(fabs(got - rows[i].want) <= 1e-12))
            fail_msg("%s, step %lld, epoch %d: %g, expected %g", rows[i].json,
                     (long long)rows[i].step, rows[i].epoch, got, rows[i].want);
        cJSON_Delete(j);
    }
}

static void test_plateau(void **state)
{
    (void)state;
    static const double losses[] = {5, 4, 4, 4.5, 3, 3, 3, 3, 3, 3};
    static const double want[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2};
    ax_schedule s;
    cJSON *j = cJSON_Parse("{\"name\":\"plateau\",\"every\":2,\"min_factor\":0.2}");
    assert_int_equal(ax_schedule_read(j, &s, NULL), 0);
    for (int i = 0; i < 10; i++) {
        ax_schedule_epoch(&s, losses[i]);
        assert_float_equal(ax_schedule_factor(&s, 0, 1, i), want[i], 1e-12);
    }
    cJSON_Delete(j);
}

/* ---- optimizers -------------------------------------------------------------------------------
 */

/* The formulas of torch.optim, in double, for one weight. */
static void reference(const ax_optimizer *o, int step, double lr, double *w, double g, double *m,
                      double *v)
{
    const char *name = ax_optimizer_name(o);
    double t = step + 1, x = *w;
    if (!strcmp(name, "adamw") || !strcmp(name, "lion"))
        x *= 1 - lr * o->weight_decay;
    else
        g += o->weight_decay * x;
    if (!strcmp(name, "sgd")) {
        *m = step ? o->momentum * *m + g : g;
        x -= lr * (o->nesterov ? g + o->momentum * *m : o->momentum > 0 ? *m : g);
    } else if (!strncmp(name, "adam", 4)) {
        *m = o->beta1 * *m + (1 - o->beta1) * g;
        *v = o->beta2 * *v + (1 - o->beta2) * g * g;
        x -= lr * (*m / (1 - pow(o->beta1, t))) / (sqrt(*v / (1 - pow(o->beta2, t))) + o->epsilon);
    } else if (!strcmp(name, "rmsprop")) {
        *v = o->beta2 * *v + (1 - o->beta2) * g * g;
        *m = o->momentum * *m + g / (sqrt(*v) + o->epsilon);
        x -= lr * *m;
    } else if (!strcmp(name, "adagrad")) {
        *m += g * g;
        x -= lr * g / (sqrt(*m) + o->epsilon);
    } else {
        double c = o->beta1 * *m + (1 - o->beta1) * g;
        x -= lr * ((c > 0) - (c < 0));
        *m = o->beta2 * *m + (1 - o->beta2) * g;
    }
    *w = x;
}

static const char *const optimizers[] = {
    "{\"name\":\"sgd\"}",
    "{\"name\":\"sgd\",\"momentum\":0.9,\"weight_decay\":0.1}",
    "{\"name\":\"sgd\",\"momentum\":0.9,\"nesterov\":true,\"learning_rate\":0.1}",
    "{\"name\":\"adam\"}",
    "{\"name\":\"adam\",\"beta1\":0.5,\"beta2\":0.9,\"epsilon\":0.01,\"learning_rate\":0.1}",
    "{\"name\":\"adam\",\"epsilon\":0.001,\"weight_decay\":0.1,\"learning_rate\":0.1}",
    "{\"name\":\"adamw\",\"learning_rate\":0.1}",
    "{\"name\":\"rmsprop\",\"learning_rate\":0.1}",
    "{\"name\":\"rmsprop\",\"momentum\":0.9,\"weight_decay\":0.1}",
    "{\"name\":\"adagrad\",\"weight_decay\":0.1}",
    "{\"name\":\"lion\",\"weight_decay\":0.1}",
};

static float gradient(int i, int step)
{
    return (float)((int32_t)noise((uint64_t)(step * 1000 + i % 1000)) / 2147483648.0);
}

static void test_optimizers(void **state)
{
    (void)state;
    enum { N = 40000, STEPS = 6 };
    ax_pool *pool = ax_pool_new(3, NULL);
    const char *before = ax_isa_name(ax_isa_active());
    float *w = malloc(N * sizeof *w), *g = malloc(N * sizeof *g),
          *first = malloc(N * sizeof *first);
    for (size_t k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
        ax_optimizer o;
        cJSON *j = cJSON_Parse(optimizers[k]);
        assert_int_equal(ax_optimizer_read(j, &o, NULL), 0);
        cJSON_Delete(j);
        int have = 0;
        for (int run = 0; run < AX_ISAS * 2;
             run++) { /* every instruction set, without and with threads */
            if (!ax_isa_supported((ax_isa)(run / 2)))
                continue;
            ax_isa_force(ax_isa_name((ax_isa)(run / 2)), NULL);
            float *slot[2] = {calloc(N, sizeof(float)), calloc(N, sizeof(float))};
            for (int i = 0; i < N; i++)
                w[i] = gradient(i, 77);
            for (int step = 0; step < STEPS; step++) {
                for (int i = 0; i < N; i++)
                    g[i] = gradient(i, step);
                ax_optimizer_step(&o, step, o.lr, N, w, g, slot, run % 2 ? pool : NULL);
            }
            free(slot[0]);
            free(slot[1]);
            if (!have++)
                memcpy(first, w, N * sizeof *w);
            assert_memory_equal(first, w,
                                N * sizeof *w); /* no contraction: the same bits everywhere */
        }
        for (int i = 0; i < 1000; i++) {
            double x = gradient(i, 77), m = 0, v = 0;
            for (int step = 0; step < STEPS; step++)
                reference(&o, step, o.lr, &x, gradient(i, step), &m, &v);
            if (!(fabs(first[i] - x) <= 2e-6 * (1 + fabs(x))))
                fail_msg("%s: weight %d is %.9g, expected %.9g", optimizers[k], i, first[i], x);
        }
    }
    ax_isa_force(before, NULL);
    ax_pool_free(pool);
    free(w);
    free(g);
    free(first);
}

/* A gradient that is not a number must not be taken for a zero. */
static void test_optimizers_show_nan(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
        ax_optimizer o;
        cJSON *j = cJSON_Parse(optimizers[k]);
        assert_int_equal(ax_optimizer_read(j, &o, NULL), 0);
        cJSON_Delete(j);
        float w = 1, g = NAN, a = 0, b = 0, *slot[2] = {&a, &b};
        ax_optimizer_step(&o, 0, o.lr, 1, &w, &g, slot, NULL);
        assert_true(isnan(w));
    }
}

/* ---- initializers ------------------------------------------------------------------------------
 */

static void test_initializers(void **state)
{
    (void)state;
    enum { R = 120, C = 300 };
    static const struct {
        const char *name;
        double std;
        int uniform;
    } rows[] = {
        {"auto", 1.5 / 17.3205080757 /* gain / sqrt(300) */, 0},
        {"he_normal", 0.0816496581, 0}, /* sqrt(2/300)     */
        {"he_uniform", 0.0816496581, 1},
        {"glorot_normal", 0.0690065559, 0}, /* sqrt(2/420)   */
        {"glorot_uniform", 0.0690065559, 1},
        {"lecun_normal", 0.0577350269, 0}, /* sqrt(1/300)    */
    };
    ax_graph g;
    ax_graph_init(&g);
    ax_val v = ax_graph_param(&g, "fc/kernel", &AX_SHAPE(R, C), 1, NULL);
    float *w = malloc(R * C * sizeof *w), *again = malloc(R * C * sizeof *w);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_init how = {v, rows[i].name, 0, 1.5, C, R};
        double sum = 0, square = 0, most = 0;
        g.val[v].data = w;
        assert_int_equal(ax_init_fill(&g, &how, 3, NULL), 0);
        for (int k = 0; k < R * C; k++) {
            sum += w[k];
            square += (double)w[k] * w[k];
            most = fmax(most, fabs(w[k]));
        }
        double n = R * C, std = sqrt(square / n - sum / n * sum / n);
        /* six standard errors of the mean and of the deviation */
        if (!(fabs(sum / n) < 6 * rows[i].std / sqrt(n)) ||
            !(fabs(std / rows[i].std - 1) < 6 / sqrt(2 * n)))
            fail_msg("%s: mean %g, deviation %g, expected %g", rows[i].name, sum / n, std,
                     rows[i].std);
        assert_true(rows[i].uniform ? most <= rows[i].std * sqrt(3) * 1.000001
                                    : most > rows[i].std * 3);
        g.val[v].data = again;
        assert_int_equal(ax_init_fill(&g, &how, 3, NULL), 0);
        assert_memory_equal(w, again, R * C * sizeof *w);
        assert_int_equal(ax_init_fill(&g, &how, 4, NULL), 0);
        assert_memory_not_equal(w, again, R * C * sizeof *w);
    }
    free(w);
    free(again);
    ax_graph_fini(&g);
}

static void test_orthogonal(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{7, 30}, {30, 7}, {16, 16}, {1, 5}, {5, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t r = sizes[s][0], c = sizes[s][1], few = r < c ? r : c, len = r < c ? c : r;
        ax_graph g;
        ax_graph_init(&g);
        ax_val v = ax_graph_param(&g, "w", &AX_SHAPE(r, c), 1, NULL);
        float *w = g.val[v].data = malloc((size_t)(r * c) * sizeof *w);
        ax_init how = {v, "orthogonal", 0, 2, c, r};
        assert_int_equal(ax_init_fill(&g, &how, 1, NULL), 0);
        for (int64_t i = 0; i < few; i++)
            for (int64_t k = 0; k < few; k++) {
                double dot = 0;
                for (int64_t q = 0; q < len; q++)
                    dot += (double)(r < c ? w[i * c + q] : w[q * c + i]) *
                           (r < c ? w[k * c + q] : w[q * c + k]);
                assert_float_equal(dot, (i == k ? 4 : 0), 1e-5);
            }
        free(w);
        ax_graph_fini(&g);
    }
}

/* ---- metrics -----------------------------------------------------------------------------------
 */

static double metric(const ax_metrics *m, const char *key)
{
    cJSON *o = ax_metrics_json(m);
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    double x = cJSON_IsNumber(v) ? v->valuedouble : NAN;
    cJSON_Delete(o);
    return x;
}

static void test_metrics(void **state)
{
    (void)state;
    ax_arena a;
    ax_metrics m;
    ax_arena_init(&a, 0);
    /* classes: said 0,0,1,2 where 0,1,1,0 is true; one-hot rows count like numbers */
    static const float y[4][3] = {{3, 1, 0}, {2, 1, 0}, {0, 5, 0}, {0, 0, 1}};
    static const int class_[4] = {0, 1, 1, -1};
    static const float one_hot[3] = {1, 0, 0};
    assert_int_equal(ax_metrics_init(&m, AX_TASK_CLASSES, 3, &a), 0);
    for (int i = 0; i < 4; i++)
        ax_metrics_add(&m, y[i], class_[i], class_[i] < 0 ? one_hot : NULL, 0, i);
    assert_float_equal(ax_metrics_loss(&m), 1.5, 0);
    assert_float_equal(ax_metrics_accuracy(&m), 0.5, 0);
    assert_float_equal(metric(&m, "precision"), (0.5 + 1 + 0) / 3, 1e-12);
    assert_float_equal(metric(&m, "recall"), (0.5 + 0.5 + 0) / 3, 1e-12);
    assert_float_equal(metric(&m, "f1"), (0.5 + 2 / 3.0 + 0) / 3, 1e-12);
    assert_true(isnan(metric(&m, "top5")));
    /* top 5 of 7: the sixth best is out; ties go to the lower class */
    static const float seven[7] = {7, 6, 5, 4, 3, 3, 1};
    assert_int_equal(ax_metrics_init(&m, AX_TASK_CLASSES, 7, &a), 0);
    for (int i = 0; i < 7; i++)
        ax_metrics_add(&m, seven, i, NULL, 0, 0);
    assert_float_equal(metric(&m, "top5"), 5 / 7.0, 1e-12);
    /* yes or no: two outputs a sample */
    static const float p[2][2] = {{0.9f, 0.2f}, {0.6f, 0.5f}}, t[2][2] = {{1, 0}, {0, 1}};
    assert_int_equal(ax_metrics_init(&m, AX_TASK_BINARY, 2, &a), 0);
    for (int i = 0; i < 2; i++)
        ax_metrics_add(&m, p[i], -1, t[i], 0.5f, 0);
    assert_float_equal(ax_metrics_accuracy(&m), 0.5, 0);
    assert_float_equal(metric(&m, "precision"), 0.5, 0);
    assert_float_equal(metric(&m, "recall"), 0.5, 0);
    /* numbers */
    static const float guess[3] = {1, 2, 6}, truth[3] = {1, 3, 5};
    assert_int_equal(ax_metrics_init(&m, AX_TASK_NUMBERS, 1, &a), 0);
    for (int i = 0; i < 3; i++)
        ax_metrics_add(&m, &guess[i], -1, &truth[i], 0, 0);
    assert_true(isnan(ax_metrics_accuracy(&m)));
    assert_float_equal(metric(&m, "mae"), 2 / 3.0, 1e-12);
    assert_float_equal(metric(&m, "rmse"), sqrt(2 / 3.0), 1e-12);
    assert_float_equal(metric(&m, "r2"), 1 - 2 / 8.0, 1e-12);
    /* nothing seen */
    assert_int_equal(ax_metrics_init(&m, AX_TASK_CLASSES, 3, &a), 0);
    assert_true(isnan(ax_metrics_loss(&m)) && isnan(ax_metrics_accuracy(&m)));
    cJSON_Delete(ax_metrics_json(&m));
    ax_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),    cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_optimizers),   cmocka_unit_test(test_optimizers_show_nan),
        cmocka_unit_test(test_initializers), cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
