/* net.c - the model spec as a whole: inputs, layers in order, activations, outputs, labels.
 *
 * What a single layer type does is a row of layers.c; here is what all have in common. The spec is
 * checked completely: an unknown field, a name used twice or a shape that does not fit is an error
 * with its place. The canonical spec kept in the net is the given one with all names filled in. */
#include "io/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/rng.h"
#include "io/net_build.h"

enum { MAX_LAYERS = 4096, MAX_LABELS = 100000, MAX_PORTS = sizeof((ax_builder){0}.first) / sizeof(ax_val) };

static int no_memory(ax_builder *b)
{
    return ax_fail(b->err, AX_ENOMEM, "no memory for the model");
}

/* ---- what layer rows call -------------------------------------------------------------------- */

ax_val ax_build_param(ax_builder *b, const char *suffix, const ax_shape *s, int trainable, ax_init how)
{
    char name[160];
    ax_net *n = b->net;
    snprintf(name, sizeof name, "%s/%s", b->layer, suffix);
    how.param = ax_graph_param(b->g, name, s, trainable && !b->frozen, b->err);
    how.initializer = ax_arena_strdup(&b->g->arena, how.initializer);
    if (how.param < 0)
        return AX_NONE;
    if (!how.initializer)
        return no_memory(b);
    n->inits[n->n_inits++] = how;
    return how.param;
}

int ax_build_running(ax_builder *b, ax_val running, ax_val batch, double momentum)
{
    b->net->running[b->net->n_running++] = (ax_running){running, batch, momentum};
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static int good_name(ax_builder *b, const char *name)
{
    size_t n = strlen(name);
    int ok = n >= 1 && n <= 100;
    for (size_t i = 0; i < n; i++)
        ok &= name[i] > ' ' && name[i] < 127 && !strchr("\"\\/", name[i]);
    if (!ok)
        return ax_fail(b->err, AX_EINVAL,
                       "'%.60s' is not a name: 1 to 100 printable characters without spaces, quotes and slashes", name);
    return 0;
}

/* The value of an earlier layer or input by name. */
static ax_val value_named(const ax_builder *b, const char *name)
{
    const ax_net *n = b->net;
    for (int i = 0; i < n->n_layers; i++)
        if (!strcmp(n->layers[i].name, name))
            return n->layers[i].out;
    for (int i = 0; i < n->n_inputs; i++)
        if (!strcmp(b->g->val[n->inputs[i]].name, name))
            return b->first[i];
    return AX_NONE;
}

static ax_val must_find(ax_builder *b, const char *name)
{
    ax_val v = value_named(b, name);
    if (v != AX_NONE)
        return v;
    const char *names[64];
    int n = 0;
    for (int i = b->net->n_layers - 1; i >= 0 && n < 60; i--)
        names[n++] = b->net->layers[i].name;
    ax_fail(b->err, AX_ENOTFOUND, "there is no layer or input called '%.100s' before this one", name);
    const char *near = ax_nearest(name, names, n);
    if (near)
        ax_err_hint(b->err, "did you mean '%s'?", near);
    return AX_NONE;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static int numbers(ax_builder *b, const cJSON *in, const char *key, int64_t channels, double def,
                   double lo, double *out, int64_t *count)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key), *e;
    *count = 1;
    out[0] = def;
    if (!v)
        return 0;
    int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 1, i = 0;
    if (n != 1 && n != channels) {
        ax_fail(b->err, AX_EINVAL, "%s has %d numbers, expected 1 or one per channel (%lld)", key, n, (long long)channels);
        return ax_err_in(b->err, "%s", key);
    }
    for (e = cJSON_IsArray(v) ? v->child : v; i < n; e = e->next, i++) {
        if (!cJSON_IsNumber(e) || !isfinite(e->valuedouble) || fabs(e->valuedouble) < lo) {
            ax_fail(b->err, AX_ETYPE, "expected a finite number%s", lo > 0 ? " other than 0" : "");
            return cJSON_IsArray(v) ? ax_err_in(b->err, "%s[%d]", key, i) : ax_err_in(b->err, "%s", key);
        }
        out[i] = e->valuedouble;
    }
    *count = n;
    return 0;
}

