/* dataset_csv.c - a table as samples: one column is the label, the others are features.
 *
 * A number column is a feature, a text column one per value, in byte order. Each column is looked at
 * and planned first, so that the features have their memory at once and every fault of the table is
 * told with its line before any is filled in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "io/csv.h"
#include "train/dataset_impl.h"

enum { VALUES_MAX = 1000 }; /* of a text column */

typedef enum missing_rule { REFUSE, MEAN, MEDIAN, MOST_FREQUENT, RULES } missing_rule;

static const char *const rule_names[RULES] = {"refuse", "mean", "median", "most_frequent"};

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the table");
}

/* ---- what stands where a value is missing ------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of v[0..n), ascending; the smaller one where two are equally frequent. */
static double most_frequent(const double *v, int64_t n)
{
    int64_t best = 0;
    double value = v[0];
    for (int64_t i = 0, from = 0; i < n; i++) {
        from = v[i] == v[from] ? from : i;
        if (i - from + 1 > best) {
            best = i - from + 1;
            value = v[i];
        }
    }
    return value;
}

static int fill_number(const ax_csv_column *c, int64_t rows, missing_rule rule, double *out, ax_err *err)
{
    int64_t n = 0;
    double sum = 0, *v = malloc((size_t)(rows - c->missing) * sizeof *v);
    if (!v)
        return no_memory(err);
    for (int64_t i = 0; i < rows; i++)
        if (!isnan(c->number[i])) {
            sum += c->number[i];
            v[n++] = c->number[i];
        }
    if (rule != MEAN)
        qsort(v, (size_t)n, sizeof *v, by_size);
    *out = rule == MEAN     ? sum / (double)n
           : rule == MEDIAN ? v[(n - 1) / 2] / 2 + v[n / 2] / 2
                            : most_frequent(v, n);
    free(v);
    return 0;
}

/* The code of the most frequent text; the first in byte order where two are equally frequent. */
static int fill_text(const ax_csv_column *c, int64_t rows, int *out, ax_err *err)
{
    int64_t *count = calloc((size_t)c->n_values, sizeof *count);
    if (!count)
        return no_memory(err);
    for (int64_t i = 0; i < rows; i++)
        if (c->code[i] >= 0)
            count[c->code[i]]++;
    *out = 0;
    for (int i = 1; i < c->n_values; i++)
        if (count[i] > count[*out])
            *out = i;
    free(count);
    return 0;
}

/* ---- features ------------------------------------------------------------------------------------ */

static int check_feature(const ax_csv *t, int at, missing_rule rule, ax_err *err)
{
    const ax_csv_column *c = &t->column[at];
    char name[96];
    ax_csv_column_str(t, at, name, sizeof name);
    if (c->first_text_line && c->first_number_line) {
        ax_fail(err, AX_ETYPE, "%s holds text in line %lld, but a number in line %lld", name,
                (long long)c->first_text_line, (long long)c->first_number_line);
        return ax_err_hint(err, "a feature is all numbers, or all text, which becomes one feature per value");
    }
    if (c->missing && rule == REFUSE) {
        ax_fail(err, AX_EINVAL, "%s has %lld missing values, the first in line %lld", name,
                (long long)c->missing, (long long)c->first_missing_line);
        return ax_err_hint(err, "missing=mean, median or most_frequent fills them in");
    }
    if (c->missing == t->n_rows)
        return ax_fail(err, AX_EINVAL, "%s has no value at all", name);
    if (c->first_wide_line)
        return ax_fail(err, AX_ERANGE, "%s holds a number in line %lld that does not fit float32", name,
                       (long long)c->first_wide_line);
    if (c->n_values <= VALUES_MAX)
        return 0;
    ax_fail(err, AX_ELIMIT, "%s holds text of %d kinds; each would be a feature, at most %d are made", name,
            c->n_values, VALUES_MAX);
    return ax_err_hint(err, "leave the column out, or put its values into groups");
}

