/* hash.c - eight bytes at a time, each multiplied and folded into the state; see hash.h. */
#include "base/hash.h"

#include <string.h>

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t ax_hash64(const void *data, size_t n)
{
    return ax_hash64_more(0, data, n);
}

uint64_t ax_hash64_more(uint64_t before, const void *data, size_t n)
{
    const unsigned char *p = data;
    const uint64_t k1 = 0x9e3779b97f4a7c15u, k2 = 0xd1b54a32d192ed03u; /* odd, well mixed */
    uint64_t h = before ^ k2 ^ n;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, p, 8); /* little-endian, as all machines this runs on */
        h = fold(h ^ w, k1) + k2;
    }
    uint64_t last = 0;
    if (n)
        memcpy(&last, p, n);
    h = fold(h ^ last ^ k1, k2);
    return fold(h ^ h >> 29, k1);
}
