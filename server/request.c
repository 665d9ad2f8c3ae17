/* request.c - the life of a request between the transport and its handler; see request.h. */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
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

/* ---- the head -------------------------------------------------------------------------------- */

/* May pages of this origin call? Sets r->origin when the answer must say so. A browser sends Origin
 * with every request that could change something, so a page cannot drive a server on localhost. */
static int check_origin(request *r, const char *origin)
{
    const char *allowed = r->app->cfg.cors_origin;
    if (!origin)
        return 0;
    if (allowed && (!strcmp(allowed, "*") || !strcasecmp(allowed, origin))) {
        r->origin = allowed;
        return 0;
    }
    const char *host = strstr(origin, "://");
    if (host && !strcasecmp(host + 3, r->host))
        return 0;
    if (r->method == METHOD_GET || r->method == METHOD_HEAD || r->method == METHOD_OPTIONS)
        return 0; /* the browser keeps the answer from the page */
    problem_set(&r->why, 403, "forbidden_origin", "pages of %.100s may not call this server",
                origin);
    return ax_err_hint(&r->why.err, "start it with --cors-origin %.100s", origin);
}

static int unknown_path(request *r, const char *path)
{
    const char *near = router_nearest(path);
    problem_set(&r->why, 404, "not_found", "there is nothing at %.100s", path);
    if (near)
        return ax_err_hint(&r->why.err, "did you mean %s?", near);
    return ax_err_hint(&r->why.err, "GET / lists what is here");
}

static int wrong_method(request *r, const char *path, unsigned allowed)
{
    char allow[64];
    router_allow(allowed, allow, sizeof allow);
    problem_set(&r->why, 405, "method_not_allowed", "%.100s takes %s", path, allow);
    request_header(r, "Allow", ax_arena_strdup(&r->mem, allow));
    return -1;
}

/* OPTIONS: what the path takes; for a browser's preflight, what the page may do. */
static int answer_options(request *r, unsigned allowed)
{
    char allow[64];
    router_allow(allowed, allow, sizeof allow);
    const char *copy = ax_arena_strdup(&r->mem, allow);
    request_header(r, "Allow", copy);
    if (r->origin) {
        request_header(r, "Access-Control-Allow-Methods", copy);
        request_header(r, "Access-Control-Allow-Headers",
                       "Authorization, Content-Type, X-Request-Id, Idempotency-Key");
        request_header(r, "Access-Control-Max-Age", "600");
    }
    r->why.status = 204;
    return -1;
}

static int check_body(request *r)
{
    const route *t = r->route;
    const config *cfg = &r->app->cfg;
    r->limit = t->limit == LIMIT_MODEL  ? cfg->max_model
               : t->limit == LIMIT_BODY ? cfg->max_body
                                        : 0;
    if (!t->types) {
        r->limit = cfg->max_body; /* a body nobody asked for is read and ignored */
    } else if (!(t->types & r->type)) {
        problem_set(&r->why, 415, "unsupported_media_type",
                    "the content type is not one that %s takes", t->path);
        return ax_err_hint(&r->why.err, "%s",
                           t->types & BODY_PNG   ? "application/json, application/octet-stream, "
                                                   "image/png, image/jpeg"
                           : t->types & BODY_RAW ? "application/octet-stream"
                                                 : "application/json");
    }
    if (r->length > r->limit) {
        problem_set(&r->why, 413, "body_too_large", "the body is %lld bytes, the limit is %lld",
                    (long long)r->length, (long long)r->limit);
        problem_expect(&r->why, "%lld", (long long)r->limit);
        problem_got(&r->why, "%lld", (long long)r->length);
        return ax_err_hint(&r->why.err, "raise %s",
                           t->limit == LIMIT_MODEL ? "--max-model" : "--max-body");
    }
    return 0;
}

/* A file in the models folder that the body is written to; it goes with the request. */
static int open_file(request *r)
{
    char path[4096];
    if (!repository_name_ok(r->param[0]))
        return 0; /* the handler says what is wrong */
    snprintf(path, sizeof path, "%s/.upload-XXXXXX", repository_folder(r->app->models));
    r->file = mkostemp(path, O_CLOEXEC);
    if (r->file < 0) {
        int status = errno == EROFS || errno == EACCES || errno == EPERM ? 403 : 500;
        return problem_set(&r->why, status, status == 403 ? "read_only" : "io_error",
                           "the models folder cannot be written: %s", strerror(errno));
    }
    r->file_path = ax_arena_strdup(&r->mem, path);
    return r->file_path ? 0 : problem_set(&r->why, 503, "out_of_memory", "out of memory");
}

static int find_method(const char *name)
{
    for (int i = 0; i < METHODS; i++)
        if (!strcmp(method_names[i], name))
            return i;
    return -1;
}

int request_begin(request *r, const char *method, const char *path, const char *key,
                  const char *origin)
{
    route_match m;
    snprintf(r->path, sizeof r->path, "%s", path);
    int id = find_method(method);
    r->method = id < 0 ? METHOD_GET : (http_method)id;
    if (r->conn->refuse) {
        problem_set(&r->why, 503, "too_many_connections",
                    "the server has all the connections it takes");
        r->why.retry_after = 1;
        r->close = 1;
        return -1;
    }
    if (app_get_state(r->app) == APP_DRAINING)
        r->close = 1;
    router_find(r->method, path, &m);
    if (!m.allowed)
        return unknown_path(r, path);
    if (check_origin(r, origin) < 0)
        return -1;
    if (id == METHOD_OPTIONS)
        return answer_options(r, m.allowed);
    if (id < 0 || !m.route)
        return wrong_method(r, path, m.allowed);
    r->route = m.route;
    memcpy(r->param, m.param, sizeof r->param);
    if (!(m.route->flags & ROUTE_OPEN) && r->app->keys && !auth_check(r->app->keys, key)) {
        request_header(r, "WWW-Authenticate", "Bearer");
        return key ? problem_set(&r->why, 403, "forbidden", "the API key is not known here")
                   : problem_set(&r->why, 401, "unauthorized",
                                 "an API key is needed: Authorization: Bearer KEY");
    }
    if (m.bad_param)
        return problem_set(&r->why, 404, "not_found",
                           "a name in %.100s is longer than %d characters", path, PARAM_MAX);
    if (check_body(r) < 0)
        return -1;
    return m.route->flags & ROUTE_TO_FILE ? open_file(r) : 0;
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
            return problem_set(&r->why, errno == ENOSPC ? 507 : 500, "io_error",
                               "the body cannot be stored: %s", strerror(errno));
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

void request_refuse(request *r)
{
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

void request_offload(request *r, workers *w, void (*fn)(request *r))
{
    r->away = 1;
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
              {"in", NULL, (double)r->received}, {"out", NULL, (double)r->out.len},
              {"id", r->id, 0}, {aborted ? "aborted" : NULL, "true", 0},
              {status >= 400 && r->why.status == status ? "error" : NULL, r->why.err.msg, 0});
}
