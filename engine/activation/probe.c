/* probe.c - an activation looked at from all sides; see probe.h.
 *
 * One sorted list of numbers is evaluated once; everything is found in it, and refined between two
 * neighbours of the list where that matters. */
#include "activation/probe.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activation/formula/formula.h"

enum { STEP = 1 << 18, DENSE = 8192, REACH = 24, INF = 0x7f800000, JUDGED = 240, GOLDEN = 40, GAPS = 512 };

typedef void evaluate(const ax_act *a, const float *x, float *y, size_t n);
static evaluate *const output[3] = {ax_act_forward, ax_act_derivative, ax_act_second};

typedef struct looker {
    const ax_act *act;
    int n;
    float *x, *y[3]; /* ascending; f, f' and f'' there */
} looker;

/* float32 in order: neighbours differ by 1; both zeros are 0 */
static float float_of(int64_t order)
{
    uint32_t bits = order >= 0 ? (uint32_t)order : 0x80000000u | (uint32_t)-order;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static int64_t order_of(float f)
{
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits >= 0 ? bits : -(int64_t)(bits & INT32_MAX);
}

static float at(const looker *l, int which, float x)
{
    float y;
    output[which](l->act, &x, &y, 1);
    return y;
}

/* ---- the list ---- */

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* outputs: how many of f, f' and f'' are wanted */
static int look(looker *l, int outputs)
{
    int most = 2 * (INF / STEP) + DENSE + 3;
    l->x = malloc(4 * (size_t)most * sizeof(float));
    if (!l->x)
        return -1;
    for (int64_t o = -INF; o <= INF; o += STEP)
        l->x[l->n++] = float_of(o);
    for (int i = 0; i <= DENSE; i++)
        l->x[l->n++] = (float)(i - DENSE / 2) * (2.0f * REACH / DENSE);
    qsort(l->x, (size_t)l->n, sizeof(float), ascending);
    for (int w = 0; w < outputs; w++) {
        l->y[w] = l->x + (size_t)(w + 1) * (size_t)most;
        output[w](l->act, l->x, l->y[w], (size_t)l->n);
    }
    return 0;
}

/* ---- where there is no value ---- */

static int is_nan(float x, float y)
{
    return isnan(y) && isfinite(x); /* at an infinity: no limit */
}

static int is_overflow(float x, float y)
{
    return isinf(y) && isfinite(x);
}

/* Between in, where the property holds, and out, where it does not: the last number where it holds.
 */
static float edge(const looker *l, int (*has)(float x, float y), float in, float out)
{
    int64_t i = order_of(in), o = order_of(out);
    while (llabs(i - o) > 1) {
        float x = float_of((i + o) / 2);
        if (has(x, at(l, 0, x)))
            i = order_of(x);
        else
            o = order_of(x);
    }
    return float_of(i);
}

static int pieces(const looker *l, int (*has)(float x, float y), ax_probe_piece *p)
{
    int count = 0;
    for (int i = 0; i < l->n; i++) {
        int from = i;
        while (i < l->n && has(l->x[i], l->y[0][i]))
            i++;
        if (i == from)
            continue;
        if (count < AX_PROBE_PIECES) {
            p[count].from = from ? edge(l, has, l->x[from], l->x[from - 1]) : l->x[from];
            p[count].to = i < l->n ? edge(l, has, l->x[i - 1], l->x[i]) : l->x[i - 1];
        }
        count++;
    }
    return count;
}

/* Poles between the numbers of the list: the gaps in which f does what no smooth curve does get another
 * look, so many at most; a curve with more of them oscillates faster than the list can tell. */
static void hidden(const looker *l, ax_probe *out)
{
    for (int i = 1, gaps = 0; i < l->n && gaps < GAPS; i++) {
        const float *d = &l->y[1][i - 1], *f = &l->y[0][i - 1];
        float x;
        if (!(d[0] * d[1] < 0 || (f[1] - f[0]) * d[0] < 0))
            continue;
        gaps++;
        if (!ax_act_infinite_between(l->act, l->x[i - 1], l->x[i], d, &x))
            continue;
        if (out->infinities < AX_PROBE_PIECES)
            out->infinite[out->infinities] = (ax_probe_piece){edge(l, is_overflow, x, l->x[i - 1]),
                                                              edge(l, is_overflow, x, l->x[i])};
        out->infinities++;
    }
    int kept = out->infinities < AX_PROBE_PIECES ? out->infinities : AX_PROBE_PIECES;
    qsort(out->infinite, (size_t)kept, sizeof *out->infinite, ascending); /* by `from`, the first member */
}

static float first_untrainable(const looker *l)
{
    for (int i = 0; i < l->n; i++)
        if (fabsf(l->x[i]) <= 20 && !isfinite(l->y[0][i] + l->y[1][i]))
            return l->x[i];
    return NAN;
}

/* ---- extremes ---- */

/* sign * |f| or sign * f is largest at number i of the list: refined between its neighbours */
static ax_probe_extreme refine(const looker *l, int which, double sign, int absolute, int i)
{
    double lo = l->x[i ? i - 1 : i], hi = l->x[i + 1 < l->n ? i + 1 : i], best_x = l->x[i];
    double best = absolute ? fabsf(l->y[which][i]) : l->y[which][i];
    if (!isfinite(lo) || !isfinite(hi) || !isfinite(best))
        return (ax_probe_extreme){best, l->x[i]};
    for (int k = 0; k < GOLDEN; k++) {
        double x[2] = {hi - (hi - lo) * 0.61803398874989485, lo + (hi - lo) * 0.61803398874989485};
        double y[2];
        for (int j = 0; j < 2; j++) {
            y[j] = at(l, which, (float)x[j]);
            y[j] = absolute ? fabs(y[j]) : y[j];
            if (y[j] * sign > best * sign)
                best = y[j], best_x = (float)x[j];
        }
        if (y[0] * sign > y[1] * sign)
            hi = x[1];
        else
            lo = x[0];
    }
    return (ax_probe_extreme){best, (float)best_x};
}

static ax_probe_extreme extreme(const looker *l, int which, double sign, int absolute)
{
    int best = -1;
    double best_y = 0;
    for (int i = 0; i < l->n; i++) {
        double y = absolute ? fabsf(l->y[which][i]) : l->y[which][i];
        if (!isnan(y) && (best < 0 || y * sign > best_y * sign))
            best = i, best_y = y;
    }
    return best < 0 ? (ax_probe_extreme){NAN, NAN} : refine(l, which, sign, absolute, best);
}

/* Never against `sign` by more than one float32. */
static int monotone(const looker *l, float sign)
{
    for (int i = 1; i < l->n; i++) {
        float a = l->y[0][i - 1], b = l->y[0][i];
        if (isnan(a) || isnan(b) || nextafterf(b, sign * INFINITY) * sign < a * sign)
            return 0;
    }
    return 1;
}

/* The number up to which (sign < 0: from the left) output `which` is 0, or NaN. */
static float zero_until(const looker *l, int which, int sign)
{
    int i = sign < 0 ? 0 : l->n - 1, from = i;
    while (i >= 0 && i < l->n && l->y[which][i] == 0)
        i -= sign;
    if (i == from)
        return NAN;
    if (i < 0 || i >= l->n) /* everywhere */
        return -(float)sign * INFINITY;
    int64_t in = order_of(l->x[i + sign]), out = order_of(l->x[i]);
    while (llabs(in - out) > 1) {
        float x = float_of((in + out) / 2);
        if (at(l, which, x) == 0)
            in = order_of(x);
        else
            out = order_of(x);
    }
    return float_of(in);
}

/* ---- accuracy ---- */

/* |y - exact| in ULP of the exact value, or -1 where the judge does not know */
static double ulp(float y, long double exact, long double off)
{
    if (!isfinite(exact) || !isfinite(y) || fabsl(exact) > FLT_MAX)
        return -1;
    int e = exact == 0 ? -126 : ilogbl(exact);
    long double unit = scalbnl(1, (e < -126 ? -126 : e) - 23);
    return off > unit / 64 ? -1 : (double)(fabsl(y - exact) / unit);
}

static void judge(const looker *l, const ax_formula *f, ax_probe *out)
{
    for (int i = 0; i < l->n; i += l->n / JUDGED)
        for (int w = 0; w < 3; w++) {
            long double off, exact = ax_formula_exact(f, w, l->act->param, l->x[i], &off);
            double u = ulp(l->y[w][i], exact, off);
            out->judged[w] += u >= 0;
            if (u > out->ulp[w].y)
                out->ulp[w] = (ax_probe_extreme){u, l->x[i]};
        }
}

static void moments(const ax_act *a, ax_probe *out)
{
    double m[3];
    ax_act_moments(a, m);
    out->mean = m[0];
    out->square = m[1];
    out->slope_square = m[2];
    out->gain = m[1] > 0 ? 1 / sqrt(m[1]) : NAN;
    out->gain_back = m[2] > 0 ? 1 / sqrt(m[2]) : NAN;
}

int ax_act_range(const ax_act *a, ax_probe_extreme *low, ax_probe_extreme *high, ax_err *err)
{
    looker l = {.act = a};
    if (look(&l, 1) < 0)
        return ax_fail(err, AX_ENOMEM, "no memory to look at an activation");
    *low = extreme(&l, 0, -1, 0);
    *high = extreme(&l, 0, 1, 0);
    free(l.x);
    return 0;
}

int ax_act_probe(const ax_act *a, ax_probe *out, ax_err *err)
{
    looker l = {.act = a};
    ax_arena arena;
    *out = (ax_probe){0};
    if (look(&l, 3) < 0)
        return ax_fail(err, AX_ENOMEM, "no memory to look at an activation");
    ax_arena_init(&arena, 0);
    out->nans = pieces(&l, is_nan, out->nan);
    out->infinities = pieces(&l, is_overflow, out->infinite);
    hidden(&l, out);
    out->untrainable = first_untrainable(&l);
    out->low = extreme(&l, 0, -1, 0);
    out->high = extreme(&l, 0, 1, 0);
    out->rising = monotone(&l, 1);
    out->falling = monotone(&l, -1);
    out->steepest = extreme(&l, 1, 1, 1);
    out->left = at(&l, 0, -INFINITY);
    out->right = at(&l, 0, INFINITY);
    out->marks = ax_act_marks(a, -REACH, REACH, out->mark);
    out->zero_below = zero_until(&l, 0, -1);
    out->zero_above = zero_until(&l, 0, 1);
    out->flat_below = zero_until(&l, 1, -1);
    out->flat_above = zero_until(&l, 1, 1);
    const ax_formula *f = a->row->program;
    if (!f)
        f = ax_formula_new(&arena, a->row->formula, a->row->params, NULL);
    if (f)
        judge(&l, f, out);
    moments(a, out);
    ax_arena_fini(&arena);
    free(l.x);
    return 0;
}

/* ---- before training ---- */

/* f, f' or the derivative by a learned parameter; 64 numbers of each unit */
static int all_finite(const ax_act *a, int which, ax_err *err)
{
    enum { N = 40 * 64 + 1 };
    const char *text = a->row->program ? a->row->formula : a->row->name;
    float x[N], y[N];
    int i = 0;
    for (int k = 0; k < N; k++)
        x[k] = (float)(k - N / 2) / 64;
    if (which < AX_FORMULA_DP)
        output[which](a, x, y, N);
    else
        ax_formula_run(a->gradient, which, a->param, x, y, N);
    while (i < N && isfinite(y[i]))
        i++;
    if (i == N)
        return 0;
    const char *is = isnan(y[i]) ? "NaN" : "infinite";
    if (which >= AX_FORMULA_DP)
        ax_fail(err, AX_ENONFINITE, "the derivative of '%.300s' by %s is %s at x = %g", text,
                a->row->params[which - AX_FORMULA_DP].name, is, (double)x[i]);
    else
        ax_fail(err, AX_ENONFINITE, "%s'%.300s' is %s at x = %g",
                which == AX_FORMULA_DX ? "the derivative of " : "", text, is, (double)x[i]);
    return ax_err_hint(err, "what is trained must have a finite value and slope on [-20, 20]");
}

int ax_act_trainable(const ax_act *a, ax_err *err)
{
    if (all_finite(a, AX_FORMULA_F, err) < 0 || all_finite(a, AX_FORMULA_DX, err) < 0)
        return -1;
    for (int i = 0; i < AX_ACT_PARAMS; i++)
        if ((a->learned >> i & 1) && all_finite(a, AX_FORMULA_DP + i, err) < 0)
            return -1;
    return 0;
}
