/* NRRD: attached (.nrrd) and detached (.nhdr). */
#include "io/nrrd.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "cormack/file.h"
#include "cormack/table.h"
#include "io/detached.h"
#include "io/formats.h"
#include "io/words.h"

#define MOST_HEADER ((uint64_t)16 << 20)

bool cm__nrrd_detect(const uint8_t *head, size_t size) {
  return size >= 9 && !memcmp(head, "NRRD000", 7) && head[7] >= '1' && head[7] <= '9' &&
         (head[8] == '\n' || head[8] == '\r');
}

/* ---- reading
 * --------------------------------------------------------------------------------------------------------- */

/* The header's text in a new block, with a zero behind; *data is where the bytes behind the empty line begin. */
static char *read_header(const CmSource *source, size_t *size, uint64_t *data, CmError **err) {
  uint64_t most = source->size < MOST_HEADER ? source->size : MOST_HEADER;
  for (uint64_t now = most < 65536 ? most : 65536;; now = now * 4 < most ? now * 4 : most) {
    char *text = cm_alloc(source->ctx, (size_t)now + 1, err);
    if (!text || !cm__source_read(source, 0, text, now, err)) {
      cm_free(text);
      return NULL;
    }
    text[now] = 0;
    for (const char *at = text, *end = text + now; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
      at++;
      size_t blank = at < end && *at == '\n' ? 1 : at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
      if (!blank) continue;
      *size = (size_t)(at - text);
      *data = *size + blank;
      text[*size] = 0;
      return text;
    }
    if (now == most) { /* a detached header may end without an empty line */
      *size = (size_t)now;
      *data = now;
      return text;
    }
    cm_free(text);
  }
}

/* «LIST», «pattern first last step» or one name. */
static bool list_names(const CmNrrd *n, const char *header_end, CmNames *names, CmError **err) {
  const char *value = n->data_file;
  char pattern[256], rest[64];
  long long first, last, step;
  if (!strncmp(value, "LIST", 4) && (!value[4] || value[4] == ' ')) {
    const char *lines = value + strlen(value) + 1;
    return lines >= header_end || cm__names_add_lines(names, lines, (size_t)(header_end - lines), err);
  }
  int found = sscanf(value, "%255s %lld %lld %lld%63s", pattern, &first, &last, &step, rest);
  if (found >= 4 && strchr(pattern, '%')) return cm__names_add_pattern(names, pattern, first, last, step, err);
  return cm__names_add(names, value, strlen(value), err);
}

static bool put_number(int raw, void *to, uint64_t at, const char *word) {
  int64_t whole;
  double real;
  if (raw == CM_F32 || raw == CM_F64) {
    if (!cm__parse_real(word, &real)) return false;
    if (raw == CM_F32)
      ((float *)to)[at] = (float)real;
    else
      ((double *)to)[at] = real;
    return true;
  }
  if (!cm__parse_int(word, &whole)) return false;
  if (raw == CM_RAW_I64 || (raw == CM_RAW_U64 && whole >= 0)) {
    ((int64_t *)to)[at] = whole;
    return true;
  }
  if (raw >= CM_TYPE_COUNT || (double)whole < cm_type_min((CmType)raw) || (double)whole > cm_type_max((CmType)raw))
    return false;
  memcpy((uint8_t *)to + at * cm__raw_size(raw), &whole, cm__raw_size(raw)); /* little endian */
  return true;
}

/* Numbers as text, separated by blanks and commas. */
static bool parse_numbers(char *text, int raw, void *to, uint64_t count, CmError **err) {
  static const char separators[] = " \t\r\n\v\f,";
  char *at = text;
  for (uint64_t i = 0; i < count; i++) {
    at += strspn(at, separators);
    char *end = at + strcspn(at, separators), *next = *end ? end + 1 : end;
    *end = 0;
    if (at == end || !put_number(raw, to, i, at)) {
      cm_error_set(err, CM_ERR_FORMAT,
                   "number %llu of %llu of the voxels, \"%.30s\", is missing or not of the header's type",
                   (unsigned long long)i, (unsigned long long)count, at);
      return false;
    }
    at = next;
  }
  return true;
}

static uint8_t *read_text_voxels(const CmSource *source, uint64_t begin, int raw, uint64_t bytes, CmError **err) {
  size_t size;
  char *text = (char *)cm__source_tail(source, begin, &size, err);
  if (!text) return NULL;
  uint8_t *block = NULL;
  uint64_t count = bytes / cm__raw_size(raw);
  if (count > size / 2 + 1)
    cm_error_set(err, CM_ERR_FORMAT, "the header promises more numbers than the file can hold; it is cut off");
  else
    block = cm_alloc(source->ctx, (size_t)bytes, err);
  if (block && !parse_numbers(text, raw, block, count, err)) {
    cm_free(block);
    block = NULL;
  }
  cm_free(text);
  return block;
}

