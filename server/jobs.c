/* jobs.c - the jobs thread: its mailbox, its sleep, the queue; see jobs_impl.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets.h"
#include "jobs_impl.h"
#include "log.h"

enum {
    CHILDREN = 256, /* the most that --max-jobs allows               */
    RETRY_S = 2     /* after a disk that was full the store is opened again */
};

/* ---- the mailbox -------------------------------------------------------------------------------
 */

void jobs_post(jobs *j, task *t)
{
    uint64_t one = 1;
    t->next = NULL;
    pthread_mutex_lock(&j->lock);
    *j->last = t;
    j->last = &t->next;
    if (write(j->wake_fd, &one, sizeof one) <
        0) { /* it cannot be full: the thread reads it each time */
    }
    pthread_mutex_unlock(&j->lock);
}

static void run_mail(jobs *j)
{
    uint64_t n;
    if (read(j->wake_fd, &n, sizeof n) < 0 && errno != EAGAIN)
        return;
    pthread_mutex_lock(&j->lock);
    task *t = j->first;
    j->first = NULL;
    j->last = &j->first;
    pthread_mutex_unlock(&j->lock);
    for (task *next; t; t = next) {
        next = t->next;
        t->run(t);
    }
}

static void run_request(task *t)
{
    request *r = (request *)((char *)t - offsetof(request, task));
    r->on_jobs(r->app->jobs, r);
}

void jobs_submit(jobs *j, request *r, void (*fn)(jobs *j, request *r))
{
    request_away(r);
    r->on_jobs = fn;
    r->task.run = run_request;
    jobs_post(j, &r->task);
}

int64_t jobs_count(const jobs *j, job_state state)
{
    return atomic_load_explicit(&j->count[state], memory_order_relaxed);
}

/* ---- files
 * --------------------------------------------------------------------------------------- */

int jobs_path(const jobs *j, int64_t id, const char *name, char *path)
{
    int n = snprintf(path, 4096, "%s/jobs/%lld%s%s", j->app->cfg.state, (long long)id,
                     name ? "/" : "", name ? name : "");
    return n < 4096 ? 0 : -1;
}

/* errno stays: what is thrown away here is often what a full disk has left. */
void jobs_forget(jobs *j, int64_t id, const char *what)
{
    char path[4096];
    int e = errno;
    if (!jobs_path(j, id, what, path) && ax_remove_tree(path) < 0)
        log_line(LOG_WARN, "jobs", "%s cannot be removed: %s", path, strerror(errno));
    datasets_let_go_of_job(j->app->sets);
    errno = e;
}

void jobs_forget_folder(jobs *j, int64_t id)
{
    jobs_forget(j, id, NULL);
}

/* ---- the queue
 * ----------------------------------------------------------------------------------- */

child *jobs_child(jobs *j, int64_t id)
{
    child *c = j->children;
    while (c && c->id != id)
        c = c->next;
    return c;
}

/* 0 when the job runs, or has a child that records why it cannot; -1: it is queued still. */
static int start(jobs *j, job_row *row)
{
    ax_err err;
    child *c = child_new(row->id);
    if (!c)
        return -1;
    row->state = JOB_RUNNING;
    if (!row->started)
        row->started = wall_ms();
    if (jobs_change(j, row, "state", "{\"state\":\"running\"}", &err) < 0) {
        log_line(LOG_ERROR, "job", "%lld cannot be started: %s", (long long)row->id, err.msg);
        child_free(c);
        return -1;
    }
    child_start(j, c, row);
    c->next = j->children;
    j->children = c;
    j->n_children++;
    return 0;
}

/* Start what may run. */
static void dispatch(jobs *j)
{
    ax_arena mem;
    job_row row;
    ax_err err;
    int found;
    if (!j->store && j->dispatch_at && now_ns() >= j->dispatch_at) {
        j->dispatch_at = now_ns() + RETRY_S * SECOND;
        jobs_open_store(j, &err);
    }
    if (!j->store)
        return;
    j->dispatch_at = 0;
    ax_arena_init(&mem, 0);
    while (!atomic_load(&j->draining) && j->n_children < j->app->cfg.max_jobs &&
           (found = store_first(j->store, JOB_QUEUED, &mem, &row))) {
        if (found < 0 || start(j, &row) < 0) {
            j->dispatch_at = now_ns() + SECOND;
            break;
        }
        ax_arena_reset(&mem);
    }
    ax_arena_fini(&mem);
}

/* ---- children
 * ------------------------------------------------------------------------------------ */

