/* model.c - a model file opened, checked, frozen.
 *
 * Opening copies the file into memory, proves by its hash that it is what was written, builds the
 * graph from the spec in its metadata, binds every parameter to its bytes, fuses, and runs the
 * self-test. A file that this program wrote has a hash and a self-test, or it is damaged; one that
 * another tool wrote may lack them, and the model then says so. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"

/* ---- the net and its numbers ----------------------------------------------------------------- */

static int build_net(ax_model *m, const char *text, ax_err *err)
{
    cJSON *spec = ax_json_parse(text, strlen(text), err);
    if (!spec)
        return ax_err_in(err, "axond.spec");
    int bad = ax_net_build(&m->net, spec, NULL, 1, err);
    cJSON_Delete(spec);
    return bad ? -1 : 0;
}

static int all_finite(const ax_value *v, ax_err *err)
{
    const float *p = v->data;
    for (int64_t k = 0; k < ax_shape_count(&v->desc.shape); k++)
        if (!isfinite(p[k]))
            return ax_fail(err, AX_ERANGE,
                           "the tensor '%s' holds %s at element %lld, expected finite numbers",
                           v->name, isnan(p[k]) ? "NaN" : "infinity", (long long)k);
    return 0;
}

static int bind_one(ax_model *m, ax_value *v, ax_err *err)
{
    char have[160], want[160];
    const ax_st_entry *e = ax_safetensors_find(m->file, v->name);
    if (!e)
        return ax_fail(err, AX_ECORRUPT, "the tensor '%s' is missing", v->name);
    if (e->type != AX_F32 || !ax_shape_equal(&e->shape, &v->desc.shape))
        return ax_fail(err, AX_ESHAPE, "the tensor '%s' is %s %s, its layer expects F32 %s",
                       v->name, e->dtype, ax_shape_str(&e->shape, have, sizeof have),
                       ax_shape_str(&v->desc.shape, want, sizeof want));
    v->data = (void *)(uintptr_t)e->data;
    if ((uintptr_t)e->data % sizeof(float) &&
        !(v->data = ax_arena_memdup(&m->arena, e->data, e->bytes)))
        return ax_fail(err, AX_ENOMEM, "no memory for the tensor '%s'", v->name);
    return all_finite(v, err);
}

/* Every parameter has its tensor, and there are more. */
static int stray_tensor(const ax_model *m, ax_err *err)
{
    const ax_net *n = &m->net;
    const char *name = "";
    for (int i = 0, known = 1; i < ax_safetensors_count(m->file) && known; i++) {
        name = ax_safetensors_at(m->file, i)->name;
        known = 0;
        for (int k = 0; k < n->n_inits && !known; k++)
            known = !strcmp(n->graph.val[n->inits[k].param].name, name);
    }
    ax_fail(err, AX_ECORRUPT, "the file has %d tensors, the model %d: '%.96s' belongs to no layer",
            ax_safetensors_count(m->file), n->n_inits, name);
    return ax_err_in(err, "%.96s", name);
}

static int bind(ax_model *m, ax_err *err)
{
    ax_net *n = &m->net;
    for (int i = 0; i < n->n_inits; i++) {
        ax_value *v = &n->graph.val[n->inits[i].param];
        if (bind_one(m, v, err))
            return ax_err_in(err, "%s", v->name);
    }
    return ax_safetensors_count(m->file) == n->n_inits ? 0 : stray_tensor(m, err);
}

/* The same numbers as another net, built from the same spec. */
static int borrow(ax_model *m, const ax_net *from, ax_err *err)
{
    for (int i = 0; i < m->net.n_inits; i++) {
        ax_value *v = &m->net.graph.val[m->net.inits[i].param];
        v->data = from->graph.val[from->inits[i].param].data;
        if (all_finite(v, err))
            return -1;
    }
    return 0;
}

