/* onnx_spec_rows.c - the ops of an imported graph as layers, one row each; see onnx_spec_impl.h. */
#include <string.h>

#include "io/onnx_spec_impl.h"

enum { MAX_WINDOW = 4096 }; /* of a spec's windows */

/* ---- weights --------------------------------------------------------------------------------- */

static int weightless(speller *s)
{
    return onnx_say_trouble(s, "its weights are computed, a layer's are numbers of the file");
}

static int say_dense(speller *s, const ax_node *n, ax_val x, const float *w, const float *b,
                     int64_t units, int64_t k)
{
    said *in = onnx_say_rows(s, x, &AX_SHAPE(k));
    if (!in)
        return -1;
    ax_shape out = in->shape;
    int l = onnx_say_layer(s, "dense", &in->layer, 1);
    out.dim[out.rank - 1] = units;
    onnx_say_int(s, l, "units", units);
    onnx_say_tensor(s, l, "kernel", &AX_SHAPE(units, k), w);
    if (b)
        onnx_say_tensor(s, l, "bias", &AX_SHAPE(units), b);
    else
        onnx_say_item(s, l, "use_bias", cJSON_CreateFalse());
    if (onnx_say_value(s, n->out, l, &out))
        return -1;
    s->layer[l].open = 1;
    s->layer[l].no_bias = b ? 0 : units;
    s->layer[l].bias_axis = -1;
    return 0;
}

static int has(const ax_node *n, int i)
{
    return i < n->n_in && n->in[i] >= 0;
}

static int dense(speller *s, const ax_node *n)
{
    const float *w = onnx_say_known(s, n->in[1]),
                *b = has(n, 2) ? onnx_say_known(s, n->in[2]) : NULL;
    const ax_shape *shape = onnx_say_shape(s, n->in[1]);
    if (!w || (has(n, 2) && !b))
        return weightless(s);
    return say_dense(s, n, n->in[0], w, b, shape->dim[0], shape->dim[1]);
}

/* x (...,k) times (k,n); our kernels have the output first */
static int matmul(speller *s, const ax_node *n)
{
    const float *w = onnx_say_known(s, n->in[1]);
    const ax_shape *shape = onnx_say_shape(s, n->in[1]);
    if (!w || shape->rank != 2)
        return weightless(s);
    int64_t k = shape->dim[0], units = shape->dim[1];
    float *turned = onnx_say_room(s, k * units, sizeof *turned);
    if (!turned)
        return -1;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < units; j++)
            turned[j * k + i] = w[i * units + j];
    return say_dense(s, n, n->in[0], turned, NULL, units, k);
}

/* What the field is when it is not there need not be said. */
static void say_window(speller *s, int l, const char *key, const int v[2], const int otherwise[2])
{
    if (v[0] == otherwise[0] && v[1] == otherwise[1])
        return;
    if (v[0] == v[1])
        onnx_say_int(s, l, key, v[0]);
    else
        onnx_say_ints(s, l, key, (const int64_t[]){v[0], v[1]}, 2);
}

static const int none[2] = {0, 0}, ones[2] = {1, 1}, twos[2] = {2, 2};

/* "valid" is what goes without saying. */
static int say_padding(speller *s, int l, const int pad[4])
{
    const int64_t wide[] = {pad[0], pad[1], pad[2], pad[3]};
    int any = 0;
    for (int i = 0; i < 4; i++) {
        any |= pad[i];
        if (pad[i] < 0 || pad[i] > MAX_WINDOW)
            return onnx_say_trouble(s, "padding of %d, a layer takes 0 to %d", pad[i], MAX_WINDOW);
    }
    if (any)
        onnx_say_ints(s, l, "padding", wide, 4);
    return 0;
}

static int fits(speller *s, const int v[2])
{
    if (v[0] <= MAX_WINDOW && v[1] <= MAX_WINDOW)
        return 1;
    onnx_say_trouble(s, "a window of %d by %d, a layer's has at most %d", v[0], v[1], MAX_WINDOW);
    return 0;
}

static ax_shape sample_of(const speller *s, ax_val v)
{
    const ax_shape *g = onnx_say_shape(s, v);
    ax_shape sample = {.rank = g->rank - 1};
    memcpy(sample.dim, g->dim + 1, (size_t)sample.rank * sizeof sample.dim[0]);
    return sample;
}

