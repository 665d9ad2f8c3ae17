/* router.c - the table of routes; see router.h. */
#include "router.h"

#include <stdio.h>
#include <string.h>

#include "handlers.h"

const char *const method_names[METHODS] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};

enum {
    PREDICT = BODY_JSON | BODY_FORM | BODY_RAW | BODY_PNG | BODY_JPEG | BODY_NONE,
    NUMBERS = BODY_JSON | BODY_FORM | BODY_RAW | BODY_NONE,
    TABLES = BODY_CSV | BODY_GZIP | BODY_RAW | BODY_FORM | BODY_NONE,
    FILES = BODY_RAW | BODY_FORM | BODY_OTHER | BODY_NONE,
    NOTHING = BODY_JSON | BODY_FORM | BODY_NONE
};

// clang-format off
const route routes[] = {
    {METHOD_POST,   "/predict",                                 predict_handle, LIMIT_BODY,  PREDICT, 0, predict_options, NULL, "predict with the default model, or the one that the body names"},
    {METHOD_POST,   "/models/{name}/predict",                   predict_handle, LIMIT_BODY,  PREDICT, 0, predict_options, NULL, "predict with this model"},
    {METHOD_POST,   "/models/{name}/versions/{version}/predict", predict_handle, LIMIT_BODY, PREDICT, 0, predict_options, NULL, "predict with this version of the model"},
    {METHOD_GET,    "/models",                                  models_list,    LIMIT_NONE,  0,       0, NULL, NULL, "all models"},
    {METHOD_POST,   "/models/reload",                           models_reload,  LIMIT_BODY,  NOTHING, 0, NULL, NULL, "look at the models folder again"},
    {METHOD_GET,    "/models/{name}",                           models_get,     LIMIT_NONE,  0,       0, NULL, models_known, "inputs, outputs, layers and versions of a model"},
    {METHOD_PUT,    "/models/{name}",                           models_put,     LIMIT_MODEL, FILES,   ROUTE_TO_MODELS, NULL, NULL, "a model file becomes a new version"},
    {METHOD_DELETE, "/models/{name}",                           models_delete,  LIMIT_NONE,  0,       0, NULL, models_known, "remove a model and its files"},
    {METHOD_GET,    "/models/{name}/versions/{version}",        models_get,     LIMIT_NONE,  0,       0, NULL, NULL, "one version of a model"},
    {METHOD_GET,    "/models/{name}/diagnostics",               models_diagnose, LIMIT_NONE, 0,       0, diagnostics_options, NULL, "how the model's activations fare: dead, saturated, exploding"},
    {METHOD_GET,    "/models/{name}/versions/{version}/diagnostics", models_diagnose, LIMIT_NONE, 0,  0, diagnostics_options, NULL, "the same for one version"},
    {METHOD_DELETE, "/models/{name}/versions/{version}",        models_delete,  LIMIT_NONE,  0,       0, NULL, NULL, "remove one version and its file"},
    {METHOD_GET,    "/activations",                             activations_list, LIMIT_NONE, 0,      0, NULL, NULL, "all activation functions: formulas, parameters, accuracy, names elsewhere"},
    {METHOD_GET,    "/activations/plot.svg",                    activations_plot, LIMIT_NONE, 0,      ROUTE_MORE, plot_options, NULL, "curves of activations, or of a formula, in one picture"},
    {METHOD_POST,   "/activations/evaluate",                    activations_evaluate, LIMIT_BODY, NUMBERS, ROUTE_MORE, evaluate_options, NULL, "an activation or a formula and its derivatives at given numbers"},
    {METHOD_GET,    "/activations/{name}",                      activations_get, LIMIT_NONE,  0,      ROUTE_MORE, activation_options, activations_known, "one activation; ?x=-1,0,1 evaluates it"},
    {METHOD_GET,    "/activations/{name}/plot.svg",             activations_plot, LIMIT_NONE, 0,      ROUTE_MORE, activation_plot_options, NULL, "its curve"},
    {METHOD_POST,   "/train",                                   train_post,     LIMIT_BODY,  BODY_JSON | BODY_FORM | BODY_NONE, 0, NULL, NULL, "check a training spec and queue it as a job"},
    {METHOD_GET,    "/jobs",                                    jobs_list,      LIMIT_NONE,  0,       0, jobs_list_options, NULL, "training jobs, the newest first"},
    {METHOD_GET,    "/jobs/{id}",                               jobs_get,       LIMIT_NONE,  0,       0, jobs_get_options, NULL, "one job; ?wait=30 answers when something changes"},
    {METHOD_DELETE, "/jobs/{id}",                               jobs_delete,    LIMIT_NONE,  0,       0, NULL, NULL, "remove a finished job and its files"},
    {METHOD_GET,    "/jobs/{id}/metrics",                       jobs_metrics,   LIMIT_NONE,  0,       0, jobs_metrics_options, NULL, "loss, accuracy and the like over the steps"},
    {METHOD_GET,    "/jobs/{id}/events",                        jobs_events,    LIMIT_NONE,  0,       0, jobs_events_options, NULL, "what happens to it, as it happens (text/event-stream)"},
    {METHOD_GET,    "/jobs/{id}/log",                           jobs_log,       LIMIT_NONE,  0,       0, NULL, NULL, "what its process wrote to standard error"},
    {METHOD_GET,    "/jobs/{id}/chart.svg",                     jobs_chart,     LIMIT_NONE,  0,       0, NULL, NULL, "a picture of its losses; of a sweep, one curve per setting"},
    {METHOD_GET,    "/jobs/{id}/table",                         jobs_table,     LIMIT_NONE,  0,       0, NULL, NULL, "a sweep's settings, with mean and deviation over the seeds"},
    {METHOD_GET,    "/jobs/{id}/table.csv",                     jobs_table_csv, LIMIT_NONE,  0,       0, NULL, NULL, "the same as CSV"},
    {METHOD_POST,   "/jobs/{id}/cancel",                        jobs_cancel,    LIMIT_BODY,  NOTHING, 0, NULL, NULL, "stop it; a checkpoint is kept"},
    {METHOD_POST,   "/jobs/{id}/resume",                        jobs_resume,    LIMIT_BODY,  NOTHING, 0, NULL, NULL, "queue a failed or cancelled job again, from its checkpoint"},
    {METHOD_GET,    "/datasets",                                datasets_list,  LIMIT_NONE,  0,       0, NULL, NULL, "data sets to train with"},
    {METHOD_GET,    "/datasets/{name}",                         datasets_get,   LIMIT_NONE,  0,       0, NULL, datasets_known, "what is in it: rows, features, classes, a few samples"},
    {METHOD_PUT,    "/datasets/{name}",                         datasets_put,   LIMIT_DATASET, TABLES, ROUTE_TO_DATASETS, dataset_options, NULL, "a table, an npz, safetensors or IDX file becomes a data set"},
    {METHOD_DELETE, "/datasets/{name}",                         datasets_delete, LIMIT_NONE, 0,       0, NULL, datasets_known, "remove it; jobs that have it keep it"},
    {METHOD_GET,    "/",                                        system_root,    LIMIT_NONE,  0,       0, NULL, NULL, "what is here, with curl lines to try"},
    {METHOD_GET,    "/health",                                  system_ready,   LIMIT_NONE,  0,       ROUTE_OPEN | ROUTE_QUIET, NULL, NULL, "200 when requests can be answered, else 503"},
    {METHOD_GET,    "/readyz",                                  system_ready,   LIMIT_NONE,  0,       ROUTE_OPEN | ROUTE_QUIET, NULL, NULL, "the same"},
    {METHOD_GET,    "/healthz",                                 system_live,    LIMIT_NONE,  0,       ROUTE_OPEN | ROUTE_QUIET, NULL, NULL, "200 while the process runs"},
    {METHOD_GET,    "/livez",                                   system_live,    LIMIT_NONE,  0,       ROUTE_OPEN | ROUTE_QUIET, NULL, NULL, "the same"},
    {METHOD_GET,    "/metrics",                                 system_metrics, LIMIT_NONE,  0,       ROUTE_OPEN | ROUTE_QUIET, NULL, NULL, "numbers for Prometheus"},
    {METHOD_GET,    "/version",                                 system_version, LIMIT_NONE,  0,       0, NULL, NULL, "version and machine"},
};
// clang-format on

