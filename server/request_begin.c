/* request_begin.c - the head of a request: where it goes, and whether it may. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "datasets.h"
#include "head.h"
#include "loop.h"
#include "repository.h"
#include "router.h"
#include "state.h"

/* An address or localhost: what no foreign name server can make point here. */
static int is_own_name(const char *host)
{
    size_t n = strcspn(host, ":");
    static const char local[] = "localhost";
    return *host == '[' || strspn(host, "0123456789.") == n ||
           (n == sizeof local - 1 && !strncasecmp(host, local, n));
}

/* May pages of this origin call? Sets r->origin when the answer must say so. A browser sends Origin
 * with every request that could change something, so a page cannot drive a server on localhost; nor
 * can one whose own name was made to point to localhost, unless a key is asked for anyway. */
static int check_origin(request *r, const char *origin)
{
    const char *allowed = r->app->cfg.cors_origin;
    if (!origin)
        return 0;
    if (allowed && (!strcmp(allowed, "*") || !strcasecmp(allowed, origin))) {
        r->origin = allowed;
        return 0;
    }
    const char *host = strstr(origin, "://");
    if (host && !strcasecmp(host + 3, r->host) && (r->app->keys || is_own_name(r->host)))
        return 0;
    if (r->method == METHOD_GET || r->method == METHOD_HEAD || r->method == METHOD_OPTIONS)
        return 0; /* the browser keeps the answer from the page */
    problem_set(&r->why, 403, "forbidden_origin", "pages of %.100s may not call this server",
                origin);
    return ax_err_hint(&r->why.err, "start it with --cors-origin %.100s", origin);
}

static int unknown_path(request *r, const char *path)
{
    const char *near = router_nearest(path);
    problem_set(&r->why, 404, "not_found", "there is nothing at %.100s", path);
    if (near)
        return ax_err_hint(&r->why.err, "did you mean %s?", near);
    return ax_err_hint(&r->why.err, "GET / lists what is here");
}

static int wrong_method(request *r, const char *path, unsigned allowed)
{
    char allow[64];
    router_allow(allowed, allow, sizeof allow);
    problem_set(&r->why, 405, "method_not_allowed", "%.100s takes %s", path, allow);
    request_header(r, "Allow", ax_arena_strdup(&r->mem, allow));
    return -1;
}

/* What the rows say of a path may be more than there is: /activations/{name} has no method for a
 * name that nobody knows, nor GET for "evaluate", which takes POST. Looked up only where it
 * matters, and not for who has no key: the answer tells which models there are. id < 0: no method
 * of ours. */
static int check_method(request *r, const char *path, int id, const route_match *m)
{
    if (id >= 0 && m->route && !m->ambiguous)
        return 0;
    unsigned methods = router_methods(r->app, path);
    if (!methods)
        return unknown_path(r, path);
    return id >= 0 && methods >> id & 1 ? 0 : wrong_method(r, path, methods);
}

/* OPTIONS: what the path takes; for a browser's preflight, what the page may do. */
static int answer_options(request *r, unsigned allowed)
{
    char allow[64];
    router_allow(allowed, allow, sizeof allow);
    const char *copy = ax_arena_strdup(&r->mem, allow);
    request_header(r, "Allow", copy);
    if (r->origin) {
        request_header(r, "Access-Control-Allow-Methods", copy);
        request_header(r, "Access-Control-Allow-Headers",
                       "Authorization, Content-Type, X-Request-Id, Idempotency-Key");
        request_header(r, "Access-Control-Max-Age", "600");
    }
    r->why.status = 204;
    return -1;
}

