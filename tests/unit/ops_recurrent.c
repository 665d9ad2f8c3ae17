/* Recurrent layers where the last states, not y, are what counts: their gradients against central
 * differences, in float and so roughly; what prop/ops.c has of y is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "graph/plan.h"
#include "ops/ops.h"

enum { STEPS = 4, BATCH = 3, IN = 2, UNITS = 3, INPUTS = 8 };

typedef struct layer {
    ax_graph g;
    ax_val in[INPUTS], loss, d[INPUTS];
    float data[INPUTS][4 * UNITS * UNITS * 2];
    int64_t count[INPUTS];
    int n_in;
} layer;

/* Sum of the squares of the last states. */
static ax_val loss_of(ax_graph *g, ax_val first, int outputs)
{
    ax_val sum = AX_NONE;
    for (int i = 1; i < outputs; i++) {
        ax_val v = first + i;
        int64_t n = ax_shape_count(&g->val[v].desc.shape);
        ax_val row =
            ax_graph_node(g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(1, n)}, &v, 1, NULL);
        ax_val square =
            ax_graph_node(g, &ax_op_dense, "", &(ax_fused_attr){0}, (ax_val[]){row, row}, 2, NULL);
        sum = sum == AX_NONE ? square
                             : ax_graph_node(g, &ax_op_add, "", &(ax_add_attr){0},
                                             (ax_val[]){sum, square}, 2, NULL);
    }
    return ax_graph_node(g, &ax_op_reshape, "", &(ax_reshape_attr){{0}}, &sum, 1, NULL);
}

static void build(layer *l, const ax_op *op, ax_cell cell, int gates)
{
    const ax_shape shapes[INPUTS] = {AX_SHAPE(STEPS, BATCH, IN),
                                     AX_SHAPE(2, gates * UNITS, IN),
                                     AX_SHAPE(2, gates * UNITS, UNITS),
                                     AX_SHAPE(2, 2 * gates * UNITS),
                                     AX_SHAPE(BATCH),
                                     AX_SHAPE(2, BATCH, UNITS),
                                     AX_SHAPE(2, BATCH, UNITS),
                                     AX_SHAPE(2, 3 * UNITS)};
    static const int32_t lens[BATCH] = {4, 0, 3};
    ax_val wrt[INPUTS], d[INPUTS];
    int n = 0;
    memset(l, 0, sizeof *l);
    ax_graph_init(&l->g);
    l->n_in = op->max_in;
    for (int i = 0; i < l->n_in; i++) {
        l->count[i] = ax_shape_count(&shapes[i]);
        for (int64_t k = 0; k < l->count[i]; k++)
            l->data[i][k] = (float)sin((double)(i * 100 + k * 7 + 1)) * 0.6f;
        if (i == 4) {
            l->in[i] = ax_graph_const(&l->g, AX_I32, &shapes[i], lens, NULL);
            continue;
        }
        l->in[i] = ax_graph_param(&l->g, "", &shapes[i], 1, NULL);
        l->g.val[l->in[i]].data = l->data[i];
        wrt[n++] = l->in[i];
    }
    ax_recurrent_attr a = {.cell = cell, .directions = 2};
    ax_recurrent_defaults(&a);
    ax_val first = ax_graph_node(&l->g, op, "", &a, l->in, l->n_in, NULL);
    assert_true(first >= 0);
    l->loss = loss_of(&l->g, first, op->n_out);
    assert_int_equal(ax_graph_grad(&l->g, l->loss, wrt, n, d, NULL), 0);
    for (int i = 0, k = 0; i < l->n_in; i++)
        l->d[i] = i == 4 ? AX_NONE : d[k++];
}

static double value(const layer *l)
{
    ax_plan_options o = {.outputs = &l->loss, .n_outputs = 1, .threads = 1};
    ax_plan *p = ax_plan_new(&l->g, &o, NULL);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    ax_exec_run(e);
    double v = *(const float *)ax_exec_output(e, 0);
    ax_exec_free(e);
    ax_plan_free(p);
    return v;
}

static void check_gradient(layer *l, int i)
{
    ax_plan_options o = {.outputs = &l->d[i], .n_outputs = 1, .threads = 1};
    ax_plan *p = ax_plan_new(&l->g, &o, NULL);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    ax_exec_run(e);
    const float *d = ax_exec_output(e, 0);
    for (int64_t k = 0; k < l->count[i]; k++) {
        const float h = 0x1p-7f, x = l->data[i][k];
        l->data[i][k] = x + h;
        double up = value(l);
        l->data[i][k] = x - h;
        double want = (up - value(l)) / (2 * (double)h);
        l->data[i][k] = x;
        if (fabs(want - (double)d[k]) > 2e-3)
            fail_msg("input %d [%d]: %g, expected %g", i, (int)k, (double)d[k], want);
    }
    ax_exec_free(e);
    ax_plan_free(p);
}

static void last_states(void **state)
{
    (void)state;
    static const struct {
        const ax_op *op;
        ax_cell cell;
        int gates;
    } rows[] = {
        {&ax_op_rnn, AX_CELL_RNN, 1}, {&ax_op_gru, AX_CELL_GRU, 3}, {&ax_op_lstm, AX_CELL_LSTM, 4}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        static layer l;
        build(&l, rows[r].op, rows[r].cell, rows[r].gates);
        for (int i = 0; i < l.n_in; i++)
            if (i != 4)
                check_gradient(&l, i);
        ax_graph_fini(&l.g);
    }
}

/* Recurrent weights that another node computes are not packed once for all. */
static void weights_of_the_run(void **state)
{
    (void)state;
    ax_graph g;
    float one = 1, two = 2;
    ax_graph_init(&g);
    ax_val x = ax_graph_input(&g, "x", AX_F32, &AX_SHAPE(2, 1, 1), NULL);
    ax_val r = ax_graph_input(&g, "r", AX_F32, &AX_SHAPE(1, 1), NULL);
    ax_val w = ax_graph_const(&g, AX_F32, &AX_SHAPE(1, 1, 1), &one, NULL);
    ax_val seen =
        ax_graph_node(&g, &ax_op_reshape, "", &(ax_reshape_attr){AX_SHAPE(1, 1, 1)}, &r, 1, NULL);
    ax_recurrent_attr a = {.cell = AX_CELL_RNN, .directions = 1};
    ax_recurrent_defaults(&a);
    assert_int_equal(ax_act_by_name("identity", &a.act[0][0], NULL), 0);
    ax_val y = ax_graph_node(&g, &ax_op_rnn, "", &a, (ax_val[]){x, w, seen}, 3, NULL);
    ax_desc in[] = {{AX_F32, AX_SHAPE(2, 1, 1)}, {AX_F32, AX_SHAPE(1, 1)}};
    ax_packs *packs = ax_packs_new();
    ax_plan_options o = {.outputs = &y, .n_outputs = 1, .inputs = in, .packs = packs, .threads = 1};
    ax_plan *p = ax_plan_new(&g, &o, NULL);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        memcpy(ax_exec_input(e, 0), (float[]){3, 5}, 2 * sizeof(float));
        *(float *)ax_exec_input(e, 1) = i ? two : one;
        ax_exec_run(e);
        assert_true(((const float *)ax_exec_output(e, 0))[1] == (i ? 11 : 8));
    }
    ax_exec_free(e);
    ax_plan_free(p);
    ax_packs_free(packs);
    ax_graph_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_states),
        cmocka_unit_test(weights_of_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
