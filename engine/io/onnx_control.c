/* onnx_control.c - If, Loop and SequenceMap. What decides about them has to be known: then a branch
 * is its nodes, and a loop is unrolled, or computed where all it works on is known; see
 * onnx_scope.h for the bounds. */
#include <string.h>

#include "base/ints.h"
#include "io/onnx_body.h"

/* A condition: one bool. */
static int is_condition(onnx_site *s, const ax_onnx_value *v, const char *what)
{
    if (!onnx_sequence_of(v) && v->desc.dtype == AX_BOOL && ax_shape_count(&v->desc.shape) == 1)
        return 0;
    return ax_fail(s->err, AX_ETYPE, "%s is %s of %lld elements, expected one bool", what,
                   ax_dtype_name(v->desc.dtype), (long long)ax_shape_count(&v->desc.shape));
}

/* ---- If ---- */

enum {
    BRANCH_NODES = 4096,
    BRANCH_FLOPS = 1 << 28 /* what is computed in vain at most */
};

static int branch(onnx_site *s, const char *which, ax_onnx_value **out)
{
    onnx_body b;
    if (onnx_body_open(s, which, &b))
        return -1;
    if (b.g->n_in || b.g->n_out < s->n_out)
        return ax_fail(s->err, AX_EINVAL, "%s has %d inputs and %d outputs, expected 0 and %d",
                       which, b.g->n_in, b.g->n_out, s->n_out);
    *out = onnx_values(s, b.g->n_out);
    return *out ? onnx_body_run(&b, NULL, *out) : -1;
}

static int64_t flops_since(const ax_graph *g, int first)
{
    int64_t sum = 0;
    for (int i = first; i < g->n_node; i++) {
        const ax_node *n = &g->node[i];
        ax_desc in[AX_MAX_IN];
        for (int k = 0; k < n->n_in; k++)
            in[k] = n->in[k] >= 0 ? g->val[n->in[k]].desc : (ax_desc){.shape.rank = -1};
        const ax_desc *out = &g->val[n->out].desc;
        sum = ax_count_add(sum, n->op->flops ? n->op->flops(n->attr, in, out)
                                             : ax_shape_count(&out->shape));
    }
    return sum;
}

/* Both branches, then the outputs of the right one: branches have no side effects. What cannot be
 * built so is AX_EUNKNOWN: with a known condition the other branch would not matter. */
static int both_branches(onnx_site *s)
{
    ax_onnx_value *yes, *no;
    int first = s->m->g->n_node;
    ax_err *err = s->err, why;
    s->err = &why;
    int bad = branch(s, "then_branch", &yes) || branch(s, "else_branch", &no);
    s->err = err;
    if (bad && (why.code == AX_ENOMEM || why.code == AX_ELIMIT))
        return ax_fail(err, why.code, "%s", why.msg);
    if (bad || s->m->g->n_node - first > BRANCH_NODES || flops_since(s->m->g, first) > BRANCH_FLOPS)
        return onnx_unknown(s, 0);
    for (int i = 0; i < s->n_out; i++)
        if (onnx_sequence_of(&yes[i]) || onnx_sequence_of(&no[i]) ||
            yes[i].desc.dtype != no[i].desc.dtype ||
            !ax_shape_equal(&yes[i].desc.shape, &no[i].desc.shape))
            return onnx_unknown(s, 0);
    for (int i = 0; i < s->n_out; i++) {
        ax_onnx_value cond = {.name = ""};
        if (onnx_reshaped(s, s->in[0], &(ax_shape){0}, &cond) ||
            onnx_where(s, &cond, &yes[i], &no[i], &s->out[i]))
            return -1;
    }
    return 0;
}

static int if_then_else(onnx_site *s)
{
    ax_onnx_value *out;
    if (is_condition(s, s->in[0], "the condition"))
        return -1;
    if (!s->in[0]->data)
        return s->m->how->one_branch ? onnx_unknown(s, 0) : both_branches(s);
    int yes = *(const uint8_t *)s->in[0]->data != 0;
    if (branch(s, yes ? "then_branch" : "else_branch", &out))
        return -1;
    memcpy(s->out, out, (size_t)s->n_out * sizeof *out);
    return 0;
}

/* ---- Loop ---- */

typedef struct loop {
    onnx_body b;
    int states, scans;
    ax_onnx_value *in,
        *out; /* of the body: iteration, condition, states; condition, states, scans */
    onnx_pile *pile;
    int64_t trips;
    int go_on;
} loop;

static int open_loop(onnx_site *s, loop *l)
{
    const int64_t *trips;
    int64_t n;
    if (onnx_body_open(s, "body", &l->b))
        return -1;
    const ax_onnx_graph *g = l->b.g;
    l->states = (int)max64(s->n_in - 2, 0);
    l->scans = g->n_out - 1 - l->states;
    if (g->n_in != 2 + l->states || l->scans < 0 || s->n_out > l->states + l->scans)
        return ax_fail(s->err, AX_EINVAL,
                       "its graph has %d inputs and %d outputs for %d values that are carried and "
                       "%d outputs",
                       g->n_in, g->n_out, l->states, s->n_out);
    for (int i = 0; i < l->states; i++)
        if (!s->in[2 + i])
            return ax_fail(s->err, AX_EINVAL, "input %d is left out", 2 + i);
    if (onnx_known_ints(s, 0, &trips, &n))
        return -1;
    if (n >= 0 && n != 1)
        return ax_fail(s->err, AX_EINVAL, "%lld trip counts, expected one", (long long)n);
    l->trips = n < 0 ? INT64_MAX : *trips;
    l->go_on = 1;
    if (s->n_in > 1 && s->in[1]) {
        if (is_condition(s, s->in[1], "the condition"))
            return -1;
        if (!s->in[1]->data)
            return onnx_unknown(s, 1);
        l->go_on = *(const uint8_t *)s->in[1]->data != 0;
    }
    l->in = onnx_values(s, g->n_in);
    l->out = onnx_values(s, g->n_out);
    l->pile = onnx_alloc(s, l->scans + 1, sizeof *l->pile);
    return l->in && l->out && l->pile ? 0 : -1;
}