/* (x * scale - mean) / std as x * a + b per channel */
static int normalise(ax_builder *b, const cJSON *in, ax_val *v)
{
    int64_t channels = b->g->val[*v].desc.shape.dim[1], n[3], most = 1;
    if (channels > 65536)
        channels = 1;
    double *num = AX_ARRAY(&b->g->arena, double, 3 * channels);
    float *ab = AX_ARRAY(&b->g->arena, float, 2 * channels);
    if (!num || !ab)
        return no_memory(b);
    double *scale = num, *mean = num + channels, *std = mean + channels;
    if (numbers(b, in, "scale", channels, 1, 1e-30, scale, &n[0]) ||
        numbers(b, in, "mean", channels, 0, 0, mean, &n[1]) ||
        numbers(b, in, "std", channels, 1, 1e-30, std, &n[2]))
        return -1;
    for (int i = 0; i < 3; i++)
        most = n[i] > most ? n[i] : most;
    int plain = 1;
    for (int64_t i = 0; i < most; i++) {
        double s = scale[n[0] > 1 ? i : 0], m = mean[n[1] > 1 ? i : 0], d = std[n[2] > 1 ? i : 0];
        ab[i] = (float)(s / d);
        ab[most + i] = (float)(-m / d);
        if (!isfinite(ab[i]) || !isfinite(ab[most + i]) || ab[i] == 0)
            return ax_fail(b->err, AX_ERANGE, "(x * %s - %s) / %s is beyond what float32 can hold",
                           AX_NUMBER(s), AX_NUMBER(m), AX_NUMBER(d));
        plain &= s == 1 && m == 0 && d == 1;
    }
    if (plain)
        return 0;
    ax_val args[3] = {*v, ax_graph_const(b->g, AX_F32, &AX_SHAPE(most), ab, b->err),
                      ax_graph_const(b->g, AX_F32, &AX_SHAPE(most), ab + most, b->err)};
    if (args[1] < 0 || args[2] < 0)
        return -1;
    *v = ax_graph_node(b->g, &ax_op_affine, "input", NULL, args, 3, b->err);
    return *v < 0 ? -1 : 0;
}

/* One input; *first becomes its normalised value. */
static int build_input(ax_builder *b, const cJSON *in, int64_t batch, ax_val *first)
{
    static const char *const known[] = {"name", "shape", "scale", "mean", "std"};
    const char *name;
    ax_shape s = AX_SHAPE(batch);
    if (!cJSON_IsObject(in))
        return ax_fail(b->err, AX_ETYPE, "an input is an object like {\"name\":\"image\",\"shape\":[1,28,28]}");
    if (ax_json_known(in, known, 5, b->err) || ax_json_str(in, "name", "input", &name, b->err))
        return -1;
    if (good_name(b, name))
        return ax_err_in(b->err, "name");
    if (value_named(b, name) != AX_NONE) {
        ax_fail(b->err, AX_EEXIST, "the name '%s' is used twice", name);
        return ax_err_in(b->err, "name");
    }
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(in, "shape"), *d;
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) < 1 || cJSON_GetArraySize(shape) >= AX_MAX_RANK) {
        ax_fail(b->err, AX_EINVAL, "input '%s' needs \"shape\": 1 to %d integers, without the batch", name, AX_MAX_RANK - 1);
        return ax_err_in(b->err, "shape");
    }
    cJSON_ArrayForEach(d, shape)
    {
        if (!cJSON_IsNumber(d) || d->valuedouble < 1 || d->valuedouble > 1 << 24 || d->valuedouble != floor(d->valuedouble)) {
            ax_fail(b->err, AX_EINVAL, "a dimension must be an integer from 1 to 16777216");
            return ax_err_in(b->err, "shape[%d]", s.rank - 1);
        }
        s.dim[s.rank++] = (int64_t)d->valuedouble;
    }
    ax_val v = ax_graph_input(b->g, name, AX_F32, &s, b->err);
    if (v < 0)
        return -1;
    b->net->inputs[b->net->n_inputs] = v;
    *first = v;
    return normalise(b, in, first);
}

