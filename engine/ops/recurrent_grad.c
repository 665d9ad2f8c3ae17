/* recurrent_grad.c - backpropagation through time: the forward once more, all of it kept, then the
 * steps backwards. What arrives before the gates of all steps (da) makes the gradients of the
 * weights in one product each, as the forward makes its input in one. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "math/gemm.h"
#include "ops/recurrent.h"

/* y, y_h, y_c behind the inputs of the layer; gradients of its inputs but the lengths */
enum { DY = REC_INPUTS, DYH, DYC, GRAD_INPUTS };
enum { OUT_X, OUT_W, OUT_R, OUT_B, OUT_H0, OUT_C0, OUT_P, GRAD_OUTPUTS };

static const int input_of[GRAD_OUTPUTS] = {REC_X, REC_W, REC_R, REC_B, REC_H0, REC_C0, REC_P};

typedef struct back {
    rec r;
    const float *dy, *dyh, *dyc;
    float *da;         /* (rows, gates h): gradients before the gates, in the order of x */
    float *dq;         /* GRU: (rows, h): of what R n gives, where that is not da's */
    float *before, *q; /* (rows, h): the state before, GRU: r*h */
    float *step;       /* (b, gates h): da of the step, as R sees it */
    float *dh, *dc;    /* (b, h) */
    int64_t s;
} back;

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    for (int i = 0; i < GRAD_OUTPUTS; i++)
        out[i] = in[input_of[i]].shape.rank < 0 ? (ax_desc){AX_F32, AX_SHAPE(1)} : in[input_of[i]];
    return 0;
}

static int64_t back_scratch(const rec *r)
{
    int64_t n = r->gates * r->h, all = r->t * r->b;
    return round16(all * n) + 3 * round16(all * r->h) + round16(r->b * n) +
           2 * round16(r->b * r->h);
}

static float *take(float **at, int64_t n)
{
    float *p = *at;
    *at += round16(n);
    return p;
}

static void place(back *k, float *scratch)
{
    const rec *r = &k->r;
    int64_t n = r->gates * r->h, all = r->t * r->b;
    k->da = take(&scratch, all * n);
    k->dq = take(&scratch, all * r->h);
    k->before = take(&scratch, all * r->h);
    k->q = take(&scratch, all * r->h);
    k->step = take(&scratch, r->b * n);
    k->dh = take(&scratch, r->b * r->h);
    k->dc = take(&scratch, r->b * r->h);
}

/* ---- rows ---- */

/* d *= f'(a), and 0 where a was clipped */
static void through(const rec *r, const ax_act *f, const float *a, float *d, int64_t n)
{
    ax_act_backward(f, a, d, d, (size_t)n);
    for (int64_t i = 0; r->a->clip > 0 && i < n; i++)
        d[i] = fabsf(a[i]) >= r->a->clip ? 0 : d[i];
}

static void rnn_row(const rec *r, const float *v, float *dh, float *da)
{
    memcpy(da, dh, (size_t)r->h * sizeof *da);
    memset(dh, 0, (size_t)r->h * sizeof *dh);
    through(r, &r->a->act[r->d][0], v, da, r->h);
}

/* da is in order of R: i o f g; dc becomes that of the cell before */
static void lstm_row(const rec *r, const float *v, const float *c, const float *c1, float *dh,
                     float *dc, float *da)
{
    int64_t h = r->h;
    const ax_act *act = r->a->act[r->d];
    const float *p = r->p ? r->p + r->d * 3 * h : NULL;
    const float *i = v + 4 * h, *o = v + 5 * h, *f = v + 6 * h, *g = v + 7 * h, *hc = v + 8 * h;
    float *di = da, *d_o = da + h, *df = da + 2 * h, *dg = da + 3 * h;
    for (int64_t k = 0; k < h; k++) {
        d_o[k] = dh[k] * hc[k];
        dg[k] = dh[k] * o[k]; /* of h(c), for now */
        dh[k] = 0;
    }
    through(r, &act[0], v + h, d_o, h);
    ax_act_backward(&act[2], c1, dg, dg, (size_t)h);
    for (int64_t k = 0; k < h; k++) {
        double d = (double)dc[k] + dg[k] + (p ? (double)d_o[k] * p[h + k] : 0);
        int one = r->a->input_forget;
        dc[k] = (float)(d * f[k]);
        di[k] = (float)(d * (one ? (double)g[k] - c[k] : (double)g[k]));
        df[k] = one ? 0 : (float)(d * c[k]);
        dg[k] = (float)(d * i[k]);
    }
    through(r, &act[0], v, di, h);
    through(r, &act[0], v + 2 * h, df, h);
    through(r, &act[1], v + 3 * h, dg, h);
    for (int64_t k = 0; p && k < h; k++)
        dc[k] = (float)(dc[k] + (double)di[k] * p[k] + (double)df[k] * p[2 * h + k]);
}

