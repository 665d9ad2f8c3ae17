/* compile.c - a graph to a register program.
 *
 * What does not depend on x becomes a scalar, computed once per call. The rest is put in the order
 * that needs few registers (the argument that needs more of them first, Sethi and Ullman 1970) and
 * gets its registers in one pass: a register is free again after the last use. */
#include <string.h>

#include "activation/formula/impl.h"

typedef struct compiler {
    const fgraph *g;
    program *p;
    ax_arena *scratch;
    uint8_t *marks;
    int *order, ordered; /* nodes that depend on x, arguments first */
    int *need, *last;    /* registers a node needs; position of its last use */
    uint16_t *where;     /* register or scalar of a node */
    double *constant;
    instr *uniform, *code;
} compiler;

static int prepare(compiler *c, int n, int marks)
{
    c->marks = ax_arena_alloc(c->scratch, (size_t)marks);
    c->order = AX_ARRAY(c->scratch, int, n);
    c->need = AX_ARRAY(c->scratch, int, n);
    c->last = AX_ARRAY(c->scratch, int, n);
    c->where = AX_ARRAY(c->scratch, uint16_t, n);
    c->constant = AX_ARRAY(c->scratch, double, n);
    c->uniform = AX_ARRAY(c->scratch, instr, n);
    c->code = AX_ARRAY(c->scratch, instr, n);
    return c->marks && c->order && c->need && c->last && c->where && c->constant && c->uniform &&
                   c->code
               ? 0
               : -1;
}

/* arguments that depend on x, those that need more registers first */
static int arguments(const compiler *c, int node, int arg[3])
{
    const fnode *n = node_of(c->g, node);
    int count = 0;
    for (int k = 0; k < formula_op[n->op].args; k++) {
        int a = n->arg[k], at = count;
        if (!c->g->node[a].has_x)
            continue;
        for (; at > 0 && c->need[arg[at - 1]] < c->need[a]; at--)
            arg[at] = arg[at - 1];
        arg[at] = a;
        count++;
    }
    return count;
}

static void count_registers(compiler *c, int root)
{
    for (int i = 0; i <= root; i++) {
        int arg[3], n;
        if (!c->marks[i] || !c->g->node[i].has_x || is_op(c->g, i, OP_VAR))
            continue;
        n = arguments(c, i, arg);
        c->need[i] = 1;
        for (int k = 0; k < n; k++)
            if (c->need[arg[k]] + k > c->need[i])
                c->need[i] = c->need[arg[k]] + k;
    }
}

/* Depth first with a stack of our own: need[] is reused as "already there" by marks[] = 2. */
static int put_in_order(compiler *c, int root)
{
    int *stack = AX_ARRAY(c->scratch, int, 3 * (root + 1) + 1), top = 0;
    if (!stack)
        return -1;
    stack[top++] = root;
    while (top) {
        int node = stack[top - 1], arg[3], n = arguments(c, node, arg), waiting = 0;
        if (c->marks[node] == 2 || is_op(c->g, node, OP_VAR)) {
            top--;
            continue;
        }
        for (int k = n - 1; k >= 0; k--)
            if (c->marks[arg[k]] != 2 && !is_op(c->g, arg[k], OP_VAR)) {
                stack[top++] = arg[k];
                waiting = 1;
            }
        if (waiting)
            continue;
        top--;
        c->marks[node] = 2;
        c->order[c->ordered++] = node;
    }
    return 0;
}

static instr encode(const compiler *c, int node)
{
    const fnode *n = node_of(c->g, node);
    instr in = {.op = n->op, .dst = c->where[node], .n = (int16_t)n->n};
    for (int k = 0; k < formula_op[n->op].args; k++)
        in.arg[k] = c->where[n->arg[k]];
    return in;
}

static void place_scalars(compiler *c, int root)
{
    program *p = c->p;
    p->scalars = p->params;
    for (int i = 0; i <= root; i++) {
        if (!c->marks[i])
            continue;
        if (is_op(c->g, i, OP_PARAM))
            c->where[i] = (uint16_t)(SCALAR + c->g->node[i].n);
        if (!is_op(c->g, i, OP_CONST))
            continue;
        c->constant[p->constants++] = c->g->node[i].v;
        c->where[i] = (uint16_t)(SCALAR + p->scalars++);
    }
    for (int i = 0; i <= root; i++) {
        const fnode *n = node_of(c->g, i);
        if (!c->marks[i] || n->has_x || formula_op[n->op].args == 0)
            continue;
        c->where[i] = (uint16_t)(SCALAR + p->scalars++);
        c->uniform[p->uniforms++] = encode(c, i);
    }
}

static void place_registers(compiler *c)
{
    program *p = c->p;
    uint8_t used[AX_FORMULA_MORE] = {[0] = 1}; /* 0 holds x to the end */
    for (int i = 0; i < c->ordered; i++) {
        const fnode *n = node_of(c->g, c->order[i]);
        for (int k = 0; k < formula_op[n->op].args; k++)
            c->last[n->arg[k]] = i;
    }
    p->registers = 1;
    for (int i = 0; i < c->ordered; i++) {
        int node = c->order[i], r = 1;
        const fnode *n = node_of(c->g, node);
        for (int k = 0; k < formula_op[n->op].args; k++) {
            uint16_t at = c->where[n->arg[k]];
            if (at && !(at & SCALAR) && c->last[n->arg[k]] == i)
                used[at] = 0;
        }
        while (used[r])
            r++;
        used[r] = 1;
        c->where[node] = (uint16_t)r;
        p->registers = r >= p->registers ? r + 1 : p->registers;
        c->code[p->codes++] = encode(c, node);
    }
}

static int keep(program *p, const compiler *c, ax_arena *arena, ax_err *err)
{
    if (p->registers > REGISTERS_MOST || p->scalars > SCALARS_MOST)
        return ax_fail(err, AX_ELIMIT,
                       "the formula needs %d registers and %d constants, at most "
                       "%d and %d are there",
                       p->registers, p->scalars, REGISTERS_MOST, SCALARS_MOST);
    p->uniform =
        (void *)ax_arena_memdup(arena, (void *)c->uniform, (size_t)p->uniforms * sizeof(instr));
    p->code = (void *)ax_arena_memdup(arena, (void *)c->code, (size_t)p->codes * sizeof(instr));
    p->constant =
        (void *)ax_arena_memdup(arena, (void *)c->constant, (size_t)p->constants * sizeof(double));
    if (!p->uniform || !p->code || !p->constant)
        return ax_fail(err, AX_ENOMEM, "no memory for a program");
    return 0;
}

int formula_compile(const fgraph *g, int root, int params, program *out, ax_arena *arena,
                    ax_err *err)
{
    ax_arena scratch;
    ax_arena_init(&scratch, 0);
    *out = (program){.params = params};
    compiler c = {.g = g, .p = out, .scratch = &scratch};
    int rc = -1;
    if (prepare(&c, root + 1, g->n) < 0) {
        ax_fail(err, AX_ENOMEM, "no memory to compile a formula");
        goto done;
    }
    formula_reach(g, root, c.marks);
    place_scalars(&c, root);
    if (g->node[root].has_x) {
        count_registers(&c, root);
        if (put_in_order(&c, root) < 0) {
            ax_fail(err, AX_ENOMEM, "no memory to compile a formula");
            goto done;
        }
    }
    place_registers(&c);
    out->out = c.where[root];
    rc = keep(out, &c, arena, err);
done:
    ax_arena_fini(&scratch);
    return rc;
}
