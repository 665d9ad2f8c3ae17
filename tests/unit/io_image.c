/* Pictures: every kind of PNG against its samples, JPEG against libjpeg, resizing by hand, damage.
 */
#include "io/image.h"

#include <math.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include "base/file.h"
#include "io_check.h"

enum { ROOM = 1 << 16, W = 13, H = 11 };

typedef struct bytes {
    uint8_t data[ROOM];
    size_t n;
} bytes;

static unsigned noise(unsigned x, unsigned y, unsigned c)
{
    unsigned v = x * 374761393u + y * 668265263u + c * 2246822519u + 1;
    v = (v ^ v >> 13) * 1274126177u;
    return v ^ v >> 16;
}

/* ---- making PNG ------------------------------------------------------------------------------ */

typedef struct png_kind {
    int type, depth, interlace, trns;
    const char *name;
} png_kind;

static void png_put(png_structp png, png_bytep data, size_t n)
{
    bytes *b = png_get_io_ptr(png);
    assert_true(b->n + n <= ROOM);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static int channels_of(int type)
{
    return type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_PALETTE ? 1
           : type == PNG_COLOR_TYPE_GRAY_ALPHA                           ? 2
           : type == PNG_COLOR_TYPE_RGB                                  ? 3
                                                                         : 4;
}

static unsigned png_sample(const png_kind *k, unsigned x, unsigned y, unsigned c)
{
    return noise(x, y, c) & ((1u << k->depth) - 1);
}

static const png_color palette[16] = {{0, 0, 0},     {255, 255, 255}, {255, 0, 0}, {0, 255, 0},
                                      {0, 0, 255},   {9, 8, 7},       {1, 2, 3},   {40, 50, 60},
                                      {70, 80, 90},  {99, 98, 97},    {5, 0, 250}, {6, 6, 6},
                                      {200, 1, 100}, {77, 88, 99},    {3, 3, 3},   {128, 64, 32}};
static const uint8_t palette_alpha[16] = {0, 255, 128, 1, 254, 77};

/* The transparent colour of kinds without alpha: that of the pixel (2, 1). */
static png_color_16 trns_colour(const png_kind *k)
{
    int grey = channels_of(k->type) == 1;
    uint16_t v[3];
    for (unsigned c = 0; c < 3; c++)
        v[c] = (uint16_t)png_sample(k, 2, 1, c);
    return (png_color_16){.red = v[0], .green = v[1], .blue = v[2], .gray = grey ? v[0] : 0};
}

static void make_png(bytes *out, const png_kind *k, int w, int h)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    int n = channels_of(k->type);
    uint8_t row[W * 8], *rows[H], all[H][W * 8];
    out->n = 0;
    png_set_write_fn(png, out, png_put, NULL);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, k->depth, k->type,
                 k->interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    png_color_16 colour = trns_colour(k);
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << k->depth > 16 ? 16 : 1 << k->depth);
    if (k->trns && k->type == PNG_COLOR_TYPE_PALETTE)
        png_set_tRNS(png, info, palette_alpha, 1 << k->depth < 6 ? 1 << k->depth : 6, NULL);
    else if (k->trns)
        png_set_tRNS(png, info, NULL, 0, &colour);
    png_set_gAMA(png, info, 0.9); /* must not change a pixel */
    png_write_info(png, info);
    for (int y = 0; y < h; y++) {
        memset(row, 0, sizeof row);
        for (int x = 0; x < w; x++)
            for (int c = 0; c < n; c++) {
                unsigned v = png_sample(k, (unsigned)x, (unsigned)y, (unsigned)c);
                int at = (x * n + c) * k->depth;
                if (k->type == PNG_COLOR_TYPE_PALETTE)
                    v &= 15;
                if (k->depth == 16)
                    row[at / 8] = (uint8_t)(v >> 8), row[at / 8 + 1] = (uint8_t)v;
                else
                    row[at / 8] |= (uint8_t)(v << (8 - k->depth - at % 8));
            }
        memcpy(all[y], row, sizeof row);
        rows[y] = all[y];
    }
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

