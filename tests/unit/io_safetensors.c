/* Safetensors: the format's rules one by one, hostile headers, round trips. */
#include "io/safetensors.h"

#include "io_check.h"

/* length, header, data -> exact bytes */
static uint8_t *make(const char *header, size_t data, size_t *n)
{
    size_t len = strlen(header);
    uint8_t *file = malloc(8 + len + data);
    assert_non_null(file);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)len >> 8 * i);
    memcpy(file + 8, header, len);
    for (size_t i = 0; i < data; i++)
        file[8 + len + i] = (uint8_t)(i % 2);
    *n = 8 + len + data;
    return file;
}

#define T(name, dtype, shape, from, to)                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to   \
    "]}"

static void good_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        int tensors, meta;
    } cases[] = {
        {"{}", 0, 0, 0},
        {" \t\r\n{ } \n ", 0, 0, 0},
        {"{\"__metadata__\":{}}", 0, 0, 0},
        {"{\"__metadata__\":null}", 0, 0, 0},
        {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"{\\\"x\\\":[1]}\"}}", 0, 0, 2},
        {"{" T("a", "F32", "[2,2]", 0, 16) "}", 16, 1, 0},
        {"{" T("a", "F32", "[]", 0, 4) "}", 4, 1, 0},
        {"{" T("a", "F32", "[0]", 0, 0) "}", 0, 1, 0},
        {"{" T("a", "F32", "[281474976710655,0]", 0, 0) "}", 0, 1, 0},
        {"{" T("", "U8", "[3]", 0, 3) "}", 3, 1, 0},
        /* in any order, unaligned, empty tensors between others */
        {"{" T("b", "F32", "[1]", 1, 5) "," T("a", "U8", "[1]", 0, 1) "}", 5, 2, 0},
        {"{" T("a", "U8", "[4]", 0, 4) "," T("e", "F64", "[0,7]", 4, 4) "," T(
             "b", "I64", "[1]", 4, 12) "," T("f", "F32", "[0]", 0, 0) "}",
         12, 4, 0},
        {"{ \"a\" : { \"shape\" : [ 2 , 1 ] , \"data_offsets\" : [ 0 , 8 ] , \"dtype\" : \"F32\" "
         "} }   ",
         8, 1, 0},
        /* fields that are not known are none of our business */
        {"{\"a\":{\"x\":{\"dtype\":[\"}\",1e5,null]},\"dtype\":\"BOOL\",\"shape\":[2],\"y\":-1,"
         "\"data_offsets\":[0,2],\"z\":\"\\\"]\"}}",
         2, 1, 0},
        {"{" T("a", "F4", "[2,3]", 0, 3) "," T("b", "F6_E2M3", "[4]", 3, 6) "," T(
             "c", "BF16", "[1]", 6, 8) "," T("d", "F8_E4M3FNUZ", "[1]", 8, 9) "}",
         9, 4, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        ax_err err = {0};
        uint8_t *file = make(cases[i].header, cases[i].data, &n);
        ax_safetensors *s = ax_safetensors_parse(file, n, &err);
        if (!s)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(ax_safetensors_count(s), cases[i].tensors);
        assert_int_equal(ax_safetensors_meta_count(s), cases[i].meta);
        const uint8_t *end = file + n - cases[i].data;
        for (int k = 0; k < cases[i].tensors; k++) {
            const ax_st_entry *e = ax_safetensors_at(s, k);
            assert_ptr_equal(e->data, end);
            end += e->bytes;
            assert_ptr_equal(ax_safetensors_find(s, e->name), e);
        }
        assert_ptr_equal(end, file + n);
        ax_safetensors_close(s);
        free(file);
    }
}

