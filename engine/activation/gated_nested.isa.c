/* gated_nested.isa.c - gated functions whose gate is a tanh or a logarithm of another function.
 *
 * f = x T(x), f' = T + x T', f'' = 2 T' + x T''. Where T is rational in E = e^x so are the
 * derivatives, and one exponential pays for all. Roots of f' and f'' are in roots.h. */
#include "activation/refine.h"
#include "activation/roots.h"

#define LOW -120.0 /* x e^x is nothing */

/* T = tanh E: T' = E S, T'' = E S (1 - 2 E T), S = sech^2 E = 4 c d/(plus^2) with e^2E = c/d */
INLINE vd telu_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, LOW);
    expm1_parts e = expm1_ratio(2.0 * exp_poly(at_most(low, 4.0)));
    return low * e.minus / e.plus;
}

INLINE vd telu_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 4.6), LOW), power = exp_poly(t);
    expm1_parts e = expm1_ratio(2.0 * power);
    vd top = e.minus * e.plus + 4.0 * t * power * e.a * e.b;
    return near_root(&ROOT_TELU_D, x, top / (e.plus * e.plus));
}

INLINE vd telu_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 4.6), LOW), power = exp_poly(t);
    expm1_parts e = expm1_ratio(2.0 * power);
    vd inner = (2.0 + t) * e.plus - 2.0 * t * power * e.minus;
    vd curve = 4.0 * power * e.a * e.b * inner / (e.plus * e.plus * e.plus);
    return near_root(&ROOT_TELU_DD_1, x, near_root(&ROOT_TELU_DD_2, x, curve));
}

KERNEL(telu)

/* T = erf(s), s = softplus(x): T' = 2/sqrt(pi) e^-s^2 sigma, T'' = T' (1 - sigma - 2 s sigma) */
typedef struct serf_parts {
    vd gate, slope, open, shut, soft; /* T, T', sigma, 1 - sigma, s */
} serf_parts;

INLINE serf_parts serf_at(vd t)
{
    ratio e = exp_ratio(-magnitude(t));
    vl right = (vl)(t > 0.0);
    vd q = 1.0 / (e.a + e.b), small = e.a * q, large = e.b * q;
    serf_parts u = {.open = pick(right, large, small), .shut = pick(right, small, large)};
    u.soft = at_least(t, 0.0) + log1p_ratio(e.a, e.b);
    u.gate = erf_full(u.soft);
    u.slope = 0x1.20dd750429b6dp+0 * exp_poly(-(u.soft * u.soft)) * u.open;
    return u;
}

INLINE vd serf_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, LOW);
    return low * serf_at(at_most(low, 15.0)).gate;
}

INLINE vd serf_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 15.0), LOW);
    serf_parts u = serf_at(t);
    return near_root(&ROOT_SERF_D, x, u.gate + t * u.slope);
}

INLINE vd serf_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 15.0), LOW);
    serf_parts u = serf_at(t);
    vd curve = u.slope * (2.0 + t * (u.shut - 2.0 * u.soft * u.open));
    return near_root(&ROOT_SERF_DD_1, x, near_root(&ROOT_SERF_DD_2, x, curve));
}

KERNEL(serf)

/* p: alpha, beta. f = alpha x T(z), z = beta x; with g(z) = z T(z): f' = alpha g'(z),
 * f'' = alpha beta g''(z). The clamps leave nothing of g, g' - g'(inf) and g'' in float32, whatever
 * the parameters. */
#define HIGH 150.0

INLINE pair inner(vd x, const double *p)
{
    return two_product(tamed(x), all(p[1]));
}

INLINE vd clamped(pair z)
{
    return at_least(at_most(z.hi, HIGH), LOWEST);
}

/* T = tanh(ln(1 + sigma)) = E (2 + 3 E)/m, m = (1 + 2E)^2 + (1 + E)^2:
 * T' = 4 E (1 + E) (1 + 2 E)/m^2, T'' = 4 E (2 + 6 E - 3 E^2 - 18 E^3 - 10 E^4)/m^3 */
INLINE vd smish_f(vd x, const double *p)
{
    pair z = inner(x, p);
    vd e = exp_poly(clamped(z)), m = (5.0 * e + 6.0) * e + 2.0;
    return p[0] * tamed(x) * (e * (3.0 * e + 2.0) / m);
}

INLINE vd smish_d(vd x, const double *p)
{
    pair z = inner(x, p);
    vd t = clamped(z), e = exp_poly(t), m = (5.0 * e + 6.0) * e + 2.0;
    vd top = (3.0 * e + 2.0) * m + 4.0 * t * (e + 1.0) * (2.0 * e + 1.0);
    return p[0] * near_root_pair(&ROOT_SMISH_D, z, e * top / (m * m));
}

INLINE vd smish_dd(vd x, const double *p)
{
    pair z = inner(x, p);
    vd t = clamped(z), e = exp_poly(t), m = (5.0 * e + 6.0) * e + 2.0;
    vd bend = (((-10.0 * e - 18.0) * e - 3.0) * e + 6.0) * e + 2.0;
    vd top = 2.0 * (e + 1.0) * (2.0 * e + 1.0) * m + t * bend;
    vd curve = 4.0 * (e / m) * (top / (m * m));
    curve = near_root_pair(&ROOT_SMISH_DD_2, z, curve);
    return p[0] * p[1] * near_root_pair(&ROOT_SMISH_DD_1, z, curve);
}

KERNEL(smish)

