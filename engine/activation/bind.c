/* bind.c - from names, numbers and JSON to an ax_act, and back.
 *
 * All checks of an activation happen here, so that applying one cannot fail. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "activation/bind.h"
#include "base/json.h"
#include "base/number.h"

#define NAME_MAX_LEN 63 /* longer ones are never near a known name */

static int row_is(const ax_act_row *r, const char *name)
{
    if (strcmp(r->name, name) == 0)
        return 1;
    for (int i = 0; r->aliases[i]; i++)
        if (strcmp(r->aliases[i], name) == 0)
            return 1;
    return 0;
}

const ax_act_row *ax_act_find(const char *name)
{
    int n;
    const ax_act_row *rows = ax_act_catalog(&n);
    for (int i = 0; i < n; i++)
        if (row_is(&rows[i], name))
            return &rows[i];
    return NULL;
}

/* "Leaky-ReLU" was meant to be "leaky_relu": plain[] gets the name in our spelling. */
static void respell(const char *name, char plain[NAME_MAX_LEN + 1])
{
    size_t n = 0;
    for (; name[n] && n < NAME_MAX_LEN; n++) {
        unsigned char c = (unsigned char)name[n];
        plain[n] = c == '-' || c == ' ' ? '_' : (char)tolower(c);
    }
    plain[n] = 0;
}

static const char *nearest_name(const char *name)
{
    char plain[NAME_MAX_LEN + 1];
    const char *names[5 * 128];
    int rows_n, n = 0;
    const ax_act_row *rows = ax_act_catalog(&rows_n);
    respell(name, plain);
    for (int i = 0; i < rows_n && n + 5 <= (int)(sizeof names / sizeof *names); i++) {
        names[n++] = rows[i].name;
        for (int j = 0; rows[i].aliases[j]; j++)
            names[n++] = rows[i].aliases[j];
    }
    return ax_nearest(plain, names, n);
}

ax_act ax_act_bound(const ax_act_row *row)
{
    ax_act a = {.row = row};
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++)
        a.param[i] = row->params[i].def;
    return a;
}

int ax_act_by_name(const char *name, ax_act *out, ax_err *err)
{
    const ax_act_row *row = ax_act_find(name);
    if (row) {
        *out = ax_act_bound(row);
        return 0;
    }
    ax_fail(err, AX_ENOTFOUND, "unknown activation '%.*s'", NAME_MAX_LEN, name);
    const char *near = nearest_name(name);
    if (near)
        return ax_err_hint(err, "did you mean '%s'?", near);
    return ax_err_hint(err, "relu, gelu, silu, mish, elu, tanh, sigmoid and softmax are some of "
                            "those there are");
}

static int param_index(const ax_act_row *row, const char *name)
{
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++)
        if (strcmp(row->params[i].name, name) == 0)
            return i;
    return -1;
}

/* Says what the row does have. */
static int unknown_param(const ax_act_row *row, const char *name, ax_err *err)
{
    const char *names[AX_ACT_PARAMS];
    int n = 0;
    char list[128] = "";
    for (; n < AX_ACT_PARAMS && row->params[n].name; n++) {
        names[n] = row->params[n].name;
        if (n)
            strncat(list, ", ", sizeof list - strlen(list) - 1);
        strncat(list, names[n], sizeof list - strlen(list) - 1);
    }
    ax_fail(err, AX_EINVAL, "activation '%s' has no parameter '%.*s'", row->name, NAME_MAX_LEN,
            name);
    const char *near = ax_nearest(name, names, n);
    if (near)
        return ax_err_hint(err, "did you mean '%s'?", near);
    if (n == 0)
        return ax_err_hint(err, "'%s' has no parameters", row->name);
    return ax_err_hint(err, "'%s' has: %s", row->name, list);
}

int ax_act_set(ax_act *a, const char *param, double value, ax_err *err)
{
    int i = param_index(a->row, param);
    if (i < 0)
        return unknown_param(a->row, param, err);
    const ax_act_param *p = &a->row->params[i];
    if (!(value >= p->min && value <= p->max)) /* NaN fails, too */
        return ax_fail(err, AX_ERANGE, "%s: %s is %s, expected %s to %s", a->row->name, p->name,
                       AX_NUMBER(value), AX_NUMBER(p->min), AX_NUMBER(p->max));
    if ((a->row->whole >> i & 1) && value != floor(value))
        return ax_fail(err, AX_ERANGE, "%s: %s is %s, expected a whole number", a->row->name,
                       p->name, AX_NUMBER(value));
    a->param[i] = value;
    return 0;
}

