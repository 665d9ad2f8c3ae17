/* dataset.c - where samples come from; see dataset.h. */
#include "train/dataset_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/number.h"
#include "io/idx.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "math/element.h"
#include "math/kernels.h"

int64_t ax_dataset_limit(void)
{
    return ax_memory_budget() / 4;
}

void *ax_dataset_own(ax_dataset *d, void *p)
{
    return d->owned[d->n_owned++] = p;
}

/* ---- arrays to samples ----------------------------------------------------------------------- */

static int to_float(ax_dataset *d, ax_tensor *t, const char *what, ax_err *err)
{
    int64_t n = ax_shape_count(&t->shape);
    if (t->dtype == AX_F32)
        return 0;
    float *f = ax_dataset_own(d, malloc((size_t)n * sizeof *f + 1));
    if (!f)
        return ax_fail(err, AX_ENOMEM, "no memory for %s", what);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)ax_real_read(t->dtype, t->data, i);
    t->data = f;
    t->dtype = AX_F32;
    return 0;
}

static int all_finite(const ax_tensor *t, const char *what, ax_err *err)
{
    int64_t n = t->dtype == AX_F32 ? ax_shape_count(&t->shape) : 0;
    int64_t row = t->shape.dim[0] ? n / t->shape.dim[0] : 1;
    const float *f = t->data;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(f[i])) {
            ax_fail(err, AX_ERANGE,
                    "%s holds a number that is not finite: element %lld of sample %lld", what,
                    (long long)(i % row), (long long)(i / row));
            return ax_err_in(err, "%s[%lld]", what, (long long)(i / row));
        }
    return 0;
}

/* Whole numbers, one per sample: class numbers. */
static int as_classes(ax_dataset *d, const ax_tensor *y, ax_samples *s, ax_err *err)
{
    int64_t n = y->shape.dim[0];
    int32_t *c = ax_dataset_own(d, malloc((size_t)n * sizeof *c + 1));
    if (!c)
        return ax_fail(err, AX_ENOMEM, "no memory for the labels");
    for (int64_t i = 0; i < n; i++) {
        int64_t v = ax_whole_read(y->dtype, y->data, i);
        if (v < 0 || v >= AX_MAX_CLASSES) {
            ax_fail(err, AX_ERANGE,
                    "the label of sample %lld is %s, expected a class number from 0 to %d",
                    (long long)i, AX_NUMBER(ax_whole_real(y->dtype, v)), AX_MAX_CLASSES - 1);
            return ax_err_in(err, "y[%lld]", (long long)i);
        }
        c[i] = (int32_t)v;
        if (v >= d->n_classes)
            d->n_classes = (int)v + 1;
    }
    s->classes = c;
    return 0;
}

int ax_dataset_take(ax_dataset *d, ax_samples *s, ax_tensor *x, ax_tensor *y, ax_err *err)
{
    char a[160], b[160];
    if (x->shape.rank < 2 || y->shape.rank < 1 || x->shape.dim[0] != y->shape.dim[0] ||
        x->shape.dim[0] < 1)
        return ax_fail(err, AX_ESHAPE,
                       "x has shape %s and y %s: expected (samples, ...) and as many labels",
                       ax_shape_str(&x->shape, a, sizeof a), ax_shape_str(&y->shape, b, sizeof b));
    if ((x->dtype != AX_U8 && to_float(d, x, "x", err)) || all_finite(x, "x", err))
        return -1;
    int first = d->x_shape.rank == 0;
    ax_shape xs = {.rank = x->shape.rank - 1}, ys = {.rank = y->shape.rank - 1};
    memcpy(xs.dim, x->shape.dim + 1, (size_t)xs.rank * sizeof xs.dim[0]);
    memcpy(ys.dim, y->shape.dim + 1, (size_t)ys.rank * sizeof ys.dim[0]);
    if (!first && (!ax_shape_equal(&xs, &d->x_shape) || x->dtype != d->x_type))
        return ax_fail(err, AX_ESHAPE, "the test samples have shape %s, the training samples %s",
                       ax_shape_str(&xs, a, sizeof a), ax_shape_str(&d->x_shape, b, sizeof b));
    d->x_shape = xs;
    d->x_type = x->dtype;
    s->n = x->shape.dim[0];
    s->x = x->data;
    int whole = !ax_is_float(y->dtype);
    if (whole && (ys.rank == 0 || (ys.rank == 1 && ys.dim[0] == 1)))
        return as_classes(d, y, s, err);
    if (to_float(d, y, "y", err) || all_finite(y, "y", err))
        return -1;
    if (ys.rank == 0)
        ys = AX_SHAPE(1);
    if (d->y_shape.rank && !ax_shape_equal(&ys, &d->y_shape))
        return ax_fail(err, AX_ESHAPE, "the test targets have shape %s, the training targets %s",
                       ax_shape_str(&ys, a, sizeof a), ax_shape_str(&d->y_shape, b, sizeof b));
    d->y_shape = ys;
    s->y = y->data;
    return 0;
}