/* T = ln(1 + sigma): T' = E/(s r), T'' = E (1 - 2 E^2)/(s r)^2, s = 1 + E, r = 1 + 2 E */
INLINE vd logish_f(vd x, const double *p)
{
    vd e = exp_poly(clamped(inner(x, p)));
    return p[0] * tamed(x) * log1p_ratio(e, e + 1.0);
}

INLINE vd logish_d(vd x, const double *p)
{
    pair z = inner(x, p);
    vd t = clamped(z), e = exp_poly(t), s = e + 1.0;
    vd slope = log1p_ratio(e, s) + t * (e / (s * (s + e)));
    return p[0] * near_root_pair(&ROOT_LOGISH_D, z, slope);
}

INLINE vd logish_dd(vd x, const double *p)
{
    pair z = inner(x, p);
    vd t = clamped(z), e = exp_poly(t), sr = (e + 1.0) * (2.0 * e + 1.0);
    vd curve = e * (2.0 * sr + t * (1.0 - 2.0 * e * e)) / (sr * sr);
    curve = near_root_pair(&ROOT_LOGISH_DD_2, z, curve);
    return p[0] * p[1] * near_root_pair(&ROOT_LOGISH_DD_1, z, curve);
}

KERNEL(logish)

/* g = gelu(x) and its derivatives */
typedef struct gelu_parts {
    vd g, slope, curve;
} gelu_parts;

INLINE gelu_parts gelu_at(vd x)
{
    vd t = at_most(magnitude(x), 15.0);
    ratio e = exp_ratio(-0.5 * (t * t)), m = normal_tail(t);
    vd density = e.a / e.b * 0x1.9884533d43651p-2, tail = e.a * m.a / (e.b * m.b);
    vd area = pick((vl)(x > 0.0), 1.0 - tail, tail);
    return (gelu_parts){x * area, area + x * density, density * (2.0 - x * x)};
}

/* T = tanh g: T' = S g', T'' = S (g'' - 2 T g'^2), S = sech^2 g */
INLINE vd phish_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, -15.0);
    gelu_parts u = gelu_at(low);
    expm1_parts e = expm1_ratio(at_most(2.0 * magnitude(u.g), 40.0));
    return low * with_sign(e.minus / e.plus, u.g);
}

INLINE vd phish_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 65.0), -15.0);
    gelu_parts u = gelu_at(t);
    expm1_parts e = expm1_ratio(2.0 * magnitude(u.g));
    vd top = with_sign(e.minus, u.g) * e.plus + 4.0 * t * u.slope * e.a * e.b;
    return near_root(&ROOT_PHISH_D, x, top / (e.plus * e.plus));
}

INLINE vd phish_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 65.0), -15.0);
    gelu_parts u = gelu_at(t);
    expm1_parts e = expm1_ratio(2.0 * magnitude(u.g));
    vd straight = 2.0 * u.slope + t * u.curve;
    vd inner = straight * e.plus - 2.0 * t * (u.slope * u.slope) * with_sign(e.minus, u.g);
    vd curve = 4.0 * e.a * e.b * inner / (e.plus * e.plus * e.plus);
    curve = near_root(&ROOT_PHISH_DD_2, x, near_root(&ROOT_PHISH_DD_3, x, curve));
    return near_root(&ROOT_PHISH_DD_1, x, curve);
}

KERNEL(phish)

/* x tanh x is even, its slope odd */
INLINE vd lisht_f(vd x, const double *p)
{
    (void)p;
    return x * tanh_of(x);
}

INLINE vd lisht_d(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 65.0);
    expm1_parts e = expm1_ratio(2.0 * t);
    return with_sign((e.minus * e.plus + 4.0 * t * e.a * e.b) / (e.plus * e.plus), x);
}

INLINE vd lisht_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_most(magnitude(x), 65.0);
    expm1_parts e = expm1_ratio(2.0 * t);
    vd curve = 8.0 * e.a * e.b * (e.plus - t * e.minus) / (e.plus * e.plus * e.plus);
    return near_root(&ROOT_LISHT_DD, magnitude(x), curve);
}

KERNEL(lisht)

/* silu on the right, (E - 1) sigma on the left; f and f' are continuous at 0, f'' is that of the
 * left side there */
INLINE vd elish_f(vd x, const double *p)
{
    (void)p;
    vd low = at_least(x, LOW);
    expm1_parts e = expm1_ratio(at_most(low, 40.0));
    return pick((vl)(x < 0.0), e.minus / e.b, low) * (e.a / e.plus);
}

/* E (E^2 + 2 E - 1)/(1 + E)^2 on the left */
INLINE vd elish_d(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, 60.0), LOW), e = exp_poly(t), s = e + 1.0;
    vd top = pick((vl)(x < 0.0), (e + 2.0) * e - 1.0, s + t);
    return near_root(&ROOT_ELISH_D, x, e * top / (s * s));
}

/* E (E^3 + 3 E^2 + 5 E - 1)/(1 + E)^3 on the left */
INLINE vd elish_dd(vd x, const double *p)
{
    (void)p;
    vd t = at_least(at_most(x, -LOW), LOW), e = exp_poly(t), s = e + 1.0;
    vd left = ((e + 3.0) * e + 5.0) * e - 1.0, right = 2.0 * s + t * (1.0 - e);
    vd curve = e * pick((vl)(x <= 0.0), left, right) / (s * s * s);
    return near_root(&ROOT_ELISH_DD, x, near_root(&ROOT_SILU_DD, x, curve));
}

KERNEL(elish)
