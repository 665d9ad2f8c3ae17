/* bind_formula.c - a formula from JSON to a row made at run time, and back.
 *
 *     {"formula": "x*sigmoid(beta*x)",
 *      "params": {"beta": 1.7, "gamma": {"default": 1, "min": 0.1, "max": 10, "learnable": true}},
 *      "learnable": ["beta"]} */
#include <string.h>

#include "activation/bind.h"
#include "activation/formula/formula.h"
#include "base/json.h"
#include "base/number.h"

#define BOUND 1e6 /* of a parameter without bounds of its own */

static int read_param(const cJSON *field, ax_act_param *p, ax_err *err)
{
    static const char *const known[] = {"default", "min", "max", "learnable"};
    const double most = 1e300;
    *p = (ax_act_param){.name = field->string, .min = -BOUND, .max = BOUND, .doc = ""};
    if (cJSON_IsNumber(field)) {
        p->def = field->valuedouble;
    } else if (!cJSON_IsObject(field)) {
        ax_fail(err, AX_ETYPE, "a parameter is a number or an object");
        return ax_err_hint(err,
                           "1.7, or {\"default\":1,\"min\":0.1,\"max\":10,\"learnable\":true}");
    } else if (ax_json_known(field, known, 4, err) < 0 ||
               ax_json_num(field, "min", p->min, -most, most, &p->min, err) < 0 ||
               ax_json_num(field, "max", p->max, -most, most, &p->max, err) < 0 ||
               ax_json_num(field, "default", 0, -most, most, &p->def, err) < 0 ||
               ax_json_bool(field, "learnable", 0, &p->learnable, err) < 0) {
        return -1;
    } else if (!cJSON_GetObjectItemCaseSensitive(field, "default")) {
        return ax_fail(err, AX_EINVAL, "a parameter needs a \"default\"");
    }
    if (p->min > p->max)
        return ax_fail(err, AX_ERANGE, "%.31s: min %s is above max %s", p->name,
                       AX_NUMBER(p->min), AX_NUMBER(p->max));
    if (!(p->min <= p->def && p->def <= p->max))
        return ax_fail(err, AX_ERANGE, "%.31s is %s, expected %s to %s", p->name,
                       AX_NUMBER(p->def), AX_NUMBER(p->min), AX_NUMBER(p->max));
    return 0;
}

static int read_params(const cJSON *params, ax_act_param *to, ax_err *err)
{
    int n = 0;
    const cJSON *field;
    if (params && !cJSON_IsObject(params))
        return ax_fail(err, AX_ETYPE, "\"params\" is an object: {\"beta\":1.7}");
    cJSON_ArrayForEach(field, params)
    {
        if (n == AX_ACT_PARAMS)
            return ax_fail(err, AX_ELIMIT, "a formula has at most %d parameters", AX_ACT_PARAMS);
        if (read_param(field, &to[n++], err) < 0)
            return ax_err_in(err, "%.31s", field->string);
    }
    return n;
}

/* The row with its program, all of it in the arena. */
static const ax_act_row *new_row(ax_arena *arena, const char *text, const ax_act_param *p, int n,
                                 ax_err *err)
{
    ax_act_row *row = AX_NEW(arena, ax_act_row);
    const char *own = ax_arena_strdup(arena, text);
    if (!row || !own) {
        ax_fail(err, AX_ENOMEM, "no memory for a formula");
        return NULL;
    }
    *row = (ax_act_row){.name = "formula",
                        .family = "formula",
                        .kind = AX_ACT_ELEMENT,
                        .formula = own,
                        .range = "",
                        .onnx = "",
                        .paper = "",
                        .doc = "A formula of the user's."};
    for (int i = 0; i < n; i++) {
        row->params[i] = p[i];
        row->params[i].name = ax_arena_strdup(arena, p[i].name);
        if (!row->params[i].name) {
            ax_fail(err, AX_ENOMEM, "no memory for a formula");
            return NULL;
        }
    }
    row->program = ax_formula_new(arena, own, row->params, err);
    if (!row->program)
        return NULL;
    row->derivative = ax_formula_text(row->program, AX_FORMULA_DX);
    return row;
}

int ax_act_formula_from_json(const cJSON *json, ax_arena *arena, ax_act *out, ax_err *err)
{
    static const char *const known[] = {"formula", "params", "learnable"};
    ax_act_param p[AX_ACT_PARAMS + 1] = {{0}};
    const char *text;
    unsigned learned;
    if (ax_json_str(json, "formula", NULL, &text, err) < 0 ||
        ax_json_known(json, known, 3, err) < 0)
        return -1;
    int n = read_params(cJSON_GetObjectItemCaseSensitive(json, "params"), p, err);
    if (n < 0)
        return ax_err_in(err, "params");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "learnable");
    if (ax_act_learned_names(list, NULL, p, &learned, err) < 0)
        return ax_err_in(err, "learnable");
    for (int i = 0; i < n; i++) {
        learned |= (unsigned)!!p[i].learnable << i;
        p[i].learnable = learned >> i & 1;
    }
    const ax_act_row *row = new_row(arena, text, p, n, err);
    if (!row)
        return ax_err_in(err, "formula");
    *out = ax_act_bound(row);
    out->learned = learned;
    out->gradient = row->program;
    return 0;
}

static int add_param(cJSON *params, const ax_act_param *p, double value)
{
    if (p->min == -BOUND && p->max == BOUND && !p->learnable)
        return cJSON_AddNumberToObject(params, p->name, value) != NULL;
    cJSON *o = cJSON_AddObjectToObject(params, p->name);
    return o && cJSON_AddNumberToObject(o, "default", value) &&
           cJSON_AddNumberToObject(o, "min", p->min) && cJSON_AddNumberToObject(o, "max", p->max) &&
           (!p->learnable || cJSON_AddTrueToObject(o, "learnable"));
}

cJSON *ax_act_formula_to_json(const ax_act *a)
{
    const ax_act_row *row = a->row;
    cJSON *o = cJSON_CreateObject(), *params = NULL;
    int ok = o && cJSON_AddStringToObject(o, "formula", row->formula);
    if (ok && row->params[0].name)
        ok = (params = cJSON_AddObjectToObject(o, "params")) != NULL;
    for (int i = 0; ok && i < AX_ACT_PARAMS && row->params[i].name; i++)
        ok = add_param(params, &row->params[i], a->param[i]);
    if (ok)
        return o;
    cJSON_Delete(o);
    return NULL;
}
