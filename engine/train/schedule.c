/* schedule.c - see schedule.h. */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

static double constant(const ax_schedule *s, double at, int epoch)
{
    (void)s, (void)at, (void)epoch;
    return 1;
}

static double step_down(const ax_schedule *s, double at, int epoch)
{
    (void)at;
    return pow(s->gamma, (double)(epoch / s->every));
}

static double exponential(const ax_schedule *s, double at, int epoch)
{
    (void)at;
    return pow(s->gamma, epoch);
}

static double cosine(const ax_schedule *s, double at, int epoch)
{
    (void)epoch;
    return s->min_factor + (1 - s->min_factor) * (1 + cos(M_PI * at)) / 2;
}

static double linear(const ax_schedule *s, double at, int epoch)
{
    (void)epoch;
    return 1 + (s->min_factor - 1) * at;
}

static double plateau(const ax_schedule *s, double at, int epoch)
{
    (void)at, (void)epoch;
    return s->factor;
}

/* `at` is the share of the steps after the warm-up that is done */
// clang-format off
static const struct row {
    const char *name;
    double gamma;
    int64_t every;
    const char *fields[4];
    double (*factor)(const ax_schedule *s, double at, int epoch);
} rows[] = {
    {"constant",    1,    1,  {NULL}, constant},
    {"step",        0.1,  10, {"every", "gamma"}, step_down},
    {"exponential", 0.95, 1,  {"gamma"}, exponential},
    {"cosine",      1,    1,  {"min_factor"}, cosine},
    {"linear",      1,    1,  {"min_factor"}, linear},
    {"plateau",     0.5,  3,  {"every", "gamma", "min_factor"}, plateau},
};
// clang-format on
enum { N_ROWS = sizeof rows / sizeof *rows };

int ax_schedule_read(const cJSON *json, ax_schedule *s, ax_err *err)
{
    const char *name = "constant", *names[N_ROWS];
    int kind = -1;
    if (json && !cJSON_IsString(json) && !cJSON_IsObject(json))
        return ax_fail(err, AX_ETYPE, "a schedule is a name or an object with \"name\"");
    if (cJSON_IsString(json))
        name = json->valuestring;
    else if (json && ax_json_str(json, "name", "constant", &name, err))
        return -1;
    for (int i = 0; i < N_ROWS; i++) {
        names[i] = rows[i].name;
        if (!strcmp(rows[i].name, name))
            kind = i;
    }
    if (kind < 0) {
        const char *near = ax_nearest(name, names, N_ROWS);
        ax_fail(err, AX_ENOTFOUND, "there is no schedule '%.60s'", name);
        ax_err_hint(err, near ? "did you mean '%s'?" : "there are constant, step, exponential, cosine, linear and plateau%s", near ? near : "");
        return cJSON_IsObject(json) ? ax_err_in(err, "name") : -1;
    }
    const struct row *r = &rows[kind];
    *s = (ax_schedule){.kind = kind, .every = r->every, .gamma = r->gamma, .best = INFINITY, .factor = 1};
    if (!cJSON_IsObject(json))
        return 0;
    const char *known[8] = {"name", "warmup_steps"};
    int n = 2;
    for (int i = 0; r->fields[i]; i++)
        known[n++] = r->fields[i];
    return ax_json_known(json, known, n, err) ||
                   ax_json_int(json, "warmup_steps", 0, 0, 1000000000, &s->warmup_steps, err) ||
                   ax_json_int(json, "every", s->every, 1, 1000000, &s->every, err) ||
                   ax_json_num(json, "gamma", s->gamma, 1e-9, 1, &s->gamma, err) ||
                   ax_json_num(json, "min_factor", 0, 0, 1, &s->min_factor, err)
               ? -1
               : 0;
}

const char *ax_schedule_name(const ax_schedule *s)
{
    return rows[s->kind].name;
}

double ax_schedule_factor(const ax_schedule *s, int64_t step, int64_t steps, int epoch)
{
    if (step < s->warmup_steps)
        return (double)(step + 1) / (double)s->warmup_steps;
    double left = (double)(steps - s->warmup_steps);
    double at = left > 0 ? (double)(step - s->warmup_steps) / left : 1;
    return rows[s->kind].factor(s, at < 1 ? at : 1, epoch);
}

void ax_schedule_epoch(ax_schedule *s, double loss)
{
    if (rows[s->kind].factor != plateau)
        return;
    if (loss < s->best) {
        s->best = loss;
        s->waited = 0;
    } else if (++s->waited >= s->every) {
        s->waited = 0;
        s->factor = fmax(s->factor * s->gamma, s->min_factor);
    }
}
