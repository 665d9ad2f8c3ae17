/* onnx_ops_quant.c - numbers as steps of a scale, and layers that count in them; see onnx_op.h.
 * Products are sums of int32, exact unless int32 wraps, as ONNX has them; what is made of them to
 * quantise again is worked out in float64. */
#include <string.h>

#include "base/ints.h"
#include "io/onnx_op.h"
#include "math/element.h"

/* ---- scales ---- */

/* The scale (or zero point) of blocks of `block` along the axis, each repeated for its block. */
static int by_block(onnx_site *s, ax_onnx_value *v, const ax_shape *x, int axis, int64_t block,
                    ax_onnx_value *out)
{
    ax_shape apart = v->desc.shape, wide, together = v->desc.shape;
    ax_onnx_value a = {.name = ""}, b = a, c = a, *in = &c;
    if (apart.rank != x->rank || block < 1 || apart.dim[axis] != ceil_div(x->dim[axis], block))
        return ax_fail(s->err, AX_ESHAPE, "blocks of %lld along axis %d do not fit the scale",
                       (long long)block, axis);
    if (apart.rank == AX_MAX_RANK)
        return ax_fail(s->err, AX_ELIMIT, "blocks in a tensor of %d dimensions", apart.rank);
    for (int i = apart.rank++; i > axis + 1; i--)
        apart.dim[i] = apart.dim[i - 1];
    apart.dim[axis + 1] = 1;
    wide = apart;
    wide.dim[axis + 1] = block;
    if (__builtin_mul_overflow(together.dim[axis], block, &together.dim[axis]))
        return ax_fail(s->err, AX_ELIMIT, "blocks of %lld", (long long)block);
    if (onnx_reshaped(s, v, &apart, &a) || onnx_expanded(s, &a, &wide, &b) ||
        onnx_reshaped(s, &b, &together, &c))
        return -1;
    return onnx_apply(s, &ax_op_slice, &(ax_slice_attr){axis, 0, x->dim[axis]}, &in, 1, out);
}

/* In a shape that is broadcast to x: one number, one for each place along the axis, or blocks. */
static int aligned(onnx_site *s, ax_onnx_value *v, const ax_shape *x, int axis, int64_t block,
                   ax_onnx_value *out)
{
    ax_shape to = {.rank = x->rank};
    int64_t n = ax_shape_count(&v->desc.shape);
    char text[160];
    *out = (ax_onnx_value){.name = ""};
    if (block)
        return by_block(s, v, x, axis, block, out);
    if (n == 1)
        return onnx_reshaped(s, v, &(ax_shape){0}, out);
    if (v->desc.shape.rank != 1 || axis < 0 || axis >= x->rank || n != x->dim[axis])
        return ax_fail(s->err, AX_ESHAPE, "a scale or zero point of %lld numbers for axis %d of %s",
                       (long long)n, axis, ax_shape_str(x, text, sizeof text));
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = i == axis ? n : 1;
    return onnx_reshaped(s, v, &to, out);
}

/* An axis matters only where there is one scale for each place along it, or for each block. */
static int scale_axis(onnx_site *s, int *axis, int64_t *block)
{
    int rank = s->in[0]->desc.shape.rank;
    *block = onnx_int_or(s, "block_size", 0);
    int64_t at = onnx_int_or(s, "axis", 1);
    *axis = (int)(at < -rank || at >= rank ? -1 : at < 0 ? at + rank : at);
    if (*block && *axis < 0)
        return onnx_axis(s, at, rank);
    return 0;
}

static int has(const onnx_site *s, int i)
{
    return s->n_in > i && s->in[i];
}

/* x in steps of the scale, to the type; scale and zero (NULL: 0) are broadcast to it. */
static int quantised(onnx_site *s, ax_onnx_value *x, ax_onnx_value *scale, ax_onnx_value *zero,
                     ax_dtype to, ax_onnx_value *out)
{
    ax_onnx_value step = {.name = ""}, at = {.name = ""}, *in[] = {x, &step, &at};
    if (onnx_expanded(s, scale, &x->desc.shape, &step) ||
        (zero && onnx_expanded(s, zero, &x->desc.shape, &at)))
        return -1;
    return onnx_apply(s, &ax_op_quantize, &(ax_quantize_attr){to}, in, zero ? 3 : 2, out);
}

/* The type that quotients are worked out in: float32 but where `precision` (opset 23) is float64.
 */
