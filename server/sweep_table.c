/* sweep_table.c - what the runs of a sweep came to: a row per setting, mean and deviation over its
 * seeds; as JSON and as CSV. See jobs_impl.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_impl.h"
#include "sweep.h"

// clang-format off
/* What is compared. The first of them that a run has decides which run is best: the less the better. */
static const char *const figures[] = {"val_loss", "loss", "val_accuracy", "accuracy", "test_loss",
                                      "test_accuracy", "epochs", "seconds_per_epoch", "dead_share"};
// clang-format on
enum { FIGURES = sizeof figures / sizeof *figures };

typedef struct run {
    int64_t id;
    job_state state;
    double figure[FIGURES]; /* NaN: it has none */
    cJSON *values;
} run;

typedef struct runs {
    cJSON *spec; /* {"sweep": axes} */
    run at[SWEEP_RUNS];
    int n;
} runs;

static double number_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static void add_run(void *ctx, const job_row *row)
{
    runs *all = ctx;
    if (all->n == SWEEP_RUNS)
        return;
    run *r = &all->at[all->n++];
    cJSON *o =
        row->state == JOB_SUCCEEDED ? ax_json_parse(row->result, strlen(row->result), NULL) : NULL;
    *r = (run){.id = row->id,
               .state = row->state,
               .values = ax_json_parse(row->sweep, strlen(row->sweep), NULL)};
    for (int k = 0; k < FIGURES; k++)
        r->figure[k] = number_of(o, figures[k]);
    r->figure[FIGURES - 2] = number_of(o, "seconds") / number_of(o, "epochs");
    cJSON_Delete(o);
}

static void unload(runs *all)
{
    for (int i = 0; all && i < all->n; i++)
        cJSON_Delete(all->at[i].values);
    if (all)
        cJSON_Delete(all->spec);
    free(all);
}

static runs *load(jobs *j, const job_row *sweep)
{
    runs *all = calloc(1, sizeof *all);
    ax_arena mem;
    if (!all)
        return NULL;
    ax_arena_init(&mem, 0);
    all->spec = cJSON_CreateObject();
    ax_json_put(all->spec, "sweep", ax_json_parse(sweep->sweep, strlen(sweep->sweep), NULL));
    int bad = store_runs(j->store, sweep->id, &mem, add_run, all);
    ax_arena_fini(&mem);
    if (!bad)
        return all;
    unload(all);
    return NULL;
}

/* ---- settings
 * ------------------------------------------------------------------------------------------ */

typedef struct setting {
    const run *first;
    int index[SWEEP_RUNS], n; /* its runs                                          */
    int ended[JOB_STATES];
    int have[FIGURES];                  /* how many runs told it                             */
    double mean[FIGURES], std[FIGURES]; /* std: of a sample, NaN for a single one */
} setting;

static void measure(const runs *all, setting *s)
{
    for (int k = 0; k < FIGURES; k++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < s->n; i++) {
            double v = all->at[s->index[i]].figure[k];
            if (!isnan(v))
                sum += v, s->have[k]++;
        }
        s->mean[k] = s->have[k] ? sum / s->have[k] : NAN;
        for (int i = 0; i < s->n; i++) {
            double d = all->at[s->index[i]].figure[k] - s->mean[k];
            squares += isnan(d) ? 0 : d * d;
        }
        s->std[k] = s->have[k] > 1 ? sqrt(squares / (s->have[k] - 1)) : NAN;
    }
}

/* The setting that begins with run i; 0 when an earlier run has the same. */
static int setting_of(const runs *all, int i, setting *s)
{
    *s = (setting){.first = &all->at[i]};
    for (int k = 0; k < i; k++)
        if (sweep_same_setting(all->spec, k, i))
            return 0;
    for (int k = i; k < all->n; k++)
        if (sweep_same_setting(all->spec, i, k)) {
            s->index[s->n++] = k;
            s->ended[all->at[k].state]++;
        }
    measure(all, s);
    return 1;
}

