/* derive.c - derivatives as more of the same graph.
 *
 * Forward through the nodes: each primitive has its derivative in closed form, in terms that do not
 * cancel (that of sigmoid(a) is sigmoid(a)*sigmoid(-a)). Products and quotients are taken apart
 * together, so that common factors are found.
 *
 * At a kink the derivative is that of the side that is flat, else that of the left side, as far as
 * the slopes that meet there have known signs; floor and sign have slope 0. */
#include <stdlib.h>

#include "activation/formula/impl.h"

typedef struct deriver {
    fgraph *g;
    const int *d; /* derivatives of the nodes below */
} deriver;

static int number(fgraph *g, double v)
{
    return formula_const(g, v);
}

static int is_zero(const fgraph *g, int a)
{
    return is_const(g, a, 0);
}

/* c a^m b^n */
static int times(fgraph *g, double c, int a, int m, int b, int n)
{
    term t = {.c = c};
    if (formula_multiply(g, &t, a, m) && formula_multiply(g, &t, b, n))
        return formula_product(g, t);
    int p =
        make(g, OP_MUL, formula_make(g, OP_POWI, a, 0, 0, m), formula_make(g, OP_POWI, b, 0, 0, n));
    return make(g, OP_MUL, number(g, c), p);
}

/* ---- products: sum over the factors ---- */

static int derive_two_factors(const deriver *q, const fnode *n)
{
    fgraph *g = q->g;
    int a = n->arg[0], b = n->arg[1];
    if (n->op == OP_NEG)
        return make(g, OP_NEG, q->d[a], 0);
    if (n->op == OP_POWI)
        return times(g, n->n, a, n->n - 1, q->d[a], 1);
    if (n->op == OP_MUL)
        return formula_sum(g, times(g, 1, q->d[a], 1, b, 1), times(g, 1, a, 1, q->d[b], 1), 0);
    int second = times(g, 1, times(g, 1, a, 1, b, -2), 1, q->d[b], 1);
    return formula_sum(g, times(g, 1, q->d[a], 1, b, -1), second, 1);
}

static int derive_product(const deriver *q, int node, const fnode *n)
{
    fgraph *g = q->g;
    term whole = {.c = 1};
    int sum = number(g, 0);
    if (!formula_multiply(g, &whole, node, 1))
        return derive_two_factors(q, n);
    for (int i = 0; i < whole.n; i++) {
        int f = whole.factor[i];
        term t = whole;
        t.c *= whole.power[i];
        if (is_zero(g, q->d[f]))
            continue;
        if (!formula_multiply(g, &t, f, -1) || !formula_multiply(g, &t, q->d[f], 1))
            return derive_two_factors(q, n);
        sum = formula_sum(g, sum, formula_product(g, t), 0);
    }
    return sum;
}

/* ---- functions: outer derivative times inner ---- */