int request_bad_option(request *r, const char *name, int twice, const char *const *known, int n)
{
    char list[160] = "";
    const char *near = ax_nearest(name, known, n);
    if (twice)
        problem_set(&r->why, 400, "duplicate_option", "the option '%.60s' is given twice", name);
    else
        problem_set(&r->why, 400, "unknown_option", "%s takes no option '%.60s'", r->route->path,
                    name);
    snprintf(r->why.err.at, sizeof r->why.err.at, "%.60s", name);
    if (twice)
        return -1;
    if (near)
        return ax_err_hint(&r->why.err, "did you mean '%s'?", near);
    for (int i = 0, len = 0; i < n && len < (int)sizeof list; i++)
        len += snprintf(list + len, sizeof list - (size_t)len, "%s%s", i ? ", " : "", known[i]);
    return ax_err_hint(&r->why.err, n ? "it takes: %s" : "it takes none", list);
}

/* Options that the route does not know, and known ones given twice, are mistakes: none is passed
 * over in silence. */
static int check_query(request *r)
{
    static const char *const none[] = {NULL};
    const char *const *known = r->route->query ? r->route->query : none;
    int n = 0;
    while (known[n])
        n++;
    for (int i = 0; i < r->n_query; i++) {
        const char *name = r->query[i][0];
        int k = 0, twice = 0;
        while (k < n && strcmp(known[k], name))
            k++;
        for (int j = 0; j < i; j++)
            twice |= !strcmp(r->query[j][0], name);
        if (twice || (k == n && !(r->route->flags & ROUTE_MORE)))
            return request_bad_option(r, name, twice, known, n);
    }
    return 0;
}

int request_unexpected_body(request *r)
{
    return problem_set(&r->why, 400, "unexpected_body", "%s %s takes no body",
                       method_names[r->route->method], r->route->path);
}

/* Bodies are read as they are: one that is packed would be taken for something else. */
static int check_coding(request *r, const char *coding)
{
    if (!coding || !r->length || !strcasecmp(coding, "identity"))
        return 0;
    problem_set(&r->why, 415, "unsupported_content_encoding",
                "the body has Content-Encoding %.60s, which is not unpacked here", coding);
    request_header(r, "Accept-Encoding", "identity");
    return ax_err_hint(&r->why.err, "send it as it is, without Content-Encoding");
}

static int check_body(request *r, const head *h)
{
    const route *t = r->route;
    const config *cfg = &r->app->cfg;
    r->limit = t->limit == LIMIT_MODEL     ? cfg->max_model
               : t->limit == LIMIT_DATASET ? cfg->max_dataset
               : t->limit == LIMIT_BODY    ? cfg->max_body
                                           : 0;
    if (check_coding(r, h->coding) < 0)
        return -1;
    if (!t->types) {
        r->limit = cfg->max_body;
        if (r->length > 0)
            return request_unexpected_body(r);
    } else if (!(t->types & r->type)) {
        problem_set(&r->why, 415, "unsupported_media_type",
                    "the Content-Type '%.60s' is not one that %s takes", h->type, t->path);
        snprintf(r->why.err.at, sizeof r->why.err.at, "Content-Type");
        return ax_err_hint(
            &r->why.err, "%s",
            t->types & BODY_PNG       ? "application/json, application/octet-stream, "
                                        "image/png, image/jpeg"
            : t->types & BODY_CSV     ? "text/csv, application/gzip or application/octet-stream"
            : !(t->types & BODY_RAW)  ? "application/json"
            : !(t->types & BODY_JSON) ? "application/octet-stream"
                                      : "application/json or application/octet-stream");
    }
    if (r->length > r->limit) {
        problem_set(&r->why, 413, "body_too_large", "the body is %lld bytes, the limit is %lld",
                    (long long)r->length, (long long)r->limit);
        problem_expect(&r->why, "%lld", (long long)r->limit);
        problem_got(&r->why, "%lld", (long long)r->length);
        return ax_err_hint(&r->why.err, "raise %s",
                           t->limit == LIMIT_MODEL     ? "--max-model"
                           : t->limit == LIMIT_DATASET ? "--max-dataset"
                                                       : "--max-body");
    }
    return 0;
}

