/* job_check.c - POST /train, from the body to a job in the queue; see jobs_impl.h.
 *
 *     jobs thread: is there room? was it posted before?
 *     check thread: ax_train_check - the spec, the data, how they fit, the graphs, the memory; then
 *         the files of the job, or of all runs of a sweep
 *     jobs thread: the files in their places, rows, 202
 *
 * Nothing is in the queue before everything that can be checked is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets.h"
#include "handlers.h"
#include "jobs_impl.h"
#include "log.h"
#include "repository.h"
#include "submission.h"
#include "sweep.h"

static void release(request *r)
{
    submission *s = r->job;
    if (s->data[0])
        datasets_let_go(s->data);
    cJSON_Delete(s->spec);
    cJSON_Delete(s->warnings);
    cJSON_free(s->config);
    cJSON_free(s->warned);
    job_unprepare(s);
}

/* ---- the check
 * ---------------------------------------------------------------------------------------- */

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    const request *r = ctx;
    problem why;
    served *m = repository_acquire(r->app->models, name, 0, &why);
    int n = m ? snprintf(path, size, "%s", m->path) : -1;
    served_release(m);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

static void on_warning(void *ctx, const ax_err *w)
{
    submission *s = ((request *)ctx)->job;
    cJSON *o = cJSON_CreateObject();
    ax_json_put(o, "message", cJSON_CreateString(w->msg));
    if (w->at[0])
        ax_json_put(o, "at", cJSON_CreateString(w->at));
    if (w->hint[0])
        ax_json_put(o, "hint", cJSON_CreateString(w->hint));
    ax_json_put(s->warnings, NULL, o);
}

static int make_texts(submission *s)
{
    s->config = job_config_of(s->spec);
    s->warned = ax_json_text(s->warnings, 0);
    return s->config && s->warned ? 0 : -1;
}

/* "publish", or the model trained further, or the name of the spec. The best of a sweep is only
 * published where that was asked for. */
static void name_result(submission *s, const cJSON *spec)
{
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(spec, "model");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "publish"));
    if (!name && !s->runs)
        name = cJSON_IsString(model)
                   ? model->valuestring
                   : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(model, "name"));
    if (name && ax_name_ok(name))
        snprintf(s->model, sizeof s->model, "%s", name);
}

static int check_folder(request *r)
{
    const char *folder = repository_folder(r->app->models);
    if (access(folder, W_OK | X_OK) == 0 || errno == ENOENT)
        return 0;
    return problem_from_errno(&r->why, errno, "the models folder cannot take the result");
}

/* One training, as text. The set that it names is held before it is looked at: what is checked is
 * what will be learned from. */
static int check_text(request *r, const cJSON *spec, const char *text, size_t len, ax_err *err)
{
    submission *s = r->job;
    const char *set = job_set_of(spec);
    if (set && datasets_hold(r, set, s->data) < 0)
        return -1;
    ax_train_options o = {.spec = text,
                          .spec_len = len,
                          .data_dir =
                              set && datasets_holds(s->data, set) ? s->data : r->app->cfg.data,
                          .threads = 1,
                          .find_model = find_model,
                          .warn = on_warning,
                          .ctx = r};
    return ax_train_check(&o, err);
}

/* What differs by its seed alone is checked once. */
static int check_run(request *r, int i, ax_err *err)
{
    const submission *s = r->job;
    cJSON *values;
    for (int k = 0; k < i; k++)
        if (sweep_same_setting(s->spec, k, i))
            return 0;
    cJSON *run = sweep_spec(s->spec, i, &values, err);
    char *text = run ? ax_json_text(run, 0) : NULL;
    int bad = run && !text ? ax_fail(err, AX_ENOMEM, "out of memory")
              : !run       ? -1
                           : check_text(r, run, text, strlen(text), err);
    if (bad && run && !r->why.status) { /* the place is one of the run's, which nobody has seen: say
                                           which run it is */
        char *which = ax_json_text(values, 0);
        ax_err inner = *err;
        ax_fail(err, inner.code, "%s (in the run with %.200s)", inner.msg, which ? which : "?");
        ax_err_in(err, "%s", inner.at);
        ax_err_hint(err, "%s", inner.hint);
        cJSON_free(which);
    }
    cJSON_free(text);
    cJSON_Delete(run);
    cJSON_Delete(values);
    return bad;
}

static int check_runs(request *r, ax_err *err)
{
    const submission *s = r->job;
    if ((int64_t)r->body.len > r->app->cfg.max_body / s->runs * 4) {
        ax_fail(err, AX_ELIMIT, "%d runs of a spec with %zu bytes would take too much room",
                s->runs, r->body.len);
        ax_err_hint(err,
                    "put the data on the server and name it, instead of sending it in the spec");
        return ax_err_in(err, "dataset");
    }
    for (int i = 0; i < s->runs; i++)
        if (check_run(r, i, err) < 0)
            return -1;
    return 0;
}

static int check_all(request *r, ax_err *err)
{
    submission *s = r->job;
    if (!(s->spec = ax_json_parse(r->body.data, r->body.len, err)) ||
        (s->runs = sweep_count(s->spec, err)) < 0)
        return -1;
    return s->runs ? check_runs(r, err) : check_text(r, s->spec, r->body.data, r->body.len, err);
}

/* What the engine says, in the words of who speaks HTTP. */
static int refuse_spec(request *r, const ax_err *err)
{
    const submission *s = r->job;
    const char *set = job_set_of(s->spec);
    char near[65] = "";
    problem_from(&r->why, err);
    if (r->why.status == 404) /* a name in the body, not the URL */
        r->why.status = 422;
    if (set && err->code == AX_ENOTFOUND && !strcmp(err->at, "dataset"))
        datasets_nearest(r->app->sets, set, near);
    return near[0] ? ax_err_hint(&r->why.err, "did you mean '%s'? GET /datasets lists them", near)
                   : -1;
}

static int check_spec(request *r)
{
    submission *s = r->job;
    ax_err err;
    s->warnings = cJSON_CreateArray();
    if (check_folder(r) < 0)
        return -1;
    if (check_all(r, &err) < 0)
        return r->why.status ? -1 : refuse_spec(r, &err);
    name_result(s, s->spec);
    if (make_texts(s))
        return problem_set(&r->why, 503, "out_of_memory", "out of memory");
    return job_prepare(r);
}

static void check(request *r)
{
    int64_t t = now_ns();
    check_spec(r);
    r->compute_ns = now_ns() - t;
    jobs_submit(r->app->jobs, r, job_accept);
}

static void admit(jobs *j, request *r)
{
    if (!jobs_store(j, &r->why)) {
        request_refuse(r);
        return;
    }
    if (job_replayed(j, r))
        return;
    if (jobs_no_room(j, 1, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    j->checking++;
    request_offload(r, j->checkers, check);
}

void train_post(request *r)
{
    submission *s = r->job = ax_arena_alloc(&r->mem, sizeof *s);
    if (!s) {
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
    } else if (!r->body.len) {
        problem_set(&r->why, 400, "empty_body", "the body is empty: expected a training spec");
        ax_err_hint(&r->why.err, "docs/model-format.md describes it");
    } else {
        *s = (submission){.config = NULL};
        r->release = release;
        snprintf(s->digest, sizeof s->digest, "%016llx",
                 (unsigned long long)ax_hash64(r->body.data, r->body.len));
        jobs_submit(r->app->jobs, r, admit);
        return;
    }
    request_refuse(r);
}
