/* grad.c - reverse-mode differentiation that appends nodes.
 *
 * Walk the nodes backwards from the loss; each op row adds the nodes that turn the gradients of its
 * outputs into gradients of its inputs; contributions to one value are added up in the fixed order
 * in which they arrive. The result is plain graph: the same shape inference, planner, executor and
 * kernels serve training. */
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
#include "ops/ops.h"

/* What ax_needs_grad answers from: valid while ax_graph_grad runs on this thread. */
static _Thread_local const unsigned char *needs;
static _Thread_local int needs_count;

int ax_needs_grad(const ax_graph *g, ax_val v)
{
    (void)g;
    return v >= 0 && v < needs_count && needs[v];
}

/* flag[v]: v depends on one of wrt */
static void mark(const ax_graph *g, const ax_val *wrt, int n, unsigned char *flag)
{
    for (int i = 0; i < n; i++)
        flag[wrt[i]] = 1;
    for (int i = 0; i < g->n_node; i++) {
        const ax_node *node = &g->node[i];
        int any = 0;
        for (int k = 0; k < node->n_in; k++)
            any |= node->in[k] >= 0 && flag[node->in[k]];
        for (int k = 0; any && k < node->n_out; k++)
            flag[node->out + k] = 1;
    }
}

static int add_to(ax_graph *g, ax_val *sum, ax_val d, ax_err *err)
{
    if (*sum == AX_NONE) {
        *sum = d;
        return 0;
    }
    ax_val in[] = {*sum, d};
    if (g->val[d].desc.dtype == AX_F32)
        *sum = ax_graph_node(g, &ax_op_add, "", &(ax_add_attr){0}, in, 2, err);
    else
        *sum = ax_graph_node(g, &ax_op_binary, "", &(ax_binary_attr){AX_BINARY_ADD}, in, 2, err);
    return *sum < 0 ? -1 : 0;
}

static int node_grad(ax_graph *g, int i, ax_val *d, ax_err *err)
{
    ax_node node = g->node[i]; /* a copy: the array moves while nodes are appended */
    ax_val dout[AX_MAX_OUT], din[AX_MAX_IN];
    int any_out = 0, any_in = 0;
    for (int k = 0; k < node.n_out; k++)
        any_out |= (dout[k] = d[node.out + k]) != AX_NONE;
    for (int k = 0; k < node.n_in; k++) {
        din[k] = AX_NONE;
        any_in |= ax_needs_grad(g, node.in[k]);
    }
    if (!any_out || !any_in)
        return 0;
    if (!node.op->grad)
        return ax_fail(err, AX_EUNSUPPORTED, "%s '%s' has no gradient", node.op->name, node.name);
    if (node.op->grad(g, &node, dout, din, err))
        return -1;
    for (int k = 0; k < node.n_in; k++)
        if (din[k] != AX_NONE && ax_needs_grad(g, node.in[k]) &&
            add_to(g, &d[node.in[k]], din[k], err))
            return -1;
    return 0;
}

int ax_graph_grad(ax_graph *g, ax_val loss, const ax_val *wrt, int n, ax_val *dwrt, ax_err *err)
{
    int n_val = g->n_val, n_node = g->n_node, bad = -1;
    unsigned char *flag = calloc((size_t)n_val, 1);
    ax_val *d = malloc((size_t)n_val * sizeof *d);
    if (!flag || !d) {
        ax_fail(err, AX_ENOMEM, "no memory for the gradient");
        goto done;
    }
    mark(g, wrt, n, flag);
    needs = flag;
    needs_count = n_val;
    for (int i = 0; i < n_val; i++)
        d[i] = AX_NONE;
    ax_shape scalar = {0};
    d[loss] = ax_graph_const(g, AX_F32, &scalar, &(float){1}, err);
    if (d[loss] < 0)
        goto done;
    for (int i = n_node - 1; i >= 0; i--)
        if (node_grad(g, i, d, err))
            goto done;
    for (int i = 0; i < n; i++)
        dwrt[i] = d[wrt[i]];
    bad = 0;
done:
    needs = NULL;
    needs_count = 0;
    free(flag);
    free(d);
    return bad;
}
