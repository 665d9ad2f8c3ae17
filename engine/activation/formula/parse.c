/* parse.c - tokens to a graph, exactly as written.
 *
 * Operators by precedence climbing; what nests (parentheses, calls, conditions, signs, exponents)
 * counts against AX_FORMULA_DEPTH, so hostile text cannot exhaust the stack. A value knows whether
 * it is a number or a truth: conditions want truths, arithmetic takes truths as 1 and 0.
 *
 * A name of the catalogue stands for its row: the row's own text is parsed with x and the
 * parameters bound to the arguments. Functions of the table in impl.h come first. */
#include <stdio.h>
#include <string.h>

#include "activation/formula/impl.h"

enum { ROWS_NESTED = 8, ARGS_MOST = AX_ACT_PARAMS + 1 };

typedef struct value {
    int node, truth, column;
} value;

typedef struct binding {
    const char *name;
    int len;
    value v;
} binding;

typedef struct parser {
    fgraph *g;
    const char *text, *at;
    token t; /* the one being looked at */
    const fnames *names;
    binding let[AX_FORMULA_LETS];
    int lets, depth, failed;
    /* reading a row of the catalogue: what its x and parameters are */
    const ax_act_row *row;
    const int *bound;
    const struct parser *outer;
    int rows;
    ax_err *err;
} parser;

static value condition(parser *p);
static value unary(parser *p);

static int column_of(const parser *p)
{
    return (int)(p->t.at - p->text);
}

static value fail_at(parser *p, int column, const char *hint)
{
    if (!p->failed)
        formula_error_at(p->err, p->text, column, hint);
    p->failed = 1;
    return (value){.node = -1};
}

#define FAIL(p, column, hint, ...) (ax_fail((p)->failed ? NULL : (p)->err, __VA_ARGS__), \
                                    fail_at(p, column, hint))

static void advance(parser *p)
{
    if (!p->failed && formula_lex(p->text, &p->at, &p->t, p->err) < 0)
        p->failed = 1;
    if (p->failed)
        p->t.kind = T_END;
}

static int at_sign(const parser *p, int sign)
{
    return p->t.kind == T_SIGN && p->t.sign == sign;
}

static int is_name(const token *t, const char *name)
{
    return t->kind == T_NAME && (int)strlen(name) == t->len && memcmp(t->at, name, t->len) == 0;
}

static value intern(parser *p, int op, value a, value b, value c, int n)
{
    if (a.node < 0 || b.node < 0 || c.node < 0)
        return (value){.node = -1};
    fnode node = {.op = (uint8_t)op, .arg = {a.node, b.node, c.node}, .n = n};
    return (value){formula_intern(p->g, node), op >= OP_LT && op <= OP_NOT, a.column};
}

static const value none = {0};

static value constant(parser *p, double v, double lo, int column)
{
    fnode n = {.op = OP_CONST, .v = v, .lo = lo};
    return (value){formula_intern(p->g, n), 0, column};
}

static value expect(parser *p, value v, int sign, const char *where)
{
    if (v.node < 0)
        return v;
    if (!at_sign(p, sign)) {
        if (p->t.kind == T_END)
            return FAIL(p, column_of(p), NULL, AX_EPARSE, "the formula ends where '%c' is missing%s",
                        sign, where);
        return FAIL(p, column_of(p), NULL, AX_EPARSE, "'%c' is expected%s, not '%.*s'", sign, where,
                    p->t.len, p->t.at);
    }
    advance(p);
    return v;
}

/* ---- names ---- */

