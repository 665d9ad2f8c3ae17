/* job_routes.c - requests about jobs: list, one, its series, events and log, cancel, resume,
 * delete. The handlers, at the end, hand over to the jobs thread; the rest runs there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "follow.h"
#include "handlers.h"
#include "jobs_impl.h"
#include "log.h"
#include "wire.h"

const char *const jobs_list_options[] = {"state", "limit", "before", NULL};
const char *const jobs_get_options[] = {"wait", NULL};
const char *const jobs_metrics_options[] = {"since", "max_points", NULL};
const char *const jobs_events_options[] = {"after", NULL};

enum { LIST_MAX = 1000, WAIT_MAX = 300, POINTS_MAX = 20000, LOG_MAX = 1 << 20 };
static const int64_t id_max = (int64_t)1 << 53;

/* ---- finding the job
 * -------------------------------------------------------------------------------- */

static int64_t id_of(const request *r)
{
    const char *s = r->param[0];
    size_t n = strspn(s, "0123456789");
    return n && !s[n] && n <= 15 && s[0] != '0' ? strtoll(s, NULL, 10) : 0;
}

/* There are jobs, but a full disk keeps them from being read. 1: the request is refused. */
static int closed(jobs *j, request *r)
{
    if (j->store || !j->dispatch_at)
        return 0;
    problem_set(&r->why, 503, "no_state",
                "the jobs cannot be read: there is no space on their disk");
    r->why.retry_after = 2;
    request_refuse(r);
    return 1;
}

/* The job that the path names; -1 with the request refused. */
static int find(jobs *j, request *r, job_row *row)
{
    int64_t id = id_of(r);
    if (closed(j, r))
        return -1;
    int found = j->store && id ? store_get(j->store, id, &r->mem, row) : 0;
    if (found > 0)
        return 0;
    if (found < 0) {
        jobs_unread(j, &r->why);
        request_refuse(r);
        return -1;
    }
    problem_set(&r->why, 404, "unknown_job", "there is no job '%.40s'", r->param[0]);
    snprintf(r->why.err.at, sizeof r->why.err.at, "id");
    ax_err_hint(&r->why.err, "GET /jobs lists them");
    request_refuse(r);
    return -1;
}

static void answer(jobs *j, request *r, const job_row *row, int status)
{
    job_write(j, row, &r->out);
    buf_char(&r->out, '\n');
    request_done(r, status, "application/json");
}

static void refuse_error(request *r, const ax_err *err)
{
    if (err->code == AX_ELIMIT)
        problem_set(&r->why, 507, "disk_full", "%s", err->msg);
    else
        problem_from(&r->why, err);
    request_refuse(r);
}

/* ---- list and one
 * ------------------------------------------------------------------------------------- */

typedef struct listing {
    jobs *jobs;
    buf *out;
    int n;
} listing;

static void list_one(void *ctx, const job_row *row)
{
    listing *l = ctx;
    if (l->n++)
        buf_char(l->out, ',');
    job_write(l->jobs, row, l->out);
}

static int state_of(request *r, int *state)
{
    const char *name = request_query(r, "state");
    *state = -1;
    if (!name)
        return 0;
    for (int i = 0; i < JOB_STATES; i++)
        if (!strcmp(job_state_names[i], name))
            return *state = i, 0;
    const char *near = ax_nearest(name, job_state_names, JOB_STATES);
    problem_set(&r->why, 400, "unknown_state",
                "state: '%.40s' is none of queued, running, succeeded, failed, cancelled", name);
    snprintf(r->why.err.at, sizeof r->why.err.at, "state");
    return near ? ax_err_hint(&r->why.err, "did you mean '%s'?", near) : -1;
}

