/* onnx_import.c - values by name, nodes in order; see onnx_import.h. What operators are is in the
 * onnx_ops_*.c. */
#include "io/onnx_import.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "graph/eval.h"
#include "io/onnx_op.h"

struct onnx_importer {
    const ax_onnx_file *f;
    ax_graph *g;
    ax_onnx_names names; /* values in the order they appear */
    ax_err *err;
};

static const onnx_row *const tables[] = {onnx_rows_shape,  onnx_rows_grid,   onnx_rows_nn,
                                         onnx_rows_window, onnx_rows_pool,   onnx_rows_norm,
                                         onnx_rows_resize, onnx_rows_math,   onnx_rows_index,
                                         onnx_rows_type,   onnx_rows_quant,  onnx_rows_product};

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the graph");
}

/* ---- values by name ----------------------------------------------------------------------------
 */

static int *slot_of(const ax_onnx_names *t, const char *name)
{
    unsigned i = (unsigned)ax_hash64(name, strlen(name)) & t->mask;
    while (t->slot[i] && strcmp(t->value[t->slot[i] - 1].name, name))
        i = (i + 1) & t->mask;
    return &t->slot[i];
}

ax_onnx_value *ax_onnx_find(const ax_onnx_names *t, const char *name)
{
    int at = *slot_of(t, name);
    return at ? &t->value[at - 1] : NULL;
}

static ax_onnx_value *find(onnx_importer *m, const char *name)
{
    return ax_onnx_find(&m->names, name);
}

static int add(onnx_importer *m, ax_onnx_value v, ax_err *err)
{
    int *slot = slot_of(&m->names, v.name);
    if (*slot)
        return ax_fail(err, AX_ECORRUPT, "the value '%.96s' is made twice", v.name);
    m->names.value[m->names.n++] = v;
    *slot = m->names.n;
    return 0;
}

static int make_table(onnx_importer *m)
{
    const ax_onnx_graph *g = &m->f->graph;
    int64_t room = (int64_t)g->n_init + g->n_in;
    for (int i = 0; i < g->n_node; i++)
        room += g->node[i].n_out;
    if (room > 1 << 24)
        return ax_fail(m->err, AX_ELIMIT, "a graph of %lld values", (long long)room);
    unsigned slots = 16;
    while (slots < 2 * (uint64_t)room)
        slots *= 2;
    ax_onnx_names *t = &m->names;
    t->mask = slots - 1;
    t->slot = AX_ARRAY(&m->g->arena, int, slots);
    t->value = AX_ARRAY(&m->g->arena, ax_onnx_value, room + 1);
    t->first_node = AX_ARRAY(&m->g->arena, int, g->n_node + 1);
    return t->slot && t->value && t->first_node ? 0 : no_memory(m->err);
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

static int add_initializers(onnx_importer *m)
{
    const ax_onnx_graph *g = &m->f->graph;
    ax_onnx_value v;
    for (int i = 0; i < g->n_init; i++)
        if (ax_onnx_known(&g->init[i], &m->g->arena, &v, m->err) || add(m, v, m->err))
            return -1;
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

static int add_inputs(onnx_importer *m, const ax_tensor *in)
{
    for (int i = 0, k = 0; i < m->f->graph.n_in; i++) {
        const ax_onnx_port *p = &m->f->graph.in[i];
        if (has_initializer(&m->f->graph, p->name))
            continue;
        ax_onnx_value v = {p->name, {in[k].dtype, in[k].shape}, in[k].data, AX_NONE};
        v.val = ax_graph_input(m->g, p->name, in[k].dtype, &in[k].shape, m->err);
        if (v.val < 0 || add(m, v, m->err))
            return -1;
        k++;
    }
    return 0;
}

/* ---- what builders work with --------------------------------------------------------------------
 */

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

int onnx_known_ints(onnx_site *s, int i, const int64_t **v, int64_t *n)
{
    *n = -1;
    if (i >= s->n_in || !s->in[i])
        return 0;
    const ax_onnx_value *x = s->in[i];
    if (!x->data)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "input %d ('%.64s') is computed by the run, it has to be known before", i,
                       x->name);
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
    if (v->desc.dtype == AX_F32) {
        v->val = ax_graph_param(g, v->name, &v->desc.shape, 0, err);
        if (v->val >= 0)
            g->val[v->val].data = (void *)(uintptr_t)v->data;
    } else {
        v->val = ax_graph_const(g, v->desc.dtype, &v->desc.shape, v->data, err);
    }
    return v->val < 0 ? -1 : 0;
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
    if (ax_op_eval(op, s->n->name, attr, x, n_in, y, &s->m->g->arena, s->err))
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

/* ---- nodes --------------------------------------------------------------------------------------
 */

/* Rows are few and nodes are many, but a file is imported once for a shape: a walk will do. */
static const onnx_row *row_for(const char *op, const char *domain, int64_t opset)
{
    const onnx_row *best = NULL;
    if (*domain)
        return NULL;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const onnx_row *r = tables[t]; r->op; r++)
            if (!strcmp(r->op, op) && r->since <= opset && (!best || r->since > best->since))
                best = r;
    return best;
}

/* Is the word in a list with spaces, or commas and spaces, between? */
static int is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == ',' || !at[n]))
            return 1;
    return 0;
}

