/* onnx_ops_nn.c - layers of networks: convolution, pooling, normalisation, dense, activations; see
 * onnx_op.h. */
#include <limits.h>
#include <string.h>

#include "base/ints.h"
#include "io/onnx_op.h"

/* ---- windows
 * -------------------------------------------------------------------------------------- */

typedef struct window {
    int64_t kernel[2], stride[2], dilation[2], pad[4]; /* top, left, bottom, right */
    int64_t out[2];
} window;

/* The attribute as one number per axis, `otherwise` where it is absent. */
static int per_axis(onnx_site *s, const char *name, int axes, int64_t otherwise, int64_t least,
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

/* Sizes and padding by auto_pad and ceil_mode. x: height and width. */
static int place(onnx_site *s, const int64_t *x, window *w)
{
    const char *how = onnx_text_or(s, "auto_pad", "NOTSET");
    int lower = !strcmp(how, "SAME_LOWER"), same = lower || !strcmp(how, "SAME_UPPER");
    if (!same && strcmp(how, "VALID") && strcmp(how, "NOTSET"))
        return ax_fail(s->err, AX_EINVAL,
                       "auto_pad '%.40s'; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", how);
    for (int i = 0; i < 2; i++) {
        int64_t *before = &w->pad[i], *after = &w->pad[2 + i];
        if (w->kernel[i] > 1 << 20)
            return ax_fail(s->err, AX_ELIMIT, "a window of %lld elements", (long long)w->kernel[i]);
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        if (span > 1 << 30)
            return ax_fail(s->err, AX_ELIMIT, "a window that spans %lld elements", (long long)span);
        if (same) {
            int64_t missing =
                max64(0, (ceil_div(x[i], w->stride[i]) - 1) * w->stride[i] + span - x[i]);
            *before = lower ? missing - missing / 2 : missing / 2;
            *after = missing - *before;
        } else if (!strcmp(how, "VALID")) {
            *before = *after = 0;
        }
        int64_t room = x[i] + *before + *after - span;
        if (room < 0)
            return ax_fail(s->err, AX_ESHAPE,
                           "a window that spans %lld does not fit into %lld padded pixels",
                           (long long)span, (long long)(room + span));
        w->out[i] = room / w->stride[i] + 1;
        if (onnx_int_or(s, "ceil_mode", 0) && room % w->stride[i] &&
            w->out[i] * w->stride[i] < x[i] + *before)
            *after +=
                w->out[i]++ * w->stride[i] - room; /* one more, which begins within the picture */
    }
    return 0;
}

static void narrow(const int64_t *from, int *to, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (int)from[i];
}

/* ---- convolution
 * ---------------------------------------------------------------------------------- */

static int conv_window(onnx_site *s, const ax_shape *x, const ax_shape *w, window *g)
{
    *g = (window){.kernel = {w->dim[2], w->dim[3]}};
    return per_axis(s, "strides", 2, 1, 1, g->stride) ||
                   per_axis(s, "dilations", 2, 1, 1, g->dilation) ||
                   per_axis(s, "pads", 4, 0, 0, g->pad) || place(s, x->dim + 2, g)
               ? -1
               : 0;
}

static int conv(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape, *w = &s->in[1]->desc.shape;
    int64_t groups = onnx_int_or(s, "group", 1);
    window g;
    if (x->rank != 4 || w->rank != 4)
        return ax_fail(s->err, AX_EUNSUPPORTED, "an input of rank %d; pictures (rank 4) are taken",
                       x->rank);
    if (groups < 1 || groups > INT_MAX)
        return ax_fail(s->err, AX_ERANGE, "group is %lld", (long long)groups);
    if (conv_window(s, x, w, &g))
        return -1;
    ax_conv2d_attr a = {.groups = (int)groups};
    narrow(g.stride, a.stride, 2);
    narrow(g.dilation, a.dilation, 2);
    narrow(g.pad, a.pad, 4);
    return onnx_apply(s, &ax_op_conv2d, &a, s->in, s->n_in, &s->out[0]);
}

/* ---- pooling
 * -------------------------------------------------------------------------------------- */

static int pool(onnx_site *s, int max)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int64_t count_pad = onnx_int_or(s, "count_include_pad", 0);
    window g = {0};
    if (x->rank != 4)
        return ax_fail(s->err, AX_EUNSUPPORTED, "an input of rank %d; pictures (rank 4) are taken",
                       x->rank);
    if (s->n_out > 1 && *s->n->out[1])
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "the places of the maxima (its output 1) are not made");
    if (!onnx_attr(s, "kernel_shape"))
        return ax_fail(s->err, AX_EINVAL, "kernel_shape is missing");
    if (per_axis(s, "kernel_shape", 2, 0, 1, g.kernel) ||
        per_axis(s, "strides", 2, 1, 1, g.stride) ||
        per_axis(s, "dilations", 2, 1, 1, g.dilation) || per_axis(s, "pads", 4, 0, 0, g.pad) ||
        place(s, x->dim + 2, &g))
        return -1;
    if (g.dilation[0] != 1 || g.dilation[1] != 1 || onnx_int_or(s, "storage_order", 0) != 0)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "windows with dilation or column-major order are not taken");
    if (count_pad && onnx_int_or(s, "ceil_mode", 0))
        return ax_fail(s->err, AX_EUNSUPPORTED, "count_include_pad with ceil_mode is not taken");
    ax_pool2d_attr a = {.max = max, .count_pad = count_pad != 0};
    narrow(g.kernel, a.kernel, 2);
    narrow(g.stride, a.stride, 2);
    narrow(g.pad, a.pad, 4);
    return onnx_apply(s, &ax_op_pool2d, &a, s->in, 1, &s->out[0]);
}

