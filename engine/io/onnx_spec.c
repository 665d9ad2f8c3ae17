/* onnx_spec.c - see onnx_spec.h.
 *
 * Values are said as late as can be: a reshape is none until somebody looks at the shape,
 * arithmetic waits until it is known how much of it is one activation, and layers get their names
 * when it is known which of them are outputs. */
#include "io/onnx_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/onnx_spec_impl.h"

enum { TOLD = 6 }; /* nodes that are told of when there is no layer for them */

/* ---- what rows say things with --------------------------------------------------------------- */

void *onnx_say_room(speller *s, int64_t n, size_t size)
{
    void *p = ax_arena_array(s->mem, (size_t)(n > 0 ? n : 1), size);
    s->failed |= !p;
    return p;
}

const ax_shape *onnx_say_shape(const speller *s, ax_val v)
{
    return &s->g->val[v].desc.shape;
}

const float *onnx_say_known(const speller *s, ax_val v)
{
    const ax_value *x = v < 0 ? NULL : &s->g->val[v];
    int known =
        x && x->desc.dtype == AX_F32 && (x->kind == AX_VAL_PARAM || x->kind == AX_VAL_CONST);
    return known ? x->data : NULL;
}

int onnx_say_trouble(speller *s, const char *fmt, ...)
{
    char why[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    if (s->at == s->told) /* another part of the same node */
        return -1;
    s->told = s->at;
    size_t at = strlen(s->trouble);
    const char *name = *s->at->name ? s->at->name : s->at->n_out ? s->at->out[0] : "";
    if (s->troubles++ < TOLD)
        snprintf(s->trouble + at, sizeof s->trouble - at, "%s%.40s '%.60s': %s", at ? "; " : "",
                 s->at->op, name, why);
    return -1;
}

/* Room for one more; the old array stays in the arena. */
static void *grown(speller *s, void *array, int n, int *cap, size_t size)
{
    if (n < *cap)
        return array;
    int more = *cap ? 2 * *cap : 32;
    void *p = onnx_say_room(s, more, size);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, array, (size_t)n * size);
    *cap = more;
    return p;
}

int onnx_say_layer(speller *s, const char *type, const int *in, int n_in)
{
    spec_layer *all = grown(s, s->layer, s->n_layer, &s->cap_layer, sizeof *all);
    int *copy = onnx_say_room(s, n_in, sizeof *copy);
    cJSON *json = cJSON_CreateObject();
    if (!all || !copy || !json || !cJSON_AddStringToObject(json, "type", type)) {
        s->failed = 1;
        cJSON_Delete(json);
        return -1;
    }
    memcpy(copy, in, (size_t)n_in * sizeof *copy);
    s->layer = all;
    const char *made = s->at->n_out ? s->at->out[0] : ""; /* a node may make nothing */
    s->layer[s->n_layer] = (spec_layer){
        .json = json, .name = *s->at->name ? s->at->name : made, .in = copy, .n_in = n_in};
    return s->n_layer++;
}

int onnx_say_between(speller *s, const char *type, int in)
{
    int l = onnx_say_layer(s, type, &in, 1);
    if (l >= 0) {
        s->layer[l].name = type;
        s->layer[l].between = 1;
    }
    return l;
}

void onnx_say_item(speller *s, int layer, const char *key, cJSON *item)
{
    if (layer >= 0 && item && cJSON_AddItemToObject(s->layer[layer].json, key, item))
        return;
    cJSON_Delete(item);
    s->failed = 1;
}

void onnx_say_number(speller *s, int layer, const char *key, double v)
{
    onnx_say_item(s, layer, key, cJSON_CreateNumber(v));
}

void onnx_say_int(speller *s, int layer, const char *key, int64_t v)
{
    onnx_say_number(s, layer, key, (double)v);
}

void onnx_say_ints(speller *s, int layer, const char *key, const int64_t *v, int n)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && i < n; i++)
        s->failed |= !cJSON_AddItemToArray(list, cJSON_CreateNumber((double)v[i]));
    onnx_say_item(s, layer, key, list);
}

/* The name is complete when the layer's is. */
void onnx_say_tensor(speller *s, int layer, const char *suffix, const ax_shape *shape,
                     const float *data)
{
    struct ax_spec_tensor *all =
        grown(s, s->to->tensor, s->to->n_tensor, &s->cap_tensor, sizeof *all);
    const char *name = ax_arena_printf(s->mem, "%d/%s", layer, suffix);
    s->failed |= !all || !name || !data;
    if (s->failed)
        return;
    s->to->tensor = all;
    s->to->tensor[s->to->n_tensor++] = (ax_spec_tensor){name, *shape, data};
}

