/* layers.c - the layer types, one row each: how a layer of the spec becomes nodes.
 *
 * Names and arguments follow Keras in snake_case, shapes are channels first and leave the batch
 * out. A builder checks what the ops cannot: the JSON fields and their bounds. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "io/net_build.h"

enum { MAX_UNITS = 1 << 24, MAX_WINDOW = 4096 };

static const ax_shape *shape_of(const ax_builder *b, ax_val v)
{
    return &b->g->val[v].desc.shape;
}

static int want_rank(ax_builder *b, ax_val v, int rank, const char *what)
{
    ax_shape s = ax_build_sample_shape(b, v);
    char text[160];
    if (s.rank == rank - 1)
        return 0;
    ax_fail(b->err, AX_ESHAPE, "'%s' needs %s, but its input has shape %s", b->layer, what,
            ax_shape_str(&s, text, sizeof text));
    return ax_err_hint(b->err, rank == 2 ? "put a flatten layer before it" : "reshape the input first");
}

static ax_val node(ax_builder *b, const ax_op *op, const void *attr, const ax_val *in, int n)
{
    return ax_graph_node(b->g, op, b->layer, attr, in, n, b->err);
}

static int positive(ax_builder *b, const cJSON *spec, const char *key, int64_t max, int64_t *out)
{
    if (!cJSON_GetObjectItemCaseSensitive(spec, key)) {
        ax_fail(b->err, AX_EINVAL, "'%s' needs \"%s\"", b->layer, key);
        return ax_err_in(b->err, "%s", key);
    }
    return ax_json_int(spec, key, 0, 1, max, out, b->err);
}

/* 3 or [3, 5] */
static int pair(ax_builder *b, const cJSON *spec, const char *key, int def, int out[2])
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(spec, key);
    out[0] = out[1] = def;
    if (!v && def > 0)
        return 0;
    const cJSON *e[2] = {v, v};
    if (cJSON_IsArray(v) && cJSON_GetArraySize(v) == 2) {
        e[0] = v->child;
        e[1] = v->child->next;
    }
    for (int i = 0; i < 2; i++) {
        if (!cJSON_IsNumber(e[i]) || e[i]->valuedouble < 1 || e[i]->valuedouble > MAX_WINDOW ||
            e[i]->valuedouble != floor(e[i]->valuedouble)) {
            ax_fail(b->err, AX_EINVAL, "'%s' needs \"%s\": a number from 1 to %d, or two of them",
                    b->layer, key, MAX_WINDOW);
            return ax_err_in(b->err, "%s", key);
        }
        out[i] = (int)e[i]->valuedouble;
    }
    return 0;
}

/* The same for a sequence: one number, which is the second of the pair. */
static int single(ax_builder *b, const cJSON *spec, const char *key, int def, int out[2])
{
    if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(spec, key))) {
        ax_fail(b->err, AX_EINVAL, "'%s' needs \"%s\": a number from 1 to %d", b->layer, key, MAX_WINDOW);
        return ax_err_in(b->err, "%s", key);
    }
    if (pair(b, spec, key, def, out))
        return -1;
    out[0] = 1;
    return 0;
}

/* Keras' "same": as many outputs as ceil(in / stride), the odd pixel at the end. */
static void same_padding(int64_t in, int kernel, int stride, int dilation, int *before, int *after)
{
    int64_t out = (in + stride - 1) / stride;
    int64_t total = (out - 1) * stride + (int64_t)(kernel - 1) * dilation + 1 - in;
    if (total < 0)
        total = 0;
    *before = (int)(total / 2);
    *after = (int)(total - total / 2);
}

/* "valid", "same", 1, [h,w] or [top,left,bottom,right]; pad is top, left, bottom, right */
static int padding(ax_builder *b, const cJSON *spec, const int64_t *hw, const int k[2], const int s[2],
                   const int d[2], int pad[4])
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(spec, "padding");
    memset(pad, 0, 4 * sizeof *pad);
    if (!v || (cJSON_IsString(v) && !strcmp(v->valuestring, "valid")))
        return 0;
    if (cJSON_IsString(v) && !strcmp(v->valuestring, "same")) {
        same_padding(hw[0], k[0], s[0], d[0], &pad[0], &pad[2]);
        same_padding(hw[1], k[1], s[1], d[1], &pad[1], &pad[3]);
        return 0;
    }
    int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 1, value[4] = {0};
    const cJSON *e = cJSON_IsArray(v) ? v->child : v;
    for (int i = 0; i < n && i < 4 && e; i++, e = cJSON_IsArray(v) ? e->next : NULL) {
        if (!cJSON_IsNumber(e) || e->valuedouble < 0 || e->valuedouble > MAX_WINDOW ||
            e->valuedouble != floor(e->valuedouble))
            n = 0;
        else
            value[i] = (int)e->valuedouble;
    }
    if (n != 1 && n != 2 && n != 4) {
        ax_fail(b->err, AX_EINVAL,
                "'%s': padding must be \"valid\", \"same\", a number, [height, width] or "
                "[top, left, bottom, right]", b->layer);
        return ax_err_in(b->err, "padding");
    }
    for (int i = 0; i < 4; i++)
        pad[i] = value[n == 1 ? 0 : n == 2 ? i % 2 : i];
    return 0;
}

