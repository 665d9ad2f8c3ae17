/* recurrent.c - RNN, LSTM and GRU as ONNX has them, both directions, sequences of lengths of their
 * own; see recurrent.h for how it goes. Meaning: github.com/onnx/onnx, docs/Operators.md. */
#include "ops/recurrent.h"

#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "math/dense.h"

/* ---- shapes ---- */

static int64_t gates_of(const ax_recurrent_attr *a)
{
    return a->cell == AX_CELL_LSTM ? 4 : a->cell == AX_CELL_GRU ? 3 : 1;
}

static int expect(const ax_desc *d, const char *what, ax_shape want, ax_err *err)
{
    char a[160], b[160];
    if (d->shape.rank < 0 || (d->dtype == AX_F32 && ax_shape_equal(&d->shape, &want)))
        return 0;
    return ax_fail(err, AX_ESHAPE, "%s is %s %s, expected float32 %s", what,
                   ax_dtype_name(d->dtype), ax_shape_str(&d->shape, a, sizeof a),
                   ax_shape_str(&want, b, sizeof b));
}

static int check_lens(const ax_desc *d, int64_t batch, ax_err *err)
{
    if (d->shape.rank < 0)
        return 0;
    if (d->dtype != AX_I32 && d->dtype != AX_I64)
        return ax_fail(err, AX_ETYPE, "the lengths are %s, expected int32",
                       ax_dtype_name(d->dtype));
    if (d->shape.rank != 1 || d->shape.dim[0] != batch)
        return ax_fail(err, AX_ESHAPE, "the lengths are not one for each of %lld sequences",
                       (long long)batch);
    return 0;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    const ax_recurrent_attr *a = attr;
    const ax_shape *x = &in[REC_X].shape, *r = &in[REC_R].shape;
    int64_t g = gates_of(a), d = a->directions;
    ax_desc all[REC_INPUTS];
    for (int i = 0; i < REC_INPUTS; i++)
        all[i] = i < n_in ? in[i] : (ax_desc){.shape.rank = -1};
    if (x->rank != 3 || r->rank != 3 || r->dim[2] < 1)
        return ax_fail(err, AX_ESHAPE,
                       "an input of rank %d and recurrent weights of rank %d, expected 3 and 3",
                       x->rank, r->rank);
    int64_t batch = x->dim[!a->batch_first], steps = x->dim[a->batch_first], h = r->dim[2];
    ax_shape state = a->batch_first ? AX_SHAPE(batch, d, h) : AX_SHAPE(d, batch, h);
    if (h > INT32_MAX || expect(&all[REC_X], "the input", *x, err) ||
        expect(&all[REC_W], "W", AX_SHAPE(d, g * h, x->dim[2]), err) ||
        expect(&all[REC_R], "R", AX_SHAPE(d, g * h, h), err) ||
        expect(&all[REC_B], "B", AX_SHAPE(d, 2 * g * h), err) ||
        check_lens(&all[REC_LENS], batch, err) ||
        expect(&all[REC_H0], "the first state", state, err) ||
        expect(&all[REC_C0], "the first cell state", state, err) ||
        expect(&all[REC_P], "P", AX_SHAPE(d, 3 * h), err))
        return -1;
    out[0] = (ax_desc){AX_F32, a->batch_first ? AX_SHAPE(batch, steps, d, h)
                                              : AX_SHAPE(steps, d, batch, h)};
    out[1] = (ax_desc){AX_F32, state};
    if (a->cell == AX_CELL_LSTM)
        out[2] = out[1];
    return 0;
}

void rec_init(rec *r, const void *attr, const ax_desc *in)
{
    const ax_recurrent_attr *a = attr;
    *r = (rec){.a = a, .gates = gates_of(a), .kept = 1};
    r->t = in[REC_X].shape.dim[a->batch_first];
    r->b = in[REC_X].shape.dim[!a->batch_first];
    r->in = in[REC_X].shape.dim[2];
    r->h = in[REC_R].shape.dim[2];
    r->saved = a->cell == AX_CELL_LSTM ? 9 : a->cell == AX_CELL_GRU ? 7 : 1;
    r->second = a->cell == AX_CELL_GRU && !a->linear_before_reset ? r->h : 0;
    r->first = r->gates * r->h - r->second;
}

