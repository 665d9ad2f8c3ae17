/* http_client.c - where a server is, the way to it, the request; see http_client.h. */
#include "http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_wire.h"

enum { HEADS_MAX = 32 * 1024 };

/* ---- URLs ------------------------------------------------------------------------------------ */

/* "host", ":8080", "[::1]:8080", "8080": the port is what is behind the last colon outside brackets. */
static int parse_host(char *where, http_url *u, ax_err *err)
{
    char *colon = strrchr(where, ':'), *host = where;
    char nothing[] = "";
    if (colon && strchr(colon, ']'))
        colon = NULL;
    const char *port = colon ? colon + 1 : "8080";
    if (!colon && *where && !where[strspn(where, "0123456789")])
        port = where, host = nothing;
    size_t digits = strspn(port, "0123456789");
    if (!digits || digits > 5 || port[digits] || atoi(port) < 1 || atoi(port) > 65535)
        return ax_fail(err, AX_EINVAL, "'%.40s' is not a port: expected 1 to 65535", port);
    snprintf(u->port, sizeof u->port, "%.5s", port);
    if (colon)
        *colon = 0;
    size_t len = strlen(host);
    if (len > 1 && host[0] == '[' && host[len - 1] == ']')
        host[len - 1] = 0, host++;
    if (!*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "::"))
        snprintf(u->host, sizeof u->host, "localhost");
    else
        snprintf(u->host, sizeof u->host, "%.255s", host);
    int bare = strchr(u->host, ':') != NULL;
    snprintf(u->name, sizeof u->name, "%s%s%s:%s", bare ? "[" : "", u->host, bare ? "]" : "", u->port);
    return 0;
}

/* Bytes that would end the line of a request, or show as something else than they are. */
static int is_odd(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 127)
            return 1;
    return 0;
}

int http_url_parse(const char *text, http_url *u, ax_err *err)
{
    const char *scheme = strstr(text, "://"), *rest = text;
    if (scheme && strcspn(text, ":/") == (size_t)(scheme - text)) {
        if (strncasecmp(text, "http://", 7))
            return ax_fail(err, AX_EUNSUPPORTED,
                           "%.*s is not spoken here: expected http://HOST[:PORT][/PATH]",
                           (int)(scheme - text < 40 ? scheme - text : 40), text);
        rest = scheme + 3;
    }
    size_t n = strcspn(rest, "/"), path = strlen(rest + n);
    char where[sizeof u->host];
    if (n >= sizeof where)
        return ax_fail(err, AX_ELIMIT, "a host of %zu characters: at most %zu are possible", n,
                       sizeof where - 1);
    if (path >= sizeof u->path || is_odd(rest))
        return ax_fail(err, AX_EINVAL,
                       "'%.100s' is not a URL: it is too long, or has white space or letters beyond ASCII",
                       text);
    while (path && rest[n + path - 1] == '/')
        path--;
    memcpy(u->path, rest + n, path);
    u->path[path] = 0;
    memcpy(where, rest, n);
    where[n] = 0;
    return parse_host(where, u, err);
}

/* ---- waiting and sending --------------------------------------------------------------------- */

double http_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int http_wait(const http_wire *w, short events, ax_err *err)
{
    for (;;) {
        double left = w->until - http_now();
        struct pollfd p[2] = {{w->fd, events, 0}, {w->stop_fd, POLLIN, 0}};
        int n = poll(p, w->stop_fd ? 2 : 1, left > 0 ? (int)ceil(1000 * fmin(left, 3600)) : 0);
        if (n < 0 && errno != EINTR)
            return ax_fail(err, AX_EIO, "%s: %s", w->name, strerror(errno));
        if (n > 0 && w->stop_fd && p[1].revents)
            return ax_fail(err, AX_ECANCELED, "stopped on request");
        if (left <= 0 && (n <= 0 || !w->silence)) /* a whole answer has its time, however it drips */
            return ax_fail(err, AX_EIO, "%s does not answer in time", w->name);
        if (n > 0)
            return 0;
    }
}

