// stdio.h comes first: jpeglib.h uses FILE without including it.
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>

#include "codec.h"

/// Lives outside the function that calls setjmp, so that its fields survive the jump.
typedef struct {
  struct jpeg_error_mgr errors;  // first, so that libjpeg's pointer to it is a pointer to the job
  struct jpeg_decompress_struct decompress;
  jmp_buf failed;
  const codec_request *request;
} jpeg_job;

static void on_error(j_common_ptr info) {
  jpeg_job *job = (jpeg_job *)info->err;
  char reason[JMSG_LENGTH_MAX];
  info->err->format_message(info, reason);
  codec_fail(job->request, "JPEG is truncated or corrupt (%s)", reason);
  longjmp(job->failed, 1);
}

/// libjpeg only warns when data ends too early, and fills the rest with gray. Here that is an error.
static void on_message(j_common_ptr info, int level) {
  int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) on_error(info);
}

/// a·b/255, rounded to the nearest.
static int multiply255(int a, int b) {
  int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Adobe stores CMYK inverted (255 = no ink), so a stored sample is the light that the ink lets through.
static void convert_cmyk(const uint8_t *from, uint8_t *to, size_t count) {
  for (size_t i = 0; i < count; i++, from += 4, to += 3) {
    int light = from[3];
    for (int c = 0; c < 3; c++) to[c] = (uint8_t)(light - multiply255(255 - from[c], light));
  }
}

static int orientation_of(const struct jpeg_decompress_struct *decompress) {
  for (jpeg_saved_marker_ptr marker = decompress->marker_list; marker != NULL; marker = marker->next) {
    int orientation = exif_orientation(marker->data, marker->data_length);
    if (orientation != 1) return orientation;
  }
  return 1;
}

static int decode(jpeg_job *job) {
  const codec_request *request = job->request;
  struct jpeg_decompress_struct *decompress = &job->decompress;
  if (setjmp(job->failed)) return 1;

  jpeg_create_decompress(decompress);
  jpeg_mem_src(decompress, request->data, request->size);
  jpeg_save_markers(decompress, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(decompress, TRUE);
  if (codec_allocate(request, decompress->image_width, decompress->image_height)) return 1;
  int orientation = orientation_of(decompress);
  if (request->header_only) return exif_apply(request, orientation);

  bool cmyk = decompress->jpeg_color_space == JCS_CMYK || decompress->jpeg_color_space == JCS_YCCK;
  decompress->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  decompress->dct_method = JDCT_ISLOW;
  decompress->do_fancy_upsampling = TRUE;
  jpeg_start_decompress(decompress);
  size_t width = decompress->output_width;
  JSAMPARRAY inks = NULL;
  if (cmyk) inks = decompress->mem->alloc_sarray((j_common_ptr)decompress, JPOOL_IMAGE, (JDIMENSION)(4 * width), 1);
  while (decompress->output_scanline < decompress->output_height) {
    JSAMPROW row = request->image->pixels + 3 * width * decompress->output_scanline;
    if (cmyk) {
      jpeg_read_scanlines(decompress, inks, 1);
      convert_cmyk(inks[0], row, width);
    } else {
      jpeg_read_scanlines(decompress, &row, 1);
    }
  }
  return exif_apply(request, orientation);
}

int codec_jpeg(const codec_request *request) {
  jpeg_job job = {.request = request};
  job.decompress.err = jpeg_std_error(&job.errors);
  job.errors.error_exit = on_error;
  job.errors.emit_message = on_message;
  int status = decode(&job);
  jpeg_destroy_decompress(&job.decompress);
  return status;
}
