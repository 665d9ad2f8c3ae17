/* npy.c - one NumPy array: magic, version, a Python dictionary as text, the bytes; see npy.h.
 *
 * The dictionary has exactly three keys and a fixed form, so it has a small strict parser of its
 * own. Python is never asked what the text means. */
#include "io/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/bytes.h"

enum { HEADER_MAX = 65536 };

static const struct {
    const char *descr;
    ax_dtype type;
} descrs[] = {
    {"<f4", AX_F32}, {"<f8", AX_F64},  {"<i8", AX_I64},  {"<i4", AX_I32}, {"|u1", AX_U8},
    {"<u1", AX_U8},  {"|b1", AX_BOOL}, {"<b1", AX_BOOL}, {"|i1", AX_I8},  {"<i1", AX_I8},
    {"<i2", AX_I16}, {"<u2", AX_U16},  {"<u4", AX_U32},  {"<u8", AX_U64},
};

typedef struct header {
    const char *at, *end;
    ax_tensor tensor;
    int fortran;
    unsigned seen; /* one bit per key */
    ax_err *err;
} header;

/* ---- the dictionary -------------------------------------------------------------------------- */

static int eat(header *h, char c)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
        h->at++;
    if (h->at >= h->end || *h->at != c)
        return 0;
    h->at++;
    return 1;
}

static int expected(header *h, const char *what)
{
    size_t left = (size_t)(h->end - h->at);
    return ax_fail(h->err, AX_EPARSE, "npy header: %s expected at '%s'", what,
                   ax_printable((char[48]){0}, 48, h->at, left));
}

/* A string in single or double quotes, without escapes. */
static int read_quoted(header *h, const char **s, size_t *n)
{
    char quote = eat(h, '\'') ? '\'' : eat(h, '"') ? '"' : 0;
    const char *close = quote ? memchr(h->at, quote, (size_t)(h->end - h->at)) : NULL;
    if (!close)
        return expected(h, "a string");
    *s = h->at;
    *n = (size_t)(close - h->at);
    h->at = close + 1;
    return 0;
}

static int read_descr(header *h)
{
    const char *s = h->at;
    size_t n = 0;
    if (eat(h, '[')) {
        ax_fail(h->err, AX_EUNSUPPORTED, "npy: structured arrays are not supported");
        return ax_err_hint(h->err, "save each field as an array of its own");
    }
    if (read_quoted(h, &s, &n) < 0)
        return -1;
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (strlen(descrs[i].descr) == n && !memcmp(descrs[i].descr, s, n)) {
            h->tensor.dtype = descrs[i].type;
            return 0;
        }
    ax_fail(h->err, AX_EUNSUPPORTED, "npy: the element type '%s' is not supported",
            ax_printable((char[48]){0}, 48, s, n));
    return ax_err_hint(
        h->err,
        "save x.astype('<f4'); <f4, <f8, bool and whole numbers of 1 to 8 bytes can be read");
}

static int read_order(header *h)
{
    static const char *const words[] = {"False", "True"};
    eat(h, 0); /* skips blanks */
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(h->end - h->at) >= n && !memcmp(h->at, words[i], n)) {
            h->at += n;
            h->fortran = i;
            return 0;
        }
    }
    return expected(h, "True or False");
}

static int read_dim(header *h, int64_t *dim)
{
    int64_t v = 0;
    eat(h, 0);
    if (h->at >= h->end || !isdigit((unsigned char)*h->at))
        return expected(h, "a dimension");
    for (; h->at < h->end && isdigit((unsigned char)*h->at); h->at++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *h->at - '0', &v))
            return ax_fail(h->err, AX_ELIMIT, "npy: dimension %d is too large",
                           h->tensor.shape.rank);
    *dim = v;
    return 0;
}

