/* place.c - every buffer of a plan gets its place in the arena, by lifetime; see plan_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "graph/plan_impl.h"

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

static void lifetimes(ax_plan *p)
{
    for (int s = 0; s < p->n_step; s++) {
        const ax_step *t = &p->step[s];
        for (int i = 0; i < t->n_in; i++)
            use(p, t->in_buf[i], s);
        for (int i = 0; i < t->n_out; i++)
            p->buf[t->out_buf[i]].first = s;
        for (int i = 0; i < t->n_out; i++)
            use(p, t->out_buf[i], s);
        if (t->scratch >= 0)
            p->buf[t->scratch].first = p->buf[t->scratch].last = s;
    }
    for (int i = 0; i < p->n_input; i++) { /* a session may be run again with the same input */
        p->buf[p->input[i]].first = -1;
        use(p, p->input[i], p->n_step);
    }
    for (int i = 0; i < p->n_output; i++)
        use(p, p->output[i], p->n_step);
}

/* An output that may be made in place takes over the memory of an input that dies there. */
static void take_over(ax_plan *p)
{
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

/* The start of the tightest gap among placed[0..n), which are in order of their offsets, between
 * those that live at the same time as b; behind them all when there is none. */
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
static int place(ax_plan *p, int64_t limit, ax_err *err)
{
    ax_buffer **order = malloc((size_t)(p->n_buf + 1) * 2 * sizeof *order),
              **placed = order + p->n_buf + 1;
    if (!order)
        return ax_fail(err, AX_ENOMEM, "no memory for a plan");
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
        return ax_fail(err, AX_ELIMIT,
                       "this needs at least %lld MiB of working memory, the limit is %lld MiB",
                       (long long)(p->bytes >> 20), (long long)(limit >> 20));
    return 0;
}

/* What begins and ends at each step, summed up. */
static int count_alive(ax_plan *p, ax_err *err)
{
    int64_t sum = 0, *change = calloc((size_t)p->n_step + 3, sizeof *change); /* from step -1 on */
    if (!change)
        return ax_fail(err, AX_ENOMEM, "no memory for a plan");
    for (int i = 0; i < p->n_buf; i++) {
        const ax_buffer *b = &p->buf[i];
        if (b->root != i)
            continue;
        change[b->first + 1] += b->bytes;
        change[b->last + 2] -= b->bytes;
    }
    for (int i = 0; i < p->n_step + 2; i++) {
        sum += change[i];
        p->alive = sum > p->alive ? sum : p->alive;
    }
    free(change);
    return 0;
}

int ax_plan_place(ax_plan *p, int64_t limit, ax_err *err)
{
    lifetimes(p);
    take_over(p);
    return place(p, limit, err) || count_alive(p, err) ? -1 : 0;
}
