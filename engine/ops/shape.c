/* shape.c - ops that move numbers without changing them, of any element type; pad2d and upsample2d
 * are for float32. */
#include <string.h>

#include "base/range.h"
#include "ops/ops.h"

static int64_t product(const ax_shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dim[i];
    return n;
}

static void copy_all(const ax_call *c)
{
    memcpy(c->y[0], c->x[0],
           (size_t)ax_shape_count(&c->out[0].shape) * ax_dtype_size(c->out[0].dtype));
}

/* A view. A blocked picture stays blocked when batch and channels stay: the rest is pixels. */
static void view_choose(const ax_site *s, ax_choice *c)
{
    const ax_shape *x = &s->in[0].shape, *y = &s->out[0].shape;
    c->kernel = "view";
    c->alias = 1;
    if (s->layout[0] == AX_BLOCKED && x->rank >= 3 && y->rank >= 3 && x->dim[0] == y->dim[0] &&
        x->dim[1] == y->dim[1])
        c->in[0] = c->out[0] = AX_BLOCKED;
}

static int64_t no_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr, (void)in, (void)out;
    return 0;
}

/* ---- reshape ---- */

static int reshape_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_reshape_attr *a = attr;
    char from[160], to[160];
    ax_shape s = a->shape;
    int64_t known = 1, total = ax_shape_count(&in[0].shape);
    int free_axis = -1;
    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] == 0 && i < in[0].shape.rank)
            s.dim[i] = in[0].shape.dim[i];
        if (s.dim[i] == -1 && free_axis < 0)
            free_axis = i;
        else if (s.dim[i] < 0 || __builtin_mul_overflow(known, s.dim[i], &known))
            return ax_fail(err, AX_ESHAPE, "%s is not a shape to reshape to",
                           ax_shape_str(&a->shape, to, sizeof to));
    }
    if (free_axis >= 0)
        s.dim[free_axis] = known ? total / known : 0;
    out[0] = (ax_desc){in[0].dtype, s};
    if (ax_shape_count(&s) != total)
        return ax_fail(err, AX_ESHAPE, "cannot reshape %s to %s",
                       ax_shape_str(&in[0].shape, from, sizeof from),
                       ax_shape_str(&a->shape, to, sizeof to));
    return 0;
}

static int reshape_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_like, n->name, NULL, (ax_val[]){dout[0], n->in[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_reshape = {
    .name = "reshape",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_reshape_attr),
    .infer = reshape_infer,
    .run = copy_all,
    .choose = view_choose,
    .grad = reshape_grad,
    .flops = no_flops,
};

/* ---- like: the elements of x in the shape of t (whose numbers are not read) ---- */

static int like_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    if (ax_shape_count(&in[0].shape) != ax_shape_count(&in[1].shape))
        return ax_fail(err, AX_ESHAPE, "the element counts differ");
    out[0] = (ax_desc){in[0].dtype, in[1].shape};
    return 0;
}

static void like_choose(const ax_site *s, ax_choice *c)
{
    view_choose(s, c);
    c->unread = 1u << 1;
}

static int like_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    return reshape_grad(g, n, dout, din, err);
}

const ax_op ax_op_like = {
    .name = "like",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = like_infer,
    .run = copy_all,
    .choose = like_choose,
    .grad = like_grad,
    .flops = no_flops,
};

/* ---- permute ---- */

static int permute_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_permute_attr *a = attr;
    int seen = 0, rank = in[0].shape.rank;
    out[0] = in[0];
    for (int i = 0; i < rank; i++) {
        if (a->perm[i] < 0 || a->perm[i] >= rank || seen >> a->perm[i] & 1)
            return ax_fail(err, AX_EINVAL, "the permutation must name each of the %d axes once",
                           rank);
        seen |= 1 << a->perm[i];
        out[0].shape.dim[i] = in[0].shape.dim[a->perm[i]];
    }
    return 0;
}

typedef struct permute_job {
    const char *x;
    char *y;
    size_t size; /* of an element */
    int rank;
    int64_t dim[AX_MAX_RANK], stride[AX_MAX_RANK]; /* of y's axes; strides into x */
} permute_job;

/* n elements, each `step` behind the one before */
static void pick(const char *x, int64_t step, char *y, int64_t n, size_t size)
{
    if (size == 4)
        for (int64_t k = 0; k < n; k++)
            ((uint32_t *)y)[k] = ((const uint32_t *)x)[k * step];
    else
        for (int64_t k = 0; k < n; k++)
            memcpy(y + (size_t)k * size, x + (size_t)(k * step) * size, size);
}

