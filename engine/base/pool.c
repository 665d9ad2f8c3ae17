/* pool.c - the only threads of the engine; see pool.h.
 *
 * A job lives on its caller's stack and hangs in a list, oldest first, until its tasks are claimed,
 * which is done by adding to job->next; nothing else is shared on the hot path. The lock guards the
 * list, the comings and goings of helpers, and the decision to sleep; it is never held while a task
 * runs. Who finds no work spins for a few microseconds, watching only `published`, because the next
 * layer of a network is usually that near; then it sleeps. A caller that has run out of tasks takes
 * its job off the list and waits for the helpers still inside: spinning first, then asleep.
 *
 * The one job that may wait for later is not in the list: a worker that finds nothing there does
 * one task of it, and looks again. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cores.h"

enum { CACHE_LINE = 64, MOST_THREADS = 1024, SPIN_NS = 20000, YIELD_NS = 5000, GIVE_WAY_NS = 300000 };

typedef struct job job;
struct job {
    void (*fn)(void *ctx, int i, int worker);
    void *ctx;
    int64_t n;
    job *older, *newer;  /* guarded by the pool's lock */
    int caller_sleeps;   /* guarded by the pool's lock */
    pthread_cond_t done; /* the last helper has left   */
    _Alignas(CACHE_LINE) atomic_llong next; /* 64 bits: every thread adds one too many         */
    _Alignas(CACHE_LINE) atomic_int helpers; /* changed under the lock, watched without by the
                                                caller */
};

typedef struct worker {
    ax_pool *pool;
    pthread_t thread;
    int index; /* 1 .. size-1 */
} worker;

struct ax_pool {
    int size;
    int gives_way; /* see ax_pool_give_way(); set before the first job */
    worker *workers; /* size-1 */
    _Alignas(CACHE_LINE) pthread_mutex_t lock;
    pthread_cond_t wake;
    job *oldest, *newest; /* guarded by lock, as are the next three                        */
    int sleeping;         /* workers in a wait on `wake`                                   */
    int spinning;         /* workers that spin and that no job counts on yet               */
    int stop;
    job *later; /* guarded by lock: &put_off or NULL */
    job put_off;
    _Alignas(CACHE_LINE) atomic_uint published; /* jobs so far: what spinning workers watch */
};

/* The job this thread is inside of: its pool, and this thread's index in it. */
static _Thread_local struct {
    ax_pool *pool;
    int worker;
} inside;

/* ---- spinning -------------------------------------------------------------------------------- */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* One breath of waiting since `start`: pauses at first, later the core is offered to others (there
 * may be more threads than cores). 0 when it is time to sleep. */
