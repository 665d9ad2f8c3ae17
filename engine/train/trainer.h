/* trainer.h - the inside of a training run, shared by trainer.c (the loop), setup.c (everything
 * before the first step), targets.c, evaluate.c, publish.c and checkpoint.c. */
#ifndef AX_TRAIN_TRAINER_H
#define AX_TRAIN_TRAINER_H

#include "model.h"
#include "train/config.h"
#include "train/metrics.h"

/* A plan and its memory for one batch size. */
typedef struct ax_batch_plan {
    int64_t batch;
    ax_plan *plan;
    ax_exec *exec;
} ax_batch_plan;

typedef struct ax_trainer ax_trainer;

/* Samples on their way into a plan. */
typedef struct ax_batch {
    const ax_trainer *t;
    const ax_samples *from;
    const uint32_t *samples; /* [n] of `from`                                       */
    int64_t n;
    const ax_augment *augment; /* NULL: as they are                                 */
    uint64_t draw;             /* the number of the first sample's random draw      */
    float *x;                  /* (n, x_shape)                                      */
    void *target;              /* (n) classes or (n, width) floats; NULL: not asked for */
} ax_batch;

/* Everything that changes while training, besides weights and slots: a checkpoint holds it. */
typedef struct ax_train_state {
    int64_t step;     /* steps done, in all                        */
    int64_t epoch;    /* epochs done                               */
    int64_t in_epoch; /* steps done in the epoch that is under way */
    int64_t samples;  /* training samples seen, in all             */
    double seconds;
    double loss_sum; /* of the epoch under way                    */
    int64_t correct, decided, seen;
    double best;      /* early stopping: the best value so far */
    int64_t best_epoch, waited;
    double loss, accuracy, val_loss, val_accuracy; /* of the last epoch */
} ax_train_state;

struct ax_trainer {
    const ax_train_options *options;
    ax_train_config config;
    ax_dataset data;
    ax_pool *pool;
    ax_arena arena;

    ax_net net;      /* the training graph, loss and gradients included  */
    ax_net eval;     /* the same model for inference, on the same weights */
    ax_task task;
    const ax_loss_row *loss;
    int classes;      /* targets are class numbers                        */
    int64_t width;    /* numbers per output row                           */
    ax_val target, total, prediction;
    ax_val *grads;    /* [n_inits] or AX_NONE                             */
    float **slots[2]; /* optimizer's, [n_inits]                           */
    float **best;     /* [n_inits] the best epoch's weights, or NULL      */
    ax_batch_plan plans[4]; /* training: full and last batch; evaluation: likewise */

    uint32_t *split;  /* sample numbers: training first, then validation  */
    uint32_t *order;  /* of the epoch                                     */
    int64_t n_train, n_val, steps_per_epoch, steps;
    int drawn;        /* the weights are those of the initializers        */
    ax_model *onnx;   /* trained further, a file of ONNX: that; NULL: none, see onnx.h */
    unsigned char *learned; /* of it, by initializer                          */
    const char *cut;        /* the value behind which its new head begins; NULL: none */
    ax_shape cut_shape;     /* of that, with the batch                                */
    int kept;         /* trained further: layers of the model that stay   */
    cJSON *frozen;    /* names of the layers that are; NULL: none         */
    ax_train_state state;
    double last_report, last_save, started; /* clocks in seconds */
    int lock; /* of the checkpoint folder, -1: none */

    ax_batch batch[2]; /* that of step k is batch[k & 1]: the other one is filled meanwhile */
    int64_t ready;     /* the step whose batch is filled, -1: none                          */
    float *scratch;    /* for the norm of the gradients                                     */
    ax_metrics validation;
};

/* setup.c: 0 when the first step can be made. */
int ax_trainer_open(ax_trainer *t, const ax_train_options *o, ax_err *err);
void ax_trainer_close(ax_trainer *t);
/* Tell options->warn what is hardly meant, where the weights are drawn here and not read. */
void ax_trainer_warn(const ax_trainer *t);
int64_t ax_param_count(const ax_trainer *t, int i); /* numbers of parameter i */
float *ax_param_data(const ax_trainer *t, int i);

/* targets.c: bring the data's targets into the form that t->loss takes; the model and its width are
 * known. */
int ax_trainer_fit_targets(ax_trainer *t, ax_err *err);

/* evaluate.c: put the samples where b says. _later: by ax_pool_put_off(); b lives until it is done. */
void ax_batch_fill(const ax_batch *b);
void ax_batch_fill_later(ax_batch *b);
/* The plan among plans[2*eval..] for this batch size, made when needed. NULL on failure. */
ax_batch_plan *ax_trainer_plan(ax_trainer *t, int eval, int64_t batch, ax_err *err);
/* All that the steps and the looks at the validation data will need, so that none of them
 * allocates. */
int ax_trainer_prepare(ax_trainer *t, ax_err *err);

/* Run samples[0..n) of s through the evaluation graph. */
int ax_trainer_evaluate(ax_trainer *t, const ax_samples *s, const uint32_t *samples, int64_t n,
                        ax_metrics *m, ax_err *err);
/* The same through a finished model file, as it will be served. */
int ax_trainer_test(ax_trainer *t, ax_model *model, const ax_samples *s, ax_metrics *m, ax_err *err);

/* publish.c: may the model be written there? AX_EINVAL where a file is that is no model. */
int ax_trainer_check_out(const char *path, ax_err *err);
/* publish.c: write the model; when there are test samples, measure it as it will be served, and write
 * the figures into it and into r. */
int ax_trainer_publish(ax_trainer *t, ax_train_result *r, ax_err *err);

/* checkpoint.c. _prepare: the folder is there, ours alone, and can be written, which is better known
 * before the first step than after hours. */
int ax_checkpoint_prepare(ax_trainer *t, ax_err *err);
int ax_checkpoint_write(ax_trainer *t, ax_err *err);
/* 1: continued from one; 0: there is none. */
int ax_checkpoint_read(ax_trainer *t, ax_err *err);

#endif
