/* NIfTI-1 and NIfTI-2: .nii, .nii.gz, and the reading of .hdr/.img pairs. */
#include <ctype.h>
#include <math.h>
#include <nifti1.h>
#include <string.h>

#include "cormack/file.h"
#include "io/formats.h"
#include "io/gzip.h"
#include "io/nifti_header.h"
#include "io/voxels.h"
#include "io/words.h"

#define HEAD_BYTES (CM_NIFTI2_BYTES + 4)
#define ECODE_COMMENT 6

bool cm__nifti_detect(const uint8_t *head, size_t size) {
  if (size >= 2 && head[0] == 0x1f && head[1] == 0x8b) {
    uint8_t inner[HEAD_BYTES];
    return cm__nifti_kind(inner, cm__gunzip_head(head, size, inner, sizeof inner)) != CM_NIFTI_NO;
  }
  return cm__nifti_kind(head, size) != CM_NIFTI_NO;
}

/* ---- reading
 * --------------------------------------------------------------------------------------------------------- */

/* A source, inflated where it is gzip: one block with `at` bytes of header before the voxels, which are 64-byte
 * aligned. */
typedef struct Unpacked {
  const CmSource *source;
  uint8_t *packed; /* gzip: the file as it is */
  size_t packed_size;
  uint64_t most; /* bytes that can be there at most */
} Unpacked;

static bool open_unpacked(Unpacked *in, const CmSource *source, CmError **err) {
  uint8_t magic[2] = {0};
  *in = (Unpacked){.source = source, .most = source->size};
  if (source->size < 2) {
    cm_error_set(err, CM_ERR_FORMAT, "the file is empty; fetch it again");
    return false;
  }
  if (!cm__source_read(source, 0, magic, 2, err)) return false;
  if (magic[0] != 0x1f || magic[1] != 0x8b) return true;
  in->packed = cm__source_tail(source, 0, &in->packed_size, err);
  in->most = cm__inflate_limit(in->packed_size);
  return in->packed != NULL;
}

static bool read_head(const Unpacked *in, uint8_t head[HEAD_BYTES], CmError **err) {
  size_t size = in->source->size < HEAD_BYTES ? (size_t)in->source->size : HEAD_BYTES;
  if (in->packed)
    size = cm__gunzip_head(in->packed, in->packed_size, head, HEAD_BYTES);
  else if (!cm__source_read(in->source, 0, head, size, err))
    return false;
  memset(head + size, 0, HEAD_BYTES - size);
  CmNiftiKind kind = cm__nifti_kind(head, size);
  if (kind == CM_NIFTI_YES) return true;
  if (kind == CM_NIFTI_ANALYZE)
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "is Analyze 7.5, which does not say which side is left; convert it to NIfTI with a program that knows "
                 "how it was written");
  else
    cm_error_set(err, CM_ERR_FORMAT, "is not a NIfTI file, or its header is cut off");
  return false;
}

/* The bytes [0, before + size) in one block; *data points behind `before`, 64-byte aligned. */
static uint8_t *read_block(const Unpacked *in, uint64_t before, uint64_t size, uint8_t **first, uint8_t **data,
                           CmError **err) {
  if (before + size > in->most) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "the header promises %llu bytes, the file cannot hold more than %llu; it is cut off or its header is wrong",
        (unsigned long long)(before + size), (unsigned long long)in->most);
    return NULL;
  }
  size_t lead = (64 - before % 64) % 64;
  uint8_t *block = cm_alloc(in->source->ctx, (size_t)(lead + before + size), err);
  if (!block) return NULL;
  *first = block + lead;
  *data = *first + before;
  bool ok = in->packed ? cm__gunzip(in->source->ctx, in->packed, in->packed_size, *first, (size_t)(before + size), err)
                       : cm__source_read(in->source, 0, *first, before + size, err);
  if (ok) return block;
  cm_free(block);
  return NULL;
}

