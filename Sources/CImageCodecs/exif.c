#include <stdlib.h>
#include <string.h>

#include "codec.h"

static uint32_t read_integer(const uint8_t *bytes, int length, bool big_endian) {
  uint32_t value = 0;
  for (int i = 0; i < length; i++) value = value << 8 | bytes[big_endian ? i : length - 1 - i];
  return value;
}

/// The orientation in a TIFF file: byte order, 42, offset of the first directory of 12-byte entries.
static int tiff_orientation(const uint8_t *tiff, size_t size) {
  if (size < 8) return 1;
  bool big_endian = tiff[0] == 'M';
  if (memcmp(tiff, big_endian ? "MM\0*" : "II*\0", 4) != 0) return 1;
  size_t directory = read_integer(tiff + 4, 4, big_endian);
  if (directory > size - 2) return 1;
  size_t entries = read_integer(tiff + directory, 2, big_endian);
  for (size_t i = 0; i < entries; i++) {
    size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > size) return 1;
    if (read_integer(tiff + entry, 2, big_endian) != 0x0112) continue;
    bool is_short = read_integer(tiff + entry + 2, 2, big_endian) == 3;
    uint32_t value = read_integer(tiff + entry + 8, 2, big_endian);
    return is_short && value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

static bool has_prefix(const uint8_t *payload, size_t size) {
  return size >= 6 && memcmp(payload, "Exif\0\0", 6) == 0;
}

int exif_orientation(const uint8_t *payload, size_t size) {
  return has_prefix(payload, size) ? tiff_orientation(payload + 6, size - 6) : 1;
}

int exif_chunk_orientation(const uint8_t *payload, size_t size) {
  return has_prefix(payload, size) ? exif_orientation(payload, size) : tiff_orientation(payload, size);
}

int exif_apply(const codec_request *request, int orientation) {
  image_codecs_image *image = request->image;
  if (orientation <= 1) return 0;
  ptrdiff_t width = image->width, height = image->height;
  bool transposed = orientation >= 5;
  if (!request->header_only) {
    // Orientations 5 to 8 read the stored image by columns; the others by rows. Either walk may run backwards.
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t step_x = flip_x ? -3 : 3, step_y = flip_y ? -3 * width : 3 * width;
    const uint8_t *first = image->pixels + (flip_x ? 3 * (width - 1) : 0) + (flip_y ? 3 * width * (height - 1) : 0);
    ptrdiff_t rows = transposed ? width : height, columns = transposed ? height : width;
    ptrdiff_t row_step = transposed ? step_x : step_y, column_step = transposed ? step_y : step_x;
    uint8_t *turned = malloc((size_t)(3 * width * height));
    if (turned == NULL) return codec_fail(request, "no memory for the image's pixels");
    uint8_t *to = turned;
    for (ptrdiff_t row = 0; row < rows; row++) {
      const uint8_t *from = first + row * row_step;
      for (ptrdiff_t column = 0; column < columns; column++, to += 3) memcpy(to, from + column * column_step, 3);
    }
    free(image->pixels);
    image->pixels = turned;
  }
  if (transposed) {
    image->width = (uint32_t)height;
    image->height = (uint32_t)width;
  }
  return 0;
}
