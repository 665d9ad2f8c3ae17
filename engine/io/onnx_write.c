/* onnx_write.c - see onnx_write.h. */
#include "io/onnx_write.h"

#include <stdlib.h>

/* field numbers of onnx.proto */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_DOC = 6,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_META = 14
};
enum { OPSET_VERSION = 2 };
enum { META_KEY = 1, META_VALUE = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5 };
enum {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20
};
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };
enum { DATA_DIMS = 1, DATA_TYPE = 2, DATA_NAME = 8, DATA_RAW = 9 };

/* The IR that came with an opset (docs/Versioning.md); readers take older ones. */
static int ir_version(int opset)
{
    static const struct {
        int opset, ir;
    } came[] = {{9, 4}, {10, 5}, {11, 6}, {14, 7}, {18, 8}, {20, 9}, {22, 10}};
    for (size_t i = 0; i < sizeof came / sizeof *came; i++)
        if (opset <= came[i].opset)
            return came[i].ir;
    return 11;
}

void ax_onnx_close_node(ax_onnx *m)
{
    if (m->node)
        ax_pb_close(m->to, m->node);
    m->node = 0;
}

void ax_onnx_begin(ax_onnx *m, ax_pb *to, int opset, const char *name, const char *doc)
{
    *m = (ax_onnx){.to = to};
    opset = opset < AX_ONNX_OLDEST ? AX_ONNX_OLDEST : opset;
    ax_pb_int(to, MODEL_IR, ir_version(opset));
    ax_pb_str(to, MODEL_PRODUCER, "axond");
    ax_pb_str(to, MODEL_DOC, doc);
    size_t at = ax_pb_open(to, MODEL_OPSET); /* no domain: ai.onnx */
    ax_pb_int(to, OPSET_VERSION, opset);
    ax_pb_close(to, at);
    m->graph = ax_pb_open(to, MODEL_GRAPH);
    ax_pb_str(to, GRAPH_NAME, name);
}

void ax_onnx_end(ax_onnx *m)
{
    ax_onnx_close_node(m);
    ax_pb_close(m->to, m->graph);
}

void ax_onnx_put_meta(ax_onnx *m, const char *key, const char *value)
{
    size_t at = ax_pb_open(m->to, MODEL_META);
    ax_pb_str(m->to, META_KEY, key);
    ax_pb_str(m->to, META_VALUE, value);
    ax_pb_close(m->to, at);
}

void ax_onnx_put_value(ax_onnx *m, ax_onnx_side side, const char *name, ax_onnx_type type,
                       const char *const *dims, int n)
{
    ax_pb *b = m->to;
    ax_onnx_close_node(m);
    size_t value = ax_pb_open(b, side);
    ax_pb_str(b, VALUE_NAME, name);
    size_t outer = ax_pb_open(b, VALUE_TYPE), tensor = ax_pb_open(b, TYPE_TENSOR);
    ax_pb_int(b, TENSOR_ELEMENT, type);
    size_t shape = ax_pb_open(b, TENSOR_SHAPE);
    for (int i = 0; i < n; i++) {
        size_t dim = ax_pb_open(b, SHAPE_DIM);
        if (dims[i][0] >= '0' && dims[i][0] <= '9')
            ax_pb_int(b, DIM_VALUE, strtoll(dims[i], NULL, 10));
        else
            ax_pb_str(b, DIM_PARAM, dims[i]);
        ax_pb_close(b, dim);
    }
    ax_pb_close(b, shape);
    ax_pb_close(b, tensor);
    ax_pb_close(b, outer);
    ax_pb_close(b, value);
}

static size_t open_tensor(ax_onnx *m, const char *name, ax_onnx_type type, const int64_t *dims,
                          int n_dims)
{
    ax_onnx_close_node(m);
    size_t at = ax_pb_open(m->to, GRAPH_INITIALIZER);
    for (int i = 0; i < n_dims; i++)
        ax_pb_int(m->to, DATA_DIMS, dims[i]);
    ax_pb_int(m->to, DATA_TYPE, type);
    ax_pb_str(m->to, DATA_NAME, name);
    return at;
}

void ax_onnx_put_tensor(ax_onnx *m, const char *name, ax_onnx_type type, const int64_t *dims,
                        int n_dims, const void *data, size_t bytes)
{
    size_t at = open_tensor(m, name, type, dims, n_dims);
    ax_pb_bytes(m->to, DATA_RAW, data, bytes);
    ax_pb_close(m->to, at);
}

void ax_onnx_borrow_tensor(ax_onnx *m, const char *name, ax_onnx_type type, const int64_t *dims,
                           int n_dims, const void *data, size_t bytes)
{
    size_t at = open_tensor(m, name, type, dims, n_dims);
    ax_pb_borrow(m->to, DATA_RAW, data, bytes);
    ax_pb_close(m->to, at);
}

void ax_onnx_put_node_outputs(ax_onnx *m, const char *op, const char *const *in, int n,
                              const char *const *out, int outs)
{
    ax_onnx_close_node(m);
    m->node = ax_pb_open(m->to, GRAPH_NODE);
    for (int i = 0; i < n; i++)
        ax_pb_str(m->to, NODE_INPUT, in[i]);
    for (int i = 0; i < outs; i++)
        ax_pb_str(m->to, NODE_OUTPUT, out[i]);
    ax_pb_str(m->to, NODE_OP, op);
}

void ax_onnx_put_node(ax_onnx *m, const char *op, const char *const *in, int n, const char *out)
{
    ax_onnx_put_node_outputs(m, op, in, n, &out, 1);
}

void ax_onnx_put_name(ax_onnx *m, const char *name)
{
    ax_pb_str(m->to, NODE_NAME, name);
}

static size_t open_attribute(ax_onnx *m, const char *name, int type)
{
    size_t at = ax_pb_open(m->to, NODE_ATTRIBUTE);
    ax_pb_str(m->to, ATTRIBUTE_NAME, name);
    ax_pb_int(m->to, ATTRIBUTE_TYPE, type);
    return at;
}

void ax_onnx_put_float(ax_onnx *m, const char *attribute, float v)
{
    size_t at = open_attribute(m, attribute, TYPE_FLOAT);
    ax_pb_float(m->to, ATTRIBUTE_F, v);
    ax_pb_close(m->to, at);
}

void ax_onnx_put_int(ax_onnx *m, const char *attribute, int64_t v)
{
    size_t at = open_attribute(m, attribute, TYPE_INT);
    ax_pb_int(m->to, ATTRIBUTE_I, v);
    ax_pb_close(m->to, at);
}

void ax_onnx_put_ints(ax_onnx *m, const char *attribute, const int64_t *v, int n)
{
    size_t at = open_attribute(m, attribute, TYPE_INTS);
    for (int i = 0; i < n; i++)
        ax_pb_int(m->to, ATTRIBUTE_INTS, v[i]);
    ax_pb_close(m->to, at);
}

void ax_onnx_put_text(ax_onnx *m, const char *attribute, const char *s)
{
    size_t at = open_attribute(m, attribute, TYPE_STRING);
    ax_pb_str(m->to, ATTRIBUTE_S, s);
    ax_pb_close(m->to, at);
}