static int conv2d(speller *s, const ax_node *n)
{
    const ax_conv2d_attr *a = n->attr;
    const float *w = onnx_say_known(s, n->in[1]),
                *b = has(n, 2) ? onnx_say_known(s, n->in[2]) : NULL;
    const ax_shape *k = onnx_say_shape(s, n->in[1]);
    int64_t channels = onnx_say_shape(s, n->in[0])->dim[1], filters = k->dim[0];
    const int window[] = {(int)k->dim[2], (int)k->dim[3]};
    if (!w || (has(n, 2) && !b))
        return weightless(s);
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in || !fits(s, window) || !fits(s, a->stride) || !fits(s, a->dilation))
        return -1;
    int apart = a->groups == channels && channels > 1;
    int l = onnx_say_layer(s, apart ? "depthwise_conv2d" : "conv2d", &in->layer, 1);
    onnx_say_int(s, l, apart ? "depth_multiplier" : "filters",
                 apart ? filters / channels : filters);
    say_window(s, l, "kernel_size", window, none);
    say_window(s, l, "strides", a->stride, ones);
    say_window(s, l, "dilation_rate", a->dilation, ones);
    if (!apart && a->groups > 1)
        onnx_say_int(s, l, "groups", a->groups);
    if (say_padding(s, l, a->pad))
        return -1;
    onnx_say_tensor(s, l, "kernel", k, w);
    if (b)
        onnx_say_tensor(s, l, "bias", &AX_SHAPE(filters), b);
    else
        onnx_say_item(s, l, "use_bias", cJSON_CreateFalse());
    if (onnx_say_value(s, n->out, l, &(ax_shape){0}))
        return -1;
    s->val[n->out].shape = sample_of(s, n->out);
    s->layer[l].open = 1;
    s->layer[l].no_bias = b ? 0 : filters;
    s->layer[l].bias_axis = 1;
    return 0;
}

static int batch_norm(speller *s, const ax_node *n)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const ax_norm_attr *a = n->attr;
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in)
        return -1;
    for (int i = 1; i < 5; i++)
        if (!onnx_say_known(s, n->in[i]))
            return weightless(s);
    if (!(a->epsilon >= 1e-12 && a->epsilon <= 1))
        return onnx_say_trouble(s, "epsilon %g, a layer takes 1e-12 to 1", a->epsilon);
    ax_shape shape = in->shape;
    int l = onnx_say_layer(s, "batch_norm", &in->layer, 1);
    onnx_say_number(s, l, "epsilon", a->epsilon);
    for (int i = 0; i < 4; i++)
        onnx_say_tensor(s, l, names[i], &AX_SHAPE(shape.dim[0]), onnx_say_known(s, n->in[i + 1]));
    if (onnx_say_value(s, n->out, l, &shape))
        return -1;
    s->layer[l].open = 1;
    return 0;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* Said when somebody looks at the shape. */
static int reshape(speller *s, const ax_node *n)
{
    said *x = &s->val[n->in[0]];
    if (x->kind == SAID_NOT || x->kind == SAID_AFFINE) /* its channels are those of this shape */
        x = onnx_say_settled(s, n->in[0]);
    if (!x)
        return -1;
    s->val[n->out] = *x;
    return 0;
}

static int permute(speller *s, const ax_node *n)
{
    const ax_permute_attr *a = n->attr;
    said *in = onnx_say_whole(s, n->in[0]);
    int64_t dims[AX_MAX_RANK];
    int rank = onnx_say_shape(s, n->in[0])->rank;
    if (!in)
        return -1;
    if (a->perm[0] != 0)
        return onnx_say_trouble(s, "it moves the axis of samples");
    for (int i = 1; i < rank; i++)
        dims[i] = a->perm[i];
    int l = onnx_say_layer(s, "permute", &in->layer, 1);
    onnx_say_ints(s, l, "dims", dims + 1, rank - 1);
    ax_shape out = sample_of(s, n->out);
    return onnx_say_value(s, n->out, l, &out);
}

