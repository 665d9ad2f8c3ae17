/* onnx_ops_nn.c - dense layers, dropout, activations; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

/* ---- dropout ---- */

/* In training mode, too, nothing is dropped at a ratio of 0; else the numbers would be random. */
static int drops_nothing(onnx_site *s)
{
    const ax_onnx_value *training = s->n_in > 2 ? s->in[2] : NULL;
    const ax_onnx_value *ratio = s->n_in > 1 ? s->in[1] : NULL;
    if (!training)
        return 0;
    if (!training->data)
        return onnx_unknown(s, 2);
    if (training->desc.dtype != AX_BOOL || ax_shape_count(&training->desc.shape) != 1)
        return ax_fail(s->err, AX_ETYPE, "training_mode is not one bool");
    if (!*(const uint8_t *)training->data)
        return 0;
    if (ratio && ratio->data && ratio->desc.dtype == AX_F32 &&
        ax_shape_count(&ratio->desc.shape) == 1 && *(const float *)ratio->data == 0)
        return 0;
    ax_fail(s->err, AX_EUNSUPPORTED,
            "in training mode its numbers are random: they can be those of no other program");
    return ax_err_hint(s->err, "export the model for inference, or with a ratio of 0");
}

/* The mask is bool; before opset 10 numbers like x's. */
static int dropout(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    ax_cast_attr to = {.to = s->opset < 10 ? s->in[0]->desc.dtype : AX_BOOL};
    if (drops_nothing(s))
        return -1;
    s->out[0] = *s->in[0];
    if (s->n_out < 2 || !*s->n->out[1])
        return 0;
    int64_t n = ax_shape_count(x);
    uint8_t *ones = onnx_alloc(s, n + 1, 1);
    if (!ones)
        return -1;
    memset(ones, 1, (size_t)n);
    ax_onnx_value mask = {"", {AX_BOOL, *x}, ones, AX_NONE}, *in = &mask;
    return onnx_apply(s, &ax_op_cast, &to, &in, 1, &s->out[1]);
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
    {"ThresholdedRelu", "threshold", {{"alpha", "theta", 1}}},
    {"Swish", "swish", {{"alpha", "beta", 1}}},
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

static int gelu(onnx_site *s)
{
    ax_activation_attr a = {.axis = -1};
    const char *how = onnx_text_or(s, "approximate", "none");
    if (strcmp(how, "none") && strcmp(how, "tanh"))
        return ax_fail(s->err, AX_EINVAL, "approximate '%.40s'; expected none or tanh", how);
    if (ax_act_by_name(*how == 't' ? "gelu_tanh" : "gelu", &a.act, s->err))
        return -1;
    return onnx_apply(s, &ax_op_activation, &a, s->in, 1, &s->out[0]);
}

/* x + bias below -lambd, x - bias above lambd, 0 between */
static int shrink(onnx_site *s)
{
    float lambd = onnx_float_or(s, "lambd", 0.5f), bias = onnx_float_or(s, "bias", 0);
    ax_onnx_value low = {.name = ""}, high = {.name = ""}, by = {.name = ""}, zero = {.name = ""};
    ax_onnx_value up = {.name = ""}, down = {.name = ""}, below = {.name = ""},
                  above = {.name = ""};
    ax_onnx_value rest = {.name = ""};
    return onnx_number(s, -lambd, &low) || onnx_number(s, lambd, &high) ||
                   onnx_number(s, bias, &by) || onnx_number(s, 0, &zero) ||
                   onnx_pair(s, AX_BINARY_ADD, s->in[0], &by, &up) ||
                   onnx_pair(s, AX_BINARY_SUB, s->in[0], &by, &down) ||
                   onnx_pair(s, AX_BINARY_LESS, s->in[0], &low, &below) ||
                   onnx_pair(s, AX_BINARY_LESS, &high, s->in[0], &above) ||
                   onnx_where(s, &above, &down, &zero, &rest) ||
                   onnx_where(s, &below, &up, &rest, &s->out[0])
               ? -1
               : 0;
}

/* Where all axes of the slope that are not 1 stand side by side and are those of x, x has three
 * axes: before them, they, behind them. */
static int slope_axes(const ax_shape *x, const ax_shape *slope, ax_shape *as)
{
    int lead = x->rank - slope->rank, part = 0;
    *as = AX_SHAPE(1, 1, 1);
    for (int i = 0; i < x->rank; i++) {
        int64_t d = i < lead ? 1 : slope->dim[i - lead];
        if (d != 1 && (d != x->dim[i] || part == 2))
            return 0;
        part = d != 1 ? 1 : part == 1 ? 2 : part;
        as->dim[part] = ax_count_mul(as->dim[part], x->dim[i]);
    }
    if (part == 0) /* one number for all */
        *as = AX_SHAPE(1, 1, as->dim[0]);
    return 1;
}

/* The slope repeats to x as numpy's rule says. */
static int sloped(onnx_site *s, ax_onnx_value *by)
{
    const ax_shape *x = &s->in[0]->desc.shape, *slope = &by->desc.shape;
    ax_shape as;
    ax_onnx_value flat = {.name = ""}, all = {.name = ""}, row = {.name = ""}, y = {.name = ""};
    ax_onnx_value *in[] = {&flat, &row}, *whole = by;
    if (slope->rank > x->rank || !slope_axes(x, slope, &as)) {
        if (onnx_expanded(s, by, x, &all))
            return -1;
        whole = &all;
        as = AX_SHAPE(1, ax_shape_count(x), 1);
    }
    int64_t n = ax_shape_count(&whole->desc.shape);
    return onnx_reshaped(s, s->in[0], &as, &flat) || onnx_reshaped(s, whole, &AX_SHAPE(n), &row) ||
                   onnx_apply(s, &ax_op_prelu, NULL, in, 2, &y) ||
                   onnx_reshaped(s, &y, x, &s->out[0])
               ? -1
               : 0;
}

static int prelu(onnx_site *s)
{
    return sloped(s, s->in[1]);
}

/* Before opset 7 slopes are one, or one per channel. */
static int prelu_per_channel(onnx_site *s)
{
    ax_onnx_value slope = {.name = ""};
    ax_shape column = {.rank = s->in[0]->desc.shape.rank - 1,
                       .dim = {ax_shape_count(&s->in[1]->desc.shape), 1, 1, 1, 1, 1, 1}};
    if (column.rank < 1)
        return sloped(s, s->in[1]);
    return onnx_reshaped(s, s->in[1], &column, &slope) || sloped(s, &slope) ? -1 : 0;
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

/* The function of doubles, by the C library; the kernels of activations take float32. */
static int activation_of_any(onnx_site *s)
{
    ax_unary_attr a = {ax_unary_find(s->n->op)};
    ax_dtype t = s->in[0]->desc.dtype;
    if (t == AX_F32)
        return activation(s);
    if (t == AX_F64)
        return onnx_apply(s, &ax_op_unary, &a, s->in, 1, &s->out[0]);
    return ax_fail(s->err, AX_EUNSUPPORTED, "an input of %s; float32 and float64 are taken",
                   ax_dtype_name(t));
}

/* z = x - max x; e^z / sum e^z, or z - log(sum e^z) */
static int soft_of_doubles(onnx_site *s)
{
    int axis = onnx_axis(s, onnx_int_or(s, "axis", -1), s->in[0]->desc.shape.rank);
    int log = !strcmp(s->n->op, "LogSoftmax");
    ax_reduce_attr over = {.kind = AX_REDUCE_MAX, .axes = 1u << (axis < 0 ? 0 : axis), .keep = 1};
    ax_unary_attr exponential = {ax_unary_find("Exp")}, logarithm = {ax_unary_find("Log")};
    ax_onnx_value most = {.name = ""}, z = most, e = most, sum = most, l = most;
    ax_onnx_value *pz = &z, *pe = &e, *psum = &sum;
    if (axis < 0 || onnx_apply(s, &ax_op_reduce, &over, s->in, 1, &most) ||
        onnx_pair(s, AX_BINARY_SUB, s->in[0], &most, &z) ||
        onnx_apply(s, &ax_op_unary, &exponential, &pz, 1, &e))
        return -1;
    over.kind = AX_REDUCE_SUM;
    if (onnx_apply(s, &ax_op_reduce, &over, &pe, 1, &sum))
        return -1;
    if (!log)
        return onnx_pair(s, AX_BINARY_DIV, &e, &sum, &s->out[0]);
    return onnx_apply(s, &ax_op_unary, &logarithm, &psum, 1, &l) ||
                   onnx_pair(s, AX_BINARY_SUB, &z, &l, &s->out[0])
               ? -1
               : 0;
}

static int soft_of_any(onnx_site *s)
{
    ax_dtype t = s->in[0]->desc.dtype;
    if (t == AX_F32)
        return soft(s);
    if (t == AX_F64)
        return soft_of_doubles(s);
    return ax_fail(s->err, AX_EUNSUPPORTED, "an input of %s; float32 and float64 are taken",
                   ax_dtype_name(t));
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
    {"Dropout", 7, 1, 3, "ratio seed", dropout, 0},
    {"Relu", 6, 1, 1, "", activation, 1},
    {"Sigmoid", 6, 1, 1, "", activation, 1},
    {"Tanh", 6, 1, 1, "", activation_of_any, 0},
    {"Softplus", 1, 1, 1, "", activation, 1},
    {"Softsign", 1, 1, 1, "", activation, 1},
    {"Erf", 9, 1, 1, "", activation, 1},
    {"Exp", 6, 1, 1, "", activation_of_any, 0},
    {"Mish", 18, 1, 1, "", activation, 1},
    {"HardSwish", 14, 1, 1, "", activation, 1},
    {"LeakyRelu", 6, 1, 1, "alpha", activation, 1},
    {"Elu", 6, 1, 1, "alpha", activation, 1},
    {"Celu", 12, 1, 1, "alpha", activation, 1},
    {"Selu", 6, 1, 1, "alpha gamma", activation, 1},
    {"HardSigmoid", 6, 1, 1, "alpha beta", activation, 1},
    {"ThresholdedRelu", 10, 1, 1, "alpha", activation, 1},
    {"Swish", 24, 1, 1, "alpha", activation, 1},
    {"Gelu", 20, 1, 1, "approximate", gelu, 1},
    {"Shrink", 9, 1, 1, "bias lambd", shrink, 1},
    {"PRelu", 6, 2, 2, "", prelu_per_channel, 1},
    {"PRelu", 7, 2, 2, "", prelu, 1},
    {"Softmax", 1, 1, 1, "axis", soft_flat, 1},
    {"LogSoftmax", 1, 1, 1, "axis", soft_flat, 1},
    {"Hardmax", 1, 1, 1, "axis", soft_flat, 1},
    {"Softmax", 13, 1, 1, "axis", soft_of_any, 0},
    {"LogSoftmax", 13, 1, 1, "axis", soft_of_any, 0},
    {"Hardmax", 13, 1, 1, "axis", soft, 1},
    {0},
};
// clang-format on
