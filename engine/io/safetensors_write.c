/* safetensors_write.c - the writer: plan the order, build the header, stream the data.
 *
 * The order makes alignment a consequence instead of padding, which the format forbids between
 * tensors: those whose size is divisible by 64 come first, then by 32, 16... Every start is then a
 * multiple of the divisor of the tensor that starts there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "io/bytes.h"
#include "io/safetensors_hash.h"

#define SHOWN(name) ax_printable((char[96]){0}, 96, name, strlen(name))

static const char *const dtype_names[AX_DTYPES] = {
    [AX_F32] = "F32", [AX_F64] = "F64", [AX_I8] = "I8",     [AX_I16] = "I16",
    [AX_I32] = "I32", [AX_I64] = "I64", [AX_U8] = "U8",     [AX_U16] = "U16",
    [AX_U32] = "U32", [AX_U64] = "U64", [AX_BOOL] = "BOOL",
};

typedef struct piece {
    const ax_st_item *item;
    uint64_t bytes;
    int divisor; /* power of two up to 64 that divides bytes */
} piece;

typedef struct layout {
    piece *piece;
    ax_st_meta *meta;
    int n, n_meta;
    char *header; /* the length in its first 8 bytes, then JSON padded with spaces */
    size_t len, room;
    uint64_t data_bytes;
    char hash[24]; /* of the content, where it is asked for */
} layout;

/* ---- the header's text ----------------------------------------------------------------------- */

static int put(layout *l, const char *s, size_t n, ax_err *err)
{
    if (n > AX_ST_HEADER_MAX || l->len + n > AX_ST_HEADER_MAX + 8)
        return ax_fail(err, AX_ELIMIT, "the safetensors header would be longer than %u bytes",
                       AX_ST_HEADER_MAX);
    if (l->len + n > l->room) {
        size_t room = 2 * (l->len + n) + 256;
        char *bigger = realloc(l->header, room);
        if (!bigger)
            return ax_fail(err, AX_ENOMEM, "no memory for a safetensors header");
        l->header = bigger;
        l->room = room;
    }
    memcpy(l->header + l->len, s, n);
    l->len += n;
    return 0;
}

static int put_text(layout *l, const char *s, ax_err *err)
{
    return put(l, s, strlen(s), err);
}

static int put_string(layout *l, const char *s, ax_err *err)
{
    if (put_text(l, "\"", err) < 0)
        return -1;
    for (const char *from = s; *s; from = s) {
        while ((unsigned char)*s >= 0x20 && *s != '"' && *s != '\\')
            s++;
        if (put(l, from, (size_t)(s - from), err) < 0)
            return -1;
        if (*s) {
            char escape[8];
            int n = (unsigned char)*s >= 0x20 ? snprintf(escape, sizeof escape, "\\%c", *s)
                                              : snprintf(escape, sizeof escape, "\\u%04x", *s);
            if (put(l, escape, (size_t)n, err) < 0)
                return -1;
            s++;
        }
    }
    return put_text(l, "\"", err);
}

static int put_metadata(layout *l, ax_err *err)
{
    if (put_text(l, "\"__metadata__\":{", err) < 0)
        return -1;
    for (int i = 0; i < l->n_meta; i++)
        if ((i && put_text(l, ",", err) < 0) || put_string(l, l->meta[i].key, err) < 0 ||
            put_text(l, ":", err) < 0 || put_string(l, l->meta[i].value, err) < 0)
            return -1;
    return put_text(l, "}", err);
}

static int put_entry(layout *l, const piece *p, ax_err *err)
{
    const ax_tensor *t = &p->item->tensor;
    char number[64];
    if (put_string(l, p->item->name, err) < 0)
        return -1;
    snprintf(number, sizeof number, ":{\"dtype\":\"%s\",\"shape\":[", dtype_names[t->dtype]);
    if (put_text(l, number, err) < 0)
        return -1;
    for (int i = 0; i < t->shape.rank; i++) {
        snprintf(number, sizeof number, i ? ",%lld" : "%lld", (long long)t->shape.dim[i]);
        if (put_text(l, number, err) < 0)
            return -1;
    }
    snprintf(number, sizeof number, "],\"data_offsets\":[%llu,%llu]}",
             (unsigned long long)l->data_bytes, (unsigned long long)(l->data_bytes + p->bytes));
    l->data_bytes += p->bytes;
    return put_text(l, number, err);
}

