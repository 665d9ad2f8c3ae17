/* watch.c - `axond watch`: a training on a server as if it ran here.
 *
 * What the server sends as events (docs/api.md) is told as `axond train` tells it, from the beginning, so
 * that it does not matter when the watching starts. A connection that breaks is made again behind the
 * last event; only the first one must succeed at once. */
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "events.h"
#include "progress.h"
#include "remote.h"

enum { POINTS = 20000, CHART_COLUMNS = 90, CHART_ROWS = 12 };

static const double head_seconds = 10, silence = 45; /* three heartbeats of the server */
static const double stable = 10, pause_seconds = 1;  /* a connection that lasts; between two tries */

typedef struct point {
    float epoch, loss, val_loss;
} point;

typedef struct watch {
    remote server;
    const char *id, *at; /* at: --server as it was given, or NULL                */
    int64_t patience;
    event_reader events;
    progress progress;
    cJSON *done;         /* the job at its end                                   */
    double lost_at;      /* http_now() when the connection broke; 0: it has not  */
    int64_t had;         /* the last event before that                           */
    int met;             /* the server has been reached once                     */
    point *series;       /* POINTS have room                                     */
    size_t n;
} watch;

/* ---- events ---------------------------------------------------------------------------------- */

static int whole(double v)
{
    return v >= 0 && v <= 1e9 ? (int)v : 0;
}

static ax_train_progress progress_of(const cJSON *o, int epoch_done)
{
    double step = remote_number(o, "step"), steps = remote_number(o, "steps");
    return (ax_train_progress){
        .epoch = whole(remote_number(o, "epoch")),
        .epochs = whole(remote_number(o, "epochs")),
        .step = step >= 0 && step < 9e15 ? (int64_t)step : 0,
        .steps = steps >= 0 && steps < 9e15 ? (int64_t)steps : 0,
        .epoch_done = epoch_done,
        .loss = remote_number(o, "loss"),
        .accuracy = remote_number(o, "accuracy"),
        .val_loss = remote_number(o, "val_loss"),
        .val_accuracy = remote_number(o, "val_accuracy"),
        .learning_rate = remote_number(o, "learning_rate"),
        .samples_per_second = remote_number(o, "samples_per_second"),
        .seconds = remote_number(o, "seconds"),
        .eta_seconds = remote_number(o, "eta_seconds"),
    };
}

static float drawn(double v)
{
    return fabs(v) < 1e30 ? (float)v : NAN;
}

/* A training that goes on from a checkpoint may tell an epoch again: the later word counts. Of very
 * many epochs every second one is kept. */
static void keep(watch *w, const ax_train_progress *p)
{
    while (w->n && w->series[w->n - 1].epoch >= (float)p->epoch)
        w->n--;
    if (w->n == POINTS) {
        for (size_t i = 0; i < POINTS / 2; i++)
            w->series[i] = w->series[2 * i];
        w->n = POINTS / 2;
    }
    w->series[w->n++] = (point){(float)p->epoch, drawn(p->loss), drawn(p->val_loss)};
}

static int tell_progress(watch *w, const cJSON *o, int epoch_done)
{
    ax_train_progress p = progress_of(o, epoch_done);
    progress *g = &w->progress;
    if (!(p.seconds >= g->epoch_started)) /* it went back to a checkpoint */
        g->epoch_started = g->last_line = p.seconds >= 0 ? p.seconds : 0;
    if (epoch_done)
        keep(w, &p);
    return progress_tell(g, &p);
}

static void tell_state(watch *w, const cJSON *o)
{
    char state[64], reason[256];
    int ends = cJSON_IsTrue(remote_field(o, "cancelling"));
    snprintf(state, sizeof state, "%s", remote_text(o, "state"));
    snprintf(reason, sizeof reason, "%s", remote_text(o, "reason"));
    progress_clear(&w->progress);
    printf("job %s is %s%s%s\n", w->id, ends ? "told to end" : text_tame(state, ""), *reason ? ": " : "",
           text_tame(reason, ""));
    fflush(stdout);
}

/* {"activation":"gelu","seed":1} of a run, as it stands there. Borrowed: the last call's. */
static const char *values_text(const cJSON *o)
{
    static char out[160];
    char *text = ax_json_text(remote_field(o, "values"), 0);
    snprintf(out, sizeof out, "%s", text ? text : "");
    cJSON_free(text);
    return text_tame(out, "");
}

/* One of the runs of a sweep has changed. */
static void tell_run(watch *w, const cJSON *o)
{
    char id[24], state[24];
    snprintf(id, sizeof id, "%s", remote_text(o, "id"));
    snprintf(state, sizeof state, "%s", remote_text(o, "state"));
    progress_clear(&w->progress);
    printf("run %s %s %s\n", text_tame(id, ""), text_tame(state, ""), values_text(o));
    fflush(stdout);
}

