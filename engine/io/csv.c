/* csv.c - tables from CSV text, in two passes over it; see csv.h.
 *
 * The first pass counts the rows and finds out which columns are numbers, so that the second can
 * put every field where it belongs, in memory taken once. Distinct labels live in a balanced tree
 * (tsearch): labels come from strangers, and a hash table would let them choose the collisions. */
#include "io/csv.h"

#include <locale.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/bytes.h"

_Static_assert(AX_CSV_FIELD_MAX == 65536, "messages below name it");

enum stop { STOP_ERROR = -1, STOP_COMMA, STOP_LINE };

typedef struct scan {
    const char *at, *end;
    int64_t line;  /* of `at`, from 1                               */
    int column;    /* of the field, from 0                          */
    int64_t start; /* the line the field starts in                  */
    const char *field;
    size_t len;
    char *scratch; /* AX_CSV_FIELD_MAX + 1 bytes                     */
    locale_t c;
    ax_csv *t;
    ax_err *err;
} scan;

/* ---- fields ---------------------------------------------------------------------------------- */

static int fail_field(scan *s, ax_code code, const char *what)
{
    const char *name =
        s->t->column && s->column < s->t->n_columns ? s->t->column[s->column].name : NULL;
    if (!name)
        return ax_fail(s->err, code, "line %lld, column %d: %s", (long long)s->start, s->column + 1,
                       what);
    return ax_fail(s->err, code, "line %lld, column %d ('%s'): %s", (long long)s->start,
                   s->column + 1, ax_printable((char[64]){0}, 64, name, strlen(name)), what);
}

static void skip_blanks(scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
        s->at++;
}

static int end_field(scan *s)
{
    skip_blanks(s); /* behind a closing quote */
    if (s->at == s->end)
        return STOP_LINE;
    char c = *s->at++;
    if (c == ',')
        return STOP_COMMA;
    if (c == '\r' && s->at < s->end && *s->at == '\n')
        c = *s->at++;
    if (c == '\r')
        return fail_field(s, AX_EPARSE, "a carriage return without a line feed");
    if (c != '\n')
        return fail_field(s, AX_EPARSE, "text behind the closing quote");
    s->line++;
    return STOP_LINE;
}

