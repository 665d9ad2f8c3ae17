/* marks.c - jumps, kinks and flat places of a curve; see marks.h.
 *
 * The stretch is cut into cells. A cell whose ends differ by more than a smooth curve would
 * explain is halved towards the larger difference until two neighbouring numbers are left: what
 * still differs there, by more than the slope explains, is a jump. A smooth curve runs out of difference
 * on the way down. */
#include "activation/marks.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 2048, HALVINGS = 40 };

#define LEAST 1e-4 /* a jump smaller than this share of the values around it is not seen */

const ax_mark_words ax_mark_named[AX_MARK_KINDS] = {
    [AX_MARK_JUMP] = {"jump", "jumps", "jump"},
    [AX_MARK_KINK] = {"kink", "kinks", "kink"},
    [AX_MARK_FLAT] = {"extreme", "extremes", "f' = 0"},
    [AX_MARK_POLE] = {"pole", "poles", "pole"},
    [AX_MARK_VERTICAL] = {"vertical", "vertical", "f' infinite"},
};

typedef void evaluate(const ax_act *a, const float *x, float *y, size_t n);

static double at(evaluate *f, const ax_act *a, double x)
{
    float in = (float)x, out;
    f(a, &in, &out, 1);
    return out;
}

/* float32 in order, as integers: neighbours differ by 1 */
static int64_t order_of(double v)
{
    float f = (float)v;
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits >= 0 ? bits : -(int64_t)(bits & INT32_MAX);
}