static int build_inputs(ax_builder *b, const cJSON *spec, int64_t batch)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "inputs"), *in;
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (n < 1 || n > MAX_PORTS) {
        ax_fail(b->err, AX_EINVAL, "a model needs \"inputs\": 1 to %d of them", MAX_PORTS);
        return ax_err_in(b->err, "inputs");
    }
    cJSON_ArrayForEach(in, list)
    {
        int i = b->net->n_inputs;
        if (build_input(b, in, batch, &b->first[i]))
            return ax_err_in(b->err, "inputs[%d]", i);
        b->net->n_inputs++;
    }
    return 0;
}

/* ---- layers ---------------------------------------------------------------------------------- */

static const char *const later[] = {"conv2d_transpose", "embedding", "rnn", "lstm", "gru", "bidirectional",
                                    "attention", "multi_head_attention"};

static const ax_layer_row *find_row(ax_builder *b, const char *type)
{
    for (int i = 0; i < ax_layer_rows_n; i++)
        if (!strcmp(ax_layer_rows[i].type, type))
            return &ax_layer_rows[i];
    int n;
    const char *const *names = ax_layer_types(&n), *near = ax_nearest(type, names, n);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (!strcmp(later[i], type)) {
            ax_fail(b->err, AX_EUNSUPPORTED, "layer type '%s' is not supported by this version", type);
            ax_err_in(b->err, "type");
            return NULL;
        }
    ax_fail(b->err, AX_ENOTFOUND, "there is no layer type '%.60s'", type);
    if (near)
        ax_err_hint(b->err, "did you mean '%s'?", near);
    ax_err_in(b->err, "type");
    return NULL;
}

static int check_fields(ax_builder *b, const ax_layer_row *row, const cJSON *spec)
{
    const char *known[24] = {"type", "name", "inputs", "activity_regularizer"};
    int n = 4;
    if (row->has_activation)
        known[n++] = "activation";
    for (int i = 0; row->fields[i]; i++)
        known[n++] = row->fields[i];
    return ax_json_known(spec, known, n, b->err);
}

static int named_in(const cJSON *list, const char *name)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, list)
    {
        if (cJSON_IsString(e) && !strcmp(e->valuestring, name))
            return 1;
    }
    return 0;
}

/* Fill in "name" where it is missing: type and a number. */
static int name_layer(ax_builder *b, cJSON *spec, const ax_layer_row *row)
{
    const char *name;
    char made[96];
    if (ax_json_str(spec, "name", NULL, &name, b->err))
        return -1;
    while (!name) { /* the numbers before the last one are taken for good */
        snprintf(made, sizeof made, "%s_%d", row->type, ++b->made[row - ax_layer_rows]);
        if (value_named(b, made) != AX_NONE)
            continue;
        cJSON *item = cJSON_AddStringToObject(spec, "name", made);
        if (!item)
            return no_memory(b);
        name = item->valuestring;
    }
    if (good_name(b, name))
        return ax_err_in(b->err, "name");
    if (value_named(b, name) != AX_NONE) {
        ax_fail(b->err, AX_EEXIST, "the name '%s' is used twice", name);
        return ax_err_in(b->err, "name");
    }
    b->layer = ax_arena_strdup(&b->g->arena, name);
    b->frozen = b->training && named_in(b->training->freeze, name);
    return b->layer ? 0 : no_memory(b);
}

static int layer_inputs(ax_builder *b, const ax_layer_row *row, const cJSON *spec, ax_val last,
                        ax_val *in, int *n_in)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "inputs"), *e;
    *n_in = 0;
    if (!list)
        in[(*n_in)++] = last;
    else if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > 64) {
        ax_fail(b->err, AX_ETYPE, "\"inputs\" must be an array of at most 64 layer names");
        return ax_err_in(b->err, "inputs");
    }
    cJSON_ArrayForEach(e, list)
    {
        if (!cJSON_IsString(e)) {
            ax_fail(b->err, AX_ETYPE, "expected the name of a layer");
            return ax_err_in(b->err, "inputs[%d]", *n_in);
        }
        if ((in[*n_in] = must_find(b, e->valuestring)) < 0)
            return ax_err_in(b->err, "inputs[%d]", *n_in);
        (*n_in)++;
    }
    if (*n_in >= row->min_in && *n_in <= row->max_in)
        return 0;
    ax_fail(b->err, AX_EINVAL, "'%s' (%s) has %d inputs, it takes %d to %d: list them in \"inputs\"", b->layer,
            row->type, *n_in, row->min_in, row->max_in);
    return ax_err_in(b->err, "inputs");
}

