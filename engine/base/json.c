/* json.c - a strict checker before cJSON; see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct checker {
    const unsigned char *text, *at, *end;
    ax_err *err;
} checker;

static int fail(checker *c, const unsigned char *where, const char *what)
{
    int line = 1, column = 1;
    for (const unsigned char *p = c->text; p < where; p++) {
        column++;
        if (*p == '\n')
            line++, column = 1;
    }
    if (where >= c->end)
        return ax_fail(c->err, AX_EPARSE, "JSON line %d column %d: %s, but the text ends here", line, column, what);
    return ax_fail(c->err, AX_EPARSE, "JSON line %d column %d: %s", line, column, what);
}

static void space(checker *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

static int peek(const checker *c)
{
    return c->at < c->end ? *c->at : -1;
}

static int word(checker *c, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, w, n))
        return fail(c, c->at, "expected a value");
    c->at += n;
    return 0;
}

static int hex4(checker *c, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        int d = peek(c), v = d >= '0' && d <= '9'   ? d - '0'
                             : d >= 'a' && d <= 'f' ? d - 'a' + 10
                             : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                                    : -1;
        if (v < 0)
            return fail(c, c->at, "expected four hexadecimal digits");
        *out = *out << 4 | (unsigned)v;
    }
    return 0;
}

static int escape(checker *c)
{
    const unsigned char *start = c->at++;
    int e = peek(c);
    unsigned u, low;
    if (e >= 0 && strchr("\"\\/bfnrt", e)) {
        c->at++;
        return 0;
    }
    if (e != 'u')
        return fail(c, start, "unknown escape");
    c->at++;
    if (hex4(c, &u))
        return -1;
    if (u == 0)
        return fail(c, start, "the character \\u0000 is not accepted");
    if (u < 0xD800 || u > 0xDFFF)
        return 0;
    if (u > 0xDBFF || c->end - c->at < 2 || c->at[0] != '\\' || c->at[1] != 'u')
        return fail(c, start, "half of a surrogate pair");
    c->at += 2;
    if (hex4(c, &low))
        return -1;
    return low >= 0xDC00 && low <= 0xDFFF ? 0 : fail(c, start, "half of a surrogate pair");
}

/* One character of more than one byte: shortest form, no surrogates, at most U+10FFFF. */
static int utf8(checker *c)
{
    const unsigned char *s = c->at;
    int n = *s >= 0xC2 && *s <= 0xDF ? 1 : *s >= 0xE0 && *s <= 0xEF ? 2 : *s >= 0xF0 && *s <= 0xF4 ? 3 : 0;
    int ok = n && c->end - s > n;
    for (int i = 1; ok && i <= n; i++)
        ok = (s[i] & 0xC0) == 0x80;
    ok = ok && !(*s == 0xE0 && s[1] < 0xA0) && !(*s == 0xED && s[1] > 0x9F) && !(*s == 0xF0 && s[1] < 0x90) &&
         !(*s == 0xF4 && s[1] > 0x8F);
    if (!ok)
        return fail(c, s, "not valid UTF-8");
    c->at += n + 1;
    return 0;
}

static int string(checker *c)
{
    const unsigned char *start = c->at++;
    for (;;) {
        int ch = peek(c);
        if (ch < 0)
            return fail(c, start, "a string without end");
        if (ch == '"') {
            c->at++;
            return 0;
        }
        if (ch < 0x20)
            return fail(c, c->at, "a control character inside a string");
        if (ch == '\\' ? escape(c) : ch >= 0x80 ? utf8(c) : (c->at++, 0))
            return -1;
    }
}

static int digits(checker *c)
{
    if (peek(c) < '0' || peek(c) > '9')
        return fail(c, c->at, "expected a digit");
    while (peek(c) >= '0' && peek(c) <= '9')
        c->at++;
    return 0;
}

static int number(checker *c)
{
    const unsigned char *start = c->at;
    if (peek(c) == '-')
        c->at++;
    if (peek(c) == '0')
        c->at++;
    else if (digits(c))
        return -1;
    if (peek(c) >= '0' && peek(c) <= '9')
        return fail(c, start, "a number with a leading zero");
    if (peek(c) == '.') {
        c->at++;
        if (digits(c))
            return -1;
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-')
            c->at++;
        if (digits(c))
            return -1;
    }
    /* strtod stops at the first byte that is not the number's; text may lack a terminator */
    char copy[64];
    size_t n = (size_t)(c->at - start);
    char *s = n < sizeof copy ? copy : malloc(n + 1);
    if (!s)
        return ax_fail(c->err, AX_ENOMEM, "no memory to read a number");
    memcpy(s, start, n);
    s[n] = 0;
    double v = strtod(s, NULL);
    if (s != copy)
        free(s);
    return isfinite(v) ? 0 : fail(c, start, "a number too large for double precision");
}

static int value(checker *c, int depth);

typedef struct key {
    const unsigned char *s;
    size_t n;
} key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = memcmp(x->s, y->s, n);
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

/* Keys are compared as written: two spellings of one character are two keys. */
static int unique(checker *c, key *keys, size_t n)
{
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (!compare_keys(&keys[i - 1], &keys[i])) {
            const unsigned char *later = keys[i].s > keys[i - 1].s ? keys[i].s : keys[i - 1].s;
            char what[128];
            snprintf(what, sizeof what, "the key %.*s is there twice", (int)(keys[i].n < 80 ? keys[i].n : 80), keys[i].s);
            return fail(c, later, what);
        }
    return 0;
}

