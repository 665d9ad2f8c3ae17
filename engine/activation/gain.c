/* gain.c - by how much weights must be scaled so that a layer keeps the size of its signal.
 *
 * E f(Z)^2 for Z ~ N(0,1) by adaptive Simpson quadrature on [-14, 14]. Panels are halved until two
 * halves agree with the whole, so kinks and jumps need not be known: the panel that holds one is
 * halved down to nothing. All nodes are dyadic, hence exact float32 numbers, and the kernels serve
 * a formula as well as a row of the catalogue. */
#include <math.h>

#include "activation/activation.h"

#define REACH  14.0    /* phi(14) is below 1e-43 */
#define WIDTH  0.25    /* of a first panel */
#define NARROW 0x1p-20 /* panels are not halved further: a jump then costs 1e-6 of its height */
#define NOISE  2e-7    /* float32 rounding of f^2, relative */

/* f(x)^2 phi(x) at two points */
static void integrand(const ax_act *a, const double x[2], double g[2])
{
    float in[2] = {(float)x[0], (float)x[1]}, f[2];
    ax_act_forward(a, in, f, 2);
    for (int i = 0; i < 2; i++)
        g[i] = (double)f[i] * f[i] * exp(-0.5 * x[i] * x[i]) * 0.39894228040143267794;
}

/* lo, mid, hi: the integrand at the ends and the middle of [x, x + w]. Depth is at most
 * log2(WIDTH / NARROW) = 18. */
static double panel(const ax_act *a, double x, double w, double lo, double mid, double hi)
{
    double at[2] = {x + w / 4, x + 3 * w / 4}, g[2];
    integrand(a, at, g);
    double whole = (lo + 4 * mid + hi) * w / 6;
    double halves = (lo + 4 * g[0] + 2 * mid + 4 * g[1] + hi) * w / 12;
    double off = fabs(halves - whole);
    if (off <= NOISE * fabs(halves) + 1e-11 * w || w <= NARROW || !isfinite(off))
        return halves + (halves - whole) / 15;
    return panel(a, x, w / 2, lo, g[0], mid) + panel(a, x + w / 2, w / 2, mid, g[1], hi);
}

double ax_act_gain(const ax_act *a)
{
    if (a->row->kind == AX_ACT_VECTOR)
        return 1.0;
    double sum = 0.0;
    for (double x = -REACH; x < REACH; x += WIDTH) {
        double ends[2] = {x, x + WIDTH}, middle[2] = {x + WIDTH / 2, 0}, g[2], m[2];
        integrand(a, ends, g);
        integrand(a, middle, m);
        sum += panel(a, x, WIDTH, g[0], m[0], g[1]);
    }
    return sum > 0.0 && isfinite(sum) ? 1.0 / sqrt(sum) : 1.0;
}
