/* buf.c - text that grows; see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axon.h"
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

void buf_u64(buf *b, uint64_t v)
{
    char text[24];
    int at = sizeof text;
    do
        text[--at] = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(b, text + at, sizeof text - (size_t)at);
}

void buf_i64(buf *b, int64_t v)
{
    if (v < 0)
        buf_char(b, '-');
    buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_micros(buf *b, int64_t ns)
{
    int64_t us = ns < 0 ? 0 : ns / 1000, part = us % 1000;
    buf_i64(b, us / 1000);
    buf_add(b,
            (char[]){'.', (char)('0' + part / 100), (char)('0' + part / 10 % 10),
                     (char)('0' + part % 10)},
            4);
}

void buf_f64(buf *b, double v)
{
    buf_str(b, AX_NUMBER(v));
}

void buf_f32(buf *b, float v)
{
    char *to = buf_room(b, NUMBER_MAX);
    if (to)
        b->len += number_write(to, v);
}

void buf_json(buf *b, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    if (!s) {
        buf_str(b, "null");
        return;
    }
    buf_char(b, '"');
    for (const char *c = s, *end = s + strlen(s), *from = c; c < end; from = c) {
        int32_t point = ax_utf8_next(&c, end);
        if (point < 0)
            buf_str(b, "\\ufffd");
        else if (point == '"' || point == '\\')
            buf_add(b, (char[]){'\\', (char)point}, 2);
        else if (point == '\n')
            buf_str(b, "\\n");
        else if (point < 0x20 || point == 0x7f)
            buf_add(b, (char[]){'\\', 'u', '0', '0', hex[point >> 4], hex[point & 15]}, 6);
        else
            buf_add(b, from, (size_t)(c - from));
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
