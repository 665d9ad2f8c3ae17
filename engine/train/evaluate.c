/* evaluate.c - batches in, metrics out; also the plans and batch filling that training shares. */
#include <math.h>
#include <string.h>

#include "math/kernels.h"
#include "train/trainer.h"

enum { EVAL_BATCH = 256 };

/* Outputs of a training plan: loss, prediction, gradients, batch statistics; of an evaluation plan:
 * what the loss sees, then the model's output. */
static int wanted(ax_trainer *t, int eval, ax_val *out)
{
    int n = 0;
    if (eval) {
        out[n++] = t->loss->after ? t->eval.logits[0] : t->eval.outputs[0];
        out[n++] = t->eval.outputs[0];
        return n;
    }
    out[n++] = t->total;
    out[n++] = t->prediction;
    for (int i = 0; i < t->net.n_inits; i++)
        if (t->grads[i] != AX_NONE)
            out[n++] = t->grads[i];
    for (int i = 0; i < t->net.n_running; i++)
        out[n++] = t->net.running[i].batch;
    return n;
}

ax_batch_plan *ax_trainer_plan(ax_trainer *t, int eval, int64_t batch, ax_err *err)
{
    ax_batch_plan *p = &t->plans[2 * eval];
    if (p->exec && p->batch != batch)
        p++;
    if (p->exec && p->batch == batch)
        return p;
    ax_exec_free(p->exec);
    ax_plan_free(p->plan);
    *p = (ax_batch_plan){.batch = batch};
    const ax_net *net = eval ? &t->eval : &t->net;
    const ax_graph *g = &net->graph;
    ax_desc in[8];
    int n = 0;
    for (int v = 0; v < g->n_val; v++)
        if (g->val[v].kind == AX_VAL_INPUT) {
            in[n] = g->val[v].desc;
            if (v != net->step)
                in[n].shape.dim[0] = batch;
            n++;
        }
    ax_val *out = AX_ARRAY(&t->arena, ax_val, 2 + t->net.n_inits + t->net.n_running);
    if (!out) {
        ax_fail(err, AX_ENOMEM, "no memory for a plan");
        return NULL;
    }
    ax_plan_options o = {.outputs = out,
                         .n_outputs = wanted(t, eval, out),
                         .inputs = in,
                         .threads = ax_pool_size(t->pool)};
    if (!(p->plan = ax_plan_new(g, &o, err)) || !(p->exec = ax_exec_new(p->plan, t->pool, err)))
        return NULL;
    return p;
}

static int64_t largest_param(const ax_trainer *t)
{
    int64_t most = 1;
    for (int i = 0; i < t->net.n_inits; i++)
        most = ax_param_count(t, i) > most ? ax_param_count(t, i) : most;
    return most;
}

/* Where the batches of the steps are filled, each while the other is run; rounded up as a plan
 * rounds. */
static int take_batches(ax_trainer *t)
{
    int64_t n = t->config.batch_size, spare = 16;
    for (int i = 0; i < 2; i++) {
        ax_batch *b = &t->batch[i];
        *b = (ax_batch){.t = t, .from = &t->data.train, .augment = &t->config.augment};
        b->x = AX_ARRAY(&t->arena, float, n *ax_shape_count(&t->data.x_shape) + spare);
        b->target = AX_ARRAY(&t->arena, float, n *(t->classes ? 1 : t->width) + spare);
        if (!b->x || !b->target)
            return -1;
    }
    return 0;
}

/* Samples that are looked at together. */
static int64_t eval_batch(const ax_trainer *t)
{
    return t->onnx ? t->config.batch_size : EVAL_BATCH;
}

static int prepare_plans(ax_trainer *t, int eval, int64_t n, int64_t batch, ax_err *err)
{
    int64_t last = t->onnx ? 0 : n % batch;
    if (((n >= batch || (n && t->onnx)) && !ax_trainer_plan(t, eval, batch, err)) ||
        (last && !ax_trainer_plan(t, eval, last, err)))
        return -1;
    return 0;
}

int ax_trainer_prepare(ax_trainer *t, ax_err *err)
{
    ax_maps m = {AX_PLAIN, 1, 1, largest_param(t)};
    t->ready = -1;
    t->scratch = AX_ARRAY(&t->arena, float, ax_maps_scratch(&m));
    if (!t->scratch || take_batches(t) ||
        ax_metrics_init(&t->validation, t->task, t->width, &t->arena))
        return ax_fail(err, AX_ENOMEM, "no memory for the steps of the training");
    if (prepare_plans(t, 0, t->n_train, t->config.batch_size, err) ||
        prepare_plans(t, 1, t->n_val, eval_batch(t), err))
        return -1;
    return 0;
}

enum { SLICE = 16 }; /* samples */

static int slices(const ax_batch *b)
{
    return (int)((b->n + SLICE - 1) / SLICE);
}

