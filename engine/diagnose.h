/* diagnose.h - the inside of ax_diagnose(): diagnose.c runs the model, diagnose_count.c counts what
 * goes by, diagnose_judge.c gives verdicts. */
#ifndef AX_DIAGNOSE_H
#define AX_DIAGNOSE_H

#include "model.h"

/* Sums about the finite numbers of one unit, relative to the first of them. */
typedef struct ax_unit_sums {
    int64_t n;
    double shift, s1, s2, min, max;
} ax_unit_sums;

/* What is known of z, or of a, so far: (outer, units, inner) a sample. */
typedef struct ax_tally {
    int64_t outer, units, inner;
    int64_t count, non_finite, subnormal;
    ax_unit_sums *unit;
    int64_t bin[AX_HEALTH_BINS];
} ax_tally;

/* What is known of f'(z) at a unit so far. */
typedef struct ax_unit_slope {
    double peak; /* the largest |f'| between -6 and 6 */
    double largest;
    int64_t n, active, unity;
} ax_unit_slope;

/* One activation under watch. */
typedef struct ax_watch {
    ax_val z, a; /* of the net's graph */
    const char *layer, *activation;
    ax_act act;
    const float *slope; /* one number per unit instead of act.param[0]; or NULL */
    int has_slope, flat_both, is_output;
    double center; /* left of it f' vanishes to the left */
    ax_tally in, out;
    ax_unit_slope *unit;
    int64_t left, right, zeros; /* saturated z; a near 0 */
    double hoyer;
    int64_t hoyer_n;
} ax_watch;

/* Make w ready, its arrays in the arena: act, slope, has_slope and the extents are set. */
int ax_watch_init(ax_watch *w, ax_arena *mem);
/* One more sample. */
void ax_watch_add(ax_watch *w, const float *z, const float *a);
/* The sums as figures; lists go to the arena. -1: no memory. */
int ax_watch_finish(const ax_watch *w, ax_arena *mem, ax_layer_health *out);

/* Fill h->verdicts from h->layers, the worst first. -1 with err. */
int ax_health_judge(ax_health *h, ax_err *err);

#endif
