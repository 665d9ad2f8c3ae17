/* metrics.h - how good the outputs are: counted sample by sample, then turned into numbers.
 *
 * Which numbers there are follows from the task: classes (accuracy, top-5, macro precision, recall,
 * F1), yes or no per output (accuracy, precision, recall, F1 at 0.5), or numbers (MAE, RMSE, R2). */
#ifndef AX_TRAIN_METRICS_H
#define AX_TRAIN_METRICS_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum ax_task { AX_TASK_CLASSES, AX_TASK_BINARY, AX_TASK_NUMBERS } ax_task;

typedef struct ax_metrics {
    ax_task task;
    int64_t width;  /* numbers per sample */
    int64_t n;      /* samples so far     */
    double loss_sum;
    int64_t correct, top5, decided; /* decided: samples, or samples * outputs when binary */
    int64_t *tp, *fp, *fn;          /* per class; one entry when binary */
    double abs_sum, sq_sum, y_sum, y_sq; /* regression */
} ax_metrics;

/* The counters live in the arena. -1: no memory. */
int ax_metrics_init(ax_metrics *m, ax_task task, int64_t width, ax_arena *a);
void ax_metrics_reset(ax_metrics *m); /* as after ax_metrics_init() */

/* One sample: outputs y (probabilities or logits: only their order counts for classes; for binary
 * `threshold` divides them), the class (>= 0) or the target row t. */
void ax_metrics_add(ax_metrics *m, const float *y, int class_, const float *t, float threshold, double loss);

double ax_metrics_loss(const ax_metrics *m);
double ax_metrics_accuracy(const ax_metrics *m); /* NaN for numbers */
/* {"loss":..,"accuracy":..,...}; the caller owns it. NULL: no memory. */
cJSON *ax_metrics_json(const ax_metrics *m);

#endif
