/* tensor.c - shapes and element types; see tensor.h. */
#include "math/tensor.h"

#include <stdio.h>
#include <string.h>

// clang-format off
static const struct {
    const char *name;
    size_t size;
    int64_t low;
    uint64_t high;
} dtypes[AX_DTYPES] = {
    [AX_F32] = {"float32", 4, 0, 0},
    [AX_F64] = {"float64", 8, 0, 0},
    [AX_I8] = {"int8", 1, INT8_MIN, INT8_MAX},
    [AX_I16] = {"int16", 2, INT16_MIN, INT16_MAX},
    [AX_I32] = {"int32", 4, INT32_MIN, INT32_MAX},
    [AX_I64] = {"int64", 8, INT64_MIN, INT64_MAX},
    [AX_U8] = {"uint8", 1, 0, UINT8_MAX},
    [AX_U16] = {"uint16", 2, 0, UINT16_MAX},
    [AX_U32] = {"uint32", 4, 0, UINT32_MAX},
    [AX_U64] = {"uint64", 8, 0, UINT64_MAX},
    [AX_BOOL] = {"bool", 1, 0, 1},
};
// clang-format on

size_t ax_dtype_size(ax_dtype t)
{
    return dtypes[t].size;
}

const char *ax_dtype_name(ax_dtype t)
{
    return dtypes[t].name;
}

int ax_dtype_find(const char *name)
{
    for (int i = 0; i < AX_DTYPES; i++)
        if (!strcmp(dtypes[i].name, name))
            return i;
    return -1;
}

int64_t ax_dtype_low(ax_dtype t)
{
    return dtypes[t].low;
}

uint64_t ax_dtype_high(ax_dtype t)
{
    return dtypes[t].high;
}

int64_t ax_shape_count(const ax_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

int64_t ax_shape_count_checked(const ax_shape *s, size_t size, ax_err *err)
{
    int64_t n = (int64_t)size;
    char text[160];
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0)
            return ax_fail(err, AX_ESHAPE, "shape %s has the negative dimension %lld",
                           ax_shape_str(s, text, sizeof text), (long long)s->dim[i]);
        if (__builtin_mul_overflow(n, s->dim[i], &n) || n > (int64_t)1 << 46)
            return ax_fail(err, AX_ELIMIT, "shape %s is too large: more than 64 TiB",
                           ax_shape_str(s, text, sizeof text));
    }
    return n / (int64_t)size;
}

int64_t ax_count_add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t ax_count_mul(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int ax_shape_broadcast(const ax_shape *a, const ax_shape *b, ax_shape *out, ax_err *err)
{
    char s[160], t[160];
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= out->rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1,
                q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1)
            return ax_fail(err, AX_ESHAPE, "the shapes %s and %s cannot be broadcast to each other",
                           ax_shape_str(a, s, sizeof s), ax_shape_str(b, t, sizeof t));
        out->dim[out->rank - i] = p == 1 ? q : p;
    }
    return 0;
}

int ax_shape_equal(const ax_shape *a, const ax_shape *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]);
}

const char *ax_shape_str(const ax_shape *s, char *buf, size_t size)
{
    size_t at = (size_t)snprintf(buf, size, "(");
    for (int i = 0; i < s->rank && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, i ? ", %lld" : "%lld", (long long)s->dim[i]);
    if (at < size)
        snprintf(buf + at, size - at, ")");
    return buf;
}