/* Close the object and pad it so that the data starts at a multiple of 64. */
static int finish_header(layout *l, ax_err *err)
{
    static const char spaces[] = "                                                                ";
    if (put_text(l, "}", err) < 0 || put(l, spaces, (64 - l->len % 64) % 64, err) < 0)
        return -1;
    uint64_t n = l->len - 8;
    for (int i = 0; i < 8; i++)
        l->header[i] = (char)(n >> 8 * i);
    return 0;
}

static int build_header(layout *l, ax_err *err)
{
    if (put(l, "\0\0\0\0\0\0\0", 8, err) < 0 || put_text(l, "{", err) < 0)
        return -1;
    if (l->n_meta && put_metadata(l, err) < 0)
        return -1;
    for (int i = 0; i < l->n; i++)
        if (((i || l->n_meta) && put_text(l, ",", err) < 0) || put_entry(l, &l->piece[i], err) < 0)
            return -1;
    return finish_header(l, err);
}

/* ---- what goes in, in which order ------------------------------------------------------------ */

static int check_text(const char *what, const char *s, ax_err *err)
{
    size_t n = strlen(s);
    if (ax_utf8_valid(s, n) != n)
        return ax_fail(err, AX_EINVAL, "%s '%s' is not UTF-8", what, SHOWN(s));
    return 0;
}

static int plan_piece(piece *p, const ax_st_item *item, ax_err *err)
{
    const ax_tensor *t = &item->tensor;
    ax_err why;
    if (check_text("the tensor name", item->name, err) < 0)
        return -1;
    if (!*item->name || !strcmp(item->name, "__metadata__") || strlen(item->name) > AX_ST_NAME_MAX)
        return ax_fail(err, AX_EINVAL, "a tensor cannot be called '%s'", SHOWN(item->name));
    int64_t count = ax_shape_count_checked(&t->shape, ax_dtype_size(t->dtype), &why);
    if (count < 0)
        return ax_fail(err, why.code, "tensor '%s': %s", SHOWN(item->name), why.msg);
    *p = (piece){item, (uint64_t)count * ax_dtype_size(t->dtype), 64};
    while (p->bytes % (uint64_t)p->divisor)
        p->divisor /= 2;
    return 0;
}

static int by_divisor(const void *pa, const void *pb)
{
    const piece *a = pa, *b = pb;
    return a->divisor != b->divisor ? b->divisor - a->divisor
                                    : strcmp(a->item->name, b->item->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const ax_st_item *const *)a)->name, (*(const ax_st_item *const *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const ax_st_meta *)a)->key, ((const ax_st_meta *)b)->key);
}

static int check_unique(const ax_st_item *items, int n, ax_err *err)
{
    const ax_st_item **order = malloc((size_t)(n + 1) * sizeof *order);
    if (!order)
        return ax_fail(err, AX_ENOMEM, "no memory to write %d tensors", n);
    for (int i = 0; i < n; i++)
        order[i] = &items[i];
    qsort(order, (size_t)n, sizeof *order, by_name);
    int same = 1;
    while (same < n && strcmp(order[same - 1]->name, order[same]->name))
        same++;
    const char *name = same < n ? order[same]->name : NULL;
    free(order);
    return name ? ax_fail(err, AX_EINVAL, "two tensors are called '%s'", SHOWN(name)) : 0;
}

