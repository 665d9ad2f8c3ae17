/* onnx_scope.c - values by name, nodes in order, calls of a file's functions; see onnx_scope.h. */
#include "io/onnx_scope.h"

#include <string.h>

#include "base/hash.h"

static const struct {
    const char *domain;
    const onnx_row *rows;
} tables[] = {
    {"", onnx_rows_shape},
    {"", onnx_rows_grid},
    {"", onnx_rows_nn},
    {"", onnx_rows_window},
    {"", onnx_rows_pool},
    {"", onnx_rows_norm},
    {"", onnx_rows_resize},
    {"", onnx_rows_math},
    {"", onnx_rows_index},
    {"", onnx_rows_type},
    {"", onnx_rows_product},
    {"", onnx_rows_quant},
    {"", onnx_rows_control},
    {"", onnx_rows_scan},
    {"", onnx_rows_rnn},
    {"", onnx_rows_loss},
    {"", onnx_rows_attention},
    {"", onnx_rows_sequence},
    {"com.microsoft", onnx_rows_contrib},
};

/* ---- values by name ---- */

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

ax_onnx_value *onnx_scope_find(const onnx_scope *s, const char *name)
{
    ax_onnx_value *v = NULL;
    for (; s && !v; s = s->closed ? NULL : s->around)
        v = ax_onnx_find(&s->names, name);
    return v;
}

int onnx_scope_add(onnx_scope *s, ax_onnx_value v, ax_err *err)
{
    if (onnx_scope_find(s, v.name))
        return ax_fail(err, AX_ECORRUPT, "the value '%.96s' is made twice", v.name);
    if (s->names.n == s->room)
        return ax_fail(err, AX_ECORRUPT, "more values than the graph says");
    int *slot = slot_of(&s->names, v.name);
    s->names.value[s->names.n++] = v;
    *slot = s->names.n;
    return 0;
}

void onnx_scope_cut(onnx_scope *s, int n)
{
    ax_onnx_names *t = &s->names;
    memset(t->slot, 0, ((size_t)t->mask + 1) * sizeof *t->slot);
    t->n = n;
    for (int i = 0; i < n; i++)
        *slot_of(t, t->value[i].name) = i + 1;
}

int onnx_scope_open(onnx_importer *m, onnx_scope *s, const onnx_scope *around, int64_t room,
                    ax_err *err)
{
    unsigned slots = 16;
    *s = (onnx_scope){.around = around, .room = (int)room};
    if (around) {
        s->depth = around->depth + 1;
        s->opset = around->opset;
        s->n_opset = around->n_opset;
        s->fn = around->fn;
        s->call = around->call;
    }
    if (room > 1 << 24)
        return ax_fail(err, AX_ELIMIT, "a graph of %lld values", (long long)room);
    if (s->depth >= ONNX_MAX_SCOPES)
        return ax_fail(err, AX_ELIMIT, "graphs and functions lie within each other deeper than %d",
                       ONNX_MAX_SCOPES);
    while (slots < 2 * (uint64_t)room)
        slots *= 2;
    s->names.mask = slots - 1;
    s->names.slot = AX_ARRAY(&m->g->arena, int, slots);
    s->names.value = AX_ARRAY(&m->g->arena, ax_onnx_value, room + 1);
    return s->names.slot && s->names.value ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the graph");
}

int onnx_add_initializers(onnx_importer *m, onnx_scope *s, const ax_onnx_graph *g,
                          const unsigned char *learned, ax_err *err)
{
    ax_onnx_value v;
    for (int i = 0; i < g->n_init; i++) {
        if (ax_onnx_known(&g->init[i], &m->g->arena, &v, err))
            return -1;
        if (learned && learned[i]) {
            v.val = ax_graph_param(m->g, v.name, &v.desc.shape, 1, err);
            if (v.val < 0)
                return -1;
            m->g->val[v.val].data = (void *)(uintptr_t)v.data;
            v.data = NULL;
        }
        if (onnx_scope_add(s, v, err))
            return -1;
    }
    return 0;
}

