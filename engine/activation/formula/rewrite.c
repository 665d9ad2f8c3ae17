/* rewrite.c - identities that replace forms which cancel or overflow.
 *
 * A rule is two texts in the grammar itself; a and b stand for anything. Each is an exact identity
 * wherever its left side has a value, and is tested as one in 113 bits. Both sides are parsed once,
 * when the first formula is made. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/formula/impl.h"

/* clang-format off */
static const rule rules[] = {
    /* exponentials */
    {"exp(a) - 1", "expm1(a)", 0},
    {"1 - exp(a)", "-expm1(a)", 0},
    {"expm1(a) + 1", "exp(a)", 0},
    {"exp(a)*exp(b)", "exp(a + b)", 0},
    {"b/exp(a)", "b*exp(-a)", 0},
    {"sqrt(exp(a))", "exp(0.5*a)", 0},
    {"pow(exp(a), b)", "exp(a*b)", 0},
    {"exp(-softplus(a))", "sigmoid(-a)", 0},
    {"expm1(-softplus(a))", "-sigmoid(a)", 0},
    {"expm1(softplus(a))", "exp(a)", 0},
    /* sigmoid */
    {"b/(1 + exp(a))", "b*sigmoid(-a)", 0},
    {"exp(a)*sigmoid(-a)", "sigmoid(a)", 0},
    {"exp(a)/(exp(a) + exp(b))", "sigmoid(a - b)", 0},
    {"pow(1 + exp(a), b)", "pow(sigmoid(-a), -b)", 0},
    {"1 - sigmoid(a)", "sigmoid(-a)", 0},
    {"sigmoid(a) - 1", "-sigmoid(-a)", 0},
    {"sigmoid(a) + sigmoid(-a)", "1", 0},
    {"sigmoid(a) - sigmoid(-a)", "tanh(0.5*a)", 0},
    {"sigmoid(-a) + tanh(0.5*a)", "sigmoid(a)", 0},
    {"sigmoid(a) - tanh(0.5*a)", "sigmoid(-a)", 0},
    {"2*sigmoid(a) - 1", "tanh(0.5*a)", 0},
    {"1 - 2*sigmoid(a)", "-tanh(0.5*a)", 0},
    {"sigmoid(a) - 0.5", "0.5*tanh(0.5*a)", 0},
    {"0.5 - sigmoid(a)", "-0.5*tanh(0.5*a)", 0},
    /* logarithms */
    {"log(1 + exp(a))", "softplus(a)", 0},
    {"log(exp(a) + exp(b))", "b + softplus(a - b)", 0},
    {"log(1 + a)", "log1p(a)", 0},
    {"log(1 - a)", "log1p(-a)", 0},
    {"log(exp(a))", "a", 0},
    {"log(sigmoid(a))", "-softplus(-a)", 0},
    {"log(cosh(a))", "logcosh(a)", 0},
    {"log(sech(a))", "-logcosh(a)", 0},
    {"log(1/a)", "-log(a)", 0},
    {"log(sqrt(a))", "0.5*log(a)", 0},
    {"log1p(exp(a))", "softplus(a)", 0},
    {"log1p(expm1(a))", "a", 0},
    {"log1p(-sigmoid(a))", "-softplus(a)", 0},
    {"softplus(a) - a", "softplus(-a)", 0},
    {"a - softplus(a)", "-softplus(-a)", 0},
    {"a + softplus(-a)", "softplus(a)", 0},
    {"a*sigmoid(a) - softplus(a)", "-(abs(a)*sigmoid(-abs(a)) + softplus(-abs(a)))", 0},
    {"max(a, 0) + softplus(-abs(a))", "softplus(a)", 0},
    /* hyperbolic */
    {"exp(a) - exp(-a)", "2*sinh(a)", 0},
    {"exp(a) + exp(-a)", "2*cosh(a)", 0},
    {"expm1(a)*sigmoid(-a)", "tanh(0.5*a)", 0},
    {"exp(a)*sech(a)", "2*sigmoid(2*a)", 0},
    {"b/cosh(a)", "b*sech(a)", 0},
    {"sinh(a)*sech(a)", "tanh(a)", 0},
    {"cosh(a)*sech(a)", "1", 0},
    {"tanh(a)*cosh(a)", "sinh(a)", 0},
    {"1 + tanh(a)", "2*sigmoid(2*a)", 0},
    {"1 - tanh(a)", "2*sigmoid(-2*a)", 0},
    {"tanh(a) - 1", "-2*sigmoid(-2*a)", 0},
    {"0.5 + 0.5*tanh(a)", "sigmoid(2*a)", 0},
    {"0.5 - 0.5*tanh(a)", "sigmoid(-2*a)", 0},
    {"1 - tanh(a)^2", "sech(a)^2", 0},
    {"tanh(a)^2 - 1", "-sech(a)^2", 0},
    {"1 - sech(a)^2", "tanh(a)^2", 0},
    {"sech(a)^2 - 1", "-tanh(a)^2", 0},
    {"cosh(a)^2 - sinh(a)^2", "1", 0},
    {"cosh(a)^2 - 1", "sinh(a)^2", 0},
    {"cosh(a) - 1", "2*sinh(0.5*a)^2", 0},
    {"1 - cosh(a)", "-2*sinh(0.5*a)^2", 0},
    {"sech(softplus(a))", "2*sigmoid(-a)/(1 + sigmoid(-a)^2)", 0},
    {"a - tanh(a)", "tanh_shrink(a)", 0},
    {"tanh(a) - a", "-tanh_shrink(a)", 0},
    {"tanh(softplus(a))", "_gate(a)", "n/(n + 2), n = exp(a)*(exp(a) + 2)"},
    /* error function and normal distribution */
    {"1 + erf(a)", "erfc(-a)", 0},
    {"1 - erf(a)", "erfc(a)", 0},
    {"erf(a) - 1", "-erfc(a)", 0},
    {"0.5 + 0.5*erf(a)", "0.5*erfc(-a)", 0},
    {"0.5 - 0.5*erf(a)", "0.5*erfc(a)", 0},
    {"1 - erfc(a)", "erf(a)", 0},
    {"erfc(a) - 1", "-erf(a)", 0},
    {"2 - erfc(a)", "erfc(-a)", 0},
    {"erfc(a) - 2", "-erfc(-a)", 0},
    {"1 - Phi(a)", "Phi(-a)", 0},
    {"Phi(a) - 1", "-Phi(-a)", 0},
    {"Phi(a) - 0.5", "0.5*erf(a/sqrt2)", 0},
    /* trigonometric */
    {"1 - cos(a)", "2*sin(0.5*a)^2", 0},
    {"cos(a) - 1", "-2*sin(0.5*a)^2", 0},
    {"1 + cos(a)", "2*cos(0.5*a)^2", 0},
    {"1 - cos(a)^2", "sin(a)^2", 0},
    {"1 - sin(a)^2", "cos(a)^2", 0},
    {"sin(a)^2 + cos(a)^2", "1", 0},
    {"sin(a)*cos(a)", "0.5*sin(2*a)", 0},
    {"sin(a)/cos(a)", "tan(a)", 0},
    /* roots and signs */
    {"a + sqrt(a^2 + b)", "_root_sum(a, b)",
     "a < 0 ? b/(sqrt(a^2 + b) - a) : a + sqrt(a^2 + b)"},
    {"sqrt(a^2 + b) - a", "_root_sum(-a, b)",
     "a > 0 ? b/(sqrt(a^2 + b) + a) : sqrt(a^2 + b) - a"},
    {"a - sqrt(a^2 + b)", "-_root_sum(-a, b)",
     "a > 0 ? -b/(sqrt(a^2 + b) + a) : a - sqrt(a^2 + b)"},
    {"sqrt(a^2)", "abs(a)", 0},
    {"sign(a)*abs(a)", "a", 0},
    {"a*sign(a)", "abs(a)", 0},
};
/* clang-format on */
enum { RULES = sizeof rules / sizeof *rules, PATTERN_NODES = 1024, SHOWN = 60 };

