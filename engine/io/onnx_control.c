/* onnx_control.c - If, Loop and Scan. What decides about them has to be known: then a branch is its
 * nodes, and a loop is unrolled, or computed where all it works on is known; see onnx_scope.h for
 * the bounds. */
#include <string.h>

#include "base/ints.h"
#include "io/onnx_scope.h"

/* ---- subgraphs ---- */

typedef struct body {
    onnx_site *s; /* the node that has it */
    const ax_onnx_graph *g;
    onnx_scope scope;
    int fixed; /* values that stay from run to run: initializers */
} body;

static int open_body(onnx_site *s, const char *attr, body *b)
{
    const ax_onnx_attr *a = onnx_attr(s, attr);
    if (!a || a->type != AX_ONNX_A_GRAPH)
        return ax_fail(s->err, AX_EINVAL, "its graph %s is missing", attr);
    *b = (body){.s = s, .g = a->g};
    int64_t room = (int64_t)a->g->n_init + a->g->n_in;
    for (int i = 0; i < a->g->n_node; i++)
        room += a->g->node[i].n_out;
    if (onnx_scope_open(s->m, &b->scope, s->scope, room, s->err) ||
        onnx_add_initializers(s->m, &b->scope, a->g, s->err))
        return -1;
    b->fixed = b->scope.names.n;
    return 0;
}

/* Build it with in[0..n_in) as its inputs; out: one value for each output of the graph.
 * Initializers stay from run to run, so that an unrolled loop has its weights once. */
static int run_body(body *b, const ax_onnx_value *in, ax_onnx_value *out)
{
    onnx_site *s = b->s;
    onnx_scope_cut(&b->scope, b->fixed);
    if (++s->m->steps > ONNX_MAX_STEPS)
        return ax_fail(s->err, AX_ELIMIT, "its loops come to more than %d steps", ONNX_MAX_STEPS);
    for (int i = 0; i < b->g->n_in; i++) {
        ax_onnx_value v = in[i];
        v.name = b->g->in[i].name;
        if (onnx_scope_add(&b->scope, v, s->err))
            return -1;
    }
    if (onnx_build_nodes(s->m, &b->scope, b->g->node, b->g->n_node, s->err))
        return -1;
    for (int i = 0; i < b->g->n_out; i++) {
        const ax_onnx_value *v = onnx_output(&b->scope, b->g->out[i].name, s->err);
        if (!v)
            return -1;
        out[i] = *v;
    }
    return 0;
}

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
    body b;
    if (open_body(s, which, &b))
        return -1;
    if (b.g->n_in || b.g->n_out < s->n_out)
        return ax_fail(s->err, AX_EINVAL, "%s has %d inputs and %d outputs, expected 0 and %d",
                       which, b.g->n_in, b.g->n_out, s->n_out);
    *out = onnx_values(s, b.g->n_out);
    return *out ? run_body(&b, NULL, *out) : -1;
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
        return both_branches(s);
    int yes = *(const uint8_t *)s->in[0]->data != 0;
    if (branch(s, yes ? "then_branch" : "else_branch", &out))
        return -1;
    memcpy(s->out, out, (size_t)s->n_out * sizeof *out);
    return 0;
}

/* ---- what an iteration adds ---- */

/* Elements of one output, one for each iteration, each with the new axis. */
typedef struct pile {
    ax_onnx_value **part;
    int n, room;
} pile;

static int push(onnx_site *s, pile *p, ax_onnx_value *v, int axis)
{
    ax_onnx_value *part = onnx_values(s, 1);
    if (onnx_sequence_of(v))
        return ax_fail(s->err, AX_EUNSUPPORTED, "'%.64s' is a sequence, and cannot be piled up",
                       v->name);
    if (p->n == p->room) {
        ax_onnx_value **more = onnx_alloc(s, p->room = 2 * p->room + 16, sizeof *more);
        if (!more)
            return -1;
        if (p->n)
            memcpy(more, p->part, (size_t)p->n * sizeof *more);
        p->part = more;
    }
    if (!part)
        return -1;
    p->part[p->n++] = part;
    return onnx_with_axis(s, v, axis, part);
}

