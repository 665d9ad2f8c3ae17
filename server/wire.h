/* wire.h - the body of a predict request, read in one pass.
 *
 * A strict pull parser for exactly this document; number arrays go straight into the buffers the
 * model will read, in the type and shape of the model's inputs. No tree is built. Duplicate keys,
 * unknown fields, ragged nesting, numbers that do not fit, anything behind the last brace: refused
 * with the place ("inputs[2][7]"), what was expected and what was there.
 * Thread rule: none shared; a parse is the caller's. */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "axon.h"
#include "problem.h"

enum { WIRE_INPUTS = 16, WIRE_OUTPUTS = 16, WIRE_TOP_MAX = 1000000, WIRE_DEADLINE_MAX = 86400000 };

/* Options may come in the URL or in the body, each once. */
enum {
    GIVEN_TOP = 1,
    GIVEN_OUTPUTS = 2,
    GIVEN_TIMINGS = 4,
    GIVEN_DEADLINE = 8,
    GIVEN_NON_FINITE = 16
};

typedef enum wire_non_finite {
    NON_FINITE_ERROR,
    NON_FINITE_NULL,
    NON_FINITE_STRING
} wire_non_finite;

typedef struct wire_request {
    unsigned given;    /* options that the URL has given: GIVEN_*                      */
    const char *model; /* "model", NULL when left out                                  */
    int64_t top;       /* 0: not asked                                                 */
    int timings;
    int64_t deadline_ms; /* 0: none                                                      */
    wire_non_finite non_finite;
    const char *outputs[WIRE_OUTPUTS]; /* names asked for                                 */
    int n_outputs;           /* 0: the model's own                                           */
    void *data[WIRE_INPUTS]; /* per model input: rows * elements, in the input's type     */
    int64_t rows;
    int bare;                    /* one sample without the batch dimension                       */
    int whole;                   /* the model takes tensors whole: rows is 1, bare set           */
    ax_shape shape[WIRE_INPUTS]; /* of each input, where they are taken whole             */
} wire_request;

/* The inputs a model takes, and whether whole, or as batches of samples. */
typedef struct wire_ports {
    const ax_port *port;
    int n, whole;
} wire_ports;

/* Which inputs does this model take? NULL asks for the model of a request that names none. Returns
 * 0 with *ports, or -1 with why. Called again when the name appears behind the inputs. */
typedef int (*wire_find)(void *ctx, const char *model, wire_ports *ports, problem *why);

/* Parse text[0..len). *out holds what the URL has given already, else zeros. Buffers and strings
 * come from mem. Returns 0, or -1 with why. */
int wire_parse(const char *text, size_t len, int64_t max_rows, wire_find find, void *ctx,
               ax_arena *mem, wire_request *out, problem *why);

/* A word of an option: "error", "null", "string". -1 with why when it is none of them. */
int wire_non_finite_word(const char *word, problem *why);

/* The body of a request that has no fields: nothing, or {}. Returns 0, or -1 with why. */
int wire_empty(const char *text, size_t len, ax_arena *mem, problem *why);

/* "[1,28,28]" into out, which is returned: a shape as JSON. */
const char *wire_shape(const ax_shape *s, char *out, size_t size);

#endif
