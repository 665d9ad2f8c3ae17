/* session.c - running a model: plans by batch size, kept for the sizes that come back.
 *
 * A session keeps the plans and memory of the batch sizes it has seen, newest first, up to a bound
 * of bytes and of entries; the weights they use are packed once per model. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { KEEP_PLANS = 64 };
static const int64_t keep_bytes = 64 << 20;

typedef struct entry {
    struct entry *next; /* more recently used first */
    int64_t batch, bytes;
    ax_plan *plan;
    ax_exec *exec;
} entry;

struct ax_session {
    ax_model *model;
    ax_pool *pool;
    ax_val *wanted; /* in model->fused */
    ax_port *ports;
    int n_outputs;
    entry *plans; /* the first is the current one */
};

static void entry_free(entry *e)
{
    if (!e)
        return;
    ax_exec_free(e->exec);
    ax_plan_free(e->plan);
    free(e);
}

/* The value and port called `name`: an output or any layer. */
static int find_output(const ax_model *m, const char *name, ax_val *v, ax_port *port, ax_err *err)
{
    const ax_net *n = &m->net;
    const char *names[128];
    int count = 0;
    for (int i = 0; i < n->n_outputs; i++) {
        if (!strcmp(m->info.outputs[i].name, name)) {
            *v = n->outputs[i];
            *port = m->info.outputs[i];
            return 0;
        }
        if (count < 64)
            names[count++] = m->info.outputs[i].name;
    }
    for (int i = 0; i < n->n_layers; i++) {
        if (!strcmp(n->layers[i].name, name)) {
            *v = n->layers[i].out;
            *port = (ax_port){n->layers[i].name, AX_F32, m->info.layers[i].shape};
            return 0;
        }
        if (count < 128)
            names[count++] = n->layers[i].name;
    }
    ax_fail(err, AX_ENOTFOUND, "no output or layer is called '%.100s'", name);
    const char *near = ax_nearest(name, names, count);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    return -1;
}

ax_session *ax_session_open(ax_model *m, const ax_session_options *o, ax_err *err)
{
    int n = o->outputs ? o->n_outputs : m->info.n_outputs;
    ax_session *s = calloc(1, sizeof *s);
    if (!s)
        goto no_memory;
    s->model = ax_model_acquire(m);
    s->pool = o->pool;
    s->n_outputs = n;
    s->wanted = calloc((size_t)n + 1, sizeof *s->wanted);
    s->ports = calloc((size_t)n + 1, sizeof *s->ports);
    if (!s->wanted || !s->ports)
        goto no_memory;
    for (int i = 0; i < n; i++) {
        ax_val v = AX_NONE;
        const char *name = o->outputs ? o->outputs[i] : m->info.outputs[i].name;
        if (find_output(m, name, &v, &s->ports[i], err)) {
            ax_session_close(s);
            return NULL;
        }
        s->wanted[i] = m->map[v];
    }
    return s;
no_memory:
    ax_session_close(s);
    ax_fail(err, AX_ENOMEM, "no memory for a session");
    return NULL;
}

void ax_session_close(ax_session *s)
{
    if (!s)
        return;
    for (entry *e = s->plans, *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
    ax_model_release(s->model);
    free(s->wanted);
    free(s->ports);
    free(s);
}

/* Drop the least recently used beyond the bounds; the current one always stays. */
static void trim(ax_session *s)
{
    int64_t bytes = 0;
    int count = 0;
    for (entry **at = &s->plans; *at;) {
        entry *e = *at;
        bytes += e->bytes;
        if (count++ && (bytes > keep_bytes || count > KEEP_PLANS)) {
            *at = e->next;
            entry_free(e);
        } else {
            at = &e->next;
        }
    }
}

static entry *make(ax_session *s, int64_t batch, ax_err *err)
{
    const ax_model *m = s->model;
    ax_desc in[64];
    int n = 0;
    for (int v = 0; v < m->fused.n_val; v++)
        if (m->fused.val[v].kind == AX_VAL_INPUT) {
            in[n] = m->fused.val[v].desc;
            in[n++].shape.dim[0] = batch;
        }
    entry *e = calloc(1, sizeof *e);
    if (!e) {
        ax_fail(err, AX_ENOMEM, "no memory for a session");
        return NULL;
    }
    ax_plan_options o = {.outputs = s->wanted,
                         .n_outputs = s->n_outputs,
                         .inputs = in,
                         .packs = m->packs,
                         .threads = ax_pool_size(s->pool)};
    e->batch = batch;
    if (!(e->plan = ax_plan_new(&m->fused, &o, err)) ||
        !(e->exec = ax_exec_new(e->plan, s->pool, err))) {
        entry_free(e);
        return NULL;
    }
    e->bytes = ax_plan_bytes(e->plan);
    return e;
}

int ax_session_resize(ax_session *s, int64_t batch, ax_err *err)
{
    if (batch < 1)
        return ax_fail(err, AX_ERANGE, "a batch has at least one sample, not %lld",
                       (long long)batch);
    for (entry **at = &s->plans; *at; at = &(*at)->next)
        if ((*at)->batch == batch) {
            entry *e = *at;
            *at = e->next;
            e->next = s->plans;
            s->plans = e;
            return 0;
        }
    entry *e = make(s, batch, err);
    if (!e)
        return -1;
    e->next = s->plans;
    s->plans = e;
    trim(s);
    return 0;
}

int ax_session_inputs(const ax_session *s)
{
    return s->model->info.n_inputs;
}

int ax_session_outputs(const ax_session *s)
{
    return s->n_outputs;
}

void *ax_session_input(ax_session *s, int i)
{
    return ax_exec_input(s->plans->exec, i);
}

const void *ax_session_output(const ax_session *s, int i)
{
    return ax_exec_output(s->plans->exec, i);
}

const ax_port *ax_session_output_port(const ax_session *s, int i)
{
    return &s->ports[i];
}

void ax_session_run(ax_session *s)
{
    ax_exec_run(s->plans->exec);
}

int64_t ax_session_bytes(const ax_session *s)
{
    return s->plans->bytes;
}

const char *ax_session_plan_text(const ax_session *s, ax_arena *a)
{
    return ax_plan_text(s->plans->plan, a);
}