static void end_children(jobs *j, int64_t now)
{
    int gone = 0;
    for (child **at = &j->children; *at;) {
        child *c = *at;
        if (c->kill_at && now > c->kill_at && c->pid) {
            kill(c->pid, SIGKILL);
            c->killed = 1;
            c->kill_at = 0;
        }
        int over = c->out < 0 && !c->publishing && now >= c->again_at && child_ended(j, c);
        if (!over) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        child_free(c);
        j->n_children--;
        gone = 1;
    }
    if (gone)
        jobs_forget_old(j);
}

/* ---- the thread
 * ---------------------------------------------------------------------------------- */

static int64_t next_time(const jobs *j)
{
    int64_t due = follow_due(j);
    if (j->dispatch_at && j->dispatch_at < due)
        due = j->dispatch_at;
    if (j->review_at && j->review_at < due)
        due = j->review_at;
    for (const child *c = j->children; c; c = c->next) {
        int64_t at = c->out < 0 ? c->again_at : c->kill_at;
        if (c->publishing || (c->out >= 0 && !c->kill_at))
            continue;
        due = at < due ? at : due;
    }
    return due;
}

static void sleep_for_events(jobs *j, struct pollfd *fds, child **who, int *n)
{
    *n = 1;
    fds[0] = (struct pollfd){.fd = j->wake_fd, .events = POLLIN};
    for (child *c = j->children; c && *n <= CHILDREN; c = c->next)
        if (c->out >= 0) {
            who[*n] = c;
            fds[(*n)++] = (struct pollfd){.fd = c->out, .events = POLLIN};
        }
    int64_t due = next_time(j), ns = due == INT64_MAX ? 3600 * SECOND : due - now_ns();
    if (ns < 0)
        ns = 0;
    struct timespec t = {ns / SECOND, ns % SECOND};
    ppoll(fds, (nfds_t)*n, &t, NULL);
}

static void stop_children(jobs *j)
{
    for (child *c = j->children; c; c = c->next)
        child_stop(c);
    follow_end(j);
}

static void *run(void *arg)
{
    jobs *j = arg;
    struct pollfd fds[CHILDREN + 1];
    child *who[CHILDREN + 1];
    int n, told = 0;
    for (;;) {
        dispatch(j);
        int stage = atomic_load(&j->draining);
        if (stage && !told++)
            stop_children(j);
        if (stage > 1 && !j->children && !j->publications)
            break;
        sleep_for_events(j, fds, who, &n);
        run_mail(j);
        for (int i = 1; i < n; i++)
            if (fds[i].revents)
                child_read(j, who[i]);
        int64_t now = now_ns();
        end_children(j, now);
        if (j->review_at && now >= j->review_at)
            sweep_review(j);
        follow_tick(j, now);
    }
    return NULL;
}

/* ---- from birth to death
 * ------------------------------------------------------------------------- */

jobs *jobs_new(app *a, ax_err *err)
{
    jobs *j = calloc(1, sizeof *j);
    if (!j) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    j->app = a;
    j->last = &j->first;
    pthread_mutex_init(&j->lock, NULL);
    j->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (j->wake_fd < 0) {
        ax_fail(err, AX_EIO, "no descriptor for the jobs: %s", strerror(errno));
    } else if ((j->checkers = workers_new(1, "check", err))) {
        if (access(a->cfg.state, F_OK) < 0 || jobs_open_store(j, err) == 0)
            return j;
        config_blame("state", err);
        if (err->code == AX_ELIMIT) { /* the models are served all the same */
            log_line(LOG_ERROR, "jobs", "%s; there are no trainings until there is room", err->msg);
            j->dispatch_at = now_ns() + RETRY_S * SECOND;
            return j;
        }
    }
    jobs_free(j);
    return NULL;
}

int jobs_start(jobs *j, ax_err *err)
{
    if (pthread_create(&j->thread, NULL, run, j))
        return ax_fail(err, AX_EIO, "cannot start the thread of the jobs: %s", strerror(errno));
    pthread_setname_np(j->thread, "jobs");
    j->started = 1;
    return 0;
}

static void nothing(task *t)
{
    (void)t;
}

/* What the thread looks at has changed: it wakes up by an empty task. */
static void nudge(jobs *j, int stage)
{
    static task empty[2] = {{.run = nothing}, {.run = nothing}};
    atomic_store(&j->draining, stage);
    jobs_post(j, &empty[stage - 1]);
}

void jobs_drain(jobs *j)
{
    nudge(j, 1);
}

void jobs_free(jobs *j)
{
    if (!j)
        return;
    workers_free(j->checkers);
    if (j->started) {
        nudge(j, 2);
        pthread_join(j->thread, NULL);
    }
    store_close(j->store);
    if (j->wake_fd >= 0)
        close(j->wake_fd);
    pthread_mutex_destroy(&j->lock);
    free(j);
}
