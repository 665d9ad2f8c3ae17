/* parse.c - tokens to a graph, exactly as written.
 *
 * Operators by precedence climbing; what nests (parentheses, calls, conditions, signs, exponents)
 * counts against AX_FORMULA_DEPTH, so hostile text cannot exhaust the stack. A value knows whether
 * it is a number or a truth: conditions want truths, arithmetic takes truths as 1 and 0.
 *
 * What names mean is the business of names.c. */
#include "activation/formula/parse.h"

static value condition(parser *p);
static value unary(parser *p);

static int column_of(const parser *p)
{
    return (int)(p->t.at - p->text);
}

value formula_fail_at(parser *p, int column, const char *hint)
{
    if (!p->failed)
        formula_error_at(p->err, p->text, column, hint);
    p->failed = 1;
    return (value){.node = -1};
}

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

static value expect(parser *p, value v, int sign, const char *where)
{
    if (v.node < 0)
        return v;
    if (!at_sign(p, sign)) {
        if (p->t.kind == T_END)
            return FAIL(p, column_of(p), NULL, AX_EPARSE,
                        "the formula ends where '%c' is missing%s", sign, where);
        return FAIL(p, column_of(p), NULL, AX_EPARSE, "'%c' is expected%s, not '%.*s'", sign, where,
                    p->t.len, p->t.at);
    }
    advance(p);
    return v;
}

/* ---- expressions ---- */

value formula_expect_truth(parser *p, value v)
{
    if (v.node >= 0 && !v.truth)
        return FAIL(p, v.column, "a condition is something like x > 0", AX_ETYPE,
                    "a number where a condition is expected");
    return v;
}

/* behind the name; the parenthesis is being looked at */
static value call(parser *p, const token *t)
{
    value arg[ARGS_MOST];
    int n = 0, column = (int)(t->at - p->text);
    if (!formula_is_function(p, t)) {
        parser quiet = *p;
        quiet.failed = 1; /* only to see whether the name means something else */
        if (formula_variable(&quiet, t).node >= 0)
            return FAIL(p, column_of(p), "a product is written with *", AX_EPARSE,
                        "'%.*s' is not a function", t->len, t->at);
        return formula_unknown(p, t, 1);
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
    value v = formula_call(p, t, arg, n);
    v.column = column;
    return v;
}

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
        return formula_constant(p, t.v, t.lo, column);
    }
    if (t.kind == T_NAME) {
        advance(p);
        return at_sign(p, '(') ? call(p, &t) : formula_variable(p, &t);
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
    if (formula_number(p->g, exponent.node, &n) && n >= -POWER_MOST &&
        n <= POWER_MOST && n == (int)n)
        return formula_op_of(p, OP_POWI, base, VALUE_NONE, VALUE_NONE, (int)n);
    return formula_op_of(p, OP_POW, base, exponent, VALUE_NONE, 0);
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
        v = formula_op_of(p, OP_NOT, formula_expect_truth(p, v), VALUE_NONE, VALUE_NONE, 0);
    else if (sign == '-')
        v = formula_op_of(p, OP_NEG, v, VALUE_NONE, VALUE_NONE, 0);
    else
        v.truth = 0;
    v.column = column;
    return v;
}

enum { OR = 1, AND, COMPARE, SUM, PRODUCT };

static const struct {
    int sign, level, op, swap;
} infix[] = {
    {'|' * 256 + '|', OR, OP_OR, 0},
    {'&' * 256 + '&', AND, OP_AND, 0},
    {'<', COMPARE, OP_LT, 0},
    {'<' * 256 + '=', COMPARE, OP_LE, 0},
    {'>', COMPARE, OP_LT, 1},
    {'>' * 256 + '=', COMPARE, OP_LE, 1},
    {'=' * 256 + '=', COMPARE, OP_EQ, 0},
    {'!' * 256 + '=', COMPARE, OP_NE, 0},
    {'+', SUM, OP_ADD, 0},
    {'-', SUM, OP_SUB, 0},
    {'*', PRODUCT, OP_MUL, 0},
    {'/', PRODUCT, OP_DIV, 0},
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
            a = formula_expect_truth(p, a), b = formula_expect_truth(p, b);
        a = infix[i].swap ? formula_op_of(p, infix[i].op, b, a, VALUE_NONE, 0)
                          : formula_op_of(p, infix[i].op, a, b, VALUE_NONE, 0);
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
        c = formula_expect_truth(p, c);
        advance(p);
        value a = expect(p, condition(p), ':', " between the two results of the condition");
        value b = a.node < 0 ? a : condition(p);
        c = formula_op_of(p, OP_SELECT, c, a, b, 0);
        c.truth = a.truth && b.truth;
        c.column = column;
    }
    p->depth--;
    return c;
}

/* ---- definitions, and the whole ---- */

static value definition(parser *p, const token *t)
{
    const char *why = formula_taken(p, t);
    int column = (int)(t->at - p->text);
    for (int i = 0; !p->row && i < p->names->params && !why; i++)
        if (is_name(t, p->names->param[i].name))
            why = "a parameter";
    if (why)
        return FAIL(p, column, "choose another name", AX_EEXIST, "'%.*s' is %s", t->len, t->at,
                    why);
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
    return FAIL(p, column, NULL, AX_EPARSE, "'%.*s' has nothing to close or continue", t->len,
                t->at);
}

value formula_whole(parser *p)
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

int formula_parse(fgraph *g, const char *text, const fnames *names, ax_err *err)
{
    ax_err own;
    parser p = {.g = g, .text = text, .at = text, .names = names, .err = err ? err : &own};
    if (formula_check_params(&p) < 0)
        return -1;
    return formula_whole(&p).node;
}
