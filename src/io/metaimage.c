/* MetaImage (.mha, .mhd), as ITK's MetaIO writes it: https://itk.org/Wiki/ITK/MetaIO/Documentation. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "cormack/file.h"
#include "cormack/table.h"
#include "io/detached.h"
#include "io/formats.h"
#include "io/voxels.h"
#include "io/words.h"

#define MOST_HEADER ((uint64_t)16 << 20)
#define MOST_AXES 4

/* A line «Key = value» at the beginning, and the sizes near it. */
bool cm__metaimage_detect(const uint8_t *head, size_t size) {
  char text[4096];
  size_t n = size < sizeof text - 1 ? size : sizeof text - 1, key = 0;
  for (size_t i = 0; i < n; i++) text[i] = head[i] ? (char)head[i] : ' ';
  text[n] = 0;
  while (key < n && (isalnum((unsigned char)text[key]) || text[key] == '_')) key++;
  size_t sign = key + strspn(text + key, " \t");
  return key && text[sign] == '=' && strstr(text, "NDims") && strstr(text, "DimSize");
}

/* ---- reading
 * --------------------------------------------------------------------------------------------------------- */

typedef struct Meta {
  int axes, components, raw;
  int64_t size[MOST_AXES], header_size, packed_size;
  double spacing[MOST_AXES], offset[MOST_AXES], matrix[MOST_AXES * MOST_AXES];
  bool big_endian, packed, text, has_spacing, has_matrix, typed, sized;
  const char *data_file, *comment, *words;
} Meta;

/* Up to `most` numbers; returns how many, -1 where one is none. */
static int parse_reals(const char *value, double *to, int most) {
  int count = 0;
  for (const char *at = value + strspn(value, " \t"); *at; at += strspn(at, " \t")) {
    char word[64];
    size_t length = strcspn(at, " \t");
    if (length >= sizeof word || count == most) return -1;
    memcpy(word, at, length);
    word[length] = 0;
    if (!cm__parse_real(word, &to[count]) || !isfinite(to[count])) return -1;
    count++;
    at += length;
  }
  return count;
}

static bool set_type(Meta *m, const char *value, CmError **err) {
  static const struct {
    const char *name;
    int raw;
  } rows[] = {
      {"MET_CHAR", CM_I8},           {"MET_UCHAR", CM_U8},           {"MET_SHORT", CM_I16}, {"MET_USHORT", CM_U16},
      {"MET_INT", CM_I32},           {"MET_UINT", CM_U32},           {"MET_LONG", CM_I32},  {"MET_ULONG", CM_U32},
      {"MET_LONG_LONG", CM_RAW_I64}, {"MET_ULONG_LONG", CM_RAW_U64}, {"MET_FLOAT", CM_F32}, {"MET_DOUBLE", CM_F64}};
  size_t length = strlen(value);
  bool array = length > 6 && !strcmp(value + length - 6, "_ARRAY"); /* an old way to say several channels */
  for (int i = 0; i < CM_COUNT(rows); i++) {
    if (strncmp(value, rows[i].name, length - (array ? 6 : 0)) || rows[i].name[length - (array ? 6 : 0)]) continue;
    m->raw = rows[i].raw;
    m->typed = true;
    return true;
  }
  cm_error_set(err, CM_ERR_UNSUPPORTED, "the ElementType \"%s\" is not read; save it as an integer, float or double",
               value);
  return false;
}

