/* onnx_ops_product.c - products of matrices, and sums of products by a text (Einsum); see
 * onnx_op.h. */
#include <math.h>
#include <string.h>

#include "io/onnx_op.h"
#include "math/element.h"

/* ---- matrices ---- */

/* With weights that are known, and a matrix, our dense layer; a vector is a matrix of one row or
 * column, whose axis goes again. */
int onnx_matmul(onnx_site *s, ax_onnx_value *first, ax_onnx_value *second, ax_onnx_value *out)
{
    ax_onnx_value a = *first, b = *second, y = {.name = ""}, turned = {.name = ""};
    ax_shape sa = a.desc.shape, sb = b.desc.shape;
    if (sa.rank < 1 || sb.rank < 1)
        return ax_fail(s->err, AX_ESHAPE, "a number, expected a vector or a matrix");
    if (sa.rank == 1 && onnx_reshaped(s, first, &AX_SHAPE(1, sa.dim[0]), &a))
        return -1;
    if (sb.rank == 1 && onnx_reshaped(s, second, &AX_SHAPE(sb.dim[0], 1), &b))
        return -1;
    ax_onnx_value *weights[] = {&b}, *in[] = {&a, &b};
    ax_permute_attr turn = {{1, 0}};
    int dense = b.data && !a.data && b.desc.shape.rank == 2 && b.desc.dtype == AX_F32 &&
                a.desc.dtype == AX_F32;
    if (dense) {
        if (onnx_apply(s, &ax_op_permute, &turn, weights, 1, &turned))
            return -1;
        in[1] = &turned;
    }
    if (onnx_apply(s, dense ? &ax_op_dense : &ax_op_matmul, &(ax_fused_attr){0}, in, 2, &y))
        return -1;
    ax_shape to = y.desc.shape;
    if (sb.rank == 1)
        to.rank--;
    if (sa.rank == 1) {
        to.dim[to.rank - (sb.rank == 1 ? 1 : 2)] = to.dim[to.rank - 1];
        to.rank--;
    }
    return onnx_reshaped(s, &y, &to, out);
}

static int matmul(onnx_site *s)
{
    return onnx_matmul(s, s->in[0], s->in[1], &s->out[0]);
}

static int turned(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out)
{
    ax_permute_attr a = {{1, 0}};
    return onnx_apply(s, &ax_op_permute, &a, &x, 1, out);
}

static int scaled(onnx_site *s, ax_onnx_value *x, float by, ax_onnx_value *out)
{
    ax_onnx_value factor = {.name = ""};
    *out = *x;
    if (by == 1)
        return 0;
    if (!ax_is_float(x->desc.dtype) && by != truncf(by))
        return ax_fail(s->err, AX_EINVAL, "%s by %g", ax_dtype_name(x->desc.dtype), (double)by);
    if (onnx_scalar(s, x->desc.dtype, (double)by, &factor))
        return -1;
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){AX_BINARY_MUL},
                      (ax_onnx_value *[]){x, &factor}, 2, out);
}

static int is_row(const ax_shape *s, int64_t n)
{
    return ax_shape_count(s) == n && s->rank >= 1 && s->dim[s->rank - 1] == n;
}

/* alpha A B + beta C of the types that are no layers */
static int gemm_plain(onnx_site *s, ax_onnx_value *a, ax_onnx_value *b, ax_onnx_value *c)
{
    ax_onnx_value product = {.name = ""}, y;
    if (onnx_apply(s, &ax_op_matmul, NULL, (ax_onnx_value *[]){a, b}, 2, &product) ||
        scaled(s, &product, onnx_float_or(s, "alpha", 1), &y))
        return -1;
    if (c)
        return onnx_pair(s, AX_BINARY_ADD, &y, c, &s->out[0]);
    s->out[0] = y;
    return 0;
}

/* alpha A B + beta C; our dense layer wants the weights as (n, k). C reaches to the result, not
 * further. */
