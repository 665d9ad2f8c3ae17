/* Activations as ONNX models: the wire format, the operators of all rows that have one, and the
 * compositions evaluated by other means (tests/onnx_reader.h). */
#include "onnx_reader.h"

#include <stdlib.h>

#include "axon.h"
#include "io/onnx_write.h"

static onnx_file o;

static void make(const ax_act *a, ax_onnx_form form)
{
    ax_pb b = {0};
    ax_err err = {0};
    if (ax_act_write_onnx(a, form, &b, &err) < 0)
        fail_msg("%s: %s", a->row->name, err.msg);
    uint8_t *exact = malloc(b.len); /* what the reader reads behind it is an error */
    memcpy(exact, b.data, b.len);
    read_onnx(exact, b.len, &o);
    check_names(&o);
    for (int i = 0; i < o.tensors; i++) /* what tensors point at */
        o.tensor[i].data.at = b.data + (o.tensor[i].data.at - exact);
    free(exact);
    static ax_pb last;
    ax_pb_free(&last);
    last = b;
}

static ax_act parsed(const char *json, ax_arena *mem)
{
    ax_act a = {0};
    ax_err err = {0};
    cJSON *j = cJSON_Parse(json);
    if (!j || ax_act_from_json(j, mem, &a, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    cJSON_Delete(j);
    return a;
}

/* ---- protobuf ---- */

static void wire_format(void **state)
{
    (void)state;
    static const int64_t v[] = {0, 1, 127, 128, 300, INT64_MAX, -1, INT64_MIN};
    static uint8_t big[20000];
    ax_pb b = {0};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ax_pb_int(&b, (int)i + 1, v[i]);
    ax_pb_float(&b, 1000, -0.15625f);
    size_t outer = ax_pb_open(&b, 1), inner = ax_pb_open(&b, 2), empty = ax_pb_open(&b, 16);
    ax_pb_close(&b, empty);
    memset(big, 7, sizeof big);
    ax_pb_bytes(&b, 3, big, sizeof big);
    ax_pb_close(&b, inner);
    ax_pb_str(&b, 4, "behind");
    ax_pb_close(&b, outer);
    assert_false(b.failed);

    span s = {b.data, b.data + b.len};
    field f, g;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        assert_true(read_field(&s, &f));
        assert_int_equal(f.number, i + 1);
        assert_int_equal((int64_t)f.v, v[i]);
    }
    assert_true(read_field(&s, &f));
    assert_int_equal(f.number, 1000);
    assert_int_equal(f.v, 0xbe200000);
    assert_true(read_field(&s, &f) && s.at == s.end);
    assert_true(read_field(&f.in, &g));
    assert_int_equal(g.number, 2);
    field e;
    assert_true(read_field(&g.in, &e) && e.number == 16 && e.in.at == e.in.end);
    assert_true(read_field(&g.in, &e) && e.number == 3 && g.in.at == g.in.end);
    assert_int_equal(e.in.end - e.in.at, sizeof big);
    assert_memory_equal(e.in.at, big, sizeof big);
    assert_true(read_field(&f.in, &g) && g.number == 4 && f.in.at == f.in.end);
    assert_memory_equal(g.in.at, "behind", 6);
    /* 300 is the example of the format's own documentation: ac 02 */
    assert_memory_equal(b.data + 9, "\x28\xac\x02", 3);
    ax_pb_free(&b);
}

/* ---- operators by name ---- */

static const struct {
    const char *row, *params; /* as JSON fields */
    int opset, ir;
    const char *is;
} named[] = {
    {"identity", "", 9, 4, "Identity(x)"},
    {"relu", "", 9, 4, "Relu(x)"},
    {"relu6", "", 13, 7, "Clip(x, 0, 6)"},
    {"relu6", ",\"ceiling\":2.5", 13, 7, "Clip(x, 0, 2.5)"},
    {"leaky_relu", "", 9, 4, "LeakyRelu(x) alpha=0.00999999978"},
    {"leaky_relu", ",\"alpha\":0.25", 9, 4, "LeakyRelu(x) alpha=0.25"},
    {"prelu", ",\"alpha\":-3", 9, 4, "PRelu(x, -3)"},
    {"prelu", "", 9, 4, "PRelu(x, 0.25)"},
    {"threshold", "", 10, 5, "ThresholdedRelu(x) alpha=1"},
    /* 0.6 is below the nearest float32, which passes: the one before it is the border */
    {"threshold", ",\"theta\":0.6", 10, 5, "ThresholdedRelu(x) alpha=0.599999964"},
    {"threshold", ",\"theta\":-0.6", 10, 5, "ThresholdedRelu(x) alpha=-0.600000024"},
    {"abs", "", 9, 4, "Abs(x)"},
    {"elu", "", 9, 4, "Elu(x) alpha=1"},
    {"elu", ",\"alpha\":0.5", 9, 4, "Elu(x) alpha=0.5"},
    {"celu", ",\"alpha\":2", 12, 7, "Celu(x) alpha=2"},
    {"celu", "", 12, 7, "Celu(x) alpha=1"},
    {"selu", "", 9, 4, "Selu(x) alpha=1.67326319 gamma=1.05070102"},
    {"softplus", "", 9, 4, "Softplus(x)"},
    {"exponential", "", 9, 4, "Exp(x)"},
    {"hard_shrink", "", 9, 4, "Shrink(x) lambd=0.5 bias=0"},
    {"hard_shrink", ",\"lambda\":0.6", 9, 4, "Shrink(x) lambd=0.599999964 bias=0"},
    {"soft_shrink", "", 9, 4, "Shrink(x) lambd=0.5 bias=0.5"},
    {"sigmoid", "", 9, 4, "Sigmoid(x)"},
    {"hard_sigmoid", "", 9, 4, "HardSigmoid(x) alpha=0.166666672 beta=0.5"},
    {"sparse_sigmoid", "", 9, 4, "HardSigmoid(x) alpha=0.5 beta=0.5"},
    {"tanh", "", 9, 4, "Tanh(x)"},
    {"hard_tanh", "", 13, 7, "Clip(x, -1, 1)"},
    {"softsign", "", 9, 4, "Softsign(x)"},
    {"arctan", "", 9, 4, "Atan(x)"},
    {"erf", "", 9, 4, "Erf(x)"},
    {"silu", "", 24, 11, "Swish(x) alpha=1"},
    {"swish", "", 24, 11, "Swish(x) alpha=1"},
    {"swish", ",\"beta\":-2", 24, 11, "Swish(x) alpha=-2"},
    {"quick_gelu", "", 24, 11, "Swish(x) alpha=1.70200002"},
    {"hard_swish", "", 14, 7, "HardSwish(x)"},
    {"gelu", "", 20, 9, "Gelu(x) approximate=none"},
    {"gelu_tanh", "", 20, 9, "Gelu(x) approximate=tanh"},
    {"mish", "", 18, 8, "Mish(x)"},
    {"sin", "", 9, 4, "Sin(x)"},
    {"cos", "", 9, 4, "Cos(x)"},
    {"softmax", "", 13, 7, "Softmax(x) axis=-1"},
    {"log_softmax", "", 13, 7, "LogSoftmax(x) axis=-1"},
    {"hardmax", "", 13, 7, "Hardmax(x) axis=-1"},
};
enum { NAMED = sizeof named / sizeof *named };

/* the only node, with float32 scalars in the place of their names */
static const char *only_node(void)
{
    static char text[256];
    const node *n = &o.node[0];
    assert_int_equal(o.nodes, 1);
    snprintf(text, sizeof text, "%s(", n->op);
    for (int k = 0; k < n->ins; k++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s", k ? ", " : "", n->in[k]);
        for (int t = 0; t < o.tensors; t++) {
            float v;
            if (strcmp(o.tensor[t].name, n->in[k]) != 0)
                continue;
            assert_int_equal(o.tensor[t].type, 1);
            assert_int_equal(o.tensor[t].dims, 0);
            memcpy(&v, o.tensor[t].data.at, sizeof v);
            snprintf(text + at, sizeof text - at, ", %.9g", (double)v);
        }
    }
    size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, ")%s", n->attributes);
    return text;
}

