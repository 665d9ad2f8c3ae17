/* axon.h - THE public header of the engine: models, sessions, training, activations.
 *
 *     ax_err err;
 *     ax_model *m = ax_model_open("models/fashion-mlp.safetensors", &err);
 *     ax_session *s = ax_session_open(m, &(ax_session_options){0}, &err);
 *     ax_session_resize(s, 2, &err);                      // a batch of two
 *     memcpy(ax_session_input(s, 0), pixels, 2 * 784 * sizeof(float));
 *     ax_session_run(s, &err);                            // does not allocate
 *     const float *y = ax_session_output(s, 0);           // (2, 10)
 *     ax_session_close(s);
 *     ax_model_release(m);
 *
 * A model is immutable once open and may be shared by any number of threads; a session is the
 * private scratch of one run at a time. A sample's answer has the same bits whatever the batch
 * size, the batch mates and the number of threads.
 *
 * What holds for every function here unless it says otherwise: pointers must not be NULL, except
 * for ax_err, which may be where nobody wants to know why; arguments are borrowed for the call;
 * what comes back as const lives as long as what it was asked of. On failure (NULL, or -1) err has
 * code, message, place and hint, nothing is left to free, and AX_ENOMEM is always possible.
 * "Thread-safe" means that any threads may call it at once. */
#ifndef AX_AXON_H
#define AX_AXON_H

#include "activation/activation.h"
#include "activation/card.h"
#include "activation/chart.h"
#include "activation/formula/formula.h"
#include "activation/plot.h"
#include "activation/probe.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/number.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "io/csv.h"
#include "io/gzip.h"
#include "io/idx.h"
#include "io/image.h"
#include "io/npy.h"
#include "io/onnx_activation.h"
#include "math/cpu.h"
#include "math/element.h"
#include "math/tensor.h"

#define AX_VERSION "0.1.0"

/* ---- models ---------------------------------------------------------------------------------- */

/* Counted references; immutable, so all that takes a const ax_model is thread-safe. */
typedef struct ax_model ax_model;

/* An input or output: lives as long as the model, or the session, that names it. */
typedef struct ax_port {
    const char *name;
    ax_dtype dtype;
    ax_shape shape;          /* of one sample, without the batch dimension, where the model batches;
                                else of the whole tensor: -1 an open dimension, rank -1 any shape */
    const char *const *dims; /* what open dimensions are called, "" those without a name; NULL:
                                none is open                                                      */
} ax_port;

/* One layer of the spec, in its order. Lives as long as the model. */
typedef struct ax_layer_info {
    const char *name, *type; /* "stem", "conv2d"                             */
    const char *activation;  /* as text, "" when there is none               */
    ax_act act;              /* the same, what was learned as it was; row NULL when there is none;
                                NaN: prelu's slopes, which differ by channel */
    double gain;             /* ax_act_gain() of it; 1 when there is none    */
    ax_shape shape;          /* of the output of one sample                  */
    int64_t params, flops;   /* trainable and fixed numbers; flops per sample */
} ax_layer_info;

/* What there is to know of a model. All of it lives as long as the model. */
typedef struct ax_model_info {
    const char *name, *path, *format; /* path: as it was opened; format: "safetensors", "onnx" */
    const char
        *producer; /* of a file of ONNX: "pytorch 1.13.1", "" where it does not say; else NULL */
    int64_t opset; /* of a file of ONNX; else 0                    */
    const ax_port *inputs, *outputs;
    int n_inputs, n_outputs;
    int batches; /* 1: the first dimension of all inputs and outputs counts samples, any
                    number of them; 0: tensors are taken whole                      */
    int mixes;   /* 1: that a sample's answer does not depend on the others of its
                    batch is not known                                              */
    const ax_layer_info *layers;
    int n_layers;
    const char *const *labels; /* NULL when the model has none                 */
    int n_labels;
    int classifies;        /* the (only) output is a probability: ends in softmax (2) or
                              sigmoid (1); 0 otherwise                      */
    int64_t params, flops; /* totals; flops of one sample                  */
    int64_t file_bytes;    /* size of the file                             */
    const char *hash;      /* of the content, 16 hex digits: axond.hash in the file, worked
                              out where it has none                        */
    const char *file_hash; /* of the file's bytes, likewise                */
    const char *spec;      /* the model spec as JSON text; NULL: a file of ONNX */
    const char *training;  /* training summary as JSON text (an object), or NULL */
    const char *self_test; /* "passed", or "none": the file, of another tool, has none */
} ax_model_info;

