/* ops.c - all operators, by the table of cases.h.
 *
 * Each case goes through a plan as a network would: plain and, where it has pictures, with its
 * inputs made BLOCKED by a convolution with the identity before them; with weights that may change
 * and with packed ones; on every instruction set and 1, 2 and 3 threads. Three things are checked:
 * the values against a naive twin in double (twins.h) within a bound that is derived, the gradients
 * against central differences of the twin, and that bits depend neither on threads nor on the batch
 * mates. Before each run the memory is filled with NaN by a run on NaN inputs, so that a stale
 * number or a lane past the channels that reaches a result shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/pool.h"
#include "graph/plan.h"
#include "math/cpu.h"
#include "math/element.h"
#include "prop/cases.h"
#include "prop/twins_rows.h"

/* unit roundoff of float */
#define U (1.0 / (1 << 24))

enum { MAX_PARTS = AX_MAX_OUT + ARGS };

static ax_pool *pools[4];
static unsigned char seen[256]; /* rows of the op list that some plan ran */

/* ---- a case as a graph ----------------------------------------------------------------------- */

typedef struct net {
    const test_case *c;
    ax_graph g;
    char attr[1024];
    int n_in;
    ax_val arg[ARGS], in[ARGS], out; /* the graph's inputs and parameters; what the op reads */
    ax_desc out_desc[AX_MAX_OUT];
    ax_val part[MAX_PARTS]; /* what is asked for: outputs, then gradients           */
    int n_part, grad_of[MAX_PARTS];
    void *data[ARGS];
    int64_t count[ARGS];
    float *weight; /* the gradient taken is that of sum(out * weight) */
} net;

static void fill_data(net *n, int k, uint64_t classes)
{
    const arg *a = &n->c->in[k];
    ax_shape s = shape_of(a);
    int64_t count = n->count[k] = ax_shape_count(&s), last = s.rank ? s.dim[s.rank - 1] : 1;
    n->data[k] = calloc((size_t)count, 8);
    for (int64_t i = 0; i < count; i++) {
        if (a->fill == CLASSES)
            ((int32_t *)n->data[k])[i] = (int32_t)(noise((uint64_t)i) % classes);
        else if (a->fill == STEP)
            *(int64_t *)n->data[k] = a->shape.dim[0];
        else if (a->fill == BOOLS)
            ((uint8_t *)n->data[k])[i] = noise((uint64_t)i) % 2;
        else if (a->fill == PLACES)
            ((int64_t *)n->data[k])[i] = i * 7919 % (2 * count);
        else
            ((float *)n->data[k])[i] = (float)number(a->fill, (uint64_t)k + 1, i, count, last);
    }
}

/* A picture that comes out of a convolution with the identity: the same numbers, BLOCKED. */
static ax_val through_identity(ax_graph *g, ax_val v)
{
    int64_t c = g->val[v].desc.shape.dim[1];
    float *eye = calloc((size_t)(c * c), sizeof *eye);
    for (int64_t i = 0; i < c; i++)
        eye[i * c + i] = 1;
    ax_val w = ax_graph_const(g, AX_F32, &AX_SHAPE(c, c, 1, 1), eye, NULL);
    free(eye);
    ax_conv2d_attr a = {{1, 1}, {1, 1}, {0}, 1, {0}};
    return ax_graph_node(g, &ax_op_conv2d, "identity", &a, (ax_val[]){v, w}, 2, NULL);
}

static int is_recurrent(const test_case *c)
{
    return c->op == &ax_op_rnn || c->op == &ax_op_gru || c->op == &ax_op_lstm;
}

