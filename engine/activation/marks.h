/* marks.h - where the curve of an activation has something to show: jumps, kinks, and the flat
 * places between rising and falling. Found by looking at f and f' alone, so that a formula is
 * treated like a row of the catalogue. Thread-safe. */
#ifndef AX_ACTIVATION_MARKS_H
#define AX_ACTIVATION_MARKS_H

#include "activation/activation.h"

typedef enum ax_mark_kind {
    AX_MARK_JUMP, /* f itself jumps                                    */
    AX_MARK_KINK, /* f' jumps                                          */
    AX_MARK_FLAT  /* f' changes its sign through 0: a minimum, maximum */
} ax_mark_kind;

typedef struct ax_mark {
    ax_mark_kind kind;
    double x;        /* where; of the two numbers beside a jump the rounder one */
    double y;        /* f(x)                                                    */
} ax_mark;

enum { AX_MARKS = 64 };

/* The marks of an element-wise activation on [from, to], sorted by x; how many. What lies closer
 * together than 1/2048 of the stretch may be seen as one; no more than AX_MARKS are given. */
int ax_act_marks(const ax_act *a, double from, double to, ax_mark marks[AX_MARKS]);

#endif
