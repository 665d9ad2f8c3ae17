/* act_catalog.c - names, parameters, JSON and gains of the catalogue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation/activation.h"

static void test_rows(void **state)
{
    (void)state;
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    assert_true(n >= 20);
    for (int i = 0; i < n; i++) {
        const ax_act_row *r = &row[i];
        const char *texts[] = {r->name,  r->family, r->formula, r->derivative,
                               r->range, r->onnx,   r->doc};
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            assert_true(texts[t] && (texts[t][0] || t == 5));
        assert_ptr_equal(ax_act_find(r->name), r); /* so names are unique, too */
        for (int a = 0; r->aliases[a]; a++)
            assert_ptr_equal(ax_act_find(r->aliases[a]), r);
        for (int p = 0; p < AX_ACT_PARAMS && r->params[p].name; p++) {
            const ax_act_param *q = &r->params[p];
            assert_true(q->min <= q->def && q->def <= q->max && isfinite(q->min + q->max));
            assert_true(q->doc && q->doc[0]);
            if (r->whole >> p & 1)
                assert_true(q->min == floor(q->min) && q->max == floor(q->max) &&
                            q->def == floor(q->def));
        }
    }
}

static const struct {
    const char *alias, *name;
} aliases[] = {
    {"swish_1", "silu"}, {"swish", "swish"},            {"tanhexp", "telu"},
    {"siren", "sin"},   {"linear", "identity"},         {"hard_silu", "hard_swish"},
    {"relu", "relu"},   {"log_softmax", "log_softmax"}, {"logistic", "sigmoid"},
    {"prelu", "prelu"}, {"gelu_tanh", "gelu_tanh"},     {"soft_relu", "softplus"},
    {"softmax2d", "softmax"}, {"quiet_softmax", "softmax1"}, {"entmax", "entmax15"},
    {"trelu", "threshold"}, {"relu2", "squared_relu"},  {"log_cosh", "logcosh"},
};

static void test_aliases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        const ax_act_row *r = ax_act_find(aliases[i].alias);
        assert_non_null(r);
        assert_string_equal(r->name, aliases[i].name);
    }
    assert_null(ax_act_find(""));
    assert_null(ax_act_find("ReLU"));
}