/* ---- inline in the spec ---------------------------------------------------------------------- */

/* The shape of nested JSON arrays, read off the first elements. */
static int nested_shape(const cJSON *j, ax_shape *s, ax_err *err)
{
    *s = (ax_shape){0};
    for (; cJSON_IsArray(j); j = j->child) {
        if (s->rank == AX_MAX_RANK || !j->child)
            return ax_fail(err, AX_ESHAPE,
                           j->child ? "nested deeper than %d" : "an empty array (at most %d deep)",
                           AX_MAX_RANK);
        s->dim[s->rank++] = cJSON_GetArraySize(j);
    }
    return s->rank ? 0 : ax_fail(err, AX_ETYPE, "expected an array");
}

static int nested_fill(const cJSON *j, const ax_shape *s, int level, float **out, ax_err *err)
{
    if (level == s->rank) {
        if (!cJSON_IsNumber(j))
            return ax_fail(err, AX_ETYPE, "expected a number");
        if (!isfinite((float)j->valuedouble))
            return ax_fail(err, AX_ERANGE, "%s does not fit float32", AX_NUMBER(j->valuedouble));
        *(*out)++ = (float)j->valuedouble;
        return 0;
    }
    if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != s->dim[level])
        return ax_fail(err, AX_ESHAPE, "expected an array of %lld, as the first one is",
                       (long long)s->dim[level]);
    int i = 0;
    for (const cJSON *e = j->child; e; e = e->next, i++)
        if (nested_fill(e, s, level + 1, out, err))
            return ax_err_in(err, "[%d]", i);
    return 0;
}

static int nested(ax_dataset *d, const cJSON *j, const char *key, ax_tensor *t, ax_err *err)
{
    t->dtype = AX_F32;
    if (nested_shape(j, &t->shape, err) ||
        ax_shape_count_checked(&t->shape, sizeof(float), err) < 0)
        return ax_err_in(err, "%s", key);
    float *f = ax_dataset_own(d, malloc((size_t)ax_shape_count(&t->shape) * sizeof *f + 1));
    t->data = f;
    if (!f)
        return ax_fail(err, AX_ENOMEM, "no memory for %s", key);
    return nested_fill(j, &t->shape, 0, &f, err) ? ax_err_in(err, "%s", key) : 0;
}

/* Labels as strings: their classes are the distinct strings in the order of their bytes. */
static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int string_labels(ax_dataset *d, const cJSON *y, ax_tensor *t, ax_err *err)
{
    int n = cJSON_GetArraySize(y), i = 0, m = 0;
    const char **sorted = AX_ARRAY(&d->arena, const char *, n);
    int32_t *c = ax_dataset_own(d, malloc((size_t)n * sizeof *c + 1));
    if (!sorted || !c)
        return ax_fail(err, AX_ENOMEM, "no memory for the labels");
    for (const cJSON *e = y->child; e; e = e->next, i++) {
        if (!cJSON_IsString(e)) {
            ax_fail(err, AX_ETYPE, "labels are strings or numbers, not both");
            return ax_err_in(err, "y[%d]", i);
        }
        if (!(sorted[i] = ax_arena_strdup(&d->arena, e->valuestring)))
            return ax_fail(err, AX_ENOMEM, "no memory for the labels");
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_strings);
    for (i = 0; i < n; i++)
        if (i == 0 || strcmp(sorted[i], sorted[m - 1]))
            sorted[m++] = sorted[i];
    i = 0;
    for (const cJSON *e = y->child; e; e = e->next, i++) {
        const char *key = e->valuestring,
                   **at = bsearch(&key, sorted, (size_t)m, sizeof *sorted, compare_strings);
        c[i] = (int32_t)(at - sorted);
    }
    d->labels = sorted;
    d->strings = 1;
    *t = (ax_tensor){AX_I32, AX_SHAPE(n), c};
    return 0;
}

