/* ops.c - what a formula is made of, as a table. */
#include <string.h>

#include "activation/formula/impl.h"

const op_info formula_op[OP_COUNT] = {
#define AX_FORMULA_ROW(op, name, args, cost, doc) [OP_##op] = {name, args, cost, doc},
    AX_FORMULA_OPS(AX_FORMULA_ROW)
#undef AX_FORMULA_ROW
};

int formula_op_find(const char *name, size_t len, int args)
{
    for (int op = 1; op < OP_COUNT && len; op++)
        if (strlen(formula_op[op].name) == len && memcmp(formula_op[op].name, name, len) == 0 &&
            (args < 0 || formula_op[op].args == args))
            return op;
    return 0;
}

const ax_formula_function *ax_formula_functions(int *count)
{
    static const ax_formula_function table[] = {
#define AX_FORMULA_DOC(op, name, args, cost, doc) {name, args, doc},
        AX_FORMULA_CALLS(AX_FORMULA_DOC)
#undef AX_FORMULA_DOC
            {"clip", 3, "clip(x, lo, hi) is min(max(x, lo), hi)"},
        {"where", 3, "where(c, a, b) is c ? a : b"},
        {"sq", 1, "x^2"},
        {"cube", 1, "x^3"},
    };
    *count = (int)(sizeof table / sizeof *table);
    return table;
}
