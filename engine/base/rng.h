/* rng.h - counter-based random numbers (Philox4x32-10).
 *
 * A number is a pure function of (seed, stream, index): no hidden state, so the same seed gives the
 * same bits on any number of threads, a checkpoint needs only the index, and a dropout mask can be
 * made again instead of stored. Source: Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011. All functions are thread-safe. */
#ifndef AX_BASE_RNG_H
#define AX_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct ax_rng {
    uint64_t seed;   /* the user's seed                                              */
    uint64_t stream; /* which use: an initializer, a layer's dropout at a step, shuffle */
} ax_rng;

/* Four 32-bit words for block `index` of the stream. */
void ax_rng_block(ax_rng r, uint64_t index, uint32_t out[4]);

uint32_t ax_rng_u32(ax_rng r, uint64_t i);              /* the i-th word of the stream   */
float ax_rng_uniform(ax_rng r, uint64_t i);             /* [0,1), 24 bits                */
double ax_rng_normal(ax_rng r, uint64_t i);             /* N(0,1), Box-Muller in double  */
uint64_t ax_rng_below(ax_rng r, uint64_t i, uint64_t n); /* [0,n), n >= 1, without bias to 2^-32 */

/* perm[0..n) becomes a permutation of 0..n-1 (Fisher-Yates). */
void ax_rng_shuffle(ax_rng r, uint32_t *perm, size_t n);

/* A stream number from a name, so that streams do not collide by accident (FNV-1a). */
uint64_t ax_rng_name(const char *name);

#endif
