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
    if (in[0].dtype == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "bools, expected numbers");
    if (x->rank < 32 && a->axes >> x->rank)
        return ax_fail(err, AX_ERANGE, "an axis beyond the %d there are", x->rank);
    if (is_place(a->kind) && __builtin_popcount(a->axes) != 1)
        return ax_fail(err, AX_EINVAL, "the place of an extreme is along one axis");
    out[0] = (ax_desc){is_place(a->kind) ? AX_I64 : in[0].dtype, {0}};
    for (int i = 0; i < x->rank; i++) {
        int gone = a->axes >> i & 1;
        if (gone && x->dim[i] == 0 &&
            (a->kind == AX_REDUCE_MAX || a->kind == AX_REDUCE_MIN || is_place(a->kind)))
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
        return in_order(j, extreme);
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

static void run(const ax_call *c)
{
    const ax_shape *x = &c->in[0].shape;
    job j = {.a = c->attr,
             .dtype = c->in[0].dtype,
             .x = c->x[0],
             .y = c->y[0],
             .stay.count = 1,
             .go.count = 1};
    int64_t step = ax_shape_count(x);
    for (int i = 0; i < x->rank; i++) {
        axes *to = j.a->axes >> i & 1 ? &j.go : &j.stay;
        step = x->dim[i] ? step / x->dim[i] : 0;
        to->dim[to->n] = x->dim[i];
        to->step[to->n++] = step;
        to->count *= x->dim[i];
    }
    if (j.stay.count)
        ax_range(c->pool, j.stay.count, 1 + 8192 / (j.go.count + 1), stretch, &j);
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr, (void)out;
    return ax_shape_count(&in[0].shape);
}

const ax_op ax_op_reduce = {
    .name = "reduce",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_reduce_attr),
    .infer = infer,
    .run = run,
    .flops = flops,
};