/* da: z r n; z before its activation, n, too. dh keeps what comes past the gates. */
static void gru_row(const rec *r, const float *v, const float *h0, float *dh, float *da)
{
    int64_t h = r->h;
    const ax_act *act = r->a->act[r->d];
    const float *z = v + 3 * h, *n = v + 5 * h;
    for (int64_t k = 0; k < h; k++) {
        da[k] = (float)((double)dh[k] * ((double)h0[k] - n[k]));
        da[2 * h + k] = (float)(dh[k] * (1 - (double)z[k]));
        dh[k] *= z[k];
    }
    through(r, &act[0], v, da, h);
    through(r, &act[1], v + 2 * h, da + 2 * h, h);
}

/* ---- steps ---- */

/* Where R multiplies r*h: dq = da_n R_n is that of r*h; else dq = da_n * r is that of h R_n. */
static void gru_reset(const back *k, int64_t b, int64_t row)
{
    const rec *r = &k->r;
    int64_t h = r->h;
    const float *v = rec_saved(r, k->s, b), *reset = v + 4 * h;
    const float *h0 = k->before + row * h;
    float *da = k->da + row * 3 * h, *dq = k->dq + row * h, *dh = k->dh + b * h;
    for (int64_t i = 0; i < h; i++) {
        if (r->second) {
            dq[i] = k->step[b * h + i];
            da[h + i] = dq[i] * h0[i];
            dh[i] = (float)(dh[i] + (double)dq[i] * reset[i]);
        } else {
            da[h + i] = da[2 * h + i] * v[6 * h + i];
            dq[i] = da[2 * h + i] * reset[i];
        }
    }
    through(r, &r->a->act[r->d][0], v + h, da + h, h);
}

static void rows(void *ctx, int64_t from, int64_t to)
{
    const back *k = ctx;
    const rec *r = &k->r;
    int64_t h = r->h, n = r->gates * h;
    for (int64_t b = from; b < to; b++) {
        int64_t row = rec_row(r, k->s, b);
        if (row < 0)
            continue;
        const float *v = rec_saved(r, k->s, b), *h0 = rec_h(r, k->s, b);
        float *da = k->da + row * n, *dh = k->dh + b * h;
        for (int64_t i = 0; k->dy && i < h; i++)
            dh[i] += k->dy[rec_y_at(r, row) + i];
        memcpy(k->before + row * h, h0, (size_t)h * sizeof *h0);
        if (r->a->cell == AX_CELL_RNN)
            rnn_row(r, v, dh, da);
        else if (r->a->cell == AX_CELL_LSTM)
            lstm_row(r, v, rec_c(r, k->s, b), rec_c(r, k->s + 1, b), dh, k->dc + b * h, da);
        else
            gru_row(r, v, h0, dh, da);
        if (r->second)
            memcpy(k->q + row * h, v + 6 * h, (size_t)h * sizeof *v);
    }
}

/* da of the step, side by side; columns [from, from+width) of a row, 0 where the sequence is over
 */
