/* marks.c - jumps, kinks and flat places of a curve; see marks.h.
 *
 * The stretch is cut into cells. A cell whose ends differ by more than a smooth curve would
 * explain is halved towards the larger difference until two neighbouring numbers are left: what
 * still differs there is a jump. A smooth curve runs out of difference on the way down. */
#include "activation/marks.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { CELLS = 2048, HALVINGS = 40 };

#define LEAST 1e-4 /* a jump smaller than this share of the values around it is not seen */

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

/* Does f jump between lo and hi? Then *x is where. */
static int find_jump(evaluate *f, const ax_act *a, double lo, double hi, double least, double *x)
{
    double flo = at(f, a, lo), fhi = at(f, a, hi);
    for (int i = 0; i < HALVINGS && fabs(fhi - flo) > least; i++) {
        double m = between(lo, hi);
        if (m == lo) {
            *x = rounder(lo, hi) + 0.0; /* -0 becomes 0 */
            return 1;
        }
        double fm = at(f, a, m);
        if (fabs(fm - flo) >= fabs(fhi - fm))
            hi = m, fhi = fm;
        else
            lo = m, flo = fm;
    }
    return 0;
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

/* One mark of a cell, f and d being f and f' at its ends; 0 when there is none. */
static int mark_of(const ax_act *a, double lo, double hi, const double f[2], const double d[2], ax_mark *m)
{
    double size = 1 + fabs(f[0]) + fabs(f[1]), slope = 1 + fabs(d[0]) + fabs(d[1]);
    if (find_jump(ax_act_forward, a, lo, hi, LEAST * size, &m->x))
        m->kind = AX_MARK_JUMP;
    else if (find_jump(ax_act_derivative, a, lo, hi, LEAST * slope, &m->x))
        m->kind = AX_MARK_KINK;
    else if ((d[0] < 0 && d[1] > 0) || (d[0] > 0 && d[1] < 0)) {
        m->kind = AX_MARK_FLAT;
        m->x = find_flat(a, lo, hi);
    } else
        return 0;
    m->y = at(ax_act_forward, a, m->x);
    return 1;
}

int ax_act_marks(const ax_act *a, double from, double to, ax_mark marks[AX_MARKS])
{
    int n = 0;
    double step = (to - from) / CELLS, lo = (float)from;
    double f[2] = {at(ax_act_forward, a, lo)}, d[2] = {at(ax_act_derivative, a, lo)};
    for (int i = 1; i <= CELLS && n < AX_MARKS; i++) {
        double hi = (float)(from + step * i);
        f[1] = at(ax_act_forward, a, hi);
        d[1] = at(ax_act_derivative, a, hi);
        int finite = isfinite(f[0]) && isfinite(f[1]) && isfinite(d[0]) && isfinite(d[1]);
        if (finite && hi > lo && mark_of(a, lo, hi, f, d, &marks[n]))
            n += !n || marks[n].x != marks[n - 1].x;
        lo = hi;
        f[0] = f[1];
        d[0] = d[1];
    }
    return n;
}
