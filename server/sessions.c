/* sessions.c - open sessions, the least recently used one goes; see sessions.h. */
#include "sessions.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "repository.h"

static void close_entry(session_cache *c, struct cached_session *e)
{
    ax_session_close(e->session);
    free(e->outputs);
    if (c->owns && e->model)
        served_release(e->model);
    *e = (struct cached_session){0};
}

void sessions_close(session_cache *c)
{
    for (int i = 0; i < SESSIONS; i++)
        if (c->entry[i].session)
            close_entry(c, &c->entry[i]);
}

void sessions_tidy(session_cache *c)
{
    for (int i = 0; i < SESSIONS; i++)
        if (c->entry[i].session && atomic_load(&c->entry[i].model->retired))
            close_entry(c, &c->entry[i]);
}

static int same_outputs(const struct cached_session *e, const wire_request *a)
{
    const char *name = e->outputs;
    if (e->n_outputs != a->n_outputs)
        return 0;
    for (int i = 0; i < a->n_outputs; i++, name += strlen(name) + 1)
        if (strcmp(name, a->outputs[i]))
            return 0;
    return 1;
}

static char *copy_outputs(const wire_request *a)
{
    size_t n = 1;
    for (int i = 0; i < a->n_outputs; i++)
        n += strlen(a->outputs[i]) + 1;
    char *all = calloc(n, 1), *p = all;
    for (int i = 0; all && i < a->n_outputs; i++)
        p = stpcpy(p, a->outputs[i]) + 1;
    return all;
}

/* The entry to use for something new: a free one, or the one that was not used for longest. */
static struct cached_session *make_place(session_cache *c)
{
    struct cached_session *e = &c->entry[0];
    for (int i = 0; i < SESSIONS && e->session; i++)
        if (!c->entry[i].session || c->entry[i].used < e->used)
            e = &c->entry[i];
    if (e->session)
        close_entry(c, e);
    return e;
}

static struct cached_session *open_entry(session_cache *c, served *m, const wire_request *args,
                                         ax_pool *pool, problem *why)
{
    ax_err err;
    ax_session_options o = {.pool = pool,
                            .outputs = args->n_outputs ? args->outputs : NULL,
                            .n_outputs = args->n_outputs};
    char *outputs = copy_outputs(args);
    if (!outputs) {
        problem_set(why, 503, "out_of_memory", "out of memory");
        return NULL;
    }
    ax_session *s = ax_session_open(m->model, &o, &err);
    if (!s) {
        problem_from(why, &err);
        ax_err_in(&why->err, "outputs");
        free(outputs);
        return NULL;
    }
    struct cached_session *e = make_place(c);
    *e = (struct cached_session){.model = c->owns ? served_acquire(m) : m,
                                 .outputs = outputs,
                                 .n_outputs = args->n_outputs,
                                 .session = s};
    return e;
}

ax_session *sessions_get(session_cache *c, served *m, const wire_request *args, int64_t rows,
                         ax_pool *pool, problem *why)
{
    struct cached_session *e = NULL;
    for (int i = 0; i < SESSIONS && !e; i++)
        if (c->entry[i].session && c->entry[i].model == m && same_outputs(&c->entry[i], args))
            e = &c->entry[i];
    if (!e && !(e = open_entry(c, m, args, pool, why)))
        return NULL;
    e->used = ++c->clock;
    if (e->batch != rows) {
        ax_err err;
        e->batch = 0;
        if (ax_session_resize(e->session, rows, &err) < 0) {
            problem_from(why, &err);
            return NULL;
        }
        e->batch = rows;
    }
    return e->session;
}

int sessions_measure(ax_model *m, int64_t *row_ns, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    if (!s)
        return -1;
    int r = ax_session_resize(s, 1, err);
    *row_ns = INT64_MAX;
    for (int k = 0; !r && k < 4; k++) {
        const ax_model_info *info = ax_model_get_info(m);
        for (int i = 0; i < info->n_inputs; i++)
            memset(ax_session_input(s, i), 0,
                   (size_t)ax_shape_count(&info->inputs[i].shape) *
                       ax_dtype_size(info->inputs[i].dtype));
        int64_t t = now_ns();
        ax_session_run(s);
        t = now_ns() - t;
        if (t < *row_ns)
            *row_ns = t;
        if (t > INT64_C(50000000))
            break; /* a slow model is known after one run */
    }
    ax_session_close(s);
    return r;
}
