/* batcher.c - tickets, batches, sessions; see batcher.h. */
#include "batcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "repository.h"

enum {
    RUN_NS = 50000000, /* a worker's batch takes about this long at most              */
    ALIVE_NS = 1000000 /* who waited longer is asked whether he still wants his answer */
};

typedef struct slice { /* rows [from, from + n) of a ticket */
    ticket *t;
    int64_t from, n;
} slice;

enum { SLICES = 256 };

typedef struct batch {
    slice part[SLICES];
    int n;
    int64_t rows;
} batch;

/* ---- one batch ---------------------------------------------------------------------------------
 */

static void finish(ticket *t, ticket_state state)
{
    t->state = state;
    t->finished = now_ns();
    app *a = t->r->app;
    atomic_fetch_sub_explicit(&a->queued, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&a->queued_rows, t->args->rows, memory_order_relaxed);
    if (state == TICKET_DONE)
        atomic_fetch_add_explicit(&a->done_rows, t->args->rows, memory_order_relaxed);
    t->finish(t);
}

static void expired(ticket *t)
{
    problem_set(&t->r->why, 504, "deadline_exceeded",
                "the prediction was not done %lld ms after it came",
                (long long)((t->deadline - t->r->start) / 1000000));
    metrics_count(METRIC_EXPIRED, 1);
}

/* Room for the outputs of a ticket: once, when its first slice has been computed. */
static int make_outputs(ticket *t, ax_session *s)
{
    t->n_out = ax_session_outputs(s);
    for (int o = 0; o < t->n_out; o++) {
        size_t bytes, row = 0;
        const ax_port *p = &t->port[o];
        t->port[o] = *ax_session_output_port(s, o);
        if (t->args->whole)
            t->port[o].shape = *ax_session_output_shape(s, o);
        row = (size_t)ax_shape_count(&p->shape) * ax_dtype_size(p->dtype);
        if (__builtin_mul_overflow(row, (size_t)t->args->rows, &bytes) || bytes > BUF_MAX)
            return problem_set(&t->r->why, 422, "limit_exceeded",
                               "output '%s' of %lld samples is larger than an answer may be",
                               p->name, (long long)t->args->rows);
        if (!(t->out[o] = ax_arena_raw(&t->r->mem, bytes)))
            return problem_set(&t->r->why, 503, "out_of_memory",
                               "the answer does not fit into memory");
    }
    return 0;
}

static void gather(const batch *b, ax_session *s, const ax_model_info *info)
{
    for (int i = 0; i < info->n_inputs; i++) {
        const wire_request *a = b->part[0].t->args; /* whole: of the one ticket */
        const ax_shape *s0 = a->whole ? &a->shape[i] : &info->inputs[i].shape;
        size_t row = (size_t)ax_shape_count(s0) * ax_dtype_size(info->inputs[i].dtype);
        char *to = ax_session_input(s, i);
        for (int k = 0; k < b->n; k++) {
            const slice *p = &b->part[k];
            memcpy(to, (const char *)p->t->args->data[i] + (size_t)p->from * row,
                   (size_t)p->n * row);
            to += (size_t)p->n * row;
        }
    }
}

static void scatter(const batch *b, ax_session *s)
{
    int whole = b->part[0].t->args->whole;
    for (int o = 0; o < ax_session_outputs(s); o++) {
        const ax_port *port = ax_session_output_port(s, o);
        const ax_shape *one = whole ? ax_session_output_shape(s, o) : &port->shape;
        size_t row = (size_t)ax_shape_count(one) * ax_dtype_size(port->dtype);
        const char *from = ax_session_output(s, o);
        for (int k = 0; k < b->n; k++) {
            const slice *p = &b->part[k];
            if (p->t->out[o])
                memcpy((char *)p->t->out[o] + (size_t)p->from * row, from, (size_t)p->n * row);
            from += (size_t)p->n * row;
        }
    }
}

/* Compute the slices of one batch and finish the tickets that are complete. */
static void compute(batch *b, session_cache *sessions, ax_pool *pool)
{
    served *m = b->part[0].t->model;
    problem why;
    ax_session *session = sessions_get(sessions, m, b->part[0].t->args, b->rows, pool, &why);
    int64_t start = now_ns();
    for (int k = 0; k < b->n; k++)
        if (!b->part[k].t->started)
            b->part[k].t->started = start;
    if (session) {
        ax_err err;
        gather(b, session, m->info);
        if (ax_session_run(session, &err)) {
            problem_from(&why, &err);
            session = NULL;
        }
    }
    if (session) {
        for (int k = 0; k < b->n; k++) {
            ticket *t = b->part[k].t;
            if (!b->part[k].from && make_outputs(t, session) < 0)
                t->state = TICKET_FAILED;
        }
        scatter(b, session);
        int64_t each = (now_ns() - start) / b->rows, seen = atomic_load(&m->row_ns);
        atomic_store(&m->row_ns, seen + (each - seen) / 8);
        metrics_batch(b->rows);
    }
    for (int k = 0; k < b->n; k++) {
        ticket *t = b->part[k].t;
        t->done += b->part[k].n;
        if (!session) {
            t->r->why = why;
            t->state = TICKET_FAILED;
        }
        if (t->taken < t->args->rows)
            continue; /* still in the queue, for another slice or, failed, to be taken out */
        finish(t, t->state == TICKET_FAILED ? TICKET_FAILED : TICKET_DONE);
    }
}

