/* onnx_body.c - see onnx_body.h. */
#include "io/onnx_body.h"

#include <string.h>

#include "base/ints.h"

int onnx_body_open(onnx_site *s, const char *attr, onnx_body *b)
{
    const ax_onnx_attr *a = onnx_attr(s, attr);
    if (!a || a->type != AX_ONNX_A_GRAPH)
        return ax_fail(s->err, AX_EINVAL, "its graph %s is missing", attr);
    *b = (onnx_body){.s = s, .g = a->g};
    int64_t room = (int64_t)a->g->n_init + a->g->n_in;
    for (int i = 0; i < a->g->n_node; i++)
        room += a->g->node[i].n_out;
    if (onnx_scope_open(s->m, &b->scope, s->scope, room, s->err) ||
        onnx_add_initializers(s->m, &b->scope, a->g, NULL, s->err))
        return -1;
    b->fixed = b->scope.names.n;
    return 0;
}

/* Build it with in[0..n_in) as its inputs; out: one value for each output of the graph.
 * Initializers stay from run to run, so that an unrolled loop has its weights once. */
int onnx_body_run(onnx_body *b, const ax_onnx_value *in, ax_onnx_value *out)
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

/* ---- what iterations pile up ---- */

int onnx_pile_push(onnx_site *s, onnx_pile *p, ax_onnx_value *v, int axis)
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

int onnx_piled(onnx_site *s, const ax_onnx_port *port, onnx_pile *p, int axis, int backwards,
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
