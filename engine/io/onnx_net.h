/* onnx_net.h - a file of ONNX, for concrete inputs, as a net: what the rest of the engine runs,
 * shows and looks into. */
#ifndef AX_IO_ONNX_NET_H
#define AX_IO_ONNX_NET_H

#include "io/net.h"
#include "io/onnx_import.h"

enum { AX_ONNX_MAX_PORTS = 64 };

/* in[]: as for ax_onnx_import(). Layers are the nodes of the file's graph that have weights or are
 * activations; their numbers of operations are those of the whole run, not of one sample. The net
 * has no spec, no labels and no name; parameters are bound to the file's bytes. memory: bytes that
 * what is computed on the way may take, 0: ax_memory_budget(). -1 as ax_onnx_import(); n is then
 * empty. One thread for each net. */
int ax_onnx_net(ax_net *n, const ax_onnx_file *f, const ax_tensor *in, const ax_onnx_how *how,
                size_t memory, ax_onnx_names *names, ax_err *err);

/* The same for a training, or with `step` 0 for the looks at its data in between: what `how` says
 * is learned is among the net's inits; with `step` there is the input " step" in front, as in a net
 * for training that ax_net_build() makes. */
int ax_onnx_net_learning(ax_net *n, const ax_onnx_file *f, const ax_tensor *in,
                         const ax_onnx_how *how, int step, ax_err *err);

/* The value called `name`: an output, what a layer of the net gives, or any of the file's graph, in
 * this order, since nodes may be called like values that they do not make; what was computed
 * while importing becomes a constant. AX_NONE: there is none. */
ax_val ax_onnx_net_value(ax_net *n, const ax_onnx_names *names, const char *name, ax_err *err);

#endif
