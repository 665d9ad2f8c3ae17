/* conv2d.c - convolution and its gradients; depthwise and 1-d ones are the same op.
 *
 * Without groups it runs in the BLOCKED layout, reading the first layer's picture as it comes;
 * groups, depthwise and whatever the blocked kernels decline run on PLAIN tensors. */
#include "base/ints.h"
#include "math/conv.h"

#include "ops/ops.h"

static int out_size(int64_t in, int64_t k, int stride, int dilation, int before, int after,
                    const char *what, int64_t *out, ax_err *err)
{
    int64_t span = (k - 1) * dilation + 1, padded = in + before + after;
    if (span > padded)
        return ax_fail(err, AX_ESHAPE,
                       "the kernel spans %lld in %s, the padded input has only %lld",
                       (long long)span, what, (long long)padded);
    *out = (padded - span) / stride + 1;
    return 0;
}

static int vector_of(const ax_desc *in, int n_in, int i, int64_t k, const char *what, ax_err *err)
{
    char text[160];
    if (i >= n_in || in[i].shape.rank < 0 || (in[i].shape.rank == 1 && in[i].shape.dim[0] == k))
        return 0;
    return ax_fail(err, AX_ESHAPE, "the %s has shape %s, expected (%lld)", what,
                   ax_shape_str(&in[i].shape, text, sizeof text), (long long)k);
}

/* Kernels of nothing have no use, and no place in memory to point to. */
static int not_empty(const ax_shape *w, ax_err *err)
{
    char text[160];
    return ax_shape_count(w) > 0
               ? 0
               : ax_fail(err, AX_ESHAPE, "kernels of the shape %s have no numbers",
                         ax_shape_str(w, text, sizeof text));
}

static int conv_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    const ax_conv2d_attr *a = attr;
    const ax_shape *x = &in[0].shape, *w = &in[1].shape;
    if (x->rank != 4 || w->rank != 4)
        return ax_fail(err, AX_ESHAPE,
                       "needs a picture (batch, channels, height, width), got rank %d", x->rank);
    if (x->dim[1] % a->groups || x->dim[1] / a->groups != w->dim[1] || w->dim[0] % a->groups)
        return ax_fail(
            err, AX_ESHAPE,
            "the input has %lld channels; %d groups of kernels with %lld channels each need %lld",
            (long long)x->dim[1], a->groups, (long long)w->dim[1],
            (long long)(w->dim[1] * a->groups));
    if (not_empty(w, err))
        return -1;
    out[0] = (ax_desc){AX_F32, AX_SHAPE(x->dim[0], w->dim[0], 0, 0)};
    int64_t *o = out[0].shape.dim, k = w->dim[0];
    if (out_size(x->dim[2], w->dim[2], a->stride[0], a->dilation[0], a->pad[0], a->pad[2], "height",
                 &o[2], err) ||
        out_size(x->dim[3], w->dim[3], a->stride[1], a->dilation[1], a->pad[1], a->pad[3], "width",
                 &o[3], err) ||
        vector_of(in, n_in, 2, k, "bias", err) || vector_of(in, n_in, 4, k, "scale", err))
        return -1;
    if (n_in > 3 && in[3].shape.rank >= 0 && !ax_shape_equal(&in[3].shape, &out[0].shape))
        return ax_fail(err, AX_ESHAPE, "the residual's shape differs from the output's");
    return 0;
}

static ax_conv2d geometry(const ax_conv2d_attr *a, const ax_shape *x, const ax_shape *w,
                          const ax_shape *y)
{
    return (ax_conv2d){
        .n = x->dim[0],
        .c = x->dim[1],
        .h = x->dim[2],
        .w = x->dim[3],
        .k = y->dim[1],
        .oh = y->dim[2],
        .ow = y->dim[3],
        .kh = (int)w->dim[2],
        .kw = (int)w->dim[3],
        .sh = a->stride[0],
        .sw = a->stride[1],
        .dh = a->dilation[0],
        .dw = a->dilation[1],
        .pt = a->pad[0],
        .pl = a->pad[1],
        .pb = a->pad[2],
        .pr = a->pad[3],
        .groups = a->groups,
    };
}

static ax_conv2d call_geometry(const ax_call *c)
{
    return geometry(c->attr, &c->in[0].shape, &c->in[1].shape, &c->out[0].shape);
}

static ax_epilogue epilogue(const ax_call *c)
{
    const ax_conv2d_attr *a = c->attr;
    ax_epilogue e = {.residual = c->n_in > 3 ? c->x[3] : NULL};
    ax_act_fuse(&a->act, &e);
    return e;
}