/* As many rows as fit a time, at least one: others wait behind this batch. */
static int64_t rows_within(const served *m, const app *a, int64_t ns)
{
    int64_t n = ns / (atomic_load_explicit(&m->row_ns, memory_order_relaxed) + 1);
    return n < 1 ? 1 : n > a->cfg.max_batch ? a->cfg.max_batch : n;
}

/* Is it computed by itself, and at once: because tensors are taken whole, or because rows might
 * depend on each other? */
static int is_alone(const ticket *t)
{
    return t->args->whole || t->model->info->mixes;
}

static int same_group(const ticket *a, const ticket *b)
{
    if (is_alone(a) || a->model != b->model || a->args->n_outputs != b->args->n_outputs)
        return 0;
    for (int i = 0; i < a->args->n_outputs; i++)
        if (strcmp(a->args->outputs[i], b->args->outputs[i]))
            return 0;
    return 1;
}

/* ---- the queue, of a runner or a loop
 * ------------------------------------------------------------ */

static void unlink_ticket(ticket **first, ticket **last, ticket *t)
{
    *(t->prev ? &t->prev->next : first) = t->next;
    *(t->next ? &t->next->prev : last) = t->prev;
    t->prev = t->next = NULL;
}

static void append(ticket **first, ticket **last, ticket *t)
{
    t->next = NULL;
    t->prev = *last;
    *(*last ? &(*last)->next : first) = t;
    *last = t;
}

/* Nobody waits for this ticket any more, and nothing of it has been computed. */
static int is_over(ticket *t, int64_t now)
{
    if (t->taken)
        return 0;
    if (now > t->deadline)
        return expired(t), 1;
    if (t->in_loop || now - t->queued < ALIVE_NS || !request_abandoned(t->r))
        return 0;
    problem_set(&t->r->why, 503, "abandoned", "the client hung up");
    return 1;
}

/* Take up to max rows of the first ticket's kind off the queue. Tickets past their deadline, and of
 * clients that left, are taken off too and put on the list `over`, to be answered by the caller. */
static void collect(ticket **first, ticket **last, int64_t max, batch *b, ticket **over)
{
    int64_t now = now_ns();
    const ticket *kind = NULL;
    b->n = 0;
    b->rows = 0;
    for (ticket *t = *first, *next; t && b->rows < max && b->n < SLICES; t = next) {
        next = t->next;
        if (t->state == TICKET_FAILED || is_over(t, now)) {
            unlink_ticket(first, last, t);
            t->state = TICKET_FAILED;
            t->next = *over;
            *over = t;
            continue;
        }
        if (kind && !same_group(kind, t))
            continue;
        kind = t;
        int64_t n = t->args->rows - t->taken;
        if (n > max - b->rows && !is_alone(t))
            n = max - b->rows;
        b->part[b->n++] = (slice){t, t->taken, n};
        b->rows += n;
        t->taken += n;
        t->state = TICKET_RUNNING;
        if (t->taken == t->args->rows)
            unlink_ticket(first, last, t);
    }
}

static void finish_over(ticket *over)
{
    for (ticket *t = over, *next; t; t = next) {
        next = t->next;
        t->next = NULL;
        finish(t, TICKET_FAILED);
    }
}

/* ---- on the workers
 * ------------------------------------------------------------------------------ */

static void run_batch(task *job)
{
    runner *r = (runner *)((char *)job - offsetof(runner, task));
    served *m = r->model;
    batch b;
    ticket *over = NULL;
    pthread_mutex_lock(&r->lock);
    app *a = r->first ? r->first->r->app : NULL;
    if (a && a->cfg.max_delay_us && r->first == r->last &&
        r->first->args->rows < a->cfg.max_batch) {
        int64_t rest = r->first->queued + a->cfg.max_delay_us * 1000 - now_ns();
        pthread_mutex_unlock(&r->lock);
        if (rest > 0)
            nanosleep(&(struct timespec){rest / 1000000000, rest % 1000000000}, NULL);
        pthread_mutex_lock(&r->lock);
    }
    b.n = 0;
    if (a)
        collect(&r->first, &r->last, rows_within(m, a, RUN_NS), &b, &over);
    pthread_mutex_unlock(&r->lock);
    finish_over(over);
    if (b.n)
        compute(&b, &r->sessions, a->pool);
    pthread_mutex_lock(&r->lock);
    int more = r->first != NULL;
    r->busy = more;
    pthread_mutex_unlock(&r->lock);
    if (more)
        workers_submit(a->work, &r->task); /* behind the other models: they take turns */
    else
        served_release(m);
}

