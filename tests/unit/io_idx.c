/* IDX: every type, packed and plain, sizes that lie, and the real data set where it is installed.
 */
#include "io/idx.h"

#include <zlib.h>

#include "io_check.h"

enum { ROOM = 1024 };

static size_t gzip(const uint8_t *from, size_t n, uint8_t *to)
{
    z_stream s = {.next_in = (Bytef *)from, .avail_in = (uInt)n, .next_out = to, .avail_out = ROOM};
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return s.total_out;
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const uint8_t f32_be[] = {0, 0, 0x0D, 1, 0, 0, 0, 2, 0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0};
static const uint8_t f64_be[] = {0, 0, 0x0E, 1, 0,    0,    0, 2, 0x3F, 0xF0, 0, 0,
                                 0, 0, 0,    0, 0xC0, 0x04, 0, 0, 0,    0,    0, 0};

static void good(void **state)
{
    static const float f32[] = {1, -2.5f};
    static const double f64[] = {1, -2.5};
    static const int32_t i32[] = {-2, 127, 0x01020304, INT32_MIN};
    static const int32_t i16[] = {-2, 0x0102, INT16_MIN};
    static const int32_t i8[] = {-128, 127, -1};
    static const uint8_t u8[] = {0, 255, 7, 8, 9, 10};
    const struct {
        const uint8_t *file;
        size_t n;
        ax_dtype type;
        ax_shape shape;
        const void *want;
    } cases[] = {
        {BYTES(0, 0, 8, 1, 0, 0, 0, 6, 0, 255, 7, 8, 9, 10), AX_U8, {1, {6}}, u8},
        {BYTES(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 255, 7, 8, 9, 10), AX_U8, {2, {2, 3}}, u8},
        {BYTES(0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 255, 7, 8, 9, 10),
         AX_U8,
         {4, {1, 2, 1, 3}},
         u8},
        {BYTES(0, 0, 8, 1, 0, 0, 0, 0), AX_U8, {1, {0}}, u8},
        {BYTES(0, 0, 9, 1, 0, 0, 0, 3, 0x80, 0x7F, 0xFF), AX_I32, {1, {3}}, i8},
        {BYTES(0, 0, 0x0B, 1, 0, 0, 0, 3, 0xFF, 0xFE, 1, 2, 0x80, 0), AX_I32, {1, {3}}, i16},
        {BYTES(0, 0, 0x0C, 1, 0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 127, 1, 2, 3, 4, 0x80, 0,
               0, 0),
         AX_I32,
         {1, {4}},
         i32},
        {f32_be, sizeof f32_be, AX_F32, {1, {2}}, f32},
        {f64_be, sizeof f64_be, AX_F64, {1, {2}}, f64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int packed = 0; packed < 3; packed++) {
            uint8_t file[ROOM];
            size_t n = cases[i].n;
            ax_tensor t;
            ax_err err = {0};
            memcpy(file, cases[i].file, n);
            if (packed == 1)
                n = gzip(cases[i].file, cases[i].n, file);
            if (packed == 2) { /* two members, as cat a.gz b.gz makes them */
                n = gzip(cases[i].file, 5, file);
                n += gzip(cases[i].file + 5, cases[i].n - 5, file + n);
            }
            uint8_t *bytes = exact(file, n);
            size_t size = (size_t)ax_shape_count(&cases[i].shape) * ax_dtype_size(cases[i].type);
            if (ax_idx_read(bytes, n, size, &t, &err) < 0)
                fail_msg("case %zu, packed %d: %s", i, packed, err.msg);
            assert_int_equal(t.dtype, cases[i].type);
            assert_true(ax_shape_equal(&t.shape, &cases[i].shape));
            assert_memory_equal(t.data, cases[i].want, size);
            free(t.data);
            if (size) {
                assert_int_equal(ax_idx_read(bytes, n, size - 1, &t, &err), -1);
                assert_int_equal(err.code, AX_ELIMIT);
            }
            free(bytes);
        }
}

static void bad(void **state)
{
    const struct {
        const char *label;
        const uint8_t *file;
        size_t n;
        ax_code code;
        const char *word;
    } cases[] = {
        {"empty", BYTES(0), AX_EPARSE, "not an IDX"},
        {"magic", BYTES(1, 0, 8, 1, 0, 0, 0, 1, 7), AX_EPARSE, "not an IDX"},
        {"magic 2", BYTES(0, 1, 8, 1, 0, 0, 0, 1, 7), AX_EPARSE, "not an IDX"},
        {"type", BYTES(0, 0, 10, 1, 0, 0, 0, 1, 7), AX_EPARSE, "0x0a"},
        {"rank 0", BYTES(0, 0, 8, 0, 7), AX_EUNSUPPORTED, "0 dimensions"},
        {"rank 5", BYTES(0, 0, 8, 5, 0, 0, 0, 1, 7), AX_EUNSUPPORTED, "5 dimensions"},
        {"header", BYTES(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0), AX_ECORRUPT, "header"},
        {"one short", BYTES(0, 0, 8, 1, 0, 0, 0, 3, 7, 8), AX_ECORRUPT, "3 bytes"},
        {"one more", BYTES(0, 0, 8, 1, 0, 0, 0, 1, 7, 8), AX_ECORRUPT, "more than"},
        {"huge", BYTES(0, 0, 8, 1, 0xFF, 0xFF, 0xFF, 0xFF, 7, 8), AX_ECORRUPT, "cannot hold"},
        {"overflow",
         BYTES(0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
               255, 255),
         AX_ELIMIT, "too large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int packed = 0; packed < 2; packed++) {
            uint8_t file[ROOM];
            ax_tensor t = {.data = file};
            ax_err err = {0};
            size_t n = cases[i].n;
            memcpy(file, cases[i].file, n);
            if (packed)
                n = gzip(cases[i].file, cases[i].n, file);
            uint8_t *bytes = exact(file, n);
            assert_int_equal(ax_idx_read(bytes, n, (size_t)1 << 40, &t, &err), -1);
            check_error(cases[i].label, &err, cases[i].code, packed ? "" : cases[i].word);
            assert_ptr_equal(t.data, file);
            free(bytes);
        }
    ax_tensor t;
    ax_err err;
    assert_int_equal(ax_idx_read(NULL, 0, 100, &t, &err), -1);
    assert_int_equal(err.code, AX_EPARSE);
    assert_int_equal(ax_idx_load("/nonexistent.idx", 100, &t, &err), -1);
    assert_int_equal(err.code, AX_ENOTFOUND);
}

static void damage(void **state)
{
    uint8_t plain[ROOM] = {0, 0, 0x0B, 2, 0, 0, 0, 20, 0, 0, 0, 5}, packed[ROOM];
    size_t n = 12 + 200, size[2];
    (void)state;
    for (size_t i = 12; i < n; i++)
        plain[i] = (uint8_t)(i * i);
    size[0] = n;
    size[1] = gzip(plain, n, packed);
    for (int p = 0; p < 2; p++) {
        for (size_t cut = 0; cut < size[p]; cut++) {
            ax_tensor t;
            ax_err err = {0};
            uint8_t *part = exact(p ? packed : plain, cut);
            assert_int_equal(ax_idx_read(part, cut, 1 << 20, &t, &err), -1);
            assert_true(err.code != AX_OK && strlen(err.msg) > 10);
            free(part);
        }
        for (size_t at = 0; at < size[p]; at++)
            for (int bit = 0; bit <= 8; bit++) {
                ax_tensor t;
                uint8_t *part = exact(p ? packed : plain, size[p]);
                part[at] ^= (uint8_t)(bit < 8 ? 1 << bit : 0xFF);
                if (ax_idx_read(part, size[p], 1 << 20, &t, NULL) == 0)
                    free(t.data);
                free(part);
            }
    }
    packed[size[1]] = 'x'; /* something behind the gzip data */
    ax_tensor t;
    ax_err err;
    assert_int_equal(ax_idx_read(packed, size[1] + 1, 1 << 20, &t, &err), -1);
    assert_int_equal(err.code, AX_ECORRUPT);
}

static void fashion_mnist(void **state)
{
    static const char dir[] = "/usr/share/datasets/fashion-mnist/";
    static const struct {
        const char *name;
        ax_shape shape;
    } files[] = {
        {"t10k-images-idx3-ubyte.gz", {3, {10000, 28, 28}}},
        {"t10k-labels-idx1-ubyte.gz", {1, {10000}}},
        {"train-labels-idx1-ubyte.gz", {1, {60000}}},
    };
    (void)state;
    if (access(dir, R_OK))
        skip();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256];
        ax_tensor t;
        ax_err err = {0};
        snprintf(path, sizeof path, "%s%s", dir, files[i].name);
        if (ax_idx_load(path, 100 << 20, &t, &err) < 0)
            fail_msg("%s: %s", path, err.msg);
        assert_int_equal(t.dtype, AX_U8);
        assert_true(ax_shape_equal(&t.shape, &files[i].shape));
        if (t.shape.rank == 1) {
            int64_t count[256] = {0};
            for (int64_t k = 0; k < t.shape.dim[0]; k++)
                count[((uint8_t *)t.data)[k]]++;
            for (int label = 0; label < 10; label++)
                assert_int_equal(count[label], t.shape.dim[0] / 10);
        }
        free(t.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(damage),
        cmocka_unit_test(fashion_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
