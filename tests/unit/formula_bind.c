/* formula_bind.c - formulas and names of other frameworks in JSON, and activations made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act_json.h"

/* ---- formulas ---- */

static const act_trip trips[] = {
    {"{\"formula\":\"x*sigmoid(x)\"}", "{\"formula\":\"x*sigmoid(x)\"}"},
    {"{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1.7}}",
     "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1.7}}"},
    {"{\"params\":{\"b\":{\"default\":2}},\"formula\":\"b*x\"}",
     "{\"formula\":\"b*x\",\"params\":{\"b\":2}}"},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"min\":0.5,\"max\":10}}}",
     "{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"min\":0.5,\"max\":10}}}"},
    {"{\"formula\":\"b*x+c\",\"params\":{\"b\":1.5,\"c\":0},\"learnable\":[\"b\"]}",
     "{\"formula\":\"b*x+c\",\"params\":{\"b\":{\"default\":1.5,\"min\":-1000000,\"max\":1000000,"
     "\"learnable\":true},\"c\":0}}"},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"learnable\":true}}}",
     "{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"min\":-1000000,\"max\":1000000,"
     "\"learnable\":true}}}"},
    {"{\"formula\":\"x\",\"params\":{},\"learnable\":[]}", "{\"formula\":\"x\"}"},
};

static void test_round_trips(void **state)
{
    (void)state;
    check_trips(trips, sizeof trips / sizeof *trips);
}

static const act_refusal errors[] = {
    {"{\"formula\":3}", AX_ETYPE, "", "formula", ""},
    {"{\"formula\":\"x+\"}", AX_EPARSE, "column 3", "formula", ""},
    {"{\"formula\":\"y*x\"}", AX_ENOTFOUND, "'y'", "formula", ""},
    {"{\"formula\":\"x\",\"parms\":{}}", AX_EINVAL, "parms", "parms", ""},
    {"{\"formula\":\"x\",\"name\":\"relu\"}", AX_EINVAL, "name", "name", ""},
    {"{\"formula\":\"x\",\"dialect\":\"keras\"}", AX_EINVAL, "dialect", "dialect", ""},
    {"{\"formula\":\"x\",\"params\":[1]}", AX_ETYPE, "\"params\" is an object", "params", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":\"1\"}}", AX_ETYPE, "a number or an object",
     "params.b", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{}}}", AX_EINVAL, "needs a \"default\"", "params.b", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":true}}}", AX_ETYPE, "",
     "params.b.default", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"mx\":3}}}", AX_EINVAL, "mx",
     "params.b.mx", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":{\"default\":1,\"min\":2}}}", AX_ERANGE,
     "b is 1, expected 2 to 1000000", "params.b", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":1e7}}", AX_ERANGE, "expected -1000000 to 1000000",
     "params.b", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":1,\"c\":1}}", AX_EINVAL, "'c' is declared but not",
     "formula", ""},
    {"{\"formula\":\"x\",\"params\":{\"x\":1}}", AX_EEXIST, "'x'", "formula", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":1},\"learnable\":\"b\"}", AX_ETYPE, "a list",
     "learnable", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":1},\"learnable\":[1]}", AX_ETYPE, "name of a param",
     "learnable[0]", ""},
    {"{\"formula\":\"b*x\",\"params\":{\"b\":1},\"learnable\":[\"b\",\"c\"]}", AX_EINVAL, "'c'",
     "learnable[1]", ""},
    {"{\"formula\":\"a*b*c*d*f*g*h*i*j*k*l*x\",\"params\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,"
     "\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1}}",
     AX_ELIMIT, "at most 10 parameters", "params", ""},
    {"{\"name\":\"relu\",\"dialect\":3}", AX_ETYPE, "must be a text", "dialect", ""},
    {"{\"name\":\"relu\",\"dialect\":\"kears\"}", AX_ENOTFOUND, "unknown dialect 'kears'",
     "dialect", ""},
    {"{\"name\":\"leaky_rellu\",\"dialect\":\"keras\"}", AX_ENOTFOUND,
     "keras has no activation 'leaky_rellu'", "name", "did you mean 'leaky_relu'?"},
    {"{\"name\":\"leaky_relu\",\"dialect\":\"keras\",\"slope\":2}", AX_EINVAL, "'slope'", "", ""},
    {"{\"name\":\"snake\",\"dialect\":\"keras\"}", AX_ENOTFOUND, "keras has no activation 'snake'", "name",
     "'snake' is a name of the catalogue: leave \"dialect\" out"},
};

