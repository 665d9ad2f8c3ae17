/* serve.c - start, signals, stop.
 *
 * The main thread does nothing but wait for signals and count once a second. SIGTERM: not ready any
 * more, no new connections, running requests finish (bounded), exit 0. SIGHUP: look at the models
 * folder again. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "datasets.h"
#include "jobs.h"
#include "log.h"
#include "loop.h"
#include "repository.h"
#include "server.h"
#include "state.h"

typedef struct load_task {
    task task;
    app *app;
    _Atomic int queued;
} load_task;

/* One line that says: it runs, and how to try it. */
static void announce(app *a)
{
    int n;
    served **list = repository_list(a->models, &n);
    if (n)
        log_line(LOG_INFO, "ready", "http://%s serves %d model%s; try: curl -s http://%s/models/%s",
                 a->address, n, n > 1 ? "s" : "", a->address, list[0]->name);
    else
        log_line(
            LOG_INFO, "ready",
            "http://%s serves no model yet; try: curl -s -X PUT --data-binary @FILE.safetensors "
            "http://%s/models/NAME",
            a->address, a->address);
    for (int i = 0; i < n; i++)
        served_release(list[i]);
    free(list);
}

static void load(task *t)
{
    load_task *l = (load_task *)t;
    app *a = l->app;
    repository_report report;
    atomic_store(&l->queued, 0);
    repository_load(a->models, &report);
    buf_free(&report.failures);
    int loading = APP_LOADING;
    if (atomic_compare_exchange_strong(&a->state, &loading, APP_READY))
        announce(a);
    else
        log_line(LOG_INFO, "reload", "%d kept, %d loaded, %d removed, %d failed", report.kept,
                 report.loaded, report.removed, report.failed);
}

static void request_load(app *a, load_task *l)
{
    if (!atomic_exchange(&l->queued, 1))
        workers_submit(a->admin, &l->task);
}

/* Rows a second, averaged over a few seconds, for Retry-After. */
static void measure_rate(app *a, int64_t *before, int64_t *when)
{
    int64_t rows = atomic_load(&a->done_rows), now = now_ns();
    if (now - *when < INT64_C(900000000))
        return;
    int64_t rate = (rows - *before) * INT64_C(1000000000) / (now - *when);
    atomic_store(&a->rows_per_second, (atomic_load(&a->rows_per_second) + rate) / 2);
    *before = rows;
    *when = now;
}

static int wait_for_signals(app *a, load_task *l, const sigset_t *set)
{
    int64_t rows = 0, when = now_ns();
    for (;;) {
        int s = sigtimedwait(set, NULL, &(struct timespec){1, 0});
        measure_rate(a, &rows, &when);
        if (s == SIGHUP)
            request_load(a, l);
        else if (s == SIGTERM || s == SIGINT)
            return s;
    }
}

static void drain(app *a, acceptor *c, const sigset_t *set)
{
    log_line(LOG_INFO, "stop", "no new connections; running requests have %lld s",
             (long long)a->cfg.drain_timeout_s);
    atomic_store(&a->state, APP_DRAINING);
    acceptor_stop(c);
    jobs_drain(a->jobs);
    for (int i = 0; i < a->n_loops; i++)
        loop_wake(a->loops[i]);
    for (int i = 0; i < a->n_loops;) {
        if (atomic_load(&a->loops[i]->finished)) {
            pthread_join(a->loops[i]->thread, NULL);
            i++;
        } else if (sigtimedwait(set, NULL, &(struct timespec){0, 10000000}) > 0) {
            log_line(LOG_WARN, "stop", "a second signal: not waiting any longer");
            log_stop();
            _exit(0);
        }
    }
}

