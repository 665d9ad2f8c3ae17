/* safetensors.c - the reader: check everything, then point into the map; see safetensors.h.
 *
 * The header is JSON, so ax_json_check() judges its grammar first (UTF-8, depth, duplicate names)
 * and the walk below may take well-formed text for granted: strings end, brackets match. What the
 * walk judges is the meaning. No tree is built: cJSON would keep numbers as doubles and accept 1e3.
 * The writer is in safetensors_write.c. */
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "io/bytes.h"
#include "io/safetensors_hash.h"
#include "io/walk.h"

/* The format's own bounds: integers stay below 2^48 */
#define INTEGER_MAX       (((uint64_t)1 << 48) - 1)
#define FORMAT_HEADER_MAX 100000000u

struct ax_safetensors {
    ax_map map; /* empty when parsed from the caller's bytes */
    const uint8_t *bytes;
    size_t size;
    ax_arena arena;
    ax_st_entry *entry;
    const ax_st_entry **by_name;
    ax_st_meta *meta;
    int n, n_meta, room, meta_room;
};

typedef struct reader {
    ax_walk w; /* through the header */
    ax_safetensors *s;
    const uint8_t *data;
    uint64_t data_size;
    ax_err *err;
} reader;

static const struct {
    const char *name;
    int bits, type; /* -1: no ax_dtype */
} dtypes[] = {
    {"F32", 32, AX_F32},    {"F64", 64, AX_F64},    {"I64", 64, AX_I64}, {"I32", 32, AX_I32},
    {"U8", 8, AX_U8},       {"BOOL", 8, AX_BOOL},   {"F16", 16, -1},     {"BF16", 16, -1},
    {"I8", 8, AX_I8},       {"I16", 16, AX_I16},    {"U16", 16, AX_U16}, {"U32", 32, AX_U32},
    {"U64", 64, AX_U64},    {"C64", 64, -1},        {"F4", 4, -1},       {"F6_E2M3", 6, -1},
    {"F6_E3M2", 6, -1},     {"F8_E5M2", 8, -1},     {"F8_E4M3", 8, -1},  {"F8_E8M0", 8, -1},
    {"F8_E4M3FNUZ", 8, -1}, {"F8_E5M2FNUZ", 8, -1},
};

/* ---- the header ------------------------------------------------------------------------------ */

#define SHOWN(name) ax_printable((char[96]){0}, 96, name, strlen(name))

static const char *read_string(reader *r)
{
    const char *s = ax_walk_string(&r->w, &r->s->arena);
    if (!s)
        ax_fail(r->err, AX_ENOMEM, "no memory for the header of a safetensors file");
    return s;
}

/* Digits only: no sign, no fraction, no exponent. */
static int read_integer(reader *r, const char *name, const char *what, uint64_t *out)
{
    uint64_t v = 0;
    ax_walk_peek(&r->w);
    const char *from = r->w.at;
    for (; r->w.at < r->w.end && *r->w.at >= '0' && *r->w.at <= '9' && v <= INTEGER_MAX; r->w.at++)
        v = v * 10 + (uint64_t)(*r->w.at - '0');
    char next = ax_walk_peek(&r->w);
    if (from == r->w.at || v > INTEGER_MAX || (next != ',' && next != ']')) {
        ax_walk_skip(&r->w);
        return ax_fail(
            r->err, AX_EPARSE, "tensor '%s': %s has '%s' where an integer from 0 to 2^48-1 belongs",
            SHOWN(name), what, ax_printable((char[32]){0}, 32, from, (size_t)(r->w.at - from)));
    }
    *out = v;
    return 0;
}

/* [1, 2, 3] of at most `most` integers; their number, or -1. */
static int read_integers(reader *r, const char *name, const char *what, int most, uint64_t *out)
{
    int n = 0;
    if (!ax_walk_eat(&r->w, '['))
        return ax_fail(r->err, AX_EPARSE, "tensor '%s': %s is not an array", SHOWN(name), what);
    if (ax_walk_eat(&r->w, ']'))
        return 0;
    do {
        if (n == most)
            return ax_fail(r->err, AX_ELIMIT, "tensor '%s': %s has more than %d numbers",
                           SHOWN(name), what, most);
        if (read_integer(r, name, what, &out[n++]) < 0)
            return -1;
    } while (ax_walk_eat(&r->w, ','));
    ax_walk_eat(&r->w, ']');
    return n;
}

