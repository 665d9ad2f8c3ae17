/* onnx_import.h - a graph of an ONNX file, for concrete inputs, as an ax_graph.
 *
 * Nodes are taken in order. A value is known (its numbers are there) or planned (a value of the
 * graph); a node whose inputs are all known is computed at once, any other becomes nodes of the
 * graph. So what a file computes with shapes is gone when the graph is done. docs/onnx-design.md.
 */
#ifndef AX_IO_ONNX_IMPORT_H
#define AX_IO_ONNX_IMPORT_H

#include "graph/graph.h"
#include "io/onnx_file.h"

typedef struct ax_onnx_value {
    const char *name;
    ax_desc desc;
    const void *data; /* the numbers, of natural alignment; NULL: planned */
    ax_val val;       /* AX_NONE: not in the graph (yet)                  */
} ax_onnx_value;

/* The type that numbers of an ONNX type have here; -1: they are not taken. */
int ax_onnx_dtype(int onnx, ax_dtype *out);

/* A tensor of a file as a known value: float16 and bfloat16 widened, what is unaligned copied into
 * the arena. AX_EUNSUPPORTED for a type that is not taken. */
int ax_onnx_known(const ax_onnx_tensor *t, ax_arena *a, ax_onnx_value *out, ax_err *err);

/* The inputs that a run has to give: those of the graph that no initializer stands for, in order.
 * Up to `room` indices into f->graph.in; returns how many there are. */
int ax_onnx_inputs(const ax_onnx_file *f, int *index, int room);

/* Does every node, those of subgraphs and of the functions that are called too, have a row for its
 * opset? -1 with AX_EUNSUPPORTED and all that is missing. */
int ax_onnx_check(const ax_onnx_file *f, ax_err *err);

/* All values of a graph by name; lives as long as the graph. */
typedef struct ax_onnx_names {
    ax_onnx_value *value;
    int n;
    int *slot; /* open addressing: 1 + index, 0: empty */
    unsigned mask;
    int *first_node; /* of the ax_graph, by node of the file; one more at the end */
} ax_onnx_names;

/* NULL: there is none of that name. */
ax_onnx_value *ax_onnx_find(const ax_onnx_names *n, const char *name);

/* How a file is taken; NULL, or zeros: as it stands. */
typedef struct ax_onnx_how {
    const unsigned char *learned; /* by initializer: 1: a parameter that may change, which nothing is
                                     computed of while importing; NULL: none                        */
    const char *until;            /* the graph ends with the node that makes this value, which is its
                                     only output; NULL: all of it                                   */
    int one_branch; /* an If whose condition only a run can tell is AX_EUNKNOWN, where else both
                       branches are built                                                            */
    int64_t work;   /* the most that is computed while importing, as elements and multiply-adds;
                       0: AX_ONNX_WORK                                                               */
} ax_onnx_how;

/* Some seconds: enough for weights of gigabytes that are made while importing, not for files that are
 * nothing but work. */
static const int64_t AX_ONNX_WORK = (int64_t)1 << 33;

/* Append the file's graph to g, which has inputs at most and then points into the file's bytes. in[]:
 * dtype and shape of each of ax_onnx_inputs(), data NULL or the numbers, to be taken as fixed.
 * out[]: the values of f->graph.out, or of how->until; *names: all there are, may be NULL. -1: a node and what is
 * wrong with it; ax_onnx_needs_numbers() where it is a number that only a run can tell. One thread
 * at a time for each graph. */
int ax_onnx_import(const ax_onnx_file *f, const ax_tensor *in, const ax_onnx_how *how, ax_graph *g,
                   ax_onnx_value *out, ax_onnx_names *names, ax_err *err);

/* Did the import fail for want of a number that only a run can tell (AX_EUNKNOWN)? The file can then
 * be run with all inputs known. */
int ax_onnx_needs_numbers(const ax_err *err);

/* The value as one of the graph, which a known one becomes only when it is asked for. */
int ax_onnx_into_graph(ax_graph *g, ax_onnx_value *v, ax_err *err);

#endif
