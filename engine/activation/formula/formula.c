/* formula.c - making a formula: text, graph, stable graph, derivatives, programs; see formula.h. */
#include <stdlib.h>
#include <string.h>

#include "activation/formula/impl.h"

enum { ROOM_WRITTEN = 2048, ROOM_STABLE = 4 * AX_FORMULA_MORE };

typedef struct maker {
    ax_arena *arena, scratch;
    const ax_act_param *param;
    ax_formula *f;
    fgraph written, stable;
    uint8_t *marks;
    ax_err *err;
} maker;

static int no_memory(maker *m)
{
    return ax_fail(m->err, AX_ENOMEM, "no memory for a formula");
}

static int check_used(maker *m, int root)
{
    uint16_t used = m->written.node[root].params;
    for (int i = 0; i < m->f->params; i++)
        if (!(used >> i & 1)) {
            ax_fail(m->err, AX_EINVAL, "parameter '%s' is declared but not used", m->param[i].name);
            return ax_err_hint(m->err, "use it in the formula, or remove it from \"params\"");
        }
    return 0;
}

static int parse(maker *m, const char *text)
{
    const fnames names = {m->param, m->f->params, 0};
    size_t len = strnlen(text, AX_FORMULA_BYTES + 1);
    if (len > AX_FORMULA_BYTES)
        return ax_fail(m->err, AX_ELIMIT, "the formula has more than %d characters",
                       AX_FORMULA_BYTES);
    int root = formula_parse(&m->written, text, &names, m->err);
    if (root < 0)
        return -1;
    int n = formula_reach(&m->written, root, m->marks);
    if (m->written.full || n > AX_FORMULA_NODES) {
        ax_fail(m->err, AX_ELIMIT, "the formula has %s%d parts, at most %d are allowed",
                m->written.full ? "more than " : "", m->written.full ? ROOM_WRITTEN : n,
                AX_FORMULA_NODES);
        return ax_err_hint(m->err, "functions of the catalogue count with all their parts");
    }
    if (check_used(m, root) < 0)
        return -1;
    m->f->written_root = root;
    return 0;
}

static int too_large(maker *m)
{
    ax_fail(m->err, AX_ELIMIT, "the formula with its derivatives has more than %d parts",
            AX_FORMULA_MORE);
    return ax_err_hint(m->err, "fewer parameters or a simpler formula; common parts are shared "
                               "already");
}

static int derive(maker *m)
{
    rewrite_log log = {.arena = m->arena, .param = m->param};
    int *root = m->f->root;
    m->stable.param = m->param;
    root[AX_FORMULA_F] = formula_stabilise(&m->stable, &m->written, m->f->written_root, &log);
    if (root[AX_FORMULA_F] < 0)
        return m->stable.full ? too_large(m) : no_memory(m);
    m->f->rewrites_n = log.n;
    m->f->rewrites =
        (void *)ax_arena_memdup(m->arena, (void *)log.line, (size_t)log.n * sizeof *log.line);
    for (int i = AX_FORMULA_DX; i < m->f->outputs; i++) {
        int of = i == AX_FORMULA_DXX ? AX_FORMULA_DX : AX_FORMULA_F;
        root[i] =
            formula_derive(&m->stable, root[of], i < AX_FORMULA_DP ? BY_X : i - AX_FORMULA_DP);
        if (m->stable.full)
            return too_large(m);
        if (root[i] < 0)
            return no_memory(m);
    }
    return m->f->rewrites ? 0 : no_memory(m);
}

/* What is reachable from the roots, with the roots renumbered. */
static fgraph *compact(maker *m, const fgraph *g, int *root, int roots)
{
    fgraph *out = AX_NEW(m->arena, fgraph);
    int *map = AX_ARRAY(&m->scratch, int, g->n);
    uint8_t *all = ax_arena_alloc(&m->scratch, (size_t)g->n);
    if (!out || !map || !all)
        return NULL;
    for (int r = 0; r < roots; r++) {
        formula_reach(g, root[r], m->marks);
        for (int i = 0; i < g->n; i++)
            all[i] |= m->marks[i];
    }
    for (int i = 0; i < g->n; i++)
        out->n += all[i];
    out->node = AX_ARRAY(m->arena, fnode, out->n);
    if (!out->node)
        return NULL;
    out->room = out->n;
    for (int i = 0, n = 0; i < g->n; i++) {
        if (!all[i])
            continue;
        map[i] = n;
        out->node[n] = g->node[i];
        for (int k = 0; k < 3; k++)
            out->node[n].arg[k] = k < formula_op[g->node[i].op].args ? map[g->node[i].arg[k]] : 0;
        n++;
    }
    for (int r = 0; r < roots; r++)
        root[r] = map[root[r]];
    return out;
}