static const char *act_text(ax_builder *b)
{
    if (!b->act.row)
        return "";
    cJSON *j = ax_act_to_json(&b->act);
    if (!j)
        return b->act.row->name;
    char *text = cJSON_IsString(j) ? NULL : ax_json_text(j, 0);
    const char *out = ax_arena_strdup(&b->g->arena, text ? text : b->act.row->name);
    cJSON_free(text);
    cJSON_Delete(j);
    return out ? out : "";
}

static void count_layer(ax_builder *b, ax_layer *l, int first_val, int first_node, int64_t batch)
{
    for (int v = first_val; v < b->g->n_val; v++)
        if (b->g->val[v].kind == AX_VAL_PARAM)
            l->params = ax_count_add(l->params, ax_shape_count(&b->g->val[v].desc.shape));
    for (int i = first_node; i < b->g->n_node; i++) {
        const ax_node *n = &b->g->node[i];
        ax_desc in[AX_MAX_IN];
        for (int k = 0; k < n->n_in; k++)
            in[k] = n->in[k] >= 0 ? b->g->val[n->in[k]].desc : (ax_desc){.shape.rank = -1};
        const ax_desc *out = &b->g->val[n->out].desc;
        int64_t f = n->op->flops ? n->op->flops(n->attr, in, out) : ax_shape_count(&out->shape);
        l->flops = ax_count_add(l->flops, batch > 0 ? f / batch : f);
    }
}

static int build_layer(ax_builder *b, cJSON *spec, int64_t batch, ax_val *last)
{
    const char *type;
    ax_val in[64], out;
    int n_in, first_val = b->g->n_val, first_node = b->g->n_node;
    if (!cJSON_IsObject(spec))
        return ax_fail(b->err, AX_ETYPE, "a layer is an object like {\"type\":\"dense\",\"units\":10}");
    if (ax_json_str(spec, "type", "", &type, b->err))
        return -1;
    if (!*type) {
        ax_fail(b->err, AX_EINVAL, "a layer needs \"type\"");
        return ax_err_in(b->err, "type");
    }
    const ax_layer_row *row = find_row(b, type);
    if (!row || check_fields(b, row, spec) || name_layer(b, spec, row) ||
        layer_inputs(b, row, spec, *last, in, &n_in))
        return -1;
    const cJSON *act = cJSON_GetObjectItemCaseSensitive(spec, "activation");
    b->act = (ax_act){0};
    b->axis = 0;
    if (act && ax_act_from_json(act, &b->g->arena, &b->act, b->err))
        return ax_err_in(b->err, "activation");
    b->gain = b->act.row ? ax_act_gain(&b->act) : 1;
    if (isnan(b->gain)) /* nothing is known: as if there were no activation */
        b->gain = 1;
    if (!act && row->build && !strcmp(row->type, "activation")) {
        ax_fail(b->err, AX_EINVAL, "'%s' needs \"activation\"", b->layer);
        return ax_err_in(b->err, "activation");
    }
    if (row->build(b, spec, in, n_in, &out))
        return -1;
    if (ax_build_activation(b, &out))
        return ax_err_in(b->err, "activation");
    if (ax_build_activity_penalty(b, spec, "activity_regularizer", out))
        return -1;
    ax_layer *l = &b->net->layers[b->net->n_layers];
    *l = (ax_layer){.name = b->layer, .type = row->type, .activation = act_text(b),
                    .act = b->act, .gain = b->gain, .out = out};
    count_layer(b, l, first_val, first_node, batch);
    b->net->n_layers++;
    *last = out;
    return 0;
}

/* ---- outputs, labels, the whole -------------------------------------------------------------- */

static int add_output(ax_builder *b, const char *name, ax_val v)
{
    ax_net *n = b->net;
    n->outputs[n->n_outputs] = v;
    n->logits[n->n_outputs] = ax_build_logits(b, v);
    n->output_names[n->n_outputs] = name;
    return n->logits[n->n_outputs++] < 0 ? -1 : 0;
}

