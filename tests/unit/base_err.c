/* base_err.c - errors as values: texts that fit, stay clean, and keep their outermost place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_fail(void **state)
{
    (void)state;
    ax_err err;
    memset(&err, 'x', sizeof err);
    assert_int_equal(ax_fail(&err, AX_ESHAPE, "%s has %d", "conv", 3), -1);
    assert_int_equal(err.code, AX_ESHAPE);
    assert_string_equal(err.msg, "conv has 3");
    assert_string_equal(err.at, "");
    assert_string_equal(err.hint, "");
    assert_int_equal(ax_err_hint(&err, "raise --%s", "limit"), -1);
    assert_string_equal(err.hint, "raise --limit");
    assert_int_equal(ax_fail(NULL, AX_ESHAPE, "%d", 1), -1);
    assert_int_equal(ax_err_in(NULL, "x"), -1);
    assert_int_equal(ax_err_hint(NULL, "x"), -1);
    /* An error may be wrapped into itself. */
    ax_fail(&err, AX_EIO, "model '%s': %s", "m", err.msg);
    assert_string_equal(err.msg, "model 'm': conv has 3");
    ax_fail(&err, AX_EIO, "%s", "new"); /* hint and place of the old error are gone */
    assert_string_equal(err.hint, "");
}

static void test_place(void **state)
{
    (void)state;
    static const struct {
        const char *in[4]; /* innermost first */
        const char *want;
    } cases[] = {
        {{"filters"}, "filters"},
        {{"filters", "layers[2]"}, "layers[2].filters"},
        {{"[7]", "inputs"}, "inputs[7]"},
        {{"[7]", "[0]", "inputs"}, "inputs[0][7]"},
        {{"a", "b", "c", "d"}, "d.c.b.a"},
        {{"a", ""}, "a"},
        {{"", "a"}, "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err;
        ax_fail(&err, AX_EINVAL, "x");
        for (int k = 0; k < 4 && cases[i].in[k]; k++)
            ax_err_in(&err, "%s", cases[i].in[k]);
        assert_string_equal(err.at, cases[i].want);
    }
    /* Every length on both sides: the outermost part stays whole as long as it fits. */
    for (int inner = 0; inner < 200; inner++)
        for (int outer = 0; outer < 200; outer++) {
            char many_i[256], many_o[256];
            memset(many_i, 'i', sizeof many_i);
            memset(many_o, 'o', sizeof many_o);
            ax_err err;
            ax_fail(&err, AX_EINVAL, "x");
            ax_err_in(&err, "%.*s", inner, many_i);
            ax_err_in(&err, "%.*s", outer, many_o);
            size_t kept = strspn(err.at, "o"), room = sizeof err.at - 1;
            assert_int_equal(kept, (size_t)outer < room ? (size_t)outer : room);
            size_t whole = (size_t)(outer + inner + (inner && outer));
            assert_int_equal(strlen(err.at), whole < room ? whole : room);
        }
}

static void test_clean(void **state)
{
    (void)state;
    static const struct {
        const char *in, *line, *lines;
    } cases[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a\nb\tc\x1b[31m", "a b c [31m", "a\nb c [31m"},
        {"\x7f|", " |", " |"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
         "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x9b"
         "31m",
         "  31m", "  31m"},
        {"\xff|\xc0\x80|\xed\xa0\x80|", "?|??|???|", "?|??|???|"},
        {"cut \xe2\x82", "cut ", "cut "},
        {"cut \xf0\x9f\x98", "cut ", "cut "},
        {"not cut \xe2x", "not cut ?x", "not cut ?x"},
        {"late \x80", "late ?", "late ?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err;
        ax_fail(&err, AX_EINVAL, "%s", cases[i].in);
        ax_err_in(&err, "%s", cases[i].in);
        ax_err_hint(&err, "%s", cases[i].in);
        assert_string_equal(err.msg, cases[i].line);
        assert_string_equal(err.at, cases[i].line);
        assert_string_equal(err.hint, cases[i].lines);
    }
    /* However the cut falls, no half character is left. */
    for (int shift = 0; shift < 4; shift++) {
        char text[2048];
        memset(text, 'a', sizeof text);
        for (size_t k = (size_t)shift; k + 4 < sizeof text; k += 4)
            memcpy(text + k, "\xf0\x9f\x98\x80", 4);
        text[sizeof text - 1] = 0;
        ax_err err;
        ax_fail(&err, AX_EINVAL, "%s", text);
        ax_err_in(&err, "%s", text);
        size_t lengths[] = {strlen(err.msg), strlen(err.at)};
        const char *texts[] = {err.msg, err.at};
        size_t rooms[] = {sizeof err.msg, sizeof err.at};
        for (int k = 0; k < 2; k++) {
            assert_int_equal((lengths[k] - (size_t)shift) % 4, 0);
            assert_true(lengths[k] + 5 > rooms[k] && lengths[k] < rooms[k]);
            assert_null(strchr(texts[k], '?'));
        }
    }
}

/* Every code point there is, encoded by hand, comes back; its neighbours in length do not. */
static void test_utf8_round_trip(void **state)
{
    (void)state;
    for (int32_t c = 0; c < 0x110800; c++) {
        for (int n = 1; n <= 4; n++) {
            static const int32_t top[] = {0, 0x80, 0x800, 0x10000, 0x200000};
            static const int lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
            char s[4];
            if (c >= top[n])
                continue;
            for (int k = n - 1, rest = c; k >= 0; k--, rest >>= 6)
                s[k] = (char)(k ? 0x80 | (rest & 0x3F) : lead[n] | rest);
            int least = n == 1 ? 0 : top[n - 1], surrogate = c >= 0xD800 && c <= 0xDFFF;
            int valid = c >= least && c < 0x110000 && !surrogate;
            const char *p = s;
            int32_t got = ax_utf8_next(&p, s + n);
            assert_int_equal(got, valid ? c : -1);
            assert_int_equal(p - s, valid ? n : 1);
            p = s;
            if (n > 1)
                assert_int_equal(ax_utf8_next(&p, s + n - 1), -1);
        }
    }
}

static void test_code_names(void **state)
{
    (void)state;
    for (int c = AX_OK; c <= AX_ECANCELED; c++) {
        const char *name = ax_code_name((ax_code)c);
        assert_true(name && *name && strcmp(name, "unknown"));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (int d = AX_OK; d < c; d++)
            assert_string_not_equal(name, ax_code_name((ax_code)d));
    }
    assert_string_equal(ax_code_name((ax_code)99), "unknown");
    assert_string_equal(ax_code_name((ax_code)-1), "unknown");
}

static void test_nearest(void **state)
{
    (void)state;
    static char huge[100001];
    memset(huge, 'r', sizeof huge - 1);
    static const char *const names[] = {"relu", "relu6", "leaky_relu", "sigmoid", "tanh", huge};
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"relu", "relu"},
        {"rellu", "relu"},
        {"ReLU", "relu"},
        {"RELU6", "relu6"},
        {"leakyrelu", "leaky_relu"},
        {"sigmiod", "sigmoid"},
        {"tan", "tanh"},
        {"softmax", NULL},
        {"", NULL},
        {"x", NULL},
        {"re", NULL},
        {huge, NULL},
        {"atnh", "tanh"},
        {"tnah", "tanh"},
        {"sig", "sigmoid"},
        {"SIGMOID_OF_X", "sigmoid"},
        {"rel", "relu"},
        {"relu66", "relu6"},
        {"si", NULL},
        {"erul", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = ax_nearest(cases[i].name, names, 6);
        if (got != cases[i].want && (!got || !cases[i].want || strcmp(got, cases[i].want)))
            fail_msg("%s: %s", cases[i].name, got ? got : "NULL");
    }
    assert_null(ax_nearest("relu", names, 0));
    /* 63 characters are compared, 64 are not. */
    const char *const edge[] = {huge + 100000 - 63, huge + 100000 - 64};
    assert_ptr_equal(ax_nearest(edge[0], edge, 2), edge[0]);
    assert_null(ax_nearest(edge[1], edge, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),       cmocka_unit_test(test_place),
        cmocka_unit_test(test_clean),      cmocka_unit_test(test_utf8_round_trip),
        cmocka_unit_test(test_code_names), cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
