/* onnx_activation.h - an activation, or a formula, as a small ONNX model.
 *
 * Input "x" and output "y" are float32 with one open dimension, or two where whole rows are taken:
 * the row is the last one. docs/onnx-export.md tells which operators are written, and why. */
#ifndef AX_IO_ONNX_ACTIVATION_H
#define AX_IO_ONNX_ACTIVATION_H

#include "activation/activation.h"
#include "io/protobuf_write.h"

typedef enum ax_onnx_form {
    AX_ONNX_NAMED, /* ONNX's own operator where there is one that means the same  */
    AX_ONNX_EXACT  /* simple operations in doubles: right wherever the runtime is */
} ax_onnx_form;

struct ax_compose;

/* The function with c->x and c->y, of one shape, as nodes of a graph under way; of rows: along axis
 * `axis`, which is the last one, of a matrix, unless ax_act_onnx_any_axis(). c->needs tells the
 * opset. Errors as below. */
int ax_act_put_onnx(struct ax_compose *c, const ax_act *a, ax_onnx_form form, int axis);
/* Is it one operator that takes any axis of a tensor of any rank? */
int ax_act_onnx_any_axis(const ax_act *a, ax_onnx_form form);

/* The bytes of the model behind those in *out, which the caller frees with ax_pb_free() in any
 * case. Parameters have the values in a. -1 with AX_EUNSUPPORTED for a function that cannot be said
 * in ONNX, AX_ELIMIT for one that becomes too large, AX_ENOMEM. Thread-safe. */
int ax_act_write_onnx(const ax_act *a, ax_onnx_form form, ax_pb *out, ax_err *err);

#endif
