/* diagnose.c - a model looks at samples while its activations are watched.
 *
 * The net is run as it is written, before fusion: there each activation is a node, so what goes
 * into it is a value like any other and can be asked for. Batches are small enough for all these
 * values to fit; diagnose_count.c takes them in sample by sample, a layer being the work of one
 * thread. */
#include <math.h>
#include <string.h>

#include "diagnose.h"

enum { MOST_SAMPLES = 65536, MOST_BATCH = 64 };
static const int64_t batch_bytes = 32 << 20; /* of watched values */

typedef struct probe {
    ax_model *model;
    const ax_diagnose_options *o;
    ax_arena *mem;
    ax_watch *watch;
    int n;
    cJSON *spec; /* NULL: a file of ONNX */
    ax_desc sample[AX_ONNX_MAX_PORTS];
    ax_plan *plan;
    ax_exec *exec;
    ax_packs *packs;
    int64_t batch;
} probe;

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory to diagnose the model");
}

/* ---- what is watched ------------------------------------------------------------------------- */

/* first: the axis that a sample begins with. */
static void extent_of(const ax_graph *g, ax_val v, int first, int last_axis, ax_tally *t)
{
    const ax_shape *s = &g->val[v].desc.shape;
    int axis = last_axis ? s->rank - 1 : 1;
    t->outer = t->units = t->inner = 1;
    for (int i = first; i < s->rank; i++)
        *(i < axis ? &t->outer : i == axis ? &t->units : &t->inner) *= s->dim[i];
}

/* A dense layer has its units along the last axis, everything else along axis 1. */
static int from_dense(const ax_graph *g, ax_val v)
{
    return g->val[v].kind == AX_VAL_NODE && g->node[g->val[v].node].op == &ax_op_dense;
}

static int watches(const ax_op *op)
{
    return op == &ax_op_activation || op == &ax_op_activation_learned || op == &ax_op_prelu;
}

static int watch_node(const ax_model *m, const ax_node *node, ax_watch *w, ax_err *err)
{
    const ax_net *n = &m->net;
    const ax_graph *g = &n->graph;
    *w = (ax_watch){.z = node->in[0], .a = node->out, .layer = node->name, .has_slope = 1};
    if (node->op == &ax_op_prelu) {
        ax_act_by_name("prelu", &w->act, NULL);
        if (ax_backed_hold(g->backed, g->val[node->in[1]].data, err) < 0)
            return -1;
        w->slope = g->val[node->in[1]].data;
        if (g->val[node->in[1]].desc.shape.dim[0] == 1) {
            w->act.param[0] = (double)w->slope[0];
            ax_backed_drop(g->backed, w->slope, 0);
            w->slope = NULL;
        }
    } else if (node->op == &ax_op_activation_learned) {
        w->act = ax_learned_act(g, node);
    } else {
        w->act = ((const ax_activation_attr *)node->attr)->act;
        w->has_slope = w->act.row->kind == AX_ACT_ELEMENT;
    }
    w->activation = w->act.row->name;
    for (int i = 0; m->onnx && i < n->n_layers; i++) /* where nodes need no name */
        if (n->layers[i].out == node->out)
            w->layer = n->layers[i].name;
    for (int i = 0; i < m->info.n_layers; i++) {
        const ax_layer_info *l = &m->info.layers[i];
        if (!strcmp(l->name, node->name) && *l->activation)
            w->activation = l->activation;
    }
    for (int i = 0; i < n->n_outputs; i++)
        w->is_output |= n->outputs[i] == node->out;
    int last = from_dense(g, node->in[0]) && node->op != &ax_op_prelu;
    int first = m->onnx ? 0 : 1; /* a file of ONNX is run for one sample, or one whole tensor */
    extent_of(g, w->z, first, last, &w->in);
    extent_of(g, w->a, first, last, &w->out);
    return 0;
}

