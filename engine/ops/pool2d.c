/* pool2d.c - maximum and average over windows, or over the whole map. */
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_pool2d_attr *a = attr;
    if (in[0].shape.rank != 4)
        return ax_fail(err, AX_ESHAPE, "needs a picture (batch, channels, height, width), got rank %d", in[0].shape.rank);
    out[0] = in[0];
    for (int i = 0; i < 2; i++) {
        int64_t *d = &out[0].shape.dim[2 + i], padded = *d + a->pad[i] + a->pad[2 + i];
        if (a->global) {
            *d = 1;
            continue;
        }
        if (a->kernel[i] > padded)
            return ax_fail(err, AX_ESHAPE, "a window of %d does not fit into %lld padded pixels of %s",
                           a->kernel[i], (long long)padded, i ? "width" : "height");
        if (a->pad[i] >= a->kernel[i] || a->pad[2 + i] >= a->kernel[i])
            return ax_fail(err, AX_ERANGE, "padding %d is not smaller than the window of %d",
                           a->pad[i] > a->pad[2 + i] ? a->pad[i] : a->pad[2 + i], a->kernel[i]);
        *d = (padded - a->kernel[i]) / a->stride[i] + 1;
    }
    return 0;
}

static ax_window2d window(const ax_pool2d_attr *a, const ax_shape *x, const ax_shape *y, ax_layout l)
{
    return (ax_window2d){
        .layout = l, .n = x->dim[0], .c = x->dim[1], .h = x->dim[2], .w = x->dim[3],
        .oh = y->dim[2], .ow = y->dim[3], .kh = a->kernel[0], .kw = a->kernel[1],
        .sh = a->stride[0], .sw = a->stride[1], .dh = 1, .dw = 1,
        .pt = a->pad[0], .pl = a->pad[1], .pb = a->pad[2], .pr = a->pad[3], .count_pad = a->count_pad,
    };
}

static void run(const ax_call *c)
{
    const ax_pool2d_attr *a = c->attr;
    if (a->global) {
        ax_maps m = ax_maps_of(&c->in[0].shape, c->layout[0]);
        (a->max ? ax_global_max_pool : ax_global_avg_pool)(&m, c->x[0], c->y[0], c->pool);
        return;
    }
    ax_window2d w = window(a, &c->in[0].shape, &c->out[0].shape, c->layout[0]);
    (a->max ? ax_max_pool : ax_avg_pool)(&w, c->x[0], c->y[0], c->pool);
}

/* The layout the input has; a global pool's (n,c,1,1) is always PLAIN. */
static void choose(const ax_site *s, ax_choice *c)
{
    const ax_pool2d_attr *a = s->attr;
    c->kernel = a->max ? "max" : "average";
    c->in[0] = s->layout[0];
    c->out[0] = a->global ? AX_PLAIN : s->layout[0];
}

/* x is read by the maximum only */
static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_pool2d_grad, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    const ax_pool2d_attr *a = attr;
    return a->global ? ax_shape_count(&in[0].shape)
                     : ax_count_mul(ax_shape_count(&out[0].shape), (int64_t)a->kernel[0] * a->kernel[1]);
}

const ax_op ax_op_pool2d = {
    .name = "pool2d", .min_in = 1, .max_in = 1, .n_out = 1, .attr_size = sizeof(ax_pool2d_attr),
    .infer = infer, .run = run, .choose = choose, .grad = grad, .flops = flops,
};

static int grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    return 0;
}

static void grad_run(const ax_call *c)
{
    const ax_pool2d_attr *a = c->attr;
    const float *x = c->x[0], *dy = c->x[1];
    if (a->global) {
        /* the layout of dx is x's when x is read, else plain */
        ax_maps m = ax_maps_of(&c->in[0].shape, a->max ? c->layout[0] : AX_PLAIN);
        if (a->max)
            ax_global_max_pool_backward(&m, x, dy, c->y[0], c->pool);
        else
            ax_global_avg_pool_backward(&m, dy, c->y[0], c->pool);
        return;
    }
    ax_window2d w = window(a, &c->in[0].shape, &c->in[1].shape, c->layout[1]);
    if (a->max)
        ax_max_pool_backward(&w, x, dy, c->y[0], c->pool);
    else
        ax_avg_pool_backward(&w, dy, c->y[0], c->pool);
}

static void global_avg_blocked(const ax_call *c)
{
    ax_maps m = ax_maps_of(&c->in[0].shape, AX_BLOCKED);
    ax_global_avg_pool_backward(&m, c->x[1], c->y[0], c->pool);
}

static void grad_choose(const ax_site *s, ax_choice *c)
{
    const ax_pool2d_attr *a = s->attr;
    c->kernel = a->max ? "max" : "average";
    c->in[0] = c->out[0] = s->layout[0];
    c->in[1] = a->global ? AX_PLAIN : s->layout[0];
    if (!a->max)
        c->unread = 1u << 0;
    if (a->global && !a->max && s->layout[0] == AX_BLOCKED)
        c->run = global_avg_blocked;
}

const ax_op ax_op_pool2d_grad = {
    .name = "pool2d_grad", .min_in = 2, .max_in = 2, .n_out = 1, .attr_size = sizeof(ax_pool2d_attr),
    .infer = grad_infer, .run = grad_run, .choose = grad_choose,
};