/* Red, green, blue over black, 0..255. */
static void png_want(const png_kind *k, int x, int y, double rgb[3])
{
    unsigned s[4];
    int n = channels_of(k->type);
    double top = (1 << k->depth) - 1, alpha = 1;
    for (int c = 0; c < n; c++)
        s[c] = png_sample(k, (unsigned)x, (unsigned)y, (unsigned)c);
    for (int c = 0; c < 3; c++)
        rgb[c] = s[n >= 3 ? c : 0] * 255 / top;
    if (n % 2 == 0)
        alpha = s[n - 1] / top;
    if (k->type == PNG_COLOR_TYPE_PALETTE) {
        unsigned i = s[0] & 15;
        rgb[0] = palette[i].red, rgb[1] = palette[i].green, rgb[2] = palette[i].blue;
        if (k->trns && i < 6)
            alpha = palette_alpha[i] / 255.0;
    } else if (k->trns) {
        png_color_16 t = trns_colour(k);
        if (n == 1 ? s[0] == t.gray : s[0] == t.red && s[1] == t.green && s[2] == t.blue)
            alpha = 0;
    }
    for (int c = 0; c < 3; c++)
        rgb[c] *= alpha;
}

#define KINDS(type, depth, trns)                                                                   \
    {type, depth, 0, trns, #type "/" #depth "/" #trns},                                            \
    {                                                                                              \
        type, depth, 1, trns, #type "/" #depth "/" #trns " interlaced"                             \
    }

static const png_kind kinds[] = {
    KINDS(PNG_COLOR_TYPE_GRAY, 1, 0),        KINDS(PNG_COLOR_TYPE_GRAY, 2, 0),
    KINDS(PNG_COLOR_TYPE_GRAY, 4, 0),        KINDS(PNG_COLOR_TYPE_GRAY, 8, 0),
    KINDS(PNG_COLOR_TYPE_GRAY, 16, 0),       KINDS(PNG_COLOR_TYPE_GRAY, 1, 1),
    KINDS(PNG_COLOR_TYPE_GRAY, 4, 1),        KINDS(PNG_COLOR_TYPE_GRAY, 8, 1),
    KINDS(PNG_COLOR_TYPE_GRAY, 16, 1),       KINDS(PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0),
    KINDS(PNG_COLOR_TYPE_GRAY_ALPHA, 16, 0), KINDS(PNG_COLOR_TYPE_RGB, 8, 0),
    KINDS(PNG_COLOR_TYPE_RGB, 16, 0),        KINDS(PNG_COLOR_TYPE_RGB, 8, 1),
    KINDS(PNG_COLOR_TYPE_RGB, 16, 1),        KINDS(PNG_COLOR_TYPE_RGB_ALPHA, 8, 0),
    KINDS(PNG_COLOR_TYPE_RGB_ALPHA, 16, 0),  KINDS(PNG_COLOR_TYPE_PALETTE, 1, 0),
    KINDS(PNG_COLOR_TYPE_PALETTE, 2, 0),     KINDS(PNG_COLOR_TYPE_PALETTE, 4, 1),
    KINDS(PNG_COLOR_TYPE_PALETTE, 8, 0),     KINDS(PNG_COLOR_TYPE_PALETTE, 8, 1),
};

static void every_kind_of_png(void **state)
{
    static bytes b;
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        float rgb[3][H][W], grey[H][W];
        ax_err err = {0};
        make_png(&b, &kinds[i], W, H);
        uint8_t *file = exact(b.data, b.n);
        if (ax_image_decode(file, b.n, 3, H, W, &rgb[0][0][0], &err) < 0 ||
            ax_image_decode(file, b.n, 1, H, W, &grey[0][0], &err) < 0)
            fail_msg("%s: %s", kinds[i].name, err.msg);
        free(file);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double want[3];
                png_want(&kinds[i], x, y, want);
                double luma = 0.299 * want[0] + 0.587 * want[1] + 0.114 * want[2];
                for (int c = 0; c < 3; c++)
                    if (fabs(rgb[c][y][x] - want[c]) > 2e-5)
                        fail_msg("%s: (%d,%d,%d) is %g, not %g", kinds[i].name, x, y, c,
                                 rgb[c][y][x], want[c]);
                if (fabs(grey[y][x] - luma) > 2e-5)
                    fail_msg("%s: grey (%d,%d) is %g, not %g", kinds[i].name, x, y, grey[y][x],
                             luma);
            }
    }
}

