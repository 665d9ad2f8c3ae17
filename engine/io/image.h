/* image.h - pictures in and out: PNG and JPEG bytes to float planes, planes to a PNG file.
 *
 * Thread-safe. */
#ifndef AX_IO_IMAGE_H
#define AX_IO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AX_IMAGE_SIDE_MAX   16384      /* pixels                                          */
#define AX_IMAGE_PIXELS_MAX (64 << 20) /* width * height, of the source and of the result */

/* Decode a picture (PNG or JPEG, told by content) to out (channels, h, w), values 0..255.
 * channels 1: grey (Rec. 601 luma of a colour picture); 3: red, green, blue. Any PNG colour type,
 * bit depth (16 bits keep their fraction) and interlacing; transparency is laid over black; JPEG
 * grey, colour and CMYK. Gamma, colour profiles and EXIF orientation are not applied. Where the
 * sizes differ, each axis is area-averaged (shrinking) or linearly interpolated (growing); where
 * they are equal the pixels are exact. AX_EUNSUPPORTED: not a PNG or JPEG. AX_EPARSE: damaged or
 * cut short, with the decoder's reason. AX_ELIMIT: larger than the bounds above, told before memory
 * is taken. Same bytes, same result. */
int ax_image_decode(const uint8_t *bytes, size_t n, int channels, int h, int w, float *out,
                    ax_err *err);

/* Write pixels (channels, h, w) as an 8-bit grey (1) or RGB (3) PNG file, atomically. */
int ax_image_encode_png(const char *path, int channels, int h, int w, const uint8_t *pixels,
                        ax_err *err);

#endif