static void test_errors(void **state)
{
    (void)state;
    check_refusals(errors, sizeof errors / sizeof *errors);
}

/* ---- an activation like any other ---- */

static void test_apply(void **state)
{
    (void)state;
    enum { N = 301 };
    static float x[N], dy[N], y[N], z[N];
    ax_arena arena;
    ax_act a, silu;
    ax_err err;
    ax_arena_init(&arena, 0);
    assert_int_equal(
        from_text("{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1}}", &arena, &a, &err),
        0);
    assert_int_equal(ax_act_by_name("silu", &silu, NULL), 0);
    assert_string_equal(a.row->formula, "x*sigmoid(beta*x)");
    assert_string_equal(a.row->derivative, "sigmoid(beta*x)*(1 + beta*x*sigmoid(-beta*x))");
    assert_int_equal(a.row->kind, AX_ACT_ELEMENT);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - 150) * 0.11f, dy[i] = (float)(i % 5) - 2;
    void (*const evaluate[])(const ax_act *, const float *, float *,
                             size_t) = {ax_act_forward, ax_act_derivative, ax_act_second};
    for (int w = 0; w < 3; w++) {
        evaluate[w](&a, x, y, N);
        evaluate[w](&silu, x, z, N);
        for (int i = 0; i < N; i++)
            assert_true(fabsf(y[i] - z[i]) <= 1.2e-7f * fabsf(z[i]));
    }
    ax_act_backward(&a, x, dy, y, N);
    ax_act_backward(&silu, x, dy, z, N);
    for (int i = 0; i < N; i++)
        assert_true(fabsf(y[i] - z[i]) <= 1.2e-7f * fabsf(z[i]));
    ax_act_epilogue(&a, x, y, N);
    ax_act_forward(&a, x, z, N);
    assert_memory_equal(y, z, sizeof y);
    assert_true(fabs(ax_act_gain(&a) - 1.676532) < 7e-7);
    assert_int_equal(ax_act_set(&a, "beta", 0, &err), 0);
    assert_true(fabs(ax_act_gain(&a) - 2) < 7e-7); /* x/2 */
    assert_int_equal(ax_act_set(&a, "beta", 1e7, &err), -1);
    assert_int_equal(ax_act_set(&a, "gamma", 1, &err), -1);
    ax_arena_fini(&arena);
}

/* By mpmath: 1/sqrt of the integral of f^2 phi. NaN: it is 0, diverges or is beyond float32. */
static void gains_of_formulas(void **state)
{
    (void)state;
    static const struct {
        const char *formula;
        double gain;
    } known[] = {
        {"x*log(abs(x))", 1.651161},       {"gaussian((x-0.33)/1e-3)", 45.955626},
        {"sin(x, 1000)", 1.414214},
        {"x > 0.3 ? 1 : 0", 1.617774},    {"relu(x - 100)", NAN},
        {"exp(x^2)", NAN},                {"tan(x)", NAN},
        {"log(x)", NAN},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ax_arena arena;
        ax_act a;
        ax_err err;
        char json[100];
        snprintf(json, sizeof json, "{\"formula\":\"%s\"}", known[i].formula);
        cJSON *j = cJSON_Parse(json);
        ax_arena_init(&arena, 0);
        if (ax_act_from_json(j, &arena, &a, &err) < 0)
            fail_msg("%s", err.msg);
        double gain = ax_act_gain(&a);
        if (isnan(known[i].gain) ? !isnan(gain) : !(fabs(gain - known[i].gain) < 2e-6 * gain))
            fail_msg("gain of %s is %.9f, expected %.9f", known[i].formula, gain, known[i].gain);
        cJSON_Delete(j);
        ax_arena_fini(&arena);
    }
}

