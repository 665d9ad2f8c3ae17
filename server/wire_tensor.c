/* wire_tensor.c - nested or flat arrays of numbers, straight into a model's input buffer.
 *
 * How deep the first number sits decides how the array is to be read (batch or bare sample, nested
 * or flat); from then on every level has a known length, so what is ragged or too long is found
 * where it happens. Memory grows with the text that was really read: at most a few times the body.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "wire_cursor.h"

typedef struct layout {
    const ax_port *port;
    size_t size;                   /* bytes of an element                              */
    int levels;                    /* brackets around a number                         */
    int64_t want[AX_MAX_RANK + 2]; /* elements at each level; -1: the batch, or open   */
    int whole;                     /* no batch: what is open is what came first        */
    int64_t count;                 /* elements of one sample; 0: not known             */
    int64_t max_rows;
    const char *from; /* where the text of the tensor starts              */
    char *data;
    int64_t filled, capacity; /* elements                                         */
} layout;

static int reserve(cursor *c, layout *t, int64_t n)
{
    if (t->filled + n <= t->capacity)
        return 0;
    /* what this much text gave so far tells what the rest will give */
    double rate = t->filled ? (double)t->filled / (double)(c->p - t->from) : 0;
    int64_t guess = (int64_t)(rate * 1.05 * (double)(c->end - t->from)) + t->count;
    int64_t capacity = t->filled + n > guess ? t->filled + n : guess;
    char *data = ax_arena_raw(c->mem, (size_t)capacity * t->size);
    if (!data)
        return problem_set(c->why, 503, "out_of_memory", "the inputs do not fit into memory");
    if (t->filled)
        memcpy(data, t->data, (size_t)t->filled * t->size);
    t->data = data;
    t->capacity = capacity;
    return 0;
}

/* NaN, Infinity, -inf, -nan: as this or that language prints them. */
static int is_no_number(const char *text)
{
    text += *text == '-' || *text == '+';
    return !strncasecmp(text, "nan", 3) || !strncasecmp(text, "inf", 3);
}

static int not_of_type(cursor *c, const char *text, ax_dtype t)
{
    wire_fail(c, "out_of_range", "%s is not a value of the input's type, %s", text,
              ax_dtype_name(t));
    return ax_err_hint(&c->why->err, "%s are the whole numbers from %lld to %llu", ax_dtype_name(t),
                       (long long)ax_dtype_low(t), (unsigned long long)ax_dtype_high(t));
}

/* The element at c->p is not what the input takes. */
static int bad_element(cursor *c, const layout *t, float value)
{
    char text[WIRE_TOKEN];
    double d;
    wire_token(c, text);
    if (isinf(value))
        return wire_fail(c, "out_of_range", "%s is beyond the largest %s", text,
                         ax_dtype_name(t->port->dtype));
    if (is_no_number(text))
        return wire_fail(c, "out_of_range", "%s is not a finite number, which inputs must be",
                         text);
    if (at_char(c, '['))
        return wire_fail(c, "shape_mismatch",
                         "expected a number, got an array: nested too deep here");
    if (!*text || !strchr("-+.0123456789", *text))
        return wire_expected(c, "a number");
    if (number_read_f64(c->p, c->end, &d) || isinf(d))
        return not_of_type(c, text, t->port->dtype);
    return wire_fail(c, "parse_error",
                     "%s is not a number as JSON writes it: no leading zero, no plus sign, digits "
                     "on both sides of a point",
                     text);
}

/* One element that is not float32. The byte behind it or NULL; *why as number_read tells. */
static const char *read_other(const char *p, const char *end, ax_dtype dtype, char *to, float *why)
{
    const char *q;
    int negative;
    uint64_t v;
    *why = NAN;
    if (dtype == AX_F64) {
        double d;
        q = number_read_f64(p, end, &d);
        *why = (float)d;
        memcpy(to, &d, sizeof d);
        return q;
    }
    if (dtype == AX_BOOL && end - p >= 4 && !memcmp(p, "true", 4))
        return *to = 1, p + 4;
    if (dtype == AX_BOOL && end - p >= 5 && !memcmp(p, "false", 5))
        return *to = 0, p + 5;
    q = number_read_whole(p, end, &negative, &v);
    if (!q || !ax_whole_fits(dtype, negative, v))
        return NULL;
    ax_whole_write(dtype, to, 0, (int64_t)(negative ? 0 - v : v));
    return q;
}

