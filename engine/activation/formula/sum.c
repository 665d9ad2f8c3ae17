/* sum.c - sums as derivatives make them, brought into a short form.
 *
 * A sum is a list of products. Like terms are added, common factors pulled out - of all terms, else
 * of as many as share one - and pairs offered to the rules: u'v + uv' of x*sigmoid(x) ends as
 * sigmoid(x)*(1 + x*sigmoid(-x)). */
#include <math.h>
#include <string.h>

#include "activation/formula/impl.h"

enum { TERMS = 16, DEPTH = 24 };

typedef struct sum {
    term t[TERMS];
    int n;
} sum;

static int whole(fgraph *g, sum s, int depth);

/* s plus t */
static int add_term(sum *s, const term *t)
{
    if (s->n == TERMS)
        return 0;
    s->t[s->n++] = *t;
    return 1;
}

/* s plus t, which may be a number times a sum: then its terms */
static int add_flat(fgraph *g, sum *s, const term *t, int any_number)
{
    int node = t->n == 1 && (any_number || fabs(t->c) == 1) ? t->factor[0] : 0;
    if (node && t->power[0] == 2 && is_op(g, node, OP_SQRT))
        node = g->node[node].arg[0];
    else if (node && t->power[0] != 1)
        node = 0;
    const fnode *n = node_of(g, node);
    if (n->op != OP_ADD && n->op != OP_SUB)
        return add_term(s, t);
    for (int k = 0; k < 2; k++) {
        term part = {.c = k && n->op == OP_SUB ? -t->c : t->c};
        if (!formula_multiply(g, &part, n->arg[k], 1) || !add_flat(g, s, &part, any_number))
            return 0;
    }
    return 1;
}

static int power_in(const term *t, int node)
{
    for (int i = 0; i < t->n; i++)
        if (t->factor[i] == node)
            return t->power[i];
    return 0;
}

static int alike(const term *a, const term *b)
{
    if (a->n != b->n)
        return 0;
    for (int i = 0; i < a->n; i++)
        if (power_in(b, a->factor[i]) != a->power[i])
            return 0;
    return 1;
}

static void drop(sum *s, int i)
{
    s->n--;
    memmove(s->t + i, s->t + i + 1, (size_t)(s->n - i) * sizeof *s->t);
}

static void add_alike(sum *s)
{
    for (int i = 0; i < s->n; i++)
        for (int j = s->n - 1; j > i; j--)
            if (alike(&s->t[i], &s->t[j])) {
                s->t[i].c += s->t[j].c;
                drop(s, j);
            }
    for (int i = s->n - 1; i >= 0; i--)
        if (s->t[i].c == 0)
            drop(s, i);
}

/* Where one term has sqrt(q), a q in another is written as its square. */
static void as_roots(const fgraph *g, sum *s)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->t[i].n; k++) {
            int root = s->t[i].factor[k];
            if (!is_op(g, root, OP_SQRT))
                continue;
            for (int j = 0; j < s->n; j++) {
                int q = g->node[root].arg[0], p = power_in(&s->t[j], q);
                if (p && (s->t[j].n < FACTORS || power_in(&s->t[j], root))) {
                    formula_factor(&s->t[j], q, -p);
                    formula_factor(&s->t[j], root, 2 * p);
                }
            }
        }
}

/* Sums among the terms replaced by their terms; numbers times sums only if that lets terms merge.
 * No change if there is no room. */
static void flatten(fgraph *g, sum *s)
{
    for (int any = 1; any >= 0; any--) {
        sum flat = {.n = 0};
        int ok = 1, before;
        for (int i = 0; i < s->n && ok; i++)
            ok = add_flat(g, &flat, &s->t[i], any);
        before = flat.n;
        add_alike(&flat);
        if (ok && (!any || flat.n < before)) {
            *s = flat;
            return;
        }
    }
}

/* What all terms share: the least power where all have the same sign, and the size of the number.
 */
static term common(const sum *s)
{
    term c = {.c = fabs(s->t[0].c)};
    for (int j = 1; j < s->n; j++)
        if (fabs(s->t[j].c) != c.c)
            c.c = 1;
    for (int i = 0; i < s->t[0].n; i++) {
        int least = s->t[0].power[i], sign = least > 0 ? 1 : -1;
        for (int j = 1; j < s->n && least; j++) {
            int p = power_in(&s->t[j], s->t[0].factor[i]);
            least = p * sign <= 0 ? 0 : p < least ? p : least;
        }
        if (least)
            formula_factor(&c, s->t[0].factor[i], least);
    }
    return c;
}

