/* diagnose_count.c - what goes into an activation and comes out, counted sample by sample.
 *
 * Everything that says whether a unit learns is said through the slope f'(z), so it holds for any
 * function. The samples of a layer are added in their order by one thread, so the figures are a
 * function of the samples alone. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

enum { BLOCK = 1024, OCTAVES = 12, MIDDLE = 4 * 2 * OCTAVES };

static const double dead_slope = 1e-3;  /* of a unit none of whose slopes is larger            */
static const double flat_share = 0.01;  /* a slope below this share of the peak is saturated   */
static const double unity_slope = 0.01; /* a slope nearer to 1 is that of the identity         */
static const double unity_share = 0.99; /* a unit with more of these is always on              */
static const double active_share = 0.01; /* a unit with fewer slopes above dead_slope is nearly dead */
static const float near_zero = 1e-6f;

const double ax_health_quantile[AX_HEALTH_QUANTILES] = {0.01, 0.25, 0.5, 0.75, 0.99};

/* ---- the histogram --------------------------------------------------------------------------- */

/* Quarters of an octave, even within it: exponent and two bits of the mantissa. */
static int bin_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int at = (int)(bits << 1 >> 22) - 4 * (127 - OCTAVES);
    if (at < 0)
        return MIDDLE;
    if (at >= MIDDLE)
        at = MIDDLE - 1;
    return bits >> 31 ? MIDDLE - 1 - at : MIDDLE + 1 + at;
}

double ax_health_edge(int i)
{
    int at = i <= MIDDLE ? MIDDLE - i : i - MIDDLE - 1;
    double edge = ldexp(1 + 0.25 * (at % 4), at / 4 - OCTAVES);
    return i <= MIDDLE ? -edge : edge;
}

/* Numbers lie evenly within their bin and none outside of [min, max]; what is near 0 counts as 0, which
 * after a rectifier most of it is. */
static double quantile(const ax_tally *t, double q, int64_t n, double min, double max)
{
    double want = q * (double)n, below = 0;
    for (int i = 0; i < AX_HEALTH_BINS; i++) {
        double here = (double)t->bin[i];
        if (here > 0 && below + here >= want) {
            if (i == MIDDLE && min <= 0 && max >= 0)
                return 0;
            double lo = i ? fmax(ax_health_edge(i), min) : min;
            double hi = i < AX_HEALTH_BINS - 1 ? fmin(ax_health_edge(i + 1), max) : max;
            return lo + (hi - lo) * (want - below) / here;
        }
        below += here;
    }
    return max;
}

/* ---- z and a --------------------------------------------------------------------------------- */

static void unit_add(ax_unit_sums *u, double x)
{
    if (!u->n++) {
        u->shift = u->min = u->max = x;
        return;
    }
    double d = x - u->shift;
    u->s1 += d;
    u->s2 += d * d;
    u->min = x < u->min ? x : u->min;
    u->max = x > u->max ? x : u->max;
}

static void tally_add(ax_tally *t, const float *x)
{
    int64_t i = 0;
    for (int64_t o = 0; o < t->outer; o++)
        for (int64_t c = 0; c < t->units; c++)
            for (int64_t end = i + t->inner; i < end; i++) {
                float v = x[i];
                if (!isfinite(v)) {
                    t->non_finite++;
                    continue;
                }
                t->subnormal += v != 0 && fabsf(v) < FLT_MIN;
                t->bin[bin_of(v)]++;
                unit_add(&t->unit[c], (double)v);
            }
    t->count += i;
}

static double unit_mean(const ax_unit_sums *u)
{
    return u->shift + u->s1 / (double)u->n;
}

/* the sum of squares round the mean */
static double unit_squares(const ax_unit_sums *u)
{
    return fmax(u->s2 - u->s1 * u->s1 / (double)u->n, 0);
}

