/* plan.h - from a graph to a list of steps with memory: everything is decided here, so that running
 * cannot fail.
 *
 * A plan belongs to concrete input shapes and a set of wanted values. It keeps the nodes that are
 * needed, works out shapes, lets each op choose kernel and layouts (conversions go in where a value
 * is wanted in a layout it does not have), folds views away, and gives every tensor and every
 * scratch buffer its place in one arena by lifetime.
 *
 * A plan is immutable and may be shared by threads; an exec is a plan bound to memory, for one run
 * at a time. */
#ifndef AX_GRAPH_PLAN_H
#define AX_GRAPH_PLAN_H

#include "graph/graph.h"

typedef struct ax_plan ax_plan;
typedef struct ax_exec ax_exec;
typedef struct ax_packs ax_packs;

/* Weights in the form kernels like, made once for what they are made of and shared by all plans
 * over graphs whose parameters never change. Thread-safe. */
ax_packs *ax_packs_new(void);
void ax_packs_free(ax_packs *p);
int64_t ax_packs_bytes(ax_packs *p);

typedef struct ax_plan_options {
    const ax_val *outputs; /* the values wanted, PLAIN in the end            */
    int n_outputs;
    const ax_desc *inputs; /* concrete descs of the graph's inputs, in order */
    ax_packs *packs;       /* NULL: parameters may change between runs       */
    int threads;           /* the most a run may use                         */
    int64_t memory_limit;  /* bytes of the arena; 0: ax_memory_budget()      */
} ax_plan_options;

/* The graph must outlive the plan. NULL with the node and reason on failure. */
ax_plan *ax_plan_new(const ax_graph *g, const ax_plan_options *o, ax_err *err);
void ax_plan_free(ax_plan *p);
int64_t ax_plan_bytes(const ax_plan *p); /* of the arena of one exec */
int64_t ax_plan_alive(const ax_plan *p); /* the most bytes alive at one step: a lower bound of it */
const ax_desc *ax_plan_output(const ax_plan *p, int i);
/* A table for people: step, op, kernel, shape, layout, place in memory. */
const char *ax_plan_text(const ax_plan *p, ax_arena *a);

/* Memory for one run at a time of the plan, which must outlive it. pool may be NULL and must not
 * have more threads than the plan was made for. Parameters are read where the graph says at each
 * run. */
ax_exec *ax_exec_new(const ax_plan *p, ax_pool *pool, ax_err *err);
void ax_exec_free(ax_exec *e);
void *ax_exec_input(ax_exec *e, int i); /* in the order of the graph's inputs */
/* From now on input i is the caller's `memory`, aligned to 64 and its bytes rounded up to 64. A run
 * may write to it. So the next run's input can be made ready while this one's is in use. */
void ax_exec_move_input(ax_exec *e, int i, void *memory);
const void *ax_exec_output(const ax_exec *e, int i);
void ax_exec_run(ax_exec *e);

#endif