static bool parse_field(Meta *m, const char *key, char *value, CmError **err) {
  int64_t whole = 0;
  double reals[MOST_AXES];
  bool yes = *value == 'T' || *value == 't' || *value == '1', ok = true;
  if (!strcasecmp(key, "NDims")) {
    ok = cm__parse_int(value, &whole) && whole >= 1 && whole <= MOST_AXES;
    m->axes = ok ? (int)whole : 0;
  } else if (!strcasecmp(key, "DimSize")) {
    ok = m->axes && parse_reals(value, reals, MOST_AXES) == m->axes;
    for (int i = 0; ok && i < m->axes; i++) {
      ok = reals[i] >= 1 && reals[i] <= 1e15 && reals[i] == floor(reals[i]);
      m->size[i] = ok ? (int64_t)reals[i] : 0;
    }
    m->sized = ok;
  } else if (!strcasecmp(key, "ElementSpacing") || (!strcasecmp(key, "ElementSize") && !m->has_spacing)) {
    ok = m->axes && parse_reals(value, m->spacing, MOST_AXES) == m->axes;
    m->has_spacing = true;
  } else if (!strcasecmp(key, "Offset") || !strcasecmp(key, "Origin") || !strcasecmp(key, "Position")) {
    ok = m->axes && parse_reals(value, m->offset, MOST_AXES) == m->axes;
  } else if (!strcasecmp(key, "TransformMatrix") || !strcasecmp(key, "Rotation") || !strcasecmp(key, "Orientation")) {
    ok = m->axes && parse_reals(value, m->matrix, MOST_AXES * MOST_AXES) == m->axes * m->axes;
    m->has_matrix = true;
  } else if (!strcasecmp(key, "ElementNumberOfChannels")) {
    ok = cm__parse_int(value, &whole) && whole >= 1 && whole <= CM_MAX_COMPONENTS;
    m->components = (int)whole;
  } else if (!strcasecmp(key, "BinaryDataByteOrderMSB") || !strcasecmp(key, "ElementByteOrderMSB")) {
    m->big_endian = yes;
  } else if (!strcasecmp(key, "BinaryData")) {
    m->text = !yes;
  } else if (!strcasecmp(key, "CompressedData")) {
    m->packed = yes;
  } else if (!strcasecmp(key, "CompressedDataSize")) {
    ok = cm__parse_int(value, &m->packed_size) && m->packed_size >= 0;
  } else if (!strcasecmp(key, "HeaderSize")) {
    ok = cm__parse_int(value, &m->header_size) && m->header_size >= -1;
  } else if (!strcasecmp(key, "ElementType")) {
    return set_type(m, value, err);
  } else if (!strcasecmp(key, "Comment")) {
    m->comment = value;
  } else if (!strcmp(key, CM_WORDS_KEY)) {
    m->words = value;
  } else if (!strcasecmp(key, "ElementDataFile")) {
    m->data_file = value;
  }
  if (!ok)
    cm_error_set(err, CM_ERR_FORMAT,
                 "\"%s = %.60s\" cannot be understood (sizes up to %d dimensions); correct the header", key, value,
                 MOST_AXES);
  return ok;
}

/* Parses up to ElementDataFile, which is the last line; *data is the offset behind it. */
static bool parse_header(char *text, size_t size, Meta *m, size_t *data, CmError **err) {
  *m = (Meta){.components = 1, .spacing = {1, 1, 1, 1}};
  for (char *line = text, *end = text + size; line < end && !m->data_file;) {
    char *stop = memchr(line, '\n', (size_t)(end - line));
    char *next = stop ? stop + 1 : end;
    if (!stop) stop = end;
    while (stop > line && isspace((unsigned char)stop[-1])) stop--;
    *stop = 0;
    char *sign = strchr(line, '=');
    if (sign) {
      char *value = sign + 1 + strspn(sign + 1, " \t");
      while (sign > line && isspace((unsigned char)sign[-1])) sign--;
      *sign = 0;
      if (!parse_field(m, line + strspn(line, " \t"), value, err)) return false;
    }
    *data = (size_t)(next - text);
    line = next;
  }
  if (m->typed && m->sized && m->data_file) return true;
  cm_error_set(err, CM_ERR_FORMAT, "the header has no %s; it is cut off or damaged",
               !m->sized   ? "DimSize"
               : !m->typed ? "ElementType"
                           : "ElementDataFile");
  return false;
}

