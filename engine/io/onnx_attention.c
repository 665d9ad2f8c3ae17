/* onnx_attention.c - scaled dot-product attention, composed of products, sums and a softmax; see
 * onnx_attention.h. */
#include "io/onnx_attention.h"

#include <math.h>
#include <string.h>

/* ---- small steps ---- */

int onnx_permuted(onnx_site *s, ax_onnx_value *x, const int *perm, ax_onnx_value *out)
{
    ax_permute_attr a = {{0}};
    memcpy(a.perm, perm, (size_t)x->desc.shape.rank * sizeof *perm);
    return onnx_apply(s, &ax_op_permute, &a, &x, 1, out);
}

int onnx_times(onnx_site *s, ax_onnx_value *x, float by, ax_onnx_value *out)
{
    ax_onnx_value factor = {.name = ""};
    if (by == 1) {
        *out = *x;
        return 0;
    }
    return onnx_number(s, by, &factor) || onnx_pair(s, AX_BINARY_MUL, x, &factor, out) ? -1 : 0;
}

int onnx_activated(onnx_site *s, const char *row, ax_onnx_value *x, ax_onnx_value *out)
{
    ax_activation_attr a = {.axis = -1};
    return ax_act_by_name(row, &a.act, s->err) || onnx_apply(s, &ax_op_activation, &a, &x, 1, out)
               ? -1
               : 0;
}

int onnx_cut(onnx_site *s, ax_onnx_value *x, int axis, int64_t from, int64_t count,
             ax_onnx_value *out)
{
    return onnx_apply(s, &ax_op_slice, &(ax_slice_attr){axis, from, count}, &x, 1, out);
}

/* ---- heads ---- */

static const int swap_middle[] = {0, 2, 1, 3};

int onnx_split_heads(onnx_site *s, ax_onnx_value *x, int64_t heads, ax_onnx_value *out)
{
    const ax_shape *d = &x->desc.shape;
    ax_onnx_value split = {.name = ""};
    if (d->rank != 3 || heads < 1 || d->dim[2] % heads)
        return ax_fail(s->err, AX_ESHAPE, "%lld features of rank %d for %lld heads",
                       (long long)(d->rank ? d->dim[d->rank - 1] : 0), d->rank, (long long)heads);
    ax_shape to = AX_SHAPE(d->dim[0], d->dim[1], heads, d->dim[2] / heads);
    return onnx_reshaped(s, x, &to, &split) || onnx_permuted(s, &split, swap_middle, out) ? -1 : 0;
}

int onnx_join_heads(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out)
{
    const int64_t *d = x->desc.shape.dim;
    ax_onnx_value turned = {.name = ""};
    ax_shape to = AX_SHAPE(d[0], d[2], d[1] * d[3]);
    return onnx_permuted(s, x, swap_middle, &turned) || onnx_reshaped(s, &turned, &to, out) ? -1
                                                                                            : 0;
}

int onnx_behind(onnx_site *s, ax_onnx_value *past, ax_onnx_value *x, ax_onnx_value *out)
{
    if (!past) {
        *out = *x;
        return 0;
    }
    return onnx_apply(s, &ax_op_concat, &(ax_axis_attr){2}, (ax_onnx_value *[]){past, x}, 2, out);
}

/* ---- masks ---- */

