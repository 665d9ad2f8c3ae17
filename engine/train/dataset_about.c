/* dataset_about.c - what is in a data set, as JSON: for who wants to know without training.
 *
 * Lists are bounded, so that a description is small whatever the set is. */
#include <stdio.h>
#include <stdlib.h>

#include "axon.h"
#include "train/dataset.h"

enum { SAMPLES = 3, NUMBERS = 64, CLASSES = 1000 }; /* shown: rows, numbers of one, classes */

static cJSON *number(double v)
{
    return cJSON_CreateNumber(v);
}

/* A float as its shortest text, read back: 0.1 and not 0.10000000149. */
static cJSON *short_number(float v)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return number(strtod(text, NULL));
}

/* ---- features ---------------------------------------------------------------------------------- */

static cJSON *feature_name(const ax_table_column *c, int value)
{
    ax_arena mem;
    ax_arena_init(&mem, 0);
    const char *text = c->values ? ax_arena_printf(&mem, "%s=%s", c->name, c->values[value]) : c->name;
    cJSON *s = text ? cJSON_CreateString(text) : NULL;
    ax_arena_fini(&mem);
    return s;
}

cJSON *ax_dataset_features(const ax_dataset *d, int *failed)
{
    if (!d->columns)
        return NULL;
    cJSON *list = cJSON_CreateArray();
    int bad = !list;
    for (int i = 0; i < d->n_columns && !bad; i++) {
        const ax_table_column *c = &d->columns[i];
        int n = c->values ? c->n_values : 1;
        for (int v = 0; v < n && !bad; v++)
            bad = ax_json_put(list, NULL, feature_name(c, v));
    }
    *failed |= bad;
    return list;
}

static cJSON *filled(const ax_table_column *c)
{
    return c->values ? cJSON_CreateString(c->values[(int)c->fill]) : number(c->fill);
}

cJSON *ax_dataset_imputed(const ax_dataset *d, int *failed)
{
    cJSON *o = NULL;
    int bad = 0;
    for (int i = 0; i < d->n_columns && !bad; i++) {
        const ax_table_column *c = &d->columns[i];
        if (!c->missing)
            continue;
        o = o ? o : cJSON_CreateObject();
        bad = ax_json_put(o, c->name, filled(c));
    }
    *failed |= bad;
    return o;
}

/* Least, mean and largest of column `at` of v (n, stride). */
static int put_spread(cJSON *o, const float *v, int64_t n, int64_t stride, int64_t at)
{
    float low = v[at], high = v[at];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float x = v[i * stride + at];
        low = x < low ? x : low;
        high = x > high ? x : high;
        sum += x;
    }
    return ax_json_put(o, "min", short_number(low)) || ax_json_put(o, "max", short_number(high)) ||
           ax_json_put(o, "mean", short_number((float)(sum / (double)n)));
}

static cJSON *column(const ax_dataset *d, const ax_table_column *c)
{
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, "name", cJSON_CreateString(c->name)) ||
              ax_json_put(o, "type", cJSON_CreateString(c->values ? "text" : "number")) ||
              ax_json_put(o, "missing", number((double)c->missing)) ||
              (c->missing && ax_json_put(o, "imputed", filled(c))) ||
              (c->values ? ax_json_put(o, "values", cJSON_CreateStringArray(c->values, c->n_values))
                         : put_spread(o, d->train.x, d->train.n, ax_shape_count(&d->x_shape), c->first));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static int put_columns(cJSON *o, const ax_dataset *d)
{
    cJSON *list = cJSON_CreateArray();
    int bad = 0;
    for (int i = 0; i < d->n_columns && !bad; i++)
        bad = ax_json_put(list, NULL, column(d, &d->columns[i]));
    return ax_json_put(o, "columns", list) || bad;
}

/* ---- classes and targets ----------------------------------------------------------------------- */

static int64_t *count_classes(const ax_dataset *d, const ax_samples *s)
{
    int64_t *n = calloc((size_t)d->n_classes + 1, sizeof *n);
    for (int64_t i = 0; n && i < s->n; i++)
        n[s->classes[i]]++;
    return n;
}

