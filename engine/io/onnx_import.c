/* onnx_import.c - a file's tensors, inputs and outputs, and what the builders of operators work
 * with; see onnx_import.h. Names and nodes are in onnx_scope.c, what operators are in the
 * onnx_ops_*.c. */
#include "io/onnx_import.h"

#include <string.h>

#include "base/memory.h"
#include "graph/eval.h"
#include "io/onnx_scope.h"

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the graph");
}

/* ---- tensors of the file ------------------------------------------------------------------------
 */

static const struct {
    int onnx;
    ax_dtype type;
} types[] = {
    {AX_ONNX_FLOAT, AX_F32},    {AX_ONNX_INT64, AX_I64},  {AX_ONNX_INT32, AX_I32},
    {AX_ONNX_UINT8, AX_U8},     {AX_ONNX_BOOL, AX_BOOL},  {AX_ONNX_DOUBLE, AX_F64},
    {AX_ONNX_INT8, AX_I8},      {AX_ONNX_INT16, AX_I16},  {AX_ONNX_UINT16, AX_U16},
    {AX_ONNX_UINT32, AX_U32},   {AX_ONNX_UINT64, AX_U64}, {AX_ONNX_FLOAT16, AX_F32},
    {AX_ONNX_BFLOAT16, AX_F32},
};

int ax_onnx_dtype(int onnx, ax_dtype *out)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].onnx == onnx) {
            *out = types[i].type;
            return 0;
        }
    return -1;
}

/* IEEE half: 1 sign, 5 exponent, 10 fraction */
static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff, bits;
    float f;
    if (rest >= 0x7c00) { /* infinity, NaN */
        bits = 0x7f800000 | (rest & 0x3ff) << 13;
        memcpy(&f, &bits, sizeof f);
    } else if (rest < 0x0400) {
        f = (float)rest * 0x1p-24f;
    } else {
        bits = (rest << 13) + ((127 - 15) << 23);
        memcpy(&f, &bits, sizeof f);
    }
    memcpy(&bits, &f, sizeof bits);
    bits |= sign;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void widen(const ax_onnx_tensor *t, float *out)
{
    for (int64_t i = 0; i < t->count; i++) {
        uint16_t h;
        memcpy(&h, t->data + 2 * i, sizeof h);
        uint32_t bits = (uint32_t)h << 16;
        if (t->type == AX_ONNX_FLOAT16)
            out[i] = from_half(h);
        else
            memcpy(&out[i], &bits, sizeof *out);
    }
}

int ax_onnx_known(const ax_onnx_tensor *t, ax_arena *a, ax_onnx_value *out, ax_err *err)
{
    *out = (ax_onnx_value){.name = t->name, .desc.shape.rank = t->rank, .val = AX_NONE};
    if (ax_onnx_dtype(t->type, &out->desc.dtype))
        return ax_fail(err, AX_EUNSUPPORTED, "the tensor '%.96s' is of type %s, which is not taken",
                       t->name, ax_onnx_type_name(t->type));
    memcpy(out->desc.shape.dim, t->dim, (size_t)t->rank * sizeof *t->dim);
    size_t size = ax_dtype_size(out->desc.dtype), bytes = (size_t)t->count * size;
    if (ax_onnx_type_size(t->type) == size && (uintptr_t)t->data % size == 0 && t->count) {
        out->data = t->data;
        return 0;
    }
    void *copy = ax_arena_alloc(a, bytes);
    if (!copy)
        return no_memory(err);
    if (ax_onnx_type_size(t->type) != size)
        widen(t, copy);
    else if (bytes)
        memcpy(copy, t->data, bytes);
    out->data = copy;
    return 0;
}

static int has_initializer(const ax_onnx_graph *g, const char *name)
{
    for (int i = 0; i < g->n_init; i++)
        if (!strcmp(g->init[i].name, name))
            return 1;
    return 0;
}

