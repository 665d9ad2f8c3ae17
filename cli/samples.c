/* samples.c - see samples.h. */
#include "samples.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensors.h"

static const size_t file_limit = (size_t)1 << 30;
static const size_t memory_limit = (size_t)8 << 30;

static int begins(const char *bytes, size_t n, const char *magic, size_t len)
{
    return n >= len && !memcmp(bytes, magic, len);
}

/* Memory for `rows` samples of input i. */
static int make_room(samples *s, const ax_model_info *m, int i, int64_t rows, ax_err *err)
{
    const ax_port *p = &m->inputs[i];
    if (s->rows && rows != s->rows)
        return ax_fail(err, AX_ESHAPE, "input '%s' has %lld samples, '%s' has %lld", p->name,
                       (long long)rows, m->inputs[0].name, (long long)s->rows);
    s->rows = rows;
    s->data[i] = ax_arena_array(&s->mem, (size_t)rows,
                                (size_t)ax_shape_count(&p->shape) * ax_dtype_size(p->dtype));
    return s->data[i] ? 0 : ax_fail(err, AX_ENOMEM, "no memory for %lld samples", (long long)rows);
}

static int one_input(const ax_model_info *m, const char *kind, ax_err *err)
{
    if (m->n_inputs == 1)
        return 0;
    ax_fail(err, AX_EUNSUPPORTED, "the model takes %d inputs, but a %s file holds one", m->n_inputs,
            kind);
    return ax_err_hint(err, "give JSON: {\"inputs\":{\"NAME\":[...],...}}");
}

/* ---- pictures -------------------------------------------------------------------------------- */

static int read_picture(samples *s, const uint8_t *bytes, size_t n, const ax_model_info *m,
                        ax_err *err)
{
    char text[160];
    if (one_input(m, "picture", err))
        return -1;
    const ax_port *p = &m->inputs[0];
    const int64_t *d = p->shape.dim;
    int flat = p->shape.rank == 2; /* (h, w) without channels is grey */
    int channels = flat ? 1 : p->shape.rank == 3 && (d[0] == 1 || d[0] == 3) ? (int)d[0] : 0;
    int64_t h = flat ? d[0] : d[1], w = flat ? d[1] : d[2];
    if (!channels || h > AX_IMAGE_SIDE_MAX || w > AX_IMAGE_SIDE_MAX)
        return ax_fail(
            err, AX_ESHAPE,
            "a picture does not fit input '%s' of shape %s: expected (1 or 3, height, width)",
            p->name, ax_shape_str(&p->shape, text, sizeof text));
    int64_t count = ax_shape_count(&p->shape);
    float *pixels = AX_ARRAY(&s->mem, float, count);
    if (!pixels || make_room(s, m, 0, 1, err))
        return pixels ? -1 : ax_fail(err, AX_ENOMEM, "no memory for a picture");
    if (ax_image_decode(bytes, n, channels, (int)h, (int)w, pixels, err))
        return -1;
    for (int64_t i = 0; !ax_is_float(p->dtype) && i < count; i++)
        pixels[i] = rintf(pixels[i]);
    ax_tensor t = {AX_F32, p->shape, pixels};
    return tensor_convert(&t, p->dtype, s->data[0], err);
}

/* ---- npy ------------------------------------------------------------------------------------- */

static int check_finite(const ax_tensor *t, const ax_port *p, int64_t rows, ax_err *err)
{
    int64_t i = tensor_non_finite(t->dtype, t->data, ax_shape_count(&t->shape));
    if (i < 0)
        return 0;
    int64_t count = ax_shape_count(&t->shape) / rows;
    ax_fail(err, AX_ERANGE, "element %lld is %s", (long long)(i % count),
            isnan(tensor_number(t->dtype, t->data, i)) ? "NaN" : "infinite");
    return ax_err_in(err, "%s[%lld]", p->name, (long long)(i / count));
}

