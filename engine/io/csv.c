/* csv.c - tables from CSV text, in two passes over it; see csv.h.
 *
 * The first pass counts the rows and finds out which columns are numbers, so that the second can
 * put every field where it belongs, in memory taken once. Distinct labels live in a balanced tree
 * (tsearch): labels come from strangers, and a hash table would let them choose the collisions. */
#include "io/csv.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "io/bytes.h"
#include "io/csv_scan.h"

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
static label *find_label(ax_csv_scan *s, void **tree, int32_t *n)
{
    label key = {.text = s->field, .len = s->len};
    label **found = tfind(&key, tree, by_text);
    if (found)
        return *found;
    label *l = *n < INT32_MAX ? ax_arena_raw(&s->t->arena, sizeof *l) : NULL;
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

static void keep_node(void *node)
{
    (void)node; /* belongs to the arena */
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

static int no_room(ax_csv_scan *s)
{
    return ax_fail(s->err, AX_ELIMIT, "the table needs more than the %zu bytes allowed",
                   s->t->arena.limit);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(ax_csv_scan *s)
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

/* How many fields the first line has, and whether one of them is a number. */
static int look_at_first_line(ax_csv_scan s)
{
    ax_csv *t = s.t;
    double v;
    int stop;
    do {
        if ((stop = ax_csv_next(&s)) < 0)
            return -1;
        if (t->odd_name < 0 && s.len && ax_csv_number(&s, &v))
            t->odd_name = s.column;
        if (++s.column > AX_CSV_COLUMNS_MAX)
            return ax_fail(s.err, AX_ELIMIT, "more than %d columns", AX_CSV_COLUMNS_MAX);
    } while (stop == AX_CSV_COMMA);
    t->n_columns = s.column;
    return (t->column = AX_ARRAY(&t->arena, ax_csv_column, t->n_columns)) ? 0 : no_room(&s);
}

static int read_names(ax_csv_scan *s)
{
    ax_csv *t = s->t;
    t->named = 1;
    for (s->column = 0; s->column < t->n_columns; s->column++) {
        ax_csv_next(s);
        if (!s->len) {
            ax_csv_fail(s, AX_EINVAL, "the column has no name");
            return ax_err_hint(s->err, "pandas writes the row index like this: "
                                       "use to_csv(..., index=False)");
        }
        if (!(t->column[s->column].name = ax_arena_memdup(&t->arena, s->field, s->len)))
            return no_room(s);
    }
    return check_names(s);
}

static int number_columns(ax_csv_scan *s)
{
    ax_csv *t = s->t;
    for (int i = 0; i < t->n_columns; i++)
        if (!(t->column[i].name = ax_arena_printf(&t->arena, "%d", i + 1)))
            return no_room(s);
    return 0;
}

static void note_field(ax_csv_scan *s)
{
    ax_csv_column *c = &s->t->column[s->column];
    double v;
    if (ax_csv_missing(s)) {
        if (!c->missing++)
            c->first_missing_line = s->start;
    } else if (c->first_text_line && c->first_number_line) {
        return; /* a mixture: nothing more to be found out */
    } else if (!ax_csv_number(s, &v)) {
        c->first_text_line = c->first_text_line ? c->first_text_line : s->start;
    } else {
        c->first_number_line = c->first_number_line ? c->first_number_line : s->start;
        if (!c->first_wide_line && !isfinite((float)v))
            c->first_wide_line = s->start;
    }
}

int ax_csv_hint_separator(const ax_csv *t, ax_err *err)
{
    const char *other = t->n_columns == 1 ? strpbrk(t->column[0].name, ";\t") : NULL;
    if (other)
        ax_err_hint(err, "fields are separated by commas; this file seems to use %s",
                    *other == ';' ? "';'" : "tabs");
    return -1;
}

/* First pass: rows, widths, which columns are numbers. */
static int survey(ax_csv_scan s)
{
    ax_csv *t = s.t;
    for (; ax_csv_more_rows(&s); t->n_rows++) {
        int64_t line = s.line;
        int stop = AX_CSV_COMMA;
        for (s.column = 0; stop == AX_CSV_COMMA && s.column < t->n_columns; s.column++) {
            if ((stop = ax_csv_next(&s)) < 0)
                return -1;
            note_field(&s);
        }
        if (stop == AX_CSV_COMMA || s.column < t->n_columns)
            return ax_fail(s.err, AX_EPARSE, "line %lld has %s fields than the %d of the first line",
                           (long long)line, stop == AX_CSV_COMMA ? "more" : "fewer", t->n_columns);
    }
    if (t->n_rows)
        return 0;
    ax_fail(s.err, AX_EINVAL, "the table has no rows below the line that names its columns");
    return ax_csv_hint_separator(t, s.err);
}

static int take_memory(ax_csv_scan *s)
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
static int fill(ax_csv_scan s, void **tree, int32_t *seen)
{
    ax_csv *t = s.t;
    for (int64_t row = 0; row < t->n_rows; row++) {
        ax_csv_more_rows(&s);
        for (s.column = 0; s.column < t->n_columns; s.column++) {
            ax_csv_column *c = &t->column[s.column];
            ax_csv_next(&s);
            int missing = ax_csv_missing(&s);
            if (c->number) {
                if (missing)
                    c->number[row] = NAN;
                else
                    ax_csv_number(&s, &c->number[row]);
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

static int read_rows(ax_csv_scan *s)
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

static int read_table(ax_csv_scan *s, ax_csv_first first)
{
    if (!ax_csv_more_rows(s))
        return ax_fail(s->err, AX_EINVAL, "the table is empty");
    if (look_at_first_line(*s) < 0)
        return -1;
    int row = first == AX_CSV_ROW || (first == AX_CSV_EITHER && s->t->odd_name >= 0);
    return (row ? number_columns(s) : read_names(s)) < 0 ? -1 : read_rows(s);
}

int ax_csv_read(ax_csv *t, const char *text, size_t n, ax_csv_first first, size_t limit,
                ax_err *err)
{
    ax_csv_scan s;
    *t = (ax_csv){.odd_name = -1};
    ax_arena_init(&t->arena, limit ? limit : (size_t)2 << 30);
    int rc = ax_csv_scan_init(&s, t, text, n, err);
    if (rc == 0)
        rc = read_table(&s, first);
    ax_csv_scan_fini(&s);
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
