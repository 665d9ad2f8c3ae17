/* onnx_ops_window.c - operators whose window slides over one, two or three axes: convolution, its
 * transpose, columns; see onnx_op.h. What pooling shares is in onnx_window.h.
 *
 * One axis is a picture of height 1. Three axes of a convolution are two: windows of the depth
 * become channels, their places samples, and the weights need not even move; the transposed one
 * goes the same way back.
 *
 *     x (N,C,D,H,W) -> (N OD, C KD, H, W), w (K,C,KD,KH,KW) = (K, C KD, KH, KW) */
#include <limits.h>
#include <string.h>

#include "base/ints.h"
#include "io/onnx_window.h"

enum { AXES = AX_POOL_AXES };

/* ---- geometry ---- */

int onnx_per_axis(onnx_site *s, const char *name, int axes, int64_t otherwise, int64_t least,
                  int64_t *out)
{
    const ax_onnx_attr *a = onnx_attr(s, name);
    if (a && (a->type != AX_ONNX_A_INTS || a->n != axes))
        return ax_fail(s->err, AX_EINVAL, "%s has %lld numbers, expected %d", name, (long long)a->n,
                       axes);
    for (int i = 0; i < axes; i++) {
        out[i] = a ? a->ints[i] : otherwise;
        if (out[i] < least || out[i] > 1 << 20)
            return ax_fail(s->err, AX_ERANGE, "%s has the number %lld", name, (long long)out[i]);
    }
    return 0;
}

static int64_t span_of(const onnx_window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

/* How padding is said: 0 by `pads`, else by the name in auto_pad. */
typedef enum padding { EXPLICIT, SAME_UPPER, SAME_LOWER, VALID } padding;

static int padding_of(onnx_site *s, padding *how)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *text = onnx_text_or(s, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++)
        if (!strcmp(text, names[i])) {
            *how = (padding)i;
            return 0;
        }
    return ax_fail(s->err, AX_EINVAL,
                   "auto_pad '%.40s'; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", text);
}

/* Strides, dilations and pads; the kernel is known. */
static int read_window(onnx_site *s, onnx_window *w, padding *how)
{
    int64_t pads[2 * AXES];
    if (onnx_per_axis(s, "strides", w->axes, 1, 1, w->stride) ||
        onnx_per_axis(s, "dilations", w->axes, 1, 1, w->dilation) ||
        onnx_per_axis(s, "pads", 2 * w->axes, 0, 0, pads) || padding_of(s, how))
        return -1;
    for (int i = 0; i < w->axes; i++) {
        if (w->kernel[i] < 1 || w->kernel[i] > 1 << 20 || span_of(w, i) > 1 << 30)
            return ax_fail(s->err, AX_ELIMIT, "a window of %lld elements with dilation %lld",
                           (long long)w->kernel[i], (long long)w->dilation[i]);
        w->before[i] = *how == EXPLICIT ? pads[i] : 0;
        w->after[i] = *how == EXPLICIT ? pads[w->axes + i] : 0;
    }
    return 0;
}

int onnx_place(onnx_site *s, const int64_t *x, onnx_window *w)
{
    padding how;
    if (read_window(s, w, &how))
        return -1;
    for (int i = 0; i < w->axes; i++) {
        int64_t span = span_of(w, i), stride = w->stride[i];
        if (how == SAME_UPPER || how == SAME_LOWER) {
            int64_t missing = max64(0, (ceil_div(x[i], stride) - 1) * stride + span - x[i]);
            w->before[i] = how == SAME_LOWER ? missing - missing / 2 : missing / 2;
            w->after[i] = missing - w->before[i];
        }
        if (span > x[i] + w->before[i] + w->after[i])
            return ax_fail(s->err, AX_ESHAPE,
                           "a window that spans %lld does not fit into %lld padded pixels",
                           (long long)span, (long long)(x[i] + w->before[i] + w->after[i]));
    }
    return 0;
}

int onnx_pixel_axes(onnx_site *s, int *axes)
{
    int rank = s->in[0]->desc.shape.rank;
    *axes = rank - 2;
    if (rank < 3 || rank > 2 + AXES)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "an input of rank %d; batch, channels and 1 to %d axes of pixels are taken",
                       rank, AXES);
    return 0;
}

/* The last two axes of a window as those of a picture. */
static void as_picture(const onnx_window *w, int *stride, int *dilation, int *pad)
{
    for (int k = 0; k < 2; k++) {
        int i = w->axes - 2 + k;
        stride[k] = i < 0 ? 1 : (int)w->stride[i];
        dilation[k] = i < 0 ? 1 : (int)w->dilation[i];
        pad[k] = i < 0 ? 0 : (int)w->before[i];
        pad[2 + k] = i < 0 ? 0 : (int)w->after[i];
    }
}

