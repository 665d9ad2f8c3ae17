/* number.h - JSON numbers to float32 and back, exactly and fast.
 *
 * Reading: the digits become one integer of at most 19 digits (8 at a time inside a register),
 * times a power of ten in double. That product is off by at most 3.1 units of the double's last
 * place; unless it falls within 8 units of the middle between two floats, rounding it to float is
 * right. The rare rest goes to strtof. So every result is the correctly rounded one. Writing:
 * Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020), the shortest decimal that
 * reads back as the same float, the nearest one where several are as short. Thread-safe. */
#ifndef SERVER_NUMBER_H
#define SERVER_NUMBER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NUMBER_MAX 24 /* bytes that number_write may touch */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight digits are read as one integer");

/* Text of a finite v, shortest that reads back: 0.1, -2, 1e-10. Returns its length (at most 17),
 * no terminating 0. dst has room for NUMBER_MAX bytes. */
size_t number_write(char *dst, float v);

/* One JSON number at p, p < end, bytes behind end are never read. Returns the byte behind it; NULL
 * when there is no number (*out is NaN) or it is beyond the largest float (*out is infinite).
 * Too small a number becomes a subnormal or zero, correctly rounded. */
const char *number_read_slow(const char *p, const char *end, float *out);

/* An integral JSON number as sign and magnitude: "12", "1e3" and "2.0" too. NULL when it is not one
 * or needs more than 64 bits. */
const char *number_read_whole(const char *p, const char *end, int *negative, uint64_t *magnitude);
/* The same where it fits int64. */
const char *number_read_i64(const char *p, const char *end, int64_t *out);

/* As number_read_slow for double, for the few tensors and options that need it. */
const char *number_read_f64(const char *p, const char *end, double *out);

extern const double number_pow10[]; /* 1e-64 .. 1e38 */
enum { NUMBER_P10_MIN = -64, NUMBER_P10_MAX = 38 };

enum { NUMBER_WINDOW = 64 }; /* the fast reader looks at most this far ahead */

/* The digits (0..9, one a byte) of x, first one in the lowest byte, as a number. */
static inline uint64_t number_eight(uint64_t x)
{
    const uint64_t mask = 0x000000ff000000ff;
    x = x * 10 + (x >> 8);
    return ((x & mask) * 0x000f424000000064 + ((x >> 16) & mask) * 0x0000271000000001) >> 32;
}

static inline unsigned number_digits(uint64_t x)
{
    uint64_t other = ((x + 0x7676767676767676) | x) & 0x8080808080808080;
    return other ? (unsigned)__builtin_ctzll(other) >> 3 : 8;
}

static inline uint64_t number_load(const char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x ^ 0x3030303030303030;
}

/* The parts of the fast path give the byte behind what they read, or NULL where the slow reader
 * must look. They are inlined, and work on copies: what has an address may leave its register. */
#define NUMBER_PART static inline __attribute__((always_inline))

/* The digits before the point as *whole, at most ten and no leading zero. */
NUMBER_PART const char *number_whole(const char *p, uint64_t *whole)
{
    uint64_t w = (unsigned char)(*p++ - '0');
    if (w > 9)
        return NULL;
    for (int i = 0; (unsigned char)(*p - '0') <= 9; i++, p++) {
        if (!w || i == 9)
            return NULL;
        w = w * 10 + (unsigned char)(*p - '0');
    }
    *whole = w;
    return p;
}

#define NUMBER_TAKE(n, scale)                                                                      \
    case n:                                                                                        \
        w = w * scale + number_eight(x << (64 - 8 * n));                                           \
        e -= n;                                                                                    \
        p += n;                                                                                    \
        break;
#define NUMBER_TAKE_1_TO_7                                                                         \
    NUMBER_TAKE(1, 10)                                                                             \
    NUMBER_TAKE(2, 100)                                                                            \
    NUMBER_TAKE(3, 1000)                                                                           \
    NUMBER_TAKE(4, 10000)                                                                          \
    NUMBER_TAKE(5, 100000)                                                                         \
    NUMBER_TAKE(6, 1000000)                                                                        \
    NUMBER_TAKE(7, 10000000)