/* Threads never see the signals; writing to a closed connection is an error, not a signal. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Connections need descriptors: take as many as the system allows. */
static void raise_file_limit(void)
{
    struct rlimit l;
    if (!getrlimit(RLIMIT_NOFILE, &l) && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

static int is_loopback(const char *address)
{
    return !strncmp(address, "127.", 4) || !strncmp(address, "[::1]", 5);
}

/* The folder may be missing only when nobody asked for it, and must be one that can be read. */
static int check_models(const config *cfg, ax_err *err)
{
    struct stat st;
    if (stat(cfg->models, &st) < 0) {
        if (cfg->models_given || errno != ENOENT)
            return ax_fail(err, AX_ENOTFOUND, "--models: '%.300s': %s", cfg->models,
                           strerror(errno));
        log_line(LOG_WARN, "models",
                 "there is no folder 'models' here; --models DIR says where they are");
        return 0;
    }
    if (!S_ISDIR(st.st_mode))
        return ax_fail(err, AX_EINVAL, "--models: '%.300s' is not a folder", cfg->models);
    if (access(cfg->models, R_OK | X_OK) < 0)
        return ax_fail(err, AX_EIO, "--models: the folder '%.300s' cannot be read: %s", cfg->models,
                       strerror(errno));
    return 0;
}

/* Everything but the threads that serve. */
static int build(app *a, acceptor **c, ax_err *err)
{
    const config *cfg = &a->cfg;
    if (check_models(cfg, err) < 0)
        return -1;
    if (cfg->api_key_file && !(a->keys = auth_load(cfg->api_key_file, err)))
        return config_blame("api-key-file", err);
    repository_sweep(cfg->models);
    if (!(a->models = repository_new(cfg->models, cfg->default_model, err)))
        return -1;
    int missing = repository_check_default(a->models, err);
    if (missing < 0)
        return -1;
    if (missing) /* an empty folder is filled later, by PUT for example; a wrong name is not */
        log_line(LOG_WARN, "models", "there is no model '%s' yet, the one of --default-model",
                 cfg->default_model);
    if (!(a->pool = ax_pool_new((int)cfg->threads, err)) ||
        !(a->work = workers_new((int)cfg->threads, "worker", err)) ||
        !(a->admin = workers_new(1, "admin", err)) || !(*c = acceptor_new(a, err)))
        return -1;
    if (!(a->jobs = jobs_new(a, err)) || !(a->sets = datasets_new(a, err)))
        return -1;
    a->n_loops = (int)(cfg->threads > 16 ? 16 : cfg->threads);
    if (!(a->loops = calloc((size_t)a->n_loops, sizeof *a->loops)))
        return ax_fail(err, AX_ENOMEM, "out of memory");
    for (int i = 0; i < a->n_loops; i++)
        if (!(a->loops[i] = loop_new(a, i, err)))
            return -1;
    if (!a->keys && !is_loopback(a->address))
        log_line(LOG_WARN, "open",
                 "%s can be reached from other machines and needs no key; --api-key-file sets one",
                 a->address);
    return 0;
}

static void destroy(app *a)
{
    jobs_free(a->jobs);
    datasets_free(a->sets);
    workers_free(a->admin);
    workers_free(a->work);
    for (int i = 0; a->loops && i < a->n_loops; i++)
        loop_free(a->loops[i]);
    free(a->loops);
    repository_free(a->models);
    ax_pool_free(a->pool);
    auth_free(a->keys);
    state_release(a);
}

static int serve(app *a, ax_err *err)
{
    acceptor *c = NULL;
    sigset_t set;
    load_task l = {.task = {.run = load}, .app = a};
    block_signals(&set);
    raise_file_limit();
    a->started_ns = now_ns();
    state_init(a);
    if (log_start(a->cfg.log_json, (log_level)a->cfg.log_level, err) < 0)
        return -1;
    int r = build(a, &c, err), started = 0;
    for (; !r && started < a->n_loops; started++)
        r = loop_start(a->loops[started], err);
    if (!r)
        r = acceptor_start(c, err);
    if (!r) { /* the models first: a job that was about to be published looks whether it is there */
        log_line(LOG_INFO, "listen", "http://%s", a->address);
        request_load(a, &l);
        r = jobs_start(a->jobs, err);
    }
    if (r) {
        log_stop();
        if (started)
            return -1; /* no thread can be started: the process ends, there is nothing to tidy up */
        acceptor_stop(c);
        destroy(a);
        return -1;
    }
    wait_for_signals(a, &l, &set);
    drain(a, c, &set);
    destroy(a);
    log_line(LOG_INFO, "stop", "done");
    log_stop();
    return 0;
}

int axond_serve(int argc, char **argv)
{
    static app a;
    ax_err err;
    int r = config_load(&a.cfg, argc, argv, &err);
    if (r > 0) {
        fputs(config_help(&a.cfg.mem), stdout);
        config_free(&a.cfg);
        return 0;
    }
    int usage = r < 0;
    if (!r)
        r = serve(&a, &err);
    if (r)
        fprintf(stderr, "axond serve: %s%s%s\n", err.msg, err.hint[0] ? "; " : "", err.hint);
    config_free(&a.cfg);
    return r ? usage ? 2 : 1 : 0;
}