static int read_npy(samples *s, const uint8_t *bytes, size_t n, const ax_model_info *m, ax_err *err)
{
    ax_tensor t = {0};
    int64_t rows;
    int bare;
    if (one_input(m, "npy", err) || ax_npy_read(bytes, n, &t, err))
        return -1;
    int bad = tensor_rows(&t.shape, &m->inputs[0], &rows, &bare, err) ||
              check_finite(&t, &m->inputs[0], rows, err) || make_room(s, m, 0, rows, err) ||
              tensor_convert(&t, m->inputs[0].dtype, s->data[0], err);
    free(t.data);
    return bad ? -1 : 0;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static int take_table(samples *s, const ax_csv *t, const ax_model_info *m, ax_err *err)
{
    const ax_port *p = &m->inputs[0];
    int64_t count = ax_shape_count(&p->shape);
    if (t->n_columns != count)
        return ax_fail(err, AX_ESHAPE,
                       "the table has %d columns, input '%s' takes %lld numbers a sample",
                       t->n_columns, p->name, (long long)count);
    if (make_room(s, m, 0, t->n_rows, err))
        return -1;
    for (int c = 0; c < t->n_columns; c++) {
        const ax_csv_column *col = &t->column[c];
        char column[96];
        ax_csv_column_str(t, c, column, sizeof column);
        if (!col->number)
            return ax_fail(err, AX_ETYPE, "%s holds text in line %lld, expected numbers", column,
                           (long long)col->first_text_line);
        if (col->missing)
            return ax_fail(err, AX_EINVAL, "%s has %lld missing values, the first in line %lld",
                           column, (long long)col->missing, (long long)col->first_missing_line);
        for (int64_t r = 0; r < t->n_rows; r++)
            if (!isfinite(col->number[r]) ||
                tensor_store(col->number[r], p->dtype, s->data[0], r * count + c))
                return ax_fail(err, AX_ERANGE, "%s of sample %lld: %s does not fit %s", column,
                               (long long)r, AX_NUMBER(col->number[r]), ax_dtype_name(p->dtype));
    }
    return 0;
}

static int read_csv(samples *s, const char *text, size_t n, const ax_model_info *m, ax_err *err)
{
    ax_csv t;
    if (one_input(m, "CSV", err) || ax_csv_read(&t, text, n, AX_CSV_EITHER, 0, err))
        return -1;
    int bad = take_table(s, &t, m, err);
    ax_csv_free(&t);
    return bad;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The lengths of nested arrays, read off their first elements. */
static int nested_shape(const cJSON *j, ax_shape *s, ax_err *err)
{
    *s = (ax_shape){0};
    for (; cJSON_IsArray(j); j = j->child) {
        if (s->rank == AX_MAX_RANK)
            return ax_fail(err, AX_ESHAPE, "nested deeper than %d", AX_MAX_RANK);
        if (!j->child)
            return ax_fail(err, AX_ESHAPE, "an array is empty");
        s->dim[s->rank++] = cJSON_GetArraySize(j);
    }
    return 0;
}

static int fill(const cJSON *j, const ax_shape *s, int d, ax_dtype type, void *out, int64_t *at,
                ax_err *err)
{
    if (d == s->rank) {
        double v = cJSON_IsBool(j) ? cJSON_IsTrue(j) : j->valuedouble;
        if (!cJSON_IsNumber(j) && !(cJSON_IsBool(j) && type == AX_BOOL))
            return ax_fail(err, AX_ETYPE, "expected a number");
        if (!isfinite(v) || tensor_store(v, type, out, (*at)++))
            return ax_fail(err, AX_ERANGE, "%s does not fit %s", AX_NUMBER(v), ax_dtype_name(type));
        return 0;
    }
    if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != s->dim[d])
        return ax_fail(err, AX_ESHAPE, "expected an array of %lld, as the first one is",
                       (long long)s->dim[d]);
    int64_t i = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, j)
    {
        if (fill(e, s, d + 1, type, out, at, err))
            return ax_err_in(err, "[%lld]", (long long)i);
        i++;
    }
    return 0;
}

static int take_json(samples *s, const cJSON *j, const ax_model_info *m, int i, ax_err *err)
{
    ax_shape shape;
    int64_t rows, at = 0;
    int bare;
    return nested_shape(j, &shape, err) || tensor_rows(&shape, &m->inputs[i], &rows, &bare, err) ||
                   make_room(s, m, i, rows, err) ||
                   fill(j, &shape, 0, m->inputs[i].dtype, s->data[i], &at, err)
               ? -1
               : 0;
}

static int take_inputs(samples *s, const cJSON *j, const ax_model_info *m, ax_err *err)
{
    const char *names[SAMPLES_INPUTS];
    if (!cJSON_IsObject(j)) {
        if (m->n_inputs > 1)
            return ax_fail(err, AX_EINVAL,
                           "the model takes %d inputs: expected an object with an array for each",
                           m->n_inputs);
        return take_json(s, j, m, 0, err);
    }
    for (int i = 0; i < m->n_inputs; i++)
        names[i] = m->inputs[i].name;
    if (ax_json_known(j, names, m->n_inputs, err))
        return -1;
    for (int i = 0; i < m->n_inputs; i++) {
        const cJSON *e = cJSON_GetObjectItemCaseSensitive(j, names[i]);
        if (!e)
            return ax_fail(err, AX_EINVAL, "input '%s' is missing", names[i]);
        if (take_json(s, e, m, i, err))
            return ax_err_in(err, "%s", names[i]);
    }
    return 0;
}