/* rows of y (its last axis) from..to */
static void permute_rows(void *ctx, int64_t from, int64_t to)
{
    const permute_job *j = ctx;
    int last = j->rank - 1;
    int64_t len = j->dim[last], step = j->stride[last];
    for (int64_t r = from; r < to; r++) {
        int64_t rest = r, at = 0;
        for (int i = last - 1; i >= 0; i--) {
            at += rest % j->dim[i] * j->stride[i];
            rest /= j->dim[i];
        }
        pick(j->x + (size_t)at * j->size, step, j->y + (size_t)(r * len) * j->size, len, j->size);
    }
}

static void permute_run(const ax_call *c)
{
    const ax_permute_attr *a = c->attr;
    permute_job j = {.x = c->x[0],
                     .y = c->y[0],
                     .size = ax_dtype_size(c->out[0].dtype),
                     .rank = c->out[0].shape.rank};
    for (int i = 0; i < j.rank; i++) {
        j.dim[i] = c->out[0].shape.dim[i];
        j.stride[i] = product(&c->in[0].shape, a->perm[i] + 1, j.rank);
    }
    int64_t len = j.rank ? j.dim[j.rank - 1] : 1;
    if (ax_shape_count(&c->out[0].shape) == 0)
        return;
    if (j.rank == 0) {
        memcpy(j.y, j.x, j.size);
        return;
    }
    ax_range(c->pool, product(&c->out[0].shape, 0, j.rank - 1), 1 + 16384 / len, permute_rows, &j);
}

static int permute_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_permute_attr *a = n->attr;
    ax_permute_attr back = {0};
    for (int i = 0; i < g->val[n->in[0]].desc.shape.rank; i++)
        back.perm[a->perm[i]] = i;
    din[0] = ax_graph_node(g, &ax_op_permute, n->name, &back, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_permute = {
    .name = "permute",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_permute_attr),
    .infer = permute_infer,
    .run = permute_run,
    .grad = permute_grad,
    .flops = no_flops,
};

/* ---- concat and its reverse, slice ---- */

static int concat_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    int axis = ((const ax_axis_attr *)attr)->axis;
    char a[160], b[160];
    if (axis < 0 || axis >= in[0].shape.rank)
        return ax_fail(err, AX_EINVAL, "there is no axis %d in %s", axis,
                       ax_shape_str(&in[0].shape, a, sizeof a));
    out[0] = in[0];
    for (int i = 1; i < n_in; i++) {
        ax_shape like = in[i].shape;
        if (like.rank == in[0].shape.rank)
            like.dim[axis] = in[0].shape.dim[axis];
        if (!ax_shape_equal(&like, &in[0].shape) || in[i].dtype != in[0].dtype)
            return ax_fail(err, AX_ESHAPE, "cannot join %s and %s along axis %d",
                           ax_shape_str(&in[0].shape, a, sizeof a),
                           ax_shape_str(&in[i].shape, b, sizeof b), axis);
        out[0].shape.dim[axis] += in[i].shape.dim[axis];
    }
    return 0;
}

/* For each outer index copy a stretch: whole rows of the joined axis. */
static void copy_strided(const char *x, int64_t x_step, char *y, int64_t y_step, int64_t outer,
                         int64_t len, size_t size)
{
    for (int64_t i = 0; i < outer; i++)
        memcpy(y + (size_t)(i * y_step) * size, x + (size_t)(i * x_step) * size,
               (size_t)len * size);
}

static void concat_run(const ax_call *c)
{
    int axis = ((const ax_axis_attr *)c->attr)->axis;
    const ax_shape *y = &c->out[0].shape;
    int64_t outer = product(y, 0, axis), inner = product(y, axis + 1, y->rank), at = 0;
    size_t size = ax_dtype_size(c->out[0].dtype);
    for (int i = 0; i < c->n_in; i++) {
        int64_t len = c->in[i].shape.dim[axis] * inner;
        copy_strided(c->x[i], len, (char *)c->y[0] + (size_t)at * size, y->dim[axis] * inner, outer,
                     len, size);
        at += len;
    }
}

/* Blocked parts join without conversion when each but the last fills its channel blocks. */
static void concat_blocked(const ax_call *c)
{
    const ax_shape *y = &c->out[0].shape;
    int64_t whole = ax_layout_count(AX_BLOCKED, y) / y->dim[0], at = 0;
    for (int i = 0; i < c->n_in; i++) {
        int64_t len = ax_layout_count(AX_BLOCKED, &c->in[i].shape) / y->dim[0];
        copy_strided(c->x[i], len, (char *)c->y[0] + (size_t)at * sizeof(float), whole, y->dim[0],
                     len, sizeof(float));
        at += len;
    }
}