static int kernel_and_bias(ax_builder *b, const cJSON *spec, const ax_shape *w, int64_t fan_in,
                           int64_t fan_out, ax_val in[3])
{
    int use_bias;
    const char *init;
    if (ax_json_bool(spec, "use_bias", 1, &use_bias, b->err) ||
        ax_json_str(spec, "kernel_initializer", "auto", &init, b->err))
        return -1;
    ax_init how = {.initializer = init, .gain = b->gain, .fan_in = fan_in, .fan_out = fan_out};
    in[1] = ax_build_param(b, "kernel", w, 1, how);
    in[2] = AX_NONE;
    if (in[1] < 0 || ax_build_kernel_penalty(b, spec, "kernel_regularizer", in[1]))
        return -1;
    if (use_bias) {
        in[2] = ax_build_param(b, "bias", &AX_SHAPE(w->dim[0]), 1, (ax_init){.initializer = "constant"});
        if (in[2] < 0)
            return -1;
    }
    return 0;
}

static int build_dense(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t units, k;
    const ax_shape *x = shape_of(b, in[0]);
    if (positive(b, spec, "units", MAX_UNITS, &units))
        return -1;
    k = x->dim[x->rank - 1];
    ax_val args[3] = {in[0]};
    if (kernel_and_bias(b, spec, &AX_SHAPE(units, k), k, units, args))
        return -1;
    *out = node(b, &ax_op_dense, &(ax_fused_attr){0}, args, 3);
    return *out < 0 ? -1 : 0;
}

/* fields shared by the convolutions, on a picture of height hw[0] and width hw[1] */
static int conv_attr(ax_builder *b, const cJSON *spec, const int64_t *hw, int k[2], ax_conv2d_attr *a)
{
    return pair(b, spec, "kernel_size", 0, k) || pair(b, spec, "strides", 1, a->stride) ||
           pair(b, spec, "dilation_rate", 1, a->dilation) ||
           padding(b, spec, hw, k, a->stride, a->dilation, a->pad);
}

static int conv(ax_builder *b, const cJSON *spec, ax_val x, int64_t filters, const int k[2],
                const ax_conv2d_attr *a, ax_val *out)
{
    int64_t c = shape_of(b, x)->dim[1], per_group = c / a->groups, window = (int64_t)k[0] * k[1];
    ax_val args[3] = {x};
    if (kernel_and_bias(b, spec, &AX_SHAPE(filters, per_group, k[0], k[1]), per_group * window,
                        filters / a->groups * window, args))
        return -1;
    *out = node(b, &ax_op_conv2d, a, args, 3);
    return *out < 0 ? -1 : 0;
}

static int groups_of(ax_builder *b, const cJSON *spec, int64_t channels, int64_t filters, int *groups)
{
    int64_t n;
    if (ax_json_int(spec, "groups", 1, 1, MAX_UNITS, &n, b->err))
        return -1;
    if (channels % n || filters % n) {
        ax_fail(b->err, AX_EINVAL, "'%s': %lld groups must divide both %lld channels and %lld filters",
                b->layer, (long long)n, (long long)channels, (long long)filters);
        return ax_err_in(b->err, "groups");
    }
    *groups = (int)n;
    return 0;
}

static int build_conv2d(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t filters;
    int k[2];
    ax_conv2d_attr a = {.groups = 1};
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]") ||
        positive(b, spec, "filters", MAX_UNITS, &filters) ||
        conv_attr(b, spec, shape_of(b, in[0])->dim + 2, k, &a) ||
        groups_of(b, spec, shape_of(b, in[0])->dim[1], filters, &a.groups))
        return -1;
    return conv(b, spec, in[0], filters, k, &a, out);
}

static int build_depthwise(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t multiplier;
    int k[2];
    ax_conv2d_attr a = {0};
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]") ||
        ax_json_int(spec, "depth_multiplier", 1, 1, 1024, &multiplier, b->err) ||
        conv_attr(b, spec, shape_of(b, in[0])->dim + 2, k, &a))
        return -1;
    int64_t c = shape_of(b, in[0])->dim[1];
    a.groups = (int)c;
    return conv(b, spec, in[0], c * multiplier, k, &a, out);
}

