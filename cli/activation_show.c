/* activation_show.c - cards, tables and lists of activations, for people and as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activation.h"
#include "options.h"
#include "table.h"
#include "tensors.h"

enum { ACROSS = 5, CELL = 17 };

int activation_next(const ax_act_row *row, int n, int i)
{
    const char *family = row[i].family;
    for (int k = i + 1; k < n; k++)
        if (!strcmp(row[k].family, family))
            return k;
    for (int k = 0; k < n; k++) { /* the next family: one whose first row comes after this one's */
        int first = 1;
        for (int j = 0; j < k; j++)
            first &= strcmp(row[j].family, row[k].family) != 0;
        if (first && !strcmp(row[k].family, family))
            family = ""; /* seen; the next first one is it */
        else if (first && !*family)
            return k;
    }
    return -1;
}

void activation_list(FILE *out)
{
    int n, at = 0;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0, next; i >= 0; i = next) {
        next = activation_next(row, n, i);
        if (!at)
            fprintf(out, "%s\n", row[i].family);
        int last = next < 0 || strcmp(row[next].family, row[i].family);
        int wrap = last || at % ACROSS == ACROSS - 1;
        fprintf(out, "%s%-*s%s", at % ACROSS ? "" : "  ", wrap ? 0 : CELL, row[i].name, wrap ? "\n" : "");
        at = last ? 0 : at + 1;
        fputs(last ? "\n" : "", out);
    }
    fputs("axond activation NAME tells more about one; a formula is explained just so:\n"
          "axond activation 'x*sigmoid(beta*x)' --param beta=1.7\n",
          out);
}

int activation_catalog_json(FILE *out)
{
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
    int bad = ax_json_put(o, "activations", list);
    for (int i = 0; i < n && !bad; i++) {
        ax_act a;
        bad = ax_act_by_name(row[i].name, &a, NULL) || ax_json_put(list, NULL, ax_act_card(&a));
    }
    if (bad)
        cJSON_Delete(o);
    else
        cli_print_json(o, 1, out);
    return bad ? -1 : 0;
}

/* ---- one activation, for people -------------------------------------------------------------- */

static void put(table *t, const char *what, const char *text)
{
    if (!text || !*text)
        return;
    table_put(t, "%s", what);
    table_put(t, "%s", text);
}

static void put_params(table *t, const ax_act *a)
{
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++) {
        const ax_act_param *p = &a->row->params[i];
        table_put(t, "%s", p->name);
        table_put(t, "%s, from %s to %s%s%s%s", AX_NUMBER(a->param[i]), AX_NUMBER(p->min),
                  AX_NUMBER(p->max), p->learnable ? ", learnable" : "",
                  p->doc && *p->doc ? ": " : "", p->doc ? p->doc : "");
    }
}

static void put_dialects(table *t, const ax_act_row *row)
{
    for (int i = 0; i < AX_ACT_DIALECTS && row->dialects[i].dialect; i++) {
        const ax_act_dialect *d = &row->dialects[i];
        table_put(t, "%s", i && !strcmp(d->dialect, row->dialects[i - 1].dialect) ? "" : d->dialect);
        table_put(t, "%s%s%s", d->name, d->defaults ? " with " : "", d->defaults ? d->defaults : "");
    }
}

static void put_accuracy(table *t, const ax_act_row *row)
{
    static const char *const names[3] = {"f", "f'", "f''"};
    double max[3];
    char text[120] = "";
    ax_act_max_ulp(row, max);
    for (int i = 0; i < 3; i++)
        if (max[i] >= 0) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, "%s%s %.6f", at ? ", " : "", names[i], max[i]);
        }
    put(t, "max ULP", text);
}

/* ---- what a formula turned out to be like ---------------------------------------------------- */

static void put_pieces(table *t, const char *what, int count, const ax_probe_piece *p)
{
    for (int i = 0; i < count && i < AX_PROBE_PIECES; i++) {
        table_put(t, "%s", i ? "" : what);
        table_put(t, "from %.9g to %.9g%s", (double)p[i].from, (double)p[i].to,
                  i + 1 == AX_PROBE_PIECES && count > i + 1 ? ", and on more stretches" : "");
    }
}

static void put_marks(table *t, const ax_probe *p)
{
    for (int kind = 0; kind < AX_MARK_KINDS; kind++) {
        char text[AX_MARKS * 16] = "";
        size_t at = 0;
        for (int i = 0; i < p->marks; i++)
            if ((int)p->mark[i].kind == kind)
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%.6g", at ? ", " : "at ", p->mark[i].x);
        put(t, ax_mark_named[kind].several, text);
    }
}

/* "up to -104 and from 17 on"; at an infinity alone is no stretch. everywhere: what to say where the
 * stretches are all there is. */
static void put_flat(table *t, const char *what, float up_to, float from, const char *everywhere)
{
    char left[48] = "", right[48] = "";
    if (up_to == INFINITY) {
        put(t, what, everywhere);
        return;
    }
    if (!isnan(up_to) && up_to > -INFINITY)
        snprintf(left, sizeof left, "up to %.9g", (double)up_to);
    if (!isnan(from) && from < INFINITY)
        snprintf(right, sizeof right, "%sfrom %.9g on", *left ? " and " : "", (double)from);
    if (*left || *right) {
        table_put(t, "%s", what);
        table_put(t, "%s%s", left, right);
    }
}

