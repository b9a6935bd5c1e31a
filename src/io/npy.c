/* NumPy's .npy (numpy.lib.format, versions 1 to 3): header parsed without evaluating it, numbers to C order and native
 * bytes. */
#include "io/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "io/formats.h"
#include "io/voxels.h"

static const char magic[] = "\x93NUMPY";

bool cm__npy_detect(const uint8_t *head, size_t size) {
  return size >= 10 && !memcmp(head, magic, 6);
}

/* ---- the header: a Python dictionary of three known keys ------------------------------------------------------- */

typedef struct Header {
  int raw, rank;
  bool big_endian, fortran;
  int64_t shape[CM_ARRAY_RANK];
  size_t data; /* where the numbers begin */
} Header;

static void skip_spaces(const char **at, const char *end) {
  while (*at < end && isspace((unsigned char)**at)) ++*at;
}

static bool take(const char **at, const char *end, char c) {
  skip_spaces(at, end);
  if (*at >= end || **at != c) return false;
  ++*at;
  return true;
}

static bool take_text(const char **at, const char *end, char to[32]) {
  skip_spaces(at, end);
  if (*at >= end || (**at != '\'' && **at != '"')) return false;
  char quote = *(*at)++;
  for (int n = 0; n < 31 && *at < end; n++, ++*at) {
    if (**at == quote) {
      to[n] = 0;
      ++*at;
      return true;
    }
    to[n] = **at;
  }
  return false;
}

static bool take_shape(const char **at, const char *end, Header *h) {
  if (!take(at, end, '(')) return false;
  for (h->rank = 0; !take(at, end, ')'); h->rank++) {
    if (h->rank == CM_ARRAY_RANK || *at >= end || !isdigit((unsigned char)**at)) return false;
    int64_t size = 0;
    for (; *at < end && isdigit((unsigned char)**at); ++*at)
      if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, **at - '0', &size)) return false;
    if (*at < end && **at == 'L') ++*at; /* Python 2 wrote long integers so */
    h->shape[h->rank] = size;
    if (!take(at, end, ',') && (skip_spaces(at, end), *at >= end || **at != ')')) return false;
  }
  return true;
}

static bool set_type(Header *h, const char *descr, CmError **err) {
  static const struct {
    const char *code;
    int raw;
  } rows[] = {{"u1", CM_U8},      {"i1", CM_I8},      {"b1", CM_U8},  {"u2", CM_U16},
              {"i2", CM_I16},     {"u4", CM_U32},     {"i4", CM_I32}, {"u8", CM_RAW_U64},
              {"i8", CM_RAW_I64}, {"f2", CM_RAW_F16}, {"f4", CM_F32}, {"f8", CM_F64}};
  bool order = *descr && strchr("<>|=", *descr);
  h->big_endian = *descr == '>';
  for (int i = 0; i < CM_COUNT(rows); i++) {
    if (strcmp(rows[i].code, descr + (order ? 1 : 0))) continue;
    h->raw = rows[i].raw;
    return true;
  }
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "holds numbers of type '%s'; save it as an integer or a real type of up to 64 bits", descr);
  return false;
}

static bool parse_dictionary(const char *at, const char *end, Header *h, CmError **err) {
  bool descr = false, fortran = false, shape = false;
  char key[32], value[32];
  if (!take(&at, end, '{')) goto broken;
  while (!take(&at, end, '}')) {
    if (!take_text(&at, end, key) || !take(&at, end, ':')) goto broken;
    if (!strcmp(key, "descr")) {
      skip_spaces(&at, end);
      if (at < end && *at == '[') {
        cm_error_set(err, CM_ERR_UNSUPPORTED, "holds records (a structured type); save one field as a plain array");
        return false;
      }
      if (!take_text(&at, end, value)) goto broken;
      if (!set_type(h, value, err)) return false;
      descr = true;
    } else if (!strcmp(key, "fortran_order")) {
      skip_spaces(&at, end);
      bool yes = end - at >= 4 && !strncmp(at, "True", 4), no = end - at >= 5 && !strncmp(at, "False", 5);
      if (!yes && !no) goto broken;
      at += yes ? 4 : 5;
      h->fortran = yes;
      fortran = true;
    } else if (!strcmp(key, "shape")) {
      if (!take_shape(&at, end, h)) goto broken;
      shape = true;
    } else {
      goto broken;
    }
    take(&at, end, ',');
  }
  if (descr && fortran && shape) return true;
broken:
  cm_error_set(err, CM_ERR_FORMAT,
               "the array's header is not one that NumPy writes (up to %d dimensions); save it again with numpy.save",
               CM_ARRAY_RANK);
  return false;
}

