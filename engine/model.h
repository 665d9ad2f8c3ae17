/* model.h - the inside of a model, shared by model.c (opens), model_write.c, selftest.c, session.c
 * (runs) and the trainer (writes). */
#ifndef AX_MODEL_H
#define AX_MODEL_H

#include "axon.h"
#include "graph/plan.h"
#include "io/net.h"
#include "io/safetensors.h"

struct ax_model {
    int refs; /* atomic */
    ax_safetensors *file; /* NULL: the numbers are those of a net, see ax_model_of_net() */
    ax_arena arena;       /* of info and of parameters that the file holds unaligned */
    ax_net net;           /* as written: layers and outputs are values of net.graph  */
    ax_graph fused;       /* what is run                                             */
    ax_val *map;          /* net.graph value -> fused value                          */
    ax_packs *packs;
    ax_model_info info;
};

/* A model on the numbers of a net that is bound and outlives it; there is no file. */
ax_model *ax_model_of_net(const ax_net *net, ax_err *err);

/* Write a model file: the spec in its canonical form, the numbers of every parameter of the net
 * (bound), a self-test that is computed here, the hash of it all, and a training summary (the text
 * of a JSON object, or NULL). */
int ax_model_write(const char *path, const ax_net *net, const char *training, ax_err *err);

/* selftest.c: known inputs and what comes out, as the JSON text that a model file carries. NULL on
 * failure; the caller frees with cJSON_free(). */
char *ax_selftest_make(ax_model *m, ax_err *err);
/* Run the self-test in `text`: -1 with AX_ECORRUPT when something else comes out. */
int ax_selftest_check(ax_model *m, const char *text, ax_err *err);

#endif
