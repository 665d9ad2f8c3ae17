/* vm_prims.h - elementary functions that only programs need, of every double; for *.isa.c.
 *
 * As in prims_full.h: whatever comes has a value, the relative error is 2^-40 or better, NaN passes
 * through. */
#ifndef AX_ACTIVATION_FORMULA_VM_PRIMS_H
#define AX_ACTIVATION_FORMULA_VM_PRIMS_H

#include "activation/pairs_log.h"
#include "activation/prims_full.h"
#include "activation/prims_trig.h"

/* e^x = a/b for x <= high, at most 600. Both are multiplied by 2^64, so that a does not lose digits
 * before the quotient does. */
INLINE ratio exp_tiny(vd x, double high)
{
    x = at_least(at_most(x, high), -752.0); /* e^-752 ends as 0 */
    vd t = x * LOG2E + (ROUNDER + 64.0);
    ratio h = half_tanh(x - (t - (ROUNDER + 64.0)) * LN2);
    return (ratio){(vd)((vu)t << 52) * (h.b + h.a), (h.b - h.a) * 0x1p64};
}

INLINE vd sigmoid_any(vd x)
{
    ratio e = exp_tiny(x, 40.0);
    return e.a / (e.a + e.b);
}

INLINE vd sech_any(vd x)
{
    ratio e = exp_tiny(-magnitude(x), 0.0);
    return 2.0 * (e.a * e.b) / (e.a * e.a + e.b * e.b);
}

INLINE vd softplus_any(vd x)
{
    ratio e = exp_tiny(-magnitude(x), 0.0);
    return at_least(x, 0.0) + log1p_ratio(e.a, e.b);
}

/* tanh(softplus(x)) = n/(n+2), n = E(E+2), E = e^x */
INLINE vd gate_any(vd x)
{
    ratio e = exp_tiny(x, 40.0);
    vd n = e.a * (e.a + 2.0 * e.b);
    return n / (n + 2.0 * (e.b * e.b));
}

/* The square of x, rounded, is off by less than 2^-43 where e^(-x^2/2) is above 0. */
INLINE vd density_any(vd x)
{
    return exp_full(-0.5 * (x * x)) * 0x1.9884533d43651p-2;
}

/* ---- hyperbolic ---- */

/* e^t/2, which overflows later than e^t */
INLINE vd half_exp(vd t)
{
    vd h = exp_poly(at_most(0.5 * t, 400.0));
    return (0.5 * h) * h;
}

/* (E - 1)(E + 1)/(2E), E = e^t, 0 <= t <= 40 */
INLINE vd sinh_ratio(vd t)
{
    expm1_parts e = expm1_ratio(t);
    return e.minus * e.plus / (2.0 * (e.a * e.b));
}

INLINE vd sinh_any(vd x)
{
    vd t = magnitude(x);
    return with_sign(pick((vl)(t > 40.0), half_exp(t), sinh_ratio(at_most(t, 40.0))), x);
}

INLINE vd cosh_any(vd x)
{
    vd t = magnitude(x);
    ratio e = exp_ratio(at_most(t, 40.0));
    return pick((vl)(t > 40.0), half_exp(t), (e.a * e.a + e.b * e.b) / (2.0 * (e.a * e.b)));
}

/* ---- roots, steps ---- */

/* Two steps of Halley's from a parabola; x = m 2^k, k = 3q + r */
INLINE vd cbrt_any(vd x)
{
    vd t = magnitude(x);
    scaled s = split(t);
    vd q = s.k * (1.0 / 3.0) + ROUNDER, third = (vd)((vu)q << 52);
    vd r = s.k - 3.0 * (q - ROUNDER);
    vd m = s.m * pick((vl)(r > 0.5), all(2.0), pick((vl)(r < -0.5), all(0.5), all(1.0)));
    vd y = (-0.0816 * m + 0.5874) * m + 0.5098;
    for (int i = 0; i < 3; i++) {
        vd c = y * y * y;
        y = y * (c + 2.0 * m) / (2.0 * c + m);
    }
    y = pick((vl)(t == 0.0), t, y * third);
    return with_sign(pick((vl)(t < __builtin_inf()), y, t), x);
}

INLINE vd floor_any(vd x)
{
    vd c = with_sign(all(0x1p52), x), r = (x + c) - c;
    r = r - (vd)((vl)(r > x) & (vl)all(1.0));
    return pick((vl)(magnitude(x) < 0x1p52) & ~(vl)(r == x), r, x);
}

INLINE vd sign_any(vd x)
{
    return pick((vl)(x > 0.0), all(1.0), pick((vl)(x < 0.0), all(-1.0), x));
}

/* a + sqrt(a^2 + b): left of 0 as a quotient */
INLINE vd root_sum_any(vd a, vd b)
{
    vd t = magnitude(a), r = square_root(t * t + b);
    r = pick((vl)(t > 0x1p500) | (vl)(b == 0.0), t, r);
    vd s = r + t;
    return pick((vl)(a < 0.0), b / s, pick((vl)(a >= 0.0), s, a));
}

/* sqrt(a + b^2) - b, b > 0 */
INLINE vd root_less_any(vd a, vd b)
{
    vd y = a / (square_root(a + b * b) + b);
    return pick((vl)(a < __builtin_inf()), y, a);
}

INLINE vd tan_any(vd x)
{
    sine_cosine s = sin_cos(whole(x));
    return s.sin / s.cos;
}

/* ---- powers ---- */

INLINE vd power_int(vd a, int n)
{
    vd r = all(1.0);
    for (; n; n >>= 1) {
        if (n & 1)
            r = r * a;
        if (n > 1)
            a = a * a;
    }
    return r;
}

/* t^b for 0 < t < inf: the exponent b ln t to 2^-75 */
INLINE vd power_positive(vd t, vd b)
{
    b = at_least(at_most(b, 0x1p70), -0x1p70); /* all others give 0, 1 or infinity, too */
    pair log = log_pair(t), e = two_product(log.hi, b);
    vd low = e.lo + log.lo * b;
    return exp_full(e.hi) * (1.0 + (vd)((vl)low & (vl)(magnitude(e.hi) < 800.0)));
}

INLINE vd power_any(vd a, vd b)
{
    vd t = magnitude(a), half = 0.5 * b, nan = all(__builtin_nan(""));
    vl integer = (vl)(floor_any(b) == b), odd = integer & ~(vl)(floor_any(half) == half);
    vd y = power_positive(pick((vl)(t > 0.0) & (vl)(t < __builtin_inf()), t, all(1.0)), b);
    vd end = pick((vl)((t == 0.0) == (b < 0.0)), all(__builtin_inf()), (vd){0});
    y = pick((vl)(t == 0.0) | (vl)(t == __builtin_inf()), end, y);
    y = pick((vl)(a < 0.0) & ~integer, nan, y);
    y = (vd)((vl)y | (odd & (vl)a & INT64_MIN));
    y = pick((vl)(a != a) | (vl)(b != b), a + b, y);
    return pick((vl)(b == 0.0), all(1.0), y);
}

#endif
