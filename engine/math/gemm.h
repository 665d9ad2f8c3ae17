/* gemm.h - matrix products: OpenBLAS for one thread, our own tiles for a pool.
 *
 * ax_gemm is the only door to OpenBLAS, one thread per call, always: its thread count is
 * process-global and its concurrent threaded level-3 calls can corrupt results (OpenBLAS #5836).
 *
 * ax_gemm_pool is what training calls. It runs the dense layer's micro-kernel over panels of op(B)
 * packed as they are needed, which is faster than OpenBLAS on the shapes of training even on one
 * thread and loses nothing when cut: each element of C is one accumulation in the order of k, begun
 * from beta*C, so its bits depend on its row of op(A) and its column of op(B) alone.
 *
 * Neither allocates or fails. Thread-safe. */
#ifndef AX_MATH_GEMM_H
#define AX_MATH_GEMM_H

#include <stdint.h>

#include "base/pool.h"

/* Row-major C (m,n) = alpha * op(A) (m,k) . op(B) (k,n) + beta * C. ta/tb: non-zero transposes.
 * m, n and k may be 0; with beta 0, C is not read. Sizes and leading dimensions of ax_gemm are
 * below 2^31. */
void ax_gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

void ax_gemm_pool(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc,
                  ax_pool *pool);

/* "OpenBLAS 0.3.21 (Cooperlake)" */
const char *ax_gemm_version(void);

#endif
