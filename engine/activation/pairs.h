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

/* a b to 2^-106 (Dekker); without error where one of them is a float32 */
INLINE pair two_product(vd a, vd b)
{
    vd p = a * b, ah = upper(a), al = a - ah, bh = upper(b), bl = b - bh;
    return (pair){p, ((ah * bh - p) + (ah * bl + al * bh)) + al * bl};
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

#endif
