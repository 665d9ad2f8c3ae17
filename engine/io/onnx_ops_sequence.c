/* onnx_ops_sequence.c - sequences and optional values, which the importer knows as lists of values:
 * nothing of them is left in the graph; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

/* A list with room for n items, none of which is there yet. */
static onnx_sequence *new_list(onnx_site *s, int64_t n)
{
    onnx_sequence *l = onnx_alloc(s, 1, sizeof *l);
    if (l && !(l->item = onnx_values(s, n)))
        return NULL;
    return l;
}

static int put_list(onnx_site *s, const onnx_sequence *l)
{
    s->out[0] = (ax_onnx_value){"", {AX_BOOL, {.rank = ONNX_SEQUENCE}}, l, AX_NONE};
    return 0;
}

static int is_list(onnx_site *s, int i, int wanted)
{
    if (!onnx_sequence_of(s->in[i]) == !wanted)
        return 0;
    return ax_fail(s->err, AX_ETYPE, "input %d ('%.64s') is a %s, expected a %s", i, s->in[i]->name,
                   wanted ? "tensor" : "sequence", wanted ? "sequence" : "tensor");
}

/* Input i as a place from 0 to `most`, counted back from n where it is negative; absent:
 * otherwise. */
static int place(onnx_site *s, int i, int n, int most, int otherwise, int *out)
{
    const int64_t *v;
    int64_t count;
    if (onnx_known_ints(s, i, &v, &count))
        return -1;
    *out = otherwise;
    if (count < 0)
        return 0;
    if (count != 1 || *v < -n || *v > most)
        return ax_fail(s->err, AX_ERANGE, "the place %lld in a sequence of %d",
                       (long long)(count == 1 ? *v : count), n);
    *out = (int)(*v < 0 ? *v + n : *v);
    return 0;
}

static int empty(onnx_site *s)
{
    onnx_sequence *l = new_list(s, 0);
    onnx_int_or(s, "dtype", 0); /* of what is to come */
    return l ? put_list(s, l) : -1;
}

static int construct(onnx_site *s)
{
    onnx_sequence *l = new_list(s, s->n_in);
    for (int i = 0; l && i < s->n_in; i++) {
        if (is_list(s, i, 0))
            return -1;
        l->item[l->n++] = *s->in[i];
    }
    return l ? put_list(s, l) : -1;
}

static int insert(onnx_site *s)
{
    const onnx_sequence *from = onnx_sequence_of(s->in[0]);
    int at = 0;
    if (is_list(s, 0, 1) || is_list(s, 1, 0) || place(s, 2, from->n, from->n, from->n, &at))
        return -1;
    onnx_sequence *l = new_list(s, (int64_t)from->n + 1);
    if (!l)
        return -1;
    for (int i = 0; i <= from->n; i++)
        l->item[l->n++] = i == at ? *s->in[1] : from->item[i - (i > at)];
    return put_list(s, l);
}

static int erase(onnx_site *s)
{
    const onnx_sequence *from = onnx_sequence_of(s->in[0]);
    int at = 0;
    if (is_list(s, 0, 1) || place(s, 1, from->n, from->n - 1, from->n - 1, &at))
        return -1;
    onnx_sequence *l = new_list(s, from->n);
    for (int i = 0; l && i < from->n; i++)
        if (i != at)
            l->item[l->n++] = from->item[i];
    if (l && l->n == from->n)
        return ax_fail(s->err, AX_ERANGE, "nothing can be taken out of an empty sequence");
    return l ? put_list(s, l) : -1;
}

static int item_at(onnx_site *s)
{
    int at = 0;
    const onnx_sequence *l = onnx_sequence_of(s->in[0]);
    if (is_list(s, 0, 1) || place(s, 1, l->n, l->n - 1, 0, &at))
        return -1;
    s->out[0] = l->item[at];
    return 0;
}

static int length(onnx_site *s)
{
    if (is_list(s, 0, 1))
        return -1;
    int64_t n = onnx_sequence_of(s->in[0])->n;
    return onnx_constant(s, AX_I64, &(ax_shape){0}, &n, &s->out[0]);
}

/* How many parts an axis of d elements has and how long they are: by one number, all but the last;
 * by a list, each. */
static int part(const int64_t *split, int one, int64_t d, int64_t i, int64_t at, int64_t *count)
{
    *count = one ? (split[0] < d - at ? split[0] : d - at) : split[i];
    return *count >= 0 && *count <= d - at;
}