int onnx_heightened(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out)
{
    const int64_t *d = x->desc.shape.dim;
    if (x->desc.shape.rank == 3)
        return onnx_reshaped(s, x, &AX_SHAPE(d[0], d[1], 1, d[2]), out);
    *out = *x;
    return 0;
}

int onnx_flattened(onnx_site *s, ax_onnx_value *y, ax_onnx_value *out)
{
    const int64_t *d = y->desc.shape.dim;
    return onnx_reshaped(s, y, &AX_SHAPE(d[0], d[1], d[3]), out);
}

/* ---- convolution ---- */

/* What a convolution and its transpose are told alike; the weights' pixels are the kernel. */
static int conv_site(onnx_site *s, onnx_window *g, int64_t *groups)
{
    const ax_shape *x = &s->in[0]->desc.shape, *w = &s->in[1]->desc.shape;
    int64_t said[AXES];
    *groups = onnx_int_or(s, "group", 1);
    if (onnx_pixel_axes(s, &g->axes))
        return -1;
    if (w->rank != x->rank)
        return ax_fail(s->err, AX_ESHAPE, "weights of rank %d for an input of rank %d", w->rank,
                       x->rank);
    if (*groups < 1 || *groups > INT_MAX)
        return ax_fail(s->err, AX_ERANGE, "group is %lld", (long long)*groups);
    memcpy(g->kernel, w->dim + 2, (size_t)g->axes * sizeof *g->kernel);
    if (!onnx_attr(s, "kernel_shape"))
        return 0;
    if (onnx_per_axis(s, "kernel_shape", g->axes, 0, 0, said))
        return -1;
    for (int i = 0; i < g->axes; i++)
        if (said[i] != g->kernel[i])
            return ax_fail(s->err, AX_ESHAPE, "kernel_shape says %lld, the weights have %lld",
                           (long long)said[i], (long long)g->kernel[i]);
    return 0;
}

/* x (N,C,D,H,W) as (N OD, C KD, H, W): each sample is what one place of the depth sees. */
static int depth_to_channels(onnx_site *s, ax_onnx_value *x, const onnx_window *g, int64_t *od,
                             ax_onnx_value *out)
{
    ax_pad_attr pad = {.before = {0, 0, g->before[0]}, .after = {0, 0, g->after[0]}};
    ax_onnx_value padded = *x, *in = &padded, windows = {.name = ""};
    if ((g->before[0] || g->after[0]) && onnx_apply(s, &ax_op_pad, &pad, &x, 1, &padded))
        return -1;
    const int64_t *d = padded.desc.shape.dim;
    int64_t plane = d[3] * d[4];
    *od = (d[2] - span_of(g, 0)) / g->stride[0] + 1;
    ax_strided_attr steps = {
        AX_SHAPE(d[0], *od, d[1], g->kernel[0], d[3], d[4]),
        0,
        {d[1] * d[2] * plane, g->stride[0] * plane, d[2] * plane, g->dilation[0] * plane, d[4], 1}};
    if (onnx_apply(s, &ax_op_strided, &steps, &in, 1, &windows))
        return -1;
    return onnx_reshaped(
        s, &windows,
        &AX_SHAPE(ax_count_mul(d[0], *od), ax_count_mul(d[1], g->kernel[0]), d[3], d[4]), out);
}

/* Weights (a, b, KD, KH, KW) as (a, b KD, KH, KW). */
static int depth_in_weights(onnx_site *s, ax_onnx_value *w, ax_onnx_value *out)
{
    const int64_t *d = w->desc.shape.dim;
    return onnx_reshaped(s, w, &AX_SHAPE(d[0], ax_count_mul(d[1], d[2]), d[3], d[4]), out);
}

static int conv_deep(onnx_site *s, const onnx_window *g, const ax_conv2d_attr *a)
{
    ax_onnx_value x = {.name = ""}, w = {.name = ""}, y = {.name = ""}, split = {.name = ""};
    ax_onnx_value *in[] = {&x, &w, s->n_in > 2 ? s->in[2] : NULL}, *turn = &split;
    int64_t od, n = s->in[0]->desc.shape.dim[0];
    ax_permute_attr back = {{0, 2, 1, 3, 4}};
    if (depth_to_channels(s, s->in[0], g, &od, &x) || depth_in_weights(s, s->in[1], &w) ||
        onnx_apply(s, &ax_op_conv2d, a, in, 2 + (in[2] != NULL), &y))
        return -1;
    const int64_t *d = y.desc.shape.dim;
    if (onnx_reshaped(s, &y, &AX_SHAPE(n, od, d[1], d[2], d[3]), &split))
        return -1;
    return onnx_apply(s, &ax_op_permute, &back, &turn, 1, &s->out[0]);
}