static int max_pool(onnx_site *s)
{
    return pool(s, 1);
}

static int average_pool(onnx_site *s)
{
    return pool(s, 0);
}

static int global_pool(onnx_site *s, int max)
{
    if (s->in[0]->desc.shape.rank != 4)
        return ax_fail(s->err, AX_EUNSUPPORTED, "an input of rank %d; pictures (rank 4) are taken",
                       s->in[0]->desc.shape.rank);
    return onnx_apply(s, &ax_op_pool2d, &(ax_pool2d_attr){.max = max, .global = 1}, s->in, 1,
                      &s->out[0]);
}

static int global_average_pool(onnx_site *s)
{
    return global_pool(s, 0);
}

static int global_max_pool(onnx_site *s)
{
    return global_pool(s, 1);
}

/* ---- normalisation
 * -------------------------------------------------------------------------------- */

static int batch_norm(onnx_site *s)
{
    ax_norm_attr a = {.epsilon = (double)onnx_float_or(s, "epsilon", 1e-5f)};
    if (onnx_int_or(s, "training_mode", 0) || !onnx_int_or(s, "spatial", 1))
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "batch-norm in training mode, or per pixel, is not taken");
    for (int i = 1; i < s->n_out; i++)
        if (*s->n->out[i])
            return ax_fail(s->err, AX_EUNSUPPORTED, "statistics (its output %d) are not made", i);
    return onnx_apply(s, &ax_op_batch_norm, &a, s->in, 5, &s->out[0]);
}

static int lrn(onnx_site *s)
{
    ax_lrn_attr a = {.size = onnx_int_or(s, "size", 0),
                     .alpha = (double)onnx_float_or(s, "alpha", 1e-4f),
                     .beta = (double)onnx_float_or(s, "beta", 0.75f),
                     .bias = (double)onnx_float_or(s, "bias", 1)};
    return onnx_apply(s, &ax_op_lrn, &a, s->in, 1, &s->out[0]);
}

static int dropout(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    if (s->n_in > 2 && s->in[2] && (!s->in[2]->data || *(const uint8_t *)s->in[2]->data))
        return ax_fail(s->err, AX_EUNSUPPORTED, "dropout in training mode is not taken");
    s->out[0] = *s->in[0];
    if (s->n_out < 2 || !*s->n->out[1])
        return 0;
    int64_t n = ax_shape_count(x);
    uint8_t *ones = onnx_alloc(s, n + 1, 1);
    if (!ones)
        return -1;
    memset(ones, 1, (size_t)n);
    s->out[1] = (ax_onnx_value){"", {AX_BOOL, *x}, ones, AX_NONE};
    return 0;
}