static int build_outputs(ax_builder *b, const cJSON *spec, ax_val last)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "outputs"), *e;
    ax_net *n = b->net;
    if (!list)
        return add_output(b, n->layers[n->n_layers - 1].name, last);
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0, i = 0;
    if (count < 1 || count > MAX_PORTS) {
        ax_fail(b->err, AX_EINVAL, "\"outputs\" must be an array of 1 to %d layer names", MAX_PORTS);
        return ax_err_in(b->err, "outputs");
    }
    cJSON_ArrayForEach(e, list)
    {
        ax_val v = cJSON_IsString(e) ? must_find(b, e->valuestring) : AX_NONE;
        if (!cJSON_IsString(e))
            ax_fail(b->err, AX_ETYPE, "expected the name of a layer");
        const char *name = v < 0 ? NULL : ax_arena_strdup(&b->g->arena, e->valuestring);
        if (!name)
            return ax_err_in(b->err, "outputs[%d]", i);
        if (add_output(b, name, v))
            return -1;
        i++;
    }
    return 0;
}

static int build_labels(ax_builder *b, const cJSON *spec)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "labels"), *e;
    ax_net *n = b->net;
    if (!list)
        return 0;
    const ax_shape *s = &b->g->val[n->outputs[0]].desc.shape;
    int64_t classes = s->dim[s->rank - 1];
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (count < 1 || count > MAX_LABELS || (count != classes && !(classes == 1 && count == 2))) {
        ax_fail(b->err, AX_ESHAPE, "\"labels\" has %d entries, the output has %lld classes", count, (long long)classes);
        return ax_err_in(b->err, "labels");
    }
    n->labels = AX_ARRAY(&b->g->arena, const char *, count);
    if (!n->labels)
        return no_memory(b);
    cJSON_ArrayForEach(e, list)
    {
        if (!cJSON_IsString(e)) {
            ax_fail(b->err, AX_ETYPE, "a label is a string");
            return ax_err_in(b->err, "labels[%d]", n->n_labels);
        }
        if (!(n->labels[n->n_labels++] = ax_arena_strdup(&b->g->arena, e->valuestring)))
            return no_memory(b);
    }
    return 0;
}

/* Every name in "freeze" must be a layer's. */
static int check_freeze(ax_builder *b)
{
    const cJSON *e, *list = b->training ? b->training->freeze : NULL;
    int i = 0;
    cJSON_ArrayForEach(e, list)
    {
        int found = 0;
        for (int k = 0; cJSON_IsString(e) && k < b->net->n_layers; k++)
            found |= !strcmp(b->net->layers[k].name, e->valuestring);
        if (!found) {
            ax_fail(b->err, AX_ENOTFOUND, "there is no layer called '%.100s' to freeze",
                    cJSON_IsString(e) ? e->valuestring : "(not a string)");
            return ax_err_in(b->err, "freeze[%d]", i);
        }
        i++;
    }
    return 0;
}

static int reserve(ax_builder *b, int layers)
{
    ax_net *n = b->net;
    ax_arena *a = &n->graph.arena;
    n->inputs = AX_ARRAY(a, ax_val, MAX_PORTS);
    n->outputs = AX_ARRAY(a, ax_val, MAX_PORTS);
    n->logits = AX_ARRAY(a, ax_val, MAX_PORTS);
    n->output_names = AX_ARRAY(a, const char *, MAX_PORTS);
    n->layers = AX_ARRAY(a, ax_layer, layers);
    n->inits = AX_ARRAY(a, ax_init, layers * (5 + AX_ACT_PARAMS));
    n->penalties = AX_ARRAY(a, ax_val, layers * AX_LAYER_PENALTIES);
    n->running = AX_ARRAY(a, ax_running, layers * 2);
    return n->inputs && n->outputs && n->logits && n->output_names && n->layers && n->inits &&
                   n->penalties && n->running
               ? 0
               : no_memory(b);
}

