/* job_accept.c - a checked submission becomes a job, or a sweep of jobs: files first, then rows,
 * then the answer. See submission.h.
 *
 * The files of a long sweep are many, and each is brought to the disk: they are written where the
 * check was made, in a folder of their own, so that the jobs thread only renames. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "repository.h"
#include "state.h"
#include "submission.h"
#include "sweep.h"

static void answer(jobs *j, request *r, const job_row *row, int status)
{
    job_write(j, row, &r->out);
    buf_char(&r->out, '\n');
    request_header(r, "Location", ax_arena_printf(&r->mem, "/jobs/%lld", (long long)row->id));
    request_done(r, status, "application/json");
}

int job_replayed(jobs *j, request *r)
{
    const submission *s = r->job;
    job_row row;
    int found = r->key ? store_find_key(j->store, r->key, &r->mem, &row) : 0;
    if (!found)
        return 0;
    if (found < 0) {
        jobs_unread(j, &r->why);
        request_refuse(r);
        return 1;
    }
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

char *job_config_of(const cJSON *spec)
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

const char *job_set_of(const cJSON *spec)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "dataset"));
}

/* ---- files: on the thread of the checks
 * -------------------------------------------------------------------------------------------------
 */

/* The model that is trained further, as it is now: a resumed training must find the same. */
static int keep_base(const request *r, const char *folder, const cJSON *run, ax_err *err)
{
    char path[DATASET_PATH], models[DATASET_PATH];
    const char *base = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "model"));
    problem why;
    if (!base)
        return 0;
    served *m = repository_acquire(r->app->models, base, 0, &why);
    if (!m)
        return ax_fail(err, AX_ENOTFOUND, "%s", why.err.msg);
    int bad = datasets_path_of(models, "%s/models", folder) ||
                      datasets_path_of(path, "%s/%.64s.%s", models, base, m->info->format)
                  ? ax_fail(err, AX_ELIMIT, "the name of the state folder is too long")
                  : ax_make_folder(models, err);
    if (!bad && ax_file_link(m->path, path) < 0)
        bad = ax_fail(err, AX_EIO, "the model '%s' cannot be kept: %s", base, strerror(errno));
    served_release(m);
    return bad ? -1 : 0;
}

/* The data set, likewise, when it was put here. */
static int keep_data(const submission *s, const char *folder, const char *set, ax_err *err)
{
    char path[DATASET_PATH];
    if (!set || !datasets_holds(s->data, set))
        return 0;
    if (datasets_path_of(path, "%s/data", folder))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    return datasets_share(s->data, set, path, err);
}

static int write_files(const request *r, int i, const cJSON *run, const char *text, size_t len,
                       ax_err *err)
{
    char folder[DATASET_PATH], spec[DATASET_PATH];
    const submission *s = r->job;
    if (datasets_path_of(folder, "%s/%d", s->files, i) ||
        datasets_path_of(spec, "%s/spec.json", folder))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    /* the spec comes last: writing it brings the folder to the disk, with all that is in it */
    return ax_make_folder(folder, err) < 0 || keep_data(s, folder, job_set_of(run), err) < 0 ||
                   keep_base(r, folder, run, err) < 0
               ? -1
               : ax_file_write(spec, text, len, err);
}

static int prepare_run(const request *r, int i, ax_err *err)
{
    const submission *s = r->job;
    cJSON *values, *spec = sweep_spec(s->spec, i, &values, err);
    if (!spec)
        return -1;
    char *text = ax_json_text(spec, 0);
    s->run[i] = (run_texts){job_config_of(spec), ax_json_text(values, 0)};
    int bad = !text || !s->run[i].config || !s->run[i].values
                  ? ax_fail(err, AX_ENOMEM, "out of memory")
                  : write_files(r, i, spec, text, strlen(text), err);
    cJSON_Delete(values);
    cJSON_Delete(spec);
    cJSON_free(text);
    return bad;
}

