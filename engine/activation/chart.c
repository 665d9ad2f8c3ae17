/* chart.c - lines through points as characters for a terminal; see chart.h.
 *
 * A braille character holds two by four dots (U+2800 and a bit for each), so a terminal of 80
 * columns is a picture 160 dots wide. Axes are drawn where nothing else is. */
#include "activation/chart.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 10, COLUMNS_MIN = 20, COLUMNS_MAX = 400, ROWS_MIN = 8 }; /* MARGIN: the labels of y */

typedef struct screen {
    const ax_chart *chart;
    ax_axis x, y;
    int columns, rows; /* characters of the drawing             */
    int wide, high;    /* dots in a character: 2 x 4, or 1 x 1  */
    uint8_t *cell;     /* braille bits, or the letter of a line */
} screen;

ax_axis ax_axis_over(double lo, double hi, int ticks)
{
    double raw = (hi - lo) / (ticks > 1 ? ticks : 1);
    double ten = pow(10, floor(log10(raw))), m = raw / ten;
    double step = (m <= 1.000001 ? 1 : m <= 2.000001 ? 2 : m <= 5.000001 ? 5 : 10) * ten;
    int decimals = (int)ceil(-log10(step) - 1e-9);
    return (ax_axis){floor(lo / step + 1e-9) * step, ceil(hi / step - 1e-9) * step, step,
                     decimals > 0 ? decimals : 0};
}

double ax_axis_tick(const ax_axis *a, int i)
{
    double t = a->lo + i * a->step;
    if (t > a->hi + a->step / 2)
        return NAN;
    return fabs(t) < a->step / 1000 ? 0 : t;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static void dot(screen *s, int x, int y, int line)
{
    int dash = 2 * s->wide;
    if (x < 0 || y < 0 || x >= s->columns * s->wide || y >= s->rows * s->high ||
        (s->chart->line[line].dashed && x / dash % 2))
        return;
    uint8_t *c = &s->cell[y / s->high * s->columns + x / s->wide];
    if (s->wide == 1)
        *c = (uint8_t)(line < 26 ? 'a' + line : '*');
    else
        *c |= bit[y % 4][x % 2];
}

static int row_of(const screen *s, double y)
{
    double t = (s->y.hi - y) / (s->y.hi - s->y.lo) * (s->rows * s->high - 1);
    return (int)lround(fmin(fmax(t, -2), s->rows * s->high + 2.0));
}

static int column_of(const screen *s, double x)
{
    int dots = s->columns * s->wide;
    double t = (x - s->chart->from) / (s->chart->to - s->chart->from) * (dots - 1);
    return (int)lround(fmin(fmax(t, -2), dots + 2.0));
}

/* From the last point, in dots, to this one: column by column, steep places filled, so that the line
 * stays one. */
static void join(screen *s, int line, const int last[2], int x, int y)
{
    int row = last[1];
    for (int c = last[0]; c <= x; c++) {
        int to = x == last[0] ? y : last[1] + (int)lround((double)(y - last[1]) * (c - last[0]) / (x - last[0]));
        for (; row != to; row += row < to ? 1 : -1)
            dot(s, c, row, line);
        dot(s, c, row, line);
    }
}

static void draw(screen *s, int line)
{
    const ax_chart_line *l = &s->chart->line[line];
    int last[2] = {0}, pen = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!isfinite(l->x[i]) || !isfinite(l->y[i])) {
            pen = 0;
            continue;
        }
        int x = column_of(s, l->x[i]), y = row_of(s, l->y[i]);
        if (pen && !(s->chart->jumps && abs(y - last[1]) >= s->rows * s->high / 2))
            join(s, line, last, x, y);
        else
            dot(s, x, y, line);
        last[0] = x, last[1] = y;
        pen = 1;
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void put(const screen *s, FILE *out, int row, int column)
{
    const ax_chart *h = s->chart;
    uint8_t c = s->cell[row * s->columns + column];
    int on_x = s->y.lo <= 0 && s->y.hi >= 0 && row == row_of(s, 0) / s->high;
    int on_y = h->from <= 0 && h->to >= 0 && column == column_of(s, 0) / s->wide;
    static const char *const plain[] = {" ", "-", "|", "+"}, *const fine[] = {" ", "─", "│", "┼"};
    if (!c)
        fputs((s->wide == 1 ? plain : fine)[on_x + 2 * on_y], out);
    else if (s->wide == 1)
        fputc(c, out);
    else /* U+2800 + c in UTF-8 */
        fprintf(out, "\xe2%c%c", 0xa0 | c >> 6, 0x80 | (c & 63));
}

/* The label of y beside the row where its tick falls. */
static void label(const screen *s, FILE *out, int row)
{
    double t;
    for (int i = 0; !isnan(t = ax_axis_tick(&s->y, i)); i++)
        if (row_of(s, t) / s->high == row) {
            fprintf(out, "%*.*f ", MARGIN - 1, s->y.decimals, t);
            return;
        }
    fprintf(out, "%*s", MARGIN, "");
}

static void labels_below(const screen *s, FILE *out)
{
    const ax_chart *h = s->chart;
    char line[512];
    int width = MARGIN + s->columns;
    double t;
    memset(line, ' ', sizeof line);
    for (int i = 0, last = 0; !isnan(t = ax_axis_tick(&s->x, i)); i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%.*f", s->x.decimals, t);
        int at = MARGIN + (int)lround((t - h->from) / (h->to - h->from) * (s->columns - 1)) - n / 2;
        if (t < h->from - 1e-9 || t > h->to + 1e-9 || at < last || at + n > width + 4)
            continue;
        memcpy(line + at, text, (size_t)n);
        last = at + n + 1;
    }
    int end = (int)sizeof line - 1;
    while (end > 0 && line[end - 1] == ' ')
        end--;
    fprintf(out, "%.*s\n", end, line);
}

static void legend(const screen *s, FILE *out)
{
    for (int i = 0; i < s->chart->n; i++)
        if (s->wide == 1)
            fprintf(out, "%*s%c  %s\n", MARGIN, "", i < 26 ? 'a' + i : '*', s->chart->line[i].label);
        else
            fprintf(out, "%*s%s\n", MARGIN, "", s->chart->line[i].label);
}

/* Without the margin. */
static int columns_of(int columns)
{
    return (columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : columns) - MARGIN;
}

int ax_chart_points(int columns, int utf8)
{
    return columns_of(columns) * (utf8 ? 2 : 1);
}

char *ax_chart_text(const ax_chart *c, int columns, int rows, int utf8)
{
    char *text = NULL;
    size_t len;
    int n = columns_of(columns);
    screen s = {.chart = c, .columns = n, .rows = rows < ROWS_MIN ? ROWS_MIN : rows, .wide = utf8 ? 2 : 1,
                .high = utf8 ? 4 : 1, .x = ax_axis_over(c->from, c->to, (n + MARGIN) / 12), .y = c->y};
    s.cell = calloc((size_t)s.columns * (size_t)s.rows, 1);
    FILE *out = s.cell ? open_memstream(&text, &len) : NULL;
    if (!out) {
        free(s.cell);
        return NULL;
    }
    for (int i = c->n - 1; i >= 0; i--)
        draw(&s, i);
    for (int row = 0; row < s.rows; row++) {
        label(&s, out, row);
        for (int column = 0; column < s.columns; column++)
            put(&s, out, row, column);
        fputc('\n', out);
    }
    labels_below(&s, out);
    legend(&s, out);
    free(s.cell);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
