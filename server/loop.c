/* loop.c - wait, take mail, run the transport, run the batches, look at the clocks; see loop.h. */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "metrics.h"

enum { LINGER = 256 }; /* sockets kept open for clients that are still sending */

#define SECOND    INT64_C(1000000000)
#define ROUND_NS  INT64_C(2000000) /* batches may hold up the loop this long */
#define LINGER_NS (2 * SECOND)

static _Thread_local loop *current;

loop *loop_current(void)
{
    return current;
}

/* ---- the mailbox ------------------------------------------------------------------------------
 */

static void wake_locked(loop *l)
{
    uint64_t one = 1;
    if (!atomic_load(&l->awake)) {
        atomic_store(&l->awake, 1);
        if (write(l->wake_fd, &one, sizeof one) < 0)
            atomic_store(&l->awake, 0); /* cannot happen: it is read before it is written again */
    }
}

void loop_wake(loop *l)
{
    pthread_mutex_lock(&l->lock);
    wake_locked(l);
    pthread_mutex_unlock(&l->lock);
}

void loop_give_socket(loop *l, mail *m)
{
    pthread_mutex_lock(&l->lock);
    m->next = l->sockets;
    l->sockets = m;
    wake_locked(l);
    pthread_mutex_unlock(&l->lock);
}

void loop_give_back(loop *l, request *r)
{
    pthread_mutex_lock(&l->lock);
    r->mail = l->answered;
    l->answered = r;
    wake_locked(l);
    pthread_mutex_unlock(&l->lock);
}

static void take_mail(loop *l)
{
    uint64_t n;
    if (!atomic_load(&l->awake) || read(l->wake_fd, &n, sizeof n) < 0)
        return;
    pthread_mutex_lock(&l->lock);
    mail *m = l->sockets;
    request *r = l->answered;
    l->sockets = NULL;
    l->answered = NULL;
    atomic_store(&l->awake, 0);
    pthread_mutex_unlock(&l->lock);
    for (mail *next; m; m = next) {
        next = m->next;
        http_add(l->http, m);
        atomic_fetch_sub(&l->n_conns,
                         1); /* it counted while it was mail; now the connection does */
        atomic_fetch_sub(&l->app->connections, 1);
        free(m);
    }
    for (request *next; r; r = next) {
        next = r->mail;
        if (r->state != REQUEST_SENT) /* else it is a page */
            r->state = REQUEST_READY;
        r->away = 0;
        loop_waited(l, r);
        http_resume(r);
    }
}

/* ---- connections ------------------------------------------------------------------------------
 */

conn *loop_conn_opened(loop *l, int fd, int refuse)
{
    conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->fd = fd;
    c->refuse = refuse;
    c->since = now_ns();
    c->next = l->conns;
    if (c->next)
        c->next->prev = c;
    l->conns = c;
    atomic_fetch_add(&l->n_conns, 1);
    atomic_fetch_add(&l->app->connections, 1);
    return c;
}

void loop_conn_phase(loop *l, conn *c, conn_phase phase)
{
    (void)l;
    c->phase = phase;
    c->since = now_ns();
    c->moved = 0;
}

/* Closing a socket that has unread bytes resets it, and the reset overtakes the answer on its way
 * to the client. So a client that was refused in the middle of sending keeps its socket, as a
 * duplicate, until it has finished or its time is up. */
static void linger(loop *l, int fd)
{
    int copy = l->n_lingering < LINGER ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (copy < 0)
        return;
    shutdown(copy, SHUT_WR);
    l->lingering[l->n_lingering] = copy;
    l->linger_since[l->n_lingering++] = now_ns();
}

static void tend_lingering(loop *l, int64_t now)
{
    char sink[16 * 1024]; /* what is read is thrown away */
    for (int i = 0; i < l->n_lingering;) {
        ssize_t n = 1;
        for (int k = 0; k < 64 && n > 0; k++)
            n = recv(l->lingering[i], sink, sizeof sink, MSG_DONTWAIT);
        int over = !n || (n < 0 && errno != EAGAIN && errno != EINTR) ||
                   now - l->linger_since[i] > LINGER_NS;
        if (!over) {
            i++;
            continue;
        }
        close(l->lingering[i]);
        l->n_lingering--;
        l->lingering[i] = l->lingering[l->n_lingering];
        l->linger_since[i] = l->linger_since[l->n_lingering];
    }
}