int onnx_say_value(speller *s, ax_val v, int layer, const ax_shape *shape)
{
    s->val[v] = (said){.kind = SAID_LAYER, .layer = layer, .shape = *shape, .base = v};
    return s->failed ? -1 : 0;
}

/* ---- values as layers ------------------------------------------------------------------------ */

said *onnx_say_settled(speller *s, ax_val v)
{
    said *x = &s->val[v];
    if (x->kind == SAID_NOT) /* a constant where a layer's value belongs */
        onnx_say_trouble(s, "it takes numbers that no input has a part in");
    if (x->kind == SAID_NOT || x->kind == SAID_BROKEN)
        return NULL;
    return onnx_say_settle(s, v) ? NULL : x;
}

static said *reshaped(speller *s, ax_val v, const ax_shape *to)
{
    said *x = &s->val[v];
    if (ax_shape_equal(&x->shape, to))
        return x;
    int flat = to->rank == 1, l = onnx_say_between(s, flat ? "flatten" : "reshape", x->layer);
    if (!flat)
        onnx_say_ints(s, l, "target_shape", to->dim, to->rank);
    return onnx_say_value(s, v, l, to) ? NULL : x;
}

said *onnx_say_whole(speller *s, ax_val v)
{
    const ax_shape *g = onnx_say_shape(s, v);
    ax_shape sample = {.rank = g->rank - 1};
    if (!onnx_say_settled(s, v))
        return NULL;
    if (g->rank < 2 || g->dim[0] != 1) {
        onnx_say_trouble(s, "the first axis of what it takes does not count samples");
        return NULL;
    }
    memcpy(sample.dim, g->dim + 1, (size_t)sample.rank * sizeof sample.dim[0]);
    return reshaped(s, v, &sample);
}

static int ends_in(const ax_shape *x, const ax_shape *tail)
{
    int lead = x->rank - tail->rank;
    return lead >= 0 && !memcmp(x->dim + lead, tail->dim, (size_t)tail->rank * sizeof tail->dim[0]);
}

said *onnx_say_rows(speller *s, ax_val v, const ax_shape *tail)
{
    said *x = onnx_say_settled(s, v);
    if (!x || ends_in(&x->shape, tail))
        return x;
    ax_shape to = *tail;
    int64_t len = ax_shape_count(tail), rows = len > 0 ? ax_shape_count(&x->shape) / len : 0;
    if (rows < 1) {
        onnx_say_trouble(s, "it takes rows of %lld numbers", (long long)len);
        return NULL;
    }
    if (rows > 1 && to.rank < AX_MAX_RANK - 1) {
        memmove(to.dim + 1, to.dim, (size_t)to.rank++ * sizeof to.dim[0]);
        to.dim[0] = rows;
    }
    return reshaped(s, v, &to);
}

/* ---- who looks at what ----------------------------------------------------------------------- */

static void mark(speller *s)
{
    const ax_net *n = s->from->net;
    for (int i = 0; i < n->n_outputs; i++) {
        s->uses[n->outputs[i]]++;
        if (s->g->val[n->outputs[i]].kind == AX_VAL_NODE)
            s->wanted[s->g->val[n->outputs[i]].node] = 1;
    }
    for (int k = s->g->n_node - 1; k >= 0; k--)
        for (int i = 0; s->wanted[k] && i < s->g->node[k].n_in; i++) {
            ax_val in = s->g->node[k].in[i];
            if (in < 0)
                continue;
            s->uses[in]++;
            if (s->g->val[in].kind == AX_VAL_NODE)
                s->wanted[s->g->val[in].node] = 1;
        }
}

int onnx_say_inside(speller *s, ax_val base, ax_val v)
{
    int first = s->g->val[base].kind == AX_VAL_NODE ? s->g->val[base].node + 1 : 0, all = 1;
    int round = ++s->round;
    s->seen[v] = round;
    s->inner[v] = s->uses[v];
    for (int k = s->g->val[v].node; k >= first; k--) {
        const ax_node *n = &s->g->node[k];
        if (s->seen[n->out] != round)
            continue;
        all &= s->inner[n->out] == s->uses[n->out];
        for (int i = 0; i < n->n_in; i++) {
            ax_val in = n->in[i];
            if (in < 0)
                continue;
            s->inner[in] = s->seen[in] == round ? s->inner[in] + 1 : 1;
            s->seen[in] = round;
        }
    }
    return all && s->seen[base] == round && s->inner[base] == s->uses[base];
}

/* ---- names ----------------------------------------------------------------------------------- */

