/* csv_scan.c - fields of CSV text; see csv_scan.h. */
#include "io/csv_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/bytes.h"

_Static_assert(AX_CSV_FIELD_MAX == 65536, "messages below name it");

/* ---- fields ---------------------------------------------------------------------------------- */

const char *ax_csv_column_str(const ax_csv *t, int i, char *buf, size_t size)
{
    const char *name = t->named && t->column && i < t->n_columns ? t->column[i].name : NULL;
    if (name)
        snprintf(buf, size, "column %d ('%s')", i + 1,
                 ax_printable((char[64]){0}, 64, name, strlen(name)));
    else
        snprintf(buf, size, "column %d", i + 1);
    return buf;
}

int ax_csv_fail(const ax_csv_scan *s, ax_code code, const char *what)
{
    char column[96];
    return ax_fail(s->err, code, "line %lld, %s: %s", (long long)s->start,
                   ax_csv_column_str(s->t, s->column, column, sizeof column), what);
}

static void skip_blanks(ax_csv_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
        s->at++;
}

static int end_field(ax_csv_scan *s)
{
    skip_blanks(s); /* behind a closing quote */
    if (s->at == s->end)
        return AX_CSV_LINE;
    char c = *s->at++;
    if (c == ',')
        return AX_CSV_COMMA;
    if (c == '\r' && s->at < s->end && *s->at == '\n')
        c = *s->at++;
    if (c == '\r')
        return ax_csv_fail(s, AX_EPARSE, "a carriage return without a line feed");
    if (c != '\n')
        return ax_csv_fail(s, AX_EPARSE, "text behind the closing quote");
    s->line++;
    return AX_CSV_LINE;
}

static int plain_field(ax_csv_scan *s)
{
    s->field = s->at;
    while (s->at < s->end && *s->at != ',' && *s->at != '\n' && *s->at != '\r') {
        if (*s->at == '"')
            return ax_csv_fail(s, AX_EPARSE, "a quote inside a field that does not start with one");
        s->at++;
    }
    const char *last = s->at;
    while (last > s->field && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    s->len = (size_t)(last - s->field);
    if (s->len > AX_CSV_FIELD_MAX)
        return ax_csv_fail(s, AX_ELIMIT, "the field is longer than 65536 bytes");
    return 0;
}

/* Between quotes; a doubled quote means one, and then the field is put together in scratch. */
static int quoted_field(ax_csv_scan *s)
{
    const char *from = ++s->at;
    size_t copied = 0;
    for (;;) {
        const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
        if (!quote)
            return ax_csv_fail(s, AX_EPARSE, "the quote that opens this field is never closed");
        if (copied + (size_t)(quote - from) > AX_CSV_FIELD_MAX)
            return ax_csv_fail(s, AX_ELIMIT, "the field is longer than 65536 bytes");
        for (; s->at < quote; s->at++)
            s->line += *s->at == '\n';
        s->at = quote + 1;
        int doubled = s->at < s->end && *s->at == '"';
        if (!doubled && !copied) {
            s->field = from;
            s->len = (size_t)(quote - from);
            return 0;
        }
        size_t n = (size_t)(quote - from) + (doubled ? 1 : 0);
        memcpy(s->scratch + copied, from, n);
        copied += n;
        s->field = s->scratch;
        s->len = copied;
        if (!doubled)
            return 0;
        from = ++s->at;
    }
}

int ax_csv_next(ax_csv_scan *s)
{
    skip_blanks(s);
    s->start = s->line;
    int rc = s->at < s->end && *s->at == '"' ? quoted_field(s) : plain_field(s);
    return rc < 0 ? AX_CSV_ERROR : end_field(s);
}

int ax_csv_more_rows(ax_csv_scan *s)
{
    while (s->at < s->end) {
        const char *from = s->at;
        skip_blanks(s);
        if (s->at < s->end && *s->at == '\r' && s->at + 1 < s->end && s->at[1] == '\n')
            s->at++;
        if (s->at < s->end && *s->at != '\n') {
            s->at = from;
            return 1;
        }
        s->line += s->at < s->end;
        s->at += s->at < s->end;
    }
    return 0;
}

/* ---- what a field means ---------------------------------------------------------------------- */

int ax_csv_missing(const ax_csv_scan *s)
{
    static const char *const words[] = {"na", "n/a", "nan"};
    if (!s->len || (*s->field | 32) != 'n') /* nearly all fields end here */
        return !s->len;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == s->len && !strncasecmp(words[i], s->field, s->len))
            return 1;
    return 0;
}