/* Eight-bit grey and colour are whole numbers, also grey made from r = g = b. */
static void pixels_are_exact(void **state)
{
    char path[256];
    uint8_t pixels[3 * 256];
    float out[256];
    ax_err err = {0};
    ax_map map;
    (void)state;
    for (int i = 0; i < 256; i++)
        pixels[i] = pixels[256 + i] = pixels[512 + i] = (uint8_t)i;
    temp_path(path, sizeof path, ".png");
    for (int channels = 1; channels <= 3; channels += 2) {
        assert_int_equal(ax_image_encode_png(path, channels, 8, 32, pixels, &err), 0);
        assert_int_equal(ax_map_open(&map, path, &err), 0);
        assert_int_equal(ax_image_decode(map.data, map.size, 1, 8, 32, out, &err), 0);
        for (int i = 0; i < 256; i++)
            assert_true(out[i] == (float)i);
        ax_map_close(&map);
    }
    for (int i = 0; i < 256; i++)
        pixels[256 + i] = (uint8_t)(i * 3), pixels[512 + i] = (uint8_t)(255 - i);
    float rgb[3 * 256];
    assert_int_equal(ax_image_encode_png(path, 3, 16, 16, pixels, &err), 0);
    assert_int_equal(ax_map_open(&map, path, &err), 0);
    assert_int_equal(ax_image_decode(map.data, map.size, 3, 16, 16, rgb, &err), 0);
    for (int i = 0; i < 3 * 256; i++)
        assert_true(rgb[i] == pixels[i]);
    ax_map_close(&map);
    remove(path);
    assert_int_equal(ax_image_encode_png("/nonexistent/x.png", 1, 1, 1, pixels, &err), -1);
    assert_int_equal(ax_image_encode_png(path, 2, 1, 1, pixels, &err), -1);
    assert_int_equal(err.code, AX_EINVAL);
}

/* ---- resizing -------------------------------------------------------------------------------- */

static void grey_png(bytes *b, int w, int h, const uint8_t *pixels)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    b->n = 0;
    png_set_write_fn(png, b, png_put, NULL);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, 8, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
    png_write_info(png, info);
    for (int y = 0; y < h; y++)
        png_write_row(png, pixels + y * w);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static void sizes_by_hand(void **state)
{
    static const struct {
        int from_h, from_w, h, w;
        uint8_t in[16];
        double want[16];
    } cases[] = {
        {1, 1, 1, 1, {7}, {7}},
        {2, 2, 1, 1, {0, 100, 200, 56}, {89}},
        {1, 3, 1, 2, {30, 60, 90}, {40, 80}},
        {3, 1, 2, 1, {30, 60, 90}, {40, 80}},
        {1, 4, 1, 2, {1, 3, 5, 7}, {2, 6}},
        {1, 5, 1, 2, {10, 20, 30, 40, 50}, {18, 42}},
        {1, 2, 1, 4, {0, 100}, {0, 25, 75, 100}},
        {2, 1, 4, 1, {0, 100}, {0, 25, 75, 100}},
        {1, 1, 2, 3, {9}, {9, 9, 9, 9, 9, 9}},
        {1, 2, 1, 3, {0, 60}, {0, 30, 60}},
        {1, 3, 1, 4, {0, 40, 80}, {0, 25, 55, 80}},
        {2, 2, 1, 4, {0, 100, 50, 150}, {25, 50, 100, 125}}, /* one axis each way */
        {2, 2, 4, 1, {0, 100, 50, 150}, {50, 62.5, 87.5, 100}},
        {2, 2, 3, 3, {0, 8, 80, 88}, {0, 4, 8, 40, 44, 48, 80, 84, 88}},
    };
    static bytes b;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float out[48];
        ax_err err = {0};
        grey_png(&b, cases[i].from_w, cases[i].from_h, cases[i].in);
        int n = cases[i].h * cases[i].w;
        for (int channels = 1; channels <= 3; channels += 2) {
            if (ax_image_decode(b.data, b.n, channels, cases[i].h, cases[i].w, out, &err) < 0)
                fail_msg("case %zu: %s", i, err.msg);
            for (int k = 0; k < n * channels; k++)
                if (fabs(out[k] - cases[i].want[k % n]) > 1e-5)
                    fail_msg("case %zu, %d: %g, not %g", i, k, out[k], cases[i].want[k % n]);
        }
    }
}

