/* json.c - the strict check in front of cJSON; see json.h.
 *
 * A recursive descent that goes at most AX_JSON_DEPTH deep. Keys seen so far wait on a stack; when
 * an object closes, its own are sorted by hash, which puts equal ones side by side, so that a
 * million keys (or a million of one hash) cost n log n and not n^2. The check
 * also refuses the few things that are JSON but would come out wrong at the other end: a NUL inside
 * a string (cJSON's strings end there), a number too long for cJSON's buffer, a number too large
 * for a double. cJSON's global error position is never read. */
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { LONGEST_NUMBER = 63, LONGEST_TEXT = INT32_MAX };

typedef struct text_key {
    uint64_t hash;
    uint32_t at; /* of the first byte behind the opening quote */
} text_key;

typedef struct reader {
    const char *text, *p, *end;
    int depth;
    text_key *keys; /* of all open objects, innermost last */
    size_t n_keys, room;
    ax_err *err;
} reader;

static int value(reader *r);

/* ---- errors ---------------------------------------------------------------------------------- */

/* code and what is wrong at `at`, with line and column (in characters), counted from 1. */
static int __attribute__((format(printf, 4, 5)))
fail_at(reader *r, const char *at, ax_code code, const char *fmt, ...)
{
    char what[sizeof r->err->msg];
    size_t line = 1, column = 1;
    va_list ap;
    if (!r->err)
        return -1;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    for (const char *p = r->text; p < at; p++) {
        if (*p == '\n')
            line++, column = 1;
        else if ((*p & 0xC0) != 0x80)
            column++;
    }
    return ax_fail(r->err, code, "JSON, line %zu, column %zu: %s", line, column, what);
}

static int fail_expected(reader *r, const char *expected)
{
    unsigned char c = r->p < r->end ? (unsigned char)*r->p : 0;
    if (r->p >= r->end)
        return fail_at(r, r->p, AX_EPARSE, "expected %s, but the text ends here", expected);
    if (c > 0x20 && c < 0x7F)
        return fail_at(r, r->p, AX_EPARSE, "expected %s, not '%c'", expected, c);
    return fail_at(r, r->p, AX_EPARSE, "expected %s, not the byte 0x%02x", expected, c);
}

/* ---- strings --------------------------------------------------------------------------------- */

enum { BAD_UTF8 = -1, BAD_ESCAPE = -2, BAD_SURROGATE = -3, BAD_NUL = -4, BAD_CONTROL = -5 };

static const char *const string_faults[] = {
    [-BAD_UTF8] = "the string is not valid UTF-8 here",
    [-BAD_ESCAPE] = "unknown escape: after a backslash come one of \"\\/bfnrt or u and four hex "
                    "digits",
    [-BAD_SURROGATE] = "half of a surrogate pair: \\ud800-\\udbff and \\udc00-\\udfff go together",
    [-BAD_NUL] = "\\u0000 is not supported in strings",
    [-BAD_CONTROL] = "a control character (a line break, a tab...) must be written as an escape",
};

/* Four hex digits, or -1. */
static int32_t hex4(const char **p, const char *end)
{
    int32_t x = 0;
    for (int i = 0; i < 4; i++, ++*p) {
        int c = *p < end ? (unsigned char)**p : 0, low = c | 0x20;
        if (c >= '0' && c <= '9')
            x = x << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f')
            x = x << 4 | (low - 'a' + 10);
        else
            return -1;
    }
    return x;
}

