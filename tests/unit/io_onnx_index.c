/* Operators of ONNX that pick, put, count, quantise and multiply, one by one: a node with known
 * inputs is computed while it is imported. What is expected is NumPy's (fancy indexing, argsort,
 * einsum, rint), worked out beside this table, or an example of ONNX's documentation. */
#include "io_check.h"

#include <math.h>

#include "graph/plan.h"
#include "io/onnx_import.h"
#include "io/onnx_write.h"
#include "math/element.h"
#include "ops/ops.h"

typedef struct given {
    ax_onnx_type type;
    ax_shape shape;
    const void *data;
} given;

typedef struct attr {
    const char *name, *text; /* text NULL: the number, or the list of n */
    int64_t i;
    int n;
    int64_t list[4];
} attr;

enum { INS = 9, OUTS = 4, ATTRS = 4 };

typedef struct row {
    const char *op;
    int opset;
    attr attrs[ATTRS];
    given in[INS];
    given want[OUTS];
    const char *error; /* NULL: it has a result */
} row;

// clang-format off
#define DIMS(...) {(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}}
#define ONE {0, {0}}
#define F32(shape, ...) {AX_ONNX_FLOAT, shape, (const float[]){__VA_ARGS__}}
#define F64(shape, ...) {AX_ONNX_DOUBLE, shape, (const double[]){__VA_ARGS__}}
#define I64(shape, ...) {AX_ONNX_INT64, shape, (const int64_t[]){__VA_ARGS__}}
#define I32(shape, ...) {AX_ONNX_INT32, shape, (const int32_t[]){__VA_ARGS__}}
#define I16(shape, ...) {AX_ONNX_INT16, shape, (const int16_t[]){__VA_ARGS__}}
#define I8(shape, ...) {AX_ONNX_INT8, shape, (const int8_t[]){__VA_ARGS__}}
#define U8(shape, ...) {AX_ONNX_UINT8, shape, (const uint8_t[]){__VA_ARGS__}}
#define U16(shape, ...) {AX_ONNX_UINT16, shape, (const uint16_t[]){__VA_ARGS__}}
#define U64(shape, ...) {AX_ONNX_UINT64, shape, (const uint64_t[]){__VA_ARGS__}}
#define BOOL(shape, ...) {AX_ONNX_BOOL, shape, (const uint8_t[]){__VA_ARGS__}}
#define NUM(name, v) {name, NULL, v, 0, {0}}
#define TEXT(name, s) {name, s, 0, 0, {0}}
#define LIST(name, k, ...) {name, NULL, 0, k, {__VA_ARGS__}}
#define D(...) DIMS(__VA_ARGS__)

