/* diagnose_judge.c - from figures to verdicts, by the fixed thresholds of docs/diagnostics.md.
 *
 * A row measures one thing of a layer and says from where on it is worth a warning, is serious, is
 * critical; to add a verdict is to add a row here and a line there. */
#include <math.h>

#include "diagnose.h"

enum { FEW = 32 }; /* numbers of a unit from which nothing is concluded about it */

typedef struct rule {
    const char *code;
    double above[3]; /* warn, serious, critical; INFINITY: never */
    double (*measure)(const ax_layer_health *l); /* NaN: does not apply */
    const char *(*evidence)(const ax_layer_health *l, ax_arena *mem);
    const char *suggestion;
} rule;

static int enough(const ax_layer_health *l)
{
    return l->has_slope && l->in.count / l->units >= FEW;
}

static double of_units(const ax_layer_health *l, int64_t n)
{
    return enough(l) ? (double)n / (double)l->units : NAN;
}

static double non_finite(const ax_layer_health *l)
{
    return (double)(l->in.non_finite + l->out.non_finite);
}

static const char *say_non_finite(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "%lld of %lld inputs and %lld of %lld outputs are NaN or infinite",
                           (long long)l->in.non_finite, (long long)l->in.count,
                           (long long)l->out.non_finite, (long long)l->out.count);
}

static double dead(const ax_layer_health *l)
{
    return of_units(l, l->dead);
}

static const char *say_dead(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "%lld of %lld units (%.1f %%) have |f'(z)| < 0.001 everywhere",
                           (long long)l->dead, (long long)l->units, 100 * dead(l));
}

static double nearly_dead(const ax_layer_health *l)
{
    return of_units(l, l->nearly_dead);
}

static const char *say_nearly_dead(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "%lld of %lld units (%.1f %%) have |f'(z)| >= 0.001 for less than 1 %% of z",
                           (long long)l->nearly_dead, (long long)l->units, 100 * nearly_dead(l));
}

/* A rectifier is meant to be off for half of its inputs, and the last layer to be sure. */
static double saturated(const ax_layer_health *l)
{
    return l->flat_both && !l->is_output ? l->saturated_left + l->saturated_right : NAN;
}

static const char *say_saturated(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "for %.1f %% of z |f'(z)| is below 1 %% of its largest (%.1f %% left, %.1f %% right)",
                           100 * saturated(l), 100 * l->saturated_left, 100 * l->saturated_right);
}

static double linear(const ax_layer_health *l)
{
    return of_units(l, l->always_on);
}

static const char *say_linear(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "%lld of %lld units (%.1f %%) have f'(z) within 0.01 of 1 for more than 99 %% of z",
                           (long long)l->always_on, (long long)l->units, 100 * linear(l));
}

static double large(const ax_layer_health *l)
{
    return l->in.rms;
}

static double small(const ax_layer_health *l)
{
    return l->in.rms > 0 ? 1 / l->in.rms : NAN;
}

static const char *say_size(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "the root mean square of z is %.3g, from %.3g to %.3g", l->in.rms,
                           l->in.min, l->in.max);
}

static double subnormal(const ax_layer_health *l)
{
    return (double)l->out.subnormal / (double)l->out.count;
}

static const char *say_subnormal(const ax_layer_health *l, ax_arena *mem)
{
    return ax_arena_printf(mem, "%.2f %% of the outputs are below 1.2e-38 and not 0", 100 * subnormal(l));
}

// clang-format off
static const rule rules[] = {
    {"non_finite", {0, 0, 0}, non_finite, say_non_finite,
     "look for the first layer where it happens: weights that grew without bound, or a formula without a value there"},
    {"dead_units", {0.05, 0.20, 0.50}, dead, say_dead,
     "a lower learning rate, a warm-up, or an activation with a slope on both sides (leaky_relu, gelu, silu); for sigmoids smaller weights"},
    {"nearly_dead_units", {0.20, INFINITY, INFINITY}, nearly_dead, say_nearly_dead,
     "these units learn from a few samples alone: watch whether they die"},
    {"saturated", {0.25, 0.50, 0.90}, saturated, say_saturated,
     "smaller initial weights or a normalisation before the activation; gradients vanish where it is flat"},
    {"linear", {0.50, INFINITY, INFINITY}, linear, say_linear,
     "here the activation is the identity: the layer and the next one amount to a single linear layer"},
    {"signal_large", {1e2, 1e4, 1e6}, large, say_size,
     "scale the model's inputs (scale, mean, std of the spec) or put a normalisation before the layer"},
    {"signal_small", {1e2, 1e4, 1e6}, small, say_size,
     "the signal fades on its way: initialize by the gain of the activation, or put a normalisation before the layer"},
    {"subnormal", {0.001, 0.05, INFINITY}, subnormal, say_subnormal,
     "arithmetic with such numbers is slow and inexact: scale the signal up"},
};
// clang-format on

enum { RULES = sizeof rules / sizeof *rules };

static int level_of(const rule *r, double x)
{
    int level = -1;
    for (int i = 0; i < 3; i++)
        if (x > r->above[i])
            level = i;
    return level;
}

const char *ax_severity_name(ax_severity s)
{
    static const char *const names[] = {"info", "warn", "serious", "critical"};
    return names[s];
}

/* the worst first, else in the order of layers */
static void sort(ax_verdict *v, int n)
{
    for (int i = 1; i < n; i++) {
        ax_verdict x = v[i];
        int k = i;
        for (; k > 0 && v[k - 1].severity < x.severity; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

static int few_samples(ax_health *h)
{
    int all = 1;
    for (int i = 0; i < h->n_layers; i++)
        all &= !h->layers[i].has_slope || enough(&h->layers[i]);
    if (all)
        return 0;
    ax_verdict *v = &h->verdicts[h->n_verdicts++];
    *v = (ax_verdict){"", "few_samples", AX_INFO,
                      ax_arena_printf(&h->mem, "with %lld sample%s some units get less than %d numbers",
                                      (long long)h->samples, h->samples > 1 ? "s" : "", FEW),
                      "give more samples to learn which units are dead"};
    return v->evidence ? 0 : -1;
}

int ax_health_judge(ax_health *h, ax_err *err)
{
    h->verdicts = AX_ARRAY(&h->mem, ax_verdict, h->n_layers * RULES + 1);
    int bad = !h->verdicts || few_samples(h);
    for (int i = 0; i < h->n_layers * RULES && !bad; i++) {
        const ax_layer_health *l = &h->layers[i / RULES];
        const rule *r = &rules[i % RULES];
        int level = level_of(r, r->measure(l));
        if (level < 0)
            continue;
        ax_verdict *v = &h->verdicts[h->n_verdicts++];
        *v = (ax_verdict){l->layer, r->code, (ax_severity)(AX_WARN + level), r->evidence(l, &h->mem),
                          r->suggestion};
        bad = !v->evidence;
    }
    if (bad)
        return ax_fail(err, AX_ENOMEM, "no memory for the verdicts");
    sort(h->verdicts, h->n_verdicts);
    return 0;
}
