/* Any bytes as the body of a predict request, for models with all kinds of inputs. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "server/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ax_port vec[] = {{"x", AX_F32, {1, {3}}, NULL}};
static const ax_port mix[] = {{"a", AX_F32, {2, {2, 2}}, NULL},
                              {"b", AX_I32, {0, {0}}, NULL},
                              {"c", AX_BOOL, {1, {1}}, NULL},
                              {"d", AX_F64, {1, {2}}, NULL}};

static const char *const names[] = {"", "time"};
static const ax_port open[] = {{"a", AX_F32, {2, {-1, -1}}, names}, {"b", AX_U8, {-1, {0}}, NULL}};
static volatile unsigned touched; /* so that reads of numbers are not optimised away */

static int find(void *ctx, const char *name, wire_ports *ports, problem *why)
{
    (void)ctx;
    int whole = name && !strcmp(name, "open");
    if (name && !whole && strcmp(name, "mix"))
        return problem_set(why, 404, "unknown_model", "no model '%s'", name);
    *ports = whole ? (wire_ports){open, 2, 1} : (wire_ports){name ? mix : vec, name ? 4 : 1, 0};
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
        int64_t n = r.whole ? ax_shape_count(&r.shape[0]) : r.rows * (r.model ? 4 : 3);
        for (int64_t i = 0; i < n; i++)
            assert(isfinite(x[i]));
        for (int64_t i = 0; r.whole && i < ax_shape_count(&r.shape[1]); i++)
            touched += ((const unsigned char *)r.data[1])[i];
    }
    ax_arena_fini(&mem);
    return 0;
}
