/* sweep_jobs.c - a sweep as a job of jobs; see jobs_impl.h.
 *
 * Its row has no process: it runs from the moment it is accepted until the last of its runs has
 * ended, whose numbers follow its own. What it is at any time can be told from the rows of its
 * runs, so an end that could not be written down is simply looked for again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_impl.h"
#include "log.h"
#include "sweep.h"

int sweep_is(const job_row *row)
{
    return !row->parent && row->sweep[0];
}

/* ---- looking at the runs
 * --------------------------------------------------------------------------- */

typedef struct tally {
    int64_t id[SWEEP_RUNS];
    job_state state[SWEEP_RUNS];
    int n, count[JOB_STATES];
} tally;

static void count_run(void *ctx, const job_row *run)
{
    tally *t = ctx;
    if (t->n == SWEEP_RUNS)
        return;
    t->id[t->n] = run->id;
    t->state[t->n++] = run->state;
    t->count[run->state]++;
}

/* 0; -1: not all could be read. */
static int look(jobs *j, int64_t sweep, tally *t)
{
    ax_arena mem;
    *t = (tally){.n = 0};
    ax_arena_init(&mem, 0);
    int bad = store_runs(j->store, sweep, &mem, count_run, t);
    ax_arena_fini(&mem);
    return bad;
}

