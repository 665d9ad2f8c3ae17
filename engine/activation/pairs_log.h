/* pairs_log.h - quotient and logarithm of pairs, for what depends on parameters alone: the
 * compiler takes it out of the loop. */
#ifndef AX_ACTIVATION_PAIRS_LOG_H
#define AX_ACTIVATION_PAIRS_LOG_H

#include "activation/pairs.h"
#include "activation/prims_full.h"

/* a b to 2^-100 */
INLINE pair pair_product(pair a, pair b)
{
    pair m = two_product(a.hi, b.hi);
    return (pair){m.hi, m.lo + (a.hi * b.lo + a.lo * b.hi)};
}

/* n/d to 2^-100 */
INLINE pair pair_quotient(pair n, pair d)
{
    vd q = n.hi / d.hi;
    pair back = pair_product((pair){q, all(0.0)}, d);
    return (pair){q, (((n.hi - back.hi) - back.lo) + n.lo) / d.hi};
}

/* sum w + 1/n: a step of the series of ln; hi + lo is 1/n */
INLINE pair log_step(pair sum, pair w, double hi, double lo)
{
    return pair_add(pair_product(sum, w), (pair){all(hi), all(lo)});
}

/* ln x for finite x > 0, to 2^-95. With x = 2^k m and z = (m-1)/(m+1), |z| < 0.172, it is
 * k ln2 + 2 z (1 + z^2/3 + z^4/5 + ...), the first terms of which are held as pairs. */
INLINE pair log_pair(vd x)
{
    static const double c[] = {1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27,
                               1.0 / 29, 1.0 / 31, 1.0 / 33, 1.0 / 35, 1.0 / 37};
    scaled s = split(x);
    pair z = pair_quotient((pair){s.m - 1.0, all(0.0)}, two_sum(s.m, all(1.0)));
    pair w = pair_product(z, z), sum = {polynomial(w.hi, c, 10), all(0.0)};
    sum = log_step(sum, w, 0x1.e1e1e1e1e1e1ep-5, 0x1.e1e1e1e1e1e1ep-61);  /* 1/17 */
    sum = log_step(sum, w, 0x1.1111111111111p-4, 0x1.1111111111111p-60);  /* 1/15 */
    sum = log_step(sum, w, 0x1.3b13b13b13b14p-4, -0x1.3b13b13b13b14p-58); /* 1/13 */
    sum = log_step(sum, w, 0x1.745d1745d1746p-4, -0x1.745d1745d1746p-59); /* 1/11 */
    sum = log_step(sum, w, 0x1.c71c71c71c71cp-4, 0x1.c71c71c71c71cp-58);  /* 1/9 */
    sum = log_step(sum, w, 0x1.2492492492492p-3, 0x1.2492492492492p-57);  /* 1/7 */
    sum = log_step(sum, w, 0x1.999999999999ap-3, -0x1.999999999999ap-57); /* 1/5 */
    sum = log_step(sum, w, 0x1.5555555555555p-2, 0x1.5555555555555p-56);  /* 1/3 */
    pair rest = pair_product(pair_product(sum, w), z);
    /* ln2 in 43 bits, whose product with k is exact, and the rest */
    pair shift = {s.k * 0x1.62e42fefa3800p-1, s.k * 0x1.ef35793c76730p-45};
    return pair_add(shift, pair_scale(pair_add(z, rest), all(2.0)));
}

#endif
