/* product.c - products as derivatives make them: a number times powers of nodes.
 *
 * Equal factors become one power, signs meet their absolute values, choices move outwards. Only
 * what is true for all values is done, but for u/u = 1 and sign(u)^2 = 1. */
#include <math.h>
#include <string.h>

#include "activation/formula/impl.h"

int formula_factor(term *t, int node, int power)
{
    for (int i = 0; i < t->n; i++) {
        if (t->factor[i] != node)
            continue;
        t->power[i] += power;
        if (t->power[i] == 0) {
            t->n--;
            memmove(t->factor + i, t->factor + i + 1, (size_t)(t->n - i) * sizeof(int));
            memmove(t->power + i, t->power + i + 1, (size_t)(t->n - i) * sizeof(int));
        }
        return 1;
    }
    if (t->n == FACTORS)
        return 0;
    t->factor[t->n] = node;
    t->power[t->n++] = power;
    return 1;
}

int formula_multiply(const fgraph *g, term *t, int node, int power)
{
    const fnode *n = node_of(g, node);
    switch (n->op) {
    case OP_CONST:
        for (int i = 0; i < (power < 0 ? -power : power); i++)
            t->c = power < 0 ? t->c / n->v : t->c * n->v;
        return isfinite(t->c);
    case OP_NEG:
        t->c = power % 2 ? -t->c : t->c;
        return formula_multiply(g, t, n->arg[0], power);
    case OP_MUL:
        return formula_multiply(g, t, n->arg[0], power) && formula_multiply(g, t, n->arg[1], power);
    case OP_DIV:
        return formula_multiply(g, t, n->arg[0], power) &&
               formula_multiply(g, t, n->arg[1], -power);
    case OP_POWI:
        return formula_multiply(g, t, n->arg[0], power * n->n);
    }
    return formula_factor(t, node, power);
}

/* the number of the factor node^1, or -1 */
static int single(const term *t, int node)
{
    for (int i = 0; i < t->n; i++)
        if (t->factor[i] == node && t->power[i] > 0)
            return i;
    return -1;
}

/* (r + a)(r - a) is b for r^2 = a^2 + b */
static int merge_roots(fgraph *g, term *t, int i)
{
    const fnode n = *node_of(g, t->factor[i]);
    if (n.op != OP_ROOT_SUM || t->power[i] < 1)
        return 0;
    int other = make(g, OP_ROOT_SUM, make(g, OP_NEG, n.arg[0], 0), n.arg[1]);
    if (single(t, other) < 0)
        return 0;
    formula_factor(t, t->factor[i], -1);
    formula_factor(t, other, -1);
    return formula_multiply(g, t, n.arg[1], 1);
}

/* u^b u^k is u^(b + k); i: a power with any exponent */
static int merge_powers(fgraph *g, term *t, int i)
{
    const fnode n = *node_of(g, t->factor[i]);
    int exponent = formula_const(g, 0), found = 0;
    if (n.op != OP_POW)
        return 0;
    for (int j = t->n - 1; j >= 0; j--) {
        const fnode *m = node_of(g, t->factor[j]);
        int one = t->factor[j] == n.arg[0], more = m->op == OP_POW && m->arg[0] == n.arg[0];
        if (!one && !more)
            continue;
        int part =
            make(g, OP_MUL, formula_const(g, t->power[j]), one ? formula_const(g, 1) : m->arg[1]);
        exponent = formula_sum(g, exponent, part, 0);
        found += j != i || t->power[j] != 1;
    }
    if (!found)
        return 0;
    for (int j = t->n - 1; j >= 0; j--) {
        const fnode *m = node_of(g, t->factor[j]);
        if (t->factor[j] == n.arg[0] || (m->op == OP_POW && m->arg[0] == n.arg[0]))
            formula_factor(t, t->factor[j], -t->power[j]);
    }
    return formula_multiply(g, t, make(g, OP_POW, n.arg[0], exponent), 1);
}