int onnx_causal(onnx_site *s, int64_t queries, int64_t keys, int64_t offset, float otherwise,
                ax_onnx_value *out)
{
    ax_shape to = AX_SHAPE(queries, keys);
    int64_t n = ax_shape_count_checked(&to, sizeof(float), s->err);
    float *v = n < 0 ? NULL : onnx_alloc(s, n + 1, sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = i % keys <= i / keys + offset ? 0 : otherwise;
    *out = (ax_onnx_value){"", {AX_F32, to}, v, AX_NONE};
    return v ? 0 : -1;
}

int onnx_mask(onnx_site *s, ax_onnx_value *yes, float otherwise, ax_onnx_value *out)
{
    ax_onnx_value zero = {.name = ""}, other = {.name = ""};
    return onnx_number(s, 0, &zero) || onnx_number(s, otherwise, &other) ||
                   onnx_where(s, yes, &zero, &other, out)
               ? -1
               : 0;
}

/* ---- attention ---- */

static int check(onnx_site *s, const onnx_attention *a)
{
    const ax_shape *q = &a->q.desc.shape, *k = &a->k.desc.shape, *v = &a->v.desc.shape;
    char t[3][160];
    if (q->rank == 4 && k->rank == 4 && v->rank == 4 && q->dim[0] == k->dim[0] &&
        q->dim[0] == v->dim[0] && k->dim[1] == v->dim[1] && k->dim[1] > 0 &&
        q->dim[1] % k->dim[1] == 0 && q->dim[3] == k->dim[3] && k->dim[2] == v->dim[2] &&
        q->dim[3] > 0)
        return 0;
    return ax_fail(s->err, AX_ESHAPE, "queries %s, keys %s and values %s do not fit each other",
                   ax_shape_str(q, t[0], sizeof *t), ax_shape_str(k, t[1], sizeof *t),
                   ax_shape_str(v, t[2], sizeof *t));
}

/* Heads of queries that share keys are rows of one product: (B,heads,N/heads*L,D). */
static int grouped(onnx_site *s, ax_onnx_value *x, int64_t heads, ax_onnx_value *out)
{
    const int64_t *d = x->desc.shape.dim;
    ax_shape to = AX_SHAPE(d[0], heads, d[1] / heads * d[2], d[3]);
    return onnx_reshaped(s, x, &to, out);
}

static int product(onnx_site *s, ax_onnx_value *a, ax_onnx_value *b, ax_onnx_value *out)
{
    return onnx_apply(s, &ax_op_matmul, NULL, (ax_onnx_value *[]){a, b}, 2, out);
}

static int capped(onnx_site *s, ax_onnx_value *x, float cap, ax_onnx_value *out)
{
    ax_onnx_value small = {.name = ""}, bent = {.name = ""};
    if (cap == 0) {
        *out = *x;
        return 0;
    }
    return onnx_times(s, x, 1 / cap, &small) || onnx_activated(s, "tanh", &small, &bent) ||
                   onnx_times(s, &bent, cap, out)
               ? -1
               : 0;
}

int onnx_attend(onnx_site *s, onnx_attention *a)
{
    static const int turn[] = {0, 1, 3, 2};
    ax_onnx_value scaled = {.name = ""}, q = {.name = ""}, keys = {.name = ""}, flat = {.name = ""};
    ax_onnx_value shares = {.name = ""}, y = {.name = ""};
    if (check(s, a))
        return -1;
    const int64_t *d = a->q.desc.shape.dim;
    int64_t heads = a->k.desc.shape.dim[1], n_keys = a->k.desc.shape.dim[2];
    ax_shape scores = AX_SHAPE(d[0], d[1], d[2], n_keys);
    ax_shape out = AX_SHAPE(d[0], d[1], d[2], a->v.desc.shape.dim[3]);
    if (onnx_times(s, &a->q, a->scale, &scaled) || grouped(s, &scaled, heads, &q) ||
        onnx_permuted(s, &a->k, turn, &keys) || product(s, &q, &keys, &flat) ||
        onnx_reshaped(s, &flat, &scores, &a->scores[0]) ||
        capped(s, &a->scores[0], a->softcap, &a->scores[1]))
        return -1;
    a->scores[2] = a->scores[1];
    for (int i = 0; i < a->n_bias; i++) {
        ax_onnx_value before = a->scores[2];
        if (onnx_pair(s, AX_BINARY_ADD, &before, a->bias[i], &a->scores[2]))
            return -1;
    }
    if (!ax_shape_equal(&a->scores[2].desc.shape, &scores))
        return ax_fail(s->err, AX_ESHAPE, "a mask that does not fit %lld queries and %lld keys",
                       (long long)d[2], (long long)n_keys);
    return onnx_activated(s, "softmax", &a->scores[2], &a->scores[3]) ||
                   grouped(s, &a->scores[3], heads, &shares) || product(s, &shares, &a->v, &y) ||
                   onnx_reshaped(s, &y, &out, &a->y)
               ? -1
               : 0;
}
