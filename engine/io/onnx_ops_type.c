/* onnx_ops_type.c - operators on the type and the bits of numbers; see onnx_op.h. */
#include <math.h>
#include <string.h>

#include "io/onnx_op.h"
#include "math/element.h"

int onnx_scalar(onnx_site *s, ax_dtype t, double v, ax_onnx_value *out)
{
    uint64_t room = 0;
    if (ax_is_float(t))
        ax_real_write(t, &room, 0, v);
    else
        ax_whole_write(t, &room, 0, (int64_t)v);
    return onnx_constant(s, t, &(ax_shape){0}, &room, out);
}

int onnx_cast(onnx_site *s, ax_onnx_value *x, ax_dtype to, ax_onnx_value *out)
{
    const char *name = out->name;
    if (x->desc.dtype == to) {
        *out = *x;
        out->name = name;
        return 0;
    }
    return onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = to}, &x, 1, out);
}

/* To a type as ONNX counts them: the 16-bit floats are float32 here, of their precision. */
static int cast_to(onnx_site *s, int type)
{
    ax_cast_attr a = {.precision = type == AX_ONNX_FLOAT16    ? AX_HALF
                                   : type == AX_ONNX_BFLOAT16 ? AX_BFLOAT
                                                              : AX_FULL};
    if (ax_onnx_dtype(type, &a.to))
        return ax_fail(s->err, AX_EUNSUPPORTED, "a cast to %s is not taken",
                       ax_onnx_type_name(type));
    if (a.precision)
        return onnx_apply(s, &ax_op_cast, &a, s->in, 1, &s->out[0]);
    return onnx_cast(s, s->in[0], a.to, &s->out[0]);
}

/* saturate is about 8-bit floats, which are not taken. */
static int cast(onnx_site *s)
{
    int64_t type = onnx_int_or(s, "to", 0);
    return cast_to(s, type > 0 && type < 64 ? (int)type : 0);
}

static int cast_like(onnx_site *s)
{
    int type = onnx_declared_type(s, 1);
    if (type == AX_ONNX_FLOAT16 || type == AX_ONNX_BFLOAT16)
        return cast_to(s, type);
    return onnx_cast(s, s->in[0], s->in[1]->desc.dtype, &s->out[0]);
}

static int bits(onnx_site *s)
{
    const char *op = s->n->op;
    ax_binary_kind kind = !strcmp(op, "BitwiseAnd")  ? AX_BINARY_BIT_AND
                          : !strcmp(op, "BitwiseOr") ? AX_BINARY_BIT_OR
                                                     : AX_BINARY_BIT_XOR;
    return onnx_pair(s, kind, s->in[0], s->in[1], &s->out[0]);
}

static int inverted(onnx_site *s)
{
    ax_onnx_value ones = {.name = ""};
    if (onnx_scalar(s, s->in[0]->desc.dtype, -1, &ones))
        return -1;
    return onnx_pair(s, AX_BINARY_BIT_XOR, s->in[0], &ones, &s->out[0]);
}

static int shift(onnx_site *s)
{
    const char *way = onnx_text_or(s, "direction", "");
    int left = !strcmp(way, "LEFT");
    if (!left && strcmp(way, "RIGHT") != 0)
        return ax_fail(s->err, AX_EINVAL, "the direction '%.40s', expected LEFT or RIGHT", way);
    return onnx_pair(s, left ? AX_BINARY_SHIFT_LEFT : AX_BINARY_SHIFT_RIGHT, s->in[0], s->in[1],
                     &s->out[0]);
}

/* Equal to infinity of the signs that count; NaN in the place of one that does not, as nothing is
 * equal to NaN. */
static int is_inf(onnx_site *s)
{
    ax_dtype t = s->in[0]->desc.dtype;
    double top = onnx_int_or(s, "detect_positive", 1) ? (double)INFINITY : (double)NAN,
           bottom = onnx_int_or(s, "detect_negative", 1) ? -(double)INFINITY : (double)NAN;
    ax_onnx_value v[4] = {{.name = ""}, {.name = ""}, {.name = ""}, {.name = ""}};
    if (!ax_is_float(t))
        return ax_fail(s->err, AX_ETYPE, "%s, expected floats", ax_dtype_name(t));
    if (onnx_scalar(s, t, top, &v[0]) || onnx_scalar(s, t, bottom, &v[1]) ||
        onnx_pair(s, AX_BINARY_EQUAL, s->in[0], &v[0], &v[2]) ||
        onnx_pair(s, AX_BINARY_EQUAL, s->in[0], &v[1], &v[3]))
        return -1;
    return onnx_pair(s, AX_BINARY_OR, &v[2], &v[3], &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_type[] = {
    {"Cast", 6, 1, 1, "to saturate round_mode", cast, 0},
    {"CastLike", 15, 2, 2, "saturate round_mode", cast_like, 0},
    {"BitShift", 11, 2, 2, "direction", shift, 0},
    {"BitwiseAnd", 18, 2, 2, "", bits, 0},
    {"BitwiseOr", 18, 2, 2, "", bits, 0},
    {"BitwiseXor", 18, 2, 2, "", bits, 0},
    {"BitwiseNot", 18, 1, 1, "", inverted, 0},
    {"IsInf", 10, 1, 1, "detect_negative detect_positive", is_inf, 0},
    {0},
};
// clang-format on