static int plan_metadata(layout *l, const ax_st_meta *meta, ax_err *err)
{
    for (int i = 0; i < l->n_meta; i++) {
        l->meta[i] = meta[i];
        if (!meta[i].value && !strcmp(meta[i].key, AX_ST_HASH))
            l->meta[i].value = l->hash;
        if (check_text("the metadata key", l->meta[i].key, err) < 0 ||
            check_text("the metadata value", l->meta[i].value, err) < 0)
            return -1;
    }
    qsort(l->meta, (size_t)l->n_meta, sizeof *l->meta, by_key);
    for (int i = 1; i < l->n_meta; i++)
        if (!strcmp(l->meta[i - 1].key, l->meta[i].key))
            return ax_fail(err, AX_EINVAL, "the metadata key '%s' is given twice",
                           SHOWN(l->meta[i].key));
    return 0;
}

static void hash_content(layout *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < l->n_meta; i++)
        sum += ax_st_hash_meta(&l->meta[i]);
    for (int i = 0; i < l->n; i++) {
        const ax_tensor *t = &l->piece[i].item->tensor;
        sum += ax_st_hash_tensor(l->piece[i].item->name, dtype_names[t->dtype], &t->shape, t->data,
                                 (size_t)l->piece[i].bytes);
    }
    snprintf(l->hash, sizeof l->hash, "%016llx", (unsigned long long)sum);
}

static void layout_fini(layout *l)
{
    free(l->piece);
    free(l->meta);
    free(l->header);
}

/* On failure everything is released. */
static int layout_init(layout *l, const ax_st_item *items, int n_items, const ax_st_meta *meta,
                       int n_meta, ax_err *err)
{
    *l = (layout){.n = n_items, .n_meta = n_meta};
    l->piece = malloc((size_t)(n_items + 1) * sizeof *l->piece);
    l->meta = malloc((size_t)(n_meta + 1) * sizeof *l->meta);
    if (!l->piece || !l->meta) {
        ax_fail(err, AX_ENOMEM, "no memory to write %d tensors", n_items);
        goto fail;
    }
    for (int i = 0; i < n_items; i++)
        if (plan_piece(&l->piece[i], &items[i], err) < 0)
            goto fail;
    if (check_unique(items, n_items, err) < 0 || plan_metadata(l, meta, err) < 0)
        goto fail;
    qsort(l->piece, (size_t)n_items, sizeof *l->piece, by_divisor);
    for (int i = 0; i < n_meta; i++)
        if (l->meta[i].value == l->hash)
            hash_content(l);
    if (build_header(l, err) < 0)
        goto fail;
    return 0;
fail:
    layout_fini(l);
    return -1;
}

/* ---- out ------------------------------------------------------------------------------------- */

int ax_safetensors_write(const char *path, const ax_st_item *items, int n_items,
                         const ax_st_meta *meta, int n_meta, ax_err *err)
{
    layout l;
    ax_outfile f;
    if (layout_init(&l, items, n_items, meta, n_meta, err) < 0)
        return -1;
    int rc = ax_outfile_open(&f, path, err);
    if (rc == 0) {
        ax_outfile_write(&f, l.header, l.len);
        for (int i = 0; i < l.n; i++)
            if (l.piece[i].bytes)
                ax_outfile_write(&f, l.piece[i].item->tensor.data, l.piece[i].bytes);
        rc = ax_outfile_commit(&f, err);
    }
    layout_fini(&l);
    return rc;
}

uint8_t *ax_safetensors_encode(const ax_st_item *items, int n_items, const ax_st_meta *meta,
                               int n_meta, size_t *size, ax_err *err)
{
    layout l;
    if (layout_init(&l, items, n_items, meta, n_meta, err) < 0)
        return NULL;
    uint8_t *bytes = malloc(l.len + l.data_bytes);
    if (bytes) {
        size_t at = l.len;
        memcpy(bytes, l.header, l.len);
        for (int i = 0; i < l.n; at += l.piece[i++].bytes)
            if (l.piece[i].bytes)
                memcpy(bytes + at, l.piece[i].item->tensor.data, l.piece[i].bytes);
        *size = at;
    } else {
        ax_fail(err, AX_ENOMEM, "no memory for a file of %llu bytes",
                (unsigned long long)(l.len + l.data_bytes));
    }
    layout_fini(&l);
    return bytes;
}