static int precision_of(onnx_site *s, ax_dtype *t)
{
    int64_t type = onnx_int_or(s, "precision", 0);
    *t = type == AX_ONNX_DOUBLE ? AX_F64 : AX_F32;
    if (type && type != AX_ONNX_DOUBLE && type != AX_ONNX_FLOAT)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "the precision %s is not taken, float32 and float64 are",
                       ax_onnx_type_name(type > 0 && type < 64 ? (int)type : 0));
    return 0;
}

static int quantize(onnx_site *s)
{
    ax_onnx_value x = {.name = ""}, wide = x, scale, zero;
    ax_dtype to = has(s, 2) ? s->in[2]->desc.dtype : AX_U8, in;
    int64_t block, type = onnx_int_or(s, "output_dtype", 0);
    int axis;
    const ax_shape *shape = &s->in[0]->desc.shape;
    if (type && !has(s, 2) && ax_onnx_dtype(type > 0 && type < 64 ? (int)type : 0, &to))
        return ax_fail(s->err, AX_EUNSUPPORTED, "output_dtype %lld is not taken", (long long)type);
    if (scale_axis(s, &axis, &block) || precision_of(s, &in) || onnx_cast(s, s->in[0], in, &x) ||
        onnx_cast(s, s->in[1], in, &wide) || aligned(s, &wide, shape, axis, block, &scale) ||
        (has(s, 2) && aligned(s, s->in[2], shape, axis, block, &zero)))
        return -1;
    return quantised(s, &x, &scale, has(s, 2) ? &zero : NULL, to, &s->out[0]);
}

/* x less its zero point, in int32 */
static int shifted(onnx_site *s, ax_onnx_value *x, ax_onnx_value *zero, ax_onnx_value *out)
{
    ax_onnx_value wide = {.name = ""}, at = {.name = ""};
    *out = (ax_onnx_value){.name = ""};
    if (!zero)
        return onnx_cast(s, x, AX_I32, out);
    if (onnx_cast(s, x, AX_I32, &wide) || onnx_cast(s, zero, AX_I32, &at))
        return -1;
    return onnx_pair(s, AX_BINARY_SUB, &wide, &at, out);
}

static int dequantize(onnx_site *s)
{
    ax_onnx_value scale, zero, steps, real = {.name = ""};
    int64_t block;
    int axis;
    const ax_shape *shape = &s->in[0]->desc.shape;
    if (!ax_is_float(s->in[1]->desc.dtype))
        return ax_fail(s->err, AX_ETYPE, "a scale of %s", ax_dtype_name(s->in[1]->desc.dtype));
    if (scale_axis(s, &axis, &block) || aligned(s, s->in[1], shape, axis, block, &scale) ||
        (has(s, 2) && aligned(s, s->in[2], shape, axis, block, &zero)) ||
        shifted(s, s->in[0], has(s, 2) ? &zero : NULL, &steps) ||
        onnx_cast(s, &steps, s->in[1]->desc.dtype, &real))
        return -1;
    return onnx_pair(s, AX_BINARY_MUL, &real, &scale, &s->out[0]);
}

/* The range of x, with 0 in it, as 255 steps; 0 is one of them. */
static int dynamic_quantize(onnx_site *s)
{
    ax_onnx_value v[12];
    for (int i = 0; i < 12; i++)
        v[i] = (ax_onnx_value){.name = ""};
    ax_onnx_value *nothing = &v[0], *steps = &v[1], *low = &v[2], *high = &v[3], *span = &v[4],
                  *scale = &v[5], *zero = &v[6], *minus = &v[7], *one = &v[8], *flat = &v[9];
    unsigned all = (1u << s->in[0]->desc.shape.rank) - 1;
    if (onnx_number(s, 0, nothing) || onnx_number(s, 255, steps) || onnx_number(s, 1, one) ||
        onnx_apply(s, &ax_op_reduce, &(ax_reduce_attr){.kind = AX_REDUCE_MIN, .axes = all}, s->in,
                   1, &v[10]) ||
        onnx_apply(s, &ax_op_reduce, &(ax_reduce_attr){.kind = AX_REDUCE_MAX, .axes = all}, s->in,
                   1, &v[11]) ||
        onnx_pair(s, AX_BINARY_MIN, &v[10], nothing, low) ||
        onnx_pair(s, AX_BINARY_MAX, &v[11], nothing, high) ||
        onnx_pair(s, AX_BINARY_SUB, high, low, span) ||
        onnx_pair(s, AX_BINARY_DIV, span, steps, scale) ||
        onnx_pair(s, AX_BINARY_EQUAL, scale, nothing, flat))
        return -1;
    ax_onnx_value safe = {.name = ""};
    if (onnx_where(s, flat, one, scale, &safe) ||
        onnx_pair(s, AX_BINARY_SUB, nothing, low, minus) ||
        quantised(s, minus, &safe, NULL, AX_U8, zero) ||
        quantised(s, s->in[0], &safe, zero, AX_U8, &s->out[0]))
        return -1;
    const ax_onnx_value *rest[] = {&safe, zero};
    for (int i = 1; i < s->n_out && i < 3; i++)
        s->out[i] = *rest[i - 1];
    return 0;
}

