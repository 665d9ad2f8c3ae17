/* dataset_routes.c - /datasets: lists, cards, removal. PUT is dataset_put.c's. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets.h"
#include "handlers.h"
#include "state.h"

/* ---- sets that the machine has -----------------------------------------------------------------
 */

static int is_installed(const char *name)
{
    const char *one;
    for (int i = 0; (one = ax_dataset_installed(i)); i++)
        if (!strcmp(one, name))
            return 1;
    return 0;
}

/* In the folder of --data. */
static int is_in_data(const app *a, const char *name)
{
    ax_arena mem;
    ax_arena_init(&mem, 0);
    const char *path = a->cfg.data && ax_name_ok(name)
                           ? ax_arena_printf(&mem, "%s/%s/set.json", a->cfg.data, name)
                           : NULL;
    int there = path && !access(path, R_OK);
    ax_arena_fini(&mem);
    return there;
}

int datasets_known(const app *a, const char *name)
{
    char path[DATASET_PATH];
    int put_here =
        ax_name_ok(name) && !datasets_path(a->sets, name, NULL, path) && !access(path, F_OK);
    return put_here || is_installed(name) || is_in_data(a, name);
}

/* ---- what is not there
 * --------------------------------------------------------------------------- */

static int not_found(request *r)
{
    char path[DATASET_PATH], near[65];
    const char *name = r->param[0];
    if (ax_name_ok(name) && !datasets_path(r->app->sets, name, NULL, path) && !access(path, F_OK)) {
        problem_set(&r->why, 404, "incomplete",
                    "the data set '%s' is not complete: parts of it are missing", name);
        return ax_err_hint(&r->why.err, "PUT /datasets/%s?part=images and ?part=labels make it one",
                           name);
    }
    problem_set(&r->why, 404, "not_found", "there is no data set '%.64s'", name);
    datasets_nearest(r->app->sets, name, near);
    if (near[0])
        return ax_err_hint(&r->why.err, "did you mean '%s'?", near);
    return ax_err_hint(&r->why.err, "GET /datasets lists what is here");
}

/* ---- the list -----------------------------------------------------------------------------------
 */

static void put_entry(buf *b, const char *name, const cJSON *about)
{
    static const char *const keys[] = {"kind", "rows", "test_rows", "shape", "bytes", "created_at"};
    buf_str(b, "{\"name\":");
    buf_json(b, name);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *text = ax_json_text(cJSON_GetObjectItemCaseSensitive(about, keys[i]), 0);
        if (text)
            buf_printf(b, ",\"%s\":%s", keys[i], text);
        cJSON_free(text);
    }
    buf_str(b, about ? "}" : ",\"installed\":true}");
}

static int is_in(char *const *names, int n, const char *name)
{
    int k = 0;
    while (k < n && strcmp(names[k], name))
        k++;
    return k < n;
}

/* One that nobody put here: it is read when somebody asks for its card. */
static void add_installed(buf *b, const char *name, int *some)
{
    buf_str(b, (*some)++ ? "," : "");
    put_entry(b, name, NULL);
}

static void list(request *r)
{
    int n, m, some = 0;
    buf *b = &r->out;
    const char *name, *data = r->app->cfg.data;
    char **names = datasets_names(datasets_folder(r->app->sets), &n);
    char **more = datasets_names(data ? data : "", &m);
    buf_str(b, "{\"datasets\":[");
    for (int i = 0; i < n; i++) {
        cJSON *set = datasets_read(r->app->sets, names[i]);
        const cJSON *about = cJSON_GetObjectItemCaseSensitive(set, "about");
        if (about) {
            buf_str(b, some++ ? "," : "");
            put_entry(b, names[i], about);
        }
        cJSON_Delete(set);
    }
    for (int i = 0; i < m; i++)
        if (!is_in(names, n, more[i]))
            add_installed(b, more[i], &some);
    for (int i = 0; (name = ax_dataset_installed(i)); i++)
        if (!is_in(names, n, name) && !is_in(more, m, name))
            add_installed(b, name, &some);
    datasets_free_names(names, n);
    datasets_free_names(more, m);
    buf_printf(b, "],\"bytes\":%lld,\"max_bytes\":%lld}\n", (long long)datasets_kept(r->app->sets),
               (long long)r->app->cfg.max_datasets);
    request_done(r, 200, "application/json");
}

void datasets_list(request *r)
{
    request_offload(r, r->app->work, list);
}

/* ---- a card -------------------------------------------------------------------------------------
 */

/* A set that nobody described when it came is read now. */
static void describe_installed(request *r)
{
    ax_err err;
    cJSON *name = cJSON_CreateString(r->param[0]),
          *o = name ? ax_dataset_describe(name, r->app->cfg.data, 0, &err) : NULL;
    char *text = NULL;
    if (o && !ax_json_put(o, "name", name)) {
        name = NULL;
        text = ax_json_text(o, 0);
    } else if (!o && name) {
        problem_from(&r->why, &err);
    }
    cJSON_Delete(o ? NULL : name);
    cJSON_Delete(o);
    if (text) {
        buf_str(&r->out, text);
        buf_char(&r->out, '\n');
        cJSON_free(text);
        request_done(r, 200, "application/json");
        return;
    }
    if (!r->why.status)
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
    request_refuse(r);
}

static void get(request *r)
{
    cJSON *set = datasets_read(r->app->sets, r->param[0]);
    char *text = ax_json_text(cJSON_GetObjectItemCaseSensitive(set, "about"), 0);
    cJSON_Delete(set);
    if (text) {
        buf_str(&r->out, text);
        buf_char(&r->out, '\n');
        cJSON_free(text);
        request_done(r, 200, "application/json");
    } else if (is_installed(r->param[0]) || is_in_data(r->app, r->param[0])) {
        datasets_submit(r, describe_installed);
    } else {
        not_found(r);
        request_refuse(r);
    }
}

void datasets_get(request *r)
{
    request_offload(r, r->app->work, get);
}

/* ---- removal ------------------------------------------------------------------------------------
 */

static void remove_set(request *r)
{
    char path[DATASET_PATH];
    ax_err err;
    const char *name = r->param[0];
    int here = ax_name_ok(name) && !datasets_path(r->app->sets, name, NULL, path) &&
               !access(path, F_OK),
        bad;
    if (here && state_claim(r->app, &err) < 0)
        bad = state_refuse(&r->why, &err);
    else if (here)
        bad = datasets_remove(r->app->sets, name, &r->why);
    else if (is_installed(name) || is_in_data(r->app, name))
        bad = problem_set(&r->why, 403, "read_only",
                          "the data set '%s' is installed on this machine; it was not put here",
                          name);
    else
        bad = not_found(r);
    if (bad) {
        request_refuse(r);
        return;
    }
    buf_str(&r->out, "{\"deleted\":");
    buf_json(&r->out, name);
    buf_str(&r->out, "}\n");
    request_done(r, 200, "application/json");
}

void datasets_delete(request *r)
{
    datasets_submit(r, remove_set);
}
