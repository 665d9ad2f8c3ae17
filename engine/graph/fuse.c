/* fuse.c - less traffic for inference: batch-norm folded into the weights before it, residual and
 * activation done in the store of the convolution or dense layer.
 *
 * The graph is copied node by node; where a pattern ends, a fused node is added and later nodes use
 * its value instead. The unfused nodes stay: a plan drops them when nobody asks for them, and an
 * inner value that somebody does ask for is computed as written, without a change to the others.
 * A pattern is fused only where the inner value has no other use. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"

typedef struct fuser {
    const ax_graph *from;
    ax_graph *to;
    ax_val *map; /* [from->n_val] value in `to`            */
    int *uses;   /* [from->n_val] by needed nodes, outputs */
    ax_err *err;
} fuser;

static int count_uses(fuser *f, const ax_val *outputs, int n)
{
    for (int i = 0; i < n; i++)
        f->uses[outputs[i]]++;
    for (int i = f->from->n_node - 1; i >= 0; i--) {
        const ax_node *node = &f->from->node[i];
        int any = 0;
        for (int k = 0; k < node->n_out; k++)
            any |= f->uses[node->out + k];
        for (int k = 0; any && k < node->n_in; k++)
            if (node->in[k] >= 0)
                f->uses[node->in[k]]++;
    }
    return 0;
}

static int fusable(const ax_op *op)
{
    return op == &ax_op_conv2d || op == &ax_op_dense;
}

static ax_act *act_of(const ax_op *op, void *attr)
{
    return op == &ax_op_conv2d ? &((ax_conv2d_attr *)attr)->act : &((ax_fused_attr *)attr)->act;
}

/* The node of `to` that makes the value standing for v, when it is a convolution or dense layer
 * without activation whose value has no other use; NULL otherwise. in[] gets its five inputs. */
static const ax_node *open_end(const fuser *f, ax_val v, ax_val in[5])
{
    const ax_value *t = &f->to->val[f->map[v]];
    if (f->uses[v] != 1 || t->kind != AX_VAL_NODE)
        return NULL;
    const ax_node *n = &f->to->node[t->node];
    if (!fusable(n->op) || act_of(n->op, (void *)n->attr)->row)
        return NULL;
    for (int i = 0; i < 5; i++)
        in[i] = i < n->n_in ? n->in[i] : AX_NONE;
    return n;
}

static ax_val emit(fuser *f, const ax_node *like, const ax_val in[5], const ax_act *act)
{
    ax_conv2d_attr attr; /* the larger of the two */
    memcpy(&attr, like->attr, like->op->attr_size);
    if (act)
        *act_of(like->op, &attr) = *act;
    return ax_graph_node(f->to, like->op, like->name, &attr, in, 5, f->err);
}

static const float *numbers(const ax_graph *g, ax_val v)
{
    return v == AX_NONE ? NULL : g->val[v].data;
}

/* gamma (x - mean) / sqrt(var + eps) + beta after w x + b is (w s) x + (b - mean) s + beta. */
static void fold_numbers(const float *const p[5], int64_t k, double eps, float *scale, float *shift)
{
    const float *bias = p[4];
    for (int64_t i = 0; i < k; i++) {
        double s = p[0][i] / sqrt(p[3][i] + eps);
        scale[i] = (float)s;
        shift[i] = (float)(p[1][i] + ((bias ? bias[i] : 0.0) - p[2][i]) * s);
    }
}

static int fold_batch_norm(fuser *f, const ax_node *bn, ax_val *out)
{
    ax_val in[5];
    const ax_node *n = open_end(f, bn->in[0], in);
    if (!n || in[3] != AX_NONE || in[4] != AX_NONE || f->to->val[in[1]].kind == AX_VAL_NODE ||
        f->to->val[in[1]].kind == AX_VAL_INPUT)
        return 0; /* factors go into weights that are packed with them */
    /* a dense layer on a sequence normalises another axis than its outputs */
    if (n->op == &ax_op_dense && f->to->val[n->out].desc.shape.rank != 2)
        return 0;
    int64_t k = f->from->val[bn->in[1]].desc.shape.dim[0];
    const float *p[5] = {[4] = numbers(f->to, in[2])};
    for (int i = 0; i < 4; i++)
        if (!(p[i] = numbers(f->from, bn->in[1 + i])))
            return 0;
    float *scale = malloc((size_t)k * 2 * sizeof *scale), *shift = scale + k;
    if (!scale)
        return ax_fail(f->err, AX_ENOMEM, "no memory to fold '%s'", bn->name);
    int held = 0;
    while (held < 5 && ax_backed_hold(f->from->backed, p[held], f->err) >= 0)
        held++;
    if (held == 5)
        fold_numbers(p, k, ((const ax_norm_attr *)bn->attr)->epsilon, scale, shift);
    for (int i = 0; i < held; i++)
        ax_backed_drop(f->from->backed, p[i], 0);
    if (held < 5) {
        free(scale);
        return -1;
    }
    in[4] = ax_graph_const(f->to, AX_F32, &AX_SHAPE(k), scale, f->err);
    in[2] = ax_graph_const(f->to, AX_F32, &AX_SHAPE(k), shift, f->err);
    free(scale);
    if (in[4] < 0 || in[2] < 0)
        return -1;
    n = &f->to->node[f->to->val[f->map[bn->in[0]]].node];
    *out = emit(f, n, in, NULL);
    return *out < 0 ? -1 : 0;
}

