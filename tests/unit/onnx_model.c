/* Files of ONNX as models: which of them take batches, shapes that are said at run time, numbers
 * that shapes depend on, inner values by name. */
#include "io_check.h"

#include <math.h>
#include <unistd.h>

#include "axon.h"
#include "onnx_models.h"

static ax_model *open_model(file *f)
{
    ax_err err = {0};
    char path[64] = "/tmp/axon-onnx-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    finish_file(f, path);
    ax_model *m = ax_model_open(path, &err);
    unlink(path);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static ax_model *mlp(const char *rows)
{
    file f;
    put_mlp(&f, rows);
    return open_model(&f);
}

static const float xs[12] = {1, 2, 3, 4, -1, .5f, 0, 2, 3, -3, 1, 1};

static void run(ax_session *s)
{
    ax_err err;
    if (ax_session_run(s, &err))
        fail_msg("%s", err.msg);
}

/* A batch of three gives what each gives alone, and softmax of the numbers worked out here. */
static void check_mlp(ax_model *m)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    float y[6];
    assert_int_equal(ax_session_resize(s, 3, NULL), 0);
    memcpy(ax_session_input(s, 0), xs, sizeof xs);
    run(s);
    assert_true(ax_shape_equal(ax_session_output_shape(s, 0), &AX_SHAPE(3, 2)));
    assert_true(ax_shape_equal(ax_session_input_shape(s, 0), &AX_SHAPE(3, 4)));
    memcpy(y, ax_session_output(s, 0), sizeof y);
    assert_int_equal(ax_session_resize(s, 1, NULL), 0);
    for (int r = 0; r < 3; r++) {
        memcpy(ax_session_input(s, 0), xs + 4 * r, 4 * sizeof *xs);
        run(s);
        assert_memory_equal(ax_session_output(s, 0), y + 2 * r, 2 * sizeof *y);
        double z[2] = {0, 0};
        for (int j = 0; j < 3; j++) {
            double h = 0;
            for (int k = 0; k < 4; k++)
                h += (double)xs[4 * r + k] * (double)w1[3 * k + j];
            for (int c = 0; h > 0 && c < 2; c++)
                z[c] += h * (double)w2[2 * j + c];
        }
        assert_true(fabs((double)y[2 * r] - 1 / (1 + exp(z[1] - z[0]))) < 1e-6);
    }
    ax_session_close(s);
}

static void batches(void **state)
{
    (void)state;
    ax_model *m = mlp("batch");
    const ax_model_info *i = ax_model_get_info(m);
    assert_true(i->batches && !i->mixes);
    assert_string_equal(i->format, "onnx");
    assert_int_equal(i->opset, 13);
    assert_int_equal(i->classifies, 2);
    assert_int_equal(i->params, 18);
    assert_true(ax_shape_equal(&i->inputs[0].shape, &AX_SHAPE(4)));
    assert_true(ax_shape_equal(&i->outputs[0].shape, &AX_SHAPE(2)));
    assert_int_equal(i->n_layers, 4);
    assert_string_equal(i->layers[1].type, "Relu");
    assert_string_equal(i->layers[1].activation, "relu");
    check_mlp(m);
    ax_model_release(m);
}

/* A file for one sample takes any number of them all the same. */
static void one_sample_at_a_time(void **state)
{
    (void)state;
    ax_model *m = mlp("1");
    assert_true(ax_model_get_info(m)->batches && !ax_model_get_info(m)->mixes);
    check_mlp(m);
    ax_model_release(m);
    file f; /* x (1,4) -> (2,2) -> mean over the first axis -> (1,2): cannot grow, is run row by row
             */
    begin(&f, 13);
    ints(&f, "two", 2, (int64_t[]){2, 2});
    PORT(&f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "1", "4");
    PORT(&f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "1", "2");
    NODE(&f, "Reshape", "r", "x", "two");
    NODE(&f, "ReduceMean", "y", "r");
    ax_onnx_put_ints(&f.o, "axes", (int64_t[]){0}, 1);
    m = open_model(&f);
    assert_true(ax_model_get_info(m)->batches);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    assert_int_equal(ax_session_resize(s, 3, NULL), 0);
    memcpy(ax_session_input(s, 0), xs, sizeof xs);
    run(s);
    static const float want[6] = {2, 3, -.5f, 1.25f, 2, -1};
    assert_memory_equal(ax_session_output(s, 0), want, sizeof want);
    ax_session_close(s);
    ax_model_release(m);
}

