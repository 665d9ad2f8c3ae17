/* If, Loop, Scan and functions: what is known decides while importing, what is not is selected or
 * refused; names stay where they belong; and nothing goes on for ever. Expected numbers are worked
 * out by hand. */
#include "onnx_net.h"

/* An attribute of the last node that is a graph: between the two its nodes go to *g. */
typedef struct inner {
    ax_onnx o;
    size_t attr;
} inner;

static ax_onnx *open_graph(ax_onnx *outer, const char *attribute, inner *g)
{
    ax_pb *b = outer->to;
    *g = (inner){.o.to = b, .attr = ax_pb_open(b, 5)};
    ax_pb_str(b, 1, attribute);
    ax_pb_int(b, 20, AX_ONNX_A_GRAPH);
    g->o.graph = ax_pb_open(b, 6);
    return &g->o;
}

static void close_graph(inner *g)
{
    ax_onnx_end(&g->o);
    ax_pb_close(g->o.to, g->attr);
}

static void node(ax_onnx *o, const char *op, const char *a, const char *b, const char *out)
{
    ax_onnx_put_node(o, op, (const char *[]){a, b}, b ? 2 : a ? 1 : 0, out);
}

static void port(ax_onnx *o, ax_onnx_side side, const char *name)
{
    ax_onnx_put_value(o, side, name, AX_ONNX_FLOAT, NULL, 0);
}

static void number(ax_onnx *o, const char *name, float v)
{
    ax_onnx_put_tensor(o, name, AX_ONNX_FLOAT, NULL, 0, &v, sizeof v);
}

static void whole(ax_onnx *o, const char *name, int64_t v)
{
    ax_onnx_put_tensor(o, name, AX_ONNX_INT64, NULL, 0, &v, sizeof v);
}

static void truth(ax_onnx *o, const char *name, uint8_t v)
{
    ax_onnx_put_tensor(o, name, AX_ONNX_BOOL, NULL, 0, &v, sizeof v);
}

/* A branch without inputs whose output is op of a and b. */
static void branch(net *n, const char *which, const char *op, const char *a, const char *b)
{
    inner g;
    ax_onnx *o = open_graph(&n->o, which, &g);
    port(o, AX_ONNX_OUTPUT, "z");
    node(o, op, a, b, "z");
    close_graph(&g);
}

/* ---- If ---- */

/* y = cond ? x + ten : x * x, and only the branch is built where cond is known */
static void if_known(void **state)
{
    (void)state;
    for (uint8_t cond = 0; cond < 2; cond++) {
        net n;
        begin(&n, 13);
        number(&n.o, "ten", 10);
        truth(&n.o, "cond", cond);
        node(&n.o, "If", "cond", NULL, "y");
        branch(&n, "then_branch", "Add", "x", "ten");
        branch(&n, "else_branch", "NoSuchOperator", "x", NULL);
        if (cond) {
            check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(1), (float[]){13}, 0);
            continue;
        }
        assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
        check_error("its branch", &n.err, AX_EUNSUPPORTED, "If '' (node 0): NoSuchOperator");
        end(&n);
    }
}

static void if_selects(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        float x = i ? 3 : -3, y = i ? 9 : 7;
        net n;
        begin(&n, 13);
        number(&n.o, "ten", 10);
        number(&n.o, "zero", 0);
        node(&n.o, "Less", "x", "zero", "cond");
        node(&n.o, "If", "cond", NULL, "y");
        branch(&n, "then_branch", "Add", "x", "ten");
        branch(&n, "else_branch", "Mul", "x", "x");
        check(&n, &AX_SHAPE(1), &x, &AX_SHAPE(1), &y, 0);
    }
}

