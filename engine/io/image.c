/* image.c - PNG and JPEG to float planes, and planes to PNG; see image.h.
 *
 * Both decoders push rows into one `picture`, which turns samples into the channels asked for and
 * feeds the resizer: only interlaced PNG ever has the whole source in memory. libpng and libjpeg
 * report errors by longjmp; everything that must survive the jump lives in a struct behind a
 * pointer, never in a local variable. Their messages go to err, never to stderr. */
#include "io/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include "base/file.h"
#include "io/resize.h"

enum {
    WHOLE_MAX = 256 << 20, /* bytes of an interlaced picture held at once          */
    JPEG_MEMORY_MAX = 512 << 20,
    JPEG_SCANS_MAX = 100 /* a progressive file has about ten; more is an attack  */
};

typedef struct picture {
    int channels, h, w; /* wanted       */
    int from_h, from_w; /* in the file  */
    ax_resize resize;
    float *row; /* (channels, from_w)   */
    ax_err *err;
} picture;

/* How to read one pixel of a decoded row. */
typedef struct samples {
    int n;     /* per pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
    int bytes; /* per sample: 1, or 2 big-endian                              */
} samples;

/* ---- the picture ----------------------------------------------------------------------------- */

static int check_size(int channels, int64_t h, int64_t w, ax_err *err)
{
    if ((channels != 1 && channels != 3) || h < 1 || w < 1)
        return ax_fail(err, AX_EINVAL, "a picture of %d channels, %lld x %lld pixels", channels,
                       (long long)w, (long long)h);
    if (w > AX_IMAGE_SIDE_MAX || h > AX_IMAGE_SIDE_MAX || w * h > AX_IMAGE_PIXELS_MAX)
        return ax_fail(err, AX_ELIMIT,
                       "a picture of %lld x %lld pixels; at most %d on a side and %d in all",
                       (long long)w, (long long)h, AX_IMAGE_SIDE_MAX, AX_IMAGE_PIXELS_MAX);
    return 0;
}

static int picture_begin(picture *p, int64_t w, int64_t h)
{
    if (check_size(p->channels, h, w, p->err) < 0)
        return -1;
    p->from_w = (int)w;
    p->from_h = (int)h;
    p->row = malloc((size_t)p->channels * (size_t)w * sizeof *p->row);
    if (!p->row)
        return ax_fail(p->err, AX_ENOMEM, "no memory for a row of %d pixels", p->from_w);
    return ax_resize_init(&p->resize, p->channels, p->from_h, p->from_w, p->h, p->w, p->err);
}

static void picture_end(picture *p)
{
    ax_resize_fini(&p->resize);
    free(p->row);
}

static double sample(const uint8_t *p, int bytes)
{
    return bytes == 1 ? *p : (p[0] << 8 | p[1]) / 257.0;
}

/* Samples to planes: alpha over black, grey from colour (the weights of Rec. 601, as in JPEG) or
 * colour from grey. In double, so that the grey of r = g = b = v is v. */
static void picture_row(picture *p, const uint8_t *data, samples s)
{
    int colour = s.n >= 3, step = s.n * s.bytes, alpha_at = (s.n - 1) * s.bytes;
    size_t w = (size_t)p->from_w;
    for (size_t x = 0; x < w; x++, data += step) {
        double v[3];
        for (int c = 0; c < 3; c++)
            v[c] = sample(data + (colour ? c * s.bytes : 0), s.bytes);
        if (s.n % 2 == 0) {
            double alpha = sample(data + alpha_at, s.bytes);
            for (int c = 0; c < 3; c++)
                v[c] = v[c] * alpha / 255;
        }
        if (p->channels == 1)
            p->row[x] = (float)(colour ? 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2] : v[0]);
        else
            for (size_t c = 0; c < 3; c++)
                p->row[c * w + x] = (float)v[c];
    }
    ax_resize_row(&p->resize, p->row);
}

/* ---- PNG ------------------------------------------------------------------------------------- */

