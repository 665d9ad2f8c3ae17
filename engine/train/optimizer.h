/* optimizer.h - one row per optimizer: its hyper-parameters and how it moves a stretch of weights.
 *
 * Formulas are PyTorch's (torch.optim), so that the same numbers give the same trajectory:
 * weight_decay is added to the gradient, except for adamw and lion, where it shrinks the weights
 * directly. All arithmetic is float32 except the bias corrections, element by element, so bits do
 * not depend on threads. */
#ifndef AX_TRAIN_OPTIMIZER_H
#define AX_TRAIN_OPTIMIZER_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

/* Everything one update needs besides the arrays. */
typedef struct ax_update {
    float lr, weight_decay, momentum, beta1, beta2, epsilon;
    float rest1, rest2;             /* 1 - beta1, 1 - beta2, each rounded once */
    float correction1, correction2; /* adam: 1 - beta1^t, sqrt(1 - beta2^t) */
    int nesterov, first;            /* first: no step was made before       */
} ax_update;

typedef void ax_update_fn(const ax_update *u, int64_t n, float *w, const float *g, float *m, float *v);

/* The update loops, one table per instruction set. */
typedef struct ax_update_table {
    ax_update_fn *sgd, *adam, *adamw, *rmsprop, *adagrad, *lion;
} ax_update_table;

typedef struct ax_optimizer {
    int kind;  /* row in the table */
    int slots; /* arrays like the weights that it keeps: 0, 1 or 2 */
    double lr, weight_decay, momentum, beta1, beta2, epsilon;
    int nesterov;
} ax_optimizer;

/* "adam" or {"name":"sgd","learning_rate":0.1,"momentum":0.9}; NULL: adam with its defaults. */
int ax_optimizer_read(const cJSON *json, ax_optimizer *o, ax_err *err);
const char *ax_optimizer_name(const ax_optimizer *o);

/* One step: w -= ... in place; step counts from 0; lr is the scheduled rate. slot[0..slots) are
 * arrays of n, zero at the start. */
void ax_optimizer_step(const ax_optimizer *o, int64_t step, double lr, int64_t n, float *w,
                       const float *g, float *const slot[2], ax_pool *pool);

#endif
