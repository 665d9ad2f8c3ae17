/* dense.c - the fully connected layer and its gradients.
 *
 * At inference our own micro-kernels run, so that a row's bits do not depend on its batch: over
 * weights that are packed once, or, where those are large, as they lie; in training, where they
 * change at every step, OpenBLAS does the work in fixed slices. */
#include "math/dense.h"

#include <string.h>

#include "base/range.h"
#include "math/gemm.h"
#include "ops/ops.h"

/* Weights of so many numbers come from memory, whatever their form: packed they would be faster in
 * large batches, by half at most, but while they are packed they are held twice. */
enum { LARGE = 1 << 22 };

static int64_t rows_of(const ax_shape *s)
{
    int64_t m = 1;
    for (int i = 0; i + 1 < s->rank; i++)
        m *= s->dim[i];
    return m;
}

static int64_t last_of(const ax_shape *s)
{
    return s->dim[s->rank - 1];
}

/* Shape rules shared with conv2d: bias and scale (n), residual like y. */
static int vector_of(const ax_desc *d, int64_t n, const char *what, ax_err *err)
{
    char text[160];
    if (d->shape.rank < 0 || (d->shape.rank == 1 && d->shape.dim[0] == n))
        return 0;
    return ax_fail(err, AX_ESHAPE, "the %s has shape %s, expected (%lld)", what,
                   ax_shape_str(&d->shape, text, sizeof text), (long long)n);
}

static int dense_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr;
    const ax_shape *x = &in[0].shape, *w = &in[1].shape;
    if (x->rank < 2 || w->rank != 2)
        return ax_fail(err, AX_ESHAPE, "needs an input of rank 2 or more and weights of rank 2, not %d and %d",
                       x->rank, w->rank);
    if (last_of(x) != w->dim[1])
        return ax_fail(err, AX_ESHAPE, "the input has %lld features, the weights expect %lld",
                       (long long)last_of(x), (long long)w->dim[1]);
    out[0] = in[0];
    out[0].shape.dim[x->rank - 1] = w->dim[0];
    if ((n_in > 2 && vector_of(&in[2], w->dim[0], "bias", err)) ||
        (n_in > 4 && vector_of(&in[4], w->dim[0], "scale", err)))
        return -1;
    if (n_in > 3 && in[3].shape.rank >= 0 && !ax_shape_equal(&in[3].shape, &out[0].shape))
        return ax_fail(err, AX_ESHAPE, "the residual's shape differs from the output's");
    return 0;
}

static void run_packed(const ax_call *c)
{
    const ax_fused_attr *f = c->attr;
    ax_epilogue e = {.residual = c->n_in > 3 ? c->x[3] : NULL};
    ax_act_fuse(&f->act, &e);
    ax_dense(rows_of(&c->in[0].shape), c->in[1].shape.dim[0], c->in[1].shape.dim[1], c->x[0],
             c->packed, c->n_in > 2 ? c->x[2] : NULL, &e, c->y[0], c->pool);
}

static void run_dot(const ax_call *c)
{
    const ax_fused_attr *f = c->attr;
    ax_epilogue e = {.residual = c->n_in > 3 ? c->x[3] : NULL};
    ax_act_fuse(&f->act, &e);
    ax_dense_dot(rows_of(&c->in[0].shape), c->in[1].shape.dim[0], c->in[1].shape.dim[1], c->x[0],
                 c->x[1], c->n_in > 4 ? c->x[4] : NULL, c->n_in > 2 ? c->x[2] : NULL, &e, c->y[0],
                 c->pool);
}

static void pack(const ax_site *s, void *const *x, float *packed)
{
    ax_dense_pack(s->in[1].shape.dim[0], s->in[1].shape.dim[1], x[1], s->n_in > 4 ? x[4] : NULL, packed);
}

typedef struct rows_job {
    const float *bias;
    float *y;
    int64_t n;
} rows_job;

static void copy_rows(void *ctx, int64_t from, int64_t to)
{
    const rows_job *j = ctx;
    for (int64_t i = from; i < to; i++)
        memcpy(j->y + i * j->n, j->bias, (size_t)j->n * sizeof(float));
}