static void if_of_two_shapes(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    number(&n.o, "zero", 0);
    put_ints(&n, "axes", (int64_t[]){0}, 1);
    node(&n.o, "Less", "x", "zero", "cond");
    node(&n.o, "If", "cond", NULL, "y");
    branch(&n, "then_branch", "Unsqueeze", "x", "axes");
    branch(&n, "else_branch", "Mul", "x", "x");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("shapes", &n.err, AX_EUNKNOWN, "'cond') is computed by the run");
    end(&n);
}

/* ---- Loop ---- */

/* Loop of (trips, cond, x): s' = s + s, going on while `more`; y is the state, or what it was in
 * each iteration. */
static void put_loop(net *n, const char *trips, const char *cond, const char *more, int scanned)
{
    inner g;
    ax_onnx_put_node_outputs(&n->o, "Loop", (const char *[]){trips, cond, "x"}, 3,
                             (const char *[]){scanned ? "last" : "y", scanned ? "y" : "each"}, 2);
    ax_onnx *o = open_graph(&n->o, "body", &g);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "i", AX_ONNX_INT64, NULL, 0);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "go", AX_ONNX_BOOL, NULL, 0);
    port(o, AX_ONNX_INPUT, "s");
    ax_onnx_put_value(o, AX_ONNX_OUTPUT, "goes", AX_ONNX_BOOL, NULL, 0);
    port(o, AX_ONNX_OUTPUT, "s1");
    port(o, AX_ONNX_OUTPUT, "s2");
    whole(o, "two", 2);
    node(o, "Add", "s", "s", "s1");
    node(o, "Identity", "s", NULL, "s2");
    if (!strcmp(more, "i<2"))
        node(o, "Less", "i", "two", "goes");
    else
        node(o, "Identity", more, NULL, "goes");
    close_graph(&g);
}

static void loop_unrolled(void **state)
{
    (void)state;
    static const float each[4] = {3, 6, 12, 24};
    for (int scanned = 0; scanned < 2; scanned++) {
        net n;
        begin(&n, 13);
        whole(&n.o, "trips", 4);
        put_loop(&n, "trips", "", "go", scanned);
        if (scanned)
            check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(4, 1), each, 0);
        else
            check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(1), (float[]){48}, 0);
    }
}

/* i = 0, 1, 2, after which the condition is false; or not even once */
static void loop_stops(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    truth(&n.o, "cond", 1);
    put_loop(&n, "", "cond", "i<2", 0);
    check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(1), (float[]){24}, 0);
    begin(&n, 13);
    whole(&n.o, "trips", 9);
    truth(&n.o, "cond", 0);
    put_loop(&n, "trips", "cond", "go", 0);
    check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(1), (float[]){3}, 0);
    begin(&n, 13);
    whole(&n.o, "trips", 0);
    put_loop(&n, "trips", "", "go", 1);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), 0); /* a number, says the body */
    assert_true(ax_shape_equal(&n.out[0].desc.shape, &AX_SHAPE(0)));
    end(&n);
}

static void loop_without_end(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    put_loop(&n, "", "", "go", 0);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1); /* too many nodes to be unrolled */
    check_error("unrolled", &n.err, AX_EUNKNOWN, "nodes");
    end(&n);
    begin(&n, 13);
    inner g;
    whole(&n.o, "trips", INT64_MAX);
    ax_onnx_put_node_outputs(&n.o, "Loop", (const char *[]){"trips", ""}, 2, NULL, 0);
    ax_onnx *o = open_graph(&n.o, "body", &g);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "i", AX_ONNX_INT64, NULL, 0);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "go", AX_ONNX_BOOL, NULL, 0);
    ax_onnx_put_value(o, AX_ONNX_OUTPUT, "go", AX_ONNX_BOOL, NULL, 0);
    close_graph(&g);
    node(&n.o, "Relu", "x", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("empty", &n.err, AX_ELIMIT, "steps");
    end(&n);
    begin(&n, 13);
    node(&n.o, "Cast", "x", NULL, "trips");
    ax_onnx_put_int(&n.o, "to", AX_ONNX_INT64);
    put_loop(&n, "trips", "", "go", 0);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("of the run", &n.err, AX_EUNKNOWN, "input 0 ('trips')");
    end(&n);
}

