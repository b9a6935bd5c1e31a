#include "io/label_index.h"

/* Index of the first value that is not below `value`. */
static int64_t place_of(const CmLabelIndex *index, int64_t value) {
  int64_t low = 0, high = index->count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (index->values[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool add_value(CmContext *ctx, CmLabelIndex *index, int64_t value, CmError **err) {
  const int64_t place = place_of(index, value);
  if (place < index->count && index->values[place] == value) return true;
  if (value < 0 || index->count == CM__MOST_LABELS) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "a label map holds labels above 0, at most %d of them; this one has %s",
                 CM__MOST_LABELS, value < 0 ? "negative values" : "more");
    return false;
  }
  if (index->count % 64 == 0) {
    int64_t *grown = cm_realloc(ctx, index->values, (size_t)(index->count + 64) * sizeof *grown, err);
    if (!grown) return false;
    index->values = grown;
  }
  for (int64_t k = index->count++; k > place; k--) index->values[k] = index->values[k - 1];
  index->values[place] = value;
  return true;
}

/* Neighbours mostly have the same label: it is looked up where it changes. */
#define INDEX_OF_TYPE(code, ctype, name, suffix)                                                                  \
  static bool find_##suffix(CmContext *ctx, const CmImage *labels, CmLabelIndex *index, CmError **err) {          \
    const ctype *voxel = cm_image_data(labels);                                                                   \
    const int64_t count = cm_image_values(labels);                                                                \
    ctype last = 0;                                                                                               \
    for (int64_t i = 0; i < count; i++) {                                                                         \
      if (voxel[i] == last || voxel[i] == 0) continue;                                                            \
      if (!add_value(ctx, index, (int64_t)(last = voxel[i]), err)) return false;                                  \
    }                                                                                                             \
    index->at = cm_alloc_array(ctx, (size_t)count, sizeof *index->at, err);                                       \
    if (!index->at) return false;                                                                                 \
    last = 0;                                                                                                     \
    uint16_t number = 0;                                                                                          \
    for (int64_t i = 0; i < count; i++) {                                                                         \
      if (voxel[i] != last) number = (last = voxel[i]) == 0 ? 0 : (uint16_t)(place_of(index, (int64_t)last) + 1); \
      index->at[i] = number;                                                                                      \
    }                                                                                                             \
    return true;                                                                                                  \
  }
INDEX_OF_TYPE(CM_U8, uint8_t, "", u8)
INDEX_OF_TYPE(CM_I8, int8_t, "", i8)
INDEX_OF_TYPE(CM_U16, uint16_t, "", u16)
INDEX_OF_TYPE(CM_I16, int16_t, "", i16)
INDEX_OF_TYPE(CM_U32, uint32_t, "", u32)
INDEX_OF_TYPE(CM_I32, int32_t, "", i32)

static bool make(CmContext *ctx, const CmImage *labels, CmLabelIndex *index, CmError **err) {
  static bool (*const find[CM_TYPE_COUNT])(CmContext *, const CmImage *, CmLabelIndex *, CmError **) = {
      [CM_U8] = find_u8,   [CM_I8] = find_i8,   [CM_U16] = find_u16,
      [CM_I16] = find_i16, [CM_U32] = find_u32, [CM_I32] = find_i32};
  const CmType type = cm_image_type(labels);
  *index = (CmLabelIndex){0};
  if (!find[type] || cm_image_components(labels) != 1 || cm_image_dims(labels)[3] != 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "a label map has whole numbers, one component and one time point; this image has %d of %s, %lld times",
                 cm_image_components(labels), cm_type_name(type), (long long)cm_image_dims(labels)[3]);
    return false;
  }
  if (find[type](ctx, labels, index, err)) return true;
  cm__label_index_free(index);
  return false;
}

bool cm__label_index_make(CmContext *ctx, const CmImage *image, CmLabelIndex *index, CmError **err) {
  if (cm_type_is_integer(cm_image_type(image))) return make(ctx, image, index, err);
  CmImage *labels = cm_image_as_labels(ctx, image, CM_INTEGER_TYPES, err);
  const bool good = labels && make(ctx, labels, index, err);
  cm_image_unref(&labels);
  return good;
}

void cm__label_index_free(CmLabelIndex *index) {
  cm_free(index->values);
  cm_free(index->at);
  *index = (CmLabelIndex){0};
}
