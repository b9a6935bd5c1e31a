/* The attributes that tell frames apart, from classic headers, functional groups and the vendors' private elements. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/dicom/instance.h"
#include "io/dicom/when.h"

/* Where a fact stands: classic attribute; functional group sequence and its attribute; factor to the unit that facts
 * have. */
static const struct {
  CmFact fact;
  uint32_t classic, sequence, attribute;
  double factor;
} places[] = {
    {CM_FACT_ECHO_NUMBER, CM_TAG(0x0018, 0x0086), 0, 0, 1},
    {CM_FACT_ECHO_TIME, CM_TAG(0x0018, 0x0081), CM_TAG(0x0018, 0x9114), CM_TAG(0x0018, 0x9082), 1},
    {CM_FACT_THICKNESS, CM_TAG(0x0018, 0x0050), CM_TAG(0x0028, 0x9110), CM_TAG(0x0018, 0x0050), 1},
    {CM_FACT_KVP, CM_TAG(0x0018, 0x0060), CM_TAG(0x0018, 0x9325), CM_TAG(0x0018, 0x0060), 1},
    {CM_FACT_INVERSION_TIME, CM_TAG(0x0018, 0x0082), CM_TAG(0x0018, 0x9115), CM_TAG(0x0018, 0x9079), 1},
    {CM_FACT_FLIP_ANGLE, CM_TAG(0x0018, 0x1314), CM_TAG(0x0018, 0x9112), CM_TAG(0x0018, 0x1314), 1},
    {CM_FACT_REPETITION_TIME, CM_TAG(0x0018, 0x0080), CM_TAG(0x0018, 0x9112), CM_TAG(0x0018, 0x0080), 1},
    {CM_FACT_TEMPORAL_INDEX, CM_TAG(0x0020, 0x0100), CM_TAG(0x0020, 0x9111), CM_TAG(0x0020, 0x9128), 1},
    {CM_FACT_TIME_OFFSET, 0, CM_TAG(0x0020, 0x9310), CM_TAG(0x0020, 0x930D), 1},
    {CM_FACT_REFERENCE_TIME, CM_TAG(0x0054, 0x1300), 0, 0, 1e-3},
    {CM_FACT_TRIGGER_TIME, CM_TAG(0x0018, 0x1060), CM_TAG(0x0018, 0x9118), CM_TAG(0x0020, 0x9153), 1e-3},
    {CM_FACT_CARDIAC_PERCENT, CM_TAG(0x0020, 0x9241), CM_TAG(0x0018, 0x9118), CM_TAG(0x0020, 0x9241), 1},
    {CM_FACT_RESPIRATORY_PERCENT, CM_TAG(0x0020, 0x9245), CM_TAG(0x0018, 0x9253), CM_TAG(0x0020, 0x9245), 1},
    {CM_FACT_ACQUISITION, CM_TAG(0x0020, 0x0012), CM_TAG(0x0020, 0x9111), CM_TAG(0x0020, 0x9156), 1},
    {CM_FACT_INSTANCE, CM_TAG(0x0020, 0x0013), 0, 0, 1},
};

bool cm__source_group(const CmFrameSource *source, uint32_t sequence, CmDicomSet *item) {
  if (!sequence) return false;
  if (source->has_own && cm_dicom_first_item(source->own, sequence, item)) return true;
  return source->has_shared && cm_dicom_first_item(source->shared, sequence, item);
}

int cm__source_reals(const CmFrameSource *source, uint32_t sequence, uint32_t tag, double *values, int most) {
  CmDicomSet item;
  int count = cm__source_group(source, sequence, &item) ? cm_dicom_reals(item, tag, values, most) : 0;
  return count ? count : cm_dicom_reals(source->root, tag, values, most);
}

const char *cm__source_text(const CmFrameSource *source, uint32_t sequence, uint32_t tag, char *to, size_t size) {
  CmDicomSet item;
  const char *text = cm__source_group(source, sequence, &item) ? cm_dicom_text(item, tag, to, size) : NULL;
  return text ? text : cm_dicom_text(source->root, tag, to, size);
}

