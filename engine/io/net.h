/* net.h - a model spec (JSON) as a graph: the one form of a model for people, made runnable.
 *
 * ax_net_build reads the spec of docs/model-format.md, checks it completely and emits the graph,
 * either for inference (dropout gone, batch-norm by its running statistics) or for training
 * (dropout, batch statistics, penalties). Parameters come without numbers: the owner binds them
 * (a model file's bytes, or memory that a trainer initializes by the recipe given here). */
#ifndef AX_IO_NET_H
#define AX_IO_NET_H

#include "base/json.h"
#include "graph/graph.h"
#include "ops/ops.h"

/* What a parameter starts from. */
typedef struct ax_init {
    ax_val param;
    const char *initializer; /* a row of train/init.c, "constant", or "auto": normal with the
                                activation's own gain over sqrt(fan_in)                      */
    double value;            /* of "constant"                                                */
    double gain;             /* of the activation that follows                               */
    int64_t fan_in, fan_out;
} ax_init;

/* After a training step: running = momentum * running + (1 - momentum) * batch. */
typedef struct ax_running {
    ax_val running, batch;
    double momentum;
} ax_running;

typedef struct ax_layer {
    const char *name, *type;
    const char *activation; /* as text, "" for none */
    ax_act act;             /* row NULL for none    */
    double gain;            /* of act; 1 for none   */
    ax_val out;
    int64_t params, flops;  /* flops of one sample  */
} ax_layer;

typedef struct ax_net {
    ax_graph graph;
    char *spec; /* canonical JSON text, all names filled in; in the graph's arena */
    const char *name;
    ax_val *inputs, *outputs;
    const char **output_names;
    ax_val *logits; /* of each output: the numbers whose sigmoid or softmax (at temperature 1) it
                       is, where it is one; else itself */
    ax_layer *layers;
    const char **labels;
    ax_init *inits;       /* one per parameter                            */
    ax_val *penalties;    /* training: scalars to be added to the loss    */
    ax_running *running;  /* training                                     */
    ax_val step;          /* training: scalar int64 input, or AX_NONE     */
    int n_inputs, n_outputs, n_layers, n_labels, n_inits, n_penalties, n_running;
} ax_net;

/* spec: the parsed JSON, borrowed for the call. The shapes in the graph are those of a batch of
 * `batch` samples (1 is fine for inference). -1 with the place in err->at ("layers[2].filters");
 * n is then empty. training NULL: for inference. */
typedef struct ax_net_training {
    uint64_t seed;       /* for dropout                                                       */
    const cJSON *freeze; /* names of layers whose parameters stay as they are; NULL: none     */
} ax_net_training;

/* Put layers, a JSON array as in a spec, behind the value `from` of a net that was made in another way:
 * its only output is then that of the last of them. Parameters, penalties and layers join those of the
 * net. Inputs of a layer may be named as in a spec. -1 with the place ("layers[0].units"). */
int ax_net_extend(ax_net *n, ax_val from, const cJSON *layers, const ax_net_training *training,
                  int64_t batch, ax_err *err);

int ax_net_build(ax_net *n, const cJSON *spec, const ax_net_training *training, int64_t batch, ax_err *err);
void ax_net_fini(ax_net *n);

/* The layer types there are, for messages and documents: name and one line each. */
const char *const *ax_layer_types(int *count);

#endif
