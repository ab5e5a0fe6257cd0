#include "image_codecs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

int codec_fail(const codec_request *request, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(request->message, request->message_size, format, arguments);
  va_end(arguments);
  return 1;
}

int codec_allocate(const codec_request *request, uint64_t width, uint64_t height) {
  // The sides are below 2^32, so their product cannot wrap.
  if (width == 0 || height == 0 || width * height > IMAGE_CODECS_MAX_PIXELS) {
    return codec_fail(request, "image of %llu x %llu pixels (expected 1 to %d pixels in all)",
                      (unsigned long long)width, (unsigned long long)height, IMAGE_CODECS_MAX_PIXELS);
  }
  request->image->width = (uint32_t)width;
  request->image->height = (uint32_t)height;
  if (request->header_only) return 0;
  request->image->pixels = calloc(width * height, 3);
  if (request->image->pixels == NULL) return codec_fail(request, "no memory for the image's pixels");
  return 0;
}

static bool starts_with(const codec_request *request, size_t offset, const char *magic, size_t length) {
  return request->size >= offset + length && memcmp(request->data + offset, magic, length) == 0;
}

/// Names what a file that is none of the three formats seems to be.
static int fail_unknown(const codec_request *request) {
  static const struct {
    size_t offset;
    const char *magic;
    size_t length;
    const char *name;
  } others[] = {
      {0, "GIF8", 4, "GIF"},      {0, "BM", 2, "BMP"},           {0, "II*\0", 4, "TIFF"},  {0, "MM\0*", 4, "TIFF"},
      {0, "%PDF", 4, "PDF"},      {4, "ftyp", 4, "HEIF or AVIF"}, {0, "\x1f\x8b", 2, "gzip"}, {0, "PK\x03\x04", 4, "zip"},
      {0, "<svg", 4, "SVG"},      {0, "<!DOCTYPE", 9, "HTML"},   {0, "<html", 5, "HTML"},
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (starts_with(request, others[i].offset, others[i].magic, others[i].length)) {
      return codec_fail(request, "not an image (found %s; expected JPEG, PNG or WebP)", others[i].name);
    }
  }
  size_t looked_at = request->size < 512 ? request->size : 512;
  bool text = true;
  for (size_t i = 0; i < looked_at && text; i++) {
    uint8_t byte = request->data[i];
    text = (byte >= 0x20 && byte != 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
  }
  return codec_fail(request, "not an image (found %s; expected JPEG, PNG or WebP)", text ? "text" : "unknown data");
}

static int decode(const codec_request *request) {
  memset(request->image, 0, sizeof *request->image);
  if (request->size == 0) return codec_fail(request, "empty file (0 bytes)");
  int status;
  if (starts_with(request, 0, "\xff\xd8\xff", 3)) {
    status = codec_jpeg(request);
  } else if (starts_with(request, 0, "\x89PNG\r\n\x1a\n", 8)) {
    status = codec_png(request);
  } else if (starts_with(request, 0, "RIFF", 4) && starts_with(request, 8, "WEBP", 4)) {
    status = codec_webp(request);
  } else {
    status = fail_unknown(request);
  }
  if (status != 0) image_codecs_free(request->image);
  return status;
}

int image_codecs_decode(const uint8_t *data, size_t size, image_codecs_image *image, char *message,
                        size_t message_size) {
  codec_request request = {data, size, false, image, message, message_size};
  return decode(&request);
}

int image_codecs_probe(const uint8_t *data, size_t size, image_codecs_image *image, char *message,
                       size_t message_size) {
  codec_request request = {data, size, true, image, message, message_size};
  return decode(&request);
}

void image_codecs_free(image_codecs_image *image) {
  free(image->pixels);
  memset(image, 0, sizeof *image);
}