static int dtype_row(const char *dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i].name, dtype))
            return (int)i;
    return -1;
}

/* Type, shape and offsets are there; do they agree with each other and with the file? */
static int settle_entry(reader *r, ax_st_entry *e, const uint64_t offset[2])
{
    char shape[160];
    int row = dtype_row(e->dtype);
    if (row < 0)
        return ax_fail(r->err, AX_EUNSUPPORTED, "tensor '%s' has the unknown dtype '%s'",
                       SHOWN(e->name), SHOWN(e->dtype));
    e->type = dtypes[row].type;
    e->dtype = dtypes[row].name;
    uint64_t bits = (uint64_t)dtypes[row].bits;
    int overflow = 0;
    for (int i = 0; i < e->shape.rank; i++)
        overflow |= __builtin_mul_overflow(bits, (uint64_t)e->shape.dim[i], &bits);
    if (overflow || bits % 8)
        return ax_fail(r->err, AX_ECORRUPT, "tensor '%s': the size of %s in %s %s", SHOWN(e->name),
                       ax_shape_str(&e->shape, shape, sizeof shape), e->dtype,
                       overflow ? "overflows" : "is not a whole number of bytes");
    if (offset[1] < offset[0] || offset[1] > r->data_size)
        return ax_fail(r->err, AX_ECORRUPT,
                       "tensor '%s': data_offsets [%llu, %llu] are outside the data of %llu bytes",
                       SHOWN(e->name), (unsigned long long)offset[0], (unsigned long long)offset[1],
                       (unsigned long long)r->data_size);
    if (offset[1] - offset[0] != bits / 8)
        return ax_fail(r->err, AX_ECORRUPT,
                       "tensor '%s': %s in %s takes %llu bytes, its data_offsets hold %llu",
                       SHOWN(e->name), ax_shape_str(&e->shape, shape, sizeof shape), e->dtype,
                       (unsigned long long)(bits / 8), (unsigned long long)(offset[1] - offset[0]));
    e->data = r->data + offset[0];
    e->bytes = (size_t)(bits / 8);
    return 0;
}

static int read_dtype(reader *r, ax_st_entry *e)
{
    if (ax_walk_peek(&r->w) != '"')
        return ax_fail(r->err, AX_EPARSE, "tensor '%s': its dtype is not a string", SHOWN(e->name));
    e->dtype = read_string(r);
    return e->dtype ? 0 : -1;
}

static int read_entry(reader *r, ax_st_entry *e)
{
    uint64_t dim[AX_MAX_RANK], offset[2];
    int rank = -1, n_offsets = -1;
    if (!ax_walk_eat(&r->w, '{'))
        return ax_fail(r->err, AX_EPARSE, "tensor '%s' is not described by an object",
                       SHOWN(e->name));
    if (!ax_walk_eat(&r->w, '}')) {
        do {
            const char *key = read_string(r);
            if (!key)
                return -1;
            ax_walk_eat(&r->w, ':');
            if (!strcmp(key, "dtype")) {
                if (read_dtype(r, e) < 0)
                    return -1;
            } else if (!strcmp(key, "shape")) {
                if ((rank = read_integers(r, e->name, "shape", AX_MAX_RANK, dim)) < 0)
                    return -1;
            } else if (!strcmp(key, "data_offsets")) {
                if ((n_offsets = read_integers(r, e->name, "data_offsets", 2, offset)) < 0)
                    return -1;
            } else {
                ax_walk_skip(
                    &r->w); /* the reference reader ignores what it does not know, so do we */
            }
        } while (ax_walk_eat(&r->w, ','));
        ax_walk_eat(&r->w, '}');
    }
    if (!e->dtype || rank < 0 || n_offsets != 2)
        return ax_fail(r->err, AX_EPARSE, "tensor '%s' has no %s", SHOWN(e->name),
                       !e->dtype  ? "dtype"
                       : rank < 0 ? "shape"
                                  : "data_offsets [begin, end]");
    e->shape.rank = rank;
    for (int i = 0; i < rank; i++)
        e->shape.dim[i] = (int64_t)dim[i];
    return settle_entry(r, e, offset);
}