static cJSON *class_of(const ax_dataset *d, int i, const int64_t *train, const int64_t *test)
{
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, "class", number(i)) ||
              (d->labels && ax_json_put(o, "label", cJSON_CreateString(d->labels[i]))) ||
              ax_json_put(o, "rows", number((double)train[i])) ||
              (d->test.n && ax_json_put(o, "test_rows", number((double)test[i])));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static int put_classes(cJSON *o, const ax_dataset *d)
{
    static const ax_samples none;
    int64_t *train = count_classes(d, &d->train);
    int64_t *test = count_classes(d, d->test.classes ? &d->test : &none);
    cJSON *list = cJSON_CreateArray();
    int bad = !train || !test;
    for (int i = 0; i < d->n_classes && i < CLASSES && !bad; i++)
        bad = ax_json_put(list, NULL, class_of(d, i, train, test));
    free(train);
    free(test);
    return ax_json_put(o, "n_classes", number(d->n_classes)) || ax_json_put(o, "classes", list) || bad;
}

static cJSON *dims(const ax_shape *s)
{
    int dim[AX_MAX_RANK];
    for (int i = 0; i < s->rank; i++)
        dim[i] = s->dim[i] > INT32_MAX ? INT32_MAX : (int)s->dim[i];
    return cJSON_CreateIntArray(dim, s->rank);
}

static int put_target(cJSON *o, const ax_dataset *d)
{
    if (d->train.classes)
        return put_classes(o, d);
    int64_t width = ax_shape_count(&d->y_shape);
    cJSON *t = cJSON_CreateObject();
    int bad = ax_json_put(t, "shape", dims(&d->y_shape)) ||
              (width == 1 && put_spread(t, d->train.y, d->train.n, 1, 0));
    return ax_json_put(o, "targets", t) || bad;
}

/* ---- samples ------------------------------------------------------------------------------------ */

static cJSON *numbers(const float *v, int64_t n)
{
    cJSON *list = cJSON_CreateArray();
    int bad = 0;
    for (int64_t i = 0; i < n && i < NUMBERS && !bad; i++)
        bad = ax_json_put(list, NULL, short_number(v[i]));
    if (!bad)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static cJSON *target(const ax_dataset *d, int64_t i)
{
    int64_t width = ax_shape_count(&d->y_shape);
    if (!d->train.classes)
        return width == 1 ? short_number(d->train.y[i]) : numbers(d->train.y + i * width, width);
    return d->labels ? cJSON_CreateString(d->labels[d->train.classes[i]]) : number(d->train.classes[i]);
}

static int put_samples(cJSON *o, const ax_dataset *d)
{
    int64_t width = ax_shape_count(&d->x_shape);
    float *x = malloc((size_t)width * sizeof *x);
    cJSON *list = cJSON_CreateArray();
    int bad = !x;
    for (int64_t i = 0; i < d->train.n && i < SAMPLES && !bad; i++) {
        cJSON *s = cJSON_CreateObject();
        ax_sample_fetch(d, &d->train, i, NULL, (ax_rng){0}, 0, x);
        bad = ax_json_put(s, "x", numbers(x, width)) || ax_json_put(s, "y", target(d, i));
        bad |= ax_json_put(list, NULL, s);
    }
    free(x);
    return ax_json_put(o, "sample", list) || bad;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static cJSON *about(const ax_dataset *d)
{
    int failed = 0;
    cJSON *o = cJSON_CreateObject();
    failed |= ax_json_put(o, "kind", cJSON_CreateString(d->kind)) ||
              ax_json_put(o, "rows", number((double)d->train.n)) ||
              ax_json_put(o, "test_rows", number((double)d->test.n)) ||
              ax_json_put(o, "type", cJSON_CreateString(ax_dtype_name(d->x_type))) ||
              ax_json_put(o, "shape", dims(&d->x_shape));
    cJSON *features = failed ? NULL : ax_dataset_features(d, &failed);
    if (features)
        failed |= ax_json_put(o, "features", features) || put_columns(o, d) ||
                  ax_json_put(o, "label", cJSON_CreateString(d->label));
    if (!failed && !put_target(o, d) && !put_samples(o, d))
        return o;
    cJSON_Delete(o);
    return NULL;
}

cJSON *ax_dataset_describe(const cJSON *source, const char *data_dir, int allow_paths, ax_err *err)
{
    ax_dataset d;
    if (ax_dataset_load(&d, source, data_dir, allow_paths, err))
        return NULL;
    cJSON *o = about(&d);
    ax_dataset_free(&d);
    if (!o)
        ax_fail(err, AX_ENOMEM, "no memory for the description of a data set");
    return o;
}
