/* plot_svg.c - curves as an SVG picture; see plot.h.
 *
 * Two sets of colours, the second for readers who like it dark (plain rules, since not every viewer
 * knows CSS variables). Both begin with three of Okabe and Ito's, made for colour-blind people. Of the
 * twelve any two are 18 apart (CIEDE2000), 5.5 to eyes without red or green cones, 12 among the first
 * five; against the paper the contrast is 3 or more in light, 4 in dark. f is solid, f' dashed, f'' dotted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/marks.h"
#include "activation/plot_scale.h"

enum { WIDTH = 720, DRAWING = 380, LEFT = 64, RIGHT = 20, TOP = 20, BOTTOM = 44, LINE = 20, SWATCH = 36, LEGEND = 12,
       POINTS = 1200 };

typedef struct canvas {
    FILE *out;
    const ax_plot *plot;
    ax_axis x, y;
    int columns;     /* of the legend                    */
    int top, bottom; /* of the drawing, below the legend */
} canvas;

static double px(const canvas *c, double x)
{
    return LEFT + (x - c->plot->from) / (c->plot->to - c->plot->from) * (WIDTH - LEFT - RIGHT);
}

static double py(const canvas *c, double y)
{
    return c->bottom - (y - c->y.lo) / (c->y.hi - c->y.lo) * (c->bottom - c->top);
}

static void escaped(FILE *out, const char *s, size_t n)
{
    for (; n; s++, n--)
        switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc((unsigned char)*s < ' ' ? ' ' : *s, out);
        }
}

/* One set of colours: paper, ink, grid, axis, curves. */
static void colours(FILE *out, const char *const c[4], const char *const curve[AX_PLOT_CURVES])
{
    fprintf(out, ".paper,.mark{fill:%s}text{fill:%s}.grid{stroke:%s}.axis{stroke:%s}", c[0], c[1], c[2], c[3]);
    for (int i = 0; i < AX_PLOT_CURVES; i++)
        fprintf(out, ".s%d{stroke:%s}", i, curve[i]);
}

static void style(FILE *out)
{
    static const char *const light[4] = {"#ffffff", "#1b1f24", "#e3e6ea", "#8a929c"};
    static const char *const dark[4] = {"#15181c", "#e8eaed", "#2c3138", "#7d8590"};
    static const char *const on_light[AX_PLOT_CURVES] = {
        "#0072b2", "#d55e00", "#009e73", "#b40c60", "#483c0c", "#0c3ca8",
        "#0c9cb4", "#c02424", "#186c00", "#e46c9c", "#a88448", "#606060"};
    static const char *const on_dark[AX_PLOT_CURVES] = {
        "#56b4e9", "#ff9f4a", "#3ddbb0", "#a8609c", "#90783c", "#5478fc",
        "#90f0fc", "#fc9c9c", "#b4fc3c", "#fc3054", "#c0600c", "#b4b4b4"};
    fputs("<style>\ntext{font:13px system-ui,sans-serif}.f{fill:none;stroke-width:2.2;stroke-linejoin:round}"
          ".d1{stroke-dasharray:7 5;stroke-width:1.6}.d2{stroke-dasharray:2 4;stroke-width:1.6}"
          ".mark{stroke-width:1.8}\n",
          out);
    colours(out, light, on_light);
    fputs("\n@media(prefers-color-scheme:dark){", out);
    colours(out, dark, on_dark);
    fputs("}\n</style>\n", out);
}

