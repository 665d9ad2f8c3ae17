/* plot_text.c - curves of activations as characters for a terminal: sampled here, drawn by chart.c;
 * see plot.h. */
#include "activation/chart.h"
#include "activation/plot_scale.h"
#include "base/arena.h"

static int sample(const ax_plot *p, int curve, int order, size_t n, ax_arena *mem, ax_chart_line *out)
{
    static const char *const prime[3] = {"", "'", "''"};
    float *x = AX_ARRAY(mem, float, n), *y = AX_ARRAY(mem, float, n);
    char *label = ax_arena_printf(mem, "%s%s", p->curve[curve].label, prime[order]);
    if (!x || !y || !label)
        return -1;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(p->from + (p->to - p->from) * (double)i / (double)(n - 1));
    ax_plot_sample(&p->curve[curve].act, order, x, y, n);
    *out = (ax_chart_line){label, x, y, n, 0};
    return 0;
}

char *ax_plot_text(const ax_plot *p, int columns, int rows, int utf8)
{
    ax_chart_line lines[AX_PLOT_CURVES * 3];
    ax_chart c = {lines, 0, p->from, p->to, ax_plot_range(p, rows / 3), 1};
    ax_arena mem;
    int bad = 0;
    size_t n = (size_t)ax_chart_points(columns, utf8);
    ax_arena_init(&mem, 0);
    for (int i = 0; i < p->n && !bad; i++)
        for (int order = 0; order <= p->derivatives && !bad; order++)
            bad = sample(p, i, order, n, &mem, &lines[c.n++]);
    char *text = bad ? NULL : ax_chart_text(&c, columns, rows, utf8);
    ax_arena_fini(&mem);
    return text;
}
