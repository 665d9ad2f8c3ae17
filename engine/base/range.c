/* range.c - see range.h. */
#include "base/range.h"

#include <limits.h>

typedef struct job {
    void (*fn)(void *ctx, int64_t from, int64_t to);
    void *ctx;
    int64_t total, grain;
} job;

static void piece(void *ctx, int i, int worker)
{
    (void)worker;
    const job *j = ctx;
    int64_t from = i * j->grain, to = from + j->grain;
    j->fn(j->ctx, from, to < j->total ? to : j->total);
}

void ax_range(ax_pool *p, int64_t total, int64_t grain,
              void (*fn)(void *ctx, int64_t from, int64_t to), void *ctx)
{
    if (total <= 0)
        return;
    if (grain < total / INT_MAX + 1)
        grain = total / INT_MAX + 1;
    if (grain >= total) {
        fn(ctx, 0, total);
        return;
    }
    job j = {fn, ctx, total, grain};
    ax_pool_run(p, (int)((total + grain - 1) / grain), piece, &j);
}
