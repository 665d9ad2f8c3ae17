/* jobs.c - `axond jobs`: the trainings of a server as a table, and what can be done with one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "remote.h"
#include "table.h"

enum { CELL = 64 };

/* ---- the table ------------------------------------------------------------------------------- */

/* "2026-01-31T12:00:00.250Z" as seconds since 1970; NaN: it is something else. */
static double time_of(const cJSON *job, const char *field)
{
    struct tm t = {0};
    const char *text = remote_text(job, field), *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    return rest ? (double)timegm(&t) + (*rest == '.' ? strtod(rest, NULL) : 0) : NAN;
}

/* What a job still needs, or needed. */
static const char *time_text(const cJSON *job, char out[CELL])
{
    char text[32];
    double left = remote_number(job, "eta_seconds"), ahead = remote_number(job, "queue_position");
    double took = time_of(job, "finished_at") - time_of(job, "started_at");
    if (left >= 0)
        snprintf(out, CELL, "%s left", text_seconds(left, text, sizeof text));
    else if (ahead >= 1)
        snprintf(out, CELL, "number %.0f in the queue", ahead);
    else if (took >= 0)
        snprintf(out, CELL, "took %s", text_seconds(took, text, sizeof text));
    else
        snprintf(out, CELL, "-");
    return out;
}

static const char *figure(double v, const char *format, char out[CELL])
{
    if (isfinite(v))
        snprintf(out, CELL, format, v);
    else
        snprintf(out, CELL, "-");
    return out;
}

static void put_job(table *t, const cJSON *job)
{
    const cJSON *m = remote_field(job, "metrics");
    const char *state = remote_text(job, "state");
    char cell[CELL];
    table_put(t, "%.20s", remote_text(job, "id"));
    const char *model = remote_text(job, "model"), *sweep = remote_text(job, "sweep_id");
    table_put(t, "%s%.60s", *model || !*sweep ? "" : "run of ", *model ? model : sweep);
    table_put(t, "%.20s", cJSON_IsTrue(remote_field(job, "cancelling")) ? "cancelling" : state);
    table_put(t, "%s", figure(floor(100 * remote_number(job, "progress")), "%.0f%%", cell));
    double epoch = remote_number(job, "epoch"), epochs = remote_number(job, "epochs");
    if (isfinite(epoch) && isfinite(epochs))
        table_put(t, "%.0f/%.0f", epoch, epochs);
    else
        table_put(t, "-");
    double loss = remote_number(m, "loss");
    table_put(t, "%s", figure(loss, fabs(loss) < 1e6 ? "%.4f" : "%.4g", cell));
    table_put(t, "%s", figure(remote_number(m, "val_accuracy"), "%.4f", cell));
    table_put(t, "%s", time_text(job, cell));
}

/* How many there are, in this state or in all; as the server counts. */
static double total(const cJSON *list, const char *state)
{
    const cJSON *counts = remote_field(list, "counts"), *c;
    double n = 0;
    cJSON_ArrayForEach(c, counts) if (cJSON_IsNumber(c) && (!state || !strcmp(c->string, state))) n += c->valuedouble;
    return n;
}