/* what is wrong, and which hint helps */
static const struct {
    const char *json;
    ax_code code;
    const char *msg, *at, *hint;
} errors[] = {
    {"\"relux\"", AX_ENOTFOUND, "'relux'", "", "'relu'"},
    {"\"ReLU\"", AX_ENOTFOUND, "'ReLU'", "", "'relu'"},
    {"\"Leaky-ReLU\"", AX_ENOTFOUND, "'Leaky-ReLU'", "", "'leaky_relu'"},
    {"\"qqqqqqqqqqqqqqqqq\"", AX_ENOTFOUND, "qqq", "", "gelu"},
    {"\"\"", AX_ENOTFOUND, "''", "", "gelu"},
    {"7", AX_ETYPE, "name or an object", "", "\"relu\""},
    {"null", AX_ETYPE, "name or an object", "", "\"relu\""},
    {"[\"relu\"]", AX_ETYPE, "name or an object", "", "\"relu\""},
    {"{}", AX_EINVAL, "\"name\"", "", "elu"},
    {"{\"alpha\":1}", AX_EINVAL, "\"name\"", "", "elu"},
    {"{\"name\":1}", AX_ETYPE, "\"name\"", "", "elu"},
    {"{\"name\":\"elo\"}", AX_ENOTFOUND, "'elo'", "name", "'elu'"},
    {"{\"name\":\"elu\",\"alhpa\":1}", AX_EINVAL, "no parameter 'alhpa'", "", "alpha"},
    {"{\"name\":\"elu\",\"x\":1}", AX_EINVAL, "no parameter 'x'", "", "'elu' has: alpha"},
    {"{\"name\":\"hard_sigmoid\",\"x\":1}", AX_EINVAL, "'x'", "", "has: alpha, beta"},
    {"{\"name\":\"relu\",\"alpha\":1}", AX_EINVAL, "'alpha'", "", "no parameters"},
    {"{\"name\":\"elu\",\"alpha\":\"1\"}", AX_ETYPE, "must be a number", "alpha", ""},
    {"{\"name\":\"elu\",\"alpha\":null}", AX_ETYPE, "must be a number", "alpha", ""},
    {"{\"name\":\"elu\",\"alpha\":-1}", AX_ERANGE, "alpha is -1, expected 0 to 1000", "alpha", ""},
    {"{\"name\":\"celu\",\"alpha\":0}", AX_ERANGE, "alpha is 0", "alpha", ""},
    {"{\"name\":\"elu\",\"alpha\":1e999}", AX_ERANGE, "alpha is Infinity", "alpha", ""},
    {"{\"name\":\"elu\",\"name\":\"relu\"}", AX_EINVAL, "'name'", "", ""},
    {"{\"name\":\"maxout\",\"pieces\":1}", AX_ERANGE, "pieces is 1, expected 2", "pieces", ""},
    {"{\"name\":\"maxout\",\"pieces\":2.5}", AX_ERANGE, "expected a whole number", "pieces", ""},
    {"{\"name\":\"maxout\",\"pieces\":true}", AX_ETYPE, "must be a number", "pieces", ""},
    {"{\"name\":\"glu\",\"gate_first\":2}", AX_ERANGE, "gate_first is 2", "gate_first", ""},
    {"{\"name\":\"glu\",\"gate_first\":0.5}", AX_ERANGE, "a whole number", "gate_first", ""},
    {"{\"name\":\"softmax\",\"temperature\":false}", AX_ETYPE, "must be a number",
     "temperature", ""},
    {"{\"name\":\"softmax\",\"temperature\":0}", AX_ERANGE, "temperature is 0", "temperature",
     ""},
    {"{\"name\":\"hardmax\",\"temperature\":1}", AX_EINVAL, "'temperature'", "",
     "no parameters"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        ax_err err = {0};
        ax_act a = {.row = NULL, .param = {42}};
        cJSON *j = cJSON_Parse(errors[i].json);
        assert_non_null(j);
        assert_int_equal(ax_act_from_json(j, NULL, &a, &err), -1);
        assert_int_equal(ax_act_from_json(j, NULL, &a, NULL), -1);
        cJSON_Delete(j);
        if (err.code != errors[i].code || !strstr(err.msg, errors[i].msg) ||
            strcmp(err.at, errors[i].at) != 0 || !strstr(err.hint, errors[i].hint))
            fail_msg("%s: %s | %s | %s | %s", errors[i].json, ax_code_name(err.code), err.msg,
                     err.at, err.hint);
        assert_true(a.row == NULL && a.param[0] == 42); /* untouched */
    }
    char longer[5000];
    memset(longer, 'r', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    ax_err err;
    ax_act a;
    assert_int_equal(ax_act_by_name(longer, &a, &err), -1);
    assert_int_equal(err.code, AX_ENOTFOUND);
    assert_int_equal(ax_act_from_json(NULL, NULL, &a, &err), -1);
    assert_int_equal(ax_act_by_name("elu", &a, &err), 0);
    assert_int_equal(ax_act_set(&a, longer, 1, &err), -1);
    assert_int_equal(ax_act_set(&a, "alpha", NAN, &err), -1);
    assert_int_equal(err.code, AX_ERANGE);
    assert_true(a.param[0] == 1);
}

static const struct {
    const char *in, *out;
} trips[] = {
    {"\"relu\"", "\"relu\""},
    {"\"swish\"", "\"swish\""},
    {"\"swish_1\"", "\"silu\""},
    {"{\"name\":\"swish\",\"beta\":1.5}", "{\"name\":\"swish\",\"beta\":1.5}"},
    {"{\"name\":\"relu\"}", "\"relu\""},
    {"{\"alpha\":0.5,\"name\":\"elu\"}", "{\"name\":\"elu\",\"alpha\":0.5}"},
    {"{\"name\":\"elu\",\"alpha\":1}", "\"elu\""},
    {"{\"name\":\"hard_sigmoid\",\"alpha\":0.2}",
     "{\"name\":\"hard_sigmoid\",\"alpha\":0.2,\"beta\":0.5}"},
    {"{\"name\":\"prelu\",\"alpha\":-0.125}", "{\"name\":\"prelu\",\"alpha\":-0.125}"},
    {"\"log_softmax\"", "\"log_softmax\""},
    {"\"softmax2d\"", "\"softmax\""},
    {"{\"name\":\"glu\",\"gate_first\":true}", "{\"name\":\"glu\",\"gate_first\":1}"},
    {"{\"name\":\"glu\",\"gate_first\":false}", "\"glu\""},
    {"{\"name\":\"gumbel_softmax\",\"hard\":1}",
     "{\"name\":\"gumbel_softmax\",\"temperature\":1,\"hard\":1}"},
};

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trips / sizeof *trips; i++) {
        ax_act a, b;
        cJSON *in = cJSON_Parse(trips[i].in), *out;
        assert_int_equal(ax_act_from_json(in, NULL, &a, NULL), 0);
        assert_non_null(out = ax_act_to_json(&a));
        char *text = cJSON_PrintUnformatted(out);
        assert_string_equal(text, trips[i].out);
        assert_int_equal(ax_act_from_json(out, NULL, &b, NULL), 0);
        assert_ptr_equal(a.row, b.row);
        assert_memory_equal(a.param, b.param, sizeof a.param);
        cJSON_free(text);
        cJSON_Delete(in);
        cJSON_Delete(out);
    }
}

