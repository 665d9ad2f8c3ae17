/* onnx.c - see onnx.h. */
#include "train/onnx.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "io/onnx_edit.h"
#include "io/onnx_export.h"
#include "io/onnx_learned.h"
#include "train/head.h"

#define HEAD_INPUT "head_input" /* the value that was cut, as the head calls it */

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the training");
}

/* ---- what is learned ---------------------------------------------------------------------------
 */

static int is_layer(const ax_onnx_node *n, const char *name)
{
    return *n->name ? !strcmp(n->name, name) : n->n_out && !strcmp(n->out[0], name);
}

/* The weights of frozen layers are not learned. */
static int freeze(const ax_onnx_graph *g, const char *name, unsigned char *learned)
{
    int found = 0;
    for (int i = 0; i < g->n_node; i++) {
        if (!is_layer(&g->node[i], name))
            continue;
        found = 1;
        for (int k = 0; k < g->node[i].n_in; k++)
            for (int v = 0; v < g->n_init; v++)
                if (!strcmp(g->init[v].name, g->node[i].in[k]))
                    learned[v] = 0;
    }
    return found;
}

static int freeze_all(ax_trainer *t, const ax_onnx_graph *g, ax_err *err)
{
    const cJSON *e;
    int i = 0;
    if (t->config.freeze_all)
        memset(t->learned, 0, (size_t)g->n_init);
    cJSON_ArrayForEach(e, t->config.freeze)
    {
        if (!cJSON_IsString(e) || !freeze(g, e->valuestring, t->learned)) {
            ax_fail(err, AX_ENOTFOUND, "there is no layer called '%.100s' to freeze",
                    cJSON_IsString(e) ? e->valuestring : "(not a string)");
            return ax_err_in(err, "freeze[%d]", i);
        }
        i++;
    }
    return 0;
}

/* The value that "after" names, or before the last layer. */
static int find_cut(ax_trainer *t, const ax_onnx_file *f, ax_err *err)
{
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(t->config.head, "after");
    const char *names[256];
    int count = 0;
    if (!after && !(t->cut = ax_onnx_last_input(f, t->learned))) {
        ax_fail(err, AX_EINVAL, "the file has no layer with weights that a head could replace");
        ax_err_hint(err, "name the value to go on from: \"after\"");
        return ax_err_in(err, "head");
    }
    for (int i = f->graph.n_node - 1; after && !t->cut && i >= 0; i--) {
        const ax_onnx_node *n = &f->graph.node[i];
        if (is_layer(n, after->valuestring) && n->n_out)
            t->cut = n->out[0];
        for (int k = 0; k < n->n_out; k++)
            if (!strcmp(n->out[k], after->valuestring))
                t->cut = n->out[k];
        if (count < 256)
            names[count++] = *n->name ? n->name : n->n_out ? n->out[0] : "";
    }
    if (t->cut)
        return 0;
    ax_fail(err, AX_ENOTFOUND, "the model has no layer or value '%.100s'", after->valuestring);
    const char *near = ax_nearest(after->valuestring, names, count);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    return ax_err_in(err, "head.after");
}

int ax_train_onnx_take(ax_trainer *t, ax_model *from, ax_err *err)
{
    const ax_onnx_file *f = &from->onnx->file;
    if (ax_backed_hold_all(from->onnx->bytes, err)) /* as long as the training lasts */
        return -1;
    t->onnx = ax_model_acquire(from);
    if (!from->info.batches || from->info.n_inputs != 1 || from->info.inputs[0].dtype != AX_F32) {
        ax_fail(err, AX_EUNSUPPORTED,
                "only models with one float32 input that takes batches can be trained");
        return ax_err_in(err, "model");
    }
    if (!(t->learned = AX_ARRAY(&t->arena, unsigned char, f->graph.n_init)))
        return no_memory(err);
    ax_onnx_learned(f, t->learned);
    return (t->config.head && find_cut(t, f, err)) || freeze_all(t, &f->graph, err) ? -1 : 0;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static int check_output(const ax_net *n, int64_t batch, ax_err *err)
{
    char text[160];
    const ax_shape *s = &n->graph.val[n->outputs[0]].desc.shape;
    if (s->rank >= 1 && s->dim[0] == batch && n->graph.val[n->outputs[0]].desc.dtype == AX_F32)
        return 0;
    ax_fail(err, AX_ESHAPE, "for batches of %lld samples '%.96s' has the shape %s",
            (long long)batch, n->output_names[0], ax_shape_str(s, text, sizeof text));
    return ax_err_in(err, "model");
}

int ax_train_onnx_build(ax_trainer *t, int eval, ax_err *err)
{
    ax_net *n = eval ? &t->eval : &t->net;
    const ax_onnx_source *s = t->onnx->onnx;
    ax_tensor in = {AX_F32, s->in[0].shape, NULL};
    ax_onnx_how how = {.learned = t->learned, .until = t->cut};
    ax_net_training training = {.seed = t->config.seed};
    int64_t batch = t->config.batch_size;
    in.shape.dim[0] = batch;
    if (ax_onnx_net_learning(n, &s->file, &in, &how, !eval, err))
        return ax_err_in(err, "model");
    n->name = t->onnx->info.name;
    if (!(n->spec = ax_arena_printf(&n->graph.arena, "{\"onnx\":\"%s\"}", t->onnx->info.hash)))
        return no_memory(err);
    if (check_output(n, batch, err))
        return -1;
    t->kept = n->n_layers;
    t->cut_shape = n->graph.val[n->outputs[0]].desc.shape;
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(t->config.head, "layers");
    if (layers && ax_net_extend(n, n->outputs[0], layers, eval ? NULL : &training, batch, err))
        return ax_err_in(err, "head");
    return 0;
}

const void *ax_train_onnx_numbers(const ax_trainer *t, const char *param)
{
    const ax_onnx_graph *g = &t->onnx->onnx->file.graph;
    for (int i = 0; i < g->n_init; i++)
        if (t->learned[i] && !strcmp(g->init[i].name, param))
            return g->init[i].data;
    return NULL;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* What the new file takes from here. */
typedef struct parts {
    const ax_trainer *t;
    const char *training; /* its summary                          */
    ax_net head;          /* for inference, on the weights of now */
    ax_pb bytes;          /* of it, as a file of its own */
} parts;

static const float *numbers(void *ctx, const char *name)
{
    const ax_net *n = &((const parts *)ctx)->t->eval;
    for (int i = 0; i < n->n_inits; i++)
        if (!strcmp(n->graph.val[n->inits[i].param].name, name))
            return n->graph.val[n->inits[i].param].data;
    return NULL;
}

/* The head as a model of its own; its layers have the names that they have in the training's net.
 */
static cJSON *head_spec(const ax_trainer *t)
{
    cJSON *layers = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(t->config.head, "layers"), 1),
          *l;
    cJSON *spec = cJSON_CreateObject(), *inputs = cJSON_AddArrayToObject(spec, "inputs");
    cJSON *in = cJSON_CreateObject(), *shape = cJSON_CreateArray();
    int k = t->kept;
    for (int i = 1; i < t->cut_shape.rank; i++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->cut_shape.dim[i]));
    cJSON_AddStringToObject(in, "name", HEAD_INPUT);
    cJSON_AddItemToObject(in, "shape", shape);
    cJSON_AddItemToArray(inputs, in);
    cJSON_ArrayForEach(l, layers)
    {
        cJSON_DeleteItemFromObjectCaseSensitive(l, "name");
        cJSON_AddStringToObject(l, "name", t->eval.layers[k++].name);
    }
    cJSON_AddItemToObject(spec, "layers", layers);
    return spec;
}

