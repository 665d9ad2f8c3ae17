/* onnx_ops_contrib.c - operators of the domain com.microsoft, which ONNX Runtime's optimizer writes
 * into files; see onnx_op.h. Source of their meaning: github.com/microsoft/onnxruntime,
 * docs/ContribOperators.md. */
#include <math.h>
#include <string.h>

#include "io/onnx_attention.h"

static ax_onnx_value *input(const onnx_site *s, int i)
{
    return i < s->n_in ? s->in[i] : NULL;
}

static int refuse_inputs(onnx_site *s, int from)
{
    for (int i = from; i < s->n_in; i++)
        if (s->in[i])
            return ax_fail(s->err, AX_EUNSUPPORTED, "input %d ('%.64s') is not taken here", i,
                           s->in[i]->name);
    return 0;
}

static int plus(onnx_site *s, ax_onnx_value *x, ax_onnx_value *more, ax_onnx_value *out)
{
    if (more)
        return onnx_pair(s, AX_BINARY_ADD, x, more, out);
    *out = *x;
    return 0;
}

/* ---- activations ---- */

static int biased(onnx_site *s, const char *row)
{
    ax_onnx_value x = {.name = ""};
    return plus(s, s->in[0], input(s, 1), &x) || onnx_activated(s, row, &x, &s->out[0]) ? -1 : 0;
}

static int gelu(onnx_site *s)
{
    return biased(s, "gelu");
}

static int fast_gelu(onnx_site *s)
{
    return biased(s, "gelu_tanh");
}

static int quick_gelu(onnx_site *s)
{
    ax_activation_attr a = {.axis = -1};
    if (ax_act_by_name("quick_gelu", &a.act, s->err) ||
        ax_act_set(&a.act, "alpha", (double)onnx_float_or(s, "alpha", 1.702f), s->err))
        return -1;
    return onnx_apply(s, &ax_op_activation, &a, s->in, 1, &s->out[0]);
}

/* ---- products and norms ---- */

static int transposed(onnx_site *s, ax_onnx_value *x, const char *attr, ax_onnx_value *out)
{
    int rank = x->desc.shape.rank, perm[AX_MAX_RANK];
    if (!onnx_int_or(s, attr, 0) || rank < 2) {
        *out = *x;
        return 0;
    }
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return onnx_permuted(s, x, perm, out);
}

static int fused_matmul(onnx_site *s)
{
    ax_onnx_value a = {.name = ""}, b = {.name = ""}, y = {.name = ""};
    if (onnx_int_or(s, "transBatchA", 0) || onnx_int_or(s, "transBatchB", 0))
        return ax_fail(s->err, AX_EUNSUPPORTED, "transBatchA and transBatchB are not taken");
    if (transposed(s, s->in[0], "transA", &a) || transposed(s, s->in[1], "transB", &b) ||
        onnx_apply(s, &ax_op_matmul, NULL, (ax_onnx_value *[]){&a, &b}, 2, &y))
        return -1;
    return onnx_times(s, &y, onnx_float_or(s, "alpha", 1), &s->out[0]);
}

/* x, skip, gamma, beta?, bias?: the norm over the last axis of x + skip + bias, which is output 3
 */
static int skip_layer_norm(onnx_site *s)
{
    ax_norm_attr a = {.epsilon = (double)onnx_float_or(s, "epsilon", 1e-12f), .axis = -1};
    ax_onnx_value sum = {.name = ""}, x = {.name = ""}, zero = {.name = ""}, *beta = input(s, 3);
    const ax_shape *gamma = &s->in[2]->desc.shape;
    if (plus(s, s->in[0], s->in[1], &sum) || plus(s, &sum, input(s, 4), &x))
        return -1;
    if (!beta) {
        int64_t n = ax_shape_count(gamma);
        float *v = onnx_alloc(s, n + 1, sizeof *v);
        if (!v)
            return -1;
        zero = (ax_onnx_value){"", {AX_F32, *gamma}, v, AX_NONE};
        beta = &zero;
    }
    if (s->n_out > 3)
        s->out[3] = x;
    ax_onnx_value *in[] = {&x, s->in[2], beta};
    return onnx_apply(s, &ax_op_layer_norm, &a, in, 3, &s->out[0]);
}

