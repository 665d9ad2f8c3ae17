/* normal.c - a node is brought into its normal form before it is looked up.
 *
 * The normal form is what text.c can write and parse.c reads back to the same: constants folded,
 * signs pulled outwards (-a*b is -(a*b), a + -b is a - b, odd functions give their sign away),
 * coefficients in front, equal factors as powers, one quotient per product. After that the rules of
 * rewrite.c get their turn, also between terms of a sum and factors of a product that do not stand
 * next to each other. */
#include <math.h>

#include "activation/formula/impl.h"

enum { SPINE = 8 }; /* how far a partner is looked for along a sum or product */

static int power(fgraph *g, int a, int n)
{
    return formula_make(g, OP_POWI, a, 0, 0, n);
}

static int by_rule(fgraph *g, int op, int a, int b)
{
    return g->plain ? -1 : formula_rewrite(g, op, a, b, 0, 0);
}

/* a = c r with a number c that stands in front; r itself and 1 otherwise */
static int coefficient(const fgraph *g, int a, double *c)
{
    const fnode *n = node_of(g, a);
    *c = 1;
    if (n->op != OP_MUL || !is_op(g, n->arg[0], OP_CONST))
        return a;
    *c = g->node[n->arg[0]].v;
    return n->arg[1];
}

/* a number below 0, or something with a coefficient below 0: its negative, else -1 */
static int turned(fgraph *g, int a)
{
    const fnode *n = node_of(g, a);
    double c;
    int r = coefficient(g, a, &c);
    if (n->op == OP_NEG)
        return n->arg[0];
    if (n->op == OP_CONST && n->v < 0)
        return formula_const(g, -n->v);
    return c < 0 ? make(g, OP_MUL, formula_const(g, -c), r) : -1;
}

/* ---- partners along a spine ---- */

/* A sum without one of its terms. */
typedef struct spine {
    int term[SPINE], minus[SPINE], n;
} spine;

static void sum_spine(const fgraph *g, int a, spine *s)
{
    s->n = 0;
    for (; s->n < SPINE - 1 && (is_op(g, a, OP_ADD) || is_op(g, a, OP_SUB)); s->n++) {
        s->term[s->n] = g->node[a].arg[1];
        s->minus[s->n] = is_op(g, a, OP_SUB);
        a = g->node[a].arg[0];
    }
    s->term[s->n] = a;
    s->minus[s->n++] = 0;
}

static int sum_without(fgraph *g, const spine *s, int skip)
{
    int sum = -1;
    for (int i = s->n - 1; i >= 0; i--) {
        if (i == skip)
            continue;
        if (sum < 0)
            sum = s->minus[i] ? negative(g, s->term[i]) : s->term[i];
        else
            sum = make(g, s->minus[i] ? OP_SUB : OP_ADD, sum, s->term[i]);
    }
    return sum;
}

/* a +- b where some term of a has a rule with b */
static int sum_partner(fgraph *g, int a, int b, int minus)
{
    spine s;
    if (!is_op(g, a, OP_ADD) && !is_op(g, a, OP_SUB))
        return -1;
    sum_spine(g, a, &s);
    for (int i = 0; i < s.n; i++) {
        int r = s.minus[i] == minus
                    ? by_rule(g, OP_ADD, s.term[i], b)
                    : by_rule(g, OP_SUB, minus ? s.term[i] : b, minus ? b : s.term[i]);
        if (r >= 0)
            return make(g, s.minus[i] && minus ? OP_SUB : OP_ADD, sum_without(g, &s, i), r);
    }
    return -1;
}

/* factors of a b, where one of a has a rule with b */
static int product_partner(fgraph *g, int a, int b)
{
    int factor[SPINE], n = 0;
    for (; n < SPINE - 1 && is_op(g, a, OP_MUL); a = g->node[a].arg[0])
        factor[n++] = g->node[a].arg[1];
    factor[n++] = a;
    if (n == 1)
        return -1;
    for (int i = 0; i < n; i++) {
        int r = by_rule(g, OP_MUL, factor[i], b), rest = -1;
        if (r < 0)
            continue;
        for (int k = n - 1; k >= 0; k--)
            if (k != i)
                rest = rest < 0 ? factor[k] : make(g, OP_MUL, rest, factor[k]);
        return make(g, OP_MUL, rest, r);
    }
    return -1;
}

/* ---- one function per operator: the simpler node, or -1 ---- */

/* c r +- d r, or -1 */
static int like_terms(fgraph *g, int a, int b, int minus)
{
    double c, d;
    int r = coefficient(g, a, &c), s = coefficient(g, b, &d);
    if (r != s)
        return -1;
    return make(g, OP_MUL, formula_const(g, minus ? c - d : c + d), r);
}

static int make_add(fgraph *g, int a, int b)
{
    int t;
    if (is_const(g, a, 0))
        return b;
    if (is_const(g, b, 0))
        return a;
    if ((t = like_terms(g, a, b, 0)) >= 0)
        return t;
    if (!is_op(g, b, OP_CONST) && (t = turned(g, b)) >= 0)
        return make(g, OP_SUB, a, t);
    if (!is_op(g, a, OP_CONST) && (t = turned(g, a)) >= 0)
        return make(g, OP_SUB, b, t);
    if ((t = sum_partner(g, a, b, 0)) >= 0)
        return t;
    return sum_partner(g, b, a, 0);
}