/* As a spec wants names: "/conv1/Conv" is "conv1_Conv". */
static const char *tidy(speller *s, const char *name)
{
    enum { LONGEST = 90 };
    name += strspn(name, "/");
    char *out = ax_arena_memdup(s->mem, name, strnlen(name, LONGEST));
    s->failed |= !out;
    for (char *c = out; c && *c; c++)
        if (*c <= ' ' || *c >= 127 || strchr("\"\\/", *c))
            *c = '_';
    return !out ? "" : *out ? out : "layer";
}

static int taken(const speller *s, const char *name)
{
    for (int i = 0; i < s->from->net->n_inputs; i++)
        if (!strcmp(cJSON_GetObjectItemCaseSensitive(s->input[i], "name")->valuestring, name))
            return 1;
    for (int i = 0; i < s->n_layer; i++)
        if (s->layer[i].named && !strcmp(s->layer[i].name, name))
            return 1;
    return 0;
}

/* By this name, with a number behind it where another layer has it. */
static void name_it(speller *s, spec_layer *l, const char *name)
{
    const char *plain = tidy(s, name), *all = plain;
    for (int k = 2; !s->failed && taken(s, all); k++) {
        all = ax_arena_printf(s->mem, "%s_%d", plain, k);
        s->failed |= !all;
    }
    l->name = s->failed ? "" : all;
    l->named = 1;
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

static void say_inputs(speller *s)
{
    const ax_net *n = s->from->net;
    for (int i = 0; i < n->n_inputs; i++) {
        const ax_value *v = &s->g->val[n->inputs[i]];
        ax_shape sample = {.rank = v->desc.shape.rank - 1};
        cJSON *list = cJSON_CreateArray();
        s->input[i] = cJSON_CreateObject();
        const ax_onnx_node here = {.op = "input", .domain = "", .name = v->name};
        s->at = &here;
        int bad = v->desc.dtype != AX_F32 || sample.rank < 1;
        if (bad)
            onnx_say_trouble(s, "it is no float32 tensor of samples");
        for (int k = 0; k < sample.rank; k++) {
            sample.dim[k] = v->desc.shape.dim[k + 1];
            s->failed |= !cJSON_AddItemToArray(list, cJSON_CreateNumber((double)sample.dim[k]));
        }
        s->failed |= !cJSON_AddStringToObject(s->input[i], "name", tidy(s, v->name)) ||
                     !cJSON_AddItemToObject(s->input[i], "shape", list);
        onnx_say_value(s, n->inputs[i], -1 - i, &sample);
        if (bad)
            s->val[n->inputs[i]].kind = SAID_BROKEN;
    }
}

/* Each output is a layer of its name. */
static void say_outputs(speller *s, cJSON *list)
{
    const ax_net *n = s->from->net;
    for (int i = 0; i < n->n_outputs; i++) {
        const char *name = n->output_names[i];
        const ax_onnx_node here = {.op = "output", .domain = "", .name = name};
        s->at = &here;
        said *x = onnx_say_whole(s, n->outputs[i]);
        if (!x)
            continue;
        if (x->layer < 0 || s->layer[x->layer].output) {
            int l = onnx_say_layer(s, "activation", &x->layer, 1);
            onnx_say_item(s, l, "activation", cJSON_CreateString("identity"));
            ax_shape shape = x->shape;
            if (onnx_say_value(s, n->outputs[i], l, &shape))
                return;
        }
        spec_layer *l = &s->layer[x->layer];
        name_it(s, l, name);
        l->output = 1;
        s->failed |= !cJSON_AddItemToArray(list, cJSON_CreateString(l->name));
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void say_nodes(speller *s)
{
    const ax_onnx_file *f = s->from->file;
    for (int i = 0; i < f->graph.n_node && !s->failed; i++) {
        int from = s->from->names->first_node[i], to = s->from->names->first_node[i + 1], any = 0;
        s->at = &f->graph.node[i];
        for (int k = from; k < to; k++)
            any |= s->wanted[k];
        int whole = any ? onnx_say_operator(s, s->at) : 0;
        for (int k = from; k < to; k++) {
            const ax_node *n = &s->g->node[k];
            if (s->wanted[k] && (whole == -1 || (whole == 1 && onnx_say_node(s, n))))
                for (int o = 0; o < n->n_out; o++)
                    s->val[n->out + o].kind = SAID_BROKEN;
        }
    }
}

static void name_layers(speller *s)
{
    for (int between = 0; between < 2; between++)
        for (int i = 0; i < s->n_layer && !s->failed; i++)
            if (!s->layer[i].named && s->layer[i].between == between)
                name_it(s, &s->layer[i], s->layer[i].name);
    for (int i = 0; i < s->to->n_tensor && !s->failed; i++) {
        ax_spec_tensor *t = &s->to->tensor[i];
        const char *suffix = strchr(t->name, '/');
        t->name = ax_arena_printf(s->mem, "%s%s", s->layer[atoi(t->name)].name, suffix);
        s->failed |= !t->name;
    }
}

static const char *name_of(const speller *s, int layer)
{
    return layer >= 0 ? s->layer[layer].name
                      : cJSON_GetObjectItemCaseSensitive(s->input[-1 - layer], "name")->valuestring;
}

/* Inputs are left out where a layer takes what the one before it gives. */
static cJSON *finish_layer(speller *s, int i)
{
    spec_layer *l = &s->layer[i];
    cJSON *in = cJSON_CreateArray();
    for (int k = 0; k < l->n_in; k++)
        s->failed |= !cJSON_AddItemToArray(in, cJSON_CreateString(name_of(s, l->in[k])));
    if (l->n_in == 1 && l->in[0] == i - 1)
        cJSON_Delete(in);
    else
        s->failed |= !cJSON_AddItemToObject(l->json, "inputs", in);
    s->failed |= !cJSON_AddStringToObject(l->json, "name", l->name);
    cJSON *json = l->json;
    l->json = NULL;
    return json;
}

static void assemble(speller *s, cJSON *outputs)
{
    const ax_net *n = s->from->net;
    cJSON *spec = s->to->spec = cJSON_CreateObject();
    s->failed |= !cJSON_AddStringToObject(spec, "name", tidy(s, s->from->name));
    cJSON *inputs = cJSON_AddArrayToObject(spec, "inputs");
    for (int i = 0; i < n->n_inputs; i++) {
        s->failed |= !cJSON_AddItemToArray(inputs, s->input[i]);
    }
    cJSON *layers = cJSON_AddArrayToObject(spec, "layers");
    for (int i = 0; i < s->n_layer; i++)
        s->failed |= !cJSON_AddItemToArray(layers, finish_layer(s, i));
    s->failed |= !cJSON_AddItemToObject(spec, "outputs", outputs);
    if (s->from->labels)
        s->failed |= !cJSON_AddItemToObject(
            spec, "labels", cJSON_CreateStringArray(s->from->labels, s->from->n_labels));
}

static int explain(const speller *s)
{
    if (s->failed)
        return ax_fail(s->err, AX_ENOMEM, "no memory for the model's spec");
    if (!s->troubles)
        return 0;
    char more[40] = "";
    if (s->troubles > TOLD)
        snprintf(more, sizeof more, "; and %d more", s->troubles - TOLD);
    return ax_fail(s->err, AX_EUNSUPPORTED, "no layers say this: %s%s", s->trouble, more);
}

static void drop(speller *s)
{
    for (int i = 0; i < s->n_layer; i++)
        cJSON_Delete(s->layer[i].json);
    for (int i = 0; i < s->from->net->n_inputs; i++)
        cJSON_Delete(s->input[i]);
}

static int reserve(speller *s)
{
    s->val = onnx_say_room(s, s->g->n_val, sizeof *s->val);
    s->uses = onnx_say_room(s, s->g->n_val, sizeof *s->uses);
    s->seen = onnx_say_room(s, s->g->n_val, sizeof *s->seen);
    s->inner = onnx_say_room(s, s->g->n_val, sizeof *s->inner);
    s->wanted = onnx_say_room(s, s->g->n_node, sizeof *s->wanted);
    s->input = onnx_say_room(s, s->from->net->n_inputs, sizeof *s->input);
    return s->failed;
}

int ax_onnx_spec_make(const ax_onnx_spec_source *from, ax_onnx_spec *to, ax_err *err)
{
    *to = (ax_onnx_spec){0};
    ax_arena_init(&to->arena, 0);
    speller s = {.from = from, .g = &from->net->graph, .to = to, .mem = &to->arena, .err = err};
    int bad = reserve(&s);
    cJSON *outputs = bad ? NULL : cJSON_CreateArray();
    if (!bad) {
        mark(&s);
        say_inputs(&s);
        say_nodes(&s);
        say_outputs(&s, outputs);
        name_layers(&s);
    }
    bad = explain(&s);
    if (!bad) {
        assemble(&s, outputs);
        bad = explain(&s);
    } else {
        cJSON_Delete(outputs);
        if (s.input)
            drop(&s);
    }
    if (bad)
        ax_onnx_spec_free(to);
    return bad ? -1 : 0;
}

void ax_onnx_spec_free(ax_onnx_spec *s)
{
    cJSON_Delete(s->spec);
    ax_arena_fini(&s->arena);
    *s = (ax_onnx_spec){0};
}