static const struct {
    const char *name;
    double v, lo;
} constants[] = {
    {"pi", 0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53},
    {"e", 0x1.5bf0a8b145769p+1, 0x1.4d57ee2b1013ap-53},
    {"ln2", 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56},
    {"sqrt2", 0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
};
enum { CONSTANTS = sizeof constants / sizeof *constants };

static const struct {
    const char *name;
    int args;
} shorthands[] = {{"clip", 3}, {"where", 3}, {"sq", 1}, {"cube", 1}};
enum { SHORTHANDS = sizeof shorthands / sizeof *shorthands };

static int shorthand(const token *t)
{
    for (int i = 0; i < SHORTHANDS; i++)
        if (is_name(t, shorthands[i].name))
            return i;
    return -1;
}

static const ax_act_row *row_called(const token *t)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", t->len, t->at);
    return t->len < (int)sizeof name ? ax_act_find(name) : NULL;
}

static int is_function(const parser *p, const token *t)
{
    int op = formula_op_find(t->at, (size_t)t->len, -1);
    if (op >= OP_GATE && !p->names->rules)
        op = 0;
    return op || shorthand(t) >= 0 || row_called(t);
}

/* What else the name could have been. */
static const char *nearest(const parser *p, const token *t, int function)
{
    const char *all[512];
    char name[64], lets[AX_FORMULA_LETS][NAME_BYTES + 1];
    int n = 0, rows;
    const ax_act_row *row = ax_act_catalog(&rows);
    snprintf(name, sizeof name, "%.*s", t->len, t->at);
    if (!function) {
        all[n++] = "x";
        for (int i = 0; i < CONSTANTS; i++)
            all[n++] = constants[i].name;
        for (int i = 0; i < p->names->params; i++)
            all[n++] = p->names->param[i].name;
        for (int i = 0; i < p->lets; i++) {
            snprintf(lets[i], sizeof lets[i], "%.*s", p->let[i].len, p->let[i].name);
            all[n++] = lets[i];
        }
        return ax_nearest(name, all, n);
    }
    for (int op = OP_MIN < OP_EXP ? OP_MIN : OP_EXP; op < OP_GATE; op++)
        all[n++] = formula_op[op].name;
    for (int i = 0; i < SHORTHANDS; i++)
        all[n++] = shorthands[i].name;
    for (int i = 0; i < rows && n + 5 < (int)(sizeof all / sizeof *all); i++) {
        if (row[i].kind != AX_ACT_ELEMENT)
            continue;
        all[n++] = row[i].name;
        for (int j = 0; row[i].aliases[j]; j++)
            all[n++] = row[i].aliases[j];
    }
    return ax_nearest(name, all, n);
}

static value unknown(parser *p, const token *t, int function)
{
    char hint[128] = "";
    const char *near = nearest(p, t, function);
    if (near)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    else if (!function)
        snprintf(hint, sizeof hint, "a parameter must be declared: \"params\":{\"%.*s\":1}",
                 t->len > 40 ? 40 : t->len, t->at);
    return FAIL(p, (int)(t->at - p->text), hint, AX_ENOTFOUND, "unknown %s '%.*s'",
                function ? "function" : "name", t->len > 60 ? 60 : t->len, t->at);
}

static value variable(parser *p, const token *t)
{
    int column = (int)(t->at - p->text);
    fnode n = {.op = OP_PARAM};
    if (is_name(t, "x"))
        return (value){p->row ? p->bound[0] : formula_intern(p->g, (fnode){.op = OP_VAR}), 0, column};
    for (int i = 0; i < p->lets; i++)
        if (p->let[i].len == t->len && memcmp(p->let[i].name, t->at, (size_t)t->len) == 0)
            return (value){p->let[i].v.node, p->let[i].v.truth, column};
    for (int i = 0; p->row && i < AX_ACT_PARAMS && p->row->params[i].name; i++)
        if (is_name(t, p->row->params[i].name))
            return (value){p->bound[i + 1], 0, column};
    for (n.n = 0; !p->row && n.n < p->names->params; n.n++)
        if (is_name(t, p->names->param[n.n].name))
            return (value){formula_intern(p->g, n), 0, column};
    for (int i = 0; i < CONSTANTS; i++)
        if (is_name(t, constants[i].name))
            return constant(p, constants[i].v, constants[i].lo, column);
    if (is_function(p, t)) {
        char hint[96];
        snprintf(hint, sizeof hint, "write %.*s(x)", t->len > 60 ? 60 : t->len, t->at);
        return FAIL(p, column, hint, AX_EPARSE, "'%.*s' is a function and needs its argument",
                    t->len, t->at);
    }
    return unknown(p, t, 0);
}

