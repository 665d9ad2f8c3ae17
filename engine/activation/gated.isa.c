/* gated.isa.c - x times a gate that opens from 0 to 1.
 *
 * Each f' has one irrational root, at the minimum of f, and f'' one on either side; there the
 * formulas cancel and near_root() takes over. Left of the clamps the product with e^x is below half
 * the smallest float32; those of silu and gelu, which gate linear units, lie so far out that it is
 * after a product with the largest float32. */
#include "activation/halves.h"
#include "activation/refine.h"
#include "activation/roots.h"

/* x sigma(z) with z(x) close to x or steeper: f' = sigma (1 + w c), w = x z'(x), c = 1 - sigma */
INLINE vd gate(vd x, ratio e)
{
    return x * e.a / (e.a + e.b);
}

INLINE vd gate_slope(vd w, ratio e)
{
    vd s = e.a + e.b;
    return e.a * (e.a + e.b * (w + 1.0)) / (s * s);
}

/* f'' = sigma c (2 z' + x z'' + x z'^2 (c - sigma)); straight is 2 z' + x z'', bend is x z'^2 */
INLINE vd gate_curve(vd straight, vd bend, ratio e)
{
    vd s = e.a + e.b;
    return e.a * e.b * (straight * s + bend * (e.b - e.a)) / (s * s * s);
}

INLINE vd silu_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -200.0);
    return gate(low, exp_ratio(at_most(low, 40.0)));
}

INLINE vd silu_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 60.0), -200.0);
    return near_root(&ROOT_SILU_D, x, gate_slope(t, exp_ratio(t)));
}

/* silu''(z), even */
INLINE vd silu_curve(pair z)
{
    pair far = pair_magnitude(z);
    vd t = at_least(-far.hi, LOWEST);
    return near_root_pair(&ROOT_SILU_DD, far, gate_curve(all(2.0), t, exp_ratio(t)));
}

INLINE vd silu_dd(vd x, const double *p)
{
    (void)p;
    return silu_curve(whole(x));
}

KERNEL(silu)

GATED(swiglu, itself, silu, 1, 0)

/* p: beta */
INLINE vd e_swish_f(vd x, const double *p)
{
    return p[0] * silu_f(x, p);
}

INLINE vd e_swish_d(vd x, const double *p)
{
    return p[0] * silu_d(x, p);
}

INLINE vd e_swish_dd(vd x, const double *p)
{
    return p[0] * silu_dd(x, p);
}

KERNEL(e_swish)

/* p: beta. x sigma(z) with z = beta x, exact as a pair: f' = silu'(z), f'' = beta silu''(z) */
INLINE vd swish_f(vd x, const double *p)
{
    vd far = tamed(x);
    return gate(far, exp_ratio(at_least(at_most(p[0] * far, 60.0), LOWEST)));
}

INLINE vd swish_d(vd x, const double *p)
{
    pair z = two_product(tamed(x), all(p[0]));
    vd t = at_least(at_most(z.hi, 60.0), LOWEST);
    return near_root_pair(&ROOT_SILU_D, z, gate_slope(t, exp_ratio(t)));
}

INLINE vd swish_dd(vd x, const double *p)
{
    return p[0] * silu_curve(two_product(tamed(x), all(p[0])));
}

KERNEL(swish)

/* p: alpha, limit. The value is 1 + a, a cut off at +-limit; the gate swish of min(b, limit) */
INLINE vd oai_value_f(vd x, const double *p)
{
    return at_least(at_most(x, p[1]), -p[1]) + 1.0;
}

INLINE vd oai_value_d(vd x, const double *p)
{
    return zero_where((vl)(magnitude(x) >= p[1]), pick((vl)(x == x), all(1.0), x));
}

INLINE vd oai_gate_f(vd x, const double *p)
{
    return swish_f(at_most(x, p[1]), p);
}

INLINE vd oai_gate_d(vd x, const double *p)
{
    return zero_where((vl)(x >= p[1]), swish_d(x, p));
}

GATED(swiglu_oai, oai_value, oai_gate, 0, 2)

/* z = 2 sqrt(2/pi) (x + 0.044715 x^3) */
#define GELU_TANH_1 1.5957691216057307118
#define GELU_TANH_3 0.071354816272600248776

INLINE vd gelu_tanh_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -12.0), t = at_most(low, 12.0);
    return gate(low, exp_ratio(t * (t * t * GELU_TANH_3 + GELU_TANH_1)));
}

INLINE vd gelu_tanh_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 12.0), -12.0), t2 = t * t;
    ratio e = exp_ratio(t * (t2 * GELU_TANH_3 + GELU_TANH_1));
    vd w = t * (t2 * (3.0 * GELU_TANH_3) + GELU_TANH_1);
    return near_root(&ROOT_GELU_TANH_D, x, gate_slope(w, e));
}

