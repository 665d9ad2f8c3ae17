/* exact.c - a formula in 113 bits with its derivatives, as the independent judge of the programs.
 *
 * The graph is walked with jets: no derivative that derive.c made is looked at. Each number carries
 * a bound of its error, so the judge knows where cancellation has eaten its own digits; there the
 * stable graph is asked, which differs from the written one by the rules of rewrite.c alone. */
#include <stdlib.h>

#include "activation/formula/ball.h"
#include "activation/formula/exact.h"

static jet number(ball v)
{
    return (jet){v, ball_exact(0), ball_exact(0)};
}

static jet jet_add(jet a, jet b)
{
    return (jet){ball_add(a.v, b.v), ball_add(a.d, b.d), ball_add(a.dd, b.dd)};
}

static jet jet_neg(jet a)
{
    return (jet){ball_neg(a.v), ball_neg(a.d), ball_neg(a.dd)};
}

static jet jet_mul(jet a, jet b)
{
    ball cross = ball_scale(2, ball_mul(a.d, b.d));
    return (jet){ball_mul(a.v, b.v), ball_add(ball_mul(a.d, b.v), ball_mul(a.v, b.d)),
                 ball_add(cross, ball_add(ball_mul(a.dd, b.v), ball_mul(a.v, b.dd)))};
}

static jet jet_div(jet a, jet b)
{
    ball q = ball_div(a.v, b.v);
    ball d = ball_div(ball_sub(a.d, ball_mul(q, b.d)), b.v);
    ball bend = ball_add(ball_scale(2, ball_mul(d, b.d)), ball_mul(q, b.dd));
    return (jet){q, d, ball_div(ball_sub(a.dd, bend), b.v)};
}

/* g(a) with g, g' and g'' at a */
static jet chain(ball g, ball g1, ball g2, jet a)
{
    return (jet){g, ball_mul(g1, a.d),
                 ball_add(ball_mul(g2, ball_mul(a.d, a.d)), ball_mul(g1, a.dd))};
}

/* ---- functions with their slopes as balls ---- */

static ball within(ball a, double most)
{
    return a.v > (quad)most    ? ball_exact((quad)most)
           : a.v < (quad)-most ? ball_exact((quad)-most)
                               : a;
}

static ball reciprocal(ball a)
{
    return ball_div(ball_exact(1), a);
}

static ball sigmoid(ball a)
{
    return reciprocal(ball_add(ball_exact(1), ball_exp(ball_neg(within(a, 11000)))));
}

static ball tanh_of(ball a)
{
    quad c = cosh_q(within(a, 5000).v);
    return ball_of(tanh_q(a.v), 1 / (c * c), within(a, 5000));
}

static ball sech(ball a)
{
    ball t = within(a, 11000), e = ball_exp((ball){-fabs_q(t.v), t.e});
    return ball_div(ball_scale(2, e), ball_add(ball_exact(1), ball_mul(e, e)));
}

static ball square(ball a)
{
    return ball_mul(a, a);
}

static ball softplus(ball a)
{
    ball u = ball_exp((ball){-fabs_q(within(a, 11000).v), within(a, 11000).e});
    quad v = (a.v > 0 ? a.v : 0) + log1p_q(u.v);
    return ball_of(v, sigmoid(a).v, a);
}

static ball logcosh(ball a)
{
    quad t = fabs_q(a.v), s = sinh_q(t < 1 ? t / 2 : 0);
    quad ln2 =
        (quad)0x1.62e42fefa39efp-1 + (quad)0x1.abc9e3b39803fp-56 + (quad)0x1.7b57a079a1934p-111;
    quad v = t < 1 ? log1p_q(2 * s * s) : t + log1p_q(exp_q(-2 * t)) - ln2;
    return ball_of(v, tanh_q(a.v), a);
}

/* x^3/3 - 2x^5/15 + ... where x - tanh x would cancel */
static ball tanh_shrink(ball a)
{
    static const double c[][2] = {{1, 3},      {-2, 15},       {17, 315},
                                  {-62, 2835}, {1382, 155925}, {-21844, 6081075}};
    quad w = a.v * a.v, s = 0, t = tanh_q(a.v);
    if (fabs_q(a.v) > (quad)0.01)
        return ball_sub(a, tanh_of(a));
    for (int i = 5; i >= 0; i--)
        s = s * w + (quad)c[i][0] / (quad)c[i][1];
    ball y = ball_of(a.v * w * s, t * t, a);
    y.e += fabs_q(y.v) * (quad)0x1p-80;
    return y;
}

