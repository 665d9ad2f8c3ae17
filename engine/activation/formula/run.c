/* run.c - programs over stretches of numbers.
 *
 * A block of elements is converted to doubles, goes through all instructions while it lies in the
 * first-level cache, and is rounded once. Where a NaN comes out though x is a number, or an
 * infinity though x is finite, something inside may have overflowed: the element is computed again
 * with exponents that do not end (wide.c). */
#include <math.h>
#include <string.h>

#include "activation/formula/impl.h"
#include "activation/formula/vm.h"

double formula_apply(int op, double a, double b, double c, int n)
{
    double x[3][16], y[16];
    const double v[3] = {a, b, c};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 16; i++)
            x[k][i] = v[k];
    formula_vm_get()->op[op](y, x[0], x[1], x[2], 0, n, 16);
    return y[0];
}

static void scalars(const program *p, const double *param, double *s)
{
    for (int i = 0; i < p->params; i++) /* of none param may be NULL */
        s[i] = param[i];
    memcpy(s + p->params, p->constant, (size_t)p->constants * sizeof *s);
    for (int i = 0; i < p->uniforms; i++) {
        const instr *in = &p->uniform[i];
        double v[3] = {0};
        for (int k = 0; k < formula_op[in->op].args; k++)
            v[k] = s[in->arg[k] - SCALAR];
        s[in->dst - SCALAR] = formula_apply(in->op, v[0], v[1], v[2], in->n);
    }
}

static size_t block_of(const program *p)
{
    size_t b = FRAME / (size_t)p->registers / 16 * 16;
    return b < BLOCK_MOST ? b : BLOCK_MOST;
}

/* One block; x is in the first register, the result where it is said. */
static const double *block(const program *p, const formula_vm *vm, const double *s, double *frame,
                           size_t stride, size_t len)
{
    for (int i = 0; i < p->codes; i++) {
        const instr *in = &p->code[i];
        const double *arg[3];
        int single = 0;
        for (int k = 0; k < 3; k++) {
            int at = in->arg[k];
            single |= (at >= SCALAR) << k;
            arg[k] = at >= SCALAR ? s + (at - SCALAR) : frame + (size_t)at * stride;
        }
        vm->op[in->op](frame + in->dst * stride, arg[0], arg[1], arg[2], single, in->n, len);
    }
    return p->out >= SCALAR ? s + (p->out - SCALAR) : frame + p->out * stride;
}

/* What f tends to at an infinity: that on which eight numbers far beyond all float32 agree, 0 if
 * they go there, else NaN. */
static double limit(const program *p, const double *s, double x)
{
    static const double far[] = {1, 1.22, 1.48, 1.17, 1.57, 1.36, 1.89, 1};
    double first = 0;
    int same = 1, fading = 1, one_side = 1;
    for (int i = 0; i < 8; i++) {
        double y = formula_wide(p, s, copysign(far[i], x), 400 + 80 * i);
        float v = (float)y, w = (float)first;
        if (i == 0) {
            first = y;
            fading = fabs(y) < 0x1p-60;
            continue;
        }
        same &= v == w && !signbit(v) == !signbit(w);
        fading &= fabs(y) < 0x1p-60;
        one_side &= !signbit(y) == !signbit(first);
    }
    return same ? (double)(float)first : fading ? copysign(0, one_side ? first : 1) : NAN;
}

static double mend(const program *p, const double *s, double x)
{
    return isinf(x) ? limit(p, s, x) : formula_wide(p, s, x, 0);
}

/* a NaN from a number, an infinity from a finite number */
static int suspicious(double v, double x)
{
    return isnan(v) ? !isnan(x) : isinf(v) && isfinite(x);
}

/* y again where x is NaN or v is not to be believed */
static void mend_block(const program *p, const double *s, const double *v, const double *x,
                       const float *dy, float *y, size_t n)
{
    int single = p->out >= SCALAR;
    for (size_t i = 0; i < n; i++) {
        double w = v[single ? 0 : i];
        if (isnan(x[i])) {
            y[i] = (float)x[i];
        } else if (suspicious(w, x[i])) {
            double m = mend(p, s, x[i]);
            y[i] = (float)(dy ? dy[i] * m : m);
        }
    }
}

/* y = f(x), or dy f(x) */
static void run(const program *p, const double *param, const float *x, const float *dy, float *y,
                size_t n)
{
    _Alignas(64) double frame[FRAME];
    double s[SCALARS_MOST];
    const formula_vm *vm = formula_vm_get();
    size_t stride = block_of(p);
    scalars(p, param, s);
    for (size_t i = 0; i < n; i += stride) {
        size_t m = n - i < stride ? n - i : stride;
        float slope[BLOCK_MOST]; /* dy may be y */
        vm->load(x + i, frame, m);
        const double *v = block(p, vm, s, frame, stride, (m + 15) / 16 * 16);
        if (dy)
            memcpy(slope, dy + i, m * sizeof *slope);
        if (vm->store(v, p->out >= SCALAR, frame, dy ? slope : NULL, y + i, m))
            mend_block(p, s, v, frame, dy ? slope : NULL, y + i, m);
    }
}

void ax_formula_run(const ax_formula *f, int which, const double *p, const float *x, float *y,
                    size_t n)
{
    run(&f->program[which], p, x, NULL, y, n);
}

void ax_formula_backward(const ax_formula *f, const double *p, const float *x, const float *dy,
                         float *dx, size_t n)
{
    run(&f->program[AX_FORMULA_DX], p, x, dy, dx, n);
}

/* doubles to y, with NaN where x has one */
static void run_double(const program *p, const double *s, double *frame, const double *x, double *y,
                       size_t n)
{
    size_t stride = block_of(p);
    for (size_t i = 0; i < n; i += stride) {
        size_t m = n - i < stride ? n - i : stride;
        memset(frame + m / 16 * 16, 0, (m % 16 ? 16 : 0) * sizeof *frame);
        memcpy(frame, x + i, m * sizeof *frame);
        const double *v = block(p, formula_vm_get(), s, frame, stride, (m + 15) / 16 * 16);
        for (size_t k = 0; k < m; k++) {
            double r = v[p->out >= SCALAR ? 0 : k];
            y[i + k] = isnan(frame[k])           ? frame[k]
                       : suspicious(r, frame[k]) ? mend(p, s, frame[k])
                                                 : r;
        }
    }
}

void ax_formula_run_double(const ax_formula *f, int which, const double *p, const double *x,
                           double *y, size_t n)
{
    _Alignas(64) double frame[FRAME];
    double s[SCALARS_MOST];
    scalars(&f->program[which], p, s);
    run_double(&f->program[which], s, frame, x, y, n);
}

/* Eight sums side by side, element i to sum i mod 8, added up at the end: an order that neither the
 * instruction set nor the block has a say in. */
double ax_formula_param_grad(const ax_formula *f, int param, const double *p, const float *x,
                             const float *dy, size_t n)
{
    _Alignas(64) double frame[FRAME];
    const program *q = &f->program[AX_FORMULA_DP + param];
    double s[SCALARS_MOST], in[BLOCK_MOST], out[BLOCK_MOST], sum[8] = {0};
    scalars(q, p, s);
    for (size_t i = 0; i < n; i += BLOCK_MOST) {
        size_t m = n - i < BLOCK_MOST ? n - i : BLOCK_MOST;
        for (size_t k = 0; k < m; k++)
            in[k] = (double)x[i + k];
        run_double(q, s, frame, in, out, m);
        for (size_t k = 0; k < m; k++)
            sum[k % 8] += (double)dy[i + k] * out[k];
    }
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}
