/* rational.isa.c - pau: a quotient of polynomials, f = P(x)/(1 + |Q(x)|); p: a0 to a5, b1 to b4.
 *
 * Beyond 1 polynomials in y = 1/x are taken, which do not overflow: with h(y) = f/x, P x^-5 over
 * x^-4 + |Q| x^-4,
 *     f = x h,   f' = h - y h',   f'' = y^3 h'',
 * whose leading terms do not cancel either. Coefficients may be anything, so how large the terms
 * are is computed as well, and lanes that cancel are computed again in pairs. */
#include "activation/refine.h"

typedef struct pau { /* P and Q as polynomials in y */
    vl out;          /* |x| > 1 */
    vd x, a[6], b[5];
} pau;

INLINE pau pau_at(vd x, const double *p)
{
    pau u = {.x = at_least(at_most(x, 0x1p200), -0x1p200), .out = (vl)(magnitude(x) > 1.0)};
    for (int i = 0; i < 6; i++)
        u.a[i] = pick(u.out, all(p[5 - i]), all(p[i]));
    for (int i = 0; i < 5; i++)
        u.b[i] = pick(u.out, i < 4 ? all(p[9 - i]) : all(0.0), i ? all(p[5 + i]) : all(0.0));
    return u;
}

/* ---- in doubles ---- */

/* s: c[0] + c[1] y + ... and its first two derivatives by Horner, size: the same of magnitudes */
INLINE void rough_polynomial(vd y, const vd *c, int n, vd s[3], vd size[3])
{
    vd t = magnitude(y);
    for (int j = 0; j < 3; j++)
        s[j] = size[j] = all(0.0);
    for (int i = n - 1; i >= 0; i--) {
        s[2] = s[2] * y + 2.0 * s[1];
        s[1] = s[1] * y + s[0];
        s[0] = s[0] * y + c[i];
        size[2] = size[2] * t + 2.0 * size[1];
        size[1] = size[1] * t + size[0];
        size[0] = size[0] * t + magnitude(c[i]);
    }
}

typedef struct rough {
    /* h and its derivatives; their error is below 2^-44 of size, which is a bound and no estimate
     * as elsewhere, so 2^-6 of the terms will do */
    vd y, h[3], size[3];
} rough;

INLINE rough pau_rough(const pau *u)
{
    rough r = {.y = pick(u->out, 1.0 / u->x, u->x)};
    vd y = r.y, t = magnitude(y), n[3], d[3], m[3], k[3];
    rough_polynomial(y, u->a, 6, n, m);
    rough_polynomial(y, u->b, 5, d, k);
    vd sign = zero_where((vl)(d[0] == 0.0), with_sign(all(1.0), d[0]));
    vl unsure = (vl)(magnitude(d[0]) < k[0] * 0x1p-10);
    vd y2 = y * y, one = pick(u->out, y2 * y2, all(1.0)), zero = all(0.0);
    d[0] = d[0] * sign + one;
    d[1] = d[1] * sign + pick(u->out, 4.0 * y2 * y, zero);
    d[2] = d[2] * sign + pick(u->out, 12.0 * y2, zero);
    k[0] += one;
    k[1] += pick(u->out, 4.0 * y2 * t, zero);
    k[2] += pick(u->out, 12.0 * y2, zero);
    vd inverse = 1.0 / d[0];
    r.h[0] = n[0] * inverse;
    r.size[0] = (m[0] + magnitude(r.h[0]) * k[0]) * inverse;
    r.h[1] = (n[1] - r.h[0] * d[1]) * inverse;
    r.size[1] = (m[1] + 2.0 * r.size[0] * k[1] + magnitude(r.h[1]) * k[0]) * inverse;
    r.h[2] = (n[2] - 2.0 * r.h[1] * d[1] - r.h[0] * d[2]) * inverse;
    r.size[2] = (m[2] + 4.0 * r.size[1] * k[1] + 2.0 * r.size[0] * k[2] +
                 magnitude(r.h[2]) * k[0]) * inverse;
    for (int j = 0; j < 3; j++)
        r.size[j] = pick(unsure, all(__builtin_inf()), 0x1p-6 * r.size[j]);
    return r;
}