#define TWO_OVER_SQRT_PI                                                                           \
    ball_exact((quad)0x1.20dd750429b6dp+0 + (quad)0x1.1ae3a914fed80p-56 +                          \
               (quad)-0x1.3cbbebf65f145p-111)
#define ROOT_HALF                                                                                  \
    ((quad)0x1.6a09e667f3bcdp-1 - (quad)0x1.bdd3413b26456p-55 + (quad)0x1.57d3e3adec175p-109)

static ball bell(ball a)
{
    return ball_mul(TWO_OVER_SQRT_PI, ball_exp(ball_neg(square(a))));
}

static ball density(ball a)
{
    ball u = ball_mul(a, ball_exact(ROOT_HALF));
    return ball_mul(ball_scale(0.5, bell(u)), ball_exact(ROOT_HALF));
}

static ball normal(ball a)
{
    return ball_of(erfc_q(-a.v * ROOT_HALF) / 2, density(a).v, a);
}

static ball sign_of(ball a)
{
    if (!(fabs_q(a.v) > a.e) && a.e > 0)
        return ball_unknown();
    return ball_exact((a.v > 0) - (a.v < 0));
}

static jet unary(int op, jet a, int n);

static jet trigonometric(int op, jet a)
{
    ball s = ball_of(sin_q(a.v.v), cos_q(a.v.v), a.v), c = ball_of(cos_q(a.v.v), sin_q(a.v.v), a.v);
    jet sine = chain(s, c, ball_neg(s), a), cosine = chain(c, ball_neg(s), ball_neg(c), a);
    return op == OP_SIN ? sine : op == OP_COS ? cosine : jet_div(sine, cosine);
}

static jet hyperbolic(int op, jet a)
{
    ball s = ball_of(sinh_q(a.v.v), cosh_q(a.v.v), a.v);
    ball c = ball_of(cosh_q(a.v.v), sinh_q(a.v.v), a.v);
    return op == OP_SINH ? chain(s, c, s, a) : chain(c, s, c, a);
}

static jet saturating(int op, jet a)
{
    ball x = a.v, s = sigmoid(x), c = sigmoid(ball_neg(x)), t = tanh_of(x), h = sech(x);
    ball h2 = square(h), t2 = square(t), sc = ball_mul(s, c);
    ball half = tanh_of(ball_scale(0.5, x));
    switch (op) {
    case OP_SIGMOID:
        return chain(s, sc, ball_neg(ball_mul(sc, half)), a);
    case OP_SOFTPLUS:
        return chain(softplus(x), s, sc, a);
    case OP_TANH:
        return chain(t, h2, ball_scale(-2, ball_mul(t, h2)), a);
    case OP_SECH:
        return chain(h, ball_neg(ball_mul(h, t)), ball_mul(h, ball_sub(t2, h2)), a);
    case OP_LOGCOSH:
        return chain(logcosh(x), t, h2, a);
    default:
        return chain(tanh_shrink(x), t2, ball_scale(2, ball_mul(t, h2)), a);
    }
}

static jet gaussian(int op, jet a)
{
    ball x = a.v, f = op == OP_NORMAL || op == OP_DENSITY ? density(x) : bell(x);
    if (op == OP_NORMAL)
        return chain(normal(x), f, ball_neg(ball_mul(x, f)), a);
    if (op == OP_DENSITY)
        return chain(f, ball_neg(ball_mul(x, f)), ball_mul(ball_sub(square(x), ball_exact(1)), f),
                     a);
    ball bend = ball_scale(2, ball_mul(x, f));
    if (op == OP_ERF)
        return chain(ball_of(erf_q(x.v), f.v, x), f, ball_neg(bend), a);
    return chain(ball_of(erfc_q(x.v), f.v, x), ball_neg(f), bend, a);
}