static int split_to_sequence(onnx_site *s)
{
    static const int64_t single = 1;
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *split = &single;
    int64_t n = -1, count, at = 0;
    if (is_list(s, 0, 0) || onnx_known_ints(s, 1, &split, &n))
        return -1;
    int axis = onnx_axis(s, onnx_int_or(s, "axis", 0), x->rank), each = n < 0;
    if (axis < 0)
        return -1;
    int one = each || s->in[1]->desc.shape.rank == 0, drop = each && !onnx_int_or(s, "keepdims", 1);
    int64_t d = x->dim[axis];
    split = each ? &single : split;
    if (one && *split < 1)
        return ax_fail(s->err, AX_ERANGE, "parts of %lld elements", (long long)*split);
    onnx_sequence *l = new_list(s, one ? (d + *split - 1) / *split : n);
    for (int64_t i = 0; l && (one ? at < d : i < n); i++, at += count) {
        ax_onnx_value *to = &l->item[l->n++];
        if (!part(split, one, d, i, at, &count))
            return ax_fail(s->err, AX_ESHAPE, "part %lld does not fit into %lld elements",
                           (long long)i, (long long)d);
        if (drop ? onnx_element(s, s->in[0], axis, at, to)
                 : onnx_apply(s, &ax_op_slice, &(ax_slice_attr){axis, at, count}, s->in, 1, to))
            return -1;
    }
    if (l && at != d)
        return ax_fail(s->err, AX_ESHAPE, "the parts have %lld elements together, axis %d has %lld",
                       (long long)at, axis, (long long)d);
    return l ? put_list(s, l) : -1;
}

static int concat_from_sequence(onnx_site *s)
{
    const onnx_sequence *l = onnx_sequence_of(s->in[0]);
    int64_t axis = onnx_int_or(s, "axis", 0), stack = onnx_int_or(s, "new_axis", 0);
    if (is_list(s, 0, 1))
        return -1;
    if (!l->n)
        return ax_fail(s->err, AX_EINVAL, "an empty sequence cannot be joined");
    ax_onnx_value **in = onnx_alloc(s, l->n, sizeof *in), *wide = onnx_values(s, l->n);
    int to = onnx_axis(s, axis, l->item[0].desc.shape.rank + (stack != 0));
    if (!in || !wide || to < 0)
        return -1;
    for (int i = 0; i < l->n; i++) {
        in[i] = stack ? &wide[i] : &l->item[i];
        if (stack && onnx_with_axis(s, &l->item[i], to, &wide[i]))
            return -1;
    }
    return onnx_joined(s, to, in, l->n, &s->out[0]);
}

/* ---- optional: what is there is itself ---- */

static int itself(onnx_site *s)
{
    s->out[0] = *s->in[0];
    return 0;
}

static int has_element(onnx_site *s)
{
    return onnx_constant(s, AX_BOOL, &(ax_shape){0}, &(uint8_t){s->n_in > 0 && s->in[0]},
                         &s->out[0]);
}

// clang-format off
const onnx_row onnx_rows_sequence[] = {
    {"SequenceEmpty", 11, 0, 0, "dtype", empty, 0},
    {"SequenceConstruct", 11, 1, INT32_MAX, "", construct, ONNX_SEQUENCES},
    {"SequenceInsert", 11, 2, 3, "", insert, ONNX_SEQUENCES},
    {"SequenceErase", 11, 1, 2, "", erase, ONNX_SEQUENCES},
    {"SequenceAt", 11, 2, 2, "", item_at, ONNX_SEQUENCES},
    {"SequenceLength", 11, 1, 1, "", length, ONNX_SEQUENCES},
    {"SplitToSequence", 11, 1, 2, "axis keepdims", split_to_sequence, ONNX_SEQUENCES},
    {"ConcatFromSequence", 11, 1, 1, "axis new_axis", concat_from_sequence, ONNX_SEQUENCES},
    {"Optional", 15, 1, 1, "", itself, ONNX_SEQUENCES},
    {"OptionalGetElement", 15, 1, 1, "", itself, ONNX_SEQUENCES},
    {"OptionalHasElement", 15, 0, 1, "", has_element, ONNX_SEQUENCES},
    {0},
};
// clang-format on
