/* The planner: what it leaves out, what it shares, and, over random graphs, that no step destroys a
 * number that is still to be read. */
#include <time.h>

#include "graph/plan_impl.h"
#include "graph_util.h"

/* ---- a brute-force look at memory -------------------------------------------------------------
 */

/* A plan run with labels instead of numbers: each 64 bytes of the arena carry the buffer that was
 * last written there. Reading checks the label, so a wrong lifetime, place, view or takeover shows
 * without trusting the planner's own bookkeeping. */
typedef struct memory {
    const ax_plan *p;
    int *label;  /* of each 64 bytes; -1: nothing, -2: scratch */
    char *owned; /* [n_buf] written by a step or from outside: not a view */
} memory;

static int64_t place_of(const ax_plan *p, int b)
{
    while (p->buf[b].root != b)
        b = p->buf[b].root;
    return p->buf[b].offset / 64;
}

/* The buffer whose numbers b shows: a view shows its source's. */
static int shown(const memory *m, int b)
{
    while (!m->owned[b]) {
        assert_int_not_equal(m->p->buf[b].root, b);
        b = m->p->buf[b].root;
    }
    return b;
}

static void put(memory *m, int b, int label)
{
    int64_t at = place_of(m->p, b), n = m->p->buf[b].bytes / 64;
    assert_true((at + n) * 64 <= m->p->bytes);
    for (int64_t i = 0; i < n; i++)
        m->label[at + i] = label;
}

static void must_hold(const memory *m, int b, const char *what, int step)
{
    int want = shown(m, b);
    int64_t at = place_of(m->p, b), n = m->p->buf[want].bytes / 64;
    for (int64_t i = 0; i < n; i++)
        if (m->label[at + i] != want)
            fail_msg("step %d: %s in buffer %d was overwritten by %d", step, what, want,
                     m->label[at + i]);
}

static int overlap(const ax_plan *p, int a, int64_t a_bytes, int b, int64_t b_bytes)
{
    int64_t x = place_of(p, a) * 64, y = place_of(p, b) * 64;
    return a_bytes && b_bytes && x < y + b_bytes && y < x + a_bytes;
}

static void check_step(memory *m, int i)
{
    const ax_step *s = &m->p->step[i];
    for (int k = 0; k < s->n_in; k++)
        if (s->in_buf[k] >= 0)
            must_hold(m, s->in_buf[k], "an input", i);
    for (int o = 0; o < s->n_out; o++) {
        int64_t bytes = m->p->buf[s->out_buf[o]].bytes;
        for (int k = 0; k < s->n_in; k++) {
            if (s->in_buf[k] < 0)
                continue;
            int source = shown(m, s->in_buf[k]), taken = s->choice.inplace - 1;
            int allowed = o == 0 && taken >= 0 && s->in_buf[taken] >= 0 &&
                          shown(m, s->in_buf[taken]) == source &&
                          place_of(m->p, s->out_buf[0]) == place_of(m->p, source) &&
                          bytes == m->p->buf[source].bytes;
            if (overlap(m->p, s->out_buf[o], bytes, s->in_buf[k], m->p->buf[source].bytes) &&
                !allowed)
                fail_msg("step %d (%s): output %d lies on input %d", i,
                         s->op ? s->op->name : "layout", o, k);
        }
        for (int q = 0; q < o; q++)
            assert_false(
                overlap(m->p, s->out_buf[o], bytes, s->out_buf[q], m->p->buf[s->out_buf[q]].bytes));
    }
    if (s->scratch >= 0) {
        put(m, s->scratch, -2);
        for (int k = 0; k < s->n_in; k++)
            if (s->in_buf[k] >= 0)
                must_hold(m, s->in_buf[k], "an input under scratch", i);
    }
    for (int o = 0; o < s->n_out; o++)
        put(m, s->out_buf[o], s->out_buf[o]);
    for (int64_t q = 0; s->scratch >= 0 && q < m->p->buf[s->scratch].bytes / 64; q++)
        assert_int_equal(m->label[place_of(m->p, s->scratch) + q], -2);
}