static void run_blocked(const ax_call *c)
{
    ax_conv2d g = call_geometry(c);
    ax_epilogue e = epilogue(c);
    const float *packed = c->packed;
    float *scratch = c->scratch;
    if (!packed) { /* the weights are new at every run */
        ax_conv2d_pack(&g, c->x[1], c->n_in > 4 ? c->x[4] : NULL, scratch);
        packed = scratch;
        scratch += round16(ax_conv2d_packed(&g));
    }
    ax_conv2d_blocked(&g, c->x[0], c->layout[0] == AX_PLAIN, packed, c->n_in > 2 ? c->x[2] : NULL,
                      &e, c->y[0], scratch, c->pool);
}

static void pack(const ax_site *s, void *const *x, float *packed)
{
    ax_conv2d g = geometry(s->attr, &s->in[0].shape, &s->in[1].shape, &s->out[0].shape);
    ax_conv2d_pack(&g, x[1], s->n_in > 4 ? x[4] : NULL, packed);
}

static void run_plain(const ax_call *c)
{
    ax_conv2d g = call_geometry(c);
    ax_epilogue e = epilogue(c);
    ax_conv2d_plain(&g, c->x[0], c->x[1], c->n_in > 2 ? c->x[2] : NULL, &e, c->y[0], c->scratch,
                    c->pool);
}

/* A folded batch-norm's factors, for the plain kernels: scaled weights, made once. */
static void pack_scaled(const ax_site *s, void *const *x, float *packed)
{
    const float *w = x[1], *scale = x[4];
    int64_t k = s->in[1].shape.dim[0], row = ax_shape_count(&s->in[1].shape) / k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < row; j++)
            packed[i * row + j] = w[i * row + j] * scale[i];
}

static void run_plain_scaled(const ax_call *c)
{
    ax_conv2d g = call_geometry(c);
    ax_epilogue e = epilogue(c);
    ax_conv2d_plain(&g, c->x[0], c->packed, c->x[2], &e, c->y[0], c->scratch, c->pool);
}

static void conv_choose(const ax_site *s, ax_choice *c)
{
    ax_conv2d g = geometry(s->attr, &s->in[0].shape, &s->in[1].shape, &s->out[0].shape);
    if (!ax_conv2d_blocked_ok(&g)) {
        int scaled = s->n_in > 4 && s->in[4].shape.rank >= 0;
        c->kernel = g.groups == g.c ? "depthwise" : "tiled im2col";
        c->run = scaled ? run_plain_scaled : run_plain;
        c->scratch = ax_conv2d_plain_scratch(&g, s->threads);
        c->pack_floats = scaled ? ax_shape_count(&s->in[1].shape) : 0;
        c->pack = scaled ? pack_scaled : NULL;
        c->unread = scaled ? 1u << 1 | 1u << 4 : 0;
        return;
    }
    int first = s->layout[0] == AX_PLAIN && g.c < AX_BLOCK;
    c->kernel = first ? "direct, picture in" : "direct";
    c->run = run_blocked;
    c->in[0] = first ? AX_PLAIN : AX_BLOCKED;
    c->in[3] = AX_BLOCKED;
    c->out[0] = AX_BLOCKED;
    c->scratch = ax_conv2d_blocked_scratch(&g, s->threads);
    if (s->frozen) {
        c->pack_floats = ax_conv2d_packed(&g);
        c->pack = pack;
        c->unread = 1u << 1 | 1u << 4;
    } else {
        c->scratch += round16(ax_conv2d_packed(&g));
    }
}

static int conv_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_conv2d_attr *a = n->attr;
    if (a->act.row || (n->n_in > 3 && n->in[3] != AX_NONE) || (n->n_in > 4 && n->in[4] != AX_NONE))
        return ax_fail(err, AX_EUNSUPPORTED, "a fused convolution has no gradient");
    const ax_shape *x = &g->val[n->in[0]].desc.shape, *w = &g->val[n->in[1]].desc.shape;
    ax_conv2d_grad_attr ga = {*a, x->dim[1], x->dim[2], x->dim[3], {w->dim[2], w->dim[3]}};
    if (ax_needs_grad(g, n->in[0]) &&
        (din[0] = ax_graph_node(g, &ax_op_conv2d_dx, n->name, &ga, (ax_val[]){dout[0], n->in[1]}, 2,
                                err)) < 0)
        return -1;
    if (ax_needs_grad(g, n->in[1]) &&
        (din[1] = ax_graph_node(g, &ax_op_conv2d_dw, n->name, &ga, (ax_val[]){n->in[0], dout[0]}, 2,
                                err)) < 0)
        return -1;
    if (n->n_in > 2 && ax_needs_grad(g, n->in[2]) &&
        (din[2] = ax_graph_node(g, &ax_op_bias_grad, n->name, &(ax_bias_grad_attr){1}, dout, 1,
                                err)) < 0)
        return -1;
    return 0;
}

