/* The catalogue over HTTP: every card and picture, values with the bits of the engine, formulas, and
 * a table of requests with what they must be answered. */
#include "harness.h"
#include "xml.h"

enum { N = 24, MOST = 2000 };

static int setup(void **state)
{
    (void)state;
    folder_new();
    start((const char *[]){"--max-evaluate", "2000", "--max-body", "100000", NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    folder_remove();
    return code;
}

/* The numbers and words of the array behind this key, nesting aside; how many. */
static int numbers(const char *body, const char *key, float *out)
{
    const char *p = strstr(body, key);
    int n = 0, depth = 0;
    if (!p)
        fail_msg("no %s in %.300s", key, body);
    p += strlen(key);
    do {
        depth += (*p == '[') - (*p == ']');
        if (strchr("[],", *p)) {
            p++;
        } else if (*p == '"') {
            out[n++] = p[1] == 'N' ? NAN : p[1] == '-' ? -INFINITY : INFINITY;
            p = strchr(p + 1, '"') + 1;
        } else {
            char *end;
            out[n++] = strtof(p, &end);
            assert_true(end > p);
            p = end;
        }
    } while (depth && n <= MOST);
    return n;
}

static void same_bits(const char *what, const float *got, const float *want, int n)
{
    for (int i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], 4) && !(isnan(got[i]) && isnan(want[i])))
            fail_msg("%s[%d]: %.9g, expected %.9g", what, i, (double)got[i], (double)want[i]);
}

/* Ordinary and odd numbers, and their text as JSON. */
static void make_x(float x[N], char *text)
{
    static const float odd[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e-45f, -1e-38f, 3.4028235e38f, 88.8f, -104};
    char *p = text + sprintf(text, "[");
    for (int i = 0; i < N; i++) {
        x[i] = i < 10 ? odd[i] : (float)(i - 17) * 0.37f;
        if (isfinite(x[i]))
            p += sprintf(p, "%s%.9g", i ? "," : "", (double)x[i]);
        else
            p += sprintf(p, ",\"%s\"", isnan(x[i]) ? "NaN" : x[i] > 0 ? "Infinity" : "-Infinity");
    }
    sprintf(p, "]");
}

static void evaluate_row(const ax_act_row *row, const float x[N], const char *text)
{
    static const char *const keys[3] = {"\"y\":", "\"dy\":", "\"d2y\":"};
    static void (*const order[3])(const ax_act *, const float *, float *, size_t) = {
        ax_act_forward, ax_act_derivative, ax_act_second};
    int vector = row->kind == AX_ACT_VECTOR, orders = vector ? 1 : 3;
    char body[1024];
    float want[2 * N], got[MOST + 1];
    ax_act a;
    assert_int_equal(ax_act_by_name(row->name, &a, NULL), 0);
    sprintf(body, "{\"activation\":\"%s\",\"x\":%s,\"derivatives\":%d}", row->name, text, orders - 1);
    reply r = post("/activations/evaluate", body);
    if (r.status != 200)
        fail_msg("%s: %ld %s", row->name, r.status, r.body);
    for (int k = 0; k < orders; k++) {
        int n = vector ? (int)ax_act_out_len(&a, N) : N;
        if (vector)
            ax_act_rows(&a, x, want, 1, N, 1);
        else
            order[k](&a, x, want, N);
        assert_int_equal(numbers(r.body, keys[k], got), n);
        same_bits(row->name, got, want, n);
    }
    cJSON *j = cJSON_Parse(r.body);
    assert_non_null(j);
    assert_string_equal(cJSON_GetObjectItem(j, "formula")->valuestring, row->formula);
    cJSON_Delete(j);
    reply_free(&r);
}

static void values_have_the_bits_of_the_engine(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    float x[N];
    char text[600];
    make_x(x, text);
    for (int i = 0; i < n; i++)
        evaluate_row(&row[i], x, text);
}

