/* update.isa.c - the loops of the optimizers, compiled once per instruction set. */
#include <math.h>

#include "train/optimizer.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

static void sgd(const ax_update *u, int64_t n, float *restrict w, const float *restrict g,
                float *restrict m, float *restrict v)
{
    (void)v;
    if (u->momentum == 0) {
        for (int64_t i = 0; i < n; i++)
            w[i] -= u->lr * (g[i] + u->weight_decay * w[i]);
        return;
    }
    float keep = u->first ? 0 : u->momentum;
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] + u->weight_decay * w[i];
        m[i] = keep * m[i] + d;
        w[i] -= u->lr * (u->nesterov ? d + u->momentum * m[i] : m[i]);
    }
}

static void adam_core(const ax_update *u, int64_t n, float *restrict w, const float *restrict g,
                      float *restrict m, float *restrict v, float coupled, float shrink)
{
    float step = u->lr / u->correction1;
    for (int64_t i = 0; i < n; i++) {
        float x = w[i] * shrink, d = g[i] + coupled * x;
        m[i] = u->beta1 * m[i] + u->rest1 * d;
        v[i] = u->beta2 * v[i] + u->rest2 * d * d;
        w[i] = x - step * m[i] / (sqrtf(v[i]) / u->correction2 + u->epsilon);
    }
}

static void adam(const ax_update *u, int64_t n, float *w, const float *g, float *m, float *v)
{
    adam_core(u, n, w, g, m, v, u->weight_decay, 1);
}

static void adamw(const ax_update *u, int64_t n, float *w, const float *g, float *m, float *v)
{
    adam_core(u, n, w, g, m, v, 0, 1 - u->lr * u->weight_decay);
}

static void rmsprop(const ax_update *u, int64_t n, float *restrict w, const float *restrict g,
                    float *restrict m, float *restrict v)
{
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] + u->weight_decay * w[i];
        v[i] = u->beta2 * v[i] + u->rest2 * d * d;
        m[i] = u->momentum * m[i] + d / (sqrtf(v[i]) + u->epsilon);
        w[i] -= u->lr * m[i];
    }
}

static void adagrad(const ax_update *u, int64_t n, float *restrict w, const float *restrict g,
                    float *restrict m, float *restrict v)
{
    (void)v;
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] + u->weight_decay * w[i];
        m[i] += d * d;
        w[i] -= u->lr * d / (sqrtf(m[i]) + u->epsilon);
    }
}

static void lion(const ax_update *u, int64_t n, float *restrict w, const float *restrict g,
                 float *restrict m, float *restrict v)
{
    (void)v;
    float shrink = 1 - u->lr * u->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        float c = u->beta1 * m[i] + u->rest1 * g[i];
        /* 0 * c: a gradient that is not finite must show, and has no sign */
        w[i] = w[i] * shrink - u->lr * ((float)((c > 0) - (c < 0)) + 0 * c);
        m[i] = u->beta2 * m[i] + u->rest2 * g[i];
    }
}

extern const ax_update_table PASTE(ax_update_, AX_ISA);
const ax_update_table PASTE(ax_update_, AX_ISA) = {sgd, adam, adamw, rmsprop, adagrad, lion};
