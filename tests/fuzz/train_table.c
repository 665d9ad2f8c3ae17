/* Any bytes as a table to learn from, the way a client may put one: the first line is the options,
 * JSON, the rest is the CSV file. It is refused with a reason, or each number of each sample is
 * what the table says, looked up here cell by cell. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "axon.h"
#include "base/json.h"
#include "base/memory.h"
#include "io/csv.h"
#include "train/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the machine's: nothing here may take long. */
int64_t ax_memory_budget(void)
{
    return 32 << 20;
}

/* What stands for a missing number lies among those that are there; "most_frequent" is one of them.
 */
static void check_fill(const ax_csv *t, const ax_csv_column *c, double fill)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < t->n_rows; i++) {
        low = fmin(low, c->number[i]);
        high = fmax(high, c->number[i]);
    }
    double slack = 1e-9 * fmax(fabs(low), fabs(high));
    assert(fill >= low - slack && fill <= high + slack);
}

static void check_number(const ax_csv *t, const ax_csv_column *c, const ax_table_column *k,
                         const float *x, int64_t stride)
{
    assert(!k->values && k->missing == c->missing);
    if (k->missing)
        check_fill(t, c, k->fill);
    for (int64_t i = 0; i < t->n_rows; i++) {
        double v = isnan(c->number[i]) ? k->fill : c->number[i];
        assert(isfinite(x[i * stride]) && x[i * stride] == (float)v);
    }
}

/* One of the features is 1, the others are 0. */
static void check_text(const ax_csv *t, const ax_csv_column *c, const ax_table_column *k,
                       const float *x, int64_t stride)
{
    assert(k->n_values == c->n_values && k->fill >= 0 && k->fill < k->n_values);
    for (int i = 0; i < k->n_values; i++)
        assert(!strcmp(k->values[i], c->values[i]));
    for (int64_t i = 0; i < t->n_rows; i++)
        for (int v = 0; v < k->n_values; v++)
            assert(x[i * stride + v] == (v == (c->code[i] < 0 ? (int)k->fill : c->code[i])));
}

static void check_labels(const ax_csv *t, const ax_csv_column *c, const ax_dataset *d)
{
    assert(!strcmp(d->label, c->name) && d->strings == !c->number && !c->missing);
    for (int64_t i = 0; i < t->n_rows; i++)
        if (c->code)
            assert(!strcmp(d->labels[d->train.classes[i]], c->values[c->code[i]]));
        else
            assert((d->train.classes ? (float)d->train.classes[i] : d->train.y[i]) ==
                   (float)c->number[i]);
}

static void check(const ax_csv *t, const ax_dataset *d)
{
    int64_t width = ax_shape_count(&d->x_shape), at = 0;
    assert(d->train.n == t->n_rows && d->n_columns == t->n_columns - 1);
    for (int i = 0, k = 0; i < t->n_columns; i++) {
        const ax_csv_column *c = &t->column[i];
        const ax_table_column *column = &d->columns[k];
        if (!strcmp(c->name, d->label)) {
            check_labels(t, c, d);
            continue;
        }
        k++;
        assert(!strcmp(column->name, c->name) && column->first == at);
        (c->number ? check_number : check_text)(t, c, column, (const float *)d->train.x + at,
                                                width);
        at += c->number ? 1 : c->n_values;
    }
    assert(at == width);
}

/* The description of it, and what a model file says. */
static void describe(const ax_dataset *d, const cJSON *source)
{
    int failed = 0;
    ax_err err = {0};
    cJSON *features = ax_dataset_features(d, &failed), *imputed = ax_dataset_imputed(d, &failed);
    assert(!failed && cJSON_GetArraySize(features) == ax_shape_count(&d->x_shape));
    for (int i = 0; i < d->n_columns; i++)
        assert(!d->columns[i].missing ==
               !cJSON_GetObjectItemCaseSensitive(imputed, d->columns[i].name));
    cJSON_Delete(features);
    cJSON_Delete(imputed);
    cJSON *about = ax_dataset_describe(source, NULL, 1, &err);
    char *text = about ? ax_json_text(about, 0) : NULL;
    assert(text);
    cJSON_free(text);
    cJSON_Delete(about);
}

static void load(const cJSON *source, const char *csv, size_t size)
{
    ax_dataset d;
    ax_csv t;
    ax_err err = {0};
    if (ax_dataset_load(&d, source, NULL, 1, &err)) {
        assert(err.code != AX_OK && *err.msg);
        return;
    }
    ax_csv_first first = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(source, "header"))
                             ? AX_CSV_ROW
                             : AX_CSV_NAMES;
    assert(!ax_csv_read(&t, csv, size, first, 0, &err));
    check(&t, &d);
    describe(&d, source);
    ax_csv_free(&t);
    ax_dataset_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    ax_err err;
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    cJSON *source = line ? ax_json_parse((const char *)data, (size_t)(line - data), &err) : NULL;
    if (!cJSON_IsObject(source)) {
        cJSON_Delete(source);
        return 0;
    }
    size -= (size_t)(++line - data);
    int fd = memfd_create("table", 0);
    assert(fd >= 0 && write(fd, line, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cJSON_DeleteItemFromObjectCaseSensitive(source, "csv");
    if (!cJSON_AddStringToObject(source, "csv", path))
        assert(0);
    load(source, (const char *)line, size);
    cJSON_Delete(source);
    close(fd);
    return 0;
}
