/* TIFF 6.0 and BigTIFF by libtiff: grey and colour, integers of 8 to 32 bits and reals, strips and tiles; pages are z.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

#include "io/formats.h"
#include "io/gzip.h"
#include "io/words.h"

bool cm__tiff_detect(const uint8_t *head, size_t size) {
  if (size < 8) return false;
  bool little = head[0] == 'I' && head[1] == 'I' && !head[3] && (head[2] == 42 || head[2] == 43);
  bool big = head[0] == 'M' && head[1] == 'M' && !head[2] && (head[3] == 42 || head[3] == 43);
  return little || big;
}

/* ---- a file for libtiff, without its global error handlers --------------------------------------------------------
 */

typedef struct TiffFile {
  CmContext *ctx;
  CmError **err;
  const CmSource *source;
  uint8_t *bytes; /* while writing */
  uint64_t at, size, room;
} TiffFile;

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t size) {
  TiffFile *file = handle;
  uint64_t left = file->at < file->size ? file->size - file->at : 0;
  uint64_t now = (uint64_t)size < left ? (uint64_t)size : left;
  if (file->source && !cm__source_read(file->source, file->at, to, now, NULL)) return 0;
  if (!file->source && now) memcpy(to, file->bytes + file->at, now);
  file->at += now;
  return (tmsize_t)now;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t size) {
  TiffFile *file = handle;
  uint64_t end = file->at + (uint64_t)size;
  if (file->source || size < 0) return 0;
  if (end > file->room) {
    uint64_t room = end + end / 2 + 65536;
    uint8_t *grown = cm_realloc(file->ctx, file->bytes, (size_t)room, file->err);
    if (!grown) return 0;
    file->bytes = grown;
    file->room = room;
  }
  if (file->at > file->size) memset(file->bytes + file->size, 0, file->at - file->size);
  memcpy(file->bytes + file->at, from, (size_t)size);
  file->at = end;
  if (end > file->size) file->size = end;
  return size;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  TiffFile *file = handle;
  file->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? file->at + offset : file->size + offset;
  return file->at;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) {
  return ((TiffFile *)handle)->size;
}

/* The first error is kept; libtiff often adds what followed from it. */
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
  (void)tiff, (void)module;
  TiffFile *file = user;
  char text[300];
  vsnprintf(text, sizeof text, format, args);
  if (file->err && !*file->err) cm_error_set(file->err, CM_ERR_FORMAT, "%s; the file is damaged", text);
  return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
  (void)tiff, (void)module;
  TiffFile *file = user;
  char text[300];
  vsnprintf(text, sizeof text, format, args);
  cm_log(file->ctx, CM_LOG_DEBUG, "TIFF: %s", text);
  return 1;
}

static TIFF *open_tiff(TiffFile *file, const char *mode) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) {
    cm_error_set(file->err, CM_ERR_MEMORY, "no memory for the codec");
    return NULL;
  }
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, file);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
  TIFF *tiff =
      TIFFClientOpenExt("image", mode, file, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
  if (!tiff && file->err && !*file->err) cm_error_set(file->err, CM_ERR_FORMAT, "the file is damaged; fetch it again");
  return tiff;
}

/* ---- reading
 * --------------------------------------------------------------------------------------------------------- */

typedef struct Page {
  uint32_t width, height;
  uint16_t samples, bits, format, photometric, planar;
  CmType type;
  int components; /* of the image: palette becomes 3 */
  bool bilevel;
} Page;

static bool page_type(Page *page, CmError **err) {
  static const struct {
    uint16_t format, bits;
    CmType type;
  } rows[] = {{SAMPLEFORMAT_UINT, 8, CM_U8},     {SAMPLEFORMAT_UINT, 16, CM_U16},  {SAMPLEFORMAT_UINT, 32, CM_U32},
              {SAMPLEFORMAT_INT, 8, CM_I8},      {SAMPLEFORMAT_INT, 16, CM_I16},   {SAMPLEFORMAT_INT, 32, CM_I32},
              {SAMPLEFORMAT_IEEEFP, 32, CM_F32}, {SAMPLEFORMAT_IEEEFP, 64, CM_F64}};
  if (page->format == SAMPLEFORMAT_VOID) page->format = SAMPLEFORMAT_UINT;
  for (int i = 0; i < CM_COUNT(rows); i++) {
    if (rows[i].format != page->format || rows[i].bits != page->bits) continue;
    page->type = rows[i].type;
    return true;
  }
  page->bilevel = page->bits == 1 && page->samples == 1 && page->format == SAMPLEFORMAT_UINT;
  page->type = CM_U8;
  if (page->bilevel) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "has %d bits a sample of format %d; save it with 8, 16 or 32 bits", page->bits,
               page->format);
  return false;
}

