/* onnx_learned.c - see onnx_learned.h. */
#include "io/onnx_learned.h"

#include <string.h>

#include "base/hash.h"

#define SLOTS(a, b) (1u << (a) | 1u << (b))

/* What only shows weights in another form lets them through, from any place. */
static const unsigned all = ~0u;

static const struct {
    const char *op;
    unsigned slots;
    int multiplies; /* a layer in the sense of a new end */
} table[] = {
    {"Conv", SLOTS(1, 2), 1},
    {"ConvTranspose", SLOTS(1, 2), 1},
    {"Gemm", SLOTS(1, 2), 1},
    {"MatMul", SLOTS(0, 1), 1},
    {"Add", SLOTS(0, 1), 0},
    {"Sub", SLOTS(0, 1), 0},
    {"Mul", SLOTS(0, 1), 0},
    {"Div", SLOTS(0, 1), 0},
    {"BatchNormalization", SLOTS(1, 2), 0},
    {"InstanceNormalization", SLOTS(1, 2), 0},
    {"LayerNormalization", SLOTS(1, 2), 0},
    {"GroupNormalization", SLOTS(1, 2), 0},
    {"RMSNormalization", SLOTS(1, 1), 0},
    {"PRelu", SLOTS(1, 1), 0},
    {"Gather", SLOTS(0, 0), 0},
    {"RNN", SLOTS(1, 2) | SLOTS(3, 3), 0},
    {"GRU", SLOTS(1, 2) | SLOTS(3, 3), 0},
    {"LSTM", SLOTS(1, 2) | SLOTS(3, 7), 0},
    {"Einsum", all, 0},
    {"Transpose", all, 0},
    {"Identity", all, 0},
};

static int row_of(const ax_onnx_node *n)
{
    for (int i = 0; !*n->domain && i < (int)(sizeof table / sizeof *table); i++)
        if (!strcmp(table[i].op, n->op))
            return i;
    return -1;
}

int ax_onnx_takes_weight(const ax_onnx_node *n, int i)
{
    int row = row_of(n);
    return row >= 0 && i < 32 && (table[row].slots >> i & 1);
}

/* Initializers by name: open addressing. */
typedef struct place {
    const ax_onnx_graph *g;
    int *slot;
    unsigned mask;
} place;

static int find(const place *p, const char *name)
{
    unsigned i = (unsigned)ax_hash64(name, strlen(name)) & p->mask;
    while (p->slot[i] && strcmp(p->g->init[p->slot[i] - 1].name, name))
        i = (i + 1) & p->mask;
    return p->slot[i] - 1;
}

static void look(const place *p, const ax_onnx_node *node, int n, int inner, unsigned char *learned)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < node[i].n_in; k++) {
            int at = *node[i].in[k] ? find(p, node[i].in[k]) : -1;
            if (at >= 0 && (inner || !ax_onnx_takes_weight(&node[i], k)))
                learned[at] = 0;
        }
        for (int k = 0; k < node[i].n_attr; k++)
            if (node[i].attr[k].type == AX_ONNX_A_GRAPH && node[i].attr[k].g)
                look(p, node[i].attr[k].g->node, node[i].attr[k].g->n_node, 1, learned);
    }
}

void ax_onnx_learned(const ax_onnx_file *f, unsigned char *learned)
{
    const ax_onnx_graph *g = &f->graph;
    ax_arena mem;
    place p = {.g = g, .mask = 15};
    while (p.mask < 2 * (unsigned)g->n_init)
        p.mask = 2 * p.mask + 1;
    ax_arena_init(&mem, 0);
    p.slot = AX_ARRAY(&mem, int, (size_t)p.mask + 1);
    for (int i = 0; i < g->n_init; i++) {
        learned[i] = p.slot && g->init[i].type == AX_ONNX_FLOAT && g->init[i].count > 1;
        if (!p.slot || find(&p, g->init[i].name) >= 0)
            continue;
        unsigned at = (unsigned)ax_hash64(g->init[i].name, strlen(g->init[i].name)) & p.mask;
        while (p.slot[at])
            at = (at + 1) & p.mask;
        p.slot[at] = i + 1;
    }
    if (p.slot)
        look(&p, g->node, g->n_node, 0, learned);
    for (int i = 0; p.slot && i < g->n_out; i++) {
        int at = find(&p, g->out[i].name);
        if (at >= 0)
            learned[at] = 0;
    }
    ax_arena_fini(&mem);
}

const char *ax_onnx_last_input(const ax_onnx_file *f, const unsigned char *learned)
{
    const ax_onnx_graph *g = &f->graph;
    for (int i = g->n_node - 1; i >= 0; i--) {
        const ax_onnx_node *n = &g->node[i];
        int row = row_of(n);
        if (row < 0 || !table[row].multiplies || n->n_in < 2)
            continue;
        for (int k = 0; k < g->n_init; k++)
            if (learned[k] && !strcmp(g->init[k].name, n->in[1]))
                return n->in[0];
    }
    return NULL;
}