static void bad_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        ax_code code;
        const char *word;
    } cases[] = {
        {"", 0, AX_EPARSE, "header"},
        {"[]", 0, AX_EPARSE, "not a JSON object"},
        {"7", 0, AX_EPARSE, "not a JSON object"},
        {"{", 0, AX_EPARSE, "header"},
        {"{}{}", 0, AX_EPARSE, "header"},
        {"{}x", 0, AX_EPARSE, "header"},
        {"{\"a\":\"\xff\"}", 0, AX_EPARSE, "header"},
        {"{\"a\":1}", 0, AX_EPARSE, "'a'"},
        {"{\"a\":{}}", 0, AX_EPARSE, "'a' has no dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", 0, AX_EPARSE, "'a' has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, AX_EPARSE, "'a' has no data_offsets"},
        {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4, AX_EPARSE, "'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":3,\"data_offsets\":[0,4]}}", 4, AX_EPARSE, "'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4]}}", 4, AX_EPARSE, "'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4,8]}}", 4, AX_ELIMIT, "'a'"},
        {"{" T("a", "Q4_K", "[2]", 0, 8) "}", 8, AX_EUNSUPPORTED, "'Q4_K'"},
        {"{" T("a", "f32", "[2]", 0, 8) "}", 8, AX_EUNSUPPORTED, "'f32'"},
        /* numbers that are not plain integers */
        {"{" T("a", "U8", "[-1]", 0, 8) "}", 8, AX_EPARSE, "'a': shape has '-1'"},
        {"{" T("a", "U8", "[8.0]", 0, 8) "}", 8, AX_EPARSE, "'8.0'"},
        {"{" T("a", "U8", "[8e0]", 0, 8) "}", 8, AX_EPARSE, "'8e0'"},
        {"{" T("a", "U8", "[\"8\"]", 0, 8) "}", 8, AX_EPARSE, "'a'"},
        {"{" T("a", "U8", "[[8]]", 0, 8) "}", 8, AX_EPARSE, "'a'"},
        {"{" T("a", "U8", "[null]", 0, 8) "}", 8, AX_EPARSE, "'null'"},
        {"{" T("a", "U8", "[281474976710656]", 0, 8) "}", 8, AX_EPARSE, "'a'"},
        {"{" T("a", "U8", "[18446744073709551624]", 0, 8) "}", 8, AX_EPARSE, "'a'"},
        {"{" T("a", "U8", "[8]", -0, 8) "}", 8, AX_EPARSE, "'-0'"},
        {"{" T("a", "U8", "[8]", 0, 8.5) "}", 8, AX_EPARSE, "'8.5'"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,8]", 0, 8) "}", 8, AX_ELIMIT, "'a'"},
        /* sizes */
        {"{" T("a", "F32", "[2]", 0, 7) "}", 7, AX_ECORRUPT, "'a'"},
        {"{" T("a", "F32", "[3]", 0, 8) "}", 8, AX_ECORRUPT, "'a'"},
        {"{" T("a", "F4", "[3]", 0, 1) "}", 1, AX_ECORRUPT, "whole number of bytes"},
        {"{" T("a", "F64", "[4294967296,4294967296]", 0, 0) "}", 0, AX_ECORRUPT, "overflows"},
        {"{" T("a", "F64", "[4294967296,4294967296,1]", 0, 0) "}", 0, AX_ECORRUPT, "overflows"},
        {"{" T("a", "F64", "[4294967296,1073741824]", 0, 0) "}", 0, AX_ECORRUPT, "overflows"},
        {"{" T("a", "F32", "[2]", 8, 0) "}", 8, AX_ECORRUPT, "'a'"},
        {"{" T("a", "F32", "[2]", 0, 8) "}", 7, AX_ECORRUPT, "'a'"},
        {"{" T("a", "F32", "[2]", 281474976710647, 281474976710655) "}", 8, AX_ECORRUPT, "'a'"},
        /* tiling */
        {"{" T("a", "U8", "[4]", 0, 4) "}", 5, AX_ECORRUPT, "1 bytes behind"},
        {"{}", 1, AX_ECORRUPT, "1 bytes behind"},
        {"{" T("a", "U8", "[4]", 1, 5) "}", 5, AX_ECORRUPT, "'a' starts at byte 1"},
        {"{" T("a", "U8", "[4]", 0, 4) "," T("b", "U8", "[3]", 5, 8) "}", 8, AX_ECORRUPT, "'b'"},
        {"{" T("a", "U8", "[4]", 0, 4) "," T("b", "U8", "[5]", 3, 8) "}", 8, AX_ECORRUPT, "'b'"},
        {"{" T("a", "U8", "[4]", 0, 4) "," T("b", "U8", "[4]", 0, 4) "}", 4, AX_ECORRUPT, "'b'"},
        {"{" T("a", "U8", "[4]", 0, 4) "," T("e", "U8", "[0]", 2, 2) "}", 4, AX_ECORRUPT, "'e'"},
        /* names */
        {"{" T("a\\u0000b", "U8", "[2]", 0, 2) "}", 2, AX_EPARSE, "u0000"},
        {"{\"__metadata__\":[]}", 0, AX_EPARSE, "__metadata__"},
        {"{\"__metadata__\":{\"k\":1}}", 0, AX_EPARSE, "'k'"},
        {"{\"__metadata__\":{\"k\":null}}", 0, AX_EPARSE, "'k'"},
        {"{\"__metadata__\":{\"k\":\"a\\u0000\"}}", 0, AX_EPARSE, "u0000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        ax_err err = {0};
        uint8_t *file = make(cases[i].header, cases[i].data, &n);
        assert_null(ax_safetensors_parse(file, n, &err));
        check_error(cases[i].header, &err, cases[i].code, cases[i].word);
        assert_null(ax_safetensors_parse(file, n, NULL));
        free(file);
    }
}