/* Without the batch. */
static ax_shape sample_shape(const ax_shape *s)
{
    ax_shape out = {.rank = s->rank - 1};
    memcpy(out.dim, s->dim + 1, (size_t)out.rank * sizeof out.dim[0]);
    return out;
}

static void port(const ax_net *n, ax_val v, const char *name, ax_port *out)
{
    const ax_desc *d = &n->graph.val[v].desc;
    *out = (ax_port){name, d->dtype, sample_shape(&d->shape), NULL};
}

/* 2: softmax over the classes, 1: sigmoid, 0: neither */
static int probability(const ax_net *n)
{
    const ax_value *v = &n->graph.val[n->outputs[0]];
    if (n->n_outputs != 1 || v->desc.shape.rank != 2 || n->logits[0] == n->outputs[0])
        return 0;
    const ax_activation_attr *a = n->graph.node[v->node].attr;
    return a->act.row->kind == AX_ACT_VECTOR ? 2 : 1;
}

/* What was learned is told instead of what it started from. A layer that passes its input on, as
 * dropout does here, gives the same value, but has no activation. */
static int tell_learned(ax_model *m, const ax_layer *l, ax_layer_info *info, ax_err *err)
{
    const ax_graph *g = &m->net.graph;
    const ax_value *v = &g->val[l->out];
    if (l->act.row && !strcmp(l->act.row->name, "prelu") && v->kind == AX_VAL_NODE &&
        g->node[v->node].op == &ax_op_prelu) {
        const ax_value *slope = &g->val[g->node[v->node].in[1]];
        info->act.param[0] =
            slope->desc.shape.dim[0] == 1 ? (double)((const float *)slope->data)[0] : NAN;
        info->act.learned = 1;
    }
    if (!l->act.learned)
        return 0;
    info->act = ax_learned_act(g, &g->node[g->val[l->out].node]);
    cJSON *json = ax_act_to_json(&info->act);
    char *text = ax_json_text(json, 0);
    info->activation = text ? ax_arena_strdup(&m->arena, text) : NULL;
    cJSON_free(text);
    cJSON_Delete(json);
    return info->activation ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the model");
}

int ax_model_describe_layers(ax_model *m, int whole, ax_err *err)
{
    const ax_net *n = &m->net;
    ax_model_info *info = &m->info;
    ax_layer_info *layers = AX_ARRAY(&m->arena, ax_layer_info, n->n_layers);
    if (!layers)
        return ax_fail(err, AX_ENOMEM, "no memory for the model");
    for (int i = 0; i < n->n_layers; i++) {
        const ax_layer *l = &n->layers[i];
        const ax_shape *s = &n->graph.val[l->out].desc.shape;
        layers[i] = (ax_layer_info){.name = l->name,
                                    .type = l->type,
                                    .activation = l->activation,
                                    .act = l->act,
                                    .gain = l->gain,
                                    .shape = whole || !s->rank ? *s : sample_shape(s),
                                    .params = l->params,
                                    .flops = l->flops};
        if (tell_learned(m, l, &layers[i], err))
            return -1;
        info->params = ax_count_add(info->params, l->params);
        info->flops = ax_count_add(info->flops, l->flops);
    }
    info->layers = layers, info->n_layers = n->n_layers;
    return 0;
}

static int describe(ax_model *m, ax_err *err)
{
    ax_arena *a = &m->arena;
    ax_net *n = &m->net;
    ax_model_info *info = &m->info;
    ax_port *in = AX_ARRAY(a, ax_port, n->n_inputs), *out = AX_ARRAY(a, ax_port, n->n_outputs);
    if (!in || !out)
        return ax_fail(err, AX_ENOMEM, "no memory for the model");
    for (int i = 0; i < n->n_inputs; i++)
        port(n, n->inputs[i], n->graph.val[n->inputs[i]].name, &in[i]);
    for (int i = 0; i < n->n_outputs; i++)
        port(n, n->outputs[i], n->output_names[i], &out[i]);
    if (ax_model_describe_layers(m, 0, err))
        return -1;
    info->name = n->name;
    info->batches = 1;
    info->inputs = in, info->n_inputs = n->n_inputs;
    info->outputs = out, info->n_outputs = n->n_outputs;
    info->labels = n->labels, info->n_labels = n->n_labels;
    info->classifies = probability(n);
    info->spec = n->spec;
    return 0;
}

