/* job_child.c - one training process, from its start to what becomes of its job; see jobs_impl.h.
 *
 * It is `axond train` as anybody can run it, with the job's folder as its place. Its stdout is a
 * pipe of JSON lines, its stderr the file "log" of the folder. It takes its own low priority and
 * memory limit, so nothing happens between fork and exec but what posix_spawn does. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job_death.h"
#include "jobs_impl.h"
#include "log.h"

enum {
    LINE = 64 * 1024,    /* a longer one is thrown away                                     */
    EPOCHS_TOLD = 10000, /* of more epochs, that many are kept                              */
    GRACE_S = 30         /* from SIGTERM to SIGKILL                                         */
};

/* ---- start -------------------------------------------------------------------------------------
 */

static int spawn(char *const argv[], const char *log, int out, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    int bad = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) ||
              posix_spawn_file_actions_adddup2(&files, out, 1) ||
              posix_spawn_file_actions_addopen(&files, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int e = bad ? ENOMEM : posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return e;
}

typedef struct places {
    char spec[4096], model[4096], checkpoint[4096], models[4096], data[4096], log[4096];
} places;

static int find_places(const jobs *j, int64_t id, places *p)
{
    return jobs_path(j, id, "spec.json", p->spec) ||
           jobs_path(j, id, "model.safetensors", p->model) ||
           jobs_path(j, id, "checkpoint", p->checkpoint) || jobs_path(j, id, "models", p->models) ||
           jobs_path(j, id, "data", p->data) || jobs_path(j, id, "log", p->log);
}

static int launch(const jobs *j, const job_row *row, int out, pid_t *pid, ax_err *err)
{
    const config *cfg = &j->app->cfg;
    places p;
    char threads[24], memory[24], every[24], niceness[24];
    if (find_places(j, row->id, &p))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    snprintf(threads, sizeof threads, "%lld", (long long)cfg->job_threads);
    snprintf(memory, sizeof memory, "%lld", (long long)cfg->job_memory);
    snprintf(every, sizeof every, "%lld", (long long)cfg->checkpoint_s);
    snprintf(niceness, sizeof niceness, "%lld", (long long)cfg->job_nice);
    const char *argv[32] = {
        "axond",      "train",    p.spec,           "--out", p.model,    "--checkpoint",
        p.checkpoint, "--resume", "--progress",     "json",  "--models", p.models,
        "--threads",  threads,    "--checkpoint-s", every,   "--nice",   niceness};
    int n = 18;
    if (row->parent) /* its sweep compares how activations fare */
        argv[n++] = "--health";
    if (cfg->job_memory)
        argv[n++] = "--max-memory", argv[n++] = memory;
    const char *data =
        access(p.data, F_OK) ? cfg->data : p.data; /* its own links, when it is an uploaded set */
    if (data)
        argv[n++] = "--data", argv[n++] = data;
    int e = spawn((char *const *)(uintptr_t)argv, p.log, out, pid);
    return e ? ax_fail(err, AX_EIO, "the training process cannot be started: %s", strerror(e)) : 0;
}

child *child_new(int64_t id)
{
    child *c = calloc(1, sizeof *c);
    if (c) {
        c->id = id;
        c->eta = 60;
        c->out = -1;
    }
    return c;
}

void child_start(jobs *j, child *c, const job_row *row)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        ax_fail(&c->unborn, AX_EIO, "no pipe to the training process: %s", strerror(errno));
        return;
    }
    int bad = launch(j, row, ends[1], &c->pid, &c->unborn);
    close(ends[1]);
    if (bad) {
        close(ends[0]);
        return;
    }
    c->out = ends[0];
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    log_line(LOG_INFO, "job", "%lld runs as process %d", (long long)row->id, (int)c->pid);
}

void child_free(child *c)
{
    if (c->out >= 0)
        close(c->out);
    buf_free(&c->line);
    free(c->last);
    free(c);
}

void child_stop(child *c)
{
    if (c->pid && !c->kill_at) {
        kill(c->pid, SIGTERM);
        c->kill_at = now_ns() + GRACE_S * SECOND;
    }
}

/* ---- what it says
 * -------------------------------------------------------------------------------- */