/* ---- calls ---- */

/* The number a node stands for if it is one as written. */
static int number_of(const fgraph *g, int node, double *v)
{
    const fnode *n = node_of(g, node);
    if (n->op == OP_NEG && is_op(g, n->arg[0], OP_CONST))
        return *v = -g->node[n->arg[0]].v, 1;
    return *v = n->v, n->op == OP_CONST;
}

static value whole_formula(parser *p);

static value row_text(parser *p, const ax_act_row *row, const int *bound, int column)
{
    parser q = {.g = p->g, .text = row->formula, .at = row->formula, .names = p->names,
                .row = row, .bound = bound, .outer = p, .rows = p->rows + 1};
    ax_err err = {0};
    q.err = &err;
    for (const parser *o = p; o; o = o->outer)
        if (o->row == row || q.rows > ROWS_NESTED)
            return FAIL(p, column, NULL, AX_EUNSUPPORTED, "'%s' is defined by itself", row->name);
    value v = whole_formula(&q);
    v.column = column;
    if (v.node < 0)
        return FAIL(p, column, NULL, err.code, "in '%s' = %s: %s", row->name, row->formula,
                    err.msg);
    return v;
}

static value call_row(parser *p, const token *t, const ax_act_row *row, const value *arg, int n)
{
    int bound[ARGS_MOST], params = 0, column = (int)(t->at - p->text);
    while (params < AX_ACT_PARAMS && row->params[params].name)
        params++;
    if (row->kind != AX_ACT_ELEMENT)
        return FAIL(p, column, "a formula is element-wise: y[i] depends on x[i] alone",
                    AX_EUNSUPPORTED, "'%s' works on a whole row at once", row->name);
    if (n > params + 1)
        return FAIL(p, column, NULL, AX_EINVAL, "'%s' takes x and at most %d parameter%s, not %d",
                    row->name, params, params == 1 ? "" : "s", n - 1);
    bound[0] = arg[0].node;
    for (int i = 0; i < params; i++) {
        const ax_act_param *q = &row->params[i];
        double v;
        if (i + 1 >= n) {
            bound[i + 1] = constant(p, q->def, 0, column).node;
            continue;
        }
        bound[i + 1] = arg[i + 1].node;
        if (number_of(p->g, bound[i + 1], &v) && !(v >= q->min && v <= q->max))
            return FAIL(p, arg[i + 1].column, NULL, AX_ERANGE, "%s of '%s' is %g, expected %g to %g",
                        q->name, row->name, v, q->min, q->max);
    }
    return row_text(p, row, bound, column);
}

static value truth_of(parser *p, value v)
{
    if (v.node >= 0 && !v.truth)
        return FAIL(p, v.column, "a condition is something like x > 0", AX_ETYPE,
                    "a number where a condition is expected");
    return v;
}

static value call_shorthand(parser *p, int which, const value *arg)
{
    switch (which) {
    case 0:
        return intern(p, OP_MIN, intern(p, OP_MAX, arg[0], arg[1], none, 0), arg[2], none, 0);
    case 1: {
        value v = intern(p, OP_SELECT, truth_of(p, arg[0]), arg[1], arg[2], 0);
        v.truth = arg[1].truth && arg[2].truth;
        return v;
    }
    default:
        return intern(p, OP_POWI, arg[0], none, none, which);
    }
}

static value wrong_count(parser *p, const token *t, int expected, int n)
{
    return FAIL(p, (int)(t->at - p->text), NULL, AX_EINVAL, "'%.*s' takes %d argument%s, not %d",
                t->len, t->at, expected, expected == 1 ? "" : "s", n);
}

