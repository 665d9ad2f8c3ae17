/* gated.isa.c - x times a gate that opens from 0 to 1.
 *
 * Each f' has one irrational root, at the minimum of f, and f'' one on either side; there the
 * formulas cancel and near_root() takes over. Left of the clamps the product with e^x is below half
 * the smallest float32. */
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
    vd low = at_least(x, -120.0);
    return gate(low, exp_ratio(at_most(low, 40.0)));
}

INLINE vd silu_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 60.0), -120.0);
    return near_root(&ROOT_SILU_D, x, gate_slope(t, exp_ratio(t)));
}

INLINE vd silu_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(minus_magnitude(x), -120.0);
    return near_root(&ROOT_SILU_DD, magnitude(x), gate_curve(all(2.0), t, exp_ratio(t)));
}

KERNEL(silu)

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

/* x Phi(x), Phi from the tail on either side so that nothing cancels */
INLINE vd gelu_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -15.0), t = at_most(magnitude(x), 15.0);
    ratio e = exp_ratio(-0.5 * (t * t)), m = normal_tail(t);
    vd tail = e.a * m.a / (e.b * m.b);
    return low * pick((vl)(x > 0.0), 1.0 - tail, tail);
}

/* Phi(x) + x phi(x) = h left of 0 and 1 - h right of it, h = P(Z > t) - t phi(t), t = |x| */
INLINE vd gelu_d(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 15.0);
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

KERNEL(gelu)

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