/* ---- dense
 * ---------------------------------------------------------------------------------------- */

static int turned(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out)
{
    ax_permute_attr a = {{1, 0}};
    return onnx_apply(s, &ax_op_permute, &a, &x, 1, out);
}

static int scaled(onnx_site *s, ax_onnx_value *x, float by, ax_onnx_value *out)
{
    ax_onnx_value factor = {.name = ""};
    *out = *x;
    if (by == 1)
        return 0;
    if (onnx_constant(s, AX_F32, &(ax_shape){0}, &by, &factor))
        return -1;
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){AX_BINARY_MUL},
                      (ax_onnx_value *[]){x, &factor}, 2, out);
}

static int is_row(const ax_shape *s, int64_t n)
{
    return ax_shape_count(s) == n && s->rank >= 1 && s->dim[s->rank - 1] == n;
}

/* alpha A B + beta C; our dense layer wants the weights as (n, k) */
static int gemm(onnx_site *s)
{
    ax_onnx_value a = *s->in[0], b = *s->in[1], c = {.name = ""}, y = {.name = ""};
    int has_c = s->n_in > 2 && s->in[2];
    if (a.desc.shape.rank != 2 || b.desc.shape.rank != 2)
        return ax_fail(s->err, AX_ESHAPE, "matrices of rank %d and %d, expected 2",
                       a.desc.shape.rank, b.desc.shape.rank);
    if ((onnx_int_or(s, "transA", 0) && turned(s, s->in[0], &a)) ||
        (!onnx_int_or(s, "transB", 0) && turned(s, s->in[1], &b)) ||
        (has_c && scaled(s, s->in[2], onnx_float_or(s, "beta", 1), &c)))
        return -1;
    ax_onnx_value w;
    if (scaled(s, &b, onnx_float_or(s, "alpha", 1), &w))
        return -1;
    ax_fused_attr plain = {0};
    int64_t n = w.desc.shape.dim[0];
    int as_bias = has_c && is_row(&c.desc.shape, n);
    ax_onnx_value bias = {.name = ""};
    if (as_bias && onnx_reshaped(s, &c, &AX_SHAPE(n), &bias))
        return -1;
    ax_onnx_value *in[] = {&a, &w, &bias};
    if (!has_c || as_bias)
        return onnx_apply(s, &ax_op_dense, &plain, in, 2 + as_bias, &s->out[0]);
    if (onnx_apply(s, &ax_op_dense, &plain, in, 2, &y))
        return -1;
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){AX_BINARY_ADD},
                      (ax_onnx_value *[]){&y, &c}, 2, &s->out[0]);
}

/* ---- activations
 * ---------------------------------------------------------------------------------- */

/* An operator as a row of the catalogue: its attributes and what they are when absent, in ONNX. */
static const struct activation {
    const char *op, *row;
    struct {
        const char *attr, *param;
        float otherwise;
    } with[2];
} activations[] = {
    {"Relu", "relu", {{0}}},
    {"Sigmoid", "sigmoid", {{0}}},
    {"Tanh", "tanh", {{0}}},
    {"Softplus", "softplus", {{0}}},
    {"Softsign", "softsign", {{0}}},
    {"Erf", "erf", {{0}}},
    {"Exp", "exponential", {{0}}},
    {"Mish", "mish", {{0}}},
    {"HardSwish", "hard_swish", {{0}}},
    {"LeakyRelu", "leaky_relu", {{"alpha", "alpha", 0.01f}}},
    {"Elu", "elu", {{"alpha", "alpha", 1}}},
    {"Celu", "celu", {{"alpha", "alpha", 1}}},
    {"Selu",
     "selu",
     {{"alpha", "alpha", 1.67326319217681884765625f},
      {"gamma", "lambda", 1.05070102214813232421875f}}},
    {"HardSigmoid", "hard_sigmoid", {{"alpha", "alpha", 0.2f}, {"beta", "beta", 0.5f}}},
};