static value dispatch(parser *p, const token *t, const value *arg, int n)
{
    int op = formula_op_find(t->at, (size_t)t->len, n), any, which = shorthand(t);
    if (op >= OP_GATE && !p->names->rules)
        op = 0;
    if (op) {
        value v = intern(p, op, arg[0], n > 1 ? arg[1] : none, none, 0);
        v.truth = 0;
        return v;
    }
    if (which >= 0 && shorthands[which].args == n)
        return call_shorthand(p, which, arg);
    const ax_act_row *row = row_called(t);
    if (row)
        return call_row(p, t, row, arg, n);
    if (which >= 0)
        return wrong_count(p, t, shorthands[which].args, n);
    any = formula_op_find(t->at, (size_t)t->len, -1);
    return wrong_count(p, t, formula_op[any].args, n);
}

/* behind the name; the parenthesis is being looked at */
static value call(parser *p, const token *t)
{
    value arg[ARGS_MOST];
    int n = 0, column = (int)(t->at - p->text);
    if (!is_function(p, t)) {
        parser quiet = *p;
        quiet.failed = 1; /* only to see whether the name means something else */
        if (variable(&quiet, t).node >= 0)
            return FAIL(p, column_of(p), "a product is written with *", AX_EPARSE,
                        "'%.*s' is not a function", t->len, t->at);
        return unknown(p, t, 1);
    }
    advance(p);
    if (at_sign(p, ')'))
        return FAIL(p, column_of(p), NULL, AX_EPARSE, "'%.*s' needs an argument", t->len, t->at);
    for (;;) {
        if (n == ARGS_MOST)
            return FAIL(p, column_of(p), NULL, AX_ELIMIT, "'%.*s' has more than %d arguments",
                        t->len, t->at, ARGS_MOST);
        arg[n] = condition(p);
        if (arg[n++].node < 0)
            return (value){.node = -1};
        if (!at_sign(p, ','))
            break;
        advance(p);
    }
    if (expect(p, arg[0], ')', " after the arguments").node < 0)
        return (value){.node = -1};
    value v = dispatch(p, t, arg, n);
    v.column = column;
    return v;
}

/* ---- expressions ---- */

static value misplaced(parser *p)
{
    const token *t = &p->t;
    if (t->kind == T_END)
        return FAIL(p, column_of(p), NULL, AX_EPARSE,
                    p->t.at == p->text ? "the formula is empty"
                                       : "the formula ends where a value is expected");
    return FAIL(p, column_of(p), NULL, AX_EPARSE, "a value is expected, not '%.*s'", t->len, t->at);
}

static value atom(parser *p)
{
    token t = p->t;
    int column = column_of(p);
    if (t.kind == T_NUMBER) {
        advance(p);
        return constant(p, t.v, t.lo, column);
    }
    if (t.kind == T_NAME) {
        advance(p);
        return at_sign(p, '(') ? call(p, &t) : variable(p, &t);
    }
    if (!at_sign(p, '('))
        return misplaced(p);
    advance(p);
    value v = expect(p, condition(p), ')', "");
    v.column = column;
    return v;
}

static value power(parser *p)
{
    value base = atom(p);
    double n;
    if (base.node >= 0 && at_sign(p, '*' * 256 + '*'))
        return FAIL(p, column_of(p), "write x^2", AX_EPARSE, "a power is written with ^, not **");
    if (base.node < 0 || !at_sign(p, '^'))
        return base;
    advance(p);
    value exponent = unary(p);
    if (exponent.node < 0)
        return exponent;
    if (number_of(p->g, exponent.node, &n) && n == (int)n && n >= -POWER_MOST && n <= POWER_MOST)
        return intern(p, OP_POWI, base, none, none, (int)n);
    return intern(p, OP_POW, base, exponent, none, 0);
}

