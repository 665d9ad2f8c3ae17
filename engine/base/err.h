/* err.h - an error is a value: what kind, what happened, where, and what to do about it.
 *
 * Every function that can fail takes a trailing `ax_err *err` (may be NULL when the caller does not
 * care) and returns a negative int or NULL. The library never prints, exits or keeps a last error.
 * Thread rule: an ax_err belongs to the caller's thread. */
#ifndef AX_BASE_ERR_H
#define AX_BASE_ERR_H

typedef enum ax_code {
    AX_OK = 0,
    AX_EINVAL,       /* an argument or field has a value that makes no sense     */
    AX_EPARSE,       /* bytes do not follow their grammar (JSON, CSV, PNG...)     */
    AX_ESHAPE,       /* shapes do not fit each other                              */
    AX_ETYPE,        /* wrong type: a string where a number belongs, int64...     */
    AX_ERANGE,       /* a number outside its bounds, NaN or infinity where finite */
    AX_ENOTFOUND,    /* no such file, model, layer, activation...                 */
    AX_EEXIST,       /* it is already there                                       */
    AX_ELIMIT,       /* a size, depth or count above the allowed bound            */
    AX_ENOMEM,       /* memory could not be had                                   */
    AX_EIO,          /* the operating system refused                              */
    AX_ECORRUPT,     /* a file contradicts itself, or its self-test failed        */
    AX_EUNSUPPORTED, /* understood, but this program cannot do it                 */
    AX_EUNKNOWN,     /* it has to know a number before that only a run can tell   */
    AX_ENONFINITE,   /* a computation gave NaN or infinity                        */
    AX_ECANCELED     /* stopped on request                                        */
} ax_code;

typedef struct ax_err {
    ax_code code;
    char msg[512];  /* one sentence: the thing, its value, what was expected     */
    char at[160];   /* where, as a path: "layers[2].filters", "inputs[0][7]"; "" */
    char hint[256]; /* what to do: nearest name, a limit to raise; ""            */
} ax_err;

/* Fill err (if not NULL) with code and a printf-formatted message; at and hint are cleared. The
 * arguments may point into err itself. Here and below the text is cut to its room and made safe to
 * show: always well-formed UTF-8 on one line (a hint may have several), whatever bytes a name from
 * outside has.
 * Always returns -1, so that `return ax_fail(...)` reads well. */
int ax_fail(ax_err *err, ax_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put a path element in front of err->at while the error travels outwards:
 * "filters", then "layers[2]" gives "layers[2].filters"; "[7]" after "inputs" gives "inputs[7]".
 * Too long a path keeps its outermost part. Returns -1. */
int ax_err_in(ax_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set the hint. Returns -1. */
int ax_err_hint(ax_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "invalid", "parse_error", "shape_mismatch"...: the stable word that clients see as "code". */
const char *ax_code_name(ax_code code);

/* The entry of names[0..n) nearest to `name` by edit distance, letter case aside, or NULL when none
 * is close (distance above a third of the longer length, and neither begins with the other). For
 * hints: "did you mean 'relu'?". */
const char *ax_nearest(const char *name, const char *const *names, int n);

#endif
