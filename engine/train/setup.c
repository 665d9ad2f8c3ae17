/* setup.c - everything that can go wrong, before the first step: the spec, the data, how they fit,
 * the graphs, memory, the first weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/rng.h"
#include "train/head.h"
#include "train/init.h"
#include "train/normalize.h"
#include "train/onnx.h"
#include "train/trainer.h"

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the training");
}

int64_t ax_param_count(const ax_trainer *t, int i)
{
    return ax_shape_count(&t->net.graph.val[t->net.inits[i].param].desc.shape);
}

float *ax_param_data(const ax_trainer *t, int i)
{
    return t->net.graph.val[t->net.inits[i].param].data;
}

/* ---- how the data fits the model ------------------------------------------------------------- */

static int check_input(ax_trainer *t, ax_err *err)
{
    const ax_net *n = &t->net;
    const ax_shape *in = &n->graph.val[n->inputs[0]].desc.shape;
    char a[160], b[160];
    if (n->n_inputs != 1 || n->n_outputs != 1) {
        ax_fail(err, AX_EUNSUPPORTED,
                "only models with one input and one output can be trained, this one has %d and %d",
                n->n_inputs, n->n_outputs);
        return ax_err_in(err, "model");
    }
    if (ax_shape_count(in) / in->dim[0] == ax_shape_count(&t->data.x_shape))
        return 0;
    ax_shape one = {.rank = in->rank - 1};
    memcpy(one.dim, in->dim + 1, (size_t)one.rank * sizeof one.dim[0]);
    ax_fail(err, AX_ESHAPE, "the model takes samples of shape %s, the data set has %s",
            ax_shape_str(&one, a, sizeof a), ax_shape_str(&t->data.x_shape, b, sizeof b));
    return ax_err_in(err, "model.inputs[0].shape");
}

/* "sigmoid", "softmax" (of whatever scale), or another that gives shares of a whole; NULL: none of
 * these. */
static const char *final_activation(const ax_net *n)
{
    const ax_value *out = &n->graph.val[n->outputs[0]];
    if (out->kind != AX_VAL_NODE || n->graph.node[out->node].op != &ax_op_activation)
        return NULL;
    const ax_act_row *row = ((const ax_activation_attr *)n->graph.node[out->node].attr)->act.row;
    if (n->logits[0] != n->outputs[0])
        return row->kind == AX_ACT_VECTOR ? "softmax" : row->name;
    return !strcmp(row->family, "normalising") && strcmp(row->name, "log_softmax") ? row->name
                                                                                   : NULL;
}