uint32_t cm__private_tag(CmDicomSet set, uint16_t group, const char *creator, uint8_t low) {
  char text[80];
  for (uint16_t block = 0x10; block <= 0xFF; block++) {
    if (!cm_dicom_text(set, CM_TAG(group, block), text, sizeof text)) {
      if (block > 0x1F) return 0; /* blocks are reserved from the lowest number on */
      continue;
    }
    if (!strcmp(text, creator)) return CM_TAG(group, (uint32_t)block << 8 | low);
  }
  return 0;
}

/* ---- diffusion */

typedef struct PrivatePlace {
  uint16_t group;
  const char *creator;
  uint8_t value, x, y, z; /* x only: a multi-valued element */
} PrivatePlace;

static const PrivatePlace diffusion_places[] = {
    {0x0019, "SIEMENS MR HEADER", 0x0C, 0x0E, 0, 0},
    {0x2001, "Philips Imaging DD 001", 0x03, 0, 0, 0},
    {0x0043, "GEMS_PARM_01", 0x39, 0, 0, 0},
};

static bool set_gradient(CmPool *pool, CmFrame *frame, const double direction[3], CmError **err) {
  if (direction[0] * direction[0] + direction[1] * direction[1] + direction[2] * direction[2] < 1e-12) return true;
  frame->trait[CM_TRAIT_GRADIENT] =
      cm__pool_printf(pool, err, "%.6f\\%.6f\\%.6f", direction[0], direction[1], direction[2]);
  return frame->trait[CM_TRAIT_GRADIENT] != NULL;
}

/* The three elements of a direction, each of its own. */
static bool split_direction(CmDicomSet set, uint16_t group, const char *creator, const uint8_t low[3],
                            double direction[3]) {
  for (int i = 0; i < 3; i++) {
    uint32_t tag = cm__private_tag(set, group, creator, low[i]);
    if (!tag || !cm_dicom_real(set, tag, 0, &direction[i])) return false;
  }
  return true;
}

static bool read_diffusion(CmPool *pool, const CmFrameSource *source, CmFrame *frame, CmError **err) {
  CmDicomSet item, inner;
  double direction[3];
  double *b = &frame->fact[CM_FACT_B_VALUE];
  const uint32_t sequence = CM_TAG(0x0018, 0x9117), orientation = CM_TAG(0x0018, 0x9089);
  if (cm__source_group(source, sequence, &item)) {
    if (!cm_dicom_real(item, CM_TAG(0x0018, 0x9087), 0, b)) *b = NAN;
    if (cm_dicom_first_item(item, CM_TAG(0x0018, 0x9076), &inner) &&
        cm_dicom_reals(inner, orientation, direction, 3) == 3)
      return set_gradient(pool, frame, direction, err);
    return true;
  }
  if (cm_dicom_real(source->root, CM_TAG(0x0018, 0x9087), 0, b)) {
    if (cm_dicom_reals(source->root, orientation, direction, 3) == 3) return set_gradient(pool, frame, direction, err);
    return true;
  }
  *b = NAN;
  for (int i = 0; i < CM_COUNT(diffusion_places); i++) {
    const PrivatePlace *place = &diffusion_places[i];
    uint32_t tag = cm__private_tag(source->root, place->group, place->creator, place->value);
    if (!tag || !cm_dicom_real(source->root, tag, 0, b)) continue;
    if (*b >= 1e9) *b = fmod(*b, 1e5); /* GE adds 10^9 to b in its newer releases */
    tag = place->x ? cm__private_tag(source->root, place->group, place->creator, place->x) : 0;
    if (tag && cm_dicom_reals(source->root, tag, direction, 3) == 3) return set_gradient(pool, frame, direction, err);
    static const uint8_t ge[3] = {0xBB, 0xBC, 0xBD}, philips[3] = {0xB0, 0xB1, 0xB2};
    if (split_direction(source->root, 0x0019, "GEMS_ACQU_01", ge, direction) ||
        split_direction(source->root, 0x2005, "Philips MR Imaging DD 001", philips, direction))
      return *b > 0 ? set_gradient(pool, frame, direction, err) : true;
    return true;
  }
  *b = NAN;
  return true;
}

