/* progress.c - see progress.h. */
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

enum { BAR_MIN = 10, BAR_MAX = 40, PART_MAX = 64, LINE_MAX_BYTES = 512 };
static const double plain_seconds = 10;

static int digits(int n)
{
    return snprintf(NULL, 0, "%d", n);
}

/* The share of the epoch under way that is done: steps are counted over all epochs. */
static double epoch_share(const ax_train_progress *p)
{
    double per_epoch = (double)p->steps / (p->epochs > 0 ? p->epochs : 1);
    double at = per_epoch > 0 ? ((double)p->step - per_epoch * (p->epoch - 1)) / per_epoch : 0;
    return p->epoch_done || at > 1 ? 1 : at < 0 ? 0 : at;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Add ", "-less text to a line while it stays within `width` columns; 0 when it did not fit. */
static int add(char *out, size_t size, int width, const char *part)
{
    size_t have = strlen(out), n = strlen(part);
    if (have + n > (size_t)width || have + n >= size)
        return 0;
    memcpy(out + have, part, n + 1);
    return 1;
}

static void add_bar(char *out, int cells, double share)
{
    int full = (int)(share * cells);
    char *at = out + strlen(out);
    *at++ = '[';
    for (int i = 0; i < cells; i++)
        *at++ = i < full ? '=' : i == full ? '>' : ' ';
    *at++ = ']';
    *at = 0;
}

/* The parts behind the bar, the most important first. Gives their number. */
static int bar_parts(const ax_train_progress *p, char part[][PART_MAX])
{
    char text[32];
    int n = 0;
    if (isfinite(p->loss))
        snprintf(part[n++], PART_MAX, "  loss %.4f", p->loss);
    if (isfinite(p->accuracy))
        snprintf(part[n++], PART_MAX, "  accuracy %.4f", p->accuracy);
    if (isfinite(p->eta_seconds))
        snprintf(part[n++], PART_MAX, "  %6s left", text_seconds(p->eta_seconds, text, sizeof text));
    snprintf(part[n++], PART_MAX, "  %5s samples/s",
             text_rate(p->samples_per_second, text, sizeof text));
    return n;
}

const char *progress_bar(const ax_train_progress *p, int width, char *out, size_t size)
{
    char part[4][PART_MAX], head[PART_MAX], percent[PART_MAX];
    double share = epoch_share(p);
    int n = bar_parts(p, part), kept = 0;
    snprintf(head, sizeof head, "epoch %*d/%d ", digits(p->epochs), p->epoch, p->epochs);
    snprintf(percent, sizeof percent, "%4d%%", (int)(100 * share));
    int used = (int)(strlen(head) + strlen(percent));
    out[0] = 0;
    if (width > (int)size - 1)
        width = (int)size - 1;
    if (!add(out, size, width, head))
        return out;
    int cells = BAR_MIN;
    if (used + cells + 2 > width) { /* too narrow for a bar: the figures alone */
        add(out, size, width, percent);
        return out;
    }
    used += cells + 2;
    while (kept < n && used + (int)strlen(part[kept]) <= width)
        used += (int)strlen(part[kept++]);
    cells += width - used;
    add_bar(out, cells < BAR_MAX ? cells : BAR_MAX, share);
    add(out, size, width, percent);
    for (int i = 0; i < kept; i++)
        add(out, size, width, part[i]);
    return out;
}

static void add_figure(char *out, size_t size, const char *name, double v)
{
    char part[PART_MAX];
    if (!isfinite(v))
        return;
    snprintf(part, sizeof part, "  %s %.4f", name, v);
    add(out, size, (int)size, part);
}

const char *progress_line(const ax_train_progress *p, double took, char *out, size_t size)
{
    char part[PART_MAX], text[32];
    out[0] = 0;
    snprintf(part, sizeof part, "epoch %*d/%d", digits(p->epochs), p->epoch, p->epochs);
    add(out, size, (int)size, part);
    if (!p->epoch_done) {
        snprintf(part, sizeof part, "  %3d%%", (int)(100 * epoch_share(p)));
        add(out, size, (int)size, part);
    }
    add_figure(out, size, "loss", p->loss);
    add_figure(out, size, "accuracy", p->accuracy);
    if (p->epoch_done) {
        add_figure(out, size, "val_loss", p->val_loss);
        add_figure(out, size, "val_accuracy", p->val_accuracy);
        snprintf(part, sizeof part, "  %s", text_seconds(took, text, sizeof text));
        add(out, size, (int)size, part);
    }
    snprintf(part, sizeof part, "  %s samples/s",
             text_rate(p->samples_per_second, text, sizeof text));
    add(out, size, (int)size, part);
    if (!p->epoch_done && isfinite(p->eta_seconds)) {
        snprintf(part, sizeof part, "  %s left", text_seconds(p->eta_seconds, text, sizeof text));
        add(out, size, (int)size, part);
    }
    return out;
}

cJSON *progress_json(const ax_train_progress *p)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        {"epoch", p->epoch},
        {"epochs", p->epochs},
        {"step", (double)p->step},
        {"steps", (double)p->steps},
        {"loss", p->loss},
        {"accuracy", p->accuracy},
        {"val_loss", p->val_loss},
        {"val_accuracy", p->val_accuracy},
        {"learning_rate", p->learning_rate},
        {"samples_per_second", p->samples_per_second},
        {"seconds", p->seconds},
        {"eta_seconds", p->eta_seconds},
    };
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "event", p->epoch_done ? "epoch" : "progress");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) /* cJSON prints NaN as null */
        cJSON_AddNumberToObject(o, fields[i].name, fields[i].value);
    return o;
}

/* ---- output ---------------------------------------------------------------------------------- */

void progress_init(progress *g, FILE *out, progress_style style)
{
    const char *term = getenv("TERM");
    int can_redraw = isatty(fileno(out)) && term && strcmp(term, "dumb");
    if (style == PROGRESS_AUTO)
        style = can_redraw ? PROGRESS_BAR : PROGRESS_PLAIN;
    *g = (progress){.out = out, .style = style};
}

int progress_width(FILE *out)
{
    struct winsize w;
    return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

void progress_clear(progress *g)
{
    if (g->drawn)
        fputs("\r\033[K", g->out);
    g->drawn = 0;
}

int progress_tell(progress *g, const ax_train_progress *p)
{
    char line[LINE_MAX_BYTES];
    double took = p->seconds - g->epoch_started;
    progress_clear(g);
    if (g->style == PROGRESS_JSON) {
        cli_print_json(progress_json(p), 0, g->out);
    } else if (p->epoch_done ||
               (g->style == PROGRESS_PLAIN && p->seconds - g->last_line >= plain_seconds)) {
        fprintf(g->out, "%s\n", progress_line(p, took, line, sizeof line));
        g->last_line = p->seconds;
    } else if (g->style == PROGRESS_BAR) {
        /* the last column stays free: some terminals wrap when it is written */
        fputs(progress_bar(p, progress_width(g->out) - 1, line, sizeof line), g->out);
        g->drawn = 1;
    }
    if (p->epoch_done)
        g->epoch_started = p->seconds;
    return fflush(g->out) || ferror(g->out) ? -1 : 0;
}