typedef struct TypeRow {
  int datatype, raw, components;
} TypeRow;
static const TypeRow type_rows[] = {
    {NIFTI_TYPE_UINT8, CM_U8, 1},       {NIFTI_TYPE_INT8, CM_I8, 1},     {NIFTI_TYPE_UINT16, CM_U16, 1},
    {NIFTI_TYPE_INT16, CM_I16, 1},      {NIFTI_TYPE_UINT32, CM_U32, 1},  {NIFTI_TYPE_INT32, CM_I32, 1},
    {NIFTI_TYPE_FLOAT32, CM_F32, 1},    {NIFTI_TYPE_FLOAT64, CM_F64, 1}, {NIFTI_TYPE_INT64, CM_RAW_I64, 1},
    {NIFTI_TYPE_UINT64, CM_RAW_U64, 1}, {NIFTI_TYPE_RGB24, CM_U8, 3},    {NIFTI_TYPE_RGBA32, CM_U8, 4},
};

static const TypeRow *find_type(int datatype, CmError **err) {
  for (int i = 0; i < CM_COUNT(type_rows); i++)
    if (type_rows[i].datatype == datatype) return &type_rows[i];
  bool complex_type =
      datatype == NIFTI_TYPE_COMPLEX64 || datatype == NIFTI_TYPE_COMPLEX128 || datatype == NIFTI_TYPE_COMPLEX256;
  if (complex_type)
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "holds complex numbers; write magnitude and phase, or real and imaginary part, as files of their own");
  else if (datatype == NIFTI_TYPE_FLOAT128)
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "holds 128-bit floating point, which no voxel type of Cormack keeps; convert it to float64");
  else if (datatype == DT_BINARY)
    cm_error_set(err, CM_ERR_UNSUPPORTED, "holds single bits, whose order NIfTI leaves open; convert it to uint8");
  else
    cm_error_set(err, CM_ERR_FORMAT, "the datatype %d is not one of NIfTI's; the header is damaged", datatype);
  return NULL;
}

static int usual_rank(const CmNifti *h) {
  if (h->dim[0] <= 2) return 2;
  return h->dim[0] >= 4 && h->dim[4] > 1 ? 4 : 3;
}

/* Dimensions to axes: 1..4 are x, y, z, t; 5 the components (nifti1.h, «dim»). */
static bool make_layout(const CmNifti *h, CmLayout *layout, CmError **err) {
  if (h->dim[0] < 1 || h->dim[0] > 7) {
    cm_error_set(err, CM_ERR_FORMAT, "the header says %lld dimensions, NIfTI has 1 to 7; it is damaged",
                 (long long)h->dim[0]);
    return false;
  }
  const TypeRow *type = find_type(h->datatype, err);
  if (!type) return false;
  *layout = (CmLayout){.raw = type->raw, .big_endian = h->big_endian, .rank = usual_rank(h)};
  if (type->components > 1) {
    layout->size[0] = type->components;
    layout->role[layout->axes++] = CM_ROLE_C;
  }
  bool colours = type->components > 1;
  for (int i = 1; i <= (int)h->dim[0]; i++) {
    bool kept = i <= 4 || (i == 5 && !colours);
    if (!kept && h->dim[i] == 1) continue;
    if (!kept) {
      cm_error_set(
          err, CM_ERR_UNSUPPORTED,
          "has more than one element along dimension %d; Cormack keeps x, y, z, t and components: split the file", i);
      return false;
    }
    layout->size[layout->axes] = h->dim[i];
    layout->role[layout->axes++] = i == 5 ? CM_ROLE_C : (CmRole)(CM_ROLE_X + i - 1);
  }
  return true;
}

/* Finds our words among the extensions (nifti1.h, «nifti1_extension»); *size 0 where there are none. */
static const char *find_words(const CmNifti *h, const uint8_t *bytes, uint64_t end, size_t *size) {
  uint64_t at = h->version == 1 ? CM_NIFTI1_BYTES : CM_NIFTI2_BYTES;
  *size = 0;
  if (at + 4 > end || !bytes[at]) return NULL;
  for (at += 4; at + 16 <= end;) {
    uint32_t part[2];
    memcpy(part, bytes + at, 8);
    if (h->big_endian) part[0] = __builtin_bswap32(part[0]), part[1] = __builtin_bswap32(part[1]);
    if (part[0] < 16 || part[0] > end - at) return NULL;
    const char *text = (const char *)bytes + at + 8;
    if (part[1] == ECODE_COMMENT && !strncmp(text, "{\"cormack\":", 11)) {
      *size = strnlen(text, part[0] - 8);
      return text;
    }
    at += part[0];
  }
  return NULL;
}