ax_onnx_value *onnx_output(const onnx_scope *s, const char *name, ax_err *err)
{
    ax_onnx_value *v = onnx_scope_find(s, name);
    if (!v)
        ax_fail(err, AX_ECORRUPT, "the output '%.96s' is made by no node", name);
    return v;
}

/* ---- rows and functions ---- */

/* Rows are few and nodes are many, but a file is imported once for a shape: a walk will do. */
const onnx_row *onnx_row_for(const ax_onnx_node *n, const ax_onnx_opset *opset, int n_opset)
{
    const onnx_row *best = NULL;
    int64_t version = ax_onnx_opset_of(opset, n_opset, n->domain);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        if (strcmp(tables[t].domain, n->domain) != 0)
            continue;
        for (const onnx_row *r = tables[t].rows; r->op; r++)
            if (!strcmp(r->op, n->op) && r->since <= version && (!best || r->since > best->since))
                best = r;
    }
    return best;
}

const ax_onnx_function *onnx_function_for(const ax_onnx_file *f, const ax_onnx_node *n)
{
    for (int i = 0; i < f->n_function; i++)
        if (!strcmp(f->function[i].name, n->op) && !strcmp(f->function[i].domain, n->domain) &&
            !strcmp(f->function[i].overload, n->overload))
            return &f->function[i];
    return NULL;
}

int onnx_is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == ',' || !at[n]))
            return 1;
    return 0;
}

/* ---- attributes of functions ---- */

static const ax_onnx_attr *attr_called(const ax_onnx_attr *a, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(a[i].name, name) && a[i].type)
            return &a[i];
    return NULL;
}

/* The node with what the call says, or the function's default, where its attributes refer to those
 * of the function; what neither has is left out. */
static const ax_onnx_node *resolved(onnx_importer *m, const onnx_scope *s, const ax_onnx_node *n,
                                    ax_err *err)
{
    int refers = 0;
    for (int i = 0; i < n->n_attr; i++)
        refers |= *n->attr[i].of != 0;
    if (!refers)
        return n;
    ax_onnx_node *copy = AX_NEW(&m->g->arena, ax_onnx_node);
    ax_onnx_attr *attr = AX_ARRAY(&m->g->arena, ax_onnx_attr, n->n_attr);
    if (!copy || !attr) {
        ax_fail(err, AX_ENOMEM, "no memory for the graph");
        return NULL;
    }
    *copy = *n;
    copy->attr = attr;
    copy->n_attr = 0;
    for (int i = 0; i < n->n_attr; i++) {
        const ax_onnx_attr *a = &n->attr[i];
        if (*a->of && s->fn) {
            a = attr_called(s->call->attr, s->call->n_attr, n->attr[i].of);
            a = a ? a : attr_called(s->fn->attr, s->fn->n_attr, n->attr[i].of);
        }
        if (!a)
            continue;
        attr[copy->n_attr] = *a;
        attr[copy->n_attr++].name = n->attr[i].name;
    }
    return copy;
}

/* ---- calls ---- */

static int check_call(const onnx_site *s, const ax_onnx_function *fn)
{
    if (s->n_in > fn->n_in || s->n_out > fn->n_out)
        return ax_fail(s->err, AX_EINVAL,
                       "%d inputs and %d outputs, the function has at most %d and %d", s->n_in,
                       s->n_out, fn->n_in, fn->n_out);
    for (const onnx_scope *at = s->scope; at; at = at->around)
        if (at->fn == fn)
            return ax_fail(s->err, AX_ECORRUPT, "the function '%.64s' calls itself", fn->name);
    for (int i = 0; i < s->n->n_attr; i++) {
        int k = 0;
        while (k < fn->n_attr && strcmp(fn->attr[k].name, s->n->attr[i].name))
            k++;
        if (k == fn->n_attr)
            return ax_fail(s->err, AX_EUNSUPPORTED,
                           "the function has no attribute that is called '%.64s'",
                           s->n->attr[i].name);
    }
    return 0;
}