/* A server that starts and swept it before it was locked is noticed. */
int request_temp(char *path)
{
    struct stat st;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink)
        return fd;
    unlink(path);
    close(fd);
    errno = EAGAIN;
    return -1;
}

/* A data set may come: it has a name, the state folder is ours, there is room. */
static int prepare_set(request *r)
{
    ax_err err;
    if (datasets_check_name(r->param[0], &r->why) < 0)
        return -1;
    if (state_claim(r->app, &err) < 0)
        return state_refuse(&r->why, &err);
    return datasets_reserve(r, r->length > 0 ? r->length : 1);
}

/* A file that the body is written to, in the folder where it belongs; it goes with the request. The
 * folder is made when it is not there: the first upload to a new place. */
static int open_file(request *r)
{
    char path[4096];
    int set = r->route->flags & ROUTE_TO_DATASETS;
    const char *folder = set ? datasets_folder(r->app->sets) : repository_folder(r->app->models);
    if (set ? prepare_set(r) : repository_check_name(r->param[0], &r->why))
        return -1;
    for (int again = 0; again < 2 && r->file < 0; again++) {
        if (again && errno != EAGAIN && (errno != ENOENT || ax_make_folder(folder, NULL) < 0))
            break;
        if (snprintf(path, sizeof path, "%s/" UPLOAD_NAME, folder) >= (int)sizeof path)
            return problem_from_errno(&r->why, ENAMETOOLONG, "the upload cannot be stored");
        r->file = request_temp(path);
    }
    if (r->file < 0)
        return problem_from_errno(&r->why, errno, "the upload cannot be stored");
    r->file_path = ax_arena_strdup(&r->mem, path);
    if (r->file_path)
        return 0;
    unlink(path);
    return problem_set(&r->why, 503, "out_of_memory", "out of memory");
}

static int find_method(const char *name)
{
    for (int i = 0; i < METHODS; i++)
        if (!strcmp(method_names[i], name))
            return i;
    return -1;
}

int request_begin(request *r, const head *h)
{
    route_match m;
    const char *path = h->path;
    snprintf(r->path, sizeof r->path, "%s", path);
    int id = find_method(h->method);
    r->method = id < 0 ? METHOD_GET : (http_method)id;
    if (r->why.status)
        return -1;
    if (r->conn->refuse) {
        problem_set(&r->why, 503, "too_many_connections",
                    "the server has all the connections it takes");
        r->why.retry_after = 1;
        r->close = 1;
        return -1;
    }
    if (app_get_state(r->app) == APP_DRAINING)
        r->close = 1;
    if (id == METHOD_OPTIONS && !strcmp(path, "*"))
        return answer_options(r, (1u << METHODS) - 1);
    router_find(r->method, path, &m);
    if (!m.allowed)
        return unknown_path(r, path);
    if (check_origin(r, h->origin) < 0)
        return -1;
    if (id == METHOD_OPTIONS)
        return answer_options(r, m.allowed);
    int trusted = !r->app->keys || auth_check(r->app->keys, h->key);
    if (trusted && check_method(r, path, id, &m) < 0)
        return -1;
    if (id < 0 || !m.route)
        return wrong_method(r, path, m.allowed);
    r->route = m.route;
    memcpy(r->param, m.param, sizeof r->param);
    if (!(m.route->flags & ROUTE_OPEN) && !trusted) {
        request_header(r, "WWW-Authenticate", "Bearer");
        return h->key ? problem_set(&r->why, 403, "forbidden", "the API key is not known here")
                      : problem_set(&r->why, 401, "unauthorized",
                                    "an API key is needed: Authorization: Bearer KEY");
    }
    if (m.bad_param)
        return problem_set(&r->why, 404, "not_found",
                           "a name in %.100s is longer than %d characters", path, PARAM_MAX);
    if (check_query(r) < 0 || check_body(r, h) < 0)
        return -1;
    return m.route->flags & (ROUTE_TO_MODELS | ROUTE_TO_DATASETS) ? open_file(r) : 0;
}