/* x / sqrt(mean x^2 + epsilon) * gamma, x with skip and bias as above */
static int skip_rms_norm(onnx_site *s)
{
    ax_onnx_value sum = {.name = ""}, x = {.name = ""}, square = {.name = ""}, mean = {.name = ""};
    ax_onnx_value more = {.name = ""}, e = {.name = ""}, root = {.name = ""}, y = {.name = ""};
    if (plus(s, s->in[0], s->in[1], &sum) || plus(s, &sum, input(s, 3), &x))
        return -1;
    int rank = x.desc.shape.rank;
    ax_reduce_attr a = {.kind = AX_REDUCE_MEAN, .axes = rank ? 1u << (rank - 1) : 0, .keep = 1};
    ax_onnx_value *in[] = {&square}, *under[] = {&more};
    if (s->n_out > 3)
        s->out[3] = x;
    return onnx_pair(s, AX_BINARY_MUL, &x, &x, &square) ||
                   onnx_apply(s, &ax_op_reduce, &a, in, 1, &mean) ||
                   onnx_number(s, onnx_float_or(s, "epsilon", 1e-12f), &e) ||
                   onnx_pair(s, AX_BINARY_ADD, &mean, &e, &more) ||
                   onnx_apply(s, &ax_op_unary, &(ax_unary_attr){ax_unary_find("Sqrt")}, under, 1,
                              &root) ||
                   onnx_pair(s, AX_BINARY_DIV, &x, &root, &y) ||
                   onnx_pair(s, AX_BINARY_MUL, &y, s->in[2], &s->out[0])
               ? -1
               : 0;
}

/* ---- attention ---- */

/* Which keys count: (B,S) of 0 and 1, (B) of lengths, (B,L,S); int32 */
static int key_mask(onnx_site *s, ax_onnx_value *m, int64_t batch, int64_t keys, float never,
                    ax_onnx_value *out)
{
    ax_shape d = m->desc.shape, to = AX_SHAPE(batch, 1, 1, keys);
    ax_onnx_value seen = {.name = ""}, zero = {.name = ""}, at = {.name = ""}, yes = {.name = ""};
    static const int32_t none = 0;
    if (m->desc.dtype != AX_I32)
        return ax_fail(s->err, AX_ETYPE, "the mask is %s, expected int32",
                       ax_dtype_name(m->desc.dtype));
    if (d.rank == 1 && d.dim[0] == batch) {
        int32_t *v = onnx_alloc(s, keys + 1, sizeof *v);
        for (int64_t i = 0; v && i < keys; i++)
            v[i] = (int32_t)i;
        at = (ax_onnx_value){"", {AX_I32, AX_SHAPE(keys)}, v, AX_NONE};
        if (!v || onnx_reshaped(s, m, &AX_SHAPE(batch, 1, 1, 1), &seen) ||
            onnx_pair(s, AX_BINARY_LESS, &at, &seen, &yes))
            return -1;
        return onnx_mask(s, &yes, never, out);
    }
    if (d.rank == 3)
        to = AX_SHAPE(d.dim[0], 1, d.dim[1], d.dim[2]);
    else if (d.rank != 2 || d.dim[0] != batch || d.dim[1] != keys)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "a mask of rank %d; (batch, keys), (batch) and (batch, queries, keys) are "
                       "taken",
                       d.rank);
    if (onnx_reshaped(s, m, &to, &seen) || onnx_constant(s, AX_I32, &(ax_shape){0}, &none, &zero) ||
        onnx_pair(s, AX_BINARY_LESS, &zero, &seen, &yes))
        return -1;
    return onnx_mask(s, &yes, never, out);
}

/* Masks, bias and looking back only; then the outputs of both operators. */
static int masked_attention(onnx_site *s, onnx_attention *a, ax_onnx_value *mask,
                            ax_onnx_value *bias, int64_t past)
{
    ax_onnx_value keep = {.name = ""}, causal = {.name = ""};
    int64_t queries = a->q.desc.shape.dim[2], keys = a->k.desc.shape.dim[2];
    float never = onnx_float_or(s, "mask_filter_value", -10000);
    a->scale = onnx_float_or(s, "scale", 0);
    if (a->scale == 0)
        a->scale = (float)(1 / sqrt((double)a->q.desc.shape.dim[3]));
    if (mask) {
        if (key_mask(s, mask, a->q.desc.shape.dim[0], keys, never, &keep))
            return -1;
        a->bias[a->n_bias++] = &keep;
    }
    if (bias)
        a->bias[a->n_bias++] = bias;
    if (onnx_int_or(s, "unidirectional", 0)) {
        if (onnx_causal(s, queries, keys, past, -INFINITY, &causal))
            return -1;
        a->bias[a->n_bias++] = &causal;
    }
    return onnx_attend(s, a) || onnx_join_heads(s, &a->y, &s->out[0]) ? -1 : 0;
}