/* A multiply-add for each number of one plane of the weights, for each of `count` values. */
static int64_t flops_of(int64_t count, const ax_shape *w)
{
    return ax_count_mul(2 * count, ax_count_mul(w->dim[1], w->dim[2] * w->dim[3]));
}

static int64_t conv_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return flops_of(ax_shape_count(&out[0].shape), &in[1].shape);
}

const ax_op ax_op_conv2d = {
    .name = "conv2d",
    .min_in = 2,
    .max_in = 5,
    .n_out = 1,
    .attr_size = sizeof(ax_conv2d_attr),
    .infer = conv_infer,
    .run = run_plain,
    .choose = conv_choose,
    .grad = conv_grad,
    .flops = conv_flops,
};

/* ---- dx: the gradient by the input, and as a layer of its own the transposed convolution ---- */

/* The geometry that the gradients share: would this convolution make dy's pixels of x's? */
static int grad_infer(const ax_conv2d_grad_attr *a, const ax_shape *dy, int64_t c, int64_t k,
                      ax_err *err)
{
    const ax_conv2d_attr *v = &a->conv;
    int64_t oh = 0, ow = 0;
    if (dy->rank != 4 || v->groups < 1 || k % v->groups || a->c % v->groups ||
        a->c / v->groups != c)
        return ax_fail(err, AX_ESHAPE, "%lld and %lld channels in %d groups do not fit together",
                       (long long)c, (long long)k, v->groups);
    if (out_size(a->h, a->kernel[0], v->stride[0], v->dilation[0], v->pad[0], v->pad[2], "height",
                 &oh, err) ||
        out_size(a->w, a->kernel[1], v->stride[1], v->dilation[1], v->pad[1], v->pad[3], "width",
                 &ow, err))
        return -1;
    if (dy->dim[2] != oh || dy->dim[3] != ow)
        return ax_fail(err, AX_ESHAPE, "outputs of %lld x %lld pixels, expected %lld x %lld",
                       (long long)dy->dim[2], (long long)dy->dim[3], (long long)oh, (long long)ow);
    return 0;
}

static int dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_conv2d_grad_attr *a = attr;
    const ax_shape *dy = &in[0].shape, *w = &in[1].shape;
    if (w->rank != 4 || w->dim[0] != dy->dim[1] || w->dim[2] != a->kernel[0] ||
        w->dim[3] != a->kernel[1])
        return ax_fail(err, AX_ESHAPE, "the weights do not fit the %lld channels that come in",
                       (long long)dy->dim[1]);
    if (not_empty(w, err))
        return -1;
    out[0] = (ax_desc){AX_F32, AX_SHAPE(dy->dim[0], a->c, a->h, a->w)};
    return grad_infer(a, dy, w->dim[1], w->dim[0], err);
}

static ax_conv2d dx_geometry(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_conv2d_grad_attr *a = attr;
    return geometry(&a->conv, &out[0].shape, &in[1].shape, &in[0].shape);
}

static void dx_blocked(const ax_call *c)
{
    ax_conv2d g = dx_geometry(c->attr, c->in, c->out);
    const float *packed = c->packed;
    float *scratch = c->scratch;
    if (!packed) {
        ax_conv2d_pack_dx(&g, c->x[1], scratch);
        packed = scratch;
        scratch += round16(ax_conv2d_packed_dx(&g));
    }
    ax_conv2d_blocked_dx(&g, c->x[0], packed, c->y[0], scratch, c->pool);
}

static void dx_plain(const ax_call *c)
{
    ax_conv2d g = dx_geometry(c->attr, c->in, c->out);
    ax_conv2d_plain_dx(&g, c->x[0], c->x[1], c->y[0], c->scratch, c->pool);
}

static void dx_pack(const ax_site *s, void *const *x, float *packed)
{
    ax_conv2d g = dx_geometry(s->attr, s->in, s->out);
    ax_conv2d_pack_dx(&g, x[1], packed);
}