/* No iteration: no elements of the shape that the graph says, where an open dimension is 0. */
static int none(onnx_site *s, const ax_onnx_port *p, int axis, ax_onnx_value *out)
{
    ax_shape to = {.rank = p->rank + 1};
    ax_dtype t;
    if (p->rank < 0 || p->rank >= AX_MAX_RANK || ax_onnx_dtype(p->type, &t))
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "no iteration, and the graph does not say what '%.64s' is", p->name);
    axis = axis < 0 ? axis + to.rank : axis;
    if (axis < 0 || axis >= to.rank)
        return ax_fail(s->err, AX_ERANGE, "there is no axis %d in an output of rank %d", axis,
                       to.rank);
    for (int i = 0, k = 0; i < to.rank; i++)
        to.dim[i] = i == axis ? 0 : max64(p->dim[k++].value, 0);
    return onnx_constant(s, t, &to, "", out);
}

static int piled(onnx_site *s, const ax_onnx_port *port, pile *p, int axis, int backwards,
                 ax_onnx_value *out)
{
    if (!p->n)
        return none(s, port, axis, out);
    for (int i = 0, k = p->n - 1; backwards && i < k; i++, k--) {
        ax_onnx_value *first = p->part[i];
        p->part[i] = p->part[k];
        p->part[k] = first;
    }
    axis = axis < 0 ? axis + p->part[0]->desc.shape.rank : axis;
    return onnx_joined(s, axis, p->part, p->n, out);
}

/* ---- Loop ---- */

typedef struct loop {
    body b;
    int states, scans;
    ax_onnx_value *in,
        *out; /* of the body: iteration, condition, states; condition, states, scans */
    pile *pile;
    int64_t trips;
    int go_on;
} loop;

static int open_loop(onnx_site *s, loop *l)
{
    const int64_t *trips;
    int64_t n;
    if (open_body(s, "body", &l->b))
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
    if (onnx_constant(s, AX_I64, &shape[0], &i, &l->in[0]) || run_body(&l->b, l->in, l->out) ||
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
        if (push(s, &l->pile[k], &l->out[1 + l->states + k], 0))
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
            bad = piled(s, &l.b.g->out[1 + i], &l.pile[k], 0, 0, &s->out[i]);
    }
    return bad ? -1 : 0;
}

/* ---- Scan ---- */

typedef struct scan {
    body b;
    int states, scans, outs;     /* values carried, inputs scanned, outputs piled up */
    int64_t *in_axis, *out_axis; /* where they are scanned, and piled up */
    int64_t *in_backwards, *out_backwards;
    ax_onnx_value *in, *out;
} scan;

/* A list of n whole numbers; zeros where it is absent. */
static int list_of(onnx_site *s, const char *name, int n, int64_t **out)
{
    const ax_onnx_attr *a = onnx_attr(s, name);
    if (a && (a->type != AX_ONNX_A_INTS || a->n != n))
        return ax_fail(s->err, AX_EINVAL, "%s has %lld numbers, expected %d", name, (long long)a->n,
                       n);
    if (!(*out = onnx_alloc(s, n + 1, sizeof **out)))
        return -1;
    for (int i = 0; a && i < n; i++) {
        if (a->ints[i] < -AX_MAX_RANK || a->ints[i] > AX_MAX_RANK)
            return ax_fail(s->err, AX_ERANGE, "%s has the number %lld", name,
                           (long long)a->ints[i]);
        (*out)[i] = a->ints[i];
    }
    return 0;
}