/* x minus the mean over the batch: rows depend on each other, and the model says so. */
static void rows_that_mix(void **state)
{
    (void)state;
    file f;
    begin(&f, 13);
    PORT(&f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "n", "4");
    PORT(&f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "n", "4");
    NODE(&f, "ReduceMean", "mean", "x");
    ax_onnx_put_ints(&f.o, "axes", (int64_t[]){0}, 1);
    NODE(&f, "Sub", "y", "x", "mean");
    ax_model *m = open_model(&f);
    assert_true(ax_model_get_info(m)->batches && ax_model_get_info(m)->mixes);
    ax_model_release(m);
}

/* y = relu of the mean over height and width, both open. */
static void open_dimensions(void **state)
{
    (void)state;
    file f;
    ax_err err;
    put_open(&f);
    ax_model *m = open_model(&f);
    const ax_model_info *i = ax_model_get_info(m);
    assert_false(i->batches);
    assert_int_equal(i->inputs[0].shape.dim[2], -1);
    assert_string_equal(i->inputs[0].dims[2], "height");
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    for (int turn = 0; turn < 4; turn++) {
        ax_shape x = turn % 2 ? AX_SHAPE(1, 2, 3, 5) : AX_SHAPE(2, 2, 1, 7);
        assert_int_equal(ax_session_shape(s, 0, &x, NULL), 0);
        assert_int_equal(ax_session_ready(s, NULL), 0);
        for (int64_t k = 0; k < ax_shape_count(&x); k++)
            ((float *)ax_session_input(s, 0))[k] = (float)(k % 3);
        run(s);
        assert_true(ax_shape_equal(ax_session_output_shape(s, 0), &AX_SHAPE(x.dim[0], 2, 1, 1)));
        assert_true(((const float *)ax_session_output(s, 0))[0] == (turn % 2 ? 1.0f : 6.0f / 7));
    }
    assert_int_equal(ax_session_shape(s, 0, &AX_SHAPE(1, 3, 4, 4), &err), -1);
    check_error("channels", &err, AX_ESHAPE, "(1, 3, 4, 4)");
    assert_int_equal(ax_session_resize(s, 2, &err), -1);
    check_error("resize", &err, AX_EUNSUPPORTED, "whole");
    ax_session_close(s);
    ax_model_release(m);
}

/* y = x[0:n]: the shape depends on the number n, so each n has its plan. */
static void numbers_that_decide(void **state)
{
    (void)state;
    file f;
    put_slice(&f);
    ax_model *m = open_model(&f);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    assert_int_equal(ax_session_shape(s, 0, &AX_SHAPE(4), NULL), 0);
    assert_int_equal(ax_session_shape(s, 1, &AX_SHAPE(1), NULL), 0);
    assert_int_equal(ax_session_ready(s, NULL), 0);
    for (int64_t turn = 0; turn < 6; turn++) {
        int64_t n = turn % 3 + 1;
        memcpy(ax_session_input(s, 0), xs + turn, 4 * sizeof *xs);
        memcpy(ax_session_input(s, 1), &n, sizeof n);
        run(s);
        assert_true(ax_shape_equal(ax_session_output_shape(s, 0), &AX_SHAPE(n)));
        assert_memory_equal(ax_session_output(s, 0), xs + turn, (size_t)n * sizeof *xs);
    }
    ax_session_close(s);
    ax_model_release(m);
}

/* y = x repeated max(x) times: only the run can tell the shape. */
static void read_as_it_runs(void **state)
{
    (void)state;
    file f;
    ax_err err;
    put_repeat(&f);
    ax_model *m = open_model(&f);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    assert_int_equal(ax_session_shape(s, 0, &AX_SHAPE(2), NULL), 0);
    assert_int_equal(ax_session_ready(s, NULL), 0);
    float *x = ax_session_input(s, 0);
    for (int n = 1; n < 4; n++) {
        x[0] = (float)n, x[1] = -1;
        run(s);
        assert_true(ax_shape_equal(ax_session_output_shape(s, 0), &AX_SHAPE(2 * n)));
        assert_true(((const float *)ax_session_output(s, 0))[2 * n - 2] == (float)n);
    }
    x[0] = -3, x[1] = -4;
    assert_int_equal(ax_session_run(s, &err), -1);
    check_error("negative", &err, AX_ERANGE, "Tile");
    x[0] = 2;
    run(s);
    ax_session_close(s);
    ax_model_release(m);
}