/* A progress is stored once a second, an epoch always unless there are very many. */
static int worth_telling(const child *c, const cJSON *o, int epoch)
{
    double n = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "epoch"));
    double all = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "epochs"));
    if (!epoch)
        return now_ns() - c->told_at >= SECOND;
    int64_t every = all > EPOCHS_TOLD ? (int64_t)(all / EPOCHS_TOLD) + 1 : 1;
    return n >= all || (int64_t)n % every == 0;
}

static void take_progress(jobs *j, child *c, cJSON *o, const char *kind)
{
    double step = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "step"));
    double eta = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "eta_seconds"));
    int epoch = !strcmp(kind, "epoch");
    c->eta = eta >= 0 ? eta : c->eta;
    if (step > (double)c->step && step < 9e15)
        c->step = (int64_t)step;
    if (!worth_telling(c, o, epoch))
        return;
    ax_arena mem;
    job_row row;
    ax_err err;
    ax_arena_init(&mem, 0);
    cJSON_DeleteItemFromObjectCaseSensitive(o, "event");
    char *text = ax_json_text(o, 0);
    if (text && store_get(j->store, c->id, &mem, &row) == 1) {
        row.progress = text;
        if (c->step > row.best_step) {
            row.best_step = c->step;
            row.deaths = 0;
        }
        if (jobs_change(j, &row, kind, text, &err) < 0)
            log_line(LOG_WARN, "job", "%lld: a progress is not kept: %s", (long long)c->id,
                     err.msg);
        c->told_at = now_ns();
    }
    cJSON_free(text);
    ax_arena_fini(&mem);
}

static void take_line(jobs *j, child *c, const char *line, size_t n)
{
    cJSON *o = ax_json_parse(line, n, NULL);
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "event"));
    if (!kind) {
        log_line(LOG_WARN, "job", "%lld says something else than JSON: %.*s", (long long)c->id,
                 n > 200 ? 200 : (int)n, line);
    } else if (!strcmp(kind, "progress") || !strcmp(kind, "epoch")) {
        char copy[16];
        snprintf(copy, sizeof copy, "%s", kind); /* it goes with the field */
        take_progress(j, c, o, copy);
    } else if (!strcmp(kind, "warning")) { /* those about the spec were told at the check */
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "message"));
        log_line(LOG_WARN, "job", "%lld: %s", (long long)c->id, text ? text : "a warning");
    } else {
        free(c->last);
        c->last = strndup(line, n);
    }
    cJSON_Delete(o);
}

void child_read(jobs *j, child *c)
{
    char *room = buf_room(&c->line, LINE);
    ssize_t n = room ? read(c->out, room, LINE) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close(c->out);
        c->out = -1;
        return;
    }
    c->line.len += (size_t)n;
    char *at = c->line.data, *end = at + c->line.len, *stop;
    for (; (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1)
        take_line(j, c, at, (size_t)(stop - at));
    c->line.len = (size_t)(end - at);
    memmove(c->line.data, at, c->line.len);
    if (c->line.len > LINE) {
        log_line(LOG_WARN, "job", "%lld says a line of more than %d bytes", (long long)c->id, LINE);
        buf_clear(&c->line);
    }
}

/* ---- the end
 * ------------------------------------------------------------------------------------- */

static int again(jobs *j, job_row *row, const char *reason, ax_err *err)
{
    char body[256];
    row->state = JOB_QUEUED;
    row->place = store_least_place(j->store);
    snprintf(body, sizeof body, "{\"state\":\"queued\",\"reason\":\"%s\"}", reason);
    return jobs_change(j, row, "state", body, err);
}

/* Ended by a signal: by its own fault, or by somebody, or by the kernel. */
static int died(jobs *j, const child *c, job_row *row, ax_err *err)
{
    death d = {WTERMSIG(c->status), c->killed, c->peak, ax_memory()};
    char text[200];
    ax_err why;
    death_text(&d, text, sizeof text);
    if (c->step > row->best_step)
        row->best_step = c->step, row->deaths = 0;
    if (++row->deaths < death_tries(&d))
        return again(j, row, text, err);
    ax_fail(&why, AX_EIO, "%s, %d times without getting further than step %lld", text, row->deaths,
            (long long)row->best_step);
    return jobs_fail(j, row, "process_died", &why, err);
}