static int open_scan(onnx_site *s, scan *c, int n_in)
{
    int64_t scans = onnx_int_or(s, "num_scan_inputs", 0);
    if (open_body(s, "body", &c->b))
        return -1;
    if (scans < 1 || scans > n_in)
        return ax_fail(s->err, AX_EINVAL, "num_scan_inputs is %lld, the node has %d inputs",
                       (long long)scans, n_in);
    c->scans = (int)scans;
    c->states = n_in - c->scans;
    c->outs = c->b.g->n_out - c->states;
    if (c->b.g->n_in != n_in || c->outs < 0 || s->n_out > c->b.g->n_out)
        return ax_fail(s->err, AX_EINVAL,
                       "its graph has %d inputs and %d outputs, the node %d and %d", c->b.g->n_in,
                       c->b.g->n_out, n_in, s->n_out);
    c->in = onnx_values(s, n_in);
    c->out = onnx_values(s, c->b.g->n_out);
    return c->in && c->out && !list_of(s, "scan_input_axes", c->scans, &c->in_axis) &&
                   !list_of(s, "scan_output_axes", c->outs, &c->out_axis) &&
                   !list_of(s, "scan_output_directions", c->outs, &c->out_backwards)
               ? 0
               : -1;
}

/* How long the inputs are, all of them; their axes are made positive. */
static int length_of(onnx_site *s, const scan *c, ax_onnx_value **in, int64_t *length)
{
    *length = -1;
    for (int i = 0; i < c->scans; i++) {
        const ax_shape *x = &in[i]->desc.shape;
        if ((c->in_axis[i] = onnx_axis(s, c->in_axis[i], x->rank)) < 0)
            return -1;
        int64_t n = x->dim[c->in_axis[i]];
        if (*length >= 0 && n != *length)
            return ax_fail(s->err, AX_ESHAPE, "inputs of %lld and %lld elements to be scanned",
                           (long long)*length, (long long)n);
        *length = n;
    }
    return 0;
}

/* steps: how many of `length` are done; state[] is carried on, and out[] has one value per output
 * of the graph. */
static int run_scan(onnx_site *s, scan *c, ax_onnx_value *state, ax_onnx_value **in, int64_t steps,
                    ax_onnx_value *out)
{
    pile *p = onnx_alloc(s, c->outs + 1, sizeof *p);
    if (!p)
        return -1;
    for (int64_t t = 0; t < steps; t++) {
        memcpy(c->in, state, (size_t)c->states * sizeof *state);
        for (int i = 0; i < c->scans; i++)
            if (onnx_element(s, in[i], (int)c->in_axis[i], c->in_backwards[i] ? steps - 1 - t : t,
                             &c->in[c->states + i]))
                return -1;
        if (run_body(&c->b, c->in, c->out))
            return -1;
        memcpy(state, c->out, (size_t)c->states * sizeof *state);
        for (int i = 0; i < c->outs; i++)
            if (push(s, &p[i], &c->out[c->states + i], (int)c->out_axis[i]))
                return -1;
    }
    memcpy(out, state, (size_t)c->states * sizeof *state);
    for (int i = 0; i < c->outs; i++)
        if (piled(s, &c->b.g->out[c->states + i], &p[i], (int)c->out_axis[i],
                  c->out_backwards[i] != 0, &out[c->states + i]))
            return -1;
    return 0;
}

static int build_scan(onnx_site *s)
{
    scan c = {.scans = 0};
    int64_t length;
    if (open_scan(s, &c, s->n_in) ||
        list_of(s, "scan_input_directions", c.scans, &c.in_backwards) ||
        length_of(s, &c, s->in + c.states, &length))
        return -1;
    ax_onnx_value *state = onnx_values(s, c.states), *out = onnx_values(s, c.b.g->n_out);
    if (!state || !out)
        return -1;
    for (int i = 0; i < c.states; i++)
        state[i] = *s->in[i];
    s->m->unrolling++;
    int bad = run_scan(s, &c, state, s->in + c.states, length, out);
    s->m->unrolling--;
    if (!bad)
        memcpy(s->out, out, (size_t)s->n_out * sizeof *out);
    return bad;
}

/* ---- Scan of opset 8: a batch in axis 0, time in axis 1, lengths of its own for each sample ----
 */

typedef struct batch {
    int64_t n, length;
    const int64_t *steps; /* of each sample; NULL: all of them */
} batch;

