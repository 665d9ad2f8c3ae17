/* base_json.c - what is JSON, what is not, where it says so, and the typed fields. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/rng.h"

/* The text without a terminating 0, in memory of exactly its size, so that a read too far shows. */
static int check(const char *text, size_t len, ax_err *err)
{
    char *exact = malloc(len ? len : 1);
    memcpy(exact, text, len);
    cJSON *tree = ax_json_parse(exact, len, err);
    int status = ax_json_check(exact, len, NULL);
    assert_int_equal(tree != NULL, status == 0);
    cJSON_Delete(tree);
    free(exact);
    return status;
}

static void test_accepts(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "0", "-0", "1", "-12", "1.5", "1e5", "1E+5", "1e-5", "0.0", "-0.0e-0", "1e308", "1e-400",
        "1.7976931348623157e308", "0.00000000017976931348623157e318", "0e99999", "-1.5e+300",
        "0.0000000000000000000000000000000000001e99",
        "123456789012345678901234567890123456789012345678901234567890123",
        "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\\u00e9\\u20aC\\uFFFF\"",
        "\"\\ud83d\\ude00\"", "\"\\uDBFF\\uDFFF\"", "\"\x7f\"", "\"\xc3\xa9\"", "\"\xe2\x82\xac\"",
        "\"\xf0\x9f\x98\x80\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"",
        "true", "false", "null", "[]", "{}", "[ ]", "{ }", " \t\r\n[1 , 2]\n", "[[],{},\"\"]",
        "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"\":0}", "{\"a\":{\"a\":{\"a\":1}}}",
        "[{\"a\":1},{\"a\":2}]", "{\"a\":1,\"A\":2}", "{\"a\":{\"b\":1},\"b\":{\"a\":2}}",
        "{ \"k\" : [ 1 , true , null , \"x\" ] }",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        if (check(cases[i], strlen(cases[i]), &err))
            fail_msg("%s: %s", cases[i], err.msg);
    }
}

