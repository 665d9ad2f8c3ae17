/* session_onnx.c - running a file of ONNX: a graph and a plan for each set of shapes, kept for
 * those that come back.
 *
 * Where the import asks for numbers of inputs (ax_onnx_way), the plan waits for the run: inputs lie
 * in memory of the session, and what a run was made for includes those numbers. A file that takes
 * one sample at a time is run once for each. */
#include <stdlib.h>
#include <string.h>

#include "base/ints.h"
#include "session.h"

/* The file made ready for shapes and numbers. */
typedef struct made {
    struct made *next; /* more recently used first */
    ax_tensor *in;     /* for these; data: copies of the numbers that took part, else NULL */
    ax_net net;
    ax_graph fused;
    ax_plan *plan; /* NULL: computed while it was read */
    ax_exec *exec;
    ax_tensor *out; /* as wanted */
    int n_held;     /* of the first outputs, the numbers are held where they lie in the file */
    int64_t bytes;
    ax_arena mem;
} made;

struct ax_onnx_session {
    const ax_model *model;
    const ax_onnx_source *source;
    ax_pool *pool;
    const ax_port *ports;
    int n_out;
    ax_onnx_way way;
    ax_tensor in[AX_ONNX_MAX_PORTS]; /* as the next ready() wants them; data: the session's own
                                        memory where that is where inputs are written */
    int64_t rows;                    /* of a file that takes one at a time: how many; else 1 */
    ax_tensor *whole;                /* the outputs of all of them                           */
    made *plans;                     /* the first is the current one                         */
    ax_shape *shapes;                /* of the outputs, then of the inputs */
    void *mem;                       /* of in[].data and whole[].data */
    int64_t mem_bytes;
};

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for a session");
}

static int64_t bytes_of(ax_dtype t, const ax_shape *s)
{
    return ax_shape_count(s) * (int64_t)ax_dtype_size(t);
}

/* ---- made for shapes ------------------------------------------------------------------------- */

static void made_free(made *e)
{
    if (!e)
        return;
    ax_exec_free(e->exec);
    ax_plan_free(e->plan);
    for (int i = 0; i < e->n_held; i++)
        ax_backed_drop(e->net.graph.backed, e->out[i].data, 0);
    ax_graph_fini(&e->fused);
    ax_net_fini(&e->net);
    ax_arena_fini(&e->mem);
    free(e);
}

/* The shapes and numbers that it is made for, in memory of its own. */
static int keep_key(const ax_onnx_session *s, made *e, ax_err *err)
{
    e->in = AX_ARRAY(&e->mem, ax_tensor, s->source->n_in);
    if (!e->in)
        return no_memory(err);
    for (int i = 0; i < s->source->n_in; i++) {
        const ax_tensor *t = &s->in[i];
        e->in[i] = (ax_tensor){t->dtype, t->shape, NULL};
        if (s->way == AX_ONNX_BY_NUMBERS && ax_onnx_decides(&(ax_desc){t->dtype, t->shape}) &&
            !(e->in[i].data =
                  ax_arena_memdup(&e->mem, t->data, (size_t)bytes_of(t->dtype, &t->shape))))
            return no_memory(err);
    }
    return 0;
}

static int is_for(const ax_onnx_session *s, const made *e)
{
    for (int i = 0; i < s->source->n_in; i++) {
        const ax_tensor *t = &s->in[i], *k = &e->in[i];
        if (!ax_shape_equal(&t->shape, &k->shape) ||
            (k->data && memcmp(k->data, t->data, (size_t)bytes_of(t->dtype, &t->shape))))
            return 0;
    }
    return 1;
}

/* The values that are wanted, of the net. */
static int find_wanted(const ax_onnx_session *s, made *e, const ax_onnx_names *names, ax_val *v,
                       ax_err *err)
{
    for (int i = 0; i < s->n_out; i++) {
        v[i] = ax_onnx_net_value(&e->net, names, s->ports[i].name, err);
        if (v[i] < 0)
            return ax_fail(err, AX_EUNSUPPORTED, "'%.96s' is not made for these inputs",
                           s->ports[i].name);
    }
    return 0;
}