static void spread_of(const ax_tally *t, ax_spread *s)
{
    double n = 0, mean = 0, squares = 0;
    *s = (ax_spread){.count = t->count, .non_finite = t->non_finite, .subnormal = t->subnormal,
                     .min = NAN, .max = NAN};
    memcpy(s->bin, t->bin, sizeof s->bin);
    for (int64_t c = 0; c < t->units; c++) {
        const ax_unit_sums *u = &t->unit[c];
        if (!u->n)
            continue;
        /* two groups as one: Chan, Golub, LeVeque 1979 */
        double d = unit_mean(u) - mean, m = (double)u->n;
        squares += unit_squares(u) + d * d * n * m / (n + m);
        mean += d * m / (n + m);
        n += m;
        s->min = fmin(s->min, u->min);
        s->max = fmax(s->max, u->max);
    }
    s->mean = n > 0 ? mean : NAN;
    s->std = n > 0 ? sqrt(squares / n) : NAN;
    s->rms = n > 0 ? sqrt(squares / n + mean * mean) : NAN;
    for (int i = 0; i < AX_HEALTH_QUANTILES; i++)
        s->quantile[i] = n > 0 ? quantile(t, ax_health_quantile[i], (int64_t)n, s->min, s->max) : NAN;
}

/* ---- slopes ---------------------------------------------------------------------------------- */

static ax_act act_of_unit(const ax_watch *w, int64_t c)
{
    ax_act act = w->act;
    if (w->slope)
        act.param[0] = (double)w->slope[c];
    return act;
}

static void slopes_of_run(ax_watch *w, const float *z, const float *d, int64_t n, ax_unit_slope *u)
{
    for (int64_t i = 0; i < n; i++) {
        double slope = fabs((double)d[i]);
        if (!isfinite(z[i]) || isnan(slope))
            continue;
        u->n++;
        u->largest = slope > u->largest ? slope : u->largest;
        u->active += slope >= dead_slope;
        u->unity += fabs((double)d[i] - 1) < unity_slope;
        if (slope < flat_share * u->peak)
            ++*((double)z[i] < w->center ? &w->left : &w->right);
    }
}

/* Of one sample: a run of a unit after the other, blocks of the same function at once. */
static void slopes_add(ax_watch *w, const float *z)
{
    float d[BLOCK];
    const ax_tally *t = &w->in;
    int64_t count = t->outer * t->units * t->inner, run, n;
    for (int64_t at = 0; at < count; at += n) {
        int64_t left = t->inner - at % t->inner;
        n = w->slope ? left : count - at;
        n = n < BLOCK ? n : BLOCK;
        ax_act act = act_of_unit(w, at / t->inner % t->units);
        ax_act_derivative(&act, z + at, d, (size_t)n);
        for (int64_t i = 0; i < n; i += run) {
            run = t->inner - (at + i) % t->inner;
            run = run < n - i ? run : n - i;
            slopes_of_run(w, z + at + i, d + i, run, &w->unit[(at + i) / t->inner % t->units]);
        }
    }
}

/* How steep a function gets between -6 and 6, the middle of where it is not flat, and whether it is
 * flat at both -20 and 20. */
typedef struct look {
    double peak, center;
    int flat_both;
} look;

static look look_at(const ax_act *act)
{
    enum { STEPS = 768 };
    float x[STEPS + 3], d[STEPS + 3];
    double lo = 6, hi = -6, floor;
    look l = {0};
    for (int i = 0; i <= STEPS; i++)
        x[i] = (float)(i - STEPS / 2) / 64;
    x[STEPS + 1] = -20;
    x[STEPS + 2] = 20;
    ax_act_derivative(act, x, d, STEPS + 3);
    for (int i = 0; i <= STEPS; i++)
        l.peak = isfinite(d[i]) ? fmax(l.peak, fabs((double)d[i])) : l.peak;
    floor = flat_share * l.peak;
    for (int i = 0; i <= STEPS; i++)
        if (fabs((double)d[i]) >= floor) {
            lo = fmin(lo, (double)x[i]);
            hi = fmax(hi, (double)x[i]);
        }
    l.center = (lo + hi) / 2;
    l.flat_both = fabs((double)d[STEPS + 1]) < floor && fabs((double)d[STEPS + 2]) < floor;
    return l;
}

