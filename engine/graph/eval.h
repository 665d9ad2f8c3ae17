/* eval.h - one op run at once, on numbers that are there: what an importer computes with. */
#ifndef AX_GRAPH_EVAL_H
#define AX_GRAPH_EVAL_H

#include "base/arena.h"
#include "graph/op.h"

/* Run op on in[0..n_in) (rank -1: absent) and put its outputs, op->n_out of them, with their
 * numbers into the arena. The same kernels as in a plan, on the caller's thread. -1 with what the
 * op has against its inputs, or AX_ENOMEM. Thread-safe but for the arena. */
int ax_op_eval(const ax_op *op, const char *name, const void *attr, const ax_tensor *in, int n_in,
               ax_tensor *out, ax_arena *mem, ax_err *err);

#endif