static int concat(speller *s, const ax_node *n)
{
    const ax_axis_attr *a = n->attr;
    int in[AX_MAX_IN];
    if (a->axis == 0)
        return onnx_say_trouble(s, "it joins samples");
    for (int i = 0; i < n->n_in; i++) {
        const said *x = onnx_say_whole(s, n->in[i]);
        if (!x)
            return -1;
        in[i] = x->layer;
    }
    ax_shape out = sample_of(s, n->out);
    if (n->n_in == 1)
        return onnx_say_value(s, n->out, in[0], &out);
    int l = onnx_say_layer(s, "concat", in, n->n_in);
    onnx_say_int(s, l, "axis", a->axis - 1);
    if (onnx_say_value(s, n->out, l, &out))
        return -1;
    s->layer[l].open = 1;
    return 0;
}

static int say_pad(speller *s, const ax_node *n, const int pad[4])
{
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in)
        return -1;
    int l = onnx_say_layer(s, "zero_pad2d", &in->layer, 1);
    ax_shape out = sample_of(s, n->out);
    return say_padding(s, l, pad) ? -1 : onnx_say_value(s, n->out, l, &out);
}

static int pad2d(speller *s, const ax_node *n)
{
    return say_pad(s, n, ((const ax_pad2d_attr *)n->attr)->pad);
}

static int pad(speller *s, const ax_node *n)
{
    const ax_pad_attr *a = n->attr;
    const unsigned char zero[sizeof a->value] = {0};
    int ok = a->mode == AX_PAD_CONSTANT && !memcmp(a->value, zero, sizeof zero) &&
             onnx_say_shape(s, n->in[0])->rank == 4;
    for (int i = 0; i < 2; i++)
        ok &= a->before[i] == 0 && a->after[i] == 0;
    for (int i = 2; i < 4; i++)
        ok &= a->before[i] <= MAX_WINDOW && a->after[i] <= MAX_WINDOW && a->before[i] >= 0 &&
              a->after[i] >= 0;
    if (!ok)
        return onnx_say_trouble(s, "layers put zeros round pictures, nothing else");
    return say_pad(
        s, n,
        (const int[]){(int)a->before[2], (int)a->before[3], (int)a->after[2], (int)a->after[3]});
}

static int upsample2d(speller *s, const ax_node *n)
{
    const ax_upsample2d_attr *a = n->attr;
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in || !fits(s, a->size))
        return -1;
    int l = onnx_say_layer(s, "upsample2d", &in->layer, 1);
    say_window(s, l, "size", a->size, twos);
    ax_shape out = sample_of(s, n->out);
    return onnx_say_value(s, n->out, l, &out);
}

/* ---- windows --------------------------------------------------------------------------------- */

static int say_global(speller *s, const ax_node *n, int max)
{
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in)
        return -1;
    ax_shape out = AX_SHAPE(in->shape.dim[0]);
    int l = onnx_say_layer(s, max ? "global_max_pool2d" : "global_avg_pool2d", &in->layer, 1);
    return onnx_say_value(s, n->out, l, &out);
}

static int pool2d(speller *s, const ax_node *n)
{
    const ax_pool2d_attr *a = n->attr;
    if (a->global)
        return say_global(s, n, a->max);
    said *in = onnx_say_whole(s, n->in[0]);
    if (!in || !fits(s, a->kernel) || !fits(s, a->stride))
        return -1;
    int l = onnx_say_layer(s, a->max ? "max_pool2d" : "avg_pool2d", &in->layer, 1);
    say_window(s, l, "pool_size", a->kernel, twos);
    say_window(s, l, "strides", a->stride, a->kernel);
    if (say_padding(s, l, a->pad))
        return -1;
    if (!a->max && a->count_pad)
        onnx_say_item(s, l, "count_include_pad", cJSON_CreateTrue());
    ax_shape out = sample_of(s, n->out);
    return onnx_say_value(s, n->out, l, &out);
}

/* The mean or maximum of each map of a picture. */
static int reduce(speller *s, const ax_node *n)
{
    const ax_reduce_attr *a = n->attr;
    const ax_shape *x = onnx_say_shape(s, n->in[0]);
    int max = a->kind == AX_REDUCE_MAX;
    if (x->rank != 4 || a->axes != (1u << 2 | 1u << 3) || (!max && a->kind != AX_REDUCE_MEAN))
        return onnx_say_trouble(s, "layers reduce whole maps of pictures to their mean or maximum");
    return say_global(s, n, max);
}

/* ---- activations ----------------------------------------------------------------------------- */

