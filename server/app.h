/* app.h - the running server: what every part may look at.
 *
 * One per process. Set up before the first thread starts and torn down after the last one ended;
 * what changes in between is atomic or belongs to the part it points to. */
#ifndef SERVER_APP_H
#define SERVER_APP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "config.h"

typedef enum app_state { APP_LOADING, APP_READY, APP_DRAINING } app_state;

struct loop;
struct jobs;

typedef struct app {
    config cfg;
    struct repository *models;
    struct workers *work;        /* computations and bodies too long for an event loop    */
    struct workers *admin;       /* one thread: everything that changes the model folder  */
    struct auth *keys;           /* NULL: open                                            */
    struct datasets *sets;       /* data sets that were put here                          */
    struct jobs *jobs;           /* trainings                                             */
    pthread_mutex_t state_mutex; /* guards the claim on the state folder                */
    int state_lock;              /* its lock, held until the end; -1: not claimed yet     */
    ax_pool *pool;               /* threads inside one computation                        */
    struct loop **loops;
    int n_loops;
    char address[80]; /* "127.0.0.1:8080", as bound                            */
    int64_t started_ns;
    _Atomic int state; /* app_state                                     */
    _Atomic int connections;
    _Atomic int diagnosing;              /* a worker looks at a model's activations          */
    _Atomic int64_t queued, queued_rows; /* requests and samples waiting or computed */
    _Atomic int64_t done_rows;           /* samples answered, ever                        */
    _Atomic int64_t rows_per_second;     /* measured over the last seconds               */
    _Atomic int64_t buffered;            /* bytes of bodies held                          */
    _Atomic int64_t arriving;            /* bytes set aside for data sets on their way    */
} app;

static inline int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ms since 1970 */
static inline int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* The same as "2026-01-31T12:00:00.250Z", into text, which is returned. */
enum { WALL_TEXT = 64 };
static inline const char *wall_text(int64_t ms, char text[WALL_TEXT])
{
    char day[40] = "";
    time_t t = (time_t)(ms / 1000);
    struct tm parts;
    if (gmtime_r(&t, &parts))
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, WALL_TEXT, "%s.%03dZ", day, (int)(ms % 1000));
    return text;
}

static inline app_state app_get_state(const app *a)
{
    return (app_state)atomic_load_explicit(&a->state, memory_order_relaxed);
}

#endif