static void make_attr(net *n)
{
    const test_case *c = n->c;
    ax_act act;
    assert_true(c->op->attr_size <= sizeof n->attr);
    if (c->attr)
        memcpy(n->attr, c->attr, c->op->attr_size);
    if (c->loss)
        ((ax_loss_attr *)(void *)n->attr)->row = ax_loss_find(c->loss);
    if (is_recurrent(c))
        ax_recurrent_defaults((ax_recurrent_attr *)(void *)n->attr);
    if (!c->act)
        return;
    if (c->op == &ax_op_unary) {
        ((ax_unary_attr *)(void *)n->attr)->row = ax_unary_find(c->act);
        return;
    }
    cJSON *json = *c->act == '{' ? cJSON_Parse(c->act) : cJSON_CreateString(c->act);
    assert_int_equal(ax_act_from_json(json, &n->g.arena, &act, NULL), 0);
    cJSON_Delete(json);
    void *slot =
        c->op == &ax_op_conv2d ? &((ax_conv2d_attr *)(void *)n->attr)->act : (void *)n->attr;
    if (is_recurrent(c))
        slot = &((ax_recurrent_attr *)(void *)n->attr)->act[0][0]; /* of the first direction */
    memcpy(slot, &act, sizeof act); /* the other attributes begin with theirs */
}

/* sum(out * weight) as a scalar of the graph, and its gradients */
static void add_gradients(net *n)
{
    ax_val wrt[ARGS], d[ARGS], sum = n->out;
    int64_t m = ax_shape_count(&n->g.val[sum].desc.shape);
    int count = 0;
    n->weight = malloc((size_t)m * sizeof *n->weight);
    for (int64_t i = 0; i < m; i++)
        n->weight[i] = (float)(2 * uniform(99, (uint64_t)i) - 1);
    ax_val w = ax_graph_const(&n->g, AX_F32, &AX_SHAPE(1, m), n->weight, NULL);
    sum = ax_graph_node(&n->g, &ax_op_reshape, "flat", &(ax_reshape_attr){AX_SHAPE(1, m)}, &sum, 1,
                        NULL);
    sum = ax_graph_node(&n->g, &ax_op_dense, "weighed", &(ax_fused_attr){0}, (ax_val[]){sum, w}, 2,
                        NULL);
    sum = ax_graph_node(&n->g, &ax_op_reshape, "scalar", &(ax_reshape_attr){{0}}, &sum, 1, NULL);
    assert_true(sum >= 0);
    for (int k = 0; k < n->n_in; k++)
        if (n->c->in[k].kind == X || n->c->in[k].kind == W) {
            n->grad_of[n->n_part + count] = k;
            wrt[count++] = n->arg[k];
        }
    ax_err err;
    if (ax_graph_grad(&n->g, sum, wrt, count, d, &err))
        fail_msg("%s, %s: %s", n->c->op->name, n->c->what, err.msg);
    for (int k = 0; k < count; k++) {
        assert_true(d[k] >= 0);
        n->part[n->n_part++] = d[k];
    }
}

static void net_init(net *n, const test_case *c, int blocked, int gradients)
{
    ax_err err = {0};
    memset(n, 0, sizeof *n);
    n->c = c;
    ax_graph_init(&n->g);
    make_attr(n);
    for (int k = 0; k < ARGS; k++)
        n->n_in = c->in[k].kind ? k + 1 : n->n_in;
    for (int k = 0; k < n->n_in; k++) {
        const arg *a = &c->in[k];
        ax_shape s = shape_of(a);
        char name[16];
        n->arg[k] = n->in[k] = AX_NONE;
        if (!a->kind)
            continue;
        fill_data(n, k, (uint64_t)c->in[0].shape.dim[1]);
        snprintf(name, sizeof name, "in%d", k);
        n->arg[k] = a->kind == X || a->kind == T
                        ? ax_graph_input(&n->g, name, type_of(a), &s, &err)
                        : ax_graph_param(&n->g, name, &s, a->kind == W, &err);
        if (a->kind == W || a->kind == C)
            n->g.val[n->arg[k]].data = n->data[k];
        n->in[k] = n->arg[k];
        if (blocked && s.rank == 4 && type_of(a) == AX_F32 && (a->kind == X || a->kind == T))
            n->in[k] = through_identity(&n->g, n->arg[k]);
    }
    n->out = ax_graph_node(&n->g, c->op, "case", n->attr, n->in, n->n_in, &err);
    if (n->out < 0)
        fail_msg("%s: %s", c->what, err.msg);
    for (int k = 0; k < c->op->n_out; k++) {
        n->out_desc[k] = n->g.val[n->out + k].desc;
        n->part[n->n_part++] = n->out + k;
    }
    if (gradients)
        add_gradients(n);
}