void loop_conn_closed(loop *l, conn *c)
{
    if (c->linger)
        linger(l, c->fd);
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    free(c);
    atomic_fetch_sub(&l->n_conns, 1);
    atomic_fetch_sub(&l->app->connections, 1);
}

/* When the client has to have moved on, ns; 0: no hurry. */
static int64_t clock_of(const loop *l, const conn *c)
{
    const config *cfg = &l->app->cfg;
    switch (c->phase) {
    case CONN_FRESH:
    case CONN_HEAD:
        return c->since + cfg->header_timeout_s * SECOND;
    case CONN_IDLE:
        return c->since + cfg->idle_timeout_s * SECOND;
    case CONN_BODY:
    case CONN_ANSWER:
        return c->since + (cfg->body_timeout_s + c->moved / 65536) * SECOND;
    default:
        return 0;
    }
}

static void too_slow(const loop *l, const conn *c, problem *why)
{
    int head = c->phase == CONN_HEAD;
    const char *part = head ? "head" : "body";
    problem_set(why, 408, "too_slow", "the %s of the request was not complete after %lld s", part,
                (long long)((clock_of(l, c) - c->since) / SECOND));
    snprintf(why->err.at, sizeof why->err.at, "%s", part);
    ax_err_hint(&why->err, head ? "--header-timeout-s says how long it may take"
                                : "--body-timeout-s, and 1 s per 64 KiB, is how long it may take");
}

/* Hang up on a client that is too slow: the transport sees the end of the stream and cleans up. */
static void cut(const loop *l, conn *c)
{
    if (c->phase == CONN_BODY || c->phase == CONN_HEAD) {
        problem why;
        too_slow(l, c, &why);
        http_raw_answer(c->fd, &why, c->request ? c->request->id : "");
        if (c->request)
            c->request->status = 408;
    }
    shutdown(c->fd, SHUT_RDWR);
    metrics_count(METRIC_CUT, 1);
}

static void sweep_conns(loop *l, int64_t now)
{
    for (conn *c = l->conns; c; c = c->next) {
        int64_t end = clock_of(l, c);
        if (end && now > end) {
            cut(l, c);
            loop_conn_phase(l, c, CONN_BUSY); /* once is enough */
        }
    }
}

/* Draining: a connection without a request has nothing more to say. */
static void close_idle(loop *l)
{
    for (conn *c = l->conns; c; c = c->next) {
        int waiting = 0;
        if ((c->phase == CONN_IDLE || c->phase == CONN_FRESH) &&
            !ioctl(c->fd, FIONREAD, &waiting) && !waiting)
            shutdown(c->fd, SHUT_RDWR);
    }
}

/* ---- requests that wait for somebody else ------------------------------------------------------
 */

void loop_wait_for(loop *l, request *r)
{
    r->prev = NULL;
    r->next = l->waiting;
    if (r->next)
        r->next->prev = r;
    l->waiting = r;
    if (r->deadline && r->deadline < l->next_deadline)
        l->next_deadline = r->deadline;
}

void loop_waited(loop *l, request *r)
{
    if (r->prev)
        r->prev->next = r->next;
    else
        l->waiting = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->next = r->prev = NULL;
}

