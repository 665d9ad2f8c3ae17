/* wire.c - the predict body: syntax, options, and which model the inputs are for; see wire.h.
 *
 * The inputs may come before the name of the model they are meant for. They are then read for the
 * default model at once, which is nearly always right, and read again if the name says otherwise.
 */
#include "wire.h"

#include <stdio.h>
#include <string.h>

#include "number.h"
#include "wire_cursor.h"

/* ---- fields ---------------------------------------------------------------------------------- */

typedef struct parse {
    cursor c;
    wire_request *out;
    wire_find find;
    void *ctx;
    int64_t max_rows;
    wire_ports ports;   /* that the inputs were read for; port NULL: not read    */
    const char *inputs; /* where the value of "inputs" is; NULL: not seen        */
    problem later;      /* why it could not be read, unless the name comes later */
    int pending;
} parse;

static int read_int(cursor *c, int64_t lo, int64_t hi, int64_t *out)
{
    int64_t v;
    const char *q = c->p < c->end ? number_read_i64(c->p, c->end, &v) : NULL;
    if (!q && !(c->p < c->end && strchr("-0123456789", *c->p)))
        return wire_expected(c, "a whole number");
    if (!q || v < lo || v > hi) {
        char text[WIRE_TOKEN];
        wire_fail(c, "out_of_range", "%s is not a whole number from %lld to %lld",
                  wire_token(c, text), (long long)lo, (long long)hi);
        problem_expect(c->why, "\"%lld to %lld\"", (long long)lo, (long long)hi);
        return -1;
    }
    *out = v;
    c->p = q;
    return 0;
}

static int field_model(parse *s)
{
    return (s->out->model = wire_string(&s->c)) ? 0 : -1;
}

static int field_top(parse *s)
{
    return read_int(&s->c, 1, WIRE_TOP_MAX, &s->out->top);
}

static int field_deadline(parse *s)
{
    return read_int(&s->c, 1, WIRE_DEADLINE_MAX, &s->out->deadline_ms);
}

static int field_timings(parse *s)
{
    cursor *c = &s->c;
    int yes = c->end - c->p >= 4 && !memcmp(c->p, "true", 4);
    if (!yes && !(c->end - c->p >= 5 && !memcmp(c->p, "false", 5)))
        return wire_expected(c, "true or false");
    c->p += yes ? 4 : 5;
    s->out->timings = yes;
    return 0;
}

int wire_non_finite_word(const char *word, problem *why)
{
    static const char *const words[] = {"error", "null", "string"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(word, words[i]))
            return i;
    const char *near = ax_nearest(word, words, 3);
    problem_set(why, 400, "invalid", "non_finite: '%.40s' is not one of error, null, string", word);
    snprintf(why->err.at, sizeof why->err.at, "non_finite");
    if (near)
        ax_err_hint(&why->err, "did you mean '%s'?", near);
    return -1;
}

static int field_non_finite(parse *s)
{
    const char *word = wire_string(&s->c);
    if (!word)
        return -1;
    int v = wire_non_finite_word(word, s->c.why);
    if (v < 0)
        return -1;
    s->out->non_finite = (wire_non_finite)v;
    return 0;
}

static int field_outputs(parse *s)
{
    cursor *c = &s->c;
    if (wire_take(c, '[', "an array of names") < 0)
        return -1;
    for (int more = 1; more; s->out->n_outputs++) {
        int n = s->out->n_outputs;
        c->depth = 0;
        c->index[c->depth++] = n;
        if (n == WIRE_OUTPUTS)
            return wire_fail(c, "limit_exceeded", "more than %d outputs in one request", n);
        skip_space(c);
        if (!(s->out->outputs[n] = wire_string(c)))
            return -1;
        for (int i = 0; i < n; i++)
            if (!strcmp(s->out->outputs[i], s->out->outputs[n]))
                return wire_fail(c, "invalid", "'%s' is asked for twice", s->out->outputs[n]);
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
    }
    c->depth = 0;
    return wire_take(c, ']', "',' or ']' after the name");
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static int one_input(parse *s, const ax_port *port, int i, int first)
{
    int64_t rows;
    int bare;
    cursor *c = &s->c;
    s->out->whole = s->ports.whole;
    if (s->ports.whole) {
        s->out->rows = s->out->bare = 1;
        return wire_whole_tensor(c, port, &s->out->data[i], &s->out->shape[i]);
    }
    if (wire_tensor(c, port, s->max_rows, &s->out->data[i], &rows, &bare) < 0)
        return -1;
    if (!first && bare != s->out->bare)
        return wire_fail(c, "shape_mismatch", "%s here, %s in the other inputs",
                         bare ? "one bare sample" : "an array of samples",
                         bare ? "arrays of samples" : "bare ones");
    if (!first && rows != s->out->rows)
        return wire_fail(c, "shape_mismatch", "samples here: %lld, in the other inputs: %lld",
                         (long long)rows, (long long)s->out->rows);
    s->out->rows = rows;
    s->out->bare = bare;
    return 0;
}

static int input_named(parse *s, const char *name)
{
    const char *names[WIRE_INPUTS];
    int n = s->ports.n;
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i] = s->ports.port[i].name, name))
            return i;
    const char *near = ax_nearest(name, names, n);
    wire_fail(&s->c, "unknown_input", "the model has no input '%s'", name);
    if (near || n == 1)
        ax_err_hint(&s->c.why->err, "did you mean '%s'?", near ? near : names[0]);
    return -1;
}