/* Step by step, all that lives there. */
static void check_alive(const ax_plan *p)
{
    int64_t most = 0;
    for (int s = -1; s <= p->n_step; s++) {
        int64_t sum = 0;
        for (int i = 0; i < p->n_buf; i++)
            if (p->buf[i].root == i && p->buf[i].first <= s && s <= p->buf[i].last)
                sum += p->buf[i].bytes;
        most = sum > most ? sum : most;
    }
    assert_int_equal(ax_plan_alive(p), most);
    assert_true(most <= ax_plan_bytes(p));
}

static void check_memory(const ax_plan *p)
{
    check_alive(p);
    memory m = {p, malloc(((size_t)p->bytes / 64 + 1) * sizeof(int)),
                calloc((size_t)p->n_buf + 1, 1)};
    for (int64_t i = 0; i < p->bytes / 64; i++)
        m.label[i] = -1;
    for (int i = 0; i < p->n_step; i++)
        for (int o = 0; o < p->step[i].n_out; o++)
            m.owned[p->step[i].out_buf[o]] = 1;
    for (int i = 0; i < p->n_input; i++) {
        m.owned[p->input[i]] = 1;
        put(&m, p->input[i], p->input[i]);
    }
    for (int i = 0; i < p->n_step; i++)
        check_step(&m, i);
    for (int i = 0; i < p->n_output; i++)
        if (p->output[i] >= 0)
            must_hold(&m, p->output[i], "an output", p->n_step);
    for (int i = 0; i < p->n_input; i++) /* a second run reads them again */
        must_hold(&m, p->input[i], "a graph input", p->n_step);
    free(m.label);
    free(m.owned);
}

/* ---- random graphs ----------------------------------------------------------------------------
 */

typedef struct grower {
    ax_graph g;
    ax_val val[256];
    int n;
    uint64_t seed, drawn;
} grower;

static uint32_t draw(grower *w, uint32_t below)
{
    return noise(w->seed * 7919 + w->drawn++) % below;
}

static void keep(grower *w, ax_val v)
{
    if (v >= 0)
        w->val[w->n++] = v;
}

static ax_val any(grower *w)
{
    return w->val[draw(w, (uint32_t)w->n)];
}

/* another value of v's shape, or v itself */
static ax_val alike(grower *w, ax_val v)
{
    for (int i = 0; i < 20; i++) {
        ax_val u = any(w);
        if (ax_shape_equal(&w->g.val[u].desc.shape, &w->g.val[v].desc.shape))
            return u;
    }
    return v;
}

static ax_val param(grower *w, ax_shape s)
{
    return ax_graph_param(&w->g, "", &s, 1, NULL);
}

static ax_val grow_conv(grower *w, ax_val v)
{
    static const int64_t channels[] = {3, 16, 17};
    int64_t c = w->g.val[v].desc.shape.dim[1], k = channels[draw(w, 3)];
    ax_conv2d_attr a = {{1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0}};
    ax_val in[3] = {v, param(w, AX_SHAPE(k, c, 3, 3)), AX_NONE};
    return ax_graph_node(&w->g, &ax_op_conv2d, "", &a, in, 3, NULL);
}

static ax_val grow_norm(grower *w, ax_val v)
{
    int64_t c = w->g.val[v].desc.shape.dim[1];
    ax_val in[3] = {v, param(w, AX_SHAPE(c)), param(w, AX_SHAPE(c))};
    return ax_graph_node(&w->g, &ax_op_batch_norm_train, "", &(ax_norm_attr){1e-3, 0, 0}, in, 3, NULL);
}