static int find_watches(probe *p, ax_err *err)
{
    const ax_net *n = &p->model->net;
    for (int i = 0; i < n->graph.n_node; i++)
        p->n += watches(n->graph.node[i].op);
    if (!p->n)
        return ax_fail(err, AX_EUNSUPPORTED, "the model '%s' has no activation to look at",
                       p->model->info.name);
    if (!(p->watch = AX_ARRAY(p->mem, ax_watch, p->n)))
        return no_memory(err);
    for (int i = 0, k = 0; i < n->graph.n_node; i++) {
        if (!watches(n->graph.node[i].op))
            continue;
        if (watch_node(p->model, &n->graph.node[i], &p->watch[k], err))
            return -1;
        if (ax_watch_init(&p->watch[k++], p->mem))
            return no_memory(err);
    }
    return 0;
}

/* ---- made-up samples ------------------------------------------------------------------------- */

static double of_channel(const cJSON *in, const char *key, int64_t c, double def)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key);
    if (cJSON_IsArray(v))
        v = cJSON_GetArraySize(v) > 1 ? cJSON_GetArrayItem(v, (int)c) : v->child;
    return v ? v->valuedouble : def;
}

/* One sample of input i, as its field in the spec asks for. */
static void make_up(const probe *p, int i, int64_t sample, float *x)
{
    const ax_shape *s = &p->sample[i].shape;
    const cJSON *in = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(p->spec, "inputs"), i);
    ax_rng rng = {p->o->seed, ax_rng_name("diagnose") + (uint64_t)i};
    int64_t count = ax_shape_count(s), channels = s->rank ? s->dim[0] : 1;
    int64_t inner = channels ? count / channels : 0;
    int scaled = cJSON_HasObjectItem(in, "scale");
    int normal = cJSON_HasObjectItem(in, "mean") || cJSON_HasObjectItem(in, "std") || !scaled;
    for (int64_t c = 0; c < channels; c++) {
        double scale = of_channel(in, "scale", c, 1), mean = of_channel(in, "mean", c, 0),
               std = of_channel(in, "std", c, 1);
        for (int64_t k = c * inner; k < (c + 1) * inner; k++) {
            uint64_t at = (uint64_t)(sample * count + k);
            x[k] = (float)(normal ? (mean + std * ax_rng_normal(rng, at)) / scale
                                  : (double)ax_rng_uniform(rng, at) / scale);
        }
    }
}

/* ---- running --------------------------------------------------------------------------------- */

static int make_plan(probe *p, ax_err *err)
{
    const ax_net *n = &p->model->net;
    ax_val *wanted = AX_ARRAY(p->mem, ax_val, 2 * p->n);
    ax_desc in[64];
    int64_t floats = 0;
    if (!wanted || !(p->packs = ax_packs_new()))
        return no_memory(err);
    for (int i = 0; i < p->n; i++) {
        wanted[2 * i] = p->watch[i].z;
        wanted[2 * i + 1] = p->watch[i].a;
        for (int k = 0; k < 2; k++)
            floats =
                ax_count_add(floats, ax_shape_count(&n->graph.val[wanted[2 * i + k]].desc.shape));
    }
    p->batch = batch_bytes / (int64_t)sizeof(float) / floats;
    p->batch = p->batch < 1 ? 1 : p->batch > MOST_BATCH ? MOST_BATCH : p->batch;
    p->batch = p->model->onnx ? 1 : p->batch < p->o->samples ? p->batch : p->o->samples;
    for (int i = 0; i < n->n_inputs; i++) {
        in[i] = p->sample[i] = n->graph.val[n->inputs[i]].desc;
        if (p->model->onnx)
            continue;
        in[i].shape.dim[0] = p->batch;
        p->sample[i].shape = p->model->info.inputs[i].shape;
    }
    ax_plan_options o = {.outputs = wanted,
                         .n_outputs = 2 * p->n,
                         .inputs = in,
                         .packs = p->packs,
                         .threads = ax_pool_size(p->o->pool)};
    return (p->plan = ax_plan_new(&n->graph, &o, err)) &&
                   (p->exec = ax_exec_new(p->plan, p->o->pool, err))
               ? 0
               : -1;
}

/* Samples from..from+rows; what lies behind them in the batch is computed and not looked at. */
static void fill(probe *p, int64_t from, int64_t rows)
{
    for (int i = 0; i < p->model->info.n_inputs; i++) {
        int64_t count = ax_shape_count(&p->sample[i].shape);
        float *x = ax_exec_input(p->exec, i);
        if (p->sample[i].dtype != AX_F32) { /* places, lengths: 0 is one that most take */
            memset(x, 0, (size_t)(p->batch * count) * ax_dtype_size(p->sample[i].dtype));
            continue;
        }
        if (p->o->inputs)
            memcpy(x, p->o->inputs[i] + from * count, (size_t)(rows * count) * sizeof *x);
        else
            for (int64_t r = 0; r < rows; r++)
                make_up(p, i, from + r, x + r * count);
        memset(x + rows * count, 0, (size_t)((p->batch - rows) * count) * sizeof *x);
    }
}

