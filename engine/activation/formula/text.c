/* text.c - graph back to text that parses to the same graph.
 *
 * Parentheses only where the grammar needs them. What is used several times and is not short, or
 * would nest too deep, becomes a definition in front. Numbers are the shortest that read back to
 * the same double; pi, e, ln2, sqrt2 and simple fractions by name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/formula/impl.h"

enum { COND, OR, AND, COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM };
enum { NEST_MOST = 24, NAMES_MOST = 128, NAME_ROOM = 16 };

typedef struct writer {
    const fgraph *g;
    const ax_act_param *param;
    char *text;
    size_t n, room;
    int fixed, failed;       /* fixed: text is not ours to grow */
    const char *const *name; /* of definitions, by node; NULL: none */
} writer;

static void put(writer *w, const char *s)
{
    size_t len = strlen(s);
    if (w->n + len + 1 > w->room && !w->fixed) {
        size_t room = 2 * (w->n + len + 64);
        char *more = realloc(w->text, room);
        if (more)
            w->text = more, w->room = room;
    }
    if (w->n + len + 1 > w->room) {
        w->failed = 1;
        return;
    }
    memcpy(w->text + w->n, s, len + 1);
    w->n += len;
}

/* ---- numbers ---- */

static int reads_back(const char *s, double v)
{
    token t;
    const char *at = s;
    return formula_lex(s, &at, &t, NULL) == 0 && t.v == v && *at == 0;
}

/* v >= 0; whether it came out as a fraction */
static int number_text(double v, char s[40])
{
    static const struct {
        const char *name;
        double v;
    } named[] = {{"pi", 0x1.921fb54442d18p+1},
                 {"e", 0x1.5bf0a8b145769p+1},
                 {"ln2", 0x1.62e42fefa39efp-1},
                 {"sqrt2", 0x1.6a09e667f3bcdp+0}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (v == named[i].v)
            return strcpy(s, named[i].name), 0;
    if (v == floor(v) && v < 1e15)
        return snprintf(s, 40, "%.0f", v), 0;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, 40, "%.*g", digits, v);
        for (char *c = s; *c; c++) /* whatever the locale thinks */
            if (*c == ',')
                *c = '.';
        if (reads_back(s, v))
            break;
    }
    for (int d = 3; d <= 12 && strlen(s) > 8; d++)
        if (round(v * d) / d == v && round(v * d) < 100)
            return snprintf(s, 40, "%.0f/%d", v * d, d), 1;
    return 0;
}

static void write_number(writer *w, double v, int level)
{
    char s[40];
    int fraction = number_text(fabs(v), s);
    int own = v < 0 ? (fraction ? PRODUCT : UNARY) : fraction ? PRODUCT : ATOM;
    put(w, own < level ? "(" : "");
    put(w, v < 0 ? "-" : "");
    put(w, s);
    put(w, own < level ? ")" : "");
}

/* ---- expressions ---- */

static void write_node(writer *w, int node, int level);

static void open_if(writer *w, int own, int level)
{
    if (own < level)
        put(w, "(");
}

static void close_if(writer *w, int own, int level)
{
    if (own < level)
        put(w, ")");
}

static void write_infix(writer *w, int a, int a_level, const char *sign, int b, int b_level)
{
    write_node(w, a, a_level);
    put(w, sign);
    write_node(w, b, b_level);
}

static void write_sum(writer *w, const fnode *n)
{
    const fnode *b = node_of(w->g, n->arg[1]);
    if (n->op == OP_ADD && b->op == OP_CONST && b->v < 0) {
        write_node(w, n->arg[0], SUM);
        put(w, " - ");
        write_number(w, -b->v, PRODUCT);
        return;
    }
    write_infix(w, n->arg[0], SUM, n->op == OP_ADD ? " + " : " - ", n->arg[1], PRODUCT);
}

static void write_product(writer *w, const fnode *n)
{
    int chain = n->op == OP_MUL && is_op(w->g, n->arg[0], OP_CONST) &&
                is_op(w->g, n->arg[1], OP_MUL) && !(w->name && w->name[n->arg[1]]);
    write_infix(w, n->arg[0], PRODUCT, n->op == OP_MUL ? "*" : "/", n->arg[1],
                chain ? PRODUCT : UNARY);
}

static void write_compare(writer *w, const fnode *n)
{
    static const char *const sign[] = {" < ", " <= ", " == ", " != "}, *const back[] = {" > ",
                                                                                        " >= "};
    if (n->op <= OP_LE && !node_of(w->g, n->arg[0])->has_x && node_of(w->g, n->arg[1])->has_x)
        write_infix(w, n->arg[1], SUM, back[n->op - OP_LT], n->arg[0], SUM);
    else
        write_infix(w, n->arg[0], SUM, sign[n->op - OP_LT], n->arg[1], SUM);
}