/* not in the table, since the text cannot say that b is a number */
static const rule root_less = {"sqrt(a + b^2) - b", "_root_less(a, b)", "a/(sqrt(a + b^2) + b)"};

const rule *formula_rules(int *count)
{
    *count = RULES;
    return rules;
}

static fgraph pattern; /* all rules; written once, then only read */
static int from[RULES], to[RULES], compiled;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const ax_act_param letters[] = {{.name = "a"}, {.name = "b"}};

/* The normal form of what was written, without rules. */
static int normalised(fgraph *g, const fgraph *written, int root)
{
    int *map = malloc((size_t)(root + 1) * sizeof *map);
    for (int i = 0; map && i <= root; i++) {
        const fnode *n = &written->node[i];
        map[i] = formula_op[n->op].args || n->op == OP_CONST
                     ? n->op == OP_CONST ? formula_const(g, n->v)
                                         : formula_make(g, n->op, map[n->arg[0]], map[n->arg[1]],
                                                        map[n->arg[2]], n->n)
                     : formula_intern(g, *n);
    }
    int r = map && !g->full ? map[root] : -1;
    free(map);
    return r;
}

static int compile_side(const char *text)
{
    const fnames names = {letters, 2, 1};
    ax_arena scratch;
    fgraph written;
    ax_arena_init(&scratch, 0);
    int root = formula_graph_init(&written, &scratch, 128) < 0
                   ? -1
                   : formula_parse(&written, text, &names, NULL);
    if (root >= 0)
        root = normalised(&pattern, &written, root);
    ax_arena_fini(&scratch);
    return root;
}