static int rows_act(speller *s, const ax_node *n, const ax_activation_attr *a)
{
    ax_shape x = *onnx_say_shape(s, n->in[0]);
    int axis = a->axis < 0 ? a->axis + x.rank : a->axis, last = axis == x.rank - 1;
    if (axis == 0 || !onnx_say_settled(s, n->in[0]))
        return axis ? -1 : onnx_say_trouble(s, "its rows run across samples");
    said *in =
        last ? onnx_say_rows(s, n->in[0], &AX_SHAPE(x.dim[axis])) : onnx_say_whole(s, n->in[0]);
    if (!in)
        return -1;
    ax_shape out = in->shape;
    int at = last ? out.rank - 1 : axis - 1, l = in->layer;
    out.dim[at] = ax_act_out_len(&a->act, out.dim[at]);
    if (l >= 0 && s->layer[l].open && out.rank == 1 && onnx_say_inside(s, in->base, n->out)) {
        s->layer[l].open = 0;
    } else {
        l = onnx_say_layer(s, "activation", &in->layer, 1);
        onnx_say_int(s, l, "axis", at);
    }
    onnx_say_item(s, l, "activation", ax_act_to_json(&a->act));
    return onnx_say_value(s, n->out, l, &out);
}

static int activation(speller *s, const ax_node *n)
{
    const ax_activation_attr *a = n->attr;
    return a->act.row->kind == AX_ACT_VECTOR ? rows_act(s, n, a)
                                             : onnx_say_act(s, n->in[0], &a->act, n->out);
}

static int add(speller *s, const ax_node *n)
{
    return onnx_say_binary(s, n, AX_BINARY_ADD);
}

static int mul(speller *s, const ax_node *n)
{
    return onnx_say_binary(s, n, AX_BINARY_MUL);
}

static int binary(speller *s, const ax_node *n)
{
    return onnx_say_binary(s, n, ((const ax_binary_attr *)n->attr)->kind);
}

// clang-format off
static const struct {
    const ax_op *op;
    int (*say)(speller *s, const ax_node *n);
} rows[] = {
    {&ax_op_dense,      dense},
    {&ax_op_matmul,     matmul},
    {&ax_op_conv2d,     conv2d},
    {&ax_op_batch_norm, batch_norm},
    {&ax_op_pool2d,     pool2d},
    {&ax_op_reduce,     reduce},
    {&ax_op_reshape,    reshape},
    {&ax_op_permute,    permute},
    {&ax_op_concat,     concat},
    {&ax_op_pad,        pad},
    {&ax_op_pad2d,      pad2d},
    {&ax_op_upsample2d, upsample2d},
    {&ax_op_activation, activation},
    {&ax_op_unary,      onnx_say_unary},
    {&ax_op_binary,     binary},
    {&ax_op_add,        add},
    {&ax_op_mul,        mul},
};
// clang-format on

int onnx_say_node(speller *s, const ax_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] >= 0 && s->val[n->in[i]].kind == SAID_BROKEN)
            return -1;
    for (int i = 0; i < n->n_out; i++)
        if (s->g->val[n->out + i].desc.dtype != AX_F32)
            return onnx_say_trouble(s, "it makes %s, layers make float32",
                                    ax_dtype_name(s->g->val[n->out + i].desc.dtype));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == n->op)
            return rows[i].say(s, n);
    return onnx_say_trouble(s, "no layer does this");
}

/* ---- operators as a whole -------------------------------------------------------------------- */

/* What an input of the file's node is in the graph; NULL: absent. */
static ax_onnx_value *given(const speller *s, const ax_onnx_node *n, int i)
{
    return i < n->n_in && *n->in[i] ? ax_onnx_find(s->from->names, n->in[i]) : NULL;
}

static ax_val made(const speller *s, const ax_onnx_node *n)
{
    return ax_onnx_find(s->from->names, n->out[0])->val;
}

static int is_number(const ax_onnx_value *v)
{
    return v && v->data && v->desc.dtype == AX_F32;
}

static const ax_onnx_attr *attribute(const ax_onnx_node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name))
            return &n->attr[i];
    return NULL;
}

