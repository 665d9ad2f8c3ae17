/* tensors.c - see tensors.h. */
#include "tensors.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- elements -------------------------------------------------------------------------------- */

double tensor_number(ax_dtype t, const void *data, int64_t i)
{
    return ax_real_read(t, data, i);
}

int64_t tensor_non_finite(ax_dtype t, const void *data, int64_t n)
{
    for (int64_t i = 0; ax_is_float(t) && i < n; i++)
        if (!isfinite(tensor_number(t, data, i)))
            return i;
    return -1;
}

static int store_whole(int negative, uint64_t magnitude, ax_dtype to, void *out, int64_t i)
{
    ax_whole_write(to, out, i, (int64_t)(negative ? 0 - magnitude : magnitude));
    return ax_whole_fits(to, negative, magnitude) ? 0 : -1;
}

int tensor_store(double v, ax_dtype to, void *out, int64_t i)
{
    if (to == AX_F64) {
        ((double *)out)[i] = v;
        return 0;
    }
    if (to == AX_F32) {
        /* what rounds to FLT_MAX is still in range; the bound is half a step above it */
        int fits = !isfinite(v) || fabs(v) < (double)FLT_MAX + ldexp(1, 127 - 24);
        ((float *)out)[i] = fits ? (float)v : 0;
        return fits ? 0 : -1;
    }
    if (v != floor(v) || !(fabs(v) < 0x1p64))
        return -1;
    return store_whole(v < 0, (uint64_t)fabs(v), to, out, i);
}

static int store_from(const ax_tensor *from, int64_t i, ax_dtype to, void *out)
{
    if (!ax_is_float(from->dtype) && !ax_is_float(to)) {
        int64_t v = ax_whole_read(from->dtype, from->data, i);
        int negative = v < 0 && ax_is_signed(from->dtype);
        return store_whole(negative, negative ? 0 - (uint64_t)v : (uint64_t)v, to, out, i);
    }
    return tensor_store(tensor_number(from->dtype, from->data, i), to, out, i);
}

int tensor_convert(const ax_tensor *from, ax_dtype to, void *out, ax_err *err)
{
    int64_t n = ax_shape_count(&from->shape);
    if (from->dtype == to) {
        if (n > 0)
            memcpy(out, from->data, (size_t)n * ax_dtype_size(to));
        return 0;
    }
    for (int64_t i = 0; i < n; i++)
        if (store_from(from, i, to, out)) {
            ax_fail(err, AX_ERANGE, "%.9g does not fit %s",
                    tensor_number(from->dtype, from->data, i), ax_dtype_name(to));
            return ax_err_in(err, "[%lld]", (long long)i);
        }
    return 0;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

int tensor_rows(const ax_shape *s, const ax_port *p, int64_t *rows, int *bare, ax_err *err)
{
    ax_shape tail = {.rank = s->rank - 1}, flat = {1, {ax_shape_count(&p->shape)}};
    char have[160], want[160];
    if (s->rank > 0)
        memcpy(tail.dim, s->dim + 1, (size_t)tail.rank * sizeof tail.dim[0]);
    if (s->rank > 0 && s->dim[0] > 0 &&
        (ax_shape_equal(&tail, &p->shape) || ax_shape_equal(&tail, &flat))) {
        *rows = s->dim[0];
        *bare = 0;
        return 0;
    }
    if (ax_shape_equal(s, &p->shape) || ax_shape_equal(s, &flat)) {
        *rows = *bare = 1;
        return 0;
    }
    ax_shape_str(&p->shape, want, sizeof want);
    return ax_fail(err, AX_ESHAPE,
                   "the array has shape %s, input '%s' takes samples of shape %s: expected "
                   "(rows, %s or one sample",
                   ax_shape_str(s, have, sizeof have), p->name, want,
                   p->shape.rank ? want + 1 : "...)");
}

const char *tensor_port_shape(const ax_port *p, char *buf, size_t size)
{
    size_t n = (size_t)snprintf(buf, size, p->shape.rank < 0 ? "(any" : "(");
    for (int i = 0; i < p->shape.rank && n < size; i++) {
        const char *comma = i ? ", " : "", *name = p->dims ? p->dims[i] : "";
        if (p->shape.dim[i] >= 0)
            n += (size_t)snprintf(buf + n, size - n, "%s%lld", comma, (long long)p->shape.dim[i]);
        else
            n += (size_t)snprintf(buf + n, size - n, "%s%.40s", comma, *name ? name : "?");
    }
    if (n < size)
        snprintf(buf + n, size - n, ")");
    return buf;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

cJSON *tensor_json_number(ax_dtype t, const void *data, int64_t i)
{
    double v = tensor_number(t, data, i);
    char text[40];
    if (t == AX_I64) { /* a double would round large ones */
        snprintf(text, sizeof text, "%lld", (long long)((const int64_t *)data)[i]);
        return cJSON_CreateRaw(text);
    }
    if (t == AX_U64) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
        return cJSON_CreateRaw(text);
    }
    if (t == AX_BOOL)
        return cJSON_CreateBool(v != 0);
    if (t != AX_F32 || !isfinite(v))
        return cJSON_CreateNumber(v);
    text_f32((float)v, text, sizeof text);
    return cJSON_CreateRaw(text);
}

static cJSON *nested(ax_dtype t, const ax_shape *s, int d, const void *data, int64_t *i)
{
    if (d == s->rank)
        return tensor_json_number(t, data, (*i)++);
    cJSON *list = cJSON_CreateArray();
    for (int64_t k = 0; k < s->dim[d]; k++)
        cJSON_AddItemToArray(list, nested(t, s, d + 1, data, i));
    return list;
}

cJSON *tensor_json(ax_dtype t, const ax_shape *s, const void *data, int64_t i)
{
    return nested(t, s, 0, data, &i);
}

cJSON *tensor_json_shape(const ax_shape *s)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < s->rank; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)s->dim[i]));
    return list;
}
