/* sinlu.isa.c - (x + a sin bx) sigma(x); p: a, b.
 *
 * With u = x + a sin bx and v = e^-|x|, m = 1 left of 0 and v right of it,
 *     f'  = m' (u' (1 + v) + u m)/(1 + v)^2
 *     f'' = m' (u'' (1 + v)^2 + 2 u' m (1 + v) -+ u m (1 - v))/(1 + v)^3,   m' = v left, 1 right.
 * u' = 1 + ab cos bx has double roots where |ab| = 1: there it is (1 - |ab|) + |ab| (1 - |cos|).
 * All other roots, of which there is no end on the right, are left to pairs (refined). */
#include "activation/refine.h"

/* further left f is 0 in float32, and of x + a sin bx the sign is that of x */
INLINE vd sinlu_clamp(vd x)
{
    return at_least(x, -1e5);
}

INLINE vd sinlu_decay(vd x)
{
    return exp_poly(at_least(-magnitude(x), LOWEST));
}

/* ab, with the sign of cos in the quarters round its extremes */
INLINE pair sinlu_swing(vl quarter, const double *p)
{
    pair ab = two_product(all(p[0]), all(p[1]));
    return pair_pick((vl)(quarter == 2), pair_negate(ab), ab);
}

typedef struct sinlu {
    vd u, du, ddu, v;
    vd u_size, du_size; /* of their terms */
} sinlu;

INLINE sinlu sinlu_at(vd x, const double *p)
{
    angle z = turn(two_product(x, all(p[1])));
    arc of = arc_of(z.r.hi);
    vd s = p[0] * arc_sine(of, z.quarter), c = arc_sine(of, z.quarter + 1);
    pair swing = sinlu_swing(z.quarter, p), top = two_sum(all(1.0), swing.hi);
    vd rest = top.hi + (top.lo + swing.lo), down = swing.hi * of.versin, bend = p[0] * p[1] * c;
    vl odd = -(z.quarter & 1);
    sinlu y = {.u = x + s, .ddu = -(p[1] * p[1]) * s, .v = sinlu_decay(x)};
    y.du = pick(odd, 1.0 + bend, rest - down);
    y.u_size = magnitude(x) + magnitude(s);
    y.du_size = pick(odd, 1.0 + magnitude(bend), magnitude(rest) + magnitude(down));
    return y;
}

typedef struct sinlu_pairs {
    pair u, du, ddu, v;
} sinlu_pairs;

/* (1 + ab) x + a (sin bx - bx) is u where bx is small */
INLINE sinlu_pairs sinlu_pairs_at(vd x, const double *p)
{
    pair z = two_product(x, all(p[1])), one = whole(all(1.0)), a = whole(all(p[0]));
    angle t = turn(z);
    pair_arc of = pair_arc_of(t.r);
    pair s = pair_times(a, pair_arc_sine(of, t.quarter));
    pair swing = sinlu_swing(t.quarter, p), ab = two_product(all(p[0]), all(p[1]));
    pair near = pair_plus(pair_scale(pair_plus(one, ab), x), pair_times(a, of.sag));
    pair even = pair_plus(pair_plus(one, swing), pair_negate(pair_times(swing, of.versin)));
    pair odd = pair_plus(one, pair_times(ab, pair_arc_sine(of, t.quarter + 1)));
    pair b2 = two_product(all(p[1]), all(-p[1]));
    return (sinlu_pairs){pair_pick((vl)(magnitude(z.hi) < 0.78), near, pair_plus(whole(x), s)),
                         pair_pick(-(t.quarter & 1), odd, even), pair_times(b2, s),
                         pair_exp(whole(at_least(-magnitude(x), LOWEST)))};
}

static __attribute__((noinline)) vd sinlu_f_again(vd x, const double *p)
{
    return sinlu_pairs_at(x, p).u.hi;
}

INLINE vd sinlu_f(vd x, const double *p)
{
    vd t = sinlu_clamp(x);
    sinlu y = sinlu_at(t, p);
    vd u = refined(y.u, y.u_size, sinlu_f_again, t, p);
    u = pick((vl)(x > 0x1p200), x, u);
    return u * pick((vl)(x > 0.0), all(1.0), y.v) / (1.0 + y.v);
}

static __attribute__((noinline)) vd sinlu_d_again(vd x, const double *p)
{
    sinlu_pairs y = sinlu_pairs_at(x, p);
    pair s = pair_plus(y.v, whole(all(1.0)));
    pair m = pair_pick((vl)(x > 0.0), y.v, whole(all(1.0)));
    return pair_plus(pair_times(y.du, s), pair_times(y.u, m)).hi;
}

INLINE vd sinlu_d(vd x, const double *p)
{
    vd t = sinlu_clamp(x);
    vl right = (vl)(x > 0.0);
    sinlu y = sinlu_at(t, p);
    vd s = 1.0 + y.v, m = pick(right, y.v, all(1.0));
    vd top = refined(y.du * s + y.u * m, y.du_size * s + y.u_size * m, sinlu_d_again, t, p);
    return top * pick(right, all(1.0), y.v) / (s * s);
}

static __attribute__((noinline)) vd sinlu_dd_again(vd x, const double *p)
{
    sinlu_pairs y = sinlu_pairs_at(x, p);
    vl right = (vl)(x > 0.0);
    pair one = whole(all(1.0)), s = pair_plus(y.v, one), m = pair_pick(right, y.v, one);
    pair turned = pair_plus(one, pair_negate(y.v));
    turned = pair_pick(right, pair_negate(turned), turned);
    pair top = pair_plus(pair_times(y.ddu, s), pair_scale(pair_times(y.du, m), all(2.0)));
    return pair_plus(pair_times(top, s), pair_times(pair_times(y.u, m), turned)).hi;
}

INLINE vd sinlu_dd(vd x, const double *p)
{
    vd t = sinlu_clamp(x);
    vl right = (vl)(x > 0.0);
    sinlu y = sinlu_at(t, p);
    vd s = 1.0 + y.v, m = pick(right, y.v, all(1.0)), turned = pick(right, y.v - 1.0, 1.0 - y.v);
    vd top = (y.ddu * s + 2.0 * y.du * m) * s + y.u * m * turned;
    vd size = (magnitude(y.ddu) * s + 2.0 * y.du_size * m) * s + y.u_size * m;
    top = refined(top, size, sinlu_dd_again, t, p);
    return top * pick(right, all(1.0), y.v) / (s * s * s);
}

KERNEL(sinlu)
