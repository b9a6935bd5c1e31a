/* Multi-frame objects without functional groups: where and when their frames are (PS3.3 C.7.6.6). */
#include <math.h>
#include <string.h>

#include "io/dicom/instance.h"

#define MOST_POINTERS 16

/* The tags in FrameIncrementPointer. */
static int read_pointers(CmDicomSet root, uint32_t pointers[MOST_POINTERS]) {
  CmDicomElement element;
  if (!cm_dicom_find(root, CM_TAG(0x0028, 0x0009), &element)) return 0;
  int count = 0;
  for (uint64_t at = 0; at + 4 <= element.length && count < MOST_POINTERS; at += 4) {
    const uint8_t *v = element.value + at;
    uint32_t group = element.set.big_endian ? (uint32_t)v[0] << 8 | v[1] : (uint32_t)v[1] << 8 | v[0];
    uint32_t number = element.set.big_endian ? (uint32_t)v[2] << 8 | v[3] : (uint32_t)v[3] << 8 | v[2];
    pointers[count++] = CM_TAG(group, number);
  }
  return count;
}

/* All `count` numbers of a vector; NULL without error where it is absent or of another length. */
static const double *read_vector(CmPool *pool, CmDicomSet root, uint32_t tag, int64_t count, CmError **err) {
  if (cm_dicom_reals(root, tag, NULL, 0) != count) return NULL;
  double *values = cm__pool_alloc(pool, (size_t)count, sizeof *values, err);
  if (values) cm_dicom_reals(root, tag, values, (int)count);
  return values;
}

/* Moves frame i by offset[i] mm along the normal of the first; true where it has a place. */
static bool place_along(CmFrame *frames, int64_t count, const double *offset) {
  double direction[9];
  if (!cm__frame_axes(&frames[0], direction) || !cm__frame_has_position(&frames[0])) return false;
  for (int64_t i = 0; i < count; i++)
    if (!(fabs(offset[i]) < CM_FARTHEST)) return false;
  for (int64_t i = count - 1; i >= 0; i--) {
    for (int k = 0; k < 3; k++) frames[i].position[k] = frames[0].position[k] + offset[i] * direction[3 * k + 2];
    frames[i].layout = CM_LAYOUT_SPACE;
  }
  return true;
}

/* RT Dose (PS3.3 C.8.8.3): offsets of the planes along the normal; where the first is not 0 they are z coordinates. */
static bool place_dose(CmPool *pool, CmDicomSet root, CmFrame *frames, int64_t count, bool *done, CmError **err) {
  const double *offset = read_vector(pool, root, CM_TAG(0x3004, 0x000C), count, err);
  if (!offset) return !err || !*err;
  double *relative = cm__pool_alloc(pool, (size_t)count, sizeof *relative, err);
  if (!relative) return false;
  for (int64_t i = 0; i < count; i++) relative[i] = offset[i] - offset[0];
  *done = place_along(frames, count, relative);
  return true;
}

/* Nuclear medicine (PS3.3 C.8.4.8): the detector gives the place of the first slice, the slice vector the number of
 * each. */
static bool place_slices(CmPool *pool, CmDicomSet root, CmFrame *frames, int64_t count, CmError **err) {
  const double *number = read_vector(pool, root, CM_TAG(0x0054, 0x0080), count, err);
  CmDicomSet detector;
  double spacing;
  if (!number) return !err || !*err;
  if (cm_dicom_first_item(root, CM_TAG(0x0054, 0x0022), &detector)) {
    if (cm_dicom_reals(detector, CM_TAG(0x0020, 0x0032), frames[0].position, 3) != 3) frames[0].position[0] = NAN;
    if (cm_dicom_reals(detector, CM_TAG(0x0020, 0x0037), frames[0].orientation, 6) != 6) frames[0].orientation[0] = NAN;
  }
  if (!cm_dicom_real(root, CM_TAG(0x0018, 0x0088), 0, &spacing) &&
      !cm_dicom_real(root, CM_TAG(0x0018, 0x0050), 0, &spacing))
    return true;
  double *offset = cm__pool_alloc(pool, (size_t)count, sizeof *offset, err);
  if (!offset) return false;
  for (int64_t i = 0; i < count; i++) offset[i] = (number[i] - number[0]) * spacing;
  for (int64_t i = 1; i < count; i++)
    memcpy(frames[i].orientation, frames[0].orientation, sizeof frames[0].orientation);
  place_along(frames, count, offset);
  return true;
}