/* 1-d: the sequence as a picture of height 1 */
static int build_conv1d(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t filters;
    int k[2];
    ax_conv2d_attr a = {.groups = 1};
    if (want_rank(b, in[0], 3, "a sequence [channels, length]") ||
        positive(b, spec, "filters", MAX_UNITS, &filters))
        return -1;
    int64_t hw[2] = {1, shape_of(b, in[0])->dim[2]};
    if (single(b, spec, "kernel_size", 0, k) || single(b, spec, "strides", 1, a.stride) ||
        single(b, spec, "dilation_rate", 1, a.dilation))
        return -1;
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(spec, "padding");
    if (cJSON_IsArray(p)) {
        ax_fail(b->err, AX_EINVAL, "'%s': padding must be \"valid\", \"same\" or a number", b->layer);
        return ax_err_in(b->err, "padding");
    }
    if (padding(b, spec, hw, k, a.stride, a.dilation, a.pad) ||
        groups_of(b, spec, shape_of(b, in[0])->dim[1], filters, &a.groups))
        return -1;
    a.pad[0] = a.pad[2] = 0;
    ax_reshape_attr up = {AX_SHAPE(0, 0, 1, -1)}, down = {AX_SHAPE(0, 0, -1)};
    ax_val x = node(b, &ax_op_reshape, &up, in, 1);
    if (x < 0 || conv(b, spec, x, filters, k, &a, &x))
        return -1;
    *out = node(b, &ax_op_reshape, &down, &x, 1);
    return *out < 0 ? -1 : 0;
}

static int build_pool(ax_builder *b, const cJSON *spec, const ax_val *in, ax_pool2d_attr a, ax_val *out)
{
    int one[2] = {1, 1};
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]"))
        return -1;
    if (!a.global) {
        if (pair(b, spec, "pool_size", 2, a.kernel))
            return -1;
        memcpy(a.stride, a.kernel, sizeof a.stride);
        if ((cJSON_GetObjectItemCaseSensitive(spec, "strides") && pair(b, spec, "strides", 0, a.stride)) ||
            padding(b, spec, shape_of(b, in[0])->dim + 2, a.kernel, a.stride, one, a.pad) ||
            (!a.max && ax_json_bool(spec, "count_include_pad", 0, &a.count_pad, b->err)))
            return -1;
    }
    *out = node(b, &ax_op_pool2d, &a, in, 1);
    if (*out >= 0 && a.global)
        *out = node(b, &ax_op_reshape, &(ax_reshape_attr){AX_SHAPE(0, 0)}, out, 1);
    return *out < 0 ? -1 : 0;
}

static int build_max_pool(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    return build_pool(b, spec, in, (ax_pool2d_attr){.max = 1}, out);
}

static int build_avg_pool(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    return build_pool(b, spec, in, (ax_pool2d_attr){0}, out);
}

static int build_global_avg(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    return build_pool(b, spec, in, (ax_pool2d_attr){.global = 1}, out);
}

static int build_global_max(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    return build_pool(b, spec, in, (ax_pool2d_attr){.global = 1, .max = 1}, out);
}

static int build_flatten(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)spec, (void)n;
    *out = node(b, &ax_op_reshape, &(ax_reshape_attr){AX_SHAPE(0, -1)}, in, 1);
    return *out < 0 ? -1 : 0;
}

static int build_dropout(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    ax_dropout_attr a = {.stream = ax_rng_name(b->layer)};
    if (ax_json_num(spec, "rate", 0.5, 0, 0.999, &a.rate, b->err))
        return -1;
    *out = in[0];
    if (!b->training || a.rate == 0)
        return 0;
    a.seed = b->training->seed;
    *out = node(b, &ax_op_dropout, &a, (ax_val[]){in[0], b->net->step}, 2);
    return *out < 0 ? -1 : 0;
}

static ax_init constant(double v)
{
    return (ax_init){.initializer = "constant", .value = v};
}

