/* job_check.c - POST /train, from the body to a job in the queue; see jobs_impl.h.
 *
 *     jobs thread: is there room? was it posted before?
 *     check thread: ax_train_check - the spec, the data, how they fit, the graphs, the memory
 *     jobs thread: files, row, 202
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
#include "sweep.h"

/* What is known of a job before it is one; in r->mem. */
typedef struct submission {
    char digest[17];
    char model[65]; /* the name of the result, "" : job-ID           */
    char base[65];  /* the model to train further, "" : none          */
    char base_file[4096];
    char data[DATASET_PATH]; /* a folder with links to the data sets, "" : none */
    cJSON *spec, *warnings; /* freed with the request, as the texts are       */
    int runs;               /* of a sweep; 0: it is none                      */
    char *config, *warned;
} submission;

static void release(request *r)
{
    submission *s = r->job;
    if (s->data[0])
        datasets_let_go(s->data);
    cJSON_Delete(s->spec);
    cJSON_Delete(s->warnings);
    cJSON_free(s->config);
    cJSON_free(s->warned);
}

/* ---- is there room?
 * --------------------------------------------------------------------------------- */

static void answer(jobs *j, request *r, const job_row *row, int status)
{
    job_write(j, row, &r->out);
    buf_char(&r->out, '\n');
    request_header(r, "Location", ax_arena_printf(&r->mem, "/jobs/%lld", (long long)row->id));
    request_done(r, status, "application/json");
}

/* 1: the key was used before, and the request is answered. */
static int replayed(jobs *j, request *r)
{
    const submission *s = r->job;
    job_row row;
    if (!r->key || !store_find_key(j->store, r->key, &r->mem, &row))
        return 0;
    if (strcmp(row.digest, s->digest)) {
        problem_set(&r->why, 422, "idempotency_key_reused",
                    "job %lld has this Idempotency-Key and another body", (long long)row.id);
        snprintf(r->why.err.at, sizeof r->why.err.at, "Idempotency-Key");
        ax_err_hint(&r->why.err, "a new job needs a new key");
        request_refuse(r);
        return 1;
    }
    request_header(r, "Idempotency-Replayed", "true");
    answer(j, r, &row, 200);
    return 1;
}

/* ---- the check
 * ---------------------------------------------------------------------------------------- */

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    request *r = ctx;
    submission *s = r->job;
    problem why;
    served *m = repository_acquire(r->app->models, name, 0, &why);
    if (!m)
        return -1;
    int n = snprintf(path, size, "%s", m->path);
    snprintf(s->base, sizeof s->base, "%s", name);
    snprintf(s->base_file, sizeof s->base_file, "%s", m->path);
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

/* A spec as text without the numbers that came with it. */
static char *config_of(const cJSON *spec)
{
    cJSON *copy = cJSON_Duplicate(spec, 1), *o = NULL;
    const cJSON *x =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(copy, "dataset"), "x");
    int bad = 0;
    if (x) {
        o = cJSON_CreateObject();
        bad = ax_json_put(o, "inline_samples", cJSON_CreateNumber(cJSON_GetArraySize(x)));
        cJSON_ReplaceItemInObjectCaseSensitive(copy, "dataset", o);
    }
    char *text = bad ? NULL : ax_json_text(copy, 0);
    cJSON_Delete(copy);
    return text;
}

static int make_texts(submission *s)
{
    s->config = config_of(s->spec);
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

static const char *set_of(const cJSON *spec)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "dataset"));
}

/* One training, as text. The set that it names is held before it is looked at: what is checked is what
 * will be learned from. */
