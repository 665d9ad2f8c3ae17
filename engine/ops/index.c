/* index.c - ops that take elements from other places by rule: steps, conditions, running sums,
 * padding, lines turned round. */
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

/* ---- strided
 * ------------------------------------------------------------------------------------- */

/* All steps lead to one of `count` elements. */
static int check_steps(const ax_strided_attr *a, int64_t count, ax_err *err)
{
    int64_t low = a->from, high = a->from, empty = 0;
    if (a->shape.rank < 0 || a->shape.rank > AX_MAX_RANK)
        return ax_fail(err, AX_ELIMIT, "a shape of %d dimensions", a->shape.rank);
    for (int i = 0; i < a->shape.rank; i++) {
        int64_t reach;
        if (__builtin_mul_overflow(a->step[i], a->shape.dim[i] - 1, &reach) ||
            __builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high))
            return ax_fail(err, AX_ERANGE, "steps of %lld lead nowhere", (long long)a->step[i]);
        empty |= a->shape.dim[i] <= 0;
    }
    if (!empty && (low < 0 || high >= count))
        return ax_fail(err, AX_ERANGE, "steps lead from %lld to %lld, beyond the %lld elements",
                       (long long)low, (long long)high, (long long)count);
    return 0;
}

static int strided_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_strided_attr *a = attr;
    out[0] = (ax_desc){in[0].dtype, a->shape};
    return check_steps(a, ax_shape_count(&in[0].shape), err);
}

typedef struct strided_job {
    const ax_strided_attr *a;
    const char *x;
    char *y;
    size_t size;
    int64_t row, step; /* the last axis */
} strided_job;

static void take(const char *x, int64_t step, char *y, int64_t n, size_t size)
{
    if (step == 1)
        memcpy(y, x, (size_t)n * size);
    else if (size == 4)
        for (int64_t k = 0; k < n; k++)
            ((uint32_t *)y)[k] = ((const uint32_t *)x)[k * step];
    else
        for (int64_t k = 0; k < n; k++)
            memcpy(y + (size_t)k * size, x + k * step * (int64_t)size, size);
}

static void strided_rows(void *ctx, int64_t from, int64_t to)
{
    const strided_job *j = ctx;
    const ax_strided_attr *a = j->a;
    for (int64_t r = from; r < to; r++) {
        int64_t rest = r, at = a->from;
        for (int i = a->shape.rank - 2; i >= 0; i--) {
            at += rest % a->shape.dim[i] * a->step[i];
            rest /= a->shape.dim[i];
        }
        take(j->x + at * (int64_t)j->size, j->step, j->y + (size_t)(r * j->row) * j->size, j->row,
             j->size);
    }
}

static void strided_run(const ax_call *c)
{
    const ax_strided_attr *a = c->attr;
    int64_t count = ax_shape_count(&a->shape);
    int last = a->shape.rank - 1;
    strided_job j = {a, c->x[0], c->y[0], ax_dtype_size(c->in[0].dtype), 1, 1};
    if (last >= 0) {
        j.row = a->shape.dim[last];
        j.step = a->step[last];
    }
    if (count)
        ax_range(c->pool, count / j.row, 1 + 16384 / j.row, strided_rows, &j);
}

static int strided_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_strided_sum_attr back = {*(const ax_strided_attr *)n->attr, g->val[n->in[0]].desc.shape};
    din[0] = ax_graph_node(g, &ax_op_strided_sum, n->name, &back, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_strided = {
    .name = "strided",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_strided_attr),
    .infer = strided_infer,
    .run = strided_run,
    .grad = strided_grad,
};

/* ---- strided_sum: the way back, where one element was taken more than once a sum ---- */

