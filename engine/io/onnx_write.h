/* onnx_write.h - the messages of ONNX, written one behind the other.
 *
 *     ax_onnx m;
 *     ax_onnx_begin(&m, &bytes, 9, "relu", "max(0, x)");
 *     ax_onnx_put_value(&m, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, dims, 1);
 *     ax_onnx_put_value(&m, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, dims, 1);
 *     ax_onnx_put_node(&m, "Relu", (const char *[]){"x"}, 1, "y");
 *     ax_onnx_end(&m);
 *
 * Nodes come in an order in which inputs are there before they are used; initializers may come at
 * any time. Failures (memory) show in ax_pb.failed. One thread at a time.
 * Source: github.com/onnx/onnx, onnx.proto and docs/IR.md. */
#ifndef AX_IO_ONNX_WRITE_H
#define AX_IO_ONNX_WRITE_H

#include "io/onnx_file.h"
#include "io/protobuf_write.h"

typedef struct ax_onnx {
    ax_pb *to;
    size_t graph; /* where it is open */
    size_t node;  /* where a node is open */
} ax_onnx;

/* fields of GraphProto */
typedef enum ax_onnx_side { AX_ONNX_INPUT = 11, AX_ONNX_OUTPUT = 12 } ax_onnx_side;

enum { AX_ONNX_OLDEST = 9 }; /* with IR 4 an initializer need not be an input, too */

/* Operators are those of opset, or of AX_ONNX_OLDEST where that is newer. */
void ax_onnx_begin(ax_onnx *m, ax_pb *to, int opset, const char *name, const char *doc);
void ax_onnx_end(ax_onnx *m);
/* What ONNX has no field for, for who asks by the key; behind ax_onnx_end(). */
void ax_onnx_put_meta(ax_onnx *m, const char *key, const char *value);

/* dims: names of open dimensions, or whole numbers: "batch", "3" */
void ax_onnx_put_value(ax_onnx *m, ax_onnx_side side, const char *name, ax_onnx_type type,
                       const char *const *dims, int n);
/* data: the numbers, little-endian; dims 0: a scalar */
void ax_onnx_put_tensor(ax_onnx *m, const char *name, ax_onnx_type type, const int64_t *dims,
                        int n_dims, const void *data, size_t bytes);

/* The same, but the numbers stay the caller's, see ax_pb_borrow(). */
void ax_onnx_borrow_tensor(ax_onnx *m, const char *name, ax_onnx_type type, const int64_t *dims,
                           int n_dims, const void *data, size_t bytes);

/* A node; its name and attributes are written before the next call that is not for one of them. */
void ax_onnx_put_node(ax_onnx *m, const char *op, const char *const *in, int n, const char *out);
void ax_onnx_put_node_outputs(ax_onnx *m, const char *op, const char *const *in, int n,
                              const char *const *out, int outs);
void ax_onnx_put_name(ax_onnx *m, const char *name);
/* Before fields of another file are put behind it. */
void ax_onnx_close_node(ax_onnx *m);
void ax_onnx_put_float(ax_onnx *m, const char *attribute, float v);
void ax_onnx_put_int(ax_onnx *m, const char *attribute, int64_t v);
void ax_onnx_put_ints(ax_onnx *m, const char *attribute, const int64_t *v, int n);
void ax_onnx_put_text(ax_onnx *m, const char *attribute, const char *s);

#endif