/* g'(a) for y = g(a) */
static int outer(fgraph *g, int op, int y, int a)
{
    int one = number(g, 1);
    switch (op) {
    case OP_EXP:
        return y;
    case OP_EXPM1:
        return make(g, OP_EXP, a, 0);
    case OP_LOG:
        return make(g, OP_DIV, one, a);
    case OP_LOG1P:
        return make(g, OP_DIV, one, make(g, OP_ADD, one, a));
    case OP_SQRT:
        return times(g, 0.5, one, 1, y, -1);
    case OP_CBRT:
        return times(g, 1.0 / 3.0, one, 1, y, -2);
    case OP_ABS:
        return make(g, OP_SIGN, a, 0);
    case OP_SIN:
        return make(g, OP_COS, a, 0);
    case OP_COS:
        return make(g, OP_NEG, make(g, OP_SIN, a, 0), 0);
    case OP_TAN:
        return times(g, 1, one, 1, make(g, OP_COS, a, 0), -2);
    case OP_ATAN:
        return make(g, OP_DIV, one, make(g, OP_ADD, one, formula_make(g, OP_POWI, a, 0, 0, 2)));
    case OP_SINH:
        return make(g, OP_COSH, a, 0);
    case OP_COSH:
        return make(g, OP_SINH, a, 0);
    case OP_TANH:
        return formula_make(g, OP_POWI, make(g, OP_SECH, a, 0), 0, 0, 2);
    case OP_SECH:
        return times(g, -1, y, 1, make(g, OP_TANH, a, 0), 1);
    case OP_LOGCOSH:
        return make(g, OP_TANH, a, 0);
    case OP_SIGMOID:
        return times(g, 1, y, 1, make(g, OP_SIGMOID, make(g, OP_NEG, a, 0), 0), 1);
    case OP_SOFTPLUS:
        return make(g, OP_SIGMOID, a, 0);
    case OP_TANH_SHRINK:
        return formula_make(g, OP_POWI, make(g, OP_TANH, a, 0), 0, 0, 2);
    case OP_ERF:
    case OP_ERFC: {
        int square = formula_make(g, OP_POWI, a, 0, 0, 2);
        int bell = make(g, OP_EXP, make(g, OP_NEG, square, 0), 0);
        return make(g, OP_MUL, number(g, (op == OP_ERF ? 1 : -1) * 0x1.20dd750429b6dp+0), bell);
    }
    case OP_NORMAL:
        return make(g, OP_DENSITY, a, 0);
    case OP_DENSITY:
        return times(g, -1, a, 1, y, 1);
    case OP_GATE:
        return times(g, 1, make(g, OP_SIGMOID, a, 0), 1,
                     make(g, OP_SECH, make(g, OP_SOFTPLUS, a, 0), 0), 2);
    default: /* steps */
        return number(g, 0);
    }
}

/* a^b: where a' has a as a factor, that factor goes; else the exponent does */
static int derive_pow(const deriver *q, int y, int a, int b)
{
    fgraph *g = q->g;
    int by_base = number(g, 0), by_exponent = number(g, 0);
    if (!is_zero(g, q->d[a])) {
        term t = {.c = 1}, inner = {.c = 1};
        int has = 0;
        if (formula_multiply(g, &inner, q->d[a], 1))
            for (int i = 0; i < inner.n; i++)
                has |= inner.factor[i] == a && inner.power[i] > 0;
        int less = make(g, OP_POW, a, formula_sum(g, b, number(g, -1), 0));
        int ok = has ? formula_multiply(g, &t, y, 1) && formula_multiply(g, &t, a, -1)
                     : formula_multiply(g, &t, less, 1);
        if (!ok || !formula_multiply(g, &t, b, 1) || !formula_multiply(g, &t, q->d[a], 1))
            by_base = make(g, OP_MUL, make(g, OP_MUL, b, less), q->d[a]);
        else
            by_base = formula_product(g, t);
    }
    if (!is_zero(g, q->d[b]))
        by_exponent = times(g, 1, times(g, 1, y, 1, make(g, OP_LOG, a, 0), 1), 1, q->d[b], 1);
    return formula_sum(g, by_base, by_exponent, 0);
}

/* P = a + r, r = sqrt(a^2 + b): P' = (P a' + b'/2)/r */
static int derive_root_sum(const deriver *q, int y, int a, int b)
{
    fgraph *g = q->g;
    int r = make(g, OP_SQRT, make(g, OP_ADD, formula_make(g, OP_POWI, a, 0, 0, 2), b), 0);
    int by_a = times(g, 1, times(g, 1, y, 1, r, -1), 1, q->d[a], 1);
    return formula_sum(g, by_a, times(g, 0.5, q->d[b], 1, r, -1), 0);
}

static int derive_root_less(const deriver *q, int a, int b)
{
    fgraph *g = q->g;
    int square = number(g, g->node[b].v * g->node[b].v);
    return times(g, 0.5, q->d[a], 1, make(g, OP_SQRT, make(g, OP_ADD, a, square), 0), -1);
}

