/* request.c - the life of a request between the transport and its handler; see request.h. */
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets.h"
#include "http.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "repository.h"
#include "router.h"

enum { KEEP = 16 * 1024, SPARE = 64 }; /* memory and number of requests kept for the next ones */

request *request_new(loop *l, conn *c)
{
    request *r = l->spare;
    if (r) {
        l->spare = r->next;
        l->n_spare--;
    } else if (!(r = calloc(1, sizeof *r))) {
        return NULL;
    }
    r->app = l->app;
    r->loop = l;
    r->conn = c;
    r->start = now_ns();
    r->file = -1;
    r->status = 0;
    return r;
}

void request_free(request *r)
{
    loop *l = r->loop;
    if (r->release)
        r->release(r);
    if (r->body.cap)
        atomic_fetch_sub_explicit(&r->app->buffered, (int64_t)r->body.cap, memory_order_relaxed);
    if (r->file >= 0)
        close(r->file);
    if (r->file_path)
        unlink(r->file_path);
    if (r->reserved)
        datasets_unreserve(r);
    if (l->n_spare >= SPARE) {
        buf_free(&r->body);
        buf_free(&r->out);
        ax_arena_fini(&r->mem);
        free(r);
        return;
    }
    /* Forget everything but a little memory. The refusal is large and only its status is looked at.
     */
    buf_trim(&r->body, KEEP);
    buf_trim(&r->out, KEEP);
    size_t used = r->mem.used;
    ax_arena_reset(&r->mem);
    if (used > KEEP)
        ax_arena_fini(&r->mem);
    buf body = r->body, out = r->out;
    ax_arena mem = r->mem;
    memset(r, 0, offsetof(request, why));
    memset(&r->start, 0, sizeof *r - offsetof(request, start));
    r->why.status = 0;
    r->body = body;
    r->out = out;
    r->mem = mem;
    r->next = l->spare;
    l->spare = r;
    l->n_spare++;
    if (body.cap)
        atomic_fetch_add_explicit(&l->app->buffered, (int64_t)body.cap, memory_order_relaxed);
}

void request_set_id(request *r, const char *given)
{
    size_t n = given ? strlen(given) : 0;
    int decent = n && n < sizeof r->id;
    for (size_t i = 0; i < n && decent; i++)
        decent = given[i] > ' ' && given[i] < 0x7f && given[i] != '"' && given[i] != '\\';
    if (decent) {
        memcpy(r->id, given, n + 1);
        return;
    }
    uint64_t x = r->loop->seed;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift: ids need to differ, not to be secret */
    r->loop->seed = x;
    for (int i = 0; i < 16; i++)
        r->id[i] = "0123456789abcdef"[x >> (60 - 4 * i) & 15];
    r->id[16] = 0;
}

/* ---- the body -------------------------------------------------------------------------------- */

static int too_large(request *r)
{
    problem_set(&r->why, 413, "body_too_large", "the body is larger than the limit of %lld bytes",
                (long long)r->limit);
    problem_expect(&r->why, "%lld", (long long)r->limit);
    return -1;
}

