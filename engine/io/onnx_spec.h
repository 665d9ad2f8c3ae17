/* onnx_spec.h - a file of ONNX as a model spec with tensors: the layers of ours that its nodes are.
 *
 * The imported graph is read node by node; nothing of it is guessed: what has no layer is told with
 * its node and the reason. What comes out must still be compared with the file by running both,
 * since reshapes may have moved samples about. docs/onnx-export.md. */
#ifndef AX_IO_ONNX_SPEC_H
#define AX_IO_ONNX_SPEC_H

#include "base/json.h"
#include "io/net.h"
#include "io/onnx_import.h"

typedef struct ax_spec_tensor {
    const char *name; /* "stem/kernel" */
    ax_shape shape;
    const float *data;
} ax_spec_tensor;

typedef struct ax_onnx_spec {
    cJSON *spec;
    ax_spec_tensor *tensor;
    int n_tensor;
    ax_arena arena; /* of the tensors, whose numbers may be the net's */
} ax_onnx_spec;

typedef struct ax_onnx_spec_source {
    const ax_onnx_file *file;
    const ax_net *net; /* of the file, for one sample, not fused */
    const ax_onnx_names *names;
    const char *name; /* of the model */
    const char *const *labels;
    int n_labels;
} ax_onnx_spec_source;

/* -1: AX_EUNSUPPORTED with the nodes that no spec can say, AX_ENOMEM; nothing is to be freed then.
 * Thread-safe. */
int ax_onnx_spec_make(const ax_onnx_spec_source *from, ax_onnx_spec *to, ax_err *err);
void ax_onnx_spec_free(ax_onnx_spec *s);

#endif
