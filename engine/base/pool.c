/* pool.c - worker threads, a list of jobs, tasks claimed by an atomic counter; see pool.h.
 *
 * A job lives on its caller's stack. It is in the list while it has unclaimed tasks; a worker that
 * takes part counts itself into `users` under the lock, so the caller knows when nobody looks at the
 * job any more. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SPINS = 2000, MAX_THREADS = 1024 };

typedef struct job {
    struct job *next;
    void (*fn)(void *ctx, int i, int worker);
    void *ctx;
    int n;
    atomic_int claimed, done;
    int users; /* workers inside; guarded by the pool's lock */
} job;

struct ax_pool {
    int size;
    pthread_t *thread;
    pthread_mutex_t lock; /* guards jobs, users, quit, sleeping */
    pthread_cond_t work, idle;
    job *jobs; /* oldest first */
    int quit, started, sleeping;
    atomic_uint posted; /* counts jobs, so that a spinning worker sees a new one without the lock */
};

static _Thread_local int inside; /* this thread is running a task */

static void pause_cpu(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

static void run_tasks(job *j, int worker)
{
    int before = inside, did = 0;
    inside = 1;
    for (int i; (i = atomic_fetch_add_explicit(&j->claimed, 1, memory_order_relaxed)) < j->n; did++)
        j->fn(j->ctx, i, worker);
    inside = before;
    atomic_fetch_add_explicit(&j->done, did, memory_order_release);
}

static void unlink_job(ax_pool *p, job *j)
{
    for (job **at = &p->jobs; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            return;
        }
}

/* A job that still has tasks to claim; called with the lock held. */
static job *find_job(ax_pool *p)
{
    for (job *j = p->jobs; j; j = j->next)
        if (atomic_load_explicit(&j->claimed, memory_order_relaxed) < j->n)
            return j;
    return NULL;
}

typedef struct start {
    ax_pool *pool;
    int worker;
} start;

static void *worker_main(void *arg)
{
    start s = *(start *)arg;
    ax_pool *p = s.pool;
    free(arg);
    pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        job *j = find_job(p);
        if (j) {
            j->users++;
            pthread_mutex_unlock(&p->lock);
            run_tasks(j, s.worker);
            pthread_mutex_lock(&p->lock);
            if (--j->users == 0)
                pthread_cond_broadcast(&p->idle);
            continue;
        }
        unsigned seen = atomic_load_explicit(&p->posted, memory_order_relaxed);
        pthread_mutex_unlock(&p->lock);
        for (int i = 0; i < SPINS && atomic_load_explicit(&p->posted, memory_order_relaxed) == seen; i++)
            pause_cpu();
        pthread_mutex_lock(&p->lock);
        p->sleeping++;
        while (!p->quit && atomic_load_explicit(&p->posted, memory_order_relaxed) == seen)
            pthread_cond_wait(&p->work, &p->lock);
        p->sleeping--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* CPUs this process may use: the affinity mask, and a container's quota if one is set. */
static int usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f) {
        long quota, period;
        if (fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0) {
            long whole = (quota + period - 1) / period;
            if (whole < n)
                n = (int)whole;
        }
        fclose(f);
    }
    return n < 1 ? 1 : n;
}

ax_pool *ax_pool_new(int threads, ax_err *err)
{
    if (threads <= 0)
        threads = usable_cpus();
    if (threads > MAX_THREADS) {
        ax_fail(err, AX_ELIMIT, "%d threads asked for, at most %d are possible", threads, MAX_THREADS);
        return NULL;
    }
    ax_pool *p = calloc(1, sizeof *p);
    if (!p || !(p->thread = calloc((size_t)threads, sizeof *p->thread))) {
        free(p);
        ax_fail(err, AX_ENOMEM, "no memory for the threads");
        return NULL;
    }
    p->size = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    while (p->started < threads - 1) {
        start *s = malloc(sizeof *s);
        if (s)
            *s = (start){p, p->started + 1};
        if (!s || pthread_create(&p->thread[p->started], NULL, worker_main, s)) {
            free(s);
            ax_pool_free(p);
            ax_fail(err, AX_EIO, "cannot start a thread");
            return NULL;
        }
        p->started++;
    }
    return p;
}

void ax_pool_free(ax_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = 1;
    atomic_fetch_add(&p->posted, 1);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->thread[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->idle);
    free(p->thread);
    free(p);
}

int ax_pool_size(const ax_pool *p)
{
    return p ? p->size : 1;
}

static void post(ax_pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    job **at = &p->jobs;
    while (*at)
        at = &(*at)->next;
    *at = j;
    atomic_fetch_add_explicit(&p->posted, 1, memory_order_relaxed);
    if (p->sleeping)
        pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

/* All tasks are claimed: wait until they are done, a moment by spinning, then asleep. */
static void finish(ax_pool *p, job *j)
{
    for (int i = 0; i < SPINS && atomic_load_explicit(&j->done, memory_order_relaxed) < j->n; i++)
        pause_cpu();
    pthread_mutex_lock(&p->lock);
    unlink_job(p, j);
    while (j->users)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void ax_pool_run(ax_pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx)
{
    if (!p || p->size == 1 || n <= 1 || inside) {
        for (int i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    job j = {.fn = fn, .ctx = ctx, .n = n};
    post(p, &j);
    run_tasks(&j, 0);
    finish(p, &j);
}
