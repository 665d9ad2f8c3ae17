/* Any bytes as a training spec, as a client may post it: it is refused with a reason, or the first
 * step can be made. */
#include <assert.h>

#include "axon.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the machine's: nothing here may take long. */
int64_t ax_memory_budget(void)
{
    return 32 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_err err = {0};
    ax_train_options o = {
        .spec = (const char *)data, .spec_len = size, .threads = 1, .data_dir = "/nowhere"};
    if (ax_train_check(&o, &err))
        assert(err.code != AX_OK && *err.msg);
    return 0;
}