static int choose_loss(ax_trainer *t, ax_err *err)
{
    const char *last = final_activation(&t->net);
    t->loss = t->config.loss;
    if (!t->loss) {
        t->loss = ax_loss_find(last && !strcmp(last, "softmax")   ? "cross_entropy"
                               : last && !strcmp(last, "sigmoid") ? "binary_cross_entropy"
                                                                  : "mse");
        t->config.loss_param = t->loss->param_default;
    }
    if (t->loss->after && last && strcmp(last, t->loss->after)) {
        ax_fail(err, AX_EINVAL, "%s goes with a final %s, but the model ends in %s", t->loss->name,
                t->loss->after, last);
        return ax_err_in(err, "loss");
    }
    const ax_shape *out = &t->net.graph.val[t->net.outputs[0]].desc.shape;
    if (t->loss->takes_classes && (out->rank != 2 || out->dim[1] < 2)) {
        ax_fail(err, AX_EINVAL,
                "%s needs a model that ends in one row of two outputs or more, one per class",
                t->loss->name);
        ax_err_hint(err, out->rank == 2 ? "for a single output there is binary_cross_entropy"
                                        : "put a flatten layer before the last one");
        return ax_err_in(err, "loss");
    }
    t->task = t->loss->takes_classes ? AX_TASK_CLASSES
              : !strcmp(t->loss->name, "binary_cross_entropy") || !strcmp(t->loss->name, "hinge")
                  ? AX_TASK_BINARY
                  : AX_TASK_NUMBERS;
    return 0;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static int add_loss(ax_trainer *t, ax_err *err)
{
    ax_graph *g = &t->net.graph;
    ax_val out = t->loss->after ? t->net.logits[0] : t->net.outputs[0];
    ax_shape s = g->val[out].desc.shape;
    t->classes = t->data.train.classes != NULL;
    t->target = t->classes ? ax_graph_input(g, " target", AX_I32, &AX_SHAPE(s.dim[0]), err)
                           : ax_graph_input(g, " target", AX_F32, &s, err);
    if (t->target < 0)
        return -1;
    ax_loss_attr attr = {t->loss, t->config.loss_param};
    t->prediction = out;
    t->total = ax_graph_node(g, &ax_op_loss, "loss", &attr, (ax_val[]){out, t->target}, 2, err);
    for (int i = 0; t->total >= 0 && i < t->net.n_penalties; i++)
        t->total = ax_graph_node(g, &ax_op_add, "loss", &(ax_add_attr){0},
                                 (ax_val[]){t->total, t->net.penalties[i]}, 2, err);
    return t->total < 0 ? -1 : 0;
}

static int add_gradients(ax_trainer *t, ax_err *err)
{
    const ax_net *n = &t->net;
    ax_val *wrt = AX_ARRAY(&t->arena, ax_val, n->n_inits),
           *d = AX_ARRAY(&t->arena, ax_val, n->n_inits);
    t->grads = AX_ARRAY(&t->arena, ax_val, n->n_inits);
    if (!wrt || !d || !t->grads)
        return no_memory(err);
    int m = 0;
    for (int i = 0; i < n->n_inits; i++)
        if (n->graph.val[n->inits[i].param].trainable)
            wrt[m++] = n->inits[i].param;
    if (m == 0) {
        ax_fail(err, AX_EINVAL, "nothing is left to train: all parameters are frozen");
        return ax_err_in(err, "freeze");
    }
    if (ax_graph_grad(&t->net.graph, t->total, wrt, m, d, err))
        return -1;
    for (int i = 0, k = 0; i < n->n_inits; i++)
        t->grads[i] = n->graph.val[n->inits[i].param].trainable ? d[k++] : AX_NONE;
    return 0;
}

/* Weights, slots and best weights, in bytes, before any of it is taken. */
static int check_memory(const ax_trainer *t, ax_err *err)
{
    int64_t numbers = 0, limit = ax_memory_budget();
    for (int i = 0; i < t->net.n_inits; i++) {
        int slots =
            t->net.graph.val[t->net.inits[i].param].trainable ? t->config.optimizer.slots : 0;
        int64_t copies = 1 + slots + t->config.restore_best;
        numbers = ax_count_add(numbers, ax_count_mul(copies, ax_param_count(t, i)));
    }
    int64_t bytes = ax_count_mul(numbers, sizeof(float));
    if (bytes <= limit)
        return 0;
    ax_fail(err, AX_ELIMIT,
            "the weights and what %s keeps of them need %lld MiB of memory, the limit is %lld MiB",
            ax_optimizer_name(&t->config.optimizer), (long long)(bytes >> 20),
            (long long)(limit >> 20));
    return ax_err_in(err, "model");
}

/* The batches that are filled and run in turns. */
static int check_batches(const ax_trainer *t, ax_err *err)
{
    int64_t each = ax_count_add(ax_shape_count(&t->data.x_shape), t->width),
            limit = ax_memory_budget();
    int64_t bytes =
        ax_count_mul(ax_count_mul(2 * (int64_t)sizeof(float), t->config.batch_size), each);
    if (bytes <= limit)
        return 0;
    ax_fail(err, AX_ELIMIT,
            "two batches of %lld samples need %lld MiB of memory, the limit is %lld MiB",
            (long long)t->config.batch_size, (long long)(bytes >> 20), (long long)(limit >> 20));
    return ax_err_in(err, "batch_size");
}

/* One block for weights, one per optimizer slot; both graphs see the same weights. */
static int bind_memory(ax_trainer *t, ax_err *err)
{
    ax_net *n = &t->net;
    for (int k = 0; k < t->config.optimizer.slots; k++)
        if (!(t->slots[k] = AX_ARRAY(&t->arena, float *, n->n_inits)))
            return no_memory(err);
    if (t->config.restore_best && !(t->best = AX_ARRAY(&t->arena, float *, n->n_inits)))
        return no_memory(err);
    for (int i = 0; i < n->n_inits; i++) {
        ax_value *v = &n->graph.val[n->inits[i].param];
        int64_t count = ax_param_count(t, i);
        if (!(v->data = AX_ARRAY(&t->arena, float, count)))
            return no_memory(err);
        t->eval.graph.val[t->eval.inits[i].param].data = v->data;
        for (int k = 0; v->trainable && k < t->config.optimizer.slots; k++)
            if (!(t->slots[k][i] = AX_ARRAY(&t->arena, float, count)))
                return no_memory(err);
        if (t->best && !(t->best[i] = AX_ARRAY(&t->arena, float, count)))
            return no_memory(err);
    }
    return 0;
}

/* The layer whose parameter this is: "layer/kernel". */
static int layer_of(const ax_net *n, const ax_init *init)
{
    const char *param = n->graph.val[init->param].name;
    size_t len = strcspn(param, "/");
    int layer = 0;
    while (layer < n->n_layers - 1 &&
           (strncmp(n->layers[layer].name, param, len) || n->layers[layer].name[len]))
        layer++;
    return layer;
}

/* What parameter i starts from where the model is trained further; NULL: it is new. The parameters of the
 * layers that stay are the first ones, in the same order. */
static const void *old_numbers(const ax_trainer *t, const ax_model *from, int i)
{
    if (t->onnx)
        return ax_train_onnx_numbers(t, t->net.graph.val[t->net.inits[i].param].name);
    return from && i < from->net.n_inits && layer_of(&t->net, &t->net.inits[i]) < t->kept
               ? from->net.graph.val[from->net.inits[i].param].data
               : NULL;
}

static int first_weights(ax_trainer *t, const ax_model *from, ax_err *err)
{
    t->drawn = !from;
    for (int i = 0; i < t->net.n_inits; i++) {
        const void *old = old_numbers(t, from, i);
        if (old)
            memcpy(ax_param_data(t, i), old, (size_t)ax_param_count(t, i) * sizeof(float));
        else if (ax_init_fill(&t->net.graph, &t->net.inits[i], t->config.seed, err))
            return ax_err_in(err, "model");
    }
    return 0;
}

/* Weights of a layer are scaled by the gain of its activation; net.c takes 1 where there is none.
 */
static void warn_of_gain(const ax_trainer *t, int layer)
{
    const ax_layer *l = &t->net.layers[layer];
    ax_err w;
    double moment[3];
    if (!l->act.row || l->act.row->kind != AX_ACT_ELEMENT || !isnan(ax_act_gain(&l->act)))
        return;
    ax_act_moments(&l->act, moment);
    ax_fail(&w, AX_ENONFINITE,
            "layer '%.60s': '%.120s' has no gain, since %s; its weights are drawn as if there were "
            "no activation",
            l->name, l->act.row->program ? l->act.row->formula : l->act.row->name,
            moment[1] == 0
                ? "it is 0 for all that is likely of a normal input"
                : "the mean of its square under a normal input is infinite or cannot be told");
    ax_err_hint(&w, "name a kernel_initializer (he_normal, glorot_uniform...), or move the "
                    "activation to where its inputs are");
    ax_err_in(&w, "model.layers[%d].activation", layer);
    t->options->warn(t->options->ctx, &w);
}

void ax_trainer_warn(const ax_trainer *t)
{
    for (int i = 0, last = -1; i < t->net.n_inits && t->drawn && t->options->warn; i++) {
        int layer = layer_of(&t->net, &t->net.inits[i]);
        if (layer == last || !ax_init_scales(t->net.inits[i].initializer))
            continue;
        warn_of_gain(t, layer);
        last = layer; /* the parameters of a layer stand together */
    }
}

/* Initializer names are checked even where a checkpoint will overwrite the numbers. */
static int check_initializers(ax_trainer *t, ax_err *err)
{
    const ax_net *n = &t->net;
    for (int i = 0; i < n->n_inits; i++) {
        if (ax_init_check(n->inits[i].initializer, err))
            return ax_err_in(err, "model.layers[%d].kernel_initializer", layer_of(n, &n->inits[i]));
    }
    return 0;
}

/* What the spec asks for must make sense for this task and these data. */
static int check_config(const ax_trainer *t, ax_err *err)
{
    const ax_train_config *c = &t->config;
    if (c->patience && c->early_accuracy && t->task == AX_TASK_NUMBERS) {
        ax_fail(err, AX_EINVAL, "%s has no accuracy to watch", t->loss->name);
        return ax_err_in(err, "early_stopping.metric");
    }
    if ((c->augment.flip || c->augment.shift) && t->data.x_shape.rank != 3) {
        char text[160];
        ax_fail(err, AX_EINVAL,
                "flips and shifts are for pictures (channels, height, width), the samples have "
                "shape %s",
                ax_shape_str(&t->data.x_shape, text, sizeof text));
        return ax_err_in(err, "augment");
    }
    return 0;
}

/* ---- samples --------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int split_samples(ax_trainer *t, ax_err *err)
{
    int64_t n = t->data.train.n;
    if (n > UINT32_MAX / 2)
        return ax_fail(err, AX_ELIMIT, "%lld samples are too many", (long long)n);
    t->n_val = (int64_t)(t->config.validation_split * (double)n);
    t->n_train = n - t->n_val;
    t->split = AX_ARRAY(&t->arena, uint32_t, n);
    t->order = AX_ARRAY(&t->arena, uint32_t, n + t->config.batch_size);
    if (!t->split || !t->order)
        return no_memory(err);
    if (t->config.validation_split > 0 && t->n_val == 0) {
        ax_fail(err, AX_EINVAL, "%s of %lld samples leaves none for validation",
                AX_NUMBER(t->config.validation_split), (long long)n);
        return ax_err_in(err, "validation_split");
    }
    ax_rng r = {t->config.seed, ax_rng_name("split")};
    ax_rng_shuffle(r, t->split, (size_t)n);
    qsort(t->split, (size_t)t->n_train, sizeof *t->split,
          by_number); /* the order without "shuffle" */
    if (t->config.batch_size > t->n_train)
        t->config.batch_size = t->n_train;
    t->steps_per_epoch = (t->n_train + t->config.batch_size - 1) / t->config.batch_size;
    t->steps = t->steps_per_epoch * t->config.epochs;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* "freeze" as a list of names. */
static int name_frozen(ax_trainer *t, const ax_net *from, ax_err *err)
{
    if (!t->config.freeze_all)
        return 0;
    int failed = !(t->frozen = cJSON_CreateArray());
    for (int i = 0; !failed && i < t->kept; i++)
        failed = !cJSON_AddItemToArray(t->frozen, cJSON_CreateString(from->layers[i].name));
    return failed ? no_memory(err) : 0;
}

/* "model": a spec, or a model file to go on with. */
static int open_model(ax_trainer *t, ax_model **from, cJSON **spec, ax_err *err)
{
    char path[4096];
    if (cJSON_IsObject(t->config.model))
        return 0;
    const char *name = t->config.model->valuestring;
    if (!t->options->find_model ||
        t->options->find_model(t->options->ctx, name, path, sizeof path)) {
        ax_fail(err, AX_ENOTFOUND, "there is no model '%.100s' to train further", name);
        return ax_err_in(err, "model");
    }
    if (!(*from = ax_model_open(path, err)))
        return ax_err_in(err, "model");
    if ((*from)->onnx)
        return ax_train_onnx_take(t, *from, err);
    t->kept = (*from)->net.n_layers;
    if (!(*spec = ax_json_parse((*from)->net.spec, strlen((*from)->net.spec), err)))
        return -1;
    if (t->config.head && ax_head_put(*spec, t->config.head, &(*from)->net, &t->kept, err))
        return ax_err_in(err, "head");
    return name_frozen(t, &(*from)->net, err);
}

/* The data set's class names become the model's labels when it has none of its own. */
static int add_labels(const ax_trainer *t, cJSON *spec, int64_t width)
{
    int yes_or_no = width == 1 && t->data.n_classes == 2;
    if (!t->data.labels || cJSON_GetObjectItemCaseSensitive(spec, "labels") ||
        (width != t->data.n_classes && !yes_or_no))
        return 0;
    return ax_json_put(spec, "labels", cJSON_CreateStringArray(t->data.labels, t->data.n_classes));
}

/* A place in the model's spec, as one of the training's: "freeze" is a field of that, and layers behind
 * those that stay are those of the head. */
static int place_in_spec(const ax_trainer *t, ax_err *err)
{
    int layer, used = 0;
    if (!err || !strncmp(err->at, "freeze[", 7))
        return -1;
    if (!t->config.head || sscanf(err->at, "layers[%d]%n", &layer, &used) < 1 || layer < t->kept)
        return ax_err_in(err, "model");
    char rest[sizeof err->at];
    snprintf(rest, sizeof rest, "%s", err->at + used);
    snprintf(err->at, sizeof err->at, "head.layers[%d]%.100s", layer - t->kept, rest);
    return -1;
}

static int build_training(ax_trainer *t, const cJSON *spec, ax_err *err)
{
    ax_net_training training = {t->config.seed, t->frozen ? t->frozen : t->config.freeze};
    if (t->onnx)
        return ax_train_onnx_build(t, 0, err);
    return ax_net_build(&t->net, spec, &training, t->config.batch_size, err) ? place_in_spec(t, err)
                                                                             : 0;
}

static int build_eval(ax_trainer *t, cJSON *spec, ax_err *err)
{
    if (t->onnx)
        return ax_train_onnx_build(t, 1, err);
    if (add_labels(t, spec, t->width))
        return no_memory(err);
    return ax_net_build(&t->eval, spec, NULL, 1, err) ? ax_err_in(err, "model") : 0;
}

static int build(ax_trainer *t, cJSON *spec, ax_err *err)
{
    if (build_training(t, spec, err))
        return -1;
    if (check_input(t, err))
        return -1;
    const ax_shape *out = &t->net.graph.val[t->net.outputs[0]].desc.shape;
    t->width = ax_shape_count(out) / out->dim[0];
    if (choose_loss(t, err) || ax_trainer_fit_targets(t, err) || check_initializers(t, err) ||
        check_config(t, err))
        return -1;
    return build_eval(t, spec, err) || check_memory(t, err) || add_loss(t, err) || add_gradients(t, err) || bind_memory(t, err)
               ? -1
               : 0;
}

int ax_trainer_open(ax_trainer *t, const ax_train_options *o, ax_err *err)
{
    *t = (ax_trainer){.options = o, .net.step = AX_NONE, .eval.step = AX_NONE, .lock = -1};
    ax_arena_init(&t->arena, 0);
    ax_model *from = NULL;
    cJSON *spec = NULL;
    int bad = -1;
    t->state = (ax_train_state){.loss = NAN, .accuracy = NAN, .val_loss = NAN, .val_accuracy = NAN};
    if (ax_train_config_read(&t->config, o->spec, o->spec_len, err))
        goto done;
    t->state.best = INFINITY;
    if (ax_dataset_load(&t->data, t->config.dataset, o->data_dir, o->allow_paths, err)) {
        ax_err_in(err, "dataset");
        goto done;
    }
    if (!(t->pool = ax_pool_new(o->threads, err)))
        goto done;
    if (o->gives_way)
        ax_pool_give_way(t->pool);
    if (open_model(t, &from, &spec, err) || split_samples(t, err))
        goto done;
    if (!spec && !(spec = cJSON_Duplicate(t->config.model, 1))) {
        no_memory(err);
        goto done;
    }
    bad = (t->config.normalize && ax_normalize(spec, &t->data, t->split, t->n_train, err)) ||
          build(t, spec, err) || first_weights(t, from, err);
    /* the plan shows whether memory suffices */
    bad = bad || !ax_trainer_plan(t, 0, t->config.batch_size, err) || check_batches(t, err);
done:
    cJSON_Delete(spec);
    ax_model_release(from);
    if (bad)
        ax_trainer_close(t);
    return bad ? -1 : 0;
}

void ax_trainer_close(ax_trainer *t)
{
    for (int i = 0; i < 4; i++) {
        ax_exec_free(t->plans[i].exec);
        ax_plan_free(t->plans[i].plan);
    }
    cJSON_Delete(t->frozen);
    ax_net_fini(&t->net);
    ax_net_fini(&t->eval);
    if (t->onnx)
        ax_backed_drop_all(t->onnx->onnx->bytes);
    ax_model_release(t->onnx);
    ax_pool_free(t->pool);
    ax_dataset_free(&t->data);
    ax_train_config_fini(&t->config);
    ax_arena_fini(&t->arena);
    if (t->lock >= 0)
        close(t->lock);
    *t = (ax_trainer){.lock = -1};
}