/* The body's condition counts where the node has none, too: so ONNX Runtime, and what files are
 * tried with. */
static int iterate(onnx_site *s, loop *l, int64_t i)
{
    static const uint8_t yes = 1;
    const ax_onnx_graph *g = l->b.g;
    /* of rank 1 where the graph says so, as some writers have it */
    ax_shape shape[] = {{g->in[0].rank == 1, {1}}, {g->in[1].rank == 1, {1}}};
    l->in[1] = (ax_onnx_value){"", {AX_BOOL, shape[1]}, &yes, AX_NONE};
    if (onnx_constant(s, AX_I64, &shape[0], &i, &l->in[0]) || onnx_body_run(&l->b, l->in, l->out) ||
        is_condition(s, &l->out[0], "the body's condition"))
        return -1;
    if (!l->out[0].data)
        return ax_fail(s->err, AX_EUNKNOWN,
                       "whether it goes on ('%.64s') is computed by the run, it has to be known "
                       "before",
                       g->out[0].name);
    l->go_on = *(const uint8_t *)l->out[0].data != 0;
    memcpy(l->in + 2, l->out + 1, (size_t)l->states * sizeof *l->in);
    for (int k = 0; k < l->scans; k++)
        if (onnx_pile_push(s, &l->pile[k], &l->out[1 + l->states + k], 0))
            return -1;
    return 0;
}

static int build_loop(onnx_site *s)
{
    loop l = {.trips = 0};
    int bad = 0;
    if (open_loop(s, &l))
        return -1;
    for (int i = 0; i < l.states; i++)
        l.in[2 + i] = *s->in[2 + i];
    s->m->unrolling++;
    for (int64_t i = 0; i < l.trips && l.go_on && !bad; i++)
        bad = iterate(s, &l, i);
    s->m->unrolling--;
    for (int i = 0; i < s->n_out && !bad; i++) {
        int k = i - l.states;
        if (k < 0)
            s->out[i] = l.in[2 + i];
        else
            bad = onnx_piled(s, &l.b.g->out[1 + i], &l.pile[k], 0, 0, &s->out[i]);
    }
    return bad ? -1 : 0;
}

/* ---- SequenceMap: the body for each element of input 0, of the other sequences, too ---- */

static int check_map(onnx_site *s, const onnx_body *b)
{
    const onnx_sequence *first = onnx_sequence_of(s->in[0]);
    if (!first || b->g->n_in != s->n_in || b->g->n_out < s->n_out)
        return ax_fail(s->err, AX_EINVAL,
                       "its graph has %d inputs and %d outputs, the node a %s and %d and %d",
                       b->g->n_in, b->g->n_out, first ? "sequence" : "tensor", s->n_in, s->n_out);
    for (int i = 1; i < s->n_in; i++)
        if (onnx_sequence_of(s->in[i]) && onnx_sequence_of(s->in[i])->n != first->n)
            return ax_fail(s->err, AX_ESHAPE, "sequences of %d and %d elements", first->n,
                           onnx_sequence_of(s->in[i])->n);
    return 0;
}

static int build_map(onnx_site *s)
{
    onnx_body b;
    if (onnx_body_open(s, "body", &b) || check_map(s, &b))
        return -1;
    int n = onnx_sequence_of(s->in[0])->n, bad = 0;
    ax_onnx_value *in = onnx_values(s, s->n_in), *out = onnx_values(s, b.g->n_out);
    onnx_sequence *to = onnx_alloc(s, s->n_out + 1, sizeof *to);
    if (!in || !out || !to)
        return -1;
    for (int k = 0; k < s->n_out; k++)
        if (!(to[k].item = onnx_values(s, n)))
            return -1;
    s->m->unrolling++;
    for (int i = 0; i < n && !bad; i++) {
        for (int k = 0; k < s->n_in; k++)
            in[k] = onnx_sequence_of(s->in[k]) ? onnx_sequence_of(s->in[k])->item[i] : *s->in[k];
        bad = onnx_body_run(&b, in, out);
        for (int k = 0; k < s->n_out; k++)
            to[k].item[to[k].n++] = out[k];
    }
    s->m->unrolling--;
    for (int k = 0; k < s->n_out && !bad; k++)
        s->out[k] = (ax_onnx_value){"", {AX_BOOL, {.rank = ONNX_SEQUENCE}}, &to[k], AX_NONE};
    return bad;
}

// clang-format off
const onnx_row onnx_rows_control[] = {
    {"If", 1, 1, 1, "then_branch else_branch", if_then_else, 0},
    {"Loop", 1, 0, ONNX_ANY_LEFT_OUT, "body", build_loop, ONNX_SEQUENCES},
    {"SequenceMap", 17, 1, INT32_MAX, "body", build_map, ONNX_SEQUENCES},
    {0},
};
// clang-format on
