/* activations.c - speed of the element-wise activations: nanoseconds an element, one thread.
 *
 * Usage: activations [NAME...]: only these functions. AXON_ISA chooses. The first columns are for a
 * stretch that stays in the first caches (16 KiB), where the arithmetic shows; the last for 64 MiB,
 * with the time over that of memcpy of the same array, taken in turn with it. Numbers are the best
 * of several runs, in time of the thread: run on a quiet machine, pinned (taskset -c 0). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "activation/activation.h"
#include "math/cpu.h"

enum { NEAR = 4096, FAR = 16 << 20, TIMES_NEAR = 40, TIMES_FAR = 9, REPEAT = 20 };

typedef void evaluate(const ax_act *a, const float *x, float *y, size_t n);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void copy(const ax_act *a, const float *x, float *y, size_t n)
{
    (void)a;
    memcpy(y, x, n * sizeof *y);
}

static double once(evaluate *f, const ax_act *a, const float *x, float *y, size_t n, int repeat)
{
    double start = now();
    for (int i = 0; i < repeat; i++)
        f(a, x, y, n);
    return (now() - start) * 1e9 / ((double)n * repeat);
}

/* nanoseconds an element: the best of several, so that what else the machine does counts less */
static double near(evaluate *f, const ax_act *a, const float *x, float *y)
{
    double best = 1e9;
    for (int i = 0; i < TIMES_NEAR; i++) {
        double t = once(f, a, x, y, NEAR, REPEAT);
        best = t < best ? t : best;
    }
    return best;
}

/* in turn with memcpy, whose time goes to *plain */
static double far(evaluate *f, const ax_act *a, const float *x, float *y, double *plain)
{
    double best = 1e9;
    *plain = 1e9;
    for (int i = 0; i < TIMES_FAR; i++) {
        double c = once(copy, a, x, y, FAR, 1), t = once(f, a, x, y, FAR, 1);
        *plain = c < *plain ? c : *plain;
        best = t < best ? t : best;
    }
    return best;
}

static void bench(const ax_act_row *row, const float *x, float *y)
{
    ax_act a;
    double plain;
    ax_act_by_name(row->name, &a, NULL);
    printf("%-16s %6.3f %6.3f %6.3f", row->name, near(ax_act_forward, &a, x, y),
           near(ax_act_derivative, &a, x, y), near(ax_act_second, &a, x, y));
    double t = far(ax_act_forward, &a, x, y, &plain);
    printf("   %6.3f, copy %6.3f: %4.2f", t, plain, t / plain);
    t = far(ax_act_derivative, &a, x, y, &plain);
    printf("   f' %4.2f\n", t / plain);
    fflush(stdout);
}

static int is_wanted(const char *name, char **wanted)
{
    int any = *wanted != NULL;
    for (; *wanted; wanted++)
        if (!strcmp(name, *wanted))
            return 1;
    return !any;
}

int main(int argc, char **argv)
{
    (void)argc;
    int n;
    const ax_act_row *rows = ax_act_catalog(&n);
    float *x = malloc(FAR * sizeof *x), *y = malloc(FAR * sizeof *y);
    if (!x || !y) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    for (int i = 0; i < FAR; i++) /* -8 to 8, as activations are fed */
        x[i] = (float)((uint32_t)i * 2654435761u >> 8) * 0x1p-20f - 8;
    printf("%s; ns an element\n%-16s %6s %6s %6s   %s\n", ax_isa_name(ax_isa_active()), "16 KiB",
           "f", "f'", "f''", "64 MiB f, over copy");
    for (int i = 0; i < n; i++)
        if (rows[i].kind == AX_ACT_ELEMENT && is_wanted(rows[i].name, argv + 1))
            bench(&rows[i], x, y);
    free(x);
    free(y);
    return 0;
}
