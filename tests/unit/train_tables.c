/* Tables as data sets: what becomes a feature, what stands where a value is missing, which tables
 * are refused and in which words; descriptions; sets kept under a name; inputs that normalise
 * themselves. */
#include <fcntl.h>
#include <zlib.h>

#include "io/gzip.h"
#include "train/normalize.h"
#include "train_util.h"

static cJSON *source_of(const char *file, const char *more)
{
    char text[512];
    snprintf(text, sizeof text, "{\"csv\":\"%s\"%s}", in_folder(file), more);
    cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    return o;
}

static int load(ax_dataset *d, const char *table, const char *more, ax_err *err)
{
    write_text("table.csv", table);
    cJSON *o = source_of("table.csv", more);
    int bad = ax_dataset_load(d, o, NULL, 1, err);
    cJSON_Delete(o);
    return bad;
}

static void same_text(cJSON *o, const char *want, const char *what)
{
    char *text = ax_json_text(o, 0);
    if (strcmp(text ? text : "null", want))
        fail_msg("%s:\n%s\nexpected\n%s", what, text, want);
    cJSON_free(text);
    cJSON_Delete(o);
}

/* ---- features -----------------------------------------------------------------------------------
 */

static void test_features(void **state)
{
    (void)state;
    static const struct {
        const char *table, *more, *features, *imputed;
        int width;
        float x[12]; /* of the first rows */
        float y[4];
    } rows[] = {
        {"a,b,y\n1,2,0\n3,4,1\n", "", "[\"a\",\"b\"]", "null", 2, {1, 2, 3, 4}, {0, 1}},
        {"y,a,b\n0,1,2\n1,3,4\n",
         ",\"label\":\"y\"",
         "[\"a\",\"b\"]",
         "null",
         2,
         {1, 2, 3, 4},
         {0, 1}},
        {"colour,y\nred,0\nblue,1\nred,0\n",
         "",
         "[\"colour=blue\",\"colour=red\"]",
         "null",
         2,
         {0, 1, 1, 0, 0, 1},
         {0, 1, 0}},
        {"c,n,y\nb,5,0\nB,6,1\n\xc3\xa4,7,1\n",
         "",
         "[\"c=B\",\"c=b\",\"c=\xc3\xa4\",\"n\"]",
         "null",
         4,
         {0, 1, 0, 5, 1, 0, 0, 6, 0, 0, 1, 7},
         {0, 1, 1}},
        {"c,y\n\"x, \"\"y\"\"\",0\nz,1\n",
         "",
         "[\"c=x, \\\"y\\\"\",\"c=z\"]",
         "null",
         2,
         {1, 0, 0, 1},
         {0, 1}},
        {"a,y\n1,0\n,1\n4,1\n7,1\n",
         ",\"missing\":\"mean\"",
         "[\"a\"]",
         "{\"a\":4}",
         1,
         {1, 4, 4, 7},
         {0, 1, 1, 1}},
        {"a,y\n1,0\nNA,1\n2,1\n9,1\n",
         ",\"missing\":\"median\"",
         "[\"a\"]",
         "{\"a\":2}",
         1,
         {1, 2, 2, 9},
         {0, 1, 1, 1}},
        {"a,y\n1,0\nnan,1\n2,1\n9,1\n8,0\n",
         ",\"missing\":\"median\"",
         "[\"a\"]",
         "{\"a\":5}",
         1,
         {1, 5, 2, 9, 8},
         {0, 1, 1, 1}},
        {"a,y\n3,0\n,1\n3,1\n1,1\n1,0\n",
         ",\"missing\":\"most_frequent\"",
         "[\"a\"]",
         "{\"a\":1}",
         1,
         {3, 1, 3, 1, 1},
         {0, 1, 1, 1}},
        {"a,y\n3,0\n,1\n3,1\n1,1\n",
         ",\"missing\":\"most_frequent\"",
         "[\"a\"]",
         "{\"a\":3}",
         1,
         {3, 3, 3, 1},
         {0, 1, 1, 1}},
        {"c,y\nu,0\n,1\nt,1\n",
         ",\"missing\":\"mean\"",
         "[\"c=t\",\"c=u\"]",
         "{\"c\":\"t\"}",
         2,
         {0, 1, 1, 0, 1, 0},
         {0, 1, 1}},
        {"c,y\nu,0\n,1\nu,1\nt,1\n",
         ",\"missing\":\"median\"",
         "[\"c=t\",\"c=u\"]",
         "{\"c\":\"u\"}",
         2,
         {0, 1, 0, 1, 0, 1, 1, 0},
         {0, 1, 1, 1}},
        {"c,y\nu,0\nu,1\n", ",\"missing\":\"mean\"", "[\"c=u\"]", "null", 1, {1, 1}, {0, 1}},
        {"1,2\n3,4\n", ",\"header\":false", "[\"1\"]", "null", 1, {1, 3}, {2, 4}},
        {"red,2.5\nblue,4\n",
         ",\"header\":false",
         "[\"1=blue\",\"1=red\"]",
         "null",
         2,
         {0, 1, 1, 0},
         {2.5f, 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_dataset d;
        ax_err err = {0};
        int failed = 0;
        if (load(&d, rows[i].table, rows[i].more, &err))
            fail_msg("%s%s: %s", rows[i].table, rows[i].more, err.msg);
        assert_int_equal(d.x_shape.dim[0], rows[i].width);
        for (int k = 0; k < 12 && k < d.train.n * rows[i].width; k++)
            if (((const float *)d.train.x)[k] != rows[i].x[k])
                fail_msg("%s: number %d is %g", rows[i].table, k, ((const float *)d.train.x)[k]);
        for (int k = 0; k < 4 && k < d.train.n; k++)
            assert_float_equal((d.train.classes ? (float)d.train.classes[k] : d.train.y[k]),
                               rows[i].y[k], 0);
        same_text(ax_dataset_features(&d, &failed), rows[i].features, rows[i].table);
        same_text(ax_dataset_imputed(&d, &failed), rows[i].imputed, rows[i].table);
        assert_int_equal(failed, 0);
        ax_dataset_free(&d);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *table, *more, *word; /* in the message, or the place */
    } rows[] = {
        {"a,y\n1,0\n,1\n", "", "column 1 ('a') has 1 missing values, the first in line 3"},
        {"a,y\n1,0\n,1\n", ",\"missing\":\"refuse\"", "line 3"},
        {"c,y\nu,0\n,1\n", "", "column 1 ('c') has 1 missing values, the first in line 3"},
        {"a,y\n,0\n,1\n", ",\"missing\":\"mean\"", "column 1 ('a') has no value at all"},
        {"a,y\n1,0\n2,\n", ",\"missing\":\"mean\"",
         "the label, column 2 ('y'), has missing values, the first in line 3"},
        {"a,b,y\n1,2,0\n1,x,1\n", "",
         "column 2 ('b') holds text in line 3, but a number in line 2"},
        {"a,b,y\n1,x,0\n1,2,1\n", ",\"missing\":\"mean\"",
         "column 2 ('b') holds text in line 2, but a number in line 3"},
        {"a,y\n1e39,0\n1,1\n", "",
         "column 1 ('a') holds a number in line 2 that does not fit float32"},
        {"a,y\n1e999,0\n-1e999,1\n", "",
         "column 1 ('a') holds a number in line 2 that does not fit float32"},
        {"a,y\n1,0\n1,-1e39\n", "",
         "the label, column 2 ('y'), is a number in line 3 that does not fit float32"},
        {"a,y\n1,0\n", ",\"missing\":\"average\"",
         "'average' is none of refuse, mean, median, most_frequent"},
        {"a,y\n1,0\n", ",\"missing\":1", "missing"},
        {"a,y\n1,0\n", ",\"labels\":\"y\"", "labels"},
        {"a,y\n1,0\n", ",\"label\":\"Y2\"", "the table has no column 'Y2'"},
        {"y\n1\n", "", "no column besides the label"},
        {"a,y\n1\n", "", "line 2 has fewer fields"},
        {"a,y\n1,2,3\n", "", "line 2 has more fields"},
        {"a,y\n", "", "no rows"},
        {"", "", "empty"},
        {"a,a\n1,2\n", "", "two columns are called 'a'"},
        {",a\n1,2\n", "", "line 1, column 1"},
        {"a,y\n\"1,2\n", "", "never closed"},
        {"a,y\n1,\xff\n", "", "line 2: the byte 0xff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_dataset d;
        ax_err err = {0};
        if (!load(&d, rows[i].table, rows[i].more, &err) ||
            (!strstr(err.msg, rows[i].word) && strcmp(err.at, rows[i].word)))
            fail_msg("%s%s: %s (at %s)", rows[i].table, rows[i].more, err.msg, err.at);
    }
}

/* As many values as are allowed, and one more. */
static void test_many_values(void **state)
{
    (void)state;
    for (int n = 1000; n <= 1001; n++) {
        char *table = malloc(16 * 1024), *p = table + sprintf(table, "c,y\n");
        ax_dataset d;
        ax_err err = {0};
        for (int i = 0; i < n; i++)
            p += sprintf(p, "v%d,%d\n", i, i % 2);
        int bad = load(&d, table, "", &err);
        assert_int_equal(bad, n == 1000 ? 0 : -1);
        if (bad)
            assert_non_null(strstr(err.msg, "column 1 ('c') holds text of 1001 kinds"));
        else
            ax_dataset_free(&d);
        free(table);
    }
}

/* ---- descriptions -------------------------------------------------------------------------------
 */

static cJSON *describe(cJSON *source, const char *data_dir)
{
    ax_err err = {0};
    cJSON *o = ax_dataset_describe(source, data_dir, 1, &err);
    cJSON_Delete(source);
    if (!o)
        fail_msg("%s", err.msg);
    return o;
}

static void test_describe(void **state)
{
    (void)state;
    write_text("a.csv", "size,colour,kind\n0.1,red,cat\n,blue,dog\n0.5,,cat\n0.3,red,cat\n");
    same_text(
        describe(source_of("a.csv", ",\"missing\":\"mean\""), NULL),
        "{\"kind\":\"csv\",\"rows\":4,\"test_rows\":0,\"type\":\"float32\",\"shape\":[3],"
        "\"features\":[\"size\",\"colour=blue\",\"colour=red\"],\"columns\":["
        "{\"name\":\"size\",\"type\":\"number\",\"missing\":1,\"imputed\":0.3,\"min\":0.1,\"max\":"
        "0.5,\"mean\":0.3},"
        "{\"name\":\"colour\",\"type\":\"text\",\"missing\":1,\"imputed\":\"red\",\"values\":["
        "\"blue\",\"red\"]}],"
        "\"label\":\"kind\",\"n_classes\":2,\"classes\":[{\"class\":0,\"label\":\"cat\",\"rows\":3}"
        ","
        "{\"class\":1,\"label\":\"dog\",\"rows\":1}],\"sample\":[{\"x\":[0.1,0,1],\"y\":\"cat\"},"
        "{\"x\":[0.3,1,0],\"y\":\"dog\"},{\"x\":[0.5,0,1],\"y\":\"cat\"}]}",
        "a table");
    write_text("b.csv", "a,y\n1,0.5\n2,-1.5\n");
    same_text(describe(source_of("b.csv", ""), NULL),
              "{\"kind\":\"csv\",\"rows\":2,\"test_rows\":0,\"type\":\"float32\",\"shape\":[1],"
              "\"features\":[\"a\"],"
              "\"columns\":[{\"name\":\"a\",\"type\":\"number\",\"missing\":0,\"min\":1,\"max\":2,"
              "\"mean\":1.5}],"
              "\"label\":\"y\",\"targets\":{\"shape\":[1],\"min\":-1.5,\"max\":0.5,\"mean\":-0.5},"
              "\"sample\":[{\"x\":[1],\"y\":0.5},{\"x\":[2],\"y\":-1.5}]}",
              "numbers to learn");
    same_text(describe(cJSON_Parse("{\"x\":[[1,2],[3,4]],\"y\":[1,0]}"), NULL),
              "{\"kind\":\"inline\",\"rows\":2,\"test_rows\":0,\"type\":\"float32\",\"shape\":[2],"
              "\"targets\":{\"shape\":[1],\"min\":0,\"max\":1,\"mean\":0.5},"
              "\"sample\":[{\"x\":[1,2],\"y\":1},{\"x\":[3,4],\"y\":0}]}",
              "inline");
}

/* ---- by name ------------------------------------------------------------------------------------
 */

static void test_named(void **state)
{
    (void)state;
    static const struct {
        const char *set, *word; /* of the refusal; NULL: it is one */
    } rows[] = {
        {"{\"source\":{\"csv\":\"t\",\"label\":\"a\"},\"about\":{\"any\":1}}", NULL},
        {"{\"source\":{\"csv\":\"../table.csv\"}}", "cannot be one of its folder"},
        {"{\"source\":{\"csv\":\"/etc/passwd\"}}", "cannot be one of its folder"},
        {"{\"source\":{\"idx\":[\"t\",\"..\"]}}", "cannot be one of its folder"},
        {"{\"source\":{\"idx\":[\"t\",7]}}", "cannot be one of its folder"},
        {"{\"source\":{\"csv\":\"gone\"}}", "gone"},
        {"{\"source\":{\"x\":[[1]],\"y\":[1]}}", "source"},
        {"{\"source\":\"named\"}", "source"},
        {"{}", "source"},
        {"[", "line 1"},
        {"{\"source\":{\"csv\":\"t\",\"columns\":2}}", "columns"},
    };
    ax_err err = {0};
    ax_dataset d;
    cJSON *name = cJSON_CreateString("named");
    mkdir(in_folder("named"), 0777);
    write_text("named/t", "a,y\n1,2\n3,4\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_text("named/set.json", rows[i].set);
        int bad = ax_dataset_load(&d, name, folder, 0, &err);
        if (bad != (rows[i].word ? -1 : 0) || (bad && !strstr(err.msg, rows[i].word)))
            fail_msg("%s: %s", rows[i].set, err.msg);
        if (!bad) {
            assert_string_equal(d.label, "a");
            ax_dataset_free(&d);
        }
    }
    assert_int_equal(ax_dataset_load(&d, name, NULL, 0, &err), -1);
    assert_int_equal(err.code, AX_ENOTFOUND);
    cJSON_Delete(name);
    static const char *const bad_names[] = {"", ".", "..", "a/b", "../named", "-a", "named/"};
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        cJSON *o = cJSON_CreateString(bad_names[i]);
        assert_int_equal(ax_dataset_load(&d, o, folder, 0, &err), -1);
        assert_int_equal(err.code, AX_ENOTFOUND);
        cJSON_Delete(o);
    }
}

/* ---- normalize ----------------------------------------------------------------------------------
 */

/* Only the samples that are learned from count; channels of a picture; after the scale; constants.
 */
static void test_normalize(void **state)
{
    (void)state;
    static float x[5][4] = {
        {1, 2, 7, 0.1f}, {3, 2, 7, 0.1f}, {100, 100, 100, 100}, {5, 8, 7, 0.1f}, {7, 8, 7, 0.1f}};
    static const uint32_t which[] = {0, 1, 3, 4};
    ax_dataset d = {.x_type = AX_F32, .x_shape = AX_SHAPE(4), .train = {.n = 5, .x = x}};
    static const struct {
        const char *spec, *want;
    } rows[] = {
        {"{\"inputs\":[{\"shape\":[4]}]}",
         "{\"inputs\":[{\"shape\":[4],\"mean\":[4,5,7,0.10000000149011612],\"std\":[2."
         "23606797749979,3,1,1]}]}"},
        {"{\"inputs\":[{\"shape\":[4],\"scale\":2}]}",
         "{\"inputs\":[{\"shape\":[4],\"scale\":2,\"mean\":[8,10,14,0.20000000298023224],\"std\":["
         "4.47213595499958,6,1,1]}]}"},
        {"{\"inputs\":[{\"shape\":[4],\"scale\":[1,-1,2,4]}]}",
         "{\"inputs\":[{\"shape\":[4],\"scale\":[1,-1,2,4],\"mean\":[4,-5,14,0.4000000059604645],"
         "\"std\":[2.23606797749979,3,1,1]}]}"},
        {"{\"inputs\":[{\"shape\":[2,1,2]}]}", NULL},
        {"{\"inputs\":[{\"shape\":[3]}]}",
         "{\"inputs\":[{\"shape\":[3]}]}"}, /* told when it is built */
        {"{\"inputs\":7}", "{\"inputs\":7}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *spec = cJSON_Parse(rows[i].spec);
        ax_err err = {0};
        assert_int_equal(ax_normalize(spec, &d, which, 4, &err), 0);
        if (rows[i].want) {
            same_text(spec, rows[i].want, rows[i].spec);
            continue;
        }
        /* two planes of two pixels: 1 2 3 2 5 8 7 8 and 7 .1 7 .1 7 .1 7 .1 */
        const cJSON *in = cJSON_GetArrayItem(cJSON_GetObjectItem(spec, "inputs"), 0);
        const cJSON *mean = cJSON_GetObjectItem(in, "mean"), *std = cJSON_GetObjectItem(in, "std");
        assert_float_equal(cJSON_GetArrayItem(mean, 0)->valuedouble, 4.5, 0);
        assert_float_equal(cJSON_GetArrayItem(mean, 1)->valuedouble, (7 + (double)0.1f) / 2, 1e-15);
        assert_float_equal(cJSON_GetArrayItem(std, 0)->valuedouble, sqrt(58. / 8), 1e-15);
        assert_float_equal(cJSON_GetArrayItem(std, 1)->valuedouble, (7 - (double)0.1f) / 2, 1e-15);
        cJSON_Delete(spec);
    }
}

static void test_normalize_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *at;
    } rows[] = {
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"mean\":0.5}],\"layers\":[{\"type\":"
         "\"dense\",\"units\":2}]}",
         "model.inputs[0].mean"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"std\":[1,2]}],\"layers\":[{\"type\":"
         "\"dense\",\"units\":2}]}",
         "model.inputs[0].std"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[{\"type\":\"dense\",\"units\":2}"
         "]}",
         "model.inputs[0].shape"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"scale\":\"a\"}],\"layers\":[{\"type\":"
         "\"dense\",\"units\":2}]}",
         "model.inputs[0].scale"},
        {"\"trained\"", "normalize"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[1024];
        ax_err err = {0};
        snprintf(spec, sizeof spec,
                 "{\"model\":%s,\"dataset\":{\"x\":[[1,2],[3,4]],\"y\":[0,1]},\"normalize\":true}",
                 rows[i].model);
        ax_train_options o = options_of(spec);
        if (!ax_train_check(&o, &err) || strcmp(err.at, rows[i].at))
            fail_msg("%s: at %s: %s", rows[i].model, err.at, err.msg);
    }
}

/* A table whose columns differ by orders of magnitude: the trained model takes raw rows, and its
 * file says what its numbers are. */
static void test_trained(void **state)
{
    (void)state;
    char text[8192], spec[1024], *p = text + sprintf(text, "big,small,colour,y\n");
    for (int i = 0; i < 100; i++) {
        int yes = i % 3 == 0;
        p += sprintf(p, "%d,%g,%s,%s\n", 50000 + i % 7 * 1000, 1e-3 * (i % 5 + yes * 10),
                     i == 4  ? ""
                     : i % 2 ? "red"
                             : "blue",
                     yes ? "yes" : "no");
    }
    write_text("t.csv", text);
    snprintf(spec, sizeof spec,
             "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":[{\"type\":"
             "\"dense\",\"units\":8,"
             "\"activation\":\"tanh\"},{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]"
             "},\"dataset\":"
             "{\"csv\":\"%s\",\"missing\":\"mean\"},\"normalize\":true,\"epochs\":60,\"optimizer\":"
             "{\"name\":\"adam\","
             "\"learning_rate\":0.01}}",
             in_folder("t.csv"));
    ax_train_options o = options_of(spec);
    o.out = in_folder("table.safetensors");
    ax_train_result result = must_train(&o);
    assert_true(result.accuracy > 0.97);
    ax_model *m = must_open(o.out);
    const char *training = ax_model_get_info(m)->training;
    assert_non_null(
        strstr(training, "\"features\":[\"big\",\"small\",\"colour=blue\",\"colour=red\"]"));
    assert_non_null(strstr(training, "\"imputed\":{\"colour\":\"red\"}"));
    assert_non_null(strstr(ax_model_get_info(m)->spec, "\"std\":["));
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    const float *y = predict(s, (float[]){52000, 0.012f, 0, 1, 52000, 0.002f, 0, 1}, 2, 4);
    assert_true(y[1] > 0.9f && y[2] > 0.9f);
    ax_session_close(s);
    ax_model_release(m);
}

/* ---- gzip ---------------------------------------------------------------------------------------
 */

static void test_gunzip(void **state)
{
    (void)state;
    enum { N = 700000 };
    char *text = malloc(N), *packed = malloc(2 * N), *out;
    for (int i = 0; i < N; i++)
        text[i] = (char)('a' + noise((uint64_t)i) % 20);
    gzFile f = gzopen(in_folder("one.gz"), "wb");
    assert_int_equal(gzwrite(f, text, N), N);
    gzclose(f);
    size_t n, size;
    char *one = read_file(in_folder("one.gz"), &n);
    memcpy(packed, one, n);
    memcpy(packed + n, one, n);
    static const struct {
        double share; /* of the bytes of two members */
        int64_t limit;
        int more; /* bytes of nonsense behind it */
        int64_t want;
        ax_code code;
    } rows[] = {
        {0.5, N, 0, N, AX_OK},        {0.5, N - 1, 0, -1, AX_ELIMIT},
        {1, 2 * N, 0, 2 * N, AX_OK},  {1, N, 0, -1, AX_ELIMIT},
        {0.4, N, 0, -1, AX_ECORRUPT}, {0.7, 2 * N, 0, -1, AX_ECORRUPT},
        {0.5, N, 5, -1, AX_ECORRUPT}, {0, N, 0, -1, AX_ECORRUPT},
        {0.5, 0, 0, -1, AX_ELIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_err err = {0};
        size_t len = (size_t)(rows[i].share * 2 * (double)n);
        char keep[8];
        memcpy(keep, packed + len, 8);
        if (rows[i].more)
            memcpy(packed + len, "nonsense", 8);
        write_file("in.gz", packed, len + (size_t)rows[i].more);
        memcpy(packed + len, keep, 8);
        int from = open(in_folder("in.gz"), O_RDONLY),
            to = open(in_folder("out"), O_RDWR | O_CREAT | O_TRUNC, 0666);
        int64_t got = ax_gunzip(from, to, rows[i].limit, &err);
        if (got != rows[i].want || err.code != rows[i].code)
            fail_msg("row %zu: %lld, %s", i, (long long)got, err.msg);
        close(from);
        close(to);
        if (got != N)
            continue;
        out = read_file(in_folder("out"), &size);
        assert_int_equal(size, N);
        assert_memory_equal(out, text, N);
        free(out);
    }
    free(one);
    free(packed);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_normalize_refused),
        cmocka_unit_test(test_trained),
        cmocka_unit_test(test_gunzip),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
