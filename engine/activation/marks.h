/* marks.h - where the curve of an activation has something to show: jumps, kinks, poles, and the flat
 * places between rising and falling. Found by looking at f, f' and f'' alone, so that a formula is
 * treated like a row of the catalogue. Thread-safe. */
#ifndef AX_ACTIVATION_MARKS_H
#define AX_ACTIVATION_MARKS_H

#include "activation/activation.h"

typedef enum ax_mark_kind {
    AX_MARK_JUMP,     /* f itself jumps                                          */
    AX_MARK_KINK,     /* f' jumps                                                */
    AX_MARK_FLAT,     /* f' changes its sign through 0: a minimum, maximum       */
    AX_MARK_POLE,     /* f grows beyond all bounds, on one side at least         */
    AX_MARK_VERTICAL, /* f' does and f does not: a cusp, an upright tangent      */
    AX_MARK_KINDS
} ax_mark_kind;

/* What a kind is called: in JSON; several of them in a table; one of them in a picture. */
typedef struct ax_mark_words {
    const char *kind, *several, *one;
} ax_mark_words;
extern const ax_mark_words ax_mark_named[AX_MARK_KINDS];

typedef struct ax_mark {
    ax_mark_kind kind;
    double x;        /* where; of the two numbers beside a jump the rounder one         */
    double y;        /* f(x); at a pole that lies between two numbers there is none: NaN */
} ax_mark;

enum { AX_MARKS = 64 };

/* The marks of an element-wise activation on [from, to], sorted by x; how many. What lies closer
 * together than 1/2048 of the stretch may be seen as one; no more than AX_MARKS are given. */
int ax_act_marks(const ax_act *a, double from, double to, ax_mark marks[AX_MARKS]);

/* Is f infinite at a number between lo and hi, where it is finite? 1 with the number: what is looked
 * for is a pole that makes f, which rises at both ends, fall from lo to hi or the reverse, or f' change
 * its sign. d: f' at both ends. */
int ax_act_infinite_between(const ax_act *a, float lo, float hi, const float d[2], float *x);

#endif
