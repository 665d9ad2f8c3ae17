/* op.h - the contract of an operator: everything the engine needs to know to check, run and
 * differentiate it, in one row.
 *
 * An op is: a shape rule (infer), a way to run (choose picks a kernel and layouts for concrete
 * shapes; the default is `run` on PLAIN tensors), and a gradient (grad appends adjoint nodes to the
 * same graph). Rows live in engine/ops/, the list of them in ops/list.c.
 *
 * Checks belong to infer. choose and run see only what infer accepted and cannot fail; run does not
 * allocate. Rows are immutable; all functions are thread-safe except grad (one graph, one thread).
 */
#ifndef AX_GRAPH_OP_H
#define AX_GRAPH_OP_H

#include "base/pool.h"
#include "math/layout.h"
#include "math/tensor.h"

enum { AX_MAX_IN = 16, AX_MAX_OUT = 8 }; /* concat takes more inputs by nesting */

typedef struct ax_graph ax_graph;
typedef struct ax_node ax_node;
typedef int ax_val; /* a value of a graph; AX_NONE: an optional input that is absent */
enum { AX_NONE = -1 };

typedef struct ax_desc {
    ax_dtype dtype;
    ax_shape shape;
} ax_desc;

/* One node at concrete shapes, seen by choose. Absent inputs have desc with rank -1. */
typedef struct ax_site {
    const void *attr;
    const ax_desc *in, *out;
    int n_in, n_out;
    const ax_layout *layout; /* in which layout each input exists already */
    int threads;             /* threads the pool may use                  */
    int frozen;              /* weights never change: pack them once      */
} ax_site;

/* One step of a plan, bound to memory. */
typedef struct ax_call {
    const void *attr;
    const ax_desc *in, *out;
    int n_in, n_out;
    void *x[AX_MAX_IN];  /* inputs, in the layouts chosen; NULL when absent. Read only. */
    void *y[AX_MAX_OUT]; /* outputs                                                      */
    float *scratch;
    const float *packed; /* what choice.pack made once, or NULL                          */
    const ax_layout *layout;
    ax_pool *pool;
} ax_call;

/* What choose decides. Zeroed before the call, except run = op->run and PLAIN layouts. */
typedef struct ax_choice {
    const char *kernel; /* for people: "blocked 14x2", "openblas"         */
    void (*run)(const ax_call *c);
    ax_layout in[AX_MAX_IN], out[AX_MAX_OUT];
    int64_t scratch; /* floats                                              */
    int inplace;     /* 1 + the input whose memory output 0 may take over,
                        when nobody else needs it afterwards; 0: none       */
    int alias;       /* 1 + the input that output 0 is a view of: no step   */
    unsigned unread; /* bit i: a run takes no numbers from input i: only its shape matters, or
                        what pack made of them                                        */
    /* frozen sites: floats made once from the (constant) inputs that are unread. Depends on them
     * and the attributes alone, not on the shape of the first, so that all plans of a model share
     * it. */
    int64_t pack_floats;
    void (*pack)(const ax_site *s, void *const *x, float *packed);
} ax_choice;

typedef struct ax_op {
    const char *name;
    int min_in, max_in, n_out;
    int mixed; /* infer judges about element types; 0: all inputs are float32, which is seen to */
    size_t attr_size;
    /* fill out[0..n_out) or explain; a missing optional input has rank -1 */
    int (*infer)(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err);
    void (*run)(const ax_call *c);
    void (*choose)(const ax_site *s, ax_choice *c); /* NULL: run on PLAIN tensors */
    /* dout[i]: gradient of output i or AX_NONE. Set din[i] for the inputs that need it
     * (ax_needs_grad); leave AX_NONE where the gradient is zero. NULL: not differentiable. */
    int (*grad)(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err);
    /* bit i: input i is packed where it never changes; 0: input 1 */
    unsigned packed_inputs;
    /* multiply-adds * 2 of one run, by ax_count_mul(); NULL: the elements of output 0 */
    int64_t (*flops)(const void *attr, const ax_desc *in, const ax_desc *out);
} ax_op;

/* All ops, and one by name (NULL when unknown). */
const ax_op *const *ax_op_list(int *count);
const ax_op *ax_op_find(const char *name);

#endif
