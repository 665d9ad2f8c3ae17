/* eval.c - a graph of one node, planned and run; see eval.h. */
#include "graph/eval.h"

#include <string.h>

#include "graph/plan.h"

static int run_once(const ax_graph *g, ax_val first, int n_out, const ax_tensor *in,
                    const ax_desc *desc, int n, ax_tensor *out, ax_arena *mem, ax_err *err)
{
    ax_val wanted[AX_MAX_OUT];
    int bad = -1;
    for (int i = 0; i < n_out; i++)
        wanted[i] = first + i;
    ax_plan_options o = {.outputs = wanted, .n_outputs = n_out, .inputs = desc, .threads = 1};
    if (mem->limit) { /* what would not fit there need not be computed */
        o.memory_limit = 2 * (int64_t)(mem->limit - mem->used) + (1 << 20);
        for (int i = 0; i < n; i++)
            o.memory_limit += ax_shape_count(&desc[i].shape) * (int64_t)ax_dtype_size(desc[i].dtype);
    }
    ax_plan *p = ax_plan_new(g, &o, err);
    ax_exec *e = p ? ax_exec_new(p, NULL, err) : NULL;
    for (int i = 0; e && i < n; i++) {
        size_t bytes = (size_t)ax_shape_count(&desc[i].shape) * ax_dtype_size(desc[i].dtype);
        if (bytes)
            memcpy(ax_exec_input(e, i), in[i].data, bytes);
    }
    if (e) {
        ax_exec_run(e);
        bad = 0;
    }
    for (int i = 0; e && !bad && i < n_out; i++) {
        const ax_desc *d = ax_plan_output(p, i);
        out[i] = (ax_tensor){d->dtype, d->shape, NULL};
        out[i].data = ax_arena_memdup(mem, ax_exec_output(e, i),
                                      (size_t)ax_shape_count(&d->shape) * ax_dtype_size(d->dtype));
        if (!out[i].data)
            bad = ax_fail(err, AX_ENOMEM, "no memory for a constant");
    }
    ax_exec_free(e);
    ax_plan_free(p);
    return bad;
}

int ax_op_eval(const ax_op *op, const char *name, const void *attr, const ax_tensor *in, int n_in,
               ax_tensor *out, ax_arena *mem, ax_err *err)
{
    ax_graph g;
    ax_val arg[AX_MAX_IN], first = AX_NONE;
    ax_tensor given[AX_MAX_IN];
    ax_desc desc[AX_MAX_IN];
    int n = 0, bad = n_in > AX_MAX_IN ? ax_fail(err, AX_ELIMIT, "%s '%s': more than %d inputs",
                                                op->name, name, AX_MAX_IN)
                                      : 0;
    ax_graph_init(&g);
    for (int i = 0; i < n_in && !bad; i++) {
        arg[i] = AX_NONE;
        if (in[i].shape.rank < 0)
            continue;
        given[n] = in[i];
        desc[n++] = (ax_desc){in[i].dtype, in[i].shape};
        arg[i] = ax_graph_input(&g, "", in[i].dtype, &in[i].shape, err);
        bad = arg[i] < 0;
    }
    if (!bad)
        first = ax_graph_node(&g, op, name, attr, arg, n_in, err);
    bad = bad || first < 0 || run_once(&g, first, op->n_out, given, desc, n, out, mem, err);
    ax_graph_fini(&g);
    return bad ? -1 : 0;
}