static int print_table(const cJSON *list, const char *state, ax_err *err)
{
    static const char *const heads[] = {"id", "model", "state", "progress", "epoch", "loss", "val_accuracy", "time"};
    const cJSON *jobs = remote_field(list, "jobs"), *job;
    table t;
    int shown = cJSON_GetArraySize(jobs);
    if (!cJSON_IsArray(jobs))
        return ax_fail(err, AX_EPARSE, "the answer has no list of jobs: is this axond?");
    if (!shown) {
        printf("no %s%sjobs\n", state ? state : "", state ? " " : "");
        return 0;
    }
    table_init(&t, "rllrrrrl");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(&t, "%s", heads[i]);
    cJSON_ArrayForEach(job, jobs) put_job(&t, job);
    int bad = table_print(&t, stdout);
    table_fini(&t);
    double more = total(list, state) - shown;
    if (more >= 1)
        printf("%.0f more: --limit\n", more);
    return bad ? ax_fail(err, AX_ENOMEM, "no memory for the table") : 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

typedef struct wish {
    remote server;
    int json;
    int64_t limit;
    const char *state; /* NULL: all */
} wish;

static int list(const wish *w, ax_err *err)
{
    char path[128];
    snprintf(path, sizeof path, "/jobs?limit=%lld%s%s", (long long)w->limit, w->state ? "&state=" : "",
             w->state ? w->state : "");
    cJSON *o = remote_json(&w->server, "GET", path, err);
    if (!o)
        return -1;
    if (w->json) {
        cli_print_json(o, 1, stdout);
        return 0;
    }
    int bad = print_table(o, w->state, err);
    cJSON_Delete(o);
    return bad;
}

static void tell_cancelled(const char *id, const cJSON *job)
{
    if (strcmp(remote_text(job, "state"), "cancelled"))
        printf("job %s writes a checkpoint and ends\n", id);
    else
        printf("job %s is cancelled\n", id);
}

static void tell_resumed(const char *id, const cJSON *job)
{
    printf("job %s is number %.0f in the queue; axond watch %s follows it\n", id,
           fmax(1, remote_number(job, "queue_position")), id);
}

static void tell_deleted(const char *id, const cJSON *job)
{
    (void)job;
    printf("job %s and its files are gone; a model it has made stays\n", id);
}

static const struct action {
    const char *name, *method, *path; /* behind /jobs/ID */
    void (*tell)(const char *id, const cJSON *job);
} actions[] = {
    {"cancel", "POST", "/cancel", tell_cancelled},
    {"resume", "POST", "/resume", tell_resumed},
    {"delete", "DELETE", "", tell_deleted},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

static const struct action *find(const char *name, ax_err *err)
{
    const char *names[ACTIONS];
    for (int i = 0; i < ACTIONS; i++)
        if (!strcmp(names[i] = actions[i].name, name))
            return &actions[i];
    const char *near = ax_nearest(name, names, ACTIONS);
    ax_fail(err, AX_EINVAL, "'%.40s' is nothing that can be done with a job", name);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    else
        ax_err_hint(err, "there are cancel, resume and delete");
    return NULL;
}

static int act(const wish *w, const struct action *a, const char *id, ax_err *err)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%.20s%s", id, a->path);
    cJSON *o = remote_json(&w->server, a->method, path, err);
    if (!o)
        return -1;
    if (w->json) {
        cli_print_json(o, 1, stdout);
        return 0;
    }
    a->tell(id, o);
    cJSON_Delete(o);
    return 0;
}

/* What is to be done, from the words. NULL with err empty: list. */
static const struct action *read_words(const wish *w, int n, char **word, ax_err *err)
{
    const struct action *a = n ? find(word[0], err) : NULL;
    if (!a)
        return NULL;
    if (n == 1)
        ax_fail(err, AX_EINVAL, "%s needs the number of a job: axond jobs %s ID", a->name, a->name);
    else if (w->state)
        ax_fail(err, AX_EINVAL, "--state goes with the list alone");
    else
        remote_job_id(word[1], err);
    return a;
}

int cmd_jobs(int argc, char **argv)
{
    static const char *const states[] = {NULL, "queued", "running", "succeeded", "failed", "cancelled"};
    int n, code, state = 0;
    const char *server = NULL;
    wish w = {.limit = 100};
    // clang-format off
    const option rows[] = {
        REMOTE_OPTION(&server),
        {"state", OPTION_CHOICE,  &state,   "all|queued|running|succeeded|failed|cancelled", .help = "those alone"},
        {"limit", OPTION_INTEGER, &w.limit, "N", .lo = 1, .hi = 1000, .help = "how many, the newest (100)"},
        {"json",  OPTION_SWITCH,  &w.json,  .help = "as the server answers"},
    };
    // clang-format on
    const command_line line = {"jobs",
                               "[cancel ID | resume ID | delete ID] [options]",
                               "List the trainings of a server, the newest first, or end one, let one go on that "
                               "failed or was\ncancelled, forget one that is over. " REMOTE_ABOUT,
                               rows,
                               sizeof rows / sizeof *rows,
                               0,
                               2};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    ax_err err = {0};
    w.state = states[state];
    const struct action *a = read_words(&w, n, argv, &err);
    if (err.code || remote_open(&w.server, server, &err) < 0) {
        cli_error("jobs", &err);
        return EXIT_USAGE;
    }
    if ((a ? act(&w, a, argv[1], &err) : list(&w, &err)) == 0)
        return EXIT_DONE;
    cli_error("jobs", &err);
    return EXIT_FAILED;
}