void runner_init(runner *r, served *model)
{
    pthread_mutex_init(&r->lock, NULL);
    r->model = model;
    r->task.run = run_batch;
}

void runner_fini(runner *r)
{
    sessions_close(&r->sessions);
    pthread_mutex_destroy(&r->lock);
}

static void give_to_runner(ticket *t)
{
    runner *r = &t->model->runner;
    app *a = t->r->app;
    pthread_mutex_lock(&r->lock);
    append(&r->first, &r->last, t);
    int start = !r->busy;
    r->busy = 1;
    pthread_mutex_unlock(&r->lock);
    if (start) {
        served_acquire(r->model);
        workers_submit(a->work, &r->task);
    }
}

/* The loop's clock says the deadline has come: 1 when the ticket could be taken back. */
static int expire_ticket(request *r)
{
    ticket *t = r->ticket;
    if (!batcher_cancel(t))
        return 0;
    expired(t);
    return 1;
}

/* ---- both
 * ---------------------------------------------------------------------------------------- */

int batcher_retry_after(const app *a)
{
    int64_t rate = atomic_load(&a->rows_per_second), rows = atomic_load(&a->queued_rows);
    int64_t s = rate > 0 ? (rows + rate - 1) / rate : 1;
    return s < 1 ? 1 : s > 60 ? 60 : (int)s;
}

void ticket_init(ticket *t, request *r, served *model, const wire_request *args)
{
    /* port is left as it is: it is large, and written when the outputs are made */
    memset(t, 0, offsetof(ticket, port));
    memset(&t->n_out, 0, sizeof *t - offsetof(ticket, n_out));
    t->r = r;
    t->model = model;
    t->args = args;
}

int batcher_submit(ticket *t, problem *why)
{
    app *a = t->r->app;
    int64_t waiting = atomic_fetch_add_explicit(&a->queued, 1, memory_order_relaxed);
    if (waiting >= a->cfg.max_queue) {
        atomic_fetch_sub_explicit(&a->queued, 1, memory_order_relaxed);
        metrics_count(METRIC_QUEUE_FULL, 1);
        problem_set(why, 429, "queue_full", "%lld predictions are waiting, which is the limit",
                    (long long)a->cfg.max_queue);
        why->retry_after = batcher_retry_after(a);
        return -1;
    }
    atomic_fetch_add_explicit(&a->queued_rows, t->args->rows, memory_order_relaxed);
    loop *l = loop_current();
    t->queued = now_ns();
    t->state = TICKET_QUEUED;
    t->in_loop = l && l == t->r->loop && !t->args->whole &&
                 atomic_load_explicit(&t->model->row_ns, memory_order_relaxed) <=
                     a->cfg.inline_us * 1000 / t->args->rows;
    if (t->in_loop) {
        t->r->away = a->cfg.max_delay_us > 0; /* asleep until the batch is due */
        append(&l->pending, &l->pending_last, t);
        return 0;
    }
    if (l ==
        t->r->loop) { /* else it is away already, and its deadline is looked at by the runner */
        t->r->away = 1;
        t->r->deadline = t->deadline;
        t->r->expire = expire_ticket;
        t->r->ticket = t;
    }
    give_to_runner(t);
    return 0;
}

int batcher_cancel(ticket *t)
{
    int out = 0;
    if (t->in_loop) {
        out = t->state == TICKET_QUEUED || t->state == TICKET_RUNNING; /* between two batches */
        if (out)
            unlink_ticket(&t->r->loop->pending, &t->r->loop->pending_last, t);
    } else {
        runner *r = &t->model->runner;
        pthread_mutex_lock(&r->lock);
        if ((out = t->state == TICKET_QUEUED))
            unlink_ticket(&r->first, &r->last, t);
        pthread_mutex_unlock(&r->lock);
    }
    if (out) {
        t->state = TICKET_FAILED;
        atomic_fetch_sub_explicit(&t->r->app->queued, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&t->r->app->queued_rows, t->args->rows, memory_order_relaxed);
    }
    return out;
}

int64_t batcher_run(loop *l, int64_t budget_ns)
{
    int64_t now = now_ns(), end = now + budget_ns, delay = l->app->cfg.max_delay_us * 1000;
    while (l->pending && now < end) {
        int64_t max = rows_within(l->pending->model, l->app, budget_ns);
        if (delay && now < l->pending->queued + delay) {
            int64_t rows = 0;
            for (ticket *t = l->pending; t && rows < max; t = t->next)
                rows += t->args->rows;
            if (rows < max)
                return l->pending->queued + delay;
        }
        batch b;
        ticket *over = NULL;
        collect(&l->pending, &l->pending_last, max, &b, &over);
        finish_over(over);
        if (b.n)
            compute(&b, &l->sessions, NULL);
        now = now_ns();
    }
    return l->pending ? 0 : INT64_MAX;
}