/* A body for POST /predict may have fields that say how to answer: here the command line says it.
 */
static int check_fields(const cJSON *j, ax_err *err)
{
    static const struct {
        const char *name, *instead;
    } others[] = {
        {"model", "the model is the first argument of the command"},
        {"top", "--top N on the command line does it for all files"},
        {"outputs", "all outputs of the model are told; inner layers are for POST /predict"},
        {"non_finite", "such an output is an error here; axond run writes it as it is"},
        {"timings", "axond bench measures"},
        {"deadline_ms", "a command takes the time it needs"},
    };
    static const char *const known[] = {"inputs", "instances"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!cJSON_GetObjectItemCaseSensitive(j, others[i].name))
            continue;
        ax_fail(err, AX_EINVAL, "the field '%s' of POST /predict is not taken from a file",
                others[i].name);
        return ax_err_hint(err, "%s", others[i].instead);
    }
    if (cJSON_GetObjectItemCaseSensitive(j, known[0]) &&
        cJSON_GetObjectItemCaseSensitive(j, known[1]))
        return ax_fail(err, AX_EINVAL, "'instances' is another word for 'inputs': expected one");
    return ax_json_known(j, known, 2, err);
}

static int read_json(samples *s, const char *text, size_t n, const ax_model_info *m, ax_err *err)
{
    cJSON *j = ax_json_parse(text, n, err);
    const char *field = "inputs";
    const cJSON *inputs = j;
    int bad = !j;
    if (cJSON_IsObject(j)) {
        bad = check_fields(j, err);
        if (!cJSON_GetObjectItemCaseSensitive(j, field))
            field = "instances";
        inputs = cJSON_GetObjectItemCaseSensitive(j, field);
        if (!bad && !inputs)
            bad = ax_fail(err, AX_EINVAL, "\"inputs\" is missing");
    }
    if (!bad && take_inputs(s, inputs, m, err))
        bad = ax_err_in(err, "%s", field);
    cJSON_Delete(j);
    return bad ? -1 : 0;
}

/* ---- one file -------------------------------------------------------------------------------- */

static int read_bytes(samples *s, const char *b, size_t n, const ax_model_info *m, ax_err *err)
{
    size_t i = 0;
    while (i < n && isspace((unsigned char)b[i]))
        i++;
    if (begins(b, n, "\x89PNG", 4) || begins(b, n, "\xff\xd8\xff", 3))
        return read_picture(s, (const uint8_t *)b, n, m, err);
    if (begins(b, n, "\x93NUMPY", 6))
        return read_npy(s, (const uint8_t *)b, n, m, err);
    if (i < n && (b[i] == '{' || b[i] == '['))
        return read_json(s, b, n, m, err);
    if (i == n || memchr(b, 0, n))
        return ax_fail(err, AX_EUNSUPPORTED, "%s: expected PNG, JPEG, JSON, CSV or npy",
                       i == n ? "the file is empty" : "what the file holds is not known here");
    return read_csv(s, b, n, m, err);
}

int samples_read(samples *s, const char *path, const ax_model_info *m, ax_err *err)
{
    size_t n;
    *s = (samples){0};
    ax_arena_init(&s->mem, memory_limit);
    if (!m->batches) {
        ax_fail(err, AX_EUNSUPPORTED, "the model '%s' takes its inputs whole, not sample by sample",
                m->name);
        return ax_err_hint(err, "axond run takes arrays of any shape");
    }
    if (m->n_inputs > SAMPLES_INPUTS)
        return ax_fail(err, AX_ELIMIT, "the model takes %d inputs, at most %d are supported here",
                       m->n_inputs, SAMPLES_INPUTS);
    ax_err why = {0};
    char *bytes = ax_file_read(path, file_limit, &n, err);
    if (!bytes)
        return -1;
    int bad = read_bytes(s, bytes, n, m, &why);
    free(bytes);
    if (!bad)
        return 0;
    samples_free(s);
    ax_fail(err, why.code, "%.160s: %s%s%.300s", strcmp(path, "-") ? path : "standard input",
            why.at, *why.at ? ": " : "", why.msg);
    ax_err_hint(err, "%s", why.hint);
    return -1;
}

void samples_free(samples *s)
{
    ax_arena_fini(&s->mem);
    *s = (samples){0};
}
