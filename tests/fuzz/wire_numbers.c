/* Any bytes as an array of numbers; what is taken, written and read again is the same. */
#include <assert.h>
#include <string.h>

#include "server/wire_numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1000 };

static int take(const char *text, size_t len, ax_arena *mem, float **x, ax_shape *shape, problem *why)
{
    cursor c = {.p = text, .start = text, .end = text + len, .mem = mem, .why = why, .field = "x"};
    return wire_numbers(&c, MOST, x, shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    problem why = {.status = 0};
    float *x, *again;
    ax_shape shape, shape_again;
    ax_arena mem;
    buf b = {0};
    ax_arena_init(&mem, 0);
    if (take((const char *)data, size, &mem, &x, &shape, &why) < 0) {
        assert(why.status >= 400 && why.status < 500 && why.err.msg[0]);
    } else {
        int64_t n = ax_shape_count(&shape);
        assert(n >= 0 && n <= MOST && shape.rank <= AX_MAX_RANK);
        wire_put_numbers(&b, x, &shape, NON_FINITE_STRING);
        assert(!take(b.data, b.len, &mem, &again, &shape_again, &why));
        assert(!memcmp(&shape, &shape_again, sizeof shape));
        for (int64_t i = 0; i < n; i++)
            assert(x[i] == again[i] || (x[i] != x[i] && again[i] != again[i]));
    }
    buf_free(&b);
    ax_arena_fini(&mem);
    return 0;
}
