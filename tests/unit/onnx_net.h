/* onnx_net.h - what the tests of the importer share: a network written message by message, imported
 * with x as its only input and y as its first output, run and compared. */
#ifndef ONNX_NET_H
#define ONNX_NET_H

#include "io_check.h"

#include "graph/plan.h"
#include "io/onnx_import.h"
#include "io/onnx_write.h"

typedef struct net {
    ax_pb b;
    ax_onnx o;
    ax_onnx_file f;
    ax_graph g;
    ax_onnx_value out[4];
    ax_err err;
    int opset;
    const char *domain; /* imported, too, as version 1; NULL: none */
    ax_pb fn[40];       /* functions of the file */
    int n_fn;
} net;

static inline void begin(net *n, int opset)
{
    *n = (net){.opset = opset};
    n->o.to = &n->b;
    n->o.graph = ax_pb_open(&n->b, 7);
}

static inline void put_floats(net *n, const char *name, const int64_t *dim, int rank,
                              const float *v)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= dim[i];
    ax_onnx_put_tensor(&n->o, name, AX_ONNX_FLOAT, dim, rank, v, (size_t)count * sizeof *v);
}

static inline void put_ints(net *n, const char *name, const int64_t *v, int64_t count)
{
    ax_onnx_put_tensor(&n->o, name, AX_ONNX_INT64, &count, 1, v, (size_t)count * sizeof *v);
}

static inline void put_node(net *n, const char *op, const char *a, const char *b, const char *out)
{
    const char *in[] = {a, b};
    ax_onnx_put_node(&n->o, op, in, b ? 2 : a ? 1 : 0, out);
}

/* x of the given shape is the only input, y the only output. */
static inline int finish(net *n, const ax_shape *x, ax_dtype type)
{
    ax_onnx_put_value(&n->o, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, NULL, 0);
    ax_onnx_put_value(&n->o, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, NULL, 0);
    if (n->o.node)
        ax_pb_close(&n->b, n->o.node);
    ax_pb_close(&n->b, n->o.graph);
    size_t at = ax_pb_open(&n->b, 8);
    ax_pb_int(&n->b, 2, n->opset);
    ax_pb_close(&n->b, at);
    if (n->domain) {
        at = ax_pb_open(&n->b, 8);
        ax_pb_str(&n->b, 1, n->domain);
        ax_pb_int(&n->b, 2, 1);
        ax_pb_close(&n->b, at);
    }
    for (int i = 0; i < n->n_fn; i++)
        ax_pb_bytes(&n->b, 25, n->fn[i].data, n->fn[i].len);
    ax_graph_init(&n->g);
    if (ax_onnx_read(n->b.data, n->b.len, NULL, &n->f, &n->err))
        fail_msg("%s at %s", n->err.msg, n->err.at);
    ax_tensor in = {type, *x, NULL};
    return ax_onnx_import(&n->f, &in, NULL, &n->g, n->out, NULL, &n->err);
}

static inline void end(net *n)
{
    ax_graph_fini(&n->g);
    ax_onnx_free(&n->f);
    for (int i = 0; i < n->n_fn; i++)
        ax_pb_free(&n->fn[i]);
    ax_pb_free(&n->b);
}

/* Run it on x and compare y. */
static inline void check(net *n, const ax_shape *shape, const float *x, const ax_shape *y_shape,
                         const float *y, float within)
{
    if (finish(n, shape, AX_F32))
        fail_msg("%s", n->err.msg);
    ax_desc d = {AX_F32, *shape};
    ax_plan_options o = {.outputs = &n->out[0].val, .n_outputs = 1, .inputs = &d, .threads = 1};
    ax_plan *p = ax_plan_new(&n->g, &o, &n->err);
    ax_exec *e = p ? ax_exec_new(p, NULL, &n->err) : NULL;
    assert_non_null(e);
    memcpy(ax_exec_input(e, 0), x, (size_t)ax_shape_count(shape) * sizeof *x);
    ax_exec_run(e);
    assert_true(ax_shape_equal(&ax_plan_output(p, 0)->shape, y_shape));
    const float *got = ax_exec_output(e, 0);
    for (int64_t i = 0; i < ax_shape_count(y_shape); i++)
        if (!(got[i] - y[i] <= within && y[i] - got[i] <= within))
            fail_msg("element %d is %g, expected %g", (int)i, (double)got[i], (double)y[i]);
    ax_exec_free(e);
    ax_plan_free(p);
    end(n);
}

#endif
