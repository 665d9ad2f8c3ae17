/* onnx_ops_norm.c - normalisation: by statistics of a batch, of channels, of groups, of rows; see
 * onnx_op.h. */
#include "io/onnx_op.h"

static double epsilon_of(onnx_site *s, float otherwise)
{
    return (double)onnx_float_or(s, "epsilon", otherwise);
}

static int wanted(const onnx_site *s, int output)
{
    return s->n_out > output && *s->n->out[output];
}

/* ---- batch ---- */

/* Inputs as the op wants them: channels on axis 1, parameters in one row. Before opset 9 each pixel
 * may be a channel; a vector is one channel. */
static int batch_inputs(onnx_site *s, ax_onnx_value *in)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int per_pixel = s->opset < 9 && !onnx_int_or(s, "spatial", 1);
    in[0] = *s->in[0];
    if (x->rank < 2 && onnx_reshaped(s, s->in[0], &AX_SHAPE(ax_shape_count(x), 1), &in[0]))
        return -1;
    if (per_pixel && x->rank > 2) {
        int64_t count = ax_shape_count(x), n = x->dim[0];
        if (onnx_reshaped(s, s->in[0], &AX_SHAPE(n, n ? count / n : 0), &in[0]))
            return -1;
    }
    for (int i = 1; i < 5; i++)
        if (onnx_reshaped(s, s->in[i], &AX_SHAPE(ax_shape_count(&s->in[i]->desc.shape)), &in[i]))
            return -1;
    return 0;
}

/* before * momentum + now * (1 - momentum) */
static int moved(onnx_site *s, ax_onnx_value *before, ax_onnx_value *now, float momentum,
                 ax_onnx_value *out)
{
    ax_onnx_value keep = {.name = ""}, take = {.name = ""}, a = {.name = ""}, b = {.name = ""};
    return onnx_number(s, momentum, &keep) || onnx_number(s, 1 - momentum, &take) ||
                   onnx_pair(s, AX_BINARY_MUL, before, &keep, &a) ||
                   onnx_pair(s, AX_BINARY_MUL, now, &take, &b) ||
                   onnx_pair(s, AX_BINARY_ADD, &a, &b, out)
               ? -1
               : 0;
}

/* Outputs behind y: running mean and variance and, before opset 14, the batch's own. */
static int batch_norm_training(onnx_site *s, ax_onnx_value *v, const ax_norm_attr *a,
                               ax_onnx_value *y)
{
    ax_onnx_value made[AX_MAX_OUT] = {{.name = ""}}, *in[] = {&v[0], &v[1], &v[2]};
    float momentum = onnx_float_or(s, "momentum", 0.9f);
    if (onnx_apply(s, &ax_op_batch_norm_train, a, in, 3, made))
        return -1;
    *y = made[0];
    for (int i = 1; i < s->n_out; i++) {
        if (!wanted(s, i))
            continue;
        if (i >= 3)
            s->out[i] = made[i - 2];
        else if (moved(s, &v[2 + i], &made[i], momentum, &s->out[i]))
            return -1;
        if (onnx_reshaped(s, &s->out[i], &s->in[3]->desc.shape, &s->out[i]))
            return -1;
    }
    return 0;
}

/* Training is said by is_test before opset 7, from 14 on by training_mode, in between by outputs.
 */
static int in_training(onnx_site *s, int extra)
{
    if (s->opset < 7)
        return !onnx_int_or(s, "is_test", 0);
    return s->opset < 14 ? extra : onnx_int_or(s, "training_mode", 0) != 0;
}

static int batch_norm(onnx_site *s)
{
    ax_norm_attr a = {.epsilon = epsilon_of(s, 1e-5f)};
    ax_onnx_value v[5] = {{.name = ""}}, y = {.name = ""};
    ax_onnx_value *in[] = {&v[0], &v[1], &v[2], &v[3], &v[4]};
    int extra = 0;
    for (int i = 1; i < s->n_out; i++)
        extra |= wanted(s, i);
    int training = in_training(s, extra);
    if (extra && !training)
        return ax_fail(s->err, AX_EINVAL, "statistics are made in training mode only");
    if (batch_inputs(s, v) || (training ? batch_norm_training(s, v, &a, &y)
                                        : onnx_apply(s, &ax_op_batch_norm, &a, in, 5, &y)))
        return -1;
    if (!ax_shape_equal(&y.desc.shape, &s->in[0]->desc.shape))
        return onnx_reshaped(s, &y, &s->in[0]->desc.shape, &s->out[0]);
    s->out[0] = y;
    return 0;
}

/* ---- channels ---- */