static const row rows[] = {
    {"GatherElements", 13, {NUM("axis", 1)}, {F32(D(2, 2), 1, 2, 3, 4), I64(D(2, 3), 0, 0, 1, -1, 0, 0)}, {F32(D(2, 3), 1, 1, 2, 4, 3, 3)}, NULL},
    {"GatherElements", 11, {{0}}, {U64(D(2, 2), 1, 2, 3, 4), I32(D(1, 2), 1, 0)}, {U64(D(1, 2), 3, 2)}, NULL},
    {"GatherElements", 13, {{0}}, {F32(D(2, 2), 1, 2, 3, 4), I64(D(1, 2), 0, 2)}, {{0}}, "the index 2 into 2 elements"},
    {"GatherND", 12, {NUM("batch_dims", 1)}, {I32(D(2, 2, 2), 0, 1, 2, 3, 4, 5, 6, 7), I64(D(2, 1), 1, 0)}, {I32(D(2, 2), 2, 3, 4, 5)}, NULL},
    {"GatherND", 11, {{0}}, {I32(D(2, 2), 0, 1, 2, 3), I64(D(2, 2), 0, 0, -1, 1)}, {I32(D(2), 0, 3)}, NULL},
    {"GatherND", 11, {{0}}, {I32(D(2, 2), 0, 1, 2, 3), I64(D(1, 2), 0, -3)}, {{0}}, "the index -3 into 2 elements of axis 1"},
    {"GatherND", 11, {{0}}, {I32(D(2, 2), 0, 1, 2, 3), I64({.rank = 0}, 1)}, {{0}}, "tuple"},
    {"Gather", 13, {{0}}, {I16(D(3), 5, 6, 7), I32(ONE, -1)}, {I16(ONE, 7)}, NULL},

    {"Scatter", 9, {NUM("axis", 1)}, {F32(D(1, 5), 1, 2, 3, 4, 5), I64(D(1, 2), 1, 3), F32(D(1, 2), 11, 21)}, {F32(D(1, 5), 1, 11, 3, 21, 5)}, NULL},
    {"ScatterElements", 16, {NUM("axis", 1), TEXT("reduction", "add")}, {F32(D(1, 5), 1, 2, 3, 4, 5), I64(D(1, 2), 1, 1), F32(D(1, 2), 11, 21)}, {F32(D(1, 5), 1, 34, 3, 4, 5)}, NULL},
    {"ScatterElements", 18, {TEXT("reduction", "max")}, {I8(D(3), 1, 2, 3), I64(D(3), -1, 0, 0), I8(D(3), -5, -7, 9)}, {I8(D(3), 9, 2, 3)}, NULL},
    {"ScatterElements", 16, {TEXT("reduction", "max")}, {I8(D(3), 1, 2, 3), I64(D(1), 0), I8(D(1), 9)}, {{0}}, "expected none, add or mul"},
    {"ScatterElements", 13, {{0}}, {I8(D(3), 1, 2, 3), I64(D(1), 3), I8(D(1), 9)}, {{0}}, "the index 3 into 3 elements"},
    {"ScatterND", 16, {TEXT("reduction", "mul")}, {F32(D(4), 1, 2, 3, 4), I64(D(2, 1), 1, 1), F32(D(2), 5, 7)}, {F32(D(4), 1, 70, 3, 4)}, NULL},
    {"ScatterND", 11, {{0}}, {F32(D(2, 2), 1, 2, 3, 4), I64(D(1, 1), 1), F32(D(1, 2), 8, 9)}, {F32(D(2, 2), 1, 2, 8, 9)}, NULL},

    {"TopK", 1, {NUM("k", 2)}, {F32(D(4), 1, 3, 3, 2)}, {F32(D(2), 3, 3), I64(D(2), 1, 2)}, NULL},
    {"TopK", 10, {NUM("axis", 0)}, {F32(D(3, 1), 1, 3, 2), I64(D(1), 1)}, {F32(D(1, 1), 3), I64(D(1, 1), 1)}, NULL},
    {"TopK", 11, {NUM("largest", 0), NUM("sorted", 0)}, {U8(D(4), 7, 1, 7, 1), I64(D(1), 3)}, {U8(D(3), 1, 1, 7), I64(D(3), 1, 3, 0)}, NULL},
    {"TopK", 11, {{0}}, {U64(D(3), 1, UINT64_MAX, 2), I64(D(1), 2)}, {U64(D(2), UINT64_MAX, 2), I64(D(2), 1, 2)}, NULL},
    {"TopK", 11, {{0}}, {F32(D(3), 1, 3, 2), I64(D(1), 4)}, {{0}}, "the best 4 of 3"},

    {"OneHot", 11, {{0}}, {I64(D(3), 0, -1, 5), F32(D(1), 3), I32(D(2), 2, 9)}, {I32(D(3, 3), 9, 2, 2, 2, 2, 9, 2, 2, 2)}, NULL},
    {"OneHot", 9, {NUM("axis", 0)}, {I64(D(2), 1, -1), I64(ONE, 2), F32(D(2), 0, 1)}, {F32(D(2, 2), 0, 0, 1, 0)}, NULL},
    {"NonZero", 13, {{0}}, {BOOL(D(2, 2), 1, 0, 1, 1)}, {I64(D(2, 3), 0, 1, 1, 0, 0, 1)}, NULL},
    {"NonZero", 9, {{0}}, {F32(D(3), 0, 0, 0)}, {I64(D(1, 0), 0)}, NULL},
    {"Compress", 11, {NUM("axis", -1)}, {F32(D(2, 3), 1, 2, 3, 4, 5, 6), BOOL(D(2), 0, 1)}, {F32(D(2, 1), 2, 5)}, NULL},
    {"Compress", 9, {{0}}, {F32(D(2, 2), 1, 2, 3, 4), BOOL(D(4), 1, 0, 0, 1)}, {F32(D(2), 1, 4)}, NULL},
    {"Unique", 11, {{0}}, {F32(D(6), 2, 1, 1, 3, 4, 3)}, {F32(D(4), 1, 2, 3, 4), I64(D(4), 1, 0, 3, 4), I64(D(6), 1, 0, 0, 2, 3, 2), I64(D(4), 2, 1, 2, 1)}, NULL},
    {"Unique", 11, {NUM("sorted", 0)}, {I8(D(6), 2, 1, 1, 3, 4, 3)}, {I8(D(4), 2, 1, 3, 4), I64(D(4), 0, 1, 3, 4), I64(D(6), 0, 1, 1, 2, 3, 2), I64(D(4), 1, 2, 2, 1)}, NULL},
    {"Unique", 11, {NUM("axis", 0)}, {F32(D(3, 2), 1, 0, 0, 1, 1, 0)}, {F32(D(2, 2), 0, 1, 1, 0), I64(D(2), 1, 0), I64(D(3), 1, 0, 1), I64(D(2), 1, 2)}, NULL},
    {"ReverseSequence", 10, {NUM("time_axis", 1), NUM("batch_axis", 0)}, {I16(D(2, 3), 1, 2, 3, 4, 5, 6), I64(D(2), 2, 3)}, {I16(D(2, 3), 2, 1, 3, 6, 5, 4)}, NULL},
    {"Range", 11, {{0}}, {I16(ONE, 10), I16(ONE, 3), I16(ONE, -3)}, {I16(D(3), 10, 7, 4)}, NULL},
    {"Range", 11, {{0}}, {I64(ONE, INT64_MIN), I64(ONE, INT64_MAX), I64(ONE, INT64_MAX)}, {I64(D(3), INT64_MIN, -1, INT64_MAX - 1)}, NULL},
    {"Range", 11, {{0}}, {I64(ONE, 1), I64(ONE, 3), I64(ONE, 0)}, {{0}}, "from 1 to 3 by 0"},
    {"Split", 18, {NUM("num_outputs", 2)}, {F32(D(3), 1, 2, 3)}, {F32(D(2), 1, 2), F32(D(1), 3)}, NULL},
    {"Split", 13, {{0}}, {F32(D(3), 1, 2, 3)}, {F32(D(2), 1, 2), F32(D(1), 3)}, "3 elements in 2 equal parts"},
    {"Pad", 13, {TEXT("mode", "reflect")}, {U16(D(3), 1, 2, 3), I64(D(2), 5, 1)}, {U16(D(9), 2, 1, 2, 3, 2, 1, 2, 3, 2)}, NULL},
    {"ReduceMax", 20, {NUM("keepdims", 0)}, {BOOL(D(2, 2), 0, 1, 0, 0), I64(D(1), 1)}, {BOOL(D(2), 1, 0)}, NULL},
    {"ReduceMin", 20, {NUM("keepdims", 0)}, {I8(D(0), 0), I64(D(1), 0)}, {I8(ONE, 127)}, NULL},

    {"BitShift", 11, {TEXT("direction", "LEFT")}, {U8(D(3), 16, 4, 255), U8(D(3), 1, 2, 8)}, {U8(D(3), 32, 16, 0)}, NULL},
    {"BitShift", 11, {TEXT("direction", "RIGHT")}, {U64(D(2), UINT64_MAX, 4), U64(D(1), 63)}, {U64(D(2), 1, 0)}, NULL},
    {"BitShift", 11, {TEXT("direction", "UP")}, {U8(D(1), 16), U8(D(1), 1)}, {{0}}, "expected LEFT or RIGHT"},
    {"BitwiseAnd", 18, {{0}}, {I8(D(2), -1, 6), I8(D(1), 5)}, {I8(D(2), 5, 4)}, NULL},
    {"BitwiseXor", 18, {{0}}, {U16(D(2), 65535, 6), U16(D(2), 1, 5)}, {U16(D(2), 65534, 3)}, NULL},
    {"BitwiseNot", 18, {{0}}, {U8(D(2), 0, 6)}, {U8(D(2), 255, 249)}, NULL},
    {"BitwiseOr", 18, {{0}}, {F32(D(1), 0), F32(D(1), 0)}, {{0}}, "of one type of whole numbers"},
    {"Cast", 13, {NUM("to", AX_ONNX_FLOAT16)}, {F32(D(5), 1.0004883f, 1.0014648f, 65519, 65520, 2.9802322e-8f)}, {F32(D(5), 1, 1.0019531f, 65504, INFINITY, 0)}, NULL},
    {"Cast", 13, {NUM("to", AX_ONNX_BFLOAT16)}, {F32(D(3), 1.00390625f, 1.01171875f, 3.4e38f)}, {F32(D(3), 1, 1.015625f, INFINITY)}, NULL},
    {"Cast", 13, {NUM("to", AX_ONNX_INT8)}, {I32(D(2), 200, -129)}, {I8(D(2), -56, 127)}, NULL},
    {"Pow", 15, {{0}}, {I32(D(3), 2, 3, 9), F32(D(3), 3, -1, 0.5f)}, {I32(D(3), 8, 0, 3)}, NULL},
    {"Pow", 15, {{0}}, {U8(D(2), 3, 2), I64(D(1), 6)}, {U8(D(2), 217, 64)}, NULL},
    {"Mod", 13, {{0}}, {I8(D(4), -7, 7, -128, 5), I8(D(4), 3, -3, -1, 0)}, {I8(D(4), 2, -2, 0, 0)}, NULL},

    {"MatMul", 13, {{0}}, {I64(D(2, 2), 1, 2, 3, 4), I64(D(2), 10, 100)}, {I64(D(2), 210, 430)}, NULL},
    {"Gemm", 13, {NUM("transA", 1)}, {F64(D(2, 1), 1, 2), F64(D(2, 2), 1, 2, 3, 4), F64(D(2), 0.5, 0)}, {F64(D(1, 2), 7.5, 10)}, NULL},
    {"Einsum", 12, {TEXT("equation", "...ii->...i")}, {F64(D(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8)}, {F64(D(2, 2), 1, 4, 5, 8)}, NULL},
    {"Einsum", 12, {TEXT("equation", "ij,kj,k")}, {I64(D(2, 2), 1, 2, 3, 4), I64(D(2, 2), 1, 1, 2, 0), I64(D(2), 10, 1)}, {I64(D(2), 32, 76)}, NULL},
    {"Einsum", 12, {TEXT("equation", "bA,bA->Ab")}, {F32(D(2, 3), 1, 2, 3, 4, 5, 6), F32(D(1, 3), 1, 10, 100)}, {F32(D(3, 2), 1, 4, 20, 50, 300, 600)}, NULL},
    {"Einsum", 12, {TEXT("equation", "ij->jj")}, {F32(D(1, 1), 1)}, {{0}}, "named twice"},
    {"Einsum", 12, {TEXT("equation", "ij,jk->il")}, {F32(D(1, 1), 1), F32(D(1, 1), 1)}, {{0}}, "in no operand"},
    {"Einsum", 12, {TEXT("equation", "ij,jk")}, {F32(D(1, 2), 1, 2), F32(D(3, 1), 1, 2, 3)}, {{0}}, "has 3 elements, 2 are expected"},
    {"Einsum", 12, {TEXT("equation", "i$->i")}, {F32(D(1, 1), 1)}, {{0}}, "expected letters"},
    {"Einsum", 12, {TEXT("equation", "ij")}, {F32(D(1), 1)}, {{0}}, "names 2 axes of a tensor of rank 1"},

    {"QuantizeLinear", 10, {{0}}, {F32(D(6), 1, 3, -1, 1000, 254, -1000), F32(ONE, 2), U8(ONE, 128)}, {U8(D(6), 128, 130, 128, 255, 255, 0)}, NULL},
    {"QuantizeLinear", 13, {NUM("axis", 0)}, {F32(D(2, 2), 1, 2, 3, 4), F32(D(2), 1, 4), I8(D(2), 0, -1)}, {I8(D(2, 2), 1, 2, 0, 0)}, NULL},
    {"QuantizeLinear", 21, {NUM("block_size", 2), NUM("axis", 1)}, {F32(D(1, 3), 10, 20, 30), F32(D(1, 2), 1, 10), U16(D(1, 2), 1, 2)}, {U16(D(1, 3), 11, 21, 5)}, NULL},
    {"QuantizeLinear", 21, {NUM("output_dtype", AX_ONNX_INT16)}, {F32(D(2), -300, 3e9f), F32(ONE, 1)}, {I16(D(2), -300, 32767)}, NULL},
    {"QuantizeLinear", 23, {NUM("precision", AX_ONNX_DOUBLE), NUM("output_dtype", AX_ONNX_UINT8)}, {F32(D(2), 0.5f, 1.5f), F32(ONE, 0.1f)}, {U8(D(2), 5, 15)}, NULL},
    {"QuantizeLinear", 21, {NUM("precision", AX_ONNX_DOUBLE)}, {F32(D(1), 0), F32(ONE, 1)}, {{0}}, "'precision' is not known"},
    {"DequantizeLinear", 13, {NUM("axis", -1)}, {U8(D(1, 2), 0, 255), F32(D(2), 2, 0.5f), U8(D(2), 128, 1)}, {F32(D(1, 2), -256, 127)}, NULL},
    {"DequantizeLinear", 21, {NUM("block_size", 2), NUM("axis", 0)}, {I16(D(3), -5, 6, 7), F32(D(2), 1, 10)}, {F32(D(3), -5, 6, 70)}, NULL},
    {"DequantizeLinear", 13, {{0}}, {U8(D(1, 2), 0, 255), F32(D(3), 2, 1, 1)}, {{0}}, "a scale or zero point of 3 numbers"},
    {"DynamicQuantizeLinear", 11, {{0}}, {F32(D(6), 0, 2, -3, -2.5f, 1.34f, 0.5f)}, {U8(D(6), 153, 255, 0, 26, 221, 179), F32(ONE, 0.0196078438f), U8(ONE, 153)}, NULL},
    {"MatMulInteger", 10, {{0}}, {U8(D(4, 3), 11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0), U8(D(3, 2), 1, 4, 2, 5, 3, 6), U8(D(1), 12), U8(D(1), 0)}, {I32(D(4, 2), -38, -83, -44, -98, -50, -113, -56, -128)}, NULL},
    {"QLinearMatMul", 10, {{0}}, {U8(D(2, 4), 208, 236, 0, 238, 3, 214, 255, 29), F32(D(1), 0.0066f), U8(D(1), 113), U8(D(4, 3), 152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247), F32(D(1), 0.00705f), U8(D(1), 114), F32(D(1), 0.0107f), U8(D(1), 118)}, {U8(D(2, 3), 168, 115, 255, 1, 66, 151)}, NULL},
    {"ConvInteger", 10, {{0}}, {U8(D(1, 1, 3, 3), 2, 3, 4, 5, 6, 7, 8, 9, 10), U8(D(1, 1, 2, 2), 1, 1, 1, 1), U8(ONE, 1)}, {I32(D(1, 1, 2, 2), 12, 16, 24, 28)}, NULL},
    {"ConvInteger", 10, {LIST("pads", 4, 1, 1, 1, 1)}, {U8(D(1, 1, 2, 2), 2, 3, 4, 5), U8(D(1, 1, 2, 2), 1, 1, 1, 1), U8(ONE, 1)}, {I32(D(1, 1, 3, 3), 1, 3, 2, 4, 10, 6, 3, 7, 4)}, NULL},
    {"QLinearConv", 10, {{0}}, {U8(D(1, 1, 1, 2), 10, 20), F32(ONE, 0.5f), U8(ONE, 0), I8(D(2, 1, 1, 1), 2, -4), F32(D(2), 1, 0.5f), I8(ONE, 0), F32(ONE, 4), U8(ONE, 100), I32(D(2), 0, 8)}, {U8(D(1, 2, 1, 2), 102, 105, 98, 96)}, NULL},
};
// clang-format on

typedef struct net {
    ax_pb b;
    ax_onnx o;
    ax_onnx_file f;
    ax_graph g;
    ax_onnx_value out[OUTS];
    ax_err err;
} net;

static size_t size_of(const given *v)
{
    ax_dtype t = AX_F32;
    assert_int_equal(ax_onnx_dtype(v->type, &t), 0);
    return ax_dtype_size(t);
}

static void put_attr(net *n, const attr *a)
{
    if (a->text)
        ax_onnx_put_text(&n->o, a->name, a->text);
    else if (a->n)
        ax_onnx_put_ints(&n->o, a->name, a->list, a->n);
    else
        ax_onnx_put_int(&n->o, a->name, a->i);
}

/* The node with its inputs; one that is `open` is an input of the graph. */
static void write_model(net *n, const row *r, int open)
{
    char names[INS + OUTS][8];
    const char *in[INS], *out[OUTS];
    int n_in = 0, n_out = 0;
    *n = (net){.o.to = &n->b};
    n->o.graph = ax_pb_open(&n->b, 7);
    for (int i = 0; i < INS && r->in[i].type; i++) {
        const given *v = &r->in[i];
        snprintf(names[i], sizeof *names, "i%d", i);
        in[n_in++] = names[i];
        if (i == open)
            ax_onnx_put_value(&n->o, AX_ONNX_INPUT, names[i], v->type, NULL, 0);
        else
            ax_onnx_put_tensor(&n->o, names[i], v->type, v->shape.dim, v->shape.rank, v->data,
                               (size_t)ax_shape_count(&v->shape) * size_of(v));
    }
    for (int i = 0; i < OUTS && (!i || r->want[i].type); i++) {
        snprintf(names[INS + i], sizeof *names, "o%d", i);
        out[n_out++] = names[INS + i];
    }
    ax_onnx_put_node_outputs(&n->o, r->op, in, n_in, out, n_out);
    for (int i = 0; i < ATTRS && r->attrs[i].name; i++)
        put_attr(n, &r->attrs[i]);
    for (int i = 0; i < n_out; i++)
        ax_onnx_put_value(&n->o, AX_ONNX_OUTPUT, out[i], AX_ONNX_FLOAT, NULL, 0);
    if (n->o.node)
        ax_pb_close(&n->b, n->o.node);
    ax_pb_close(&n->b, n->o.graph);
    size_t at = ax_pb_open(&n->b, 8);
    ax_pb_int(&n->b, 2, r->opset);
    ax_pb_close(&n->b, at);
}

static int import(net *n, const row *r, int open)
{
    write_model(n, r, open);
    ax_graph_init(&n->g);
    if (ax_onnx_read(n->b.data, n->b.len, NULL, &n->f, &n->err))
        fail_msg("%s: %s", r->op, n->err.msg);
    ax_tensor in = {AX_F32, {0}, NULL};
    if (open >= 0) {
        ax_onnx_dtype(r->in[open].type, &in.dtype);
        in.shape = r->in[open].shape;
    }
    return ax_onnx_import(&n->f, &in, NULL, &n->g, n->out, NULL, &n->err);
}

static void end(net *n)
{
    ax_graph_fini(&n->g);
    ax_onnx_free(&n->f);
    ax_pb_free(&n->b);
}

static void check_output(const row *r, const ax_onnx_value *got, const given *want)
{
    ax_dtype t = AX_F32;
    char a[160], b[160];
    ax_onnx_dtype(want->type, &t);
    assert_non_null(got->data);
    if (got->desc.dtype != t || !ax_shape_equal(&got->desc.shape, &want->shape))
        fail_msg("%s %d: %s of %s, expected %s of %s", r->op, r->opset,
                 ax_shape_str(&got->desc.shape, a, sizeof a), ax_dtype_name(got->desc.dtype),
                 ax_shape_str(&want->shape, b, sizeof b), ax_dtype_name(t));
    for (int64_t i = 0; i < ax_shape_count(&want->shape); i++) {
        double x = ax_real_read(t, got->data, i), y = ax_real_read(t, want->data, i);
        if (x != y ||
            (!ax_is_float(t) && ax_whole_read(t, got->data, i) != ax_whole_read(t, want->data, i)))
            fail_msg("%s %d, element %d: %.9g, expected %.9g", r->op, r->opset, (int)i, x, y);
    }
}

static void each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        net n;
        int bad = import(&n, r, -1);
        if (r->error) {
            if (!bad || !strstr(n.err.msg, r->error))
                fail_msg("%s %d: '%s', expected '%s'", r->op, r->opset,
                         bad ? n.err.msg : "a result", r->error);
        } else {
            if (bad)
                fail_msg("%s %d: %s", r->op, r->opset, n.err.msg);
            for (int k = 0; k < OUTS && r->want[k].type; k++)
                check_output(r, &n.out[k], &r->want[k]);
        }
        end(&n);
    }
}