/* ---- products of matrices ---- */

/* What belongs to the rows of a: a vector becomes a column. */
static int of_rows(onnx_site *s, ax_onnx_value *v, const ax_shape *a, ax_onnx_value *out)
{
    const ax_shape *shape = &v->desc.shape;
    *out = *v;
    out->name = "";
    if (shape->rank != 1 || shape->dim[0] == 1 || a->rank < 2)
        return 0;
    return onnx_reshaped(s, v, &AX_SHAPE(shape->dim[0], 1), out);
}

/* in[a] (zero points in in[a_zero]) times in[b], in int32 */
static int whole_product(onnx_site *s, int a, int a_zero, int b, int b_zero, ax_onnx_value *out)
{
    ax_onnx_value rows, x, z;
    *out = (ax_onnx_value){.name = ""};
    if ((has(s, a_zero) && of_rows(s, s->in[a_zero], &s->in[a]->desc.shape, &rows)) ||
        shifted(s, s->in[a], has(s, a_zero) ? &rows : NULL, &x) ||
        shifted(s, s->in[b], has(s, b_zero) ? s->in[b_zero] : NULL, &z))
        return -1;
    return onnx_matmul(s, &x, &z, out);
}

static int matmul_integer(onnx_site *s)
{
    ax_onnx_value y;
    if (whole_product(s, 0, 2, 1, 3, &y))
        return -1;
    s->out[0] = y;
    return 0;
}

/* Sums of int32, worth a times b each, in steps of the scale of the result. */
static int requantised(onnx_site *s, ax_onnx_value *sums, ax_onnx_value *a, ax_onnx_value *b,
                       ax_onnx_value *scale, ax_onnx_value *zero)
{
    ax_onnx_value v[6];
    for (int i = 0; i < 6; i++)
        v[i] = (ax_onnx_value){.name = ""};
    if (onnx_cast(s, sums, AX_F64, &v[0]) || onnx_cast(s, a, AX_F64, &v[1]) ||
        onnx_cast(s, b, AX_F64, &v[2]) || onnx_cast(s, scale, AX_F64, &v[3]) ||
        onnx_pair(s, AX_BINARY_MUL, &v[0], &v[1], &v[4]) ||
        onnx_pair(s, AX_BINARY_MUL, &v[4], &v[2], &v[5]))
        return -1;
    return quantised(s, &v[5], &v[3], zero, zero->desc.dtype, &s->out[0]);
}

static int qlinear_matmul(onnx_site *s)
{
    ax_onnx_value sums, a, y_scale, y_zero;
    const ax_shape *rows = &s->in[0]->desc.shape;
    if (whole_product(s, 0, 2, 3, 5, &sums) || of_rows(s, s->in[1], rows, &a) ||
        of_rows(s, s->in[6], rows, &y_scale) || of_rows(s, s->in[7], rows, &y_zero))
        return -1;
    return requantised(s, &sums, &a, s->in[4], &y_scale, &y_zero);
}

/* ---- convolutions ---- */

/* The attribute as one number per axis of the picture, `otherwise` where it is absent. */
static int numbers_of(onnx_site *s, const char *name, int n, int64_t otherwise, int64_t *out)
{
    const ax_onnx_attr *a = onnx_attr(s, name);
    if (a && (a->type != AX_ONNX_A_INTS || a->n != n))
        return ax_fail(s->err, AX_EINVAL, "%s is no list of %d numbers", name, n);
    for (int i = 0; i < n; i++) {
        out[i] = a ? a->ints[i] : otherwise;
        if (out[i] < 0 || out[i] > 1 << 20)
            return ax_fail(s->err, AX_ERANGE, "%s has the number %lld", name, (long long)out[i]);
    }
    return 0;
}