/* ---- weights and memory ---- */

int64_t rec_packed(const rec *r)
{
    int64_t n = ax_dense_packed(r->gates * r->h, r->in) + ax_dense_packed(r->first, r->h) +
                ax_dense_packed(r->second, r->h);
    return n * r->a->directions;
}

void rec_pack(const rec *r, float *packed)
{
    int64_t n = r->gates * r->h;
    for (int d = 0; d < r->a->directions; d++) {
        const float *recurrent = r->r + d * n * r->h;
        ax_dense_pack(n, r->in, r->w + d * n * r->in, NULL, packed);
        packed += ax_dense_packed(n, r->in);
        ax_dense_pack(r->first, r->h, recurrent, NULL, packed);
        packed += ax_dense_packed(r->first, r->h);
        ax_dense_pack(r->second, r->h, recurrent + r->first * r->h, NULL, packed);
        packed += ax_dense_packed(r->second, r->h);
    }
}

static float *take(float **at, int64_t n)
{
    float *p = *at;
    *at += round16(n);
    return p;
}

int64_t rec_scratch(const rec *r)
{
    int64_t n = r->gates * r->h, state = round16((r->kept + 1) * r->b * r->h);
    return round16(r->t * r->b * n) + round16(r->b * n) +
           round16(r->kept * r->b * r->saved * r->h) + 2 * state;
}

void rec_place(rec *r, float *scratch)
{
    int64_t n = r->gates * r->h;
    r->xp = take(&scratch, r->t * r->b * n);
    r->rec = take(&scratch, r->b * n);
    r->save = take(&scratch, r->kept * r->b * r->saved * r->h);
    r->hs = take(&scratch, (r->kept + 1) * r->b * r->h);
    r->cs = take(&scratch, (r->kept + 1) * r->b * r->h);
}

/* ---- where things are ---- */

/* Lengths are the run's: whatever they are, they stay within the sequence. */
static int64_t length_of(const rec *r, int64_t b)
{
    if (!r->lens)
        return r->t;
    int64_t n =
        r->lens_type == AX_I64 ? ((const int64_t *)r->lens)[b] : ((const int32_t *)r->lens)[b];
    return max64(0, min64(n, r->t));
}

int64_t rec_row(const rec *r, int64_t s, int64_t b)
{
    int64_t n = length_of(r, b);
    if (s >= n)
        return -1;
    int64_t t = r->d == 1 || r->a->reverse ? n - 1 - s : s;
    return r->a->batch_first ? b * r->t + t : t * r->b + b;
}

int64_t rec_y_at(const rec *r, int64_t row)
{
    int64_t d = r->a->directions, t = row / r->b, b = row % r->b;
    return r->a->batch_first ? (row * d + r->d) * r->h : ((t * d + r->d) * r->b + b) * r->h;
}

int64_t rec_state_at(const rec *r, int64_t b)
{
    return (r->a->batch_first ? b * r->a->directions + r->d : r->d * r->b + b) * r->h;
}

/* ---- cells, a row each: x, rec: what the input and the state bring; c: the cell state ---- */

static const ax_act *act_of(const rec *r, int i)
{
    return &r->a->act[r->d][i];
}

static void clip(const rec *r, float *a, int64_t n)
{
    float limit = r->a->clip;
    for (int64_t i = 0; limit > 0 && i < n; i++)
        a[i] = a[i] > limit ? limit : a[i] < -limit ? -limit : a[i];
}

/* a = x + rec + p * c, clipped, and y = f(a); p NULL: without */
static void gate(const rec *r, const ax_act *f, const float *x, const float *u, const float *p,
                 const float *c, float *a, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] = (float)((double)x[i] + u[i] + (p ? (double)p[i] * c[i] : 0));
    clip(r, a, n);
    ax_act_forward(f, a, y, (size_t)n);
}

static void rnn_row(const rec *r, const float *x, const float *u, float *v, float *next)
{
    gate(r, act_of(r, 0), x, u, NULL, NULL, v, next, r->h);
}

