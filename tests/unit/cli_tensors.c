/* cli_tensors.c - tests of element types and shapes on their way into a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tensors.h"

static void numbers_that_fit(void **state)
{
    static const struct {
        double v;
        ax_dtype to;
        int fits;
    } cases[] = {
        {0.1, AX_F32, 1},          {FLT_MAX, AX_F32, 1},      {3.4028235e38, AX_F32, 1},
        {3.41e38, AX_F32, 0},      {-1e300, AX_F32, 0},       {NAN, AX_F32, 1},
        {INFINITY, AX_F32, 1},     {1e300, AX_F64, 1},        {1, AX_I64, 1},
        {0.5, AX_I64, 0},          {NAN, AX_I64, 0},          {1e19, AX_I64, 0},
        {-0x1p63, AX_I64, 1},      {0x1p63, AX_I64, 0},       {INFINITY, AX_I32, 0},
        {2147483647, AX_I32, 1},   {2147483648.0, AX_I32, 0}, {-2147483648.0, AX_I32, 1},
        {255, AX_U8, 1},           {256, AX_U8, 0},           {-1, AX_U8, 0},
        {1, AX_BOOL, 1},           {2, AX_BOOL, 0},           {-0.0, AX_U8, 1},
        {-128, AX_I8, 1},          {128, AX_I8, 0},           {-32769, AX_I16, 0},
        {65535, AX_U16, 1},        {-1, AX_U16, 0},           {4294967295.0, AX_U32, 1},
        {4294967296.0, AX_U32, 0}, {0x1p63, AX_U64, 1},       {0x1p64, AX_U64, 0},
        {-1, AX_U64, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        union {
            int64_t i;
            double d;
        } out = {0};
        int got = tensor_store(cases[i].v, cases[i].to, &out, 0) == 0;
        if (got != cases[i].fits)
            fail_msg("%g as %s: %d", cases[i].v, ax_dtype_name(cases[i].to), got);
        if (got && !isnan(cases[i].v) && cases[i].to != AX_F32)
            assert_true(tensor_number(cases[i].to, &out, 0) == cases[i].v);
    }
}

static void every_pair_of_types(void **state)
{
    static const double values[] = {0, 1, 1, 0, 1};
    char from[5 * 8], to[5 * 8];
    (void)state;
    for (int a = 0; a < AX_DTYPES; a++)
        for (int b = 0; b < AX_DTYPES; b++) {
            for (int i = 0; i < 5; i++)
                assert_int_equal(tensor_store(values[i], (ax_dtype)a, from, i), 0);
            ax_tensor t = {(ax_dtype)a, AX_SHAPE(5), from};
            assert_int_equal(tensor_convert(&t, (ax_dtype)b, to, NULL), 0);
            for (int i = 0; i < 5; i++)
                assert_true(tensor_number((ax_dtype)b, to, i) == values[i]);
        }
}

/* Through a double these would be rounded. */
static void large_integers_stay_exact(void **state)
{
    int64_t x[2] = {INT64_MAX, (INT64_C(1) << 53) + 1};
    int32_t narrow[2];
    ax_tensor t = {AX_I64, AX_SHAPE(2), x};
    ax_err err = {0};
    (void)state;
    cJSON *j = tensor_json(AX_I64, &t.shape, x, 0);
    char *text = cJSON_PrintUnformatted(j);
    assert_string_equal(text, "[9223372036854775807,9007199254740993]");
    cJSON_free(text);
    cJSON_Delete(j);
    uint64_t u[2] = {UINT64_MAX, 1};
    int64_t wide[2];
    ax_tensor large = {AX_U64, AX_SHAPE(2), u};
    j = tensor_json(AX_U64, &large.shape, u, 0);
    text = cJSON_PrintUnformatted(j);
    assert_string_equal(text, "[18446744073709551615,1]");
    cJSON_free(text);
    cJSON_Delete(j);
    assert_int_equal(tensor_convert(&large, AX_I64, wide, &err), -1);
    assert_int_equal(
        tensor_convert(&(ax_tensor){AX_I64, AX_SHAPE(1), (int64_t[]){-1}}, AX_U64, u, &err), -1);
    assert_int_equal(tensor_convert(&t, AX_I32, narrow, &err), -1);
    assert_int_equal(err.code, AX_ERANGE);
    assert_string_equal(err.at, "[0]");
}

static void shapes(void **state)
{
    static const struct {
        ax_shape have, port;
        int64_t rows; /* 0: refused */
        int bare;
    } cases[] = {
        {{4, {5, 1, 28, 28}}, {3, {1, 28, 28}}, 5, 0},
        {{3, {1, 28, 28}}, {3, {1, 28, 28}}, 1, 1},
        {{2, {5, 784}}, {3, {1, 28, 28}}, 5, 0},
        {{1, {784}}, {3, {1, 28, 28}}, 1, 1},
        {{3, {5, 28, 28}}, {3, {1, 28, 28}}, 0, 0},
        {{2, {28, 28}}, {3, {1, 28, 28}}, 0, 0},
        {{4, {0, 1, 28, 28}}, {3, {1, 28, 28}}, 0, 0},
        {{0, {0}}, {3, {1, 28, 28}}, 0, 0},
        {{1, {4}}, {1, {4}}, 1, 1},
        {{2, {3, 4}}, {1, {4}}, 3, 0},
        {{2, {4, 3}}, {1, {4}}, 0, 0},
        {{2, {1, 1}}, {1, {1}}, 1, 0},
        {{1, {7}}, {0, {0}}, 7, 0}, /* a scalar a sample */
        {{0, {0}}, {0, {0}}, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_port p = {"x", AX_F32, cases[i].port, NULL};
        int64_t rows = 0;
        int bare = 0;
        ax_err err = {0};
        int r = tensor_rows(&cases[i].have, &p, &rows, &bare, &err);
        if (r != (cases[i].rows ? 0 : -1) || rows != cases[i].rows || bare != cases[i].bare)
            fail_msg("case %zu: %d, %lld rows, bare %d: %s", i, r, (long long)rows, bare, err.msg);
        if (r)
            assert_int_equal(err.code, AX_ESHAPE);
    }
}

static void shortest_float32(void **state)
{
    static const struct {
        float v;
        const char *text;
    } cases[] = {
        {0.1f, "0.1"},          {1.0f / 3, "0.33333334"}, {16777216, "16777216"},
        {1e-45f, "1.4013e-45"}, {-0.5f, "-0.5"},          {0, "0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *j = tensor_json_number(AX_F32, &cases[i].v, 0);
        char *text = cJSON_PrintUnformatted(j);
        assert_true(strtof(text, NULL) == cases[i].v);
        assert_string_equal(text, cases[i].text);
        cJSON_free(text);
        cJSON_Delete(j);
    }
}

static void nested_json(void **state)
{
    float x[] = {9, 1, 2, 3, 4, 5, 6};
    (void)state;
    cJSON *j = tensor_json(AX_F32, &AX_SHAPE(2, 3), x, 1);
    char *text = cJSON_PrintUnformatted(j);
    assert_string_equal(text, "[[1,2,3],[4,5,6]]");
    cJSON_free(text);
    cJSON_Delete(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_fit),          cmocka_unit_test(every_pair_of_types),
        cmocka_unit_test(large_integers_stay_exact), cmocka_unit_test(shapes),
        cmocka_unit_test(shortest_float32),          cmocka_unit_test(nested_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
