/* wire_cursor.h - what wire.c, wire_text.c and wire_tensor.c share: a place in a JSON text and how
 * to complain.
 */
#ifndef SERVER_WIRE_CURSOR_H
#define SERVER_WIRE_CURSOR_H

#include "wire.h"

typedef struct cursor {
    const char *p, *start, *end;
    ax_arena *mem;
    problem *why;
    /* the place of p for messages: field.port[index[0]][index[1]]... */
    const char *field, *port;
    int64_t index[AX_MAX_RANK + 2];
    int depth;
} cursor;

static inline void skip_space(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
}

static inline int at_char(const cursor *c, char x)
{
    return c->p < c->end && *c->p == x;
}

/* Fill why with the place of the cursor. Always -1. */
int wire_fail(cursor *c, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "expected <what>, got <what is at p>" as a parse error, or wrong_type when a value is there. */
int wire_expected(cursor *c, const char *what);

/* Skip white space, then take x or fail saying so. */
int wire_take(cursor *c, char x, const char *what);

/* White space, then a string that is a name, which `what` describes; NULL on failure. */
const char *wire_name(cursor *c, const char *what);

/* What stands at p up to the next comma, bracket, brace or space, cut to fit; for messages. */
enum { WIRE_TOKEN = 32 };
const char *wire_token(const cursor *c, char text[WIRE_TOKEN]);

/* A string at p, unescaped, into the arena; NULL on failure. */
const char *wire_string(cursor *c);

/* Step over one value without looking inside; -1 (without a message) when there is none or it does
 * not end. */
int wire_skip(cursor *c);

/* One tensor that is taken whole: nested arrays, or {"shape":[...],"data":[...]}; *shape, of the
 * port's rank and dimensions where those are not open, says what came. */
int wire_whole_tensor(cursor *c, const ax_port *port, void **data, ax_shape *shape);

/* Samples of one input: c->p is at its value. */
int wire_tensor(cursor *c, const ax_port *port, int64_t max_rows, void **data, int64_t *rows,
                int *bare);

#endif