static int layer_norm(speller *s, const ax_onnx_node *n)
{
    const ax_onnx_value *x = given(s, n, 0), *gamma = given(s, n, 1), *beta = given(s, n, 2);
    const ax_onnx_attr *at = attribute(n, "axis"), *eps = attribute(n, "epsilon");
    const ax_shape *shape = &x->desc.shape;
    ax_shape tail = {.rank = at ? at->i < 0 ? (int)-at->i : shape->rank - (int)at->i : 1};
    memcpy(tail.dim, shape->dim + shape->rank - tail.rank, (size_t)tail.rank * sizeof tail.dim[0]);
    int64_t count = ax_shape_count(&tail);
    float *zeros = onnx_say_room(s, count, sizeof *zeros);
    said *in = onnx_say_rows(s, x->val, &tail);
    if (!in || !zeros)
        return -1;
    for (int i = 1; i < n->n_out; i++)
        if (*n->out[i])
            return onnx_say_trouble(s, "layers do not give its statistics");
    if (!is_number(gamma) || (beta && !is_number(beta)) ||
        ax_shape_count(&gamma->desc.shape) != count ||
        (beta && ax_shape_count(&beta->desc.shape) != count))
        return weightless(s);
    ax_shape out = in->shape;
    int l = onnx_say_layer(s, "layer_norm", &in->layer, 1);
    onnx_say_int(s, l, "axis", -tail.rank);
    onnx_say_number(s, l, "epsilon", eps ? (double)eps->f : 1e-5);
    onnx_say_tensor(s, l, "gamma", &tail, gamma->data);
    onnx_say_tensor(s, l, "beta", &tail, beta ? beta->data : zeros);
    if (onnx_say_value(s, made(s, n), l, &out))
        return -1;
    s->layer[l].open = 1;
    return 0;
}

/* A slope per channel, or one for all. */
static int prelu(speller *s, const ax_onnx_node *n)
{
    const ax_onnx_value *x = given(s, n, 0), *slope = given(s, n, 1);
    said *in = onnx_say_whole(s, x->val);
    if (!in)
        return -1;
    if (!is_number(slope))
        return weightless(s);
    int64_t c = in->shape.dim[0], have = ax_shape_count(&slope->desc.shape);
    int lead = x->desc.shape.rank - slope->desc.shape.rank;
    if (have != 1 && (have != c || lead > 1 || slope->desc.shape.dim[1 - lead] != c))
        return onnx_say_trouble(s, "a layer has a slope for each channel, not for each number");
    float *alpha = onnx_say_room(s, c, sizeof *alpha);
    if (!alpha)
        return -1;
    for (int64_t i = 0; i < c; i++)
        alpha[i] = ((const float *)slope->data)[have > 1 ? i : 0];
    ax_shape out = in->shape;
    int l = in->layer;
    if (l >= 0 && s->layer[l].open && onnx_say_inside(s, in->base, made(s, n)))
        s->layer[l].open = 0;
    else
        l = onnx_say_layer(s, "activation", &in->layer, 1);
    onnx_say_item(s, l, "activation", cJSON_CreateString("prelu"));
    onnx_say_tensor(s, l, "alpha", &AX_SHAPE(c), alpha);
    return onnx_say_value(s, made(s, n), l, &out);
}

/* Beyond lambd on either side what is left without `bias`: hard where that is 0, else soft. */
static int shrink(speller *s, const ax_onnx_node *n)
{
    const ax_onnx_attr *lambd = attribute(n, "lambd"), *bias = attribute(n, "bias");
    float l = lambd ? lambd->f : 0.5f, b = bias ? bias->f : 0;
    ax_act act;
    if (b != 0 && b != l)
        return onnx_say_trouble(s, "bias is neither 0 nor lambd");
    if (ax_act_by_name(b == 0 ? "hard_shrink" : "soft_shrink", &act, NULL) ||
        ax_act_set(&act, "lambda", (double)l, NULL))
        return onnx_say_trouble(s, "lambd is %g", (double)l);
    return onnx_say_act(s, given(s, n, 0)->val, &act, made(s, n));
}

int onnx_say_operator(speller *s, const ax_onnx_node *n)
{
    static const struct {
        const char *op;
        int (*say)(speller *s, const ax_onnx_node *n);
    } whole[] = {{"LayerNormalization", layer_norm}, {"PRelu", prelu}, {"Shrink", shrink}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (*n->domain || strcmp(whole[i].op, n->op) != 0)
            continue;
        const ax_onnx_value *x = given(s, n, 0);
        if (!x || x->val < 0 || s->val[x->val].kind == SAID_BROKEN)
            return -1;
        if (!n->n_out || !*n->out[0])
            return onnx_say_trouble(s, "what it gives is not named");
        return whole[i].say(s, n) ? -1 : 0;
    }
    return 1;
}
