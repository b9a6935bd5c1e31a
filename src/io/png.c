/* PNG (ISO/IEC 15948) by libpng: grey and colour of 1 to 16 bits, with and without alpha; pHYs gives the pixel size. */
#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "io/formats.h"

bool cm__png_detect(const uint8_t *head, size_t size) {
  return size >= 8 && !png_sig_cmp(head, 0, 8);
}

typedef struct PngJob {
  CmContext *ctx;
  const uint8_t *bytes;
  size_t size, at;
  CmFileWriter *writer;
  CmError **err;
  CmImage *image;
  png_bytep *rows;
} PngJob;

/* libpng calls these for its errors, and expects them not to return. */
static void on_error(png_structp png, png_const_charp text) {
  PngJob *job = png_get_error_ptr(png);
  cm_error_set(job->err, CM_ERR_FORMAT, "%s; the file is damaged, fetch it again", text);
  png_longjmp(png, 1);
}

/* The same without a note where the error is set already. */
static void stop(png_structp png) {
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  PngJob *job = png_get_error_ptr(png);
  cm_log(job->ctx, CM_LOG_WARNING, "PNG: %s", text);
}

static void on_read(png_structp png, png_bytep to, size_t size) {
  PngJob *job = png_get_io_ptr(png);
  if (size > job->size - job->at) png_error(png, "the data ends too early");
  memcpy(to, job->bytes + job->at, size);
  job->at += size;
}

static void on_write(png_structp png, png_bytep from, size_t size) {
  PngJob *job = png_get_io_ptr(png);
  if (!cm__file_add(job->writer, from, size, job->err)) stop(png);
}

static void on_flush(png_structp png) {
  (void)png;
}

/* Metres to millimetres; the aspect alone (unit unknown) says nothing of size. */
static bool set_spacing(png_structp png, png_infop info, CmImage *image, CmError **err) {
  png_uint_32 x, y;
  int unit;
  if (!png_get_pHYs(png, info, &x, &y, &unit) || unit != PNG_RESOLUTION_METER || !x || !y) return true;
  CmGeometry g = *cm_image_geometry(image);
  g.spacing[0] = 1000.0 / x;
  g.spacing[1] = 1000.0 / y;
  return cm_image_set_geometry(image, &g, err);
}

/* Everything between setjmp and its end: no local that must survive the jump. */
static bool read_all(png_structp png, png_infop info, PngJob *job) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_read_fn(png, job, on_read);
  png_set_user_limits(png, 1u << 20, 1u << 20);
  png_read_info(png, info);
  png_set_expand(png); /* palette to colour, 1, 2, 4 bits to 8, tRNS to alpha */
  png_set_swap(png);
  int passes = png_set_interlace_handling(png);
  (void)passes;
  png_read_update_info(png, info);
  int64_t dims[2] = {png_get_image_width(png, info), png_get_image_height(png, info)};
  CmType type = png_get_bit_depth(png, info) == 16 ? CM_U16 : CM_U8;
  /* deflate cannot shrink more than 1032 to 1: a header that promises more is a bomb or damaged */
  if ((uint64_t)dims[0] * (uint64_t)dims[1] / 8 > (uint64_t)job->size * 1032)
    png_error(png, "the header promises more pixels than the file can hold");
  job->image = cm_image_create(job->ctx, type, 2, dims, png_get_channels(png, info), job->err);
  if (!job->image) stop(png);
  job->rows = cm_alloc_array(job->ctx, (size_t)dims[1], sizeof *job->rows, job->err);
  if (!job->rows) stop(png);
  size_t row = png_get_rowbytes(png, info);
  for (int64_t y = 0; y < dims[1]; y++) job->rows[y] = (png_bytep)cm_image_data_mut(job->image) + (size_t)y * row;
  png_read_image(png, job->rows);
  png_read_end(png, NULL);
  return set_spacing(png, info, job->image, job->err);
}

CmImage *cm__png_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  PngJob job = {.ctx = source->ctx, .err = err};
  uint8_t *bytes = cm__source_tail(source, 0, &job.size, err);
  if (!bytes) return NULL;
  job.bytes = bytes;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info)
    cm_error_set(err, CM_ERR_MEMORY, "no memory for the decoder");
  else if (!read_all(png, info, &job))
    cm_image_unref(&job.image);
  png_destroy_read_struct(&png, &info, NULL);
  cm_free(job.rows);
  cm_free(bytes);
  return job.image;
}

/* pHYs in whole pixels a metre (11.3.5.3): exact for 0.5 mm, to 0.05% for 0.7 mm. Left out where the spacing is 1, the
 * default. */
static void put_spacing(png_structp png, png_infop info, const CmImage *image) {
  const double *s = cm_image_geometry(image)->spacing;
  double x = round(1000.0 / s[0]), y = round(1000.0 / s[1]);
  if ((s[0] == 1 && s[1] == 1) || x < 1 || y < 1 || x > INT32_MAX || y > INT32_MAX) return;
  png_set_pHYs(png, info, (png_uint_32)x, (png_uint_32)y, PNG_RESOLUTION_METER);
}

static bool write_all(png_structp png, png_infop info, PngJob *job, const CmImage *image, int level) {
  if (setjmp(png_jmpbuf(png))) return false;
  static const int colours[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
  const int64_t *dims = cm_image_dims(image);
  int bits = cm_image_type(image) == CM_U16 ? 16 : 8;
  png_set_write_fn(png, job, on_write, on_flush);
  png_set_user_limits(png, 1u << 20, 1u << 20);
  if (level >= 0) png_set_compression_level(png, level);
  png_set_IHDR(png, info, (png_uint_32)dims[0], (png_uint_32)dims[1], bits, colours[cm_image_components(image)],
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  put_spacing(png, info, image);
  png_write_info(png, info);
  png_set_swap(png);
  size_t row = (size_t)dims[0] * (size_t)(bits / 8) * (size_t)cm_image_components(image);
  for (int64_t y = 0; y < dims[1]; y++) png_write_row(png, (png_const_bytep)cm_image_data(image) + (size_t)y * row);
  png_write_end(png, info);
  return true;
}

bool cm__png_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                   CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (!cm__check_picture(image, "PNG", CM_TYPE_BIT(CM_U8) | CM_TYPE_BIT(CM_U16), true, err)) return false;
  if (dims[0] > 1 << 20 || dims[1] > 1 << 20) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the picture is larger than PNG readers accept (a million pixels a side); write .tif");
    return false;
  }
  CmFileWriter writer;
  if (!cm__file_begin(&writer, path, err)) return false;
  PngJob job = {.ctx = ctx, .err = err, .writer = &writer};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  bool ok = false;
  if (!info)
    cm_error_set(err, CM_ERR_MEMORY, "no memory for the encoder");
  else
    ok = write_all(png, info, &job, image, options->compression) && cm__file_end(&writer, err);
  png_destroy_write_struct(&png, &info);
  cm__file_abandon(&writer);
  return ok;
}
