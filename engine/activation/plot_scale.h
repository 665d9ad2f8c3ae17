/* plot_scale.h - shared by the SVG and the terminal plot: samples, the range of y, round ticks.
 * Private to engine/activation. */
#ifndef AX_ACTIVATION_PLOT_SCALE_H
#define AX_ACTIVATION_PLOT_SCALE_H

#include "activation/plot.h"

typedef struct ax_axis {
    double lo, hi;   /* ends, multiples of step                */
    double step;     /* between ticks: 1, 2 or 5 times 10^k    */
    int decimals;    /* that a tick's label needs              */
} ax_axis;

/* lo <= values <= hi, with about `ticks` ticks */
ax_axis ax_axis_over(double lo, double hi, int ticks);
/* Tick i (0, 1...) or NAN behind the last. */
double ax_axis_tick(const ax_axis *a, int i);

/* y[i] = f, f' or f'' (order 0 to 2) at x[i] */
void ax_plot_sample(const ax_act *a, int order, const float *x, float *y, size_t n);

/* The y axis of a plot: what the curves reach, without infinities; poles are cut off. */
ax_axis ax_plot_range(const ax_plot *p, int ticks);

#endif
