#include <png.h>
#include <string.h>

#include "codec.h"

/// Lives outside the function that calls setjmp, so that its fields survive the jump.
typedef struct {
  png_structp png;
  png_infop info;
  const codec_request *request;
  size_t position;
} png_job;

static void on_error(png_structp png, png_const_charp reason) {
  png_job *job = png_get_error_ptr(png);
  codec_fail(job->request, "PNG is truncated or corrupt (%s)", reason);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp reason) {
  (void)png;
  (void)reason;
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
  png_job *job = png_get_io_ptr(png);
  if (count > job->request->size - job->position) png_error(png, "the file ends too early");
  memcpy(to, job->request->data + job->position, count);
  job->position += count;
}

/// The orientation in the chunk eXIf, 1 if there is none.
///
/// The chunk may stand behind the pixels, where libpng comes to it too late for `header_only`.
static int orientation_of(const codec_request *request) {
  // Behind the signature: chunks of length, name, payload and checksum.
  size_t position = 8;
  while (request->size - position >= 12) {
    const uint8_t *chunk = request->data + position;
    size_t length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
    if (length > request->size - position - 12 || memcmp(chunk + 4, "IEND", 4) == 0) return 1;
    if (memcmp(chunk + 4, "eXIf", 4) == 0) return exif_chunk_orientation(chunk + 8, length);
    position += 12 + length;
  }
  return 1;
}

static int decode(png_job *job) {
  const codec_request *request = job->request;
  png_structp png = job->png;
  if (setjmp(png_jmpbuf(png))) return 1;

  png_set_read_fn(png, job, read_bytes);
  png_read_info(png, job->info);
  png_uint_32 width = png_get_image_width(png, job->info), height = png_get_image_height(png, job->info);
  if (codec_allocate(request, width, height)) return 1;
  if (request->header_only) return exif_apply(request, orientation_of(request));

  int color_type = png_get_color_type(png, job->info);
  if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  if (!(color_type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, job->info);
  if (png_get_rowbytes(png, job->info) != (size_t)3 * width) png_error(png, "unexpected row size");

  for (int pass = 0; pass < passes; pass++) {
    for (png_uint_32 row = 0; row < height; row++) {
      png_read_row(png, request->image->pixels + (size_t)3 * width * row, NULL);
    }
  }
  png_read_end(png, NULL);
  return exif_apply(request, orientation_of(request));
}

int codec_png(const codec_request *request) {
  png_job job = {.request = request};
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  if (job.png == NULL) return codec_fail(request, "libpng cannot start (no memory, or another version is loaded)");
  job.info = png_create_info_struct(job.png);
  int status = job.info == NULL ? codec_fail(request, "no memory for the PNG header") : decode(&job);
  png_destroy_read_struct(&job.png, &job.info, NULL);
  return status;
}