static jet logarithmic(int op, jet a)
{
    ball u = op == OP_LOG1P ? ball_add(ball_exact(1), a.v) : a.v, r = reciprocal(u);
    ball v = op == OP_LOG ? ball_log(u) : ball_of(log1p_q(a.v.v), r.v, a.v);
    return chain(v, r, ball_neg(square(r)), a);
}

static jet roots(int op, jet a)
{
    ball r =
        op == OP_SQRT ? ball_sqrt(a.v) : ball_of(cbrt_q(a.v.v), cbrt_q(a.v.v) / (3 * a.v.v), a.v);
    double k = op == OP_SQRT ? 0.5 : 1;
    ball g1 = ball_div(ball_scale(k, r), op == OP_SQRT ? a.v : ball_scale(3, a.v));
    ball g2 = op == OP_SQRT ? ball_div(ball_scale(-0.5, g1), a.v)
                            : ball_div(ball_scale(-2, g1), ball_scale(3, a.v));
    return chain(r, g1, g2, a);
}

static ball ball_power(ball a, int n)
{
    ball r = ball_exact(1);
    for (int k = n < 0 ? -n : n; k; k--)
        r = ball_mul(r, a);
    return n < 0 ? reciprocal(r) : r;
}

static jet power_int(jet a, int n)
{
    return chain(ball_power(a.v, n), ball_scale(n, ball_power(a.v, n - 1)),
                 ball_scale((double)n * (n - 1), ball_power(a.v, n - 2)), a);
}

static jet power(jet a, jet b)
{
    if (a.v.v > a.v.e)
        return unary(OP_EXP, jet_mul(b, unary(OP_LOG, a, 0)), 0);
    quad n = b.v.v, v = pow_q(a.v.v, n), v1 = n * pow_q(a.v.v, n - 1);
    if (a.v.e != 0 || b.v.e != 0 || b.d.v != 0)
        return number(ball_unknown());
    quad v2 = n * (n - 1) * pow_q(a.v.v, n - 2);
    return chain(ball_of(v, 0, a.v), ball_of(v1, 0, a.v), ball_of(v2, 0, a.v), a);
}

static jet floor_of(ball a)
{
    ball v = ball_exact(floor_q(a.v));
    if (a.e > 0 && floor_q(a.v - a.e) != floor_q(a.v + a.e))
        v = ball_unknown();
    return number(v);
}

static jet unary(int op, jet a, int n)
{
    ball e;
    switch (op) {
    case OP_NEG:
        return jet_neg(a);
    case OP_NOT:
        return jet_add(number(ball_exact(1)), jet_neg(a));
    case OP_POWI:
        return power_int(a, n);
    case OP_EXP:
    case OP_EXPM1:
        e = ball_exp(a.v);
        return chain(op == OP_EXP ? e : ball_of(expm1_q(a.v.v), e.v, a.v), e, e, a);
    case OP_LOG:
    case OP_LOG1P:
        return logarithmic(op, a);
    case OP_SQRT:
    case OP_CBRT:
        return roots(op, a);
    case OP_ABS:
        return chain((ball){fabs_q(a.v.v), a.v.e}, sign_of(a.v), ball_exact(0), a);
    case OP_SIGN:
        return number(sign_of(a.v));
    case OP_FLOOR:
        return floor_of(a.v);
    case OP_SIN:
    case OP_COS:
    case OP_TAN:
        return trigonometric(op, a);
    case OP_ATAN:
        e = reciprocal(ball_add(ball_exact(1), square(a.v)));
        return chain(ball_of(atan_q(a.v.v), e.v, a.v), e, ball_scale(-2, ball_mul(a.v, square(e))),
                     a);
    case OP_SINH:
    case OP_COSH:
        return hyperbolic(op, a);
    case OP_ERF:
    case OP_ERFC:
    case OP_NORMAL:
    case OP_DENSITY:
        return gaussian(op, a);
    case OP_GATE:
        return saturating(OP_TANH, saturating(OP_SOFTPLUS, a));
    default:
        return saturating(op, a);
    }
}

/* ---- conditions ---- */

/* 1 or 0; not known where the errors decide. Where both are equal the slopes are not known: that is
 * said by the error of the derivative. */
