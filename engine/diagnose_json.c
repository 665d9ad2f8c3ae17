/* diagnose_json.c - the health of a model's activations as JSON: docs/diagnostics.md shows it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "diagnose.h"

/* Six figures are more than a histogram is good for; null for what there is not. */
static cJSON *number(double x)
{
    char text[40];
    if (!isfinite(x))
        return cJSON_CreateNull();
    snprintf(text, sizeof text, "%.6g", x);
    return cJSON_CreateNumber(strtod(text, NULL));
}

static int put_number(cJSON *o, const char *key, double x)
{
    return ax_json_put(o, key, number(x));
}

static int put_count(cJSON *o, const char *key, int64_t n)
{
    return ax_json_put(o, key, cJSON_CreateNumber((double)n));
}

static int put_text(cJSON *o, const char *key, const char *text)
{
    return ax_json_put(o, key, cJSON_CreateString(text));
}

/* An empty object or array as a field of o; NULL: no memory. */
static cJSON *put_new(cJSON *o, const char *key, cJSON *item)
{
    return ax_json_put(o, key, item) ? NULL : item;
}

/* From the first bin with something in it to the last: n counts and n + 1 edges. */
static int put_histogram(cJSON *o, const ax_spread *s)
{
    int from = 0, to = AX_HEALTH_BINS, bad;
    while (from < to && !s->bin[from])
        from++;
    while (to > from && !s->bin[to - 1])
        to--;
    cJSON *h = put_new(o, "histogram", cJSON_CreateObject());
    cJSON *edges = put_new(h, "edges", cJSON_CreateArray());
    cJSON *counts = put_new(h, "counts", cJSON_CreateArray());
    bad = !edges || !counts;
    for (int i = from; i <= to && from < to && !bad; i++)
        bad = ax_json_put(edges, NULL, cJSON_CreateNumber(ax_health_edge(i))) ||
              (i < to && ax_json_put(counts, NULL, cJSON_CreateNumber((double)s->bin[i])));
    return bad;
}

static int put_spread(cJSON *o, const char *key, const ax_spread *s)
{
    cJSON *e = put_new(o, key, cJSON_CreateObject());
    int bad = put_count(e, "count", s->count) ||
              put_count(e, "non_finite", s->non_finite) || put_number(e, "mean", s->mean) ||
              put_number(e, "std", s->std) || put_number(e, "rms", s->rms) ||
              put_number(e, "min", s->min) || put_number(e, "max", s->max);
    cJSON *q = put_new(e, "quantiles", cJSON_CreateObject());
    for (int i = 0; i < AX_HEALTH_QUANTILES && !bad; i++) {
        char name[16];
        snprintf(name, sizeof name, "%g", ax_health_quantile[i]);
        bad = put_number(q, name, s->quantile[i]);
    }
    return bad || put_histogram(e, s);
}

static int put_over_units(cJSON *o, const char *key, const ax_over_units *u)
{
    cJSON *e = put_new(o, key, cJSON_CreateObject());
    return put_number(e, "min", u->min) || put_number(e, "median", u->median) ||
           put_number(e, "max", u->max);
}

static int put_units(cJSON *o, const ax_layer_health *l)
{
    cJSON *e = put_new(o, "units", cJSON_CreateObject());
    int bad = put_count(e, "count", l->units) || put_over_units(e, "mean", &l->unit_mean) ||
              put_over_units(e, "std", &l->unit_std);
    if (bad || !l->has_slope)
        return bad;
    bad = put_over_units(e, "active", &l->unit_active) || put_count(e, "dead", l->dead) ||
          put_count(e, "nearly_dead", l->nearly_dead) ||
          put_count(e, "always_on", l->always_on);
    cJSON *list = put_new(e, "dead_list", cJSON_CreateArray());
    for (int i = 0; i < l->dead && i < AX_HEALTH_DEAD_LIST && !bad; i++)
        bad = ax_json_put(list, NULL, cJSON_CreateNumber((double)l->dead_list[i]));
    return bad || !list;
}

static int put_layer(cJSON *list, const ax_layer_health *l)
{
    cJSON *e = put_new(list, NULL, cJSON_CreateObject());
    int bad = put_text(e, "layer", l->layer) || put_text(e, "activation", l->activation);
    cJSON *shape = put_new(e, "shape", cJSON_CreateArray());
    for (int i = 0; i < l->shape.rank && !bad; i++)
        bad = ax_json_put(shape, NULL, cJSON_CreateNumber((double)l->shape.dim[i]));
    bad = bad || put_spread(e, "input", &l->in) || put_spread(e, "output", &l->out) || put_units(e, l) ||
          put_number(e, "sparsity", l->sparsity) || put_number(e, "hoyer", l->hoyer) ||
          put_number(e, "subnormal", (double)l->out.subnormal / (double)l->out.count);
    if (bad || !l->has_slope)
        return bad;
    cJSON *s = put_new(e, "saturated", cJSON_CreateObject());
    return put_number(s, "share", l->saturated_left + l->saturated_right) ||
           put_number(s, "left", l->saturated_left) || put_number(s, "right", l->saturated_right) ||
           put_number(e, "gain", l->gain) || put_number(e, "gain_expected", l->gain_expected);
}

static int put_verdict(cJSON *list, const ax_verdict *v)
{
    cJSON *e = put_new(list, NULL, cJSON_CreateObject());
    return ax_json_put(e, "layer", *v->layer ? cJSON_CreateString(v->layer) : cJSON_CreateNull()) ||
           put_text(e, "code", v->code) || put_text(e, "severity", ax_severity_name(v->severity)) ||
           put_text(e, "evidence", v->evidence) || put_text(e, "suggestion", v->suggestion);
}

cJSON *ax_health_json(const ax_health *h)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *probe = put_new(o, "probe", cJSON_CreateObject());
    int bad = put_text(probe, "kind", h->noise ? "noise" : "data") ||
              put_count(probe, "samples", h->samples);
    if (!bad && h->noise)
        bad = ax_json_put(probe, "seed", cJSON_CreateNumber((double)h->seed));
    const char *worst = h->n_verdicts ? ax_severity_name(h->verdicts[0].severity) : "none";
    bad = bad || put_text(o, "severity", worst);
    cJSON *list = put_new(o, "verdicts", cJSON_CreateArray());
    for (int i = 0; i < h->n_verdicts && !bad; i++)
        bad = put_verdict(list, &h->verdicts[i]);
    list = put_new(o, "layers", cJSON_CreateArray());
    for (int i = 0; i < h->n_layers && !bad; i++)
        bad = put_layer(list, &h->layers[i]);
    if (!bad && list)
        return o;
    cJSON_Delete(o);
    return NULL;
}
