/* The number reader and writer against strtof, over edges, tables and millions of random floats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/number.h"

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* Read text twice: at the very end of its memory, and with room for the fast path behind it. */
static const char *read_both(const char *text, float *out)
{
    static char room[4096];
    size_t n = strlen(text);
    float slow;
    char *tight = malloc(n ? n : 1);
    memcpy(tight, text, n);
    const char *a = number_read(tight, tight + n, &slow);
    memset(room, ',', sizeof room);
    memcpy(room, text, n);
    const char *b = number_read(room, room + sizeof room, out);
    ptrdiff_t used = a ? a - tight : -1;
    free(tight);
    assert_int_equal(used, b ? b - room : -1);
    assert_int_equal(bits_of(slow), bits_of(*out));
    return b ? text + (b - room) : NULL;
}

static void check(const char *text)
{
    float got, want = strtof(text, NULL);
    const char *end = read_both(text, &got);
    if (isinf(want)) {
        assert_null(end);
        assert_true(isinf(got));
        return;
    }
    if (!end || bits_of(got) != bits_of(want))
        fail_msg("%s: got %.9g, strtof says %.9g", text, (double)got, (double)want);
    assert_int_equal(end - text, strlen(text));
}

static void reads_edges(void **s)
{
    (void)s;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0e5",
        "0e999999999999",
        "1",
        "-1",
        "12",
        "255",
        "123456789",
        "1234567890",
        "12345678901234567890",
        "0.1",
        "0.12345678",
        "0.123456789",
        "0.1234567890123456",
        "0.12345678901234567",
        "0.0039215686274509803",
        "0.00000000000000000000000000001",
        "1e5",
        "1E5",
        "1e+5",
        "1e-5",
        "1.5e3",
        "3.4028234663852886e38",
        "3.4028235e38",
        "3.4028236e38",
        "3.40282356779733661637539395458142568447e38",
        "3.40282356779733661637539395458142568448e38",
        "1e39",
        "1e400",
        "-1e400",
        "1e99999999999999999999",
        "1e-400",
        "1e-99999999999999999999",
        "1.17549435e-38",
        "1.1754942e-38",
        "1.401298464324817e-45",
        "1.4e-45",
        "7.0064923216240853e-46",
        "7.0064923216240854e-46",
        "0.7e-45",
        "16777217",
        "16777216.9999999",
        "16777217.0000000001",
        "8388608.5",
        "8388609.5",
        "1.00000005960464477539062500",
        "1.00000005960464477539062501",
        "1.00000005960464477539062499999999999999999999999",
        "9007199791611905",
        "0.30000001192092896",
        "100000000000000000000000000000000000000",
        "340282346638528859811704183484516925440",
        "340282356779733661637539395458142568447",
        "340282356779733661637539395458142568448",
        "0.000000000000000000000000000000000000000000000000000000000000000000000001",
        "1234567890123456789.0123456789e-10",
        "99999999999999999999e19",
        "5e-324",
        "123e4",
        "0.5e-0",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i]);
}

/* Numbers of thousands of digits: the text is longer than any buffer. */
static void reads_long(void **s)
{
    (void)s;
    char text[4000];
    for (size_t digits = 1; digits < 3000; digits += digits < 60 ? 1 : 331) {
        char *p = text;
        p += sprintf(p, "0.");
        for (size_t i = 0; i < digits; i++)
            *p++ = (char)('0' + next() % 10);
        *p = 0;
        check(text);
        memset(text + 2, '0', digits); /* leading zeros, then a digit and an exponent */
        sprintf(text + 2 + digits, "17e%zu", digits);
        check(text);
    }
    memset(text, '9', 3000);
    strcpy(text + 3000, "e-2990");
    check(text);
}

static void refuses(void **s)
{
    (void)s;
    static const char *const texts[] = {
        "",          "-",   "+1",  ".5",  "-.5",  "1.",   "1.e5",  "01",  "-01",
        "00",        "1e",  "1e+", "1e-", "1.5e", "e5",   "NaN",   "nan", "Infinity",
        "-Infinity", "inf", "x",   " 1",  "--1",  "true", "\"1\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        float got = 1;
        const char *end = read_both(texts[i], &got);
        if (end)
            fail_msg("'%s' was read as %g", texts[i], (double)got);
        assert_true(isnan(got));
    }
    static const struct {
        const char *text;
        int used;
    } prefixes[] = {
        {"0x10", 1}, {"1.5.5", 3}, {"12abc", 2}, {"1-2", 1}, {"1e5e5", 3}, {"-0-", 2},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        float got;
        const char *end = read_both(prefixes[i].text, &got);
        assert_non_null(end);
        assert_int_equal(end - prefixes[i].text, prefixes[i].used);
    }
}

static void reads_random_texts(void **s)
{
    (void)s;
    char text[128];
    for (int i = 0; i < 400000; i++) {
        uint64_t r = next();
        char *p = text;
        if (r & 1)
            *p++ = '-';
        int whole = (int)(r >> 1 & 15), fraction = (int)(r >> 5 & 31), n = 0;
        if (whole < 4)
            *p++ = '0';
        else
            for (*p++ = (char)('1' + next() % 9); n < whole - 4; n++)
                *p++ = (char)('0' + next() % 10);
        if (fraction) {
            *p++ = '.';
            for (n = 0; n < fraction; n++)
                *p++ = (char)(r >> 40 & 1 && n < 8 ? '0' : '0' + next() % 10);
        }
        *p = 0;
        if (r >> 20 & 1)
            sprintf(p, "%c%d", r >> 21 & 1 ? 'e' : 'E', (int)(next() % 110) - 60);
        check(text);
    }
}

