/* loop.h - one event loop per core: its connections, its requests, its batches.
 *
 * Everything in here belongs to the loop's own thread except the mailbox, through which the
 * acceptor hands in sockets and workers hand back answered requests. */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "batcher.h"
#include "request.h"

/* What a connection is doing; each phase has its own clock, because the client sets the pace. */
typedef enum conn_phase {
    CONN_FRESH, /* nothing yet: --header-timeout-s              */
    CONN_IDLE,  /* between requests: --idle-timeout-s           */
    CONN_HEAD,  /* a request line has come: --header-timeout-s  */
    CONN_BODY,  /* --body-timeout-s and 1 s per 64 KiB          */
    CONN_BUSY,  /* ours to act: no clock                        */
    CONN_ANSWER /* the client reads: as CONN_BODY               */
} conn_phase;

typedef struct conn {
    struct conn *prev, *next;
    int fd;
    conn_phase phase;
    int64_t since;       /* start of the phase, ns                               */
    int64_t moved;       /* bytes of this phase                                  */
    int refuse;          /* over the limit: answer 503                           */
    int linger;          /* the client may still be sending: do not reset it     */
    const char *url_end; /* of the URL that has come, undecoded                  */
    const char *bad_url; /* what is wrong with it, or NULL                       */
    int url_length, bad_url_at;
    struct request *request;
} conn;

typedef struct mail { /* a new socket */
    struct mail *next;
    int fd, refuse;
    socklen_t addr_len;
    struct sockaddr_storage addr;
} mail;

typedef struct loop {
    app *app;
    int index, wake_fd;
    pthread_t thread;
    struct http *http;
    conn *conns;
    _Atomic int n_conns;
    request *waiting, *spare; /* requests of workers; recycled ones                 */
    int n_spare;
    int64_t next_deadline; /* of waiting requests                                */
    ticket *pending, *pending_last;
    session_cache sessions;
    uint64_t seed;        /* of request ids                                     */
    pthread_mutex_t lock; /* guards the mailbox: sockets, answered, awake       */
    mail *sockets;
    request *answered;
    _Atomic int awake; /* wake_fd has been written and not yet read          */
    int *lingering;    /* sockets that wait for their client to finish       */
    int64_t *linger_since;
    int n_lingering;
    int64_t drain_until; /* 0: not draining                                    */
    _Atomic int finished;
} loop;

/* The loop whose thread is calling; NULL elsewhere. */
loop *loop_current(void);

loop *loop_new(app *a, int index, ax_err *err);
int loop_start(loop *l, ax_err *err);
void loop_free(loop *l); /* after its thread has ended */

/* From any thread: hand in a socket; hand back an answered request; make the loop look around. */
void loop_give_socket(loop *l, mail *m);
void loop_give_back(loop *l, request *r);
void loop_wake(loop *l);

/* On the loop's thread, for the transport: a connection came, changes phase, goes. */
conn *loop_conn_opened(loop *l, int fd, int refuse);
void loop_conn_phase(loop *l, conn *c, conn_phase phase);
void loop_conn_closed(loop *l, conn *c);

/* On the loop's thread: r now waits for somebody else (list of deadlines). */
void loop_wait_for(loop *l, request *r);
void loop_waited(loop *l, request *r);

/* The thread that accepts. Returns NULL with err when the address cannot be had. */
typedef struct acceptor acceptor;
acceptor *acceptor_new(app *a, ax_err *err);
int acceptor_start(acceptor *a, ax_err *err);
void acceptor_stop(acceptor *a); /* no more connections; NULL is fine */

#endif
