#include "jpeg_loop.h"

// stdio.h comes first: jpeglib.h uses FILE without including it.
#include <stdio.h>

#include <jpeglib.h>
#include <stdlib.h>

size_t jpeg_loop_decode(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 0;
  struct jpeg_decompress_struct decompress;
  struct jpeg_error_mgr errors;
  decompress.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&decompress);
  jpeg_stdio_src(&decompress, file);
  jpeg_read_header(&decompress, TRUE);
  decompress.out_color_space = JCS_RGB;
  jpeg_start_decompress(&decompress);
  size_t stride = 3 * (size_t)decompress.output_width, size = stride * decompress.output_height;
  uint8_t *pixels = malloc(size);
  while (pixels != NULL && decompress.output_scanline < decompress.output_height) {
    JSAMPROW row = pixels + stride * decompress.output_scanline;
    jpeg_read_scanlines(&decompress, &row, 1);
  }
  jpeg_destroy_decompress(&decompress);
  fclose(file);
  size_t read = pixels == NULL ? 0 : size;
  free(pixels);
  return read;
}

int jpeg_loop_write(const char *path, const uint8_t *pixels, uint32_t height, uint32_t width) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 1;
  struct jpeg_compress_struct compress;
  struct jpeg_error_mgr errors;
  compress.err = jpeg_std_error(&errors);
  jpeg_create_compress(&compress);
  jpeg_stdio_dest(&compress, file);
  compress.image_width = width;
  compress.image_height = height;
  compress.input_components = 3;
  compress.in_color_space = JCS_RGB;
  jpeg_set_defaults(&compress);
  jpeg_set_quality(&compress, 80, TRUE);
  jpeg_start_compress(&compress, TRUE);
  while (compress.next_scanline < height) {
    // libjpeg does not write to the row, but its interface is from before const.
    JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + 3 * (size_t)width * compress.next_scanline);
    jpeg_write_scanlines(&compress, &row, 1);
  }
  jpeg_finish_compress(&compress);
  jpeg_destroy_compress(&compress);
  return fclose(file) != 0;
}