/* ---- pieces ---- */

static int slope_sign(const deriver *q, int a, int b)
{
    return formula_sign(q->g, formula_sum(q->g, q->d[a], q->d[b], 1));
}

/* The condition for the derivative: as it was, but where both sides of a comparison are equal it
 * chooses the flat side (yes and no are the slopes), else the left one. */
static int at_tie(const deriver *q, int c, int yes, int no)
{
    fgraph *g = q->g;
    const fnode n = *node_of(g, c);
    if (n.op == OP_AND || n.op == OP_OR)
        return make(g, n.op, at_tie(q, n.arg[0], yes, no), at_tie(q, n.arg[1], yes, no));
    if (n.op == OP_NOT)
        return make(g, OP_NOT, at_tie(q, n.arg[0], no, yes), 0);
    if (n.op != OP_LT && n.op != OP_LE)
        return c;
    int sign = slope_sign(q, n.arg[0], n.arg[1]); /* > 0: left of the tie the comparison holds */
    if (is_zero(g, yes) != is_zero(g, no))
        sign = is_zero(g, yes) ? 1 : -1;
    return sign ? make(g, sign > 0 ? OP_LE : OP_LT, n.arg[0], n.arg[1]) : c;
}

static int derive_select(const deriver *q, const fnode *n)
{
    int yes = q->d[n->arg[1]], no = q->d[n->arg[2]];
    return formula_make(q->g, OP_SELECT, at_tie(q, n->arg[0], yes, no), yes, no, 0);
}

/* min(a, b) is a < b ? a : b */
static int derive_extreme(const deriver *q, const fnode *n)
{
    fgraph *g = q->g;
    int a = n->arg[n->op == OP_MAX], b = n->arg[n->op == OP_MIN];
    int c = make(g, OP_LT, a, b); /* max(a, b) is b < a ? a : b */
    int yes = q->d[n->arg[0]], no = q->d[n->arg[1]];
    return formula_make(g, OP_SELECT, at_tie(q, c, yes, no), yes, no, 0);
}

static int derive_node(const deriver *q, int node)
{
    fgraph *g = q->g;
    const fnode n = *node_of(g, node);
    int a = n.arg[0], b = n.arg[1];
    switch (n.op) {
    case OP_ADD:
    case OP_SUB:
        return formula_sum(g, q->d[a], q->d[b], n.op == OP_SUB);
    case OP_NEG:
    case OP_MUL:
    case OP_DIV:
    case OP_POWI:
        return derive_product(q, node, &n);
    case OP_SELECT:
        return derive_select(q, &n);
    case OP_MIN:
    case OP_MAX:
        return derive_extreme(q, &n);
    case OP_POW:
        return derive_pow(q, node, a, b);
    case OP_ROOT_SUM:
        return derive_root_sum(q, node, a, b);
    case OP_ROOT_LESS:
        return derive_root_less(q, a, b);
    default:
        if (n.op >= OP_LT && n.op <= OP_NOT)
            return number(g, 0);
        return times(g, 1, outer(g, n.op, node, a), 1, q->d[a], 1);
    }
}

static int depends(const fnode *n, int by)
{
    return by == BY_X ? n->has_x : n->params >> by & 1;
}

int formula_derive(fgraph *g, int root, int by)
{
    int *d = calloc((size_t)root + 1, sizeof *d), result = -1;
    uint8_t *marks = calloc((size_t)g->room, 1);
    const deriver q = {g, d};
    if (!d || !marks)
        goto done;
    formula_reach(g, root, marks);
    for (int i = 0; i <= root && !g->full; i++) {
        const fnode *n = node_of(g, i);
        if (!marks[i])
            continue;
        if (!depends(n, by))
            d[i] = number(g, 0);
        else
            d[i] = n->op == OP_VAR || n->op == OP_PARAM ? number(g, 1) : derive_node(&q, i);
    }
    result = d[root];
done:
    free(d);
    free(marks);
    return result;
}
