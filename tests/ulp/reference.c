/* reference.c - the references of tests/act_reference*.h compiled for blocks of doubles.
 *
 * glibc's vector functions (libmvec, 4 ULP of double) make them ten times faster where the compiler
 * finds them; no other freedom is given to it, so the formulas stay as they are written. */
#if defined(__x86_64__) && !defined(__clang__)
#define VECTOR __attribute__((simd("notinbranch"), const))
VECTOR double exp(double);
VECTOR double expm1(double);
VECTOR double log(double);
VECTOR double log1p(double);
VECTOR double tanh(double);
VECTOR double sinh(double);
VECTOR double cosh(double);
VECTOR double erf(double);
VECTOR double erfc(double);
VECTOR double atan(double);
#endif

#include "tests/ulp/ulp.h"

#define AX_REAL double
typedef ulp_fn ref_fn;
#define REF_DEFINE(fn, expr)                                                                       \
    static inline real fn##_at(const double *p, real x)                                            \
    {                                                                                              \
        (void)p, (void)x;                                                                          \
        return expr;                                                                               \
    }                                                                                              \
    static void fn(const double *p, const float *x, double *r, size_t n)                           \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = fn##_at(p, (real)x[i]);                                                         \
    }
#include "tests/act_reference.h"

_Static_assert((int)REF_EDGES == (int)ULP_EDGES, "the places of a case are copied as a whole");

const ulp_case *ulp_cases(int *count)
{
    static ulp_case cases[REF_CASES];
    for (int i = 0; i < REF_CASES; i++) {
        const ref_case *c = &ref_cases[i];
        cases[i] = (ulp_case){.name = c->name, .fn = {c->f, c->d, c->dd}, .rises = c->rises};
        memcpy(cases[i].p, c->p, sizeof c->p);
        memcpy(cases[i].edges, c->edges, sizeof c->edges);
    }
    *count = REF_CASES;
    return cases;
}
