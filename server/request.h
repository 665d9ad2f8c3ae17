/* request.h - one request from its first byte to its last.
 *
 * It belongs to the event loop that owns its connection. A handler either answers at once or starts
 * work elsewhere and answers later with request_done(), from any thread; between those two moments
 * the request is lent to that work and the loop leaves it alone. It lives until the transport has
 * sent the answer or lost the client, whichever comes last. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "app.h"
#include "buf.h"
#include "problem.h"
#include "workers.h"

/* Content types a body may have; a route accepts a set of them. */
enum {
    BODY_JSON = 1,
    BODY_FORM = 2, /* what curl -d says when nobody tells it better */
    BODY_RAW = 4,  /* application/octet-stream                      */
    BODY_PNG = 8,
    BODY_JPEG = 16,
    BODY_OTHER = 32,
    BODY_NONE = 64, /* no Content-Type                              */
    BODY_CSV = 128,
    BODY_GZIP = 256
};

typedef enum request_state {
    REQUEST_READING, /* head and body arrive                                       */
    REQUEST_WAITING, /* handed to a handler, which has not answered yet            */
    REQUEST_READY,   /* the answer is in status, out, headers                      */
    REQUEST_SENT     /* the transport has it                                       */
} request_state;

typedef enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHODS
} http_method;

enum { REQUEST_QUERY = 16, REQUEST_HEADERS = 8, PARAM_MAX = 64 };

typedef struct request {
    app *app;
    struct loop *loop;
    struct conn *conn;
    void *transport; /* http.c's connection                                        */
    const struct route *route;
    http_method method;
    request_state state;
    int suspended; /* the transport sleeps until request_done                     */
    int away;      /* lent to another thread                                      */
    int close;     /* close the connection after the answer                       */
    int swallow;   /* refused already: read the body, then say so                 */
    /* of the head */
    char param[2][PARAM_MAX + 1]; /* {name}, {version} of the path                   */
    char id[80], host[128], path[128];
    const char *origin; /* to allow in the answer, or NULL                 */
    const char *key;    /* Idempotency-Key, or NULL                        */
    int64_t last_event; /* Last-Event-ID, -1: none                         */
    const char *query[REQUEST_QUERY][2];
    int n_query;
    int type; /* BODY_*                                                      */
    int accept_raw;
    int64_t length; /* Content-Length, -1 unknown                                  */
    int64_t limit;  /* of the body                                                 */
    /* of the body */
    buf body;
    int64_t received;
    int file; /* descriptor of the file the body goes to, or -1              */
    char *file_path;
    int64_t reserved; /* bytes of the data sets' quota                        */
    /* the answer */
    int status;
    const char *out_type;
    buf out;
    struct {
        const char *name, *value;
    } header[REQUEST_HEADERS];
    int n_headers;
    problem why;
    /* times, monotonic ns */
    int64_t start, body_done, ready;
    int64_t parse_ns, queue_ns, compute_ns, render_ns;
    /* an answer in pages: r->out is one of them */
    void (*more)(struct request *r); /* fetch the next one; NULL: the answer is one piece      */
    size_t sent;                     /* of the page                                              */
    int64_t sent_before;             /* of all pages before it                                   */
    int last_page;
    ax_arena mem;          /* dies with the request                                       */
    void *job;             /* of the handler                                              */
    struct ticket *ticket; /* what waits in the batcher for this request, or NULL        */
    void (*release)(struct request *r); /* give back what job holds; on the loop\'s thread */
    void (*cancel)(struct request *r);  /* the client went away while WAITING         */
    void (*work)(struct request *r);    /* for request_offload                        */
    void (*on_jobs)(struct jobs *j, struct request *r); /* for jobs_submit                 */
    task task;                          /* the same                                   */
    int64_t deadline; /* answered 504 then, if the handler has not answered; 0: none */
    int (*expire)(struct request *r); /* take it back from where it waits: 1 when done */
    struct request *next, *prev;      /* the loop's list of waiting requests, or its free list */
    struct request *mail;             /* the loop's mailbox                         */
} request;

/* ---- for handlers ---------------------------------------------------------------------------- */

/* Value of a query parameter, NULL when absent. */
const char *request_query(const request *r, const char *name);

/* A query parameter as a whole number from lo (at least 0) to hi; *out stays when it is absent. 0, or
 * -1 with why, 400. */
int request_integer(const request *r, const char *name, int64_t lo, int64_t hi, int64_t *out,
                    problem *why);

/* Answer with r->out as it is. From any thread, once. */
void request_done(request *r, int status, const char *content_type);

/* Answer in pages, of which r->out is the first. When a page is sent, more(r) is called on the
 * loop's thread: it sees to it that r->out, empty then, is filled and request_page() called, from any
 * thread. The request lives until its last page is sent or the client is found to be gone, which only
 * sending finds. */
void request_stream(request *r, const char *content_type, void (*more)(request *r));
void request_page(request *r, int last);

/* Answer with r->why. */
void request_refuse(request *r);

/* A header of the answer; name is a literal, value lives in r->mem or for ever. */
void request_header(request *r, const char *name, const char *value);

/* Refuse an option: it is none of known[0..n), or given twice. Always -1. */
int request_bad_option(request *r, const char *name, int twice, const char *const *known, int n);

/* A new file for an upload, its path ending in UPLOAD_NAME before and in its own name after: open, and
 * locked (flock), so that no server that starts sweeps it away. -1 with errno. */
#define UPLOAD_PREFIX ".upload-"
#define UPLOAD_NAME   UPLOAD_PREFIX "XXXXXX"
int request_temp(char *path);

/* Run fn(r) on a worker thread; it must answer. The request is away until then. */
void request_offload(request *r, workers *w, void (*fn)(request *r));

/* r goes to another thread, which answers it. */
void request_away(request *r);

/* The client has hung up: its half of the connection is closed. Costs a system call. */
int request_abandoned(const request *r);

/* ---- for the transport ------------------------------------------------------------------------
 */

struct head;

request *request_new(struct loop *l, struct conn *c);
void request_free(request *r);

/* The head is there: route, key, limits. 0, or -1 with r->why set: refuse before reading the body.
 * A refusal that the transport has put into r->why already stands. */
int request_begin(request *r, const struct head *h);

/* The route takes no body and one has come: fill r->why. Always -1. */
int request_unexpected_body(request *r);

/* A piece of the body: 0, or -1 with r->why. */
int request_body(request *r, const char *data, size_t n);

/* The body is complete: call the handler. */
void request_dispatch(request *r);

/* Everything is sent, or the client is gone (aborted): metrics, one log line. */
void request_account(request *r, int aborted);

/* Set r->id: echo a decent X-Request-Id or make one. */
void request_set_id(request *r, const char *given);

/* "total;dur=..." for Server-Timing, into the arena. */
const char *request_timing(request *r);

#endif
