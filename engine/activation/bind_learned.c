/* bind_learned.c - which parameters of an activation are learned.
 *
 *     {"name": "swish", "beta": 1.5, "learnable": ["beta"]}
 *
 * A row of the catalogue keeps its kernel, so that a learned swish has the bits of a swish with
 * that beta; what its formula is compiled for are the derivatives by the parameters. */
#include <string.h>

#include "activation/bind.h"
#include "activation/formula/formula.h"
#include "base/json.h"

/* "p1, p2, beta": what a row can learn */
static void list_learnable(const ax_act_row *row, char *list, size_t size)
{
    *list = 0;
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++) {
        if (!row->params[i].learnable)
            continue;
        if (*list)
            strncat(list, ", ", size - strlen(list) - 1);
        strncat(list, row->params[i].name, size - strlen(list) - 1);
    }
}

static int refuse(const char *name, const ax_act_row *row, int known, ax_err *err)
{
    char list[128];
    if (!row) {
        ax_fail(err, AX_EINVAL, "there is no parameter '%.31s'", name);
        return ax_err_hint(err, "declare it in \"params\"");
    }
    if (known)
        ax_fail(err, AX_EINVAL, "%s: %.31s cannot be learned", row->name, name);
    else
        ax_fail(err, AX_EINVAL, "activation '%s' has no parameter '%.31s'", row->name, name);
    list_learnable(row, list, sizeof list);
    if (*list)
        return ax_err_hint(err, "'%s' can learn: %s", row->name, list);
    if (row->kind == AX_ACT_VECTOR)
        return ax_err_hint(err, "functions of whole rows learn no parameters");
    return ax_err_hint(err, "'%s' has nothing to learn; a formula may learn any of its parameters",
                       row->name);
}

int ax_act_learned_names(const cJSON *list, const ax_act_row *row, const ax_act_param *p,
                         unsigned *learned, ax_err *err)
{
    const cJSON *name;
    int i = 0;
    *learned = 0;
    if (list && !cJSON_IsArray(list))
        return ax_fail(err, AX_ETYPE, "\"learnable\" is a list of parameters: [\"beta\"]");
    cJSON_ArrayForEach(name, list)
    {
        int k = 0;
        if (!cJSON_IsString(name)) {
            ax_fail(err, AX_ETYPE, "the name of a parameter is expected");
            return ax_err_in(err, "[%d]", i);
        }
        while (k < AX_ACT_PARAMS && p[k].name && strcmp(p[k].name, name->valuestring) != 0)
            k++;
        int known = k < AX_ACT_PARAMS && p[k].name;
        if (!known || (row && !p[k].learnable)) {
            refuse(name->valuestring, row, known, err);
            return ax_err_in(err, "[%d]", i);
        }
        *learned |= 1u << k;
        i++;
    }
    return 0;
}

int ax_act_learn(ax_act *a, const cJSON *list, ax_arena *arena, ax_err *err)
{
    if (ax_act_learned_names(list, a->row, a->row->params, &a->learned, err) < 0)
        return -1;
    if (a->learned)
        a->gradient = ax_formula_new(arena, a->row->formula, a->row->params, err);
    return a->learned && !a->gradient ? -1 : 0;
}

cJSON *ax_act_learned_to_json(const ax_act *a)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && i < AX_ACT_PARAMS; i++) {
        if (!(a->learned >> i & 1) ||
            ax_json_put(list, NULL, cJSON_CreateString(a->row->params[i].name)) == 0)
            continue;
        cJSON_Delete(list);
        return NULL;
    }
    return list;
}
