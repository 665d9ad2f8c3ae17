/* onnx_tensor.c - tensors of an ONNX file: their numbers as raw bytes in the file, one by one in
 * its messages, or in a file of their own beside it; see onnx_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/bytes.h"
#include "io/onnx_read_impl.h"
#include "math/tensor.h"

/* Where a message keeps numbers of a type that are not raw: field and wire. */
static const struct {
    int type, size;
    const char *name;
    int field;
    ax_pb_wire wire;
} types[] = {
    {AX_ONNX_FLOAT, 4, "float32", 4, AX_PB_32},
    {AX_ONNX_UINT8, 1, "uint8", 5, AX_PB_VARINT},
    {AX_ONNX_INT8, 1, "int8", 5, AX_PB_VARINT},
    {AX_ONNX_UINT16, 2, "uint16", 5, AX_PB_VARINT},
    {AX_ONNX_INT16, 2, "int16", 5, AX_PB_VARINT},
    {AX_ONNX_INT32, 4, "int32", 5, AX_PB_VARINT},
    {AX_ONNX_INT64, 8, "int64", 7, AX_PB_VARINT},
    {AX_ONNX_BOOL, 1, "bool", 5, AX_PB_VARINT},
    {AX_ONNX_FLOAT16, 2, "float16", 5, AX_PB_VARINT},
    {AX_ONNX_DOUBLE, 8, "float64", 10, AX_PB_64},
    {AX_ONNX_UINT32, 4, "uint32", 11, AX_PB_VARINT},
    {AX_ONNX_UINT64, 8, "uint64", 11, AX_PB_VARINT},
    {AX_ONNX_BFLOAT16, 2, "bfloat16", 5, AX_PB_VARINT},
};

enum { TYPES = sizeof types / sizeof *types };

static int find_type(int type)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].type == type)
            return i;
    return -1;
}

const char *ax_onnx_type_name(int type)
{
    int i = find_type(type);
    return i >= 0 ? types[i].name : type == AX_ONNX_STRING ? "string" : "an unknown type";
}

size_t ax_onnx_type_size(int type)
{
    int i = find_type(type);
    return i >= 0 ? (size_t)types[i].size : 0;
}

/* ---- numbers one by one ------------------------------------------------------------------------
 */

static int read_typed(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t)
{
    int k = find_type(t->type);
    size_t size = (size_t)types[k].size;
    int64_t n = ax_pb_count(in, types[k].field, types[k].wire, r->err);
    if (n < 0)
        return -1;
    if (n != t->count)
        return ax_fail(r->err, AX_ECORRUPT, "it has %lld numbers, its dimensions say %lld",
                       (long long)n, (long long)t->count);
    uint64_t *bits = malloc((size_t)n * sizeof *bits + 1);
    uint8_t *data = onnx_room(r, n, size);
    if (!bits || !data) {
        free(bits);
        return data ? ax_fail(r->err, AX_ENOMEM, "no memory for a tensor") : -1;
    }
    ax_pb_numbers(in, types[k].field, types[k].wire, bits);
    for (int64_t i = 0; i < n; i++) /* little-endian: the low bytes come first */
        memcpy(data + (size_t)i * size, &bits[i], size);
    free(bits);
    t->data = data;
    t->bytes = (size_t)n * size;
    return 0;
}

/* In front of LARGE bytes stand a field's number and a length of two bytes at least: as much as
 * numbers of 4 bytes have to be moved. */
enum { LARGE = 128, ALIGNED = 4 };

void ax_onnx_align(ax_onnx_file *f, uint8_t *bytes, size_t n)
{
    for (int i = 0; i < f->graph.n_init; i++) {
        ax_onnx_tensor *t = (ax_onnx_tensor *)(uintptr_t)&f->graph.init[i];
        size_t by = (uintptr_t)t->data % ALIGNED;
        if (!by || t->bytes < LARGE || ax_onnx_type_size(t->type) != ALIGNED ||
            t->data < bytes + by || t->data > bytes + n)
            continue;
        size_t at = (size_t)(t->data - bytes);
        memmove(bytes + at - by, bytes + at, t->bytes);
        t->data -= by;
    }
}