static void every_row_has_a_card(void **state)
{
    (void)state;
    static const char *const fields[] = {"name",  "aliases", "family",  "kind", "formula",  "derivative", "params",
                                         "range", "gain",    "max_ulp", "onnx", "dialects", "paper",      "doc"};
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    reply r = get("/activations");
    assert_int_equal(r.status, 200);
    cJSON *all = cJSON_Parse(r.body), *list = cJSON_GetObjectItem(all, "activations");
    assert_int_equal(cJSON_GetArraySize(list), n);
    reply_free(&r);
    for (int i = 0; i < n; i++) {
        char path[128];
        cJSON *in_list = cJSON_GetArrayItem(list, i);
        snprintf(path, sizeof path, "/activations/%s", row[i].aliases[0] ? row[i].aliases[0] : row[i].name);
        r = get(path);
        cJSON *card = cJSON_Parse(r.body);
        assert_int_equal(r.status, 200);
        assert_true(cJSON_Compare(card, in_list, 1));
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
            assert_non_null(cJSON_GetObjectItemCaseSensitive(card, fields[k]));
        assert_string_equal(cJSON_GetObjectItem(card, "name")->valuestring, row[i].name);
        cJSON_Delete(card);
        reply_free(&r);
    }
    cJSON_Delete(all);
}

static void every_curve_has_a_picture(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        char path[128];
        snprintf(path, sizeof path, "/activations/%s/plot.svg?derivative=2", row[i].name);
        reply r = get(path);
        if (row[i].kind == AX_ACT_VECTOR) {
            assert_int_equal(r.status, 422);
        } else {
            assert_int_equal(r.status, 200);
            assert_non_null(strstr(r.headers, "Content-Type: image/svg+xml"));
            if (xml_fault(r.body))
                fail_msg("%s: not well-formed at %.60s", path, xml_fault(r.body));
        }
        reply_free(&r);
    }
}

/* The formula that an answer shows is one that computes the same. */
static void formulas_come_back(void **state)
{
    (void)state;
    static const char *const formulas[] = {"x*sigmoid(b*x)", "log(1 + exp(b*x))", "x < b ? x : b*tanh(x)",
                                           "s = exp(-abs(x)); s/(1 + s) + b", "gelu(x) - mish(b*x)"};
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        char body[1024];
        float y[2][3][MOST + 1];
        const char *text = formulas[i];
        char *shown = NULL;
        for (int turn = 0; turn < 2; turn++) {
            sprintf(body, "{\"activation\":{\"formula\":\"%s\",\"params\":{\"b\":1.7}},"
                    "\"x\":[-30,-1.5,0,0.25,3,\"Infinity\"],\"derivatives\":2}", turn ? shown : text);
            reply r = post("/activations/evaluate", body);
            if (r.status != 200)
                fail_msg("%s: %s", body, r.body);
            assert_int_equal(numbers(r.body, "\"y\":", y[turn][0]), 6);
            assert_int_equal(numbers(r.body, "\"dy\":", y[turn][1]), 6);
            assert_int_equal(numbers(r.body, "\"d2y\":", y[turn][2]), 6);
            cJSON *j = cJSON_Parse(r.body);
            if (i == 1 && !turn) /* one of them is rewritten */
                assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rewrites")), 1);
            free(shown);
            shown = strdup(cJSON_GetObjectItem(j, "formula")->valuestring);
            cJSON_Delete(j);
            reply_free(&r);
        }
        free(shown);
        for (int k = 0; k < 3; k++)
            same_bits(text, y[1][k], y[0][k], 6);
    }
}