#define T(text) text, sizeof text - 1

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        int line, column;
        const char *word;
        ax_code code; /* 0: AX_EPARSE */
    } cases[] = {
        {T(""), 0, 0, "empty", 0},
        {T(" "), 1, 2, "expected a value, but the text ends", 0},
        {T("tru"), 1, 1, "expected a value, not 't'", 0},
        {T("True"), 1, 1, "not 'T'", 0},
        {T("truex"), 1, 5, "nothing behind", 0},
        {T("NaN"), 1, 1, "not 'N'", 0},
        {T("Infinity"), 1, 1, "not 'I'", 0},
        {T("-Infinity"), 1, 2, "a digit, not 'I'", 0},
        {T("\xef\xbb\xbf{}"), 1, 1, "0xef", 0},
        {T("1 2"), 1, 3, "nothing behind", 0},
        {T("1\0"), 1, 2, "0x00", 0},
        {T("\0"), 1, 1, "0x00", 0},
        {T("01"), 1, 1, "superfluous 0", 0},
        {T("-01"), 1, 2, "superfluous 0", 0},
        {T("00"), 1, 1, "superfluous 0", 0},
        {T("+1"), 1, 1, "not '+'", 0},
        {T("-"), 1, 2, "a digit, but the text ends", 0},
        {T("1."), 1, 3, "decimal point", 0},
        {T(".5"), 1, 1, "not '.'", 0},
        {T("1.e5"), 1, 3, "decimal point", 0},
        {T("1e"), 1, 3, "exponent", 0},
        {T("1e+"), 1, 4, "exponent", 0},
        {T("1e5.0"), 1, 4, "nothing behind", 0},
        {T("0x10"), 1, 2, "nothing behind", 0},
        {T("1_000"), 1, 2, "nothing behind", 0},
        {T("1e309"), 1, 1, "too large", AX_ERANGE},
        {T("[-1e999999999999999999999999]"), 1, 2, "too large", AX_ERANGE},
        {T("1.7976931348623159e308"), 1, 1, "too large", AX_ERANGE},
        {T("17976931348623159.0e292"), 1, 1, "too large", AX_ERANGE},
        {T("1234567890123456789012345678901234567890123456789012345678901234"), 1, 1, "64 char",
         AX_ELIMIT},
        {T("["), 1, 2, "expected a value, but the text ends", 0},
        {T("[1"), 1, 3, "',' or ']'", 0},
        {T("[1,]"), 1, 4, "expected a value, not ']'", 0},
        {T("[,1]"), 1, 2, "not ','", 0},
        {T("[1 2]"), 1, 4, "',' or ']'", 0},
        {T("[1}"), 1, 3, "not '}'", 0},
        {T("]"), 1, 1, "not ']'", 0},
        {T("{"), 1, 2, "a key in double quotes", 0},
        {T("{1:2}"), 1, 2, "a key in double quotes, not '1'", 0},
        {T("{a:1}"), 1, 2, "not 'a'", 0},
        {T("{'a':1}"), 1, 2, "a key in double quotes", 0},
        {T("{\"a\"}"), 1, 5, "':'", 0},
        {T("{\"a\" 1}"), 1, 6, "':'", 0},
        {T("{\"a\":}"), 1, 6, "expected a value, not '}'", 0},
        {T("{\"a\":1,}"), 1, 8, "a key", 0},
        {T("{\"a\":1 \"b\":2}"), 1, 8, "',' or '}'", 0},
        {T("// x\n1"), 1, 1, "not '/'", 0},
        {T("\"a"), 1, 1, "no end", 0},
        {T("[\"a\\\""), 1, 2, "no end", 0},
        {T("\"\\"), 1, 2, "escape", 0},
        {T("\"\\x41\""), 1, 2, "escape", 0},
        {T("\"\\\0\""), 1, 2, "escape", 0},
        {T("\"\\u12"), 1, 2, "escape", 0},
        {T("\"\\u12g4\""), 1, 2, "escape", 0},
        {T("\"\\u0000\""), 1, 2, "u0000", 0},
        {T("\"\\ud800\""), 1, 2, "surrogate", 0},
        {T("\"\\ud800x\""), 1, 2, "surrogate", 0},
        {T("\"\\ud800\\n\""), 1, 2, "surrogate", 0},
        {T("\"\\ud800\\ud800\""), 1, 2, "surrogate", 0},
        {T("\"\\ud800\\u0041\""), 1, 2, "surrogate", 0},
        {T("\"\\ud800\\uzzzz\""), 1, 2, "escape", 0},
        {T("\"\\udc00\\ud800\""), 1, 2, "surrogate", 0},
        {T("\"a\tb\""), 1, 3, "control", 0},
        {T("\"a\nb\""), 1, 3, "control", 0},
        {T("\"a\0b\""), 1, 3, "control", 0},
        {T("\"\x80\""), 1, 2, "UTF-8", 0},
        {T("\"\xc0\x80\""), 1, 2, "UTF-8", 0},
        {T("\"\xc1\xbf\""), 1, 2, "UTF-8", 0},
        {T("\"\xc3\""), 1, 2, "UTF-8", 0},
        {T("\"\xc3"), 1, 2, "UTF-8", 0},
        {T("\"\xe0\x9f\xbf\""), 1, 2, "UTF-8", 0},
        {T("\"\xed\xa0\x80\""), 1, 2, "UTF-8", 0},
        {T("\"\xf0\x8f\xbf\xbf\""), 1, 2, "UTF-8", 0},
        {T("\"\xf4\x90\x80\x80\""), 1, 2, "UTF-8", 0},
        {T("\"\xf8\x88\x80\x80\x80\""), 1, 2, "UTF-8", 0},
        {T("{\"a\":1,\"a\":1}"), 1, 8, "\"a\" is there twice", 0},
        {T("{\"a\":1,\n \"\\u0061\":1}"), 2, 2, "twice", 0},
        {T("{\"\":1,\"\":1}"), 1, 7, "twice", 0},
        {T("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":1}"), 1, 8, "twice", 0},
        {T("{\"z\":{\"b\":0},\"b\":{\"a\":1,\"x\":[],\"a\":2}}"), 1, 32, "twice", 0},
        {T("{\"b\":1,\"a\":1,\"b\":2,\"a\":2}"), 1, 14, "\"b\"", 0},
        {T("{\n  \"\xc3\xa9\xc3\xa9\": [1,\n 2,, 3]}"), 3, 4, "not ','", 0},
        {T("{\"\xc3\xa9\xc3\xa9\": x}"), 1, 8, "not 'x'", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        char place[64] = "";
        if (cases[i].line)
            snprintf(place, sizeof place, "line %d, column %d:", cases[i].line, cases[i].column);
        if (!check(cases[i].text, cases[i].len, &err))
            fail_msg("case %zu is not refused: %s", i, cases[i].text);
        if (!strstr(err.msg, place) || !strstr(err.msg, cases[i].word))
            fail_msg("%s: wanted %s ...%s, got %s", cases[i].text, place, cases[i].word, err.msg);
        assert_int_equal(err.code, cases[i].code ? cases[i].code : AX_EPARSE);
        assert_string_equal(err.at, "");
    }
}

/* a part of a text is judged alone, and faults are where they are in the whole */
static void test_part(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t from, len;
        const char *place; /* NULL: good */
    } cases[] = {
        {"{\"a\":[1,2],\"b\":3}", 5, 5, NULL},
        {"xxx{}}", 3, 2, NULL},
        {"{\"a\":[1,x]}", 5, 5, "line 1, column 9: "},
        {"{\n\"\xc3\xa9\":\n[1,,2]}", 8, 6, "line 3, column 4: "},
        {"[1] ", 0, 2, "line 1, column 3: expected ',' or ']', but the text ends here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        cJSON *tree = ax_json_parse_part(cases[i].text, cases[i].from, cases[i].len, &err);
        if (!tree != !!cases[i].place || (!tree && !strstr(err.msg, cases[i].place)))
            fail_msg("%s: %s", cases[i].text, err.msg);
        cJSON_Delete(tree);
    }
}

static void test_depth(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        int depth, fits;
    } cases[] = {
        {"[", "]", AX_JSON_DEPTH, 1},           {"[", "]", AX_JSON_DEPTH + 1, 0},
        {"{\"a\":", "}", AX_JSON_DEPTH, 1},     {"{\"a\":", "}", AX_JSON_DEPTH + 1, 0},
        {"[", "", 1000000, 0},                  {"{\"a\":", "", 1000000, 0},
    };
    char *text = malloc(8000000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        for (int d = 0; d < cases[i].depth; d++)
            n += (size_t)sprintf(text + n, "%s", cases[i].open);
        text[n++] = '1';
        for (int d = 0; d < cases[i].depth && *cases[i].close; d++)
            text[n++] = *cases[i].close;
        ax_err err = {0};
        assert_int_equal(check(text, n, &err), cases[i].fits - 1);
        assert_int_equal(err.code, cases[i].fits ? AX_OK : AX_ELIMIT);
    }
    free(text);
    /* Depth is what is open, not how many there were. */
    char wide[4 * 1000 + 2] = "[";
    for (int i = 0; i < 1000; i++)
        memcpy(wide + 1 + 3 * i, "[],", 3);
    wide[3000] = ']';
    assert_int_equal(check(wide, 3001, NULL), 0);
}

