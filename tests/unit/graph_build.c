/* Building graphs and their gradients: what is refused and in which words, and what a gradient adds
 * up to. */
#include "graph_util.h"

/* ---- refusals of shape rules -------------------------------------------------------------------
 */

#define SHAPE(...)                                                                                 \
    {                                                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                                 \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define CONV(...)                                                                                  \
    &(ax_conv2d_attr)                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define POOL(...)                                                                                  \
    &(ax_pool2d_attr)                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

// clang-format off
static const struct refusal {
    const ax_op *op;
    ax_shape in[5];
    int n_in;
    ax_code code;
    const char *word; /* of the message */
    const void *attr;
    const char *act;
} refusals[] = {
    {&ax_op_dense, {SHAPE(2, 3)}, 1, AX_EINVAL, "1 inputs given, it takes 2 to 5", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2), SHAPE(4, 3)}, 2, AX_ESHAPE, "rank 2 or more", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2, 3), SHAPE(4, 5)}, 2, AX_ESHAPE, "3 features, the weights expect 5", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2, 3), SHAPE(4, 3, 1)}, 2, AX_ESHAPE, "rank", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2, 3), SHAPE(4, 3), SHAPE(3)}, 3, AX_ESHAPE, "bias has shape (3), expected (4)", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2, 3), SHAPE(4, 3), SHAPE(4), SHAPE(2, 3)}, 4, AX_ESHAPE, "residual", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_dense, {SHAPE(2, 3), SHAPE(4, 3), SHAPE(4), SHAPE(2, 4), SHAPE(1)}, 5, AX_ESHAPE, "scale", &(ax_fused_attr){{0}}, NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4), SHAPE(1, 3, 1, 1)}, 2, AX_ESHAPE, "needs a picture", CONV({1, 1}, {1, 1}, {0}, 1, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4, 4), SHAPE(1, 2, 1, 1)}, 2, AX_ESHAPE, "3 channels", CONV({1, 1}, {1, 1}, {0}, 1, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 4, 4, 4), SHAPE(3, 2, 1, 1)}, 2, AX_ESHAPE, "2 groups", CONV({1, 1}, {1, 1}, {0}, 2, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4, 4), SHAPE(1, 3, 5, 1)}, 2, AX_ESHAPE, "spans 5 in height, the padded input has only 4", CONV({1, 1}, {1, 1}, {0}, 1, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4, 4), SHAPE(1, 3, 1, 3)}, 2, AX_ESHAPE, "spans 7 in width", CONV({1, 1}, {1, 3}, {0}, 1, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4, 4), SHAPE(5, 3, 1, 1), SHAPE(4)}, 3, AX_ESHAPE, "bias has shape (4), expected (5)", CONV({1, 1}, {1, 1}, {0}, 1, {0}), NULL},
    {&ax_op_conv2d, {SHAPE(2, 3, 4, 4), SHAPE(5, 3, 1, 1), SHAPE(5), SHAPE(2, 5, 4, 3)}, 4, AX_ESHAPE, "residual", CONV({1, 1}, {1, 1}, {0}, 1, {0}), NULL},
    {&ax_op_pool2d, {SHAPE(2, 3)}, 1, AX_ESHAPE, "needs a picture", POOL(1, 0, {2, 2}, {2, 2}, {0}, 0), NULL},
    {&ax_op_pool2d, {SHAPE(2, 3, 4, 1)}, 1, AX_ESHAPE, "a window of 2 does not fit into 1 padded pixels of width", POOL(1, 0, {2, 2}, {2, 2}, {0}, 0), NULL},
    {&ax_op_pool2d, {SHAPE(2, 3, 4, 4)}, 1, AX_ERANGE, "padding 2 is not smaller than the window of 2", POOL(0, 0, {2, 2}, {2, 2}, {0, 2, 0, 0}, 0), NULL},
    {&ax_op_reshape, {SHAPE(2, 3)}, 1, AX_ESHAPE, "cannot reshape (2, 3) to (0, 4)", &(ax_reshape_attr){SHAPE(0, 4)}, NULL},
    {&ax_op_reshape, {SHAPE(2, 3)}, 1, AX_ESHAPE, "not a shape to reshape to", &(ax_reshape_attr){SHAPE(-1, -1)}, NULL},
    {&ax_op_reshape, {SHAPE(2, 3)}, 1, AX_ESHAPE, "not a shape to reshape to", &(ax_reshape_attr){SHAPE(0, INT64_MAX, INT64_MAX)}, NULL},
    {&ax_op_reshape, {SHAPE(2, 3)}, 1, AX_ESHAPE, "cannot reshape", &(ax_reshape_attr){SHAPE(4, -1)}, NULL},
    {&ax_op_like, {SHAPE(2, 3), SHAPE(2, 4)}, 2, AX_ESHAPE, "element counts differ", NULL, NULL},
    {&ax_op_permute, {SHAPE(2, 3)}, 1, AX_EINVAL, "each of the 2 axes once", &(ax_permute_attr){{1, 1}}, NULL},
    {&ax_op_permute, {SHAPE(2, 3)}, 1, AX_EINVAL, "axes once", &(ax_permute_attr){{0, 2}}, NULL},
    {&ax_op_concat, {SHAPE(2, 3), SHAPE(3, 3)}, 2, AX_ESHAPE, "cannot join (2, 3) and (3, 3) along axis 1", &(ax_axis_attr){1}, NULL},
    {&ax_op_concat, {SHAPE(2, 3), SHAPE(2, 3, 1)}, 2, AX_ESHAPE, "cannot join", &(ax_axis_attr){1}, NULL},
    {&ax_op_concat, {SHAPE(2, 3)}, 1, AX_EINVAL, "no axis 2", &(ax_axis_attr){2}, NULL},
    {&ax_op_slice, {SHAPE(2, 3)}, 1, AX_ERANGE, "cannot take 2 from 2 on along axis 1", &(ax_slice_attr){1, 2, 2}, NULL},
    {&ax_op_slice, {SHAPE(2, 3)}, 1, AX_ERANGE, "cannot take", &(ax_slice_attr){1, INT64_MAX, 1}, NULL},
    {&ax_op_pad2d, {SHAPE(2, 3)}, 1, AX_ESHAPE, "nothing is left", &(ax_pad2d_attr){{-1, 0, -1, 0}}, NULL},
    {&ax_op_pad2d, {SHAPE(2)}, 1, AX_ESHAPE, "two axes", &(ax_pad2d_attr){{0}}, NULL},
    {&ax_op_upsample2d, {SHAPE(2, 3, 4)}, 1, AX_ESHAPE, "needs a picture", &(ax_upsample2d_attr){{2, 2}}, NULL},
    {&ax_op_add, {SHAPE(2, 3), SHAPE(2, 4)}, 2, AX_ESHAPE, "(2, 3) and (2, 4) differ", &(ax_add_attr){{0}}, NULL},
    {&ax_op_mul, {SHAPE(2, 3), SHAPE(2, 3, 1)}, 2, AX_ESHAPE, "differ", NULL, NULL},
    {&ax_op_affine, {SHAPE(2, 3), SHAPE(2), SHAPE(2)}, 3, AX_ESHAPE, "(2) do not fit 3 channels", NULL, NULL},
    {&ax_op_affine, {SHAPE(2, 3), SHAPE(3), SHAPE(1)}, 3, AX_ESHAPE, "do not fit", NULL, NULL},
    {&ax_op_activation, {SHAPE(2, 3)}, 1, AX_EINVAL, "no such axis", &(ax_activation_attr){{0}, 2}, "softmax"},
    {&ax_op_activation, {SHAPE(2, 3)}, 1, AX_EINVAL, "along axis -3", &(ax_activation_attr){{0}, -3}, "softmax"},
    {&ax_op_prelu, {SHAPE(2, 3), SHAPE(2)}, 2, AX_ESHAPE, "slope has shape (2)", NULL, NULL},
    {&ax_op_dropout, {SHAPE(2, 3), SHAPE(1)}, 2, AX_ETYPE, "scalar int64", &(ax_dropout_attr){0.5, 1, 1}, NULL},
    {&ax_op_dropout, {SHAPE(2, 3), SHAPE(1)}, 2, AX_ERANGE, "rate is 1", &(ax_dropout_attr){1, 1, 1}, NULL},
    {&ax_op_dropout, {SHAPE(2, 3), SHAPE(1)}, 2, AX_ERANGE, "rate is NaN", &(ax_dropout_attr){NAN, 1, 1}, NULL},
    {&ax_op_batch_norm, {SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(2)}, 5, AX_ESHAPE, "parameter 4 has shape (2), expected (3)", &(ax_norm_attr){1e-3, 0, 0}, NULL},
    {&ax_op_batch_norm_train, {SHAPE(2), SHAPE(3), SHAPE(3)}, 3, AX_ESHAPE, "channels", &(ax_norm_attr){1e-3, 0, 0}, NULL},
    {&ax_op_layer_norm, {SHAPE(2, 3), SHAPE(2), SHAPE(3)}, 3, AX_ESHAPE, "parameter 1 has shape (2), expected (3)", &(ax_norm_attr){1e-3, -1, 0}, NULL},
    {&ax_op_layer_norm, {SHAPE(2, 3), SHAPE(2, 3), SHAPE(2, 3)}, 3, AX_EINVAL, "behind the batch", &(ax_norm_attr){1e-3, -2, 0}, NULL},
    {&ax_op_penalty, {SHAPE(2, 3)}, 1, AX_ERANGE, "l2 is -1", &(ax_penalty_attr){0, -1, 0}, NULL},
};
// clang-format on

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        ax_graph g;
        ax_graph_init(&g);
        ax_val in[5];
        char attr[256] = {0}, start[64];
        ax_err err = {0};
        for (int k = 0; k < r->n_in; k++)
            in[k] = ax_graph_input(&g, "", AX_F32, &r->in[k], NULL);
        if (r->attr)
            memcpy(attr, r->attr, r->op->attr_size);
        if (r->act)
            ax_act_by_name(r->act, &((ax_activation_attr *)(void *)attr)->act, NULL);
        ax_val v = ax_graph_node(&g, r->op, "thing", attr, in, r->n_in, &err);
        snprintf(start, sizeof start, "%s 'thing': ", r->op->name);
        if (v != AX_NONE || err.code != r->code || !strstr(err.msg, r->word) ||
            strncmp(err.msg, start, strlen(start)))
            fail_msg("row %zu: code %d, '%s', expected %d and '%s'", i, err.code, err.msg, r->code,
                     r->word);
        assert_int_equal(g.n_node, 0);
        assert_int_equal(ax_graph_node(&g, r->op, NULL, attr, in, r->n_in, NULL), AX_NONE);
        ax_graph_fini(&g);
    }
}