/* Numbers that are all whole and one per sample can be class numbers; the trainer decides. */
static int from_inline(ax_dataset *d, const cJSON *o, ax_err *err)
{
    static const char *const known[] = {"x", "y"};
    const cJSON *xj = cJSON_GetObjectItemCaseSensitive(o, "x"),
                *yj = cJSON_GetObjectItemCaseSensitive(o, "y");
    ax_tensor x, y;
    if (ax_json_known(o, known, 2, err))
        return -1;
    if (!xj || !yj)
        return ax_fail(err, AX_EINVAL, "inline data needs \"x\" and \"y\"");
    if (nested(d, xj, "x", &x, err))
        return -1;
    if (cJSON_IsArray(yj) && cJSON_IsString(yj->child) ? string_labels(d, yj, &y, err)
                                                       : nested(d, yj, "y", &y, err))
        return -1;
    return ax_dataset_take(d, &d->train, &x, &y, err);
}

/* ---- files ----------------------------------------------------------------------------------- */

int ax_dataset_idx(ax_dataset *d, ax_samples *s, const char *images, const char *labels,
                   ax_err *err)
{
    ax_tensor x, y;
    if (ax_idx_load(images, (size_t)ax_dataset_limit(), &x, err))
        return -1;
    ax_dataset_own(d, x.data);
    if (ax_idx_load(labels, (size_t)ax_dataset_limit(), &y, err))
        return -1;
    ax_dataset_own(d, y.data);
    if (x.shape.rank == 3) { /* grey pictures: one channel */
        x.shape = AX_SHAPE(x.shape.dim[0], 1, x.shape.dim[1], x.shape.dim[2]);
    }
    return ax_dataset_take(d, s, &x, &y, err);
}

static int path_pair(const cJSON *list, const char *key, const char *out[2], ax_err *err)
{
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2 || !cJSON_IsString(list->child) ||
        !cJSON_IsString(list->child->next)) {
        ax_fail(err, AX_ETYPE, "expected [IMAGES, LABELS], two paths of IDX files");
        return ax_err_in(err, "%s", key);
    }
    out[0] = list->child->valuestring;
    out[1] = list->child->next->valuestring;
    return 0;
}

static int from_idx(ax_dataset *d, const cJSON *o, const char *path, ax_err *err)
{
    (void)path; /* there are several */
    static const char *const known[] = {"idx", "test_idx"};
    const cJSON *test = cJSON_GetObjectItemCaseSensitive(o, "test_idx");
    const char *p[2];
    if (ax_json_known(o, known, 2, err) ||
        path_pair(cJSON_GetObjectItemCaseSensitive(o, "idx"), "idx", p, err) ||
        ax_dataset_idx(d, &d->train, p[0], p[1], err))
        return -1;
    return test && (path_pair(test, "test_idx", p, err) ||
                    ax_dataset_idx(d, &d->test, p[0], p[1], err))
               ? -1
               : 0;
}

/* {"npz":PATH} and nothing else. */
static int one_path(const cJSON *o, const char *const *key, const char *path, ax_err *err)
{
    if (ax_json_known(o, key, 1, err))
        return -1;
    if (path)
        return 0;
    ax_fail(err, AX_ETYPE, "expected the path of a file");
    return ax_err_in(err, "%s", *key);
}

static int from_npz(ax_dataset *d, const cJSON *o, const char *path, ax_err *err)
{
    static const char *const names[2][2] = {{"x", "y"}, {"x_test", "y_test"}}, *const known[] = {
                                                                                   "npz"};
    ax_map m;
    if (one_path(o, known, path, err) || ax_map_open(&m, path, err))
        return -1;
    ax_npz *z = ax_npz_open(m.data, m.size, err);
    int bad = !z;
    for (int part = 0; !bad && part < 2; part++) {
        ax_tensor t[2];
        int there = part == 0;
        for (int i = 0; z && i < ax_npz_count(z); i++)
            there |= !strcmp(ax_npz_name(z, i), names[1][0]);
        for (int i = 0; there && !bad && i < 2; i++) {
            bad = ax_npz_get(z, names[part][i], (size_t)ax_dataset_limit(), &t[i], err);
            if (!bad)
                ax_dataset_own(d, t[i].data);
        }
        bad = bad || (there && ax_dataset_take(d, part ? &d->test : &d->train, &t[0], &t[1], err));
    }
    ax_npz_close(z);
    ax_map_close(&m);
    return bad ? -1 : 0;
}

static int from_safetensors(ax_dataset *d, const cJSON *o, const char *path, ax_err *err)
{
    static const char *const names[2][2] = {{"x", "y"}, {"x_test", "y_test"}}, *const known[] = {
                                                                                   "safetensors"};
    if (one_path(o, known, path, err))
        return -1;
    ax_safetensors *f = ax_safetensors_open(path, err);
    int bad = !f;
    for (int part = 0; !bad && part < 2; part++) {
        ax_tensor t[2];
        if (part == 1 && !ax_safetensors_find(f, names[1][0]))
            break;
        for (int i = 0; !bad && i < 2; i++) {
            bad = ax_safetensors_get(f, names[part][i], &t[i], err);
            size_t bytes =
                bad ? 0 : (size_t)ax_shape_count(&t[i].shape) * ax_dtype_size(t[i].dtype);
            void *copy = bad ? NULL : ax_dataset_own(d, malloc(bytes + 1));
            if (copy)
                t[i].data = memcpy(copy, t[i].data, bytes);
            else if (!bad)
                bad = ax_fail(err, AX_ENOMEM, "no memory for the data set");
        }
        bad = bad || ax_dataset_take(d, part ? &d->test : &d->train, &t[0], &t[1], err);
    }
    ax_safetensors_close(f);
    return bad ? -1 : 0;
}

