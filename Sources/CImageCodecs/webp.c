#include <string.h>
#include <webp/decode.h>

#include "codec.h"

static size_t read_length(const uint8_t *bytes) {
  return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

/// The orientation in the chunk EXIF, 1 if there is none or the header says so (WebP Container Specification, *Extended
/// File Format*).
static int orientation_of(const codec_request *request) {
  const uint8_t *data = request->data;
  // "RIFF", the length of what follows, "WEBP"; then chunks of name, length and payload, padded to an even length.
  if (request->size < 30 || memcmp(data + 12, "VP8X", 4) != 0 || !(data[20] & 0x08)) return 1;
  size_t end = 8 + read_length(data + 4);
  if (end > request->size) end = request->size;
  size_t position = 12;
  while (position + 8 <= end) {
    size_t length = read_length(data + position + 4);
    if (length > end - position - 8) return 1;
    if (memcmp(data + position, "EXIF", 4) == 0) return exif_chunk_orientation(data + position + 8, length);
    position += 8 + length + (length & 1);
  }
  return 1;
}

int codec_webp(const codec_request *request) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(request->data, request->size, &features) != VP8_STATUS_OK) {
    return codec_fail(request, "WebP is truncated or corrupt (no readable header)");
  }
  if (features.has_animation) return codec_fail(request, "animated WebP (expected a still image)");
  if (codec_allocate(request, (uint64_t)features.width, (uint64_t)features.height)) return 1;
  if (request->header_only) return exif_apply(request, orientation_of(request));
  size_t stride = 3 * (size_t)features.width;
  if (WebPDecodeRGBInto(request->data, request->size, request->image->pixels, stride * (size_t)features.height,
                        (int)stride) == NULL) {
    return codec_fail(request, "WebP is truncated or corrupt (the pixels cannot be decoded)");
  }
  return exif_apply(request, orientation_of(request));
}
