/* conditions.c - the normal form of truths and choices.
 *
 * What a condition says is used in its branches: the same question is not asked again, and where
 * x < 0 is known, |x| is -x. A branch is built anew for that, its own choices ask again, and what is
 * found there may be written in another way each time: so it goes NESTED choices deep, and a formula
 * has REBUILT nodes to spend. What is beyond stays as it was written. */
#include <stdlib.h>

#include "activation/formula/impl.h"

enum { NESTED = 8, REBUILT = 20000 };

int formula_truth(fgraph *g, int op, int a, int b)
{
    if (op == OP_NOT) {
        static const uint8_t other[] = {
            [OP_LT] = OP_LE, [OP_LE] = OP_LT, [OP_EQ] = OP_NE, [OP_NE] = OP_EQ, [OP_NOT] = 0};
        const fnode n = *node_of(g, a);
        if (n.op == OP_NOT)
            return n.arg[0];
        if (n.op < OP_LT || n.op > OP_NE)
            return -1;
        int swap = n.op <= OP_LE; /* !(a < b) is b <= a */
        return make(g, other[n.op], n.arg[swap], n.arg[1 - swap]);
    }
    if (a == b)
        return a;
    if (is_op(g, b, OP_CONST))
        return formula_truth(g, op, b, a);
    if (!is_op(g, a, OP_CONST))
        return -1;
    return (op == OP_AND) == (g->node[a].v != 0) ? b : a;
}

/* root with every `was` replaced */
static int substitute(fgraph *g, int root, int was, int by)
{
    if (was == root)
        return by;
    if (was > root || g->rebuilt >= REBUILT)
        return root;
    int *map = calloc((size_t)root + 1, sizeof *map), r = root;
    uint8_t *below = calloc((size_t)g->n, 1);
    if (!map || !below) {
        free(map);
        free(below);
        return root;
    }
    formula_reach(g, root, below);
    for (int i = below[was] ? 0 : root + 1; i <= root; i++) {
        const fnode n = *node_of(g, i);
        if (!below[i])
            continue;
        int changed = 0, arg[3];
        for (int k = 0; k < 3; k++) {
            arg[k] = k < formula_op[n.op].args ? map[n.arg[k]] : 0;
            changed |= arg[k] != n.arg[k];
        }
        g->rebuilt += changed;
        map[i] = i == was ? by : changed ? formula_make(g, n.op, arg[0], arg[1], arg[2], n.n) : i;
    }
    if (below[was])
        r = map[root];
    free(map);
    free(below);
    return r;
}

/* a branch where x < 0 (or x >= 0) holds: |x|, max(x, 0) and min(x, 0) are known there */
static int assume(fgraph *g, int branch, int x, int below)
{
    int zero = formula_const(g, 0), last = g->n;
    for (int i = 0; i < last && i <= branch; i++) {
        const fnode *n = node_of(g, i);
        int by = -1, extreme = (n->arg[0] == x && n->arg[1] == zero) ||
                               (n->arg[0] == zero && n->arg[1] == x);
        if (n->op == OP_ABS && n->arg[0] == x)
            by = below ? negative(g, x) : x;
        else if ((n->op == OP_MAX || n->op == OP_MIN) && extreme)
            by = (n->op == OP_MAX) == below ? zero : x;
        if (by >= 0)
            branch = substitute(g, branch, i, by);
    }
    return branch;
}

/* c is x < 0 or the like: both branches told; -1: nothing new */
static int make_split(fgraph *g, int c, int a, int b)
{
    const fnode n = *node_of(g, c);
    int swap = is_const(g, n.arg[0], 0); /* 0 < x: the first branch is the upper one */
    if ((n.op != OP_LT && n.op != OP_LE) || (!swap && !is_const(g, n.arg[1], 0)))
        return -1;
    int x = n.arg[swap], yes = assume(g, a, x, !swap), no = assume(g, b, x, swap);
    return yes == a && no == b ? -1 : formula_make(g, OP_SELECT, c, yes, no, 0);
}

int formula_select(fgraph *g, int c, int a, int b)
{
    const fnode *n = node_of(g, c);
    if (n->op == OP_CONST)
        return n->v != 0 ? a : b;
    if (a == b)
        return a;
    if (n->op == OP_NOT)
        return formula_make(g, OP_SELECT, n->arg[0], b, a, 0);
    if (g->nested == NESTED)
        return -1;
    g->nested++;
    int r, yes = substitute(g, a, c, formula_const(g, 1)); /* asked once is enough */
    int no = substitute(g, b, c, formula_const(g, 0));
    if (yes != a || no != b)
        r = formula_make(g, OP_SELECT, c, yes, no, 0);
    else
        r = make_split(g, c, a, b);
    g->nested--;
    return r;
}
