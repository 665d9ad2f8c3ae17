/* dense.h - y (m,n) = act(x (m,k) . w (n,k)^T + b (n) + residual), for inference, with our own
 * micro-kernels: over packed weights, panels of 64 outputs [k][64], x broadcast, k in order; or over
 * weights as they lie, in dot products, which is for those too large to be held twice.
 * Bits of a row depend on the row alone. Nothing allocates or fails. Thread-safe. */
#ifndef AX_MATH_DENSE_H
#define AX_MATH_DENSE_H

#include <stdint.h>

#include "base/pool.h"
#include "math/epilogue.h"

int64_t ax_dense_packed(int64_t n, int64_t k); /* floats */
/* w (n,k) row-major; scale (n) multiplied into the rows, or NULL */
void ax_dense_pack(int64_t n, int64_t k, const float *w, const float *scale, float *packed);
void ax_dense(int64_t m, int64_t n, int64_t k, const float *x, const float *packed,
              const float *bias, const ax_epilogue *e, float *y, ax_pool *pool);

/* Over w (n,k) row-major itself; the products are scaled by scale (n) before the bias, or NULL. */
void ax_dense_dot(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                  const float *scale, const float *bias, const ax_epilogue *e, float *y,
                  ax_pool *pool);

/* the naive twin */
void ax_dense_naive(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                    const float *bias, float *y);

#endif
