/* dataset_impl.h - what the sources of a data set share; private to dataset.c and dataset_csv.c. */
#ifndef AX_TRAIN_DATASET_IMPL_H
#define AX_TRAIN_DATASET_IMPL_H

#include "train/dataset.h"

enum { AX_MAX_CLASSES = 100000 };

/* Leave the malloc'ed p (NULL is fine) to d; gives p. */
void *ax_dataset_own(ax_dataset *d, void *p);

/* Take x and y (borrowed or owned by d already) as one part of the data set. */
int ax_dataset_take(ax_dataset *d, ax_samples *s, ax_tensor *x, ax_tensor *y, ax_err *err);

/* source: {"csv":PATH,...}, its path taken out. */
int ax_dataset_csv(ax_dataset *d, const cJSON *source, const char *path, ax_err *err);

#endif