static int lrn(onnx_site *s)
{
    ax_lrn_attr a = {.size = onnx_int_or(s, "size", 0),
                     .alpha = (double)onnx_float_or(s, "alpha", 1e-4f),
                     .beta = (double)onnx_float_or(s, "beta", 0.75f),
                     .bias = (double)onnx_float_or(s, "bias", 1)};
    return onnx_apply(s, &ax_op_lrn, &a, s->in, 1, &s->out[0]);
}

static int instance_norm(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    ax_group_norm_attr a = {epsilon_of(s, 1e-5f), x->rank > 1 ? x->dim[1] : 0};
    return onnx_apply(s, &ax_op_group_norm, &a, s->in, 3, &s->out[0]);
}

/* A number per group as one per channel. */
static int per_channel(onnx_site *s, ax_onnx_value *x, int64_t groups, int64_t channels,
                       ax_onnx_value *out)
{
    ax_onnx_value column = {.name = ""}, all = {.name = ""};
    return onnx_reshaped(s, x, &AX_SHAPE(groups, 1), &column) ||
                   onnx_expanded(s, &column, &AX_SHAPE(groups, channels / groups), &all) ||
                   onnx_reshaped(s, &all, &AX_SHAPE(channels), out)
               ? -1
               : 0;
}

/* Opset 18 has a factor and a summand for each group, 21 for each channel. */
static int group_norm(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    ax_group_norm_attr a = {epsilon_of(s, 1e-5f), onnx_int_or(s, "num_groups", 0)};
    ax_onnx_value gamma = *s->in[1], beta = *s->in[2], *in[] = {s->in[0], &gamma, &beta};
    if (x->rank < 2 || a.groups < 1 || x->dim[1] % a.groups)
        return ax_fail(s->err, AX_ERANGE, "num_groups is %lld for %lld channels",
                       (long long)a.groups, (long long)(x->rank < 2 ? 0 : x->dim[1]));
    if (s->opset < 21 && (per_channel(s, s->in[1], a.groups, x->dim[1], &gamma) ||
                          per_channel(s, s->in[2], a.groups, x->dim[1], &beta)))
        return -1;
    return onnx_apply(s, &ax_op_group_norm, &a, in, 3, &s->out[0]);
}

/* ---- rows ---- */

/* A parameter repeated to the axes from `axis` on, in one row; NULL: there is none. */
static int row_parameter(onnx_site *s, int i, const ax_shape *tail, ax_onnx_value *out)
{
    ax_onnx_value whole = {.name = ""};
    int64_t n = ax_shape_count(tail);
    return onnx_expanded(s, s->in[i], tail, &whole) || onnx_reshaped(s, &whole, &AX_SHAPE(n), out)
               ? -1
               : 0;
}

/* All axes from `axis` on are one row. */
typedef struct rows {
    ax_onnx_value x;
    ax_shape tail, outer; /* the axes of a row; x's shape with 1 in their place */
} rows;

static int rows_of(onnx_site *s, rows *r)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    int axis = onnx_axis(s, onnx_int_or(s, "axis", -1), x->rank);
    int64_t count = 1;
    if (axis < 0)
        return -1;
    r->tail = (ax_shape){0};
    r->outer = *x;
    for (int i = 0; i < axis; i++)
        count = ax_count_mul(count, x->dim[i]);
    for (int i = axis; i < x->rank; i++) {
        r->tail.dim[r->tail.rank++] = x->dim[i];
        r->outer.dim[i] = 1;
    }
    if (ax_shape_count_checked(&r->tail, sizeof(float), s->err) < 0)
        return -1;
    return onnx_reshaped(s, s->in[0], &AX_SHAPE(count, ax_shape_count(&r->tail)), &r->x);
}

static int row_norm(onnx_site *s, const rows *r, const ax_norm_attr *a)
{
    ax_onnx_value x = r->x, gamma = {.name = ""}, beta = {.name = ""}, y = {.name = ""};
    ax_onnx_value *in[] = {&x, &gamma, &beta};
    int has_beta = s->n_in > 2 && s->in[2];
    if (row_parameter(s, 1, &r->tail, &gamma) ||
        (has_beta && row_parameter(s, 2, &r->tail, &beta)) ||
        onnx_apply(s, &ax_op_layer_norm, a, in, 2 + has_beta, &y))
        return -1;
    return onnx_reshaped(s, &y, &s->in[0]->desc.shape, &s->out[0]);
}

static int layer_norm(onnx_site *s)
{
    ax_norm_attr a = {.epsilon = epsilon_of(s, 1e-5f), .axis = -1};
    rows r = {.x.name = ""};
    ax_onnx_value made[AX_MAX_OUT] = {{.name = ""}}, *in = &r.x;
    if (onnx_int_or(s, "stash_type", 1) != 1)
        return ax_fail(s->err, AX_EUNSUPPORTED, "statistics of type %lld, float32 (1) is taken",
                       (long long)onnx_int_or(s, "stash_type", 1));
    if (rows_of(s, &r) || row_norm(s, &r, &a))
        return -1;
    if (!wanted(s, 1) && !wanted(s, 2))
        return 0;
    return onnx_apply(s, &ax_op_row_stats, &a, &in, 1, made) ||
                   onnx_reshaped(s, &made[0], &r.outer, &s->out[1]) ||
                   onnx_reshaped(s, &made[1], &r.outer, &s->out[2])
               ? -1
               : 0;
}

