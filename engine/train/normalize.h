/* normalize.h - "normalize": the model's input gets the mean and standard deviation of what it
 * learns from, so that its clients send raw numbers. */
#ifndef AX_TRAIN_NORMALIZE_H
#define AX_TRAIN_NORMALIZE_H

#include <cjson/cJSON.h>

#include "train/dataset.h"

/* Mean and standard deviation of each channel (the first dimension of the input's shape: a feature, or
 * a plane of a picture) over samples[0..n) of d's training part, after the input's "scale", in double
 * and in a fixed order, become "mean" and "std" of the only input of spec. What is constant gets the
 * standard deviation 1. -1 with the place in the spec: AX_EINVAL when the input has one of its own;
 * what else is wrong with the spec is left to who builds it. */
int ax_normalize(cJSON *spec, const ax_dataset *d, const uint32_t *samples, int64_t n, ax_err *err);

#endif