static void inner_values(void **state)
{
    (void)state;
    ax_err err;
    ax_model *m = mlp("batch");
    const char *names[] = {"h", "y"}, *wrong[] = {"g"};
    ax_session *s =
        ax_session_open(m, &(ax_session_options){.outputs = names, .n_outputs = 2}, &err);
    assert_int_equal(ax_session_resize(s, 1, NULL), 0);
    memcpy(ax_session_input(s, 0), xs, 4 * sizeof *xs);
    run(s);
    assert_true(ax_shape_equal(ax_session_output_shape(s, 0), &AX_SHAPE(1, 3)));
    assert_true(((const float *)ax_session_output(s, 0))[0] == .5f + 2 - 6 - 4);
    ax_session_close(s);
    assert_null(ax_session_open(m, &(ax_session_options){.outputs = wrong, .n_outputs = 1}, &err));
    check_error("unknown", &err, AX_ENOTFOUND, "'g'");
    ax_model_release(m);
}

static void health(void **state)
{
    (void)state;
    ax_err err;
    ax_health h;
    ax_model *m = mlp("batch");
    if (ax_diagnose(m, &(ax_diagnose_options){.samples = 32, .seed = 1}, &h, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(h.n_layers, 2);
    assert_string_equal(h.layers[0].activation, "relu");
    assert_int_equal(h.layers[0].units, 3);
    assert_int_equal(h.layers[0].in.count, 32 * 3);
    ax_health_free(&h);
    ax_model_release(m);
}

/* Layers whose weights are an input, with what is fused behind them. */
static void weights_as_an_input(void **state)
{
    (void)state;
    static const float bn[4] = {1, 4, .25f, 1}, kernel[8] = {1, 2, -1, 0, .5f, 3, -2, 1};
    file f;
    begin(&f, 13);
    PORT(&f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "2", "3");
    PORT(&f, AX_ONNX_INPUT, "w", AX_ONNX_FLOAT, "4", "3");
    PORT(&f, AX_ONNX_INPUT, "p", AX_ONNX_FLOAT, "1", "2", "1", "1");
    PORT(&f, AX_ONNX_INPUT, "k", AX_ONNX_FLOAT, "4", "2", "1", "1");
    PORT(&f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "2", "4");
    PORT(&f, AX_ONNX_OUTPUT, "z", AX_ONNX_FLOAT, "1", "4", "1", "1");
    floats(&f, "bn", &AX_SHAPE(4), bn);
    NODE(&f, "Gemm", "a", "x", "w");
    ax_onnx_put_int(&f.o, "transB", 1);
    NODE(&f, "Relu", "y", "a");
    NODE(&f, "Conv", "b", "p", "k");
    NODE(&f, "BatchNormalization", "z", "b", "bn", "bn", "bn", "bn");
    ax_model *m = open_model(&f);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    assert_int_equal(ax_session_resize(s, 1, NULL), 0);
    memcpy(ax_session_input(s, 0), xs, 6 * sizeof *xs);
    memcpy(ax_session_input(s, 1), xs, 12 * sizeof *xs);
    memcpy(ax_session_input(s, 2), (float[]){3, -2}, 2 * sizeof *xs);
    memcpy(ax_session_input(s, 3), kernel, sizeof kernel);
    run(s);
    const float *y = ax_session_output(s, 0), *z = ax_session_output(s, 1);
    for (int i = 0; i < 8; i++) {
        double a = 0;
        for (int k = 0; k < 3; k++)
            a += (double)xs[i / 4 * 3 + k] * (double)xs[i % 4 * 3 + k];
        assert_true(fabs((double)y[i] - (a > 0 ? a : 0)) < 1e-5);
    }
    for (int i = 0; i < 4; i++) {
        double b = 3.0 * (double)kernel[2 * i] - 2.0 * (double)kernel[2 * i + 1], v = (double)bn[i];
        assert_true(fabs((double)z[i] - ((b - v) / sqrt(v + 1e-5) * v + v)) < 1e-4);
    }
    ax_session_close(s);
    ax_model_release(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_as_an_input),
        cmocka_unit_test(batches),
        cmocka_unit_test(one_sample_at_a_time),
        cmocka_unit_test(rows_that_mix),
        cmocka_unit_test(open_dimensions),
        cmocka_unit_test(numbers_that_decide),
        cmocka_unit_test(read_as_it_runs),
        cmocka_unit_test(inner_values),
        cmocka_unit_test(health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