static int prepare(const request *r, ax_err *err)
{
    submission *s = r->job;
    if (datasets_new_hold(r->app, s->files) < 0)
        return ax_fail(err, AX_EIO, "the job cannot be kept: %s", strerror(errno));
    if (!s->runs)
        return write_files(r, 0, s->spec, r->body.data, r->body.len, err);
    s->axes = ax_json_text(cJSON_GetObjectItemCaseSensitive(s->spec, "sweep"), 0);
    if (!s->axes || !(s->run = calloc((size_t)s->runs, sizeof *s->run)))
        return ax_fail(err, AX_ENOMEM, "out of memory");
    for (int i = 0; i < s->runs; i++)
        if (prepare_run(r, i, err) < 0)
            return -1;
    return 0;
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

int job_prepare(request *r)
{
    ax_err err;
    if (state_claim(r->app, &err) < 0) {
        job_unprepare(r->job);
        return state_refuse(&r->why, &err);
    }
    errno = 0;
    if (prepare(r, &err) == 0)
        return 0;
    cannot_keep(r, &err);
    job_unprepare(r->job);
    return -1;
}

void job_unprepare(submission *s)
{
    if (s->files[0])
        datasets_let_go(s->files);
    s->files[0] = 0;
    for (int i = 0; s->run && i < s->runs; i++) {
        cJSON_free(s->run[i].config);
        cJSON_free(s->run[i].values);
    }
    free(s->run);
    s->run = NULL;
    cJSON_free(s->axes);
    s->axes = NULL;
}

/* ---- rows: on the jobs thread
 * -------------------------------------------------------------------------------------------------
 */

/* The files of job i get their place; whoever calls brings the folder of all jobs to the disk. */
static int move_files(jobs *j, int64_t id, const submission *s, int i, ax_err *err)
{
    char from[DATASET_PATH], to[DATASET_PATH];
    if (datasets_path_of(from, "%s/%d", s->files, i) || jobs_path(j, id, NULL, to))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    jobs_forget_folder(j, id); /* what a sweep that was not accepted may have left */
    return rename(from, to) == 0
               ? 0
               : ax_fail(err, AX_EIO, "the job cannot be kept: %s", strerror(errno));
}

/* All that was moved is there after a power cut, before a row says so. */
static int sync_folder(const jobs *j, ax_err *err)
{
    char path[DATASET_PATH];
    if (!datasets_path_of(path, "%s/jobs", j->app->cfg.state) && !datasets_sync(path))
        return 0;
    return ax_fail(err, AX_EIO, "the job cannot be kept: %s", strerror(errno));
}

static int insert_run(jobs *j, const submission *s, const job_row *sweep, int i, ax_err *err)
{
    job_row run = {.id = sweep->id + 1 + i,
                   .state = JOB_QUEUED,
                   .place = sweep->place + i,
                   .created = sweep->created,
                   .next_event = 2,
                   .parent = sweep->id,
                   .config = s->run[i].config,
                   .sweep = s->run[i].values,
                   .warnings = "[]"};
    if (move_files(j, run.id, s, i, err) < 0)
        return -1;
    store_insert(j->store, &run);
    store_event(j->store, run.id, 1, "state", "{\"state\":\"queued\"}");
    return 0;
}

/* A sweep: its row, and one for each run. */
static int insert_sweep(jobs *j, const submission *s, job_row *sweep, ax_err *err)
{
    sweep->state = JOB_RUNNING;
    sweep->started = sweep->created;
    store_insert(j->store, sweep);
    store_event(j->store, sweep->id, 1, "state", "{\"state\":\"running\"}");
    for (int i = 0; i < s->runs; i++)
        if (insert_run(j, s, sweep, i, err) < 0)
            return -1;
    return 0;
}

static int insert_one(jobs *j, const submission *s, const job_row *row, ax_err *err)
{
    if (move_files(j, row->id, s, 0, err) < 0)
        return -1;
    store_insert(j->store, row);
    store_event(j->store, row->id, 1, "state", "{\"state\":\"queued\"}");
    return 0;
}

/* All rows or none; folders without a row go. */
static int insert(jobs *j, const submission *s, job_row *row, ax_err *err)
{
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    int bad = (s->runs ? insert_sweep(j, s, row, err) : insert_one(j, s, row, err)) ||
              sync_folder(j, err);
    if (bad)
        store_cancel(j->store);
    else
        bad = store_end(j->store, err);
    for (int i = 0; i <= s->runs && bad; i++)
        jobs_forget_folder(j, row->id + i);
    return bad ? -1 : 0;
}

void job_accept(jobs *j, request *r)
{
    const submission *s = r->job;
    ax_err err;
    j->checking--;
    if (r->why.status) {
        request_refuse(r);
        return;
    }
    if (job_replayed(j, r)) /* twice at the same time */
        return;
    if (s->runs && jobs_no_room(j, s->runs, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    char name[65];
    int64_t id = store_next_id(j->store);
    if (id < 0) {
        jobs_unread(j, &r->why);
        request_refuse(r);
        return;
    }
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
                   .sweep = s->runs ? s->axes : ""};
    errno = 0;
    if (insert(j, s, &row, &err) < 0) {
        cannot_keep(r, &err);
        request_refuse(r);
        return;
    }
    jobs_recount(j);
    log_line(LOG_INFO, "job", "%lld accepted: %s%s", (long long)id, row.model,
             s->runs ? " (a sweep)" : "");
    answer(j, r, &row, 202);
}
