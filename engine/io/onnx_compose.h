/* onnx_compose.h - an ONNX graph built operation by operation, in doubles: between
 * onnx_activation.c, onnx_rows.c and onnx_compose.c.
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
} ax_compose;

/* The result of op of a, b, c, the first NULL among which ends them. Attributes may follow. */
const char *ax_compose_node(ax_compose *c, const char *op, const char *a, const char *b,
                            const char *d);
const char *ax_compose_number(ax_compose *c, double v);
const char *ax_compose_ints(ax_compose *c, const int64_t *v, int n);
const char *ax_compose_fresh(ax_compose *c); /* a name nothing has yet */
/* the float32 in "x" as doubles, and doubles as the float32 in "y" */
const char *ax_compose_begin(ax_compose *c);
void ax_compose_end(ax_compose *c, const char *y);
/* The formula text of x, a value; those parameters of the activation that it names have their
 * values there. program: the text compiled, or NULL. */
const char *ax_compose_formula(ax_compose *c, const ax_act *a, const char *text,
                               const ax_formula *program, const char *x);

/* onnx_rows.c: the nodes of a function of whole rows; AX_EUNSUPPORTED when there are none */
int ax_onnx_rows(ax_compose *c, const ax_act *a);

#endif