static int members(checker *c, int depth, key **keys, size_t *n)
{
    size_t cap = 0;
    for (;;) {
        space(c);
        if (peek(c) != '"')
            return fail(c, c->at, "expected a key in double quotes");
        const unsigned char *start = c->at;
        if (string(c))
            return -1;
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            key *more = realloc(*keys, cap * sizeof **keys);
            if (!more)
                return ax_fail(c->err, AX_ENOMEM, "no memory to check JSON");
            *keys = more;
        }
        (*keys)[(*n)++] = (key){start, (size_t)(c->at - start)};
        space(c);
        if (peek(c) != ':')
            return fail(c, c->at, "expected ':'");
        c->at++;
        if (value(c, depth))
            return -1;
        space(c);
        if (peek(c) == '}') {
            c->at++;
            return 0;
        }
        if (peek(c) != ',')
            return fail(c, c->at, "expected ',' or '}'");
        c->at++;
    }
}

static int object(checker *c, int depth)
{
    key *keys = NULL;
    size_t n = 0;
    c->at++;
    space(c);
    if (peek(c) == '}') {
        c->at++;
        return 0;
    }
    int bad = members(c, depth, &keys, &n) || unique(c, keys, n);
    free(keys);
    return bad ? -1 : 0;
}

static int array(checker *c, int depth)
{
    c->at++;
    space(c);
    if (peek(c) == ']') {
        c->at++;
        return 0;
    }
    for (;;) {
        if (value(c, depth))
            return -1;
        space(c);
        if (peek(c) == ']') {
            c->at++;
            return 0;
        }
        if (peek(c) != ',')
            return fail(c, c->at, "expected ',' or ']'");
        c->at++;
    }
}

static int value(checker *c, int depth)
{
    space(c);
    int ch = peek(c);
    if ((ch == '{' || ch == '[') && depth == 0)
        return fail(c, c->at, "nested too deeply");
    switch (ch) {
    case '{':
        return object(c, depth - 1);
    case '[':
        return array(c, depth - 1);
    case '"':
        return string(c);
    case 't':
        return word(c, "true");
    case 'f':
        return word(c, "false");
    case 'n':
        return word(c, "null");
    default:
        if (ch == '-' || (ch >= '0' && ch <= '9'))
            return number(c);
        return fail(c, c->at, "expected a value");
    }
}

int ax_json_check(const char *text, size_t len, ax_err *err)
{
    const unsigned char *t = (const unsigned char *)text;
    checker c = {t, t, t + len, err};
    if (value(&c, AX_JSON_DEPTH))
        return -1;
    space(&c);
    return c.at == c.end ? 0 : fail(&c, c.at, "there is something behind the value");
}

cJSON *ax_json_parse(const char *text, size_t len, ax_err *err)
{
    if (ax_json_check(text, len, err))
        return NULL;
    cJSON *j = cJSON_ParseWithLength(text, len);
    if (!j)
        ax_fail(err, AX_ENOMEM, "no memory for the JSON text");
    return j;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int wrong(ax_err *err, const char *k, ax_code code, const char *what)
{
    ax_fail(err, code, "\"%s\" must be %s", k, what);
    return ax_err_in(err, "%s", k);
}

static int out_of_range(ax_err *err, const char *k, double v, double lo, double hi)
{
    ax_fail(err, AX_ERANGE, "\"%s\" is %.9g, expected a number from %.9g to %.9g", k, v, lo, hi);
    return ax_err_in(err, "%s", k);
}

int ax_json_num(const cJSON *o, const char *k, double def, double lo, double hi, double *out, ax_err *err)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, k);
    if (v && !cJSON_IsNumber(v))
        return wrong(err, k, AX_ETYPE, "a number");
    double x = v ? v->valuedouble : def;
    if (v && !(x >= lo && x <= hi))
        return out_of_range(err, k, x, lo, hi);
    *out = x;
    return 0;
}

int ax_json_int(const cJSON *o, const char *k, int64_t def, int64_t lo, int64_t hi, int64_t *out, ax_err *err)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, k);
    if (!v) {
        *out = def;
        return 0;
    }
    if (!cJSON_IsNumber(v))
        return wrong(err, k, AX_ETYPE, "an integer");
    if (v->valuedouble != floor(v->valuedouble))
        return wrong(err, k, AX_ETYPE, "an integer, without a fraction");
    if (v->valuedouble < (double)lo || v->valuedouble > (double)hi)
        return out_of_range(err, k, v->valuedouble, (double)lo, (double)hi);
    *out = (int64_t)v->valuedouble;
    return 0;
}

int ax_json_bool(const cJSON *o, const char *k, int def, int *out, ax_err *err)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, k);
    if (v && !cJSON_IsBool(v))
        return wrong(err, k, AX_ETYPE, "true or false");
    *out = v ? cJSON_IsTrue(v) : def;
    return 0;
}

int ax_json_str(const cJSON *o, const char *k, const char *def, const char **out, ax_err *err)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, k);
    if (v && !cJSON_IsString(v))
        return wrong(err, k, AX_ETYPE, "a string");
    *out = v ? v->valuestring : def;
    return 0;
}

int ax_json_known(const cJSON *o, const char *const *known, int n, ax_err *err)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, o)
    {
        int found = 0;
        for (int i = 0; i < n && !found; i++)
            found = !strcmp(known[i], e->string);
        if (found)
            continue;
        const char *near = ax_nearest(e->string, known, n);
        ax_fail(err, AX_EINVAL, "unknown field \"%.80s\"", e->string);
        ax_err_in(err, "%.80s", e->string);
        return near ? ax_err_hint(err, "did you mean \"%s\"?", near) : -1;
    }
    return 0;
}
