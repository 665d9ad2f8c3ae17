/* http.h - the only door to libmicrohttpd: one daemon per event loop, without a thread of its own.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "loop.h"

typedef struct http http;

http *http_new(loop *l, ax_err *err);
/* No request may be suspended. Closes all connections. */
void http_free(http *h);

int http_fd(const http *h); /* readable when http_run has something to do                  */
int http_busy(http *h);     /* http_run has something to do although http_fd is quiet      */
void http_run(http *h);     /* do what can be done without waiting                         */

/* Take over a connected socket; closes it on failure. */
int http_add(http *h, const mail *m);

/* The answer of a suspended request is ready. */
void http_resume(request *r);

/* Put an answer on the wire past libmicrohttpd, which cannot answer in the middle of a body. */
void http_raw_answer(int fd, const problem *p, const char *id);

#endif