static jet comparison(int op, jet a, jet b)
{
    ball d = ball_sub(a.v, b.v);
    jet r = number(ball_exact(op == OP_LT   ? d.v < 0
                              : op == OP_LE ? d.v <= 0
                              : op == OP_EQ ? d.v == 0
                                            : d.v != 0));
    if (d.v == 0)
        r.d = ball_unknown();
    if (!(fabs_q(d.v) > d.e) && d.e > 0)
        r.v = r.d = ball_unknown();
    return r;
}

static jet choice(jet c, jet yes, jet no)
{
    jet r = c.v.v != 0 ? yes : no;
    if (c.v.e != 0)
        r.v.e = (quad)INFINITY;
    if (c.d.e != 0)
        r.d.e = r.dd.e = (quad)INFINITY;
    return r;
}

static jet binary(int op, jet a, jet b)
{
    switch (op) {
    case OP_ADD:
        return jet_add(a, b);
    case OP_SUB:
        return jet_add(a, jet_neg(b));
    case OP_MUL:
        return jet_mul(a, b);
    case OP_DIV:
        return jet_div(a, b);
    case OP_POW:
        return power(a, b);
    case OP_AND:
    case OP_OR: {
        jet r = number(op == OP_AND ? ball_mul(a.v, b.v) : ball_exact(a.v.v != 0 || b.v.v != 0));
        r.v.e = a.v.e + b.v.e;
        r.d.e = a.d.e + b.d.e;
        return r;
    }
    case OP_MIN:
        return choice(comparison(OP_LT, a, b), a, b);
    case OP_MAX:
        return choice(comparison(OP_LT, a, b), b, a);
    case OP_ROOT_SUM: {
        jet r = unary(OP_SQRT, jet_add(jet_mul(a, a), b), 0);
        return a.v.v < 0 ? jet_div(b, jet_add(r, jet_neg(a))) : jet_add(r, a);
    }
    case OP_ROOT_LESS: {
        jet r = unary(OP_SQRT, jet_add(a, jet_mul(b, b)), 0);
        return jet_div(a, jet_add(r, b));
    }
    default:
        return comparison(op, a, b);
    }
}

static jet evaluate(const fnode *n, const jet *at, const double *p, quad x, int by)
{
    jet r;
    switch (n->op) {
    case OP_CONST:
        return number((ball){(quad)n->v + (quad)n->lo, fabs_q((quad)n->lo) * (quad)0x1p-52});
    case OP_VAR:
        r = number(ball_exact(x));
        r.d.v = by == BY_X;
        return r;
    case OP_PARAM:
        r = number(ball_exact((quad)p[n->n]));
        r.d.v = by == n->n;
        return r;
    case OP_SELECT:
        return choice(at[n->arg[0]], at[n->arg[1]], at[n->arg[2]]);
    }
    if (formula_op[n->op].args == 1)
        return unary(n->op, at[n->arg[0]], n->n);
    return binary(n->op, at[n->arg[0]], at[n->arg[1]]);
}

ball formula_ball(const fgraph *g, int root, int which, const double *p, quad x)
{
    jet *at = calloc((size_t)root + 1, sizeof *at), r;
    int by = which >= AX_FORMULA_DP ? which - AX_FORMULA_DP : BY_X;
    if (!at)
        return ball_unknown();
    for (int i = 0; i <= root; i++)
        at[i] = evaluate(&g->node[i], at, p, x, by);
    r = at[root];
    free(at);
    ball b = which == AX_FORMULA_F ? r.v : which == AX_FORMULA_DXX ? r.dd : r.d;
    if (!(b.e >= 0) || b.v != b.v)
        b.e = (quad)INFINITY;
    return b;
}

long double ax_formula_exact(const ax_formula *f, int which, const double *p, double x,
                             long double *off)
{
    ball b = formula_ball(f->written, f->written_root, which, p, x);
    if (b.e > fabs_q(b.v) * (quad)0x1p-60) {
        ball s = formula_ball(f->stable, f->root[AX_FORMULA_F], which, p, x);
        b = s.e < b.e ? s : b;
    }
    if (off)
        *off = (long double)(b.e + fabs_q(b.v) * (quad)0x1p-63);
    return (long double)b.v;
}
