/* http_wire.h - bytes between this program and a server, with time limits. Private to http_client.c
 * (sends, connects) and http_answer.c (reads). */
#ifndef CLI_HTTP_WIRE_H
#define CLI_HTTP_WIRE_H

#include "http_client.h"

typedef struct http_wire {
    int fd, stop_fd;
    const char *name; /* of the server, for errors                       */
    double until;     /* http_now() at which the patience ends           */
    double silence;   /* each piece that comes moves the end; 0: it does not */
    size_t head_left; /* bytes that heads may still have                 */
    size_t at, have;  /* of bytes, what is not used yet                  */
    char bytes[16384];
} http_wire;

/* Until fd can do what `events` of poll(2) says. */
int http_wait(const http_wire *w, short events, ax_err *err);

/* The whole answer to q; see http_exchange(). */
int http_answer_read(http_wire *w, const http_request *q, http_answer *a, ax_err *err);

#endif