static bool near(double a, double b) {
  return fabs(a - b) <= 1e-6 * fabs(b);
}

/* Whether a header made from `geometry` would say what this one says. */
static bool header_agrees(const CmNifti *h, const CmGeometry *geometry) {
  CmNifti same = {.version = h->version};
  uint8_t bytes[CM_NIFTI2_BYTES];
  cm__nifti_set_geometry(&same, geometry);
  cm__nifti_encode(&same, bytes);
  cm__nifti_decode(bytes, &same);
  bool ok = h->sform_code > 0 && h->units == same.units && !memcmp(h->srow, same.srow, sizeof same.srow);
  for (int i = 1; i <= 3; i++) ok = ok && near(h->pixdim[i], same.pixdim[i]);
  return ok && (h->dim[0] < 4 || near(h->pixdim[4], same.pixdim[4]));
}

static bool dims_allow_rank(const CmNifti *h, int rank) {
  for (int i = rank + 1; i <= 4 && i <= (int)h->dim[0]; i++)
    if (h->dim[i] != 1) return false;
  return rank >= 2;
}

/* Text of a fixed field, if it is plain. */
static bool plain_text(const char *text) {
  for (; *text; text++)
    if (!isprint((unsigned char)*text)) return false;
  return true;
}

static bool set_words(CmImage *image, const CmNifti *h, const char *words, size_t size, CmError **err) {
  const char *text = h->description;
  if (size) return cm__words_apply(image, words, size, err);
  return !*text || !plain_text(text) || cm_image_set_meta(image, "Description", text, err);
}

/* Voxel values = slope * stored + intercept unless the slope is 0 (nifti1.h, «scl_slope») or no number (as nibabel
 * reads it). */
static CmImage *apply_scale(CmContext *ctx, CmImage *image, const CmNifti *h, bool stored, CmError **err) {
  bool scaled = isfinite(h->slope) && h->slope != 0 && !(h->slope == 1 && h->intercept == 0);
  if (!image || stored || !scaled) return image;
  if (!isfinite(h->intercept)) {
    cm_error_set(err, CM_ERR_FORMAT, "scl_inter is not a number while scl_slope is %g; correct the header", h->slope);
    cm_image_unref(&image);
    return NULL;
  }
  bool colours = h->datatype == NIFTI_TYPE_RGB24 || h->datatype == NIFTI_TYPE_RGBA32;
  return colours ? image : cm__voxels_rescale(ctx, image, h->slope, h->intercept, err);
}

static bool check_offset(const CmNifti *h, CmError **err) {
  double least = h->pair ? 0 : h->version == 1 ? CM_NIFTI1_BYTES : CM_NIFTI2_BYTES;
  if (h->vox_offset == 0 || (h->vox_offset >= least && h->vox_offset < 9e15 && h->vox_offset == floor(h->vox_offset)))
    return true;
  cm_error_set(err, CM_ERR_FORMAT, "vox_offset is %g, not a place behind the header; the header is damaged",
               h->vox_offset);
  return false;
}