INLINE vd gelu_tanh_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(minus_magnitude(x), -12.0), t2 = t * t;
    ratio e = exp_ratio(t * (t2 * GELU_TANH_3 + GELU_TANH_1));
    vd slope = t2 * (3.0 * GELU_TANH_3) + GELU_TANH_1;
    vd curve = gate_curve(2.0 * slope + t2 * (6.0 * GELU_TANH_3), t * slope * slope, e);
    return near_root(&ROOT_GELU_TANH_DD, magnitude(x), curve);
}

KERNEL(gelu_tanh)

/* The tail of normal_tail() with two coefficients fewer, for where nothing is subtracted from it:
 * P(Z > t) = e^(-t^2/2) a/b, 2^-39 for 0 <= t <= 17 and 2^-33 to t = 20. At 0 it is below 1/2 by
 * 2^-50, so that the ties of x/2 at tiny x fall to the side of the true result. */
#define TAIL_STEP(sum, c) EACH_OF(n) sum[j] = sum[j] * t[j] + c
INLINE void tail_abreast(const vd *t, vd *a, vd *b, int n)
{
    EACH_OF(n) a[j] = t[j] * 0x1.9884558f5aed3p-2 + 0x1.a3840570be628p+2;
    TAIL_STEP(a, 0x1.99d5ff81cdb6bp+5);
    TAIL_STEP(a, 0x1.deaeebc55b496p+7);
    TAIL_STEP(a, 0x1.5f843b9bed302p+9);
    TAIL_STEP(a, 0x1.36cf87b2b8213p+10);
    TAIL_STEP(a, 0x1.0dae320b8b416p+10);
    EACH_OF(n) b[j] = t[j] + 0x1.06e481c344269p+4;
    TAIL_STEP(b, 0x1.02d373d481242p+7);
    TAIL_STEP(b, 0x1.34306e91ed0acp+9);
    TAIL_STEP(b, 0x1.d822b6c5f3d06p+10);
    TAIL_STEP(b, 0x1.cc97cd739ef6ap+11);
    TAIL_STEP(b, 0x1.06fe052ab9473p+12);
    TAIL_STEP(b, 0x1.0dae320b8b41ap+11);
}

/* t P(Z > t), 0 <= t <= 20. e^(-t^2/2) is exp_ratio() with r halved and turned, which saves a
 * product: r here is t^2 - 2 k ln2, so half_tanh()'s coefficients appear times powers of two. */
INLINE void tail_area(vd *t, int n)
{
    vd a[ABREAST], b[ABREAST], k[ABREAST], r[ABREAST], w[ABREAST];
    tail_abreast(t, a, b, n);
    EACH_OF(n) a[j] *= t[j];
    EACH_OF(n) t[j] *= t[j];
    EACH_OF(n) k[j] = t[j] * (-0.5 * LOG2E) + ROUNDER;
    EACH_OF(n) r[j] = t[j] + (k[j] - ROUNDER) * (2.0 * LN2);
    EACH_OF(n) a[j] *= (vd)((vu)k[j] << 52);
    EACH_OF(n) w[j] = r[j] * r[j];
    EACH_OF(n) r[j] *= w[j] * 0x1.40369a73678b9p+5 + 0x1.a4666fa1fe568p+12;
    EACH_OF(n) w[j] = (w[j] + 0x1.6851f107e3e5dp+9) * w[j] + 0x1.a4666fa1fe73cp+14;
    EACH_OF(n) t[j] = a[j] * (w[j] - r[j]) / (b[j] * (w[j] + r[j]));
}

/* x Phi(x) = max(x, 0) - |x| P(Z > |x|): nothing cancels */
INLINE vd gelu_f(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 20.0);
    tail_area(&t, 1);
    return at_least(x, 0.0) - t;
}

BLOCKWISE gelu_block(const float *x, float *y, const double *p)
{
    (void)p;
    vd t[ABREAST];
    EACH t[j] = at_most(magnitude(load(x + j * LANES)), 20.0);
    tail_area(t, ABREAST);
    EACH store(y + j * LANES, at_least(load(x + j * LANES), 0.0) - t[j]);
}

/* Phi(x) + x phi(x) = h left of 0 and 1 - h right of it, h = P(Z > t) - t phi(t), t = |x| */
INLINE vd gelu_d(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 20.0);
    ratio e = exp_ratio(-0.5 * (t * t)), m = normal_tail(t);
    vd h = e.a * (m.a - t * 0x1.9884533d43651p-2 * m.b) / (e.b * m.b);
    return near_root(&ROOT_GELU_D, x, pick((vl)(x > 0.0), 1.0 - h, h));
}