static void grow(grower *w)
{
    ax_val v = any(w), pair[2] = {v, alike(w, v)};
    ax_shape s = w->g.val[v].desc.shape;
    ax_activation_attr act = {{0}, -1};
    ax_act_by_name("relu", &act.act, NULL);
    switch (draw(w, 11)) {
    case 0:
        return keep(w, ax_graph_node(&w->g, &ax_op_add, "", &(ax_add_attr){0}, pair, 2, NULL));
    case 1:
        return keep(w, ax_graph_node(&w->g, &ax_op_mul, "", NULL, pair, 2, NULL));
    case 2:
    case 3:
        return keep(w, ax_graph_node(&w->g, &ax_op_activation, "", &act, &v, 1, NULL));
    case 4:
        return keep(w, s.rank == 4 ? grow_conv(w, v) : AX_NONE);
    case 5: /* a view: flat, or back to a picture */
        return keep(w, ax_graph_node(&w->g, &ax_op_reshape, "",
                                     s.rank == 4 ? &(ax_reshape_attr){AX_SHAPE(0, -1)}
                                                 : &(ax_reshape_attr){AX_SHAPE(0, -1, 4, 3)},
                                     &v, 1, NULL));
    case 6:
        return keep(w, s.rank == 4
                           ? ax_graph_node(&w->g, &ax_op_reshape, "",
                                           &(ax_reshape_attr){AX_SHAPE(0, 0, 3, 4)}, &v, 1, NULL)
                           : AX_NONE);
    case 7:
        return keep(w, s.dim[1] < 40 ? ax_graph_node(&w->g, &ax_op_concat, "", &(ax_axis_attr){1},
                                                     pair, 2, NULL)
                                     : AX_NONE);
    case 8:
        return keep(w, ax_graph_node(&w->g, &ax_op_slice, "",
                                     &(ax_slice_attr){1, 0, (s.dim[1] + 1) / 2}, &v, 1, NULL));
    case 9: /* the batch's statistics are outputs too */
        v = grow_norm(w, v);
        keep(w, v);
        return;
    default: /* a parameter as an operand, and as a view */
        pair[1] = param(w, s);
        keep(w, ax_graph_node(&w->g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(0, -1)},
                              &pair[1], 1, NULL));
        keep(w, ax_graph_node(&w->g, &ax_op_add, "", &(ax_add_attr){0}, pair, 2, NULL));
    }
}

static void grower_init(grower *w, uint64_t seed, int nodes)
{
    *w = (grower){.seed = seed};
    ax_graph_init(&w->g);
    for (int i = 0; i < 2; i++)
        keep(w, ax_graph_input(&w->g, i ? "b" : "a", AX_F32, &AX_SHAPE(2, i ? 16 : 3, 4, 3), NULL));
    while (w->g.n_node < nodes && w->n < 250)
        grow(w);
    bind_noise(&w->g, seed);
}

/* Values computed with everything kept alive, and values of a plan that shares memory, are the
 * same. */
static void check_numbers(grower *w, const ax_val *out, int n)
{
    ax_val *all = malloc((size_t)w->n * sizeof *all);
    float *want[256], *got[8];
    int64_t count[256];
    memcpy(all, w->val, (size_t)w->n * sizeof *all);
    run_noise(&w->g, all, w->n, 0, NULL, w->seed, want, count);
    run_noise(&w->g, out, n, 0, NULL, w->seed, got, count + 0);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < w->n; k++)
            if (all[k] == out[i] && memcmp(want[k], got[i], (size_t)count[i] * sizeof(float)))
                fail_msg("seed %llu: output %d differs when it is asked for alone",
                         (unsigned long long)w->seed, i);
    for (int k = 0; k < w->n; k++)
        free(want[k]);
    for (int i = 0; i < n; i++)
        free(got[i]);
    free(all);
}

static void test_random_graphs(void **state)
{
    (void)state;
    int shared = 0, taken = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        grower w;
        grower_init(&w, seed, 10 + (int)(seed % 40));
        ax_val out[4];
        int n = 1 + (int)(seed % 4);
        out[0] = w.val[w.n - 1];
        for (int i = 1; i < n; i++)
            out[i] = any(&w);
        ax_plan *p = plan_of(&w.g, out, n, 0, NULL);
        check_memory(p);
        for (int i = 0; i < p->n_step; i++)
            taken +=
                p->step[i].n_out > 0 && p->buf[p->step[i].out_buf[0]].root != p->step[i].out_buf[0];
        shared += p->n_step > 0;
        ax_plan_free(p);
        check_numbers(&w, out, n);
        ax_graph_fini(&w.g);
    }
    assert_true(shared > 250 && taken > 200); /* the graphs do exercise what is tested */
}