/* Elements left up to the bracket that closes this array, c->p at one of them. For messages. */
static int64_t count_rest(cursor *c)
{
    for (int64_t n = 0;; n++) {
        skip_space(c);
        const char *from = c->p;
        if (c->p >= c->end || *c->p == ']' || wire_skip(c) < 0)
            return n;
        skip_space(c);
        if (at_char(c, ','))
            c->p++;
        if (c->p == from)
            return n; /* a brace that closes something else: the text is broken here */
    }
}

static int wrong_length(cursor *c, const layout *t, int64_t want, int64_t got)
{
    char shape[128];
    wire_fail(c, "shape_mismatch", "expected %lld elements, got %lld", (long long)want,
              (long long)got);
    problem_expect(c->why, "%lld", (long long)want);
    problem_got(c->why, "%lld", (long long)got);
    wire_shape(&t->port->shape, shape, sizeof shape);
    if (t->whole)
        return ax_err_hint(&c->why->err, "input '%s' has shape %s%s", t->port->name, shape,
                           t->port->dims ? ", -1 stands for any length, the same throughout" : "");
    return ax_err_hint(&c->why->err,
                       "a sample of input '%s' has shape %s, or is a flat array of %lld",
                       t->port->name, shape, (long long)t->count);
}

static int too_many_rows(cursor *c, const layout *t)
{
    problem_set(c->why, 413, "too_many_samples", "more than %lld samples in one request",
                (long long)t->max_rows);
    snprintf(c->why->err.at, sizeof c->why->err.at, "%s", c->field);
    return ax_err_hint(&c->why->err, "send them in parts, or raise --max-rows");
}

static const char *behind_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* The hot loop: up to n float32 with their commas. Stops before what is not a number, for the
 * careful loop to say so. *open: a comma was the last thing read. */
static int64_t read_floats(cursor *c, float *to, int64_t n, int *open)
{
    const char *p = c->p, *end = c->end;
    int64_t i = 0;
    *open = 1;
    while (i < n) {
        if (p < end && *p <= ' ')
            p = behind_space(p, end);
        const char *q = number_read(p, end, to + i);
        if (!q)
            break;
        i++;
        p = q < end && *q == ',' ? q : behind_space(q, end);
        if (p >= end || *p != ',') {
            *open = 0;
            break;
        }
        p++;
    }
    c->p = p;
    return i;
}

/* The numbers of one innermost array, c->p behind its bracket; takes the closing one. */
static int read_numbers(cursor *c, layout *t, int64_t want)
{
    if (want < 0 && t->whole)
        want = t->want[t->levels - 1] = count_rest(&(cursor){.p = c->p, .end = c->end});
    int64_t i = 0, limit = want < 0 ? t->max_rows : want;
    int open = 1, plain = t->port->dtype == AX_F32;
    if (want >= 0 && reserve(c, t, want) < 0)
        return -1;
    if (want >= 0 && plain) {
        i = read_floats(c, (float *)t->data + t->filled, want, &open);
        t->filled += i;
    }
    for (; open && i < limit; i++) {
        float value = NAN;
        const char *q = NULL;
        if (want < 0 && reserve(c, t, 1) < 0)
            return -1;
        char *to = t->data + (size_t)t->filled * t->size;
        skip_space(c);
        if (c->p < c->end) {
            if (plain) {
                q = number_read_slow(c->p, c->end, &value);
                memcpy(to, &value, 4);
            } else {
                q = read_other(c->p, c->end, t->port->dtype, to, &value);
            }
        }
        if (!q) {
            if (!i && at_char(c, ']'))
                break;
            c->index[c->depth++] = i;
            return bad_element(c, t, value);
        }
        c->p = q;
        t->filled++;
        skip_space(c);
        open = at_char(c, ',');
        c->p += open;
    }
    if (open && i == limit && i) {
        if (want < 0)
            return too_many_rows(c, t);
        int64_t rest = count_rest(c);
        return rest ? wrong_length(c, t, want, want + rest) : wire_expected(c, "a number");
    }
    if (!at_char(c, ']')) {
        c->index[c->depth++] = i - 1;
        return wire_expected(c, "',' or ']' after the number");
    }
    if (want >= 0 && i != want)
        return wrong_length(c, t, want, i);
    c->p++;
    return 0;
}

