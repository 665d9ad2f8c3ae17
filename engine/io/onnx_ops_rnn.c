/* onnx_ops_rnn.c - RNN, LSTM and GRU; see onnx_op.h. */
#include <string.h>
#include <strings.h>

#include "io/onnx_op.h"

/* An activation by its name there: the row, and which of its parameters alpha and beta are; where
 * ONNX has another default than the row it stands here. */
static const struct named {
    const char *name, *row;
    struct {
        const char *param;
        float otherwise;
    } alpha, beta;
} activations[] = {
    {"Relu", "relu", {0}, {0}},
    {"Tanh", "tanh", {0}, {0}},
    {"Sigmoid", "sigmoid", {0}, {0}},
    {"Affine", "affine", {"alpha", 1}, {"beta", 0}},
    {"LeakyRelu", "leaky_relu", {"alpha", 0.01f}, {0}},
    {"ThresholdedRelu", "thresholded_relu", {"theta", 1}, {0}},
    {"ScaledTanh", "scaled_tanh", {"alpha", 1}, {"beta", 1}},
    {"HardSigmoid", "hard_sigmoid", {"alpha", 0.2f}, {"beta", 0.5f}},
    {"Elu", "elu", {"alpha", 1}, {0}},
    {"Softsign", "softsign", {0}, {0}},
    {"Softplus", "softplus", {0}, {0}},
};

static int find_activation(onnx_site *s, const char *name, int *at)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (!strcasecmp(activations[i].name, name)) {
            *at = (int)i;
            return 0;
        }
    return ax_fail(s->err, AX_EUNSUPPORTED, "the activation '%.64s' is not known here", name);
}

/* Numbers are taken from the lists in the order of the activations that have such a parameter. */
static int set_param(onnx_site *s, ax_act *act, const char *param, float otherwise,
                     const ax_onnx_attr *list, int64_t *used)
{
    float v = otherwise;
    if (!param)
        return 0;
    if (list && *used < list->n)
        v = list->floats[(*used)++];
    return ax_act_set(act, param, (double)v, s->err);
}

static int floats_or_none(onnx_site *s, const char *name, const ax_onnx_attr **out)
{
    *out = onnx_attr(s, name);
    if (*out && (*out)->type != AX_ONNX_A_FLOATS)
        return ax_fail(s->err, AX_ETYPE, "the attribute %s is no list of numbers", name);
    return 0;
}

static int activations_of(onnx_site *s, ax_recurrent_attr *a)
{
    const ax_onnx_attr *names = onnx_attr(s, "activations"), *alpha, *beta;
    int each = a->cell == AX_CELL_LSTM ? 3 : a->cell == AX_CELL_GRU ? 2 : 1;
    int64_t alphas = 0, betas = 0;
    ax_recurrent_defaults(a);
    if (!names)
        return 0;
    if (names->type != AX_ONNX_A_STRINGS || names->n != each * a->directions)
        return ax_fail(s->err, AX_EINVAL, "%lld activations, expected %d", (long long)names->n,
                       each * a->directions);
    if (floats_or_none(s, "activation_alpha", &alpha) ||
        floats_or_none(s, "activation_beta", &beta))
        return -1;
    for (int i = 0, at = 0; i < names->n; i++) {
        ax_act *act = &a->act[i / each][i % each];
        if (find_activation(s, names->strings[i], &at) ||
            ax_act_by_name(activations[at].row, act, s->err) ||
            set_param(s, act, activations[at].alpha.param, activations[at].alpha.otherwise, alpha,
                      &alphas) ||
            set_param(s, act, activations[at].beta.param, activations[at].beta.otherwise, beta,
                      &betas))
            return -1;
    }
    return 0;
}

static int direction_of(onnx_site *s, ax_recurrent_attr *a)
{
    const char *direction = onnx_text_or(s, "direction", "forward");
    a->directions = 1 + !strcasecmp(direction, "bidirectional");
    a->reverse = !strcasecmp(direction, "reverse");
    if (a->directions == 1 && !a->reverse && strcasecmp(direction, "forward"))
        return ax_fail(s->err, AX_EINVAL,
                       "direction '%.40s'; expected forward, reverse or bidirectional", direction);
    return 0;
}

static int recurrent(onnx_site *s, ax_cell cell, const ax_op *op)
{
    ax_recurrent_attr a = {.cell = cell,
                           .batch_first = onnx_int_or(s, "layout", 0) != 0,
                           .linear_before_reset = onnx_int_or(s, "linear_before_reset", 0) != 0,
                           .input_forget = onnx_int_or(s, "input_forget", 0) != 0,
                           .clip = onnx_float_or(s, "clip", 0)};
    const ax_shape *r = &s->in[2]->desc.shape;
    int64_t size = onnx_int_or(s, "hidden_size", r->rank == 3 ? r->dim[2] : 0);
    if (direction_of(s, &a) || activations_of(s, &a))
        return -1;
    if (r->rank != 3 || r->dim[2] != size || !(a.clip >= 0))
        return ax_fail(s->err, AX_EINVAL, "hidden_size %lld and clip %g for weights of rank %d",
                       (long long)size, (double)a.clip, r->rank);
    return onnx_apply(s, op, &a, s->in, s->n_in, s->out);
}

static int rnn(onnx_site *s)
{
    return recurrent(s, AX_CELL_RNN, &ax_op_rnn);
}

static int gru(onnx_site *s)
{
    return recurrent(s, AX_CELL_GRU, &ax_op_gru);
}

static int lstm(onnx_site *s)
{
    return recurrent(s, AX_CELL_LSTM, &ax_op_lstm);
}

// clang-format off
const onnx_row onnx_rows_rnn[] = {
    {"RNN", 7, 3, 6,
     "activation_alpha activation_beta activations clip direction hidden_size layout", rnn, 0},
    {"GRU", 7, 3, 6,
     "activation_alpha activation_beta activations clip direction hidden_size layout "
     "linear_before_reset", gru, 0},
    {"LSTM", 7, 3, 8,
     "activation_alpha activation_beta activations clip direction hidden_size input_forget layout",
     lstm, 0},
    {0},
};
// clang-format on