static int too_deep(parser *p)
{
    if (++p->depth <= AX_FORMULA_DEPTH)
        return 0;
    FAIL(p, column_of(p), "name a part: s = ...; and use s", AX_ELIMIT,
         "nested deeper than %d levels", AX_FORMULA_DEPTH);
    return 1;
}

static value unary(parser *p)
{
    int column = column_of(p), sign = p->t.kind == T_SIGN ? p->t.sign : 0;
    if (sign != '-' && sign != '+' && sign != '!')
        return power(p);
    if (too_deep(p))
        return (value){.node = -1};
    advance(p);
    value v = unary(p);
    p->depth--;
    if (sign == '!')
        v = intern(p, OP_NOT, truth_of(p, v), none, none, 0);
    else if (sign == '-')
        v = intern(p, OP_NEG, v, none, none, 0);
    else
        v.truth = 0;
    v.column = column;
    return v;
}

enum { OR = 1, AND, COMPARE, SUM, PRODUCT };

static const struct {
    int sign, level, op, swap;
} infix[] = {
    {'|' * 256 + '|', OR, OP_OR, 0},       {'&' * 256 + '&', AND, OP_AND, 0},
    {'<', COMPARE, OP_LT, 0},              {'<' * 256 + '=', COMPARE, OP_LE, 0},
    {'>', COMPARE, OP_LT, 1},              {'>' * 256 + '=', COMPARE, OP_LE, 1},
    {'=' * 256 + '=', COMPARE, OP_EQ, 0},  {'!' * 256 + '=', COMPARE, OP_NE, 0},
    {'+', SUM, OP_ADD, 0},                 {'-', SUM, OP_SUB, 0},
    {'*', PRODUCT, OP_MUL, 0},             {'/', PRODUCT, OP_DIV, 0},
};
enum { INFIX = sizeof infix / sizeof *infix };

static int infix_at(const parser *p)
{
    for (int i = 0; i < INFIX; i++)
        if (at_sign(p, infix[i].sign))
            return i;
    return -1;
}

static value binary(parser *p, int level)
{
    value a = unary(p);
    for (int i; a.node >= 0 && (i = infix_at(p)) >= 0 && infix[i].level >= level;) {
        int column = a.column, at = column_of(p);
        advance(p);
        value b = binary(p, infix[i].level + 1);
        if (infix[i].level <= AND)
            a = truth_of(p, a), b = truth_of(p, b);
        a = infix[i].swap ? intern(p, infix[i].op, b, a, none, 0)
                          : intern(p, infix[i].op, a, b, none, 0);
        a.column = column;
        int next = infix_at(p);
        if (infix[i].level == COMPARE && next >= 0 && infix[next].level == COMPARE)
            return FAIL(p, at, "write a < b && b < c", AX_EPARSE, "comparisons do not chain");
    }
    return a;
}

static value condition(parser *p)
{
    int column = column_of(p);
    if (too_deep(p))
        return (value){.node = -1};
    value c = binary(p, OR);
    if (c.node >= 0 && at_sign(p, '?')) {
        c = truth_of(p, c);
        advance(p);
        value a = expect(p, condition(p), ':', " between the two results of the condition");
        value b = a.node < 0 ? a : condition(p);
        c = intern(p, OP_SELECT, c, a, b, 0);
        c.truth = a.truth && b.truth;
        c.column = column;
    }
    p->depth--;
    return c;
}

/* ---- definitions, and the whole ---- */

/* A name for something new: not one that has a meaning already. NULL if it is fine. */
static const char *taken(const parser *p, const token *t)
{
    for (int i = 0; i < CONSTANTS; i++)
        if (is_name(t, constants[i].name))
            return "a constant";
    for (int i = 0; i < p->lets; i++)
        if (p->let[i].len == t->len && memcmp(p->let[i].name, t->at, (size_t)t->len) == 0)
            return "defined already";
    if (is_name(t, "x"))
        return "the argument";
    return is_function(p, t) ? "a function" : NULL;
}