static void operators(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"name\":\"%s\"%s}", named[i].row, named[i].params);
        ax_act a = parsed(json, NULL);
        make(&a, AX_ONNX_NAMED);
        assert_string_equal(only_node(), named[i].is);
        assert_int_equal(o.opset, named[i].opset);
        assert_int_equal(o.ir, named[i].ir);
        assert_string_equal(o.producer, "axond");
        assert_string_equal(o.graph, named[i].row);
        assert_string_equal(o.doc, a.row->formula);
        assert_string_equal(o.x.dims, a.row->kind == AX_ACT_VECTOR ? "rows,n" : "n");
        assert_string_equal(o.y.dims, o.x.dims);
    }
}

/* A row that says it has an operator is written as that one, and in the table above. */
static void every_row_that_has_one(void **state)
{
    (void)state;
    int n, mapped = 0;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        int known = 0;
        for (int k = 0; k < NAMED; k++) {
            size_t len = strcspn(row[i].onnx, " ");
            if (strcmp(named[k].row, row[i].name) != 0)
                continue;
            known = 1;
            assert_int_equal(strncmp(named[k].is, row[i].onnx, len), 0);
            assert_int_equal(named[k].is[len], '(');
        }
        if (known != (*row[i].onnx != 0))
            fail_msg("'%s' has the ONNX operator '%s' and %s mapping", row[i].name, row[i].onnx,
                     known ? "a" : "no");
        mapped += known;
    }
    assert_true(mapped >= 34);
}

