/* graph.h - a network as a list of nodes whose inputs point backwards only.
 *
 * Values are numbered in the order they appear: inputs, parameters, constants, and the outputs of
 * nodes. A node can only name values that exist, so the node array is a topological order: no sort,
 * no cycle check. Shapes in a graph are those of an example batch; a plan works them out again for
 * the batch it is made for.
 * Thread rule: building is one thread's work; a finished graph may be read by all. */
#ifndef AX_GRAPH_GRAPH_H
#define AX_GRAPH_GRAPH_H

#include "base/backed.h"
#include "graph/op.h"

typedef enum ax_val_kind { AX_VAL_INPUT, AX_VAL_PARAM, AX_VAL_CONST, AX_VAL_NODE } ax_val_kind;

typedef struct ax_value {
    ax_val_kind kind;
    ax_desc desc;
    int node;         /* AX_VAL_NODE: who makes it   */
    int trainable;    /* AX_VAL_PARAM                */
    const char *name; /* inputs and params; "" else  */
    void *data;       /* PARAM, CONST: the numbers, borrowed; a PARAM may be bound later */
} ax_value;

struct ax_node {
    const ax_op *op;
    const char *name; /* the layer it came from, for messages; "" */
    const void *attr;
    const ax_val *in;
    int n_in, n_out;
    ax_val out; /* outputs are values out .. out+n_out-1 */
};

struct ax_graph {
    ax_arena arena;    /* everything the graph points to, but for bound parameters */
    ax_backed *backed; /* where bound parameters may lie whose numbers come and go: who reads those
                          of a parameter holds them there. NULL: they stay                      */
    ax_value *val;
    ax_node *node;
    int n_val, n_node, cap_val, cap_node;
};

void ax_graph_init(ax_graph *g);
void ax_graph_fini(ax_graph *g);

/* Append a value. `name` is copied. AX_NONE with err on failure. */
ax_val ax_graph_input(ax_graph *g, const char *name, ax_dtype t, const ax_shape *s, ax_err *err);
ax_val ax_graph_param(ax_graph *g, const char *name, const ax_shape *s, int trainable, ax_err *err);
/* data is copied */
ax_val ax_graph_const(ax_graph *g, ax_dtype t, const ax_shape *s, const void *data, ax_err *err);

/* Append a node: attr (op->attr_size bytes) and in[] are copied, shapes inferred. Gives its first
 * output, or AX_NONE with a message that starts with op and name. */
ax_val ax_graph_node(ax_graph *g, const ax_op *op, const char *name, const void *attr,
                     const ax_val *in, int n_in, ax_err *err);

/* The value called `name`, or AX_NONE. */
ax_val ax_graph_find(const ax_graph *g, const char *name);

/* ---- gradients (grad.c) ---- */

/* Append the adjoint of `loss` (a scalar) with respect to wrt[0..n): d[i] becomes the value that
 * holds d loss / d wrt[i], or AX_NONE when loss does not depend on it. */
int ax_graph_grad(ax_graph *g, ax_val loss, const ax_val *wrt, int n, ax_val *d, ax_err *err);

/* For op->grad: does input i of the node lie on a path to what is differentiated? Valid only while
 * ax_graph_grad runs. */
int ax_needs_grad(const ax_graph *g, ax_val v);

/* ---- fusion (fuse.c) ---- */

/* Copy `from` into the empty graph `to` and append fused nodes (batch-norm folded into convolution
 * or dense; residual and activation into the store), using outputs[0..n) to see what is used once.
 * Nothing is removed: an inner value that somebody asks for is still there, and what nobody needs
 * costs nothing in a plan. map (from->n_val entries) tells where each value went. Parameters must
 * be bound. */
int ax_graph_fuse(const ax_graph *from, const ax_val *outputs, int n, ax_graph *to, ax_val *map,
                  ax_err *err);

#endif
