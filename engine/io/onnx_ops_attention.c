/* onnx_ops_attention.c - Attention and RotaryEmbedding of ONNX; see onnx_op.h. */
#include <math.h>
#include <string.h>

#include "io/onnx_attention.h"

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, LENGTHS, INPUTS };

/* ---- Attention ---- */

/* Queries, keys or values with a head each: of rank 4 they have them already. */
static int with_heads(onnx_site *s, ax_onnx_value *x, const char *attr, ax_onnx_value *out)
{
    if (x->desc.shape.rank == 3)
        return onnx_split_heads(s, x, onnx_int_or(s, attr, 0), out);
    if (x->desc.shape.rank != 4)
        return ax_fail(s->err, AX_ESHAPE, "an input of rank %d, expected 3 or 4",
                       x->desc.shape.rank);
    *out = *x;
    return 0;
}

/* Keys that a mask says nothing about are not looked at. */
static int widened(onnx_site *s, ax_onnx_value *mask, int64_t keys, ax_onnx_value *out)
{
    const ax_shape *m = &mask->desc.shape;
    ax_pad_attr a = {.mode = AX_PAD_CONSTANT};
    float never = -INFINITY;
    int64_t missing = m->rank ? keys - m->dim[m->rank - 1] : 0;
    if (missing <= 0 || m->dim[m->rank - 1] == 1) {
        *out = *mask;
        return 0;
    }
    if (mask->desc.dtype == AX_F32)
        memcpy(a.value, &never, sizeof never);
    a.after[m->rank - 1] = missing;
    return onnx_apply(s, &ax_op_pad, &a, &mask, 1, out);
}

static int add_mask(onnx_site *s, ax_onnx_value *mask, int64_t keys, onnx_attention *a,
                    ax_onnx_value *room)
{
    if (mask->desc.dtype != AX_BOOL && mask->desc.dtype != AX_F32)
        return ax_fail(s->err, AX_ETYPE, "the mask is %s, expected bool or float32",
                       ax_dtype_name(mask->desc.dtype));
    if (widened(s, mask, keys, &room[0]))
        return -1;
    a->bias[a->n_bias++] = &room[mask->desc.dtype == AX_BOOL];
    return mask->desc.dtype == AX_BOOL ? onnx_mask(s, &room[0], -INFINITY, &room[1]) : 0;
}

/* Numbers from `first` on along the keys, less those of the queries times `down`: (1,1,L,S) int64
 */
