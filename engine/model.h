/* model.h - the inside of a model, shared by model.c (opens), model_write.c, selftest.c, session.c
 * (runs) and the trainer (writes). */
#ifndef AX_MODEL_H
#define AX_MODEL_H

#include "axon.h"
#include "base/backed.h"
#include "graph/plan.h"
#include "io/net.h"
#include "io/onnx_net.h"
#include "io/safetensors.h"

/* How a file of ONNX is run: as a plan of the shapes of its inputs; as a plan that the numbers of
 * small inputs take part in; as a plan that computes both branches of an If; or read anew with all
 * numbers there at every run. Each can do what those before it cannot. */
typedef enum ax_onnx_way {
    AX_ONNX_BY_SHAPES,
    AX_ONNX_BY_NUMBERS,
    AX_ONNX_BOTH_BRANCHES,
    AX_ONNX_AS_READ
} ax_onnx_way;

/* A file of ONNX behind a model. */
typedef struct ax_onnx_source {
    ax_backed *bytes;
    uint64_t hash; /* of the bytes as they were in the file */
    ax_onnx_file file;
    ax_desc in[AX_ONNX_MAX_PORTS]; /* whole, as the file has them: -1 open, rank -1 any */
    int n_in;
    ax_onnx_way way;
    int single;          /* it batches, but the file takes one sample at a time            */
    int has_net;         /* shapes were found that it can be imported for: model.net       */
    ax_onnx_names names; /* of model.net */
} ax_onnx_source;

struct ax_model {
    int refs;             /* atomic */
    ax_safetensors *file; /* NULL: the numbers are those of a net, see ax_model_of_net() */
    ax_onnx_source *onnx; /* NULL: no file of ONNX                                   */
    ax_arena arena;       /* of info and of parameters that the file holds unaligned */
    ax_net net;           /* as written: layers and outputs are values of net.graph; of ONNX for
                             example shapes, one sample where it batches             */
    ax_graph fused;       /* what is run; of ONNX each session has its own           */
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

/* Does the file begin like one of ONNX? */
int ax_model_is_onnx(const char *path);

/* model_onnx.c: m becomes the model of a file of ONNX. -1: m is to be freed. */
int ax_model_open_onnx(ax_model *m, const char *path, ax_err *err);
void ax_onnx_source_free(ax_onnx_source *s); /* NULL is fine */
/* A net for these shapes and, as the way asks for, numbers (in[i].data) in. */
int ax_onnx_source_net(const ax_onnx_source *s, ax_onnx_way way, const ax_tensor *in, ax_net *n,
                       ax_onnx_names *names, ax_err *err);
/* Is input i so small that a plan may be made for its numbers? */
int ax_onnx_decides(const ax_desc *in);

/* model.c: the layers and totals of m->net into m->info; shapes are whole, or those of a sample. */
int ax_model_describe_layers(ax_model *m, int whole, ax_err *err);

/* selftest.c: known inputs and what comes out, as the JSON text that a model file carries. NULL on
 * failure; the caller frees with cJSON_free(). */
char *ax_selftest_make(ax_model *m, ax_err *err);
/* Run the self-test in `text`: -1 with AX_ECORRUPT when something else comes out. */
int ax_selftest_check(ax_model *m, const char *text, ax_err *err);

#endif