/* ---- Scan ---- */

/* Running sums of x: state and output are what is added up so far. */
static void put_scan(net *n, int opset)
{
    inner g;
    const char *in[] = {"", "start", "x"};
    ax_onnx_put_node_outputs(&n->o, "Scan", in + (opset > 8), 3 - (opset > 8),
                             (const char *[]){"last", "y"}, 2);
    ax_onnx_put_int(&n->o, "num_scan_inputs", 1);
    ax_onnx *o = open_graph(&n->o, "body", &g);
    port(o, AX_ONNX_INPUT, "s");
    port(o, AX_ONNX_INPUT, "v");
    port(o, AX_ONNX_OUTPUT, "t");
    port(o, AX_ONNX_OUTPUT, "u");
    node(o, "Add", "s", "v", "t");
    node(o, "Identity", "t", NULL, "u");
    close_graph(&g);
}

static void scan(void **state)
{
    (void)state;
    static const float x[6] = {1, 2, 3, 10, 20, 30}, columns[6] = {1, 3, 6, 10, 30, 60},
                       back[6] = {6, 5, 3, 60, 50, 30}, turned[6] = {6, 60, 5, 50, 3, 30};
    net n;
    begin(&n, 11);
    put_floats(&n, "start", (int64_t[]){2}, 1, (float[]){0, 0});
    put_scan(&n, 11);
    ax_onnx_put_ints(&n.o, "scan_input_axes", (int64_t[]){-1}, 1);
    ax_onnx_put_ints(&n.o, "scan_output_axes", (int64_t[]){1}, 1);
    check(&n, &AX_SHAPE(2, 3), x, &AX_SHAPE(2, 3), columns, 0);
    begin(&n, 9); /* from the end, and put in front: in the order of x again */
    put_floats(&n, "start", (int64_t[]){2}, 1, (float[]){0, 0});
    put_scan(&n, 9);
    ax_onnx_put_ints(&n.o, "scan_input_axes", (int64_t[]){1}, 1);
    ax_onnx_put_ints(&n.o, "scan_input_directions", (int64_t[]){1}, 1);
    ax_onnx_put_ints(&n.o, "scan_output_axes", (int64_t[]){1}, 1);
    ax_onnx_put_ints(&n.o, "scan_output_directions", (int64_t[]){1}, 1);
    check(&n, &AX_SHAPE(2, 3), x, &AX_SHAPE(2, 3), back, 0);
    begin(&n, 16);
    put_floats(&n, "start", (int64_t[]){2}, 1, (float[]){0, 0});
    put_scan(&n, 16);
    ax_onnx_put_ints(&n.o, "scan_input_axes", (int64_t[]){1}, 1);
    ax_onnx_put_ints(&n.o, "scan_input_directions", (int64_t[]){1}, 1);
    ax_onnx_put_ints(&n.o, "scan_output_directions", (int64_t[]){1}, 1);
    check(&n, &AX_SHAPE(2, 3), x, &AX_SHAPE(3, 2), turned, 0);
}

