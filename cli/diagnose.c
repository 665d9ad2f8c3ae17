/* diagnose.c - see diagnose.h. */
#include "diagnose.h"

#include <math.h>
#include <string.h>

#include "cli.h"
#include "samples.h"
#include "table.h"

/* ---- the samples ----------------------------------------------------------------------------- */

static int is_data_set(const char *data)
{
    return !strcmp(data, "fashion-mnist");
}

static int read_data(const ax_model_info *m, const char *data, int64_t most, samples *s,
                     ax_err *err)
{
    float *x;
    if (!is_data_set(data))
        return samples_read(s, data, m, err);
    ax_arena_init(&s->mem, 0);
    if (m->n_inputs > 1)
        return ax_fail(err, AX_EUNSUPPORTED, "the model takes %d inputs, the data set '%s' has one",
                       m->n_inputs, data);
    if (ax_named_samples(data, NULL, &m->inputs[0], most, &s->mem, &x, &s->rows, err))
        return -1;
    s->data[0] = x;
    return 0;
}

int diagnose(ax_model *m, const char *data, int64_t most, uint64_t seed, int threads, ax_health *h,
             ax_err *err)
{
    const ax_model_info *info = ax_model_get_info(m);
    ax_diagnose_options o = {.samples = most, .seed = seed};
    samples s = {0};
    int noise = !strcmp(data, "noise");
    const float *x[SAMPLES_INPUTS];
    int bad = !noise && read_data(info, data, most, &s, err);
    if (!bad && !noise) {
        for (int i = 0; i < info->n_inputs; i++)
            x[i] = s.data[i];
        o.inputs = x;
        o.samples = s.rows < most ? s.rows : most;
    }
    bad = bad || !(o.pool = ax_pool_new(threads, err)) || ax_diagnose(m, &o, h, err);
    ax_pool_free(o.pool);
    samples_free(&s);
    return bad ? -1 : 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { BARS = 24 };

/* Where the numbers lie between the 1 % and the 99 % quantile, as bars whose height is the root of
 * the count, so that tails show; a bin is shared out evenly. */
static const char *bars(const ax_spread *s, char out[4 * BARS + 1])
{
    static const char *const bar[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double lo = s->quantile[0], hi = s->quantile[AX_HEALTH_QUANTILES - 1], n[BARS] = {0}, most = 0;
    out[0] = 0;
    if (!(hi > lo))
        return "-";
    for (int i = 0; i < AX_HEALTH_BINS; i++) {
        double from = fmax(ax_health_edge(i), s->min), to = fmin(ax_health_edge(i + 1), s->max);
        for (int k = 0; k < BARS && s->bin[i]; k++) {
            double a = lo + (hi - lo) * k / BARS, b = lo + (hi - lo) * (k + 1) / BARS;
            double part = fmin(to, b) - fmax(from, a);
            if (to > from && part > 0)
                n[k] += (double)s->bin[i] * part / (to - from);
            else if (to <= from && from >= a && from < b)
                n[k] += (double)s->bin[i];
        }
    }
    for (int k = 0; k < BARS; k++)
        most = fmax(most, n[k]);
    for (int k = 0; k < BARS; k++)
        strcat(out, bar[n[k] > 0 ? (int)fmax(1, round(8 * sqrt(n[k] / most))) : 0]);
    return out;
}

static const char *percent(double share, char out[16])
{
    snprintf(out, 16,
             isnan(share)                  ? "-"
             : share > 0 && share < 0.0005 ? "<0.1 %%"
                                           : "%.1f %%",
             100 * share);
    return out;
}

static void put_layer(table *t, const ax_layer_health *l)
{
    char text[4 * BARS + 1];
    double units = (double)l->units;
    table_put(t, "%s", l->layer);
    table_put(t, "%s", l->activation);
    table_put(t, "%lld", (long long)l->units);
    table_put(t, "%.3g ± %.3g", l->in.mean, l->in.std);
    table_put(t, "%s", bars(&l->in, text));
    table_put(t, "%.3g ± %.3g", l->out.mean, l->out.std);
    table_put(t, "%s", percent(l->has_slope ? (double)l->dead / units : NAN, text));
    table_put(t, "%s", percent(l->saturated_left + l->saturated_right, text));
    table_put(t, "%s", percent(l->sparsity, text));
    if (l->has_slope && isnan(l->gain_expected))
        table_put(t, "%.2f", l->gain);
    else if (l->has_slope)
        table_put(t, "%.2f (%.2f)", l->gain, l->gain_expected);
    else
        table_put(t, "-");
}

static int print_layers(const ax_health *h)
{
    static const char *const heads[] = {
        "layer",           "activation", "units",     "in: mean ± std", "in: 1 % to 99 %",
        "out: mean ± std", "dead",       "saturated", "zero",           "gain (expected)"};
    table t;
    table_init(&t, "llrrlrrrrr");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(&t, "%s", heads[i]);
    for (int i = 0; i < h->n_layers; i++)
        put_layer(&t, &h->layers[i]);
    int bad = table_print(&t, stdout);
    table_fini(&t);
    return bad;
}

static int print_verdicts(const ax_health *h)
{
    table t;
    table_init(&t, "llll");
    for (int i = 0; i < h->n_verdicts; i++) {
        const ax_verdict *v = &h->verdicts[i];
        table_put(&t, "%s", ax_severity_name(v->severity));
        table_put(&t, "%s", *v->layer ? v->layer : "-");
        table_put(&t, "%s", v->code);
        table_put(&t, "%s: %s", v->evidence, v->suggestion);
    }
    int bad = table_print(&t, stdout);
    table_fini(&t);
    return bad;
}

int diagnose_print(const ax_health *h)
{
    printf("activations over %lld sample%s", (long long)h->samples, h->samples > 1 ? "s" : "");
    if (h->noise)
        printf(" of noise from seed %llu", (unsigned long long)h->seed);
    printf("\n\n");
    if (print_layers(h))
        return -1;
    printf("\n");
    if (h->n_verdicts)
        return print_verdicts(h);
    printf("nothing to worry about\n");
    return 0;
}
