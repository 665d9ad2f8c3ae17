/* optimizers.h - ONNX's cases of optimizers (ai.onnx.preview.training), which judge ours: their
 * attributes as our settings, their state as our slots. Ours count steps from 0, have no factor for
 * the gradient's part of a momentum, and correct Adam's means always: ONNX's count of 0, which
 * means no correction, is a step so late that there is none left. */
#ifndef ONNX_OPTIMIZERS_H
#define ONNX_OPTIMIZERS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/onnx_file.h"
#include "math/element.h"
#include "train/optimizer.h"

enum { LATE = 1 << 24 };

static int is_training(const ax_onnx_file *f)
{
    return f->graph.n_node == 1 && !strcmp(f->graph.node[0].domain, "ai.onnx.preview.training") &&
           strcmp(f->graph.node[0].op, "Gradient") != 0;
}

static double setting(const ax_onnx_node *n, const char *name, double otherwise)
{
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name))
            return (double)n->attr[i].f;
    return otherwise;
}

static int is_nesterov(const ax_onnx_node *n)
{
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, "mode"))
            return !strcmp(n->attr[i].s, "nesterov");
    return 0;
}

/* Our optimizer, the rate and the step of a case. AX_EUNSUPPORTED where ours has no such setting.
 */
static int our_optimizer(const ax_onnx_node *n, double rate, int64_t count, ax_optimizer *o,
                         double *lr, int64_t *step, ax_err *err)
{
    int adam = !strcmp(n->op, "Adam"), momentum = !strcmp(n->op, "Momentum");
    cJSON *name = cJSON_CreateString(adam ? "adam" : momentum ? "sgd" : "adagrad");
    int bad = ax_optimizer_read(name, o, err);
    cJSON_Delete(name);
    *lr = rate;
    *step = count > 0 ? count - 1 : LATE;
    o->weight_decay = setting(n, "norm_coefficient", 0);
    /* the data of test_adam_multiple come from 0.01, which its model does not say */
    o->epsilon = setting(n, "epsilon", adam ? 0.01 : 1e-6);
    if (adam) {
        o->beta1 = setting(n, "alpha", 0.9);
        o->beta2 = setting(n, "beta", 0.999);
        if (count > 0) /* ONNX's is added before the root is corrected */
            o->epsilon /= sqrt(1 - pow(o->beta2, (double)count));
        if (setting(n, "norm_coefficient_post", 0) != 0)
            return ax_fail(err, AX_EUNSUPPORTED, "our adam does not shrink weights after the step");
    } else if (momentum) {
        o->momentum = setting(n, "alpha", 0);
        o->nesterov = is_nesterov(n);
        *step = LATE; /* the momentum that there is counts from the first step on */
        if (count > 0 && setting(n, "beta", 1) != 1)
            return ax_fail(err, AX_EUNSUPPORTED,
                           "our momentum has no factor for the gradient (beta is %g)",
                           setting(n, "beta", 1));
    } else {
        *lr = rate / (1 + (double)count * setting(n, "decay_factor", 0));
    }
    return bad;
}

/* in: R, T, then all of X, all of G, all of each state; out: all of X, all of each state. */
static int step_ours(const ax_onnx_file *f, const ax_tensor *in, int n_in, ax_tensor *out,
                     ax_err *err)
{
    const ax_onnx_node *n = &f->graph.node[0];
    ax_optimizer o;
    double lr;
    int64_t step;
    if (our_optimizer(n, ax_real_read(in[0].dtype, in[0].data, 0),
                      ax_whole_read(in[1].dtype, in[1].data, 0), &o, &lr, &step, err))
        return -1;
    int states = o.slots, tensors = (n_in - 2) / (2 + states);
    for (int i = 0; i < tensors; i++) {
        float *slot[2] = {NULL, NULL};
        const ax_tensor *x = &in[2 + i], *g = &in[2 + tensors + i];
        int64_t count = ax_shape_count(&x->shape);
        if (x->dtype != AX_F32)
            return ax_fail(err, AX_EUNSUPPORTED, "weights of %s", ax_dtype_name(x->dtype));
        for (int k = 0; k <= states; k++) {
            const ax_tensor *from = k ? &in[2 + (1 + k) * tensors + i] : x;
            ax_tensor *to = &out[k * tensors + i];
            *to = *from;
            to->data = malloc((size_t)count * sizeof(float) + 1); /* lives as long as the process */
            memcpy(to->data, from->data, (size_t)count * sizeof(float));
            if (k)
                slot[k - 1] = to->data;
        }
        ax_optimizer_step(&o, step, lr, count, out[i].data, g->data, slot, NULL);
    }
    return 0;
}

#endif
