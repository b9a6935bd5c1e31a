#include "core/image_priv.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct TypeFacts {
  const char *name;
  size_t size;
  bool integer;
  double min, max;
} TypeFacts;

static const TypeFacts types[CM_TYPE_COUNT] = {
    [CM_U8] = {"u8", 1, true, 0, UINT8_MAX},         [CM_I8] = {"i8", 1, true, INT8_MIN, INT8_MAX},
    [CM_U16] = {"u16", 2, true, 0, UINT16_MAX},      [CM_I16] = {"i16", 2, true, INT16_MIN, INT16_MAX},
    [CM_U32] = {"u32", 4, true, 0, UINT32_MAX},      [CM_I32] = {"i32", 4, true, INT32_MIN, INT32_MAX},
    [CM_F32] = {"f32", 4, false, -FLT_MAX, FLT_MAX}, [CM_F64] = {"f64", 8, false, -DBL_MAX, DBL_MAX},
};

size_t cm_type_size(CmType type) {
  return types[type].size;
}
const char *cm_type_name(CmType type) {
  return types[type].name;
}
bool cm_type_is_integer(CmType type) {
  return types[type].integer;
}
double cm_type_min(CmType type) {
  return types[type].min;
}
double cm_type_max(CmType type) {
  return types[type].max;
}

/* ---- voxels: shared between headers --------------------------------------------------------------------------------
 */

static CmVoxels *voxels_create(CmContext *ctx, void *data, void (*release)(void *), void *user, CmError **err) {
  CmVoxels *voxels = cm_alloc(ctx, sizeof *voxels, err);
  if (!voxels) return NULL;
  *voxels = (CmVoxels){.data = data, .release = release, .user = user};
  atomic_init(&voxels->references, 1);
  return voxels;
}

static void voxels_unref(CmVoxels *voxels) {
  if (!voxels || atomic_fetch_sub(&voxels->references, 1) != 1) return;
  if (voxels->release) voxels->release(voxels->user);
  cm_free(voxels);
}

/* ---- making
 * ---------------------------------------------------------------------------------------------------------- */

static bool check_shape(int rank, const int64_t *dims, int components, CmError **err) {
  if (rank < 2 || rank > 4) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "an image of %d dimensions; 2, 3 or 4 are handled", rank);
    return false;
  }
  if (components < 1 || components > CM_MAX_COMPONENTS) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%d components a voxel; 1 to %d are handled", components, CM_MAX_COMPONENTS);
    return false;
  }
  for (int i = 0; i < rank; i++) {
    if (dims[i] >= 1 && dims[i] <= CM_MAX_DIM) continue;
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%lld voxels along axis %c; 1 to %lld are handled", (long long)dims[i],
                 "xyzt"[i], (long long)CM_MAX_DIM);
    return false;
  }
  return true;
}

/* A header without voxels. */
static CmImage *header_create(CmContext *ctx, CmType type, int rank, const int64_t *dims, int components,
                              CmError **err) {
  if (!check_shape(rank, dims, components, err)) return NULL;
  size_t bytes = cm_type_size(type) * (size_t)components;
  for (int i = 0; i < rank; i++)
    if (!cm_size_multiply(bytes, (size_t)dims[i], &bytes, err)) return NULL;
  if (bytes > PTRDIFF_MAX) {
    cm_error_set(err, CM_ERR_MEMORY, "an image of %zu bytes cannot be addressed", bytes);
    return NULL;
  }
  CmImage *image = cm_calloc(ctx, 1, sizeof *image, err);
  if (!image) return NULL;
  *image = (CmImage){.ctx = ctx, .type = type, .rank = rank, .components = components, .bytes = bytes};
  for (int i = 0; i < 4; i++) image->dims[i] = i < rank ? dims[i] : 1;
  cm_geometry_default(&image->geometry);
  atomic_init(&image->references, 1);
  return image;
}

CmImage *cm_image_create(CmContext *ctx, CmType type, int rank, const int64_t *dims, int components, CmError **err) {
  CmImage *image = header_create(ctx, type, rank, dims, components, err);
  if (!image) return NULL;
  void *data = cm_alloc(ctx, image->bytes, err);
  if (data) image->voxels = voxels_create(ctx, data, cm_free, data, err);
  if (!image->voxels) {
    cm_free(data);
    cm_image_unref(&image);
  }
  return image;
}

static bool copy_header(CmImage *to, const CmImage *from, CmError **err) {
  to->geometry = from->geometry;
  if (!cm_image_set_unit(to, cm_image_unit(from), err)) return false;
  for (int i = 0; i < from->meta_count; i++)
    if (!cm_image_set_meta(to, from->meta[i].key, from->meta[i].value, err)) return false;
  for (int i = 0; i < from->label_count; i++)
    if (!cm_image_set_label(to, from->labels[i].value, from->labels[i].name, from->labels[i].rgb, err)) return false;
  return true;
}

CmImage *cm_image_create_like(CmContext *ctx, const CmImage *like, CmType type, int components, CmError **err) {
  CmImage *image = cm_image_create(ctx, type, like->rank, like->dims, components, err);
  if (image && !copy_header(image, like, err)) cm_image_unref(&image);
  return image;
}

CmImage *cm_image_wrap(CmContext *ctx, CmType type, int rank, const int64_t *dims, int components, void *voxels,
                       void (*release)(void *user), void *user, CmError **err) {
  CmImage *image = header_create(ctx, type, rank, dims, components, err);
  if (!image) return NULL;
  image->voxels = voxels_create(ctx, voxels, release, user, err);
  if (!image->voxels) cm_image_unref(&image);
  return image;
}

