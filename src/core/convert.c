/* Conversion of voxel types. */
#include <math.h>
#include <string.h>

#include "core/image_priv.h"
#include "cormack/parallel.h"

#define IS_INTEGER(type) ((type) != CM_F32 && (type) != CM_F64)

typedef int64_t (*Convert)(const void *from, void *to, int64_t begin, int64_t end, bool saturate);

#define TO uint8_t
#define TO_TYPE CM_U8
#define TO_SUFFIX u8
#include "core/convert_to_tmpl.c"
#define TO int8_t
#define TO_TYPE CM_I8
#define TO_SUFFIX i8
#include "core/convert_to_tmpl.c"
#define TO uint16_t
#define TO_TYPE CM_U16
#define TO_SUFFIX u16
#include "core/convert_to_tmpl.c"
#define TO int16_t
#define TO_TYPE CM_I16
#define TO_SUFFIX i16
#include "core/convert_to_tmpl.c"
#define TO uint32_t
#define TO_TYPE CM_U32
#define TO_SUFFIX u32
#include "core/convert_to_tmpl.c"
#define TO int32_t
#define TO_TYPE CM_I32
#define TO_SUFFIX i32
#include "core/convert_to_tmpl.c"
#define TO float
#define TO_TYPE CM_F32
#define TO_SUFFIX f32
#include "core/convert_to_tmpl.c"
#define TO double
#define TO_TYPE CM_F64
#define TO_SUFFIX f64
#include "core/convert_to_tmpl.c"

static const Convert *const to_type[CM_TYPE_COUNT] = {
    [CM_U8] = from_any_to_u8,   [CM_I8] = from_any_to_i8,   [CM_U16] = from_any_to_u16, [CM_I16] = from_any_to_i16,
    [CM_U32] = from_any_to_u32, [CM_I32] = from_any_to_i32, [CM_F32] = from_any_to_f32, [CM_F64] = from_any_to_f64,
};

typedef struct Job {
  Convert convert;
  const CmImage *in;
  CmImage *out;
  bool saturate;
} Job;

static bool convert_range(void *arg, CmRange range, CmError **err) {
  Job *job = arg;
  int64_t bad = job->convert(job->in->voxels->data, job->out->voxels->data, range.begin, range.end, job->saturate);
  if (bad < 0) return true;
  cm_error_set(err, CM_ERR_DATA, "value %g does not fit voxel type %s; choose a wider type or let it saturate",
               cm_image_value(job->in, bad), cm_type_name(job->out->type));
  return false;
}

CmImage *cm_image_convert(CmContext *ctx, const CmImage *image, CmType type, bool saturate, CmError **err) {
  if (type == image->type) return cm_image_copy(ctx, image, err);
  CmImage *out = cm_image_create_like(ctx, image, type, image->components, err);
  if (!out) return NULL;
  Job job = {to_type[type][image->type], image, out, saturate};
  if (!cm_parallel_for(ctx, NULL, cm_image_values(image), 1 << 18, convert_range, &job, err)) cm_image_unref(&out);
  return out;
}

/* ---- real numbers that are labels
 */

#define LABEL_LEAST (-2147483648.0)
#define LABEL_MOST 4294967295.0

typedef struct Found {
  double low, high;
  int64_t odd, first; /* values that are no labels, and the first of them */
} Found;

#define LOOK_AT(ctype)                                                          \
  for (int64_t i = 0; i < count; i++) {                                         \
    const double value = (double)((const ctype *)image->voxels->data)[i];       \
    if (value == floor(value) && value >= LABEL_LEAST && value <= LABEL_MOST) { \
      if (value < found.low) found.low = value;                                 \
      if (value > found.high) found.high = value;                               \
    } else if (found.odd++ == 0)                                                \
      found.first = i;                                                          \
  }

static Found look(const CmImage *image) {
  const int64_t count = cm_image_values(image);
  Found found = {0};
  if (image->type == CM_F32) {
    LOOK_AT(float)
  } else {
    LOOK_AT(double)
  }
  return found;
}

static void refuse_values(const CmImage *image, const Found *found, CmError **err) {
  const int64_t *dims = image->dims, at = found->first / image->components;
  cm_error_set(err, CM_ERR_DATA,
               "it is to be a label map, but %lld of its %lld values are no whole numbers from -2147483648 to "
               "4294967295, the first %g at voxel %lld,%lld,%lld (x,y,z from 0); cut it at a threshold first (cormack "
               "threshold)",
               (long long)found->odd, (long long)cm_image_values(image), cm_image_value(image, found->first),
               (long long)(at % dims[0]), (long long)(at / dims[0] % dims[1]),
               (long long)(at / (dims[0] * dims[1]) % dims[2]));
}

CmImage *cm_image_as_labels(CmContext *ctx, const CmImage *image, uint32_t types, CmError **err) {
  static const struct {
    CmType type;
    double least, most;
  } order[] = {{CM_U8, 0, 255},
               {CM_I8, -128, 127},
               {CM_U16, 0, 65535},
               {CM_I16, -32768, 32767},
               {CM_I32, LABEL_LEAST, 2147483647},
               {CM_U32, 0, LABEL_MOST}};
  if (cm_type_is_integer(image->type)) return cm_image_copy(ctx, image, err);
  const Found found = look(image);
  if (found.odd > 0) {
    refuse_values(image, &found, err);
    return NULL;
  }
  CmType type = CM_I32; /* where none will do: the conversion says so */
  for (int k = CM_COUNT(order) - 1; k >= 0; k--)
    if (types & CM_TYPE_BIT(order[k].type) && found.low >= order[k].least && found.high <= order[k].most)
      type = order[k].type;
  return cm_image_convert(ctx, image, type, false, err);
}