static int build(ax_builder *b, cJSON *spec, int64_t batch)
{
    static const char *const known[] = {"name", "inputs", "layers", "outputs", "labels"};
    ax_val last;
    const char *name;
    if (!cJSON_IsObject(spec))
        return ax_fail(b->err, AX_ETYPE, "a model spec is a JSON object");
    if (ax_json_known(spec, known, 5, b->err) || ax_json_str(spec, "name", "model", &name, b->err))
        return -1;
    if (good_name(b, name))
        return ax_err_in(b->err, "name");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "layers"), *l;
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (count < 1 || count > MAX_LAYERS) {
        ax_fail(b->err, AX_EINVAL, "a model needs \"layers\": 1 to %d of them", MAX_LAYERS);
        return ax_err_in(b->err, "layers");
    }
    if (reserve(b, count) || !(b->net->name = ax_arena_strdup(&b->g->arena, name)))
        return no_memory(b);
    if (b->training && (b->net->step = ax_graph_input(b->g, " step", AX_I64, &(ax_shape){0}, b->err)) < 0)
        return -1;
    if (build_inputs(b, spec, batch))
        return -1;
    last = b->first[0];
    cJSON_ArrayForEach(l, list)
    {
        if (build_layer(b, l, batch, &last))
            return ax_err_in(b->err, "layers[%d]", b->net->n_layers);
    }
    if (build_outputs(b, spec, last) || build_labels(b, spec) || check_freeze(b))
        return -1;
    char *text = ax_json_text(spec, 0);
    b->net->spec = text ? ax_arena_strdup(&b->g->arena, text) : NULL;
    cJSON_free(text);
    return b->net->spec ? 0 : no_memory(b);
}

int ax_net_build(ax_net *n, const cJSON *spec, const ax_net_training *training, int64_t batch, ax_err *err)
{
    *n = (ax_net){.step = AX_NONE};
    ax_graph_init(&n->graph);
    ax_builder b = {.net = n, .g = &n->graph, .training = training, .err = err};
    cJSON *copy = cJSON_Duplicate(spec, 1);
    int bad = copy ? build(&b, copy, batch) : no_memory(&b);
    cJSON_Delete(copy);
    if (bad)
        ax_net_fini(n);
    return bad ? -1 : 0;
}

static void *longer(ax_arena *a, const void *old, int n, int more, size_t size)
{
    void *p = ax_arena_array(a, (size_t)n + (size_t)more, size);
    if (p && n)
        memcpy(p, old, (size_t)n * size);
    return p;
}

/* Room for so many layers more, and for one output where there are others now. */
static int make_longer(ax_builder *b, int layers)
{
    ax_net *n = b->net;
    ax_arena *a = &n->graph.arena;
    n->layers = longer(a, n->layers, n->n_layers, layers, sizeof *n->layers);
    n->inits = longer(a, n->inits, n->n_inits, layers * (5 + AX_ACT_PARAMS), sizeof *n->inits);
    n->penalties = longer(a, n->penalties, n->n_penalties, layers * AX_LAYER_PENALTIES,
                          sizeof *n->penalties);
    n->running = longer(a, n->running, n->n_running, layers * 2, sizeof *n->running);
    n->outputs = AX_ARRAY(a, ax_val, 1);
    n->logits = AX_ARRAY(a, ax_val, 1);
    n->output_names = AX_ARRAY(a, const char *, 1);
    n->n_outputs = 0;
    return n->layers && n->inits && n->penalties && n->running && n->outputs && n->logits &&
                   n->output_names
               ? 0
               : no_memory(b);
}

int ax_net_extend(ax_net *n, ax_val from, const cJSON *layers, const ax_net_training *training,
                  int64_t batch, ax_err *err)
{
    ax_builder b = {.net = n, .g = &n->graph, .training = training, .err = err};
    cJSON *copy = cJSON_Duplicate(layers, 1), *l;
    int count = cJSON_GetArraySize(copy), i = 0;
    int bad = !copy || count < 1 || count > MAX_LAYERS || n->n_inputs > MAX_PORTS;
    if (bad)
        ax_fail(err, AX_EINVAL, "expected an array of 1 to %d layers", MAX_LAYERS);
    else
        bad = make_longer(&b, count);
    for (int k = 0; !bad && k < n->n_inputs; k++)
        b.first[k] = n->inputs[k];
    for (l = copy ? copy->child : NULL; !bad && l; l = l->next, i++)
        if ((bad = build_layer(&b, l, batch, &from)))
            ax_err_in(err, "layers[%d]", i);
    bad = bad || add_output(&b, n->layers[n->n_layers - 1].name, from);
    cJSON_Delete(copy);
    return bad ? -1 : 0;
}

void ax_net_fini(ax_net *n)
{
    ax_graph_fini(&n->graph);
    *n = (ax_net){.step = AX_NONE};
}