/* true and false are 1 and 0 for a parameter that takes no other whole number */
static int set_from_json(ax_act *a, const cJSON *field, ax_err *err)
{
    int i = param_index(a->row, field->string);
    if (i < 0)
        return unknown_param(a->row, field->string, err);
    int yes_no = cJSON_IsBool(field) && (a->row->whole >> i & 1) && a->row->params[i].max == 1;
    if (!cJSON_IsNumber(field) && !yes_no) {
        ax_fail(err, AX_ETYPE, "%s: %s must be a number", a->row->name, field->string);
        return ax_err_in(err, "%s", field->string);
    }
    double value = yes_no ? cJSON_IsTrue(field) : field->valuedouble;
    if (ax_act_set(a, field->string, value, err) < 0)
        return ax_err_in(err, "%s", field->string);
    return 0;
}

/* the row by its name here or in a dialect */
static int find_from_json(const cJSON *json, const cJSON *name, ax_act *out, ax_err *err)
{
    const cJSON *dialect = cJSON_GetObjectItemCaseSensitive(json, "dialect");
    if (!cJSON_IsString(name)) {
        ax_fail(err, name ? AX_ETYPE : AX_EINVAL,
                "an activation object needs a \"name\" or a \"formula\"");
        return ax_err_hint(err, "{\"name\":\"elu\",\"alpha\":0.5} or "
                                "{\"formula\":\"x*sigmoid(x)\"}");
    }
    if (dialect && !cJSON_IsString(dialect)) {
        ax_fail(err, AX_ETYPE, "\"dialect\" must be a text: pytorch, keras, jax or onnx");
        return ax_err_in(err, "dialect");
    }
    if (dialect)
        return ax_act_by_dialect(dialect->valuestring, name->valuestring, out, err);
    if (ax_act_by_name(name->valuestring, out, err) < 0)
        return ax_err_in(err, "name");
    return 0;
}

int ax_act_from_json(const cJSON *json, ax_arena *arena, ax_act *out, ax_err *err)
{
    if (cJSON_IsString(json))
        return ax_act_by_name(json->valuestring, out, err);
    if (!cJSON_IsObject(json)) {
        ax_fail(err, AX_ETYPE, "an activation must be a name or an object");
        return ax_err_hint(err, "\"relu\" or {\"name\":\"elu\",\"alpha\":0.5}");
    }
    if (cJSON_GetObjectItemCaseSensitive(json, "formula"))
        return ax_act_formula_from_json(json, arena, out, err);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *dialect = cJSON_GetObjectItemCaseSensitive(json, "dialect");
    const cJSON *learnable = cJSON_GetObjectItemCaseSensitive(json, "learnable"), *field;
    ax_act a;
    if (find_from_json(json, name, &a, err) < 0)
        return -1;
    cJSON_ArrayForEach(field, json)
    {
        if (field != name && field != dialect && field != learnable &&
            set_from_json(&a, field, err) < 0)
            return -1;
    }
    if (ax_act_learn(&a, learnable, arena, err) < 0)
        return ax_err_in(err, "learnable");
    *out = a;
    return 0;
}

cJSON *ax_act_to_json(const ax_act *a)
{
    const ax_act_row *row = a->row;
    int n = 0, changed = 0;
    if (row->program)
        return ax_act_formula_to_json(a);
    for (; n < AX_ACT_PARAMS && row->params[n].name; n++)
        changed |= a->param[n] != row->params[n].def;
    if (!changed && !a->learned)
        return cJSON_CreateString(row->name);
    cJSON *o = cJSON_CreateObject();
    int ok = o && cJSON_AddStringToObject(o, "name", row->name);
    for (int i = 0; ok && i < n; i++)
        ok = cJSON_AddNumberToObject(o, row->params[i].name, a->param[i]) != NULL;
    if (ok && a->learned)
        ok = ax_json_put(o, "learnable", ax_act_learned_to_json(a)) == 0;
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}