/* (), (3,) or (3, 4): a single number needs its comma, or it is not a tuple. */
static int read_shape(header *h)
{
    ax_shape *s = &h->tensor.shape;
    int comma = 1;
    s->rank = 0;
    if (!eat(h, '('))
        return expected(h, "a tuple");
    while (!eat(h, ')')) {
        if (!comma)
            return expected(h, "a comma");
        if (s->rank == AX_MAX_RANK)
            return ax_fail(h->err, AX_ELIMIT, "npy: more than %d dimensions", AX_MAX_RANK);
        if (read_dim(h, &s->dim[s->rank]) < 0)
            return -1;
        s->rank++;
        comma = eat(h, ',');
    }
    if (s->rank == 1 && !comma)
        return ax_fail(h->err, AX_EPARSE, "npy header: the shape is not a tuple");
    return 0;
}

static const struct {
    const char *key;
    int (*read)(header *h);
} fields[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};

static int read_field(header *h)
{
    const char *key;
    size_t n;
    if (read_quoted(h, &key, &n) < 0)
        return -1;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i].key) == n && !memcmp(fields[i].key, key, n)) {
            if (h->seen & 1u << i)
                return ax_fail(h->err, AX_EPARSE, "npy header: '%s' is there twice", fields[i].key);
            h->seen |= 1u << i;
            return eat(h, ':') ? fields[i].read(h) : expected(h, "a colon");
        }
    return ax_fail(h->err, AX_EPARSE, "npy header: unknown key '%s'",
                   ax_printable((char[48]){0}, 48, key, n));
}

static int read_dictionary(header *h)
{
    if (!eat(h, '{'))
        return expected(h, "'{'");
    for (int comma = 1; !eat(h, '}'); comma = eat(h, ',')) {
        if (!comma)
            return expected(h, "a comma");
        if (read_field(h) < 0)
            return -1;
    }
    eat(h, 0);
    if (h->at != h->end)
        return expected(h, "nothing more");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!(h->seen & 1u << i))
            return ax_fail(h->err, AX_EPARSE, "npy header: '%s' is missing", fields[i].key);
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Header of bytes[0..n); h->tensor.data is set into bytes, and the size is right. */
static int read_header(header *h, const uint8_t *bytes, size_t n, ax_err *err)
{
    char shape[160];
    if (n < 10 || memcmp(bytes, "\x93NUMPY", 6))
        return ax_fail(err, AX_EPARSE, "not an npy file: it does not start with \\x93NUMPY");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return ax_fail(err, AX_EUNSUPPORTED, "npy version %d.%d; 1.0, 2.0 and 3.0 can be read",
                       bytes[6], bytes[7]);
    size_t start = bytes[6] == 1 ? 10 : 12;
    if (n < start)
        return ax_fail(err, AX_ECORRUPT, "npy: the file ends inside its header");
    size_t len = bytes[6] == 1 ? ax_le16(bytes + 8) : ax_le32(bytes + 8);
    if (len > HEADER_MAX)
        return ax_fail(err, AX_ELIMIT, "npy: a header of %zu bytes, at most %d are read", len,
                       HEADER_MAX);
    if (len > n - start)
        return ax_fail(err, AX_ECORRUPT, "npy: the file ends inside its header");
    *h = (header){.at = (const char *)bytes + start, .err = err};
    h->end = h->at + len;
    if (read_dictionary(h) < 0)
        return -1;
    size_t size = ax_dtype_size(h->tensor.dtype), have = n - start - len;
    int64_t count = ax_shape_count_checked(&h->tensor.shape, size, err);
    if (count < 0)
        return -1;
    if ((size_t)count * size != have)
        return ax_fail(err, AX_ECORRUPT, "npy: %s of %s takes %zu bytes, the file has %zu",
                       ax_shape_str(&h->tensor.shape, shape, sizeof shape),
                       ax_dtype_name(h->tensor.dtype), (size_t)count * size, have);
    h->tensor.data = (void *)(bytes + start + len);
    return 0;
}

static int check_bools(const ax_tensor *t, ax_err *err)
{
    const uint8_t *b = t->data;
    int64_t n = t->dtype == AX_BOOL ? ax_shape_count(&t->shape) : 0;
    for (int64_t i = 0; i < n; i++)
        if (b[i] > 1)
            return ax_fail(err, AX_ECORRUPT, "npy: the bool at %lld is %d, not 0 or 1",
                           (long long)i, b[i]);
    return 0;
}