static value definition(parser *p, const token *t)
{
    const char *why = taken(p, t);
    int column = (int)(t->at - p->text);
    for (int i = 0; !p->row && i < p->names->params && !why; i++)
        if (is_name(t, p->names->param[i].name))
            why = "a parameter";
    if (why)
        return FAIL(p, column, "choose another name", AX_EEXIST, "'%.*s' is %s", t->len, t->at, why);
    if (t->len > NAME_BYTES)
        return FAIL(p, column, NULL, AX_ELIMIT, "a name of %d characters, at most %d are allowed",
                    t->len, NAME_BYTES);
    if (p->lets == AX_FORMULA_LETS)
        return FAIL(p, column, NULL, AX_ELIMIT, "more than %d definitions", AX_FORMULA_LETS);
    advance(p); /* the = */
    value v = condition(p);
    if (v.node >= 0 && p->t.kind == T_SIGN && p->t.sign == '=')
        return FAIL(p, column_of(p), "equality is ==", AX_EPARSE, "'=' is for definitions");
    v = expect(p, v, ';', " after a definition");
    p->let[p->lets++] = (binding){t->at, t->len, v};
    return v;
}

static int defines(const parser *p)
{
    const char *s = p->at;
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    return p->t.kind == T_NAME && s[0] == '=' && s[1] != '=';
}

static value left_over(parser *p)
{
    const token *t = &p->t;
    int column = column_of(p);
    if (at_sign(p, '='))
        return FAIL(p, column, "equality is ==; definitions come first: s = ...;", AX_EPARSE,
                    "'=' is for definitions");
    if (t->kind == T_NUMBER || t->kind == T_NAME || at_sign(p, '('))
        return FAIL(p, column, "a product is written with *", AX_EPARSE,
                    "an operator is missing before '%.*s'", t->len, t->at);
    return FAIL(p, column, NULL, AX_EPARSE, "'%.*s' has nothing to close or continue", t->len, t->at);
}

static value whole_formula(parser *p)
{
    advance(p);
    while (!p->failed && defines(p)) {
        token name = p->t;
        advance(p);
        if (definition(p, &name).node < 0)
            return (value){.node = -1};
    }
    if (!p->failed && p->t.kind == T_END && p->lets)
        return FAIL(p, column_of(p), "definitions are followed by the value: s = exp(x); s*s",
                    AX_EPARSE, "the formula ends after its definitions");
    value v = p->failed ? (value){.node = -1} : condition(p);
    if (v.node >= 0 && p->t.kind != T_END)
        return left_over(p);
    return p->failed ? (value){.node = -1} : v;
}

static int check_params(parser *p)
{
    for (int i = 0; i < p->names->params; i++) {
        const char *name = p->names->param[i].name;
        token t = {.kind = T_NAME, .at = name, .len = (int)strlen(name)};
        int n = 0;
        while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= 'A' && name[n] <= 'Z') ||
               (n && ((name[n] >= '0' && name[n] <= '9') || name[n] == '_')))
            n++;
        if (!n || name[n] || n > NAME_BYTES)
            return ax_fail(p->err, AX_EINVAL,
                           "'%.60s' cannot name a parameter: a letter, then up to %d letters, "
                           "digits and _",
                           name, NAME_BYTES - 1);
        const char *why = p->names->rules ? NULL : taken(p, &t);
        for (int j = 0; j < i && !why; j++)
            if (strcmp(name, p->names->param[j].name) == 0)
                why = "declared twice";
        if (why)
            return ax_fail(p->err, AX_EEXIST, "parameter '%s' is %s", name, why);
    }
    return 0;
}

int formula_parse(fgraph *g, const char *text, const fnames *names, ax_err *err)
{
    ax_err own;
    parser p = {.g = g, .text = text, .at = text, .names = names, .err = err ? err : &own};
    if (check_params(&p) < 0)
        return -1;
    return whole_formula(&p).node;
}