/* The gradient of a random graph, asked for as training does, keeps its memory apart as well. */
static void test_random_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        grower w;
        grower_init(&w, seed + 1000, 20);
        ax_val top = w.val[w.n - 1], d[64], wrt[64];
        int n = 0;
        int64_t m = ax_shape_count(&w.g.val[top].desc.shape);
        ax_val ones = param(&w, AX_SHAPE(1, m));
        ax_val sum = ax_graph_node(&w.g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(1, m)},
                                   &top, 1, NULL);
        sum = ax_graph_node(&w.g, &ax_op_dense, "", &(ax_fused_attr){0}, (ax_val[]){sum, ones}, 2,
                            NULL);
        sum = ax_graph_node(&w.g, &ax_op_reshape, "", &(ax_reshape_attr){{0}}, &sum, 1, NULL);
        for (int v = 0; v < w.g.n_val && n < 60; v++)
            if (w.g.val[v].kind == AX_VAL_PARAM)
                wrt[n++] = v;
        ax_err err;
        if (ax_graph_grad(&w.g, sum, wrt, n, d, &err)) { /* slice is for gradients only */
            assert_non_null(strstr(err.msg, "slice"));
        } else {
            ax_val out[64] = {sum};
            int outs = 1;
            for (int i = 0; i < n; i++)
                if (d[i] != AX_NONE)
                    out[outs++] = d[i];
            bind_noise(&w.g, seed);
            ax_plan *p = plan_of(&w.g, out, outs, 0, NULL);
            check_memory(p);
            ax_plan_free(p);
        }
        ax_graph_fini(&w.g);
    }
}

/* ---- what a plan leaves out and shares ---------------------------------------------------------
 */

static ax_val relu(ax_graph *g, ax_val v)
{
    ax_activation_attr act = {{0}, -1};
    ax_act_by_name("relu", &act.act, NULL);
    return ax_graph_node(g, &ax_op_activation, "act", &act, &v, 1, NULL);
}

static ax_val conv(ax_graph *g, ax_val v, int64_t k)
{
    ax_conv2d_attr a = {{1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0}};
    ax_val in[2] = {
        v, ax_graph_param(g, "w", &AX_SHAPE(k, g->val[v].desc.shape.dim[1], 3, 3), 1, NULL)};
    return ax_graph_node(g, &ax_op_conv2d, "conv", &a, in, 2, NULL);
}

static void test_unneeded_is_left_out(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 32), NULL);
    ax_val a = relu(&g, x);
    for (int i = 0; i < 10; i++)
        relu(&g, a);
    ax_val b = relu(&g, a);
    ax_plan *p = plan_of(&g, &b, 1, 0, NULL);
    assert_int_equal(p->n_step, 2);
    ax_plan_free(p);
    p = plan_of(&g, &x, 1, 0, NULL); /* an input asked for is itself */
    assert_int_equal(p->n_step, 0);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

/* A chain works in one buffer beside its input, whatever its length. */
static void test_in_place(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 1024), NULL), v = x;
    for (int i = 0; i < 50; i++)
        v = relu(&g, v);
    ax_plan *p = plan_of(&g, &v, 1, 0, NULL);
    assert_int_equal(ax_plan_bytes(p), 2 * 4096);
    assert_int_equal(ax_plan_alive(p), 2 * 4096);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

static void test_views_are_no_steps(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(2, 3, 4), NULL);
    ax_val v =
        ax_graph_node(&g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(0, -1)}, &x, 1, NULL);
    v = ax_graph_node(&g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(0, 4, 3)}, &v, 1, NULL);
    ax_plan *p = plan_of(&g, &v, 1, 0, NULL);
    assert_int_equal(p->n_step, 0);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    assert_ptr_equal(ax_exec_input(e, 0), ax_exec_output(e, 0));
    assert_int_equal(ax_plan_output(p, 0)->shape.dim[1], 4);
    ax_exec_free(e);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