static int plan(const ax_onnx_session *s, made *e, ax_val *wanted, ax_err *err)
{
    const ax_graph *g = &e->net.graph;
    ax_desc in[AX_ONNX_MAX_PORTS];
    ax_val *map = AX_ARRAY(&e->mem, ax_val, g->n_val);
    if (!map)
        return no_memory(err);
    if (ax_graph_fuse(g, wanted, s->n_out, &e->fused, map, err))
        return -1;
    for (int i = 0; i < s->n_out; i++)
        wanted[i] = map[wanted[i]];
    for (int i = 0; i < s->source->n_in; i++)
        in[i] = (ax_desc){s->in[i].dtype, s->in[i].shape};
    ax_plan_options o = {.outputs = wanted,
                         .n_outputs = s->n_out,
                         .inputs = in,
                         .packs = s->model->packs,
                         .threads = ax_pool_size(s->pool)};
    if (!(e->plan = ax_plan_new(&e->fused, &o, err)) ||
        !(e->exec = ax_exec_new(e->plan, s->pool, err)))
        return -1;
    e->bytes = ax_plan_bytes(e->plan);
    return 0;
}

static int make_for(ax_onnx_session *s, made *e, ax_err *err)
{
    ax_onnx_names names;
    ax_val *wanted = AX_ARRAY(&e->mem, ax_val, s->n_out);
    e->out = AX_ARRAY(&e->mem, ax_tensor, s->n_out);
    if (!wanted || !e->out)
        return no_memory(err);
    if (keep_key(s, e, err) || ax_onnx_source_net(s->source, s->way, s->in, &e->net, &names, err) ||
        find_wanted(s, e, &names, wanted, err))
        return -1;
    if (s->way != AX_ONNX_AS_READ && plan(s, e, wanted, err))
        return -1;
    for (int i = 0; i < s->n_out; i++) {
        const ax_value *v = &e->net.graph.val[wanted[i]];
        const ax_desc *d = e->plan ? ax_plan_output(e->plan, i) : &v->desc;
        e->out[i] = (ax_tensor){d->dtype, d->shape, NULL};
        e->out[i].data = e->plan ? (void *)(uintptr_t)ax_exec_output(e->exec, i) : v->data;
        if (ax_backed_hold(e->net.graph.backed, e->out[i].data, err) < 0)
            return -1;
        e->n_held++;
    }
    return 0;
}

/* Drop the least recently used beyond the bounds; the current one always stays. What was computed
 * while it was read is good for nothing else. */
static void trim(ax_onnx_session *s)
{
    int64_t bytes = 0;
    int count = 0;
    for (made **at = &s->plans; *at;) {
        made *e = *at;
        bytes += e->bytes + (int64_t)e->net.graph.arena.used + (int64_t)e->fused.arena.used;
        if (count++ && (bytes > AX_KEEP_BYTES || count > AX_KEEP_PLANS || !e->plan)) {
            *at = e->next;
            made_free(e);
        } else {
            at = &e->next;
        }
    }
}

/* Make what s->in asks for the current one. */
static int prepare(ax_onnx_session *s, ax_err *err)
{
    for (made **at = &s->plans; *at; at = &(*at)->next)
        if ((*at)->plan && is_for(s, *at)) {
            made *e = *at;
            *at = e->next;
            e->next = s->plans;
            s->plans = e;
            return 0;
        }
    made *e = calloc(1, sizeof *e);
    if (!e)
        return no_memory(err);
    ax_arena_init(&e->mem, 0);
    ax_graph_init(&e->fused);
    e->net = (ax_net){.step = AX_NONE};
    if (make_for(s, e, err)) {
        made_free(e);
        return -1;
    }
    e->next = s->plans;
    s->plans = e;
    trim(s);
    return 0;
}

/* ---- memory of the session ------------------------------------------------------------------- */

/* Is the plan made when the run sees the numbers? */
static int waits_for_run(const ax_onnx_session *s)
{
    return s->way == AX_ONNX_BY_NUMBERS || s->way == AX_ONNX_AS_READ;
}

/* Are inputs written to memory of the session, instead of the plan's? */
static int own_inputs(const ax_onnx_session *s)
{
    return waits_for_run(s) || s->rows > 1;
}

static ax_shape times(ax_shape s, int64_t rows)
{
    s.dim[0] *= rows;
    return s;
}