/* ---- any of them ----------------------------------------------------------------------------- */

static const struct {
    const char *key;
    int (*load)(ax_dataset *d, const cJSON *source, const char *path, ax_err *err);
} file_kinds[] = {{"csv", ax_dataset_csv},
                  {"npz", from_npz},
                  {"safetensors", from_safetensors},
                  {"idx", from_idx}};

int ax_dataset_source(ax_dataset *d, const cJSON *source, int allow_paths, ax_err *err)
{
    if (!cJSON_IsObject(source))
        return ax_fail(err, AX_ETYPE, "\"dataset\" must be a name or an object");
    if (cJSON_GetObjectItemCaseSensitive(source, "x") ||
        cJSON_GetObjectItemCaseSensitive(source, "y")) {
        d->kind = "inline";
        return from_inline(d, source, err);
    }
    if (!allow_paths)
        return ax_fail(err, AX_EINVAL, "a data set is a name or {\"x\":[...],\"y\":[...]}");
    for (size_t i = 0; i < sizeof file_kinds / sizeof *file_kinds; i++) {
        const cJSON *o = cJSON_GetObjectItemCaseSensitive(source, file_kinds[i].key);
        if (cJSON_IsString(o) || cJSON_IsArray(o)) {
            d->kind = file_kinds[i].key;
            return file_kinds[i].load(d, source, o->valuestring, err);
        }
    }
    return ax_fail(
        err, AX_EINVAL,
        "expected \"x\" and \"y\", or one of \"csv\", \"npz\", \"safetensors\", \"idx\"");
}

int ax_dataset_load(ax_dataset *d, const cJSON *source, const char *data_dir, int allow_paths,
                    ax_err *err)
{
    *d = (ax_dataset){.kind = "idx"};
    ax_arena_init(&d->arena, 0);
    int bad = cJSON_IsString(source) ? ax_dataset_named(d, source->valuestring, data_dir, err)
                                     : ax_dataset_source(d, source, allow_paths, err);
    if (bad)
        ax_dataset_free(d);
    return bad ? -1 : 0;
}

void ax_dataset_free(ax_dataset *d)
{
    for (int i = 0; i < d->n_owned; i++)
        free(d->owned[i]);
    ax_arena_fini(&d->arena);
    *d = (ax_dataset){0};
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void copy_sample(const ax_dataset *d, const ax_samples *s, int64_t i, float *out)
{
    int64_t n = ax_shape_count(&d->x_shape);
    if (d->x_type == AX_F32) {
        memcpy(out, (const float *)s->x + i * n, (size_t)n * sizeof *out);
        return;
    }
    ax_vec_from_bytes(n, (const uint8_t *)s->x + i * n, out);
}

static float pixel(const ax_dataset *d, const ax_samples *s, int64_t at)
{
    return d->x_type == AX_F32 ? ((const float *)s->x)[at] : ((const uint8_t *)s->x)[at];
}

void ax_sample_fetch(const ax_dataset *d, const ax_samples *s, int64_t i, const ax_augment *a,
                     ax_rng rng, uint64_t draw, float *out)
{
    if (!a || (!a->flip && !a->shift) || d->x_shape.rank != 3) {
        copy_sample(d, s, i, out);
        return;
    }
    uint32_t r[4];
    ax_rng_block(rng, draw, r);
    int64_t c = d->x_shape.dim[0], h = d->x_shape.dim[1], w = d->x_shape.dim[2];
    uint32_t span = 2 * (uint32_t)a->shift + 1;
    int mirror = a->flip && r[0] & 1;
    int64_t dy = r[1] % span - (int64_t)a->shift, dx = r[2] % span - (int64_t)a->shift;
    for (int64_t m = 0; m < c; m++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                int64_t sy = y - dy, sx = x - dx;
                int inside = sy >= 0 && sy < h && sx >= 0 && sx < w;
                if (mirror)
                    sx = w - 1 - sx;
                *out++ = inside ? pixel(d, s, ((i * c + m) * h + sy) * w + sx) : 0;
            }
}
