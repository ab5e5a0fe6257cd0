// A small C interface over libjpeg-turbo, libpng and libwebp: a file's bytes in, 8-bit RGB out.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Images of more pixels are refused before anything is allocated (Pillow's "decompression bomb" limit).
#define IMAGE_CODECS_MAX_PIXELS 178956970

/// Interleaved 8-bit RGB, rows from top to bottom, `3 * width` bytes each. Release `pixels` with `image_codecs_free`.
typedef struct {
  uint8_t *pixels;
  uint32_t width;
  uint32_t height;
} image_codecs_image;

/// Decodes a JPEG, PNG or WebP held in memory. The format is told by the first bytes, never by a file's name.
///
/// - JPEG: gray, YCbCr, RGB, CMYK and YCCK (inverted as Adobe writes them; converted as Pillow converts CMYK), accurate
///   integer DCT and fancy upsampling, baseline or progressive. Data that ends too early is an error, not gray padding
///   (libjpeg only warns).
/// - PNG: every colour type and bit depth, interlaced or not. 16-bit samples keep their high byte.
/// - WebP: lossy and lossless stills.
///
/// The EXIF orientation is applied: that of JPEG's APP1, PNG's eXIf and WebP's EXIF. Alpha is dropped, not composited; gamma
/// and colour profiles are ignored. All this is what Pillow's `convert("RGB")` gives after `ImageOps.exif_transpose`, except
/// that it clips 16-bit gray to 255.
///
/// Returns 0, or 1 with a message of at most `message_size` bytes, ending in NUL.
int image_codecs_decode(const uint8_t *data, size_t size, image_codecs_image *image, char *message,
                        size_t message_size);

/// Decodes no pixels: sets the width and height that `image_codecs_decode` would give, `pixels` to NULL.
///
/// Returns as `image_codecs_decode`.
int image_codecs_probe(const uint8_t *data, size_t size, image_codecs_image *image, char *message,
                       size_t message_size);

/// Releases the pixels of a decoded image.
void image_codecs_free(image_codecs_image *image);

/// Bytes on the heap. Release them with `image_codecs_free_buffer`.
typedef struct {
  uint8_t *bytes;
  size_t size;
} image_codecs_buffer;

/// Encodes interleaved 8-bit RGB, rows from top to bottom, as a PNG file without metadata.
///
/// Width and height are at least 1. Returns 0, or 1 where libpng cannot start or memory is short.
int image_codecs_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height, image_codecs_buffer *buffer);

/// Releases the bytes of a buffer.
void image_codecs_free_buffer(image_codecs_buffer *buffer);
