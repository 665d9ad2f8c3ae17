/* job_rows.c - the rows of jobs and how they change: an event with each change, the end of a job,
 * back into the queue, out of the store, what is left of an earlier server. See jobs_impl.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_impl.h"
#include "log.h"
#include "state.h"

void jobs_recount(jobs *j)
{
    for (int i = 0; j->store && i < JOB_STATES; i++)
        atomic_store(&j->count[i], store_count(j->store, (job_state)i));
}

int jobs_change(jobs *j, job_row *row, const char *kind, const char *body, ax_err *err)
{
    int64_t number = row->next_event;
    int durable = !kind || !strcmp(kind, "state") || !strcmp(kind, "done");
    if (store_begin(j->store, durable, err) < 0)
        return -1;
    if (kind) {
        row->next_event = number + 1;
        store_event(j->store, row->id, number, kind, body);
    }
    store_update(j->store, row);
    if (store_end(j->store, err) < 0) {
        row->next_event = number;
        return -1;
    }
    if (durable)
        jobs_recount(j);
    follow_wake(j, row->id);
    return 0;
}

int jobs_finish(jobs *j, job_row *row, job_state state, ax_err *err)
{
    buf text = {0};
    row->state = state;
    row->cancelling = 0;
    if (state == JOB_SUCCEEDED) /* else a version may be there, which a resume has to look for */
        row->publishing = 0;
    row->finished = wall_ms();
    job_write(j, row, &text);
    buf_char(&text, 0);
    int bad = text.failed ? ax_fail(err, AX_ENOMEM, "out of memory")
                          : jobs_change(j, row, "done", text.data, err);
    buf_free(&text);
    if (!bad && state == JOB_SUCCEEDED) /* the others may be resumed */
        jobs_forget(j, row->id, "data");
    if (!bad && state == JOB_SUCCEEDED && !row->parent && row->sweep && row->sweep[0])
        sweep_let_go(j, row->id);
    if (!bad)
        log_line(LOG_INFO, "job", "%lld %s%s%s", (long long)row->id, job_state_names[state],
                 row->error[0] ? ": " : "", row->error);
    if (!bad && row->parent)
        sweep_run_ended(j, row);
    return bad;
}

int jobs_fail(jobs *j, job_row *row, const char *code, const ax_err *why, ax_err *err)
{
    const char *const fields[][2] = {
        {"code", code}, {"message", why->msg}, {"at", why->at}, {"hint", why->hint}};
    cJSON *o = cJSON_CreateObject();
    int bad = 0;
    for (int i = 0; i < 4; i++)
        if (*fields[i][1])
            bad |= ax_json_put(o, fields[i][0], cJSON_CreateString(fields[i][1]));
    char *text = bad ? NULL : ax_json_text(o, 0);
    cJSON_Delete(o);
    row->error = text;
    bad = text ? jobs_finish(j, row, JOB_FAILED, err) : ax_fail(err, AX_ENOMEM, "out of memory");
    cJSON_free(text);
    return bad;
}

static int forget_done(void *ctx, int64_t number, const char *kind, const char *body)
{
    (void)body;
    if (!strcmp(kind, "done"))
        *(int64_t *)ctx = number;
    return 0;
}

int jobs_reopen(jobs *j, job_row *row, job_state state, ax_err *err)
{
    char body[64];
    int64_t done = 0, number = row->next_event++;
    if (store_events(j->store, row->id, number - 2, forget_done, &done) < 0)
        return store_unread(j->store, err);
    row->state = state;
    row->place = store_most_place(j->store);
    row->deaths = row->cancelling = 0;
    row->finished = 0;
    row->error = "";
    snprintf(body, sizeof body, "{\"state\":\"%s\",\"reason\":\"resumed\"}",
             job_state_names[state]);
    if (done)
        store_forget_event(j->store, row->id, done);
    store_event(j->store, row->id, number, "state", body);
    store_update(j->store, row);
    return 0;
}

int jobs_requeue(jobs *j, job_row *row, ax_err *err)
{
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    if (jobs_reopen(j, row, JOB_QUEUED, err) < 0) {
        store_cancel(j->store);
        return -1;
    }
    if (store_end(j->store, err) < 0)
        return -1;
    jobs_recount(j);
    follow_wake(j, row->id);
    return 0;
}