/* Hostile objects: many keys, with one hash or another, found unique or not without n^2 time. */
static void test_many_keys(void **state)
{
    (void)state;
    enum { N = 1000000 };
    char *text = malloc(N * 24ul);
    for (int twice = 0; twice < 2; twice++)
        for (int order = 0; order < 2; order++) {
            size_t n = 0;
            text[n++] = '{';
            for (int i = 0; i < N; i++) {
                int key = order ? N - 1 - i : i;
                if (twice && i == N - 1)
                    key = N / 2;
                n += (size_t)sprintf(text + n, "%s\"%s%d\":1", i ? "," : "",
                                     i % 7 ? "k" : "\\u006b", key);
            }
            text[n++] = '}';
            ax_err err = {0};
            clock_t start = clock();
            assert_int_equal(ax_json_check(text, n, &err), -twice);
            assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
            if (twice)
                assert_non_null(strstr(err.msg, "500000"));
        }
    free(text);
}

/* Equal hashes by the thousand: equal keys are the cheapest ones. The first repetition is named. */
static void test_one_hash(void **state)
{
    (void)state;
    enum { N = 200000 };
    char *text = malloc(N * 12ul + 16);
    size_t n = 0;
    text[n++] = '{';
    for (int i = 0; i < N; i++)
        n += (size_t)sprintf(text + n, "%s\"same\":1", i ? "," : "");
    text[n++] = '}';
    ax_err err = {0};
    assert_int_equal(ax_json_check(text, n, &err), -1);
    assert_non_null(strstr(err.msg, "line 1, column 11:"));
    free(text);
}

