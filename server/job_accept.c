/* job_accept.c - a checked submission becomes a job, or a sweep of jobs: files first, then rows,
 * then the answer. See submission.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "repository.h"
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

/* ---- files */

/* The model that is trained further, as it is now: a resumed training must find the same. */
static int keep_base(const jobs *j, int64_t id, const cJSON *run, ax_err *err)
{
    char path[4096], folder[4096], name[96];
    const char *base = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "model"));
    problem why;
    if (!base)
        return 0;
    served *m = repository_acquire(j->app->models, base, 0, &why);
    if (!m)
        return ax_fail(err, AX_ENOTFOUND, "%s", why.err.msg);
    snprintf(name, sizeof name, "models/%.64s.safetensors", base);
    int bad = jobs_path(j, id, "models", folder) || jobs_path(j, id, name, path)
                  ? ax_fail(err, AX_ELIMIT, "the name of the state folder is too long")
                  : ax_make_folder(folder, err);
    if (!bad && ax_file_link(m->path, path) < 0)
        bad = ax_fail(err, AX_EIO, "the model '%s' cannot be kept: %s", base, strerror(errno));
    served_release(m);
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

static int write_files(const jobs *j, int64_t id, const request *r, const cJSON *run,
                       const char *text, size_t len, ax_err *err)
{
    char folder[4096], spec[4096];
    if (jobs_path(j, id, NULL, folder) || jobs_path(j, id, "spec.json", spec))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    /* the spec comes last: writing it brings the folder to the disk, with all that is in it */
    return ax_make_folder(folder, err) < 0 || keep_data(j, id, r->job, job_set_of(run), err) < 0 ||
                   keep_base(j, id, run, err) < 0
               ? -1
               : ax_file_write(spec, text, len, err);
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
    char *text = ax_json_text(spec, 0), *shown = job_config_of(spec),
         *chosen = ax_json_text(values, 0);
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