/* Path, body (NULL: GET), and what the answer has in it. */
static const struct {
    const char *path, *body, *has;
} good[] = {
    {"/activations/elu?x=-1,0,1", NULL, "\"x\":[-1,0,1],\"y\":[-0.63212055,0,1]}"},
    {"/activations/elu?x=-1&derivatives=2&alpha=0.5", NULL, "\"dy\":[0.18393973],\"d2y\":[0.18393973]}"},
    {"/activations/elu?x=-Infinity,NaN,Infinity", NULL, "\"y\":[-1,\"NaN\",\"Infinity\"]}"},
    {"/activations/elu?x=NaN&non_finite=null", NULL, "\"y\":[null]}"},
    {"/activations/elu?alpha=0.5", NULL, "\"value\":0.5"},
    {"/activations/leaky_relu?dialect=keras&x=-1", NULL, "\"y\":[-0.2]}"},
    {"/activations/LeakyReLU?dialect=keras&x=-1", NULL, "\"y\":[-0.3]}"},
    {"/activations/gelu%28approximate=True%29?dialect=keras", NULL, "\"name\":\"gelu_tanh\""},
    {"/activations/swish?x=1,2&beta=0", NULL, "\"y\":[0.5,1]}"},
    {"/activations/softmax?x=0,0", NULL, "\"y\":[0.5,0.5]}"},
    {"/activations/glu?x=3,0", NULL, "\"y\":[1.5]}"},
    {"/activations/plot.svg?names=relu,gelu,mish&from=-4&to=4&derivative=1", NULL, "<title>relu, gelu, mish</title>"},
    {"/activations/plot.svg?formula=x*sigmoid(b*x)&b=1.7", NULL, "<title>x*sigmoid(b*x)</title>"},
    {"/activations/plot.svg?formula=x%3Cb?0:x&b=1.7&names=relu,elu", NULL, "<title>relu, elu, x&lt;b?0:x</title>"},
    {"/activations/plot.svg?names=elu&alpha=2", NULL, "<title>elu</title>"},
    {"/activations/elu/plot.svg?alpha=2&from=-1&to=1", NULL, "<title>elu</title>"},
    {"/activations/LeakyReLU/plot.svg?dialect=keras", NULL, "<title>LeakyReLU</title>"},
    {"/activations/evaluate", "{\"activation\":\"relu\",\"x\":-1}", "{\"activation\":\"relu\",\"y\":0,"},
    {"/activations/evaluate", "{\"x\":[],\"activation\":\"relu\"}", "\"y\":[],"},
    {"/activations/evaluate", "{\"activation\":\"softmax\",\"x\":[]}", "\"y\":[],"},
    {"/activations/evaluate", "{\"activation\":\"crelu\",\"x\":[[],[]]}", "\"y\":[[],[]],"},
    {"/activations/evaluate", "{\"activation\":\"crelu\",\"x\":[[1,-2]]}", "\"y\":[[1,0,0,2]],"},
    {"/activations/evaluate", "{\"activation\":\"relu\",\"x\":[[[1,-2]],[[-3,4]]],\"derivatives\":1}",
     "\"y\":[[[1,0]],[[0,4]]],\"dy\":[[[1,0]],[[0,1]]],"},
    {"/activations/evaluate", " { \"activation\" : \"relu\" , \"x\" : [ 1 , 2 ] } ", "\"y\":[1,2],"},
    {"/activations/evaluate", "{\"activation\":\"elu\",\"params\":{\"alpha\":0.5},\"x\":[-1]}",
     "{\"activation\":{\"name\":\"elu\",\"alpha\":0.5},\"y\":[-0.31606027],"},
    {"/activations/evaluate", "{\"activation\":{\"name\":\"elu\",\"alpha\":0.5},\"x\":[-1]}", "\"y\":[-0.31606027],"},
    {"/activations/evaluate", "{\"activation\":{\"name\":\"LeakyReLU\",\"dialect\":\"keras\"},\"x\":[-1]}", "\"y\":[-0.3],"},
    {"/activations/evaluate", "{\"activation\":{\"name\":\"swish\",\"learnable\":[\"beta\"]},\"params\":{\"beta\":0},\"x\":[2]}",
     "{\"activation\":{\"name\":\"swish\",\"beta\":0,\"learnable\":[\"beta\"]},\"y\":[1],"},
    {"/activations/evaluate", "{\"activation\":\"glu\",\"params\":{\"gate_first\":true},\"x\":[0,4]}", "\"y\":[2],"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"x*b\"},\"params\":{\"b\":3},\"x\":[2]}", "\"y\":[6],"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"x*b\",\"params\":{\"b\":3}},\"params\":{\"b\":5},\"x\":[2]}",
     "\"y\":[10],"},
    {"/activations/evaluate", "{\"activation\":\"exponential\",\"x\":[100,\"NaN\"],\"non_finite\":\"null\"}", "\"y\":[null,null],"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"log(x)\"},\"x\":[-1,0]}", "\"y\":[\"NaN\",\"-Infinity\"],"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"log(x)\"},\"x\":[1],\"probe\":true}",
     "\"probe\":{\"nan\":{\"count\":1,\"where\":[{\"from\":-3.40282347e38,\"to\":-1.40129846e-45}]}"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"log(x)\"},\"x\":[1],\"probe\":true}",
     "\"trainable\":false,\"untrainable_at\":-20,"},
    {"/activations/evaluate", "{\"activation\":{\"formula\":\"x*relu(x)\"},\"x\":[1],\"probe\":true}",
     "\"trainable\":true,\"untrainable_at\":null,"},
    {"/activations/evaluate", "{\"activation\":\"tanh\",\"x\":[1],\"probe\":true}",
     "\"low\":{\"y\":-1,\"x\":\"-Infinity\"},\"high\":{\"y\":1,"},
    {"/activations/evaluate", "{\"activation\":\"tanh\",\"x\":[1],\"probe\":true}", "\"monotone\":\"rising\",\"steepest\":{\"y\":1,"},
    {"/activations/evaluate", "{\"activation\":\"abs\",\"x\":[1],\"probe\":true}",
     "\"limits\":{\"left\":\"Infinity\",\"right\":\"Infinity\"},"
     "\"marks\":[{\"x\":0,\"y\":0,\"kind\":\"kink\"}]"},
    {"/activations/evaluate", "{\"activation\":\"relu\",\"x\":[1],\"probe\":false}", "\"rewrites\":[]}\n"},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        reply r = good[i].body ? post(good[i].path, good[i].body) : get(good[i].path);
        if (r.status != 200 || !strstr(r.body, good[i].has))
            fail_msg("%s %s: %ld %.600s", good[i].path, good[i].body ? good[i].body : "", r.status, r.body);
        reply_free(&r);
    }
}