static bool parse_header(const uint8_t *bytes, size_t size, Header *h, CmError **err) {
  *h = (Header){0};
  if (!cm__npy_detect(bytes, size) || bytes[6] < 1 || bytes[6] > 3) {
    cm_error_set(err, CM_ERR_FORMAT, "is not an array in NumPy's format, version 1 to 3");
    return false;
  }
  size_t at = bytes[6] == 1 ? 10 : 12, length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
  if (bytes[6] > 1 && size >= 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (size < at || length > size - at) {
    cm_error_set(err, CM_ERR_FORMAT, "the array's header is cut off; fetch the file again");
    return false;
  }
  h->data = at + length;
  return parse_dictionary((const char *)bytes + at, (const char *)bytes + h->data, h, err);
}

static void set_info(const Header *h, CmArrayInfo *info) {
  info->type = h->raw == CM_RAW_F16 ? CM_F32 : h->raw >= CM_TYPE_COUNT ? CM_F64 : (CmType)h->raw;
  info->rank = h->rank;
  memcpy(info->shape, h->shape, sizeof info->shape);
}

bool cm__npy_parse_info(const uint8_t *bytes, size_t size, CmArrayInfo *info, CmError **err) {
  Header h;
  if (!parse_header(bytes, size, &h, err)) return false;
  set_info(&h, info);
  return true;
}

/* ---- the numbers ----------------------------------------------------------------------------------------------------
 */

static bool count_numbers(const Header *h, size_t available, int64_t *count, CmError **err) {
  uint64_t bytes = cm__raw_size(h->raw);
  for (int i = 0; i < h->rank; i++)
    if (__builtin_mul_overflow(bytes, (uint64_t)h->shape[i], &bytes)) bytes = UINT64_MAX;
  if (bytes <= available) {
    *count = (int64_t)(bytes / cm__raw_size(h->raw));
    return true;
  }
  cm_error_set(
      err, CM_ERR_FORMAT,
      "the array's header promises more numbers than the %llu bytes behind it hold; it is cut off, fetch it again",
      (unsigned long long)available);
  return false;
}

/* From Fortran's order (first index fastest) to C's. */
static bool to_c_order(CmArray *a, size_t number, CmError **err) {
  int rank = a->info.rank;
  if (rank < 2 || !a->count) return true;
  if (rank > 5) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "is an array of %d dimensions in Fortran order; save numpy.ascontiguousarray of it", rank);
    return false;
  }
  int64_t n[5] = {1, 1, 1, 1, 1}, to[5] = {0}, from[5] = {0}, c_step = 1, f_step = 1;
  for (int i = 0; i < rank; i++) {
    int last = rank - 1 - i; /* axis i of the copy is index `last` of the array: fastest first */
    n[i] = a->info.shape[last];
    to[i] = c_step;
    c_step *= n[i];
    from[last] = f_step;
    f_step *= a->info.shape[i];
  }
  int64_t by_copy[5] = {0};
  for (int i = 0; i < rank; i++) by_copy[i] = from[i];
  void *ordered = cm_alloc_array(a->ctx, (size_t)a->count, number, err);
  if (!ordered) return false;
  if (!cm__copy_strided(a->ctx, number, n, ordered, to, a->data, by_copy, err)) {
    cm_free(ordered);
    return false;
  }
  cm_free(a->block);
  a->block = a->data = ordered;
  return true;
}