/* A plain picture stays plain, to the bit; shrinking keeps the mean. */
static void sizes_keep_what_they_must(void **state)
{
    static const int sizes[] = {1, 2, 3, 5, 8, 13, 28, 31, 64, 97};
    static bytes b;
    static uint8_t plain[97 * 97], rough[97 * 97];
    static float out[97 * 97];
    (void)state;
    memset(plain, 201, sizeof plain);
    for (unsigned i = 0; i < sizeof rough; i++)
        rough[i] = (uint8_t)noise(i, 0, 0);
    for (int from = 0; from < 10; from++)
        for (int to = 0; to < 10; to++) {
            int fh = sizes[from], fw = sizes[9 - from], h = sizes[to], w = sizes[to];
            grey_png(&b, fw, fh, plain);
            assert_int_equal(ax_image_decode(b.data, b.n, 1, h, w, out, NULL), 0);
            for (int i = 0; i < h * w; i++)
                assert_true(out[i] == 201);
            if (h > fh || w > fw)
                continue;
            double before = 0, after = 0;
            grey_png(&b, fw, fh, rough);
            assert_int_equal(ax_image_decode(b.data, b.n, 1, h, w, out, NULL), 0);
            for (int i = 0; i < fh * fw; i++)
                before += rough[i];
            for (int i = 0; i < h * w; i++)
                after += out[i];
            assert_true(fabs(before / (fh * fw) - after / (h * w)) < 1e-4);
        }
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

typedef struct jpeg_kind {
    J_COLOR_SPACE in, file;
    int components, progressive, quality, restart,
        adobe; /* progressive 2: a scan per coefficient */
    const char *name;
} jpeg_kind;

static const jpeg_kind jpegs[] = {
    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 0, 90, 0, 0, "grey"},
    {JCS_RGB, JCS_YCbCr, 3, 0, 90, 0, 0, "colour"},
    {JCS_RGB, JCS_YCbCr, 3, 1, 90, 0, 0, "progressive"},
    {JCS_RGB, JCS_YCbCr, 3, 0, 100, 2, 0, "restart markers"},
    {JCS_RGB, JCS_RGB, 3, 0, 100, 0, 1, "RGB"},
    {JCS_CMYK, JCS_CMYK, 4, 0, 100, 0, 1, "CMYK by Adobe"},
    {JCS_CMYK, JCS_CMYK, 4, 0, 100, 0, 0, "CMYK"},
    {JCS_CMYK, JCS_YCCK, 4, 0, 100, 0, 1, "YCCK"},
};

static void make_jpeg(bytes *b, const jpeg_kind *k)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *mem = NULL;
    unsigned long size = 0;
    uint8_t row[W * 4], *p = row;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &mem, &size);
    c.image_width = W;
    c.image_height = H;
    c.input_components = k->components;
    c.in_color_space = k->in;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, k->file);
    c.write_Adobe_marker = (boolean)k->adobe;
    jpeg_set_quality(&c, k->quality, TRUE);
    c.restart_interval = (unsigned)k->restart;
    jpeg_scan_info scans[200] = {{3, {0, 1, 2}, 0, 0, 0, 0}};
    if (k->progressive == 1)
        jpeg_simple_progression(&c);
    if (k->progressive == 2) {
        c.scan_info = scans;
        c.num_scans = 1;
        for (int i = 0; i < 3 * 63; i++)
            scans[c.num_scans++] = (jpeg_scan_info){1, {i / 63}, 1 + i % 63, 1 + i % 63, 0, 0};
    }
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            for (int i = 0; i < k->components; i++)
                row[x * k->components + i] = (uint8_t)(20 + 5 * x + 6 * y + 25 * i);
        jpeg_write_scanlines(&c, &p, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    assert_true(size <= ROOM);
    memcpy(b->data, mem, size);
    b->n = size;
    free(mem);
}

/* What went in, as light. */
static double jpeg_want(const jpeg_kind *k, int x, int y, int c)
{
    double s[4];
    for (int i = 0; i < 4; i++)
        s[i] = (uint8_t)(20 + 5 * x + 6 * y + 25 * i);
    if (k->components == 1)
        return s[0];
    if (k->components == 3)
        return s[c];
    return k->adobe ? s[c] * s[3] / 255 : (255 - s[c]) * (255 - s[3]) / 255;
}

