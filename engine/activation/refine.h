/* refine.h - exponential, sine and cosine to 2^-80, for *.isa.c.
 *
 * Where a formula cancels at roots that no table can hold (they move with parameters, or there is
 * no end of them), only the lanes that lost something are computed again with these: see refined().
 * Taylor series, whose first coefficients are pairs; slow, and seldom needed. */
#ifndef AX_ACTIVATION_REFINE_H
#define AX_ACTIVATION_REFINE_H

#include "activation/pairs_log.h"
#include "activation/prims_trig.h"

/* Where parameters scale x: infinities as numbers that times a parameter are infinities of float32,
 * and times e^LOWEST nothing. */
#define LOWEST -600.0

INLINE vd tamed(vd x)
{
    return at_least(at_most(x, 0x1p600), -0x1p600);
}

/* hi takes over what lo has grown to */
INLINE pair tidy(pair a)
{
    return two_sum(a.hi, a.lo);
}

INLINE pair pair_plus(pair a, pair b)
{
    return tidy(pair_add(a, b));
}

INLINE pair pair_times(pair a, pair b)
{
    return tidy(pair_product(a, b));
}

INLINE pair pair_negate(pair a)
{
    return (pair){-a.hi, -a.lo};
}

INLINE pair pair_magnitude(pair a)
{
    vl sign = (vl)a.hi & INT64_MIN;
    return (pair){(vd)((vl)a.hi ^ sign), (vd)((vl)a.lo ^ sign)};
}

/* near_root() where x is a product */
INLINE vd near_root_pair(const root *k, pair x, vd plain)
{
    return at_root(k, (x.hi - k->hi) + (x.lo - k->lo), plain);
}

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1) + rest x^n; c are pairs */
INLINE pair pair_series(pair x, const double (*c)[2], int n, vd rest)
{
    pair s = whole(rest);
    for (int i = n - 1; i >= 0; i--)
        s = pair_plus(pair_times(s, x), (pair){all(c[i][0]), all(c[i][1])});
    return s;
}

/* |x| <= 700 */
INLINE pair pair_exp(pair x)
{
    static const double c[][2] = {
        {1, 0},
        {1, 0},
        {0x1p-1, 0},
        {0x1.5555555555555p-3, 0x1.5555555555555p-57},
        {0x1.5555555555555p-5, 0x1.5555555555555p-59},
        {0x1.1111111111111p-7, 0x1.1111111111111p-63},
        {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65},
        {0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-73},
    };
    vd t = x.hi * LOG2E + ROUNDER, k = t - ROUNDER, two_k = (vd)((vu)t << 52);
    /* ln2 in 41 bits, 41 bits and the rest: the first product is exact, and so is the difference */
    pair r = two_sum(x.hi - k * 0x1.62e42fefa3000p-1, k * -0x1.3de6af278e000p-42);
    r.lo += x.lo - k * 0x1.9cc01f97b57a0p-83;
    r = tidy(r);
    vd rest = all(1.0); /* 8! (1/8! + r/9! + ... + r^11/19!) */
    for (int n = 19; n > 8; n--)
        rest = rest * (r.hi * (1.0 / n)) + 1.0;
    pair e = pair_series(r, c, 8, rest * (1.0 / 40320));
    return (pair){two_k * e.hi, two_k * e.lo};
}

typedef struct pair_arc {
    pair sin, sag, versin; /* sag is sin r - r, versin 1 - cos r: neither cancels */
} pair_arc;

INLINE pair_arc pair_arc_of(pair r)
{
    static const double s[][2] = {
        {-0x1.5555555555555p-3, -0x1.5555555555555p-57},
        {0x1.1111111111111p-7, 0x1.1111111111111p-63},
        {-0x1.a01a01a01a01ap-13, -0x1.a01a01a01a01ap-73},
        {0x1.71de3a556c734p-19, -0x1.c154f8ddc6c00p-73},
    };
    static const double v[][2] = {
        {0x1p-1, 0},
        {-0x1.5555555555555p-5, -0x1.5555555555555p-59},
        {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65},
        {-0x1.a01a01a01a01ap-16, -0x1.a01a01a01a01ap-76},
        {0x1.27e4fb7789f5cp-22, 0x1.cbbc05b4fa99ap-76},
        {-0x1.1eed8eff8d898p-29, 0x1.2aec959e14c06p-83},
    };
    pair w = pair_times(r, r);
    vd s_rest = all(1.0), v_rest = all(1.0); /* 11! (1/11! - w/13! + ...), 14! (1/14! - ...) */
    for (int n = 25; n > 11; n -= 2)
        s_rest = 1.0 - s_rest * (w.hi * (1.0 / (n * (n - 1))));
    for (int n = 26; n > 14; n -= 2)
        v_rest = 1.0 - v_rest * (w.hi * (1.0 / (n * (n - 1))));
    pair sag = pair_series(w, s, 4, s_rest * (-1.0 / 39916800));
    sag = pair_times(r, pair_times(w, sag));
    pair versin = pair_times(w, pair_series(w, v, 6, v_rest * (1.0 / 87178291200)));
    return (pair_arc){pair_plus(r, sag), sag, versin};
}

INLINE pair pair_arc_sine(pair_arc a, vl quarter)
{
    pair one = whole(all(1.0));
    pair v = pair_pick(-(quarter & 1), pair_plus(one, pair_negate(a.versin)), a.sin);
    vu sign = (vu)quarter >> 1 << 63;
    return (pair){(vd)((vu)v.hi ^ sign), (vd)((vu)v.lo ^ sign)};
}

/* A sum that is less than 2^-10 of its terms has lost too much: those lanes are computed again with
 * `again`, which must be right for every lane that can be lost. */
typedef vd formula_again(vd x, const double *p);

INLINE vd refined(vd sum, vd size, formula_again *again, vd x, const double *p)
{
    vl lost = (vl)(magnitude(sum) < size * 0x1p-10);
    return some(lost) ? pick(lost, again(x, p), sum) : sum;
}

#endif