static void compile_rules(void)
{
    static ax_arena forever;
    if (formula_graph_init(&pattern, &forever, PATTERN_NODES) < 0)
        return;
    pattern.plain = 1;
    for (int i = 0; i < RULES; i++) {
        from[i] = compile_side(rules[i].from);
        to[i] = compile_side(rules[i].to);
        if (from[i] < 0 || to[i] < 0)
            return;
    }
    compiled = 1;
}

/* ---- matching: does node s look like pattern p? ---- */

static int match(int p, fgraph *g, int s, int bound[2]);

static int match_args(const fnode *q, fgraph *g, const int arg[2], int bound[2])
{
    int saved[2] = {bound[0], bound[1]};
    if (match(q->arg[0], g, arg[0], bound) &&
        (formula_op[q->op].args < 2 || match(q->arg[1], g, arg[1], bound)))
        return 1;
    memcpy(bound, saved, sizeof saved);
    if (q->op != OP_ADD && q->op != OP_MUL && q->op != OP_MAX && q->op != OP_MIN)
        return 0;
    if (match(q->arg[1], g, arg[0], bound) && match(q->arg[0], g, arg[1], bound))
        return 1;
    memcpy(bound, saved, sizeof saved);
    return 0;
}

/* -a fits everything: a is its negative */
static int match_negative(const fnode *q, fgraph *g, int s, int bound[2])
{
    const fnode *inner = &pattern.node[q->arg[0]];
    if (inner->op != OP_PARAM)
        return is_op(g, s, OP_NEG) && match(q->arg[0], g, g->node[s].arg[0], bound);
    int minus = formula_make(g, OP_NEG, s, 0, 0, 0);
    if (bound[inner->n] < 0)
        bound[inner->n] = minus;
    return bound[inner->n] == minus;
}

static int match(int p, fgraph *g, int s, int bound[2])
{
    const fnode *q = &pattern.node[p], *n = node_of(g, s);
    if (q->op == OP_PARAM) {
        if (bound[q->n] < 0)
            bound[q->n] = s;
        return bound[q->n] == s;
    }
    if (q->op == OP_CONST)
        return is_const(g, s, q->v);
    if (q->op == OP_NEG)
        return match_negative(q, g, s, bound);
    return q->op == n->op && q->n == n->n && match_args(q, g, n->arg, bound);
}

static int build(fgraph *g, int p, const int bound[2])
{
    const fnode *q = &pattern.node[p];
    int arg[3] = {0};
    if (q->op == OP_PARAM)
        return bound[q->n];
    if (q->op == OP_CONST)
        return formula_const(g, q->v);
    for (int i = 0; i < formula_op[q->op].args; i++)
        arg[i] = build(g, q->arg[i], bound);
    return formula_make(g, q->op, arg[0], arg[1], arg[2], q->n);
}

