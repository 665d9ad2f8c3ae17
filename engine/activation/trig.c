/* trig.c - where in its turn an angle of any size lies (Payne and Hanek 1983).
 *
 * x 2/pi modulo 4 in fixed point: a double is m 2^e with m below 2^53, so of the bits of 2/pi those
 * above 2^(1-e) make whole turns and drop out, and the next 192 tell the rest to 2^-126. Integers
 * only: the same bits on every machine. */
#include "activation/trig.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 u128;

enum { WORDS = 19 }; /* of 2/pi: enough for the largest double */

/* clang-format off */
static const uint64_t two_over_pi[WORDS] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};
/* clang-format on */

/* 64 bits of 2/pi, the first of them worth 2^-(at + 1); zeros before the point */
static uint64_t bits_at(int at)
{
    int word = at >> 6, shift = at & 63;
    uint64_t first = word < 0 || word >= WORDS ? 0 : two_over_pi[word];
    uint64_t next = word + 1 < 0 || word + 1 >= WORDS ? 0 : two_over_pi[word + 1];
    return shift ? first << shift | next >> (64 - shift) : first;
}

/* v 2/pi modulo 4 in units of 2^-126 */
static u128 quarters(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t m = (bits & 0xfffffffffffff) | (exponent ? (uint64_t)1 << 52 : 0);
    int at = (exponent ? exponent : 1) - 1075 + 126 + 64 - 192; /* v = m 2^(exponent - 1075) */
    uint64_t high = bits_at(at), middle = bits_at(at + 64), low = bits_at(at + 128);
    u128 carry = (u128)m * low >> 64;
    u128 sum = (u128)m * middle + carry;
    u128 turned = (u128)(m * high) << 64;
    turned += sum;
    return bits >> 63 ? -turned : turned;
}

/* 2^n for a normal result */
static double power(int n)
{
    uint64_t bits = (uint64_t)(1023 + n) << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* r = pi/2 times `part` 2^-126, part != 0; the product of pairs with the halves split by hand */
static void to_angle(u128 part, double r[2])
{
    int zeros = part >> 64 ? __builtin_clzll((uint64_t)(part >> 64))
                           : 64 + __builtin_clzll((uint64_t)part);
    part <<= zeros;
    double scale = power(-126 - zeros);
    double a = (double)(uint64_t)(part >> 102) * 0x1p102; /* 26 bits, 26 bits and 53 bits */
    double b = (double)(uint64_t)(part >> 76 & 0x3ffffff) * 0x1p76;
    double c = (double)(uint64_t)(part >> 23 & 0x1fffffffffffff) * 0x1p23;
    const double p = 0x1.921fb50000000p+0, q = 0x1.110b460000000p-26, s = 0x1.1a62633145c07p-54;
    double hi = (a + b) * (p + q);
    double lo = ((a * p - hi) + (a * q + b * p)) + b * q + (c * (p + q) + (a + b) * s);
    r[0] = (hi + lo) * scale;
    r[1] = (lo - ((hi + lo) - hi)) * scale;
}

int ax_trig_turn(double hi, double lo, double r[2])
{
    if (!isfinite(hi)) {
        r[0] = r[1] = NAN;
        return 0;
    }
    u128 turned = quarters(hi) + quarters(lo);
    int quarter = (int)((turned + ((u128)1 << 125)) >> 126);
    turned -= (u128)quarter << 126;
    int negative = (int)(turned >> 127);
    r[0] = r[1] = 0;
    if (turned)
        to_angle(negative ? -turned : turned, r);
    if (negative)
        r[0] = -r[0], r[1] = -r[1];
    return quarter;
}
