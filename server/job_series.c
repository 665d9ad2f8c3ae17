/* job_series.c - the figures of a job over its steps, read from its events; as JSON and as curves.
 * See jobs_impl.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_impl.h"
#include "sweep.h"

static const char *const series_names[] = {"loss",         "accuracy",      "val_loss",
                                           "val_accuracy", "learning_rate", "samples_per_second"};
_Static_assert(sizeof series_names / sizeof *series_names == JOB_SERIES, "a name for each");

static double number_of(const cJSON *o, const char *field)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, field);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

/* A job that went on from a checkpoint tells some steps again: the later word counts. */
static int add_point(void *ctx, int64_t number, const char *kind, const char *body)
{
    job_series *s = ctx;
    (void)number;
    if (strcmp(kind, "progress") && strcmp(kind, "epoch"))
        return 0;
    cJSON *o = ax_json_parse(body, strlen(body), NULL);
    job_point p = {(int64_t)number_of(o, "step"), (int64_t)number_of(o, "epoch"), 0, {0}};
    p.at = number_of(o, "step") * number_of(o, "epochs") / number_of(o, "steps");
    for (int i = 0; i < JOB_SERIES; i++)
        p.value[i] = number_of(o, series_names[i]);
    cJSON_Delete(o);
    while (s->n && s->at[s->n - 1].step >= p.step)
        s->n--;
    if (p.step <= s->since)
        return 0;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        job_point *more = realloc(s->at, cap * sizeof *more);
        if (!more)
            return s->failed = 1;
        s->at = more;
        s->cap = cap;
    }
    s->at[s->n++] = p;
    return 0;
}

/* At most `most` of the points that have a value, evenly, with the last. */
static void put_series(buf *out, const job_series *s, int k, int64_t most)
{
    size_t have = 0, seen = 0, told = 0;
    for (size_t i = 0; i < s->n; i++)
        have += !isnan(s->at[i].value[k]);
    buf_printf(out, "%s\"%s\":[", k ? "," : "", series_names[k]);
    for (size_t i = 0; i < s->n; i++) {
        const job_point *p = &s->at[i];
        if (isnan(p->value[k]))
            continue;
        seen++; /* the seen-th of `have`: is it the last of its share? */
        if (have > (size_t)most && seen * (size_t)most / have == told)
            continue;
        buf_printf(out, "%s{\"step\":%lld,\"epoch\":%lld,\"value\":", told++ ? "," : "",
                   (long long)p->step, (long long)p->epoch);
        buf_f64(out, p->value[k]);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void job_series_read(jobs *j, int64_t id, int64_t since, job_series *s)
{
    *s = (job_series){.since = since};
    s->failed |= store_events(j->store, id, 0, add_point, s) < 0;
}

void job_series_write(const job_series *s, int64_t most, buf *out)
{
    for (int k = 0; k < JOB_SERIES; k++)
        put_series(out, s, k, most);
}

/* ---- pictures -----------------------------------------------------------------------------------
 */

enum { CURVES = 24, LABEL = 160 };

typedef struct drawing {
    ax_series line[CURVES];
    char label[CURVES][LABEL];
    int n;
} drawing;

/* Figure k of the points as a line; the points that lack it are left out. */
static void add_line(drawing *d, const job_series *s, int k, const char *label, int colour)
{
    double *x = malloc((s->n + 1) * sizeof *x), *y = malloc((s->n + 1) * sizeof *y);
    size_t n = 0;
    for (size_t i = 0; x && y && i < s->n; i++)
        if (!isnan(s->at[i].value[k])) {
            x[n] = s->at[i].at;
            y[n++] = s->at[i].value[k];
        }
    if (!n || d->n == CURVES) {
        free(x);
        free(y);
        return;
    }
    snprintf(d->label[d->n], LABEL, "%s", label);
    d->line[d->n] = (ax_series){d->label[d->n], x, y, n, colour, k == JOB_VAL_LOSS};
    d->n++;
}

static void draw_job(jobs *j, int64_t id, drawing *d)
{
    job_series s;
    job_series_read(j, id, 0, &s);
    add_line(d, &s, JOB_LOSS, "loss", 0);
    add_line(d, &s, JOB_VAL_LOSS, "val_loss", 1);
    free(s.at);
}

static void draw_run(void *ctx, int64_t id, const char *label, int setting, jobs *j)
{
    drawing *d = ctx;
    job_series s;
    job_series_read(j, id, 0, &s);
    int before = d->n;
    add_line(d, &s, JOB_VAL_LOSS, label, setting);
    if (d->n == before)
        add_line(d, &s, JOB_LOSS, label, setting);
    if (d->n > before)
        d->line[before].dashed = 0;
    free(s.at);
}

void job_chart(jobs *j, const job_row *row, buf *out)
{
    drawing *d = calloc(1, sizeof *d);
    size_t len = 0;
    if (d && sweep_is(row))
        sweep_each_curve(j, row, draw_run, d);
    else if (d)
        draw_job(j, row->id, d);
    static const ax_series nothing = {"nothing yet", NULL, NULL, 0, 0, 0};
    const char *below = sweep_is(row) ? "validation loss by epoch" : "epoch";
    char *svg = d ? ax_series_svg(d->n ? d->line : &nothing, d->n ? d->n : 1, below, &len) : NULL;
    if (svg)
        buf_add(out, svg, len);
    out->failed |= !svg;
    free(svg);
    for (int i = 0; d && i < d->n; i++) {
        free((void *)(uintptr_t)d->line[i].x);
        free((void *)(uintptr_t)d->line[i].y);
    }
    free(d);
}
