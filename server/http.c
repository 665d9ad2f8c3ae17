/* http.c - requests between libmicrohttpd and us; see http.h.
 *
 * Facts of libmicrohttpd 0.9.75 that shape this file. Its epoll loop stalls when exactly 128 events
 * are ready, unless it is never allowed to wait: so it is run with timeout 0 and the waiting is
 * done in loop.c. Suspending is allowed inside the access handler. A suspended connection
 * neither times out nor notices a disconnect; besides there, it is allowed in the reader of an answer
 * that comes in pages. A request that is complete but neither answered nor
 * suspended is simply asked for again in the next round, which is how batches of the loop itself
 * wait: for free. An answer before the end of the body is possible only before its first byte. */
#include "http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "head.h"
#include "url.h"

#if MHD_VERSION < 0x00097500
#error "libmicrohttpd 0.9.75 or newer is needed"
#endif

enum { POOL = 32 * 1024, SWALLOW = 64 * 1024, PAGE = 16 * 1024 };

struct http {
    loop *loop;
    struct MHD_Daemon *daemon;
    int fd;
    int refuse_next; /* the connection being added is over the limit */
};

/* ---- the head -------------------------------------------------------------------------------- */

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    head_add(cls, name, value ? value : "");
    return MHD_YES;
}

static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    request *r = cls;
    (void)kind;
    if (r->n_query == REQUEST_QUERY)
        return MHD_NO; /* no route knows so many: one of those that are there is refused */
    const char **to = r->query[r->n_query++];
    if (!(to[0] = ax_arena_strdup(&r->mem, name)) ||
        !(to[1] = ax_arena_strdup(&r->mem, value ? value : ""))) {
        r->n_query--;
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
    }
    return MHD_YES;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_cors(request *r, struct MHD_Response *answer)
{
    if (!r->origin)
        return;
    MHD_add_response_header(answer, "Access-Control-Allow-Origin", r->origin);
    MHD_add_response_header(answer, "Access-Control-Expose-Headers",
                            "X-Request-Id, Server-Timing, X-Shape, Retry-After, Location");
    MHD_add_response_header(answer, "Vary", "Origin");
}

/* An answer in pages: what is left of this one, or the connection sleeps until the next is there. */
static ssize_t on_page(void *cls, uint64_t pos, char *out, size_t max)
{
    request *r = cls;
    size_t left = r->out.len - r->sent, n = left < max ? left : max;
    (void)pos;
    if (!left && r->last_page)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!left) {
        r->sent_before += (int64_t)r->sent;
        r->sent = 0;
        buf_clear(&r->out);
        r->away = r->suspended = 1;
        loop_conn_phase(r->loop, r->conn, CONN_BUSY);
        loop_wait_for(r->loop, r);
        MHD_suspend_connection(r->transport);
        r->more(r);
        return 0;
    }
    if (!r->sent) { /* the client has its time for each page */
        loop_conn_phase(r->loop, r->conn, CONN_ANSWER);
        r->conn->moved = (int64_t)left;
    }
    memcpy(out, r->out.data + r->sent, n);
    r->sent += n;
    return (ssize_t)n;
}

/* Give libmicrohttpd the answer; its bytes stay in r->out until the request is completed. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, request *r)
{
    struct MHD_Response *answer =
        r->more ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PAGE, on_page, r, NULL)
                : MHD_create_response_from_buffer(r->out.len, r->out.data, MHD_RESPMEM_PERSISTENT);
    if (!answer)
        return MHD_NO;
    if (r->out_type)
        MHD_add_response_header(answer, "Content-Type", r->out_type);
    MHD_add_response_header(answer, "X-Request-Id", r->id);
    for (int i = 0; i < r->n_headers; i++)
        MHD_add_response_header(answer, r->header[i].name, r->header[i].value);
    add_cors(r, answer);
    if (r->close)
        MHD_add_response_header(answer, "Connection", "close");
    r->state = REQUEST_SENT;
    enum MHD_Result ok = MHD_queue_response(connection, (unsigned)r->status, answer);
    MHD_destroy_response(answer);
    loop_conn_phase(r->loop, r->conn, CONN_ANSWER);
    r->conn->moved = (int64_t)r->out.len;
    return ok;
}

void http_raw_answer(int fd, const problem *p, const char *id)
{
    buf body = {0}, all = {0};
    problem_write(p, &body);
    buf_printf(&all,
               "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "Connection: close\r\n",
               p->status, MHD_get_reason_phrase_for((unsigned)p->status), body.len);
    if (id[0])
        buf_printf(&all, "X-Request-Id: %s\r\n", id);
    if (p->retry_after)
        buf_printf(&all, "Retry-After: %d\r\n", p->retry_after);
    buf_str(&all, "\r\n");
    buf_add(&all, body.data, body.len);
    if (!all.failed && send(fd, all.data, all.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        all.len = 0; /* the client does not read: nothing to be done */
    buf_free(&body);
    buf_free(&all);
}

/* ---- the access handler ---------------------------------------------------------------------- */

/* A zero byte in the request line ends the URL for libmicrohttpd's C strings. It parses the line in
 * place, so the version begins right behind the URL unless there was one. */