/* Training form: scale and residual appear only after fusion. */
static void run_gemm(const ax_call *c)
{
    const ax_fused_attr *f = c->attr;
    int64_t m = rows_of(&c->in[0].shape), n = c->in[1].shape.dim[0], k = c->in[1].shape.dim[1];
    const float *bias = c->n_in > 2 ? c->x[2] : NULL;
    if (bias)
        ax_range(c->pool, m, 1 + 65536 / (n + 1), copy_rows, &(rows_job){bias, c->y[0], n});
    ax_gemm_pool(0, 1, m, n, k, 1, c->x[0], k, c->x[1], k, bias ? 1 : 0, c->y[0], n, c->pool);
    if (f->act.row)
        ax_act_forward_pool(&f->act, c->y[0], c->y[0], m * n, c->pool);
}

static void dense_choose(const ax_site *s, ax_choice *c)
{
    c->kernel = "openblas";
    if (!s->frozen && (s->n_in <= 3))
        return;
    if (!s->frozen || ax_shape_count(&s->in[1].shape) >= LARGE) { /* or computed by a run */
        c->kernel = "dot products";
        c->run = run_dot;
        return;
    }
    c->kernel = "panels of 64";
    c->run = run_packed;
    c->pack_floats = ax_dense_packed(s->in[1].shape.dim[0], s->in[1].shape.dim[1]);
    c->pack = pack;
    c->unread = 1u << 1 | 1u << 4;
}

static int dense_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_fused_attr *f = n->attr;
    if (f->act.row || (n->n_in > 3 && n->in[3] != AX_NONE) || (n->n_in > 4 && n->in[4] != AX_NONE))
        return ax_fail(err, AX_EUNSUPPORTED, "a fused dense layer has no gradient");
    if (ax_needs_grad(g, n->in[0]) &&
        (din[0] = ax_graph_node(g, &ax_op_dense_dx, n->name, NULL, (ax_val[]){dout[0], n->in[1]}, 2, err)) < 0)
        return -1;
    if (ax_needs_grad(g, n->in[1]) &&
        (din[1] = ax_graph_node(g, &ax_op_dense_dw, n->name, NULL, (ax_val[]){n->in[0], dout[0]}, 2, err)) < 0)
        return -1;
    ax_bias_grad_attr axis = {-1};
    if (n->n_in > 2 && ax_needs_grad(g, n->in[2]) &&
        (din[2] = ax_graph_node(g, &ax_op_bias_grad, n->name, &axis, dout, 1, err)) < 0)
        return -1;
    return 0;
}

static int64_t dense_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(2 * ax_shape_count(&out[0].shape), in[1].shape.dim[1]);
}

const ax_op ax_op_dense = {
    .name = "dense",
    .min_in = 2,
    .max_in = 5,
    .n_out = 1,
    .attr_size = sizeof(ax_fused_attr),
    .infer = dense_infer,
    .run = run_gemm,
    .choose = dense_choose,
    .grad = dense_grad,
    .flops = dense_flops,
};

/* ---- dx (...,k) = dy (...,n) . w (n,k) ---- */

static int dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = in[0];
    out[0].shape.dim[in[0].shape.rank - 1] = in[1].shape.dim[1];
    return 0;
}

static void dx_run(const ax_call *c)
{
    int64_t m = rows_of(&c->in[0].shape), n = c->in[1].shape.dim[0], k = c->in[1].shape.dim[1];
    ax_gemm_pool(0, 0, m, k, n, 1, c->x[0], n, c->x[1], k, 0, c->y[0], k, c->pool);
}

static int64_t grad_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(2 * ax_shape_count(&out[0].shape), last_of(&in[0].shape));
}

const ax_op ax_op_dense_dx = {
    .name = "dense_dx", .min_in = 2, .max_in = 2, .n_out = 1, .infer = dx_infer, .run = dx_run,
    .flops = grad_flops,
};

/* ---- dw (n,k) = dy (...,n)^T . x (...,k) ---- */

static int dw_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in, (void)err;
    out[0] = (ax_desc){AX_F32, AX_SHAPE(last_of(&in[1].shape), last_of(&in[0].shape))};
    return 0;
}

static void dw_run(const ax_call *c)
{
    int64_t m = rows_of(&c->in[0].shape), k = last_of(&c->in[0].shape), n = last_of(&c->in[1].shape);
    ax_gemm_pool(1, 0, n, k, m, 1, c->x[1], n, c->x[0], k, 0, c->y[0], k, c->pool);
}

static int64_t dw_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(2 * ax_shape_count(&out[0].shape), rows_of(&in[0].shape));
}

const ax_op ax_op_dense_dw = {
    .name = "dense_dw", .min_in = 2, .max_in = 2, .n_out = 1, .infer = dw_infer, .run = dw_run,
    .flops = dw_flops,
};