static int geometry(onnx_site *s, const ax_shape *x, const ax_shape *w, ax_conv_whole_attr *a)
{
    int n = x->rank - 2;
    int64_t pads[2 * AX_MAX_RANK], kernel[AX_MAX_RANK];
    const char *how = onnx_text_or(s, "auto_pad", "NOTSET");
    int lower = !strcmp(how, "SAME_LOWER"), same = lower || !strcmp(how, "SAME_UPPER");
    if (n < 1 || w->rank != x->rank)
        return ax_fail(s->err, AX_ESHAPE, "pictures of rank %d, weights of rank %d", x->rank,
                       w->rank);
    if (numbers_of(s, "strides", n, 1, a->stride) ||
        numbers_of(s, "dilations", n, 1, a->dilation) || numbers_of(s, "pads", 2 * n, 0, pads) ||
        numbers_of(s, "kernel_shape", n, 0, kernel))
        return -1;
    a->groups = onnx_int_or(s, "group", 1);
    for (int i = 0; i < n; i++) {
        a->before[i] = pads[i];
        a->after[i] = pads[n + i];
        if (onnx_attr(s, "kernel_shape") && kernel[i] != w->dim[2 + i])
            return ax_fail(s->err, AX_ESHAPE, "kernel_shape has %lld, the weights %lld",
                           (long long)kernel[i], (long long)w->dim[2 + i]);
        if (!same || a->stride[i] < 1 || w->dim[2 + i] > 1 << 20)
            continue;
        int64_t span = (w->dim[2 + i] - 1) * a->dilation[i] + 1, d = x->dim[2 + i],
                missing = max64(0, (ceil_div(d, a->stride[i]) - 1) * a->stride[i] + span - d);
        a->before[i] = lower ? missing - missing / 2 : missing / 2;
        a->after[i] = missing - a->before[i];
    }
    return 0;
}

/* One number for each output channel, in front of n axes of the picture. */
static int of_channels(onnx_site *s, ax_onnx_value *v, int n, ax_onnx_value *out)
{
    int64_t count = ax_shape_count(&v->desc.shape);
    ax_shape to = {.rank = n + 1, .dim = {count}};
    for (int i = 1; i <= n; i++)
        to.dim[i] = 1;
    *out = (ax_onnx_value){.name = ""};
    return onnx_reshaped(s, v, count == 1 ? &(ax_shape){0} : &to, out);
}

static int whole_conv(onnx_site *s, int x, int x_zero, int w, int w_zero, ax_onnx_value *out)
{
    ax_conv_whole_attr a = {0};
    ax_onnx_value zero, pictures, weights;
    const ax_shape *shape = &s->in[x]->desc.shape;
    *out = (ax_onnx_value){.name = ""};
    if (geometry(s, shape, &s->in[w]->desc.shape, &a) ||
        (has(s, w_zero) && of_channels(s, s->in[w_zero], shape->rank - 1, &zero)) ||
        shifted(s, s->in[x], has(s, x_zero) ? s->in[x_zero] : NULL, &pictures) ||
        shifted(s, s->in[w], has(s, w_zero) ? &zero : NULL, &weights))
        return -1;
    return onnx_apply(s, &ax_op_conv_whole, &a, (ax_onnx_value *[]){&pictures, &weights}, 2, out);
}

static int conv_integer(onnx_site *s)
{
    ax_onnx_value y;
    if (whole_conv(s, 0, 2, 1, 3, &y))
        return -1;
    s->out[0] = y;
    return 0;
}

static int qlinear_conv(onnx_site *s)
{
    ax_onnx_value sums, with_bias = {.name = ""}, bias, scale;
    int axes = s->in[0]->desc.shape.rank - 2;
    if (whole_conv(s, 0, 2, 3, 5, &sums) || of_channels(s, s->in[4], axes, &scale))
        return -1;
    if (has(s, 8) && (of_channels(s, s->in[8], axes, &bias) ||
                      onnx_pair(s, AX_BINARY_ADD, &sums, &bias, &with_bias)))
        return -1;
    return requantised(s, has(s, 8) ? &with_bias : &sums, s->in[1], &scale, s->in[6], s->in[7]);
}

// clang-format off
const onnx_row onnx_rows_quant[] = {
    {"QuantizeLinear", 10, 2, 3, "axis saturate block_size output_dtype", quantize, 0},
    {"QuantizeLinear", 23, 2, 3, "axis saturate block_size output_dtype precision", quantize, 0},
    {"DequantizeLinear", 10, 2, 3, "axis block_size", dequantize, 0},
    {"DynamicQuantizeLinear", 11, 1, 1, "", dynamic_quantize, 1},
    {"MatMulInteger", 10, 2, 4, "", matmul_integer, 0},
    {"QLinearMatMul", 10, 8, 8, "", qlinear_matmul, 0},
    {"ConvInteger", 10, 2, 4, "auto_pad dilations group kernel_shape pads strides", conv_integer, 0},
    {"QLinearConv", 10, 8, 9, "auto_pad dilations group kernel_shape pads strides", qlinear_conv, 0},
    {0},
};
// clang-format on
