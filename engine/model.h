/* model.h - the inside of a model, shared by model.c (opens and writes files), session.c (runs) and
 * the trainer (writes). */
#ifndef AX_MODEL_H
#define AX_MODEL_H

#include "axon.h"
#include "graph/plan.h"
#include "io/net.h"
#include "io/safetensors.h"

struct ax_model {
    int refs; /* atomic */
    ax_safetensors *file;
    ax_arena arena;  /* of info and of parameters that the file holds unaligned */
    ax_net net;      /* as written: layers and outputs are values of net.graph  */
    ax_graph fused;  /* what is run                                             */
    ax_val *map;     /* net.graph value -> fused value                          */
    ax_packs *packs;
    ax_model_info info;
};

/* Write a model file: the spec in its canonical form, the numbers of every parameter of the net
 * (bound), a self-test that is computed here, and a training summary (JSON text or NULL). */
int ax_model_write(const char *path, const ax_net *net, const char *training, ax_err *err);

#endif
