/* cli_samples.c - tests of files as samples: every kind, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/samples.h"

static char folder[] = "/tmp/axond-samples-XXXXXX";

static const ax_port vector[] = {{"x", AX_F32, {1, {3}}, NULL}};
static const ax_port picture[] = {{"image", AX_F32, {3, {1, 2, 2}}, NULL}};
static const ax_port two[] = {{"a", AX_F32, {1, {2}}, NULL}, {"ids", AX_I64, {1, {1}}, NULL}};
static const ax_model_info vector_model = {
    .name = "v", .batches = 1, .inputs = vector, .n_inputs = 1};
static const ax_model_info picture_model = {
    .name = "p", .batches = 1, .inputs = picture, .n_inputs = 1};
static const ax_model_info two_model = {.name = "t", .batches = 1, .inputs = two, .n_inputs = 2};

static const char *file_with(const char *bytes, size_t n)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

static void good_text(void **state)
{
    static const struct {
        const ax_model_info *m;
        const char *text;
        int64_t rows;
        double sum; /* of all numbers of all inputs */
    } cases[] = {
        {&vector_model, "[1,2,3]", 1, 6},
        {&vector_model, " [[1,2,3],[4,5,6]]\n", 2, 21},
        {&vector_model, "{\"inputs\":[[1,2,3]]}", 1, 6},
        {&vector_model, "{\"instances\":[1,2,3.5]}", 1, 6.5},
        {&vector_model, "{\"inputs\":{\"x\":[[1,2,3],[1,1,1]]}}", 2, 9},
        {&picture_model, "[[[[1,2],[3,4]]]]", 1, 10},
        {&picture_model, "[[[1,2],[3,4]]]", 1, 10},
        {&picture_model, "[1,2,3,4]", 1, 10},
        {&picture_model, "[[1,2,3,4],[1,1,1,1]]", 2, 14},
        {&two_model, "{\"inputs\":{\"a\":[[1,2],[3,4]],\"ids\":[[5],[6]]}}", 2, 21},
        {&vector_model, "a,b,c\n1,2,3\n4,5,6\n", 2, 21},
        {&vector_model, "1,2,3\n4,5,6", 2, 21},
        {&vector_model, "1, 2 ,3\r\n", 1, 6},
        {&vector_model, "1,2,3", 1, 6},
        {&vector_model,
         "\xef\xbb\xbf"
         "1,2,3\n",
         1, 6},
        {&vector_model, "\"a\",\"b\",\"c,d\"\n1e1,-2,.5\n", 1, 8.5},
        {&picture_model, "1x1,1x2,2x1,2x2\n1,2,3,4\n", 1, 10}, /* names may begin with digits */
        {&vector_model, "\n1,2,3\n", 1, 6},
        {&vector_model, "\"1\",\"2\",\"3\"\n4,5,6\n", 2, 21},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        samples s;
        ax_err err = {0};
        double sum = 0;
        const ax_model_info *m = cases[i].m;
        if (samples_read(&s, file_with(cases[i].text, strlen(cases[i].text)), m, &err))
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(s.rows, cases[i].rows);
        for (int k = 0; k < m->n_inputs; k++)
            for (int64_t e = 0; e < s.rows * ax_shape_count(&m->inputs[k].shape); e++)
                sum += m->inputs[k].dtype == AX_F32 ? (double)((float *)s.data[k])[e]
                                                    : (double)((int64_t *)s.data[k])[e];
        assert_true(sum == cases[i].sum);
        samples_free(&s);
    }
}