/* Room for the inputs, and for the outputs of all rows. */
static int make_memory(ax_onnx_session *s, ax_err *err)
{
    int64_t room = 64;
    for (int i = 0; i < s->source->n_in + s->n_out; i++) {
        int in = i < s->source->n_in;
        if (!in && s->rows == 1)
            break;
        const ax_tensor *t = in ? &s->in[i] : &s->plans->out[i - s->source->n_in];
        ax_shape all = s->rows > 1 ? times(t->shape, s->rows) : t->shape;
        int64_t n = ax_shape_count_checked(&all, ax_dtype_size(t->dtype), err);
        if (n < 0)
            return -1;
        room += (n * (int64_t)ax_dtype_size(t->dtype) + 63) & ~(int64_t)63;
        if (room > ax_memory_budget())
            return ax_fail(err, AX_ELIMIT, "inputs and outputs would need %lld bytes",
                           (long long)room);
    }
    free(s->mem);
    s->mem = aligned_alloc(64, (size_t)room);
    s->mem_bytes = room;
    if (!s->mem)
        return no_memory(err);
    memset(s->mem, 0, (size_t)room);
    char *at = s->mem;
    for (int i = 0; i < s->source->n_in + s->n_out; i++) {
        int in = i < s->source->n_in;
        if (!in && s->rows == 1)
            break;
        ax_tensor *t = in ? &s->in[i] : &s->whole[i - s->source->n_in];
        if (!in)
            *t = s->plans->out[i - s->source->n_in];
        t->data = at;
        at += (s->rows * bytes_of(t->dtype, &t->shape) + 63) & ~(int64_t)63;
    }
    return 0;
}

static void set_shapes(ax_onnx_session *s)
{
    for (int i = 0; i < s->n_out && s->plans; i++)
        s->shapes[i] =
            s->rows > 1 ? times(s->plans->out[i].shape, s->rows) : s->plans->out[i].shape;
    for (int i = 0; i < s->source->n_in; i++)
        s->shapes[s->n_out + i] = s->rows > 1 ? times(s->in[i].shape, s->rows) : s->in[i].shape;
}

/* ---- the face -------------------------------------------------------------------------------- */

ax_onnx_session *ax_onnx_session_open(ax_model *m, ax_pool *pool, const ax_port *ports, int n,
                                      ax_err *err)
{
    ax_onnx_session *s = calloc(1, sizeof *s);
    if (s) {
        *s = (ax_onnx_session){.model = m,
                               .source = m->onnx,
                               .pool = pool,
                               .ports = ports,
                               .n_out = n,
                               .way = m->onnx->way,
                               .rows = 1};
        s->shapes = calloc((size_t)(n + m->onnx->n_in) + 1, sizeof *s->shapes);
        s->whole = calloc((size_t)n + 1, sizeof *s->whole);
        for (int i = 0; i < m->onnx->n_in; i++)
            s->in[i] = (ax_tensor){m->onnx->in[i].dtype, m->onnx->in[i].shape, NULL};
        if (s->shapes && s->whole)
            return s;
    }
    ax_onnx_session_close(s);
    no_memory(err);
    return NULL;
}

void ax_onnx_session_close(ax_onnx_session *s)
{
    if (!s)
        return;
    for (made *e = s->plans, *next; e; e = next) {
        next = e->next;
        made_free(e);
    }
    free(s->shapes);
    free(s->whole);
    free(s->mem);
    free(s);
}

int ax_onnx_session_shape(ax_onnx_session *s, int i, const ax_shape *shape, ax_err *err)
{
    const ax_desc *port = &s->source->in[i];
    char want[160], have[160];
    int fits = port->shape.rank < 0 || shape->rank == port->shape.rank;
    for (int k = 0; fits && k < shape->rank; k++)
        fits = shape->dim[k] >= 0 && (port->shape.rank < 0 || port->shape.dim[k] < 0 ||
                                      port->shape.dim[k] == shape->dim[k]);
    if (!fits)
        return ax_fail(err, AX_ESHAPE, "input '%.96s' cannot have the shape %s: it takes %s",
                       s->model->info.inputs[i].name, ax_shape_str(shape, have, sizeof have),
                       ax_shape_str(&port->shape, want, sizeof want));
    if (ax_shape_count_checked(shape, ax_dtype_size(port->dtype), err) < 0)
        return -1;
    s->in[i].shape = *shape;
    s->rows = 1;
    return 0;
}

