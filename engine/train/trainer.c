/* trainer.c - the loop: a batch, a run, a step; after an epoch, a look at the validation data.
 *
 * All that is random is a function of the seed and the counters in the state, and every sum has a
 * fixed order; so the same spec gives the same bits on any number of threads, resumed or not. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "math/kernels.h"

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static double rate(const ax_trainer *t)
{
    return t->config.optimizer.lr *
           ax_schedule_factor(&t->config.schedule, t->state.step, t->steps, (int)t->state.epoch);
}

static double seconds(const ax_trainer *t)
{
    return t->state.seconds + now() - t->started;
}

/* ---- telling ---------------------------------------------------------------------------------- */

static int report(ax_trainer *t, int epoch_done)
{
    const ax_train_state *s = &t->state;
    double at = now();
    if (!t->options->progress || (!epoch_done && at - t->last_report < 0.1))
        return 0;
    t->last_report = at;
    double spent = seconds(t), speed = spent > 0 ? (double)s->samples / spent : 0;
    ax_train_progress p = {
        .epoch = (int)(epoch_done ? s->epoch : s->epoch + 1), .epochs = (int)t->config.epochs,
        .step = s->step, .steps = t->steps, .epoch_done = epoch_done,
        .loss = s->seen ? s->loss_sum / (double)s->seen : NAN,
        .accuracy = s->decided ? (double)s->correct / (double)s->decided : NAN,
        .val_loss = s->val_loss, .val_accuracy = s->val_accuracy, .learning_rate = rate(t),
        .samples_per_second = speed, .seconds = spent,
        .eta_seconds = s->step ? spent / (double)s->step * (double)(t->steps - s->step) : NAN,
    };
    return t->options->progress(t->options->ctx, &p);
}

/* ---- one step --------------------------------------------------------------------------------- */

/* The factor that brings the norm of all gradients together down to the limit. */
static double clip_factor(ax_trainer *t, const ax_batch_plan *p)
{
    double sum = 0;
    for (int i = 0, out = 2; i < t->net.n_inits; i++) {
        if (t->grads[i] == AX_NONE)
            continue;
        double part;
        ax_maps m = {AX_PLAIN, 1, 1, ax_param_count(t, i)};
        ax_maps_norms(&m, ax_exec_output(p->exec, out++), NULL, &part, t->scratch, t->pool);
        sum += part;
    }
    double norm = sqrt(sum);
    return norm > t->config.gradient_clip ? t->config.gradient_clip / norm : 1;
}

static void clip(ax_trainer *t, ax_batch_plan *p)
{
    if (t->config.gradient_clip <= 0)
        return;
    double f = clip_factor(t, p);
    for (int i = 0, out = 2; f < 1 && i < t->net.n_inits; i++)
        if (t->grads[i] != AX_NONE) {
            float *g = (float *)(uintptr_t)ax_exec_output(p->exec, out++);
            ax_vec_scale(ax_param_count(t, i), (float)f, g, g, t->pool);
        }
}

static void apply(ax_trainer *t, const ax_batch_plan *p)
{
    double lr = rate(t);
    int out = 2;
    for (int i = 0; i < t->net.n_inits; i++) {
        if (t->grads[i] == AX_NONE)
            continue;
        float *slot[2] = {t->slots[0] ? t->slots[0][i] : NULL, t->slots[1] ? t->slots[1][i] : NULL};
        ax_optimizer_step(&t->config.optimizer, t->state.step, lr, ax_param_count(t, i), ax_param_data(t, i),
                          ax_exec_output(p->exec, out++), slot, t->pool);
    }
    for (int i = 0; i < t->net.n_running; i++) {
        const ax_running *r = &t->net.running[i];
        const ax_value *v = &t->net.graph.val[r->running];
        const float *batch = ax_exec_output(p->exec, out++);
        float *running = v->data;
        for (int64_t k = 0; k < ax_shape_count(&v->desc.shape); k++)
            running[k] = (float)(r->momentum * running[k] + (1 - r->momentum) * batch[k]);
    }
}

static int64_t argmax(const float *y, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (y[i] > y[best])
            best = i;
    return best;
}

/* The running accuracy of the epoch, from the predictions that the step made anyway: logits, or a
 * hinge's scores, so yes is above 0. */
static void tally(ax_trainer *t, const float *y, const uint32_t *samples, int64_t n)
{
    const ax_samples *s = &t->data.train;
    int64_t w = t->width;
    for (int64_t i = 0; i < n; i++) {
        const float *target = s->classes ? NULL : s->y + samples[i] * w;
        if (t->task == AX_TASK_CLASSES) {
            t->state.correct += argmax(y + i * w, w) == (target ? argmax(target, w) : s->classes[samples[i]]);
            t->state.decided++;
        } else if (t->task == AX_TASK_BINARY) {
            for (int64_t k = 0; k < w; k++)
                t->state.correct += (y[i * w + k] > 0) == (target[k] > 0.5f);
            t->state.decided += w;
        }
    }
}

