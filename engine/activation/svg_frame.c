/* svg_frame.c - see svg_frame.h.
 *
 * Two sets of colours, the second for readers who like it dark (plain rules, since not every viewer
 * knows CSS variables). Both begin with three of Okabe and Ito's, made for colour-blind people. Of the
 * twelve any two are 18 apart (CIEDE2000), 5.5 to eyes without red or green cones, 12 among the first
 * five; against the paper the contrast is 3 or more in light, 4 in dark. */
#include "activation/svg_frame.h"

#include <math.h>
#include <string.h>

#include "activation/plot.h"

enum { WIDTH = 720, DRAWING = 380, LEFT = 64, RIGHT = 20, TOP = 20, BOTTOM = 44, LINE = 20, SWATCH = 36, LEGEND = 12 };

double ax_svg_x(const ax_svg *c, double x)
{
    return LEFT + (x - c->from) / (c->to - c->from) * (WIDTH - LEFT - RIGHT);
}

double ax_svg_y(const ax_svg *c, double y)
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

static void grid(const ax_svg *c)
{
    double t;
    for (int i = 0; !isnan(t = ax_axis_tick(&c->x, i)); i++) {
        if (t < c->from - 1e-9 * c->x.step || t > c->to + 1e-9 * c->x.step)
            continue;
        fprintf(c->out, "<path class=\"%s\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*f</text>\n",
                t == 0 ? "axis" : "grid", ax_svg_x(c, t), c->top, c->bottom, ax_svg_x(c, t), c->bottom + 20,
                c->x.decimals, t);
    }
    for (int i = 0; !isnan(t = ax_axis_tick(&c->y, i)); i++)
        fprintf(c->out, "<path class=\"%s\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                t == 0 ? "axis" : "grid", LEFT, ax_svg_y(c, t), WIDTH - RIGHT, LEFT - 8, ax_svg_y(c, t) + 4.5, c->y.decimals, t);
    fprintf(c->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", WIDTH - RIGHT, c->bottom + BOTTOM - 6,
            c->x_name);
}

/* ---- the legend --------------------------------------------------------------------------------- */

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

static int legend_fits(const ax_svg *c, int columns)
{
    for (int i = 0; i < c->n; i++)
        if (c->curve[i].label[fitting(c->curve[i].label, legend_room(columns))])
            return 0;
    return 1;
}

static int legend_lines(const ax_svg *c, int columns)
{
    return (c->n + columns - 1) / columns;
}

/* What belongs together stands side by side, three entries where nothing does; long labels get more
 * room while the legend stays small. */
static int legend_columns(const ax_svg *c)
{
    int columns = c->group > 1 ? c->group : c->n < 3 ? c->n : 3;
    while (columns > 1 && !legend_fits(c, columns)) {
        int fewer = c->group > 1 ? 1 : columns - 1;
        if (legend_lines(c, fewer) > LEGEND)
            break;
        columns = fewer;
    }
    return columns;
}

/* A label that is cut tells the whole when pointed at. */
static void legend(const ax_svg *c)
{
    for (int i = 0; i < c->n; i++) {
        const ax_svg_curve *e = &c->curve[i];
        int y = TOP + LINE * (i / c->columns) + 8;
        int x = LEFT + i % c->columns * ((WIDTH - LEFT - RIGHT) / c->columns);
        size_t fits = fitting(e->label, legend_room(c->columns));
        fprintf(c->out, "<path class=\"");
        ax_svg_class(c, i);
        fprintf(c->out, "\" d=\"M%d %dh28\"/><text x=\"%d\" y=\"%d\">", x, y, x + SWATCH, y + 4);
        if (e->label[fits]) {
            fputs("<title>", c->out);
            escaped(c->out, e->label, strlen(e->label));
            fprintf(c->out, "%s</title>", e->suffix);
            fits = fitting(e->label, legend_room(c->columns) - letter('m')); /* the dots take room, too */
        }
        escaped(c->out, e->label, fits);
        fprintf(c->out, "%s%s</text>\n", e->label[fits] ? "\u2026" : "", e->suffix);
    }
}

static void title(const ax_svg *c)
{
    fputs("<title>", c->out);
    for (int i = 0; i < c->n; i += c->group) {
        fputs(i ? ", " : "", c->out);
        escaped(c->out, c->curve[i].label, strlen(c->curve[i].label));
    }
    fputs("</title>\n", c->out);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

void ax_svg_class(const ax_svg *c, int i)
{
    static const char *const dash[3] = {"", " d1", " d2"};
    fprintf(c->out, "f s%d%s", c->curve[i].colour, dash[c->curve[i].dash]);
}

void ax_svg_begin(ax_svg *c)
{
    c->columns = legend_columns(c);
    c->top = TOP + LINE * legend_lines(c, c->columns) + 6;
    c->bottom = c->top + DRAWING;
    int height = c->bottom + BOTTOM;
    fprintf(c->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
            WIDTH, height, WIDTH, height);
    title(c);
    style(c->out);
    fprintf(c->out, "<clipPath id=\"frame\"><path d=\"M%d %dH%dV%dH%dZ\"/></clipPath>\n<path class=\"paper\" d=\"M0 0H%dV%dH0Z\"/>\n",
            LEFT, c->top - 2, WIDTH - RIGHT, c->bottom + 2, LEFT, WIDTH, height);
    grid(c);
}

void ax_svg_end(ax_svg *c)
{
    legend(c);
    fputs("</svg>\n", c->out);
}
