/* reduce.c - sums, extremes, norms and places of extremes over any axes. Each element of the result
 * is one accumulation in the order of memory, whatever else there is in the tensor. */
#include <math.h>
#include <string.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

static int is_place(ax_reduce_kind k)
{
    return k >= AX_REDUCE_ARG_MAX;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_reduce_attr *a = attr;
    const ax_shape *x = &in[0].shape;
    if (in[0].dtype == AX_BOOL && a->kind != AX_REDUCE_MAX && a->kind != AX_REDUCE_MIN)
        return ax_fail(err, AX_ETYPE, "bools, expected numbers");
    if (x->rank < 32 && a->axes >> x->rank)
        return ax_fail(err, AX_ERANGE, "an axis beyond the %d there are", x->rank);
    if (is_place(a->kind) && __builtin_popcount(a->axes) != 1)
        return ax_fail(err, AX_EINVAL, "the place of an extreme is along one axis");
    out[0] = (ax_desc){is_place(a->kind) ? AX_I64 : in[0].dtype, {0}};
    for (int i = 0; i < x->rank; i++) {
        int gone = a->axes >> i & 1;
        if (gone && x->dim[i] == 0 && is_place(a->kind))
            return ax_fail(err, AX_ERANGE, "axis %d is empty, it has no extreme", i);
        if (!gone || a->keep)
            out[0].shape.dim[out[0].shape.rank++] = gone ? 1 : x->dim[i];
    }
    return 0;
}

/* The axes that stay and those that go, with their steps in x. */
typedef struct axes {
    int n;
    int64_t dim[AX_MAX_RANK], step[AX_MAX_RANK], count;
} axes;

typedef struct job {
    const ax_reduce_attr *a;
    ax_dtype dtype;
    const void *x;
    void *y;
    axes stay, go;
} job;

static int64_t offset(const axes *x, int64_t i)
{
    int64_t at = 0;
    for (int k = x->n - 1; k >= 0; k--) {
        at += i % x->dim[k] * x->step[k];
        i /= x->dim[k];
    }
    return at;
}

static double real(const job *j, int64_t i)
{
    return j->dtype == AX_F32 ? (double)((const float *)j->x)[i] : ((const double *)j->x)[i];
}

static int64_t integer(const job *j, int64_t i)
{
    return ax_whole_read(j->dtype, j->x, i);
}

/* As a number whose order int64 keeps: the upper half of uint64 comes as numbers below 0. */
static int64_t in_order(const job *j, int64_t v)
{
    return j->dtype == AX_U64 ? (int64_t)((uint64_t)v ^ (uint64_t)1 << 63) : v;
}

/* ln sum e^x from the largest on, so that nothing overflows */
static double log_sum_exp(const job *j, int64_t base)
{
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < j->go.count; k++) {
        double v = real(j, base + offset(&j->go, k));
        top = v > top || v != v ? v : top;
    }
    if (!isfinite(top))
        return top;
    for (int64_t k = 0; k < j->go.count; k++)
        sum += exp(real(j, base + offset(&j->go, k)) - top);
    return top + log(sum);
}

static double reduce_real(const job *j, int64_t base)
{
    ax_reduce_kind kind = j->a->kind;
    double sum = kind == AX_REDUCE_PROD  ? 1
                 : kind == AX_REDUCE_MAX ? -INFINITY
                 : kind == AX_REDUCE_MIN ? INFINITY
                                         : 0;
    if (kind == AX_REDUCE_LOG_SUM_EXP)
        return log_sum_exp(j, base);
    for (int64_t k = 0; k < j->go.count; k++) {
        double v = real(j, base + offset(&j->go, k));
        switch (kind) {
        case AX_REDUCE_MAX:
            sum = v > sum || v != v ? v : sum;
            break;
        case AX_REDUCE_MIN:
            sum = v < sum || v != v ? v : sum;
            break;
        case AX_REDUCE_PROD:
            sum *= v;
            break;
        case AX_REDUCE_L1:
            sum += fabs(v);
            break;
        case AX_REDUCE_L2:
        case AX_REDUCE_SUM_SQUARE:
            sum += v * v;
            break;
        default:
            sum += v;
        }
    }
    return kind == AX_REDUCE_MEAN      ? sum / (double)j->go.count
           : kind == AX_REDUCE_L2      ? sqrt(sum)
           : kind == AX_REDUCE_LOG_SUM ? log(sum)
                                       : sum;
}

