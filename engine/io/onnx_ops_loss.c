/* onnx_ops_loss.c - losses; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

/* Class numbers that are known are classes, or the number that is ignored. */
static int check_classes(onnx_site *s, const ax_nll_attr *a)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *t;
    int64_t n = 0;
    if (x->rank < 2 || !s->in[1]->data)
        return 0;
    if (onnx_known_ints(s, 1, &t, &n))
        return -1;
    for (int64_t i = 0; i < n; i++)
        if ((t[i] < 0 || t[i] >= x->dim[1]) && !(a->ignores && t[i] == a->ignored))
            return ax_fail(s->err, AX_ERANGE, "the class %lld of %lld", (long long)t[i],
                           (long long)x->dim[1]);
    return 0;
}

/* x: log-probabilities; input 1 has the classes, input 2 their weights. */
static int nll_of(onnx_site *s, ax_onnx_value *x)
{
    static const char *const names[] = {
        [AX_NLL_MEAN] = "mean", [AX_NLL_SUM] = "sum", [AX_NLL_NONE] = "none"};
    const char *how = onnx_text_or(s, "reduction", "mean");
    ax_nll_attr a = {.ignores = onnx_attr(s, "ignore_index") != NULL,
                     .ignored = onnx_int_or(s, "ignore_index", 0)};
    ax_onnx_value *in[] = {x, s->in[1], s->n_in > 2 ? s->in[2] : NULL};
    int i = 0;
    while (i < 3 && strcmp(names[i], how))
        i++;
    if (i == 3)
        return ax_fail(s->err, AX_EINVAL, "reduction '%.40s'; expected mean, sum or none", how);
    a.reduction = (ax_nll_reduction)i;
    if (check_classes(s, &a))
        return -1;
    return onnx_apply(s, &ax_op_nll, &a, in, in[2] ? 3 : 2, &s->out[0]);
}

static int nll(onnx_site *s)
{
    return nll_of(s, s->in[0]);
}

static int softmax_cross_entropy(onnx_site *s)
{
    ax_activation_attr a = {.axis = 1};
    ax_onnx_value log_prob = {.name = ""};
    if (s->in[0]->desc.shape.rank < 2)
        return ax_fail(s->err, AX_ESHAPE, "scores of rank %d, expected (N,C,...)",
                       s->in[0]->desc.shape.rank);
    if (ax_act_by_name("log_softmax", &a.act, s->err) ||
        onnx_apply(s, &ax_op_activation, &a, s->in, 1, &log_prob))
        return -1;
    s->out[1] = log_prob;
    return nll_of(s, &log_prob);
}

// clang-format off
const onnx_row onnx_rows_loss[] = {
    {"NegativeLogLikelihoodLoss", 12, 2, 3, "ignore_index reduction", nll, 0},
    {"SoftmaxCrossEntropyLoss", 12, 2, 3, "ignore_index reduction", softmax_cross_entropy, 0},
    {0},
};
// clang-format on
