/* evaluate_read.c - the JSON body of POST /activations/evaluate.
 *
 * The numbers go straight into an array; the activation and its parameters, small and free in form,
 * are stepped over first and read through a tree. */
#include <stdio.h>
#include <string.h>

#include "activations.h"
#include "number.h"

typedef struct reading {
    cursor c;
    evaluation *e;
    int64_t most;
} reading;

/* One value, unread; its text. */
static int take_value(cursor *c, const char **from, size_t *len)
{
    *from = c->p;
    if (wire_skip(c) < 0 || c->p == *from)
        return wire_expected(c, "a value");
    *len = (size_t)(c->p - *from);
    return 0;
}

static int field_activation(reading *s)
{
    return take_value(&s->c, &s->e->activation, &s->e->activation_len);
}

static int field_params(reading *s)
{
    return take_value(&s->c, &s->e->params, &s->e->params_len);
}

static int field_x(reading *s)
{
    return wire_numbers(&s->c, s->most, &s->e->x, &s->e->shape);
}

static int field_derivatives(reading *s)
{
    cursor *c = &s->c;
    int64_t v;
    const char *q = c->p < c->end ? number_read_i64(c->p, c->end, &v) : NULL;
    if (!q || v < 0 || v > 2) {
        char text[WIRE_TOKEN];
        wire_fail(c, "out_of_range", "%s is not 0, 1 or 2", wire_token(c, text));
        problem_expect(c->why, "\"0 to 2\"");
        return -1;
    }
    s->e->derivatives = v;
    c->p = q;
    return 0;
}

static int field_non_finite(reading *s)
{
    const char *word = wire_string(&s->c);
    return word ? activation_policy(word, &s->e->policy, s->c.why) : -1;
}

static int field_probe(reading *s)
{
    cursor *c = &s->c;
    size_t left = (size_t)(c->end - c->p);
    if (left >= 4 && !memcmp(c->p, "true", 4)) {
        s->e->probe = 1;
        c->p += 4;
        return 0;
    }
    if (left < 5 || memcmp(c->p, "false", 5))
        return wire_expected(c, "true or false");
    c->p += 5;
    return 0;
}

// clang-format off
static const struct {
    const char *name;
    int (*read)(reading *);
} fields[] = {
    {"activation",  field_activation},
    {"params",      field_params},
    {"x",           field_x},
    {"derivatives", field_derivatives},
    {"non_finite",  field_non_finite},
    {"probe",       field_probe},
};
// clang-format on

enum { N_FIELDS = sizeof fields / sizeof *fields };

static int unknown_field(reading *s, const char *name)
{
    const char *names[N_FIELDS];
    for (int i = 0; i < N_FIELDS; i++)
        names[i] = fields[i].name;
    const char *near = ax_nearest(name, names, N_FIELDS);
    problem_set(s->c.why, 400, "unknown_field", "unknown field '%.100s'", name);
    snprintf(s->c.why->err.at, sizeof s->c.why->err.at, "%.100s", name);
    if (near)
        return ax_err_hint(&s->c.why->err, "did you mean '%s'?", near);
    return ax_err_hint(&s->c.why->err, "known: activation, params, x, derivatives, non_finite, probe");
}

static int read_field(reading *s, unsigned *have)
{
    cursor *c = &s->c;
    c->field = NULL;
    const char *name = wire_name(c, "the name of a field in quotes");
    int f = 0;
    if (!name)
        return -1;
    while (f < N_FIELDS && strcmp(fields[f].name, name))
        f++;
    if (f == N_FIELDS)
        return unknown_field(s, name);
    c->field = fields[f].name;
    if (*have >> f & 1)
        return wire_fail(c, "duplicate_field", "the field is given twice");
    *have |= 1u << f;
    if (wire_take(c, ':', "':' after the name") < 0)
        return -1;
    skip_space(c);
    return fields[f].read(s);
}

static int missing(problem *why, const char *name)
{
    problem_set(why, 400, "missing_field", "the field '%s' is missing", name);
    return ax_err_hint(&why->err, "{\"activation\":\"elu\",\"x\":[-1,0,1],\"derivatives\":1}");
}