static int make_head(parts *p, ax_err *err)
{
    cJSON *spec = head_spec(p->t);
    int bad = ax_net_build(&p->head, spec, NULL, 1, err);
    cJSON_Delete(spec);
    if (bad)
        return ax_err_in(err, "head");
    for (int i = 0; i < p->head.n_inits; i++) {
        ax_value *v = &p->head.graph.val[p->head.inits[i].param];
        v->data = (void *)(uintptr_t)numbers(p, v->name);
    }
    return 0;
}

/* The head in the operators of the file's opset. */
static int put_head(void *ctx, ax_onnx *m, ax_err *err)
{
    const parts *p = ctx;
    const ax_onnx_file *f = &p->t->onnx->onnx->file;
    int opset = (int)ax_onnx_opset_of(f->opset, f->n_opset, ""), needs;
    ax_onnx_put_node(m, "Identity", (const char *[]){p->t->cut}, 1, HEAD_INPUT);
    if (ax_net_put_onnx(&p->head, AX_ONNX_NAMED, opset, m, &needs, err))
        return ax_err_in(err, "head");
    if (needs <= opset)
        return 0;
    ax_fail(err, AX_EUNSUPPORTED, "the head needs operators of opset %d, the file is of opset %d",
            needs, opset);
    return ax_err_in(err, "head");
}

static void put(void *ctx, const void *p, size_t n)
{
    ax_outfile_write(ctx, p, n);
}

static int save(const ax_pb *bytes, const char *path, ax_err *err)
{
    ax_outfile f;
    if (ax_outfile_open(&f, path, err))
        return -1;
    ax_pb_each(bytes, put, &f);
    return ax_outfile_commit(&f, err);
}

static int rewrite(const ax_trainer *t, parts *p, ax_err *err)
{
    const ax_model *from = t->onnx;
    ax_pb out = {0};
    ax_map bytes;
    if (ax_map_copy(&bytes, from->info.path, err))
        return -1;
    int bad = ax_hash64(bytes.data, bytes.size) != from->onnx->hash;
    if (bad)
        ax_fail(err, AX_ECORRUPT, "the file has changed since the training began");
    cJSON *labels = t->data.labels && t->width == t->data.n_classes
                        ? cJSON_CreateStringArray(t->data.labels, t->data.n_classes)
                        : NULL;
    char *text = labels ? ax_json_text(labels, 0) : NULL;
    const char *old = t->cut ? NULL : ax_onnx_note_of(&from->onnx->file, AX_ONNX_LABELS);
    const ax_onnx_note notes[] = {{AX_ONNX_TRAINING, p->training},
                                  {AX_ONNX_LABELS, text ? text : old}};
    ax_onnx_edit e = {
        .numbers = numbers, .cut = t->cut, .end = put_head, .notes = notes, .n_notes = 2, .ctx = p};
    bad = bad || ax_onnx_rewrite(bytes.data, bytes.size, &from->onnx->file, &e, &out, err) ||
          save(&out, t->options->out, err);
    cJSON_free(text);
    cJSON_Delete(labels);
    ax_pb_free(&out);
    ax_map_close(&bytes);
    return bad ? -1 : 0;
}

int ax_train_onnx_write(const ax_trainer *t, const char *training, ax_err *err)
{
    parts p = {.t = t, .training = training};
    int bad = (t->cut && make_head(&p, err)) || rewrite(t, &p, err);
    ax_net_fini(&p.head);
    return bad ? -1 : 0;
}
