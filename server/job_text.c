/* job_text.c - a job as the JSON object that clients see; see jobs_impl.h and docs/api.md. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "jobs_impl.h"

static cJSON *text_or_null(const char *text)
{
    return *text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

/* "2026-01-31T12:00:00.250Z" */
static cJSON *time_text(int64_t ms)
{
    char text[WALL_TEXT];
    return ms ? cJSON_CreateString(wall_text(ms, text)) : cJSON_CreateNull();
}

static cJSON *object_of(const char *text)
{
    cJSON *o = *text ? ax_json_parse(text, strlen(text), NULL) : NULL;
    return o ? o : cJSON_CreateNull();
}

static cJSON *taken(const cJSON *from, const char *field)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, field);
    return v ? cJSON_Duplicate(v, 1) : cJSON_CreateNull();
}

static double number_of(const cJSON *from, const char *field)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(from, field));
}

/* The share of all steps that is done; a job that stopped early and well is done. */
static double share(jobs *j, const job_row *row, const cJSON *p)
{
    if (sweep_is(row))
        return sweep_share(j, row->id);
    double step = number_of(p, "step"), steps = number_of(p, "steps");
    return row->state == JOB_SUCCEEDED ? 1 : step > 0 && steps > 0 ? step / steps : 0;
}

static int put_progress(jobs *j, cJSON *o, const job_row *row)
{
    static const char *const counts[] = {"epoch", "epochs", "step", "steps"};
    static const char *const metrics[] = {"loss",         "accuracy",      "val_loss",
                                          "val_accuracy", "learning_rate", "samples_per_second"};
    cJSON *p = object_of(row->progress), *m = cJSON_CreateObject();
    int bad = ax_json_put(o, "progress", cJSON_CreateNumber(share(j, row, p)));
    for (int i = 0; i < 4; i++)
        bad = bad || ax_json_put(o, counts[i], taken(p, counts[i]));
    for (int i = 0; i < 6; i++)
        bad = bad || ax_json_put(m, metrics[i], taken(p, metrics[i]));
    bad = ax_json_put(o, "metrics", m) || bad ||
          ax_json_put(o, "eta_seconds",
                      row->state == JOB_RUNNING ? taken(p, "eta_seconds") : cJSON_CreateNull());
    cJSON_Delete(p);
    return bad;
}

/* Of a sweep: its fields and how far its runs are; of a run: where it belongs. */
static int put_sweep(jobs *j, cJSON *o, const job_row *row)
{
    char id[24];
    if (row->parent) {
        snprintf(id, sizeof id, "%lld", (long long)row->parent);
        return ax_json_put(o, "sweep_id", cJSON_CreateString(id)) ||
               ax_json_put(o, "values", object_of(row->sweep));
    }
    if (!sweep_is(row))
        return 0;
    return ax_json_put(o, "sweep", object_of(row->sweep)) ||
           ax_json_put(o, "runs", sweep_runs(j, row->id));
}

static cJSON *result_of(const job_row *row)
{
    return row->state == JOB_SUCCEEDED ? object_of(row->result) : cJSON_CreateNull();
}

void job_write(jobs *j, const job_row *row, buf *out)
{
    char id[24];
    cJSON *o = cJSON_CreateObject();
    int queued = row->state == JOB_QUEUED;
    snprintf(id, sizeof id, "%lld", (long long)row->id);
    int bad = ax_json_put(o, "id", cJSON_CreateString(id)) ||
              ax_json_put(o, "model", text_or_null(row->model)) ||
              ax_json_put(o, "state", cJSON_CreateString(job_state_names[row->state])) ||
              ax_json_put(o, "queue_position",
                          queued ? cJSON_CreateNumber((double)store_ahead(j->store, row->place) + 1)
                                 : cJSON_CreateNull()) ||
              (row->cancelling && ax_json_put(o, "cancelling", cJSON_CreateTrue())) ||
              put_sweep(j, o, row) || put_progress(j, o, row) ||
              ax_json_put(o, "created_at", time_text(row->created)) ||
              ax_json_put(o, "started_at", time_text(row->started)) ||
              ax_json_put(o, "finished_at", time_text(row->finished)) ||
              ax_json_put(o, "config", object_of(row->config)) ||
              ax_json_put(o, "warnings", object_of(row->warnings)) ||
              ax_json_put(o, "error", object_of(row->error)) ||
              ax_json_put(o, "result", result_of(row));
    char *text = bad ? NULL : ax_json_text(o, 0);
    cJSON_Delete(o);
    if (text)
        buf_str(out, text);
    else
        out->failed = 1;
    cJSON_free(text);
}