static int send_all(http_wire *w, const char *text, size_t n, ax_err *err)
{
    while (n) {
        ssize_t sent = send(w->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            text += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (http_wait(w, POLLOUT, err) < 0)
                return -1;
        } else if (errno != EINTR) {
            /* it may have answered already, that the body is too large for one: that is worth reading */
            return errno == EPIPE || errno == ECONNRESET
                       ? 0
                       : ax_fail(err, AX_EIO, "%s: the connection broke: %s", w->name, strerror(errno));
        }
    }
    return 0;
}

static int send_request(http_wire *w, const http_url *url, const http_request *q, ax_err *err)
{
    char *text = NULL;
    size_t len;
    if (q->key && (!*q->key || is_odd(q->key)))
        return ax_fail(err, AX_EINVAL, "the API key is empty or has white space or letters beyond ASCII");
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return ax_fail(err, AX_ENOMEM, "no memory for a request");
    fprintf(f, "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nUser-Agent: axond/" AX_VERSION "\r\n",
            q->method, url->path, q->path, url->name);
    if (q->key)
        fprintf(f, "Authorization: Bearer %s\r\n", q->key);
    if (q->body)
        fprintf(f, "Content-Type: application/json\r\n");
    if (q->body || !strcmp(q->method, "POST"))
        fprintf(f, "Content-Length: %zu\r\n", q->body ? strlen(q->body) : 0);
    fprintf(f, "%s\r\n%s", q->headers ? q->headers : "", q->body ? q->body : "");
    int bad = ferror(f);
    bad = fclose(f) || bad;
    bad = bad ? ax_fail(err, AX_ENOMEM, "no memory for a request") : send_all(w, text, len, err);
    free(text);
    return bad;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* -1 with errno, or with err->code set where it is no use to try the next address. */
static int connect_to(http_wire *w, const struct addrinfo *to, ax_err *err)
{
    int e = 0;
    socklen_t size = sizeof e;
    w->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return -1;
    if (connect(w->fd, to->ai_addr, to->ai_addrlen) == 0)
        return 0;
    if (errno == EINPROGRESS) {
        if (http_wait(w, POLLOUT, err) < 0)
            errno = ETIMEDOUT;
        else if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &e, &size) == 0 && !e)
            return 0;
        else
            errno = e;
    }
    e = errno;
    close(w->fd);
    w->fd = -1;
    errno = e;
    return -1;
}

static int dial(http_wire *w, const http_url *u, ax_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    ax_err why = {0};
    int e = getaddrinfo(u->host, u->port, &hints, &list), number = 0;
    if (e)
        return ax_fail(err, AX_EIO, "cannot find the host '%s': %s", u->host,
                       e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
    w->fd = -1;
    for (struct addrinfo *i = list; i && w->fd < 0 && !why.code; i = i->ai_next)
        if (connect_to(w, i, &why) < 0)
            number = errno;
    freeaddrinfo(list);
    if (w->fd >= 0)
        return 0;
    if (why.code == AX_ECANCELED)
        return ax_fail(err, AX_ECANCELED, "%s", why.msg);
    ax_fail(err, AX_EIO, "cannot connect to %s port %s: %s", u->host, u->port, strerror(number));
    return ax_err_hint(err, "is axond serve running there?");
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void wire_init(http_wire *w, int fd, const http_url *url, const http_request *q)
{
    w->fd = fd;
    w->stop_fd = q->stop_fd;
    w->name = url->name;
    w->until = http_now() + q->seconds;
    w->silence = 0;
    w->head_left = HEADS_MAX;
    w->at = w->have = 0;
}

static int exchange(http_wire *w, const http_url *url, const http_request *q, http_answer *a, ax_err *err)
{
    *a = (http_answer){0};
    int bad = send_request(w, url, q, err) || http_answer_read(w, q, a, err);
    if (bad)
        http_answer_free(a);
    return bad ? -1 : 0;
}

int http_exchange(int fd, const http_url *url, const http_request *q, http_answer *a, ax_err *err)
{
    http_wire w;
    wire_init(&w, fd, url, q);
    return exchange(&w, url, q, a, err);
}

int http_ask(const http_url *url, const http_request *q, http_answer *a, ax_err *err)
{
    http_wire w;
    wire_init(&w, -1, url, q);
    if (dial(&w, url, err) < 0)
        return -1;
    int bad = exchange(&w, url, q, a, err);
    close(w.fd);
    return bad;
}

void http_answer_free(http_answer *a)
{
    free(a->body);
    *a = (http_answer){0};
}