static const run *best_of(const runs *all, int *by)
{
    const run *best = NULL;
    for (*by = 0; *by < 2; ++*by) {
        for (int i = 0; i < all->n; i++) {
            double v = all->at[i].figure[*by];
            if (!isnan(v) && (!best || v < best->figure[*by]))
                best = &all->at[i];
        }
        if (best)
            return best;
    }
    return NULL;
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------------
 */

static cJSON *values_of(const run *r)
{
    cJSON *v = cJSON_Duplicate(r->values, 1);
    cJSON_DeleteItemFromObjectCaseSensitive(v, "seed");
    return v;
}

static cJSON *spread(const setting *s, int k)
{
    cJSON *o = cJSON_CreateObject();
    if (!s->have[k]) {
        cJSON_Delete(o);
        return cJSON_CreateNull();
    }
    ax_json_put(o, "mean", cJSON_CreateNumber(s->mean[k]));
    ax_json_put(o, "std", isnan(s->std[k]) ? cJSON_CreateNull() : cJSON_CreateNumber(s->std[k]));
    return o;
}

static cJSON *id_text(int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    return cJSON_CreateString(text);
}

static cJSON *setting_json(const runs *all, const setting *s)
{
    cJSON *o = cJSON_CreateObject(), *ids = cJSON_CreateArray();
    int bad = ax_json_put(o, "values", values_of(s->first));
    for (int i = 0; i < s->n; i++)
        bad |= ax_json_put(ids, NULL, id_text(all->at[s->index[i]].id));
    bad |= ax_json_put(o, "runs", ids);
    for (int i = 0; i < JOB_STATES; i++)
        bad |= ax_json_put(o, job_state_names[i], cJSON_CreateNumber(s->ended[i]));
    for (int k = 0; k < FIGURES; k++)
        bad |= ax_json_put(o, figures[k], spread(s, k));
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static cJSON *best_json(const runs *all, int64_t *id)
{
    int by;
    const run *best = best_of(all, &by);
    *id = best ? best->id : 0;
    if (!best)
        return cJSON_CreateNull();
    cJSON *o = cJSON_CreateObject();
    ax_json_put(o, "id", id_text(best->id));
    ax_json_put(o, "by", cJSON_CreateString(figures[by]));
    ax_json_put(o, "value", cJSON_CreateNumber(best->figure[by]));
    ax_json_put(o, "values", cJSON_Duplicate(best->values, 1));
    return o;
}

cJSON *sweep_table(jobs *j, const job_row *sweep, int64_t *best)
{
    runs *all = load(j, sweep);
    cJSON *o = cJSON_CreateObject(), *rows = cJSON_CreateArray();
    setting s;
    int bad = !all;
    *best = 0;
    for (int i = 0; !bad && i < all->n; i++)
        if (setting_of(all, i, &s))
            bad = ax_json_put(rows, NULL, setting_json(all, &s));
    bad = ax_json_put(o, "table", rows) || bad || ax_json_put(o, "best", best_json(all, best));
    unload(all);
    if (!bad)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* ---- curves
 * ---------------------------------------------------------------------------------------------- */

static void label_of(const run *r, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (const cJSON *v = r->values ? r->values->child : NULL; v && n < size; v = v->next) {
        if (!strcmp(v->string, "seed") && (v->next || n))
            continue;
        char *text = cJSON_IsString(v) ? NULL : ax_json_text(v, 0);
        const cJSON *formula = cJSON_GetObjectItemCaseSensitive(v, "formula");
        const char *value = cJSON_IsString(v)         ? v->valuestring
                            : cJSON_IsString(formula) ? formula->valuestring
                            : text                    ? text
                                                      : "";
        if (strcmp(v->string, "activation"))
            n += (size_t)snprintf(out + n, size - n, "%s%s %s", n ? ", " : "", v->string, value);
        else
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", value);
        cJSON_free(text);
    }
}

void sweep_each_curve(jobs *j, const job_row *sweep,
                      void (*fn)(void *ctx, int64_t run, const char *label, int setting, jobs *j),
                      void *ctx)
{
    runs *all = load(j, sweep);
    setting s;
    int n = 0;
    for (int i = 0; all && i < all->n && n < AX_PLOT_CURVES; i++)
        if (setting_of(all, i, &s)) {
            char label[160];
            label_of(s.first, label, sizeof label);
            fn(ctx, s.first->id, label, n++, j);
        }
    unload(all);
}

/* ---- CSV
 * --------------------------------------------------------------------------------------------------
 */

/* A field between quotes where it needs them. */
static void put_text(buf *b, const char *s)
{
    if (!s[strcspn(s, ",\"\r\n")]) {
        buf_str(b, s);
        return;
    }
    buf_char(b, '"');
    for (; *s; s++) {
        if (*s == '"')
            buf_char(b, '"');
        buf_char(b, *s);
    }
    buf_char(b, '"');
}

static void put_value(buf *b, const cJSON *v)
{
    char *text = cJSON_IsString(v) ? NULL : ax_json_text(v, 0);
    put_text(b, cJSON_IsString(v) ? v->valuestring : text ? text : "");
    cJSON_free(text);
}

static void put_number(buf *b, double v)
{
    buf_char(b, ',');
    if (!isnan(v))
        buf_f64(b, v);
}

static void csv_head(buf *b, const runs *all)
{
    cJSON *values = all->n ? values_of(&all->at[0]) : NULL;
    for (const cJSON *v = values ? values->child : NULL; v; v = v->next) {
        put_text(b, v->string);
        buf_char(b, ',');
    }
    buf_str(b, "runs,succeeded");
    for (int k = 0; k < FIGURES; k++)
        buf_printf(b, ",%s_mean,%s_std", figures[k], figures[k]);
    buf_str(b, "\n");
    cJSON_Delete(values);
}

void sweep_csv(jobs *j, const job_row *sweep, buf *out)
{
    runs *all = load(j, sweep);
    setting s;
    out->failed |= !all;
    if (all)
        csv_head(out, all);
    for (int i = 0; all && i < all->n; i++) {
        if (!setting_of(all, i, &s))
            continue;
        cJSON *values = values_of(s.first);
        for (const cJSON *v = values ? values->child : NULL; v; v = v->next) {
            put_value(out, v);
            buf_char(out, ',');
        }
        cJSON_Delete(values);
        buf_printf(out, "%d,%d", s.n, s.ended[JOB_SUCCEEDED]);
        for (int k = 0; k < FIGURES; k++) {
            put_number(out, s.mean[k]);
            put_number(out, s.std[k]);
        }
        buf_str(out, "\n");
    }
    unload(all);
}