/* Detector, energy window and view make stacks of their own; phase, time slot and time slice are times. */
static bool read_nuclear_vector(CmPool *pool, CmDicomSet root, uint32_t tag, CmFrame *frames, int64_t count,
                                CmError **err) {
  static const struct {
    uint32_t tag;
    const char *word;
    CmFact fact;
  } vectors[] = {
      {CM_TAG(0x0054, 0x0010), "window", CM_FACT_COUNT},    {CM_TAG(0x0054, 0x0020), "detector", CM_FACT_COUNT},
      {CM_TAG(0x0054, 0x0050), "rotation", CM_FACT_COUNT},  {CM_TAG(0x0054, 0x0030), "", CM_FACT_DIMENSION_1},
      {CM_TAG(0x0054, 0x0060), "", CM_FACT_DIMENSION_2},    {CM_TAG(0x0054, 0x0070), "", CM_FACT_DIMENSION_3},
      {CM_TAG(0x0054, 0x0100), "", CM_FACT_TEMPORAL_INDEX},
  };
  for (int v = 0; v < CM_COUNT(vectors); v++) {
    if (vectors[v].tag != tag) continue;
    const double *values = read_vector(pool, root, tag, count, err);
    if (!values) return !err || !*err;
    for (int64_t i = 0; i < count; i++) {
      if (vectors[v].fact != CM_FACT_COUNT) {
        frames[i].fact[vectors[v].fact] = values[i];
        continue;
      }
      const char *before = frames[i].trait[CM_TRAIT_STACK];
      frames[i].trait[CM_TRAIT_STACK] =
          cm__pool_printf(pool, err, "%s%s%s%.0f", before ? before : "", before ? "," : "", vectors[v].word, values[i]);
      if (!frames[i].trait[CM_TRAIT_STACK]) return false;
    }
  }
  return true;
}

/* Films: the time of each frame since the first, from FrameTime or FrameTimeVector (ms). */
static bool read_film(CmPool *pool, CmDicomSet root, CmFrame *frames, int64_t count, CmError **err) {
  const double *steps = read_vector(pool, root, CM_TAG(0x0018, 0x1065), count, err);
  if (!steps && err && *err) return false;
  double step = 0;
  if (!steps && (!cm_dicom_real(root, CM_TAG(0x0018, 0x1063), 0, &step) || !(step > 0))) return true;
  double time = 0;
  for (int64_t i = 0; i < count; i++) {
    if (i > 0) time += (steps ? steps[i] : step) / 1000; /* the first increment of a vector is 0 */
    frames[i].fact[CM_FACT_TIME_OFFSET] = time;
  }
  return true;
}

bool cm__frames_place(CmPool *pool, CmDicomSet root, CmFrame *frames, int64_t count, CmError **err) {
  if (count > INT32_MAX) return true;
  /* One position cannot be that of all frames: it is that of the first. */
  for (int64_t i = 0; i < count; i++) {
    if (frames[i].layout == CM_LAYOUT_SPACE) frames[i].layout = CM_LAYOUT_ALONE;
    if (i > 0) frames[i].position[0] = NAN;
  }
  bool dose = false;
  if (!place_dose(pool, root, frames, count, &dose, err)) return false;
  if (dose) return true;
  uint32_t pointers[MOST_POINTERS];
  int pointer_count = read_pointers(root, pointers);
  for (int i = 0; i < pointer_count; i++) {
    bool slices = pointers[i] == CM_TAG(0x0054, 0x0080);
    if (slices ? !place_slices(pool, root, frames, count, err)
               : !read_nuclear_vector(pool, root, pointers[i], frames, count, err))
      return false;
  }
  return read_film(pool, root, frames, count, err);
}
