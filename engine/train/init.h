/* init.h - what parameters start from: one row per initializer.
 *
 * Numbers come from the counter-based generator, one stream per parameter name, so they depend on
 * the seed and the name alone. Source of the scales: Glorot & Bengio 2010, He et al. 2015, LeCun
 * et al. 1998, Saxe et al. 2014. */
#ifndef AX_TRAIN_INIT_H
#define AX_TRAIN_INIT_H

#include "io/net.h"

/* Fill the parameter's bound memory. AX_ENOTFOUND for an unknown initializer. Thread-safe for
 * different parameters. */
int ax_init_fill(const ax_graph *g, const ax_init *init, uint64_t seed, ax_err *err);

/* Does it scale by ax_init.gain? */
int ax_init_scales(const char *name);

/* Is there such an initializer? */
int ax_init_check(const char *name, ax_err *err);

#endif