/* Room for one more element in an array that doubles. */
static void *grow(void *array, int n, int *room, size_t size)
{
    if (n < *room)
        return array;
    void *bigger = realloc(array, (size_t)(*room ? *room * 2 : 16) * size);
    if (bigger)
        *room = *room ? *room * 2 : 16;
    return bigger;
}

static int read_metadata(reader *r)
{
    ax_safetensors *s = r->s;
    if (ax_walk_peek(&r->w) == 'n') { /* null is what some writers put for "none" */
        ax_walk_skip(&r->w);
        return 0;
    }
    if (!ax_walk_eat(&r->w, '{'))
        return ax_fail(r->err, AX_EPARSE, "__metadata__ is not an object");
    if (ax_walk_eat(&r->w, '}'))
        return 0;
    do {
        ax_st_meta *bigger = grow(s->meta, s->n_meta, &s->meta_room, sizeof *bigger);
        if (!bigger)
            return ax_fail(r->err, AX_ENOMEM, "no memory for %d metadata entries", s->n_meta);
        s->meta = bigger;
        ax_st_meta m = {.key = read_string(r)};
        if (!m.key)
            return -1;
        ax_walk_eat(&r->w, ':');
        if (ax_walk_peek(&r->w) != '"')
            return ax_fail(r->err, AX_EPARSE, "__metadata__: the value of '%s' is not a string",
                           SHOWN(m.key));
        if (!(m.value = read_string(r)))
            return -1;
        s->meta[s->n_meta++] = m;
    } while (ax_walk_eat(&r->w, ','));
    ax_walk_eat(&r->w, '}');
    return 0;
}

static int read_tensor(reader *r, const char *name)
{
    ax_safetensors *s = r->s;
    if (strlen(name) > AX_ST_NAME_MAX)
        return ax_fail(r->err, AX_ELIMIT, "tensor '%s': a name of %zu bytes, at most %d are read",
                       SHOWN(name), strlen(name), AX_ST_NAME_MAX);
    ax_st_entry *bigger = grow(s->entry, s->n, &s->room, sizeof *bigger);
    if (!bigger)
        return ax_fail(r->err, AX_ENOMEM, "no memory for %d tensors", s->n);
    s->entry = bigger;
    s->entry[s->n] = (ax_st_entry){.name = name};
    return read_entry(r, &s->entry[s->n++]) < 0 ? ax_err_in(r->err, "%s", SHOWN(name)) : 0;
}

static int read_header(reader *r)
{
    if (!ax_walk_eat(&r->w, '{'))
        return ax_fail(r->err, AX_EPARSE, "the safetensors header is not a JSON object");
    if (ax_walk_eat(&r->w, '}'))
        return 0;
    do {
        const char *name = read_string(r);
        if (!name)
            return -1;
        ax_walk_eat(&r->w, ':');
        if ((strcmp(name, "__metadata__") ? read_tensor(r, name) : read_metadata(r)) < 0)
            return -1;
    } while (ax_walk_eat(&r->w, ','));
    return 0;
}

/* ---- the whole file -------------------------------------------------------------------------- */

static int by_data(const void *pa, const void *pb)
{
    const ax_st_entry *a = pa, *b = pb;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? -1 : 1) : strcmp(a->name, b->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const ax_st_entry *const *)a)->name, (*(const ax_st_entry *const *)b)->name);
}

/* The tensors must tile the data: each starts where the one before ended, the last ends with it. */
static int check_tiling(reader *r)
{
    ax_safetensors *s = r->s;
    const uint8_t *end = r->data;
    if (s->n)
        qsort(s->entry, (size_t)s->n, sizeof *s->entry, by_data);
    for (int i = 0; i < s->n; end = s->entry[i].data + s->entry[i].bytes, i++)
        if (s->entry[i].data != end)
            return ax_fail(
                r->err, AX_ECORRUPT,
                "tensor '%s' starts at byte %llu of the data; the one before it ends at %llu",
                SHOWN(s->entry[i].name), (unsigned long long)(s->entry[i].data - r->data),
                (unsigned long long)(end - r->data));
    if (end != r->data + r->data_size)
        return ax_fail(r->err, AX_ECORRUPT, "%llu bytes behind the last tensor belong to none",
                       (unsigned long long)(r->data + r->data_size - end));
    return 0;
}