static void list(jobs *j, request *r)
{
    int64_t limit = 100, before = id_max;
    int state;
    if (state_of(r, &state) < 0 || request_integer(r, "limit", 1, LIST_MAX, &limit, &r->why) < 0 ||
        request_integer(r, "before", 1, id_max, &before, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    if (closed(j, r))
        return;
    listing l = {j, &r->out, 0};
    buf_str(&r->out, "{\"jobs\":[");
    if (j->store && store_list(j->store, state, before, (int)limit, &r->mem, list_one, &l) < 0) {
        jobs_unread(j, &r->why);
        request_refuse(r);
        return;
    }
    buf_str(&r->out, "],\"counts\":{");
    for (int i = 0; i < JOB_STATES; i++)
        buf_printf(&r->out, "%s\"%s\":%lld", i ? "," : "", job_state_names[i],
                   (long long)jobs_count(j, (job_state)i));
    buf_str(&r->out, "}}\n");
    request_done(r, 200, "application/json");
}

static void get(jobs *j, request *r)
{
    job_row row;
    int64_t seconds = 0;
    if (request_integer(r, "wait", 0, WAIT_MAX, &seconds, &r->why) < 0)
        request_refuse(r);
    else if (find(j, r, &row) == 0) {
        if (seconds && row.state < JOB_SUCCEEDED)
            follow_wait(j, r, row.id, seconds);
        else
            answer(j, r, &row, 200);
    }
}

static void events(jobs *j, request *r)
{
    job_row row;
    int64_t after = r->last_event >= 0 ? r->last_event : 0;
    if (request_integer(r, "after", 0, id_max, &after, &r->why) < 0)
        request_refuse(r);
    else if (find(j, r, &row) == 0)
        follow_stream(j, r, row.id, after);
}

static void log_of(jobs *j, request *r)
{
    job_row row;
    char path[4096];
    size_t n = 0;
    if (find(j, r, &row) < 0)
        return;
    char *text = jobs_path(j, row.id, "log", path) ? NULL : ax_file_tail(path, LOG_MAX, &n, NULL);
    if (text)
        buf_add(&r->out, text, n);
    free(text);
    request_done(r, 200, "text/plain; charset=utf-8");
}

/* ---- the series of metrics
 * ------------------------------------------------------------------------------ */

static void metrics(jobs *j, request *r)
{
    job_row row;
    job_series s;
    int64_t most = 1000, since = 0;
    if (request_integer(r, "since", 0, id_max, &since, &r->why) < 0 ||
        request_integer(r, "max_points", 1, POINTS_MAX, &most, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    if (find(j, r, &row) < 0)
        return;
    job_series_read(j, row.id, since, &s);
    buf_printf(&r->out, "{\"id\":\"%lld\",\"state\":\"%s\",\"step\":%lld,\"metrics\":{",
               (long long)row.id, job_state_names[row.state],
               (long long)(s.n ? s.at[s.n - 1].step : since));
    job_series_write(&s, most, &r->out);
    buf_str(&r->out, "}}\n");
    r->out.failed |= s.failed;
    free(s.at);
    request_done(r, 200, "application/json");
}

static void chart(jobs *j, request *r)
{
    job_row row;
    if (find(j, r, &row) < 0)
        return;
    job_chart(j, &row, &r->out);
    request_header(r, "Cache-Control", "no-store");
    request_done(r, 200, "image/svg+xml");
}

/* ---- control
 * -------------------------------------------------------------------------------------------- */

static void wrong_state(request *r, const job_row *row, const char *wanted, const char *hint)
{
    problem_set(&r->why, 409, "wrong_state", "job %lld is %s, expected %s", (long long)row->id,
                job_state_names[row->state], wanted);
    problem_expect(&r->why, "\"%s\"", wanted);
    problem_got(&r->why, "\"%s\"", job_state_names[row->state]);
    ax_err_hint(&r->why.err, "%s", hint);
    request_refuse(r);
}

static void cancel(jobs *j, request *r)
{
    job_row row;
    ax_err err;
    if (find(j, r, &row) < 0)
        return;
    if (row.state >= JOB_SUCCEEDED)
        wrong_state(r, &row, "queued or running", "a finished job can be resumed or deleted");
    else if (sweep_is(&row) ? sweep_cancel(j, &row, &err) : job_cancel(j, &row, &err))
        refuse_error(r, &err);
    else
        answer(j, r, &row, row.state == JOB_RUNNING ? 202 : 200);
}

static void resume(jobs *j, request *r)
{
    job_row row;
    ax_err err;
    if (find(j, r, &row) < 0)
        return;
    int more = sweep_is(&row) ? sweep_unfinished(j, row.id) : 1;
    if (more < 0) {
        jobs_unread(j, &r->why);
        request_refuse(r);
    } else if (row.parent)
        wrong_state(r, &row, "no run of a sweep", "the sweep it belongs to can be resumed");
    else if (row.state != JOB_FAILED && row.state != JOB_CANCELLED)
        wrong_state(r, &row, "failed or cancelled", "GET /jobs/ID shows how far it is");
    else if (jobs_no_room(j, more, &r->why) < 0)
        request_refuse(r);
    else if (sweep_is(&row) ? sweep_resume(j, &row, &err) : jobs_requeue(j, &row, &err))
        refuse_error(r, &err);
    else
        answer(j, r, &row, 202);
}

static void erase(jobs *j, request *r)
{
    job_row row;
    ax_err err;
    if (find(j, r, &row) < 0)
        return;
    if (row.state < JOB_SUCCEEDED || row.parent) {
        wrong_state(r, &row, row.parent ? "no run of a sweep" : "finished",
                    row.parent ? "the sweep it belongs to can be deleted, with all its runs"
                               : "POST /jobs/ID/cancel ends it first");
        return;
    }
    if (jobs_delete_row(j, &row, &err) < 0) {
        refuse_error(r, &err);
        return;
    }
    jobs_recount(j);
    buf_printf(&r->out, "{\"deleted\":\"%lld\"}\n", (long long)row.id);
    request_done(r, 200, "application/json");
}

/* ---- sweeps
 * --------------------------------------------------------------------------------------------- */

static int find_sweep(jobs *j, request *r, job_row *row)
{
    if (find(j, r, row) < 0)
        return -1;
    if (sweep_is(row))
        return 0;
    problem_set(&r->why, 409, "no_sweep", "job %lld is no sweep: it has no table",
                (long long)row->id);
    ax_err_hint(&r->why.err, "GET /jobs/%lld/metrics has its figures", (long long)row->id);
    request_refuse(r);
    return -1;
}

static void table(jobs *j, request *r)
{
    job_row row;
    int64_t best;
    if (find_sweep(j, r, &row) < 0)
        return;
    cJSON *o = sweep_table(j, &row, &best);
    char *text = ax_json_text(o, 0);
    if (text)
        buf_str(&r->out, text);
    buf_char(&r->out, '\n');
    r->out.failed |= !text;
    cJSON_free(text);
    cJSON_Delete(o);
    request_done(r, 200, "application/json");
}

static void table_csv(jobs *j, request *r)
{
    job_row row;
    if (find_sweep(j, r, &row) < 0)
        return;
    sweep_csv(j, &row, &r->out);
    request_done(r, 200, "text/csv; charset=utf-8");
}

/* ---- handlers
 * --------------------------------------------------------------------------------------------- */

void jobs_list(request *r)
{
    jobs_submit(r->app->jobs, r, list);
}

void jobs_get(request *r)
{
    jobs_submit(r->app->jobs, r, get);
}

void jobs_metrics(request *r)
{
    jobs_submit(r->app->jobs, r, metrics);
}

void jobs_events(request *r)
{
    jobs_submit(r->app->jobs, r, events);
}

void jobs_log(request *r)
{
    jobs_submit(r->app->jobs, r, log_of);
}

void jobs_delete(request *r)
{
    jobs_submit(r->app->jobs, r, erase);
}

void jobs_chart(request *r)
{
    jobs_submit(r->app->jobs, r, chart);
}

void jobs_table(request *r)
{
    jobs_submit(r->app->jobs, r, table);
}

void jobs_table_csv(request *r)
{
    jobs_submit(r->app->jobs, r, table_csv);
}

/* These have a body, in which nothing may stand. */
static void hand_over(request *r, void (*fn)(jobs *, request *))
{
    if (wire_empty(r->body.data ? r->body.data : "", r->body.len, &r->mem, &r->why) < 0)
        request_refuse(r);
    else
        jobs_submit(r->app->jobs, r, fn);
}

void jobs_cancel(request *r)
{
    hand_over(r, cancel);
}

void jobs_resume(request *r)
{
    hand_over(r, resume);
}