static void every_kind_of_jpeg(void **state)
{
    static bytes b;
    (void)state;
    for (size_t i = 0; i < sizeof jpegs / sizeof *jpegs; i++) {
        float rgb[3][H][W], grey[H][W];
        ax_err err = {0};
        make_jpeg(&b, &jpegs[i]);
        uint8_t *file = exact(b.data, b.n);
        if (ax_image_decode(file, b.n, 3, H, W, &rgb[0][0][0], &err) < 0 ||
            ax_image_decode(file, b.n, 1, H, W, &grey[0][0], &err) < 0)
            fail_msg("%s: %s", jpegs[i].name, err.msg);
        free(file);
        double off = 0;
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double light[3];
                for (int c = 0; c < 3; c++) {
                    light[c] = jpeg_want(&jpegs[i], x, y, c);
                    off = fmax(off, fabs(rgb[c][y][x] - light[c]));
                    assert_true(rgb[c][y][x] == (float)(int)rgb[c][y][x]);
                }
                off = fmax(
                    off, fabs(grey[y][x] - 0.299 * light[0] - 0.587 * light[1] - 0.114 * light[2]));
            }
        if (off > (jpegs[i].quality == 100 ? 6 : 16))
            fail_msg("%s: off by %g", jpegs[i].name, off);
    }
}

/* Bytes between markers do no harm; scans without end do. */
static void jpeg_padding_and_scans(void **state)
{
    static const jpeg_kind many = {JCS_RGB, JCS_YCbCr, 3, 2, 90, 0, 0, "many scans"};
    static bytes b;
    float plain[H * W], padded[H * W];
    ax_err err = {0};
    (void)state;
    make_jpeg(&b, &jpegs[1]);
    assert_int_equal(ax_image_decode(b.data, b.n, 1, H, W, plain, &err), 0);
    size_t at = 4u + (size_t)(b.data[4] << 8 | b.data[5]); /* behind the first segment */
    memmove(b.data + at + 3, b.data + at, b.n - at);
    memset(b.data + at, 0, 3);
    if (ax_image_decode(b.data, b.n + 3, 1, H, W, padded, &err) < 0)
        fail_msg("%s", err.msg);
    assert_memory_equal(plain, padded, sizeof plain);
    make_jpeg(&b, &many);
    assert_int_equal(ax_image_decode(b.data, b.n, 1, H, W, plain, &err), -1);
    check_error("scans", &err, AX_ELIMIT, "more than 100 scans");
}

/* ---- bounds and damage ----------------------------------------------------------------------- */

static void put_be(uint8_t *to, uint32_t v, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static void too_large(void **state)
{
    static const struct {
        uint32_t w, h;
        ax_code code;
    } cases[] = {
        {16385, 1, AX_ELIMIT},     {1, 16385, AX_ELIMIT},     {16384, 4097, AX_ELIMIT},
        {16384, 16384, AX_ELIMIT}, {65000, 65000, AX_ELIMIT}, {0, 1, AX_EPARSE},
        {1, 0, AX_EPARSE},         {16384, 4096, AX_EPARSE}, /* allowed, but there is no data */
    };
    static bytes png, jpeg;
    float out;
    (void)state;
    make_png(&png, &kinds[6], W, H);
    make_jpeg(&jpeg, &jpegs[1]);
    size_t sof = 0;
    while (jpeg.data[sof] != 0xFF || jpeg.data[sof + 1] != 0xC0)
        sof++;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        put_be(png.data + 16, cases[i].w, 4);
        put_be(png.data + 20, cases[i].h, 4);
        put_be(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17), 4);
        assert_int_equal(ax_image_decode(png.data, png.n, 1, 1, 1, &out, &err), -1);
        check_error("png", &err, cases[i].code, "");
        put_be(jpeg.data + sof + 5, cases[i].h, 2);
        put_be(jpeg.data + sof + 7, cases[i].w, 2);
        assert_int_equal(ax_image_decode(jpeg.data, jpeg.n, 1, 1, 1, &out, &err), -1);
        check_error("jpeg", &err, cases[i].code, "");
    }
    static const int wrong[][3] = {{2, 1, 1},  {0, 1, 1},     {1, 0, 1},
                                   {1, 1, -1}, {1, 16385, 1}, {1, 16384, 16384}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(
            ax_image_decode(jpeg.data, jpeg.n, wrong[i][0], wrong[i][1], wrong[i][2], &out, NULL),
            -1);
}