static int activation(onnx_site *s)
{
    size_t i = 0;
    ax_activation_attr a = {.axis = -1};
    while (strcmp(activations[i].op, s->n->op) != 0)
        i++;
    if (ax_act_by_name(activations[i].row, &a.act, s->err))
        return -1;
    for (int k = 0; k < 2 && activations[i].with[k].attr; k++)
        if (ax_act_set(&a.act, activations[i].with[k].param,
                       (double)onnx_float_or(s, activations[i].with[k].attr,
                                             activations[i].with[k].otherwise),
                       s->err))
            return -1;
    return onnx_apply(s, &ax_op_activation, &a, s->in, 1, &s->out[0]);
}

static const char *soft_row(const onnx_site *s)
{
    return !strcmp(s->n->op, "Softmax")      ? "softmax"
           : !strcmp(s->n->op, "LogSoftmax") ? "log_softmax"
                                             : "hardmax";
}

static int soft(onnx_site *s)
{
    ax_activation_attr a = {
        .axis = onnx_axis(s, onnx_int_or(s, "axis", -1), s->in[0]->desc.shape.rank)};
    if (a.axis < 0 || ax_act_by_name(soft_row(s), &a.act, s->err))
        return -1;
    return onnx_apply(s, &ax_op_activation, &a, s->in, 1, &s->out[0]);
}

/* Before opset 13 all axes from `axis` on are one row. */
static int soft_flat(onnx_site *s)
{
    ax_shape x = s->in[0]->desc.shape, flat = AX_SHAPE(1, 1);
    int axis = onnx_axis(s, onnx_int_or(s, "axis", 1), x.rank);
    ax_activation_attr a = {.axis = 1};
    ax_onnx_value rows = {.name = ""}, y = {.name = ""}, *in = &rows;
    if (axis < 0 || ax_act_by_name(soft_row(s), &a.act, s->err))
        return -1;
    for (int i = 0; i < x.rank; i++)
        flat.dim[i >= axis] *= x.dim[i];
    if (onnx_reshaped(s, s->in[0], &flat, &rows) ||
        onnx_apply(s, &ax_op_activation, &a, &in, 1, &y))
        return -1;
    return onnx_reshaped(s, &y, &x, &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_nn[] = {
    {"Conv", 1, 2, 3, "auto_pad dilations group kernel_shape pads strides", conv, 1},
    {"MaxPool", 1, 1, 1, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
     max_pool, 1},
    {"AveragePool", 1, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", average_pool, 1},
    {"GlobalAveragePool", 1, 1, 1, "", global_average_pool, 1},
    {"GlobalMaxPool", 1, 1, 1, "", global_max_pool, 1},
    {"BatchNormalization", 7, 5, 5, "epsilon momentum spatial training_mode", batch_norm, 1},
    {"LRN", 1, 1, 1, "alpha beta bias size", lrn, 1},
    {"Dropout", 7, 1, 3, "ratio seed", dropout, 0},
    {"Gemm", 7, 2, 3, "alpha beta transA transB", gemm, 1},
    {"Relu", 6, 1, 1, "", activation, 1},
    {"Sigmoid", 6, 1, 1, "", activation, 1},
    {"Tanh", 6, 1, 1, "", activation, 1},
    {"Softplus", 1, 1, 1, "", activation, 1},
    {"Softsign", 1, 1, 1, "", activation, 1},
    {"Erf", 9, 1, 1, "", activation, 1},
    {"Exp", 6, 1, 1, "", activation, 1},
    {"Mish", 18, 1, 1, "", activation, 1},
    {"HardSwish", 14, 1, 1, "", activation, 1},
    {"LeakyRelu", 6, 1, 1, "alpha", activation, 1},
    {"Elu", 6, 1, 1, "alpha", activation, 1},
    {"Celu", 12, 1, 1, "alpha", activation, 1},
    {"Selu", 6, 1, 1, "alpha gamma", activation, 1},
    {"HardSigmoid", 6, 1, 1, "alpha beta", activation, 1},
    {"Softmax", 1, 1, 1, "axis", soft_flat, 1},
    {"LogSoftmax", 1, 1, 1, "axis", soft_flat, 1},
    {"Hardmax", 1, 1, 1, "axis", soft_flat, 1},
    {"Softmax", 13, 1, 1, "axis", soft, 1},
    {"LogSoftmax", 13, 1, 1, "axis", soft, 1},
    {"Hardmax", 13, 1, 1, "axis", soft, 1},
    {0},
};
// clang-format on
