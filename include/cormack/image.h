/* CmImage: voxels with geometry.
 *
 * Axis order x, y, z, t; x fastest; components interleaved, so that the value (c, x, y, z, t) stands at
 * (((t * nz + z) * ny + y) * nx + x) * components + c. Rank 2 (x,y), 3 (x,y,z) or 4 (x,y,z,t); dims beyond the rank
 * are 1. Geometry in millimetres in DICOM's LPS frame (x to the patient's left, y to posterior, z to superior):
 *   position = origin + direction * (spacing .* index)      index of the first voxel's centre: 0.
 * An image is reference-counted. Its voxels are written by the one who makes it, and read-only once it is shared. */
#ifndef CORMACK_IMAGE_H
#define CORMACK_IMAGE_H

#include "cormack/context.h"
#include "cormack/hash.h"

/* code, C type, name, lower-case suffix */
#define CM_TYPE_MAP(X)         \
  X(U8, uint8_t, "u8", u8)     \
  X(I8, int8_t, "i8", i8)      \
  X(U16, uint16_t, "u16", u16) \
  X(I16, int16_t, "i16", i16)  \
  X(U32, uint32_t, "u32", u32) \
  X(I32, int32_t, "i32", i32)  \
  X(F32, float, "f32", f32)    \
  X(F64, double, "f64", f64)

typedef enum CmType {
#define CM_TYPE_ENUM(code, ctype, name, suffix) CM_##code,
  CM_TYPE_MAP(CM_TYPE_ENUM)
#undef CM_TYPE_ENUM
      CM_TYPE_COUNT
} CmType;

#define CM_TYPE_BIT(type) (1u << (type))
#define CM_INTEGER_TYPES                                                                                       \
  (CM_TYPE_BIT(CM_U8) | CM_TYPE_BIT(CM_I8) | CM_TYPE_BIT(CM_U16) | CM_TYPE_BIT(CM_I16) | CM_TYPE_BIT(CM_U32) | \
   CM_TYPE_BIT(CM_I32))
#define CM_FLOAT_TYPES (CM_TYPE_BIT(CM_F32) | CM_TYPE_BIT(CM_F64))
#define CM_REAL_TYPES (CM_INTEGER_TYPES | CM_FLOAT_TYPES)

CM_API size_t cm_type_size(CmType type);
CM_API const char *cm_type_name(CmType type); /* "u8" ... "f64" */
CM_API bool cm_type_is_integer(CmType type);
CM_API double cm_type_min(CmType type); /* lowest finite value */
CM_API double cm_type_max(CmType type);

typedef struct CmGeometry {
  double spacing[3];   /* mm between voxel centres, > 0 */
  double origin[3];    /* mm, LPS, centre of voxel (0,0,0) */
  double direction[9]; /* row-major 3x3; column k is the unit direction of axis k in LPS */
  double spacing_t;    /* seconds between time points, > 0; 1 if unknown */
} CmGeometry;

/* Spacing 1, origin 0, direction identity. */
CM_API void cm_geometry_default(CmGeometry *geometry);
/* false, CM_ERR_GEOMETRY: spacing not finite and > 0, or direction columns not orthonormal within 1e-3. */
CM_API bool cm_geometry_check(const CmGeometry *geometry, CmError **err);
/* index may be fractional. */
CM_API void cm_geometry_to_physical(const CmGeometry *geometry, const double index[3], double lps_mm[3]);
CM_API void cm_geometry_to_index(const CmGeometry *geometry, const double lps_mm[3], double index[3]);

#define CM_MAX_DIM ((int64_t)1 << 31) /* most voxels along one axis */
#define CM_MAX_COMPONENTS 4096

/* New image with default geometry, unit "1" and undefined voxels; one reference, released with cm_image_unref().
 * rank 2..4; dims[0..rank-1] 1..CM_MAX_DIM; components 1..CM_MAX_COMPONENTS. */
CM_API CM_NODISCARD CmImage *cm_image_create(CmContext *ctx, CmType type, int rank, const int64_t *dims, int components,
                                             CmError **err);
/* New image with the rank, dims, geometry, unit, metadata and label names of `like`; voxels undefined. */
CM_API CM_NODISCARD CmImage *cm_image_create_like(CmContext *ctx, const CmImage *like, CmType type, int components,
                                                  CmError **err);
/* Borrows voxels (of NumPy, say). release(user) is called when the last reference goes, and on failure is not called.
 */
