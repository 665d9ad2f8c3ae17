/* plan.c - from nodes to steps: shapes, kernels, layouts, conversions; see plan.h. Where the
 * buffers lie is worked out by place.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/plan_impl.h"

/* ---- pieces of a plan -------------------------------------------------------------------------
 */

typedef struct planner {
    ax_plan *p;
    const ax_graph *g;
    const ax_plan_options *o;
    ax_err *err;
    unsigned char *need; /* [n_val]                                       */
    ax_desc *desc;       /* [n_val] at the plan's shapes                  */
    int (*buf)[2];       /* [n_val][layout]: buffer, or -1                */
} planner;

static int no_memory(planner *w)
{
    return ax_fail(w->err, AX_ENOMEM, "no memory for a plan");
}

static void mark_needed(planner *w)
{
    for (int i = 0; i < w->o->n_outputs; i++)
        w->need[w->o->outputs[i]] = 1;
    for (int i = w->g->n_node - 1; i >= 0; i--) {
        const ax_node *n = &w->g->node[i];
        int any = 0;
        for (int k = 0; k < n->n_out; k++)
            any |= w->need[n->out + k];
        for (int k = 0; any && k < n->n_in; k++)
            if (n->in[k] >= 0)
                w->need[n->in[k]] = 1;
    }
}

static int add_buffer(planner *w, int64_t bytes)
{
    ax_plan *p = w->p;
    if (p->n_buf == p->cap_buf) {
        int cap = p->cap_buf ? p->cap_buf * 2 : 64;
        ax_buffer *b = realloc(p->buf, (size_t)cap * sizeof *b);
        if (!b)
            return no_memory(w);
        p->buf = b;
        p->cap_buf = cap;
    }
    p->buf[p->n_buf] = (ax_buffer){.bytes = (bytes + 63) & ~(int64_t)63,
                                   .root = p->n_buf,
                                   .first = p->n_step,
                                   .last = p->n_step};
    return p->n_buf++;
}

static ax_step *add_step(planner *w)
{
    ax_plan *p = w->p;
    if (p->n_step == p->cap_step) {
        int cap = p->cap_step ? p->cap_step * 2 : 64;
        ax_step *s = realloc(p->step, (size_t)cap * sizeof *s);
        if (!s) {
            no_memory(w);
            return NULL;
        }
        p->step = s;
        p->cap_step = cap;
    }
    ax_step *s = &p->step[p->n_step];
    *s = (ax_step){.scratch = -1, .node = -1};
    for (int i = 0; i < AX_MAX_IN; i++)
        s->in_buf[i] = -1;
    return s;
}

static int64_t value_bytes(const ax_desc *d, ax_layout l)
{
    int64_t n = l == AX_PLAIN ? ax_shape_count(&d->shape) : ax_layout_count(l, &d->shape);
    return n * (int64_t)ax_dtype_size(d->dtype);
}

static void run_to_blocked(const ax_call *c)
{
    const ax_shape *s = &c->in[0].shape;
    int64_t pixels = 1;
    for (int i = 2; i < s->rank; i++)
        pixels *= s->dim[i];
    ax_to_blocked(s->dim[0], s->dim[1], pixels, c->x[0], c->y[0], c->pool);
}

static void run_to_plain(const ax_call *c)
{
    const ax_shape *s = &c->in[0].shape;
    int64_t pixels = 1;
    for (int i = 2; i < s->rank; i++)
        pixels *= s->dim[i];
    ax_to_plain(s->dim[0], s->dim[1], pixels, c->x[0], c->y[0], c->pool);
}

/* Runs will read the numbers of v where the graph says; what they read of the arena is none of
 * these. */
static int hold(planner *w, ax_val v)
{
    ax_plan *p = w->p;
    const void *data = w->g->val[v].data;
    if (p->n_held == p->cap_held) {
        int cap = p->cap_held ? p->cap_held * 2 : 64;
        const void **held = realloc(p->held, (size_t)cap * sizeof *held);
        if (!held)
            return no_memory(w);
        p->held = held;
        p->cap_held = cap;
    }
    int is_part = data ? ax_backed_hold(w->g->backed, data, w->err) : 0;
    if (is_part > 0)
        p->held[p->n_held++] = data;
    return is_part < 0 ? -1 : 0;
}

/* The buffer of value v in layout l, converting if it exists only in the other one.
 * -1 for parameters and constants in PLAIN, which live outside the arena; -2 on failure. */
