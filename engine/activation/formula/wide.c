/* wide.c - programs once more, one element at a time, with exponents that do not end.
 *
 * exp(x) is beyond all doubles from 710 on, and exp(x)*sech(exp(x))^2 is then inf*0, though its
 * value is plainly 0. Where the fast way gives NaN for a number, the program is run here: a number
 * is m 2^e with e a double of its own. Functions are those of the programs as long as arguments are
 * in their range, and their leading terms beyond. Slow, and rarely needed. */
#include <float.h>
#include <math.h>

#include "activation/formula/impl.h"

/* 1 <= |m| < 2, or m is 0, infinite or NaN. e is integral up to 2^53, then approximate. */
typedef struct wide {
    double m, e;
} wide;

static wide norm(double m, double e)
{
    int shift;
    if (m == 0 || !isfinite(m) || isnan(e))
        return (wide){isnan(e) ? NAN : m, 0};
    m = frexp(m, &shift) * 2;
    e += shift - 1;
    return (wide){m, e > DBL_MAX ? DBL_MAX : e < -DBL_MAX ? -DBL_MAX : e};
}

/* e + f; NaN where nothing is left of what is known of them */
static double together(double e, double f)
{
    double s = e + f, most = fmax(fabs(e), fabs(f));
    return most > 0x1p52 && fabs(s) < 0x1p-40 * most ? NAN : s;
}

static wide of(double v)
{
    return norm(v, 0);
}

/* as a double: 0 or infinity where it has no room */
static double narrow(wide a)
{
    return ldexp(a.m, a.e > 3000 ? 3000 : a.e < -3000 ? -3000 : (int)a.e);
}

static wide neg(wide a)
{
    return (wide){-a.m, a.e};
}

static wide mul(wide a, wide b)
{
    return norm(a.m * b.m, together(a.e, b.e));
}

static wide divide(wide a, wide b)
{
    return norm(a.m / b.m, together(a.e, -b.e));
}

static wide add(wide a, wide b)
{
    if (a.m == 0 || (b.m != 0 && isfinite(a.m) && (!isfinite(b.m) || a.e < b.e))) {
        wide t = a;
        a = b;
        b = t;
    }
    if (b.m == 0 || !isfinite(a.m))
        return isfinite(a.m) ? a : of(a.m + b.m);
    double gap = a.e - b.e;
    if (gap <= 200 && fabs(a.e) > 0x1p52 && a.m * b.m < 0) /* what is left is unknown, or tiny */
        return a.e < 0 ? a : of(NAN);
    return norm(a.m + (gap > 200 ? 0 : ldexp(b.m, -(int)gap)), a.e);
}

/* < 0, 0, > 0; NaN is the caller's */
static int compare(wide a, wide b)
{
    wide d = add(a, neg(b));
    if (!isfinite(a.m) && a.m == b.m)
        return 0;
    return (d.m > 0) - (d.m < 0);
}

static wide fast(int op, wide a)
{
    return of(formula_apply(op, narrow(a), 0, 0, 0));
}

static int within(wide a, double most)
{
    return fabs(narrow(a)) < most;
}

static wide exponential(wide a)
{
    if (within(a, 700) || !isfinite(a.m))
        return fast(OP_EXP, a);
    double v = narrow(a), k = floor(v * 0x1.71547652b82fep+0);
    if (fabs(v) > 1e15)
        return norm(1, fmax(fmin(k, DBL_MAX), -DBL_MAX));
    return norm(
        formula_apply(OP_EXP, (v - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33, 0, 0, 0), k);
}

static wide logarithm(wide a)
{
    if (a.m <= 0 || !isfinite(a.m))
        return fast(OP_LOG, a);
    return of(formula_apply(OP_LOG, a.m, 0, 0, 0) + a.e * 0x1.62e42fefa39efp-1);
}

static wide root(wide a)
{
    double odd = a.e - 2 * floor(a.e / 2);
    return a.m > 0 && isfinite(a.m) ? norm(sqrt(a.m * (1 + odd)), (a.e - odd) / 2) : of(sqrt(a.m));
}

static wide power_int(wide a, int n)
{
    wide r = of(1);
    for (; n; n >>= 1, a = mul(a, a))
        if (n & 1)
            r = mul(r, a);
    return r;
}

static wide power(wide a, wide b)
{
    double v = narrow(a), y = formula_apply(OP_POW, v, narrow(b), 0, 0);
    if (a.m <= 0 || !isfinite(a.m) || (y != 0 && isfinite(y)))
        return of(y);
    return exponential(mul(b, logarithm(a)));
}

/* e^(-c a^2) f/a, the tails of erfc and Phi: f (1 - 1/(2 c a^2) + ...) with 2 c a^2 > 1000 */
static wide tail(wide a, double c, double f)
{
    wide square = mul(a, a);
    double w = 1 / narrow(mul(of(2 * c), square));
    double series = 1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w)));
    return divide(mul(exponential(mul(of(-c), square)), of(f * series)), a);
}

