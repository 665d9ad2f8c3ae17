/* kinks.c - where comparisons, abs, sign, min and max of something linear in x change sides. */
#include <math.h>
#include <stdlib.h>

#include "activation/formula/impl.h"

enum { KINKS_MOST = 64 };

/* scale*x + shift, or m |scale*x + shift| + k if folded */
typedef struct line {
    int known, folded;
    double scale, shift, m, k;
} line;

typedef struct finder {
    const fgraph *g;
    line *at;
    double kink[KINKS_MOST];
    int n;
} finder;

static line constant(double v)
{
    return (line){.known = isfinite(v), .shift = v};
}

static int is_constant(line a)
{
    return a.known && !a.folded && a.scale == 0;
}

static line times(line a, double c)
{
    if (a.folded)
        return (line){a.known, 1, a.scale, a.shift, c * a.m, c * a.k};
    return (line){.known = a.known, .scale = c * a.scale, .shift = c * a.shift};
}

static line plus(line a, line b)
{
    if (a.folded && is_constant(b))
        return (line){a.known, 1, a.scale, a.shift, a.m, a.k + b.shift};
    if (b.folded)
        return is_constant(a) ? plus(b, a) : (line){0};
    return (line){.known = !a.folded && a.known && b.known,
                  .scale = a.scale + b.scale,
                  .shift = a.shift + b.shift};
}

static void found(finder *f, double x)
{
    if (!isfinite(x) || f->n == KINKS_MOST)
        return;
    for (int i = 0; i < f->n; i++)
        if (f->kink[i] == x)
            return;
    f->kink[f->n++] = x == 0 ? 0 : x;
}

/* where a is 0 */
static void zeros(finder *f, line a)
{
    if (!a.known || a.scale == 0)
        return;
    if (!a.folded) {
        found(f, -a.shift / a.scale);
        return;
    }
    double r = -a.k / a.m;
    if (!(r >= 0))
        return;
    found(f, (r - a.shift) / a.scale);
    found(f, (-r - a.shift) / a.scale);
}

static line line_of(finder *f, const fnode *n, const double *p)
{
    const line *at = f->at;
    line a = at[n->arg[0]], b = at[n->arg[1]], c = at[n->arg[2]];
    if (n->op == OP_CONST || n->op == OP_PARAM)
        return constant(n->op == OP_CONST ? n->v : p[n->n]);
    if (!n->has_x)
        return constant(formula_apply(n->op, a.shift, b.shift, c.shift, n->n));
    switch (n->op) {
    case OP_VAR:
        return (line){.known = 1, .scale = 1};
    case OP_NEG:
        return times(a, -1);
    case OP_ADD:
        return plus(a, b);
    case OP_SUB:
        return plus(a, times(b, -1));
    case OP_MUL:
        return is_constant(a) ? times(b, a.shift) : is_constant(b) ? times(a, b.shift) : (line){0};
    case OP_DIV:
        return is_constant(b) ? times(a, 1 / b.shift) : (line){0};
    case OP_ABS:
    case OP_SIGN:
        zeros(f, a);
        if (n->op == OP_SIGN || a.folded)
            return (line){0};
        return (line){a.known, 1, a.scale, a.shift, 1, 0};
    case OP_LT:
    case OP_LE:
    case OP_EQ:
    case OP_NE:
    case OP_MIN:
    case OP_MAX:
        zeros(f, plus(a, times(b, -1)));
        if (n->op == OP_MIN || n->op == OP_MAX) /* beyond the bound it goes on as it was */
            return is_constant(b) ? a : is_constant(a) ? b : (line){0};
        return (line){0};
    default:
        return (line){0};
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int ax_formula_kinks(const ax_formula *f, const double *p, double *at, int room)
{
    const fgraph *g = f->stable;
    finder k = {.g = g, .at = calloc((size_t)g->n, sizeof *k.at)};
    uint8_t *marks = calloc(2 * (size_t)g->n, 1), *slope = marks ? marks + g->n : NULL;
    if (k.at && marks) {
        formula_reach(g, f->root[AX_FORMULA_F], marks);
        formula_reach(g, f->root[AX_FORMULA_DX], slope);
        for (int i = 0; i < g->n; i++)
            if (marks[i] | slope[i])
                k.at[i] = line_of(&k, &g->node[i], p);
    }
    free(k.at);
    free(marks);
    qsort(k.kink, (size_t)k.n, sizeof *k.kink, ascending);
    int n = k.n < room ? k.n : room;
    for (int i = 0; i < n; i++)
        at[i] = k.kink[i];
    return n;
}