static void fill_slice(void *ctx, int slice, int worker)
{
    const ax_batch *b = ctx;
    const ax_trainer *t = b->t;
    (void)worker;
    ax_rng rng = {t->config.seed, ax_rng_name("augment")};
    int64_t width = t->width, size = ax_shape_count(&t->data.x_shape),
            from = (int64_t)slice * SLICE;
    for (int64_t i = from; i < from + SLICE && i < b->n; i++) {
        uint32_t k = b->samples[i];
        ax_sample_fetch(&t->data, b->from, k, b->augment, rng, b->draw + (uint64_t)i,
                        b->x + i * size);
        if (!b->target)
            continue;
        if (b->from->classes)
            ((int32_t *)b->target)[i] = b->from->classes[k];
        else
            memcpy((float *)b->target + i * width, b->from->y + k * width,
                   (size_t)width * sizeof(float));
    }
}

void ax_batch_fill(const ax_batch *b)
{
    ax_pool_run(b->t->pool, slices(b), fill_slice, (void *)(uintptr_t)b);
}

void ax_batch_fill_later(ax_batch *b)
{
    ax_pool_put_off(b->t->pool, slices(b), fill_slice, b);
}

/* What divides yes from no in a model's output. */
static float threshold(const ax_trainer *t, int probabilities)
{
    int sigmoid = t->net.logits[0] != t->net.outputs[0];
    return sigmoid && probabilities && t->loss->after ? 0.5f : 0;
}

static void count(ax_trainer *t, const ax_samples *s, const uint32_t *samples, int64_t n,
                  const float *logits, const float *y, ax_metrics *m)
{
    int64_t w = t->width;
    for (int64_t i = 0; i < n; i++) {
        uint32_t k = samples ? samples[i] : (uint32_t)i;
        const float *target = s->classes ? NULL : s->y + k * w;
        int c = s->classes ? s->classes[k] : -1;
        double loss =
            logits ? t->loss->value(logits + i * w, target, c, w, t->config.loss_param) : 0;
        ax_metrics_add(m, y + i * w, c, target, threshold(t, 1), loss);
    }
}

int ax_trainer_evaluate(ax_trainer *t, const ax_samples *s, const uint32_t *samples, int64_t n,
                        ax_metrics *m, ax_err *err)
{
    int64_t size = eval_batch(t);
    for (int64_t at = 0; at < n; at += size) {
        int64_t b = n - at < size ? n - at : size;
        ax_batch_plan *p = ax_trainer_plan(t, 1, t->onnx ? size : b, err);
        if (!p)
            return -1;
        ax_batch_fill(&(ax_batch){
            .t = t, .from = s, .samples = samples + at, .n = b, .x = ax_exec_input(p->exec, 0)});
        ax_exec_run(p->exec);
        count(t, s, samples + at, b, ax_exec_output(p->exec, 0), ax_exec_output(p->exec, 1), m);
    }
    return 0;
}

/* The loss of a served model is worked out from its probabilities: their logarithms are logits. */
static void logits_of(const ax_trainer *t, const float *y, int64_t n, float *out)
{
    int softmax = t->loss->after && !strcmp(t->loss->after, "softmax");
    int has = t->net.logits[0] != t->net.outputs[0] && t->loss->after;
    for (int64_t i = 0; i < n; i++)
        out[i] = !has      ? y[i]
                 : softmax ? (float)log(fmax(y[i], 1e-45))
                           : (float)(log(fmax(y[i], 1e-45)) - log1p(-fmin(y[i], 1 - 6e-8)));
}

int ax_trainer_test(ax_trainer *t, ax_model *model, const ax_samples *s, ax_metrics *m, ax_err *err)
{
    ax_session *session = ax_session_open(model, &(ax_session_options){.pool = t->pool}, err);
    int64_t size = ax_shape_count(&t->data.x_shape), w = t->width;
    float *logits = AX_ARRAY(&t->arena, float, EVAL_BATCH *w);
    int bad = !session || (!logits && ax_fail(err, AX_ENOMEM, "no memory for the test"));
    for (int64_t at = 0; !bad && at < s->n; at += EVAL_BATCH) {
        int64_t b = s->n - at < EVAL_BATCH ? s->n - at : EVAL_BATCH;
        if ((bad = ax_session_resize(session, b, err)))
            break;
        uint32_t index[EVAL_BATCH];
        float *x = ax_session_input(session, 0);
        for (int64_t i = 0; i < b; i++) {
            index[i] = (uint32_t)(at + i);
            ax_sample_fetch(&t->data, s, at + i, NULL, (ax_rng){0}, 0, x + i * size);
        }
        ax_session_run(session, NULL);
        logits_of(t, ax_session_output(session, 0), b * w, logits);
        count(t, s, index, b, logits, ax_session_output(session, 0), m);
    }
    ax_session_close(session);
    return bad ? -1 : 0;
}
