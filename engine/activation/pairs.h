/* pairs.h - numbers held as the sum of two doubles, for *.isa.c.
 *
 * Where the parameters of a function decide at which x it vanishes, no table of roots can help: its
 * terms are kept to 106 bits instead, so that their difference is right however close the root is
 * to a float32. Infinities have no error term: clamp x to +-FAR first, which float32 cannot tell
 * from infinity and whose product with any number is exact. */
#ifndef AX_ACTIVATION_PAIRS_H
#define AX_ACTIVATION_PAIRS_H

#include "activation/prims.h"

#define FAR 0x1p900

typedef struct pair {
    vd hi, lo;
} pair;

INLINE vd within_far(vd x)
{
    return at_least(at_most(x, FAR), -FAR);
}

/* a + b without error (Knuth) */
INLINE pair two_sum(vd a, vd b)
{
    vd s = a + b, t = s - a;
    return (pair){s, (a - (s - t)) + (b - t)};
}

/* the upper 26 bits */
INLINE vd upper(vd a)
{
    return (vd)((vl)a & -((int64_t)1 << 27));
}

/* a b to 2^-102, as the lower halves have 27 bits (Dekker); without error where one of them is a
 * float32. The order matters: each sum but the last is exact. */
INLINE pair two_product(vd a, vd b)
{
    vd p = a * b, ah = upper(a), al = a - ah, bh = upper(b), bl = b - bh;
    return (pair){p, (((ah * bh - p) + al * bh) + ah * bl) + al * bl};
}

INLINE pair pair_add(pair a, pair b)
{
    pair s = two_sum(a.hi, b.hi);
    return (pair){s.hi, s.lo + (a.lo + b.lo)};
}

/* k (a + b) */
INLINE pair pair_scale(pair a, vd k)
{
    pair m = two_product(a.hi, k);
    return (pair){m.hi, m.lo + a.lo * k};
}

INLINE pair pair_pick(vl mask, pair yes, pair no)
{
    return (pair){pick(mask, yes.hi, no.hi), pick(mask, yes.lo, no.lo)};
}

/* e^x - 1 - x for -200 <= x <= 0, to 2^-58 of the largest of the three; nothing cancels at 0. With
 * x = k ln2 + r it is (2^k - 1) + (2^k r - x) + 2^k (e^r - 1 - r). For x < -200, which may be passed
 * as `x` with its clamped value as `t`, it is -1 - x. */
INLINE pair exp_rest(vd x, vd t)
{
    vd shifted = t * LOG2E + ROUNDER, k = shifted - ROUNDER, two_k = (vd)((vu)shifted << 52);
    /* ln2 in 43 bits and the rest: r is exact */
    vd r = t - k * 0x1.62e42fefa3800p-1, r_lo = k * -0x1.ef35793c76730p-45;
    static const double c[] = {1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
                               1.0 / 3628800,     1.0 / 362880,     1.0 / 40320,     1.0 / 5040,
                               1.0 / 720,         1.0 / 120,        1.0 / 24,        1.0 / 6};
    vd poly = all(c[0]);
    for (int i = 1; i < 12; i++)
        poly = poly * r + c[i];
    pair r2 = two_product(r, 0.5 * r), q = two_sum(r2.hi, r * r * r * poly);
    q.lo += r2.lo + r_lo * (r + q.hi + 0.5 * r_lo);
    pair shift = two_sum(two_k * r, -x), power = two_sum(two_k, all(-1.0));
    shift.lo += two_k * r_lo;
    return pair_add(pair_add(power, shift), (pair){two_k * q.hi, two_k * q.lo});
}

#endif