/* Sums wrap; roots and logarithms are cut off. */
static int64_t reduce_integer(const job *j, int64_t base)
{
    ax_reduce_kind kind = j->a->kind;
    uint64_t sum = kind == AX_REDUCE_PROD;
    int64_t extreme = kind == AX_REDUCE_MAX ? INT64_MIN : INT64_MAX;
    double exps = 0;
    for (int64_t k = 0; k < j->go.count; k++) {
        int64_t v = integer(j, base + offset(&j->go, k));
        if (kind == AX_REDUCE_MAX || kind == AX_REDUCE_MIN)
            extreme =
                (kind == AX_REDUCE_MAX) == (in_order(j, v) > extreme) ? in_order(j, v) : extreme;
        else if (kind == AX_REDUCE_PROD)
            sum *= (uint64_t)v;
        else if (kind == AX_REDUCE_LOG_SUM_EXP)
            exps += exp(ax_whole_real(j->dtype, v));
        else
            sum += kind == AX_REDUCE_L2 || kind == AX_REDUCE_SUM_SQUARE ? (uint64_t)v * (uint64_t)v
                   : kind == AX_REDUCE_L1 && v < 0 && ax_is_signed(j->dtype) ? 0 - (uint64_t)v
                                                                             : (uint64_t)v;
    }
    int64_t s = (int64_t)sum, n = j->go.count;
    switch (kind) {
    case AX_REDUCE_MAX:
    case AX_REDUCE_MIN:
        return n                       ? in_order(j, extreme)
               : kind == AX_REDUCE_MAX ? ax_dtype_low(j->dtype)
                                       : (int64_t)ax_dtype_high(j->dtype);
    case AX_REDUCE_MEAN:
        return n == 0 ? 0 : j->dtype == AX_U64 ? (int64_t)(sum / (uint64_t)n) : s / n;
    case AX_REDUCE_L2:
        return ax_whole_of(j->dtype, sqrt(ax_whole_real(j->dtype, s)));
    case AX_REDUCE_LOG_SUM:
        return ax_whole_of(j->dtype, log(ax_whole_real(j->dtype, s)));
    case AX_REDUCE_LOG_SUM_EXP:
        return ax_whole_of(j->dtype, log(exps));
    default:
        return s;
    }
}

/* The first NaN counts as the extreme. */
static int64_t place(const job *j, int64_t base)
{
    int64_t best = 0;
    int max = j->a->kind == AX_REDUCE_ARG_MAX;
    for (int64_t k = 1; k < j->go.count; k++) {
        int64_t at = base + offset(&j->go, k), was = base + offset(&j->go, best);
        if (ax_is_float(j->dtype)) {
            double v = real(j, at), w = real(j, was);
            if (w != w)
                continue;
            best = v != v || (max ? v > w : v < w) || (j->a->last && v == w) ? k : best;
        } else {
            int64_t v = in_order(j, integer(j, at)), w = in_order(j, integer(j, was));
            best = (max ? v > w : v < w) || (j->a->last && v == w) ? k : best;
        }
    }
    return best;
}

static void stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t i = from; i < to; i++) {
        int64_t base = offset(&j->stay, i);
        if (is_place(j->a->kind))
            ((int64_t *)j->y)[i] = place(j, base);
        else if (j->dtype == AX_F32)
            ((float *)j->y)[i] = (float)reduce_real(j, base);
        else if (j->dtype == AX_F64)
            ((double *)j->y)[i] = reduce_real(j, base);
        else
            ax_whole_write(j->dtype, j->y, i, reduce_integer(j, base));
    }
}