static int check_text(request *r, const cJSON *spec, const char *text, size_t len, ax_err *err)
{
    submission *s = r->job;
    const char *set = set_of(spec);
    if (set && datasets_hold(r, set, s->data) < 0)
        return -1;
    ax_train_options o = {.spec = text,
                          .spec_len = len,
                          .data_dir = set && datasets_holds(s->data, set) ? s->data : r->app->cfg.data,
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
    if (bad && run && !r->why.status) { /* the place is one of the run's, which nobody has seen: say which run it is */
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
    const char *set = set_of(s->spec);
    char near[65] = "";
    problem_from(&r->why, err);
    if (r->why.status == 404) /* a name in the body, not the URL */
        r->why.status = 422;
    if (set && err->code == AX_ENOTFOUND && !strcmp(err->at, "dataset"))
        datasets_nearest(r->app->sets, set, near);
    return near[0] ? ax_err_hint(&r->why.err, "did you mean '%s'? GET /datasets lists them", near) : -1;
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
    return make_texts(s) ? problem_set(&r->why, 503, "out_of_memory", "out of memory") : 0;
}

static void accept_job(jobs *j, request *r);

static void check(request *r)
{
    int64_t t = now_ns();
    check_spec(r);
    r->compute_ns = now_ns() - t;
    jobs_submit(r->app->jobs, r, accept_job);
}

static void admit(jobs *j, request *r)
{
    if (!jobs_store(j, &r->why)) {
        request_refuse(r);
        return;
    }
    if (replayed(j, r))
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

/* ---- the job
 * ------------------------------------------------------------------------------------------ */

static int write_file(const char *path, const void *data, size_t n, ax_err *err)
{
    ax_outfile f;
    if (ax_outfile_open(&f, path, err) < 0)
        return -1;
    ax_outfile_write(&f, data, n);
    return ax_outfile_commit(&f, err);
}

/* The model that is trained further, as it is now: a resumed training must find the same. */
static int keep_base(const jobs *j, int64_t id, const submission *s, ax_err *err)
{
    char path[4096], folder[4096], name[96];
    if (!s->base[0])
        return 0;
    snprintf(name, sizeof name, "models/%s.safetensors", s->base);
    if (jobs_path(j, id, "models", folder) || jobs_path(j, id, name, path))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    if (ax_make_folder(folder, err) < 0)
        return -1;
    if (link(s->base_file, path) == 0)
        return 0;
    size_t n;
    char *data = ax_file_read(s->base_file, (size_t)64 << 30, &n, err);
    int bad = !data || write_file(path, data, n, err) < 0;
    free(data);
    return bad ? -1 : 0;
}

/* The data set, likewise, when it was put here. */
static int keep_data(const jobs *j, int64_t id, const submission *s, const char *set, ax_err *err)
{
    char path[4096];
    if (!set || !datasets_holds(s->data, set))
        return 0;
    if (jobs_path(j, id, "data", path))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    return datasets_share(s->data, set, path, err);
}

static int write_files(const jobs *j, int64_t id, const request *r, const cJSON *run, const char *text,
                       size_t len, ax_err *err)
{
    char folder[4096], spec[4096];
    if (jobs_path(j, id, NULL, folder) || jobs_path(j, id, "spec.json", spec))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    /* the spec comes last: writing it brings the folder to the disk, with all that is in it */
    return ax_make_folder(folder, err) < 0 || keep_data(j, id, r->job, set_of(run), err) < 0 ||
                   keep_base(j, id, r->job, err) < 0
               ? -1
               : write_file(spec, text, len, err);
}

static int insert(jobs *j, job_row *row, ax_err *err)
{
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    store_insert(j->store, row);
    store_event(j->store, row->id, 1, "state", "{\"state\":\"queued\"}");
    return store_end(j->store, err);
}

/* ---- a sweep: its row, and one for each run, all or none
 * ------------------------------------------------ */

static int insert_run(jobs *j, const request *r, const job_row *sweep, int i, ax_err *err)
{
    const submission *s = r->job;
    cJSON *values, *spec = sweep_spec(s->spec, i, &values, err);
    if (!spec)
        return -1;
    char *text = ax_json_text(spec, 0), *shown = config_of(spec), *chosen = ax_json_text(values, 0);
    cJSON_Delete(values);
    int64_t id = sweep->id + 1 + i;
    job_row run = {.id = id,
                   .state = JOB_QUEUED,
                   .place = sweep->place + i,
                   .created = sweep->created,
                   .next_event = 2,
                   .parent = sweep->id,
                   .config = shown,
                   .sweep = chosen,
                   .warnings = "[]"};
    int bad = !text || !shown || !chosen ? ax_fail(err, AX_ENOMEM, "out of memory")
                                         : write_files(j, id, r, spec, text, strlen(text), err);
    cJSON_Delete(spec);
    if (!bad) {
        store_insert(j->store, &run);
        store_event(j->store, id, 1, "state", "{\"state\":\"queued\"}");
    }
    cJSON_free(text);
    cJSON_free(shown);
    cJSON_free(chosen);
    return bad;
}

/* The texts of the row that are not the submission's go to mem. */
static int insert_sweep(jobs *j, const request *r, job_row *sweep, ax_arena *mem, ax_err *err)
{
    const submission *s = r->job;
    char *axes = ax_json_text(cJSON_GetObjectItemCaseSensitive(s->spec, "sweep"), 0);
    int bad = axes ? store_begin(j->store, 1, err) : ax_fail(err, AX_ENOMEM, "out of memory");
    sweep->sweep = axes;
    sweep->state = JOB_RUNNING;
    sweep->started = sweep->created;
    if (!bad) {
        store_insert(j->store, sweep);
        store_event(j->store, sweep->id, 1, "state", "{\"state\":\"running\"}");
        for (int i = 0; i < s->runs && !bad; i++)
            bad = insert_run(j, r, sweep, i, err);
        if (bad)
            store_cancel(j->store);
        else
            bad = store_end(j->store, err);
    }
    for (int i = 0; i < s->runs && bad; i++)
        jobs_forget_folder(j, sweep->id + 1 + i);
    sweep->sweep = axes ? ax_arena_strdup(mem, axes) : NULL;
    cJSON_free(axes);
    return bad ? -1 : sweep->sweep ? 0 : ax_fail(err, AX_ENOMEM, "out of memory");
}

/* What the disk refused, as a person may know it. */
static void cannot_keep(request *r, const ax_err *err)
{
    int full = errno == ENOSPC || errno == EDQUOT || err->code == AX_ELIMIT;
    log_line(LOG_ERROR, "jobs", "a job is not kept: %s", err->msg);
    if (full)
        problem_set(&r->why, 507, "disk_full", "the job cannot be kept: no space is left for it");
    else
        problem_from(&r->why, err);
}

static int insert_job(jobs *j, request *r, job_row *row, ax_err *err)
{
    const submission *s = r->job;
    if (s->runs)
        return insert_sweep(j, r, row, &r->mem, err);
    if (write_files(j, row->id, r, s->spec, r->body.data, r->body.len, err) == 0 &&
        insert(j, row, err) == 0)
        return 0;
    jobs_forget_folder(j, row->id);
    return -1;
}

static void accept_job(jobs *j, request *r)
{
    const submission *s = r->job;
    ax_err err;
    j->checking--;
    if (r->why.status || (s->runs && jobs_no_room(j, s->runs, &r->why) < 0)) {
        request_refuse(r);
        return;
    }
    if (replayed(j, r)) /* twice at the same time */
        return;
    char name[65];
    int64_t id = store_next_id(j->store);
    snprintf(name, sizeof name, "job-%lld", (long long)id);
    job_row row = {.id = id,
                   .state = JOB_QUEUED,
                   .place = store_most_place(j->store),
                   .created = wall_ms(),
                   .next_event = 2,
                   .model = s->model[0] || s->runs ? s->model : name,
                   .key = r->key ? r->key : "",
                   .digest = s->digest,
                   .config = s->config,
                   .progress = "",
                   .error = "",
                   .result = "",
                   .warnings = s->warned,
                   .sweep = ""};
    errno = 0;
    if (insert_job(j, r, &row, &err) < 0) {
        cannot_keep(r, &err);
        request_refuse(r);
        return;
    }
    jobs_recount(j);
    log_line(LOG_INFO, "job", "%lld accepted: %s%s", (long long)id, row.model,
             s->runs ? " (a sweep)" : "");
    answer(j, r, &row, 202);
}