#define EVALUATE "/activations/evaluate"
static const struct {
    const char *path, *body;
    long status;
    const char *has;
} bad[] = {
    {"/activations/relux", NULL, 404, "did you mean 'relu'?"},
    {"/activations/relux/plot.svg", NULL, 404, "did you mean 'relu'?"},
    {"/activations/elu?alhpa=1", NULL, 400, "did you mean 'alpha'?"},
    {"/activations/elu?derivative=1", NULL, 400, "did you mean 'derivatives'?"},
    {"/activations/elu?alpha=-1", NULL, 400, "expected 0 to 1000"},
    {"/activations/elu?alpha=a", NULL, 400, "'a' is not a number"},
    {"/activations/elu?alpha=1&alpha=2", NULL, 400, "\"code\":\"duplicate_option\""},
    {"/activations/elu?x=", NULL, 400, "x is empty, expected a number for float32"},
    {"/activations/elu?x=1,", NULL, 400, "x: a number is missing behind the last comma of '1,'\",\"code\":\"parse_error\",\"at\":\"x\""},
    {"/activations/elu?x=,1", NULL, 400, "x: a number is missing before the first comma of ',1'"},
    {"/activations/elu?x=1,,2", NULL, 400, "x: a number is missing between two commas, before the last comma of '1,,2'"},
    {"/activations/elu?alpha=", NULL, 400, "alpha is empty, expected a number"},
    {"/activations/elu?x=1;2", NULL, 400, "'1;2' is not a number"},
    {"/activations/elu?x=1e39", NULL, 400, "\"at\":\"x\""},
    {"/activations/elu?x=1&derivatives=3", NULL, 400, "from 0 to 2"},
    {"/activations/elu?derivatives=1", NULL, 400, "no x to evaluate"},
    {"/activations/elu?x=1&non_finite=error", NULL, 400, "answers here"},
    {"/activations/elu?dialect=kears", NULL, 404, "did you mean 'keras'?"},
    {"/activations/snake?dialect=keras", NULL, 404, "'snake' is a name of the catalogue"},
    {"/activations/elu?formula=x", NULL, 400, "\"code\":\"unknown_option\""},
    {"/activations/elu?name=relu", NULL, 400, "\"code\":\"unknown_option\""},
    {"/activations/softmax?x=1,2&derivatives=1", NULL, 422, "whole rows"},
    {"/activations/glu?x=1,2,3", NULL, 400, "multiple of 2"},
    {"/activations/plot.svg", NULL, 400, "needs names"},
    {"/activations/plot.svg?names=", NULL, 400, "names is empty, expected activations"},
    {"/activations/plot.svg?names=relu,,elu", NULL, 400, "a name is missing beside a comma of 'relu,,elu'"},
    {"/activations/plot.svg?names=relu,", NULL, 400, "a name is missing beside a comma of 'relu,'"},
    {"/activations/plot.svg?names=relu,softmax", NULL, 422, "has no curve"},
    {"/activations/plot.svg?names=relu,elu&alpha=1", NULL, 400, "takes no option 'alpha'"},
    {"/activations/plot.svg?names=relu&from=1&to=0", NULL, 400, "stretch that grows"},
    {"/activations/plot.svg?names=relu&from=1&to=1.0000000000001", NULL, 400,
     "the plot from 1 to 1.0000000000001 is too narrow, expected 0.001 or more between the ends"},
    {"/activations/plot.svg?names=relu&from=x", NULL, 400, "'x' is not a number"},
    {"/activations/plot.svg?names=relu&derivative=3", NULL, 400, "from 0 to 2"},
    {"/activations/plot.svg?formula=x*b", NULL, 400, "\"code\":\"bad_formula\""},
    {"/activations/plot.svg?formula=x*b", NULL, 400, "a parameter must be declared: &b=1\\nx*b\\n  ^"},
    {"/activations/plot.svg?names=a,a,a,a,a,a,a,a,a,a,a,a,a", NULL, 404, "'a'"},
    {"/activations/plot.svg?names=elu,elu,elu,elu,elu,elu,elu,elu,elu,elu,elu,elu,elu", NULL, 400, "more than 12"},
    {EVALUATE, "", 400, "\"code\":\"parse_error\""},
    {EVALUATE, "{}", 400, "'activation' is missing"},
    {EVALUATE, "{\"activation\":\"relu\"}", 400, "'x' is missing"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1]}x", 400, "nothing behind"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,]}", 400, "x[1]: expected a number"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1", 400, "end of the body"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[01]}", 400, "\"at\":\"x"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,NaN]}", 400, "\\\"NaN\\\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,\"inf\"]}", 400, "\"at\":\"x[1]\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,null]}", 400, "\"at\":\"x[1]\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,1e39]}", 400, "beyond the largest float32"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[[1,2],[3]]}", 400, "\"at\":\"x[1]\",\"expected\":2,\"got\":1"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[[1,2],3]}", 400, "expected an array"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1,[3]]}", 400, "expected a number"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[[],1]}", 400, "expected an array"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[[],[[]]]}", 400, "\"code\":\"shape_mismatch\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[[[[[[[[[1]]]]]]]]]}", 400, "nested more than 8"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":{}}", 400, "\"code\":\"wrong_type\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"x\":[1]}", 400, "\"code\":\"duplicate_field\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"derivative\":1}", 400, "did you mean 'derivatives'?"},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"derivatives\":3}", 400, "\"expected\":\"0 to 2\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"derivatives\":\"1\"}", 400, "\"at\":\"derivatives\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"non_finite\":\"nul\"}", 400, "did you mean 'null'?"},
    {EVALUATE, "{\"activation\":\"relux\",\"x\":[1]}", 404, "did you mean 'relu'?"},
    {EVALUATE, "{\"activation\":7,\"x\":[1]}", 400, "\"at\":\"activation\""},
    {EVALUATE, "{\"activation\":,\"x\":[1]}", 400, "expected a value"},
    {EVALUATE, "{\"activation\":{\"name\":\"elu\",\"alpha\":},\"x\":[1]}", 400, "\"at\":\"activation\""},
    /* lines and columns are those of the body */
    {EVALUATE, "{\"activation\":{\"name\":\"elu\",\"alpha\":},\"x\":[1]}", 400, "line 1, column 37: expected a value"},
    {EVALUATE, "{\"x\":[1],\n \"activation\":\"elu\",\n \"params\":{\"alpha\":1,\n\"alpha\":2}}", 400, "line 4, column 1: the key"},
    {EVALUATE, "{\"activation\":{\"name\":\"elu\",\"alhpa\":1},\"x\":[1]}", 400, "did you mean 'alpha'?"},
    {EVALUATE, "{\"activation\":\"elu\",\"params\":{\"alhpa\":1},\"x\":[1]}", 400, "\"at\":\"params.alhpa\""},
    {EVALUATE, "{\"activation\":\"elu\",\"params\":{\"alpha\":-1},\"x\":[1]}", 400, "expected 0 to 1000"},
    {EVALUATE, "{\"activation\":\"elu\",\"params\":{\"alpha\":true},\"x\":[1]}", 400, "must be a number"},
    {EVALUATE, "{\"activation\":\"elu\",\"params\":[1],\"x\":[1]}", 400, "\"at\":\"params\""},
    {EVALUATE, "{\"activation\":{\"formula\":\"x*\"},\"x\":[1]}", 400, "\"code\":\"bad_formula\""},
    {EVALUATE, "{\"activation\":{\"formula\":\"x*sigmoid(beta*x)\"},\"x\":[1]}", 400,
     "\"at\":\"activation.formula\",\"position\":11,\"hint\":\"a parameter must be declared: "
     "\\\"params\\\":{\\\"beta\\\":1}\\nx*sigmoid(beta*x)\\n          ^\""},
    {EVALUATE, "{\"activation\":{\"formula\":\"x*sigmod(x)\"},\"x\":[1]}", 400, "sigmoid"},
    {EVALUATE, "{\"activation\":{\"formula\":\"((((((((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))))))))\"},\"x\":[1]}",
     400, "\"code\":\"bad_formula\""},
    {EVALUATE, "{\"activation\":{\"name\":\"swish\",\"learnable\":[\"alpha\"]},\"x\":[1]}", 400,
     "\"at\":\"activation.learnable[0]\",\"hint\":\"'swish' can learn: beta\""},
    {EVALUATE, "{\"activation\":{\"name\":\"xielu\",\"learnable\":[\"beta\"]},\"x\":[1]}", 400, "beta cannot be learned"},
    {EVALUATE, "{\"activation\":\"softmax\",\"x\":1}", 400, "takes rows"},
    {EVALUATE, "{\"activation\":\"glu\",\"x\":[1,2,3]}", 400, "\"got\":3"},
    {EVALUATE, "{\"activation\":\"softmax\",\"x\":[1],\"derivatives\":1}", 422, "\"at\":\"derivatives\""},
    {EVALUATE, "{\"activation\":{\"formula\":\"x*b\",\"params\":{\"b\":{\"default\":5,\"min\":3,\"max\":1}}},\"x\":[1]}", 400,
     "b: min 3 is above max 1"},
    {EVALUATE, "{\"activation\":\"softmax\",\"x\":[1],\"probe\":true}", 422, "\"at\":\"probe\""},
    {EVALUATE, "{\"activation\":\"relu\",\"x\":[1],\"probe\":1}", 400, "expected true or false"},
    {EVALUATE "?derivatives=1", "{\"activation\":\"relu\",\"x\":[1]}", 400, "in the body"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reply r = ask(&(request){.method = bad[i].body ? "POST" : NULL, .path = bad[i].path, .body = bad[i].body,
                                 .type = bad[i].body ? "application/json" : NULL});
        cJSON *j = cJSON_Parse(r.body);
        if (r.status != bad[i].status || !strstr(r.body, bad[i].has) || !j || !cJSON_IsString(cJSON_GetObjectItem(j, "error")))
            fail_msg("%s %s: %ld %s", bad[i].path, bad[i].body ? bad[i].body : "", r.status, r.body);
        cJSON_Delete(j);
        reply_free(&r);
    }
}

