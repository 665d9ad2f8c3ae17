/* elementwise.c - add, multiply, scale and shift: ops that never look beside an element. They work
 * in either layout and follow the one their input has. */
#include "ops/ops.h"

ax_maps ax_maps_of(const ax_shape *s, ax_layout l)
{
    ax_maps m = {.layout = l, .n = s->dim[0], .c = s->dim[1], .pixels = 1};
    for (int i = 2; i < s->rank; i++)
        m.pixels *= s->dim[i];
    return m;
}

static int same_shapes(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    char a[160], b[160];
    if (!ax_shape_equal(&in[0].shape, &in[1].shape))
        return ax_fail(err, AX_ESHAPE, "the shapes %s and %s differ", ax_shape_str(&in[0].shape, a, sizeof a),
                       ax_shape_str(&in[1].shape, b, sizeof b));
    out[0] = in[0];
    return 0;
}

/* Blocked when one of them is: converting the other is no dearer than converting back. */
static void choose_pair(const ax_site *s, ax_choice *c)
{
    int blocked = s->layout[0] == AX_BLOCKED || s->layout[1] == AX_BLOCKED;
    c->in[0] = c->in[1] = c->out[0] = blocked ? AX_BLOCKED : AX_PLAIN;
    c->inplace = 1;
}

static int64_t floats(const ax_call *c)
{
    return ax_layout_count(c->layout[0], &c->in[0].shape);
}

static void add_run(const ax_call *c)
{
    const ax_add_attr *a = c->attr;
    ax_vec_add(floats(c), c->x[0], c->x[1], c->y[0], c->pool);
    if (a->act.row)
        ax_act_forward_pool(&a->act, c->y[0], c->y[0], floats(c), c->pool);
}

static int add_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    (void)g;
    if (((const ax_add_attr *)n->attr)->act.row)
        return ax_fail(err, AX_EUNSUPPORTED, "a fused add has no gradient");
    din[0] = din[1] = dout[0];
    return 0;
}

const ax_op ax_op_add = {
    .name = "add", .min_in = 2, .max_in = 2, .n_out = 1, .attr_size = sizeof(ax_add_attr),
    .infer = same_shapes, .run = add_run, .choose = choose_pair, .grad = add_grad,
};

static void mul_run(const ax_call *c)
{
    ax_vec_mul(floats(c), c->x[0], c->x[1], c->y[0], c->pool);
}

static int mul_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    for (int i = 0; i < 2; i++)
        if (ax_needs_grad(g, n->in[i]) &&
            (din[i] = ax_graph_node(g, &ax_op_mul, n->name, NULL, (ax_val[]){dout[0], n->in[!i]}, 2, err)) < 0)
            return -1;
    return 0;
}

const ax_op ax_op_mul = {
    .name = "mul", .min_in = 2, .max_in = 2, .n_out = 1, .infer = same_shapes, .run = mul_run,
    .choose = choose_pair, .grad = mul_grad,
};

/* ---- affine ---- */

static int affine_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    char text[160];
    if (in[0].shape.rank < 2)
        return ax_fail(err, AX_ESHAPE, "needs an input with channels");
    for (int i = 1; i < 3; i++)
        if (in[i].shape.rank != 1 || !ax_shape_equal(&in[i].shape, &in[1].shape) ||
            (in[i].shape.dim[0] != 1 && in[i].shape.dim[0] != in[0].shape.dim[1]))
            return ax_fail(err, AX_ESHAPE, "factors of shape %s do not fit %lld channels",
                           ax_shape_str(&in[i].shape, text, sizeof text), (long long)in[0].shape.dim[1]);
    out[0] = in[0];
    return 0;
}

static void affine_run(const ax_call *c)
{
    ax_maps m = ax_maps_of(&c->in[0].shape, c->layout[0]);
    if (c->in[1].shape.dim[0] == 1) /* one factor for all: one long map */
        m = (ax_maps){AX_PLAIN, 1, 1, floats(c)};
    ax_channel_affine(&m, c->x[0], c->x[1], c->x[2], 0, c->y[0], c->pool);
}

static void affine_choose(const ax_site *s, ax_choice *c)
{
    c->inplace = 1;
    c->in[0] = c->out[0] = s->layout[0];
}

/* Only the gradient of x: the factors are constants. */
static int affine_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    if (ax_needs_grad(g, n->in[1]) || ax_needs_grad(g, n->in[2]))
        return ax_fail(err, AX_EUNSUPPORTED, "the factors of affine are constants");
    const ax_shape *s = &g->val[n->in[1]].desc.shape;
    float zero[1] = {0};
    ax_val in[3] = {dout[0], n->in[1]};
    if (s->dim[0] == 1)
        in[2] = ax_graph_const(g, AX_F32, s, zero, err);
    else {
        float *zeros = AX_ARRAY(&g->arena, float, s->dim[0]);
        if (!zeros)
            return ax_fail(err, AX_ENOMEM, "no memory for the gradient");
        in[2] = ax_graph_const(g, AX_F32, s, zeros, err);
    }
    if (in[2] < 0)
        return -1;
    din[0] = ax_graph_node(g, &ax_op_affine, n->name, NULL, in, 3, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_affine = {
    .name = "affine", .min_in = 3, .max_in = 3, .n_out = 1, .infer = affine_infer, .run = affine_run,
    .choose = affine_choose, .grad = affine_grad,
};

/* ---- bias_grad: sums per channel ---- */

static int bias_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    int axis = ((const ax_bias_grad_attr *)attr)->axis, rank = in[0].shape.rank;
    if (rank < 2 || (axis != 1 && axis != -1))
        return ax_fail(err, AX_ESHAPE, "needs a batch of channels");
    out[0] = (ax_desc){AX_F32, AX_SHAPE(in[0].shape.dim[axis < 0 ? rank - 1 : 1])};
    return 0;
}

static ax_maps bias_maps(const void *attr, const ax_shape *s, ax_layout l)
{
    ax_maps m = ax_maps_of(s, l);
    if (((const ax_bias_grad_attr *)attr)->axis == -1) {
        m.c = s->dim[s->rank - 1];
        m.n = m.c ? ax_shape_count(s) / m.c : 0;
        m.pixels = 1;
    }
    return m;
}

static void bias_run(const ax_call *c)
{
    ax_maps m = bias_maps(c->attr, &c->in[0].shape, c->layout[0]);
    ax_channel_sum(&m, c->x[0], c->y[0], c->scratch, c->pool);
}

static void bias_choose(const ax_site *s, ax_choice *c)
{
    if (((const ax_bias_grad_attr *)s->attr)->axis == 1)
        c->in[0] = s->layout[0];
    ax_maps m = bias_maps(s->attr, &s->in[0].shape, c->in[0]);
    c->scratch = ax_maps_scratch(&m);
}

const ax_op ax_op_bias_grad = {
    .name = "bias_grad", .min_in = 1, .max_in = 1, .n_out = 1, .attr_size = sizeof(ax_bias_grad_attr),
    .infer = bias_infer, .run = bias_run, .choose = bias_choose,
};
