/* activations.h - what the files about activations share: one evaluation, and how an activation is
 * told in a URL. */
#ifndef SERVER_ACTIVATIONS_H
#define SERVER_ACTIVATIONS_H

#include "request.h"
#include "wire_numbers.h"

typedef struct evaluation {
    request *r;
    ax_act act;
    float *x;
    ax_shape shape;      /* of x                                           */
    int64_t derivatives; /* 0: f alone, 1: and f', 2: and f''              */
    wire_non_finite policy;
    int probe;           /* tell what the activation is like, too          */
    /* what a JSON body said about the activation, read later */
    const char *activation, *params;
    size_t activation_len, params_len;
    /* results, in the arena */
    float *y[3];
    ax_shape out;
} evaluation;

/* ---- activation_url.c: the query options; all return 0, or -1 with r->why ---- */

/* What options are that the route does not list: parameters of this activation, a mistake, or
 * somebody else's. */
typedef enum other_options { OTHER_MINE, OTHER_WRONG, OTHER_PASS } other_options;

/* The activation `name` of the catalogue or of ?dialect=, or the formula, whichever is not NULL. */
int activation_from_url(request *r, const char *name, const char *formula, other_options others,
                        ax_act *out);
/* An option that is a number, a whole number: *out stays where it is absent. */
int query_number(request *r, const char *option, double *out);
int query_whole(request *r, const char *option, int64_t lo, int64_t hi, int64_t *out);
/* "1,2.5,-Infinity": *x into r->mem, NULL when the option is absent. */
int query_numbers(request *r, const char *option, float **x, ax_shape *shape);
/* "string" or "null" as the option's or the field's value. */
int activation_policy(const char *word, wire_non_finite *out, problem *why);

/* An engine's error about an activation. A bad formula is 400, "bad_formula", with the column.
 * Always -1. */
int activation_refuse(problem *why, const ax_err *err);

/* ---- evaluate_read.c ---- */

/* The JSON body into e, but for the activation itself, whose text is remembered. */
int evaluation_read(evaluation *e, problem *why);
/* That text into e->act. Compiling a formula takes up to a few milliseconds. */
int evaluation_bind(evaluation *e, problem *why);

/* ---- evaluate.c ---- */

/* Does x fit the activation? Then e->out is the shape of what comes out. */
int evaluation_check(evaluation *e, problem *why);
/* e->y, then. -1: no memory. */
int evaluation_run(evaluation *e, problem *why);
/* "y":...,"dy":...,"d2y":... as far as asked for. */
void evaluation_put(const evaluation *e, buf *b);

#endif
