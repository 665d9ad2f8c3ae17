/* gumbel.c - the noise of gumbel_softmax: element i of the batch at a step always draws the same
 * number, so a resumed training draws what an unbroken one would. */
#include "base/range.h"
#include "base/rng.h"
#include "ops/ops.h"

enum { BLOCKS = 128 }; /* of four words, a stretch: one call of the kernel */

static int infer(const void *attr, const ax_desc *in, int n_in, ax_desc *out, ax_err *err)
{
    (void)attr, (void)n_in;
    if (in[1].dtype != AX_I64 || in[1].shape.rank != 0)
        return ax_fail(err, AX_ETYPE, "the step must be a scalar int64");
    out[0] = in[0];
    return 0;
}

typedef struct job {
    const float *x;
    float *y;
    ax_rng rng;
    uint64_t base; /* of this step's numbers in the stream */
    int64_t n;
} job;

/* from, to: blocks, no more than BLOCKS of them */
static void stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    uint32_t word[4 * BLOCKS];
    for (int64_t b = from; b < to; b++)
        ax_rng_block(j->rng, j->base + (uint64_t)b, word + 4 * (b - from));
    int64_t end = to * 4 < j->n ? to * 4 : j->n;
    ax_act_add_gumbel(word, j->x + from * 4, j->y + from * 4, (size_t)(end - from * 4));
}

static void run(const ax_call *c)
{
    const ax_gumbel_attr *a = c->attr;
    int64_t n = ax_shape_count(&c->in[0].shape);
    uint64_t step = (uint64_t) * (const int64_t *)c->x[1];
    job j = {.x = c->x[0], .y = c->y[0], .n = n, .rng = {a->seed, a->stream}, .base = step << 32};
    ax_range(c->pool, (n + 3) / 4, BLOCKS, stretch, &j);
}

static void choose(const ax_site *s, ax_choice *c)
{
    (void)s;
    c->inplace = 1;
}

static int grad(ax_graph *g, const ax_node *n, const ax_val *dout, ax_val *din, ax_err *err)
{
    (void)g, (void)n, (void)err;
    din[0] = dout[0];
    return 0;
}

const ax_op ax_op_gumbel = {
    .name = "gumbel",
    .mixed = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .attr_size = sizeof(ax_gumbel_attr),
    .infer = infer,
    .run = run,
    .choose = choose,
    .grad = grad,
};