static void expire(loop *l, int64_t now)
{
    l->next_deadline = INT64_MAX;
    for (request *r = l->waiting, *next; r; r = next) {
        next = r->next;
        if (!r->deadline)
            continue;
        if (now < r->deadline) {
            if (r->deadline < l->next_deadline)
                l->next_deadline = r->deadline;
        } else if (r->expire && r->expire(r)) {
            r->away = 0;
            request_refuse(r);
        } else {
            r->deadline = 0; /* being computed: it is answered when that is done */
        }
    }
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void wait_for_events(loop *l, int64_t until)
{
    struct pollfd fds[2] = {{.fd = http_fd(l->http), .events = POLLIN},
                            {.fd = l->wake_fd, .events = POLLIN}};
    int64_t ns = until - now_ns();
    if (ns < 0)
        ns = 0;
    struct timespec t = {ns / SECOND, ns % SECOND};
    ppoll(fds, 2, &t, NULL);
}

static int drained(loop *l, int64_t now)
{
    if (app_get_state(l->app) != APP_DRAINING)
        return 0;
    if (!l->drain_until)
        l->drain_until = now + l->app->cfg.drain_timeout_s * SECOND;
    close_idle(l);
    return !l->conns || now > l->drain_until;
}

/* The end of the loop: whoever still waits for a batch of this loop is told so. */
static void leave(loop *l)
{
    for (int i = 0; i < 100 && (l->pending || l->waiting || http_busy(l->http)); i++) {
        take_mail(l);
        batcher_run(l, SECOND);
        http_run(l->http);
        if (l->waiting)
            wait_for_events(l, now_ns() + SECOND / 100);
    }
    if (l->waiting) {
        log_line(LOG_WARN, "stop", "a computation did not end within the drain timeout");
        log_stop();
        _exit(0); /* its memory is still in use: the process ends without tidying up */
    }
    for (int i = 0; i < l->n_lingering; i++)
        close(l->lingering[i]);
    l->n_lingering = 0;
    sessions_close(&l->sessions);
    http_free(l->http);
    l->http = NULL;
}

static void *run(void *arg)
{
    loop *l = arg;
    int64_t tick = 0, due = INT64_MAX;
    current = l;
    metrics_thread();
    for (;;) {
        int64_t now = now_ns(), until = tick;
        if (l->next_deadline < until)
            until = l->next_deadline;
        if (due < until)
            until = due;
        if (until > now && !http_busy(l->http)) {
            wait_for_events(l, until);
            now = now_ns();
        }
        take_mail(l);
        http_run(l->http);
        due = l->pending ? batcher_run(l, ROUND_NS) : INT64_MAX;
        if (now >= l->next_deadline)
            expire(l, now);
        if (now < tick)
            continue;
        int hurry = l->n_lingering || app_get_state(l->app) == APP_DRAINING;
        tick = now + (hurry ? SECOND / 50 : SECOND / 2);
        sweep_conns(l, now);
        tend_lingering(l, now);
        sessions_tidy(&l->sessions);
        if (drained(l, now))
            break;
    }
    leave(l);
    atomic_store(&l->finished, 1);
    return NULL;
}

loop *loop_new(app *a, int index, ax_err *err)
{
    loop *l = calloc(1, sizeof *l);
    if (!l) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    l->app = a;
    l->index = index;
    l->next_deadline = INT64_MAX;
    l->sessions.owns = 1;
    l->seed = ((uint64_t)now_ns() << 8 | (uint64_t)index) * 0x9e3779b97f4a7c15 | 1;
    pthread_mutex_init(&l->lock, NULL);
    l->lingering = calloc(LINGER, sizeof *l->lingering);
    l->linger_since = calloc(LINGER, sizeof *l->linger_since);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0 || !l->lingering || !l->linger_since)
        ax_fail(err, AX_EIO, "an event loop cannot be made: %s", strerror(errno));
    else if ((l->http = http_new(l, err)))
        return l;
    loop_free(l);
    return NULL;
}

int loop_start(loop *l, ax_err *err)
{
    if (pthread_create(&l->thread, NULL, run, l))
        return ax_fail(err, AX_EIO, "cannot start an event loop: %s", strerror(errno));
    char name[16];
    snprintf(name, sizeof name, "loop-%d", l->index);
    pthread_setname_np(l->thread, name);
    return 0;
}

void loop_free(loop *l)
{
    if (!l)
        return;
    http_free(l->http);
    for (mail *m = l->sockets, *next; m; m = next) {
        next = m->next;
        close(m->fd);
        free(m);
    }
    for (request *r = l->spare, *next; r; r = next) {
        next = r->next;
        buf_free(&r->body);
        buf_free(&r->out);
        ax_arena_fini(&r->mem);
        free(r);
    }
    free(l->lingering);
    free(l->linger_since);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
