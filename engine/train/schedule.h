/* schedule.h - how the learning rate changes: one row per schedule, each with a linear warm-up. */
#ifndef AX_TRAIN_SCHEDULE_H
#define AX_TRAIN_SCHEDULE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ax_schedule {
    int kind; /* row in the table */
    int64_t warmup_steps;
    int64_t every;    /* step: epochs between drops; plateau: epochs of patience */
    double gamma;     /* factor of step, exponential (per epoch) and plateau     */
    double min_factor; /* cosine, linear, plateau: where it ends                  */
    /* plateau's state, part of a checkpoint */
    double best, factor;
    int64_t waited;
} ax_schedule;

/* "cosine" or {"name":"cosine","warmup_steps":100}; NULL: constant. */
int ax_schedule_read(const cJSON *json, ax_schedule *s, ax_err *err);
const char *ax_schedule_name(const ax_schedule *s);

/* The factor on the learning rate at `step` (from 0) of `steps`, in `epoch` (from 0). */
double ax_schedule_factor(const ax_schedule *s, int64_t step, int64_t steps, int epoch);

/* After an epoch, with its validation (or training) loss: plateau decides whether to drop. */
void ax_schedule_epoch(ax_schedule *s, double loss);

#endif