/* ---- in pairs ---- */

typedef struct bent { /* a value and its first two derivatives */
    pair v, d, dd;
} bent;

INLINE bent bent_polynomial(pair y, const vd *c, int n)
{
    bent s = {whole(c[n - 1]), whole(all(0.0)), whole(all(0.0))};
    for (int i = n - 2; i >= 0; i--) {
        s.dd = pair_plus(pair_times(s.dd, y), s.d);
        s.d = pair_plus(pair_times(s.d, y), s.v);
        s.v = pair_plus(pair_times(s.v, y), whole(c[i]));
    }
    s.dd = pair_scale(s.dd, all(2.0));
    return s;
}

INLINE bent bent_quotient(bent n, bent d)
{
    bent h;
    h.v = tidy(pair_quotient(n.v, d.v));
    pair top = pair_plus(n.d, pair_negate(pair_times(h.v, d.d)));
    h.d = tidy(pair_quotient(top, d.v));
    pair twice = pair_scale(pair_times(h.d, d.d), all(2.0));
    top = pair_plus(n.dd, pair_negate(pair_plus(twice, pair_times(h.v, d.dd))));
    h.dd = tidy(pair_quotient(top, d.v));
    return h;
}

/* |a|, whose derivatives are 0 where a is */
INLINE bent bent_magnitude(bent a)
{
    vd sign = zero_where((vl)(a.v.hi == 0.0), with_sign(all(1.0), a.v.hi));
    return (bent){pair_scale(a.v, sign), pair_scale(a.d, sign), pair_scale(a.dd, sign)};
}

/* h; *y: what it is a function of */
INLINE bent pau_bent(const pau *u, pair *y)
{
    pair one = whole(all(1.0)), zero = whole(all(0.0));
    *y = pair_pick(u->out, pair_quotient(one, whole(u->x)), whole(u->x));
    bent q = bent_magnitude(bent_polynomial(*y, u->b, 5));
    pair y2 = pair_times(*y, *y);
    q.v = pair_plus(q.v, pair_pick(u->out, pair_times(y2, y2), one));
    q.d = pair_plus(q.d, pair_pick(u->out, pair_scale(pair_times(y2, *y), all(4.0)), zero));
    q.dd = pair_plus(q.dd, pair_pick(u->out, pair_scale(y2, all(12.0)), zero));
    return bent_quotient(bent_polynomial(*y, u->a, 6), q);
}

/* ---- f, f' and f'' ---- */

static __attribute__((noinline)) vd pau_f_again(vd x, const double *p)
{
    pau u = pau_at(x, p);
    pair y;
    return pau_bent(&u, &y).v.hi;
}

INLINE vd pau_f(vd x, const double *p)
{
    pau u = pau_at(x, p);
    rough r = pau_rough(&u);
    vd h = refined(r.h[0], r.size[0], pau_f_again, x, p);
    return pick(u.out, u.x * h, h);
}

static __attribute__((noinline)) vd pau_d_again(vd x, const double *p)
{
    pau u = pau_at(x, p);
    pair y;
    bent h = pau_bent(&u, &y);
    pair far = pair_plus(h.v, pair_negate(pair_times(y, h.d)));
    return pick(u.out, far.hi, h.d.hi);
}

INLINE vd pau_d(vd x, const double *p)
{
    pau u = pau_at(x, p);
    rough r = pau_rough(&u);
    vd far = r.h[0] - r.y * r.h[1], far_size = r.size[0] + magnitude(r.y) * r.size[1];
    return refined(pick(u.out, far, r.h[1]), pick(u.out, far_size, r.size[1]), pau_d_again, x, p);
}

static __attribute__((noinline)) vd pau_dd_again(vd x, const double *p)
{
    pau u = pau_at(x, p);
    pair y;
    return pau_bent(&u, &y).dd.hi;
}

INLINE vd pau_dd(vd x, const double *p)
{
    pau u = pau_at(x, p);
    rough r = pau_rough(&u);
    vd h = refined(r.h[2], r.size[2], pau_dd_again, x, p);
    return h * pick(u.out, r.y * r.y * r.y, all(1.0));
}

KERNEL(pau)