static wide unary(int op, wide a, int n)
{
    double v = narrow(a);
    wide size = (wide){fabs(a.m), a.e};
    switch (op) {
    case OP_NEG:
        return neg(a);
    case OP_ABS:
        return size;
    case OP_POWI:
        return power_int(a, n);
    case OP_EXP:
        return exponential(a);
    case OP_EXPM1:
    case OP_SIGMOID:
    case OP_GATE: /* all but the first are e^x on the left, all but the others on the right */
        if ((op == OP_EXPM1) == (v > 0) && fabs(v) > 700)
            return exponential(a);
        return fast(op, a);
    case OP_LOG:
        return logarithm(a);
    case OP_LOG1P:
        return within(a, 1e300) ? fast(op, a) : logarithm(a);
    case OP_SQRT:
        return root(a);
    case OP_CBRT:
        return within(a, 1e300) && !within(a, 1e-300)
                   ? fast(op, a)
                   : (wide){copysign(1, a.m) * power(size, of(1.0 / 3)).m,
                            power(size, of(1.0 / 3)).e};
    case OP_SECH:
        return fabs(v) > 700 ? mul(of(2), exponential(neg(size))) : fast(op, a);
    case OP_SINH:
    case OP_COSH:
        if (fabs(v) < 700)
            return fast(op, a);
        return mul(of(op == OP_SINH ? copysign(0.5, v) : 0.5), exponential(size));
    case OP_SOFTPLUS:
        return v < -700 ? exponential(a) : v > 700 ? a : fast(op, a);
    case OP_LOGCOSH:
        return within(a, 1e300) ? fast(op, a) : size;
    case OP_TANH_SHRINK:
    case OP_FLOOR:
        return within(a, 1e300) ? fast(op, a) : a;
    case OP_ERFC:
        return v > 25 ? tail(a, 1, 0x1.20dd750429b6dp-1) : fast(op, a);
    case OP_NORMAL:
        return v < -35 ? tail(size, 0.5, 0x1.9884533d43651p-2) : fast(op, a);
    case OP_DENSITY:
        return mul(of(0x1.9884533d43651p-2), exponential(mul(of(-0.5), mul(a, a))));
    default: /* bounded functions */
        return fast(op, a);
    }
}

static wide binary(int op, wide a, wide b)
{
    int order;
    switch (op) {
    case OP_ADD:
        return add(a, b);
    case OP_SUB:
        return add(a, neg(b));
    case OP_MUL:
        return mul(a, b);
    case OP_DIV:
        return divide(a, b);
    case OP_POW:
        return power(a, b);
    case OP_ROOT_SUM: {
        wide s = add(root(add(mul(a, a), b)), (wide){fabs(a.m), a.e});
        return a.m < 0 ? divide(b, s) : s;
    }
    case OP_ROOT_LESS:
        return divide(a, add(root(add(a, mul(b, b))), b));
    case OP_AND:
    case OP_OR:
        return of(formula_apply(op, a.m, b.m, 0, 0));
    }
    if (isnan(a.m) || isnan(b.m))
        return of(NAN);
    order = compare(a, b);
    if (op == OP_MIN || op == OP_MAX)
        return (op == OP_MIN) == (order < 0) ? a : b;
    return of(op == OP_LT   ? order < 0
              : op == OP_LE ? order <= 0
              : op == OP_EQ ? order == 0
                            : order != 0);
}

/* -1, -0.5, 0, 0.5 or 1, whichever: what the sine of something endless is worth when one looks for
 * a limit. */
static double anything(unsigned seed)
{
    uint64_t h = (seed + 1) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
    return 0.5 * (double)((h >> 33) % 5) - 1;
}

static int endless(int op, wide a)
{
    return (op == OP_SIN || op == OP_COS || op == OP_TAN) && !(fabs(narrow(a)) < 0x1p200);
}

double formula_wide(const program *p, const double *scalar, double x, int exponent)
{
    wide reg[REGISTERS_MOST];
    reg[0] = norm(x, exponent);
    for (int i = 0; i < p->codes; i++) {
        const instr *in = &p->code[i];
        wide v[3] = {{0, 0}};
        for (int k = 0; k < formula_op[in->op].args; k++)
            v[k] = in->arg[k] >= SCALAR ? of(scalar[in->arg[k] - SCALAR]) : reg[in->arg[k]];
        if (in->op == OP_SELECT)
            reg[in->dst] = isnan(v[0].m) ? v[0] : v[0].m != 0 ? v[1] : v[2];
        else if (exponent && endless(in->op, v[0]) && !isnan(v[0].m))
            reg[in->dst] = of(anything((unsigned)(exponent * 4099 + i)));
        else if (formula_op[in->op].args == 1)
            reg[in->dst] = unary(in->op, v[0], in->n);
        else
            reg[in->dst] = binary(in->op, v[0], v[1]);
    }
    return p->out >= SCALAR ? scalar[p->out - SCALAR] : narrow(reg[p->out]);
}