static bool describe_page(TIFF *tiff, Page *page, CmError **err) {
  *page = (Page){0};
  uint16_t compression = COMPRESSION_NONE;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  if (compression == COMPRESSION_JPEG) TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page->width) ||
      !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page->height) || !page->width || !page->height) {
    cm_error_set(err, CM_ERR_FORMAT, "a page has no size; the file is damaged");
    return false;
  }
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page->samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page->bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page->format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page->planar);
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page->photometric)) page->photometric = PHOTOMETRIC_MINISBLACK;
  if (!page_type(page, err)) return false;
  page->components = page->samples;
  switch (page->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_RGB:
      break;
    case PHOTOMETRIC_YCBCR:
      if (compression == COMPRESSION_JPEG) break;
      goto unknown;
    case PHOTOMETRIC_PALETTE:
      if (page->samples != 1 || page->bits != 8) goto unknown;
      page->components = 3;
      break;
    default:
      goto unknown;
  }
  uint16_t orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  if (orientation == ORIENTATION_TOPLEFT) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "the picture is stored turned or mirrored (orientation %d); save it upright",
               orientation);
  return false;
unknown:
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "is of a colour kind (photometric %d with %d bits) that is not read; save it as grey or RGB",
               page->photometric, page->bits);
  return false;
}

/* Pages that are previews or masks of another are not slices. */
static bool is_slice(TIFF *tiff) {
  uint32_t kind = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SUBFILETYPE, &kind);
  return !(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static bool same_page(const Page *a, const Page *b) {
  return a->width == b->width && a->height == b->height && a->type == b->type && a->components == b->components &&
         a->bilevel == b->bilevel;
}

typedef struct Target {
  uint8_t *to;   /* the page's place in the image */
  size_t number; /* bytes of a sample */
  size_t x_step, y_step;
} Target;

/* One strip or tile of decoded samples into the page; sample < 0: all of them, interleaved. */
static void place_block(const Page *page, const Target *t, const uint8_t *from, size_t from_row, uint32_t x0,
                        uint32_t y0, uint32_t w, uint32_t h, int sample) {
  for (uint32_t y = 0; y < h && y0 + y < page->height; y++) {
    uint8_t *to = t->to + (y0 + y) * t->y_step + x0 * t->x_step;
    const uint8_t *row = from + y * from_row;
    uint32_t width = x0 + w > page->width ? page->width - x0 : w;
    if (page->bilevel) {
      for (uint32_t x = 0; x < width; x++) to[x] = row[x / 8] >> (7 - x % 8) & 1 ? 255 : 0;
    } else if (page->components != page->samples) {
      for (uint32_t x = 0; x < width; x++) to[3 * x] = row[x]; /* palette index; coloured later */
    } else if (sample < 0) {
      memcpy(to, row, width * t->x_step);
    } else {
      for (uint32_t x = 0; x < width; x++)
        memcpy(to + x * t->x_step + (size_t)sample * t->number, row + x * t->number, t->number);
    }
  }
}

static bool read_tiles(TIFF *tiff, const Page *page, const Target *target, CmContext *ctx, CmError **err) {
  uint32_t w = 0, h = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &w);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &h);
  tmsize_t size = TIFFTileSize(tiff), row = TIFFTileRowSize(tiff);
  if (!w || !h || size <= 0 || row <= 0) return false;
  uint8_t *block = cm_alloc(ctx, (size_t)size, err);
  bool ok = block != NULL;
  int planes = page->planar == PLANARCONFIG_SEPARATE ? page->samples : 1;
  for (int s = 0; s < planes; s++)
    for (uint32_t y = 0; ok && y < page->height; y += h)
      for (uint32_t x = 0; ok && x < page->width; x += w) {
        ok = TIFFReadTile(tiff, block, x, y, 0, (uint16_t)s) >= 0;
        if (ok) place_block(page, target, block, (size_t)row, x, y, w, h, planes > 1 ? s : -1);
      }
  cm_free(block);
  return ok;
}

static bool read_strips(TIFF *tiff, const Page *page, const Target *target, CmContext *ctx, CmError **err) {
  uint32_t rows = page->height;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
  if (rows > page->height) rows = page->height;
  tmsize_t size = TIFFStripSize(tiff), row = TIFFScanlineSize(tiff);
  if (!rows || size <= 0 || row <= 0) return false;
  uint8_t *block = cm_alloc(ctx, (size_t)size, err);
  bool ok = block != NULL;
  int planes = page->planar == PLANARCONFIG_SEPARATE ? page->samples : 1;
  for (int s = 0; s < planes; s++)
    for (uint32_t y = 0; ok && y < page->height; y += rows) {
      uint32_t now = page->height - y < rows ? page->height - y : rows;
      tmsize_t want = row * (tmsize_t)now;
      ok = want <= size && TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, (uint16_t)s), block, want) == want;
      if (ok) place_block(page, target, block, (size_t)row, 0, y, page->width, now, planes > 1 ? s : -1);
    }
  cm_free(block);
  return ok;
}

