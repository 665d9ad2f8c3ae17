/* Data sets: every kind of source gives the same samples, bad ones are refused in words that help,
 * and augmentation moves and mirrors as it says. */
#include "io/npy.h"
#include "io/safetensors.h"
#include "npz.h"
#include "train_util.h"

/* ---- data sets ---------------------------------------------------------------------------------
 */

enum { SAMPLES = 6, FEATURES = 4 };
static const uint8_t xs[SAMPLES][FEATURES] = {{0, 1, 2, 3}, {4, 5, 6, 7}, {255, 0, 1, 9},
                                              {8, 8, 8, 8}, {1, 2, 3, 4}, {9, 8, 7, 6}};
static const int32_t classes[SAMPLES] = {0, 1, 2, 1, 0, 2};
static const char *const names[] = {"cat", "dog", "emu"};

static int load(ax_dataset *d, const char *text, ax_err *err)
{
    cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    int bad = ax_dataset_load(d, j, folder, 1, err);
    cJSON_Delete(j);
    return bad;
}

static void must_load(ax_dataset *d, const char *text)
{
    ax_err err = {0};
    if (load(d, text, &err))
        fail_msg("%s: %s at %s", text, err.msg, err.at);
}

static void check_samples(const ax_dataset *d, const ax_samples *s, int labels, const char *what)
{
    float x[FEATURES];
    if (s->n != SAMPLES || ax_shape_count(&d->x_shape) != FEATURES)
        fail_msg("%s: %lld samples", what, (long long)s->n);
    for (int i = 0; i < SAMPLES; i++) {
        ax_sample_fetch(d, s, i, NULL, (ax_rng){0}, 0, x);
        for (int k = 0; k < FEATURES; k++)
            assert_float_equal(x[k], xs[i][k], 0);
        assert_float_equal((s->classes ? (float)s->classes[i] : s->y[i]), classes[i], 0);
    }
    assert_int_equal(d->labels != NULL, labels);
    for (int k = 0; k < 3 && labels; k++)
        assert_string_equal(d->labels[k], names[k]);
    if (s->classes)
        assert_int_equal(d->n_classes, 3);
}

static void write_csv(int words)
{
    char text[1024] = "a,b,kind,c,d\n", *p = text + strlen(text);
    for (int i = 0; i < SAMPLES; i++) {
        char number[8];
        snprintf(number, sizeof number, "%d", classes[i]);
        p += sprintf(p, "%d,%d,%s,%d,%d\n", xs[i][0], xs[i][1], words ? names[classes[i]] : number,
                     xs[i][2], xs[i][3]);
    }
    write_text(words ? "words.csv" : "numbers.csv", text);
}

/* A zip of stored .npy members. */
static void write_npz(const char *name, const char *const *members, const ax_tensor *t, int n)
{
    static uint8_t zip[16384];
    write_file(name, zip, npz_make(zip, in_folder("one.npy"), members, t, n));
}

static void write_idx(const char *name, const uint8_t *data, int rank, const uint8_t *dim,
                      size_t bytes)
{
    uint8_t file[256] = {0, 0, 8, (uint8_t)rank};
    for (int i = 0; i < rank; i++)
        file[7 + 4 * i] = dim[i];
    memcpy(file + 4 + 4 * rank, data, bytes);
    write_file(name, file, 4 + 4 * (size_t)rank + bytes);
}