/* The file with the voxels of a pair: the same name with .img or .img.gz. */
static bool open_img(CmSource *img, const CmSource *source, char **path, CmError **err) {
  const char *name = cm__path_name(source->path);
  size_t length = strlen(name), drop = cm_path_has_extension(name, ".hdr.gz") ? 7 : 4;
  static const char *const tails[] = {".img.gz", ".IMG", ".img"};
  if (cm_path_has_extension(name, ".img") || cm_path_has_extension(name, ".img.gz") || length <= drop) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the header says that the voxels are in an .img file beside an .hdr file; give the .hdr file");
    return false;
  }
  for (int i = 0; i < CM_COUNT(tails); i++) {
    char *beside = cm_sprintf(source->ctx, err, "%.*s%s", (int)(length - drop), name, tails[i]);
    if (!beside) return false;
    bool last = i == CM_COUNT(tails) - 1;
    CmError *none = NULL;
    bool ok = cm__source_open_beside(img, source, beside, path, &none);
    cm_free(beside);
    if (ok) return true;
    if (last || cm_error_code(none) != CM_ERR_MISSING) {
      cm_error_move(err, &none);
      return false;
    }
    cm_error_free(&none);
  }
  return false;
}

CmImage *cm__nifti_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  CmContext *ctx = source->ctx;
  CmImage *image = NULL;
  Unpacked in = {0}, voxels = {0};
  CmSource img = {.file = -1};
  char *img_path = NULL;
  uint8_t head[HEAD_BYTES], *block = NULL, *extensions = NULL, *first, *data;
  CmNifti h;
  CmLayout layout;
  CmGeometry geometry, exact;
  uint64_t bytes;
  if (!open_unpacked(&in, source, err) || !read_head(&in, head, err)) goto done;
  cm__nifti_decode(head, &h);
  if (!make_layout(&h, &layout, err) || !cm__layout_bytes(&layout, &bytes, err) || !check_offset(&h, err) ||
      !cm__nifti_geometry(&h, &geometry, err))
    goto done;
  if (h.sform_code <= 0 && h.qform_code <= 0)
    cm_log(ctx, CM_LOG_WARNING,
           "%s: the header says nothing of position and orientation; which side is left is unknown", source->path);
  uint64_t offset = (uint64_t)h.vox_offset, header = h.version == 1 ? CM_NIFTI1_BYTES : CM_NIFTI2_BYTES;
  size_t words_size = 0;
  const char *words = NULL;
  if (h.pair) {
    if (!open_img(&img, source, &img_path, err) || !open_unpacked(&voxels, &img, err)) goto done;
    block = read_block(&voxels, offset, bytes, &first, &data, err);
    if (!in.packed && block) {
      size_t whole = 0;
      extensions = cm__source_tail(source, 0, &whole, err);
      if (!extensions) goto done;
      words = find_words(&h, extensions, whole, &words_size);
    }
  } else {
    if (!offset) offset = header + 4;
    block = read_block(&in, offset, bytes, &first, &data, err);
    if (block) words = find_words(&h, first, offset, &words_size);
  }
  if (!block) goto done;
  int rank = 0;
  if (words_size && cm__words_shape(words, words_size, &rank, &exact) && header_agrees(&h, &exact)) geometry = exact;
  if (rank && dims_allow_rank(&h, rank)) layout.rank = rank;
  /* the words lie in the block, which passes to the image: copy them */
  char *kept = cm_strndup(ctx, words ? words : "", words_size, err);
  if (kept) {
    image = cm__voxels_take(ctx, &layout, block, data, err);
    block = NULL;
    if (image && (!cm_image_set_geometry(image, &geometry, err) || !set_words(image, &h, kept, words_size, err)))
      cm_image_unref(&image);
    image = apply_scale(ctx, image, &h, options->stored, err);
  }
  cm_free(kept);
done:
  cm_free(block);
  cm_free(extensions);
  cm_free(in.packed);
  cm_free(voxels.packed);
  if (img.file >= 0) cm__source_close(&img);
  cm_free(img_path);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

static void set_description(CmNifti *h, const CmImage *image) {
  const char *text = cm_image_meta(image, "Description");
  if (!text) return;
  size_t size = strlen(text) < 79 ? strlen(text) : 79;
  while (size && text[size] && ((unsigned char)text[size] & 0xc0) == 0x80) size--; /* not inside a character */
  memcpy(h->description, text, size);
}

