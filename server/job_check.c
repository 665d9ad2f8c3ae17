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

/* What is known of a job before it is one; in r->mem. */
typedef struct submission {
    char digest[17];
    char model[65];          /* the name of the result, "" : job-ID           */
    char base[65];           /* the model to train further, "" : none          */
    char base_file[4096];
    char data[DATASET_PATH]; /* a folder with links to the data set, "" : none */
    char *config;            /* malloc'ed by cJSON, freed with the request     */
} submission;

static void release(request *r)
{
    submission *s = r->job;
    cJSON_free(s->config);
    if (s->data[0])
        datasets_let_go(s->data);
}

/* ---- is there room? --------------------------------------------------------------------------------- */

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
        problem_set(&r->why, 422, "idempotency_key_reused", "job %lld has this Idempotency-Key and another body",
                    (long long)row.id);
        snprintf(r->why.err.at, sizeof r->why.err.at, "Idempotency-Key");
        ax_err_hint(&r->why.err, "a new job needs a new key");
        request_refuse(r);
        return 1;
    }
    request_header(r, "Idempotency-Replayed", "true");
    answer(j, r, &row, 200);
    return 1;
}

/* ---- the check ---------------------------------------------------------------------------------------- */

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

/* The spec without the numbers that came with it. */
static int make_config(submission *s, cJSON *spec)
{
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(spec, "dataset"), "x");
    if (x) {
        cJSON *o = cJSON_CreateObject();
        if (ax_json_put(o, "inline_samples", cJSON_CreateNumber(cJSON_GetArraySize(x)))) {
            cJSON_Delete(o);
            return -1;
        }
        cJSON_ReplaceItemInObjectCaseSensitive(spec, "dataset", o);
    }
    s->config = ax_json_text(spec, 0);
    return s->config ? 0 : -1;
}

/* "publish", or the model trained further, or the name of the spec. */
static void name_result(submission *s, const cJSON *spec)
{
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(spec, "model");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "publish"));
    if (!name)
        name = cJSON_IsString(model) ? model->valuestring
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

/* What the engine says, in the words of who speaks HTTP. */
static int refuse_spec(request *r, const ax_err *err, const char *set)
{
    char near[65] = "";
    problem_from(&r->why, err);
    if (r->why.status == 404) /* a name in the body, not the URL */
        r->why.status = 422;
    if (set && err->code == AX_ENOTFOUND && !strcmp(err->at, "dataset"))
        datasets_nearest(r->app->sets, set, near);
    return near[0] ? ax_err_hint(&r->why.err, "did you mean '%s'? GET /datasets lists them", near) : -1;
}

/* The set is held before it is looked at: what is checked is what will be learned from. */
static int check_spec(request *r, cJSON *spec)
{
    submission *s = r->job;
    ax_err err;
    const char *set = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "dataset"));
    ax_train_options o = {.spec = r->body.data, .spec_len = r->body.len, .data_dir = r->app->cfg.data,
                          .threads = 1, .find_model = find_model, .ctx = r};
    if (check_folder(r) < 0)
        return -1;
    int held = set ? datasets_hold(r->app->sets, set, s->data, &r->why) : 0;
    if (held < 0)
        return -1;
    if (held)
        o.data_dir = s->data;
    if (ax_train_check(&o, &err) < 0)
        return refuse_spec(r, &err, set);
    if (spec)
        name_result(s, spec);
    return !spec || make_config(s, spec) ? problem_set(&r->why, 503, "out_of_memory", "out of memory") : 0;
}

static void accept_job(jobs *j, request *r);

static void check(request *r)
{
    int64_t t = now_ns();
    cJSON *spec = ax_json_parse(r->body.data, r->body.len, NULL); /* NULL: the check will say why */
    check_spec(r, spec);
    cJSON_Delete(spec);
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
    if (jobs_no_room(j, &r->why) < 0) {
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

/* ---- the job ------------------------------------------------------------------------------------------ */

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

/* The links to the data set become the job's. */
static int keep_data(const jobs *j, int64_t id, submission *s, ax_err *err)
{
    char path[4096];
    if (!s->data[0])
        return 0;
    if (jobs_path(j, id, "data", path))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    if (rename(s->data, path) < 0)
        return ax_fail(err, AX_EIO, "the data set cannot be kept: %s", strerror(errno));
    s->data[0] = 0;
    return 0;
}

static int write_files(const jobs *j, int64_t id, const request *r, ax_err *err)
{
    char folder[4096], spec[4096];
    if (jobs_path(j, id, NULL, folder) || jobs_path(j, id, "spec.json", spec))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    /* the spec comes last: writing it brings the folder to the disk, with all that is in it */
    return ax_make_folder(folder, err) < 0 || keep_data(j, id, r->job, err) < 0 || keep_base(j, id, r->job, err) < 0
               ? -1
               : write_file(spec, r->body.data, r->body.len, err);
}

static int insert(jobs *j, job_row *row, ax_err *err)
{
    if (store_begin(j->store, 1, err) < 0)
        return -1;
    store_insert(j->store, row);
    store_event(j->store, row->id, 1, "state", "{\"state\":\"queued\"}");
    return store_end(j->store, err);
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

static void accept_job(jobs *j, request *r)
{
    const submission *s = r->job;
    ax_err err;
    j->checking--;
    if (r->why.status) {
        request_refuse(r);
        return;
    }
    if (replayed(j, r)) /* twice at the same time */
        return;
    char name[65];
    int64_t id = store_next_id(j->store);
    snprintf(name, sizeof name, "job-%lld", (long long)id);
    job_row row = {.id = id, .state = JOB_QUEUED, .place = store_most_place(j->store), .created = wall_ms(),
                   .next_event = 2, .model = s->model[0] ? s->model : name, .key = r->key ? r->key : "",
                   .digest = s->digest, .config = s->config, .progress = "", .error = "", .result = ""};
    errno = 0;
    if (write_files(j, id, r, &err) < 0 || insert(j, &row, &err) < 0) {
        cannot_keep(r, &err);
        jobs_forget_folder(j, id);
        request_refuse(r);
        return;
    }
    jobs_recount(j);
    log_line(LOG_INFO, "job", "%lld accepted: %s", (long long)id, row.model);
    answer(j, r, &row, 202);
}