/* Open a model file and freeze it. The hash it carries is checked and its self-test is run, on the
 * caller's thread; afterwards the file may change or go, the model does not notice.
 * The caller owns one reference; drop it with ax_model_release().
 * NULL on failure, with the file, the place and the reason in err: AX_ENOTFOUND, AX_EIO (the file),
 * AX_EPARSE, AX_ECORRUPT (its form, hash, self-test), what a spec can have wrong (AX_EINVAL,
 * AX_ESHAPE, AX_ERANGE...), AX_ELIMIT (it needs too much memory). Thread-safe. */
ax_model *ax_model_open(const char *path, ax_err *err);

/* The same for who knows the file by another name, an upload for example: the message tells what is
 * wrong with the contents and leaves the path out, the place (tensor, spec field, self-test) is in
 * err->at. Only a file that the system will not give (AX_EIO, AX_ENOTFOUND) is still named.
 * Thread-safe. */
ax_model *ax_model_read(const char *path, ax_err *err);

/* One reference more, from one that the caller has: m itself. Cannot fail. Thread-safe. */
ax_model *ax_model_acquire(ax_model *m);

/* Give a reference back; with the last one the model is freed, on the thread that gave it. NULL is
 * fine. Thread-safe. */
void ax_model_release(ax_model *m);

/* Never NULL; lives as long as the model. Thread-safe. */
const ax_model_info *ax_model_get_info(const ax_model *m);

/* A whole shape of input i that the model is known to take: of one sample, or, where dimensions are
 * open, one that was found by trying. 0; -1: none is known. Thread-safe. */
int ax_model_example_shape(const ax_model *m, int i, ax_shape *shape);

/* Write the model, which must be none of ONNX, as a file of ONNX that gives the same numbers:
 * docs/onnx-export.md. Labels, name, training summary and spec go along. What is at the path is
 * replaced when all is written. -1: AX_EUNSUPPORTED with the layer that ONNX has no way to say,
 * AX_ELIMIT beyond 2 GiB, AX_EIO. Thread-safe. */
int ax_model_write_onnx(const ax_model *m, const char *path, ax_onnx_form form, ax_err *err);

/* Write a model of ONNX as one of ours, a spec with tensors; as ax_model_write_onnx() wrote it,
 * where that is what it is. The new file's model is compared with the old before anything is
 * written. -1: AX_EUNSUPPORTED with the nodes that no spec can say and why, AX_EIO. Thread-safe. */
int ax_model_write_spec(ax_model *m, const char *path, ax_err *err);

/* ---- sessions -------------------------------------------------------------------------------- */

/* Thread rule of all that takes a session: one thread at a time for each, but not always the same;
 * sessions do not disturb each other, also those of one model or on one pool. */
typedef struct ax_session ax_session;

typedef struct ax_session_options {
    ax_pool *pool;              /* threads for one run; NULL: the caller's thread alone. Borrowed:
                                   it outlives the session, and several may share it         */
    const char *const *outputs; /* output or layer names, NULL: the model's outputs         */
    int n_outputs;              /* of `outputs`; not looked at where that is NULL           */
} ax_session_options;

/* A session without a batch size: before anything else comes ax_session_resize(), or, for a model
 * that does not batch, ax_session_shape() and ax_session_ready(). It keeps a reference to m. The
 * caller owns it and closes it. NULL: AX_ENOTFOUND for an unknown output name, with the nearest as
 * hint. Thread-safe. */
ax_session *ax_session_open(ax_model *m, const ax_session_options *o, ax_err *err);

/* NULL is fine. The session must not be running. */
void ax_session_close(ax_session *s);

/* Make ready for runs of `batch` samples, at least 1: plan, memory, pointers. Plans of sizes that
 * come back are kept, the most recent 64 and 64 MiB. What stood in inputs and outputs is lost.
 * -1: AX_ERANGE for a batch below 1, AX_ELIMIT when the plan would need more than the memory bound
 * (three quarters of what the process may have); the session then is as it was before. */
int ax_session_resize(ax_session *s, int64_t batch, ax_err *err);

/* The shape, whole, that input i will have; then, when all are said, ax_session_ready() makes ready
 * for them as ax_session_resize() does for a batch, and keeps plans likewise. For models that do
 * not batch; of one that does the first dimension is the batch, the same for all inputs. -1:
 * AX_ESHAPE for a shape that the port does not take. */
