/* probe_json.c - what a probe found, as one JSON object; see probe.h.
 *
 * Numbers beyond JSON are the strings that evaluations use; what there is not is null. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "activation/probe.h"
#include "base/json.h"

/* NaN: there is none */
static cJSON *number(double v)
{
    char digits[32];
    if (isnan(v))
        return cJSON_CreateNull();
    if (isinf(v))
        return cJSON_CreateString(v > 0 ? "Infinity" : "-Infinity");
    snprintf(digits, sizeof digits, "%.9g", v); /* a float32 is told apart from its neighbours */
    return cJSON_CreateNumber(strtod(digits, NULL));
}

static cJSON *complete(cJSON *o, int bad)
{
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static cJSON *pair(const char *a, double x, const char *b, double y)
{
    cJSON *o = cJSON_CreateObject();
    int bad = ax_json_put(o, a, number(x)) | ax_json_put(o, b, number(y));
    return complete(o, bad);
}

static cJSON *extreme(const ax_probe_extreme *e)
{
    return pair("y", e->y, "x", e->x);
}

static cJSON *pieces(int count, const ax_probe_piece *p)
{
    cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
    int bad = 0;
    for (int i = 0; i < count && i < AX_PROBE_PIECES; i++)
        bad |= ax_json_put(list, NULL, pair("from", p[i].from, "to", p[i].to));
    bad |= ax_json_put(o, "count", cJSON_CreateNumber(count)) | ax_json_put(o, "where", list);
    return complete(o, bad);
}

static cJSON *marks(const ax_probe *p)
{
    cJSON *list = cJSON_CreateArray();
    int bad = 0;
    for (int i = 0; i < p->marks; i++) {
        cJSON *o = pair("x", p->mark[i].x, "y", p->mark[i].y);
        bad |= ax_json_put(o, "kind", cJSON_CreateString(ax_mark_named[p->mark[i].kind].kind)) |
               ax_json_put(list, NULL, o);
    }
    return complete(list, bad);
}

static cJSON *errors(const ax_probe *p)
{
    static const char *const names[3] = {"f", "df", "d2f"};
    cJSON *o = cJSON_CreateObject();
    int bad = 0;
    for (int i = 0; i < 3; i++) {
        cJSON *e = p->judged[i] ? pair("max", p->ulp[i].y, "x", p->ulp[i].x) : cJSON_CreateNull();
        if (p->judged[i])
            bad |= ax_json_put(e, "numbers", cJSON_CreateNumber(p->judged[i]));
        bad |= ax_json_put(o, names[i], e);
    }
    return complete(o, bad);
}

const char *ax_act_probe_trend(const ax_probe *p)
{
    return p->rising && p->falling ? "constant" : p->rising ? "rising" : p->falling ? "falling" : "";
}

cJSON *ax_act_probe_json(const ax_probe *p)
{
    const char *trend = ax_act_probe_trend(p);
    cJSON *o = cJSON_CreateObject(), *normal = cJSON_CreateObject();
    int bad = ax_json_put(normal, "mean", number(p->mean)) |
              ax_json_put(normal, "square", number(p->square)) |
              ax_json_put(normal, "slope_square", number(p->slope_square)) |
              ax_json_put(normal, "gain", number(p->gain)) |
              ax_json_put(normal, "gain_back", number(p->gain_back));
    bad |= ax_json_put(o, "nan", pieces(p->nans, p->nan)) |
           ax_json_put(o, "infinite", pieces(p->infinities, p->infinite)) |
           ax_json_put(o, "trainable", cJSON_CreateBool(isnan(p->untrainable))) |
           ax_json_put(o, "untrainable_at", number(p->untrainable)) |
           ax_json_put(o, "low", extreme(&p->low)) | ax_json_put(o, "high", extreme(&p->high)) |
           ax_json_put(o, "monotone", *trend ? cJSON_CreateString(trend) : cJSON_CreateNull()) |
           ax_json_put(o, "steepest", extreme(&p->steepest)) |
           ax_json_put(o, "limits", pair("left", p->left, "right", p->right)) |
           ax_json_put(o, "marks", marks(p)) |
           ax_json_put(o, "zero", pair("up_to", p->zero_below, "from", p->zero_above)) |
           ax_json_put(o, "flat", pair("up_to", p->flat_below, "from", p->flat_above)) |
           ax_json_put(o, "ulp", errors(p)) | ax_json_put(o, "normal", normal);
    return complete(o, bad);
}
