/* model.c - a model file opened, checked, frozen; and written.
 *
 * Opening maps the file, builds the graph from the spec in its metadata, binds every parameter to
 * its bytes, fuses, and runs the self-test: known inputs must give the outputs that the writer got.
 * The outputs are compared as a hash, which holds wherever kernels fuse multiply and add the same
 * way, and else as numbers. */
#include "model.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SELFTEST_BATCH = 2, SELFTEST_NUMBERS = 64, SELFTEST_SEED = 20 };
#define MIN_HIGH 1e-30 /* bounds of the largest input number */
#define MAX_HIGH 1e30

/* ---- opening --------------------------------------------------------------------------------- */

static int build_net(ax_model *m, ax_err *err)
{
    const char *text = ax_safetensors_meta(m->file, "axond.spec");
    if (!text) {
        ax_fail(err, AX_ECORRUPT, "there is no axond.spec in the file's metadata: it holds tensors, but no model");
        return ax_err_in(err, "axond.spec");
    }
    cJSON *spec = ax_json_parse(text, strlen(text), err);
    if (!spec)
        return ax_err_in(err, "axond.spec");
    int bad = ax_net_build(&m->net, spec, NULL, 1, err);
    cJSON_Delete(spec);
    return bad ? -1 : 0;
}

static int bind_one(ax_model *m, ax_value *v, ax_err *err)
{
    char text[160];
    const ax_st_entry *e = ax_safetensors_find(m->file, v->name);
    if (!e)
        return ax_fail(err, AX_ECORRUPT, "the tensor '%s' is missing", v->name);
    if (e->type != AX_F32 || !ax_shape_equal(&e->shape, &v->desc.shape)) {
        char have[160];
        return ax_fail(err, AX_ESHAPE, "the tensor '%s' is %s %s, its layer expects F32 %s", v->name, e->dtype,
                       ax_shape_str(&e->shape, have, sizeof have), ax_shape_str(&v->desc.shape, text, sizeof text));
    }
    v->data = (void *)(uintptr_t)e->data;
    if ((uintptr_t)e->data % sizeof(float)) {
        if (!(v->data = ax_arena_memdup(&m->arena, e->data, e->bytes)))
            return ax_fail(err, AX_ENOMEM, "no memory for the tensor '%s'", v->name);
    }
    const float *p = v->data;
    for (size_t k = 0; k < e->bytes / sizeof(float); k++)
        if (!isfinite(p[k]))
            return ax_fail(err, AX_ERANGE, "the tensor '%s' holds %s at element %zu, expected finite numbers", v->name,
                           isnan(p[k]) ? "NaN" : "infinity", k);
    return 0;
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

static void port(const ax_net *n, ax_val v, const char *name, ax_port *out)
{
    const ax_desc *d = &n->graph.val[v].desc;
    *out = (ax_port){name, d->dtype, {.rank = d->shape.rank - 1}};
    memcpy(out->shape.dim, d->shape.dim + 1, (size_t)out->shape.rank * sizeof out->shape.dim[0]);
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

static int describe(ax_model *m, const char *path, ax_err *err)
{
    ax_arena *a = &m->arena;
    ax_net *n = &m->net;
    ax_model_info *info = &m->info;
    ax_port *in = AX_ARRAY(a, ax_port, n->n_inputs), *out = AX_ARRAY(a, ax_port, n->n_outputs);
    ax_layer_info *layers = AX_ARRAY(a, ax_layer_info, n->n_layers);
    ax_map file;
    if (!in || !out || !layers)
        return ax_fail(err, AX_ENOMEM, "no memory for the model");
    for (int i = 0; i < n->n_inputs; i++)
        port(n, n->inputs[i], n->graph.val[n->inputs[i]].name, &in[i]);
    for (int i = 0; i < n->n_outputs; i++)
        port(n, n->outputs[i], n->output_names[i], &out[i]);
    for (int i = 0; i < n->n_layers; i++) {
        const ax_layer *l = &n->layers[i];
        ax_port p;
        port(n, l->out, l->name, &p);
        layers[i] = (ax_layer_info){l->name, l->type, l->activation, p.shape, l->params, l->flops};
        info->params += l->params;
        info->flops += l->flops;
    }
    if (ax_map_open(&file, path, err))
        return -1;
    info->hash = ax_arena_printf(a, "%016llx", (unsigned long long)ax_hash64(file.data, file.size));
    info->file_bytes = (int64_t)file.size;
    ax_map_close(&file);
    info->name = n->name;
    info->path = ax_arena_strdup(a, path);
    info->format = "safetensors";
    info->inputs = in, info->n_inputs = n->n_inputs;
    info->outputs = out, info->n_outputs = n->n_outputs;
    info->layers = layers, info->n_layers = n->n_layers;
    info->labels = n->labels, info->n_labels = n->n_labels;
    info->classifies = probability(n);
    info->spec = n->spec;
    info->training = ax_safetensors_meta(m->file, "axond.training");
    return info->hash && info->path ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the model");
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

/* ---- self-test ------------------------------------------------------------------------------- */

/* Fill the inputs with numbers in [0, high) and run. */
static ax_session *selftest_run(ax_model *m, double high, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    if (!s || ax_session_resize(s, SELFTEST_BATCH, err)) {
        ax_session_close(s);
        return NULL;
    }
    for (int i = 0; i < m->info.n_inputs; i++) {
        float *x = ax_session_input(s, i);
        int64_t n = SELFTEST_BATCH * ax_shape_count(&m->info.inputs[i].shape);
        for (int64_t k = 0; k < n; k++)
            x[k] = (float)(high * ax_rng_uniform((ax_rng){SELFTEST_SEED, (uint64_t)i}, (uint64_t)k));
    }
    ax_session_run(s);
    return s;
}

static uint64_t selftest_hash(ax_session *s)
{
    uint64_t h = 0;
    for (int i = 0; i < ax_session_outputs(s); i++) {
        size_t n = SELFTEST_BATCH * (size_t)ax_shape_count(&ax_session_output_port(s, i)->shape);
        h = h * 31 + ax_hash64(ax_session_output(s, i), n * sizeof(float));
    }
    return h;
}

static int selftest_close(ax_session *s, const cJSON *want, ax_err *err)
{
    const float *y = ax_session_output(s, 0);
    int64_t n = SELFTEST_BATCH * ax_shape_count(&ax_session_output_port(s, 0)->shape), i = 0;
    double largest = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, want) largest = fmax(largest, fabs(e->valuedouble));
    cJSON_ArrayForEach(e, want)
    {
        if (i >= n || !(fabs(y[i] - e->valuedouble) <= 1e-4 * largest))
            return ax_fail(err, AX_ECORRUPT,
                           "self-test failed: output %lld is %.9g, the model's writer got %.9g; the file is damaged",
                           (long long)i, i < n ? y[i] : NAN, e->valuedouble);
        i++;
    }
    return 0;
}

static int selftest(ax_model *m, ax_err *err)
{
    const char *text = ax_safetensors_meta(m->file, "axond.selftest");
    if (!text)
        return 0;
    cJSON *t = ax_json_parse(text, strlen(text), err);
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(t, "outputs");
    const char *hash;
    double high;
    ax_session *s = NULL;
    int bad = -1;
    if (!t || ax_json_str(t, "hash", "", &hash, err) || ax_json_num(t, "high", 1, MIN_HIGH, MAX_HIGH, &high, err))
        goto done;
    if (!(s = selftest_run(m, high, err)))
        goto done;
    char got[24];
    snprintf(got, sizeof got, "%016llx", (unsigned long long)selftest_hash(s));
    if (!strcmp(got, hash))
        bad = 0;
    else if (!cJSON_GetArraySize(want))
        bad = ax_fail(err, AX_ECORRUPT, "self-test failed: the outputs' hash is %s, the model's writer got '%.32s'", got, hash);
    else
        bad = selftest_close(s, want, err);
done:
    ax_session_close(s);
    cJSON_Delete(t);
    return bad ? ax_err_in(err, "axond.selftest") : 0;
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
    ax_arena_fini(&m->arena);
    free(m);
}

ax_model *ax_model_read(const char *path, ax_err *err)
{
    ax_model *m = calloc(1, sizeof *m);
    if (!m) {
        ax_fail(err, AX_ENOMEM, "no memory for the model");
        return NULL;
    }
    m->refs = 1;
    ax_arena_init(&m->arena, 0);
    int bad = !(m->file = ax_safetensors_open(path, err)) || build_net(m, err) || bind(m, err) ||
              describe(m, path, err) || fuse(m, err);
    if (!bad && !(bad = selftest(m, err)))
        return m;
    model_free(m);
    return NULL;
}

ax_model *ax_model_open(const char *path, ax_err *err)
{
    ax_err why = {0};
    ax_model *m = ax_model_read(path, &why);
    if (!m) {
        ax_fail(err, why.code, "%s: %.400s%s%s%s", path, why.msg, *why.at ? " (at " : "", why.at, *why.at ? ")" : "");
        ax_err_hint(err, "%s", why.hint);
    }
    return m;
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

const ax_model_info *ax_model_get_info(const ax_model *m)
{
    return &m->info;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_file(const char *path, const ax_net *n, const ax_st_meta *meta, int n_meta, ax_err *err)
{
    ax_st_item *items = calloc((size_t)n->n_inits + 1, sizeof *items);
    if (!items)
        return ax_fail(err, AX_ENOMEM, "no memory to write the model");
    for (int i = 0; i < n->n_inits; i++) {
        const ax_value *v = &n->graph.val[n->inits[i].param];
        items[i] = (ax_st_item){v->name, {AX_F32, v->desc.shape, v->data}};
    }
    int bad = ax_safetensors_write(path, items, n->n_inits, meta, n_meta, err);
    free(items);
    return bad;
}

/* The largest raw input worth testing with: the spec's scale brings it to 1. */
static double input_high(const char *spec_text)
{
    cJSON *spec = cJSON_Parse(spec_text);
    const cJSON *in = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(spec, "inputs"), 0);
    const cJSON *scale = cJSON_GetObjectItemCaseSensitive(in, "scale");
    if (cJSON_IsArray(scale))
        scale = scale->child;
    double high = cJSON_IsNumber(scale) && scale->valuedouble != 0 ? 1 / fabs(scale->valuedouble) : 1;
    cJSON_Delete(spec);
    return fmin(fmax(high, MIN_HIGH), MAX_HIGH);
}

static char *selftest_text(ax_model *m, ax_err *err)
{
    double high = input_high(m->net.spec);
    ax_session *s = selftest_run(m, high, err);
    if (!s)
        return NULL;
    char hash[24];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)selftest_hash(s));
    cJSON *t = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(t, "outputs");
    const float *y = ax_session_output(s, 0);
    int64_t n = SELFTEST_BATCH * ax_shape_count(&ax_session_output_port(s, 0)->shape);
    for (int64_t i = 0; i < n && i < SELFTEST_NUMBERS; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)y[i]));
    cJSON_AddNumberToObject(t, "high", high);
    cJSON_AddStringToObject(t, "hash", hash);
    char *text = cJSON_PrintUnformatted(t);
    if (!text)
        ax_fail(err, AX_ENOMEM, "no memory for the self-test");
    cJSON_Delete(t);
    ax_session_close(s);
    return text;
}

/* First a file without self-test, which is opened and run as any reader will; then the whole. */
int ax_model_write(const char *path, const ax_net *net, const char *training, ax_err *err)
{
    ax_st_meta meta[4] = {{"axond.spec", net->spec}, {"axond.version", AX_VERSION}};
    int n = 2, bad = -1;
    size_t len = strlen(path) + 16;
    char *draft = malloc(len), *text = NULL;
    ax_model *m = NULL;
    if (!draft)
        return ax_fail(err, AX_ENOMEM, "no memory to write the model");
    snprintf(draft, len, "%s.draft", path);
    if (training)
        meta[n++] = (ax_st_meta){"axond.training", training};
    if (write_file(draft, net, meta, n, err) || !(m = ax_model_open(draft, err)) ||
        !(text = selftest_text(m, err)))
        goto done;
    meta[n++] = (ax_st_meta){"axond.selftest", text};
    bad = write_file(path, net, meta, n, err);
done:
    remove(draft);
    ax_model_release(m);
    cJSON_free(text);
    free(draft);
    return bad;
}
