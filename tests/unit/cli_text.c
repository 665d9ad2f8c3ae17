/* cli_text.c - tests of numbers and tables for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"

static void whole_numbers(void **state)
{
    static const struct {
        int64_t n;
        const char *count, *bytes;
    } cases[] = {
        {0, "0", "0 B"},
        {999, "999", "999 B"},
        {1000, "1,000", "1000 B"},
        {1024, "1,024", "1.0 KiB"},
        {1234567, "1,234,567", "1.2 MiB"},
        {1048575, "1,048,575", "1.0 MiB"},
        {-1234, "-1,234", "-1234 B"},
        {INT64_MAX, "9,223,372,036,854,775,807", "8388608.0 TiB"},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(text_count(cases[i].n, text, sizeof text), cases[i].count);
        assert_string_equal(text_bytes(cases[i].n, text, sizeof text), cases[i].bytes);
    }
}

static void times_and_rates(void **state)
{
    static const struct {
        double v;
        const char *seconds, *rate;
    } cases[] = {
        {0, "0 us", "0"},         {0.0000214, "21.4 us", "0"},
        {0.021, "21 ms", "0"},    {1.5, "1.5s", "2"},
        {59.94, "59.9s", "60"},   {59.96, "1m00s", "60"},
        {75, "1m15s", "75"},      {999.4, "16m39s", "999"},
        {3599, "59m59s", "3.6k"}, {3599.6, "1h00m", "3.6k"},
        {7384, "2h03m", "7.4k"},  {99960, "27h46m", "100k"},
        {-1, "?", "0"},           {NAN, "?", "0"},
        {INFINITY, "?", "0"},     {1234567, "342h56m", "1.2M"},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(text_seconds(cases[i].v, text, sizeof text), cases[i].seconds);
        assert_string_equal(text_rate(cases[i].v, text, sizeof text), cases[i].rate);
    }
}

/* What table_print writes; the caller frees. */
static char *printed(const table *t)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(table_print(t, f), 0);
    fclose(f);
    return text;
}

static void columns_align(void **state)
{
    table t;
    (void)state;
    table_init(&t, "lrl");
    const char *cells[] = {"name", "n", "note", "caf\xc3\xa9", "12345", "", "a", "7", "last"};
    for (int i = 0; i < 9; i++)
        table_put(&t, "%s", cells[i]);
    char *text = printed(&t);
    assert_string_equal(text, "name      n  note\n"
                              "caf\xc3\xa9  12345  \n"
                              "a         7  last\n");
    free(text);
    table_fini(&t);
}

static void many_rows(void **state)
{
    table t;
    (void)state;
    table_init(&t, "rl");
    for (int i = 0; i < 5000; i++) {
        table_put(&t, "%d", i);
        table_put(&t, "row %d", i);
    }
    char *text = printed(&t);
    assert_non_null(strstr(text, "   0  row 0\n"));
    assert_non_null(strstr(text, "4999  row 4999\n"));
    free(text);
    table_fini(&t);
}

/* A label must not be able to clear the screen or set the window's title. */
static void control_characters_are_shown(void **state)
{
    table t;
    (void)state;
    table_init(&t, "l");
    table_put(&t, "%s",
              "a\033[2Jb\nc\x7f\xc2\x9b"
              "d");
    char *text = printed(&t);
    assert_string_equal(text, "a?[2Jb?c???d\n");
    free(text);
    table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(times_and_rates),
        cmocka_unit_test(columns_align),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(control_characters_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
