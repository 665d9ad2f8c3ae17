/* batcher.h - many small requests, few large matrix products.
 *
 * A prediction becomes a ticket: inputs, a number of rows, a deadline. Short ones stay in their
 * event loop, which runs all that one round of events brought as one batch; nothing is locked and
 * nobody is woken. Long ones go to the model's runner: one worker at a time takes what has queued
 * while the last run was busy. Either way at most max_batch rows are computed together, a large
 * ticket is split, and a ticket past its deadline is answered, not run. */
#ifndef SERVER_BATCHER_H
#define SERVER_BATCHER_H

#include <pthread.h>
#include <stdatomic.h>

#include "request.h"
#include "sessions.h"
#include "wire.h"

struct served;
struct app;

typedef enum ticket_state {
    TICKET_QUEUED,
    TICKET_RUNNING,
    TICKET_DONE,
    TICKET_FAILED
} ticket_state;

typedef struct ticket {
    struct ticket *prev, *next;
    request *r;
    struct served *model;
    const wire_request *args;   /* inputs, rows, outputs asked for                       */
    int64_t taken, done;        /* rows given to batches, rows computed                  */
    void *out[WIRE_OUTPUTS];    /* rows * elements of each output, in r->mem             */
    ax_port port[WIRE_OUTPUTS]; /* names live as long as the model                       */
    int n_out;
    int64_t queued, started, finished; /* ns                                             */
    int64_t deadline;                  /* ns                                                    */
    _Atomic ticket_state state;
    int in_loop;
    void (*finish)(struct ticket *t); /* called once: DONE, or FAILED with r->why        */
} ticket;

/* Batches of one model on the workers. */
typedef struct runner {
    pthread_mutex_t lock; /* guards first, last, busy                              */
    ticket *first, *last;
    int busy; /* submitted or running                                  */
    task task;
    struct served *model;
    session_cache sessions; /* belongs to the one worker that runs it                */
} runner;

void runner_init(runner *r, struct served *model);
void runner_fini(runner *r);

/* A ticket for all rows of args; the caller sets finish and deadline. */
void ticket_init(ticket *t, request *r, struct served *model, const wire_request *args);

/* Queue a ticket of r. 0; or -1 with why when the queue is full. From any thread. */
int batcher_submit(ticket *t, problem *why);

/* Take back a ticket that is still queued: 1 when it is out of the queue and will not be run. On
 * the thread of its loop. */
int batcher_cancel(ticket *t);

/* Run what is pending in the calling loop, for about budget_ns; tickets finish on the way. Returns
 * the time (ns) at which the next batch is due, 0 for at once, INT64_MAX when nothing is pending.
 */
int64_t batcher_run(struct loop *l, int64_t budget_ns);

/* Seconds after which a refused client may find room, from the measured rate. */
int batcher_retry_after(const struct app *a);

#endif
