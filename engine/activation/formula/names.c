/* names.c - what names mean in a formula: x, parameters, constants, definitions, functions, and
 * rows of the catalogue.
 *
 * A row stands for its own text, which is parsed with x and the parameters bound to the arguments.
 * Functions of the table in impl.h come first. */
#include <stdio.h>
#include <string.h>

#include "activation/formula/parse.h"
#include "base/number.h"

enum { ROWS_NESTED = 8 };

value formula_op_of(parser *p, int op, value a, value b, value c, int n)
{
    if (a.node < 0 || b.node < 0 || c.node < 0)
        return (value){.node = -1};
    fnode node = {.op = (uint8_t)op, .arg = {a.node, b.node, c.node}, .n = n};
    return (value){formula_intern(p->g, node), op >= OP_LT && op <= OP_NOT, a.column};
}

value formula_constant(parser *p, double v, double lo, int column)
{
    fnode n = {.op = OP_CONST, .v = v, .lo = lo};
    return (value){formula_intern(p->g, n), 0, column};
}

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

int formula_is_function(const parser *p, const token *t)
{
    int op = formula_op_find(t->at, (size_t)t->len, -1);
    if (op >= OP_GATE && !p->names->rules)
        op = 0;
    return op || shorthand(t) >= 0 || row_called(t);
}

static int copied(const char *name, char to[64])
{
    snprintf(to, 64, "%s", name ? name : "");
    return name != NULL;
}

/* What else the name could have been, copied to near[], since names of lets are made here; 0 when
 * nothing is close. */
static int nearest(const parser *p, const token *t, int function, char near[64])
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
        return copied(ax_nearest(name, all, n), near);
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
    return copied(ax_nearest(name, all, n), near);
}

/* How a parameter is declared in JSON, its name in the middle. */
#define DECLARE "a parameter must be declared: "
static const char declare_before[] = DECLARE "\"params\":{\"", declare_after[] = "\":1}";

void ax_formula_declare_as(ax_err *err, const char *before, const char *after)
{
    const char *name = err->hint + strlen(declare_before);
    const char *end = strncmp(err->hint, declare_before, strlen(declare_before)) ? NULL : strstr(name, declare_after);
    if (end)
        ax_err_hint(err, DECLARE "%s%.*s%s%s", before, (int)(end - name), name, after,
                    end + strlen(declare_after));
}

value formula_unknown(parser *p, const token *t, int function)
{
    char hint[128] = "", near[64];
    if (nearest(p, t, function, near))
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    else if (!function)
        snprintf(hint, sizeof hint, "%s%.*s%s", declare_before, t->len > 40 ? 40 : t->len, t->at, declare_after);
    return FAIL(p, (int)(t->at - p->text), hint, AX_ENOTFOUND, "unknown %s '%.*s'",
                function ? "function" : "name", t->len > 60 ? 60 : t->len, t->at);
}

value formula_variable(parser *p, const token *t)
{
    int column = (int)(t->at - p->text);
    fnode n = {.op = OP_PARAM};
    if (is_name(t, "x"))
        return (value){p->row ? p->bound[0] : formula_intern(p->g, (fnode){.op = OP_VAR}), 0,
                       column};
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
            return formula_constant(p, constants[i].v, constants[i].lo, column);
    if (formula_is_function(p, t)) {
        char hint[96];
        snprintf(hint, sizeof hint, "write %.*s(x)", t->len > 60 ? 60 : t->len, t->at);
        return FAIL(p, column, hint, AX_EPARSE, "'%.*s' is a function and needs its argument",
                    t->len, t->at);
    }
    return formula_unknown(p, t, 0);
}

/* ---- calls ---- */

/* The number a node stands for if it is one as written. */
int formula_number(const fgraph *g, int node, double *v)
{
    const fnode *n = node_of(g, node);
    if (n->op == OP_NEG && is_op(g, n->arg[0], OP_CONST))
        return *v = -g->node[n->arg[0]].v, 1;
    return *v = n->v, n->op == OP_CONST;
}

static value row_text(parser *p, const ax_act_row *row, const int *bound, int column)
{
    parser q = {.g = p->g,
                .text = row->formula,
                .at = row->formula,
                .names = p->names,
                .row = row,
                .bound = bound,
                .outer = p,
                .rows = p->rows + 1};
    ax_err err = {0};
    q.err = &err;
    for (const parser *o = p; o; o = o->outer)
        if (o->row == row || q.rows > ROWS_NESTED)
            return FAIL(p, column, NULL, AX_EUNSUPPORTED, "'%s' is defined by itself", row->name);
    value v = formula_whole(&q);
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
            bound[i + 1] = formula_constant(p, q->def, 0, column).node;
            continue;
        }
        bound[i + 1] = arg[i + 1].node;
        if (formula_number(p->g, bound[i + 1], &v) && !(v >= q->min && v <= q->max))
            return FAIL(p, arg[i + 1].column, NULL, AX_ERANGE,
                        "%s of '%s' is %s, expected %s to %s", q->name, row->name, AX_NUMBER(v),
                        AX_NUMBER(q->min), AX_NUMBER(q->max));
    }
    return row_text(p, row, bound, column);
}

static value call_shorthand(parser *p, int which, const value *arg)
{
    switch (which) {
    case 0:
        return formula_op_of(p, OP_MIN, formula_op_of(p, OP_MAX, arg[0], arg[1], VALUE_NONE, 0),
                             arg[2], VALUE_NONE, 0);
    case 1: {
        value v = formula_op_of(p, OP_SELECT, formula_expect_truth(p, arg[0]), arg[1], arg[2], 0);
        v.truth = arg[1].truth && arg[2].truth;
        return v;
    }
    default:
        return formula_op_of(p, OP_POWI, arg[0], VALUE_NONE, VALUE_NONE, which);
    }
}

static value wrong_count(parser *p, const token *t, int expected, int n)
{
    return FAIL(p, (int)(t->at - p->text), NULL, AX_EINVAL, "'%.*s' takes %d argument%s, not %d",
                t->len, t->at, expected, expected == 1 ? "" : "s", n);
}

value formula_call(parser *p, const token *t, const value *arg, int n)
{
    int op = formula_op_find(t->at, (size_t)t->len, n), any, which = shorthand(t);
    if (op >= OP_GATE && !p->names->rules)
        op = 0;
    if (op) {
        value v = formula_op_of(p, op, arg[0], n > 1 ? arg[1] : VALUE_NONE, VALUE_NONE, 0);
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

/* ---- new names ---- */

/* A name for something new: not one that has a meaning already. NULL if it is fine. */
const char *formula_taken(const parser *p, const token *t)
{
    for (int i = 0; i < CONSTANTS; i++)
        if (is_name(t, constants[i].name))
            return "a constant";
    for (int i = 0; i < p->lets; i++)
        if (p->let[i].len == t->len && memcmp(p->let[i].name, t->at, (size_t)t->len) == 0)
            return "defined already";
    if (is_name(t, "x"))
        return "the argument";
    return formula_is_function(p, t) ? "a function" : NULL;
}

int formula_check_params(parser *p)
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
        const char *why = p->names->rules ? NULL : formula_taken(p, &t);
        for (int j = 0; j < i && !why; j++)
            if (strcmp(name, p->names->param[j].name) == 0)
                why = "declared twice";
        if (why)
            return ax_fail(p->err, AX_EEXIST, "parameter '%s' is %s", name, why);
    }
    return 0;
}
