/* number_write.c - Schubfach for float32; see number.h.
 *
 * A float v = c * 2^q is printed with any decimal inside its rounding interval. Scale by 10^-k so
 * that the interval is between 1 and 20 wide in quarter units: then a multiple of ten inside it, if
 * there is one, is the shortest, else the integer nearest to v is. The scaling multiplies with a
 * 64-bit approximation of the power of ten from above and keeps "not exact" as the lowest bit
 * (round to odd), which the paper proves to be enough for all comparisons. */
#include "number.h"

enum { K_MIN = -31 };

/* 10^k for k = -31..45, scaled by a power of two to [2^63, 2^64), rounded up. */
// clang-format off
static const uint64_t pow10_64[] = {
    0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e,
    0x9e74d1b791e07e49, 0xc612062576589ddb, 0xf79687aed3eec552, 0x9abe14cd44753b53,
    0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
    0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c,
    0x901d7cf73ab0acda, 0xb424dc35095cd810, 0xe12e13424bb40e14, 0x8cbccc096f5088cc,
    0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
    0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c,
    0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b, 0xcccccccccccccccd, 0x8000000000000000,
    0xa000000000000000, 0xc800000000000000, 0xfa00000000000000, 0x9c40000000000000,
    0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000,
    0xee6b280000000000, 0x9502f90000000000, 0xba43b74000000000, 0xe8d4a51000000000,
    0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000,
    0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000, 0xad78ebc5ac620000,
    0xd8d726b7177a8000, 0x878678326eac9000, 0xa968163f0a57b400, 0xd3c21bcecceda100,
    0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
    0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e,
    0xc5371912364ce306, 0xf684df56c3e01bc7, 0x9a130b963a6c115d, 0xc097ce7bc90715b4,
    0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
    0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70,
    0xb35dbf821ae4f38c,
};
// clang-format on

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* floor(log10(2^q)), or floor(log10(3/4 * 2^q)) for the powers of two, whose lower gap is half. */
static int floor_log10_pow2(int q, int closer)
{
    return (q * 1262611 - (closer ? 524031 : 0)) >> 22;
}

static uint32_t scaled(uint64_t g, uint32_t c)
{
    unsigned __int128 product = (unsigned __int128)g * c;
    uint32_t whole = (uint32_t)(product >> 64), below = (uint32_t)((uint64_t)product >> 32);
    return whole | (below > 1);
}

/* The shortest digits of the positive finite float with these bits: value = result * 10^*k. */
static uint32_t shortest(uint32_t bits, int *k10)
{
    uint32_t fraction = bits & 0x7fffff, biased = bits >> 23;
    uint32_t c = biased ? fraction | 0x800000 : fraction;
    int q = biased ? (int)biased - 150 : -149;
    if (q <= 0 && q >= -23 && !(c & ((1u << -q) - 1)))
        return *k10 = 0, c >> -q; /* a whole number below 2^24 */
    int odd = c & 1, closer = !fraction && biased > 1;
    int k = floor_log10_pow2(q, closer), h = q + floor_log2_pow10(-k) + 1;
    uint64_t g = pow10_64[-k - K_MIN];
    uint32_t low = scaled(g, (4 * c - 2 + (uint32_t)closer) << h) + (uint32_t)odd;
    uint32_t mid = scaled(g, (4 * c) << h);
    uint32_t high = scaled(g, (4 * c + 2) << h) - (uint32_t)odd;
    uint32_t s = mid / 4;
    if (s >= 10) {
        uint32_t t = s / 10;
        int under = low <= 40 * t, over = 40 * t + 40 <= high;
        if (under != over)
            return *k10 = k + 1, t + (uint32_t)over;
    }
    *k10 = k;
    int under = low <= 4 * s, over = 4 * s + 4 <= high;
    if (under != over)
        return s + (uint32_t)over;
    return s + (mid > 4 * s + 2 || (mid == 4 * s + 2 && (s & 1)));
}

/* The decimal digits of v < 10^9 and how many there are. */
static int to_digits(char *dst, uint32_t v)
{
    static const char pairs[] = "000102030405060708091011121314151617181920212223242526272829303132"
                                "33343536373839404142434445"
                                "464748495051525354555657585960616263646566676869707172737475767778"
                                "79808182838485868788899091"
                                "9293949596979899";
    char text[10];
    int at = 10;
    for (; v >= 100; v /= 100)
        memcpy(text + (at -= 2), pairs + 2 * (v % 100), 2);
    if (v >= 10)
        memcpy(text + (at -= 2), pairs + 2 * v, 2);
    else
        text[--at] = (char)('0' + v);
    memcpy(dst, text + at, (size_t)(10 - at));
    return 10 - at;
}

/* d.ddde-xx */
static size_t scientific(char *dst, const char *digits, int n, int e)
{
    char *p = dst;
    *p++ = digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t)n - 1);
        p += n - 1;
    }
    *p++ = 'e';
    if (e < 0)
        *p++ = '-', e = -e;
    return (size_t)(p - dst) + (size_t)to_digits(p, (uint32_t)e);
}

size_t number_write(char *dst, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    char *p = dst;
    if (bits >> 31)
        *p++ = '-';
    bits &= 0x7fffffff;
    if (!bits)
        return *p++ = '0', (size_t)(p - dst);
    int k;
    uint32_t d = shortest(bits, &k);
    char digits[16];
    int n = to_digits(digits, d), e = n + k - 1; /* v = d.ddd * 10^e */
    if (k < 0 || e >= 16)
        for (; n > 1 && digits[n - 1] == '0'; k++)
            n--;
    if (e < -4 || e >= 16)
        return (size_t)(p - dst) + scientific(p, digits, n, e);
    if (k >= 0) { /* 1200 */
        memcpy(p, digits, (size_t)n);
        memset(p + n, '0', (size_t)k);
        return (size_t)(p - dst) + (size_t)(n + k);
    }
    if (e >= 0) { /* 1.25 */
        memcpy(p, digits, (size_t)e + 1);
        p[e + 1] = '.';
        memcpy(p + e + 2, digits + e + 1, (size_t)(n - e - 1));
        return (size_t)(p - dst) + (size_t)n + 1;
    }
    memcpy(p, "0.000", 5); /* 0.00125 */
    memcpy(p + 1 - e, digits, (size_t)n);
    return (size_t)(p - dst) + (size_t)(1 - e + n);
}