static int spin_on(int64_t start)
{
    for (int i = 0; i < 4; i++)
        relax();
    int64_t spent = now_ns() - start;
    if (spent > YIELD_NS)
        sched_yield();
    return spent < SPIN_NS;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* Between tasks, now and then. */
static void give_way(const ax_pool *p)
{
    static _Thread_local int64_t last;
    if (!p || !p->gives_way)
        return;
    int64_t now = now_ns();
    if (now - last < GIVE_WAY_NS)
        return;
    last = now;
    sched_yield();
}

/* One task; 0 when all are claimed. */
static int one_task(const ax_pool *p, job *j, int index)
{
    long long i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
    if (i >= j->n)
        return 0;
    j->fn(j->ctx, (int)i, index);
    give_way(p);
    return 1;
}

static void work(const ax_pool *p, job *j, int index)
{
    while (one_task(p, j, index))
        ;
}

static int has_tasks(job *j)
{
    return atomic_load_explicit(&j->next, memory_order_relaxed) < j->n;
}

/* The oldest job with tasks nobody has claimed; when there is none, the one put off. Lock held. */
static job *find_job(ax_pool *p)
{
    job *j = p->oldest;
    while (j && !has_tasks(j))
        j = j->newer;
    return j || !p->later || !has_tasks(p->later) ? j : p->later;
}

/* Hang j in the list and count on idle workers for it. */
static void publish(ax_pool *p, job *j)
{
    int want = j->n < p->size ? (int)j->n - 1 : p->size - 1;
    pthread_mutex_lock(&p->lock);
    j->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = j;
    p->newest = j;
    int awake = want < p->spinning ? want : p->spinning;
    p->spinning -= awake;
    int wake = want - awake < p->sleeping ? want - awake : p->sleeping, all = wake == p->sleeping;
    pthread_mutex_unlock(&p->lock);
    /* Told only now, so that who hears of it finds the lock free. */
    atomic_fetch_add_explicit(&p->published, 1, memory_order_relaxed);
    if (wake && all)
        pthread_cond_broadcast(&p->wake);
    else
        while (wake-- > 0)
            pthread_cond_signal(&p->wake);
}

static int helpers_left(job *j)
{
    return atomic_load_explicit(&j->helpers, memory_order_acquire);
}

/* No new helpers; wait for those inside. The acquire in helpers_left makes their writes visible:
 * the last one's by itself, the others' through the lock they all passed. */
static void retire(ax_pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    if (j == p->later) {
        p->later = NULL;
    } else {
        *(j->older ? &j->older->newer : &p->oldest) = j->newer;
        *(j->newer ? &j->newer->older : &p->newest) = j->older;
    }
    pthread_mutex_unlock(&p->lock);
    if (!helpers_left(j))
        return;
    int64_t start = now_ns();
    while (helpers_left(j) && spin_on(start))
        ;
    if (!helpers_left(j))
        return;
    pthread_mutex_lock(&p->lock);
    j->caller_sleeps = 1;
    while (helpers_left(j))
        pthread_cond_wait(&j->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

/* Lock held. The counter comes last: a spinning caller that sees 0 is gone, and its job with it. */
static void leave(job *j)
{
    if (j->caller_sleeps && helpers_left(j) == 1)
        pthread_cond_signal(&j->done);
    atomic_fetch_sub_explicit(&j->helpers, 1, memory_order_release);
}

/* ---- workers --------------------------------------------------------------------------------- */

/* Wait for something to do: spin if a job was seen lately (*hot), else sleep. Lock held, given up
 * meanwhile. */
static void idle(ax_pool *p, int *hot)
{
    if (*hot) {
        unsigned seen = atomic_load_explicit(&p->published, memory_order_relaxed);
        p->spinning++;
        pthread_mutex_unlock(&p->lock);
        int64_t start = now_ns();
        while (atomic_load_explicit(&p->published, memory_order_relaxed) == seen && spin_on(start))
            ;
        pthread_mutex_lock(&p->lock);
        if (p->spinning)
            p->spinning--;
        *hot = atomic_load_explicit(&p->published, memory_order_relaxed) != seen;
    } else {
        p->sleeping++;
        pthread_cond_wait(&p->wake, &p->lock);
        p->sleeping--;
        *hot = 1;
    }
}

static void *worker_main(void *arg)
{
    const worker *w = arg;
    ax_pool *p = w->pool;
    int hot = 0;
    char name[16];
    snprintf(name, sizeof name, "axon-%d", w->index);
    pthread_setname_np(pthread_self(), name);
    inside.pool = p;
    inside.worker = w->index;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        job *j = find_job(p);
        if (!j) {
            idle(p, &hot);
            continue;
        }
        atomic_fetch_add_explicit(&j->helpers, 1, memory_order_relaxed);
        pthread_mutex_unlock(&p->lock);
        if (j == &p->put_off)
            one_task(p, j, w->index);
        else
            work(p, j, w->index);
        pthread_mutex_lock(&p->lock);
        leave(j);
        hot = 1;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

/* Workers take no signals: those are the business of the program's own threads. */
static int start_workers(ax_pool *p, int count)
{
    sigset_t all, old;
    int e = 0, started = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < count && !e) {
        worker *w = &p->workers[started];
        *w = (worker){.pool = p, .index = started + 1};
        e = pthread_create(&w->thread, NULL, worker_main, w);
        started += !e;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

static void stop_workers(ax_pool *p, int started)
{
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add_explicit(&p->published, 1, memory_order_relaxed);
    pthread_cond_broadcast(&p->wake);
    for (int i = 0; i < started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->put_off.done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
}

static ax_pool *new_pool(int threads)
{
    ax_pool *p = aligned_alloc(CACHE_LINE, sizeof *p);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        return NULL;
    }
    *p = (ax_pool){.size = threads, .workers = workers};
    /* Held for a few instructions at a time: waiting for it is a short spin, seldom a sleep. */
    pthread_mutexattr_t adaptive;
    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&p->lock, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->put_off.done, NULL);
    return p;
}

ax_pool *ax_pool_new(int threads, ax_err *err)
{
    if (threads <= 0)
        threads = ax_cores() < MOST_THREADS ? ax_cores() : MOST_THREADS;
    if (threads > MOST_THREADS) {
        ax_fail(err, AX_ERANGE, "%d threads, expected at most %d", threads, MOST_THREADS);
        return NULL;
    }
    ax_pool *p = new_pool(threads);
    if (!p) {
        ax_fail(err, AX_ENOMEM, "no memory for a pool of %d threads", threads);
        return NULL;
    }
    int started = start_workers(p, threads - 1);
    if (started < threads - 1) {
        stop_workers(p, started);
        ax_fail(err, AX_ENOMEM, "the system gave only %d of %d threads", started + 1, threads);
        return NULL;
    }
    return p;
}

void ax_pool_free(ax_pool *p)
{
    if (p)
        stop_workers(p, p->size - 1);
}

void ax_pool_give_way(ax_pool *p)
{
    p->gives_way = 1;
}

int ax_pool_size(const ax_pool *p)
{
    return p ? p->size : 1;
}

/* The caller's part of a job that the workers can see. */
static void finish(ax_pool *p, job *j)
{
    inside.pool = p;
    inside.worker = 0;
    work(p, j, 0);
    retire(p, j);
    inside.pool = NULL;
}

void ax_pool_run(ax_pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx)
{
    if (!p || p->size == 1 || n <= 1 || inside.pool) {
        int index = p && inside.pool == p ? inside.worker : 0;
        for (int i = 0; i < n; i++) {
            fn(ctx, i, index);
            give_way(p);
        }
        return;
    }
    job j = {.fn = fn, .ctx = ctx, .n = n, .done = PTHREAD_COND_INITIALIZER};
    publish(p, &j);
    finish(p, &j);
    pthread_cond_destroy(&j.done);
}

void ax_pool_put_off(ax_pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx)
{
    job *j = &p->put_off;
    pthread_mutex_lock(&p->lock);
    j->fn = fn;
    j->ctx = ctx;
    j->n = n;
    j->caller_sleeps = 0;
    atomic_store_explicit(&j->next, 0, memory_order_relaxed);
    p->later = j;
    pthread_mutex_unlock(&p->lock);
}

void ax_pool_catch_up(ax_pool *p)
{
    if (p->later)
        finish(p, p->later);
}