static void test_losses_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *loss;
        ax_shape x, t;
        ax_dtype type;
        int ok;
    } rows[] = {
        {"cross_entropy", SHAPE(4, 3), SHAPE(4), AX_I32, 1},
        {"cross_entropy", SHAPE(4, 3), SHAPE(4, 3), AX_F32, 1},
        {"cross_entropy", SHAPE(4, 3), SHAPE(3), AX_I32, 0},
        {"cross_entropy", SHAPE(4, 3, 2), SHAPE(4), AX_I32, 0},
        {"cross_entropy", SHAPE(4, 3), SHAPE(4), AX_F32, 0},
        {"mse", SHAPE(4, 3), SHAPE(4), AX_I32, 0},
        {"mse", SHAPE(4, 3), SHAPE(4, 3), AX_F32, 1},
        {"mse", SHAPE(4, 3), SHAPE(4, 3), AX_I64, 0},
        {"binary_cross_entropy", SHAPE(4, 1), SHAPE(4), AX_F32, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_graph g;
        ax_graph_init(&g);
        ax_err err = {0};
        ax_loss_attr attr = {ax_loss_find(rows[i].loss), 0};
        ax_val in[2] = {ax_graph_input(&g, "x", AX_F32, &rows[i].x, NULL),
                        ax_graph_input(&g, "t", rows[i].type, &rows[i].t, NULL)};
        ax_val v = ax_graph_node(&g, &ax_op_loss, "loss", &attr, in, 2, &err);
        if ((v >= 0) != rows[i].ok || (v < 0 && err.code != AX_ESHAPE))
            fail_msg("row %zu: %d, '%s'", i, v, err.msg);
        ax_graph_fini(&g);
    }
}

