/* acceptor.c - one thread that accepts and deals sockets out, each to the loop with the fewest.
 *
 * libmicrohttpd's own pool lets the thread that wakes first take every connection; dealing keeps
 * all cores busy. Out of file descriptors or connections, clients get a 503 rather than silence. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"

enum { BACKLOG = 4096, SPARE_CONNECTIONS = 128 };

struct acceptor {
    app *app;
    int fd, stop_fd, started;
    pthread_t thread;
};

static int open_socket(const struct addrinfo *a)
{
    int yes = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, BACKLOG))
        return fd;
    close(fd);
    return -1;
}

static int listen_on(app *a, ax_err *err)
{
    char name[64], port_text[8];
    listen_at at;
    if (config_listen(a->cfg.listen, &at, err) < 0)
        return -1;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list;
    int r = getaddrinfo(at.host[0] ? at.host : NULL, at.port, &hints, &list);
    if (r)
        return ax_fail(err, AX_ENOTFOUND, "--listen: %s: %s", a->cfg.listen, gai_strerror(r));
    int fd = -1, why = 0;
    for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        fd = open_socket(i);
        why = errno;
    }
    freeaddrinfo(list);
    if (fd < 0)
        return ax_fail(err, AX_EIO, "--listen: cannot listen on %s: %s", a->cfg.listen,
                       strerror(why));
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    getsockname(fd, (struct sockaddr *)&bound, &n);
    if (!getnameinfo((struct sockaddr *)&bound, n, name, sizeof name, port_text, sizeof port_text,
                     NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(a->address, sizeof a->address, strchr(name, ':') ? "[%s]:%s" : "%s:%s", name,
                 port_text);
    return fd;
}

acceptor *acceptor_new(app *a, ax_err *err)
{
    acceptor *c = calloc(1, sizeof *c);
    if (!c) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    c->app = a;
    c->stop_fd = -1;
    c->fd = listen_on(a, err);
    if (c->fd >= 0) {
        c->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (c->stop_fd >= 0)
            return c;
        ax_fail(err, AX_EIO, "cannot make an event descriptor: %s", strerror(errno));
    }
    acceptor_stop(c);
    return NULL;
}

static loop *least_busy(app *a)
{
    static int turn; /* ties go round */
    loop *best = a->loops[turn++ % a->n_loops];
    for (int i = 0; i < a->n_loops; i++)
        if (atomic_load(&a->loops[i]->n_conns) < atomic_load(&best->n_conns))
            best = a->loops[i];
    return best;
}

static void refuse(int fd)
{
    problem why;
    problem_set(&why, 503, "too_many_connections", "the server has all the connections it takes");
    why.retry_after = 1;
    http_raw_answer(fd, &why, "");
    close(fd);
    metrics_count(METRIC_REFUSED, 1);
}

static void deal(acceptor *c, int fd, const struct sockaddr_storage *addr, socklen_t len)
{
    app *a = c->app;
    int yes = 1, over = atomic_load(&a->connections) - (int)a->cfg.max_connections;
    mail *m = over < SPARE_CONNECTIONS ? malloc(sizeof *m) : NULL;
    if (!m) {
        refuse(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *m = (mail){.fd = fd, .refuse = over >= 0, .addr_len = len};
    memcpy(&m->addr, addr, len);
    metrics_count(over >= 0 ? METRIC_REFUSED : METRIC_CONNECTIONS, 1);
    loop *l = least_busy(a);
    atomic_fetch_add(&a->connections, 1);
    atomic_fetch_add(&l->n_conns, 1);
    loop_give_socket(l, m);
}

static void *run(void *arg)
{
    acceptor *c = arg;
    metrics_thread();
    for (;;) {
        struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN},
                                {.fd = c->stop_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            break;
        for (;;) {
            struct sockaddr_storage addr;
            socklen_t len = sizeof addr;
            int fd = accept4(c->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                deal(c, fd, &addr, len);
                continue;
            }
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                log_line(LOG_WARN, "accept", "%s", strerror(errno));
                usleep(50000); /* the backlog waits with us until somebody closes */
            }
            if (errno != EINTR && errno != ECONNABORTED)
                break;
        }
    }
    return NULL;
}

int acceptor_start(acceptor *c, ax_err *err)
{
    if (pthread_create(&c->thread, NULL, run, c))
        return ax_fail(err, AX_EIO, "cannot start a thread: %s", strerror(errno));
    pthread_setname_np(c->thread, "acceptor");
    c->started = 1;
    return 0;
}

void acceptor_stop(acceptor *c)
{
    uint64_t one = 1;
    if (!c)
        return;
    if (c->started && write(c->stop_fd, &one, sizeof one) == sizeof one)
        pthread_join(c->thread, NULL);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}
