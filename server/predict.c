/* predict.c - POST /predict in all its forms: from the body to a ticket, from the ticket to an
 * answer.
 *
 * Small JSON bodies are read in the event loop, straight into the buffers the model takes; pictures
 * and large bodies are read by a worker, so that the loop goes on answering others. */
#include "predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

enum { LARGE = 128 * 1024 }; /* bytes of a body that the loop still reads itself: about 60 us */

/* ---- which model
 * --------------------------------------------------------------------------------- */

/* Make p->model the one that the path, the query or the body (named, may be NULL) asks for. */
static int choose_model(predict *p, const char *named, problem *why)
{
    const request *r = p->r;
    const char *outer = r->param[0][0] ? r->param[0] : request_query(r, "model");
    int64_t version = 0;
    if (named && outer && strcmp(named, outer)) {
        problem_set(why, 400, "conflict", "the body asks for model '%.64s', the URL for '%.64s'",
                    named, outer);
        snprintf(why->err.at, sizeof why->err.at, "model");
        return -1;
    }
    if (*r->param[1] && !(version = repository_version(r->param[1])))
        return repository_no_version(r->param[1], why);
    const char *name = outer ? outer : named;
    if (p->model && (!name || !strcmp(p->model->name, name)))
        return 0;
    served *s = repository_acquire(r->app->models, name, version, why);
    if (!s)
        return -1;
    served_release(p->model);
    p->model = s;
    return 0;
}

/* ?model= behind a path that names another one. */
static int check_model_option(const request *r, problem *why)
{
    const char *option = r->param[0][0] ? request_query(r, "model") : NULL;
    if (!option || !strcmp(option, r->param[0]))
        return 0;
    problem_set(why, 400, "conflict", "the path asks for model '%.64s', the option for '%.64s'",
                r->param[0], option);
    snprintf(why->err.at, sizeof why->err.at, "model");
    return -1;
}

static int find_ports(void *ctx, const char *name, wire_ports *ports, problem *why)
{
    predict *p = ctx;
    if (choose_model(p, name, why) < 0)
        return -1;
    const ax_model_info *m = p->model->info;
    *ports = (wire_ports){m->inputs, m->n_inputs, !m->batches};
    return 0;
}

/* ---- bodies that are not JSON ---------------------------------------------------------------- */

static const ax_port *only_input(predict *p, const char *what, problem *why)
{
    const ax_model_info *m = p->model->info;
    if (m->batches && m->n_inputs == 1 && m->inputs[0].dtype == AX_F32)
        return &m->inputs[0];
    problem_set(why, 422, "unsupported",
                "model '%s' cannot take %s: it needs one float32 input of samples of one size",
                p->model->name, what);
    ax_err_hint(&why->err, "send JSON: {\"inputs\":...}");
    return NULL;
}

static int read_raw(predict *p, problem *why)
{
    request *r = p->r;
    const ax_port *in = only_input(p, "raw float32", why);
    if (!in)
        return -1;
    size_t row = (size_t)ax_shape_count(&in->shape) * sizeof(float);
    if (!r->body.len || r->body.len % row) {
        char shape[128];
        problem_set(why, 400, "shape_mismatch",
                    "the body has %zu bytes, a sample of shape %s has %zu", r->body.len,
                    wire_shape(&in->shape, shape, sizeof shape), row);
        problem_expect(why, "%zu", row);
        problem_got(why, "%zu", r->body.len);
        return ax_err_hint(&why->err, "little-endian float32, one sample behind the other");
    }
    p->args.rows = (int64_t)(r->body.len / row);
    if (p->args.rows > r->app->cfg.max_rows)
        return problem_set(why, 413, "too_many_samples",
                           "%lld samples in one request, at most %lld are taken",
                           (long long)p->args.rows, (long long)r->app->cfg.max_rows);
    const float *x = p->args.data[0] = r->body.data;
    for (size_t i = 0; i < r->body.len / sizeof(float); i++)
        if (!isfinite(x[i])) {
            problem_set(why, 400, "out_of_range", "inputs[%zu][%zu] is not a finite number",
                        i / (row / 4), i % (row / 4));
            snprintf(why->err.at, sizeof why->err.at, "inputs[%zu][%zu]", i / (row / 4),
                     i % (row / 4));
            return -1;
        }
    return 0;
}

/* A picture fits an input of (channels, height, width) or (height, width). */
static int read_picture(predict *p, problem *why)
{
    request *r = p->r;
    ax_err err;
    char shape[128];
    const ax_port *in = only_input(p, "a picture", why);
    if (!in)
        return -1;
    const ax_shape *s = &in->shape;
    int64_t c = s->rank == 3 ? s->dim[0] : 1;
    if (s->rank < 2 || s->rank > 3 || (c != 1 && c != 3)) {
        problem_set(why, 422, "not_a_picture",
                    "the input of model '%s' has shape %s, which is no picture", p->model->name,
                    wire_shape(s, shape, sizeof shape));
        return ax_err_hint(&why->err,
                           "pictures need (channels, height, width) with 1 or 3 channels");
    }
    float *x = ax_arena_raw(&r->mem, (size_t)ax_shape_count(s) * sizeof(float));
    if (!x)
        return problem_set(why, 503, "out_of_memory", "out of memory");
    if (ax_image_decode((const uint8_t *)r->body.data, r->body.len, (int)c,
                        (int)s->dim[s->rank - 2], (int)s->dim[s->rank - 1], x, &err) < 0) {
        problem_from(why, &err);
        if (why->status > 422 && why->status != 503)
            why->status = 400;
        return -1;
    }
    p->args.data[0] = x;
    p->args.rows = 1;
    return 0;
}