static int check_cost(maker *m, const fgraph *g)
{
    static const char *const what[] = {"the formula", "its derivative", "its second derivative",
                                       "a derivative by a parameter"};
    for (int r = 0; r < m->f->outputs; r++) {
        int cost = 0;
        formula_reach(g, m->f->root[r], m->marks);
        for (int i = 0; i < g->n; i++)
            if (m->marks[i] && g->node[i].has_x)
                cost += formula_op[g->node[i].op].cost;
        if (cost > 100 * AX_FORMULA_COST) {
            ax_fail(m->err, AX_ELIMIT,
                    "%s would take about %d ns for each number, at most %d are "
                    "allowed",
                    what[r < AX_FORMULA_DP ? r : AX_FORMULA_DP], cost / 100, AX_FORMULA_COST);
            return ax_err_hint(m->err, "powers and trigonometric functions are the slow ones");
        }
    }
    return 0;
}

static int finish(maker *m)
{
    ax_formula *f = m->f;
    fgraph *stable = compact(m, &m->stable, f->root, f->outputs);
    f->written = compact(m, &m->written, &f->written_root, 1);
    f->stable = stable;
    if (!f->stable || !f->written)
        return no_memory(m);
    if (f->stable->n > AX_FORMULA_MORE)
        return too_large(m);
    if (check_cost(m, stable) < 0)
        return -1;
    stable->param = m->param;
    for (int i = 0; i < f->outputs; i++) {
        f->text[i] = formula_write(stable, m->param, f->root[i], m->arena);
        if (!f->text[i])
            return no_memory(m);
        if (formula_compile(stable, f->root[i], f->params, &f->program[i], m->arena, m->err) < 0)
            return -1;
    }
    return 0;
}

/* the formula's own copy of what is declared */
static int copy_params(maker *m, const ax_act_param *params)
{
    ax_act_param *own = AX_ARRAY(m->arena, ax_act_param, AX_ACT_PARAMS + 1);
    int n = 0;
    if (!own)
        return no_memory(m);
    for (; params && n < AX_ACT_PARAMS && params[n].name; n++) {
        own[n] = params[n];
        own[n].name = ax_arena_strdup(m->arena, params[n].name);
        if (!own[n].name)
            return no_memory(m);
    }
    m->param = own;
    m->f->params = n;
    m->f->outputs = AX_FORMULA_DP + n;
    return 0;
}

const ax_formula *ax_formula_new(ax_arena *arena, const char *text, const ax_act_param *params,
                                 ax_err *err)
{
    maker m = {.arena = arena, .err = err};
    int rc = -1;
    ax_arena_init(&m.scratch, 0);
    m.f = AX_NEW(arena, ax_formula);
    m.marks = ax_arena_alloc(&m.scratch, ROOM_STABLE);
    if (!m.f || !m.marks || formula_graph_init(&m.written, &m.scratch, ROOM_WRITTEN) < 0 ||
        formula_graph_init(&m.stable, &m.scratch, ROOM_STABLE) < 0)
        no_memory(&m);
    else if (copy_params(&m, params) == 0 && parse(&m, text) == 0 && derive(&m) == 0)
        rc = finish(&m);
    ax_arena_fini(&m.scratch);
    return rc < 0 ? NULL : m.f;
}

const char *ax_formula_text(const ax_formula *f, int which)
{
    return f->text[which];
}

const char *const *ax_formula_rewrites(const ax_formula *f, int *count)
{
    *count = f->rewrites_n;
    return f->rewrites;
}