/* One more digit still fits into 64 bits */
#define DIGITS_MAX ((UINT64_MAX - 9) / 10)

typedef struct decimal {
    uint64_t digits; /* the number is digits * 10^power, unless some did not fit */
    int64_t power;
    int negative, exact;
} decimal;

/* [+-] digits [. digits] [e [+-] digits], with a digit somewhere in front of the e. */
static int read_decimal(const char *p, const char *end, decimal *d)
{
    int n = 0, point = 0;
    *d = (decimal){.exact = 1};
    if (p < end && (*p == '+' || *p == '-'))
        d->negative = *p++ == '-';
    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = 1;
            continue;
        }
        n++;
        d->power -= point;
        if (d->digits <= DIGITS_MAX)
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
        else
            d->exact = 0;
    }
    d->exact &= d->digits <= (uint64_t)1 << 53;
    if (!n)
        return 0;
    if (p == end)
        return 1;
    if ((*p++ | 32) != 'e')
        return 0;
    int minus = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    int64_t e = 0;
    const char *digits = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        e = e < 1000000 ? e * 10 + (*p - '0') : e;
    d->power += minus ? -e : e;
    return p == end && p > digits;
}

/* The field as a finite number: 1, or 0 when it is none. Up to 2^53 and 10^22 both factors are
 * exact doubles, so one rounding gives the right one (Clinger 1990); the rest goes to strtod. */
int ax_csv_number(ax_csv_scan *s, double *out)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal d;
    double v;
    if (!read_decimal(s->field, s->field + s->len, &d))
        return 0;
    if (d.exact && d.power >= -22 && d.power <= 22) {
        v = d.power < 0 ? (double)d.digits / ten[-d.power] : (double)d.digits * ten[d.power];
        v = d.negative ? -v : v;
    } else {
        memcpy(s->scratch, s->field, s->len);
        s->scratch[s->len] = 0;
        v = strtod_l(s->scratch, NULL, s->c);
    }
    *out = v; /* infinite where it is too large: a number all the same, which no float32 holds */
    return 1;
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* UTF-8 without NUL from the first byte to the last. */
static int check_text(ax_csv_scan *s)
{
    size_t n = (size_t)(s->end - s->at);
    const char *nul = n ? memchr(s->at, 0, n) : NULL;
    const char *bad = nul ? nul : s->at + ax_utf8_valid(s->at, n);
    if (bad == s->end)
        return 0;
    int64_t line = 1;
    for (const char *p = s->at; p < bad; p++)
        line += *p == '\n';
    ax_fail(s->err, AX_EPARSE, "line %lld: the byte 0x%02x is not UTF-8 text", (long long)line,
            (unsigned char)*bad);
    return ax_err_hint(s->err, "save the file as UTF-8");
}

int ax_csv_scan_init(ax_csv_scan *s, ax_csv *t, const char *text, size_t n, ax_err *err)
{
    text = n ? text : ""; /* an empty map has no address */
    *s = (ax_csv_scan){.at = text, .end = text + n, .line = 1, .t = t, .err = err};
    if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        s->at += 3;
    s->scratch = malloc(AX_CSV_FIELD_MAX + 1);
    s->c = newlocale(LC_ALL_MASK, "C", NULL);
    if (!s->scratch || !s->c)
        return ax_fail(err, AX_ENOMEM, "no memory to read a table");
    return check_text(s);
}

void ax_csv_scan_fini(ax_csv_scan *s)
{
    free(s->scratch);
    if (s->c)
        freelocale(s->c);
}