CmArray *cm__npy_take(CmContext *ctx, const char *name, uint8_t *block, size_t size, CmError **err) {
  Header h;
  CmArray *a = cm_calloc(ctx, 1, sizeof *a, err);
  if (!a) {
    cm_free(block);
    return NULL;
  }
  a->ctx = ctx;
  a->block = block;
  if (!parse_header(block, size, &h, err) || !count_numbers(&h, size - h.data, &a->count, err)) goto error;
  set_info(&h, &a->info);
  size_t length = strnlen(name, CM_ARRAY_NAME - 1);
  memcpy(a->info.name, name, length);
  size_t number = cm__raw_size(h.raw);
  a->data = block + h.data;
  if (h.data % 64) { /* old versions of NumPy aligned to 16 */
    memmove(block, a->data, (size_t)a->count * number);
    a->data = block;
  }
  if (h.big_endian && !cm__swap_bytes(ctx, a->data, a->count, number, err)) goto error;
  if (h.fortran && !to_c_order(a, number, err)) goto error;
  if (!cm__raw_to_type(ctx, h.raw, a->count, &a->block, &a->data, &a->info.type, err)) goto error;
  return a;
error:
  cm_array_free(&a);
  return NULL;
}

void cm_array_free(CmArray **array) {
  if (!*array) return;
  cm_free((*array)->block);
  cm_free(*array);
  *array = NULL;
}

const CmArrayInfo *cm_array_info(const CmArray *array) {
  return &array->info;
}
int64_t cm_array_count(const CmArray *array) {
  return array->count;
}
const void *cm_array_data(const CmArray *array) {
  return array->data;
}

double cm_array_value(const CmArray *array, int64_t at) {
  switch (array->info.type) {
#define ARRAY_VALUE(code, ctype, name, suffix) \
  case CM_##code:                              \
    return (double)((const ctype *)array->data)[at];
    CM_TYPE_MAP(ARRAY_VALUE)
#undef ARRAY_VALUE
    default:
      return 0;
  }
}

/* ---- arrays as images
 * ------------------------------------------------------------------------------------------------- */

/* Whether the last axis of (…,y,x,c) is colour: bytes, 3 or 4 of them, and a picture that is larger than that. */
static bool is_colour(CmType type, int rank, const int64_t *shape) {
  int64_t last = shape[rank - 1];
  return type == CM_U8 && rank >= 3 && (last == 3 || last == 4) && shape[rank - 2] > 4 && shape[rank - 3] > 4;
}

/* Sizes of the image that an array of this shape is; returns its rank, 0 if it is none. */
static int image_shape(CmType type, int rank, const int64_t *shape, int64_t dims[4], int *components) {
  for (int i = 0; i < 4; i++) dims[i] = 1;
  *components = 1;
  if (rank < 1 || rank > 5) return 0;
  int space = rank;
  if (rank == 5 || is_colour(type, rank, shape)) {
    if (shape[rank - 1] > CM_MAX_COMPONENTS) return 0;
    *components = (int)shape[--space];
  }
  for (int i = 0; i < space; i++) dims[i] = shape[space - 1 - i];
  if (rank == 5) return dims[3] > 1 ? 4 : dims[2] > 1 ? 3 : 2;
  return space < 2 ? 2 : space;
}

static void free_block(void *block) {
  cm_free(block);
}

CmImage *cm__npy_image(CmArray **array, CmError **err) {
  CmArray *a = *array;
  int64_t dims[4];
  int components, rank = image_shape(a->info.type, a->info.rank, a->info.shape, dims, &components);
  if (!rank || !a->count) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the array has %d dimensions and %lld numbers; an image has 1 to 5 dimensions, none of them empty",
                 a->info.rank, (long long)a->count);
    return NULL;
  }
  CmImage *image = cm_image_wrap(a->ctx, a->info.type, rank, dims, components, a->data, free_block, a->block, err);
  if (image) {
    a->block = NULL;
    cm_array_free(array);
  }
  return image;
}

