/* sessions.c - open sessions, the least recently used one goes; see sessions.h. */
#include "sessions.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "repository.h"

enum { SLOW_NS = 1000000000 }; /* of a model whose time could not be measured */

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

/* The shapes of a request whose tensors are taken whole. */
static int ready_for(ax_session *s, const wire_request *args, ax_err *err)
{
    for (int i = 0; i < ax_session_inputs(s); i++)
        if (ax_session_shape(s, i, &args->shape[i], err))
            return ax_err_in(err, "inputs");
    return ax_session_ready(s, err);
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
    if (e->batch == rows && !args->whole)
        return e->session;
    ax_err err;
    e->batch = 0;
    if (args->whole ? ready_for(e->session, args, &err)
                    : ax_session_resize(e->session, rows, &err)) {
        problem_from(why, &err);
        return NULL;
    }
    e->batch = rows;
    return e->session;
}

/* One run of zeros in ns; -1 where they are not what the model takes. */
static int64_t run_zeros(ax_session *s)
{
    for (int i = 0; i < ax_session_inputs(s); i++) {
        size_t size = ax_dtype_size(ax_session_input_port(s, i)->dtype);
        memset(ax_session_input(s, i), 0,
               (size_t)ax_shape_count(ax_session_input_shape(s, i)) * size);
    }
    int64_t t = now_ns();
    return ax_session_run(s, NULL) ? -1 : now_ns() - t;
}

/* A model that takes its inputs whole may have none for an example, or not like zeros: what it
 * needs is then not known, and taken for long. */
int sessions_measure(ax_model *m, int64_t *row_ns, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    if (!s)
        return -1;
    int r = ax_session_resize(s, 1, err);
    *row_ns = SLOW_NS;
    for (int k = 0; !r && k < 4; k++) {
        int64_t t = run_zeros(s);
        if (t >= 0 && (!k || t < *row_ns))
            *row_ns = t;
        if (t < 0 || t > INT64_C(50000000))
            break; /* a slow model is known after one run */
    }
    ax_session_close(s);
    return r && ax_model_get_info(m)->batches ? -1 : 0;
}
