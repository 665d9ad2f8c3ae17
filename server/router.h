/* router.h - which handler answers which path, and what it accepts.
 *
 * One row adds a route: its limits, key rule, content types, query options, metrics label and line
 * of documentation are in the row. */
#ifndef SERVER_ROUTER_H
#define SERVER_ROUTER_H

#include "request.h"

typedef enum body_limit { LIMIT_NONE, LIMIT_BODY, LIMIT_MODEL, LIMIT_DATASET } body_limit;

enum {
    ROUTE_OPEN = 1,   /* needs no API key                                   */
    ROUTE_QUIET = 2,  /* not logged at level info when it went well          */
    ROUTE_TO_MODELS = 4,   /* the body goes to a file in the models folder       */
    ROUTE_TO_DATASETS = 8, /* the same in that of the data sets                  */
    ROUTE_MORE = 16    /* options that the row does not name are judged by the handler */
};

typedef struct route {
    http_method method;
    const char *path; /* "/models/{name}": {..} takes one segment            */
    void (*handle)(request *r);
    body_limit limit;
    int types; /* BODY_* accepted; 0: no body                         */
    int flags;
    const char *const *query; /* options behind the ?, NULL at the end; NULL: none   */
    int (*known)(const app *a, const char *name); /* is there such a {name}? NULL: any will do */
    const char *doc;          /* one line                                            */
} route;

extern const route routes[];
extern const int n_routes;

typedef struct route_match {
    const route *route; /* NULL: none                                          */
    unsigned allowed;   /* bit per method that the path has; 0: unknown path   */
    char param[2][PARAM_MAX + 1];
    int bad_param; /* a segment is longer than PARAM_MAX                  */
    int ambiguous; /* the route has a {name}, another method has the very path */
} route_match;

/* HEAD takes the row of GET. */
void router_find(http_method m, const char *path, route_match *out);

/* The methods that have something at this path, a bit each, by the names there are now: 405 speaks of
 * them. 0: none. Thread-safe. */
unsigned router_methods(const app *a, const char *path);

/* The pattern most like an unknown path, or NULL. */
const char *router_nearest(const char *path);

/* "GET, HEAD, PUT" into out. */
void router_allow(unsigned allowed, char *out, size_t size);

extern const char *const method_names[METHODS];

#endif