static int rms_norm(onnx_site *s)
{
    ax_norm_attr a = {.epsilon = epsilon_of(s, 1e-5f), .axis = -1, .rms = 1};
    rows r = {.x.name = ""};
    return rows_of(s, &r) || row_norm(s, &r, &a) ? -1 : 0;
}

/* x / |x|, where a row of zeros stays one: it is divided by the smallest number there is. */
static int lp_norm(onnx_site *s)
{
    int axis = onnx_axis(s, onnx_int_or(s, "axis", -1), s->in[0]->desc.shape.rank);
    int64_t p = onnx_int_or(s, "p", 2);
    ax_onnx_value norm = {.name = ""}, least = {.name = ""}, by = {.name = ""};
    if (axis < 0)
        return -1;
    if (p != 1 && p != 2)
        return ax_fail(s->err, AX_ERANGE, "p is %lld, expected 1 or 2", (long long)p);
    ax_reduce_attr a = {p == 1 ? AX_REDUCE_L1 : AX_REDUCE_L2, 1u << axis, 1, 0};
    return onnx_apply(s, &ax_op_reduce, &a, s->in, 1, &norm) || onnx_number(s, 0x1p-149f, &least) ||
                   onnx_pair(s, AX_BINARY_MAX, &norm, &least, &by) ||
                   onnx_pair(s, AX_BINARY_DIV, s->in[0], &by, &s->out[0])
               ? -1
               : 0;
}

static int axes_mask(onnx_site *s, unsigned *mask)
{
    const int64_t usual[] = {0, 2, 3}, *axes = usual;
    int64_t n = 3;
    if (onnx_attr(s, "axes") && onnx_list(s, "axes", 0, &axes, &n))
        return -1;
    *mask = 0;
    for (int64_t i = 0; i < n; i++) {
        int axis = onnx_axis(s, axes[i], s->in[0]->desc.shape.rank);
        if (axis < 0)
            return -1;
        *mask |= 1u << axis;
    }
    return 0;
}

/* (x - mean) / (sqrt(variance) + 1e-9), as the function of the standard says */
static int mean_variance_norm(onnx_site *s)
{
    ax_reduce_attr a = {AX_REDUCE_MEAN, 0, 1, 0};
    ax_unary_attr root = {ax_unary_find("Sqrt")};
    ax_onnx_value mean = {.name = ""}, d = {.name = ""}, square = {.name = ""}, var = {.name = ""};
    ax_onnx_value std = {.name = ""}, tiny = {.name = ""}, by = {.name = ""};
    ax_onnx_value *squares = &square, *variance = &var;
    return axes_mask(s, &a.axes) || onnx_apply(s, &ax_op_reduce, &a, s->in, 1, &mean) ||
                   onnx_pair(s, AX_BINARY_SUB, s->in[0], &mean, &d) ||
                   onnx_pair(s, AX_BINARY_MUL, &d, &d, &square) ||
                   onnx_apply(s, &ax_op_reduce, &a, &squares, 1, &var) ||
                   onnx_apply(s, &ax_op_unary, &root, &variance, 1, &std) ||
                   onnx_number(s, 1e-9f, &tiny) || onnx_pair(s, AX_BINARY_ADD, &std, &tiny, &by) ||
                   onnx_pair(s, AX_BINARY_DIV, &d, &by, &s->out[0])
               ? -1
               : 0;
}

// clang-format off
const onnx_row onnx_rows_norm[] = {
    {"BatchNormalization", 6, 5, 5, "epsilon is_test momentum spatial", batch_norm, 1},
    {"BatchNormalization", 7, 5, 5, "epsilon momentum spatial training_mode", batch_norm, 1},
    {"LRN", 1, 1, 1, "alpha beta bias size", lrn, 1},
    {"InstanceNormalization", 6, 3, 3, "epsilon", instance_norm, 1},
    {"GroupNormalization", 18, 3, 3, "epsilon num_groups stash_type", group_norm, 1},
    {"LayerNormalization", 17, 2, 3, "axis epsilon stash_type", layer_norm, 1},
    {"RMSNormalization", 23, 2, 2, "axis epsilon stash_type", rms_norm, 1},
    {"LpNormalization", 1, 1, 1, "axis p", lp_norm, 1},
    {"MeanVarianceNormalization", 9, 1, 1, "axes", mean_variance_norm, 1},
    {0},
};
// clang-format on
