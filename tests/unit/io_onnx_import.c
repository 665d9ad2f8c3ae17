/* ONNX graphs for concrete inputs: what is known is computed on the way, versions mean what their
 * opset says, and what cannot be run is refused with the node. Expected numbers are worked out by
 * hand here; whole networks are compared with ONNX Runtime by `make onnx-test`. */
#include "onnx_net.h"

/* Shape -> Add -> Reshape: nothing of it is left in the graph but one view. */
static void shapes_are_folded(void **state)
{
    (void)state;
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    net n;
    begin(&n, 13);
    put_ints(&n, "more", (int64_t[]){1, -1}, 2);
    put_node(&n, "Shape", "x", NULL, "s");
    put_node(&n, "Add", "s", "more", "to");
    put_node(&n, "Reshape", "x", "to", "y");
    check(&n, &AX_SHAPE(2, 3), x, &AX_SHAPE(3, 2), x, 0);
    begin(&n, 13);
    put_ints(&n, "more", (int64_t[]){1, -1}, 2);
    put_node(&n, "Shape", "x", NULL, "s");
    put_node(&n, "Add", "s", "more", "to");
    put_node(&n, "Reshape", "x", "to", "y");
    assert_int_equal(finish(&n, &AX_SHAPE(2, 3), AX_F32), 0);
    assert_int_equal(n.g.n_node, 1);
    end(&n);
}

/* y = 2 x w^T + 3 c, w as it comes and turned */
static void gemm(void **state)
{
    (void)state;
    static const float x[2] = {1, 2}, w[4] = {1, 2, 3, 4}, c[2] = {10, 20};
    for (int turn = 0; turn < 2; turn++) {
        net n;
        begin(&n, 11);
        put_floats(&n, "w", (int64_t[]){2, 2}, 2, w);
        put_floats(&n, "c", (int64_t[]){2}, 1, c);
        const char *in[] = {"x", "w", "c"};
        ax_onnx_put_node(&n.o, "Gemm", in, 3, "y");
        ax_onnx_put_float(&n.o, "alpha", 2);
        ax_onnx_put_float(&n.o, "beta", 3);
        ax_onnx_put_int(&n.o, "transB", turn);
        float turned[2] = {2 * (1 + 4) + 30, 2 * (3 + 8) + 60},
              plain[2] = {2 * (1 + 6) + 30, 2 * (2 + 8) + 60};
        check(&n, &AX_SHAPE(1, 2), x, &AX_SHAPE(1, 2), turn ? turned : plain, 0);
    }
}

/* Softmax over (2, 2) of a (1, 2, 2): before opset 13 one row of four, then two of two. */
static void softmax_by_opset(void **state)
{
    (void)state;
    static const float x[4] = {0, 0, 0, 0}, quarters[4] = {.25f, .25f, .25f, .25f},
                       halves[4] = {.5f, .5f, .5f, .5f};
    net n;
    begin(&n, 12);
    put_node(&n, "Softmax", "x", NULL, "y");
    check(&n, &AX_SHAPE(1, 2, 2), x, &AX_SHAPE(1, 2, 2), quarters, 0);
    begin(&n, 13);
    put_node(&n, "Softmax", "x", NULL, "y");
    check(&n, &AX_SHAPE(1, 2, 2), x, &AX_SHAPE(1, 2, 2), halves, 0);
}

/* Defaults are ONNX's: HardSigmoid's slope is 0.2, LeakyRelu's 0.01. */
static void defaults_of_onnx(void **state)
{
    (void)state;
    static const float x[2] = {-1, 1}, hard[2] = {.3f, .7f}, leaky[2] = {-.01f, 1};
    net n;
    begin(&n, 7);
    put_node(&n, "HardSigmoid", "x", NULL, "y");
    check(&n, &AX_SHAPE(1, 2), x, &AX_SHAPE(1, 2), hard, 1e-7f);
    begin(&n, 7);
    put_node(&n, "LeakyRelu", "x", NULL, "y");
    check(&n, &AX_SHAPE(1, 2), x, &AX_SHAPE(1, 2), leaky, 0);
}

/* 5 columns, windows of 2 with stride 2: two, or three where sizes are rounded up. */
static void pooling_rounds_as_asked(void **state)
{
    (void)state;
    static const float x[5] = {1, 2, 3, 4, 5}, down[2] = {2, 4}, up[3] = {2, 4, 5};
    for (int64_t ceil = 0; ceil < 2; ceil++) {
        net n;
        begin(&n, 10);
        put_node(&n, "MaxPool", "x", NULL, "y");
        ax_onnx_put_ints(&n.o, "kernel_shape", (int64_t[]){1, 2}, 2);
        ax_onnx_put_ints(&n.o, "strides", (int64_t[]){1, 2}, 2);
        ax_onnx_put_int(&n.o, "ceil_mode", ceil);
        check(&n, &AX_SHAPE(1, 1, 1, 5), x, &AX_SHAPE(1, 1, 1, 2 + ceil), ceil ? up : down, 0);
    }
}