/* 1/sqrt(E f^2), analytic where known, else computed with 50 digits */
static const struct {
    const char *json;
    double gain;
} gains[] = {
    {"\"identity\"", 1},
    {"\"relu\"", 1.414213562373095},
    {"\"leaky_relu\"", 1.4141428569978354},
    {"{\"name\":\"leaky_relu\",\"alpha\":0.2}", 1.3867504905630728},
    {"\"elu\"", 1.245198},
    {"\"selu\"", 1},
    {"\"gelu\"", 1.533530},
    {"\"gelu_tanh\"", 1.533581},
    {"\"silu\"", 1.676532},
    {"\"mish\"", 1.486848},
    {"\"hard_swish\"", 1.736657},
    {"\"softplus\"", 1.041867},
    {"\"squareplus\"", 0.816497},
    {"\"squared_relu\"", 0.816497},
    {"\"isrlu\"", 1.219730},
    {"\"bent_identity\"", 0.965504},
    {"\"abs\"", 1},
    {"\"sigmoid\"", 1.846229},
    {"\"hard_sigmoid\"", 1.897840},
    {"{\"name\":\"hard_sigmoid\",\"alpha\":0.2}", 1.859834},
    {"\"tanh\"", 1.592537},
    {"\"softsign\"", 2.337533},
    {"\"lecun_tanh\"", 1.154369},
    {"\"arctan\"", 1.491208},
    {"\"isru\"", 1.704192},
    {"\"hard_tanh\"", 1.3920361},
    {"\"gaussian\"", 1.495349},
    {"\"erf\"", 1.4671670},
    {"\"probit\"", 1.7320508075688772},
    {"\"step\"", 1.4142135623730951},
    {"\"soft_shrink\"", 1.544361},
    {"\"tanh_shrink\"", 2.338368},
    {"{\"name\":\"swish\",\"beta\":3}", 1.455314772},
    {"\"e_swish\"", 1.117688314},
    {"\"quick_gelu\"", 1.539458762},
    {"\"hard_mish\"", 1.331207239},
    {"\"telu\"", 1.374781576},
    {"\"serf\"", 1.412205251},
    {"\"smish\"", 2.512954231},
    {"\"logish\"", 2.26767219},
    {"\"phish\"", 1.664233375},
    {"\"lisht\"", 1.14867442},
    {"\"elish\"", 1.707302005},
    {"\"hard_elish\"", 1.447380275},
    {"{\"name\":\"acon_c\",\"p1\":1.2,\"p2\":-0.8,\"beta\":1.5}", 1.037718181},
    {"\"pau\"", 1.414004074},
    {"\"sin\"", 1.520866623},
    {"\"cos\"", 1.3272506},
    {"\"sinc\"", 1.144105109},
    {"\"sinlu\"", 1.054392283},
    {"\"snake\"", 0.8745809829},
    {"\"gcu\"", 1.834948644},
    {"\"softmax\"", 1},
};

static void test_gains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++) {
        ax_act a;
        cJSON *j = cJSON_Parse(gains[i].json);
        assert_int_equal(ax_act_from_json(j, NULL, &a, NULL), 0);
        cJSON_Delete(j);
        double g = ax_act_gain(&a);
        if (!(fabs(g - gains[i].gain) < 7e-7))
            fail_msg("gain of %s is %.9f, expected %.9f", gains[i].json, g, gains[i].gain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_gains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