int ax_session_shape(ax_session *s, int i, const ax_shape *shape, ax_err *err);
/* -1: as ax_session_resize(), and what the operators have against these shapes, node by node. */
int ax_session_ready(ax_session *s, ax_err *err);

/* How many there are: inputs as in ax_model_info, outputs as asked for when it was opened. */
int ax_session_inputs(const ax_session *s);
int ax_session_outputs(const ax_session *s);

/* Input i, to be written: row-major (batch, ...shape of ax_model_info.inputs[i]), or the shape that
 * was said, in the port's dtype. A run leaves it as it is. Valid until the next resize or ready; 0
 * <= i < inputs. */
void *ax_session_input(ax_session *s, int i);

/* The whole shape of input i, as of the last resize or ready; the batch is its first dimension. */
const ax_shape *ax_session_input_shape(const ax_session *s, int i);

/* What the last run made of output i: row-major (batch, ...shape of its port), or, where tensors
 * are taken whole, of ax_session_output_shape(), in the port's dtype. Valid until the next run,
 * resize or ready; 0 <= i < outputs. */
const void *ax_session_output(const ax_session *s, int i);

/* Name, dtype and shape of input and output i. Needs no resize; lives as long as the session. */
const ax_port *ax_session_input_port(const ax_session *s, int i);
const ax_port *ax_session_output_port(const ax_session *s, int i);

/* The whole shape of output i, as the last run made it; the batch is its first dimension. */
const ax_shape *ax_session_output_shape(const ax_session *s, int i);

/* Compute the outputs; returns when done. Of a model that batches it cannot fail and does not
 * allocate. A file of ONNX that has to be read anew for the numbers of its inputs may have
 * something against them: -1 with the node, AX_ELIMIT or AX_ENOMEM; the outputs are then those of
 * no run. */
int ax_session_run(ax_session *s, ax_err *err);

/* Bytes of working memory of the current batch size: inputs, outputs, activations, scratch; without
 * the weights. */
int64_t ax_session_bytes(const ax_session *s);

/* What a session takes, and what it shares with others of its model. */
typedef struct ax_memory_use {
    int64_t file;    /* of the model's file, held as it is; what is packed is given back */
    int64_t packed;  /* weights in the form that kernels like: of all sessions           */
    int64_t working; /* ax_session_bytes()                                               */
    int64_t alive;   /* values that are needed at once: no plan has less working memory  */
} ax_memory_use;
void ax_session_memory(const ax_session *s, ax_memory_use *m);

/* The plan of the current batch size as a table for people: steps, kernels, shapes with the batch,
 * layouts, memory. It lives in the arena. NULL: no memory; "" where there is no plan before the
 * run. */
const char *ax_session_plan_text(const ax_session *s, ax_arena *a);

/* ---- the health of activations ----------------------------------------------------------------
 */

/* A model looks at samples, and each layer's activation a = f(z) is watched: what goes in, what
 * comes out, and the slope f'(z), by which units are told to be dead or saturated, whatever f is.
 * What the numbers and thresholds mean: docs/diagnostics.md. */

/* Bins of a histogram: those of |x| in [2^-12, 2^12), four an octave, on either side of one for all
 * that is smaller; the outermost take what is larger. */
enum { AX_HEALTH_BINS = 2 * 4 * 24 + 1, AX_HEALTH_QUANTILES = 5, AX_HEALTH_DEAD_LIST = 32 };
extern const double ax_health_quantile[AX_HEALTH_QUANTILES]; /* 0.01, 0.25, 0.5, 0.75, 0.99 */

/* The lower edge of bin i, the upper one of i - 1; 0 <= i <= AX_HEALTH_BINS. Thread-safe. */
double ax_health_edge(int i);

/* Of numbers that went by. All but the counts is of the finite ones, and NaN where there are none.
 */
typedef struct ax_spread {
    int64_t count, non_finite, subnormal;
    double mean, std, rms, min, max;
    double quantile[AX_HEALTH_QUANTILES]; /* from the histogram */
    int64_t bin[AX_HEALTH_BINS];
} ax_spread;

/* How something differs from unit to unit. */
typedef struct ax_over_units {
    double min, median, max;
} ax_over_units;

/* One activation. A unit is a channel, or a feature of what is no picture. What is of f' is NaN or
 * 0 where f works on whole rows (softmax). */