static void not_a_picture(void **state)
{
    static const struct {
        const char *bytes, *word;
    } cases[] = {
        {"", "not a PNG or JPEG"}, {"GIF89a...", "GIF"}, {"RIFF....WEBP", "WebP"},
        {"BM......", "BMP"},       {"\x89PNG", "not a"}, {"<svg>", "not a"},
    };
    float out;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_err err = {0};
        uint8_t *file = exact(cases[i].bytes, strlen(cases[i].bytes));
        assert_int_equal(ax_image_decode(file, strlen(cases[i].bytes), 1, 1, 1, &out, &err), -1);
        check_error(cases[i].bytes, &err, AX_EUNSUPPORTED, cases[i].word);
        free(file);
    }
    ax_err err;
    assert_int_equal(ax_image_decode(NULL, 0, 1, 1, 1, &out, &err), -1);
}

static void every_truncation(const bytes *b, const char *name, size_t magic)
{
    float out[H * W];
    for (size_t cut = 0; cut < b->n; cut++) {
        ax_err err = {0};
        uint8_t *part = exact(b->data, cut);
        if (ax_image_decode(part, cut, 1, H, W, out, &err) == 0)
            fail_msg("%s: %zu of %zu bytes are enough", name, cut, b->n);
        check_error(name, &err, cut < magic ? AX_EUNSUPPORTED : AX_EPARSE, "");
        assert_true(strlen(err.msg) > 10);
        free(part);
    }
}

static void mutations(const bytes *b)
{
    float out[3 * 5 * 4];
    for (size_t at = 0; at < b->n; at++)
        for (int bit = 0; bit <= 8; bit += at < 64 ? 1 : 4) {
            uint8_t *part = exact(b->data, b->n);
            part[at] ^= (uint8_t)(bit < 8 ? 1 << bit : 0xFF);
            ax_image_decode(part, b->n, 3, 5, 4, out, NULL);
            free(part);
        }
}

/* PNG checks its chunks by CRC; with it made right again the damage gets further in. */
static void png_mutations(const bytes *b)
{
    float out[3 * 5 * 4];
    for (size_t chunk = 8; chunk + 12 <= b->n;) {
        size_t len = (size_t)b->data[chunk + 2] << 8 | b->data[chunk + 3];
        for (size_t at = 0; at < len && at < 80; at++)
            for (int bit = 0; bit < 8; bit++) {
                uint8_t *part = exact(b->data, b->n);
                part[chunk + 8 + at] ^= (uint8_t)(1 << bit);
                put_be(part + chunk + 8 + len, (uint32_t)crc32(0, part + chunk + 4, (uInt)len + 4),
                       4);
                ax_image_decode(part, b->n, 3, 5, 4, out, NULL);
                free(part);
            }
        chunk += len + 12;
    }
}

/* Nothing is ever printed: the decoders' own handlers would write to stderr. */
static void damage(void **state)
{
    static bytes b;
    char path[256];
    (void)state;
    temp_path(path, sizeof path, ".stderr");
    fflush(stderr);
    int kept = dup(2);
    assert_non_null(freopen(path, "w+", stderr));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        make_png(&b, &kinds[i], W, H);
        every_truncation(&b, kinds[i].name, 8);
        if (i % 3 == 0) {
            mutations(&b);
            png_mutations(&b);
        }
    }
    for (size_t i = 0; i < sizeof jpegs / sizeof *jpegs; i++) {
        make_jpeg(&b, &jpegs[i]);
        every_truncation(&b, jpegs[i].name, 3);
        mutations(&b);
    }
    fflush(stderr);
    fseek(stderr, 0, SEEK_END);
    long printed = ftell(stderr);
    dup2(kept, 2);
    close(kept);
    remove(path);
    assert_int_equal(printed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png),
        cmocka_unit_test(pixels_are_exact),
        cmocka_unit_test(sizes_by_hand),
        cmocka_unit_test(sizes_keep_what_they_must),
        cmocka_unit_test(every_kind_of_jpeg),
        cmocka_unit_test(jpeg_padding_and_scans),
        cmocka_unit_test(too_large),
        cmocka_unit_test(not_a_picture),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
