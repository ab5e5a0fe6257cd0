// libjpeg-turbo with nothing around it: what decoding is measured against, and a writer for synthetic images.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Reads and decodes a JPEG file to RGB with libjpeg-turbo's default settings, row by row into one buffer.
/// Returns the number of bytes of the image, or 0 if the file cannot be opened. A damaged file ends the process.
size_t jpeg_loop_decode(const char *path);

/// Writes RGB pixels `[height, width, 3]` as a JPEG of quality 80, chroma at half size. Returns 0, or 1 if it cannot.
int jpeg_loop_write(const char *path, const uint8_t *pixels, uint32_t height, uint32_t width);