/* {"name":[...],...} */
static int inputs_by_name(parse *s)
{
    cursor *c = &s->c;
    unsigned have = 0;
    c->p++;
    for (int more = 1; more;) {
        const char *name = wire_name(c, "the name of an input in quotes");
        int i = name ? input_named(s, name) : -1;
        if (i < 0)
            return -1;
        c->port = name;
        if (have >> i & 1)
            return wire_fail(c, "invalid", "the input is given twice");
        if (wire_take(c, ':', "':' after the name") < 0)
            return -1;
        skip_space(c);
        if (one_input(s, &s->ports.port[i], i, !have) < 0)
            return -1;
        have |= 1u << i;
        c->port = NULL;
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
    }
    if (wire_take(c, '}', "',' or '}' after the input") < 0)
        return -1;
    for (int i = 0; i < s->ports.n; i++)
        if (!(have >> i & 1))
            return wire_fail(c, "missing_input", "the input '%s' is missing",
                             s->ports.port[i].name);
    return 0;
}

static int read_inputs(parse *s)
{
    cursor *c = &s->c;
    s->ports = (wire_ports){0};
    c->port = NULL;
    c->depth = 0;
    if (s->find(s->ctx, s->out->model, &s->ports, c->why) < 0)
        return -1;
    int n = s->ports.n;
    if (at_char(c, '{'))
        return inputs_by_name(s);
    if (n > 1) {
        wire_expected(c, "an object with one entry per input");
        return ax_err_hint(&c->why->err, "the model has %d inputs: {\"%s\":[...],\"%s\":[...]}", n,
                           s->ports.port[0].name, s->ports.port[1].name);
    }
    return one_input(s, &s->ports.port[0], 0, 1);
}

static int field_inputs(parse *s)
{
    cursor *c = &s->c;
    s->inputs = c->p;
    if (!read_inputs(s))
        return 0;
    s->later = *c->why;
    c->p = s->inputs;
    c->depth = 0;
    c->port = NULL;
    if (s->out->model || wire_skip(c) < 0)
        return -1;
    s->pending = 1;
    return 0;
}

/* Everything is read: were the inputs read for the right model? */
static int settle_inputs(parse *s)
{
    wire_ports ports;
    if (!s->inputs) {
        problem_set(s->c.why, 400, "missing_field", "the field 'inputs' is missing");
        return ax_err_hint(&s->c.why->err, "{\"inputs\":[[...],...]}");
    }
    if (s->pending && !s->out->model) {
        *s->c.why = s->later;
        return -1;
    }
    if (s->out->model && s->find(s->ctx, s->out->model, &ports, s->c.why) < 0)
        return -1;
    if (!s->pending && (!s->out->model || ports.port == s->ports.port))
        return 0;
    s->c.p = s->inputs;
    s->c.field = "inputs";
    return read_inputs(s);
}

// clang-format off
static const struct {
    const char *name;
    int (*read)(parse *);
    unsigned given; /* GIVEN_*: may be in the URL */
} fields[] = {
    {"inputs",      field_inputs,     0},
    {"model",       field_model,      0},
    {"top",         field_top,        GIVEN_TOP},
    {"outputs",     field_outputs,    GIVEN_OUTPUTS},
    {"timings",     field_timings,    GIVEN_TIMINGS},
    {"deadline_ms", field_deadline,   GIVEN_DEADLINE},
    {"non_finite",  field_non_finite, GIVEN_NON_FINITE},
    {"instances",   field_inputs,     0},
};
// clang-format on

