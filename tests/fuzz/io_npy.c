/* Any bytes as an npy file and as an npz archive. */
#include <assert.h>
#include <stdlib.h>

#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(ax_tensor *t)
{
    const uint8_t *p = t->data;
    size_t n = (size_t)ax_shape_count(&t->shape) * ax_dtype_size(t->dtype);
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    free(t->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_err err;
    ax_tensor t;
    if (ax_npy_read(data, size, &t, &err) == 0)
        check(&t);
    ax_npz *z = ax_npz_open(data, size, &err);
    for (int i = 0; z && i < ax_npz_count(z); i++)
        if (ax_npz_get(z, ax_npz_name(z, i), 1 << 20, &t, &err) == 0)
            check(&t);
    ax_npz_close(z);
    return 0;
}
