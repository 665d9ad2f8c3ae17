/* unary.c - functions of one number that are no activations: each is the C library's in double,
 * rounded once. What networks spend their time in is in activation.c. */
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

static const ax_unary_row list[] = {
    {"Abs", 1, 0, fabs},
    {"Neg", 1, 0, negative},
    {"Sign", 1, 0, sign},
    {"Floor", 0, 0, floor},
    {"Ceil", 0, 0, ceil},
    {"Round", 0, 0, rint},
    {"Reciprocal", 0, 0, reciprocal},
    {"Sqrt", 0, 0, sqrt},
    {"Log", 0, 0, log},
    {"Sin", 0, 0, sin},
    {"Cos", 0, 0, cos},
    {"Tan", 0, 0, tan},
    {"Sinh", 0, 0, sinh},
    {"Cosh", 0, 0, cosh},
    {"Asin", 0, 0, asin},
    {"Acos", 0, 0, acos},
    {"Atan", 0, 0, atan},
    {"Asinh", 0, 0, asinh},
    {"Acosh", 0, 0, acosh},
    {"Atanh", 0, 0, atanh},
    {"IsNaN", 0, 1, nan_of},
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

const ax_op ax_op_unary = {
    .name = "unary",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_unary_attr),
    .infer = infer,
    .run = run,
};