static int gemm(onnx_site *s)
{
    ax_onnx_value a = *s->in[0], b = *s->in[1], c = {.name = ""}, y = {.name = ""}, w;
    int has_c = s->n_in > 2 && s->in[2] && onnx_float_or(s, "beta", 1) != 0,
        dense = a.desc.dtype == AX_F32;
    if (a.desc.shape.rank != 2 || b.desc.shape.rank != 2)
        return ax_fail(s->err, AX_ESHAPE, "matrices of rank %d and %d, expected 2",
                       a.desc.shape.rank, b.desc.shape.rank);
    if ((onnx_int_or(s, "transA", 0) && turned(s, s->in[0], &a)) ||
        ((onnx_int_or(s, "transB", 0) != 0) != dense && turned(s, s->in[1], &b)) ||
        (has_c && scaled(s, s->in[2], onnx_float_or(s, "beta", 1), &c)))
        return -1;
    if (!dense)
        return gemm_plain(s, &a, &b, has_c ? &c : NULL);
    if (scaled(s, &b, onnx_float_or(s, "alpha", 1), &w))
        return -1;
    ax_fused_attr plain = {0};
    int64_t n = w.desc.shape.dim[0];
    int as_bias = has_c && is_row(&c.desc.shape, n);
    ax_onnx_value bias = {.name = ""};
    if (as_bias && onnx_reshaped(s, &c, &AX_SHAPE(n), &bias))
        return -1;
    ax_onnx_value *in[] = {&a, &w, &bias};
    if (!has_c || as_bias)
        return onnx_apply(s, &ax_op_dense, &plain, in, 2 + as_bias, &s->out[0]);
    if (onnx_apply(s, &ax_op_dense, &plain, in, 2, &y))
        return -1;
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){AX_BINARY_ADD},
                      (ax_onnx_value *[]){&y, &c}, 2, &s->out[0]);
}

/* ---- sums of products by a text ----
 *
 * Letters name axes; what "..." stands for has names of its own, counted from the right. Operand by
 * operand is multiplied to what there is: axes that both have and something later needs are a
 * batch, axes that only this pair has are summed over, as products of matrices. */

enum { ELLIPSIS = 52, LABELS = ELLIPSIS + AX_MAX_RANK }; /* A-Z are 0 to 25, a-z 26 to 51 */

/* A tensor whose axes have names, no name twice. */
typedef struct term {
    ax_onnx_value v;
    int label[AX_MAX_RANK]; /* one for each axis */
} term;

typedef struct einsum {
    onnx_site *s;
    int64_t dim[LABELS]; /* 0: no operand has it */
    int uses[LABELS];    /* operands, from the one that comes next on, and the result */
    int times[LABELS];   /* how often it stands on the left */
    int out[AX_MAX_RANK], n_out;
    int ellipsis; /* axes it stands for, the most of any operand */
} einsum;

static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static int bad_text(einsum *e, const char *at)
{
    return ax_fail(e->s->err, AX_EPARSE,
                   "the equation at '%.32s'; expected letters, \"...\", commas and one \"->\"", at);
}

/* The labels of a part of the text up to a comma, "->" or the end; rank -1: that of the result,
 * whose ellipsis has e->ellipsis axes. *at is behind it. Gives how many. */
static int read_labels(einsum *e, const char **at, int rank, int *label)
{
    const char *p = *at;
    int letters = 0, n = 0, dots = 0;
    for (; *p && *p != ',' && strncmp(p, "->", 2) != 0; p++)
        letters += label_of(*p) >= 0;
    int axes = rank < 0 ? e->ellipsis : rank - letters;
    for (p = *at; *p && *p != ',' && strncmp(p, "->", 2) != 0; p++) {
        if (*p == ' ')
            continue;
        if (!strncmp(p, "...", 3) && !dots++) {
            if (axes < 0 || axes > AX_MAX_RANK || n + axes > AX_MAX_RANK)
                return ax_fail(e->s->err, AX_ESHAPE, "'%.32s' has more letters than there are axes",
                               *at);
            for (int i = axes - 1; i >= 0; i--)
                label[n++] = ELLIPSIS + i;
            p += 2;
            continue;
        }
        if (label_of(*p) < 0)
            return bad_text(e, p);
        if (n == AX_MAX_RANK)
            return ax_fail(e->s->err, AX_ELIMIT, "more than %d axes", AX_MAX_RANK);
        label[n++] = label_of(*p);
    }
    if (rank >= 0 && n != rank)
        return ax_fail(e->s->err, AX_ESHAPE, "'%.32s' names %d axes of a tensor of rank %d", *at, n,
                       rank);
    if (dots && rank >= 0 && axes > e->ellipsis)
        e->ellipsis = axes;
    *at = p;
    return n;
}

/* The operands' labels and what the labels' dimensions are; an axis of one element fits any. */
static int read_operands(einsum *e, const char **at, term *t)
{
    for (int i = 0; i < e->s->n_in; i++) {
        t[i].v = *e->s->in[i];
        const ax_shape *x = &t[i].v.desc.shape;
        if (i && *(*at)++ != ',')
            return ax_fail(e->s->err, AX_EINVAL, "the equation has %d operands, there are %d", i,
                           e->s->n_in);
        if (read_labels(e, at, x->rank, t[i].label) < 0)
            return -1;
        for (int k = 0; k < x->rank; k++) {
            int l = t[i].label[k];
            if (e->times[l]++ && e->dim[l] != x->dim[k] && e->dim[l] != 1 && x->dim[k] != 1)
                return ax_fail(e->s->err, AX_ESHAPE,
                               "axis %d of operand %d has %lld elements, %lld are expected", k, i,
                               (long long)x->dim[k], (long long)e->dim[l]);
            if (e->times[l] == 1 || e->dim[l] == 1)
                e->dim[l] = x->dim[k];
        }
    }
    return 0;
}

