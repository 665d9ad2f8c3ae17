/* chart.h - lines through points as characters for a terminal, and the round ticks of any axis.
 *
 * The curves of activations (plot.h) are drawn with it, and the series of a training. Pure
 * functions, thread-safe. */
#ifndef AX_ACTIVATION_CHART_H
#define AX_ACTIVATION_CHART_H

#include <stddef.h>

typedef struct ax_axis {
    double lo, hi;   /* ends, multiples of step                */
    double step;     /* between ticks: 1, 2 or 5 times 10^k    */
    int decimals;    /* that a tick's label needs              */
} ax_axis;

/* lo <= values <= hi, with about `ticks` ticks; lo < hi, both finite */
ax_axis ax_axis_over(double lo, double hi, int ticks);
/* Tick i (0, 1...) or NAN behind the last. */
double ax_axis_tick(const ax_axis *a, int i);

/* All borrowed. A point that is not finite interrupts the line. */
typedef struct ax_chart_line {
    const char *label;
    const float *x, *y; /* n each, x growing                                             */
    size_t n;
    int dashed;         /* with gaps, to tell it from another one where all are dots     */
} ax_chart_line;

typedef struct ax_chart {
    const ax_chart_line *line; /* the first one is drawn on top of the others            */
    int n;
    double from, to;           /* the stretch of x: from < to, both finite               */
    ax_axis y;
    int jumps;                 /* a step of half the height is a jump, not a steep place */
} ax_chart;

/* In columns x rows characters (at least 20 x 8, at most 400 wide): lines ending in '\n', below them
 * the ticks of x and a line for each label. utf8: with braille dots, two by four to a character, else
 * with one ASCII letter for each line. free() it. NULL: no memory. */
char *ax_chart_text(const ax_chart *c, int columns, int rows, int utf8);

/* How many points beside each other such a chart can show. */
int ax_chart_points(int columns, int utf8);

#endif
