/* samples.h - what a user gives a model to look at: pictures, JSON, CSV and npy files as rows of
 * its inputs.
 *
 * The kind of a file is told by its content; every byte is hostile. */
#ifndef CLI_SAMPLES_H
#define CLI_SAMPLES_H

#include "axon.h"

enum { SAMPLES_INPUTS = 16 };

typedef struct samples {
    int64_t rows;
    void *data[SAMPLES_INPUTS]; /* per model input: rows * elements in the input's type */
    ax_arena mem;               /* owns the data                                        */
} samples;

/* Read one file ("-": standard input).
 *   PNG, JPEG: a model with one input of 1 or 3 channels; resized to it
 *   JSON:      a sample, an array of samples, or {"inputs":...} as POST /predict takes it, also
 *              called "instances", without its other fields; with several inputs
 *              {"inputs":{"NAME":[...],...}}
 *   npy:       (rows, ...), (rows, flat) or one sample
 *   CSV:       a row per sample, as many columns as the input has numbers; a first line without
 *              any number names the columns, one with a number is a sample
 * Numbers must be finite. -1 with file and place in the message; nothing is to be freed then. */
int samples_read(samples *s, const char *path, const ax_model_info *m, ax_err *err);
void samples_free(samples *s);

#endif