static int conv(onnx_site *s)
{
    onnx_window g = {0};
    int64_t groups;
    ax_onnx_value x = {.name = ""}, w = {.name = ""}, y = {.name = ""};
    ax_onnx_value *in[] = {&x, &w, s->n_in > 2 ? s->in[2] : NULL};
    if (conv_site(s, &g, &groups) || onnx_place(s, s->in[0]->desc.shape.dim + 2, &g))
        return -1;
    ax_conv2d_attr a = {.groups = (int)groups};
    as_picture(&g, a.stride, a.dilation, a.pad);
    if (g.axes == 2)
        return onnx_apply(s, &ax_op_conv2d, &a, s->in, s->n_in, &s->out[0]);
    if (g.axes == 3)
        return conv_deep(s, &g, &a);
    if (onnx_heightened(s, s->in[0], &x) || onnx_heightened(s, s->in[1], &w) ||
        onnx_apply(s, &ax_op_conv2d, &a, in, 2 + (in[2] != NULL), &y))
        return -1;
    return onnx_flattened(s, &y, &s->out[0]);
}

/* ---- transposed convolution: what goes back through a convolution ---- */

/* The output's pixels. `full` is what the windows of all inputs span; before and after cut it. */
typedef struct spread {
    int64_t full[AXES], out[AXES];
} spread;

static int spread_axis(onnx_site *s, onnx_window *g, int i, int64_t in, int64_t adjust,
                       int64_t wanted, padding how, spread *p)
{
    int64_t full;
    if (in < 1 || __builtin_mul_overflow(in - 1, g->stride[i], &full) || full > INT64_MAX / 4)
        return ax_fail(s->err, AX_ERANGE, "%lld inputs along an axis", (long long)in);
    p->full[i] = full + span_of(g, i);
    if (wanted < 0 && (how == SAME_UPPER || how == SAME_LOWER))
        wanted = in * g->stride[i];
    if (wanted >= 0) { /* what is too much is cut off at both ends, what is missing is behind */
        int64_t total = p->full[i] + adjust - wanted, half = total > 0 ? total / 2 : 0;
        g->before[i] = how == SAME_UPPER || total <= 0 ? half : total - half;
        g->after[i] = total - g->before[i];
    }
    p->out[i] = p->full[i] + adjust - g->before[i] - g->after[i];
    if (p->out[i] < 1)
        return ax_fail(s->err, AX_ESHAPE,
                       "nothing is left of axis %d, which has %lld before %lld "
                       "are cut off",
                       i, (long long)(p->full[i] + adjust),
                       (long long)(g->before[i] + g->after[i]));
    return 0;
}

static int spread_of(onnx_site *s, onnx_window *g, spread *p)
{
    padding how;
    int64_t adjust[AXES], wanted[2 + AXES] = {0};
    const ax_onnx_attr *shape = onnx_attr(s, "output_shape");
    const int64_t *x = s->in[0]->desc.shape.dim + 2;
    int skip = shape && shape->n == g->axes + 2 ? 2 : 0; /* some files name batch and channels */
    if (read_window(s, g, &how) || onnx_per_axis(s, "output_padding", g->axes, 0, 0, adjust) ||
        (shape && onnx_per_axis(s, "output_shape", g->axes + skip, 0, 0, wanted)))
        return -1;
    for (int i = 0; i < g->axes; i++)
        if (spread_axis(s, g, i, x[i], adjust[i], shape ? wanted[skip + i] : -1, how, p))
            return -1;
    return 0;
}

/* dx of the convolution for a picture: x (n, C, h, w), weights (C, M/groups, KH, KW). Where the
 * padding is none that a convolution has (more at the end than a stride), all of it is made, then
 * cut. */