typedef struct ax_layer_health {
    const char *layer, *activation; /* as in ax_layer_info            */
    ax_shape shape;                 /* of a sample's output           */
    int64_t units;
    int has_slope;     /* f is element-wise                                          */
    int flat_both;     /* f' all but vanishes at both -20 and 20: sigmoids           */
    int is_output;     /* of the model                                               */
    ax_spread in, out; /* z, a                                                       */
    int64_t dead, nearly_dead, always_on;   /* units                          */
    int64_t dead_list[AX_HEALTH_DEAD_LIST]; /* the first of the dead, from 0  */
    double saturated_left, saturated_right; /* shares of z                    */
    double sparsity, hoyer;                 /* share of |a| <= 1e-6; mean over samples, 0 to 1    */
    double gain, gain_expected;             /* rms(a) / rms(z), and what Z ~ N(0,1) gives         */
    ax_over_units unit_mean, unit_std;      /* of a                                        */
    ax_over_units unit_active;              /* share of z with a slope >= 1e-3             */
} ax_layer_health;

typedef enum ax_severity { AX_INFO, AX_WARN, AX_SERIOUS, AX_CRITICAL } ax_severity;

/* "info", "warn", "serious", "critical": constants. Thread-safe. */
const char *ax_severity_name(ax_severity s);

typedef struct ax_verdict {
    const char *layer; /* "" : the whole model */
    const char *code;  /* "dead_units"         */
    ax_severity severity;
    const char *evidence, *suggestion;
} ax_verdict;

/* The caller's, one thread at a time. */
typedef struct ax_health {
    int noise; /* the samples were made up */
    int64_t samples;
    uint64_t seed;
    ax_layer_health *layers; /* in the order they are computed */
    ax_verdict *verdicts;    /* the worst first                */
    int n_layers, n_verdicts;
    ax_arena mem; /* owns it all */
} ax_health;

typedef struct ax_diagnose_options {
    /* `samples` rows of each of the model's inputs, row-major (samples, ...port shape). NULL:
     * random numbers from the seed, such that the model's own normalisation makes N(0,1) of them
     * where it has a mean or std, [0,1) where it has but a scale; N(0,1) where it has none. */
    const float *const *inputs;
    int64_t samples; /* 1 to 65536 */
    uint64_t seed;
    ax_pool *pool;          /* NULL: the caller's thread alone */
    int (*stop)(void *ctx); /* asked between batches, on the caller's thread; non-zero:
                               AX_ECANCELED. May be NULL */
    void *ctx;
} ax_diagnose_options;

/* Show the samples to the model and tell how its activations fare. Same samples, same bits on any
 * number of threads. Memory beside the run's own grows with the number of units, not of samples.
 * 0 and *h, to be freed with ax_health_free(); -1 and nothing to free: AX_ERANGE (samples),
 * AX_EUNSUPPORTED (the model has no activation), AX_ELIMIT (memory), AX_ECANCELED. Thread-safe. */
int ax_diagnose(ax_model *m, const ax_diagnose_options *o, ax_health *h, ax_err *err);

/* Of what ax_diagnose() made; h is empty afterwards. */
void ax_health_free(ax_health *h);

/* As docs/diagnostics.md shows it. The caller owns it: cJSON_Delete(). NULL: no memory. */
cJSON *ax_health_json(const ax_health *h);

/* Up to `samples` (at least 1) rows of a named data set ("fashion-mnist"), as one input of a model
 * takes them: its test part where there is one. *out, (*n, ...port shape) as floats whatever the
 * port's dtype, lives in the arena; *n is how many there are. data_dir as in ax_train_options.
 * -1: AX_ENOTFOUND when there is no such set, AX_ESHAPE when it does not fit, what its files can
 * have wrong. Reads the whole set on the caller's thread. Thread-safe but for the arena. */
int ax_named_samples(const char *name, const char *data_dir, const ax_port *port, int64_t samples,
                     ax_arena *mem, float **out, int64_t *n, ax_err *err);

/* ---- data sets ------------------------------------------------------------------------------ */

/* What is in a data set, read with the trainer's own reader, which checks all that can be wrong
 * with one by itself: kind, rows, shape, features and columns of a table, classes or targets, a few
 * samples (docs/api.md). source, data_dir, allow_paths: "dataset" of a training spec and the fields
 * of ax_train_options. The caller owns the object: cJSON_Delete(). NULL: as for ax_train().
 * Thread-safe. */
cJSON *ax_dataset_describe(const cJSON *source, const char *data_dir, int allow_paths, ax_err *err);