static int index_names(reader *r)
{
    ax_safetensors *s = r->s;
    s->by_name = malloc((size_t)(s->n + 1) * sizeof *s->by_name);
    if (!s->by_name)
        return ax_fail(r->err, AX_ENOMEM, "no memory for the names of %d tensors", s->n);
    for (int i = 0; i < s->n; i++)
        s->by_name[i] = &s->entry[i];
    qsort(s->by_name, (size_t)s->n, sizeof *s->by_name, by_name);
    return 0;
}

/* Where the header ends: its length, or -1. */
static int64_t header_length(const uint8_t *bytes, size_t n, ax_err *err)
{
    if (n < 8)
        return ax_fail(err, AX_EPARSE, "a safetensors file has at least 8 bytes, this one has %zu",
                       n);
    uint64_t len = ax_le64(bytes);
    if (len > FORMAT_HEADER_MAX)
        return ax_fail(err, AX_EPARSE,
                       "not a safetensors file: its header would be %llu bytes long, "
                       "the format allows 100,000,000",
                       (unsigned long long)len);
    if (len > n - 8)
        return ax_fail(err, AX_ECORRUPT,
                       "the safetensors header should be %llu bytes long, the file ends after %zu",
                       (unsigned long long)len, n - 8);
    if (len > AX_ST_HEADER_MAX)
        return ax_fail(err, AX_ELIMIT, "a safetensors header of %llu bytes; at most %u are read",
                       (unsigned long long)len, AX_ST_HEADER_MAX);
    return (int64_t)len;
}

ax_safetensors *ax_safetensors_parse(const uint8_t *bytes, size_t n, ax_err *err)
{
    int64_t len = header_length(bytes, n, err);
    if (len < 0) {
        ax_err_in(err, "header");
        return NULL;
    }
    const char *text = (const char *)bytes + 8;
    ax_err why;
    if (ax_json_check(text, (size_t)len, &why) < 0) {
        ax_fail(err, why.code, "safetensors header: %s", why.msg);
        ax_err_in(err, "header");
        return NULL;
    }
    ax_safetensors *s = calloc(1, sizeof *s);
    if (!s) {
        ax_fail(err, AX_ENOMEM, "no memory for a safetensors file");
        return NULL;
    }
    s->bytes = bytes;
    s->size = n;
    reader r = {{text, text + len}, s, bytes + 8 + len, n - 8 - (uint64_t)len, err};
    if (read_header(&r) < 0 || check_tiling(&r) < 0 || index_names(&r) < 0) {
        ax_safetensors_close(s);
        return NULL;
    }
    return s;
}

/* The map belongs to the result, or is closed. */
static ax_safetensors *parse_map(ax_map map, ax_err *err)
{
    ax_safetensors *s = ax_safetensors_parse(map.data, map.size, err);
    if (s)
        s->map = map;
    else
        ax_map_close(&map);
    return s;
}

ax_safetensors *ax_safetensors_open(const char *path, ax_err *err)
{
    ax_map map;
    return ax_map_open(&map, path, err) < 0 ? NULL : parse_map(map, err);
}

ax_safetensors *ax_safetensors_load(const char *path, ax_err *err)
{
    ax_map map;
    return ax_map_copy(&map, path, err) < 0 ? NULL : parse_map(map, err);
}

void ax_safetensors_close(ax_safetensors *s)
{
    if (!s)
        return;
    ax_map_close(&s->map);
    ax_arena_fini(&s->arena);
    free(s->entry);
    free(s->by_name);
    free(s->meta);
    free(s);
}

/* ---- what callers ask for -------------------------------------------------------------------- */

int ax_safetensors_count(const ax_safetensors *s)
{
    return s->n;
}

const ax_st_entry *ax_safetensors_at(const ax_safetensors *s, int i)
{
    return &s->entry[i];
}

const ax_st_entry *ax_safetensors_find(const ax_safetensors *s, const char *name)
{
    const ax_st_entry key = {.name = name}, *k = &key;
    const ax_st_entry **found = bsearch(&k, s->by_name, (size_t)s->n, sizeof *s->by_name, by_name);
    return found ? *found : NULL;
}

