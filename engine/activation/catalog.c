/* catalog.c - the activation functions, one row each: everything people and machines ask about.
 *
 * To add one: a row in the catalog_*.inc of its family, its name in the list of kernel.h, and its
 * formulas (f, f' and f'') in one of the *.isa.c files. Formulas are the mathematics, in the grammar
 * of formula.h; derivatives are written as the kernels compute them, so that a reader sees the form
 * that does not cancel. Defaults differ between frameworks; where they do, the doc line says so.
 * A framework that needs to be told to mean this function has it as the call one writes there:
 * gelu(approximate=True). */
#include "activation/kernel.h"

#define K(k) .kernel = AX_ACT_K_##k

static const ax_act_row rows[] = {
#include "activation/catalog_sigmoidal.inc"
#include "activation/catalog_rectifier.inc"
#include "activation/catalog_shrink.inc"
#include "activation/catalog_gated.inc"
#include "activation/catalog_periodic.inc"
#include "activation/catalog_vector.inc"
};

const ax_act_row *ax_act_catalog(int *count)
{
    *count = (int)(sizeof rows / sizeof *rows);
    return rows;
}
