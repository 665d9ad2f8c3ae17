/* activation.c - activation functions as graph ops.
 *
 * The functions themselves live in engine/activation; here they get layouts, threads and a place in
 * the gradient. Element-wise ones run in whatever layout their input has: the undefined lanes of a
 * BLOCKED tensor give undefined lanes. */
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
    int64_t out_len; /* of a row of y or dy */
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
    const ax_act *act = &a->act;
    char text[160];
    int axis = axis_of(a, &in[0].shape);
    out[0] = in[0];
    if (act->row->kind == AX_ACT_ELEMENT)
        return 0;
    if (axis < 0 || axis >= in[0].shape.rank)
        return ax_fail(err, AX_EINVAL, "%s along axis %d of %s: there is no such axis", act->row->name,
                       a->axis, ax_shape_str(&in[0].shape, text, sizeof text));
    int64_t len = in[0].shape.dim[axis];
    if ((out[0].shape.dim[axis] = ax_act_out_len(act, len)) >= 0)
        return 0;
    ax_fail(err, AX_ESHAPE, "%s takes a multiple of %lld elements, but there are %lld", act->row->name,
            (long long)ax_act_out_div(act), (long long)len);
    return ax_err_hint(err, "%lld of them make one that comes out", (long long)ax_act_out_div(act));
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
    j->out_len = ax_act_out_len(&a->act, j->len);
}

static void forward_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    int64_t at = from * j->inner;
    ax_act_rows(j->act, j->x + at * j->len, j->y + at * j->out_len, to - from, j->len, j->inner);
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
    c->inplace = ax_act_out_len(&a->act, ax_act_out_div(&a->act)) == ax_act_out_div(&a->act);
    if (a->act.row->kind == AX_ACT_ELEMENT)
        c->in[0] = c->out[0] = s->layout[0];
}

/* relu's derivative can be read off its output, which lets the input's memory go early. */
static int from_output(const ax_act *a)
{
    return a->row->kind == AX_ACT_VECTOR ? !a->row->from_input : is_relu(a);
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
    int64_t at = from * j->inner;
    ax_act_rows_backward(j->act, j->x + at * j->len, j->dy + at * j->out_len, j->y + at * j->len,
                         to - from, j->len, j->inner);
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
    c->inplace = a->act.row->from_input ? 1 : 2;
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
