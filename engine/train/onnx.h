/* onnx.h - a file of ONNX that is trained further: its graph as the training's, and a file of ONNX
 * in the end. Private to the trainer.
 *
 * The graph is imported for batches of one size, so every batch has that size: the last one of an
 * epoch is filled up with samples from the epoch's beginning. Normalisation goes on with the
 * statistics in the file, dropout stays what it is there: nothing. */
#ifndef AX_TRAIN_ONNX_H
#define AX_TRAIN_ONNX_H

#include "train/trainer.h"

/* Take the model, of which the trainer keeps a reference, and see what of it is learned and where a
 * new head goes. -1 with the place in the training spec. */
int ax_train_onnx_take(ax_trainer *t, ax_model *from, ax_err *err);

/* t->net, or with eval t->eval, for batches of config.batch_size, the head included. */
int ax_train_onnx_build(ax_trainer *t, int eval, ax_err *err);

/* The numbers that the file has for a parameter; NULL: it has none of that name. */
const void *ax_train_onnx_numbers(const ax_trainer *t, const char *param);

/* Write the file again with the weights of now and the new head. */
int ax_train_onnx_write(const ax_trainer *t, const char *training, ax_err *err);

#endif