/* The name of the i-th data set that Debian has installed here; NULL: there are no more. Lives for
 * ever. Thread-safe. */
const char *ax_dataset_installed(int i);

/* ---- training -------------------------------------------------------------------------------- */

/* Lives for the call it is told in. */
typedef struct ax_train_progress {
    int epoch, epochs;     /* the one under way or just done, from 1; how many at most  */
    int64_t step, steps;   /* done, and how many at most; of all epochs                 */
    int epoch_done;        /* the val_ numbers and the checkpoint are of this epoch     */
    double loss, accuracy; /* running means of this epoch; accuracy NaN where it has no meaning */
    double val_loss, val_accuracy; /* NaN without validation data                            */
    double learning_rate;          /* of the next step                                          */
    double samples_per_second;     /* training samples by `seconds`                             */
    double seconds;                /* spent training, before a resume too                       */
    double eta_seconds;            /* to the last step; NaN before the first                    */
} ax_train_progress;

/* All of it is borrowed for the call. Callbacks run on the caller's thread. */
typedef struct ax_train_options {
    const char *spec;           /* the training spec as JSON text (docs/model-format.md)     */
    size_t spec_len;            /* bytes; no 0 is needed behind them                         */
    const char *out;            /* model file to write; what is there must be one, and is
                                   replaced. NULL: none is written                           */
    const char *checkpoint_dir; /* made where it is not, one training at a time uses it
                                   (AX_EEXIST); NULL: no checkpoints                         */
    int64_t checkpoint_seconds; /* also one when the last is older than this; 0: by epochs   */
    int resume;                 /* go on from the newest checkpoint, if there is one         */
    const char *data_dir;       /* where named data sets live; NULL: Debian's places         */
    int threads;                /* 1 to 1024; 0: one per core that the process may use       */
    int gives_way;              /* offer the cores to others again and again (ax_pool_give_way) */
    int allow_paths;            /* the spec's "dataset" may name files                       */
    /* "model":"name": write the path of that model's file into path[0..size). 0 when found.
     * NULL: no model can be trained further. */
    int (*find_model)(void *ctx, const char *name, char *path, size_t size);
    /* Told about ten times a second and after each epoch. A non-zero answer stops after writing a
     * checkpoint, where there is a folder for it: AX_ECANCELED. May be NULL. */
    int (*progress)(void *ctx, const ax_train_progress *p);
    /* Called before the first step, on the calling thread, for each thing that can be done but is
     * hardly meant: what, where (at) and what to do (hint), as in an error. May be NULL. */
    void (*warn)(void *ctx, const ax_err *warning);
    void *ctx;
} ax_train_options;

/* What came of it. NaN is what was not measured; accuracies are shares, 0 to 1. */
typedef struct ax_train_result {
    int epochs;                      /* done, before a resume too                        */
    int64_t steps;                   /* likewise                                         */
    double loss, accuracy;           /* of the last epoch                                */
    double val_loss, val_accuracy;   /* of the weights that are written                  */
    double test_loss, test_accuracy; /* of the written file, opened again                */
    double seconds;                  /* spent training, before a resume too              */
    int64_t samples;                 /* training samples seen, each as often as it was   */
} ax_train_result;

/* Train and write the model. Everything that can be checked is checked before the first step.
 * 0; or -1 with the place in the spec (err->at), AX_ENONFINITE with the epoch and step of a loss
 * or weight that is not finite, AX_ECANCELED, AX_ELIMIT (memory), AX_EIO, or what a checkpoint can
 * have wrong: *result has what was reached, and no model is written, unless it is the test of the
 * written one that failed. Same spec, same seed: same bits, on any number of threads, resumed or
 * not. Works on threads of its own beside the caller's. Thread-safe where `out` and
 * `checkpoint_dir` differ. */
int ax_train(const ax_train_options *o, ax_train_result *result, ax_err *err);

/* Up to `samples` rows of the data that a training spec names, as ax_named_samples() gives those of
 * a set; of o spec, data_dir and allow_paths count. Thread-safe. */
int ax_spec_samples(const ax_train_options *o, const ax_port *port, int64_t samples, ax_arena *mem,
                    float **out, int64_t *n, ax_err *err);

/* The checks of ax_train() alone, warnings included, with the data loaded and the memory of a step
 * tried; nothing is written, no checkpoint looked at, no progress told. Errors as there.
 * Thread-safe. */
int ax_train_check(const ax_train_options *o, ax_err *err);

#endif
