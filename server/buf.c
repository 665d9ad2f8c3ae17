/* buf.c - text that grows; see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

static int grow(buf *b, size_t n)
{
    size_t want = b->cap ? b->cap : 1024;
    if (b->failed || n > BUF_MAX || b->len > BUF_MAX - n)
        return b->failed = 1, -1;
    while (want < b->len + n)
        want *= 2;
    char *p = realloc(b->data, want);
    if (!p)
        return b->failed = 1, -1;
    b->data = p;
    b->cap = want;
    return 0;
}

char *buf_room(buf *b, size_t n)
{
    if (b->failed || (n > b->cap - b->len && grow(b, n) < 0))
        return NULL;
    return b->data + b->len;
}

void buf_add(buf *b, const void *p, size_t n)
{
    char *to = buf_room(b, n);
    if (to && n) {
        memcpy(to, p, n);
        b->len += n;
    }
}

void buf_str(buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *to = n < 0 ? NULL : buf_room(b, (size_t)n + 1);
    if (!to)
        return;
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void buf_i64(buf *b, int64_t v)
{
    char text[24];
    buf_add(b, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v));
}

void buf_f32(buf *b, float v)
{
    char *to = buf_room(b, NUMBER_MAX);
    if (to)
        b->len += number_write(to, v);
}

int buf_utf8(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    int n = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
            : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
            : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                          : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void buf_json(buf *b, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    if (!s) {
        buf_str(b, "null");
        return;
    }
    buf_char(b, '"');
    for (const unsigned char *c = (const unsigned char *)s; *c;) {
        int n = buf_utf8(c);
        if (!n) {
            buf_str(b, "\\ufffd");
            c++;
        } else if (*c == '"' || *c == '\\') {
            buf_add(b, (char[]){'\\', (char)*c++}, 2);
        } else if (*c == '\n') {
            buf_str(b, "\\n");
            c++;
        } else if (*c < 0x20 || *c == 0x7f) {
            buf_add(b, (char[]){'\\', 'u', '0', '0', hex[*c >> 4], hex[*c & 15]}, 6);
            c++;
        } else {
            buf_add(b, c, (size_t)n);
            c += n;
        }
    }
    buf_char(b, '"');
}

void buf_clear(buf *b)
{
    b->len = 0;
    b->failed = 0;
}

void buf_trim(buf *b, size_t keep)
{
    if (b->cap > keep)
        buf_free(b);
    buf_clear(b);
}

void buf_free(buf *b)
{
    free(b->data);
    *b = (buf){0};
}
