/* jobs.h - training jobs: one thread owns them all (docs/jobs-design.md).
 *
 * It keeps the store, starts `axond train` for the jobs whose turn it is, reads what those
 * processes say, and answers requests about jobs. Handlers hand requests over with jobs_submit and
 * return; the function runs on the jobs thread and answers. */
#ifndef SERVER_JOBS_H
#define SERVER_JOBS_H

#include <stdatomic.h>

#include "request.h"
#include "store.h"

typedef struct jobs jobs;

/* Open the store when the state folder is there (it is made by the first job), put what was running
 * when the last server ended back into the queue. NULL with err. */
jobs *jobs_new(app *a, ax_err *err);
int jobs_start(jobs *j, ax_err *err);

/* The server ends: running jobs are told to write a checkpoint and stop, whoever follows a job gets
 * the end of its answer. Returns at once. */
void jobs_drain(jobs *j);

/* Wait for that (bounded: a job that does not stop is killed) and free everything. NULL is fine. */
void jobs_free(jobs *j);

/* Run fn(j, r) on the jobs thread; it must answer. The request is away until then. */
void jobs_submit(jobs *j, request *r, void (*fn)(jobs *j, request *r));

/* How many jobs are in a state. Thread-safe. */
int64_t jobs_count(const jobs *j, job_state state);

#endif
