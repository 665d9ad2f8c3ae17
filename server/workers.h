/* workers.h - a few threads and one queue of tasks, for what would hold up an event loop.
 *
 * A task is embedded in what it works on, so submitting never fails and never allocates.
 * Thread-safe. */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include "axon.h"

typedef struct task {
    struct task *next;
    void (*run)(struct task *t);
} task;

typedef struct workers workers;

workers *workers_new(int threads, const char *name, ax_err *err);

/* Runs all that was submitted, then ends the threads. NULL is fine. */
void workers_free(workers *w);

/* t must not be in the queue already; its memory may be reused as soon as run() is entered. */
void workers_submit(workers *w, task *t);

#endif
