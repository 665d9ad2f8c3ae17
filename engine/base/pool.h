/* pool.h - the only threads of the engine.
 *
 * A job is "call fn for i = 0..n-1"; the caller works too and returns when all are done. Who runs
 * which i is not fixed, so fn must make result i a function of i alone: then the bits do not depend
 * on the number of threads. Several callers may run jobs at once; idle workers help whichever job
 * is oldest. A job started from inside a job runs inline. Workers spin briefly, then sleep. */
#ifndef AX_BASE_POOL_H
#define AX_BASE_POOL_H

#include "base/err.h"

typedef struct ax_pool ax_pool;

/* A pool in which a job may use up to `threads` threads, the caller included (so threads-1 are
 * started; at most 1024). threads <= 0: one per core that this process may use, by its affinity and
 * its cgroup's quota. NULL on failure. */
ax_pool *ax_pool_new(int threads, ax_err *err);
void ax_pool_free(ax_pool *p); /* no job may be running; NULL is fine */

/* Threads a job may use, the caller included; 1 for NULL. */
int ax_pool_size(const ax_pool *p);

/* From the first job on, which is still to come, a thread offers its core to others between two tasks,
 * about three times a millisecond. A low priority alone does not do that: Linux lets who wakes up wait
 * for the next tick, up to 4 ms, whenever it had a little more than its share before. */
void ax_pool_give_way(ax_pool *p);

/* Run fn(ctx, i, worker) for i in [0,n). `worker` is in [0, ax_pool_size) and no two calls of the
 * same job run at once with the same worker: index per-worker scratch with it.
 * p NULL: everything runs here, worker 0. From inside a job of the same pool: everything runs here
 * too, with the worker this thread is already (so scratch that both jobs index stays its own). A
 * job of one task is a plain call: jobs started inside it may use the pool. Thread-safe. */
void ax_pool_run(ax_pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx);

/* The same for work that can wait: workers take a task of it only when no other job has one left
 * for them. One such job at a time; the thread that put it off calls ax_pool_catch_up(), which does
 * what is left of it and waits for the rest; without one it does nothing. p may not be NULL, and
 * neither is to be called from inside a job. */
void ax_pool_put_off(ax_pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx);
void ax_pool_catch_up(ax_pool *p);

#endif