/* query, key and value, each with its part of the bias; keys and values of rank 4 have heads and no
 * bias */
static int projected(onnx_site *s, int i, ax_onnx_value *bias, int64_t from, int64_t heads,
                     ax_onnx_value *out)
{
    ax_onnx_value part = {.name = ""}, sum = {.name = ""};
    const ax_shape *d = &s->in[i]->desc.shape;
    if (d->rank == 4 && i > 0) {
        *out = *s->in[i];
        return 0;
    }
    if (d->rank != 3)
        return ax_fail(s->err, AX_EUNSUPPORTED, "input %d has rank %d; packed forms are not taken",
                       i, d->rank);
    if (bias && (bias->desc.shape.rank != 1 || onnx_cut(s, bias, 0, from, d->dim[2], &part)))
        return bias->desc.shape.rank != 1
                   ? ax_fail(s->err, AX_ESHAPE, "a bias of rank %d", bias->desc.shape.rank)
                   : -1;
    return plus(s, s->in[i], bias ? &part : NULL, &sum) || onnx_split_heads(s, &sum, heads, out)
               ? -1
               : 0;
}

static int multi_head_attention(onnx_site *s)
{
    enum { QUERY, KEY, VALUE, BIAS, MASK, SCORES, PAST_KEY, PAST_VALUE, REST };
    onnx_attention a = {.softcap = 0};
    ax_onnx_value k = {.name = ""}, v = {.name = ""}, *bias = input(s, BIAS);
    ax_onnx_value *past_key = input(s, PAST_KEY), *past_value = input(s, PAST_VALUE);
    int64_t heads = onnx_int_or(s, "num_heads", 0);
    if (refuse_inputs(s, REST))
        return -1;
    if (!input(s, KEY) || !input(s, VALUE) || !past_key != !past_value)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "query, key and value in one tensor are not taken; past_key goes with "
                       "past_value");
    int64_t width = s->in[QUERY]->desc.shape.rank == 3 ? s->in[QUERY]->desc.shape.dim[2] : 0;
    if (projected(s, QUERY, bias, 0, heads, &a.q) || projected(s, KEY, bias, width, heads, &k) ||
        projected(s, VALUE, bias, 2 * width, heads, &v) || onnx_behind(s, past_key, &k, &a.k) ||
        onnx_behind(s, past_value, &v, &a.v))
        return -1;
    s->out[1] = a.k;
    s->out[2] = a.v;
    return masked_attention(s, &a, input(s, MASK), input(s, SCORES),
                            past_key ? past_key->desc.shape.dim[2] : 0);
}

/* How many columns of the weights are queries, keys and values. */
static int widths(onnx_site *s, int64_t columns, int64_t *width)
{
    const ax_onnx_attr *a = onnx_attr(s, "qkv_hidden_sizes");
    for (int i = 0; i < 3; i++)
        width[i] = columns / 3;
    if (a && (a->type != AX_ONNX_A_INTS || a->n != 3))
        return ax_fail(s->err, AX_EINVAL, "qkv_hidden_sizes has %lld numbers, expected 3",
                       (long long)a->n);
    for (int i = 0; a && i < 3; i++)
        width[i] = a->ints[i];
    if (width[0] < 1 || width[1] < 1 || width[2] < 1 || width[0] > columns || width[1] > columns ||
        width[2] > columns || width[0] + width[1] + width[2] != columns)
        return ax_fail(s->err, AX_ESHAPE, "%lld columns of weights for queries, keys and values",
                       (long long)columns);
    return 0;
}

/* past (2,B,N,P,D): keys, then values; which of them */
static int of_past(onnx_site *s, ax_onnx_value *past, int which, ax_onnx_value *out)
{
    ax_onnx_value half = {.name = ""};
    const int64_t *d = past->desc.shape.dim;
    if (past->desc.shape.rank != 5 || d[0] != 2)
        return ax_fail(s->err, AX_ESHAPE, "past is of rank %d, expected (2,B,heads,length,size)",
                       past->desc.shape.rank);
    return onnx_cut(s, past, 0, which, 1, &half) ||
                   onnx_reshaped(s, &half, &AX_SHAPE(d[1], d[2], d[3], d[4]), out)
               ? -1
               : 0;
}

