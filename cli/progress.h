/* progress.h - a training as it is told: one line that is redrawn on a terminal, plain lines for a
 * log, JSON lines for a program (the job server reads those).
 *
 * The formatting functions are pure; progress_tell() writes. One thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdio.h>

#include "axon.h"

typedef enum progress_style {
    PROGRESS_AUTO,
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_BAR
} progress_style;

typedef struct progress {
    FILE *out;
    progress_style style; /* PROGRESS_AUTO became one of the others in progress_init() */
    double last_line;     /* p->seconds of the last plain line; the first epoch starts at 0 */
    double epoch_started;
    int drawn; /* a bar stands on the terminal's last line                  */
} progress;

/* A bar when `out` is a terminal that can redraw a line, else plain lines. */
void progress_init(progress *g, FILE *out, progress_style style);

/* Show p. -1 when `out` cannot be written any more. */
int progress_tell(progress *g, const ax_train_progress *p);

/* Take the bar off the terminal, before other text is written. */
void progress_clear(progress *g);

/* Columns of the terminal that `out` is; 80 when it is none. */
int progress_width(FILE *out);

/* "epoch  3/20 [======>      ]  45%  loss 0.3123  accuracy 0.8876  12.3k samples/s  1m23s left" in
 * at most `width` columns: the least important parts go first. */
const char *progress_bar(const ax_train_progress *p, int width, char *out, size_t size);

/* The line that stays when an epoch is done (took: its seconds), or a plain line inside one. */
const char *progress_line(const ax_train_progress *p, double took, char *out, size_t size);

/* {"event":"progress"|"epoch",...}: every field of p; what is not known is null. */
cJSON *progress_json(const ax_train_progress *p);

#endif