static void test_values_that_do_not_exist(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_err err;
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(2, 3), NULL);
    const ax_val bad[][2] = {{x, x + 1}, {x, AX_NONE}, {-7, x}, {x, 1 << 30}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ax_graph_node(&g, &ax_op_mul, "m", NULL, bad[i], 2, &err), AX_NONE);
        assert_int_equal(err.code, AX_EINVAL);
        assert_non_null(strstr(err.msg, "is missing"));
    }
    assert_int_equal(ax_graph_input(&g, "huge", AX_F32, &AX_SHAPE(INT64_MAX, 2), &err), AX_NONE);
    assert_int_equal(err.code, AX_ELIMIT);
    assert_int_equal(ax_graph_param(&g, "negative", &AX_SHAPE(-1), 1, &err), AX_NONE);
    assert_int_equal(err.code, AX_ESHAPE);
    assert_int_equal(ax_graph_find(&g, "x"), x);
    assert_int_equal(ax_graph_find(&g, "y"), AX_NONE);
    assert_int_equal(ax_graph_find(&g, ""), AX_NONE);
    ax_graph_fini(&g);
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

static ax_val scalar(ax_graph *g, ax_val v)
{
    return ax_graph_node(g, &ax_op_reshape, "", &(ax_reshape_attr){{0}}, &v, 1, NULL);
}