static int plain_field(scan *s)
{
    s->field = s->at;
    while (s->at < s->end && *s->at != ',' && *s->at != '\n' && *s->at != '\r') {
        if (*s->at == '"')
            return fail_field(s, AX_EPARSE, "a quote inside a field that does not start with one");
        s->at++;
    }
    const char *last = s->at;
    while (last > s->field && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    s->len = (size_t)(last - s->field);
    if (s->len > AX_CSV_FIELD_MAX)
        return fail_field(s, AX_ELIMIT, "the field is longer than 65536 bytes");
    return 0;
}

/* Between quotes; a doubled quote means one, and then the field is put together in scratch. */
static int quoted_field(scan *s)
{
    const char *from = ++s->at;
    size_t copied = 0;
    for (;;) {
        const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
        if (!quote)
            return fail_field(s, AX_EPARSE, "the quote that opens this field is never closed");
        if (copied + (size_t)(quote - from) > AX_CSV_FIELD_MAX)
            return fail_field(s, AX_ELIMIT, "the field is longer than 65536 bytes");
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

/* The next field into s->field, s->len; what ended it. */
static int next_field(scan *s)
{
    skip_blanks(s);
    s->start = s->line;
    int rc = s->at < s->end && *s->at == '"' ? quoted_field(s) : plain_field(s);
    return rc < 0 ? STOP_ERROR : end_field(s);
}

/* Step over empty lines; is there a row? */
static int more_rows(scan *s)
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

static int is_missing(const scan *s)
{
    static const char *const words[] = {"", "na", "n/a", "nan"};
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
static int read_number(scan *s, double *out)
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
    *out = v;
    return isfinite(v);
}

/* ---- labels ---------------------------------------------------------------------------------- */

typedef struct label {
    const char *text;
    size_t len;
    int32_t code;
} label;

static int by_text(const void *pa, const void *pb)
{
    const label *a = pa, *b = pb;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* The label of the field, made when it is new; NULL without memory. */
static label *find_label(scan *s, void **tree, int32_t *n)
{
    label key = {.text = s->field, .len = s->len};
    label **found = tfind(&key, tree, by_text);
    if (found)
        return *found;
    label *l = ax_arena_raw(&s->t->arena, sizeof *l);
    const char *text = ax_arena_memdup(&s->t->arena, s->field, s->len);
    if (!l || !text)
        return NULL;
    *l = (label){text, s->len, *n};
    if (!tsearch(l, tree, by_text))
        return NULL;
    ++*n;
    return l;
}

typedef struct ranking {
    ax_csv_column *c;
    int32_t *rank; /* of the labels in the order they appeared */
} ranking;

static void rank_label(const void *node, VISIT visit, void *ctx)
{
    ranking *r = ctx;
    const label *l = *(const label *const *)node;
    if (visit != postorder && visit != leaf)
        return;
    r->rank[l->code] = r->c->n_values;
    r->c->values[r->c->n_values++] = l->text;
}

static void keep_node(void *label)
{
    (void)label; /* belongs to the arena */
}

/* From the order of appearance to byte order. */
static int sort_labels(ax_csv *t, ax_csv_column *c, const void *tree, int32_t n)
{
    ranking r = {c, malloc(((size_t)n + 1) * sizeof *r.rank)};
    c->values = AX_ARRAY(&t->arena, const char *, n + 1);
    if (r.rank && c->values) {
        twalk_r(tree, rank_label, &r);
        for (int64_t i = 0; i < t->n_rows; i++)
            if (c->code[i] >= 0)
                c->code[i] = r.rank[c->code[i]];
    }
    free(r.rank);
    return r.rank && c->values ? 0 : -1;
}

/* ---- the passes ------------------------------------------------------------------------------ */

static int no_room(scan *s)
{
    return ax_fail(s->err, AX_ELIMIT, "the table needs more than the %zu bytes allowed",
                   s->t->arena.limit);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(scan *s)
{
    ax_csv *t = s->t;
    const char **name = malloc((size_t)t->n_columns * sizeof *name), *twice = NULL;
    if (!name)
        return ax_fail(s->err, AX_ENOMEM, "no memory for the names of %d columns", t->n_columns);
    for (int i = 0; i < t->n_columns; i++)
        name[i] = t->column[i].name;
    qsort(name, (size_t)t->n_columns, sizeof *name, by_name);
    for (int i = 1; i < t->n_columns && !twice; i++)
        if (!strcmp(name[i - 1], name[i]))
            twice = name[i];
    free(name);
    if (!twice)
        return 0;
    ax_fail(s->err, AX_EINVAL, "two columns are called '%s'",
            ax_printable((char[64]){0}, 64, twice, strlen(twice)));
    return ax_err_hint(s->err, "the first line must name the columns");
}

static int read_names(scan *s)
{
    ax_csv *t = s->t;
    scan first = *s;
    int stop;
    do {
        if ((stop = next_field(&first)) < 0)
            return -1;
        if (++first.column > AX_CSV_COLUMNS_MAX)
            return ax_fail(s->err, AX_ELIMIT, "more than %d columns", AX_CSV_COLUMNS_MAX);
    } while (stop == STOP_COMMA);
    if (!(t->column = AX_ARRAY(&t->arena, ax_csv_column, first.column)))
        return no_room(s);
    t->n_columns = first.column;
    for (s->column = 0; s->column < t->n_columns; s->column++) {
        next_field(s);
        if (!s->len) {
            fail_field(s, AX_EINVAL, "the column has no name");
            return ax_err_hint(s->err, "pandas writes the row index like this: "
                                       "use to_csv(..., index=False)");
        }
        if (!(t->column[s->column].name = ax_arena_memdup(&t->arena, s->field, s->len)))
            return no_room(s);
    }
    return check_names(s);
}

static void note_field(scan *s)
{
    ax_csv_column *c = &s->t->column[s->column];
    double v;
    if (is_missing(s)) {
        if (!c->missing++)
            c->first_missing_line = s->start;
    } else if (!c->first_text_line && !read_number(s, &v)) {
        c->first_text_line = s->start;
    }
}

/* First pass: rows, widths, which columns are numbers. */
static int survey(scan s)
{
    ax_csv *t = s.t;
    for (; more_rows(&s); t->n_rows++) {
        int64_t line = s.line;
        int stop = STOP_COMMA;
        for (s.column = 0; stop == STOP_COMMA; s.column++) {
            if ((stop = next_field(&s)) < 0)
                return -1;
            if (s.column < t->n_columns)
                note_field(&s);
        }
        if (s.column != t->n_columns)
            return ax_fail(s.err, AX_EPARSE,
                           "line %lld has %d field%s, the header names %d column%s",
                           (long long)line, s.column, s.column == 1 ? "" : "s", t->n_columns,
                           t->n_columns == 1 ? "" : "s");
    }
    return t->n_rows ? 0 : ax_fail(s.err, AX_EINVAL, "the table has no rows below its header");
}

static int take_memory(scan *s)
{
    ax_csv *t = s->t;
    for (ax_csv_column *c = t->column; c < t->column + t->n_columns; c++) {
        size_t size = c->first_text_line ? sizeof *c->code : sizeof *c->number, bytes;
        void *data = __builtin_mul_overflow((size_t)t->n_rows, size, &bytes)
                         ? NULL
                         : ax_arena_raw(&t->arena, bytes);
        if (!data)
            return no_room(s);
        if (c->first_text_line)
            c->code = data;
        else
            c->number = data;
    }
    return 0;
}

/* Second pass. tree[i] and seen[i] are the labels of column i so far. */
static int fill(scan s, void **tree, int32_t *seen)
{
    ax_csv *t = s.t;
    for (int64_t row = 0; row < t->n_rows; row++) {
        more_rows(&s);
        for (s.column = 0; s.column < t->n_columns; s.column++) {
            ax_csv_column *c = &t->column[s.column];
            next_field(&s);
            int missing = is_missing(&s);
            if (c->number) {
                if (missing)
                    c->number[row] = NAN;
                else
                    read_number(&s, &c->number[row]);
                continue;
            }
            const label *l = missing ? NULL : find_label(&s, &tree[s.column], &seen[s.column]);
            if (!missing && !l)
                return no_room(&s);
            c->code[row] = l ? l->code : -1;
        }
    }
    for (int i = 0; i < t->n_columns; i++)
        if (t->column[i].code && sort_labels(t, &t->column[i], tree[i], seen[i]) < 0)
            return no_room(&s);
    return 0;
}

static int read_rows(scan *s)
{
    size_t n = (size_t)s->t->n_columns;
    if (survey(*s) < 0 || take_memory(s) < 0)
        return -1;
    void **tree = calloc(n, sizeof *tree);
    int32_t *seen = calloc(n, sizeof *seen);
    int rc = tree && seen ? fill(*s, tree, seen)
                          : ax_fail(s->err, AX_ENOMEM, "no memory for %zu columns", n);
    for (size_t i = 0; tree && i < n; i++)
        tdestroy(tree[i], keep_node);
    free(tree);
    free(seen);
    return rc;
}

/* UTF-8 without NUL from the first byte to the last. */
static int check_text(scan *s)
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

static int read_table(scan *s)
{
    if (!more_rows(s))
        return ax_fail(s->err, AX_EINVAL, "the table is empty");
    return read_names(s) < 0 ? -1 : read_rows(s);
}

int ax_csv_read(ax_csv *t, const char *text, size_t n, size_t limit, ax_err *err)
{
    *t = (ax_csv){0};
    ax_arena_init(&t->arena, limit ? limit : (size_t)2 << 30);
    scan s = {.at = text, .end = text + n, .line = 1, .t = t, .err = err};
    if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        s.at += 3;
    int rc = -1;
    s.scratch = malloc(AX_CSV_FIELD_MAX + 1);
    s.c = newlocale(LC_ALL_MASK, "C", NULL);
    if (!s.scratch || !s.c)
        ax_fail(err, AX_ENOMEM, "no memory to read a table");
    else if (check_text(&s) == 0)
        rc = read_table(&s);
    free(s.scratch);
    if (s.c)
        freelocale(s.c);
    if (rc < 0)
        ax_csv_free(t);
    return rc;
}

void ax_csv_free(ax_csv *t)
{
    ax_arena_fini(&t->arena);
    *t = (ax_csv){0};
}

int ax_csv_find(const ax_csv *t, const char *name, ax_err *err)
{
    for (int i = 0; i < t->n_columns; i++)
        if (!strcmp(t->column[i].name, name))
            return i;
    ax_fail(err, AX_ENOTFOUND, "the table has no column '%s'",
            ax_printable((char[64]){0}, 64, name, strlen(name)));
    const char **names = malloc((size_t)(t->n_columns + 1) * sizeof *names);
    for (int i = 0; names && i < t->n_columns; i++)
        names[i] = t->column[i].name;
    const char *near = names ? ax_nearest(name, names, t->n_columns) : NULL;
    if (near)
        ax_err_hint(err, "did you mean '%s'?", ax_printable((char[64]){0}, 64, near, strlen(near)));
    free(names);
    return -1;
}
