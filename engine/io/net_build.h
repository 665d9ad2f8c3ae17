/* net_build.h - shared by net.c (the spec as a whole), layers.c (one row per layer type),
 * net_activation.c, net_penalty.c and net_shape.c. */
#ifndef AX_IO_NET_BUILD_H
#define AX_IO_NET_BUILD_H

#include "io/net.h"

typedef struct ax_builder {
    ax_net *net;
    ax_graph *g;
    const ax_net_training *training; /* NULL: for inference           */
    int frozen;                      /* the layer being built is frozen */
    ax_val first[16];  /* each input's value after normalisation */
    const char *layer; /* the name of the one being built */
    int made[64];      /* the last number in a made-up name, per layer row */
    ax_act act;        /* its activation; row NULL: none  */
    double gain;       /* of that; 1 for none             */
    int axis;          /* along which it works; 0: the usual one */
    ax_err *err;
} ax_builder;

typedef struct ax_layer_row {
    const char *type;
    int min_in, max_in;
    int has_activation;    /* takes "activation"                                       */
    const char *fields[14]; /* its own fields; the common ones are known already       */
    /* emit nodes; *out is the layer's value before its activation */
    int (*build)(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out);
} ax_layer_row;

extern const ax_layer_row ax_layer_rows[];
extern const int ax_layer_rows_n;

/* A parameter "layer/suffix" and what it starts from. */
ax_val ax_build_param(ax_builder *b, const char *suffix, const ax_shape *s, int trainable, ax_init how);
/* Add the penalty {"l1":..,"l2":..} on the weights v to the loss (when training), if spec[field] asks
 * for it. */
int ax_build_kernel_penalty(ax_builder *b, const cJSON *spec, const char *field, ax_val v);
/* The same on the activities v of a layer, with "kl" and "hoyer" too, per sample; field NULL: spec
 * itself has these fields. */
int ax_build_activity_penalty(ax_builder *b, const cJSON *spec, const char *field, ax_val v);
/* The most penalties that a layer can ask for: on its kernel, its activities, and once more as the
 * layer activity_regularization. */
enum { AX_LAYER_PENALTIES = 1 + 3 + 3 };
/* The layer's activation on *v: vector (over the channels of a picture, else over the last axis),
 * learnable, noisy or plain. */
int ax_build_activation(ax_builder *b, ax_val *v);
/* The numbers whose softmax or sigmoid v is, where v is one; else v itself. */
ax_val ax_build_logits(ax_builder *b, ax_val v);
/* As the spec writes shapes: without the batch. */
ax_shape ax_build_sample_shape(const ax_builder *b, ax_val v);
/* Have all inputs of the layer one shape, but for `axis` (of the graph; 0: no exception)? */
int ax_build_same_shapes(ax_builder *b, const ax_val *in, int n, int axis);
/* The layers "reshape" and "permute": rows of layers.c. */
int ax_build_reshape(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out);
int ax_build_permute(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out);
int ax_build_running(ax_builder *b, ax_val running, ax_val batch, double momentum);

#endif