CM_API CM_NODISCARD CmImage *cm_image_wrap(CmContext *ctx, CmType type, int rank, const int64_t *dims, int components,
                                           void *voxels, void (*release)(void *user), void *user, CmError **err);
/* Same voxels, shared, under another header that may be changed (geometry, unit, metadata). */
CM_API CM_NODISCARD CmImage *cm_image_share(CmContext *ctx, CmImage *image, CmError **err);
CM_API CM_NODISCARD CmImage *cm_image_copy(CmContext *ctx, const CmImage *image, CmError **err);
CM_API CmImage *cm_image_ref(CmImage *image); /* returns image */
CM_API void cm_image_unref(CmImage **image);  /* nulls it; NULL is allowed */

CM_API CmType cm_image_type(const CmImage *image);
CM_API int cm_image_rank(const CmImage *image);
CM_API const int64_t *cm_image_dims(const CmImage *image); /* 4 numbers x,y,z,t; borrowed */
CM_API int cm_image_components(const CmImage *image);
CM_API int64_t cm_image_voxels(const CmImage *image); /* x*y*z*t */
CM_API int64_t cm_image_values(const CmImage *image); /* voxels * components */
CM_API size_t cm_image_bytes(const CmImage *image);
CM_API const void *cm_image_data(const CmImage *image);         /* 64-byte aligned unless wrapped; borrowed */
CM_API void *cm_image_data_mut(CmImage *image);                 /* only before the image is shared */
CM_API double cm_image_value(const CmImage *image, int64_t at); /* value number `at` as a double; for single look-ups */

CM_API const CmGeometry *cm_image_geometry(const CmImage *image);
CM_API bool cm_image_set_geometry(CmImage *image, const CmGeometry *geometry, CmError **err);
CM_API const char *cm_image_unit(const CmImage *image); /* "HU", "g/ml" (SUV), "mm", "%", "1"; UCUM where it has one */
CM_API bool cm_image_set_unit(CmImage *image, const char *unit, CmError **err);
/* true where dims (x,y,z) agree and the corners of both grids lie within 0.001 voxel of each other; else
 * CM_ERR_GEOMETRY that says what differs, calling the images by the names given. */
CM_API bool cm_image_same_grid(const CmImage *a, const char *name_a, const CmImage *b, const char *name_b,
                               CmError **err);

/* Converts the voxel type. Values are rounded to nearest (ties to even) for integers; a value that does not fit, or
 * is not finite for an integer type, is CM_ERR_DATA unless saturate is true (then clamped, NaN to 0). */
CM_API CM_NODISCARD CmImage *cm_image_convert(CmContext *ctx, const CmImage *image, CmType type, bool saturate,
                                              CmError **err);

/* Whole numbers stored as f32 or f64, as masks often are: a copy of the smallest of these types (CM_TYPE_BIT of
 * integers) that holds them. CM_ERR_DATA: there are others; says how many and where the first is. Of integers a plain
 * copy. */
CM_API CM_NODISCARD CmImage *cm_image_as_labels(CmContext *ctx, const CmImage *image, uint32_t types, CmError **err);

/* Metadata: text by key, in the order of insertion. DICOM attributes go by keyword: "PatientID", "StudyDate". */
CM_API bool cm_image_set_meta(CmImage *image, const char *key, const char *value, CmError **err); /* NULL removes */
CM_API const char *cm_image_meta(const CmImage *image, const char *key); /* borrowed; NULL if absent */
CM_API int cm_image_meta_count(const CmImage *image);
CM_API void cm_image_meta_at(const CmImage *image, int at, const char **key, const char **value);

/* Label map: an integer image with names and colours per label. */
typedef struct CmLabel {
  int64_t value;
  const char *name; /* borrowed from the image */
  uint8_t rgb[3];
} CmLabel;
CM_API bool cm_image_set_label(CmImage *image, int64_t value, const char *name, const uint8_t rgb[3], CmError **err);
CM_API int cm_image_label_count(const CmImage *image);
CM_API CmLabel cm_image_label_at(const CmImage *image, int at);
CM_API bool cm_image_find_label(const CmImage *image, int64_t value, CmLabel *label);
/* A colour for labels without one: fixed per value, distinct for neighbours. */
CM_API void cm_label_colour(int64_t value, uint8_t rgb[3]);

/* Type, dims, components, geometry, unit, labels and voxels; metadata is left out. */
CM_API void cm_image_hash(const CmImage *image, CmHash *hash);

#endif