static void collect(const back *k, int64_t from, int64_t width)
{
    const rec *r = &k->r;
    for (int64_t b = 0; b < r->b; b++) {
        int64_t row = rec_row(r, k->s, b);
        float *to = k->step + b * width;
        memset(to, 0, (size_t)width * sizeof *to);
        if (row >= 0)
            memcpy(to, k->da + row * r->gates * r->h + from, (size_t)width * sizeof *to);
        if (row >= 0 && r->a->cell == AX_CELL_GRU && !r->second) /* n, as R has it */
            memcpy(to + 2 * r->h, k->dq + row * r->h, (size_t)r->h * sizeof *to);
    }
}

static void reset_rows(void *ctx, int64_t from, int64_t to)
{
    const back *k = ctx;
    for (int64_t b = from; b < to; b++) {
        int64_t row = rec_row(&k->r, k->s, b);
        if (row >= 0)
            gru_reset(k, b, row);
    }
}

static void one_step(back *k)
{
    const rec *r = &k->r;
    int64_t h = r->h, n = r->gates * h;
    const float *w = r->r + r->d * n * h;
    ax_range(r->pool, r->b, rec_grain(r), rows, k);
    if (r->second) {
        collect(k, 2 * h, h);
        ax_gemm_pool(0, 0, r->b, h, h, 1, k->step, h, w + r->first * h, h, 0, r->rec, h, r->pool);
        memcpy(k->step, r->rec, (size_t)(r->b * h) * sizeof(float));
    }
    if (r->a->cell == AX_CELL_GRU)
        ax_range(r->pool, r->b, rec_grain(r), reset_rows, k);
    collect(k, 0, r->first);
    ax_gemm_pool(0, 0, r->b, h, r->first, 1, k->step, r->first, w, h, 1, k->dh, h, r->pool);
}

/* ---- sums over all steps ---- */

typedef struct sums {
    const back *k;
    float *out;
} sums;

/* Wb and Rb, one column of da each */
static void bias_columns(void *ctx, int64_t from, int64_t to)
{
    const sums *j = ctx;
    const rec *r = &j->k->r;
    int64_t n = r->gates * r->h, all = r->t * r->b;
    int apart = r->a->cell == AX_CELL_GRU && !r->second;
    for (int64_t c = from; c < to; c++) {
        double sum = 0, other = 0;
        for (int64_t i = 0; i < all; i++)
            sum += j->k->da[i * n + c];
        for (int64_t i = 0; apart && c >= 2 * r->h && i < all; i++)
            other += j->k->dq[i * r->h + c - 2 * r->h];
        j->out[c] = (float)sum;
        j->out[n + c] = (float)(apart && c >= 2 * r->h ? other : sum);
    }
}

/* P: i o f, which look at the cell before, after and before */
static void peephole_columns(void *ctx, int64_t from, int64_t to)
{
    const sums *j = ctx;
    const rec *r = &j->k->r;
    for (int64_t c = from; c < to; c++) {
        double sum = 0;
        for (int64_t s = 0; s < r->t; s++)
            for (int64_t b = 0; b < r->b; b++) {
                int64_t row = rec_row(r, s, b), unit = c % r->h;
                if (row >= 0)
                    sum += (double)j->k->da[row * 4 * r->h + c] *
                           rec_c(r, s + (c / r->h == 1), b)[unit];
            }
        j->out[c] = (float)sum;
    }
}

static void weights(const back *k, const ax_call *c)
{
    const rec *r = &k->r;
    int64_t h = r->h, n = r->gates * h, all = r->t * r->b;
    float *dw = (float *)c->y[OUT_W] + r->d * n * r->in, *dr = (float *)c->y[OUT_R] + r->d * n * h;
    int64_t same = r->a->cell == AX_CELL_GRU ? 2 * h : n; /* gates that look at h alone */
    ax_gemm_pool(1, 0, n, r->in, all, 1, k->da, n, r->x, r->in, 0, dw, r->in, r->pool);
    ax_gemm_pool(1, 0, same, h, all, 1, k->da, n, k->before, h, 0, dr, h, r->pool);
    if (r->second)
        ax_gemm_pool(1, 0, h, h, all, 1, k->da + same, n, k->q, h, 0, dr + same * h, h, r->pool);
    else if (same < n)
        ax_gemm_pool(1, 0, h, h, all, 1, k->dq, h, k->before, h, 0, dr + same * h, h, r->pool);
    ax_gemm_pool(0, 0, all, r->in, n, 1, k->da, n, r->w + r->d * n * r->in, r->in, r->d > 0,
                 c->y[OUT_X], r->in, r->pool);
    if (r->bias)
        ax_range(r->pool, n, 16, bias_columns, &(sums){k, (float *)c->y[OUT_B] + r->d * 2 * n});
    if (r->p)
        ax_range(r->pool, 3 * h, 16, peephole_columns,
                 &(sums){k, (float *)c->y[OUT_P] + r->d * 3 * h});
}

