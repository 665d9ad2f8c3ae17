/* head.h - the headers of a request that mean something here, read and checked.
 *
 * What two readers of one head could understand differently is refused: a length given twice, two
 * hosts, a space before the colon. Thread rule: a head is the caller's. */
#ifndef SERVER_HEAD_H
#define SERVER_HEAD_H

#include "request.h"

typedef struct head {
    const char *method, *path;              /* the path is decoded; NULL: no such header */
    const char *host, *type, *key, *origin; /* Host, Content-Type, Authorization, Origin */
    const char *id, *encoding, *coding;     /* X-Request-Id, Transfer-, Content-Encoding */
    const char *once, *last_event;          /* Idempotency-Key, Last-Event-ID            */
    int64_t length;                         /* Content-Length */
    int has_length;
    double raw_q, json_q; /* of Accept; below 0: not named             */
    const char *wrong;    /* what is wrong with the headers, or NULL   */
} head;

void head_init(head *h);

/* One header, in the order they came. The value must stay. */
void head_add(head *h, const char *name, const char *value);

/* All headers are in: into r go type, length, host, accept_raw, id, key, last_event. What is wrong goes to r->why,
 * with r->close set where the end of the request cannot be known. `version` is "HTTP/1.1"... */
void head_finish(head *h, const char *version, request *r);

#endif