/* Its inputs under the names it gives them; one that is left out has rank -1. */
static int enter(onnx_site *s, onnx_scope *body, const ax_onnx_function *fn)
{
    for (int i = 0; i < fn->n_in; i++) {
        ax_onnx_value v = {.desc.shape.rank = -1, .val = AX_NONE};
        if (i < s->n_in && s->in[i])
            v = *s->in[i];
        v.name = fn->in[i];
        if (onnx_scope_add(body, v, s->err))
            return -1;
    }
    return 0;
}

static int call(onnx_site *s, const ax_onnx_function *fn)
{
    onnx_scope body;
    int64_t room = fn->n_in;
    for (int i = 0; i < fn->n_node; i++)
        room += fn->node[i].n_out;
    if (check_call(s, fn) || onnx_scope_open(s->m, &body, s->scope, room, s->err))
        return -1;
    body.closed = 1;
    body.opset = fn->opset;
    body.n_opset = fn->n_opset;
    body.fn = fn;
    body.call = s->n;
    if (enter(s, &body, fn) || onnx_build_nodes(s->m, &body, fn->node, fn->n_node, s->err))
        return -1;
    for (int i = 0; i < s->n_out; i++) {
        const ax_onnx_value *v = onnx_output(&body, fn->out[i], s->err);
        if (!v)
            return -1;
        s->out[i] = *v;
    }
    return 0;
}

/* ---- nodes ---- */

static int check_node(const ax_onnx_node *n, const onnx_row *row, ax_err *err)
{
    if (n->n_in < row->min_in || n->n_in > row->max_in)
        return ax_fail(err, AX_EINVAL, "%d inputs, it takes %d to %d", n->n_in, row->min_in,
                       row->max_in);
    for (int i = 0; i < n->n_attr; i++)
        if (!onnx_is_listed(row->attrs, n->attr[i].name))
            return ax_fail(err, AX_EUNSUPPORTED, "the attribute '%.64s' is not known here; %s%s",
                           n->attr[i].name, *row->attrs ? "it takes " : "it takes none",
                           row->attrs);
    return 0;
}

/* Values by their names; NULL for what is left out, here or by a call of the function around. */
static int gather_inputs(onnx_site *s)
{
    for (int i = 0; i < s->n_in; i++) {
        const char *name = s->n->in[i];
        s->in[i] = *name ? onnx_scope_find(s->scope, name) : NULL;
        if (*name && !s->in[i])
            return ax_fail(s->err, AX_ECORRUPT, "input %d, '%.96s', is made by nothing before it",
                           i, name);
        if (s->in[i] && s->in[i]->desc.shape.rank == -1)
            s->in[i] = NULL;
    }
    return 0;
}

/* What a row wants is there; of a row that takes any number, all. */
static int check_inputs(const onnx_site *s, const onnx_row *row)
{
    int wanted = row->max_in == INT32_MAX ? s->n_in : row->min_in;
    for (int i = 0; i < s->n_in; i++) {
        if (!s->in[i] && i < wanted)
            return ax_fail(s->err, AX_EINVAL, "input %d is left out", i);
        if (s->in[i] && onnx_sequence_of(s->in[i]) && row->types != ONNX_SEQUENCES)
            return ax_fail(s->err, AX_EUNSUPPORTED, "input %d ('%.64s') is a sequence", i,
                           s->n->in[i]);
        if (row->types == ONNX_F32 && s->in[i] && s->in[i]->desc.dtype != AX_F32)
            return ax_fail(s->err, AX_EUNSUPPORTED, "input %d ('%.64s') is %s, float32 is taken", i,
                           s->n->in[i], ax_dtype_name(s->in[i]->desc.dtype));
    }
    return 0;
}

static int add_outputs(const onnx_site *s, onnx_scope *to)
{
    for (int i = 0; i < s->n_out; i++) {
        if (!*s->n->out[i])
            continue;
        s->out[i].name = s->n->out[i];
        if (s->out[i].desc.shape.rank == -1)
            return ax_fail(s->err, AX_EUNSUPPORTED, "its output %d is not made here", i);
        if (onnx_scope_add(to, s->out[i], s->err))
            return -1;
    }
    return 0;
}

