/* plot_text.c - curves as characters for a terminal; see plot.h.
 *
 * A braille character holds two by four dots (U+2800 and a bit for each), so a terminal of 80
 * columns is a picture 160 dots wide. Axes are drawn where nothing else is. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/plot_scale.h"

enum { MARGIN = 10 }; /* columns of the labels of y */

typedef struct screen {
    const ax_plot *plot;
    ax_axis x, y;
    int columns, rows; /* characters of the drawing             */
    int wide, high;    /* dots in a character: 2 x 4, or 1 x 1  */
    uint8_t *cell;     /* braille bits, or the letter of a curve */
} screen;

static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static void dot(screen *s, int x, int y, int curve)
{
    if (x < 0 || y < 0 || x >= s->columns * s->wide || y >= s->rows * s->high)
        return;
    uint8_t *c = &s->cell[y / s->high * s->columns + x / s->wide];
    if (s->wide == 1)
        *c = (uint8_t)(curve < 26 ? 'a' + curve : '*');
    else
        *c |= bit[y % 4][x % 2];
}

static int row_of(const screen *s, double y)
{
    double t = (s->y.hi - y) / (s->y.hi - s->y.lo) * (s->rows * s->high - 1);
    return (int)lround(fmin(fmax(t, -2), s->rows * s->high + 2.0));
}

/* Steep places are filled, so that the curve stays one line; jumps are not. */
static int draw(screen *s, int curve, int order)
{
    int n = s->columns * s->wide, last = 0, pen = 0;
    float *x = malloc(2 * (size_t)n * sizeof *x), *y = x + n;
    if (!x)
        return -1;
    for (int i = 0; i < n; i++)
        x[i] = (float)(s->plot->from + (s->plot->to - s->plot->from) * i / (n - 1));
    ax_plot_sample(&s->plot->curve[curve].act, order, x, y, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (!isfinite(y[i])) {
            pen = 0;
            continue;
        }
        int row = row_of(s, y[i]), from = pen && abs(row - last) < s->rows * s->high / 2 ? last : row;
        dot(s, i, row, curve * (s->plot->derivatives + 1) + order);
        for (int r = from; r != row; r += r < row ? 1 : -1)
            dot(s, i, r, curve * (s->plot->derivatives + 1) + order);
        last = row;
        pen = 1;
    }
    free(x);
    return 0;
}

static void put(const screen *s, FILE *out, int row, int column)
{
    uint8_t c = s->cell[row * s->columns + column];
    int zero_row = row_of(s, 0) / s->high, width = s->columns * s->wide - 1;
    int zero_column = (int)lround((0 - s->plot->from) / (s->plot->to - s->plot->from) * width) / s->wide;
    int axis = (row == zero_row) + 2 * (column == zero_column);
    static const char *const plain[] = {" ", "-", "|", "+"}, *const fine[] = {" ", "─", "│", "┼"};
    if (!c)
        fputs((s->wide == 1 ? plain : fine)[axis], out);
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
    char line[512];
    int width = MARGIN + s->columns;
    double t;
    memset(line, ' ', sizeof line);
    for (int i = 0, last = 0; !isnan(t = ax_axis_tick(&s->x, i)); i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%.*f", s->x.decimals, t);
        int at = MARGIN + (int)lround((t - s->plot->from) / (s->plot->to - s->plot->from) * (s->columns - 1)) - n / 2;
        if (t < s->plot->from - 1e-9 || t > s->plot->to + 1e-9 || at < last || at + n > width + 4)
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
    static const char *const prime[3] = {"", "'", "''"};
    for (int i = 0; i < s->plot->n; i++)
        for (int order = 0; order <= s->plot->derivatives; order++)
            if (s->wide == 1)
                fprintf(out, "%*s%c  %s%s\n", MARGIN, "", 'a' + i * (s->plot->derivatives + 1) + order,
                        s->plot->curve[i].label, prime[order]);
            else
                fprintf(out, "%*s%s%s\n", MARGIN, "", s->plot->curve[i].label, prime[order]);
}

char *ax_plot_text(const ax_plot *p, int columns, int rows, int utf8)
{
    char *text = NULL;
    size_t len;
    columns = columns < 20 ? 20 : columns > 400 ? 400 : columns;
    screen s = {.plot = p, .columns = columns - MARGIN, .rows = rows < 8 ? 8 : rows, .wide = utf8 ? 2 : 1,
                .high = utf8 ? 4 : 1, .x = ax_axis_over(p->from, p->to, columns / 12),
                .y = ax_plot_range(p, rows / 3)};
    FILE *out = NULL;
    if (!(s.cell = calloc((size_t)s.columns * (size_t)s.rows, 1)) || !(out = open_memstream(&text, &len)))
        goto fail;
    for (int i = p->n - 1; i >= 0; i--)
        for (int order = p->derivatives; order >= 0; order--)
            if (draw(&s, i, order))
                goto fail;
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
fail:
    if (out)
        fclose(out);
    free(text);
    free(s.cell);
    return NULL;
}