/* ---- numbers in a file of their own ------------------------------------------------------------
 */

typedef struct external {
    const char *location;
    uint64_t offset, length; /* length 0: what is left */
} external;

static int read_number(onnx_reader *r, const char *key, const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9' || *out > INT64_MAX)
        return ax_fail(r->err, AX_EPARSE, "external data has the %s '%.40s', expected bytes", key,
                       text);
    return 0;
}

/* One entry: key (1), value (2). */
static int read_entry(onnx_reader *r, ax_pb_in in, external *e)
{
    const char *key = "", *value = "";
    ax_pb_field f;
    int more;
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if ((f.number == 1 && !(key = onnx_text(r, &f))) ||
            (f.number == 2 && !(value = onnx_text(r, &f))))
            return -1;
    if (more)
        return -1;
    if (!strcmp(key, "location"))
        e->location = value;
    else if (!strcmp(key, "offset"))
        return read_number(r, key, value, &e->offset);
    else if (!strcmp(key, "length"))
        return read_number(r, key, value, &e->length);
    return 0; /* "checksum" is optional and says nothing that the length does not */
}

/* A name within the folder: no way out of it. */
static int is_inside(const char *name)
{
    if (!*name || *name == '/' || strchr(name, '\\'))
        return 0;
    for (const char *part = name; part; part = strchr(part, '/'), part += part != NULL)
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
            return 0;
    return 1;
}

/* Open a file beneath the folder without following a link in any part of its name. */
static int open_inside(const char *folder, const char *name)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0) {
        size_t len = strcspn(name, "/");
        int last = !name[len];
        char part[256];
        if (len >= sizeof part) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(part, name, len);
        part[len] = 0;
        int next =
            openat(at, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY));
        int why = errno;
        close(at);
        errno = why;
        if (last || next < 0)
            return next;
        at = next;
        name += len + 1;
    }
    int why = errno;
    if (at >= 0)
        close(at);
    errno = why;
    return -1;
}

static int read_file(onnx_reader *r, int fd, const external *e, ax_onnx_tensor *t)
{
    struct stat st;
    uint64_t want = (uint64_t)t->count * ax_onnx_type_size(t->type);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return ax_fail(r->err, AX_EIO, "external data '%.96s' is no regular file", e->location);
    if (e->length && e->length != want)
        return ax_fail(r->err, AX_ECORRUPT, "external data of %llu bytes, its dimensions say %llu",
                       (unsigned long long)e->length, (unsigned long long)want);
    if (e->offset > (uint64_t)st.st_size || want > (uint64_t)st.st_size - e->offset)
        return ax_fail(r->err, AX_ECORRUPT,
                       "bytes %llu to %llu of '%.96s' are wanted, which has %lld",
                       (unsigned long long)e->offset, (unsigned long long)(e->offset + want),
                       e->location, (long long)st.st_size);
    r->arena->limit += want + 64; /* these bytes exist, beside the file */
    uint8_t *data = onnx_room(r, (int64_t)want, 1);
    if (!data)
        return -1;
    if (ax_file_read_at(fd, data, want, e->offset))
        return ax_fail(r->err, AX_EIO, "external data '%.96s' cannot be read", e->location);
    t->data = data;
    t->bytes = want;
    return 0;
}