static uint8_t *read_voxels(const CmSource *source, const CmNrrd *n, const char *header_end, uint64_t data,
                            uint64_t bytes, CmError **err) {
  const CmPlain plain = {n->encoding == CM_NRRD_GZIP, n->line_skip, n->byte_skip};
  CmNames names = {.ctx = source->ctx};
  uint8_t *block = NULL;
  if (n->data_file && !list_names(n, header_end, &names, err)) goto done;
  if (n->encoding == CM_NRRD_TEXT) {
    CmSource beside = {.file = -1};
    char *path = NULL;
    if (n->data_file && names.count != 1)
      cm_error_set(err, CM_ERR_UNSUPPORTED, "several files of text are not read; join them");
    else if (!n->data_file)
      block = read_text_voxels(source, data, n->raw, bytes, err);
    else if (cm__source_open_beside(&beside, source, names.names[0], &path, err))
      block = read_text_voxels(&beside, 0, n->raw, bytes, err);
    cm__source_close(&beside);
    cm_free(path);
  } else if (n->data_file) {
    block = cm__names_read(&names, source, &plain, bytes, err);
  } else {
    uint64_t left = source->size - data;
    if (bytes > (plain.packed ? cm__inflate_limit(left) : left)) {
      cm_error_set(
          err, CM_ERR_FORMAT,
          "the header promises %llu bytes of voxels, more than the file can hold; it is cut off, fetch it again",
          (unsigned long long)bytes);
      goto done;
    }
    block = cm_alloc(source->ctx, (size_t)bytes, err);
    if (block && !cm__plain_read(source, data, &plain, block, bytes, err)) {
      cm_free(block);
      block = NULL;
    }
  }
done:
  cm__names_free(&names);
  return block;
}

CmImage *cm__nrrd_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  CmNrrd n;
  CmLayout layout;
  CmGeometry geometry, exact;
  CmImage *image = NULL;
  size_t size;
  uint64_t data, bytes;
  int rank;
  char *text = read_header(source, &size, &data, err);
  if (!text || !cm__nrrd_parse(text, size, &n, err) || !cm__nrrd_layout(&n, &layout, &geometry, err) ||
      !cm__layout_bytes(&layout, &bytes, err))
    goto done;
  if (cm__raw_size(n.raw) > 1 && !n.endian_given && n.encoding != CM_NRRD_TEXT) {
    cm_error_set(err, CM_ERR_FORMAT, "the header does not say the byte order; add «endian: little» or «endian: big»");
    goto done;
  }
  if (n.encoding == CM_NRRD_TEXT) layout.big_endian = false;
  uint8_t *block = read_voxels(source, &n, text + size, data, bytes, err);
  if (!block) goto done;
  image = cm__voxels_take(source->ctx, &layout, block, block, err);
  if (n.words_size && cm__words_shape(n.words, n.words_size, &rank, &exact) &&
      cm__words_agree(&geometry, &exact, layout.rank == 2 ? 2 : 3, n.space_dimension))
    geometry = exact;
  bool ok = image && cm_image_set_geometry(image, &geometry, err);
  if (ok && n.words_size)
    ok = cm__words_apply(image, n.words, n.words_size, err);
  else if (ok && n.content && *n.content)
    ok = cm_image_set_meta(image, "Description", n.content, err);
  if (!ok) cm_image_unref(&image);
done:
  cm_free(text);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

/* Whether a 2-D image lies as every 2-D picture does, so that two coordinates are enough. */
static bool is_flat(const CmGeometry *g) {
  const double *d = g->direction;
  return d[2] == 0 && d[5] == 0 && d[6] == 0 && d[7] == 0 && d[8] == 1 && g->origin[2] == 0 && g->spacing[2] == 1;
}

static void add_vector(CmTextBuffer *out, const double *values, int step, double scale, int count) {
  for (int i = 0; i < count; i++) {
    char number[32];
    cm__text_add(out, i ? "," : " (");
    cm__text_add(out, cm_real_text(values[i * step] * scale + 0.0, number));
  }
  cm__text_add(out, ")");
}