static int places(onnx_site *s, int64_t queries, int64_t keys, int down, ax_onnx_value *out)
{
    ax_shape to = AX_SHAPE(1, 1, down ? queries : 1, keys);
    int64_t n = ax_shape_count_checked(&to, sizeof(int64_t), s->err);
    int64_t *v = n < 0 ? NULL : onnx_alloc(s, n + 1, sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = i % keys - i / keys;
    *out = (ax_onnx_value){"", {AX_I64, to}, v, AX_NONE};
    return v ? 0 : -1;
}

/* How many keys each sample has: (B). Keys behind them are not looked at; where queries look back
 * only, the last query sees the last key. */
static int add_lengths(onnx_site *s, ax_onnx_value *lens, int causal, int64_t queries, int64_t keys,
                       onnx_attention *a, ax_onnx_value *room)
{
    ax_onnx_value own = {.name = ""}, at = {.name = ""}, back = {.name = ""}, n = {.name = ""};
    ax_onnx_value yes = {.name = ""};
    int64_t batch = a->q.desc.shape.dim[0];
    if (lens->desc.dtype != AX_I64 || ax_shape_count(&lens->desc.shape) != batch)
        return ax_fail(s->err, AX_ESHAPE, "nonpad_kv_seqlen is not one int64 for each of %lld",
                       (long long)batch);
    if (onnx_reshaped(s, lens, &AX_SHAPE(batch, 1, 1, 1), &own) ||
        places(s, queries, keys, 0, &at) || onnx_pair(s, AX_BINARY_LESS, &at, &own, &yes) ||
        onnx_mask(s, &yes, -INFINITY, &room[0]))
        return -1;
    a->bias[a->n_bias++] = &room[0];
    if (!causal)
        return 0;
    if (onnx_constant(s, AX_I64, &(ax_shape){0}, &queries, &n) ||
        onnx_pair(s, AX_BINARY_SUB, &own, &n, &back) || places(s, queries, keys, 1, &at) ||
        onnx_pair(s, AX_BINARY_LESS_EQUAL, &at, &back, &yes) ||
        onnx_mask(s, &yes, -INFINITY, &room[1]))
        return -1;
    a->bias[a->n_bias++] = &room[1];
    return 0;
}

static int put_outputs(onnx_site *s, onnx_attention *a)
{
    int64_t mode = onnx_int_or(s, "qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3)
        return ax_fail(s->err, AX_ERANGE, "qk_matmul_output_mode is %lld, expected 0 to 3",
                       (long long)mode);
    s->out[1] = a->k;
    s->out[2] = a->v;
    s->out[3] = a->scores[mode];
    if (s->in[Q]->desc.shape.rank == 3)
        return onnx_join_heads(s, &a->y, &s->out[0]);
    s->out[0] = a->y;
    return 0;
}

static int attention(onnx_site *s)
{
    onnx_attention a = {.softcap = onnx_float_or(s, "softcap", 0)};
    ax_onnx_value k = {.name = ""}, v = {.name = ""}, mask[2], lens[2], causal = {.name = ""};
    ax_onnx_value *in[INPUTS] = {NULL};
    memcpy(in, s->in, (size_t)s->n_in * sizeof *in);
    memset(mask, 0, sizeof mask);
    memset(lens, 0, sizeof lens);
    if (!in[PAST_KEY] != !in[PAST_VALUE] || (in[LENGTHS] && in[PAST_KEY]))
        return ax_fail(s->err, AX_EINVAL,
                       "past_key goes with past_value, and without nonpad_kv_seqlen");
    if (with_heads(s, in[Q], "q_num_heads", &a.q) || with_heads(s, in[K], "kv_num_heads", &k) ||
        with_heads(s, in[V], "kv_num_heads", &v) || onnx_behind(s, in[PAST_KEY], &k, &a.k) ||
        onnx_behind(s, in[PAST_VALUE], &v, &a.v))
        return -1;
    int64_t queries = a.q.desc.shape.dim[2], keys = a.k.desc.shape.dim[2];
    int64_t past = in[PAST_KEY] ? in[PAST_KEY]->desc.shape.dim[2] : 0;
    int only_back = onnx_int_or(s, "is_causal", 0) != 0;
    a.scale = onnx_float_or(s, "scale", 0);
    if (a.scale == 0)
        a.scale = (float)(1 / sqrt((double)a.q.desc.shape.dim[3]));
    if (in[MASK] && add_mask(s, in[MASK], keys, &a, mask))
        return -1;
    if (in[LENGTHS] && add_lengths(s, in[LENGTHS], only_back, queries, keys, &a, lens))
        return -1;
    if (only_back && !in[LENGTHS]) {
        if (onnx_causal(s, queries, keys, past, -INFINITY, &causal))
            return -1;
        a.bias[a.n_bias++] = &causal;
    }
    return onnx_attend(s, &a) || put_outputs(s, &a) ? -1 : 0;
}

/* ---- RotaryEmbedding ---- */

enum { X, COS, SIN, POSITIONS };

/* Row of a table for each place: (B,L,1,half) */
static int angles(onnx_site *s, int i, ax_onnx_value *x, int64_t half, ax_onnx_value *out)
{
    ax_onnx_value rows = *s->in[i];
    const int64_t *d = x->desc.shape.dim;
    if (s->n_in > POSITIONS && s->in[POSITIONS]) {
        ax_onnx_value *in[] = {s->in[i], s->in[POSITIONS]};
        if (onnx_apply(s, &ax_op_gather, &(ax_axis_attr){0}, in, 2, &rows))
            return -1;
    }
    const ax_shape *r = &rows.desc.shape;
    if (r->rank != 3 || r->dim[0] != d[0] || r->dim[1] != d[1] || r->dim[2] != half)
        return ax_fail(s->err, AX_ESHAPE, "input %d does not have %lld angles for each place", i,
                       (long long)half);
    return onnx_reshaped(s, &rows, &AX_SHAPE(d[0], d[1], 1, half), out);
}

/* (cos a - sin b, sin a + cos b) */
static int turned(onnx_site *s, ax_onnx_value *cos, ax_onnx_value *sin, ax_onnx_value *a,
                  ax_onnx_value *b, ax_onnx_value out[2])
{
    ax_onnx_value p[4] = {{.name = ""}, {.name = ""}, {.name = ""}, {.name = ""}};
    return onnx_pair(s, AX_BINARY_MUL, a, cos, &p[0]) ||
                   onnx_pair(s, AX_BINARY_MUL, b, sin, &p[1]) ||
                   onnx_pair(s, AX_BINARY_MUL, a, sin, &p[2]) ||
                   onnx_pair(s, AX_BINARY_MUL, b, cos, &p[3]) ||
                   onnx_pair(s, AX_BINARY_SUB, &p[0], &p[1], &out[0]) ||
                   onnx_pair(s, AX_BINARY_ADD, &p[2], &p[3], &out[1])
               ? -1
               : 0;
}

/* The first `size` of the last axis (B,L,N,D) turned; pairs are neighbours, or halves. */
static int rotate(onnx_site *s, ax_onnx_value *x, int64_t size, int neighbours, ax_onnx_value *out)
{
    const int64_t *d = x->desc.shape.dim, half = size / 2;
    int axis = neighbours ? 4 : 3;
    ax_shape whole = AX_SHAPE(d[0], d[1], d[2], size), one = AX_SHAPE(d[0], d[1], d[2], half);
    ax_shape apart = AX_SHAPE(d[0], d[1], d[2], half, 2),
             thin = AX_SHAPE(d[0], d[1], d[2], half, 1);
    ax_onnx_value cos = {.name = ""}, sin = {.name = ""}, cut = {.name = ""}, all;
    ax_onnx_value part[2] = {{.name = ""}, {.name = ""}}, y[2] = {{.name = ""}, {.name = ""}};
    if (angles(s, COS, x, half, &cos) || angles(s, SIN, x, half, &sin) ||
        onnx_cut(s, x, 3, 0, size, &cut))
        return -1;
    all = cut;
    if (neighbours && onnx_reshaped(s, &cut, &apart, &all))
        return -1;
    for (int i = 0; i < 2; i++) {
        ax_onnx_value piece = {.name = ""};
        if (onnx_cut(s, &all, axis, neighbours ? i : i * half, neighbours ? 1 : half, &piece) ||
            onnx_reshaped(s, &piece, &one, &part[i]))
            return -1;
    }
    if (turned(s, &cos, &sin, &part[0], &part[1], y))
        return -1;
    for (int i = 0; i < 2; i++)
        if (onnx_reshaped(s, &y[i], neighbours ? &thin : &one, &part[i]))
            return -1;
    ax_onnx_value joined = {.name = ""}, *in[] = {&part[0], &part[1]};
    return onnx_joined(s, axis, in, 2, &joined) || onnx_reshaped(s, &joined, &whole, out) ? -1 : 0;
}

static int rotary(onnx_site *s)
{
    static const int swap_middle[] = {0, 2, 1, 3};
    ax_shape d = s->in[X]->desc.shape;
    int64_t heads = onnx_int_or(s, "num_heads", 0);
    ax_onnx_value x = {.name = ""}, first = {.name = ""}, rest = {.name = ""}, y = {.name = ""};
    if (d.rank != 4 && (d.rank != 3 || heads < 1 || d.dim[2] % heads))
        return ax_fail(s->err, AX_ESHAPE, "an input of rank %d with num_heads %lld", d.rank,
                       (long long)heads);
    if (d.rank == 4 ? onnx_permuted(s, s->in[X], swap_middle, &x)
                    : onnx_reshaped(s, s->in[X],
                                    &AX_SHAPE(d.dim[0], d.dim[1], heads, d.dim[2] / heads), &x))
        return -1;
    int64_t all = x.desc.shape.dim[3], size = onnx_int_or(s, "rotary_embedding_dim", 0);
    size = size ? size : all;
    if (size < 2 || size > all || size % 2)
        return ax_fail(s->err, AX_ERANGE, "rotary_embedding_dim is %lld of %lld", (long long)size,
                       (long long)all);
    if (rotate(s, &x, size, onnx_int_or(s, "interleaved", 0) != 0, &first))
        return -1;
    y = first;
    if (size < all) {
        ax_onnx_value *in[] = {&first, &rest};
        if (onnx_cut(s, &x, 3, size, all - size, &rest) || onnx_joined(s, 3, in, 2, &y))
            return -1;
    }
    return d.rank == 4 ? onnx_permuted(s, &y, swap_middle, &s->out[0])
                       : onnx_reshaped(s, &y, &d, &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_attention[] = {
    {"Attention", 23, 3, 6,
     "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision",
     attention, 0},
    {"Attention", 24, 3, 7,
     "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision",
     attention, 0},
    {"RotaryEmbedding", 23, 3, 4, "interleaved num_heads rotary_embedding_dim", rotary, 0},
    {0},
};
// clang-format on