static int64_t random_text(ax_rng r, uint64_t *i, char *to, int depth)
{
    static const char *const atoms[] = {"1", "-0.5e3", "\"x\\ud83d\\ude00\"", "true", "null",
                                        "[]", "{}", "\"\xc3\xa9\"", "1e-320", "\"\\/\""};
    uint64_t kind = ax_rng_below(r, (*i)++, depth > 6 ? 2 : 4), count;
    int64_t n = 0;
    if (kind < 2)
        return sprintf(to, "%s", atoms[ax_rng_below(r, (*i)++, 10)]);
    count = ax_rng_below(r, (*i)++, 4);
    to[n++] = kind == 2 ? '[' : '{';
    for (uint64_t k = 0; k < count; k++) {
        n += sprintf(to + n, "%s", k ? " ,\n" : "");
        if (kind == 3)
            n += sprintf(to + n, "\"k%llu\": ", (unsigned long long)k);
        n += random_text(r, i, to + n, depth + 1);
    }
    to[n++] = kind == 2 ? ']' : '}';
    to[n] = 0;
    return n;
}

/* What we accept, cJSON builds (check() asserts it), also when bytes are changed at random; and
 * every prefix of an array or object is refused. */
static void test_random(void **state)
{
    (void)state;
    static char text[1 << 20];
    uint64_t i = 0;
    ax_rng r = {11, 12};
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)random_text(r, &i, text, 0);
        assert_int_equal(check(text, n, NULL), 0);
        if (n > 2000)
            continue;
        if (*text == '[' || *text == '{')
            assert_int_equal(check(text, ax_rng_below(r, i++, n), NULL), -1);
        static const char bytes[] = "{}[]\",:\\0eE.-+ u\x80\xc3\x01tn1";
        for (int k = 0; k < 20; k++) {
            size_t at = ax_rng_below(r, i++, n);
            char old = text[at];
            text[at] = bytes[ax_rng_below(r, i++, sizeof bytes)];
            check(text, n, NULL);
            text[at] = old;
        }
    }
}