static int strided_sum_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out,
                             ax_err *err)
{
    (void)n_in;
    const ax_strided_sum_attr *a = attr;
    int64_t count = ax_shape_count_checked(&a->to, sizeof(float), err);
    if (count < 0)
        return -1;
    if (in[0].dtype != AX_F32 || !ax_shape_equal(&in[0].shape, &a->steps.shape))
        return ax_fail(err, AX_ESHAPE, "needs float32 of the shape that the steps are for");
    out[0] = (ax_desc){AX_F32, a->to};
    return check_steps(&a->steps, count, err);
}

/* Axes from the first on whose steps pass over all that the axes behind them reach: indices of
 * those never meet in one element. */
static int axes_apart(const ax_strided_attr *a)
{
    int64_t reach = 0;
    int apart = a->shape.rank;
    for (int i = a->shape.rank - 1; i >= 0; i--) {
        int64_t step = a->step[i] < 0 ? -a->step[i] : a->step[i];
        if (step <= reach && a->shape.dim[i] > 1)
            apart = i;
        reach += step * (a->shape.dim[i] - 1);
    }
    return apart;
}

typedef struct sum_job {
    const ax_strided_attr *a;
    const float *x;
    float *y;
    int apart;               /* axes that jobs are cut along                  */
    int64_t rows, row, step; /* of one index of those; of the last axis   */
} sum_job;

static void sum_parts(void *ctx, int64_t from, int64_t to)
{
    const sum_job *j = ctx;
    const ax_strided_attr *a = j->a;
    for (int64_t r = from * j->rows; r < to * j->rows; r++) {
        int64_t rest = r, at = a->from;
        for (int i = a->shape.rank - 2; i >= 0; i--) {
            at += rest % a->shape.dim[i] * a->step[i];
            rest /= a->shape.dim[i];
        }
        for (int64_t i = 0; i < j->row; i++)
            j->y[at + i * j->step] += j->x[r * j->row + i];
    }
}

static void strided_sum_run(const ax_call *c)
{
    const ax_strided_attr *a = &((const ax_strided_sum_attr *)c->attr)->steps;
    int64_t parts = 1, room = ax_shape_count(&c->out[0].shape), count = ax_shape_count(&a->shape);
    int last = a->shape.rank - 1;
    sum_job j = {a, c->x[0], c->y[0], axes_apart(a), 1, 1, 1};
    if (room)
        memset(j.y, 0, (size_t)room * sizeof *j.y);
    if (!count)
        return;
    if (last >= 0) {
        j.row = a->shape.dim[last];
        j.step = a->step[last];
    }
    for (int i = 0; i < j.apart && i < last; i++)
        parts *= a->shape.dim[i];
    j.rows = count / j.row / parts;
    ax_range(c->pool, parts, 1 + 16384 / (j.rows * j.row), sum_parts, &j);
}

static int strided_sum_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                            ax_err *err)
{
    const ax_strided_sum_attr *a = n->attr;
    din[0] = ax_graph_node(g, &ax_op_strided, n->name, &a->steps, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

static int64_t strided_sum_flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_add(ax_shape_count(&in[0].shape), ax_shape_count(&out[0].shape));
}

const ax_op ax_op_strided_sum = {
    .name = "strided_sum",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_strided_sum_attr),
    .infer = strided_sum_infer,
    .run = strided_sum_run,
    .grad = strided_sum_grad,
    .flops = strided_sum_flops,
};

/* ---- where
 * --------------------------------------------------------------------------------------- */

static int where_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    if (in[0].dtype != AX_BOOL || in[1].dtype != in[2].dtype)
        return ax_fail(err, AX_ETYPE, "%s, %s and %s; expected bool and two of one type",
                       ax_dtype_name(in[0].dtype), ax_dtype_name(in[1].dtype),
                       ax_dtype_name(in[2].dtype));
    if (!ax_shape_equal(&in[0].shape, &in[1].shape) || !ax_shape_equal(&in[1].shape, &in[2].shape))
        return ax_fail(err, AX_ESHAPE, "three shapes that are not the same");
    out[0] = in[1];
    return 0;
}

