/* gain.c - by how much weights must be scaled so that a layer keeps the size of its signal.
 *
 * E f(Z)^2 and its like for Z ~ N(0,1) by adaptive Simpson quadrature on [-14, 14]. Panels are
 * halved until two halves agree with the whole, so kinks and jumps need not be known: the panel
 * that holds one is halved down to nothing. The first panels are narrow, so that a bump is not
 * overlooked, and what they need is evaluated in one go. All nodes are dyadic, hence exact float32
 * numbers, and the kernels serve a formula as well as a row of the catalogue. */
#include <math.h>

#include "activation/probe.h"

#define REACH  14.0    /* phi(14) is below 1e-43 */
#define WIDTH  0x1p-7  /* of a first panel: what is narrower than a quarter of it may be missed */
#define NARROW 0x1p-20 /* panels are not halved further: a jump then costs 1e-6 of its height */
#define UNSURE 1e-3    /* more than this share in panels that cannot be halved: no integral */
#define NOISE  2e-7    /* float32 rounding of f^2, relative */

/* What is integrated: f or f' of an activation, to a power. */
typedef struct moment {
    const ax_act *act;
    void (*f)(const ax_act *a, const float *x, float *y, size_t n);
    int power;
} moment;

enum { PANELS = (int)(2 * REACH / WIDTH), STEPS = 4, BLOCK = 256 };

/* f(x)^power phi(x) at n <= BLOCK + 1 numbers. A single one without a value counts like its
 * neighbour: log at 0. */
static void integrand(const moment *m, const double *x, double *g, int n)
{
    float in[BLOCK + 1] = {0}, f[BLOCK + 1]; /* gcc 12 does not see at -O1 that n is never 0 */
    for (int i = 0; i < n; i++)
        in[i] = (float)x[i];
    m->f(m->act, in, f, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (!isfinite(f[i])) {
            in[i] = nextafterf(in[i], INFINITY);
            m->f(m->act, &in[i], &f[i], 1);
        }
        double v = m->power == 2 ? (double)f[i] * f[i] : (double)f[i];
        g[i] = v * exp(-0.5 * x[i] * x[i]) * 0.39894228040143267794;
    }
}

/* g: the integrand at the ends and the quarters of [x, x + w]. Depth is at most
 * log2(WIDTH / NARROW) = 13. What two halves differ by where no more halving is done goes to
 * *unsure. */
static double panel(const moment *m, double x, double w, const double g[STEPS + 1], double *unsure)
{
    double whole = (g[0] + 4 * g[2] + g[4]) * w / 6;
    double halves = (g[0] + 4 * g[1] + 2 * g[2] + 4 * g[3] + g[4]) * w / 12;
    double off = fabs(halves - whole);
    if (w <= NARROW || !isfinite(off))
        *unsure += off;
    if (off <= NOISE * fabs(halves) + 1e-11 * w || w <= NARROW || !isfinite(off))
        return halves + (halves - whole) / 15;
    double at[4] = {x + w / 8, x + 3 * w / 8, x + 5 * w / 8, x + 7 * w / 8}, n[4];
    integrand(m, at, n, 4);
    double left[STEPS + 1] = {g[0], n[0], g[1], n[1], g[2]};
    double right[STEPS + 1] = {g[2], n[2], g[3], n[3], g[4]};
    return panel(m, x, w / 2, left, unsure) + panel(m, x + w / 2, w / 2, right, unsure);
}

/* NaN: there is none, or it cannot be told */
static double integral(const moment *m)
{
    double sum = 0, unsure = 0, x[BLOCK + 1], g[BLOCK + 1];
    for (int i = 0; i < PANELS * STEPS; i += BLOCK) {
        for (int k = 0; k <= BLOCK; k++)
            x[k] = -REACH + (i + k) * (WIDTH / STEPS);
        integrand(m, x, g, BLOCK + 1);
        for (int k = 0; k < BLOCK; k += STEPS)
            sum += panel(m, x[k], WIDTH, g + k, &unsure);
    }
    return unsure <= UNSURE * fabs(sum) + 1e-9 ? sum : NAN;
}
_Static_assert(PANELS * STEPS % BLOCK == 0, "blocks are whole");

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
    return sum > 0.0 && isfinite(sum) ? 1.0 / sqrt(sum) : NAN;
}