static void put_errors(table *t, const ax_probe *p)
{
    static const char *const names[3] = {"f", "f'", "f''"};
    for (int i = 0, n = 0; i < 3; i++)
        if (p->judged[i]) {
            table_put(t, "%s", n++ ? "" : "errors seen");
            table_put(t, "%s %.3f ULP at %.9g, worst of %d judged in 113 bits", names[i], p->ulp[i].y,
                      (double)p->ulp[i].x, p->judged[i]);
        }
}

static int put_probe(table *t, const ax_act *a)
{
    ax_probe p;
    if (ax_act_probe(a, &p, NULL) < 0)
        return -1;
    put_pieces(t, "NaN", p.nans, p.nan);
    put_pieces(t, "infinite", p.infinities, p.infinite);
    if (!isnan(p.untrainable)) {
        table_put(t, "training");
        table_put(t, "refused: no finite value and slope at %.9g", (double)p.untrainable);
    }
    table_put(t, "least");
    table_put(t, "%.9g at %.9g", p.low.y + 0, (double)p.low.x);
    table_put(t, "greatest");
    table_put(t, "%.9g at %.9g", p.high.y + 0, (double)p.high.x);
    put(t, "monotone", ax_act_probe_trend(&p));
    table_put(t, "steepest");
    table_put(t, "%.9g at %.9g", p.steepest.y, (double)p.steepest.x);
    put_marks(t, &p);
    put_flat(t, "f is 0", p.zero_below, p.zero_above, "everywhere");
    put_flat(t, "f' is 0", p.flat_below, p.flat_above,
             p.rising && p.falling ? "everywhere" : "everywhere but at jumps, which have no slope");
    put_errors(t, &p);
    return 0;
}

int activation_card(const explained *e, FILE *out)
{
    const ax_act_row *row = e->act.row;
    const ax_formula *f = row->program;
    int n = 0;
    const char *const *rewrites = f ? ax_formula_rewrites(f, &n) : NULL;
    char aliases[200] = "";
    table t;
    table_init(&t, "ll");
    for (int i = 0; row->aliases[i]; i++) {
        size_t at = strlen(aliases);
        snprintf(aliases + at, sizeof aliases - at, "%s%s", i ? ", " : "", row->aliases[i]);
    }
    put(&t, "name", row->name);
    put(&t, "also", aliases);
    put(&t, "family", row->family);
    put(&t, "f", f ? ax_formula_text(f, AX_FORMULA_F) : row->formula);
    put(&t, "f'", row->derivative);
    if (f)
        put(&t, "f''", ax_formula_text(f, AX_FORMULA_DXX));
    for (int i = 0; i < n; i++)
        put(&t, i ? "" : "rewritten", rewrites[i]);
    put(&t, "range", row->range);
    put_params(&t, &e->act);
    double gain = ax_act_gain(&e->act);
    if (row->kind == AX_ACT_ELEMENT && !isnan(gain)) {
        table_put(&t, "gain");
        table_put(&t, "%.6g", gain);
    }
    put_accuracy(&t, row);
    put_dialects(&t, row);
    put(&t, "paper", row->paper);
    put(&t, "about", row->doc);
    int bad = (f && put_probe(&t, &e->act)) || table_print(&t, out) ? -1 : 0;
    table_fini(&t);
    return bad;
}

int activation_table(const explained *e, FILE *out)
{
    static const char *const heads[3] = {"f", "f'", "f''"};
    int64_t rows = e->out > e->n ? e->out : e->n;
    char text[32];
    table t;
    table_init(&t, &"rrrr"[2 - e->derivatives]);
    table_put(&t, "x");
    for (int k = 0; k <= e->derivatives; k++)
        table_put(&t, "%s", heads[k]);
    for (int64_t i = 0; i < rows; i++) {
        table_put(&t, "%s", i < e->n ? text_f32(e->x[i], text, sizeof text) : "");
        for (int k = 0; k <= e->derivatives; k++)
            table_put(&t, "%s", i < e->out ? text_f32(e->y[k][i], text, sizeof text) : "");
    }
    int bad = table_print(&t, out);
    table_fini(&t);
    return bad;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static cJSON *numbers(const float *x, int64_t n)
{
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < n; i++) {
        const char *word = isnan(x[i]) ? "NaN" : x[i] > 0 ? "Infinity" : "-Infinity";
        cJSON *v = isfinite(x[i]) ? tensor_json_number(AX_F32, x, i) : cJSON_CreateString(word);
        if (ax_json_put(list, NULL, v) < 0) {
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

static int add_probe(cJSON *o, const ax_act *a)
{
    ax_probe p;
    return ax_act_probe(a, &p, NULL) < 0 ? -1 : ax_json_put(o, "probe", ax_act_probe_json(&p));
}

int activation_json(const explained *e, FILE *out)
{
    static const char *const names[3] = {"y", "dy", "d2y"};
    cJSON *o = ax_act_card(&e->act);
    int bad = !o || (e->act.row->program && add_probe(o, &e->act) < 0);
    if (!bad && e->x)
        bad = ax_json_put(o, "x", numbers(e->x, e->n));
    for (int i = 0; i <= e->derivatives && e->x && !bad; i++)
        bad = ax_json_put(o, names[i], numbers(e->y[i], e->out));
    if (bad)
        cJSON_Delete(o);
    else
        cli_print_json(o, 1, out);
    return bad ? -1 : 0;
}