static void lstm_row(const rec *r, const float *x, const float *u, float *v, const float *c,
                     float *c1, float *next)
{
    int64_t h = r->h;
    const ax_act *f = act_of(r, 0);
    const float *p = r->p ? r->p + r->d * 3 * h : NULL;
    float *i = v + 4 * h, *o = v + 5 * h, *forget = v + 6 * h, *g = v + 7 * h, *hc = v + 8 * h;
    gate(r, f, x, u, p, c, v, i, h);
    gate(r, f, x + 2 * h, u + 2 * h, p ? p + 2 * h : NULL, c, v + 2 * h, forget, h);
    gate(r, act_of(r, 1), x + 3 * h, u + 3 * h, NULL, NULL, v + 3 * h, g, h);
    for (int64_t k = 0; r->a->input_forget && k < h; k++)
        forget[k] = 1 - i[k];
    for (int64_t k = 0; k < h; k++)
        c1[k] = (float)((double)forget[k] * c[k] + (double)i[k] * g[k]);
    gate(r, f, x + h, u + h, p ? p + h : NULL, c1, v + h, o, h);
    ax_act_forward(act_of(r, 2), c1, hc, (size_t)h);
    for (int64_t k = 0; k < h; k++)
        next[k] = o[k] * hc[k];
}

/* z, r, and q for the product with the other rows of R, or q = what came from h */
static void gru_gates(const rec *r, const float *x, const float *u, float *v, const float *before)
{
    int64_t h = r->h;
    gate(r, act_of(r, 0), x, u, NULL, NULL, v, v + 3 * h, 2 * h);
    for (int64_t k = 0; k < h; k++)
        v[6 * h + k] = r->second ? v[4 * h + k] * before[k] : u[2 * h + k];
}

/* u: the part of R n that belongs to the new state */
static void gru_row(const rec *r, const float *x, const float *u, float *v, const float *before,
                    float *next)
{
    int64_t h = r->h;
    const float *z = v + 3 * h, *n = v + 5 * h, *q = v + 6 * h;
    float *a = v + 2 * h;
    for (int64_t k = 0; k < h; k++)
        a[k] = (float)(x[2 * h + k] + (r->second ? (double)u[k] : (double)v[4 * h + k] * q[k]));
    clip(r, a, h);
    ax_act_forward(act_of(r, 1), a, v + 5 * h, (size_t)h);
    for (int64_t k = 0; k < h; k++)
        next[k] = (float)((1 - (double)z[k]) * n[k] + (double)z[k] * before[k]);
}

/* ---- steps ---- */

typedef struct step {
    const rec *r;
    int64_t s;
    float *y;
} step;

static void finish_row(const step *j, int64_t b, int64_t row)
{
    const rec *r = j->r;
    if (j->y && row >= 0)
        memcpy(j->y + rec_y_at(r, row), rec_h(r, j->s + 1, b), (size_t)r->h * sizeof(float));
}

/* A sequence that is over keeps its state. */
static void keep_row(const step *j, int64_t b)
{
    const rec *r = j->r;
    size_t bytes = (size_t)r->h * sizeof(float);
    memcpy(rec_h(r, j->s + 1, b), rec_h(r, j->s, b), bytes);
    memcpy(rec_c(r, j->s + 1, b), rec_c(r, j->s, b), bytes);
}

static void rows(void *ctx, int64_t from, int64_t to)
{
    const step *j = ctx;
    const rec *r = j->r;
    int64_t n = r->gates * r->h;
    for (int64_t b = from; b < to; b++) {
        int64_t row = rec_row(r, j->s, b);
        const float *x = r->xp + row * n, *u = r->rec + b * r->first;
        float *v = rec_saved(r, j->s, b), *next = rec_h(r, j->s + 1, b);
        if (row < 0) {
            keep_row(j, b);
        } else if (r->a->cell == AX_CELL_RNN) {
            rnn_row(r, x, u, v, next);
        } else if (r->a->cell == AX_CELL_LSTM) {
            lstm_row(r, x, u, v, rec_c(r, j->s, b), rec_c(r, j->s + 1, b), next);
        } else {
            gru_gates(r, x, u, v, rec_h(r, j->s, b));
            memcpy(next, v + 6 * r->h, (size_t)r->h * sizeof(float));
            if (r->second) /* next has q until the product is made of it */
                continue;
            gru_row(r, x, NULL, v, rec_h(r, j->s, b), next);
        }
        finish_row(j, b, row);
    }
}