typedef struct look_job {
    const probe *p;
    int64_t rows;
} look_job;

static void look(void *ctx, int i, int worker)
{
    (void)worker;
    const look_job *j = ctx;
    ax_watch *w = &j->p->watch[i];
    const float *z = ax_exec_output(j->p->exec, 2 * i), *a = ax_exec_output(j->p->exec, 2 * i + 1);
    int64_t nz = w->in.outer * w->in.units * w->in.inner;
    int64_t na = w->out.outer * w->out.units * w->out.inner;
    for (int64_t r = 0; r < j->rows; r++)
        ax_watch_add(w, z + r * nz, a + r * na);
}

static int run(probe *p, ax_err *err)
{
    int64_t n = p->o->samples;
    for (int64_t at = 0; at < n; at += p->batch) {
        if (p->o->stop && p->o->stop(p->o->ctx))
            return ax_fail(err, AX_ECANCELED, "stopped after %lld of %lld samples", (long long)at,
                           (long long)n);
        int64_t rows = n - at < p->batch ? n - at : p->batch;
        fill(p, at, rows);
        ax_exec_run(p->exec);
        ax_pool_run(p->o->pool, p->n, look, &(look_job){p, rows});
    }
    return 0;
}

/* ---- the result ------------------------------------------------------------------------------ */

static int report(const probe *p, ax_health *h, ax_err *err)
{
    const ax_net *n = &p->model->net;
    h->noise = !p->o->inputs;
    h->samples = p->o->samples;
    h->seed = p->o->seed;
    h->layers = AX_ARRAY(&h->mem, ax_layer_health, p->n);
    h->n_layers = p->n;
    if (!h->layers)
        return no_memory(err);
    for (int i = 0; i < p->n; i++) {
        const ax_watch *w = &p->watch[i];
        ax_layer_health *l = &h->layers[i];
        const ax_shape *s = &n->graph.val[w->a].desc.shape;
        l->layer = ax_arena_strdup(&h->mem, w->layer);
        l->activation = ax_arena_strdup(&h->mem, w->activation);
        int first = p->model->info.batches;
        l->shape.rank = s->rank - first;
        memcpy(l->shape.dim, s->dim + first, (size_t)l->shape.rank * sizeof s->dim[0]);
        if (!l->layer || !l->activation || ax_watch_finish(w, p->mem, l))
            return no_memory(err);
    }
    return ax_health_judge(h, err);
}

int ax_diagnose(ax_model *m, const ax_diagnose_options *o, ax_health *h, ax_err *err)
{
    ax_arena mem;
    probe p = {.model = m, .o = o, .mem = &mem};
    if (o->samples < 1 || o->samples > MOST_SAMPLES)
        return ax_fail(err, AX_ERANGE, "%lld samples, expected 1 to %d", (long long)o->samples,
                       MOST_SAMPLES);
    ax_arena_init(&mem, 0);
    *h = (ax_health){0};
    ax_arena_init(&h->mem, 0);
    p.spec = m->net.spec ? cJSON_Parse(m->net.spec) : NULL;
    int bad = m->net.spec && !p.spec ? no_memory(err)
                                     : find_watches(&p, err) || make_plan(&p, err) ||
                                           run(&p, err) || report(&p, h, err);
    for (int i = 0; p.watch && i < p.n; i++)
        ax_backed_drop(m->net.graph.backed, p.watch[i].slope, 0);
    ax_exec_free(p.exec);
    ax_plan_free(p.plan);
    ax_packs_free(p.packs);
    cJSON_Delete(p.spec);
    ax_arena_fini(&mem);
    if (bad)
        ax_health_free(h);
    return bad ? -1 : 0;
}

void ax_health_free(ax_health *h)
{
    ax_arena_fini(&h->mem);
    *h = (ax_health){0};
}