CmImage *cm_array_image(CmContext *ctx, const CmArray *array, int64_t at, CmError **err) {
  const CmArrayInfo *info = &array->info;
  int64_t dims[4];
  int components, rank = 0;
  if (info->rank >= 3 && at >= 0 && at < info->shape[0]) {
    bool plane = info->rank == 4 && info->shape[3] == 1; /* (N,y,x,1) */
    rank = image_shape(info->type, info->rank - (plane ? 2 : 1), info->shape + 1, dims, &components);
  }
  if (!rank) {
    cm_error_set(err, CM_ERR_DATA, "array '%s' has no image %lld; a set of images is (N,y,x), (N,y,x,c) or (N,z,y,x)",
                 info->name, (long long)at);
    return NULL;
  }
  CmImage *image = cm_image_create(ctx, info->type, rank, dims, components, err);
  if (image)
    memcpy(cm_image_data_mut(image), (const uint8_t *)array->data + (size_t)at * cm_image_bytes(image),
           cm_image_bytes(image));
  return image;
}

CmImage *cm__npy_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  (void)options;
  size_t size;
  uint8_t *block = cm__source_tail(source, 0, &size, err);
  CmArray *array = block ? cm__npy_take(source->ctx, "", block, size, err) : NULL;
  CmImage *image = array ? cm__npy_image(&array, err) : NULL;
  cm_array_free(&array);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

int cm__npy_shape_of(const CmImage *image, int64_t shape[5]) {
  const int64_t *d = cm_image_dims(image);
  int c = cm_image_components(image), rank = cm_image_rank(image);
  for (int colour = 0; colour < 2; colour++) {
    int n = rank + colour;
    for (int i = 0; i < rank; i++) shape[i] = d[rank - 1 - i];
    if (colour) shape[rank] = c;
    int64_t back[4];
    int components, is = n <= 4 ? image_shape(cm_image_type(image), n, shape, back, &components) : 0;
    if (is == rank && components == c && !memcmp(back, d, sizeof back)) return n;
  }
  for (int i = 0; i < 4; i++) shape[i] = d[3 - i];
  shape[4] = c;
  return 5;
}

size_t cm__npy_make_header(CmType type, int rank, const int64_t *shape, char to[512]) {
  static const char *const codes[CM_TYPE_COUNT] = {"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<f8"};
  memcpy(to, magic, 6);
  to[6] = 1, to[7] = 0;
  int at = 10 + snprintf(to + 10, 200, "{'descr': '%s', 'fortran_order': False, 'shape': (", codes[type]);
  for (int i = 0; i < rank; i++) at += snprintf(to + at, 32, i ? " %lld," : "%lld,", (long long)shape[i]);
  if (rank > 1) at--; /* (3,) but (3, 4) */
  at += snprintf(to + at, 16, "), }");
  size_t size = ((size_t)at + 1 + 63) / 64 * 64;
  memset(to + at, ' ', size - (size_t)at);
  to[size - 1] = '\n';
  to[8] = (char)((size - 10) & 255), to[9] = (char)((size - 10) >> 8);
  return size;
}

bool cm__npy_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                   CmError **err) {
  (void)ctx, (void)options;
  int64_t shape[5];
  char head[512];
  size_t size = cm__npy_make_header(cm_image_type(image), cm__npy_shape_of(image, shape), shape, head);
  CmFileWriter writer;
  if (!cm__file_begin(&writer, path, err)) return false;
  bool ok = cm__file_add(&writer, head, size, err) &&
            cm__file_add(&writer, cm_image_data(image), cm_image_bytes(image), err) && cm__file_end(&writer, err);
  cm__file_abandon(&writer);
  return ok;
}
