/* Any bytes as a safetensors file: no crash, and what is accepted survives being written again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const ax_safetensors *a, const ax_safetensors *b)
{
    for (int i = 0; i < ax_safetensors_count(b); i++) {
        const ax_st_entry *e = ax_safetensors_at(b, i), *o = ax_safetensors_find(a, e->name);
        assert(o && o->type == e->type && ax_shape_equal(&o->shape, &e->shape));
        assert(o->bytes == e->bytes && !memcmp(o->data, e->data, e->bytes));
    }
    for (int i = 0; i < ax_safetensors_meta_count(b); i++) {
        const ax_st_meta *m = ax_safetensors_meta_at(b, i);
        assert(!strcmp(ax_safetensors_meta(a, m->key), m->value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_err err;
    ax_safetensors *s = ax_safetensors_parse(data, size, &err);
    if (!s)
        return 0;
    int n = 0, n_meta = ax_safetensors_meta_count(s);
    ax_st_item *items = calloc((size_t)ax_safetensors_count(s) + 1, sizeof *items);
    ax_st_meta *meta = calloc((size_t)n_meta + 1, sizeof *meta);
    for (int i = 0; i < ax_safetensors_count(s); i++) {
        items[n].name = ax_safetensors_at(s, i)->name;
        if (*items[n].name && ax_safetensors_get(s, items[n].name, &items[n].tensor, &err) == 0)
            n++;
    }
    for (int i = 0; i < n_meta; i++)
        meta[i] = *ax_safetensors_meta_at(s, i);
    size_t bytes;
    uint8_t *again = ax_safetensors_encode(items, n, meta, n_meta, &bytes, &err);
    if (again) {
        ax_safetensors *t = ax_safetensors_parse(again, bytes, &err);
        assert(t && ax_safetensors_count(t) == n && ax_safetensors_meta_count(t) == n_meta);
        same(s, t);
        ax_safetensors_close(t);
    }
    free(again);
    free(items);
    free(meta);
    ax_safetensors_close(s);
    return 0;
}