/* Contributions add up: y = x*x + x + x has the slope 2x + 2; an unrelated value has none. */
static void test_contributions_add_up(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_param(&g, "x", &AX_SHAPE(1), 1, NULL),
           other = ax_graph_param(&g, "other", &AX_SHAPE(1), 1, NULL);
    ax_val square = ax_graph_node(&g, &ax_op_mul, "", NULL, (ax_val[]){x, x}, 2, NULL);
    ax_add_attr plain = {{0}};
    ax_val y = ax_graph_node(&g, &ax_op_add, "", &plain, (ax_val[]){square, x}, 2, NULL);
    y = ax_graph_node(&g, &ax_op_add, "", &plain, (ax_val[]){y, x}, 2, NULL);
    y = scalar(&g, y);
    ax_val wrt[] = {x, other, y}, d[3];
    assert_int_equal(ax_graph_grad(&g, y, wrt, 3, d, NULL), 0);
    assert_int_equal(d[1], AX_NONE);
    float value = 5, unread = 1, *got[2];
    g.val[x].data = &value;
    g.val[other].data = &unread;
    int64_t n[2];
    run_noise(&g, (ax_val[]){d[0], d[2]}, 2, 0, NULL, 1, got, n);
    assert_float_equal(got[0][0], 12, 0);
    assert_float_equal(got[1][0], 1, 0);
    free(got[0]);
    free(got[1]);
    ax_graph_fini(&g);
}

/* The gradient of a gradient: x*x*x by hand twice gives 6x. Only plain nodes are appended. */
static void test_gradient_of_gradient(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_param(&g, "x", &AX_SHAPE(1), 1, NULL);
    ax_val y = ax_graph_node(&g, &ax_op_mul, "", NULL, (ax_val[]){x, x}, 2, NULL);
    y = scalar(&g, ax_graph_node(&g, &ax_op_mul, "", NULL, (ax_val[]){y, x}, 2, NULL));
    ax_val d, dd;
    assert_int_equal(ax_graph_grad(&g, y, &x, 1, &d, NULL), 0);
    assert_int_equal(ax_graph_grad(&g, scalar(&g, d), &x, 1, &dd, NULL), 0);
    float value = 2, *got[2];
    g.val[x].data = &value;
    int64_t n[2];
    run_noise(&g, (ax_val[]){d, dd}, 2, 0, NULL, 1, got, n);
    assert_float_equal(got[0][0], 12, 0);
    assert_float_equal(got[1][0], 12, 0);
    free(got[0]);
    free(got[1]);
    ax_graph_fini(&g);
}

