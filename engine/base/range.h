/* range.h - split [0,total) into stretches of `grain` (the last may be shorter) over a pool.
 *
 * The cuts depend on total and grain alone, never on the number of threads. grain <= 0
 * counts as 1. */
#ifndef AX_BASE_RANGE_H
#define AX_BASE_RANGE_H

#include <stdint.h>

#include "base/pool.h"

void ax_range(ax_pool *p, int64_t total, int64_t grain,
              void (*fn)(void *ctx, int64_t from, int64_t to), void *ctx);

#endif
