/* graph.c - building: append values and nodes, infer shapes; see graph.h. */
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ax_graph_init(ax_graph *g)
{
    *g = (ax_graph){0};
    ax_arena_init(&g->arena, 0);
}

void ax_graph_fini(ax_graph *g)
{
    ax_arena_fini(&g->arena);
    free(g->val);
    free(g->node);
    *g = (ax_graph){0};
}

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the graph");
}

/* Room for `need` more entries of an array that doubles. */
static int reserve(void **array, int *cap, int used, int need, size_t size)
{
    if (used + need <= *cap)
        return 0;
    int cap_new = *cap ? *cap * 2 : 64;
    while (cap_new < used + need)
        cap_new *= 2;
    void *p = realloc(*array, (size_t)cap_new * size);
    if (!p)
        return -1;
    *array = p;
    *cap = cap_new;
    return 0;
}

static ax_val add_value(ax_graph *g, ax_value v, ax_err *err)
{
    if (reserve((void **)&g->val, &g->cap_val, g->n_val, 1, sizeof *g->val))
        return no_memory(err);
    v.name = v.name && *v.name ? ax_arena_strdup(&g->arena, v.name) : "";
    if (!v.name)
        return no_memory(err);
    g->val[g->n_val] = v;
    return g->n_val++;
}

ax_val ax_graph_input(ax_graph *g, const char *name, ax_dtype t, const ax_shape *s, ax_err *err)
{
    if (ax_shape_count_checked(s, ax_dtype_size(t), err) < 0)
        return AX_NONE;
    ax_value v = {.kind = AX_VAL_INPUT, .desc = {t, *s}, .node = -1, .name = name};
    return add_value(g, v, err);
}

ax_val ax_graph_param(ax_graph *g, const char *name, const ax_shape *s, int trainable, ax_err *err)
{
    if (ax_shape_count_checked(s, sizeof(float), err) < 0)
        return AX_NONE;
    ax_value v = {.kind = AX_VAL_PARAM, .desc = {AX_F32, *s}, .node = -1, .name = name,
                  .trainable = trainable};
    return add_value(g, v, err);
}

ax_val ax_graph_const(ax_graph *g, ax_dtype t, const ax_shape *s, const void *data, ax_err *err)
{
    int64_t n = ax_shape_count_checked(s, ax_dtype_size(t), err);
    if (n < 0)
        return AX_NONE;
    size_t bytes = (size_t)n * ax_dtype_size(t);
    void *copy = ax_arena_alloc(&g->arena, bytes);
    if (!copy)
        return no_memory(err);
    memcpy(copy, data, bytes);
    ax_value v = {.kind = AX_VAL_CONST, .desc = {t, *s}, .node = -1, .data = copy};
    return add_value(g, v, err);
}

ax_val ax_graph_node(ax_graph *g, const ax_op *op, const char *name, const void *attr,
                     const ax_val *in, int n_in, ax_err *err)
{
    name = name ? name : "";
    if (n_in < op->min_in || n_in > op->max_in || n_in > AX_MAX_IN)
        return ax_fail(err, AX_EINVAL, "%s '%s': %d inputs given, it takes %d to %d", op->name, name,
                       n_in, op->min_in, op->max_in);
    ax_desc din[AX_MAX_IN], dout[AX_MAX_OUT] = {0};
    for (int i = 0; i < n_in; i++) {
        if (in[i] == AX_NONE && i >= op->min_in)
            din[i] = (ax_desc){.shape.rank = -1};
        else if (in[i] < 0 || in[i] >= g->n_val)
            return ax_fail(err, AX_EINVAL, "%s '%s': input %d is missing", op->name, name, i);
        else
            din[i] = g->val[in[i]].desc;
    }
    ax_err why = {0};
    for (int i = 0; !op->mixed && i < n_in; i++)
        if (din[i].shape.rank >= 0 && din[i].dtype != AX_F32)
            return ax_fail(err, AX_ETYPE, "%s '%s': input %d is %s, float32 is taken", op->name,
                           name, i, ax_dtype_name(din[i].dtype));
    if (op->infer(attr, din, n_in, dout, &why)) {
        ax_fail(err, why.code, "%s '%s': %.400s", op->name, name, why.msg);
        return ax_err_hint(err, "%s", why.hint);
    }
    ax_node n = {.op = op, .n_in = n_in, .n_out = op->n_out, .out = g->n_val};
    n.name = ax_arena_strdup(&g->arena, name);
    void *attr_copy = ax_arena_alloc(&g->arena, op->attr_size);
    ax_val *in_copy = AX_ARRAY(&g->arena, ax_val, n_in);
    if (!n.name || !attr_copy || !in_copy ||
        reserve((void **)&g->node, &g->cap_node, g->n_node, 1, sizeof *g->node))
        return no_memory(err);
    if (op->attr_size)
        memcpy(attr_copy, attr, op->attr_size);
    memcpy(in_copy, in, (size_t)n_in * sizeof *in);
    n.attr = attr_copy;
    n.in = in_copy;
    for (int i = 0; i < op->n_out; i++) {
        ax_value v = {.kind = AX_VAL_NODE, .desc = dout[i], .node = g->n_node};
        if (ax_shape_count_checked(&dout[i].shape, ax_dtype_size(dout[i].dtype), err) < 0 ||
            add_value(g, v, err) < 0)
            return AX_NONE;
    }
    g->node[g->n_node++] = n;
    return n.out;
}

ax_val ax_graph_find(const ax_graph *g, const char *name)
{
    for (int i = 0; i < g->n_val; i++)
        if (*g->val[i].name && !strcmp(g->val[i].name, name))
            return i;
    return AX_NONE;
}