/* Which axes of x stay under a, and which go. */
static void split(job *j, const ax_shape *x, unsigned gone)
{
    int64_t step = ax_shape_count(x);
    j->stay.count = j->go.count = 1;
    for (int i = 0; i < x->rank; i++) {
        axes *to = gone >> i & 1 ? &j->go : &j->stay;
        step = x->dim[i] ? step / x->dim[i] : 0;
        to->dim[to->n] = x->dim[i];
        to->step[to->n++] = step;
        to->count *= x->dim[i];
    }
}

static void reduce_all(const ax_call *c, const ax_reduce_attr *a)
{
    job j = {.a = a, .dtype = c->in[0].dtype, .x = c->x[0], .y = c->y[0]};
    split(&j, &c->in[0].shape, a->axes);
    if (j.stay.count)
        ax_range(c->pool, j.stay.count, 1 + 8192 / (j.go.count + 1), stretch, &j);
}

static void run(const ax_call *c)
{
    reduce_all(c, c->attr);
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr, (void)out;
    return ax_shape_count(&in[0].shape);
}

/* ---- the gradient
 * ------------------------------------------------------------------------------------- */

static int dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_desc y[1];
    if (infer(attr, in, n_in - 1, y, err))
        return -1;
    if (!ax_is_float(in[0].dtype) || in[1].dtype != in[0].dtype ||
        ax_shape_count(&y->shape) != ax_shape_count(&in[1].shape) ||
        is_place(((const ax_reduce_attr *)attr)->kind))
        return ax_fail(err, AX_ESHAPE, "not the gradient of a reduction");
    out[0] = in[0];
    return 0;
}

/* What all elements of one reduction share: its value, how many reach it or are 0, the product of
 * those that are not 0. */
typedef struct shared {
    double y, count, product;
} shared;

static shared shared_of(const job *j, int64_t base)
{
    shared s = {reduce_real(j, base), 0, 1};
    ax_reduce_kind kind = j->a->kind;
    for (int64_t k = 0; k < j->go.count; k++) {
        double v = real(j, base + offset(&j->go, k));
        s.count += kind == AX_REDUCE_PROD ? v == 0 : v == s.y;
        s.product *= kind == AX_REDUCE_PROD && v != 0 ? v : 1;
    }
    return s;
}

/* dy/dx at an element of value v. Equal extremes share alike. */
static double slope(ax_reduce_kind kind, const shared *s, double v, int64_t n)
{
    switch (kind) {
    case AX_REDUCE_MEAN:
        return 1 / (double)n;
    case AX_REDUCE_MAX:
    case AX_REDUCE_MIN:
        return v == s->y ? 1 / s->count : 0;
    case AX_REDUCE_PROD:
        return s->count == 0 ? s->product / v : s->count == 1 && v == 0 ? s->product : 0;
    case AX_REDUCE_L1:
        return (v > 0) - (v < 0);
    case AX_REDUCE_L2:
        return s->y == 0 ? 0 : v / s->y;
    case AX_REDUCE_LOG_SUM:
        return 1 / exp(s->y);
    case AX_REDUCE_LOG_SUM_EXP:
        return exp(v - s->y);
    case AX_REDUCE_SUM_SQUARE:
        return 2 * v;
    default:
        return 1;
    }
}

static void dx_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ((void **)ctx)[0];
    const job *j = ((void **)ctx)[1];
    for (int64_t i = from; i < to; i++) {
        int64_t base = offset(&j->stay, i);
        shared s = shared_of(j, base);
        double dy = ax_real_read(j->dtype, c->x[1], i);
        for (int64_t k = 0; k < j->go.count; k++) {
            int64_t at = base + offset(&j->go, k);
            ax_real_write(j->dtype, j->y, at, dy * slope(j->a->kind, &s, real(j, at), j->go.count));
        }
    }
}

