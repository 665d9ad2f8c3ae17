/* plan_text.c - a plan as a table for people. */
#include <stdio.h>
#include <string.h>

#include "graph/plan_impl.h"

enum { LINE = 256 };

static int step_line(const ax_plan *p, int i, char *out)
{
    const ax_step *s = &p->step[i];
    char shape[160];
    int b = s->out_buf[0];
    while (p->buf[b].root != b)
        b = p->buf[b].root;
    int n = snprintf(out, LINE, "%4d  %-18.40s %-16.40s %-20.40s %-20.60s %-8s %10lld\n", i,
                     s->op ? s->op->name : "layout", s->name ? s->name : "", s->choice.kernel,
                     ax_shape_str(&s->out[0].shape, shape, sizeof shape),
                     s->choice.out[0] == AX_BLOCKED ? "NCHW16c" : "plain",
                     (long long)p->buf[b].offset);
    return n < LINE ? n : LINE - 1;
}

const char *ax_plan_text(const ax_plan *p, ax_arena *a)
{
    char *text = ax_arena_raw(a, (size_t)(p->n_step + 2) * LINE), *at = text;
    if (!text)
        return NULL;
    at += snprintf(at, LINE, "step  %-18s %-16s %-20s %-20s %-8s %10s\n", "op", "layer", "kernel",
                   "output", "layout", "offset");
    for (int i = 0; i < p->n_step; i++)
        at += step_line(p, i, at);
    snprintf(at, LINE, "working memory %lld bytes\n", (long long)p->bytes);
    return text;
}