static int check_node(const ax_onnx_node *n, const onnx_row *row, ax_err *err)
{
    if (n->n_in < row->min_in || n->n_in > row->max_in)
        return ax_fail(err, AX_EINVAL, "%d inputs, it takes %d to %d", n->n_in, row->min_in,
                       row->max_in);
    for (int i = 0; i < n->n_attr; i++)
        if (!is_listed(row->attrs, n->attr[i].name))
            return ax_fail(err, AX_EUNSUPPORTED, "the attribute '%.64s' is not known here; %s%s",
                           n->attr[i].name, *row->attrs ? "it takes " : "it takes none",
                           row->attrs);
    return 0;
}

/* What a row wants is there; of a row that takes any number, all. */
static int gather_inputs(onnx_site *s, const onnx_row *row)
{
    int wanted = row->max_in == INT32_MAX ? s->n_in : row->min_in;
    for (int i = 0; i < s->n_in; i++) {
        const char *name = s->n->in[i];
        s->in[i] = *name ? find(s->m, name) : NULL;
        if (*name && !s->in[i])
            return ax_fail(s->err, AX_ECORRUPT, "input %d, '%.96s', is made by nothing before it",
                           i, name);
        if (!s->in[i] && i < wanted)
            return ax_fail(s->err, AX_EINVAL, "input %d is left out", i);
        if (row->f32 && s->in[i] && s->in[i]->desc.dtype != AX_F32)
            return ax_fail(s->err, AX_EUNSUPPORTED, "input %d ('%.64s') is %s, float32 is taken", i,
                           name, ax_dtype_name(s->in[i]->desc.dtype));
    }
    return 0;
}

static int build_node(onnx_importer *m, const ax_onnx_node *n, int64_t opset, ax_err *err)
{
    const onnx_row *row = row_for(n->op, n->domain, opset);
    if (!row)
        return ax_fail(err, AX_EUNSUPPORTED, "the operator is not known here");
    onnx_site s = {m, n, NULL, NULL, n->n_in, n->n_out, opset, NULL, err};
    s.in = onnx_alloc(&s, n->n_in + 1, sizeof *s.in);
    s.out = onnx_alloc(&s, n->n_out + AX_MAX_OUT, sizeof *s.out);
    if (!s.in || !s.out || check_node(n, row, err) || gather_inputs(&s, row))
        return -1;
    for (int i = 0; i < n->n_out; i++)
        s.out[i] = (ax_onnx_value){.name = n->out[i], .desc.shape.rank = -1, .val = AX_NONE};
    if (row->build(&s))
        return -1;
    if (s.mistyped)
        return ax_fail(err, AX_ETYPE,
                       "the attribute '%.64s' is of another type than the operator takes",
                       s.mistyped);
    for (int i = 0; i < n->n_out; i++) {
        if (!*n->out[i])
            continue;
        s.out[i].name = n->out[i];
        if (s.out[i].desc.shape.rank < 0)
            return ax_fail(err, AX_EUNSUPPORTED, "its output %d is not made here", i);
        if (add(m, s.out[i], err))
            return -1;
    }
    return 0;
}

