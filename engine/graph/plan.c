/* plan.c - choose kernels and layouts, then place every buffer; see plan.h.
 *
 * A buffer is a stretch of the arena with a lifetime in steps. A value may own two (one per
 * layout); a view shares its source's; an in-place output takes over a dying input's. "root" of a
 * buffer is the one whose memory it uses. */
#include "graph/plan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan_impl.h"

/* ---- packed weights -------------------------------------------------------------------------- */

typedef struct pack {
    struct pack *next;
    int node;
    void (*fn)(const ax_site *, void *const *, float *);
    int64_t floats;
    float *data;
} pack;

struct ax_packs {
    pthread_mutex_t lock; /* guards list */
    pack *list;
};

ax_packs *ax_packs_new(void)
{
    ax_packs *p = calloc(1, sizeof *p);
    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void ax_packs_free(ax_packs *p)
{
    if (!p)
        return;
    for (pack *k = p->list, *next; k; k = next) {
        next = k->next;
        free(k->data);
        free(k);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int64_t ax_packs_bytes(ax_packs *p)
{
    int64_t bytes = 0;
    pthread_mutex_lock(&p->lock);
    for (pack *k = p->list; k; k = k->next)
        bytes += k->floats * (int64_t)sizeof(float);
    pthread_mutex_unlock(&p->lock);
    return bytes;
}

static float *aligned_floats(int64_t n)
{
    return aligned_alloc(64, ((size_t)n * sizeof(float) + 127) & ~(size_t)63);
}

/* The packed form of the node's weights, made on first demand. NULL: no memory. */
static const float *packs_get(ax_packs *p, int node, const ax_choice *c, const ax_site *s,
                              void *const *x)
{
    pthread_mutex_lock(&p->lock);
    pack *k = p->list;
    while (k && !(k->node == node && k->fn == c->pack && k->floats == c->pack_floats))
        k = k->next;
    if (!k && (k = malloc(sizeof *k))) {
        *k = (pack){p->list, node, c->pack, c->pack_floats, aligned_floats(c->pack_floats)};
        if (k->data) {
            c->pack(s, x, k->data);
            p->list = k;
        } else {
            free(k);
            k = NULL;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return k ? k->data : NULL;
}

/* ---- choosing -------------------------------------------------------------------------------- */

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
    p->buf[p->n_buf] = (ax_buffer){.bytes = (bytes + 63) & ~(int64_t)63, .root = p->n_buf,
                                   .first = p->n_step, .last = p->n_step};
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

/* The buffer of value v in layout l, converting if it exists only in the other one.
 * -1 for parameters and constants in PLAIN, which live outside the arena; -2 on failure. */
static int buffer_of(planner *w, ax_val v, ax_layout l)
{
    ax_val_kind kind = w->g->val[v].kind;
    int outside = kind == AX_VAL_PARAM || kind == AX_VAL_CONST;
    if (w->buf[v][l] >= 0)
        return w->buf[v][l];
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

/* Weights (input 1) that another node computes are new at every run and cannot be packed. */
static int fixed_weights(const ax_graph *g, const ax_node *n)
{
    if (n->n_in < 2 || n->in[1] == AX_NONE)
        return 1;
    ax_val_kind kind = g->val[n->in[1]].kind;
    return kind == AX_VAL_PARAM || kind == AX_VAL_CONST;
}

static int plan_node(planner *w, int index)
{
    const ax_node *n = &w->g->node[index];
    ax_desc *in = AX_ARRAY(&w->p->arena, ax_desc, AX_MAX_IN), *out = &w->desc[n->out];
    ax_layout have[AX_MAX_IN] = {0};
    if (!in)
        return no_memory(w);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == AX_NONE) {
            in[i].shape.rank = -1;
            continue;
        }
        in[i] = w->desc[n->in[i]];
        have[i] = w->buf[n->in[i]][AX_BLOCKED] >= 0 ? AX_BLOCKED : AX_PLAIN;
    }
    if (n->op->infer(n->attr, in, n->n_in, out, w->err)) {
        if (w->err) {
            char why[400];
            snprintf(why, sizeof why, "%.399s", w->err->msg);
            ax_fail(w->err, w->err->code, "%s '%s': %s", n->op->name, n->name, why);
        }
        return -1;
    }
    for (int i = 0; i < n->n_out; i++)
        if (ax_shape_count_checked(&out[i].shape, ax_dtype_size(out[i].dtype), w->err) < 0)
            return -1;
    ax_site site = {.attr = n->attr, .in = in, .out = out, .n_in = n->n_in, .n_out = n->n_out,
                    .layout = have, .threads = w->o->threads, .frozen = w->o->packs && fixed_weights(w->g, n)};
    ax_choice c = {.kernel = "", .run = n->op->run};
    if (n->op->choose)
        n->op->choose(&site, &c);

    int in_buf[AX_MAX_IN];
    for (int i = 0; i < n->n_in; i++) {
        int skip = n->in[i] == AX_NONE || c.unread >> i & 1;
        in_buf[i] = skip ? -1 : buffer_of(w, n->in[i], c.in[i]);
        if (in_buf[i] == -2)
            return -1;
    }
    if (c.alias && in_buf[c.alias - 1] >= 0) {
        int b = add_buffer(w, 0);
        if (b < 0)
            return -1;
        w->p->buf[b].root = w->p->buf[in_buf[c.alias - 1]].root;
        w->buf[n->out][c.out[0]] = b;
        return 0;
    }
    ax_step *s = add_step(w);
    if (!s)
        return -1;
    s->node = index;
    s->op = n->op;
    s->name = n->name;
    s->attr = n->attr;
    s->in = in;
    s->out = out;
    s->n_in = n->n_in;
    s->n_out = n->n_out;
    s->choice = c;
    memcpy(s->in_buf, in_buf, sizeof in_buf);
    for (int i = 0; i < n->n_in; i++)
        s->in_val[i] = n->in[i];
    for (int i = 0; i < n->n_out; i++) {
        int b = add_buffer(w, value_bytes(&out[i], c.out[i]));
        if (b < 0)
            return -1;
        w->buf[n->out + i][c.out[i]] = s->out_buf[i] = b;
    }
    if (c.scratch > 0 && (s->scratch = add_buffer(w, c.scratch * (int64_t)sizeof(float))) < 0)
        return -1;
    if (c.pack && site.frozen) {
        void *x[AX_MAX_IN] = {0};
        for (int i = 0; i < n->n_in; i++)
            x[i] = n->in[i] == AX_NONE ? NULL : w->g->val[n->in[i]].data;
        s->packed = packs_get(w->o->packs, index, &c, &site, x);
        if (!s->packed)
            return no_memory(w);
    }
    w->p->n_step++;
    return 0;
}

/* ---- lifetimes and places -------------------------------------------------------------------- */

static int root_of(const ax_plan *p, int b)
{
    while (p->buf[b].root != b)
        b = p->buf[b].root;
    return b;
}

static void use(ax_plan *p, int b, int step)
{
    if (b < 0)
        return;
    ax_buffer *r = &p->buf[root_of(p, b)];
    if (r->last < step)
        r->last = step;
}

static void lifetimes(planner *w)
{
    ax_plan *p = w->p;
    for (int s = 0; s < p->n_step; s++) {
        const ax_step *t = &p->step[s];
        for (int i = 0; i < t->n_in; i++)
            use(p, t->in_buf[i], s);
        for (int i = 0; i < t->n_out; i++)
            p->buf[t->out_buf[i]].first = s, use(p, t->out_buf[i], s);
        if (t->scratch >= 0)
            p->buf[t->scratch].first = p->buf[t->scratch].last = s;
    }
    for (int i = 0; i < p->n_input; i++) { /* a session may be run again with the same input */
        p->buf[p->input[i]].first = -1;
        use(p, p->input[i], p->n_step);
    }
    for (int i = 0; i < p->n_output; i++)
        use(p, p->output[i], p->n_step);
    for (int s = 0; s < p->n_step; s++) {
        const ax_step *t = &p->step[s];
        int k = t->choice.inplace - 1;
        if (k < 0 || t->in_buf[k] < 0)
            continue;
        int from = root_of(p, t->in_buf[k]), to = t->out_buf[0];
        if (p->buf[from].last == s && p->buf[from].bytes == p->buf[to].bytes) {
            p->buf[from].last = p->buf[to].last;
            p->buf[to].root = from;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const ax_buffer *x = *(ax_buffer *const *)a, *y = *(ax_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

/* The start of the tightest gap among placed[0..n), which are in order of their offsets, between those
 * that live at the same time as b; behind them all when there is none. */
static int64_t best_gap(ax_buffer *const *placed, int n, const ax_buffer *b)
{
    int64_t end = 0, best = -1, tightest = INT64_MAX;
    for (int k = 0; k < n; k++) {
        const ax_buffer *o = placed[k];
        if (o->first > b->last || b->first > o->last)
            continue;
        int64_t gap = o->offset - end;
        if (gap >= b->bytes && gap < tightest)
            best = end, tightest = gap;
        if (o->offset + o->bytes > end)
            end = o->offset + o->bytes;
    }
    return best >= 0 ? best : end;
}

static void insert(ax_buffer **placed, int n, ax_buffer *b)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (placed[middle]->offset <= b->offset)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(placed + low + 1, placed + low, (size_t)(n - low) * sizeof *placed);
    placed[low] = b;
}

/* Largest first, each into the tightest gap between the placed ones that live at the same time. */
static int place(planner *w)
{
    ax_plan *p = w->p;
    int64_t limit = w->o->memory_limit ? w->o->memory_limit : (int64_t)64 << 30;
    ax_buffer **order = malloc((size_t)(p->n_buf + 1) * 2 * sizeof *order), **placed = order + p->n_buf + 1;
    if (!order)
        return no_memory(w);
    int n = 0, bad = 0;
    for (int i = 0; i < p->n_buf; i++)
        if (p->buf[i].root == i)
            order[n++] = &p->buf[i];
    qsort(order, (size_t)n, sizeof *order, by_size);
    for (int i = 0; i < n && !bad; i++) {
        ax_buffer *b = order[i];
        b->offset = best_gap(placed, i, b);
        insert(placed, i, b);
        if (b->offset + b->bytes > p->bytes)
            p->bytes = b->offset + b->bytes;
        bad = p->bytes > limit;
    }
    free(order);
    if (bad)
        return ax_fail(w->err, AX_ELIMIT, "this needs at least %lld MiB of working memory, the limit is %lld MiB",
                       (long long)(p->bytes >> 20), (long long)(limit >> 20));
    return 0;
}

static int plan_all(planner *w)
{
    ax_plan *p = w->p;
    const ax_graph *g = w->g;
    mark_needed(w);
    for (int v = 0; v < g->n_val; v++) {
        w->buf[v][0] = w->buf[v][1] = -1;
        w->desc[v] = g->val[v].desc;
        if (g->val[v].kind == AX_VAL_INPUT)
            p->n_input++;
    }
    p->input = AX_ARRAY(&p->arena, int, p->n_input);
    p->output = AX_ARRAY(&p->arena, int, w->o->n_outputs);
    p->output_val = AX_ARRAY(&p->arena, ax_val, w->o->n_outputs);
    if (!p->input || !p->output || !p->output_val)
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
    for (int i = 0; i < g->n_node; i++) {
        int any = 0;
        for (int k = 0; k < g->node[i].n_out; k++)
            any |= w->need[g->node[i].out + k];
        if (any && plan_node(w, i))
            return -1;
    }
    p->n_output = w->o->n_outputs;
    for (int i = 0; i < p->n_output; i++) {
        p->output_val[i] = w->o->outputs[i];
        p->output[i] = buffer_of(w, w->o->outputs[i], AX_PLAIN);
        if (p->output[i] == -2)
            return -1;
    }
    lifetimes(w);
    return place(w);
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
    free(p->buf);
    free(p->step);
    ax_arena_fini(&p->arena);
    free(p);
}

int64_t ax_plan_bytes(const ax_plan *p)
{
    return p->bytes;
}

const ax_desc *ax_plan_output(const ax_plan *p, int i)
{
    return &p->desc[p->output_val[i]];
}
