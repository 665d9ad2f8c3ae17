/* graph.c - nodes, each of which exists once. */
#include <string.h>

#include "activation/formula/impl.h"

int formula_graph_init(fgraph *g, ax_arena *arena, int room)
{
    int slots = 1;
    while (slots < 2 * room)
        slots *= 2;
    *g = (fgraph){.room = room, .slots = slots};
    g->node = AX_ARRAY(arena, fnode, room);
    g->slot = AX_ARRAY(arena, int, slots);
    if (!g->node || !g->slot)
        return -1;
    formula_const(g, 0); /* node 0: what a full graph gives */
    return 0;
}

static uint64_t hash_of(const fnode *n)
{
    uint64_t v, lo, h = 0xcbf29ce484222325;
    memcpy(&v, &n->v, sizeof v);
    memcpy(&lo, &n->lo, sizeof lo);
    const uint64_t part[] = {
        n->op, (uint64_t)n->n, (uint64_t)n->arg[0], (uint64_t)n->arg[1], (uint64_t)n->arg[2], v,
        lo};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        h = (h ^ part[i]) * 0x100000001b3;
    return h ^ h >> 29;
}

static int equal(const fnode *a, const fnode *b)
{
    return a->op == b->op && a->n == b->n && memcmp(a->arg, b->arg, sizeof a->arg) == 0 &&
           memcmp(&a->v, &b->v, sizeof a->v) == 0 && memcmp(&a->lo, &b->lo, sizeof a->lo) == 0;
}

static int commutes(int op)
{
    return op == OP_ADD || op == OP_MUL || op == OP_MIN || op == OP_MAX || op == OP_EQ ||
           op == OP_NE || op == OP_AND || op == OP_OR;
}

static int look_up(fgraph *g, const fnode *n, int *at)
{
    *at = (int)(hash_of(n) & (uint64_t)(g->slots - 1));
    for (; g->slot[*at]; *at = (*at + 1) & (g->slots - 1))
        if (equal(&g->node[g->slot[*at] - 1], n))
            return g->slot[*at] - 1;
    return -1;
}

int formula_intern(fgraph *g, fnode n)
{
    int at, found, args = formula_op[n.op].args;
    if (commutes(n.op)) { /* b + a is the a + b that was there first */
        fnode swapped = n;
        swapped.arg[0] = n.arg[1], swapped.arg[1] = n.arg[0];
        if ((found = look_up(g, &swapped, &at)) >= 0)
            return found;
    }
    if ((found = look_up(g, &n, &at)) >= 0)
        return found;
    if (g->n == g->room) {
        g->full = 1;
        return 0;
    }
    n.has_x = n.op == OP_VAR;
    n.params = (uint16_t)(n.op == OP_PARAM ? 1 << n.n : 0);
    for (int i = 0; i < args; i++) {
        n.has_x |= g->node[n.arg[i]].has_x;
        n.params |= g->node[n.arg[i]].params;
    }
    g->node[g->n] = n;
    g->slot[at] = ++g->n;
    return g->n - 1;
}

int formula_const(fgraph *g, double v)
{
    return formula_intern(g, (fnode){.op = OP_CONST, .v = v == 0 ? 0 : v});
}

int formula_reach(const fgraph *g, int root, uint8_t *marks)
{
    int count = 0;
    memset(marks, 0, (size_t)g->n);
    marks[root] = 1;
    for (int i = root; i >= 0; i--) {
        if (!marks[i])
            continue;
        count++;
        for (int k = 0; k < formula_op[g->node[i].op].args; k++)
            marks[g->node[i].arg[k]] = 1;
    }
    return count;
}
