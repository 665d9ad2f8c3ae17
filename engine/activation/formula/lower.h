/* lower.h - a formula in the few operations that every other program has, for export.
 *
 * Functions that ONNX lacks, or that its runtimes do not have for doubles, are spelled out in
 * others; what is left are steps in an order in which arguments come first. Names of operations are
 * those of ONNX, whose meaning they have at opset 13. Thread-safe. */
#ifndef AX_ACTIVATION_FORMULA_LOWER_H
#define AX_ACTIVATION_FORMULA_LOWER_H

#include "activation/formula/formula.h"

typedef enum ax_step_kind {
    AX_STEP_X,      /* the argument                             */
    AX_STEP_NUMBER, /* v                                        */
    AX_STEP_PARAM,  /* parameter number `param`, whose value is v */
    AX_STEP_OP      /* op of arg[0..args)                       */
} ax_step_kind;

typedef struct ax_formula_step {
    ax_step_kind kind;
    const char *op; /* "Add", "Where"...; "Cast" makes a number of a truth */
    int args, arg[3], param;
    int truth; /* the result is a truth, not a number */
    double v;
} ax_formula_step;

/* The function itself (no derivative) as steps in the arena, the last of which is the result, a
 * number; p: the parameters' values. Where plain arithmetic would give something else than
 * ax_formula_run() at an infinity, or a number for a NaN, further steps mend it. Returns how many
 * steps; -1 with AX_ELIMIT when they are too many, or AX_ENOMEM. */
int ax_formula_lower(const ax_formula *f, const double *p, ax_arena *arena,
                     const ax_formula_step **steps, ax_err *err);

#endif
