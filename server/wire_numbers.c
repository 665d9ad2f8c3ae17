/* wire_numbers.c - see wire_numbers.h. The first number tells how deep the lists are nested, the
 * first list of each level how long they are; what differs later is refused where it stands. */
#include "wire_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

typedef struct reader {
    cursor *c;
    int rank; /* of the first number; -1: none yet                      */
    int deep; /* brackets that were open at once, in what was read       */
    int64_t dim[AX_MAX_RANK]; /* -1: no list of this level is complete   */
    float *x;
    int64_t n, most;
} reader;

static const struct {
    const char *text;
    float value;
} words[] = {{"\"Infinity\"", INFINITY}, {"\"-Infinity\"", -INFINITY}, {"\"NaN\"", NAN}};

/* One of the words at p; the byte behind it or NULL. */
static const char *read_word(const char *p, const char *end, float *out)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text);
        if ((size_t)(end - p) >= n && !memcmp(p, words[i].text, n))
            return *out = words[i].value, p + n;
    }
    return NULL;
}

static int bad_number(reader *r, float value)
{
    cursor *c = r->c;
    char text[WIRE_TOKEN];
    wire_token(c, text);
    if (isinf(value)) {
        wire_fail(c, "out_of_range", "%s is beyond the largest float32", text);
        return ax_err_hint(&c->why->err, "infinity is written \"Infinity\"");
    }
    if (at_char(c, '"') || !strncmp(text, "NaN", 3) || !strncmp(text, "Inf", 3) ||
        !strncmp(text, "-Inf", 4)) {
        wire_fail(c, "wrong_type", "expected a number, got %s", text);
        return ax_err_hint(&c->why->err,
                           "what JSON cannot say is written \"Infinity\", \"-Infinity\" or \"NaN\"");
    }
    if (*text && strchr("-+.0123456789", *text))
        return wire_fail(c, "parse_error", "%s is not a number as JSON writes it", text);
    return wire_expected(c, "a number");
}

static int read_number(reader *r, int depth)
{
    cursor *c = r->c;
    float value = NAN;
    if (r->rank < 0 && r->deep == depth)
        r->rank = depth;
    if (r->rank != depth)
        return wire_fail(c, "shape_mismatch", "expected an array, as in the other places, got %s",
                         at_char(c, '"') ? "a string" : "a number");
    if (r->n == r->most) {
        problem_set(c->why, 413, "too_many_numbers", "more than %lld numbers in one request",
                    (long long)r->most);
        snprintf(c->why->err.at, sizeof c->why->err.at, "%s", c->field);
        return ax_err_hint(&c->why->err, "send them in parts, or raise --max-evaluate");
    }
    const char *q = c->p < c->end ? number_read(c->p, c->end, &value) : NULL;
    if (!q && at_char(c, '"'))
        q = read_word(c->p, c->end, &value);
    if (!q)
        return bad_number(r, value);
    r->x[r->n++] = value;
    c->p = q;
    return 0;
}

static int wrong_length(reader *r, int depth, int64_t n)
{
    cursor *c = r->c;
    c->depth = depth;
    wire_fail(c, "shape_mismatch", "%lld elements, the others have %lld", (long long)n,
              (long long)r->dim[depth]);
    problem_expect(c->why, "%lld", (long long)r->dim[depth]);
    problem_got(c->why, "%lld", (long long)n);
    return ax_err_hint(&c->why->err, "arrays of one level have one length");
}

static int read_value(reader *r, int depth);

/* c->p is at the bracket. */
static int read_list(reader *r, int depth)
{
    cursor *c = r->c;
    int64_t n = 0;
    if (depth == AX_MAX_RANK)
        return wire_fail(c, "limit_exceeded", "arrays are nested more than %d deep", AX_MAX_RANK);
    if (r->rank >= 0 && depth >= r->rank)
        return wire_fail(c, "shape_mismatch", "expected a number, as in the other places, got an array");
    r->deep = depth + 1 > r->deep ? depth + 1 : r->deep;
    c->p++;
    skip_space(c);
    for (int more = !at_char(c, ']'); more; n++) {
        c->depth = depth;
        c->index[c->depth++] = n;
        skip_space(c);
        if (read_value(r, depth + 1) < 0)
            return -1;
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
    }
    if (!at_char(c, ']'))
        return wire_expected(c, "',' or ']'");
    if (r->dim[depth] >= 0 && r->dim[depth] != n)
        return wrong_length(r, depth, n);
    r->dim[depth] = n;
    c->depth = depth;
    c->p++;
    return 0;
}

static int read_value(reader *r, int depth)
{
    return at_char(r->c, '[') ? read_list(r, depth) : read_number(r, depth);
}

int wire_numbers(cursor *c, int64_t most, float **x, ax_shape *shape)
{
    reader r = {.c = c, .rank = -1, .most = most};
    int64_t room = (c->end - c->p) / 2 + 1; /* a number and its comma are two bytes */
    for (int i = 0; i < AX_MAX_RANK; i++)
        r.dim[i] = -1;
    r.x = ax_arena_raw(c->mem, (size_t)(room < most ? room : most) * sizeof(float));
    if (!r.x)
        return problem_set(c->why, 503, "out_of_memory", "the numbers do not fit into memory");
    c->depth = 0;
    if (read_value(&r, 0) < 0)
        return -1;
    c->depth = 0;
    *shape = (ax_shape){.rank = r.deep};
    memcpy(shape->dim, r.dim, (size_t)r.deep * sizeof *r.dim);
    *x = r.x;
    return 0;
}

static void put_one(buf *b, float v, wire_non_finite policy)
{
    if (isfinite(v))
        buf_f32(b, v);
    else if (policy == NON_FINITE_NULL)
        buf_str(b, "null");
    else
        buf_str(b, words[isnan(v) ? 2 : v < 0].text);
}

/* The list of level d that begins at x; where the next one begins. */
static const float *put_level(buf *b, const float *x, const ax_shape *s, int d, wire_non_finite policy)
{
    if (d == s->rank) {
        put_one(b, *x, policy);
        return x + 1;
    }
    buf_char(b, '[');
    for (int64_t i = 0; i < s->dim[d] && !b->failed; i++) {
        if (i)
            buf_char(b, ',');
        x = put_level(b, x, s, d + 1, policy);
    }
    buf_char(b, ']');
    return x;
}

void wire_put_numbers(buf *b, const float *x, const ax_shape *shape, wire_non_finite policy)
{
    put_level(b, x, shape, 0, policy);
}
