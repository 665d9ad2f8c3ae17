/* vm.isa.c - the operations of programs: loops over blocks round the primitives of the kernels. */
#include "activation/formula/vm.h"
#include "activation/formula/vm_prims.h"

INLINE vd get(const double *p)
{
    vd v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void set(double *p, vd v)
{
    memcpy(p, &v, sizeof v);
}

#define OPERATION(name)                                                                            \
    static void op_##name(double *d, const double *a, const double *b, const double *c,            \
                          int scalars, int n, size_t len)

/* ---- one argument, never a single number: those are computed once ---- */

/* Several vectors abreast as in lanes.h, the rest of a short block one by one: the same operations.
 */
#define UNARY(name, result)                                                                        \
    OPERATION(name)                                                                                \
    {                                                                                              \
        (void)b, (void)c, (void)scalars, (void)n;                                                  \
        size_t i = 0;                                                                              \
        for (; len - i >= BLOCK; i += BLOCK) {                                                     \
            vd v[ABREAST];                                                                         \
            EACH v[j] = get(a + i + j * LANES);                                                    \
            EACH                                                                                   \
            {                                                                                      \
                vd x = v[j];                                                                       \
                v[j] = result;                                                                     \
            }                                                                                      \
            EACH set(d + i + j * LANES, v[j]);                                                     \
        }                                                                                          \
        for (; i < len; i += LANES) {                                                              \
            vd x = get(a + i);                                                                     \
            set(d + i, result);                                                                    \
        }                                                                                          \
    }

UNARY(NEG, -x)
UNARY(NOT, 1.0 - x)
UNARY(POWI, power_int(x, n))
UNARY(EXP, exp_full(x))
UNARY(EXPM1, expm1_full(x))
UNARY(LOG, log_full(x))
UNARY(LOG1P, log1p_full(x))
UNARY(SQRT, square_root(x))
UNARY(CBRT, cbrt_any(x))
UNARY(ABS, magnitude(x))
UNARY(SIGN, sign_any(x))
UNARY(FLOOR, floor_any(x))
UNARY(SIN, sine(whole(x)))
UNARY(COS, cosine(whole(x)))
UNARY(TAN, tan_any(x))
UNARY(ATAN, atan_full(x))
UNARY(SINH, sinh_any(x))
UNARY(COSH, cosh_any(x))
UNARY(TANH, tanh_of(x))
UNARY(SECH, sech_any(x))
UNARY(LOGCOSH, logcosh_of(x))
UNARY(SIGMOID, sigmoid_any(x))
UNARY(SOFTPLUS, softplus_any(x))
UNARY(TANH_SHRINK, tanh_shrink_full(x))
UNARY(ERF, erf_full(x))
UNARY(ERFC, erfc_full(x))
UNARY(NORMAL, normal_full(x))
UNARY(DENSITY, density_any(x))
UNARY(GATE, gate_any(x))

/* ---- two arguments, one of which may be a single number ---- */

#define BINARY_LOOP(first, second, result)                                                         \
    for (size_t i = 0; i < len; i += LANES) {                                                      \
        vd x = first, y = second;                                                                  \
        set(d + i, result);                                                                        \
    }

#define BINARY(name, result)                                                                       \
    OPERATION(name)                                                                                \
    {                                                                                              \
        (void)c, (void)n;                                                                          \
        if (scalars & 1) {                                                                         \
            vd one = all(*a);                                                                      \
            BINARY_LOOP(one, get(b + i), result)                                                   \
        } else if (scalars & 2) {                                                                  \
            vd one = all(*b);                                                                      \
            BINARY_LOOP(get(a + i), one, result)                                                   \
        } else {                                                                                   \
            BINARY_LOOP(get(a + i), get(b + i), result)                                            \
        }                                                                                          \
    }

/* A truth is 1 or 0, or NaN where one of the arguments is: NaN in gives NaN out. */
INLINE vd truth(vl mask, vd x, vd y)
{
    vd t = (vd)(mask & (vl)all(1.0));
    return pick((vl)(x != x) | (vl)(y != y), x + y, t);
}