static bool colour_palette(TIFF *tiff, const Page *page, uint8_t *pixels) {
  uint16_t *r, *g, *b;
  if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &r, &g, &b)) return false;
  for (size_t i = 0; i < (size_t)page->width * page->height; i++) {
    uint8_t at = pixels[3 * i];
    pixels[3 * i] = (uint8_t)(r[at] >> 8);
    pixels[3 * i + 1] = (uint8_t)(g[at] >> 8);
    pixels[3 * i + 2] = (uint8_t)(b[at] >> 8);
  }
  return true;
}

/* White is zero: unsigned values are turned round, so that larger is brighter as everywhere else. */
static void invert(const Page *page, uint8_t *pixels, size_t bytes) {
  if (page->photometric == PHOTOMETRIC_MINISWHITE && page->format == SAMPLEFORMAT_UINT)
    for (size_t i = 0; i < bytes; i++) pixels[i] = (uint8_t)~pixels[i];
}

static bool read_page(TIFF *tiff, const Page *page, uint8_t *to, CmContext *ctx, CmError **err) {
  size_t number = cm_type_size(page->type);
  Target target = {to, number, number * (size_t)page->components, number * (size_t)page->components * page->width};
  bool ok = TIFFIsTiled(tiff) ? read_tiles(tiff, page, &target, ctx, err) : read_strips(tiff, page, &target, ctx, err);
  ok = ok && (page->components == page->samples || colour_palette(tiff, page, to));
  if (ok)
    invert(page, to, target.y_step * page->height);
  else if (err && !*err)
    cm_error_set(err, CM_ERR_FORMAT, "the pixels are cut off or damaged; fetch the file again");
  return ok;
}

/* Pixel size from the resolution; 1 where the file gives none, or a mere aspect. */
static void read_resolution(TIFF *tiff, CmGeometry *geometry) {
  float x = 0, y = 0;
  uint16_t unit = RESUNIT_INCH;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
  double mm = unit == RESUNIT_CENTIMETER ? 10 : unit == RESUNIT_INCH ? 25.4 : 0;
  if (mm == 0 || !TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &x) || !TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &y)) return;
  if (!(x > 0) || !(y > 0) || !isfinite(x) || !isfinite(y)) return;
  geometry->spacing[0] = mm / (double)x;
  geometry->spacing[1] = mm / (double)y;
}

static bool agrees(double a, double b) {
  return fabs(a - b) <= 1e-4 * fabs(b);
}

/* Geometry, unit, labels and metadata of an image that we wrote; the resolution of any other. */
static bool apply_words(TIFF *tiff, CmImage *image, CmError **err) {
  CmGeometry geometry = *cm_image_geometry(image), exact;
  char *text = NULL;
  read_resolution(tiff, &geometry);
  int rank;
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) || !text)
    return cm_image_set_geometry(image, &geometry, err);
  if (cm__words_shape(text, strlen(text), &rank, &exact) && agrees(exact.spacing[0], geometry.spacing[0]) &&
      agrees(exact.spacing[1], geometry.spacing[1]))
    geometry = exact;
  return cm_image_set_geometry(image, &geometry, err) && cm__words_apply(image, text, strlen(text), err);
}

static CmImage *read_pages(TIFF *tiff, TiffFile *file, CmError **err) {
  Page first = {0}, page;
  int64_t dims[3] = {0, 0, 0};
  int rank = 0;
  CmGeometry none;
  char *text = NULL;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) && text) cm__words_shape(text, strlen(text), &rank, &none);
  do {
    if (!is_slice(tiff)) continue;
    if (!describe_page(tiff, &page, err)) return NULL;
    if (dims[2]++ == 0) first = page;
    if (!same_page(&first, &page)) {
      cm_error_set(err, CM_ERR_UNSUPPORTED, "page %lld differs from the first in size or type; split the file",
                   (long long)dims[2]);
      return NULL;
    }
  } while (TIFFReadDirectory(tiff));
  if (*err) return NULL;
  dims[0] = first.width, dims[1] = first.height;
  uint64_t pixels;
  if (!dims[2] || __builtin_mul_overflow((uint64_t)dims[0] * (uint64_t)dims[1], (uint64_t)dims[2], &pixels) ||
      pixels / 8 > cm__inflate_limit(file->size)) {
    cm_error_set(err, CM_ERR_FORMAT, "the header promises more pixels than the file can hold; it is damaged");
    return NULL;
  }
  rank = dims[2] > 1 || rank == 3 ? 3 : 2;
  CmImage *image = cm_image_create(file->ctx, first.type, rank, dims, first.components, err);
  size_t step = image ? cm_image_bytes(image) / (size_t)dims[2] : 0;
  bool ok = image && TIFFSetDirectory(tiff, 0);
  int64_t z = 0;
  do {
    if (!ok || !is_slice(tiff)) continue;
    ok = describe_page(tiff, &page, err) && z < dims[2] && (z || apply_words(tiff, image, err)) &&
         read_page(tiff, &page, (uint8_t *)cm_image_data_mut(image) + (size_t)z * step, file->ctx, err);
    z++;
  } while (ok && TIFFReadDirectory(tiff));
  if (!ok && image && !*err) cm_error_set(err, CM_ERR_FORMAT, "a page cannot be read; the file is damaged");
  if (!ok) cm_image_unref(&image);
  return image;
}

