/* onnx_ops_pool.c - pooling over one, two or three axes, over the whole map, and back; see
 * onnx_op.h and onnx_window.h. */
#include <string.h>

#include "base/ints.h"
#include "io/onnx_window.h"

enum { AXES = AX_POOL_AXES };

/* ---- pooling ---- */

static int pool_attr(onnx_site *s, ax_pool_kind kind, ax_pool_attr *a)
{
    onnx_window g = {0};
    if (onnx_pixel_axes(s, &g.axes))
        return -1;
    if (!onnx_attr(s, "kernel_shape"))
        return ax_fail(s->err, AX_EINVAL, "kernel_shape is missing");
    if (onnx_per_axis(s, "kernel_shape", g.axes, 0, 1, g.kernel) ||
        onnx_place(s, s->in[0]->desc.shape.dim + 2, &g))
        return -1;
    *a = (ax_pool_attr){.kind = kind,
                        .ceil = onnx_int_or(s, "ceil_mode", 0) != 0,
                        .count_pad = onnx_int_or(s, "count_include_pad", 0) != 0,
                        .by_columns = onnx_int_or(s, "storage_order", 0) != 0,
                        .p = onnx_int_or(s, "p", 2)};
    memcpy(a->kernel, g.kernel, sizeof g.kernel);
    memcpy(a->stride, g.stride, sizeof g.stride);
    memcpy(a->dilation, g.dilation, sizeof g.dilation);
    memcpy(a->before, g.before, sizeof g.before);
    memcpy(a->after, g.after, sizeof g.after);
    return 0;
}

/* As the faster op for pictures, if it can: rounding up is padding behind, which does not count. */
static int fits_picture(const ax_pool_attr *a, const ax_shape *x, ax_pool2d_attr *out)
{
    int axes = x->rank - 2, ok = axes <= 2 && a->kind != AX_POOL_LP && !(a->ceil && a->count_pad);
    *out = (ax_pool2d_attr){.max = a->kind == AX_POOL_MAX,
                            .kernel = {1, 1},
                            .stride = {1, 1},
                            .count_pad = a->count_pad};
    for (int i = 0; ok && i < axes; i++) {
        int k = i + 2 - axes;
        int64_t room = x->dim[2 + i] + a->before[i] + a->after[i] - a->kernel[i];
        int64_t windows = room / a->stride[i] + 1, after = a->after[i];
        if (a->ceil && room % a->stride[i] && windows * a->stride[i] < x->dim[2 + i] + a->before[i])
            after += windows * a->stride[i] - room;
        ok = a->dilation[i] == 1 && a->before[i] < a->kernel[i] && after < a->kernel[i];
        out->kernel[k] = (int)a->kernel[i];
        out->stride[k] = (int)a->stride[i];
        out->pad[k] = (int)a->before[i];
        out->pad[2 + k] = (int)after;
    }
    return ok;
}

static int pooled(onnx_site *s, ax_onnx_value *x, const ax_pool_attr *a, ax_onnx_value *out)
{
    ax_pool2d_attr quick;
    ax_onnx_value tall = {.name = ""}, y = {.name = ""}, *in = &tall;
    if (!fits_picture(a, &x->desc.shape, &quick))
        return onnx_apply(s, &ax_op_pool, a, &x, 1, out);
    if (x->desc.shape.rank == 4)
        return onnx_apply(s, &ax_op_pool2d, &quick, &x, 1, out);
    if (onnx_heightened(s, x, &tall) || onnx_apply(s, &ax_op_pool2d, &quick, &in, 1, &y))
        return -1;
    return onnx_flattened(s, &y, out);
}

/* Bytes are pooled as the floats they are. */
static int max_pool(onnx_site *s)
{
    ax_pool_attr a;
    ax_dtype t = s->in[0]->desc.dtype;
    ax_onnx_value x = *s->in[0], y = {.name = ""}, *in = &x;
    int bytes = t != AX_F32 && t != AX_BOOL && ax_dtype_size(t) == 1;
    if (t != AX_F32 && !bytes)
        return ax_fail(s->err, AX_EUNSUPPORTED, "an input of %s; float32 and bytes are taken",
                       ax_dtype_name(t));
    if (pool_attr(s, AX_POOL_MAX, &a) ||
        (bytes && onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = AX_F32}, s->in, 1, &x)))
        return -1;
    if (s->n_out > 1 && *s->n->out[1] && onnx_apply(s, &ax_op_max_places, &a, &in, 1, &s->out[1]))
        return -1;
    if (!bytes)
        return pooled(s, s->in[0], &a, &s->out[0]);
    in = &y;
    return pooled(s, &x, &a, &y) ||
                   onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = t}, &in, 1, &s->out[0])
               ? -1
               : 0;
}

static int average_pool(onnx_site *s)
{
    ax_pool_attr a;
    return pool_attr(s, AX_POOL_AVERAGE, &a) ? -1 : pooled(s, s->in[0], &a, &s->out[0]);
}

static int lp_pool(onnx_site *s)
{
    ax_pool_attr a;
    return pool_attr(s, AX_POOL_LP, &a) ? -1 : pooled(s, s->in[0], &a, &s->out[0]);
}