/* Behind "->", or what stands once on the left, in order, behind the ellipsis. */
static int read_result(einsum *e, const char *at)
{
    if (!strncmp(at, "->", 2)) {
        at += 2;
        if ((e->n_out = read_labels(e, &at, -1, e->out)) < 0)
            return -1;
        if (*at)
            return bad_text(e, at);
    } else if (*at) {
        return ax_fail(e->s->err, AX_EINVAL, "the equation has more operands than the %d there are",
                       e->s->n_in);
    } else {
        for (int i = e->ellipsis - 1; i >= 0; i--)
            e->out[e->n_out++] = ELLIPSIS + i;
        for (int l = 0; l < ELLIPSIS; l++) {
            if (e->times[l] != 1)
                continue;
            if (e->n_out == AX_MAX_RANK)
                return ax_fail(e->s->err, AX_ELIMIT, "a result of more than %d axes", AX_MAX_RANK);
            e->out[e->n_out++] = l;
        }
    }
    for (int i = 0; i < e->n_out; i++) {
        if (!e->times[e->out[i]] || e->uses[e->out[i]])
            return ax_fail(e->s->err, AX_EINVAL, "an axis of the result is %s",
                           e->uses[e->out[i]] ? "named twice" : "in no operand");
        e->uses[e->out[i]] = 1;
    }
    return 0;
}

/* Each label once: a diagonal where it stood more often; without the axes of one element that stand
 * for more. */
static int simplify(einsum *e, term *t)
{
    ax_strided_attr a = {0};
    int label[AX_MAX_RANK];
    const ax_shape *x = &t->v.desc.shape;
    int64_t step = 1;
    ax_onnx_value y = {.name = ""}, *in = &t->v;
    for (int k = x->rank - 1; k >= 0; step *= x->dim[k--]) {
        int l = t->label[k], at = 0;
        if (x->dim[k] == 1 && e->dim[l] != 1)
            continue;
        while (at < a.shape.rank && label[at] != l)
            at++;
        if (at == a.shape.rank) {
            label[at] = l;
            a.shape.dim[at] = x->dim[k];
            a.step[at] = 0;
            a.shape.rank++;
        }
        a.step[at] += step;
    }
    int same = a.shape.rank == x->rank;
    if (same)
        return 0;
    if (onnx_apply(e->s, &ax_op_strided, &a, &in, 1, &y))
        return -1;
    t->v = y;
    memcpy(t->label, label, sizeof label);
    return 0;
}

static int find_label(const term *t, int l)
{
    for (int k = 0; k < t->v.desc.shape.rank; k++)
        if (t->label[k] == l)
            return k;
    return -1;
}

/* Sum over what only this term has and nothing needs. */
static int sum_alone(einsum *e, term *t, const term *other)
{
    ax_reduce_attr a = {.kind = AX_REDUCE_SUM};
    ax_onnx_value y = {.name = ""}, *in = &t->v;
    int label[AX_MAX_RANK], n = 0;
    for (int k = 0; k < t->v.desc.shape.rank; k++) {
        int l = t->label[k];
        if (!e->uses[l] && (!other || find_label(other, l) < 0))
            a.axes |= 1u << k;
        else
            label[n++] = l;
    }
    if (!a.axes)
        return 0;
    if (onnx_apply(e->s, &ax_op_reduce, &a, &in, 1, &y))
        return -1;
    t->v = y;
    memcpy(t->label, label, (size_t)n * sizeof *label);
    return 0;
}

/* The axes in this order. */
static int ordered(einsum *e, term *t, const int *label, int n)
{
    ax_permute_attr a = {0};
    ax_onnx_value y = {.name = ""}, *in = &t->v;
    int same = 1;
    for (int k = 0; k < n; k++) {
        a.perm[k] = find_label(t, label[k]);
        same &= a.perm[k] == k;
    }
    if (!same) {
        if (onnx_apply(e->s, &ax_op_permute, &a, &in, 1, &y))
            return -1;
        t->v = y;
        memcpy(t->label, label, (size_t)n * sizeof *label);
    }
    return 0;
}

/* What each label of a pair is: of the batch, of one alone, summed over. */
typedef struct parts {
    int batch[AX_MAX_RANK], a[AX_MAX_RANK], b[AX_MAX_RANK], sum[AX_MAX_RANK];
    int n_batch, n_a, n_b, n_sum;
} parts;

static void part_labels(const einsum *e, const term *a, const term *b, parts *p)
{
    for (int k = 0; k < a->v.desc.shape.rank; k++) {
        int l = a->label[k];
        if (find_label(b, l) < 0)
            p->a[p->n_a++] = l;
        else if (e->uses[l])
            p->batch[p->n_batch++] = l;
        else
            p->sum[p->n_sum++] = l;
    }
    for (int k = 0; k < b->v.desc.shape.rank; k++)
        if (find_label(a, b->label[k]) < 0)
            p->b[p->n_b++] = b->label[k];
}