/* Opset 8: each sample has a length of its own, and zeros behind it */
static void scan_of_batches(void **state)
{
    (void)state;
    static const float x[6] = {1, 2, 3, 10, 20, 30}, y[6] = {1, 3, 6, 10, 30, 0},
                       back[6] = {3, 5, 6, 20, 30, 0};
    for (int backwards = 0; backwards < 2; backwards++) {
        net n;
        inner g;
        begin(&n, 8);
        put_ints(&n, "lens", (int64_t[]){3, 2}, 2);
        put_floats(&n, "start", (int64_t[]){2, 1}, 2, (float[]){0, 0});
        ax_onnx_put_node_outputs(&n.o, "Scan", (const char *[]){"lens", "start", "x"}, 3,
                                 (const char *[]){"last", "y"}, 2);
        ax_onnx_put_int(&n.o, "num_scan_inputs", 1);
        ax_onnx_put_ints(&n.o, "directions", (int64_t[]){backwards}, 1);
        ax_onnx *o = open_graph(&n.o, "body", &g);
        port(o, AX_ONNX_INPUT, "s");
        port(o, AX_ONNX_INPUT, "v");
        port(o, AX_ONNX_OUTPUT, "t");
        port(o, AX_ONNX_OUTPUT, "u");
        node(o, "Add", "s", "v", "t");
        node(o, "Identity", "t", NULL, "u");
        close_graph(&g);
        check(&n, &AX_SHAPE(2, 3, 1), x, &AX_SHAPE(2, 3, 1), backwards ? back : y, 0);
    }
}

static void scan_refused(void **state)
{
    (void)state;
    static const struct {
        const char *attr;
        int64_t v;
        ax_code code;
        const char *word;
    } rows[] = {
        {"scan_input_axes", 2, AX_ERANGE, "no axis 2"},
        {"scan_input_axes", INT64_MIN, AX_ERANGE, "scan_input_axes"},
        {"scan_output_axes", 3, AX_ERANGE, "no axis 3"},
        {"scan_output_axes", -4, AX_ERANGE, "no axis"},
        {"num_scan_inputs", 3, AX_EINVAL, "num_scan_inputs is 3"},
        {"num_scan_inputs", -1, AX_EINVAL, "num_scan_inputs is -1"},
        {"num_scan_inputs", INT64_C(1) << 33, AX_EINVAL, "num_scan_inputs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        net n;
        inner g;
        int axes = strcmp(rows[i].attr, "num_scan_inputs") != 0;
        begin(&n, 11);
        put_floats(&n, "start", (int64_t[]){3}, 1, (float[]){0, 0, 0});
        ax_onnx_put_node_outputs(&n.o, "Scan", (const char *[]){"start", "x"}, 2,
                                 (const char *[]){"last", "y"}, 2);
        ax_onnx_put_int(&n.o, "num_scan_inputs", axes ? 1 : rows[i].v);
        if (axes)
            ax_onnx_put_ints(&n.o, rows[i].attr, &rows[i].v, 1);
        ax_onnx *o = open_graph(&n.o, "body", &g);
        port(o, AX_ONNX_INPUT, "s");
        port(o, AX_ONNX_INPUT, "v");
        port(o, AX_ONNX_OUTPUT, "t");
        port(o, AX_ONNX_OUTPUT, "v");
        node(o, "Add", "s", "v", "t");
        close_graph(&g);
        assert_int_equal(finish(&n, &AX_SHAPE(2, 3), AX_F32), -1);
        check_error(rows[i].attr, &n.err, rows[i].code, rows[i].word);
        end(&n);
    }
}

/* ---- sequences ---- */

/* (1 2)(3 4)(5): the part before the last, from the end */
static void sequence_of_parts(void **state)
{
    (void)state;
    static const float x[5] = {1, 2, 3, 4, 5}, y[2] = {3, 4};
    net n;
    begin(&n, 13);
    whole(&n.o, "two", 2);
    whole(&n.o, "place", -2);
    node(&n.o, "SplitToSequence", "x", "two", "parts");
    node(&n.o, "SequenceAt", "parts", "place", "y");
    check(&n, &AX_SHAPE(5), x, &AX_SHAPE(2), y, 0);
}

/* x is put before the last of (ten, x): ten, x, x; then without the first; stacked */
static void sequence_by_hand(void **state)
{
    (void)state;
    static const float y[4] = {3, 3, 4, 4};
    net n;
    begin(&n, 13);
    put_floats(&n, "ten", (int64_t[]){2}, 1, (float[]){10, 10});
    whole(&n.o, "last", -1);
    whole(&n.o, "first", 0);
    node(&n.o, "SequenceConstruct", "ten", "x", "a");
    ax_onnx_put_node(&n.o, "SequenceInsert", (const char *[]){"a", "x", "last"}, 3, "b");
    node(&n.o, "SequenceErase", "b", "first", "c");
    node(&n.o, "ConcatFromSequence", "c", NULL, "y");
    ax_onnx_put_int(&n.o, "axis", -1);
    ax_onnx_put_int(&n.o, "new_axis", 1);
    check(&n, &AX_SHAPE(2), (float[]){3, 4}, &AX_SHAPE(2, 2), y, 0);
}

/* A loop puts x, x+x, ... behind each other in a sequence it carries. */
static void sequence_in_a_loop(void **state)
{
    (void)state;
    static const float y[3] = {3, 6, 12};
    net n;
    inner g;
    begin(&n, 13);
    whole(&n.o, "trips", 3);
    node(&n.o, "SequenceEmpty", NULL, NULL, "none");
    ax_onnx_put_node_outputs(&n.o, "Loop", (const char *[]){"trips", "", "x", "none"}, 4,
                             (const char *[]){"last", "all"}, 2);
    ax_onnx *o = open_graph(&n.o, "body", &g);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "i", AX_ONNX_INT64, NULL, 0);
    ax_onnx_put_value(o, AX_ONNX_INPUT, "go", AX_ONNX_BOOL, NULL, 0);
    port(o, AX_ONNX_INPUT, "s");
    port(o, AX_ONNX_INPUT, "so_far");
    ax_onnx_put_value(o, AX_ONNX_OUTPUT, "go", AX_ONNX_BOOL, NULL, 0);
    port(o, AX_ONNX_OUTPUT, "s1");
    port(o, AX_ONNX_OUTPUT, "more");
    node(o, "Add", "s", "s", "s1");
    node(o, "SequenceInsert", "so_far", "s", "more");
    close_graph(&g);
    node(&n.o, "ConcatFromSequence", "all", NULL, "y");
    ax_onnx_put_int(&n.o, "axis", 0);
    check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(3), y, 0);
}