/* The digits behind the point, at p, put behind those of w: *digits * 10^*exponent. The switches
 * let the processor guess how many there are, so that what follows does not wait for it. */
NUMBER_PART const char *number_fraction(const char *p, uint64_t w, uint64_t *digits, int *exponent)
{
    uint64_t x = number_load(p);
    int e = 0;
    switch (number_digits(x)) {
    case 0:
        return NULL;
        NUMBER_TAKE_1_TO_7
    case 8:
        w = w * 100000000 + number_eight(x);
        e = -8;
        p += 8;
        if (w >= 100000000000) /* three digits and eight: eight more still fit 19 */
            goto tail;
        x = number_load(p);
        switch (number_digits(x)) {
            NUMBER_TAKE_1_TO_7
        case 8:
            w = w * 100000000 + number_eight(x);
            e -= 8;
            p += 8;
        tail: /* digits behind the 19th cannot move the product by an ulp */
            for (int i = 0; (unsigned char)(*p - '0') <= 9; i++, p++) {
                if (i == 20)
                    return NULL;
                if (w < 1000000000000000000)
                    w = w * 10 + (unsigned char)(*p - '0'), e--;
            }
        }
    }
    *digits = w;
    *exponent = e;
    return p;
}
#undef NUMBER_TAKE
#undef NUMBER_TAKE_1_TO_7

/* What is behind the letter e, at p, added to *exponent. */
NUMBER_PART const char *number_exponent(const char *p, int *exponent)
{
    int minus = *p == '-', n = 0;
    p += minus || *p == '+';
    const char *digits = p;
    for (; (unsigned char)(*p - '0') <= 9; p++) {
        if (p - digits == 3)
            return NULL;
        n = n * 10 + (*p - '0');
    }
    if (p == digits)
        return NULL;
    *exponent += minus ? -n : n;
    return *exponent < NUMBER_P10_MIN || *exponent > NUMBER_P10_MAX ? NULL : p;
}

/* w * 10^e, w > 0, with this sign bit, rounded to float; 0 where that is not sure. */
NUMBER_PART int number_round(uint64_t w, int e, uint64_t sign, float *out)
{
    double d = (double)w * number_pow10[e - NUMBER_P10_MIN];
    uint64_t bits;
    memcpy(&bits, &d, 8);
    uint32_t low = (uint32_t)bits & 0x1fffffff; /* what float cannot hold; its middle is 2^28 */
    uint32_t above = (uint32_t)(bits >> 52) - (1023 - 126); /* of the smallest normal float */
    if (low - (0x10000000u - 8) <= 16 || above > 126 + 126)
        return 0;
    bits |= sign;
    memcpy(&d, &bits, 8);
    *out = (float)d;
    return 1;
}

/* The fast path: as number_read_slow, to which it leaves all that is unusual. */
NUMBER_PART const char *number_read(const char *start, const char *end, float *out)
{
    const char *p = start;
    uint64_t sign = 0, w;
    int e = 0;
    if (end - p < NUMBER_WINDOW)
        goto slow;
    if (__builtin_expect(*p == '-', 0)) { /* a jump: with an addition all would wait for it */
        sign = (uint64_t)1 << 63;
        p++;
    }
    if (!(p = number_whole(p, &w)) || (*p == '.' && !(p = number_fraction(p + 1, w, &w, &e))) ||
        ((*p | 32) == 'e' && !(p = number_exponent(p + 1, &e))))
        goto slow;
    if (!w) {
        *out = sign ? -0.0f : 0.0f;
        return p;
    }
    if (number_round(w, e, sign, out))
        return p;
slow:
    return number_read_slow(start, end, out);
}
#undef NUMBER_PART

#endif
