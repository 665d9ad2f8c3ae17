/* base_pool.c - every task once, workers apart, callers together, and nothing left behind. Run it
 * under ThreadSanitizer: most of what it stores is deliberately not atomic. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cores.h"
#include "base/pool.h"

enum { MOST_TASKS = 3000, MOST_WORKERS = 16 };

/* Plain memory, one place per task and per worker: a task run twice at once, a worker index shared,
 * or a result not visible to the caller is a data race. */
typedef struct tally {
    int runs[MOST_TASKS];
    struct {
        _Alignas(64) int busy, total;
    } worker[MOST_WORKERS];
    int size;
    atomic_int bad;
} tally;

static void count(void *ctx, int i, int worker)
{
    tally *t = ctx;
    if (worker < 0 || worker >= t->size || t->worker[worker].busy) {
        t->bad++;
        return;
    }
    t->worker[worker].busy = 1;
    t->runs[i]++;
    t->worker[worker].total++;
    for (volatile int spin = 0; spin < (i * 37) % 200; spin++)
        ;
    t->worker[worker].busy = 0;
}

static int wrong(const tally *t, int n)
{
    int total = 0, bad = t->bad;
    for (int i = 0; i < MOST_TASKS; i++)
        bad += t->runs[i] != (i < n);
    for (int w = 0; w < MOST_WORKERS; w++)
        total += t->worker[w].total;
    return bad + (total != (n > 0 ? n : 0));
}

static void test_every_task_once(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 8}, tasks[] = {-1, 0, 1, 2, 3, 7, 100, MOST_TASKS};
    static tally t;
    for (size_t s = 0; s <= sizeof sizes / sizeof *sizes; s++) {
        ax_pool *p = s < 4 ? ax_pool_new(sizes[s], NULL) : NULL;
        assert_int_equal(ax_pool_size(p), s < 4 ? sizes[s] : 1);
        for (size_t k = 0; k < sizeof tasks / sizeof *tasks; k++)
            for (int again = 0; again < 20; again++) {
                memset(&t, 0, sizeof t);
                t.size = ax_pool_size(p);
                ax_pool_run(p, tasks[k], count, &t);
                assert_int_equal(wrong(&t, tasks[k]), 0);
            }
        ax_pool_free(p);
    }
}

/* Tasks that wait for each other finish only if as many threads take part as the pool promises. */
typedef struct meeting {
    atomic_int arrived;
    atomic_int expected;
    atomic_int caller; /* has come */
} meeting;

static void meet(void *ctx, int i, int worker)
{
    (void)i, (void)worker;
    meeting *m = ctx;
    m->arrived++;
    while (m->arrived < m->expected)
        sched_yield();
}

static void pause_us(long us)
{
    nanosleep(&(struct timespec){0, us * 1000}, NULL);
}

static void test_all_threads_take_part(void **state)
{
    (void)state;
    for (int size = 2; size <= 5; size++) {
        ax_pool *p = ax_pool_new(size, NULL);
        for (int round = 0; round < 60; round++) {
            meeting m = {.expected = size};
            ax_pool_run(p, size, meet, &m);
            assert_int_equal(m.arrived, size);
            if (round % 3 == 0) /* between spinning and sleeping, and well asleep */
                pause_us(round % 2 ? 20 : 300);
        }
        ax_pool_free(p);
    }
}

/* A helper that takes its time: the caller, long out of tasks, sleeps and must be woken. */
static void linger(void *ctx, int i, int worker)
{
    meet(ctx, i, worker);
    if (worker) {
        pause_us(1000);
        ((meeting *)ctx)->expected = 0;
    }
}

static void test_caller_waits_for_helpers(void **state)
{
    (void)state;
    ax_pool *p = ax_pool_new(2, NULL);
    for (int round = 0; round < 30; round++) {
        meeting m = {.expected = 2};
        ax_pool_run(p, 2, linger, &m);
        assert_int_equal(m.expected, 0);
    }
    ax_pool_free(p);
}

typedef struct caller {
    ax_pool *pool;
    int rounds, bad;
} caller;

static void *call_often(void *arg)
{
    caller *c = arg;
    tally *t = aligned_alloc(64, sizeof *t);
    for (int r = 0; r < c->rounds; r++) {
        int n = (r * 13) % 61;
        memset(t, 0, sizeof *t);
        t->size = ax_pool_size(c->pool);
        ax_pool_run(c->pool, n, count, t);
        c->bad += wrong(t, n) != 0;
        if (r % 50 == 0)
            pause_us(100);
    }
    free(t);
    return NULL;
}

