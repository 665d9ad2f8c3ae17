/* dropout.c - inverted dropout whose mask is never stored: element i of the batch at a step keeps
 * or loses its value by a counter-based random number, so the gradient makes the same mask again
 * and a resumed training draws the same masks as an unbroken one. */
#include "base/number.h"
#include "base/range.h"
#include "base/rng.h"
#include "ops/ops.h"

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)n_in;
    const ax_dropout_attr *a = attr;
    if (!(a->rate >= 0 && a->rate < 1))
        return ax_fail(err, AX_ERANGE, "rate is %s, expected a number in [0,1)",
                       AX_NUMBER(a->rate));
    if (in[1].dtype != AX_I64 || in[1].shape.rank != 0)
        return ax_fail(err, AX_ETYPE, "the step must be a scalar int64");
    out[0] = in[0];
    return 0;
}

typedef struct job {
    const float *x;
    float *y, scale;
    ax_rng rng;
    uint64_t base; /* of this step's numbers in the stream */
    uint32_t keep; /* a word below this keeps the element  */
    int64_t n;
} job;

static void stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    for (int64_t b = from; b < to; b++) {
        uint32_t word[4];
        ax_rng_block(j->rng, j->base + (uint64_t)b, word);
        for (int k = 0; k < 4 && b * 4 + k < j->n; k++)
            j->y[b * 4 + k] = word[k] < j->keep ? j->x[b * 4 + k] * j->scale : 0;
    }
}

static void run(const ax_call *c)
{
    const ax_dropout_attr *a = c->attr;
    int64_t n = ax_shape_count(&c->in[0].shape);
    uint64_t step = (uint64_t)*(const int64_t *)c->x[1];
    double keep = 1 - a->rate;
    job j = {.x = c->x[0], .y = c->y[0], .scale = (float)(1 / keep), .n = n,
             .rng = {a->seed, a->stream}, .base = step << 32,
             .keep = keep >= 1 ? UINT32_MAX : (uint32_t)(keep * 4294967296.0)};
    ax_range(c->pool, (n + 3) / 4, 4096, stretch, &j);
}

static void choose(const ax_site *s, ax_choice *c)
{
    (void)s;
    c->inplace = 1;
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    din[0] = ax_graph_node(g, &ax_op_dropout, n->name, n->attr, (ax_val[]){dout[0], n->in[1]}, 2, err);
    return din[0] < 0 ? -1 : 0;
}

const ax_op ax_op_dropout = {
    .name = "dropout",
    .mixed = 1, .min_in = 2, .max_in = 2, .n_out = 1, .attr_size = sizeof(ax_dropout_attr),
    .infer = infer, .run = run, .choose = choose, .grad = grad,
};
