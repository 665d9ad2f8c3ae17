/* utf8.c - decoding with all the refusals; see utf8.h. */
#include "base/utf8.h"

#include <string.h>

/* Bytes in a character that starts with c: 0 for one that cannot start any. */
static int char_length(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
}

int32_t ax_utf8_next(const char **p, const char *end)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*p;
    int n = char_length(*s);
    *p += 1;
    if (n == 1)
        return *s;
    if (n == 0 || end - *p < n - 1)
        return -1;
    int32_t c = *s & (0x7F >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return -1;
        c = c << 6 | (s[i] & 0x3F);
    }
    if (c < least[n] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
        return -1;
    *p += n - 1;
    return c;
}

/* Is text[0..left) the beginning of a character whose other bytes are missing? */
static int cut_off(const char *text, size_t left)
{
    for (size_t i = 1; i < left; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return (size_t)char_length((unsigned char)*text) > left;
}

void ax_utf8_clean(char *text, int keep_lines)
{
    const char *end = text + strlen(text);
    for (const char *p = text; p < end;) {
        char *at = text + (p - text);
        int32_t c = ax_utf8_next(&p, end);
        if (c < 0 && cut_off(at, (size_t)(end - at))) {
            *at = 0;
            return;
        }
        if (c < 0)
            *at = '?';
        else if (c == '\n' && keep_lines)
            continue;
        else if (c < 0x20 || (c >= 0x7F && c < 0xA0))
            memset(at, ' ', (size_t)(p - at));
    }
}
