/* series_svg.c - measured series as an SVG picture; see plot.h. */
#include <math.h>
#include <stdlib.h>

#include "activation/svg_frame.h"

static void reach(const ax_series *s, const double *v, double *lo, double *hi)
{
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->x[i]) && isfinite(s->y[i])) {
            *lo = fmin(*lo, v[i]);
            *hi = fmax(*hi, v[i]);
        }
}

static void widen(double *lo, double *hi)
{
    if (!(*lo <= *hi))
        *lo = 0, *hi = 1;
    if (*lo == *hi) {
        double more = fmax(1e-3, fabs(*lo) * 0.1);
        *lo -= more;
        *hi += more;
    }
}

/* A single point would be no line: it gets a dot. */
static void line(const ax_svg *c, const ax_series *s, int i)
{
    int drawn = 0;
    double x = 0, y = 0;
    fprintf(c->out, "<path class=\"");
    ax_svg_class(c, i);
    fprintf(c->out, "\" d=\"");
    for (size_t k = 0; k < s->n; k++) {
        if (!isfinite(s->x[k]) || !isfinite(s->y[k]))
            continue;
        x = ax_svg_x(c, s->x[k]), y = ax_svg_y(c, s->y[k]);
        fprintf(c->out, "%s%.2f %.2f", drawn++ ? "L" : "M", x, y);
    }
    fprintf(c->out, "\"/>\n");
    if (drawn == 1)
        fprintf(c->out, "<circle class=\"mark s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", c->curve[i].colour, x, y);
}

char *ax_series_svg(const ax_series *s, int n, const char *x_name, size_t *len)
{
    char *text = NULL;
    ax_svg_curve curves[2 * AX_PLOT_CURVES];
    double lo = INFINITY, hi = -INFINITY, from = INFINITY, to = -INFINITY;
    if (n > 2 * AX_PLOT_CURVES)
        n = 2 * AX_PLOT_CURVES;
    for (int i = 0; i < n; i++) {
        reach(&s[i], s[i].y, &lo, &hi);
        reach(&s[i], s[i].x, &from, &to);
        curves[i] = (ax_svg_curve){s[i].label, "", s[i].colour % AX_PLOT_CURVES, s[i].dashed != 0};
    }
    widen(&lo, &hi);
    widen(&from, &to);
    ax_svg c = {.x = ax_axis_over(from, to, 9), .y = ax_axis_over(lo, hi, 7), .from = from, .to = to,
                .x_name = x_name, .curve = curves, .n = n, .group = 1};
    if (!(c.out = open_memstream(&text, len)))
        return NULL;
    ax_svg_begin(&c);
    for (int i = n - 1; i >= 0; i--)
        line(&c, &s[i], i);
    ax_svg_end(&c);
    int failed = ferror(c.out);
    if (fclose(c.out) || failed) {
        free(text);
        return NULL;
    }
    return text;
}
