/* gain.c - by how much weights must be scaled so that a layer keeps the size of its signal.
 *
 * E f(Z)^2 and its like for Z ~ N(0,1) by adaptive Simpson quadrature on [-14, 14]. Panels are
 * halved until two halves agree with the whole, so kinks and jumps need not be known: the panel
 * that holds one is halved down to nothing. All nodes are dyadic, hence exact float32 numbers, and
 * the kernels serve a formula as well as a row of the catalogue. */
#include <math.h>

#include "activation/probe.h"

#define REACH  14.0    /* phi(14) is below 1e-43 */
#define WIDTH  0.25    /* of a first panel */
#define NARROW 0x1p-20 /* panels are not halved further: a jump then costs 1e-6 of its height */
#define NOISE  2e-7    /* float32 rounding of f^2, relative */

/* What is integrated: f or f' of an activation, to a power. */
typedef struct moment {
    const ax_act *act;
    void (*f)(const ax_act *a, const float *x, float *y, size_t n);
    int power;
} moment;

/* f(x)^power phi(x) at two points */
static void integrand(const moment *m, const double x[2], double g[2])
{
    float in[2] = {(float)x[0], (float)x[1]}, f[2];
    m->f(m->act, in, f, 2);
    for (int i = 0; i < 2; i++) {
        double v = m->power == 2 ? (double)f[i] * f[i] : (double)f[i];
        g[i] = v * exp(-0.5 * x[i] * x[i]) * 0.39894228040143267794;
    }
}

/* lo, mid, hi: the integrand at the ends and the middle of [x, x + w]. Depth is at most
 * log2(WIDTH / NARROW) = 18. */
static double panel(const moment *m, double x, double w, double lo, double mid, double hi)
{
    double at[2] = {x + w / 4, x + 3 * w / 4}, g[2];
    integrand(m, at, g);
    double whole = (lo + 4 * mid + hi) * w / 6;
    double halves = (lo + 4 * g[0] + 2 * mid + 4 * g[1] + hi) * w / 12;
    double off = fabs(halves - whole);
    if (off <= NOISE * fabs(halves) + 1e-11 * w || w <= NARROW || !isfinite(off))
        return halves + (halves - whole) / 15;
    return panel(m, x, w / 2, lo, g[0], mid) + panel(m, x + w / 2, w / 2, mid, g[1], hi);
}

static double integral(const moment *m)
{
    double sum = 0.0;
    for (double x = -REACH; x < REACH; x += WIDTH) {
        double ends[2] = {x, x + WIDTH}, middle[2] = {x + WIDTH / 2, 0}, g[2], h[2];
        integrand(m, ends, g);
        integrand(m, middle, h);
        sum += panel(m, x, WIDTH, g[0], h[0], g[1]);
    }
    return sum;
}

void ax_act_moments(const ax_act *a, double moment_of[3])
{
    const moment m[3] = {{a, ax_act_forward, 1}, {a, ax_act_forward, 2}, {a, ax_act_derivative, 2}};
    for (int i = 0; i < 3; i++)
        moment_of[i] = integral(&m[i]);
}

double ax_act_gain(const ax_act *a)
{
    if (a->row->kind == AX_ACT_VECTOR)
        return 1.0;
    double sum = integral(&(moment){a, ax_act_forward, 2});
    return sum > 0.0 && isfinite(sum) ? 1.0 / sqrt(sum) : 1.0;
}
