/* onnx_net.c - see onnx_net.h. */
#include "io/onnx_net.h"

#include <math.h>
#include <string.h>

/* A file on its way to become a net. */
typedef struct maker {
    const ax_onnx_how *how; /* may be NULL */
    ax_net *net;
    const ax_onnx_file *f;
    ax_onnx_names names;
    ax_err *err;
} maker;

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the model");
}

static int reserve(maker *m)
{
    ax_net *n = m->net;
    ax_arena *a = &n->graph.arena;
    const ax_onnx_graph *g = &m->f->graph;
    n->inputs = AX_ARRAY(a, ax_val, AX_ONNX_MAX_PORTS);
    n->outputs = AX_ARRAY(a, ax_val, g->n_out);
    n->logits = AX_ARRAY(a, ax_val, g->n_out);
    n->output_names = AX_ARRAY(a, const char *, g->n_out);
    n->layers = AX_ARRAY(a, ax_layer, g->n_node);
    return n->inputs && n->outputs && n->logits && n->output_names && n->layers ? 0
                                                                                : no_memory(m->err);
}

static int import(maker *m, const ax_tensor *in)
{
    ax_net *n = m->net;
    const ax_onnx_graph *g = &m->f->graph;
    ax_onnx_value *out = AX_ARRAY(&n->graph.arena, ax_onnx_value, g->n_out);
    if (!out)
        return no_memory(m->err);
    if (ax_onnx_import(m->f, in, m->how, &n->graph, out, &m->names, m->err))
        return -1;
    for (int v = 0; v < n->graph.n_val; v++)
        if (n->graph.val[v].kind == AX_VAL_INPUT && v != n->step)
            n->inputs[n->n_inputs++] = v;
    n->n_outputs = m->how && m->how->until ? 1 : g->n_out;
    for (int i = 0; i < n->n_outputs; i++) {
        n->outputs[i] = n->logits[i] = out[i].val;
        n->output_names[i] = m->how && m->how->until ? m->how->until : g->out[i].name;
    }
    return 0;
}