typedef struct png_job {
    picture *p;
    const uint8_t *at, *end;
    png_structp png;
    png_infop info;
    uint8_t *rows; /* one, or all of an interlaced picture */
    uint8_t **row;
    samples samples;
    size_t stride;
    int passes;
    char why[128];
} png_job;

static void on_png_error(png_structp png, png_const_charp message)
{
    png_job *j = png_get_error_ptr(png);
    snprintf(j->why, sizeof j->why, "%s", message);
    png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp message)
{
    (void)png; /* about side information that is not used here, such as colour profiles */
    (void)message;
}

static void read_png_bytes(png_structp png, png_bytep to, size_t n)
{
    png_job *j = png_get_io_ptr(png);
    if (n > (size_t)(j->end - j->at))
        png_error(png, "the data ends too early");
    memcpy(to, j->at, n);
    j->at += n;
}

/* Sizes known, memory not yet taken: choose the form of the samples, take the memory. */
static int begin_png(png_job *j)
{
    png_structp png = j->png;
    png_infop info = j->info;
    if (picture_begin(j->p, png_get_image_width(png, info), png_get_image_height(png, info)) < 0)
        return -1;
    png_set_expand(png); /* palettes to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha */
    j->passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    j->samples = (samples){png_get_channels(png, info), png_get_bit_depth(png, info) / 8};
    j->stride = png_get_rowbytes(png, info);
    size_t n = j->passes > 1 ? (size_t)j->p->from_h : 1;
    if (n * j->stride > WHOLE_MAX)
        return ax_fail(j->p->err, AX_ELIMIT,
                       "an interlaced PNG of %zu bytes unpacked; at most %d are read",
                       n * j->stride, WHOLE_MAX);
    j->rows = calloc(n, j->stride);
    j->row = calloc(n, sizeof *j->row);
    if (!j->rows || !j->row)
        return ax_fail(j->p->err, AX_ENOMEM, "no memory for a PNG of %d x %d pixels", j->p->from_w,
                       j->p->from_h);
    for (size_t i = 0; i < n; i++)
        j->row[i] = j->rows + i * j->stride;
    return 0;
}

static void read_png_rows(png_job *j)
{
    if (j->passes > 1)
        png_read_image(j->png, j->row);
    for (int y = 0; y < j->p->from_h; y++) {
        if (j->passes == 1)
            png_read_row(j->png, j->rows, NULL);
        picture_row(j->p, j->row[j->passes > 1 ? y : 0], j->samples);
    }
    png_read_end(j->png, NULL);
}

/* What libpng may jump out of. */
static int run_png(png_job *j)
{
    if (setjmp(png_jmpbuf(j->png)))
        return ax_fail(j->p->err, AX_EPARSE, "the PNG cannot be decoded: %s", j->why);
    png_set_read_fn(j->png, j, read_png_bytes);
    png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(j->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours have better words */
    png_read_info(j->png, j->info);
    if (begin_png(j) < 0)
        return -1;
    read_png_rows(j);
    return 0;
}

static int decode_png(picture *p, const uint8_t *bytes, size_t n)
{
    png_job j = {.p = p, .at = bytes, .end = bytes + n};
    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_png_error, on_png_warning);
    j.info = j.png ? png_create_info_struct(j.png) : NULL;
    int rc = j.info ? run_png(&j) : ax_fail(p->err, AX_ENOMEM, "no memory to decode a PNG");
    png_destroy_read_struct(&j.png, &j.info, NULL);
    free(j.rows);
    free(j.row);
    return rc;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

typedef struct jpeg_job {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    picture *p;
    uint8_t *row;
    ax_code code;
    char why[JMSG_LENGTH_MAX];
} jpeg_job;

_Noreturn static void on_jpeg_error(j_common_ptr d)
{
    jpeg_job *j = d->client_data;
    int code = d->err->msg_code;
    d->err->format_message(d, j->why);
    j->code = code == JERR_OUT_OF_MEMORY      ? AX_ENOMEM
              : code == JERR_NO_BACKING_STORE ? AX_ELIMIT /* JPEG_MEMORY_MAX */
                                              : AX_EPARSE;
    longjmp(j->jump, 1);
}

/* A warning means that libjpeg went on with made-up pixels; only padding is harmless. */
static void on_jpeg_message(j_common_ptr d, int level)
{
    if (level < 0 && d->err->msg_code != JWRN_EXTRANEOUS_DATA &&
        d->err->msg_code != JWRN_JFIF_MAJOR)
        on_jpeg_error(d);
}

static void on_jpeg_output(j_common_ptr d)
{
    (void)d;
}

static void on_jpeg_progress(j_common_ptr d)
{
    jpeg_job *j = d->client_data;
    if (j->d.input_scan_number > JPEG_SCANS_MAX) {
        snprintf(j->why, sizeof j->why, "more than %d scans", JPEG_SCANS_MAX);
        j->code = AX_ELIMIT;
        longjmp(j->jump, 1);
    }
}

/* Ink to light: Adobe's files hold 255 - ink. */
static void cmyk_to_rgb(uint8_t *row, int w, int inverted)
{
    uint8_t *to = row;
    for (int x = 0; x < w; x++, row += 4, to += 3) {
        int flip = inverted ? 0 : 255, k = row[3] ^ flip;
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((row[c] ^ flip) * k + 127) / 255);
    }
}