static void test_no_gradient(void **state)
{
    (void)state;
    ax_act relu;
    ax_act_by_name("relu", &relu, NULL);
    ax_fused_attr fused = {relu};
    ax_add_attr fused_add = {relu};
    ax_conv2d_attr fused_conv = {{1, 1}, {1, 1}, {0}, 1, relu};
    ax_unary_attr sine = {ax_unary_find("Sin")};
    const struct {
        const ax_op *op;
        const void *attr;
        ax_shape x, w;
        const char *word;
    } rows[] = {
        {&ax_op_unary_dx, &sine, SHAPE(1, 1), SHAPE(1, 1), "unary_dx 'layer' has no gradient"},
        {&ax_op_dense, &fused, SHAPE(1, 1), SHAPE(1, 1), "fused dense"},
        {&ax_op_add, &fused_add, SHAPE(1, 1), SHAPE(1, 1), "fused add"},
        {&ax_op_conv2d, &fused_conv, SHAPE(1, 1, 1, 1), SHAPE(1, 1, 1, 1), "fused convolution"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_graph g;
        ax_graph_init(&g);
        ax_err err = {0};
        ax_val in[2] = {ax_graph_param(&g, "x", &rows[i].x, 1, NULL),
                        ax_graph_param(&g, "w", &rows[i].w, 1, NULL)},
               d;
        ax_val y =
            ax_graph_node(&g, rows[i].op, "layer", rows[i].attr, in, rows[i].w.rank ? 2 : 1, &err);
        assert_true(y >= 0);
        assert_int_equal(ax_graph_grad(&g, scalar(&g, y), in, 1, &d, &err), -1);
        assert_int_equal(err.code, AX_EUNSUPPORTED);
        if (!strstr(err.msg, rows[i].word))
            fail_msg("row %zu: '%s'", i, err.msg);
        /* what is not asked for need not be differentiable */
        assert_int_equal(ax_graph_grad(&g, scalar(&g, y), NULL, 0, &d, &err), 0);
        ax_graph_fini(&g);
    }
}

/* A convolution of no filters, or of none of their numbers, is refused: kernels would point
 * nowhere. */
static void test_empty_kernels(void **state)
{
    (void)state;
    static const ax_conv2d_attr plain = {{1, 1}, {1, 1}, {0, 0, 0, 0}, 1, {0}};
    ax_graph g;
    ax_err err;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 0, 5, 5), NULL);
    ax_val w = ax_graph_input(&g, "w", AX_F32, &AX_SHAPE(3, 0, 2, 2), NULL);
    assert_int_equal(ax_graph_node(&g, &ax_op_conv2d, "c", &plain, (ax_val[]){x, w}, 2, &err),
                     AX_NONE);
    assert_int_equal(err.code, AX_ESHAPE);
    ax_graph_fini(&g);
}

/* Ops that say nothing about types take float32 alone: a kernel must never read what is no float.
 */
static void test_types(void **state)
{
    (void)state;
    ax_graph g;
    ax_err err;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(2, 3), NULL);
    ax_val w = ax_graph_input(&g, "w", AX_I16, &AX_SHAPE(4, 3), NULL);
    assert_int_equal(
        ax_graph_node(&g, &ax_op_dense, "d", &(ax_fused_attr){0}, (ax_val[]){x, w}, 2, &err),
        AX_NONE);
    assert_int_equal(err.code, AX_ETYPE);
    assert_non_null(strstr(err.msg, "input 1 is int16"));
    ax_graph_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_empty_kernels),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_losses_refuse),
        cmocka_unit_test(test_values_that_do_not_exist),
        cmocka_unit_test(test_contributions_add_up),
        cmocka_unit_test(test_gradient_of_gradient),
        cmocka_unit_test(test_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