static int read_level(cursor *c, layout *t, int level)
{
    skip_space(c);
    if (!at_char(c, '['))
        return wire_expected(c, "an array");
    c->p++;
    int64_t want = t->want[level], i = 0;
    if (level == t->levels - 1)
        return read_numbers(c, t, want);
    skip_space(c);
    if (!at_char(c, ']')) {
        for (;; i++) {
            c->depth = level;
            if (want < 0 && !t->whole && i == t->max_rows)
                return too_many_rows(c, t);
            if (want >= 0 && i == want)
                return wrong_length(c, t, want, want + count_rest(c));
            c->index[c->depth++] = i;
            if (read_level(c, t, level + 1) < 0)
                return -1;
            c->depth = level + 1;
            skip_space(c);
            if (!at_char(c, ','))
                break;
            c->p++;
        }
        if (!at_char(c, ']'))
            return wire_expected(c, "',' or ']' after the array");
        i++;
    }
    c->depth = level;
    if (want >= 0 && i != want)
        return wrong_length(c, t, want, i);
    if (t->whole)
        t->want[level] = i;
    c->p++;
    return 0;
}

/* Brackets before the first number. */
static int nesting(cursor c)
{
    int n = 0;
    for (skip_space(&c); at_char(&c, '[') && n <= AX_MAX_RANK + 1; skip_space(&c))
        c.p++, n++;
    return n;
}

/* Elements of the first innermost array. */
static int64_t first_row(cursor c)
{
    for (skip_space(&c); at_char(&c, '['); skip_space(&c))
        c.p++;
    return count_rest(&c);
}

static int is_empty(cursor c)
{
    skip_space(&c);
    c.p += at_char(&c, '[');
    skip_space(&c);
    return at_char(&c, ']');
}

static int no_samples(cursor *c, const layout *t)
{
    char shape[128];
    wire_fail(c, "shape_mismatch", "the array is empty, expected at least one sample");
    return ax_err_hint(&c->why->err, "a sample of input '%s' has shape %s", t->port->name,
                       wire_shape(&t->port->shape, shape, sizeof shape));
}

static int wrong_depth(cursor *c, const layout *t, int depth)
{
    const ax_shape *s = &t->port->shape;
    char shape[128], flat[64] = "";
    if (!depth)
        return wire_expected(c, "an array");
    int many = depth > AX_MAX_RANK + 1;
    wire_fail(c, "shape_mismatch",
              "arrays are nested %s%d deep, which fits no reading of the input",
              many ? "more than " : "", many ? AX_MAX_RANK + 1 : depth);
    if (s->rank > 1)
        snprintf(flat, sizeof flat, ", or 2 deep with flat samples of %lld", (long long)t->count);
    return ax_err_hint(&c->why->err,
                       "input '%s' takes samples of shape %s: a batch is nested %d deep%s",
                       t->port->name, wire_shape(s, shape, sizeof shape), s->rank + 1, flat);
}

/* Decide how the array is to be read: fill levels and want. The batch forms go first. */
static int choose(cursor *c, layout *t, int *bare)
{
    const ax_shape *s = &t->port->shape;
    int depth = nesting(*c), flat = depth == 2 && s->rank > 2;
    if (s->rank == 2 && depth == 2)
        flat = first_row(*c) == t->count;
    *bare = 0;
    t->levels = depth;
    t->want[0] = -1;
    if (depth && is_empty(*c))
        return no_samples(c, t);
    if (flat) {
        t->want[1] = t->count;
    } else if (depth == s->rank + 1) {
        memcpy(t->want + 1, s->dim, sizeof s->dim[0] * (size_t)s->rank);
    } else if (depth == s->rank) {
        *bare = 1;
        memcpy(t->want, s->dim, sizeof s->dim[0] * (size_t)s->rank);
    } else if (depth == 1) {
        *bare = 1;
        t->want[0] = t->count;
    } else {
        return wrong_depth(c, t, depth);
    }
    return 0;
}

/* A model of one number, asked about one number. */
static int read_single(cursor *c, layout *t)
{
    float value = NAN;
    const char *q = NULL;
    if (reserve(c, t, 1) < 0)
        return -1;
    if (t->port->dtype == AX_F32 && c->p < c->end) {
        q = number_read_slow(c->p, c->end, &value);
        memcpy(t->data, &value, 4);
    } else if (c->p < c->end) {
        q = read_other(c->p, c->end, t->port->dtype, t->data, &value);
    }
    if (!q)
        return bad_element(c, t, value);
    c->p = q;
    t->filled = 1;
    return 0;
}

int wire_tensor(cursor *c, const ax_port *port, int64_t max_rows, void **data, int64_t *rows,
                int *bare)
{
    layout t = {.port = port,
                .size = ax_dtype_size(port->dtype),
                .max_rows = max_rows,
                .count = ax_shape_count(&port->shape),
                .from = c->p};
    c->depth = 0;
    if (t.count < 1)
        return wire_fail(c, "unsupported", "input '%s' has no fixed size", port->name);
    if (choose(c, &t, bare) < 0 || (t.levels ? read_level(c, &t, 0) : read_single(c, &t)) < 0)
        return -1;
    c->depth = 0;
    *data = t.data;
    *rows = t.filled / t.count;
    return 0;
}