static int without_common(fgraph *g, const sum *s, const term *c, int depth)
{
    sum rest = {.n = 0};
    for (int j = 0; j < s->n; j++) {
        term t = s->t[j];
        t.c /= c->c;
        for (int i = 0; i < c->n; i++)
            if (!formula_factor(&t, c->factor[i], -c->power[i]))
                return -1;
        add_term(&rest, &t);
    }
    term product = *c;
    if (!formula_multiply(g, &product, whole(g, rest, depth + 1), 1))
        return -1;
    return formula_product(g, product);
}

/* two terms for which there is a rule */
static int pair_rule(fgraph *g, sum *s)
{
    for (int i = 0; i < s->n; i++)
        for (int j = i + 1; j < s->n; j++) {
            int flip = s->t[i].c < 0; /* -a + b is b - a, -a - b is -(a + b) */
            term a = s->t[i], b = s->t[j], t = {.c = 1};
            int minus = (a.c < 0) != (b.c < 0);
            a.c = fabs(a.c), b.c = fabs(b.c);
            int r = formula_rewrite(g, minus ? OP_SUB : OP_ADD, formula_product(g, a),
                                    formula_product(g, b), 0, 0);
            t.c = flip ? -1 : 1;
            if (r < 0 || !formula_multiply(g, &t, r, 1))
                continue;
            drop(s, j);
            drop(s, i);
            return add_term(s, &t);
        }
    return 0;
}

/* the factor that most terms share, and how many do */
static int most_shared(const sum *s, int *node, int *sign)
{
    int most = 1;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->t[i].n; k++) {
            int count = 0, sg = s->t[i].power[k] > 0 ? 1 : -1;
            for (int j = 0; j < s->n; j++)
                count += power_in(&s->t[j], s->t[i].factor[k]) * sg > 0;
            if (count > most)
                most = count, *node = s->t[i].factor[k], *sign = sg;
        }
    return most;
}

/* the terms with node^sign made one */
static int group(fgraph *g, sum *s, int node, int sign, int depth)
{
    sum part = {.n = 0}, rest = {.n = 0};
    int at = -1;
    for (int i = 0; i < s->n; i++) {
        int in = power_in(&s->t[i], node) * sign > 0;
        if (in && at < 0)
            at = rest.n++;
        if (in)
            part.t[part.n++] = s->t[i];
        else
            rest.t[rest.n++] = s->t[i];
    }
    term t = {.c = 1};
    if (!formula_multiply(g, &t, whole(g, part, depth + 1), 1))
        return 0;
    rest.t[at] = t;
    *s = rest;
    return 1;
}

/* one after the other, a positive one first */
static int chain(fgraph *g, const sum *s)
{
    int first = 0, acc;
    for (int i = s->n - 1; i >= 0; i--)
        if (s->t[i].c > 0)
            first = i;
    acc = formula_product(g, s->t[first]);
    for (int i = 0; i < s->n; i++) {
        term t = s->t[i];
        int minus = t.c < 0;
        if (i == first)
            continue;
        t.c = fabs(t.c);
        acc = make(g, minus ? OP_SUB : OP_ADD, acc, formula_product(g, t));
    }
    return acc;
}

static int whole(fgraph *g, sum s, int depth)
{
    int node = 0, sign = 0, r;
    add_alike(&s);
    if (s.n == 0 || g->full)
        return formula_const(g, 0);
    for (int pass = 0; pass < 2 && s.n > 1 && depth < DEPTH; pass++) {
        as_roots(g, &s);
        term c = common(&s);
        if ((c.n || c.c != 1) && (r = without_common(g, &s, &c, depth)) >= 0)
            return r;
        flatten(g, &s);
    }
    if (s.n == 0)
        return formula_const(g, 0);
    if (s.n == 1)
        return formula_product(g, s.t[0]);
    if (depth < DEPTH) {
        if (pair_rule(g, &s))
            return whole(g, s, depth + 1);
        if (most_shared(&s, &node, &sign) > 1 && group(g, &s, node, sign, depth))
            return whole(g, s, depth + 1);
    }
    return chain(g, &s);
}

int formula_sum(fgraph *g, int a, int b, int minus)
{
    sum s = {.n = 0};
    const int node[2] = {a, b};
    for (int k = 0; k < 2; k++) {
        term t = {.c = k && minus ? -1 : 1};
        if (!formula_multiply(g, &t, node[k], 1))
            return make(g, minus ? OP_SUB : OP_ADD, a, b);
        add_term(&s, &t);
    }
    return whole(g, s, 0);
}