static void write_power(writer *w, const fnode *n)
{
    char s[16];
    write_node(w, n->arg[0], ATOM);
    put(w, "^");
    if (n->op == OP_POW) {
        write_node(w, n->arg[1], UNARY);
        return;
    }
    snprintf(s, sizeof s, "%d", n->n);
    put(w, s);
}

static void write_hidden(writer *w, const fnode *n)
{
    if (n->op == OP_GATE) {
        put(w, "tanh(softplus(");
        write_node(w, n->arg[0], COND);
        put(w, "))");
        return;
    }
    if (n->op == OP_ROOT_SUM) {
        int minus = is_op(w->g, n->arg[0], OP_NEG) && !(w->name && w->name[n->arg[0]]);
        int a = minus ? node_of(w->g, n->arg[0])->arg[0] : n->arg[0];
        if (!minus) {
            write_node(w, a, SUM);
            put(w, " + ");
        }
        put(w, "sqrt(");
        write_node(w, a, ATOM);
        put(w, "^2 + ");
        write_node(w, n->arg[1], PRODUCT);
        put(w, minus ? ") - " : ")");
        if (minus)
            write_node(w, a, PRODUCT);
        return;
    }
    double b = node_of(w->g, n->arg[1])->v;
    put(w, "sqrt(");
    write_node(w, n->arg[0], SUM);
    put(w, " + ");
    write_number(w, b * b, PRODUCT);
    put(w, ") - ");
    write_number(w, b, PRODUCT);
}

static void write_call(writer *w, const fnode *n)
{
    put(w, formula_op[n->op].name);
    for (int i = 0; i < formula_op[n->op].args; i++) {
        put(w, i ? ", " : "(");
        write_node(w, n->arg[i], COND);
    }
    put(w, ")");
}

static int level_of(const fgraph *g, const fnode *n)
{
    switch (n->op) {
    case OP_ADD:
    case OP_SUB:
    case OP_ROOT_SUM:
    case OP_ROOT_LESS:
        return SUM;
    case OP_MUL:
    case OP_DIV:
        return PRODUCT;
    case OP_NEG:
        return level_of(g, node_of(g, n->arg[0])) == PRODUCT ? PRODUCT : UNARY;
    case OP_NOT:
        return UNARY;
    case OP_POWI:
        return POWER;
    case OP_LT:
    case OP_LE:
    case OP_EQ:
    case OP_NE:
        return COMPARE;
    case OP_AND:
        return AND;
    case OP_OR:
        return OR;
    case OP_SELECT:
        return COND;
    default:
        return n->op == OP_POW ? POWER : ATOM;
    }
}

int formula_binding(const fgraph *g, int node)
{
    const fnode *n = node_of(g, node);
    int level = n->op == OP_CONST && n->v < 0 ? UNARY : level_of(g, n);
    return level == ATOM ? 3 : level == POWER ? 2 : level >= PRODUCT;
}

static void write_own(writer *w, const fnode *n)
{
    switch (n->op) {
    case OP_VAR:
        put(w, "x");
        break;
    case OP_PARAM:
        put(w, w->param[n->n].name);
        break;
    case OP_ADD:
    case OP_SUB:
        write_sum(w, n);
        break;
    case OP_MUL:
    case OP_DIV:
        write_product(w, n);
        break;
    case OP_NEG:
        put(w, "-");
        write_node(w, n->arg[0],
                   level_of(w->g, node_of(w->g, n->arg[0])) == PRODUCT ? PRODUCT : UNARY);
        break;
    case OP_NOT:
        put(w, "!");
        write_node(w, n->arg[0], UNARY);
        break;
    case OP_POWI:
    case OP_POW:
        write_power(w, n);
        break;
    case OP_AND:
        write_infix(w, n->arg[0], AND, " && ", n->arg[1], COMPARE);
        break;
    case OP_OR:
        write_infix(w, n->arg[0], OR, " || ", n->arg[1], AND);
        break;
    case OP_SELECT:
        write_node(w, n->arg[0], OR);
        put(w, " ? ");
        write_infix(w, n->arg[1], COND, " : ", n->arg[2], COND);
        break;
    default:
        if (n->op >= OP_LT && n->op <= OP_NE)
            write_compare(w, n);
        else if (n->op >= OP_GATE)
            write_hidden(w, n);
        else
            write_call(w, n);
    }
}