/* Values that an operator cannot say are composed. */
static void values_without_operator(void **state)
{
    static const char *const json[] = {
        "{\"name\":\"softplus\",\"beta\":2}",       "{\"name\":\"threshold\",\"value\":1}",
        "{\"name\":\"sin\",\"omega\":30}",          "{\"name\":\"leaky_relu\",\"alpha\":1e-40}",
        "{\"name\":\"softmax\",\"temperature\":2}", "{\"name\":\"probit\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof json / sizeof *json; i++) {
        ax_act a = parsed(json[i], NULL);
        make(&a, AX_ONNX_NAMED);
        assert_string_equal(o.node[0].op, "Cast");
        assert_int_equal(o.opset, 13);
        assert_int_equal(o.ir, 7);
    }
}

/* ---- compositions ---- */

static int ulps(float a, float b)
{
    int32_t i, k;
    memcpy(&i, &a, 4), memcpy(&k, &b, 4);
    i = i < 0 ? -(i & INT32_MAX) : i, k = k < 0 ? -(k & INT32_MAX) : k;
    int64_t d = (int64_t)i - k;
    return d > 1000 || d < -1000 ? 1000 : abs((int)d);
}

static void check_values(const ax_act *a, const char *name)
{
    static wiring w;
    static const float ends[] = {0,       -0.0f,  INFINITY, -INFINITY, NAN,   1e-30f,
                                 -1e-30f, 1e-45f, 500,      -500,      1e10f, -1e10f};
    make(a, AX_ONNX_EXACT);
    wire(&o, &w);
    for (int i = 0; i < 1000; i++) {
        int end = i < (int)(sizeof ends / sizeof *ends);
        float x = end ? ends[i] : (float)(i - 500) / 23.0f, want, got = evaluate_onnx(&o, &w, x);
        ax_act_forward(a, &x, &want, 1);
        if (isnan(want) ? !isnan(got) : ulps(want, got) > 1)
            fail_msg("%s at %.9g: %.9g in the model, %.9g here", name, (double)x, (double)got,
                     (double)want);
    }
}

static void composed_rows(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        ax_act a;
        assert_int_equal(ax_act_by_name(row[i].name, &a, NULL), 0);
        if (row[i].kind == AX_ACT_ELEMENT)
            check_values(&a, row[i].name);
    }
}