BINARY(ADD, x + y)
BINARY(SUB, x - y)
BINARY(MUL, x *y)
BINARY(DIV, x / y)
BINARY(LT, truth((vl)(x < y), x, y))
BINARY(LE, truth((vl)(x <= y), x, y))
BINARY(EQ, truth((vl)(x == y), x, y))
BINARY(NE, truth((vl)(x != y), x, y))
BINARY(AND, x *y)
BINARY(OR, x + y - x * y)
BINARY(MIN, pick((vl)(x < y) | (vl)(x != x), x, y))
BINARY(MAX, pick((vl)(x > y) | (vl)(x != x), x, y))
BINARY(POW, power_any(x, y))
BINARY(ROOT_SUM, root_sum_any(x, y))
BINARY(ROOT_LESS, root_less_any(x, y))

OPERATION(SELECT)
{
    (void)n;
    for (size_t i = 0; i < len; i += LANES) {
        vd condition = scalars & 1 ? all(*a) : get(a + i);
        vd yes = scalars & 2 ? all(*b) : get(b + i), no = scalars & 4 ? all(*c) : get(c + i);
        set(d + i,
            pick((vl)(condition == condition), pick((vl)(condition != 0.0), yes, no), condition));
    }
}

/* ---- in and out ---- */

static void load_block(const float *x, double *d, size_t n)
{
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        set(d + i, load(x + i));
    for (; i < (n + 15) / 16 * 16; i++)
        d[i] = i < n ? (double)x[i] : 0.0;
}

/* v - v is 0 for finite v alone */
INLINE vl unusual(vd v)
{
    return (vl)(v - v);
}

static int store_block(const double *v, int scalar, const double *x, const float *dy, float *y,
                       size_t n)
{
    vl odd = {0};
    size_t i = 0;
    for (; n - i >= LANES; i += LANES) {
        vd out = scalar ? all(*v) : get(v + i);
        odd |= unusual(out) | unusual(get(x + i));
        store(y + i, dy ? load(dy + i) * out : out);
    }
    if (i < n) {
        float t[LANES] = {0};
        vd out = scalar ? all(*v) : get(v + i);
        odd |= unusual(out) | unusual(get(x + i));
        if (dy)
            memcpy(t, dy + i, (n - i) * sizeof *t);
        store(t, dy ? load(t) * out : out);
        memcpy(y + i, t, (n - i) * sizeof *t);
    }
    return some(odd);
}

#define OP_ENTRY(name) [OP_##name] = op_##name,
#define PASTE(isa)     formula_vm_##isa
#define TABLE(isa)     PASTE(isa)

const formula_vm TABLE(AX_ISA) = {
    .op = {OP_ENTRY(ADD) OP_ENTRY(SUB) OP_ENTRY(MUL) OP_ENTRY(DIV) OP_ENTRY(NEG) OP_ENTRY(POWI)
               OP_ENTRY(LT) OP_ENTRY(LE) OP_ENTRY(EQ) OP_ENTRY(NE) OP_ENTRY(AND) OP_ENTRY(OR)
                   OP_ENTRY(NOT) OP_ENTRY(SELECT) OP_ENTRY(EXP) OP_ENTRY(EXPM1) OP_ENTRY(LOG)
                       OP_ENTRY(LOG1P) OP_ENTRY(SQRT) OP_ENTRY(CBRT) OP_ENTRY(POW) OP_ENTRY(ABS)
                           OP_ENTRY(SIGN) OP_ENTRY(FLOOR) OP_ENTRY(MIN) OP_ENTRY(MAX) OP_ENTRY(SIN)
                               OP_ENTRY(COS) OP_ENTRY(TAN) OP_ENTRY(ATAN) OP_ENTRY(SINH)
                                   OP_ENTRY(COSH) OP_ENTRY(TANH) OP_ENTRY(SECH) OP_ENTRY(LOGCOSH)
                                       OP_ENTRY(SIGMOID) OP_ENTRY(SOFTPLUS) OP_ENTRY(TANH_SHRINK)
                                           OP_ENTRY(ERF) OP_ENTRY(ERFC) OP_ENTRY(NORMAL)
                                               OP_ENTRY(DENSITY) OP_ENTRY(GATE) OP_ENTRY(ROOT_SUM)
                                                   OP_ENTRY(ROOT_LESS)},
    .load = load_block,
    .store = store_block,
};
