/* onnx_body.h - the graphs that nodes have: run once or once for each iteration, and what
 * iterations pile up. Private to engine/io. */
#ifndef AX_IO_ONNX_BODY_H
#define AX_IO_ONNX_BODY_H

#include "io/onnx_scope.h"

typedef struct onnx_body {
    onnx_site *s; /* the node that has it */
    const ax_onnx_graph *g;
    onnx_scope scope;
    int fixed; /* values that stay from run to run: initializers */
} onnx_body;

int onnx_body_open(onnx_site *s, const char *attr, onnx_body *b);
/* Build it with in[0..g->n_in) as its inputs; out: one value for each output of the graph.
 * Initializers stay from run to run, so that an unrolled loop has its weights once. */
int onnx_body_run(onnx_body *b, const ax_onnx_value *in, ax_onnx_value *out);

/* Elements of one output, one for each iteration, each with the new axis. */
typedef struct onnx_pile {
    ax_onnx_value **part;
    int n, room;
} onnx_pile;

int onnx_pile_push(onnx_site *s, onnx_pile *p, ax_onnx_value *v, int axis);
/* All of them joined along the axis, the last one first where backwards. port: what the graph says
 * of them, for a pile without any. */
int onnx_piled(onnx_site *s, const ax_onnx_port *port, onnx_pile *p, int axis, int backwards,
               ax_onnx_value *out);

#endif