/* Texts at, just above and just below the middle between two floats, where rounding is decided. */
static void reads_midpoints(void **s)
{
    (void)s;
    char text[400];
    for (int i = 0; i < 100000; i++) {
        uint32_t u = (uint32_t)next() & 0x7fffffff;
        if (u >= 0x7f7fffff)
            continue;
        double mid = ((double)float_of(u) + (double)float_of(u + 1)) / 2;
        int n = sprintf(text, "%.*e", 17 + (int)(next() % 100), mid);
        check(text);
        char *e = strchr(text, 'e');
        if (e[-1] < '9')
            e[-1]++;
        else
            e[-1]--;
        check(text);
        assert_true(n < (int)sizeof text);
    }
}

static void round_trip(uint32_t u)
{
    char text[NUMBER_MAX + 1];
    float back;
    size_t n = number_write(text, float_of(u));
    assert_in_range(n, 1, 17);
    text[n] = 0;
    const char *end = read_both(text, &back);
    if (!end || *end || bits_of(back) != u)
        fail_msg("%08x was written as %s", u, text);
}

static void writes_and_reads_back(void **s)
{
    (void)s;
    static const uint32_t edges[] = {0,          0x80000000, 1,          2,          0x7fffff,
                                     0x800000,   0x800001,   0x7f7fffff, 0xff7fffff, 0x3f800000,
                                     0x3f7fffff, 0x4b000000, 0x4b7fffff, 0x4b800000, 0x4b800001};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        round_trip(edges[i]);
    for (uint32_t e = 0; e < 255; e++) /* around every power of two, where the gap changes */
        for (uint32_t d = 0; d < 8; d++)
            round_trip((e << 23) + d),
                round_trip(((e + 1) << 23) - 1 - d > 0x7f7fffff ? 0x7f7fffff
                                                                : ((e + 1) << 23) - 1 - d);
    for (int i = 0; i < 2000000; i++) {
        uint32_t u = (uint32_t)next();
        if ((u & 0x7f800000) != 0x7f800000)
            round_trip(u);
    }
}

static int significant(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (!n && *text == '0'))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

/* No decimal with fewer digits reads back as the same float. */
static void writes_the_shortest(void **s)
{
    (void)s;
    char text[NUMBER_MAX + 1], other[40];
    for (int i = 0; i < 200000; i++) {
        uint32_t u = (uint32_t)next() & 0x7fffffff;
        if (i & 1)
            u = bits_of((float)(next() % 100000) / 1000.0f);
        if (u >= 0x7f800000 || !u)
            continue;
        text[number_write(text, float_of(u))] = 0;
        int n = significant(text);
        if (n < 2)
            continue;
        snprintf(other, sizeof other, "%.*e", n - 2, (double)float_of(u));
        if (bits_of(strtof(other, NULL)) == u)
            fail_msg("%s: %s is shorter", text, other);
    }
}

static void writes_texts(void **s)
{
    (void)s;
    static const struct {
        float v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0f, "-0"},
        {1, "1"},
        {-2.5f, "-2.5"},
        {0.1f, "0.1"},
        {0.001f, "0.001"},
        {0.0001f, "0.0001"},
        {0.00001f, "1e-5"},
        {100, "100"},
        {1e15f, "1000000000000000"},
        {1e16f, "1e16"},
        {123456.7f, "123456.7"},
        {3.4028235e38f, "3.4028235e38"},
        {1e-45f, "1e-45"},
        {0.99872f, "0.99872"},
        {16777216, "16777216"},
        {33554432, "33554432"},
        {1.5e-10f, "1.5e-10"},
        {1234567.8f, "1234567.8"},
        {0.3f, "0.3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_MAX + 1];
        text[number_write(text, cases[i].v)] = 0;
        assert_string_equal(text, cases[i].text);
    }
}

static void reads_integers(void **s)
{
    (void)s;
    static const struct {
        const char *text;
        int64_t v;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-7", -7},
        {"1e3", 1000},
        {"2.0", 2},
        {"1200e-2", 12},
        {"0.0e9", 0},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"1.5e1", 15},
    };
    static const char *const bad[] = {"",     "x",     "1.5", "1e-1", "9223372036854775808",
                                      "1e19", "1e400", "01",  "1.",   "-9223372036854775809",
                                      "0.1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t v = 99;
        const char *t = good[i].text, *end = number_read_i64(t, t + strlen(t), &v);
        if (!end || *end || v != good[i].v)
            fail_msg("%s: %lld", t, (long long)v);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t v;
        if (number_read_i64(bad[i], bad[i] + strlen(bad[i]), &v))
            fail_msg("'%s' was read as %lld", bad[i], (long long)v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_edges),
        cmocka_unit_test(reads_long),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_random_texts),
        cmocka_unit_test(reads_midpoints),
        cmocka_unit_test(writes_and_reads_back),
        cmocka_unit_test(writes_the_shortest),
        cmocka_unit_test(writes_texts),
        cmocka_unit_test(reads_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