/* Convolutions in a row hand each other blocked maps: one conversion, at the end. */
static void test_layouts(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val v = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 3, 8, 8), NULL);
    for (int i = 0; i < 4; i++)
        v = relu(&g, conv(&g, v, 32));
    bind_noise(&g, 1);
    ax_plan *p = plan_of(&g, &v, 1, 0, NULL);
    int conversions = 0;
    for (int i = 0; i < p->n_step; i++)
        conversions += !p->step[i].op;
    assert_int_equal(conversions, 1);
    ax_arena a;
    ax_arena_init(&a, 0);
    const char *text = ax_plan_text(p, &a);
    assert_non_null(strstr(text, "NCHW16c"));
    assert_non_null(strstr(text, "to plain"));
    assert_non_null(strstr(text, "conv2d"));
    ax_arena_fini(&a);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

/* An input that nothing reads still has memory to be written to. */
static void test_unused_input(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 8), NULL);
    ax_graph_input(&g, "unused", AX_F32, &AX_SHAPE(1, 100), NULL);
    ax_val y = relu(&g, x);
    ax_plan *p = plan_of(&g, &y, 1, 3, NULL);
    check_memory(p);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    assert_non_null(ax_exec_input(e, 1));
    memset(ax_exec_input(e, 1), 0xff, 300 * sizeof(float));
    fill_noise(ax_exec_input(e, 0), 24, 5);
    ax_exec_run(e);
    for (int i = 0; i < 24; i++)
        assert_true(((const float *)ax_exec_output(e, 0))[i] >= 0);
    ax_exec_free(e);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

/* An input may lie elsewhere, at each run in another place: also when its memory is taken over in
 * place, and when an output is a view of it. */
static void test_moved_input(void **state)
{
    (void)state;
    static _Alignas(64) float a[32], b[32];
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(2, 3, 4), NULL);
    ax_val out[2] = {
        relu(&g, relu(&g, x)),
        ax_graph_node(&g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(0, -1)}, &x, 1, NULL)};
    for (int views = 0; views < 2; views++) {
        ax_plan *p = plan_of(&g, out, 1 + views, 0, NULL);
        ax_exec *e = ax_exec_new(p, NULL, NULL);
        for (int round = 0; round < 4; round++) {
            float *in = round & 1 ? a : b;
            fill_noise(in, 24, 5 + (uint64_t)round);
            float want[24];
            memcpy(want, in, sizeof want);
            ax_exec_move_input(e, 0, in);
            assert_ptr_equal(ax_exec_input(e, 0), in);
            ax_exec_run(e);
            for (int i = 0; i < 24; i++) {
                assert_float_equal(((const float *)ax_exec_output(e, 0))[i],
                                   want[i] > 0 ? want[i] : 0, 0);
                if (views)
                    assert_float_equal(((const float *)ax_exec_output(e, 1))[i], want[i], 0);
            }
        }
        ax_exec_free(e);
        ax_plan_free(p);
    }
    ax_graph_fini(&g);
}

static void test_parameters_as_outputs(void **state)
{
    (void)state;
    ax_graph g;
    float numbers[3] = {1, 2, 3};
    ax_graph_init(&g);
    ax_val w = ax_graph_param(&g, "w", &AX_SHAPE(3), 1, NULL);
    g.val[w].data = numbers;
    ax_plan *p = plan_of(&g, &w, 1, 0, NULL);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    assert_ptr_equal(ax_exec_output(e, 0), numbers);
    ax_exec_free(e);
    ax_plan_free(p);
    ax_graph_fini(&g);
}

/* Weights are packed once for all batch sizes. */
static void test_packs_are_shared(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 3, 8, 8), NULL), y = conv(&g, x, 32);
    bind_noise(&g, 1);
    ax_packs *packs = ax_packs_new();
    ax_plan_free(plan_of(&g, &y, 1, 1, packs));
    int64_t bytes = ax_packs_bytes(packs);
    assert_true(bytes >= 32 * 3 * 9 * 4);
    ax_plan_free(plan_of(&g, &y, 1, 7, packs));
    ax_plan_free(plan_of(&g, &y, 1, 64, packs));
    assert_int_equal(ax_packs_bytes(packs), bytes);
    ax_packs_free(packs);
    ax_graph_fini(&g);
}

