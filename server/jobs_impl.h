/* jobs_impl.h - what the files of the jobs thread share; docs/jobs-design.md says which does what.
 * Everything here runs on the jobs thread unless it says otherwise. */
#ifndef SERVER_JOBS_IMPL_H
#define SERVER_JOBS_IMPL_H

#include <pthread.h>
#include <sys/types.h>

#include "jobs.h"

/* A running job: its process and what it said last. It stays until its end is in the store. */
typedef struct child {
    struct child *next;
    int64_t id;
    pid_t pid;        /* 0: it has ended                                     */
    int out;          /* the pipe from its stdout, -1: closed                */
    int status;       /* of waitpid, when it has ended                       */
    int64_t kill_at;  /* then SIGKILL; 0: nobody asked it to stop            */
    int64_t again_at; /* then its end is to be recorded once more; 0: not    */
    int64_t told_at;  /* when a progress was stored last                     */
    int killed;       /* by this server, with SIGKILL                        */
    int64_t peak;     /* bytes it held at most, when it has ended            */
    int64_t step;     /* the furthest one it told                            */
    double eta;       /* seconds, as it says                                 */
    int publishing;   /* the admin thread makes a version of its model       */
    char *last;       /* its {"event":"done"} or {"event":"error"}, or NULL  */
    buf line;         /* of its output, not yet complete                     */
    ax_err unborn;    /* why there never was a process; msg "" : there was   */
} child;

typedef struct follower follower;

struct jobs {
    app *app;
    store *store; /* NULL until there is a state folder          */
    pthread_t thread;
    int started, wake_fd;
    pthread_mutex_t lock; /* guards the mailbox                          */
    task *first, **last;
    _Atomic int draining;
    workers *checkers; /* one thread: specs are checked one at a time */
    int checking;      /* specs being checked, part of the queue      */
    child *children;
    int n_children;
    follower *followers;
    int64_t dispatch_at;              /* look at the queue again then; 0: no need    */
    int64_t review_at;                /* the same for sweeps                         */
    struct publication *publications; /* under way                      */
    _Atomic int64_t count[JOB_STATES];
};

#define SECOND INT64_C(1000000000)

/* ---- jobs.c */
/* Put a task into the mailbox, from any thread. */
void jobs_post(jobs *j, task *t);
/* STATE/jobs/ID[/name] into path[4096]; 0, or -1 when it is too long. */
int jobs_path(const jobs *j, int64_t id, const char *name, char *path);
child *jobs_child(jobs *j, int64_t id);
void jobs_forget_folder(jobs *j, int64_t id);
void jobs_forget(jobs *j, int64_t id, const char *what); /* one file or folder of it */

/* ---- job_rows.c */
/* Open the store, making it where it is not there, and put in order what an earlier server left. */
int jobs_open_store(jobs *j, ax_err *err);
/* The store, opened when it is not yet. NULL with why. */
store *jobs_store(jobs *j, problem *why);
/* The store cannot be read: 503. Always returns -1. */
int jobs_unread(const jobs *j, problem *why);
/* Write a job's new row and, kind not NULL, an event, as one; then wake who follows it. What is
 * told once a second may be lost with the power, a state may not. 0, or -1 with err and nothing
 * changed. */
int jobs_change(jobs *j, job_row *row, const char *kind, const char *body, ax_err *err);
/* The same for a job that ends here: its last event is the job itself. A sweep hears of its runs.
 */
int jobs_finish(jobs *j, job_row *row, job_state state, ax_err *err);
/* The same for one that failed: {"code","message","at","hint"} of why, `code` as there. */
int jobs_fail(jobs *j, job_row *row, const char *code, const ax_err *why, ax_err *err);
void jobs_recount(jobs *j);
/* Of finished jobs the newest are kept. */
void jobs_forget_old(jobs *j);
/* Is there no place for so many more in the queue? Then -1 with why. */
int jobs_no_room(const jobs *j, int64_t more, problem *why);
/* Inside a transaction: a finished job is in this state again; the event that was its end is none
 * any more, a new one will come. 0, or -1 with err. */
int jobs_reopen(jobs *j, job_row *row, job_state state, ax_err *err);
/* A failed or cancelled job goes back into the queue. */
int jobs_requeue(jobs *j, job_row *row, ax_err *err);
/* A finished job with its events and files, and its runs. */
int jobs_delete_row(jobs *j, const job_row *row, ax_err *err);