static void test_many_callers(void **state)
{
    (void)state;
    enum { CALLERS = 12 };
    static const int sizes[] = {2, 3, 7};
    for (size_t s = 0; s < 3; s++) {
        ax_pool *p = ax_pool_new(sizes[s], NULL);
        pthread_t thread[CALLERS];
        caller c[CALLERS];
        for (int i = 0; i < CALLERS; i++) {
            c[i] = (caller){p, 400, 0};
            assert_int_equal(pthread_create(&thread[i], NULL, call_often, &c[i]), 0);
        }
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(c[i].bad, 0);
        }
        ax_pool_free(p);
    }
}

/* Jobs inside jobs: inline, in order, on this thread, under this thread's own index. */
typedef struct nest {
    ax_pool *pool, *other;
    atomic_int bad, inner;
} nest;

typedef struct inner_job {
    nest *n;
    pthread_t thread;
    int worker, next;
} inner_job;

static void inner(void *ctx, int i, int worker)
{
    inner_job *j = ctx;
    j->n->bad += worker != j->worker || i != j->next++ || !pthread_equal(j->thread, pthread_self());
    j->n->inner++;
}

static void outer(void *ctx, int i, int worker)
{
    (void)i;
    nest *n = ctx;
    inner_job same = {n, pthread_self(), worker, 0};
    inner_job other = {n, pthread_self(), 0, 0}, none = other;
    ax_pool_run(n->pool, 5, inner, &same);
    ax_pool_run(n->other, 5, inner, &other);
    ax_pool_run(NULL, 5, inner, &none);
}

static void test_nested(void **state)
{
    (void)state;
    nest n = {.pool = ax_pool_new(4, NULL), .other = ax_pool_new(2, NULL)};
    for (int round = 0; round < 100; round++)
        ax_pool_run(n.pool, 40, outer, &n);
    assert_int_equal(n.bad, 0);
    assert_int_equal(n.inner, 100 * 40 * 15);
    /* After its job the thread is outside again: all of the pool is there for it. */
    meeting m = {.expected = 4};
    ax_pool_run(n.pool, 4, meet, &m);
    ax_pool_free(n.pool);
    ax_pool_free(n.other);
}

static void run_meeting(void *ctx, int i, int worker)
{
    (void)i, (void)worker;
    meeting m = {.expected = 3};
    ax_pool_run(ctx, 3, meet, &m);
}

static void test_one_task_is_a_plain_call(void **state)
{
    (void)state;
    ax_pool *p = ax_pool_new(3, NULL);
    ax_pool_run(p, 1, run_meeting, p);
    ax_pool_run(NULL, 2, run_meeting, p);
    ax_pool_free(p);
}

static void nothing(void *ctx, int i, int worker)
{
    (void)ctx, (void)i, (void)worker;
}

static void bump(void *ctx, int i, int worker)
{
    (void)i, (void)worker;
    atomic_fetch_add((atomic_int *)ctx, 1);
}

/* Other jobs run while one is put off; all of both is done, each task once. */
static void test_put_off(void **state)
{
    (void)state;
    static tally late, now;
    for (int size = 1; size <= 5; size++) {
        ax_pool *p = ax_pool_new(size, NULL);
        ax_pool_catch_up(p); /* nothing was put off */
        for (int round = 0; round < 300; round++) {
            int n = round % 7 * 3;
            memset(&late, 0, sizeof late);
            late.size = size;
            ax_pool_put_off(p, n, count, &late);
            for (int k = 0; k < round % 4; k++) {
                memset(&now, 0, sizeof now);
                now.size = size;
                ax_pool_run(p, 20, count, &now);
                assert_int_equal(wrong(&now, 20), 0);
            }
            ax_pool_catch_up(p);
            assert_int_equal(wrong(&late, n), 0);
        }
        ax_pool_free(p);
    }
}

static void arrive(void *ctx, int i, int worker)
{
    (void)i, (void)worker;
    ((meeting *)ctx)->arrived++;
}

/* The caller's task ends when what was put off is done: only a worker that has nothing else to do can do
 * it. Workers leave the caller one of the tasks. */
