/* act_rows.h - what the tests of functions of whole rows share: the same rows on every instruction
 * set, touching and strided, alone and among others, in place, must give the same bits. */
#ifndef TESTS_ACT_ROWS_H
#define TESTS_ACT_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "act_reference.h"
#include "activation/activation.h"
#include "math/cpu.h"

enum { LONGEST = 5000, MOST = 3 * LONGEST };
#define INF INFINITY

static uint32_t seed = 1;

static inline float uniform(void) /* [-1, 1) */
{
    seed = seed * 1664525u + 1013904223u;
    return (float)((int32_t)seed >> 8) * 0x1p-23f;
}

static const char *isas[AX_ISAS];
static int n_isas;

static inline void find_isas(void)
{
    for (int i = 0; i < AX_ISAS; i++)
        if (ax_isa_supported((ax_isa)i))
            isas[n_isas++] = ax_isa_name((ax_isa)i);
}

static inline void use(int isa)
{
    assert_int_equal(ax_isa_force(isas[isa], NULL), 0);
}

/* {"name":"softmax","temperature":0.5} */
static inline ax_act act_of(const char *json)
{
    ax_act a;
    ax_err err = {0};
    cJSON *j = cJSON_Parse(json);
    if (ax_act_from_json(j, NULL, &a, &err))
        fail_msg("%s: %s", json, err.msg);
    cJSON_Delete(j);
    return a;
}

static inline int same_bits(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return 0;
    return 1;
}

/* (outer, len) to (len, outer): what was a row is now a column */
static inline void transpose(const float *x, float *t, int outer, int len)
{
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < len; i++)
            t[i * outer + o] = x[o * len + i];
}

/* y = f(x) in every way; the arrays have room for twice MOST */
static inline void check_ways(const ax_act *a, const float *x, const float *y, int outer, int len)
{
    static float xt[2 * MOST], yt[2 * MOST], got[2 * MOST + 1];
    int m = (int)ax_act_out_len(a, len);
    transpose(x, xt, outer, len);
    transpose(y, yt, outer, m);
    for (int i = 0; i < n_isas; i++) {
        use(i);
        got[outer * m] = 77;
        ax_act_rows(a, x, got, outer, len, 1);
        assert_true(same_bits(got, y, outer * m) && got[outer * m] == 77);
        for (int o = 0; o < outer; o++) /* a row does not depend on its neighbours */
            ax_act_rows(a, x + o * len, got + o * m, 1, len, 1);
        assert_true(same_bits(got, y, outer * m));
        ax_act_rows(a, xt, got, 1, len, outer);
        assert_true(same_bits(got, yt, outer * m) && got[outer * m] == 77);
        if (m != len)
            continue;
        memcpy(got, xt, (size_t)(outer * len) * sizeof *got);
        ax_act_rows(a, got, got, 1, len, outer); /* in place */
        assert_true(same_bits(got, yt, outer * m));
    }
}

/* dx from `saved` (x or y) and dy in every way */
static inline void check_ways_back(const ax_act *a, const float *saved, const float *dy,
                                   const float *dx, int outer, int len)
{
    static float st[2 * MOST], dt[2 * MOST], want[2 * MOST], got[2 * MOST + 1];
    int m = (int)ax_act_out_len(a, len), x_wanted = a->row->from_input;
    transpose(saved, st, outer, x_wanted ? len : m);
    transpose(dy, dt, outer, m);
    transpose(dx, want, outer, len);
    for (int i = 0; i < n_isas; i++) {
        use(i);
        got[outer * len] = 77;
        ax_act_rows_backward(a, saved, dy, got, outer, len, 1);
        assert_true(same_bits(got, dx, outer * len) && got[outer * len] == 77);
        ax_act_rows_backward(a, st, dt, got, 1, len, outer);
        assert_true(same_bits(got, want, outer * len) && got[outer * len] == 77);
        memcpy(got, x_wanted ? saved : dy, (size_t)(outer * len) * sizeof *got);
        ax_act_rows_backward(a, x_wanted ? got : saved, x_wanted ? dy : got, got, outer, len, 1);
        assert_true(same_bits(got, dx, outer * len)); /* in place */
    }
}

/* several blocks of strided rows: row by row it must be the same */
static inline void check_outer_inner(const char *json, int len)
{
    enum { OUTER = 3, INNER = 21, ROOM = 24 };
    static float x[OUTER * ROOM * INNER], y[2 * OUTER * ROOM * INNER], row[ROOM], want[2 * ROOM];
    ax_act a = act_of(json);
    int m = (int)ax_act_out_len(&a, len);
    assert_true(len <= ROOM && m > 0);
    use(n_isas - 1);
    for (int i = 0; i < OUTER * len * INNER; i++)
        x[i] = uniform() * 5;
    ax_act_rows(&a, x, y, OUTER, len, INNER);
    for (int o = 0; o < OUTER; o++)
        for (int c = 0; c < INNER; c++) {
            for (int i = 0; i < len; i++)
                row[i] = x[(o * len + i) * INNER + c];
            ax_act_rows(&a, row, want, 1, len, 1);
            for (int i = 0; i < m; i++)
                assert_true(want[i] == y[(o * m + i) * INNER + c]);
        }
}

#endif