/* ---- from the body to a ticket
 * ---------------------------------------------------------------------- */

/* Is the answer to have a list of the best classes, and can it? */
static int check_top(predict *p, problem *why)
{
    const ax_model_info *m = p->model->info;
    const wire_request *a = &p->args;
    int64_t n = predict_classes(m);
    int asked = !a->n_outputs;
    for (int i = 0; i < a->n_outputs; i++)
        asked |= !strcmp(a->outputs[i], m->outputs[0].name);
    if (!n)
        problem_set(why, 422, "no_classes", "model '%s' has no classes to rank", p->model->name);
    else if (!asked)
        problem_set(why, 400, "conflict", "top ranks the output '%.64s', which is not asked for",
                    m->outputs[0].name);
    else if (p->r->accept_raw)
        problem_set(why, 406, "not_acceptable", "a raw answer has no place for the top classes");
    else if (a->top > n) {
        problem_set(why, 400, "out_of_range", "top is %lld, model '%s' has %lld classes",
                    (long long)a->top, p->model->name, (long long)n);
        problem_expect(why, "\"1 to %lld\"", (long long)n);
        problem_got(why, "%lld", (long long)a->top);
    } else
        return 0;
    snprintf(why->err.at, sizeof why->err.at, "top");
    return -1;
}

static int check_options(predict *p, problem *why)
{
    const ax_model_info *m = p->model->info;
    const wire_request *a = &p->args;
    if (a->top && check_top(p, why) < 0)
        return -1;
    if (p->r->accept_raw && (a->n_outputs ? a->n_outputs : m->n_outputs) != 1) {
        problem_set(why, 406, "not_acceptable", "a raw answer holds one output, this would be %d",
                    a->n_outputs ? a->n_outputs : m->n_outputs);
        return ax_err_hint(&why->err, "name one: ?outputs=%s", m->outputs[0].name);
    }
    return 0;
}

static void ticket_finished(ticket *t);

/* The model is held until the request is over: the loop may still look at the ticket's deadline
 * after a worker has finished it. */
static void release_job(request *r)
{
    predict *p = r->job;
    served_release(p->model);
}

/* The client went away while its ticket waited in the loop. */
static void cancel(request *r)
{
    predict *p = r->job;
    batcher_cancel(&p->ticket);
}

static int read_body(predict *p)
{
    request *r = p->r;
    problem *why = &r->why;
    memset(&p->args, 0, sizeof p->args);
    if (check_model_option(r, why) < 0 || (r->n_query && predict_query(p, why) < 0))
        return -1;
    if (r->type & (BODY_JSON | BODY_FORM | BODY_NONE))
        return wire_parse(r->body.data ? r->body.data : "", r->body.len, r->app->cfg.max_rows,
                          find_ports, p, &r->mem, &p->args, why);
    if (choose_model(p, NULL, why) < 0)
        return -1;
    return r->type == BODY_RAW ? read_raw(p, why) : read_picture(p, why);
}

static void start(request *r)
{
    int64_t t = now_ns();
    predict *p = r->job;
    int64_t ms = r->app->cfg.request_timeout_ms;
    if (read_body(p) < 0 || check_options(p, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    if (p->args.deadline_ms && p->args.deadline_ms < ms)
        ms = p->args.deadline_ms;
    ticket_init(&p->ticket, r, p->model, &p->args);
    p->ticket.finish = ticket_finished;
    p->ticket.deadline = r->start + ms * 1000000;
    r->parse_ns = now_ns() - t;
    r->cancel = cancel;
    if (batcher_submit(&p->ticket, &r->why) < 0)
        request_refuse(r);
}

/* ---- from the ticket to an answer
 * -------------------------------------------------------------------- */

static void ticket_finished(ticket *t)
{
    request *r = t->r;
    predict *p = r->job;
    const char *type = "application/json";
    int64_t now = now_ns();
    int failed = t->state == TICKET_FAILED;
    if (t->started) {
        r->queue_ns = t->started - t->queued;
        r->compute_ns = t->finished - t->started;
    }
    if (!failed && now > t->deadline)
        failed = problem_set(&r->why, 504, "deadline_exceeded",
                             "the prediction came too late for its deadline") < 0;
    if (!failed) {
        failed = predict_render(p, &type) < 0;
        r->render_ns = now_ns() - now;
    }
    metrics_predict(p->model->stats, p->args.rows, now_ns() - r->start, r->compute_ns,
                    failed && r->why.status >= 500);
    if (failed) {
        request_refuse(r);
        return;
    }
    request_header(r, "Server-Timing", request_timing(r));
    request_done(r, 200, type);
}

void predict_handle(request *r)
{
    predict *p = ax_arena_raw(&r->mem, sizeof *p);
    if (!p) {
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
        request_refuse(r);
        return;
    }
    p->r = r;
    p->model = NULL;
    r->job = p;
    r->release = release_job;
    if (r->body.len > LARGE || r->type == BODY_PNG || r->type == BODY_JPEG)
        request_offload(r, r->app->work, start);
    else
        start(r);
}