/* What the column will be, from feature `first` on. */
static int plan_column(ax_dataset *d, const ax_csv *t, int at, missing_rule rule, int64_t first,
                       ax_table_column *out, ax_err *err)
{
    const ax_csv_column *c = &t->column[at];
    int code = 0;
    if (check_feature(t, at, rule, err))
        return -1;
    *out = (ax_table_column){.name = ax_arena_strdup(&d->arena, c->name), .first = first,
                             .n_values = c->n_values, .missing = c->missing};
    if (!out->name)
        return no_memory(err);
    if (c->number)
        return c->missing ? fill_number(c, t->n_rows, rule, &out->fill, err) : 0;
    if (!(out->values = AX_ARRAY(&d->arena, const char *, c->n_values)))
        return no_memory(err);
    for (int i = 0; i < c->n_values; i++)
        if (!(out->values[i] = ax_arena_strdup(&d->arena, c->values[i])))
            return no_memory(err);
    if (c->missing && fill_text(c, t->n_rows, &code, err))
        return -1;
    out->fill = code;
    return 0;
}

static void put_column(const ax_csv_column *c, const ax_table_column *plan, int64_t rows, float *x,
                       int64_t stride)
{
    x += plan->first;
    for (int64_t i = 0; i < rows; i++, x += stride)
        if (c->number)
            *x = (float)(isnan(c->number[i]) ? plan->fill : c->number[i]);
        else
            x[c->code[i] < 0 ? (int)plan->fill : c->code[i]] = 1;
}

static int csv_features(ax_dataset *d, const ax_csv *t, int label, missing_rule rule, ax_tensor *x,
                        ax_err *err)
{
    int64_t n = t->n_rows, width = 0, most = ax_dataset_limit();
    if (t->n_columns == 1) {
        ax_fail(err, AX_EINVAL, "the table has no column besides the label");
        return ax_csv_hint_separator(t, err);
    }
    if (!(d->columns = AX_ARRAY(&d->arena, ax_table_column, t->n_columns - 1)))
        return no_memory(err);
    for (int c = 0; c < t->n_columns; c++) {
        if (c == label)
            continue;
        if (plan_column(d, t, c, rule, width, &d->columns[d->n_columns], err))
            return -1;
        width += t->column[c].number ? 1 : t->column[c].n_values;
        d->n_columns++;
    }
    if (n > most / (int64_t)sizeof(float) / width)
        return ax_fail(err, AX_ELIMIT, "%lld rows of %lld features need more than the %lld MiB of memory a data set may take",
                       (long long)n, (long long)width, (long long)(most >> 20));
    float *v = ax_dataset_own(d, calloc((size_t)(n * width), sizeof *v));
    if (!v)
        return no_memory(err);
    for (int c = 0, k = 0; c < t->n_columns; c++)
        if (c != label)
            put_column(&t->column[c], &d->columns[k++], n, v, width);
    *x = (ax_tensor){AX_F32, AX_SHAPE(n, width), v};
    return 0;
}

/* ---- the label ----------------------------------------------------------------------------------- */

static int csv_strings(ax_dataset *d, const ax_csv_column *col, ax_err *err)
{
    d->strings = 1;
    d->labels = AX_ARRAY(&d->arena, const char *, col->n_values);
    for (int i = 0; d->labels && i < col->n_values; i++)
        if (!(d->labels[i] = ax_arena_strdup(&d->arena, col->values[i])))
            return no_memory(err);
    return d->labels ? 0 : no_memory(err);
}

static int check_label(const ax_csv *t, int at, ax_err *err)
{
    const ax_csv_column *c = &t->column[at];
    char name[96];
    ax_csv_column_str(t, at, name, sizeof name);
    if (c->missing)
        return ax_fail(err, AX_EINVAL, "the label, %s, has missing values, the first in line %lld",
                       name, (long long)c->first_missing_line);
    if (c->first_wide_line && c->number)
        return ax_fail(err, AX_ERANGE, "the label, %s, is a number in line %lld that does not fit float32",
                       name, (long long)c->first_wide_line);
    if (c->n_values > AX_MAX_CLASSES)
        return ax_fail(err, AX_ELIMIT, "the label, %s, holds text of more than %d kinds", name,
                       AX_MAX_CLASSES);
    return 0;
}