/* a sign(a) is |a|, sign(a) |a| is a, |a|^2 is a^2, sign(a)^2 is 1 */
static void merge(fgraph *g, term *t)
{
    for (int i = 0; i < t->n; i++) {
        const fnode *n = node_of(g, t->factor[i]);
        int a = n->arg[0];
        if (merge_roots(g, t, i) || merge_powers(g, t, i)) {
            i = -1;
            continue;
        }
        if (n->op == OP_ABS && t->power[i] % 2 == 0) {
            int power = t->power[i];
            formula_factor(t, t->factor[i], -power);
            formula_factor(t, a, power);
            i = -1;
            continue;
        }
        if (n->op != OP_SIGN || t->power[i] < 1)
            continue;
        if (t->power[i] > 1) { /* f = sign(a) g(|a|), g(0) = 0, has slope g'(0) at 0 */
            formula_factor(t, t->factor[i], -2);
            i = -1;
            continue;
        }
        int abs = make(g, OP_ABS, a, 0), sign = t->factor[i];
        if (single(t, a) >= 0) {
            formula_factor(t, a, -1);
            formula_factor(t, sign, -1);
            formula_factor(t, abs, 1);
        } else if (single(t, abs) >= 0) {
            formula_factor(t, abs, -1);
            formula_factor(t, sign, -1);
            formula_factor(t, a, 1);
        } else {
            continue;
        }
        i = -1;
    }
}

/* where it stands in a product: without x, x, functions, sums */
static int rank(const fgraph *g, int node)
{
    if (!g->node[node].has_x)
        return 0;
    switch (g->node[node].op) {
    case OP_VAR:
        return 1;
    case OP_ADD:
    case OP_SUB:
        return 3;
    default:
        return 2;
    }
}

/* the factors whose powers have this sign, multiplied; -1: none */
static int side(fgraph *g, const term *t, int sign)
{
    int product = -1;
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < t->n; i++) {
            if (t->power[i] * sign <= 0 || rank(g, t->factor[i]) != r)
                continue;
            int p = t->power[i] * sign, f = t->factor[i];
            if (is_op(g, f, OP_SQRT) && p % 2 == 0)
                f = g->node[f].arg[0], p /= 2;
            for (; p > POWER_MOST; p -= POWER_MOST) {
                int part = formula_make(g, OP_POWI, f, 0, 0, POWER_MOST);
                product = product < 0 ? part : make(g, OP_MUL, product, part);
            }
            f = formula_make(g, OP_POWI, f, 0, 0, p);
            product = product < 0 ? f : make(g, OP_MUL, product, f);
        }
    return product;
}

/* t with a factor c ? a : 0 is c ? t a : 0, the other way round too; -1: there is none */
static int select_outwards(fgraph *g, const term *t)
{
    for (int i = 0; i < t->n; i++) {
        const fnode n = *node_of(g, t->factor[i]);
        int result[2];
        if (n.op != OP_SELECT || t->power[i] < 1 ||
            (!is_const(g, n.arg[1], 0) && !is_const(g, n.arg[2], 0)))
            continue;
        for (int k = 0; k < 2; k++) {
            term part = *t;
            formula_factor(&part, t->factor[i], -t->power[i]);
            if (is_const(g, n.arg[k + 1], 0))
                result[k] = n.arg[k + 1];
            else if (formula_multiply(g, &part, n.arg[k + 1], t->power[i]))
                result[k] = formula_product(g, part);
            else
                return -1;
        }
        return formula_make(g, OP_SELECT, n.arg[0], result[0], result[1], 0);
    }
    return -1;
}

int formula_product(fgraph *g, term t)
{
    if (t.c == 0)
        return formula_const(g, 0);
    merge(g, &t);
    int select = select_outwards(g, &t);
    if (select >= 0)
        return select;
    int top = side(g, &t, 1), bottom = side(g, &t, -1), minus = t.c < 0;
    int c = formula_const(g, fabs(t.c));
    top = top < 0 ? c : make(g, OP_MUL, c, top);
    if (bottom >= 0)
        top = make(g, OP_DIV, top, bottom);
    return minus ? negative(g, top) : top;
}

/* ---- signs ---- */

int formula_sign(const fgraph *g, int node)
{
    const fnode *n = node_of(g, node);
    switch (n->op) {
    case OP_CONST:
        return n->v > 0 ? 1 : n->v < 0 ? -1 : 0;
    case OP_PARAM:
        if (!g->param)
            return 0;
        return g->param[n->n].min > 0 ? 1 : g->param[n->n].max < 0 ? -1 : 0;
    case OP_NEG:
        return -formula_sign(g, n->arg[0]);
    case OP_MUL:
    case OP_DIV:
        return formula_sign(g, n->arg[0]) * formula_sign(g, n->arg[1]);
    case OP_POWI:
        return n->n % 2 ? formula_sign(g, n->arg[0]) : formula_sign(g, n->arg[0]) != 0;
    case OP_ADD: {
        int a = formula_sign(g, n->arg[0]);
        return a == formula_sign(g, n->arg[1]) ? a : 0;
    }
    case OP_EXP:
    case OP_SIGMOID:
    case OP_SOFTPLUS:
    case OP_SECH:
    case OP_COSH:
        return 1;
    default:
        return 0;
    }
}