static int build_batch_norm(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    double momentum;
    ax_norm_attr a = {0};
    if (ax_json_num(spec, "momentum", 0.99, 0, 1, &momentum, b->err) ||
        ax_json_num(spec, "epsilon", 1e-3, 1e-12, 1, &a.epsilon, b->err))
        return -1;
    ax_shape c = AX_SHAPE(shape_of(b, in[0])->dim[1]);
    ax_val v[5] = {in[0]};
    if ((v[1] = ax_build_param(b, "gamma", &c, 1, constant(1))) < 0 ||
        (v[2] = ax_build_param(b, "beta", &c, 1, constant(0))) < 0 ||
        (v[3] = ax_build_param(b, "moving_mean", &c, 0, constant(0))) < 0 ||
        (v[4] = ax_build_param(b, "moving_variance", &c, 0, constant(1))) < 0)
        return -1;
    int learns = b->training && !b->frozen; /* a frozen one keeps its statistics too */
    *out = learns ? node(b, &ax_op_batch_norm_train, &a, v, 3) : node(b, &ax_op_batch_norm, &a, v, 5);
    if (*out < 0)
        return -1;
    return learns && (ax_build_running(b, v[3], *out + 1, momentum) ||
                           ax_build_running(b, v[4], *out + 2, momentum))
               ? -1
               : 0;
}

static int build_layer_norm(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t axis;
    ax_norm_attr a = {0};
    const ax_shape *x = shape_of(b, in[0]);
    if (ax_json_int(spec, "axis", -1, 1 - x->rank, -1, &axis, b->err) ||
        ax_json_num(spec, "epsilon", 1e-3, 1e-12, 1, &a.epsilon, b->err))
        return -1;
    a.axis = (int)axis;
    ax_shape s = {.rank = -a.axis};
    memcpy(s.dim, x->dim + x->rank + a.axis, (size_t)s.rank * sizeof s.dim[0]);
    ax_val v[3] = {in[0]};
    if ((v[1] = ax_build_param(b, "gamma", &s, 1, constant(1))) < 0 ||
        (v[2] = ax_build_param(b, "beta", &s, 1, constant(0))) < 0)
        return -1;
    *out = node(b, &ax_op_layer_norm, &a, v, 3);
    return *out < 0 ? -1 : 0;
}

/* an axis as people count: without the batch, or from the end */
static int axis_field(ax_builder *b, const cJSON *spec, ax_val x, int *axis)
{
    int64_t n, rank = shape_of(b, x)->rank;
    if (ax_json_int(spec, "axis", 0, 1 - rank, rank - 2, &n, b->err))
        return -1;
    *axis = (int)(n < 0 ? n + rank : n + 1);
    return 0;
}

/* Nothing of its own: what "activation" asks for is done to every layer. */
static int build_activation(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    *out = in[0];
    if (!cJSON_GetObjectItemCaseSensitive(spec, "axis"))
        return 0;
    if (b->act.row->kind == AX_ACT_VECTOR)
        return axis_field(b, spec, in[0], &b->axis);
    ax_fail(b->err, AX_EINVAL, "'%s': %s works element by element, along no axis", b->layer, b->act.row->name);
    return ax_err_in(b->err, "axis");
}

static int build_activity(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    *out = in[0];
    return ax_build_activity_penalty(b, spec, NULL, in[0]);
}

/* fold the inputs two by two */
static int build_pairwise(ax_builder *b, const ax_op *op, const void *attr, const ax_val *in, int n, ax_val *out)
{
    if (ax_build_same_shapes(b, in, n, 0))
        return -1;
    *out = in[0];
    for (int i = 1; i < n && *out >= 0; i++)
        *out = node(b, op, attr, (ax_val[]){*out, in[i]}, 2);
    return *out < 0 ? -1 : 0;
}

static int build_add(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)spec;
    return build_pairwise(b, &ax_op_add, &(ax_add_attr){0}, in, n, out);
}

static int build_multiply(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)spec;
    return build_pairwise(b, &ax_op_mul, NULL, in, n, out);
}

/* axis 0 is the channels of a picture, the features of a vector */
static int build_concat(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    ax_axis_attr a;
    if (axis_field(b, spec, in[0], &a.axis) || ax_build_same_shapes(b, in, n, a.axis))
        return -1;
    *out = node(b, &ax_op_concat, &a, in, n);
    return *out < 0 ? -1 : 0;
}