/* What arrives at the last states: zeros where nothing does, or there was no step. */
static void last_states(back *k)
{
    const rec *r = &k->r;
    size_t bytes = (size_t)r->h * sizeof(float);
    for (int64_t b = 0; b < r->b; b++) {
        memset(k->dh + b * r->h, 0, bytes);
        memset(k->dc + b * r->h, 0, bytes);
        if (rec_row(r, 0, b) < 0)
            continue;
        if (k->dyh)
            memcpy(k->dh + b * r->h, k->dyh + rec_state_at(r, b), bytes);
        if (k->dyc)
            memcpy(k->dc + b * r->h, k->dyc + rec_state_at(r, b), bytes);
    }
}

static void first_states(const back *k, float *dh0, float *dc0)
{
    const rec *r = &k->r;
    size_t bytes = (size_t)r->h * sizeof(float);
    for (int64_t b = 0; b < r->b; b++) {
        if (r->h0)
            memcpy(dh0 + rec_state_at(r, b), k->dh + b * r->h, bytes);
        if (r->c0)
            memcpy(dc0 + rec_state_at(r, b), k->dc + b * r->h, bytes);
    }
}

static void direction(back *k, int d, const float *packed, const ax_call *c)
{
    const rec *r = &k->r;
    int64_t all = r->t * r->b;
    rec_forward(&k->r, d, packed, NULL);
    memset(k->da, 0, (size_t)(all * r->gates * r->h) * sizeof(float));
    memset(k->dq, 0, (size_t)(all * r->h) * sizeof(float));
    memset(k->before, 0, (size_t)(all * r->h) * sizeof(float));
    memset(k->q, 0, (size_t)(all * r->h) * sizeof(float));
    last_states(k);
    for (k->s = r->t - 1; k->s >= 0; k->s--)
        one_step(k);
    weights(k, c);
    first_states(k, c->y[OUT_H0], c->y[OUT_C0]);
}

static void run(const ax_call *c)
{
    back k = {.dy = c->x[DY], .dyh = c->x[DYH], .dyc = c->x[DYC]};
    rec_bind(&k.r, c);
    k.r.kept = k.r.t;
    float *at = c->scratch + round16(rec_packed(&k.r));
    rec_pack(&k.r, c->scratch);
    rec_place(&k.r, at);
    place(&k, at + rec_scratch(&k.r));
    for (int i = 0; i < GRAD_OUTPUTS; i++) /* of what is not there, too */
        memset(c->y[i], 0, (size_t)ax_shape_count(&c->out[i].shape) * sizeof(float));
    for (int d = 0; d < k.r.a->directions; d++)
        direction(&k, d, c->scratch, c);
}

static void choose(const ax_site *s, ax_choice *c)
{
    rec r;
    rec_init(&r, s->attr, s->in);
    r.kept = r.t;
    c->scratch = round16(rec_packed(&r)) + rec_scratch(&r) + back_scratch(&r);
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)out;
    rec r;
    rec_init(&r, attr, in);
    int64_t each = 6 * r.gates * r.h * (r.in + r.h) * r.a->directions;
    return ax_count_mul(each, r.t * r.b);
}

const ax_op ax_op_recurrent_grad = {
    .name = "recurrent_grad",
    .mixed = 1,
    .min_in = REC_R + 1,
    .max_in = GRAD_INPUTS,
    .n_out = GRAD_OUTPUTS,
    .attr_size = sizeof(ax_recurrent_attr),
    .infer = infer,
    .run = run,
    .choose = choose,
    .flops = flops,
};
