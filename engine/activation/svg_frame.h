/* svg_frame.h - what surrounds curves in a picture: paper, grid, ticks, legend, colours for light and
 * dark. Private to engine/activation: functions (plot_svg.c) and measured series (series_svg.c). */
#ifndef AX_ACTIVATION_SVG_FRAME_H
#define AX_ACTIVATION_SVG_FRAME_H

#include <stdio.h>

#include "activation/plot_scale.h"

typedef struct ax_svg_curve {
    const char *label, *suffix; /* in the legend; what is behind the label stays when it is cut */
    int colour;                 /* 0 to AX_PLOT_CURVES - 1                                      */
    int dash;                   /* 0 solid, 1 dashed, 2 dotted                                  */
} ax_svg_curve;

typedef struct ax_svg {
    FILE *out;
    ax_axis x, y;
    double from, to; /* the stretch of x, which may lie between the ends of its axis */
    const char *x_name;
    const ax_svg_curve *curve;
    int n, group; /* entries of the legend; so many neighbours belong together, 1: none do */
    int columns;     /* of the legend, by ax_svg_begin          */
    int top, bottom; /* of the drawing, below it, by the same   */
} ax_svg;

/* Everything below the curves; then the curves; then what is on top of them. */
void ax_svg_begin(ax_svg *c);
void ax_svg_end(ax_svg *c);

/* Where a value is in the picture. */
double ax_svg_x(const ax_svg *c, double x);
double ax_svg_y(const ax_svg *c, double y);

/* The classes of curve i, as they stand between the quotes of class="". */
void ax_svg_class(const ax_svg *c, int i);

#endif