/* Columns of the matrix as written in the file (one axis after the other) are the directions of the axes, in LPS. */
static bool make_geometry(const Meta *m, CmGeometry *g, CmError **err) {
  int space = m->axes < 3 ? m->axes : 3;
  cm_geometry_default(g);
  for (int k = 0; k < space; k++) {
    double flip = m->spacing[k] < 0 ? -1 : 1;
    g->spacing[k] = fabs(m->spacing[k]);
    g->origin[k] = m->offset[k] + 0.0;
    g->direction[4 * k] = flip;
    if (m->has_matrix)
      for (int i = 0; i < space; i++) g->direction[3 * i + k] = flip * m->matrix[k * m->axes + i] + 0.0;
  }
  if (m->axes == 4 && m->spacing[3] > 0) g->spacing_t = m->spacing[3];
  return cm_geometry_check(g, err);
}

/* How the voxels are got at from ElementDataFile: LOCAL, LIST [axes], a pattern, or one file. */
static bool list_names(const Meta *m, const char *text, size_t size, size_t data, CmNames *names, CmError **err) {
  char pattern[256], rest[16];
  long long first, last, step;
  if (!strncasecmp(m->data_file, "LIST", 4) && (!m->data_file[4] || m->data_file[4] == ' '))
    return cm__names_add_lines(names, text + data, size - data, err);
  int found = sscanf(m->data_file, "%255s %lld %lld %lld%15s", pattern, &first, &last, &step, rest);
  if (found == 4 && strchr(pattern, '%')) return cm__names_add_pattern(names, pattern, first, last, step, err);
  return cm__names_add(names, m->data_file, strlen(m->data_file), err);
}

/* One zlib stream, as MetaIO writes it (gzip is taken as well). */
static uint8_t *inflate_voxels(const CmSource *source, const Meta *m, uint64_t begin, uint64_t bytes, CmError **err) {
  size_t size = 0;
  uint8_t *packed = cm__source_tail(source, begin, &size, err), *block = NULL;
  if (!packed) return NULL;
  if (m->packed_size > 0 && (uint64_t)m->packed_size < size) size = (size_t)m->packed_size;
  bool gzip = size > 2 && packed[0] == 0x1f && packed[1] == 0x8b;
  if (bytes > cm__inflate_limit(size))
    cm_error_set(err, CM_ERR_FORMAT,
                 "the header promises more voxels than the file can hold; it is cut off, fetch it again");
  else
    block = cm_alloc(source->ctx, (size_t)bytes, err);
  if (block && !cm__inflate(gzip ? CM_DEFLATE_GZIP : CM_DEFLATE_ZLIB, packed, size, block, (size_t)bytes, err)) {
    cm_free(block);
    block = NULL;
  }
  cm_free(packed);
  return block;
}

static uint8_t *read_local(const CmSource *source, const Meta *m, uint64_t begin, uint64_t bytes, CmError **err) {
  if (m->packed) return inflate_voxels(source, m, begin, bytes, err);
  if (m->header_size == -1 && source->size >= bytes && source->size - bytes > begin) begin = source->size - bytes;
  return cm__source_block(source, begin, bytes, err);
}

static uint8_t *read_voxels(const CmSource *source, const Meta *m, const char *text, size_t size, size_t data,
                            uint64_t bytes, CmError **err) {
  if (!strcasecmp(m->data_file, "LOCAL")) return read_local(source, m, data, bytes, err);
  CmNames names = {.ctx = source->ctx};
  uint8_t *block = NULL;
  if (!list_names(m, text, size, data, &names, err)) goto done;
  const CmPlain plain = {.byte_skip = m->header_size};
  CmSource beside;
  char *path;
  if (!m->packed) {
    block = cm__names_read(&names, source, &plain, bytes, err);
  } else if (names.count != 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "several compressed data files are not read; join them");
  } else if (cm__source_open_beside(&beside, source, names.names[0], &path, err)) {
    block = inflate_voxels(&beside, m, m->header_size > 0 ? (uint64_t)m->header_size : 0, bytes, err);
    cm__source_close(&beside);
    if (!block) cm_error_context(err, "data file %s", path);
    cm_free(path);
  }
