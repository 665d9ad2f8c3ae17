/* activation_url.c - an activation, its parameters and other options behind the ? of a URL. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activations.h"
#include "number.h"
#include "router.h"

enum { NAMES = 32 };

int activation_refuse(problem *why, const ax_err *err)
{
    const char *formula = strstr(err->at, "formula");
    problem_from(why, err);
    if (formula && !formula[strlen("formula")] && err->code != AX_ENOMEM) {
        why->status = 400;
        why->code = "bad_formula";
        sscanf(err->msg, "column %d:", &why->position);
    }
    return -1;
}

static int out_of_memory(request *r)
{
    return problem_set(&r->why, 503, "out_of_memory", "out of memory");
}

static int not_a(request *r, const char *what, const char *option, const char *text)
{
    if (*text)
        problem_set(&r->why, 400, "wrong_type", "%.60s: '%.40s' is not %s", option, text, what);
    else
        problem_set(&r->why, 400, "wrong_type", "%.60s is empty, expected %s", option, what);
    snprintf(r->why.err.at, sizeof r->why.err.at, "%.60s", option);
    return -1;
}

static int is_listed(const request *r, const char *option)
{
    for (const char *const *known = r->route->query; *known; known++)
        if (!strcmp(*known, option))
            return 1;
    return 0;
}

static int read_number(request *r, const char *option, const char *text, double *out)
{
    const char *end = text + strlen(text);
    return number_read_f64(text, end, out) == end ? 0 : not_a(r, "a number", option, text);
}

/* What is neither an option nor a parameter; a may be NULL. */
static int unknown(request *r, const char *option, const ax_act *a)
{
    const char *names[NAMES];
    int n = 0;
    for (const char *const *known = r->route->query; *known && n < NAMES; known++)
        names[n++] = *known;
    for (int i = 0; a && i < AX_ACT_PARAMS && a->row->params[i].name && n < NAMES; i++)
        names[n++] = a->row->params[i].name;
    return request_bad_option(r, option, 0, names, n);
}

static int set_param(request *r, const char *name, const char *text, ax_act *a)
{
    ax_err err;
    double value;
    int i = 0;
    while (i < AX_ACT_PARAMS && a->row->params[i].name && strcmp(a->row->params[i].name, name))
        i++;
    if (i == AX_ACT_PARAMS || !a->row->params[i].name)
        return unknown(r, name, a);
    if (read_number(r, name, text, &value) < 0)
        return -1;
    if (ax_act_set(a, name, value, &err) < 0) {
        ax_err_in(&err, "%.60s", name);
        return activation_refuse(&r->why, &err);
    }
    return 0;
}

/* {"formula":...,"params":{...}} of the options */
static int describe_formula(request *r, const char *formula, cJSON *o)
{
    cJSON *params = cJSON_AddObjectToObject(o, "params");
    if (!params || !cJSON_AddStringToObject(o, "formula", formula))
        return out_of_memory(r);
    for (int i = 0; i < r->n_query; i++) {
        double value;
        if (is_listed(r, r->query[i][0]))
            continue;
        if (read_number(r, r->query[i][0], r->query[i][1], &value) < 0)
            return -1;
        if (!cJSON_AddNumberToObject(params, r->query[i][0], value))
            return out_of_memory(r);
    }
    return 0;
}

static int describe(request *r, const char *name, const char *formula, cJSON *o)
{
    const char *dialect = request_query(r, "dialect");
    if (!o)
        return out_of_memory(r);
    if (formula)
        return describe_formula(r, formula, o);
    if (!cJSON_AddStringToObject(o, "name", name) ||
        (dialect && !cJSON_AddStringToObject(o, "dialect", dialect)))
        return out_of_memory(r);
    return 0;
}

int activation_from_url(request *r, const char *name, const char *formula, other_options others,
                        ax_act *out)
{
    ax_err err;
    cJSON *o = cJSON_CreateObject();
    int bad = describe(r, name, formula, o);
    if (!bad && (bad = ax_act_from_json(o, &r->mem, out, &err))) {
        ax_formula_declare_as(&err, "&", "=1");
        activation_refuse(&r->why, &err);
    }
    cJSON_Delete(o);
    if (formula || others == OTHER_PASS)
        return bad;
    for (int i = 0; i < r->n_query && !bad; i++)
        if (!is_listed(r, r->query[i][0]))
            bad = others == OTHER_MINE ? set_param(r, r->query[i][0], r->query[i][1], out)
                                       : unknown(r, r->query[i][0], NULL);
    return bad;
}

int query_number(request *r, const char *option, double *out)
{
    const char *text = request_query(r, option);
    return text ? read_number(r, option, text, out) : 0;
}

int query_whole(request *r, const char *option, int64_t lo, int64_t hi, int64_t *out)
{
    const char *text = request_query(r, option);
    const char *end = text ? text + strlen(text) : NULL;
    int64_t v;
    if (!text)
        return 0;
    if (number_read_i64(text, end, &v) != end || v < lo || v > hi) {
        problem_set(&r->why, 400, "out_of_range", "%s: '%.40s' is not a whole number from %lld to %lld",
                    option, text, (long long)lo, (long long)hi);
        snprintf(r->why.err.at, sizeof r->why.err.at, "%s", option);
        return -1;
    }
    *out = v;
    return 0;
}

/* Where a list has no number: p. */
static int no_number(request *r, const char *option, const char *list, const char *p)
{
    if (!*list || (*p && *p != ','))
        return not_a(r, "a number for float32 (numbers and commas between make a list)", option, p);
    problem_set(&r->why, 400, "parse_error", "%s: a number is missing %s comma of '%.60s'", option,
                *p ? p == list ? "before the first" : "between two commas, before the last" : "behind the last", list);
    snprintf(r->why.err.at, sizeof r->why.err.at, "%s", option);
    return -1;
}

/* One number of a list, or one of the words for what numbers cannot say. */
static const char *list_number(const char *p, const char *end, float *out)
{
    static const struct {
        const char *word;
        float value;
    } words[] = {{"Infinity", INFINITY}, {"-Infinity", -INFINITY}, {"NaN", NAN}};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i].word);
        if (!strncmp(p, words[i].word, n))
            return *out = words[i].value, p + n;
    }
    return number_read_slow(p, end, out);
}

int query_numbers(request *r, const char *option, float **x, ax_shape *shape)
{
    const char *text = request_query(r, option), *end, *p = text;
    int64_t n = 0;
    *x = NULL;
    if (!text)
        return 0;
    end = text + strlen(text);
    float *to = ax_arena_raw(&r->mem, ((size_t)(end - text) / 2 + 1) * sizeof *to);
    if (!to)
        return out_of_memory(r);
    for (;; n++, p++) {
        const char *q = p < end ? list_number(p, end, &to[n]) : NULL;
        if (!q || (*q && *q != ','))
            return no_number(r, option, text, p);
        p = q;
        if (!*p)
            break;
    }
    *shape = (ax_shape){1, {n + 1}};
    *x = to;
    return 0;
}

int activation_policy(const char *word, wire_non_finite *out, problem *why)
{
    int policy = word ? wire_non_finite_word(word, why) : NON_FINITE_STRING;
    if (policy < 0)
        return -1;
    if (policy == NON_FINITE_ERROR) {
        problem_set(why, 400, "invalid", "non_finite: infinity and NaN are answers here, no errors");
        snprintf(why->err.at, sizeof why->err.at, "non_finite");
        return ax_err_hint(&why->err, "\"string\" or \"null\"");
    }
    *out = (wire_non_finite)policy;
    return 0;
}