/* ---- taken whole ------------------------------------------------------------------------------
 */

static int read_nested(cursor *c, layout *t, ax_shape *shape)
{
    const ax_shape *s = &t->port->shape;
    char want[128];
    t->levels = nesting(*c);
    if (t->levels > AX_MAX_RANK || (s->rank >= 0 && t->levels != s->rank)) {
        wire_fail(c, "shape_mismatch", "arrays are nested %d deep, expected %d", t->levels,
                  s->rank < 0 ? AX_MAX_RANK : s->rank);
        return ax_err_hint(&c->why->err, "input '%s' has shape %s", t->port->name,
                           wire_shape(s, want, sizeof want));
    }
    for (int i = 0; i < t->levels; i++)
        t->want[i] = s->rank < 0 ? -1 : s->dim[i];
    if ((t->levels ? read_level(c, t, 0) : read_single(c, t)) < 0)
        return -1;
    shape->rank = t->levels;
    memcpy(shape->dim, t->want, (size_t)t->levels * sizeof shape->dim[0]);
    return 0;
}

static int read_shape(cursor *c, const ax_port *port, ax_shape *shape)
{
    if (wire_take(c, '[', "an array of lengths") < 0)
        return -1;
    shape->rank = 0;
    skip_space(c);
    for (int more = !at_char(c, ']'); more;) {
        int i = shape->rank;
        skip_space(c);
        const char *q = number_read_i64(c->p, c->end, &shape->dim[i]);
        if (!q || shape->dim[i] < 0)
            return wire_expected(c, "a length");
        c->p = q;
        shape->rank++;
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
        if (more && shape->rank == AX_MAX_RANK)
            return wire_fail(c, "shape_mismatch", "more than %d lengths", AX_MAX_RANK);
    }
    const ax_shape *s = &port->shape;
    int fits = s->rank < 0 || s->rank == shape->rank;
    for (int i = 0; fits && s->rank >= 0 && i < s->rank; i++)
        fits = s->dim[i] < 0 || s->dim[i] == shape->dim[i];
    char want[128], got[128];
    if (!fits)
        return wire_fail(c, "shape_mismatch", "input '%s' has shape %s, not %s", port->name,
                         wire_shape(s, want, sizeof want), wire_shape(shape, got, sizeof got));
    return wire_take(c, ']', "',' or ']' after the length");
}

/* {"shape":[...],"data":[...]} */
static int read_flat(cursor *c, layout *t, ax_shape *shape)
{
    ax_err err;
    unsigned have = 0;
    c->p++;
    for (int more = 1; more;) {
        const char *name = wire_name(c, "\"shape\" or \"data\"");
        if (!name)
            return -1;
        int data = !strcmp(name, "data");
        if (!data && strcmp(name, "shape"))
            return wire_fail(c, "unknown_field", "unknown field '%.60s', expected shape and data",
                             name);
        if (have >> data & 1)
            return wire_fail(c, "duplicate_field", "'%s' is given twice", name);
        have |= 1u << data;
        if (wire_take(c, ':', "':' after the name") < 0)
            return -1;
        skip_space(c);
        if (data) {
            t->levels = 1;
            t->want[0] = -1;
            if (!at_char(c, '['))
                return wire_expected(c, "an array of numbers");
            if (read_level(c, t, 0) < 0)
                return -1;
        } else if (read_shape(c, t->port, shape) < 0) {
            return -1;
        }
        c->depth = 0;
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
    }
    if (have != 3)
        return wire_fail(c, "missing_field", "'%s' is missing", have & 1 ? "data" : "shape");
    if (ax_shape_count_checked(shape, t->size, &err) != t->filled) {
        char want[128];
        return wire_fail(c, "shape_mismatch", "%lld numbers for the shape %s", (long long)t->filled,
                         wire_shape(shape, want, sizeof want));
    }
    return wire_take(c, '}', "',' or '}' after the value");
}

int wire_whole_tensor(cursor *c, const ax_port *port, void **data, ax_shape *shape)
{
    layout t = {
        .port = port, .size = ax_dtype_size(port->dtype), .whole = 1, .max_rows = 1, .from = c->p};
    c->depth = 0;
    if (reserve(c, &t, 1) < 0 ||
        (at_char(c, '{') ? read_flat(c, &t, shape) : read_nested(c, &t, shape)) < 0)
        return -1;
    c->depth = 0;
    *data = t.data;
    return 0;
}
