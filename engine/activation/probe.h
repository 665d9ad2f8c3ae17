/* probe.h - what an element-wise activation is like, found out by looking at it: where it has no
 * value, its range, how steep it gets, where it vanishes, how accurate it is. Made for formulas of
 * users, about which nothing is known; rows of the catalogue can be asked as well.
 *
 * Looked at are 32 numbers of each binade of float32 of either sign, 8192 numbers on [-24, 24], and
 * what turns out to be interesting down to the single number. Thread-safe. */
#ifndef AX_ACTIVATION_PROBE_H
#define AX_ACTIVATION_PROBE_H

#include "activation/activation.h"
#include "activation/marks.h"

enum { AX_PROBE_PIECES = 8 };

typedef struct ax_probe_piece {
    float from, to; /* both included */
} ax_probe_piece;

/* A number that f or f' takes, and where. */
typedef struct ax_probe_extreme {
    double y;
    float x;
} ax_probe_extreme;

typedef struct ax_probe {
    /* stretches of finite x where f is NaN, and where it is infinite; pieces beyond the room are
     * counted, too */
    int nans, infinities;
    ax_probe_piece nan[AX_PROBE_PIECES], infinite[AX_PROBE_PIECES];
    /* a number in [-20, 20] where f or f' is NaN or infinite, or NaN: none. Do not train with it.
     */
    float untrainable;
    ax_probe_extreme low, high; /* least and greatest value, infinities included */
    int rising, falling;        /* never decreases, never increases, up to rounding */
    ax_probe_extreme steepest;  /* |f'|: a Lipschitz bound, if there are no jumps */
    double left, right;         /* f at -inf and inf; NaN: no limit */
    /* jumps, kinks, poles, places where f' alone is infinite, and extremes (changes of sign of f') on
     * [-24, 24], sorted */
    int marks;
    ax_mark mark[AX_MARKS];
    /* f is 0 for all x <= zero_below or >= zero_above, f' for flat_..., where jumps count
     * as flat; NaN: it is not */
    float zero_below, zero_above, flat_below, flat_above;
    /* largest errors of f, f' and f'' in ULP of float32 found against 113 bits, at how many numbers
     * they could be told (0: nothing is known). Near a zero of f' many ULP are little. */
    ax_probe_extreme ulp[3];
    int judged[3];
    /* under Z ~ N(0,1): E f, E f^2, E f'^2, NaN where it is infinite or cannot be told, and the
     * gains 1/sqrt of the latter two, NaN for 0, too */
    double mean, square, slope_square, gain, gain_back;
} ax_probe;

/* Fill *out; a must be element-wise. -1 when memory is short. Takes tens of milliseconds. */
int ax_act_probe(const ax_act *a, ax_probe *out, ax_err *err);

/* {"nan":{"count","where":[{"from","to"}]},"infinite":{...},"trainable","untrainable_at","low":{"y","x"},
 * "high","monotone":"rising"|"falling"|"constant"|null,"steepest","limits":{"left","right"},"marks":[{"kind",
 * "x","y"}],"zero":{"up_to","from"},"flat","ulp":{"f":{"max","x","numbers"},"df","d2f"},"normal":{"mean",
 * "square","slope_square","gain","gain_back"}}. What there is not is null. The caller deletes it; NULL:
 * no memory. */
cJSON *ax_act_probe_json(const ax_probe *p);
/* "rising", "falling", "constant" or "". */
const char *ax_act_probe_trend(const ax_probe *p);

/* The least and the greatest value, infinities included, as in ax_probe: NaN where f has no value
 * at all. Takes milliseconds. */
int ax_act_range(const ax_act *a, ax_probe_extreme *low, ax_probe_extreme *high, ax_err *err);

/* 0 if f, f' and the derivatives by learned parameters are finite on [-20, 20], at 64 numbers of
 * each unit; else AX_ENONFINITE with the number. A few milliseconds at most. */
int ax_act_trainable(const ax_act *a, ax_err *err);

/* Moments of f(Z) and f'(Z), Z ~ N(0,1), by quadrature (gain.c): E f, E f^2, E f'^2. */
void ax_act_moments(const ax_act *a, double moment[3]);

#endif
