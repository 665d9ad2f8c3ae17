/* system.c - what the server says about itself: card, health, metrics, version. */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "metrics.h"
#include "repository.h"
#include "router.h"

/* "curl -s http://HOST/path", with what the client called us. */
static void put_curl(buf *b, const request *r, const char *path, const char *name)
{
    buf line = {0};
    buf_printf(&line, "curl -s http://%s%s%s", r->host[0] ? r->host : r->app->address, path, name);
    buf_char(&line, 0);
    buf_json(b, line.failed ? NULL : line.data);
    buf_free(&line);
}

void system_root(request *r)
{
    buf *b = &r->out;
    int n, m = 0;
    served **list = repository_list(r->app->models, &n);
    buf_printf(b, "{\"name\":\"axond\",\"version\":\"%s\",\"models\":[", AX_VERSION);
    for (int i = 0; i < n; i++) { /* one of each name comes to the front, the rest is let go */
        if (m && !strcmp(list[i]->name, list[m - 1]->name)) {
            served_release(list[i]);
            continue;
        }
        list[m++] = list[i];
        buf_str(b, m > 1 ? "," : "");
        buf_json(b, list[m - 1]->name);
    }
    buf_str(b, "],\"try\":[");
    put_curl(b, r, "/models", "");
    for (int i = 0; i < m; i++) {
        buf_char(b, ',');
        put_curl(b, r, "/models/", list[i]->name);
        served_release(list[i]);
    }
    free(list);
    buf_char(b, ',');
    put_curl(b, r, "/activations/gelu", "");
    buf_char(b, ',');
    put_curl(b, r, "/metrics", "");
    buf_str(b, "],\"routes\":[");
    for (int i = 0; i < n_routes; i++) {
        buf_printf(b, "%s{\"method\":\"%s\",\"path\":\"%s\",\"about\":", i ? "," : "",
                   method_names[routes[i].method], routes[i].path);
        buf_json(b, routes[i].doc);
        buf_char(b, '}');
    }
    buf_str(b, "]}\n");
    request_done(r, 200, "application/json");
}

void system_ready(request *r)
{
    static const char *const words[] = {
        [APP_LOADING] = "loading", [APP_READY] = "ok", [APP_DRAINING] = "draining"};
    app_state s = app_get_state(r->app);
    buf_printf(&r->out, "{\"status\":\"%s\",\"ready\":%s}\n", words[s],
               s == APP_READY ? "true" : "false");
    if (s != APP_READY)
        request_header(r, "Retry-After", "1");
    request_done(r, s == APP_READY ? 200 : 503, "application/json");
}

void system_live(request *r)
{
    buf_str(&r->out, "{\"status\":\"alive\"}\n");
    request_done(r, 200, "application/json");
}

void system_metrics(request *r)
{
    metrics_write(r->app, &r->out);
    request_done(r, 200, "text/plain; version=0.0.4; charset=utf-8");
}

void system_version(request *r)
{
    buf_printf(
        &r->out, "{\"version\":\"%s\",\"isa\":\"%s\",\"threads\":%lld,\"compiler\":\"%s\"}\n",
        AX_VERSION, ax_isa_name(ax_isa_active()), (long long)r->app->cfg.threads, __VERSION__);
    request_done(r, 200, "application/json");
}
