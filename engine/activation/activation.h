/* activation.h - the heart: activation functions, exact everywhere.
 *
 * One row of catalog.c describes a function for people and machines; the kernels evaluate it and
 * its derivatives in double lanes, so a float32 result is within 1 ULP of the mathematics for every
 * float32 input, on every instruction set with the same bits, vector body and tail alike.
 *
 * An ax_act is a row bound to parameter values: small, copied by value, needs no freeing.
 * Element-wise functions work on stretches of numbers; vector functions (softmax...) on rows along
 * an axis. NaN in gives NaN out. All functions are thread-safe and never fail: what can go wrong is
 * caught when an ax_act is made. */
#ifndef AX_ACTIVATION_ACTIVATION_H
#define AX_ACTIVATION_ACTIVATION_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define AX_ACT_PARAMS   10
#define AX_ACT_DIALECTS 8
#define AX_ACT_PIECES   (-1)

typedef enum ax_act_kind {
    AX_ACT_ELEMENT, /* y[i] depends on x[i]             */
    AX_ACT_VECTOR   /* a row along an axis as a whole   */
} ax_act_kind;

typedef struct ax_act_param {
    const char *name; /* "alpha"; NULL ends the list                   */
    double def, min, max;
    int learnable; /* may be learned; a formula's are then        */
    const char *doc;
} ax_act_param;

/* The same function elsewhere: "keras", "LeakyReLU", "alpha=0.3". */
typedef struct ax_act_dialect {
    const char *dialect;  /* "pytorch", "keras", "jax" or "onnx"; NULL ends the list */
    const char *name;     /* what it is called there                                  */
    const char *defaults; /* "alpha=0.2,beta=0.5" where they differ from ours; or NULL */
} ax_act_dialect;

typedef struct ax_formula ax_formula;

typedef struct ax_act_row {
    const char *name;
    const char *aliases[4]; /* NULL-terminated */
    const char *family;     /* "rectifier", "sigmoidal", "gated", "normalising"... */
    ax_act_kind kind;
    const char *formula;    /* the truth: element-wise rows in the grammar of formula.h */
    const char *derivative; /* as text                   */
    const char *range;      /* "[0, inf)"                */
    const char *onnx;       /* operator and first opset, "" when there is none */
    const char *paper;      /* where it comes from, "" when nobody knows       */
    const char *doc;        /* one line of advice        */
    ax_act_param params[AX_ACT_PARAMS + 1];
    ax_act_dialect dialects[AX_ACT_DIALECTS];
    unsigned whole; /* bit i: parameter i is a whole number, 0 and 1 stand for false and true */
    /* vector rows: n numbers become n * out_mul / out_div; 0 counts as 1, AX_ACT_PIECES is the
     * value of the first parameter */
    int out_mul, out_div;
    int from_input; /* ax_act_rows_backward wants x instead of y */
    /* internal: what evaluates it */
    int kernel;                /* a row of the catalogue              */
    const ax_formula *program; /* a formula of the user's; else NULL  */
} ax_act_row;

typedef struct ax_act {
    const ax_act_row *row;
    double param[AX_ACT_PARAMS];
    unsigned learned;           /* bit i: training learns parameter i                   */
    const ax_formula *gradient; /* where one is: the derivatives by parameters; a row of the
                                 * catalogue is evaluated by its kernel nevertheless    */
} ax_act;

/* The catalogue, in display order. */
const ax_act_row *ax_act_catalog(int *count);
/* By name or alias; NULL when unknown. */
const ax_act_row *ax_act_find(const char *name);

/* The row with its default parameters. AX_ENOTFOUND with the nearest name as hint. */
int ax_act_by_name(const char *name, ax_act *out, ax_err *err);
/* Set a parameter by name, within its bounds. */
int ax_act_set(ax_act *a, const char *param, double value, ax_err *err);
/* "relu", {"name":"elu","alpha":0.5,"dialect":"keras"}, {"name":"swish","learnable":["beta"]} or
 * {"formula":"x*sigmoid(beta*x)","params":{"beta":1.7}}. Unknown fields, out-of-bounds values and
 * parameters that cannot be learned are errors. A formula, or that of a row with learned
 * parameters, is compiled into the arena, which must outlive every copy of *out. */
int ax_act_from_json(const cJSON *json, ax_arena *arena, ax_act *out, ax_err *err);
/* The reverse: a string when all parameters are the defaults and none is learned. The caller owns
 * the result. */
cJSON *ax_act_to_json(const ax_act *a);

/* ---- element-wise (row->kind == AX_ACT_ELEMENT); x == y is allowed ---- */
void ax_act_forward(const ax_act *a, const float *x, float *y, size_t n);
void ax_act_derivative(const ax_act *a, const float *x, float *dydx, size_t n);
void ax_act_second(const ax_act *a, const float *x, float *d2ydx2, size_t n);
/* dx = dy * f'(x), the product made in double and rounded once; dx may be dy */
void ax_act_backward(const ax_act *a, const float *x, const float *dy, float *dx, size_t n);
/* same signature as ax_epilogue.act; ctx is an ax_act */
void ax_act_epilogue(const void *ctx, const float *x, float *y, size_t n);

/* ---- vector; the row of length len has its elements `inner` apart; outer*inner rows ---- */
/* How long the row of y is that a row of len becomes; -1 when len is not a multiple of
 * ax_act_out_div(). */
int64_t ax_act_out_len(const ax_act *a, int64_t len);
int64_t ax_act_out_div(const ax_act *a);
/* x is (outer, len, inner), y (outer, ax_act_out_len(len), inner); x == y is allowed where the
 * lengths are equal */
void ax_act_rows(const ax_act *a, const float *x, float *y, int64_t outer, int64_t len,
                 int64_t inner);
/* dx from dy (vjp) and y = f(x), or from x where row->from_input; dx may be dy in the
 * first case and x in the second */
void ax_act_rows_backward(const ax_act *a, const float *saved, const float *dy, float *dx,
                          int64_t outer, int64_t len, int64_t inner);
/* y = x + Gumbel noise, x == y allowed: -ln(-ln u), u = (word + 1/2) / 2^32 of each element's own
 * random word */
void ax_act_add_gumbel(const uint32_t *word, const float *x, float *y, size_t n);

/* Gain for initializers: 1/sqrt(E f(Z)^2), Z ~ N(0,1), by adaptive quadrature; 1 for vector
 * functions, NaN where the expectation is 0, infinite or cannot be told. */
double ax_act_gain(const ax_act *a);

#endif