static void sequence_mapped(void **state)
{
    (void)state;
    static const float y[3] = {11, 12, 13};
    net n;
    inner g;
    begin(&n, 17);
    put_floats(&n, "ten", (int64_t[]){1}, 1, (float[]){10});
    node(&n.o, "SplitToSequence", "x", NULL, "parts");
    node(&n.o, "SequenceMap", "parts", "ten", "sums");
    ax_onnx *o = open_graph(&n.o, "body", &g);
    port(o, AX_ONNX_INPUT, "a");
    port(o, AX_ONNX_INPUT, "b");
    port(o, AX_ONNX_OUTPUT, "c");
    node(o, "Add", "a", "b", "c");
    close_graph(&g);
    node(&n.o, "ConcatFromSequence", "sums", NULL, "y");
    ax_onnx_put_int(&n.o, "axis", 0);
    check(&n, &AX_SHAPE(3), (float[]){1, 2, 3}, &AX_SHAPE(3), y, 0);
}

static void sequences_refused(void **state)
{
    (void)state;
    static const struct {
        const char *op, *a, *b;
        ax_code code;
        const char *word;
    } rows[] = {
        {"SequenceAt", "list", "two", AX_ERANGE, "the place 2 in a sequence of 1"},
        {"SequenceAt", "x", "two", AX_ETYPE, "'x') is a tensor, expected a sequence"},
        {"SequenceAt", "list", "list", AX_ETYPE, "expected whole numbers"},
        {"SequenceErase", "none", NULL, AX_ERANGE, "empty sequence"},
        {"ConcatFromSequence", "none", NULL, AX_EINVAL, "an empty sequence"},
        {"SplitToSequence", "x", "below", AX_ERANGE, "parts of -1 elements"},
        {"SplitToSequence", "x", "few", AX_ESHAPE, "the parts have 1 elements"},
        {"Relu", "list", NULL, AX_EUNSUPPORTED, "input 0 ('list') is a sequence"},
        {"Identity", "list", NULL, AX_EUNSUPPORTED, "'y' is a sequence"},
        {"If", "list", NULL, AX_EUNSUPPORTED, "is a sequence"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        net n;
        begin(&n, 13);
        whole(&n.o, "two", 2);
        whole(&n.o, "below", -1);
        put_ints(&n, "few", (int64_t[]){1}, 1);
        node(&n.o, "SequenceEmpty", NULL, NULL, "none");
        node(&n.o, "SequenceConstruct", "x", NULL, "list");
        node(&n.o, rows[i].op, rows[i].a, rows[i].b, "y");
        assert_int_equal(finish(&n, &AX_SHAPE(2), AX_F32), -1);
        check_error(rows[i].op, &n.err, rows[i].code, rows[i].word);
        end(&n);
    }
}

/* ---- names ---- */

static void names_of_scopes(void **state)
{
    (void)state;
    net n;
    begin(&n, 13); /* what a branch makes is not seen outside */
    truth(&n.o, "cond", 1);
    node(&n.o, "If", "cond", NULL, "a");
    branch(&n, "then_branch", "Relu", "x", NULL);
    branch(&n, "else_branch", "Relu", "x", NULL);
    node(&n.o, "Relu", "z", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("gone", &n.err, AX_ECORRUPT, "'z', is made by nothing before it");
    end(&n);
    begin(&n, 13); /* nor may it take a name of the outside */
    truth(&n.o, "cond", 1);
    node(&n.o, "Relu", "x", NULL, "z");
    node(&n.o, "If", "cond", NULL, "y");
    branch(&n, "then_branch", "Relu", "x", NULL);
    branch(&n, "else_branch", "Relu", "x", NULL);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("shadow", &n.err, AX_ECORRUPT, "'z' is made twice");
    end(&n);
    begin(&n, 13);
    truth(&n.o, "cond", 1);
    node(&n.o, "If", "cond", NULL, "y");
    branch(&n, "then_branch", "Relu", "y", NULL); /* itself */
    branch(&n, "else_branch", "Relu", "x", NULL);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("itself", &n.err, AX_ECORRUPT, "'y', is made by nothing before it");
    end(&n);
    begin(&n, 13);
    truth(&n.o, "cond", 1);
    node(&n.o, "If", "cond", NULL, "y");
    branch(&n, "then_branch", "Relu", "x", NULL);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), 0); /* the other branch is not asked for */
    end(&n);
    begin(&n, 13);
    node(&n.o, "If", "x", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("no bool", &n.err, AX_ETYPE, "expected one bool");
    end(&n);
}

/* ---- functions ---- */

/* A function of a and b that gives c; what follows are its nodes. */
static ax_onnx open_function(net *n, const char *name, int opset)
{
    ax_pb *b = &n->fn[n->n_fn++];
    ax_pb_str(b, 1, name);
    ax_pb_str(b, 10, "mine");
    ax_pb_str(b, 4, "a");
    ax_pb_str(b, 4, "b");
    ax_pb_str(b, 5, "c");
    size_t at = ax_pb_open(b, 9);
    ax_pb_int(b, 2, opset);
    ax_pb_close(b, at);
    return (ax_onnx){.to = b};
}

/* In a function nodes are field 7; domain NULL: ONNX's own. */
static size_t fn_node(ax_onnx *o, const char *op, const char *domain, const char *a, const char *b,
                      const char *out)
{
    size_t at = ax_pb_open(o->to, 7);
    ax_pb_str(o->to, 1, a);
    if (b)
        ax_pb_str(o->to, 1, b);
    ax_pb_str(o->to, 2, out);
    ax_pb_str(o->to, 4, op);
    if (domain)
        ax_pb_str(o->to, 7, domain);
    return at;
}

/* An attribute of a node that is the function's `of`. */
static void refer(ax_onnx *o, const char *name, int type, const char *of)
{
    size_t at = ax_pb_open(o->to, 5);
    ax_pb_str(o->to, 1, name);
    ax_pb_int(o->to, 20, type);
    ax_pb_str(o->to, 21, of);
    ax_pb_close(o->to, at);
}

static void put_call(net *n, const char *name, const char *a, const char *b, const char *out)
{
    put_node(n, name, a, b, out);
    ax_pb_str(&n->b, 7, "mine");
}

/* c = elu(a; slope), where slope is the call's, the default or ONNX's own */
static void function_attributes(void **state)
{
    (void)state;
    static const struct {
        int given, standard;
        float y;
    } rows[] = {{1, 1, -3}, {1, 0, -3}, {0, 1, -2}, {0, 0, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        net n;
        begin(&n, 16);
        ax_onnx o = open_function(&n, "Bend", 16);
        if (rows[i].standard) {
            size_t at = ax_pb_open(o.to, 11);
            ax_pb_str(o.to, 1, "slope");
            ax_pb_int(o.to, 20, AX_ONNX_A_FLOAT);
            ax_pb_float(o.to, 2, 2);
            ax_pb_close(o.to, at);
        } else {
            ax_pb_str(o.to, 6, "slope");
        }
        size_t at = fn_node(&o, "Elu", NULL, "a", NULL, "c");
        refer(&o, "alpha", AX_ONNX_A_FLOAT, "slope");
        ax_pb_close(o.to, at);
        put_call(&n, "Bend", "x", NULL, "y");
        if (rows[i].given)
            ax_onnx_put_float(&n.o, "slope", 3);
        check(&n, &AX_SHAPE(1), (float[]){-100}, &AX_SHAPE(1), &rows[i].y, 0);
    }
}

/* A function of opset 12 in a file of 13: Softmax over all axes from 1. Names of the function are
 * its own, and its input b is left out. */
static void function_opset(void **state)
{
    (void)state;
    static const float quarters[4] = {.25f, .25f, .25f, .25f};
    net n;
    begin(&n, 13);
    ax_onnx o = open_function(&n, "Old", 12);
    ax_pb_close(o.to, fn_node(&o, "Softmax", NULL, "a", NULL, "x"));
    ax_pb_close(o.to, fn_node(&o, "Clip", NULL, "x", "b", "c"));
    put_call(&n, "Old", "x", "", "y");
    check(&n, &AX_SHAPE(1, 2, 2), (float[4]){0}, &AX_SHAPE(1, 2, 2), quarters, 0);
}

static void functions_nest(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    ax_onnx o = open_function(&n, "Twice", 13);
    ax_pb_close(o.to, fn_node(&o, "Add", NULL, "a", "a", "c"));
    o = open_function(&n, "Fourfold", 13);
    ax_pb_close(o.to, fn_node(&o, "Twice", "mine", "a", NULL, "d"));
    ax_pb_close(o.to, fn_node(&o, "Twice", "mine", "d", NULL, "c"));
    put_call(&n, "Fourfold", "x", NULL, "y");
    check(&n, &AX_SHAPE(1), (float[]){3}, &AX_SHAPE(1), (float[]){12}, 0);
}

static void functions_refused(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    ax_onnx o = open_function(&n, "Ping", 13);
    ax_pb_close(o.to, fn_node(&o, "Pong", "mine", "a", NULL, "c"));
    o = open_function(&n, "Pong", 13);
    ax_pb_close(o.to, fn_node(&o, "Ping", "mine", "a", NULL, "c"));
    put_call(&n, "Ping", "x", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("recursion", &n.err, AX_ECORRUPT, "the function 'Ping' calls itself");
    assert_int_equal(ax_onnx_check(&n.f, &n.err), 0);
    end(&n);
    begin(&n, 13);
    o = open_function(&n, "Sees", 13);
    ax_pb_close(o.to, fn_node(&o, "Relu", NULL, "x", NULL, "c"));
    put_call(&n, "Sees", "x", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("outer names", &n.err, AX_ECORRUPT, "'x', is made by nothing before it");
    end(&n);
    begin(&n, 13);
    o = open_function(&n, "Same", 13);
    ax_pb_close(o.to, fn_node(&o, "Relu", NULL, "a", NULL, "c"));
    put_call(&n, "Same", "x", NULL, "y");
    ax_onnx_put_int(&n.o, "axis", 1);
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    check_error("attribute", &n.err, AX_EUNSUPPORTED, "'axis'");
    end(&n);
}

/* Each calls the next one, twice: 2^n calls, or deeper than is taken. */
static void functions_without_end(void **state)
{
    (void)state;
    static const int depths[] = {25, 40};
    for (int i = 0; i < 2; i++) {
        char name[16], next[16];
        net n;
        begin(&n, 13);
        for (int k = 0; k < depths[i]; k++) {
            snprintf(name, sizeof name, "F%d", k);
            snprintf(next, sizeof next, "F%d", k + 1);
            ax_onnx o = open_function(&n, name, 13);
            int last = k == depths[i] - 1;
            ax_pb_close(
                o.to, fn_node(&o, last ? "Identity" : next, last ? NULL : "mine", "a", NULL, "d"));
            ax_pb_close(
                o.to, fn_node(&o, last ? "Identity" : next, last ? NULL : "mine", "d", NULL, "c"));
        }
        put_call(&n, "F0", "x", NULL, "y");
        assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
        check_error("many", &n.err, AX_ELIMIT, i ? "deeper than 32" : "");
        end(&n);
    }
}

/* What is missing in branches and functions is told with the rest, functions nobody calls aside. */
static void all_that_is_missing(void **state)
{
    (void)state;
    net n;
    begin(&n, 13);
    ax_onnx o = open_function(&n, "Called", 13);
    ax_pb_close(o.to, fn_node(&o, "FancyThree", NULL, "a", NULL, "c"));
    o = open_function(&n, "Idle", 13);
    ax_pb_close(o.to, fn_node(&o, "FancyFour", NULL, "a", NULL, "c"));
    truth(&n.o, "cond", 1);
    node(&n.o, "FancyOne", "x", NULL, "t");
    node(&n.o, "If", "cond", NULL, "u");
    branch(&n, "then_branch", "FancyTwo", "x", NULL);
    branch(&n, "else_branch", "FancyTwo", "x", NULL);
    put_call(&n, "Called", "u", NULL, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1), AX_F32), -1);
    assert_int_equal(ax_onnx_check(&n.f, &n.err), -1);
    check_error("all", &n.err, AX_EUNSUPPORTED,
                "3 operators of opset 13 are missing here: FancyOne, FancyTwo, FancyThree");
    assert_null(strstr(n.err.msg, "FancyFour"));
    end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_known),
        cmocka_unit_test(if_selects),
        cmocka_unit_test(if_of_two_shapes),
        cmocka_unit_test(loop_unrolled),
        cmocka_unit_test(loop_stops),
        cmocka_unit_test(loop_without_end),
        cmocka_unit_test(scan),
        cmocka_unit_test(scan_of_batches),
        cmocka_unit_test(scan_refused),
        cmocka_unit_test(sequence_of_parts),
        cmocka_unit_test(sequence_by_hand),
        cmocka_unit_test(sequence_in_a_loop),
        cmocka_unit_test(sequence_mapped),
        cmocka_unit_test(sequences_refused),
        cmocka_unit_test(names_of_scopes),
        cmocka_unit_test(function_attributes),
        cmocka_unit_test(function_opset),
        cmocka_unit_test(functions_nest),
        cmocka_unit_test(functions_refused),
        cmocka_unit_test(functions_without_end),
        cmocka_unit_test(all_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