static void dx_choose(const ax_site *s, ax_choice *c)
{
    ax_conv2d g = dx_geometry(s->attr, s->in, s->out);
    if (!ax_conv2d_blocked_dx_ok(&g)) {
        c->kernel = "plain";
        c->scratch = ax_conv2d_plain_scratch(&g, s->threads);
        return;
    }
    c->kernel = "direct";
    c->run = dx_blocked;
    c->in[0] = c->out[0] = AX_BLOCKED;
    c->scratch = ax_conv2d_blocked_dx_scratch(&g, s->threads);
    if (s->frozen) {
        c->pack_floats = ax_conv2d_packed_dx(&g);
        c->pack = dx_pack;
        c->unread = 1u << 1;
    } else {
        c->scratch += round16(ax_conv2d_packed_dx(&g));
    }
}

/* dx = dy turned * w is linear in both: by dy it is the convolution itself, by w the gradient of
 * weights whose picture is what comes back here. */
static int dx_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_conv2d_grad_attr *a = n->attr;
    if (ax_needs_grad(g, n->in[0]) &&
        (din[0] = ax_graph_node(g, &ax_op_conv2d, n->name, &a->conv, (ax_val[]){dout[0], n->in[1]},
                                2, err)) < 0)
        return -1;
    if (ax_needs_grad(g, n->in[1]) &&
        (din[1] = ax_graph_node(g, &ax_op_conv2d_dw, n->name, a, (ax_val[]){dout[0], n->in[0]}, 2,
                                err)) < 0)
        return -1;
    return 0;
}

static int64_t dx_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr, (void)out;
    return flops_of(ax_shape_count(&in[0].shape), &in[1].shape);
}

const ax_op ax_op_conv2d_dx = {
    .name = "conv2d_dx",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_conv2d_grad_attr),
    .infer = dx_infer,
    .run = dx_plain,
    .choose = dx_choose,
    .grad = dx_grad,
    .flops = dx_flops,
};

/* ---- dw ---- */

static int dw_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_conv2d_grad_attr *a = attr;
    int64_t groups = a->conv.groups, c = groups > 0 ? a->c / groups : 0;
    out[0] = (ax_desc){AX_F32, AX_SHAPE(in[1].shape.dim[1], c, a->kernel[0], a->kernel[1])};
    return grad_infer(a, &in[1].shape, c, in[1].shape.dim[1], err);
}

static ax_conv2d dw_geometry(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_conv2d_grad_attr *a = attr;
    return geometry(&a->conv, &in[0].shape, &out[0].shape, &in[1].shape);
}

static void dw_blocked(const ax_call *c)
{
    ax_conv2d g = dw_geometry(c->attr, c->in, c->out);
    ax_conv2d_blocked_dw(&g, c->x[0], c->layout[0] == AX_PLAIN, c->x[1], c->y[0], c->scratch,
                         c->pool);
}

static void dw_plain(const ax_call *c)
{
    ax_conv2d g = dw_geometry(c->attr, c->in, c->out);
    ax_conv2d_plain_dw(&g, c->x[0], c->x[1], c->y[0], c->scratch, c->pool);
}

static void dw_choose(const ax_site *s, ax_choice *c)
{
    ax_conv2d g = dw_geometry(s->attr, s->in, s->out);
    if (!ax_conv2d_blocked_ok(&g)) {
        c->kernel = "plain";
        c->scratch = ax_conv2d_plain_scratch(&g, s->threads);
        return;
    }
    c->kernel = "outer products";
    c->run = dw_blocked;
    c->in[0] = s->layout[0] == AX_PLAIN && g.c < AX_BLOCK ? AX_PLAIN : AX_BLOCKED;
    c->in[1] = AX_BLOCKED;
    c->scratch = ax_conv2d_blocked_dw_scratch(&g, s->threads);
}

/* Linear in both again: by x it is what goes back through these weights, by dy what they make of x.
 */
static int dw_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_conv2d_grad_attr *a = n->attr;
    if (ax_needs_grad(g, n->in[0]) &&
        (din[0] = ax_graph_node(g, &ax_op_conv2d_dx, n->name, a, (ax_val[]){n->in[1], dout[0]}, 2,
                                err)) < 0)
        return -1;
    if (ax_needs_grad(g, n->in[1]) &&
        (din[1] = ax_graph_node(g, &ax_op_conv2d, n->name, &a->conv, (ax_val[]){n->in[0], dout[0]},
                                2, err)) < 0)
        return -1;
    return 0;
}

static int64_t dw_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return flops_of(ax_shape_count(&in[1].shape), &out[0].shape);
}

const ax_op ax_op_conv2d_dw = {
    .name = "conv2d_dw",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_conv2d_grad_attr),
    .infer = dw_infer,
    .run = dw_plain,

    .choose = dw_choose,
    .grad = dw_grad,
    .flops = dw_flops,
};
