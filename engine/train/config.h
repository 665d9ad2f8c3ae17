/* config.h - the training spec (JSON, docs/model-format.md) read into fields, every one checked. */
#ifndef AX_TRAIN_CONFIG_H
#define AX_TRAIN_CONFIG_H

#include "io/net.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/schedule.h"

typedef struct ax_train_config {
    cJSON *json; /* owns what the pointers below borrow */
    const cJSON *model, *dataset, *head; /* head NULL: the model keeps its end */
    const cJSON *freeze;                  /* names; NULL: none                 */
    int freeze_all;                       /* all layers that the model had     */
    const ax_loss_row *loss; /* NULL: what fits the last layer */
    double loss_param;
    ax_optimizer optimizer;
    ax_schedule schedule;
    ax_augment augment;
    double validation_split, gradient_clip; /* clip 0: none */
    int64_t batch_size, epochs, checkpoint_every;
    uint64_t seed;
    int shuffle, normalize;
    /* early stopping; patience 0: none */
    int64_t patience;
    int early_accuracy, early_validation; /* which number is watched      */
    int restore_best;                     /* the best epoch's weights win */
    const char *publish;                  /* model name or NULL */
    uint64_t hash;                        /* of the whole spec: a checkpoint belongs to it */
} ax_train_config;

/* -1 with the place in err->at. */
int ax_train_config_read(ax_train_config *c, const char *text, size_t len, ax_err *err);
void ax_train_config_fini(ax_train_config *c);

#endif