/* The batch of a step, by the counters alone. */
static ax_batch *batch_of(ax_trainer *t, int64_t step, int64_t in_epoch)
{
    ax_batch *b = &t->batch[step & 1];
    int64_t size = t->config.batch_size, at = in_epoch * size;
    b->samples = t->order + at;
    b->n = t->n_train - at < size && !t->onnx ? t->n_train - at : size;
    b->draw = (uint64_t)(step * size);
    return b;
}

static int learn(ax_trainer *t, const ax_batch *b, ax_batch_plan *p, ax_err *err)
{
    ax_train_state *s = &t->state;
    ax_exec_run(p->exec);
    float loss = *(const float *)ax_exec_output(p->exec, 0);
    if (!isfinite(loss)) {
        ax_fail(err, AX_ENONFINITE, "the loss is %s in epoch %lld, step %lld: the training diverged",
                AX_NUMBER(loss), (long long)s->epoch + 1, (long long)s->step + 1);
        return ax_err_hint(err, "a smaller learning_rate or a gradient_clip may help");
    }
    clip(t, p);
    apply(t, p);
    tally(t, ax_exec_output(p->exec, 1), b->samples, b->n);
    s->loss_sum += (double)loss * (double)b->n;
    s->seen += b->n;
    s->samples += b->n;
    return 0;
}

/* Threads that this step leaves idle fill the batch of the next one of the epoch. */
static int one_step(ax_trainer *t, ax_err *err)
{
    ax_train_state *s = &t->state;
    ax_batch *b = batch_of(t, s->step, s->in_epoch);
    ax_batch_plan *p = ax_trainer_plan(t, 0, b->n, err);
    if (!p)
        return -1;
    if (t->ready != s->step)
        ax_batch_fill(b);
    *(int64_t *)ax_exec_input(p->exec, 0) = s->step;
    ax_exec_move_input(p->exec, 1, b->x);
    ax_exec_move_input(p->exec, 2, b->target);
    int more = s->in_epoch + 1 < t->steps_per_epoch;
    if (more)
        ax_batch_fill_later(batch_of(t, s->step + 1, s->in_epoch + 1));
    int bad = learn(t, b, p, err);
    ax_pool_catch_up(t->pool);
    if (bad)
        return -1;
    s->step++;
    s->in_epoch++;
    t->ready = more ? s->step : -1;
    return 0;
}

/* ---- epochs ----------------------------------------------------------------------------------- */

static int validate(ax_trainer *t, ax_err *err)
{
    ax_metrics *m = &t->validation;
    if (t->n_val == 0)
        return 0;
    ax_metrics_reset(m);
    if (ax_trainer_evaluate(t, &t->data.train, t->split + t->n_train, t->n_val, m, err))
        return -1;
    t->state.val_loss = ax_metrics_loss(m);
    t->state.val_accuracy = ax_metrics_accuracy(m);
    return 0;
}

static void copy_weights(ax_trainer *t, int to_best)
{
    for (int i = 0; i < t->net.n_inits; i++) {
        size_t bytes = (size_t)ax_param_count(t, i) * sizeof(float);
        if (to_best)
            memcpy(t->best[i], ax_param_data(t, i), bytes);
        else
            memcpy(ax_param_data(t, i), t->best[i], bytes);
    }
}

/* Non-zero: patience is at its end. Lower is better; accuracies count negative. */
static int watch(ax_trainer *t)
{
    const ax_train_config *c = &t->config;
    ax_train_state *s = &t->state;
    if (c->patience == 0)
        return 0;
    double v = c->early_accuracy ? -(c->early_validation ? s->val_accuracy : s->accuracy)
                                 : (c->early_validation ? s->val_loss : s->loss);
    if (v < s->best) {
        s->best = v;
        s->best_epoch = s->epoch;
        s->waited = 0;
        if (t->best)
            copy_weights(t, 1);
        return 0;
    }
    return ++s->waited >= c->patience;
}

