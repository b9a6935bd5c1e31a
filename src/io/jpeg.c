/* JPEG (ITU-T T.81, JFIF) by libjpeg-turbo: grey and colour of 8 bits. The pixel density of JFIF is not read: cameras
 * and programs write 72 or 96 dpi there whatever the subject. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "io/formats.h"

bool cm__jpeg_detect(const uint8_t *head, size_t size) {
  return size >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

typedef struct JpegJob {
  struct jpeg_error_mgr manager; /* first: the library hands back a pointer to it */
  jmp_buf jump;
  CmContext *ctx;
  CmError **err;
  CmImage *image;
  uint8_t *packed; /* by the library, with malloc */
  unsigned long packed_size;
} JpegJob;

static void on_exit_error(j_common_ptr info) {
  JpegJob *job = (JpegJob *)(void *)info->err;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  cm_error_set(job->err, CM_ERR_FORMAT, "%s; the file is damaged or of a kind of JPEG that is not read here", text);
  longjmp(job->jump, 1);
}

static void on_output(j_common_ptr info) {
  (void)info;
}

/* A warning means that the data is damaged and the decoder filled in what it guessed. */
static void on_message(j_common_ptr info, int level) {
  if (level < 0) on_exit_error(info);
}

static void start(JpegJob *job) {
  jpeg_std_error(&job->manager);
  job->manager.error_exit = on_exit_error;
  job->manager.output_message = on_output;
  job->manager.emit_message = on_message;
}

static bool read_all(struct jpeg_decompress_struct *info, JpegJob *job, const uint8_t *bytes, size_t size) {
  if (setjmp(job->jump)) return false;
  jpeg_create_decompress(info);
  jpeg_mem_src(info, bytes, (unsigned long)size);
  jpeg_read_header(info, TRUE);
  if (info->num_components != 1 && info->num_components != 3) {
    cm_error_set(job->err, CM_ERR_UNSUPPORTED, "has %d colour components (CMYK?); convert it to grey or RGB",
                 info->num_components);
    return false;
  }
  info->out_color_space = info->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  info->dct_method = JDCT_ISLOW;
  const int64_t dims[2] = {info->image_width, info->image_height};
  /* 64 pixels take at least one bit of a block's DC and one of its end, per component; a quarter of that leaves room
   * for odd encoders */
  if ((uint64_t)dims[0] * (uint64_t)dims[1] / 1024 > (uint64_t)size * 8) {
    cm_error_set(job->err, CM_ERR_FORMAT, "the header promises more pixels than the file can hold; it is damaged");
    return false;
  }
  job->image = cm_image_create(job->ctx, CM_U8, 2, dims, info->num_components, job->err);
  if (!job->image) return false;
  jpeg_start_decompress(info);
  size_t row = (size_t)dims[0] * (size_t)info->num_components;
  while (info->output_scanline < info->output_height) {
    JSAMPROW to = (JSAMPROW)cm_image_data_mut(job->image) + info->output_scanline * row;
    jpeg_read_scanlines(info, &to, 1);
  }
  jpeg_finish_decompress(info);
  return true;
}

CmImage *cm__jpeg_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  size_t size;
  uint8_t *bytes = cm__source_tail(source, 0, &size, err);
  if (!bytes) return NULL;
  JpegJob job = {.ctx = source->ctx, .err = err};
  start(&job);
  struct jpeg_decompress_struct info = {.err = &job.manager};
  if (!read_all(&info, &job, bytes, size)) cm_image_unref(&job.image);
  jpeg_destroy_decompress(&info);
  cm_free(bytes);
  return job.image;
}

static bool write_all(struct jpeg_compress_struct *info, JpegJob *job, const CmImage *image, int quality) {
  if (setjmp(job->jump)) return false;
  const int64_t *dims = cm_image_dims(image);
  jpeg_create_compress(info);
  jpeg_mem_dest(info, &job->packed, &job->packed_size);
  info->image_width = (JDIMENSION)dims[0];
  info->image_height = (JDIMENSION)dims[1];
  info->input_components = cm_image_components(image);
  info->in_color_space = info->input_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  info->dct_method = JDCT_ISLOW;
  jpeg_start_compress(info, TRUE);
  size_t row = (size_t)dims[0] * (size_t)info->input_components;
  while (info->next_scanline < info->image_height) {
    JSAMPROW from = (JSAMPROW)(uintptr_t)cm_image_data(image) + info->next_scanline * row;
    jpeg_write_scanlines(info, &from, 1);
  }
  jpeg_finish_compress(info);
  return true;
}

bool cm__jpeg_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                    CmError **err) {
  if (!cm__check_picture(image, "JPEG", CM_TYPE_BIT(CM_U8), false, err)) return false;
  const int64_t *dims = cm_image_dims(image);
  if (dims[0] > JPEG_MAX_DIMENSION || dims[1] > JPEG_MAX_DIMENSION) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "JPEG holds at most %ld pixels a side; write .png or .tif",
                 (long)JPEG_MAX_DIMENSION);
    return false;
  }
  JpegJob job = {.ctx = ctx, .err = err};
  start(&job);
  struct jpeg_compress_struct info = {.err = &job.manager};
  bool ok =
      write_all(&info, &job, image, options->quality) && cm_file_write(ctx, path, job.packed, job.packed_size, err);
  jpeg_destroy_compress(&info);
  free(job.packed);
  return ok;
}
