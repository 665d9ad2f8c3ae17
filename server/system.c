/* system.c - what the server says about itself: card, health, metrics, version. */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "metrics.h"
#include "repository.h"
#include "router.h"

void system_root(request *r)
{
    buf *b = &r->out;
    const char *host = r->host[0] ? r->host : r->app->address;
    int n;
    served **list = repository_list(r->app->models, &n);
    buf_printf(b, "{\"name\":\"axond\",\"version\":\"%s\",\"models\":[", AX_VERSION);
    for (int i = 0, some = 0; i < n; i++)
        if (!i || strcmp(list[i]->name, list[i - 1]->name)) {
            if (some++)
                buf_char(b, ',');
            buf_json(b, list[i]->name);
        }
    buf_str(b, "],\"try\":[");
    buf_printf(b, "\"curl -s http://%s/models\"", host);
    for (int i = 0; i < n; i++) {
        if (!i || strcmp(list[i]->name, list[i - 1]->name))
            buf_printf(b, ",\"curl -s http://%s/models/%s\"", host, list[i]->name);
        served_release(list[i]);
    }
    free(list);
    buf_printf(b, ",\"curl -s http://%s/metrics\"],\"routes\":[", host);
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
