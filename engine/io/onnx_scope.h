/* onnx_scope.h - names and what they stand for, while a file is imported: one scope for the file's
 * graph, one for each subgraph that is being built, one for each call of a function.
 *
 * A subgraph sees the names around it, and may not use one of them again; a function sees its own
 * alone. What a scope holds is gone when it is left, but for the outputs that were copied out of
 * it. Private to engine/io. */
#ifndef AX_IO_ONNX_SCOPE_H
#define AX_IO_ONNX_SCOPE_H

#include "io/onnx_op.h"

enum {
    ONNX_MAX_SCOPES = 32,       /* graphs and functions within each other */
    ONNX_MAX_STEPS = 1 << 18,   /* nodes built and computed, each iteration anew */
    ONNX_MAX_UNROLLED = 1 << 15 /* nodes that the graph may have where loops are unrolled into it */
};

struct onnx_importer {
    const ax_onnx_file *f;
    ax_graph *g;
    ax_err *err; /* never NULL */
    const ax_onnx_how *how;
    int64_t steps, work;
    int unrolling; /* loops around what is built */
};

struct onnx_scope {
    const onnx_scope *around; /* where the node is whose part this is; NULL: of the file itself */
    int closed;               /* the names around are not seen: a function's body */
    int depth;
    const ax_onnx_opset *opset;
    int n_opset;
    const ax_onnx_function *fn; /* within a function: which, */
    const ax_onnx_node *call;   /* and the node that has its attributes */
    ax_onnx_names names;        /* values in the order they appear */
    int room;
};

/* A scope with room for as many values; its opsets and function are those around, NULL: none. */
int onnx_scope_open(onnx_importer *m, onnx_scope *s, const onnx_scope *around, int64_t room,
                    ax_err *err);
int onnx_scope_add(onnx_scope *s, ax_onnx_value v, ax_err *err);
ax_onnx_value *onnx_scope_find(const onnx_scope *s, const char *name); /* NULL: nothing */
/* Forget all but the first n values. */
void onnx_scope_cut(onnx_scope *s, int n);

/* The row, or the file's function, for a node; both NULL: nobody knows it. */
const onnx_row *onnx_row_for(const ax_onnx_node *n, const ax_onnx_opset *opset, int n_opset);
const ax_onnx_function *onnx_function_for(const ax_onnx_file *f, const ax_onnx_node *n);

/* learned: as in ax_onnx_how. */
int onnx_add_initializers(onnx_importer *m, onnx_scope *s, const ax_onnx_graph *g,
                          const unsigned char *learned, ax_err *err);
/* Nodes in order; an error names the one it is about. */
int onnx_build_nodes(onnx_importer *m, onnx_scope *s, const ax_onnx_node *node, int n, ax_err *err);
/* A value of the scope by the name of an output. */
ax_onnx_value *onnx_output(const onnx_scope *s, const char *name, ax_err *err);

/* Is the word in a list with spaces, or commas and spaces, between? */
int onnx_is_listed(const char *list, const char *word);

#endif
