/* dataset_csv.c - a table as samples: one column is the label, the others are features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "io/csv.h"
#include "train/dataset_impl.h"

/* All columns but the label are features; text columns and missing values are refused here. */
static int csv_feature(const ax_csv *t, int c, float *out, int64_t stride, ax_err *err)
{
    const ax_csv_column *col = &t->column[c];
    char name[96];
    ax_csv_column_str(t, c, name, sizeof name);
    if (!col->number)
        return ax_fail(err, AX_ETYPE, "%s holds text in line %lld; features must be numbers", name,
                       (long long)col->first_text_line);
    if (col->missing)
        return ax_fail(err, AX_EINVAL, "%s has %lld missing values, the first in line %lld", name,
                       (long long)col->missing, (long long)col->first_missing_line);
    for (int64_t i = 0; i < t->n_rows; i++) {
        out[i * stride] = (float)col->number[i];
        if (!isfinite(out[i * stride]))
            return ax_fail(err, AX_ERANGE, "%s of sample %lld: %s does not fit float32", name,
                           (long long)i, AX_NUMBER(col->number[i]));
    }
    return 0;
}

static int csv_features(ax_dataset *d, const ax_csv *t, int label, ax_tensor *x, ax_err *err)
{
    int64_t n = t->n_rows, f = t->n_columns - 1, at = 0;
    if (f == 0) {
        ax_fail(err, AX_EINVAL, "the table has no column besides the label");
        return ax_csv_hint_separator(t, err);
    }
    float *v = ax_dataset_own(d, malloc((size_t)(n * f) * sizeof *v));
    if (!v)
        return ax_fail(err, AX_ENOMEM, "no memory for the table");
    for (int c = 0; c < t->n_columns; c++)
        if (c != label && csv_feature(t, c, v + at++, f, err))
            return -1;
    *x = (ax_tensor){AX_F32, AX_SHAPE(n, f), v};
    return 0;
}

static int csv_strings(ax_dataset *d, const ax_csv_column *col, ax_err *err)
{
    d->strings = 1;
    d->labels = AX_ARRAY(&d->arena, const char *, col->n_values);
    for (int i = 0; d->labels && i < col->n_values; i++)
        if (!(d->labels[i] = ax_arena_strdup(&d->arena, col->values[i])))
            return ax_fail(err, AX_ENOMEM, "no memory for the labels");
    return d->labels ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the labels");
}

static int csv_labels(ax_dataset *d, const ax_csv *t, int at, ax_tensor *y, ax_err *err)
{
    const ax_csv_column *col = &t->column[at];
    int64_t n = t->n_rows;
    char name[96];
    int whole = 1;
    ax_csv_column_str(t, at, name, sizeof name);
    if (col->missing)
        return ax_fail(err, AX_EINVAL, "the label, %s, has missing values, the first in line %lld",
                       name, (long long)col->first_missing_line);
    int32_t *c = ax_dataset_own(d, malloc((size_t)n * sizeof *c));
    float *f = ax_dataset_own(d, malloc((size_t)n * sizeof *f));
    if (!c || !f)
        return ax_fail(err, AX_ENOMEM, "no memory for the labels");
    for (int64_t i = 0; i < n; i++) {
        double v = col->number ? col->number[i] : col->code[i];
        f[i] = (float)v;
        whole &= v == floor(v) && v >= 0 && v < AX_MAX_CLASSES;
        c[i] = whole ? (int32_t)v : 0;
    }
    if (!whole && !col->number)
        return ax_fail(err, AX_ELIMIT, "the label, %s, holds text of more than %d kinds", name,
                       AX_MAX_CLASSES);
    *y = whole ? (ax_tensor){AX_I32, AX_SHAPE(n), c} : (ax_tensor){AX_F32, AX_SHAPE(n), f};
    return col->number ? 0 : csv_strings(d, col, err);
}

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
    return ax_err_hint(err, "\"header\":false takes the line for a sample, true for names");
}

static int read_csv(ax_csv *t, const cJSON *o, const char *path, const char *label, ax_err *err)
{
    int header = 1, given = cJSON_GetObjectItemCaseSensitive(o, "header") != NULL;
    ax_map m;
    if (ax_json_bool(o, "header", 1, &header, err) || ax_map_open(&m, path, err))
        return -1;
    int bad =
        ax_csv_read(t, (const char *)m.data, m.size, header ? AX_CSV_NAMES : AX_CSV_ROW, 0, err);
    ax_map_close(&m);
    if (bad || given || !check_header(t, label, err))
        return bad;
    ax_csv_free(t);
    return -1;
}

int ax_dataset_csv(ax_dataset *d, const cJSON *o, const char *path, ax_err *err)
{
    static const char *const known[] = {"csv", "label", "header"};
    const char *label;
    ax_csv t;
    ax_tensor x, y;
    if (ax_json_known(o, known, 3, err) || ax_json_str(o, "label", NULL, &label, err) ||
        read_csv(&t, o, path, label, err))
        return -1;
    int at = label ? ax_csv_find(&t, label, err) : t.n_columns - 1;
    int bad = at < 0 ? ax_err_in(err, "label")
                     : csv_features(d, &t, at, &x, err) || csv_labels(d, &t, at, &y, err) ||
                           ax_dataset_take(d, &d->train, &x, &y, err);
    ax_csv_free(&t);
    return bad ? -1 : 0;
}
