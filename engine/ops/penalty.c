/* penalty.c - what regularizers add to the loss: l1 * sum|a| + l2 * sum a^2, as Keras defines it
 * (no half, sums and not means; activity penalties are divided by the batch size). Sums are made in
 * double, in fixed slices added in order. */
#include <math.h>

#include "base/number.h"
#include "base/range.h"
#include "ops/ops.h"

enum { SLICE = 16384 };

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_penalty_attr *a = attr;
    if (!(a->l1 >= 0 && a->l2 >= 0 && isfinite(a->l1) && isfinite(a->l2)))
        return ax_fail(err, AX_ERANGE, "l1 is %s and l2 is %s, expected numbers >= 0",
                       AX_NUMBER(a->l1), AX_NUMBER(a->l2));
    if (a->batch && in[0].shape.rank < 1)
        return ax_fail(err, AX_ESHAPE, "an activity penalty needs a batch");
    out[0] = (ax_desc){AX_F32, {0}};
    return 0;
}

static double divisor(const ax_penalty_attr *a, const ax_desc *d)
{
    return a->batch && d->shape.dim[0] > 0 ? (double)d->shape.dim[0] : 1;
}

typedef struct job {
    const ax_penalty_attr *a;
    const float *x;
    double *sum, scale;
    float *dx;
} job;

static void sum_slice(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    double s1 = 0, s2 = 0;
    for (int64_t i = from; i < to; i++) {
        s1 += fabs((double)j->x[i]);
        s2 += (double)j->x[i] * j->x[i];
    }
    j->sum[from / SLICE] = j->a->l1 * s1 + j->a->l2 * s2;
}

static void run(const ax_call *c)
{
    int64_t n = ax_shape_count(&c->in[0].shape);
    job j = {.a = c->attr, .x = c->x[0], .sum = (double *)(void *)c->scratch};
    ax_range(c->pool, n, SLICE, sum_slice, &j);
    double sum = 0;
    for (int64_t i = 0; i * SLICE < n; i++)
        sum += j.sum[i];
    *(float *)c->y[0] = (float)(sum / divisor(c->attr, &c->in[0]));
}

static void choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * (ax_shape_count(&s->in[0].shape) / SLICE + 1);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_penalty_grad, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_penalty = {
    .name = "penalty", .min_in = 1, .max_in = 1, .n_out = 1, .attr_size = sizeof(ax_penalty_attr),
    .infer = infer, .run = run, .choose = choose, .grad = grad,
};

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

static void grad_slice(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++) {
        double x = j->x[i], sign = (x > 0) - (x < 0);
        j->dx[i] = (float)(j->scale * (j->a->l1 * sign + 2 * j->a->l2 * x));
    }
}

static void grad_run(const ax_call *c)
{
    job j = {.a = c->attr, .x = c->x[0], .dx = c->y[0]};
    j.scale = *(const float *)c->x[1] / divisor(c->attr, &c->in[0]);
    ax_range(c->pool, ax_shape_count(&c->in[0].shape), SLICE, grad_slice, &j);
}

const ax_op ax_op_penalty_grad = {
    .name = "penalty_grad", .min_in = 2, .max_in = 2, .n_out = 1, .attr_size = sizeof(ax_penalty_attr),
    .infer = grad_infer, .run = grad_run,
};
