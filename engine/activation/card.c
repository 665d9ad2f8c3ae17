/* card.c - see card.h. */
#include "activation/card.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

typedef struct accuracy {
    const char *name;
    double max[3];
} accuracy;

static const accuracy measured[] = {
#include "activation/accuracy.inc"
};

void ax_act_max_ulp(const ax_act_row *row, double max[3])
{
    max[0] = max[1] = max[2] = -1;
    for (size_t i = 0; i < sizeof measured / sizeof *measured && !row->program; i++)
        if (!strcmp(measured[i].name, row->name))
            memcpy(max, measured[i].max, sizeof measured[i].max);
}

/* null for what is not there */
static cJSON *text(const char *s)
{
    return s && *s ? cJSON_CreateString(s) : cJSON_CreateNull();
}

static cJSON *aliases(const ax_act_row *row)
{
    int n = 0;
    while (row->aliases[n])
        n++;
    return cJSON_CreateStringArray(row->aliases, n);
}

static cJSON *param(const ax_act *a, int i)
{
    const ax_act_param *p = &a->row->params[i];
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, "name", cJSON_CreateString(p->name)) |
              ax_json_put(o, "default", cJSON_CreateNumber(p->def)) |
              ax_json_put(o, "min", cJSON_CreateNumber(p->min)) |
              ax_json_put(o, "max", cJSON_CreateNumber(p->max)) |
              ax_json_put(o, "whole", cJSON_CreateBool(a->row->whole >> i & 1)) |
              ax_json_put(o, "learnable", cJSON_CreateBool(p->learnable)) |
              ax_json_put(o, "doc", text(p->doc));
    if (a->param[i] != p->def)
        bad |= ax_json_put(o, "value", cJSON_CreateNumber(a->param[i]));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static cJSON *params(const ax_act *a)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && i < AX_ACT_PARAMS && a->row->params[i].name; i++)
        if (ax_json_put(list, NULL, param(a, i)) < 0) {
            cJSON_Delete(list);
            return NULL;
        }
    return list;
}

/* "alpha=0.2,beta=0.5" */
static cJSON *defaults(const char *list)
{
    cJSON *o = cJSON_CreateObject();
    for (const char *is; o && list && (is = strchr(list, '=')); list += strspn(list, ",")) {
        char name[32], *end;
        size_t n = (size_t)(is - list) < sizeof name ? (size_t)(is - list) : sizeof name - 1;
        memcpy(name, list, n);
        name[n] = 0;
        if (ax_json_put(o, name, cJSON_CreateNumber(strtod(is + 1, &end))) < 0) {
            cJSON_Delete(o);
            return NULL;
        }
        list = end;
    }
    return o;
}

static cJSON *dialects(const ax_act_row *row)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < AX_ACT_DIALECTS && row->dialects[i].dialect; i++) {
        const ax_act_dialect *d = &row->dialects[i];
        cJSON *o = cJSON_CreateObject();
        int bad = ax_json_put(o, "dialect", cJSON_CreateString(d->dialect)) |
                  ax_json_put(o, "name", cJSON_CreateString(d->name)) |
                  ax_json_put(o, "defaults", defaults(d->defaults));
        if (bad | ax_json_put(list, NULL, o)) {
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

static cJSON *max_ulp(const ax_act_row *row)
{
    static const char *const names[3] = {"f", "df", "d2f"};
    double max[3];
    cJSON *o = cJSON_CreateObject();
    ax_act_max_ulp(row, max);
    for (int i = 0; i < 3; i++)
        if (ax_json_put(o, names[i], max[i] < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(max[i])) < 0) {
            cJSON_Delete(o);
            return NULL;
        }
    return o;
}

cJSON *ax_act_card(const ax_act *a)
{
    const ax_act_row *row = a->row;
    const char *kind = row->kind == AX_ACT_VECTOR ? "vector" : "element";
    double gain = ax_act_gain(a);
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, "name", cJSON_CreateString(row->name)) |
              ax_json_put(o, "aliases", aliases(row)) |
              ax_json_put(o, "family", cJSON_CreateString(row->family)) |
              ax_json_put(o, "kind", cJSON_CreateString(kind)) |
              ax_json_put(o, "formula", text(row->formula)) |
              ax_json_put(o, "derivative", text(row->derivative)) |
              ax_json_put(o, "params", params(a)) | ax_json_put(o, "range", text(row->range)) |
              ax_json_put(o, "gain", isnan(gain) ? cJSON_CreateNull() : cJSON_CreateNumber(gain)) |
              ax_json_put(o, "max_ulp", max_ulp(row)) | ax_json_put(o, "onnx", text(row->onnx)) |
              ax_json_put(o, "dialects", dialects(row)) | ax_json_put(o, "paper", text(row->paper)) |
              ax_json_put(o, "doc", text(row->doc));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}