/* x W + b for queries, keys and values at once */
static int project(onnx_site *s, ax_onnx_value *q, ax_onnx_value *k, ax_onnx_value *v)
{
    ax_onnx_value all = {.name = ""}, sum = {.name = ""}, part[3], *to[] = {q, k, v};
    ax_onnx_value *in[] = {s->in[0], s->in[1]};
    int64_t width[3], at = 0, heads = onnx_int_or(s, "num_heads", 0);
    const ax_shape *w = &s->in[1]->desc.shape;
    memset(part, 0, sizeof part);
    if (s->in[0]->desc.shape.rank != 3 || w->rank != 2)
        return ax_fail(s->err, AX_ESHAPE,
                       "an input of rank %d and weights of rank %d, expected 3, 2",
                       s->in[0]->desc.shape.rank, w->rank);
    if (widths(s, w->dim[1], width) || onnx_matmul(s, in[0], in[1], &all) ||
        plus(s, &all, input(s, 2), &sum))
        return -1;
    for (int i = 0; i < 3; at += width[i++])
        if (onnx_cut(s, &sum, 2, at, width[i], &part[i]) ||
            onnx_split_heads(s, &part[i], heads, to[i]))
            return -1;
    return 0;
}

static int packed_attention(onnx_site *s)
{
    enum { X, W, B, MASK, PAST, SCORES, REST };
    onnx_attention a = {.softcap = 0};
    ax_onnx_value k = {.name = ""}, v = {.name = ""}, half[2], *past = input(s, PAST), *in[2];
    memset(half, 0, sizeof half);
    if (onnx_int_or(s, "do_rotary", 0) || onnx_int_or(s, "past_present_share_buffer", 0))
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "do_rotary and past_present_share_buffer are not taken");
    if (refuse_inputs(s, REST) || project(s, &a.q, &k, &v))
        return -1;
    for (int i = 0; past && i < 2; i++)
        if (of_past(s, past, i, &half[i]))
            return -1;
    if (onnx_behind(s, past ? &half[0] : NULL, &k, &a.k) ||
        onnx_behind(s, past ? &half[1] : NULL, &v, &a.v))
        return -1;
    if (s->n_out > 1 && *s->n->out[1]) {
        for (int i = 0; i < 2; i++) {
            ax_shape to = i ? a.v.desc.shape : a.k.desc.shape;
            memmove(to.dim + 1, to.dim, (size_t)to.rank++ * sizeof *to.dim);
            to.dim[0] = 1;
            if (onnx_reshaped(s, i ? &a.v : &a.k, &to, &half[i]))
                return -1;
            in[i] = &half[i];
        }
        if (onnx_joined(s, 0, in, 2, &s->out[1]))
            return -1;
    }
    return masked_attention(s, &a, input(s, MASK), input(s, SCORES),
                            past ? past->desc.shape.dim[3] : 0);
}

// clang-format off
const onnx_row onnx_rows_contrib[] = {
    {"Gelu", 1, 1, 1, "", gelu, 1},
    {"BiasGelu", 1, 2, 2, "", gelu, 1},
    {"FastGelu", 1, 1, 2, "", fast_gelu, 1},
    {"QuickGelu", 1, 1, 1, "alpha", quick_gelu, 1},
    {"FusedMatMul", 1, 2, 2, "alpha transA transB transBatchA transBatchB", fused_matmul, 1},
    {"SkipLayerNormalization", 1, 3, 5, "epsilon", skip_layer_norm, 1},
    {"SkipSimplifiedLayerNormalization", 1, 3, 4, "epsilon", skip_rms_norm, 1},
    {"MultiHeadAttention", 1, 1, 10, "num_heads mask_filter_value scale unidirectional",
     multi_head_attention, 0},
    {"Attention", 1, 2, 7,
     "num_heads unidirectional qkv_hidden_sizes scale mask_filter_value do_rotary "
     "past_present_share_buffer rotary_embedding_dim", packed_attention, 0},
    {0},
};
// clang-format on