static int write_file(request *r, const char *data, size_t n)
{
    while (n) {
        ssize_t w = write(r->file, data, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return problem_from_errno(&r->why, w < 0 ? errno : ENOSPC,
                                      "the upload cannot be stored");
        data += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Memory for the body grows with what has come, not with what was announced; all bodies together
 * stay within --max-buffered. */
static int make_room(request *r, size_t n)
{
    size_t before = r->body.cap;
    if (n <= before - r->body.len)
        return 0;
    _Atomic int64_t *all = &r->app->buffered;
    if (atomic_load_explicit(all, memory_order_relaxed) + (int64_t)n > r->app->cfg.max_buffered) {
        problem_set(&r->why, 503, "busy", "the bodies of other requests fill the memory set aside");
        r->why.retry_after = 1;
        return -1;
    }
    if (!r->body.len && r->length > 0 && r->length <= 1 << 20)
        n = (size_t)r->length; /* small: at once, without growing */
    if (!buf_room(&r->body, n))
        return problem_set(&r->why, 503, "out_of_memory", "the body does not fit into memory");
    atomic_fetch_add_explicit(all, (int64_t)(r->body.cap - before), memory_order_relaxed);
    return 0;
}

int request_body(request *r, const char *data, size_t n)
{
    r->received += (int64_t)n;
    if (r->swallow)
        return 0;
    if (r->received > r->limit)
        return too_large(r);
    if (r->file >= 0 && r->route->flags & ROUTE_TO_DATASETS && datasets_reserve(r, r->received) < 0)
        return -1;
    if (r->file >= 0)
        return write_file(r, data, n);
    if (!r->route->types)
        return 0;
    if (make_room(r, n) < 0)
        return -1;
    buf_add(&r->body, data, n);
    return 0;
}

/* ---- handling -------------------------------------------------------------------------------- */

void request_dispatch(request *r)
{
    r->body_done = now_ns();
    r->state = REQUEST_WAITING;
    if (!r->swallow && !r->route->types && r->received) /* it came without a length */
        r->swallow = request_unexpected_body(r) < 0;
    if (r->swallow)
        request_refuse(r);
    else
        r->route->handle(r);
}

const char *request_query(const request *r, const char *name)
{
    for (int i = 0; i < r->n_query; i++)
        if (!strcmp(r->query[i][0], name))
            return r->query[i][1];
    return NULL;
}

int request_integer(const request *r, const char *name, int64_t lo, int64_t hi, int64_t *out,
                    problem *why)
{
    const char *text = request_query(r, name);
    if (!text)
        return 0;
    size_t n = strspn(text, "0123456789");
    int64_t v = n && n <= 18 && !text[n] ? strtoll(text, NULL, 10) : -1;
    if (v >= lo && v <= hi)
        return *out = v, 0;
    problem_set(why, 400, "out_of_range", "%s: '%.40s' is not a whole number from %lld to %lld",
                name, text, (long long)lo, (long long)hi);
    snprintf(why->err.at, sizeof why->err.at, "%s", name);
    return -1;
}

void request_header(request *r, const char *name, const char *value)
{
    if (value && r->n_headers < REQUEST_HEADERS) {
        r->header[r->n_headers].name = name;
        r->header[r->n_headers++].value = value;
    }
}

const char *request_timing(request *r)
{
    const int64_t ns[] = {r->parse_ns, r->queue_ns, r->compute_ns, r->render_ns};
    static const char *const names[] = {
        "parse;dur=", ", queue;dur=", ", compute;dur=", ", render;dur="};
    buf b = {0};
    for (int i = 0; i < 4; i++) {
        buf_str(&b, names[i]);
        buf_micros(&b, ns[i]);
    }
    const char *text = b.failed ? NULL : ax_arena_memdup(&r->mem, b.data, b.len);
    buf_free(&b);
    return text;
}

void request_done(request *r, int status, const char *content_type)
{
    r->status = status;
    r->out_type = content_type;
    if (r->out.failed) {
        problem_set(&r->why, 503, "out_of_memory", "the answer does not fit into memory");
        request_refuse(r);
        return;
    }
    r->ready = now_ns();
    if (loop_current() == r->loop) {
        r->away = 0;
        r->state = REQUEST_READY;
        if (r->suspended) {
            loop_waited(r->loop, r);
            http_resume(r);
        }
    } else {
        loop_give_back(r->loop, r);
    }
}

void request_stream(request *r, const char *content_type, void (*more)(request *r))
{
    r->more = more;
    request_done(r, 200, content_type);
}

void request_page(request *r, int last)
{
    r->last_page = last || r->out.failed;
    loop_give_back(r->loop, r);
}

void request_refuse(request *r)
{
    r->more = NULL;
    buf_clear(&r->out);
    if (r->why.status == 204) {
        request_done(r, 204, NULL);
        return;
    }
    problem_write(&r->why, &r->out);
    if (r->why.retry_after)
        request_header(r, "Retry-After", ax_arena_printf(&r->mem, "%d", r->why.retry_after));
    if (r->out.failed) {
        buf_free(&r->out);
        r->out.failed = 0;
    }
    request_done(r, r->why.status, "application/json");
}

static void run_offloaded(task *t)
{
    request *r = (request *)((char *)t - offsetof(request, task));
    r->work(r);
}

void request_away(request *r)
{
    if (loop_current() == r->loop) /* elsewhere it is away already, and the loop may look */
        r->away = 1;
}

void request_offload(request *r, workers *w, void (*fn)(request *r))
{
    request_away(r);
    r->work = fn;
    r->task.run = run_offloaded;
    workers_submit(w, &r->task);
}

int request_abandoned(const request *r)
{
    struct pollfd p = {.fd = r->conn->fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* ---- the end --------------------------------------------------------------------------------- */

void request_account(request *r, int aborted)
{
    int64_t ns = now_ns() - r->start;
    int row = r->route ? (int)(r->route - routes) : -1;
    int status = r->status ? r->status : 499; /* the client left before there was an answer */
    metrics_request(row, status, ns);
    if (aborted)
        metrics_count(METRIC_ABANDONED, 1);
    log_level level = status >= 500                                               ? LOG_WARN
                      : r->route && r->route->flags & ROUTE_QUIET && status < 400 ? LOG_DEBUG
                                                                                  : LOG_INFO;
    if (!log_wants(level))
        return;
    LOG_EVENT(level, "request", {"method", method_names[r->method], 0}, {"path", r->path, 0},
              {"status", NULL, status}, {"ms", NULL, (double)(ns / 1000) * 1e-3},
              {"in", NULL, (double)r->received}, {"out", NULL, (double)(r->sent_before + (int64_t)r->out.len)},
              {"id", r->id, 0}, {aborted ? "aborted" : NULL, "true", 0},
              {status >= 400 && r->why.status == status ? "error" : NULL, r->why.err.msg, 0});
}