static void choose_colours(jpeg_job *j)
{
    J_COLOR_SPACE have = j->d.jpeg_color_space;
    if (have == JCS_CMYK || have == JCS_YCCK)
        j->d.out_color_space = JCS_CMYK;
    else if (have == JCS_GRAYSCALE || j->p->channels == 1)
        j->d.out_color_space = JCS_GRAYSCALE;
    else
        j->d.out_color_space = JCS_RGB;
}

static void read_jpeg_rows(jpeg_job *j)
{
    int cmyk = j->d.out_color_space == JCS_CMYK;
    samples s = {j->d.out_color_space == JCS_GRAYSCALE ? 1 : 3, 1};
    for (int y = 0; y < j->p->from_h; y++) {
        jpeg_read_scanlines(&j->d, &j->row, 1);
        if (cmyk)
            cmyk_to_rgb(j->row, j->p->from_w, j->d.saw_Adobe_marker);
        picture_row(j->p, j->row, s);
    }
}

/* What libjpeg may jump out of. */
static int run_jpeg(jpeg_job *j, const uint8_t *bytes, size_t n)
{
    if (setjmp(j->jump))
        return ax_fail(j->p->err, j->code, "the JPEG cannot be decoded: %s", j->why);
    jpeg_create_decompress(&j->d);
    j->d.client_data = j;
    j->d.progress = &j->progress;
    j->d.mem->max_memory_to_use = JPEG_MEMORY_MAX;
    jpeg_mem_src(&j->d, bytes, n);
    jpeg_read_header(&j->d, TRUE);
    if (picture_begin(j->p, j->d.image_width, j->d.image_height) < 0)
        return -1;
    choose_colours(j);
    jpeg_start_decompress(&j->d);
    j->row = malloc((size_t)j->d.output_width * (size_t)j->d.output_components);
    if (!j->row)
        return ax_fail(j->p->err, AX_ENOMEM, "no memory for a row of %d pixels", j->p->from_w);
    read_jpeg_rows(j);
    jpeg_finish_decompress(&j->d);
    return 0;
}

static int decode_jpeg(picture *p, const uint8_t *bytes, size_t n)
{
    jpeg_job *j = calloc(1, sizeof *j);
    if (!j)
        return ax_fail(p->err, AX_ENOMEM, "no memory to decode a JPEG");
    j->p = p;
    j->d.err = jpeg_std_error(&j->errors);
    j->d.client_data = j;
    j->errors.error_exit = on_jpeg_error;
    j->errors.emit_message = on_jpeg_message;
    j->errors.output_message = on_jpeg_output;
    j->progress.progress_monitor = on_jpeg_progress;
    int rc = run_jpeg(j, bytes, n);
    jpeg_destroy_decompress(&j->d);
    free(j->row);
    free(j);
    return rc;
}

