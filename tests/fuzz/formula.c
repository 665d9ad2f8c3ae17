/* Any bytes as a formula: refused with a place, or all its outputs run, and its text reads back. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "activation/formula/formula.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ax_act_param params[] = {{"beta", 1.5, -10, 10, 0, ""}, {"g", 0.25, 0.01, 1, 0, ""}};
static const double values[] = {1.5, 0.25};

static void run(const ax_formula *f, int outputs, float y[][8])
{
    static const float x[8] = {-1e30f, -3.5f, -0.0f, 1e-3f, 1, 20, 1e4f, NAN};
    const float dy[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float dx[8];
    for (int w = 0; w < outputs; w++) {
        ax_formula_run(f, w, values, x, y[w], 8);
        assert(isnan(y[w][7]));
    }
    ax_formula_backward(f, values, x, dy, dx, 8);
    double at[16];
    int n = ax_formula_kinks(f, values, at, 16);
    for (int i = 1; i < n; i++)
        assert(at[i - 1] < at[i]);
}

/* the first byte says how many parameters are declared */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2000];
    ax_act_param declared[3] = {{0}};
    ax_arena arena;
    ax_err err = {0};
    if (size < 1 || size > sizeof text)
        return 0;
    int n = data[0] % 3; /* "0", "1" or "2" */
    memcpy(declared, params, (size_t)n * sizeof *params);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    ax_arena_init(&arena, 1 << 24);
    const ax_formula *f = ax_formula_new(&arena, text, declared, &err), *again;
    float y[5][8], z[5][8];
    if (f) {
        run(f, AX_FORMULA_DP + n, y);
        /* simplified away, a parameter may be unused now: that is an error, too */
        again = ax_formula_new(&arena, ax_formula_text(f, AX_FORMULA_F), declared, &err);
        if (again) {
            assert(strcmp(ax_formula_text(again, AX_FORMULA_F), ax_formula_text(f, AX_FORMULA_F)) == 0);
            run(again, 1, z);
            for (int i = 0; i < 7; i++)
                assert(memcmp(&y[0][i], &z[0][i], sizeof(float)) == 0 ||
                       (isnan(y[0][i]) && isnan(z[0][i])));
        }
    } else {
        assert(err.code && err.msg[0]);
    }
    ax_arena_fini(&arena);
    return 0;
}