static void where_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    const uint8_t *yes = c->x[0];
    size_t size = ax_dtype_size(c->out[0].dtype);
    for (int64_t i = from; i < to; i++)
        memcpy((char *)c->y[0] + (size_t)i * size,
               (const char *)c->x[yes[i] ? 1 : 2] + (size_t)i * size, size);
}

static void where_run(const ax_call *c)
{
    ax_range(c->pool, ax_shape_count(&c->out[0].shape), 8192, where_stretch, (void *)(uintptr_t)c);
}

/* dy where the one was taken, 0 where the other. */
static int where_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    static const double zero = 0;
    ax_val v = ax_graph_const(g, g->val[dout[0]].desc.dtype, &(ax_shape){0}, &zero, err);
    if (v >= 0)
        v = ax_graph_node(g, &ax_op_expand_like, n->name, NULL, (ax_val[]){v, dout[0]}, 2, err);
    for (int i = 1; i < 3 && v >= 0; i++) {
        ax_val in[] = {n->in[0], i == 1 ? dout[0] : v, i == 1 ? v : dout[0]};
        if (ax_needs_grad(g, n->in[i]) &&
            (din[i] = ax_graph_node(g, &ax_op_where, n->name, NULL, in, 3, err)) < 0)
            return -1;
    }
    return v < 0 ? -1 : 0;
}

const ax_op ax_op_where = {
    .name = "where",
    .mixed = 1,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = where_infer,
    .run = where_run,
    .grad = where_grad,
};

/* ---- running sums
 * -------------------------------------------------------------------------------- */

static int cumsum_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_cumsum_attr *a = attr;
    if (a->axis < 0 || a->axis >= in[0].shape.rank)
        return ax_fail(err, AX_ERANGE, "there is no axis %d", a->axis);
    if (in[0].dtype == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "running sums of %s", ax_dtype_name(in[0].dtype));
    out[0] = in[0];
    return 0;
}

/* Floats are summed in double, whole numbers wrap. */
static void cumsum_line(const ax_call *c, int64_t at, int64_t n, int64_t step)
{
    const ax_cumsum_attr *a = c->attr;
    ax_dtype t = c->in[0].dtype;
    double real = 0;
    uint64_t whole = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = at + (a->reverse ? n - 1 - k : k) * step;
        double real_before = real;
        uint64_t whole_before = whole;
        if (ax_is_float(t)) {
            real += ax_real_read(t, c->x[0], i);
            ax_real_write(t, c->y[0], i, a->exclusive ? real_before : real);
        } else {
            whole += (uint64_t)ax_whole_read(t, c->x[0], i);
            ax_whole_write(t, c->y[0], i, (int64_t)(a->exclusive ? whole_before : whole));
        }
    }
}

static void cumsum_run(const ax_call *c)
{
    int axis = ((const ax_cumsum_attr *)c->attr)->axis;
    const ax_shape *x = &c->in[0].shape;
    int64_t outer = 1, inner = 1, n = x->dim[axis];
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dim[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            cumsum_line(c, o * n * inner + i, n, inner);
}

/* An element is in all the sums behind it: running sums from the other end. */
static int cumsum_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_cumsum_attr a = *(const ax_cumsum_attr *)n->attr;
    a.reverse = !a.reverse;
    din[0] = ax_graph_node(g, &ax_op_cumsum, n->name, &a, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_cumsum = {
    .name = "cumsum",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_cumsum_attr),
    .infer = cumsum_infer,
    .run = cumsum_run,
    .grad = cumsum_grad,
};

/* ---- padding
 * ------------------------------------------------------------------------------------- */

static int pad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_pad_attr *a = attr;
    out[0] = in[0];
    for (int i = 0; i < in[0].shape.rank; i++) {
        int64_t d = in[0].shape.dim[i], *y = &out[0].shape.dim[i];
        if (__builtin_add_overflow(d, a->before[i], y) ||
            __builtin_add_overflow(*y, a->after[i], y) || *y < 0)
            return ax_fail(err, AX_ERANGE, "axis %d of %lld becomes %lld", i, (long long)d,
                           (long long)*y);
        if (a->mode != AX_PAD_CONSTANT && d == 0 && *y > 0)
            return ax_fail(err, AX_ERANGE, "axis %d is empty, there is nothing to repeat", i);
    }
    return 0;
}