/* ---- dialects ---- */

static const struct {
    const char *json, *row;
    double p0;
} dialects[] = {
    {"{\"name\":\"leaky_relu\",\"dialect\":\"keras\"}", "leaky_relu", 0.2},
    {"{\"name\":\"LeakyReLU\",\"dialect\":\"keras\"}", "leaky_relu", 0.3},
    {"{\"name\":\"LeakyReLU\",\"dialect\":\"pytorch\"}", "leaky_relu", 0.01},
    {"{\"name\":\"HardSigmoid\",\"dialect\":\"onnx\"}", "hard_sigmoid", 0.2},
    {"{\"name\":\"hard_sigmoid\",\"dialect\":\"keras\"}", "hard_sigmoid", 1 / 6.0},
    {"{\"name\":\"gelu\",\"dialect\":\"jax\"}", "gelu_tanh", 0},
    {"{\"name\":\"gelu\",\"dialect\":\"keras\"}", "gelu", 0},
    {"{\"name\":\"gelu(approximate=False)\",\"dialect\":\"jax\"}", "gelu", 0},
    {"{\"name\":\"GELU(approximate='tanh')\",\"dialect\":\"pytorch\"}", "gelu_tanh", 0},
    {"{\"name\":\"gelu(approximate='tanh')\",\"dialect\":\"pytorch\"}", "gelu_tanh", 0},
    {"{\"name\":\"gelu(approximate=True)\",\"dialect\":\"keras\"}", "gelu_tanh", 0},
    {"{\"name\":\"Gelu(approximate='tanh')\",\"dialect\":\"onnx\"}", "gelu_tanh", 0},
    {"{\"name\":\"hard_swish\",\"dialect\":\"keras\"}", "hard_swish", 0},
    {"{\"name\":\"hard_swish\",\"dialect\":\"jax\"}", "hard_swish", 0},
    {"{\"name\":\"Softmax\",\"dialect\":\"keras\"}", "softmax", 1},
    {"{\"name\":\"Clip(min=0, max=6)\",\"dialect\":\"onnx\"}", "relu6", 6},
    {"{\"name\":\"Clip(min=-1, max=1)\",\"dialect\":\"onnx\"}", "hard_tanh", -1},
    {"{\"name\":\"Shrink\",\"dialect\":\"onnx\"}", "hard_shrink", 0.5},
    {"{\"name\":\"Shrink(lambd=0.5, bias=0.5)\",\"dialect\":\"onnx\"}", "soft_shrink", 0.5},
    {"{\"name\":\"HardSigmoid(alpha=0.5, beta=0.5)\",\"dialect\":\"onnx\"}", "sparse_sigmoid", 0},
    {"{\"name\":\"Swish(alpha=1.702)\",\"dialect\":\"onnx\"}", "quick_gelu", 1.702},
    {"{\"name\":\"ThresholdedRelu\",\"dialect\":\"onnx\"}", "threshold", 1},
    {"{\"name\":\"ThresholdedReLU\",\"dialect\":\"keras\"}", "threshold", 1},
    {"{\"name\":\"LeakyRelu\",\"dialect\":\"onnx\"}", "leaky_relu", 0.01},
    {"{\"name\":\"leaky_relu\",\"dialect\":\"jax\"}", "leaky_relu", 0.01},
    {"{\"name\":\"leaky_relu\",\"dialect\":\"pytorch\"}", "leaky_relu", 0.01},
    {"{\"name\":\"hardsigmoid\",\"dialect\":\"pytorch\"}", "hard_sigmoid", 1 / 6.0},
    {"{\"name\":\"hard_sigmoid\",\"dialect\":\"jax\"}", "hard_sigmoid", 1 / 6.0},
    {"{\"name\":\"PReLU\",\"dialect\":\"keras\"}", "prelu", 0},
    {"{\"name\":\"prelu\",\"dialect\":\"pytorch\"}", "prelu", 0.25},
    {"{\"name\":\"Selu\",\"dialect\":\"onnx\"}", "selu", 1.67326319217681884765625},
    {"{\"name\":\"sinc\",\"dialect\":\"jax\"}", "sinc", 3.141592653589793},
    {"{\"dialect\":\"keras\",\"alpha\":0.7,\"name\":\"leaky_relu\"}", "leaky_relu", 0.7},
};

