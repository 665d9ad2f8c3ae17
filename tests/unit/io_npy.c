/* Npy and npz: what NumPy writes, what it would never write, zip bombs, damage. */
#include "io/npy.h"

#include <zlib.h>

#include "base/file.h"
#include "io_check.h"

enum { ROOM = 4096 };

/* An npy file of version 1 (or 2, 3) around a dictionary. */
static size_t make_npy(uint8_t *to, int version, const char *dict, const void *data, size_t n)
{
    size_t len = strlen(dict), start = version == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (uint8_t)version;
    to[7] = 0;
    for (size_t i = 8; i < start; i++)
        to[i] = (uint8_t)(len >> 8 * (i - 8));
    memcpy(to + start, dict, len);
    memcpy(to + start + len, data, n);
    return start + len + n;
}

#define D(descr, order, shape)                                                                     \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"

static const float numbers[] = {1, 2, 3, 4, 5, 6};

static void good(void **state)
{
    static const struct {
        int version;
        const char *dict;
        size_t bytes;
        ax_dtype type;
        ax_shape shape;
    } cases[] = {
        {1, D("<f4", "False", "(2, 3)") "   \n", 24, AX_F32, {2, {2, 3}}},
        {2, D("<f4", "False", "(6,)") "\n", 24, AX_F32, {1, {6}}},
        {3, D("<f4", "False", "(1, 6, 1)"), 24, AX_F32, {3, {1, 6, 1}}},
        {1, D("<f4", "False", "()"), 4, AX_F32, {0, {0}}},
        {1, D("<f4", "True", "(6,)"), 24, AX_F32, {1, {6}}},
        {1, D("<f8", "False", "(3,)"), 24, AX_F64, {1, {3}}},
        {1, D("<i8", "False", "(3,)"), 24, AX_I64, {1, {3}}},
        {1, D("<i4", "False", "(6,)"), 24, AX_I32, {1, {6}}},
        {1, D("|u1", "False", "(4, 6)"), 24, AX_U8, {2, {4, 6}}},
        {1, D("<f4", "False", "(0, 5)"), 0, AX_F32, {2, {0, 5}}},
        {1, D("<f4", "False", "(1,1,1,1,1,1,1,1)"), 4, AX_F32, {8, {1, 1, 1, 1, 1, 1, 1, 1}}},
        {1, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}", 24, AX_F32, {2, {2, 3}}},
        {1,
         "{ 'shape' : ( 6 , ) , 'descr' : '<f4' , 'fortran_order' : False }",
         24,
         AX_F32,
         {1, {6}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[ROOM];
        ax_tensor t, view;
        ax_err err = {0};
        size_t n = make_npy(file, cases[i].version, cases[i].dict, numbers, cases[i].bytes);
        uint8_t *bytes = exact(file, n);
        if (ax_npy_read(bytes, n, &t, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(t.dtype, cases[i].type);
        assert_true(ax_shape_equal(&t.shape, &cases[i].shape));
        assert_non_null(t.data);
        assert_memory_equal(t.data, numbers, cases[i].bytes);
        assert_int_equal(ax_npy_view(bytes, n, &view, &err), 0);
        assert_ptr_equal(view.data, bytes + n - cases[i].bytes);
        free(t.data);
        free(bytes);
    }
}

static void bad(void **state)
{
    static const struct {
        int version;
        const char *dict;
        size_t bytes;
        ax_code code;
        const char *word;
    } cases[] = {
        {1, "", 24, AX_EPARSE, "'{'"},
        {1, "{", 24, AX_EPARSE, "expected"},
        {1, "{}", 24, AX_EPARSE, "'descr' is missing"},
        {1, "{'descr': '<f4', 'fortran_order': False}", 24, AX_EPARSE, "'shape' is missing"},
        {1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", 24,
         AX_EPARSE, "twice"},
        {1, D("<f4", "False", "(6,)") "x", 24, AX_EPARSE, "nothing more"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", 24, AX_EPARSE,
         "'x'"},
        {1, "{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}", 24, AX_EPARSE, "comma"},
        {1, "{'descr' '<f4', 'fortran_order': False, 'shape': (6,)}", 24, AX_EPARSE, "colon"},
        {1, "{'descr: '<f4', 'fortran_order': False, 'shape': (6,)}", 24, AX_EPARSE, "unknown key"},
        {1, "{'descr", 24, AX_EPARSE, "a string"},
        {1, D("<f4", "false", "(6,)"), 24, AX_EPARSE, "True or False"},
        {1, D("<f4", "0", "(6,)"), 24, AX_EPARSE, "True or False"},
        {1, D("<f4", "Fals", "(6,)"), 24, AX_EPARSE, "True or False"},
        {1, D("<f4", "False", "[6]"), 24, AX_EPARSE, "tuple"},
        {1, D("<f4", "False", "(6)"), 24, AX_EPARSE, "tuple"},
        {1, D("<f4", "False", "6"), 24, AX_EPARSE, "tuple"},
        {1, D("<f4", "False", "(6"), 24, AX_EPARSE, "expected"},
        {1, D("<f4", "False", "(-6,)"), 24, AX_EPARSE, "dimension"},
        {1, D("<f4", "False", "(2 3)"), 24, AX_EPARSE, "comma"},
        {1, D("<f4", "False", "(6,,)"), 24, AX_EPARSE, "dimension"},
        {1, D("<f4", "False", "(6.0,)"), 24, AX_EPARSE, "expected"},
        {1, D("<f4", "False", "(6L,)"), 24, AX_EPARSE, "expected"},
        {1, D("<f4", "False", "(__import__('os'),)"), 24, AX_EPARSE, "dimension"},
        {1, D("<f4", "False", "(99999999999999999999,)"), 24, AX_ELIMIT, "dimension 0"},
        {1, D("<f4", "False", "(4294967296,4294967296)"), 24, AX_ELIMIT, "too large"},
        {1, D("<f4", "False", "(4611686018427387904,4)"), 24, AX_ELIMIT, "too large"},
        {1, D("<f4", "False", "(1,1,1,1,1,1,1,1,6)"), 24, AX_ELIMIT, "8"},
        {1, D(">f4", "False", "(6,)"), 24, AX_EUNSUPPORTED, "'>f4'"},
        {1, D("<f2", "False", "(6,)"), 12, AX_EUNSUPPORTED, "'<f2'"},
        {1, D("|O", "False", "(6,)"), 24, AX_EUNSUPPORTED, "'|O'"},
        {1, D("<U3", "False", "(2,)"), 24, AX_EUNSUPPORTED, "'<U3'"},
        {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", 24, AX_EUNSUPPORTED,
         "structured"},
        {1, D("<f4", "False", "(6,)"), 23, AX_ECORRUPT, "24 bytes"},
        {1, D("<f4", "False", "(5,)"), 24, AX_ECORRUPT, "20 bytes"},
        {1, D("<f4", "False", "()"), 0, AX_ECORRUPT, "4 bytes"},
        {1, D("|b1", "False", "(24,)"), 24, AX_ECORRUPT, "bool"},
        {4, D("<f4", "False", "(6,)"), 24, AX_EUNSUPPORTED, "version 4.0"},
        {0, D("<f4", "False", "(6,)"), 24, AX_EUNSUPPORTED, "version 0.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[ROOM];
        ax_tensor t = {.data = file};
        ax_err err = {0};
        size_t n = make_npy(file, cases[i].version, cases[i].dict, numbers, cases[i].bytes);
        uint8_t *bytes = exact(file, n);
        assert_int_equal(ax_npy_read(bytes, n, &t, &err), -1);
        check_error(cases[i].dict, &err, cases[i].code, cases[i].word);
        assert_int_equal(ax_npy_view(bytes, n, &t, NULL), -1);
        assert_ptr_equal(t.data, file);
        free(bytes);
    }
    ax_tensor t;
    ax_err err;
    assert_int_equal(ax_npy_read(NULL, 0, &t, &err), -1);
    assert_int_equal(err.code, AX_EPARSE);
    static uint8_t long_header[70000] = "\x93NUMPY\x02\x00\x00\x11\x01";
    assert_int_equal(ax_npy_read(long_header, sizeof long_header, &t, &err), -1);
    assert_int_equal(err.code, AX_ELIMIT);
}

/* a[i][j][k] = 100 i + 10 j + k, stored with i fastest */
static void fortran_order(void **state)
{
    uint8_t file[ROOM];
    int32_t data[24], *p = data;
    ax_tensor t;
    ax_err err = {0};
    (void)state;
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                *p++ = 100 * i + 10 * j + k;
    size_t n = make_npy(file, 1, D("<i4", "True", "(2, 3, 4)"), data, sizeof data);
    assert_int_equal(ax_npy_read(file, n, &t, &err), 0);
    for (int i = 0, at = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                assert_int_equal(((int32_t *)t.data)[at++], 100 * i + 10 * j + k);
    free(t.data);
    assert_int_equal(ax_npy_view(file, n, &t, &err), -1);
    check_error("view", &err, AX_EUNSUPPORTED, "Fortran");
    n = make_npy(file, 1, D("<i4", "True", "(0, 3, 4)"), data, 0);
    assert_int_equal(ax_npy_read(file, n, &t, &err), 0);
    free(t.data);
}

static void save_and_load(void **state)
{
    static const struct {
        ax_dtype type;
        ax_shape shape;
    } cases[] = {
        {AX_F32, {2, {2, 3}}},
        {AX_F64, {1, {3}}},
        {AX_I64, {0, {0}}},
        {AX_I32, {3, {1, 2, 3}}},
        {AX_U8, {1, {17}}},
        {AX_BOOL, {2, {1, 9}}},
        {AX_I8, {1, {5}}},
        {AX_I16, {2, {2, 3}}},
        {AX_U16, {1, {4}}},
        {AX_U32, {1, {3}}},
        {AX_U64, {2, {1, 3}}},
        {AX_F32, {1, {0}}},
        {AX_U8, {8, {1, 2, 1, 2, 1, 2, 1, 3}}},
    };
    char path[256];
    (void)state;
    temp_path(path, sizeof path, ".npy");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[64];
        for (int k = 0; k < 64; k++)
            data[k] = cases[i].type == AX_BOOL ? k % 3 == 0 : (uint8_t)(k * 7);
        ax_tensor out = {cases[i].type, cases[i].shape, data}, in;
        ax_err err = {0};
        if (ax_npy_save(path, &out, &err) < 0 || ax_npy_load(path, &in, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(in.dtype, out.dtype);
        assert_true(ax_shape_equal(&in.shape, &out.shape));
        size_t bytes = (size_t)ax_shape_count(&in.shape) * ax_dtype_size(in.dtype);
        assert_memory_equal(in.data, data, bytes);
        free(in.data);
        ax_map map;
        assert_int_equal(ax_map_open(&map, path, &err), 0);
        assert_int_equal((map.size - bytes) % 64, 0);
        assert_int_equal(map.data[map.size - bytes - 1], '\n');
        ax_map_close(&map);
    }
    remove(path);
    ax_tensor t;
    ax_err err;
    assert_int_equal(ax_npy_load(path, &t, &err), -1);
    assert_int_equal(err.code, AX_ENOTFOUND);
}

/* The bytes of numpy.save(f, numpy.array([[1,2],[3,4]], 'u1')), NumPy 1.24. */
static void same_bytes_as_numpy(void **state)
{
    static const char want[] = "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, "
                               "'shape': (2, 2), }";
    char path[256];
    ax_map map;
    ax_err err;
    uint8_t data[] = {1, 2, 3, 4};
    (void)state;
    temp_path(path, sizeof path, ".npy");
    assert_int_equal(ax_npy_save(path, &(ax_tensor){AX_U8, AX_SHAPE(2, 2), data}, &err), 0);
    assert_int_equal(ax_map_open(&map, path, &err), 0);
    assert_int_equal(map.size, 132);
    assert_memory_equal(map.data, want, sizeof want - 1);
    assert_memory_equal(map.data + 128, data, 4);
    ax_map_close(&map);
    remove(path);
}

static void damaged_npy(void **state)
{
    uint8_t file[ROOM];
    (void)state;
    size_t n = make_npy(file, 1, D("<f4", "True", "(2, 3)") "    \n", numbers, 24);
    for (size_t cut = 0; cut < n; cut++) {
        ax_tensor t;
        ax_err err = {0};
        uint8_t *part = exact(file, cut);
        assert_int_equal(ax_npy_read(part, cut, &t, &err), -1);
        assert_int_not_equal(err.code, AX_OK);
        free(part);
    }
    for (size_t at = 0; at < n - 24; at++)
        for (int v = 0; v < 256; v++) {
            ax_tensor t;
            uint8_t *part = exact(file, n);
            part[at] = (uint8_t)v;
            if (ax_npy_read(part, n, &t, NULL) == 0)
                free(t.data);
            free(part);
        }
}

/* ---- npz ------------------------------------------------------------------------------------- */

typedef struct member {
    const char *name;
    const uint8_t *data;
    size_t n;
    int method;
} member;

static size_t put(uint8_t *to, size_t at, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        to[at++] = (uint8_t)(v >> 8 * i);
    return at;
}

static size_t deflate_raw(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
    z_stream s = {
        .next_in = (Bytef *)from, .avail_in = (uInt)n, .next_out = to, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return s.total_out;
}

/* As numpy.savez does it: sizes in the local header are placeholders, with a zip64 extra field. */
static size_t make_zip(uint8_t *to, size_t room, const member *m, int n)
{
    uint8_t packed[ROOM];
    size_t at = 0, offset[8], size[8];
    for (int i = 0; i < n; i++) {
        offset[i] = at;
        size[i] = m[i].method ? deflate_raw(m[i].data, m[i].n, packed, sizeof packed) : m[i].n;
        at = put(to, at, 0x04034b50, 4);
        at = put(to, at, 45, 2);
        at = put(to, at, 0, 2);
        at = put(to, at, (uint64_t)m[i].method, 2);
        at = put(to, at, 0, 4);
        at = put(to, at, crc32(0, m[i].data, (uInt)m[i].n), 4);
        at = put(to, at, UINT64_MAX, 8);
        at = put(to, at, strlen(m[i].name), 2);
        at = put(to, at, 20, 2);
        memcpy(to + at, m[i].name, strlen(m[i].name));
        at += strlen(m[i].name);
        at = put(to, at, 1, 2);
        at = put(to, at, 16, 2);
        at = put(to, at, m[i].n, 8);
        at = put(to, at, size[i], 8);
        memcpy(to + at, m[i].method ? packed : m[i].data, size[i]);
        at += size[i];
    }
    size_t directory = at;
    for (int i = 0; i < n; i++) {
        at = put(to, at, 0x02014b50, 4);
        at = put(to, at, 45 << 16 | 45, 4);
        at = put(to, at, 0, 2);
        at = put(to, at, (uint64_t)m[i].method, 2);
        at = put(to, at, 0, 4);
        at = put(to, at, crc32(0, m[i].data, (uInt)m[i].n), 4);
        at = put(to, at, size[i], 4);
        at = put(to, at, m[i].n, 4);
        at = put(to, at, strlen(m[i].name), 2);
        at = put(to, at, 0, 8);
        at = put(to, at, 0, 4);
        at = put(to, at, offset[i], 4);
        memcpy(to + at, m[i].name, strlen(m[i].name));
        at += strlen(m[i].name);
    }
    size_t end = at;
    at = put(to, at, 0x06054b50, 4);
    at = put(to, at, 0, 4);
    at = put(to, at, (uint64_t)n << 16 | (uint64_t)n, 4);
    at = put(to, at, end - directory, 4);
    at = put(to, at, directory, 4);
    at = put(to, at, 0, 2);
    assert_true(at <= room);
    return at;
}

static uint8_t x_npy[ROOM], y_npy[ROOM];
static member xy[3] = {{"x.npy", x_npy, 0, 0}, {"y.npy", y_npy, 0, 8}, {"readme", x_npy, 5, 0}};

static size_t make_xy(uint8_t *zip)
{
    static const int64_t labels[40] = {7, 8, 9};
    xy[0].n = make_npy(x_npy, 1, D("<f4", "True", "(2, 3)"), numbers, 24);
    xy[1].n = make_npy(y_npy, 1, D("<i8", "False", "(40,)"), labels, sizeof labels);
    return make_zip(zip, ROOM, xy, 3);
}

static void npz_get(void **state)
{
    uint8_t zip[ROOM];
    ax_err err = {0};
    ax_tensor t;
    (void)state;
    size_t n = make_xy(zip);
    uint8_t *bytes = exact(zip, n);
    ax_npz *z = ax_npz_open(bytes, n, &err);
    if (!z)
        fail_msg("%s", err.msg);
    assert_int_equal(ax_npz_count(z), 3);
    assert_string_equal(ax_npz_name(z, 0), "x");
    assert_string_equal(ax_npz_name(z, 1), "y");
    assert_string_equal(ax_npz_name(z, 2), "readme");

    assert_int_equal(ax_npz_get(z, "x", 1 << 20, &t, &err), 0);
    assert_true(ax_shape_equal(&t.shape, &AX_SHAPE(2, 3)));
    assert_true(((float *)t.data)[1] == 3 && ((float *)t.data)[3] == 2);
    free(t.data);
    assert_int_equal(ax_npz_get(z, "y.npy", xy[1].n, &t, &err), 0);
    assert_int_equal(t.dtype, AX_I64);
    assert_int_equal(((int64_t *)t.data)[2], 9);
    free(t.data);

    assert_int_equal(ax_npz_get(z, "y", xy[1].n - 1, &t, &err), -1);
    check_error("limit", &err, AX_ELIMIT, "'y'");
    assert_int_equal(ax_npz_get(z, "X_train", 1 << 20, &t, &err), -1);
    check_error("name", &err, AX_ENOTFOUND, "'X_train'");
    assert_int_equal(ax_npz_get(z, "readmee", 1 << 20, &t, &err), -1);
    assert_non_null(strstr(err.hint, "'readme'"));
    assert_int_equal(ax_npz_get(z, "readme", 1 << 20, &t, &err), -1);
    check_error("no array", &err, AX_EPARSE, "'readme'");
    ax_npz_close(z);
    free(bytes);
}

static void npz_bad(void **state)
{
    uint8_t zip[ROOM];
    size_t n = make_xy(zip), end = n - 22, dir = zip[end + 16] | (size_t)zip[end + 17] << 8;
    const struct {
        const char *label;
        size_t at;
        uint64_t value;
        int bytes;
        ax_code code;
    } cases[] = {
        {"end of directory", end, 0, 4, AX_EPARSE},
        {"comment length", end + 20, 1, 2, AX_EPARSE},
        {"volume", end + 4, 1, 2, AX_EUNSUPPORTED},
        {"members here", end + 8, 2, 2, AX_EUNSUPPORTED},
        {"members: more", end + 8, 0x00040004, 4, AX_ECORRUPT},
        {"members: fewer", end + 8, 0x00020002, 4, AX_ECORRUPT},
        {"members: zip64", end + 8, 0xFFFFFFFF, 4, AX_EUNSUPPORTED},
        {"members: many", end + 8, 0x20002000, 4, AX_ELIMIT},
        {"directory offset", end + 16, dir + 1, 4, AX_ECORRUPT},
        {"directory size", end + 12, 0xFFFFFFFE, 4, AX_ECORRUPT},
        {"directory zip64", end + 12, 0xFFFFFFFF, 4, AX_EUNSUPPORTED},
        {"entry magic", dir, 0, 4, AX_ECORRUPT},
        {"encrypted", dir + 8, 1, 2, AX_EUNSUPPORTED},
        {"method", dir + 10, 12, 2, AX_EUNSUPPORTED},
        {"packed size", dir + 20, 0x7FFFFFFF, 4, AX_ECORRUPT},
        {"packed size of deflated", dir + 51 + 20, 0x7FFFFFFF, 4, AX_ECORRUPT},
        {"packed zip64", dir + 20, 0xFFFFFFFF, 4, AX_EUNSUPPORTED},
        {"size of stored", dir + 24, 1, 4, AX_ECORRUPT},
        {"bomb", dir + 51 + 24, 0x7FFFFFFF, 4, AX_ECORRUPT},
        {"name length 0", dir + 28, 0, 2, AX_ECORRUPT},
        {"name length", dir + 28, 0xFFFF, 2, AX_ECORRUPT},
        {"local offset", dir + 42, 0x7FFFFFFF, 4, AX_ECORRUPT},
        {"local offset 1", dir + 42, 1, 4, AX_ECORRUPT},
        {"local offset zip64", dir + 42, 0xFFFFFFFF, 4, AX_EUNSUPPORTED},
        {"name with NUL", dir + 46, 0, 1, AX_ECORRUPT},
        {"name not UTF-8", dir + 46, 0xFF, 1, AX_ECORRUPT},
        {"name twice", dir + 46, 'y', 1, AX_ECORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        uint8_t *bytes = exact(zip, n);
        put(bytes, cases[i].at, cases[i].value, cases[i].bytes);
        assert_null(ax_npz_open(bytes, n, &err));
        check_error(cases[i].label, &err, cases[i].code, "np");
        free(bytes);
    }
    ax_err err;
    assert_null(ax_npz_open(NULL, 0, &err));
    assert_int_equal(err.code, AX_EPARSE);
}

/* Sizes that are believable but wrong, and data that is damaged, are found when it is unpacked. */
static void npz_bad_data(void **state)
{
    uint8_t zip[ROOM];
    size_t n = make_xy(zip), end = n - 22, dir = zip[end + 16] | (size_t)zip[end + 17] << 8;
    const struct {
        const char *label, *name, *word;
        size_t at;
    } cases[] = {
        {"crc", "x", "checksum", dir + 16},
        {"stored byte", "x", "checksum", 70},
        {"crc of deflated", "y", "checksum", dir + 51 + 16},
        {"packed size less", "y", "unpack", dir + 51 + 20},
        {"size", "y", "unpack", dir + 51 + 24},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int delta = -1; delta <= 1; delta += 2) {
            ax_err err = {0};
            ax_tensor t;
            uint8_t *bytes = exact(zip, n);
            bytes[cases[i].at] = (uint8_t)(bytes[cases[i].at] + delta);
            ax_npz *z = ax_npz_open(bytes, n, &err);
            if (!z)
                fail_msg("%s: %s", cases[i].label, err.msg);
            assert_int_equal(ax_npz_get(z, cases[i].name, 1 << 20, &t, &err), -1);
            check_error(cases[i].label, &err, AX_ECORRUPT, cases[i].word);
            ax_npz_close(z);
            free(bytes);
        }
}

static void get_all(const uint8_t *bytes, size_t n)
{
    ax_npz *z = ax_npz_open(bytes, n, NULL);
    for (int i = 0; z && i < ax_npz_count(z); i++) {
        ax_tensor t;
        if (ax_npz_get(z, ax_npz_name(z, i), 1 << 16, &t, NULL) == 0)
            free(t.data);
    }
    ax_npz_close(z);
}

static void damaged_npz(void **state)
{
    uint8_t zip[ROOM];
    size_t n = make_xy(zip);
    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        ax_err err = {0};
        uint8_t *part = exact(zip, cut);
        assert_null(ax_npz_open(part, cut, &err));
        assert_int_not_equal(err.code, AX_OK);
        free(part);
    }
    for (size_t at = 0; at < n; at++)
        for (int bit = 0; bit <= 8; bit++) {
            uint8_t *part = exact(zip, n);
            part[at] ^= (uint8_t)(bit < 8 ? 1 << bit : 0xFF);
            get_all(part, n);
            free(part);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(fortran_order),
        cmocka_unit_test(save_and_load),
        cmocka_unit_test(same_bytes_as_numpy),
        cmocka_unit_test(damaged_npy),
        cmocka_unit_test(npz_get),
        cmocka_unit_test(npz_bad),
        cmocka_unit_test(npz_bad_data),
        cmocka_unit_test(damaged_npz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
