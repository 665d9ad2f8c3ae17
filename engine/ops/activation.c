/* activation.c - activation functions as graph ops, and the learnable prelu.
 *
 * The functions themselves live in engine/activation; here they get layouts, threads and a place in
 * the gradient. Element-wise ones run in whatever layout their input has: the undefined lanes of a
 * BLOCKED tensor give undefined lanes. */
#include <float.h>

#include "base/range.h"
#include "ops/ops.h"

enum { GRAIN = 16384 };

static int is_relu(const ax_act *a)
{
    static const ax_act_row *relu;
    const ax_act_row *r = __atomic_load_n(&relu, __ATOMIC_RELAXED);
    if (!r) {
        r = ax_act_find("relu");
        __atomic_store_n(&relu, r, __ATOMIC_RELAXED);
    }
    return a->row == r;
}

void ax_act_fuse(const ax_act *act, ax_epilogue *e)
{
    if (!act->row)
        return;
    if (is_relu(act)) {
        e->relu = 1;
        return;
    }
    e->act = ax_act_epilogue;
    e->ctx = act;
}

typedef struct job {
    const ax_act *act;
    const float *x, *dy;
    float *y;
    int64_t len, inner;
} job;

static void forward(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    ax_act_forward(j->act, j->x + from, j->y + from, (size_t)(to - from));
}

void ax_act_forward_pool(const ax_act *act, const float *x, float *y, int64_t n, ax_pool *pool)
{
    ax_range(pool, n, GRAIN, forward, &(job){.act = act, .x = x, .y = y});
}

static int axis_of(const ax_activation_attr *a, const ax_shape *s)
{
    return a->axis < 0 ? a->axis + s->rank : a->axis;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_activation_attr *a = attr;
    char text[160];
    int axis = axis_of(a, &in[0].shape);
    if (a->act.row->kind == AX_ACT_VECTOR && (axis < 0 || axis >= in[0].shape.rank))
        return ax_fail(err, AX_EINVAL, "%s along axis %d of %s: there is no such axis", a->act.row->name,
                       a->axis, ax_shape_str(&in[0].shape, text, sizeof text));
    out[0] = in[0];
    return 0;
}

/* The stretches a vector activation works on: rows of len elements, inner apart. */
static void rows_shape(const ax_activation_attr *a, const ax_shape *s, int64_t *outer, job *j)
{
    int axis = axis_of(a, s);
    *outer = j->inner = 1;
    j->len = s->dim[axis];
    for (int i = 0; i < axis; i++)
        *outer *= s->dim[i];
    for (int i = axis + 1; i < s->rank; i++)
        j->inner *= s->dim[i];
}

static void forward_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    int64_t at = from * j->len * j->inner;
    ax_act_rows(j->act, j->x + at, j->y + at, to - from, j->len, j->inner);
}

static int64_t floats(const ax_call *c)
{
    return ax_layout_count(c->layout[0], &c->in[0].shape);
}

static void run(const ax_call *c)
{
    const ax_activation_attr *a = c->attr;
    job j = {.act = &a->act, .x = c->x[0], .y = c->y[0]};
    if (a->act.row->kind == AX_ACT_ELEMENT) {
        ax_range(c->pool, floats(c), GRAIN, forward, &j);
        return;
    }
    int64_t outer;
    rows_shape(a, &c->in[0].shape, &outer, &j);
    ax_range(c->pool, outer, 1 + GRAIN / (j.len * j.inner + 1), forward_rows, &j);
}

static void choose(const ax_site *s, ax_choice *c)
{
    const ax_activation_attr *a = s->attr;
    c->kernel = a->act.row->name;
    c->inplace = 1;
    if (a->act.row->kind == AX_ACT_ELEMENT)
        c->in[0] = c->out[0] = s->layout[0];
}

