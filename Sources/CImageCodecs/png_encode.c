#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/// Lives outside the function that calls setjmp, so that its fields survive the jump.
typedef struct {
  image_codecs_buffer *buffer;
  size_t capacity;
} png_sink;

static void write_bytes(png_structp png, png_bytep from, size_t count) {
  png_sink *sink = png_get_io_ptr(png);
  image_codecs_buffer *buffer = sink->buffer;
  if (count > sink->capacity - buffer->size) {
    size_t capacity = 2 * sink->capacity + count;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) png_error(png, "no memory");
    buffer->bytes = bytes;
    sink->capacity = capacity;
  }
  memcpy(buffer->bytes + buffer->size, from, count);
  buffer->size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

static int encode(png_structp png, png_infop info, png_sink *sink, const uint8_t *pixels, uint32_t width,
                  uint32_t height) {
  if (setjmp(png_jmpbuf(png))) return 1;
  png_set_write_fn(png, sink, write_bytes, flush_nothing);
  png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (uint32_t row = 0; row < height; row++) png_write_row(png, pixels + (size_t)3 * width * row);
  png_write_end(png, NULL);
  return 0;
}

int image_codecs_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height, image_codecs_buffer *buffer) {
  memset(buffer, 0, sizeof *buffer);
  png_sink sink = {buffer, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  if (png == NULL) return 1;
  png_infop info = png_create_info_struct(png);
  int status = info == NULL ? 1 : encode(png, info, &sink, pixels, width, height);
  png_destroy_write_struct(&png, &info);
  if (status != 0) image_codecs_free_buffer(buffer);
  return status;
}

void image_codecs_free_buffer(image_codecs_buffer *buffer) {
  free(buffer->bytes);
  memset(buffer, 0, sizeof *buffer);
}
