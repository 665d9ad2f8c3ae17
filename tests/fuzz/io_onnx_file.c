/* Any bytes as an ONNX file: refused with a reason, or every name, list and tensor can be read to
 * its end. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "io/onnx_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sum; /* so that reads are not optimised away */

static void look_at_tensor(const ax_onnx_tensor *t)
{
    sum += strlen(t->name);
    assert(t->bytes == 0 || t->bytes == (size_t)t->count * ax_onnx_type_size(t->type));
    for (size_t i = 0; i < t->bytes; i++)
        sum += t->data[i];
}

static void look_at_graph(const ax_onnx_graph *g);

static void look_at_attr(const ax_onnx_attr *a)
{
    sum += strlen(a->name) + strlen(a->of) + strlen(a->s);
    for (int64_t i = 0; i < a->n; i++)
        sum += a->type == AX_ONNX_A_FLOATS ? a->floats[i] > 0
               : a->type == AX_ONNX_A_INTS ? a->ints[i] > 0
                                           : strlen(a->strings[i]);
    if (a->t)
        look_at_tensor(a->t);
    if (a->g)
        look_at_graph(a->g);
}

static void look_at_nodes(const ax_onnx_node *n, int count)
{
    for (int i = 0; i < count; i++) {
        sum += strlen(n[i].op) + strlen(n[i].domain) + strlen(n[i].name);
        for (int k = 0; k < n[i].n_in; k++)
            sum += strlen(n[i].in[k]);
        for (int k = 0; k < n[i].n_out; k++)
            sum += strlen(n[i].out[k]);
        for (int k = 0; k < n[i].n_attr; k++)
            look_at_attr(&n[i].attr[k]);
    }
}

static void look_at_ports(const ax_onnx_port *p, int count)
{
    for (int i = 0; i < count; i++) {
        sum += strlen(p[i].name) + strlen(p[i].kind);
        for (int k = 0; k < p[i].rank; k++) {
            assert(p[i].dim[k].value >= -1);
            sum += strlen(p[i].dim[k].name);
        }
    }
}

static void look_at_graph(const ax_onnx_graph *g)
{
    look_at_nodes(g->node, g->n_node);
    for (int i = 0; i < g->n_init; i++)
        look_at_tensor(&g->init[i]);
    look_at_ports(g->in, g->n_in);
    look_at_ports(g->out, g->n_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_onnx_file f;
    ax_err err = {0};
    if (ax_onnx_read(data, size, NULL, &f, &err)) {
        assert(err.code && *err.msg);
        return 0;
    }
    look_at_graph(&f.graph);
    for (int i = 0; i < f.n_function; i++) {
        look_at_nodes(f.function[i].node, f.function[i].n_node);
        for (int k = 0; k < f.function[i].n_attr; k++)
            look_at_attr(&f.function[i].attr[k]);
    }
    ax_onnx_free(&f);
    return 0;
}
