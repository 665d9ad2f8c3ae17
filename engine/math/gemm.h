/* gemm.h - the only door to OpenBLAS: one thread per call, always.
 *
 * OpenBLAS's thread count is process-global and its concurrent threaded level-3 calls can corrupt
 * results (OpenBLAS #5836), so our pool does the parallel work: ax_gemm_pool cuts C into slices that
 * depend on the sizes only and computes each with one single-threaded call, so bits do not depend
 * on the number of threads. Thread-safe. */
#ifndef AX_MATH_GEMM_H
#define AX_MATH_GEMM_H

#include <stdint.h>

#include "base/pool.h"

/* Row-major C (m,n) = alpha * op(A) (m,k) . op(B) (k,n) + beta * C. ta/tb: non-zero transposes. */
void ax_gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

void ax_gemm_pool(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc,
                  ax_pool *pool);

/* "OpenBLAS 0.3.21 (Cooperlake)" */
const char *ax_gemm_version(void);

#endif