/* ---- telling what was done ---- */

/* text with what a and b stand for put in */
static void fill_in(const fgraph *g, const ax_act_param *param, const char *text,
                    const int bound[2], char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (const char *s = text; *s && n + 1 < size; s++) {
        int name = s[0] == 'a' || s[0] == 'b';
        int letter = name && !(s > text && ((s[-1] >= 'a' && s[-1] <= 'z') || s[-1] == '_')) &&
                     !(s[1] >= 'a' && s[1] <= 'z');
        if (!letter) {
            n += (size_t)snprintf(out + n, size - n, "%c", *s);
            continue;
        }
        char with[SHOWN + 8];
        int node = bound[*s - 'a'], minus = s > text && s[-1] == '-';
        if (minus && is_op(g, node, OP_NEG)) { /* -(-u) is u */
            node = g->node[node].arg[0];
            out[--n] = 0;
            minus = 0;
        }
        formula_write_short(g, param, node, with, SHOWN);
        int alone = n == 0 || strchr("( ", out[n - 1]),
            closed = alone && s[1] && strchr("),", s[1]);
        int level = formula_binding(g, node);
        int bare = level == 3 || closed || (level == 2 && s[1] != '^') ||
                   (level == 1 && alone && (!s[1] || s[1] == ' '));
        n += (size_t)snprintf(out + n, size - n, bare ? "%s" : "(%s)", with);
    }
}

static void note(fgraph *g, const rule *r, const int bound[2], int result)
{
    rewrite_log *log = g->log;
    char before[256], after[256];
    if (!log)
        return;
    fill_in(g, log->param, r->from, bound, before, sizeof before);
    if (r->says)
        fill_in(g, log->param, r->says, bound, after, sizeof after);
    else
        formula_write_short(g, log->param, result, after, SHOWN + 20);
    const char *line = ax_arena_printf(log->arena, "%s -> %s", before, after);
    int most = (int)(sizeof log->line / sizeof *log->line);
    for (int i = 0; line && i < log->n; i++)
        if (strcmp(log->line[i], line) == 0)
            line = NULL;
    if (line && log->n < most)
        log->line[log->n++] = line;
}

/* sqrt(a + c) - b with numbers c = b^2 */
static int rewrite_root_less(fgraph *g, int a, int b)
{
    for (int k = 0; k < 2; k++) {
        int root = k ? b : a, less = k ? a : b;
        if (!is_op(g, root, OP_SQRT) || !is_op(g, less, OP_CONST) || g->node[less].v >= 0)
            continue;
        double d = -g->node[less].v;
        const fnode *sum = node_of(g, g->node[root].arg[0]);
        if (sum->op != OP_ADD)
            continue;
        for (int i = 0; i < 2; i++)
            if (is_const(g, sum->arg[i], d * d)) {
                int bound[2] = {sum->arg[1 - i], formula_const(g, d)};
                int r = formula_make(g, OP_ROOT_LESS, bound[0], bound[1], 0, 0);
                note(g, &root_less, bound, r);
                return r;
            }
    }
    return -1;
}

int formula_rewrite(fgraph *g, int op, int a, int b, int c, int n)
{
    const int arg[2] = {a, b};
    (void)c;
    pthread_once(&once, compile_rules);
    if (!compiled || g->full)
        return -1;
    for (int i = 0; i < RULES; i++) {
        const fnode *q = &pattern.node[from[i]];
        int bound[2] = {-1, -1};
        if (q->op != op || q->n != n || !match_args(q, g, arg, bound))
            continue;
        int r = build(g, to[i], bound);
        note(g, &rules[i], bound, r);
        return r;
    }
    return op == OP_ADD ? rewrite_root_less(g, a, b) : -1;
}

int formula_stabilise(fgraph *g, const fgraph *written, int root, rewrite_log *log)
{
    pthread_once(&once, compile_rules);
    g->log = log;
    int r = compiled ? normalised(g, written, root) : -1;
    g->log = NULL;
    return r;
}
