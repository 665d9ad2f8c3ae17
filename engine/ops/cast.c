/* cast.c - the type of numbers, and their precision. */
#include <math.h>

#include "base/range.h"
#include "math/element.h"
#include "ops/ops.h"

static int cast_infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_cast_attr *a = attr;
    if (a->precision && !ax_is_float(a->to))
        return ax_fail(err, AX_ETYPE, "a precision of %s, floats have one", ax_dtype_name(a->to));
    out[0] = (ax_desc){a->to, in[0].shape};
    return 0;
}

/* A number as a float or a whole one, by its type. */
typedef struct number {
    ax_dtype type;
    double f;
    int64_t i;
} number;

static number read_number(const void *x, ax_dtype t, int64_t i)
{
    if (ax_is_float(t))
        return (number){t, ax_real_read(t, x, i), 0};
    return (number){t, 0, ax_whole_read(t, x, i)};
}

/* Whole numbers wrap into a narrower type, floats are cut off and clamped. */
static void write_number(void *y, ax_dtype t, int64_t i, number v)
{
    int real = ax_is_float(v.type);
    if (t == AX_F64)
        ((double *)y)[i] = real ? v.f : ax_whole_real(v.type, v.i);
    else if (t == AX_F32)
        ((float *)y)[i] = real ? (float)v.f : v.type == AX_U64 ? (float)(uint64_t)v.i : (float)v.i;
    else if (t == AX_BOOL && real)
        ((uint8_t *)y)[i] = v.f != 0;
    else
        ax_whole_write(t, y, i, real ? ax_whole_of(t, v.f) : v.i);
}

/* The nearest number of p binary digits, to even on ties, whose last digit is worth 2^least at the
 * least; infinite from above `most`. */
static double rounded(double v, int p, int least, double most)
{
    if (v == 0 || !isfinite(v))
        return v;
    int last = ilogb(v) - (p - 1);
    last = last < least ? least : last;
    double y = ldexp(rint(ldexp(v, -last)), last);
    return fabs(y) > most ? copysign(INFINITY, v) : y;
}

double ax_precision_round(ax_precision p, double v)
{
    return p == AX_HALF     ? rounded(v, 11, -24, 65504)
           : p == AX_BFLOAT ? rounded(v, 8, -133, 0x1.fep127)
                            : v;
}

static void cast_stretch(void *ctx, int64_t from, int64_t to)
{
    const ax_call *c = ctx;
    ax_precision p = ((const ax_cast_attr *)c->attr)->precision;
    ax_dtype t = c->in[0].dtype, type = c->out[0].dtype;
    for (int64_t i = from; i < to; i++)
        if (p)
            ax_real_write(type, c->y[0], i, ax_precision_round(p, ax_real_read(t, c->x[0], i)));
        else
            write_number(c->y[0], type, i, read_number(c->x[0], t, i));
}

static void cast_run(const ax_call *c)
{
    ax_range(c->pool, ax_shape_count(&c->in[0].shape), 8192, cast_stretch, (void *)(uintptr_t)c);
}

static int cast_grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    ax_dtype t = g->val[n->in[0]].desc.dtype;
    if (!ax_is_float(t) || !ax_is_float(((const ax_cast_attr *)n->attr)->to))
        return 0; /* steps have no slope */
    din[0] = ax_graph_node(g, &ax_op_cast, n->name, &(ax_cast_attr){.to = t}, dout, 1, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_cast = {
    .name = "cast",
    .mixed = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .attr_size = sizeof(ax_cast_attr),
    .infer = cast_infer,
    .run = cast_run,
    .grad = cast_grad,
};
