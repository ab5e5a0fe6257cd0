#include <webp/decode.h>

#include "codec.h"

int codec_webp(const codec_request *request) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(request->data, request->size, &features) != VP8_STATUS_OK) {
    return codec_fail(request, "WebP is truncated or corrupt (no readable header)");
  }
  if (features.has_animation) return codec_fail(request, "animated WebP (expected a still image)");
  if (codec_allocate(request, (uint64_t)features.width, (uint64_t)features.height)) return 1;
  if (request->header_only) return 0;
  size_t stride = 3 * (size_t)features.width;
  if (WebPDecodeRGBInto(request->data, request->size, request->image->pixels, stride * (size_t)features.height,
                        (int)stride) == NULL) {
    return codec_fail(request, "WebP is truncated or corrupt (the pixels cannot be decoded)");
  }
  return 0;
}
