/* onnx_scan.c - Scan: slices of the inputs go through a graph, one after the other, with states
 * that are carried on; unrolled, or computed where all of it is known. */
#include <string.h>

#include "io/onnx_body.h"

typedef struct scan {
    onnx_body b;
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
    if (onnx_body_open(s, "body", &c->b))
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
    onnx_pile *p = onnx_alloc(s, c->outs + 1, sizeof *p);
    if (!p)
        return -1;
    for (int64_t t = 0; t < steps; t++) {
        memcpy(c->in, state, (size_t)c->states * sizeof *state);
        for (int i = 0; i < c->scans; i++)
            if (onnx_element(s, in[i], (int)c->in_axis[i], c->in_backwards[i] ? steps - 1 - t : t,
                             &c->in[c->states + i]))
                return -1;
        if (onnx_body_run(&c->b, c->in, c->out))
            return -1;
        memcpy(state, c->out, (size_t)c->states * sizeof *state);
        for (int i = 0; i < c->outs; i++)
            if (onnx_pile_push(s, &p[i], &c->out[c->states + i], (int)c->out_axis[i]))
                return -1;
    }
    memcpy(out, state, (size_t)c->states * sizeof *state);
    for (int i = 0; i < c->outs; i++)
        if (onnx_piled(s, &c->b.g->out[c->states + i], &p[i], (int)c->out_axis[i],
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

static int one_sample(onnx_site *s, scan *c, const batch *b, int64_t k, onnx_pile *p)
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
        if ((i >= c->states && padded(s, &out[i], b->length, &full)) ||
            onnx_pile_push(s, &p[i], &full, 0))
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
    onnx_pile *p = onnx_alloc(s, c.b.g->n_out + 1, sizeof *p);
    if (!p || open_batch(s, &c, &b))
        return -1;
    s->m->unrolling++;
    for (int64_t k = 0; k < b.n && !bad; k++)
        bad = one_sample(s, &c, &b, k, p);
    s->m->unrolling--;
    for (int i = 0; i < s->n_out && !bad; i++)
        bad = onnx_piled(s, &c.b.g->out[i], &p[i], 0, 0, &s->out[i]);
    return bad ? -1 : 0;
}

// clang-format off
const onnx_row onnx_rows_scan[] = {
    {"Scan", 8, 0, ONNX_ANY_LEFT_OUT, "body directions num_scan_inputs", build_scan_8, 0},
    {"Scan", 9, 1, INT32_MAX,
     "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes "
     "scan_output_directions", build_scan, 0},
    {0},
};
// clang-format on