/* Where element i of the padded axis comes from; -1: it is the constant. */
static int64_t source(ax_pad_mode mode, int64_t i, int64_t d)
{
    if (i >= 0 && i < d)
        return i;
    switch (mode) {
    case AX_PAD_REFLECT: { /* to and fro */
        int64_t period = d > 1 ? 2 * (d - 1) : 1, k = (i % period + period) % period;
        return k < d ? k : period - k;
    }
    case AX_PAD_EDGE:
        return i < 0 ? 0 : d - 1;
    case AX_PAD_WRAP:
        return (i % d + d) % d;
    default:
        return -1;
    }
}

static void pad_rows(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    const ax_pad_attr *a = c->attr;
    const ax_shape *x = &c->in[0].shape, *y = &c->out[0].shape;
    size_t size = ax_dtype_size(c->out[0].dtype);
    int last = y->rank - 1;
    int64_t row = y->dim[last];
    for (int64_t r = from; r < to; r++) {
        int64_t rest = r, at = 0, step = x->dim[last], inside = 1;
        for (int i = last - 1; i >= 0; i--) {
            int64_t k = source(a->mode, rest % y->dim[i] - a->before[i], x->dim[i]);
            rest /= y->dim[i];
            inside &= k >= 0;
            at += k * step;
            step *= x->dim[i];
        }
        for (int64_t i = 0; i < row; i++) {
            int64_t k = inside ? source(a->mode, i - a->before[last], x->dim[last]) : -1;
            memcpy((char *)c->y[0] + (size_t)(r * row + i) * size,
                   k < 0 ? (const char *)a->value : (const char *)c->x[0] + (size_t)(at + k) * size,
                   size);
        }
    }
}

static void pad_run(const ax_call *c)
{
    const ax_shape *y = &c->out[0].shape;
    int64_t count = ax_shape_count(y);
    if (y->rank == 0)
        memcpy(c->y[0], c->x[0], ax_dtype_size(c->out[0].dtype));
    else if (count)
        ax_range(c->pool, count / y->dim[y->rank - 1], 1 + 8192 / y->dim[y->rank - 1], pad_rows,
                 (void *)(uintptr_t)c);
}

/* A number around takes no part; what is repeated gets the sum of all places it came to. */
static int pad_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    const ax_pad_attr *a = n->attr;
    ax_pad_attr back = {.mode = a->mode};
    for (int i = 0; i < AX_MAX_RANK; i++) {
        back.before[i] = -a->before[i];
        back.after[i] = -a->after[i];
    }
    const ax_op *op = a->mode == AX_PAD_CONSTANT ? &ax_op_pad : &ax_op_pad_grad;
    din[0] = ax_graph_node(g, op, n->name, &back, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_pad = {
    .name = "pad",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_pad_attr),
    .infer = pad_infer,
    .run = pad_run,
    .grad = pad_grad,
};

/* ---- pad_grad: dy of a padded tensor to dx, by the same numbers with the other sign ---- */

static int pad_grad_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_pad_attr *a = attr;
    out[0] = in[0];
    for (int i = 0; i < in[0].shape.rank; i++)
        if (__builtin_add_overflow(in[0].shape.dim[i], a->before[i], &out[0].shape.dim[i]) ||
            __builtin_add_overflow(out[0].shape.dim[i], a->after[i], &out[0].shape.dim[i]) ||
            out[0].shape.dim[i] < 0)
            return ax_fail(err, AX_ERANGE, "axis %d of %lld becomes %lld", i,
                           (long long)in[0].shape.dim[i], (long long)out[0].shape.dim[i]);
    return in[0].dtype == AX_F32 ? 0 : ax_fail(err, AX_ETYPE, "needs float32");
}