/* SAME with stride 2 on 4 columns and a window of 3: one column is missing, behind or before. */
static void same_padding(void **state)
{
    (void)state;
    static const float x[4] = {1, 2, 3, 4}, w[3] = {1, 10, 100}, upper[2] = {321, 43},
                       lower[2] = {210, 432};
    for (int low = 0; low < 2; low++) {
        net n;
        begin(&n, 11);
        put_floats(&n, "w", (int64_t[]){1, 1, 1, 3}, 4, w);
        put_node(&n, "Conv", "x", "w", "y");
        ax_onnx_put_text(&n.o, "auto_pad", low ? "SAME_LOWER" : "SAME_UPPER");
        ax_onnx_put_ints(&n.o, "strides", (int64_t[]){1, 2}, 2);
        check(&n, &AX_SHAPE(1, 1, 1, 4), x, &AX_SHAPE(1, 1, 1, 2), low ? lower : upper, 0);
    }
}

static void whole_numbers(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    put_ints(&n, "a", (int64_t[]){7, -7, INT64_MIN, 5}, 4);
    put_ints(&n, "b", (int64_t[]){2, 2, -1, 0}, 4);
    put_node(&n, "Div", "a", "b", "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), 0);
    const int64_t *y = n.out[0].data;
    assert_non_null(y);
    assert_true(y[0] == 3 && y[1] == -3 && y[2] == INT64_MIN && y[3] == 0);
    end(&n);
}

static void refused(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    put_node(&n, "Relu", "nobody", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("from nowhere", &n.err, AX_ECORRUPT,
                "Relu '' (node 0): input 0, 'nobody', is made by nothing");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Relu", "x", NULL, "x");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("twice", &n.err, AX_ECORRUPT, "'x' is made twice");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Flatten", "x", NULL, "y");
    ax_onnx_put_int(&n.o, "axes", 1);
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2), AX_F32), -1);
    check_error("attribute", &n.err, AX_EUNSUPPORTED, "'axes'");
    end(&n);
    begin(&n, 13);
    put_node(&n, "OtherOp", "x", NULL, "s");
    put_node(&n, "FancyOp", "s", NULL, "t");
    put_node(&n, "Fancy", "t", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(2), AX_F32), -1);
    check_error("unknown", &n.err, AX_EUNSUPPORTED, "OtherOp '' (node 0)");
    assert_int_equal(ax_onnx_check(&n.f, &n.err), -1);
    check_error("all unknown", &n.err, AX_EUNSUPPORTED,
                "3 operators of opset 13 are missing here: OtherOp, FancyOp, Fancy");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Relu", "x", NULL, "s");
    put_node(&n, "Reshape", "x", "s", "y");
    assert_int_equal(finish(&n, &AX_SHAPE(2), AX_F32), -1);
    check_error("not known", &n.err, AX_EUNKNOWN, "has to be known before");
    end(&n);
}

/* Files that lie about sizes, leave out what is needed, or have attributes of another type. */
static void hostile(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    put_ints(&n, "to", (int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40, -1}, 3);
    put_node(&n, "Reshape", "x", "to", "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2), AX_F32), -1);
    check_error("overflow", &n.err, AX_ELIMIT, "Reshape");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Relu", "", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2), AX_F32), -1);
    check_error("left out", &n.err, AX_EINVAL, "input 0 is left out");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Sum", "x", "", "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2), AX_F32), -1);
    check_error("one of many", &n.err, AX_EINVAL, "input 1 is left out");
    end(&n);
    begin(&n, 13);
    put_node(&n, "Softmax", "x", NULL, "y");
    ax_onnx_put_float(&n.o, "axis", 1);
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2), AX_F32), -1);
    check_error("type", &n.err, AX_ETYPE, "'axis'");
    end(&n);
    begin(&n, 13);
    put_ints(&n, "from", (int64_t[]){-1}, 1);
    put_ints(&n, "to", (int64_t[]){INT64_MIN}, 1);
    put_ints(&n, "axis", (int64_t[]){1}, 1);
    put_ints(&n, "step", (int64_t[]){INT64_MIN}, 1);
    ax_onnx_put_node(&n.o, "Slice", (const char *[]){"x", "from", "to", "axis", "step"}, 5, "y");
    check(&n, &AX_SHAPE(1, 3), (float[]){1, 2, 3}, &AX_SHAPE(1, 1), (float[]){3}, 0);
    begin(&n, 13);
    put_ints(&n, "much", (int64_t[]){INT64_C(1) << 42}, 1);
    put_node(&n, "ConstantOfShape", "much", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("memory", &n.err, AX_ENOMEM, "memory");
    end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_folded),
        cmocka_unit_test(gemm),
        cmocka_unit_test(softmax_by_opset),
        cmocka_unit_test(defaults_of_onnx),
        cmocka_unit_test(pooling_rounds_as_asked),
        cmocka_unit_test(same_padding),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(refused),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