static int fuse_residual(fuser *f, const ax_node *add, ax_val *out)
{
    if (((const ax_add_attr *)add->attr)->act.row)
        return 0;
    for (int side = 0; side < 2; side++) {
        ax_val in[5];
        const ax_node *n = open_end(f, add->in[side], in);
        if (!n || in[3] != AX_NONE)
            continue;
        in[3] = f->map[add->in[!side]];
        *out = emit(f, n, in, NULL);
        return *out < 0 ? -1 : 0;
    }
    return 0;
}

static int fuse_activation(fuser *f, const ax_node *node, ax_val *out)
{
    const ax_activation_attr *a = node->attr;
    ax_val in[5];
    if (a->act.row->kind != AX_ACT_ELEMENT)
        return 0;
    const ax_node *n = open_end(f, node->in[0], in);
    if (n) {
        *out = emit(f, n, in, &a->act);
        return *out < 0 ? -1 : 0;
    }
    const ax_value *t = &f->to->val[f->map[node->in[0]]];
    if (f->uses[node->in[0]] != 1 || t->kind != AX_VAL_NODE)
        return 0;
    n = &f->to->node[t->node];
    if (n->op != &ax_op_add || ((const ax_add_attr *)n->attr)->act.row)
        return 0;
    ax_val pair[2] = {n->in[0], n->in[1]};
    *out = ax_graph_node(f->to, &ax_op_add, n->name, &(ax_add_attr){a->act}, pair, 2, f->err);
    return *out < 0 ? -1 : 0;
}

static int copy_values(fuser *f, int from, int to)
{
    for (int v = from; v < to; v++) {
        const ax_value *s = &f->from->val[v];
        if (s->kind == AX_VAL_NODE)
            continue;
        if (s->kind == AX_VAL_INPUT) {
            f->map[v] = ax_graph_input(f->to, s->name, s->desc.dtype, &s->desc.shape, f->err);
        } else if (s->kind == AX_VAL_PARAM) {
            f->map[v] = ax_graph_param(f->to, s->name, &s->desc.shape, s->trainable, f->err);
            if (f->map[v] >= 0)
                f->to->val[f->map[v]].data = s->data;
        } else {
            f->map[v] = ax_graph_const(f->to, s->desc.dtype, &s->desc.shape, s->data, f->err);
        }
        if (f->map[v] < 0)
            return -1;
    }
    return 0;
}

static int copy_node(fuser *f, const ax_node *n)
{
    ax_val in[AX_MAX_IN], fused = AX_NONE;
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] == AX_NONE ? AX_NONE : f->map[n->in[i]];
    ax_val out = ax_graph_node(f->to, n->op, n->name, n->attr, in, n->n_in, f->err);
    if (out < 0)
        return -1;
    for (int i = 0; i < n->n_out; i++)
        f->map[n->out + i] = out + i;
    int bad = n->op == &ax_op_batch_norm   ? fold_batch_norm(f, n, &fused)
              : n->op == &ax_op_add        ? fuse_residual(f, n, &fused)
              : n->op == &ax_op_activation ? fuse_activation(f, n, &fused)
                                           : 0;
    if (fused != AX_NONE)
        f->map[n->out] = fused;
    return bad;
}

int ax_graph_fuse(const ax_graph *from, const ax_val *outputs, int n, ax_graph *to, ax_val *map, ax_err *err)
{
    fuser f = {from, to, map, calloc((size_t)from->n_val + 1, sizeof(int)), err};
    if (!f.uses)
        return ax_fail(err, AX_ENOMEM, "no memory to fuse the graph");
    to->backed = from->backed;
    int bad = count_uses(&f, outputs, n), copied = 0;
    for (int i = 0; !bad && i < from->n_node; i++) {
        bad = copy_values(&f, copied, from->node[i].out) || copy_node(&f, &from->node[i]);
        copied = from->node[i].out + from->node[i].n_out;
    }
    bad = bad || copy_values(&f, copied, from->n_val);
    free(f.uses);
    return bad ? -1 : 0;
}
