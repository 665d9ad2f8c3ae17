/* store.h - the jobs and their events in a SQLite file: the only door to SQLite.
 *
 *     STATE/axond.db     write-ahead log; a transaction that is over is on the disk
 *
 * A transaction is opened by store_begin and ended by store_end; what is written in between is
 * there afterwards as a whole or not at all. A failed write spoils its transaction: store_end says
 * so and nothing of it stays. Thread rule: a store belongs to one thread. */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include "axon.h"

typedef struct store store;

typedef enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATES
} job_state;

extern const char *const job_state_names[JOB_STATES];

/* One job, as it is stored. Texts are never NULL; "" where there is nothing. Times are of the wall
 * clock, in ms since 1970; 0: not yet. */
typedef struct job_row {
    int64_t id;
    job_state state;
    int64_t place;     /* queued jobs run in the order of this number        */
    int publishing;    /* the model is trained, its version is being made    */
    int cancelling;    /* somebody asked for the end of a running job        */
    int deaths;        /* of its process by a signal, without a step gained  */
    int64_t best_step; /* the furthest step that was ever reached            */
    int64_t created, started, finished;
    int64_t next_event;   /* number of the next event                           */
    int64_t parent;       /* the sweep that a run belongs to, 0: none           */
    const char *model;    /* the name that the result is published under        */
    const char *key;      /* Idempotency-Key                                    */
    const char *digest;   /* of the body that was posted                        */
    const char *config;   /* the spec without inline data, JSON                 */
    const char *progress; /* the last progress, a JSON object                   */
    const char *error;    /* fields of a refusal, a JSON object                 */
    const char *result;   /* a JSON object                                      */
    const char *warnings; /* of the check, a JSON array                         */
    const char *sweep;    /* of a sweep: its axes, JSON; of a run: its values   */
} job_row;

/* Open or make the database in a folder that the caller has claimed (state.h), check it, bring it
 * to this program's form. NULL with err: the file is damaged or of a newer axond. */
store *store_open(const char *folder, ax_err *err);
void store_close(store *s); /* NULL is fine */

/* Transactions. `durable`: store_end returns when the disk has it; otherwise a power cut may take
 * the last of them back, in order. 0, or -1 with err: AX_ELIMIT when the disk is full, else AX_EIO.
 */
int store_begin(store *s, int durable, ax_err *err);
int store_end(store *s, ax_err *err);
void store_cancel(store *s);

/* ---- jobs -------------------------------------------------------------------------------------
 */

/* The number that the next job gets; -1: it cannot be read. Numbers are never used again. */
int64_t store_next_id(store *s);
/* Both inside a transaction; they fail at store_end. */
void store_insert(store *s, const job_row *j);
void store_update(store *s, const job_row *j); /* all but id, created, parent, key, digest, config,
                                                * warnings, sweep */
void store_delete(store *s, int64_t id);       /* with its events                          */

/* Whoever asks for rows learns, too, when there is no answer, since the file cannot be read or
 * there is no memory: -1. store_unread then says why; it always returns -1. */
int store_unread(const store *s, ax_err *err);

/* 1: found, its texts in mem; 0: there is none; -1. */
int store_get(store *s, int64_t id, ax_arena *mem, job_row *out);
/* 1: there is such a job; 0: there is none; -1. */
int store_has(store *s, int64_t id);
int store_find_key(store *s, const char *key, ax_arena *mem, job_row *out);
/* In the order of place; a sweep is no such job, its runs are. */
int store_first(store *s, job_state state, ax_arena *mem, job_row *out);

/* Call fn for up to `limit` jobs of a state (-1: any) with numbers below `below`, newest first. 0;
 * -1: not all were read. */
typedef void store_visit(void *ctx, const job_row *j);
int store_list(store *s, int state, int64_t below, int limit, ax_arena *mem, store_visit *fn,
               void *ctx);

/* The sweeps that run, and the runs of a sweep, in their order; likewise. */
int store_sweeps(store *s, ax_arena *mem, store_visit *fn, void *ctx);
int store_runs(store *s, int64_t parent, ax_arena *mem, store_visit *fn, void *ctx);

int64_t store_count(store *s, job_state state);
int64_t store_ahead(store *s, int64_t place); /* queued jobs in front of this place */
int64_t store_least_place(store *s);          /* a place in front of all queued     */
int64_t store_most_place(store *s);           /* a place behind all queued          */
int64_t store_finished(store *s);             /* how many are, a sweep with its runs as one */
int64_t store_oldest_finished(store *s);      /* its number, 0: none                */

/* ---- events -----------------------------------------------------------------------------------
 */

/* Inside a transaction. */
void store_event(store *s, int64_t job, int64_t number, const char *kind, const char *body);
void store_forget_event(store *s, int64_t job, int64_t number);

/* Call fn for the events behind number `after`, in order, until it returns non-zero. 0; -1: not all
 * were read. */
typedef int store_read(void *ctx, int64_t number, const char *kind, const char *body);
int store_events(store *s, int64_t job, int64_t after, store_read *fn, void *ctx);

#endif
