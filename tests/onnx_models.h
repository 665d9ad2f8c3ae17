/* onnx_models.h - small files of ONNX for tests, written by the exporter's own messages. */
#ifndef ONNX_MODELS_H
#define ONNX_MODELS_H

#include "io/onnx_write.h"

#ifndef UNUSED
#define UNUSED __attribute__((unused))
#endif

typedef struct file {
    ax_pb b;
    ax_onnx o;
    int opset;
} file;

UNUSED static void begin(file *f, int opset)
{
    *f = (file){.opset = opset};
    f->o.to = &f->b;
    f->o.graph = ax_pb_open(&f->b, 7);
}

UNUSED static void node(file *f, const char *op, const char *const *in, const char *out)
{
    int n = 0;
    while (in[n])
        n++;
    ax_onnx_put_node(&f->o, op, in, n, out);
}

#define NODE(f, op, out, ...) node(f, op, (const char *[]){__VA_ARGS__, NULL}, out)

UNUSED static void floats(file *f, const char *name, const ax_shape *s, const float *v)
{
    ax_onnx_put_tensor(&f->o, name, AX_ONNX_FLOAT, s->dim, s->rank, v,
                       (size_t)ax_shape_count(s) * sizeof *v);
}

UNUSED static void ints(file *f, const char *name, int64_t n, const int64_t *v)
{
    ax_onnx_put_tensor(&f->o, name, AX_ONNX_INT64, &n, 1, v, (size_t)n * sizeof *v);
}

/* "batch" names an open dimension, "4" is 4 */
#define PORT(f, side, name, type, ...)                                                             \
    ax_onnx_put_value(&(f)->o, side, name, type, (const char *[]){__VA_ARGS__},                    \
                      (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

/* The end of the file, and what it holds to the disk. */
UNUSED static void finish_file(file *f, const char *path)
{
    ax_err err;
    if (f->o.node)
        ax_pb_close(&f->b, f->o.node);
    ax_pb_close(&f->b, f->o.graph);
    size_t at = ax_pb_open(&f->b, 8);
    ax_pb_int(&f->b, 2, f->opset);
    ax_pb_close(&f->b, at);
    if (ax_file_write(path, f->b.data, f->b.len, &err))
        fail_msg("%s: %s", path, err.msg);
    ax_pb_free(&f->b);
}

static const float w1[12] = {.5f, -1, 2, 1, .25f, 3, -2, 1, 1, -1, .5f, .75f};
static const float w2[6] = {1, -1, .5f, 2, 1, -.5f};

/* x (rows, 4) -> 3 -> relu -> 2 -> softmax, the first dimension called `rows` */
UNUSED static void put_mlp(file *f, const char *rows)
{
    begin(f, 13);
    floats(f, "w1", &AX_SHAPE(4, 3), w1);
    floats(f, "w2", &AX_SHAPE(3, 2), w2);
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, rows, "4");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, rows, "2");
    NODE(f, "Gemm", "h", "x", "w1");
    NODE(f, "Relu", "a", "h");
    NODE(f, "Gemm", "z", "a", "w2");
    NODE(f, "Softmax", "y", "z");
}

/* y = relu of the mean over height and width, both open. */
UNUSED static void put_open(file *f)
{
    begin(f, 13);
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "n", "2", "height", "width");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "n", "2", "1", "1");
    NODE(f, "GlobalAveragePool", "g", "x");
    NODE(f, "Relu", "y", "g");
}

/* y = x[0:n]: the shape depends on the number n. */
UNUSED static void put_slice(file *f)
{
    begin(f, 13);
    ints(f, "zero", 1, (int64_t[]){0});
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "t");
    PORT(f, AX_ONNX_INPUT, "n", AX_ONNX_INT64, "1");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "k");
    NODE(f, "Slice", "y", "x", "zero", "n");
}

/* y = x repeated max(x) times: only the run can tell the shape. */
UNUSED static void put_repeat(file *f)
{
    begin(f, 13);
    ints(f, "one", 1, (int64_t[]){1});
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "t");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "k");
    NODE(f, "ReduceMax", "max", "x");
    NODE(f, "Cast", "count", "max");
    ax_onnx_put_int(&f->o, "to", AX_ONNX_INT64);
    NODE(f, "Reshape", "times", "count", "one");
    NODE(f, "Tile", "y", "x", "times");
}

#endif
