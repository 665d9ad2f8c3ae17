/* http_client.h - what the commands need to talk to a server: a request, its answer, plain HTTP/1.1.
 *
 * A connection is used once. Everything the other side sends is hostile: heads, lines, chunk sizes and
 * gathered bodies are bounded, every wait has an end, and what is no HTTP is an error in one line that
 * names the server. Thread rule: a call belongs to its thread, nothing is shared. */
#ifndef CLI_HTTP_CLIENT_H
#define CLI_HTTP_CLIENT_H

#include <stddef.h>

#include "axon.h"

typedef struct http_url {
    char host[256], port[8];
    char path[512]; /* without a slash at its end, "" for none                  */
    char name[300]; /* "host:port", "[::1]:8080": for the header Host, for people */
} http_url;

/* "http://HOST:PORT/PATH"; scheme, host, port (8080) and path may be missing, a number alone is a
 * port. No host, 0.0.0.0 and :: are this machine. -1 with what is wrong in err. */
int http_url_parse(const char *text, http_url *out, ax_err *err);

typedef struct http_request {
    const char *method;
    const char *path;    /* behind that of the URL: "/jobs?limit=3"                             */
    const char *headers; /* more lines, each ending in \r\n; NULL: none                         */
    const char *key;     /* for Authorization: Bearer; NULL: none                               */
    const char *body;    /* JSON; NULL: none                                                    */
    double seconds;      /* the head, and a body that is gathered, must be here after this      */
    double silence;      /* of a body that is passed on: how long nothing may come              */
    int stop_fd;         /* not 0: when it can be read the call ends with AX_ECANCELED          */
    /* NULL: the body is gathered, up to 64 MiB. Else the body of a 2xx goes here piece by piece, the
     * bytes borrowed for the call; non-zero: enough has come. */
    int (*take)(void *ctx, const char *bytes, size_t n);
    void *ctx;
} http_request;

typedef struct http_answer {
    int status;
    char *body; /* gathered, with a 0 behind it; never NULL after success */
    size_t len;
} http_answer;

/* Connect, send, read the answer, which the caller frees with http_answer_free(); redirects are not
 * followed. -1: AX_EIO (not reached, too slow, cut off: another try may help), AX_EPARSE (no HTTP),
 * AX_ELIMIT (too much of it), AX_ECANCELED, AX_EINVAL (the key), AX_ENOMEM; then there is nothing to
 * free. */
int http_ask(const http_url *url, const http_request *q, http_answer *a, ax_err *err);

/* The same on a connected stream socket, which stays open. */
int http_exchange(int fd, const http_url *url, const http_request *q, http_answer *a, ax_err *err);

void http_answer_free(http_answer *a);

/* Seconds of a clock that only goes forward. */
double http_now(void);

#endif