cJSON *sweep_runs(jobs *j, int64_t id)
{
    tally t;
    cJSON *o = cJSON_CreateObject();
    int bad = look(j, id, &t) ||
              ax_json_put(o, "first", cJSON_CreateNumber(t.n ? (double)t.id[0] : 0)) ||
              ax_json_put(o, "total", cJSON_CreateNumber(t.n));
    for (int i = 0; i < JOB_STATES; i++)
        bad |= ax_json_put(o, job_state_names[i], cJSON_CreateNumber(t.count[i]));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

double sweep_share(jobs *j, int64_t id)
{
    tally t;
    look(j, id, &t);
    int open = t.count[JOB_QUEUED] + t.count[JOB_RUNNING];
    return t.n ? (double)(t.n - open) / t.n : 0;
}

/* ---- the end
 * ------------------------------------------------------------------------------------------ */

static int fail(jobs *j, job_row *sweep, ax_err *err)
{
    ax_err why;
    ax_fail(&why, AX_EINVAL, "none of the runs succeeded");
    return jobs_fail(j, sweep, "no_run_succeeded", &why, err);
}

static int succeed(jobs *j, job_row *sweep, ax_err *err)
{
    int64_t best;
    cJSON *table = sweep_table(j, sweep, &best);
    char *text = ax_json_text(table, 0);
    cJSON_Delete(table);
    if (!text)
        return ax_fail(err, AX_ENOMEM, "out of memory");
    int bad;
    if (best && sweep->model[0]) {
        bad = publish_start(j, NULL, sweep, best, text, err);
    } else {
        sweep->result = text;
        bad = jobs_finish(j, sweep, JOB_SUCCEEDED, err);
    }
    cJSON_free(text);
    return bad;
}

static void review_one(jobs *j, job_row *sweep)
{
    tally t;
    ax_err err;
    int unread = look(j, sweep->id, &t);
    if (!unread && (t.count[JOB_QUEUED] + t.count[JOB_RUNNING] || publish_running(j, sweep->id)))
        return;
    /* where all is trained and its publishing has begun, a cancel comes too late */
    int cancelled = sweep->cancelling && (!sweep->publishing || t.count[JOB_CANCELLED]);
    int bad = unread                   ? store_unread(j->store, &err)
              : cancelled              ? jobs_finish(j, sweep, JOB_CANCELLED, &err)
              : t.count[JOB_SUCCEEDED] ? succeed(j, sweep, &err)
                                       : fail(j, sweep, &err);
    if (bad) {
        log_line(LOG_ERROR, "job", "%lld: its end cannot be recorded yet: %s", (long long)sweep->id,
                 err.msg);
        j->review_at = now_ns() + SECOND;
    }
}

/* Numbers first: what is done with one of them changes the table that is read. */
typedef struct list {
    int64_t id[64];
    int n;
} list;

static void note(void *ctx, const job_row *row)
{
    list *l = ctx;
    if (l->n < 64)
        l->id[l->n++] = row->id;
}

void sweep_review(jobs *j)
{
    list l = {.n = 0};
    ax_arena mem;
    job_row row;
    j->review_at = 0;
    ax_arena_init(&mem, 0);
    int unread = store_sweeps(j->store, &mem, note, &l) < 0;
    for (int i = 0; i < l.n; i++) {
        ax_arena_reset(&mem);
        int found = store_get(j->store, l.id[i], &mem, &row);
        unread |= found < 0;
        if (found > 0)
            review_one(j, &row);
    }
    if (unread)
        j->review_at = now_ns() + SECOND;
    ax_arena_fini(&mem);
}

static int tell(jobs *j, const job_row *run, ax_err *err)
{
    ax_arena mem;
    job_row sweep;
    buf b = {0};
    int bad = -1;
    ax_arena_init(&mem, 0);
    buf_printf(&b, "{\"id\":\"%lld\",\"state\":\"%s\",\"values\":%s}", (long long)run->id,
               job_state_names[run->state], run->sweep);
    buf_char(&b, 0);
    if (b.failed)
        ax_fail(err, AX_ENOMEM, "out of memory");
    else if (store_get(j->store, run->parent, &mem, &sweep) != 1)
        store_unread(j->store, err);
    else
        bad = jobs_change(j, &sweep, "run", b.data, err);
    buf_free(&b);
    ax_arena_fini(&mem);
    return bad;
}

void sweep_run_ended(jobs *j, const job_row *run)
{
    ax_err err;
    if (tell(j, run, &err) < 0)
        log_line(LOG_WARN, "job", "%lld: a run's end is not told: %s", (long long)run->parent,
                 err.msg);
    sweep_review(j);
}

/* A sweep that succeeded is over for all its runs: none of them can be resumed. */
void sweep_let_go(jobs *j, int64_t id)
{
    tally t;
    if (look(j, id, &t) < 0)
        return;
    for (int i = 0; i < t.n; i++)
        jobs_forget(j, t.id[i], "data");
}

/* ---- control
 * -------------------------------------------------------------------------------------------- */

/* Do something with each run that is in one of two states. */
static int each(jobs *j, int64_t sweep, job_state a, job_state b,
                int (*fn)(jobs *, job_row *, ax_err *), ax_err *err)
{
    tally t;
    int bad = look(j, sweep, &t) < 0 ? store_unread(j->store, err) : 0;
    for (int i = 0; i < t.n && !bad; i++) {
        ax_arena mem;
        job_row run;
        if (t.state[i] != a && t.state[i] != b)
            continue;
        ax_arena_init(&mem, 0);
        bad = store_get(j->store, t.id[i], &mem, &run) == 1 ? fn(j, &run, err)
                                                            : store_unread(j->store, err);
        ax_arena_fini(&mem);
    }
    return bad;
}

int sweep_cancel(jobs *j, job_row *sweep, ax_err *err)
{
    int again = sweep->cancelling; /* told already; runs that were not reached then are now */
    sweep->cancelling = 1;
    if (!again &&
        jobs_change(j, sweep, "state", "{\"state\":\"running\",\"cancelling\":true}", err) < 0)
        return -1;
    int bad = each(j, sweep->id, JOB_QUEUED, JOB_RUNNING, job_cancel, err);
    ax_arena mem;
    job_row now;
    ax_arena_init(&mem, 0);
    if (!bad && store_get(j->store, sweep->id, &mem, &now) == 1) {
        sweep->state = now.state;
        sweep->finished = now.finished;
    }
    ax_arena_fini(&mem);
    return bad;
}

static int reopen_run(jobs *j, job_row *run, ax_err *err)
{
    return jobs_reopen(j, run, JOB_QUEUED, err);
}

/* The sweep and all its runs, or none of them. */
int sweep_resume(jobs *j, job_row *sweep, ax_err *err)
{
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    if (jobs_reopen(j, sweep, JOB_RUNNING, err) < 0 ||
        each(j, sweep->id, JOB_FAILED, JOB_CANCELLED, reopen_run, err) < 0) {
        store_cancel(j->store);
        return -1;
    }
    if (store_end(j->store, err) < 0)
        return -1;
    jobs_recount(j);
    follow_wake(j, sweep->id);
    j->review_at = now_ns(); /* perhaps no run had to be done again, only the publishing */
    return 0;
}

int sweep_unfinished(jobs *j, int64_t id)
{
    tally t;
    return look(j, id, &t) < 0 ? -1 : t.count[JOB_FAILED] + t.count[JOB_CANCELLED];
}

int sweep_delete(jobs *j, const job_row *sweep, ax_err *err)
{
    tally t;
    if (look(j, sweep->id, &t) < 0)
        return store_unread(j->store, err);
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    for (int i = 0; i < t.n; i++)
        store_delete(j->store, t.id[i]);
    store_delete(j->store, sweep->id);
    if (store_end(j->store, err) < 0)
        return -1;
    for (int i = 0; i < t.n; i++)
        jobs_forget_folder(j, t.id[i]);
    return 0;
}