static void test_dialects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        ax_act a;
        ax_err err;
        if (from_text(dialects[i].json, NULL, &a, &err) < 0)
            fail_msg("%s: %s", dialects[i].json, err.msg);
        assert_string_equal(a.row->name, dialects[i].row);
        assert_true(a.param[0] == dialects[i].p0);
    }
}

/* what the documentation of each framework lists as an activation of x alone */
static const char *const public_names[][2] = {
    {"pytorch", "ELU Hardshrink Hardsigmoid Hardtanh Hardswish LeakyReLU LogSigmoid PReLU ReLU ReLU6 "
                "RReLU SELU CELU GELU Sigmoid SiLU Mish Softplus Softshrink Softsign Tanh "
                "Tanhshrink Threshold GLU Softmin Softmax Softmax2d LogSoftmax Identity"},
    {"pytorch", "threshold relu hardtanh hardswish relu6 elu selu celu leaky_relu prelu rrelu glu "
                "gelu logsigmoid hardshrink tanhshrink softsign softplus softmin softmax "
                "softshrink gumbel_softmax log_softmax tanh sigmoid hardsigmoid silu mish"},
    {"keras", "relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink "
              "sparse_plus silu swish gelu glu tanh tanh_shrink threshold sigmoid sparse_sigmoid "
              "exponential hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink linear mish "
              "log_softmax log_sigmoid sparsemax ReLU LeakyReLU PReLU ELU Softmax"},
    {"jax", "relu relu6 sigmoid softplus sparse_plus sparse_sigmoid soft_sign silu swish "
            "log_sigmoid leaky_relu hard_sigmoid hard_silu hard_swish hard_tanh tanh elu celu selu "
            "gelu glu squareplus mish identity softmax log_softmax"},
    {"onnx", "Relu LeakyRelu PRelu ThresholdedRelu Elu Selu Celu Sigmoid HardSigmoid Tanh Softplus "
             "Softsign HardSwish Mish Gelu Swish Shrink Erf Softmax LogSoftmax Hardmax Identity Sin "
             "Cos Atan Exp Abs Affine ScaledTanh"},
};

static void test_public_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof public_names / sizeof *public_names; i++)
        for (const char *at = public_names[i][1]; *at; at += strspn(at, " ")) {
            char json[128];
            int len = (int)strcspn(at, " ");
            ax_act a;
            ax_err err;
            snprintf(json, sizeof json, "{\"name\":\"%.*s\",\"dialect\":\"%s\"}", len, at,
                     public_names[i][0]);
            if (from_text(json, NULL, &a, &err) < 0)
                fail_msg("%s: %s", json, err.msg);
            at += len;
        }
}

/* every name in every row's dialects binds to that row and to no other, with defaults that are
 * within bounds */
static void test_all_dialects(void **state)
{
    (void)state;
    int n, seen = 0;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++)
        for (int d = 0; d < AX_ACT_DIALECTS && row[i].dialects[d].dialect; d++) {
            const ax_act_dialect *q = &row[i].dialects[d];
            ax_act a;
            ax_err err;
            cJSON *j = cJSON_CreateObject();
            cJSON_AddStringToObject(j, "name", q->name);
            cJSON_AddStringToObject(j, "dialect", q->dialect);
            if (ax_act_from_json(j, NULL, &a, &err) < 0)
                fail_msg("%s of %s: %s", q->name, q->dialect, err.msg);
            assert_ptr_equal(a.row, &row[i]);
            cJSON_Delete(j);
            seen++;
        }
    assert_true(seen > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_of_formulas),
        cmocka_unit_test(test_round_trips),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_apply),        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_all_dialects), cmocka_unit_test(test_public_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