static int spread_picture(onnx_site *s, ax_onnx_value *x, ax_onnx_value *w, const onnx_window *g,
                          const spread *p, int64_t groups, ax_onnx_value *out)
{
    const int64_t *d = w->desc.shape.dim;
    ax_conv2d_grad_attr a = {
        .conv.groups = (int)groups, .c = ax_count_mul(d[1], groups), .kernel = {d[2], d[3]}};
    ax_pad_attr fit = {0};
    ax_onnx_value all = {.name = ""}, *in[] = {x, w}, *cut = &all;
    int whole = 0;
    int64_t size[2] = {1, 1}, to[2] = {1, 1};
    as_picture(g, a.conv.stride, a.conv.dilation, a.conv.pad);
    for (int k = 0; k < 2; k++) {
        int i = g->axes - 2 + k;
        if (i < 0)
            continue;
        size[k] = p->full[i];
        to[k] = p->out[i];
        fit.before[2 + k] = -g->before[i];
        whole |= g->before[i] < 0 || g->after[i] < 0 || g->before[i] > INT_MAX / 2 ||
                 g->after[i] > INT_MAX / 2 ||
                 p->out[i] + g->before[i] + g->after[i] - p->full[i] >= g->stride[i];
        fit.after[2 + k] = to[k] + g->before[i] - size[k];
    }
    if (whole)
        memset(a.conv.pad, 0, sizeof a.conv.pad);
    a.h = whole ? size[0] : to[0];
    a.w = whole ? size[1] : to[1];
    if (onnx_apply(s, &ax_op_conv2d_dx, &a, in, 2, whole ? &all : out))
        return -1;
    return whole ? onnx_apply(s, &ax_op_pad, &fit, &cut, 1, out) : 0;
}

/* Of (N D, M KD, OH, OW) each place of the depth has its KD planes; planes that meet are added. */
static int channels_to_depth(onnx_site *s, ax_onnx_value *y, const onnx_window *g, const spread *p,
                             const ax_shape *x, ax_onnx_value *out)
{
    const int64_t *d = y->desc.shape.dim;
    int64_t plane = d[2] * d[3], depth = p->full[0], m = d[1] / g->kernel[0];
    ax_strided_sum_attr a = {
        {AX_SHAPE(x->dim[0], x->dim[2], m, g->kernel[0], d[2], d[3]),
         0,
         {ax_count_mul(m, ax_count_mul(depth, plane)), ax_count_mul(g->stride[0], plane),
          ax_count_mul(depth, plane), ax_count_mul(g->dilation[0], plane), d[3], 1}},
        AX_SHAPE(x->dim[0], m, depth, d[2], d[3])};
    ax_pad_attr fit = {.before = {0, 0, -g->before[0]},
                       .after = {0, 0, p->out[0] + g->before[0] - depth}};
    ax_onnx_value parts = {.name = ""}, sum = {.name = ""}, *in = &parts, *cut = &sum;
    if (onnx_reshaped(s, y, &a.steps.shape, &parts) ||
        onnx_apply(s, &ax_op_strided_sum, &a, &in, 1, &sum))
        return -1;
    return onnx_apply(s, &ax_op_pad, &fit, &cut, 1, out);
}

static int spread_deep(onnx_site *s, const onnx_window *g, const spread *p, int64_t groups,
                       ax_onnx_value *out)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    ax_permute_attr turn = {{0, 2, 1, 3, 4}};
    ax_onnx_value turned = {.name = ""}, flat = {.name = ""}, w = {.name = ""}, y = {.name = ""};
    if (onnx_apply(s, &ax_op_permute, &turn, &s->in[0], 1, &turned) ||
        onnx_reshaped(
            s, &turned,
            &AX_SHAPE(ax_count_mul(x->dim[0], x->dim[2]), x->dim[1], x->dim[3], x->dim[4]),
            &flat) ||
        depth_in_weights(s, s->in[1], &w) || spread_picture(s, &flat, &w, g, p, groups, &y))
        return -1;
    return channels_to_depth(s, &y, g, p, x, out);
}

static int spread_line(onnx_site *s, const onnx_window *g, const spread *p, int64_t groups,
                       ax_onnx_value *out)
{
    ax_onnx_value x = {.name = ""}, w = {.name = ""}, y = {.name = ""};
    if (onnx_heightened(s, s->in[0], &x) || onnx_heightened(s, s->in[1], &w) ||
        spread_picture(s, &x, &w, g, p, groups, &y))
        return -1;
    return onnx_flattened(s, &y, out);
}

