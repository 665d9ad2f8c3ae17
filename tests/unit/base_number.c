/* Doubles as text: known cases, every bit pattern reads back, nothing shorter would. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/number.h"
#include "base/rng.h"

static const struct {
    double v;
    const char *text;
} known[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {-1, "-1"},
    {0.1, "0.1"},
    {0.2 + 0.1, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {2.0 / 3, "0.6666666666666666"},
    {100, "100"},
    {-1200.5, "-1200.5"},
    {0.0001, "0.0001"},
    {-0.00012, "-0.00012"},
    {0.00001, "1e-5"},
    {1e-7, "1e-7"},
    {1.25e-7, "1.25e-7"},
    {123456789012, "123456789012"},
    {0x1p53, "9007199254740992"},
    {1e15, "1000000000000000"},
    {1e16, "1e16"},
    {1e21, "1e21"},
    {1e23, "1e23"},
    {9.5e22, "9.5e22"},
    {0x1p89, "6.189700196426902e26"},   /* the nearest 16 digits, ...901, do not read back: */
    {0x1p-44, "5.684341886080802e-14"}, /* the gap below is half as wide; nor ...801 here    */
    {1.7976931348623157e308, "1.7976931348623157e308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {2.225073858507201e-308, "2.225073858507201e-308"}, /* the largest subnormal */
    {5e-324, "5e-324"},
    {-1e-323, "-1e-323"},
    {NAN, "NaN"},
    {-NAN, "NaN"},
    {INFINITY, "Infinity"},
    {-INFINITY, "-Infinity"},
};

static void known_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(AX_NUMBER(known[i].v), known[i].text);
}

static int significant(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && !n))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

/* It reads back to the same bits, and correct rounding to one digit less does not. */
static void check(uint64_t bits)
{
    double v, back;
    char text[AX_NUMBER_MAX], less[48];
    memcpy(&v, &bits, 8);
    if (!isfinite(v))
        return;
    memset(text, 'x', sizeof text);
    ax_number_str(v, text);
    back = strtod(text, NULL);
    if (memcmp(&back, &v, 8) || !memchr(text, 0, sizeof text))
        fail_msg("%a is '%.32s', which reads as %a", v, text, back);
    int n = significant(text);
    if (n < 2)
        return;
    snprintf(less, sizeof less, "%.*e", n - 2, v);
    if (strtod(less, NULL) == v)
        fail_msg("%a is '%s', but '%s' would do", v, text, less);
}

static void all_read_back(void **state)
{
    (void)state;
    static const uint64_t fraction = ((uint64_t)1 << 52) - 1, sign = (uint64_t)1 << 63;
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t bits;
        uint32_t word[4];
        ax_rng_block((ax_rng){7, 0}, i, word);
        memcpy(&bits, word, sizeof bits);
        check(bits);
        check(bits & (sign | fraction));                  /* subnormal                     */
        check((bits & (sign | fraction)) >> (bits >> 58)); /* of every size                */
        check(bits & ~fraction);                          /* a power of two: uneven gaps   */
    }
    for (int e = -400; e < 400; e++) {
        char text[16];
        double v;
        uint64_t bits;
        snprintf(text, sizeof text, "1e%d", e);
        v = strtod(text, NULL);
        memcpy(&bits, &v, 8);
        for (int d = -2; d <= 2; d++)
            check(bits + (uint64_t)d);
    }
}

/* A document of cJSON has the same numbers, keeps its structure and is not changed. */
static void json_text(void **state)
{
    (void)state;
    static const char source[] = "{\"a\":[0.10000000149011612,0.93166666666666664,1e-7,-0.0,12,"
                                 "0.30000000000000004,1e300],\"b\":{\"c\":\"0.10\",\"d\":null}}";
    ax_err err;
    cJSON *json = ax_json_parse(source, sizeof source - 1, &err);
    assert_non_null(json);
    for (int i = 0; i < 2; i++) {
        char *text = ax_json_text(json, 0);
        assert_string_equal(text, "{\"a\":[0.10000000149011612,0.9316666666666666,1e-7,-0,12,"
                                  "0.30000000000000004,1e300],\"b\":{\"c\":\"0.10\",\"d\":null}}");
        free(text);
    }
    assert_true(cJSON_IsNumber(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "a"), 0)));
    cJSON_Delete(json);
    json = cJSON_CreateNumber(0.7);
    char *text = ax_json_text(json, 1);
    assert_string_equal(text, "0.7");
    free(text);
    cJSON_Delete(json);
    json = cJSON_CreateNumber(NAN);
    text = ax_json_text(json, 0);
    assert_string_equal(text, "null");
    free(text);
    cJSON_Delete(json);
    assert_null(ax_json_text(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),
        cmocka_unit_test(all_read_back),
        cmocka_unit_test(json_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