/* The builders of these hand float32 on and do not look into it. Weights of such operators are not
 * fetched for an import. */
static int looks_into_nothing(const onnx_row *row)
{
    return onnx_is_listed("Conv ConvTranspose Gemm MatMul RNN GRU LSTM", row->op);
}

static int build(onnx_site *s, const onnx_row *row)
{
    int hold = !looks_into_nothing(row);
    if (hold && onnx_hold(s, s->in, s->n_in))
        return -1;
    int bad = row->build(s);
    if (hold)
        onnx_drop(s, s->in, s->n_in);
    return bad;
}

static int build_row(onnx_site *s, const onnx_row *row)
{
    if (check_node(s->n, row, s->err) || gather_inputs(s) || check_inputs(s, row) || build(s, row))
        return -1;
    if (s->mistyped)
        return ax_fail(s->err, AX_ETYPE,
                       "the attribute '%.64s' is of another type than the operator takes",
                       s->mistyped);
    return 0;
}

static int build_node(onnx_importer *m, onnx_scope *scope, const ax_onnx_node *n, ax_err *err)
{
    enum { FEW = AX_MAX_OUT + 2 }; /* what most nodes have needs no memory */
    ax_onnx_value *few_in[FEW], few_out[FEW];
    const ax_onnx_function *fn = onnx_function_for(m->f, n);
    const onnx_row *row = fn ? NULL : onnx_row_for(n, scope->opset, scope->n_opset);
    if (!fn && !row)
        return ax_fail(err, AX_EUNSUPPORTED, "the operator is not known here");
    if (!(n = resolved(m, scope, n, err)))
        return -1;
    onnx_site s = {.m = m, .n = n, .scope = scope, .n_in = n->n_in, .n_out = n->n_out, .err = err};
    s.opset = ax_onnx_opset_of(scope->opset, scope->n_opset, "");
    s.in = n->n_in < FEW ? few_in : onnx_alloc(&s, n->n_in + 1, sizeof *s.in);
    s.out = n->n_out + AX_MAX_OUT <= FEW ? few_out
                                         : onnx_alloc(&s, n->n_out + AX_MAX_OUT, sizeof *s.out);
    if (!s.in || !s.out)
        return -1;
    for (int i = 0; i < n->n_out + AX_MAX_OUT; i++)
        s.out[i] = (ax_onnx_value){.name = "", .desc.shape.rank = -1, .val = AX_NONE};
    if (fn ? gather_inputs(&s) || call(&s, fn) : build_row(&s, row))
        return -1;
    return add_outputs(&s, scope);
}

/* "Conv 'conv1' (node 7)": which node of the file a message is about; outer ones are left out where
 * there is no more room for the reason. */
static int blame(ax_err *err, const ax_onnx_node *n, int index)
{
    ax_err why = *err;
    if (strlen(why.msg) > 300)
        return -1;
    ax_fail(err, why.code, "%s '%.64s' (node %d): %.380s", n->op, n->name, index, why.msg);
    return ax_err_hint(err, "%s", why.hint);
}

int onnx_build_nodes(onnx_importer *m, onnx_scope *s, const ax_onnx_node *node, int n, ax_err *err)
{
    for (int i = 0; i < n; i++) {
        if (++m->steps > ONNX_MAX_STEPS)
            return ax_fail(err, AX_ELIMIT, "its loops and functions come to more than %d steps",
                           ONNX_MAX_STEPS);
        if (m->unrolling && m->g->n_node > ONNX_MAX_UNROLLED)
            return ax_fail(err, AX_EUNKNOWN,
                           "unrolled, its loops have more than %d nodes; they are run one by one "
                           "when all inputs are known",
                           ONNX_MAX_UNROLLED);
        if (build_node(m, s, &node[i], err))
            return blame(err, &node[i], i);
        if (s->names.first_node)
            s->names.first_node[i + 1] = m->g->n_node;
    }
    return 0;
}
