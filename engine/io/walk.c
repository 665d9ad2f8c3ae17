/* walk.c - stepping through JSON text; see walk.h. */
#include "io/walk.h"

#include <string.h>

char ax_walk_peek(ax_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
    return w->at < w->end ? *w->at : 0;
}

int ax_walk_eat(ax_walk *w, char c)
{
    if (ax_walk_peek(w) != c)
        return 0;
    w->at++;
    return 1;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return v;
}

static char *put_utf8(char *to, unsigned c)
{
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(lead[more] | c >> 6 * more);
    while (more--)
        *to++ = (char)(0x80 | (c >> 6 * more & 63));
    return to;
}

/* One escape, *from behind the backslash. What is decoded is never longer than the escape. */
static char *put_escape(char *to, const char **from)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *p = *from;
    if (*p != 'u') {
        *from = p + 1;
        *to++ = values[strchr(names, *p) - names];
        return to;
    }
    unsigned c = hex4(p + 1);
    p += 5;
    if (c >= 0xD800 && c < 0xDC00) { /* the check has seen that the other half follows */
        c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2) - 0xDC00);
        p += 6;
    }
    *from = p;
    return put_utf8(to, c);
}

/* The closing quote of a string whose first character is at p. */
static const char *string_end(const char *p)
{
    while (*p != '"')
        p += *p == '\\' ? 2 : 1;
    return p;
}

char *ax_walk_string(ax_walk *w, ax_arena *a)
{
    ax_walk_peek(w);
    const char *from = w->at + 1, *close = string_end(from);
    char *s = ax_arena_raw(a, (size_t)(close - from) + 1), *to = s;
    if (!s)
        return NULL;
    while (from < close) {
        if (*from == '\\') {
            from++;
            to = put_escape(to, &from);
        } else {
            *to++ = *from++;
        }
    }
    *to = 0;
    w->at = close + 1;
    return s;
}

/* A value ends before the comma or bracket that does not belong to it. */
void ax_walk_skip(ax_walk *w)
{
    int depth = 0;
    for (ax_walk_peek(w); w->at < w->end; w->at++) {
        switch (*w->at) {
        case '"':
            w->at = string_end(w->at + 1);
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (!depth--)
                return;
            break;
        case ',':
            if (!depth)
                return;
            break;
        }
    }
}
