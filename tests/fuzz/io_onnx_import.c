/* Any bytes as an ONNX file, imported for a few shapes, planned and run: refused with a reason, or
 * outputs of the shape that was promised, every number of them readable. And told as layers: refused
 * with a reason, or a spec that the builder of nets takes or has its own reason against. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"
#include "io/onnx_net.h"
#include "io/onnx_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 8, MEMORY = 32 << 20, WORK = 1 << 24 };

static unsigned sum; /* so that reads are not optimised away */

static void look_at(const void *p, const ax_desc *d)
{
    size_t bytes = (size_t)ax_shape_count(&d->shape) * ax_dtype_size(d->dtype);
    for (size_t i = 0; i < bytes; i++)
        sum += ((const unsigned char *)p)[i];
}

static int64_t work_of(const ax_graph *g)
{
    int64_t sum_of = 0;
    for (int i = 0; i < g->n_node; i++) {
        const ax_node *n = &g->node[i];
        ax_desc in[AX_MAX_IN];
        for (int k = 0; k < n->n_in; k++)
            in[k] = n->in[k] >= 0 ? g->val[n->in[k]].desc : (ax_desc){.shape.rank = -1};
        const ax_desc *out = &g->val[n->out].desc;
        sum_of = ax_count_add(sum_of, n->op->flops ? n->op->flops(n->attr, in, out)
                                                   : ax_shape_count(&out->shape));
    }
    return sum_of;
}

static void run(ax_net *n)
{
    ax_err err;
    ax_graph fused;
    ax_desc in[PORTS];
    ax_packs *packs = ax_packs_new();
    ax_val *map = malloc((size_t)n->graph.n_val * sizeof *map + 1);
    ax_graph_init(&fused);
    for (int i = 0; i < n->n_inputs; i++)
        in[i] = n->graph.val[n->inputs[i]].desc;
    ax_plan *p = NULL;
    ax_exec *e = NULL;
    if (!ax_graph_fuse(&n->graph, n->outputs, n->n_outputs, &fused, map, &err)) {
        for (int i = 0; i < n->n_outputs; i++)
            n->outputs[i] = map[n->outputs[i]];
        ax_plan_options o = {.outputs = n->outputs,
                             .n_outputs = n->n_outputs,
                             .inputs = in,
                             .packs = packs,
                             .threads = 1,
                             .memory_limit = MEMORY};
        p = ax_plan_new(&fused, &o, &err);
        e = p ? ax_exec_new(p, NULL, &err) : NULL;
    }
    if (e) {
        ax_exec_run(e);
        for (int i = 0; i < n->n_outputs; i++)
            look_at(ax_exec_output(e, i), ax_plan_output(p, i));
    }
    ax_exec_free(e);
    ax_plan_free(p);
    ax_packs_free(packs);
    ax_graph_fini(&fused);
    free(map);
}

static void tell(const ax_net *n, const ax_onnx_file *f, const ax_onnx_names *names)
{
    const ax_onnx_spec_source from = {.file = f, .net = n, .names = names, .name = "fuzz"};
    ax_onnx_spec spec;
    ax_net made;
    ax_err err = {0};
    if (ax_onnx_spec_make(&from, &spec, &err)) {
        assert(err.msg[0]);
        return;
    }
    for (int i = 0; i < spec.n_tensor; i++)
        look_at(spec.tensor[i].data, &(ax_desc){AX_F32, spec.tensor[i].shape});
    if (!ax_net_build(&made, spec.spec, NULL, 1, &err))
        ax_net_fini(&made);
    else
        assert(err.msg[0]);
    ax_onnx_spec_free(&spec);
}

/* Inputs of this size where they are open; their numbers all `number`, or not known. */
static void import(const ax_onnx_file *f, int64_t open, int number)
{
    static unsigned char numbers[1 << 16];
    int index[PORTS], n = ax_onnx_inputs(f, index, PORTS);
    ax_tensor in[PORTS];
    ax_onnx_names names;
    ax_net net;
    ax_err err = {0};
    if (n > PORTS)
        return;
    memset(numbers, 0, sizeof numbers);
    for (int i = 0; i < n; i++) {
        const ax_onnx_port *p = &f->graph.in[index[i]];
        in[i] = (ax_tensor){.shape.rank = p->rank < 0 ? 2 : p->rank};
        if (ax_onnx_dtype(p->type, &in[i].dtype) || in[i].shape.rank > AX_MAX_RANK)
            return;
        for (int k = 0; k < in[i].shape.rank; k++)
            in[i].shape.dim[k] = p->rank < 0 || p->dim[k].value < 0 ? open : p->dim[k].value;
        int64_t count = ax_shape_count_checked(&in[i].shape, ax_dtype_size(in[i].dtype), &err);
        if (count < 0 || count > 4096)
            return;
        if (number >= 0)
            in[i].data = numbers;
    }
    for (size_t i = 0; number > 0 && i < sizeof numbers; i += 8)
        numbers[i] = (unsigned char)number;
    if (ax_onnx_net(&net, f, in, &(ax_onnx_how){.work = WORK}, MEMORY, &names, &err)) {
        assert(err.msg[0]);
        return;
    }
    for (int i = 0; i < net.n_outputs; i++)
        if (net.graph.val[net.outputs[i]].data)
            look_at(net.graph.val[net.outputs[i]].data, &net.graph.val[net.outputs[i]].desc);
    if (number < 0)
        tell(&net, f, &names);
    if (number < 0 && work_of(&net.graph) < WORK)
        run(&net);
    ax_net_fini(&net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_onnx_file f;
    ax_err err = {0};
    uint8_t *bytes = malloc(size + 1); /* which the reader may not outgrow, and align may change */
    memcpy(bytes, data, size);
    if (!ax_onnx_read(bytes, size, NULL, &f, &err)) {
        if (!ax_onnx_check(&f, &err)) {
            ax_onnx_align(&f, bytes, size);
            import(&f, size % 2 ? 3 : 1, -1); /* a spec is of one sample */
            import(&f, 5, 1);
        }
        ax_onnx_free(&f);
    }
    free(bytes);
    return 0;
}