static int make_sub(fgraph *g, int a, int b)
{
    int t;
    if (is_const(g, a, 0))
        return negative(g, b);
    if ((t = like_terms(g, a, b, 1)) >= 0)
        return t;
    if (is_op(g, b, OP_CONST))
        return make(g, OP_ADD, a, formula_const(g, -g->node[b].v));
    if ((t = turned(g, b)) >= 0)
        return make(g, OP_ADD, a, t);
    if (!is_op(g, a, OP_CONST) && (t = turned(g, a)) >= 0)
        return negative(g, make(g, OP_ADD, t, b));
    return sum_partner(g, a, b, 1);
}

static int make_neg(fgraph *g, int a)
{
    const fnode *n = node_of(g, a);
    int t = turned(g, a);
    double c;
    if (t >= 0)
        return t;
    int r = coefficient(g, a, &c);
    if (r != a)
        return make(g, OP_MUL, formula_const(g, -c), r);
    return n->op == OP_SUB ? make(g, OP_SUB, n->arg[1], n->arg[0]) : -1;
}

/* x^m x^n */
static int make_powers(fgraph *g, int a, int b)
{
    int m = 1, n = 1, p = a, q = b;
    if (is_op(g, a, OP_POWI))
        m = g->node[a].n, p = g->node[a].arg[0];
    if (is_op(g, b, OP_POWI))
        n = g->node[b].n, q = g->node[b].arg[0];
    if (p == q && m + n <= POWER_MOST)
        return power(g, p, m + n);
    /* u^m v with a rule for u v */
    int r = m > 1 ? by_rule(g, OP_MUL, p, b) : -1;
    if (r >= 0)
        return make(g, OP_MUL, power(g, p, m - 1), r);
    r = n > 1 ? by_rule(g, OP_MUL, a, q) : -1;
    return r < 0 ? -1 : make(g, OP_MUL, r, power(g, q, n - 1));
}

static int make_mul(fgraph *g, int a, int b)
{
    double c, d;
    int t, r = coefficient(g, a, &c), s = coefficient(g, b, &d);
    if (is_op(g, b, OP_CONST) && !is_op(g, a, OP_CONST))
        return make(g, OP_MUL, b, a);
    if (is_const(g, a, 0))
        return a;
    if (is_const(g, a, 1))
        return b;
    if (is_const(g, a, -1))
        return negative(g, b);
    if (!is_op(g, a, OP_CONST) && (r != a || s != b))
        return make(g, OP_MUL, formula_const(g, c * d), make(g, OP_MUL, r, s));
    if (s != b)
        return make(g, OP_MUL, formula_const(g, g->node[a].v * d), s);
    if (is_op(g, b, OP_NEG))
        return negative(g, make(g, OP_MUL, a, g->node[b].arg[0]));
    if (is_op(g, a, OP_NEG))
        return negative(g, make(g, OP_MUL, g->node[a].arg[0], b));
    if (is_op(g, b, OP_DIV))
        return make(g, OP_DIV, make(g, OP_MUL, a, g->node[b].arg[0]), g->node[b].arg[1]);
    if (is_op(g, a, OP_DIV))
        return make(g, OP_DIV, make(g, OP_MUL, g->node[a].arg[0], b), g->node[a].arg[1]);
    if (is_op(g, a, OP_CONST))
        return -1;
    if ((t = make_powers(g, a, b)) >= 0 || (t = product_partner(g, a, b)) >= 0)
        return t;
    return product_partner(g, b, a);
}

/* 1/a if there is something better */
static int reciprocal(fgraph *g, int a)
{
    int one = formula_const(g, 1), r = by_rule(g, OP_DIV, one, a);
    if (r >= 0 || !is_op(g, a, OP_POWI))
        return r;
    r = by_rule(g, OP_DIV, one, g->node[a].arg[0]);
    return r < 0 ? -1 : power(g, r, g->node[a].n);
}

static int make_div(fgraph *g, int a, int b)
{
    double c, d;
    int t, r = coefficient(g, a, &c), s = coefficient(g, b, &d);
    if (is_const(g, a, 0) || is_const(g, b, 1))
        return a;
    if ((t = turned(g, a)) >= 0)
        return negative(g, make(g, OP_DIV, t, b));
    if ((t = turned(g, b)) >= 0)
        return negative(g, make(g, OP_DIV, a, t));
    if (is_op(g, b, OP_CONST) && r != a && (float)(c / g->node[b].v) == c / g->node[b].v)
        return make(g, OP_MUL, formula_const(g, c / g->node[b].v), r);
    if (s != b && (r != a || is_op(g, a, OP_CONST)))
        return make(g, OP_DIV,
                    make(g, OP_MUL, formula_const(g, (r == a ? g->node[a].v : c) / d),
                         r == a ? formula_const(g, 1) : r),
                    s);
    if (is_op(g, a, OP_DIV))
        return make(g, OP_DIV, g->node[a].arg[0], make(g, OP_MUL, g->node[a].arg[1], b));
    if (is_op(g, b, OP_DIV))
        return make(g, OP_DIV, make(g, OP_MUL, a, g->node[b].arg[1]), g->node[b].arg[0]);
    if ((t = reciprocal(g, b)) >= 0)
        return make(g, OP_MUL, a, t);
    if (is_op(g, b, OP_MUL))
        for (int k = 0; k < 2; k++)
            if ((t = reciprocal(g, g->node[b].arg[k])) >= 0)
                return make(g, OP_DIV, make(g, OP_MUL, a, t), g->node[b].arg[1 - k]);
    return -1;
}

