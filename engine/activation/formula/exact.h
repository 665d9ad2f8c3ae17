/* exact.h - one output of a graph at one point in 113 bits, with a bound of its error.
 * Private to engine/activation/formula and its tests. */
#ifndef AX_ACTIVATION_FORMULA_EXACT_H
#define AX_ACTIVATION_FORMULA_EXACT_H

#include "activation/formula/ball.h"
#include "activation/formula/impl.h"

/* which: as in formula.h; root is the node of f. The error is infinite where nothing is known. */
ball formula_ball(const fgraph *g, int root, int which, const double *p, quad x);

#endif