/* Where units have slopes of their own, act becomes that of their mean. */
static void look_at_units(ax_watch *w)
{
    double mean = 0;
    look l = look_at(&w->act);
    for (int64_t c = 0; c < w->in.units; c++) {
        if (w->slope) {
            ax_act act = act_of_unit(w, c);
            l = look_at(&act);
            mean += act.param[0] / (double)w->in.units;
        }
        w->unit[c].peak = l.peak;
    }
    if (w->slope)
        w->act.param[0] = mean;
    w->center = l.center;
    w->flat_both = l.flat_both;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int ax_watch_init(ax_watch *w, ax_arena *mem)
{
    w->in.unit = AX_ARRAY(mem, ax_unit_sums, w->in.units);
    w->out.unit = AX_ARRAY(mem, ax_unit_sums, w->out.units);
    w->unit = AX_ARRAY(mem, ax_unit_slope, w->in.units);
    if (!w->in.unit || !w->out.unit || !w->unit)
        return -1;
    if (w->has_slope)
        look_at_units(w);
    return 0;
}

/* (sqrt n - |a|_1 / |a|_2) / (sqrt n - 1): 0 for numbers all alike, 1 for a single one that is not 0
 * (Hoyer, JMLR 2004). */
static void sparsity_add(ax_watch *w, const float *a)
{
    const ax_tally *t = &w->out;
    int64_t n = t->outer * t->units * t->inner;
    double s1 = 0, s2 = 0, root = sqrt((double)n);
    for (int64_t i = 0; i < n; i++) {
        w->zeros += fabsf(a[i]) <= near_zero;
        s1 += fabs((double)a[i]);
        s2 += (double)a[i] * a[i];
    }
    if (n > 1 && s2 > 0 && isfinite(s2)) {
        w->hoyer += (root - s1 / sqrt(s2)) / (root - 1);
        w->hoyer_n++;
    }
}

void ax_watch_add(ax_watch *w, const float *z, const float *a)
{
    tally_add(&w->in, z);
    tally_add(&w->out, a);
    sparsity_add(w, a);
    if (w->has_slope)
        slopes_add(w, z);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* x[0..n) is sorted on the way */
static ax_over_units over_units(double *x, int64_t n)
{
    if (!n)
        return (ax_over_units){NAN, NAN, NAN};
    qsort(x, (size_t)n, sizeof *x, by_size);
    return (ax_over_units){x[0], (x[(n - 1) / 2] + x[n / 2]) / 2, x[n - 1]};
}

static void units_of_slopes(const ax_watch *w, double *share, ax_layer_health *h)
{
    int64_t n = 0;
    for (int64_t c = 0; c < w->in.units; c++) {
        const ax_unit_slope *u = &w->unit[c];
        if (!u->n)
            continue;
        double active = share[n++] = (double)u->active / (double)u->n;
        if (u->largest < dead_slope) {
            if (h->dead < AX_HEALTH_DEAD_LIST)
                h->dead_list[h->dead] = c;
            h->dead++;
        } else if (active < active_share) {
            h->nearly_dead++;
        }
        h->always_on += (double)u->unity > unity_share * (double)u->n;
    }
    h->unit_active = over_units(share, n);
}

static double share_of(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

int ax_watch_finish(const ax_watch *w, ax_arena *mem, ax_layer_health *h)
{
    int64_t most = w->in.units > w->out.units ? w->in.units : w->out.units, n = 0;
    double *x = AX_ARRAY(mem, double, most), *y = AX_ARRAY(mem, double, most);
    if (!x || !y)
        return -1;
    h->units = w->out.units;
    h->has_slope = w->has_slope;
    h->flat_both = w->flat_both;
    h->is_output = w->is_output;
    spread_of(&w->in, &h->in);
    spread_of(&w->out, &h->out);
    for (int64_t c = 0; c < w->out.units; c++)
        if (w->out.unit[c].n) {
            x[n] = unit_mean(&w->out.unit[c]);
            y[n++] = sqrt(unit_squares(&w->out.unit[c]) / (double)w->out.unit[c].n);
        }
    h->unit_mean = over_units(x, n);
    h->unit_std = over_units(y, n);
    h->unit_active = (ax_over_units){NAN, NAN, NAN};
    h->saturated_left = h->saturated_right = h->gain = h->gain_expected = NAN;
    h->sparsity = share_of(w->zeros, w->out.count);
    h->hoyer = w->hoyer_n ? w->hoyer / (double)w->hoyer_n : NAN;
    if (!w->has_slope)
        return 0;
    units_of_slopes(w, x, h);
    int64_t finite = w->in.count - w->in.non_finite;
    h->saturated_left = share_of(w->left, finite);
    h->saturated_right = share_of(w->right, finite);
    h->gain = h->in.rms > 0 ? h->out.rms / h->in.rms : NAN;
    h->gain_expected = 1 / ax_act_gain(&w->act);
    return 0;
}
