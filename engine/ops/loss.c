/* loss.c - what training makes small: one row each, value and gradient of a sample together.
 *
 * A loss is the mean over the batch of a sample's loss; a sample's is as Keras defines it (means
 * over the features for mse, mae, huber, hinge and binary_cross_entropy; sums for cross_entropy and
 * kl_divergence). cross_entropy and binary_cross_entropy take what goes into the final softmax or
 * sigmoid, where nothing cancels. Sums are made in double, in order. */
#include <math.h>
#include <string.h>

#include "base/range.h"
#include "ops/ops.h"

/* ---- cross_entropy(softmax(x), t), t smoothed: t' = t (1-s) + s/n ---- */

static double log_sum_exp(const float *x, int64_t n, double *max)
{
    double m = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - m);
    *max = m;
    return log(sum);
}

static double smoothed(const float *t, int c, int64_t i, int64_t n, double s)
{
    return (t ? (double)t[i] : i == c) * (1 - s) + s / (double)n;
}

static double ce_value(const float *x, const float *t, int c, int64_t n, double s)
{
    double m, lse = log_sum_exp(x, n, &m), sum = 0;
    if (!t && s == 0)
        return lse - (x[c] - m);
    for (int64_t i = 0; i < n; i++)
        sum += smoothed(t, c, i, n, s) * (lse - (x[i] - m));
    return sum;
}

static void ce_grad(const float *x, const float *t, int c, int64_t n, double s, double scale, float *dx)
{
    double m, lse = log_sum_exp(x, n, &m), mass = 0;
    for (int64_t i = 0; i < n; i++)
        mass += smoothed(t, c, i, n, s);
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(scale * (mass * exp(x[i] - m - lse) - smoothed(t, c, i, n, s)));
}

/* ---- binary_cross_entropy(sigmoid(x), t) = softplus(x) - t x ---- */

static double bce_value(const float *x, const float *t, int c, int64_t n, double p)
{
    (void)c, (void)p;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fmax(x[i], 0) + log1p(exp(-fabs(x[i]))) - (double)t[i] * x[i];
    return sum / (double)n;
}

static void bce_grad(const float *x, const float *t, int c, int64_t n, double p, double scale, float *dx)
{
    (void)c, (void)p;
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(scale / (double)n * (1 / (1 + exp(-(double)x[i])) - t[i]));
}

/* ---- regression ---- */

static double mse_value(const float *x, const float *t, int c, int64_t n, double p)
{
    (void)c, (void)p;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)x[i] - t[i]) * ((double)x[i] - t[i]);
    return sum / (double)n;
}

static void mse_grad(const float *x, const float *t, int c, int64_t n, double p, double scale, float *dx)
{
    (void)c, (void)p;
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(scale / (double)n * 2 * ((double)x[i] - t[i]));
}

static double mae_value(const float *x, const float *t, int c, int64_t n, double p)
{
    (void)c, (void)p;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs((double)x[i] - t[i]);
    return sum / (double)n;
}

static void mae_grad(const float *x, const float *t, int c, int64_t n, double p, double scale, float *dx)
{
    (void)c, (void)p;
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(scale / (double)n * ((x[i] > t[i]) - (x[i] < t[i])));
}

static double huber_value(const float *x, const float *t, int c, int64_t n, double delta)
{
    (void)c;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)x[i] - t[i]);
        sum += d <= delta ? d * d / 2 : delta * (d - delta / 2);
    }
    return sum / (double)n;
}

static void huber_grad(const float *x, const float *t, int c, int64_t n, double delta, double scale, float *dx)
{
    (void)c;
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(scale / (double)n * fmax(-delta, fmin(delta, (double)x[i] - t[i])));
}

/* targets -1 and 1, or 0 and 1 where 0 counts as -1 */
static double hinge_side(float t)
{
    return t == 0 ? -1 : t;
}

static double hinge_value(const float *x, const float *t, int c, int64_t n, double p)
{
    (void)c, (void)p;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fmax(0, 1 - hinge_side(t[i]) * x[i]);
    return sum / (double)n;
}

static void hinge_grad(const float *x, const float *t, int c, int64_t n, double p, double scale, float *dx)
{
    (void)c, (void)p;
    for (int64_t i = 0; i < n; i++) {
        double s = hinge_side(t[i]);
        dx[i] = s * x[i] < 1 ? (float)(-s * scale / (double)n) : 0;
    }
}

/* sum t ln(t/x); both are probabilities, kept away from 0 */
static double clip_p(double v)
{
    return fmin(fmax(v, 1e-7), 1);
}

static double kl_value(const float *x, const float *t, int c, int64_t n, double p)
{
    (void)c, (void)p;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += clip_p(t[i]) * log(clip_p(t[i]) / clip_p(x[i]));
    return sum;
}

static void kl_grad(const float *x, const float *t, int c, int64_t n, double p, double scale, float *dx)
{
    (void)c, (void)p;
    for (int64_t i = 0; i < n; i++)
        dx[i] = x[i] > 1e-7 && x[i] < 1 ? (float)(-scale * clip_p(t[i]) / x[i]) : 0;
}