static void names_are_unique_and_decoded(void **state)
{
    size_t n;
    ax_err err = {0};
    (void)state;
    static const char *const twice[] = {
        "{" T("w", "U8", "[2]", 0, 2) "," T("w", "U8", "[2]", 2, 4) "}",
        "{" T("w", "U8", "[2]", 0, 2) "," T("\\u0077", "U8", "[2]", 2, 4) "}",
        "{" T("w", "U8", "[0]", 4, 4) "," T("w", "U8", "[4]", 0, 4) "}",
    };
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        uint8_t *bad = make(twice[i], 4, &n);
        assert_null(ax_safetensors_parse(bad, n, &err));
        assert_non_null(strstr(err.msg, "w"));
        free(bad);
    }
    uint8_t *file =
        make("{" T("\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00", "U8", "[2]", 0, 2) "}",
             2, &n);
    ax_safetensors *s = ax_safetensors_parse(file, n, &err);
    assert_non_null(s);
    assert_string_equal(ax_safetensors_at(s, 0)->name,
                        "\"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    ax_safetensors_close(s);
    free(file);
}

static void lengths(void **state)
{
    static const struct {
        uint64_t length;
        size_t file;
        ax_code code;
    } cases[] = {
        {0, 0, AX_EPARSE},
        {0, 7, AX_EPARSE},
        {3, 10, AX_ECORRUPT},
        {100000000, 16, AX_ECORRUPT},
        {100000001, 16, AX_EPARSE},
        {UINT64_MAX, 16, AX_EPARSE},
        {UINT64_MAX - 7, 16, AX_EPARSE},
        {AX_ST_HEADER_MAX + 1, AX_ST_HEADER_MAX + 9, AX_ELIMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        uint8_t *file = malloc(cases[i].file + 1);
        memset(file, ' ', cases[i].file);
        for (size_t k = 0; k < 8 && k < cases[i].file; k++)
            file[k] = (uint8_t)(cases[i].length >> 8 * k);
        assert_null(ax_safetensors_parse(file, cases[i].file, &err));
        assert_int_equal(err.code, cases[i].code);
        free(file);
    }
    ax_err err = {0};
    assert_null(ax_safetensors_parse(NULL, 0, &err));
    assert_int_equal(err.code, AX_EPARSE);
}

/* ---- writing --------------------------------------------------------------------------------- */

static float weights[48];
static double steps[3] = {1, -2.5, 1e300};
static int64_t step[1] = {INT64_MIN};
static int32_t ids[5] = {1, -2, 3, -4, 5};
static uint8_t pixels[7] = {0, 1, 2, 3, 253, 254, 255}, flags[3] = {1, 0, 1};

static int8_t small[3] = {-128, 0, 127};
static int16_t samples[2] = {INT16_MIN, 7};
static uint16_t tokens[3] = {0, 7, UINT16_MAX};
static uint32_t words[1] = {UINT32_MAX};
static uint64_t keys[2] = {UINT64_MAX, 1};

static const ax_st_item items[] = {
    {"z/flags", {AX_BOOL, {1, {3}}, flags}},     {"dense/kernel", {AX_F32, {2, {6, 8}}, weights}},
    {"pixels", {AX_U8, {2, {7, 1}}, pixels}},    {"steps", {AX_F64, {1, {3}}, steps}},
    {"step", {AX_I64, {0, {0}}, step}},          {"\xC3\xA9\"\\\n\x01", {AX_I32, {1, {5}}, ids}},
    {"none", {AX_F32, {3, {4, 0, 2}}, weights}}, {"bytes", {AX_I8, {1, {3}}, small}},
    {"samples", {AX_I16, {1, {2}}, samples}},    {"tokens", {AX_U16, {1, {3}}, tokens}},
    {"words", {AX_U32, {0, {0}}, words}},        {"keys", {AX_U64, {2, {1, 2}}, keys}},
};
static const ax_st_meta meta[] = {{"b", "{\"name\":\"net\"}"}, {"a", ""}, {"\xE2\x82\xAC", "\t"}};

enum { N_ITEMS = sizeof items / sizeof *items, N_META = sizeof meta / sizeof *meta };

static uint8_t *encode(size_t *n)
{
    ax_err err = {0};
    for (int i = 0; i < 48; i++)
        weights[i] = (float)i / 7 - 3;
    uint8_t *file = ax_safetensors_encode(items, N_ITEMS, meta, N_META, n, &err);
    if (!file)
        fail_msg("%s", err.msg);
    return file;
}

static void check_items(const ax_safetensors *s)
{
    ax_err err;
    assert_int_equal(ax_safetensors_count(s), N_ITEMS);
    for (int i = 0; i < N_ITEMS; i++) {
        const ax_tensor *want = &items[i].tensor;
        ax_tensor t;
        assert_int_equal(ax_safetensors_get(s, items[i].name, &t, &err), 0);
        assert_int_equal(t.dtype, want->dtype);
        assert_true(ax_shape_equal(&t.shape, &want->shape));
        size_t bytes = (size_t)ax_shape_count(&t.shape) * ax_dtype_size(t.dtype);
        assert_memory_equal(t.data, want->data, bytes);
        assert_true((uintptr_t)t.data % ax_dtype_size(t.dtype) == 0);
        uint8_t copy[256];
        assert_int_equal(ax_safetensors_copy(s, items[i].name, t.dtype, &t.shape, copy, &err), 0);
        assert_memory_equal(copy, want->data, bytes);
    }
    assert_int_equal(ax_safetensors_meta_count(s), N_META);
    for (int i = 0; i < N_META; i++)
        assert_string_equal(ax_safetensors_meta(s, meta[i].key), meta[i].value);
    assert_null(ax_safetensors_meta(s, "c"));
}

static void round_trip(void **state)
{
    size_t n, n2;
    ax_err err = {0};
    (void)state;
    uint8_t *file = encode(&n);
    ax_safetensors *s = ax_safetensors_parse(file, n, &err);
    assert_non_null(s);
    check_items(s);
    const uint8_t *data = ax_safetensors_at(s, 0)->data;
    assert_int_equal((data - file) % 64, 0);
    const ax_st_entry *kernel = ax_safetensors_find(s, "dense/kernel");
    assert_int_equal((kernel->data - file) % 64, 0);
    ax_safetensors_close(s);

    ax_st_item other[N_ITEMS];
    ax_st_meta other_meta[N_META];
    for (int i = 0; i < N_ITEMS; i++)
        other[i] = items[N_ITEMS - 1 - i];
    for (int i = 0; i < N_META; i++)
        other_meta[i] = meta[N_META - 1 - i];
    uint8_t *again = ax_safetensors_encode(other, N_ITEMS, other_meta, N_META, &n2, &err);
    assert_int_equal(n, n2);
    assert_memory_equal(file, again, n);
    free(again);

    char path[256];
    temp_path(path, sizeof path, ".safetensors");
    assert_int_equal(ax_safetensors_write(path, items, N_ITEMS, meta, N_META, &err), 0);
    assert_non_null(s = ax_safetensors_open(path, &err));
    check_items(s);
    ax_safetensors_close(s);
    FILE *f = fopen(path, "rb");
    uint8_t *disk = malloc(n + 1);
    assert_int_equal(fread(disk, 1, n + 1, f), n);
    assert_memory_equal(disk, file, n);
    fclose(f);
    free(disk);
    remove(path);
    assert_null(ax_safetensors_open(path, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
    free(file);
}

static void empty_file(void **state)
{
    size_t n;
    ax_err err = {0};
    (void)state;
    uint8_t *file = ax_safetensors_encode(NULL, 0, NULL, 0, &n, &err);
    assert_non_null(file);
    assert_int_equal(n, 64);
    ax_safetensors *s = ax_safetensors_parse(file, n, &err);
    assert_non_null(s);
    assert_int_equal(ax_safetensors_count(s), 0);
    assert_null(ax_safetensors_find(s, "x"));
    ax_safetensors_close(s);
    free(file);
}

static void questions(void **state)
{
    size_t n;
    ax_err err = {0};
    ax_tensor t;
    float copy[48];
    (void)state;
    uint8_t *file = encode(&n);
    ax_safetensors *s = ax_safetensors_parse(file, n, &err);
    assert_int_equal(ax_safetensors_get(s, "dense/kernal", &t, &err), -1);
    check_error("misspelt", &err, AX_ENOTFOUND, "'dense/kernal'");
    assert_non_null(strstr(err.hint, "dense/kernel"));
    assert_int_equal(ax_safetensors_copy(s, "dense/kernel", AX_F32, &AX_SHAPE(8, 6), copy, &err),
                     -1);
    check_error("shape", &err, AX_ESHAPE, "(6, 8)");
    assert_int_equal(ax_safetensors_copy(s, "steps", AX_F32, &AX_SHAPE(3), copy, &err), -1);
    check_error("type", &err, AX_ETYPE, "float64");
    ax_safetensors_close(s);
    free(file);

    file = make("{" T("h", "BF16", "[2]", 0, 4) "," T("b", "BOOL", "[2]", 4, 6) "}", 6, &n);
    file[n - 1] = 2;
    s = ax_safetensors_parse(file, n, &err);
    assert_string_equal(ax_safetensors_find(s, "h")->dtype, "BF16");
    assert_int_equal(ax_safetensors_get(s, "h", &t, &err), -1);
    check_error("bf16", &err, AX_EUNSUPPORTED, "BF16");
    assert_int_equal(ax_safetensors_get(s, "b", &t, &err), -1);
    check_error("bool", &err, AX_ECORRUPT, "BOOL at 1 is 2");
    ax_safetensors_close(s);
    free(file);
}

static void bad_items(void **state)
{
    static char name[AX_ST_NAME_MAX + 2];
    memset(name, 'n', AX_ST_NAME_MAX + 1);
    const struct {
        ax_st_item item;
        ax_code code;
        const char *word;
    } cases[] = {
        {{"__metadata__", {AX_F32, {1, {1}}, weights}}, AX_EINVAL, "__metadata__"},
        {{"", {AX_F32, {1, {1}}, weights}}, AX_EINVAL, "''"},
        {{name, {AX_F32, {1, {1}}, weights}}, AX_EINVAL, "nnn"},
        {{"\xff", {AX_F32, {1, {1}}, weights}}, AX_EINVAL, "UTF-8"},
        {{"a", {AX_F32, {1, {-1}}, weights}}, AX_ESHAPE, "'a'"},
        {{"a", {AX_F32, {2, {1LL << 40, 1LL << 40}}, weights}}, AX_ELIMIT, "'a'"},
        {{"step", {AX_F32, {1, {1}}, weights}}, AX_EINVAL, "'step'"},
    };
    static const ax_st_meta bad_meta[][2] = {
        {{"k", "1"}, {"k", "2"}}, {{"k", "1"}, {"\x80", "2"}}, {{"k", "1"}, {"l", "\xC3"}}};
    (void)state;
    size_t n;
    ax_err err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_st_item two[] = {items[4], cases[i].item};
        assert_null(ax_safetensors_encode(two, 2, NULL, 0, &n, &err));
        check_error(cases[i].item.name, &err, cases[i].code, cases[i].word);
    }
    for (size_t i = 0; i < sizeof bad_meta / sizeof *bad_meta; i++) {
        assert_null(ax_safetensors_encode(items, 1, bad_meta[i], 2, &n, &err));
        assert_int_equal(err.code, AX_EINVAL);
    }
    char *huge = malloc(AX_ST_HEADER_MAX + 1);
    memset(huge, 'x', AX_ST_HEADER_MAX);
    huge[AX_ST_HEADER_MAX] = 0;
    assert_null(ax_safetensors_encode(items, 1, &(ax_st_meta){"k", huge}, 1, &n, &err));
    assert_int_equal(err.code, AX_ELIMIT);
    free(huge);
    assert_int_equal(ax_safetensors_write("/nonexistent/dir/x", items, 1, NULL, 0, &err), -1);
}

/* ---- the content's hash ---------------------------------------------------------------------- */

/* 1, 0 or -1 as ax_safetensors_verify(); -2 when it is no safetensors file any more. */
static int verdict(const uint8_t *file, size_t n)
{
    ax_err err = {0};
    ax_safetensors *s = ax_safetensors_parse(file, n, &err);
    int v = s ? ax_safetensors_verify(s, &err) : -2;
    assert_true(v >= 0 || err.msg[0]);
    assert_true(v != -1 || err.code == AX_ECORRUPT);
    ax_safetensors_close(s);
    return v;
}

static void content_hash(void **state)
{
    static const ax_st_meta kept[] = {
        {"axond.spec", "{}"}, {AX_ST_HASH, NULL}, {"note", "x"}, {"axond.a", ""}};
    (void)state;
    size_t n, m;
    uint8_t *file = ax_safetensors_encode(items, 5, kept, 4, &n, NULL);
    assert_int_equal(verdict(file, n), 1);
    uint8_t *note = memmem(file, n, "\"note\":\"x\"", 10);
    assert_non_null(note);
    for (size_t bit = 0; bit < n * 8; bit++) {
        int ours = file + bit / 8 < note || file + bit / 8 >= note + 10;
        file[bit / 8] ^= 1 << bit % 8;
        if (ours && verdict(file, n) == 1) /* 0 where the hash has lost its name */
            fail_msg("bit %zu flipped makes no difference", bit);
        file[bit / 8] ^= 1 << bit % 8;
    }
    note[8] = 'y'; /* what others keep beside it is theirs */
    assert_int_equal(verdict(file, n), 1);
    uint8_t *other = ax_safetensors_encode(items, 4, kept, 4, &m, NULL);
    memcpy(memmem(other, m, AX_ST_HASH "\":\"", 13), memmem(file, n, AX_ST_HASH "\":\"", 13), 29);
    assert_int_equal(verdict(other, m), -1); /* a tensor less */
    free(other);
    free(file);
    file = ax_safetensors_encode(items, 5, kept, 1, &n, NULL);
    assert_int_equal(verdict(file, n), 0);
    free(file);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void touch_all(const ax_safetensors *s)
{
    unsigned sum = 0;
    for (int i = 0; i < ax_safetensors_count(s); i++) {
        const ax_st_entry *e = ax_safetensors_at(s, i);
        ax_tensor t;
        for (size_t k = 0; k < e->bytes; k++)
            sum += e->data[k];
        ax_safetensors_get(s, e->name, &t, NULL);
    }
    assert_true(sum < UINT32_MAX);
}

static void every_truncation(void **state)
{
    size_t n;
    (void)state;
    uint8_t *file = encode(&n);
    for (size_t cut = 0; cut < n; cut++) {
        ax_err err = {0};
        uint8_t *part = exact(file, cut);
        assert_null(ax_safetensors_parse(part, cut, &err));
        assert_int_not_equal(err.code, AX_OK);
        assert_true(strlen(err.msg) > 10);
        free(part);
    }
    free(file);
}

static void every_mutation(void **state)
{
    static const uint8_t flips[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF};
    size_t n;
    (void)state;
    uint8_t *file = encode(&n);
    for (size_t at = 0; at < n - 400; at++)
        for (size_t k = 0; k < sizeof flips; k++) {
            uint8_t *part = exact(file, n);
            part[at] ^= flips[k];
            ax_safetensors *s = ax_safetensors_parse(part, n, NULL);
            if (s)
                touch_all(s);
            ax_safetensors_close(s);
            free(part);
        }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(names_are_unique_and_decoded),
        cmocka_unit_test(lengths),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(empty_file),
        cmocka_unit_test(questions),
        cmocka_unit_test(bad_items),
        cmocka_unit_test(content_hash),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_mutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