static void net_fini(net *n)
{
    for (int k = 0; k < ARGS; k++)
        free(n->data[k]);
    free(n->weight);
    ax_graph_fini(&n->g);
}

static int has_pictures(const test_case *c)
{
    for (int k = 0; k < ARGS; k++)
        if ((c->in[k].kind == X || c->in[k].kind == T) && c->in[k].shape.rank == 4)
            return 1;
    return 0;
}

/* Fused forms exist for frozen weights only and have no gradient. */
static int fused(const test_case *c)
{
    int alone = c->op == &ax_op_activation || c->op == &ax_op_activation_learned || c->op == &ax_op_unary;
    return (c->act && !alone && !is_recurrent(c)) || c->in[3].kind == T ||
           (c->in[4].kind && c->op != &ax_op_batch_norm && !is_recurrent(c));
}

static int differentiable(const test_case *c)
{
    return c->op->grad && !fused(c);
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct result {
    float *v[MAX_PARTS];
    int64_t n[MAX_PARTS];
    int parts;
} result;

static void result_free(result *r)
{
    for (int k = 0; k < r->parts; k++)
        free(r->v[k]);
}

static void note_ops(const net *n)
{
    int count;
    const ax_op *const *list = ax_op_list(&count);
    assert_true(count <= (int)sizeof seen);
    for (int i = 0; i < n->g.n_node; i++)
        for (int k = 0; k < count; k++)
            seen[k] |= n->g.node[i].op == list[k];
}

static int is_input(const net *n, int k)
{
    return n->c->in[k].kind == X || n->c->in[k].kind == T;
}

/* row >= 0: that sample alone */
static void put_inputs(const net *n, ax_exec *e, int64_t row, int poison)
{
    for (int k = 0, at = 0; k < n->n_in; k++) {
        if (!is_input(n, k))
            continue;
        void *to = ax_exec_input(e, at++);
        ax_shape s = shape_of(&n->c->in[k]);
        ax_dtype t = type_of(&n->c->in[k]);
        int64_t count = n->count[k], from = 0;
        if (row >= 0 && s.rank)
            count /= s.dim[0], from = row * count;
        for (int64_t i = 0; poison && t == AX_F32 && i < count; i++)
            ((float *)to)[i] = NAN;
        if (!poison || t != AX_F32)
            memcpy(to, (char *)n->data[k] + (size_t)from * ax_dtype_size(t),
                   (size_t)count * ax_dtype_size(t));
    }
}


static result run(const net *n, ax_packs *packs, ax_pool *pool, int64_t row)
{
    ax_desc in[ARGS];
    int inputs = 0;
    ax_err err;
    for (int k = 0; k < n->n_in; k++) {
        if (!is_input(n, k))
            continue;
        in[inputs] = (ax_desc){type_of(&n->c->in[k]), shape_of(&n->c->in[k])};
        if (row >= 0 && in[inputs].shape.rank)
            in[inputs].shape.dim[0] = 1;
        inputs++;
    }
    ax_plan_options o = {.outputs = n->part,
                         .n_outputs = n->n_part,
                         .inputs = in,
                         .packs = packs,
                         .threads = ax_pool_size(pool)};
    ax_plan *p = ax_plan_new(&n->g, &o, &err);
    if (!p)
        fail_msg("%s, %s: %s", n->c->op->name, n->c->what, err.msg);
    ax_exec *e = ax_exec_new(p, pool, &err);
    assert_non_null(e);
    put_inputs(n, e, row, 1);
    ax_exec_run(e);
    put_inputs(n, e, row, 0);
    ax_exec_run(e);
    result r = {.parts = n->n_part};
    for (int k = 0; k < r.parts; k++) {
        r.n[k] = ax_shape_count(&ax_plan_output(p, k)->shape);
        r.v[k] = malloc((size_t)r.n[k] * sizeof(float));
        for (int64_t i = 0; i < r.n[k]; i++)
            r.v[k][i] = (float)ax_real_read(ax_plan_output(p, k)->dtype, ax_exec_output(e, k), i);
    }
    ax_exec_free(e);
    ax_plan_free(p);
    return r;
}

static void same_bits(const net *n, const result *a, const result *b, const char *when)
{
    for (int k = 0; k < a->parts; k++)
        for (int64_t i = 0; i < a->n[k]; i++)
            if (memcmp(&a->v[k][i], &b->v[k][i], sizeof(float)))
                fail_msg("%s, %s, %s: part %d [%lld] is %a and %a", n->c->op->name, n->c->what,
                         when, k, (long long)i, a->v[k][i], b->v[k][i]);
}

/* ---- the twin -------------------------------------------------------------------------------- */

enum { LOOK = 16 }; /* elements of each argument by which is differentiated */

/* What must come out of a case in every mode: the twin's outputs, and some gradients. */
typedef struct expected {
    twin_call t;
    ax_desc in[ARGS];
    int n_probe;
    struct probe {
        int k; /* element j of argument k */
        int64_t j;
        double want, bound;
    } probe[ARGS * LOOK];
} expected;

static void twin_init(expected *x, const net *n)
{
    twin_call *t = &x->t;
    *x = (expected){.t = {.attr = n->attr, .n_in = n->n_in, .in = x->in, .out = n->out_desc}};
    for (int k = 0; k < n->n_in; k++) {
        const arg *a = &n->c->in[k];
        x->in[k] = (ax_desc){type_of(a), shape_of(a)};
        if (!a->kind)
            continue;
        t->x[k] = malloc((size_t)n->count[k] * sizeof(double));
        for (int64_t i = 0; i < n->count[k]; i++)
            t->x[k][i] = a->fill == CLASSES ? ((int32_t *)n->data[k])[i]
                         : a->fill == STEP  ? (double)((int64_t *)n->data[k])[i]
                         : a->fill == BOOLS ? ((uint8_t *)n->data[k])[i]
                         : a->fill == PLACES ? (double)((int64_t *)n->data[k])[i]
                                            : ((float *)n->data[k])[i];
    }
    for (int k = 0; k < n->c->op->n_out; k++) {
        t->y[k] = malloc((size_t)count_of(&t->out[k]) * sizeof(double));
        t->mag[k] = malloc((size_t)count_of(&t->out[k]) * sizeof(double));
    }
}

static void twin_fini(twin_call *t)
{
    for (int k = 0; k < AX_MAX_IN; k++)
        free(t->x[k]);
    for (int k = 0; k < AX_MAX_OUT; k++) {
        free(t->y[k]);
        free(t->mag[k]);
    }
}

static void twin_run(twin_call *t, const test_case *c)
{
    for (int k = 0; k < c->op->n_out; k++)
        for (int64_t i = 0; i < count_of(&t->out[k]); i++)
            t->y[k][i] = t->mag[k][i] = 0;
    twin_of(c->op)(t);
}

/* d sum(y * weight) / dx of element j of argument k, by central differences of the twin. The bound
 * is that of a float sum of as many products as outputs depend on the element, and what the
 * differences themselves lose. y is room for an output. */
static struct probe probe(const net *n, twin_call *t, double *y, int k, int64_t j)
{
    const double h = 1e-5, x = t->x[k][j];
    int64_t m = count_of(&t->out[0]);
    double want = 0, mag = 0, lost = 0, terms = 0;
    t->x[k][j] = x - h;
    twin_run(t, n->c);
    memcpy(y, t->y[0], (size_t)m * sizeof *y);
    t->x[k][j] = x + h;
    twin_run(t, n->c);
    t->x[k][j] = x;
    for (int64_t i = 0; i < m; i++) {
        double d = (t->y[0][i] - y[i]) / (2 * h) * n->weight[i];
        want += d;
        mag += fabs(d);
        terms += d != 0;
        lost += d != 0 ? fabs(y[i]) * 1e-15 / h + h * h * 20 : 0;
    }
    return (struct probe){k, j, want, (terms + 8) * U * mag + lost};
}

/* n is the case with its gradients, if it has any. */
static void expect(expected *x, const net *n)
{
    twin_init(x, n);
    double *y = malloc((size_t)count_of(&n->out_desc[0]) * sizeof *y);
    for (int p = n->c->op->n_out; p < n->n_part; p++) {
        int k = n->grad_of[p];
        for (int64_t q = 0; q < LOOK && q < n->count[k]; q++)
            x->probe[x->n_probe++] =
                probe(n, &x->t, y, k, n->count[k] <= LOOK ? q : noise((uint64_t)q) % n->count[k]);
    }
    free(y);
    twin_run(&x->t, n->c);
}

static void check_values(const net *n, const expected *x, const result *r, const char *when)
{
    const twin_call *t = &x->t;
    for (int k = 0; k < n->c->op->n_out; k++) {
        assert_int_equal(r->n[k], count_of(&n->out_desc[k]));
        for (int64_t i = 0; i < r->n[k]; i++) {
            double bound = t->steps * U * t->mag[k][i];
            if (!(fabs(r->v[k][i] - t->y[k][i]) <= bound))
                fail_msg("%s, %s, %s: output %d [%lld] is %.9g, expected %.9g within %.3g",
                         n->c->op->name, n->c->what, when, k, (long long)i, r->v[k][i], t->y[k][i],
                         bound);
        }
    }
}

static void check_gradients(const net *n, const expected *x, const result *r, const char *when)
{
    for (int p = n->c->op->n_out; p < n->n_part; p++) {
        assert_int_equal(r->n[p], n->count[n->grad_of[p]]);
        for (int64_t i = 0; i < r->n[p]; i++)
            assert_true(isfinite(r->v[p][i]));
        for (int q = 0; q < x->n_probe; q++) {
            const struct probe *b = &x->probe[q];
            if (b->k == n->grad_of[p] && !(fabs(r->v[p][b->j] - b->want) <= b->bound))
                fail_msg(
                    "%s, %s, %s: gradient of input %d [%lld] is %.9g, expected %.9g within %.3g",
                    n->c->op->name, n->c->what, when, b->k, (long long)b->j, r->v[p][b->j], b->want,
                    b->bound);
        }
    }
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* A sample alone gives the bits it has in the batch. */
static void check_rows(const net *n, ax_packs *packs, const result *all, const char *when)
{
    int64_t batch = n->g.val[n->arg[0]].desc.shape.dim[0];
    for (int64_t row = 0; row < batch; row++) {
        result one = run(n, packs, NULL, row);
        for (int k = 0; k < n->c->op->n_out; k++) {
            assert_int_equal(one.n[k] * batch, all->n[k]);
            if (memcmp(one.v[k], all->v[k] + row * one.n[k], (size_t)one.n[k] * sizeof(float)))
                fail_msg("%s, %s, %s: sample %lld alone gives other bits than in the batch",
                         n->c->op->name, n->c->what, when, (long long)row);
        }
        result_free(&one);
    }
}

static void one_mode(const test_case *c, const expected *x, int blocked, int frozen,
                     const char *isa)
{
    char when[64];
    net n;
    snprintf(when, sizeof when, "%s%s%s", isa, blocked ? ", blocked" : "",
             frozen ? ", frozen" : "");
    net_init(&n, c, blocked, !frozen && differentiable(c));
    note_ops(&n);
    ax_packs *packs = frozen ? ax_packs_new() : NULL;
    result first = run(&n, packs, NULL, -1);
    check_values(&n, x, &first, when);
    check_gradients(&n, x, &first, when);
    for (int threads = 1; threads < 4; threads++) {
        result again = run(&n, packs, pools[threads], -1);
        same_bits(&n, &first, &again, when);
        result_free(&again);
    }
    if (frozen && !c->mixes)
        check_rows(&n, packs, &first, when);
    result_free(&first);
    ax_packs_free(packs);
    net_fini(&n);
}

static void test_case_row(void **state)
{
    const test_case *c = *state;
    const char *before = ax_isa_name(ax_isa_active());
    net n;
    expected x;
    net_init(&n, c, 0, differentiable(c));
    expect(&x, &n);
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        ax_isa_force(ax_isa_name((ax_isa)i), NULL);
        for (int blocked = 0; blocked <= has_pictures(c); blocked++)
            for (int frozen = fused(c); frozen < 2; frozen++)
                one_mode(c, &x, blocked, frozen, ax_isa_name((ax_isa)i));
    }
    ax_isa_force(before, NULL);
    twin_fini(&x.t);
    net_fini(&n);
}

/* What the activation room computes must come out of a graph with the same bits, in either layout,
 * along every axis, forwards and backwards. The sizes are odd where the function takes them. */
static void check_activation(const ax_act *act, int blocked, int axis)
{
    int64_t div = ax_act_out_div(act), c17 = (17 + div - 1) / div * div,
            w7 = (7 + div - 1) / div * div;
    test_case c = {CASE(activation, act->row->name, &(ax_activation_attr){*act, axis}),
                   .in = {A(X, WIDE, 2, c17, 5, w7)}};
    net n;
    net_init(&n, &c, blocked, 1);
    result r = run(&n, NULL, pools[2], -1);
    const float *x = n.data[0];
    int64_t m = n.count[0], outer = axis == 1 ? 2 : 2 * c17 * 5, len = axis == 1 ? c17 : w7,
            inner = m / outer / len, to = outer * inner * ax_act_out_len(act, len);
    float *y = malloc((size_t)to * sizeof *y), *dx = malloc((size_t)m * sizeof *dx);
    if (act->row->kind == AX_ACT_ELEMENT) {
        ax_act_forward(act, x, y, (size_t)m);
        ax_act_backward(act, x, n.weight, dx, (size_t)m);
    } else {
        ax_act_rows(act, x, y, outer, len, inner);
        ax_act_rows_backward(act, act->row->from_input ? x : y, n.weight, dx, outer, len, inner);
    }
    for (int64_t i = 0; i < m; i++) /* the identity before it turns -0 into 0 */
        dx[i] += 0.0f;
    for (int64_t i = 0; i < r.n[1]; i++)
        r.v[1][i] += 0.0f;
    result want = {{y, dx}, {to, m}, 2};
    assert_true(r.n[0] == to && r.n[1] == m);
    same_bits(&n, &r, &want, blocked ? "blocked" : "plain");
    result_free(&want);
    result_free(&r);
    net_fini(&n);
}

static void test_catalogue_row(void **state)
{
    const ax_act_row *row = *state;
    ax_act act;
    assert_int_equal(ax_act_by_name(row->name, &act, NULL), 0);
    for (int blocked = 0; blocked < 2; blocked++) {
        check_activation(&act, blocked, -1);
        check_activation(&act, blocked, 1);
    }
}

static void test_every_op_was_run(void **state)
{
    int count;
    const ax_op *const *list = ax_op_list(&count);
    (void)state;
    for (int i = 0; i < count; i++)
        if (!seen[i])
            fail_msg("no case runs %s", list[i]->name);
}

static int open_pools(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        if (!(pools[i] = ax_pool_new(i, NULL)))
            return -1;
    return 0;
}

static int close_pools(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        ax_pool_free(pools[i]);
    return 0;
}

int main(void)
{
    int rows, n = 0;
    const ax_act_row *catalogue = ax_act_catalog(&rows);
    struct CMUnitTest *tests = calloc((size_t)(N_CASES + rows + 1), sizeof *tests);
    char(*names)[96] = calloc((size_t)(N_CASES + rows), sizeof *names);
    for (int i = 0; i < N_CASES; i++, n++) {
        snprintf(names[n], sizeof names[n], "%s: %s%s%s", cases[i].op->name,
                 cases[i].loss ? cases[i].loss : "", cases[i].loss ? ", " : "", cases[i].what);
        tests[n] =
            (struct CMUnitTest){names[n], test_case_row, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    }
    for (int i = 0; i < rows; i++, n++) {
        snprintf(names[n], sizeof names[n], "catalogue: %s", catalogue[i].name);
        tests[n] = (struct CMUnitTest){names[n], test_catalogue_row, NULL, NULL,
                                       (void *)(uintptr_t)&catalogue[i]};
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_every_op_was_run);
    int failed = _cmocka_run_group_tests("ops", tests, (size_t)n, open_pools, close_pools);
    free(tests);
    free(names);
    return failed;
}