CmImage *cm_image_share(CmContext *ctx, CmImage *image, CmError **err) {
  CmImage *shared = header_create(ctx, image->type, image->rank, image->dims, image->components, err);
  if (!shared) return NULL;
  atomic_fetch_add(&image->voxels->references, 1);
  shared->voxels = image->voxels;
  if (!copy_header(shared, image, err)) cm_image_unref(&shared);
  return shared;
}

CmImage *cm_image_copy(CmContext *ctx, const CmImage *image, CmError **err) {
  CmImage *copy = cm_image_create_like(ctx, image, image->type, image->components, err);
  if (copy) memcpy(copy->voxels->data, image->voxels->data, image->bytes);
  return copy;
}

CmImage *cm_image_ref(CmImage *image) {
  atomic_fetch_add(&image->references, 1);
  return image;
}

void cm_image_unref(CmImage **image) {
  if (!image || !*image) return;
  CmImage *gone = *image;
  *image = NULL;
  if (atomic_fetch_sub(&gone->references, 1) != 1) return;
  voxels_unref(gone->voxels);
  cm__image_free_words(gone);
  cm_free(gone);
}

/* ---- asking
 * ---------------------------------------------------------------------------------------------------------- */

CmType cm_image_type(const CmImage *image) {
  return image->type;
}
int cm_image_rank(const CmImage *image) {
  return image->rank;
}
const int64_t *cm_image_dims(const CmImage *image) {
  return image->dims;
}
int cm_image_components(const CmImage *image) {
  return image->components;
}
int64_t cm_image_voxels(const CmImage *image) {
  return image->dims[0] * image->dims[1] * image->dims[2] * image->dims[3];
}
int64_t cm_image_values(const CmImage *image) {
  return cm_image_voxels(image) * image->components;
}
size_t cm_image_bytes(const CmImage *image) {
  return image->bytes;
}
const void *cm_image_data(const CmImage *image) {
  return image->voxels->data;
}
void *cm_image_data_mut(CmImage *image) {
  return image->voxels->data;
}

double cm_image_value(const CmImage *image, int64_t at) {
  switch (image->type) {
#define VALUE_CASE(code, ctype, name, suffix) \
  case CM_##code:                             \
    return (double)((const ctype *)image->voxels->data)[at];
    CM_TYPE_MAP(VALUE_CASE)
#undef VALUE_CASE
    case CM_TYPE_COUNT:
      break;
  }
  return NAN;
}

const CmGeometry *cm_image_geometry(const CmImage *image) {
  return &image->geometry;
}

bool cm_image_set_geometry(CmImage *image, const CmGeometry *geometry, CmError **err) {
  if (!cm_geometry_check(geometry, err)) return false;
  image->geometry = *geometry;
  return true;
}

static bool same_dims(const CmImage *a, const char *name_a, const CmImage *b, const char *name_b, CmError **err) {
  const int64_t *p = a->dims, *q = b->dims;
  if (p[0] == q[0] && p[1] == q[1] && p[2] == q[2]) return true;
  cm_error_set(err, CM_ERR_GEOMETRY,
               "%s has %lld x %lld x %lld voxels, %s %lld x %lld x %lld; resample one onto the other", name_a,
               (long long)p[0], (long long)p[1], (long long)p[2], name_b, (long long)q[0], (long long)q[1],
               (long long)q[2]);
  return false;
}

bool cm_image_same_grid(const CmImage *a, const char *name_a, const CmImage *b, const char *name_b, CmError **err) {
  if (!same_dims(a, name_a, b, name_b, err)) return false;
  for (int corner = 0; corner < 8; corner++) {
    double index[3], at[3], back[3];
    for (int i = 0; i < 3; i++) index[i] = (corner >> i & 1) ? (double)(a->dims[i] - 1) : 0;
    cm_geometry_to_physical(&a->geometry, index, at);
    cm_geometry_to_index(&b->geometry, at, back);
    for (int i = 0; i < 3; i++) {
      if (fabs(back[i] - index[i]) <= 1e-3) continue;
      cm_error_set(err, CM_ERR_GEOMETRY,
                   "%s and %s have other positions: voxel (%g,%g,%g) of the one is (%.3f,%.3f,%.3f) of the other; "
                   "resample one onto the other",
                   name_a, name_b, index[0], index[1], index[2], back[0], back[1], back[2]);
      return false;
    }
  }
  return true;
}

void cm_image_hash(const CmImage *image, CmHash *hash) {
  CmHasher hasher;
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, cm_type_name(image->type));
  const int64_t shape[6] = {image->rank,    image->dims[0], image->dims[1],
                            image->dims[2], image->dims[3], image->components};
  cm_hash_add(&hasher, shape, sizeof shape);
  cm_hash_add(&hasher, &image->geometry, sizeof image->geometry);
  cm_hash_add_text(&hasher, cm_image_unit(image));
  for (int i = 0; i < image->label_count; i++) {
    cm_hash_add(&hasher, &image->labels[i].value, sizeof image->labels[i].value);
    cm_hash_add_text(&hasher, image->labels[i].name);
    cm_hash_add(&hasher, image->labels[i].rgb, 3);
  }
  cm_hash_add(&hasher, image->voxels->data, image->bytes);
  cm_hash_finish(&hasher, hash);
}