int ax_onnx_inputs(const ax_onnx_file *f, int *index, int room)
{
    int n = 0;
    for (int i = 0; i < f->graph.n_in; i++) {
        if (has_initializer(&f->graph, f->graph.in[i].name))
            continue;
        if (n < room)
            index[n] = i;
        n++;
    }
    return n;
}

/* ---- what builders work with --------------------------------------------------------------------
 */

const onnx_sequence *onnx_sequence_of(const ax_onnx_value *v)
{
    return v->desc.shape.rank == ONNX_SEQUENCE ? v->data : NULL;
}

ax_onnx_value *onnx_values(onnx_site *s, int64_t n)
{
    ax_onnx_value *v = onnx_alloc(s, n + 1, sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = (ax_onnx_value){.name = "", .desc.shape.rank = -1, .val = AX_NONE};
    return v;
}

ax_arena *onnx_arena(onnx_site *s)
{
    return &s->m->g->arena;
}

void *onnx_alloc(onnx_site *s, int64_t n, size_t size)
{
    void *p = ax_arena_array(&s->m->g->arena, (size_t)n, size);
    if (!p)
        no_memory(s->err);
    return p;
}

const ax_onnx_attr *onnx_attr(const onnx_site *s, const char *name)
{
    for (int i = 0; i < s->n->n_attr; i++)
        if (!strcmp(s->n->attr[i].name, name))
            return &s->n->attr[i];
    return NULL;
}

/* An attribute of the type; one of another type is remembered, and refused after the build. */
static const ax_onnx_attr *typed(onnx_site *s, const char *name, int type)
{
    const ax_onnx_attr *a = onnx_attr(s, name);
    if (a && a->type != type)
        s->mistyped = a->name;
    return a && a->type == type ? a : NULL;
}

int64_t onnx_int_or(onnx_site *s, const char *name, int64_t otherwise)
{
    const ax_onnx_attr *a = typed(s, name, AX_ONNX_A_INT);
    return a ? a->i : otherwise;
}

float onnx_float_or(onnx_site *s, const char *name, float otherwise)
{
    const ax_onnx_attr *a = typed(s, name, AX_ONNX_A_FLOAT);
    return a ? a->f : otherwise;
}

const char *onnx_text_or(onnx_site *s, const char *name, const char *otherwise)
{
    const ax_onnx_attr *a = typed(s, name, AX_ONNX_A_STRING);
    return a ? a->s : otherwise;
}

int onnx_unknown(onnx_site *s, int i)
{
    return ax_fail(s->err, AX_EUNKNOWN,
                   "input %d ('%.64s') is computed by the run, it has to be known before", i,
                   s->in[i]->name);
}

int onnx_known_ints(onnx_site *s, int i, const int64_t **v, int64_t *n)
{
    *n = -1;
    if (i >= s->n_in || !s->in[i])
        return 0;
    const ax_onnx_value *x = s->in[i];
    if (onnx_sequence_of(x))
        return ax_fail(s->err, AX_ETYPE, "input %d ('%.64s') is a sequence, expected whole numbers",
                       i, x->name);
    if (!x->data)
        return onnx_unknown(s, i);
    *n = ax_shape_count(&x->desc.shape);
    if (x->desc.dtype == AX_I64) {
        *v = x->data;
        return 0;
    }
    if (x->desc.dtype != AX_I32)
        return ax_fail(s->err, AX_ETYPE, "input %d ('%.64s') is %s, expected whole numbers", i,
                       x->name, ax_dtype_name(x->desc.dtype));
    int64_t *wide = onnx_alloc(s, *n, sizeof *wide);
    for (int64_t k = 0; wide && k < *n; k++)
        wide[k] = ((const int32_t *)x->data)[k];
    *v = wide;
    return wide ? 0 : -1;
}

int onnx_declared_type(const onnx_site *s, int i)
{
    const ax_onnx_graph *g = &s->m->f->graph;
    for (int k = 0; k < g->n_init; k++)
        if (!strcmp(g->init[k].name, s->n->in[i]))
            return g->init[k].type;
    for (int k = 0; k < g->n_in; k++)
        if (!strcmp(g->in[k].name, s->n->in[i]))
            return g->in[k].type;
    return 0;
}

int onnx_list(onnx_site *s, const char *attr, int i, const int64_t **v, int64_t *n)
{
    const ax_onnx_attr *a = onnx_attr(s, attr);
    if (!a)
        return onnx_known_ints(s, i, v, n);
    if (a->type != AX_ONNX_A_INTS)
        return ax_fail(s->err, AX_ETYPE, "the attribute %s is no list of whole numbers", attr);
    *v = a->ints;
    *n = a->n;
    return 0;
}

int onnx_axis(onnx_site *s, int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank)
        return ax_fail(s->err, AX_ERANGE, "there is no axis %lld in a tensor of rank %d",
                       (long long)axis, rank);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* float32 is a parameter, without a copy. */
int ax_onnx_into_graph(ax_graph *g, ax_onnx_value *v, ax_err *err)
{
    if (v->val != AX_NONE)
        return 0;
    if (onnx_sequence_of(v))
        return ax_fail(err, AX_EUNSUPPORTED, "'%.96s' is a sequence, tensors are taken", v->name);
    if (v->desc.dtype == AX_F32) {
        const char *name = v->name ? v->name : ""; /* made on the way */
        v->val = ax_graph_param(g, name, &v->desc.shape, 0, err);
        if (v->val >= 0)
            g->val[v->val].data = (void *)(uintptr_t)v->data;
    } else {
        v->val = ax_graph_const(g, v->desc.dtype, &v->desc.shape, v->data, err);
    }
    return v->val < 0 ? -1 : 0;
}

/* ---- numbers of the file that come and go ---- */

static void drop_one(ax_backed *b, const ax_onnx_value *v)
{
    const onnx_sequence *q = onnx_sequence_of(v);
    for (int i = 0; q && i < q->n; i++)
        drop_one(b, &q->item[i]);
    if (!q)
        ax_backed_drop(b, v->data, 0);
}

/* v and, of a sequence, what it is made of. */
static int hold_one(ax_backed *b, const ax_onnx_value *v, ax_err *err)
{
    const onnx_sequence *q = onnx_sequence_of(v);
    int held = 0;
    if (!q)
        return ax_backed_hold(b, v->data, err) < 0 ? -1 : 0;
    while (held < q->n && !hold_one(b, &q->item[held], err))
        held++;
    for (int i = 0; held < q->n && i < held; i++)
        drop_one(b, &q->item[i]);
    return held < q->n ? -1 : 0;
}

int onnx_hold(onnx_site *s, ax_onnx_value *const *v, int n)
{
    ax_backed *b = s->m->f->backed;
    int held = 0;
    while (b && held < n && (!v[held] || !hold_one(b, v[held], s->err)))
        held++;
    if (!b || held == n)
        return 0;
    onnx_drop(s, v, held);
    return -1;
}

void onnx_drop(onnx_site *s, ax_onnx_value *const *v, int n)
{
    for (int i = 0; s->m->f->backed && i < n; i++)
        if (v[i])
            drop_one(s->m->f->backed, v[i]);
}

/* What computing costs is counted before it is done: a file of a few bytes must not keep anybody
 * busy. */
static int count_work(onnx_site *s, const ax_op *op, const void *attr, const ax_tensor *x, int n_in)
{
    enum { EACH = 4096 }; /* a graph, a plan, a run of one op */
    ax_desc in[AX_MAX_IN], out[AX_MAX_OUT] = {0};
    int64_t work = EACH, most = s->m->how->work ? s->m->how->work : AX_ONNX_WORK;
    for (int i = 0; i < n_in; i++) {
        in[i] = (ax_desc){x[i].dtype, x[i].shape};
        if (x[i].shape.rank >= 0)
            work = ax_count_add(work, ax_shape_count(&x[i].shape));
    }
    if (op->infer(attr, in, n_in, out, NULL)) /* which is said where it is computed */
        return 0;
    for (int i = 0; i < op->n_out; i++) {
        int64_t n = ax_shape_count_checked(&out[i].shape, ax_dtype_size(out[i].dtype), s->err);
        if (n < 0)
            return -1;
        work = ax_count_add(work, n);
    }
    if (op->flops)
        work = ax_count_add(work, op->flops(attr, in, out));
    s->m->work = ax_count_add(s->m->work, work);
    return s->m->work <= most
               ? 0
               : ax_fail(s->err, AX_ELIMIT,
                         "more than %lld numbers would be computed before the first run",
                         (long long)most);
}

static int compute(onnx_site *s, const ax_op *op, const void *attr, ax_onnx_value *const *in,
                   int n_in, ax_onnx_value *out)
{
    ax_tensor x[AX_MAX_IN], y[AX_MAX_OUT];
    for (int i = 0; i < n_in; i++) {
        x[i] = (ax_tensor){.shape.rank = -1};
        if (in[i])
            x[i] =
                (ax_tensor){in[i]->desc.dtype, in[i]->desc.shape, (void *)(uintptr_t)in[i]->data};
    }
    if (count_work(s, op, attr, x, n_in))
        return -1;
    if (onnx_hold(s, in, n_in))
        return -1;
    int bad = ax_op_eval(op, s->n->name, attr, x, n_in, y, &s->m->g->arena, s->err);
    onnx_drop(s, in, n_in);
    if (bad)
        return -1;
    for (int i = 0; i < op->n_out; i++)
        out[i] = (ax_onnx_value){out[i].name, {y[i].dtype, y[i].shape}, y[i].data, AX_NONE};
    return 0;
}

int onnx_apply(onnx_site *s, const ax_op *op, const void *attr, ax_onnx_value *const *in, int n_in,
               ax_onnx_value *out)
{
    ax_val arg[AX_MAX_IN];
    int known = 1;
    if (n_in > AX_MAX_IN)
        return ax_fail(s->err, AX_ELIMIT, "%d inputs at once, at most %d", n_in, AX_MAX_IN);
    for (int i = 0; i < n_in; i++)
        known &= !in[i] || in[i]->data;
    if (known)
        return compute(s, op, attr, in, n_in, out);
    for (int i = 0; i < n_in; i++) {
        if (in[i] && ax_onnx_into_graph(s->m->g, in[i], s->err))
            return -1;
        arg[i] = in[i] ? in[i]->val : AX_NONE;
    }
    ax_val first = ax_graph_node(s->m->g, op, s->n->name, attr, arg, n_in, s->err);
    for (int i = 0; first >= 0 && i < op->n_out; i++)
        out[i] = (ax_onnx_value){out[i].name, s->m->g->val[first + i].desc, NULL, first + i};
    return first < 0 ? -1 : 0;
}

int onnx_constant(onnx_site *s, ax_dtype t, const ax_shape *shape, const void *data,
                  ax_onnx_value *out)
{
    int64_t n = ax_shape_count_checked(shape, ax_dtype_size(t), s->err);
    char *copy = n < 0 ? NULL : onnx_alloc(s, n + 1, ax_dtype_size(t));
    if (!copy)
        return -1;
    if (n)
        memcpy(copy, data, (size_t)n * ax_dtype_size(t));
    *out = (ax_onnx_value){out->name, {t, *shape}, copy, AX_NONE};
    return 0;
}

int onnx_reshaped(onnx_site *s, ax_onnx_value *x, const ax_shape *shape, ax_onnx_value *out)
{
    char from[160], to[160];
    if (ax_shape_count_checked(shape, 1, s->err) != ax_shape_count(&x->desc.shape))
        return ax_fail(s->err, AX_ESHAPE, "cannot reshape %s to %s",
                       ax_shape_str(&x->desc.shape, from, sizeof from),
                       ax_shape_str(shape, to, sizeof to));
    if (x->data) {
        *out = (ax_onnx_value){out->name, {x->desc.dtype, *shape}, x->data, AX_NONE};
        return 0;
    }
    ax_reshape_attr a = {*shape};
    return onnx_apply(s, &ax_op_reshape, &a, &x, 1, out);
}

/* ---- the file ---- */

static int64_t values_of(const ax_onnx_graph *g)
{
    int64_t n = (int64_t)g->n_init + g->n_in;
    for (int i = 0; i < g->n_node; i++)
        n += g->node[i].n_out;
    return n;
}

static int add_inputs(onnx_importer *m, onnx_scope *s, const ax_tensor *in)
{
    for (int i = 0, k = 0; i < m->f->graph.n_in; i++) {
        const ax_onnx_port *p = &m->f->graph.in[i];
        if (has_initializer(&m->f->graph, p->name))
            continue;
        ax_onnx_value v = {p->name, {in[k].dtype, in[k].shape}, in[k].data, AX_NONE};
        v.val = ax_graph_input(m->g, p->name, in[k].dtype, &in[k].shape, m->err);
        if (v.val < 0 || onnx_scope_add(s, v, m->err))
            return -1;
        k++;
    }
    return 0;
}

static int take_outputs(onnx_importer *m, const onnx_scope *scope, const char *until,
                        ax_onnx_value *out)
{
    const ax_onnx_graph *g = &m->f->graph;
    if (until) {
        ax_onnx_value *v = onnx_output(scope, until, m->err);
        if (!v || ax_onnx_into_graph(m->g, v, m->err))
            return -1;
        *out = *v;
        return 0;
    }
    for (int i = 0; i < g->n_out; i++) {
        ax_onnx_value *v = onnx_output(scope, g->out[i].name, m->err);
        if (!v || ax_onnx_into_graph(m->g, v, m->err))
            return -1;
        out[i] = *v;
    }
    return 0;
}

int ax_onnx_needs_numbers(const ax_err *err)
{
    return err->code == AX_EUNKNOWN;
}

/* Nodes up to the one that makes the value; all where there is none. */
static int nodes_until(const ax_onnx_graph *g, const char *value)
{
    for (int i = 0; value && i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_out; k++)
            if (!strcmp(g->node[i].out[k], value))
                return i + 1;
    return g->n_node;
}

int ax_onnx_import(const ax_onnx_file *f, const ax_tensor *in, const ax_onnx_how *how, ax_graph *g,
                   ax_onnx_value *out, ax_onnx_names *names, ax_err *err)
{
    static const ax_onnx_how as_it_stands;
    ax_err unwanted;
    how = how ? how : &as_it_stands;
    onnx_importer m = {.f = f, .g = g, .how = how, .err = err ? err : &unwanted};
    onnx_scope top;
    if (!g->arena.limit) /* what a file makes the importer compute */
        g->arena.limit = g->arena.used + (size_t)ax_memory_budget();
    g->backed = f->backed;
    if (onnx_scope_open(&m, &top, NULL, values_of(&f->graph), m.err))
        return -1;
    top.opset = f->opset;
    top.n_opset = f->n_opset;
    if (!(top.names.first_node = AX_ARRAY(&g->arena, int, f->graph.n_node + 1)))
        return no_memory(m.err);
    int n = nodes_until(&f->graph, how->until);
    if (onnx_add_initializers(&m, &top, &f->graph, how->learned, m.err) ||
        add_inputs(&m, &top, in) || onnx_build_nodes(&m, &top, f->graph.node, n, m.err))
        return -1;
    for (int i = n; i < f->graph.n_node; i++)
        top.names.first_node[i + 1] = g->n_node;
    if (names)
        *names = top.names;
    return take_outputs(&m, &top, how->until, out);
}