/* Fortran order to ours: walk the result in order, the source by its strides. */
static void transpose(uint8_t *to, const uint8_t *from, const ax_shape *s, size_t size)
{
    size_t stride[AX_MAX_RANK], at = 0;
    int64_t index[AX_MAX_RANK] = {0}, n = ax_shape_count(s);
    for (int i = 0; i < s->rank; i++)
        stride[i] = i ? stride[i - 1] * (size_t)s->dim[i - 1] : size;
    for (int64_t k = 0; k < n; k++, to += size) {
        memcpy(to, from + at, size);
        for (int i = s->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < s->dim[i])
                break;
            at -= stride[i] * (size_t)s->dim[i];
            index[i] = 0;
        }
    }
}

int ax_npy_view(const uint8_t *bytes, size_t n, ax_tensor *out, ax_err *err)
{
    header h;
    if (read_header(&h, bytes, n, err) < 0 || check_bools(&h.tensor, err) < 0)
        return -1;
    if (h.fortran && h.tensor.shape.rank > 1) {
        ax_fail(err, AX_EUNSUPPORTED, "npy: the array is in Fortran order");
        return ax_err_hint(err, "save numpy.ascontiguousarray(x)");
    }
    *out = h.tensor;
    return 0;
}

int ax_npy_read(const uint8_t *bytes, size_t n, ax_tensor *out, ax_err *err)
{
    header h;
    if (read_header(&h, bytes, n, err) < 0 || check_bools(&h.tensor, err) < 0)
        return -1;
    size_t size = ax_dtype_size(h.tensor.dtype);
    size_t total = (size_t)ax_shape_count(&h.tensor.shape) * size;
    void *data = malloc(total + 1); /* an empty array has a pointer, too */
    if (!data)
        return ax_fail(err, AX_ENOMEM, "no memory for an array of %zu bytes", total);
    if (h.fortran && h.tensor.shape.rank > 1)
        transpose(data, h.tensor.data, &h.tensor.shape, size);
    else
        memcpy(data, h.tensor.data, total);
    *out = h.tensor;
    out->data = data;
    return 0;
}

int ax_npy_load(const char *path, ax_tensor *out, ax_err *err)
{
    ax_map map;
    if (ax_map_open(&map, path, err) < 0)
        return -1;
    int rc = ax_npy_read(map.data, map.size, out, err);
    ax_map_close(&map);
    return rc;
}

static const char *descr_of(ax_dtype t)
{
    size_t i = 0;
    while (descrs[i].type != t)
        i++;
    return descrs[i].descr;
}

int ax_npy_save(const char *path, const ax_tensor *t, ax_err *err)
{
    enum { START = 10, ROOM = 320 };
    char head[ROOM];
    ax_outfile f;
    int64_t count = ax_shape_count_checked(&t->shape, ax_dtype_size(t->dtype), err);
    if (count < 0 || ax_outfile_open(&f, path, err) < 0)
        return -1;
    int n =
        snprintf(head, ROOM, "\x93NUMPY\x01%c  {'descr': '%s', 'fortran_order': False, 'shape': (",
                 0, descr_of(t->dtype));
    for (int i = 0; i < t->shape.rank; i++)
        n += snprintf(head + n, (size_t)(ROOM - n), "%lld%s", (long long)t->shape.dim[i],
                      i + 1 < t->shape.rank ? ", "
                      : t->shape.rank == 1  ? ","
                                            : "");
    n += snprintf(head + n, (size_t)(ROOM - n), "), }");
    while (n % 64 != 63)
        head[n++] = ' ';
    head[n++] = '\n';
    head[8] = (char)((n - START) & 255);
    head[9] = (char)((n - START) >> 8);
    ax_outfile_write(&f, head, (size_t)n);
    if (count)
        ax_outfile_write(&f, t->data, (size_t)count * ax_dtype_size(t->dtype));
    return ax_outfile_commit(&f, err);
}