static int32_t unicode_escape(const char **p, const char *end)
{
    int32_t high = hex4(p, end);
    if (high <= 0)
        return high ? BAD_ESCAPE : BAD_NUL;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - *p < 2 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return BAD_SURROGATE;
    *p += 2;
    int32_t low = hex4(p, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return low < 0 ? BAD_ESCAPE : BAD_SURROGATE;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* The next character of a string, escapes undone; negative when it is not one. *p is before end. */
static int32_t next_char(const char **p, const char *end)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    unsigned char c = (unsigned char)**p;
    if (c < 0x20)
        return BAD_CONTROL;
    if (c != '\\')
        return ax_utf8_next(p, end);
    if (++*p == end)
        return BAD_ESCAPE;
    c = (unsigned char)*(*p)++;
    if (c == 'u')
        return unicode_escape(p, end);
    const char *found = c ? strchr(escapes, c) : NULL;
    return found ? meanings[found - escapes] : BAD_ESCAPE;
}

/* A string, p at its opening quote. *hash (may be NULL) is of its characters. */
static int string(reader *r, uint64_t *hash)
{
    const char *open = r->p++;
    uint64_t h = 0xcbf29ce484222325u;
    while (r->p < r->end && *r->p != '"') {
        const char *at = r->p;
        int32_t c = next_char(&r->p, r->end);
        if (c < 0)
            return fail_at(r, at, AX_EPARSE, "%s", string_faults[-c]);
        h = (h ^ (uint64_t)c) * 0x100000001b3u;
    }
    if (r->p >= r->end)
        return fail_at(r, open, AX_EPARSE, "the string that begins here has no end");
    r->p++;
    if (hash)
        *hash = h;
    return 0;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int digits(reader *r)
{
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > start;
}

/* Does the well-formed number [p,end) exceed what a double holds? The decimal point is taken out
 * (and put into the exponent), so that strtod's answer does not depend on the locale. */
static int overflows(const char *p, const char *end)
{
    char plain[LONGEST_NUMBER + 16];
    int n = 0, shift = 0, point = 0, e = 0;
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.')
            point = 1;
        else
            plain[n++] = *p, shift += point;
    }
    if (p == end)
        return 0; /* at most 10^LONGEST_NUMBER */
    int negative = p[1] == '-';
    for (p++; p < end; p++)
        if (*p >= '0' && *p <= '9' && e < 9999)
            e = e * 10 + (*p - '0');
    snprintf(plain + n, sizeof plain - (size_t)n, "e%d", (negative ? -e : e) - shift);
    return isinf(strtod(plain, NULL));
}

static int number(reader *r)
{
    const char *start = r->p;
    if (*r->p == '-')
        r->p++;
    const char *first = r->p;
    if (!digits(r))
        return fail_expected(r, "a digit");
    if (*first == '0' && r->p > first + 1)
        return fail_at(r, first, AX_EPARSE, "a number must not begin with a superfluous 0");
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (!digits(r))
            return fail_expected(r, "a digit behind the decimal point");
    }
    if (r->p < r->end && (*r->p | 0x20) == 'e') {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!digits(r))
            return fail_expected(r, "a digit of the exponent");
    }
    if (r->p - start > LONGEST_NUMBER)
        return fail_at(r, start, AX_ELIMIT, "a number of %lld characters, at most %d are read",
                       (long long)(r->p - start), LONGEST_NUMBER);
    if (overflows(start, r->p))
        return fail_at(r, start, AX_ERANGE, "the number %.*s is too large for a 64-bit float",
                       (int)(r->p - start), start);
    return 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int push_key(reader *r, uint64_t hash, const char *at)
{
    if (r->n_keys == r->room) {
        size_t room = r->room ? r->room * 2 : 32;
        text_key *more = realloc(r->keys, room * sizeof *more);
        if (!more)
            return ax_fail(r->err, AX_ENOMEM, "no memory to check %zu JSON keys", room);
        r->keys = more;
        r->room = room;
    }
    r->keys[r->n_keys++] = (text_key){hash, (uint32_t)(at - r->text)};
    return 0;
}

/* Order by hash, then by characters: 0 only for the same key, however it is written. */
static int compare(const reader *r, const text_key *a, const text_key *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    const char *p = r->text + a->at, *q = r->text + b->at;
    for (;;) {
        int32_t c = *p == '"' ? -1 : next_char(&p, r->end);
        int32_t d = *q == '"' ? -1 : next_char(&q, r->end);
        if (c != d)
            return c < d ? -1 : 1;
        if (c < 0)
            return 0;
    }
}

/* Stable merge sort; tmp has room for n / 2 keys. Recursion is as deep as n has bits. */
static void sort_keys(const reader *r, text_key *k, size_t n, text_key *tmp)
{
    size_t half = n / 2;
    if (n < 2)
        return;
    sort_keys(r, k, half, tmp);
    sort_keys(r, k + half, n - half, tmp);
    memcpy(tmp, k, half * sizeof *k);
    for (size_t i = 0, j = half, out = 0; i < half; out++) {
        if (j < n && compare(r, &k[j], &tmp[i]) < 0)
            k[out] = k[j++];
        else
            k[out] = tmp[i++];
    }
}