static const struct {
    const char *options;
    int values; /* in the answer; 0: refused */
    long status;
    const char *has; /* X-Shape, or what the refusal says */
} raw[] = {
    {"activation=elu", 6, 200, "[6]"},
    {"activation=elu&alpha=0.5&derivatives=2", 18, 200, "[3,6]"},
    {"formula=x*b&b=2&derivatives=1", 12, 200, "[2,6]"},
    {"activation=softmax&row=3", 6, 200, "[2,3]"},
    {"activation=glu&row=2", 3, 200, "[3,1]"},
    {"activation=elu&row=2&derivatives=1", 12, 200, "[2,3,2]"},
    {"", 0, 400, "is to name an activation"},
    {"activation=elu&formula=x", 0, 400, "not both"},
    {"activation=softmax&row=4", 0, 400, "no rows of 4"},
    {"activation=elu&row=0", 0, 400, "\"at\":\"row\""},
    {"activation=elu&alhpa=1", 0, 400, "did you mean 'alpha'?"},
};

static void takes_raw_numbers(void **state)
{
    (void)state;
    const float x[6] = {-1, 0, 1, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        char path[160];
        snprintf(path, sizeof path, EVALUATE "?%s", raw[i].options);
        request q = {.method = "POST", .path = path, .type = "application/octet-stream", .body = (const char *)x,
                     .len = sizeof x, .header = {"Accept: application/octet-stream"}};
        reply r = ask(&q);
        if (r.status != raw[i].status || !strstr(raw[i].values ? r.headers : r.body, raw[i].has))
            fail_msg("%s: %ld %s %s", path, r.status, r.headers, raw[i].values ? "" : r.body);
        if (raw[i].values)
            assert_int_equal(r.len, 4 * raw[i].values);
        reply_free(&r);
        if (i) /* raw numbers in, JSON out */
            continue;
        float want[6], got[MOST + 1];
        ax_act a;
        assert_int_equal(ax_act_by_name("elu", &a, NULL), 0);
        ax_act_forward(&a, x, want, 6);
        q.header[0] = NULL;
        r = ask(&q);
        assert_int_equal(numbers(r.body, "\"y\":", got), 6);
        same_bits("raw", got, want, 6);
        reply_free(&r);
    }
    request odd = {.method = "POST", .path = EVALUATE "?activation=elu", .type = "application/octet-stream",
                   .body = (const char *)x, .len = 7};
    assert_int_equal(status_of(&odd), 400);
}