static void concat_choose(const ax_site *s, ax_choice *c)
{
    int ok = ((const ax_axis_attr *)s->attr)->axis == 1 && s->out[0].shape.dim[0] > 0;
    for (int i = 0; i < s->n_in; i++)
        ok &= s->layout[i] == AX_BLOCKED &&
              (i == s->n_in - 1 || s->in[i].shape.dim[1] % AX_BLOCK == 0);
    if (!ok)
        return;
    for (int i = 0; i < s->n_in; i++)
        c->in[i] = AX_BLOCKED;
    c->out[0] = AX_BLOCKED;
    c->run = concat_blocked;
}

static int concat_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_slice_attr a = {.axis = ((const ax_axis_attr *)n->attr)->axis};
    for (int i = 0; i < n->n_in; i++) {
        a.count = g->val[n->in[i]].desc.shape.dim[a.axis];
        if (ax_needs_grad(g, n->in[i]) &&
            (din[i] = ax_graph_node(g, &ax_op_slice, n->name, &a, dout, 1, err)) < 0)
            return -1;
        a.from += a.count;
    }
    return 0;
}

const ax_op ax_op_concat = {
    .name = "concat",
    .mixed = 1,
    .min_in = 1,
    .max_in = AX_MAX_IN,
    .n_out = 1,
    .attr_size = sizeof(ax_axis_attr),
    .infer = concat_infer,
    .run = concat_run,
    .choose = concat_choose,
    .grad = concat_grad,
    .flops = no_flops,
};

static int slice_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_slice_attr *a = attr;
    if (a->axis < 0 || a->axis >= in[0].shape.rank || a->from < 0 || a->count < 0 ||
        a->from > in[0].shape.dim[a->axis] - a->count)
        return ax_fail(err, AX_ERANGE, "cannot take %lld from %lld on along axis %d",
                       (long long)a->count, (long long)a->from, a->axis);
    out[0] = in[0];
    out[0].shape.dim[a->axis] = a->count;
    return 0;
}

static void slice_run(const ax_call *c)
{
    const ax_slice_attr *a = c->attr;
    const ax_shape *x = &c->in[0].shape;
    int64_t inner = product(x, a->axis + 1, x->rank);
    size_t size = ax_dtype_size(c->in[0].dtype);
    copy_strided((const char *)c->x[0] + (size_t)(a->from * inner) * size, x->dim[a->axis] * inner,
                 c->y[0], a->count * inner, product(x, 0, a->axis), a->count * inner, size);
}

/* What was cut off gets zeros. */
static int slice_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_slice_attr *a = n->attr;
    ax_pad_attr back = {.mode = AX_PAD_CONSTANT};
    back.before[a->axis] = a->from;
    back.after[a->axis] = g->val[n->in[0]].desc.shape.dim[a->axis] - a->from - a->count;
    din[0] = ax_graph_node(g, &ax_op_pad, n->name, &back, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_slice = {
    .name = "slice",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_slice_attr),
    .infer = slice_infer,
    .run = slice_run,
    .grad = slice_grad,
    .flops = no_flops,
};

/* ---- pad2d: zeros round the last two axes, or, with negative numbers, a crop ---- */

static int pad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_pad2d_attr *a = attr;
    int r = in[0].shape.rank;
    if (r < 2)
        return ax_fail(err, AX_ESHAPE, "needs at least two axes");
    out[0] = in[0];
    out[0].shape.dim[r - 2] += a->pad[0] + a->pad[2];
    out[0].shape.dim[r - 1] += a->pad[1] + a->pad[3];
    if (out[0].shape.dim[r - 2] < 1 || out[0].shape.dim[r - 1] < 1)
        return ax_fail(err, AX_ESHAPE, "nothing is left of the picture");
    return 0;
}

typedef struct pad_job {
    const float *x;
    float *y;
    int64_t h, w, oh, ow, top, left;
} pad_job;

static void pad_maps(void *ctx, int64_t from, int64_t to)
{
    const pad_job *j = ctx;
    int64_t x0 = j->left > 0 ? j->left : 0, x1 = j->left + j->w < j->ow ? j->left + j->w : j->ow;
    for (int64_t m = from; m < to; m++) {
        for (int64_t oy = 0; oy < j->oh; oy++) {
            float *row = j->y + (m * j->oh + oy) * j->ow;
            int64_t iy = oy - j->top;
            memset(row, 0, (size_t)j->ow * sizeof *row);
            if (iy >= 0 && iy < j->h && x1 > x0)
                memcpy(row + x0, j->x + (m * j->h + iy) * j->w + (x0 - j->left),
                       (size_t)(x1 - x0) * sizeof *row);
        }
    }
}