/* Weights that are computed are not packed: they change with the inputs. */
static void test_computed_weights(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 4), NULL);
    ax_val w = ax_graph_param(&g, "w", &AX_SHAPE(2, 4), 1, NULL), w2 = relu(&g, w), out[2];
    ax_fused_attr none = {{0}};
    out[0] = ax_graph_node(&g, &ax_op_dense, "fc", &none, (ax_val[]){x, w2}, 2, NULL);
    bind_noise(&g, 3);
    ax_packs *packs = ax_packs_new();
    float *got[1];
    int64_t n;
    run_noise(&g, out, 1, 0, packs, 9, got, &n);
    float in[4], want = 0;
    fill_noise(in, 4, 9);
    for (int i = 0; i < 4; i++)
        want += in[i] * fmaxf(0, ((float *)g.val[w].data)[i]);
    assert_float_equal(got[0][0], want, 1e-6);
    free(got[0]);
    ax_packs_free(packs);
    ax_graph_fini(&g);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        int64_t batch, limit;
        ax_code code;
    } rows[] = {
        {1000, 1 << 16, AX_ELIMIT},       {1, 1 << 20, AX_OK},
        {(int64_t)1 << 40, 0, AX_ELIMIT}, {(int64_t)1 << 60, 0, AX_ELIMIT},
        {INT64_MAX, 0, AX_ELIMIT},        {-1, 0, AX_ESHAPE},
        {(int64_t)1 << 36, 0, AX_ELIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_graph g;
        ax_graph_init(&g);
        ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 3, 8, 8), NULL),
               y = conv(&g, x, 32);
        for (int k = 0; k < 20; k++)
            y = relu(&g, conv(&g, y, 1));
        bind_noise(&g, 1);
        ax_desc in = {AX_F32, AX_SHAPE(rows[i].batch, 3, 8, 8)};
        ax_plan_options o = {.outputs = &y,
                             .n_outputs = 1,
                             .inputs = &in,
                             .threads = 1,
                             .memory_limit = rows[i].limit};
        ax_err err = {0};
        ax_plan *p = ax_plan_new(&g, &o, &err);
        if (err.code != rows[i].code)
            fail_msg("row %zu: code %d, expected %d (%s)", i, err.code, rows[i].code, err.msg);
        assert_true(!p == !!rows[i].code);
        ax_plan_free(p);
        ax_graph_fini(&g);
    }
}

/* A plan made for other shapes names the node that does not fit them. */
static void test_shapes_that_do_not_fit(void **state)
{
    (void)state;
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 3, 8, 8), NULL), y = conv(&g, x, 4);
    bind_noise(&g, 1);
    ax_desc in = {AX_F32, AX_SHAPE(1, 5, 8, 8)};
    ax_plan_options o = {.outputs = &y, .n_outputs = 1, .inputs = &in, .threads = 1};
    ax_err err = {0};
    assert_null(ax_plan_new(&g, &o, &err));
    assert_int_equal(err.code, AX_ESHAPE);
    assert_non_null(strstr(err.msg, "conv2d 'conv'"));
    assert_null(ax_plan_new(&g, &o, NULL));
    ax_graph_fini(&g);
}

/* Thousands of values that live at the same time are placed in a moment. */
static void test_large_plans_are_quick(void **state)
{
    (void)state;
    enum { N = 12000 };
    ax_graph g;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(1, 64), NULL), sum = x,
           *v = malloc(N * sizeof *v);
    for (int i = 0; i < N; i++)
        v[i] = relu(&g, x);
    for (int i = N - 1; i >= 0; i--)
        sum = ax_graph_node(&g, &ax_op_add, "", &(ax_add_attr){0}, (ax_val[]){sum, v[i]}, 2, NULL);
    clock_t start = clock();
    ax_plan *p = plan_of(&g, &sum, 1, 0, NULL);
    double spent = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (spent > 5)
        fail_msg("%.1f s for %d buffers", spent, p->n_buf);
    ax_plan_free(p);
    free(v);
    ax_graph_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),          cmocka_unit_test(test_random_gradients),
        cmocka_unit_test(test_unneeded_is_left_out),   cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_views_are_no_steps),     cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_unused_input),           cmocka_unit_test(test_moved_input),
        cmocka_unit_test(test_parameters_as_outputs),  cmocka_unit_test(test_packs_are_shared),
        cmocka_unit_test(test_computed_weights),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shapes_that_do_not_fit), cmocka_unit_test(test_large_plans_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