static void grid(const canvas *c)
{
    double t;
    for (int i = 0; !isnan(t = ax_axis_tick(&c->x, i)); i++) {
        if (t < c->plot->from - 1e-9 * c->x.step || t > c->plot->to + 1e-9 * c->x.step)
            continue;
        fprintf(c->out, "<path class=\"%s\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*f</text>\n",
                t == 0 ? "axis" : "grid", px(c, t), c->top, c->bottom, px(c, t), c->bottom + 20,
                c->x.decimals, t);
    }
    for (int i = 0; !isnan(t = ax_axis_tick(&c->y, i)); i++)
        fprintf(c->out, "<path class=\"%s\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                t == 0 ? "axis" : "grid", LEFT, py(c, t), WIDTH - RIGHT, LEFT - 8, py(c, t) + 4.5, c->y.decimals, t);
    fprintf(c->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">x</text>\n", WIDTH - RIGHT, c->bottom + BOTTOM - 6);
}

static int breaks(ax_mark_kind kind)
{
    return kind == AX_MARK_JUMP || kind == AX_MARK_POLE;
}

/* Points behind a jump begin a new stroke; what leaves the picture is cut by its frame. */
static void curve(const canvas *c, int i, int order)
{
    static const char *const dash[3] = {"", " d1", " d2"};
    const ax_act *a = &c->plot->curve[i].act;
    float x[POINTS], y[POINTS];
    double far = 10 * (c->y.hi - c->y.lo);
    for (int k = 0; k < POINTS; k++)
        x[k] = (float)(c->plot->from + (c->plot->to - c->plot->from) * k / (POINTS - 1));
    ax_plot_sample(a, order, x, y, POINTS);
    fprintf(c->out, "<path class=\"f s%d%s\" clip-path=\"url(#frame)\" d=\"", i, dash[order]);
    ax_mark mark[AX_MARKS];
    int marks = ax_act_marks(a, c->plot->from, c->plot->to, mark), pen = 0;
    for (int k = 0, m = 0; k < POINTS; k++) {
        for (; m < marks && mark[m].x < x[k]; m++)
            if (mark[m].kind != AX_MARK_FLAT && (order > 0 || breaks(mark[m].kind)))
                pen = 0;
        if (!isfinite(y[k])) {
            pen = 0;
            continue;
        }
        fprintf(c->out, "%s%.2f %.2f", pen ? "L" : "M", px(c, x[k]),
                py(c, fmin(fmax(y[k], c->y.lo - far), c->y.hi + far)));
        pen = 1;
    }
    fputs("\"/>\n", c->out);
}

static void marks(const canvas *c, int curve_i)
{
    ax_mark mark[AX_MARKS];
    int n = ax_act_marks(&c->plot->curve[curve_i].act, c->plot->from, c->plot->to, mark);
    for (int i = 0; i < n; i++)
        if (mark[i].y >= c->y.lo && mark[i].y <= c->y.hi)
            fprintf(c->out, "<circle class=\"mark s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s at x = %.7g, y = %.7g</title></circle>\n",
                    curve_i, px(c, mark[i].x), py(c, mark[i].y), ax_mark_named[mark[i].kind].one, mark[i].x, mark[i].y);
}

/* How wide a letter may turn out to be: nobody knows the reader's font. */
static double letter(char c)
{
    if (((unsigned char)c & 0xc0) == 0x80) /* goes on with the letter before */
        return 0;
    return strchr("fijlrt.,:;'|!()[] ", c) ? 5.4 : strchr("+<>=%@mwMW", c) ? 11.5 : 8.3;
}

/* How much of the text fits into that many pixels, in whole letters. */
static size_t fitting(const char *text, double room)
{
    size_t n = 0;
    while (text[n] && (room -= letter(text[n])) >= 0)
        n++;
    while (text[n] && letter(text[n]) == 0)
        n--;
    return n;
}

static double legend_room(int columns)
{
    return (double)(WIDTH - LEFT - RIGHT) / columns - SWATCH - 12;
}

static int legend_fits(const ax_plot *p, int columns)
{
    for (int i = 0; i < p->n; i++)
        if (p->curve[i].label[fitting(p->curve[i].label, legend_room(columns))])
            return 0;
    return 1;
}

static int legend_lines(const ax_plot *p, int columns)
{
    return (p->n * (p->derivatives + 1) + columns - 1) / columns;
}

/* A curve and its derivatives stand side by side, three curves where there are none; long labels get
 * more room while the legend stays small. */
static int legend_columns(const ax_plot *p)
{
    int columns = p->derivatives ? p->derivatives + 1 : p->n < 3 ? p->n : 3;
    while (columns > 1 && !legend_fits(p, columns)) {
        int fewer = p->derivatives ? 1 : columns - 1;
        if (legend_lines(p, fewer) > LEGEND)
            break;
        columns = fewer;
    }
    return columns;
}

/* A label that is cut tells the whole when pointed at. */
static void legend(const canvas *c)
{
    static const char *const dash[3] = {"", " d1", " d2"}, *const prime[3] = {"", "'", "''"};
    for (int i = 0; i < c->plot->n * (c->plot->derivatives + 1); i++) {
        int curve_i = i / (c->plot->derivatives + 1), order = i % (c->plot->derivatives + 1);
        int y = TOP + LINE * (i / c->columns) + 8;
        int x = LEFT + i % c->columns * ((WIDTH - LEFT - RIGHT) / c->columns);
        const char *label = c->plot->curve[curve_i].label;
        size_t fits = fitting(label, legend_room(c->columns));
        fprintf(c->out, "<path class=\"f s%d%s\" d=\"M%d %dh28\"/><text x=\"%d\" y=\"%d\">", curve_i, dash[order],
                x, y, x + SWATCH, y + 4);
        if (label[fits]) {
            fputs("<title>", c->out);
            escaped(c->out, label, strlen(label));
            fprintf(c->out, "%s</title>", prime[order]);
            fits = fitting(label, legend_room(c->columns) - letter('m')); /* the dots take room, too */
        }
        escaped(c->out, label, fits);
        fprintf(c->out, "%s%s</text>\n", label[fits] ? "\u2026" : "", prime[order]);
    }
}

static void title(const canvas *c)
{
    fputs("<title>", c->out);
    for (int i = 0; i < c->plot->n; i++) {
        fputs(i ? ", " : "", c->out);
        escaped(c->out, c->plot->curve[i].label, strlen(c->plot->curve[i].label));
    }
    fputs("</title>\n", c->out);
}

char *ax_plot_svg(const ax_plot *p, size_t *len)
{
    char *text = NULL;
    canvas c = {.plot = p, .x = ax_axis_over(p->from, p->to, 9), .y = ax_plot_range(p, 7),
                .columns = legend_columns(p)};
    c.top = TOP + LINE * legend_lines(p, c.columns) + 6;
    c.bottom = c.top + DRAWING;
    int height = c.bottom + BOTTOM;
    if (!(c.out = open_memstream(&text, len)))
        return NULL;
    fprintf(c.out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
            WIDTH, height, WIDTH, height);
    title(&c);
    style(c.out);
    fprintf(c.out, "<clipPath id=\"frame\"><path d=\"M%d %dH%dV%dH%dZ\"/></clipPath>\n<path class=\"paper\" d=\"M0 0H%dV%dH0Z\"/>\n",
            LEFT, c.top - 2, WIDTH - RIGHT, c.bottom + 2, LEFT, WIDTH, height);
    grid(&c);
    for (int order = p->derivatives; order >= 0; order--)
        for (int i = p->n - 1; i >= 0; i--)
            curve(&c, i, order);
    for (int i = p->n - 1; i >= 0; i--)
        marks(&c, i);
    legend(&c);
    fputs("</svg>\n", c.out);
    int failed = ferror(c.out);
    if (fclose(c.out) || failed) {
        free(text);
        return NULL;
    }
    return text;
}