CmImage *cm__tiff_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  CmError *fault = NULL; /* always kept: libtiff tells of errors here only */
  TiffFile file = {.ctx = source->ctx, .err = &fault, .source = source, .size = source->size};
  TIFF *tiff = open_tiff(&file, "rm");
  CmImage *image = tiff ? read_pages(tiff, &file, &fault) : NULL;
  if (tiff) TIFFClose(tiff);
  if (fault && image) cm_image_unref(&image);
  if (!image) cm_error_move(err, &fault);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

static void describe(TIFF *tiff, const CmImage *image, int level, const char *words, bool first) {
  const int64_t *dims = cm_image_dims(image);
  CmType type = cm_image_type(image);
  int components = cm_image_components(image);
  bool real = type == CM_F32 || type == CM_F64, is_signed = type == CM_I8 || type == CM_I16 || type == CM_I32;
  bool colour = components >= 3 && type == CM_U8;
  colour = colour || (components >= 3 && type == CM_U16);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)dims[0]);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)dims[1]);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, components);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, (int)(8 * cm_type_size(type)));
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT,
               real        ? SAMPLEFORMAT_IEEEFP
               : is_signed ? SAMPLEFORMAT_INT
                           : SAMPLEFORMAT_UINT);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, colour ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  int extra = components - (colour ? 3 : 1);
  if (extra > 0) {
    uint16_t kinds[CM_MAX_COMPONENTS] = {0};
    if (extra == 1) kinds[0] = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, extra, kinds);
  }
  if (level) {
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff, TIFFTAG_PREDICTOR, real ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL);
    if (level > 0) TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, level);
  }
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
  const double *spacing = cm_image_geometry(image)->spacing;
  if (spacing[0] != 1 || spacing[1] != 1) {
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 10 / spacing[0]);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 10 / spacing[1]);
  }
  if (words && first) TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, words);
}

static bool write_page(TIFF *tiff, const uint8_t *from, size_t row, uint32_t height) {
  uint32_t rows = height;
  TIFFGetField(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
  uint32_t strip = 0;
  for (uint32_t y = 0; y < height; y += rows, strip++) {
    uint32_t now = height - y < rows ? height - y : rows;
    if (TIFFWriteEncodedStrip(tiff, strip, (void *)(uintptr_t)(from + y * row), (tmsize_t)(now * row)) < 0)
      return false;
  }
  return TIFFWriteDirectory(tiff);
}

bool cm__tiff_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                    CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (dims[3] > 1 || cm_image_rank(image) > 3 || dims[2] > 60000) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "TIFF keeps pages for z (up to 60000) and no time; write .nii.gz or .nrrd");
    return false;
  }
  CmGeometry usual;
  cm_geometry_default(&usual);
  bool geometry = memcmp(&usual, cm_image_geometry(image), sizeof usual) != 0;
  char *words = NULL;
  if (!cm__words_make(ctx, image, geometry, cm_image_rank(image) == 3 && dims[2] == 1, &words, err)) return false;
  CmError *fault = NULL;
  TiffFile file = {.ctx = ctx, .err = &fault};
  bool large = cm_image_bytes(image) > (size_t)3 << 30;
  TIFF *tiff = open_tiff(&file, large ? "w8l" : "wl");
  bool ok = tiff != NULL;
  size_t row = ok ? cm_image_bytes(image) / (size_t)(dims[1] * dims[2]) : 0;
  for (int64_t z = 0; ok && z < dims[2]; z++) {
    describe(tiff, image, options->compression, words, z == 0);
    ok = write_page(tiff, (const uint8_t *)cm_image_data(image) + (size_t)(z * dims[1]) * row, row, (uint32_t)dims[1]);
  }
  if (tiff) TIFFClose(tiff);
  ok = ok && !fault && cm_file_write(ctx, path, file.bytes, (size_t)file.size, &fault);
  if (!ok && !fault) cm_error_set(&fault, CM_ERR_FAULT, "the encoder failed without saying why");
  cm_free(file.bytes);
  cm_free(words);
  cm_error_move(err, &fault);
  return ok;
}