/* "Conv 'conv1' (node 7)": which node of the file a message is about */
static int blame(ax_err *err, const ax_onnx_node *n, int index)
{
    ax_err why = *err;
    ax_fail(err, why.code, "%s '%.64s' (node %d): %.380s", n->op, n->name, index, why.msg);
    return ax_err_hint(err, "%s", why.hint);
}

int ax_onnx_check(const ax_onnx_file *f, ax_err *err)
{
    char missing[300] = "";
    size_t len = 0;
    int64_t opset = ax_onnx_opset_of(f->opset, f->n_opset, "");
    int count = 0;
    if ((int64_t)f->graph.n_in * f->graph.n_init > 1 << 26)
        return ax_fail(err, AX_ELIMIT, "a graph of %d inputs and %d initializers", f->graph.n_in,
                       f->graph.n_init);
    for (int i = 0; i < f->graph.n_in; i++)
        if (strcmp(f->graph.in[i].kind, "tensor") != 0)
            return ax_fail(err, AX_EUNSUPPORTED,
                           "the input '%.96s' is of the kind %s, tensors are taken",
                           f->graph.in[i].name, f->graph.in[i].kind);
    for (int i = 0; i < f->graph.n_node; i++) {
        const ax_onnx_node *n = &f->graph.node[i];
        char name[96];
        if (row_for(n->op, n->domain, opset))
            continue;
        snprintf(name, sizeof name, "%.40s%s%.40s", n->domain, *n->domain ? "." : "", n->op);
        if (is_listed(missing, name))
            continue;
        count++;
        if (len + strlen(name) + 12 < sizeof missing)
            len += (size_t)snprintf(missing + len, sizeof missing - len, "%s%s", len ? ", " : "",
                                    name);
    }
    if (!count)
        return 0;
    return ax_fail(err, AX_EUNSUPPORTED, "%d operator%s of opset %lld %s missing here: %s", count,
                   count == 1 ? "" : "s", (long long)opset, count == 1 ? "is" : "are", missing);
}

static int add_outputs(onnx_importer *m, ax_onnx_value *out)
{
    const ax_onnx_graph *g = &m->f->graph;
    for (int i = 0; i < g->n_out; i++) {
        ax_onnx_value *v = find(m, g->out[i].name);
        if (!v)
            return ax_fail(m->err, AX_ECORRUPT, "the output '%.96s' is made by no node",
                           g->out[i].name);
        if (ax_onnx_into_graph(m->g, v, m->err))
            return -1;
        out[i] = *v;
    }
    return 0;
}

int ax_onnx_needs_numbers(const ax_err *err)
{
    return err->code == AX_EUNSUPPORTED && strstr(err->msg, "known before") != NULL;
}

int ax_onnx_import(const ax_onnx_file *f, const ax_tensor *in, ax_graph *g, ax_onnx_value *out,
                   ax_onnx_names *names, ax_err *err)
{
    ax_err unwanted;
    onnx_importer m = {.f = f, .g = g, .err = err ? err : &unwanted};
    int64_t opset = ax_onnx_opset_of(f->opset, f->n_opset, "");
    if (!g->arena.limit) /* what a file makes the importer compute */
        g->arena.limit = g->arena.used + (size_t)ax_memory_budget();
    if (make_table(&m) || add_initializers(&m) || add_inputs(&m, in))
        return -1;
    for (int i = 0; i < f->graph.n_node; i++) {
        if (build_node(&m, &f->graph.node[i], opset, m.err))
            return blame(m.err, &f->graph.node[i], i);
        m.names.first_node[i + 1] = g->n_node;
    }
    if (names)
        *names = m.names;
    return add_outputs(&m, out);
}