static void shuffle(ax_trainer *t)
{
    int64_t n = t->n_train;
    if (t->config.shuffle) {
        ax_rng r = {t->config.seed, ax_rng_name("shuffle") + (uint64_t)t->state.epoch};
        ax_rng_shuffle(r, t->order, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            t->order[i] = t->split[t->order[i]];
    } else {
        memcpy(t->order, t->split, (size_t)n * sizeof *t->order);
    }
    for (int64_t i = 0; i < t->config.batch_size; i++) /* for a last batch that has to be full */
        t->order[n + i] = t->order[i];
}

/* A loss that is finite does not say that the step it led to was: nobody shall go on from there. */
static int check_weights(const ax_trainer *t, ax_err *err)
{
    for (int i = 0; i < t->net.n_inits; i++) {
        const float *w = ax_param_data(t, i);
        for (int64_t k = 0; k < ax_param_count(t, i); k++)
            if (!isfinite(w[k])) {
                ax_fail(err, AX_ENONFINITE, "'%s' is not finite after epoch %lld, step %lld: the training diverged",
                        t->net.graph.val[t->net.inits[i].param].name, (long long)t->state.epoch, (long long)t->state.step);
                return ax_err_hint(err, "a smaller learning_rate or a gradient_clip may help");
            }
    }
    return 0;
}

static int save(ax_trainer *t, ax_err *err)
{
    if (!t->options->checkpoint_dir)
        return 0;
    if (check_weights(t, err))
        return -1;
    double spent = seconds(t);
    t->state.seconds = spent;
    t->last_save = t->started = now();
    return ax_checkpoint_write(t, err);
}

/* Is it time for a checkpoint, beside those that a stop and the end ask for? After an epoch that the
 * spec names, though not more than one a second; and within one when the last is old. */
static int is_due(const ax_trainer *t, int epoch_done)
{
    double age = now() - t->last_save;
    if (epoch_done && t->state.epoch % t->config.checkpoint_every == 0)
        return age >= 1;
    return t->options->checkpoint_seconds > 0 && age >= (double)t->options->checkpoint_seconds;
}

/* 0: go on; 1: patience is at its end; -1: failed or cancelled. */
static int one_epoch(ax_trainer *t, ax_err *err)
{
    ax_train_state *s = &t->state;
    shuffle(t);
    while (s->in_epoch < t->steps_per_epoch) {
        if (one_step(t, err))
            return -1;
        int last = s->in_epoch == t->steps_per_epoch;
        if (!last && is_due(t, 0) && save(t, err))
            return -1;
        if (!last && report(t, 0)) {
            if (save(t, err))
                return -1;
            return ax_fail(err, AX_ECANCELED, "stopped in epoch %lld after step %lld", (long long)s->epoch + 1, (long long)s->step);
        }
    }
    if (validate(t, err))
        return -1;
    s->loss = s->loss_sum / (double)s->seen;
    s->accuracy = s->decided ? (double)s->correct / (double)s->decided : NAN;
    s->epoch++;
    s->in_epoch = 0;
    int enough = watch(t);
    ax_schedule_epoch(&t->config.schedule, t->n_val ? s->val_loss : s->loss);
    int stop = report(t, 1);
    int more = s->epoch < t->config.epochs && !enough;
    s->loss_sum = 0;
    s->seen = s->correct = s->decided = 0;
    if ((stop || !more || is_due(t, 1)) && save(t, err))
        return -1;
    if (stop && more)
        return ax_fail(err, AX_ECANCELED, "stopped after epoch %lld", (long long)s->epoch);
    return enough;
}

/* ---- the whole -------------------------------------------------------------------------------- */

int ax_train(const ax_train_options *o, ax_train_result *r, ax_err *err)
{
    ax_trainer t;
    *r = (ax_train_result){.loss = NAN, .accuracy = NAN, .val_loss = NAN, .val_accuracy = NAN,
                           .test_loss = NAN, .test_accuracy = NAN};
    if ((o->out && ax_trainer_check_out(o->out, err)) || ax_trainer_open(&t, o, err))
        return -1;
    int resumed = 0, bad = o->checkpoint_dir && (ax_checkpoint_prepare(&t, err) ||
                                                 (o->resume && (resumed = ax_checkpoint_read(&t, err)) < 0));
    if (!bad && !resumed)
        ax_trainer_warn(&t);
    bad = bad || ax_trainer_prepare(&t, err);
    int more = 0;
    t.started = now();
    t.last_save = t.started - 1; /* the first epoch has a checkpoint, however short it is */
    while (!bad && t.state.epoch < t.config.epochs && !(t.config.patience && t.state.waited >= t.config.patience)) {
        more = one_epoch(&t, err);
        if (more)
            break;
    }
    bad = bad || more < 0;
    r->epochs = (int)t.state.epoch;
    r->steps = t.state.step;
    r->samples = t.state.samples;
    r->seconds = seconds(&t);
    r->loss = t.state.loss;
    r->accuracy = t.state.accuracy;
    if (!bad && t.best && t.state.best_epoch > 0)
        copy_weights(&t, 0);
    if (!bad) { /* the numbers of the weights that are written */
        bad = validate(&t, err);
        r->val_loss = t.state.val_loss;
        r->val_accuracy = t.state.val_accuracy;
    }
    if (!bad && o->out)
        bad = ax_trainer_publish(&t, r, err);
    ax_trainer_close(&t);
    return bad ? -1 : 0;
}

int ax_train_check(const ax_train_options *o, ax_err *err)
{
    ax_trainer t;
    if ((o->out && ax_trainer_check_out(o->out, err)) || ax_trainer_open(&t, o, err))
        return -1;
    ax_trainer_warn(&t);
    ax_trainer_close(&t);
    return 0;
}
