/* Any bytes as an IDX file, packed or not. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_err err;
    ax_tensor t;
    if (ax_idx_read(data, size, 1 << 20, &t, &err) < 0) {
        assert(err.code != AX_OK && *err.msg);
        return 0;
    }
    size_t n = (size_t)ax_shape_count(&t.shape) * ax_dtype_size(t.dtype);
    assert(n <= 1 << 20);
    uint8_t *copy = malloc(n + 1);
    memcpy(copy, t.data, n);
    free(copy);
    free(t.data);
    return 0;
}
