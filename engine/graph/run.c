/* run.c - a plan bound to memory: pointers are worked out once, so that a run is a loop of calls. */
#include <stdlib.h>
#include <string.h>

#include "graph/plan_impl.h"

struct ax_exec {
    const ax_plan *plan;
    ax_pool *pool;
    unsigned char *arena, **place; /* place[n_buf]: in the arena, or where an input was moved to */
    ax_call *call;
};

static int root_of(const ax_plan *p, int buf)
{
    while (p->buf[buf].root != buf)
        buf = p->buf[buf].root;
    return buf;
}

static void *address(const ax_exec *e, int buf)
{
    return e->place[root_of(e->plan, buf)];
}

static void *value_address(const ax_exec *e, ax_val v, int buf)
{
    return buf >= 0 ? address(e, buf) : e->plan->graph->val[v].data;
}

static void bind(ax_exec *e)
{
    for (int i = 0; i < e->plan->n_step; i++) {
        const ax_step *s = &e->plan->step[i];
        ax_call *c = &e->call[i];
        *c = (ax_call){.attr = s->attr, .in = s->in, .out = s->out, .n_in = s->n_in,
                       .n_out = s->n_out, .packed = s->packed, .layout = s->choice.in,
                       .pool = e->pool};
        for (int k = 0; k < s->n_in; k++)
            c->x[k] = s->in[k].shape.rank < 0 ? NULL : value_address(e, s->in_val[k], s->in_buf[k]);
        for (int k = 0; k < s->n_out; k++)
            c->y[k] = address(e, s->out_buf[k]);
        c->scratch = s->scratch >= 0 ? address(e, s->scratch) : NULL;
    }
}

ax_exec *ax_exec_new(const ax_plan *p, ax_pool *pool, ax_err *err)
{
    ax_exec *e = calloc(1, sizeof *e);
    if (!e)
        goto no_memory;
    e->plan = p;
    e->pool = pool;
    e->call = calloc((size_t)p->n_step + 1, sizeof *e->call);
    e->place = calloc((size_t)p->n_buf + 1, sizeof *e->place);
    e->arena = aligned_alloc(64, (size_t)p->bytes + 64);
    if (!e->call || !e->place || !e->arena)
        goto no_memory;
    memset(e->arena, 0, (size_t)p->bytes + 64);
    for (int i = 0; i < p->n_buf; i++)
        e->place[i] = e->arena + p->buf[i].offset;
    bind(e);
    return e;
no_memory:
    ax_exec_free(e);
    ax_fail(err, AX_ENOMEM, "no memory for a run of %lld bytes", (long long)p->bytes);
    return NULL;
}

void ax_exec_free(ax_exec *e)
{
    if (!e)
        return;
    free(e->arena);
    free(e->place);
    free(e->call);
    free(e);
}

void *ax_exec_input(ax_exec *e, int i)
{
    return address(e, e->plan->input[i]);
}

void ax_exec_move_input(ax_exec *e, int i, void *memory)
{
    e->place[root_of(e->plan, e->plan->input[i])] = memory;
    bind(e);
}

const void *ax_exec_output(const ax_exec *e, int i)
{
    return value_address(e, e->plan->output_val[i], e->plan->output[i]);
}

void ax_exec_run(ax_exec *e)
{
    for (int i = 0; i < e->plan->n_step; i++)
        e->plan->step[i].choice.run(&e->call[i]);
}
