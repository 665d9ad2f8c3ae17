/* xml.h - is a text well-formed XML, as far as our pictures go: elements that nest and close, quoted
 * attributes given once, the five entities, one root. No declarations, comments or CDATA. */
#ifndef TESTS_XML_H
#define TESTS_XML_H

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { XML_DEPTH = 16, XML_ATTRIBUTES = 16 };

static inline size_t xml_name(const char *p)
{
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || (n && strchr("-:_", p[n]) && p[n]))
        n++;
    return n;
}

/* Text up to `stop`; NULL when something in it may not be there. */
static inline const char *xml_text(const char *p, char stop)
{
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};
    for (; *p && *p != stop; p++) {
        int known = *p != '&';
        for (int i = 0; i < 5; i++)
            known |= !strncmp(p, entities[i], strlen(entities[i]));
        if (!known || *p == '<' || ((unsigned char)*p < ' ' && *p != '\n'))
            return NULL;
    }
    return p;
}

/* Attributes up to > or />. */
static inline const char *xml_attributes(const char *p)
{
    const char *seen[XML_ATTRIBUTES];
    size_t len[XML_ATTRIBUTES];
    for (int n = 0; *p == ' '; n++) {
        p++;
        if (n == XML_ATTRIBUTES || !(len[n] = xml_name(p)))
            return NULL;
        seen[n] = p;
        for (int i = 0; i < n; i++)
            if (len[i] == len[n] && !memcmp(seen[i], p, len[n]))
                return NULL;
        p += len[n];
        if (p[0] != '=' || p[1] != '"' || !(p = xml_text(p + 2, '"')) || !*p)
            return NULL;
        p++;
    }
    return p;
}

/* NULL when the text is well-formed, else what is left of it where it is not. */
static inline const char *xml_fault(const char *text)
{
    const char *open[XML_DEPTH];
    int depth = 0, roots = 0;
    for (const char *p = text; *p;) {
        const char *from = p;
        if (*p != '<') {
            p = xml_text(p, '<');
            if (!p || (!depth && strspn(from, "\n ") < (size_t)(p - from)))
                return from;
            continue;
        }
        int close = p[1] == '/';
        const char *name = p + 1 + close;
        size_t n = xml_name(name);
        if (!n || depth + !close > XML_DEPTH)
            return from;
        p = name + n;
        if (close) {
            if (!depth || strncmp(open[--depth], name, n) || xml_name(open[depth]) != n || *p++ != '>')
                return from;
            continue;
        }
        roots += !depth;
        if (roots > 1 || !(p = xml_attributes(p)))
            return from;
        int empty = *p == '/';
        p += empty;
        if (*p++ != '>')
            return from;
        if (!empty)
            open[depth++] = name;
    }
    return depth || !roots ? text + strlen(text) : NULL;
}

/* Numbers of a picture that are none: a coordinate that says nan or inf. NULL: there is none. */
static inline const char *xml_no_number(const char *text)
{
    for (const char *p = text; (p = strchr(p, '"')); p++) {
        const char *end = strchr(++p, '"');
        for (; p < end; p++)
            if (!strncasecmp(p, "nan", 3) || (!strncasecmp(p, "inf", 3)))
                return p;
    }
    return NULL;
}

#endif