/* What is learned starts from what the file has. */
static int list_learned(maker *m)
{
    ax_net *n = m->net;
    const ax_onnx_graph *g = &m->f->graph;
    if (!(n->inits = AX_ARRAY(&n->graph.arena, ax_init, g->n_init)))
        return no_memory(m->err);
    for (int i = 0; i < g->n_init; i++)
        if (m->how->learned[i])
            n->inits[n->n_inits++] =
                (ax_init){.param = ax_onnx_find(&m->names, g->init[i].name)->val,
                          .initializer = "constant",
                          .gain = 1};
    return 0;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* What is known of float32 goes into a node that has to wait for the run: its weights. */
static int64_t weights_of(const maker *m, const ax_onnx_node *node)
{
    int64_t count = 0;
    for (int i = 0; i < node->n_in; i++) {
        const ax_onnx_value *v = *node->in[i] ? ax_onnx_find(&m->names, node->in[i]) : NULL;
        int learned = m->how && m->how->learned && v && v->val >= 0 &&
                      m->net->graph.val[v->val].kind == AX_VAL_PARAM;
        if (v && (v->data || learned) && v->desc.dtype == AX_F32)
            count = ax_count_add(count, ax_shape_count(&v->desc.shape));
    }
    return count;
}

static int64_t operations(const ax_graph *g, int from, int to)
{
    int64_t sum = 0;
    for (int i = from; i < to; i++) {
        const ax_node *n = &g->node[i];
        ax_desc in[AX_MAX_IN];
        for (int k = 0; k < n->n_in; k++)
            in[k] = n->in[k] >= 0 ? g->val[n->in[k]].desc : (ax_desc){.shape.rank = -1};
        const ax_desc *out = &g->val[n->out].desc;
        sum = ax_count_add(sum, n->op->flops ? n->op->flops(n->attr, in, out)
                                             : ax_shape_count(&out->shape));
    }
    return sum;
}

/* The activation that makes v; row NULL where none does. */
static ax_act act_of(const ax_graph *g, ax_val v)
{
    ax_act act = {0};
    if (v < 0 || g->val[v].kind != AX_VAL_NODE)
        return act;
    const ax_node *n = &g->node[g->val[v].node];
    if (n->op == &ax_op_activation)
        return ((const ax_activation_attr *)n->attr)->act;
    if (n->op == &ax_op_prelu)
        ax_act_by_name("prelu", &act, NULL);
    return act;
}

static void add_layer(maker *m, int i)
{
    ax_net *n = m->net;
    const ax_onnx_node *node = &m->f->graph.node[i];
    const ax_onnx_value *v = node->n_out ? ax_onnx_find(&m->names, node->out[0]) : NULL;
    int from = m->names.first_node[i], to = m->names.first_node[i + 1];
    if (!v || from == to || v->val < 0) /* computed while importing */
        return;
    ax_layer l = {.name = *node->name ? node->name : node->out[0],
                  .type = node->op,
                  .activation = "",
                  .gain = 1,
                  .out = v->val,
                  .params = weights_of(m, node),
                  .flops = operations(&n->graph, from, to)};
    l.act = act_of(&n->graph, v->val);
    if (l.act.row) {
        l.activation = l.act.row->name;
        double gain = ax_act_gain(&l.act);
        l.gain = isnan(gain) ? 1 : gain;
    }
    if (l.act.row || l.params)
        n->layers[n->n_layers++] = l;
}

/* What goes into the sigmoid or softmax that an output is. */
static void find_logits(ax_net *n)
{
    for (int i = 0; i < n->n_outputs; i++) {
        ax_act act = act_of(&n->graph, n->outputs[i]);
        if (act.row && (!strcmp(act.row->name, "sigmoid") ||
                        (!strcmp(act.row->name, "softmax") && act.param[0] == 1)))
            n->logits[i] = n->graph.node[n->graph.val[n->outputs[i]].node].in[0];
    }
}

static int make(maker *m, const ax_tensor *in)
{
    if (reserve(m) || import(m, in)) {
        ax_net_fini(m->net);
        return -1;
    }
    for (int i = 0; i < m->f->graph.n_node; i++)
        add_layer(m, i);
    find_logits(m->net);
    return 0;
}

int ax_onnx_net(ax_net *n, const ax_onnx_file *f, const ax_tensor *in, const ax_onnx_how *how,
                size_t memory, ax_onnx_names *names, ax_err *err)
{
    maker m = {.net = n, .f = f, .how = how, .err = err};
    *n = (ax_net){.step = AX_NONE, .name = ""};
    ax_graph_init(&n->graph);
    n->graph.arena.limit = memory;
    int bad = make(&m, in);
    *names = m.names;
    return bad;
}

int ax_onnx_net_learning(ax_net *n, const ax_onnx_file *f, const ax_tensor *in,
                         const ax_onnx_how *how, int step, ax_err *err)
{
    maker m = {.net = n, .f = f, .how = how, .err = err};
    *n = (ax_net){.step = AX_NONE, .name = ""};
    ax_graph_init(&n->graph);
    if (step && (n->step = ax_graph_input(&n->graph, " step", AX_I64, &(ax_shape){0}, err)) < 0)
        return -1;
    if (make(&m, in))
        return -1;
    if (!list_learned(&m))
        return 0;
    ax_net_fini(n);
    return -1;
}

ax_val ax_onnx_net_value(ax_net *n, const ax_onnx_names *names, const char *name, ax_err *err)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (!strcmp(n->output_names[i], name) && n->outputs[i] >= 0)
            return n->outputs[i];
    for (int i = 0; i < n->n_layers; i++)
        if (!strcmp(n->layers[i].name, name))
            return n->layers[i].out;
    ax_onnx_value *v = ax_onnx_find(names, name);
    if (!v || ax_onnx_into_graph(&n->graph, v, err))
        return AX_NONE;
    return v->val;
}