static int buffer_of(planner *w, ax_val v, ax_layout l)
{
    ax_val_kind kind = w->g->val[v].kind;
    int outside = kind == AX_VAL_PARAM || kind == AX_VAL_CONST;
    if (w->buf[v][l] >= 0)
        return w->buf[v][l];
    if (outside && hold(w, v))
        return -2;
    if (outside && l == AX_PLAIN)
        return -1;
    ax_step *s = add_step(w);
    if (!s)
        return -2;
    s->n_in = s->n_out = 1;
    s->in_val[0] = v;
    s->in_buf[0] = w->buf[v][!l];
    s->in = s->out = &w->desc[v];
    s->choice.kernel = l == AX_BLOCKED ? "to blocked" : "to plain";
    s->choice.run = l == AX_BLOCKED ? run_to_blocked : run_to_plain;
    s->choice.in[0] = !l;
    s->choice.out[0] = l;
    int b = add_buffer(w, value_bytes(&w->desc[v], l));
    if (b < 0)
        return -2;
    w->p->step[w->p->n_step++].out_buf[0] = b;
    return w->buf[v][l] = b;
}

/* ---- a node ---------------------------------------------------------------------------------- */

/* A node on its way to become a step. */
typedef struct draft {
    const ax_node *n;
    int index;
    ax_desc *in, *out;         /* in the plan's arena and desc table           */
    ax_layout have[AX_MAX_IN]; /* the layout each input exists in              */
    ax_site site;
    ax_choice choice;
    int in_buf[AX_MAX_IN]; /* -1: outside the arena, absent or not read    */
} draft;

/* Weights that another node computes are new at every run and cannot be packed. */
static int fixed_weights(const ax_graph *g, const ax_node *n)
{
    unsigned packed = n->op->packed_inputs ? n->op->packed_inputs : 1 << 1;
    for (int i = 0; i < n->n_in; i++) {
        ax_val_kind kind = n->in[i] == AX_NONE ? AX_VAL_CONST : g->val[n->in[i]].kind;
        if (packed >> i & 1 && kind != AX_VAL_PARAM && kind != AX_VAL_CONST)
            return 0;
    }
    return 1;
}

/* Shapes and layouts of the inputs; from them the shapes of the outputs. */
static int infer(planner *w, draft *d)
{
    const ax_node *n = d->n;
    d->out = &w->desc[n->out];
    if (!(d->in = AX_ARRAY(&w->p->arena, ax_desc, AX_MAX_IN)))
        return no_memory(w);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == AX_NONE) {
            d->in[i].shape.rank = -1;
            continue;
        }
        d->in[i] = w->desc[n->in[i]];
        d->have[i] = w->buf[n->in[i]][AX_BLOCKED] >= 0 ? AX_BLOCKED : AX_PLAIN;
    }
    ax_err why;
    if (n->op->infer(n->attr, d->in, n->n_in, d->out, &why))
        return ax_fail(w->err, why.code, "%s '%s': %.399s", n->op->name, n->name, why.msg);
    for (int i = 0; i < n->n_out; i++)
        if (ax_shape_count_checked(&d->out[i].shape, ax_dtype_size(d->out[i].dtype), w->err) < 0)
            return -1;
    return 0;
}

/* Let the op choose kernel and layouts, and bring the inputs into those. */
static int choose(planner *w, draft *d)
{
    const ax_node *n = d->n;
    d->site = (ax_site){.attr = n->attr,
                        .in = d->in,
                        .out = d->out,
                        .n_in = n->n_in,
                        .n_out = n->n_out,
                        .layout = d->have,
                        .threads = w->o->threads,
                        .frozen = w->o->packs && fixed_weights(w->g, n)};
    d->choice = (ax_choice){.kernel = "", .run = n->op->run};
    if (n->op->choose)
        n->op->choose(&d->site, &d->choice);
    for (int i = 0; i < n->n_in; i++) {
        int skip = n->in[i] == AX_NONE || d->choice.unread >> i & 1;
        d->in_buf[i] = skip ? -1 : buffer_of(w, n->in[i], d->choice.in[i]);
        if (d->in_buf[i] == -2)
            return -1;
    }
    return 0;
}

/* The output is its input seen in another shape: no step, no memory. */
static int add_view(planner *w, const draft *d)
{
    int b = add_buffer(w, 0);
    if (b < 0)
        return -1;
    w->p->buf[b].root = w->p->buf[d->in_buf[d->choice.alias - 1]].root;
    w->buf[d->n->out][d->choice.out[0]] = b;
    return 0;
}

/* Memory for what the step writes, and its weights in packed form. */
static int equip(planner *w, const draft *d, ax_step *s)
{
    const ax_node *n = d->n;
    const ax_choice *c = &d->choice;
    for (int i = 0; i < n->n_out; i++) {
        int b = add_buffer(w, value_bytes(&d->out[i], c->out[i]));
        if (b < 0)
            return -1;
        w->buf[n->out + i][c->out[i]] = s->out_buf[i] = b;
    }
    if (c->scratch > 0 && (s->scratch = add_buffer(w, c->scratch * (int64_t)sizeof(float))) < 0)
        return -1;
    if (!c->pack || !d->site.frozen)
        return 0;
    void *x[AX_MAX_IN] = {0};
    for (int i = 0; i < n->n_in; i++)
        x[i] = n->in[i] == AX_NONE ? NULL : w->g->val[n->in[i]].data;
    s->packed = ax_packs_get(w->o->packs, n->op, c, &d->site, x, w->g->backed, w->err);
    return s->packed ? 0 : -1;
}

