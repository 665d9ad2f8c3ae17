/* onnx_compose.h - an ONNX graph built operation by operation, activations in doubles: between
 * onnx_activation.c, onnx_rows.c, onnx_compose.c and the export of whole models, onnx_export.c.
 *
 * Values are known by their names. What fails (memory, a formula too large) is noted once in err,
 * and the names that come then are "". */
#ifndef AX_IO_ONNX_COMPOSE_H
#define AX_IO_ONNX_COMPOSE_H

#include "activation/activation.h"
#include "base/arena.h"
#include "io/onnx_write.h"

enum { AX_COMPOSE_OPSET = 13 }; /* the first where Softmax and Split mean what they do today */

typedef struct ax_compose {
    ax_onnx m;
    ax_arena *mem;
    ax_err *err;
    int names, failed;
    const char *x, *y; /* what the function is taken of, float32, and its result              */
    const char *layer; /* where it belongs: nodes are named after it, and so are the values and
                          numbers that are made; NULL: there is but the one function          */
    int titled;        /* a node has the layer's own name                                     */
    int nodes;
    int opset; /* that of the file, whose rules hold                                  */
    int needs; /* the smallest one that what was written so far asks for              */
    const char *learned[AX_ACT_PARAMS]; /* tensors (1) that hold parameters; NULL: a number   */
} ax_compose;

/* op as a node, named. Attributes may follow. */
void ax_compose_put(ax_compose *c, const char *op, const char *const *in, int n,
                    const char *const *out, int outs);
/* The result of op of a, b, c, the first NULL among which ends them. Attributes may follow. */
const char *ax_compose_node(ax_compose *c, const char *op, const char *a, const char *b,
                            const char *d);
/* This operator, or how it is written, asks for an opset. */
void ax_compose_need(ax_compose *c, int opset);
const char *ax_compose_name(ax_compose *c, const char *kind); /* nothing has it yet */
const char *ax_compose_number(ax_compose *c, double v);
const char *ax_compose_ints(ax_compose *c, const int64_t *v, int n);
const char *ax_compose_fresh(ax_compose *c); /* a name nothing has yet */
/* the float32 in c->x as doubles, and doubles as the float32 in c->y */
const char *ax_compose_begin(ax_compose *c);
void ax_compose_end(ax_compose *c, const char *y);
/* The formula text of x, a value; those parameters of the activation that it names have their
 * values there. program: the text compiled, or NULL. */
const char *ax_compose_formula(ax_compose *c, const ax_act *a, const char *text,
                               const ax_formula *program, const char *x);

/* onnx_rows.c: the nodes of a function of whole rows, the rows of a matrix; AX_EUNSUPPORTED when
 * there are none */
int ax_onnx_rows(ax_compose *c, const ax_act *a);

#endif