static void wait_for_late(void *ctx, int i, int worker)
{
    meeting *m = ctx;
    (void)i;
    if (worker == 0)
        m->caller = 1;
    while (!m->caller || (worker == 0 && m->arrived < m->expected))
        sched_yield();
}

static void test_idle_workers_do_what_was_put_off(void **state)
{
    (void)state;
    enum { LATE = 9 };
    for (int size = 2; size <= 4; size++) {
        ax_pool *p = ax_pool_new(size, NULL);
        for (int round = 0; round < 60; round++) {
            meeting m = {.expected = LATE};
            ax_pool_put_off(p, LATE, arrive, &m);
            ax_pool_run(p, size, wait_for_late, &m);
            assert_int_equal(m.arrived, LATE);
            ax_pool_catch_up(p);
            assert_int_equal(m.arrived, LATE);
            if (round % 3 == 0)
                pause_us(300);
        }
        ax_pool_free(p);
    }
}

/* Pools come and go, used or not, without a leak or a hang. */
static void test_lifetimes(void **state)
{
    (void)state;
    ax_pool_free(NULL);
    for (int i = 0; i < 60; i++) {
        ax_pool *p = ax_pool_new(1 + i % 6, NULL);
        assert_non_null(p);
        if (i % 3 == 0)
            pause_us(50);
        atomic_int calls = 0;
        for (int k = 0; k < i % 5; k++)
            ax_pool_run(p, 10, bump, &calls);
        assert_int_equal(calls, i % 5 * 10);
        ax_pool_free(p);
    }
    ax_err err = {0};
    assert_null(ax_pool_new(1025, &err));
    assert_int_equal(err.code, AX_ERANGE);
    assert_null(ax_pool_new(INT_MAX, NULL));
    ax_pool *p = ax_pool_new(0, &err);
    assert_int_equal(ax_pool_size(p), ax_cores());
    ax_pool_free(p);
}

/* A sum whose parts are placed by task is the same on any number of threads. */
static void part(void *ctx, int i, int worker)
{
    (void)worker;
    double x = 1;
    for (int k = 1; k < 50; k++)
        x = x * 0.999 + 1.0 / (i + k);
    ((double *)ctx)[i] = x;
}

static void test_same_bits(void **state)
{
    (void)state;
    static double want[500], got[500];
    ax_pool_run(NULL, 500, part, want);
    for (int size = 1; size <= 5; size++) {
        ax_pool *p = ax_pool_new(size, NULL);
        memset(got, 0, sizeof got);
        ax_pool_run(p, 500, part, got);
        assert_memory_equal(got, want, sizeof got);
        ax_pool_free(p);
    }
}

/* An idle pool costs nothing: its threads sleep. */
static void test_idle_sleeps(void **state)
{
    (void)state;
    ax_pool *p = ax_pool_new(3, NULL);
    ax_pool_run(p, 100, nothing, NULL);
    pause_us(5000);
    clock_t before = clock();
    pause_us(200000);
    assert_true(clock() - before < CLOCKS_PER_SEC / 50);
    ax_pool_free(p);
}

/* ---- cores ----------------------------------------------------------------------------------- */

static void test_cores_follow_affinity(void **state)
{
    (void)state;
    cpu_set_t old, one;
    assert_true(ax_cores() >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
    assert_true(ax_cores() <= CPU_COUNT(&old));
    int first = 0;
    while (!CPU_ISSET(first, &old))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(ax_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
}

static void square(void *ctx, int i, int worker)
{
    (void)worker;
    ((int64_t *)ctx)[i] = (int64_t)i * i;
}

/* A pool that gives way between tasks does them all, also alone and from inside a job. */
static void giving_way(void **state)
{
    (void)state;
    static int64_t v[100000];
    for (int threads = 1; threads < 4; threads++) {
        ax_pool *p = ax_pool_new(threads, NULL);
        assert_non_null(p);
        ax_pool_give_way(p);
        memset(v, 0, sizeof v);
        ax_pool_run(p, 100000, square, v);
        for (int64_t i = 0; i < 100000; i++)
            assert_true(v[i] == i * i);
        ax_pool_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(giving_way),
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_all_threads_take_part),
        cmocka_unit_test(test_caller_waits_for_helpers),
        cmocka_unit_test(test_many_callers),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_one_task_is_a_plain_call),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_idle_workers_do_what_was_put_off),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_idle_sleeps),
        cmocka_unit_test(test_cores_follow_affinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
