/* bytes.c - checking and showing foreign text; see bytes.h. */
#include "io/bytes.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Length of the well-formed character at s[0..n), n >= 1; 0 when there is none. */
static size_t char_length(const char *s, size_t n)
{
    const char *p = s;
    return ax_utf8_next(&p, s + n) < 0 ? 0 : (size_t)(p - s);
}

size_t ax_utf8_valid(const char *s, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint64_t eight;
        if (n - at >= 8 && (memcpy(&eight, s + at, 8), !(eight & 0x8080808080808080))) {
            at += 8;
            continue;
        }
        size_t len = char_length(s + at, n - at);
        if (!len)
            break;
        at += len;
    }
    return at;
}

const char *ax_printable(char *buf, size_t size, const char *s, size_t n)
{
    size_t to = 0, room = size - 1, cut = 0; /* cut: the last place with room for "..." */
    for (size_t at = 0; at < n;) {
        const unsigned char *c = (const unsigned char *)s + at;
        size_t len = char_length(s + at, n - at);
        /* C0 and C1 controls and DEL could move a terminal's cursor */
        int plain = len && *c >= 0x20 && *c != 0x7F && !(c[0] == 0xC2 && c[1] < 0xA0);
        size_t step = len ? len : 1, need = plain ? len : 4 * step;
        if (to + 3 <= room)
            cut = to;
        if (to + need > room) {
            to = cut + (size_t)snprintf(buf + cut, size - cut, "...");
            break;
        }
        for (size_t i = 0; i < step; i++)
            if (plain)
                buf[to++] = (char)c[i];
            else
                to += (size_t)snprintf(buf + to, size - to, "\\x%02x", c[i]);
        at += step;
    }
    buf[to] = 0;
    return buf;
}
