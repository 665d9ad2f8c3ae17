/* rng.c - counter-based random numbers; see rng.h.
 *
 * The key of Philox is the seed, its counter is (index, stream). Normal numbers use a logarithm and
 * a sine of our own, made of additions, multiplications and one division: the C library's may
 * differ in the last bit from one processor to the next, and the same seed must give the same
 * weights everywhere. */
#include "base/rng.h"

#include <math.h>

void ax_rng_block(ax_rng r, uint64_t index, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)r.stream, c3 = (uint32_t)(r.stream >> 32);
    uint32_t k0 = (uint32_t)r.seed, k1 = (uint32_t)(r.seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* golden ratio  */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1   */
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

uint32_t ax_rng_u32(ax_rng r, uint64_t i)
{
    uint32_t w[4];
    ax_rng_block(r, i / 4, w);
    return w[i % 4];
}

float ax_rng_uniform(ax_rng r, uint64_t i)
{
    return (float)(ax_rng_u32(r, i) >> 8) * 0x1p-24f;
}

static double horner(double z, const double *term, int n)
{
    double sum = term[0];
    for (int i = 1; i < n; i++)
        sum = sum * z + term[i];
    return sum;
}

/* ln u for u in (0,1]: with u = m 2^e and m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh s where
 * s = (m-1)/(m+1); |s| < 0.172, so twelve terms reach the last bit. */
static double log_unit(double u)
{
    static const double term[12] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                                    1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    int e;
    double m = frexp(u, &e);
    if (m < 0.70710678118654752)
        m *= 2, e--;
    double s = (m - 1) / (m + 1);
    return 2 * s * horner(s * s, term, 12) + e * 0.69314718055994531;
}

/* Taylor series for |x| <= pi/4: the first term left out is below 1e-18. */
static double sin_small(double x)
{
    static const double term[9] = {1 / 355687428096000.0, -1 / 1307674368000.0, 1 / 6227020800.0,
                                   -1 / 39916800.0,       1 / 362880.0,         -1 / 5040.0,
                                   1 / 120.0,             -1 / 6.0,             1};
    return x * horner(x * x, term, 9);
}

static double cos_small(double x)
{
    static const double term[9] = {1 / 20922789888000.0, -1 / 87178291200.0, 1 / 479001600.0,
                                   -1 / 3628800.0,       1 / 40320.0,        -1 / 720.0,
                                   1 / 24.0,             -1 / 2.0,           1};
    return horner(x * x, term, 9);
}

/* sin(2 pi t) for t in [0,1): the nearest quarter turn is taken off exactly first. */
static double sin_turns(double t)
{
    int quarter = (int)(4 * t + 0.5);
    double x = (4 * t - quarter) * 1.5707963267948966;
    double y = quarter & 1 ? cos_small(x) : sin_small(x);
    return quarter & 2 ? -y : y;
}

/* Numbers 2j and 2j+1 are the two halves of one Box-Muller pair, made from the 128 bits of
 * block j: the radius from the first 53, the angle from 53 others. */
double ax_rng_normal(ax_rng r, uint64_t i)
{
    uint32_t w[4];
    ax_rng_block(r, i / 2, w);
    uint64_t a = (uint64_t)w[1] << 32 | w[0], b = (uint64_t)w[3] << 32 | w[2];
    double u = (double)((a >> 11) + 1) * 0x1p-53, t = (double)(b >> 11) * 0x1p-53;
    if (!(i & 1)) /* the cosine is the sine a quarter turn on */
        t = t < 0.75 ? t + 0.25 : t - 0.75;
    return sqrt(-2 * log_unit(u)) * sin_turns(t);
}

/* floor(x n / 2^96) for 96 random bits x: the bias is at most n / 2^96. */
uint64_t ax_rng_below(ax_rng r, uint64_t i, uint64_t n)
{
    uint32_t w[4];
    ax_rng_block(r, i, w);
    unsigned __int128 high = (unsigned __int128)((uint64_t)w[1] << 32 | w[0]) * n;
    uint64_t low = (uint64_t)((unsigned __int128)w[2] * n >> 32);
    return (uint64_t)((high + low) >> 64);
}

void ax_rng_shuffle(ax_rng r, uint32_t *perm, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* "inside out": place i anywhere among those before it */
        size_t j = (size_t)ax_rng_below(r, i, i + 1);
        perm[i] = (uint32_t)i; /* j may be i */
        perm[i] = perm[j];
        perm[j] = (uint32_t)i;
    }
}

uint64_t ax_rng_name(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}