/* Shapes that only numbers tell: the message is the one by which a model is run as it is read. */
static void known_before(void **state)
{
    static const struct {
        const char *op;
        int input;
    } wanted[] = {{"NonZero", 0}, {"Unique", 0}, {"Compress", 1}, {"TopK", 1},
                  {"OneHot", 1},  {"Range", 1},  {"Pad", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const row *r = rows;
        net n;
        while (strcmp(r->op, wanted[i].op) != 0 || r->error || !r->in[wanted[i].input].type)
            r++;
        assert_int_equal(import(&n, r, wanted[i].input), -1);
        if (!ax_onnx_needs_numbers(&n.err))
            fail_msg("%s: %s", r->op, n.err.msg);
        end(&n);
    }
}

/* ---- gradients of what an import makes ---- */

/* y of a graph with the only input x, into `out`, which has room */
static int64_t run_graph(const ax_graph *g, ax_val y, const ax_desc *x, const float *data,
                         float *out)
{
    ax_err err = {0};
    ax_plan_options o = {.outputs = &y, .n_outputs = 1, .inputs = x, .threads = 1};
    ax_plan *p = ax_plan_new(g, &o, &err);
    ax_exec *e = p ? ax_exec_new(p, NULL, &err) : NULL;
    if (!e)
        fail_msg("%s", err.msg);
    int64_t n = ax_shape_count(&ax_plan_output(p, 0)->shape);
    memcpy(ax_exec_input(e, 0), data, (size_t)ax_shape_count(&x->shape) * sizeof *data);
    ax_exec_run(e);
    memcpy(out, ax_exec_output(e, 0), (size_t)n * sizeof *out);
    ax_exec_free(e);
    ax_plan_free(p);
    return n;
}

/* Input 0 is open: the gradient of the sum of y * (1, 2, 3...) by it is what small steps of it
 * make. */
static void check_gradient(const row *r)
{
    enum { MANY = 64 };
    float x[MANY], y[MANY], slope[MANY], weight[MANY], low[MANY], high[MANY];
    net n;
    ax_val d = AX_NONE;
    if (import(&n, r, 0))
        fail_msg("%s: %s", r->op, n.err.msg);
    ax_desc desc = {AX_F32, r->in[0].shape};
    int64_t count = ax_shape_count(&desc.shape);
    memcpy(x, r->in[0].data, (size_t)count * sizeof *x);
    int64_t m = run_graph(&n.g, n.out[0].val, &desc, x, y);
    for (int64_t i = 0; i < m; i++)
        weight[i] = (float)(i + 1);
    ax_val w = ax_graph_const(&n.g, AX_F32, &n.out[0].desc.shape, weight, &n.err),
           loss = ax_graph_node(&n.g, &ax_op_mul, "", NULL, (ax_val[]){n.out[0].val, w}, 2, &n.err);
    ax_reduce_attr sum = {.kind = AX_REDUCE_SUM, .axes = (1u << n.out[0].desc.shape.rank) - 1};
    loss = ax_graph_node(&n.g, &ax_op_reduce, "", &sum, &loss, 1, &n.err);
    if (loss < 0 || ax_graph_grad(&n.g, loss, &(ax_val){0}, 1, &d, &n.err))
        fail_msg("%s: %s", r->op, n.err.msg);
    assert_int_equal(run_graph(&n.g, d, &desc, x, slope), count);
    for (int64_t i = 0; i < count; i++) {
        const float h = 1.0f / 64;
        double want = 0;
        float at = x[i];
        x[i] = at - h;
        run_graph(&n.g, n.out[0].val, &desc, x, low);
        x[i] = at + h;
        run_graph(&n.g, n.out[0].val, &desc, x, high);
        x[i] = at;
        for (int64_t k = 0; k < m; k++)
            want += ((double)high[k] - (double)low[k]) / (2 * (double)h) * (double)weight[k];
        if (!(fabs((double)slope[i] - want) <= 2e-3 * (1 + fabs(want))))
            fail_msg("%s, element %d: the gradient is %g, expected %g", r->op, (int)i,
                     (double)slope[i], want);
    }
    end(&n);
}

// clang-format off
#define X F32(D(2, 3), 0.5f, 2, -1.5f, 0.25f, -3, 1)
static const row trained[] = {
    {"Einsum", 12, {TEXT("equation", "ij,kj,k->ki")}, {X, F32(D(2, 3), 1, 2, 3, 4, 5, 6), F32(D(2), 2, -1)}, {{0}}, NULL},
    {"Einsum", 12, {TEXT("equation", "ab->b")}, {X}, {{0}}, NULL},
    {"Einsum", 12, {TEXT("equation", "ii->i")}, {F32(D(2, 2), 1, 2, 3, 4)}, {{0}}, NULL},
    {"MatMul", 13, {{0}}, {F32(D(3), 1, 2, 3), F32(D(2, 3, 1), 1, 2, 3, 4, 5, 6)}, {{0}}, NULL},
    {"Gemm", 13, {NUM("transA", 1)}, {X, F32(D(2, 2), 1, 2, 3, 4), F32(D(2), 1, 2)}, {{0}}, NULL},
    {"Gather", 13, {NUM("axis", 1)}, {X, I64(D(2, 2), 0, 2, 2, -1)}, {{0}}, NULL},
    {"GatherElements", 13, {{0}}, {X, I64(D(1, 3), 1, 0, 1)}, {{0}}, NULL},
    {"GatherND", 13, {{0}}, {X, I64(D(2, 2), 1, 2, 1, 2)}, {{0}}, NULL},
    {"ScatterElements", 18, {NUM("axis", 1)}, {X, I64(D(2, 1), 1, 0), F32(D(2, 1), 5, 6)}, {{0}}, NULL},
    {"ScatterND", 18, {TEXT("reduction", "add")}, {X, I64(D(1, 1), 1), F32(D(1, 3), 5, 6, 7)}, {{0}}, NULL},
    {"TopK", 11, {{0}}, {X, I64(D(1), 2)}, {{0}}, NULL},
    {"Pad", 18, {TEXT("mode", "reflect")}, {X, I64(D(4), 0, 2, 1, 1)}, {{0}}, NULL},
    {"Slice", 13, {{0}}, {X, I64(D(1), -1), I64(D(1), -4), I64(D(1), 1), I64(D(1), -2)}, {{0}}, NULL},
    {"Split", 18, {NUM("axis", 1)}, {X, I64(D(1), 3)}, {{0}}, NULL},
    {"Tile", 13, {{0}}, {X, I64(D(2), 2, 2)}, {{0}}, NULL},
    {"Expand", 13, {{0}}, {X, I64(D(3), 2, 1, 1)}, {{0}}, NULL},
    {"Trilu", 14, {NUM("upper", 0)}, {X}, {{0}}, NULL},
    {"CumSum", 14, {NUM("reverse", 1)}, {X, I64(ONE, 1)}, {{0}}, NULL},
    {"Compress", 11, {{0}}, {X, BOOL(D(4), 1, 0, 0, 1)}, {{0}}, NULL},
    {"ReverseSequence", 10, {{0}}, {X, I64(D(3), 2, 1, 2)}, {{0}}, NULL},
    {"ReduceLogSumExp", 18, {{0}}, {X, I64(D(1), 1)}, {{0}}, NULL},
    {"ReduceMin", 18, {{0}}, {X}, {{0}}, NULL},
    {"Max", 13, {{0}}, {X, F32(D(3), 0, 1, 0), F32(ONE, -1)}, {{0}}, NULL},
    {"Mean", 13, {{0}}, {X, F32(D(3), 0, 1, 0)}, {{0}}, NULL},
    {"Clip", 13, {{0}}, {X, F32(ONE, -2), F32(ONE, 1.75f)}, {{0}}, NULL},
    {"Div", 14, {{0}}, {F32(D(3), 1, 2, 3), X}, {{0}}, NULL},
    {"Pow", 15, {{0}}, {F32(D(3), 1, 2, 3), X}, {{0}}, NULL},
};
#undef X
// clang-format on

static void gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++)
        check_gradient(&trained[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_row), cmocka_unit_test(known_before),
                                       cmocka_unit_test(gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