/* ---- in -------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *magic;
    int length;
    int (*decode)(picture *p, const uint8_t *bytes, size_t n); /* NULL: named, not read */
} formats[] = {
    {"PNG", "\x89PNG\r\n\x1a\n", 8, decode_png},
    {"JPEG", "\xff\xd8\xff", 3, decode_jpeg},
    {"GIF", "GIF8", 4, NULL},
    {"WebP", "RIFF", 4, NULL},
    {"BMP", "BM", 2, NULL},
    {"TIFF", "II*\0", 4, NULL},
    {"TIFF", "MM\0*", 4, NULL},
};

int ax_image_decode(const uint8_t *bytes, size_t n, int channels, int h, int w, float *out,
                    ax_err *err)
{
    if (check_size(channels, h, w, err) < 0)
        return -1;
    size_t i = 0, n_formats = sizeof formats / sizeof *formats;
    while (i < n_formats && (n < (size_t)formats[i].length ||
                             memcmp(bytes, formats[i].magic, (size_t)formats[i].length)))
        i++;
    if (i == n_formats || !formats[i].decode) {
        ax_fail(err, AX_EUNSUPPORTED, "the bytes are not a PNG or JPEG picture%s%s",
                i < n_formats ? ", they look like " : "", i < n_formats ? formats[i].name : "");
        return -1;
    }
    picture p = {.channels = channels, .h = h, .w = w, .err = err};
    int rc = formats[i].decode(&p, bytes, n);
    if (rc == 0)
        ax_resize_result(&p.resize, out);
    picture_end(&p);
    return rc;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void write_png_bytes(png_structp png, png_bytep data, size_t n)
{
    ax_outfile_write(png_get_io_ptr(png), data, n);
}

static void flush_png(png_structp png)
{
    (void)png;
}

typedef struct png_out {
    ax_outfile file;
    png_structp png;
    png_infop info;
    uint8_t *row; /* (w, channels) */
    const uint8_t *pixels;
    int channels, h, w;
    char why[128];
} png_out;

static void on_write_error(png_structp png, png_const_charp message)
{
    png_out *o = png_get_error_ptr(png);
    snprintf(o->why, sizeof o->why, "%s", message);
    png_longjmp(png, 1);
}

/* What libpng may jump out of. */
static int write_png(png_out *o, ax_err *err)
{
    size_t w = (size_t)o->w, plane = w * (size_t)o->h, n = (size_t)o->channels;
    if (setjmp(png_jmpbuf(o->png)))
        return ax_fail(err, AX_EIO, "the PNG cannot be written: %s", o->why);
    png_set_write_fn(o->png, &o->file, write_png_bytes, flush_png);
    png_set_IHDR(o->png, o->info, (png_uint_32)o->w, (png_uint_32)o->h, 8,
                 o->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(o->png, o->info);
    for (int y = 0; y < o->h; y++) {
        for (size_t x = 0; x < w; x++)
            for (size_t c = 0; c < n; c++)
                o->row[x * n + c] = o->pixels[c * plane + (size_t)y * w + x];
        png_write_row(o->png, o->row);
    }
    png_write_end(o->png, NULL);
    return 0;
}

int ax_image_encode_png(const char *path, int channels, int h, int w, const uint8_t *pixels,
                        ax_err *err)
{
    png_out o = {.pixels = pixels, .channels = channels, .h = h, .w = w};
    if (check_size(channels, h, w, err) < 0 || ax_outfile_open(&o.file, path, err) < 0)
        return -1;
    o.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &o, on_write_error, on_png_warning);
    o.info = o.png ? png_create_info_struct(o.png) : NULL;
    o.row = malloc((size_t)w * (size_t)channels);
    int rc =
        o.info && o.row ? write_png(&o, err) : ax_fail(err, AX_ENOMEM, "no memory to write a PNG");
    png_destroy_write_struct(&o.png, &o.info);
    free(o.row);
    if (rc == 0)
        return ax_outfile_commit(&o.file, err);
    ax_outfile_abort(&o.file);
    return -1;
}