/* ---- traits */

static bool set_trait(CmPool *pool, CmFrame *frame, CmTrait trait, const char *text, CmError **err) {
  if (!text || !*text) return true;
  frame->trait[trait] = cm__pool_text(pool, text, err);
  return frame->trait[trait] != NULL;
}

/* Sequences that hold the FrameType of enhanced objects: MR, CT, PET, X-ray 3D, parametric map, MR spectroscopy. */
static const uint32_t type_sequences[] = {CM_TAG(0x0018, 0x9226), CM_TAG(0x0018, 0x9329), CM_TAG(0x0018, 0x9751),
                                          CM_TAG(0x0018, 0x9504), CM_TAG(0x0040, 0x9092), CM_TAG(0x0018, 0x9227)};

/* Magnitude, phase, real or imaginary, from the standard's attribute or the vendors'. */
static const char *component(const CmFrameSource *source, uint32_t type_sequence, char *text, size_t size) {
  const char *value = cm__source_text(source, type_sequence, CM_TAG(0x0008, 0x9208), text, size);
  if (value) return value;
  uint32_t tag = cm__private_tag(source->root, 0x0043, "GEMS_PARM_01", 0x2F);
  int64_t code;
  static const char *const names[] = {"MAGNITUDE", "PHASE", "REAL", "IMAGINARY"};
  if (tag && cm_dicom_int(source->root, tag, 0, &code) && code >= 0 && code < CM_COUNT(names)) return names[code];
  tag = cm__private_tag(source->root, 0x2005, "Philips MR Imaging DD 001", 0x11);
  return tag ? cm_dicom_text(source->root, tag, text, size) : NULL;
}

static bool read_traits(CmPool *pool, const CmFrameSource *source, CmFrame *frame, CmError **err) {
  char text[512];
  CmDicomSet item;
  uint32_t type_sequence = 0;
  for (int i = 0; i < CM_COUNT(type_sequences) && !type_sequence; i++)
    if (cm__source_group(source, type_sequences[i], &item)) type_sequence = type_sequences[i];
  const char *type = type_sequence ? cm_dicom_text(item, CM_TAG(0x0008, 0x9007), text, sizeof text) : NULL;
  if (!type) type = cm_dicom_text(source->root, CM_TAG(0x0008, 0x0008), text, sizeof text);
  frame->localizer = type && strstr(type, "LOCALIZER");
  if (!set_trait(pool, frame, CM_TRAIT_IMAGE_TYPE, type, err)) return false;
  if (!set_trait(pool, frame, CM_TRAIT_COMPONENT, component(source, type_sequence, text, sizeof text), err))
    return false;
  static const struct {
    CmTrait trait;
    uint32_t sequence, tag;
  } texts[] = {
      {CM_TRAIT_CLASS, 0, CM_TAG(0x0008, 0x0016)},
      {CM_TRAIT_REFERENCE_FRAME, 0, CM_TAG(0x0020, 0x0052)},
      {CM_TRAIT_STACK, CM_TAG(0x0020, 0x9111), CM_TAG(0x0020, 0x9056)},
      {CM_TRAIT_KERNEL, CM_TAG(0x0018, 0x9314), CM_TAG(0x0018, 0x1210)},
      {CM_TRAIT_COIL, CM_TAG(0x0018, 0x9042), CM_TAG(0x0018, 0x1250)},
  };
  for (int i = 0; i < CM_COUNT(texts); i++) {
    const char *value = cm__source_text(source, texts[i].sequence, texts[i].tag, text, sizeof text);
    if (!set_trait(pool, frame, texts[i].trait, value, err)) return false;
  }
  return true;
}