enum { N_FIELDS = sizeof fields / sizeof *fields, F_INPUTS = 0, F_INSTANCES = N_FIELDS - 1 };

static int unknown_field(parse *s, const char *name)
{
    const char *names[N_FIELDS];
    for (int i = 0; i < N_FIELDS; i++)
        names[i] = fields[i].name;
    const char *near = ax_nearest(name, names, N_FIELDS);
    problem_set(s->c.why, 400, "unknown_field", "unknown field '%.100s'", name);
    snprintf(s->c.why->err.at, sizeof s->c.why->err.at, "%.100s", name);
    if (near)
        return ax_err_hint(&s->c.why->err, "did you mean '%s'?", near);
    return ax_err_hint(&s->c.why->err,
                       "known: inputs (or instances), model, top, outputs, timings, "
                       "deadline_ms, non_finite");
}

static int read_field(parse *s, unsigned *have)
{
    cursor *c = &s->c;
    c->field = NULL;
    c->depth = 0;
    const char *name = wire_name(c, "the name of a field in quotes");
    if (!name)
        return -1;
    int f = 0;
    while (f < N_FIELDS && strcmp(fields[f].name, name))
        f++;
    if (f == N_FIELDS)
        return unknown_field(s, name);
    c->field = fields[f].name;
    unsigned bit = 1u << (f == F_INSTANCES ? F_INPUTS : f);
    if (*have & bit)
        return wire_fail(c, "duplicate_field", "the field is given twice");
    if (s->out->given & fields[f].given)
        return wire_fail(c, "duplicate_field", "given in the URL and in the body");
    *have |= bit;
    if (wire_take(c, ':', "':' after the name") < 0)
        return -1;
    skip_space(c);
    return fields[f].read(s);
}

int wire_parse(const char *text, size_t len, int64_t max_rows, wire_find find, void *ctx,
               ax_arena *mem, wire_request *out, problem *why)
{
    parse s;
    s.c = (cursor){.p = text, .start = text, .end = text + len, .mem = mem, .why = why};
    s.out = out;
    s.find = find;
    s.ctx = ctx;
    s.max_rows = max_rows;
    s.ports = (wire_ports){0};
    s.inputs = NULL;
    s.pending = 0;
    unsigned have = 0;
    if (wire_take(&s.c, '{', "an object") < 0)
        return -1;
    skip_space(&s.c);
    for (int more = !at_char(&s.c, '}'); more;) {
        if (read_field(&s, &have) < 0)
            return -1;
        s.c.field = NULL;
        s.c.depth = 0;
        skip_space(&s.c);
        more = at_char(&s.c, ',');
        s.c.p += more;
    }
    if (wire_take(&s.c, '}', "',' or '}' after the value") < 0)
        return -1;
    skip_space(&s.c);
    if (s.c.p < s.c.end)
        return wire_expected(&s.c, "nothing behind the last brace");
    return settle_inputs(&s);
}

int wire_empty(const char *text, size_t len, ax_arena *mem, problem *why)
{
    cursor c = {.p = text, .start = text, .end = text + len, .mem = mem, .why = why};
    skip_space(&c);
    if (c.p == c.end)
        return 0;
    if (wire_take(&c, '{', "an object without fields, or nothing") < 0)
        return -1;
    skip_space(&c);
    if (!at_char(&c, '}')) {
        const char *name = wire_name(&c, "'}'");
        if (!name)
            return -1;
        problem_set(why, 400, "unknown_field", "unknown field '%.100s'", name);
        snprintf(why->err.at, sizeof why->err.at, "%.100s", name);
        return ax_err_hint(&why->err, "there are no fields to set: send nothing, or {}");
    }
    c.p++;
    skip_space(&c);
    return c.p < c.end ? wire_expected(&c, "nothing behind the last brace") : 0;
}

const char *wire_shape(const ax_shape *s, char *out, size_t size)
{
    int n = snprintf(out, size, "[");
    for (int i = 0; i < s->rank && n < (int)size; i++)
        n += snprintf(out + n, size - (size_t)n, "%s%lld", i ? "," : "", (long long)s->dim[i]);
    if (n < (int)size)
        snprintf(out + n, size - (size_t)n, "]");
    return out;
}
