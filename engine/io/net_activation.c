/* net_activation.c - what an activation in a spec becomes: mostly one node, for some a parameter or
 * noise beside it; and the way back from probabilities to logits. */
#include <string.h>

#include "activation/probe.h"
#include "base/rng.h"
#include "io/net_build.h"

static ax_val build_prelu(ax_builder *b, ax_val v)
{
    ax_init how = {.initializer = "constant", .value = b->act.param[0]};
    const ax_shape *s = &b->g->val[v].desc.shape;
    ax_val in[2] = {v, ax_build_param(b, "alpha", &AX_SHAPE(s->dim[1]), 1, how)};
    return in[1] < 0 ? AX_NONE : ax_graph_node(b->g, &ax_op_prelu, b->layer, NULL, in, 2, b->err);
}

/* A parameter called "bias" would be the layer's bias in the model file. */
static int is_taken(const ax_builder *b, const char *suffix)
{
    size_t n = strlen(b->layer);
    for (int i = 0; i < b->net->n_inits; i++) {
        const char *name = b->g->val[b->net->inits[i].param].name;
        if (!strncmp(name, b->layer, n) && name[n] == '/' && !strcmp(name + n + 1, suffix))
            return 1;
    }
    return 0;
}

/* Each learned parameter is a tensor of the model, "layer/beta". */
static ax_val build_learned(ax_builder *b, ax_val v)
{
    ax_learned_attr a = {.act = b->act};
    ax_val in[1 + AX_ACT_PARAMS] = {v};
    int n = 1;
    for (int i = 0; i < AX_ACT_PARAMS; i++) {
        if (!(b->act.learned >> i & 1))
            continue;
        const char *name = b->act.row->params[i].name;
        ax_init how = {.initializer = "constant", .value = b->act.param[i]};
        if (is_taken(b, name)) {
            ax_fail(b->err, AX_EINVAL, "layer '%s' has a tensor '%s' already", b->layer, name);
            ax_err_hint(b->err, "give the activation a layer of its own, {\"type\":\"activation\",...}");
            return AX_NONE;
        }
        in[n] = ax_build_param(b, name, &AX_SHAPE(1), 1, how);
        if (in[n++] < 0)
            return AX_NONE;
    }
    return ax_graph_node(b->g, &ax_op_activation_learned, b->layer, &a, in, n, b->err);
}

static ax_val build_noise(ax_builder *b, ax_val v)
{
    ax_gumbel_attr a = {b->training->seed, ax_rng_name(b->layer)};
    return ax_graph_node(b->g, &ax_op_gumbel, b->layer, &a, (ax_val[]){v, b->net->step}, 2, b->err);
}

int ax_build_activation(ax_builder *b, ax_val *v)
{
    const ax_act *act = &b->act;
    if (!act->row || !strcmp(act->row->name, "identity"))
        return 0;
    if (!strcmp(act->row->name, "prelu")) { /* learns, whether it is asked to or not */
        b->act.learned = 0;
        *v = build_prelu(b, *v);
        return *v < 0 ? -1 : 0;
    }
    if (b->training && act->row->kind == AX_ACT_ELEMENT && ax_act_trainable(act, b->err))
        return -1;
    if (act->learned) {
        *v = build_learned(b, *v);
        return *v < 0 ? -1 : 0;
    }
    int usual = b->g->val[*v].desc.shape.rank == 4 ? 1 : -1;
    ax_activation_attr a = {*act, b->axis ? b->axis : usual};
    if (b->training && !strcmp(act->row->name, "gumbel_softmax") && (*v = build_noise(b, *v)) < 0)
        return -1;
    *v = ax_graph_node(b->g, &ax_op_activation, b->layer, &a, v, 1, b->err);
    return *v < 0 ? -1 : 0;
}

static ax_val scaled(ax_builder *b, ax_val v, double by)
{
    float one[2] = {(float)by, 0};
    ax_val in[3] = {v};
    for (int i = 0; i < 2; i++)
        if ((in[1 + i] = ax_graph_const(b->g, AX_F32, &AX_SHAPE(1), &one[i], b->err)) < 0)
            return AX_NONE;
    return ax_graph_node(b->g, &ax_op_affine, "logits", NULL, in, 3, b->err);
}

ax_val ax_build_logits(ax_builder *b, ax_val v)
{
    const ax_graph *g = b->g;
    if (g->val[v].kind != AX_VAL_NODE)
        return v;
    const ax_node *n = &g->node[g->val[v].node];
    if (n->op != &ax_op_activation)
        return v;
    const ax_act *act = &((const ax_activation_attr *)n->attr)->act;
    int min = !strcmp(act->row->name, "softmin");
    if (!strcmp(act->row->name, "sigmoid"))
        return n->in[0];
    if (!min && strcmp(act->row->name, "softmax"))
        return v;
    double by = (min ? -1 : 1) / act->param[0];
    return by == 1 ? n->in[0] : scaled(b, n->in[0], by);
}
