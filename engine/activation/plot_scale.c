/* plot_scale.c - samples and ranges of plots; see plot.h and plot_scale.h. */
#include "activation/plot_scale.h"

#include <float.h>
#include <math.h>

#include "base/number.h"

#define WIDEST   1e6
#define STEEPEST 40 /* times the width of x: where a curve leaves that, it leaves the picture */

enum { SAMPLES = 1024 };

void ax_plot_sample(const ax_act *a, int order, const float *x, float *y, size_t n)
{
    (order == 0 ? ax_act_forward : order == 1 ? ax_act_derivative : ax_act_second)(a, x, y, n);
}

static void widen(const ax_plot *p, const ax_act *a, int order, double limit, double *lo, double *hi)
{
    float x[SAMPLES], y[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        x[i] = (float)(p->from + (p->to - p->from) * i / (SAMPLES - 1));
    ax_plot_sample(a, order, x, y, SAMPLES);
    for (int i = 0; i < SAMPLES; i++) {
        if (!isfinite(y[i]))
            continue;
        double v = fmin(fmax(y[i], -limit), limit);
        *lo = fmin(*lo, v);
        *hi = fmax(*hi, v);
    }
}

ax_axis ax_plot_range(const ax_plot *p, int ticks)
{
    double lo = INFINITY, hi = -INFINITY, limit = STEEPEST * fmax(1, p->to - p->from);
    for (int i = 0; i < p->n; i++)
        for (int order = 0; order <= p->derivatives; order++)
            widen(p, &p->curve[i].act, order, limit, &lo, &hi);
    if (!(lo <= hi))
        lo = -1, hi = 1; /* nothing but NaN */
    if (hi - lo < 1e-6 * (1 + fabs(lo)))
        lo -= 1, hi += 1; /* a constant */
    return ax_axis_over(lo, hi, ticks);
}

int ax_plot_check(const ax_plot *p, ax_err *err)
{
    if (p->n < 1 || p->n > AX_PLOT_CURVES)
        return ax_fail(err, AX_ELIMIT, "a plot has %d curves, expected 1 to %d", p->n, AX_PLOT_CURVES);
    for (int i = 0; i < p->n; i++)
        if (p->curve[i].act.row->kind != AX_ACT_ELEMENT)
            return ax_fail(err, AX_EUNSUPPORTED,
                           "%s works on whole rows, so it has no curve; only element-wise functions do",
                           p->curve[i].act.row->name);
    if (!isfinite(p->from) || !isfinite(p->to) || fabs(p->from) > WIDEST || fabs(p->to) > WIDEST)
        return ax_fail(err, AX_ERANGE, "the plot goes from %s to %s, expected numbers from -1e6 to 1e6",
                       AX_NUMBER(p->from), AX_NUMBER(p->to));
    if (!(p->to > p->from))
        return ax_fail(err, AX_ERANGE, "the plot goes from %s to %s, expected a stretch that grows",
                       AX_NUMBER(p->from), AX_NUMBER(p->to));
    double least = 1e-3 * fmax(1e-3, fmax(fabs(p->from), fabs(p->to)));
    if (!(p->to - p->from >= least))
        return ax_fail(err, AX_ERANGE,
                       "the plot from %s to %s is too narrow, expected %.2g or more between the ends: "
                       "float32 has too few numbers there",
                       AX_NUMBER(p->from), AX_NUMBER(p->to), least);
    if (p->derivatives < 0 || p->derivatives > 2)
        return ax_fail(err, AX_ERANGE, "derivative is %d, expected 0, 1 or 2", p->derivatives);
    return 0;
}