static int on_event(void *ctx, const char *kind, const char *data)
{
    watch *w = ctx;
    ax_err why;
    if (w->lost_at > 0 && w->events.last > w->had) { /* what brings nothing new is no connection */
        printf("connected again\n");
        w->lost_at = 0;
    }
    cJSON *o = ax_json_parse(data, strlen(data), &why);
    if (!cJSON_IsObject(o)) {
        cJSON_Delete(o);
        return ax_fail(&w->events.err, AX_EPARSE, "%s sends an event '%.20s' that is no JSON object", w->server.url.name,
                       kind);
    }
    if (!strcmp(kind, "done")) {
        w->done = o;
        return 1;
    }
    int bad = 0;
    if (!strcmp(kind, "state"))
        tell_state(w, o);
    else if (!strcmp(kind, "run"))
        tell_run(w, o);
    else if (!strcmp(kind, "progress") || !strcmp(kind, "epoch"))
        bad = tell_progress(w, o, !strcmp(kind, "epoch"));
    cJSON_Delete(o);
    return bad ? ax_fail(&w->events.err, AX_EIO, "standard output could not be written") : 0;
}

/* ---- the connection -------------------------------------------------------------------------- */

static int stop_pipe[2];

/* The first Ctrl-C ends the watching, the second one the program. */
static void on_signal(int number)
{
    (void)number;
    if (write(stop_pipe[1], "", 1) < 0)
        _exit(EXIT_FAILED);
}

static int catch_signals(ax_err *err)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    if (pipe(stop_pipe) < 0)
        return ax_fail(err, AX_EIO, "no pipe can be made");
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    return 0;
}

/* Listen until the stream ends. -1 with why it broke, or is no use. */
static int listen_once(watch *w, ax_err *err)
{
    char path[64], headers[96];
    http_answer a;
    snprintf(path, sizeof path, "/jobs/%.20s/events", w->id);
    snprintf(headers, sizeof headers, "Accept: text/event-stream\r\nLast-Event-ID: %lld\r\n", (long long)w->events.last);
    http_request q = {.method = "GET", .path = path, .headers = headers, .key = w->server.key, .seconds = head_seconds,
                      .silence = silence, .stop_fd = stop_pipe[0], .take = events_take, .ctx = &w->events};
    events_again(&w->events);
    if (http_ask(&w->server.url, &q, &a, err) < 0)
        return -1;
    int bad = a.status != 200 ? remote_refused(&w->server, &a, err) : 0;
    w->met |= !bad;
    http_answer_free(&a);
    return bad;
}

/* The connection is gone: shall it be made again? */
static int try_again(watch *w, double began, int broke, ax_err *err)
{
    double now = http_now();
    if (!broke)
        ax_fail(err, AX_EIO, "%s ended the connection", w->server.url.name);
    if (err->code != AX_EIO || !w->met)
        return 0;
    if (now - began > stable)
        w->lost_at = 0;
    if (w->lost_at <= 0) {
        progress_clear(&w->progress);
        printf("the connection is lost (%s); trying again\n", err->msg);
        fflush(stdout);
        w->lost_at = now;
        w->had = w->events.last;
    } else if (now - w->lost_at > (double)w->patience) {
        ax_err_hint(err, "after %lld s without a connection: axond watch %s%s%s goes on once the server is back",
                    (long long)w->patience, w->id, w->at ? " --server " : "", w->at ? w->at : "");
        return 0;
    }
    if (poll(&(struct pollfd){stop_pipe[0], POLLIN, 0}, 1, (int)(1000 * pause_seconds)) > 0)
        return ax_fail(err, AX_ECANCELED, "stopped on request"), 0;
    return 1;
}

