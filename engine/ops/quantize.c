/* quantize.c - numbers as steps of a scale, and convolutions that count in whole numbers: what
 * quantised networks are made of. Products of matrices are in matmul.c, the way back (a difference,
 * a product) is made of other ops. */
#include <math.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

/* ---- quantize: y = clamp(round(x / scale) + zero)
 * ------------------------------------------------------ */

static int quantize_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_dtype to = ((const ax_quantize_attr *)attr)->to;
    int zero = n_in > 2 && in[2].shape.rank >= 0;
    if (!ax_is_float(in[0].dtype) || in[1].dtype != in[0].dtype || ax_is_float(to) ||
        to == AX_BOOL || (zero && in[2].dtype != to))
        return ax_fail(err, AX_ETYPE, "%s by %s to %s; floats of one type become whole numbers",
                       ax_dtype_name(in[0].dtype), ax_dtype_name(in[1].dtype), ax_dtype_name(to));
    if (!ax_shape_equal(&in[0].shape, &in[1].shape) ||
        (zero && !ax_shape_equal(&in[0].shape, &in[2].shape)))
        return ax_fail(err, AX_ESHAPE, "a scale or zero point of another shape");
    out[0] = (ax_desc){to, in[0].shape};
    return 0;
}

/* The quotient is that of the type: a tie of float32 is one whatever the exact quotient is. */
static void quantize_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    ax_dtype t = c->in[0].dtype, type = c->out[0].dtype;
    double low = (double)ax_dtype_low(type), high = (double)ax_dtype_high(type);
    for (int64_t i = from; i < to; i++) {
        double steps = t == AX_F32
                           ? (double)(((const float *)c->x[0])[i] / ((const float *)c->x[1])[i])
                           : ((const double *)c->x[0])[i] / ((const double *)c->x[1])[i];
        double v = rint(steps) + (c->x[2] ? ax_real_read(type, c->x[2], i) : 0);
        ax_whole_write(type, c->y[0], i, ax_whole_of(type, v < low ? low : v > high ? high : v));
    }
}

static void quantize_run(const ax_call *c)
{
    ax_range(c->pool, ax_shape_count(&c->out[0].shape), 4096, quantize_stretch,
             (void *)(uintptr_t)c);
}

const ax_op ax_op_quantize = {
    .name = "quantize",
    .mixed = 1,
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .attr_size = sizeof(ax_quantize_attr),
    .infer = quantize_infer,
    .run = quantize_run,
};

/* ---- conv_whole
 * --------------------------------------------------------------------------------------- */

/* Elements of the output along axis i of the picture; -1 with err. */
static int64_t extent(const ax_conv_whole_attr *a, int i, int64_t x, int64_t w, ax_err *err)
{
    int64_t span, room;
    if (a->stride[i] < 1 || a->dilation[i] < 1 ||
        __builtin_mul_overflow(w - 1, a->dilation[i], &span) ||
        __builtin_add_overflow(x, a->before[i], &room) ||
        __builtin_add_overflow(room, a->after[i], &room) ||
        __builtin_sub_overflow(room, span, &room))
        return ax_fail(err, AX_ERANGE, "axis %d of %lld: stride %lld, dilation %lld", i,
                       (long long)x, (long long)a->stride[i], (long long)a->dilation[i]);
    return room < 1 ? 0 : (room - 1) / a->stride[i] + 1;
}

static int conv_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_conv_whole_attr *a = attr;
    const ax_shape *x = &in[0].shape, *w = &in[1].shape;
    char s[160], t[160];
    if (in[0].dtype != AX_I32 || in[1].dtype != AX_I32)
        return ax_fail(err, AX_ETYPE, "%s and %s, expected int32", ax_dtype_name(in[0].dtype),
                       ax_dtype_name(in[1].dtype));
    if (x->rank < 3 || w->rank != x->rank || a->groups < 1 || w->dim[0] % a->groups ||
        x->dim[1] % a->groups || x->dim[1] / a->groups != w->dim[1])
        return ax_fail(err, AX_ESHAPE, "pictures %s, weights %s, %lld groups",
                       ax_shape_str(x, s, sizeof s), ax_shape_str(w, t, sizeof t),
                       (long long)a->groups);
    out[0] = (ax_desc){AX_I32, *x};
    out[0].shape.dim[1] = w->dim[0];
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t *y = &out[0].shape.dim[2 + i];
        if ((*y = extent(a, i, x->dim[2 + i], w->dim[2 + i], err)) < 0)
            return -1;
    }
    return 0;
}

/* Offset in the picture (in pixels) of weight k for output i; -1: in the padding. */
static int64_t pixel(const ax_call *c, int64_t i, int64_t k)
{
    const ax_conv_whole_attr *a = c->attr;
    const ax_shape *x = &c->in[0].shape, *w = &c->in[1].shape, *y = &c->out[0].shape;
    int64_t at = 0, step = 1;
    for (int d = x->rank - 1; d >= 2; d--) {
        int64_t p = i % y->dim[d] * a->stride[d - 2] + k % w->dim[d] * a->dilation[d - 2] -
                    a->before[d - 2];
        if (p < 0 || p >= x->dim[d])
            return -1;
        at += p * step;
        step *= x->dim[d];
        i /= y->dim[d];
        k /= w->dim[d];
    }
    return at;
}

static int64_t pixels(const ax_shape *s)
{
    int64_t n = 1;
    for (int i = 2; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

/* Maps from..to of the output: sample by sample, channel by channel. */
static void conv_maps(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    const ax_shape *x = &c->in[0].shape, *w = &c->in[1].shape, *y = &c->out[0].shape;
    int64_t in = pixels(x), window = pixels(w), out = pixels(y), channels = w->dim[1],
            per_group = w->dim[0] / ((const ax_conv_whole_attr *)c->attr)->groups;
    for (int64_t m = from; m < to; m++) {
        int64_t n = m / y->dim[1], k = m % y->dim[1];
        const int32_t *map =
            (const int32_t *)c->x[0] + (n * x->dim[1] + k / per_group * channels) * in;
        const int32_t *weight = (const int32_t *)c->x[1] + k * channels * window;
        for (int64_t i = 0; i < out; i++) {
            uint32_t sum = 0;
            for (int64_t j = 0; j < window; j++) {
                int64_t at = pixel(c, i, j);
                for (int64_t p = 0; at >= 0 && p < channels; p++)
                    sum += (uint32_t)map[p * in + at] * (uint32_t)weight[p * window + j];
            }
            ((int32_t *)c->y[0])[m * out + i] = (int32_t)sum;
        }
    }
}

static void conv_run(const ax_call *c)
{
    const ax_shape *y = &c->out[0].shape;
    if (ax_shape_count(y))
        ax_range(c->pool, y->dim[0] * y->dim[1], 1, conv_maps, (void *)(uintptr_t)c);
}

static int64_t conv_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(ax_shape_count(&out[0].shape),
                        2 * in[1].shape.dim[1] * pixels(&in[1].shape));
}

const ax_op ax_op_conv_whole = {
    .name = "conv_whole",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_conv_whole_attr),
    .infer = conv_infer,
    .run = conv_run,
    .flops = conv_flops,
};
