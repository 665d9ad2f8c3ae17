/* The edges of the sparsity penalties, which differences cannot probe: silent and stuck units under
 * kl, samples of zeros under hoyer; and that learning with either does what it is for. */
#include "train_util.h"

#include "graph/plan.h"

/* The penalty on x (n, c) and its gradient. */
static float penalty(const ax_op *op, const void *attr, int64_t n, int64_t c, const float *x,
                     float *dx)
{
    ax_graph g;
    ax_err err = {0};
    ax_val part[2];
    ax_graph_init(&g);
    ax_val in = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(n, c), &err);
    part[0] = ax_graph_node(&g, op, "p", attr, &in, 1, &err);
    assert_int_equal(ax_graph_grad(&g, part[0], &in, 1, &part[1], &err), 0);
    ax_plan *p =
        ax_plan_new(&g,
                    &(ax_plan_options){
                        .outputs = part, .n_outputs = 2, .inputs = &g.val[in].desc, .threads = 1},
                    &err);
    ax_exec *e = ax_exec_new(p, NULL, &err);
    assert_non_null(e);
    memcpy(ax_exec_input(e, 0), x, (size_t)(n * c) * sizeof *x);
    ax_exec_run(e);
    float value = *(const float *)ax_exec_output(e, 0);
    memcpy(dx, ax_exec_output(e, 1), (size_t)(n * c) * sizeof *dx);
    ax_exec_free(e);
    ax_plan_free(p);
    ax_graph_fini(&g);
    return value;
}

/* A mean of 0 or 1 counts as 1e-6 or 1 - 1e-6, in the value and in the gradient. */
static void test_silent_units(void **state)
{
    (void)state;
    const double rho = 0.05, beta = 3, e = 1e-6;
    const float x[4] = {0, 1, 0, 1};
    float dx[4];
    double off = rho * log(rho / e) + (1 - rho) * log((1 - rho) / (1 - e));
    double on = rho * log(rho / (1 - e)) + (1 - rho) * log((1 - rho) / e);
    double v = penalty(&ax_op_kl_sparsity, &(ax_kl_attr){rho, beta, 0}, 2, 2, x, dx);
    assert_float_equal(v, beta * (off + on), 1e-5);
    for (int i = 0; i < 4; i++) {
        double r = x[i] > 0 ? 1 - e : e, want = beta / 2 * ((1 - rho) / (1 - r) - rho / r);
        assert_true(fabs(dx[i] - want) <= fabs(want) * 1e-7);
    }
    /* tanh at its ends: the same units, and half of the slope */
    const float t[4] = {-1, 1, -1, 1};
    float dt[4];
    assert_float_equal(penalty(&ax_op_kl_sparsity, &(ax_kl_attr){rho, beta, 1}, 2, 2, t, dt), v, 0);
    for (int i = 0; i < 4; i++)
        assert_float_equal(dt[i], dx[i] / 2, 0);
}

/* One sample and nothing: (3 + 1)^2 / (9 + 1) / 2 samples. */
static void test_samples_of_zeros(void **state)
{
    (void)state;
    const float x[6] = {3, 0, -1, 0, 0, 0};
    float dx[6];
    assert_float_equal(penalty(&ax_op_hoyer, &(ax_hoyer_attr){1}, 2, 3, x, dx), 0.8f, 0);
    const float want[6] = {0.4f * (1 - 1.2f), 0, 0.4f * (-1 + 0.4f), 0, 0, 0};
    for (int i = 0; i < 6; i++)
        assert_float_equal(dx[i], want[i], 1e-7);
}

/* One layer, one epoch long enough: the mean of each sigmoid comes to rho, with a loss that leaves
 * it free. */
static void test_kl_sets_the_mean(void **state)
{
    (void)state;
    char spec[1600], *p = spec;
    p += sprintf(
        p,
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":4,\"name\":\"h\",\"activation\":\"sigmoid\",\"activity_regularizer\":"
        "{\"kl\":{\"rho\":0.2,\"beta\":1}}},{\"type\":\"dense\",\"units\":1,\"name\":\"out\"}]},"
        "\"batch_size\":16,\"epochs\":400,\"freeze\":[\"out\"],\"loss\":\"mse\","
        "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.02},\"dataset\":{\"x\":[");
    for (int i = 0; i < 48; i++)
        p += sprintf(p, "%s%.3f%s",
                     i % 3 ? ","
                     : i   ? ",["
                           : "[",
                     noise((uint64_t)i) / 2147483648.0 - 1, i % 3 == 2 ? "]" : "");
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < 16; i++)
        p += sprintf(p, "%s[0]", i ? "," : "");
    sprintf(p, "]}}");
    ax_train_options o = options_of(spec);
    o.out = in_folder("kl.safetensors");
    must_train(&o);
    ax_model *m = must_open(o.out);
    ax_err err;
    ax_session *s = ax_session_open(
        m, &(ax_session_options){.outputs = (const char *[]){"h"}, .n_outputs = 1}, &err);
    assert_int_equal(ax_session_resize(s, 16, &err), 0);
    float *x = ax_session_input(s, 0);
    for (int i = 0; i < 48; i++)
        x[i] = (float)(noise((uint64_t)i) / 2147483648.0 - 1);
    ax_session_run(s, NULL);
    const float *y = ax_session_output(s, 0);
    for (int u = 0; u < 4; u++) {
        double mean = 0;
        for (int i = 0; i < 16; i++)
            mean += y[i * 4 + u] / 16;
        assert_true(mean > 0.15 && mean < 0.25);
    }
    ax_session_close(s);
    ax_model_release(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_units),
        cmocka_unit_test(test_samples_of_zeros),
        cmocka_unit_test(test_kl_sets_the_mean),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