static void second_rows(void *ctx, int64_t from, int64_t to)
{
    const step *j = ctx;
    const rec *r = j->r;
    for (int64_t b = from; b < to; b++) {
        int64_t row = rec_row(r, j->s, b);
        if (row < 0)
            continue;
        gru_row(r, r->xp + row * 3 * r->h, r->rec + b * r->h, rec_saved(r, j->s, b),
                rec_h(r, j->s, b), rec_h(r, j->s + 1, b));
        finish_row(j, b, row);
    }
}

static void one_step(const rec *r, int64_t s, float *y)
{
    step j = {r, s, y};
    int64_t n = r->gates * r->h;
    const float *bias = r->bias ? r->bias + r->d * 2 * n + n : NULL;
    ax_dense(r->b, r->first, r->h, rec_h(r, s, 0), r->pr, bias, NULL, r->rec, r->pool);
    ax_range(r->pool, r->b, rec_grain(r), rows, &j);
    if (!r->second)
        return;
    ax_dense(r->b, r->second, r->h, rec_h(r, s + 1, 0), r->pr2, bias ? bias + r->first : NULL, NULL,
             r->rec, r->pool);
    ax_range(r->pool, r->b, rec_grain(r), second_rows, &j);
}

static void begin_states(const rec *r)
{
    size_t bytes = (size_t)r->h * sizeof(float);
    for (int64_t b = 0; b < r->b; b++) {
        memset(rec_c(r, 0, b), 0, bytes);
        memset(rec_h(r, 0, b), 0, bytes);
        if (r->h0)
            memcpy(rec_h(r, 0, b), r->h0 + rec_state_at(r, b), bytes);
        if (r->c0)
            memcpy(rec_c(r, 0, b), r->c0 + rec_state_at(r, b), bytes);
    }
}

void rec_forward(rec *r, int d, const float *packed, float *y)
{
    int64_t n = r->gates * r->h;
    packed += rec_packed(r) / r->a->directions * d;
    r->d = d;
    r->pw = packed;
    r->pr = r->pw + ax_dense_packed(n, r->in);
    r->pr2 = r->pr + ax_dense_packed(r->first, r->h);
    ax_dense(r->t * r->b, n, r->in, r->x, r->pw, r->bias ? r->bias + d * 2 * n : NULL, NULL, r->xp,
             r->pool);
    begin_states(r);
    for (int64_t s = 0; s < r->t; s++)
        one_step(r, s, y);
}

/* ---- the op ---- */

static void bind(rec *r, void *const *x, int n_in)
{
    const void *all[REC_INPUTS] = {0};
    for (int i = 0; i < n_in && i < REC_INPUTS; i++)
        all[i] = x[i];
    r->x = all[REC_X];
    r->w = all[REC_W];
    r->r = all[REC_R];
    r->bias = all[REC_B];
    r->lens = all[REC_LENS];
    r->h0 = all[REC_H0];
    r->c0 = all[REC_C0];
    r->p = all[REC_P];
}

void rec_bind(rec *r, const ax_call *c)
{
    rec_init(r, c->attr, c->in);
    bind(r, c->x, c->n_in);
    r->lens_type = c->n_in > REC_LENS ? c->in[REC_LENS].dtype : AX_I32;
    r->pool = c->pool;
}

static void pack(const ax_site *s, void *const *x, float *packed)
{
    rec r;
    rec_init(&r, s->attr, s->in);
    bind(&r, x, s->n_in);
    rec_pack(&r, packed);
}