/* Until the job is done. */
static int follow(watch *w, ax_err *err)
{
    for (;;) {
        double began = http_now();
        int broke = listen_once(w, err) < 0;
        if (w->done)
            return 0;
        if (w->events.err.code) {
            *err = w->events.err;
            return -1;
        }
        if (!try_again(w, began, broke, err))
            return -1;
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Loss and validation loss over the epochs, where somebody looks. */
static void draw(const watch *w)
{
    ax_arena mem;
    ax_arena_init(&mem, 0);
    int utf8 = text_utf8(), width = progress_width(stdout) - 1, any_val = 0;
    float *x = AX_ARRAY(&mem, float, w->n), *loss = AX_ARRAY(&mem, float, w->n), *val = AX_ARRAY(&mem, float, w->n);
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; x && loss && val && i < w->n; i++) {
        x[i] = w->series[i].epoch, loss[i] = w->series[i].loss, val[i] = w->series[i].val_loss;
        lo = fmin(lo, fmin(loss[i], val[i]));
        hi = fmax(hi, fmax(loss[i], val[i]));
        any_val |= isfinite(val[i]);
    }
    if (hi - lo > 1e-6 * fabs(hi)) {
        const ax_chart_line lines[] = {{utf8 ? "loss (line)" : "loss", x, loss, w->n, 0},
                                       {utf8 ? "val_loss (dashes)" : "val_loss", x, val, w->n, 1}};
        ax_chart c = {lines, any_val ? 2 : 1, w->series[0].epoch, w->series[w->n - 1].epoch,
                      ax_axis_over(lo, hi, CHART_ROWS / 3), 0};
        char *text = ax_chart_text(&c, width < CHART_COLUMNS ? width : CHART_COLUMNS, CHART_ROWS, utf8);
        printf("\n%s", text ? text : "");
        free(text);
    }
    ax_arena_fini(&mem);
}

static void figure(const cJSON *result, const char *field, const char *label)
{
    double v = remote_number(result, field);
    if (isfinite(v))
        printf("%s%.4f\n", label, v);
}

/* The best run of a sweep. */
static void tell_best(const cJSON *best)
{
    char by[32], id[24];
    snprintf(by, sizeof by, "%s", remote_text(best, "by"));
    snprintf(id, sizeof id, "%s", remote_text(best, "id"));
    printf("best            run %s, %s %.4f %s\n", text_tame(id, ""), text_tame(by, ""), remote_number(best, "value"),
           values_text(best));
}

static int succeeded(const watch *w)
{
    static const char *const fields[][2] = {{"test_accuracy", "test accuracy   "},
                                            {"test_loss", "test loss       "},
                                            {"val_accuracy", "val accuracy    "},
                                            {"val_loss", "val loss        "}};
    const cJSON *result = remote_field(w->done, "result");
    char time[32], model[128];
    double epochs = remote_number(result, "epochs"), version = remote_number(result, "version");
    snprintf(model, sizeof model, "%s", remote_text(result, "model"));
    printf("\n");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        figure(result, fields[i][0], fields[i][1]);
    if (remote_field(result, "best"))
        tell_best(remote_field(result, "best"));
    if (epochs >= 1)
        printf("time            %s for %.0f epoch%s\n", text_seconds(remote_number(result, "seconds"), time, sizeof time),
               epochs, epochs == 1 ? "" : "s");
    if (version >= 1)
        printf("model           %s, version %.0f\n", text_tame(model, ""), version);
    return EXIT_DONE;
}

/* One line why a job gave no model. */
static int no_model(const watch *w)
{
    const cJSON *why = remote_field(w->done, "error");
    const char *state = remote_text(w->done, "state"), *message = remote_text(why, "message");
    ax_err err;
    if (!strcmp(state, "cancelled")) {
        ax_fail(&err, AX_ECANCELED, "job %s was cancelled", w->id);
        ax_err_hint(&err, "axond jobs resume %s lets it go on from its checkpoint", w->id);
    } else {
        ax_fail(&err, AX_EINVAL, "job %s %.20s: %s", w->id, *state ? state : "ended", *message ? message : "it does not say why");
        ax_err_hint(&err, "%s", remote_text(why, "hint"));
        ax_err_in(&err, "%s", remote_text(why, "at"));
    }
    cli_error("watch", &err);
    return EXIT_FAILED;
}

static int finish(const watch *w)
{
    if (w->n > 1 && w->progress.style == PROGRESS_BAR)
        draw(w);
    return strcmp(remote_text(w->done, "state"), "succeeded") ? no_model(w) : succeeded(w);
}

static int given_up(const watch *w, ax_err *err)
{
    if (err->code == AX_ECANCELED) {
        ax_fail(err, AX_ECANCELED, "the watching ends, job %s goes on", w->id);
        ax_err_hint(err, "axond watch %s%s%s comes back to it", w->id, w->at ? " --server " : "", w->at ? w->at : "");
    }
    cli_error("watch", err);
    return EXIT_FAILED;
}

int cmd_watch(int argc, char **argv)
{
    int n, code;
    watch w = {.patience = 60};
    // clang-format off
    const option rows[] = {
        REMOTE_OPTION(&w.at),
        {"patience", OPTION_INTEGER, &w.patience, "S", .hi = 86400, .help = "seconds to try again when the connection is lost (60)"},
    };
    // clang-format on
    const command_line line = {"watch",
                               "ID [options]",
                               "Follow a training on a server, as axond train shows one. Exit code 0: it succeeded; 1: it "
                               "failed\nor was cancelled. Ctrl-C ends the watching, not the training.\n" REMOTE_ABOUT,
                               rows,
                               sizeof rows / sizeof *rows,
                               1,
                               1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    ax_err err = {0};
    w.id = argv[0];
    if (remote_job_id(w.id, &err) < 0 || remote_open(&w.server, w.at, &err) < 0) {
        cli_error("watch", &err);
        return EXIT_USAGE;
    }
    w.series = malloc(POINTS * sizeof *w.series);
    events_init(&w.events, on_event, &w);
    progress_init(&w.progress, stdout, PROGRESS_AUTO);
    int bad = w.series ? catch_signals(&err) || follow(&w, &err) : ax_fail(&err, AX_ENOMEM, "out of memory");
    progress_clear(&w.progress);
    fflush(stdout);
    code = bad ? given_up(&w, &err) : finish(&w);
    events_fini(&w.events);
    cJSON_Delete(w.done);
    free(w.series);
    return code;
}