/* max(x, t(x)), t a depthwise convolution: the two become the pieces of a maxout */
static int build_frelu(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    int k[2];
    ax_conv2d_attr a = {.stride = {1, 1}, .dilation = {1, 1}};
    (void)n;
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]") || pair(b, spec, "kernel_size", 3, k))
        return -1;
    ax_shape s = *shape_of(b, in[0]);
    a.groups = (int)s.dim[1];
    same_padding(s.dim[2], k[0], 1, 1, &a.pad[0], &a.pad[2]);
    same_padding(s.dim[3], k[1], 1, 1, &a.pad[1], &a.pad[3]);
    ax_val both[2] = {in[0]};
    ax_activation_attr max = {.axis = 1};
    if (conv(b, spec, in[0], s.dim[1], k, &a, &both[1]) || ax_act_by_name("maxout", &max.act, b->err))
        return -1;
    ax_reshape_attr apart = {AX_SHAPE(0, 2, s.dim[1] * s.dim[2], s.dim[3])};
    ax_reshape_attr whole = {AX_SHAPE(0, s.dim[1], s.dim[2], s.dim[3])};
    *out = node(b, &ax_op_concat, &(ax_axis_attr){1}, both, 2);
    if (*out >= 0)
        *out = node(b, &ax_op_reshape, &apart, out, 1);
    if (*out >= 0)
        *out = node(b, &ax_op_activation, &max, out, 1);
    if (*out >= 0)
        *out = node(b, &ax_op_reshape, &whole, out, 1);
    return *out < 0 ? -1 : 0;
}

static int build_zero_pad(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    int one[2] = {1, 1};
    ax_pad2d_attr a;
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]") ||
        padding(b, spec, shape_of(b, in[0])->dim + 2, one, one, one, a.pad))
        return -1;
    *out = node(b, &ax_op_pad2d, &a, in, 1);
    return *out < 0 ? -1 : 0;
}

static int build_upsample(ax_builder *b, const cJSON *spec, const ax_val *in, int n, ax_val *out)
{
    (void)n;
    ax_upsample2d_attr a;
    if (want_rank(b, in[0], 4, "a picture [channels, height, width]") || pair(b, spec, "size", 2, a.size))
        return -1;
    *out = node(b, &ax_op_upsample2d, &a, in, 1);
    return *out < 0 ? -1 : 0;
}

#define KERNEL "use_bias", "kernel_initializer", "kernel_regularizer"
#define WINDOW "kernel_size", "strides", "padding", "dilation_rate"
// clang-format off
const ax_layer_row ax_layer_rows[] = {
    {"dense",              1, 1, 1, {"units", KERNEL}, build_dense},
    {"conv2d",             1, 1, 1, {"filters", "groups", WINDOW, KERNEL}, build_conv2d},
    {"conv1d",             1, 1, 1, {"filters", "groups", WINDOW, KERNEL}, build_conv1d},
    {"depthwise_conv2d",   1, 1, 1, {"depth_multiplier", WINDOW, KERNEL}, build_depthwise},
    {"max_pool2d",         1, 1, 0, {"pool_size", "strides", "padding"}, build_max_pool},
    {"avg_pool2d",         1, 1, 0, {"pool_size", "strides", "padding", "count_include_pad"}, build_avg_pool},
    {"global_avg_pool2d",  1, 1, 0, {NULL}, build_global_avg},
    {"global_max_pool2d",  1, 1, 0, {NULL}, build_global_max},
    {"flatten",            1, 1, 0, {NULL}, build_flatten},
    {"reshape",            1, 1, 0, {"target_shape"}, ax_build_reshape},
    {"permute",            1, 1, 0, {"dims"}, ax_build_permute},
    {"dropout",            1, 1, 0, {"rate"}, build_dropout},
    {"batch_norm",         1, 1, 1, {"momentum", "epsilon"}, build_batch_norm},
    {"layer_norm",         1, 1, 1, {"axis", "epsilon"}, build_layer_norm},
    {"activation",         1, 1, 1, {"axis"}, build_activation},
    {"frelu",              1, 1, 0, {"kernel_size", KERNEL}, build_frelu},
    {"activity_regularization", 1, 1, 0, {"l1", "l2", "kl", "hoyer"}, build_activity},
    {"add",                2, 64, 1, {NULL}, build_add},
    {"multiply",           2, 64, 1, {NULL}, build_multiply},
    {"concat",             2, AX_MAX_IN, 1, {"axis"}, build_concat},
    {"zero_pad2d",         1, 1, 0, {"padding"}, build_zero_pad},
    {"upsample2d",         1, 1, 0, {"size"}, build_upsample},
};
// clang-format on
const int ax_layer_rows_n = sizeof ax_layer_rows / sizeof *ax_layer_rows;
_Static_assert(sizeof ax_layer_rows / sizeof *ax_layer_rows <= sizeof((ax_builder){0}.made) / sizeof(int),
               "a counter for each row");

static const char *type_names[sizeof ax_layer_rows / sizeof *ax_layer_rows];

static void list_types(void)
{
    for (int i = 0; i < ax_layer_rows_n; i++)
        type_names[i] = ax_layer_rows[i].type;
}

const char *const *ax_layer_types(int *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list_types);
    *count = ax_layer_rows_n;
    return type_names;
}