static void pad_run(const ax_call *c)
{
    const ax_pad2d_attr *a = c->attr;
    int r = c->in[0].shape.rank;
    const int64_t *x = c->in[0].shape.dim, *y = c->out[0].shape.dim;
    pad_job j = {c->x[0], c->y[0], x[r - 2], x[r - 1], y[r - 2], y[r - 1], a->pad[0], a->pad[1]};
    ax_range(c->pool, product(&c->in[0].shape, 0, r - 2), 1 + 16384 / (j.oh * j.ow), pad_maps, &j);
}

static int pad_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_pad2d_attr *a = n->attr;
    ax_pad2d_attr back = {{-a->pad[0], -a->pad[1], -a->pad[2], -a->pad[3]}};
    din[0] = ax_graph_node(g, &ax_op_pad2d, n->name, &back, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_pad2d = {
    .name = "pad2d",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_pad2d_attr),
    .infer = pad_infer,
    .run = pad_run,
    .grad = pad_grad,
    .flops = no_flops,
};

/* ---- upsample2d: each pixel becomes a block of size[0] x size[1] ---- */

static int up_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_upsample2d_attr *a = attr;
    if (in[0].shape.rank != 4)
        return ax_fail(err, AX_ESHAPE,
                       "needs a picture (batch, channels, height, width), got rank %d",
                       in[0].shape.rank);
    out[0] = in[0];
    for (int i = 0; i < 2; i++)
        if (__builtin_mul_overflow(out[0].shape.dim[2 + i], (int64_t)a->size[i],
                                   &out[0].shape.dim[2 + i]))
            return ax_fail(err, AX_ELIMIT, "the enlarged picture is too large");
    return 0;
}

typedef struct up_job {
    const float *x;
    float *y;
    int64_t h, w;
    int sy, sx;
} up_job;

static void up_maps(void *ctx, int64_t from, int64_t to)
{
    const up_job *j = ctx;
    int64_t ow = j->w * j->sx, oh = j->h * j->sy;
    for (int64_t r = from * oh; r < to * oh; r++) {
        const float *x = j->x + (r / oh * j->h + r % oh / j->sy) * j->w;
        for (int64_t i = 0; i < ow; i++)
            j->y[r * ow + i] = x[i / j->sx];
    }
}

static void up_run(const ax_call *c)
{
    const ax_upsample2d_attr *a = c->attr;
    const int64_t *d = c->in[0].shape.dim;
    up_job j = {c->x[0], c->y[0], d[2], d[3], a->size[0], a->size[1]};
    ax_range(c->pool, d[0] * d[1], 1, up_maps, &j);
}

static int up_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_upsample2d_grad, n->name, n->attr, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_upsample2d = {
    .name = "upsample2d",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_upsample2d_attr),
    .infer = up_infer,
    .run = up_run,
    .grad = up_grad,
    .flops = no_flops,
};

static int up_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in, (void)err;
    const ax_upsample2d_attr *a = attr;
    out[0] = in[0];
    out[0].shape.dim[2] /= a->size[0];
    out[0].shape.dim[3] /= a->size[1];
    return 0;
}

static void up_grad_maps(void *ctx, int64_t from, int64_t to)
{
    const up_job *j = ctx; /* here x is the large picture, h and w the small one's */
    int64_t ow = j->w * j->sx;
    for (int64_t r = from * j->h; r < to * j->h; r++)
        for (int64_t i = 0; i < j->w; i++) {
            float sum = 0;
            for (int v = 0; v < j->sy; v++)
                for (int u = 0; u < j->sx; u++)
                    sum += j->x[(r * j->sy + v) * ow + i * j->sx + u];
            j->y[r * j->w + i] = sum;
        }
}

static void up_grad_run(const ax_call *c)
{
    const ax_upsample2d_attr *a = c->attr;
    const int64_t *d = c->out[0].shape.dim;
    up_job j = {c->x[0], c->y[0], d[2], d[3], a->size[0], a->size[1]};
    ax_range(c->pool, d[0] * d[1], 1, up_grad_maps, &j);
}

const ax_op ax_op_upsample2d_grad = {
    .name = "upsample2d_grad",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_upsample2d_attr),
    .infer = up_grad_infer,
    .run = up_grad_run,
    .flops = no_flops,
};
