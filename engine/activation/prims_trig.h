/* prims_trig.h - sine and cosine of a vector of doubles, for *.isa.c.
 *
 * The angle is reduced to r in [-pi/4, pi/4] and the quarter of the turn it lies in: below 2^20 by
 * subtracting multiples of pi/2 held in four parts (Cody and Waite 1980; the first three products
 * are exact), above by integers, lane by lane (trig.h). r is a pair: no double, and no product of a
 * float32 with a parameter, is so close to a multiple of pi/2 that r loses more than 2^-50 of
 * itself, hence sine and cosine are within 2^-46 relative for every angle, at their roots too. */
#ifndef AX_ACTIVATION_PRIMS_TRIG_H
#define AX_ACTIVATION_PRIMS_TRIG_H

#include "activation/pairs.h"
#include "activation/trig.h"

/* z = (4 m + quarter) pi/2 + r */
typedef struct angle {
    pair r;
    vl quarter;
} angle;

/* whether any lane is set; in halves of registers, which is quicker than lane by lane */
INLINE int some(vl mask)
{
    typedef int64_t half __attribute__((vector_size(16)));
    half part[LANES / 2];
    memcpy(part, &mask, sizeof mask);
    for (int i = 1; i < LANES / 2; i++)
        part[0] |= part[i];
    return (part[0][0] | part[0][1]) != 0;
}

static __attribute__((noinline, unused)) void turn_far_lanes(const pair *z, angle *a)
{
    for (int i = 0; i < LANES; i++) {
        double r[2];
        if (!(z->hi[i] >= 0x1p20 || z->hi[i] <= -0x1p20))
            continue;
        a->quarter[i] = ax_trig_turn(z->hi[i], z->lo[i], r);
        a->r.hi[i] = r[0];
        a->r.lo[i] = r[1];
    }
}

INLINE angle turn(pair z)
{
    vd t = z.hi * 0x1.45f306dc9c883p-1 + 0x1.8p52, n = t - 0x1.8p52;
    pair b = two_sum(z.hi - n * 0x1.921fb54400000p+0, n * -0x1.0b4611a600000p-34);
    pair c = two_sum(b.hi, n * -0x1.3198a2e000000p-69);
    pair s = two_sum(c.hi, z.lo);
    pair r = two_sum(s.hi, s.lo + ((b.lo + c.lo) - n * 0x1.b839a252049c1p-104));
    r.hi = pick((vl)(z.hi == 0.0), z.hi, r.hi); /* sin(-0) = -0 */
    angle a = {r, (vl)t & 3};
    if (some((vl)(magnitude(z.hi) >= 0x1p20)))
        turn_far_lanes(&z, &a);
    return a;
}

/* of r.hi: r.lo is too small to be seen in either */
typedef struct arc {
    vd sin, versin; /* 1 - cos */
} arc;

/* sin r to 2^-47.5, cos r to 2^-53.3, 1 - cos r to 2^-48.3 */
INLINE arc arc_of(vd r)
{
    vd w = r * r, w2 = w * w;
    vd s01 = w * 0x1.1111110c87333p-7 - 0x1.5555555552239p-3;
    vd s23 = w * 0x1.71d76d167160ap-19 - 0x1.a019f93968bb1p-13;
    vd c01 = w * -0x1.6c16c1672111fp-10 + 0x1.5555555552ddbp-5;
    vd c23 = w * -0x1.27e00b90d5f12p-22 + 0x1.a019fa5ffbe91p-16;
    vd s = s01 + w2 * (s23 - w2 * 0x1.a961a17d2d01ep-26);
    vd c = c01 + w2 * (c23 + w2 * 0x1.1bbe8e174b037p-29);
    return (arc){r * (1.0 + w * s), 0.5 * w - w2 * c}; /* as a product: -0 stays */
}

/* sine of an angle whose arc is known; cosine is the sine a quarter on */
INLINE vd arc_sine(arc a, vl quarter)
{
    vd v = pick(-(quarter & 1), 1.0 - a.versin, a.sin);
    return (vd)((vu)v ^ (vu)quarter >> 1 << 63);
}

INLINE vd sine(pair z)
{
    angle a = turn(z);
    return arc_sine(arc_of(a.r.hi), a.quarter);
}

INLINE vd cosine(pair z)
{
    angle a = turn(z);
    return arc_sine(arc_of(a.r.hi), a.quarter + 1);
}

typedef struct sine_cosine {
    vd sin, cos;
} sine_cosine;

/* both at once */
INLINE sine_cosine sin_cos(pair z)
{
    angle a = turn(z);
    arc of = arc_of(a.r.hi);
    return (sine_cosine){arc_sine(of, a.quarter), arc_sine(of, a.quarter + 1)};
}

/* a double as a pair */
INLINE pair whole(vd x)
{
    return (pair){x, (vd){0}};
}

#endif