/* n numbers, with spaces between where the body shall be long. */
static char *many(int n, const char *between)
{
    char *body = malloc((size_t)n * (8 + strlen(between)) + 200), *p = body;
    p += sprintf(p, "{\"activation\":{\"formula\":\"x*2\"},\"x\":[");
    for (int i = 0; i < n; i++)
        p += sprintf(p, "%s%s%d", i ? "," : "", between, i);
    sprintf(p, "]}");
    return body;
}

static void bounds_the_work(void **state)
{
    (void)state;
    static const struct {
        int n;
        const char *between;
        long status;
    } cases[] = {{MOST, "", 200}, {MOST + 1, "", 413}, {MOST, "                             ", 200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *body = many(cases[i].n, cases[i].between);
        static float got[MOST + 1];
        reply r = post(EVALUATE, body);
        if (r.status != cases[i].status)
            fail_msg("case %zu: %ld %.200s", i, r.status, r.body);
        if (r.status == 200) {
            assert_int_equal(numbers(r.body, "\"y\":", got), MOST);
            for (int k = 0; k < MOST; k++)
                assert_true(got[k] == 2.0f * (float)k);
        } else {
            assert_non_null(strstr(r.body, "--max-evaluate"));
        }
        reply_free(&r);
        free(body);
    }
    static float x[MOST + 1];
    request q = {.method = "POST", .path = EVALUATE "?activation=elu", .type = "application/octet-stream",
                 .body = (const char *)x, .len = sizeof x};
    assert_int_equal(status_of(&q), 413);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_bits_of_the_engine),
        cmocka_unit_test(every_row_has_a_card),
        cmocka_unit_test(every_curve_has_a_picture),
        cmocka_unit_test(formulas_come_back),
        cmocka_unit_test(answers),
        cmocka_unit_test(refuses),
        cmocka_unit_test(takes_raw_numbers),
        cmocka_unit_test(bounds_the_work),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