static double at_order(int64_t order)
{
    uint32_t bits = order >= 0 ? (uint32_t)order : 0x80000000u | (uint32_t)-order;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The number halfway between lo and hi, counting float32 numbers; lo when they are neighbours. */
static double between(double lo, double hi)
{
    int64_t l = order_of(lo), h = order_of(hi);
    return h - l < 2 ? lo : at_order(l + (h - l) / 2);
}

/* Of two neighbours the one with fewer bits: a kink is at 3, not beside it. */
static double rounder(double lo, double hi)
{
    int64_t l = order_of(lo), h = order_of(hi);
    return lo == 0 || (hi != 0 && (l & -l) > (h & -h)) ? lo : hi;
}

/* Narrows *lo, *hi down to the two neighbours between which f differs by more than `least`, or to the
 * one number where f is not finite; 0: there is neither. */
static int find_jump(evaluate *f, const ax_act *a, double *lo, double *hi, double least)
{
    double flo = at(f, a, *lo), fhi = at(f, a, *hi);
    for (int i = 0; i < HALVINGS && fabs(fhi - flo) > least; i++) {
        double m = between(*lo, *hi);
        if (m == *lo)
            return 1;
        double fm = at(f, a, m);
        if (!isfinite(fm)) {
            *lo = *hi = m;
            return 1;
        }
        if (fabs(fm - flo) >= fabs(fhi - fm))
            *hi = m, fhi = fm;
        else
            *lo = m, flo = fm;
    }
    return 0;
}

/* Neighbours differ by more than `least` and than the slopes there explain: where a curve is steep,
 * the numbers are too few to follow it. */
static int is_torn(evaluate *f, evaluate *slope, const ax_act *a, double lo, double hi, double least)
{
    double apart = fabs(at(f, a, hi) - at(f, a, lo));
    return apart > least && !(apart <= 2 * (fabs(at(slope, a, lo)) + fabs(at(slope, a, hi))) * (hi - lo));
}

/* Does |f| grow without end towards the number? Seen from 4096, 256, 16 numbers away and from the next
 * one: towards a limit the steps become smaller, at a logarithm they stay equal. */
static int grows(evaluate *f, const ax_act *a, int64_t order, int way)
{
    double y[4], step[3];
    for (int k = 0; k < 4; k++)
        y[k] = fabs(at(f, a, at_order(order + way * ((1 << 4 * k) - 1))));
    for (int k = 0; k < 3; k++)
        step[k] = y[k] - y[k + 1];
    return step[0] > LEAST * (1 + y[1]) && step[0] >= 0.9 * step[1] && step[1] >= 0.9 * step[2] && step[2] > 0;
}

/* from either side of two neighbours, or of one number */
static int grows_at(evaluate *f, const ax_act *a, double lo, double hi)
{
    int one = lo == hi;
    return grows(f, a, order_of(lo) - one, -1) || grows(f, a, order_of(hi) + one, 1);
}

/* f is infinite at x and not at `out`: the last number on the way where it is. */
static int64_t infinite_until(const ax_act *a, double x, double out)
{
    int64_t in = order_of(x), o = order_of(out);
    while (llabs(in - o) > 1) {
        int64_t m = in + (o - in) / 2;
        if (isinf(at(ax_act_forward, a, at_order(m))))
            in = m;
        else
            o = m;
    }
    return in;
}

/* The middle of the numbers round x at which f is infinite, between two at which it is not. */
static double middle(const ax_act *a, double x, double lo, double hi)
{
    int64_t l = infinite_until(a, x, lo), h = infinite_until(a, x, hi);
    return at_order(l + (h - l) / 2) + 0.0;
}

/* f' changes its sign between lo and hi and does not jump there: where it is 0. */
static double find_flat(const ax_act *a, double lo, double hi)
{
    double rising = at(ax_act_derivative, a, lo) > 0;
    for (int i = 0; i < HALVINGS; i++) {
        double m = between(lo, hi);
        if (m == lo)
            break;
        if ((at(ax_act_derivative, a, m) > 0) == rising)
            lo = m;
        else
            hi = m;
    }
    return fabs(at(ax_act_derivative, a, lo)) <= fabs(at(ax_act_derivative, a, hi)) ? lo : hi;
}

typedef struct cell {
    double lo, hi, f[2], d[2]; /* f and f' at its ends */
} cell;

/* What is to be seen between the neighbours l and h of a cell, or at l == h. */
static int mark_at(const ax_act *a, const cell *c, double l, double h, ax_mark *m)
{
    double size = 1 + fabs(c->f[0]) + fabs(c->f[1]), slope = 1 + fabs(c->d[0]) + fabs(c->d[1]);
    int inf = isinf(at(ax_act_forward, a, l));
    m->x = rounder(l, h) + 0.0; /* -0 becomes 0 */
    m->kind = AX_MARK_POLE;
    if (inf || isinf(at(ax_act_forward, a, h)))
        m->x = middle(a, inf ? l : h, c->lo, c->hi);
    else if (grows_at(ax_act_forward, a, l, h))
        ;
    else if (is_torn(ax_act_forward, ax_act_derivative, a, l, h, LEAST * size))
        m->kind = AX_MARK_JUMP;
    else if (grows_at(ax_act_derivative, a, l, h))
        m->kind = AX_MARK_VERTICAL;
    else if (is_torn(ax_act_derivative, ax_act_second, a, l, h, LEAST * slope))
        m->kind = AX_MARK_KINK;
    else
        return 0;
    return 1;
}

/* One mark of a cell; 0 when there is none. */
static int mark_of(const ax_act *a, const cell *c, ax_mark *m)
{
    double size = 1 + fabs(c->f[0]) + fabs(c->f[1]), slope = 1 + fabs(c->d[0]) + fabs(c->d[1]);
    double l = c->lo, h = c->hi;
    if (find_jump(ax_act_forward, a, &l, &h, LEAST * size) && mark_at(a, c, l, h, m))
        return 1;
    l = c->lo, h = c->hi;
    if (find_jump(ax_act_derivative, a, &l, &h, LEAST * slope) && mark_at(a, c, l, h, m))
        return 1;
    if (!((c->d[0] < 0 && c->d[1] > 0) || (c->d[0] > 0 && c->d[1] < 0)))
        return 0;
    m->kind = AX_MARK_FLAT;
    m->x = find_flat(a, c->lo, c->hi);
    return 1;
}

/* The mark of number i of those looked at, where f or f' is not finite; 0: it is the border of a stretch
 * without a value, or inside one. */
static int mark_of_number(const ax_act *a, const float *x, const float *f, int i, ax_mark *m)
{
    m->x = x[i];
    if (isinf(f[i])) {
        if (i == 0 || i == CELLS || isinf(f[i - 1]) || isinf(f[i + 1]))
            return 0;
        m->kind = AX_MARK_POLE;
        m->x = middle(a, x[i], x[i - 1], x[i + 1]);
        return 1;
    }
    m->kind = AX_MARK_VERTICAL;
    return isfinite(f[i]) && grows_at(ax_act_derivative, a, x[i], x[i]);
}

/* The ends of the cells; 0 is one of them, since much happens there. */
static void cut(double from, double to, float x[CELLS + 1])
{
    double step = (to - from) / CELLS;
    for (int i = 0; i <= CELLS; i++) {
        x[i] = (float)(from + step * i);
        if (i > 0 && i < CELLS && fabsf(x[i]) <= step / 2 && x[i - 1] != 0)
            x[i] = 0;
    }
}

int ax_act_marks(const ax_act *a, double from, double to, ax_mark marks[AX_MARKS])
{
    float x[CELLS + 1], f[CELLS + 1], d[CELLS + 1];
    int n = 0;
    cut(from, to, x);
    ax_act_forward(a, x, f, CELLS + 1);
    ax_act_derivative(a, x, d, CELLS + 1);
    for (int i = 0; i <= CELLS; i++) {
        cell c = {x[i], x[i + (i < CELLS)], {f[i], f[i + (i < CELLS)]}, {d[i], d[i + (i < CELLS)]}};
        int here = isfinite(f[i]) && isfinite(d[i]), there = isfinite(c.f[1]) && isfinite(c.d[1]);
        ax_mark m;
        if (n == AX_MARKS || !(here ? there && c.hi > c.lo && mark_of(a, &c, &m) : mark_of_number(a, x, f, i, &m)))
            continue;
        double y = at(ax_act_forward, a, m.x);
        m.y = m.kind == AX_MARK_POLE && !isinf(y) ? NAN : y;
        if (!n || marks[n - 1].x != m.x)
            marks[n++] = m;
    }
    return n;
}

int ax_act_infinite_between(const ax_act *a, float lo, float hi, const float d[2], float *x)
{
    double l = lo, h = hi, flo = at(ax_act_forward, a, lo), fhi = at(ax_act_forward, a, hi);
    int against = (fhi - flo) * d[0] < 0 && (fhi - flo) * d[1] < 0;
    if (!isfinite(flo) || !isfinite(fhi) || !isfinite(d[0]) || !isfinite(d[1]) || !(against || d[0] * d[1] < 0))
        return 0;
    if (!find_jump(against ? ax_act_forward : ax_act_derivative, a, &l, &h, 0))
        return 0;
    *x = (float)(isinf(at(ax_act_forward, a, l)) ? l : h);
    return isinf(at(ax_act_forward, a, *x));
}
