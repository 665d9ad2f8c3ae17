/* diagnostics.c - GET /models/{name}/diagnostics: how the activations of a model fare on noise that
 * suits it. The run is a worker's, on one core, and there is one at a time: predictions go first.
 */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "repository.h"

enum { SAMPLES = 256, SAMPLES_MAX = 8192 };
static const int64_t seed_max = (int64_t)1 << 53;

const char *const diagnostics_options[] = {"n", "seed", NULL};

typedef struct inquiry {
    served *model;
    int64_t n, seed, deadline;
} inquiry;

static void release(request *r)
{
    served_release(((inquiry *)r->job)->model);
}

static int stop(void *ctx)
{
    const request *r = ctx;
    return now_ns() > ((const inquiry *)r->job)->deadline || request_abandoned(r);
}

/* The health's JSON with the model in front of it. */
static int put_health(buf *b, const served *s, const ax_health *h)
{
    cJSON *json = ax_health_json(h);
    char *text = ax_json_text(json, 0);
    if (text) {
        buf_str(b, "{\"model\":");
        buf_json(b, s->name);
        buf_printf(b, ",\"version\":%lld,", (long long)s->version);
        buf_str(b, text + 1);
        buf_char(b, '\n');
    }
    cJSON_free(text);
    cJSON_Delete(json);
    return text && !b->failed ? 0 : -1;
}

static int failed(request *r, const ax_err *err)
{
    const inquiry *q = r->job;
    if (err->code != AX_ECANCELED)
        return problem_from(&r->why, err);
    if (now_ns() <= q->deadline)
        return problem_set(&r->why, 503, "abandoned", "the client hung up");
    problem_set(&r->why, 504, "deadline_exceeded", "%lld samples took too long: %s",
                (long long)q->n, err->msg);
    return ax_err_hint(&r->why.err, "ask for fewer with n=");
}

static void look(request *r)
{
    const inquiry *q = r->job;
    ax_health h;
    ax_err err = {0};
    int64_t t = now_ns();
    ax_diagnose_options o = {.samples = q->n, .seed = (uint64_t)q->seed, .stop = stop, .ctx = r};
    int bad = ax_diagnose(q->model->model, &o, &h, &err);
    r->compute_ns = now_ns() - t;
    if (bad) {
        failed(r, &err);
    } else {
        if (put_health(&r->out, q->model, &h))
            bad = problem_set(&r->why, 503, "out_of_memory", "out of memory");
        ax_health_free(&h);
    }
    atomic_store(&r->app->diagnosing, 0);
    if (bad) {
        request_refuse(r);
        return;
    }
    request_header(r, "Server-Timing", request_timing(r));
    request_done(r, 200, "application/json");
}

static int begin(request *r)
{
    inquiry *q = r->job = ax_arena_alloc(&r->mem, sizeof *q);
    if (!q)
        return problem_set(&r->why, 503, "out_of_memory", "out of memory");
    q->n = SAMPLES;
    q->seed = 1;
    q->deadline = r->start + r->app->cfg.request_timeout_ms * 1000000;
    if (request_integer(r, "n", 1, SAMPLES_MAX, &q->n, &r->why) < 0 ||
        request_integer(r, "seed", 0, seed_max, &q->seed, &r->why) < 0 ||
        !(q->model = models_acquire(r)))
        return -1;
    r->release = release;
    if (!atomic_exchange(&r->app->diagnosing, 1))
        return 0;
    problem_set(&r->why, 429, "busy", "another model is being diagnosed");
    r->why.retry_after = 1;
    return -1;
}

void models_diagnose(request *r)
{
    if (begin(r) < 0)
        request_refuse(r);
    else
        request_offload(r, r->app->work, look);
}