done:
  cm__names_free(&names);
  return block;
}

static void make_layout(const Meta *m, CmLayout *layout) {
  *layout = (CmLayout){.raw = m->raw, .big_endian = m->big_endian, .rank = m->axes < 2 ? 2 : m->axes};
  if (m->components > 1) {
    layout->size[0] = m->components;
    layout->role[layout->axes++] = CM_ROLE_C;
  }
  for (int i = 0; i < m->axes; i++) {
    layout->size[layout->axes] = m->size[i];
    layout->role[layout->axes++] = (CmRole)(CM_ROLE_X + i);
  }
}

static bool set_words(CmImage *image, const Meta *m, CmGeometry *geometry, CmError **err) {
  CmGeometry exact;
  int rank, space = m->axes < 3 ? m->axes : 3;
  size_t size = m->words ? strlen(m->words) : 0;
  if (size && cm__words_shape(m->words, size, &rank, &exact) && cm__words_agree(geometry, &exact, space, space))
    *geometry = exact;
  if (!cm_image_set_geometry(image, geometry, err)) return false;
  if (size) return cm__words_apply(image, m->words, size, err);
  return !m->comment || !*m->comment || cm_image_set_meta(image, "Description", m->comment, err);
}

CmImage *cm__metaimage_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  Meta m;
  CmLayout layout;
  CmGeometry geometry;
  CmImage *image = NULL;
  size_t data = 0, size = source->size < MOST_HEADER ? (size_t)source->size : (size_t)MOST_HEADER;
  uint64_t bytes;
  char *text = cm_alloc(source->ctx, size + 1, err);
  if (!text || !cm__source_read(source, 0, text, size, err)) goto done;
  text[size] = 0;
  if (!parse_header(text, size, &m, &data, err) || !make_geometry(&m, &geometry, err)) goto done;
  make_layout(&m, &layout);
  if (!cm__layout_bytes(&layout, &bytes, err)) goto done;
  if (m.text) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the voxels are numbers in text (BinaryData = False); save the file in binary");
    goto done;
  }
  uint8_t *block = read_voxels(source, &m, text, size, data, bytes, err);
  image = block ? cm__voxels_take(source->ctx, &layout, block, block, err) : NULL;
  if (image && !set_words(image, &m, &geometry, err)) cm_image_unref(&image);
done:
  cm_free(text);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

static void add_reals(CmTextBuffer *out, const char *key, const double *values, int count) {
  char number[32];
  cm__text_addf(out, "%s =", key);
  for (int i = 0; i < count; i++) {
    cm__text_add(out, " ");
    cm__text_add(out, cm_real_text(values[i] + 0.0, number));
  }
  cm__text_add(out, "\n");
}

static void add_geometry(CmTextBuffer *out, const CmImage *image) {
  const CmGeometry *g = cm_image_geometry(image);
  int n = cm_image_rank(image), space = n < 3 ? n : 3;
  double matrix[16] = {0}, offset[4] = {0}, spacing[4] = {0};
  for (int k = 0; k < n; k++) {
    offset[k] = k < 3 ? g->origin[k] : 0;
    spacing[k] = k < 3 ? g->spacing[k] : g->spacing_t;
    matrix[k * n + k] = 1;
    for (int i = 0; k < 3 && i < space; i++) matrix[k * n + i] = g->direction[3 * i + k];
  }
  add_reals(out, "TransformMatrix", matrix, n * n);
  add_reals(out, "Offset", offset, n);
  cm__text_add(out, n == 2   ? "CenterOfRotation = 0 0\n"
                    : n == 3 ? "CenterOfRotation = 0 0 0\n"
                             : "CenterOfRotation = 0 0 0 0\n");
  add_reals(out, "ElementSpacing", spacing, n);
}

