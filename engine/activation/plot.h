/* plot.h - curves for people, of activations and of what was measured: an SVG picture, or characters
 * for a terminal. */
#ifndef AX_ACTIVATION_PLOT_H
#define AX_ACTIVATION_PLOT_H

#include "activation/activation.h"

enum { AX_PLOT_CURVES = 12 };

typedef struct ax_plot_curve {
    ax_act act;
    const char *label; /* what the legend says; borrowed */
} ax_plot_curve;

typedef struct ax_plot {
    const ax_plot_curve *curve;
    int n;           /* 1 to AX_PLOT_CURVES                    */
    double from, to; /* the stretch of x                       */
    int derivatives; /* 0: f alone, 1: and f', 2: and f''      */
} ax_plot;

/* A stretch that can be drawn: finite, from < to, neither too narrow for float32 nor beyond 1e6. */
int ax_plot_check(const ax_plot *p, ax_err *err);

/* The plot as SVG text with *len bytes and a 0 behind them; free() it. NULL: no memory. Colours
 * follow the reader's light or dark setting. Each curve's kinks, jumps and extremes are marked.
 * Thread-safe; p must have passed the check. */
char *ax_plot_svg(const ax_plot *p, size_t *len);

/* The same in columns x rows characters (at least 20 x 8): lines ending in '\n'. utf8: with braille
 * dots, two by four to a character, else with one ASCII letter for each curve. free() it. */
char *ax_plot_text(const ax_plot *p, int columns, int rows, int utf8);

/* Numbers y measured at x, in the order of x; those that are not finite are left out. */
typedef struct ax_series {
    const char *label; /* what the legend says; borrowed, as the numbers are */
    const double *x, *y;
    size_t n;
    int colour; /* series of one colour belong together; counted from 0      */
    int dashed;
} ax_series;

/* 1 to 2 * AX_PLOT_CURVES series (more are left out) as SVG text, as ax_plot_svg() gives it. x_name
 * is drawn as it stands: no markup. Thread-safe. */
char *ax_series_svg(const ax_series *s, int n, const char *x_name, size_t *len);

#endif