static int csv_labels(ax_dataset *d, const ax_csv *t, int at, ax_tensor *y, ax_err *err)
{
    const ax_csv_column *col = &t->column[at];
    int64_t n = t->n_rows;
    int whole = 1;
    if (check_label(t, at, err))
        return -1;
    int32_t *c = ax_dataset_own(d, malloc((size_t)n * sizeof *c));
    float *f = ax_dataset_own(d, malloc((size_t)n * sizeof *f));
    d->label = ax_arena_strdup(&d->arena, col->name);
    if (!c || !f || !d->label)
        return no_memory(err);
    for (int64_t i = 0; i < n; i++) {
        double v = col->number ? col->number[i] : col->code[i];
        f[i] = (float)v;
        whole &= v == floor(v) && v >= 0 && v < AX_MAX_CLASSES;
        c[i] = whole ? (int32_t)v : 0;
    }
    *y = whole ? (ax_tensor){AX_I32, AX_SHAPE(n), c} : (ax_tensor){AX_F32, AX_SHAPE(n), f};
    return col->number ? 0 : csv_strings(d, col, err);
}

/* ---- the source ---------------------------------------------------------------------------------- */

/* A first line that holds a number may be a row: a sample must not get lost as names. */
static int check_header(const ax_csv *t, const char *label, ax_err *err)
{
    if (t->odd_name < 0)
        return 0;
    for (int i = 0; label && i < t->n_columns; i++)
        if (!strcmp(t->column[i].name, label))
            return 0;
    ax_fail(err, AX_EINVAL, "the first line has the number %s where the name of column %d belongs",
            t->column[t->odd_name].name, t->odd_name + 1);
    return ax_err_hint(err, "\"header\":false (in a URL header=false) takes the line for a sample, true for names");
}

static int read_csv(ax_csv *t, const cJSON *o, const char *path, const char *label, ax_err *err)
{
    int header = 1, given = cJSON_GetObjectItemCaseSensitive(o, "header") != NULL;
    ax_map m;
    if (ax_json_bool(o, "header", 1, &header, err) || ax_map_open(&m, path, err))
        return -1;
    int bad = ax_csv_read(t, (const char *)m.data, m.size, header ? AX_CSV_NAMES : AX_CSV_ROW,
                          (size_t)ax_dataset_limit(), err);
    ax_map_close(&m);
    if (bad || given || !check_header(t, label, err))
        return bad;
    ax_csv_free(t);
    return -1;
}

static int read_rule(const cJSON *o, missing_rule *out, ax_err *err)
{
    const char *name;
    if (ax_json_str(o, "missing", rule_names[*out], &name, err))
        return -1;
    for (int i = 0; i < RULES; i++)
        if (!strcmp(rule_names[i], name)) {
            *out = (missing_rule)i;
            return 0;
        }
    ax_fail(err, AX_EINVAL, "'%.60s' is none of refuse, mean, median, most_frequent", name);
    return ax_err_in(err, "missing");
}

int ax_dataset_csv(ax_dataset *d, const cJSON *o, const char *path, ax_err *err)
{
    static const char *const known[] = {"csv", "label", "header", "missing"};
    const char *label;
    missing_rule rule = REFUSE;
    ax_csv t;
    ax_tensor x, y;
    if (!path) {
        ax_fail(err, AX_ETYPE, "expected the path of a file");
        return ax_err_in(err, "csv");
    }
    if (ax_json_known(o, known, 4, err) || ax_json_str(o, "label", NULL, &label, err) ||
        read_rule(o, &rule, err) || read_csv(&t, o, path, label, err))
        return -1;
    int at = label ? ax_csv_find(&t, label, err) : t.n_columns - 1;
    int bad = at < 0 ? ax_err_in(err, "label")
                     : csv_features(d, &t, at, rule, &x, err) || csv_labels(d, &t, at, &y, err) ||
                           ax_dataset_take(d, &d->train, &x, &y, err);
    ax_csv_free(&t);
    return bad ? -1 : 0;
}