static void bad_text(void **state)
{
    static const struct {
        const ax_model_info *m;
        const char *text, *message;
    } cases[] = {
        {&vector_model, "", "empty"},
        {&vector_model, " \n", "empty"},
        {&vector_model, "[1,2]", "(2)"},
        {&vector_model, "[[1,2,3],[1,2]]", "inputs[1]: expected an array of 3"},
        {&vector_model, "[[1,2,3],[1,2,\"x\"]]", "inputs[1][2]: expected a number"},
        {&vector_model, "[[1,2,3],[1,2,true]]", "inputs[1][2]: expected a number"},
        {&vector_model, "[[1,2,3],[1,2,1e39]]", "inputs[1][2]: 1e39 does not fit float32"},
        {&vector_model, "[1,2,[3]]", "expected a number"},
        {&vector_model, "[]", "empty"},
        {&vector_model, "[1,2,3", "file"},
        {&vector_model, "{\"input\":[1,2,3]}", "input"},
        {&vector_model, "{}", "\"inputs\" is missing"},
        {&vector_model, "{\"inputs\":[1,2,3],\"top\":2}", "'top' of POST /predict is not taken"},
        {&vector_model, "{\"model\":\"m\",\"inputs\":[1,2,3]}", "'model' of POST /predict is not"},
        {&vector_model, "{\"outputs\":[\"a\"],\"inputs\":[1,2,3]}", "'outputs' of POST"},
        {&vector_model, "{\"inputs\":[1,2,3],\"instances\":[1,2,3]}", "expected one"},
        {&vector_model, "{\"instances\":[[1,2,\"x\"]]}", "instances[0][2]: expected a number"},
        {&vector_model, "{\"inputs\":{\"y\":[1,2,3]}}", "y"},
        {&vector_model, "{\"inputs\":3}", "shape"},
        {&two_model, "[1,2]", "takes 2 inputs"},
        {&two_model, "{\"inputs\":{\"a\":[[1,2]]}}", "'ids' is missing"},
        {&two_model, "{\"inputs\":{\"a\":[[1,2],[3,4]],\"ids\":[[5]]}}", "1 samples, 'a' has 2"},
        {&two_model, "{\"inputs\":{\"a\":[[1,2]],\"ids\":[[0.5]]}}",
         "inputs.ids[0][0]: 0.5 does not fit int64"},
        {&two_model, "1,2,3", "takes 2 inputs"},
        {&vector_model, "1,2,3\n4,5\n", ": line 2 has fewer fields than the 3 of the first line"},
        {&vector_model, "1,2\n", "2 columns"},
        {&vector_model, "1,2,NaN\n", "column 3 has 1 missing values, the first in line 1"},
        {&vector_model, "1,2,3\n1,2,\n", "column 3 has 1 missing values, the first in line 2"},
        {&vector_model, "1,2,3\n1,2,1e999\n", "of sample 1: "},
        {&vector_model, "1,2,3\n1,2,x\n", "column 3 holds text in line 2, expected numbers"},
        {&vector_model, "a,b,c\n1,2,x\n", "column 3 ('c') holds text in line 2"},
        {&vector_model, "1,2,3\n1,2,1e99\n", "column 3 of sample 1: 1e99 does not fit float32"},
        {&vector_model, "a,b,c\n", "file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        samples s;
        ax_err err = {0};
        const char *path = file_with(cases[i].text, strlen(cases[i].text));
        if (samples_read(&s, path, cases[i].m, &err) != -1)
            fail_msg("%s: taken", cases[i].text);
        if (!strstr(err.msg, cases[i].message) || !strstr(err.msg, path))
            fail_msg("%s: '%s'", cases[i].text, err.msg);
    }
}

static void deep_nesting_is_refused(void **state)
{
    char text[4096];
    samples s;
    ax_err err = {0};
    (void)state;
    for (int depth = 4; depth <= 2000; depth *= 2) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(samples_read(&s, file_with(text, 2 * (size_t)depth), &picture_model, &err),
                         -1);
    }
}

static void pictures(void **state)
{
    uint8_t pixels[] = {0, 255, 7, 100};
    char path[64];
    samples s;
    ax_err err = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/p.png", folder);
    assert_int_equal(ax_image_encode_png(path, 1, 2, 2, pixels, &err), 0);
    assert_int_equal(samples_read(&s, path, &picture_model, &err), 0);
    assert_int_equal(s.rows, 1);
    for (int i = 0; i < 4; i++)
        assert_true(((float *)s.data[0])[i] == pixels[i]);
    samples_free(&s);
    assert_int_equal(samples_read(&s, path, &vector_model, &err), -1);
    assert_non_null(strstr(err.msg, "a picture does not fit"));
    assert_int_equal(samples_read(&s, path, &two_model, &err), -1);
    ax_map map;
    assert_int_equal(ax_map_open(&map, path, &err), 0);
    for (size_t n = 4; n < map.size; n++) { /* cut short anywhere */
        char *copy = malloc(n);
        memcpy(copy, map.data, n);
        int r = samples_read(&s, file_with(copy, n), &picture_model, &err);
        free(copy);
        if (r == 0) /* only the end mark may be missing */
            samples_free(&s);
        else
            assert_true(err.code == AX_EPARSE || err.code == AX_EUNSUPPORTED);
    }
    ax_map_close(&map);
    unlink(path);
}

static void arrays(void **state)
{
    double d[] = {1, 2, 3, 4, 5, 6};
    int64_t whole[] = {1, 2, 3};
    float bad[] = {1, 2, NAN};
    static const char *const none = "";
    const struct {
        ax_tensor t;
        int64_t rows;
        const char *message;
    } cases[] = {
        {{AX_F64, {2, {2, 3}}, d}, 2, none},     {{AX_I64, {1, {3}}, whole}, 1, none},
        {{AX_F64, {2, {3, 2}}, d}, 0, "(3, 2)"}, {{AX_F32, {1, {3}}, bad}, 0, "element 2 is NaN"},
        {{AX_F64, {2, {0, 3}}, d}, 0, "(0, 3)"},
    };
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "%s/a.npy", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        samples s;
        ax_err err = {0};
        assert_int_equal(ax_npy_save(path, &cases[i].t, &err), 0);
        int r = samples_read(&s, path, &vector_model, &err);
        if (r != (cases[i].rows ? 0 : -1) || !strstr(err.msg, cases[i].message))
            fail_msg("case %zu: %d %s", i, r, err.msg);
        if (r == 0) {
            assert_int_equal(s.rows, cases[i].rows);
            assert_true(((float *)s.data[0])[2] == 3);
            samples_free(&s);
        }
    }
    unlink(path);
}

static void other_bytes(void **state)
{
    samples s;
    ax_err err = {0};
    (void)state;
    assert_int_equal(samples_read(&s, file_with("GIF89a\0\0\0", 9), &vector_model, &err), -1);
    assert_int_equal(err.code, AX_EUNSUPPORTED);
    assert_int_equal(samples_read(&s, "/nowhere/at/all", &vector_model, &err), -1);
    assert_non_null(strstr(err.msg, "/nowhere/at/all"));
    assert_int_equal(samples_read(&s, folder, &vector_model, &err), -1);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(file_with("", 0));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text),
        cmocka_unit_test(bad_text),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(pictures),
        cmocka_unit_test(arrays),
        cmocka_unit_test(other_bytes),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
