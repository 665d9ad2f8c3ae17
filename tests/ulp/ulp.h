/* ulp.h - how far the activations are from the mathematics, over all float32 inputs.
 *
 * Two independent judges, from fast to sure:
 *   the reference   stable formulas in double (tests/act_reference*.h), good to about 2^-45
 *   MPFR            the row's formula text at 640 bits and more; derivatives are its differences
 * MPFR is asked where the rounding of the reference is close, and for every new maximum, so the
 * reference need not be believed where it matters. */
#ifndef TESTS_ULP_ULP_H
#define TESTS_ULP_ULP_H

#include <stddef.h>
#include <stdint.h>

#include "activation/activation.h"

enum { ULP_BLOCK = 4096, ULP_EDGES = 16 };

/* f, f' or f'' of x[0..n) in double */
typedef void ulp_fn(const double *p, const float *x, double *r, size_t n);

typedef struct ulp_case {
    const char *name;
    double p[AX_ACT_PARAMS];
    ulp_fn *fn[3];
    double rises;
    float edges[ULP_EDGES]; /* 0 ends the list */
} ulp_case;

/* All references, several of one name with different parameters. */
const ulp_case *ulp_cases(int *count);

/* f (order 0), f' or f'' of a bound activation at x from the text of its formula. NaN when the text
 * cannot be judged (a name or a form that the judge does not know); *why then says so. Slow. */
double ulp_judge(const ax_act *a, int order, float x, const char **why);

typedef struct ulp_result {
    double max, max_subnormal; /* ULP: over all results, over subnormal results */
    float at;                  /* where max is                                  */
    uint64_t inputs, rounded;  /* how many, how many correctly rounded          */
    uint64_t asked;            /* how often MPFR was asked                      */
    char fault[200];           /* what else is wrong: a lost NaN, a fall; ""    */
} ulp_result;

#endif