static int plan_node(planner *w, int index)
{
    draft d = {.n = &w->g->node[index], .index = index};
    if (infer(w, &d) || choose(w, &d))
        return -1;
    if (d.choice.alias && d.in_buf[d.choice.alias - 1] >= 0)
        return add_view(w, &d);
    ax_step *s = add_step(w);
    if (!s)
        return -1;
    s->node = index;
    s->op = d.n->op;
    s->name = d.n->name;
    s->attr = d.n->attr;
    s->in = d.in;
    s->out = d.out;
    s->n_in = d.n->n_in;
    s->n_out = d.n->n_out;
    s->choice = d.choice;
    memcpy(s->in_buf, d.in_buf, sizeof d.in_buf);
    memcpy(s->in_val, d.n->in, (size_t)d.n->n_in * sizeof s->in_val[0]);
    if (equip(w, &d, s))
        return -1;
    w->p->n_step++;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int plan_inputs(planner *w)
{
    ax_plan *p = w->p;
    const ax_graph *g = w->g;
    for (int v = 0; v < g->n_val; v++)
        p->n_input += g->val[v].kind == AX_VAL_INPUT;
    if (!(p->input = AX_ARRAY(&p->arena, int, p->n_input)))
        return no_memory(w);
    for (int v = 0, i = 0; v < g->n_val; v++) {
        if (g->val[v].kind != AX_VAL_INPUT)
            continue;
        w->desc[v] = w->o->inputs[i];
        if (ax_shape_count_checked(&w->desc[v].shape, ax_dtype_size(w->desc[v].dtype), w->err) < 0)
            return -1;
        /* also one that no wanted value needs: callers may fill it all the same */
        p->input[i] = w->buf[v][AX_PLAIN] = add_buffer(w, value_bytes(&w->desc[v], AX_PLAIN));
        if (p->input[i++] < 0)
            return -1;
    }
    return 0;
}

static int plan_nodes(planner *w)
{
    for (int i = 0; i < w->g->n_node; i++) {
        const ax_node *n = &w->g->node[i];
        int any = 0;
        for (int k = 0; k < n->n_out; k++)
            any |= w->need[n->out + k];
        if (any && plan_node(w, i))
            return -1;
    }
    return 0;
}

static int plan_outputs(planner *w)
{
    ax_plan *p = w->p;
    int n = w->o->n_outputs;
    p->output = AX_ARRAY(&p->arena, int, n);
    p->output_val = AX_ARRAY(&p->arena, ax_val, n);
    if (!p->output || !p->output_val)
        return no_memory(w);
    for (; p->n_output < n; p->n_output++) {
        ax_val v = w->o->outputs[p->n_output];
        int b = buffer_of(w, v, AX_PLAIN);
        if (b == -2)
            return -1;
        p->output_val[p->n_output] = v;
        p->output[p->n_output] = b;
    }
    return 0;
}

static int plan_all(planner *w)
{
    const ax_graph *g = w->g;
    for (int v = 0; v < g->n_val; v++) {
        w->buf[v][AX_PLAIN] = w->buf[v][AX_BLOCKED] = -1;
        w->desc[v] = g->val[v].desc;
    }
    mark_needed(w);
    if (plan_inputs(w) || plan_nodes(w) || plan_outputs(w))
        return -1;
    int64_t limit = w->o->memory_limit ? w->o->memory_limit : ax_memory_budget();
    return ax_plan_place(w->p, limit, w->err);
}

ax_plan *ax_plan_new(const ax_graph *g, const ax_plan_options *o, ax_err *err)
{
    ax_plan *p = calloc(1, sizeof *p);
    if (!p) {
        ax_fail(err, AX_ENOMEM, "no memory for a plan");
        return NULL;
    }
    ax_arena_init(&p->arena, 0);
    p->graph = g;
    p->desc = AX_ARRAY(&p->arena, ax_desc, g->n_val);
    planner w = {.p = p, .g = g, .o = o, .err = err, .desc = p->desc};
    w.need = calloc((size_t)g->n_val + 1, 1);
    w.buf = malloc((size_t)(g->n_val + 1) * sizeof *w.buf);
    int bad = !w.need || !w.buf || !p->desc ? no_memory(&w) : plan_all(&w);
    free(w.need);
    free(w.buf);
    if (bad) {
        ax_plan_free(p);
        return NULL;
    }
    return p;
}

void ax_plan_free(ax_plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_held; i++)
        ax_backed_drop(p->graph->backed, p->held[i], 0);
    free(p->held);
    free(p->buf);
    free(p->step);
    ax_arena_fini(&p->arena);
    free(p);
}

int64_t ax_plan_bytes(const ax_plan *p)
{
    return p->bytes;
}

int64_t ax_plan_alive(const ax_plan *p)
{
    return p->alive;
}

const ax_desc *ax_plan_output(const ax_plan *p, int i)
{
    return &p->desc[p->output_val[i]];
}