/* ---- job_child.c */
/* Room for what is known of a job's process. NULL: no memory. */
child *child_new(int64_t id);
/* Start the process. One that cannot be started has ended at once, and child_ended says why. */
void child_start(jobs *j, child *c, const job_row *row);
/* Its pipe has something, or its end. */
void child_read(jobs *j, child *c);
/* Ask it to write a checkpoint and end; after a while it is killed. */
void child_stop(child *c);
/* It has ended: what becomes of the job. 1: recorded, the child can go; 0: try again later. */
int child_ended(jobs *j, child *c);
/* The end of a running or queued job was asked for. */
int job_cancel(jobs *j, job_row *row, ax_err *err);
void child_free(child *c);

/* ---- sweep_jobs.c: a sweep is a job without a process, whose runs are jobs */
/* Is this the row of a sweep? */
int sweep_is(const job_row *row);
/* A run has ended: its sweep is told, and ends with the last. */
void sweep_run_ended(jobs *j, const job_row *run);
/* What the runs of a sweep that succeeded kept of data sets goes. */
void sweep_let_go(jobs *j, int64_t id);
/* Sweeps whose runs have all ended end, too; what could not be written is tried again later. */
void sweep_review(jobs *j);
/* 0, or -1 with err. */
int sweep_cancel(jobs *j, job_row *sweep, ax_err *err);
int sweep_resume(jobs *j, job_row *sweep, ax_err *err);
int sweep_delete(jobs *j, const job_row *sweep, ax_err *err);
/* How many runs a resume would queue again; -1: that cannot be read. */
int sweep_unfinished(jobs *j, int64_t id);

/* How many runs are in which state, as JSON; the share of them that is over. */
cJSON *sweep_runs(jobs *j, int64_t id);
double sweep_share(jobs *j, int64_t id);

/* ---- sweep_table.c */
/* The settings with the means of their runs, as JSON; *best: number of the best run, 0: none. */
cJSON *sweep_table(jobs *j, const job_row *sweep, int64_t *best);
void sweep_csv(jobs *j, const job_row *sweep, buf *out);
/* Call fn for the first seed of each setting, as far as curves have colours. */
void sweep_each_curve(jobs *j, const job_row *sweep,
                      void (*fn)(void *ctx, int64_t run, const char *label, int setting, jobs *j),
                      void *ctx);

/* ---- job_publish.c */
/* Hand the model of a job, or of the best run of a sweep (from: whose file), to the admin thread;
 * the answer comes through the mailbox and ends the job. figures: the result as far as it is known,
 * JSON. c: its process, or NULL. */
int publish_start(jobs *j, child *c, const job_row *row, int64_t from, const char *figures,
                  ax_err *err);
/* Is that under way? */
int publish_running(const jobs *j, int64_t id);

/* ---- job_text.c */
void job_write(jobs *j, const job_row *row, buf *out);

/* ---- job_series.c */
enum { JOB_LOSS, JOB_ACCURACY, JOB_VAL_LOSS, JOB_VAL_ACCURACY, JOB_RATE, JOB_SPEED, JOB_SERIES };

typedef struct job_point {
    int64_t step, epoch;
    double at;                /* the step in epochs, 1.5: in the middle of the second */
    double value[JOB_SERIES]; /* NaN: not told                                        */
} job_point;

typedef struct job_series {
    job_point *at; /* the caller frees it */
    size_t n, cap;
    int64_t since;
    int failed; /* not all could be read: points are missing */
} job_series;

/* The points behind step `since`. */
void job_series_read(jobs *j, int64_t id, int64_t since, job_series *s);
/* The fields of "metrics", at most `most` points each. */
void job_series_write(const job_series *s, int64_t most, buf *out);
/* A picture of the losses; of a sweep: the validation loss of each setting's first run. */
void job_chart(jobs *j, const job_row *row, buf *out);

/* ---- follow.c */
void follow_wake(jobs *j, int64_t job); /* a job has a new event                      */
void follow_tick(jobs *j, int64_t now); /* heartbeats, waits that are over            */
void follow_end(jobs *j);               /* the server stops: everybody gets an end    */
int64_t follow_due(const jobs *j);      /* when follow_tick is wanted next, INT64_MAX: never */

#endif
