/* act_reference_wide.h - 113 bits for references whose terms cancel at roots that move with
 * parameters or have no end: where a sum is small beside its terms it is made again with them. */
#ifndef TESTS_ACT_REFERENCE_WIDE_H
#define TESTS_ACT_REFERENCE_WIDE_H

#include <float.h>

#if LDBL_MANT_DIG >= 113
typedef long double wide;
#define wide_exp expl
#define wide_sin sinl
#define wide_cos cosl
#define wide_abs fabsl
#else
typedef __float128 wide;
/* clang's headers do not declare what glibc has */
wide expf128(wide);
wide sinf128(wide);
wide cosf128(wide);
wide fabsf128(wide);
#define wide_exp expf128
#define wide_sin sinf128
#define wide_cos cosf128
#define wide_abs fabsf128
#endif

/* y, or `again` where it is less than 2^-8 of its terms */
#define REF_CLOSE(y, size, again) (fabs(y) * 256 < (size) ? (real)(again) : (y))

#endif