/* The last states; of a sequence without a step, zeros. */
static void copy_states(const rec *r, const ax_call *c)
{
    size_t bytes = (size_t)r->h * sizeof(float);
    for (int64_t b = 0; b < r->b; b++) {
        float *h = (float *)c->y[1] + rec_state_at(r, b);
        float *cell = c->n_out > 2 ? (float *)c->y[2] + rec_state_at(r, b) : NULL;
        int empty = rec_row(r, 0, b) < 0;
        memcpy(h, rec_h(r, r->t, b), bytes);
        if (cell)
            memcpy(cell, rec_c(r, r->t, b), bytes);
        if (empty)
            memset(h, 0, bytes);
        if (empty && cell)
            memset(cell, 0, bytes);
    }
}

static void run_with(const ax_call *c, const float *packed, float *scratch)
{
    rec r;
    rec_bind(&r, c);
    rec_place(&r, scratch);
    if (r.lens)
        memset(c->y[0], 0, (size_t)ax_shape_count(&c->out[0].shape) * sizeof(float));
    for (int d = 0; d < r.a->directions; d++) {
        rec_forward(&r, d, packed, c->y[0]);
        copy_states(&r, c);
    }
}

static void run_packed(const ax_call *c)
{
    run_with(c, c->packed, c->scratch);
}

/* Weights that change are packed anew at every run. */
static void run(const ax_call *c)
{
    rec r;
    rec_bind(&r, c);
    rec_pack(&r, c->scratch);
    run_with(c, c->scratch, c->scratch + round16(rec_packed(&r)));
}

static void choose(const ax_site *s, ax_choice *c)
{
    rec r;
    rec_init(&r, s->attr, s->in);
    c->kernel = s->frozen ? "packed" : "packed anew";
    c->scratch = rec_scratch(&r) + (s->frozen ? 0 : round16(rec_packed(&r)));
    if (!s->frozen)
        return;
    c->run = run_packed;
    c->pack_floats = rec_packed(&r);
    c->pack = pack;
    c->unread = 1u << REC_W | 1u << REC_R;
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_recurrent_attr *a = attr;
    int64_t each = 2 * gates_of(a) * (in[REC_X].shape.dim[2] + in[REC_R].shape.dim[2]);
    return ax_count_mul(each, ax_shape_count(&out[0].shape));
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[REC_INPUTS + 3];
    for (int i = 0; i < REC_INPUTS; i++)
        in[i] = i < n->n_in ? n->in[i] : AX_NONE;
    for (int i = 0; i < 3; i++)
        in[REC_INPUTS + i] = i < n->n_out ? dout[i] : AX_NONE;
    ax_val d = ax_graph_node(g, &ax_op_recurrent_grad, n->name, n->attr, in, REC_INPUTS + 3, err);
    for (int i = 0, k = 0; d >= 0 && i < n->n_in; i++)
        if (i != REC_LENS)
            din[i] = n->in[i] == AX_NONE ? k++, AX_NONE : d + k++;
    return d < 0 ? -1 : 0;
}

void ax_recurrent_defaults(ax_recurrent_attr *a)
{
    int lstm = a->cell == AX_CELL_LSTM;
    for (int d = 0; d < 2; d++) {
        ax_act_by_name(a->cell == AX_CELL_RNN ? "tanh" : "sigmoid", &a->act[d][0], NULL);
        ax_act_by_name("tanh", &a->act[d][1], NULL);
        a->act[d][2] = a->act[d][lstm ? 1 : 0];
    }
}

#define CELL(name_, inputs, outputs)                                                               \
    const ax_op ax_op_##name_ = {                                                                  \
        .name = #name_,                                                                            \
        .mixed = 1,                                                                                \
        .min_in = 3,                                                                               \
        .max_in = inputs,                                                                          \
        .n_out = outputs,                                                                          \
        .attr_size = sizeof(ax_recurrent_attr),                                                    \
        .infer = infer,                                                                            \
        .run = run,                                                                                \
        .choose = choose,                                                                          \
        .grad = grad,                                                                              \
        .flops = flops,                                                                            \
        .packed_inputs = 1 << REC_W | 1 << REC_R,                                                  \
    }

CELL(rnn, REC_H0 + 1, 2);
CELL(gru, REC_H0 + 1, 2);
CELL(lstm, REC_INPUTS, 3);
