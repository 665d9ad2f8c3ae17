/* twins_recurrent.h - RNN, LSTM and GRU by their equations, one number at a time, in double. */
#ifndef TWINS_RECURRENT_H
#define TWINS_RECURRENT_H

#include "prop/twins.h"

typedef struct recurrent_twin {
    const ax_recurrent_attr *a;
    int64_t in, h, d;                /* d: the direction */
    const double *x, *w, *r, *b, *p; /* of this step; of this direction */
    const double *before, *cell;
    double *next, *next_cell;
} recurrent_twin;

/* x W^T + Wb, h R^T + Rb of row j (gate j/h), h given */
static double twin_in(const recurrent_twin *t, int64_t j)
{
    double sum = t->b ? t->b[j] : 0;
    for (int64_t k = 0; k < t->in; k++)
        sum += t->x[k] * t->w[j * t->in + k];
    return sum;
}

static double twin_back(const recurrent_twin *t, int64_t gates, const double *h, int64_t j)
{
    double sum = t->b ? t->b[gates * t->h + j] : 0;
    for (int64_t k = 0; k < t->h; k++)
        sum += h[k] * t->r[j * t->h + k];
    return sum;
}

static double twin_gate(const recurrent_twin *t, int f, double a)
{
    double limit = t->a->clip > 0 ? (double)t->a->clip : INFINITY;
    return twin_act(&t->a->act[t->d][f], fmax(-limit, fmin(limit, a)));
}

static void twin_lstm_unit(const recurrent_twin *t, int64_t u)
{
    int64_t h = t->h;
    double a[4], c = t->cell[u];
    for (int k = 0; k < 4; k++)
        a[k] = twin_in(t, k * h + u) + twin_back(t, 4, t->before, k * h + u);
    double i = twin_gate(t, 0, a[0] + (t->p ? t->p[u] * c : 0));
    double f =
        t->a->input_forget ? 1 - i : twin_gate(t, 0, a[2] + (t->p ? t->p[2 * h + u] * c : 0));
    double c1 = f * c + i * twin_gate(t, 1, a[3]);
    double o = twin_gate(t, 0, a[1] + (t->p ? t->p[h + u] * c1 : 0));
    t->next_cell[u] = c1;
    t->next[u] = o * twin_act(&t->a->act[t->d][2], c1);
}

static void twin_gru_step(const recurrent_twin *t)
{
    int64_t h = t->h;
    double z[64], r[64], reset[64];
    for (int64_t u = 0; u < h; u++) {
        z[u] = twin_gate(t, 0, twin_in(t, u) + twin_back(t, 3, t->before, u));
        r[u] = twin_gate(t, 0, twin_in(t, h + u) + twin_back(t, 3, t->before, h + u));
        reset[u] = r[u] * t->before[u];
    }
    for (int64_t u = 0; u < h; u++) {
        int64_t j = 2 * h + u;
        double q = t->a->linear_before_reset ? r[u] * twin_back(t, 3, t->before, j)
                                             : twin_back(t, 3, reset, j);
        double n = twin_gate(t, 1, twin_in(t, j) + q);
        t->next[u] = (1 - z[u]) * n + z[u] * t->before[u];
    }
}

static void twin_step(const recurrent_twin *t)
{
    if (t->a->cell == AX_CELL_GRU)
        twin_gru_step(t);
    for (int64_t u = 0; u < t->h; u++) {
        if (t->a->cell == AX_CELL_LSTM)
            twin_lstm_unit(t, u);
        if (t->a->cell == AX_CELL_RNN)
            t->next[u] = twin_gate(t, 0, twin_in(t, u) + twin_back(t, 1, t->before, u));
    }
}

/* One sequence, one direction. */
static void twin_sequence(twin_call *c, recurrent_twin *t, int64_t b, int64_t batch, int64_t steps)
{
    const ax_recurrent_attr *a = t->a;
    int64_t n = c->x[4] ? (int64_t)c->x[4][b] : steps, h = t->h, dirs = a->directions;
    int64_t state = a->batch_first ? (b * dirs + t->d) * h : (t->d * batch + b) * h;
    double now[2][2][64] = {{{0}}};
    for (int64_t u = 0; u < h; u++) {
        now[0][0][u] = c->x[5] ? c->x[5][state + u] : 0;
        now[0][1][u] = c->x[6] ? c->x[6][state + u] : 0;
    }
    for (int64_t s = 0; s < n; s++) {
        int64_t at = t->d || a->reverse ? n - 1 - s : s;
        t->x = c->x[0] + (a->batch_first ? b * steps + at : at * batch + b) * t->in;
        t->before = now[s % 2][0];
        t->cell = now[s % 2][1];
        t->next = now[(s + 1) % 2][0];
        t->next_cell = now[(s + 1) % 2][1];
        twin_step(t);
        double *y =
            c->y[0] +
            (a->batch_first ? (b * steps + at) * dirs + t->d : (at * dirs + t->d) * batch + b) * h;
        memcpy(y, t->next, (size_t)h * sizeof *y);
    }
    if (n == 0)
        return;
    memcpy(c->y[1] + state, now[n % 2][0], (size_t)h * sizeof(double));
    if (a->cell == AX_CELL_LSTM)
        memcpy(c->y[2] + state, now[n % 2][1], (size_t)h * sizeof(double));
}

/* Gates do not stretch what comes to them; a step errs by its two sums and what the step before
 * erred by. */
static void twin_recurrent(twin_call *c)
{
    const ax_recurrent_attr *a = c->attr;
    int64_t in = dims(&c->in[0])[2], h = dims(&c->in[2])[2], g = dims(&c->in[2])[1];
    int64_t batch = dims(&c->in[0])[!a->batch_first], steps = dims(&c->in[0])[a->batch_first];
    for (int64_t d = 0; d < a->directions; d++) {
        recurrent_twin t = {.a = a, .in = in, .h = h, .d = d};
        t.w = c->x[1] + d * g * in;
        t.r = c->x[2] + d * g * h;
        t.b = c->x[3] ? c->x[3] + d * 2 * g : NULL;
        t.p = c->x[7] ? c->x[7] + d * 3 * h : NULL;
        for (int64_t b = 0; b < batch; b++)
            twin_sequence(c, &t, b, batch, steps);
    }
    for (int k = 0; k < (a->cell == AX_CELL_LSTM ? 3 : 2); k++)
        for (int64_t i = 0; i < count_of(&c->out[k]); i++)
            c->mag[k][i] = 1 + fabs(c->y[k][i]);
    c->steps = (double)(steps * (in + h + 8));
}

#endif
