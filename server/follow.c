/* follow.c - whoever wants to know what comes next of a job: event streams and long polls.
 *
 * A stream asks for a page of the events behind the last one it has sent, and waits here when there
 * is none. So a slow client costs one page, and a finished job is replayed by the same path. A long
 * poll waits for one event and is answered with the job. See jobs_impl.h. */
#include "follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_impl.h"

enum { PAGE = 32 * 1024, HEARTBEAT_S = 15 };

struct follower {
    follower *next;
    request *r;
    int64_t job, after; /* the last event it has                              */
    int64_t due;        /* a heartbeat, or the end of the wait                */
    int stream;
};

static void put_event(buf *b, int64_t number, const char *kind, const char *body)
{
    buf_printf(b, "id: %lld\nevent: %s\ndata: ", (long long)number, kind);
    buf_str(b, body); /* JSON on one line */
    buf_str(b, "\n\n");
}

/* One page of events. */
typedef struct page {
    buf *out;
    int64_t last;
    int done;
} page;

static int add_event(void *ctx, int64_t number, const char *kind, const char *body)
{
    page *p = ctx;
    put_event(p->out, number, kind, body);
    p->last = number;
    p->done = !strcmp(kind, "done");
    return p->done || p->out->len > PAGE;
}

/* Fill r->out with what is behind f->after. 1: there was something. */
static int fill(jobs *j, follower *f, int *done)
{
    page p = {&f->r->out, f->after, 0};
    store_events(j->store, f->job, f->after, add_event, &p); /* what it cannot read comes later */
    f->after = p.last;
    *done = p.done;
    return f->r->out.len > 0;
}

static void wait_here(jobs *j, follower *f, int64_t due)
{
    f->due = due;
    f->next = j->followers;
    j->followers = f;
}

/* ---- streams
 * ------------------------------------------------------------------------------------- */

static void release(request *r)
{
    free(r->job);
}

/* Nothing more will come of this job. */
static int is_over(jobs *j, int64_t job)
{
    ax_arena mem;
    job_row row;
    ax_arena_init(&mem, 0);
    int found = store_get(j->store, job, &mem, &row);
    int over = !found || (found > 0 && row.state >= JOB_SUCCEEDED);
    ax_arena_fini(&mem);
    return over;
}

static void next_page(jobs *j, request *r)
{
    follower *f = r->job;
    int done = 0, any = fill(j, f, &done);
    if (any || atomic_load(&j->draining) || is_over(j, f->job))
        request_page(r, done || !any);
    else
        wait_here(j, f, now_ns() + HEARTBEAT_S * SECOND);
}

static void more(request *r)
{
    jobs_submit(r->app->jobs, r, next_page);
}

void follow_stream(jobs *j, request *r, int64_t job, int64_t after)
{
    follower *f = calloc(1, sizeof *f);
    if (!f) {
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
        request_refuse(r);
        return;
    }
    *f = (follower){.r = r, .job = job, .after = after, .stream = 1};
    r->job = f;
    r->release = release;
    buf_str(&r->out, "retry: 2000\n\n");
    fill(j, f, &r->last_page);
    request_header(r, "Cache-Control", "no-store");
    request_header(r, "X-Accel-Buffering", "no"); /* a proxy in between passes events on at once */
    request_stream(r, "text/event-stream", more);
}

/* ---- long polls
 * ---------------------------------------------------------------------------------- */

static void answer_job(jobs *j, request *r, int64_t job)
{
    ax_arena mem;
    job_row row;
    ax_arena_init(&mem, 0);
    int found = store_get(j->store, job, &mem, &row);
    if (found > 0) {
        job_write(j, &row, &r->out);
        buf_char(&r->out, '\n');
        request_done(r, 200, "application/json");
    } else {
        if (found < 0)
            jobs_unread(j, &r->why);
        else
            problem_set(&r->why, 404, "unknown_job", "job %lld is gone", (long long)job);
        request_refuse(r);
    }
    ax_arena_fini(&mem);
}

void follow_wait(jobs *j, request *r, int64_t job, int64_t seconds)
{
    follower *f = atomic_load(&j->draining) ? NULL : calloc(1, sizeof *f);
    if (!f) {
        answer_job(j, r, job);
        return;
    }
    *f = (follower){.r = r, .job = job};
    wait_here(j, f, now_ns() + seconds * SECOND);
}

/* ---- waking
 * -------------------------------------------------------------------------------------- */

/* The waiting followers that `wants` names, taken off the list. */
static follower *take(jobs *j, int (*wants)(const follower *f, int64_t x), int64_t x)
{
    follower *out = NULL;
    for (follower **at = &j->followers; *at;) {
        follower *f = *at;
        if (!wants(f, x)) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        f->next = out;
        out = f;
    }
    return out;
}

static int of_job(const follower *f, int64_t job)
{
    return f->job == job;
}

static int is_due(const follower *f, int64_t now)
{
    return f->due <= now;
}

static int any(const follower *f, int64_t x)
{
    (void)f, (void)x;
    return 1;
}

static void wake(jobs *j, follower *f)
{
    int done = 0, ends = atomic_load(&j->draining);
    request *r = f->r;
    if (!f->stream) {
        int64_t job = f->job;
        free(f);
        answer_job(j, r, job);
        return;
    }
    if (!fill(j, f, &done))
        buf_str(&r->out, ": still here\n\n");
    request_page(r, done || ends);
}

static void wake_all(jobs *j, follower *f)
{
    for (follower *next; f; f = next) {
        next = f->next;
        wake(j, f);
    }
}

void follow_wake(jobs *j, int64_t job)
{
    wake_all(j, take(j, of_job, job));
}

void follow_tick(jobs *j, int64_t now)
{
    wake_all(j, take(j, is_due, now));
}

void follow_end(jobs *j)
{
    wake_all(j, take(j, any, 0));
}

int64_t follow_due(const jobs *j)
{
    int64_t due = INT64_MAX;
    for (const follower *f = j->followers; f; f = f->next)
        due = f->due < due ? f->due : due;
    return due;
}