int ax_onnx_session_ready(ax_onnx_session *s, ax_err *err)
{
    for (int i = 0; i < s->source->n_in; i++) {
        int open = s->in[i].shape.rank < 0;
        for (int k = 0; k < s->in[i].shape.rank; k++)
            open |= s->in[i].shape.dim[k] < 0;
        if (open)
            return ax_fail(err, AX_ESHAPE, "input '%.96s' needs a shape first",
                           s->model->info.inputs[i].name);
    }
    if (!waits_for_run(s)) {
        ax_err why;
        if (!prepare(s, &why)) {
            set_shapes(s);
            return own_inputs(s) ? make_memory(s, err) : 0;
        }
        if (!ax_onnx_needs_numbers(&why)) {
            if (err)
                *err = why;
            return -1;
        }
        s->way = s->way == AX_ONNX_BY_SHAPES ? AX_ONNX_BY_NUMBERS : AX_ONNX_AS_READ;
    }
    set_shapes(s);
    return make_memory(s, err);
}

int ax_onnx_session_resize(ax_onnx_session *s, int64_t batch, ax_err *err)
{
    const ax_model_info *m = &s->model->info;
    if (!m->batches && batch != 1)
        return ax_fail(err, AX_EUNSUPPORTED,
                       "the model '%.96s' takes its inputs whole, not in batches", m->name);
    for (int i = 0; i < s->source->n_in; i++) {
        ax_shape shape = s->source->in[i].shape;
        if (m->batches) {
            shape.dim[0] = s->source->single ? 1 : batch;
            if (ax_shape_count_checked(&shape, ax_dtype_size(s->in[i].dtype), err) < 0)
                return -1;
        } else {
            ax_model_example_shape(s->model, i, &shape);
        }
        s->in[i].shape = shape;
    }
    s->rows = m->batches && s->source->single ? batch : 1;
    return ax_onnx_session_ready(s, err);
}

void *ax_onnx_session_input(ax_onnx_session *s, int i)
{
    return own_inputs(s) ? s->in[i].data : ax_exec_input(s->plans->exec, i);
}

const void *ax_onnx_session_output(const ax_onnx_session *s, int i)
{
    return s->rows > 1 ? s->whole[i].data : s->plans->out[i].data;
}

const ax_shape *ax_onnx_session_output_shape(const ax_onnx_session *s, int i)
{
    return &s->shapes[i];
}

const ax_shape *ax_onnx_session_input_shape(const ax_onnx_session *s, int i)
{
    return &s->shapes[s->n_out + i];
}

static void copy_in(const ax_onnx_session *s, int64_t row)
{
    for (int i = 0; i < s->source->n_in; i++) {
        int64_t n = bytes_of(s->in[i].dtype, &s->in[i].shape);
        if (n)
            memcpy(ax_exec_input(s->plans->exec, i), (const char *)s->in[i].data + row * n,
                   (size_t)n);
    }
}

static void copy_out(const ax_onnx_session *s, int64_t row)
{
    for (int i = 0; i < s->n_out; i++) {
        const ax_tensor *t = &s->plans->out[i];
        int64_t n = bytes_of(t->dtype, &t->shape);
        if (n)
            memcpy((char *)s->whole[i].data + row * n, t->data, (size_t)n);
    }
}

/* Plan, or read, for the numbers that are there now. */
static int look_at_numbers(ax_onnx_session *s, ax_err *err)
{
    ax_err why;
    int bad = prepare(s, &why);
    if (bad && s->way == AX_ONNX_BY_NUMBERS && ax_onnx_needs_numbers(&why)) {
        s->way = AX_ONNX_AS_READ;
        bad = prepare(s, &why);
    }
    if (bad && err)
        *err = why;
    if (!bad)
        set_shapes(s);
    return bad;
}

int ax_onnx_session_run(ax_onnx_session *s, ax_err *err)
{
    if (waits_for_run(s) && look_at_numbers(s, err))
        return -1;
    if (!s->plans->exec)
        return 0;
    for (int64_t r = 0; r < s->rows; r++) {
        if (own_inputs(s))
            copy_in(s, r);
        ax_exec_run(s->plans->exec);
        if (s->rows > 1)
            copy_out(s, r);
    }
    return 0;
}

int64_t ax_onnx_session_bytes(const ax_onnx_session *s)
{
    return (s->plans ? s->plans->bytes : 0) + (own_inputs(s) ? s->mem_bytes : 0);
}

int64_t ax_onnx_session_alive(const ax_onnx_session *s)
{
    return s->plans && s->plans->plan ? ax_plan_alive(s->plans->plan) : 0;
}

const char *ax_onnx_session_plan_text(const ax_onnx_session *s, ax_arena *a)
{
    return s->plans && s->plans->plan ? ax_plan_text(s->plans->plan, a) : ax_arena_strdup(a, "");
}