static int read_external(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t)
{
    external e = {.location = ""};
    ax_pb_field f;
    ax_pb_in entry;
    while (ax_pb_next(&in, &f, r->err) > 0)
        if (f.number == 13 && (onnx_message(r, &f, &entry) || read_entry(r, entry, &e)))
            return -1;
    if (!is_inside(e.location))
        return ax_fail(r->err, AX_EUNSUPPORTED,
                       "external data is at '%.96s', expected a name in the folder of the model",
                       e.location);
    if (!r->folder) {
        ax_fail(r->err, AX_EUNSUPPORTED,
                "its numbers are in the file '%.96s', which did not come along", e.location);
        return ax_err_hint(r->err,
                           "put both files into the models folder, or store the model in one file");
    }
    int fd = open_inside(r->folder, e.location);
    if (fd < 0)
        return ax_fail(r->err, errno == ENOENT ? AX_ENOTFOUND : AX_EIO, "external data '%.96s': %s",
                       e.location, strerror(errno));
    int bad = read_file(r, fd, &e, t);
    close(fd);
    return bad;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static int read_dims(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t)
{
    int64_t n = ax_pb_count(in, 1, AX_PB_VARINT, r->err);
    if (n < 0)
        return -1;
    if (n > AX_MAX_RANK)
        return ax_fail(r->err, AX_ELIMIT, "it has %lld dimensions, at most %d are taken",
                       (long long)n, AX_MAX_RANK);
    uint64_t *dim = onnx_room(r, n, sizeof *dim);
    if (!dim)
        return -1;
    ax_pb_numbers(in, 1, AX_PB_VARINT, dim);
    ax_shape s = {.rank = (int)n};
    memcpy(s.dim, dim, (size_t)n * sizeof *dim);
    t->dim = (const int64_t *)dim;
    t->rank = (int)n;
    size_t size = ax_onnx_type_size(t->type);
    t->count = ax_shape_count_checked(&s, size ? size : 1, r->err);
    return t->count < 0 ? -1 : 0;
}

typedef struct places {
    int is_raw, is_external;
    ax_pb_field raw;
} places;

static int read_fields(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t, places *p)
{
    ax_pb_field f;
    int64_t v;
    int more;
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 2) {
            if (onnx_int(r, &f, &v))
                return -1;
            t->type = v > 0 && v < 64 ? (int)v : 0;
        } else if (f.number == 8 && !(t->name = onnx_text(r, &f))) {
            return -1;
        } else if (f.number == 14) {
            if (onnx_int(r, &f, &v))
                return -1;
            p->is_external = v == 1;
        } else if (f.number == 9) {
            if (f.wire != AX_PB_BYTES)
                return ax_fail(r->err, AX_EPARSE, "raw_data is a number where bytes belong");
            p->is_raw = 1;
            p->raw = f;
        } else if (f.number == 3) {
            return ax_fail(r->err, AX_EUNSUPPORTED, "it is stored in segments, which is not taken");
        }
    }
    return more;
}

static int read_data(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t, const places *p)
{
    size_t size = ax_onnx_type_size(t->type);
    if (!size) /* texts and other types are listed; an operator that wants them is refused */
        return 0;
    if (p->is_external)
        return read_external(r, in, t);
    if (!p->is_raw)
        return read_typed(r, in, t);
    if (p->raw.len != (size_t)t->count * size)
        return ax_fail(r->err, AX_ECORRUPT, "it has %zu bytes, %lld numbers of type %s are %zu",
                       p->raw.len, (long long)t->count, ax_onnx_type_name(t->type),
                       (size_t)t->count * size);
    t->data = p->raw.data;
    t->bytes = p->raw.len;
    return 0;
}

static int check_bools(onnx_reader *r, const ax_onnx_tensor *t)
{
    for (int64_t i = 0; t->type == AX_ONNX_BOOL && i < t->count; i++)
        if (t->data[i] > 1)
            return ax_fail(r->err, AX_ECORRUPT, "element %lld of type bool is %d", (long long)i,
                           t->data[i]);
    return 0;
}

int onnx_read_tensor(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t)
{
    places p = {0};
    *t = (ax_onnx_tensor){.name = ""};
    if (read_fields(r, in, t, &p) == 0 && read_dims(r, in, t) == 0 &&
        read_data(r, in, t, &p) == 0 && check_bools(r, t) == 0)
        return 0;
    return t->name && *t->name ? ax_err_in(r->err, "'%.96s'", t->name) : -1;
}