static int make_powi(fgraph *g, int a, int n)
{
    const fnode *m = node_of(g, a);
    if (n == 0)
        return formula_const(g, 1);
    if (n == 1)
        return a;
    if (n < 0)
        return make(g, OP_DIV, formula_const(g, 1), power(g, a, -n));
    if (m->op == OP_POWI && m->n * n <= POWER_MOST)
        return power(g, m->arg[0], m->n * n);
    if (m->op == OP_NEG)
        return n % 2 ? negative(g, power(g, m->arg[0], n)) : power(g, m->arg[0], n);
    if (m->op == OP_ABS && n % 2 == 0)
        return power(g, m->arg[0], n);
    if (m->op == OP_POW)
        return make(g, OP_POW, m->arg[0], make(g, OP_MUL, formula_const(g, n), m->arg[1]));
    if (m->op == OP_EXP && !g->plain)
        return make(g, OP_EXP, make(g, OP_MUL, formula_const(g, n), m->arg[0]), 0);
    return -1;
}

static int make_pow(fgraph *g, int a, int b)
{
    const fnode *n = node_of(g, b);
    if (n->op != OP_CONST)
        return is_const(g, a, 0x1.5bf0a8b145769p+1) ? make(g, OP_EXP, b, 0) : -1;
    if (fabs(n->v) <= POWER_MOST && n->v == (int)n->v)
        return power(g, a, (int)n->v);
    if (n->v == 0.5)
        return make(g, OP_SQRT, a, 0);
    return n->v == -0.5 ? make(g, OP_DIV, formula_const(g, 1), make(g, OP_SQRT, a, 0)) : -1;
}

/* odd functions give the sign of their argument away, even ones drop it */
static int make_symmetric(fgraph *g, int op, int a)
{
    int odd = op == OP_SIN || op == OP_TAN || op == OP_ATAN || op == OP_SINH || op == OP_TANH ||
              op == OP_ERF || op == OP_TANH_SHRINK || op == OP_CBRT || op == OP_SIGN;
    int even = op == OP_COS || op == OP_COSH || op == OP_SECH || op == OP_LOGCOSH || op == OP_ABS ||
               op == OP_DENSITY;
    int t = odd || even ? turned(g, a) : -1;
    if (t < 0)
        return -1;
    return odd ? negative(g, make(g, op, t, 0)) : make(g, op, t, 0);
}

static int simpler(fgraph *g, int op, int a, int b, int c, int n)
{
    switch (op) {
    case OP_ADD:
        return make_add(g, a, b);
    case OP_SUB:
        return make_sub(g, a, b);
    case OP_NEG:
        return make_neg(g, a);
    case OP_MUL:
        return make_mul(g, a, b);
    case OP_DIV:
        return make_div(g, a, b);
    case OP_POWI:
        return make_powi(g, a, n);
    case OP_POW:
        return make_pow(g, a, b);
    case OP_AND:
    case OP_OR:
    case OP_NOT:
        return formula_truth(g, op, a, b);
    case OP_SELECT:
        return formula_select(g, a, b, c);
    case OP_MIN:
    case OP_MAX:
        return a == b ? a : -1;
    default:
        return make_symmetric(g, op, a);
    }
}

/* The value if all arguments are numbers and it is finite; else the node stays as it is. */
static int folded(fgraph *g, int op, const int *arg, int n)
{
    double v[3] = {0};
    if (op == OP_POWI && n < 0) /* becomes a quotient first */
        return -1;
    for (int i = 0; i < formula_op[op].args; i++) {
        if (!is_op(g, arg[i], OP_CONST))
            return -1;
        v[i] = g->node[arg[i]].v;
    }
    double y = formula_apply(op, v[0], v[1], v[2], n);
    return isfinite(y) ? formula_const(g, y) : -1;
}

int formula_make(fgraph *g, int op, int a, int b, int c, int n)
{
    fnode node = {.op = (uint8_t)op, .arg = {a, b, c}, .n = n};
    int r;
    if (g->full)
        return 0;
    if ((r = folded(g, op, node.arg, n)) >= 0)
        return r;
    if (!g->plain && (r = formula_rewrite(g, op, a, b, c, n)) >= 0)
        return r;
    if ((r = simpler(g, op, a, b, c, n)) >= 0)
        return r;
    return formula_intern(g, node);
}
