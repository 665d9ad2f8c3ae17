/* rational.isa.c - pau: a quotient of polynomials, P(x)/(1 + |Q(x)|); p: a0 to a5, b1 to b4.
 *
 * Coefficients may be anything, so everything is held in pairs. Beyond 1 polynomials in y = 1/x are
 * taken, which do not overflow: with h(y) = P x^-5/((1 + |Q|) x^-4)
 *     f = x h,   f' = h - y h',   f'' = y^3 h'',
 * whose leading terms do not cancel either. */
#include "activation/refine.h"

typedef struct bent { /* a value and its first two derivatives */
    pair v, d, dd;
} bent;

/* c[0] + c[1] y + ... by Horner */
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

typedef struct pau {
    vl out; /* |x| > 1 */
    vd x;
    pair y;
    bent h;
} pau;

INLINE pau pau_at(vd x, const double *p)
{
    pau u = {.x = at_least(at_most(x, 0x1p200), -0x1p200)};
    u.out = (vl)(magnitude(x) > 1.0);
    pair one = whole(all(1.0));
    u.y = pair_pick(u.out, pair_quotient(one, whole(u.x)), whole(u.x));
    vd a[6], b[5];
    for (int i = 0; i < 6; i++)
        a[i] = pick(u.out, all(p[5 - i]), all(p[i]));
    for (int i = 0; i < 5; i++)
        b[i] = pick(u.out, i < 4 ? all(p[9 - i]) : all(0.0), i ? all(p[5 + i]) : all(0.0));
    bent q = bent_magnitude(bent_polynomial(u.y, b, 5));
    pair y2 = pair_times(u.y, u.y), zero = whole(all(0.0));
    q.v = pair_plus(q.v, pair_pick(u.out, pair_times(y2, y2), one));
    q.d = pair_plus(q.d, pair_pick(u.out, pair_scale(pair_times(y2, u.y), all(4.0)), zero));
    q.dd = pair_plus(q.dd, pair_pick(u.out, pair_scale(y2, all(12.0)), zero));
    u.h = bent_quotient(bent_polynomial(u.y, a, 6), q);
    return u;
}

INLINE vd pau_f(vd x, const double *p)
{
    pau u = pau_at(x, p);
    return pick(u.out, u.x * u.h.v.hi, u.h.v.hi);
}

INLINE vd pau_d(vd x, const double *p)
{
    pau u = pau_at(x, p);
    pair far = pair_plus(u.h.v, pair_negate(pair_times(u.y, u.h.d)));
    return pick(u.out, far.hi, u.h.d.hi);
}

INLINE vd pau_dd(vd x, const double *p)
{
    pau u = pau_at(x, p);
    return u.h.dd.hi * pick(u.out, u.y.hi * u.y.hi * u.y.hi, all(1.0));
}

KERNEL(pau)