static int append(int *to, int n, const int *labels, int more)
{
    memcpy(to + n, labels, (size_t)more * sizeof *labels);
    return n + more;
}

static int64_t together(const einsum *e, const int *label, int n)
{
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= e->dim[label[i]];
    return count;
}

/* The term with its axes in this order, seen in another shape. */
static int laid_out(einsum *e, term *t, const int *label, int n, const ax_shape *shape,
                    ax_onnx_value *out)
{
    *out = (ax_onnx_value){.name = ""};
    return ordered(e, t, label, n) || onnx_reshaped(e->s, &t->v, shape, out) ? -1 : 0;
}

/* a becomes a times b, summed over what only the two have. */
static int multiply(einsum *e, term *a, term *b)
{
    parts p = {0};
    int la[AX_MAX_RANK], lb[AX_MAX_RANK], na, nb;
    ax_onnx_value x, z, y = {.name = ""};
    part_labels(e, a, b, &p);
    int rank = p.n_batch + p.n_a + p.n_b;
    if (rank > AX_MAX_RANK)
        return ax_fail(e->s->err, AX_ELIMIT, "a product of %d axes, at most %d", rank, AX_MAX_RANK);
    na = append(la, append(la, append(la, 0, p.batch, p.n_batch), p.a, p.n_a), p.sum, p.n_sum);
    int64_t batch = together(e, p.batch, p.n_batch), m = together(e, p.a, p.n_a),
            n = together(e, p.b, p.n_b), k = together(e, p.sum, p.n_sum);
    if (p.n_sum) {
        nb = append(lb, append(lb, append(lb, 0, p.batch, p.n_batch), p.sum, p.n_sum), p.b, p.n_b);
        if (laid_out(e, a, la, na, &AX_SHAPE(batch, m, k), &x) ||
            laid_out(e, b, lb, nb, &AX_SHAPE(batch, k, n), &z) ||
            onnx_apply(e->s, &ax_op_matmul, NULL, (ax_onnx_value *[]){&x, &z}, 2, &y))
            return -1;
    } else {
        nb = append(lb, append(lb, 0, p.batch, p.n_batch), p.b, p.n_b);
        if (laid_out(e, a, la, na, &AX_SHAPE(batch, m, 1), &x) ||
            laid_out(e, b, lb, nb, &AX_SHAPE(batch, 1, n), &z) ||
            onnx_pair(e->s, AX_BINARY_MUL, &x, &z, &y))
            return -1;
    }
    append(a->label, append(a->label, append(a->label, 0, p.batch, p.n_batch), p.a, p.n_a), p.b,
           p.n_b);
    ax_shape to = {.rank = rank};
    for (int i = 0; i < rank; i++)
        to.dim[i] = e->dim[a->label[i]];
    a->v = (ax_onnx_value){.name = ""};
    return onnx_reshaped(e->s, &y, &to, &a->v);
}

static int einsum_of(onnx_site *s)
{
    einsum e = {.s = s};
    const char *at = onnx_text_or(s, "equation", "");
    term *t = onnx_alloc(s, s->n_in + 1, sizeof *t);
    if (!t || read_operands(&e, &at, t) || read_result(&e, at))
        return -1;
    for (int i = 0; i < s->n_in; i++) {
        if (simplify(&e, &t[i]))
            return -1;
        for (int k = 0; k < t[i].v.desc.shape.rank; k++)
            e.uses[t[i].label[k]]++;
    }
    for (int k = 0; k < t[0].v.desc.shape.rank; k++)
        e.uses[t[0].label[k]]--;
    for (int i = 1; i < s->n_in; i++) {
        for (int k = 0; k < t[i].v.desc.shape.rank; k++)
            e.uses[t[i].label[k]]--;
        if (sum_alone(&e, &t[0], &t[i]) || sum_alone(&e, &t[i], &t[0]) ||
            multiply(&e, &t[0], &t[i]))
            return -1;
    }
    if (sum_alone(&e, &t[0], NULL) || ordered(&e, &t[0], e.out, e.n_out))
        return -1;
    s->out[0] = t[0].v;
    return 0;
}

// clang-format off
const onnx_row onnx_rows_product[] = {
    {"MatMul", 1, 2, 2, "", matmul, 0},
    {"Gemm", 1, 3, 3, "alpha beta transA transB broadcast", gemm, 0},
    {"Gemm", 7, 2, 3, "alpha beta transA transB", gemm, 0},
    {"Einsum", 12, 1, INT32_MAX, "equation", einsum_of, 0},
    {0},
};
// clang-format on