static char *make_header(CmContext *ctx, const CmImage *image, const char *data_file, bool packed, size_t packed_size,
                         const char *words, CmError **err) {
  static const char *const types[CM_TYPE_COUNT] = {"MET_UCHAR", "MET_CHAR", "MET_USHORT", "MET_SHORT",
                                                   "MET_UINT",  "MET_INT",  "MET_FLOAT",  "MET_DOUBLE"};
  const int64_t *dims = cm_image_dims(image);
  int rank = cm_image_rank(image);
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__text_addf(
      &out, "ObjectType = Image\nNDims = %d\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = %s\n",
      rank, packed ? "True" : "False");
  if (packed) cm__text_addf(&out, "CompressedDataSize = %zu\n", packed_size);
  add_geometry(&out, image);
  cm__text_add(&out, "DimSize =");
  for (int i = 0; i < rank; i++) cm__text_addf(&out, " %lld", (long long)dims[i]);
  cm__text_add(&out, "\n");
  if (cm_image_components(image) > 1) cm__text_addf(&out, "ElementNumberOfChannels = %d\n", cm_image_components(image));
  cm__text_addf(&out, "ElementType = %s\n", types[cm_image_type(image)]);
  if (words) cm__text_addf(&out, CM_WORDS_KEY " = %s\n", words);
  cm__text_addf(&out, "ElementDataFile = %s\n", data_file);
  return cm__text_finish(&out);
}

/* Whether the header gives the geometry back to the last bit: a plane that is turned in space is more than two axes
 * say. */
static bool geometry_survives(CmContext *ctx, const CmImage *image, bool *survives, CmError **err) {
  Meta m;
  CmGeometry back;
  size_t data;
  char *text = make_header(ctx, image, "LOCAL", false, 0, NULL, err);
  if (!text) return false;
  *survives = parse_header(text, strlen(text), &m, &data, NULL) && make_geometry(&m, &back, NULL) &&
              !memcmp(&back, cm_image_geometry(image), sizeof back);
  cm_free(text);
  return true;
}

/* Two axes cannot say how a plane lies in space. */
static bool check_plane(const CmImage *image, CmError **err) {
  const double *d = cm_image_geometry(image)->direction;
  if (cm_image_rank(image) > 2 || (d[2] == 0 && d[5] == 0 && d[6] == 0 && d[7] == 0 && d[8] == 1)) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "a MetaImage of two dimensions cannot be turned in space; write .nii.gz or .nrrd");
  return false;
}

bool cm__metaimage_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                         CmError **err) {
  bool detached = cm_path_has_extension(path, ".mhd"), packed = options->compression != 0, survives, ok = false;
  char *words = NULL, *header = NULL, *data_path = NULL;
  uint8_t *small = NULL;
  const void *data = cm_image_data(image);
  size_t size = cm_image_bytes(image);
  if (!check_plane(image, err) || !geometry_survives(ctx, image, &survives, err) ||
      !cm__words_make(ctx, image, !survives, false, &words, err))
    goto done;
  if (packed) {
    small = cm__deflate(ctx, CM_DEFLATE_ZLIB, data, size, options->compression, &size, err);
    if (!small) goto done;
    data = small;
  }
  if (detached) {
    data_path = cm__path_with_extension(ctx, path, 4, packed ? ".zraw" : ".raw", err);
    if (!data_path) goto done;
  }
  header = make_header(ctx, image, data_path ? cm__path_name(data_path) : "LOCAL", packed, size, words, err);
  ok = header && cm__detached_write(ctx, path, header, data_path, data, size, err);
done:
  cm_free(small);
  cm_free(header);
  cm_free(data_path);
  cm_free(words);
  return ok;
}
