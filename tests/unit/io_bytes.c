/* The check of UTF-8 and the printable form of foreign text. */
#include "io/bytes.h"

#include "io_check.h"

static void utf8(void **state)
{
    static const struct {
        const char *text;
        int valid; /* bytes before the first bad one; -1: all */
    } cases[] = {
        {"", -1},
        {"plain ascii, longer than eight bytes", -1},
        {"\xC3\xA9t\xC3\xA9", -1},
        {"\xE2\x82\xAC", -1},
        {"\xF0\x9F\x98\x80", -1},
        {"\xF4\x8F\xBF\xBF", -1},
        {"\xEF\xBF\xBF", -1},
        {"12345678\xFF", 8},
        {"1234567\xFF", 7},
        {"\xC0\x80", 0},         /* overlong NUL */
        {"\xC1\xBF", 0},         /* overlong */
        {"\xE0\x9F\xBF", 0},     /* overlong */
        {"\xF0\x8F\xBF\xBF", 0}, /* overlong */
        {"\xED\xA0\x80", 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xF5\x80\x80\x80", 0},
        {"a\x80", 1},
        {"a\xC3", 1},
        {"a\xE2\x82", 1},
        {"a\xF0\x9F\x98", 1},
        {"a\xE2\x28\xA1", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        uint8_t *text = exact(cases[i].text, n);
        size_t want = cases[i].valid < 0 ? n : (size_t)cases[i].valid;
        assert_int_equal(ax_utf8_valid((char *)text, n), want);
        free(text);
    }
}

static void printable(void **state)
{
    static const struct {
        const char *text;
        size_t n, size;
        const char *want;
    } cases[] = {
        {"abc", 3, 16, "abc"},
        {"", 0, 16, ""},
        {"fifteen letters", 15, 16, "fifteen letters"},
        {"sixteen  letters", 16, 16, "sixteen  let..."},
        {"a\nb\x1b[2J", 7, 32, "a\\x0ab\\x1b[2J"},
        {"a\0b", 3, 16, "a\\x00b"},
        {"\x7F", 1, 16, "\\x7f"},
        {"\xC2\x9B", 2, 16, "\\xc2\\x9b"},
        {"\xC3\xA9\xFF", 3, 16, "\xC3\xA9\\xff"},
        {"123456789012\xE2\x82\xAC", 15, 16, "123456789012\xE2\x82\xAC"},
        {"123456789012\xE2\x82\xAC.", 16, 16, "123456789012..."},
        {"12345678901\xE2\x82\xAC..", 16, 16, "12345678901..."},
        {"\xFF\xFF\xFF\xFF\xFF", 5, 16, "\\xff\\xff\\xff..."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *text = exact(cases[i].text, cases[i].n);
        char *buf = malloc(cases[i].size);
        assert_string_equal(ax_printable(buf, cases[i].size, (char *)text, cases[i].n),
                            cases[i].want);
        free(buf);
        free(text);
    }
}

static void numbers(void **state)
{
    static const uint8_t b[] = {0x01, 0x82, 0x03, 0x84, 0x05, 0x06, 0x07, 0x88};
    (void)state;
    assert_int_equal(ax_le16(b), 0x8201);
    assert_int_equal(ax_le32(b), 0x84038201u);
    assert_true(ax_le64(b) == 0x8807060584038201u);
    assert_int_equal(ax_be32(b), 0x01820384u);
    assert_int_equal(ax_be32(b + 3), 0x84050607u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8),
        cmocka_unit_test(printable),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
