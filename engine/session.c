/* session.c - running a model: plans by batch size, kept for the sizes that come back.
 *
 * A session keeps the plans and memory of the batch sizes it has seen, newest first, up to a bound
 * of bytes and of entries; the weights they use are packed once per model. */
#include <stdlib.h>
#include <string.h>

#include "session.h"

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
    ax_shape *shapes; /* whole; of the outputs, then of the inputs */
    int n_outputs;
    int64_t rows;          /* as the shapes of the inputs say */
    entry *plans;          /* the first is the current one */
    ax_onnx_session *onnx; /* of a file of ONNX, which then does it all */
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
            *port = (ax_port){n->layers[i].name, n->graph.val[*v].desc.dtype,
                              m->info.layers[i].shape, NULL};
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
    s->shapes = calloc((size_t)(n + m->info.n_inputs) + 1, sizeof *s->shapes);
    if (!s->wanted || !s->ports || !s->shapes)
        goto no_memory;
    for (int i = 0; i < n; i++) {
        ax_val v = AX_NONE;
        const char *name = o->outputs ? o->outputs[i] : m->info.outputs[i].name;
        if (find_output(m, name, &v, &s->ports[i], err)) {
            ax_session_close(s);
            return NULL;
        }
        s->wanted[i] = m->onnx ? v : m->map[v];
    }
    if (m->onnx && !(s->onnx = ax_onnx_session_open(m, o->pool, s->ports, n, err))) {
        ax_session_close(s);
        return NULL;
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
    ax_onnx_session_close(s->onnx);
    ax_model_release(s->model);
    free(s->wanted);
    free(s->ports);
    free(s->shapes);
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
        if (count++ && (bytes > AX_KEEP_BYTES || count > AX_KEEP_PLANS)) {
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

static void set_shapes(ax_session *s)
{
    for (int i = 0; i < s->n_outputs; i++)
        s->shapes[i] = ax_plan_output(s->plans->plan, i)->shape;
    for (int i = 0; i < s->model->info.n_inputs; i++) {
        const ax_shape *one = &s->model->info.inputs[i].shape;
        ax_shape *all = &s->shapes[s->n_outputs + i];
        *all = (ax_shape){one->rank + 1, {s->plans->batch}};
        memcpy(all->dim + 1, one->dim, (size_t)one->rank * sizeof one->dim[0]);
    }
}

static int ready_for(ax_session *s, int64_t batch, ax_err *err)
{
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

int ax_session_resize(ax_session *s, int64_t batch, ax_err *err)
{
    if (batch < 1)
        return ax_fail(err, AX_ERANGE, "a batch has at least one sample, not %lld",
                       (long long)batch);
    if (s->onnx)
        return ax_onnx_session_resize(s->onnx, batch, err);
    if (ready_for(s, batch, err))
        return -1;
    set_shapes(s);
    return 0;
}

int ax_session_shape(ax_session *s, int i, const ax_shape *shape, ax_err *err)
{
    char want[160], have[160];
    const ax_port *p = &s->model->info.inputs[i];
    if (s->onnx)
        return ax_onnx_session_shape(s->onnx, i, shape, err);
    ax_shape full = {.rank = p->shape.rank + 1, .dim = {shape->dim[0]}};
    memcpy(full.dim + 1, p->shape.dim, (size_t)p->shape.rank * sizeof full.dim[0]);
    if (shape->rank < 1 || shape->dim[0] < 1 || !ax_shape_equal(shape, &full) ||
        (i && shape->dim[0] != s->rows))
        return ax_fail(err, AX_ESHAPE, "input '%s' cannot have the shape %s: samples have %s",
                       p->name, ax_shape_str(shape, have, sizeof have),
                       ax_shape_str(&p->shape, want, sizeof want));
    s->rows = shape->dim[0];
    return 0;
}

int ax_session_ready(ax_session *s, ax_err *err)
{
    return s->onnx ? ax_onnx_session_ready(s->onnx, err) : ax_session_resize(s, s->rows, err);
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
    return s->onnx ? ax_onnx_session_input(s->onnx, i) : ax_exec_input(s->plans->exec, i);
}

const void *ax_session_output(const ax_session *s, int i)
{
    return s->onnx ? ax_onnx_session_output(s->onnx, i) : ax_exec_output(s->plans->exec, i);
}

const ax_port *ax_session_input_port(const ax_session *s, int i)
{
    return &s->model->info.inputs[i];
}

const ax_port *ax_session_output_port(const ax_session *s, int i)
{
    return &s->ports[i];
}

const ax_shape *ax_session_output_shape(const ax_session *s, int i)
{
    return s->onnx ? ax_onnx_session_output_shape(s->onnx, i) : &s->shapes[i];
}

const ax_shape *ax_session_input_shape(const ax_session *s, int i)
{
    return s->onnx ? ax_onnx_session_input_shape(s->onnx, i) : &s->shapes[s->n_outputs + i];
}

int ax_session_run(ax_session *s, ax_err *err)
{
    if (s->onnx)
        return ax_onnx_session_run(s->onnx, err);
    ax_exec_run(s->plans->exec);
    return 0;
}

int64_t ax_session_bytes(const ax_session *s)
{
    return s->onnx ? ax_onnx_session_bytes(s->onnx) : s->plans->bytes;
}

void ax_session_memory(const ax_session *s, ax_memory_use *m)
{
    const ax_model *of = s->model;
    m->file = of->info.file_bytes - (of->onnx ? ax_backed_away(of->onnx->bytes) : 0);
    m->packed = ax_packs_bytes(of->packs);
    m->working = ax_session_bytes(s);
    m->alive = s->onnx ? ax_onnx_session_alive(s->onnx) : ax_plan_alive(s->plans->plan);
}

const char *ax_session_plan_text(const ax_session *s, ax_arena *a)
{
    return s->onnx ? ax_onnx_session_plan_text(s->onnx, a) : ax_plan_text(s->plans->plan, a);
}
