/* unary.c - functions of one number that are no activations: each is the C library's in double,
 * rounded once. What networks spend their time in is in activation.c; of doubles it is here, too.
 */
#include <math.h>
#include <string.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

static double negative(double x)
{
    return -x;
}

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double reciprocal(double x)
{
    return 1 / x;
}

static double nan_of(double x)
{
    return x != x;
}

#define SLOPE(name, formula)                                                                       \
    static double name##_slope(double x)                                                           \
    {                                                                                              \
        return formula;                                                                            \
    }
SLOPE(negative, ((void)x, -1))
SLOPE(reciprocal, -1 / (x * x))
SLOPE(sqrt, 0.5 / sqrt(x))
SLOPE(cos, -sin(x))
SLOPE(tan, 1 / (cos(x) * cos(x)))
SLOPE(asin, 1 / sqrt((1 - x) * (1 + x)))
SLOPE(acos, -1 / sqrt((1 - x) * (1 + x)))
SLOPE(atan, 1 / (1 + x * x))
SLOPE(asinh, 1 / sqrt(x * x + 1))
SLOPE(acosh, 1 / sqrt((x - 1) * (x + 1)))
SLOPE(atanh, 1 / ((1 - x) * (1 + x)))
SLOPE(tanh, 1 / (cosh(x) * cosh(x)))

static const ax_unary_row list[] = {
    {"Abs", 1, 0, fabs, sign},
    {"Neg", 1, 0, negative, negative_slope},
    {"Sign", 1, 0, sign, NULL},
    {"Floor", 0, 0, floor, NULL},
    {"Ceil", 0, 0, ceil, NULL},
    {"Round", 0, 0, rint, NULL},
    {"Reciprocal", 0, 0, reciprocal, reciprocal_slope},
    {"Sqrt", 0, 0, sqrt, sqrt_slope},
    {"Log", 0, 0, log, reciprocal},
    {"Sin", 0, 0, sin, cos},
    {"Cos", 0, 0, cos, cos_slope},
    {"Tan", 0, 0, tan, tan_slope},
    {"Sinh", 0, 0, sinh, cosh},
    {"Cosh", 0, 0, cosh, sinh},
    {"Asin", 0, 0, asin, asin_slope},
    {"Acos", 0, 0, acos, acos_slope},
    {"Atan", 0, 0, atan, atan_slope},
    {"Asinh", 0, 0, asinh, asinh_slope},
    {"Acosh", 0, 0, acosh, acosh_slope},
    {"Atanh", 0, 0, atanh, atanh_slope},
    {"Exp", 0, 0, exp, exp},
    {"Tanh", 0, 0, tanh, tanh_slope},
    {"IsNaN", 0, 1, nan_of, NULL},
};

const ax_unary_row *ax_unary_find(const char *name)
{
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!strcmp(list[i].name, name))
            return &list[i];
    return NULL;
}

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_unary_row *row = ((const ax_unary_attr *)attr)->row;
    ax_dtype t = in[0].dtype;
    if (t == AX_BOOL || (!row->whole && !ax_is_float(t)))
        return ax_fail(err, AX_ETYPE, "%s of %s; it takes %s", row->name, ax_dtype_name(t),
                       row->whole ? "numbers" : "float32 and float64");
    out[0] = in[0];
    if (row->to_bool)
        out[0].dtype = AX_BOOL;
    return 0;
}

typedef struct job {
    const ax_call *c;
    const ax_unary_row *row;
} job;

/* Of whole numbers there are Abs, Neg, Sign; all but the first by wrapping. */
static int64_t whole(const ax_unary_row *row, ax_dtype t, int64_t x)
{
    int below = ax_is_signed(t) && x < 0;
    if (row->f == sign)
        return below ? -1 : x != 0;
    return row->f == negative || below ? (int64_t)(0 - (uint64_t)x) : x;
}

static void stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    const void *x = j->c->x[0];
    void *y = j->c->y[0];
    double (*f)(double) = j->row->f;
    ax_dtype t = j->c->in[0].dtype;
    for (int64_t i = from; i < to; i++)
        switch (t) {
        case AX_F32:
            if (j->row->to_bool)
                ((uint8_t *)y)[i] = f((double)((const float *)x)[i]) != 0;
            else
                ((float *)y)[i] = (float)f((double)((const float *)x)[i]);
            break;
        case AX_F64:
            if (j->row->to_bool)
                ((uint8_t *)y)[i] = f(((const double *)x)[i]) != 0;
            else
                ((double *)y)[i] = f(((const double *)x)[i]);
            break;
        default:
            ax_whole_write(t, y, i, whole(j->row, t, ax_whole_read(t, x, i)));
        }
}

static void run(const ax_call *c)
{
    job j = {c, ((const ax_unary_attr *)c->attr)->row};
    ax_range(c->pool, ax_shape_count(&c->in[0].shape), 2048, stretch, &j);
}

static int dx_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_unary_row *row = ((const ax_unary_attr *)attr)->row;
    if (!row->slope || !ax_is_float(in[0].dtype) || in[1].dtype != in[0].dtype ||
        !ax_shape_equal(&in[0].shape, &in[1].shape))
        return ax_fail(err, AX_EINVAL, "not the gradient of %s", row->name);
    out[0] = in[0];
    return 0;
}

static void dx_stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    ax_dtype t = j->c->in[0].dtype;
    for (int64_t i = from; i < to; i++)
        ax_real_write(t, j->c->y[0], i,
                      ax_real_read(t, j->c->x[1], i) *
                          j->row->slope(ax_real_read(t, j->c->x[0], i)));
}

static void dx_run(const ax_call *c)
{
    job j = {c, ((const ax_unary_attr *)c->attr)->row};
    ax_range(c->pool, ax_shape_count(&c->in[0].shape), 2048, dx_stretch, &j);
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    if (!((const ax_unary_attr *)n->attr)->row->slope)
        return 0;
    din[0] =
        ax_graph_node(g, &ax_op_unary_dx, n->name, n->attr, (ax_val[]){n->in[0], dout[0]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_unary_dx = {
    .name = "unary_dx",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_unary_attr),
    .infer = dx_infer,
    .run = dx_run,
};

const ax_op ax_op_unary = {
    .name = "unary",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_unary_attr),
    .infer = infer,
    .run = run,
    .grad = grad,
};
