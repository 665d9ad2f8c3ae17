/* Any bytes as the body of a predict request, for models with all kinds of inputs. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "server/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ax_port vec[] = {{"x", AX_F32, {1, {3}}}};
static const ax_port mix[] = {{"a", AX_F32, {2, {2, 2}}},
                              {"b", AX_I32, {0, {0}}},
                              {"c", AX_BOOL, {1, {1}}},
                              {"d", AX_F64, {1, {2}}}};

static int find(void *ctx, const char *name, const ax_port **ports, int *n, problem *why)
{
    (void)ctx;
    if (name && strcmp(name, "mix"))
        return problem_set(why, 404, "unknown_model", "no model '%s'", name);
    *ports = name ? mix : vec;
    *n = name ? 4 : 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    problem why = {.status = 0};
    wire_request r = {0};
    ax_arena mem;
    ax_arena_init(&mem, 0);
    if (wire_parse((const char *)data, size, 1000, find, NULL, &mem, &r, &why) < 0) {
        assert(why.status >= 400 && why.status < 600 && why.err.msg[0]);
    } else {
        const float *x = r.data[0];
        assert(r.rows >= 1 && r.rows <= 1000);
        for (int64_t i = 0; i < r.rows * (r.model ? 4 : 3); i++)
            assert(isfinite(x[i]));
    }
    ax_arena_fini(&mem);
    return 0;
}