static void dx_run(const ax_call *c)
{
    job j = {.a = c->attr, .dtype = c->in[0].dtype, .x = c->x[0], .y = c->y[0]};
    void *ctx[] = {(void *)(uintptr_t)c, &j};
    split(&j, &c->in[0].shape, j.a->axes);
    if (j.stay.count)
        ax_range(c->pool, j.stay.count, 1 + 4096 / (j.go.count + 1), dx_stretch, ctx);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    if (is_place(((const ax_reduce_attr *)n->attr)->kind) ||
        !ax_is_float(g->val[n->in[0]].desc.dtype))
        return 0; /* places, and whole numbers, have no slope */
    din[0] =
        ax_graph_node(g, &ax_op_reduce_dx, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_reduce_dx = {
    .name = "reduce_dx",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_reduce_attr),
    .infer = dx_infer,
    .run = dx_run,
};

/* ---- to the shape of another value, and back
 * ---------------------------------------------------------- */

static int sum_like_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    ax_shape both;
    (void)attr, (void)n_in;
    if (!ax_is_float(in[0].dtype))
        return ax_fail(err, AX_ETYPE, "%s, expected floats", ax_dtype_name(in[0].dtype));
    if (ax_shape_broadcast(&in[0].shape, &in[1].shape, &both, err))
        return -1;
    if (!ax_shape_equal(&both, &in[0].shape))
        return ax_fail(err, AX_ESHAPE, "a sum that is larger than what it is of");
    out[0] = (ax_desc){in[0].dtype, in[1].shape};
    return 0;
}

/* The axes that were repeated: those that t lacks or has one element of. */
static unsigned repeated(const ax_shape *x, const ax_shape *t)
{
    unsigned gone = 0;
    for (int i = 1; i <= x->rank; i++)
        if (i > t->rank || (t->dim[t->rank - i] == 1 && x->dim[x->rank - i] != 1))
            gone |= 1u << (x->rank - i);
    return gone;
}

static void sum_like_run(const ax_call *c)
{
    reduce_all(c, &(ax_reduce_attr){.kind = AX_REDUCE_SUM,
                                    .axes = repeated(&c->in[0].shape, &c->out[0].shape)});
}

/* A sum over nothing is a view. */
static void like_choose(const ax_site *s, ax_choice *c)
{
    c->unread = 1u << 1;
    c->alias = ax_shape_count(&s->in[0].shape) == ax_shape_count(&s->out[0].shape);
}

static int sum_like_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                         ax_err *err)
{
    din[0] =
        ax_graph_node(g, &ax_op_expand_like, n->name, NULL, (ax_val[]){dout[0], n->in[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_sum_like = {
    .name = "sum_like",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = sum_like_infer,
    .run = sum_like_run,
    .choose = like_choose,
    .grad = sum_like_grad,
};

static int expand_like_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out,
                             ax_err *err)
{
    (void)attr, (void)n_in;
    out[0].dtype = in[0].dtype;
    if (ax_shape_broadcast(&in[0].shape, &in[1].shape, &out[0].shape, err))
        return -1;
    if (!ax_shape_equal(&out[0].shape, &in[1].shape))
        return ax_fail(err, AX_ESHAPE, "repeated to a shape that is smaller");
    return 0;
}

static void expand_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    const ax_shape *x = &c->in[0].shape, *y = &c->out[0].shape;
    size_t size = ax_dtype_size(c->out[0].dtype);
    for (int64_t i = from; i < to; i++) {
        int64_t at = 0, step = 1, rest = i;
        for (int k = 1; k <= x->rank; k++) {
            int64_t d = x->dim[x->rank - k];
            at += d == 1 ? 0 : rest % y->dim[y->rank - k] * step;
            rest /= y->dim[y->rank - k];
            step *= d;
        }
        memcpy((char *)c->y[0] + (size_t)i * size, (const char *)c->x[0] + (size_t)at * size, size);
    }
}

static void expand_like_run(const ax_call *c)
{
    ax_range(c->pool, ax_shape_count(&c->out[0].shape), 8192, expand_stretch, (void *)(uintptr_t)c);
}

static int expand_like_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din,
                            ax_err *err)
{
    din[0] =
        ax_graph_node(g, &ax_op_sum_like, n->name, NULL, (ax_val[]){dout[0], n->in[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_expand_like = {
    .name = "expand_like",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = expand_like_infer,
    .run = expand_like_run,
    .choose = like_choose,
    .grad = expand_like_grad,
};

const ax_op ax_op_reduce = {
    .name = "reduce",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_reduce_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
    .flops = flops,
};