/* ---- all of them */

static void read_times(const CmFrameSource *source, CmFrame *frame) {
  char date[32], time[48];
  double *acquired = &frame->fact[CM_FACT_ACQUISITION_TIME];
  CmDicomSet item;
  const char *text = NULL;
  if (cm__source_group(source, CM_TAG(0x0020, 0x9111), &item))
    text = cm_dicom_text(item, CM_TAG(0x0018, 0x9074), time, sizeof time);
  if (!text) text = cm_dicom_text(source->root, CM_TAG(0x0008, 0x002A), time, sizeof time);
  if (!cm__when_datetime(text, acquired) &&
      !cm__when(cm_dicom_text(source->root, CM_TAG(0x0008, 0x0022), date, sizeof date),
                cm_dicom_text(source->root, CM_TAG(0x0008, 0x0032), time, sizeof time), acquired))
    *acquired = NAN;
  double *content = &frame->fact[CM_FACT_CONTENT_TIME];
  if (!cm__when(cm_dicom_text(source->root, CM_TAG(0x0008, 0x0023), date, sizeof date),
                cm_dicom_text(source->root, CM_TAG(0x0008, 0x0033), time, sizeof time), content))
    *content = NAN;
}

/* The indices of dimensions that are neither place nor a time or stack that is read from its own attribute (PS3.3
 * C.7.6.17). */
static void read_dimensions(const CmFrameSource *source, CmFrame *frame) {
  static const uint32_t known[] = {CM_TAG(0x0020, 0x9056), CM_TAG(0x0020, 0x9057), CM_TAG(0x0020, 0x0032),
                                   CM_TAG(0x0020, 0x0037), CM_TAG(0x0020, 0x9128), CM_TAG(0x0020, 0x930D),
                                   CM_TAG(0x0018, 0x9087), CM_TAG(0x0018, 0x9089), CM_TAG(0x0020, 0x9301),
                                   CM_TAG(0x0018, 0x9082)};
  CmDicomElement pointers, tag;
  CmDicomSet content, item;
  double values[16];
  if (!cm__source_group(source, CM_TAG(0x0020, 0x9111), &content)) return;
  int count = cm_dicom_reals(content, CM_TAG(0x0020, 0x9157), values, CM_COUNT(values));
  if (!count || !cm_dicom_find(source->root, CM_TAG(0x0020, 0x9222), &pointers)) return;
  int to = CM_FACT_DIMENSION_1, at_dimension = 0;
  for (uint64_t at = 0;
       cm_dicom_item(&pointers, &at, &item) && at_dimension < count && at_dimension < CM_COUNT(values);) {
    double value = values[at_dimension++];
    if (!cm_dicom_find(item, CM_TAG(0x0020, 0x9165), &tag) || tag.length < 4) continue;
    const uint8_t *v = tag.value;
    uint32_t pointer = tag.set.big_endian ? (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3]
                                          : (uint32_t)v[1] << 24 | (uint32_t)v[0] << 16 | (uint32_t)v[3] << 8 | v[2];
    bool is_known = false;
    for (int i = 0; i < CM_COUNT(known); i++) is_known = is_known || known[i] == pointer;
    if (!is_known && to <= CM_FACT_DIMENSION_3) frame->fact[to++] = value;
  }
}

bool cm__frame_facts(CmPool *pool, const CmFrameSource *source, CmFrame *frame, CmError **err) {
  for (int i = 0; i < CM_COUNT(places); i++) {
    double value;
    CmDicomSet item;
    bool found =
        cm__source_group(source, places[i].sequence, &item) && cm_dicom_real(item, places[i].attribute, 0, &value);
    if (!found) found = places[i].classic && cm_dicom_real(source->root, places[i].classic, 0, &value);
    if (found) frame->fact[places[i].fact] = value * places[i].factor;
  }
  read_times(source, frame);
  read_dimensions(source, frame);
  return read_diffusion(pool, source, frame, err) && read_traits(pool, source, frame, err);
}
