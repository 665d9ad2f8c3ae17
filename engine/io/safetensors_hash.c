/* safetensors_hash.c - see safetensors_hash.h. */
#include "io/safetensors_hash.h"

#include <string.h>

#include "base/hash.h"

static uint64_t more_text(uint64_t before, const char *s)
{
    return ax_hash64_more(before, s, strlen(s));
}

uint64_t ax_st_hash_meta(const ax_st_meta *m)
{
    if (strncmp(m->key, "axond.", 6) || !strcmp(m->key, AX_ST_HASH))
        return 0;
    return more_text(more_text(0, m->key), m->value);
}

uint64_t ax_st_hash_tensor(const char *name, const char *dtype, const ax_shape *shape,
                           const void *data, size_t bytes)
{
    uint64_t h = more_text(more_text(0, name), dtype);
    h = ax_hash64_more(h, shape->dim, (size_t)shape->rank * sizeof shape->dim[0]);
    return ax_hash64_more(h, data, bytes);
}