static void composed_formulas(void **state)
{
    static const char *const text[] = {"2",
                                       "x",
                                       "x > 1",
                                       "x*(x > 0 && x < 3 || x == -2)",
                                       "x != 1 ? !(x < 0) : 7",
                                       "cbrt(x)",
                                       "x*exp(x)",
                                       "sinh(clip(x, -9, 9))*sech(x/2)",
                                       "log1p(x^2) + expm1(-x^2)",
                                       "tan(tanh(x))",
                                       "erfc(x)",
                                       "Phi(x) - phi(x)",
                                       "erf(x)^3",
                                       "atan(x)",
                                       "floor(x) + sign(x)*sqrt(abs(x))",
                                       "abs(x)^1.5",
                                       "logcosh(x)",
                                       "x - tanh(x)",
                                       "(sqrt(x^2 + 1) + x)/2",
                                       "sqrt(1 + x^2) - 1",
                                       "mish(elu(x, 0.5))",
                                       "(x > 0 ? x < 2 : x > -2) ? x : 1 - cos(x)"};
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        char json[256];
        ax_arena mem;
        ax_arena_init(&mem, 0);
        snprintf(json, sizeof json, "{\"formula\":\"%s\"}", text[i]);
        ax_act a = parsed(json, &mem);
        check_values(&a, text[i]);
        assert_string_equal(o.doc, text[i]);
        ax_arena_fini(&mem);
    }
}

/* Parameters are numbers with a name and their value at the time. */
static void parameters(void **state)
{
    (void)state;
    ax_arena mem;
    ax_arena_init(&mem, 0);
    ax_act a = parsed("{\"formula\":\"alpha*x*sigmoid(beta*x + gamma)\","
                      "\"params\":{\"alpha\":1,\"beta\":1.7,\"gamma\":0},\"learnable\":[\"beta\"]}",
                      &mem);
    assert_int_equal(ax_act_set(&a, "beta", 2.25, NULL), 0);
    check_values(&a, "with parameters");
    int found = 0;
    for (int i = 0; i < o.tensors; i++) {
        double v;
        memcpy(&v, o.tensor[i].data.at, sizeof v);
        found += !strncmp(o.tensor[i].name, "beta_", 5) && v == 2.25;
        assert_true(strncmp(o.tensor[i].name, "gamma", 5) != 0); /* adding 0 needs no node */
    }
    assert_int_equal(found, 1);
    ax_arena_fini(&mem);
}

/* Rows are judged by ONNX Runtime (make onnx-test); here: that all can be written, and their ends.
 */
static void vector_rows(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        ax_act a;
        if (row[i].kind != AX_ACT_VECTOR)
            continue;
        assert_int_equal(ax_act_by_name(row[i].name, &a, NULL), 0);
        make(&a, AX_ONNX_EXACT);
        assert_string_equal(o.x.dims, "rows,n");
        int same = ax_act_out_len(&a, ax_act_out_div(&a)) == ax_act_out_div(&a);
        assert_string_equal(o.y.dims, same ? "rows,n" : "rows,m");
    }
}

/* About as large as a formula can be: each erf becomes some ninety operations. */
static void large(void **state)
{
    char json[1100] = "{\"formula\":\"erf(x)";
    (void)state;
    for (int i = 1; i < 60; i++)
        snprintf(json + strlen(json), sizeof json - strlen(json), "+erf(x+%d)", i);
    strcat(json, "\"}");
    ax_arena mem;
    ax_arena_init(&mem, 0);
    ax_act a = parsed(json, &mem);
    ax_pb b = {0};
    assert_int_equal(ax_act_write_onnx(&a, AX_ONNX_NAMED, &b, NULL), 0);
    assert_true(b.len > 100000);
    ax_pb_free(&b);
    ax_arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_format),
        cmocka_unit_test(operators),
        cmocka_unit_test(every_row_that_has_one),
        cmocka_unit_test(values_without_operator),
        cmocka_unit_test(composed_rows),
        cmocka_unit_test(composed_formulas),
        cmocka_unit_test(parameters),
        cmocka_unit_test(vector_rows),
        cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