/* ---- the whole map ---- */

/* Pixels of all axes in one: (N, C, 1, pixels); and the shape of one number for each map. */
static int whole_map(onnx_site *s, ax_onnx_value *out, ax_shape *one)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int64_t pixels = 1;
    *one = *x;
    if (x->rank < 2)
        return ax_fail(s->err, AX_ESHAPE, "an input of rank %d has no channels", x->rank);
    for (int i = 2; i < x->rank; i++) {
        pixels = ax_count_mul(pixels, x->dim[i]);
        one->dim[i] = 1;
    }
    if (x->rank == 4) {
        *out = *s->in[0];
        return 0;
    }
    return onnx_reshaped(s, s->in[0], &AX_SHAPE(x->dim[0], x->dim[1], 1, pixels), out);
}

static int global_pool(onnx_site *s, int max)
{
    ax_pool2d_attr a = {.max = max, .global = 1};
    ax_onnx_value x = {.name = ""}, y = {.name = ""}, *in = &x;
    ax_shape one;
    if (whole_map(s, &x, &one) || onnx_apply(s, &ax_op_pool2d, &a, &in, 1, &y))
        return -1;
    if (one.rank != 4)
        return onnx_reshaped(s, &y, &one, &s->out[0]);
    s->out[0] = y;
    return 0;
}

static int global_average_pool(onnx_site *s)
{
    return global_pool(s, 0);
}

static int global_max_pool(onnx_site *s)
{
    return global_pool(s, 1);
}

static int global_lp_pool(onnx_site *s)
{
    ax_onnx_value x = {.name = ""}, y = {.name = ""}, *in = &x;
    ax_shape one;
    if (whole_map(s, &x, &one))
        return -1;
    ax_pool_attr a = {
        .kind = AX_POOL_LP, .p = onnx_int_or(s, "p", 2), .stride = {1, 1}, .dilation = {1, 1}};
    memcpy(a.kernel, x.desc.shape.dim + 2, 2 * sizeof *a.kernel);
    return onnx_apply(s, &ax_op_pool, &a, &in, 1, &y) || onnx_reshaped(s, &y, &one, &s->out[0]) ? -1
                                                                                                : 0;
}

/* ---- back to where maxima came from ---- */

/* Indices count pixels of the shape that follows from the window; a given shape may only have more
 * behind. */
static int max_unpool(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *said;
    int64_t n, pads[2 * AXES];
    onnx_window g = {0};
    ax_put_attr a = {*x};
    ax_pad_attr more = {0};
    ax_onnx_value y = {.name = ""}, *in = &y;
    if (onnx_pixel_axes(s, &g.axes) || onnx_per_axis(s, "kernel_shape", g.axes, 0, 1, g.kernel) ||
        onnx_per_axis(s, "strides", g.axes, 1, 1, g.stride) ||
        onnx_per_axis(s, "pads", 2 * g.axes, 0, 0, pads) || onnx_known_ints(s, 2, &said, &n))
        return -1;
    for (int i = 0; i < g.axes; i++) {
        if (x->dim[2 + i] < 1 || x->dim[2 + i] > 1 << 30)
            return ax_fail(s->err, AX_ERANGE, "%lld inputs along an axis",
                           (long long)x->dim[2 + i]);
        a.shape.dim[2 + i] =
            (x->dim[2 + i] - 1) * g.stride[i] + g.kernel[i] - pads[i] - pads[g.axes + i];
    }
    if (n >= 0 && n != x->rank)
        return ax_fail(s->err, AX_EINVAL, "an output shape of %lld numbers, expected %d",
                       (long long)n, x->rank);
    for (int i = 0; n >= 0 && i < x->rank; i++) {
        more.after[i] = said[i] > 1 << 30 ? -1 : said[i] - a.shape.dim[i];
        if (more.after[i] < 0)
            return ax_fail(s->err, AX_ESHAPE, "axis %d cannot be %lld, the windows take %lld", i,
                           (long long)said[i], (long long)a.shape.dim[i]);
    }
    if (n < 0)
        return onnx_apply(s, &ax_op_put, &a, s->in, 2, &s->out[0]);
    return onnx_apply(s, &ax_op_put, &a, s->in, 2, &y) ||
                   onnx_apply(s, &ax_op_pad, &more, &in, 1, &s->out[0])
               ? -1
               : 0;
}

// clang-format off
const onnx_row onnx_rows_pool[] = {
    {"MaxPool", 1, 1, 1, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
     max_pool, 0},
    {"AveragePool", 1, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", average_pool, 1},
    {"LpPool", 2, 1, 1, "auto_pad ceil_mode dilations kernel_shape p pads strides", lp_pool, 1},
    {"GlobalAveragePool", 1, 1, 1, "", global_average_pool, 1},
    {"GlobalMaxPool", 1, 1, 1, "", global_max_pool, 1},
    {"GlobalLpPool", 2, 1, 1, "p", global_lp_pool, 1},
    {"MaxUnpool", 9, 2, 3, "kernel_shape pads strides", max_unpool, 0},
    {0},
};
// clang-format on