/* It says itself what went wrong. */
static int gave_up(jobs *j, const child *c, job_row *row, ax_err *err)
{
    cJSON *o = c->last ? ax_json_parse(c->last, strlen(c->last), NULL) : NULL;
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "code"));
    int bad;
    if (code && !strcmp(code, ax_code_name(AX_ECANCELED))) { /* somebody else's SIGTERM */
        bad = again(j, row, "its process was told to stop", err);
    } else if (code) {
        cJSON_DeleteItemFromObjectCaseSensitive(o, "event");
        char *text = ax_json_text(o, 0);
        row->error = text ? text : "";
        bad = jobs_finish(j, row, JOB_FAILED, err);
        cJSON_free(text);
    } else {
        ax_err why;
        ax_fail(&why, AX_EIO, "its process ended with code %d and said nothing",
                WEXITSTATUS(c->status));
        bad = jobs_fail(j, row, "process_died", &why, err);
    }
    cJSON_Delete(o);
    return bad;
}

/* A run of a sweep: its figures are what was wanted. */
static int done_unpublished(jobs *j, const child *c, job_row *row, ax_err *err)
{
    cJSON *o = c->last ? ax_json_parse(c->last, strlen(c->last), NULL) : NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(o, "event");
    cJSON_DeleteItemFromObjectCaseSensitive(o, "model");
    char *text = ax_json_text(o, 0);
    row->result = text ? text : "{}";
    int bad = jobs_finish(j, row, JOB_SUCCEEDED, err);
    cJSON_free(text);
    cJSON_Delete(o);
    return bad;
}

static int decide(jobs *j, child *c, job_row *row, ax_err *err)
{
    int unborn = c->unborn.msg[0] != 0;
    int exited = WIFEXITED(c->status), done = !unborn && exited && !WEXITSTATUS(c->status);
    if (row->cancelling && !done)
        return jobs_finish(j, row, JOB_CANCELLED, err);
    if (done)
        return row->model[0] ? publish_start(j, c, row, row->id, c->last ? c->last : "{}", err)
                             : done_unpublished(j, c, row, err);
    if (atomic_load(&j->draining))
        return again(j, row, "the server stops", err);
    if (unborn)
        return jobs_fail(j, row, ax_code_name(c->unborn.code), &c->unborn, err);
    return exited ? gave_up(j, c, row, err) : died(j, c, row, err);
}

int job_cancel(jobs *j, job_row *row, ax_err *err)
{
    child *c = jobs_child(j, row->id);
    if (row->state == JOB_QUEUED)
        return jobs_finish(j, row, JOB_CANCELLED, err);
    if (row->cancelling)
        return 0;
    row->cancelling = 1;
    if (jobs_change(j, row, "state", "{\"state\":\"running\",\"cancelling\":true}", err) < 0)
        return -1;
    if (c)
        child_stop(c);
    return 0;
}

int child_ended(jobs *j, child *c)
{
    ax_arena mem;
    job_row row;
    ax_err err;
    c->again_at = now_ns() + SECOND / 50;
    struct rusage used;
    if (c->pid && wait4(c->pid, &c->status, WNOHANG, &used) != c->pid)
        return 0;
    if (c->pid) {
        struct rusage own;
        getrusage(RUSAGE_SELF, &own);
        c->peak = death_peak(used.ru_maxrss, own.ru_maxrss) * 1024;
    }
    c->pid = 0;
    ax_arena_init(&mem, 0);
    int over = 1, found = store_get(j->store, c->id, &mem, &row);
    if (!found)
        log_line(LOG_ERROR, "job", "%lld is gone from the store", (long long)c->id);
    else if (found < 0 ? store_unread(j->store, &err)
                       : row.state == JOB_RUNNING && decide(j, c, &row, &err) < 0) {
        log_line(LOG_ERROR, "job", "%lld: its end cannot be recorded yet: %s", (long long)c->id,
                 err.msg);
        c->again_at = now_ns() + SECOND;
        over =
            atomic_load(&j->draining); /* the next server takes it for one that was interrupted */
    }
    ax_arena_fini(&mem);
    return over && !c->publishing;
}
