// What the three codecs share.
#pragma once

#include <stdbool.h>

#include "image_codecs.h"

typedef struct {
  const uint8_t *data;
  size_t size;
  bool header_only;
  image_codecs_image *image;
  char *message;
  size_t message_size;
} codec_request;

int codec_jpeg(const codec_request *request);
int codec_png(const codec_request *request);
int codec_webp(const codec_request *request);

/// Writes a message into the request's buffer; returns 1 so that callers can return it.
__attribute__((format(printf, 2, 3))) int codec_fail(const codec_request *request, const char *format, ...);

/// Checks the size against the limit, stores it, and unless only the header is wanted allocates zeroed pixels.
/// Returns 0, or 1 with a message.
int codec_allocate(const codec_request *request, uint64_t width, uint64_t height);

/// The EXIF orientation (1 to 8) found in a JPEG's APP1 payload, 1 if there is none (Exif 2.32, 4.6.4 and tag 0x0112).
int exif_orientation(const uint8_t *payload, size_t size);

/// The same of a chunk of PNG or WebP, whose payload need not begin with "Exif" and two zeros.
int exif_chunk_orientation(const uint8_t *payload, size_t size);

/// Turns and mirrors the image so that it stands as its EXIF orientation says. Returns 0, or 1 with a message.
int exif_apply(const codec_request *request, int orientation);
