/* diagnose.h - `axond inspect --data`: the health of a model's activations for people. */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include "axon.h"

/* Let the model look at `samples` samples (at most) of a file (cli/samples.h), of a named data set, or
 * at noise from the seed where data is "noise". threads 0: one per core. 0 and *h, to be freed with
 * ax_health_free(); -1 with err. */
int diagnose(ax_model *m, const char *data, int64_t samples, uint64_t seed, int threads, ax_health *h,
             ax_err *err);

/* A table of the layers and the verdicts to stdout. -1: no memory. */
int diagnose_print(const ax_health *h);

#endif