static void add_geometry(CmTextBuffer *out, const CmImage *image) {
  const CmGeometry *g = cm_image_geometry(image);
  int rank = cm_image_rank(image), axes = rank < 3 ? 2 : 3;
  int coordinates = rank == 2 && is_flat(g) ? 2 : 3;
  bool components = cm_image_components(image) > 1;
  cm__text_add(out, coordinates == 3 ? "space: left-posterior-superior\n" : "space dimension: 2\n");
  cm__text_add(out, components ? "space directions: none" : "space directions:");
  for (int k = 0; k < axes; k++) add_vector(out, g->direction + k, 3, g->spacing[k], coordinates);
  cm__text_add(out, rank == 4 ? " none\nspace origin:" : "\nspace origin:");
  add_vector(out, g->origin, 1, 1, coordinates);
  cm__text_add(out, "\n");
  if (rank < 4 || g->spacing_t == 1) return;
  char number[32];
  cm__text_addf(out, "spacings:%s nan nan nan %s\n", components ? " nan" : "", cm_real_text(g->spacing_t, number));
}

static void add_escaped(CmTextBuffer *out, const char *words) {
  cm__text_add(out, CM_WORDS_KEY ":=");
  for (const char *at = words; *at; at++) cm__text_add_n(out, *at == '\\' ? "\\\\" : at, *at == '\\' ? 2 : 1);
  cm__text_add(out, "\n");
}

static char *make_header(CmContext *ctx, const CmImage *image, const char *encoding, const char *data_file,
                         const char *words, CmError **err) {
  static const char *const types[CM_TYPE_COUNT] = {"uint8",  "int8",  "uint16", "int16",
                                                   "uint32", "int32", "float",  "double"};
  const int64_t *dims = cm_image_dims(image);
  int rank = cm_image_rank(image), components = cm_image_components(image);
  CmType type = cm_image_type(image);
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__text_addf(&out, "NRRD0005\ntype: %s\ndimension: %d\nsizes:", types[type], rank + (components > 1));
  if (components > 1) cm__text_addf(&out, " %d", components);
  for (int i = 0; i < rank; i++) cm__text_addf(&out, " %lld", (long long)dims[i]);
  cm__text_addf(&out, "\nencoding: %s\n", encoding);
  if (cm_type_size(type) > 1) cm__text_add(&out, "endian: little\n");
  const char *colour = type == CM_U8 && components == 3   ? " RGB-color"
                       : type == CM_U8 && components == 4 ? " RGBA-color"
                                                          : " vector";
  cm__text_addf(&out, "kinds:%s domain domain%s%s\n", components > 1 ? colour : "", rank > 2 ? " domain" : "",
                rank > 3 ? " time" : "");
  add_geometry(&out, image);
  if (words) add_escaped(&out, words);
  if (data_file)
    cm__text_addf(&out, "data file: %s\n", data_file);
  else
    cm__text_add(&out, "\n");
  return cm__text_finish(&out);
}

/* Whether the header gives the geometry back to the last bit. */
static bool geometry_survives(CmContext *ctx, const CmImage *image, bool *survives, CmError **err) {
  CmNrrd n;
  CmLayout layout;
  CmGeometry back;
  char *text = make_header(ctx, image, "raw", NULL, NULL, err);
  if (!text) return false;
  *survives = cm__nrrd_parse(text, strlen(text), &n, NULL) && cm__nrrd_layout(&n, &layout, &back, NULL) &&
              !memcmp(&back, cm_image_geometry(image), sizeof back);
  cm_free(text);
  return true;
}

bool cm__nrrd_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                    CmError **err) {
  bool detached = cm_path_has_extension(path, ".nhdr"), packed = options->compression != 0, survives, ok = false;
  char *words = NULL, *header = NULL, *data_path = NULL;
  uint8_t *small = NULL;
  const void *data = cm_image_data(image);
  size_t size = cm_image_bytes(image);
  if (!geometry_survives(ctx, image, &survives, err) || !cm__words_make(ctx, image, !survives, false, &words, err))
    goto done;
  if (detached) {
    data_path = cm__path_with_extension(ctx, path, 5, packed ? ".raw.gz" : ".raw", err);
    if (!data_path) goto done;
  }
  header = make_header(ctx, image, packed ? "gzip" : "raw", data_path ? cm__path_name(data_path) : NULL, words, err);
  if (!header) goto done;
  if (packed) {
    small = cm__deflate(ctx, CM_DEFLATE_GZIP, data, size, options->compression, &size, err);
    if (!small) goto done;
    data = small;
  }
  ok = cm__detached_write(ctx, path, header, data_path, data, size, err);
done:
  cm_free(small);
  cm_free(header);
  cm_free(data_path);
  cm_free(words);
  return ok;
}
