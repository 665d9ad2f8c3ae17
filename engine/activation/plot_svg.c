/* plot_svg.c - curves of functions as an SVG picture; see plot.h. f is solid, f' dashed, f'' dotted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/marks.h"
#include "activation/svg_frame.h"

enum { POINTS = 1200 };

/* Curve i and its derivative of this order have an entry of the legend each. */
static int entry(const ax_plot *p, int i, int order)
{
    return i * (p->derivatives + 1) + order;
}

static int breaks(ax_mark_kind kind)
{
    return kind == AX_MARK_JUMP || kind == AX_MARK_POLE;
}

/* Points behind a jump begin a new stroke; what leaves the picture is cut by its frame. */
static void curve(const ax_svg *c, const ax_plot *p, int i, int order)
{
    const ax_act *a = &p->curve[i].act;
    float x[POINTS], y[POINTS];
    double far = 10 * (c->y.hi - c->y.lo);
    for (int k = 0; k < POINTS; k++)
        x[k] = (float)(p->from + (p->to - p->from) * k / (POINTS - 1));
    ax_plot_sample(a, order, x, y, POINTS);
    fprintf(c->out, "<path class=\"");
    ax_svg_class(c, entry(p, i, order));
    fprintf(c->out, "\" clip-path=\"url(#frame)\" d=\"");
    ax_mark mark[AX_MARKS];
    int marks = ax_act_marks(a, p->from, p->to, mark), pen = 0;
    for (int k = 0, m = 0; k < POINTS; k++) {
        for (; m < marks && mark[m].x < x[k]; m++)
            if (mark[m].kind != AX_MARK_FLAT && (order > 0 || breaks(mark[m].kind)))
                pen = 0;
        if (!isfinite(y[k])) {
            pen = 0;
            continue;
        }
        fprintf(c->out, "%s%.2f %.2f", pen ? "L" : "M", ax_svg_x(c, x[k]),
                ax_svg_y(c, fmin(fmax(y[k], c->y.lo - far), c->y.hi + far)));
        pen = 1;
    }
    fputs("\"/>\n", c->out);
}

static void marks(const ax_svg *c, const ax_plot *p, int curve_i)
{
    ax_mark mark[AX_MARKS];
    int n = ax_act_marks(&p->curve[curve_i].act, p->from, p->to, mark);
    for (int i = 0; i < n; i++)
        if (mark[i].y >= c->y.lo && mark[i].y <= c->y.hi)
            fprintf(c->out, "<circle class=\"mark s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s at x = %.7g, y = %.7g</title></circle>\n",
                    curve_i, ax_svg_x(c, mark[i].x), ax_svg_y(c, mark[i].y), ax_mark_named[mark[i].kind].one, mark[i].x, mark[i].y);
}

char *ax_plot_svg(const ax_plot *p, size_t *len)
{
    static const char *const prime[3] = {"", "'", "''"};
    char *text = NULL;
    ax_svg_curve curves[AX_PLOT_CURVES * 3];
    for (int i = 0; i < p->n; i++)
        for (int order = 0; order <= p->derivatives; order++)
            curves[entry(p, i, order)] = (ax_svg_curve){p->curve[i].label, prime[order], i, order};
    ax_svg c = {.x = ax_axis_over(p->from, p->to, 9), .y = ax_plot_range(p, 7), .from = p->from, .to = p->to,
                .x_name = "x", .curve = curves, .n = p->n * (p->derivatives + 1), .group = p->derivatives + 1};
    if (!(c.out = open_memstream(&text, len)))
        return NULL;
    ax_svg_begin(&c);
    for (int order = p->derivatives; order >= 0; order--)
        for (int i = p->n - 1; i >= 0; i--)
            curve(&c, p, i, order);
    for (int i = p->n - 1; i >= 0; i--)
        marks(&c, p, i);
    ax_svg_end(&c);
    int failed = ferror(c.out);
    if (fclose(c.out) || failed) {
        free(text);
        return NULL;
    }
    return text;
}