int jobs_delete_row(jobs *j, const job_row *row, ax_err *err)
{
    if (sweep_is(row))
        return sweep_delete(j, row, err);
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    store_delete(j->store, row->id);
    if (store_end(j->store, err) < 0)
        return -1;
    jobs_forget_folder(j, row->id);
    return 0;
}

/* Of finished jobs the newest are kept; runs go with their sweep. */
void jobs_forget_old(jobs *j)
{
    ax_err err;
    for (int bad = 0; !bad && store_finished(j->store) > j->app->cfg.keep_jobs; jobs_recount(j)) {
        ax_arena mem;
        job_row row;
        ax_arena_init(&mem, 0);
        int64_t id = store_oldest_finished(j->store);
        bad = !id || store_get(j->store, id, &mem, &row) != 1 || jobs_delete_row(j, &row, &err);
        ax_arena_fini(&mem);
    }
}

/* Folders of jobs that were never accepted, or of which only the row went, go. */
static void sweep_folders(jobs *j)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/jobs", j->app->cfg.state);
    DIR *d = n < (int)sizeof path ? opendir(path) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        size_t digits = strspn(e->d_name, "0123456789");
        if (!digits || digits > 15 || e->d_name[digits])
            continue;
        int64_t id = strtoll(e->d_name, NULL, 10);
        if (store_has(j->store, id) == 0)
            jobs_forget_folder(j, id);
    }
    if (d)
        closedir(d);
}

/* What was running when the last server ended waits again, in front. Folders of jobs that were
 * never accepted go. */
static int recover(jobs *j, ax_err *err)
{
    ax_arena mem;
    job_row row;
    ax_arena_init(&mem, 0);
    int bad = 0, more = 0;
    while (!bad && (more = store_first(j->store, JOB_RUNNING, &mem, &row)) > 0) {
        int cancelled = row.cancelling && !row.publishing; /* what is trained is published */
        row.state = JOB_QUEUED;
        row.place = store_least_place(j->store);
        bad = cancelled
                  ? jobs_finish(j, &row, JOB_CANCELLED, err)
                  : jobs_change(j, &row, "state",
                                "{\"state\":\"queued\",\"reason\":\"the server was restarted\"}",
                                err);
        ax_arena_reset(&mem);
    }
    if (more < 0)
        bad = store_unread(j->store, err);
    j->review_at = now_ns(); /* sweeps: by the thread, when the models are on their way */
    jobs_recount(j);
    sweep_folders(j);
    ax_arena_fini(&mem);
    return bad;
}

/* When room may be had: the first of the running jobs to end. */
static int retry_after(const jobs *j)
{
    double least = 60;
    for (const child *c = j->children; c; c = c->next)
        least = c->eta < least ? c->eta : least;
    return least < 1 ? 1 : (int)least;
}

int jobs_no_room(const jobs *j, int64_t more, problem *why)
{
    int64_t waiting = jobs_count(j, JOB_QUEUED) + j->checking, most = j->app->cfg.max_queued_jobs;
    if (atomic_load(&j->draining)) {
        problem_set(why, 503, "draining", "the server stops");
        why->retry_after = 5;
        return -1;
    }
    if (waiting + more <= most)
        return 0;
    problem_set(why, more > most ? 422 : 429, "queue_full",
                "%lld trainings wait and %lld would come, at most %lld may wait",
                (long long)waiting, (long long)more, (long long)most);
    problem_expect(why, "%lld", (long long)most);
    problem_got(why, "%lld", (long long)(waiting + more));
    why->retry_after = more > most ? 0 : retry_after(j);
    return ax_err_hint(&why->err,
                       "--max-queued-jobs sets the bound; GET /jobs?state=queued lists them");
}

/* The folder is opened, or made; then what was left is looked at. */
int jobs_open_store(jobs *j, ax_err *err)
{
    if (state_claim(j->app, err) < 0 || !(j->store = store_open(j->app->cfg.state, err)))
        return -1;
    if (recover(j, err) == 0)
        return 0;
    store_close(j->store);
    j->store = NULL;
    return -1;
}

int jobs_unread(const jobs *j, problem *why)
{
    ax_err err;
    store_unread(j->store, &err);
    problem_set(why, 503, "no_state", "%s", err.msg);
    why->retry_after = 2;
    return -1;
}

store *jobs_store(jobs *j, problem *why)
{
    ax_err err;
    if (j->store || jobs_open_store(j, &err) == 0)
        return j->store;
    state_refuse(why, &err);
    return NULL;
}