// clang-format off
static const ax_loss_row rows[] = {
    {"cross_entropy", "classes: -sum t ln softmax(x)", "label_smoothing", 0, 0, 0.999, 0, 1, 1, "softmax", ce_value, ce_grad},
    {"binary_cross_entropy", "yes or no, per output: mean of -t ln s(x) - (1-t) ln(1-s(x))", NULL, 0, 0, 0, 0, 1, 0, "sigmoid", bce_value, bce_grad},
    {"mse", "mean of (x-t)^2", NULL, 0, 0, 0, -INFINITY, INFINITY, 0, NULL, mse_value, mse_grad},
    {"mae", "mean of |x-t|", NULL, 0, 0, 0, -INFINITY, INFINITY, 0, NULL, mae_value, mae_grad},
    {"huber", "(x-t)^2/2 inside delta, linear outside", "delta", 1, 1e-6, 1e6, -INFINITY, INFINITY, 0, NULL, huber_value, huber_grad},
    {"hinge", "mean of max(0, 1-tx), t in {-1,1}", NULL, 0, 0, 0, -1, 1, 0, NULL, hinge_value, hinge_grad},
    {"kl_divergence", "sum t ln(t/x) of probabilities", NULL, 0, 0, 0, 0, 1, 0, NULL, kl_value, kl_grad},
};
// clang-format on

const ax_loss_row *ax_loss_list(int *count)
{
    *count = (int)(sizeof rows / sizeof *rows);
    return rows;
}

const ax_loss_row *ax_loss_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

/* ---- the op ---- */

static int check(const ax_loss_row *row, const ax_desc *x, const ax_desc *t, ax_err *err)
{
    char a[160], b[160];
    if (x->shape.rank < 1)
        return ax_fail(err, AX_ESHAPE, "%s needs a batch", row->name);
    if (t->dtype == AX_I32 && row->takes_classes && t->shape.rank == 1 &&
        t->shape.dim[0] == x->shape.dim[0] && x->shape.rank == 2)
        return 0;
    if (t->dtype == AX_F32 && ax_shape_equal(&x->shape, &t->shape))
        return 0;
    return ax_fail(err, AX_ESHAPE, "%s: targets of shape %s do not fit outputs of shape %s", row->name,
                   ax_shape_str(&t->shape, a, sizeof a), ax_shape_str(&x->shape, b, sizeof b));
}

static int loss_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    out[0] = (ax_desc){AX_F32, {0}};
    return check(((const ax_loss_attr *)attr)->row, &in[0], &in[1], err);
}

typedef struct job {
    const ax_loss_attr *a;
    const float *x, *t;
    const int32_t *c;
    int64_t n;
    double scale, *value;
    float *dx;
} job;

static job make_job(const ax_call *c)
{
    int64_t rows_n = c->in[0].shape.dim[0];
    int classes = c->in[1].dtype == AX_I32;
    return (job){.a = c->attr, .x = c->x[0], .t = classes ? NULL : c->x[1],
                 .c = classes ? c->x[1] : NULL, .scale = 1 / (double)rows_n,
                 .n = rows_n ? ax_shape_count(&c->in[0].shape) / rows_n : 0};
}

static void value_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++)
        j->value[i] = j->a->row->value(j->x + i * j->n, j->t ? j->t + i * j->n : NULL,
                                       j->c ? j->c[i] : -1, j->n, j->a->param);
}

static void loss_run(const ax_call *c)
{
    job j = make_job(c);
    int64_t rows_n = c->in[0].shape.dim[0];
    double sum = 0;
    j.value = (double *)(void *)c->scratch;
    ax_range(c->pool, rows_n, 64, value_rows, &j);
    for (int64_t i = 0; i < rows_n; i++)
        sum += j.value[i];
    *(float *)c->y[0] = (float)(sum * j.scale);
}

static void loss_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * s->in[0].shape.dim[0]; /* a double per row */
}

static int loss_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_loss_grad, n->name, n->attr, in, 3, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_loss = {
    .name = "loss",
    .mixed = 1, .min_in = 2, .max_in = 2, .n_out = 1, .attr_size = sizeof(ax_loss_attr),
    .infer = loss_infer, .run = loss_run, .choose = loss_choose, .grad = loss_grad,
};

static int loss_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    out[0] = in[0];
    return check(((const ax_loss_attr *)attr)->row, &in[0], &in[1], err);
}

static void grad_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++)
        j->a->row->grad(j->x + i * j->n, j->t ? j->t + i * j->n : NULL, j->c ? j->c[i] : -1, j->n,
                        j->a->param, j->scale, j->dx + i * j->n);
}

static void loss_grad_run(const ax_call *c)
{
    job j = make_job(c);
    j.dx = c->y[0];
    j.scale *= *(const float *)c->x[2];
    ax_range(c->pool, c->in[0].shape.dim[0], 64, grad_rows, &j);
}

const ax_op ax_op_loss_grad = {
    .name = "loss_grad",
    .mixed = 1, .min_in = 3, .max_in = 3, .n_out = 1, .attr_size = sizeof(ax_loss_attr),
    .infer = loss_grad_infer, .run = loss_grad_run,
};
