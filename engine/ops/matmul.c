/* matmul.c - products of matrices that both come from the run: attention, not layers with weights.
 * Each element is one accumulation in the order of k (math/gemm.h), so a sample's bits are its own.
 */
#include "math/gemm.h"
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    const ax_shape *a = &in[0].shape, *b = &in[1].shape;
    char s[160], t[160];
    if (in[0].dtype != AX_F32 || in[1].dtype != AX_F32)
        return ax_fail(err, AX_ETYPE, "matrices of %s and %s, float32 is taken",
                       ax_dtype_name(in[0].dtype), ax_dtype_name(in[1].dtype));
    if (a->rank < 2 || b->rank < 2 || a->dim[a->rank - 1] != b->dim[b->rank - 2])
        return ax_fail(err, AX_ESHAPE, "cannot multiply %s and %s", ax_shape_str(a, s, sizeof s),
                       ax_shape_str(b, t, sizeof t));
    out[0] = (ax_desc){AX_F32, {.rank = a->rank > b->rank ? a->rank : b->rank}};
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

static void run(const ax_call *c)
{
    const ax_shape *a = &c->in[0].shape, *b = &c->in[1].shape, *y = &c->out[0].shape;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - 1], many = 1;
    for (int i = 0; i + 2 < y->rank; i++)
        many *= y->dim[i];
    if (m == 0 || n == 0)
        return;
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

const ax_op ax_op_matmul = {
    .name = "matmul",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = infer,
    .run = run,
    .flops = flops,
};
