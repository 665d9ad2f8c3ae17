/* plan_impl.h - the inside of a plan, shared by plan.c (makes it), packs.c and place.c (its
 * helpers), run.c (binds and runs it) and plan_text.c (shows it).
 *
 * A buffer is a stretch of the arena with a lifetime in steps. A value may own two (one per
 * layout); a view shares its source's; an in-place output takes over a dying input's. "root" of a
 * buffer is the one whose memory it uses. */
#ifndef AX_GRAPH_PLAN_IMPL_H
#define AX_GRAPH_PLAN_IMPL_H

#include "graph/plan.h"

typedef struct ax_buffer {
    int64_t bytes, offset;
    int root;        /* the buffer whose memory this one uses: itself, a view's source... */
    int first, last; /* lifetime in steps, both included                                  */
} ax_buffer;

typedef struct ax_step {
    const ax_op *op; /* NULL: a layout conversion */
    const char *name;
    int node;
    const void *attr;
    const ax_desc *in, *out;
    int n_in, n_out;
    ax_choice choice;
    ax_val in_val[AX_MAX_IN];
    int in_buf[AX_MAX_IN]; /* -1: a parameter or constant, or absent */
    int out_buf[AX_MAX_OUT];
    int scratch; /* buffer or -1 */
    const float *packed;
} ax_step;

struct ax_plan {
    ax_arena arena;
    const ax_graph *graph;
    ax_desc *desc; /* [n_val] */
    ax_buffer *buf;
    ax_step *step;
    int n_buf, cap_buf, n_step, cap_step;
    int *input, n_input;   /* buffer of each graph input                         */
    int *output, n_output; /* buffer; -1: a parameter or constant asked for      */
    ax_val *output_val;
    const void **held; /* numbers outside the arena that runs read: ax_backed_hold()  */
    int n_held, cap_held;
    int64_t bytes;
    int64_t alive; /* the most bytes that live at one step */
};

/* place.c: lifetimes and offsets of all buffers, p->bytes and p->alive. AX_ELIMIT when the arena
 * would be larger than `limit` bytes. */
int ax_plan_place(ax_plan *p, int64_t limit, ax_err *err);

/* packs.c: the packed form of the constant inputs x of a site, made on first demand; those that
 * runs do not read are then spare in `backed`. NULL with err. */
const float *ax_packs_get(ax_packs *p, const ax_op *op, const ax_choice *c, const ax_site *s,
                          void *const *x, ax_backed *backed, ax_err *err);

#endif
