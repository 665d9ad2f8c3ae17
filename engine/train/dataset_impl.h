/* dataset_impl.h - what the sources of a data set share; private to dataset*.c. */
#ifndef AX_TRAIN_DATASET_IMPL_H
#define AX_TRAIN_DATASET_IMPL_H

#include "train/dataset.h"

enum { AX_MAX_CLASSES = 100000 };

/* Bytes that one array, or the table behind it, may take. Servers read data sets in their own process:
 * so a quarter of what a process may have, since a small file may hold a large array, packed. */
int64_t ax_dataset_limit(void);

/* Leave the malloc'ed p (NULL is fine) to d; gives p. */
void *ax_dataset_own(ax_dataset *d, void *p);

/* Take x and y (borrowed or owned by d already) as one part of the data set. */
int ax_dataset_take(ax_dataset *d, ax_samples *s, ax_tensor *x, ax_tensor *y, ax_err *err);

/* source: {"csv":PATH,...}, its path taken out (NULL: it is none). */
int ax_dataset_csv(ax_dataset *d, const cJSON *source, const char *path, ax_err *err);

/* A pair of IDX files as one part of the data set. */
int ax_dataset_idx(ax_dataset *d, ax_samples *s, const char *images, const char *labels, ax_err *err);

/* Any source but a name; on failure d is to be freed by the caller. */
int ax_dataset_source(ax_dataset *d, const cJSON *source, int allow_paths, ax_err *err);

/* By name, likewise. */
int ax_dataset_named(ax_dataset *d, const char *name, const char *data_dir, ax_err *err);

#endif