static void write_node(writer *w, int node, int level)
{
    const fnode *n = node_of(w->g, node);
    if (w->failed)
        return;
    if (w->name && w->name[node]) {
        put(w, w->name[node]);
        return;
    }
    if (n->op == OP_CONST) {
        write_number(w, n->v, level);
        return;
    }
    int own = level_of(w->g, n);
    open_if(w, own, level);
    write_own(w, n);
    close_if(w, own, level);
}

/* ---- definitions ---- */

typedef struct plan {
    uint8_t *marks;
    int *uses, *weight, *nest;
    const char **name;
    char (*names)[NAME_ROOM];
    int n;
} plan;

static int is_taken(const ax_act_param *param, const char *name)
{
    for (int i = 0; param && i < AX_ACT_PARAMS && param[i].name; i++)
        if (strcmp(param[i].name, name) == 0)
            return 1;
    return strcmp(name, "x") == 0 || ax_act_find(name) != NULL;
}

/* s, t, u, v, w, then t1, t2... */
static void next_name(const ax_act_param *param, int *tried, char *to)
{
    do {
        if (*tried < 5)
            snprintf(to, NAME_ROOM, "%c", 's' + *tried);
        else
            snprintf(to, NAME_ROOM, "t%d", *tried - 4);
        ++*tried;
    } while (is_taken(param, to));
}

static int is_spine(int op)
{
    return op == OP_ADD || op == OP_SUB || op == OP_MUL || op == OP_DIV;
}

static void measure(const fgraph *g, const ax_act_param *param, int root, plan *p)
{
    int tried = 0;
    for (int i = 0; i <= root; i++) {
        const fnode *n = &g->node[i];
        if (!p->marks[i])
            continue;
        p->weight[i] = 1;
        for (int k = 0; k < formula_op[n->op].args; k++) {
            int a = n->arg[k], twice = n->op == OP_ROOT_SUM && k == 0;
            p->weight[i] += (p->name[a] ? 1 : p->weight[a]) << twice;
            int nest = (p->name[a] ? 0 : p->nest[a]) + !(is_spine(n->op) && k == 0);
            p->nest[i] = nest > p->nest[i] ? nest : p->nest[i];
        }
        if (i == root || p->n == NAMES_MOST)
            continue;
        int again = (p->uses[i] - 1) * p->weight[i];
        if ((p->weight[i] >= 4 && again >= 8) || p->nest[i] >= NEST_MOST) {
            next_name(param, &tried, p->names[p->n]);
            p->name[i] = p->names[p->n++];
        }
    }
}

static int plan_init(plan *p, const fgraph *g, int root, ax_arena *a)
{
    size_t n = (size_t)root + 1;
    p->marks = ax_arena_alloc(a, (size_t)g->n);
    p->uses = AX_ARRAY(a, int, n);
    p->weight = AX_ARRAY(a, int, n);
    p->nest = AX_ARRAY(a, int, n);
    p->name = AX_ARRAY(a, const char *, n);
    p->names = ax_arena_array(a, NAMES_MOST, NAME_ROOM);
    if (!p->marks || !p->uses || !p->weight || !p->nest || !p->name || !p->names)
        return -1;
    formula_reach(g, root, p->marks);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; p->marks[i] && k < formula_op[g->node[i].op].args; k++)
            p->uses[g->node[i].arg[k]] += 1 + (g->node[i].op == OP_ROOT_SUM && k == 0);
    return 0;
}

const char *formula_write(const fgraph *g, const ax_act_param *param, int root, ax_arena *arena)
{
    ax_arena scratch;
    plan p = {0};
    writer w = {.g = g, .param = param};
    const char *text = NULL;
    ax_arena_init(&scratch, 0);
    if (plan_init(&p, g, root, &scratch) < 0)
        goto done;
    measure(g, param, root, &p);
    for (int i = 0; i < root; i++) {
        const char *name = p.name[i];
        if (!name)
            continue;
        p.name[i] = NULL;
        w.name = p.name;
        put(&w, name);
        put(&w, " = ");
        write_node(&w, i, COND);
        put(&w, "; ");
        p.name[i] = name;
    }
    w.name = p.name;
    write_node(&w, root, COND);
    if (!w.failed)
        text = ax_arena_strdup(arena, w.text);
done:
    free(w.text);
    ax_arena_fini(&scratch);
    return text;
}

void formula_write_short(const fgraph *g, const ax_act_param *param, int root, char *to,
                         size_t size)
{
    writer w = {.g = g, .param = param, .text = to, .room = size, .fixed = 1};
    to[0] = 0;
    write_node(&w, root, COND);
    if (w.failed && size > 4)
        strcpy(w.n + 4 > size ? to + size - 4 : to + w.n, "...");
}