int evaluation_read(evaluation *e, problem *why)
{
    request *r = e->r;
    const char *text = r->body.data ? r->body.data : "";
    unsigned have = 0;
    reading s = {.c = {.p = text, .start = text, .end = text + r->body.len, .mem = &r->mem, .why = why},
                 .e = e,
                 .most = r->app->cfg.max_evaluate};
    cursor *c = &s.c;
    if (wire_take(c, '{', "an object") < 0)
        return -1;
    skip_space(c);
    for (int more = !at_char(c, '}'); more;) {
        if (read_field(&s, &have) < 0)
            return -1;
        c->field = NULL;
        skip_space(c);
        more = at_char(c, ',');
        c->p += more;
    }
    if (wire_take(c, '}', "',' or '}' after the value") < 0)
        return -1;
    skip_space(c);
    if (c->p < c->end)
        return wire_expected(c, "nothing behind the last brace");
    return !e->activation ? missing(why, "activation") : !e->x ? missing(why, "x") : 0;
}

/* A value of "params" for an activation that is bound already. */
static int set_param(evaluation *e, const cJSON *value, problem *why)
{
    ax_err err;
    const ax_act_row *row = e->act.row;
    int i = 0, yes_no = cJSON_IsBool(value);
    while (i < AX_ACT_PARAMS && row->params[i].name && strcmp(row->params[i].name, value->string))
        i++;
    yes_no = yes_no && i < AX_ACT_PARAMS && row->whole >> i & 1;
    if (!cJSON_IsNumber(value) && !yes_no)
        ax_fail(&err, AX_ETYPE, "%s: %.60s must be a number", row->name, value->string);
    else if (!ax_act_set(&e->act, value->string, yes_no ? cJSON_IsTrue(value) : value->valuedouble, &err))
        return 0;
    ax_err_in(&err, "params.%.60s", value->string);
    return activation_refuse(why, &err);
}

/* "params" beside a formula that has none of its own declares them; else it sets values. */
static int bind(evaluation *e, cJSON *activation, cJSON *params, problem *why)
{
    ax_err err;
    cJSON *value;
    int declares = cJSON_IsObject(activation) && cJSON_GetObjectItemCaseSensitive(activation, "formula") &&
                   !cJSON_GetObjectItemCaseSensitive(activation, "params");
    if (params && !cJSON_IsObject(params)) {
        problem_set(why, 400, "wrong_type", "\"params\" is an object of numbers");
        snprintf(why->err.at, sizeof why->err.at, "params");
        return ax_err_hint(&why->err, "{\"alpha\":0.5}");
    }
    if (params && declares &&
        !cJSON_AddItemReferenceToObject(activation, "params", params))
        return problem_set(why, 503, "out_of_memory", "out of memory");
    if (ax_act_from_json(activation, &e->r->mem, &e->act, &err) < 0) {
        ax_err_in(&err, "activation");
        return activation_refuse(why, &err);
    }
    if (!declares)
        cJSON_ArrayForEach(value, params)
            if (set_param(e, value, why) < 0)
                return -1;
    return 0;
}

/* A value of the body; what is wrong in it is told with its place in the body. */
static cJSON *parse(const evaluation *e, const char *text, size_t len, const char *field, problem *why)
{
    ax_err err;
    const char *body = e->r->body.data;
    cJSON *json = ax_json_parse_part(body, (size_t)(text - body), len, &err);
    if (json)
        return json;
    ax_err_in(&err, "%s", field);
    problem_from(why, &err);
    return NULL;
}

int evaluation_bind(evaluation *e, problem *why)
{
    cJSON *params = NULL, *activation = parse(e, e->activation, e->activation_len, "activation", why);
    int bad = !activation;
    if (!bad && e->params)
        bad = !(params = parse(e, e->params, e->params_len, "params", why));
    if (!bad)
        bad = bind(e, activation, params, why);
    cJSON_Delete(activation);
    cJSON_Delete(params);
    return bad ? -1 : 0;
}