static int not_found(const ax_safetensors *s, const char *name, ax_err *err)
{
    ax_fail(err, AX_ENOTFOUND, "the file has no tensor '%s'", SHOWN(name));
    const char **names = malloc((size_t)(s->n + 1) * sizeof *names);
    for (int i = 0; names && i < s->n; i++)
        names[i] = s->entry[i].name;
    const char *near = names ? ax_nearest(name, names, s->n) : NULL;
    if (near)
        ax_err_hint(err, "did you mean '%s'?", SHOWN(near));
    free(names);
    return -1;
}

int ax_safetensors_get(const ax_safetensors *s, const char *name, ax_tensor *out, ax_err *err)
{
    const ax_st_entry *e = ax_safetensors_find(s, name);
    if (!e)
        return not_found(s, name, err);
    if (e->type < 0) {
        ax_fail(err, AX_EUNSUPPORTED, "tensor '%s' is stored as %s, which is not supported",
                SHOWN(name), e->dtype);
        return ax_err_hint(err, "convert it to F32");
    }
    for (size_t i = 0; e->type == AX_BOOL && i < e->bytes; i++)
        if (e->data[i] > 1)
            return ax_fail(err, AX_ECORRUPT, "tensor '%s': the BOOL at %zu is %d, not 0 or 1",
                           SHOWN(name), i, e->data[i]);
    *out = (ax_tensor){(ax_dtype)e->type, e->shape, (void *)e->data};
    return 0;
}

int ax_safetensors_copy(const ax_safetensors *s, const char *name, ax_dtype type,
                        const ax_shape *shape, void *dst, ax_err *err)
{
    char want[160], have[160];
    ax_tensor t;
    if (ax_safetensors_get(s, name, &t, err) < 0)
        return -1;
    if (t.dtype != type)
        return ax_fail(err, AX_ETYPE, "tensor '%s' is %s in the file, %s was expected", SHOWN(name),
                       ax_dtype_name(t.dtype), ax_dtype_name(type));
    if (!ax_shape_equal(&t.shape, shape))
        return ax_fail(err, AX_ESHAPE, "tensor '%s' has the shape %s in the file, %s was expected",
                       SHOWN(name), ax_shape_str(&t.shape, have, sizeof have),
                       ax_shape_str(shape, want, sizeof want));
    size_t bytes = (size_t)ax_shape_count(shape) * ax_dtype_size(type);
    if (bytes)
        memcpy(dst, t.data, bytes);
    return 0;
}

const char *ax_safetensors_meta(const ax_safetensors *s, const char *key)
{
    for (int i = 0; i < s->n_meta; i++)
        if (!strcmp(s->meta[i].key, key))
            return s->meta[i].value;
    return NULL;
}

uint64_t ax_safetensors_hash(const ax_safetensors *s)
{
    uint64_t sum = 0;
    for (int i = 0; i < s->n_meta; i++)
        sum += ax_st_hash_meta(&s->meta[i]);
    for (int i = 0; i < s->n; i++)
        sum += ax_st_hash_tensor(s->entry[i].name, s->entry[i].dtype, &s->entry[i].shape,
                                 s->entry[i].data, s->entry[i].bytes);
    return sum;
}

int ax_safetensors_verify(const ax_safetensors *s, ax_err *err)
{
    const char *want = ax_safetensors_meta(s, AX_ST_HASH);
    char have[24];
    if (!want)
        return 0;
    snprintf(have, sizeof have, "%016llx", (unsigned long long)ax_safetensors_hash(s));
    if (!strcmp(have, want))
        return 1;
    return ax_fail(
        err, AX_ECORRUPT,
        "the file is damaged: the hash of its content is %s, when it was written it was '%s'", have,
        SHOWN(want));
}

const uint8_t *ax_safetensors_bytes(const ax_safetensors *s, size_t *n)
{
    *n = s->size;
    return s->bytes;
}

int ax_safetensors_meta_count(const ax_safetensors *s)
{
    return s->n_meta;
}

const ax_st_meta *ax_safetensors_meta_at(const ax_safetensors *s, int i)
{
    return &s->meta[i];
}
