/* onnx_check.c - what of a file is not known here, before anything is built: nodes of its graph, of
 * subgraphs, and of each function that is called, once. */
#include <stdio.h>
#include <string.h>

#include "io/onnx_scope.h"

typedef struct missing {
    const ax_onnx_file *f;
    unsigned char *seen; /* functions */
    int64_t opset;
    int count;
    size_t len;
    char names[300];
} missing;

static void note(missing *m, const ax_onnx_node *n)
{
    char name[96];
    snprintf(name, sizeof name, "%.40s%s%.40s", n->domain, *n->domain ? "." : "", n->op);
    if (onnx_is_listed(m->names, name))
        return;
    m->count++;
    if (m->len + strlen(name) + 12 < sizeof m->names)
        m->len += (size_t)snprintf(m->names + m->len, sizeof m->names - m->len, "%s%s",
                                   m->len ? ", " : "", name);
}

/* Functions within functions end where a call of them would be refused. */
static void walk(missing *m, const ax_onnx_node *node, int n, const ax_onnx_opset *opset,
                 int n_opset, int depth)
{
    if (depth >= ONNX_MAX_SCOPES)
        return;
    for (int i = 0; i < n; i++) {
        const ax_onnx_function *fn = onnx_function_for(m->f, &node[i]);
        if (!fn && !onnx_row_for(&node[i], opset, n_opset))
            note(m, &node[i]);
        for (int k = 0; k < node[i].n_attr; k++)
            if (node[i].attr[k].g)
                walk(m, node[i].attr[k].g->node, node[i].attr[k].g->n_node, opset, n_opset,
                     depth + 1);
        if (fn && !m->seen[fn - m->f->function]) {
            m->seen[fn - m->f->function] = 1;
            walk(m, fn->node, fn->n_node, fn->opset, fn->n_opset, depth + 1);
        }
    }
}

static int check_inputs(const ax_onnx_graph *g, ax_err *err)
{
    if ((int64_t)g->n_in * g->n_init > 1 << 26)
        return ax_fail(err, AX_ELIMIT, "a graph of %d inputs and %d initializers", g->n_in,
                       g->n_init);
    for (int i = 0; i < g->n_in; i++)
        if (strcmp(g->in[i].kind, "tensor") != 0)
            return ax_fail(err, AX_EUNSUPPORTED,
                           "the input '%.96s' is of the kind %s, tensors are taken", g->in[i].name,
                           g->in[i].kind);
    return 0;
}

int ax_onnx_check(const ax_onnx_file *f, ax_err *err)
{
    ax_arena mem;
    missing m = {.f = f, .opset = ax_onnx_opset_of(f->opset, f->n_opset, "")};
    if (check_inputs(&f->graph, err))
        return -1;
    ax_arena_init(&mem, 0);
    m.seen = ax_arena_alloc(&mem, (size_t)f->n_function + 1);
    if (m.seen)
        walk(&m, f->graph.node, f->graph.n_node, f->opset, f->n_opset, 0);
    ax_arena_fini(&mem);
    if (!m.seen)
        return ax_fail(err, AX_ENOMEM, "no memory to check the model");
    if (!m.count)
        return 0;
    return ax_fail(err, AX_EUNSUPPORTED, "%d operator%s of opset %lld %s missing here: %s", m.count,
                   m.count == 1 ? "" : "s", (long long)m.opset, m.count == 1 ? "is" : "are",
                   m.names);
}