static void test_sources(void **state)
{
    (void)state;
    ax_dataset d;
    char spec[512];
    static const char *const members[] = {"x", "y", "x_test", "y_test"};
    /* inline, with numbers and with words */
    must_load(&d, "{\"x\":[[0,1,2,3],[4,5,6,7],[255,0,1,9],[8,8,8,8],[1,2,3,4],[9,8,7,6]],\"y\":[0,"
                  "1,2,1,0,2]}");
    check_samples(&d, &d.train, 0, "inline");
    ax_dataset_free(&d);
    must_load(&d, "{\"x\":[[[0,1],[2,3]],[[4,5],[6,7]],[[255,0],[1,9]],[[8,8],[8,8]],[[1,2],[3,4]],"
                  "[[9,8],[7,6]]],"
                  "\"y\":[\"cat\",\"dog\",\"emu\",\"dog\",\"cat\",\"emu\"]}");
    check_samples(&d, &d.train, 1, "inline words");
    assert_int_equal(d.x_shape.rank, 2);
    ax_dataset_free(&d);
    /* tables */
    for (int words = 0; words < 2; words++) {
        write_csv(words);
        snprintf(spec, sizeof spec, "{\"csv\":\"%s\",\"label\":\"kind\"}",
                 in_folder(words ? "words.csv" : "numbers.csv"));
        must_load(&d, spec);
        check_samples(&d, &d.train, words, spec);
        ax_dataset_free(&d);
    }
    /* arrays of every type */
    double wide[SAMPLES][FEATURES];
    int64_t long_y[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        long_y[i] = classes[i];
        for (int k = 0; k < FEATURES; k++)
            wide[i][k] = xs[i][k];
    }
    ax_tensor t[4] = {{AX_F64, AX_SHAPE(SAMPLES, FEATURES), wide},
                      {AX_I64, AX_SHAPE(SAMPLES), long_y},
                      {AX_F64, AX_SHAPE(SAMPLES, FEATURES), wide},
                      {AX_I64, AX_SHAPE(SAMPLES, 1), long_y}};
    write_npz("data.npz", members, t, 4);
    snprintf(spec, sizeof spec, "{\"npz\":\"%s\"}", in_folder("data.npz"));
    must_load(&d, spec);
    check_samples(&d, &d.train, 0, spec);
    check_samples(&d, &d.test, 0, spec);
    ax_dataset_free(&d);
    t[0] = t[2] = (ax_tensor){AX_U8, AX_SHAPE(SAMPLES, 1, 2, 2), (void *)(uintptr_t)xs};
    t[1] = t[3] = (ax_tensor){AX_I32, AX_SHAPE(SAMPLES), (void *)(uintptr_t)classes};
    ax_st_item items[4];
    for (int i = 0; i < 4; i++)
        items[i] = (ax_st_item){members[i], t[i]};
    assert_int_equal(ax_safetensors_write(in_folder("data.safetensors"), items, 4, NULL, 0, NULL),
                     0);
    snprintf(spec, sizeof spec, "{\"safetensors\":\"%s\"}", in_folder("data.safetensors"));
    must_load(&d, spec);
    check_samples(&d, &d.train, 0, spec);
    check_samples(&d, &d.test, 0, spec);
    assert_int_equal(d.x_type, AX_U8);
    ax_dataset_free(&d);
    /* grey pictures get their channel */
    uint8_t bytes[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        bytes[i] = (uint8_t)classes[i];
    write_idx("images.idx", &xs[0][0], 3, (uint8_t[]){SAMPLES, 2, 2}, sizeof xs);
    write_idx("labels.idx", bytes, 1, (uint8_t[]){SAMPLES}, sizeof bytes);
    snprintf(spec, sizeof spec, "{\"idx\":[\"%s\",\"%s\"],\"test_idx\":[\"%s\",\"%s\"]}",
             in_folder("images.idx"), in_folder("labels.idx"), in_folder("images.idx"),
             in_folder("labels.idx"));
    must_load(&d, spec);
    check_samples(&d, &d.train, 0, spec);
    check_samples(&d, &d.test, 0, spec);
    assert_int_equal(d.x_shape.rank, 3);
    ax_dataset_free(&d);
}

static void test_bad_sources(void **state)
{
    (void)state;
    ax_dataset d;
    char spec[512];
    static const char *const members[] = {"x", "y", "x_test", "y_test"};
    static float f[SAMPLES * FEATURES];
    float bad[2] = {0, NAN};
    int32_t negative[2] = {0, -1};
    const struct {
        ax_tensor t[4];
        int n;
        ax_code code;
        const char *word;
    } rows[] = {
        {{{AX_F32, AX_SHAPE(6, 4), f}}, 1, AX_ENOTFOUND, "y"},
        {{{AX_F32, AX_SHAPE(6, 4), f}, {AX_F32, AX_SHAPE(5), f}}, 2, AX_ESHAPE, "as many labels"},
        {{{AX_F32, AX_SHAPE(6), f}, {AX_F32, AX_SHAPE(6), f}}, 2, AX_ESHAPE, "(samples, ...)"},
        {{{AX_F32, AX_SHAPE(0, 4), f}, {AX_F32, AX_SHAPE(0), f}},
         2,
         AX_ESHAPE,
         "x has shape (0, 4)"},
        {{{AX_F32, AX_SHAPE(2, 1), bad}, {AX_F32, AX_SHAPE(2), f}},
         2,
         AX_ERANGE,
         "element 0 of sample 1"},
        {{{AX_F32, AX_SHAPE(2, 1), f}, {AX_F32, AX_SHAPE(2), bad}}, 2, AX_ERANGE, "y holds"},
        {{{AX_F32, AX_SHAPE(2, 1), f}, {AX_I32, AX_SHAPE(2), negative}},
         2,
         AX_ERANGE,
         "sample 1 is -1"},
        {{{AX_F32, AX_SHAPE(6, 4), f},
          {AX_F32, AX_SHAPE(6), f},
          {AX_F32, AX_SHAPE(6, 3), f},
          {AX_F32, AX_SHAPE(6), f}},
         4,
         AX_ESHAPE,
         "test samples"},
        {{{AX_F32, AX_SHAPE(6, 4), f},
          {AX_F32, AX_SHAPE(6, 1), f},
          {AX_F32, AX_SHAPE(6, 4), f},
          {AX_F32, AX_SHAPE(6, 4), f}},
         4,
         AX_ESHAPE,
         "test targets have shape (4)"},
    };
    snprintf(spec, sizeof spec, "{\"safetensors\":\"%s\"}", in_folder("bad.safetensors"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_st_item items[4];
        ax_err err = {0};
        for (int k = 0; k < rows[i].n; k++)
            items[k] = (ax_st_item){members[k], rows[i].t[k]};
        assert_int_equal(
            ax_safetensors_write(in_folder("bad.safetensors"), items, rows[i].n, NULL, 0, NULL), 0);
        if (!load(&d, spec, &err) || err.code != rows[i].code || !strstr(err.msg, rows[i].word))
            fail_msg("row %zu: code %d, %s", i, err.code, err.msg);
    }
    /* columns that cannot be features, and labels that are missing */
    static const struct {
        const char *text, *word;
    } tables[] = {
        {"a,b\n1,x\n2,y\n3,\n", "missing values, the first in line 4"},
        {"a,b\nx,1\n2,2\n", "column 1 ('a') holds text in line 2"},
        {"a,b\n,1\n2,2\n", "column 1 ('a') has 1 missing values, the first in line 2"},
        {"b\n1\n", "no column besides the label"},
        {"a,b\n1,1\n1e39,2\n", "column 1 ('a') holds a number in line 3 that does not fit float32"},
    };
    snprintf(spec, sizeof spec, "{\"csv\":\"%s\",\"label\":\"b\"}", in_folder("bad.csv"));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        ax_err err = {0};
        write_text("bad.csv", tables[i].text);
        if (!load(&d, spec, &err) || !strstr(err.msg, tables[i].word))
            fail_msg("%s: %s", tables[i].text, err.msg);
    }
    ax_err err = {0};
    write_text("bad.csv", "a,c\n1,2\n");
    assert_int_equal(load(&d, spec, &err), -1);
    assert_string_equal(err.at, "label");
}

/* A first line that may be a sample is never taken for names without a word. */
static void test_header(void **state)
{
    (void)state;
    static const struct {
        const char *text, *more;
        int64_t n;        /* samples; 0: refused */
        const char *word; /* in message or hint */
    } rows[] = {
        {"1,2,cat\n3,4,dog\n", "", 0, "the number 1 where the name of column 1 belongs"},
        {"1,2,cat\n3,4,dog\n", "", 0, "\"header\":false"},
        {"a,2,cat\n3,4,dog\n", "", 0, "the number 2 where the name of column 2 belongs"},
        {"1,2,cat\n3,4,dog\n", ",\"header\":false", 2, ""},
        {"1,2,cat\n3,4,dog\n", ",\"header\":true", 1, ""},
        {"0,1,kind\n3,4,dog\n", ",\"label\":\"kind\"", 1, ""},
        {"0,1,kind\n3,4,dog\n", ",\"label\":\"sort\"", 0, "the number 0"},
        {"cat,2,3\ndog,4,5\n", ",\"label\":\"1\",\"header\":false", 2, ""},
        {"1,2,3\n4,x,6\n", ",\"header\":false", 0, "column 2 holds text in line 2"},
        {"1,2,3\n4,5\n", ",\"header\":false", 0, "line 2 has fewer fields"},
        {"a,b,c\n1,2,3\n", ",\"header\":1", 0, "header"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_dataset d;
        ax_err err = {0};
        char spec[512];
        write_text("first.csv", rows[i].text);
        snprintf(spec, sizeof spec, "{\"csv\":\"%s\"%s}", in_folder("first.csv"), rows[i].more);
        int bad = load(&d, spec, &err);
        if (bad != (rows[i].n ? 0 : -1) ||
            (!strstr(err.msg, rows[i].word) && !strstr(err.hint, rows[i].word)))
            fail_msg("%s %s: %d %s; %s", rows[i].text, rows[i].more, bad, err.msg, err.hint);
        if (bad)
            continue;
        assert_int_equal(d.train.n, rows[i].n);
        assert_int_equal(d.x_shape.dim[0], 2);
        ax_dataset_free(&d);
    }
}

/* A named set found in the data folder, whose labels go beyond its classes. */
static void test_named_set(void **state)
{
    (void)state;
    ax_dataset d;
    char command[256];
    static const char *const files[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    snprintf(command, sizeof command, "%s/fashion-mnist", folder);
    mkdir(command, 0777);
    for (int beyond = 0; beyond < 2; beyond++) {
        uint8_t labels[SAMPLES] = {9, 0, 0, 0, 0, beyond ? 10 : 3};
        for (int i = 0; i < 4; i++) {
            char name[64];
            snprintf(name, sizeof name, "fashion-mnist/%.40s", files[i]);
            if (i % 2)
                write_idx(name, labels, 1, (uint8_t[]){SAMPLES}, sizeof labels);
            else
                write_idx(name, &xs[0][0], 3, (uint8_t[]){SAMPLES, 2, 2}, sizeof xs);
        }
        ax_err err = {0};
        int bad = load(&d, "\"fashion-mnist\"", &err);
        assert_int_equal(bad, beyond ? -1 : 0);
        if (beyond) {
            assert_non_null(strstr(err.msg, "label 10"));
            continue;
        }
        assert_string_equal(d.labels[9], "Ankle boot");
        assert_int_equal(d.n_classes, 10);
        assert_int_equal(d.test.n, SAMPLES);
        ax_dataset_free(&d);
    }
}

/* Every changed sample is the picture moved by at most `shift` and maybe mirrored, zeros coming in;
 * all possibilities occur, and a draw gives the same again. */
static void test_augment(void **state)
{
    (void)state;
    enum { C = 2, H = 3, W = 4, N = C * H * W };
    uint8_t pixels[2][N];
    for (int i = 0; i < 2 * N; i++)
        pixels[i / N][i % N] = (uint8_t)(i + 1);
    ax_dataset d = {.x_type = AX_U8, .x_shape = AX_SHAPE(C, H, W), .train = {.n = 2, .x = pixels}};
    ax_augment a = {1, 1};
    int hits[2][3][3] = {{{0}}};
    for (uint64_t draw = 0; draw < 500; draw++) {
        float got[N], again[N];
        int found = 0;
        ax_sample_fetch(&d, &d.train, 1, &a, (ax_rng){5, 6}, draw, got);
        ax_sample_fetch(&d, &d.train, 1, &a, (ax_rng){5, 6}, draw, again);
        assert_memory_equal(got, again, sizeof got);
        for (int mirror = 0; mirror < 2; mirror++)
            for (int dy = -1; dy < 2; dy++)
                for (int dx = -1; dx < 2; dx++) {
                    int same = 1;
                    for (int i = 0; i < N; i++) {
                        int y = i / W % H - dy, x = i % W - dx;
                        int inside = y >= 0 && y < H && x >= 0 && x < W;
                        int from = mirror ? W - 1 - x : x;
                        same &=
                            got[i] == (inside ? pixels[1][(i / (H * W) * H + y) * W + from] : 0);
                    }
                    hits[mirror][dy + 1][dx + 1] += same;
                    found += same;
                }
        assert_int_equal(found, 1);
    }
    for (int i = 0; i < 18; i++)
        assert_in_range(hits[i / 9][i / 3 % 3][i % 3], 8, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources), cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_header),  cmocka_unit_test(test_named_set),
        cmocka_unit_test(test_augment),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
