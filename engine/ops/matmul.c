/* matmul.c - products of matrices that both come from the run: attention, not layers with weights.
 * Each element is one accumulation in the order of k (math/gemm.h), so a sample's bits are its own.
 */
#include "base/range.h"
#include "math/element.h"
#include "math/gemm.h"
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    const ax_shape *a = &in[0].shape, *b = &in[1].shape;
    char s[160], t[160];
    if (in[0].dtype != in[1].dtype || in[0].dtype == AX_BOOL)
        return ax_fail(err, AX_ETYPE, "matrices of %s and %s, expected one type of numbers",
                       ax_dtype_name(in[0].dtype), ax_dtype_name(in[1].dtype));
    if (a->rank < 2 || b->rank < 2 || a->dim[a->rank - 1] != b->dim[b->rank - 2])
        return ax_fail(err, AX_ESHAPE, "cannot multiply %s and %s", ax_shape_str(a, s, sizeof s),
                       ax_shape_str(b, t, sizeof t));
    out[0] = (ax_desc){in[0].dtype, {.rank = a->rank > b->rank ? a->rank : b->rank}};
    int64_t *y = out[0].shape.dim;
    int rank = out[0].shape.rank;
    for (int i = 3; i <= rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1,
                q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1)
            return ax_fail(err, AX_ESHAPE, "the axes of %s and %s before the matrices do not fit",
                           ax_shape_str(a, s, sizeof s), ax_shape_str(b, t, sizeof t));
        y[rank - i] = p == 1 ? q : p;
    }
    y[rank - 2] = a->dim[a->rank - 2];
    y[rank - 1] = b->dim[b->rank - 1];
    return 0;
}

/* Which matrix of x is used for the i-th of y. */
static int64_t matrix_of(const ax_shape *x, const ax_shape *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = 3; k <= y->rank; k++) {
        int64_t index = i % y->dim[y->rank - k];
        i /= y->dim[y->rank - k];
        if (k > x->rank)
            continue;
        at += (x->dim[x->rank - k] == 1 ? 0 : index) * step;
        step *= x->dim[x->rank - k];
    }
    return at;
}

/* The other types, row by row: float64 in the order of k, whole numbers wrap. */
typedef struct job {
    const ax_call *c;
    int64_t m, n, k;
} job;

static void real_row(const double *a, const double *b, double *y, int64_t n, int64_t k)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = 0;
    for (int64_t p = 0; p < k; p++)
        for (int64_t j = 0; j < n; j++)
            y[j] += a[p] * b[p * n + j];
}

static void whole_row(ax_dtype t, const void *a, int64_t at_a, const void *b, int64_t at_b, void *y,
                      int64_t at_y, int64_t n, int64_t k)
{
    for (int64_t j = 0; j < n; j++) {
        uint64_t sum = 0;
        for (int64_t p = 0; p < k; p++)
            sum += (uint64_t)ax_whole_read(t, a, at_a + p) *
                   (uint64_t)ax_whole_read(t, b, at_b + p * n + j);
        ax_whole_write(t, y, at_y + j, (int64_t)sum);
    }
}

static void other_rows(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    const ax_call *c = j->c;
    ax_dtype t = c->in[0].dtype;
    for (int64_t r = from; r < to; r++) {
        int64_t i = r / j->m, row = r % j->m,
                a = (matrix_of(&c->in[0].shape, &c->out[0].shape, i) * j->m + row) * j->k,
                b = matrix_of(&c->in[1].shape, &c->out[0].shape, i) * j->k * j->n;
        if (t == AX_F64)
            real_row((const double *)c->x[0] + a, (const double *)c->x[1] + b,
                     (double *)c->y[0] + r * j->n, j->n, j->k);
        else
            whole_row(t, c->x[0], a, c->x[1], b, c->y[0], r * j->n, j->n, j->k);
    }
}

static void run(const ax_call *c)
{
    const ax_shape *a = &c->in[0].shape, *b = &c->in[1].shape, *y = &c->out[0].shape;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - 1], many = 1;
    for (int i = 0; i + 2 < y->rank; i++)
        many *= y->dim[i];
    if (m == 0 || n == 0)
        return;
    if (c->in[0].dtype != AX_F32) {
        job j = {c, m, n, k};
        ax_range(c->pool, many * m, 1 + 16384 / (n * (k + 1)), other_rows, &j);
        return;
    }
    for (int64_t i = 0; i < many; i++)
        ax_gemm_pool(0, 0, m, n, k, 1, (const float *)c->x[0] + matrix_of(a, y, i) * m * k, k,
                     (const float *)c->x[1] + matrix_of(b, y, i) * k * n, n, 0,
                     (float *)c->y[0] + i * m * n, n, c->pool);
}

static int64_t flops(const void *attr, const ax_desc *in, const ax_desc *out)
{
    (void)attr;
    return ax_count_mul(2 * in[0].shape.dim[in[0].shape.rank - 1], ax_shape_count(&out[0].shape));
}

/* Matrices with their axes swapped. */
static ax_val swapped(ax_graph *g, const ax_node *n, ax_val v, ax_err *err)
{
    int rank = g->val[v].desc.shape.rank;
    ax_permute_attr a = {{0}};
    for (int i = 0; i < rank; i++)
        a.perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ax_graph_node(g, &ax_op_permute, n->name, &a, &v, 1, err);
}

/* da = dy b^T, db = a^T dy, summed over the matrices that were repeated */
static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    for (int i = 0; i < 2; i++) {
        if (!ax_needs_grad(g, n->in[i]))
            continue;
        ax_val other = swapped(g, n, n->in[1 - i], err);
        ax_val in[] = {i ? other : dout[0], i ? dout[0] : other};
        ax_val d = other < 0 ? other : ax_graph_node(g, &ax_op_matmul, n->name, NULL, in, 2, err);
        if (d >= 0)
            d = ax_graph_node(g, &ax_op_sum_like, n->name, NULL, (ax_val[]){d, n->in[i]}, 2, err);
        if (d < 0)
            return -1;
        din[i] = d;
    }
    return 0;
}

const ax_op ax_op_matmul = {
    .name = "matmul",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = infer,
    .run = run,
    .grad = grad,
    .flops = flops,
};