/* relu's derivative can be read off its output, which lets the input's memory go early. */
static int from_output(const ax_act *a)
{
    return a->row->kind == AX_ACT_VECTOR || is_relu(a);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_activation_attr *a = n->attr;
    ax_val in[] = {from_output(&a->act) ? n->out : n->in[0], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_activation_grad, n->name, a, in, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_activation = {
    .name = "activation", .min_in = 1, .max_in = 1, .n_out = 1,
    .attr_size = sizeof(ax_activation_attr), .infer = infer, .run = run, .choose = choose,
    .grad = grad,
};

/* ---- gradient ---- */

static void backward(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    ax_act_backward(j->act, j->x + from, j->dy + from, j->y + from, (size_t)(to - from));
}

static void backward_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    int64_t at = from * j->len * j->inner;
    ax_act_rows_backward(j->act, j->x + at, j->dy + at, j->y + at, to - from, j->len, j->inner);
}

static void grad_run(const ax_call *c)
{
    const ax_activation_attr *a = c->attr;
    job j = {.act = &a->act, .x = c->x[0], .dy = c->x[1], .y = c->y[0]};
    if (a->act.row->kind == AX_ACT_ELEMENT) {
        ax_range(c->pool, floats(c), GRAIN, backward, &j);
        return;
    }
    int64_t outer;
    rows_shape(a, &c->in[0].shape, &outer, &j);
    ax_range(c->pool, outer, 1 + GRAIN / (j.len * j.inner + 1), backward_rows, &j);
}

static void grad_choose(const ax_site *s, ax_choice *c)
{
    const ax_activation_attr *a = s->attr;
    c->kernel = a->act.row->name;
    c->inplace = 2;
    if (a->act.row->kind == AX_ACT_ELEMENT)
        c->in[0] = c->in[1] = c->out[0] =
            s->layout[0] == AX_BLOCKED || s->layout[1] == AX_BLOCKED ? AX_BLOCKED : AX_PLAIN;
}

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

const ax_op ax_op_activation_grad = {
    .name = "activation_grad", .min_in = 2, .max_in = 2, .n_out = 1,
    .attr_size = sizeof(ax_activation_attr), .infer = grad_infer, .run = grad_run,
    .choose = grad_choose,
};

/* ---- prelu: x > 0 ? x : slope * x, the slope learned, one for all or one per channel ----
 *
 * Bit for bit what the kernel of the catalogue's prelu gives with that slope: channels of a dense
 * layer are single numbers, for which a call of it would cost more than the product. */

static float prelu_at(float x, double slope)
{
    return x > 0 ? x : (float)((x < -FLT_MAX ? -1e300 : (double)x) * slope);
}

static float prelu_back(float x, double slope, double dy)
{
    return (float)(dy * (x > 0 ? 1 : x <= 0 ? slope : (double)x)); /* NaN for NaN */
}

static int prelu_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    const ax_shape *x = &in[0].shape, *s = &in[1].shape;
    char text[160];
    if (x->rank < 2 || s->rank != 1 || (s->dim[0] != 1 && s->dim[0] != x->dim[1]))
        return ax_fail(err, AX_ESHAPE, "the slope has shape %s, expected (1) or one per channel",
                       ax_shape_str(s, text, sizeof text));
    out[0] = in[0];
    return 0;
}

typedef struct prelu_job {
    const float *x, *slope, *dy;
    float *y;
    double *sum; /* [stretches] partial sums of the slope's gradient */
    int64_t channels, pixels, slopes;
} prelu_job;

/* maps (n, c): x is (n, channels, pixels) */
static void prelu_maps(void *ctx, int64_t from, int64_t to)
{
    const prelu_job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float s = j->slope[j->slopes == 1 ? 0 : m % j->channels];
        const float *x = j->x + m * j->pixels;
        float *y = j->y + m * j->pixels;
        for (int64_t i = 0; i < j->pixels; i++)
            y[i] = prelu_at(x[i], s);
    }
}

static prelu_job prelu_of(const ax_call *c)
{
    const ax_shape *x = &c->in[0].shape;
    prelu_job j = {.x = c->x[0], .slope = c->x[1], .y = c->y[0], .channels = x->dim[1], .pixels = 1,
                   .slopes = c->in[1].shape.dim[0]};
    for (int i = 2; i < x->rank; i++)
        j.pixels *= x->dim[i];
    return j;
}

static void prelu_run(const ax_call *c)
{
    prelu_job j = prelu_of(c);
    ax_range(c->pool, c->in[0].shape.dim[0] * j.channels, 1 + GRAIN / (j.pixels + 1), prelu_maps, &j);
}

static int prelu_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_val in[] = {n->in[0], n->in[1], dout[0]};
    din[0] = ax_graph_node(g, &ax_op_prelu_grad, n->name, NULL, in, 3, err);
    if (din[0] < 0)
        return -1;
    din[1] = din[0] + 1;
    return 0;
}

const ax_op ax_op_prelu = {
    .name = "prelu", .min_in = 2, .max_in = 2, .n_out = 1, .infer = prelu_infer, .run = prelu_run,
    .grad = prelu_grad,
};

static int prelu_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    out[1] = in[1];
    return 0;
}

/* one partial sum per map, added up in order afterwards */
static void prelu_grad_maps(void *ctx, int64_t from, int64_t to)
{
    const prelu_job *j = ctx;
    for (int64_t m = from; m < to; m++) {
        float s = j->slope[j->slopes == 1 ? 0 : m % j->channels];
        const float *x = j->x + m * j->pixels, *dy = j->dy + m * j->pixels;
        float *dx = j->y + m * j->pixels;
        double sum = 0;
        for (int64_t i = 0; i < j->pixels; i++) {
            dx[i] = prelu_back(x[i], s, dy[i]);
            sum += x[i] > 0 ? 0 : (double)x[i] * dy[i];
        }
        j->sum[m] = sum;
    }
}

static void prelu_grad_run(const ax_call *c)
{
    prelu_job j = prelu_of(c);
    int64_t maps = c->in[0].shape.dim[0] * j.channels;
    float *dslope = c->y[1];
    j.dy = c->x[2];
    j.sum = (double *)(void *)c->scratch;
    ax_range(c->pool, maps, 1 + GRAIN / (j.pixels + 1), prelu_grad_maps, &j);
    for (int64_t s = 0; s < j.slopes; s++) {
        double sum = 0;
        for (int64_t m = s; m < maps; m += j.slopes == 1 ? 1 : j.channels)
            sum += j.sum[m];
        dslope[s] = (float)sum;
    }
}

static void prelu_grad_choose(const ax_site *s, ax_choice *c)
{
    c->scratch = 2 * s->in[0].shape.dim[0] * s->in[0].shape.dim[1];
}

const ax_op ax_op_prelu_grad = {
    .name = "prelu_grad", .min_in = 3, .max_in = 3, .n_out = 2, .infer = prelu_grad_infer,
    .run = prelu_grad_run, .choose = prelu_grad_choose,
};