static CmNifti make_header(const CmImage *image) {
  CmNifti h = {.version = 1, .slope = 1};
  const int64_t *dims = cm_image_dims(image);
  CmType type = cm_image_type(image);
  int components = cm_image_components(image);
  bool colours = type == CM_U8 && (components == 3 || components == 4);
  bool vector = components > 1 && !colours;
  h.dim[0] = vector ? 5 : cm_image_rank(image);
  for (int i = 0; i < 7; i++) h.dim[i + 1] = i < 4 ? dims[i] : 1;
  if (vector) h.dim[5] = components;
  for (int i = 1; i < 8; i++) {
    h.pixdim[i] = 1;
    if (h.dim[i] > INT16_MAX) h.version = 2;
  }
  for (int i = 0; i < CM_COUNT(type_rows); i++)
    if (type_rows[i].raw == (int)type && type_rows[i].components == (colours ? components : 1))
      h.datatype = type_rows[i].datatype;
  h.bitpix = (int)(8 * cm_type_size(type)) * (colours ? components : 1);
  h.intent_code = vector ? NIFTI_INTENT_VECTOR : cm_image_label_count(image) ? NIFTI_INTENT_LABEL : NIFTI_INTENT_NONE;
  set_description(&h, image);
  cm__nifti_set_geometry(&h, cm_image_geometry(image));
  return h;
}

/* Whether the header alone gives the geometry back to the last bit. */
static bool geometry_survives(const CmNifti *h, const CmImage *image) {
  uint8_t bytes[CM_NIFTI2_BYTES];
  CmNifti back;
  CmGeometry read;
  cm__nifti_encode(h, bytes);
  cm__nifti_decode(bytes, &back);
  return cm__nifti_geometry(&back, &read, NULL) && !memcmp(&read, cm_image_geometry(image), sizeof read);
}

/* The header with its extension as one block (cm_free); *size is vox_offset. */
static uint8_t *make_head(CmContext *ctx, const CmImage *image, size_t *size, CmError **err) {
  CmNifti h = make_header(image);
  char *words = NULL;
  if (!cm__words_make(ctx, image, !geometry_survives(&h, image), usual_rank(&h) != cm_image_rank(image), &words, err))
    return NULL;
  size_t length = words ? strlen(words) : 0, extension = words ? (8 + length + 1 + 15) / 16 * 16 : 0;
  if (extension > (1u << 24)) h.version = 2; /* vox_offset is a float in NIfTI-1 */
  size_t header = h.version == 1 ? CM_NIFTI1_BYTES : CM_NIFTI2_BYTES;
  *size = header + 4 + extension;
  h.vox_offset = (double)*size;
  uint8_t *head = NULL;
  if (extension > INT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the metadata is larger than a NIfTI extension can be; remove some of it");
  } else if ((head = cm_calloc(ctx, 1, *size, err)) != NULL) {
    cm__nifti_encode(&h, head);
    if (words) {
      const uint32_t part[2] = {(uint32_t)extension, ECODE_COMMENT};
      head[header] = 1;
      memcpy(head + header + 4, part, 8);
      memcpy(head + header + 12, words, length);
    }
  }
  cm_free(words);
  return head;
}

bool cm__nifti_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                     CmError **err) {
  bool ok = false, packed = cm_path_has_extension(path, ".gz");
  CmFileWriter writer = {.file = -1};
  size_t size = 0;
  void *planar = NULL;
  const void *data = cm_image_data(image);
  uint8_t *head = make_head(ctx, image, &size, err);
  if (!head) goto done;
  bool colours = cm_image_type(image) == CM_U8 && (cm_image_components(image) == 3 || cm_image_components(image) == 4);
  if (cm_image_components(image) > 1 && !colours) {
    planar = cm__voxels_planar(ctx, image, err);
    if (!planar) goto done;
    data = planar;
  }
  if (!cm__file_begin(&writer, path, err)) goto done;
  ok = packed ? cm__gzip_write(ctx, &writer, head, size, data, cm_image_bytes(image), options->compression, err)
              : cm__file_add(&writer, head, size, err) && cm__file_add(&writer, data, cm_image_bytes(image), err);
  ok = ok && cm__file_end(&writer, err);
done:
  cm__file_abandon(&writer);
  cm_free(planar);
  cm_free(head);
  return ok;
}