static int fuse(ax_model *m, ax_err *err)
{
    ax_graph_init(&m->fused);
    m->packs = ax_packs_new();
    m->map = malloc((size_t)m->net.graph.n_val * sizeof *m->map);
    if (!m->packs || !m->map)
        return ax_fail(err, AX_ENOMEM, "no memory for the model");
    return ax_graph_fuse(&m->net.graph, m->net.outputs, m->net.n_outputs, &m->fused, m->map, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Is the file what was written? *test gets the self-test, NULL when there is none. */
static int check_file(const ax_model *m, const char **test, ax_err *err)
{
    int hashed = ax_safetensors_verify(m->file, err);
    *test = ax_safetensors_meta(m->file, "axond.selftest");
    if (hashed < 0) {
        ax_err_hint(err, "a tool that changes a model leaves axond.hash, axond.selftest and "
                         "axond.version out");
        return ax_err_in(err, AX_ST_HASH);
    }
    if (ax_safetensors_meta(m->file, "axond.version") && !(hashed && *test)) {
        const char *missing = hashed ? "axond.selftest" : AX_ST_HASH;
        ax_fail(err, AX_ECORRUPT,
                "the file is damaged: axond wrote it, but %s is not in its metadata", missing);
        return ax_err_in(err, "%s", missing);
    }
    if (ax_safetensors_meta(m->file, "axond.spec"))
        return 0;
    ax_fail(err, AX_ECORRUPT,
            "there is no axond.spec in the file's metadata: it holds tensors, but no model");
    return ax_err_in(err, "axond.spec");
}

static const char *hash_text(ax_model *m, uint64_t hash)
{
    return ax_arena_printf(&m->arena, "%016llx", (unsigned long long)hash);
}

/* What only a file can say. */
static int describe_file(ax_model *m, const char *path, ax_err *err)
{
    ax_model_info *info = &m->info;
    size_t size;
    const uint8_t *bytes = ax_safetensors_bytes(m->file, &size);
    info->path = ax_arena_strdup(&m->arena, path);
    info->file_hash = hash_text(m, ax_hash64(bytes, size));
    info->hash = ax_safetensors_meta(m->file, AX_ST_HASH); /* which check_file() has checked */
    if (!info->hash)
        info->hash = hash_text(m, ax_safetensors_hash(m->file));
    info->file_bytes = (int64_t)size;
    info->format = "safetensors";
    info->training = ax_safetensors_meta(m->file, "axond.training");
    if (!info->path || !info->hash || !info->file_hash)
        return ax_fail(err, AX_ENOMEM, "no memory for the model");
    cJSON *json =
        info->training ? ax_json_parse(info->training, strlen(info->training), NULL) : NULL;
    int bad = info->training && !cJSON_IsObject(json);
    cJSON_Delete(json);
    if (!bad)
        return 0;
    ax_fail(err, AX_ECORRUPT, "the training summary is not a JSON object");
    return ax_err_in(err, "axond.training");
}

/* A model without a self-test is at least planned: one that needs more memory than there is must
 * not look sound until it is asked. */
static int check_plan(ax_model *m, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    int bad = !s || ax_session_resize(s, 1, err);
    ax_session_close(s);
    return bad ? -1 : 0;
}

/* Files tell what they are: a safetensors file begins with the length of its header, and that with
 * a brace; one of ONNX with the version of its form or, from a writer with an order of its own,
 * with the graph. What is neither is left to the reader of safetensors to complain about. */
enum { ONNX_VERSION = 1 << 3, ONNX_GRAPH = 7 << 3 | 2 }; /* fields of protobuf, with their kinds */

int ax_model_is_onnx(const char *path)
{
    uint8_t head[9] = {0};
    struct stat st;
    FILE *f = !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    uint64_t len;
    if (f)
        fclose(f);
    memcpy(&len, head, sizeof len);
    if (n == sizeof head && head[8] == '{' && len < (uint64_t)st.st_size)
        return 0;
    return n > 1 && (head[0] == ONNX_VERSION || head[0] == ONNX_GRAPH);
}

static int open_file(ax_model *m, const char *path, ax_err *err)
{
    if (ax_model_is_onnx(path))
        return ax_model_open_onnx(m, path, err);
    const char *test;
    if (!(m->file = ax_safetensors_load(path, err))) {
        if (err && !*err->hint && (err->code == AX_EPARSE || err->code == AX_ELIMIT))
            ax_err_hint(err, "models are files of safetensors, or of ONNX");
        return -1;
    }
    if (check_file(m, &test, err) ||
        build_net(m, ax_safetensors_meta(m->file, "axond.spec"), err) || bind(m, err) ||
        describe(m, err) || describe_file(m, path, err) || fuse(m, err))
        return -1;
    m->info.self_test = test ? "passed" : "none";
    if (!test)
        return check_plan(m, err);
    return ax_selftest_check(m, test, err) ? ax_err_in(err, "axond.selftest") : 0;
}

/* ---- the public face ------------------------------------------------------------------------- */

static void model_free(ax_model *m)
{
    if (!m)
        return;
    ax_packs_free(m->packs);
    free(m->map);
    ax_graph_fini(&m->fused);
    ax_net_fini(&m->net);
    ax_safetensors_close(m->file);
    ax_onnx_source_free(m->onnx);
    ax_arena_fini(&m->arena);
    free(m);
}

static ax_model *model_new(ax_err *err)
{
    ax_model *m = calloc(1, sizeof *m);
    if (m) {
        m->refs = 1;
        ax_arena_init(&m->arena, 0);
    } else {
        ax_fail(err, AX_ENOMEM, "no memory for the model");
    }
    return m;
}

ax_model *ax_model_read(const char *path, ax_err *err)
{
    ax_model *m = model_new(err);
    if (!m || !open_file(m, path, err))
        return m;
    model_free(m);
    return NULL;
}

ax_model *ax_model_open(const char *path, ax_err *err)
{
    ax_err why = {0};
    ax_model *m = ax_model_read(path, &why);
    if (!m) {
        int named = strstr(why.msg, path) != NULL; /* the system's errors name the file */
        ax_fail(err, why.code, "%s%s%.400s%s%s%s", named ? "" : path, named ? "" : ": ", why.msg,
                *why.at ? " (at " : "", why.at, *why.at ? ")" : "");
        ax_err_hint(err, "%s", why.hint);
    }
    return m;
}

ax_model *ax_model_of_net(const ax_net *net, ax_err *err)
{
    ax_model *m = model_new(err);
    if (!m || (!build_net(m, net->spec, err) && !borrow(m, net, err) && !describe(m, err) &&
               !fuse(m, err)))
        return m;
    model_free(m);
    return NULL;
}

ax_model *ax_model_acquire(ax_model *m)
{
    __atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

void ax_model_release(ax_model *m)
{
    if (m && __atomic_fetch_sub(&m->refs, 1, __ATOMIC_ACQ_REL) == 1)
        model_free(m);
}

int ax_model_example_shape(const ax_model *m, int i, ax_shape *shape)
{
    if (i >= m->net.n_inputs)
        return -1;
    *shape = m->net.graph.val[m->net.inputs[i]].desc.shape;
    return 0;
}

const ax_model_info *ax_model_get_info(const ax_model *m)
{
    return &m->info;
}