static int has_zero(const conn *c, const char *version)
{
    uintptr_t gap = (uintptr_t)version - (uintptr_t)c->url_end;
    return gap != 1 && gap < POOL;
}

static void check_url(const conn *c, const char *version, request *r)
{
    const char *wrong = has_zero(c, version) ? "a zero byte" : c->bad_url;
    if (!wrong || r->why.status)
        return;
    problem_set(&r->why, 400, "bad_url", "the URL has %s (at byte %d)", wrong,
                wrong == c->bad_url ? c->bad_url_at : c->url_length);
    snprintf(r->why.err.at, sizeof r->why.err.at, "url");
}

/* "http://host/path", as clients of a proxy say it: the path. */
static const char *path_of(const char *url)
{
    if (strncasecmp(url, "http://", 7))
        return url;
    const char *slash = strchr(url + 7, '/');
    return slash ? slash : "/";
}

/* First call of a request: the head is complete. */
static enum MHD_Result begin(struct MHD_Connection *connection, loop *l, conn *c, const char *url,
                             const char *method, const char *version, void **context)
{
    request *r = request_new(l, c);
    if (!r)
        return MHD_NO;
    *context = c->request = r;
    r->transport = connection;
    head h;
    head_init(&h);
    h.method = method;
    h.path = path_of(url);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &h);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, r);
    head_finish(&h, version, r);
    check_url(c, version, r);
    int refused = request_begin(r, &h);
    if (refused && !r->close && r->length >= 0 && r->length <= SWALLOW) {
        r->swallow = 1; /* a small body is read first, and the connection lives on */
    } else if (refused) {
        /* Answering now refuses the body; the client may still be sending it. */
        c->linger = r->length != 0;
        r->close |= c->linger;
        request_refuse(r);
        return send_answer(connection, r);
    }
    loop_conn_phase(l, c, CONN_BODY);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    http *h = cls;
    request *r = *context;
    if (!r) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        if (!info || !info->socket_context)
            return MHD_NO;
        return begin(connection, h->loop, info->socket_context, url, method, version, context);
    }
    if (*size) {
        r->conn->moved += (int64_t)*size;
        if (request_body(r, data, *size) < 0) {
            /* In the middle of a body libmicrohttpd can only hang up. */
            r->status = r->why.status;
            r->conn->linger = 1;
            http_raw_answer(r->conn->fd, &r->why, r->id);
            return MHD_NO;
        }
        *size = 0;
        return MHD_YES;
    }
    if (r->state == REQUEST_READING) {
        loop_conn_phase(h->loop, r->conn, CONN_BUSY);
        request_dispatch(r);
    }
    if (r->state == REQUEST_READY)
        return send_answer(connection, r);
    if (r->state == REQUEST_WAITING && r->away && !r->suspended) {
        r->suspended = 1;
        loop_wait_for(h->loop, r);
        MHD_suspend_connection(connection);
    }
    return MHD_YES;
}

/* ---- notices --------------------------------------------------------------------------------- */

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    http *h = cls;
    request *r = *context;
    (void)connection;
    if (!r)
        return;
    *context = NULL;
    if (r->state == REQUEST_WAITING && r->cancel)
        r->cancel(r);
    request_account(r, code != MHD_REQUEST_TERMINATED_COMPLETED_OK);
    r->conn->request = NULL;
    loop_conn_phase(h->loop, r->conn, CONN_IDLE);
    request_free(r);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    http *h = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = loop_conn_opened(h->loop, info ? info->connect_fd : -1, h->refuse_next);
    } else if (*context) {
        loop_conn_closed(h->loop, *context);
        *context = NULL;
    }
}

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    http *h = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    conn *c = info ? info->socket_context : NULL;
    if (c && uri) {
        loop_conn_phase(h->loop, c, CONN_HEAD);
        c->bad_url = url_check(uri, &c->bad_url_at);
        c->url_length = (int)strlen(uri);
        c->url_end = uri + c->url_length;
    }
    return NULL;
}

/* ---- the daemon ------------------------------------------------------------------------------ */

http *http_new(loop *l, ax_err *err)
{
    http *h = calloc(1, sizeof *h);
    if (!h) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    h->loop = l;
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_request, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)1 << 24, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        ax_fail(err, AX_EIO, "libmicrohttpd does not start");
        http_free(h);
        return NULL;
    }
    h->fd = info->epoll_fd;
    return h;
}

void http_free(http *h)
{
    if (h && h->daemon)
        MHD_stop_daemon(h->daemon);
    free(h);
}

int http_fd(const http *h)
{
    return h->fd;
}

int http_busy(http *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(h->daemon, &ms) == MHD_YES && !ms;
}

void http_run(http *h)
{
    MHD_run_wait(h->daemon, 0);
}

int http_add(http *h, const mail *m)
{
    h->refuse_next = m->refuse;
    return MHD_add_connection(h->daemon, m->fd, (const struct sockaddr *)&m->addr, m->addr_len) ==
                   MHD_YES
               ? 0
               : -1;
}

void http_resume(request *r)
{
    r->suspended = 0;
    MHD_resume_connection(r->transport);
}
