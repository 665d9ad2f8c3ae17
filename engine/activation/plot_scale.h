/* plot_scale.h - shared by the SVG and the terminal plot: samples, the range of y.
 * Private to engine/activation. */
#ifndef AX_ACTIVATION_PLOT_SCALE_H
#define AX_ACTIVATION_PLOT_SCALE_H

#include "activation/chart.h"
#include "activation/plot.h"

/* y[i] = f, f' or f'' (order 0 to 2) at x[i] */
void ax_plot_sample(const ax_act *a, int order, const float *x, float *y, size_t n);

/* The y axis of a plot: what the curves reach, without infinities; poles are cut off. */
ax_axis ax_plot_range(const ax_plot *p, int ticks);

#endif
