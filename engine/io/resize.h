/* resize.h - rows of a picture in, the picture in another size out.
 *
 * The rows come one at a time from the top, so a decoder never needs the whole source in memory.
 * Each axis is a small matrix of weights: the exact overlap of areas when shrinking, linear
 * interpolation between pixel centres when growing, one when the size stays. Sums are in double:
 * a plain area keeps its exact value. Thread rule: one thread at a time. */
#ifndef AX_IO_RESIZE_H
#define AX_IO_RESIZE_H

#include "base/err.h"

typedef struct ax_axis {
    int from, to;   /* sizes                                               */
    int taps;       /* most source pixels under one result pixel           */
    int *first;     /* (to) the first source pixel                         */
    int *count;     /* (to) how many, 1..taps                              */
    double *weight; /* (to, taps)                                         */
} ax_axis;

typedef struct ax_resize {
    int channels;
    ax_axis x, y;
    int row, open; /* rows seen; the first result row that still waits for some */
    double *line;  /* (x.to) one source row of one channel, resized */
    double *sum;   /* (channels, y.to, x.to)                        */
} ax_resize;

/* Sizes are at least 1 and their products checked by the caller. ax_resize_fini() also after a
 * failure. */
int ax_resize_init(ax_resize *r, int channels, int from_h, int from_w, int h, int w, ax_err *err);
void ax_resize_fini(ax_resize *r);

/* The next source row, (channels, from_w). */
void ax_resize_row(ax_resize *r, const float *row);

/* After the last row: the result, (channels, h, w). */
void ax_resize_result(const ax_resize *r, float *out);

#endif
