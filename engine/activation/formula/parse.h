/* parse.h - between parse.c (what expressions look like) and names.c (what names mean).
 * Private to these two. */
#ifndef AX_ACTIVATION_FORMULA_PARSE_H
#define AX_ACTIVATION_FORMULA_PARSE_H

#include <string.h>

#include "activation/formula/impl.h"

enum { ARGS_MOST = AX_ACT_PARAMS + 1 }; /* of a call */

/* node is -1 after an error; truth: a condition, not a number */
typedef struct value {
    int node, truth, column;
} value;

#define VALUE_NONE ((value){0}) /* where an operator has fewer arguments */

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

/* Report the first error: code and text as ax_fail(), the column, a hint or NULL. */
#define FAIL(p, column, hint, ...)                                                                 \
    (ax_fail((p)->failed ? NULL : (p)->err, __VA_ARGS__), formula_fail_at(p, column, hint))
value formula_fail_at(parser *p, int column, const char *hint);

/* v, or an error if it is no condition */
value formula_expect_truth(parser *p, value v);
/* Everything up to the end of the text. */
value formula_whole(parser *p);

/* ---- names.c ---- */

value formula_constant(parser *p, double v, double lo, int column);
/* op of values; the column is that of the first */
value formula_op_of(parser *p, int op, value a, value b, value c, int n);
/* The number a node stands for if it is one as written. */
int formula_number(const fgraph *g, int node, double *v);
value formula_variable(parser *p, const token *t);
int formula_is_function(const parser *p, const token *t);
/* after an unknown name: the error, with what else it could have been */
value formula_unknown(parser *p, const token *t, int function);
/* a function of n arguments, one at least */
value formula_call(parser *p, const token *t, const value *arg, int n);
/* why the name cannot be given to something new, or NULL */
const char *formula_taken(const parser *p, const token *t);
int formula_check_params(parser *p);

static inline int is_name(const token *t, const char *name)
{
    return t->kind == T_NAME && (int)strlen(name) == t->len &&
           memcmp(t->at, name, (size_t)t->len) == 0;
}

#endif
