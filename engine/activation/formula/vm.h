/* vm.h - the operations of programs over blocks of doubles, one table per instruction set.
 *
 * Blocks are padded to whole vectors (lengths are multiples of 16): there is no tail whose bits
 * could differ. Private to engine/activation/formula. */
#ifndef AX_ACTIVATION_FORMULA_VM_H
#define AX_ACTIVATION_FORMULA_VM_H

#include "activation/formula/impl.h"
#include "math/isa_table.h"

/* d[i] = op(a[i], b[i], c[i]) for i < len, a multiple of 16. Bit k of `scalars`: argument k is one
 * number. n: the exponent of POWI. d may be one of the arguments. */
typedef void formula_vm_op(double *d, const double *a, const double *b, const double *c,
                           int scalars, int n, size_t len);

typedef struct formula_vm {
    formula_vm_op *op[OP_COUNT];
    /* n floats to doubles, zeros up to the next multiple of 16 */
    void (*load)(const float *x, double *d, size_t n);
    /* y = v, or dy v if dy is not NULL, rounded once. scalar: v is one number. Non-zero if some x
     * or v is NaN or infinite (in the padding, too): then NaN in x has yet to be put into y. */
    int (*store)(const double *v, int scalar, const double *x, const float *dy, float *y, size_t n);
} formula_vm;
AX_ISA_TABLES(formula_vm)

#endif