static void test_fields(void **state)
{
    (void)state;
    static const char text[] = "{\"i\":3,\"big\":9007199254740993,\"max\":9007199254740991,"
                               "\"neg\":-4,\"huge\":1e300,\"half\":1.5,\"s\":\"hi\",\"t\":true,"
                               "\"f\":false,\"n\":null,\"a\":[1],\"o\":{},\"thousand\":1e3}";
    ax_err err;
    cJSON *o = ax_json_parse(text, sizeof text - 1, &err);
    assert_non_null(o);
    static const struct {
        const char *key;
        int64_t lo, hi;
        ax_code code;
        int64_t want;
    } ints[] = {
        {"i", 0, 10, AX_OK, 3},
        {"i", 3, 3, AX_OK, 3},
        {"i", 4, 10, AX_ERANGE, 0},
        {"i", -1, 2, AX_ERANGE, 0},
        {"neg", INT64_MIN, INT64_MAX, AX_OK, -4},
        {"thousand", 0, 1000, AX_OK, 1000},
        {"max", INT64_MIN, INT64_MAX, AX_OK, 9007199254740991},
        {"big", INT64_MIN, INT64_MAX, AX_ERANGE, 0},
        {"huge", INT64_MIN, INT64_MAX, AX_ERANGE, 0},
        {"half", 0, 10, AX_ETYPE, 0},
        {"s", 0, 10, AX_ETYPE, 0},
        {"t", 0, 10, AX_ETYPE, 0},
        {"n", 0, 10, AX_ETYPE, 0},
        {"a", 0, 10, AX_ETYPE, 0},
        {"absent", 0, 10, AX_OK, 77},
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        int64_t x = -123;
        err = (ax_err){0};
        int status = ax_json_int(o, ints[i].key, 77, ints[i].lo, ints[i].hi, &x, &err);
        assert_int_equal(err.code, ints[i].code);
        assert_int_equal(status, err.code ? -1 : 0);
        assert_true(x == (status ? -123 : ints[i].want));
        if (status) {
            assert_string_equal(err.at, ints[i].key);
            assert_non_null(strstr(err.msg, ints[i].key));
        }
    }
    static const struct {
        const char *key;
        double lo, hi;
        ax_code code;
        double want;
    } nums[] = {
        {"half", 0, 2, AX_OK, 1.5},        {"half", 1.5, 1.5, AX_OK, 1.5},
        {"half", 1.6, 2, AX_ERANGE, 0},    {"half", 0, 1.4, AX_ERANGE, 0},
        {"huge", 0, INFINITY, AX_OK, 1e300}, {"f", 0, 1, AX_ETYPE, 0},
        {"s", 0, 1, AX_ETYPE, 0},          {"absent", 0, 1, AX_OK, 0.25},
    };
    for (size_t i = 0; i < sizeof nums / sizeof *nums; i++) {
        double x = -123;
        err = (ax_err){0};
        int status = ax_json_num(o, nums[i].key, 0.25, nums[i].lo, nums[i].hi, &x, &err);
        assert_int_equal(err.code, nums[i].code);
        assert_true(x == (status ? -123 : nums[i].want));
        assert_string_equal(err.at, status ? nums[i].key : "");
    }
    int b = 9;
    const char *s = "untouched";
    assert_true(!ax_json_bool(o, "t", 0, &b, &err) && b == 1);
    assert_true(!ax_json_bool(o, "f", 1, &b, &err) && b == 0);
    assert_true(!ax_json_bool(o, "absent", 1, &b, &err) && b == 1);
    assert_true(ax_json_bool(o, "i", 0, &b, &err) && b == 1 && err.code == AX_ETYPE);
    assert_true(ax_json_str(o, "i", "d", &s, &err) && !strcmp(s, "untouched"));
    assert_string_equal(err.at, "i");
    assert_true(!ax_json_str(o, "s", "d", &s, &err) && !strcmp(s, "hi"));
    assert_true(!ax_json_str(o, "S", NULL, &s, &err) && !s); /* keys differ in case */
    assert_true(!ax_json_str(NULL, "s", "d", &s, &err) && !strcmp(s, "d"));
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(o, "a");
    assert_int_equal(ax_json_bool(array, "x", 0, &b, &err), -1);
    assert_int_equal(err.code, AX_ETYPE);
    cJSON_Delete(o);
}

static void test_nonfinite_from_elsewhere(void **state)
{
    (void)state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "x", bad[i]);
        int64_t n;
        double x;
        ax_err err;
        assert_int_equal(ax_json_int(o, "x", 0, INT64_MIN, INT64_MAX, &n, &err), -1);
        assert_int_equal(ax_json_num(o, "x", 0, -INFINITY, INFINITY, &x, &err), -1);
        assert_int_equal(err.code, AX_ERANGE);
        cJSON_Delete(o);
    }
}

static void test_known(void **state)
{
    (void)state;
    static const char *const known[] = {"filters", "kernel", "stride"};
    static const struct {
        const char *text, *at, *hint;
        ax_code code;
    } cases[] = {
        {"{}", "", "", AX_OK},
        {"{\"stride\":1,\"filters\":2}", "", "", AX_OK},
        {"{\"stride\":1,\"filtres\":2}", "filtres", "'filters'", AX_EINVAL},
        {"{\"Kernel\":1}", "Kernel", "'kernel'", AX_EINVAL},
        {"{\"entirely\":1}", "entirely", "", AX_EINVAL},
        {"{\"a\\nb\":1}", "a b", "", AX_EINVAL},
        {"[1]", "", "", AX_ETYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *o = ax_json_parse(cases[i].text, strlen(cases[i].text), NULL);
        ax_err err = {0};
        assert_int_equal(ax_json_known(o, known, 3, &err), cases[i].code ? -1 : 0);
        assert_int_equal(err.code, cases[i].code);
        assert_string_equal(err.at, cases[i].at);
        assert_true(*cases[i].hint ? strstr(err.hint, cases[i].hint) != NULL : !*err.hint);
        cJSON_Delete(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),   cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_part),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_one_hash),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_fields),    cmocka_unit_test(test_nonfinite_from_elsewhere),
        cmocka_unit_test(test_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
