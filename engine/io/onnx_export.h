/* onnx_export.h - a net with its numbers as an ONNX model: the way out, as onnx_import.h is the way
 * in.
 *
 * Each op of an inference graph is a row of one table; activations are those of onnx_activation.h.
 * The first dimension of inputs and outputs is open and called "batch". Initializers are the net's
 * parameters under their names ("stem/kernel"), as they are; a node that does a layer's work has
 * the layer's name, and so has its result. docs/onnx-export.md. */
#ifndef AX_IO_ONNX_EXPORT_H
#define AX_IO_ONNX_EXPORT_H

#include "io/net.h"
#include "io/onnx_activation.h"
#include "io/onnx_file.h"
#include "io/onnx_write.h"

/* n: built for inference, parameters bound. Notes go into metadata_props, those with a value. *out
 * gets the model, which points into the net's parameters; the caller frees it with ax_pb_free() in
 * any case. Names come from the graph and the parameters are not copied. -1 with the layer:
 * AX_EUNSUPPORTED for what cannot be said in ONNX, AX_ELIMIT for a file of more than 2 GiB, which
 * is protobuf's bound, AX_ENOMEM. Thread-safe. */
int ax_net_write_onnx(const ax_net *n, ax_onnx_form form, const ax_onnx_note *notes, int n_notes,
                      ax_pb *out, ax_err *err);

/* The net as a part of another graph: its parameters, nodes and outputs go into the graph that is open
 * in m, whose values have the names of the net's inputs, in the operators of this opset. *needs: the
 * opset that it takes; where that is newer, what was written is of no use. Errors as above. */
int ax_net_put_onnx(const ax_net *n, ax_onnx_form form, int opset, ax_onnx *m, int *needs,
                    ax_err *err);

#endif