/* Of one index of the first axis dx is a sum over places in other indices of it, so this is one
 * thread's work, in the order of dy. */
static void pad_grad_run(const ax_call *c)
{
    const ax_pad_attr *a = c->attr;
    const ax_shape *x = &c->out[0].shape, *y = &c->in[0].shape;
    const float *dy = c->x[0];
    float *dx = c->y[0];
    int64_t room = ax_shape_count(x), count = ax_shape_count(y);
    if (room)
        memset(dx, 0, (size_t)room * sizeof *dx);
    for (int64_t i = 0; room && i < count; i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int k = y->rank - 1; k >= 0; k--) {
            at += source(a->mode, rest % y->dim[k] + a->before[k], x->dim[k]) * step;
            rest /= y->dim[k];
            step *= x->dim[k];
        }
        dx[at] += dy[i];
    }
}

const ax_op ax_op_pad_grad = {
    .name = "pad_grad",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_pad_attr),
    .infer = pad_grad_infer,
    .run = pad_grad_run,
};

/* ---- lines turned round
 * ------------------------------------------------------------------------------- */

static int reverse_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_reverse_attr *a = attr;
    char s[160], t[160];
    const ax_shape *x = &in[0].shape;
    if (a->time < 0 || a->batch < 0 || a->time >= x->rank || a->batch >= x->rank ||
        a->time == a->batch)
        return ax_fail(err, AX_ERANGE, "time axis %d and batch axis %d of %s", a->time, a->batch,
                       ax_shape_str(x, s, sizeof s));
    if (in[1].shape.rank != 1 || in[1].shape.dim[0] != x->dim[a->batch] ||
        (in[1].dtype != AX_I64 && in[1].dtype != AX_I32))
        return ax_fail(err, AX_ESHAPE, "lengths %s of type %s for %s",
                       ax_shape_str(&in[1].shape, t, sizeof t), ax_dtype_name(in[1].dtype),
                       ax_shape_str(x, s, sizeof s));
    out[0] = in[0];
    return 0;
}

static int64_t length_at(const ax_call *c, int64_t b, int64_t most)
{
    int64_t n = ax_whole_read(c->in[1].dtype, c->x[1], b);
    return n < 0 ? 0 : n > most ? most : n;
}

static void reverse_run(const ax_call *c)
{
    const ax_reverse_attr *a = c->attr;
    const ax_shape *x = &c->in[0].shape;
    size_t size = ax_dtype_size(c->in[0].dtype);
    int last = a->time > a->batch ? a->time : a->batch;
    int64_t step[AX_MAX_RANK], inner = 1, count = ax_shape_count(x);
    for (int i = x->rank - 1; i >= 0; i--) {
        step[i] = i > last ? 0 : inner;
        inner *= x->dim[i];
    }
    inner = step[last];
    for (int64_t i = 0; count && i < count; i += inner) {
        int64_t t = i / step[a->time] % x->dim[a->time],
                n = length_at(c, i / step[a->batch] % x->dim[a->batch], x->dim[a->time]),
                from = t < n ? i + (n - 1 - 2 * t) * step[a->time] : i;
        memcpy((char *)c->y[0] + (size_t)i * size, (const char *)c->x[0] + (size_t)from * size,
               (size_t)inner * size);
    }
}

/* Turned round twice, a line is what it was. */
static int reverse_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] =
        ax_graph_node(g, &ax_op_reverse, n->name, n->attr, (ax_val[]){dout[0], n->in[1]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_reverse = {
    .name = "reverse",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_reverse_attr),
    .infer = reverse_infer,
    .run = reverse_run,
    .grad = reverse_grad,
};