const int n_routes = sizeof routes / sizeof *routes;

/* Does path have the form of pattern? Segments for {..} are copied to param. */
static int fits(const char *pattern, const char *path, route_match *m)
{
    int n = 0;
    for (;;) {
        if (*pattern == '{') {
            size_t len = strcspn(path, "/");
            if (!len)
                return 0;
            m->bad_param |= len > PARAM_MAX;
            snprintf(m->param[n++], PARAM_MAX + 1, "%.*s", (int)len, path);
            path += len;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern != *path) {
            return !*pattern && path[0] == '/' && !path[1] && n; /* one slash too many is fine */
        } else if (!*pattern) {
            return 1;
        } else {
            pattern++, path++;
        }
    }
}

static unsigned methods_of(const route *r)
{
    return 1u << r->method | (r->method == METHOD_GET ? 1u << METHOD_HEAD : 0);
}

void router_find(http_method m, const char *path, route_match *out)
{
    int exact = 0;
    *out = (route_match){.route = NULL};
    for (int i = 0; i < n_routes; i++) {
        const route *r = &routes[i];
        if (path[1] != r->path[1]) /* most rows end here */
            continue;
        route_match here = {.route = NULL};
        if (!fits(r->path, path, &here))
            continue;
        out->allowed |= methods_of(r);
        exact |= !here.param[0][0];
        if (!out->route && methods_of(r) >> m & 1) {
            *out = (route_match){.route = r, .allowed = out->allowed, .bad_param = here.bad_param};
            memcpy(out->param, here.param, sizeof here.param);
            if (m == METHOD_POST && !here.param[0][0])
                return; /* the hot ones */
        }
    }
    out->ambiguous = exact && out->param[0][0];
    if (out->allowed)
        out->allowed |= 1u << METHOD_OPTIONS;
}

unsigned router_methods(const app *a, const char *path)
{
    unsigned methods = 0;
    for (int i = 0; i < n_routes; i++) {
        route_match here = {.route = NULL};
        if (fits(routes[i].path, path, &here) &&
            (!routes[i].known || routes[i].known(a, here.param[0])))
            methods |= methods_of(&routes[i]);
    }
    return methods ? methods | 1u << METHOD_OPTIONS : 0;
}

const char *router_nearest(const char *path)
{
    const char *paths[64];
    int n = 0;
    for (; n < n_routes && n < 64; n++)
        paths[n] = routes[n].path;
    return ax_nearest(path, paths, n);
}

void router_allow(unsigned allowed, char *out, size_t size)
{
    int n = 0;
    out[0] = 0;
    for (int i = 0; i < METHODS && n < (int)size; i++)
        if (allowed >> i & 1)
            n += snprintf(out + n, size - (size_t)n, "%s%s", n ? ", " : "", method_names[i]);
}