static int open_batch(onnx_site *s, const scan *c, batch *b)
{
    int64_t lens;
    *b = (batch){.n = -1, .length = -1};
    for (int i = 1; i < s->n_in; i++) {
        const ax_shape *x = &s->in[i]->desc.shape;
        int scanned = i > c->states;
        if (x->rank < 1 + scanned || (b->n >= 0 && x->dim[0] != b->n) ||
            (scanned && b->length >= 0 && x->dim[1] != b->length))
            return ax_fail(s->err, AX_ESHAPE,
                           "input %d is not of the batch and length of those before it", i);
        b->n = x->dim[0];
        b->length = scanned ? x->dim[1] : b->length;
    }
    if (onnx_known_ints(s, 0, &b->steps, &lens))
        return -1;
    if (lens >= 0 && lens != b->n)
        return ax_fail(s->err, AX_ESHAPE, "%lld lengths for %lld samples", (long long)lens,
                       (long long)b->n);
    for (int64_t i = 0; i < lens; i++)
        if (b->steps[i] < 0 || b->steps[i] > b->length)
            return ax_fail(s->err, AX_ERANGE, "a length of %lld, expected 0 to %lld",
                           (long long)b->steps[i], (long long)b->length);
    return 0;
}

/* Zeros behind the last step. */
static int padded(onnx_site *s, ax_onnx_value *x, int64_t length, ax_onnx_value *out)
{
    ax_pad_attr a = {.mode = AX_PAD_CONSTANT};
    a.after[0] = length - x->desc.shape.dim[0];
    if (!a.after[0]) {
        *out = *x;
        return 0;
    }
    return onnx_apply(s, &ax_op_pad, &a, &x, 1, out);
}

static int one_sample(onnx_site *s, scan *c, const batch *b, int64_t k, pile *p)
{
    ax_onnx_value *v = onnx_values(s, s->n_in), *out = onnx_values(s, c->b.g->n_out);
    ax_onnx_value **in = onnx_alloc(s, c->scans + 1, sizeof *in), full = {.name = ""};
    if (!v || !out || !in)
        return -1;
    for (int i = 0; i < c->states + c->scans; i++) {
        if (onnx_element(s, s->in[1 + i], 0, k, &v[i]))
            return -1;
        if (i >= c->states)
            in[i - c->states] = &v[i];
    }
    if (run_scan(s, c, v, in, b->steps ? b->steps[k] : b->length, out))
        return -1;
    for (int i = 0; i < c->b.g->n_out; i++) {
        full = out[i];
        if ((i >= c->states && padded(s, &out[i], b->length, &full)) || push(s, &p[i], &full, 0))
            return -1;
    }
    return 0;
}

static int build_scan_8(onnx_site *s)
{
    scan c = {.scans = 0};
    batch b;
    int bad = 0;
    if (open_scan(s, &c, s->n_in - 1) || list_of(s, "directions", c.scans, &c.in_backwards))
        return -1;
    for (int i = 1; i < s->n_in; i++)
        if (!s->in[i])
            return ax_fail(s->err, AX_EINVAL, "input %d is left out", i);
    pile *p = onnx_alloc(s, c.b.g->n_out + 1, sizeof *p);
    if (!p || open_batch(s, &c, &b))
        return -1;
    s->m->unrolling++;
    for (int64_t k = 0; k < b.n && !bad; k++)
        bad = one_sample(s, &c, &b, k, p);
    s->m->unrolling--;
    for (int i = 0; i < s->n_out && !bad; i++)
        bad = piled(s, &c.b.g->out[i], &p[i], 0, 0, &s->out[i]);
    return bad ? -1 : 0;
}

/* ---- SequenceMap: the body for each element of input 0, of the other sequences, too ---- */

static int check_map(onnx_site *s, const body *b)
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
    body b;
    if (open_body(s, "body", &b) || check_map(s, &b))
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
        bad = run_body(&b, in, out);
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
    {"Scan", 8, 0, ONNX_ANY_LEFT_OUT, "body directions num_scan_inputs", build_scan_8, 0},
    {"Scan", 9, 1, INT32_MAX,
     "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes "
     "scan_output_directions", build_scan, 0},
    {"SequenceMap", 17, 1, INT32_MAX, "body", build_map, ONNX_SEQUENCES},
    {0},
};
// clang-format on
