/* recurrent.h - what the forward and the backward of recurrent layers share; private to engine/ops.
 *
 * One direction at a time: xp = x W^T + Wb for all steps as one product; then step by step
 * rec = h R^T + Rb, and row by row the gates. A row (one sample) of a step is worked on as a whole,
 * so its bits do not depend on the batch. What a step saves of a row, in stretches of H:
 *     RNN   a                               (what goes into the activation, clipped)
 *     LSTM  ai ao af ag  i o f g  h(c)
 *     GRU   az ar an     z r n    q         (q: r*h, or with linear_before_reset h Rn^T + Rbn) */
#ifndef AX_OPS_RECURRENT_H
#define AX_OPS_RECURRENT_H

#include "ops/ops.h"

/* x, w, r, b, lens, h0, c0, p are inputs 0 to 7 */
enum { REC_X, REC_W, REC_R, REC_B, REC_LENS, REC_H0, REC_C0, REC_P, REC_INPUTS };

typedef struct rec {
    const ax_recurrent_attr *a;
    int64_t t, b, in, h;   /* steps, batch, features, units */
    int64_t gates, saved;  /* stretches of h */
    int64_t first, second; /* rows of R in one product with h, and those behind (GRU: with r*h) */
    const float *x, *w, *r, *bias, *p, *h0, *c0;
    const void *lens;
    ax_dtype lens_type;
    ax_pool *pool;
    int d;                      /* the direction at work */
    const float *pw, *pr, *pr2; /* packed, of that direction */
    float *xp, *rec;            /* (rows, gates h), (b, gates h) */
    float *save, *hs, *cs;      /* of step s at s % kept: (kept, b, saved h), (kept+1, b, h) */
    int64_t kept;               /* steps that are kept: 1, or all of them */
} rec;

void rec_init(rec *r, const void *attr, const ax_desc *in);
void rec_bind(rec *r, const ax_call *c);
int64_t rec_packed(const rec *r); /* floats of both directions */
void rec_pack(const rec *r, float *packed);
int64_t rec_scratch(const rec *r); /* floats of xp, rec, save, hs, cs */
void rec_place(rec *r, float *scratch);
/* Direction d from its packed weights, all steps; y (NULL: not wanted) as the op has it. */
void rec_forward(rec *r, int d, const float *packed, float *y);

/* The row of x that sample b reads in step s; -1: its sequence is over. */
int64_t rec_row(const rec *r, int64_t s, int64_t b);
/* Where the op's y has the output for a row of x, and its states those of sample b: in floats. */
int64_t rec_y_at(const rec *r, int64_t row);
int64_t rec_state_at(const rec *r, int64_t b);

static inline float *rec_saved(const rec *r, int64_t s, int64_t b)
{
    return r->save + (s % r->kept * r->b + b) * r->saved * r->h;
}

/* The state before step s; that after the last is that before step t. */
static inline float *rec_h(const rec *r, int64_t s, int64_t b)
{
    return r->hs + (s % (r->kept + 1) * r->b + b) * r->h;
}

static inline float *rec_c(const rec *r, int64_t s, int64_t b)
{
    return r->cs + (s % (r->kept + 1) * r->b + b) * r->h;
}

static inline int64_t rec_grain(const rec *r)
{
    return 1 + 2048 / (r->gates * r->h);
}

#endif