/* phi(x) (2 - x^2), the difference as a product round the irrational root */
INLINE vd gelu_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 16.0);
    vd left = (0x1.6a09e667f3bcdp+0 - t) - 0x1.bdd3413b26456p-54;
    return exp_poly(-0.5 * (t * t)) * 0x1.9884533d43651p-2 * left * (0x1.6a09e667f3bcdp+0 + t);
}

KERNEL_BLOCK(gelu)

GATED(geglu, itself, gelu, 1, 0)

/* x tanh(softplus(x)) = x n/(n+2) with n = E(E+2), E = e^x = a/b; times b^2 above and below */
INLINE vd mish_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -120.0);
    ratio e = exp_ratio(at_most(low, 40.0));
    vd n = e.a * (e.a + 2.0 * e.b);
    return low * n / (n + 2.0 * (e.b * e.b));
}

/* n/(n+2) + 4 x E (1+E) / (n+2)^2 */
INLINE vd mish_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 60.0), -120.0);
    ratio e = exp_ratio(t);
    vd b2 = e.b * e.b, c = e.a + 2.0 * e.b, m = e.a * c + 2.0 * b2;
    vd top = c * m + 4.0 * t * (e.a + e.b) * b2;
    return near_root(&ROOT_MISH_D, x, e.a * top / (m * m));
}

/* 2 T' + x T'', T = n/(n+2): T' = 4E(1+E)/m^2, T'' = 4E((1+2E) m - 4E(1+E)^2)/m^3, m = n+2 */
INLINE vd mish_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 60.0), -120.0);
    ratio e = exp_ratio(t);
    vd s = e.a + e.b, b2 = e.b * e.b, m = e.a * (e.a + 2.0 * e.b) + 2.0 * b2;
    vd inner = (s + e.a) * m - 4.0 * e.a * (s * s);
    vd curve = 4.0 * e.a * b2 * (2.0 * s * m + t * inner) / (m * m * m);
    return near_root(&ROOT_MISH_DD_1, x, near_root(&ROOT_MISH_DD_2, x, curve));
}

KERNEL(mish)

/* p: p1, p2, beta. f = x (p1 sigma(z) + p2 sigma(-z)), z = beta (p1 - p2) x. With v = e^-|z| the
 * sum is (up v + down)/(1 + v). */
typedef struct acon {
    vd x, up, down;
    pair slope, z; /* p1 - p2, z */
} acon;

INLINE acon acon_at(vd x, const double *p)
{
    acon a = {.x = tamed(x)};
    a.slope = two_sum(all(p[0]), all(-p[1]));
    a.z = pair_scale(pair_scale(a.slope, all(p[2])), a.x);
    vl left = (vl)(a.z.hi < 0.0);
    a.up = pick(left, all(p[0]), all(p[1]));
    a.down = pick(left, all(p[1]), all(p[0]));
    return a;
}

INLINE vd decay(vd z)
{
    return exp_poly(at_least(-magnitude(z), LOWEST));
}

static __attribute__((noinline)) vd acon_c_f_again(vd x, const double *p)
{
    acon a = acon_at(x, p);
    pair v = pair_exp(pair_negate(pair_magnitude(a.z)));
    return pair_plus(pair_scale(v, a.up), whole(a.down)).hi;
}

INLINE vd acon_c_f(vd x, const double *p)
{
    acon a = acon_at(x, p);
    vd v = decay(a.z.hi), rising = a.up * v;
    vd size = magnitude(rising) + magnitude(a.down);
    return a.x * refined(rising + a.down, size, acon_c_f_again, x, p) / (1.0 + v);
}

/* f' = ((up v + down) (1 + v) + (p1 - p2) z v)/(1 + v)^2 */
static __attribute__((noinline)) vd acon_c_d_again(vd x, const double *p)
{
    acon a = acon_at(x, p);
    pair v = pair_exp(pair_negate(pair_magnitude(a.z))), s = pair_plus(v, whole(all(1.0)));
    pair top = pair_times(pair_plus(pair_scale(v, a.up), whole(a.down)), s);
    return pair_plus(top, pair_times(pair_times(a.slope, a.z), v)).hi;
}

INLINE vd acon_c_d(vd x, const double *p)
{
    acon a = acon_at(x, p);
    vd v = decay(a.z.hi), s = 1.0 + v, z = at_least(at_most(a.z.hi, -LOWEST), LOWEST);
    vd rising = a.up * v, bend = a.slope.hi * z * v;
    vd size = (magnitude(rising) + magnitude(a.down)) * s + magnitude(bend);
    return refined((rising + a.down) * s + bend, size, acon_c_d_again, x, p) / (s * s);
}

INLINE vd acon_c_dd(vd x, const double *p)
{
    acon a = acon_at(x, p);
    return p[2] * (a.slope.hi * a.slope.hi) * silu_curve(a.z);
}

KERNEL(acon_c)
