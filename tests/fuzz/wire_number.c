/* Any bytes as a number: fast and careful reader agree, strtof agrees, and what is written reads back. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256 + NUMBER_WINDOW] = {0}, out[NUMBER_MAX];
    float slow, fast, back;
    if (!size || size > 256)
        return 0;
    memcpy(text, data, size);
    const char *a = number_read_slow((const char *)data, (const char *)data + size, &slow);
    const char *b = number_read(text, text + sizeof text, &fast);
    assert((a ? a - (const char *)data : -1) == (b ? b - text : -1));
    if (!b) {
        assert(!isfinite(slow) && !isfinite(fast));
        return 0;
    }
    text[b - text] = 0;
    assert(!memcmp(&slow, &fast, 4) && fast == strtof(text, NULL));
    size_t n = number_write(out, fast);
    assert(n <= 17 && number_read(out, out + n, &back) == out + n && !memcmp(&back, &fast, 4));
    return 0;
}
