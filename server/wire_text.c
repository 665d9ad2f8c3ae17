/* wire_text.c - the syntax of JSON under the predict body: strings, places, complaints. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire_cursor.h"

static void place(const cursor *c, char *at, size_t size)
{
    int n = snprintf(at, size, "%s%s%.60s", c->field ? c->field : "", c->port ? "." : "",
                     c->port ? c->port : "");
    for (int i = 0; i < c->depth && n < (int)size; i++)
        n += snprintf(at + n, size - (size_t)n, "[%lld]", (long long)c->index[i]);
}

int wire_fail(cursor *c, const char *code, const char *fmt, ...)
{
    char text[300], at[sizeof c->why->err.at];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    place(c, at, sizeof at);
    problem_set(c->why, 400, code, "%s%s%s", at, at[0] ? ": " : "", text);
    memcpy(c->why->err.at, at, sizeof at);
    return -1;
}

/* What stands at p, for people: "a string", "the end of the body", "'x'". */
static const char *seen(const cursor *c, char *text, size_t size)
{
    if (c->p >= c->end)
        return "the end of the body";
    switch (*c->p) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    }
    if (strchr("-0123456789", *c->p))
        return "a number";
    unsigned char x = (unsigned char)*c->p;
    snprintf(text, size, x > ' ' && x < 0x7f ? "'%c'" : "byte 0x%02x", x);
    return text;
}

int wire_expected(cursor *c, const char *what)
{
    char text[24];
    const char *got = seen(c, text, sizeof text);
    int value = c->p < c->end && strchr("\"{[tfn-0123456789", *c->p) != NULL;
    wire_fail(c, value ? "wrong_type" : "parse_error", "expected %s, got %s at byte %lld", what,
              got, (long long)(c->p - c->start));
    problem_expect(c->why, "\"%s\"", what);
    if (got != text)
        problem_got(c->why, "\"%s\"", got);
    return -1;
}

int wire_take(cursor *c, char x, const char *what)
{
    skip_space(c);
    if (!at_char(c, x))
        return wire_expected(c, what);
    c->p++;
    return 0;
}

const char *wire_name(cursor *c, const char *what)
{
    skip_space(c);
    if (at_char(c, '"'))
        return wire_string(c);
    wire_expected(c, what);
    return NULL;
}

const char *wire_token(const cursor *c, char text[WIRE_TOKEN])
{
    int n = 0;
    while (c->p + n < c->end && n < WIRE_TOKEN - 4 && c->p[n] > ' ' && !strchr(",[]{}", c->p[n]))
        n++;
    int cut = n == WIRE_TOKEN - 4;
    snprintf(text, WIRE_TOKEN, "%.*s%s", n, c->p, cut ? "..." : "");
    return text;
}

/* Four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int x = p[i], lower = x | 32;
        if (x >= '0' && x <= '9')
            v = v * 16 + x - '0';
        else if (lower >= 'a' && lower <= 'f')
            v = v * 16 + lower - 'a' + 10;
        else
            return -1;
    }
    return v;
}

static int put_utf8(char *to, unsigned v)
{
    if (v < 0x80)
        return to[0] = (char)v, 1;
    if (v < 0x800)
        return to[0] = (char)(0xc0 | v >> 6), to[1] = (char)(0x80 | (v & 63)), 2;
    if (v < 0x10000)
        return to[0] = (char)(0xe0 | v >> 12), to[1] = (char)(0x80 | (v >> 6 & 63)),
               to[2] = (char)(0x80 | (v & 63)), 3;
    to[0] = (char)(0xf0 | v >> 18), to[1] = (char)(0x80 | (v >> 12 & 63));
    return to[2] = (char)(0x80 | (v >> 6 & 63)), to[3] = (char)(0x80 | (v & 63)), 4;
}

/* The escape behind a backslash; bytes written, or -1. */
static int unescape(cursor *c, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (c->p >= c->end)
        return -1;
    const char *k = *c->p ? strchr(from, *c->p) : NULL;
    if (k)
        return c->p++, *to = into[k - from], 1;
    if (*c->p != 'u')
        return -1;
    int v = hex4(c->p + 1, c->end);
    c->p += 5;
    if (v >= 0xd800 && v < 0xdc00 && c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u') {
        int low = hex4(c->p + 2, c->end);
        if (low < 0xdc00 || low > 0xdfff)
            return -1;
        c->p += 6;
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
    }
    if (v <= 0 || (v >= 0xd800 && v < 0xe000))
        return -1; /* no lone surrogates, and no zero inside a C string */
    return put_utf8(to, (unsigned)v);
}

/* What is wrong with a string, and at which byte of the body. NULL. */
static const char *bad_string(cursor *c, const char *from, const char *what)
{
    c->p = from;
    wire_fail(c, "parse_error", "%s at byte %lld", what, (long long)(c->p - c->start));
    return NULL;
}

const char *wire_string(cursor *c)
{
    if (!at_char(c, '"')) {
        wire_expected(c, "a string");
        return NULL;
    }
    const char *close = ++c->p;
    while (close < c->end && *close != '"')
        close += 1 + (*close == '\\');
    if (close >= c->end)
        return bad_string(c, c->p, "a string that does not end");
    if (close - c->p > 4096)
        return bad_string(c, c->p, "a string of more than 4096 bytes");
    char *text = ax_arena_raw(c->mem, (size_t)(close - c->p) + 4), *to = text;
    if (!text) {
        problem_set(c->why, 503, "out_of_memory", "out of memory");
        return NULL;
    }
    while (c->p < close) {
        const char *from = c->p;
        if ((unsigned char)*from < 0x20)
            return bad_string(c, from, "a control character inside a string");
        if (*from != '\\') {
            if (ax_utf8_next(&c->p, close) < 0)
                return bad_string(c, from, "a string that is not UTF-8");
            memcpy(to, from, (size_t)(c->p - from));
            to += c->p - from;
            continue;
        }
        c->p++;
        int n = unescape(c, to);
        if (n < 0)
            return bad_string(c, from, "a bad escape inside a string");
        to += n;
    }
    *to = 0;
    c->p = close + 1;
    return text;
}

int wire_skip(cursor *c)
{
    int depth = 0;
    skip_space(c);
    if (c->p >= c->end)
        return -1;
    for (; c->p < c->end; c->p++) {
        char x = *c->p;
        if (x == '"') {
            for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
                c->p += *c->p == '\\' && c->p + 1 < c->end;
            if (c->p >= c->end)
                return -1;
        } else if (x == '[' || x == '{') {
            depth++;
        } else if (x == ']' || x == '}') {
            if (!depth)
                return 0;
            if (!--depth)
                return c->p++, 0;
        } else if (x == ',' && !depth) {
            return 0;
        }
    }
    return depth ? -1 : 0;
}