static int conv_transpose(onnx_site *s)
{
    onnx_window g = {0};
    spread p;
    int64_t groups;
    ax_onnx_value y = {.name = ""}, bias = {.name = ""};
    int has_bias = s->n_in > 2 && s->in[2];
    ax_onnx_value *to = has_bias ? &y : &s->out[0];
    if (conv_site(s, &g, &groups) || spread_of(s, &g, &p) ||
        (g.axes == 1   ? spread_line(s, &g, &p, groups, to)
         : g.axes == 2 ? spread_picture(s, s->in[0], s->in[1], &g, &p, groups, to)
                       : spread_deep(s, &g, &p, groups, to)))
        return -1;
    if (!has_bias)
        return 0;
    ax_shape row = {.rank = 2 + g.axes, .dim = {1, to->desc.shape.dim[1], 1, 1, 1}};
    return onnx_reshaped(s, s->in[2], &row, &bias) ||
                   onnx_pair(s, AX_BINARY_ADD, &y, &bias, &s->out[0])
               ? -1
               : 0;
}

/* ---- windows laid out as columns, added up where they overlap ---- */

/* Sizes of the image with its padding, and how many windows there are along each axis. */
static int image_axes(onnx_site *s, onnx_window *g, int64_t *image, int64_t *windows)
{
    const int64_t *size, *block;
    int64_t n, m;
    padding how;
    if (onnx_known_ints(s, 1, &size, &n) || onnx_known_ints(s, 2, &block, &m))
        return -1;
    if (n != m || n < 1 || n > AXES)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "an image of %lld axes, blocks of %lld; 1 to %d are taken", (long long)n,
                       (long long)m, AXES);
    g->axes = (int)n;
    memcpy(g->kernel, block, (size_t)n * sizeof *block);
    if (read_window(s, g, &how))
        return -1;
    for (int i = 0; i < g->axes; i++) {
        if (size[i] < 1 || size[i] > 1 << 30)
            return ax_fail(s->err, AX_ERANGE, "an image of %lld pixels along axis %d",
                           (long long)size[i], i);
        image[i] = size[i] + g->before[i] + g->after[i];
        windows[i] = (image[i] - span_of(g, i)) / g->stride[i] + 1;
        if (image[i] < span_of(g, i))
            return ax_fail(s->err, AX_ESHAPE, "a block that spans %lld in %lld padded pixels",
                           (long long)span_of(g, i), (long long)image[i]);
    }
    return 0;
}

/* x (N, C blocks, windows) as (N, C, blocks.., windows..), and where each of its numbers goes. */
static int col2im(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    onnx_window g = {0};
    int64_t image[AXES], windows[AXES], taps = 1, step = 1;
    ax_onnx_value parts = {.name = ""}, sum = {.name = ""}, *in = &parts, *cut = &sum;
    if (x->rank != 3)
        return ax_fail(s->err, AX_ESHAPE, "an input of rank %d, expected columns (rank 3)",
                       x->rank);
    if (image_axes(s, &g, image, windows))
        return -1;
    for (int i = 0; i < g.axes; i++)
        taps = ax_count_mul(taps, g.kernel[i]);
    int k = g.axes;
    ax_strided_sum_attr a = {{{.rank = 2 + 2 * k, .dim = {x->dim[0], x->dim[1] / taps}}, 0, {0}},
                             {.rank = 2 + k, .dim = {x->dim[0], x->dim[1] / taps}}};
    ax_pad_attr fit = {0};
    for (int i = k - 1; i >= 0; i--) {
        a.to.dim[2 + i] = image[i];
        a.steps.shape.dim[2 + i] = g.kernel[i];
        a.steps.shape.dim[2 + k + i] = windows[i];
        a.steps.step[2 + i] = ax_count_mul(g.dilation[i], step);
        a.steps.step[2 + k + i] = ax_count_mul(g.stride[i], step);
        step = ax_count_mul(step, image[i]);
        fit.before[2 + i] = -g.before[i];
        fit.after[2 + i] = -g.after[i];
    }
    a.steps.step[1] = step;
    a.steps.step[0] = ax_count_mul(step, a.to.dim[1]);
    return onnx_reshaped(s, s->in[0], &a.steps.shape, &parts) ||
                   onnx_apply(s, &ax_op_strided_sum, &a, &in, 1, &sum) ||
                   onnx_apply(s, &ax_op_pad, &fit, &cut, 1, &s->out[0])
               ? -1
               : 0;
}

// clang-format off
const onnx_row onnx_rows_window[] = {
    {"Conv", 1, 2, 3, "auto_pad dilations group kernel_shape pads strides", conv, 1},
    {"ConvTranspose", 1, 2, 3,
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
     conv_transpose, 1},
    {"Col2Im", 18, 3, 3, "dilations pads strides", col2im, 0},
    {0},
};
// clang-format on
