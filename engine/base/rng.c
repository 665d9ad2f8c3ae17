/* rng.c - Philox4x32-10; see rng.h. */
#include "base/rng.h"

#include <math.h>

void ax_rng_block(ax_rng r, uint64_t index, uint32_t out[4])
{
    const uint32_t m0 = 0xD2511F53, m1 = 0xCD9E8D57, w0 = 0x9E3779B9, w1 = 0xBB67AE85;
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)r.stream, c3 = (uint32_t)(r.stream >> 32);
    uint32_t k0 = (uint32_t)r.seed, k1 = (uint32_t)(r.seed >> 32);
    for (int round = 0; round < 10; round++, k0 += w0, k1 += w1) {
        uint64_t p0 = (uint64_t)m0 * c0, p1 = (uint64_t)m1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
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

double ax_rng_normal(ax_rng r, uint64_t i)
{
    uint32_t w[4];
    ax_rng_block(r, i / 2, w);
    double u = ((double)w[0] + 1) * 0x1p-32, angle = 2 * M_PI * 0x1p-32 * w[1]; /* u in (0,1] */
    double radius = sqrt(-2 * log(u));
    return radius * (i % 2 ? sin(angle) : cos(angle));
}

uint64_t ax_rng_below(ax_rng r, uint64_t i, uint64_t n)
{
    uint32_t w[4];
    ax_rng_block(r, i, w);
    uint64_t x = (uint64_t)w[0] << 32 | w[1];
    return (uint64_t)((unsigned __int128)x * n >> 64);
}

void ax_rng_shuffle(ax_rng r, uint32_t *perm, size_t n)
{
    for (size_t i = 0; i < n; i++)
        perm[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)ax_rng_below(r, i, i);
        uint32_t t = perm[i - 1];
        perm[i - 1] = perm[k];
        perm[k] = t;
    }
}

uint64_t ax_rng_name(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}