/* Refuse two equal keys among those pushed since `base`, and forget them all. */
static int check_unique(reader *r, size_t base)
{
    enum { SMALL = 32 };
    size_t n = r->n_keys - base;
    text_key small[SMALL / 2], *k = r->keys + base;
    text_key *tmp = n <= SMALL ? small : malloc(n / 2 * sizeof *tmp);
    if (!tmp)
        return ax_fail(r->err, AX_ENOMEM, "no memory to check %zu JSON keys", n);
    sort_keys(r, k, n, tmp);
    if (tmp != small)
        free(tmp);
    r->n_keys = base;
    uint32_t first = UINT32_MAX; /* the earliest key that repeats another */
    for (size_t i = 1; i < n; i++)
        if (k[i].at < first && !compare(r, &k[i - 1], &k[i]))
            first = k[i].at;
    if (first == UINT32_MAX)
        return 0;
    const char *key = r->text + first, *end = key;
    while (*end != '"')
        next_char(&end, r->end);
    int shown = end - key > 100 ? 100 : (int)(end - key);
    return fail_at(r, key - 1, AX_EPARSE, "the key \"%.*s\" is there twice in one object", shown,
                   key);
}

/* ---- structure ------------------------------------------------------------------------------- */

static void space(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

/* White space, then c if it is there. */
static int accept(reader *r, char c)
{
    space(r);
    if (r->p >= r->end || *r->p != c)
        return 0;
    r->p++;
    return 1;
}

static int member(reader *r)
{
    uint64_t hash;
    space(r);
    const char *key = r->p;
    if (key >= r->end || *key != '"')
        return fail_expected(r, "a key in double quotes");
    if (string(r, &hash) || push_key(r, hash, key + 1))
        return -1;
    return accept(r, ':') ? value(r) : fail_expected(r, "':' behind the key");
}

static int object(reader *r)
{
    size_t base = r->n_keys;
    r->p++;
    if (accept(r, '}'))
        return 0;
    do
        if (member(r))
            return -1;
    while (accept(r, ','));
    return accept(r, '}') ? check_unique(r, base) : fail_expected(r, "',' or '}'");
}

static int array(reader *r)
{
    r->p++;
    if (accept(r, ']'))
        return 0;
    do
        if (value(r))
            return -1;
    while (accept(r, ','));
    return accept(r, ']') ? 0 : fail_expected(r, "',' or ']'");
}

static int nested(reader *r, int (*parse)(reader *r))
{
    if (++r->depth > AX_JSON_DEPTH)
        return fail_at(r, r->p, AX_ELIMIT, "arrays and objects are nested more than %d deep",
                       AX_JSON_DEPTH);
    int status = parse(r);
    r->depth--;
    return status;
}

static int literal(reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->p) >= n && !memcmp(r->p, words[i], n)) {
            r->p += n;
            return 0;
        }
    }
    return fail_expected(r, "a value");
}

static int value(reader *r)
{
    space(r);
    switch (r->p < r->end ? *r->p : 0) {
    case '{':
        return nested(r, object);
    case '[':
        return nested(r, array);
    case '"':
        return string(r, NULL);
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return number(r);
    default:
        return literal(r);
    }
}

static int check_part(const char *text, const char *part, size_t len, ax_err *err)
{
    if (len > LONGEST_TEXT)
        return ax_fail(err, AX_ELIMIT, "a JSON text of %zu bytes, at most %d are read", len,
                       LONGEST_TEXT);
    if (!len)
        return ax_fail(err, AX_EPARSE, "JSON: the text is empty, expected a value");
    reader r = {.text = text, .p = part, .end = part + len, .err = err};
    int status = value(&r);
    space(&r);
    if (!status && r.p < r.end)
        status = fail_expected(&r, "nothing behind the value");
    free(r.keys);
    return status;
}

int ax_json_check(const char *text, size_t len, ax_err *err)
{
    return check_part(text, text, len, err);
}

cJSON *ax_json_parse(const char *text, size_t len, ax_err *err)
{
    return ax_json_parse_part(text, 0, len, err);
}

cJSON *ax_json_parse_part(const char *text, size_t from, size_t len, ax_err *err)
{
    if (check_part(text, text + from, len, err))
        return NULL;
    cJSON *tree = cJSON_ParseWithLength(text + from, len);
    if (!tree)
        ax_fail(err, AX_ENOMEM, "no memory for the tree of %zu bytes of JSON", len);
    return tree;
}
